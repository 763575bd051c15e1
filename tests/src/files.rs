//! Reading what was published, and making inputs.

use std::collections::BTreeMap;
use std::path::Path;

use walkdir::WalkDir;

/// Every published file below `root` (the internal folder left out): relative path → BLAKE3 of its bytes.
///
/// # Panics
/// If a file cannot be read.
#[must_use]
pub fn tree(root: &Path) -> BTreeMap<String, String> {
    walk(root).map(|(name, bytes)| (name, blake3::hash(&bytes).to_hex().to_string())).collect()
}

/// The part files of one output in order of their names.
///
/// # Panics
/// If a file cannot be read.
#[must_use]
pub fn parts(output: &Path) -> Vec<Vec<u8>> {
    let mut parts: Vec<_> = walk(output).filter(|(name, _)| name.contains("part-")).collect();
    parts.sort();
    parts.into_iter().map(|(_, bytes)| bytes).collect()
}

/// The records of one output's CSV parts, headers left out, in order.
///
/// # Panics
/// If a part is not CSV.
#[must_use]
pub fn records(output: &Path) -> Vec<csv::StringRecord> {
    let read = |bytes: Vec<u8>| {
        csv::Reader::from_reader(std::io::Cursor::new(bytes))
            .into_records()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    parts(output).into_iter().flat_map(read).collect()
}

/// Whether anything that looks published or half published is below `output`.
#[must_use]
pub fn nothing_published(output: &Path) -> bool {
    !output.join("_SUCCESS").exists()
        && !output.join("_millrace/manifest.json").exists()
        && parts_outside_staging(output) == 0
}

fn parts_outside_staging(output: &Path) -> usize {
    if output.exists() { walk(output).filter(|(name, _)| name.contains("part-")).count() } else { 0 }
}

fn walk(root: &Path) -> impl Iterator<Item = (String, Vec<u8>)> {
    let entries = WalkDir::new(root)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "_millrace")
        .map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(move |entry| {
        let name = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).unwrap())
    })
}

/// A CSV of `rows` rows with an id, a skewed label, a key and a note full of quotes, commas and line ends.
/// The same for every call with the same arguments.
#[must_use]
pub fn nasty_csv(rows: usize) -> String {
    let mut text = String::from("id,label,key,note\n");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for id in 0..rows {
        // xorshift64: any fixed sequence will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let label =
            ["ant", "bee", "cat", "dog"].get((state % 16).ilog2_or_zero().min(3)).copied().unwrap_or("dog");
        let key = state % 997;
        let note = match state % 5 {
            0 => "plain".to_owned(),
            1 => format!("\"line one\nline two, {id}\""),
            2 => format!("\"she said \"\"{key}\"\"\r\n\""),
            3 => String::new(),
            _ => "\"a,b,c\"".to_owned(),
        };
        text.push_str(&format!("{id},{label},k{key},{note}\n"));
    }
    text
}

/// `ilog2` with 0 for 0, to draw from a skewed distribution.
trait IlogOrZero {
    fn ilog2_or_zero(self) -> usize;
}

impl IlogOrZero for u64 {
    fn ilog2_or_zero(self) -> usize {
        if self == 0 { 0 } else { self.ilog2() as usize }
    }
}
