use super::Service;
use crate::{
    committed::{CommitSink, Restored},
    views::{
        series_table::tests::summary,
        watch::tests::{Node, shard},
    },
};
use kizashi_log::StdFileSystem;
use kizashi_models::position::Position;
use kizashi_proto::v1::{self, series_client::SeriesClient};
use kizashi_storage::history::{
    History, HistoryOptions,
    chunk::{FieldNames, FieldPoint, PointRef},
};
use std::sync::Arc;
use tonic::Code;
use tonic_types::StatusExt;

fn restored(series: &[&str]) -> Restored {
    let series = series.iter().map(|key| summary(key)).collect();
    Restored { alerts: Vec::new(), dead_letters: Vec::new(), series, next_commit: 0 }
}

#[tokio::test]
async fn series_are_listed_in_order_across_shards() {
    let node = Node::new(2, 8);
    node.views.restored(&shard(0), restored(&["b", "d", "CPU"]));
    node.views.restored(&shard(1), restored(&["a", "c", "d"]));
    let service = Service::start(node).await;
    let mut client = SeriesClient::new(service.channel().await);
    let mut keys = Vec::new();
    let mut request = v1::ListSeriesRequest { page_size: 2, ..v1::ListSeriesRequest::default() };
    loop {
        let page = client.list_series(request.clone()).await.unwrap().into_inner();
        assert_eq!(page.total, 6);
        keys.extend(page.series.into_iter().map(|series| series.series));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(keys, ["CPU", "a", "b", "c", "d"]);
    let some = v1::ListSeriesRequest { contains: "Cp".into(), ..v1::ListSeriesRequest::default() };
    let found = client.list_series(some).await.unwrap().into_inner().series;
    assert_eq!((found.len(), found[0].observations, &*found[0].stream), (1, 3, "events"));
    service.stop().await;
}

#[tokio::test]
async fn a_query_gives_points_that_are_not_flushed_too_and_fewer_where_they_are_many() {
    let node = Node::new(1, 8);
    node.views.restored(&shard(0), restored(&["cpu"]));
    let service = Service::start(node).await;
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(Arc::new(StdFileSystem), dir.path(), HistoryOptions::default()).unwrap();
    let names: FieldNames = Arc::from([Box::from("")]);
    history.append(|push| {
        for number in 0..100u8 {
            let mut position = Position::default();
            position.sequence[23] = number;
            let value = f64::from(number % 10);
            push(
                &"cpu".into(),
                &names,
                &PointRef {
                    position,
                    time_ms: i64::from(number),
                    surprise: if number == 55 { 9.0 } else { 0.5 },
                    anomaly_score: 0.25,
                    fields: &[FieldPoint { value, expected: 4.5, lower: 0.0, upper: 9.0 }],
                },
            );
        }
    });
    service.history.0.lock().insert(shard(0), history);
    let mut client = SeriesClient::new(service.channel().await);

    let newest = v1::QuerySeriesRequest { series: "cpu".into(), ..v1::QuerySeriesRequest::default() };
    let answer = client.query_series(newest.clone()).await.unwrap().into_inner();
    assert_eq!((&*answer.stream, answer.downsampled), ("events", false));
    assert_eq!(answer.fields[0].time_ms, [0, 1, 2, 3, 4, 5], "to the newest observation, at 5 ms");
    assert_eq!((answer.fields[0].value[3], answer.fields[0].upper[3]), (3.0, 9.0));

    let end = Some(super::super::wire::timestamp(100));
    let few = v1::QuerySeriesRequest { end, points_max: 10, ..newest.clone() };
    let answer = client.query_series(few).await.unwrap().into_inner();
    let field = &answer.fields[0];
    assert!(answer.downsampled && field.time_ms.len() <= 10 && field.time_ms.contains(&55), "{field:?}");

    let empty = v1::QuerySeriesRequest { end: Some(super::super::wire::timestamp(-5)), ..newest.clone() };
    let answer = client.query_series(empty).await.unwrap().into_inner();
    assert_eq!((answer.fields.len(), answer.fields[0].value.len()), (1, 0));

    for (request, code, word) in [
        (v1::QuerySeriesRequest { points_max: 9, ..newest.clone() }, Code::InvalidArgument, "10 to 10000"),
        (v1::QuerySeriesRequest { start: end, ..newest.clone() }, Code::InvalidArgument, "before `end`"),
        (
            v1::QuerySeriesRequest { stream: "other".into(), ..newest.clone() },
            Code::NotFound,
            "on stream `other`",
        ),
        (v1::QuerySeriesRequest { series: "mem".into(), ..newest }, Code::NotFound, "no series `mem`"),
    ] {
        let status = client.query_series(request).await.unwrap_err();
        assert_eq!(status.code(), code);
        assert!(status.message().contains(word), "{status}");
        assert!(status.get_error_details().error_info().is_some());
    }
    service.stop().await;
}
