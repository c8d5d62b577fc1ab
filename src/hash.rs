//! One pass over a file: its BLAKE3 hash, and each chunk shown to whoever needs the whole file.
//!
//! Owns:
//! - plain reads of at most [`CHUNK`] bytes: a mapped file that another process truncates kills
//!   this one with a signal;
//! - one thread hashes, and a large file has another one that reads for it: more would take the
//!   user's cores;
//! - exactly the expected number of bytes is read, never one past it; a file of another length is
//!   an error that says so;
//! - bytes are shown in order, each once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::crash;

/// The most that is read at once, in bytes: 128 KiB.
pub const CHUNK: usize = 128 * 1024;

/// Files from this size on, in bytes, are read by a thread of their own: 8 MiB, for which a thread
/// is made in a hundredth of the time.
const LARGE: u64 = 8 * 1024 * 1024;

/// Buffers between the thread that reads and the one that hashes.
const BUFFERS: usize = 4;

/// Why a pass over a file gave no hash.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The file system refused a read.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
    /// The file was longer than expected when its last expected byte had been read.
    #[error("the file grew while it was read: {expected} bytes expected, {found} are there")]
    Grew {
        /// The length the caller knew, in bytes.
        expected: u64,
        /// The length after the pass, in bytes.
        found: u64,
    },
    /// The file ended before the expected length.
    #[error("the file shrank while it was read: {expected} bytes expected, {found} are there")]
    Shrank {
        /// The length the caller knew, in bytes.
        expected: u64,
        /// How many bytes could be read.
        found: u64,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Cancelled,
}

/// The BLAKE3-256 hash of the `size` bytes of `file`, read once from its start.
///
/// `cancelled` is asked before each chunk. `observe` sees each chunk and the offset of its first
/// byte in the file. Blocks the thread for as long as the reading takes.
///
/// # Errors
///
/// [`HashError::Grew`] or [`HashError::Shrank`] when the file does not have `size` bytes,
/// [`HashError::Cancelled`] when `cancelled` says so, [`HashError::Io`] otherwise.
pub fn hash_file(
    file: &mut File,
    size: u64,
    cancelled: impl Fn() -> bool,
    mut observe: impl FnMut(&[u8], u64),
) -> Result<[u8; 32], HashError> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = blake3::Hasher::new();
    let mut offset = 0;
    let mut take = |chunk: &[u8]| {
        hasher.update(chunk);
        observe(chunk, offset);
        offset += chunk.len() as u64;
    };
    if size < LARGE {
        read_all(file, size, &cancelled, &mut take)?;
    } else {
        read_ahead(file, size, &cancelled, &mut take)?;
    }
    // The length is asked for, not read for: a byte past the expected end belongs to nobody yet.
    let found = file.metadata()?.len();
    match found.cmp(&size) {
        std::cmp::Ordering::Less => Err(HashError::Shrank { expected: size, found }),
        std::cmp::Ordering::Greater => Err(HashError::Grew { expected: size, found }),
        std::cmp::Ordering::Equal => Ok(*hasher.finalize().as_bytes()),
    }
}

/// Reads `size` bytes and shows each chunk.
fn read_all(
    file: &mut File,
    size: u64,
    cancelled: &impl Fn() -> bool,
    take: &mut impl FnMut(&[u8]),
) -> Result<(), HashError> {
    let mut buffer = vec![0; chunk_len(size)];
    let mut offset = 0;
    while offset < size {
        if cancelled() {
            return Err(HashError::Cancelled);
        }
        let read = read_chunk(file, &mut buffer, (offset, size))?;
        take(&buffer[..read]);
        offset += read as u64;
    }
    Ok(())
}

/// The same, with another thread that reads the next chunks meanwhile.
fn read_ahead(
    file: &mut File,
    size: u64,
    cancelled: &impl Fn() -> bool,
    take: &mut impl FnMut(&[u8]),
) -> Result<(), HashError> {
    type Full = Result<(Vec<u8>, usize), HashError>;
    let (give_back, empty): (_, Receiver<Vec<u8>>) = sync_channel(BUFFERS);
    let (full, chunks): (SyncSender<Full>, _) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        // There is room for all of them, and nobody has gone away.
        let _ = give_back.send(vec![0; CHUNK]);
    }
    let read = move |file: &mut File| {
        let mut offset = 0;
        while offset < size {
            // Whoever hashes has no use for more once it has gone away.
            let Ok(mut buffer) = empty.recv() else { return };
            let read = read_chunk(file, &mut buffer, (offset, size));
            offset += *read.as_ref().unwrap_or(&0) as u64;
            let failed = read.is_err();
            if full.send(read.map(|read| (buffer, read))).is_err() || failed {
                return;
            }
        }
    };
    thread::scope(|scope| {
        thread::Builder::new().name("reader".into()).spawn_scoped(scope, move || read(file))?;
        // It ends, and with it the reader's need for buffers, when either is done.
        let (chunks, give_back) = (chunks, give_back);
        let mut hashed = 0;
        while hashed < size {
            if cancelled() {
                return Err(HashError::Cancelled);
            }
            let Ok(chunk) = chunks.recv() else {
                return Err(io::Error::other("the thread that reads it ended").into());
            };
            let (buffer, read) = chunk?;
            take(&buffer[..read]);
            hashed += read as u64;
            // A reader that needs no more has gone away.
            let _ = give_back.send(buffer);
        }
        Ok(())
    })
}

