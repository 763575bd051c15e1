//! Which instructions this processor has, and the arithmetic that runs on each level.

/// Instruction levels that the kernels are compiled for. AVX-512 is not one of them: the compiler
/// makes a poor loop of these tiles for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every processor of the target has. Without fused multiply-add it is emulated: slow, same bits.
    Baseline,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Level {
    /// The best level of this processor; the standard library caches the detection.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn detect() -> Self {
        let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
        if avx2 { Self::Avx2 } else { Self::Baseline }
    }

    /// The best level of this processor: others have fused multiply-add in their baseline.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn detect() -> Self {
        Self::Baseline
    }
}

/// `f32` or `f64`: what products are formed in.
pub(crate) trait Real: Copy + Default + 'static {
    /// Rounds to this type.
    fn round(value: f64) -> Self;
    /// Exact.
    fn wide(self) -> f64;
    /// `self * factor + addend`, rounded once.
    fn fused(self, factor: Self, addend: Self) -> Self;
    /// Neither NaN nor infinite.
    fn finite(self) -> bool;
}

impl Real for f32 {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what it is for")]
    fn round(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn fused(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
}

impl Real for f64 {
    #[inline(always)]
    fn round(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn fused(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
}
