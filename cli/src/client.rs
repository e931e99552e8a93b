//! The way from a client command to the service.

use crate::{arguments::Server, report::Failure};
use std::time::Duration;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

/// Connects to the service.
pub async fn connect(server: &Server) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(server.url.clone())
        .ok()
        .filter(|endpoint| endpoint.uri().scheme_str() == Some("http") && endpoint.uri().authority().is_some())
        .ok_or_else(|| {
            Failure::usage(format_args!(
                "--server {:?} is not an address of the service: http://HOST:PORT is, such as http://127.0.0.1:8750",
                server.url
            ))
        })?;
    endpoint.connect_timeout(Duration::from_secs(5)).tcp_nodelay(true).connect().await.map_err(|error| {
        Failure::run(format_args!(
            "no service answers at {}: {}. Start one with `kizashi serve`, or name another with --server",
            server.url,
            innermost(&error)
        ))
    })
}

/// Tells what the service answered.
pub fn refused(server: &Server, status: &Status) -> Failure {
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::OutOfRange => Failure::usage(status.message()),
        Code::Unavailable => {
            Failure::run(format_args!("the service at {} went away: {}", server.url, status.message()))
        }
        code => Failure::run(format_args!(
            "the service at {} answered {code:?}: {}",
            server.url,
            status.message()
        )),
    }
}

/// How often a call that goes on and on is made again, a second apart, before a service that went away is given up.
const TRIES_MAX: u32 = 30;

/// Codes of a connection that broke and of a service that restarts.
const BROKEN: [Code; 4] = [Code::Unavailable, Code::Unknown, Code::Internal, Code::Cancelled];

/// Makes a call that goes on and on again where it broke.
pub struct Reconnect<'a> {
    server: &'a Server,
    /// A code besides those of a broken connection after which the call is made again.
    also: Option<Code>,
    /// Since the service was last reached.
    tries: u32,
}

impl<'a> Reconnect<'a> {
    /// For a call to this service, also after a code that says nothing of the connection.
    pub fn new(server: &'a Server, also: Option<Code>) -> Self {
        Self { server, also, tries: 0 }
    }

    /// The service answers: its next failure is the first.
    pub fn reached(&mut self) {
        self.tries = 0;
    }

    /// Waits until the call is to be made again.
    ///
    /// # Errors
    /// Where that would not help, or has not helped.
    pub async fn after(&mut self, ended: &Status) -> Result<(), Failure> {
        self.count(ended)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    fn count(&mut self, ended: &Status) -> Result<(), Failure> {
        let again = BROKEN.contains(&ended.code()) || self.also == Some(ended.code());
        if !again || self.tries >= TRIES_MAX {
            return Err(refused(self.server, ended));
        }
        self.tries += 1;
        Ok(())
    }
}

/// The next message of a call that the service does not end by itself.
pub async fn next<T>(messages: &mut Streaming<T>) -> Result<T, Status> {
    messages.message().await?.ok_or_else(|| Status::unavailable("the service ended the call"))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many times a call that always ends like this is made again; it gives up in the end.
    fn tries(reconnect: &mut Reconnect<'_>, code: Code) -> u32 {
        let mut count = 0;
        while reconnect.count(&Status::new(code, "")).is_ok() {
            count += 1;
        }
        count
    }

    #[test]
    fn a_call_that_broke_is_made_again_for_a_while() {
        let server = Server { url: "http://127.0.0.1:9".into() };
        let mut alerts = Reconnect::new(&server, None);
        assert_eq!(tries(&mut alerts, Code::OutOfRange), 0);
        assert_eq!(tries(&mut alerts, Code::Unavailable), TRIES_MAX);
        assert_eq!(tries(&mut alerts, Code::Unavailable), 0);
        alerts.reached();
        assert_eq!(tries(&mut alerts, Code::Cancelled), TRIES_MAX);
        let mut incidents = Reconnect::new(&server, Some(Code::OutOfRange));
        assert_eq!(tries(&mut incidents, Code::OutOfRange), TRIES_MAX);
        assert_eq!(tries(&mut incidents, Code::InvalidArgument), 0);
    }
}
