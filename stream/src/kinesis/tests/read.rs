//! GetShardIterator and GetRecords.

use super::{Service, blackbox::START_MS, scripted::ScriptedStream};
use crate::{clock::ManualClock, kinesis::Options};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const SHARD: &str = "shardId-000000000000";
const INVALID: &str = "InvalidArgumentException";

/// Puts `count` records a second apart, and gives their sequence numbers. Their data are 3 bytes: `#00`, `#01`, …
async fn put(service: &Service, count: usize) -> Vec<String> {
    let mut sequences = Vec::new();
    for index in 0..count {
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("#{index:02}"));
        let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": data });
        let placed = service.ok("PutRecord", body).await;
        sequences.push(placed["SequenceNumber"].as_str().unwrap().to_owned());
        service.clock.advance(Duration::from_secs(1));
    }
    sequences
}

fn iterator_request(kind: &str, more: Value) -> Value {
    let mut body = json!({ "StreamName": "s", "ShardId": SHARD, "ShardIteratorType": kind });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn iterator(service: &Service, kind: &str, more: Value) -> Value {
    service.ok("GetShardIterator", iterator_request(kind, more)).await["ShardIterator"].clone()
}

fn sequences(read: &Value) -> Vec<&str> {
    read["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["SequenceNumber"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_five_types_of_iterator_begin_where_they_say() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let put_before = put(&service, 4).await;
    let all: Vec<&str> = put_before.iter().map(String::as_str).collect();
    let at = json!({ "StartingSequenceNumber": all[1] });
    let second = START_MS as f64 / 1000.0 + 1.0;
    for (kind, more, expected) in [
        ("TRIM_HORIZON", json!({}), &all[..]),
        ("AT_SEQUENCE_NUMBER", at.clone(), &all[1..]),
        ("AFTER_SEQUENCE_NUMBER", at, &all[2..]),
        ("AT_TIMESTAMP", json!({ "Timestamp": second }), &all[1..]),
        ("AT_TIMESTAMP", json!({ "Timestamp": second + 0.001 }), &all[2..]),
        ("LATEST", json!({}), &[]),
    ] {
        let token = iterator(&service, kind, more).await;
        let read = service.ok("GetRecords", json!({ "ShardIterator": token })).await;
        assert_eq!(sequences(&read), expected, "{kind}");
    }
    let latest = iterator(&service, "LATEST", json!({})).await;
    let after = put(&service, 2).await;
    let read = service.ok("GetRecords", json!({ "ShardIterator": latest })).await;
    assert_eq!(sequences(&read), after, "LATEST is what was the latest when the iterator was issued");
}

#[tokio::test]
async fn a_shard_is_read_on_with_the_next_iterator() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let expected = put(&service, 5).await;
    let mut token = iterator(&service, "TRIM_HORIZON", json!({})).await;
    let mut found = Vec::new();
    for behind in [3000, 1000, 0, 0] {
        let read = service.ok("GetRecords", json!({ "ShardIterator": token, "Limit": 2 })).await;
        found.extend(sequences(&read).into_iter().map(str::to_owned));
        assert!(read["Records"].as_array().unwrap().len() <= 2);
        let told = read["MillisBehindLatest"].as_i64().unwrap();
        assert_eq!(told > 0, behind > 0, "behind by {told} ms");
        token = read["NextShardIterator"].clone();
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_does_not_fit_an_iterator_is_named() {
    let service = Service::start().await;
    service.create("s", 2).await;
    put(&service, 1).await;
    let either = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or \
                  (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ";
    let long = "9".repeat(60);
    let future = START_MS / 1000 + 60;
    let cases = [
        (
            iterator_request("AT_SEQUENCE_NUMBER", json!({})),
            INVALID,
            format!("{either}AT_SEQUENCE_NUMBER and no StartingSequenceNumber."),
        ),
        (
            iterator_request("LATEST", json!({ "StartingSequenceNumber": "1" })),
            INVALID,
            format!("{either}LATEST and also a StartingSequenceNumber."),
        ),
        (
            iterator_request("AT_SEQUENCE_NUMBER", json!({ "StartingSequenceNumber": long })),
            INVALID,
            format!(
                "StartingSequenceNumber {long} used in GetShardIterator on shard {SHARD} in stream s under account \
                 000000000000 is invalid."
            ),
        ),
        (
            iterator_request("AT_SEQUENCE_NUMBER", json!({ "StartingSequenceNumber": "1" })),
            INVALID,
            "StartingSequenceNumber 1 used in GetShardIterator".to_owned(),
        ),
        (iterator_request("AT_TIMESTAMP", json!({})), INVALID, "Must specify timestampInMillis parameter".to_owned()),
        (
            iterator_request("AT_TIMESTAMP", json!({ "Timestamp": future })),
            INVALID,
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis.".to_owned(),
        ),
        (
            iterator_request("LATER", json!({})),
            "ValidationException",
            "1 validation error detected: Value 'LATER' at 'shardIteratorType' failed to satisfy constraint: Member must \
             satisfy enum value set: [AT_SEQUENCE_NUMBER, "
                .to_owned(),
        ),
        (
            iterator_request("LATEST", json!({ "ShardId": "shardId-000000000009" })),
            "ResourceNotFoundException",
            "Shard shardId-000000000009 in stream s under account 000000000000 does not exist".to_owned(),
        ),
        (
            iterator_request("LATEST", json!({ "StreamName": "t" })),
            "ResourceNotFoundException",
            "Stream t under account 000000000000 not found.".to_owned(),
        ),
    ];
    for (body, code, message) in cases {
        let (found, text) = service.refused("GetShardIterator", body.clone()).await;
        assert_eq!(found, code, "{body}: {text}");
        assert!(text.starts_with(&message), "{body}: {text}");
    }
}

#[tokio::test]
async fn an_iterator_expires_after_five_minutes() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let token = iterator(&service, "LATEST", json!({})).await;
    service.clock.advance(Duration::from_secs(300));
    service.ok("GetRecords", json!({ "ShardIterator": token })).await;
    service.clock.advance(Duration::from_millis(1));
    assert_eq!(
        service.refused("GetRecords", json!({ "ShardIterator": token })).await,
        (
            "ExpiredIteratorException".to_owned(),
            "Iterator expired. The iterator was created at time Thu May 28 20:26:40 UTC 2026 while right now it is Thu \
             May 28 20:31:40 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds."
                .to_owned()
        )
    );
}

#[tokio::test]
async fn an_iterator_that_is_not_of_this_stream_is_refused() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let token = iterator(&service, "LATEST", json!({})).await;
    let invalid = (INVALID.to_owned(), "Invalid ShardIterator.".to_owned());
    let mut altered = token.as_str().unwrap().to_owned();
    altered.replace_range(40..41, if &altered[40..41] == "A" { "B" } else { "A" });
    for foreign in [altered.as_str(), "AAAAAAAAAAE=", "no iterator", &token.as_str().unwrap()[4..]] {
        assert_eq!(service.refused("GetRecords", json!({ "ShardIterator": foreign })).await, invalid);
    }
    let other = "arn:aws:kinesis:eu-west-1:000000000000:stream/t";
    let (code, _) =
        service.refused("GetRecords", json!({ "ShardIterator": token, "StreamARN": other })).await;
    assert_eq!(code, INVALID);
    let (code, _) = service.refused("GetRecords", json!({ "ShardIterator": token, "Limit": 10_001 })).await;
    assert_eq!(code, "ValidationException");

    service.ok("DeleteStream", json!({ "StreamName": "s" })).await;
    assert_eq!(
        service.refused("GetRecords", json!({ "ShardIterator": token })).await,
        (
            "ResourceNotFoundException".to_owned(),
            format!("Shard {SHARD} in stream s under account 000000000000 does not exist")
        )
    );
    service.clock.advance(Duration::from_secs(1));
    service.create("s", 1).await;
    let (code, message) = service.refused("GetRecords", json!({ "ShardIterator": token })).await;
    assert_eq!(code, INVALID);
    assert!(message.starts_with("Invalid ShardIterator. Stream s was deleted and created again"));
}

#[tokio::test]
async fn the_end_of_a_closed_shard_names_its_children() {
    let streams = Arc::new(ScriptedStream::default());
    let service = Service::before(streams, Options::default(), ManualClock::at(START_MS)).await;
    let token = iterator(&service, "TRIM_HORIZON", json!({})).await;
    let read = service.ok("GetRecords", json!({ "ShardIterator": token })).await;
    assert_eq!(read["NextShardIterator"], Value::Null);
    let children = read["ChildShards"].as_array().unwrap();
    assert_eq!(children.len(), 2);
    assert_eq!(children[0]["ShardId"], "shardId-000000000001");
    assert_eq!(children[0]["ParentShards"], json!([SHARD]));

    for (filter, expected) in [("AT_LATEST", 2), ("AT_TRIM_HORIZON", 1), ("FROM_TRIM_HORIZON", 3)] {
        let body = json!({ "StreamName": "s", "ShardFilter": { "Type": filter } });
        let listed = service.ok("ListShards", body).await;
        assert_eq!(listed["Shards"].as_array().unwrap().len(), expected, "{filter}");
    }
    let body = json!({ "StreamName": "s", "ShardFilter": { "Type": "AFTER_SHARD_ID", "ShardId": SHARD } });
    let listed = service.ok("ListShards", body).await;
    assert_eq!(listed["Shards"][0]["ParentShardId"], SHARD);
    assert_eq!(listed["Shards"].as_array().unwrap().len(), 2);
}
