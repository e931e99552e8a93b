//! Puts records over HTTP as fast as an endpoint that speaks Kinesis answers, and prints how many a second.
//!
//!     put_records_http http://127.0.0.1:4567 [--seconds 10] [--connections 8] [--records 500] [--bytes 256]
//!
//! Requests are made ready before the clock starts and each connection waits for its answer before it sends the next,
//! as a client library does, so what is measured is the server and the sockets. They carry a signature that is well
//! formed but of no key. An answer that reports a failed record ends the run.

use base64::{Engine, engine::general_purpose::STANDARD};
use kizashi_bench::quantile;
use std::{
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const STREAM: &str = "bench";
const SHARDS: u32 = 4;
/// Different requests that each connection sends in turn.
const REQUESTS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(2);

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[derive(Clone, Debug)]
struct Load {
    address: SocketAddr,
    seconds: u64,
    connections: usize,
    records: usize,
    bytes: usize,
}

fn main() -> Result<()> {
    let load = Load::from_arguments()?;
    create_stream(&load)?;
    let barrier = Barrier::new(load.connections + 1);
    let (measuring, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let (elapsed, mut latencies) = thread::scope(|scope| {
        let runs: Vec<_> = (0..load.connections)
            .map(|connection| {
                let (load, barrier, measuring, ended) = (&load, &barrier, &measuring, &ended);
                scope.spawn(move || put(load, connection, barrier, measuring, ended))
            })
            .collect();
        barrier.wait();
        thread::sleep(WARM_UP);
        let start = Instant::now();
        measuring.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_secs(load.seconds));
        ended.store(true, Ordering::Relaxed);
        let elapsed = start.elapsed();
        let latencies: Result<Vec<Vec<Duration>>> =
            runs.into_iter().map(|run| run.join().expect("a connection does not panic")).collect();
        latencies.map(|latencies| (elapsed, latencies.concat()))
    })?;
    latencies.sort_unstable();
    let records_a_second = (latencies.len() * load.records) as f64 / elapsed.as_secs_f64();
    println!(
        "records_a_second={records_a_second:.0} requests={} p50_ms={:.1} p99_ms={:.1}",
        latencies.len(),
        quantile(&latencies, 0.5),
        quantile(&latencies, 0.99)
    );
    Ok(())
}

impl Load {
    fn from_arguments() -> Result<Self> {
        let mut arguments = std::env::args().skip(1);
        let url = arguments.next().ok_or("usage: put_records_http URL [--seconds N] [--connections N] …")?;
        let authority = url.strip_prefix("http://").unwrap_or(&url).trim_end_matches('/');
        let mut load =
            Self { address: authority.parse()?, seconds: 10, connections: 8, records: 500, bytes: 256 };
        while let Some(flag) = arguments.next() {
            let value: usize = arguments.next().ok_or_else(|| format!("{flag} takes a number"))?.parse()?;
            match flag.as_str() {
                "--seconds" => load.seconds = value as u64,
                "--connections" => load.connections = value,
                "--records" => load.records = value,
                "--bytes" => load.bytes = value,
                _ => return Err(format!("{flag} is not known").into()),
            }
        }
        Ok(load)
    }
}

/// Creates the stream and waits until it is active, which some servers take a while for.
fn create_stream(load: &Load) -> Result<()> {
    let mut connection = Connection::open(load.address)?;
    let body = format!(r#"{{"StreamName":"{STREAM}","ShardCount":{SHARDS}}}"#);
    connection.send(&request(load.address, "CreateStream", &body))?;
    let describe = request(load.address, "DescribeStreamSummary", &format!(r#"{{"StreamName":"{STREAM}"}}"#));
    for _ in 0..100 {
        let answer = connection.send(&describe)?;
        if String::from_utf8_lossy(answer).contains("ACTIVE") {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err("the stream did not become active".into())
}

/// Sends requests until the run has ended; the latency of each that was sent and answered while it was measured.
fn put(
    load: &Load,
    connection: usize,
    barrier: &Barrier,
    measuring: &AtomicBool,
    ended: &AtomicBool,
) -> Result<Vec<Duration>> {
    let mut random = 0x9e37_79b9_7f4a_7c15 ^ (connection as u64 + 1);
    let requests: Vec<_> = (0..REQUESTS).map(|_| put_request(load, &mut random)).collect();
    let connected = Connection::open(load.address);
    barrier.wait();
    let mut connection = connected?;
    let mut latencies = Vec::new();
    for request in requests.iter().cycle() {
        let counts = measuring.load(Ordering::Relaxed);
        let start = Instant::now();
        let answer = connection.send(request)?;
        let latency = start.elapsed();
        if ended.load(Ordering::Relaxed) {
            break;
        }
        if !failed_none(answer) {
            return Err(format!(
                "a put failed: {}",
                String::from_utf8_lossy(&answer[..answer.len().min(500)])
            )
            .into());
        }
        if counts {
            latencies.push(latency);
        }
    }
    Ok(latencies)
}

/// Whether an answer begins or ends with a count of no failed records, with or without a space.
fn failed_none(answer: &[u8]) -> bool {
    let edges = [&answer[..answer.len().min(64)], &answer[answer.len().saturating_sub(64)..]];
    edges.iter().any(|edge| {
        let text: String = String::from_utf8_lossy(edge).split_whitespace().collect();
        text.contains(r#""FailedRecordCount":0"#)
    })
}

fn put_request(load: &Load, random: &mut u64) -> Vec<u8> {
    let mut body = format!(r#"{{"StreamName":"{STREAM}","Records":["#);
    for index in 0..load.records {
        let data: Vec<u8> = (0..load.bytes).map(|_| xorshift(random) as u8).collect();
        let comma = if index > 0 { "," } else { "" };
        let (data, key) = (STANDARD.encode(data), xorshift(random));
        body.push_str(&format!(r#"{comma}{{"Data":"{data}","PartitionKey":"{key:016x}"}}"#));
    }
    body.push_str("]}");
    request(load.address, "PutRecords", &body)
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn request(address: SocketAddr, operation: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let signature = "ab".repeat(32);
    format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: Kinesis_20131202.{operation}\r\nX-Amz-Date: 20260101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/kinesis/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={signature}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// One connection, opened again where the server closes it.
struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    closed: bool,
    answer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        Ok(Self { address, stream: Self::connect(address)?, closed: false, answer: Vec::new() })
    }

    fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(BufReader::with_capacity(128 << 10, stream))
    }

    /// Sends a request; the body of the answer.
    fn send(&mut self, request: &[u8]) -> Result<&[u8]> {
        if self.closed {
            self.stream = Self::connect(self.address)?;
        }
        self.stream.get_mut().write_all(request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        self.closed = line.starts_with("HTTP/1.0");
        let mut length = None;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the server closed the connection in a head".into());
            }
            let header = line.trim_end().to_ascii_lowercase();
            match header.split_once(':').map(|(name, value)| (name, value.trim())) {
                None => break,
                Some(("content-length", value)) => length = Some(value.parse()?),
                Some(("connection", value)) => self.closed = value == "close",
                Some(_) => {}
            }
        }
        self.answer.clear();
        match length {
            Some(length) => {
                self.answer.resize(length, 0);
                self.stream.read_exact(&mut self.answer)?;
            }
            None if self.closed => {
                self.stream.read_to_end(&mut self.answer)?;
            }
            None => return Err("an answer of unknown length".into()),
        }
        Ok(&self.answer)
    }
}
