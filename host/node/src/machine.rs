//! What kind of processor this is, as far as it changes results.

/// The instruction level: `x86-64-v2`, `-v3`, `-v4`, or the architecture's name.
///
/// Sums of floating-point numbers are the same bytes on one level (algorithms of the kernels choose
/// by it), so it stands in manifests and in the key for reuse.
#[must_use]
#[cfg(target_arch = "x86_64")]
pub fn instruction_level() -> &'static str {
    let v3 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    let v4 = std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512vl");
    match (v3, v4) {
        (true, true) => "x86-64-v4",
        (true, false) => "x86-64-v3",
        _ => "x86-64-v2",
    }
}

/// The architecture's name.
#[must_use]
#[cfg(not(target_arch = "x86_64"))]
pub fn instruction_level() -> &'static str {
    std::env::consts::ARCH
}
