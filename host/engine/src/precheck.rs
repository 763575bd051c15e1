//! What can be told of a module by parsing alone: its size, its parts, its imports and exports.
//!
//! Runs before the compiler and before anything is stored; it executes nothing and its memory is a
//! few counters and the names at the top level.

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, FunctionBody, Parser, Payload, TypeRef};

use crate::limits::CompileLimits;

/// Why a module was refused without compiling it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not WebAssembly, or cut short.
    #[error("not a WebAssembly component: {0}")]
    Malformed(String),
    /// A core module where a component is wanted.
    #[error(
        "this is a core module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// More of something than a module may have.
    #[error("the module has {found} {what}, more than the {limit} a module may have")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many there are (counting stops soon after the limit).
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// An import that no processor may use.
    #[error(
        "the module imports {0:?}, which no processor may use; a processor imports millrace:processor/* and nothing else"
    )]
    Import(String),
    /// No world of the contract has these exports.
    #[error(
        "the module exports {0}, which is no world of millrace:processor: `descriptor` and `transformer`, `splitter` or `aggregator` are wanted"
    )]
    World(String),
    /// Made for another version of the contract.
    #[error("the module was made for {found}, but this host offers millrace:processor@0.1")]
    Version {
        /// The interface as the module names it.
        found: String,
    },
}

/// What a module does, as its exports say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Rows in, rows out.
    Transform,
    /// Rows in, an output for each.
    Split,
    /// Rows in, a state out.
    Aggregate,
    /// A pass that learns, then [`World::Transform`].
    FitTransform,
    /// A pass that learns, then [`World::Split`].
    FitSplit,
}

impl World {
    /// Whether it exports `aggregator`.
    #[must_use]
    pub fn aggregates(self) -> bool {
        matches!(self, Self::Aggregate | Self::FitTransform | Self::FitSplit)
    }
    /// Whether it exports `splitter`.
    #[must_use]
    pub fn splits(self) -> bool {
        matches!(self, Self::Split | Self::FitSplit)
    }
    /// Whether it exports `transformer`.
    #[must_use]
    pub fn transforms(self) -> bool {
        matches!(self, Self::Transform | Self::FitTransform)
    }
    /// The world's name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Split => "split",
            Self::Aggregate => "aggregate",
            Self::FitTransform => "fit-transform",
            Self::FitSplit => "fit-split",
        }
    }
}

/// What parsing tells of a component.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Names of the component's imports.
    pub(crate) imports: Vec<String>,
    /// Names of the component's exported instances.
    pub(crate) exports: Vec<String>,
    /// Contents of the custom sections called `millrace:descriptor`, wherever they stand.
    pub(crate) descriptors: Vec<Vec<u8>>,
}

/// Name of the custom section that holds the descriptor.
const DESCRIPTOR_SECTION: &str = "millrace:descriptor";

#[derive(Default)]
struct Counts {
    functions: u64,
    types: u64,
    names: u64,
    core_modules: u64,
    components: u64,
    instances: u64,
    memories: u64,
    tables: u64,
    globals: u64,
    segments: u64,
}

/// Parses the whole component, holding it to the limits and its imports to the contract.
pub(crate) fn check(wasm: &[u8], limits: &CompileLimits) -> Result<Shape, Refusal> {
    at_most("bytes", wasm.len() as u64, limits.component_bytes as u64)?;
    let (mut shape, mut counts, mut depth) = (Shape::default(), Counts::default(), 0_usize);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        match &payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(Refusal::CoreModule);
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth == 1 => top_level(&payload, &mut shape)?,
            _ => (),
        }
        if let Payload::CustomSection(section) = &payload
            && section.name() == DESCRIPTOR_SECTION
        {
            shape.descriptors.push(section.data().to_vec());
        }
        counts.add(&payload, limits)?;
        counts.check(limits)?;
    }
    Ok(shape)
}

fn malformed(error: wasmparser::BinaryReaderError) -> Refusal {
    Refusal::Malformed(error.to_string())
}

