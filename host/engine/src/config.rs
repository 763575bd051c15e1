//! How wasmtime is set up: one compiler engine for the worker, one engine without compiler for runs.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel, Strategy};

/// How often running modules look at their deadline.
const TICK: Duration = Duration::from_millis(10);
/// Stack of a module; deeper recursion is a trap.
const STACK_BYTES: usize = 512 << 10;

/// The settings, the same for compiling and running, so that what the one makes the other loads.
///
/// Off is everything a processor does not need or that would make results differ between machines:
/// threads and shared memory, 64-bit memories, the garbage-collected types and exceptions (large, and the newest
/// part of the compiler), component-model async. Relaxed SIMD gives the same bits everywhere. Memories
/// keep wasmtime's 4 GiB reservation with guard pages, without which each access would be checked.
/// Instances are allocated on demand: the pooling allocator gained nothing for steps of
/// seconds and cost memory.
fn settings() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift).cranelift_opt_level(OptLevel::Speed);
    config.epoch_interruption(true).max_wasm_stack(STACK_BYTES);
    config.relaxed_simd_deterministic(true);
    config.wasm_memory64(false).wasm_multi_memory(false).wasm_custom_page_sizes(false);
    config.shared_memory(false).gc_support(false).concurrency_support(false);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(32));
    config
}

/// The engine that compiles; used in the compile worker only.
pub(crate) fn compiler() -> wasmtime::Result<Engine> {
    Engine::new(&settings())
}

/// The engine that runs compiled modules: one per process, unable to compile.
pub(crate) fn runner() -> Result<&'static Engine, String> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    ENGINE.get_or_init(start_runner).as_ref().map_err(Clone::clone)
}

fn start_runner() -> Result<Engine, String> {
    let mut config = settings();
    config.enable_compiler(false);
    let engine = Engine::new(&config).map_err(|error| format!("start the engine: {error:#}"))?;
    spawn_ticker(&engine)?;
    Ok(engine)
}

/// Moves the engine's epoch on, for as long as the process lives; each store looks at the clock when
/// it notices. One relaxed atomic add a tick.
fn spawn_ticker(engine: &Engine) -> Result<(), String> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    let thread = std::thread::Builder::new().name("millrace-epoch".to_owned());
    thread.spawn(tick).map(drop).map_err(|error| format!("start the deadline thread: {error}"))
}
