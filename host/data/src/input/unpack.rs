//! Gzip and Zstandard files are unpacked once, into the run's scratch folder, and read from there.
//!
//! Neither format can be entered in the middle; with the unpacked bytes on disk, partitions of a
//! packed file are read in parallel and twice, like those of a plain one, in constant memory.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::{InputError, ReadOptions};
use crate::format::Compression;
use crate::list::{LocalFile, Version};

/// How much may come out of one byte before the file is taken for a bomb: text packs 3 to 30 times.
const RATIO: u64 = 256;
/// Largest window of a Zstandard frame, as a power of two: 128 MiB, the format's own recommendation.
const ZSTD_WINDOW_LOG: u32 = 27;
/// Bytes copied at once.
const PIECE: usize = 256 << 10;

/// Unpacks `file`; the result has the name of the packed one. The scratch file is unlinked when the
/// folder is swept, not before: it is mapped by name.
///
/// # Errors
/// The file cannot be read or is damaged, the scratch folder cannot be written, or too much comes out.
pub(crate) fn unpack(
    file: LocalFile,
    compression: Compression,
    options: &ReadOptions,
) -> Result<LocalFile, InputError> {
    if compression == Compression::None || file.size == 0 {
        return Ok(file);
    }
    let limit = options.unpacked_limit.saturating_add(file.size.saturating_mul(RATIO));
    let source = BufReader::with_capacity(PIECE, open(&file)?);
    let malformed =
        |source| InputError::malformed(&file.path, format!("it is not whole {compression:?}: {source}"));
    let mut unpacked: Box<dyn Read> = match compression {
        Compression::None => Box::new(source),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(malformed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(malformed)?;
            Box::new(decoder)
        }
    };
    let mut scratch = scratch(&options.scratch)?;
    let size = copy(&mut unpacked, scratch.as_file_mut(), limit, &file.path)?;
    let (_, local) = scratch.keep().map_err(|error| in_scratch(&options.scratch, error.error))?;
    Ok(LocalFile { path: Arc::clone(&file.path), local, size, version: Version::None })
}

fn open(file: &LocalFile) -> Result<File, InputError> {
    let opened = File::open(&file.local).map_err(|source| InputError::io(&file.path, source))?;
    super::MappedFile::new(file.clone()).check(&opened)?;
    Ok(opened)
}

fn scratch(folder: &Path) -> Result<tempfile::NamedTempFile, InputError> {
    let made = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::Builder::new().prefix("unpacked-").tempfile_in(folder));
    made.map_err(|source| in_scratch(folder, source))
}

fn in_scratch(folder: &Path, source: std::io::Error) -> InputError {
    InputError::io(&folder.display().to_string(), source)
}

fn copy(from: &mut dyn Read, to: &mut File, limit: u64, path: &str) -> Result<u64, InputError> {
    let (mut piece, mut size) = (vec![0; PIECE], 0_u64);
    loop {
        let read = from
            .read(&mut piece)
            .map_err(|source| InputError::malformed(path, format!("it does not unpack: {source}")))?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { return Ok(size) };
        size += bytes.len() as u64;
        if size > limit {
            return Err(InputError::TooLarge { path: path.to_owned(), limit });
        }
        to.write_all(bytes).map_err(|source| InputError::io(path, source))?;
    }
}
