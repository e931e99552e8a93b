//! Snapshots of the built-in detector: its parameters, each a tensor of one number under its name, and the tensors
//! of its network.

use super::{DEFAULT, Description, Draft, Snapshot, SnapshotError};
use crate::detector::{Network, Parameters};
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::sync::LazyLock;

/// The kind that the description names.
pub const KIND: &str = "detector";

/// The parameters of a snapshot of this kind.
///
/// # Errors
/// Where the snapshot is of another kind or method, or lacks a parameter, or has one that is not of this
/// detector or out of its range.
pub fn parameters(snapshot: &Snapshot<'_>) -> Result<Parameters, SnapshotError> {
    let description = snapshot.description();
    if description.kind != KIND {
        return Err(SnapshotError::Kind { found: description.kind.clone(), wanted: KIND });
    }
    if description.method != Parameters::METHOD {
        return Err(SnapshotError::Method { found: description.method.clone(), wanted: Parameters::METHOD });
    }
    let mut known = Vec::new();
    let parameters = Parameters::from_each(Network::read(snapshot)?, |parameter| {
        known.push(parameter.name);
        let found = snapshot.tensor::<f64>(parameter.name, &[])?[0];
        if parameter.allowed.contains(&found) {
            Ok(found)
        } else {
            let (least, most) = parameter.allowed.into_inner();
            Err(SnapshotError::Range { name: parameter.name.into(), found, least, most })
        }
    })?;
    match snapshot.tensors().find(|(name, _)| !known.contains(name) && !Network::has(name)) {
        Some((name, _)) => Err(SnapshotError::Unknown { name: name.into() }),
        None => Ok(parameters),
    }
}

/// A snapshot of `parameters`. `facts` are for people; see [`Description`].
///
/// # Errors
/// Where a parameter is out of its range, or a fact has no place in a description.
pub fn write(
    parameters: &Parameters,
    created_by: &str,
    facts: Map<String, Value>,
) -> Result<Vec<u8>, SnapshotError> {
    let description = Description {
        created_by: created_by.into(),
        facts,
        kind: KIND.into(),
        method: Parameters::METHOD.into(),
    };
    let mut draft = Draft::new(description);
    for (name, value) in named(parameters) {
        draft = draft.tensor(name, &[], &[value]);
    }
    let bytes = parameters.network.write(draft).write()?;
    self::parameters(&Snapshot::parse(&bytes)?)?;
    Ok(bytes)
}

/// The parameters by name, in the order of their declaration.
pub fn named(parameters: &Parameters) -> Vec<(&'static str, f64)> {
    let mut named = Vec::new();
    let Ok(_) = Parameters::from_each(Network::even(), |parameter| {
        let value = (parameter.of)(parameters);
        named.push((parameter.name, value));
        Ok::<_, Infallible>(value)
    });
    named
}

