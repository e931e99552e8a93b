//! From a file and the environment to a checked configuration, with errors that name the place.

use super::{Config, FILE};
use crate::report::Failure;
use serde::Deserialize;
use std::{collections::BTreeMap, ops::Range, path::Path};
use toml::{Table, Value};

/// Variables of this kind set a key: `KIZASHI_DETECT__BUDGET=1` sets `detect.budget`.
const PREFIX: &str = "KIZASHI_";

/// Variables with the prefix that are not keys of the configuration.
const NOT_KEYS: [&str; 4] = ["KIZASHI_SERVER", "KIZASHI_LOG", "KIZASHI_BENCH_DATA", "KIZASHI_BIN"];

/// Reads `file`, or `kizashi.toml` here where there is one, and puts the `KIZASHI_…` variables on top.
pub fn load(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Config, Failure> {
    load_named(file, variables).map(|(config, _)| config)
}

/// As [`load`], with the name of the file that was read, or `defaults` where there is none.
pub fn load_named(
    file: Option<&Path>,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(Config, String), Failure> {
    let default = Path::new(FILE);
    let path = file.or_else(|| default.exists().then_some(default));
    let text = match path {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format_args!("can't read the configuration {}: {error}", path.display()))
        })?,
    };
    let name = path.map_or_else(|| "defaults".into(), |path| path.display().to_string());
    let config = parse(&text, &name, variables)?;
    Ok((config, name))
}

fn parse(
    text: &str,
    name: &str,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Config, Failure> {
    let located = |error: toml::de::Error| Failure::usage(locate(text, name, error.span(), error.message()));
    // The file by itself first: only then have errors a place in it.
    let from_file: Config = toml::from_str(text).map_err(located)?;
    from_file.check().map_err(|(key, wrong)| {
        Failure::usage(match line_of(text, &key) {
            Some(line) => format!("{name}:{line}: {key} {wrong}"),
            None => format!("{name}: {key} {wrong}"),
        })
    })?;
    let mut table: Table = toml::from_str(text).map_err(located)?;
    let mut variables: Vec<_> = variables
        .filter(|(key, _)| {
            key.starts_with(PREFIX) && !NOT_KEYS.contains(&key.as_str()) && !key.starts_with("KIZASHI_FAIL_")
        })
        .collect();
    variables.sort();
    let mut config = from_file;
    for (variable, value) in variables {
        let key = variable[PREFIX.len()..].to_lowercase().replace("__", ".");
        let wrong = |what: &str| Failure::usage(format!("{variable}={value:?} (key {key}): {what}"));
        set(&mut table, &key, typed(&value)).map_err(|what| wrong(&what))?;
        config = Config::deserialize(Value::Table(table.clone())).map_err(|error| wrong(error.message()))?;
        config.check().map_err(|(at, what)| wrong(&format!("{at} {what}")))?;
    }
    Ok(config)
}

/// A variable's text as the TOML value it looks like, else as a string.
fn typed(text: &str) -> Value {
    match toml::from_str::<Table>(&format!("value = {text}")) {
        Ok(mut table) if table.len() == 1 => {
            table.remove("value").unwrap_or_else(|| Value::String(text.into()))
        }
        _ => Value::String(text.into()),
    }
}

fn set(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let (parents, last) = key.rsplit_once('.').map_or((None, key), |(parents, last)| (Some(parents), last));
    let mut at = table;
    for part in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let next = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
        at = next.as_table_mut().ok_or_else(|| format!("{part} is not a table"))?;
    }
    at.insert(last.to_owned(), value);
    Ok(())
}

/// `FILE:LINE: KEY: what is wrong`.
fn locate(text: &str, name: &str, span: Option<Range<usize>>, message: &str) -> String {
    let Some(before) = span.and_then(|span| text.get(..span.start)) else {
        return format!("{name}: {message}");
    };
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let key = line.split_once('=').map_or("", |(key, _)| key.trim());
    let section = text
        .lines()
        .take(number + 1)
        .filter(|line| line.trim_start().starts_with('['))
        .last()
        .unwrap_or_default();
    let section = section.trim().trim_start_matches('[').split(']').next().unwrap_or_default();
    let path = [section, key].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    let colon = if path.is_empty() { "" } else { ": " };
    format!("{name}:{}: {path}{colon}{}", number + 1, message.trim_end().replace('\n', "; "))
}

