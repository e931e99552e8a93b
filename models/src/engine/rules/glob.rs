//! Patterns of names: `*` is any text, also none; `?` is one character; all else is itself.

/// Whether `text` is what `pattern` says, as a whole. Case counts, and `*` takes every character, `/` and `.` too.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on if what follows the newest `*` does not fit: behind it, one character later in the text.
    // An older `*` needs no second look, since the newest takes whatever it could have taken.
    let mut retry = None;
    loop {
        let (wanted, found) = (pattern.clone().next(), text.clone().next());
        match (wanted, found) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern.next();
                retry = Some((pattern.clone(), text.clone()));
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                pattern.next();
                text.next();
                continue;
            }
            _ => {}
        }
        let Some((behind_star, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        (pattern, text) = (behind_star.clone(), from.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_matches_the_whole_name() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "a/b.c"),
            ("", ""),
            ("cpu", "cpu"),
            ("cpu*", "cpu"),
            ("*.cpu", "web-1.eu.cpu"),
            ("web-?.*", "web-ß.cpu"),
            ("a*b*c", "a-b-b-c"),
            ("*ab", "aab"),
            ("**", "x"),
            ("[a]", "[a]"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "a"), ("?", ""), ("cpu", "cpu2"), ("cpu", "CPU"), ("a*b", "abc"), ("*?b", "b"), ("a?", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    /// The definition, without regard for speed.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| plain(rest, &text[taken..])),
            (['?', rest @ ..], [_, behind @ ..]) => plain(rest, behind),
            ([wanted, rest @ ..], [found, behind @ ..]) => wanted == found && plain(rest, behind),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), plain(&chars(&pattern), &chars(&text)));
        }
    }
}
