//! The index of one dataset's cached files: which are whole, of which version, with which digest.
//!
//! Several processes may have it open; each write is one short transaction. An index that cannot
//! be read is put aside and begun anew: files that cannot be proved whole are then loaded again.

use std::path::{Path, PathBuf};

use redb::{
    Builder, ConcurrencyMode, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition,
};

use super::error::CacheError;
use super::record::Record;

const FILES: TableDefinition<&str, &[u8]> = TableDefinition::new("files 1");
/// Seconds since 1970 of each file's last use.
const USES: TableDefinition<&str, u64> = TableDefinition::new("uses 1");
/// Pages kept in memory; the whole index of 20,000 files.
const MEMORY: usize = 8 << 20;

/// An open index.
pub(super) struct Index {
    database: Database,
    path: PathBuf,
}

impl Index {
    /// Opens the index at `path`, or begins one.
    pub(super) fn open(path: &Path) -> Result<Self, CacheError> {
        match open_database(path) {
            Ok(database) => Ok(Self { database, path: path.to_owned() }),
            Err(Unopened::Damaged(problem)) => {
                tracing::warn!(path = %path.display(), problem, "the cache index is damaged and begun anew");
                let aside = path.with_extension("redb.damaged");
                std::fs::rename(path, &aside).map_err(CacheError::io("put aside", path))?;
                let database = open_database(path).map_err(|problem| problem.at(path))?;
                Ok(Self { database, path: path.to_owned() })
            }
            Err(problem) => Err(problem.at(path)),
        }
    }

    /// The records of `keys`, in one consistent view; `None` where a file is not whole.
    pub(super) fn get_all<'k>(
        &self,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<Vec<Option<Record>>, CacheError> {
        let read = self.database.begin_read().map_err(|error| self.error(error))?;
        let files = match read.open_table(FILES) {
            Ok(files) => files,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(keys.map(|_| None).collect()),
            Err(error) => return Err(self.error(error)),
        };
        keys.map(|key| {
            let bytes = files.get(key).map_err(|error| self.error(error))?;
            Ok(bytes.and_then(|bytes| Record::from_bytes(bytes.value())))
        })
        .collect()
    }

    /// Every whole file with its size and last use, in order of path.
    pub(super) fn all(&self) -> Result<Vec<Entry>, CacheError> {
        let read = self.database.begin_read().map_err(|error| self.error(error))?;
        let (files, uses) = match (read.open_table(FILES), read.open_table(USES)) {
            (Ok(files), Ok(uses)) => (files, uses),
            (Err(redb::TableError::TableDoesNotExist(_)), _)
            | (_, Err(redb::TableError::TableDoesNotExist(_))) => {
                return Ok(Vec::new());
            }
            (Err(error), _) | (_, Err(error)) => return Err(self.error(error)),
        };
        let mut entries = Vec::new();
        for file in files.iter().map_err(|error| self.error(error))? {
            let (key, bytes) = file.map_err(|error| self.error(error))?;
            let used = uses.get(key.value()).map_err(|error| self.error(error))?;
            let Some(record) = Record::from_bytes(bytes.value()) else { continue };
            let used = used.map_or(0, |used| used.value());
            entries.push(Entry { key: key.value().to_owned(), size: record.size, used });
        }
        Ok(entries)
    }

    /// Writes one batch: files that became whole, files used, files that are gone.
    pub(super) fn commit(&self, batch: &Batch) -> Result<(), CacheError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut write = self.database.begin_write().map_err(|error| self.error(error))?;
        write.set_durability(Durability::Immediate).map_err(|error| self.error(error))?;
        {
            let mut files = write.open_table(FILES).map_err(|error| self.error(error))?;
            let mut uses = write.open_table(USES).map_err(|error| self.error(error))?;
            for key in &batch.gone {
                files.remove(key.as_str()).map_err(|error| self.error(error))?;
                uses.remove(key.as_str()).map_err(|error| self.error(error))?;
            }
            for (key, record) in &batch.whole {
                let bytes = record.to_bytes();
                files.insert(key.as_str(), bytes.as_slice()).map_err(|error| self.error(error))?;
            }
            for key in batch.whole.iter().map(|(key, _)| key).chain(&batch.used) {
                uses.insert(key.as_str(), batch.now).map_err(|error| self.error(error))?;
            }
        }
        write.commit().map_err(|error| self.error(error))
    }

    fn error(&self, error: impl Into<redb::Error>) -> CacheError {
        let error: redb::Error = error.into();
        CacheError::Index { path: self.path.display().to_string(), problem: error.to_string() }
    }
}

