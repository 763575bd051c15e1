//! What the server says it serves, and the table kubectl prints.

use kube::discovery::{Discovery, Scope, verbs};
use serde_json::{Value, json};

use crate::support::{client, make, raw, refused};

#[tokio::test]
async fn discovery_finds_built_in_and_custom_kinds() {
    let client = client().await;
    for discovery in [
        Discovery::new(client.clone()).run().await.unwrap(),
        Discovery::new(client.clone()).run_aggregated().await.unwrap(),
    ] {
        let mill = kube::api::GroupVersionKind::gvk("test.dev", "v1", "Mill");
        let (resource, capabilities) = discovery.resolve_gvk(&mill).unwrap();
        assert_eq!((resource.plural.as_str(), &capabilities.scope), ("mills", &Scope::Namespaced));
        assert!(capabilities.supports_operation(verbs::WATCH));
        assert!(capabilities.subresources.iter().any(|(subresource, _)| subresource.plural == "status"));
        let pod = kube::api::GroupVersionKind::gvk("", "v1", "Pod");
        assert_eq!(discovery.resolve_gvk(&pod).unwrap().0.plural, "pods");
        assert_eq!(
            discovery.get("test.dev").unwrap().preferred_version_or_latest(),
            "v1",
            "v1 goes before v1beta1"
        );
    }
}

#[tokio::test]
async fn the_version_is_a_kubernetes_version() {
    let info = client().await.apiserver_version().await.unwrap();
    assert_eq!((info.major.as_str(), info.minor.as_str()), ("1", "37"));
}

#[tokio::test]
async fn what_is_not_served_is_not_found() {
    let client = client().await;
    for uri in [
        "/apis/test.dev/v1/namespaces/default/towers",
        "/apis/nowhere/v1",
        "/openapi/v3",
        "/apis/test.dev/v9/mills",
    ] {
        let refusal = refused(raw(&client, "GET", uri, "application/json", &Value::Null).await);
        assert_eq!((refusal.code, refusal.reason.as_str()), (404, "NotFound"), "{uri}");
    }
    let posted = raw(&client, "POST", "/apis/test.dev/v1/mills", "application/json", &json!({})).await;
    assert_eq!(refused(posted).code, 405);
}

#[tokio::test]
async fn a_table_has_the_columns_of_the_definition() {
    let client = client().await;
    make(&client, "a", json!({"spec": {"wheels": 3}})).await;
    let uri = "/apis/test.dev/v1/namespaces/default/mills";
    let request = http::Request::get(uri)
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
    let table: Value = client.request(request.body(Vec::new()).unwrap()).await.unwrap();
    let names: Vec<_> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect();
    assert_eq!(json!(names), json!(["Name", "Wheels", "Ready"]));
    assert_eq!(table["rows"][0]["cells"], json!(["a", 3, null]));
    assert_eq!(table["rows"][0]["object"]["kind"], json!("PartialObjectMetadata"));
}
