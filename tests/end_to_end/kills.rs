//! `kill -9` in the middle of a load, again and again, and what is left afterwards: everything that was
//! acknowledged, once, in order; and alerts that are the same as if nothing had happened.

use crate::stored;
use kizashi_proto::v1::{
    AlertEvent, GetStatusRequest, ListAlertsRequest, PutRecord, PutRecordsRequest, WatchAlertsRequest,
    alert_event::Type, alerts_client::AlertsClient, records_client::RecordsClient,
    status_client::StatusClient,
};
use kizashi_tests::{
    Service, run,
    waveform::{Burst, Random},
};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

const SERIES_A_ROUND: usize = 120;
const BURST: Burst = Burst { before: 100, during: 8, after: 60 };
const SENDERS: usize = 4;
const BATCH: usize = 60;
/// Small, so that segments begin, are scanned and are trimmed, and series leave memory and come back, all the time.
const CONFIG: &str = "[log]\nsegment_bytes = 65536\n[keep]\nseries_live_max = 20\n";
/// Where a death may be counted to: between append and sync, between the put to the internal stream and
/// the commit, between the commit and the flush of state.
const COUNTED: [(&str, u64); 6] = [
    ("sync:streams/events/:", 400),
    ("write:.events.keyed/:", 400),
    ("write:apps/route/:", 20),
    ("write:commits:", 300),
    ("sync:commits:", 300),
    ("write:pieces:", 60),
];

/// No event of an alert comes for so long: a watcher has it much sooner.
const PAUSE: Duration = Duration::from_millis(500);

