//! The main job: a record is put, and a true alert is seen, live and afterwards.

use kizashi_proto::v1::{
    AlertEvent, GetAlertRequest, ListAlertsRequest, ListSeriesRequest, PutRecord, PutRecordsRequest,
    QuerySeriesRequest, WatchAlertsRequest, alert_event::Type, alerts_client::AlertsClient,
    records_client::RecordsClient, series_client::SeriesClient,
};
use kizashi_tests::{
    Service,
    waveform::{Burst, Random},
};
use prost::Message;
use tonic::Streaming;

const BURST: Burst = Burst { before: 300, during: 5, after: 120 };
/// 2026-01-01T00:00:00Z; an observation every ten seconds.
const START_MS: i64 = 1_767_225_600_000;
const STEP_MS: i64 = 10_000;

#[tokio::test]
async fn a_burst_is_an_alert_on_watch_and_stays_one_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data);
    let mut alerts = AlertsClient::new(service.channel().await);
    let mut events = alerts.watch_alerts(WatchAlertsRequest::default()).await.unwrap().into_inner();
    put_burst(&service, "pump-7", &mut Random::new(1)).await;

    let opened = of_type(&mut events, Type::Opened).await;
    let alert = opened.alert.unwrap();
    assert_eq!((alert.stream.as_str(), alert.series.as_str()), ("events", "pump-7"));
    let at = alert.opened.unwrap();
    assert_eq!(
        at.seconds * 1000,
        START_MS + BURST.before as i64 * STEP_MS,
        "it opens with the first of the burst"
    );
    assert!((80.0..100.0).contains(&alert.fields[0].observed), "{alert:?}");
    assert!(alert.fields[0].lower < 50.0 && alert.fields[0].upper < 80.0, "{alert:?}");
    assert!(alert.why.contains("pump-7"), "{}", alert.why);
    assert_eq!(alert.snapshot.len(), 64);
    let closed = of_type(&mut events, Type::Closed).await;
    assert_eq!(closed.alert.as_ref().unwrap().id, alert.id);

    assert!(service.stop().status.success());
    let service = Service::start(&data);
    let mut alerts = AlertsClient::new(service.channel().await);
    let listed = alerts.list_alerts(ListAlertsRequest::default()).await.unwrap().into_inner().alerts;
    assert_eq!(listed, [closed.alert.clone().unwrap()]);
    let got = alerts.get_alert(GetAlertRequest { id: alert.id.clone() }).await.unwrap().into_inner();
    assert_eq!(got, listed[0]);

    // Watching on from the opening gives the closing, once, and nothing else.
    let request = WatchAlertsRequest { resume_token: opened.resume_token, ..Default::default() };
    let mut resumed = alerts.watch_alerts(request).await.unwrap().into_inner();
    assert_eq!(resumed.message().await.unwrap().unwrap().alert, closed.alert);
    put_burst(&service, "pump-8", &mut Random::new(2)).await;
    let next = resumed.message().await.unwrap().unwrap();
    assert_eq!((next.r#type(), next.alert.unwrap().series.as_str()), (Type::Opened, "pump-8"));

    let mut series = SeriesClient::new(service.channel().await);
    let list = series.list_series(ListSeriesRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.series.iter().map(|s| s.series.as_str()).collect::<Vec<_>>(), ["pump-7", "pump-8"]);
    assert_eq!(list.series[0].observations, BURST.len() as u64);
}

#[tokio::test]
async fn the_past_is_shown_as_it_was_scored_before_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data);
    let mut events = AlertsClient::new(service.channel().await)
        .watch_alerts(WatchAlertsRequest::default())
        .await
        .unwrap()
        .into_inner();
    put_burst(&service, "pump-7", &mut Random::new(1)).await;
    of_type(&mut events, Type::Closed).await;

    let time = |ms: i64| Some(prost_types::Timestamp { seconds: ms / 1000, nanos: 0 });
    let request = QuerySeriesRequest {
        series: "pump-7".into(),
        start: time(START_MS),
        end: time(START_MS + (BURST.before + BURST.during) as i64 * STEP_MS),
        points_max: 10_000,
        ..QuerySeriesRequest::default()
    };
    let mut series = SeriesClient::new(service.channel().await);
    let before = series.query_series(request.clone()).await.unwrap().into_inner();
    let points = &before.fields[0];
    assert_eq!(points.time_ms.len(), BURST.before + BURST.during);
    assert!(points.time_ms.is_sorted());
    let first = BURST.before;
    assert!(points.value[first] > points.upper[first], "the burst is above its band");
    assert!(points.surprise[first] > points.surprise[first - 50..first].iter().copied().fold(0.0, f64::max));

    assert!(service.stop().status.success());
    let service = Service::start(&data);
    let mut series = SeriesClient::new(service.channel().await);
    let after = series.query_series(request).await.unwrap().into_inner();
    // By bytes: what was expected of the first point is not a number, which equals nothing.
    assert!(before.encode_to_vec() == after.encode_to_vec(), "{before:?}\n{after:?}");
}

async fn of_type(events: &mut Streaming<AlertEvent>, wanted: Type) -> AlertEvent {
    loop {
        let event = events.message().await.unwrap().expect("the watch goes on");
        if event.r#type() == wanted {
            return event;
        }
    }
}

async fn put_burst(service: &Service, series: &str, random: &mut Random) {
    let mut records = RecordsClient::new(service.channel().await);
    let lines: Vec<_> = (0..BURST.len())
        .map(|step| {
            let time = START_MS + step as i64 * STEP_MS;
            let value = BURST.value(step, random);
            format!(r#"{{"series":"{series}","time":{time},"value":{value}}}"#)
        })
        .collect();
    // One key, so that one shard keeps their order.
    let put = |line: &String| PutRecord { partition_key: series.into(), data: line.clone().into_bytes() };
    for lines in lines.chunks(100) {
        let request = PutRecordsRequest { stream: "events".into(), records: lines.iter().map(put).collect() };
        let results = records.put_records(request).await.unwrap().into_inner().results;
        assert!(results.iter().all(|result| result.error_code.is_empty()), "{results:?}");
    }
}
