//! Reaching a real cluster: what a kubeconfig decides. Nothing is sent.

use std::io::Write;

use millrace_cluster::{ConnectError, Target, connect};
use tempfile::NamedTempFile;

const KUBECONFIG: &str = r"
apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: far, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}
users:
- {name: me, user: {token: t}}
contexts:
- {name: one, context: {cluster: far, user: me, namespace: team}}
- {name: two, context: {cluster: nowhere, user: me}}
";

fn kubeconfig() -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(KUBECONFIG.as_bytes()).unwrap();
    file
}

fn target(file: &NamedTempFile, context: Option<&str>) -> Target {
    Target { kubeconfig: Some(file.path().to_owned()), context: context.map(str::to_owned), namespace: None }
}

#[tokio::test]
async fn the_context_gives_the_namespace_unless_one_is_asked_for() {
    let file = kubeconfig();
    let client = connect(&target(&file, None)).await.unwrap();
    assert_eq!(client.default_namespace(), "team");
    let asked = Target { namespace: Some("mine".to_owned()), ..target(&file, Some("one")) };
    assert_eq!(connect(&asked).await.unwrap().default_namespace(), "mine");
}

#[tokio::test]
async fn a_context_that_cannot_be_used_names_the_file() {
    let file = kubeconfig();
    for context in ["two", "three"] {
        let Err(error) = connect(&target(&file, Some(context))).await else {
            panic!("{context} has no cluster")
        };
        let ConnectError::Kubeconfig { path, .. } = error else { panic!("{error}") };
        assert_eq!(path, file.path().display().to_string());
    }
}

/// kube's own retry would ask fifteen times over many minutes.
#[tokio::test]
async fn a_refused_connection_is_told_at_once() {
    let file = kubeconfig();
    let client = connect(&target(&file, None)).await.unwrap();
    let asked = tokio::time::timeout(std::time::Duration::from_secs(20), client.apiserver_version());
    assert!(asked.await.unwrap().is_err());
}
