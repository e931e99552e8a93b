//! PutRecord and PutRecords.

use super::{
    Service,
    blackbox::{receive, signed},
    refusal,
    scripted::ScriptedStream,
};
use crate::{
    api::{Placed, StreamError},
    clock::ManualClock,
    kinesis::Options,
    sequence::SequenceNumber,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::sync::Arc;

fn entry(key: &str, data: &[u8]) -> Value {
    json!({ "PartitionKey": key, "Data": STANDARD.encode(data) })
}

#[tokio::test]
async fn records_come_back_as_they_were_put() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let one = json!({
        "StreamName": "s", "PartitionKey": "ключ \"1\"\n", "Data": "Zm9v", "SequenceNumberForOrdering": "0",
    });
    let placed = service.ok("PutRecord", one).await;
    assert_eq!(placed["ShardId"], "shardId-000000000000");
    assert_eq!(placed["SequenceNumber"].as_str().unwrap().len(), 56);

    let all_bytes: Vec<u8> = (0..=255).collect();
    let records = json!([entry("a", b""), entry("b", &all_bytes)]);
    let answer = service.ok("PutRecords", json!({ "StreamName": "s", "Records": records })).await;
    assert_eq!(answer["FailedRecordCount"], 0);
    assert_eq!(answer["Records"].as_array().unwrap().len(), 2);

    let body =
        json!({ "StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = service.ok("GetShardIterator", body).await;
    let read = service.ok("GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await;
    let records = read["Records"].as_array().unwrap();
    assert_eq!(records[0]["PartitionKey"], "ключ \"1\"\n");
    assert_eq!(records[0]["Data"], "Zm9v");
    assert_eq!(records[0]["SequenceNumber"], placed["SequenceNumber"]);
    assert_eq!(records[0]["ApproximateArrivalTimestamp"], 1_780_000_000.0);
    assert_eq!(records[1]["Data"], "");
    assert_eq!(records[2]["Data"], STANDARD.encode(&all_bytes));
}

#[tokio::test]
async fn an_explicit_hash_key_picks_the_shard() {
    let service = Service::start().await;
    service.create("s", 2).await;
    for (hash_key, shard) in
        [("0".to_owned(), "shardId-000000000000"), (u128::MAX.to_string(), "shardId-000000000001")]
    {
        let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": "", "ExplicitHashKey": hash_key });
        assert_eq!(service.ok("PutRecord", body).await["ShardId"], shard);
    }
    let beyond = "340282366920938463463374607431768211456";
    let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": "", "ExplicitHashKey": beyond });
    assert_eq!(
        service.refused("PutRecord", body).await,
        (
            "InvalidArgumentException".to_owned(),
            format!(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was \
                 {beyond}"
            )
        )
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_record_is_named_with_its_place() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let put = |records: Value| json!({ "StreamName": "s", "Records": records });
    let constraint = |member: &str, text: &str| {
        format!("1 validation error detected: Value {member} failed to satisfy constraint: {text}")
    };
    let cases = [
        (put(Value::Null), constraint("null at 'records'", "Member must not be null")),
        (
            put(json!([])),
            constraint("'[]' at 'records'", "Member must have length greater than or equal to 1"),
        ),
        (
            put(json!(vec![entry("k", b"x"); 501])),
            constraint("at 'records'", "Member must have length less than or equal to 500"),
        ),
        (
            put(json!([entry("k", b"x"), { "Data": "" }])),
            constraint("null at 'records.2.member.partitionKey'", "Member must not be null"),
        ),
        (
            put(json!([{ "PartitionKey": "k" }])),
            constraint("null at 'records.1.member.data'", "Member must not be null"),
        ),
        (put(json!([null])), constraint("null at 'records.1.member'", "Member must not be null")),
        (
            put(json!([entry("", b"x")])),
            constraint(
                "'' at 'records.1.member.partitionKey'",
                "Member must have length greater than or equal to 1",
            ),
        ),
        (
            put(json!([{ "PartitionKey": "k", "Data": "", "ExplicitHashKey": "-1" }])),
            constraint(
                "'-1' at 'records.1.member.explicitHashKey'",
                "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})",
            ),
        ),
        (
            put(json!([entry("k", b"x"), entry("k", &vec![0; (1 << 20) + 1])])),
            constraint("at 'records.2.member.data'", "Member must have length less than or equal to 1048576"),
        ),
    ];
    for (body, message) in cases {
        assert_eq!(service.refused("PutRecords", body).await, ("ValidationException".to_owned(), message));
    }
    let body =
        json!({ "StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = service.ok("GetShardIterator", body).await;
    let read = service.ok("GetRecords", json!({ "ShardIterator": iterator["ShardIterator"] })).await;
    assert_eq!(read["Records"], json!([]), "a request that is refused puts nothing");
}

#[tokio::test]
async fn values_of_the_wrong_type_are_refused_in_the_apis_words() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let cases = [
        (
            json!({ "Data": 1 }),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to a Blob",
        ),
        (
            json!({ "Data": "" , "PartitionKey": true }),
            "class java.lang.Boolean can not be converted to an String",
        ),
        (json!({ "Data": [] }), "Start of list found where not expected"),
        (json!({ "Data": {} }), "Start of structure or map found where not expected."),
        (
            json!({ "PartitionKey": "k", "StreamName": "s", "Data": "abc" }),
            "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 3",
        ),
        (
            json!({ "PartitionKey": "k", "StreamName": "s", "Data": "ab*=" }),
            "'ab*=' can not be converted to a Blob: Invalid Base64 character: '*'",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(
            service.refused("PutRecord", body).await,
            ("SerializationException".to_owned(), message.to_owned())
        );
    }
    let (code, message) = service.refused("PutRecords", json!({ "Records": { "a": 1 } })).await;
    assert_eq!(
        (&*code, &*message),
        ("SerializationException", "Start of structure or map found where not expected.")
    );
    let (_, message) = service.refused("PutRecords", json!({ "Records": "x" })).await;
    assert_eq!(message, "Expected list or null");
    for body in ["", "{", "[]", "null", "{\"Data\": \"\\ud800\"}", "\u{1}"] {
        let reply = service.send(signed("PutRecord", "application/x-amz-json-1.1", body)).await;
        assert_eq!(reply.status, 400);
        assert_eq!(refusal(&reply).0, "SerializationException", "{body:?}");
    }
}

#[tokio::test]
async fn a_record_of_eleven_mebibytes_is_refused_and_its_connection_goes_on() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let mut connection = service.connect().await;
    let data = STANDARD.encode(vec![7; 11 << 20]);
    let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": data }).to_string();
    let reply = receive(&mut connection, signed("PutRecord", "application/x-amz-json-1.1", body)).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        refusal(&reply),
        (
            "ValidationException".to_owned(),
            "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less \
             than or equal to 1048576"
                .to_owned()
        )
    );
    let body = vec![b' '; (16 << 20) + 1];
    let reply = receive(&mut connection, signed("PutRecord", "application/x-amz-json-1.1", body)).await;
    assert_eq!(reply.status, 413);
    assert_eq!(refusal(&reply).0, "RequestEntityTooLargeException");

    let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": "Zm9v" }).to_string();
    let reply = receive(&mut connection, signed("PutRecord", "application/x-amz-json-1.1", body)).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn each_record_of_a_put_has_its_own_outcome() {
    let placed = Placed { shard: "shardId-000000000001".into(), sequence: SequenceNumber([0; 24]) };
    let busy = "Rate exceeded for shard shardId-000000000000".to_owned();
    let outcomes = vec![Ok(placed), Err(StreamError::ThroughputExceeded(busy.clone()))];
    let streams = Arc::new(ScriptedStream { outcomes: Some(outcomes), ..ScriptedStream::default() });
    let service = Service::before(streams, Options::default(), ManualClock::default()).await;
    let records = json!([entry("a", b"1"), entry("b", b"2")]);
    let answer = service.ok("PutRecords", json!({ "StreamName": "s", "Records": records })).await;
    assert_eq!(
        answer,
        json!({
            "FailedRecordCount": 1,
            "Records": [
                { "SequenceNumber": "0", "ShardId": "shardId-000000000001" },
                { "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": busy },
            ],
        })
    );
}

#[tokio::test]
async fn a_stream_that_fails_is_the_servers_fault() {
    let streams = Arc::new(ScriptedStream::default());
    let service = Service::before(streams, Options::default(), ManualClock::default()).await;
    let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": "" });
    let reply = service.call("PutRecord", body).await;
    assert_eq!(reply.status, 500);
    assert_eq!(refusal(&reply), ("InternalFailure".to_owned(), "the disk is full".to_owned()));
}

#[tokio::test]
async fn records_that_break_a_constraint_are_told_to_the_listener() {
    let heard = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let listener = heard.clone();
    let refused = move |stream: &str, code: &str, records: u64| {
        listener.lock().push((stream.to_owned(), code.to_owned(), records));
    };
    let options = Options { record_bytes_max: 4, refused: Arc::new(refused), ..Options::default() };
    let streams = Arc::new(ScriptedStream::default());
    let service = Service::before(streams, options, ManualClock::at(0)).await;
    let large = entry("k", b"large");
    let body = json!({ "StreamName": "s", "PartitionKey": "k", "Data": large["Data"] });
    assert_eq!(refusal(&service.call("PutRecord", body).await).0, "ValidationException");
    let body = json!({ "StreamName": "t", "Records": [entry("k", b"tiny"), large] });
    assert_eq!(refusal(&service.call("PutRecords", body).await).0, "ValidationException");
    let told = |stream: &str, records| (stream.to_owned(), "ValidationException".to_owned(), records);
    assert_eq!(*heard.lock(), [told("s", 1), told("t", 2)]);
}
