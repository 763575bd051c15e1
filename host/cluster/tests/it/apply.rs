//! Server-side apply: ownership, conflicts, taking back, list types.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{api, cause_fields, client, make, merge, refused, version};

fn configuration(spec: Value) -> Patch<Value> {
    Patch::Apply(
        json!({"apiVersion": "test.dev/v1", "kind": "Mill", "metadata": {"name": "a"}, "spec": spec}),
    )
}

async fn apply(client: &kube::Client, manager: &str, spec: Value) -> kube::Result<DynamicObject> {
    api(client, "Mill").patch("a", &PatchParams::apply(manager), &configuration(spec)).await
}

async fn force(client: &kube::Client, manager: &str, spec: Value) -> DynamicObject {
    api(client, "Mill").patch("a", &PatchParams::apply(manager).force(), &configuration(spec)).await.unwrap()
}

/// The `fieldsV1` of each manager, by name and operation.
fn managed(object: &DynamicObject) -> BTreeMap<(String, String), Value> {
    let entries = object.metadata.managed_fields.iter().flatten();
    entries
        .map(|entry| {
            let name = (entry.manager.clone().unwrap(), entry.operation.clone().unwrap());
            (name, entry.fields_v1.clone().unwrap().0)
        })
        .collect()
}

fn by(manager: &str, operation: &str) -> (String, String) {
    (manager.to_owned(), operation.to_owned())
}

#[tokio::test]
async fn apply_creates_and_records_what_it_lists() {
    let client = client().await;
    let mill =
        apply(&client, "one", json!({"wheels": 2, "mounts": [{"name": "m", "path": "/m"}]})).await.unwrap();
    assert_eq!(mill.data["spec"]["mode"], json!("Grind"), "defaults are filled in");
    let expected = json!({"f:spec": {
        "f:wheels": {}, "f:mounts": {"k:{\"name\":\"m\"}": {".": {}, "f:name": {}, "f:path": {}}}
    }});
    assert_eq!(managed(&mill), BTreeMap::from([(by("one", "Apply"), expected)]));
}

#[tokio::test]
async fn applying_the_same_again_is_no_write() {
    let client = client().await;
    let first = apply(&client, "one", json!({"wheels": 2})).await.unwrap();
    let again = apply(&client, "one", json!({"wheels": 2})).await.unwrap();
    assert_eq!(first, again);
}

#[tokio::test]
async fn what_is_no_longer_listed_is_taken_back() {
    let client = client().await;
    apply(&client, "one", json!({"river": "oka", "options": {"a": "1", "b": "2"}, "tags": ["x", "y"]}))
        .await
        .unwrap();
    let mill = apply(&client, "one", json!({"options": {"a": "1"}, "tags": ["y"]})).await.unwrap();
    assert_eq!(
        mill.data["spec"],
        json!({"options": {"a": "1"}, "tags": ["y"], "wheels": 1, "mode": "Grind"})
    );
    let mill = apply(&client, "one", json!({})).await.unwrap();
    assert_eq!(mill.data["spec"], json!({"wheels": 1, "mode": "Grind"}));
}

#[tokio::test]
async fn a_field_of_another_is_a_conflict_unless_forced_or_equal() {
    let client = client().await;
    apply(&client, "one", json!({"wheels": 2, "river": "oka"})).await.unwrap();
    let shared = apply(&client, "two", json!({"wheels": 2})).await.unwrap();
    assert_eq!(managed(&shared).len(), 2, "the same value is owned together");
    let conflict = refused(apply(&client, "two", json!({"wheels": 3})).await);
    assert_eq!((conflict.code, conflict.reason.as_str()), (409, "Conflict"));
    assert_eq!(conflict.message, "Apply failed with 1 conflict: conflict with \"one\": .spec.wheels");
    assert_eq!(cause_fields(&conflict), [".spec.wheels"]);
    let forced = force(&client, "two", json!({"wheels": 3})).await;
    assert_eq!(managed(&forced)[&by("one", "Apply")], json!({"f:spec": {"f:river": {}}}));
    assert_eq!(forced.data["spec"]["wheels"], json!(3));
}

