//! Tells streams without an end that the service stops.

use tokio::sync::watch;

/// Turns true once.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    pub(super) fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Waits until the service stops.
    pub(super) async fn stopped(&self) {
        // An error says that the server is gone, which is a stop too.
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }
}
