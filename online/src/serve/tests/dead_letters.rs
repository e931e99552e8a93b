use super::Service;
use crate::{
    committed::{CommitSink, Restored},
    views::{dead_letters::tests::letter, watch::tests::Node},
};
use kizashi_proto::v1::{self, dead_letters_client::DeadLettersClient};
use tonic::Code;

#[tokio::test]
async fn letters_are_paged_and_replayed_by_shard() {
    let node = Node::new(1, 8);
    for (stream, numbers) in [("a", 1..6), ("b", 6..7)] {
        let letters: Vec<_> = numbers.map(|number| letter(stream, number, i64::from(number))).collect();
        let restored = Restored {
            alerts: Vec::new(),
            dead_letters: letters.iter().map(|letter| letter.letter.clone()).collect(),
            series: Vec::new(),
            next_commit: 0,
        };
        node.views.restored(&letters[0].shard, restored);
    }
    let service = Service::start(node).await;
    let mut client = DeadLettersClient::new(service.channel().await);
    let request = v1::ListDeadLettersRequest { stream: "a".into(), page_size: 3, page_token: String::new() };
    let first = client.list_dead_letters(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.dead_letters.len(), first.total), (3, 5));
    let newest = &first.dead_letters[0];
    assert_eq!((newest.sequence_number.as_str(), newest.index, newest.excerpt.as_str()), ("5", 2, "{}"));
    let next = v1::ListDeadLettersRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let second = client.list_dead_letters(next).await.unwrap().into_inner();
    assert_eq!((second.dead_letters.len(), second.next_page_token.as_str()), (2, ""));
    let other =
        v1::ListDeadLettersRequest { stream: "b".into(), page_token: first.next_page_token, ..request };
    assert_eq!(client.list_dead_letters(other).await.unwrap_err().code(), Code::InvalidArgument);

    let some = v1::ReplayDeadLettersRequest { ids: vec![newest.id.clone()], stream: String::new() };
    assert_eq!(client.replay_dead_letters(some).await.unwrap().into_inner().replayed, 1);
    let all = v1::ReplayDeadLettersRequest::default();
    assert_eq!(client.replay_dead_letters(all).await.unwrap().into_inner().replayed, 6);
    let replayed = service.replay.letters.lock().clone();
    let sizes: Vec<(&str, usize)> =
        replayed.iter().map(|(shard, letters)| (&*shard.stream, letters.len())).collect();
    assert_eq!(sizes, [("a", 1), ("a", 5), ("b", 1)]);
    assert!(replayed[1].1.is_sorted_by_key(|source| source.position));

    let unknown = v1::ReplayDeadLettersRequest { ids: vec!["x".into()], stream: String::new() };
    assert_eq!(client.replay_dead_letters(unknown).await.unwrap_err().code(), Code::NotFound);
    service.stop().await;
}
