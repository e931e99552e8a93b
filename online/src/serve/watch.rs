//! Calls that stream what changes and have no end of their own.

use super::{errors, stop::Stop};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Watches of a service at once.
const WATCHES_MAX: usize = 1_024;
/// Events that wait for a slow watcher here; more wait in what is watched.
const EVENTS_QUEUED_MAX: usize = 64;

/// What a watcher is sent.
pub(super) type Events<T> = ReceiverStream<Result<T, Status>>;

/// What can be watched.
pub(super) trait Watched: Send + 'static {
    /// What a watcher is sent.
    type Event: Send + 'static;

    /// Waits for the next event; an error, which the watcher is told, is the last.
    fn next(&mut self) -> impl Future<Output = Result<Self::Event, Status>> + Send;

    /// What the watcher is told where the service stops.
    fn stopping(&self) -> Status;
}

/// The watches of a service, a bounded number at once.
pub(super) struct Watches {
    places: Arc<Semaphore>,
    stop: Stop,
}

/// A place among the watches of a service.
pub(super) struct Place {
    permit: OwnedSemaphorePermit,
    stop: Stop,
}

impl Watches {
    pub(super) fn new(stop: Stop) -> Self {
        Self { places: Arc::new(Semaphore::new(WATCHES_MAX)), stop }
    }

    /// Takes a place, or refuses the call where none is left.
    pub(super) fn place(&self) -> Result<Place, Status> {
        let permit = self.places.clone().try_acquire_owned().map_err(|_| {
            errors::exhausted("TOO_MANY_WATCHES", format!("{WATCHES_MAX} watches are open; close one"))
        })?;
        Ok(Place { permit, stop: self.stop.clone() })
    }
}

impl Place {
    /// Sends events until one fails, the watcher goes or the service stops; only then the place is free again.
    pub(super) fn relay<W: Watched>(self, mut watched: W) -> Events<W::Event> {
        let Self { permit, stop } = self;
        let (sender, receiver) = mpsc::channel(EVENTS_QUEUED_MAX);
        tokio::spawn(async move {
            let _permit = permit;
            loop {
                let event = tokio::select! {
                    event = watched.next() => event,
                    () = sender.closed() => return,
                    () = stop.stopped() => Err(watched.stopping()),
                };
                let failed = event.is_err();
                if sender.send(event).await.is_err() || failed {
                    return;
                }
            }
        });
        ReceiverStream::new(receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_stream::StreamExt;
    use tonic::Code;

    /// Counts down to an error.
    struct Countdown(u32);

    impl Watched for Countdown {
        type Event = u32;

        async fn next(&mut self) -> Result<u32, Status> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| Status::data_loss("the end"))?;
            Ok(self.0)
        }

        fn stopping(&self) -> Status {
            Status::unavailable("stopping")
        }
    }

    /// Has no event.
    struct Still;

    impl Watched for Still {
        type Event = ();

        async fn next(&mut self) -> Result<(), Status> {
            std::future::pending().await
        }

        fn stopping(&self) -> Status {
            Status::unavailable("stopping")
        }
    }

    #[tokio::test]
    async fn an_error_is_the_last_that_a_watcher_is_sent() {
        let (_stopper, stop) = Stop::new();
        let events = Watches::new(stop).place().unwrap().relay(Countdown(3));
        let events: Vec<_> = events.map(|event| event.map_err(|status| status.code())).collect().await;
        assert_eq!(events, [Ok(2), Ok(1), Ok(0), Err(Code::DataLoss)]);
    }

    #[tokio::test]
    async fn a_stop_is_told() {
        let (stopper, stop) = Stop::new();
        let mut events = Watches::new(stop).place().unwrap().relay(Still);
        stopper.send_replace(true);
        assert_eq!(events.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn the_place_of_a_watcher_that_goes_is_free_again() {
        let (_stopper, stop) = Stop::new();
        let watches = Watches::new(stop);
        let mut open: Vec<_> = (0..WATCHES_MAX).map(|_| watches.place().unwrap().relay(Still)).collect();
        let refused = watches.place().err().unwrap();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        open.pop();
        while watches.place().is_err() {
            tokio::task::yield_now().await;
        }
    }
}
