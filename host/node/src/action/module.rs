//! A module by its digest: its bytes, what it says of itself, and its compiled form.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use millrace_crds::Reason;
use millrace_crds::node_task::ModuleFile;
use millrace_crds::operation::ResolvedModule;
use millrace_crds::reason::Fault;
use millrace_engine::{CompileLimits, ModuleInfo};

use super::blocking;
use super::inputs::Frozen;
use crate::agent::{Agent, Reporter};
use crate::config::AgentConfig;
use crate::failure::{self, Failure};

/// A module that can be run.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) info: Arc<ModuleInfo>,
    /// The compiled file.
    pub(crate) compiled: PathBuf,
}

/// The modules that this agent has used.
#[derive(Default)]
pub(crate) struct Modules(Mutex<HashMap<String, Ready>>);

/// Largest file of a module (objects.md, `ProcessorModule`).
const MODULE_BYTES: u64 = 32 << 20;

/// Longest that a compile worker may take on the wall clock; its processor time is capped at 60 s.
const PATIENCE: Duration = Duration::from_secs(180);

impl Modules {
    /// The module, brought from `file` if it is not here, and compiled if it was not yet.
    ///
    /// # Errors
    /// It is nowhere, is not what its digest says, or was refused.
    pub(crate) async fn get(
        &self,
        agent: &Agent,
        module: &ResolvedModule,
        file: Option<&ModuleFile>,
        reporter: &Reporter,
    ) -> Result<Ready, Failure> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&module.digest).cloned();
        if let Some(ready) = known.filter(|ready| ready.compiled.exists()) {
            return Ok(ready);
        }
        if let Some(file) = file {
            bring(agent, module, file, reporter).await?;
        }
        let (config, wanted) = (agent.config.clone(), module.clone());
        let ready = blocking(move || prepare(&config, &wanted)).await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(module.digest.clone(), ready.clone());
        Ok(ready)
    }
}

fn prepare(config: &AgentConfig, module: &ResolvedModule) -> Result<Ready, Failure> {
    let wasm = find(config, module)?;
    let info = millrace_engine::inspect(&wasm, &CompileLimits::default()).map_err(|error| {
        Failure::new(Reason::ModuleRefused, Fault::Module, failure::chain(&error)).at(&module.name)
    })?;
    let key = millrace_engine::cache_key(&module.digest)?;
    let compiled = config.folders.modules.join(format!("{key}.cwasm"));
    if !compiled.exists() {
        compile_once(config, &wasm, &compiled).map_err(|failure| failure.at(&module.name))?;
    }
    Ok(Ready { info: Arc::new(info), compiled })
}

/// Copies `file` into the modules folder under its digest, unless the module is here.
async fn bring(
    agent: &Agent,
    module: &ResolvedModule,
    file: &ModuleFile,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let kept = kept(&agent.config, module)?;
    if agent.config.shipped.contains_key(&module.digest) || kept.exists() {
        return Ok(());
    }
    let datasets = std::slice::from_ref(&file.dataset);
    let frozen = Frozen::freeze(agent, datasets, "module", &file.path, None).await?;
    let (files, _pins) = frozen.bring(agent, reporter).await?;
    let [only] = files.as_slice() else {
        let message = format!("{} is {} files: name the one that is the module", file.path, files.len());
        return Err(Failure::user(Reason::InvalidSpec, message));
    };
    let (local, path, digest) = (only.local.clone(), file.path.clone(), module.digest.clone());
    blocking(move || keep(&local, &path, &digest, &kept)).await
}

/// Copies a module that is what its digest says, all or nothing.
fn keep(local: &Path, named: &str, digest: &str, kept: &Path) -> Result<(), Failure> {
    let refused = |message: String| Failure::new(Reason::ModuleRefused, Fault::User, message);
    let wasm = read_module(local)?.ok_or_else(|| {
        refused(format!("{named} is larger than {MODULE_BYTES} bytes, more than a module may be"))
    })?;
    let found = millrace_engine::digest(&wasm);
    if found != digest {
        return Err(refused(format!(
            "{named} has the digest {found} and not {digest}: correct the object's sha256, or put the right file there"
        )));
    }
    let folder = kept.parent().unwrap_or(Path::new("."));
    tempfile::NamedTempFile::new_in(folder)
        .and_then(|mut new| new.write_all(&wasm).map(|()| new))
        .and_then(|new| new.persist(kept).map_err(|error| error.error))
        .map(|_| ())
        .map_err(|error| failure::io("write", kept, &error))
}

