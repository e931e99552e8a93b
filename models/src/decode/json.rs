//! A scanner of JSON (RFC 8259) that builds no tree: it hands out keys and scalars as they stand in the
//! text and passes over what nobody asked for.
//!
//! One thing more than the RFC: the bare words `NaN`, `Infinity` and `-Infinity` are numbers, since that
//! is what Python's `json` and others write for them.

use std::borrow::Cow;

/// How deep objects and arrays may stand in each other.
const DEPTH_MAX: u32 = 64;

/// Where and why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) at: usize,
    pub(super) what: &'static str,
    /// The text ended where more was needed.
    pub(super) cut_short: bool,
}

/// A value as it stands in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    Object,
    Array,
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn error<T>(&self, what: &'static str) -> Result<T, SyntaxError> {
        Err(SyntaxError { at: self.at, what, cut_short: self.at >= self.text.len() })
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not white space, which is not passed.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Passes the byte that [`Scanner::peek`] showed.
    fn pass(&mut self) {
        self.at += 1;
    }

    pub(super) fn end(&mut self) -> Result<(), SyntaxError> {
        if self.peek().is_some() { self.error("something follows the object") } else { Ok(()) }
    }

    /// Passes the `{` of an object.
    pub(super) fn open(&mut self) -> Result<(), SyntaxError> {
        if self.peek() != Some(b'{') {
            return self.error("an object is needed, `{`");
        }
        self.pass();
        Ok(())
    }

    /// The next key of an object and its `:`, or `None` behind the `}`. `first` is set for the first call
    /// behind the `{`.
    pub(super) fn key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, SyntaxError> {
        match self.peek() {
            Some(b'}') => {
                self.pass();
                return Ok(None);
            }
            Some(b',') if !first => {
                self.pass();
                self.peek();
            }
            _ if !first => return self.error("`,` or `}` is needed"),
            _ => {}
        }
        if self.byte() != Some(b'"') {
            return self.error("a key in `\"` is needed");
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return self.error("`:` is needed");
        }
        self.pass();
        Ok(Some(key))
    }

    /// The next value; an object or array is passed over whole.
    pub(super) fn value(&mut self) -> Result<Token<'a>, SyntaxError> {
        match self.peek() {
            Some(b'"') => Ok(Token::Text(self.string()?)),
            Some(b'{') => {
                self.skip(0)?;
                Ok(Token::Object)
            }
            Some(b'[') => {
                self.skip(0)?;
                Ok(Token::Array)
            }
            Some(b't') => self.word("true", Token::Bool(true)),
            Some(b'f') => self.word("false", Token::Bool(false)),
            Some(b'n') => self.word("null", Token::Null),
            Some(b'N') => self.word("NaN", Token::Number("NaN")),
            Some(b'I') => self.word("Infinity", Token::Number("Infinity")),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.error("a value is needed"),
        }
    }

    fn word(&mut self, word: &'static str, token: Token<'a>) -> Result<Token<'a>, SyntaxError> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(token);
        }
        if word.as_bytes().starts_with(rest) {
            self.at = self.text.len();
        }
        self.error("a value is needed")
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { self.error("a digit is needed") } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Token<'a>, SyntaxError> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
            if self.byte() == Some(b'I') {
                return self.word("Infinity", Token::Number("-Infinity"));
            }
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Token::Number(&self.text[start..self.at]))
    }

    /// A text, from its opening to behind its closing quote.
    fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        self.pass();
        let start = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    let text = &self.text[start..self.at];
                    self.pass();
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => return self.escaped(start),
                Some(0..0x20) => return self.error("a control character in a text must be escaped"),
                Some(_) => self.at += 1,
                None => return self.error("a text has no end"),
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Result<Cow<'a, str>, SyntaxError> {
        let mut text = String::from(&self.text[start..self.at]);
        loop {
            let plain = self.at;
            while !matches!(self.byte(), Some(b'"' | b'\\' | 0..0x20) | None) {
                self.at += 1;
            }
            text.push_str(&self.text[plain..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.pass();
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.pass();
                    text.push(self.escape()?);
                }
                Some(_) => return self.error("a control character in a text must be escaped"),
                None => return self.error("a text has no end"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let Some(byte) = self.byte() else { return self.error("a text has no end") };
        let char = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.pass();
                return self.unicode();
            }
            _ => return self.error("an unknown escape in a text"),
        };
        self.pass();
        Ok(char)
    }

    /// The character of a `\u`, whose `u` was passed; two of them for one beyond the basic plane.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let high = self.hex4()?;
        let mut code = high;
        if (0xd800..0xdc00).contains(&high) {
            if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                return self.error("half of a surrogate pair in a text");
            }
            self.at += 2;
            let low = self.hex4()?;
            if !(0xdc00..0xe000).contains(&low) {
                return self.error("half of a surrogate pair in a text");
            }
            code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        }
        match char::from_u32(code) {
            Some(char) => Ok(char),
            None => self.error("half of a surrogate pair in a text"),
        }
    }

    fn hex4(&mut self) -> Result<u32, SyntaxError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.error("four hexadecimal digits are needed behind `\\u`");
            };
            code = code * 16 + digit;
            self.pass();
        }
        Ok(code)
    }

    /// Passes over an object or array that [`Scanner::peek`] stands at.
    fn skip(&mut self, depth: u32) -> Result<(), SyntaxError> {
        if depth == DEPTH_MAX {
            return self.error("objects and arrays stand more than 64 deep in each other");
        }
        if self.byte() == Some(b'{') {
            self.pass();
            let mut first = true;
            while self.key(first)?.is_some() {
                self.skip_value(depth)?;
                first = false;
            }
            return Ok(());
        }
        self.pass();
        if self.peek() == Some(b']') {
            self.pass();
            return Ok(());
        }
        loop {
            self.skip_value(depth)?;
            match self.peek() {
                Some(b',') => self.pass(),
                Some(b']') => {
                    self.pass();
                    return Ok(());
                }
                _ => return self.error("`,` or `]` is needed"),
            }
        }
    }

    fn skip_value(&mut self, depth: u32) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(b'{' | b'[') => self.skip(depth + 1),
            _ => self.value().map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The keys and values of an object, or why it is none.
    fn scan(text: &str) -> Result<Vec<(String, Token<'_>)>, SyntaxError> {
        let mut scanner = Scanner::new(text);
        let mut found = Vec::new();
        scanner.open()?;
        while let Some(key) = scanner.key(found.is_empty())? {
            found.push((key.into_owned(), scanner.value()?));
        }
        scanner.end()?;
        Ok(found)
    }

    /// What serde_json makes of it, where it takes it.
    fn same_as_serde_json(text: &str) -> Result<(), TestCaseError> {
        let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        match (scan(text), theirs) {
            (Ok(ours), Ok(theirs)) => {
                let last: std::collections::HashMap<_, _> = ours.into_iter().collect();
                prop_assert_eq!(last.len(), theirs.len());
                for (key, value) in theirs {
                    let same = match (&last[&key], &value) {
                        (Token::Null, serde_json::Value::Null) => true,
                        (Token::Bool(a), serde_json::Value::Bool(b)) => a == b,
                        (Token::Text(a), serde_json::Value::String(b)) => a == b,
                        (Token::Number(a), serde_json::Value::Number(b)) => {
                            let ours = a.parse::<f64>().unwrap();
                            (ours - b.as_f64().unwrap()).abs() <= ours.abs() * 1e-15
                        }
                        (Token::Object, serde_json::Value::Object(_)) => true,
                        (Token::Array, serde_json::Value::Array(_)) => true,
                        _ => false,
                    };
                    prop_assert!(same, "{key:?} of {text:?}");
                }
            }
            (Err(_), Err(_)) => {}
            (Ok(_), Err(theirs)) => {
                let ours_alone = text.contains("NaN") || text.contains("Infinity");
                prop_assert!(ours_alone || theirs.to_string().contains("out of range"), "{text:?}: {theirs}");
            }
            (Err(ours), Ok(_)) => prop_assert!(ours.what.contains("deep"), "{text:?}: {ours:?}"),
        }
        Ok(())
    }

    fn json(depth: u32) -> BoxedStrategy<String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|b| b.to_string()),
            any::<i64>().prop_map(|n| n.to_string()),
            prop::num::f64::NORMAL.prop_map(|n| format!("{n:e}")),
            any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
            Just(r#""\ud83d\ude00\u00e9\n\/""#.to_owned()),
        ];
        scalar
            .prop_recursive(depth, 20, 4, |inner| {
                prop_oneof![
                    prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[ {} ]", v.join(" ,"))),
                    prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|v| object(&v)),
                ]
            })
            .boxed()
    }

    fn object(fields: &[(String, String)]) -> String {
        let fields: Vec<String> =
            fields.iter().map(|(k, v)| format!("{} :\t{v}", serde_json::to_string(k).unwrap())).collect();
        format!(" {{{}}}\r", fields.join(", "))
    }

    proptest! {
        #[test]
        fn what_serde_json_takes_is_taken_alike(fields in prop::collection::vec((any::<String>(), json(3)), 0..5)) {
            same_as_serde_json(&object(&fields))?;
        }

        #[test]
        fn what_serde_json_refuses_is_refused(
            fields in prop::collection::vec((any::<String>(), json(2)), 1..4),
            at: prop::sample::Index, byte in 0u8..128, cut: bool,
        ) {
            let mut bytes = object(&fields).into_bytes();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            if let Ok(text) = std::str::from_utf8(&bytes) {
                same_as_serde_json(text)?;
            }
        }
    }

    #[test]
    fn the_bare_words_of_python_are_numbers() {
        let found = scan(r#"{"a": NaN, "b": -Infinity, "c": Infinity}"#).unwrap();
        let numbers: Vec<_> = found.into_iter().map(|(_, token)| token).collect();
        assert_eq!(numbers, [Token::Number("NaN"), Token::Number("-Infinity"), Token::Number("Infinity")]);
    }

    #[test]
    fn a_text_that_ends_too_early_says_so() {
        for text in
            ["{", "{\"a\"", "{\"a\":", "{\"a\":tr", "{\"a\":1", "{\"a\":[", "{\"a\":\"x", "{\"a\":-Inf"]
        {
            assert!(scan(text).unwrap_err().cut_short, "{text}");
        }
        assert!(!scan("{\"a\":x}").unwrap_err().cut_short);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
        assert!(scan(&deep).is_ok());
        let deeper = format!("{{\"a\":{}{}}}", "[".repeat(65), "]".repeat(65));
        assert!(scan(&deeper).unwrap_err().what.contains("64 deep"));
    }
}
