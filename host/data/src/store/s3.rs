//! A bucket, or a folder of one, at any endpoint that speaks S3.

use std::ops::Range;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig};
use tokio::sync::OnceCell;
use url::Url;

use crate::list::Version;

use super::answer::{Answer, etag_equal};
use super::error::{Category, StoreError, classify};
use super::listing::Collector;
use super::options::{Options, Setting};
use super::policy::StorePolicy;
use super::retry::Retry;
use super::selection::Selection;
use super::transport::Transport;

/// One mounted bucket folder.
pub(super) struct Bucket {
    pub(super) client: AmazonS3,
    bucket: String,
    prefix: String,
    /// Settled at the first request: whether `prefix` is a folder or one object.
    base: OnceCell<Base>,
    policy: Arc<StorePolicy>,
}

/// Where relative paths begin.
#[derive(Debug, Clone)]
struct Base {
    /// Prefix of every key, without `/` at its end.
    folder: String,
    /// The mount is this one object: its name, and nothing else is listed.
    only: Option<ObjectMeta>,
}

impl Bucket {
    pub(super) fn open(
        bucket: &str,
        prefix: &str,
        options: &Options,
        policy: &Arc<StorePolicy>,
    ) -> Result<Self, StoreError> {
        let endpoint = endpoint(bucket, options)?;
        let transport = Transport::new(&endpoint.service, policy)?;
        // Retries are ours: seeded, bounded, from the byte reached.
        let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(options.get(Setting::Region).unwrap_or("us-east-1"))
            .with_endpoint(endpoint.with_bucket)
            .with_virtual_hosted_style_request(endpoint.virtual_hosted)
            .with_allow_http(true)
            .with_unsigned_payload(endpoint.service.scheme() == "https")
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(retry)
            .with_http_connector(transport);
        builder = match credentials(options)? {
            Some((key, secret)) => builder.with_access_key_id(key).with_secret_access_key(secret),
            None => builder.with_skip_signature(true),
        };
        if let Some(token) = options.get(Setting::SessionToken) {
            builder = builder.with_token(token);
        }
        let client = builder.build().map_err(|_| StoreError::Invalid {
            what: format!("s3://{bucket}"),
            why: "its options do not make a usable client: check endpoint and region".into(),
        })?;
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        Ok(Self { client, bucket, prefix, base: OnceCell::new(), policy: policy.clone() })
    }

    /// `s3://bucket/folder/path`, for messages.
    pub(super) fn describe(&self, path: &str) -> String {
        let folder = self.base.get().map_or(self.prefix.as_str(), |base| base.folder.as_str());
        format!("s3://{}/{}", self.bucket, joined(folder, path))
    }

    pub(super) async fn list(
        &self,
        selection: &Selection,
        everything: bool,
    ) -> Result<crate::list::FileList, StoreError> {
        let base = self.base().await?;
        let what = self.describe("");
        let mut collector =
            Collector::new(what.clone(), selection, self.policy.max_files).with_everything(everything);
        if let Some(only) = &base.only {
            collector.push(only.location.filename().unwrap_or_default(), only.size, version(only))?;
            return collector.finish();
        }
        let folder = joined(&base.folder, selection.folder());
        let mut page_token = None;
        loop {
            let (objects, next) = self.page(&folder, page_token.clone()).await?;
            for object in &objects {
                if let Some(path) = relative(object.location.as_ref(), &base.folder) {
                    collector.push(path, object.size, version(object))?;
                }
            }
            match next {
                None => break,
                Some(next) if page_token.as_ref() == Some(&next) || objects.is_empty() => {
                    return Err(StoreError::Corrupt { what, why: "its listing does not get on".into() });
                }
                Some(next) => page_token = Some(next),
            }
        }
        self.with_object_itself(selection, base, &mut collector).await?;
        collector.finish()
    }

