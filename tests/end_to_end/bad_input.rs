//! What must not hurt: a clear error, nothing lost, and the service goes on or stops cleanly.

use crate::eventually;
use kizashi_proto::v1::{
    GetStatusRequest, ListSeriesRequest, PutRecord, PutRecordsRequest, QuerySeriesRequest,
    records_client::RecordsClient, series_client::SeriesClient, status_client::StatusClient,
};
use kizashi_tests::{Service, run};
use serde_json::Value;
use std::net::TcpListener;
use tonic::Code;

#[test]
fn what_cannot_be_decoded_is_a_dead_letter_and_the_rest_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let url = service.url();
    let fields = (0..100_000).map(|at| format!("\"{at}\":1")).collect::<Vec<_>>().join(",");
    let bad = [
        ("{\"series\":\"a\",\"value\":1".to_owned(), ""),
        ("[1,2]".to_owned(), ""),
        ("{\"series\":5,\"value\":1}".to_owned(), "series"),
        ("{\"series\":\"a\",\"value\":{}}".to_owned(), "value"),
        ("{\"series\":\"a\",\"value\":true}".to_owned(), "value"),
        ("{\"series\":\"a\",\"values\":{\"x\":\"hot\"}}".to_owned(), "x"),
        ("{\"value\":1}".to_owned(), "series"),
        ("{\"series\":\"a\"}".to_owned(), "value"),
        ("{\"series\":\"a\",\"time\":\"yesterday\",\"value\":1}".to_owned(), "time"),
        (format!("{{\"series\":\"{}\",\"value\":1}}", "k".repeat(5000)), "series"),
        (format!("{{\"series\":\"{}\",\"value\":1}}", "m".repeat(1_000_000)), "1000000 bytes; at most 1024"),
        (format!("{{\"series\":\"wide\",\"values\":{{{fields}}}}}"), "more than 256 fields"),
    ];
    let good = [
        "{\"series\":\"b\",\"value\":\"NaN\"}",
        "{\"series\":\"b\",\"value\":\"-Infinity\"}",
        "{\"series\":\"b\",\"value\":2}",
        // A vector whose fields come and go.
        "{\"series\":\"v\",\"values\":{\"x\":1,\"y\":2}}",
        "{\"series\":\"v\",\"values\":{\"y\":2,\"z\":3}}",
        "{\"series\":\"v\",\"value\":4}",
    ];
    let input: String =
        bad.iter().map(|(line, _)| line.as_str()).chain(good).map(|line| format!("{line}\n")).collect();
    let put = run(&["put", "--server", &url], input.as_bytes());
    assert_eq!(put.stdout, format!("{} records are durable\n", bad.len() + good.len()), "{put:?}");

    let letters: Vec<Value> = eventually(|| {
        let list = run(&["dead-letters", "list", "--json", "--server", &url], b"");
        let letters: Vec<_> = list.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (letters.len() >= bad.len()).then_some(letters)
    });
    assert_eq!(letters.len(), bad.len());
    for (line, named) in &bad {
        let excerpt: String = line.chars().take(60).collect();
        let letter = letters.iter().find(|letter| letter["excerpt"].as_str().unwrap().starts_with(&excerpt));
        let reason = letter.unwrap_or_else(|| panic!("no letter for {excerpt}: {letters:#?}"))["reason"]
            .as_str()
            .unwrap();
        assert!(reason.contains(named), "{excerpt}: {reason}");
    }
    // What is no record ends the command; what came before it is there.
    let too_long = format!("{{\"series\":\"b\",\"value\":3}}\n{}\n", "x".repeat(2 << 20));
    let put = run(&["put", "--server", &url], too_long.as_bytes());
    assert_eq!(put.status.code(), Some(1), "{put:?}");
    for part in ["2097153 bytes", "at most 1048576", "1 record is durable"] {
        assert!(put.stderr.contains(part), "{part} in {put:?}");
    }
    // It decodes, so the score worker refuses it, and names its series.
    let future = "{\"series\":\"c\",\"time\":\"2999-01-01T00:00:00Z\",\"value\":1}\n";
    assert!(run(&["put", "--server", &url], future.as_bytes()).status.success());
    eventually(|| {
        let list = run(&["dead-letters", "list", "--server", &url], b"");
        list.stdout
            .lines()
            .any(|line| line.contains("time in the future") && line.ends_with("  c"))
            .then_some(())
    });
    eventually(|| {
        let metrics = service.metrics();
        let scored: f64 = samples(&metrics, "kizashi_records_total{application=\"score\"").iter().sum();
        (scored >= good.len() as f64).then_some(())
    });
}

#[tokio::test]
async fn a_duplicate_and_a_late_observation_are_ordinary() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let lines = ["{\"series\":\"a\",\"time\":1767225600,\"value\":1}"; 3].join("\n")
        + "\n{\"series\":\"a\",\"time\":1767225000,\"value\":1}\n";
    let put = run(&["put", "--server", &service.url(), "--partition-key", "a"], lines.as_bytes());
    assert!(put.status.success(), "{put:?}");
    let mut series = SeriesClient::new(service.channel().await);
    loop {
        let list = series.list_series(ListSeriesRequest::default()).await.unwrap().into_inner();
        if list.series.first().is_some_and(|series| series.observations >= 2) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let mut status = StatusClient::new(service.channel().await);
    assert_eq!(status.get_status(GetStatusRequest {}).await.unwrap().into_inner().dead_letters, 0);
}

