//! Reads the two protocols that the kubelet speaks with a volume plugin. No `protoc` is needed.

const PROTOCOLS: [&str; 2] = ["proto/csi.proto", "proto/registration.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for protocol in PROTOCOLS {
        println!("cargo::rerun-if-changed={protocol}");
    }
    let files = protox::compile(PROTOCOLS, ["proto"])?;
    // The client sides are for tests.
    tonic_prost_build::configure().build_transport(false).compile_fds(files)?;
    Ok(())
}
