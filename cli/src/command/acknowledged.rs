//! A pump of records to the service that keeps count of what was acknowledged.

use crate::{
    arguments::Server,
    client,
    report::{self, Failure},
};
use kizashi_models::plural::Count;
use kizashi_proto::v1::{PutRecord, PutRecordsRequest, PutRecordsResponse, records_client::RecordsClient};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Bytes that a record may have at most.
pub const RECORD_BYTES_MAX: usize = 10 << 20;

const RECORDS_MAX: usize = 500;
const BYTES_MAX: usize = 4 << 20;
/// Requests that wait for their answer.
const IN_FLIGHT_MAX: usize = 8;

/// Puts records in batches over one stream of requests, several in flight.
pub struct Pump<'a> {
    server: &'a Server,
    stream: String,
    verbose: bool,
    requests: mpsc::Sender<PutRecordsRequest>,
    answers: Streaming<PutRecordsResponse>,
    batch: Vec<PutRecord>,
    batch_bytes: usize,
    in_flight: usize,
    summary: Summary,
}

/// What became of the records.
#[derive(Debug, Default)]
pub struct Summary {
    /// Durable on the stream.
    pub acknowledged: u64,
    /// Refused by the service.
    pub refused: u64,
    first_refusal: String,
}

impl<'a> Pump<'a> {
    /// Connects to the service.
    pub async fn start(server: &'a Server, stream: &str, verbose: bool) -> Result<Self, Failure> {
        let channel = client::connect(server).await?;
        let (requests, received) = mpsc::channel(IN_FLIGHT_MAX);
        let mut records = RecordsClient::new(channel).max_decoding_message_size(64 << 20);
        let answers = records
            .put_stream(ReceiverStream::new(received))
            .await
            .map_err(|status| client::refused(server, &status))?
            .into_inner();
        Ok(Self {
            server,
            stream: stream.to_owned(),
            verbose,
            requests,
            answers,
            batch: Vec::new(),
            batch_bytes: 0,
            in_flight: 0,
            summary: Summary::default(),
        })
    }

    /// Adds a record; sends the batch where it is full.
    pub async fn put(&mut self, record: PutRecord) -> Result<(), Failure> {
        let bytes = record.data.len() + record.partition_key.len() + 16;
        if self.batch.len() == RECORDS_MAX || (!self.batch.is_empty() && self.batch_bytes + bytes > BYTES_MAX)
        {
            self.flush().await?;
        }
        self.batch_bytes += bytes;
        self.batch.push(record);
        Ok(())
    }

    /// Sends what has been added.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        while self.in_flight >= IN_FLIGHT_MAX {
            self.answer().await?;
        }
        let records = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let request = PutRecordsRequest { stream: self.stream.clone(), records };
        if self.requests.send(request).await.is_err() {
            // The call has ended; its status says why.
            return self.answer().await;
        }
        self.in_flight += 1;
        Ok(())
    }

    /// Waits until all is answered.
    pub async fn settle(&mut self) -> Result<(), Failure> {
        self.flush().await?;
        while self.in_flight > 0 {
            self.answer().await?;
        }
        Ok(())
    }

    /// Waits until all is answered; says what became of it.
    pub async fn finish(mut self) -> Result<Summary, Failure> {
        self.settle().await?;
        Ok(self.summary)
    }

    async fn answer(&mut self) -> Result<(), Failure> {
        let answer = match self.answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Err(self.interrupted("the service ended the call")),
            Err(status) => {
                let failure = client::refused(self.server, &status);
                return Err(if self.summary.acknowledged == 0 {
                    failure
                } else {
                    self.interrupted(&failure.to_string())
                });
            }
        };
        self.in_flight -= 1;
        for result in answer.results {
            if result.error_code.is_empty() {
                self.summary.acknowledged += 1;
                if self.verbose {
                    report::line(format_args!("{} {}", result.shard, result.sequence_number))?;
                }
            } else {
                self.summary.refused += 1;
                if self.summary.first_refusal.is_empty() {
                    self.summary.first_refusal = format!("{}: {}", result.error_code, result.error_message);
                }
            }
        }
        Ok(())
    }

    fn interrupted(&self, why: &str) -> Failure {
        Failure::run(format_args!("{why}; {}", self.summary.sentence()))
    }
}

impl Summary {
    /// Says it in a sentence.
    pub fn sentence(&self) -> String {
        let records = Count(self.acknowledged, "record");
        let are = if self.acknowledged == 1 { "is" } else { "are" };
        match self.refused {
            0 => format!("{records} {are} durable"),
            refused => {
                format!("{records} {are} durable, {refused} refused, the first: {}", self.first_refusal)
            }
        }
    }
}
