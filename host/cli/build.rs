//! Puts the shipped modules, where they have been built, into the binary. It builds nothing itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=MILLRACE_MODULES_DIR");
    println!("cargo:rerun-if-env-changed=MILLRACE_COMMIT");
    let folder = modules_folder();
    println!("cargo:rerun-if-changed={}", folder.display());
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    println!("cargo:rerun-if-changed={}", lock.display());
    println!("cargo:rustc-env=MILLRACE_ENGINE={}", locked_version(&fs::read_to_string(lock)?, "wasmtime"));
    let table = table(&modules_in(&folder)?);
    let output = env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    fs::write(output.join("shipped_modules.rs"), table)
}

/// `MILLRACE_MODULES_DIR`, or `target/modules` of the workspace.
fn modules_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let given = env::var_os("MILLRACE_MODULES_DIR").map(PathBuf::from);
    given.unwrap_or_else(|| workspace.join("target/modules"))
}

/// Name and path of every module; none where the folder is not there.
fn modules_in(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut modules = Vec::new();
    for entry in entries {
        let path = entry?.path().canonicalize()?;
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            println!("cargo:rerun-if-changed={}", path.display());
            modules.push((name, path));
        }
    }
    modules.sort();
    Ok(modules)
}

/// `wasmtime 48.0.8`, as the lock file has it.
fn locked_version(lock: &str, package: &str) -> String {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = lock.split_once(&entry).and_then(|(_, rest)| rest.split('"').next());
    format!("{package} {}", version.unwrap_or("unknown"))
}

fn table(modules: &[(String, PathBuf)]) -> String {
    let mut text =
        "/// Name and bytes of every shipped module.\nstatic SHIPPED: &[(&str, &[u8])] = &[\n".to_owned();
    for (name, path) in modules {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    text.push_str("];\n");
    text
}