#[tokio::test]
async fn wrong_requests_are_refused_with_the_field_and_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"));
    let put = run(&["put", "--server", &service.url(), "--stream", "evnts"], b"{}\n");
    assert_eq!(put.status.code(), Some(2), "{put:?}");
    assert!(put.stderr.contains("evnts"), "{put:?}");

    let mut records = RecordsClient::new(service.channel().await);
    let too_many = vec![PutRecord { partition_key: "a".into(), data: b"{}".to_vec() }; 501];
    let status = records
        .put_records(PutRecordsRequest { stream: String::new(), records: too_many })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("500"), "{status:?}");
    let too_large = vec![PutRecord { partition_key: "a".into(), data: vec![b'x'; 11 << 20] }];
    let answer = records.put_records(PutRecordsRequest { stream: String::new(), records: too_large }).await;
    let refused = match &answer {
        Err(status) => status.message().to_owned(),
        Ok(answer) => answer.get_ref().results[0].error_message.clone(),
    };
    assert!(refused.contains("1048576") || refused.contains("1 MiB"), "{refused}");

    let mut series = SeriesClient::new(service.channel().await);
    let query = QuerySeriesRequest { series: "nobody".into(), ..Default::default() };
    let status = series.query_series(query.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let status = series.query_series(QuerySeriesRequest { points_max: -1, ..query }).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("points_max"), "{status:?}");
}

#[test]
fn a_folder_in_use_or_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Service::start(&data);
    let second = Service::try_start(&data, "", &[]).err().expect("the folder is in use");
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(second.stderr.contains("in use") && second.stderr.contains("data"), "{second:?}");
    let audit = run(&["audit", "--data", data.to_str().unwrap()], b"");
    assert!(!audit.status.success() && audit.stderr.contains("in use"), "{audit:?}");
    assert!(first.stop().status.success());

    let format = data.join("FORMAT");
    let version = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, "999\n").unwrap();
    let newer = Service::try_start(&data, "", &[]).err().expect("the format is unknown");
    assert!(newer.stderr.contains("999") && newer.stderr.contains(version.trim()), "{newer:?}");
    std::fs::write(&format, version).unwrap();
    assert!(Service::start(&data).stop().status.success());
}

#[test]
fn an_occupied_port_and_an_address_beyond_loopback_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = TcpListener::bind(occupied).unwrap();
    for (flag, other) in [("--listen", "--kinesis"), ("--kinesis", "--listen")] {
        let started = run(&["serve", "--data", data, flag, &occupied.to_string(), other, "127.0.0.1:0"], b"");
        assert_eq!(started.status.code(), Some(1), "{started:?}");
        assert!(
            started.stderr.contains(&occupied.to_string()) && started.stderr.contains("in use"),
            "{started:?}"
        );
        assert_eq!(started.stdout, "", "no ready line");
    }
    drop(holder);
    let started = run(&["serve", "--data", data, "--listen", "0.0.0.0:0"], b"");
    assert_eq!(started.status.code(), Some(2), "{started:?}");
    assert!(started.stderr.contains("authentication"), "{started:?}");
}

#[test]
fn a_typo_in_the_configuration_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kizashi.toml");
    std::fs::write(&file, "# mine\n[streams.events]\nshard = 2\n").unwrap();
    let file = file.to_str().unwrap();
    for arguments in [&["config", "check", file][..], &["serve", "--config", file]] {
        let finished = run(arguments, b"");
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        assert!(
            finished.stderr.contains("kizashi.toml:3") && finished.stderr.contains("shards"),
            "{finished:?}"
        );
    }
    std::fs::write(file, "[streams.events]\nshards = 2\n").unwrap();
    assert!(run(&["config", "check", file], b"").status.success());
}

#[tokio::test]
async fn a_full_disk_refuses_puts_and_shows_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // From the 200th write to the streams on, the disk is full.
    let service = Service::start_with(
        &data,
        "[streams.events]\nshards = 1\n",
        &[("KIZASHI_FAIL_AT", "full:streams/events/:200")],
    );
    let mut records = RecordsClient::new(service.channel().await);
    let put = |n: u32| PutRecordsRequest {
        stream: String::new(),
        records: vec![PutRecord {
            partition_key: "a".into(),
            data: format!("{{\"series\":\"a\",\"time\":{},\"value\":{}}}", 1_767_225_600 + n, n % 7)
                .into_bytes(),
        }],
    };
    let mut taken = 0;
    let refused = loop {
        assert!(taken < 1000, "the disk runs full");
        let result = records.put_records(put(taken)).await.unwrap().into_inner().results.remove(0);
        if !result.error_code.is_empty() {
            break result;
        }
        taken += 1;
    };
    assert!(taken > 0 && refused.error_message.contains("no space left"), "{refused:?}");
    let mut series = SeriesClient::new(service.channel().await);
    loop {
        let list = series.list_series(ListSeriesRequest::default()).await.unwrap().into_inner();
        if list.series.first().is_some_and(|series| series.observations == u64::from(taken)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(service.stop().status.success());
    // With room again, it goes on.
    let service = Service::start(&data);
    let mut records = RecordsClient::new(service.channel().await);
    let result = records.put_records(put(taken)).await.unwrap().into_inner().results.remove(0);
    assert_eq!(result.error_code, "");
}

/// The samples whose line begins so.
fn samples(metrics: &str, start: &str) -> Vec<f64> {
    let of_line = |line: &str| line.rsplit(' ').next().unwrap().trim().parse().unwrap();
    metrics.lines().filter(|line| line.starts_with(start)).map(of_line).collect()
}
