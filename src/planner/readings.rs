//! Which files are being read, and whether another may be.
//!
//! Owns:
//! - reads that go on for long, as on a disk that hangs, keep no other folder waiting; a folder
//!   never has more than its share of them;
//! - small files are asked for ahead, so that no reader waits for a decision after each; how much
//!   is bounded in files and in bytes.

use std::collections::BTreeMap;

use super::types::{FolderId, Mono, PathKey, SharedPath};

/// A read that takes longer than this is its own folder's business.
pub const SLOW_READ_MS: i64 = 30_000;

/// A larger file is not read ahead of its turn.
const SMALL_BYTES: u64 = 1 << 20;
/// Small files are asked for ahead until so many bytes are being read.
const AHEAD_BYTES: u64 = 8 << 20;

/// How many files may be read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Of whatever size.
    pub most: usize,
    /// If all of them are small, and together not many bytes.
    pub ahead: usize,
}

/// The reads under way.
#[derive(Debug, Clone, Default)]
pub struct Readings(BTreeMap<PathKey, Begun>);

#[derive(Debug, Clone, Copy)]
struct Begun {
    folder: FolderId,
    size: u64,
    at: Mono,
}

impl Readings {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A read begins.
    pub fn begin(&mut self, path: SharedPath, folder: FolderId, size: u64, now: Mono) {
        self.0.insert(PathKey(path), Begun { folder, size, at: now });
    }

    /// It ended.
    pub fn end(&mut self, path: &SharedPath) {
        self.0.remove(path.as_os_str());
    }

    /// Whether a file of the folder, of so many bytes, may be read.
    pub fn admit(&self, folder: FolderId, size: u64, now: Mono, share: Share) -> bool {
        let counts = |read: &&Begun| read.folder == folder || now.since(read.at) < SLOW_READ_MS;
        let (mut reads, mut bytes) = (0, size);
        for read in self.0.values().filter(counts) {
            reads += 1;
            bytes = bytes.saturating_add(read.size);
        }
        reads < share.most || (reads < share.ahead && size <= SMALL_BYTES && bytes <= AHEAD_BYTES)
    }

    /// When the next read counts as slow.
    pub fn next_slow(&self, now: Mono) -> Option<Mono> {
        let slow = self.0.values().map(|read| read.at.plus(SLOW_READ_MS));
        slow.filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reads_that_hang_hold_up_their_own_folder_only() {
        let (dead, well) = (FolderId(1), FolderId(2));
        let share = Share { most: 2, ahead: 2 };
        let mut readings = Readings::default();
        readings.begin(std::path::Path::new("/dead/a").into(), dead, 1, Mono(0));
        readings.begin(std::path::Path::new("/dead/b").into(), dead, 1, Mono(5));
        assert!(!readings.admit(well, 1, Mono(29_999), share), "they may just be large");
        assert_eq!(readings.next_slow(Mono(0)), Some(Mono(30_000)));
        assert!(readings.admit(well, 1, Mono(30_000), share));
        assert_eq!(readings.next_slow(Mono(30_000)), Some(Mono(30_005)));
        assert!(!readings.admit(dead, 1, Mono(900_000), share));
        readings.begin(std::path::Path::new("/well/a").into(), well, 1, Mono(900_000));
        readings.begin(std::path::Path::new("/well/b").into(), well, 1, Mono(900_000));
        assert!(!readings.admit(well, 1, Mono(900_000), share), "its share is two as well");
        readings.end(&std::path::Path::new("/well/a").into());
        assert_eq!(readings.len(), 3);
        assert!(readings.admit(well, 1, Mono(900_000), share));
    }

    #[test]
    fn small_files_are_asked_for_ahead_and_large_ones_are_not() {
        let folder = FolderId(1);
        let share = Share { most: 2, ahead: 4 };
        let begun = |sizes: &[u64]| {
            let mut readings = Readings::default();
            for (number, size) in sizes.iter().enumerate() {
                let path = std::path::PathBuf::from(format!("/{number}"));
                readings.begin(path.into(), folder, *size, Mono(0));
            }
            readings
        };
        let admit = |sizes: &[u64], size| begun(sizes).admit(folder, size, Mono(0), share);
        assert!(admit(&[1 << 30], 1 << 30), "two of any size");
        assert!(!admit(&[1, 1], SMALL_BYTES + 1), "it is not small");
        assert!(admit(&[1, 1], SMALL_BYTES));
        assert!(admit(&[1, 1, 1], 1));
        assert!(!admit(&[1, 1, 1, 1], 1), "that is all that may be asked for ahead");
        assert!(!admit(&[1, AHEAD_BYTES], 1), "these keep the readers busy long enough");
    }
}
