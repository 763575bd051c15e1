//! Bringing the files of a list into the cache.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::list::{FileList, InputFile, Version};
use crate::store::{Selection, Store, StoreError, blocking};

use super::DatasetCache;
use super::error::CacheError;
use super::fetch::{Shared, fetch};
use super::index::{Batch, Index};
use super::lock::Lock;
use super::record::Record;
use super::space::Room;
use super::survey::{FileState, Look, Verified};

/// How a load is done.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Files are flushed to the disk before they count as loaded.
    pub durable: bool,
    /// How long to wait for another process that loads the same dataset.
    pub lock_wait: Duration,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { durable: false, lock_wait: Duration::from_secs(600) }
    }
}

/// How far a load is. Files that were there before are counted as done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files that are whole.
    pub files: u64,
    /// Files in all.
    pub files_total: u64,
    /// Bytes that are there, those of unfinished files included.
    pub bytes: u64,
    /// Bytes in all.
    pub bytes_total: u64,
}

/// What a load did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Files fetched.
    pub files: u64,
    /// Bytes fetched.
    pub bytes: u64,
    /// Files that were there, whole and of the right version.
    pub already_files: u64,
    /// Their bytes.
    pub already_bytes: u64,
    /// Of the fetched files, those whose cached copy was damaged.
    pub damaged_files: u64,
}

/// Files in flight: enough to keep an endpoint's requests busy while some wait for the disk.
const FILES_AT_ONCE: usize = 96;
/// With at least so many files to fetch, whole files keep the line full.
const MANY_FILES: usize = 32;
const SPLIT_FEW: u64 = 8 << 20;
const SPLIT_MANY: u64 = 64 << 20;
/// The index is written after so many files, or after a second.
const BATCH: usize = 2000;
const BATCH_TIME: Duration = Duration::from_secs(1);
const PROGRESS_TIME: Duration = Duration::from_millis(200);

