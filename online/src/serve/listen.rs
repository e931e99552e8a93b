//! The port: HTTP/1.1 and HTTP/2 without TLS, on loopback, with bounds.

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: u32 = 1_024;
/// A peer has this long to send its first byte, and the whole head of each request over HTTP/1.1.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A silent peer is asked over HTTP/2 whether it is still there, and has as long to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Requests under way have this long once the service stops.
const GRACE: Duration = Duration::from_secs(10);

/// Why a port can't be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is not a loopback one.
    #[error(
        "refusing to listen on {0}: without authentication only loopback is allowed, such as 127.0.0.1:{port} or [::1]:{port}",
        port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("can't listen on {address}: {source}")]
    Io {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A port that is taken but does not accept yet.
#[derive(Debug)]
pub struct Bound {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Bound {
    /// Takes a port, 0 for a free one. Only loopback addresses are allowed.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback(address));
        }
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        };
        bind().map_err(|source| BindError::Io { address, source })
    }

    /// Where it will listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to accept; the kernel queues connections from here on.
    pub fn listen(self) -> Result<TcpListener, BindError> {
        self.socket.listen(BACKLOG).map_err(|source| BindError::Io { address: self.address, source })
    }
}

/// Bounds of the port.
#[derive(Clone, Debug)]
pub struct PortLimits {
    /// Connections at once; further ones wait in the kernel.
    pub connections_max: usize,
    /// Requests at once on an HTTP/2 connection.
    pub streams_max: u32,
}

impl Default for PortLimits {
    fn default() -> Self {
        Self { connections_max: 1_024, streams_max: 256 }
    }
}

/// Serves until `stop` turns true, then lets what is under way end, for a while.
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    limits: &PortLimits,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    let builder = builder(limits);
    loop {
        let slot = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(builder.clone(), stream, router.clone(), stop.clone(), slot));
            }
            Err(error) => {
                // Out of file descriptors, or a peer that left early: others may still be served.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(open = connections.len(), "connections did not end in time and are cut");
        connections.shutdown().await;
    }
}

fn builder(limits: &PortLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(32 * 1024)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024);
    builder
}

async fn connection(
    builder: auto::Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    mut stop: watch::Receiver<bool>,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let spoke = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => return,
        spoke = timeout(HEAD_TIMEOUT, stream.readable()) => spoke,
    };
    if !matches!(spoke, Ok(Ok(()))) {
        return;
    }
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let stopping = tokio::select! {
        ended = connection.as_mut() => Err(ended),
        _ = stop.wait_for(|stop| *stop) => Ok(()),
    };
    let ended = match stopping {
        Err(ended) => ended,
        Ok(()) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_listened_on_and_a_taken_port_is_named() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8750"] {
            let error = Bound::bind(address.parse().unwrap()).unwrap_err();
            assert!(matches!(error, BindError::NotLoopback(_)), "{address}: {error}");
        }
        let listener = Bound::bind("127.0.0.1:0".parse().unwrap()).unwrap().listen().unwrap();
        let address = listener.local_addr().unwrap();
        let error = Bound::bind(address).and_then(Bound::listen).unwrap_err();
        assert!(error.to_string().starts_with(&format!("can't listen on {address}: ")), "{error}");
    }
}
