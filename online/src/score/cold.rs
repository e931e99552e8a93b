//! Cold series come back from their pieces before the engine needs them.

use crate::{kept::key, work::WorkError};
use kizashi_models::{detector::Detector, engine::Engine};
use kizashi_storage::pieces::Pieces;

/// Brings the cold series back that have to be there before these series are observed and stream time
/// advances to `until_ms`; says how many they were.
///
/// # Errors
/// Where a piece can't be read: the engine is then of no use.
pub(super) async fn bring_back<'a, D: Detector>(
    engine: &mut Engine<D>,
    pieces: &Pieces,
    series: impl IntoIterator<Item = &'a str>,
    until_ms: i64,
) -> Result<usize, WorkError> {
    let wanted = engine.wanted(series, until_ms);
    if wanted.is_empty() {
        return Ok(0);
    }
    let keys: Vec<Vec<u8>> = wanted.iter().map(|wanted| [&[key::SERIES], wanted.key()].concat()).collect();
    let read = pieces.read(&keys, |at, value| {
        engine.bring_back(&wanted[at], value).map_err(|error| WorkError::Piece(error.to_string()))
    });
    read.await?;
    Ok(wanted.len())
}
