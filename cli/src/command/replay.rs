//! `kizashi replay`: the rows of a file as records, in the rhythm of their times.

use super::{
    acknowledged::Pump,
    partition_key::{SeriesKeys, of_series},
};
use crate::{
    arguments::{Columns, Replay, Speed},
    report::{self, Failure},
};
use indicatif::{ProgressBar, ProgressStyle};
use kizashi_models::time::{format_rfc3339, parse_epoch, parse_timestamp};
use kizashi_offline::table::{Choice, Form, Input, Table};
use kizashi_proto::v1::PutRecord;
use serde_json::{Map, Value, json};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    time::Duration,
};
use tokio::time::Instant;

/// Where the next row is due within this time, it goes with those before it.
const TOGETHER: Duration = Duration::from_millis(5);

/// A row to put: its time, where it has one, and the record.
struct Row {
    time_ms: Option<i64>,
    record: PutRecord,
}

/// The rows of a file, one after the other.
type Rows = Box<dyn Iterator<Item = Result<Row, Failure>>>;

pub async fn run(arguments: Replay) -> Result<(), Failure> {
    let (rows, total) = open(&arguments.file, arguments.columns)?;
    let mut pump = Pump::start(&arguments.server, &arguments.stream, false).await?;
    let bar = bar(total);
    let mut rhythm = None;
    for row in rows {
        let row = row?;
        if let (Speed::Times(factor), Some(time_ms)) = (arguments.speed, row.time_ms) {
            let (first_ms, start) = *rhythm.get_or_insert((time_ms, Instant::now()));
            let after =
                Duration::from_secs_f64(time_ms.saturating_sub(first_ms).max(0) as f64 / 1000.0 / factor);
            if start + after > Instant::now() + TOGETHER {
                pump.flush().await?;
                tokio::time::sleep_until(start + after).await;
            }
        }
        pump.put(row.record).await?;
        bar.inc(1);
    }
    let summary = pump.finish().await?;
    bar.finish_and_clear();
    if summary.refused > 0 { Err(Failure::run(summary.sentence())) } else { report::line(summary.sentence()) }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let style = match total {
        Some(_) => "{wide_bar} {percent} %  {human_pos} rows  {per_sec}  {eta} left",
        None => "{spinner} {human_pos} rows  {per_sec}",
    };
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.with_style(ProgressStyle::with_template(style).expect("the template is right"))
}

fn open(file: &Path, columns: Columns) -> Result<(Rows, Option<u64>), Failure> {
    let unreadable = |error| Failure::usage(format_args!("can't read {}: {error}", file.display()));
    let choice = Choice::from(columns);
    let input = Input::open(file, &choice).map_err(Failure::usage)?;
    let form = input.form();
    // Below the header of a CSV file; Parquet has no lines, and those of what is compressed are not seen.
    let above = u64::from(form == Form::Csv && !choice.no_header);
    let total = if form == Form::Parquet || input.is_compressed() {
        None
    } else {
        Some(lines(file).map_err(unreadable)?.saturating_sub(above))
    };
    if form == Form::JsonLines {
        let keys = SeriesKeys::new(choice.series.as_deref().unwrap_or("series"))?;
        return Ok((json_lines(file, input, keys), total));
    }
    let table = Table::new(input, &choice).map_err(Failure::usage)?;
    let series = file.file_stem().map_or_else(|| "replay".into(), |stem| stem.to_string_lossy().into_owned());
    Ok((table_rows(table, series), total))
}

fn lines(file: &Path) -> std::io::Result<u64> {
    let mut input = BufReader::with_capacity(1 << 20, File::open(file)?);
    let mut count = 0;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(count);
        }
        count += buffer.iter().filter(|byte| **byte == b'\n').count() as u64;
        let length = buffer.len();
        input.consume(length);
    }
}

/// Rows of a table as observations of their series.
fn table_rows(mut table: Table, default_series: String) -> Rows {
    let names: Vec<String> =
        table.columns().values.iter().map(|column| table.names()[*column].clone()).collect();
    let mut values = Vec::new();
    Box::new(std::iter::from_fn(move || match table.read(&mut values) {
        Ok(Some(row)) => {
            let series = row.series.unwrap_or(&default_series);
            // What JSON has no number for is named.
            let value = |value: &f64| if value.is_finite() { json!(value) } else { json!(value.to_string()) };
            // As a text: a number of milliseconds before 1973 would be one of seconds.
            let mut record = json!({ "series": series, "time": format_rfc3339(row.time_ms) });
            match row.values {
                [one] => record["value"] = value(one),
                many => {
                    record["values"] = names
                        .iter()
                        .cloned()
                        .zip(many.iter().map(value))
                        .collect::<Map<String, Value>>()
                        .into();
                }
            }
            let record =
                PutRecord { partition_key: of_series(series), data: record.to_string().into_bytes() };
            Some(Ok(Row { time_ms: Some(row.time_ms), record }))
        }
        Ok(None) => None,
        Err(error) => Some(Err(Failure::usage(error))),
    }))
}

/// Lines as they are, put as they stand; their `time`, where they have one, gives the rhythm.
fn json_lines(file: &Path, input: Input, keys: SeriesKeys) -> Rows {
    let name = file.display().to_string();
    let rows = input.into_bytes().lines().enumerate().filter_map(move |(number, line)| {
        let line = match line {
            Ok(line) if line.trim().is_empty() => return None,
            Ok(line) => line,
            Err(error) => {
                return Some(Err(Failure::usage(format_args!("{name}, line {}: {error}", number + 1))));
            }
        };
        let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
        let time_ms = match &parsed["time"] {
            Value::String(text) => {
                parse_timestamp(text).map(|time| time.unix_ms).or_else(|| parse_epoch(text))
            }
            number => parse_epoch(&number.to_string()),
        };
        let record = PutRecord { partition_key: keys.of_record(line.as_bytes()), data: line.into() };
        Some(Ok(Row { time_ms, record }))
    });
    Box::new(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    /// Opens a file as typed; gives its records, and how many there should be.
    fn records(name: &str, text: &str, flags: &[&str]) -> Result<(Vec<String>, Option<u64>), String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        let typed = [&["kizashi", "replay", file.to_str().unwrap()], flags].concat();
        let Command::Replay(arguments) = Arguments::try_parse_from(typed).unwrap().command else {
            panic!("it is a replay")
        };
        let (rows, total) =
            open(&arguments.file, arguments.columns).map_err(|failure| format!("{failure:?}"))?;
        let text = |row: Result<Row, Failure>| String::from_utf8(row.unwrap().record.data).unwrap();
        Ok((rows.map(text).collect(), total))
    }

    #[test]
    fn json_lines_are_known_by_name_or_by_what_they_hold_and_are_put_as_they_stand() {
        let text = "{\"series\":\"a\",  \"value\":1}\n\noops\n";
        let lines = vec!["{\"series\":\"a\",  \"value\":1}".to_owned(), "oops".to_owned()];
        for name in ["x.jsonl", "x.NDJSON", "x.log"] {
            assert_eq!(records(name, text, &[]), Ok((lines.clone(), Some(3))), "{name}");
            let error = records(name, text, &["--every", "5m"]).unwrap_err();
            assert!(error.contains(&format!("{name}: JSON lines name their times")), "{error}");
        }
        let (rows, total) = records("x.csv", "1\n2\n", &["--every", "5m", "--no-header"]).unwrap();
        assert_eq!((rows.len(), total), (2, Some(2)));
        assert_eq!(rows[1], "{\"series\":\"x\",\"time\":\"1970-01-01T00:05:00.000Z\",\"value\":2.0}");
    }
}
