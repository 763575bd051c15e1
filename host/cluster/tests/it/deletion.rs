//! Deletion: preconditions, finalizers, owners and dependents, namespaces, definitions.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
};
use serde_json::{Value, json};

use crate::support::{api, client, kind, make, object, refused};

fn owner(object: &DynamicObject, kind: &str, blocks: bool) -> Value {
    json!([{"apiVersion": "test.dev/v1", "kind": kind, "name": object.metadata.name, "uid": object.metadata.uid,
            "blockOwnerDeletion": blocks, "controller": true}])
}

async fn make_grain(client: &kube::Client, name: &str, metadata: Value) -> DynamicObject {
    let grain = object("Grain", name, json!({"metadata": metadata}));
    api(client, "Grain").create(&PostParams::default(), &grain).await.unwrap()
}

async fn grains(client: &kube::Client) -> Vec<String> {
    let listed = api(client, "Grain").list(&ListParams::default()).await.unwrap();
    listed.into_iter().filter_map(|grain| grain.metadata.name).collect()
}

async fn set_finalizers(
    client: &kube::Client,
    kind: &str,
    name: &str,
    finalizers: Value,
) -> kube::Result<DynamicObject> {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    api(client, kind).patch(name, &PatchParams::default(), &patch).await
}

#[tokio::test]
async fn deletion_answers_with_a_status_and_honours_preconditions() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let mill = make(&client, "a", json!({"spec": {}})).await;
    let other = DeleteParams {
        preconditions: Some(Preconditions { uid: Some("other".into()), resource_version: None }),
        ..DeleteParams::default()
    };
    let refusal = refused(mills.delete("a", &other).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (409, "Conflict"));
    let own = DeleteParams {
        preconditions: Some(Preconditions {
            uid: mill.metadata.uid.clone(),
            resource_version: mill.metadata.resource_version,
        }),
        ..DeleteParams::default()
    };
    let status = mills.delete("a", &own).await.unwrap().right().unwrap();
    assert_eq!(status.details.unwrap().uid, mill.metadata.uid.unwrap());
    assert_eq!(refused(mills.delete("a", &DeleteParams::default()).await).code, 404);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_the_last_is_taken_off() {
    let client = client().await;
    let mills = api(&client, "Mill");
    make(&client, "a", json!({"metadata": {"finalizers": ["test.dev/one", "test.dev/two"]}, "spec": {}}))
        .await;
    let held = mills.delete("a", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(held.metadata.deletion_timestamp.is_some());
    assert_eq!(held.metadata.generation, Some(2), "deletion is a change of the wish");
    let again = mills.delete("a", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(again.metadata.resource_version, held.metadata.resource_version);
    let added = refused(
        set_finalizers(&client, "Mill", "a", json!(["test.dev/one", "test.dev/two", "test.dev/new"])).await,
    );
    assert_eq!(added.code, 422);
    set_finalizers(&client, "Mill", "a", json!(["test.dev/two"])).await.unwrap();
    set_finalizers(&client, "Mill", "a", Value::Null).await.unwrap();
    assert_eq!(refused(mills.get("a").await).code, 404);
}

#[tokio::test]
async fn dependents_follow_their_owner_in_the_background() {
    let client = client().await;
    let mill = make(&client, "a", json!({"spec": {}})).await;
    let grain = make_grain(&client, "g", json!({"ownerReferences": owner(&mill, "Mill", false)})).await;
    make_grain(&client, "below", json!({"ownerReferences": owner(&grain, "Grain", false)})).await;
    make_grain(&client, "free", json!({})).await;
    api(&client, "Mill").delete("a", &DeleteParams::background()).await.unwrap();
    assert_eq!(grains(&client).await, ["free"]);
}

#[tokio::test]
async fn a_dependent_with_another_owner_stays() {
    let client = client().await;
    let (one, two) =
        (make(&client, "a", json!({"spec": {}})).await, make(&client, "b", json!({"spec": {}})).await);
    let mut owners = owner(&one, "Mill", false).as_array().unwrap().clone();
    owners.extend(owner(&two, "Mill", false).as_array().unwrap().clone());
    make_grain(&client, "g", json!({"ownerReferences": owners})).await;
    api(&client, "Mill").delete("a", &DeleteParams::default()).await.unwrap();
    let left = api(&client, "Grain").get("g").await.unwrap();
    let names: Vec<_> = left.metadata.owner_references.unwrap().into_iter().map(|owner| owner.name).collect();
    assert_eq!(names, ["b"]);
    api(&client, "Mill").delete("b", &DeleteParams::default()).await.unwrap();
    assert!(grains(&client).await.is_empty());
}

#[tokio::test]
async fn an_owner_waits_in_the_foreground_for_dependents_that_block() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let mill = make(&client, "a", json!({"spec": {}})).await;
    let held = json!({"finalizers": ["test.dev/one"], "ownerReferences": owner(&mill, "Mill", true)});
    make_grain(&client, "g", held).await;
    make_grain(&client, "h", json!({"ownerReferences": owner(&mill, "Mill", true)})).await;
    mills.delete("a", &DeleteParams::foreground()).await.unwrap();
    let waiting = mills.get("a").await.unwrap();
    assert_eq!(waiting.metadata.finalizers.unwrap(), ["foregroundDeletion"]);
    assert_eq!(grains(&client).await, ["g"]);
    set_finalizers(&client, "Grain", "g", Value::Null).await.unwrap();
    assert!(grains(&client).await.is_empty());
    assert_eq!(refused(mills.get("a").await).code, 404);
}

#[tokio::test]
async fn orphans_stay_and_forget_their_owner() {
    let client = client().await;
    let mill = make(&client, "a", json!({"spec": {}})).await;
    make_grain(&client, "g", json!({"ownerReferences": owner(&mill, "Mill", true)})).await;
    api(&client, "Mill").delete("a", &DeleteParams::orphan()).await.unwrap();
    assert_eq!(refused(api(&client, "Mill").get("a").await).code, 404);
    assert_eq!(api(&client, "Grain").get("g").await.unwrap().metadata.owner_references, None);
}

#[tokio::test]
async fn an_object_whose_owner_is_not_there_is_collected() {
    let client = client().await;
    let mut mill = make(&client, "a", json!({"spec": {}})).await;
    mill.metadata.uid = Some("another".into());
    make_grain(&client, "g", json!({"ownerReferences": owner(&mill, "Mill", false)})).await;
    assert!(grains(&client).await.is_empty());
    let unknown = json!([{"apiVersion": "elsewhere.dev/v1", "kind": "Thing", "name": "x", "uid": "y"}]);
    make_grain(&client, "h", json!({"ownerReferences": unknown})).await;
    assert_eq!(grains(&client).await, ["h"], "a kind this server does not know cannot be judged");
}

#[tokio::test]
async fn a_job_leaves_its_pods_behind_unless_asked() {
    let client = client().await;
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    let pods: Api<Pod> = Api::default_namespaced(client);
    let containers = json!([{"name": "main", "image": "mill"}]);
    for (params, left) in [(DeleteParams::default(), 1), (DeleteParams::background(), 0)] {
        let job = json!({"metadata": {"name": "j"}, "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": containers}}}});
        let job = jobs.create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
        let owner = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": job.metadata.uid}]);
        let pod =
            json!({"metadata": {"name": "p", "ownerReferences": owner}, "spec": {"containers": containers}});
        pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
        jobs.delete("j", &params).await.unwrap();
        assert_eq!(pods.list(&ListParams::default()).await.unwrap().items.len(), left);
        pods.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_running_pod_is_ended_by_its_kubelet() {
    let client = client().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let containers = json!([{"name": "main", "image": "mill"}]);
    let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": containers}});
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let ending = pods.delete("p", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(ending.metadata.deletion_grace_period_seconds, Some(30));
    pods.delete("p", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert_eq!(refused(pods.get("p").await).code, 404);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let client = client().await;
    make_grain(&client, "a", json!({"labels": {"x": "1"}})).await;
    make_grain(&client, "b", json!({"labels": {"x": "2"}})).await;
    let params = ListParams::default().labels("x=1");
    let deleted = api(&client, "Grain").delete_collection(&DeleteParams::default(), &params).await.unwrap();
    assert_eq!(deleted.left().unwrap().items.len(), 1);
    assert_eq!(grains(&client).await, ["b"]);
}

#[tokio::test]
async fn a_namespace_is_emptied_before_it_goes() {
    let client = client().await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let team: Namespace = serde_json::from_value(json!({"metadata": {"name": "team"}})).unwrap();
    namespaces.create(&PostParams::default(), &team).await.unwrap();
    let there: Api<DynamicObject> = Api::namespaced_with(client.clone(), "team", &kind("Grain"));
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "team");
    let held = object("Grain", "g", json!({"metadata": {"finalizers": ["test.dev/one"]}}));
    there.create(&PostParams::default(), &held).await.unwrap();
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "m"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    namespaces.delete("team", &DeleteParams::default()).await.unwrap();
    let ending = namespaces.get("team").await.unwrap();
    assert_eq!(ending.status.unwrap().phase.as_deref(), Some("Terminating"));
    assert!(maps.list(&ListParams::default()).await.unwrap().items.is_empty());
    let late = refused(maps.create(&PostParams::default(), &map).await);
    assert_eq!((late.code, late.reason.as_str()), (403, "Forbidden"));
    assert_eq!(late.details.unwrap().causes[0].reason, "NamespaceTerminating");
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    there.patch("g", &PatchParams::default(), &free).await.unwrap();
    assert_eq!(refused(namespaces.get("team").await).code, 404);
}

#[tokio::test]
async fn a_definition_takes_its_objects_along() {
    let client = client().await;
    make_grain(&client, "a", json!({})).await;
    make_grain(&client, "b", json!({"finalizers": ["test.dev/one"]})).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.delete("grains.test.dev", &DeleteParams::default()).await.unwrap();
    assert_eq!(grains(&client).await, ["b"], "one is held, so its kind is still served");
    set_finalizers(&client, "Grain", "b", Value::Null).await.unwrap();
    assert_eq!(refused(definitions.get("grains.test.dev").await).code, 404);
    assert_eq!(refused(api(&client, "Grain").list(&ListParams::default()).await).code, 404);
}
