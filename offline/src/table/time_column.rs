//! Which column of a table holds its times, and how it writes them.

use super::cell::{is_missing_time, shown};
use super::columns::not_read;
use super::header;
use super::names::list;
use super::sample::Sample;
use super::time_format::{DateOrder, TimeFormat, Unknown, is_number, is_usual_epoch};
use std::collections::HashMap;

/// Steps of a column of numbers for each that may fall, if it is taken for the time without being asked.
const STEPS_A_FALL: usize = 20;

/// Rows for each whose time may be missing, likewise.
const ROWS_A_MISSING: usize = 10;

/// What is always possible.
const WITHOUT_TIMES: &str = "without times, say how far apart rows are (--every 5m)";

/// The first column that holds times: texts of them, and dates without a separator, before numbers since 1970.
///
/// Numbers may be something else that has the size of a time, such as bytes of memory or keys of customers, so
/// these have to go on as times do. Texts of times are nothing else, and may stand in any order; only dates whose month is
/// a name, as that at which something expires, stand behind numbers where they don't go on.
pub(super) fn find(
    names: &[String],
    free: impl Fn(&usize) -> bool + Copy,
    sample: &Sample,
    series: Option<usize>,
    order: Option<DateOrder>,
) -> Result<(usize, TimeFormat), String> {
    let may_be = |column: &usize| sample.is_read(*column) && has_times_throughout(sample, *column);
    let all = (0..names.len()).filter(free).filter(may_be);
    let mut named_month = None;
    for column in all.clone() {
        let has_numbers = present(sample, column).any(is_number);
        match TimeFormat::find(present(sample, column), order) {
            Ok(TimeFormat::MonthName) if !goes_on(sample, column, series, TimeFormat::MonthName) => {
                named_month = named_month.or(Some((column, TimeFormat::MonthName)));
            }
            Ok(format) if !has_numbers => return Ok((column, format)),
            Ok(TimeFormat::Compact) if goes_on(sample, column, series, TimeFormat::Compact) => {
                return Ok((column, TimeFormat::Compact));
            }
            Err(Unknown::Order) => return Err(ambiguous(&names[column], present(sample, column))),
            _ => {}
        }
    }
    let is_time = |column: &usize| {
        present(sample, *column).all(is_usual_epoch) && goes_on(sample, *column, series, TimeFormat::Standard)
    };
    match all.clone().find(is_time).map(|column| (column, TimeFormat::Standard)).or(named_month) {
        Some(found) => Ok(found),
        None => {
            let why = no_time(names, (0..names.len()).filter(free), sample, order);
            Err(format!("no column holds times; its columns are {}; {why}", list(names)))
        }
    }
}

/// Why the column that would first be expected to hold times does not, and what can be done.
fn no_time(
    names: &[String],
    mut free: impl Iterator<Item = usize> + Clone,
    sample: &Sample,
    order: Option<DateOrder>,
) -> String {
    let is_read = |column: &usize| sample.is_read(*column);
    let named_like_it = free.clone().find(|column| is_like_a_time(&names[*column]));
    let Some(column) = named_like_it.or(free.clone().find(is_read)).or(free.next()) else {
        return "all are chosen for something else, or left out".to_owned();
    };
    let name = &names[column];
    if let Some(kind) = sample.unread(column) {
        return format!("{}; {WITHOUT_TIMES}", not_read(name, kind));
    }
    let format = match named(name, sample.cells(column), order) {
        Ok(format) => format,
        Err(ambiguous) => return ambiguous,
    };
    // Digits alone may be dates: only the column as a whole tells them from other numbers.
    let is_time = |cell: &[u8]| match format {
        TimeFormat::Standard if is_number(cell) => is_usual_epoch(cell),
        _ => format.parse(cell).is_some(),
    };
    let (missing, there): (Vec<_>, Vec<_>) =
        sample.lined_cells(column).partition(|(_, cell)| is_missing_time(cell));
    let wrong = there.into_iter().find(|(_, cell)| !is_time(cell));
    let text = wrong.map_or_else(String::new, |(_, cell)| shown(cell));
    let starts = starts_with_a_time(sample, column);
    let why = match (wrong, missing.first()) {
        (Some((line, cell)), _) if is_number(cell) => {
            format!("`{text}` in line {line} of column `{name}` is a number outside of 1990 to 2100")
        }
        (Some((line, _)), _) => format!(
            "`{text}` in line {line} of column `{name}` is in no format of times that is understood, \
             as 2026-01-31T09:30:00Z is"
        ),
        (None, Some((line, _))) if !starts => {
            format!("the first row, in line {line}, has no time in column `{name}`")
        }
        (None, Some((line, _))) if !has_times_throughout(sample, column) => {
            format!("many rows have no time in column `{name}`, the first of them in line {line}")
        }
        (None, _) => format!("the numbers of column `{name}` fall too often for times, or do not rise"),
    };
    let may_be_named = starts && wrong.is_none_or(|(_, cell)| is_number(cell));
    let name_it = if may_be_named { "if it is the time, name it (--time); " } else { "" };
    let hint = header::hint(names, &text);
    format!("{why}; {name_it}{WITHOUT_TIMES}{hint}")
}

