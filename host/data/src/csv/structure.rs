//! Where the delimiters, line feeds and quotes of a piece of CSV are: one bit per byte.
//!
//! Sixty-four bytes become one word per kind, with AVX-512 or AVX2 where the processor has them.
//! What the bits mean (which are inside quotes, which end a record) is `scan`'s business.

/// Bytes per mask word.
pub(crate) const BLOCK: usize = 64;
/// Blocks per chunk: 16 KiB of input, whose masks (6 KiB) stay in the first-level cache.
pub(crate) const CHUNK_BLOCKS: usize = 256;
/// Bytes per chunk.
pub(crate) const CHUNK: usize = BLOCK * CHUNK_BLOCKS;

/// The bytes that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needles {
    /// Between fields.
    pub(crate) delimiter: u8,
    /// Around fields; `None` where quotes are plain characters.
    pub(crate) quote: Option<u8>,
}

/// The masks of one chunk. Bit `i` of word `b` stands for byte `64 b + i`.
#[derive(Debug)]
pub(crate) struct Masks {
    pub(crate) delimiter: [u64; CHUNK_BLOCKS],
    pub(crate) newline: [u64; CHUNK_BLOCKS],
    pub(crate) quote: [u64; CHUNK_BLOCKS],
    /// Words that were filled.
    pub(crate) blocks: usize,
    /// Whether any quote is there at all.
    pub(crate) any_quote: bool,
    /// Whether any byte is outside ASCII.
    pub(crate) any_high: bool,
}

impl Masks {
    /// Masks of nothing.
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            delimiter: [0; CHUNK_BLOCKS],
            newline: [0; CHUNK_BLOCKS],
            quote: [0; CHUNK_BLOCKS],
            blocks: 0,
            any_quote: false,
            any_high: false,
        })
    }

    /// Fills the masks from `bytes`, of which the first [`CHUNK`] are used.
    pub(crate) fn fill(&mut self, bytes: &[u8], needles: Needles, kernel: Kernel) {
        let bytes = bytes.get(..CHUNK).unwrap_or(bytes);
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let needles = [
            needles.delimiter,
            b'\n',
            needles.quote.unwrap_or(needles.delimiter),
            u8::from(needles.quote.is_some()),
        ];
        let mut seen = kernel.run(blocks, needles, self, 0);
        self.blocks = blocks.len();
        if !tail.is_empty() {
            let mut last = [0_u8; BLOCK];
            last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
            let more = kernel.run(std::slice::from_ref(&last), needles, self, self.blocks);
            seen = (seen.0 | more.0, seen.1 | more.1);
            self.blocks += 1;
        }
        self.any_quote = seen.0 != 0;
        self.any_high = seen.1 != 0;
    }
}

/// Which instructions fill the masks. Every kernel gives the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Any processor.
    Portable,
    /// x86-64 with AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512 BW.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// The fastest kernel that this processor has.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512bw") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Writes the masks of `blocks` from word `at` on; gives the union of the quotes and of the high bits.
    /// `needles` are delimiter, line feed, quote, and whether quotes count.
    fn run(self, blocks: &[[u8; BLOCK]], needles: [u8; 4], masks: &mut Masks, at: usize) -> (u64, u64) {
        match self {
            Self::Portable => portable(blocks, needles, masks, at),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                #[expect(unsafe_code, reason = "call of a function with a target feature")]
                // SAFETY: only `detect` makes this variant, after it saw AVX2 (tests ask likewise).
                unsafe {
                    x86::avx2(blocks, needles, masks, at)
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                #[expect(unsafe_code, reason = "call of a function with a target feature")]
                // SAFETY: only `detect` makes this variant, after it saw AVX-512 BW (tests ask likewise).
                unsafe {
                    x86::avx512(blocks, needles, masks, at)
                }
            }
        }
    }
}

/// One bit per byte of `block` that equals `needle`.
fn equal(block: &[u8; BLOCK], needle: u8) -> u64 {
    block.iter().enumerate().fold(0, |mask, (place, byte)| mask | (u64::from(*byte == needle) << place))
}

fn portable(blocks: &[[u8; BLOCK]], needles: [u8; 4], masks: &mut Masks, at: usize) -> (u64, u64) {
    let [delimiter, newline, quote, quoted] = needles;
    let (mut quotes, mut high) = (0, 0);
    for (place, block) in blocks.iter().enumerate() {
        let quote = if quoted == 1 { equal(block, quote) } else { 0 };
        quotes |= quote;
        high |= u64::from(!block.is_ascii());
        masks.put(at + place, equal(block, delimiter), equal(block, newline), quote);
    }
    (quotes, high)
}

