//! A file or standard input, and which of the forms it has.

use super::{Choice, TableError, month_name};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

/// The name under which standard input is given.
pub const STDIN: &str = "-";

/// Bytes that are looked at to find out the form, and the delimiter of a CSV file.
const HEAD_BYTES_MAX: u64 = 1 << 20;
const BUFFER_BYTES: usize = 1 << 16;

/// The forms of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text with a header and a delimiter.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// A JSON object a line.
    JsonLines,
}

impl Form {
    /// Whether files of this form can be read as a choice has it.
    fn check(self, choice: &Choice) -> Result<(), String> {
        let why = match self {
            Self::JsonLines if choice.every.is_some() => {
                "JSON lines name their times; how far apart rows are (--every) is for CSV and Parquet"
            }
            Self::JsonLines if choice.no_header => {
                "JSON lines have no header; leave out --no-header, which is for CSV"
            }
            Self::Parquet if choice.no_header => {
                "Parquet names its columns; leave out --no-header, which is for CSV"
            }
            _ => return Ok(()),
        };
        Err(why.to_owned())
    }
}

/// Bytes from the start on.
pub type Bytes = Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read + Send>>>;

/// An opened input, of which the form is known.
pub struct Input {
    /// As it was given.
    pub(crate) file: PathBuf,
    form: Form,
    compressed: bool,
    /// Up to the end of the first line that is not blank, without a byte order mark.
    head: Vec<u8>,
    rest: BufReader<Box<dyn Read + Send>>,
}

impl Input {
    /// Opens a file, or standard input for [`STDIN`]. A pipe is read once, from its start to its end.
    ///
    /// # Errors
    /// Where the file can't be read, is empty, is of no form that is known, or of one that can't be read as the choice
    /// has it.
    pub fn open(file: &Path, choice: &Choice) -> Result<Self, TableError> {
        let io = |source| TableError::Io { file: file.to_owned(), source };
        let reason = |reason: &str| TableError::File { file: file.to_owned(), reason: reason.to_owned() };
        let input: Box<dyn Read + Send> = if file == Path::new(STDIN) {
            Box::new(io::stdin())
        } else {
            let opened = File::open(file).map_err(io)?;
            if opened.metadata().map_err(io)?.is_dir() {
                return Err(reason("it is a folder; name the files in it"));
            }
            Box::new(opened)
        };
        let input = Self::with_bytes(file, input, false)?;
        input.form.check(choice).map_err(|why| reason(&why))?;
        Ok(input)
    }

