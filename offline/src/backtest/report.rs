//! What came of a backtest, for the person who ran it.

use super::{Error, hints};
use crate::alert_score::AlertScore;
use crate::event_score::EventScore;
use crate::nab_score::ProfileScore;
use crate::table::Layout;
use kizashi_models::alert::Alert;
use kizashi_models::plural::Count;
use kizashi_models::time::format_utc;
use std::fmt;
use std::path::{Path, PathBuf};

const WEEK_MS: f64 = 7.0 * 86_400_000.0;

/// What came of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// What the columns of a table are taken for; JSON lines have none.
    pub layout: Option<Layout>,
    /// Rows below the header, or lines.
    pub rows: u64,
    /// Rows of a table whose time is missing; they have that of the row of their series before.
    pub untimed: u64,
    /// Rows whose time lies before that of a row of their series above.
    pub late: u64,
    /// Lines that are no observation, or that the service would not take.
    pub refused: u64,
    /// The first of them, and why.
    pub first_refused: Option<(u64, String)>,
    /// Series in it.
    pub series: u64,
    /// From the first to the newest time, summed over the series, in weeks.
    pub series_weeks: f64,
    /// Alerts opened by unusual observations.
    pub alerts: u64,
    /// Alerts opened since a series fell silent.
    pub silences: u64,
    /// Alerts of both kinds in the order in which they opened, as they were in the end, where they were asked
    /// for; the first 1,000.
    pub raised: Vec<Alert>,
    /// The highest surprise, and the text of its time.
    pub strangest: Option<(f64, String)>,
    /// Anomaly score of each row, where scores were asked for.
    pub scores: Vec<f64>,
    /// Text of the time of each row, likewise.
    pub times: Vec<String>,
    /// Rows at which alerts of unusual observations opened, from 0, likewise.
    pub opened: Vec<usize>,
}

impl FileReport {
    pub(super) fn set_series_ms(&mut self, series_ms: u64) {
        self.series_weeks = series_ms as f64 / WEEK_MS;
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, alerts) = (Count(self.rows, "row"), Count(self.alerts, "alert"));
        write!(f, "{}: {rows}, {} series, {alerts}", self.file.display(), self.series)?;
        if self.silences > 0 {
            write!(f, " and {} of silence", self.silences)?;
        }
        write!(f, "{}", Rate { alerts: self.alerts, series_weeks: self.series_weeks })?;
        if let Some((surprise, time)) = &self.strangest {
            write!(f, ", strangest {time} (surprise {surprise:.1})")?;
        }
        if self.untimed > 0 {
            write!(f, ", {} without a time (taken as that of the row before)", Count(self.untimed, "row"))?;
        }
        if self.late > 0 {
            write!(f, ", {} not in the order of time", Count(self.late, "row"))?;
            let hint = self.layout.as_ref().and_then(|layout| hints::series(self.late, self.rows, layout));
            hint.map_or(Ok(()), |hint| write!(f, " ({hint})"))?;
        }
        if let Some((line, reason)) = &self.first_refused {
            let refused = Count(self.refused, "line");
            write!(f, ", {refused} refused, the first in line {line}: {reason}")?;
        }
        self.raised.iter().try_for_each(|alert| write!(f, "\n  {}", Line(alert)))?;
        match (self.alerts + self.silences).saturating_sub(self.raised.len() as u64) {
            more @ 1.. if !self.raised.is_empty() => write!(f, "\n  and {more} more"),
            _ => Ok(()),
        }
    }
}

/// An alert on a line.
struct Line<'a>(&'a Alert);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Alert { id, opened_ms, closed_ms, severity, series, why, .. } = self.0;
        let until = closed_ms.map_or_else(|| "the end".to_owned(), format_utc);
        let severity = format!("{severity:?}").to_lowercase();
        write!(f, "{id}  {} to {until}  {severity}  {series}: {why}", format_utc(*opened_ms))
    }
}

/// Alerts a series and week; nothing where the rows span too little to say.
struct Rate {
    alerts: u64,
    series_weeks: f64,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.series_weeks < 1.0 {
            return Ok(());
        }
        write!(f, " ({:.3} a series and week)", self.alerts as f64 / self.series_weeks)
    }
}

/// What came of all.
#[derive(Debug, Default)]
pub struct Report {
    /// By file, in the order given, those that could be run.
    pub files: Vec<FileReport>,
    /// Why others could not be run, or scored by labels, in their order.
    pub failed: Vec<Error>,
    /// The budget of false alerts a series and week.
    pub budget: f64,
    /// The scores of the Numenta Anomaly Benchmark, by profile, where it was asked for.
    pub nab: Vec<ProfileScore>,
    /// The score by event, where labels were given.
    pub events: Option<EventScore>,
    /// How well the alerts fit the labels, where there are any.
    pub alerts: Option<AlertScore>,
}

