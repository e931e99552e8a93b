//! Incidents: alerts of series that break together, shown as one.
//!
//! Which alerts belong together is a function of the set of alerts alone, read in the order in which they
//! opened (then of their ids): [`Incidents`] gives the same incidents whatever order the shards' events came
//! in, however late some were, and after a restart, when all alerts come at once.
//!
//! In that order each alert is compared with the incidents of the hours before it. Two explanations stand
//! against each other: that it belongs to one of them, and that it opened for reasons of its own, which happens
//! so many times a second over all series. The ratio of their likelihoods is what self-exciting point processes
//! use to tell aftershocks from new earthquakes (Zhuang, Ogata and Vere-Jones, "Stochastic declustering of
//! space-time earthquake occurrences", 2002); in place of the distance in space stands what the series have in
//! common. See docs/decisions/0028-incidents.md.

mod base_rate;
mod book;
mod checkpoints;
mod companions;
mod fold;
mod group;
mod parameters;
mod population;
mod refine;
mod shape;
mod tokens;

#[cfg(test)]
mod behaviour_test;

pub use book::{Incidents, Revision};
pub use parameters::Parameters;
pub use shape::{Incident, IncidentId};

use crate::alert::{Alert, AlertId};

/// Where an alert stands in the order in which incidents are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertKey {
    /// When it opened, Unix milliseconds.
    pub opened_ms: i64,
    /// Its id.
    pub id: AlertId,
}

impl AlertKey {
    /// The key of an alert.
    pub fn of(alert: &Alert) -> Self {
        Self { opened_ms: alert.opened_ms, id: alert.id }
    }
}
