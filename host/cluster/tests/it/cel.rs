//! CEL rules: `x-kubernetes-validations` on creation and on change.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams, PostParams};
use millrace_cluster::schema::Schema;
use serde_json::{Value, json};

use crate::support::{api, cause_fields, object, refused, server};

fn definition(spec: Value) -> CustomResourceDefinition {
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "locks.test.dev"},
        "spec": {"group": "test.dev", "scope": "Namespaced", "names": {"plural": "locks", "kind": "Lock"}, "versions": [
            {"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
             "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}]}
    });
    serde_json::from_value(crd).unwrap()
}

/// What rules on a spec say about a new and, if given, an old one: `path: message`.
fn errors(schema: Value, spec: Value, old: Option<Value>) -> Vec<String> {
    let schema = Schema::of_version(&definition(schema), "v1").unwrap().unwrap();
    let object = |spec: Value| json!({"apiVersion": "test.dev/v1", "kind": "Lock", "metadata": {"name": "a"}, "spec": spec});
    let old = old.map(object);
    schema.validate(&object(spec), old.as_ref()).iter().map(ToString::to_string).collect()
}

fn field(name: &str, schema: Value) -> Value {
    json!({"type": "object", "properties": {name: schema}})
}

fn with_rule(mut schema: Value, rule: Value) -> Value {
    schema["x-kubernetes-validations"] = json!([rule]);
    schema
}

#[test]
fn a_rule_sees_its_value_and_speaks_at_its_path() {
    let schema = with_rule(
        json!({"type": "object", "properties": {"least": {"type": "integer"}, "most": {"type": "integer"}}}),
        json!({"rule": "self.least <= self.most", "message": "least is above most"}),
    );
    assert_eq!(errors(schema.clone(), json!({"least": 1, "most": 2}), None), Vec::<String>::new());
    assert_eq!(
        errors(schema, json!({"least": 3, "most": 2}), None),
        ["spec: Invalid value: least is above most"]
    );
}

#[test]
fn words_may_be_computed_or_are_the_rule_itself() {
    let rule = json!({"rule": "self < 5", "messageExpression": "'is ' + string(self) + ', not below 5'"});
    let schema = field("x", with_rule(json!({"type": "integer"}), rule));
    assert_eq!(errors(schema, json!({"x": 7}), None), ["spec.x: Invalid value: 7: is 7, not below 5"]);
    let schema = field("x", with_rule(json!({"type": "integer"}), json!({"rule": "self < 5"})));
    assert_eq!(errors(schema, json!({"x": 7}), None), ["spec.x: Invalid value: 7: failed rule: self < 5"]);
}

#[test]
fn reason_and_field_path_are_those_of_the_rule() {
    let rule = json!({"rule": "has(self.x)", "message": "x is needed", "reason": "FieldValueRequired", "fieldPath": ".x"});
    let schema = with_rule(field("x", json!({"type": "string"})), rule);
    assert_eq!(errors(schema, json!({}), None), ["spec.x: Required value: x is needed"]);
}

#[test]
fn transition_rules_compare_with_the_stored_object() {
    let schema = field(
        "x",
        with_rule(json!({"type": "string"}), json!({"rule": "self == oldSelf", "message": "x is fixed"})),
    );
    let changed = || Some(json!({"x": "one"}));
    assert!(
        errors(schema.clone(), json!({"x": "two"}), None).is_empty(),
        "nothing to compare with on creation"
    );
    assert!(errors(schema.clone(), json!({"x": "two"}), Some(json!({}))).is_empty());
    assert_eq!(
        errors(schema, json!({"x": "two"}), changed()),
        ["spec.x: Invalid value: \"two\": x is fixed"]
    );
    let optional = json!({"rule": "oldSelf.hasValue() || self == 'first'", "optionalOldSelf": true, "message": "begin with first"});
    let schema = field("x", with_rule(json!({"type": "string"}), optional));
    assert_eq!(errors(schema.clone(), json!({"x": "two"}), None).len(), 1);
    assert!(errors(schema, json!({"x": "two"}), changed()).is_empty());
}

