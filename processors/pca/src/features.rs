//! Which columns are the features: names and globs against a schema, in file order.

use millrace_sdk::{Error, Field, Result, Schema};

use crate::Names;

/// The largest number of elements a row: the matrix of their products has its square.
pub(crate) const LIMIT: usize = 4096;

/// Numeric columns in file order; fixed-size lists count as their elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Features {
    names: Vec<String>,
    widths: Vec<u32>,
    /// Whether all are float16 or float32.
    single: bool,
}

impl Features {
    pub(crate) fn new(names: Vec<String>, widths: Vec<u32>, single: bool) -> Result<Self> {
        let features = Self { names, widths, single };
        match features.len() {
            0 => Err(Error::input("there is no numeric column to work on; say which with `columns`")),
            1..=LIMIT => Ok(features),
            many => Err(Error::input(format!(
                "{many} numbers a row are more than the {LIMIT} that PCA takes: choose `columns`, or use the module `project` first"
            ))),
        }
    }

    /// The columns that `wanted` names or matches, or all numeric ones that are not kept.
    pub(crate) fn select(schema: &Schema, wanted: Option<&Names>, keep: &[String]) -> Result<Self> {
        let fields: Vec<&Field> = match wanted {
            None => schema
                .fields
                .iter()
                .filter(|field| field.dtype.is_numeric() && !keep.contains(&field.name))
                .collect(),
            Some(wanted) => matching(schema, wanted.list())?,
        };
        Self::of(&fields)
    }

    fn of(fields: &[&Field]) -> Result<Self> {
        if let Some(field) = fields.iter().find(|field| !field.dtype.is_numeric()) {
            return Err(Error::input(format!(
                "column `{}` holds no numbers ({:?})",
                field.name, field.dtype
            )));
        }
        let names = fields.iter().map(|field| field.name.clone()).collect();
        let widths = fields.iter().map(|field| field.width.max(1)).collect();
        Self::new(names, widths, fields.iter().all(|field| field.dtype.is_single()))
    }

    /// The same columns in another input, where all are and have as many elements.
    pub(crate) fn found_in(&self, schema: &Schema) -> Result<Self> {
        let find = |(name, width): (&String, &u32)| {
            let field = schema.field(name).ok_or_else(|| {
                Error::input(format!("the model needs it: {}", schema.no_such_column(name)))
            })?;
            if field.width.max(1) == *width {
                return Ok(field);
            }
            Err(Error::input(format!(
                "column `{name}` has {} elements a row and the model was made from {width}",
                field.width
            )))
        };
        let fields: Vec<&Field> = self.names.iter().zip(&self.widths).map(find).collect::<Result<_>>()?;
        Self::of(&fields)
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn widths(&self) -> &[u32] {
        &self.widths
    }

    pub(crate) fn single(&self) -> bool {
        self.single
    }

    /// Elements a row.
    pub(crate) fn len(&self) -> usize {
        self.widths.iter().map(|width| *width as usize).sum()
    }

    /// A name for every element: `x`, or `v[0]`, `v[1]`, ….
    pub(crate) fn element_names(&self) -> Vec<String> {
        let name = |(name, width): (&String, &u32)| match width {
            1 => vec![name.clone()],
            _ => (0..*width).map(|element| format!("{name}[{element}]")).collect(),
        };
        self.names.iter().zip(&self.widths).flat_map(name).collect()
    }
}

/// The columns that any of the patterns matches; each pattern has to match one.
fn matching<'a>(schema: &'a Schema, patterns: &[String]) -> Result<Vec<&'a Field>> {
    for (index, pattern) in patterns.iter().enumerate() {
        if !schema.fields.iter().any(|field| matches(pattern, &field.name)) {
            return Err(Error::parameter(format!("/columns/{index}"), schema.no_such_column(pattern)));
        }
    }
    let wanted = |field: &&Field| patterns.iter().any(|pattern| matches(pattern, &field.name));
    Ok(schema.fields.iter().filter(wanted).collect())
}

/// `*` is any run of characters, `?` any one; a name that is equal always matches.
fn matches(pattern: &str, name: &str) -> bool {
    pattern == name || glob(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

/// Goes back to the last star only, so that no pattern takes more than pattern x name steps.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = name.get(seen) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(expected) if *expected == '?' || expected == character => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((back, taken)) = star else { return false };
                star = Some((back, taken + 1));
                (at, seen) = (back + 1, taken + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_sdk::Dtype;

    fn schema() -> Schema {
        Schema::new(vec![
            Field::new("b", Dtype::Float32),
            Field::new("label", Dtype::Int64),
            Field::new("a1", Dtype::Float32),
            Field::new("text", Dtype::Utf8),
            Field::new("v", Dtype::Float32).with_width(2),
        ])
    }

    fn names(columns: &[&str], keep: &[&str]) -> Result<Vec<String>> {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let wanted = (!columns.is_empty()).then(|| Names::Several(owned(columns)));
        Ok(Features::select(&schema(), wanted.as_ref(), &owned(keep))?.element_names())
    }

    #[test]
    fn numeric_columns_in_file_order() {
        assert_eq!(names(&[], &["label"]).unwrap(), ["b", "a1", "v[0]", "v[1]"]);
        assert_eq!(names(&["v", "a?", "b"], &[]).unwrap(), ["b", "a1", "v[0]", "v[1]"]);
        assert_eq!(names(&["*a*"], &[]).unwrap(), ["label", "a1"]);
        assert!(Features::select(&schema(), None, &["label".to_owned()]).unwrap().single());
        assert!(!Features::select(&schema(), None, &[]).unwrap().single());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(
            names(&["b", "z*"], &[]).unwrap_err().to_string(),
            "/columns/1: there is no column `z*`; the input has b, label, a1, text, v"
        );
        assert_eq!(names(&["text"], &[]).unwrap_err().to_string(), "column `text` holds no numbers (Utf8)");
        let wide = Schema::new(vec![Field::new("v", Dtype::Float64).with_width(4097)]);
        assert!(Features::select(&wide, None, &[]).unwrap_err().to_string().contains("4097 numbers a row"));
        assert!(Features::select(&Schema::default(), None, &[]).is_err());
    }

    #[test]
    fn globs() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?", "é", true),
            ("a", "ab", false),
            ("[a]", "[a]", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