impl Masks {
    #[inline(always)]
    fn put(&mut self, word: usize, delimiter: u64, newline: u64, quote: u64) {
        let word = word % CHUNK_BLOCKS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is in range, and the compiler sees it")]
        {
            self.delimiter[word] = delimiter;
            self.newline[word] = newline;
            self.quote[word] = quote;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
        _mm512_cmpeq_epi8_mask, _mm512_loadu_si512, _mm512_movepi8_mask, _mm512_set1_epi8,
    };

    use super::{BLOCK, Masks};

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(blocks: &[[u8; BLOCK]], needles: [u8; 4], masks: &mut Masks, at: usize) -> (u64, u64) {
        let [delimiter, newline, quote] =
            [needles[0], needles[1], needles[2]].map(|byte| _mm256_set1_epi8(byte.cast_signed()));
        let quoted = if needles[3] == 1 { u64::MAX } else { 0 };
        let (mut quotes, mut high) = (0, 0);
        for (place, block) in blocks.iter().enumerate() {
            let from = block.as_ptr().cast::<__m256i>();
            #[expect(unsafe_code, reason = "vector loads")]
            // SAFETY: a block is two vectors of 32 bytes, and the load needs no alignment.
            let (low, top) = unsafe { (_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))) };
            let join =
                |low: i32, top: i32| u64::from(low.cast_unsigned()) | (u64::from(top.cast_unsigned()) << 32);
            let find = |needle| {
                join(
                    _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, needle)),
                    _mm256_movemask_epi8(_mm256_cmpeq_epi8(top, needle)),
                )
            };
            let found = find(quote) & quoted;
            quotes |= found;
            high |= join(_mm256_movemask_epi8(low), _mm256_movemask_epi8(top));
            masks.put(at + place, find(delimiter), find(newline), found);
        }
        (quotes, high)
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn avx512(
        blocks: &[[u8; BLOCK]],
        needles: [u8; 4],
        masks: &mut Masks,
        at: usize,
    ) -> (u64, u64) {
        let [delimiter, newline, quote] =
            [needles[0], needles[1], needles[2]].map(|byte| _mm512_set1_epi8(byte.cast_signed()));
        let quoted = if needles[3] == 1 { u64::MAX } else { 0 };
        let (mut quotes, mut high) = (0, 0);
        for (place, block) in blocks.iter().enumerate() {
            #[expect(unsafe_code, reason = "a vector load")]
            // SAFETY: a block is one vector of 64 bytes, and the load needs no alignment.
            let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast::<__m512i>()) };
            let found = _mm512_cmpeq_epi8_mask(bytes, quote) & quoted;
            quotes |= found;
            high |= _mm512_movepi8_mask(bytes);
            masks.put(
                at + place,
                _mm512_cmpeq_epi8_mask(bytes, delimiter),
                _mm512_cmpeq_epi8_mask(bytes, newline),
                found,
            );
        }
        (quotes, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kernels() -> Vec<Kernel> {
        let mut all = vec![Kernel::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Kernel::Avx2);
            }
            if is_x86_feature_detected!("avx512bw") {
                all.push(Kernel::Avx512);
            }
        }
        all
    }

    proptest! {
        #[test]
        fn every_kernel_marks_exactly_the_needles(
            bytes in proptest::collection::vec(prop_oneof![Just(b','), Just(b'\n'), Just(b'"'), any::<u8>()], 0..3000),
            quoted in any::<bool>(),
        ) {
            let needles = Needles { delimiter: b',', quote: quoted.then_some(b'"') };
            for kernel in kernels() {
                let mut masks = Masks::new();
                masks.fill(&bytes, needles, kernel);
                prop_assert_eq!(masks.blocks, bytes.len().div_ceil(BLOCK));
                prop_assert_eq!(masks.any_high, !bytes.is_ascii());
                prop_assert_eq!(masks.any_quote, quoted && bytes.contains(&b'"'));
                for place in 0..masks.blocks * BLOCK {
                    let byte = bytes.get(place).copied();
                    let bit = |words: &[u64; CHUNK_BLOCKS]| words[place / BLOCK] >> (place % BLOCK) & 1 == 1;
                    prop_assert_eq!(bit(&masks.delimiter), byte == Some(b','));
                    prop_assert_eq!(bit(&masks.newline), byte == Some(b'\n'));
                    prop_assert_eq!(bit(&masks.quote), quoted && byte == Some(b'"'));
                }
            }
        }
    }
}
