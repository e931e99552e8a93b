//! What the workers keep of a shard: its commit log, the pieces of its state, and the history that
//! queries show.

pub mod codec;
pub mod commit;
pub mod commit_log;
pub mod error;
pub mod history;
pub mod pieces;
pub mod shard;
