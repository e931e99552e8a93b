//! Embedded streams behind the Kinesis endpoint, and nothing else: a small durable Kinesis for one machine.
//!
//!     cargo run --release -p kizashi-stream --example kinesis -- DIR 127.0.0.1:4567
//!     AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1 \
//!         aws kinesis list-streams --endpoint-url http://127.0.0.1:4567
//!
//! Prints `ready kinesis=ADDR:PORT` once it accepts; port 0 picks a free one. Ends on SIGINT and SIGTERM.

use kizashi_log::{FileSystem, StdFileSystem};
use kizashi_stream::{
    embedded::{DataDirectory, EmbeddedStreams, Options},
    kinesis,
};
use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(dir), Some(address), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: kinesis DIR ADDR:PORT".into());
    };
    let address: SocketAddr = address.to_string_lossy().parse()?;
    kinesis::refuse_beyond_loopback(address)?;
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);

    let fs: Arc<dyn FileSystem> = Arc::new(StdFileSystem);
    let directory = DataDirectory::open(&fs, &PathBuf::from(dir))?;
    let streams = EmbeddedStreams::open(fs, directory.path(), Options::default())?;
    streams.trim_in_background();
    let listener = TcpListener::bind(address).await?;
    println!("ready kinesis={}", listener.local_addr()?);
    let shutdown = async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    };
    kinesis::serve(listener, Arc::new(streams), kinesis::Options::default(), shutdown).await?;
    Ok(())
}
