//! The kinds of workloads that operations use: found out when the first one asks, watched from then on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::batch::v1::Job;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::discovery;
use millrace_crds::Reason;
use millrace_crds::data_processing::WorkloadProcessor;
use millrace_decide::refusal::Refusal;
use tokio::sync::mpsc;

use crate::Context;
use crate::error::{Error, code};

/// Jobs, which are watched from the start.
pub(crate) fn jobs() -> ApiResource {
    ApiResource::erase::<Job>(&())
}

/// The kinds that are known, and what was refused and not told yet.
#[derive(Debug)]
pub(crate) struct Kinds {
    /// By apiVersion and kind; as many as there are kinds of workloads in use.
    known: Mutex<HashMap<(String, String), ApiResource>>,
    /// By the operation's UID; taken by the look that tells it.
    refused: Mutex<HashMap<String, Refusal>>,
    /// Kinds that are to be watched.
    wanted: mpsc::UnboundedSender<ApiResource>,
}

impl Kinds {
    pub(crate) fn new(wanted: mpsc::UnboundedSender<ApiResource>) -> Self {
        let jobs = jobs();
        let known = HashMap::from([((jobs.api_version.clone(), jobs.kind.clone()), jobs)]);
        Self { known: Mutex::new(known), refused: Mutex::default(), wanted }
    }

    /// The resource of an object whose kind is known.
    pub(super) fn of(&self, object: &DynamicObject) -> Option<ApiResource> {
        let types = object.types.as_ref()?;
        self.find(&types.api_version, &types.kind)
    }

    /// The resource of a kind that is known.
    pub(super) fn find(&self, api_version: &str, kind: &str) -> Option<ApiResource> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(api_version.to_owned(), kind.to_owned())).cloned()
    }

    fn add(&self, resource: ApiResource) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (resource.api_version.clone(), resource.kind.clone());
        if known.insert(key, resource.clone()).is_none() {
            // Nobody listens only while everything stops.
            let _ = self.wanted.send(resource);
        }
    }

    /// Remembers that the API server will not have an operation's workload.
    pub(super) fn refuse(&self, uid: String, refusal: Refusal) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, refusal);
    }

    /// What was refused, to be told now; where telling fails, it is refused again.
    pub(crate) fn take_refusal(&self, uid: &str) -> Option<Refusal> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(uid)
    }

    /// Makes a workload's kind known and watched. Where no server has it, that is a refusal.
    pub(crate) async fn learn(
        &self,
        context: &Context,
        workload: &WorkloadProcessor,
    ) -> Result<Option<Refusal>, Error> {
        let (api_version, kind) = (&workload.api_version, &workload.kind);
        if self.find(api_version, kind).is_some() {
            return Ok(None);
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let wanted = GroupVersionKind::gvk(group, version, kind);
        match discovery::pinned_kind(&context.client, &wanted).await {
            Ok((resource, _)) => {
                self.add(resource);
                Ok(None)
            }
            Err(error) if code(&error).is_none_or(|code| code == 404) && !is_transport(&error) => {
                let message = format!(
                    "this cluster serves no {kind} of {api_version}: install what brings it, or correct processor.workload"
                );
                Ok(Some(Refusal::new(Reason::NotSupported, message)))
            }
            Err(source) => Err(Error::Read { what: format!("the kind {kind}"), source: Box::new(source) }),
        }
    }
}

/// Whether the API server was not reached, which says nothing about a kind.
fn is_transport(error: &kube::Error) -> bool {
    !matches!(error, kube::Error::Api(_) | kube::Error::Discovery(_))
}