    /// Found by the first bytes, and by the name for JSON lines.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Finds out the form, through a compression around it.
    fn with_bytes(file: &Path, input: Box<dyn Read + Send>, compressed: bool) -> Result<Self, TableError> {
        let io = |source| TableError::Io { file: file.to_owned(), source };
        let reason = |reason: &str| TableError::File { file: file.to_owned(), reason: reason.to_owned() };
        let mut rest = BufReader::with_capacity(BUFFER_BYTES, input);
        let head = read_head(&mut rest).map_err(io)?;
        let form = match head.as_slice() {
            [] => return Err(reason("the file is empty")),
            [0x1f, 0x8b, ..] if !compressed => {
                let decoder = MultiGzDecoder::new(Cursor::new(head).chain(rest));
                return Self::with_bytes(file, Box::new(decoder), true);
            }
            [0x28, 0xb5, 0x2f, 0xfd, ..] if !compressed => {
                let decoder = zstd::Decoder::with_buffer(Cursor::new(head).chain(rest)).map_err(io)?;
                return Self::with_bytes(file, Box::new(decoder), true);
            }
            [b'P', b'A', b'R', b'1', ..] if compressed => {
                return Err(reason("Parquet is compressed in itself; decompress what is around it"));
            }
            [b'P', b'A', b'R', b'1', ..] => Form::Parquet,
            [b'P', b'K', 3, 4, ..] => {
                return Err(reason("it is a ZIP archive, or a spreadsheet; save it as CSV"));
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(reason("it is UTF-16; save it as UTF-8")),
            _ if is_named_json_lines(file) => Form::JsonLines,
            head => match head.trim_ascii_start() {
                [b'{', ..] => Form::JsonLines,
                // The logs of web servers have their times in brackets.
                [b'[', rest @ ..] if !month_name::begins(rest) => {
                    return Err(reason("it is a JSON array; an object a line is needed"));
                }
                _ => Form::Csv,
            },
        };
        Ok(Self { file: file.to_owned(), form, compressed, head, rest })
    }

    /// Whether a compression is around it.
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Its start: a line at least, of a line of extreme length its first part.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// All of it, from the start on, without a compression and a byte order mark.
    pub fn into_bytes(self) -> Bytes {
        Cursor::new(self.head).chain(self.rest)
    }

    /// The file to seek in.
    pub(super) fn into_file(self) -> Result<File, TableError> {
        let Self { file, .. } = self;
        let regular = file != Path::new(STDIN) && file.metadata().is_ok_and(|metadata| metadata.is_file());
        if !regular {
            let reason = "Parquet can't be read from a pipe, for its index stands at its end; \
                          write it to a file first"
                .to_owned();
            return Err(TableError::File { file, reason });
        }
        File::open(&file).map_err(|source| TableError::Io { file, source })
    }
}

/// Bytes up to the end of the first line that is not blank, without a byte order mark.
fn read_head(bytes: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.trim_ascii().is_empty() {
        let left = HEAD_BYTES_MAX.saturating_sub(head.len() as u64);
        if bytes.by_ref().take(left).read_until(b'\n', &mut head)? == 0 {
            break;
        }
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    Ok(head)
}

/// A file's name without the ending of a compression around it.
pub(crate) fn uncompressed_name(file: &Path) -> PathBuf {
    let ending = file.extension().map(|ending| ending.to_ascii_lowercase());
    match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("gz" | "zst" | "zstd") => file.with_extension(""),
        _ => file.to_owned(),
    }
}

/// Whether a file's name says that it holds JSON lines.
pub(crate) fn is_named_json_lines(file: &Path) -> bool {
    uncompressed_name(file)
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl") || ending.eq_ignore_ascii_case("ndjson"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn open(name: &str, bytes: &[u8]) -> Result<(Form, Vec<u8>), String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let input = Input::open(&file, &Choice::default())
            .map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))?;
        let form = input.form;
        let mut bytes = Vec::new();
        input.into_bytes().read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        Ok((form, bytes))
    }

    #[test]
    fn the_form_is_found_by_the_first_bytes() {
        assert_eq!(open("x", b"\xef\xbb\xbft,x\n1,2\n"), Ok((Form::Csv, b"t,x\n1,2\n".to_vec())));
        assert_eq!(open("x", b"\n\r\n {\"a\":1}"), Ok((Form::JsonLines, b"\n\r\n {\"a\":1}".to_vec())));
        assert_eq!(open("x.NDJSON", b"oops\n"), Ok((Form::JsonLines, b"oops\n".to_vec())));
        let log = b"[26/Nov/2026:21:52:03 +0000],200\n";
        assert_eq!(open("x", log), Ok((Form::Csv, log.to_vec())));
        assert_eq!(open("x", b"PAR1"), Ok((Form::Parquet, b"PAR1".to_vec())));
    }

    #[test]
    fn a_choice_is_refused_where_the_form_has_no_place_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str, bytes: &[u8], choice: &Choice| {
            let file = dir.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            Input::open(&file, choice).map(|input| input.form).map_err(|error| error.to_string())
        };
        let every = Choice { every: Some("5m".parse().unwrap()), ..Choice::default() };
        assert_eq!(open("x.csv", b"x\n1\n", &every), Ok(Form::Csv));
        assert_eq!(open("x.parquet", b"PAR1", &every), Ok(Form::Parquet));
        for (name, bytes) in [("x.jsonl", &b"oops\n"[..]), ("x", b"{}\n")] {
            let error = open(name, bytes, &every).unwrap_err();
            let told = "JSON lines name their times; how far apart rows are (--every) is for CSV and Parquet";
            assert!(error.ends_with(&format!("{name}: {told}")), "{error}");
        }
        let no_header = Choice { no_header: true, ..Choice::default() };
        assert_eq!(open("x.csv", b"x\n1\n", &no_header), Ok(Form::Csv));
        for (name, bytes, told) in
            [("x.parquet", "PAR1", "Parquet names its columns"), ("x", "{}", "JSON lines have no header")]
        {
            let error = open(name, bytes.as_bytes(), &no_header).unwrap_err();
            assert!(
                error.ends_with(&format!("{name}: {told}; leave out --no-header, which is for CSV")),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_compressed_is_read_through() {
        let text = b"t,x\n1,2\n".to_vec();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(open("x.csv.gz", &gzip), Ok((Form::Csv, text.clone())));
        assert_eq!(open("x.csv.gz", &gzip.repeat(2)), Ok((Form::Csv, text.repeat(2))), "as `cat` joins them");
        let zstd = zstd::encode_all(text.as_slice(), 1).unwrap();
        assert_eq!(open("x.jsonl.zst", &zstd), Ok((Form::JsonLines, text)));
        let error = open("x.gz", &gzip[..gzip.len() - 12]).unwrap_err();
        assert!(error.starts_with("x.gz: "), "{error}");
        let parquet = zstd::encode_all(&b"PAR1"[..], 1).unwrap();
        let error = open("x", &parquet).unwrap_err();
        assert!(error.starts_with("x: Parquet is compressed in itself"), "{error}");
        assert_eq!(uncompressed_name(Path::new("a/x.csv.GZ")), Path::new("a/x.csv"));
    }

    #[test]
    fn what_is_none_of_them_is_told_by_name() {
        for (bytes, part) in [
            (&b""[..], "x: the file is empty"),
            (b"PK\x03\x04", "x: it is a ZIP archive"),
            (b"\xff\xfet\0", "x: it is UTF-16"),
            (b"[{\"a\":1}]", "x: it is a JSON array"),
        ] {
            let error = open("x", bytes).unwrap_err();
            assert!(error.starts_with(part), "{error}");
        }
        let folder = Input::open(&std::env::temp_dir(), &Choice::default()).err().unwrap().to_string();
        assert!(folder.ends_with("it is a folder; name the files in it"), "{folder}");
    }
}
