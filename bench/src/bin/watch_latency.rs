//! From put sent to alert received on Watch, under load, against the real binary.
//!
//! 10,000 series learn from 150 observations each, put as fast as they are taken. Then 20,000 records/s are put
//! for 50 seconds, over 4 connections and 10,000 series, among them 10 anomalies/s, each on a series that
//! had none before. State is flushed all the while, as always. The load's own cost is on the same machine.

use kizashi_bench::{put_until_taken, quantile};
use kizashi_proto::v1::{
    PutRecord, WatchAlertsRequest, alert_event::Type, alerts_client::AlertsClient,
    records_client::RecordsClient,
};
use kizashi_tests::{Service, waveform::Random};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};
use tonic::transport::Channel;

const SERIES: usize = 10_000;
const LEARNT: usize = 150;
const CONNECTIONS: usize = 4;
const RECORDS_A_SECOND: usize = 20_000;
const ANOMALIES_A_SECOND: usize = 10;
const SECONDS: usize = 50;
const BATCHES_A_SECOND: usize = 50;
const BATCH: usize = RECORDS_A_SECOND / BATCHES_A_SECOND / CONNECTIONS;
const SHARE: usize = SERIES / CONNECTIONS;
const START_MS: i64 = 1_767_225_600_000;
const STEP_MS: i64 = 500;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let service = Service::start(&folder.path().join("data"));
    let (received, mut events) = mpsc::unbounded_channel();
    let mut alerts = AlertsClient::new(service.channel().await);
    let watch = alerts.watch_alerts(WatchAlertsRequest::default()).await;
    let mut watch = watch.expect("a watch").into_inner();
    tokio::spawn(async move {
        while let Ok(Some(event)) = watch.message().await {
            let _ = received.send((event, Instant::now()));
        }
    });
    let mut senders = JoinSet::new();
    for connection in 0..CONNECTIONS {
        senders.spawn(send(RecordsClient::new(service.channel().await), connection));
    }
    let shares = senders.join_all().await;
    let behind = shares.iter().map(|share| share.behind).max().unwrap_or_default();
    let sent: HashMap<String, Instant> = shares.into_iter().flat_map(|share| share.anomalies).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;

    let (mut latencies, mut others, mut answered) = (Vec::new(), 0, HashSet::new());
    while let Ok((event, at)) = events.try_recv() {
        if event.r#type() != Type::Opened {
            continue;
        }
        let series = event.alert.map(|alert| alert.series).unwrap_or_default();
        match sent.get(&series) {
            Some(sent) if at >= *sent && answered.insert(series) => latencies.push(at - *sent),
            _ => others += 1,
        }
    }
    latencies.sort();
    println!(
        "put to Watch: {} anomalies among {} records in {SECONDS} s over {SERIES} series: {} seen, p50 {:.1} ms, \
         p99 {:.1} ms, max {:.1} ms; {others} other alerts; the load was at most {:.0} ms late",
        sent.len(),
        RECORDS_A_SECOND * SECONDS,
        latencies.len(),
        quantile(&latencies, 0.5),
        quantile(&latencies, 0.99),
        quantile(&latencies, 1.0),
        behind.as_secs_f64() * 1e3,
    );
    service.stop();
}

struct Share {
    /// Series that were struck, and when the batch with it was sent.
    anomalies: Vec<(String, Instant)>,
    /// How late the latest batch was sent, against its schedule.
    behind: Duration,
}

async fn send(mut records: RecordsClient<Channel>, connection: usize) -> Share {
    let mut random = Random::new(connection as u64 + 1);
    let mut step = vec![0_usize; SHARE];
    let mut record = |own: usize, anomaly: bool| {
        let series = format!("host-{:05}/load", connection * SHARE + own);
        let time = START_MS + step[own] as i64 * STEP_MS;
        let value = 50.0 + random.normal() + if anomaly { 40.0 } else { 0.0 };
        step[own] += 1;
        let data = format!(r#"{{"series":"{series}","time":{time},"value":{value:.3}}}"#).into_bytes();
        (series, PutRecord { partition_key: random.bits().to_string(), data })
    };
    for _ in 0..LEARNT {
        for start in (0..SHARE).step_by(500) {
            put_until_taken(&mut records, (start..start + 500).map(|own| record(own, false).1).collect())
                .await;
        }
    }
    let anomaly_every = BATCHES_A_SECOND * CONNECTIONS / ANOMALIES_A_SECOND;
    let (mut anomalies, mut behind) = (Vec::new(), Duration::ZERO);
    let start = Instant::now();
    for batch in 0..SECONDS * BATCHES_A_SECOND {
        let due = start + Duration::from_secs(1) / BATCHES_A_SECOND as u32 * batch as u32;
        tokio::time::sleep_until(due.into()).await;
        let strikes = batch % anomaly_every == connection * anomaly_every / CONNECTIONS;
        let mut struck = None;
        let records_due = (0..BATCH)
            .map(|at| {
                // An anomaly goes to a series that the turn comes to, moved on with each turn of all series.
                let turn = batch * BATCH / SHARE;
                let anomaly = strikes && at == turn % BATCH;
                let (series, record) = record((batch * BATCH + at) % SHARE, anomaly);
                if anomaly {
                    struck = Some(series);
                }
                record
            })
            .collect();
        let sent = Instant::now();
        behind = behind.max(sent.saturating_duration_since(due));
        anomalies.extend(struck.map(|series| (series, sent)));
        put_until_taken(&mut records, records_due).await;
    }
    Share { anomalies, behind }
}