#[tokio::test]
async fn a_shared_field_stays_until_the_last_owner_leaves() {
    let client = client().await;
    apply(&client, "one", json!({"river": "oka"})).await.unwrap();
    apply(&client, "two", json!({"river": "oka"})).await.unwrap();
    let left = apply(&client, "one", json!({})).await.unwrap();
    assert_eq!(left.data["spec"]["river"], json!("oka"));
    let gone = apply(&client, "two", json!({})).await.unwrap();
    assert_eq!(gone.data["spec"].get("river"), None);
}

#[tokio::test]
async fn keyed_lists_and_sets_are_merged_and_others_replaced() {
    let client = client().await;
    apply(&client, "one", json!({"mounts": [{"name": "a", "path": "/a"}], "tags": ["x"], "order": ["1"]}))
        .await
        .unwrap();
    let mill = force(&client, "two", json!({"mounts": [{"name": "b"}], "tags": ["y"], "order": ["2"]})).await;
    let mounts = json!([{"name": "a", "path": "/a", "readOnly": true}, {"name": "b", "readOnly": true}]);
    assert_eq!(mill.data["spec"]["mounts"], mounts);
    assert_eq!(mill.data["spec"]["tags"], json!(["x", "y"]));
    assert_eq!(mill.data["spec"]["order"], json!(["2"]));
    let mill = apply(&client, "one", json!({"tags": ["x"]})).await.unwrap();
    assert_eq!(
        mill.data["spec"]["mounts"][0]["name"],
        json!("b"),
        "the element of the first manager is gone"
    );
}

#[tokio::test]
async fn updates_and_patches_are_recorded_under_their_manager() {
    let client = client().await;
    apply(&client, "one", json!({"wheels": 2})).await.unwrap();
    let params = PatchParams { field_manager: Some("hand".into()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"spec": {"wheels": 4}}));
    let mill = api(&client, "Mill").patch("a", &params, &patch).await.unwrap();
    let owners = managed(&mill);
    assert_eq!(owners[&by("hand", "Update")], json!({"f:spec": {"f:wheels": {}}}));
    assert!(!owners.contains_key(&by("one", "Apply")), "an owner of nothing is forgotten");
    let conflict = refused(apply(&client, "one", json!({"wheels": 2})).await);
    assert_eq!(
        conflict.message,
        "Apply failed with 1 conflict: conflict with \"hand\" using test.dev/v1: .spec.wheels"
    );
}

#[tokio::test]
async fn status_and_spec_are_applied_apart() {
    let client = client().await;
    make(&client, "a", json!({"spec": {}})).await;
    let status = Patch::Apply(json!({
        "apiVersion": "test.dev/v1", "kind": "Mill", "metadata": {"name": "a", "labels": {"no": "no"}},
        "spec": {"wheels": 7}, "status": {"phase": "Turning", "conditions": [{"type": "Ready", "status": "True"}]}
    }));
    let mills = api(&client, "Mill");
    let mill = mills.patch_status("a", &PatchParams::apply("wheel").force(), &status).await.unwrap();
    assert_eq!((&mill.data["spec"]["wheels"], mill.metadata.labels.as_ref()), (&json!(1), None));
    assert_eq!(mill.metadata.generation, Some(1));
    let entry = mill
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .find(|entry| entry.manager.as_deref() == Some("wheel"))
        .unwrap();
    assert_eq!(entry.subresource.as_deref(), Some("status"));
    let main = mills.patch("a", &PatchParams::apply("other").force(), &status).await.unwrap();
    assert_eq!((&main.data["spec"]["wheels"], &main.data["status"]["phase"]), (&json!(7), &json!("Turning")));
    let second = Patch::Apply(json!({
        "apiVersion": "test.dev/v1", "kind": "Mill", "metadata": {"name": "a"},
        "status": {"conditions": [{"type": "Warm", "status": "True"}]}
    }));
    let mill = mills.patch_status("a", &PatchParams::apply("second"), &second).await.unwrap();
    assert_eq!(mill.data["status"]["conditions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_apply_needs_a_manager_and_an_existing_object_for_its_status() {
    let client = client().await;
    let body = json!({"apiVersion": "test.dev/v1", "kind": "Mill", "metadata": {"name": "a"}, "spec": {}});
    let uri = "/apis/test.dev/v1/namespaces/default/mills/a";
    let anonymous = crate::support::raw(&client, "PATCH", uri, "application/apply-patch+yaml", &body).await;
    assert_eq!(refused(anonymous).code, 400);
    let params = PatchParams::apply("one");
    assert_eq!(refused(api(&client, "Mill").patch_status("a", &params, &Patch::Apply(body)).await).code, 404);
}

#[tokio::test]
async fn a_built_in_kind_is_merged_by_its_known_keys() {
    let client = client().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "i"}]}});
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let side = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": ["a/b"]},
        "spec": {"containers": [{"name": "side", "image": "s", "ports": [{"containerPort": 80}]}]}});
    let both = pods.patch("p", &PatchParams::apply("side"), &Patch::Apply(side)).await.unwrap();
    assert_eq!(both.spec.unwrap().containers.len(), 2);
    let none = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
    let one = pods.patch("p", &PatchParams::apply("side"), &Patch::Apply(none)).await.unwrap();
    assert_eq!(one.spec.unwrap().containers.len(), 1);
    assert_eq!(one.metadata.finalizers, None);
}

