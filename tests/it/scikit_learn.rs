//! PCA against scikit-learn: the model and the projected data agree as closely as documented.

use std::process::Command;

use millrace_tests::millrace::{Millrace, repository};
use millrace_tests::{python, skip};

#[test]
fn pca_agrees_with_scikit_learn_on_every_kind_of_matrix() {
    let python = match python::interpreter() {
        Ok(python) => python,
        Err(why) => return skip("pca_agrees_with_scikit_learn_on_every_kind_of_matrix", &why),
    };
    let millrace = Millrace::new();
    let script = repository().join("tests/it/scikit_learn.py");
    let digits = repository().join("crds/examples/data/digits/digits.csv");
    let output = Command::new(python)
        .arg(script)
        .arg(millrace_tests::millrace::binary())
        .arg(millrace.work())
        .arg(digits)
        .output()
        .expect("start python");
    let told =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert!(told.contains("10 cases agree"), "{told}");
}
