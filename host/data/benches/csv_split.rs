//! Speed of the CSV path, stage by stage: `cargo bench -p millrace-data --bench csv_split [MiB] [threads]`.
//!
//! Makes a file of 20 mixed columns in the temporary folder (or `$BENCH_DIR`), then prints GB/s for
//! scanning alone, scanning with the key column, and scanning, routing by a hash of the key and writing
//! three outputs with their digests. Not a test: nothing is asserted about time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a bench")]
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arrow::array::AsArray;
use millrace_data::format::Format;
use millrace_data::input::{Input, ReadOptions};
use millrace_data::list::{LocalFile, Version};
use millrace_data::outputs::Outputs;
use millrace_data::write::{Budget, OutputFormat, ShardWriter};

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let (mebibytes, threads) =
        (numbers.first().copied().unwrap_or(1024), numbers.get(1).copied().unwrap_or(2));
    let folder =
        tempfile::tempdir_in(std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from))
            .unwrap();
    let path = folder.path().join("t.csv");
    let size = generate(&path, mebibytes << 20);
    println!("{:.2} GB, {threads} threads", size as f64 / 1e9);
    for (what, columns, write) in [
        ("scan", None, false),
        ("scan + key", Some("key"), false),
        ("scan + key + route + write", Some("key"), true),
    ] {
        let times: Vec<f64> =
            (0..5).map(|_| pass(folder.path(), &path, size, threads, columns, write)).collect();
        let best = times.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "{what:28} {best:.3} s  {:.2} GB/s in all, {:.2} per thread",
            size as f64 / best / 1e9,
            size as f64 / best / 1e9 / threads as f64
        );
    }
    let start = Instant::now();
    std::fs::copy(&path, folder.path().join("copy.csv")).unwrap();
    println!("{:28} {:.3} s", "std::fs::copy", start.elapsed().as_secs_f64());
}

fn generate(path: &Path, size: u64) -> u64 {
    let mut file = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path).unwrap());
    let words = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
        "mu", "nu", "xi",
    ];
    let mut state = 42_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    writeln!(file, "id,key,label,ts,country,device,f0,f1,f2,f3,f4,f5,f6,f7,i0,i1,i2,i3,flag,text").unwrap();
    let mut line = Vec::new();
    let (mut written, mut id) = (0, 0);
    while written < size {
        line.clear();
        write!(
            line,
            "{id},u{:07},class_{},2024-03-{:02}T12:00:00,DE,mobile",
            random(200_000),
            random(10),
            random(28) + 1
        )
        .unwrap();
        for _ in 0..8 {
            write!(line, ",{}.{:05}", random(40) as i64 - 20, random(100_000)).unwrap();
        }
        write!(
            line,
            ",{},{},{},{},{}",
            random(100),
            random(1000),
            random(10_000),
            random(100_000),
            random(5) == 0
        )
        .unwrap();
        for word in 0..6 {
            line.push(if word == 0 { b',' } else { b' ' });
            line.extend_from_slice(words[random(words.len() as u64) as usize].as_bytes());
        }
        line.push(b'\n');
        file.write_all(&line).unwrap();
        written += line.len() as u64;
        id += 1;
    }
    file.flush().unwrap();
    std::fs::metadata(path).unwrap().len()
}

fn pass(folder: &Path, path: &Path, size: u64, threads: u64, columns: Option<&str>, write: bool) -> f64 {
    let out = folder.join("out");
    let _ = std::fs::remove_dir_all(&out);
    let start = Instant::now();
    let file = LocalFile { path: "t.csv".into(), local: path.to_owned(), size, version: Version::None };
    let input = Input::open(vec![file], &ReadOptions::new("data", folder.join("scratch"))).unwrap();
    let wanted: Vec<String> = columns.into_iter().map(str::to_owned).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(partition) = input.partitions().get(next.fetch_add(1, Ordering::Relaxed)) {
                    let batches = input.read(partition, Some(&wanted), write).unwrap().map(Result::unwrap);
                    if write {
                        route(&out, partition.index, &input, batches);
                    } else {
                        assert!(batches.map(|batch| batch.rows()).sum::<usize>() > 0);
                    }
                }
            });
        }
    });
    start.elapsed().as_secs_f64()
}

fn route(out: &Path, shard: u32, input: &Input, batches: impl Iterator<Item = millrace_data::batch::Batch>) {
    let mut writer = ShardWriter::new(
        out,
        shard,
        OutputFormat::plain(Format::Csv),
        Budget::new(u64::MAX, u64::MAX),
        vec![input.layout()],
    );
    let targets = ["test", "train", "val"].map(|name| writer.open(name).unwrap());
    let mut assignment = Vec::new();
    for batch in batches {
        assignment.clear();
        let keys = batch.columns.column(0).as_string::<i32>();
        // A cheap hash: the processor's own is not what is measured here.
        assignment.extend(keys.iter().map(|key| {
            let hash = key.unwrap_or_default().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
            match (hash >> 33) % 10 {
                0 => 0,
                1 => 2,
                _ => 1,
            }
        }));
        writer.route(&targets, &batch, &assignment).unwrap();
    }
    assert!(!writer.finish().unwrap().is_empty());
}
