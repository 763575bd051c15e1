//! `/healthz`, `/readyz` and `/metrics`, read-only and small: no request has a body that is read.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::Readiness;

/// Connections at once: a kubelet, a few scrapers, somebody with curl.
const CONNECTIONS: usize = 32;
/// How long a request's head, or a pause between requests, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause after a connection that could not be accepted, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What the port shows.
pub struct Pages {
    registry: Registry,
    ready: Readiness,
}

impl Pages {
    pub fn new(registry: Registry, ready: Readiness) -> Self {
        Self { registry, ready }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            return page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET\n".to_owned());
        }
        match path {
            // That it answers at all is the answer.
            "/healthz" => page(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            "/readyz" => {
                let (ready, words) = (self.ready)();
                let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                page(status, PLAIN, format!("{words}\n"))
            }
            "/metrics" => self.metrics(),
            _ => page(StatusCode::NOT_FOUND, PLAIN, "/healthz, /readyz and /metrics are here\n".to_owned()),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => page(StatusCode::OK, METRICS, text),
            Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
        }
    }
}

fn page(status: StatusCode, kind: HeaderValue, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Answers until it is dropped.
pub async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = Arc::clone(&pages);
                tokio::spawn(async move {
                    talk(stream, pages).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the port for health and metrics failed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn talk(stream: TcpStream, pages: Arc<Pages>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = pages.answer(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a connection to the port for health and metrics ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::gauge::Gauge;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn get(address: std::net::SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_answers_how_it_stands_and_what_it_counts() {
        let mut registry = Registry::default();
        let gauge = Gauge::<i64>::default();
        registry.register("held_pods", "Pods", gauge.clone());
        gauge.set(7);
        let working = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&working);
        let ready: Readiness = Box::new(move || (asked.load(Ordering::Relaxed), "listing".to_owned()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, Arc::new(Pages::new(registry, ready))));
        for (request, status, text) in [
            ("GET /healthz", "200", "ok"),
            ("GET /readyz", "503", "listing"),
            ("GET /metrics", "200", "held_pods 7"),
            ("GET /else", "404", "/metrics"),
            ("DELETE /metrics", "405", "only GET"),
        ] {
            let answer = get(address, request).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(text),
                "{request}: {answer}"
            );
        }
        working.store(true, Ordering::Relaxed);
        assert!(get(address, "GET /readyz").await.starts_with("HTTP/1.1 200 "));
        serving.abort();
    }
}
