//! Which columns of a table hold what.

use super::cell::{has_commas, is_missing, shown};
use super::decimal::{Decimal, POINT_OF_THOUSANDS};
use super::every::Every;
use super::header;
use super::layout::{Layout, LeftOut, Reason};
use super::names::{list, missing};
use super::row_times::{NumberedRows, RowTimes, TimeColumn};
use super::sample::Sample;
use super::time_column;
use super::time_format::DateOrder;
use kizashi_models::observation::FIELDS_MAX;
use std::collections::HashSet;

/// Numbers for each text, from which on a column is one of numbers in which something is wrong.
const NEARLY_ALL: usize = 9;

/// What a user says of the columns; what is not said is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The column of times; else the first that holds times.
    pub time: Option<String>,
    /// The columns of values; else all that hold numbers and have a name.
    pub values: Vec<String>,
    /// Columns that are not values, such as labels.
    pub ignore: Vec<String>,
    /// The column whose text tells the rows of one series from those of others.
    pub series: Option<String>,
    /// How far apart rows are: no column is the time.
    pub every: Option<Every>,
    /// Whether the first line of CSV is a row like others; columns are then named 1, 2, 3 and so on.
    pub no_header: bool,
    /// Which of day and month comes first, where that can't be found out.
    pub date_order: Option<DateOrder>,
}

impl Choice {
    /// Whether it speaks of a column by name.
    pub(super) fn names(&self, name: &String) -> bool {
        [&self.time, &self.series]
            .into_iter()
            .flatten()
            .chain(&self.values)
            .chain(&self.ignore)
            .any(|named| named == name)
    }
}

/// Which columns are used beside that of the times, as indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The keys of series, if chosen.
    pub series: Option<usize>,
    /// The values, at least one, in the order of the file.
    pub values: Vec<usize>,
}

/// What was found out of a table.
pub(super) struct Found {
    pub(super) columns: Columns,
    /// How the numbers of the values are written, in their order.
    pub(super) decimals: Vec<Decimal>,
    /// How they are written in columns that don't show it.
    pub(super) usual_decimal: Decimal,
    pub(super) times: RowTimes,
    pub(super) layout: Layout,
}

