//! JSON lines are taken as the service takes them: what it would not take is told, and stops nothing.

use kizashi_models::decode::Mapping;
use kizashi_offline::backtest::{FileReport, Options, Report, run};
use kizashi_offline::table::Choice;
use serde_json::Value;
use std::fs;

/// Runs lines, and gives the report and the lines of results.
fn run_lines(lines: &str, choice: Choice, mapping: Mapping) -> Result<(FileReport, Vec<Value>), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.jsonl");
    fs::write(&file, lines).unwrap();
    let out = folder.path().join("out");
    let options =
        Options { files: vec![file], choice, mapping, out: Some(out.clone()), ..Options::default() };
    let report = run(&options, &|_| {}).and_then(Report::whole).map_err(|error| error.to_string())?;
    let results = fs::read_to_string(out.join("x.jsonl")).unwrap();
    let results = results.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Ok((report.files.into_iter().next().unwrap(), results))
}

#[test]
fn fields_that_come_and_go_are_taken_and_bad_lines_are_told() {
    let long_key = "k".repeat(1 << 19);
    let many: Vec<String> = (0..100_000).map(|at| format!("\"{at}\":1")).collect();
    let lines = [
        r#"{"series":"a","time":1396310400,"value":1}"#.to_owned(),
        r#"{"series":"b","time":"2014-04-01T00:00:01+02:00","values":{"x":1,"y":"high"}}"#.to_owned(),
        r#"{"series":"b","time":"2014-04-01T00:00:01Z","values":{"x":1,"y":2}}"#.to_owned(),
        String::new(),
        r#"{"series":"b","time":"2014-04-01T00:00:02Z","values":{"z":1,"y":"NaN"}}"#.to_owned(),
        r#"{"series":"b","time":"2014-04-01T00:00:02Z","values":{"z":1,"y":null}}"#.to_owned(),
        r#"{"series":"b","time":"2014-04-01T00:00:03Z","value":7}"#.to_owned(),
        r#"{"user":"u","item":"i"}"#.to_owned(),
        r#"{"series":"b","value":2}"#.to_owned(),
        format!(r#"{{"series":"{long_key}","time":1,"value":2}}"#),
        format!(r#"{{"series":"b","time":1,"values":{{{}}}}}"#, many.join(",")),
        "x".repeat(3 << 20),
        r#"{"series":"a","time":1396310401.5,"value":"-Infinity"}"#.to_owned(),
    ];
    let (report, results) =
        run_lines(&(lines.join("\n") + "\n"), Choice::default(), Mapping::default()).unwrap();
    assert_eq!((report.rows, report.series, report.refused), (12, 2, 6), "a blank line is no row");
    assert_eq!(results.len(), 12);
    let reasons: Vec<(u64, &str)> =
        results.iter().filter_map(|line| Some((line["line"].as_u64()?, line["refused"].as_str()?))).collect();
    for ((line, reason), (expected, part)) in reasons.iter().zip([
        (2, "`values.y` is \"high\""),
        (8, "an interaction"),
        (9, "no time"),
        (10, "`series` has 524288 bytes"),
        (11, "more than 256 fields"),
        (12, "a line of 3145728 bytes"),
    ]) {
        assert!(*line == expected && reason.starts_with(part), "{line}: {reason}");
    }
    assert_eq!(report.first_refused.unwrap().0, 2);
    assert_eq!(results[0]["timestamp"], 1_396_310_400);
    assert_eq!((&results[0]["value"], &results[0]["alert"]), (&1.0.into(), &Value::Null));
    let grown = &results[3];
    assert_eq!(grown["values"].to_string(), r#"{"x":null,"y":null,"z":1.0}"#);
    assert_eq!((&grown["expected"]["x"], &grown["timestamp"]), (&1.0.into(), &"2014-04-01T00:00:02Z".into()));
    assert!(
        results[4]["expected"].is_null() && results[4]["anomaly_score"] == 0.0,
        "it repeats the one above"
    );
    assert_eq!(results[5]["values"][""], 7.0, "one value of a vector is a field without a name");
    assert_eq!(
        (&results[11]["value"], results[11]["timestamp"].to_string()),
        (&"-Infinity".into(), "1396310401.5".into())
    );
}

#[test]
fn keys_are_those_of_the_mapping_and_of_what_was_chosen() {
    let lines =
        "{\"host\":{\"name\":\"a\"},\"at\":\"2014-04-01\",\"load\":{\"1m\":3,\"5m\":4},\"label\":1}\n";
    let mapping = Mapping {
        series: "host.name".into(),
        time: "at".into(),
        fields: vec!["load.1m".into(), "load.5m".into(), "label".into()],
        ..Mapping::default()
    };
    let choice = Choice { ignore: vec!["label".into()], ..Choice::default() };
    let (_, results) = run_lines(lines, choice, mapping).unwrap();
    assert_eq!((&results[0]["series"], &results[0]["timestamp"]), (&"a".into(), &"2014-04-01".into()));
    assert_eq!(results[0]["values"].to_string(), r#"{"load.1m":3.0,"load.5m":4.0}"#);
    let choice = Choice {
        series: Some("host.name".into()),
        time: Some("at".into()),
        values: vec!["load.5m".into()],
        ..Choice::default()
    };
    let (_, results) = run_lines(lines, choice, Mapping::default()).unwrap();
    assert_eq!(results[0]["values"].to_string(), r#"{"load.5m":4.0}"#);
}

#[test]
fn a_file_without_any_observation_is_an_error() {
    let error = run_lines("nonsense\n{}\n", Choice::default(), Mapping::default()).unwrap_err();
    assert!(error.contains("x.jsonl: no line is an observation; in line 1: not JSON at byte 0 of the line: an object is needed"), "{error}");
}
