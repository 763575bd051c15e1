//! Options of an S3 mount in every spelling that manifests already use, read into one struct.

use std::collections::BTreeMap;

use crate::secret::Secret;

use super::error::StoreError;

/// What an option sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// Address of the S3 service: `https://minio.example:9000`.
    Endpoint,
    /// Region the requests are signed for.
    Region,
    /// `true`: the bucket is in the path and not in the host name.
    PathStyle,
    /// Access key id.
    AccessKey,
    /// Secret access key.
    SecretKey,
    /// Session token of temporary credentials.
    SessionToken,
    /// `true`: requests are not signed (public buckets).
    Anonymous,
    /// Bearer token for an HTTP server.
    Token,
    /// Comma-separated names below an HTTP folder; HTTP has no listing.
    Files,
}

/// Every spelling and what it means. Compared without regard to case.
pub const SPELLINGS: &[(&str, Setting)] = &[
    ("endpoint", Setting::Endpoint),
    ("endpointUrl", Setting::Endpoint),
    ("alluxio.underfs.s3.endpoint", Setting::Endpoint),
    ("fs.s3a.endpoint", Setting::Endpoint),
    ("AWS_ENDPOINT_URL_S3", Setting::Endpoint),
    ("AWS_ENDPOINT_URL", Setting::Endpoint),
    ("region", Setting::Region),
    ("alluxio.underfs.s3.region", Setting::Region),
    ("alluxio.underfs.s3.endpoint.region", Setting::Region),
    ("fs.s3a.endpoint.region", Setting::Region),
    ("AWS_REGION", Setting::Region),
    ("AWS_DEFAULT_REGION", Setting::Region),
    ("pathStyle", Setting::PathStyle),
    ("path-style", Setting::PathStyle),
    ("forcePathStyle", Setting::PathStyle),
    ("alluxio.underfs.s3.disable.dns.buckets", Setting::PathStyle),
    ("fs.s3a.path.style.access", Setting::PathStyle),
    ("accessKeyId", Setting::AccessKey),
    ("access-key", Setting::AccessKey),
    ("aws.accessKeyId", Setting::AccessKey),
    ("s3a.accessKeyId", Setting::AccessKey),
    ("fs.s3a.access.key", Setting::AccessKey),
    ("AWS_ACCESS_KEY_ID", Setting::AccessKey),
    ("secretAccessKey", Setting::SecretKey),
    ("secret-key", Setting::SecretKey),
    ("aws.secretKey", Setting::SecretKey),
    ("aws.secretAccessKey", Setting::SecretKey),
    ("s3a.secretKey", Setting::SecretKey),
    ("fs.s3a.secret.key", Setting::SecretKey),
    ("AWS_SECRET_ACCESS_KEY", Setting::SecretKey),
    ("sessionToken", Setting::SessionToken),
    ("session-token", Setting::SessionToken),
    ("aws.sessionToken", Setting::SessionToken),
    ("fs.s3a.session.token", Setting::SessionToken),
    ("AWS_SESSION_TOKEN", Setting::SessionToken),
    ("anonymous", Setting::Anonymous),
    ("token", Setting::Token),
    ("files", Setting::Files),
];

/// Tuning of other engines, which manifests for them carry and which means nothing here.
const FOREIGN: &[&str] = &["alluxio.", "juicefs.", "fs.s3a.", "fs.alluxio."];

/// The options of one mount, each setting once.
#[derive(Debug, Default)]
pub(super) struct Options(BTreeMap<Setting, (String, Secret)>);

impl Options {
    /// Reads plain options, then secret ones, then (for what is still unset) the ambient ones of
    /// the process that runs the agent.
    ///
    /// # Errors
    /// An unknown option, or two spellings of one setting with different values.
    pub(super) fn read(
        plain: &BTreeMap<String, String>,
        secret: &BTreeMap<String, Secret>,
        ambient: &BTreeMap<String, Secret>,
    ) -> Result<Self, StoreError> {
        let mut options = Self::default();
        for (name, value) in plain {
            options.insert(name, Secret::new(value.clone()))?;
        }
        for (name, value) in secret {
            options.insert(name, value.clone())?;
        }
        options.fill(ambient);
        Ok(options)
    }

    fn insert(&mut self, name: &str, value: Secret) -> Result<(), StoreError> {
        let Some(setting) = setting(name) else {
            return if is_foreign(name) { Ok(()) } else { Err(unknown(name)) };
        };
        match self.0.get(&setting) {
            Some((other, before)) if before.expose() != value.expose() => Err(StoreError::Invalid {
                what: format!("option {name}"),
                why: format!("{other} sets the same thing to another value: keep one of them"),
            }),
            _ => {
                self.0.insert(setting, (name.to_owned(), value));
                Ok(())
            }
        }
    }

