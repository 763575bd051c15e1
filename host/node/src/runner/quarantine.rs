//! `onBadRow: Quarantine`: the bad rows of a shard, one JSON object each, beside the outputs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use millrace_data::batch::BadRow;
use millrace_data::manifest::PublishedFile;
use serde_json::json;

use crate::failure::{self, Failure};

/// Where quarantined rows are below an output; readers of the output skip it.
const FOLDER: &str = "_millrace/quarantine";

/// The bad rows of one shard.
pub(super) struct Quarantine {
    parts: PathBuf,
    shard: u32,
    open: Option<(PathBuf, BufWriter<File>, blake3::Hasher)>,
    rows: u64,
    bytes: u64,
}

impl Quarantine {
    pub(super) fn new(parts: &Path, shard: u32) -> Self {
        Self { parts: parts.to_owned(), shard, open: None, rows: 0, bytes: 0 }
    }

    /// Keeps a row, with where it was and what is wrong with it.
    pub(super) fn push(&mut self, row: &BadRow) -> Result<(), Failure> {
        let text = row.bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes));
        let mut line = json!({ "place": row.place, "message": row.message, "row": text }).to_string();
        line.push('\n');
        self.rows += 1;
        self.bytes += line.len() as u64;
        let (path, file, hasher) = self.opened()?;
        hasher.update(line.as_bytes());
        file.write_all(line.as_bytes()).map_err(|error| failure::io("write", path, &error))
    }

    fn opened(&mut self) -> Result<&mut (PathBuf, BufWriter<File>, blake3::Hasher), Failure> {
        if self.open.is_none() {
            let folder = self.parts.join(FOLDER);
            let path = folder.join(format!(".writing-{:05}", self.shard));
            let file = std::fs::create_dir_all(&folder).and_then(|()| File::create(&path));
            let file = file.map_err(|error| failure::io("create", &path, &error))?;
            self.open = Some((path, BufWriter::new(file), blake3::Hasher::new()));
        }
        self.open.as_mut().ok_or_else(|| Failure::internal("the quarantine file is not open"))
    }

    /// Ends the file, if there was a bad row, and names it by its content.
    pub(super) fn finish(self) -> Result<Option<PublishedFile>, Failure> {
        let Some((path, mut file, hasher)) = self.open else { return Ok(None) };
        let blake3 = hasher.finalize().to_hex().to_string();
        let name = format!("{FOLDER}/part-{:05}-{}.jsonl", self.shard, blake3.get(..8).unwrap_or(&blake3));
        file.flush()
            .and_then(|()| std::fs::rename(&path, self.parts.join(&name)))
            .map_err(|error| failure::io("write", &path, &error))?;
        Ok(Some(PublishedFile { path: name, output: None, rows: Some(self.rows), bytes: self.bytes, blake3 }))
    }
}
