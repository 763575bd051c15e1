//! The examples in the repository: valid, and the mission's the same to the byte.

use std::path::Path;

use crate::Place;

const DATASET: &str = r#"apiVersion: fluid.io/v1alpha1          # or data.fluid.io/v1alpha1
kind: Dataset
metadata: {name: demo}
spec:
  mounts:
  - {mountPoint: "s3://imagenet/train", name: train}
  - {mountPoint: "pvc://ceph", name: validation}
runtimeProfile: llms-profile            # users write it here; spec.runtimeProfile is the same; both given must agree (CEL)
"#;

const PROFILE: &str = r#"apiVersion: fluid.io/v1alpha1
kind: RuntimeProfile
metadata: {name: llms-profile}
spec:
  alluxio:
    replicas: 2
    tieredstore: {levels: [{mediumtype: SSD, path: /mnt/disk, quota: 200Gi}]}
  worker: {resources: {limits: {memory: 8Gi, cpu: "4"}}}
"#;

const PROCESSING: &str = r#"apiVersion: data.fluid.io/v1alpha1
kind: DataProcessing
metadata: {name: data}
spec:
  datasets:
  - {name: data1, namespace: default,  path: /data1}
  - {name: data2, namespace: default1, path: /data2}
  runAfter: {name: dataload, namespace: default, operationType: DataLoad}
  blockWorkloadPodScheduling: true
  processor:
    spec:                                        # a PodSpec: an existing image, GPU included
      containers:
      - {name: group-data, image: myhandler:latest, imagePullPolicy: IfNotPresent,
         command: [python3, group.py, /data1, data2], resources: {}}
"#;

fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds/examples").join(name).display().to_string()
}

#[test]
fn the_missions_manifests_are_there_byte_for_byte_and_valid() {
    let place = Place::new();
    for (name, wanted) in
        [("dataset", DATASET), ("runtime-profile", PROFILE), ("data-processing", PROCESSING)]
    {
        let path = example(&format!("mission/{name}.yaml"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted, "{name}");
        place.run(["run", "--dry-run", &path]).code(0);
    }
    let plan = place.run(["run", "--dry-run", "-o", "json", &example("mission")]).code(0).json();
    let step = &plan["plan"][0];
    assert_eq!(step["does"], "container myhandler:latest");
    assert_eq!(
        step["waitingFor"],
        serde_json::json!(["Dataset default/data1", "Dataset default1/data2", "DataLoad default/dataload"])
    );
}

#[test]
fn digits_is_planned_in_order() {
    let plan = Place::new().run(["run", "--dry-run", "-o", "json", &example("digits.yaml")]).code(0).json();
    let names: Vec<_> =
        plan["plan"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["preload", "split", "pca-train", "pca-test"]);
}
