//! A server with a small set of definitions, and short ways to speak to it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::core::Status;
use millrace_cluster::ApiServer;
use serde_json::{Value, json};

/// A namespaced kind with status and scale, lists of every type, defaults and rules; a second one
/// without subresources; a cluster-scoped one.
pub(crate) fn definitions() -> Vec<CustomResourceDefinition> {
    [mill(), grain(), river()].into_iter().map(|crd| serde_json::from_value(crd).unwrap()).collect()
}

fn mill() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "mills.test.dev"},
        "spec": {
            "group": "test.dev", "scope": "Namespaced",
            "names": {"plural": "mills", "singular": "mill", "kind": "Mill", "shortNames": ["ml"], "categories": ["all"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": mill_schema()},
                 "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.wheels", "statusReplicasPath": ".status.turning"}},
                 "selectableFields": [{"jsonPath": ".spec.node"}],
                 "additionalPrinterColumns": [
                    {"name": "Wheels", "type": "integer", "jsonPath": ".spec.wheels"},
                    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}]},
                {"name": "v1beta1", "served": true, "storage": false, "schema": {"openAPIV3Schema": mill_schema()},
                 "subresources": {"status": {}}}
            ]
        }
    })
}

fn mill_schema() -> Value {
    json!({
        "type": "object", "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "node": {"type": "string"},
                    "wheels": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 8, "default": 1},
                    "river": {"type": "string", "maxLength": 20, "pattern": "^[a-z]+$"},
                    "mode": {"type": "string", "enum": ["Grind", "Saw"], "default": "Grind"},
                    "speed": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                    "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                    "order": {"type": "array", "items": {"type": "string"}},
                    "mounts": {
                        "type": "array", "maxItems": 3, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                        "items": {
                            "type": "object", "required": ["name"],
                            "properties": {
                                "name": {"type": "string"},
                                "path": {"type": "string"},
                                "readOnly": {"type": "boolean", "default": true}
                            }
                        }
                    },
                    "options": {"type": "object", "additionalProperties": {"type": "string"}},
                    "anything": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {"known": {"type": "object", "properties": {"a": {"type": "string"}}}}},
                    "nothing": {"type": "string", "nullable": true}
                }
            },
            "status": {
                "type": "object",
                "properties": {
                    "turning": {"type": "integer"},
                    "phase": {"type": "string"},
                    "conditions": {
                        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
                        "items": {"type": "object", "required": ["type", "status"], "properties": {
                            "type": {"type": "string"}, "status": {"type": "string"}, "reason": {"type": "string"}}}
                    }
                }
            }
        }
    })
}

fn grain() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "grains.test.dev"},
        "spec": {
            "group": "test.dev", "scope": "Namespaced", "names": {"plural": "grains", "kind": "Grain"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}
                }
            }}}]
        }
    })
}

fn river() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rivers.test.dev"},
        "spec": {
            "group": "test.dev", "scope": "Cluster", "names": {"plural": "rivers", "kind": "River"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {"length": {"type": "integer"}}}}
            }}}]
        }
    })
}

/// A server that knows the definitions.
pub(crate) async fn server() -> ApiServer {
    let server = ApiServer::new();
    server.install(&definitions()).await.unwrap();
    server
}

/// A client of a fresh server that knows the definitions.
pub(crate) async fn client() -> kube::Client {
    server().await.client()
}

/// The kind of this name in the test group.
pub(crate) fn kind(name: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("test.dev", "v1", name))
}

/// Objects of a kind of the test group, in the namespace `default`.
pub(crate) fn api(client: &kube::Client, name: &str) -> Api<DynamicObject> {
    Api::default_namespaced_with(client.clone(), &kind(name))
}

/// An object of the test group from its name and the rest of its fields.
pub(crate) fn object(kind: &str, name: &str, fields: Value) -> DynamicObject {
    let mut object = json!({"apiVersion": "test.dev/v1", "kind": kind, "metadata": {"name": name}});
    merge(&mut object, fields);
    serde_json::from_value(object).unwrap()
}

/// Merges fields into a JSON object.
pub(crate) fn merge(target: &mut Value, fields: Value) {
    match (target, fields) {
        (Value::Object(target), Value::Object(fields)) => {
            for (name, value) in fields {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, value) => *target = value,
    }
}

/// A created Mill.
pub(crate) async fn make(client: &kube::Client, name: &str, fields: Value) -> DynamicObject {
    api(client, "Mill").create(&PostParams::default(), &object("Mill", name, fields)).await.unwrap()
}

/// The Status by which a request was refused.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: kube::Result<T>) -> Status {
    match outcome {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The fields of the causes of a refusal.
pub(crate) fn cause_fields(status: &Status) -> Vec<String> {
    status.details.iter().flat_map(|details| &details.causes).map(|cause| cause.field.clone()).collect()
}

/// A response as JSON, of any path and method.
pub(crate) async fn raw(
    client: &kube::Client,
    method: &str,
    uri: &str,
    content_type: &str,
    body: &Value,
) -> kube::Result<Value> {
    let request = http::Request::builder().method(method).uri(uri).header("content-type", content_type);
    client.request(request.body(body.to_string().into_bytes()).unwrap()).await
}

/// The resourceVersion of an object as a number.
pub(crate) fn version(object: &DynamicObject) -> u64 {
    object.metadata.resource_version.as_deref().unwrap().parse().unwrap()
}
