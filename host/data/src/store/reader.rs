//! Reading a range of one version of a file to its end, whatever happens on the way.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::list::{InputFile, Version};

use super::error::StoreError;
use super::retry::Retry;
use super::s3::check_version;
use super::{Backend, Store};

/// The version that all parts of one file must have. For a file that was listed without a
/// version, the first answer decides.
#[derive(Debug, Clone)]
pub struct Pin(Arc<OnceLock<Version>>);

impl Pin {
    /// Pins to the version of the list, if it has one.
    #[must_use]
    pub fn new(file: &InputFile) -> Self {
        let cell = OnceLock::new();
        if file.version != Version::None {
            let _empty = cell.set(file.version.clone());
        }
        Self(Arc::new(cell))
    }

    fn version(&self) -> &Version {
        self.0.get().unwrap_or(&Version::None)
    }

    /// Whoever answers first decides; an answer without a version decides nothing.
    fn agree(&self, what: &str, answered: Version) -> Result<(), StoreError> {
        if answered == Version::None {
            return check_version(what, self.version(), &answered);
        }
        check_version(what, self.0.get_or_init(|| answered.clone()), &answered)
    }
}

/// Brings the bytes of one range, in order. After a break it goes on from the byte reached.
pub struct Reader<'a> {
    store: &'a Store,
    file: &'a InputFile,
    what: String,
    pin: Pin,
    next: u64,
    end: u64,
    body: Option<BoxStream<'static, Result<Bytes, StoreError>>>,
    retry: Retry,
    since_failure: u64,
}

/// After so many bytes without a failure the tries start anew.
const PROGRESS: u64 = 256 << 10;

impl<'a> Reader<'a> {
    pub(super) fn new(store: &'a Store, file: &'a InputFile, range: Range<u64>, pin: Pin) -> Self {
        let what = store.describe(&file.path);
        let retry = Retry::new(store.policy(), &what);
        let (next, end) = (range.start, range.end);
        Self { store, file, what, pin, next, end, body: None, retry, since_failure: 0 }
    }

    /// The next bytes, or `None` at the end of the range.
    ///
    /// # Errors
    /// What is left after the tries of the policy; [`StoreError::Changed`] at once.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            if self.next == self.end {
                self.body = None;
                return Ok(None);
            }
            match self.step().await {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) => {
                    self.body = None;
                    self.since_failure = 0;
                    self.retry.after(error).await?;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Bytes, StoreError> {
        let body = match self.body.take() {
            Some(body) => self.body.insert(body),
            None => {
                let opened = self.open().await?;
                self.body.insert(opened)
            }
        };
        match body.next().await {
            Some(bytes) => self.count(bytes?),
            None => Err(self.corrupt(format!("it ended {} bytes early", self.end - self.next))),
        }
    }

    fn count(&mut self, bytes: Bytes) -> Result<Bytes, StoreError> {
        let length = bytes.len() as u64;
        if length > self.end - self.next {
            return Err(self.corrupt("more bytes than were asked for".into()));
        }
        self.next += length;
        self.since_failure += length;
        if self.since_failure >= PROGRESS {
            self.retry.reset();
        }
        Ok(bytes)
    }

    /// By `&mut`: an open body is no value that two threads may look at.
    async fn open(&mut self) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let range = self.next..self.end;
        let whole = range == (0..self.file.size);
        let pinned = self.pin.version().clone();
        let answer = match &self.store.inner.backend {
            Backend::S3(bucket) => bucket.get(&self.file.path, range, whole, &pinned).await?,
            Backend::Http(files) => files.get(&self.file.path, range, whole, &pinned).await?,
            Backend::Local(_) => {
                let why = "local files are read in place".into();
                return Err(StoreError::Unsupported { what: self.what.clone(), why });
            }
        };
        self.pin.agree(&self.what, answer.version)?;
        if let Some(total) = answer.total.filter(|total| *total != self.file.size) {
            let why = format!("it was listed with {} bytes and now has {total}", self.file.size);
            return Err(StoreError::Changed { what: self.what.clone(), why });
        }
        match self.next.checked_sub(answer.start) {
            Some(0) => Ok(answer.body),
            Some(skip) => Ok(from_byte(answer.body, skip, self.end - self.next)),
            None => Err(self.corrupt("it begins after what was asked for".into())),
        }
    }

    fn corrupt(&self, why: String) -> StoreError {
        StoreError::Corrupt { what: self.what.clone(), why }
    }
}

/// The part of a whole file that was asked for, from a server that ignores ranges.
fn from_byte(
    body: BoxStream<'static, Result<Bytes, StoreError>>,
    skip: u64,
    length: u64,
) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let cut = body.scan((skip, length), |(skip, left), bytes| {
        let cut = bytes.map(|mut bytes| {
            let before = (*skip).min(bytes.len() as u64);
            *skip -= before;
            let mut bytes = bytes.split_off(before as usize);
            bytes.truncate((*left).min(bytes.len() as u64) as usize);
            *left -= bytes.len() as u64;
            bytes
        });
        std::future::ready(Some(cut))
    });
    cut.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, TryStreamExt};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_middle_of_a_whole_file_is_cut_right(sizes in proptest::collection::vec(0usize..9, 0..9), skip in 0u64..30, length in 0u64..30) {
            let total: usize = sizes.iter().sum();
            let all: Vec<u8> = (0..total).map(|at| at as u8).collect();
            let mut rest = Bytes::from(all.clone());
            let chunks: Vec<_> = sizes.iter().map(|size| Ok(rest.split_to(*size))).collect();
            let cut = from_byte(futures::stream::iter(chunks).boxed(), skip, length);
            let cut: Vec<Bytes> = cut.try_collect().now_or_never().unwrap().unwrap();
            let expected: Vec<u8> = all.into_iter().skip(skip as usize).take(length as usize).collect();
            prop_assert_eq!(cut.concat(), expected);
        }
    }
}
