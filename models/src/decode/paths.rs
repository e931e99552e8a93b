//! The paths of a mapping as a tree, so that a record is scanned once, whatever stands in it.

use super::Mapping;

/// What a path of the mapping leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Series,
    Time,
    Value,
    Values,
    /// One of [`Mapping::fields`], by its place there.
    Field(usize),
    User,
    Item,
    Event,
}

/// What is known of the keys of one object of the record.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    entries: Vec<Entry>,
}

/// What stands under one key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    name: Box<str>,
    /// The paths that end here.
    pub(super) targets: Vec<Target>,
    /// The paths that go on, where an object stands here.
    pub(super) inside: Keys,
}

impl Keys {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let mut keys = Self::default();
        keys.insert(&mapping.series, Target::Series);
        keys.insert(&mapping.time, Target::Time);
        if mapping.fields.is_empty() {
            keys.insert(&mapping.value, Target::Value);
            keys.insert(&mapping.values, Target::Values);
        }
        for (at, path) in mapping.fields.iter().enumerate() {
            keys.insert(path, Target::Field(at));
        }
        keys.insert(&mapping.user, Target::User);
        keys.insert(&mapping.item, Target::Item);
        keys.insert(&mapping.event, Target::Event);
        keys
    }

    fn insert(&mut self, path: &str, target: Target) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let at = self.entries.iter().position(|entry| &*entry.name == name).unwrap_or_else(|| {
            self.entries.push(Entry { name: name.into(), targets: Vec::new(), inside: Self::default() });
            self.entries.len() - 1
        });
        match rest {
            None => self.entries[at].targets.push(target),
            Some(rest) => self.entries[at].inside.insert(rest, target),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.name == name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
