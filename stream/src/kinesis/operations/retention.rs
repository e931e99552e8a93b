//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

use crate::kinesis::{
    error::ApiError,
    operation::{Answer, Invocation, own_stream_of, validate_stream},
    validation::Validation,
    wire::{
        scalar::{Integer, Text},
        structure,
    },
};

const HOURS_MIN: i64 = 24;
const HOURS_MAX: i64 = 8760;

structure! {
    RetentionRequest<'a> {
        "StreamName" => stream_name: Text<'a>,
        "StreamARN" => stream_arn: Text<'a>,
        "RetentionPeriodHours" => hours: Integer,
    }
}

/// Keeps records for longer.
pub(in crate::kinesis) async fn increase(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    set(invocation, true).await
}

/// Keeps records less long.
pub(in crate::kinesis) async fn decrease(invocation: Invocation<'_>) -> Result<Answer, ApiError> {
    set(invocation, false).await
}

async fn set(invocation: Invocation<'_>, longer: bool) -> Result<Answer, ApiError> {
    let request: RetentionRequest<'_> = invocation.decode()?;
    let mut validation = Validation::new();
    validation.present(&request.hours, "retentionPeriodHours");
    validate_stream(&mut validation, &request.stream_name, &request.stream_arn);
    validation.finish()?;
    let Integer(hours) = request.hours.expect("it was validated");
    let stream = own_stream_of(&request.stream_name, &request.stream_arn)?;
    let existing = i64::from(invocation.described(stream).await?.retention_hours);
    if hours < HOURS_MIN {
        return Err(ApiError::invalid_argument(format!(
            "Minimum allowed retention period is {HOURS_MIN} hours. Requested retention period ({hours} hours) is too \
             short."
        )));
    }
    if hours > HOURS_MAX {
        return Err(ApiError::invalid_argument(format!(
            "Maximum allowed retention period is {HOURS_MAX} hours. Requested retention period ({hours} hours) is too \
             long."
        )));
    }
    if longer && hours < existing {
        return Err(ApiError::invalid_argument(format!(
            "Requested retention period ({hours} hours) for stream {stream} can not be shorter than existing retention \
             period ({existing} hours). Use DecreaseRetentionPeriod API."
        )));
    }
    if !longer && hours > existing {
        return Err(ApiError::invalid_argument(format!(
            "Requested retention period ({hours} hours) for stream {stream} can not be longer than existing retention \
             period ({existing} hours). Use IncreaseRetentionPeriod API."
        )));
    }
    let hours = u32::try_from(hours).expect("it is within bounds");
    let set = invocation.streams().set_retention_hours(stream, hours).await;
    set.map_err(|error| ApiError::of_stream(error, stream))?;
    Ok(Answer::default())
}
