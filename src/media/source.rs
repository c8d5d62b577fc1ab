//! Bounded reading at any offset of a file whose content nobody has vouched for.
//!
//! Owns:
//! - no byte at or past the expected size is read;
//! - a whole inspection costs at most [`READ_LIMIT`] reads and [`BYTE_LIMIT`] bytes, whatever the
//!   file says; past them reading stops with [`Stop::Spent`];
//! - a short answer means the end of the file, never a spent allowance.

use std::io::{self, Read, Seek, SeekFrom};

/// The most bytes one inspection reads. Facts sit in headers; the largest single need is the scan
/// for a second picture in a stream of JPEG pictures.
pub(super) const BYTE_LIMIT: u64 = 4 * 1024 * 1024;

/// The most reads, each with a seek, that one inspection makes: on a disk that needs 10 ms a seek
/// the worst file costs about five seconds, an ordinary one makes fewer than twenty.
pub(super) const READ_LIMIT: u32 = 512;

/// The least that is read at once: one page of the system's cache holds most headers.
const WINDOW: usize = 4096;

/// Why reading stopped early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file system refused a read.
    Io(io::Error),
    /// The allowance of the inspection is spent.
    Spent,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

/// What a step of a walk gives.
pub(super) type Step<T> = Result<T, Stop>;

/// A file that can be read at an offset.
pub(super) trait Stored: Read + Seek {}

impl<T: Read + Seek + ?Sized> Stored for T {}

/// A file, the size its reader may rely on, and what is left of the allowance.
pub(super) struct Source<'a> {
    file: &'a mut dyn Stored,
    size: u64,
    window: Vec<u8>,
    window_at: u64,
    reads_left: u32,
    bytes_left: u64,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a mut dyn Stored, size: u64) -> Source<'a> {
        Source {
            file,
            size,
            window: Vec::new(),
            window_at: 0,
            reads_left: READ_LIMIT,
            bytes_left: BYTE_LIMIT,
        }
    }

    /// The expected size of the file in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The `len` bytes at `at`; fewer where the file ends.
    pub(super) fn bytes(&mut self, at: u64, len: usize) -> Step<&[u8]> {
        let len = self.size.saturating_sub(at).min(len as u64) as usize;
        let start = match at.checked_sub(self.window_at) {
            Some(start) if start + len as u64 <= self.window.len() as u64 => start as usize,
            Some(_) | None => {
                self.fill(at, len)?;
                0
            }
        };
        let end = self.window.len().min(start + len);
        Ok(&self.window[start.min(end)..end])
    }

    /// The `N` bytes at `at`, if the file has them.
    pub(super) fn array<const N: usize>(&mut self, at: u64) -> Step<Option<[u8; N]>> {
        Ok(self.bytes(at, N)?.try_into().ok())
    }

    fn fill(&mut self, at: u64, len: usize) -> Step<()> {
        let wanted = self.size.saturating_sub(at).min(len.max(WINDOW) as u64);
        if self.reads_left == 0 || wanted > self.bytes_left {
            return Err(Stop::Spent);
        }
        self.reads_left -= 1;
        self.bytes_left -= wanted;
        self.window_at = at;
        self.window.clear();
        self.file.seek(SeekFrom::Start(at))?;
        // As much as is wanted and not one read more: an end is seen by what is missing.
        self.window.resize(wanted as usize, 0);
        let got = fill(&mut *self.file, &mut self.window);
        self.window.truncate(got.as_ref().copied().unwrap_or(0));
        got?;
        Ok(())
    }
}

/// Reads until the buffer is full or the file ends; how much it was.
fn fill(file: &mut dyn Stored, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Defines a reader of the number at an offset of a slice; none where the slice ends before it.
macro_rules! number_at {
    ($name:ident, $type:ty, $from:ident) => {
        pub(super) fn $name(bytes: &[u8], at: usize) -> Option<$type> {
            let end = at.checked_add(size_of::<$type>())?;
            Some(<$type>::$from(bytes.get(at..end)?.try_into().ok()?))
        }
    };
}

number_at!(be16, u16, from_be_bytes);
number_at!(be32, u32, from_be_bytes);
number_at!(be64, u64, from_be_bytes);
number_at!(le16, u16, from_le_bytes);
number_at!(le32, u32, from_le_bytes);
number_at!(le64, u64, from_le_bytes);
