//! Where a dataset's bytes are: the `mountPoint` of a Dataset, read once into a type.
//!
//! Nothing here opens anything; see [`crate::store`].

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// A parsed `mountPoint`.
///
/// Paths inside have no empty, `.` or `..` segment, no control character and no leading or
/// trailing `/`; the empty string is the root.
///
/// ```
/// # use millrace_data::mount::MountPoint;
/// let mount: MountPoint = "s3://imagenet/train/".parse()?;
/// assert_eq!(mount, MountPoint::S3 { bucket: "imagenet".into(), prefix: "train".into() });
/// assert_eq!(mount.to_string(), "s3://imagenet/train");
/// assert!("s3://imagenet/../etc".parse::<MountPoint>().is_err());
/// # Ok::<(), millrace_data::mount::MountError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MountPoint {
    /// `s3://bucket/prefix`: any store that speaks S3; the endpoint is an option.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Folder (or one object) within it; may be empty.
        prefix: String,
    },
    /// `http://…` or `https://…`: one file, or a folder whose files the option `files` names.
    Http {
        /// The address, without user, password or fragment.
        url: Url,
    },
    /// `local:///abs/path`: a folder or file of this machine, read in place.
    Local {
        /// Absolute path.
        path: PathBuf,
    },
    /// `pvc://claim/sub`: a PersistentVolumeClaim of the dataset's namespace.
    Claim {
        /// The claim's name.
        name: String,
        /// Folder within the volume; may be empty.
        sub: String,
    },
    /// `dataset://namespace/name/sub`: what another Dataset holds.
    Dataset {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Folder within it; may be empty.
        sub: String,
    },
}

/// Why a `mountPoint` cannot be used. Every one is the user's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// There is no `scheme://`.
    #[error("mount point {given:?} has no scheme: write one of {SUPPORTED}")]
    NoScheme {
        /// What was given, shortened.
        given: String,
    },
    /// A scheme that Fluid knows and this build does not serve.
    #[error("{scheme}:// is not yet supported here: use one of {SUPPORTED}{hint}")]
    Unsupported {
        /// The scheme.
        scheme: String,
        /// Another way to the same data, if there is one.
        hint: &'static str,
    },
    /// Nobody knows this scheme.
    #[error("unknown scheme {scheme:?} in mount point: write one of {SUPPORTED}")]
    UnknownScheme {
        /// The scheme, shortened.
        scheme: String,
    },
    /// Some part of it breaks a rule.
    #[error("mount point {given:?}: {problem}")]
    Invalid {
        /// What was given, shortened and without credentials.
        given: String,
        /// Which part, and the rule.
        problem: &'static str,
    },
}

const SUPPORTED: &str = "s3://bucket/prefix, https://host/path, local:///path, pvc://claim/path, \
                         dataset://namespace/name";
/// Longest mount point that is read; S3 keys end at 1,024 bytes.
const MAX_LENGTH: usize = 4096;

impl FromStr for MountPoint {
    type Err = MountError;

    fn from_str(given: &str) -> Result<Self, MountError> {
        if given.len() > MAX_LENGTH {
            return Err(invalid(given, "it is longer than 4,096 bytes"));
        }
        if given.chars().any(char::is_control) {
            return Err(invalid(given, "it contains a control character"));
        }
        let Some((scheme, rest)) = given.split_once("://") else {
            return Err(MountError::NoScheme { given: shortened(given) });
        };
        match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" => parse_s3(given, rest),
            "http" | "https" => parse_http(given),
            "local" | "file" => parse_local(given, rest),
            "pvc" => parse_claim(given, rest),
            "dataset" => parse_dataset(given, rest),
            other => Err(foreign_scheme(other)),
        }
    }
}

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } => write_joined(f, "s3", bucket, prefix),
            Self::Http { url } => url.fmt(f),
            Self::Local { path } => write!(f, "local://{}", path.display()),
            Self::Claim { name, sub } => write_joined(f, "pvc", name, sub),
            Self::Dataset { namespace, name, sub } => {
                write_joined(f, "dataset", &format!("{namespace}/{name}"), sub)
            }
        }
    }
}

impl MountPoint {
    /// The scheme: `s3`, `http`, `https`, `local`, `pvc` or `dataset`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        match self {
            Self::S3 { .. } => "s3",
            Self::Http { url } => url.scheme(),
            Self::Local { .. } => "local",
            Self::Claim { .. } => "pvc",
            Self::Dataset { .. } => "dataset",
        }
    }
}