/// What all watchers saw.
type Watched = Arc<Mutex<Vec<AlertEvent>>>;
/// Id of the shard and sequence number, and the record put there.
type Acknowledged = HashMap<(String, String), Vec<u8>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_happens_twice() {
    let kills: usize =
        std::env::var("KIZASHI_KILLS").map_or(10, |kills| kills.parse().expect("a number of kills"));
    let seed = std::env::var("KIZASHI_SEED").map_or(1, |seed| seed.parse().expect("a seed"));
    let mut random = Random::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut acknowledged = Acknowledged::new();
    let events = Watched::default();
    let mut token = String::new();
    let (mut unsent, mut with_open_alert, mut counted) = (Vec::new(), 0, 0);

    for round in 0..kills {
        let moment = (round % 2 == 1).then(|| {
            let (place, most) = COUNTED[round / 2 % COUNTED.len()];
            format!("{place}{}", 1 + random.below(most))
        });
        unsent.extend(lines(round, &mut random));
        let variables: Vec<_> = moment.iter().map(|moment| ("KIZASHI_FAIL_AT", moment.as_str())).collect();
        // A counted death may come while the service is still recovering: that, too, must lose nothing.
        let Ok(mut service) = Service::try_start(&data, CONFIG, &variables) else {
            counted += 1;
            continue;
        };
        let watcher = tokio::spawn(watch(service.url(), token.clone(), Arc::clone(&events)));
        let count = Arc::new(AtomicU64::new(0));
        let total = unsent.len() as u64;
        let senders = send(service.url(), std::mem::take(&mut unsent), &mut random, &count);
        let kill_after = total / 10 + random.below(total * 8 / 10);
        while service.is_running() && (moment.is_some() || count.load(Ordering::Relaxed) < kill_after) {
            if count.load(Ordering::Relaxed) >= total {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        counted += usize::from(!service.is_running());
        service.kill();
        for (taken, left) in senders.join_all().await {
            acknowledged.extend(taken);
            unsent.extend(left);
        }
        token = watcher.await.unwrap();
        with_open_alert += usize::from(has_open_alert(&data).await);
    }

    // What was never acknowledged is put again, as a producer would; then all comes to rest.
    let service = Service::start_with(&data, CONFIG, &[]);
    let watcher = tokio::spawn(watch(service.url(), token, Arc::clone(&events)));
    let count = Arc::new(AtomicU64::new(0));
    for (taken, left) in send(service.url(), unsent, &mut random, &count).join_all().await {
        acknowledged.extend(taken);
        assert_eq!(left.len(), 0, "the service takes what it was not asked to die of");
    }
    settle(&service).await;
    let (listed, watched) = list_in_a_pause(&service, &events).await;
    assert!(service.stop().status.success());
    watcher.await.unwrap();

    assert_watched_once(&watched, &listed);
    let lost = stored::missing(&data, &acknowledged).await;
    println!(
        "{kills} kills, {counted} of them at counted moments, {with_open_alert} with an open alert; {} records acknowledged, {} \
         lost; {} alerts",
        acknowledged.len(),
        lost.len(),
        listed.len()
    );
    assert!(lost.is_empty(), "lost or altered: {lost:?}");
    // The internal stream holds each observation once, and gives the same scores and alerts when it is
    // replayed into an empty state: `audit` does both.
    let audit =
        run(&["audit", "--data", data.to_str().unwrap(), "--config", config(&data).to_str().unwrap()], b"");
    print!("{}", audit.stdout);
    assert!(audit.status.success(), "{audit:?}");
    assert!(listed.len() >= kills * 100, "{} alerts of {kills} rounds", listed.len());
    assert!(
        with_open_alert * 2 >= kills,
        "half of the kills have an alert open, {with_open_alert} of {kills} had"
    );
}

fn config(data: &Path) -> std::path::PathBuf {
    data.parent().unwrap().join("kizashi.toml")
}

/// The records of a round: each series lives once, and they begin one after the other, so that at any moment some
/// are in their burst.
fn lines(round: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let lag = 4;
    let start_ms = 1_767_225_600_000 + round as i64 * 3_600_000;
    let mut lines = Vec::new();
    for step in 0..BURST.len() + SERIES_A_ROUND * lag {
        for series in 0..SERIES_A_ROUND {
            let Some(own) = step.checked_sub(series * lag).filter(|own| *own < BURST.len()) else { continue };
            let (time, value) = (start_ms + step as i64 * 1000, BURST.value(own, random));
            lines.push(
                format!(r#"{{"series":"round-{round}/{series}","time":{time},"value":{value}}}"#)
                    .into_bytes(),
            );
        }
    }
    lines
}

/// Puts the lines with random partition keys, in order, `SENDERS` at once. Each sender ends with its last line or with
/// the service, and gives what was acknowledged and what was not.
fn send(
    url: String,
    lines: Vec<Vec<u8>>,
    random: &mut Random,
    count: &Arc<AtomicU64>,
) -> JoinSet<(Acknowledged, Vec<Vec<u8>>)> {
    let mut senders = JoinSet::new();
    // A series keeps to one sender, so that its records are sent in order.
    let mut shares = vec![Vec::new(); SENDERS];
    for line in lines {
        let series = line.iter().skip_while(|byte| **byte != b'/').take_while(|byte| **byte != b'"');
        let share =
            series.fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add((*byte).into())) % SENDERS;
        shares[share].push(line);
    }
    for share in shares {
        let (url, count, mut random) = (url.clone(), Arc::clone(count), Random::new(random.bits()));
        senders.spawn(async move {
            let mut taken = Acknowledged::new();
            let mut left = share.into_iter().peekable();
            let Ok(channel) = connect(&url).await else { return (taken, left.collect()) };
            let mut records = RecordsClient::new(channel);
            while left.peek().is_some() {
                let batch: Vec<_> = left.by_ref().take(BATCH).collect();
                let put = |data: &Vec<u8>| PutRecord {
                    partition_key: random.bits().to_string(),
                    data: data.clone(),
                };
                let request =
                    PutRecordsRequest { stream: "events".into(), records: batch.iter().map(put).collect() };
                let Ok(answer) = records.put_records(request).await else {
                    return (taken, batch.into_iter().chain(left).collect());
                };
                for (data, result) in batch.into_iter().zip(answer.into_inner().results) {
                    assert_eq!(result.error_code, "", "{}", result.error_message);
                    taken.insert((result.shard, result.sequence_number), data);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            (taken, Vec::new())
        });
    }
    senders
}

/// Watches until the service is gone; gives the last token.
async fn watch(url: String, mut token: String, seen: Watched) -> String {
    let Ok(channel) = connect(&url).await else { return token };
    let mut alerts = AlertsClient::new(channel);
    if token.is_empty() {
        match alerts.list_alerts(ListAlertsRequest::default()).await {
            Ok(answer) => token = answer.into_inner().watch_token,
            Err(_) => return token,
        }
    }
    let request = WatchAlertsRequest { resume_token: token.clone(), ..Default::default() };
    let Ok(answer) = alerts.watch_alerts(request).await else { return token };
    let mut events = answer.into_inner();
    while let Ok(Some(event)) = events.message().await {
        token.clone_from(&event.resume_token);
        seen.lock().unwrap().push(event);
    }
    token
}

/// Lists the alerts while none opens or closes, as series go silent on a slow machine, and what was watched so far.
async fn list_in_a_pause(
    service: &Service,
    watched: &Watched,
) -> (Vec<kizashi_proto::v1::Alert>, Vec<AlertEvent>) {
    let count = || watched.lock().unwrap().len();
    loop {
        let before = count();
        tokio::time::sleep(PAUSE).await;
        if count() != before {
            continue;
        }
        let listed = list(service).await;
        tokio::time::sleep(PAUSE).await;
        let watched = watched.lock().unwrap();
        if watched.len() == before {
            return (listed, watched.clone());
        }
    }
}

/// Every alert that is listed was seen to open and to close, once; and nothing else was.
fn assert_watched_once(events: &[AlertEvent], listed: &[kizashi_proto::v1::Alert]) {
    let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for event in events {
        let of_alert = seen.entry(&event.alert.as_ref().unwrap().id).or_default();
        match event.r#type() {
            Type::Opened => of_alert.0 += 1,
            Type::Closed => of_alert.1 += 1,
            _ => {}
        }
    }
    for alert in listed {
        let expected = (1, usize::from(alert.closed.is_some()));
        assert_eq!(seen.remove(alert.id.as_str()), Some(expected), "times opened and closed of {alert:?}");
    }
    assert!(seen.is_empty(), "watched but not listed: {seen:?}");
}

async fn connect(url: &str) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_shared(url.to_owned()).unwrap().connect().await
}

/// Starts the service for a moment and asks whether an alert was open when it was killed.
async fn has_open_alert(data: &Path) -> bool {
    let service = Service::start_with(data, CONFIG, &[]);
    let mut alerts = AlertsClient::new(service.channel().await);
    let request = ListAlertsRequest { filter: "open:true".into(), page_size: 1, ..Default::default() };
    let open = !alerts.list_alerts(request).await.unwrap().into_inner().alerts.is_empty();
    service.kill();
    open
}

/// Waits until all that was put is scored.
async fn settle(service: &Service) {
    let mut status = StatusClient::new(service.channel().await);
    let mut quiet = 0;
    while quiet < 5 {
        let answer = status.get_status(GetStatusRequest {}).await.unwrap().into_inner();
        quiet = if answer.lag_seconds == 0.0 { quiet + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn list(service: &Service) -> Vec<kizashi_proto::v1::Alert> {
    let mut alerts = AlertsClient::new(service.channel().await);
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListAlertsRequest { page_size: 1000, page_token, ..Default::default() };
        let answer = alerts.list_alerts(request).await.unwrap().into_inner();
        found.extend(answer.alerts);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}
