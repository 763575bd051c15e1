//! Stores and cache against real servers: S3 (versitygw), HTTP with faults, a small disk, kill -9.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cache;
mod http;
mod kill;
mod publish;
mod s3;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use millrace_data::cache::{
    Cache, CacheError, CacheLimits, DatasetCache, DatasetId, LoadOptions, LoadReport,
};
use millrace_data::list::FileList;
use millrace_data::secret::Secret;
use millrace_data::store::{Selection, Store, StorePolicy};
use millrace_tests::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use tokio_util::sync::CancellationToken;

/// A laptop's rules with times short enough for tests.
fn policy() -> StorePolicy {
    StorePolicy { no_progress: Duration::from_millis(400), ..StorePolicy::laptop() }
}

fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
    pairs.iter().map(|(name, value)| ((*name).into(), Secret::new((*value).into()))).collect()
}

fn s3(server: &S3Server, mount: &str) -> Store {
    let options = BTreeMap::from([("endpoint".to_owned(), server.endpoint())]);
    let credentials = secrets(&[("aws.accessKeyId", ACCESS_KEY), ("aws.secretKey", SECRET_KEY)]);
    let policy = StorePolicy { no_progress: Duration::from_secs(10), ..policy() };
    Store::open(&mount.parse().unwrap(), &options, &credentials, &policy).unwrap()
}

fn open(mount: &str, options: &[(&str, &str)]) -> Store {
    let options = options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Store::open(&mount.parse().unwrap(), &options, &BTreeMap::new(), &policy()).unwrap()
}

async fn list(store: &Store, selection: &str) -> FileList {
    store.list(&Selection::parse(selection).unwrap()).await.unwrap()
}

fn paths(list: &FileList) -> Vec<&str> {
    list.files.iter().map(|file| file.path.as_str()).collect()
}

fn dataset(root: &Path) -> DatasetCache {
    let cache = Cache::open(root, CacheLimits::default()).unwrap();
    cache.dataset(&DatasetId::new("default", "demo", &[]).unwrap(), "/").unwrap()
}

async fn load(cache: &DatasetCache, list: &FileList, store: &Store) -> Result<LoadReport, CacheError> {
    let never = CancellationToken::new();
    cache.load(list, store, &Selection::all(), &LoadOptions::default(), &|_| {}, &never).await
}

/// Bytes that differ at every place and from file to file.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
}
