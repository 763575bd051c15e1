//! A loader that is killed at any moment leaves no wrong file and no lock.

use super::*;
use millrace_tests::http::HttpServer;
use std::process::{Command, Stdio};

const FILES: usize = 60;
const LARGE: usize = 10_000_000;

fn size(at: usize) -> usize {
    if at.is_multiple_of(20) { LARGE } else { 7_000 }
}

/// Run by the tests below in a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the loader that `a_killed_loader_leaves_no_wrong_file` kills"]
async fn loader_process() {
    let (Ok(address), Ok(root)) = (std::env::var("LOADER_SOURCE"), std::env::var("LOADER_CACHE")) else {
        return;
    };
    let store = source(&address);
    let files = list(&store, "").await;
    load(&dataset(Path::new(&root)), &files, &store).await.unwrap();
}

fn source(address: &str) -> Store {
    let names: Vec<_> = (0..FILES).map(|at| format!("{at}")).collect();
    open(address, &[("files", &names.join(","))])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_loader_leaves_no_wrong_file() {
    let server = HttpServer::start();
    for at in 0..FILES {
        server.put(&format!("/{at}"), super::bytes(at as u64, size(at)));
    }
    let store = source(&server.url("/"));
    let files = list(&store, "").await;
    let dir = tempfile::tempdir().unwrap();
    let rounds: u64 = std::env::var("MILLRACE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let mut found = 0;
    for round in 0..rounds {
        let mut loader = Command::new(std::env::current_exe().unwrap())
            .args(["kill::loader_process", "--exact", "--ignored"])
            .env("LOADER_SOURCE", server.url("/"))
            .env("LOADER_CACHE", dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The moment counts in requests seen by the server, not in time, so that it is anywhere in the load.
        let until = server.log().len() + 62 + (round as usize * 37) % 70;
        while server.log().len() < until && loader.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        loader.kill().unwrap();
        loader.wait().unwrap();
        found += check(&dataset(dir.path()), &files, &store).await;
        if round % 4 == 3 {
            std::fs::remove_dir_all(dataset(dir.path()).folder()).unwrap();
        }
    }
    eprintln!("{rounds} kills, {found} whole files found after them");
    load(&dataset(dir.path()), &files, &store).await.unwrap();
    assert_eq!(check(&dataset(dir.path()), &files, &store).await, FILES);
}

/// Every file that the cache calls whole has the right bytes; returns how many.
async fn check(cache: &DatasetCache, files: &FileList, store: &Store) -> usize {
    let resolved = cache.resolve(files, store).await.unwrap();
    for file in &resolved.files {
        let at: usize = file.path.parse().unwrap();
        assert!(
            std::fs::read(&file.local).unwrap() == super::bytes(at as u64, size(at)),
            "wrong bytes in {}",
            file.path
        );
    }
    resolved.files.len()
}
