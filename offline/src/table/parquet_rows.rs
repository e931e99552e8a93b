//! Rows of a Parquet file as text, row group by row group.

use csv::ByteRecord;
use kizashi_models::time::format_rfc3339;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::{Type, TypePtr};
use std::fmt::Write;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

const DAY_MS: i64 = 86_400_000;

pub(super) struct ParquetRows {
    names: Vec<String>,
    /// For a column of timestamps, how many of its units make a millisecond.
    units_a_ms: Vec<Option<i64>>,
    /// What a column is, where it has no text of its own.
    unread: Vec<Option<&'static str>>,
    rows: RowIter<'static>,
    text: String,
}

impl ParquetRows {
    pub(super) fn open(file: File) -> Result<Self, String> {
        let reader = guarded(|| SerializedFileReader::new(file))?;
        let schema = reader.metadata().file_metadata().schema();
        let fields = schema.get_fields();
        let names = fields.iter().map(|field| field.name().to_owned()).collect();
        let unit = |field: &TypePtr| match field.get_basic_info().logical_type_ref() {
            Some(LogicalType::Timestamp(timestamp)) => match timestamp.unit {
                TimeUnit::MILLIS => Some(1),
                TimeUnit::MICROS => Some(1000),
                TimeUnit::NANOS => Some(1_000_000),
            },
            _ => None,
        };
        let units_a_ms = fields.iter().map(unit).collect();
        let unread = fields.iter().map(|field| unread(field)).collect();
        Ok(Self { names, units_a_ms, unread, rows: reader.into_iter(), text: String::new() })
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// What each column is, where it is of a type that is not read: its cells are empty.
    pub(super) fn unread(&self) -> Vec<Option<&'static str>> {
        self.unread.clone()
    }

    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<bool, String> {
        let Some(row) = guarded(|| self.rows.next().transpose())? else {
            return Ok(false);
        };
        record.clear();
        for ((_, field), units_a_ms) in row.get_column_iter().zip(&self.units_a_ms) {
            self.text.clear();
            write_text(field, *units_a_ms, &mut self.text);
            record.push_field(self.text.as_bytes());
        }
        Ok(true)
    }
}

fn unread(column: &Type) -> Option<&'static str> {
    let info = column.get_basic_info();
    match info.converted_type() {
        _ if info.has_repetition() && info.repetition() == Repetition::REPEATED => Some("a list"),
        ConvertedType::LIST => Some("a list"),
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => Some("a map"),
        _ if column.is_group() => Some("a struct"),
        _ if matches!(info.logical_type_ref(), Some(LogicalType::Time(_))) => Some("a time of day"),
        ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS => Some("a time of day"),
        _ => None,
    }
}

/// The library panics on some damaged files: that is an error of the file and not of the program.
fn guarded<T>(read: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the Parquet data is damaged".to_owned()),
    }
}

