//! The dead letters that are kept, newest first.

use kizashi_models::position::Source;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// A line of a record that could not be decoded, or an observation that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The line it was.
    pub source: Source,
    /// When the record arrived, Unix milliseconds.
    pub arrived_ms: i64,
    /// What could not be decoded, and what would be.
    pub reason: String,
    /// The first bytes of the line, with what is not UTF-8 replaced.
    pub excerpt: String,
}

impl DeadLetter {
    /// The letter's id: its stream, shard, sequence number (hexadecimal) and index, joined by `/`.
    pub fn id(&self) -> String {
        let sequence = self.source.position.sequence;
        let first = sequence.iter().position(|byte| *byte != 0).unwrap_or(sequence.len() - 1);
        let digits: String = sequence[first..].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}/{}/{digits}/{}", self.source.stream, self.source.shard, self.source.position.index)
    }
}

/// Where a letter stands in the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterKey {
    arrived_ms: i64,
    id: String,
}

impl LetterKey {
    fn of(letter: &DeadLetter) -> Self {
        Self { arrived_ms: letter.arrived_ms, id: letter.id() }
    }

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
    by_stream: BTreeMap<Box<str>, usize>,
}

impl DeadLetterBook {
    /// An empty book that keeps at most `letters_max`, at least 1.
    pub fn new(letters_max: usize) -> Self {
        assert!(letters_max > 0, "a book keeps at least one letter");
        Self { letters_max, letters: BTreeMap::new(), by_stream: BTreeMap::new() }
    }

    /// Puts in a letter; one of the same id and arrival is replaced.
    pub fn put(&mut self, letter: DeadLetter) {
        let stream = letter.source.stream.clone();
        if self.letters.insert(LetterKey::of(&letter), Arc::new(letter)).is_none() {
            *self.by_stream.entry(stream).or_default() += 1;
        }
        while self.letters.len() > self.letters_max {
            let (_, oldest) = self.letters.pop_first().expect("a book over its bound is not empty");
            self.count_down(&oldest.source.stream);
        }
    }

    /// Takes out a letter, once what it held is through.
    pub fn remove(&mut self, letter: &DeadLetter) {
        if self.letters.remove(&LetterKey::of(letter)).is_some() {
            self.count_down(&letter.source.stream);
        }
    }

    fn count_down(&mut self, stream: &str) {
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
        let of_stream = letters.filter(|(_, letter)| stream.is_empty() || *letter.source.stream == *stream);
        of_stream.take(found_max).map(|(key, letter)| (key.clone(), letter.clone())).collect()
    }

    /// The letter of this id.
    pub fn get(&self, id: &str) -> Option<Arc<DeadLetter>> {
        self.letters.iter().rev().find(|(key, _)| key.id == id).map(|(_, letter)| letter.clone())
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

    pub(crate) fn letter(stream: &str, number: u8, arrived_ms: i64) -> DeadLetter {
        let mut sequence = [0; 24];
        sequence[23] = number;
        DeadLetter {
            source: Source {
                stream: stream.into(),
                shard: "shardId-000000000000".into(),
                position: Position { sequence, index: 2 },
            },
            arrived_ms,
            reason: "`value` is missing".to_owned(),
            excerpt: "{}".to_owned(),
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
        let numbers: Vec<i64> = first.iter().map(|(_, letter)| letter.arrived_ms).collect();
        assert_eq!(numbers, [5, 4, 3]);
        let after = LetterKey::decode(&first[2].0.encode()).unwrap();
        book.put(letter("a", 9, 9));
        assert_eq!(book.page("", Some(&after), 3).len(), 0, "the letter behind the page went");
        assert_eq!(book.page("a", None, 9).len(), 3);
        let id = letter("b", 5, 5).id();
        assert_eq!(id, "b/shardId-000000000000/05/2");
        assert_eq!(book.get(&id).unwrap().arrived_ms, 5);
        book.remove(&letter("b", 5, 5));
        assert!(book.get(&id).is_none());
        assert_eq!((book.count(""), book.count("b")), (3, 0));
    }
}
