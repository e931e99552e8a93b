//! Tables as they are read, from the text of a file to its rows.

use super::*;

/// Time, series and values of a row.
type Read = (i64, Option<String>, Vec<f64>);

fn rows(text: &str, choice: &Choice) -> Result<Vec<Read>, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.csv");
    std::fs::write(&file, text).unwrap();
    let mut found = Vec::new();
    let without_dir =
        |error: TableError| error.to_string().replace(&format!("{}/", dir.path().display()), "");
    let mut table = Table::open(&file, choice).map_err(without_dir)?;
    let mut values = Vec::new();
    while let Some(row) = table.read(&mut values).map_err(without_dir)? {
        found.push((row.time_ms, row.series.map(str::to_owned), row.values.to_vec()));
    }
    Ok(found)
}

#[test]
fn the_delimiter_and_the_time_are_found_out() {
    let expected = Ok(vec![(1_396_310_400_000, None, vec![1.5]), (1_396_310_700_000, None, vec![2.0])]);
    for text in [
        "timestamp,value\n2014-04-01 00:00:00,1.5\n2014-04-01 00:05:00,2\n",
        "\u{feff}value;when\r\n1.5;2014-04-01T00:00:00Z\r\n2;2014-04-01T00:05:00Z\r\n",
        "\"a name, with commas\"\tx\n2014-04-01T02:00:00+02:00\t1.5\n2014-04-01T02:05:00+02:00\t2",
        "epoch,x\n1396310400,1.5\n1396310700,2\n",
        "x,epoch\n1.5,1396310400000\n2,1396310700000\n",
        "when,x\nTue Apr 1 02:00:00 2014 +0200,1.5\nTue Apr 1 00:05:00 2014 +0000,2\n",
        "x\tsent\n1.5\tTue, 01 Apr 2014 00:00:00 GMT\n2\tTue, 01 Apr 2014 00:05:00 GMT\n",
    ] {
        assert_eq!(rows(text, &Choice::default()), expected, "{text}");
    }
}

#[test]
fn columns_can_be_chosen() {
    let text = "t,host,a,b,label\n2014-04-01,x,1,2,0\n2014-04-02,y,3,,1\n";
    let choice = Choice { series: Some("host".into()), ignore: vec!["label".into()], ..Choice::default() };
    let found = rows(text, &choice).unwrap();
    assert_eq!((found[0].1.as_deref(), &found[0].2), (Some("x"), &vec![1.0, 2.0]));
    assert!(found[1].2[0] == 3.0 && found[1].2[1].is_nan());
    let choice = Choice { values: vec!["b".into()], ..Choice::default() };
    assert_eq!(rows(text, &choice).unwrap()[0].2, [2.0]);
    let twice = "t,a,a,b\n2014-04-01,1,2,3\n";
    let choice = Choice { ignore: vec!["a".into()], ..Choice::default() };
    assert_eq!(rows(twice, &choice).unwrap()[0].2, [3.0], "a name is that of all columns that have it");
}

#[test]
fn forms_that_programs_write_are_read() {
    let one = Ok(vec![(1_396_310_400_000, None, vec![1.5])]);
    for text in [
        ",timestamp,value\n0,2014-04-01,1.5\n",
        "\n\r\nvalue,timestamp\n\n1.5,\"2014-04-01 00:00:00\"\n\n",
        "timestamp,value,,\n2014-04-01,1.5,,\n",
        "\"a\nname\",\"t\"\"\"\n\"1.5\",2014-04-01\n",
        "n,n,t,x\na,b,01.04.2014,1.5\n",
        "t\tx\r20140401\t1.5\r",
    ] {
        assert_eq!(rows(text, &Choice::default()), one, "{text:?}");
    }
}

#[test]
fn a_table_of_very_many_columns_is_refused_unless_some_are_chosen() {
    let columns = 100_000;
    let mut text = String::from("t");
    (0..columns).for_each(|at| text += &format!(",c{at}"));
    (0..20).for_each(|row| text += &format!("\n2014-04-{:02}{}", row + 1, ",7".repeat(columns)));
    let error = rows(&text, &Choice::default()).unwrap_err();
    assert_eq!(error, "t.csv: 100000 columns hold numbers; at most 256 are allowed; choose (--values)");
    let choice = Choice { values: vec!["c99999".into()], ..Choice::default() };
    assert_eq!(rows(&text, &choice).unwrap().len(), 20);
}

