//! From a processor's path to files on this machine: list, freeze, load what is missing.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::Api;
use millrace_crds::Reason;
use millrace_crds::common::{EncryptOption, Progress};
use millrace_crds::node_task::{TaskDataset, TaskMount};
use millrace_data::cache::{self, DatasetCache, DatasetId, LoadOptions, MountIdentity, Pinned};
use millrace_data::list::{FileList, InputFile, LocalFile};
use millrace_data::mount::MountPoint;
use millrace_data::secret::Secret;
use millrace_data::store::{Selection, Store, StorePolicy};
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, Reporter};
use crate::failure::{self, Failure};
use crate::place::{self, Place};

/// A mount that is opened, and its part of the cache.
pub(crate) struct Source {
    /// The mount as the processor sees it.
    pub(crate) seen: String,
    pub(crate) store: Store,
    cache: DatasetCache,
    selection: Selection,
}

impl Source {
    /// Opens the mount that `place` leads to; reads the Secrets that it names.
    pub(crate) async fn open(agent: &Agent, place: &Place<'_>) -> Result<Self, Failure> {
        let store = open_store(agent, place.dataset, place.mount).await?;
        let id = dataset_id(place.dataset)?;
        let cache = agent.cache.dataset(&id, &place.mount.path)?;
        let selection = Selection::parse(&place.inside)?;
        Ok(Self { seen: place.seen.clone(), store, cache, selection })
    }

    /// What is there now.
    pub(crate) async fn list(&self) -> Result<FileList, Failure> {
        Ok(self.store.list(&self.selection).await?)
    }

    /// How much of `list` is on this machine.
    pub(crate) async fn states(&self, list: &FileList) -> Result<cache::CacheStates, Failure> {
        Ok(self.cache.states(list, &self.store).await?)
    }

    /// The cache's folder of the whole dataset.
    pub(crate) fn folder(&self) -> &Path {
        self.cache.folder()
    }

    /// Loads what is missing of `list`.
    pub(crate) async fn load(
        &self,
        list: &FileList,
        durable: bool,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let options = LoadOptions { durable, ..LoadOptions::default() };
        let tell = |done: cache::Progress| reporter.progress(progress(done));
        // Stopping drops this future; what is whole by then stays.
        self.cache
            .load(list, &self.store, &Selection::all(), &options, &tell, &CancellationToken::new())
            .await?;
        Ok(())
    }
}

fn progress(done: cache::Progress) -> Progress {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Progress {
        stage: "load".to_owned(),
        bytes_done: signed(done.bytes),
        bytes_total: signed(done.bytes_total),
        files_done: signed(done.files),
        ..Progress::default()
    }
}

/// Opens a mount's store under the rules of this machine.
pub(super) async fn open_store(
    agent: &Agent,
    dataset: &TaskDataset,
    mount: &TaskMount,
) -> Result<Store, Failure> {
    let point: MountPoint = mount.mount_point.parse()?;
    let secrets = secrets(agent, &dataset.namespace, &mount.encrypt_options).await?;
    let policy = StorePolicy { namespace: dataset.namespace.clone(), ..agent.config.stores.clone() };
    Ok(Store::open(&point, &mount.options, &secrets, &policy)?)
}

/// The values that the mount's options take from Secrets of the dataset's namespace.
async fn secrets(
    agent: &Agent,
    namespace: &str,
    options: &[EncryptOption],
) -> Result<BTreeMap<String, Secret>, Failure> {
    let api: Api<KubeSecret> = Api::namespaced(agent.client.clone(), namespace);
    let (mut read, mut values) = (HashMap::new(), BTreeMap::new());
    for option in options {
        let reference = &option.value_from.secret_key_ref;
        if !read.contains_key(&reference.name) {
            let doing = format!("read Secret {namespace}/{}, which encryptOptions name", reference.name);
            let secret = api.get(&reference.name).await.map_err(|error| failure::api(&doing, &error))?;
            read.insert(reference.name.clone(), secret.data.unwrap_or_default());
        }
        // Fluid lets the key be left out where it is the option's own name.
        let key = if reference.key.is_empty() { &option.name } else { &reference.key };
        let bytes = read.get(&reference.name).and_then(|data| data.get(key)).map(|value| value.0.clone());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
            let message = format!(
                "Secret {namespace}/{} has no text under the key {key:?}: add it, or correct encryptOptions",
                reference.name
            );
            Failure::user(Reason::NotFound, message)
        })?;
        values.insert(option.name.clone(), Secret::new(text));
    }
    Ok(values)
}

