//! Checks that a component imports nothing but the contract: `module-imports FILE.wasm`.
//!
//! Built by `build-modules.sh` with rustc alone, so that building modules needs no further crate.
//! It reads the component's import sections and nothing else of it.

use std::process::ExitCode;

const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";
const IMPORT_SECTION: u8 = 10;
const CONTRACT: &str = "millrace:processor/";

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: module-imports FILE.wasm");
        return ExitCode::from(2);
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(&path, &error.to_string()),
    };
    let Some(imports) = imports(&bytes) else { return refuse(&path, "this is not a component") };
    let foreign: Vec<_> = imports.iter().filter(|name| !name.starts_with(CONTRACT)).map(String::as_str).collect();
    if foreign.is_empty() { ExitCode::SUCCESS } else { refuse(&path, &format!("it imports {}", foreign.join(", "))) }
}

fn refuse(path: &str, reason: &str) -> ExitCode {
    eprintln!("error: {path}: {reason}; a module may import only {CONTRACT}*");
    ExitCode::FAILURE
}

/// Names of what the component imports; none where the bytes are no component.
fn imports(bytes: &[u8]) -> Option<Vec<String>> {
    let mut cursor = Cursor(bytes.strip_prefix(PREAMBLE)?);
    let mut names = Vec::new();
    while !cursor.0.is_empty() {
        let section = cursor.byte()?;
        let size = cursor.number()?;
        let mut content = Cursor(cursor.take(size)?);
        if section == IMPORT_SECTION {
            for _ in 0..content.number()? {
                names.push(content.import()?);
            }
        }
    }
    Some(names)
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    /// An unsigned LEB128.
    fn number(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// An import: a form byte, the name, and what is imported (skipped).
    fn import(&mut self) -> Option<String> {
        let _form = self.byte()?;
        let length = self.number()?;
        let name = String::from_utf8_lossy(self.take(length)?).into_owned();
        match self.byte()? {
            // A core module: `0x11`, then its type.
            0 => self.byte().and_then(|_| self.number()),
            // A value or a type: the kind of bound, then an index or, for `sub resource`, nothing.
            2 | 3 => match self.byte()? {
                1 => Some(0),
                _ => self.number(),
            },
            // A function, component or instance: its type.
            1 | 4 | 5 => self.number(),
            _ => None,
        }?;
        Some(name)
    }
}
