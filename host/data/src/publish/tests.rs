//! Publishing, stopped after every single step.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::disk::{Disk, fault::Fault};
use super::sweep::sweep_on;
use super::*;
use crate::format::Format;
use crate::manifest::{ModuleSummary, OutputSummary, PublishedFile};
use crate::write::OutputFormat;

/// What a run with `key` publishes: two outputs, one file each, and one output without rows.
fn contents(key: &str) -> BTreeMap<String, Vec<u8>> {
    let file = |name: &str| {
        let bytes = format!("a,b\n{key},{name}\n").into_bytes();
        let hash = blake3::hash(&bytes).to_hex();
        (format!("{name}/part-00000-{}.csv", &hash[..8]), bytes)
    };
    BTreeMap::from([file("test"), file("train")])
}

fn manifest(key: &str, files: &BTreeMap<String, Vec<u8>>) -> Manifest {
    let published = files.iter().map(|(path, bytes)| PublishedFile {
        path: path.clone(),
        output: path.split_once('/').map(|(output, _)| output.to_owned()),
        rows: Some(1),
        bytes: bytes.len() as u64,
        blake3: blake3::hash(bytes).to_hex().to_string(),
    });
    let outputs = ["test", "train", "empty"].map(|name| {
        (
            name.to_owned(),
            OutputSummary { rows: u64::from(name != "empty"), bytes: 5, ..OutputSummary::default() },
        )
    });
    Manifest {
        manifest_version: MANIFEST_VERSION,
        files: published.collect(),
        outputs: BTreeMap::from(outputs),
        inputs: vec![],
        module: ModuleSummary { name: "split".into(), version: "1.0.0".into(), digest: "sha256:0".into() },
        model: None,
        method: None,
        parameters: serde_json::json!({}),
        seed: 0,
        format: Some(OutputFormat::plain(Format::Csv)),
        on_bad_row: "Fail".into(),
        bad_rows: 0,
        engine: "48".into(),
        instruction_level: "x86-64-v3".into(),
        guarantees: vec![],
        reuse_key: key.into(),
    }
}

fn staged(output: &Path, uid: &str, files: &BTreeMap<String, Vec<u8>>) -> Staging {
    let staging = Staging::open(output, uid, 1).unwrap();
    for (path, bytes) in files {
        let path = staging.parts().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    staging
}

/// Every file below `folder` except locks and staging: path and content.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
    {
        let path = relative(entry.path(), folder);
        if !path.starts_with("_millrace/runs/") && path != "_millrace/publish.lock" {
            found.insert(path, fs::read(entry.path()).unwrap());
        }
    }
    found
}

fn attempt(
    output: &Path,
    uid: &str,
    key: &str,
    mode: &OutputMode,
    disk: &Disk,
) -> Result<Published, PublishError> {
    let files = contents(key);
    let staging = staged(output, uid, &files);
    let published = publish_on(disk, &staging, &manifest(key, &files), mode)?;
    sweep::remove_run(disk, &staging)?;
    Ok(published)
}

/// What an undisturbed publication of `key` leaves.
fn undisturbed(key: &str) -> BTreeMap<String, Vec<u8>> {
    let output = tempfile::tempdir().unwrap();
    attempt(output.path(), "u", key, &OutputMode::Fail, &Disk::default()).unwrap();
    tree(output.path())
}

fn assert_none_or_whole(output: &Path) {
    if let Some(manifest) = read_manifest(output).unwrap() {
        for file in &manifest.files {
            assert!(holds(&output.join(&file.path), file), "{} of the manifest is not whole", file.path);
        }
    }
}

#[test]
fn a_publication_leaves_exactly_its_files() {
    let tree = undisturbed("k");
    let mut expected: Vec<_> = contents("k").into_keys().collect();
    expected.extend(["README.md", "_SUCCESS", "_millrace/manifest.json"].map(String::from));
    expected.sort();
    assert_eq!(tree.keys().cloned().collect::<Vec<_>>(), expected);
    let readme = String::from_utf8(tree["README.md"].clone()).unwrap();
    assert!(readme.starts_with("---\nconfigs:\n- config_name: default\n  data_files:\n  - split: \"test\"\n    path: \"test/part-*.csv\"\n"), "{readme}");
    assert!(!readme.contains("split: \"empty\""));
}

