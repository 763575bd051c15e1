//! The API server as a tower service: requests in, responses out, no socket.
//! What the verbs do is in `verbs`; what clients see of the errors is in `status`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tower::{BoxError, Service};

use crate::call::{Answer, Call, View};
use crate::core::Core;
use crate::environment::Environment;
use crate::registry::Resource;
use crate::request::{ObjectPath, Options, Target, parse_path, parse_query};
use crate::status::Refusal;
use crate::{discovery, verbs, view, watch};

/// The largest body of a request, as in the API server: 3 MiB.
const LARGEST_BODY: usize = 3 << 20;

/// The body of a response: JSON, or a stream of watch events.
pub type ResponseBody = UnsyncBoxBody<Bytes, Infallible>;

/// An API server in this process. Clones share their state.
///
/// It is a tower service, so a layer can stand between it and a client: a simulation fails, delays
/// or loses requests there. A watch needs a tokio runtime with time enabled.
#[derive(Clone, Debug)]
pub struct ApiServer {
    core: Arc<Core>,
}

/// A definition could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("custom resource definition {name} was refused")]
pub struct InstallError {
    /// The definition's name.
    pub name: String,
    /// What the server said.
    pub source: kube::Error,
}

impl Default for ApiServer {
    fn default() -> Self {
        Self::new()
    }
}

impl ApiServer {
    /// An empty server: the built-in kinds, the namespaces `default` and `kube-system`, real time.
    pub fn new() -> Self {
        Self::with_environment(Environment::default())
    }

    /// As [`ApiServer::new`], with another clock and source of identifiers.
    pub fn with_environment(environment: Environment) -> Self {
        let server = Self { core: Arc::new(Core::new(environment)) };
        for namespace in ["default", "kube-system"] {
            server.bootstrap_namespace(namespace);
        }
        server
    }

    fn bootstrap_namespace(&self, name: &str) {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let head = Head { method: Method::POST, agent: "kube-apiserver".to_owned(), ..Head::default() };
        let outcome = self.answer(&head, "/api/v1/namespaces", "", Bytes::from(body.to_string()));
        debug_assert!(outcome.is_ok(), "a fresh server has no such namespace");
    }

    /// A client of this server. Its default namespace is `default`. Must be called inside a tokio
    /// runtime: the client runs a task that forwards its requests.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// Installs definitions, or brings them up to date, as `kubectl apply --server-side` would.
    ///
    /// # Errors
    /// The first definition that the server refuses, with the reasons.
    pub async fn install(&self, definitions: &[CustomResourceDefinition]) -> Result<(), InstallError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client());
        let params = PatchParams::apply("millrace").force();
        for definition in definitions {
            let name = definition.metadata.name.clone().unwrap_or_default();
            let applied = api.patch(&name, &params, &Patch::Apply(definition)).await;
            applied.map_err(|source| InstallError { name, source })?;
        }
        Ok(())
    }

    fn respond(&self, head: &Head, path: &str, query: &str, body: Bytes) -> Response<ResponseBody> {
        match self.answer(head, path, query, body) {
            Ok((resource, answer, options)) => self.render(head.view, resource, answer, &options),
            Err(refusal) => refuse(&refusal),
        }
    }

    fn answer(
        &self,
        head: &Head,
        path: &str,
        query: &str,
        body: Bytes,
    ) -> Result<(Option<Arc<Resource>>, Answer, Options), Refusal> {
        let options = parse_query(query)?;
        let path = match parse_path(path)? {
            Target::Objects(path) => path,
            other if head.method == Method::GET => {
                let value = discovery::document(&self.core.registry, &other, &head.accept)?;
                return Ok((None, Answer::Other(value), options));
            }
            _ => return Err(Refusal::method_not_allowed()),
        };
        let call = self.call(head, path, options.clone(), body)?;
        let answer = verbs::answer(&self.core, &head.method, &call)?;
        Ok((Some(call.resource), answer, options))
    }

    fn call(&self, head: &Head, path: ObjectPath, options: Options, body: Bytes) -> Result<Call, Refusal> {
        let ObjectPath { group, version, namespace, plural, name, subresource } = path;
        let resource =
            self.core.registry.find(&group, &version, &plural).ok_or_else(Refusal::no_such_path)?;
        let across = resource.namespaced && namespace.is_none();
        if (!resource.namespaced && namespace.is_some()) || (across && name.is_some()) {
            return Err(Refusal::no_such_path());
        }
        if across && head.method != Method::GET {
            return Err(Refusal::method_not_allowed());
        }
        let (media_type, agent) = (head.media_type.clone(), head.agent.clone());
        Ok(Call { resource, namespace, name, subresource, options, media_type, agent, body })
    }

    fn render(
        &self,
        view: View,
        resource: Option<Arc<Resource>>,
        answer: Answer,
        options: &Options,
    ) -> Response<ResponseBody> {
        match (answer, resource) {
            (Answer::Object { code, object, warnings }, Some(resource)) => {
                json_response(code, view::object(view, &self.core, &resource, &object).to_string(), &warnings)
            }
            (Answer::List { objects, metadata }, Some(resource)) => {
                json_response(200, view::list(view, &self.core, &resource, &objects, metadata), &[])
            }
            (Answer::Watch(subscription), Some(resource)) => {
                let events = watch::events(Arc::clone(&self.core), subscription, resource, view, options);
                stream_response(StreamBody::new(events))
            }
            (Answer::Other(value), _) => json_response(200, value.to_string(), &[]),
            (_, None) => refuse(&Refusal::internal("an object without a resource")),
        }
    }
}

/// What the headers of a request say.
#[derive(Debug, Default)]
struct Head {
    method: Method,
    view: View,
    accept: String,
    media_type: String,
    agent: String,
}

impl Head {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        let text = |name: header::HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        Self {
            method: method.clone(),
            view: View::of(headers),
            accept: text(header::ACCEPT),
            media_type: text(header::CONTENT_TYPE),
            agent: text(header::USER_AGENT),
        }
    }
}

impl<B> Service<Request<B>> for ApiServer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let head = Head::of(&parts.method, &parts.headers);
            let response = match Limited::new(body, LARGEST_BODY).collect().await {
                Ok(body) => {
                    let query = parts.uri.query().unwrap_or_default();
                    server.respond(&head, parts.uri.path(), query, body.to_bytes())
                }
                Err(error) if error.is::<LengthLimitError>() => {
                    refuse(&Refusal::too_large_body(LARGEST_BODY))
                }
                Err(error) => return Err(error),
            };
            tracing::debug!(method = %parts.method, uri = %parts.uri, code = response.status().as_u16(), "answered");
            Ok(response)
        })
    }
}

fn refuse(refusal: &Refusal) -> Response<ResponseBody> {
    json_response(refusal.code, refusal.to_value().to_string(), &[])
}

fn json_response(code: u16, body: String, warnings: &[String]) -> Response<ResponseBody> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for warning in warnings {
        // 299 is the code of a lasting warning; quotes inside the text are escaped (RFC 7234).
        let text = format!("299 - {warning:?}");
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(header::WARNING, value);
        }
    }
    response
}

fn stream_response<S>(body: StreamBody<S>) -> Response<ResponseBody>
where
    StreamBody<S>: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
