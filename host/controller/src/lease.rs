//! Leader election: of several controllers the one that holds a Lease works, the others stand by.
//!
//! It saves work, it is not what makes writes right: fixed names and preconditions do that.
//! Others take the Lease once they have seen it unchanged for [`TERM`] by their own monotonic clock;
//! its holder stops [`MARGIN`] earlier by its own, so no two clocks are ever compared. That a holder
//! stops does not hang on its attention: every request passes [`fenced`].

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::client::Body;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::service_fn;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::error::code;
use crate::task::creating;
use crate::{Config, Error, Standing, run};

/// How long a Lease that does not change is believed. A crash costs this and [`LOOK`] twice.
const TERM: Duration = Duration::from_secs(10);
/// How much earlier its holder stops: what is on its way then has arrived before somebody else begins.
const MARGIN: Duration = Duration::from_secs(2);
/// How often the holder renews it.
const RENEW: Duration = Duration::from_secs(2);
/// How often the others look, and the pause after a request that failed.
const LOOK: Duration = Duration::from_secs(1);
/// How long a request about the Lease may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which Lease, and who asks for it.
#[derive(Debug, Clone)]
pub struct LeaseName {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// This process, unlike any other: the pod's name and something random.
    pub holder: String,
}

/// Until when this process may act; none while it may not.
type Until = Option<Instant>;

/// Works whenever it holds the Lease, until `shutdown` completes; then gives the Lease back.
///
/// # Errors
/// If a part of the controller ended by itself.
pub async fn run_elected(
    client: Client,
    config: Config,
    lease: LeaseName,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let shutdown = shutdown.shared();
    let (until, gate) = watch::channel(None);
    let acting = fenced(&client, gate);
    let mut seat = Seat::new(client, lease, &config, until);
    loop {
        tokio::select! {
            () = shutdown.clone() => return Ok(()),
            () = seat.take() => {}
        }
        config.metrics.set_leading(true);
        let ended = tokio::select! {
            outcome = run(acting.clone(), config.clone(), shutdown.clone()) => Some(outcome),
            // What is under way is dropped where it stands.
            () = seat.hold() => None,
        };
        config.metrics.set_leading(false);
        match ended {
            None => {
                warn!("the lease is lost; this controller stands by");
                seat.say(Standing::Starting);
            }
            Some(outcome) => {
                seat.give_back().await;
                return outcome;
            }
        }
    }
}

/// A client whose requests are refused once the time is over.
fn fenced(client: &Client, until: watch::Receiver<Until>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let client = client.clone();
    let service = service_fn(move |request: http::Request<Body>| {
        let (client, open) = (client.clone(), is_open(*until.borrow()));
        async move { if open { client.send(request).await.map_err(Into::into) } else { Err(refusal()) } }
    });
    Client::new(service, namespace)
}

fn is_open(until: Until) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

fn refusal() -> tower::BoxError {
    "the lease is over, so nothing is asked of the API server".into()
}

/// The Lease from the point of view of one process.
struct Seat {
    api: Api<Lease>,
    name: LeaseName,
    clock: Arc<dyn Clock>,
    until: watch::Sender<Until>,
    standing: watch::Sender<Standing>,
    /// What this process wrote last, for as long as nobody else did.
    written: Option<Lease>,
    /// The version that was seen last, and when it was seen first.
    seen: Option<(String, Instant)>,
}

/// What came of a look at the Lease.
enum Look {
    /// It is ours.
    Mine,
    /// It is somebody else's.
    Held(String),
}

impl Seat {
    fn new(client: Client, name: LeaseName, config: &Config, until: watch::Sender<Until>) -> Self {
        let api = Api::namespaced(client, &name.namespace);
        let (clock, standing) = (Arc::clone(&config.clock), config.standing.clone());
        Self { api, name, clock, until, standing, written: None, seen: None }
    }

