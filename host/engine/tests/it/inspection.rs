//! Modules that are refused before any of their code runs, and what is read of those that are not.

use millrace_engine::{CompileError, CompileLimits, InspectError, World, cache_key, compile, inspect};

use crate::guests;

/// Fixtures that are refused, with a part of the message that says why.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("table-at-start", "300000 elements in a table"),
    ("descriptor-absent", "no custom section"),
    ("descriptor-not-json", "descriptor is not valid"),
    ("descriptor-wrong-field", "descriptor is not valid"),
    ("descriptor-bad-name", "name \"../x\""),
    ("descriptor-bad-version", "version \"new\""),
    ("descriptor-twice", "2 different descriptors"),
    ("feature-threads", "threads"),
    ("feature-second-memory", "memor"),
    ("import-wasi", "wasi:cli/environment@0.2.6"),
    ("import-unknown", "acme:phone/home@1.0.0"),
    ("import-unknown-interface", "millrace:processor/network@0.1.0"),
    ("import-function", "fetch"),
    ("import-next-version", "millrace:processor/types@0.2.0"),
    ("world-empty", "nothing of the contract"),
    ("core-module", "core module"),
];

fn refusal(wasm: &[u8]) -> Option<String> {
    let limits = CompileLimits::default();
    if let Err(error) = inspect(wasm, &limits) {
        return Some(error.to_string());
    }
    compile(wasm, &limits).err().map(|error| error.to_string())
}

#[test]
fn every_refused_fixture_is_told_why() {
    let mut wrong = Vec::new();
    for (name, part) in REFUSED {
        let found = refusal(&guests::component(name));
        if !found.as_ref().is_some_and(|found| found.contains(part)) {
            wrong.push(format!("{name}: {part:?} expected, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_honest_module_is_described() {
    let worlds = [
        ("honest-split", World::Split),
        ("honest-aggregate", World::Aggregate),
        ("honest-transform", World::Transform),
    ];
    for (name, world) in worlds {
        let info = inspect(&guests::component(name), &CompileLimits::default()).unwrap();
        assert_eq!((info.world, info.descriptor.name.as_str()), (world, "fixture"));
        assert!(info.digest.starts_with("sha256:") && info.digest.len() == 71);
    }
}

#[test]
fn a_descriptor_with_everything_is_read() {
    let text = r#"{"name":"split","version":"1.2.0-rc.1","description":"d","params_schema":{"type":"object"},
        "inputs":[{"name":"data","description":"","schema":{"fields":[{"name":"v","dtype":"float32","width":8}]}}],
        "guarantees":[{"disjoint-by":"groups"},{"min-rows-per-class":["stratify","minPerClass"]}],
        "traits":["deterministic","row-local"]}"#;
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
    let wasm =
        guests::from_text(&format!(";; world: split\n(@custom \"millrace:descriptor\" \"{quoted}\")\n"));
    let descriptor = inspect(&wasm, &CompileLimits::default()).unwrap().descriptor;
    assert_eq!((descriptor.guarantees.len(), descriptor.traits.len()), (2, 2));
    assert_eq!(descriptor.inputs[0].schema.as_ref().unwrap().fields[0].width, 8);
}

/// Things that would make the compiler work for minutes are refused before it starts.
#[test]
fn compile_bombs_are_refused() {
    let bombs = [
        (format!("(func $bomb (local {}))", "i64 ".repeat(20_000)), "locals in one function"),
        (format!("(func $bomb {})", "(drop (i32.const 1)) ".repeat(200_000)), "bytes in one function"),
        ("(func)".repeat(200_001), "functions"),
        ("(global i32 (i32.const 0))".repeat(100_001), "globals"),
    ];
    for (bomb, what) in bombs {
        let wasm = guests::from_text(&format!(";; world: split\n{bomb}\n"));
        let found = compile(&wasm, &CompileLimits::default()).err().map(|error| error.to_string());
        assert!(found.as_ref().is_some_and(|found| found.contains(what)), "{what}: {found:?}");
    }
    let small = CompileLimits { component_bytes: 100, ..CompileLimits::default() };
    let refused = compile(&guests::component("honest-split"), &small);
    assert!(matches!(refused, Err(CompileError::Refused(_))));
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    let honest = guests::component("honest-split");
    let limits = CompileLimits::default();
    for wasm in [&b""[..], b"\0asm", b"hello", &honest[..honest.len() / 2]] {
        assert!(matches!(inspect(wasm, &limits), Err(InspectError::Refused(_))));
        assert!(compile(wasm, &limits).is_err());
    }
}

#[test]
fn a_module_for_another_engine_is_not_loaded() {
    let mut cwasm = compile(&guests::component("honest-split"), &CompileLimits::default()).unwrap();
    cwasm.truncate(cwasm.len() / 2);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cwasm).unwrap();
    assert!(millrace_engine::Module::load(file.path()).is_err());
}

#[test]
fn the_cache_key_names_module_and_machine() {
    let key = cache_key("sha256:00ff").unwrap();
    assert_eq!(key, cache_key("00ff").unwrap());
    assert!(key.starts_with("00ff-") && key.len() == "00ff-".len() + 16);
}
