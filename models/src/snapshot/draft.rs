//! Writing a snapshot.

use super::header::KEY;
use super::{Description, Element, Snapshot, SnapshotError};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;

/// What a snapshot is to hold.
#[derive(Clone, Debug)]
pub struct Draft {
    description: Description,
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Clone, Debug)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Draft {
    /// A draft without tensors.
    pub fn new(description: Description) -> Self {
        Draft { description, tensors: BTreeMap::new() }
    }

    /// Adds a tensor, the last dimension running fastest, in place of an earlier one of its name.
    ///
    /// # Panics
    /// Where `values` are not as many as `shape` says.
    #[must_use]
    pub fn tensor<T: Element>(mut self, name: &str, shape: &[usize], values: &[T]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "as many values as the shape says");
        let mut bytes = Vec::with_capacity(size_of_val(values));
        values.iter().for_each(|value| value.append(&mut bytes));
        self.tensors.insert(name.to_owned(), Tensor { dtype: T::DTYPE, shape: shape.to_vec(), bytes });
        self
    }

    /// The bytes, which are the same for the same content.
    ///
    /// # Errors
    /// Where [`Snapshot::parse`] would refuse them.
    pub fn write(&self) -> Result<Vec<u8>, SnapshotError> {
        let metadata = [(KEY.to_owned(), self.description.write()?)].into_iter().collect();
        let mut views = Vec::with_capacity(self.tensors.len());
        for (name, tensor) in &self.tensors {
            let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes);
            views.push((name, view.map_err(SnapshotError::form)?));
        }
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(SnapshotError::form)?;
        Snapshot::parse(&bytes)?;
        Ok(bytes)
    }
}
