//! JSON patch, merge patch and strategic merge patch.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{api, client, make, refused};

#[tokio::test]
async fn a_json_patch_tests_and_changes() {
    let client = client().await;
    let mills = api(&client, "Mill");
    make(&client, "a", json!({"spec": {"wheels": 2, "order": ["x"]}})).await;
    let patch: json_patch::Patch = serde_json::from_value(json!([
        {"op": "test", "path": "/spec/wheels", "value": 2},
        {"op": "replace", "path": "/spec/wheels", "value": 3},
        {"op": "add", "path": "/spec/order/-", "value": "y"}
    ]))
    .unwrap();
    let patched = mills.patch("a", &PatchParams::default(), &Patch::Json::<()>(patch.clone())).await.unwrap();
    assert_eq!(patched.data["spec"]["order"], json!(["x", "y"]));
    let failed = refused(mills.patch("a", &PatchParams::default(), &Patch::Json::<()>(patch)).await);
    assert_eq!((failed.code, failed.reason.as_str()), (422, "Invalid"));
    assert_eq!(
        mills.get("a").await.unwrap().data["spec"]["wheels"],
        json!(3),
        "a failed test changes nothing"
    );
}

#[tokio::test]
async fn a_merge_patch_with_an_old_version_conflicts() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let first = make(&client, "a", json!({"spec": {}})).await;
    let patch = |wheels: i32| {
        Patch::Merge(
            json!({"metadata": {"resourceVersion": first.metadata.resource_version}, "spec": {"wheels": wheels}}),
        )
    };
    mills.patch("a", &PatchParams::default(), &patch(2)).await.unwrap();
    assert_eq!(refused(mills.patch("a", &PatchParams::default(), &patch(3)).await).code, 409);
    assert_eq!(refused(mills.patch("b", &PatchParams::default(), &patch(3)).await).code, 404);
}

#[tokio::test]
async fn a_patched_object_is_validated() {
    let client = client().await;
    make(&client, "a", json!({"spec": {}})).await;
    let patch = Patch::Merge(json!({"spec": {"wheels": 9}}));
    let refusal = refused(api(&client, "Mill").patch("a", &PatchParams::default(), &patch).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (422, "Invalid"));
}

#[tokio::test]
async fn custom_resources_have_no_strategic_merge() {
    let client = client().await;
    make(&client, "a", json!({"spec": {}})).await;
    let patch = Patch::Strategic(json!({"spec": {"wheels": 2}}));
    let refusal = refused(api(&client, "Mill").patch("a", &PatchParams::default(), &patch).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (415, "UnsupportedMediaType"));
}

async fn strategic(patch: Value) -> Value {
    let pods: Api<Pod> = Api::default_namespaced(client().await);
    let pod = json!({
        "metadata": {"name": "p", "finalizers": ["a/one"]},
        "spec": {
            "containers": [
                {"name": "main", "image": "one", "env": [{"name": "A", "value": "1"}], "args": ["x", "y"]},
                {"name": "side", "image": "two"}
            ],
            "schedulingGates": [{"name": "millrace.dev/data"}, {"name": "other"}],
            "tolerations": [{"key": "t"}]
        }
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let patched = pods.patch("p", &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
    serde_json::to_value(patched).unwrap()
}

#[tokio::test]
async fn a_strategic_merge_goes_by_the_keys_of_lists() {
    let pod = strategic(json!({
        "metadata": {"finalizers": ["b/two"]},
        "spec": {"containers": [{"name": "main", "image": "three", "env": [{"name": "B", "value": "2"}], "args": ["z"]}]}
    }))
    .await;
    let containers = &pod["spec"]["containers"];
    assert_eq!(containers[0]["image"], json!("three"));
    assert_eq!(containers[0]["env"], json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]));
    assert_eq!(containers[0]["args"], json!(["z"]), "a list without keys is replaced");
    assert_eq!(containers[1]["image"], json!("two"));
    assert_eq!(pod["metadata"]["finalizers"], json!(["a/one", "b/two"]));
}

#[tokio::test]
async fn a_strategic_merge_obeys_its_directives() {
    let pod = strategic(json!({
        "metadata": {"$deleteFromPrimitiveList/finalizers": ["a/one"]},
        "spec": {
            "schedulingGates": [{"$patch": "delete", "name": "millrace.dev/data"}],
            "containers": [{"$patch": "replace"}, {"name": "only", "image": "four"}]
        }
    }))
    .await;
    assert_eq!(pod["spec"]["schedulingGates"], json!([{"name": "other"}]));
    assert_eq!(pod["spec"]["containers"], json!([{"name": "only", "image": "four"}]));
    assert!(pod["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty));
}
