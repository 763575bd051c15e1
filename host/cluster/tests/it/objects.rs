//! Create, get, update: names, versions, conflicts, generations.

use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Secret};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use millrace_cluster::{ApiServer, Environment};
use serde_json::json;

use crate::support::{api, cause_fields, client, kind, make, object, raw, refused, version};

#[tokio::test]
async fn a_created_object_has_identity_defaults_and_version() {
    let client = client().await;
    let mill = make(&client, "a", json!({"spec": {"node": "n1"}, "status": {"phase": "Forged"}})).await;
    assert_eq!(mill.metadata.namespace.as_deref(), Some("default"));
    assert!(mill.metadata.uid.is_some() && mill.metadata.creation_timestamp.is_some());
    assert_eq!(mill.metadata.generation, Some(1));
    assert_eq!(mill.data["spec"], json!({"node": "n1", "wheels": 1, "mode": "Grind"}));
    assert!(mill.data.get("status").is_none(), "the status of a new object is not the writer's");
    assert_eq!(api(&client, "Mill").get("a").await.unwrap(), mill);
}

#[tokio::test]
async fn absent_taken_and_misnamed_objects_are_refused_as_kubectl_users_know() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let absent = refused(mills.get("a").await);
    assert_eq!((absent.code, absent.reason.as_str()), (404, "NotFound"));
    assert_eq!(absent.message, "mills.test.dev \"a\" not found");
    make(&client, "a", json!({"spec": {}})).await;
    let taken =
        refused(mills.create(&PostParams::default(), &object("Mill", "a", json!({"spec": {}}))).await);
    assert_eq!((taken.code, taken.reason.as_str()), (409, "AlreadyExists"));
    assert_eq!(taken.message, "mills.test.dev \"a\" already exists");
    let misnamed =
        refused(mills.create(&PostParams::default(), &object("Mill", "A_b", json!({"spec": {}}))).await);
    assert_eq!((misnamed.code, misnamed.reason.as_str()), (422, "Invalid"));
    assert_eq!(cause_fields(&misnamed), ["metadata.name"]);
}

#[tokio::test]
async fn an_object_needs_its_namespace() {
    let client = client().await;
    let elsewhere: Api<DynamicObject> = Api::namespaced_with(client.clone(), "nowhere", &kind("Mill"));
    let missing =
        refused(elsewhere.create(&PostParams::default(), &object("Mill", "a", json!({"spec": {}}))).await);
    assert_eq!((missing.code, missing.message.as_str()), (404, "namespaces \"nowhere\" not found"));
    let strange = object("Mill", "a", json!({"metadata": {"namespace": "other"}, "spec": {}}));
    let strange = refused(api(&client, "Mill").create(&PostParams::default(), &strange).await);
    assert_eq!((strange.code, strange.reason.as_str()), (400, "BadRequest"));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let made: Namespace = serde_json::from_value(json!({"metadata": {"name": "nowhere"}})).unwrap();
    namespaces.create(&PostParams::default(), &made).await.unwrap();
    elsewhere.create(&PostParams::default(), &object("Mill", "a", json!({"spec": {}}))).await.unwrap();
}

#[tokio::test]
async fn the_default_namespaces_are_there() {
    let namespaces: Api<Namespace> = Api::all(client().await);
    let listed = namespaces.list(&Default::default()).await.unwrap();
    let names: Vec<_> = listed.iter().filter_map(|namespace| namespace.metadata.name.as_deref()).collect();
    assert_eq!(names, ["default", "kube-system"]);
    let status = namespaces.get("default").await.unwrap().status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Active"));
}

#[tokio::test]
async fn a_generated_name_is_the_prefix_and_five_letters() {
    let client = client().await;
    let unnamed =
        object("Mill", "", json!({"metadata": {"name": null, "generateName": "mill-"}, "spec": {}}));
    let first = api(&client, "Mill").create(&PostParams::default(), &unnamed).await.unwrap();
    let second = api(&client, "Mill").create(&PostParams::default(), &unnamed).await.unwrap();
    let name = first.metadata.name.unwrap();
    assert!(name.starts_with("mill-") && name.len() == 10, "{name}");
    assert_ne!(Some(name), second.metadata.name);
}

#[tokio::test]
async fn a_stale_update_conflicts_and_a_blind_one_is_refused() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let first = make(&client, "a", json!({"spec": {"wheels": 2}})).await;
    let mut changed = first.clone();
    changed.data["spec"]["wheels"] = json!(3);
    let second = mills.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert!(version(&second) > version(&first));
    let stale = refused(mills.replace("a", &PostParams::default(), &changed).await);
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
    assert_eq!(
        stale.message,
        "Operation cannot be fulfilled on mills.test.dev \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
    changed.metadata.resource_version = None;
    let blind = refused(mills.replace("a", &PostParams::default(), &changed).await);
    assert_eq!(cause_fields(&blind), ["metadata.resourceVersion"]);
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec_only() {
    let client = client().await;
    let mills = api(&client, "Mill");
    make(&client, "a", json!({"spec": {"wheels": 2}})).await;
    let patch = async |change: serde_json::Value| {
        mills.patch("a", &PatchParams::default(), &Patch::Merge(change)).await.unwrap()
    };
    let labelled = patch(json!({"metadata": {"labels": {"a": "b"}}})).await;
    assert_eq!(labelled.metadata.generation, Some(1));
    let spec = patch(json!({"spec": {"wheels": 3}})).await;
    assert_eq!(spec.metadata.generation, Some(2));
    let nothing = patch(json!({"spec": {"wheels": 3}})).await;
    assert_eq!(version(&nothing), version(&spec), "a write that changes nothing is no write");
}

#[tokio::test]
async fn a_dry_run_answers_and_writes_nothing() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let answered = mills.create(&dry, &object("Mill", "a", json!({"spec": {}}))).await.unwrap();
    assert_eq!(answered.data["spec"]["wheels"], json!(1));
    assert_eq!(refused(mills.get("a").await).code, 404);
    make(&client, "a", json!({"spec": {}})).await;
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let patched = mills.patch("a", &params, &Patch::Merge(json!({"spec": {"wheels": 5}}))).await.unwrap();
    assert_eq!(patched.data["spec"]["wheels"], json!(5));
    assert_eq!(mills.get("a").await.unwrap().data["spec"]["wheels"], json!(1));
}

