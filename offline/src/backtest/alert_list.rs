//! The alerts of a file, each as it was in the end.

use kizashi_models::alert::{Alert, AlertId, Change};
use std::collections::HashMap;

/// Alerts of a file that are listed; more are counted, not kept.
pub(super) const LISTED_MAX: usize = 1000;

/// Alerts in the order in which they opened, the first [`LISTED_MAX`].
#[derive(Debug, Default)]
pub(super) struct AlertList {
    alerts: Vec<Alert>,
    places: HashMap<AlertId, usize>,
}

impl AlertList {
    /// Takes in what became of an alert.
    pub(super) fn take(&mut self, change: Change, alert: &Alert) {
        if change == Change::Opened && self.alerts.len() < LISTED_MAX {
            self.places.insert(alert.id, self.alerts.len());
            self.alerts.push(alert.clone());
        } else if let Some(place) = self.places.get(&alert.id) {
            self.alerts[*place].clone_from(alert);
        }
    }

    pub(super) fn into_alerts(self) -> Vec<Alert> {
        self.alerts
    }
}
