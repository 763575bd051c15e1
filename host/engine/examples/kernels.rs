//! Speed of the dense kernels, printed as seconds of one core: `cargo run --release -p millrace-engine --example kernels`.
//!
//! 500,000 rows of 128 f32, in batches of 8,192; the least of five runs. Time is this thread's time on a
//! processor where the system tells it (Linux), so that a busy machine does not count; else the clock's.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use millrace_engine::kernels::{Moments, Projection, eigh};

const ROWS: usize = 500_000;
const BATCH: usize = 8_192;
const WIDTH: usize = 128;
const OUTPUTS: usize = 16;

fn main() {
    let batch = vectors();
    let names = || vec!["v".to_owned()];
    let shift = vec![0.01; WIDTH];
    let batches = ROWS.div_ceil(BATCH);
    let scale = ROWS as f64 / (batches * BATCH) as f64;

    let moments = least(|| {
        let mut moments = Moments::new(names(), shift.clone());
        (0..batches).for_each(|_| drop(moments.add(&batch).unwrap()));
        black_box(moments.take());
    });
    let products = ROWS as f64 * (WIDTH * (WIDTH + 1) / 2) as f64;
    let moments = moments * scale;
    println!(
        "moments    {ROWS} x {WIDTH} f32: {moments:.3} s, {:.1} GFLOP/s",
        2.0 * products / moments / 1e9
    );

    let weights: Vec<f64> = (0..WIDTH * OUTPUTS).map(|at| (at as f64).cos()).collect();
    let mut projection = Projection::new(names(), shift, weights, OUTPUTS, true).unwrap();
    let projected =
        scale * least(|| (0..batches).for_each(|_| drop(black_box(projection.apply(&batch).unwrap()))));
    let products = (ROWS * WIDTH * OUTPUTS) as f64;
    println!(
        "projection {ROWS} x {WIDTH} to {OUTPUTS} f32: {projected:.3} s, {:.1} GFLOP/s",
        2.0 * products / projected / 1e9
    );

    for n in [64, 128, 512] {
        let matrix: Vec<f64> = (0..n * n).map(|at| ((at / n + at % n) as f64 * 0.7).sin()).collect();
        println!("eigh       {n} x {n}: {:.4} s", least(|| drop(black_box(eigh(&matrix, n).unwrap()))));
    }
}

fn vectors() -> RecordBatch {
    let values: Vec<f32> = (0..BATCH * WIDTH).map(|at| (at as f32 * 0.618).sin()).collect();
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let list = FixedSizeListArray::new(item, WIDTH as i32, Arc::new(Float32Array::from(values)), None);
    RecordBatch::try_from_iter([("v", Arc::new(list) as ArrayRef)]).unwrap()
}

/// The least time of five runs, in seconds.
fn least(mut run: impl FnMut()) -> f64 {
    let mut time = || {
        let (clock, processor) = (Instant::now(), processor_seconds());
        run();
        match (processor, processor_seconds()) {
            (Some(before), Some(after)) => after - before,
            _ => clock.elapsed().as_secs_f64(),
        }
    };
    (0..5).map(|_| time()).fold(f64::INFINITY, f64::min)
}

/// Time that this thread has spent on a processor.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}
