//! What runs beside the service and not in it: the backtest, and the scores that tell how good detection is.

pub mod backtest;
pub mod event_score;
pub mod nab_score;
pub mod table;
