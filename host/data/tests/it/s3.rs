//! A real S3 server.

use super::*;
use millrace_data::list::Version;
use millrace_data::store::{Category, Pin};

#[tokio::test]
async fn listings_page_select_and_freeze() {
    let Some(server) = S3Server::start("listings_page_select_and_freeze") else { return };
    server.bucket("lists");
    let store = s3(&server, "s3://lists/data");
    let puts =
        (0..1203).map(|at| {
            let store = &store;
            async move {
                store.put(&format!("part/{at:04}.csv"), bytes::Bytes::from(format!("{at}"))).await.unwrap()
            }
        });
    futures::future::join_all(puts).await;
    for (path, content) in
        [("README.md", "ours"), ("_SUCCESS", ""), ("_millrace/manifest.json", "{}"), ("b.txt", "b")]
    {
        store.put(path, content.into()).await.unwrap();
    }
    let all = list(&store, "").await;
    assert_eq!(all.files.len(), 1204);
    assert_eq!(all.digest(), list(&store, "/").await.digest());
    assert!(all.files.is_sorted_by(|one, other| one.path.as_bytes() < other.path.as_bytes()));
    assert!(all.files.iter().all(|file| matches!(&file.version, Version::ETag(tag) if !tag.is_empty())));
    assert_eq!(list(&store, "part/000?.csv").await.files.len(), 10);
    assert_eq!(paths(&list(&store, "part/0007.csv").await), ["part/0007.csv"]);
    assert_eq!(paths(&list(&store, "b.txt").await), ["b.txt"]);
    assert_eq!(list(&store, "nothing").await.files.len(), 0);
    let one = s3(&server, "s3://lists/data/b.txt");
    assert_eq!(paths(&list(&one, "").await), ["b.txt"]);
    assert_eq!(list(&s3(&server, "s3://lists"), "*/b.txt").await.files.len(), 1);
    store.put("b.txt", "c".into()).await.unwrap();
    assert_ne!(all.digest(), list(&store, "").await.digest());
}

#[tokio::test]
async fn ranges_of_one_version_are_read_and_another_version_is_not() {
    let Some(server) = S3Server::start("ranges_of_one_version") else { return };
    server.bucket("ranges");
    let store = s3(&server, "s3://ranges");
    let content = super::bytes(1, 3_000_000);
    store.put("a", content.clone().into()).await.unwrap();
    let files = list(&store, "").await;
    let file = &files.files[0];
    let mut reader = store.read(file, 1_000_000..2_500_001, &Pin::new(file));
    let mut read = Vec::new();
    while let Some(more) = reader.next().await.unwrap() {
        read.extend_from_slice(&more);
    }
    assert!(read == content[1_000_000..2_500_001]);
    store.put("a", super::bytes(2, 3_000_000).into()).await.unwrap();
    let error = store.read(file, 0..10, &Pin::new(file)).next().await.unwrap_err();
    assert_eq!(error.category(), Category::Changed, "{error}");
}

#[tokio::test]
async fn wrong_credentials_and_missing_buckets_are_told_apart() {
    let Some(server) = S3Server::start("wrong_credentials") else { return };
    server.bucket("private");
    let options = BTreeMap::from([("endpoint".to_owned(), server.endpoint())]);
    let wrong = secrets(&[("access-key", ACCESS_KEY), ("secret-key", "canary")]);
    for (bucket, credentials, category) in [
        ("private", wrong, Category::Denied),
        ("private", BTreeMap::new(), Category::Denied),
        ("missing", secrets(&[("access-key", ACCESS_KEY), ("secret-key", SECRET_KEY)]), Category::NotFound),
    ] {
        let mount = format!("s3://{bucket}").parse().unwrap();
        let store = Store::open(&mount, &options, &credentials, &policy()).unwrap();
        let error = store.list(&Selection::all()).await.unwrap_err();
        assert_eq!(error.category(), category, "{error}");
        assert!(error.to_string().contains(&format!("s3://{bucket}")), "{error}");
        assert!(!format!("{error:?}{error}").contains("canary"));
    }
}

#[tokio::test]
async fn objects_are_created_once_and_uploads_appear_whole() {
    let Some(server) = S3Server::start("objects_are_created_once") else { return };
    server.bucket("outputs");
    let store = s3(&server, "s3://outputs/run");
    assert!(store.refuses_second_create("probe").await.unwrap());
    store.put_if_absent("m", "one".into()).await.unwrap();
    store.put_if_absent("m", "one".into()).await.unwrap();
    let error = store.put_if_absent("m", "two".into()).await.unwrap_err();
    assert_eq!(error.category(), Category::Exists);
    assert_eq!(store.get("m").await.unwrap().unwrap(), "one");
    assert_eq!(store.get("none").await.unwrap(), None);

    let dir = tempfile::tempdir().unwrap();
    let local = dir.path().join("part");
    let content = super::bytes(3, (17 << 20) + 5);
    std::fs::write(&local, &content).unwrap();
    let begun = store.begin_upload("big").await.unwrap();
    let sent = store.send_parts(&begun, &local).await.unwrap();
    assert_eq!(sent.parts.len(), 2);
    assert_eq!(store.get("big").await.unwrap(), None);
    store.complete(&sent).await.unwrap();
    assert!(store.get("big").await.unwrap().unwrap() == content);

    let given_up = store.begin_upload("never").await.unwrap();
    store.abort(&given_up).await.unwrap();
    store.abort(&given_up).await.unwrap();
    assert_eq!(store.get("never").await.unwrap(), None);
    store.remove("m").await.unwrap();
    store.remove("m").await.unwrap();
    assert_eq!(store.get("m").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changed_since_it_was_listed_is_reported_and_nothing_of_it_kept() {
    let Some(server) = S3Server::start("a_source_that_changed") else { return };
    server.bucket("changes");
    let store = s3(&server, "s3://changes");
    store.put("a", super::bytes(1, 20 << 20).into()).await.unwrap();
    store.put("b", "b".into()).await.unwrap();
    let before = list(&store, "").await;
    store.put("a", super::bytes(2, 20 << 20).into()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cache = dataset(dir.path());
    let error = load(&cache, &before, &store).await.unwrap_err();
    assert_eq!(error.category(), Category::Changed, "{error}");
    assert!(!cache.folder().join("a").exists());
    let now = list(&store, "").await;
    load(&cache, &now, &store).await.unwrap();
    let resolved = cache.resolve(&now, &store).await.unwrap();
    assert!(std::fs::read(&resolved.files[0].local).unwrap() == super::bytes(2, 20 << 20));
    assert_eq!(cache.resolve(&before, &store).await.unwrap().missing.len(), 1);
}
