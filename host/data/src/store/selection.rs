//! Which files of a store are meant: all, those below a path, or those that match a glob.

use globset::{GlobBuilder, GlobMatcher};

use super::error::StoreError;

/// A choice of files by path.
///
/// `""` and `/` mean everything; `train` the file of that name or everything below the folder;
/// a text with `*`, `?`, `[` or `{` is a glob in which `*` stays within one folder and `**` does not:
/// `*.csv`, `train/**/*.parquet`, `{train,test}/*.csv`.
#[derive(Debug, Clone)]
pub struct Selection(Kind);

#[derive(Debug, Clone)]
enum Kind {
    All,
    Under(String),
    Glob { folder: String, matcher: GlobMatcher },
}

impl Selection {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(Kind::All)
    }

    /// Reads a path or glob, relative to the mount.
    ///
    /// # Errors
    /// `..`, control characters, an empty segment, or a glob that cannot be compiled.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim_matches('/');
        if text.is_empty() {
            return Ok(Self::all());
        }
        if let Some(problem) = name_problem(text) {
            return Err(StoreError::Invalid { what: format!("path {text:?}"), why: problem.into() });
        }
        match text.find(['*', '?', '[', '{']) {
            None => Ok(Self(Kind::Under(text.to_owned()))),
            Some(first) => Self::glob(text, first),
        }
    }

    fn glob(text: &str, first_special: usize) -> Result<Self, StoreError> {
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(false).build();
        let glob = glob.map_err(|error| StoreError::Invalid {
            what: format!("glob {text:?}"),
            why: error.kind().to_string(),
        })?;
        let before = text.get(..first_special).unwrap_or_default();
        let folder = before.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(Self(Kind::Glob { folder: folder.to_owned(), matcher: glob.compile_matcher() }))
    }

    /// Whether `path` (relative to the mount) is meant.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match &self.0 {
            Kind::All => true,
            Kind::Under(folder) => is_at_or_below(path, folder),
            Kind::Glob { matcher, .. } => matcher.is_match(path),
        }
    }

    /// The folder that holds every match, without `/` at its ends; empty for the mount itself.
    /// For a plain path it is the path, which may be a file.
    #[must_use]
    pub fn folder(&self) -> &str {
        match &self.0 {
            Kind::All => "",
            Kind::Under(folder) | Kind::Glob { folder, .. } => folder,
        }
    }
}

fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Longest path that is kept; Linux allows 4,096 with the folder before it.
const MAX_PATH: usize = 3072;
/// Longest name of one file or folder on Linux.
const MAX_NAME: usize = 255;

/// What is wrong with a relative path from a store or a user, if anything.
pub(crate) fn name_problem(path: &str) -> Option<&'static str> {
    if path.len() > MAX_PATH {
        return Some("it is longer than 3,072 bytes");
    }
    if path.starts_with('/') {
        return Some("it begins with '/'");
    }
    if path.chars().any(is_forbidden) {
        return Some("it has a control or direction character");
    }
    for segment in path.split('/') {
        match segment {
            "" => return Some("it has an empty part (//)"),
            "." | ".." => return Some("it has a '.' or '..' part"),
            long if long.len() > MAX_NAME => return Some("it has a part longer than 255 bytes"),
            _ => {}
        }
    }
    None
}

/// Control characters, and those that reverse the direction of text and so disguise a name.
fn is_forbidden(char: char) -> bool {
    char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(selection: &str, path: &str) -> bool {
        Selection::parse(selection).unwrap().matches(path)
    }

    #[test]
    fn a_path_means_the_file_or_the_folder() {
        assert!(matches("", "a/b") && matches("/", "a"));
        assert!(matches("train/", "train/a") && matches("/train", "train"));
        assert!(!matches("train", "training/a") && !matches("train", "a/train"));
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_do_not() {
        assert!(matches("*.csv", "a.csv") && !matches("*.csv", "x/a.csv"));
        assert!(matches("**", "a") && matches("**", "a/b/c"));
        assert!(matches("**/*.csv", "a.csv") && matches("**/*.csv", "x/y/a.csv"));
        assert!(matches("x/**/*.csv", "x/a.csv") && !matches("x/**/*.csv", "y/a.csv"));
        assert!(matches("{train,test}/[0-9].csv", "test/7.csv"));
        assert!(!matches("?", "/"));
    }

    #[test]
    fn the_folder_to_list_holds_every_match() {
        for (selection, folder) in
            [("", ""), ("a/b", "a/b"), ("a/b*/c", "a"), ("*.csv", ""), ("a/b/{c,d}", "a/b")]
        {
            assert_eq!(Selection::parse(selection).unwrap().folder(), folder);
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for bad in ["a/../b", "..", "a//b", "a\0", "a\nb", "[", "{a", "\u{202e}gpj.exe", "a/./b"] {
            assert!(Selection::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_matches_lies_in_the_folder(selection in "[a-c*?/{},\\[\\]]{0,12}", path in "[a-c]{1,3}(/[a-c]{1,3}){0,3}") {
            if let Ok(selection) = Selection::parse(&selection)
                && selection.matches(&path)
            {
                let folder = selection.folder();
                prop_assert!(folder.is_empty() || is_at_or_below(&path, folder));
            }
        }

        #[test]
        fn a_path_selects_itself(path in "[a-z.]{1,5}(/[a-z]{1,5}){0,3}") {
            if name_problem(&path).is_none() {
                prop_assert!(Selection::parse(&path).unwrap().matches(&path));
            }
        }
    }
}