/// The line that sets `key`, where the file spells it in the usual way. A key in the Nth `[[TABLE]]` is
/// `TABLE.N.KEY`.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut section = String::new();
    let mut counts = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let until_bracket = |rest: &str| rest.split(']').next().unwrap_or_default().trim().to_owned();
        if let Some(rest) = line.strip_prefix("[[") {
            let name = until_bracket(rest);
            let count = counts.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
            section = format!("{name}.{count}");
        } else if let Some(rest) = line.strip_prefix('[') {
            section = until_bracket(rest);
        }
        let name = line.split_once('=').map_or("", |(name, _)| name.trim());
        let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        if path == key || (name.is_empty() && section == key) {
            return Some(number + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use kizashi_models::engine::Direction;

    fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        parse(text, "kizashi.toml", variables).map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(with("", &[]), Ok(Config::default()));
    }

    #[test]
    fn keys_and_variables_are_read_the_variables_on_top() {
        let config = with(
            "listen = \"127.0.0.1:1\"\n[streams.pumps]\nshards = 2\nrekey = false\n",
            &[
                ("KIZASHI_LISTEN", "127.0.0.1:2"),
                ("KIZASHI_STREAMS__PUMPS__SHARDS", "3"),
                ("KIZASHI_SERVER", "x"),
                ("HOME", "/"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.streams.keys().collect::<Vec<_>>(), ["pumps"]);
        assert_eq!((config.streams["pumps"].shards, config.streams["pumps"].rekey), (3, false));
    }

    #[test]
    fn a_typo_is_told_with_file_line_key_and_what_is_allowed() {
        let error = with("data = \"x\"\n\n[streams.events]\nshard = 2\n", &[]).unwrap_err();
        assert!(error.starts_with("kizashi.toml:4: streams.events.shard"), "{error}");
        assert!(error.contains("unknown field `shard`") && error.contains("`shards`"), "{error}");
    }

    #[test]
    fn a_wrong_type_and_a_wrong_value_are_told_with_their_place() {
        let error = with("[streams.events]\nshards = \"many\"\n", &[]).unwrap_err();
        assert!(error.starts_with("kizashi.toml:2: streams.events.shards: "), "{error}");
        let error = with("[streams.events]\nrekey = true\nshards = 0\n", &[]).unwrap_err();
        assert_eq!(error, "kizashi.toml:3: streams.events.shards 0 is not allowed: from 1 to 64 is");
        let error = with("listen = \"0.0.0.0:8750\"\n", &[]).unwrap_err();
        assert!(
            error.starts_with("kizashi.toml:1: listen 0.0.0.0:8750 is reachable from other machines"),
            "{error}"
        );
        let error = with("listen = [\n", &[]).unwrap_err();
        assert!(error.starts_with("kizashi.toml:"), "{error}");
    }

    #[test]
    fn tables_of_series_are_read_in_their_order() {
        let text =
            "[[series]]\nmatch = \"web-*\"\nrange = [0, 100]\n\n[[series]]\nmatch = \"*\"\nfield = \"cpu\"\n";
        let config = with(text, &[]).unwrap();
        let engine = config.engine();
        assert_eq!((&*engine.series[0].matches, engine.series[0].range), ("web-*", Some([0.0, 100.0])));
        assert_eq!(engine.series[1].field.as_deref(), Some("cpu"));
        let text = "[[series]]\nmatch = \"*\"\ndirection = \"up\"\nignore_rise_percent = 5\nmute = false\n";
        let rule = &with(text, &[]).unwrap().series[0];
        assert_eq!((rule.direction, rule.ignore_rise_percent), (Some(Direction::Up), Some(5.0)));
        let variable = ("KIZASHI_SERIES", "[{match = \"x\", range = [-1, 1.5]}]");
        assert_eq!(with(text, &[variable]).unwrap().series[0].range, Some([-1.0, 1.5]));
    }

    #[test]
    fn what_is_wrong_in_a_table_of_series_is_told_with_its_number() {
        let text = "[[series]]\nmatch = \"a\"\nrange = [0, 1]\n[detect]\n[[series]]\nmatch = \"*\"\nrange = [5, 1]\n";
        let error = with(text, &[]).unwrap_err();
        assert!(error.starts_with("kizashi.toml:7: series.2.range [5, 1] is not allowed: "), "{error}");
        let error = with("[[series]]\nrange = [0, 1]\n", &[]).unwrap_err();
        assert!(error.contains("kizashi.toml:1: series: missing field `match`"), "{error}");
        let error = with("[[series]]\nmatch = \"*\"\nrage = [0, 1]\n", &[]).unwrap_err();
        assert!(error.starts_with("kizashi.toml:3: series.rage: unknown field `rage`"), "{error}");
        let text = "[[series]]\nmatch = \"*\"\nquiet_hours = [\"22:00-06:00\", \"22-06\"]\nquiet_severity = \"critical\"\n";
        let error = with(text, &[]).unwrap_err();
        assert!(
            error.starts_with("kizashi.toml:3: series.1.quiet_hours \"22-06\" is not allowed: "),
            "{error}"
        );
        assert!(error.contains("\"Mon-Fri 18:00-08:00\""), "{error}");
        let error = with("[[series]]\nmatch = \"*\"\nquiet_hours = \"22:00-06:00\"\n", &[]).unwrap_err();
        assert_eq!(
            error,
            "kizashi.toml:3: series.quiet_hours: invalid type: string \"22:00-06:00\", expected a list of windows, such as \
             [\"22:00-06:00\", \"Sat,Sun 00:00-24:00\"]"
        );
        let error = with("[[series]]\nmatch = \"*\"\ndirection = \"left\"\n", &[]).unwrap_err();
        assert!(error.starts_with("kizashi.toml:3: series.direction: "), "{error}");
        assert!(error.contains("`up`, `down`"), "{error}");
        assert!(with("[[series]]\nmatch = \"*\"\nrange = [0]\n", &[]).is_err());
        let error = with("[detect]\nseries = []\n", &[]).unwrap_err();
        assert!(error.contains("unknown field `series`"), "{error}");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = with("", &[("KIZASHI_STREAMS__EVENTS__SHARDS", "many")]).unwrap_err();
        assert!(
            error.starts_with("KIZASHI_STREAMS__EVENTS__SHARDS=\"many\" (key streams.events.shards): "),
            "{error}"
        );
        let error = with("", &[("KIZASHI_LISSTEN", "127.0.0.1:1")]).unwrap_err();
        assert!(error.contains("KIZASHI_LISSTEN") && error.contains("`listen`"), "{error}");
    }
}