impl Report {
    /// Takes out what went wrong, as one error.
    pub fn take_error(&mut self) -> Option<Error> {
        let mut errors = std::mem::take(&mut self.failed);
        if errors.len() > 1 { Some(Error::Several(errors)) } else { errors.pop() }
    }

    /// The report if nothing went wrong, for who needs all of it.
    ///
    /// # Errors
    /// What went wrong.
    pub fn whole(mut self) -> Result<Self, Error> {
        match self.take_error() {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }

    /// The layouts of the files, each with the first file that has it and the number of those that have it.
    fn layouts(&self) -> Vec<(&Layout, &Path, u64)> {
        let mut layouts: Vec<(&Layout, &Path, u64)> = Vec::new();
        for file in &self.files {
            let Some(layout) = &file.layout else { continue };
            match layouts.iter_mut().find(|(known, ..)| known.is_like(layout)) {
                Some((.., files)) => *files += 1,
                None => layouts.push((layout, &file.file, 1)),
            }
        }
        layouts
    }

    /// What may not be as it was meant, for standard error.
    pub fn warning(&self) -> Option<String> {
        hints::labels(&self.layouts().iter().flat_map(|(layout, ..)| layout.label_like()).collect())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |count: fn(&FileReport) -> u64| self.files.iter().map(count).sum::<u64>();
        for file in self.files.iter().filter(|file| self.nab.is_empty() || !file.raised.is_empty()) {
            writeln!(f, "{file}")?;
        }
        let layouts = self.layouts();
        for (layout, first, files) in &layouts {
            match files - 1 {
                _ if layouts.len() == 1 => writeln!(f, "columns: {layout}")?,
                0 => writeln!(f, "columns of {}: {layout}", first.display())?,
                more => writeln!(f, "columns of {} and {more} more: {layout}", first.display())?,
            }
        }
        let (rows, series, alerts) =
            (sum(|file| file.rows), sum(|file| file.series), sum(|file| file.alerts));
        let series_weeks = self.files.iter().map(|file| file.series_weeks).sum();
        let rate = Rate { alerts, series_weeks };
        writeln!(
            f,
            "{}, {}, {series} series, {}{rate} at a budget of {}",
            Count(self.files.len() as u64, "file"),
            Count(rows, "row"),
            Count(alerts, "alert"),
            self.budget
        )?;
        for profile in &self.nab {
            writeln!(f, "{profile}")?;
        }
        if let Some(events) = &self.events {
            writeln!(f, "{events}")?;
        }
        match &self.alerts {
            Some(alerts) => writeln!(f, "{alerts}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_as_one() {
        let one = FileReport {
            file: "a.csv".into(),
            rows: 1,
            late: 1,
            refused: 1,
            first_refused: Some((2, "why".into())),
            series: 1,
            alerts: 1,
            ..FileReport::default()
        };
        let report = Report { files: vec![one.clone()], budget: 0.1, ..Report::default() };
        assert_eq!(
            report.to_string(),
            "a.csv: 1 row, 1 series, 1 alert, 1 row not in the order of time, 1 line refused, the first in line 2: why\n\
             1 file, 1 row, 1 series, 1 alert at a budget of 0.1\n"
        );
        let two = Report { files: vec![one.clone(), one], budget: 0.1, ..Report::default() };
        assert!(
            two.to_string().ends_with("\n2 files, 2 rows, 2 series, 2 alerts at a budget of 0.1\n"),
            "{two}"
        );
    }

    #[test]
    fn columns_are_told_once_for_all_files_that_have_the_same() {
        let file = |name: &str, value: &str| {
            let layout =
                Layout { time: Some("t".into()), values: vec![value.to_owned()], ..Layout::default() };
            FileReport { file: name.into(), layout: Some(layout), ..FileReport::default() }
        };
        let mut report = Report { files: vec![file("a.csv", "x"), file("b.csv", "x")], ..Report::default() };
        assert!(report.to_string().contains("\ncolumns: time `t`; value `x`\n2 files, "), "{report}");
        report.files.extend([file("c.csv", "Label"), file("d.csv", "x")]);
        assert!(
            report.to_string().contains(
                "\ncolumns of a.csv and 2 more: time `t`; value `x`\n\
                 columns of c.csv: time `t`; value `Label`\n"
            ),
            "{report}"
        );
        assert!(report.warning().unwrap().contains("--ignore Label leaves it out"));
    }
}
