//! Service `DeadLetters`.

use super::{errors, wire};
use crate::{
    committed::ShardRef,
    views::{
        Views,
        dead_letters::{DeadLetter, LetterKey},
        token,
    },
};
use kizashi_models::position::Source;
use kizashi_proto::v1::{self, dead_letters_server::DeadLetters};
use kizashi_stream::{api::BoxFuture, sequence::SequenceNumber};
use std::{collections::BTreeMap, sync::Arc};
use tonic::{Code, Request, Response, Status};

const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;
const IDS_MAX: usize = 1_000;

/// What became of letters that were replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayOutcome {
    /// Decoded now, and on their way.
    pub replayed: u64,
    /// Still not decodable.
    pub failed: u64,
    /// Their bytes are no longer on the stream.
    pub gone: u64,
}

/// Puts dead letters through the mapping once more: the workers do.
pub trait DeadLetterReplay: Send + Sync + 'static {
    /// Replays letters of a shard, which come from `letters`, ascending within each source shard. An error is
    /// one sentence.
    fn replay<'a>(
        &'a self,
        shard: &'a ShardRef,
        letters: Vec<Source>,
    ) -> BoxFuture<'a, Result<ReplayOutcome, String>>;
}

/// Lists and replays dead letters.
pub(super) struct DeadLettersService {
    pub(super) views: Arc<Views>,
    pub(super) replay: Arc<dyn DeadLetterReplay>,
}

#[tonic::async_trait]
impl DeadLetters for DeadLettersService {
    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<Response<v1::ListDeadLettersResponse>, Status> {
        let request = request.into_inner();
        let count = super::page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)?;
        let scope = format!("dead letters\n{}", request.stream);
        let after = super::page_token(&scope, &request.page_token, LetterKey::decode)?;
        let (mut page, total) = {
            let book = self.views.dead_letters().lock();
            (book.page(&request.stream, after.as_ref(), count + 1), book.count(&request.stream))
        };
        let more = page.len() > count;
        page.truncate(count);
        let last = page.last().filter(|_| more);
        let next_page_token = last.map_or_else(String::new, |(key, _)| token::seal(&scope, &key.encode()));
        Ok(Response::new(v1::ListDeadLettersResponse {
            dead_letters: page.iter().map(|(_, letter)| to_wire(letter)).collect(),
            next_page_token,
            total: total as u64,
        }))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<v1::ReplayDeadLettersRequest>,
    ) -> Result<Response<v1::ReplayDeadLettersResponse>, Status> {
        let request = request.into_inner();
        let mut outcome = ReplayOutcome::default();
        for (shard, letters) in self.chosen(&request)? {
            let replayed = self.replay.replay(&shard, letters).await;
            let replayed =
                replayed.map_err(|problem| errors::other(Code::Internal, "REPLAY_FAILED", problem))?;
            outcome.replayed += replayed.replayed;
            outcome.failed += replayed.failed;
            outcome.gone += replayed.gone;
        }
        Ok(Response::new(v1::ReplayDeadLettersResponse {
            replayed: outcome.replayed,
            failed: outcome.failed,
            gone: outcome.gone,
        }))
    }
}

impl DeadLettersService {
    /// Sources of the letters that a request names, ascending, by the shard whose worker wrote them.
    fn chosen(
        &self,
        request: &v1::ReplayDeadLettersRequest,
    ) -> Result<BTreeMap<ShardRef, Vec<Source>>, Status> {
        if request.ids.len() > IDS_MAX {
            let held = format!("{} ids", request.ids.len());
            return Err(errors::invalid(
                "ids",
                held,
                format!("at most {IDS_MAX}, or none for all of `stream`"),
            ));
        }
        let book = self.views.dead_letters().lock();
        let letters: Vec<Arc<DeadLetter>> = if request.ids.is_empty() {
            let all = book.page(&request.stream, None, usize::MAX);
            all.into_iter().map(|(_, letter)| letter).collect()
        } else {
            let get = |id: &String| {
                let letter = book.get(id);
                letter.ok_or_else(|| {
                    errors::not_found("dead letter", id, format!("no dead letter `{id}` is kept"))
                })
            };
            request.ids.iter().map(get).collect::<Result<_, _>>()?
        };
        let mut chosen = BTreeMap::<ShardRef, Vec<Source>>::new();
        for letter in letters {
            chosen.entry(letter.shard.clone()).or_default().push(letter.letter.source.clone());
        }
        for sources in chosen.values_mut() {
            sources.sort_unstable_by(|a, b| {
                (&a.stream, &a.shard, a.position).cmp(&(&b.stream, &b.shard, b.position))
            });
            sources.dedup();
        }
        Ok(chosen)
    }
}

fn to_wire(letter: &DeadLetter) -> v1::DeadLetter {
    let source = &letter.letter.source;
    v1::DeadLetter {
        id: letter.id(),
        stream: source.stream.to_string(),
        shard: source.shard.to_string(),
        sequence_number: SequenceNumber(source.position.sequence).to_string(),
        index: source.position.index,
        arrived: Some(wire::timestamp(letter.letter.arrival_ms)),
        reason: letter.letter.reason.to_string(),
        excerpt: letter.letter.excerpt.to_string(),
    }
}