/// What a cell would be in a CSV file; what is no scalar is empty.
fn write_text(field: &Field, units_a_ms: Option<i64>, text: &mut String) {
    let written = match field {
        Field::Long(units) if units_a_ms.is_some() => {
            text.push_str(&format_rfc3339(units.div_euclid(units_a_ms.unwrap_or(1))));
            Ok(())
        }
        Field::TimestampMillis(ms) => {
            text.push_str(&format_rfc3339(*ms));
            Ok(())
        }
        Field::TimestampMicros(micros) => {
            text.push_str(&format_rfc3339(micros.div_euclid(1000)));
            Ok(())
        }
        Field::Date(days) => {
            text.push_str(&format_rfc3339(i64::from(*days) * DAY_MS)[..10]);
            Ok(())
        }
        Field::Str(value) => {
            text.push_str(value);
            Ok(())
        }
        Field::Bool(value) => write!(text, "{value}"),
        Field::Byte(value) => write!(text, "{value}"),
        Field::Short(value) => write!(text, "{value}"),
        Field::Int(value) => write!(text, "{value}"),
        Field::Long(value) => write!(text, "{value}"),
        Field::UByte(value) => write!(text, "{value}"),
        Field::UShort(value) => write!(text, "{value}"),
        Field::UInt(value) => write!(text, "{value}"),
        Field::ULong(value) => write!(text, "{value}"),
        Field::Float16(value) => write!(text, "{}", f32::from(*value)),
        Field::Float(value) => {
            text.push_str(ryu::Buffer::new().format(*value));
            Ok(())
        }
        Field::Double(value) => {
            text.push_str(ryu::Buffer::new().format(*value));
            Ok(())
        }
        // The library writes a decimal with its point.
        decimal @ Field::Decimal(_) => write!(text, "{decimal}"),
        Field::Bytes(value) => {
            text.push_str(&String::from_utf8_lossy(value.data()));
            Ok(())
        }
        Field::Null
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::Group(_)
        | Field::ListInternal(_)
        | Field::MapInternal(_) => Ok(()),
    };
    written.expect("writing to a text does not fail");
}

#[cfg(test)]
mod tests {
    use super::super::{Choice, Table};
    use parquet::column::writer::ColumnWriter;
    use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;

    /// Writes a file of four rows in two groups.
    fn write_rows(file: &Path) {
        let schema = "message rows {
            required int64 at (TIMESTAMP(NANOS,true));
            required double load;
            optional int64 users;
            required binary host (UTF8);
            required boolean open;
        }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(File::create(file).unwrap(), schema, Default::default()).unwrap();
        for group in 0..2i64 {
            let mut rows = writer.next_row_group().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            let times = [0, 1].map(|row| (1_396_310_400_250 + 1000 * (2 * group + row)) * 1_000_000);
            column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<DoubleType>().write_batch(&[0.5, f64::NAN], None, None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[7], Some(&[1, 0]), None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            let hosts = ["a", "b"].map(ByteArray::from);
            column.typed::<ByteArrayType>().write_batch(&hosts, None, None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<BoolType>().write_batch(&[true, false], None, None).unwrap();
            column.close().unwrap();
            rows.close().unwrap();
        }
        writer.close().unwrap();
    }

    #[test]
    fn a_parquet_file_reads_as_a_csv_file_does() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.parquet");
        write_rows(&file);
        let choice = Choice { series: Some("host".into()), ..Choice::default() };
        let mut table = Table::open(&file, &choice).unwrap();
        assert_eq!(
            (table.layout().time.as_deref(), table.columns().values.as_slice()),
            (Some("at"), [1, 2, 4].as_slice())
        );
        let (mut values, mut found) = (Vec::new(), Vec::new());
        while let Some(row) = table.read(&mut values).unwrap() {
            let text = String::from_utf8(row.time_text.to_vec()).unwrap();
            found.push(format!("{text} {} {:?} {:?}", row.time_ms, row.series.unwrap(), row.values));
        }
        assert_eq!(
            found,
            [
                "2014-04-01T00:00:00.250Z 1396310400250 \"a\" [0.5, 7.0, 1.0]",
                "2014-04-01T00:00:01.250Z 1396310401250 \"b\" [NaN, NaN, 0.0]",
                "2014-04-01T00:00:02.250Z 1396310402250 \"a\" [0.5, 7.0, 1.0]",
                "2014-04-01T00:00:03.250Z 1396310403250 \"b\" [NaN, NaN, 0.0]",
            ]
        );
    }

