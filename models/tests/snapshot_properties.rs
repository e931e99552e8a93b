//! Properties of the snapshot codec: what is written comes back, and what is not whole is refused.

use kizashi_models::detector::DefaultDetector;
use kizashi_models::snapshot::{DEFAULT, Description, Draft, HEADER_BYTES_MAX, Snapshot};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Shape and bits of a tensor of f64 or f32.
#[derive(Clone, Debug)]
enum Tensor {
    Wide(Vec<usize>, Vec<u64>),
    Narrow(Vec<usize>, Vec<u32>),
}

fn tensor() -> impl Strategy<Value = Tensor> {
    let shape = prop::collection::vec(1..4_usize, 0..4);
    (shape, any::<bool>()).prop_flat_map(|(shape, wide)| {
        let count = shape.iter().product::<usize>();
        if wide {
            let bits = prop::collection::vec(any::<u64>(), count);
            bits.prop_map(move |bits| Tensor::Wide(shape.clone(), bits)).boxed()
        } else {
            let bits = prop::collection::vec(any::<u32>(), count);
            bits.prop_map(move |bits| Tensor::Narrow(shape.clone(), bits)).boxed()
        }
    })
}

fn fact() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn described(facts: Map<String, Value>) -> Description {
    Description { created_by: "a test".into(), facts, kind: "example".into(), method: "example/1".into() }
}

fn draft(description: Description, tensors: &BTreeMap<String, Tensor>) -> Draft {
    let mut draft = Draft::new(description);
    for (name, tensor) in tensors {
        draft = match tensor {
            Tensor::Wide(shape, bits) => {
                let values: Vec<f64> = bits.iter().copied().map(f64::from_bits).collect();
                draft.tensor(name, shape, &values)
            }
            Tensor::Narrow(shape, bits) => {
                let values: Vec<f32> = bits.iter().copied().map(f32::from_bits).collect();
                draft.tensor(name, shape, &values)
            }
        };
    }
    draft
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_was_written_comes_back_and_is_written_the_same(
        facts in prop::collection::btree_map(any::<String>(), fact(), 0..4),
        tensors in prop::collection::btree_map("[a-zA-Z0-9_./-]{1,20}", tensor(), 0..6),
    ) {
        let description = described(facts.into_iter().collect());
        let bytes = draft(description.clone(), &tensors).write().unwrap();
        let snapshot = Snapshot::parse(&bytes).unwrap();
        prop_assert_eq!(snapshot.description(), &description);
        prop_assert_eq!(snapshot.tensors().count(), tensors.len());
        for (name, tensor) in &tensors {
            match tensor {
                Tensor::Wide(shape, bits) => {
                    let read = snapshot.tensor::<f64>(name, shape).unwrap();
                    prop_assert!(read.iter().map(|value| value.to_bits()).eq(bits.iter().copied()));
                }
                Tensor::Narrow(shape, bits) => {
                    let read = snapshot.tensor::<f32>(name, shape).unwrap();
                    prop_assert!(read.iter().map(|value| value.to_bits()).eq(bits.iter().copied()));
                }
            }
        }
        prop_assert_eq!(draft(snapshot.description().clone(), &tensors).write().unwrap(), bytes);
    }

    #[test]
    fn a_file_with_flipped_bits_is_refused_or_has_another_id(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        let mut bytes = DEFAULT.to_vec();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        prop_assume!(bytes != DEFAULT);
        if let Ok(snapshot) = Snapshot::parse(&bytes) {
            prop_assert_ne!(snapshot.id(), Snapshot::parse(DEFAULT).unwrap().id());
            let _ = DefaultDetector::from_snapshot(&snapshot);
        }
    }

    #[test]
    fn a_file_that_was_cut_or_has_more_behind_it_is_refused(
        length in 0..DEFAULT.len(), more in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        prop_assert!(Snapshot::parse(&DEFAULT[..length]).is_err());
        prop_assert!(Snapshot::parse(&[DEFAULT, &more].concat()).is_err());
    }

    #[test]
    fn any_header_is_read_or_refused(
        tokens in prop::collection::vec(
            prop::sample::select(&[
                "{", "}", "[", "]", ":", ",", "\"a\"", "\"dtype\"", "\"F64\"", "\"shape\"", "\"data_offsets\"",
                "\"__metadata__\"", "\"kizashi\"", "0", "8", "18446744073709551615", "1e400", "-1", " ",
            ][..]),
            0..60,
        ),
        data in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let header = tokens.concat();
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
        let _ = Snapshot::parse(&bytes);
        let _ = Snapshot::parse(&data);
    }
}

#[test]
fn a_header_as_large_as_allowed_that_is_deep_or_wide_is_refused() {
    for token in ["[", "{\"a\":", "\"a\",", "0", " ", "{\"a\":0,"] {
        let header = token.repeat(HEADER_BYTES_MAX / token.len());
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        assert!(Snapshot::parse(&bytes).is_err(), "{token}");
    }
}
