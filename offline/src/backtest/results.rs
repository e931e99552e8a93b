//! The file of results: a row for each row of the input, CSV for a table and JSON lines for JSON lines.

use super::Error;
use super::partial_file::PartialFile;
use super::reader::{Reader, Row, TableReader};
use super::scorer::{Score, Scores};
use csv::Writer;
use kizashi_models::detector::FieldScore;
use kizashi_models::observation::Values;
use std::io::Write;
use std::path::Path;

/// Results as they are written.
pub(super) enum Results {
    Csv { columns: Columns, writer: Box<Writer<PartialFile>> },
    JsonLines { text: Vec<u8>, file: PartialFile },
}

/// Which columns of a table its results repeat, and where the scores of its values are.
pub(super) struct Columns {
    series: Option<usize>,
    values: Vec<usize>,
    places: Vec<usize>,
}

impl Results {
    pub(super) fn create(file: &Path, reader: &Reader) -> Result<Self, Error> {
        let file = PartialFile::create(file)?;
        let Reader::Table(reader) = reader else {
            return Ok(Self::JsonLines { text: Vec::new(), file });
        };
        let table = reader.table();
        let columns = Columns {
            series: table.columns().series,
            values: table.columns().values.clone(),
            places: reader.places().to_vec(),
        };
        // The file has a buffer of its own.
        let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 10).from_writer(file);
        let written = writer.write_record(header(reader));
        written.map_err(|error| writer.get_ref().error(error.into()))?;
        Ok(Self::Csv { columns, writer: Box::new(writer) })
    }

    /// Writes what is said of a row; `None` for one that was refused before it was scored.
    pub(super) fn write(&mut self, row: &Row, score: Option<(&Score, &Scores)>) -> Result<(), Error> {
        match self {
            Self::Csv { columns, writer } => {
                // A table has no row that is refused: it is an error, and there are no results.
                let Some((score, scores)) = score else { return Ok(()) };
                let written = write_csv(writer, columns, row, score, scores);
                written.map_err(|error| writer.get_ref().error(error.into()))
            }
            Self::JsonLines { text, file } => {
                text.clear();
                write_json(text, row, score);
                file.write_all(text).map_err(|error| file.error(error))
            }
        }
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self {
            Self::Csv { writer, .. } => match writer.into_inner() {
                Ok(file) => file.finish(),
                Err(error) => {
                    let source = std::io::Error::other(error.error().to_string());
                    Err(error.into_inner().get_ref().error(source))
                }
            },
            Self::JsonLines { file, .. } => file.finish(),
        }
    }
}

fn header(reader: &TableReader) -> Vec<String> {
    let table = reader.table();
    let name = |column: &usize| table.names()[*column].clone();
    let names: Vec<String> = table.columns().values.iter().map(name).collect();
    let mut header = vec!["timestamp".to_owned()];
    header.extend(table.columns().series.as_ref().map(name));
    header.extend(names.iter().cloned());
    const SCORES: [&str; 3] = ["expected", "lower", "upper"];
    match names.as_slice() {
        [_] => header.extend(SCORES.map(str::to_owned)),
        names => header.extend(names.iter().flat_map(|name| SCORES.map(|what| format!("{what}_{name}")))),
    }
    header.extend(["anomaly_score", "alert"].map(str::to_owned));
    header
}

fn write_csv(
    writer: &mut Writer<PartialFile>,
    columns: &Columns,
    row: &Row,
    score: &Score,
    scores: &Scores,
) -> csv::Result<()> {
    let mut number = Number::default();
    writer.write_field(&row.time_text)?;
    for column in columns.series.iter().chain(&columns.values) {
        writer.write_field(&row.cells[*column])?;
    }
    let fields = scores.fields(score);
    for place in &columns.places {
        // The fields of the engine are those of the first observation, which are sorted, and never others.
        let field = fields.get(*place).copied().unwrap_or(UNKNOWN);
        for value in [field.expected, field.lower, field.upper] {
            writer.write_field(number.csv(value))?;
        }
    }
    writer.write_field(number.csv(score.anomaly_score))?;
    writer.write_field(score.alert.map_or_else(String::new, |id| id.to_string()))?;
    writer.write_record(None::<&[u8]>)
}

/// What is said of the fields of a row that repeats the row before.
const UNKNOWN: FieldScore =
    FieldScore { expected: f64::NAN, lower: f64::NAN, upper: f64::NAN, contribution: 0.0, still: false };

fn write_json(text: &mut Vec<u8>, row: &Row, score: Option<(&Score, &Scores)>) {
    let refused = row.refused.as_ref().or(score.and_then(|(score, _)| score.refused.as_ref()));
    let Some((score, scores)) = score.filter(|_| refused.is_none()) else {
        let reason = refused.map_or("", String::as_str);
        put(text, &[b"{\"line\":", row.line.to_string().as_bytes(), b",\"refused\":", &json(reason), b"}\n"]);
        return;
    };
    put(text, &[b"{\"timestamp\":", &row.time_text, b",\"series\":", &json(&row.observation.series)]);
    match &score.names {
        Some(names) => {
            let (fields, values) = (scores.fields(score), scores.values(score));
            put_fields(text, names, ["value", "values"], |at| values[at]);
            put_fields(text, names, ["expected"; 2], |at| fields[at].expected);
            put_fields(text, names, ["lower"; 2], |at| fields[at].lower);
            put_fields(text, names, ["upper"; 2], |at| fields[at].upper);
        }
        None => match &row.observation.values {
            Values::One(value) => put_fields(text, &["".into()], ["value"; 2], |_| *value),
            Values::Named(named) => {
                let names: Vec<Box<str>> = named.iter().map(|(name, _)| name.clone()).collect();
                put_fields(text, &names, ["values"; 2], |at| named[at].1);
            }
        },
    }
    let alert = score.alert.map_or_else(|| "null".to_owned(), |id| format!("\"{id}\""));
    let mut number = Number::default();
    let anomaly_score = number.json(score.anomaly_score);
    put(text, &[b",\"anomaly_score\":", anomaly_score, b",\"alert\":", alert.as_bytes(), b"}\n"]);
}

/// A key with a number, or with an object of numbers where fields have names; the keys are for the one and
/// for the other.
fn put_fields(text: &mut Vec<u8>, names: &[Box<str>], keys: [&str; 2], value: impl Fn(usize) -> f64) {
    let mut number = Number::default();
    let [one, many] = keys;
    if let [name] = names
        && name.is_empty()
    {
        put(text, &[b",\"", one.as_bytes(), b"\":", number.json(value(0))]);
        return;
    }
    put(text, &[b",\"", many.as_bytes(), b"\":{"]);
    for (at, name) in names.iter().enumerate() {
        let before: &[u8] = if at == 0 { b"" } else { b"," };
        put(text, &[before, &json(name), b":", number.json(value(at))]);
    }
    put(text, &[b"}"]);
}

fn put(text: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| text.extend_from_slice(part));
}

fn json(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a text can be written")
}

/// Writes numbers so that they read back as the same.
#[derive(Default)]
struct Number(ryu::Buffer);

impl Number {
    /// Nothing for one that is missing.
    fn csv(&mut self, value: f64) -> &[u8] {
        if value.is_nan() { b"" } else { self.0.format(value).as_bytes() }
    }

    /// As the service takes them.
    fn json(&mut self, value: f64) -> &[u8] {
        match value {
            _ if value.is_nan() => b"null",
            f64::INFINITY => b"\"Infinity\"",
            f64::NEG_INFINITY => b"\"-Infinity\"",
            _ => self.0.format_finite(value).as_bytes(),
        }
    }
}
