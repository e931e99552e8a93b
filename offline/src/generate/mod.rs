//! Series made for the detector to be judged and trained on: without anomalies, and with anomalies whose rows
//! and fields are known.
//!
//! Everything is a function of a seed, on every processor alike: the generator of random numbers is here, and
//! mathematics is `libm`'s.

mod anomalies;
mod compositions;
mod failures;
mod labelled;
mod machines;
mod normal;
mod plan;
mod processes;
mod random;
mod season;
mod vectors;

pub use anomalies::Anomaly;
pub use compositions::{Composition, composition};
pub use failures::{Cause, Failure, Fleet, FleetOptions, FleetPoint, Struck};
pub use labelled::{Labelled, Strike, labelled, labelled_as, strike};
pub use machines::{Machine, Watched, machine};
pub use normal::{INTERVAL_MS, Kind, Series};
pub use processes::{Disturbed, Process, process};
pub use random::Random;
pub use season::Season;
pub use vectors::{failing, vector};
