//! Any sequence of operations does what it would do to a vector.

use std::sync::Arc;

use kizashi_log::{DirectoryLock, FileSystem, Log, LogError, LogOptions, SimFileSystem, StdFileSystem};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{DIR, small};

#[derive(Debug, Clone)]
enum Step {
    Append { time_ms: i64, entries: Vec<Vec<u8>> },
    Read { from: u64, entries_max: usize, bytes_max: usize },
    FindTime { time_ms: i64 },
    Trim { before: u64 },
    TrimTime { time_ms: i64 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..1000_i64, vec(vec(any::<u8>(), 0..90), 1..6))
            .prop_map(|(time_ms, entries)| Step::Append { time_ms, entries }),
        4 => (0..60_u64, 1..12_usize, 0..400_usize)
            .prop_map(|(from, entries_max, bytes_max)| Step::Read { from, entries_max, bytes_max }),
        2 => (-5..1005_i64).prop_map(|time_ms| Step::FindTime { time_ms }),
        1 => (0..60_u64).prop_map(|before| Step::Trim { before }),
        1 => (0..1000_i64).prop_map(|time_ms| Step::TrimTime { time_ms }),
        1 => Just(Step::Reopen),
    ]
}

/// What the log should hold.
#[derive(Default)]
struct Model {
    entries: Vec<(i64, Vec<u8>)>,
    /// First index and carry of each segment ever begun.
    segments: Vec<(u64, Vec<u8>)>,
}

impl Model {
    fn next_index(&self) -> u64 {
        self.entries.len() as u64
    }

    fn check(&self, log: &Log, step: &Step) -> Result<(), TestCaseError> {
        let first = log.first_index();
        match step {
            Step::Read { from, entries_max, bytes_max } => {
                let read = log.read(*from, *entries_max, *bytes_max);
                if *from < first {
                    let trimmed =
                        matches!(read, Err(LogError::Trimmed { first_index, .. }) if first_index == first);
                    prop_assert!(trimmed);
                    return Ok(());
                }
                let mut expected = Vec::new();
                let mut bytes = 0;
                for (at, (time_ms, data)) in self.entries.iter().enumerate().skip(*from as usize) {
                    bytes += data.len();
                    if expected.len() == *entries_max || (!expected.is_empty() && bytes > *bytes_max) {
                        break;
                    }
                    expected.push((at as u64, *time_ms, data.clone()));
                }
                let read: Vec<_> = read
                    .unwrap()
                    .into_iter()
                    .map(|entry| (entry.index, entry.time_ms, entry.data.to_vec()))
                    .collect();
                prop_assert_eq!(read, expected);
            }
            Step::FindTime { time_ms } => {
                let expected = self.entries.partition_point(|(at, _)| at < time_ms) as u64;
                prop_assert_eq!(log.find_time(*time_ms).unwrap(), expected.max(first));
            }
            _ => unreachable!("only reads are checked so"),
        }
        Ok(())
    }
}

fn run(
    fs: Arc<dyn FileSystem>,
    dir: &std::path::Path,
    options: LogOptions,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    let (mut log, recovery) = Log::open(fs.clone(), dir, options.clone()).unwrap();
    prop_assert_eq!(recovery.carry, None);
    for step in steps {
        match step {
            Step::Append { time_ms, entries } => {
                let carry = model.next_index().to_string().into_bytes();
                let mut begun = false;
                let (index, ticket) = log
                    .append(*time_ms, entries, || {
                        begun = true;
                        carry.clone()
                    })
                    .unwrap();
                prop_assert_eq!(index, model.next_index());
                ticket.wait().unwrap();
                if begun {
                    model.segments.push((index, carry));
                }
                let time_ms = model.entries.last().map_or(*time_ms, |(last, _)| *last.max(time_ms));
                model.entries.extend(entries.iter().map(|entry| (time_ms, entry.clone())));
            }
            Step::Read { .. } | Step::FindTime { .. } => model.check(&log, step)?,
            Step::Trim { before } => {
                let first = log.trim(*before).unwrap();
                let kept = log.first_index();
                prop_assert_eq!(first, kept);
                let expected =
                    model.segments.iter().map(|(first, _)| *first).filter(|first| first <= before).max();
                // What an earlier trim by time removed stays removed.
                prop_assert!(first >= expected.unwrap_or(0));
                prop_assert!(model.segments.iter().any(|(begin, _)| *begin == first) || first == 0);
            }
            Step::TrimTime { time_ms } => {
                let first = log.trim_time(*time_ms).unwrap();
                let young = model.entries.partition_point(|(at, _)| at < time_ms) as u64;
                let last_segment = model.segments.last().map_or(0, |(first, _)| *first);
                prop_assert!(first <= young.max(last_segment).max(first.min(model.next_index())));
            }
            Step::Reopen => {
                log.close().unwrap();
                let reopened = Log::open(fs.clone(), dir, options.clone()).unwrap();
                log = reopened.0;
                prop_assert_eq!(reopened.1.bytes_cut, 0);
                let last = model.segments.last();
                prop_assert_eq!(reopened.1.carry.as_ref(), last.map(|(_, carry)| carry));
                prop_assert_eq!(reopened.1.segment_first_index, last.map_or(0, |(first, _)| *first));
            }
        }
        prop_assert_eq!(log.next_index(), model.next_index());
        prop_assert_eq!(log.durable_index(), model.next_index());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_vector(steps in vec(step(), 1..60)) {
        run(Arc::new(SimFileSystem::new()), DIR.as_ref(), small(), &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_log_on_a_real_disk_is_a_vector(steps in vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let _lock = DirectoryLock::acquire(&StdFileSystem, dir.path()).unwrap();
        run(Arc::new(StdFileSystem), &dir.path().join("a/b/log"), small(), &steps)?;
    }
}
