//! Structural schemas: what is refused, in which words and at which path; what is filled in and
//! what is dropped.

use kube::api::{Patch, PatchParams, PostParams};
use millrace_cluster::schema::{FaultKind, Schema};
use serde_json::{Value, json};

use crate::support::{api, cause_fields, client, definitions, object, raw, refused};

fn schema() -> Schema {
    let mill = definitions().into_iter().find(|definition| definition.spec.names.kind == "Mill").unwrap();
    Schema::of_version(&mill, "v1").unwrap().unwrap()
}

/// Validates a spec; the one error it has.
fn only_error(spec: Value) -> (String, FaultKind, String, Vec<String>) {
    let object =
        json!({"apiVersion": "test.dev/v1", "kind": "Mill", "metadata": {"name": "a"}, "spec": spec});
    let errors = schema().validate(&object, None);
    let [error] = errors.as_slice() else { panic!("expected one error, got {errors:?}") };
    (error.path.clone(), error.kind, error.message.clone(), error.expected.clone())
}

#[test]
fn each_fault_is_told_in_the_words_of_the_api_server() {
    for (spec, path, kind, message) in [
        (
            json!({"wheels": "two"}),
            "spec.wheels",
            FaultKind::Type,
            "Invalid value: \"string\": spec.wheels in body must be of type integer: \"string\"",
        ),
        (
            json!({"wheels": 0}),
            "spec.wheels",
            FaultKind::Invalid,
            "Invalid value: 0: spec.wheels in body should be greater than or equal to 1",
        ),
        (
            json!({"wheels": 9}),
            "spec.wheels",
            FaultKind::Invalid,
            "Invalid value: 9: spec.wheels in body should be less than or equal to 8",
        ),
        (
            json!({"mode": "Fly"}),
            "spec.mode",
            FaultKind::Enum,
            "Unsupported value: \"Fly\": supported values: \"Grind\", \"Saw\"",
        ),
        (
            json!({"river": "Oka"}),
            "spec.river",
            FaultKind::Invalid,
            "Invalid value: \"Oka\": spec.river in body should match '^[a-z]+$'",
        ),
        (
            json!({"river": "abcdefghijklmnopqrstu"}),
            "spec.river",
            FaultKind::TooLong,
            "Too long: may not be more than 20 bytes",
        ),
        (
            json!({"mounts": [{"name": "a"}, {"path": "/b"}]}),
            "spec.mounts[1].name",
            FaultKind::Required,
            "Required value",
        ),
        (
            json!({"mounts": [{"name": "a"}, {"name": "a"}]}),
            "spec.mounts[1]",
            FaultKind::Duplicate,
            "Duplicate value: {\"name\":\"a\"}",
        ),
        (json!({"tags": ["x", "y", "x"]}), "spec.tags[2]", FaultKind::Duplicate, "Duplicate value: \"x\""),
        (
            json!({"mounts": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}]}),
            "spec.mounts",
            FaultKind::TooMany,
            "Too many: 4: must have at most 3 items",
        ),
        (
            json!({"options": {"a": 1}}),
            "spec.options.a",
            FaultKind::Type,
            "Invalid value: \"integer\": spec.options.a in body must be of type string: \"integer\"",
        ),
        (
            json!({"speed": true}),
            "spec.speed",
            FaultKind::Type,
            "Invalid value: \"boolean\": spec.speed in body must be of type integer,string: \"boolean\"",
        ),
        (
            json!({"node": null}),
            "spec.node",
            FaultKind::Type,
            "Invalid value: \"null\": spec.node in body must be of type string: \"null\"",
        ),
    ] {
        let found = only_error(spec.clone());
        assert_eq!((found.0.as_str(), found.1, found.2.as_str()), (path, kind, message), "{spec}");
    }
}

#[test]
fn what_was_expected_is_told_apart_from_the_words() {
    assert_eq!(only_error(json!({"mode": "Fly"})).3, ["Grind", "Saw"]);
    assert_eq!(only_error(json!({"wheels": "two"})).3, ["integer"]);
    let mut unknown =
        json!({"spec": {"wheel": 2, "mounts": [{"name": "a", "pth": "/"}]}, "metadata": {"nam": "a"}});
    let errors = schema().prune(&mut unknown);
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["spec.mounts[0].pth", "spec.wheel", "metadata.nam"]);
    assert_eq!(errors[0].expected, ["name", "path", "readOnly"]);
    assert_eq!(unknown, json!({"spec": {"mounts": [{"name": "a"}]}, "metadata": {}}));
}

