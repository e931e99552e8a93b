use super::Service;
use crate::views::watch::tests::Node;
use kizashi_proto::v1::{self, records_client::RecordsClient};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_types::StatusExt;

fn request(stream: &str, records: &[(&str, &str)]) -> v1::PutRecordsRequest {
    let records = records.iter().map(|(key, data)| v1::PutRecord {
        partition_key: (*key).to_owned(),
        data: data.as_bytes().to_vec(),
    });
    v1::PutRecordsRequest { stream: stream.to_owned(), records: records.collect() }
}

#[tokio::test]
async fn each_record_has_its_outcome() {
    let service = Service::start(Node::new(1, 8)).await;
    let mut client = RecordsClient::new(service.channel().await);
    let put = request("", &[("k", "a"), ("", "refused"), ("", "b"), ("", "c")]);
    let results = client.put_records(put).await.unwrap().into_inner().results;
    let sequences: Vec<&str> = results.iter().map(|result| result.sequence_number.as_str()).collect();
    assert_eq!(sequences, ["1", "", "2", "3"]);
    assert_eq!(results[1].error_code, "ProvisionedThroughputExceededException");
    assert_eq!((results[1].error_message.as_str(), results[1].shard.as_str()), ("the shard is full", ""));
    let state = service.stream.state.lock();
    assert!(state.records.iter().all(|(stream, _)| stream == "events"), "the empty name stands for it");
    let keys: Vec<&str> = state.records.iter().map(|(_, record)| &*record.partition_key).collect();
    assert_eq!(keys[0], "k");
    assert!(!keys[1].is_empty() && !keys[2].is_empty() && keys[1] != keys[2], "keys that spread the load");
}

#[tokio::test]
async fn what_can_not_be_put_is_refused_with_its_reason() {
    let service = Service::start(Node::new(1, 8)).await;
    let mut client = RecordsClient::new(service.channel().await);
    let long = "é".repeat(257);
    let many = vec![("k", "x"); 501];
    for (put, field, allowed) in [
        (request("", &[]), "records", "1 to 500"),
        (request("", &many), "records", "1 to 500"),
        (
            request("", &[("k", "x"), (&long, "x")]),
            "records[1].partition_key",
            "at most 256 characters, not 257",
        ),
        (request(".events.keyed", &[("k", "x")]), "stream", "internal streams"),
    ] {
        let status = client.put_records(put).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!(violation.field, field);
        assert!(violation.description.contains(allowed), "{}", violation.description);
    }
    let longest = "é".repeat(256);
    client.put_records(request("", &[(&longest, "x")])).await.unwrap();

    let unknown = client.put_records(request("nothing", &[("k", "x")])).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let details = unknown.get_error_details();
    let resource = details.resource_info().unwrap();
    assert_eq!((resource.resource_type.as_str(), resource.resource_name.as_str()), ("stream", "`nothing`"));

    service.stream.state.lock().busy = 1;
    let busy = client.put_records(request("", &[("k", "x")])).await.unwrap_err();
    assert_eq!(busy.code(), Code::ResourceExhausted);
    assert!(busy.get_error_details().retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test]
async fn a_put_stream_is_answered_in_order_and_waits_for_a_busy_stream() {
    const REQUESTS: usize = 1_000;
    let service = Service::start(Node::new(1, 8)).await;
    service.stream.state.lock().busy = 3;
    let mut client = RecordsClient::new(service.channel().await);
    let (sender, receiver) = mpsc::channel(4);
    let feed = tokio::spawn(async move {
        for number in 0..REQUESTS {
            let stream = if number % 300 == 299 { "other" } else { "" };
            let data = number.to_string();
            sender.send(request(stream, &[("k", &data), ("k", "second")])).await.unwrap();
        }
    });
    let mut answers = client.put_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    for number in 0..REQUESTS {
        let results = answers.message().await.unwrap().unwrap().results;
        let sequences: Vec<String> = results.into_iter().map(|result| result.sequence_number).collect();
        assert_eq!(sequences, [(2 * number + 1).to_string(), (2 * number + 2).to_string()]);
    }
    assert!(answers.message().await.unwrap().is_none(), "the stream ends once all is answered");
    feed.await.unwrap();
    let state = service.stream.state.lock();
    for (number, pair) in state.records.chunks(2).enumerate() {
        assert_eq!(*pair[0].1.data, *number.to_string().as_bytes(), "records stand as they were sent");
        assert_eq!(pair[0].0, if number % 300 == 299 { "other" } else { "events" });
    }
    assert!(state.puts.iter().all(|records| *records <= 500), "{:?}", state.puts);
}

#[tokio::test]
async fn a_bad_request_ends_a_put_stream_behind_the_answers_of_those_before() {
    let service = Service::start(Node::new(1, 8)).await;
    let mut client = RecordsClient::new(service.channel().await);
    let puts = [request("", &[("k", "a")]), request("", &[]), request("", &[("k", "b")])];
    let mut answers = client.put_stream(tokio_stream::iter(puts)).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().results.len(), 1);
    assert_eq!(answers.message().await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(service.stream.state.lock().records.len(), 1);
}
