//! The names in one directory, in order, a bounded piece at a time.
//!
//! Owns:
//! - names take their bytes and a few more, and at most about three times `budget` bytes at once:
//!   a directory with more names is read again for each further piece.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use crate::planner::filter::IGNORE_FILE;

/// Bytes of names that make a piece. About 160,000 names as cameras give them.
pub(super) const BUDGET_BYTES: usize = 5 * 512 * 1024;

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

/// A piece of a directory.
#[derive(Debug)]
pub(super) struct Piece {
    /// In order.
    pub(super) names: Names,
    /// Names come after these.
    pub(super) more: bool,
    /// The directory has an ignore file.
    pub(super) has_ignore_file: bool,
}

/// Reads the first names of a directory that come after `after`, about `budget` bytes of them.
pub(super) fn read(dir: &mut Dir, after: Option<&[u8]>, budget: usize) -> Result<Piece, Errno> {
    let mut names = Names::default();
    let mut has_ignore_file = false;
    // Names beyond this one are for a later piece.
    let mut cut: Option<Vec<u8>> = None;
    dir.rewind();
    while let Some(entry) = dir.read() {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.to_bytes();
        if bytes == b"." || bytes == b".." {
            continue;
        }
        has_ignore_file |= bytes == IGNORE_FILE.as_bytes();
        let too_early = after.is_some_and(|after| bytes <= after);
        let too_late = cut.as_deref().is_some_and(|cut| bytes > cut);
        if too_early || too_late {
            continue;
        }
        names.push(name, entry.file_type().into());
        if names.bytes.len() > budget.saturating_mul(2) {
            names.sort();
            names.shorten(budget);
            cut = names.last().map(<[u8]>::to_vec);
        }
    }
    names.sort();
    Ok(Piece {
        names,
        more: cut.is_some(),
        has_ignore_file,
    })
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

    fn last(&self) -> Option<&[u8]> {
        let bytes = bytes_of(&self.bytes, self.index.last()?);
        Some(&bytes[..bytes.len() - 1])
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        // The closing NUL sorts before every byte of a name, so it changes no order.
        self.index
            .sort_unstable_by(|a, b| bytes_of(bytes, a).cmp(bytes_of(bytes, b)));
        // A directory that changes while it is read may give a name twice.
        self.index
            .dedup_by(|a, b| bytes_of(bytes, a) == bytes_of(bytes, b));
    }

    /// Keeps the first names, about `budget` bytes of them and at least one.
    fn shorten(&mut self, budget: usize) {
        let mut kept = Names::default();
        for at in 0..self.len() {
            if at > 0 && kept.bytes.len() >= budget {
                break;
            }
            if let Some((name, kind)) = self.name(at) {
                kept.push(name, kind);
            }
        }
        *self = kept;
    }
}

fn bytes_of<'a>(bytes: &'a [u8], name: &Name) -> &'a [u8] {
    &bytes[name.start as usize..][..usize::from(name.len)]
}

pub(super) fn os(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}
