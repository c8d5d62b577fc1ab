//! The bytes of one file, read for sending and proved while they are read.
//!
//! Owns:
//! - the last buffer leaves only when the bytes of all hash to what was asked for, the file ends
//!   there, and it looks as it looked when it was hashed;
//! - reading never blocks an async thread, never hangs on what is no regular file, and is never
//!   more than [`AHEAD`] buffers ahead;
//! - buffers are used again, and a file that fits into one takes its own size: memory grows neither with
//!   files nor with their sizes.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::words;
use crate::planner::{self, ContentHash, Fingerprint, NotSent, SharedPath};

/// Bytes a read asks for.
const BUFFER: usize = 128 * 1024;
/// Buffers that may be read and not asked for.
const AHEAD: usize = 2;
/// Buffers that are kept for later when nobody uses them.
const SPARE_MOST: usize = 16;

/// A file being read; its first bytes are there.
#[derive(Debug)]
pub(super) struct Source {
    first: Option<Bytes>,
    /// None: the first bytes are all.
    rest: Option<mpsc::Receiver<Piece>>,
    size: u64,
}

type Piece = Result<Bytes, NotSent>;

impl Source {
    /// Opens the file, compares its look, and reads ahead.
    pub async fn open(reader: Reader) -> Result<Source, NotSent> {
        let size = reader.fingerprint.size;
        let (pieces, mut rest) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || reader.run(&pieces));
        let first = rest.recv().await.unwrap_or_else(|| Err(no_reader()))?;
        Ok(Source { first: Some(first), rest: Some(rest), size })
    }

    /// All of a file, read and proved.
    pub fn whole(bytes: Bytes) -> Source {
        Source { size: bytes.len() as u64, first: Some(bytes), rest: None }
    }

    /// Bytes in all.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, or why there are none.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        match (self.first.take(), &mut self.rest) {
            (Some(first), _) => Poll::Ready(Ok(first)),
            (None, Some(rest)) => {
                rest.poll_recv(cx).map(|piece| piece.unwrap_or_else(|| Err(no_reader())))
            }
            // Nobody asks for more than there is.
            (None, None) => Poll::Ready(Err(no_reader())),
        }
    }
}

/// The reader only ends early by a panic, or because the process ends.
pub(super) fn no_reader() -> NotSent {
    NotSent::SourceUnreadable { reason: "reading the file was given up".into() }
}

/// What a blocking thread needs to read one file.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    path: SharedPath,
    fingerprint: Fingerprint,
    hash: ContentHash,
    buffers: Arc<Buffers>,
}

impl Reader {
    /// Of the file of `send`.
    pub fn new(send: &planner::Send, buffers: &Arc<Buffers>) -> Reader {
        Reader {
            path: Arc::clone(&send.path),
            fingerprint: send.fingerprint,
            hash: send.content.hash,
            buffers: Arc::clone(buffers),
        }
    }

    /// Whether all of the file is one buffer.
    pub fn is_small(&self) -> bool {
        self.fingerprint.size <= BUFFER as u64
    }

    /// The disk that the file lies on.
    pub fn disk(&self) -> u64 {
        self.fingerprint.device
    }

