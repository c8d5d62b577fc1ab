//! Which version of a small file this is, told without reading it.
//!
//! Owns: two stamps differ whenever a program wrote, replaced, created or removed the file between
//! them; equal stamps mean "not worth reading again", no more.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the system says about a file at one moment; one `stat` call, cheap enough to poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// There is no such file, or it cannot be looked at.
    Absent,
    /// Identity, length, times and rights of the file.
    Present {
        /// Device and inode: another file under the name is another version.
        id: (u64, u64),
        /// Length in bytes.
        size: u64,
        /// Modification time: seconds and nanoseconds.
        mtime: (i64, i64),
        /// Change time: seconds and nanoseconds; it moves with every `chmod` too.
        ctime: (i64, i64),
    },
}

impl Stamp {
    /// Looks at the file behind `path`, through symbolic links.
    pub fn of(path: &Path) -> Stamp {
        match std::fs::metadata(path) {
            Ok(metadata) => Stamp::of_metadata(&metadata),
            Err(_) => Stamp::Absent,
        }
    }

    /// The stamp of a file that was looked at already.
    pub fn of_metadata(metadata: &Metadata) -> Stamp {
        Stamp::Present {
            id: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            ctime: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_rewritten_or_removed_file_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        assert_eq!(Stamp::of(&file), Stamp::Absent);
        std::fs::write(&file, "one").unwrap();
        let first = Stamp::of(&file);
        assert_eq!(Stamp::of(&file), first);
        let other = dir.path().join("other");
        std::fs::write(&other, "two").unwrap();
        std::fs::rename(&other, &file).unwrap();
        let second = Stamp::of(&file);
        assert_ne!(second, first);
        std::fs::write(&file, "longer").unwrap();
        assert_ne!(Stamp::of(&file), second);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(Stamp::of(&file), Stamp::Absent);
    }
}
