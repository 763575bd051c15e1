//! One operation of a run, as it was last seen.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use millrace_crds::common::Phase;
use millrace_crds::operation::OperationStatus;

use crate::manifest::Document;
use crate::manifest::document::title;

/// One operation.
#[derive(Debug, Clone)]
pub struct Step {
    /// `DataLoad`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// As it was last seen.
    pub status: OperationStatus,
    /// It was deleted while it was waited for.
    pub gone: bool,
    /// The watch that goes on has shown it.
    pub listed: bool,
}

impl Step {
    /// The step that a document asks for; nothing is known of it yet.
    pub fn new(document: &Document) -> Self {
        Self {
            kind: document.kind.clone(),
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            status: OperationStatus::default(),
            gone: false,
            listed: false,
        }
    }

    /// `split`; with its namespace where that is not the usual one.
    pub fn label(&self) -> String {
        if self.namespace == "default" {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }

    /// `DataProcessing default/split`.
    pub fn title(&self) -> String {
        title(&self.kind, &self.namespace, &self.name)
    }

    /// Whether this object, of the step's kind, is the step's.
    pub fn is(&self, object: &DynamicObject) -> bool {
        let metadata = &object.metadata;
        metadata.namespace.as_deref() == Some(&self.namespace) && metadata.name.as_deref() == Some(&self.name)
    }

    /// Takes over what an object says; whether anything changed.
    pub fn take(&mut self, object: &DynamicObject) -> bool {
        let status = object.data.get("status").cloned().unwrap_or_default();
        let status: OperationStatus = serde_json::from_value(status).unwrap_or_default();
        let changed = status != self.status;
        self.status = status;
        changed
    }

    /// Whether nothing will happen any more.
    pub fn is_over(&self) -> bool {
        self.gone || self.status.phase.is_finished()
    }

    /// Whether it ended well.
    pub fn is_complete(&self) -> bool {
        !self.gone && self.status.phase == Phase::Complete
    }

    /// From its start to its end, or to now.
    pub fn time(&self) -> Option<Duration> {
        let start = self.status.start_time.as_ref()?.0;
        let end = self.status.completion_time.as_ref().map_or_else(Timestamp::now, |end| end.0);
        end.duration_since(start).try_into().ok()
    }
}