/// Reads once at `offset` of `size` bytes, and not nothing.
fn read_chunk(
    file: &mut File,
    buffer: &mut [u8],
    (offset, size): (u64, u64),
) -> Result<usize, HashError> {
    crash::point("hashing");
    let wanted = chunk_len(size - offset);
    loop {
        match file.read(&mut buffer[..wanted]) {
            Ok(0) => return Err(HashError::Shrank { expected: size, found: offset }),
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The BLAKE3-256 hash of what is in memory.
pub fn hash_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn chunk_len(left: u64) -> usize {
    usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;

    use super::*;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn hash(bytes: &[u8]) -> [u8; 32] {
        hash_file(&mut file_of(bytes), bytes.len() as u64, || false, |_, _| {}).unwrap()
    }

    fn hex(hash: [u8; 32]) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn known_vectors() {
        assert_eq!(
            hex(hash(b"")),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(
            hex(hash(b"abc")),
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
        );
    }

    #[test]
    fn chunks_are_shown_in_order_and_once_around_the_chunk_size() {
        let large = LARGE as usize;
        let few = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7];
        for len in few.into_iter().chain([large - 1, large, large + 7]) {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
            let mut seen = Vec::new();
            let hash = hash_file(
                &mut file_of(&bytes),
                len as u64,
                || false,
                |chunk, offset| {
                    assert_eq!(offset, seen.len() as u64);
                    assert!(chunk.len() <= CHUNK);
                    seen.extend_from_slice(chunk);
                },
            )
            .unwrap();
            assert!(seen == bytes, "{len}");
            assert_eq!(hash, *blake3::hash(&bytes).as_bytes(), "{len}");
        }
    }

    #[test]
    fn another_length_than_expected_is_said() {
        let grown = hash_file(&mut file_of(b"abcdef"), 3, || false, |_, _| {});
        assert!(matches!(grown, Err(HashError::Grew { expected: 3, found: 6 })));
        let shrunk = hash_file(&mut file_of(b"abc"), 6, || false, |_, _| {});
        assert!(matches!(shrunk, Err(HashError::Shrank { expected: 6, found: 3 })));
    }

    #[test]
    fn a_file_that_changes_during_the_pass_gives_no_hash() {
        let few = 3 * CHUNK as u64 - 5;
        let changes = |size: u64| {
            [(size, size + 1, "grew"), (size, size - 1, "shrank"), (size, 10, "shrank")]
        };
        for (size, new_len, expected) in changes(few).into_iter().chain(changes(2 * LARGE - 5)) {
            let mut file = file_of(&vec![7; size as usize]);
            let other = file.try_clone().unwrap();
            let mut observed = 0;
            let error = hash_file(
                &mut file,
                size,
                || false,
                |chunk, _| {
                    observed += chunk.len() as u64;
                    other.set_len(new_len).unwrap();
                },
            )
            .unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(observed <= size);
        }
    }

    #[test]
    fn stops_between_chunks_when_asked() {
        for len in [4 * CHUNK, 2 * LARGE as usize] {
            let asked = Cell::new(0);
            let mut observed = 0;
            let result = hash_file(
                &mut file_of(&vec![1; len]),
                len as u64,
                || {
                    asked.set(asked.get() + 1);
                    asked.get() > 2
                },
                |chunk, _| observed += chunk.len(),
            );
            assert!(matches!(result, Err(HashError::Cancelled)));
            assert_eq!(observed, 2 * CHUNK);
        }
    }

    #[test]
    fn starts_at_the_start_wherever_the_file_stands() {
        let mut file = file_of(b"abc");
        file.seek(SeekFrom::End(0)).unwrap();
        assert_eq!(
            hash_file(&mut file, 3, || false, |_, _| {}).unwrap(),
            *blake3::hash(b"abc").as_bytes()
        );
    }
}
