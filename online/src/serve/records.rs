//! Service `Records`.

use super::{errors, stop::Stop};
use bytes::Bytes;
use kizashi_proto::v1::{self, records_server::Records};
use kizashi_stream::api::{PutOutcome, PutRecord, Stream, StreamError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

/// Stream that an empty name stands for.
const STREAM_DEFAULT: &str = "events";
const RECORDS_MAX: usize = 500;
const KEY_CHARS_MAX: usize = 256;
/// `PutStream` calls at once.
const PUT_STREAMS_MAX: usize = 256;
/// Requests of one `PutStream` that are taken but not answered.
const REQUESTS_QUEUED_MAX: usize = 64;
/// Bytes of those, in KiB.
const KIB_QUEUED_MAX: usize = 16 * 1024;
/// Bytes that one put to the stream gathers from the requests of a `PutStream`.
const PUT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A stream that can't take more now is tried again, at growing intervals.
const RETRY_FIRST: Duration = Duration::from_millis(5);
const RETRY_LAST: Duration = Duration::from_secs(1);

/// Puts records.
pub(super) struct RecordsService {
    stream: Arc<dyn Stream>,
    keys: Arc<SpreadingKeys>,
    put_streams: Arc<Semaphore>,
    stop: Stop,
}

impl RecordsService {
    pub(super) fn new(stream: Arc<dyn Stream>, stop: Stop) -> Self {
        let put_streams = Arc::new(Semaphore::new(PUT_STREAMS_MAX));
        Self { stream, keys: Arc::default(), put_streams, stop }
    }
}

#[tonic::async_trait]
impl Records for RecordsService {
    async fn put_records(
        &self,
        request: Request<v1::PutRecordsRequest>,
    ) -> Result<Response<v1::PutRecordsResponse>, Status> {
        let put = self.keys.checked(request.into_inner())?;
        let outcomes = self.stream.put_records(&put.stream, put.records).await;
        let outcomes = outcomes.map_err(|error| errors::of_stream(&error, &put.stream))?;
        Ok(Response::new(answer(outcomes)))
    }

    type PutStreamStream = ReceiverStream<Result<v1::PutRecordsResponse, Status>>;

    async fn put_stream(
        &self,
        request: Request<Streaming<v1::PutRecordsRequest>>,
    ) -> Result<Response<Self::PutStreamStream>, Status> {
        let permit = self.put_streams.clone().try_acquire_owned().map_err(|_| {
            errors::exhausted("TOO_MANY_PUT_STREAMS", format!("{PUT_STREAMS_MAX} PutStream calls are open"))
        })?;
        let (answers, receiver) = mpsc::channel(REQUESTS_QUEUED_MAX);
        let (puts, queued) = mpsc::channel(REQUESTS_QUEUED_MAX);
        tokio::spawn(take_requests(request.into_inner(), self.keys.clone(), puts, self.stop.clone()));
        let stream = self.stream.clone();
        tokio::spawn(async move {
            let _permit = permit;
            answer_requests(&*stream, queued, answers).await;
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// A request that was found good.
struct Put {
    stream: Arc<str>,
    records: Vec<PutRecord>,
}

impl Put {
    fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.data.len() + record.partition_key.len()).sum()
    }
}

/// A put with its share of the queue, or why its `PutStream` ends.
type Queued = Result<(Put, OwnedSemaphorePermit), Status>;

/// Takes the requests of a `PutStream`, as many as the queue has room for: beyond, the client is slowed by the
/// flow control of HTTP/2.
async fn take_requests(
    mut requests: Streaming<v1::PutRecordsRequest>,
    keys: Arc<SpreadingKeys>,
    puts: mpsc::Sender<Queued>,
    stop: Stop,
) {
    let room = Arc::new(Semaphore::new(KIB_QUEUED_MAX));
    loop {
        let request = tokio::select! {
            request = requests.message() => request,
            () = puts.closed() => return,
            () = stop.stopped() => {
                Err(errors::other(Code::Unavailable, "STOPPING", "the service is stopping; what is not answered may not be stored"))
            }
        };
        let queued = match request {
            Ok(Some(request)) => keys.checked(request),
            Ok(None) => return,
            Err(status) => Err(status),
        };
        let queued = match queued {
            Ok(put) => {
                let kib = put.bytes().div_ceil(1024).clamp(1, KIB_QUEUED_MAX) as u32;
                let permit =
                    room.clone().acquire_many_owned(kib).await.expect("the semaphore is never closed");
                Ok((put, permit))
            }
            Err(status) => Err(status),
        };
        let ends = queued.is_err();
        if puts.send(queued).await.is_err() || ends {
            return;
        }
    }
}

/// Puts what is queued and answers in order. What has queued up while one put was under way goes into the next
/// together, one put after the other, so that order is kept and the sync is shared.
async fn answer_requests(
    stream: &dyn Stream,
    mut queued: mpsc::Receiver<Queued>,
    answers: mpsc::Sender<Result<v1::PutRecordsResponse, Status>>,
) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(first) => Some(first),
            None => queued.recv().await,
        };
        let (put, permit) = match first {
            Some(Ok(first)) => first,
            Some(Err(status)) => {
                let _ = answers.send(Err(status)).await;
                return;
            }
            None => return,
        };
        let (mut sizes, mut permits, mut bytes) = (vec![put.records.len()], vec![permit], put.bytes());
        let mut gathered = put;
        while let Ok(following) = queued.try_recv() {
            match following {
                Ok((put, permit))
                    if put.stream == gathered.stream
                        && gathered.records.len() + put.records.len() <= RECORDS_MAX
                        && bytes + put.bytes() <= PUT_BYTES_MAX =>
                {
                    bytes += put.bytes();
                    sizes.push(put.records.len());
                    permits.push(permit);
                    gathered.records.extend(put.records);
                }
                other => {
                    next = Some(other);
                    break;
                }
            }
        }
        let outcomes = tokio::select! {
            outcomes = put_until_taken(stream, &gathered) => outcomes,
            () = answers.closed() => return,
        };
        match outcomes {
            Ok(outcomes) => {
                assert_eq!(outcomes.len(), gathered.records.len(), "a put has one outcome a record");
                let mut outcomes = outcomes.into_iter();
                for size in sizes {
                    if answers.send(Ok(answer(outcomes.by_ref().take(size)))).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                let _ = answers.send(Err(errors::of_stream(&error, &gathered.stream))).await;
                return;
            }
        }
        drop(permits);
    }
}

/// Puts, and tries again while the stream as a whole can't take more: the client waits meanwhile.
async fn put_until_taken(stream: &dyn Stream, put: &Put) -> Result<Vec<PutOutcome>, StreamError> {
    let mut wait = RETRY_FIRST;
    loop {
        match stream.put_records(&put.stream, put.records.clone()).await {
            Err(StreamError::ThroughputExceeded(_)) if wait <= RETRY_LAST => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            outcomes => return outcomes,
        }
    }
}

fn answer(outcomes: impl IntoIterator<Item = PutOutcome>) -> v1::PutRecordsResponse {
    let results = outcomes.into_iter().map(|outcome| match outcome {
        Ok(placed) => v1::PutResult {
            shard: placed.shard.to_string(),
            sequence_number: placed.sequence.to_string(),
            ..v1::PutResult::default()
        },
        Err(error) => v1::PutResult {
            error_code: error.code().to_owned(),
            error_message: error.to_string(),
            ..v1::PutResult::default()
        },
    });
    v1::PutRecordsResponse { results: results.collect() }
}

/// Gives records without a partition key one that spreads the load over the shards.
#[derive(Default)]
struct SpreadingKeys(AtomicU64);

impl SpreadingKeys {
    fn next(&self) -> Arc<str> {
        // The MD5 of the key spreads; that keys differ is enough.
        self.0.fetch_add(1, Ordering::Relaxed).to_string().into()
    }

    fn checked(&self, request: v1::PutRecordsRequest) -> Result<Put, Status> {
        if request.stream.starts_with('.') {
            return Err(errors::invalid(
                "stream",
                &request.stream,
                "a name without a `.` in front, which marks internal streams",
            ));
        }
        let count = request.records.len();
        if count == 0 || count > RECORDS_MAX {
            return Err(errors::invalid(
                "records",
                format!("{count} records"),
                format!("1 to {RECORDS_MAX}"),
            ));
        }
        let mut records = Vec::with_capacity(count);
        for (number, record) in request.records.into_iter().enumerate() {
            let chars = record.partition_key.chars().count();
            if chars > KEY_CHARS_MAX {
                let field = format!("records[{number}].partition_key");
                let allowed = format!("at most {KEY_CHARS_MAX} characters, not {chars}");
                return Err(errors::invalid(&field, record.partition_key, allowed));
            }
            let partition_key =
                if record.partition_key.is_empty() { self.next() } else { record.partition_key.into() };
            records.push(PutRecord {
                partition_key,
                explicit_hash_key: None,
                data: Bytes::from(record.data),
            });
        }
        let stream = if request.stream.is_empty() { STREAM_DEFAULT } else { &request.stream };
        Ok(Put { stream: stream.into(), records })
    }
}