/// Finds the columns of a table with these names, and where its times come from, from a sample of its rows.
pub(super) fn find(choice: &Choice, names: &[String], sample: &Sample) -> Result<Found, String> {
    let find = |name: &String| {
        let column = names.iter().position(|column| column == name);
        column.ok_or_else(|| missing(name, names) + &header::hint(names, ""))
    };
    let find_read = |name: &String| {
        let column = find(name)?;
        match sample.unread(column) {
            None => Ok(column),
            Some(kind) => Err(format!(
                "{}; write what is in it to a column of numbers or texts, or leave it out",
                not_read(name, kind)
            )),
        }
    };
    let series = choice.series.as_ref().map(find_read).transpose()?;
    let chosen = choice.values.iter().map(find_read).collect::<Result<Vec<_>, _>>()?;
    choice.ignore.iter().try_for_each(|name| find(name).map(|_| ()))?;
    // All of a name, since that is the way out where two columns have the same.
    let ignored: Vec<_> = (0..names.len()).filter(|column| choice.ignore.contains(&names[*column])).collect();
    let free =
        |column: &usize| Some(*column) != series && !chosen.contains(column) && !ignored.contains(column);
    let times = match (&choice.every, &choice.time) {
        (Some(every), _) => RowTimes::Numbered(NumberedRows::new(*every)),
        (None, Some(name)) => {
            let time = find_read(name)?;
            let format = time_column::named(name, sample.cells(time), choice.date_order)?;
            RowTimes::Column(TimeColumn::new(time, format))
        }
        (None, None) => {
            let (time, format) = time_column::find(names, free, sample, series, choice.date_order)?;
            RowTimes::Column(TimeColumn::new(time, format))
        }
    };
    let time = times.column();
    let usual_decimal = if sample.may_have_decimal_commas { Decimal::Open } else { Decimal::Point };
    // One column says nothing of another: lists and thousands have commas, too.
    let mut decimals: Vec<_> = (0..names.len())
        .map(|column| match usual_decimal {
            Decimal::Open => Decimal::find(sample.cells(column)).unwrap_or(Decimal::Open),
            usual => usual,
        })
        .collect();
    let has_commas = decimals.contains(&Decimal::Comma);
    if has_commas {
        let open = decimals.iter_mut().filter(|decimal| **decimal == Decimal::Open);
        open.for_each(|decimal| *decimal = Decimal::OpenBesideCommas);
    }
    let doubtful = |column: usize| has_commas && decimals[column] == Decimal::PointOrThousands;
    if let Some(column) = chosen.iter().find(|column| doubtful(**column)) {
        let (line, cell) = first_point(sample.lined_cells(*column));
        let name = &names[*column];
        return Err(format!("column `{name}` holds `{cell}` in line {line}; {POINT_OF_THOUSANDS}"));
    }
    let (mut values, left_out) = if chosen.is_empty() {
        let others = (0..names.len()).filter(|column| Some(*column) != time && Some(*column) != series);
        found_values(names, others, &ignored, sample, &decimals, doubtful)?
    } else {
        (chosen, Vec::new())
    };
    values.sort_unstable();
    if values.is_empty() {
        let why = no_numbers(names, &left_out);
        return Err(format!("no column holds numbers; its columns are {}; {why}", list(names)));
    }
    if values.len() > FIELDS_MAX {
        return Err(format!(
            "{} columns hold numbers; at most {FIELDS_MAX} are allowed; choose (--values)",
            values.len()
        ));
    }
    let mut used: Vec<usize> = values.iter().copied().chain(series).chain(time).collect();
    used.sort_unstable();
    if let Some(twice) = used.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("`{}` is chosen twice", names[twice[0]]));
    }
    check_names(names, &used)?;
    let decimals: Vec<_> = values.iter().map(|value| decimals[*value]).collect();
    let layout = Layout {
        decimal_commas: decimals.contains(&Decimal::Comma),
        time: time.map(|time| names[time].clone()),
        series: choice.series.clone(),
        values: values.iter().map(|value| names[*value].clone()).collect(),
        chosen: !choice.values.is_empty(),
        left_out,
    };
    Ok(Found { columns: Columns { series, values }, decimals, usual_decimal, times, layout })
}

/// Which columns hold values, and why the others don't.
fn found_values(
    names: &[String],
    others: impl Iterator<Item = usize>,
    ignored: &[usize],
    sample: &Sample,
    decimals: &[Decimal],
    doubtful: impl Fn(usize) -> bool,
) -> Result<(Vec<usize>, Vec<LeftOut>), String> {
    let (mut values, mut left_out) = (Vec::new(), Vec::new());
    for column in others {
        let unnamed = names[column].is_empty();
        let reason = if ignored.contains(&column) {
            Some(Reason::Ignored)
        } else if let Some(kind) = sample.unread(column) {
            Some(Reason::Unread(kind))
        } else if unnamed {
            // An index, as programs write it; what is empty as well comes from a delimiter at the line's end.
            let empty = sample.cells(column).all(is_missing);
            if empty { continue } else { Some(Reason::Unnamed) }
        } else {
            let reason = no_value(&names[column], sample.lined_cells(column), decimals[column])?;
            let thousands = || {
                let (line, cell) = first_point(sample.lined_cells(column));
                Reason::Thousands { cell, line }
            };
            reason.or_else(|| doubtful(column).then(thousands))
        };
        let name = || if unnamed { format!("column {}", column + 1) } else { names[column].clone() };
        match reason {
            None => values.push(column),
            Some(reason) => left_out.push(LeftOut { column, name: name(), reason }),
        }
    }
    Ok((values, left_out))
}

