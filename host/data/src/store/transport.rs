//! HTTP under every remote store: address rules, no redirects, no-progress time, bounded answers.
//!
//! It neither retries nor signs. Every answer but a success comes back as a [`Refusal`].

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use tokio::time::{Instant, Sleep};
use url::{Host, Url};

use super::endpoint::{Endpoint, Slot};
use super::error::{Refusal, StoreError};
use super::policy::StorePolicy;

/// Longest answer that is held in memory whole: a listing page of 1,000 keys of 1,024 bytes,
/// each escaped, stays below it.
const MAX_DOCUMENT: u64 = 16 << 20;
/// Of an error's body only the code is wanted.
const MAX_ERROR_BODY: u64 = 64 << 10;

/// The HTTP client of one store.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: reqwest::Client,
    endpoint: Endpoint,
    policy: Arc<StorePolicy>,
}

/// A host name that no resolver knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown host")]
pub(super) struct UnknownHost;

impl Transport {
    /// A client for the server at `base`.
    pub(super) fn new(base: &Url, policy: &Arc<StorePolicy>) -> Result<Self, StoreError> {
        install_tls();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(policy.connect)
            .pool_max_idle_per_host(policy.in_flight)
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .user_agent(concat!("millrace/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(GuardedResolver(policy.clone())))
            .build()
            .map_err(|_| StoreError::Unsupported {
                what: base.to_string(),
                why: "no TLS client could be made: are the system's root certificates installed?".into(),
            })?;
        let endpoint = Endpoint::of(&authority(base), &policy.namespace, policy.in_flight);
        Ok(Self { client, endpoint, policy: policy.clone() })
    }

    fn check_address(&self, request: &HttpRequest) -> Result<(), HttpError> {
        let parsed = Url::parse(&request.uri().to_string()).ok();
        let address = match parsed.as_ref().and_then(Url::host) {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        match self.policy.refuses(address) {
            Some(rule) => Err(Refusal::Address { address: address.to_string(), rule }.into_http()),
            None => Ok(()),
        }
    }

    /// Headers may take the no-progress time, and a sent body what it needs at the slowest speed.
    fn header_time(&self, request: &HttpRequest) -> Duration {
        let sent = request.body().content_length() as u64;
        self.policy.no_progress + Duration::from_secs(sent / (64 * StorePolicy::SLOWEST))
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.check_address(&request)?;
        let document = is_document(&request);
        let wait = self.header_time(&request);
        let slot = self.endpoint.slot().await;
        let sent = HttpService::call(&self.client, request);
        let answer = tokio::time::timeout(wait, sent)
            .await
            .map_err(|_| Refusal::Hung { seconds: wait.as_secs_f64() }.into_http())??;
        let (parts, body) = answer.into_parts();
        let success = parts.status.is_success();
        let limit = match (success, document) {
            (false, _) => Some(MAX_ERROR_BODY),
            (true, true) => Some(MAX_DOCUMENT),
            (true, false) => None,
        };
        let body = HttpResponseBody::new(WatchedBody::new(body, self.policy.no_progress, limit, slot));
        if success {
            return Ok(HttpResponse::from_parts(parts, body));
        }
        Err(refusal(parts.status, &parts.headers, body).await.into_http())
    }
}

impl HttpConnector for Transport {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// Everything but the content of an object: listings, upload answers.
fn is_document(request: &HttpRequest) -> bool {
    request.method() != Method::GET || request.uri().query().is_some_and(|query| query.contains("list-type="))
}

async fn refusal(status: StatusCode, headers: &HeaderMap, body: HttpResponseBody) -> Refusal {
    let body = body.bytes().await.unwrap_or_default();
    let region = headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
    Refusal::Status {
        status,
        code: error_code(&body),
        region: region.filter(|region| is_word(region)).map(str::to_owned),
    }
}

/// `<Code>NoSuchKey</Code>` of an S3 error, if it has the form of one.
fn error_code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    is_word(code).then(|| code.to_owned())
}

fn is_word(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or_default())
}

/// One TLS provider for the process; whoever installed one before keeps it.
fn install_tls() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let _already = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Resolves names and leaves out the addresses that the policy forbids. The connection is made to
/// what this returns, so a second, different answer of the name server changes nothing.
struct GuardedResolver(Arc<StorePolicy>);

impl reqwest::dns::Resolve for GuardedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let lookup = tokio::net::lookup_host((name.as_str(), 0));
            let found = tokio::time::timeout(policy.connect, lookup).await;
            let found: Vec<_> = found.map_err(|_| UnknownHost)?.map_err(|_| UnknownHost)?.collect();
            let allowed: Vec<_> =
                found.iter().copied().filter(|address| policy.refuses(address.ip()).is_none()).collect();
            if !allowed.is_empty() {
                return Ok(Box::new(allowed.into_iter()) as reqwest::dns::Addrs);
            }
            let refused = found.first().map(std::net::SocketAddr::ip);
            match refused.and_then(|address| Some((address, policy.refuses(address)?))) {
                Some((address, rule)) => Err(Refusal::Address { address: address.to_string(), rule }.into()),
                None => Err(UnknownHost.into()),
            }
        })
    }
}

/// A body that must not stall, drip or grow without end, and that holds its slot until it is done.
struct WatchedBody {
    inner: HttpResponseBody,
    timer: Pin<Box<Sleep>>,
    no_progress: Duration,
    /// Bytes since the timer was set.
    moved: u64,
    /// When the last frame was handed over; time until the next poll is the reader's, not the store's.
    handed: Option<Instant>,
    left: Option<u64>,
    limit: u64,
    _slot: Option<Slot>,
}

impl WatchedBody {
    fn new(inner: HttpResponseBody, no_progress: Duration, limit: Option<u64>, slot: Option<Slot>) -> Self {
        let timer = Box::pin(tokio::time::sleep(no_progress));
        let (left, limit) = (limit, limit.unwrap_or_default());
        Self { inner, timer, no_progress, moved: 0, handed: None, left, limit, _slot: slot }
    }

    /// The reader's own pause does not count.
    fn resume(&mut self) {
        if let Some(handed) = self.handed.take() {
            let deadline = self.timer.deadline() + handed.elapsed();
            self.timer.as_mut().reset(deadline);
        }
    }

    fn count(&mut self, length: u64) -> Result<(), HttpError> {
        self.moved += length;
        if self.moved >= self.least() {
            self.moved = 0;
            self.timer.as_mut().reset(Instant::now() + self.no_progress);
        }
        self.handed = Some(Instant::now());
        if let Some(left) = &mut self.left {
            *left =
                left.checked_sub(length).ok_or_else(|| Refusal::TooLong { limit: self.limit }.into_http())?;
        }
        Ok(())
    }

    /// Bytes that count as progress within the no-progress time.
    fn least(&self) -> u64 {
        (self.no_progress.as_millis() as u64 * StorePolicy::SLOWEST / 1000).max(1)
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.resume();
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                Poll::Ready(Some(self.count(length).map(|()| frame)))
            }
            Poll::Pending if self.timer.as_mut().poll(context).is_ready() => {
                let seconds = self.no_progress.as_secs_f64();
                Poll::Ready(Some(Err(Refusal::Hung { seconds }.into_http())))
            }
            // A body cut short of its length is told as a broken connection.
            Poll::Ready(Some(Err(error))) if error.kind() == HttpErrorKind::Decode => {
                Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Interrupted, error))))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
