//! The types of a tensor's values.

use safetensors::Dtype;

/// A type that tensors are read and written as.
pub trait Element: sealed::Bytes {}

impl Element for f32 {}
impl Element for f64 {}

/// Keeps [`Element`] to the types here.
pub(super) mod sealed {
    use safetensors::Dtype;

    pub trait Bytes: Copy {
        const DTYPE: Dtype;
        const SIZE: usize;
        /// From exactly `SIZE` bytes.
        fn from_bytes(bytes: &[u8]) -> Self;
        fn append(self, out: &mut Vec<u8>);
    }

    impl Bytes for f32 {
        const DTYPE: Dtype = Dtype::F32;
        const SIZE: usize = 4;

        fn from_bytes(bytes: &[u8]) -> Self {
            f32::from_le_bytes(bytes.try_into().expect("as many bytes as a value has"))
        }

        fn append(self, out: &mut Vec<u8>) {
            out.extend(self.to_le_bytes());
        }
    }

    impl Bytes for f64 {
        const DTYPE: Dtype = Dtype::F64;
        const SIZE: usize = 8;

        fn from_bytes(bytes: &[u8]) -> Self {
            f64::from_le_bytes(bytes.try_into().expect("as many bytes as a value has"))
        }

        fn append(self, out: &mut Vec<u8>) {
            out.extend(self.to_le_bytes());
        }
    }
}

/// Values from their bytes, which need not be aligned.
pub(super) fn read<T: Element>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(T::SIZE).map(T::from_bytes).collect()
}

/// Type and shape as a person reads them: `F64 [3, 2]`.
pub(super) fn shown(dtype: Dtype, shape: &[usize]) -> String {
    format!("{dtype} {shape:?}")
}
