//! Which delimiters and line feeds are inside quotes, and which quotes stand where none may.
//!
//! A byte is inside quotes if an odd number of quotes precedes it in the file, which is true of
//! every file that keeps RFC 4180 (an escaped quote is two). That makes a window's state a sum
//! over the windows before it, so windows can be counted in parallel and read in any order.

use super::structure::{BLOCK, CHUNK, CHUNK_BLOCKS, Kernel, Masks, Needles};

/// All ones where `bits` has an odd number of ones at or below the place.
fn parity(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].iter().fold(bits, |sum, shift| sum ^ (sum << shift))
}

/// Clears the delimiters and line feeds of `masks` that are inside quotes, and leaves in
/// `masks.quote` the places where a quote breaks RFC 4180: one that opens after other bytes of
/// its field, or one that closes with other bytes behind it.
///
/// `inside` is all ones if the chunk at `base` begins inside quotes, and is carried on; `first`
/// says that the chunk begins a record.
pub(crate) fn resolve(
    masks: &mut Masks,
    inside: &mut u64,
    bytes: &[u8],
    base: usize,
    needles: Needles,
    first: bool,
) {
    let Some(quote) = needles.quote else { return };
    let before = base.checked_sub(1).and_then(|place| bytes.get(place)).copied().filter(|_| !first);
    let mut closed = u64::from(before == Some(quote) && *inside == 0);
    if !masks.any_quote && closed == 0 {
        return outside(masks, *inside);
    }
    let is_border = |byte: u8| byte == needles.delimiter || byte == b'\n' || byte == quote;
    let mut border = u64::from(before.is_none_or(is_border));
    for word in 0..masks.blocks.min(CHUNK_BLOCKS) {
        #[expect(clippy::indexing_slicing, reason = "three arrays of CHUNK_BLOCKS words")]
        let (delimiter, newline, quotes) =
            (&mut masks.delimiter[word], &mut masks.newline[word], &mut masks.quote[word]);
        let within = parity(*quotes) ^ *inside;
        let borders = *delimiter | *newline | *quotes;
        let opens = *quotes & within;
        let closes = *quotes & !within;
        let wrong_open = opens & !((borders << 1) | border);
        let after_close = ((closes << 1) | closed) & !borders;
        *quotes = wrong_open | not_line_end(after_close, bytes, base + word * BLOCK);
        *delimiter &= !within;
        *newline &= !within;
        border = borders >> 63;
        closed = closes >> 63;
        *inside = 0_u64.wrapping_sub(within >> 63);
    }
}

/// A chunk without quotes is wholly outside or wholly inside.
fn outside(masks: &mut Masks, inside: u64) {
    if inside != 0 {
        masks.delimiter.fill(0);
        masks.newline.fill(0);
    }
}

/// Drops from `places` those where a carriage return ends the line, or where the file has ended.
fn not_line_end(places: u64, bytes: &[u8], base: usize) -> u64 {
    let (mut rest, mut kept) = (places, 0);
    while rest != 0 {
        let place = base + rest.trailing_zeros() as usize;
        let end = match bytes.get(place) {
            None => true,
            Some(b'\r') => bytes.get(place + 1).is_none_or(|next| *next == b'\n'),
            Some(_) => false,
        };
        kept |= if end { 0 } else { rest & rest.wrapping_neg() };
        rest &= rest - 1;
    }
    kept
}

/// The start of the first record at or after `from`, where `inside` says whether `from` is inside quotes.
/// The length of `bytes` if no record begins there.
pub(crate) fn first_record(bytes: &[u8], from: usize, inside: bool, needles: Needles) -> usize {
    let before = from.checked_sub(1).and_then(|place| bytes.get(place));
    if !inside && before.is_none_or(|byte| *byte == b'\n') {
        return from;
    }
    record_end(bytes, from, inside, needles)
}

/// One past the first line feed at or after `from` that is not inside quotes, or the length of `bytes`.
/// `inside` says whether `from` is inside quotes.
pub(crate) fn record_end(bytes: &[u8], from: usize, inside: bool, needles: Needles) -> usize {
    let (kernel, mut masks) = (Kernel::detect(), Masks::new());
    let mut state = if inside { u64::MAX } else { 0 };
    for base in (from..bytes.len()).step_by(CHUNK) {
        masks.fill(bytes.get(base..).unwrap_or_default(), needles, kernel);
        resolve(&mut masks, &mut state, bytes, base, needles, false);
        let found = masks.newline.iter().take(masks.blocks).position(|word| *word != 0);
        if let Some((word, bits)) = found.and_then(|word| Some((word, masks.newline.get(word)?))) {
            return base + word * BLOCK + bits.trailing_zeros() as usize + 1;
        }
    }
    bytes.len()
}
