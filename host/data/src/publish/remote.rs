//! Publication on S3: parts that become visible only at the end, and the manifest by conditional
//! create.
//!
//! Order: the list of uploads into the store (so that [`sweep_store`] can abort them), the parts,
//! their completion, the README, the manifest, `_SUCCESS`. Parts are named by their content, so
//! two attempts never write different bytes under one name.

use std::path::Path;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::manifest::{MANIFEST_VERSION, Manifest};
use crate::store::{Selection, Store, StoreError, Upload};

use super::{OutputMode, Published, readme};

/// Why nothing was published to a store.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Something else is at the output.
    #[error("{output} holds {what}; choose another output, or set `outputMode` to Replace or Version")]
    Occupied {
        /// The output's address.
        output: String,
        /// What is there.
        what: String,
    },
    /// What is at the manifest's place cannot be read as one.
    #[error("{path} is not a manifest that this version can read: {what}")]
    Manifest {
        /// Its address.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// The store, or a file of the staging folder.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Files in flight; each has several parts in flight itself.
const FILES_AT_ONCE: usize = 4;

/// Publishes the files that `manifest` names, which are below `parts` on this machine, to `store`.
/// `uid` and `epoch` are the attempt's.
///
/// # Errors
/// See [`RemoteError`]; no manifest was written, and the uploads were aborted as far as the store
/// could be reached.
pub async fn publish_to_store(
    parts: &Path,
    manifest: &Manifest,
    store: &Store,
    mode: &OutputMode,
    uid: &str,
    epoch: u64,
) -> Result<Published, RemoteError> {
    let attempt = Attempt {
        parts,
        manifest,
        store,
        folder: folder(mode),
        run: format!("_millrace/runs/{uid}/{epoch}"),
    };
    let before = attempt.read_manifest().await?;
    if let Some(before) = &before {
        if before.reuse_key == manifest.reuse_key && attempt.is_whole(before).await? {
            attempt.complete().await?;
            return Ok(Published::Reused(Box::new(before.clone())));
        }
        if *mode != OutputMode::Replace {
            return Err(attempt.occupied(before));
        }
    }
    let uploads = attempt.begin().await?;
    let sent = match attempt.send(&uploads).await {
        Ok(sent) => sent,
        Err(error) => {
            attempt.give_up(&uploads).await;
            return Err(error);
        }
    };
    // If this fails, some parts may be visible without a manifest. They are not removed here: a
    // later attempt of the same run may be about to name them. The record tells the sweep of them.
    let published = attempt.reveal(&sent, before.as_ref()).await?;
    attempt.forget().await;
    Ok(published)
}

/// Aborts the uploads of attempts that ended without doing so, and removes what they made visible
/// and no manifest names; returns how many attempts. `is_alive` tells by the operation's uid which
/// are still running.
///
/// # Errors
/// The store cannot be listed or written.
pub async fn sweep_store(
    store: &Store,
    is_alive: &(dyn Fn(&str) -> bool + Sync),
) -> Result<usize, RemoteError> {
    let records = store.list_everything(&Selection::parse("_millrace/runs")?).await?;
    let mut swept = 0;
    for record in records.files.iter().filter(|file| file.path.ends_with("/uploads.json")) {
        let uid = record.path.split('/').nth(2).unwrap_or_default();
        if is_alive(uid) {
            continue;
        }
        let bytes = store.get(&record.path).await?.unwrap_or_default();
        let uploads: Vec<Upload> = serde_json::from_slice(&bytes).unwrap_or_default();
        for upload in &uploads {
            store.abort(upload).await?;
            if !is_named(store, &upload.path).await? {
                store.remove(&upload.path).await?;
            }
        }
        store.remove(&record.path).await?;
        swept += 1;
    }
    Ok(swept)
}

/// Whether the manifest of the output that `path` belongs to names it. A manifest that cannot be
/// read is somebody's to look at, so everything counts as named.
async fn is_named(store: &Store, path: &str) -> Result<bool, RemoteError> {
    let tick = path.split_once('/').filter(|(first, _)| first.starts_with("v="));
    let (folder, name) = tick.map_or((String::new(), path), |(tick, name)| (format!("{tick}/"), name));
    let Some(bytes) = store.get(&format!("{folder}_millrace/manifest.json")).await? else { return Ok(false) };
    Ok(serde_json::from_slice::<Manifest>(&bytes).map_or(true, |manifest| manifest.names(name)))
}

/// Where below the store's root the output goes: `""` or `v=<tick>/`.
fn folder(mode: &OutputMode) -> String {
    match mode {
        OutputMode::Version(tick) => format!("v={tick}/"),
        OutputMode::Fail | OutputMode::Replace => String::new(),
    }
}

struct Attempt<'a> {
    parts: &'a Path,
    manifest: &'a Manifest,
    store: &'a Store,
    folder: String,
    /// Where the attempt's own records are, below the store's root.
    run: String,
}

