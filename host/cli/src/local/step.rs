//! One operation of a run, as it was last seen.

use std::time::{Duration, Instant};

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
    /// When it was first seen at work, by our own clock: an object's times are whole seconds.
    started: Option<Instant>,
    /// How long it was at work.
    took: Option<Duration>,
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
            started: None,
            took: None,
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
        self.note_time();
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

    fn note_time(&mut self) {
        if self.status.phase == Phase::Executing {
            self.started.get_or_insert_with(Instant::now);
        }
        if self.status.phase.is_finished() && self.took.is_none() {
            self.took = self.started.map(|started| started.elapsed());
        }
    }

    /// From when it was first at work to its end, or to now.
    pub fn time(&self) -> Option<Duration> {
        self.took.or_else(|| self.started.map(|started| started.elapsed()))
    }
}