    /// Ambient credentials come as a set: a key of the mount never meets a secret of the process.
    fn fill(&mut self, ambient: &BTreeMap<String, Secret>) {
        let credentials = [Setting::AccessKey, Setting::SecretKey, Setting::SessionToken];
        let own = credentials.iter().any(|setting| self.0.contains_key(setting)) || self.anonymous();
        for (name, value) in ambient {
            let Some(setting) = setting(name) else { continue };
            if !(own && credentials.contains(&setting)) {
                self.0.entry(setting).or_insert_with(|| (name.clone(), value.clone()));
            }
        }
    }

    pub(super) fn get(&self, setting: Setting) -> Option<&str> {
        self.0.get(&setting).map(|(_, value)| value.expose()).filter(|value| !value.is_empty())
    }

    pub(super) fn flag(&self, setting: Setting) -> Result<Option<bool>, StoreError> {
        let Some((name, value)) = self.0.get(&setting) else { return Ok(None) };
        match value.expose().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(Some(true)),
            "false" | "0" | "no" => Ok(Some(false)),
            _ => {
                Err(StoreError::Invalid { what: format!("option {name}"), why: "write true or false".into() })
            }
        }
    }

    fn anonymous(&self) -> bool {
        matches!(self.flag(Setting::Anonymous), Ok(Some(true)))
    }
}

fn setting(name: &str) -> Option<Setting> {
    let found = SPELLINGS.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(name));
    found.map(|(_, setting)| *setting)
}

fn is_foreign(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FOREIGN.iter().any(|prefix| name.starts_with(prefix))
}

fn unknown(name: &str) -> StoreError {
    let shown: String = name.chars().filter(|char| !char.is_control()).take(60).collect();
    StoreError::Invalid {
        what: format!("option {shown:?}"),
        why: "no such option: endpoint, region, pathStyle, accessKeyId, secretAccessKey, sessionToken, \
              anonymous, token and files are known (and Alluxio's, Hadoop's and AWS's names for them)"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn secrets(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
        pairs.iter().map(|(name, value)| ((*name).into(), Secret::new((*value).into()))).collect()
    }

    #[test]
    fn every_spelling_is_unique_and_found_in_any_case() {
        for (at, (name, setting_)) in SPELLINGS.iter().enumerate() {
            assert_eq!(setting(&name.to_uppercase()), Some(*setting_));
            assert!(SPELLINGS.iter().skip(at + 1).all(|(other, _)| !other.eq_ignore_ascii_case(name)));
        }
    }

    #[test]
    fn alluxio_spellings_and_secrets_are_read_together() {
        let options = Options::read(
            &plain(&[("alluxio.underfs.s3.endpoint", "http://minio:9000"), ("alluxio.user.block.size", "1")]),
            &secrets(&[("aws.accessKeyId", "key"), ("aws.secretKey", "canary")]),
            &BTreeMap::new(),
        )
        .unwrap();
        assert_eq!(options.get(Setting::Endpoint), Some("http://minio:9000"));
        assert_eq!(options.get(Setting::SecretKey), Some("canary"));
        assert!(!format!("{options:?}").contains("canary"));
    }

    #[test]
    fn unknown_and_contradicting_options_are_refused_by_name() {
        let none = BTreeMap::new();
        let error = Options::read(&plain(&[("endpiont", "x")]), &none, &none).unwrap_err().to_string();
        assert!(error.contains("endpiont") && error.contains("endpoint,"), "{error}");
        let twice = plain(&[("region", "a"), ("AWS_REGION", "b")]);
        let error = Options::read(&twice, &none, &none).unwrap_err().to_string();
        assert!(error.contains("region") && error.contains("AWS_REGION"), "{error}");
        assert!(Options::read(&plain(&[("region", "a"), ("AWS_REGION", "a")]), &none, &none).is_ok());
    }

    #[test]
    fn ambient_credentials_fill_in_only_where_the_mount_names_none() {
        let ambient =
            secrets(&[("AWS_ACCESS_KEY_ID", "ours"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "r")]);
        let filled = Options::read(&BTreeMap::new(), &BTreeMap::new(), &ambient).unwrap();
        assert_eq!(filled.get(Setting::SecretKey), Some("s"));
        let own = Options::read(&plain(&[("accessKeyId", "mine")]), &BTreeMap::new(), &ambient).unwrap();
        assert_eq!((own.get(Setting::AccessKey), own.get(Setting::SecretKey)), (Some("mine"), None));
        assert_eq!(own.get(Setting::Region), Some("r"));
        let public = Options::read(&plain(&[("anonymous", "true")]), &BTreeMap::new(), &ambient).unwrap();
        assert_eq!(public.get(Setting::AccessKey), None);
    }
}
