//! What a store answers to one read, whichever store it is.

use bytes::Bytes;
use futures::stream::BoxStream;

use crate::list::Version;

use super::error::StoreError;

/// An open read: where it starts, of what, and the bytes.
pub(super) struct Answer {
    /// Length of the whole file, if the server says it.
    pub(super) total: Option<u64>,
    /// First byte that `body` brings; before what was asked for if the server ignores ranges.
    pub(super) start: u64,
    /// The version it is of, as far as the server says.
    pub(super) version: Version,
    /// The bytes.
    pub(super) body: BoxStream<'static, Result<Bytes, StoreError>>,
}

/// Entity tags as servers write them in listings and in headers: with and without quotes.
/// A weak tag (`W/`) says less and so equals only itself.
pub(super) fn etag_equal(one: &str, other: &str) -> bool {
    one.trim_matches('"') == other.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_do_not_matter_and_weakness_does() {
        assert!(etag_equal("\"abc\"", "abc"));
        assert!(!etag_equal("abc", "abd"));
        assert!(!etag_equal("W/\"abc\"", "\"abc\""));
    }
}
