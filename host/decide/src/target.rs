//! What a `runAfter` names: an operation, or a workload of any kind; by name, or by labels.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use millrace_crds::Reason;
use millrace_crds::operation::RunAfter;

use crate::name::{Name, OperationKind, OperationName};
use crate::refusal::Refusal;
use crate::{selector, text};

/// Kinds in use, for which `apiVersion` need not be given.
const WORKLOADS: [(&str, &str); 17] = [
    ("Job", "batch/v1"),
    ("Pod", "v1"),
    ("PyTorchJob", "kubeflow.org/v1"),
    ("TFJob", "kubeflow.org/v1"),
    ("JAXJob", "kubeflow.org/v1"),
    ("PaddleJob", "kubeflow.org/v1"),
    ("XGBoostJob", "kubeflow.org/v1"),
    ("MPIJob", "kubeflow.org/v2beta1"),
    ("TrainJob", "trainer.kubeflow.org/v1alpha1"),
    ("RayJob", "ray.io/v1"),
    ("SparkApplication", "sparkoperator.k8s.io/v1beta2"),
    ("FlinkDeployment", "flink.apache.org/v1beta1"),
    ("JobSet", "jobset.x-k8s.io/v1alpha2"),
    ("Workflow", "argoproj.io/v1alpha1"),
    ("PipelineRun", "tekton.dev/v1"),
    ("TaskRun", "tekton.dev/v1"),
    ("AppWrapper", "workload.codeflare.dev/v1beta2"),
];

/// A kind that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkloadKind {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.kind, self.api_version)
    }
}

/// The kind of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// One of ours.
    Operation(OperationKind),
    /// Any other.
    Workload(WorkloadKind),
}

/// Which objects of that kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    /// The one of this name.
    Named(String),
    /// The newest with these labels.
    Labelled(LabelSelector),
}

/// What an operation runs after.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name or labels.
    pub which: Which,
}

impl Target {
    /// Reads a `runAfter`, seen from `namespace`.
    ///
    /// # Errors
    /// `NotSupported` where neither the kind nor an `apiVersion` says what it is.
    pub fn read(run_after: &RunAfter, namespace: &str) -> Result<Self, Refusal> {
        let which = match &run_after.selector {
            Some(selector) => Which::Labelled(selector.clone()),
            None => Which::Named(run_after.name.clone()),
        };
        let namespace = run_after.namespace.as_deref().unwrap_or(namespace).to_owned();
        Ok(Self { kind: kind(run_after)?, namespace, which })
    }

    /// The operation, where it is one and is named.
    #[must_use]
    pub fn operation(&self) -> Option<OperationName> {
        match (&self.kind, &self.which) {
            (TargetKind::Operation(kind), Which::Named(name)) => {
                Some(OperationName { kind: *kind, name: Name::new(&self.namespace, name) })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            TargetKind::Operation(kind) => kind.word(),
            TargetKind::Workload(workload) => &workload.kind,
        };
        match &self.which {
            Which::Named(name) => write!(formatter, "{kind} {}/{name}", self.namespace),
            Which::Labelled(labels) => {
                write!(formatter, "{kind} {}/[{}]", self.namespace, selector::in_words(labels))
            }
        }
    }
}

fn kind(run_after: &RunAfter) -> Result<TargetKind, Refusal> {
    let word = run_after.target_kind();
    let ours = OperationKind::of(word);
    match (&run_after.api_version, ours) {
        (None, Some(kind)) => Ok(TargetKind::Operation(kind)),
        (Some(version), Some(kind)) if *version == kind.api_version() => Ok(TargetKind::Operation(kind)),
        (Some(version), _) => {
            let (api_version, kind) = (version.clone(), word.to_owned());
            Ok(TargetKind::Workload(WorkloadKind { api_version, kind }))
        }
        (None, None) => {
            let known = WORKLOADS.iter().find(|(kind, _)| *kind == word);
            let (kind, api_version) = known.ok_or_else(|| unknown(word))?;
            let (api_version, kind) = ((*api_version).to_owned(), (*kind).to_owned());
            Ok(TargetKind::Workload(WorkloadKind { api_version, kind }))
        }
    }
}

fn unknown(word: &str) -> Refusal {
    let ours = OperationKind::ALL.map(OperationKind::word);
    let words = ours.into_iter().chain(WORKLOADS.iter().map(|(kind, _)| *kind));
    let message = format!(
        "runAfter names the kind {word}, which is not known by that name alone: give its runAfter.apiVersion too.{}",
        text::did_you_mean(text::nearest(word, words))
    );
    Refusal::new(Reason::NotSupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, api_version: Option<&str>) -> Result<Target, Refusal> {
        let run_after = RunAfter {
            kind: Some(kind.into()),
            api_version: api_version.map(Into::into),
            name: "x".into(),
            ..RunAfter::default()
        };
        Target::read(&run_after, "default")
    }

    #[test]
    fn kinds_are_ours_known_or_given_with_their_version() {
        assert!(read("DataFlow", None).unwrap().operation().is_some());
        assert!(read("DataLoad", Some("data.fluid.io/v1alpha1")).unwrap().operation().is_some());
        let job = read("Job", None).unwrap();
        let wanted = WorkloadKind { api_version: "batch/v1".into(), kind: "Job".into() };
        assert_eq!((&job.kind, job.to_string().as_str()), (&TargetKind::Workload(wanted), "Job default/x"));
        let other = read("Job", Some("batch.volcano.sh/v1alpha1")).unwrap();
        assert_ne!(other.kind, job.kind);
        assert!(read("Dataload", None).unwrap_err().message.contains("Did you mean DataLoad?"));
        assert!(read("Reactor", None).unwrap_err().message.contains("runAfter.apiVersion"));
    }
}
