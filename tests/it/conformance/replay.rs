//! Sending a scenario's requests and reading the answers, as bytes of HTTP: no typed client stands between.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::mask::Mask;
use super::scenario::{Scenario, Step};

/// The bound of everything that is waited for: an event, an end, a controller's work.
const PATIENCE: Duration = Duration::from_secs(90);

/// What was answered, masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) request: String,
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    /// The body; of a watch, the events.
    pub(super) body: Value,
}

/// One scenario under way.
pub(super) struct Replay {
    client: kube::Client,
    at: String,
    variables: BTreeMap<String, String>,
    mask: Mask,
}

impl Replay {
    /// Makes kinds known, and waits until they are served.
    pub(super) async fn install(client: &kube::Client, kinds: &[Value]) {
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        for kind in kinds {
            let created = send(client, "POST", definitions, &Headers::default(), Some(kind)).await;
            assert_eq!(created.status(), 201, "{}", read(created).await);
            let text = |path: &str| kind.pointer(path).and_then(Value::as_str).unwrap();
            let (group, plural) = (text("/spec/group"), text("/spec/names/plural"));
            for version in kind["spec"]["versions"].as_array().unwrap() {
                let objects = format!("/apis/{group}/{}/{plural}", version["name"].as_str().unwrap());
                ask_until(client, "GET", &objects, &Headers::default(), None, 200).await;
            }
        }
    }

    pub(super) fn new(client: &kube::Client, scenario: &Scenario) -> Self {
        let variables = BTreeMap::from([("namespace".to_owned(), scenario.namespace())]);
        let mask = Mask::new(scenario);
        Self { client: client.clone(), at: scenario.at.clone(), variables, mask }
    }

    /// Every answer, in order.
    pub(super) async fn run(mut self, scenario: &Scenario) -> Vec<Answer> {
        self.prepare_namespace().await;
        let mut answers = Vec::with_capacity(scenario.steps.len());
        for step in &scenario.steps {
            answers.push(self.take(step).await);
        }
        answers
    }

    /// The namespace, and the account that a controller would make in it: pods are refused without.
    async fn prepare_namespace(&self) {
        let name = self.variables.get("namespace").unwrap();
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        let accounts = format!("/api/v1/namespaces/{name}/serviceaccounts");
        for (path, body) in [("/api/v1/namespaces", namespace), (accounts.as_str(), account)] {
            let made = send(&self.client, "POST", path, &Headers::default(), Some(&body)).await;
            assert_eq!(made.status(), 201, "{}", read(made).await);
        }
    }

    async fn take(&mut self, step: &Step) -> Answer {
        let (method, target) = step.request.split_once(' ').unwrap_or((&step.request, ""));
        let target = self.fill(&self.absolute(target));
        let body = step.body.as_ref().map(|body| self.filled(body));
        let headers = Headers::of(step);
        let response = match step.until {
            Some(status) => ask_until(&self.client, method, &target, &headers, body.as_ref(), status).await,
            None => send(&self.client, method, &target, &headers, body.as_ref()).await,
        };
        let status = response.status().as_u16();
        let warnings = response.headers().get_all("warning").iter();
        let warnings = warnings.map(|warning| warning.to_str().unwrap().to_owned()).collect();
        let mut body = match step.events {
            Some(count) if status == 200 => read_events(response, count, &step.request).await,
            _ => read(response).await,
        };
        for (variable, path) in &step.keep {
            let kept = at_path(&body, path);
            self.variables.insert(
                variable.clone(),
                kept.unwrap_or_else(|| panic!("{}: no {path} in {body:#}", step.request)),
            );
        }
        self.mask.apply(&mut body);
        Answer { request: step.request.clone(), status, warnings, body }
    }

    fn absolute(&self, target: &str) -> String {
        match target.chars().next() {
            None => self.at.clone(),
            Some('/') => target.to_owned(),
            Some('?') => format!("{}{target}", self.at),
            Some(_) => format!("{}/{target}", self.at),
        }
    }

    fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (variable, value) in &self.variables {
            filled = filled.replace(&format!("${variable}"), value);
        }
        filled
    }

    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(elements) => elements.iter().map(|element| self.filled(element)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, field)| (name.clone(), self.filled(field))).collect()
            }
            other => other.clone(),
        }
    }
}

/// What a request says beside its path and body.
#[derive(Debug)]
struct Headers {
    content: &'static str,
    accept: &'static str,
}

impl Default for Headers {
    fn default() -> Self {
        Self { content: "application/json", accept: "application/json" }
    }
}

impl Headers {
    fn of(step: &Step) -> Self {
        let content = match step.patch.as_deref() {
            None => "application/json",
            Some("apply") => "application/apply-patch+yaml",
            Some("merge") => "application/merge-patch+json",
            Some("json") => "application/json-patch+json",
            Some("strategic") => "application/strategic-merge-patch+json",
            Some(other) => panic!("{}: no patch is called {other}", step.request),
        };
        let accept = match step.accept.as_deref() {
            None => "application/json",
            Some("table") => "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Some("metadata") if step.request.contains('?') || step.request == "GET" => {
                "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
            }
            Some("metadata") => "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
            Some(other) => panic!("{}: no answer is called {other}", step.request),
        };
        Self { content, accept }
    }
}

async fn send(
    client: &kube::Client,
    method: &str,
    target: &str,
    headers: &Headers,
    body: Option<&Value>,
) -> Response<Body> {
    let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("user-agent", "conformance/1")
        .header("content-type", headers.content)
        .header("accept", headers.accept)
        .body(Body::from(bytes))
        .unwrap();
    client.send(request).await.unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

/// Asks until the answer has this status code.
async fn ask_until(
    client: &kube::Client,
    method: &str,
    target: &str,
    headers: &Headers,
    body: Option<&Value>,
    status: u16,
) -> Response<Body> {
    let began = Instant::now();
    loop {
        let response = send(client, method, target, headers, body).await;
        if response.status().as_u16() == status {
            return response;
        }
        assert!(began.elapsed() < PATIENCE, "{method} {target}: not yet {status}: {}", read(response).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn read(response: Response<Body>) -> Value {
    let whole = tokio::time::timeout(PATIENCE, response.into_body().collect()).await;
    let bytes = whole.expect("the end of the answer").unwrap().to_bytes();
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The first events of a watch.
async fn read_events(response: Response<Body>, count: usize, asked: &str) -> Value {
    let mut body = response.into_body();
    let mut received = Vec::new();
    let mut events: Vec<Value> = Vec::new();
    while events.len() < count {
        let frame = tokio::time::timeout(PATIENCE, body.frame()).await;
        let frame = frame
            .unwrap_or_else(|_| panic!("{asked}: no more events after {}", Value::Array(events.clone())));
        let Some(frame) = frame else { break };
        received.extend_from_slice(frame.unwrap().data_ref().map(AsRef::as_ref).unwrap_or_default());
        let Some(end) = received.iter().rposition(|byte| *byte == b'\n') else { continue };
        let complete: Vec<u8> = received.drain(..=end).collect();
        let lines = serde_json::Deserializer::from_slice(&complete).into_iter();
        events.extend(lines.map(|event| event.unwrap()));
    }
    Value::Array(events.into_iter().take(count).collect())
}

/// The text at a dotted path; numbers are positions in lists.
fn at_path(value: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(value, |value, name| match value {
        Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })?;
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
}
