# What a person or CI calls. Each target installs what it lacks, or names the command that does.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

TARGET ?= $(or $(CARGO_TARGET_DIR),target)
export MILLRACE_MODULES_DIR ?= $(abspath $(TARGET))/modules
export MILLRACE_TOOLS ?= $(abspath $(TARGET))/tools

.PHONY: build demo test e2e check bench modules tools rust clean

## build: target/release/millrace, with the shipped modules inside it
build: modules
	cargo build --release --locked

## demo: preload -> split -> PCA -> PCA applied, on a real dataset, with no cluster
demo: build
	$(TARGET)/release/millrace run crds/examples/digits.yaml

## test: everything that needs no cluster
test: modules tools
	cargo test --workspace --locked

## e2e: the tests that need a real Kubernetes, on one built and started here (root; the first time builds it). RECORD=1: record the conformance answers anew
e2e: modules
	bash tests/e2e/cluster/install.sh
	cargo test --workspace --locked --test it e2e -- --ignored --test-threads=1

## check: what a change must pass beside the tests
check: modules
	bash tests/check.sh

## bench: ratios against the peers, both run in the same invocation
bench: build
	bash tests/bench/run.sh

## modules: the shipped Wasm modules, target/modules/*.wasm
modules: rust
	bash guest-sdk/build-modules.sh

## tools: a real S3 server and scikit-learn, for the tests
tools:
	bash tests/tools/install.sh

rust:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.95 or newer from https://rustup.rs" >&2; exit 1; }

clean:
	cargo clean
