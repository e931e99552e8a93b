//! `kizashi audit`: checks what a stopped service has left on the disk.

use super::serve::{store_limits, stream_options, watched};
use crate::{
    arguments::Audit,
    config::{self, Config},
    report::{self, Failure},
    snapshot_file,
};
use kizashi_log::{FileSystem, StdFileSystem};
use kizashi_online::{audit, stores::Stores};
use kizashi_stream::{
    clock::SystemClock,
    embedded::{DataDirectory, EmbeddedStreams},
};
use std::sync::Arc;

pub async fn run(arguments: Audit) -> Result<(), Failure> {
    let mut config = config::load(arguments.config.as_deref(), std::env::vars())?;
    config.data = arguments.data.unwrap_or(config.data);
    config.snapshot = arguments.snapshot.or(config.snapshot);
    if !config.data.is_dir() {
        return Err(Failure::usage(format_args!(
            "{} is not a folder: name the data folder of a service with --data",
            config.data.display()
        )));
    }
    let report = audit(&config).await?;
    report::line(report.to_string().trim_end())?;
    if report.is_clean() { Ok(()) } else { Err(Failure::run("the data is damaged; nothing was changed")) }
}

async fn audit(config: &Config) -> Result<audit::Report, Failure> {
    let fs: Arc<dyn FileSystem> = Arc::new(StdFileSystem);
    let _directory = DataDirectory::open(&fs, &config.data).map_err(Failure::run)?;
    let options = stream_options(config, Arc::new(SystemClock::default()));
    let streams = EmbeddedStreams::open(fs.clone(), &config.data, options).map_err(Failure::run)?;
    let stores = Stores::new(fs, &config.data, store_limits(config));
    let audit = audit::Audit {
        streams: &streams,
        stores: &stores,
        detector: snapshot_file::detector(config.snapshot.as_deref())?,
        config: config.engine(),
    };
    audit.run(&watched(config)?).await.map_err(Failure::run)
}