#[test]
fn a_quote_that_is_never_closed_does_not_take_the_file_into_memory() {
    let mut text = String::from("t,x\n2014-04-01,1\n2014-04-02,\"2\n");
    text += &"2014-04-03,3\n".repeat(2 << 20);
    let choice = Choice { values: vec!["x".into()], ..Choice::default() };
    let error = rows(&text, &choice).unwrap_err();
    assert_eq!(error, "t.csv, line 3: a row of more than 16 MiB; is a quote not closed?");
}

#[test]
fn errors_name_file_line_and_column() {
    let with = |time: Option<&str>, values: &[&str]| Choice {
        time: time.map(str::to_owned),
        values: values.iter().map(|name| (*name).to_owned()).collect(),
        ..Choice::default()
    };
    let default = Choice::default;
    let two = "t,x\n2014-04-01,1\n";
    for (text, choice, part) in [
        ("", default(), "t.csv: the file is empty"),
        ("t,x\n", default(), "t.csv: there are no rows below the header"),
        (
            "2014-04-01,1\n2014-04-02,2\n",
            default(),
            "t.csv: the first line is a row of data, by its `2014-04-01`; a header",
        ),
        (
            "a,date\n1,0\n",
            default(),
            "t.csv: no column holds times; its columns are a, date; `0` in line 2 of column `date` is a number \
             outside of 1990 to 2100; if it is the time, name it (--time); without times, say how far apart rows \
             are (--every 5m)",
        ),
        (
            "a,b\n1-Apr-2014 9h,2\n",
            default(),
            "t.csv: no column holds times; its columns are a, b; `1-Apr-2014 9h` in line 2 of column `a` is in no \
             format of times that is understood, as 2026-01-31T09:30:00Z is; without",
        ),
        (
            "1,0\n2,3\n",
            default(),
            "t.csv: no column holds times; its columns are 1, 0; `2` in line 2 of column `1` is a number outside \
             of 1990 to 2100; if it is the time, name it (--time); without times, say how far apart rows are \
             (--every 5m); all names are numbers: if the first line is a row of data, say so (--no-header)",
        ),
        (
            "t;x\n2014-04-01;1,500\n",
            default(),
            "t.csv: no column holds numbers; its columns are t, x; `1,500` in line 2 of column `x` has a comma; where \
             `;` or a tab tells cells apart, one before decimals is read, if the column shows that it is none of thousands",
        ),
        (
            "t,x\n2014-04-01,\"1,5\"\n",
            default(),
            "t.csv: no column holds numbers; its columns are t, x; `1,5` in line 2 of column `x` has a comma; where",
        ),
        (
            "t;x;y\n2014-04-01;1,5;7\n2014-04-02;1.5;8\n",
            with(None, &["x"]),
            "t.csv, line 2, column `x`: `1,5` is not a number",
        ),
        ("0,5;1,5\n1,25;2\n", default(), "t.csv: the first line is a row of data, by its `0,5`; a header"),
        (
            "0.5,1.5\n1,2\n",
            default(),
            "t.csv: the first line is a row of data, by its `0.5`; a header with the names of the columns is needed, \
             or say that there is none (--no-header), or that it is a name (--values, --ignore)",
        ),
        (
            "web-1,0.5,7\nweb-2,0.25,8\n",
            default(),
            "t.csv: no column holds times; its columns are web-1, 0.5, 7; `web-2` in line 2 of column `web-1` is in no \
             format of times that is understood, as 2026-01-31T09:30:00Z is; without times, say how far apart rows are \
             (--every 5m); `0.5` is a number: if the first line is a row of data, say so (--no-header)",
        ),
        (
            "web-1,0.5,7\nweb-2,0.25,8\n",
            with(None, &["2"]),
            "t.csv: there is no column `2`; its columns are web-1, 0.5, 7; `0.5` is a number: if the first line",
        ),
        (
            "2014-04,7,7\n2014-04-01,7,8\n",
            default(),
            "t.csv: two columns are named `7`; rename one, or leave them out (--ignore); `7` is a number: if",
        ),
        ("t\n2014-04-01\n", default(), "t.csv: no column holds numbers"),
        (
            &format!("t,x\n{}2014-04-02,high\n", "2014-04-01,1\n".repeat(9)),
            default(),
            "t.csv: column `x` holds numbers but also `high` in line 11; mend it, or",
        ),
        ("t,t\n2014-04-01,1\n", default(), "t.csv: two columns are named `t`"),
        (two, with(Some("time"), &[]), "t.csv: there is no column `time`; its columns are t, x"),
        (two, with(Some("x"), &["x"]), "t.csv: `x` is chosen twice"),
        ("t,x\n2014-04-01,1\n2014-04-02\n", default(), "t.csv, line 3: "),
        (
            "t,x\n2014-04-01,1\n2014-14-02,2\n",
            with(Some("t"), &[]),
            "t.csv, line 3, column `t`: `2014-14-02` is not a time",
        ),
        (
            "t,x\n2014-04-01,1\n2014-04-02,high\n",
            with(None, &["x"]),
            "t.csv, line 3, column `x`: `high` is not a number",
        ),
    ] {
        let error = rows(text, &choice).unwrap_err();
        assert!(error.starts_with(part), "{text:?} gave: {error}");
    }
}

