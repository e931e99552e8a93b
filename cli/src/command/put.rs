//! `kizashi put`: JSON lines to a stream.

use super::{
    acknowledged::{Pump, RECORD_BYTES_MAX},
    partition_key::SeriesKeys,
};
use crate::{
    arguments::Put,
    report::{self, Failure},
};
use kizashi_proto::v1::PutRecord;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
};
use tokio::sync::mpsc;

pub async fn run(arguments: Put) -> Result<(), Failure> {
    let input: Box<dyn Read + Send> = match &arguments.file {
        None => Box::new(io::stdin()),
        Some(path) => Box::new(
            File::open(path)
                .map_err(|error| Failure::usage(format_args!("can't read {}: {error}", path.display())))?,
        ),
    };
    let keys = SeriesKeys::new(&arguments.series)?;
    let mut pump = Pump::start(&arguments.server, &arguments.stream, arguments.verbose).await?;
    let (lines, mut received) = mpsc::channel(1024);
    // Reading blocks, so it has its own thread; the channel slows it down to what the service takes.
    let reader = std::thread::spawn(move || read_lines(BufReader::new(input), &lines));
    while let Some(data) = received.recv().await {
        // What has come at once goes out at once; a line that comes alone does not wait for others.
        let partition_key = arguments.partition_key.clone().unwrap_or_else(|| keys.of_record(&data));
        pump.put(PutRecord { partition_key, data }).await?;
        if received.is_empty() {
            pump.flush().await?;
        }
    }
    let summary = pump.finish().await?;
    reader.join().map_err(|_| Failure::run("reading failed"))?.map_err(|error| {
        Failure::run(format_args!("can't read the input: {error}; {}", summary.sentence()))
    })?;
    if summary.refused > 0 {
        return Err(Failure::run(summary.sentence()));
    }
    if arguments.verbose { Ok(()) } else { report::line(summary.sentence()) }
}

fn read_lines(mut input: impl BufRead, lines: &mpsc::Sender<Vec<u8>>) -> io::Result<()> {
    let mut number = 0_u64;
    loop {
        number += 1;
        let mut line = Vec::new();
        if input.by_ref().take(RECORD_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        if line.len() > RECORD_BYTES_MAX {
            return Err(io::Error::other(format!(
                "line {number} is longer than a record may be, {RECORD_BYTES_MAX} bytes"
            )));
        }
        if !line.iter().all(u8::is_ascii_whitespace) && lines.blocking_send(line).is_err() {
            return Ok(());
        }
    }
}
