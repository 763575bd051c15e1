//! What the index keeps of one whole file, as bytes.

use crate::list::Version;

/// A file of the cache that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The version of the source it is a copy of.
    pub(super) version: Version,
    /// Length in bytes.
    pub(super) size: u64,
    /// Modification time of the copy, nanoseconds since 1970.
    pub(super) mtime_ns: i64,
    /// Inode of the copy.
    pub(super) inode: u64,
    /// BLAKE3 of the bytes.
    pub(super) digest: [u8; 32],
}

/// First byte of every record; an index with another is loaded anew.
const FORMAT: u8 = 1;

impl Record {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, version) = self.version.canonical();
        let mut bytes = Vec::with_capacity(58 + version.len());
        bytes.push(FORMAT);
        bytes.extend(self.size.to_le_bytes());
        bytes.extend(self.mtime_ns.to_le_bytes());
        bytes.extend(self.inode.to_le_bytes());
        bytes.extend(self.digest);
        bytes.push(kind);
        bytes.extend(version);
        bytes
    }

    /// `None` for anything that [`Record::to_bytes`] did not write.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[FORMAT])?;
        let (size, rest) = rest.split_first_chunk()?;
        let (mtime, rest) = rest.split_first_chunk()?;
        let (inode, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (kind, version) = rest.split_first()?;
        Some(Self {
            version: Version::from_canonical(*kind, version)?,
            size: u64::from_le_bytes(*size),
            mtime_ns: i64::from_le_bytes(*mtime),
            inode: u64::from_le_bytes(*inode),
            digest: *digest,
        })
    }

    /// Whether the copy on disk is the one that was recorded, as far as its metadata tell.
    pub(super) fn is_of(&self, meta: &std::fs::Metadata) -> bool {
        let version = Version::Local { mtime_ns: self.mtime_ns, inode: self.inode };
        meta.is_file() && meta.len() == self.size && crate::store::local_version(meta) == version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn versions() -> impl Strategy<Value = Version> {
        prop_oneof![
            Just(Version::None),
            ".{0,40}".prop_map(Version::ETag),
            ".{0,40}".prop_map(Version::Modified),
            (any::<i64>(), any::<u64>()).prop_map(|(mtime_ns, inode)| Version::Local { mtime_ns, inode }),
        ]
    }

    proptest! {
        #[test]
        fn a_record_is_read_back_as_it_was_written(version in versions(), size: u64, mtime_ns: i64, inode: u64, digest: [u8; 32]) {
            let record = Record { version, size, mtime_ns, inode, digest };
            prop_assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let _any = Record::from_bytes(&bytes);
        }
    }
}
