//! The dead letters that are kept, newest first.

use crate::committed::ShardRef;
use kizashi_models::position::Source;
use kizashi_storage::commit;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    ops::Bound,
    sync::Arc,
};

/// A line of a record that could not be decoded, or an observation that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The shard that the application read it from.
    pub shard: ShardRef,
    /// Where it stands there, and why.
    pub letter: commit::DeadLetter,
}

impl DeadLetter {
    /// The letter's id: application, then stream, shard, sequence number (hexadecimal) and index of its source,
    /// joined by `/`.
    pub fn id(&self) -> String {
        letter_id(&self.shard, &self.letter.source)
    }
}

fn letter_id(shard: &ShardRef, source: &Source) -> String {
    let position = &source.position;
    let mut id = format!("{}/{}/{}/", shard.application, source.stream, source.shard);
    let first = position.sequence.iter().position(|byte| *byte != 0).unwrap_or(position.sequence.len() - 1);
    for byte in &position.sequence[first..] {
        let _ = write!(id, "{byte:02x}");
    }
    let _ = write!(id, "/{}", position.index);
    id
}

/// Where a letter stands in the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterKey {
    arrived_ms: i64,
    id: String,
}

impl LetterKey {
    /// Packs the key for a token.
    pub fn encode(&self) -> Vec<u8> {
        [&self.arrived_ms.to_le_bytes(), self.id.as_bytes()].concat()
    }

    /// Unpacks what [`LetterKey::encode`] gave.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (arrived, id) = bytes.split_first_chunk::<8>()?;
        Some(Self { arrived_ms: i64::from_le_bytes(*arrived), id: String::from_utf8(id.to_vec()).ok()? })
    }
}

/// The dead letters that are kept: at most `letters_max`, beyond which the oldest go.
#[derive(Debug)]
pub struct DeadLetterBook {
    letters_max: usize,
    letters: BTreeMap<LetterKey, Arc<DeadLetter>>,
    keys: HashMap<String, LetterKey>,
    by_stream: BTreeMap<Arc<str>, usize>,
}

impl DeadLetterBook {
    /// An empty book that keeps at most `letters_max`, at least 1.
    pub fn new(letters_max: usize) -> Self {
        assert!(letters_max > 0, "a book keeps at least one letter");
        Self { letters_max, letters: BTreeMap::new(), keys: HashMap::new(), by_stream: BTreeMap::new() }
    }

    /// Puts in a letter, in place of one of the same id.
    pub fn put(&mut self, letter: DeadLetter) {
        let id = letter.id();
        self.remove(&id);
        let key = LetterKey { arrived_ms: letter.letter.arrival_ms, id: id.clone() };
        *self.by_stream.entry(letter.shard.stream.clone()).or_default() += 1;
        self.letters.insert(key.clone(), Arc::new(letter));
        self.keys.insert(id, key);
        if self.letters.len() > self.letters_max {
            let oldest =
                self.letters.first_key_value().expect("a book over its bound is not empty").0.id.clone();
            self.remove(&oldest);
        }
        debug_assert_eq!(self.letters.len(), self.keys.len());
    }

    /// Takes out letters of a shard that are dealt with.
    pub fn settle(&mut self, shard: &ShardRef, letters: &[Source]) {
        for source in letters {
            self.remove(&letter_id(shard, source));
        }
    }

    /// Takes out all letters of a shard.
    pub fn clear(&mut self, shard: &ShardRef) {
        let of_shard = self.letters.iter().filter(|(_, letter)| letter.shard == *shard);
        let ids: Vec<String> = of_shard.map(|(key, _)| key.id.clone()).collect();
        ids.iter().for_each(|id| self.remove(id));
    }

    fn remove(&mut self, id: &str) {
        let Some(key) = self.keys.remove(id) else { return };
        let letter = self.letters.remove(&key).expect("each key has its letter");
        let stream = &letter.shard.stream;
        let count = self.by_stream.get_mut(stream).expect("each letter is counted");
        *count -= 1;
        if *count == 0 {
            self.by_stream.remove(stream);
        }
    }

    /// Up to `found_max` letters of a stream (empty: of all) behind `after`, newest first.
    pub fn page(
        &self,
        stream: &str,
        after: Option<&LetterKey>,
        found_max: usize,
    ) -> Vec<(LetterKey, Arc<DeadLetter>)> {
        let before = after.map_or(Bound::Unbounded, Bound::Excluded);
        let letters = self.letters.range((Bound::Unbounded, before)).rev();
        let of_stream = letters.filter(|(_, letter)| stream.is_empty() || *letter.shard.stream == *stream);
        of_stream.take(found_max).map(|(key, letter)| (key.clone(), letter.clone())).collect()
    }

    /// The letter of this id.
    pub fn get(&self, id: &str) -> Option<Arc<DeadLetter>> {
        self.letters.get(self.keys.get(id)?).cloned()
    }

    /// How many letters of a stream (empty: of all) are kept.
    pub fn count(&self, stream: &str) -> usize {
        if stream.is_empty() { self.letters.len() } else { self.by_stream.get(stream).copied().unwrap_or(0) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use kizashi_models::position::Position;

    pub(crate) fn letter(stream: &str, number: u8, arrival_ms: i64) -> DeadLetter {
        let mut sequence = [0; 24];
        sequence[23] = number;
        DeadLetter {
            shard: ShardRef {
                application: "route".into(),
                stream: stream.into(),
                shard: "shardId-000000000000".into(),
            },
            letter: commit::DeadLetter {
                source: Source {
                    stream: stream.into(),
                    shard: "shardId-000000000000".into(),
                    position: Position { sequence, index: 2 },
                },
                arrival_ms,
                reason: "`value` is missing".into(),
                excerpt: "{}".into(),
            },
        }
    }

    #[test]
    fn pages_are_newest_first_and_the_oldest_go() {
        let mut book = DeadLetterBook::new(4);
        for (stream, number) in [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5)] {
            book.put(letter(stream, number, i64::from(number)));
            book.put(letter(stream, number, i64::from(number)));
        }
        assert_eq!((book.count(""), book.count("a"), book.count("b"), book.count("c")), (4, 2, 2, 0));
        let first = book.page("", None, 3);
        let numbers: Vec<i64> = first.iter().map(|(_, letter)| letter.letter.arrival_ms).collect();
        assert_eq!(numbers, [5, 4, 3]);
        let after = LetterKey::decode(&first[2].0.encode()).unwrap();
        assert_eq!(book.page("", Some(&after), 3).len(), 1);
        book.put(letter("a", 9, 9));
        assert_eq!(book.page("", Some(&after), 3).len(), 0, "the letter behind the page went");
        assert_eq!(book.page("a", None, 9).len(), 3);
    }

    #[test]
    fn letters_go_once_they_are_settled() {
        let mut book = DeadLetterBook::new(4);
        let (first, second) = (letter("a", 1, 1), letter("b", 2, 2));
        book.put(first.clone());
        book.put(second.clone());
        assert_eq!(second.id(), "route/b/shardId-000000000000/02/2");
        assert_eq!(*book.get(&second.id()).unwrap(), second);
        let elsewhere = Source { stream: "c".into(), ..second.letter.source.clone() };
        book.settle(&second.shard, &[elsewhere]);
        assert_eq!(book.count(""), 2, "that position is on another stream");
        book.settle(&second.shard, std::slice::from_ref(&second.letter.source));
        assert_eq!((book.get(&second.id()), book.count("b")), (None, 0));
        book.clear(&second.shard);
        assert_eq!(book.count(""), 1);
        book.clear(&first.shard);
        assert_eq!(book.count(""), 0);
    }
}
