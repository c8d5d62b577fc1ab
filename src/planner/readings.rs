//! Which files are being read, and whether another may be.
//!
//! Owns:
//! - reads that go on for long, as on a disk that hangs, keep no other folder waiting; a folder
//!   never has more than its share of them.

use std::collections::BTreeMap;

use super::types::{FolderId, Mono, SharedPath};

/// A read that takes longer than this is its own folder's business.
pub const SLOW_READ_MS: i64 = 30_000;

/// The reads under way.
#[derive(Debug, Clone, Default)]
pub struct Readings(BTreeMap<SharedPath, (FolderId, Mono)>);

impl Readings {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A read begins.
    pub fn begin(&mut self, path: SharedPath, folder: FolderId, now: Mono) {
        self.0.insert(path, (folder, now));
    }

    /// It ended.
    pub fn end(&mut self, path: &SharedPath) {
        self.0.remove(path);
    }

    /// Whether a file of the folder may be read, if `most` may be at once.
    pub fn admit(&self, folder: FolderId, now: Mono, most: usize) -> bool {
        let counts =
            |(of, since): &&(FolderId, Mono)| *of == folder || now.since(*since) < SLOW_READ_MS;
        self.0.values().filter(counts).count() < most
    }

    /// When the next read counts as slow.
    pub fn next_slow(&self, now: Mono) -> Option<Mono> {
        let slow = self.0.values().map(|(_, since)| since.plus(SLOW_READ_MS));
        slow.filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reads_that_hang_hold_up_their_own_folder_only() {
        let (dead, well) = (FolderId(1), FolderId(2));
        let mut readings = Readings::default();
        readings.begin(std::path::Path::new("/dead/a").into(), dead, Mono(0));
        readings.begin(std::path::Path::new("/dead/b").into(), dead, Mono(5));
        assert!(!readings.admit(well, Mono(29_999), 2), "they may just be large");
        assert_eq!(readings.next_slow(Mono(0)), Some(Mono(30_000)));
        assert!(readings.admit(well, Mono(30_000), 2));
        assert_eq!(readings.next_slow(Mono(30_000)), Some(Mono(30_005)));
        assert!(!readings.admit(dead, Mono(900_000), 2));
        readings.begin(std::path::Path::new("/well/a").into(), well, Mono(900_000));
        readings.begin(std::path::Path::new("/well/b").into(), well, Mono(900_000));
        assert!(!readings.admit(well, Mono(900_000), 2), "its share is two as well");
        readings.end(&std::path::Path::new("/well/a").into());
        assert_eq!(readings.len(), 3);
        assert!(readings.admit(well, Mono(900_000), 2));
    }
}
