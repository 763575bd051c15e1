//! Applying a model: one projection in the host, then a column per component and the kept ones.

use millrace_sdk::{Batch, Column, Context, Dtype, Error, Field, Linear, Output, Projection, Result, Schema};

use crate::features::Features;
use crate::model::Model;
use crate::{OUTPUT, Pca};

/// What one partition keeps between batches.
pub struct Task {
    model: Model,
    /// From the first batch on, whose schema says which precision the data has.
    open: Option<Open>,
}

struct Open {
    projection: Projection,
    output: Output,
    dtype: Dtype,
}

impl Pca {
    /// The columns that come out: the components, then the kept ones.
    pub(crate) fn output_schema(
        &self,
        input: &Schema,
        features: &Features,
        components: usize,
    ) -> Result<Schema> {
        let made = (0..components).map(|component| {
            let name = format!("{}{component}", self.prefix);
            Field::new(name, precision(features))
        });
        let mut fields: Vec<Field> = made.collect();
        for name in self.keep.list() {
            let field = input.named_by("/keep", name)?;
            if fields.iter().any(|made| made.name == field.name) {
                let message = format!("`{name}` is kept and would also be the name of a component");
                return Err(Error::parameter("/prefix", message));
            }
            fields.push(field.clone());
        }
        Ok(Schema { fields, metadata: input.metadata.clone() })
    }

    /// Refuses columns that cannot pass through the module.
    pub(crate) fn check_keep(&self, schema: &Schema) -> Result<()> {
        for name in self.keep.list() {
            let field = schema.named_by("/keep", name)?;
            if field.dtype == Dtype::Opaque {
                return Err(Error::parameter(
                    "/keep",
                    format!(
                        "column `{name}` has a type that cannot be kept (only texts, numbers and booleans can)"
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn precision(features: &Features) -> Dtype {
    if features.single() { Dtype::Float32 } else { Dtype::Float64 }
}

impl Task {
    pub(crate) fn new(model: Model) -> Self {
        Self { model, open: None }
    }

    pub(crate) fn process(&mut self, pca: &Pca, context: &Context, batch: &Batch<'_>) -> Result<()> {
        let open = match self.open.take() {
            Some(open) => open,
            None => Open::new(&self.model, pca, context, batch)?,
        };
        let open = self.open.insert(open);
        let scores = open.projection.apply(batch)?;
        let good = good_rows(&scores);
        let rows = good.as_ref().map_or(batch.rows(), Vec::len);
        if rows == 0 {
            return Ok(());
        }
        let mut columns = separate(&scores, open.dtype, good.as_deref())?;
        for name in pca.keep.list() {
            let column = batch.column(name)?;
            columns.push(match &good {
                Some(good) => column.pick(good)?,
                None => column,
            });
        }
        open.output.write(columns, rows)
    }
}

impl Open {
    fn new(model: &Model, pca: &Pca, context: &Context, batch: &Batch<'_>) -> Result<Self> {
        let features = model.features.found_in(batch.schema())?;
        let made = pca.output_schema(batch.schema(), &features, model.components())?;
        let projection = context.projection(&Linear {
            columns: features.names(),
            shift: &model.mean,
            weights: &model.weights(),
            outputs: model.components(),
            single: features.single(),
        });
        let output = context.open_output(OUTPUT, Some(&made))?;
        Ok(Self { projection, output, dtype: precision(&features) })
    }
}

/// The rows that are not null; none where all are there.
fn good_rows(scores: &Column) -> Option<Vec<u32>> {
    scores
        .has_nulls()
        .then(|| (0..scores.rows() as u32).filter(|row| scores.is_valid(*row as usize)).collect())
}

/// One column per element of a wide column.
fn separate(scores: &Column, dtype: Dtype, good: Option<&[u32]>) -> Result<Vec<Column>> {
    let picked = good.map(|good| scores.pick(good)).transpose()?;
    let scores = picked.as_ref().unwrap_or(scores);
    let (rows, width) = (scores.rows(), scores.width());
    let columns = (0..width).map(|component| {
        let values = match dtype {
            Dtype::Float32 => every::<4>(scores.value_bytes(), component, width, rows),
            _ => every::<8>(scores.value_bytes(), component, width, rows),
        };
        Column::fixed(dtype, rows, values)
    });
    Ok(columns.collect())
}

/// Every `width`th element of `N` bytes, from `first` on.
fn every<const N: usize>(bytes: &[u8], first: usize, width: usize, rows: usize) -> Vec<u8> {
    let mut values: Vec<[u8; N]> = Vec::with_capacity(rows);
    values.extend(bytes.as_chunks::<N>().0.iter().skip(first).step_by(width));
    values.into_flattened()
}