/// A whole file, for those who count or evict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path in the dataset.
    pub(super) key: String,
    /// Length in bytes.
    pub(super) size: u64,
    /// Seconds since 1970 of its last use.
    pub(super) used: u64,
}

/// Changes that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Seconds since 1970 that count as the files' last use.
    pub(super) now: u64,
    pub(super) whole: Vec<(String, Record)>,
    pub(super) used: Vec<String>,
    pub(super) gone: Vec<String>,
}

impl Batch {
    pub(super) fn at(now: u64) -> Self {
        Self { now, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.used.is_empty() && self.gone.is_empty()
    }
}

/// Why a database file could not be opened.
enum Unopened {
    Damaged(String),
    Other(String),
}

impl Unopened {
    fn at(self, path: &Path) -> CacheError {
        let (Self::Damaged(problem) | Self::Other(problem)) = self;
        CacheError::Index { path: path.display().to_string(), problem }
    }
}

/// The library checks its pages when a file was not closed well; a file that others changed may
/// still make it panic, which counts as damage.
fn open_database(path: &Path) -> Result<Database, Unopened> {
    let opened = std::panic::catch_unwind(|| {
        let mut builder = Builder::new();
        builder.set_cache_size(MEMORY).set_concurrency_mode(ConcurrencyMode::MultiWriter);
        builder.create(path)
    });
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(error)) if is_damage(&error) => Err(Unopened::Damaged(error.to_string())),
        Ok(Err(error)) => Err(Unopened::Other(error.to_string())),
        Err(_panic) => Err(Unopened::Damaged("it cannot be read".into())),
    }
}

fn is_damage(error: &redb::DatabaseError) -> bool {
    use redb::{DatabaseError, StorageError};
    match error {
        DatabaseError::Storage(StorageError::Corrupted(_)) | DatabaseError::UpgradeRequired(_) => true,
        // What is no database at all is told as bad input.
        DatabaseError::Storage(StorageError::Io(error)) => {
            matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Version;

    fn record(size: u64) -> Record {
        Record { version: Version::ETag("x".into()), size, mtime_ns: 1, inode: 2, digest: [3; 32] }
    }

    fn get(index: &Index, key: &str) -> Option<Record> {
        index.get_all(std::iter::once(key)).unwrap().remove(0)
    }

    fn batch(now: u64, keys: &[&str]) -> Batch {
        Batch { whole: keys.iter().map(|key| ((*key).into(), record(now))).collect(), ..Batch::at(now) }
    }

    #[test]
    fn two_handles_see_each_others_commits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.redb");
        let (one, other) = (Index::open(&path).unwrap(), Index::open(&path).unwrap());
        assert_eq!(get(&one, "a"), None);
        one.commit(&batch(7, &["a", "b"])).unwrap();
        assert_eq!(get(&other, "a"), Some(record(7)));
        other.commit(&Batch { gone: vec!["a".into()], used: vec!["b".into()], ..Batch::at(9) }).unwrap();
        assert_eq!(one.all().unwrap(), [Entry { key: "b".into(), size: 7, used: 9 }]);
    }

    #[test]
    fn an_index_survives_its_process_and_a_damaged_one_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.redb");
        Index::open(&path).unwrap().commit(&batch(1, &["a"])).unwrap();
        assert!(get(&Index::open(&path).unwrap(), "a").is_some());
        std::fs::write(&path, vec![0x5a; 100_000]).unwrap();
        let anew = Index::open(&path).unwrap();
        assert_eq!(get(&anew, "a"), None);
        anew.commit(&batch(1, &["a"])).unwrap();
        assert!(path.with_extension("redb.damaged").exists());
    }
}