impl DatasetCache {
    /// Brings the files of `list` that `selection` chooses into the cache.
    ///
    /// Files that are there, whole and of the listed version, are not fetched again. `progress` is
    /// called about five times a second. On an error, and when `cancel` is cancelled, what is whole
    /// stays. A `local://` store is only verified: its files are read in place.
    ///
    /// # Errors
    /// The first file that cannot be had after the tries of the store's policy;
    /// [`CacheError::Full`] before anything is fetched that can never fit.
    pub async fn load(
        &self,
        list: &FileList,
        store: &Store,
        selection: &Selection,
        options: &LoadOptions,
        progress: &(dyn Fn(Progress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<LoadReport, CacheError> {
        let files: Vec<_> = list.files.iter().filter(|file| selection.matches(&file.path)).cloned().collect();
        let files = FileList { files };
        if store.is_local() {
            return verify_in_place(files, store, progress).await;
        }
        self.layout().create()?;
        let (lock, dataset) = (self.layout().lock(), self.id().to_string());
        let lock = Lock::acquire(&lock, &dataset, options.lock_wait);
        let _lock = tokio::select! {
            () = cancel.cancelled() => return Err(CacheError::Cancelled),
            lock = lock => lock?,
        };
        let _pin = self.pin(&files)?;
        let plan = self.plan(&files).await?;
        self.make_room(plan.missing_bytes(), plan.missing.len() as u64).await?;
        Loading::start(self, store, options, plan)?.run(progress, cancel).await
    }

    async fn plan(&self, files: &FileList) -> Result<Plan, CacheError> {
        let states = self.survey(files, Look::Digest).await?;
        clear_unfinished(&self.layout().partial())?;
        let mut plan =
            Plan { total_bytes: files.bytes(), total_files: files.files.len() as u64, ..Plan::default() };
        for (file, state) in files.files.iter().zip(states) {
            if state == FileState::Whole {
                plan.report.already_files += 1;
                plan.report.already_bytes += file.size;
            } else {
                plan.report.damaged_files += u64::from(state == FileState::Damaged);
                plan.missing.push(file.clone());
            }
        }
        Ok(plan)
    }
}

/// What there is to do.
#[derive(Debug, Default)]
struct Plan {
    missing: Vec<InputFile>,
    total_files: u64,
    total_bytes: u64,
    report: LoadReport,
}

impl Plan {
    fn missing_bytes(&self) -> u64 {
        self.missing.iter().map(|file| file.size).sum()
    }
}

/// A load under way.
struct Loading {
    shared: Arc<Shared>,
    waiting: std::vec::IntoIter<(InputFile, String)>,
    running: JoinSet<Result<(String, Record), CacheError>>,
    writer: IndexWriter,
    totals: Progress,
    report: LoadReport,
}

impl Loading {
    fn start(
        cache: &DatasetCache,
        store: &Store,
        options: &LoadOptions,
        plan: Plan,
    ) -> Result<Self, CacheError> {
        let few = plan.missing.len() < MANY_FILES;
        let shared = Shared {
            store: store.clone(),
            layout: cache.layout().clone(),
            room: Room::new(cache.root()),
            load: load_name(),
            arrived: AtomicU64::new(0),
            split_above: if few { SPLIT_FEW } else { SPLIT_MANY },
        };
        let waiting: Vec<_> = plan
            .missing
            .into_iter()
            .map(|file| {
                let key = cache.key(&file.path);
                (file, key)
            })
            .collect();
        Ok(Self {
            shared: Arc::new(shared),
            waiting: waiting.into_iter(),
            running: JoinSet::new(),
            writer: IndexWriter::start(cache, options.durable)?,
            totals: Progress {
                files_total: plan.total_files,
                bytes_total: plan.total_bytes,
                ..Progress::default()
            },
            report: plan.report,
        })
    }

    /// What became whole before an error or a stop is in the index too.
    async fn run(
        mut self,
        progress: &(dyn Fn(Progress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<LoadReport, CacheError> {
        let fetched = self.fetch_all(progress, cancel).await;
        self.running.shutdown().await;
        let written = self.writer.finish().await;
        fetched.and(written)?;
        progress(self.totals);
        Ok(self.report)
    }

    async fn fetch_all(
        &mut self,
        progress: &(dyn Fn(Progress) + Send + Sync),
        cancel: &CancellationToken,
    ) -> Result<(), CacheError> {
        let mut ticker = tokio::time::interval(PROGRESS_TIME);
        loop {
            while self.running.len() < FILES_AT_ONCE
                && let Some((file, key)) = self.waiting.next()
            {
                self.running.spawn(fetch(self.shared.clone(), file, key));
            }
            self.count();
            tokio::select! {
                () = cancel.cancelled() => return Err(CacheError::Cancelled),
                _ = ticker.tick() => progress(self.totals),
                joined = self.running.join_next() => match joined {
                    None => return Ok(()),
                    Some(Ok(fetched)) => self.arrived(fetched?).await?,
                    Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                },
            }
        }
    }

    async fn arrived(&mut self, (key, record): (String, Record)) -> Result<(), CacheError> {
        self.report.files += 1;
        self.report.bytes += record.size;
        self.writer.add(key, record).await
    }

    fn count(&mut self) {
        let arrived = self.shared.arrived.load(Ordering::Relaxed);
        self.totals.files = self.report.already_files + self.report.files;
        // Bytes that were fetched twice after a break must not show more than all.
        self.totals.bytes = (self.report.already_bytes + arrived).min(self.totals.bytes_total);
    }
}

/// Writes what became whole into the index, in batches, beside the fetching.
struct IndexWriter {
    sender: mpsc::Sender<(String, Record)>,
    task: JoinHandle<Result<(), CacheError>>,
}

impl IndexWriter {
    fn start(cache: &DatasetCache, durable: bool) -> Result<Self, CacheError> {
        // Two batches: while one is written the next one gathers.
        let (sender, receiver) = mpsc::channel(2 * BATCH);
        let batches = Batches { cache: cache.clone(), index: cache.index()?, durable };
        Ok(Self { sender, task: tokio::spawn(batches.write(receiver)) })
    }

    async fn add(&self, key: String, record: Record) -> Result<(), CacheError> {
        // It is closed only if the writer failed, which `finish` reports.
        self.sender.send((key, record)).await.map_err(|_closed| CacheError::Cancelled)
    }

    async fn finish(self) -> Result<(), CacheError> {
        drop(self.sender);
        self.task.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }
}

struct Batches {
    cache: DatasetCache,
    index: Arc<Index>,
    durable: bool,
}

impl Batches {
    async fn write(self, mut receiver: mpsc::Receiver<(String, Record)>) -> Result<(), CacheError> {
        let this = Arc::new(self);
        let mut open = true;
        while open {
            let mut whole = Vec::new();
            let gathering = tokio::time::sleep(BATCH_TIME);
            tokio::pin!(gathering);
            while open && whole.len() < BATCH {
                tokio::select! {
                    () = &mut gathering => break,
                    received = receiver.recv() => match received {
                        Some(one) => whole.push(one),
                        None => open = false,
                    },
                }
            }
            let this = this.clone();
            blocking(move || this.commit(whole)).await?;
        }
        Ok(())
    }

    fn commit(&self, whole: Vec<(String, Record)>) -> Result<(), CacheError> {
        if whole.is_empty() {
            return Ok(());
        }
        let data = &self.cache.layout().data;
        if self.durable {
            let folder = std::fs::File::open(data).map_err(CacheError::io("open", data))?;
            rustix::fs::syncfs(&folder).map_err(|error| CacheError::io("flush", data)(error.into()))?;
        }
        let verified: &Verified = self.cache.verified();
        for (key, record) in &whole {
            verified.insert(&data.join(key), record);
        }
        self.index.commit(&Batch { whole, ..Batch::at(now()) })
    }
}

/// A name that no other load of this machine has now.
fn load_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Unfinished files of a load that was stopped or killed.
fn clear_unfinished(folder: &Path) -> Result<(), CacheError> {
    for entry in std::fs::read_dir(folder).map_err(CacheError::io("list", folder))? {
        let path = entry.map_err(CacheError::io("list", folder))?.path();
        std::fs::remove_file(&path).map_err(CacheError::io("remove", &path))?;
    }
    Ok(())
}

async fn verify_in_place(
    files: FileList,
    store: &Store,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<LoadReport, CacheError> {
    let store = store.clone();
    let report = blocking(move || {
        let mut report = LoadReport::default();
        for file in &files.files {
            check_in_place(&store, file)?;
            report.already_files += 1;
            report.already_bytes += file.size;
        }
        Ok::<_, CacheError>(report)
    })
    .await?;
    let (files, bytes) = (report.already_files, report.already_bytes);
    progress(Progress { files, files_total: files, bytes, bytes_total: bytes });
    Ok(report)
}

/// Fails where a local file is not the one that was listed. Blocking.
pub(super) fn check_in_place(store: &Store, file: &InputFile) -> Result<(), CacheError> {
    let Some(now) = store.local_now(&file.path) else { return Ok(()) };
    let (size, version): (u64, Version) = now?;
    if (size, &version) == (file.size, &file.version) {
        return Ok(());
    }
    let what = store.describe(&file.path);
    let why = format!(
        "it was listed with {} bytes, {}, and now has {size} bytes, {version}",
        file.size, file.version
    );
    Err(StoreError::Changed { what, why }.into())
}
