//! gRPC over a Unix socket: HTTP/2 by hyper, messages by tonic.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::CsiError;

/// What a service answers.
pub(super) type Answer = Result<Response<tonic::body::Body>, Infallible>;

/// A socket at `path`; what an earlier start left there goes.
pub(super) fn listen(path: &Path) -> Result<UnixListener, CsiError> {
    let failed = |source| CsiError::Listen { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    UnixListener::bind(path).map_err(failed)
}

/// Answers until `shutdown`; calls under way are finished first.
pub(super) async fn serve<S, F>(listener: UnixListener, shutdown: CancellationToken, answer: S)
where
    S: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let (answer, connections) = (Arc::new(answer), TaskTracker::new());
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        // Only the kubelet connects, and it keeps its connections: there is no crowd to hold back.
        let Ok((stream, _)) = accepted else { continue };
        connections.spawn(talk(stream, shutdown.clone(), Arc::clone(&answer)));
    }
    connections.close();
    connections.wait().await;
}

async fn talk<S, F>(stream: UnixStream, shutdown: CancellationToken, answer: Arc<S>)
where
    S: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request| answer(request));
    let http = http2::Builder::new(TokioExecutor::new());
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the kubelet ended early");
    }
}