/// A valid spec of a Mill.
fn spec() -> impl Strategy<Value = Value> {
    let mounts = proptest::collection::btree_map("[a-c]", proptest::option::of("/[a-z]"), 0..3);
    let options = proptest::collection::btree_map("[a-c]", "[x-z]", 0..3);
    let tags = proptest::collection::btree_set("[p-r]", 0..3);
    (proptest::option::of(1..8_i32), mounts, options, tags).prop_map(|(wheels, mounts, options, tags)| {
        let mut spec = json!({});
        if let Some(wheels) = wheels {
            merge(&mut spec, json!({"wheels": wheels}));
        }
        let mounts: Vec<_> = mounts
            .into_iter()
            .map(|(name, path)| match path {
                Some(path) => json!({"name": name, "path": path}),
                None => json!({"name": name}),
            })
            .collect();
        for (field, value, empty) in [
            ("mounts", json!(mounts), mounts.is_empty()),
            ("options", json!(options), options.is_empty()),
            ("tags", json!(tags), tags.is_empty()),
        ] {
            if !empty {
                merge(&mut spec, json!({field: value}));
            }
        }
        spec
    })
}

/// Whether every field of a configuration is in an object: lists by key or as sets.
fn covers(object: &Value, configuration: &Value) -> bool {
    match (object, configuration) {
        (Value::Object(object), Value::Object(fields)) => {
            fields.iter().all(|(name, value)| object.get(name).is_some_and(|found| covers(found, value)))
        }
        (Value::Array(object), Value::Array(elements)) => {
            elements.iter().all(|element| object.iter().any(|found| covers(found, element)))
        }
        (object, configuration) => object == configuration,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Applying twice is applying once; what was applied is there; an applier that lists nothing
    /// leaves what the other applied.
    #[test]
    fn the_laws_of_apply(first in spec(), second in spec(), third in spec()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = client().await;
            force(&client, "one", first.clone()).await;
            let alone = force(&client, "one", second.clone()).await;
            prop_assert!(covers(&alone.data["spec"], &second));
            let again = force(&client, "one", second.clone()).await;
            prop_assert_eq!(version(&alone), version(&again));
            let both = force(&client, "two", third.clone()).await;
            prop_assert!(covers(&both.data["spec"], &third));
            force(&client, "one", second.clone()).await;
            let left = force(&client, "two", json!({})).await;
            prop_assert!(covers(&left.data["spec"], &second));
            let empty = force(&client, "one", json!({})).await;
            prop_assert_eq!(&empty.data["spec"], &json!({"wheels": 1, "mode": "Grind"}));
            Ok(())
        })?;
    }
}