#[test]
fn elements_of_keyed_lists_are_compared_by_key() {
    let item = with_rule(
        json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}),
        json!({"rule": "self.size >= oldSelf.size", "message": "may only grow"}),
    );
    let list = json!({"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]});
    let old = json!({"list": [{"name": "a", "size": 1}, {"name": "b", "size": 5}]});
    let moved =
        json!({"list": [{"name": "b", "size": 5}, {"name": "c", "size": 0}, {"name": "a", "size": 0}]});
    assert_eq!(errors(field("list", list), moved, Some(old)), ["spec.list[2]: Invalid value: may only grow"]);
}

#[test]
fn maps_are_data_and_their_paths_are_keys() {
    let value = with_rule(json!({"type": "string"}), json!({"rule": "self != 'bad'", "message": "is bad"}));
    let map = with_rule(
        json!({"type": "object", "additionalProperties": value}),
        json!({"rule": "!('a.b' in self)", "message": "a.b is taken"}),
    );
    assert_eq!(
        errors(field("map", map), json!({"map": {"a.b": "bad"}}), None),
        ["spec.map: Invalid value: a.b is taken", "spec.map[a.b]: Invalid value: \"bad\": is bad"]
    );
}

#[test]
fn names_and_formats_are_those_of_kubernetes() {
    let schema = with_rule(
        json!({"type": "object", "properties": {
            "my_field": {"type": "integer"}, "namespace": {"type": "string"}, "a-b": {"type": "string"},
            "when": {"type": "string", "format": "date-time"}, "wait": {"type": "string", "format": "duration"},
            "ratio": {"type": "number"}
        }}),
        json!({"rule": "self.my_field == 1 && self.__namespace__ == 'n' && self.a__dash__b == 'c' \
            && self.when > timestamp('2020-01-01T00:00:00Z') && self.wait < duration('2h') && self.ratio < 2.5"}),
    );
    let spec = json!({"my_field": 1, "namespace": "n", "a-b": "c", "when": "2026-01-01T00:00:00Z", "wait": "90m", "ratio": 2});
    assert_eq!(errors(schema, spec, None), Vec::<String>::new());
}

#[test]
fn the_kubernetes_functions_are_there() {
    let rule = json!({"rule": "quantity(self).isLessThan(quantity('2Gi')) && self.matches('^[0-9]+Mi$')"});
    let schema = field("memory", with_rule(json!({"type": "string"}), rule));
    assert!(errors(schema.clone(), json!({"memory": "500Mi"}), None).is_empty());
    assert_eq!(errors(schema, json!({"memory": "5000Mi"}), None).len(), 1);
}

#[test]
fn a_rule_that_fails_to_evaluate_refuses() {
    let schema =
        with_rule(field("x", json!({"type": "integer"})), json!({"rule": "self.x > 1", "message": "m"}));
    let found = errors(schema, json!({}), None);
    assert!(found.len() == 1 && found[0].contains("evaluating rule: m"), "{found:?}");
}

#[test]
fn rules_wait_until_the_structure_is_sound() {
    let schema = with_rule(
        json!({"type": "object", "properties": {"x": {"type": "integer"}}}),
        json!({"rule": "self.x > 1"}),
    );
    let found = errors(schema, json!({"x": "a"}), None);
    assert_eq!(found.len(), 2);
    assert!(found[1].contains("some validation rules were not checked"), "{found:?}");
}

#[tokio::test]
async fn the_server_holds_writes_to_the_rules() {
    let rule = json!({"rule": "self == oldSelf", "message": "x is fixed"});
    let server = server().await;
    server.install(&[definition(field("x", with_rule(json!({"type": "string"}), rule)))]).await.unwrap();
    let locks = api(&server.client(), "Lock");
    locks.create(&PostParams::default(), &object("Lock", "a", json!({"spec": {"x": "one"}}))).await.unwrap();
    let patch = Patch::Merge(json!({"spec": {"x": "two"}}));
    let refusal = refused(locks.patch("a", &PatchParams::default(), &patch).await);
    assert_eq!(refusal.message, "Lock.test.dev \"a\" is invalid: spec.x: Invalid value: \"two\": x is fixed");
    assert_eq!((refusal.code, cause_fields(&refusal)), (422, vec!["spec.x".to_owned()]));
}