#[tokio::test]
async fn a_secret_takes_plain_text_and_gives_bytes() {
    let secrets: Api<Secret> = Api::default_namespaced(client().await);
    let secret: Secret =
        serde_json::from_value(json!({"metadata": {"name": "key"}, "stringData": {"token": "s3cr3t"}}))
            .unwrap();
    let made = secrets.create(&PostParams::default(), &secret).await.unwrap();
    assert_eq!(made.data.unwrap()["token"].0, b"s3cr3t");
    assert_eq!((made.type_.as_deref(), made.string_data), (Some("Opaque"), None));
}

#[tokio::test]
async fn a_job_that_could_not_run_is_refused_before_it_is_stored() {
    let client = client().await;
    let uri = "/apis/batch/v1/namespaces/default/jobs?dryRun=All&fieldValidation=Strict";
    let job =
        |pod: serde_json::Value| json!({"metadata": {"name": "j"}, "spec": {"template": {"spec": pod}}});
    let sound = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "mill"}]});
    raw(&client, "POST", uri, "application/json", &job(sound)).await.unwrap();
    let lacking =
        json!({"containers": [{"name": "main", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]});
    let refusal = refused(raw(&client, "POST", uri, "application/json", &job(lacking)).await);
    let pod = "spec.template.spec";
    let fields = [
        format!("{pod}.restartPolicy"),
        format!("{pod}.containers[0].image"),
        format!("{pod}.containers[0].volumeMounts[0].name"),
    ];
    assert_eq!((refusal.code, cause_fields(&refusal)), (422, fields.to_vec()));
    let unknown = job(
        json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "mill", "imag": "x"}]}),
    );
    let refusal = refused(raw(&client, "POST", uri, "application/json", &unknown).await);
    assert!(
        refusal.message.ends_with("unknown field \"spec.template.spec.containers[0].imag\""),
        "{}",
        refusal.message
    );
    let mistyped = job(json!({"restartPolicy": "Never", "containers": "main"}));
    let refusal = refused(raw(&client, "POST", uri, "application/json", &mistyped).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (400, "BadRequest"));
}

#[tokio::test]
async fn an_event_is_one_object_in_both_of_its_groups() {
    let client = client().await;
    let recorded = json!({
        "metadata": {"name": "e1"}, "reason": "Started", "note": "the wheel turns", "action": "Turn",
        "type": "Normal", "reportingController": "mill", "regarding": {"kind": "Mill", "name": "a"}
    });
    let new: Api<k8s_openapi::api::events::v1::Event> = Api::default_namespaced(client.clone());
    new.create(&PostParams::default(), &serde_json::from_value(recorded).unwrap()).await.unwrap();
    let old: Api<Event> = Api::default_namespaced(client);
    let event = old.get("e1").await.unwrap();
    assert_eq!(
        (event.message.as_deref(), event.involved_object.name.as_deref()),
        (Some("the wheel turns"), Some("a"))
    );
    assert_eq!(new.get("e1").await.unwrap().note.as_deref(), Some("the wheel turns"));
}

#[tokio::test]
async fn versions_of_a_kind_share_their_objects() {
    let client = client().await;
    make(&client, "a", json!({"spec": {"wheels": 4}})).await;
    let beta = kube::api::ApiResource {
        version: "v1beta1".into(),
        api_version: "test.dev/v1beta1".into(),
        ..kind("Mill")
    };
    let beta: Api<DynamicObject> = Api::default_namespaced_with(client, &beta);
    let shown = beta.get("a").await.unwrap();
    assert_eq!(
        (shown.types.unwrap().api_version.as_str(), &shown.data["spec"]["wheels"]),
        ("test.dev/v1beta1", &json!(4))
    );
}

#[tokio::test]
async fn time_and_identifiers_are_those_given() {
    let counter = AtomicU64::new(0);
    let environment = Environment::new(
        || "2031-02-03T04:05:06Z".parse().unwrap(),
        move || uuid::Uuid::from_u128(u128::from(counter.fetch_add(1, Ordering::Relaxed))),
    );
    let server = ApiServer::with_environment(environment);
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "a"}})).unwrap();
    let made = maps.create(&PostParams::default(), &map).await.unwrap();
    assert_eq!(
        made.metadata.uid.as_deref(),
        Some("00000000-0000-0000-0000-000000000002"),
        "two namespaces came before"
    );
    assert_eq!(made.metadata.creation_timestamp.unwrap().0.to_string(), "2031-02-03T04:05:06Z");
}

#[tokio::test]
async fn a_body_beyond_three_mebibytes_is_not_read() {
    let maps: Api<ConfigMap> = Api::default_namespaced(client().await);
    let map = |size: usize| -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": "a"}, "data": {"a": "x".repeat(size)}})).unwrap()
    };
    let refusal = refused(maps.create(&PostParams::default(), &map(3 << 20)).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (413, "RequestEntityTooLarge"));
    maps.create(&PostParams::default(), &map(2 << 20)).await.unwrap();
}
