//! From what a store lists to a frozen [`FileList`]: names checked, bookkeeping left out, bounded.

use std::collections::BTreeSet;

use crate::list::{FileList, InputFile, Version};

use super::error::StoreError;
use super::selection::{Selection, name_problem};

/// Gathers the entries of one listing.
pub(super) struct Collector<'a> {
    /// The mount, for messages.
    what: String,
    selection: &'a Selection,
    max_files: usize,
    /// Hidden files and bookkeeping are kept too.
    everything: bool,
    seen: usize,
    files: Vec<InputFile>,
    /// Folders that Millrace published: their README.md is ours, not data.
    published: BTreeSet<String>,
}

/// Entries that are looked at per file that may be kept: a listing full of hidden names ends too.
const SEEN_PER_FILE: usize = 4;

impl<'a> Collector<'a> {
    pub(super) fn new(what: String, selection: &'a Selection, max_files: usize) -> Self {
        let (files, published) = (Vec::new(), BTreeSet::new());
        Self { what, selection, max_files, everything: false, seen: 0, files, published }
    }

    /// Keeps what is otherwise left out: for those who look after the bookkeeping itself.
    pub(super) fn with_everything(mut self, everything: bool) -> Self {
        self.everything = everything;
        self
    }

    /// Takes one entry; `path` is relative to the mount.
    pub(super) fn push(&mut self, path: &str, size: u64, version: Version) -> Result<(), StoreError> {
        self.seen += 1;
        if self.files.len() >= self.max_files || self.seen > self.max_files.saturating_mul(SEEN_PER_FILE) {
            return Err(self.invalid(format!(
                "it lists more than {} files: choose fewer with a path, or raise the agent's limit",
                self.max_files
            )));
        }
        if let Some(problem) = name_problem(path) {
            let shown: String = path.chars().take(200).collect();
            return Err(self.invalid(format!("a file name in it cannot be used: {shown:?}: {problem}")));
        }
        if let Some(folder) = published_folder(path) {
            self.published.insert(folder.to_owned());
        }
        if (self.everything || !is_bookkeeping(path)) && self.selection.matches(path) {
            self.files.push(InputFile { path: path.to_owned(), size, version });
        }
        Ok(())
    }

    /// The list, in order, without folder markers and published READMEs.
    pub(super) fn finish(self) -> Result<FileList, StoreError> {
        let what = self.what.clone();
        let published = self.published;
        let mut list = FileList::new(self.files);
        list.files.retain(|file| self.everything || !is_published_readme(&file.path, &published));
        let markers = files_that_are_folders(&list);
        if let Some(clash) = markers.iter().find(|path| list.find(path).is_some_and(|file| file.size > 0)) {
            let why = format!("{clash:?} is a file and a folder at once: rename one of them");
            return Err(StoreError::Invalid { what, why });
        }
        list.files.retain(|file| !markers.contains(&file.path));
        Ok(list)
    }

    fn invalid(&self, why: String) -> StoreError {
        StoreError::Invalid { what: self.what.clone(), why }
    }
}

/// Hidden files, and what marks a published output as such.
fn is_bookkeeping(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || matches!(part, "_millrace" | "_SUCCESS"))
}

/// The folder whose publication `path` marks: `out/_SUCCESS`, `out/_millrace/manifest.json`.
fn published_folder(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("_SUCCESS").or_else(|| path.strip_suffix("_millrace/manifest.json"))?;
    match folder {
        "" => Some(""),
        folder => folder.strip_suffix('/'),
    }
}

fn is_published_readme(path: &str, published: &BTreeSet<String>) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    name == "README.md" && published.contains(folder)
}

/// Paths in the list that are also a folder of another file: S3's folder markers.
fn files_that_are_folders(list: &FileList) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut previous = "";
    for file in &list.files {
        let parent = file.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if parent != previous {
            found.extend(ancestors(parent).filter(|folder| list.find(folder).is_some()).map(str::to_owned));
        }
        previous = parent;
    }
    found
}

/// `a/b/c` → `a/b/c`, `a/b`, `a`.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let first = (!path.is_empty()).then_some(path);
    std::iter::successors(first, |path| path.rsplit_once('/').map(|(parent, _)| parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(entries: &[(&str, u64)]) -> Result<Vec<String>, StoreError> {
        let selection = Selection::all();
        let mut collector = Collector::new("s3://bucket".into(), &selection, 10);
        for (path, size) in entries {
            collector.push(path, *size, Version::None)?;
        }
        Ok(collector.finish()?.files.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn bookkeeping_is_left_out_and_a_users_readme_is_not() {
        let entries = [
            ("a/README.md", 1),
            ("a/_SUCCESS", 0),
            ("a/part.csv", 1),
            ("a/_millrace/manifest.json", 1),
            ("b/README.md", 1),
            (".git/config", 1),
            ("c/.hidden", 1),
        ];
        assert_eq!(collect(&entries).unwrap(), ["a/part.csv", "b/README.md"]);
    }

    #[test]
    fn a_readme_at_the_root_of_an_output_is_left_out() {
        assert_eq!(collect(&[("README.md", 1), ("_SUCCESS", 0), ("x.csv", 1)]).unwrap(), ["x.csv"]);
    }

    #[test]
    fn folder_markers_go_and_clashes_are_named() {
        assert_eq!(collect(&[("a", 0), ("a-b", 1), ("a/b/c", 1), ("a/b", 0)]).unwrap(), ["a-b", "a/b/c"]);
        let error = collect(&[("a", 1), ("a-b", 1), ("a/b", 1)]).unwrap_err().to_string();
        assert!(error.contains("file and a folder"), "{error}");
    }

    #[test]
    fn hostile_names_and_endless_listings_are_refused() {
        for name in ["../x", "/etc/passwd", "a/../../b", "a\0b", "a\u{1b}[31m", ""] {
            assert!(collect(&[(name, 1)]).is_err(), "{name:?}");
        }
        let many: Vec<_> = (0..11).map(|at| (format!("f{at}"), 1)).collect();
        let many: Vec<_> = many.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        assert!(collect(&many).unwrap_err().to_string().contains("more than 10 files"));
        let hidden = [(".x", 1); 41];
        assert!(collect(&hidden).is_err());
    }
}
