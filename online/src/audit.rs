//! Checks what a stopped service has left on the disk, strictly.
//!
//! Every record is read, which verifies its checksum, and stands in order. Each observation that the source
//! decodes to stands once on the internal stream, as it was; what does not decode is a dead letter. And the
//! stream that was scored, replayed into an empty state, gives the alerts and digests of every commit bit for
//! bit.

#[cfg(test)]
mod damage_tests;
mod rekeyed;
mod replayed;

use crate::{
    committed::ShardRef,
    stores::Stores,
    work::{ROUTE, SCORE, WatchedStream, WorkError},
};
use kizashi_models::{detector::Detector, engine::EngineConfig, plural::Count, position::Position};
use kizashi_storage::commit::Commit;
use kizashi_stream::api::{Record, StartingPosition, Stream};
use std::{fmt, sync::Arc};

/// Findings that are written out; the others are counted.
const FINDINGS_MAX: usize = 100;

/// What an audit has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records of the watched streams.
    pub records: u64,
    /// Observations that they decode to.
    pub observations: u64,
    /// Records of the internal streams.
    pub rekeyed: u64,
    /// Lines that don't decode.
    pub dead_letters: u64,
    /// Commits that a replay was compared with.
    pub commits: u64,
    /// Alert events that were alike.
    pub events: u64,
    /// Pieces that were read.
    pub pieces: u64,
    /// What could not be checked, and why.
    pub unchecked: Vec<String>,
    /// What is wrong; the first hundred.
    pub findings: Vec<String>,
    /// How much is wrong.
    pub findings_total: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings_total == 0
    }

    fn find(&mut self, finding: impl FnOnce() -> String) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} with {} and {}, {} re-keyed; {} and {} replayed; {} of state",
            Count(self.records, "record"),
            Count(self.observations, "observation"),
            Count(self.dead_letters, "dead letter"),
            self.rekeyed,
            Count(self.commits, "commit"),
            Count(self.events, "alert event"),
            Count(self.pieces, "piece"),
        )?;
        self.unchecked.iter().try_for_each(|reason| writeln!(f, "not checked: {reason}"))?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "wrong: {finding}"))?;
        match self.findings_total {
            0 => writeln!(f, "all is as it should be"),
            1 => writeln!(f, "1 thing is wrong"),
            total => writeln!(f, "{total} things are wrong"),
        }
    }
}

/// What is audited.
pub struct Audit<'a, D> {
    /// The streams of the data directory.
    pub streams: &'a dyn Stream,
    /// The stores of the data directory.
    pub stores: &'a Stores,
    /// Scores as the service did.
    pub detector: D,
    /// As the service was configured.
    pub config: EngineConfig,
}

impl<D: Detector + Clone> Audit<'_, D> {
    /// Audits these streams. The service must not run: the caller holds the data directory's lock.
    ///
    /// # Errors
    /// Where the data directory can't be read at all; what is wrong in it is in the report.
    pub async fn run(&self, watched: &[WatchedStream]) -> Result<Report, WorkError> {
        let mut report = Report::default();
        for stream in watched {
            if stream.rekey {
                self.audit_rekeyed(stream, &mut report).await?;
            }
            self.audit_scored(stream, &mut report).await?;
        }
        Ok(report)
    }

    async fn shards(&self, stream: &str) -> Result<Vec<Arc<str>>, WorkError> {
        let description = self.streams.describe_stream(stream).await?;
        Ok(description.shards.into_iter().map(|shard| shard.id).collect())
    }

    /// Calls `each` with every record that is kept of a shard; says whether none was trimmed.
    async fn read_all(
        &self,
        stream: &str,
        shard: &str,
        report: &mut Report,
        mut each: impl FnMut(&Record, &mut Report),
    ) -> Result<bool, WorkError> {
        let mut cursor = self.streams.cursor(stream, shard, StartingPosition::TrimHorizon).await?;
        let whole = cursor.0.parts().is_none_or(|parts| parts.index == 0);
        let mut before: Option<(kizashi_stream::sequence::SequenceNumber, i64)> = None;
        loop {
            let read = match self.streams.read(stream, shard, cursor, 4096, 4 << 20).await {
                Ok(read) => read,
                Err(error) => {
                    report.find(|| format!("{stream} {shard}: from {} on unreadable: {error}", cursor.0));
                    return Ok(whole);
                }
            };
            for record in &read.records {
                let here = (record.sequence, record.arrival_ms);
                if let Some((sequence, arrival_ms)) = before
                    && (here.0 <= sequence || here.1 < arrival_ms)
                {
                    report.find(|| format!("{stream} {shard}: record {} is out of order", record.sequence));
                }
                before = Some(here);
                each(record, report);
            }
            match read.next {
                Some(next) if !read.records.is_empty() => cursor = next,
                _ => return Ok(whole),
            }
        }
    }

    /// All commits of a shard, where all are kept and readable.
    fn commits(
        &self,
        shard: &ShardRef,
        report: &mut Report,
    ) -> Result<Option<Vec<(u64, Commit)>>, WorkError> {
        let log = &self.stores.shard(shard)?.commits;
        let name = format!("{} {} {}", shard.application, shard.stream, shard.shard);
        if log.first_index() > 0 {
            report.unchecked.push(format!("{name}: commits before {} are trimmed", log.first_index()));
            return Ok(None);
        }
        let mut commits: Vec<(u64, Commit)> = Vec::new();
        loop {
            let next = commits.last().map_or(0, |(index, _)| index + 1);
            match log.read(next, 4096) {
                Ok(read) if read.is_empty() => break,
                Ok(read) => commits.extend(read),
                Err(error) => {
                    report.find(|| format!("{name}: commits from {next} on are unreadable: {error}"));
                    return Ok(None);
                }
            }
        }
        for pair in commits.windows(2) {
            let [(_, before), (index, commit)] = pair else { unreachable!("windows of two") };
            if commit.position < before.position || commit.lease < before.lease {
                report.find(|| format!("{name}: commit {index} goes back"));
            }
        }
        Ok(Some(commits))
    }

    /// Reads all pieces of a shard.
    async fn read_pieces(&self, shard: &ShardRef, report: &mut Report) -> Result<(), WorkError> {
        let mut count = 0;
        let store = self.stores.shard(shard)?;
        let loaded = store.pieces.load(|_, _| {
            count += 1;
            Ok(())
        });
        if let Err(error) = loaded.await {
            report.find(|| format!("{} {} {}: {error}", shard.application, shard.stream, shard.shard));
        }
        report.pieces += count;
        Ok(())
    }
}

fn route_ref(stream: &WatchedStream, shard: &Arc<str>) -> ShardRef {
    ShardRef { application: ROUTE.into(), stream: stream.name.clone(), shard: shard.clone() }
}

fn score_ref(stream: &WatchedStream, shard: &Arc<str>) -> ShardRef {
    ShardRef { application: SCORE.into(), stream: stream.name.clone(), shard: shard.clone() }
}

fn show(position: &Position) -> String {
    format!("{}/{}", kizashi_stream::sequence::SequenceNumber(position.sequence), position.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_as_one() {
        let report = Report {
            records: 1,
            observations: 1,
            dead_letters: 2,
            rekeyed: 1,
            commits: 1,
            pieces: 1,
            findings: vec!["x".into()],
            findings_total: 1,
            ..Report::default()
        };
        assert_eq!(
            report.to_string(),
            "1 record with 1 observation and 2 dead letters, 1 re-keyed; 1 commit and 0 alert events replayed; \
             1 piece of state\nwrong: x\n1 thing is wrong\n"
        );
    }
}