    /// Waits until the Lease is ours.
    async fn take(&mut self) {
        loop {
            match self.look().await {
                Ok(Look::Mine) => {
                    info!(holder = self.name.holder, "this controller has the lease");
                    return;
                }
                Ok(Look::Held(holder)) => self.say(Standing::StandingBy { holder }),
                Err(error) => {
                    warn!(error, "the lease cannot be asked for; trying again");
                    self.say(Standing::Unreachable { why: error });
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Renews the Lease; returns once it is lost.
    async fn hold(&mut self) {
        loop {
            let end = (*self.until.borrow()).unwrap_or_else(Instant::now);
            sleep(RENEW).await;
            let renewed = self.insist();
            let lost = tokio::select! {
                () = sleep_until(end) => true,
                held = renewed => !held,
            };
            if lost {
                self.until.send_replace(None);
                self.written = None;
                return;
            }
        }
    }

    /// Renews, and tries again where the API server does not answer; false if it is somebody else's.
    async fn insist(&mut self) -> bool {
        loop {
            match self.look().await {
                Ok(Look::Mine) => return true,
                Ok(Look::Held(holder)) => {
                    warn!(holder, "somebody else has the lease");
                    return false;
                }
                Err(error) => warn!(error, "the lease is not renewed; trying again"),
            }
            sleep(LOOK).await;
        }
    }

    /// Looks at the Lease, and takes or renews it where it may; errors are in words.
    async fn look(&mut self) -> Result<Look, String> {
        let asked = Instant::now();
        let looked = timeout(PATIENCE, self.ask(asked)).await;
        let look = looked.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
        if matches!(look, Look::Mine) {
            // Counted from before the request: nobody can have seen the change earlier.
            self.until.send_replace(Some(asked + TERM - MARGIN));
        }
        Ok(look)
    }

    async fn ask(&mut self, now: Instant) -> Result<Look, kube::Error> {
        let known = match self.written.take() {
            Some(lease) => Some(lease),
            None => self.api.get_opt(&self.name.name).await?,
        };
        let Some(lease) = known else { return self.create().await };
        let holder = holder(&lease).to_owned();
        if holder.is_empty() || holder == self.name.holder || self.is_stale(&lease, now) {
            self.replace(lease).await
        } else {
            Ok(Look::Held(holder))
        }
    }

    /// Whether nobody has renewed the Lease for a whole term, as far as this process saw.
    fn is_stale(&mut self, lease: &Lease, now: Instant) -> bool {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        match &self.seen {
            Some((seen, since)) if *seen == version => now.duration_since(*since) >= TERM,
            _ => {
                self.seen = Some((version, now));
                false
            }
        }
    }

    async fn create(&mut self) -> Result<Look, kube::Error> {
        let metadata = ObjectMeta { name: Some(self.name.name.clone()), ..ObjectMeta::default() };
        let lease = Lease { metadata, spec: Some(self.spec(None)) };
        self.wrote(self.api.create(&creating(), &lease).await)
    }

    /// Refused unless the Lease still has the version that was read.
    async fn replace(&mut self, lease: Lease) -> Result<Look, kube::Error> {
        let spec = self.spec(lease.spec.as_ref());
        let lease = Lease { spec: Some(spec), ..lease };
        self.wrote(self.api.replace(&self.name.name, &creating(), &lease).await)
    }

    fn wrote(&mut self, written: Result<Lease, kube::Error>) -> Result<Look, kube::Error> {
        match written {
            Ok(lease) => {
                self.written = Some(lease);
                Ok(Look::Mine)
            }
            // Somebody was faster; who it is is seen at the next look.
            Err(error) if code(&error) == Some(409) => Ok(Look::Held("another controller".to_owned())),
            Err(error) => Err(error),
        }
    }

    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(self.clock.now());
        let kept = before.filter(|spec| spec.holder_identity.as_ref() == Some(&self.name.holder));
        let changes = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.name.holder.clone()),
            lease_duration_seconds: i32::try_from(TERM.as_secs()).ok(),
            acquire_time: kept.and_then(|spec| spec.acquire_time.clone()).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if kept.is_some() { changes } else { changes.saturating_add(1) }),
            ..LeaseSpec::default()
        }
    }

    /// Lets the next one begin at once. Where that fails, it begins after a term.
    async fn give_back(&mut self) {
        self.until.send_replace(None);
        let Some(mut lease) = self.written.take() else { return };
        if let Some(spec) = &mut lease.spec {
            // Validation wants the holder absent rather than empty.
            spec.holder_identity = None;
        }
        let given = timeout(PATIENCE, self.api.replace(&self.name.name, &creating(), &lease)).await;
        if !matches!(given, Ok(Ok(_))) {
            warn!("the lease was not given back; it ends by itself");
        }
    }

    fn say(&self, standing: Standing) {
        self.standing.send_if_modified(|now| {
            let changed = *now != standing;
            *now = standing;
            changed
        });
    }
}

fn holder(lease: &Lease) -> &str {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}