#[test]
fn a_bad_cell_far_down_is_found_by_its_line() {
    let mut text = String::from("t,x\n");
    (0..1000).for_each(|row| text += &format!("{},{row}\n", 1_396_310_400 + row));
    text += "1396320400,oops\n";
    assert!(rows(&text, &Choice::default()).unwrap_err().starts_with("t.csv, line 1002, column `x`: `oops`"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Table::open(Path::new("/nowhere/x.csv"), &Choice::default()).err().unwrap().to_string();
    assert!(error.starts_with("/nowhere/x.csv: "), "{error}");
}

#[test]
fn a_column_that_is_empty_at_first_is_told_with_where_it_begins() {
    let mut text = String::from("t,x,late,note,spare\n");
    for row in 0..300 {
        let (late, note) = if row < 250 { ("", "") } else { ("0.5", "hot") };
        text += &format!("{},{row},{late},{note},\n", 1_396_310_400 + row);
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.csv");
    std::fs::write(&file, &text).unwrap();
    let mut table = Table::open(&file, &Choice::default()).unwrap();
    let mut values = Vec::new();
    while let Some(row) = table.read(&mut values).unwrap() {
        assert_eq!(row.values.len(), 1);
    }
    assert_eq!(
        table.layout().to_string(),
        "time `t`; value `x`; left out `spare` (empty), \
         `late` (empty at first, `0.5` in line 252; --values takes it), \
         `note` (empty at first, `hot` in line 252, a text)"
    );
    let choice = Choice { values: vec!["x".into(), "late".into()], ..Choice::default() };
    let found = rows(&text, &choice).unwrap();
    assert!(found[249].2[1].is_nan() && found[250].2 == [250.0, 0.5]);
}

#[test]
fn rows_without_times_are_numbered_in_their_series() {
    let every = Choice { every: Some("5m".parse().unwrap()), ..Choice::default() };
    let expected: Vec<Read> = vec![(0, None, vec![1.5]), (300_000, None, vec![2.5])];
    assert_eq!(rows("x\n1.5\n2.5\n", &every).unwrap(), expected);
    let no_header = Choice { no_header: true, ..every.clone() };
    assert_eq!(rows("1.5\n2.5\n", &no_header).unwrap(), expected);
    let keyed = Choice { series: Some("2".into()), ..no_header.clone() };
    let found = rows("7,a\n8,b\n9,a\n", &keyed).unwrap();
    let times: Vec<_> = found.iter().map(|(time_ms, key, _)| (*time_ms, key.as_deref().unwrap())).collect();
    assert_eq!(times, [(0, "a"), (0, "b"), (300_000, "a")]);
    assert_eq!(
        rows("1\nx\n", &no_header).unwrap_err(),
        "t.csv: no column holds numbers; its columns are 1; `x` in line 2 of column `1` is not a number"
    );
    let far = Choice { every: Some("3000000d".parse().unwrap()), ..Choice::default() };
    let error = rows("x\n1\n2\n", &far).unwrap_err();
    assert_eq!(
        error,
        "t.csv, line 3: the row's number gives a time beyond the year 9999; choose less (--every)"
    );
}

#[test]
fn a_file_without_a_header_has_its_columns_numbered() {
    let choice = Choice { no_header: true, ignore: vec!["3".into()], ..Choice::default() };
    let expected: Vec<Read> =
        vec![(1_396_310_400_000, None, vec![1.5]), (1_396_310_700_000, None, vec![2.0])];
    assert_eq!(rows("1396310400,1.5,0\n1396310700,2,0\n", &choice).unwrap(), expected);
    let error =
        rows("1396310400,1\n1396310700,high\n", &Choice { values: vec!["2".into()], ..choice }).unwrap_err();
    assert!(error.starts_with("t.csv: there is no column `3`"), "{error}");
    let numbered = Choice { no_header: true, ..Choice::default() };
    assert_eq!(
        rows("1396310400,1\n1396310700\n", &numbered).unwrap_err(),
        "t.csv, line 2: 1 cells; the first line has 2"
    );
}

#[test]
fn a_header_of_fractions_is_one_if_a_column_is_named_by_it() {
    let text = "0.5,0.99\n1,2\n3,4\n";
    let every = Choice { every: Some("5m".parse().unwrap()), ..Choice::default() };
    let error = rows(text, &every).unwrap_err();
    assert!(error.contains("or say that there is none (--no-header), or that it is a name"), "{error}");
    let choice = Choice { values: vec!["0.5".into(), "0.99".into()], ..every.clone() };
    assert_eq!(rows(text, &choice).unwrap(), [(0, None, vec![1.0, 2.0]), (300_000, None, vec![3.0, 4.0])]);
    let choice = Choice { values: vec!["0.99".into()], ..every };
    assert_eq!(rows(text, &choice).unwrap()[1].2, [4.0]);
}

#[test]
fn decimal_commas_are_read_where_they_tell_no_cells_apart() {
    let mut text = String::from("t;x;whole;thousands;late;point\n");
    for row in 0..250 {
        let (whole, late) = if row < 240 { ("7", "") } else { ("7,5", "0,25") };
        text += &format!("{};{row},5;{whole};1,234;{late};1.5\n", 1_396_310_400 + row);
    }
    let found = rows(&text, &Choice::default()).unwrap();
    assert_eq!(
        found[0].2,
        [0.5, 7.0, 1.5],
        "commas in `thousands` may be of thousands, whatever those of `x` are"
    );
    assert_eq!(found[249].2, [249.5, 7.5, 1.5], "`whole` had none before");
    let late = Choice { values: vec!["late".into()], ..Choice::default() };
    assert!(rows(&text, &late).unwrap()[239].2[0].is_nan());
    assert_eq!(rows(&text, &late).unwrap()[240].2, [0.25]);
    text += "1396320400;1.234,5;7;1;;1.5\n";
    assert_eq!(rows(&text, &Choice::default()).unwrap()[250].2, [1234.5, 7.0, 1.5], "a point of thousands");
    let error = rows(&format!("{text}1396320401;1;1.234;1;;1.5\n"), &Choice::default()).unwrap_err();
    assert!(
        error.contains("column `whole`: `1.234` is not a number whose point is none of thousands"),
        "{error}"
    );
    text += "1396320401;1.5;7;1;;1.5\n";
    assert_eq!(
        rows(&text, &Choice::default()).unwrap_err(),
        "t.csv, line 253, column `x`: `1.5` is not a number with a decimal comma, as others of its column are; \
         mend it, or leave the column out"
    );
    let no_header = Choice { no_header: true, every: Some("5m".parse().unwrap()), ..Choice::default() };
    for text in ["12,5;3,25\n1;-2,5\n", "12,5\t3,25\n1\t-2,5\n"] {
        let found = rows(text, &no_header).unwrap();
        assert_eq!((&found[0].2, &found[1].2), (&vec![12.5, 3.25], &vec![1.0, -2.5]), "{text}");
    }
}

#[test]
fn a_point_that_may_be_of_thousands_is_not_taken_for_one_of_decimals_beside_decimal_commas() {
    let text = "t;flow;sold\n2014-04-01;1,5;7\n2014-04-02;2,5;1.234\n";
    assert_eq!(rows(text, &Choice::default()).unwrap()[0].2, [1.5], "`sold` is left out");
    let sold = Choice { values: vec!["sold".into()], ..Choice::default() };
    assert_eq!(
        rows(text, &sold).unwrap_err(),
        "t.csv: column `sold` holds `1.234` in line 3; its point may be one of thousands, as another column has decimal \
         commas: write it without points, or with a decimal comma"
    );
    let plain = text.replace(',', ".");
    assert_eq!(
        rows(&plain, &Choice::default()).unwrap()[1].2,
        [2.5, 1.234],
        "nothing speaks against decimals"
    );
}
