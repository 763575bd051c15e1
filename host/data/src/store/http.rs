//! Files of a plain HTTP server: one address, or a folder whose files the mount names.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, TryStreamExt};
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use object_store::client::{HttpRequestBody, HttpResponse, HttpService};
use url::Url;

use crate::list::{FileList, Version};
use crate::secret::Secret;

use super::answer::Answer;
use super::error::{StoreError, classify};
use super::listing::Collector;
use super::options::{Options, Setting};
use super::policy::StorePolicy;
use super::retry::Retry;
use super::s3::check_version;
use super::selection::{Selection, name_problem};
use super::transport::Transport;

/// Files below one address.
///
/// HTTP has no listing: the mount names one file (`https://host/data.csv`), or a folder together
/// with the option `files: a.csv,b/c.csv`.
pub(super) struct HttpFiles {
    transport: Transport,
    /// With `/` at its end where it is a folder.
    base: Url,
    /// Relative paths, in the order given.
    names: Vec<String>,
    single: bool,
    token: Option<Secret>,
    policy: Arc<StorePolicy>,
    /// The server answered a range with the whole file.
    ignores_ranges: AtomicBool,
}

/// What a server says of a file before it sends it.
struct Head {
    size: u64,
    version: Version,
}

impl HttpFiles {
    pub(super) fn open(url: &Url, options: &Options, policy: &Arc<StorePolicy>) -> Result<Self, StoreError> {
        let transport = Transport::new(url, policy)?;
        let (base, names, single) = match options.get(Setting::Files) {
            Some(files) => (folder_url(url), named(files)?, false),
            None => (url.clone(), vec![file_name(url)?], true),
        };
        Ok(Self {
            transport,
            base,
            names,
            single,
            token: options.get(Setting::Token).map(|token| Secret::new(token.to_owned())),
            policy: policy.clone(),
            ignores_ranges: AtomicBool::new(false),
        })
    }

    /// Without the query, which may be a signature.
    pub(super) fn describe(&self, path: &str) -> String {
        let mut shown = self.url(path);
        shown.set_query(None);
        shown.to_string()
    }

    /// Whether a file can be fetched in several parts at once.
    pub(super) fn has_ranges(&self) -> bool {
        !self.ignores_ranges.load(Ordering::Relaxed)
    }

    pub(super) async fn list(&self, selection: &Selection) -> Result<FileList, StoreError> {
        let mut collector = Collector::new(self.describe(""), selection, self.policy.max_files);
        let wanted = self.names.iter().filter(|name| selection.matches(name));
        // Made before they are polled: a closure in the stream would keep `list` from moving between threads.
        let heads: Vec<_> = wanted.map(|name| self.tried_head(name)).collect();
        let mut heads = futures::stream::iter(heads).buffered(self.policy.in_flight);
        while let Some((name, head)) = heads.try_next().await? {
            collector.push(name, head.size, head.version)?;
        }
        collector.finish()
    }