/// The parameters of `models/default.snapshot` and its id.
pub(crate) fn embedded() -> &'static (Parameters, [u8; 32]) {
    static EMBEDDED: LazyLock<(Parameters, [u8; 32])> = LazyLock::new(|| {
        let read = Snapshot::parse(DEFAULT).and_then(|snapshot| Ok((parameters(&snapshot)?, snapshot.id())));
        read.unwrap_or_else(|error| panic!("models/default.snapshot: {error}; run `make default-snapshot`"))
    });
    &EMBEDDED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::{DefaultDetector, Detector, Scored};
    use proptest::prelude::*;

    /// Parameters anywhere in their ranges: `shares` are places on a scale that is logarithmic, as ranges over
    /// many orders of magnitude ask for.
    fn within_ranges(shares: &[f64]) -> Parameters {
        let mut shares = shares.iter().cycle();
        let network = Parameters::default().network;
        let Ok(parameters) = Parameters::from_each(network, |parameter| {
            let (least, most) = parameter.allowed.into_inner();
            let share = shares.next().unwrap();
            let floor = if least > 0.0 { least } else { most * 1e-6 };
            let value = floor * libm::pow(most / floor, *share);
            Ok::<_, Infallible>(if *share == 0.0 { least } else { value.clamp(least, most) })
        });
        parameters
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn scores_are_the_same_after_a_round_trip_and_in_their_ranges(
            shares in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.0..1.0], 1..40),
            values in prop::collection::vec(
                prop_oneof![4 => -10.0..10.0_f64, 1 => any::<f64>(), 1 => Just(0.0)], 4..200,
            ),
            fields in 1..8_usize,
        ) {
            let chosen = within_ranges(&shares);
            let first = write(&chosen, "a test", Map::new()).unwrap();
            let read = super::parameters(&Snapshot::parse(&first).unwrap()).unwrap();
            prop_assert_eq!(&read, &chosen);
            let second = write(&read, "a test", Map::new()).unwrap();
            prop_assert_eq!(&first, &second);

            let [one, two] = [&first, &second]
                .map(|bytes| DefaultDetector::from_snapshot(&Snapshot::parse(bytes).unwrap()).unwrap());
            prop_assert_eq!(one.snapshot_id(), two.snapshot_id());
            let mut state = one.new_state(&vec![None; fields]);
            let mut moved = state.clone();
            let (mut scored, mut again) = (Scored::default(), Scored::default());
            for (at, row) in values.chunks_exact(fields).enumerate() {
                let time_ms = at as i64 * 600_000;
                one.step(&mut state, time_ms, row, &mut scored);
                two.step(&mut moved, time_ms, row, &mut again);
                let bits = |scored: &Scored| [scored.surprise, scored.onset, scored.anomaly_score].map(f64::to_bits);
                prop_assert_eq!(bits(&scored), bits(&again));
                prop_assert!(scored.surprise >= 0.0 && scored.surprise.is_finite(), "{:?} by {:?}", scored, chosen);
                prop_assert!((0.0..=1.0).contains(&scored.anomaly_score), "{:?} by {:?}", scored, chosen);
                // What one has learnt, the other goes on with.
                let mut bytes = Vec::new();
                one.encode(&state, &mut bytes);
                moved = two.decode(&bytes).unwrap();
            }
        }
    }

    /// The draft of a snapshot of the default parameters, with `change` made to it.
    fn changed(change: impl FnOnce(&mut Description, &mut Vec<(&str, f64)>)) -> Result<Parameters, String> {
        let mut description =
            Description { kind: KIND.into(), method: Parameters::METHOD.into(), ..Description::default() };
        let parameters = Parameters::default();
        let mut values = named(&parameters);
        change(&mut description, &mut values);
        let draft = values
            .iter()
            .fold(Draft::new(description), |draft, (name, value)| draft.tensor(name, &[], &[*value]));
        super::parameters(&Snapshot::parse(&parameters.network.write(draft).write().unwrap()).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_written_is_read() {
        let parameters = Parameters::default();
        let bytes = write(&parameters, "a test", Map::new()).unwrap();
        assert_eq!(super::parameters(&Snapshot::parse(&bytes).unwrap()), Ok(parameters));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(changed(|_, _| {}), Ok(Parameters::default()));
        let names = named(&Parameters::default());
        let (name, last) = (names[0].0, names[names.len() - 1].0);
        let refused = |change: fn(&mut Description, &mut Vec<(&str, f64)>)| changed(change).unwrap_err();
        assert_eq!(
            refused(|description, _| description.kind = "recommender".into()),
            "the snapshot is of kind `recommender`; `detector` is wanted"
        );
        assert!(refused(|description, _| description.method = "kizashi/default/0".into()).starts_with(
            "the snapshot is for method `kizashi/default/0`; this version of kizashi scores by `"
        ));
        assert_eq!(
            refused(|_, values| values.truncate(values.len() - 1)),
            format!("tensor `{last}` is missing; F64 [] is wanted")
        );
        assert_eq!(
            refused(|_, values| values.push(("memmory", 1.0))),
            "tensor `memmory` is not known to this method"
        );
        for wild in [f64::NAN, f64::INFINITY, -1.0] {
            let error = changed(|_, values| values[0].1 = wild).unwrap_err();
            assert!(error.starts_with(&format!("tensor `{name}` is {wild}; from ")), "{error}");
        }
    }
}
