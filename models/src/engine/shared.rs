//! What many series have in common, kept once.

use super::EngineConfig;
use super::rules::{Policies, Policy};
use std::sync::Arc;

/// Names kept for sharing; what falls out is only no longer shared.
const KEPT_MAX: usize = 32;

/// The names that were asked for last, and the policies.
#[derive(Debug)]
pub(super) struct Shared {
    texts: Vec<Arc<str>>,
    fields: Vec<Arc<[Box<str>]>>,
    policies: Policies,
}

impl Shared {
    pub(super) fn new(config: &EngineConfig) -> Self {
        Self { texts: Vec::new(), fields: Vec::new(), policies: Policies::new(config) }
    }

    /// What the configuration says of a series with these fields; `None` where that is nothing.
    pub(super) fn policy(&mut self, series: &str, fields: &[Box<str>]) -> Option<Arc<Policy>> {
        self.policies.of(series, fields)
    }

    /// A text such as the name of a stream.
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        find_or_keep(&mut self.texts, |kept| **kept == *text, || Arc::from(text))
    }

    /// The names of a series' fields.
    pub(super) fn fields(&mut self, names: &[&str]) -> Arc<[Box<str>]> {
        let same = |kept: &Arc<[Box<str>]>| kept.iter().map(|name| &**name).eq(names.iter().copied());
        find_or_keep(&mut self.fields, same, || names.iter().map(|name| Box::from(*name)).collect())
    }
}

fn find_or_keep<T: Clone>(kept: &mut Vec<T>, same: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> T {
    if let Some(found) = kept.iter().find(|kept| same(kept)) {
        return found.clone();
    }
    let new = new();
    if kept.len() == KEPT_MAX {
        kept.remove(0);
    }
    kept.push(new.clone());
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_names_are_kept_once() {
        let mut shared = Shared::new(&EngineConfig::default());
        assert!(Arc::ptr_eq(&shared.text("events"), &shared.text("events")));
        assert!(Arc::ptr_eq(&shared.fields(&["a", "b"]), &shared.fields(&["a", "b"])));
        assert!(!Arc::ptr_eq(&shared.fields(&["a", "b"]), &shared.fields(&["b", "a"])));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut shared = Shared::new(&EngineConfig::default());
        (0..100).for_each(|at| drop(shared.text(&at.to_string())));
        assert_eq!(shared.texts.len(), KEPT_MAX);
        assert_eq!(&*shared.text("0"), "0");
    }
}
