//! Several controllers and one Lease; time is paused, so seconds here are seconds of the protocol.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::client::Body;
use kube::{Api, Client};
use millrace_cluster::ApiServer;
use millrace_controller::{Config, LeaseName, Metrics, Standing, run_elected};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Seconds of paused time; no wait here is longer.
const PATIENCE: Duration = Duration::from_secs(120);

struct Bench(ApiServer);

/// A controller, and the wire between it and the API server.
struct Controller {
    standing: watch::Receiver<Standing>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    wire: Arc<Wire>,
}

/// What can be done to a controller's requests, and when it last sent one that is not about the Lease.
#[derive(Default)]
struct Wire {
    leases_hang: AtomicBool,
    last_act: Mutex<Option<Instant>>,
}

impl Bench {
    async fn new() -> Self {
        let server = ApiServer::new();
        server.install(millrace_crds::all()).await.unwrap();
        Self(server)
    }

    fn start(&self, holder: &str) -> Controller {
        let (wire, sender) = (Arc::new(Wire::default()), watch::Sender::default());
        let (standing, config) = (sender.subscribe(), Config { standing: sender, ..Config::default() });
        let lease = LeaseName { namespace: "default".into(), name: "it".into(), holder: holder.into() };
        let client = wired(self.0.client(), Arc::clone(&wire));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            run_elected(client, config, lease, async { drop(stopped.await) }).await.unwrap();
        });
        Controller { standing, stop, task, wire }
    }

    async fn lease(&self) -> Lease {
        Api::namespaced(self.0.client(), "default").get("it").await.unwrap()
    }
}

fn wired(client: Client, wire: Arc<Wire>) -> Client {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (client, wire) = (client.clone(), Arc::clone(&wire));
        async move {
            let about_lease = request.uri().path().contains("/leases");
            if about_lease && wire.leases_hang.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if !about_lease {
                *wire.last_act.lock().unwrap() = Some(Instant::now());
            }
            client.send(request).await
        }
    });
    Client::new(service, "default")
}

impl Controller {
    async fn is(&mut self, wanted: impl FnMut(&Standing) -> bool) -> Standing {
        let waited = timeout(PATIENCE, self.standing.wait_for(wanted)).await;
        waited.unwrap().unwrap().clone()
    }

    async fn works(&mut self) {
        self.is(|standing| *standing == Standing::Working).await;
    }

    async fn stands_by(&mut self) -> Standing {
        self.is(|standing| matches!(standing, Standing::StandingBy { .. })).await
    }

    async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_clean_end_the_next_one_works_within_two_seconds() {
    let bench = Bench::new().await;
    let mut first = bench.start("first");
    first.works().await;
    let mut second = bench.start("second");
    assert_eq!(second.stands_by().await, Standing::StandingBy { holder: "first".into() });
    assert!(second.standing.borrow().is_ready());
    first.stop().await;
    let ended = Instant::now();
    second.works().await;
    assert!(ended.elapsed() <= Duration::from_secs(2), "{:?}", ended.elapsed());
    let spec = bench.lease().await.spec.unwrap();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("second"), Some(2)));
    second.stop().await;
    assert_eq!(bench.lease().await.spec.unwrap().holder_identity, None);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_next_one_works_within_fifteen_seconds() {
    let bench = Bench::new().await;
    let mut first = bench.start("first");
    first.works().await;
    let mut second = bench.start("second");
    second.stands_by().await;
    first.task.abort();
    let crashed = Instant::now();
    second.works().await;
    assert!(crashed.elapsed() <= Duration::from_secs(15), "{:?}", crashed.elapsed());
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_renew_stops_before_anybody_else_begins() {
    let bench = Bench::new().await;
    let mut first = bench.start("first");
    first.works().await;
    let mut second = bench.start("second");
    second.stands_by().await;
    first.wire.leases_hang.store(true, Ordering::Relaxed);
    first.is(|standing| *standing != Standing::Working).await;
    assert!(matches!(*second.standing.borrow(), Standing::StandingBy { .. }));
    let began = tokio::spawn(async move {
        second.works().await;
        (Instant::now(), second)
    });
    let (began, second) = began.await.unwrap();
    // The first one's watches were dropped with the rest; nothing of it was sent since.
    let last = first.wire.last_act.lock().unwrap().unwrap();
    assert!(last + Duration::from_secs(1) < began, "{:?}", began.duration_since(last));
    first.wire.leases_hang.store(false, Ordering::Relaxed);
    assert_eq!(first.stands_by().await, Standing::StandingBy { holder: "second".into() });
    second.stop().await;
    first.works().await;
    first.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_also_one_that_stands_by() {
    let bench = Bench::new().await;
    let mut first = bench.start("first");
    first.works().await;
    let mut second = bench.start("second");
    second.stands_by().await;
    second.stop().await;
    first.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_counted() {
    let bench = Bench::new().await;
    let metrics = Metrics::default();
    let mut registry = prometheus_client::registry::Registry::with_prefix("millrace");
    metrics.register(&mut registry);
    let (sender, config) = (watch::Sender::<Standing>::default(), Config { metrics, ..Config::default() });
    let mut standing = sender.subscribe();
    let config = Config { standing: sender, ..config };
    let lease = LeaseName { namespace: "default".into(), name: "it".into(), holder: "one".into() };
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(run_elected(bench.0.client(), config, lease, async { drop(stopped.await) }));
    standing.wait_for(|standing| *standing == Standing::Working).await.unwrap();
    let dataset = crate::world::dataset("digits");
    let api: Api<kube::api::DynamicObject> = Api::namespaced_with(
        bench.0.client(),
        "default",
        &kube::api::ApiResource::erase::<millrace_crds::Dataset>(
            &millrace_crds::dataset::DatasetGroup::Fluid,
        ),
    );
    api.create(&kube::api::PostParams::default(), &serde_json::from_value(dataset).unwrap()).await.unwrap();
    let seen = |object: Option<&kube::api::DynamicObject>| {
        object.is_some_and(|one| one.data.get("status").is_some())
    };
    kube::runtime::wait::await_condition(api, "digits", seen).await.unwrap();
    // The status is written before the look that wrote it has ended.
    let text = loop {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        if text.contains("reconciles_total") {
            break text;
        }
        tokio::task::yield_now().await;
    };
    for line in [
        "millrace_controller_leading 1",
        "millrace_objects{kind=\"Dataset\",phase=\"Pending\"} 1",
        "millrace_controller_reconciles_total{kind=\"Dataset\",result=\"ok\"}",
        "millrace_controller_queue ",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    drop(stop);
    task.await.unwrap().unwrap();
}