#[test]
fn killed_after_any_step_a_rerun_gives_the_same_bytes() {
    let expected = undisturbed("k");
    let mut steps = 0;
    for step in 0.. {
        let output = tempfile::tempdir().unwrap();
        let disk = Disk { durable: true, fault: Fault::dead_at(step) };
        let killed = attempt(output.path(), "first", "k", &OutputMode::Fail, &disk).is_err();
        assert_none_or_whole(output.path());
        let manifest = read_manifest(output.path()).unwrap();
        sweep(output.path(), &|_| false).unwrap();
        match &manifest {
            None => assert_eq!(tree(output.path()), BTreeMap::new(), "step {step}"),
            Some(_) => assert_eq!(tree(output.path()), expected, "step {step}"),
        }
        assert!(fs::read_dir(staging::runs(output.path())).map_or(true, |runs| runs.count() == 0));
        let again = attempt(output.path(), "second", "k", &OutputMode::Fail, &Disk::default()).unwrap();
        assert_eq!(matches!(again, Published::Reused(_)), manifest.is_some());
        assert_eq!(tree(output.path()), expected, "step {step}");
        if !killed {
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "only {steps} steps were tried");
}

#[test]
fn a_replacement_killed_after_any_step_leaves_the_old_or_the_new() {
    let (old, new) = (undisturbed("old"), undisturbed("new"));
    for step in 0.. {
        let output = tempfile::tempdir().unwrap();
        attempt(output.path(), "zero", "old", &OutputMode::Fail, &Disk::default()).unwrap();
        let disk = Disk { durable: false, fault: Fault::dead_at(step) };
        let killed = attempt(output.path(), "first", "new", &OutputMode::Replace, &disk).is_err();
        assert_none_or_whole(output.path());
        sweep(output.path(), &|_| false).unwrap();
        let mut after = tree(output.path());
        let key = read_manifest(output.path()).unwrap().unwrap().reuse_key;
        let mut expected = if key == "new" { new.clone() } else { old.clone() };
        // The README may be that of the other state until the rerun.
        for tree in [&mut after, &mut expected] {
            tree.remove("README.md");
        }
        assert_eq!(after, expected, "step {step}");
        attempt(output.path(), "second", "new", &OutputMode::Replace, &Disk::default()).unwrap();
        let rerun = tree(output.path());
        assert_eq!(rerun, new, "step {step}");
        if !killed {
            break;
        }
    }
}

#[test]
fn the_sweep_itself_may_be_killed() {
    for step in 0.. {
        let output = tempfile::tempdir().unwrap();
        let disk = Disk { durable: false, fault: Fault::dead_at(15) };
        attempt(output.path(), "first", "k", &OutputMode::Fail, &disk).unwrap_err();
        let dying = Disk { durable: false, fault: Fault::dead_at(step) };
        let killed = sweep_on(&dying, output.path(), &|_| false).is_err();
        sweep(output.path(), &|_| false).unwrap();
        assert_eq!(tree(output.path()), BTreeMap::new(), "step {step}");
        if !killed {
            break;
        }
    }
}

#[test]
fn a_full_disk_at_any_step_is_a_clear_error_and_leaves_nothing() {
    for step in 0.. {
        let output = tempfile::tempdir().unwrap();
        let disk = Disk { durable: false, fault: Fault::full_at(step) };
        let result = attempt(output.path(), "first", "k", &OutputMode::Fail, &disk);
        let reached = disk.fault.steps() > step;
        if let Err(error) = &result {
            let PublishError::Io { source, .. } = error else { panic!("step {step}: {error}") };
            assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        }
        assert_none_or_whole(output.path());
        sweep(output.path(), &|_| false).unwrap();
        if read_manifest(output.path()).unwrap().is_none() {
            assert_eq!(tree(output.path()), BTreeMap::new(), "step {step}");
        }
        if !reached {
            break;
        }
        assert!(result.is_err(), "step {step} failed and nobody said so");
    }
}

#[test]
fn of_two_attempts_one_wins_and_the_other_leaves_no_trace() {
    let output = tempfile::tempdir().unwrap();
    let results: Vec<_> = std::thread::scope(|scope| {
        let keys = ["a", "b", "a", "c"].iter().enumerate();
        let threads: Vec<_> = keys
            .map(|(number, key)| {
                let output = output.path();
                scope.spawn(move || {
                    attempt(output, &format!("run{number}"), key, &OutputMode::Fail, &Disk::default())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let created = results.iter().filter(|result| matches!(result, Ok(Published::Created(_)))).count();
    assert_eq!(created, 1);
    let key = read_manifest(output.path()).unwrap().unwrap().reuse_key;
    sweep(output.path(), &|_| false).unwrap();
    assert_eq!(tree(output.path()), undisturbed(&key));
}

#[test]
fn modes_and_what_is_there() {
    let output = tempfile::tempdir().unwrap();
    let publish =
        |uid: &str, key: &str, mode: &OutputMode| attempt(output.path(), uid, key, mode, &Disk::default());
    publish("1", "a", &OutputMode::Fail).unwrap();
    assert!(matches!(publish("2", "a", &OutputMode::Fail), Ok(Published::Reused(_))));
    let error = publish("3", "b", &OutputMode::Fail).unwrap_err();
    assert!(matches!(error, PublishError::Occupied { .. }), "{error}");
    assert!(error.to_string().contains("2 files published by `split`"), "{error}");
    assert_eq!(read_manifest(output.path()).unwrap().unwrap().reuse_key, "a");
    publish("4", "b", &OutputMode::Replace).unwrap();
    let mut now = tree(output.path());
    assert_eq!(now, undisturbed("b"));
    let version = OutputMode::Version("2026-11-23".into());
    publish("5", "a", &version).unwrap();
    now = tree(&output.path().join("v=2026-11-23"));
    assert_eq!(now, undisturbed("a"));
    assert!(find_reusable(output.path(), &version, "a").unwrap().is_some());
    assert!(find_reusable(output.path(), &OutputMode::Fail, "a").unwrap().is_none());
}

#[test]
fn files_of_others_stay() {
    let output = tempfile::tempdir().unwrap();
    fs::create_dir(output.path().join("train")).unwrap();
    fs::write(output.path().join("train/mine.csv"), "mine").unwrap();
    fs::write(output.path().join("README.md"), "my text").unwrap();
    let error = attempt(output.path(), "1", "a", &OutputMode::Fail, &Disk::default()).unwrap_err();
    assert!(error.to_string().contains("train/mine.csv"), "{error}");
    let error = attempt(output.path(), "2", "a", &OutputMode::Replace, &Disk::default()).unwrap_err();
    assert!(matches!(error, PublishError::Foreign { .. }), "{error}");
    fs::remove_file(output.path().join("train/mine.csv")).unwrap();
    attempt(output.path(), "3", "a", &OutputMode::Fail, &Disk::default()).unwrap();
    assert_eq!(fs::read(output.path().join("README.md")).unwrap(), b"my text");
}

#[test]
fn a_damaged_output_is_not_reused_and_a_live_run_is_not_swept() {
    let output = tempfile::tempdir().unwrap();
    attempt(output.path(), "1", "a", &OutputMode::Fail, &Disk::default()).unwrap();
    let path = contents("a").into_keys().next().unwrap();
    fs::write(output.path().join(path), "short").unwrap();
    assert!(find_reusable(output.path(), &OutputMode::Fail, "a").unwrap().is_none());

    let live = staged(output.path(), "live", &contents("b"));
    assert_eq!(sweep(output.path(), &|_| false).unwrap(), 0);
    assert!(live.path().is_dir());
    drop(live);
    assert_eq!(sweep(output.path(), &|uid| uid == "live").unwrap(), 0);
    assert_eq!(sweep(output.path(), &|_| false).unwrap(), 1);
}
