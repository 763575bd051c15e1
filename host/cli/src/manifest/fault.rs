//! What is wrong with a manifest: where it is, what was expected, the nearest right name.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ThemeCharacters,
    ThemeStyles,
};
use serde_json::{Value, json};

/// A text that manifests were read from.
#[derive(Debug)]
pub struct Source {
    /// As the user named it; `<stdin>` for `-`.
    pub name: String,
    /// All of it, without a byte order mark.
    pub text: String,
    /// What relative `local://` mount points are relative to.
    pub folder: PathBuf,
}

/// One thing that is wrong at one place of a source.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    source_text: Arc<Source>,
    named: NamedSource<String>,
    place: Range<usize>,
    message: String,
    label: String,
    help: Option<String>,
}

impl Fault {
    /// `message` is the whole sentence; the place is underlined.
    pub fn new(source: &Arc<Source>, place: Range<usize>, message: String) -> Self {
        let named = NamedSource::new(&source.name, source.text.clone());
        Self { source_text: Arc::clone(source), named, place, message, label: "here".to_owned(), help: None }
    }

    /// The words under the underlined place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into()).filter(|help: &String| !help.is_empty());
        self
    }

    /// Line and column, both from 1; columns count characters.
    pub fn position(&self) -> (usize, usize) {
        let before = self.source_text.text.get(..self.place.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }

    /// `file:line:column`.
    pub fn location(&self) -> String {
        let (line, column) = self.position();
        format!("{}:{line}:{column}", self.source_text.name)
    }

    /// For `-o json`.
    pub fn to_json(&self) -> Value {
        let (line, column) = self.position();
        json!({"file": self.source_text.name, "line": line, "column": column, "message": self.message, "help": self.help})
    }

    /// The message, the snippet with the place underlined, and what to do.
    pub fn render(&self, look: Look) -> String {
        let handler =
            GraphicalReportHandler::new_themed(look.theme()).with_width(look.width).with_context_lines(1);
        let mut text = String::new();
        match handler.render_report(&mut text, self) {
            Ok(()) => text,
            Err(_) => format!("{}: {}\n", self.location(), self.message),
        }
    }
}

impl Diagnostic for Fault {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.named)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = underlined(&self.source_text.text, &self.place);
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.clone()), span))))
    }
}

/// Something to underline: never empty, never more than one line.
fn underlined(text: &str, place: &Range<usize>) -> Range<usize> {
    let start = place.start.min(text.len());
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let word = line.find([' ', ':', ',', '}', ']']).filter(|end| *end > 0).unwrap_or(line.len());
    let length = if place.is_empty() { word } else { place.len() };
    start..start + length.min(line.trim_end().len())
}

/// How a terminal wants to be written to.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether colours are wanted.
    pub color: bool,
    /// Whether box-drawing characters can be shown.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

impl Look {
    fn theme(self) -> GraphicalTheme {
        let characters = if self.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
        let styles = if self.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
        GraphicalTheme { characters, styles }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { name: "demo.yaml".to_owned(), text: text.to_owned(), folder: PathBuf::from("/") })
    }

    #[test]
    fn a_fault_shows_file_line_column_the_line_and_the_way_out() {
        let text = "kind: Dataset\nspec:\n  mount: []\n";
        let fault = Fault::new(&source(text), 22..27, "unknown field spec.mount".to_owned())
            .label("not a field of spec")
            .help("did you mean mounts?");
        assert_eq!(fault.location(), "demo.yaml:3:3");
        let shown = fault.render(Look { color: false, unicode: true, width: 100 });
        for part in [
            "unknown field spec.mount",
            "demo.yaml:3:3",
            "mount: []",
            "not a field of spec",
            "did you mean mounts?",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn columns_count_characters_and_a_place_at_the_end_still_shows() {
        let text = "ä: ö";
        let fault = Fault::new(&source(text), 4..6, "x".to_owned());
        assert_eq!(fault.position(), (1, 4));
        let fault = Fault::new(&source(text), text.len()..text.len(), "at the end".to_owned());
        assert!(fault.render(Look { color: false, unicode: false, width: 80 }).contains("at the end"));
    }
}
