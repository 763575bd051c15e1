//! One BLAKE3 compression of four blocks at once, and the vector of four u32 it is made of.

use super::LANES;

/// Four u32 side by side.
#[derive(Clone, Copy)]
pub(super) struct Lanes(imp::Vector);

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod imp {
    use std::arch::wasm32::{
        i8x16_shuffle, u32x4, u32x4_add, u32x4_extract_lane, u32x4_shl, u32x4_shr, v128, v128_or, v128_xor,
    };

    pub(super) type Vector = v128;

    #[inline]
    pub(super) fn new(values: [u32; 4]) -> Vector {
        let [a, b, c, d] = values;
        u32x4(a, b, c, d)
    }
    #[inline]
    pub(super) fn values(vector: Vector) -> [u32; 4] {
        [
            u32x4_extract_lane::<0>(vector),
            u32x4_extract_lane::<1>(vector),
            u32x4_extract_lane::<2>(vector),
            u32x4_extract_lane::<3>(vector),
        ]
    }
    #[inline]
    pub(super) fn add(left: Vector, right: Vector) -> Vector {
        u32x4_add(left, right)
    }
    #[inline]
    pub(super) fn xor(left: Vector, right: Vector) -> Vector {
        v128_xor(left, right)
    }
    /// Whole bytes move with one shuffle, others with two shifts.
    #[inline]
    pub(super) fn rotate_right<const BITS: u32>(vector: Vector) -> Vector {
        match BITS {
            16 => i8x16_shuffle::<2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13>(vector, vector),
            8 => i8x16_shuffle::<1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12>(vector, vector),
            _ => v128_or(u32x4_shr(vector, BITS), u32x4_shl(vector, 32 - BITS)),
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod imp {
    pub(super) type Vector = [u32; 4];

    #[inline]
    pub(super) fn new(values: [u32; 4]) -> Vector {
        values
    }
    #[inline]
    pub(super) fn values(vector: Vector) -> [u32; 4] {
        vector
    }
    #[inline]
    pub(super) fn add([a, b, c, d]: Vector, [e, f, g, h]: Vector) -> Vector {
        [a.wrapping_add(e), b.wrapping_add(f), c.wrapping_add(g), d.wrapping_add(h)]
    }
    #[inline]
    pub(super) fn xor([a, b, c, d]: Vector, [e, f, g, h]: Vector) -> Vector {
        [a ^ e, b ^ f, c ^ g, d ^ h]
    }
    #[inline]
    pub(super) fn rotate_right<const BITS: u32>(vector: Vector) -> Vector {
        vector.map(|lane| lane.rotate_right(BITS))
    }
}

/// BLAKE3's initial chaining value, which is SHA-256's.
const IV: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
/// CHUNK_START, CHUNK_END and ROOT: a message of one block.
const FLAGS: u32 = 1 | 2 | 8;

impl Lanes {
    #[inline]
    fn splat(value: u32) -> Self {
        Self(imp::new([value; LANES]))
    }
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(imp::add(self.0, other.0))
    }
    #[inline]
    fn xor(self, other: Self) -> Self {
        Self(imp::xor(self.0, other.0))
    }
    #[inline]
    fn rotate_right<const BITS: u32>(self) -> Self {
        Self(imp::rotate_right::<BITS>(self.0))
    }

    /// The first eight bytes of each lane's digest, read as a big-endian number. `words[w][lane]`
    /// are the lanes' zero-padded blocks, `lengths` the bytes that count.
    pub(super) fn first_words(words: &[[u32; LANES]; 16], lengths: [u32; LANES]) -> [u64; LANES] {
        let [iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7] = IV.map(Self::splat);
        let counter = Self::splat(0);
        let mut state = [
            [iv0, iv1, iv2, iv3],
            [iv4, iv5, iv6, iv7],
            [iv0, iv1, iv2, iv3],
            [counter, counter, Self(imp::new(lengths)), Self::splat(FLAGS)],
        ];
        let mut message = words.map(|lanes| Self(imp::new(lanes)));
        for _ in 0..6 {
            round(&mut state, &message);
            message = permute(message);
        }
        round(&mut state, &message);
        let [[a0, a1, ..], _, [c0, c1, ..], _] = state;
        let (low, high) = (imp::values(a0.xor(c0).0), imp::values(a1.xor(c1).0));
        let join = |lane: usize| -> Option<u64> {
            let (low, high) = (low.get(lane)?.swap_bytes(), high.get(lane)?.swap_bytes());
            Some(u64::from(low) << 32 | u64::from(high))
        };
        std::array::from_fn(|lane| join(lane).unwrap_or(0))
    }
}

/// The order of the message's words in the next round.
#[inline]
fn permute(message: [Lanes; 16]) -> [Lanes; 16] {
    let [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = message;
    [m2, m6, m3, m10, m7, m0, m4, m13, m1, m11, m12, m5, m9, m14, m15, m8]
}

/// Rows of the 4 x 4 state.
type State = [[Lanes; 4]; 4];

/// Columns, then diagonals.
#[inline]
fn round(state: &mut State, message: &[Lanes; 16]) {
    let [[a0, a1, a2, a3], [b0, b1, b2, b3], [c0, c1, c2, c3], [d0, d1, d2, d3]] = state;
    let [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = *message;
    mix(a0, b0, c0, d0, m0, m1);
    mix(a1, b1, c1, d1, m2, m3);
    mix(a2, b2, c2, d2, m4, m5);
    mix(a3, b3, c3, d3, m6, m7);
    mix(a0, b1, c2, d3, m8, m9);
    mix(a1, b2, c3, d0, m10, m11);
    mix(a2, b3, c0, d1, m12, m13);
    mix(a3, b0, c1, d2, m14, m15);
}

#[inline]
fn mix(a: &mut Lanes, b: &mut Lanes, c: &mut Lanes, d: &mut Lanes, x: Lanes, y: Lanes) {
    *a = a.add(*b).add(x);
    *d = d.xor(*a).rotate_right::<16>();
    *c = c.add(*d);
    *b = b.xor(*c).rotate_right::<12>();
    *a = a.add(*b).add(y);
    *d = d.xor(*a).rotate_right::<8>();
    *c = c.add(*d);
    *b = b.xor(*c).rotate_right::<7>();
}