#[test]
fn sound_specs_have_no_errors() {
    for spec in [
        json!({}),
        json!({"speed": 3}),
        json!({"speed": "fast"}),
        json!({"nothing": null}),
        json!({"wheels": 2.0}),
        json!({"anything": {"whatever": [1, {"a": "b"}]}}),
    ] {
        let object =
            json!({"apiVersion": "test.dev/v1", "kind": "Mill", "metadata": {"name": "a"}, "spec": spec});
        assert_eq!(schema().validate(&object, None), [], "{object}");
    }
}

#[test]
fn defaults_reach_into_lists_and_replace_null() {
    let mut object =
        json!({"spec": {"wheels": null, "mounts": [{"name": "a"}, {"name": "b", "readOnly": false}]}});
    schema().default(&mut object);
    assert_eq!(object["spec"]["wheels"], json!(1));
    assert_eq!(
        object["spec"]["mounts"],
        json!([{"name": "a", "readOnly": true}, {"name": "b", "readOnly": false}])
    );
}

#[test]
fn preserved_fields_stay_and_known_ones_below_them_are_pruned() {
    let mut object = json!({"spec": {"anything": {"free": {"x": 1}, "known": {"a": "b", "c": "d"}}}});
    schema().prune(&mut object);
    assert_eq!(object["spec"]["anything"], json!({"free": {"x": 1}, "known": {"a": "b"}}));
}

#[tokio::test]
async fn a_refused_object_names_all_its_faults() {
    let client = client().await;
    let bad = object("Mill", "a", json!({"spec": {"wheels": 9, "mode": "Fly", "river": "B"}}));
    let refusal = refused(api(&client, "Mill").create(&PostParams::default(), &bad).await);
    assert_eq!(cause_fields(&refusal), ["spec.mode", "spec.river", "spec.wheels"]);
    assert!(
        refusal.message.starts_with("Mill.test.dev \"a\" is invalid: [spec.mode: Unsupported value"),
        "{}",
        refusal.message
    );
    let missing =
        refused(api(&client, "Mill").create(&PostParams::default(), &object("Mill", "a", json!({}))).await);
    assert_eq!(missing.message, "Mill.test.dev \"a\" is invalid: spec: Required value");
}

#[tokio::test]
async fn unknown_fields_are_dropped_warned_of_or_refused() {
    let client = client().await;
    let mills = api(&client, "Mill");
    let made = mills
        .create(&PostParams::default(), &object("Mill", "a", json!({"spec": {"wheelz": 1}})))
        .await
        .unwrap();
    assert_eq!(made.data["spec"].get("wheelz"), None);
    let strict = PatchParams {
        field_validation: Some(kube::api::ValidationDirective::Strict),
        ..PatchParams::default()
    };
    let refusal = refused(mills.patch("a", &strict, &Patch::Merge(json!({"spec": {"wheelz": 1}}))).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (400, "BadRequest"));
    assert_eq!(
        refusal.message,
        "Mill in version \"v1\" cannot be handled as a Mill: strict decoding error: unknown field \"spec.wheelz\""
    );
}

#[tokio::test]
async fn a_definition_must_be_sound() {
    let client = client().await;
    let uri = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let crd = |schema: Value| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "xs.test.dev"},
            "spec": {"group": "test.dev", "scope": "Namespaced", "names": {"plural": "xs", "kind": "X"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}})
    };
    for (schema, field) in [
        (json!({"type": "array"}), "type"),
        (json!({"type": "object", "properties": {"a": {"type": "text"}}}), "properties[a].type"),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}),
            "properties[a].pattern",
        ),
        (
            json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.a >"}]}),
            "x-kubernetes-validations[0].rule",
        ),
    ] {
        let refusal = refused(raw(&client, "POST", uri, "application/json", &crd(schema)).await);
        let expected = format!("spec.versions[0].schema.openAPIV3Schema.{field}");
        assert_eq!((refusal.code, cause_fields(&refusal)), (422, vec![expected]));
    }
    let misnamed =
        json!({"metadata": {"name": "ys.test.dev"}, "spec": crd(json!({"type": "object"}))["spec"]});
    assert_eq!(
        cause_fields(&refused(raw(&client, "POST", uri, "application/json", &misnamed).await)),
        ["metadata.name"]
    );
    let established =
        raw(&client, "POST", uri, "application/json", &crd(json!({"type": "object"}))).await.unwrap();
    assert_eq!(established["status"]["conditions"][1]["type"], json!("Established"));
}
