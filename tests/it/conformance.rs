//! The in-process API server held to what a real one answered: the requests and the recorded answers are
//! the files of `tests/e2e/conformance`. `make e2e` replays the same on a real server, and can record anew.

mod compare;
mod mask;
mod replay;
mod scenario;

use millrace_cluster::{ApiServer, Target, connect};
use millrace_tests::cluster::{Cluster, Parts};

use replay::Replay;
use scenario::{Scenario, kinds};

#[tokio::test]
async fn the_in_process_server_answers_as_the_real_one_did() {
    let client = ApiServer::new().client();
    let answers = replay_all(&client).await;
    compare::hold_to_recording_but_for_known(&answers);
}

#[tokio::test]
#[ignore = "needs a real Kubernetes: make e2e"]
async fn e2e_the_real_server_answers_as_recorded() {
    let cluster = Cluster::start("conformance", Parts::Api);
    let target = Target { kubeconfig: Some(cluster.kubeconfig()), ..Target::default() };
    let client = connect(&target).await.unwrap();
    let answers = replay_all(&client).await;
    if std::env::var_os("RECORD").is_some() {
        compare::record(&answers);
    } else {
        compare::hold_to_recording(&answers);
    }
}

#[test]
fn there_are_three_hundred_requests_and_each_has_its_answer() {
    let scenarios = Scenario::all();
    let requests: usize = scenarios.iter().map(|scenario| scenario.steps.len()).sum();
    assert!(requests >= 300, "{requests} requests");
    for scenario in scenarios {
        let recorded = compare::recorded(&scenario.name);
        let asked: Vec<_> = scenario.steps.iter().map(|step| &step.request).collect();
        let answered: Vec<_> = recorded.iter().map(|answer| &answer.request).collect();
        assert_eq!(asked, answered, "{}: record anew with `RECORD=1 make e2e`", scenario.name);
    }
}

/// Every scenario's answers, masked.
async fn replay_all(client: &kube::Client) -> Vec<(Scenario, Vec<replay::Answer>)> {
    Replay::install(client, &kinds()).await;
    let mut all = Vec::new();
    for scenario in Scenario::all() {
        let answers = Replay::new(client, &scenario).run(&scenario).await;
        all.push((scenario, answers));
    }
    all
}