/// What to say of a column of a type that has no text.
pub(super) fn not_read(name: &str, kind: &str) -> String {
    format!("column `{name}` is {kind}, which is not read")
}

/// What is in the first of the columns that are no values.
fn no_numbers(names: &[String], left_out: &[LeftOut]) -> String {
    let text = left_out.iter().find(|out| matches!(out.reason, Reason::Text { .. }));
    match text.or(left_out.first()) {
        Some(LeftOut { name, reason: Reason::Text { cell, line, .. }, .. }) if has_commas(cell) => {
            format!(
                "`{cell}` in line {line} of column `{name}` has a comma; where `;` or a tab tells cells apart, \
                 one before decimals is read, if the column shows that it is none of thousands"
            )
        }
        Some(LeftOut { name, reason: Reason::Text { cell, line, .. }, .. }) => {
            let hint = header::hint(names, cell);
            format!("`{cell}` in line {line} of column `{name}` is not a number{hint}")
        }
        Some(LeftOut { name, reason: Reason::Thousands { cell, line }, .. }) => {
            format!("column `{name}` holds `{cell}` in line {line}; {POINT_OF_THOUSANDS}")
        }
        Some(LeftOut { name, reason: Reason::Unread(kind), .. }) => not_read(name, kind),
        Some(LeftOut { name, reason: Reason::Ignored, .. }) => format!("`{name}` is left out (--ignore)"),
        Some(LeftOut { name, reason: Reason::Unnamed, .. }) => format!("{name} has no name; give it one"),
        Some(LeftOut { name, .. }) => {
            format!("`{name}` is empty as far as was looked; choose it nevertheless (--values)")
        }
        None => "there is none but the time".to_owned(),
    }
}

/// The first cell with a point, and its line.
fn first_point<'a>(mut cells: impl Iterator<Item = (u64, &'a [u8])>) -> (u64, String) {
    let found = cells.find(|(_, cell)| cell.contains(&b'.'));
    found.map(|(line, cell)| (line, shown(cell))).expect("one has shown that the column has points")
}

/// Why a column holds no values; nothing where it holds numbers alone. One that nearly does is an error.
fn no_value<'a>(
    name: &str,
    cells: impl Iterator<Item = (u64, &'a [u8])> + Clone,
    decimal: Decimal,
) -> Result<Option<Reason>, String> {
    let is_number = |(_, cell): &(u64, &[u8])| decimal.parse(cell).is_some() && !is_missing(cell);
    let numbers = cells.clone().filter(is_number).count();
    let mut others = cells.clone().filter(|(_, cell)| decimal.parse(cell).is_none());
    let Some((line, cell)) = others.next() else {
        return Ok(if numbers > 0 { None } else { Some(Reason::Empty) });
    };
    let cell = shown(cell);
    if numbers < NEARLY_ALL * (1 + others.count()) {
        let distinct = cells.clone().map(|(_, cell)| cell).collect::<HashSet<_>>().len();
        let repeats = 2 * distinct <= cells.count();
        return Ok(Some(Reason::Text { cell, line, repeats }));
    }
    Err(format!(
        "column `{name}` holds numbers but also `{cell}` in line {line}; mend it, or leave the column out (--ignore)"
    ))
}

/// Of names that stand twice, only those of columns that are not used do no harm.
fn check_names(names: &[String], used: &[usize]) -> Result<(), String> {
    let used: HashSet<&str> = used.iter().map(|column| names[*column].as_str()).collect();
    let mut seen = HashSet::new();
    match names.iter().find(|name| used.contains(name.as_str()) && !seen.insert(*name)) {
        Some(name) => {
            let hint = header::name_hint(name);
            Err(format!("two columns are named `{name}`; rename one, or leave them out (--ignore){hint}"))
        }
        None => Ok(()),
    }
}
