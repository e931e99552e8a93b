//! JSON lines as observations, through the decoder of the service.

use super::Error;
use super::reader::Row;
use crate::table::input::Bytes;
use crate::table::{Input, TableError};
use kizashi_models::decode::{Decoded, Decoder};
use kizashi_models::observation::Values;
use kizashi_models::time::format_rfc3339;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// Bytes of a line, as of a record that the service takes unless told otherwise.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// An input with an object a line.
pub(super) struct JsonLines {
    file: PathBuf,
    bytes: Bytes,
    decoder: Decoder,
    /// The keys, from the outermost in, under which the time stands.
    time: Vec<String>,
    /// Names of fields that are left out.
    ignored: Vec<String>,
    line: u64,
    text: Vec<u8>,
}

impl JsonLines {
    pub(super) fn new(input: Input, decoder: Decoder, time: &str, ignored: &[String]) -> Self {
        Self {
            file: input.file.clone(),
            bytes: input.into_bytes(),
            decoder,
            time: time.split('.').map(str::to_owned).collect(),
            ignored: ignored.to_vec(),
            line: 0,
            text: Vec::new(),
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the next line that is not blank. One that the service would not take is a row without an
    /// observation, which says why.
    pub(super) fn read(&mut self, row: &mut Row) -> Result<bool, Error> {
        loop {
            let Some(length) = self.read_line()? else { return Ok(false) };
            if length > LINE_BYTES_MAX {
                row.refused =
                    Some(format!("a line of {length} bytes; a record has at most {LINE_BYTES_MAX}"));
            } else if self.text.trim_ascii().is_empty() {
                continue;
            } else {
                row.refused = self.decode(row).err();
            }
            row.line = self.line;
            row.cells.clear();
            row.bytes = self.text.len();
            if row.refused.is_some() {
                row.time_text.clear();
            }
            return Ok(true);
        }
    }

    /// Reads a line and says how many bytes it has. Of one that is too long only the start is kept.
    fn read_line(&mut self) -> Result<Option<u64>, Error> {
        let Self { file, bytes, text, .. } = self;
        let io = |source| TableError::Io { file: file.clone(), source };
        text.clear();
        let mut length = bytes.take(LINE_BYTES_MAX + 2).read_until(b'\n', text).map_err(io)? as u64;
        if length == 0 {
            return Ok(None);
        }
        self.line += 1;
        let ended = text.last() == Some(&b'\n');
        while text.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            text.pop();
        }
        if ended || length < LINE_BYTES_MAX + 2 {
            return Ok(Some(text.len() as u64));
        }
        loop {
            let buffer = bytes.fill_buf().map_err(io)?;
            let newline = buffer.iter().position(|byte| *byte == b'\n');
            let skipped = newline.unwrap_or(buffer.len());
            length += skipped as u64;
            bytes.consume(skipped + usize::from(newline.is_some()));
            if newline.is_some() || skipped == 0 {
                return Ok(Some(length));
            }
        }
    }

    fn decode(&self, row: &mut Row) -> Result<(), String> {
        let mut decoded = None;
        self.decoder.decode(&self.text, &mut |_, result| decoded = Some(result));
        let mut observation = match decoded.expect("the line is not blank").map_err(|error| error.reason)? {
            Decoded::Observation(observation) => observation,
            Decoded::Interaction(_) => return Err("an interaction and no observation".to_owned()),
            Decoded::Item(_) => return Err("an item and no observation".to_owned()),
        };
        let Some(time_ms) = observation.time_ms else {
            return Err("no time; the service takes that of arrival, which a file has not".to_owned());
        };
        if !self.ignored.is_empty() {
            self.leave_out(&mut observation.values)?;
        }
        row.time_ms = time_ms;
        row.observation = observation;
        row.time_text.clear();
        match self.time_token() {
            Some(token) => row.time_text.extend_from_slice(token.as_bytes()),
            None => row.time_text.extend_from_slice(format!("\"{}\"", format_rfc3339(time_ms)).as_bytes()),
        }
        Ok(())
    }

    fn leave_out(&self, values: &mut Values) -> Result<(), String> {
        let Values::Named(named) = values else { return Ok(()) };
        named.retain(|(name, _)| !self.ignored.iter().any(|ignored| **ignored == **name));
        if named.is_empty() { Err("no field that is not left out".to_owned()) } else { Ok(()) }
    }

    /// The time as it stands there.
    fn time_token(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.text).ok()?;
        let mut token = text.trim_start_matches('\u{feff}');
        for key in &self.time {
            let object: HashMap<String, &RawValue> = serde_json::from_str(token).ok()?;
            token = object.get(key)?.get();
        }
        Some(token)
    }
}