/// Whether a column's name says that it holds times.
fn is_like_a_time(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("time")
        || name.contains("date")
        || ["t", "ts", "epoch", "when", "day"].contains(&name.as_str())
}

/// The format of a column that is said to hold times. If it does not in the sample, its first wrong cell is
/// told with its line as it is read.
pub(super) fn named<'a>(
    name: &str,
    cells: impl Iterator<Item = &'a [u8]> + Clone,
    order: Option<DateOrder>,
) -> Result<TimeFormat, String> {
    let cells = cells.filter(|cell| !is_missing_time(cell));
    match TimeFormat::find(cells.clone(), order) {
        Ok(format) => Ok(format),
        Err(Unknown::Order) => Err(ambiguous(name, cells)),
        Err(Unknown::NoTime) => {
            // That of the first cell that is a time, so that what is wrong is what differs from it.
            let first = cells.clone().find_map(|cell| TimeFormat::find([cell].into_iter(), order).ok());
            Ok(first.unwrap_or(TimeFormat::Standard))
        }
    }
}

fn ambiguous<'a>(name: &str, mut cells: impl Iterator<Item = &'a [u8]>) -> String {
    let text = shown(cells.next().unwrap_or_default());
    format!("column `{name}`: day or month may come first in `{text}`; say which (--date-order dmy or mdy)")
}

/// The cells of a column that are not missing.
fn present(sample: &Sample, column: usize) -> impl Iterator<Item = &[u8]> + Clone {
    sample.cells(column).filter(|cell| !is_missing_time(cell))
}

/// Whether a column may be that of the times, though some are missing: the first row has one, from which others
/// go on, and few have none. A time that most rows lack is that of something else.
fn has_times_throughout(sample: &Sample, column: usize) -> bool {
    let cells = sample.cells(column);
    let missing = cells.clone().filter(|cell| is_missing_time(cell)).count();
    missing * ROWS_A_MISSING <= cells.count() && starts_with_a_time(sample, column)
}

fn starts_with_a_time(sample: &Sample, column: usize) -> bool {
    sample.cells(column).take(1).all(|cell| !is_missing_time(cell))
}

/// Whether a column goes on as times do: from row to row of a series it hardly ever falls, and on the
/// whole it rises: memory may grow for long and then fall at once.
fn goes_on(sample: &Sample, column: usize, series: Option<usize>, format: TimeFormat) -> bool {
    let keys: Vec<&[u8]> = series.map(|series| sample.cells(series).collect()).unwrap_or_default();
    let mut last: HashMap<&[u8], i64> = HashMap::new();
    let (mut steps, mut falls, mut fallen_ms, mut risen_ms) = (0, 0, 0, 0);
    for (row, time_ms) in sample.cells(column).map(|cell| format.parse(cell)).enumerate() {
        let key = keys.get(row).copied().unwrap_or_default();
        let Some(time_ms) = time_ms else { continue };
        if let Some(before_ms) = last.insert(key, time_ms) {
            steps += 1;
            falls += usize::from(time_ms < before_ms);
            fallen_ms += (before_ms - time_ms).max(0);
            risen_ms += (time_ms - before_ms).max(0);
        }
    }
    let goes_far = 4 * risen_ms > 5 * fallen_ms;
    falls * STEPS_A_FALL <= steps && (steps == 0 || goes_far)
}

