//! The way from a client command to the service.

use crate::{arguments::Server, report::Failure};
use std::time::Duration;
use tonic::{
    Code, Status,
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

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
