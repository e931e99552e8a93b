//! What the real binary costs: idle, with 100,000 live series, to start, and to come back from `kill -9`; and, with the
//! arguments `series COUNT` or `series COUNT LIVE`, with so many series, of which the default or LIVE may be live.

use kizashi_bench::{cpu_seconds, put_until_taken};
use kizashi_proto::v1::{
    GetStatusRequest, PutRecord, records_client::RecordsClient, status_client::StatusClient,
};
use kizashi_tests::{Service, waveform::Random};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const IDLE: Duration = Duration::from_secs(60);
const LIVE_SERIES: usize = 100_000;
const RECOVERY_SERIES: usize = 10_000;
const RECOVERY_RECORDS: usize = 1_200_000;
const BATCH: usize = 500;
const START_MS: i64 = 1_767_225_600_000;

/// Records that are put behind a restart with many series, so that cold ones are read back.
const BACK_RECORDS: usize = 100_000;
/// How long a restarted service is left to itself.
const REST: Duration = Duration::from_secs(45);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => small(folder.path()).await,
        ["series", count] => many(folder.path(), count.parse().expect("COUNT is a number"), "").await,
        ["series", count, live] => {
            let config = format!("[keep]\nseries_live_max = {live}\n");
            many(folder.path(), count.parse().expect("COUNT is a number"), &config).await;
        }
        _ => panic!("no arguments, or `series COUNT [LIVE]`, are known: {arguments:?}"),
    }
}

/// Many series.
async fn many(folder: &Path, series: usize, config: &str) {
    let data = folder.join("series");
    let service = Service::start_with(&data, config, &[]);
    put(&service, series, series * 6).await;
    report(&service, &format!("{series} series, 6 observations each"));
    tokio::time::sleep(REST).await;
    report(&service, &format!("{} s later", REST.as_secs()));
    let start = Instant::now();
    service.stop();
    println!("clean stop: {:.1} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let service = Service::start_with(&data, config, &[]);
    println!("clean restart: ready after {:.2} s", start.elapsed().as_secs_f64());
    report(&service, "restarted");
    put(&service, series, BACK_RECORDS).await;
    report(&service, &format!("{BACK_RECORDS} series observed again"));
    service.kill();
    let start = Instant::now();
    let service = Service::start_with(&data, config, &[]);
    println!("kill -9 right behind: ready after {:.2} s", start.elapsed().as_secs_f64());
    service.stop();
}

/// Resident size, its peak, and the series of a service.
fn report(service: &Service, what: &str) {
    let metrics = service.metrics();
    let total = |metric: &str| -> f64 {
        let values = metrics.lines().filter_map(|line| line.strip_prefix(metric)?.rsplit_once(' '));
        values.map(|(_, value)| value.parse::<f64>().expect("a number")).sum()
    };
    println!(
        "{what}: {:.0} MB resident, {:.0} MB at most; {} series live, {} cold, {} read back; {:.0} MB of pieces written",
        resident_mb(service.pid(), "VmRSS:"),
        resident_mb(service.pid(), "VmHWM:"),
        total("kizashi_series_live{"),
        total("kizashi_series_cold{"),
        total("kizashi_series_read_total{"),
        total("kizashi_piece_bytes_total{") / 1e6,
    );
}

async fn small(folder: &Path) {
    let start = Instant::now();
    let service = Service::start(&folder.join("idle"));
    println!("cold start, empty: {:.0} ms to ready", start.elapsed().as_secs_f64() * 1e3);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = || cpu_seconds(service.pid()).expect("the process is there");
    let (before, at) = (used(), Instant::now());
    tokio::time::sleep(IDLE).await;
    let share = (used() - before) / at.elapsed().as_secs_f64();
    let resident = resident_mb(service.pid(), "VmRSS:");
    println!("idle: {resident:.0} MB resident, {:.2} % of a core over {} s", share * 100.0, IDLE.as_secs());
    service.stop();

    let data = folder.join("series");
    let service = Service::start(&data);
    put(&service, LIVE_SERIES, LIVE_SERIES * 6).await;
    println!(
        "{LIVE_SERIES} live series, 6 observations each: {:.0} MB resident",
        resident_mb(service.pid(), "VmRSS:")
    );
    service.stop();
    restart(&data, &format!("clean restart with {LIVE_SERIES} series")).await;

    let data = folder.join("recovery");
    let service = Service::start(&data);
    put(&service, RECOVERY_SERIES, RECOVERY_RECORDS).await;
    service.kill();
    restart(
        &data,
        &format!("kill -9 behind {RECOVERY_RECORDS} records of {RECOVERY_SERIES} series put at full speed"),
    )
    .await;
}

async fn restart(data: &Path, what: &str) {
    let start = Instant::now();
    let service = Service::start(data);
    let ready = start.elapsed();
    settle(&service).await;
    println!(
        "{what}: ready after {:.2} s, all scored after {:.2} s",
        ready.as_secs_f64(),
        start.elapsed().as_secs_f64()
    );
    service.stop();
}

async fn put(service: &Service, series: usize, records: usize) {
    let mut client = RecordsClient::new(service.channel().await);
    let mut random = Random::new(1);
    let start = Instant::now();
    for first in (0..records).step_by(BATCH) {
        let record = |number: usize| {
            let (own, step) = (number % series, (number / series) as i64);
            let (time, value) = (START_MS + step * 1000, 50.0 + random.normal());
            let data = format!(r#"{{"series":"s{own}","time":{time},"value":{value:.3}}}"#).into_bytes();
            PutRecord { partition_key: own.to_string(), data }
        };
        put_until_taken(&mut client, (first..first + BATCH).map(record).collect()).await;
    }
    let put = records as f64 / start.elapsed().as_secs_f64();
    settle(service).await;
    let scored = records as f64 / start.elapsed().as_secs_f64();
    println!(
        "{records} records over gRPC, {BATCH} at a time on one connection: {put:.0}/s durable, {scored:.0}/s scored"
    );
}

/// Waits until all that was put is scored.
async fn settle(service: &Service) {
    let mut status = StatusClient::new(service.channel().await);
    let mut quiet = 0;
    while quiet < 3 {
        let lag = status.get_status(GetStatusRequest {}).await.expect("a status").into_inner().lag_seconds;
        quiet = if lag == 0.0 { quiet + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A size of a process, as the kernel names it.
fn resident_mb(pid: u32, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find(|line| line.starts_with(what)).expect("a resident size");
    line.split_ascii_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).expect("kilobytes") / 1024.0
}
