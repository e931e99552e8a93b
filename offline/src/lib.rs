//! What runs beside the service and not in it: the backtest, the scores that tell how good detection is, and series made to
//! judge it by.

pub mod alert_score;
pub mod backtest;
pub mod default_snapshot;
pub mod event_score;
pub mod generate;
pub mod nab_score;
pub mod parallel;
pub mod table;
pub mod training;