    /// All of a small file at once, proved. In memory of its own: a buffer for any file would be held
    /// for each that waits for its place.
    pub fn whole(&self) -> Piece {
        let mut file = self.open()?;
        let size = self.fingerprint.size;
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(BUFFER) + 1);
        // One more, to see that it ends.
        let all = Read::take(&mut file, size + 1).read_to_end(&mut bytes);
        all.map_err(unreadable)?;
        let whole = size > 0 && bytes.len() as u64 == size;
        if !whole || blake3::hash(&bytes).as_bytes() != &self.hash.0 {
            return Err(NotSent::SourceChanged);
        }
        self.same_look(&file)?;
        Ok(Bytes::from(bytes))
    }

    /// Whether the file still looks as it looked when it was hashed.
    pub fn still_looks_so(&self) -> Result<(), NotSent> {
        let seen = std::fs::metadata(&self.path).map_err(|error| self.not_open(error))?;
        self.same(&seen)
    }

    fn run(&self, pieces: &mpsc::Sender<Piece>) {
        // A failed send means that nobody wants the rest.
        if let Err(failure) = self.read(pieces) {
            drop(pieces.blocking_send(Err(failure)));
        }
    }

    fn read(&self, pieces: &mpsc::Sender<Piece>) -> Result<(), NotSent> {
        let mut file = self.open()?;
        let mut hasher = blake3::Hasher::new();
        let mut left = self.fingerprint.size;
        loop {
            let buffer = self.fill(&mut file, &mut hasher, left)?;
            left -= buffer.used as u64;
            if left == 0 {
                self.prove(&mut file, &hasher)?;
            }
            let sent = pieces.blocking_send(Ok(Bytes::from_owner(buffer)));
            if sent.is_err() || left == 0 {
                return Ok(());
            }
        }
    }

    /// The next bytes of a file that has `left` more, hashed.
    fn fill(
        &self,
        file: &mut File,
        hasher: &mut blake3::Hasher,
        left: u64,
    ) -> Result<Buffer, NotSent> {
        let mut buffer = Buffers::lend(&self.buffers);
        let want = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        buffer.used = fill(file, &mut buffer.bytes[..want]).map_err(unreadable)?;
        if buffer.used < want || want == 0 {
            // Shorter than it was. An empty file is nothing that was ever to be sent.
            return Err(NotSent::SourceChanged);
        }
        hasher.update(buffer.as_ref());
        Ok(buffer)
    }

    fn open(&self) -> Result<File, NotSent> {
        // A FIFO or a terminal would otherwise hang the open, or become ours.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.path)
            .map_err(|error| self.not_open(error))?;
        self.same_look(&file)?;
        Ok(file)
    }

    fn not_open(&self, error: std::io::Error) -> NotSent {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => NotSent::SourceGone,
            // Another program has a lease for writing: it is about to be something else.
            ErrorKind::WouldBlock => NotSent::SourceChanged,
            _ => match std::fs::metadata(&self.path) {
                Ok(seen) if seen.file_type().is_socket() => NotSent::SourceChanged,
                _ => unreadable(error),
            },
        }
    }

    fn same_look(&self, file: &File) -> Result<(), NotSent> {
        self.same(&file.metadata().map_err(unreadable)?)
    }

    fn same(&self, seen: &Metadata) -> Result<(), NotSent> {
        if seen.is_file() && fingerprint(seen) == self.fingerprint {
            Ok(())
        } else {
            Err(NotSent::SourceChanged)
        }
    }

    /// Everything was read: is it what was asked for?
    fn prove(&self, file: &mut File, hasher: &blake3::Hasher) -> Result<(), NotSent> {
        let ends = fill(file, &mut [0]).map_err(unreadable)? == 0;
        if !ends || hasher.finalize().as_bytes() != &self.hash.0 {
            return Err(NotSent::SourceChanged);
        }
        self.same_look(file)
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn unreadable(error: std::io::Error) -> NotSent {
    NotSent::SourceUnreadable { reason: words::line(&error.to_string()) }
}

/// What `stat` says, as the planner compares it.
fn fingerprint(seen: &Metadata) -> Fingerprint {
    let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
    Fingerprint {
        device: seen.dev(),
        inode: seen.ino(),
        size: seen.size(),
        mtime_ns: ns(seen.mtime(), seen.mtime_nsec()),
        ctime_ns: ns(seen.ctime(), seen.ctime_nsec()),
    }
}

/// Buffers that wait for their next use, shared by all uploads.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    spare: Mutex<Vec<Box<[u8]>>>,
}

/// A buffer in use; it goes back when the last one who reads it lets go.
struct Buffer {
    bytes: Box<[u8]>,
    used: usize,
    home: Arc<Buffers>,
}

impl Buffers {
    fn lend(home: &Arc<Buffers>) -> Buffer {
        let spare = home.spare().pop();
        Buffer {
            bytes: spare.unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice()),
            used: 0,
            home: Arc::clone(home),
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Box<[u8]>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = self.home.spare();
        if spare.len() < SPARE_MOST {
            spare.push(std::mem::take(&mut self.bytes));
        }
    }
}
