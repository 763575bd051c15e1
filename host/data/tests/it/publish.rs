//! Outputs published to a real S3 server.

use super::*;
use millrace_data::manifest::{Manifest, PublishedFile};
use millrace_data::publish::{OutputMode, Published, RemoteError, publish_to_store, sweep_store};

/// A staging folder with two parts of `seed`, and the manifest that names them.
fn staged(dir: &Path, seed: u64) -> Manifest {
    let files = ["train", "test"].map(|output| {
        let content = super::bytes(seed, 100_000);
        let digest = blake3::hash(&content).to_hex().to_string();
        let path = format!("{output}/part-00000-{}.csv", &digest[..8]);
        std::fs::create_dir_all(dir.join(output)).unwrap();
        std::fs::write(dir.join(&path), &content).unwrap();
        PublishedFile { path, output: Some(output.into()), rows: Some(1), bytes: 100_000, blake3: digest }
    });
    let manifest = serde_json::json!({
        "manifestVersion": 1, "files": files, "outputs": {}, "inputs": [],
        "module": {"name": "split", "version": "0.1.0", "digest": "sha256:0"},
        "parameters": {}, "seed": 0, "onBadRow": "Fail", "badRows": 0, "engine": "wasmtime",
        "instructionLevel": "x", "guarantees": [], "reuseKey": format!("key {seed}"),
    });
    serde_json::from_value(manifest).unwrap()
}

async fn publish(
    store: &Store,
    dir: &Path,
    manifest: &Manifest,
    mode: &OutputMode,
    epoch: u64,
) -> Result<Published, RemoteError> {
    publish_to_store(dir, manifest, store, mode, "uid", epoch).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_appears_whole_once_and_is_reused_or_replaced() {
    let Some(server) = S3Server::start("an_output_appears_whole") else { return };
    server.bucket("outputs");
    let store = s3(&server, "s3://outputs/run");
    let dir = tempfile::tempdir().unwrap();
    let first = staged(dir.path(), 1);
    assert!(matches!(
        publish(&store, dir.path(), &first, &OutputMode::Fail, 1).await.unwrap(),
        Published::Created(_)
    ));
    let files = list(&store, "").await;
    assert_eq!(paths(&files), first.files.iter().map(|file| file.path.as_str()).rev().collect::<Vec<_>>());
    assert!(store.get(&first.files[0].path).await.unwrap().unwrap() == super::bytes(1, 100_000));
    assert!(
        store.get("_SUCCESS").await.unwrap().is_some() && store.get("README.md").await.unwrap().is_some()
    );
    assert!(matches!(
        publish(&store, dir.path(), &first, &OutputMode::Fail, 2).await.unwrap(),
        Published::Reused(_)
    ));

    let second = staged(dir.path(), 2);
    let refused = publish(&store, dir.path(), &second, &OutputMode::Fail, 3).await;
    assert!(matches!(refused, Err(RemoteError::Occupied { .. })), "{refused:?}");
    assert_eq!(list(&store, "").await.digest(), files.digest());
    publish(&store, dir.path(), &second, &OutputMode::Replace, 4).await.unwrap();
    assert!(list(&store, "").await.files.iter().all(|file| second.names(&file.path)));
    publish(&store, dir.path(), &first, &OutputMode::Version("7".into()), 5).await.unwrap();
    assert_eq!(list(&store, "v=7").await.files.len(), 2);
    let records = store.list_everything(&Selection::parse("_millrace/runs").unwrap()).await.unwrap();
    assert_eq!(paths(&records), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_attempts_at_once_one_wins_and_nothing_else_stays() {
    let Some(server) = S3Server::start("of_two_attempts_at_once") else { return };
    server.bucket("races");
    let store = s3(&server, "s3://races");
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (staged(one.path(), 1), staged(other.path(), 2));
    let (a, b) = tokio::join!(
        publish_to_store(one.path(), &first, &store, &OutputMode::Fail, "a", 1),
        publish_to_store(other.path(), &second, &store, &OutputMode::Fail, "b", 1),
    );
    let winner = match (a, b) {
        (Ok(Published::Created(winner)), Err(RemoteError::Occupied { .. }))
        | (Err(RemoteError::Occupied { .. }), Ok(Published::Created(winner))) => winner,
        other => panic!("{other:?}"),
    };
    let files = list(&store, "").await;
    assert_eq!(files.files.len(), 2);
    assert!(files.files.iter().all(|file| winner.names(&file.path)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_leaves_nothing_visible_and_a_dead_one_is_swept() {
    let Some(server) = S3Server::start("a_failed_attempt") else { return };
    server.bucket("failures");
    let store = s3(&server, "s3://failures");
    let dir = tempfile::tempdir().unwrap();
    let manifest = staged(dir.path(), 1);
    std::fs::remove_file(dir.path().join(&manifest.files[1].path)).unwrap();
    assert!(publish(&store, dir.path(), &manifest, &OutputMode::Fail, 1).await.is_err());
    let left = store.list_everything(&Selection::all()).await.unwrap();
    assert_eq!(paths(&left), Vec::<&str>::new());

    let upload = store.begin_upload("train/x").await.unwrap();
    let record = serde_json::to_vec(std::slice::from_ref(&upload)).unwrap();
    store.put("_millrace/runs/dead/1/uploads.json", record.clone().into()).await.unwrap();
    store.put("_millrace/runs/alive/1/uploads.json", record.into()).await.unwrap();
    assert_eq!(sweep_store(&store, &|uid| uid == "alive").await.unwrap(), 1);
    let left = store.list_everything(&Selection::all()).await.unwrap();
    assert_eq!(paths(&left), ["_millrace/runs/alive/1/uploads.json"]);
}
