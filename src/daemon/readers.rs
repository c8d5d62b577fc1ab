//! Files to be read, in line: each folder has a few readers of its own.
//!
//! Owns:
//! - a disk that hangs holds its own folder's readers and no other's;
//! - a reader that finds no file in its folder's line is gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::planner::{Fingerprint, FolderId, Reading, SharedPath};

/// Files of one folder that are read at once: one for each of two cores, so that the rest of the
/// machine stays its user's. A large one has a second thread, which mostly waits for the disk.
pub const READERS: usize = 2;

/// A file to be read, and how it must look.
#[derive(Debug, Clone)]
pub struct Read {
    /// The file.
    pub path: SharedPath,
    /// How it must look, before and after.
    pub fingerprint: Fingerprint,
    /// How much proof it takes to believe what is read.
    pub reading: Reading,
}

/// The lines, and how many readers each has.
#[derive(Debug, Clone, Default)]
pub struct Readers(Arc<Mutex<BTreeMap<FolderId, Line>>>);

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Read>,
    readers: usize,
}

impl Readers {
    /// Puts a file in line. True if it takes another reader, who then asks for the
    /// [`Readers::next`] file until there is none.
    pub fn join(&self, folder: FolderId, read: Read) -> bool {
        let mut lines = self.lines();
        let line = lines.entry(folder).or_default();
        line.waiting.push_back(read);
        let wanted = line.readers < READERS;
        line.readers += usize::from(wanted);
        wanted
    }

    /// The file whose turn it is. None: this reader is not one any more.
    pub fn next(&self, folder: FolderId) -> Option<Read> {
        let mut lines = self.lines();
        let line = lines.get_mut(&folder)?;
        let next = line.waiting.pop_front();
        if next.is_none() {
            line.readers -= 1;
            if line.readers == 0 {
                lines.remove(&folder);
            }
        }
        next
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<FolderId, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Read {
        let path = std::path::Path::new(name).into();
        Read { path, fingerprint: Fingerprint::default(), reading: Reading::Quiet }
    }

    #[test]
    fn a_folder_has_its_readers_and_a_line_behind_them() {
        let (one, other) = (FolderId(1), FolderId(2));
        let readers = Readers::default();
        let joined = ["/a", "/b", "/c"].map(|name| readers.join(one, read(name)));
        assert_eq!(joined, [true, true, false]);
        assert!(readers.join(other, read("/d")), "the other's line is its own");
        let next = || readers.next(one).map(|read| read.path.display().to_string());
        assert_eq!([next(), next(), next()], ["/a", "/b", "/c"].map(|name| Some(name.into())));
        assert_eq!([next(), next()], [None, None], "both readers are gone");
        assert!(readers.join(one, read("/e")), "and another comes for the next file");
    }
}