    async fn tried_head<'a>(&'a self, name: &'a str) -> Result<(&'a str, Head), StoreError> {
        let what = self.describe(name);
        let head = Retry::new(&self.policy, &what).run(|| self.head(name)).await?;
        Ok((name, head))
    }

    async fn head(&self, path: &str) -> Result<Head, StoreError> {
        let what = self.describe(path);
        let headers = match self.send(Method::HEAD, path, HeaderMap::new()).await {
            Ok(answer) => answer.headers().clone(),
            // Many servers and most signed addresses know GET only.
            Err(StoreError::Corrupt { .. } | StoreError::Denied { .. } | StoreError::Unreachable { .. }) => {
                HeaderMap::new()
            }
            Err(error) => return Err(error),
        };
        if headers.get(ACCEPT_RANGES).is_some_and(|value| value == "none") {
            self.ignores_ranges.store(true, Ordering::Relaxed);
        }
        match number(&headers, &CONTENT_LENGTH) {
            Some(size) => Ok(Head { size, version: version(&headers) }),
            None => self.head_by_get(path, &what).await,
        }
    }

    /// Asks for the first byte; the answer names the length either way.
    async fn head_by_get(&self, path: &str, what: &str) -> Result<Head, StoreError> {
        let first = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-0"))]);
        let answer = self.send(Method::GET, path, first).await?;
        let headers = answer.headers();
        let size = match answer.status() {
            StatusCode::PARTIAL_CONTENT => content_range(headers).and_then(|(_, total)| total),
            _ => {
                self.ignores_ranges.store(true, Ordering::Relaxed);
                number(headers, &CONTENT_LENGTH)
            }
        };
        let size = size.ok_or_else(|| StoreError::Unsupported {
            what: what.to_owned(),
            why: "the server does not say how long the file is: put it on a server that does".into(),
        })?;
        Ok(Head { size, version: version(headers) })
    }

    /// Opens `range` of the file once, without retries. `whole` leaves the range out.
    pub(super) async fn get(
        &self,
        path: &str,
        range: Range<u64>,
        whole: bool,
        pinned: &Version,
    ) -> Result<Answer, StoreError> {
        let what = self.describe(path);
        let mut headers = conditions(pinned);
        if !whole {
            let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            headers.extend(HeaderValue::from_str(&bytes).ok().map(|value| (RANGE, value)));
        }
        let answer = self.send(Method::GET, path, headers).await?;
        let (start, total) = match (answer.status(), content_range(answer.headers())) {
            (StatusCode::PARTIAL_CONTENT, Some((given, total))) if given == range => (range.start, total),
            (StatusCode::PARTIAL_CONTENT, _) => {
                return Err(StoreError::Corrupt { what, why: "another range than the one asked for".into() });
            }
            _ => {
                self.ignores_ranges.fetch_or(!whole, Ordering::Relaxed);
                (0, number(answer.headers(), &CONTENT_LENGTH))
            }
        };
        let version = version(answer.headers());
        check_version(&what, pinned, &version)?;
        let body = answer.into_body().bytes_stream();
        let body = body.map(move |bytes| bytes.map_err(|error| classify(&what, &error))).boxed();
        Ok(Answer { total, start, version, body })
    }

    async fn send(&self, method: Method, path: &str, headers: HeaderMap) -> Result<HttpResponse, StoreError> {
        let what = self.describe(path);
        let mut request = http::Request::new(HttpRequestBody::empty());
        *request.method_mut() = method;
        *request.uri_mut() = self.url(path).as_str().parse().map_err(|_| StoreError::Invalid {
            what: what.clone(),
            why: "the address has a character that HTTP does not allow".into(),
        })?;
        *request.headers_mut() = headers;
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value = value.map_err(|_| StoreError::Invalid {
                what: "option token".into(),
                why: "it has a character that a header cannot carry".into(),
            })?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        self.transport.call(request).await.map_err(|error| classify(&what, &error))
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if !self.single
            && !path.is_empty()
            && let Ok(mut segments) = url.path_segments_mut()
        {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url
    }
}

fn folder_url(url: &Url) -> Url {
    let mut folder = url.clone();
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", url.path()));
    }
    folder
}

/// The option `files`.
fn named(files: &str) -> Result<Vec<String>, StoreError> {
    let names = files.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| match name_problem(name) {
            None => Ok(name.to_owned()),
            Some(problem) => {
                Err(StoreError::Invalid { what: format!("option files, {name:?}"), why: problem.into() })
            }
        })
        .collect()
}

/// The last part of the address, decoded: the file's name in the dataset.
fn file_name(url: &Url) -> Result<String, StoreError> {
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(last).decode_utf8().ok();
    let name = decoded.filter(|name| name_problem(name).is_none() && !name.contains('/'));
    name.map(std::borrow::Cow::into_owned).ok_or_else(|| StoreError::Invalid {
        what: super::without_query(url),
        why: "it names no file: HTTP has no listing, so write the file's address, or a folder and the option files: a.csv,b.csv".into(),
    })
}

/// What makes the server refuse if the file is another one by now.
fn conditions(pinned: &Version) -> HeaderMap {
    let condition: Option<(HeaderName, &str)> = match pinned {
        // A weak tag never matches strongly.
        Version::ETag(tag) if !tag.starts_with("W/") => Some((IF_MATCH, tag)),
        Version::Modified(date) => Some((IF_UNMODIFIED_SINCE, date)),
        _ => None,
    };
    let condition = condition.and_then(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)));
    HeaderMap::from_iter(condition)
}

fn version(headers: &HeaderMap) -> Version {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match (text(&ETAG), text(&LAST_MODIFIED)) {
        (Some(tag), _) => Version::ETag(tag),
        (None, Some(date)) => Version::Modified(date),
        (None, None) => Version::None,
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes 0-9/20` → `(0..10, Some(20))`; the length may be `*`.
fn content_range(headers: &HeaderMap) -> Option<(Range<u64>, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    Some((first..last.checked_add(1)?, total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_strictly() {
        let read = |text: &str| {
            content_range(&HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_str(text).unwrap())]))
        };
        assert_eq!(read("bytes 0-9/20"), Some((0..10, Some(20))));
        assert_eq!(read("bytes 5-5/*"), Some((5..6, None)));
        for bad in ["bytes 0-9", "0-9/20", "bytes */20", "bytes a-b/c", "bytes 0-18446744073709551615/1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_files_name_comes_from_the_address() {
        let name = |text: &str| file_name(&text.parse().unwrap());
        assert_eq!(name("https://host/a/b%20c.csv?x=1").unwrap(), "b c.csv");
        for bad in ["https://host/", "https://host/a/", "https://host/%2F", "https://host/a%00"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