    /// A selection that names one object: a listing below `folder/` does not have it.
    async fn with_object_itself(
        &self,
        selection: &Selection,
        base: &Base,
        collector: &mut Collector<'_>,
    ) -> Result<(), StoreError> {
        let path = selection.folder();
        if path.is_empty() || !selection.matches(path) {
            return Ok(());
        }
        match self.head(&joined(&base.folder, path)).await {
            Ok(object) => collector.push(path, object.size, version(&object)),
            Err(error) if error.category() == Category::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn page(
        &self,
        folder: &str,
        page_token: Option<String>,
    ) -> Result<(Vec<ObjectMeta>, Option<String>), StoreError> {
        let what = format!("s3://{}/{folder}", self.bucket);
        let prefix = (!folder.is_empty()).then(|| format!("{folder}/"));
        let page = Retry::new(&self.policy, &what)
            .run(|| async {
                let options = PaginatedListOptions { page_token: page_token.clone(), ..Default::default() };
                let listed = self.client.list_paginated(prefix.as_deref(), options).await;
                listed.map_err(|error| classify(&what, &error))
            })
            .await?;
        Ok((page.result.objects, page.page_token))
    }

    async fn base(&self) -> Result<&Base, StoreError> {
        self.base.get_or_try_init(|| self.find_base()).await
    }

    async fn find_base(&self) -> Result<Base, StoreError> {
        let folder = Base { folder: self.prefix.clone(), only: None };
        if self.prefix.is_empty() {
            return Ok(folder);
        }
        match self.head(&self.prefix).await {
            Ok(object) if object.size > 0 => {
                let parent = self.prefix.rsplit_once('/').map_or("", |(parent, _)| parent);
                Ok(Base { folder: parent.to_owned(), only: Some(object) })
            }
            // Rights to list and to read single objects are apart: the next request will tell.
            Ok(_) => Ok(folder),
            Err(error) if matches!(error.category(), Category::NotFound | Category::Denied) => Ok(folder),
            Err(error) => Err(error),
        }
    }

    async fn head(&self, key: &str) -> Result<ObjectMeta, StoreError> {
        let what = format!("s3://{}/{key}", self.bucket);
        let location = parse_key(key, &what)?;
        Retry::new(&self.policy, &what)
            .run(|| async {
                let options = GetOptions { head: true, ..Default::default() };
                let answer = self.client.get_opts(&location, options).await;
                answer.map(|answer| answer.meta).map_err(|error| classify(&what, &error))
            })
            .await
    }

    /// Opens `range` of the object once, without retries. `whole` leaves the range out.
    pub(super) async fn get(
        &self,
        path: &str,
        range: Range<u64>,
        whole: bool,
        pinned: &Version,
    ) -> Result<Answer, StoreError> {
        let what = self.describe(path);
        let location = self.key(path).await?;
        let options = GetOptions {
            range: (!whole).then(|| GetRange::Bounded(range.clone())),
            if_match: match pinned {
                Version::ETag(tag) => Some(tag.clone()),
                _ => None,
            },
            ..Default::default()
        };
        let answer =
            self.client.get_opts(&location, options).await.map_err(|error| classify(&what, &error))?;
        let version = answer.meta.e_tag.clone().map_or(Version::None, Version::ETag);
        check_version(&what, pinned, &version)?;
        let (total, start) = (Some(answer.meta.size), answer.range.start);
        let body: BoxStream<'static, _> =
            answer.into_stream().map(move |bytes| bytes.map_err(|error| classify(&what, &error))).boxed();
        Ok(Answer { total, start, version, body })
    }

    /// The key of a relative path.
    pub(super) async fn key(&self, path: &str) -> Result<Key, StoreError> {
        let base = self.base().await?;
        parse_key(&joined(&base.folder, path), &self.describe(path))
    }
}

/// The list's version and the answer's must be one.
pub(super) fn check_version(what: &str, pinned: &Version, answered: &Version) -> Result<(), StoreError> {
    let same = match (pinned, answered) {
        (Version::ETag(one), Version::ETag(other)) => etag_equal(one, other),
        (Version::ETag(_), _) => false,
        (Version::Modified(one), Version::Modified(other)) => one == other,
        (Version::Modified(_), _) => false,
        (Version::None | Version::Local { .. }, _) => true,
    };
    if same {
        return Ok(());
    }
    let why = format!("it was listed with {pinned} and now has {answered}");
    Err(StoreError::Changed { what: what.to_owned(), why })
}

fn version(object: &ObjectMeta) -> Version {
    object.e_tag.clone().map_or(Version::None, Version::ETag)
}

fn parse_key(key: &str, what: &str) -> Result<Key, StoreError> {
    Key::parse(key).map_err(|error| classify(what, &object_store::Error::from(error)))
}

fn joined(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

fn relative<'a>(key: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(key);
    }
    key.strip_prefix(folder)?.strip_prefix('/')
}

struct Addresses {
    /// The service, for limits and address rules.
    service: Url,
    /// What requests are sent to.
    with_bucket: String,
    virtual_hosted: bool,
}

fn endpoint(bucket: &str, options: &Options) -> Result<Addresses, StoreError> {
    let region = options.get(Setting::Region).unwrap_or("us-east-1");
    let given = options.get(Setting::Endpoint);
    let text = match given {
        Some(text) if text.contains("://") => text.trim_end_matches('/').to_owned(),
        Some(host) => format!("https://{}", host.trim_end_matches('/')),
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    let service =
        Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let service = service.filter(|url| url.username().is_empty() && url.password().is_none());
    let service = service.ok_or_else(|| StoreError::Invalid {
        what: "option endpoint".into(),
        why: "write it as https://host:port, without credentials".into(),
    })?;
    // A bucket with a dot fits no wildcard certificate.
    let path_style = options.flag(Setting::PathStyle)?.unwrap_or(given.is_some() || bucket.contains('.'));
    let with_bucket = match (path_style, text.split_once("://")) {
        (false, Some((scheme, host))) => format!("{scheme}://{bucket}.{host}"),
        _ => text.clone(),
    };
    Ok(Addresses { service, with_bucket, virtual_hosted: !path_style })
}

fn credentials(options: &Options) -> Result<Option<(&str, &str)>, StoreError> {
    if options.flag(Setting::Anonymous)? == Some(true) {
        return Ok(None);
    }
    match (options.get(Setting::AccessKey), options.get(Setting::SecretKey)) {
        (Some(key), Some(secret)) => Ok(Some((key, secret))),
        (None, None) => Ok(None),
        (key, _) => Err(StoreError::Invalid {
            what: "credentials".into(),
            why: format!("{} is missing", if key.is_some() { "secretAccessKey" } else { "accessKeyId" }),
        }),
    }
}
