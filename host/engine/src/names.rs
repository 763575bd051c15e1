//! Names that a module gives to things that become files or labels.

use crate::limits::Limits;

/// Checks the name of an output or of a model's file: relative, no way out, nothing hidden.
pub(crate) fn check(what: &str, name: &str, limits: &Limits) -> Result<(), String> {
    length(what, name, limits)?;
    let parts: Vec<_> = name.split('/').collect();
    if parts.len() > limits.name_depth {
        let depth = limits.name_depth;
        return Err(format!("{what} name {name:?}: {} parts, at most {depth} are allowed", parts.len()));
    }
    match parts.iter().find_map(|part| fault(part)) {
        Some(fault) => Err(format!("{what} name {name:?}: {fault}")),
        None => Ok(()),
    }
}

/// Checks the length of any name.
pub(crate) fn length(what: &str, name: &str, limits: &Limits) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("{what} name: empty"));
    }
    if name.len() > limits.name_bytes {
        return Err(format!("{what} name: {} bytes, at most {} are allowed", name.len(), limits.name_bytes));
    }
    Ok(())
}

fn fault(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("an empty part"),
        "." | ".." => Some("a part that is `.` or `..`"),
        _ if part.starts_with('.') => Some("a part that begins with a dot"),
        _ if part.starts_with("_millrace") => Some("`_millrace` is the host's"),
        _ if part.contains('\\') => Some("a backslash"),
        _ if part.chars().any(char::is_control) => Some("a control character"),
        _ => None,
    }
}
