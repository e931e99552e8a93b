//! Numbers of things in sentences.

use std::fmt;

/// So many of what one is called by this noun: `1 row`, `2 rows`.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub u64, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        let ending = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {noun}{ending}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let texts = [0, 1, 2, 21].map(|count| Count(count, "row").to_string());
        assert_eq!(texts, ["0 rows", "1 row", "2 rows", "21 rows"]);
    }
}