/// The bytes of a file of at most [`MODULE_BYTES`].
fn read_module(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let mut wasm = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MODULE_BYTES + 1).read_to_end(&mut wasm))
        .map_err(|error| failure::io("read", path, &error))?;
    Ok((wasm.len() as u64 <= MODULE_BYTES).then_some(wasm))
}

/// Where a module is kept.
fn kept(config: &AgentConfig, module: &ResolvedModule) -> Result<PathBuf, Failure> {
    let hex = module.digest.strip_prefix("sha256:").unwrap_or(&module.digest);
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::user(
            Reason::ModuleNotFound,
            format!("{:?} is no digest of a module", module.digest),
        ));
    }
    Ok(config.folders.modules.join(format!("{hex}.wasm")))
}

/// The module's bytes: inside this program, or in the modules folder under its digest.
fn find(config: &AgentConfig, module: &ResolvedModule) -> Result<Bytes, Failure> {
    if let Some(wasm) = config.shipped.get(&module.digest) {
        return Ok(wasm.clone());
    }
    let path = kept(config, module)?;
    let wasm = std::fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let message = format!(
                "module {} {} ({}) is not on this node: give its file with --module, or put it back where its ProcessorModule says",
                module.name, module.version, module.digest
            );
            Failure::user(Reason::ModuleNotFound, message)
        }
        _ => failure::io("read", &path, &error),
    })?;
    let found = millrace_engine::digest(&wasm);
    if found != module.digest {
        let message = format!(
            "{} has the digest {found} and not the one it is named by; remove it and push the module again",
            path.display()
        );
        return Err(Failure::new(Reason::ModuleRefused, Fault::Host, message));
    }
    Ok(wasm.into())
}

/// Compiles unless somebody else does or did: one process at a time for each module.
fn compile_once(config: &AgentConfig, wasm: &[u8], compiled: &Path) -> Result<(), Failure> {
    let lock_path = compiled.with_extension("lock");
    let lock = File::create(&lock_path).map_err(|error| failure::io("create", &lock_path, &error))?;
    // Bounded by the patience with whoever holds it: a lock ends with its process.
    lock.lock().map_err(|error| failure::io("lock", &lock_path, &error))?;
    if compiled.exists() {
        return Ok(());
    }
    let native = compile(config, wasm)?;
    let new = compiled.with_extension("new");
    std::fs::write(&new, native)
        .and_then(|()| std::fs::rename(&new, compiled))
        .map_err(|error| failure::io("write", compiled, &error))
}

fn compile(config: &AgentConfig, wasm: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut command = config.compile_worker.std_command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if config.require_sandbox {
        command.arg(crate::compile_worker::REQUIRE_SANDBOX);
    }
    let failed = |error: std::io::Error| {
        Failure::internal(format!(
            "run the compile worker {}: {error}",
            config.compile_worker.program.display()
        ))
    };
    let mut child = command.spawn().map_err(failed)?;
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(wasm)));
        crate::process::wait_with_output(child, PATIENCE)
    });
    judge(output.map_err(failed)?)
}

fn judge(output: Output) -> Result<Vec<u8>, Failure> {
    use std::os::unix::process::ExitStatusExt;
    let refused = |why: &str| Failure::new(Reason::ModuleRefused, Fault::Module, why);
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    match (output.status.code(), output.status.signal()) {
        (Some(code), _) if code == i32::from(crate::compile_worker::REFUSED) => Err(refused(words.trim())),
        (_, Some(libc::SIGXCPU)) => {
            Err(refused("compiling it took more than 60 s of processor time; make its functions smaller"))
        }
        (_, Some(libc::SIGABRT)) => {
            Err(refused("compiling it needed more than 1 GiB of memory; make its functions smaller"))
        }
        _ => Err(Failure::internal(format!(
            "the compile worker ended with {}: {}",
            output.status,
            words.trim()
        ))),
    }
}
