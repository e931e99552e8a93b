//! What series have in common by their keys: the parts of a path, a name or a set of labels.

use crate::fnv::fnv1a;

/// Tokens of a key that count; further ones are left out.
const TOKENS_MAX: usize = 32;

/// A token of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// The key from its beginning up to a border, as in a path: `eu/web-7` of `eu/web-7/disk`.
    Prefix(&'a str),
    /// A word anywhere: `web-7` of `disk.web-7`, `host=web-7` of `disk{host=web-7}`.
    Word(&'a str),
}

impl<'a> Token<'a> {
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Prefix(text) | Self::Word(text) => text,
        }
    }

    pub(super) fn hash(self) -> u64 {
        let kind = match self {
            Self::Prefix(_) => 1,
            Self::Word(_) => 2,
        };
        fnv1a([kind].into_iter().chain(self.text().bytes()))
    }
}

/// The tokens of a series' key: its proper prefixes, then its words that are not numbers, each once. A word ends
/// at whatever is not a letter, a digit, `-`, `_` or `=`; a prefix at `-` and `_` as well. Of `name=value` the
/// value is a word, too.
pub(super) fn tokens(key: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (at, _) in key.char_indices().filter(|(_, letter)| !letter.is_alphanumeric()) {
        // Borders next to each other end one prefix.
        let prefix = key[..at].trim_end_matches(|letter: char| !letter.is_alphanumeric());
        add(&mut found, Token::Prefix(prefix), key);
    }
    let border = |letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_' | '=' | '"'));
    for word in key.split(border) {
        add(&mut found, Token::Word(word), key);
        if let Some((_, value)) = word.split_once('=') {
            add(&mut found, Token::Word(value.trim_matches('"')), key);
        }
    }
    found
}

fn add<'a>(found: &mut Vec<Token<'a>>, token: Token<'a>, key: &str) {
    let text = token.text();
    let names = text.contains(char::is_alphabetic) || matches!(token, Token::Prefix(_));
    if found.len() < TOKENS_MAX && !text.is_empty() && text != key && names && !found.contains(&token) {
        found.push(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(key: &str) -> (Vec<&str>, Vec<&str>) {
        let tokens = tokens(key);
        let (prefixes, words): (Vec<Token>, Vec<Token>) =
            tokens.into_iter().partition(|token| matches!(token, Token::Prefix(_)));
        (prefixes.into_iter().map(Token::text).collect(), words.into_iter().map(Token::text).collect())
    }

    #[test]
    fn paths_names_and_labels_have_parts() {
        assert_eq!(
            of("eu/web-7/disk/0"),
            (vec!["eu", "eu/web", "eu/web-7", "eu/web-7/disk"], vec!["eu", "web-7", "disk"])
        );
        assert_eq!(of("web_7_cpu"), (vec!["web", "web_7"], vec![]));
        let labels = of(r#"node_cpu{host="web-7",mode="idle"}"#);
        assert!(["node_cpu", r#"host="web-7""#, "web-7", "idle"].iter().all(|word| labels.1.contains(word)));
        assert_eq!(of("cpu"), (vec![], vec![]));
        assert_eq!(of("10.0.0.7 load").1, ["load"], "numbers are no words");
    }

    proptest! {
        #[test]
        fn any_key_gives_some_distinct_tokens(key in ".{0,200}") {
            let found = tokens(&key);
            prop_assert!(found.len() <= TOKENS_MAX);
            for (at, token) in found.iter().enumerate() {
                prop_assert!(key.contains(token.text()) && token.text() != key);
                prop_assert!(!found[..at].contains(token));
            }
        }
    }
}
