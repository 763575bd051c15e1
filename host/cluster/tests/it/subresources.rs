//! The status and scale subresources.

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::support::{api, client, make, object, refused};

#[tokio::test]
async fn a_status_write_changes_the_status_alone() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let mut mill = make(&client, "a", json!({"spec": {"wheels": 2}})).await;
    mill.data["spec"]["wheels"] = json!(5);
    mill.data["status"] = json!({"phase": "Turning"});
    mill.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    let written = mills.replace_status("a", &PostParams::default(), &mill).await.unwrap();
    assert_eq!(written.data, json!({"spec": {"wheels": 2, "mode": "Grind"}, "status": {"phase": "Turning"}}));
    assert_eq!((written.metadata.labels, written.metadata.generation), (None, Some(1)));
    let stale = refused(mills.replace_status("a", &PostParams::default(), &mill).await);
    assert_eq!(stale.code, 409);
}

#[tokio::test]
async fn a_main_write_leaves_the_status_alone() {
    let client = client().await;
    let mills = api(&client, "Mill");
    make(&client, "a", json!({"spec": {}})).await;
    let patch = Patch::Merge(json!({"status": {"phase": "Turning"}}));
    mills.patch_status("a", &PatchParams::default(), &patch).await.unwrap();
    let both = Patch::Merge(json!({"spec": {"wheels": 3}, "status": {"phase": "Broken"}}));
    let mill = mills.patch("a", &PatchParams::default(), &both).await.unwrap();
    assert_eq!((&mill.data["spec"]["wheels"], &mill.data["status"]["phase"]), (&json!(3), &json!("Turning")));
}

#[tokio::test]
async fn without_the_subresource_the_status_is_a_field_like_others() {
    let client = client().await;
    let grain = object("Grain", "g", json!({"status": {"phase": "Ripe"}}));
    let made = api(&client, "Grain").create(&PostParams::default(), &grain).await.unwrap();
    assert_eq!(made.data["status"]["phase"], json!("Ripe"));
    let patch = Patch::Merge(json!({"status": {"phase": "Old"}}));
    let refusal = refused(api(&client, "Grain").patch_status("g", &PatchParams::default(), &patch).await);
    assert_eq!(refusal.code, 404);
    let patched = api(&client, "Grain").patch("g", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(patched.metadata.generation, Some(2));
}

#[tokio::test]
async fn a_status_is_validated_too() {
    let client = client().await;
    make(&client, "a", json!({"spec": {}})).await;
    let patch = Patch::Merge(json!({"status": {"turning": "fast"}}));
    let refusal = refused(api(&client, "Mill").patch_status("a", &PatchParams::default(), &patch).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"));
}

#[tokio::test]
async fn scale_reads_and_sets_the_replicas() {
    let client = client().await;
    let mills = api(&client, "Mill");
    make(&client, "a", json!({"spec": {"wheels": 2}})).await;
    assert_eq!(mills.get_scale("a").await.unwrap().spec.unwrap().replicas, Some(2));
    let patch = Patch::Merge(json!({"spec": {"replicas": 4}}));
    let scale = mills.patch_scale("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(4));
    let mill = mills.get("a").await.unwrap();
    assert_eq!((&mill.data["spec"]["wheels"], mill.metadata.generation), (&json!(4), Some(2)));
    let many = Patch::Merge(json!({"spec": {"replicas": 9}}));
    assert_eq!(refused(mills.patch_scale("a", &PatchParams::default(), &many).await).code, 422);
}
