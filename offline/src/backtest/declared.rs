//! The range of each field of a file, declared before it is run: the first of two passes over it.

use super::Error;
use super::reader::{Reader, Row};
use crate::table::{Choice, STDIN};
use kizashi_models::decode::Mapping;
use kizashi_models::engine::{RULES_MAX, SeriesRule};
use kizashi_models::observation::Values;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Reads a file to its end and gives a rule for each of its fields, which holds for all of its series.
///
/// Missing and infinite values are no part of a range, and a field that has one value alone has none.
pub(super) fn rules(file: &Path, choice: &Choice, mapping: &Mapping) -> Result<Vec<SeriesRule>, Error> {
    let is_pipe = file == Path::new(STDIN) || fs::metadata(file).is_ok_and(|metadata| !metadata.is_file());
    if is_pipe {
        return Err(Error::Options(format!(
            "{}: a declared range needs two passes, and a pipe can be read once; write it to a file, or set the \
             range in the configuration ([[series]])",
            file.display()
        )));
    }
    let mut reader = Reader::open(file, choice, mapping)?;
    let mut row = Row::new();
    let mut ranges = BTreeMap::new();
    while reader.read(&mut row)? {
        if row.refused.is_some() {
            continue;
        }
        match &row.observation.values {
            Values::One(value) => widen(&mut ranges, "", *value),
            Values::Named(named) => named.iter().for_each(|(name, value)| widen(&mut ranges, name, *value)),
        }
        if ranges.len() > RULES_MAX {
            return Err(Error::Options(format!(
                "{}, line {}: more than {RULES_MAX} fields; ranges can be declared for so many",
                file.display(),
                row.line
            )));
        }
    }
    // A name with `*` or `?` is a pattern that other names may match, too: of tables that match, the last holds.
    let (patterns, plain): (Vec<_>, Vec<_>) =
        ranges.into_iter().partition(|(name, _)| name.contains(['*', '?']));
    let all = patterns.into_iter().chain(plain).filter(|(_, [min, max])| min < max);
    let rule = |(name, range): (Box<str>, [f64; 2])| SeriesRule {
        field: Some(name),
        range: Some(range),
        ..SeriesRule::new("*")
    };
    Ok(all.map(rule).collect())
}

fn widen(ranges: &mut BTreeMap<Box<str>, [f64; 2]>, name: &str, value: f64) {
    if !value.is_finite() {
        return;
    }
    match ranges.get_mut(name) {
        Some([min, max]) => (*min, *max) = (min.min(value), max.max(value)),
        None => {
            ranges.insert(name.into(), [value, value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, text: &str) -> Result<Vec<(String, [f64; 2])>, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        let rules =
            rules(&file, &Choice::default(), &Mapping::default()).map_err(|error| error.to_string())?;
        Ok(rules.into_iter().map(|rule| (rule.field.unwrap().into(), rule.range.unwrap())).collect())
    }

    #[test]
    fn least_and_largest_of_each_column() {
        let text = "t,x,y,z\n2020-01-01,3,-inf,1\n2020-01-02,-2.5,7,1\n2020-01-03,,8,1\n";
        assert_eq!(declared("a.csv", text), Ok(vec![("x".into(), [-2.5, 3.0]), ("y".into(), [7.0, 8.0])]));
        let text = "t,x\n2020-01-01,3\n2020-01-02,4\n";
        assert_eq!(declared("a.csv", text), Ok(vec![(String::new(), [3.0, 4.0])]));
    }

    #[test]
    fn names_that_are_patterns_stand_before_those_that_they_match() {
        let text = "{\"series\":\"s\",\"time\":0,\"values\":{\"a*\":1,\"a1\":5}}\nnonsense\n\
                    {\"series\":\"s\",\"time\":1,\"values\":{\"a*\":2,\"a1\":6}}\n";
        assert_eq!(declared("a.jsonl", text), Ok(vec![("a*".into(), [1.0, 2.0]), ("a1".into(), [5.0, 6.0])]));
    }

    #[test]
    fn a_pipe_is_refused() {
        let error = rules(Path::new("-"), &Choice::default(), &Mapping::default()).unwrap_err().to_string();
        assert!(error.starts_with("-: a declared range needs two passes"), "{error}");
    }
}
