//! `kizashi dead-letters`: what could not be decoded.

use super::alerts::time;
use crate::{
    arguments::DeadLetters,
    client,
    report::{self, Failure},
};
use kizashi_proto::v1::{
    ListDeadLettersRequest, ReplayDeadLettersRequest, dead_letters_client::DeadLettersClient,
};
use serde_json::json;

const PAGE_SIZE: u32 = 500;

pub async fn run(arguments: DeadLetters) -> Result<(), Failure> {
    match arguments {
        DeadLetters::List { stream, json, limit, server } => {
            let mut client = DeadLettersClient::new(client::connect(&server).await?);
            let (mut page_token, mut left) = (String::new(), limit);
            while left > 0 {
                let request = ListDeadLettersRequest {
                    stream: stream.clone(),
                    page_size: left.min(PAGE_SIZE) as i32,
                    page_token,
                };
                let answer = client
                    .list_dead_letters(request)
                    .await
                    .map_err(|status| client::refused(&server, &status))?;
                let answer = answer.into_inner();
                for letter in answer.dead_letters.iter().take(left as usize) {
                    let arrived = time(letter.arrived);
                    if json {
                        report::line(json!({
                            "id": letter.id, "stream": letter.stream, "shard": letter.shard, "arrived": arrived,
                            "sequence_number": letter.sequence_number, "index": letter.index,
                            "reason": letter.reason, "excerpt": letter.excerpt,
                        }))?;
                    } else {
                        let arrived = arrived.as_deref().unwrap_or("-");
                        report::line(format_args!(
                            "{}  {arrived}  {}  {}",
                            letter.id, letter.reason, letter.excerpt
                        ))?;
                    }
                }
                left = left.saturating_sub(answer.dead_letters.len() as u32);
                page_token = answer.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            Ok(())
        }
        DeadLetters::Replay { ids, stream, server } => {
            let mut client = DeadLettersClient::new(client::connect(&server).await?);
            let answer = client
                .replay_dead_letters(ReplayDeadLettersRequest { ids, stream })
                .await
                .map_err(|status| client::refused(&server, &status))?
                .into_inner();
            let are = if answer.gone == 1 { "is" } else { "are" };
            report::line(format_args!(
                "{} replayed, {} still can't be decoded, {} {are} gone from the stream",
                answer.replayed, answer.failed, answer.gone
            ))
        }
    }
}