fn top_level(payload: &Payload<'_>, shape: &mut Shape) -> Result<(), Refusal> {
    match payload {
        Payload::ComponentImportSection(section) => {
            for import in section.clone() {
                let import = import.map_err(malformed)?;
                allowed(import.name.0, import.ty)?;
                shape.imports.push(import.name.0.to_owned());
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone() {
                let export = export.map_err(malformed)?;
                if export.kind == ComponentExternalKind::Instance {
                    shape.exports.push(export.name.0.to_owned());
                }
            }
        }
        _ => (),
    }
    Ok(())
}

const HOST_INTERFACES: [&str; 4] = ["types", "data", "context", "kernels"];

/// An import is allowed if it is one of the contract's interfaces, in a version this host offers.
fn allowed(name: &str, kind: ComponentTypeRef) -> Result<(), Refusal> {
    let refused = || Refusal::Import(name.to_owned());
    let interface = contract_interface(name)?.ok_or_else(refused)?;
    let is_instance = matches!(kind, ComponentTypeRef::Instance(_));
    if is_instance && HOST_INTERFACES.contains(&interface) { Ok(()) } else { Err(refused()) }
}

/// `splitter` for `millrace:processor/splitter@0.1.3`; none for what is not of the contract.
fn contract_interface(name: &str) -> Result<Option<&str>, Refusal> {
    let Some(rest) = name.strip_prefix("millrace:processor/") else { return Ok(None) };
    match rest.split_once('@') {
        Some((interface, version)) if version.starts_with("0.1.") => Ok(Some(interface)),
        _ => Err(Refusal::Version { found: name.to_owned() }),
    }
}

/// The world whose exports these are.
pub(crate) fn world(shape: &Shape) -> Result<World, Refusal> {
    let mut found = Vec::new();
    for name in &shape.exports {
        if let Some(interface) = contract_interface(name)? {
            found.push(interface);
        }
    }
    let has = |interface| found.contains(&interface);
    match (has("descriptor"), has("aggregator"), has("splitter"), has("transformer")) {
        (true, false, false, true) => Ok(World::Transform),
        (true, false, true, false) => Ok(World::Split),
        (true, true, false, false) => Ok(World::Aggregate),
        (true, true, false, true) => Ok(World::FitTransform),
        (true, true, true, false) => Ok(World::FitSplit),
        _ if found.is_empty() => Err(Refusal::World("nothing of the contract".to_owned())),
        _ => Err(Refusal::World(found.join(", "))),
    }
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), Refusal> {
    if found > limit { Err(Refusal::TooMany { what, found, limit }) } else { Ok(()) }
}

impl Counts {
    fn add(&mut self, payload: &Payload<'_>, limits: &CompileLimits) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => self.core_modules += 1,
            Payload::Version { encoding: Encoding::Component, .. } => self.components += 1,
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentImportSection(section) => self.names += u64::from(section.count()),
            Payload::ComponentExportSection(section) => self.names += u64::from(section.count()),
            Payload::ExportSection(section) => self.names += u64::from(section.count()),
            Payload::ImportSection(section) => self.add_imports(section.clone())?,
            Payload::InstanceSection(section) => self.instances += u64::from(section.count()),
            Payload::ComponentInstanceSection(section) => self.instances += u64::from(section.count()),
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::MemorySection(section) => self.memories += u64::from(section.count()),
            Payload::TableSection(section) => self.add_tables(section.clone(), limits)?,
            Payload::GlobalSection(section) => self.globals += u64::from(section.count()),
            Payload::DataSection(section) => self.segments += u64::from(section.count()),
            Payload::ElementSection(section) => self.segments += u64::from(section.count()),
            Payload::CodeSectionEntry(body) => check_function(body, limits)?,
            _ => (),
        }
        Ok(())
    }

    fn add_imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), Refusal> {
        for import in section.into_imports() {
            self.names += 1;
            match import.map_err(malformed)?.ty {
                TypeRef::Table(_) => self.tables += 1,
                TypeRef::Memory(_) => self.memories += 1,
                _ => (),
            }
        }
        Ok(())
    }

    fn add_tables(
        &mut self,
        section: wasmparser::TableSectionReader<'_>,
        limits: &CompileLimits,
    ) -> Result<(), Refusal> {
        for table in section {
            self.tables += 1;
            at_most("elements in a table", table.map_err(malformed)?.ty.initial, limits.table_elements)?;
        }
        Ok(())
    }

    fn check(&self, limits: &CompileLimits) -> Result<(), Refusal> {
        at_most("functions", self.functions, limits.functions)?;
        at_most("types", self.types, limits.types)?;
        at_most("imports and exports", self.names, limits.names)?;
        at_most("core modules", self.core_modules, limits.core_modules)?;
        at_most("components", self.components, limits.components)?;
        at_most("instances", self.instances, limits.instances)?;
        at_most("memories", self.memories, limits.memories)?;
        at_most("tables", self.tables, limits.tables)?;
        at_most("globals", self.globals, limits.globals)?;
        at_most("segments", self.segments, limits.segments)
    }
}

fn check_function(body: &FunctionBody<'_>, limits: &CompileLimits) -> Result<(), Refusal> {
    at_most("bytes in one function", body.range().len() as u64, limits.function_bytes)?;
    let mut locals = 0_u64;
    for group in body.get_locals_reader().map_err(malformed)? {
        locals += u64::from(group.map_err(malformed)?.0);
        at_most("locals in one function", locals, limits.locals)?;
    }
    Ok(())
}
