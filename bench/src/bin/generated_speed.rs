//! Observations a second of generated series that the built-in detector scores on one core, and the same series for a
//! peer.
//!
//! `generated_speed FILE [ROWS]`: writes ROWS rows (4,000 by default) of one series of each kind to FILE, a CSV file of a
//! series' kind and a value; then scores them through `Detector::step`, a fresh state a series, again and again
//! for a few seconds, and prints `observations_a_second=N`. `bench/river/run.sh` is who calls it.

use kizashi_models::detector::{DefaultDetector, Detector, Scored};
use kizashi_offline::generate::{Kind, Series};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

const LENGTH: Duration = Duration::from_secs(5);

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("give the FILE to write");
    let rows: usize = arguments.next().map_or(4000, |text| text.parse().expect("ROWS is a number"));
    let series: Vec<Vec<(i64, f64)>> =
        Kind::ALL.into_iter().map(|kind| Series::new(kind, 1).take(rows).collect()).collect();
    let mut writer = BufWriter::new(File::create(file)?);
    writeln!(writer, "series,value")?;
    for (kind, points) in Kind::ALL.iter().zip(&series) {
        for (_, value) in points {
            writeln!(writer, "{kind},{value:?}")?;
        }
    }
    writer.flush()?;

    let detector = DefaultDetector::default();
    let mut scored = Scored::default();
    let (start, mut observations, mut checksum) = (Instant::now(), 0_usize, 0.0);
    while start.elapsed() < LENGTH {
        for points in &series {
            let mut state = detector.new_state(&[None]);
            for (time_ms, value) in points {
                detector.step(&mut state, *time_ms, &[*value], &mut scored);
                checksum += scored.surprise;
            }
            observations += points.len();
        }
    }
    let rate = observations as f64 / start.elapsed().as_secs_f64();
    println!("observations_a_second={rate:.0} sum_of_surprise={checksum:.1}");
    Ok(())
}
