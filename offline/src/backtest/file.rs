//! One file through the engine, from its rows to its results.

use super::alert_list::AlertList;
use super::batch::{Batch, Counts, Filler};
use super::declared;
use super::pipeline;
use super::reader::Reader;
use super::results::Results;
use super::scorer::{Scorer, Scores};
use super::{Error, FileReport, Options, Progress};
use crate::table::{STDIN, TableError};
use kizashi_models::alert::{AlertEvent, AlertKind, Change};
use std::path::{Path, PathBuf};

/// Scorers of a file. One thread reads and one writes, and neither is eight times as fast as a scorer.
const SCORERS_MAX: usize = 8;

/// A file to run, and where its results go.
pub(super) struct Job {
    pub(super) file: PathBuf,
    pub(super) out: Option<PathBuf>,
}

/// Runs a file on some threads; the report has scores if `keep_scores` is set.
pub(super) fn run_file(
    job: &Job,
    options: &Options,
    threads: usize,
    keep_scores: bool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<FileReport, Error> {
    let mut engine = options.engine.clone();
    if options.declared_range {
        engine.series.extend(declared::rules(&job.file, &options.choice, &options.mapping)?);
        engine.validate()?;
    }
    let reader = Reader::open(&job.file, &options.choice, &options.mapping)?;
    let results = job.out.as_deref().map(|out| Results::create(&named(out, job, &reader), &reader));
    let report = FileReport { file: job.file.clone(), ..FileReport::default() };
    let mut collector = Collector {
        report,
        results: results.transpose()?,
        keep_scores,
        progress,
        list_alerts: options.list_alerts,
        list: AlertList::default(),
    };
    let scorer_count = if reader.has_many_series() { threads.min(SCORERS_MAX) } else { 1 };
    let mut scorers = (0..scorer_count)
        .map(|index| Scorer::new(&job.file, &options.detector, &engine, index))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut filler = Filler::new(reader, scorer_count, engine.series_max);
    let counts = if threads > 1 {
        pipeline::run(filler, scorers, |batch, scores| collector.take(batch, scores))?
    } else {
        let (mut batch, mut scores) = (Batch::default(), Scores::default());
        loop {
            filler.fill(&mut batch)?;
            if batch.rows().is_empty() {
                break filler.counts();
            }
            scorers[0].score(&batch, &mut scores);
            collector.take(&batch, std::slice::from_ref(&scores))?;
        }
    };
    collector.finish(counts)
}

/// Standard input has no name to take.
fn named(out: &Path, job: &Job, reader: &Reader) -> PathBuf {
    match reader {
        _ if job.file != Path::new(STDIN) => out.to_owned(),
        Reader::Table(_) => out.with_file_name("stdin.csv"),
        Reader::JsonLines(_) => out.with_file_name("stdin.jsonl"),
    }
}

/// What is gathered from scored batches, in their order.
struct Collector<'a> {
    report: FileReport,
    results: Option<Results>,
    keep_scores: bool,
    progress: &'a (dyn Fn(Progress) + Sync),
    list_alerts: bool,
    list: AlertList,
}

impl Collector<'_> {
    /// Takes a batch, with what each scorer says of its rows.
    fn take(&mut self, batch: &Batch, scores: &[Scores]) -> Result<(), Error> {
        let mut taken = vec![0; scores.len()];
        for row in batch.rows() {
            let score = match &row.refused {
                Some(_) => None,
                None => {
                    let scores = &scores[row.scorer];
                    let next = &mut taken[row.scorer];
                    *next += 1;
                    Some((&scores.rows[*next - 1], scores))
                }
            };
            let report = &mut self.report;
            report.rows += 1;
            if let Some(reason) = row.refused.as_ref().or(score.and_then(|(score, _)| score.refused.as_ref()))
            {
                report.refused += 1;
                report.first_refused.get_or_insert_with(|| (row.line, reason.clone()));
            }
            let (surprise, anomaly_score) =
                score.map_or((0.0, 0.0), |(score, _)| (score.surprise, score.anomaly_score));
            let time = || String::from_utf8_lossy(&row.time_text).trim_matches('"').to_owned();
            if surprise > report.strangest.as_ref().map_or(0.0, |(highest, _)| *highest) {
                report.strangest = Some((surprise, time()));
            }
            if self.keep_scores {
                report.scores.push(anomaly_score);
                report.times.push(time());
            }
            if let Some(results) = &mut self.results {
                results.write(row, score)?;
            }
        }
        self.take_alerts(batch.first as usize, scores);
        (self.progress)(Progress::Rows(batch.rows().len() as u64));
        Ok(())
    }

    fn take_alerts(&mut self, first: usize, scores: &[Scores]) {
        let report = &mut self.report;
        let mut events: Vec<_> = scores.iter().flat_map(|scores| &scores.events).collect();
        // Of one series all come from one scorer, in order; of several, in an order that doesn't depend on who
        // scored them.
        events.sort_by(|(a, one), (b, other)| (a, &one.alert.series).cmp(&(b, &other.alert.series)));
        for (at, AlertEvent { change, alert }) in events {
            match (change, alert.kind) {
                (Change::Opened, AlertKind::Silence) => report.silences += 1,
                (Change::Opened, AlertKind::Anomaly) => {
                    report.alerts += 1;
                    if self.keep_scores {
                        report.opened.push(first + at);
                    }
                }
                _ => {}
            }
            if self.list_alerts {
                self.list.take(*change, alert);
            }
        }
    }

    fn finish(mut self, counts: Counts) -> Result<FileReport, Error> {
        if let Some((line, reason)) = self.report.first_refused.take_if(|_| counts.series == 0) {
            let reason = format!("no line is an observation; in line {line}: {reason}");
            return Err(TableError::File { file: self.report.file, reason }.into());
        }
        if let Some(results) = self.results {
            results.finish()?;
        }
        self.report.raised = self.list.into_alerts();
        self.report.layout = counts.layout;
        self.report.untimed = counts.untimed;
        self.report.late = counts.late;
        self.report.series = counts.series;
        self.report.set_series_ms(counts.series_ms);
        Ok(self.report)
    }
}
