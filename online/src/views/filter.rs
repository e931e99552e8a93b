//! The filter language of `ListAlerts` and `WatchAlerts`: terms joined by spaces, all of which must hold.

use jiff::Timestamp;
use kizashi_models::alert::{Alert, AlertKind, Severity};
use std::fmt;

/// Longest filter, bytes.
pub const FILTER_BYTES_MAX: usize = 4096;
/// Most terms of a filter.
pub const TERMS_MAX: usize = 32;

const FIELDS: &str = "series, stream, severity, kind, open, opened, surprise";

/// A parsed filter. The default holds for every alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Series { key: Box<str>, prefix: bool },
    Stream(Box<str>),
    Severity(Comparison, Severity),
    Kind(AlertKind),
    Open(bool),
    OpenedMs(Comparison, i64),
    Surprise(Comparison, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A text that is not a filter.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("at character {position}: {problem}")]
pub struct FilterError {
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What stands there, and what is allowed.
    pub problem: String,
}

impl Filter {
    /// Parses a filter. Errors name the position and what is allowed there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            let problem =
                format!("the filter has {} bytes; at most {FILTER_BYTES_MAX} are allowed", text.len());
            return Err(FilterError { position: 1, problem });
        }
        let mut parser = Parser { text, at: 0 };
        let mut terms = Vec::new();
        while parser.skip_spaces() {
            if terms.len() == TERMS_MAX {
                return Err(parser.error(parser.at, format!("more than {TERMS_MAX} terms")));
            }
            terms.push(parser.term()?);
        }
        Ok(Self { terms })
    }

    /// Whether all terms hold for `alert`.
    pub fn matches(&self, alert: &Alert) -> bool {
        self.terms.iter().all(|term| match term {
            Term::Series { key, prefix: false } => *alert.series == **key,
            Term::Series { key, prefix: true } => alert.series.starts_with(&**key),
            Term::Stream(name) => *alert.source.stream == **name,
            Term::Severity(comparison, severity) => comparison.holds(&alert.severity, severity),
            Term::Kind(kind) => alert.kind == *kind,
            Term::Open(open) => alert.closed_ms.is_none() == *open,
            Term::OpenedMs(comparison, ms) => comparison.holds(&alert.opened_ms, ms),
            Term::Surprise(comparison, surprise) => comparison.holds(&alert.surprise, surprise),
        })
    }
}

impl Comparison {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Byte offset of the next character.
    at: usize,
}

struct Value {
    text: String,
    /// A `*` stands behind it.
    prefix: bool,
    /// Where it begins.
    at: usize,
}

