//! What the server serves, for clients that ask: versions, groups, resources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::registry::{Registry, Resource, api_version};
use crate::request::Target;
use crate::status::Refusal;

/// The Kubernetes version whose API this server has.
const KUBERNETES: (&str, &str) = ("1", "37");

/// The document at a path that names no objects.
pub(crate) fn document(registry: &Registry, target: &Target, accept: &str) -> Result<Value, Refusal> {
    let aggregated = accept.split(',').next().is_some_and(|first| first.contains("as=APIGroupDiscoveryList"));
    match target {
        Target::Version => Ok(version()),
        Target::Health => Ok(json!("ok")),
        Target::CoreVersions if aggregated => Ok(aggregate(registry, |group| group.is_empty())),
        Target::Groups if aggregated => Ok(aggregate(registry, |group| !group.is_empty())),
        Target::CoreVersions => {
            Ok(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}))
        }
        Target::Groups => Ok(groups(registry)),
        Target::Group(name) => group_of(registry, name).ok_or_else(Refusal::no_such_path),
        Target::Resources { group, version } => resources(registry, group, version),
        Target::Objects(_) => Err(Refusal::no_such_path()),
    }
}

fn version() -> Value {
    let (major, minor) = KUBERNETES;
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{major}.{minor}.0+millrace"),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "rustc", "platform": std::env::consts::OS,
    })
}

/// The versions of every group, stable ones first.
fn versions(registry: &Registry) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in registry.all() {
        groups.entry(resource.group.clone()).or_default().insert(resource.version.clone());
    }
    let ordered = |versions: BTreeSet<String>| {
        let mut versions: Vec<_> = versions.into_iter().collect();
        versions.sort_by_key(|version| std::cmp::Reverse(rank(version)));
        versions
    };
    groups.into_iter().map(|(group, versions)| (group, ordered(versions))).collect()
}

/// Kubernetes' order of versions: v2 before v1 before v1beta1 before v1alpha1.
fn rank(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let (major, stage) =
        rest.split_at(rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len()));
    let minor = stage.trim_start_matches(char::is_alphabetic).parse().unwrap_or(0);
    let stability = match stage.trim_end_matches(|character: char| character.is_ascii_digit()) {
        "" => 3,
        "beta" => 2,
        "alpha" => 1,
        _ => 0,
    };
    (stability, major.parse().unwrap_or(0), minor)
}

fn groups(registry: &Registry) -> Value {
    let listed: Vec<_> = versions(registry)
        .iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| api_group(group, versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
}

fn group_of(registry: &Registry, name: &str) -> Option<Value> {
    let versions = versions(registry).remove(name)?;
    let mut group = api_group(name, &versions);
    crate::object::set_field(&mut group, "kind", Some(json!("APIGroup")));
    crate::object::set_field(&mut group, "apiVersion", Some(json!("v1")));
    Some(group)
}

fn api_group(group: &str, versions: &[String]) -> Value {
    let listed: Vec<_> = versions
        .iter()
        .map(|version| json!({"groupVersion": api_version(group, version), "version": version}))
        .collect();
    json!({"name": group, "preferredVersion": listed.first(), "versions": listed})
}

fn served(registry: &Registry, group: &str, version: &str) -> Vec<Arc<Resource>> {
    let wanted = |resource: &Arc<Resource>| resource.group == group && resource.version == version;
    registry.all().into_iter().filter(wanted).collect()
}

fn resources(registry: &Registry, group: &str, version: &str) -> Result<Value, Refusal> {
    let served = served(registry, group, version);
    if served.is_empty() {
        return Err(Refusal::no_such_path());
    }
    let listed: Vec<_> = served.iter().flat_map(|resource| with_subresources(resource)).collect();
    let group_version = api_version(group, version);
    Ok(
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}),
    )
}

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const SUBRESOURCE_VERBS: [&str; 3] = ["get", "patch", "update"];

fn with_subresources(resource: &Resource) -> Vec<Value> {
    let mut listed = vec![json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": VERBS, "shortNames": resource.short_names, "categories": resource.categories,
    })];
    listed.extend(subresources(resource).into_iter().map(|(name, api_version, kind)| {
        let mut entry = json!({
            "name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
            "kind": kind, "verbs": SUBRESOURCE_VERBS,
        });
        if let Some((group, version)) = api_version.split_once('/').filter(|_| api_version != resource.api_version()) {
            crate::object::set_field(&mut entry, "group", Some(json!(group)));
            crate::object::set_field(&mut entry, "version", Some(json!(version)));
        }
        entry
    }));
    listed
}

/// Name, apiVersion and kind of each subresource.
fn subresources(resource: &Resource) -> Vec<(&'static str, String, String)> {
    let status = resource.status.then(|| ("status", resource.api_version(), resource.kind.clone()));
    let scale = resource.scale.as_ref().map(|_| ("scale", "autoscaling/v1".to_owned(), "Scale".to_owned()));
    status.into_iter().chain(scale).collect()
}

/// The aggregated form: everything in one document.
fn aggregate(registry: &Registry, wanted: impl Fn(&str) -> bool) -> Value {
    let groups: Vec<_> = versions(registry)
        .into_iter()
        .filter(|(group, _)| wanted(group))
        .map(|(group, versions)| {
            let versions: Vec<_> = versions
                .iter()
                .map(|version| {
                    let served = served(registry, &group, version);
                    let resources: Vec<_> = served.iter().map(|resource| aggregated(resource)).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            json!({"metadata": {"name": group}, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups})
}

fn aggregated(resource: &Resource) -> Value {
    let subresources: Vec<_> = subresources(resource)
        .into_iter()
        .map(|(name, api_version, kind)| {
            json!({"subresource": name, "responseKind": response_kind(&api_version, &kind), "verbs": SUBRESOURCE_VERBS})
        })
        .collect();
    json!({
        "resource": resource.plural, "singularResource": resource.singular, "verbs": VERBS,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "responseKind": response_kind(&resource.api_version(), &resource.kind),
        "shortNames": resource.short_names, "categories": resource.categories, "subresources": subresources,
    })
}

fn response_kind(api_version: &str, kind: &str) -> Value {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    json!({"group": group, "version": version, "kind": kind})
}