impl Attempt<'_> {
    /// With every byte in the store, makes it visible.
    async fn reveal(&self, sent: &[Upload], before: Option<&Manifest>) -> Result<Published, RemoteError> {
        // Here and below the futures are made first: a closure inside the stream would keep the
        // whole from moving between threads.
        let completing: Vec<_> = sent.iter().map(|upload| self.store.complete(upload)).collect();
        futures::stream::iter(completing).buffer_unordered(FILES_AT_ONCE).try_collect::<Vec<()>>().await?;
        self.readme().await?;
        if !self.commit(before.is_some()).await? {
            return self.lost().await;
        }
        self.complete().await?;
        if let Some(before) = before {
            self.remove_unnamed(before, Some(self.manifest)).await?;
        }
        Ok(Published::Created(Box::new(self.manifest.clone())))
    }

    /// Begins every upload and writes down their ids before a byte is sent.
    async fn begin(&self) -> Result<Vec<Upload>, RemoteError> {
        let paths: Vec<_> = self.manifest.files.iter().map(|file| self.at(&file.path)).collect();
        let begun: Vec<_> = paths.iter().map(|path| self.store.begin_upload(path)).collect();
        let uploads: Vec<Upload> = futures::stream::iter(begun).buffered(FILES_AT_ONCE).try_collect().await?;
        let bytes = serde_json::to_vec(&uploads).map_err(|error| self.unreadable(&error))?;
        self.store.put(&format!("{}/uploads.json", self.run), bytes.into()).await?;
        Ok(uploads)
    }

    async fn send(&self, uploads: &[Upload]) -> Result<Vec<Upload>, RemoteError> {
        let sending = self.manifest.files.iter().zip(uploads).map(|(file, upload)| async move {
            self.store.send_parts(upload, &self.parts.join(&file.path)).await
        });
        let sending: Vec<_> = sending.collect();
        Ok(futures::stream::iter(sending).buffered(FILES_AT_ONCE).try_collect().await?)
    }

    async fn readme(&self) -> Result<(), RemoteError> {
        let path = self.at("README.md");
        let there = self.store.get(&path).await?;
        if there.is_none_or(|text| readme::is_marked(&String::from_utf8_lossy(&text))) {
            self.store.put(&path, readme::text(self.manifest).into()).await?;
        }
        Ok(())
    }

    /// Makes the manifest visible; false if another attempt was first.
    async fn commit(&self, replace: bool) -> Result<bool, RemoteError> {
        let bytes: Bytes = self.manifest.to_json().map_err(|error| self.unreadable(&error))?.into();
        let path = self.manifest_path();
        if replace {
            self.store.put(&path, bytes).await?;
            return Ok(true);
        }
        if !self.store.refuses_second_create(&format!("{}/probe", self.run)).await? {
            let output = self.store.describe("");
            tracing::warn!(
                output,
                "this store accepts a second conditional create: only one attempt may publish at a time"
            );
        }
        match self.store.put_if_absent(&path, bytes).await {
            Ok(()) => Ok(true),
            Err(StoreError::Exists { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The other attempt's manifest stands: what it does not name goes.
    async fn lost(&self) -> Result<Published, RemoteError> {
        let Some(winner) = self.read_manifest().await? else {
            let what = "what another run published and removed meanwhile".to_owned();
            return Err(RemoteError::Occupied { output: self.store.describe(&self.folder), what });
        };
        self.remove_unnamed(self.manifest, Some(&winner)).await?;
        match winner.reuse_key == self.manifest.reuse_key {
            true => Ok(Published::Reused(Box::new(winner))),
            false => Err(self.occupied(&winner)),
        }
    }

    /// What follows a manifest, also one whose run was stopped right behind it.
    async fn complete(&self) -> Result<(), RemoteError> {
        Ok(self.store.put(&self.at("_SUCCESS"), Bytes::new()).await?)
    }

    /// Removes the files of `old` that `kept` does not name.
    async fn remove_unnamed(&self, old: &Manifest, kept: Option<&Manifest>) -> Result<(), RemoteError> {
        for file in &old.files {
            if !kept.is_some_and(|kept| kept.names(&file.path)) {
                self.store.remove(&self.at(&file.path)).await?;
            }
        }
        Ok(())
    }

    async fn read_manifest(&self) -> Result<Option<Manifest>, RemoteError> {
        let Some(bytes) = self.store.get(&self.manifest_path()).await? else { return Ok(None) };
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error))?;
        if manifest.manifest_version > MANIFEST_VERSION {
            let what = format!("version {}, this one knows {MANIFEST_VERSION}", manifest.manifest_version);
            return Err(RemoteError::Manifest { path: self.store.describe(&self.manifest_path()), what });
        }
        Ok(Some(manifest))
    }

    /// Whether every file that `manifest` names is there with its length.
    async fn is_whole(&self, manifest: &Manifest) -> Result<bool, RemoteError> {
        let there = self.store.list(&Selection::parse(&self.folder)?).await?;
        let holds = |path: &str, bytes| there.find(path).is_some_and(|file| file.size == bytes);
        Ok(manifest.files.iter().all(|file| holds(&self.at(&file.path), file.bytes)))
    }

    /// Best effort: what stays is written down in the store, and the next sweep aborts it.
    async fn give_up(&self, uploads: &[Upload]) {
        let mut aborted = true;
        for upload in uploads {
            if let Err(error) = self.store.abort(upload).await {
                tracing::warn!(%error, path = upload.path, "an upload stays for the next sweep");
                aborted = false;
            }
        }
        if aborted {
            self.forget().await;
        }
    }

    async fn forget(&self) {
        let record = format!("{}/uploads.json", self.run);
        if let Err(error) = self.store.remove(&record).await {
            tracing::warn!(%error, "the list of uploads stays for the next sweep");
        }
    }

    fn occupied(&self, there: &Manifest) -> RemoteError {
        let what = format!("{} files published by `{}`", there.files.len(), there.module.name);
        RemoteError::Occupied { output: self.store.describe(&self.folder), what }
    }

    fn unreadable(&self, error: &serde_json::Error) -> RemoteError {
        RemoteError::Manifest { path: self.store.describe(&self.manifest_path()), what: error.to_string() }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }

    fn manifest_path(&self) -> String {
        self.at("_millrace/manifest.json")
    }
}