#[cfg(test)]
mod tests {
    use super::super::{Choice, Table};

    /// The column that is taken for the time of a table with two columns and some rows.
    fn time(header: &str, row: impl Fn(i64) -> String, series: Option<&str>) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.csv");
        let rows: String = (0..100).map(|at| row(at) + "\n").collect();
        std::fs::write(&file, format!("{header}\n{rows}")).unwrap();
        let choice = Choice { series: series.map(str::to_owned), ..Choice::default() };
        let table = Table::open(&file, &choice).map_err(|error| error.to_string())?;
        Ok(table.layout().time.clone().unwrap())
    }

    /// A number that is as often below the one before as above.
    fn jump(at: i64) -> i64 {
        at * 7919 % 101
    }

    #[test]
    fn numbers_of_the_size_of_times_are_times_only_if_they_go_on() {
        let second = 1_500_000_000;
        let keys = |at| format!("{},{},1", second + jump(at), second + at);
        assert_eq!(time("customer,epoch,x", keys, None).unwrap(), "epoch");
        let constant = |at| format!("{second},{},1", second + at);
        assert_eq!(time("limit,epoch,x", constant, None).unwrap(), "epoch");
        let days = |at| format!("{},{},1", 20_200_101 + jump(at) % 28, 20_200_101 + at % 28);
        assert_eq!(time("batch,day,x", |at| days(at.min(27)), None).unwrap(), "day");
        let collected = |at| format!("{},{},1", second + at % 30, second + at);
        assert_eq!(time("heap_bytes,epoch,x", collected, None).unwrap(), "epoch");
        let expires = |at| format!("{},1,01-Jan-2027", second + at);
        assert_eq!(time("epoch,x,expires", expires, None).unwrap(), "epoch");
        let newest_first = |at| format!("26 Nov 2026 21:52:{:02} +0000,{at}", 59 - at % 60);
        assert_eq!(time("made,x", newest_first, None).unwrap(), "made");
        let bytes = |at| format!("{at},{}", second + jump(at));
        assert!(time("t,heap_bytes", bytes, None).unwrap_err().contains("no column holds times"));
    }

    #[test]
    fn a_time_may_be_late_now_and_then_and_falls_where_another_series_begins() {
        let late = |at| format!("{},1", 1_500_000_000 + at - if at % 25 == 9 { 2 } else { 0 });
        assert_eq!(time("epoch,x", late, None).unwrap(), "epoch");
        let hosts = |at| format!("{},host-{},1", 1_500_000_000 + at % 5, at / 5);
        assert!(time("epoch,host,x", hosts, None).is_err());
        assert_eq!(time("epoch,host,x", hosts, Some("host")).unwrap(), "epoch");
    }

    #[test]
    fn why_a_column_is_not_the_time_is_told_as_it_is() {
        let told = |row: fn(i64) -> String| time("date,x", row, None).unwrap_err();
        let name_it = "if it is the time, name it (--time)";
        let backwards = told(|at| format!("{},1", 20_200_228 - at % 28));
        assert!(backwards.contains("the numbers of column `date` fall too often"), "{backwards}");
        for gaps in [told(|at| gap(at, "2020-01-01")), told(|at| gap(at, "1500000000"))] {
            let why = "many rows have no time in column `date`, the first of them in line 5; ";
            assert!(gaps.contains(&format!("{why}{name_it}")), "{gaps}");
        }
        let late = told(|at| if at == 0 { "NaT,1".to_owned() } else { "2020-01-01,1".to_owned() });
        assert!(late.contains("the first row, in line 2, has no time in column `date`; without"), "{late}");
        let either = told(|at| gap(at, "01/02/2020"));
        assert!(either.contains("day or month may come first in `01/02/2020`"), "{either}");
    }

    /// A row of a time that every fourth row lacks.
    fn gap(at: i64, time: &str) -> String {
        format!("{},1", if at % 4 == 3 { "" } else { time })
    }

    #[test]
    fn texts_of_times_are_times_in_any_order() {
        let unsorted = |at| format!("{at},2020-01-01 00:00:{:02}", jump(at) % 60);
        assert_eq!(time("x,t", unsorted, None).unwrap(), "t");
    }
}
