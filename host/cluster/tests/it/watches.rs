//! Watches: where they begin, what they tell, how they end.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::runtime::{WatchStreamExt, watcher};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{api, client, kind, make, object, version};

type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<DynamicObject>>> + Send>>;

async fn watch(client: &kube::Client, params: &WatchParams, version: &str) -> Events {
    api(client, "Mill").watch(params, version).await.unwrap().boxed()
}

async fn next(events: &mut Events) -> WatchEvent<DynamicObject> {
    tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap().unwrap()
}

/// The event's word and the object's name.
fn told(event: &WatchEvent<DynamicObject>) -> (&'static str, String) {
    let name = |object: &DynamicObject| object.metadata.name.clone().unwrap();
    match event {
        WatchEvent::Added(object) => ("added", name(object)),
        WatchEvent::Modified(object) => ("modified", name(object)),
        WatchEvent::Deleted(object) => ("deleted", name(object)),
        WatchEvent::Bookmark(bookmark) => ("bookmark", bookmark.metadata.resource_version.clone()),
        WatchEvent::Error(status) => ("error", status.reason.clone()),
    }
}

async fn label(client: &kube::Client, name: &str, value: Value) {
    let patch = Patch::Merge(json!({"metadata": {"labels": {"mill": value}}}));
    api(client, "Mill").patch(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_watch_goes_on_from_a_version() {
    let client = client().await;
    let first = make(&client, "a", json!({"spec": {}})).await;
    make(&client, "b", json!({"spec": {}})).await;
    let mut events =
        watch(&client, &WatchParams::default(), first.metadata.resource_version.as_deref().unwrap()).await;
    assert_eq!(
        told(&next(&mut events).await),
        ("added", "b".into()),
        "the past after the version comes first"
    );
    label(&client, "a", json!("x")).await;
    assert_eq!(told(&next(&mut events).await), ("modified", "a".into()));
    api(&client, "Mill").delete("b", &DeleteParams::default()).await.unwrap();
    let WatchEvent::Deleted(gone) = next(&mut events).await else { panic!("expected a deletion") };
    assert!(version(&gone) > version(&first), "a deletion has a version of its own");
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_what_is_there() {
    let client = client().await;
    make(&client, "a", json!({"spec": {}})).await;
    let mut events = watch(&client, &WatchParams::default(), "0").await;
    assert_eq!(told(&next(&mut events).await), ("added", "a".into()));
    make(&client, "b", json!({"spec": {}})).await;
    assert_eq!(told(&next(&mut events).await), ("added", "b".into()));
}

#[tokio::test]
async fn beginning_to_match_is_an_addition_and_ceasing_a_deletion() {
    let client = client().await;
    make(&client, "a", json!({"spec": {}})).await;
    let mut events = watch(&client, &WatchParams::default().labels("mill=x"), "0").await;
    label(&client, "a", json!("x")).await;
    assert_eq!(told(&next(&mut events).await), ("added", "a".into()));
    label(&client, "a", json!("y")).await;
    let WatchEvent::Deleted(left) = next(&mut events).await else { panic!("expected a deletion") };
    assert_eq!(left.metadata.labels.unwrap()["mill"], "x", "a watcher is shown the last state that matched");
}

#[tokio::test]
async fn a_field_selector_follows_one_node() {
    let client = client().await;
    let mut events = watch(&client, &WatchParams::default().fields("spec.node=n1"), "0").await;
    make(&client, "a", json!({"spec": {"node": "n2"}})).await;
    make(&client, "b", json!({"spec": {"node": "n1"}})).await;
    assert_eq!(told(&next(&mut events).await), ("added", "b".into()));
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let client = client().await;
    make(&client, "a", json!({"spec": {}})).await;
    let params = WatchParams { send_initial_events: true, ..WatchParams::default() };
    let mut events = watch(&client, &params, "").await;
    assert_eq!(told(&next(&mut events).await), ("added", "a".into()));
    let WatchEvent::Bookmark(bookmark) = next(&mut events).await else { panic!("expected a bookmark") };
    assert_eq!(
        bookmark.metadata.annotations.get("k8s.io/initial-events-end").map(String::as_str),
        Some("true")
    );
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_every_minute_and_the_timeout_ends_the_watch() {
    let client = client().await;
    let made = make(&client, "a", json!({"spec": {}})).await;
    let params = WatchParams { bookmarks: true, timeout: Some(90), ..WatchParams::default() };
    let mut events = watch(&client, &params, made.metadata.resource_version.as_deref().unwrap()).await;
    let (word, bookmarked) =
        told(&tokio::time::timeout(Duration::from_secs(80), events.next()).await.unwrap().unwrap().unwrap());
    assert_eq!(word, "bookmark");
    assert!(bookmarked.parse::<u64>().unwrap() >= version(&made));
    assert!(events.next().await.is_none(), "90 seconds after it began the watch ends");
}

#[tokio::test]
async fn a_version_that_history_has_forgotten_is_gone() {
    let client = client().await;
    let grains = api(&client, "Grain");
    let first = grains.create(&PostParams::default(), &object("Grain", "a", json!({}))).await.unwrap();
    for count in 0..4200 {
        let patch = Patch::Merge(json!({"spec": {"count": count}}));
        grains.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    let version = first.metadata.resource_version.unwrap();
    let outcome = grains.watch(&WatchParams::default(), &version).await;
    let Err(kube::Error::Api(status)) = outcome.map(|_| ()) else { panic!("expected a refusal") };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
}

#[tokio::test]
async fn a_watcher_that_falls_behind_is_told_to_list_again() {
    let client = client().await;
    let grains = api(&client, "Grain");
    grains.create(&PostParams::default(), &object("Grain", "a", json!({}))).await.unwrap();
    let mut events = grains.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    for count in 0..1200 {
        let patch = Patch::Merge(json!({"spec": {"count": count}}));
        grains.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    let mut seen = 0;
    let last = loop {
        match tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap() {
            Some(Ok(WatchEvent::Error(status))) => break status,
            Some(Ok(_)) => seen += 1,
            other => panic!("the watch ended without a word: {other:?}"),
        }
    };
    assert_eq!((last.code, last.reason.as_str()), (410, "Expired"));
    assert_eq!(seen, 1025, "the object and a full queue");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_reflector_sees_what_a_list_shows() {
    let client = client().await;
    for streaming in [false, true] {
        let config = watcher::Config::default();
        let config = if streaming { config.streaming_lists() } else { config };
        let mills: Api<DynamicObject> = Api::all_with(client.clone(), &kind("Mill"));
        let writer = kube::runtime::reflector::store::Writer::new(kind("Mill"));
        let reader = writer.as_reader();
        let mut stream = watcher(mills.clone(), config).default_backoff().reflect(writer).boxed();
        for round in 0..20 {
            let name = format!("m{}", round % 7);
            match mills_here(&client).get_opt(&name).await.unwrap() {
                None => drop(make(&client, &name, json!({"spec": {}})).await),
                Some(_) if round % 3 == 0 => {
                    drop(mills_here(&client).delete(&name, &DeleteParams::default()).await.unwrap())
                }
                Some(_) => label(&client, &name, json!(format!("r{round}"))).await,
            }
        }
        let wanted = mills.list(&ListParams::default()).await.unwrap().items;
        let caught_up = || {
            let mut held: Vec<DynamicObject> =
                reader.state().iter().map(|object| object.as_ref().clone()).collect();
            held.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
            held == wanted
        };
        let follow = async {
            while !caught_up() {
                stream.try_next().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), follow).await.unwrap();
    }
}

fn mills_here(client: &kube::Client) -> Api<DynamicObject> {
    api(client, "Mill")
}

/// One step of a random history: which object, and what becomes of it.
fn step() -> impl Strategy<Value = (String, Option<u8>)> {
    ("[a-d]", proptest::option::of(0..3_u8))
}

/// Labels an object, creating it if need be, or deletes it.
async fn take(client: &kube::Client, name: &str, tier: Option<u8>) {
    let mills = api(client, "Mill");
    let exists = mills.get_opt(name).await.unwrap().is_some();
    match tier {
        Some(tier) if exists => label(client, name, json!(format!("t{tier}"))).await,
        Some(tier) => {
            let labels = json!({"metadata": {"labels": {"mill": format!("t{tier}")}}, "spec": {}});
            make(client, name, labels).await;
        }
        None if exists => drop(mills.delete(name, &DeleteParams::default()).await.unwrap()),
        None => {}
    }
}

/// What a follower holds after these events.
fn replay(held: &mut BTreeMap<String, DynamicObject>, event: WatchEvent<DynamicObject>) {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
            held.insert(object.metadata.name.clone().unwrap(), object);
        }
        WatchEvent::Deleted(object) => drop(held.remove(&object.metadata.name.unwrap())),
        WatchEvent::Bookmark(_) | WatchEvent::Error(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// From a list at any moment, the watch that follows leads to the list at the end, with and
    /// without a selector.
    #[test]
    fn replaying_a_watch_gives_the_list(before in prop::collection::vec(step(), 0..12), after in prop::collection::vec(step(), 0..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let client = client().await;
            for (name, tier) in &before {
                take(&client, name, *tier).await;
            }
            for selector in ["", "mill=t1", "mill!=t1"] {
                let list = ListParams::default().labels(selector);
                let begin = api(&client, "Mill").list(&list).await.unwrap();
                let mut held: BTreeMap<_, _> =
                    begin.items.into_iter().map(|object| (object.metadata.name.clone().unwrap(), object)).collect();
                for (name, tier) in &after {
                    take(&client, name, *tier).await;
                }
                let params = WatchParams { timeout: Some(5), ..WatchParams::default().labels(selector) };
                let mut events = watch(&client, &params, begin.metadata.resource_version.as_deref().unwrap()).await;
                while let Some(event) = events.next().await {
                    replay(&mut held, event.unwrap());
                }
                let end = api(&client, "Mill").list(&list).await.unwrap();
                prop_assert_eq!(held.into_values().collect::<Vec<_>>(), end.items);
            }
            Ok(())
        })?;
    }
}
