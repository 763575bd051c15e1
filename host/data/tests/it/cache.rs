//! The cache over real servers: what is kept, found, damaged, evicted, refused.

use super::*;
use millrace_data::cache::{FileState, Progress};
use millrace_data::store::Category;
use millrace_tests::http::HttpServer;

/// A server with `count` files `/d/<n>` of `size` bytes, and the store over them.
fn source(count: u64, size: usize) -> (HttpServer, Store) {
    let server = HttpServer::start();
    let names: Vec<_> = (0..count).map(|at| format!("{at}")).collect();
    for (at, name) in names.iter().enumerate() {
        server.put(&format!("/d/{name}"), super::bytes(at as u64, size));
    }
    let store = open(&server.url("/d"), &[("files", &names.join(","))]);
    (server, store)
}

fn gets(server: &HttpServer) -> usize {
    server.log().iter().filter(|line| line.starts_with("GET")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_load_fetches_nothing_and_another_process_finds_the_files() {
    let (server, store) = source(5, 3000);
    let files = list(&store, "").await;
    let dir = tempfile::tempdir().unwrap();
    let first = load(&dataset(dir.path()), &files, &store).await.unwrap();
    assert_eq!((first.files, first.bytes, first.already_files), (5, 15_000, 0));
    let fetched = gets(&server);
    let again = dataset(dir.path());
    let second = load(&again, &files, &store).await.unwrap();
    assert_eq!((second.files, second.already_files, second.already_bytes), (0, 5, 15_000));
    assert_eq!(gets(&server), fetched);
    let resolved = again.resolve(&files, &store).await.unwrap();
    assert_eq!(resolved.missing, []);
    for (at, file) in resolved.files.iter().enumerate() {
        assert_eq!(std::fs::read(&file.local).unwrap(), super::bytes(at as u64, 3000));
    }
    let states = again.states(&files, &store).await.unwrap();
    assert_eq!((states.cached_bytes, states.cached_files, states.total_files), (15_000, 5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_selected_is_loaded_and_progress_ends_at_all() {
    let (_server, store) = source(12, 10);
    let files = list(&store, "").await;
    let dir = tempfile::tempdir().unwrap();
    let cache = dataset(dir.path());
    let seen = std::sync::Mutex::new(Progress::default());
    let never = CancellationToken::new();
    let selection = Selection::parse("1*").unwrap();
    let report = cache
        .load(
            &files,
            &store,
            &selection,
            &LoadOptions { durable: true, ..LoadOptions::default() },
            &|now| *seen.lock().unwrap() = now,
            &never,
        )
        .await
        .unwrap();
    assert_eq!(report.files, 3);
    assert_eq!(*seen.lock().unwrap(), Progress { files: 3, files_total: 3, bytes: 30, bytes_total: 30 });
    assert_eq!(cache.states(&files, &store).await.unwrap().cached_files, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_on_the_disk_is_found_before_use_and_mended_by_a_load() {
    let (_server, store) = source(3, 50_000);
    let files = list(&store, "").await;
    let dir = tempfile::tempdir().unwrap();
    load(&dataset(dir.path()), &files, &store).await.unwrap();
    let victim = dataset(dir.path()).folder().join("1");
    let meta = std::fs::metadata(&victim).unwrap();
    let mut damaged = super::bytes(1, 50_000);
    damaged[33_333] ^= 0x10;
    let before = std::fs::File::options().read(true).open(&victim).unwrap();
    // A flipped bit changes neither length nor times.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&victim, permissions).unwrap();
    std::fs::write(&victim, &damaged).unwrap();
    before.set_times(std::fs::FileTimes::new().set_modified(meta.modified().unwrap())).unwrap();
    // A process that has checked the file already trusts it; one that starts does not.
    let cache = dataset(dir.path());
    let resolved = cache.resolve(&files, &store).await.unwrap();
    assert_eq!(resolved.missing.len(), 1);
    assert_eq!((resolved.missing[0].path.as_str(), resolved.missing[0].state), ("1", FileState::Damaged));
    let report = load(&cache, &files, &store).await.unwrap();
    assert_eq!((report.files, report.damaged_files), (1, 1));
    assert_eq!(cache.resolve(&files, &store).await.unwrap().missing, []);
    assert_eq!(std::fs::read(&victim).unwrap(), super::bytes(1, 50_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_index_costs_a_load_and_no_wrong_file() {
    let (_server, store) = source(3, 1000);
    let files = list(&store, "").await;
    let dir = tempfile::tempdir().unwrap();
    load(&dataset(dir.path()), &files, &store).await.unwrap();
    let index = walkdir::WalkDir::new(dir.path())
        .into_iter()
        .flatten()
        .find(|entry| entry.file_name() == "index.redb");
    std::fs::write(index.unwrap().path(), super::bytes(9, 40_000)).unwrap();
    let cache = dataset(dir.path());
    assert_eq!(cache.resolve(&files, &store).await.unwrap().files, []);
    assert_eq!(load(&cache, &files, &store).await.unwrap().files, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_load_keeps_what_is_whole() {
    let (server, store) = source(40, 2000);
    let files = list(&store, "").await;
    server.fault("/d/7", &millrace_tests::http::Fault::Hang, 1000);
    let dir = tempfile::tempdir().unwrap();
    let cache = dataset(dir.path());
    let stop = CancellationToken::new();
    let (progress_stop, seen) = (stop.clone(), std::sync::atomic::AtomicU64::new(0));
    let progress = move |now: Progress| {
        seen.store(now.files, std::sync::atomic::Ordering::Relaxed);
        if now.files == 39 {
            progress_stop.cancel();
        }
    };
    let loaded =
        cache.load(&files, &store, &Selection::all(), &LoadOptions::default(), &progress, &stop).await;
    assert!(matches!(loaded, Err(CacheError::Cancelled)), "{loaded:?}");
    assert_eq!(cache.resolve(&files, &store).await.unwrap().files.len(), 39);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_loaders_at_once_wait_for_each_other() {
    let (server, store) = source(30, 10_000);
    let files = list(&store, "").await;
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dataset(dir.path()), dataset(dir.path()));
    let (first, second) = tokio::join!(load(&one, &files, &store), load(&other, &files, &store));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.files + second.files, 30);
    assert_eq!(first.already_files + second.already_files, 30);
    assert_eq!(gets(&server), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_quota_the_oldest_go_and_pinned_ones_stay() {
    let (_server, store) = source(10, 1000);
    let files = list(&store, "").await;
    let part = |from: usize, to: usize| FileList { files: files.files[from..to].to_vec() };
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), CacheLimits { quota: Some(6000) }).unwrap();
    let cache = cache.dataset(&DatasetId::new("default", "demo", &[]).unwrap(), "/").unwrap();
    load(&cache, &part(0, 4), &store).await.unwrap();
    let pin = cache.pin(&part(0, 2)).unwrap();
    load(&cache, &part(4, 8), &store).await.unwrap();
    let states = cache.states(&files, &store).await.unwrap();
    assert!(states.cached_bytes <= 6000);
    assert_eq!(cache.resolve(&part(0, 2), &store).await.unwrap().missing, []);
    assert_eq!(cache.resolve(&part(4, 8), &store).await.unwrap().missing, []);
    let error = load(&cache, &part(2, 9), &store).await.unwrap_err();
    assert_eq!(error.category(), Category::Full, "{error}");
    assert!(error.to_string().contains("quota of 6000"), "{error}");
    drop(pin);
    load(&cache, &part(4, 10), &store).await.unwrap();
    assert_eq!(cache.states(&files, &store).await.unwrap().cached_files, 6);
}

#[tokio::test]
async fn local_files_are_read_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("a.csv"), "x").unwrap();
    let store = open(&format!("local://{}", data.display()), &[]);
    let files = list(&store, "").await;
    let cache = dataset(&dir.path().join("cache"));
    let report = load(&cache, &files, &store).await.unwrap();
    assert_eq!((report.files, report.already_files), (0, 1));
    let resolved = cache.resolve(&files, &store).await.unwrap();
    assert_eq!(resolved.files[0].local, data.join("a.csv"));
    std::fs::write(data.join("a.csv"), "yy").unwrap();
    for error in
        [load(&cache, &files, &store).await.unwrap_err(), cache.resolve(&files, &store).await.unwrap_err()]
    {
        assert_eq!(error.category(), Category::Changed, "{error}");
    }
}

/// A real file system of 8 MiB; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(test: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "millrace-test"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            _ => {
                millrace_tests::skip(test, "mounting a tmpfs needs root");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_before_and_during_a_load_and_never_filled_up() {
    let Some(disk) = SmallDisk::mount("a_full_disk") else { return };
    let cache = dataset(&disk.0.path().join("cache"));
    let (_server, store) = source(3, 4_000_000);
    let files = list(&store, "").await;
    let error = load(&cache, &files, &store).await.unwrap_err();
    assert_eq!(error.category(), Category::Full, "{error}");
    assert!(error.to_string().contains("90 % of the disk"), "{error}");
    let one = FileList { files: files.files[..1].to_vec() };
    load(&cache, &one, &store).await.unwrap();
    // The oldest file makes room for the next.
    let next = FileList { files: files.files[1..2].to_vec() };
    load(&cache, &next, &store).await.unwrap();
    let resolved = cache.resolve(&files, &store).await.unwrap();
    assert_eq!((resolved.files.len(), &*resolved.files[0].path), (1, "1"));
}