/// Which part of the cache is a Dataset's.
pub(crate) fn dataset_id(dataset: &TaskDataset) -> Result<DatasetId, Failure> {
    let secret = |option: &EncryptOption| {
        let reference = &option.value_from.secret_key_ref;
        (option.name.clone(), format!("{}/{}", reference.name, reference.key))
    };
    let mounts = dataset.mounts.iter().map(|mount| MountIdentity {
        mount_point: mount.mount_point.clone(),
        path: mount.path.clone(),
        options: mount.options.clone(),
        secrets: mount.encrypt_options.iter().map(secret).collect(),
    });
    Ok(DatasetId::new(&dataset.namespace, &dataset.name, &mounts.collect::<Vec<_>>())?)
}

/// The files of one port, frozen: every later stage reads these versions or fails.
pub(crate) struct Frozen {
    pub(crate) port: String,
    /// One per mount that the path leads to, with its list.
    sources: Vec<(Source, FileList)>,
}

/// The lists of a frozen port, for the stages that follow on other agents.
pub(crate) type FrozenLists = Vec<FileList>;

impl Frozen {
    /// Lists what `path` means, or takes the lists that an earlier stage froze.
    ///
    /// # Errors
    /// Nothing is there, or the store does not answer.
    pub(crate) async fn freeze(
        agent: &Agent,
        datasets: &[TaskDataset],
        port: &str,
        path: &str,
        lists: Option<FrozenLists>,
    ) -> Result<Self, Failure> {
        let mut given = lists.map(Vec::into_iter);
        let mut sources = Vec::new();
        for place in place::all(datasets, path)? {
            let source = Source::open(agent, &place).await?;
            let list = match given.as_mut().and_then(Iterator::next) {
                Some(list) => list,
                None => source.list().await?,
            };
            sources.push((source, list));
        }
        if sources.iter().all(|(_, list)| list.files.is_empty()) {
            let places: Vec<_> = sources.iter().map(|(source, _)| source.store.describe("")).collect();
            let message = format!(
                "no file matches {path} (in {}): correct the path, or put files there",
                places.join(", ")
            );
            return Err(Failure::user(Reason::SourceNotFound, message));
        }
        Ok(Self { port: port.to_owned(), sources })
    }

    /// What was frozen, for the stages that follow.
    pub(crate) fn lists(&self) -> FrozenLists {
        self.sources.iter().map(|(_, list)| list.clone()).collect()
    }

    /// All files as one list; paths of several mounts begin with the mount's.
    pub(crate) fn list(&self) -> FileList {
        let files = self.sources.iter().flat_map(|(source, list)| {
            let named = |file: &InputFile| InputFile { path: self.name(source, &file.path), ..file.clone() };
            list.files.iter().map(named).collect::<Vec<_>>()
        });
        FileList::new(files.collect())
    }

    fn name(&self, source: &Source, path: &str) -> String {
        match self.sources.len() {
            1 => path.to_owned(),
            _ => format!("{}/{path}", source.seen.trim_start_matches('/')),
        }
    }

    /// Brings all files onto this machine. They stay there until the pins are dropped.
    pub(crate) async fn bring(
        &self,
        agent: &Agent,
        reporter: &Reporter,
    ) -> Result<(Vec<LocalFile>, Vec<Pinned>), Failure> {
        let (mut files, mut pins) = (Vec::new(), Vec::new());
        for (source, list) in &self.sources {
            if !source.store.is_local() {
                pins.push(source.cache.pin(list)?);
                source.load(list, agent.config.durable, reporter).await?;
            }
            let resolved = source.cache.resolve(list, &source.store).await?;
            if let Some(missing) = resolved.missing.first() {
                let message = format!(
                    "{} was loaded and is not whole in the cache: another process removed it, or the disk is failing",
                    missing.path
                );
                return Err(Failure::internal(message));
            }
            let named = |file: LocalFile| LocalFile { path: self.name(source, &file.path).into(), ..file };
            files.extend(resolved.files.into_iter().map(named));
        }
        files.sort_by(|left, right| left.path.as_bytes().cmp(right.path.as_bytes()));
        Ok((files, pins))
    }
}
