//! Reads bodies within bounds of size, memory and time.

use super::{error::ApiError, options::Options};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Memory is counted in units of this many bytes.
const UNIT: usize = 1024;

/// A body that is too large is read and dropped up to this many times the bound, so that its connection goes on;
/// a longer one is cut off.
const DROPPED_MAX: usize = 4;

/// The memory that bodies and responses may take at once.
#[derive(Clone)]
pub(super) struct Memory {
    units: Arc<Semaphore>,
    units_max: usize,
}

/// A part of the memory, held while the bytes are.
#[derive(Debug)]
pub(super) struct Reserved(OwnedSemaphorePermit);

impl Memory {
    /// Room for `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        let units_max = bytes.div_ceil(UNIT).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { units: Arc::new(Semaphore::new(units_max)), units_max }
    }

    /// Waits for `bytes` to be free. One that asks for more than there is waits for all.
    pub(super) async fn reserve(&self, bytes: usize, options: &Options) -> Result<Reserved, ApiError> {
        let units = bytes.div_ceil(UNIT).min(self.units_max) as u32;
        match timeout(options.body_timeout, self.units.clone().acquire_many_owned(units)).await {
            Ok(permit) => Ok(Reserved(permit.expect("the semaphore is never closed"))),
            Err(_) => Err(ApiError::throughput_exceeded(
                "Rate exceeded: too many bytes are in flight. Slow down and try again.",
            )),
        }
    }
}

impl Reserved {
    /// Gives back what is above `bytes`.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let surplus = self.0.num_permits().saturating_sub(bytes.div_ceil(UNIT));
        drop(self.0.split(surplus));
    }
}

/// Reads a body whole. The memory that it takes is reserved before it is read.
pub(super) async fn read<B>(
    body: B,
    memory: &Memory,
    options: &Options,
) -> Result<(Vec<u8>, Reserved), ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let bytes_max = options.body_bytes_max;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let exact = body.size_hint().exact().is_some();
    if announced > bytes_max {
        drop_rest(body, options).await;
        return Err(too_large(bytes_max));
    }
    let mut reserved = memory.reserve(if exact { announced } else { bytes_max }, options).await?;
    let mut content = Vec::with_capacity(announced);
    let mut body = body;
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(cut_off()) };
            if let Some(data) = frame.data_ref() {
                if content.len() + data.len() > bytes_max {
                    return Err(too_large(bytes_max));
                }
                content.extend_from_slice(data);
            }
        }
        Ok(())
    };
    match timeout(options.body_timeout, reading).await {
        Ok(Ok(())) => {
            reserved.shrink(content.capacity());
            Ok((content, reserved))
        }
        Ok(Err(error)) => {
            drop_rest(body, options).await;
            Err(error)
        }
        Err(_) => Err(ApiError {
            status: StatusCode::REQUEST_TIMEOUT,
            ..ApiError::new("RequestTimeoutException", "The body of the request did not arrive in time.")
        }),
    }
}

/// Reads what is left of a body and drops it, so that the connection may carry another request.
pub(super) async fn drop_rest<B>(mut body: B, options: &Options)
where
    B: Body<Data = Bytes> + Unpin,
{
    let bound = options.body_bytes_max.saturating_mul(DROPPED_MAX);
    if body.size_hint().lower() > bound as u64 {
        return;
    }
    let mut dropped = 0;
    let dropping = async {
        while let Some(Ok(frame)) = body.frame().await {
            dropped += frame.data_ref().map_or(0, Bytes::len);
            if dropped > bound {
                return;
            }
        }
    };
    // Late or not, the answer is the same; the connection is closed where something is left.
    let _ = timeout(options.body_timeout, dropping).await;
}

fn too_large(bytes_max: usize) -> ApiError {
    ApiError {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        ..ApiError::new(
            "RequestEntityTooLargeException",
            format!("The body of the request is longer than {bytes_max} bytes."),
        )
    }
}

fn cut_off() -> ApiError {
    ApiError::serialization(None)
}
