//! What the benchmarks share. Each is a binary that prints its figures beside its peer's.

#[cfg(feature = "peers")]
pub mod forest;
pub mod replay;

use kizashi_models::detector::{DefaultDetector, Detector, Parameters, Scored};
use kizashi_models::snapshot::{Snapshot, SnapshotError, detector};
use kizashi_proto::v1::{PutRecord, PutRecordsRequest, records_client::RecordsClient};
use std::time::Duration;
use tonic::transport::Channel;

/// The detector of these parameters, by way of a snapshot, as the service comes by them.
///
/// # Errors
/// Where a parameter is out of its range.
pub fn detector_of(parameters: &Parameters) -> Result<DefaultDetector, SnapshotError> {
    let bytes = detector::write(parameters, "a benchmark", Default::default())?;
    DefaultDetector::from_snapshot(&Snapshot::parse(&bytes)?)
}

/// The service's detector but for what arguments of the form NAME=VALUE say.
///
/// # Errors
/// Where one is not of that form, names no parameter, or has a value that is none or out of its range.
pub fn detector_with(
    arguments: impl IntoIterator<Item = String>,
) -> Result<DefaultDetector, Box<dyn std::error::Error>> {
    let mut parameters = Parameters::default();
    for argument in arguments {
        let (name, value) =
            argument.split_once('=').ok_or_else(|| format!("{argument}: NAME=VALUE is expected"))?;
        let value = value.parse().map_err(|error| format!("{argument}: {error}"))?;
        parameters = parameters.with(name, value).ok_or_else(|| format!("{name} is no parameter"))?;
    }
    Ok(detector_of(&parameters)?)
}

/// Anomaly scores by row of a series' `values`, which are those of `fields` fields, row by row; NaN is a missing one.
pub fn own_scores(detector: &DefaultDetector, times_ms: &[i64], values: &[f64], fields: usize) -> Vec<f64> {
    let mut state = detector.new_state(&vec![None; fields]);
    let mut out = Scored::default();
    let rows = times_ms.iter().zip(values.chunks(fields));
    rows.map(|(time_ms, values)| {
        detector.step(&mut state, *time_ms, values, &mut out);
        out.anomaly_score
    })
    .collect()
}

/// The `q`-quantile of sorted durations, in milliseconds; NaN where there are none.
pub fn quantile(sorted: &[Duration], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * q).round() as usize).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1e3)
}

/// User and system time of a process: a rate by it does not depend on what else runs here.
///
/// # Errors
/// Where `/proc` doesn't say.
pub fn cpu_seconds(pid: u32) -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |field: usize| -> Result<f64, Box<dyn std::error::Error>> {
        Ok(fields.get(field).ok_or("the statistics of the process are cut short")?.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Puts a batch on stream `events`; what the service could not take now is put again.
pub async fn put_until_taken(records: &mut RecordsClient<Channel>, mut batch: Vec<PutRecord>) {
    while !batch.is_empty() {
        let request = PutRecordsRequest { stream: "events".into(), records: batch.clone() };
        let results = records.put_records(request).await.expect("the service answers").into_inner().results;
        let refused = batch.into_iter().zip(results).filter(|(_, result)| !result.error_code.is_empty());
        batch = refused.map(|(record, _)| record).collect();
        if !batch.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
