//! Rows a second of a backtest, from a file to its results: by the processor's time on one thread, which does not
//! depend on what else runs here, and by the clock on all.
//!
//! `backtest_speed [ROWS]`: writes ROWS rows (1,000,000 by default) of generated series, as a file of one series, as
//! one of 100 series and as JSON lines of these, and runs each.

use kizashi_bench::cpu_seconds;
use kizashi_offline::backtest::{Options, Report, run};
use kizashi_offline::generate::{Kind, Series};
use kizashi_offline::table::Choice;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

const SERIES: usize = 100;

/// Writes the header and then a line for each row of `series` series that take turns.
fn write(
    file: &Path,
    header: &str,
    series: usize,
    rows: usize,
    line: impl Fn(usize, i64, f64) -> String,
) -> std::io::Result<()> {
    let mut writer = BufWriter::new(File::create(file)?);
    writer.write_all(header.as_bytes())?;
    let kinds = Kind::ALL.into_iter().cycle();
    let mut points: Vec<Series> =
        (0..).zip(kinds).map(|(seed, kind)| Series::new(kind, seed)).take(series).collect();
    for row in 0..rows {
        let (time_ms, value) = points[row % series].next().expect("a series goes on");
        writeln!(writer, "{}", line(row % series, time_ms, value))?;
    }
    writer.flush()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    write(&path("one.csv"), "t,x\n", 1, rows, |_, time_ms, value| format!("{time_ms},{value:?}"))?;
    write(&path("many.csv"), "t,host,x\n", SERIES, rows, |series, time_ms, value| {
        format!("{time_ms},host-{series},{value:?}")
    })?;
    write(&path("many.jsonl"), "", SERIES, rows, |series, time_ms, value| {
        format!("{{\"series\":\"host-{series}\",\"time\":{time_ms},\"value\":{value:?}}}")
    })?;
    println!("{:12} {:>16} {:>16} {:>16}", "rows/s", "core, no results", "core, results", "clock, results");
    for name in ["one.csv", "many.csv", "many.jsonl"] {
        // Rows a second of processor time, and by the clock.
        let rates = |threads: usize, out: bool| -> Result<(f64, f64), Box<dyn std::error::Error>> {
            let options = Options {
                files: vec![path(name)],
                choice: Choice { series: (name == "many.csv").then(|| "host".into()), ..Choice::default() },
                out: out.then(|| path("out")),
                threads,
                ..Options::default()
            };
            let (start, cpu_before) = (Instant::now(), cpu_seconds(std::process::id())?);
            let report = run(&options, &|_| {}).and_then(Report::whole)?;
            assert_eq!(report.files[0].rows as usize, rows);
            let rate = |seconds: f64| rows as f64 / seconds;
            Ok((rate(cpu_seconds(std::process::id())? - cpu_before), rate(start.elapsed().as_secs_f64())))
        };
        let ((plain, _), (with_results, _), (_, all)) = (rates(1, false)?, rates(1, true)?, rates(0, true)?);
        println!("{name:12} {plain:>16.0} {with_results:>16.0} {all:>16.0}");
    }
    Ok(())
}
