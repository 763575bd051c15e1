//! From a URL and its query to what is asked for: which resource, which object, which options.
//! It does not know which resources exist.

use url::form_urlencoded;

use crate::status::Refusal;

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/version`, `/healthz`, `/readyz`, `/livez`.
    Version,
    Health,
    /// `/api`: the versions of the core group.
    CoreVersions,
    /// `/apis`: every other group.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1` or `/apis/GROUP/VERSION`: the resources of one version (group empty for core).
    Resources {
        group: String,
        version: String,
    },
    /// A resource's collection, one object of it, or a subresource of that.
    Objects(ObjectPath),
}

/// `/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME[/SUBRESOURCE]]`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObjectPath {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

/// Reads a path, for example `/api/v1/namespaces/a/pods/b/status`.
pub(crate) fn parse_path(path: &str) -> Result<Target, Refusal> {
    let decoded: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["version"] => Ok(Target::Version),
        ["healthz" | "readyz" | "livez", ..] => Ok(Target::Health),
        ["api"] => Ok(Target::CoreVersions),
        ["apis"] => Ok(Target::Groups),
        ["apis", group] => Ok(Target::Group((*group).to_owned())),
        ["api", version] => Ok(resources("", version)),
        ["apis", group, version] => Ok(resources(group, version)),
        ["api", version, rest @ ..] => objects("", version, rest),
        ["apis", group, version, rest @ ..] => objects(group, version, rest),
        _ => Err(Refusal::no_such_path()),
    }
}

/// `%2F` and its kin inside one segment.
fn decode(segment: &str) -> String {
    // `+` is a plus sign in a path, but a space to the form decoder.
    let kept = segment.replace('+', "%2B");
    form_urlencoded::parse(kept.as_bytes()).map(|(key, _)| key.into_owned()).next().unwrap_or_default()
}

fn resources(group: &str, version: &str) -> Target {
    Target::Resources { group: group.to_owned(), version: version.to_owned() }
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Result<Target, Refusal> {
    let mut path =
        ObjectPath { group: group.to_owned(), version: version.to_owned(), ..ObjectPath::default() };
    let rest = match rest {
        // Namespaces are objects themselves, with these two subresources.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => rest,
        ["namespaces", namespace, rest @ ..] => {
            path.namespace = Some((*namespace).to_owned());
            rest
        }
        _ => rest,
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(*name), None),
        [plural, name, subresource] => (plural, Some(*name), Some(*subresource)),
        _ => return Err(Refusal::no_such_path()),
    };
    path.plural = (*plural).to_owned();
    path.name = name.map(str::to_owned);
    path.subresource = subresource.map(str::to_owned);
    Ok(Target::Objects(path))
}

/// What to do with fields the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    /// Drop them silently.
    Ignore,
    /// Drop them and say so in a `Warning` header.
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

/// Which snapshot a list with a resourceVersion wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum VersionMatch {
    #[default]
    NotOlderThan,
    Exact,
}

/// The query parameters of any verb.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) field_manager: Option<String>,
    pub(crate) force: bool,
    pub(crate) dry_run: bool,
    pub(crate) field_validation: FieldValidation,
    pub(crate) label_selector: String,
    pub(crate) field_selector: String,
    pub(crate) limit: usize,
    pub(crate) continue_token: String,
    pub(crate) resource_version: String,
    pub(crate) version_match: VersionMatch,
    pub(crate) watch: bool,
    pub(crate) bookmarks: bool,
    pub(crate) initial_events: bool,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) propagation_policy: Option<String>,
    pub(crate) grace_period_seconds: Option<i64>,
}

/// Reads a query string.
pub(crate) fn parse_query(query: &str) -> Result<Options, Refusal> {
    let mut options = Options::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        set_option(&mut options, &name, &value)?;
    }
    Ok(options)
}

fn set_option(options: &mut Options, name: &str, value: &str) -> Result<(), Refusal> {
    match name {
        "fieldManager" => options.field_manager = Some(value.to_owned()),
        "force" => options.force = flag(name, value)?,
        "dryRun" => options.dry_run = dry_run(value)?,
        "fieldValidation" => options.field_validation = field_validation(value)?,
        "labelSelector" => options.label_selector = value.to_owned(),
        "fieldSelector" => options.field_selector = value.to_owned(),
        "limit" => options.limit = number(name, value)?,
        "continue" => options.continue_token = value.to_owned(),
        "resourceVersion" => options.resource_version = value.to_owned(),
        "resourceVersionMatch" => options.version_match = version_match(value)?,
        "watch" => options.watch = flag(name, value)?,
        "allowWatchBookmarks" => options.bookmarks = flag(name, value)?,
        "sendInitialEvents" => options.initial_events = flag(name, value)?,
        "timeoutSeconds" => options.timeout_seconds = Some(number(name, value)?),
        "propagationPolicy" => options.propagation_policy = Some(value.to_owned()),
        "gracePeriodSeconds" => options.grace_period_seconds = Some(number(name, value)?),
        // Unknown parameters are ignored, as the API server does.
        _ => {}
    }
    Ok(())
}

fn flag(name: &str, value: &str) -> Result<bool, Refusal> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Refusal::bad_request(format!("{name} is {value:?}; true or false was expected"))),
    }
}

fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, Refusal> {
    let refusal = |_| Refusal::bad_request(format!("{name} is {value:?}; a whole number was expected"));
    value.parse().map_err(refusal)
}

pub(crate) fn dry_run(value: &str) -> Result<bool, Refusal> {
    match value {
        "All" => Ok(true),
        _ => Err(Refusal::bad_request(format!(
            "dryRun: Unsupported value: {value:?}: supported values: \"All\""
        ))),
    }
}

fn field_validation(value: &str) -> Result<FieldValidation, Refusal> {
    match value {
        "Ignore" => Ok(FieldValidation::Ignore),
        "Warn" | "" => Ok(FieldValidation::Warn),
        "Strict" => Ok(FieldValidation::Strict),
        _ => Err(Refusal::bad_request(format!(
            "fieldValidation: Unsupported value: {value:?}: supported values: \"Ignore\", \"Warn\", \"Strict\""
        ))),
    }
}

fn version_match(value: &str) -> Result<VersionMatch, Refusal> {
    match value {
        "NotOlderThan" | "" => Ok(VersionMatch::NotOlderThan),
        "Exact" => Ok(VersionMatch::Exact),
        _ => Err(Refusal::bad_request(format!(
            "resourceVersionMatch: Unsupported value: {value:?}: supported values: \"Exact\", \"NotOlderThan\""
        ))),
    }
}
