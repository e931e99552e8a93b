//! The `kizashi.v1` protocol: messages, clients and servers generated from `proto/kizashi/v1/*.proto`.

/// Package `kizashi.v1`.
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    tonic::include_proto!("kizashi.v1");
}

/// The encoded `FileDescriptorSet` of the package, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kizashi.bin"));
