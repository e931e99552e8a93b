//! The `kizashi` binary.
fn main() {}
