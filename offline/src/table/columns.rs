//! Which columns of a table hold what.

use super::parse_value;
use csv::ByteRecord;
use kizashi_models::observation::FIELDS_MAX;
use kizashi_models::time::{parse_epoch, parse_timestamp};

/// Numbers that are taken for times without being asked: from 1990 on.
const EPOCH_MS_MIN: i64 = 631_152_000_000;

/// What a user says of the columns; what is not said is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The column of times; else the first that holds times.
    pub time: Option<String>,
    /// The columns of values; else all that hold numbers.
    pub values: Vec<String>,
    /// Columns that are not values, such as labels.
    pub ignore: Vec<String>,
    /// The column whose text tells the rows of one series from those of others.
    pub series: Option<String>,
}

/// Which columns are used, as indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The times.
    pub time: usize,
    /// The keys of series, if chosen.
    pub series: Option<usize>,
    /// The values, at least one, in the order of the file.
    pub values: Vec<usize>,
}

impl Columns {
    /// Finds the columns of a table with these names, from a sample of its rows.
    pub(super) fn find(choice: &Choice, names: &[String], sample: &[&ByteRecord]) -> Result<Self, String> {
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(format!("two columns are named `{name}`"));
            }
        }
        let find = |name: &String| {
            names
                .iter()
                .position(|column| column == name)
                .ok_or_else(|| format!("there is no column `{name}`; its columns are {}", names.join(", ")))
        };
        let series = choice.series.as_ref().map(find).transpose()?;
        let chosen = choice.values.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let ignored = choice.ignore.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let free =
            |column: &usize| Some(*column) != series && !chosen.contains(column) && !ignored.contains(column);
        let time = match &choice.time {
            Some(name) => find(name)?,
            None => {
                let cells = |column: usize| sample.iter().map(move |record| &record[column]);
                let all = 0..names.len();
                let texts = all.clone().filter(free).find(|column| cells(*column).all(is_timestamp));
                texts.or_else(|| all.filter(free).find(|column| cells(*column).all(is_epoch))).ok_or_else(
                    || {
                        format!(
                            "no column holds times; its columns are {}; name one (time)",
                            names.join(", ")
                        )
                    },
                )?
            }
        };
        let mut values = if chosen.is_empty() {
            let is_numeric = |column: &usize| {
                let mut cells = sample.iter().map(|record| parse_value(&record[*column]));
                let some = cells.clone().any(|value| value.is_some_and(|value| !value.is_nan()));
                some && cells.all(|value| value.is_some())
            };
            (0..names.len()).filter(|column| *column != time && free(column)).filter(is_numeric).collect()
        } else {
            chosen
        };
        values.sort_unstable();
        if values.is_empty() {
            return Err(format!("no column holds numbers; its columns are {}", names.join(", ")));
        }
        if values.len() > FIELDS_MAX {
            return Err(format!(
                "{} columns hold numbers; at most {FIELDS_MAX} are allowed; choose (values)",
                values.len()
            ));
        }
        let mut used: Vec<usize> = values.iter().copied().chain(series).chain([time]).collect();
        used.sort_unstable();
        if let Some(twice) = used.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("`{}` is chosen twice", names[twice[0]]));
        }
        Ok(Self { time, series, values })
    }
}

fn is_timestamp(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|text| parse_timestamp(text.trim()).is_some())
}

fn is_epoch(cell: &[u8]) -> bool {
    std::str::from_utf8(cell)
        .is_ok_and(|text| parse_epoch(text.trim()).is_some_and(|time_ms| time_ms >= EPOCH_MS_MIN))
}

/// Whether names look like a row of data: one of them is a time.
pub(super) fn look_like_data(names: &[String]) -> bool {
    names.iter().any(|name| is_timestamp(name.as_bytes()) || is_epoch(name.as_bytes()))
}