fn parse_s3(given: &str, rest: &str) -> Result<MountPoint, MountError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        return Err(hidden(given, "credentials do not belong in a mount point: use encryptOptions"));
    }
    if !is_bucket_name(bucket) {
        let rule =
            "a bucket name has 3 to 63 letters, digits, '-', '_' or '.', and begins with a letter or digit";
        return Err(invalid(given, rule));
    }
    Ok(MountPoint::S3 { bucket: bucket.to_owned(), prefix: clean_path(given, prefix)? })
}

fn parse_http(given: &str) -> Result<MountPoint, MountError> {
    // `Url` folds `..` (also as `%2e%2E`, also between `\\`) away silently, so it is looked for before.
    let after_scheme = given.split_once("://").map_or("", |(_, rest)| rest);
    let before_query = after_scheme.split(['?', '#']).next().unwrap_or_default();
    if before_query.split(['/', '\\']).any(is_encoded_dots) {
        return Err(hidden(given, "a path has no '.' or '..' segment"));
    }
    let url = Url::parse(given).map_err(|_| hidden(given, "it is not a URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(hidden(given, "credentials do not belong in a URL: use encryptOptions"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(hidden(given, "it has no host"));
    }
    if url.fragment().is_some() {
        return Err(hidden(given, "a fragment (#…) names nothing on a server"));
    }
    Ok(MountPoint::Http { url })
}

fn parse_local(given: &str, rest: &str) -> Result<MountPoint, MountError> {
    if !rest.starts_with('/') {
        return Err(invalid(given, "a local path is absolute: local:///data/set"));
    }
    Ok(MountPoint::Local { path: PathBuf::from(format!("/{}", clean_path(given, rest)?)) })
}

fn parse_claim(given: &str, rest: &str) -> Result<MountPoint, MountError> {
    let (name, sub) = rest.split_once('/').unwrap_or((rest, ""));
    check_object_name(given, name, 253)?;
    Ok(MountPoint::Claim { name: name.to_owned(), sub: clean_path(given, sub)? })
}

fn parse_dataset(given: &str, rest: &str) -> Result<MountPoint, MountError> {
    let mut parts = rest.splitn(3, '/');
    let namespace = parts.next().unwrap_or_default();
    let Some(name) = parts.next() else {
        return Err(invalid(given, "write dataset://namespace/name"));
    };
    check_object_name(given, namespace, 63)?;
    check_object_name(given, name, 253)?;
    let sub = clean_path(given, parts.next().unwrap_or_default())?;
    Ok(MountPoint::Dataset { namespace: namespace.to_owned(), name: name.to_owned(), sub })
}

fn foreign_scheme(scheme: &str) -> MountError {
    let hint = match scheme {
        "oss" | "cos" | "obs" => "; this store also speaks S3: write s3:// and its endpoint as option",
        "gs" | "gcs" => {
            "; Google Cloud Storage also speaks S3 with HMAC keys: write s3:// and endpoint https://storage.googleapis.com"
        }
        "az" | "abfs" | "abfss" | "wasb" | "wasbs" | "hdfs" | "cephfs" | "nfs" | "glusterfs" => "",
        "alluxio" | "juicefs" | "jfs" => "; name its S3 endpoint: s3:// with option endpoint",
        _ => return MountError::UnknownScheme { scheme: shortened(scheme) },
    };
    MountError::Unsupported { scheme: scheme.to_owned(), hint }
}

/// Trims `/` at both ends and refuses empty, `.` and `..` segments.
fn clean_path(given: &str, path: &str) -> Result<String, MountError> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    for segment in trimmed.split('/') {
        if segment.is_empty() {
            return Err(invalid(given, "a path has no empty segment (//)"));
        }
        if is_dots(segment) {
            return Err(invalid(given, "a path has no '.' or '..' segment"));
        }
    }
    Ok(trimmed.to_owned())
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

fn is_encoded_dots(segment: &str) -> bool {
    is_dots(&segment.to_ascii_lowercase().replace("%2e", "."))
}

fn is_bucket_name(name: &str) -> bool {
    let rule = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (3..=63).contains(&name.len())
        && name.bytes().all(rule)
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

fn check_object_name(given: &str, name: &str, longest: usize) -> Result<(), MountError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    if name.len() <= longest && name.bytes().all(inner) && edge(bytes.first()) && edge(bytes.last()) {
        return Ok(());
    }
    Err(invalid(
        given,
        "a Kubernetes name has lower-case letters, digits, '-' and '.', and begins and ends with a letter or digit",
    ))
}

fn write_joined(f: &mut fmt::Formatter<'_>, scheme: &str, head: &str, tail: &str) -> fmt::Result {
    match tail {
        "" => write!(f, "{scheme}://{head}"),
        tail => write!(f, "{scheme}://{head}/{tail}"),
    }
}

fn invalid(given: &str, problem: &'static str) -> MountError {
    MountError::Invalid { given: shortened(given), problem }
}

/// As [`invalid`], for addresses that may hold a password before an `@`.
fn hidden(given: &str, problem: &'static str) -> MountError {
    let shown = match (given.split_once("://"), given.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, after))) => format!("{scheme}://…@{after}"),
        _ => given.to_owned(),
    };
    // A query may be a signature.
    let shown = shown.split('?').next().unwrap_or_default();
    MountError::Invalid { given: shortened(shown), problem }
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<MountPoint, MountError> {
        text.parse()
    }

    #[test]
    fn every_supported_scheme_is_read_and_written_back() {
        for (given, shown) in [
            ("s3://imagenet/train/", "s3://imagenet/train"),
            ("s3a://imagenet", "s3://imagenet"),
            ("https://host/a/b.csv?x=1", "https://host/a/b.csv?x=1"),
            ("http://host:8080", "http://host:8080/"),
            ("local:///data/set", "local:///data/set"),
            ("local:///", "local:///"),
            ("pvc://ceph", "pvc://ceph"),
            ("pvc://ceph/a/b/", "pvc://ceph/a/b"),
            ("dataset://team/demo/train", "dataset://team/demo/train"),
            ("dataset://team/demo", "dataset://team/demo"),
        ] {
            let mount = parse(given).unwrap();
            assert_eq!(mount.to_string(), shown);
            assert_eq!(parse(shown).unwrap(), mount);
        }
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        for given in [
            "",
            "data",
            "/data",
            "s3://",
            "s3://a",
            "s3://key:secret@bucket/x",
            "s3://bucket/a/../b",
            "s3://bucket/a//b",
            "s3://bucket/a\0b",
            "s3://bucket/a\nb",
            "s3://-bucket/x",
            "s3://buck et/x",
            "http://",
            "https://user:password@host/x",
            "https://host/a/../../etc/passwd",
            "https://host/%2e%2E/etc/passwd",
            "https://host/a\\..\\b",
            "https://host/x#part",
            "local://data",
            "local:///data/../etc",
            "pvc://",
            "pvc://Ceph",
            "pvc://ceph/..",
            "dataset://demo",
            "dataset://../demo",
            "dataset://team/",
            "ftp://host/x",
        ] {
            assert!(parse(given).is_err(), "{given:?} was accepted");
        }
    }

    #[test]
    fn known_but_unserved_schemes_say_what_is_served() {
        for scheme in ["gs", "az", "oss", "hdfs"] {
            let message = parse(&format!("{scheme}://bucket/x")).unwrap_err().to_string();
            assert!(message.contains("not yet supported here"), "{message}");
            assert!(message.contains("s3://bucket/prefix"), "{message}");
        }
    }

    #[test]
    fn a_refused_address_does_not_show_its_password() {
        for given in ["https://me:canary@host/x", "s3://me:canary@bucket/x", "https://host/../x?sig=canary"] {
            assert!(!parse(given).unwrap_err().to_string().contains("canary"));
        }
    }

    proptest! {
        #[test]
        fn no_input_panics_and_what_is_read_is_stable(given in "(s3|http|https|local|pvc|dataset|gs)?(://)?[ -~\\n/]{0,60}") {
            if let Ok(mount) = parse(&given) {
                let shown = mount.to_string();
                prop_assert_eq!(parse(&shown).unwrap(), mount);
                let path = shown.split_once("://").unwrap().1.split('?').next().unwrap().to_owned();
                prop_assert!(!path.split('/').any(|segment| segment == ".."));
            }
        }
    }
}
