//! Every limit that a module runs and compiles under, with its default and its reason.
//!
//! Nothing here enforces anything: the limiter, the log, the host functions and the outputs do.

use std::time::Duration;

/// What one task (all its instances together where it says so) may use at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories of all instances of the task, and of the sums that kernels hold for them.
    pub memory_bytes: u64,
    /// Time from the start of the task to its end, on the wall clock.
    pub deadline: Duration,
    /// How long a module that was told to stop may go on before it is stopped.
    pub cancel_grace: Duration,
    /// Elements of all tables of one instance; a Rust module has as many as it has function pointers.
    pub table_elements: u64,
    /// Core instances inside one component instance; a component with adapters has about five.
    pub core_instances: usize,
    /// Linear memories of one component instance.
    pub memories: usize,
    /// Tables of one component instance.
    pub tables: usize,
    /// Bytes that the module may hand to the host in one call.
    pub host_call_bytes: usize,
    /// Host-held things (batches, outputs, blobs, tables, kernels) that one instance may keep open.
    pub handles: usize,
    /// Bytes of log kept per instance; half from the start, half from the end.
    pub log_bytes: usize,
    /// Bytes of one log line, progress message, error or bad-row message; longer ones are cut.
    pub message_bytes: usize,
    /// Bytes of a partial state, and of everything `finalize` returns.
    pub state_bytes: u64,
    /// Bytes written to all outputs of the task. Enforced by its `Outputs`.
    pub output_bytes: u64,
    /// Files written by the task. Enforced by its `Outputs`.
    pub output_files: u64,
    /// Outputs that one instance may open or name; an assignment is a `u16` of which two values are taken.
    pub outputs: usize,
    /// Bytes of the name of an output, a model file or a counter.
    pub name_bytes: usize,
    /// Parts (separated by `/`) of the name of an output or a model file.
    pub name_depth: usize,
    /// Different counters.
    pub counters: usize,
    /// Columns (fixed-size lists flattened) that a kernel works on; its sums take 12 bytes for each pair of them.
    pub kernel_columns: usize,
}

const MIB: u64 = 1 << 20;

impl Default for Limits {
    /// The defaults of every operation that names no others.
    fn default() -> Self {
        Self {
            memory_bytes: 512 * MIB,
            deadline: Duration::from_secs(3600),
            cancel_grace: Duration::from_secs(2),
            table_elements: 200_000,
            core_instances: 64,
            memories: 8,
            tables: 64,
            host_call_bytes: 256 << 20,
            handles: 4_096,
            log_bytes: 1 << 20,
            message_bytes: 8 << 10,
            state_bytes: 64 * MIB,
            output_bytes: 1024 * MIB,
            output_files: 1_000_000,
            outputs: usize::from(millrace_data::outputs::BAD),
            name_bytes: 200,
            name_depth: 1,
            counters: 1_000,
            kernel_columns: 4_096,
        }
    }
}

/// What a module may look like before a compiler is let near it. Compiling is super-linear in the
/// size of a function (half a megabyte took two seconds, one megabyte nine), so functions are capped
/// hardest; the worker process that compiles has caps on CPU time and memory besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of the whole component.
    pub component_bytes: usize,
    /// Functions of all core modules together.
    pub functions: u64,
    /// Bytes of one function's body.
    pub function_bytes: u64,
    /// Locals of one function.
    pub locals: u64,
    /// Types of all core modules and components together.
    pub types: u64,
    /// Imports and exports of all core modules and components together.
    pub names: u64,
    /// Core modules inside the component.
    pub core_modules: u64,
    /// Components inside the component.
    pub components: u64,
    /// Core and component instances.
    pub instances: u64,
    /// Linear memories of all core modules together.
    pub memories: u64,
    /// Tables of all core modules together.
    pub tables: u64,
    /// Elements a table may have at the start.
    pub table_elements: u64,
    /// Globals of all core modules together.
    pub globals: u64,
    /// Data and element segments of all core modules together.
    pub segments: u64,
}

impl Default for CompileLimits {
    /// Fits every honest module known, componentised Python (18 MB, 30,000 functions) included.
    fn default() -> Self {
        Self {
            component_bytes: 64 << 20,
            functions: 200_000,
            function_bytes: 512 << 10,
            locals: 10_000,
            types: 200_000,
            names: 100_000,
            core_modules: 64,
            components: 64,
            instances: 1_000,
            memories: 16,
            tables: 128,
            table_elements: 200_000,
            globals: 100_000,
            segments: 200_000,
        }
    }
}
