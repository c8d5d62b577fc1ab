//! The names in one directory, in order, a bounded piece at a time.
//!
//! Owns:
//! - names take their bytes and eight more, and those held at once at most one and a half times the
//!   budget: a directory with more names is read again for each further piece.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use crate::planner::filter::IGNORE_FILE;

/// Bytes of names that make a piece. About 230,000 names as cameras give them.
pub(super) const BUDGET_BYTES: usize = 3 * 1024 * 1024;

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Symlink,
    Special,
    /// The file system does not say without being asked again.
    Unknown,
}

impl From<FileType> for Kind {
    fn from(found: FileType) -> Kind {
        match found {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice => Kind::Special,
            FileType::Unknown => Kind::Unknown,
        }
    }
}

/// Names in one stretch of memory; a million strings of their own would take three times as much.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Each name with a closing NUL.
    bytes: Vec<u8>,
    index: Vec<Name>,
}

#[derive(Debug, Clone, Copy)]
struct Name {
    start: u32,
    /// With the closing NUL.
    len: u16,
    kind: Kind,
}

/// A directory, piece by piece.
pub(super) struct Pieces {
    dir: Dir,
    /// Bytes of names in a piece, about.
    budget: usize,
    names: Names,
    /// There is an ignore file in the directory.
    pub(super) has_ignore_file: bool,
    /// Names come after those of this piece.
    pub(super) more: bool,
}

impl Pieces {
    pub(super) fn new(dir: Dir, budget: usize) -> Pieces {
        Pieces { dir, budget, names: Names::default(), has_ignore_file: false, more: false }
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The names of this piece, in order.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Reads the first names that come after `after`.
    pub(super) fn read(&mut self, after: Option<&[u8]>) -> Result<(), Errno> {
        self.names.clear();
        // Names beyond this one are for a later piece.
        let mut cut: Option<Vec<u8>> = None;
        self.dir.rewind();
        while let Some(entry) = self.dir.read() {
            let entry = entry?;
            let name = entry.file_name();
            let bytes = name.to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            self.has_ignore_file |= bytes == IGNORE_FILE.as_bytes();
            let too_early = after.is_some_and(|after| bytes <= after);
            let too_late = cut.as_deref().is_some_and(|cut| bytes > cut);
            if too_early || too_late {
                continue;
            }
            self.names.push(name, entry.file_type().into());
            if self.names.bytes.len() > self.budget.saturating_mul(3) / 2 + 1 {
                cut = self.names.shorten(self.budget);
            }
        }
        self.names.sort();
        self.more = cut.is_some();
        Ok(())
    }
}

impl Names {
    pub(super) fn push(&mut self, name: &CStr, kind: Kind) {
        let bytes = name.to_bytes_with_nul();
        // Names have at most 255 characters and the whole is kept within a few budgets.
        let (Ok(start), Ok(len)) = (u32::try_from(self.bytes.len()), u16::try_from(bytes.len()))
        else {
            return;
        };
        self.bytes.extend_from_slice(bytes);
        self.index.push(Name { start, len, kind });
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn name(&self, at: usize) -> Option<(&CStr, Kind)> {
        let name = self.index.get(at)?;
        let name_bytes = bytes_of(&self.bytes, name);
        let c_name = CStr::from_bytes_with_nul(name_bytes).ok()?;
        Some((c_name, name.kind))
    }

    /// Keeps the first names, about as many as make `budget` bytes and at least one, where they
    /// are. Answers the last of them.
    fn shorten(&mut self, budget: usize) -> Option<Vec<u8>> {
        let Names { bytes, index } = self;
        let share = index.len().saturating_mul(budget) / bytes.len().max(1);
        let kept = share.clamp(1, index.len().max(1));
        if kept > index.len() {
            return None;
        }
        let by_name = |a: &Name, b: &Name| bytes_of(bytes, a).cmp(bytes_of(bytes, b));
        let (_, last, _) = index.select_nth_unstable_by(kept - 1, by_name);
        let last = bytes_of(bytes, last);
        let last = last[..last.len() - 1].to_vec();
        index.truncate(kept);
        // From the left to the left: none is moved onto one that is still to be moved.
        index.sort_unstable_by_key(|name| name.start);
        let mut end = 0;
        for name in index {
            let (start, len) = (name.start as usize, usize::from(name.len));
            bytes.copy_within(start..start + len, end);
            // It is smaller than the one it was.
            name.start = end as u32;
            end += len;
        }
        bytes.truncate(end);
        Some(last)
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        // The closing NUL sorts before every byte of a name, so it changes no order.
        self.index.sort_unstable_by(|a, b| bytes_of(bytes, a).cmp(bytes_of(bytes, b)));
        // A directory that changes while it is read may give a name twice.
        self.index.dedup_by(|a, b| bytes_of(bytes, a) == bytes_of(bytes, b));
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.index.clear();
    }
}

fn bytes_of<'a>(bytes: &'a [u8], name: &Name) -> &'a [u8] {
    &bytes[name.start as usize..][..usize::from(name.len)]
}

pub(super) fn os(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}
