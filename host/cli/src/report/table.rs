//! Tables for people: no lines, columns as wide as they need to be.

use comfy_table::{ContentArrangement, Table, presets};

/// A table with this header; cells may have several lines. Ends with a newline.
pub fn render(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.set_header(header);
    filled(table, rows)
}

/// As [`render`], without a header.
pub fn body(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    filled(Table::new(), rows)
}

fn filled(mut table: Table, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let text = render(
            &["STEP", "ROWS"],
            [vec!["a".to_owned(), "1\n20".to_owned()], vec!["longer".to_owned(), "3".to_owned()]],
        );
        assert_eq!(text, "STEP    ROWS\na       1\n        20\nlonger  3\n");
    }
}
