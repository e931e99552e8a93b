//! Streams and shards: create, delete, list, describe, retention.

use super::Service;
use serde_json::{Value, json};

const VALIDATION: &str = "ValidationException";
const INVALID: &str = "InvalidArgumentException";
const NOT_FOUND: &str = "ResourceNotFoundException";

#[tokio::test]
async fn a_stream_is_active_once_created_and_gone_once_deleted() {
    let service = Service::start().await;
    service.create("events", 3).await;
    let described = service.ok("DescribeStream", json!({ "StreamName": "events" })).await;
    let description = &described["StreamDescription"];
    assert_eq!(description["StreamStatus"], "ACTIVE");
    assert_eq!(description["StreamARN"], "arn:aws:kinesis:eu-west-1:000000000000:stream/events");
    assert_eq!(description["StreamModeDetails"], json!({ "StreamMode": "PROVISIONED" }));
    assert_eq!(description["RetentionPeriodHours"], 24);
    assert_eq!(description["EncryptionType"], "NONE");
    assert_eq!(description["EnhancedMonitoring"], json!([{ "ShardLevelMetrics": [] }]));
    assert_eq!(description["HasMoreShards"], false);
    assert_eq!(description["StreamCreationTimestamp"], 1_780_000_000.0);
    let shards = description["Shards"].as_array().unwrap();
    assert_eq!(shards.len(), 3);
    assert_eq!(shards[0]["ShardId"], "shardId-000000000000");
    assert_eq!(shards[0]["HashKeyRange"]["StartingHashKey"], "0");
    assert_eq!(shards[2]["HashKeyRange"]["EndingHashKey"], u128::MAX.to_string());
    let starting = shards[0]["SequenceNumberRange"]["StartingSequenceNumber"].as_str().unwrap();
    assert_eq!(starting.len(), 56);

    let summary = service.ok("DescribeStreamSummary", json!({ "StreamARN": description["StreamARN"] })).await;
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!((&summary["OpenShardCount"], &summary["ConsumerCount"]), (&json!(3), &json!(0)));

    assert_eq!(
        service.refused("CreateStream", json!({ "StreamName": "events", "ShardCount": 1 })).await,
        (
            "ResourceInUseException".to_owned(),
            "Stream events under account 000000000000 already exists.".to_owned()
        )
    );
    service.ok("DeleteStream", json!({ "StreamName": "events", "EnforceConsumerDeletion": true })).await;
    let gone = "Stream events under account 000000000000 not found.".to_owned();
    for operation in ["DescribeStream", "DescribeStreamSummary", "DeleteStream", "ListShards"] {
        assert_eq!(
            service.refused(operation, json!({ "StreamName": "events" })).await,
            (NOT_FOUND.to_owned(), gone.clone()),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn an_on_demand_stream_has_four_shards() {
    let service = Service::start().await;
    let mode = json!({ "StreamMode": "ON_DEMAND" });
    service.ok("CreateStream", json!({ "StreamName": "s", "StreamModeDetails": mode })).await;
    let shards = service.ok("ListShards", json!({ "StreamName": "s" })).await;
    assert_eq!(shards["Shards"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn what_breaks_a_constraint_is_named() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let cases = [
        ("CreateStream", json!({ "StreamName": "s" }), VALIDATION, "Value null at 'shardCount'"),
        ("CreateStream", json!({ "ShardCount": 1 }), VALIDATION, "Value null at 'streamName'"),
        (
            "CreateStream",
            json!({ "StreamName": "s", "ShardCount": 0 }),
            VALIDATION,
            "Value '0' at 'shardCount'",
        ),
        (
            "CreateStream",
            json!({ "StreamName": "a/b", "ShardCount": 1 }),
            VALIDATION,
            "Value 'a/b' at 'streamName'",
        ),
        (
            "CreateStream",
            json!({ "StreamName": "x", "StreamModeDetails": { "StreamMode": "FAST" }, "ShardCount": 1 }),
            VALIDATION,
            "Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]",
        ),
        ("CreateStream", json!({ "StreamName": ".s.keyed", "ShardCount": 1 }), INVALID, "is internal"),
        (
            "CreateStream",
            json!({ "StreamName": "x", "ShardCount": 90_000 }),
            "LimitExceededException",
            "ShardCount",
        ),
        ("DescribeStream", json!({}), INVALID, "Either StreamName or StreamARN should be provided."),
        (
            "DescribeStream",
            json!({ "StreamName": "s", "Limit": 10_001 }),
            VALIDATION,
            "Value '10001' at 'limit'",
        ),
        ("DescribeStream", json!({ "StreamARN": "events" }), VALIDATION, "Value 'events' at 'streamARN'"),
        (
            "DescribeStream",
            json!({ "StreamName": "s", "StreamARN": "arn:aws:kinesis:r:000000000000:stream/t" }),
            INVALID,
            "different streams",
        ),
        ("ListStreams", json!({ "Limit": 0 }), VALIDATION, "Value '0' at 'limit'"),
        ("ListStreams", json!({ "NextToken": "abc" }), INVALID, "Invalid NextToken."),
        ("ListShards", json!({}), INVALID, "Either NextToken or StreamName should be provided."),
        (
            "ListShards",
            json!({ "StreamName": "s", "NextToken": "t" }),
            INVALID,
            "NextToken and StreamName cannot be provided together.",
        ),
        (
            "ListShards",
            json!({ "StreamName": "s", "ShardFilter": { "Type": "NEW" } }),
            VALIDATION,
            "'shardFilter.type'",
        ),
        (
            "ListShards",
            json!({ "StreamName": "s", "ShardFilter": {} }),
            VALIDATION,
            "Value null at 'shardFilter.type'",
        ),
        (
            "ListShards",
            json!({ "StreamName": "s", "ShardFilter": { "Type": "AFTER_SHARD_ID" } }),
            INVALID,
            "requires ShardId",
        ),
        (
            "IncreaseStreamRetentionPeriod",
            json!({ "StreamName": "s" }),
            VALIDATION,
            "Value null at 'retentionPeriodHours'",
        ),
    ];
    for (operation, body, code, part) in cases {
        let (found, message) = service.refused(operation, body.clone()).await;
        assert_eq!(found, code, "{operation} {body}: {message}");
        assert!(message.contains(part), "{operation} {body}: {message}");
    }
}

#[tokio::test]
async fn streams_are_listed_in_pages() {
    let service = Service::start().await;
    for name in ["c", "a", "b"] {
        service.create(name, 1).await;
    }
    let page = service.ok("ListStreams", json!({ "Limit": 2 })).await;
    assert_eq!((&page["StreamNames"], &page["HasMoreStreams"]), (&json!(["a", "b"]), &json!(true)));
    assert_eq!(page["StreamSummaries"][1]["StreamName"], "b");
    assert_eq!(page["StreamSummaries"][1]["StreamStatus"], "ACTIVE");
    let rest = service.ok("ListStreams", json!({ "NextToken": page["NextToken"] })).await;
    assert_eq!((&rest["StreamNames"], &rest["HasMoreStreams"]), (&json!(["c"]), &json!(false)));
    assert_eq!(rest["NextToken"], Value::Null);
    let after = service.ok("ListStreams", json!({ "ExclusiveStartStreamName": "a" })).await;
    assert_eq!(after["StreamNames"], json!(["b", "c"]));

    service.clock.advance(std::time::Duration::from_secs(301));
    let (code, _) = service.refused("ListStreams", json!({ "NextToken": page["NextToken"] })).await;
    assert_eq!(code, "ExpiredNextTokenException");
}

fn ids(page: &Value) -> Vec<&str> {
    page["Shards"].as_array().unwrap().iter().map(|shard| shard["ShardId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn shards_are_listed_in_pages() {
    let service = Service::start().await;
    service.create("s", 5).await;
    let page = service.ok("ListShards", json!({ "StreamName": "s", "MaxResults": 3 })).await;
    assert_eq!(ids(&page), ["shardId-000000000000", "shardId-000000000001", "shardId-000000000002"]);
    let rest = service.ok("ListShards", json!({ "NextToken": page["NextToken"], "MaxResults": 3 })).await;
    assert_eq!(ids(&rest), ["shardId-000000000003", "shardId-000000000004"]);
    assert_eq!(rest["NextToken"], Value::Null);

    let page = service.ok("DescribeStream", json!({ "StreamName": "s", "Limit": 3 })).await;
    assert_eq!(page["StreamDescription"]["HasMoreShards"], true);
    assert_eq!(ids(&page["StreamDescription"]).len(), 3);
    let body = json!({ "StreamName": "s", "ExclusiveStartShardId": "shardId-000000000002" });
    let rest = service.ok("DescribeStream", body).await;
    assert_eq!(rest["StreamDescription"]["HasMoreShards"], false);
    assert_eq!(ids(&rest["StreamDescription"]), ["shardId-000000000003", "shardId-000000000004"]);

    // The stream that a token was issued for is not the one that has its name now.
    service.ok("DeleteStream", json!({ "StreamName": "s" })).await;
    service.clock.advance(std::time::Duration::from_secs(1));
    service.create("s", 5).await;
    let (code, _) = service.refused("ListShards", json!({ "NextToken": page["NextToken"] })).await;
    assert_eq!(code, INVALID);
}

#[tokio::test]
async fn retention_goes_up_with_one_operation_and_down_with_the_other() {
    let service = Service::start().await;
    service.create("s", 1).await;
    let hours = |hours: i64| json!({ "StreamName": "s", "RetentionPeriodHours": hours });
    service.ok("IncreaseStreamRetentionPeriod", hours(48)).await;
    let described = service.ok("DescribeStreamSummary", json!({ "StreamName": "s" })).await;
    assert_eq!(described["StreamDescriptionSummary"]["RetentionPeriodHours"], 48);
    assert_eq!(
        service.refused("IncreaseStreamRetentionPeriod", hours(30)).await.1,
        "Requested retention period (30 hours) for stream s can not be shorter than existing retention period (48 \
         hours). Use DecreaseRetentionPeriod API."
    );
    assert_eq!(
        service.refused("DecreaseStreamRetentionPeriod", hours(72)).await.1,
        "Requested retention period (72 hours) for stream s can not be longer than existing retention period (48 \
         hours). Use IncreaseRetentionPeriod API."
    );
    assert_eq!(
        service.refused("DecreaseStreamRetentionPeriod", hours(23)).await,
        (
            INVALID.to_owned(),
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."
                .to_owned()
        )
    );
    let (_, message) = service.refused("IncreaseStreamRetentionPeriod", hours(8761)).await;
    assert!(message.starts_with("Maximum allowed retention period is 8760 hours."));
    service.ok("DecreaseStreamRetentionPeriod", hours(24)).await;
}