impl Parser<'_> {
    fn error(&self, at: usize, problem: String) -> FilterError {
        FilterError { position: self.text[..at].chars().count() + 1, problem }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Whether a term follows.
    fn skip_spaces(&mut self) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at < self.text.len()
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let start = self.at;
        let is_end = |c: char| matches!(c, ':' | '<' | '>' | '=') || c.is_whitespace();
        let field = self.rest().split(is_end).next().unwrap_or_default().to_owned();
        self.at += field.len();
        match field.as_str() {
            "series" => {
                self.equals(&field)?;
                let value = self.value()?;
                Ok(Term::Series { key: value.text.into(), prefix: value.prefix })
            }
            "stream" => {
                self.equals(&field)?;
                Ok(Term::Stream(self.whole_value(&field)?.text.into()))
            }
            "severity" => {
                let comparison = self.comparison(&field)?;
                let value = self.whole_value(&field)?;
                let severity = [Severity::Info, Severity::Warning, Severity::Critical]
                    .into_iter()
                    .find(|severity| severity_name(*severity) == value.text);
                let severity = severity.ok_or_else(|| self.unknown(&value, "info, warning, critical"))?;
                Ok(Term::Severity(comparison, severity))
            }
            "kind" => {
                self.equals(&field)?;
                let value = self.whole_value(&field)?;
                let kind = [AlertKind::Anomaly, AlertKind::Silence]
                    .into_iter()
                    .find(|kind| kind_name(*kind) == value.text);
                Ok(Term::Kind(kind.ok_or_else(|| self.unknown(&value, "anomaly, silence"))?))
            }
            "open" => {
                self.equals(&field)?;
                let value = self.whole_value(&field)?;
                Ok(Term::Open(value.text.parse().map_err(|_| self.unknown(&value, "true, false"))?))
            }
            "opened" => {
                let comparison = self.comparison(&field)?;
                let value = self.whole_value(&field)?;
                let time: Timestamp = value
                    .text
                    .parse()
                    .map_err(|_| self.unknown(&value, "an RFC 3339 time such as 2026-01-31T00:00:00Z"))?;
                Ok(Term::OpenedMs(comparison, time.as_millisecond()))
            }
            "surprise" => {
                let comparison = self.comparison(&field)?;
                let value = self.whole_value(&field)?;
                let surprise = value.text.parse().ok().filter(|number: &f64| number.is_finite());
                Ok(Term::Surprise(
                    comparison,
                    surprise.ok_or_else(|| self.unknown(&value, "a finite number"))?,
                ))
            }
            _ => Err(self.error(start, format!("{} is not a field; allowed are {FIELDS}", quoted(&field)))),
        }
    }

    fn comparison(&mut self, field: &str) -> Result<Comparison, FilterError> {
        let operators = [
            (">=", Comparison::GreaterOrEqual),
            ("<=", Comparison::LessOrEqual),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
            (":", Comparison::Equal),
        ];
        for (operator, comparison) in operators {
            if self.rest().starts_with(operator) {
                self.at += operator.len();
                return Ok(comparison);
            }
        }
        Err(self.error(self.at, format!("`{field}` is to be followed by one of : >= <= > <")))
    }

    fn equals(&mut self, field: &str) -> Result<(), FilterError> {
        let start = self.at;
        match self.comparison(field) {
            Ok(Comparison::Equal) => Ok(()),
            _ => Err(self.error(start, format!("`{field}` is to be followed by `:` and a value"))),
        }
    }

    fn whole_value(&mut self, field: &str) -> Result<Value, FilterError> {
        let mut value = self.value()?;
        if value.prefix && self.text[value.at..].starts_with('"') {
            let problem = format!("a `*` behind a value is allowed for `series` only, not for `{field}`");
            return Err(self.error(self.at - 1, problem));
        }
        if value.prefix {
            value.text.push('*');
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        let at = self.at;
        if self.rest().starts_with('"') {
            return self.quoted_value();
        }
        let text = self.rest().split(char::is_whitespace).next().unwrap_or_default().to_owned();
        if text.is_empty() {
            let problem = "a value is missing; write it without spaces behind the operator, or \"quoted\"";
            return Err(self.error(at, problem.to_owned()));
        }
        self.at += text.len();
        Ok(match text.strip_suffix('*') {
            Some(prefix) => Value { text: prefix.to_owned(), prefix: true, at },
            None => Value { text, prefix: false, at },
        })
    }

    fn quoted_value(&mut self) -> Result<Value, FilterError> {
        let at = self.at;
        let mut text = String::new();
        let mut chars = self.text[at + 1..].char_indices();
        let end = loop {
            match chars.next() {
                Some((offset, '"')) => break at + 1 + offset + 1,
                Some((offset, '\\')) => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => {
                        let problem = r#"a `\` in quotes is to be followed by `"` or `\`"#;
                        return Err(self.error(at + 1 + offset, problem.to_owned()));
                    }
                },
                Some((_, other)) => text.push(other),
                None => return Err(self.error(at, "this quote is not closed".to_owned())),
            }
        };
        self.at = end;
        let prefix = self.rest().starts_with('*');
        self.at += usize::from(prefix);
        match self.rest().chars().next() {
            Some(next) if !next.is_whitespace() => {
                Err(self.error(self.at, format!("{next:?} behind a quote; a space is allowed there")))
            }
            _ => Ok(Value { text, prefix, at }),
        }
    }

    fn unknown(&self, value: &Value, allowed: &str) -> FilterError {
        self.error(value.at, format!("{} is not allowed; allowed: {allowed}", quoted(&value.text)))
    }
}

fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{short}`")
}

/// A severity's name in filters: `info`, `warning`, `critical`.
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// A kind's name in filters: `anomaly`, `silence`.
pub fn kind_name(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Anomaly => "anomaly",
        AlertKind::Silence => "silence",
    }
}

/// Prints what parses to an equal filter. Two filters that print alike are the same, so page tokens are
/// bound to this form.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, term) in self.terms.iter().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            match term {
                Term::Series { key, prefix } => {
                    write!(f, "series:{}{}", Quoted(key), if *prefix { "*" } else { "" })?;
                }
                Term::Stream(name) => write!(f, "stream:{}", Quoted(name))?,
                Term::Severity(comparison, severity) => {
                    write!(f, "severity{comparison}{}", severity_name(*severity))?
                }
                Term::Kind(kind) => write!(f, "kind:{}", kind_name(*kind))?,
                Term::Open(open) => write!(f, "open:{open}")?,
                Term::OpenedMs(comparison, ms) => {
                    let time = Timestamp::from_millisecond(*ms).map_err(|_| fmt::Error)?;
                    write!(f, "opened{comparison}{time}")?;
                }
                Term::Surprise(comparison, surprise) => write!(f, "surprise{comparison}{surprise}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => ":",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = !self.0.is_empty()
            && !self.0.starts_with('"')
            && !self.0.ends_with('*')
            && !self.0.contains(char::is_whitespace);
        if bare {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::alert_book::tests::alert;
    use proptest::prelude::*;

    fn matches(filter: &str, alert: &Alert) -> bool {
        Filter::parse(filter).unwrap().matches(alert)
    }

    #[test]
    fn each_field_selects() {
        let mut cpu = alert(1, "host-1 cpu", 1_000);
        cpu.severity = Severity::Warning;
        cpu.surprise = 6.5;
        for holds in [
            "",
            r#"series:"host-1 cpu""#,
            r#"series:"host-1 "*"#,
            "series:host*",
            "series:*",
            "stream:events",
            "severity:warning",
            "severity>=warning severity<critical",
            "kind:anomaly open:true",
            "opened>=1970-01-01T00:00:01Z opened<1970-01-01T00:00:01.001Z",
            "surprise>6 surprise<=6.5",
        ] {
            assert!(matches(holds, &cpu), "{holds}");
        }
        for fails in [
            r#"series:"host-1""#,
            "series:cpu*",
            "stream:other",
            "severity>warning",
            "kind:silence",
            "open:false",
            "opened>1970-01-01T00:00:01Z",
            "severity:warning open:false",
            "surprise<6.5",
        ] {
            assert!(!matches(fails, &cpu), "{fails}");
        }
    }

    #[test]
    fn errors_name_the_position_and_what_is_allowed() {
        for (filter, position, word) in [
            ("serie:x", 1, "`serie` is not a field; allowed are series,"),
            ("open:true severity>=bad", 21, "allowed: info, warning, critical"),
            ("open:true opened>=yesterday", 19, "RFC 3339"),
            ("series>x", 7, "followed by `:`"),
            ("severity=info", 9, "one of : >= <= > <"),
            ("series:", 8, "a value is missing"),
            ("é open:true", 1, "`é` is not a field"),
            ("stream:é open:1", 15, "allowed: true, false"),
            (r#"series:"disk free"#, 8, "not closed"),
            (r#"series:"a"b"#, 11, "a space is allowed"),
            (r#"series:"a\n""#, 10, "is to be followed by"),
            (r#"stream:"a"*"#, 11, "for `series` only"),
            ("surprise>NaN", 10, "a finite number"),
        ] {
            let error = Filter::parse(filter).unwrap_err();
            assert_eq!(error.position, position, "{filter}: {error}");
            assert!(error.problem.contains(word), "{filter}: {error}");
        }
        assert!(Filter::parse(&"open:true ".repeat(33)).unwrap_err().problem.contains("32 terms"));
        assert!(Filter::parse(&" ".repeat(4097)).unwrap_err().problem.contains("4096"));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_filter_that_prints_as_itself_or_an_error(text in filter_like()) {
            match Filter::parse(&text) {
                Ok(filter) => {
                    let printed = filter.to_string();
                    prop_assert_eq!(Filter::parse(&printed).unwrap(), filter);
                }
                Err(error) => prop_assert!(error.position >= 1 && error.position <= text.chars().count() + 1),
            }
        }

        #[test]
        fn any_series_key_can_be_selected(key in any::<String>()) {
            let exact = Filter { terms: vec![Term::Series { key: key.clone().into(), prefix: false }] };
            let prefix = Filter { terms: vec![Term::Series { key: key.clone().into(), prefix: true }] };
            for filter in [exact, prefix] {
                let parsed = Filter::parse(&filter.to_string()).unwrap();
                prop_assert_eq!(&parsed, &filter);
                prop_assert!(parsed.matches(&alert(1, &key, 0)));
            }
        }
    }

    /// Texts near the language, so that both outcomes are common.
    fn filter_like() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("series:".to_owned()),
            Just("severity>=".to_owned()),
            Just("warning".to_owned()),
            Just("opened<2026-01-31T00:00:00.5Z".to_owned()),
            Just("surprise>1e300".to_owned()),
            Just("open:true".to_owned()),
            Just(" ".to_owned()),
            Just("\"".to_owned()),
            Just("*".to_owned()),
            any::<String>(),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }
}