    #[test]
    fn columns_of_types_that_are_not_read_are_told_by_name_and_type() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.parquet");
        let schema = "message rows {
            required int64 at (TIMESTAMP(MILLIS,true));
            required int32 time (TIME(MILLIS,true));
            required int64 precise (TIME(NANOS,true));
            repeated int64 tags;
            required group parts (LIST) { repeated group list { required int64 element; } }
            required group keys (MAP) { repeated group key_value { required int64 key; required int64 value; } }
            required group place { required int64 x; }
            required int64 load;
        }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(File::create(&file).unwrap(), schema, Default::default()).unwrap();
        let mut rows = writer.next_row_group().unwrap();
        while let Some(mut column) = rows.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::Int32ColumnWriter(times) => times.write_batch(&[7, 8], None, None),
                ColumnWriter::Int64ColumnWriter(numbers) => {
                    let within = numbers.get_descriptor().max_rep_level() > 0;
                    let [defined, repeated] = [&[1, 1], &[0, 0]].map(|levels| within.then_some(&levels[..]));
                    numbers.write_batch(&[1_396_310_400_000, 1_396_310_401_000], defined, repeated)
                }
                _ => panic!("no column is of another type"),
            }
            .unwrap();
            column.close().unwrap();
        }
        rows.close().unwrap();
        writer.close().unwrap();

        let table = Table::open(&file, &Choice::default()).unwrap();
        assert_eq!(
            table.layout().to_string(),
            "time `at`; value `load`; left out `time` (a time of day, which is not read), `precise` (a time of day, which \
             is not read), `tags` (a list, which is not read), `parts` (a list, which is not read), `keys` (a map, which \
             is not read) and 1 more"
        );
        let error = |choice: Choice| {
            let error = Table::open(&file, &choice).err().unwrap().to_string();
            error.split_once("x.parquet: ").unwrap().1.to_owned()
        };
        assert_eq!(
            error(Choice { values: vec!["tags".into()], ..Choice::default() }),
            "column `tags` is a list, which is not read; write what is in it to a column of numbers or texts, or leave \
             it out"
        );
        let place = Choice { values: vec!["place".into()], ..Choice::default() };
        assert!(error(place).starts_with("column `place` is a struct, which is not read; write"));
        let time = Choice { time: Some("time".into()), ..Choice::default() };
        assert!(error(time).starts_with("column `time` is a time of day, which is not read; write"));
        let no_times =
            error(Choice { ignore: vec!["at".into()], values: vec!["load".into()], ..Choice::default() });
        assert!(
            no_times.contains("; column `time` is a time of day, which is not read; without times"),
            "{no_times}"
        );
        let no_values = error(Choice { ignore: vec!["load".into()], ..Choice::default() });
        assert!(no_values.ends_with("; column `time` is a time of day, which is not read"), "{no_values}");
    }

    /// Reads all rows: how many there are, or what is wrong.
    fn read_all(file: &Path) -> Result<usize, String> {
        let choice = Choice { time: Some("at".into()), ..Choice::default() };
        let mut table = Table::open(file, &choice).map_err(|error| error.to_string())?;
        let (mut values, mut count) = (Vec::new(), 0);
        while table.read(&mut values).map_err(|error| error.to_string())?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn a_file_that_is_cut_short_or_altered_is_an_error_or_other_rows() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.parquet");
        write_rows(&file);
        let bytes = std::fs::read(&file).unwrap();
        for length in 4..bytes.len() {
            std::fs::write(&file, &bytes[..length]).unwrap();
            let error = read_all(&file).unwrap_err();
            assert!(error.contains("x.parquet: "), "{error}");
        }
        for (at, bit) in (4..bytes.len()).zip([0x01, 0x10, 0x80].into_iter().cycle()).step_by(5) {
            let mut altered = bytes.clone();
            altered[at] ^= bit;
            std::fs::write(&file, &altered).unwrap();
            // What it says is up to the bytes; that it says something is the point.
            let _ = read_all(&file);
        }
    }

    #[test]
    fn a_damaged_parquet_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.parquet");
        std::fs::write(&file, b"PAR1 and nothing else").unwrap();
        let error = Table::open(&file, &Choice::default()).err().unwrap().to_string();
        assert!(error.contains("x.parquet: "), "{error}");
    }
}
