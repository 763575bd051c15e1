//! A plain HTTP server, right and wrong.

use super::*;
use millrace_data::cache::FileState;
use millrace_data::store::Category;
use millrace_tests::http::{Fault, HttpServer};

const SIZE: usize = 9_000_000;

/// Loads `/f` with `fault` in the way of the next `times` requests, and checks what was loaded.
async fn load_with(fault: &Fault, times: usize) -> Result<LoadReport, CacheError> {
    let server = HttpServer::start();
    server.put("/f", super::bytes(1, SIZE));
    let store = open(&server.url("/f"), &[]);
    let files = list(&store, "").await;
    server.fault("/f", fault, times);
    let dir = tempfile::tempdir().unwrap();
    let cache = dataset(dir.path());
    let report = load(&cache, &files, &store).await;
    match &report {
        Ok(_) => assert!(std::fs::read(cache.folder().join("f")).unwrap() == super::bytes(1, SIZE)),
        Err(_) => assert!(!cache.folder().join("f").exists()),
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_pass_are_ridden_out() {
    for fault in [
        Fault::Hang,
        Fault::Drip,
        Fault::ResetAfter(100_000),
        Fault::Status(503),
        Fault::Status(500),
        Fault::WrongRange,
    ] {
        let report = load_with(&fault, 2).await;
        assert!(report.is_ok(), "{fault:?}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_stay_are_reported_for_what_they_are() {
    for (fault, category) in [
        (Fault::Hang, Category::Hung),
        (Fault::Drip, Category::Hung),
        (Fault::ResetAfter(0), Category::Unreachable),
        (Fault::LongerBy(3), Category::Corrupt),
        (Fault::WrongRange, Category::Corrupt),
        (Fault::Change(super::bytes(2, SIZE)), Category::Changed),
        (Fault::Status(404), Category::NotFound),
        (Fault::Status(403), Category::Denied),
        (Fault::Status(503), Category::Busy),
        (Fault::Redirect("http://169.254.169.254/".into()), Category::Invalid),
    ] {
        // A file that changed stays so.
        let times = if matches!(fault, Fault::Change(_)) { 1 } else { 1000 };
        let error = load_with(&fault, times).await.expect_err(&format!("{fault:?}"));
        assert_eq!(error.category(), category, "{fault:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_conditions_never_mixes_two_versions() {
    let server = HttpServer::start();
    server.put("/f", super::bytes(1, SIZE));
    let store = open(&server.url("/f"), &[]);
    let files = list(&store, "").await;
    server.fault("/f", &Fault::IgnoreConditions, 1000);
    server.put("/f", super::bytes(2, SIZE));
    let dir = tempfile::tempdir().unwrap();
    let cache = dataset(dir.path());
    let error = load(&cache, &files, &store).await.unwrap_err();
    assert_eq!(error.category(), Category::Changed, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_without_ranges_and_without_tags_are_read_too() {
    for (ranges, tags) in [(false, true), (true, false), (false, false)] {
        let server = HttpServer::start();
        server.put("/f", super::bytes(1, SIZE));
        if !ranges {
            server.without_ranges();
        }
        if !tags {
            server.without_tags();
        }
        let store = open(&server.url("/f"), &[]);
        let files = list(&store, "").await;
        let dir = tempfile::tempdir().unwrap();
        let cache = dataset(dir.path());
        load(&cache, &files, &store).await.unwrap();
        assert!(std::fs::read(cache.folder().join("f")).unwrap() == super::bytes(1, SIZE));
    }
}

#[tokio::test]
async fn a_folder_serves_the_files_that_the_mount_names() {
    let server = HttpServer::start();
    server.put("/d/a.csv", "a");
    server.put("/d/x/b%20c.csv", "bb");
    let store = open(&server.url("/d"), &[("files", "x/b c.csv, a.csv")]);
    let files = list(&store, "").await;
    assert_eq!(paths(&files), ["a.csv", "x/b c.csv"]);
    let dir = tempfile::tempdir().unwrap();
    let cache = dataset(dir.path());
    load(&cache, &files, &store).await.unwrap();
    assert_eq!(std::fs::read(cache.folder().join("x/b c.csv")).unwrap(), b"bb");
    assert!(
        Store::open(&server.url("/d/").parse().unwrap(), &BTreeMap::new(), &BTreeMap::new(), &policy())
            .is_err()
    );
}

#[tokio::test]
async fn a_cluster_reaches_no_loopback_whatever_the_name() {
    let server = HttpServer::start();
    server.put("/f", "x");
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let mount = format!("http://{host}:{port}/f").parse().unwrap();
        let store = Store::open(&mount, &BTreeMap::new(), &BTreeMap::new(), &StorePolicy::default()).unwrap();
        let error = store.list(&Selection::all()).await.unwrap_err();
        assert_eq!(error.category(), Category::Refused, "{host}: {error}");
    }
    assert_eq!(server.log(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_there_and_no_such_host_are_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for host in [free.to_string(), "no-such-host.invalid".into()] {
        let store = open(&format!("http://{host}/f"), &[]);
        let error = store.list(&Selection::all()).await.unwrap_err();
        assert_eq!(error.category(), Category::Unreachable, "{error}");
    }
}

/// An S3 listing that never ends, lies, or is too large.
#[tokio::test]
async fn hostile_listings_end() {
    let page = |keys: &str, token: &str| {
        let xml = format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>{keys}</ListBucketResult>"
        );
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{xml}", xml.len()).into_bytes()
    };
    let key = |name: &str| {
        format!(
            "<Contents><Key>{name}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>x</ETag></Contents>"
        )
    };
    let pages: Vec<(&str, Vec<u8>, Category)> = vec![
        ("the same token again", page(&key("a"), "t"), Category::Corrupt),
        ("no keys and more to come", page("", "t"), Category::Corrupt),
        ("a name that leads elsewhere", page(&key("a/../../etc/passwd"), "t"), Category::Invalid),
        ("a control character", page(&key("a&#27;b"), "t"), Category::Invalid),
        ("no XML", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n<a<".to_vec(), Category::Corrupt),
        ("20 MiB", page(&" ".repeat(20 << 20), "t"), Category::Corrupt),
    ];
    for (name, answer, category) in pages {
        let server = HttpServer::start();
        server.hook(move |_| Some(answer.clone()));
        let options = BTreeMap::from([("endpoint".to_owned(), server.url(""))]);
        let policy = StorePolicy { tries: 2, ..policy() };
        let store =
            Store::open(&"s3://bucket".parse().unwrap(), &options, &BTreeMap::new(), &policy).unwrap();
        let error = store.list(&Selection::all()).await.expect_err(name);
        assert_eq!(error.category(), category, "{name}: {error}");
    }
}

#[tokio::test]
async fn an_endless_listing_ends_at_the_limit() {
    let server = HttpServer::start();
    let count = std::sync::atomic::AtomicUsize::new(0);
    server.hook(move |_| {
        let at = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let xml = format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{at}</NextContinuationToken>\
             <Contents><Key>k{at}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>"
        );
        Some(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{xml}", xml.len()).into_bytes())
    });
    let options = BTreeMap::from([("endpoint".to_owned(), server.url(""))]);
    let policy = StorePolicy { max_files: 50, ..policy() };
    let store = Store::open(&"s3://bucket".parse().unwrap(), &options, &BTreeMap::new(), &policy).unwrap();
    let error = store.list(&Selection::all()).await.unwrap_err();
    assert!(error.to_string().contains("more than 50 files"), "{error}");
}

#[tokio::test]
async fn what_is_not_loaded_is_named() {
    let server = HttpServer::start();
    server.put("/f", "x");
    let store = open(&server.url("/f"), &[]);
    let files = list(&store, "").await;
    let dir = tempfile::tempdir().unwrap();
    let resolved = dataset(dir.path()).resolve(&files, &store).await.unwrap();
    assert_eq!(resolved.missing[0].path, "f");
    assert_eq!(resolved.missing[0].state, FileState::Missing);
}
