//! Writing to S3: single objects, created only where nothing is, and large files in parts that
//! become visible at once.
//!
//! Other stores are only read here; local outputs are published by [`crate::publish`].

use std::path::Path;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};

use crate::list::{InputFile, Version};

use super::error::{Category, StoreError, classify};
use super::reader::Pin;
use super::retry::Retry;
use super::{Backend, Store, blocking, s3};

/// A file of which every part is in the store, and which is not visible yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its path in the store.
    pub path: String,
    /// The store's name for the unfinished upload.
    pub id: String,
    /// The store's tag of each part, in order. Empty until all parts are there.
    pub parts: Vec<String>,
}

/// Smallest part; S3 allows none below 5 MiB but the last.
const PART: u64 = 16 << 20;
/// S3 allows 10,000 parts.
const MOST_PARTS: u64 = 10_000;
/// Parts in flight: each is in memory.
const PARTS_AT_ONCE: usize = 4;
/// Longest object that [`Store::get`] brings into memory.
const LONGEST_DOCUMENT: u64 = 64 << 20;

impl Store {
    /// Writes `bytes` to `path`, over what is there.
    ///
    /// # Errors
    /// See [`StoreError`]; [`StoreError::Unsupported`] for other stores than S3.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.put_with(path, bytes, PutMode::Overwrite).await
    }

    /// Writes `bytes` to `path` if nothing is there; of several that try at once one succeeds.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if something else than `bytes` is there; see [`StoreError`].
    pub async fn put_if_absent(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        match self.put_with(path, bytes.clone(), PutMode::Create).await {
            Err(error) if matches!(error.category(), Category::Changed | Category::Exists) => {
                // The first try may have succeeded although its answer was lost.
                match self.get(path).await? {
                    Some(there) if there == bytes => Ok(()),
                    _ => Err(StoreError::Exists { what: self.describe(path) }),
                }
            }
            result => result,
        }
    }

    /// Whether this store refuses a second conditional create of one object. Some accept both,
    /// and then the manifest alone cannot decide between two publications.
    ///
    /// # Errors
    /// The probe object `path`, which is removed again, cannot be written.
    pub async fn refuses_second_create(&self, path: &str) -> Result<bool, StoreError> {
        self.put(path, Bytes::from_static(b"first")).await?;
        let second = self.put_with(path, Bytes::from_static(b"second"), PutMode::Create).await;
        self.remove(path).await?;
        match second {
            Ok(()) => Ok(false),
            Err(error) if matches!(error.category(), Category::Changed | Category::Exists) => Ok(true),
            Err(StoreError::Unsupported { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The object at `path`, at most 64 MiB; `None` if there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        let (bucket, key, what) = self.object(path).await?;
        let head = Retry::new(self.policy(), &what)
            .run(|| async { bucket.client.head(&key).await.map_err(|error| classify(&what, &error)) });
        let head = match head.await {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            head => head?,
        };
        if head.size > LONGEST_DOCUMENT {
            return Err(StoreError::Corrupt { what, why: "it is longer than any manifest".into() });
        }
        let version = head.e_tag.map_or(Version::None, Version::ETag);
        let file = InputFile { path: path.to_owned(), size: head.size, version };
        let mut reader = self.read(&file, 0..file.size, &Pin::new(&file));
        let mut bytes = Vec::with_capacity(file.size as usize);
        while let Some(more) = reader.next().await? {
            bytes.extend_from_slice(&more);
        }
        Ok(Some(bytes.into()))
    }

    /// Removes the object at `path`; that there is none is no error.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove(&self, path: &str) -> Result<(), StoreError> {
        let (bucket, key, what) = self.object(path).await?;
        let removed = Retry::new(self.policy(), &what)
            .run(|| async { bucket.client.delete(&key).await.map_err(|error| classify(&what, &error)) });
        match removed.await {
            Err(StoreError::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    /// Begins an upload to `path`. Keep what this returns where a later process finds it: until
    /// [`Store::complete`] or [`Store::abort`] the store keeps (and bills) its parts.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn begin_upload(&self, path: &str) -> Result<Upload, StoreError> {
        let (bucket, key, what) = self.object(path).await?;
        let id = Retry::new(self.policy(), &what).run(|| async {
            bucket.client.create_multipart(&key).await.map_err(|error| classify(&what, &error))
        });
        Ok(Upload { path: path.to_owned(), id: id.await?, parts: Vec::new() })
    }

    /// Sends the bytes of the local file `from` as the parts of `upload`.
    ///
    /// # Errors
    /// The file cannot be read, or see [`StoreError`].
    pub async fn send_parts(&self, upload: &Upload, from: &Path) -> Result<Upload, StoreError> {
        let from = from.to_owned();
        let (size, part) = blocking({
            let from = from.clone();
            move || {
                let size =
                    std::fs::metadata(&from).map_err(|error| StoreError::io("read", &from, error))?.len();
                Ok::<_, StoreError>((size, PART.max(size.div_ceil(MOST_PARTS).next_multiple_of(1 << 20))))
            }
        })
        .await?;
        let count = size.div_ceil(part).max(1);
        // Made before they are polled: a closure inside the stream would keep it from moving between threads.
        let sending = (0..count).map(|number| {
            let (upload, from) = (upload.clone(), from.clone());
            async move {
                let start = number * part;
                let length = part.min(size - start);
                let bytes = blocking(move || read_range(&from, start, length)).await?;
                self.send_part(&upload, number as usize, bytes).await
            }
        });
        let sending: Vec<_> = sending.collect();
        let parts = futures::stream::iter(sending).buffered(PARTS_AT_ONCE).try_collect().await?;
        Ok(Upload { parts, ..upload.clone() })
    }

    async fn send_part(&self, upload: &Upload, number: usize, bytes: Bytes) -> Result<String, StoreError> {
        let (bucket, key, what) = self.object(&upload.path).await?;
        let part = Retry::new(self.policy(), &what).run(|| async {
            let payload = PutPayload::from(bytes.clone());
            let sent = bucket.client.put_part(&key, &upload.id, number, payload).await;
            sent.map_err(|error| classify(&what, &error))
        });
        Ok(part.await?.content_id)
    }

    /// Makes the file of `upload` visible, whole.
    ///
    /// # Errors
    /// See [`StoreError`]; [`StoreError::NotFound`] if it was aborted or completed before.
    pub async fn complete(&self, upload: &Upload) -> Result<(), StoreError> {
        let (bucket, key, what) = self.object(&upload.path).await?;
        let completed = Retry::new(self.policy(), &what).run(|| async {
            let parts = upload.parts.iter().map(|tag| PartId { content_id: tag.clone() }).collect();
            let completed = bucket.client.complete_multipart(&key, &upload.id, parts).await;
            completed.map_err(|error| classify(&what, &error))
        });
        completed.await.map(|_result| ())
    }

    /// Gives up an upload; the store forgets its parts. One that is already gone is no error.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn abort(&self, upload: &Upload) -> Result<(), StoreError> {
        let (bucket, key, what) = self.object(&upload.path).await?;
        let aborted = Retry::new(self.policy(), &what).run(|| async {
            bucket.client.abort_multipart(&key, &upload.id).await.map_err(|error| classify(&what, &error))
        });
        match aborted.await {
            Err(StoreError::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    async fn put_with(&self, path: &str, bytes: Bytes, mode: PutMode) -> Result<(), StoreError> {
        let (bucket, key, what) = self.object(path).await?;
        let put = Retry::new(self.policy(), &what).run(|| async {
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            let put = bucket.client.put_opts(&key, PutPayload::from(bytes.clone()), options).await;
            put.map_err(|error| classify(&what, &error))
        });
        put.await.map(|_result| ())
    }

    /// Where `path` is in the bucket, and what to call it.
    async fn object(&self, path: &str) -> Result<(&s3::Bucket, Key, String), StoreError> {
        let what = self.describe(path);
        match &self.inner.backend {
            Backend::S3(bucket) => Ok((bucket, bucket.key(path).await?, what)),
            _ => Err(StoreError::Unsupported { what, why: "only s3:// can be written to as a store".into() }),
        }
    }
}

/// Blocking.
fn read_range(path: &Path, start: u64, length: u64) -> Result<Bytes, StoreError> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; length as usize];
    std::fs::File::open(path)
        .and_then(|file| file.read_exact_at(&mut bytes, start))
        .map_err(|error| StoreError::io("read", path, error))?;
    Ok(bytes.into())
}
