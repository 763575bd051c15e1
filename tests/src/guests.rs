//! The test modules of `tests/guests`: read, completed, made into components.
//!
//! A fixture is the part of a module that matters. What it does not define comes from the prelude
//! here: memory, an allocator, and an honest form of every function its world exports.

use std::path::PathBuf;
use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The folder of the fixtures.
#[must_use]
pub fn folder() -> PathBuf {
    crate::millrace::repository().join("tests/guests")
}

/// A fixture as a component.
///
/// # Panics
/// If there is none of that name, or its text is wrong.
#[must_use]
pub fn component(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.wat"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    from_text(&text)
}

/// A fixture's text as a component.
///
/// # Panics
/// If the text is wrong.
#[must_use]
pub fn from_text(text: &str) -> Vec<u8> {
    let Some(world) = text.lines().find_map(|line| line.strip_prefix(";; world: ")) else {
        return wat::parse_str(text).unwrap();
    };
    let core = complete(text, world);
    let mut core = wat::parse_str(&core).unwrap_or_else(|error| panic!("{error}"));
    let (resolve, package) = contract();
    let world = resolve.select_world(&[*package], Some(world)).unwrap();
    embed_component_metadata(&mut core, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(false).module(&core).unwrap().encode().unwrap()
}

fn contract() -> &'static (Resolve, wit_parser::PackageId) {
    static CONTRACT: OnceLock<(Resolve, wit_parser::PackageId)> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let mut resolve = Resolve::default();
        let wit = crate::millrace::repository().join("guest-sdk/wit");
        let (package, _) = resolve.push_path(wit).unwrap();
        (resolve, package)
    })
}

const DATA: &str = "millrace:processor/data@0.1.0";

/// The fixture with everything that it leaves to the prelude.
fn complete(text: &str, world: &str) -> String {
    let mut core = format!(
        "(module\n(import \"{DATA}\" \"[resource-drop]batch\" (func $release (param i32)))\n\
         (import \"{DATA}\" \"[method]batch.rows\" (func $rows (param i32) (result i32)))\n"
    );
    let interface = match world {
        "split" => ("splitter", "task"),
        "aggregate" => ("aggregator", "state"),
        _ => ("transformer", "task"),
    };
    let (name, resource) = interface;
    core += &format!(
        "(import \"[export]millrace:processor/{name}@0.1.0\" \"[resource-new]{resource}\" (func $new (param i32) (result i32)))\n"
    );
    core += text;
    if !text.contains("(export \"memory\")") {
        core += "(memory (export \"memory\") 1)\n";
    }
    core += ALLOCATOR;
    if !text.contains("millrace:descriptor") && !text.contains(";; no descriptor") {
        core += DESCRIPTOR;
    }
    let functions = [
        DESCRIBE,
        match name {
            "splitter" => SPLITTER,
            "aggregator" => AGGREGATOR,
            _ => TRANSFORMER,
        },
    ];
    for function in functions.iter().flat_map(|all| all.split(";;\n")) {
        let export = function.split('"').nth(1).unwrap();
        if !text.contains(&format!("\"{export}\"")) {
            core += function;
        }
    }
    core + ")"
}

const DESCRIPTOR: &str = r#"(@custom "millrace:descriptor" "{\"name\":\"fixture\",\"version\":\"0.1.0\",\"description\":\"\",\"params_schema\":{}}")
"#;

/// Zeros at 256 are an answer: `ok` with nothing, an empty record. 512: names of outputs.
const ALLOCATOR: &str = r#"
(data (i32.const 512) "ab")(data (i32.const 520) "out")
(global $heap (mut i32) (i32.const 8192))
(func $alloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $at) (local.get 3)))
  (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
    (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16)))))))
  (local.get $at))
(func $opened (result i32)
  (i32.store (i32.const 400) (i32.const 0)) (i32.store (i32.const 404) (call $new (i32.const 1))) (i32.const 400))
"#;

const DESCRIBE: &str = r#"(func (export "millrace:processor/descriptor@0.1.0#describe") (result i32) (i32.const 256))
;;
(func (export "millrace:processor/descriptor@0.1.0#plan") (param i32 i32 i32 i32) (result i32) (i32.const 256))
"#;

const SPLITTER: &str = r#"(func (export "millrace:processor/splitter@0.1.0#[static]task.open") (result i32) (call $opened))
;;
(func (export "millrace:processor/splitter@0.1.0#[method]task.outputs") (param i32) (result i32)
  (i32.store (i32.const 440) (i32.const 512)) (i32.store (i32.const 444) (i32.const 1))
  (i32.store (i32.const 448) (i32.const 513)) (i32.store (i32.const 452) (i32.const 1))
  (i32.store (i32.const 420) (i32.const 440)) (i32.store (i32.const 424) (i32.const 2)) (i32.const 416))
;;
(func (export "millrace:processor/splitter@0.1.0#[method]task.assign") (param i32 i32) (result i32)
  (i32.store (i32.const 464) (call $alloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.mul (i32.const 2) (call $rows (local.get 1)))))
  (i32.store (i32.const 468) (i32.mul (i32.const 2) (call $rows (local.get 1))))
  (call $release (local.get 1)) (i32.const 460))
"#;

const AGGREGATOR: &str = r#"(func (export "millrace:processor/aggregator@0.1.0#[static]state.open") (result i32) (call $opened))
;;
(func (export "millrace:processor/aggregator@0.1.0#[static]state.restore") (param i32 i32) (result i32) (call $opened))
;;
(func (export "millrace:processor/aggregator@0.1.0#[method]state.update") (param i32 i32) (result i32) (call $release (local.get 1)) (i32.const 256))
;;
(func (export "millrace:processor/aggregator@0.1.0#[method]state.merge") (param i32 i32 i32) (result i32) (i32.const 256))
;;
(func (export "millrace:processor/aggregator@0.1.0#[method]state.partial") (param i32) (result i32) (i32.const 256))
;;
(func (export "millrace:processor/aggregator@0.1.0#[method]state.finalize") (param i32) (result i32) (i32.const 256))
"#;

const TRANSFORMER: &str = r#"(func (export "millrace:processor/transformer@0.1.0#[static]task.open") (result i32) (call $opened))
;;
(func (export "millrace:processor/transformer@0.1.0#[method]task.process") (param i32 i32) (result i32) (call $release (local.get 1)) (i32.const 256))
;;
(func (export "millrace:processor/transformer@0.1.0#[method]task.finish") (param i32) (result i32) (i32.const 256))
"#;
