//! Lists: selectors, pages, snapshots.

use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams};
use serde_json::json;

use crate::support::{api, client, kind, make, object, refused};

async fn names(client: &kube::Client, params: &ListParams) -> Vec<String> {
    let listed = api(client, "Mill").list(params).await.unwrap();
    listed.into_iter().filter_map(|mill| mill.metadata.name).collect()
}

#[tokio::test]
async fn label_selectors_mean_what_kubectl_means() {
    let client = client().await;
    make(&client, "a", json!({"metadata": {"labels": {"tier": "gold", "size": "7"}}, "spec": {}})).await;
    make(&client, "b", json!({"metadata": {"labels": {"tier": "tin"}}, "spec": {}})).await;
    make(&client, "c", json!({"spec": {}})).await;
    for (selector, expected) in [
        ("tier=gold", vec!["a"]),
        ("tier==gold", vec!["a"]),
        ("tier!=gold", vec!["b", "c"]),
        ("tier in (gold, tin)", vec!["a", "b"]),
        ("tier notin (gold)", vec!["b", "c"]),
        ("tier", vec!["a", "b"]),
        ("!tier", vec!["c"]),
        ("tier in (gold,tin),size>5", vec!["a"]),
        ("size<5", vec![]),
        ("", vec!["a", "b", "c"]),
    ] {
        assert_eq!(names(&client, &ListParams::default().labels(selector)).await, expected, "{selector}");
    }
    let nonsense = refused(api(&client, "Mill").list(&ListParams::default().labels("a b (")).await);
    assert_eq!(nonsense.code, 400);
}

#[tokio::test]
async fn field_selectors_know_names_and_selectable_fields() {
    let client = client().await;
    make(&client, "a", json!({"spec": {"node": "n1"}})).await;
    make(&client, "b", json!({"spec": {"node": "n2"}})).await;
    for (selector, expected) in [
        ("metadata.name=a", vec!["a"]),
        ("metadata.namespace=default", vec!["a", "b"]),
        ("spec.node=n2", vec!["b"]),
        ("spec.node!=n2", vec!["a"]),
        ("spec.node=n1,metadata.name!=a", vec![]),
    ] {
        assert_eq!(names(&client, &ListParams::default().fields(selector)).await, expected, "{selector}");
    }
    let unknown = refused(api(&client, "Mill").list(&ListParams::default().fields("spec.wheels=1")).await);
    assert_eq!((unknown.code, unknown.reason.as_str()), (400, "BadRequest"));
}

#[tokio::test]
async fn pages_show_one_snapshot() {
    let client = client().await;
    for name in ["a", "b", "c", "d", "e"] {
        make(&client, name, json!({"spec": {}})).await;
    }
    let mills = api(&client, "Mill");
    let first = mills.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    mills.delete("c", &DeleteParams::default()).await.unwrap();
    make(&client, "bb", json!({"spec": {}})).await;
    let mut seen: Vec<_> = first.iter().filter_map(|mill| mill.metadata.name.clone()).collect();
    let mut token = first.metadata.continue_.clone();
    while let Some(next) = token.filter(|token| !token.is_empty()) {
        let page = mills.list(&ListParams::default().limit(2).continue_token(&next)).await.unwrap();
        assert_eq!(page.metadata.resource_version, first.metadata.resource_version);
        seen.extend(page.iter().filter_map(|mill| mill.metadata.name.clone()));
        token = page.metadata.continue_;
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    assert_eq!(names(&client, &ListParams::default()).await, ["a", "b", "bb", "d", "e"]);
}

#[tokio::test]
async fn a_list_across_namespaces_is_ordered_by_namespace_and_name() {
    let client = client().await;
    let system: Api<DynamicObject> = Api::namespaced_with(client.clone(), "kube-system", &kind("Mill"));
    system.create(&PostParams::default(), &object("Mill", "a", json!({"spec": {}}))).await.unwrap();
    make(&client, "z", json!({"spec": {}})).await;
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &kind("Mill"));
    let listed: Vec<_> = all
        .list(&ListParams::default())
        .await
        .unwrap()
        .into_iter()
        .filter_map(|mill| mill.metadata.name)
        .collect();
    assert_eq!(listed, ["z", "a"]);
    assert_eq!(names(&client, &ListParams::default()).await, ["z"]);
}

#[tokio::test]
async fn metadata_alone_can_be_listed_and_got() {
    let client = client().await;
    make(&client, "a", json!({"metadata": {"labels": {"x": "y"}}, "spec": {}})).await;
    let listed = api(&client, "Mill").list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(listed.items[0].metadata.labels.as_ref().unwrap()["x"], "y");
    assert_eq!(api(&client, "Mill").get_metadata("a").await.unwrap().metadata.name.as_deref(), Some("a"));
}
