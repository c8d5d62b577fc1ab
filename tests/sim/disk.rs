//! A disk as users see it: names, contents, times of a certain coarseness, and writers at work.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::planner::{self, ContentHash, Fingerprint, Now, Stat, Whole};

/// What a file holds: the number stands for the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    pub id: u64,
    pub size: u64,
}

impl Text {
    pub fn hash(self) -> ContentHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.id.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.size.to_be_bytes());
        ContentHash(bytes)
    }
}

#[derive(Debug, Clone)]
pub struct File {
    pub inode: u64,
    pub text: Text,
    pub changed_ns: i64,
    /// Chunks still to be written; zero means at rest.
    pub to_come: u32,
    /// Whoever writes it keeps it open between its chunks, and the disk can tell.
    pub open: bool,
}

#[derive(Debug)]
pub struct Disk {
    pub files: BTreeMap<PathBuf, File>,
    pub directories: BTreeSet<PathBuf>,
    /// Change times are cut down to a multiple of this.
    pub step_ns: i64,
    pub kind: planner::Disk,
    /// Roots that are not mounted now.
    pub away: BTreeSet<PathBuf>,
    /// Contents that a file never held at rest.
    pub half: BTreeSet<ContentHash>,
    next_inode: u64,
    next_text: u64,
}

impl Disk {
    pub fn new(roots: &[PathBuf], step_ns: i64, kind: planner::Disk) -> Disk {
        Disk {
            files: BTreeMap::new(),
            directories: roots.iter().cloned().collect(),
            step_ns,
            kind,
            away: BTreeSet::new(),
            half: BTreeSet::new(),
            next_inode: 1,
            next_text: 1,
        }
    }

    /// The file system's clock is the machine's wall clock.
    fn clock(&self, now: Now) -> i64 {
        let ns = now.wall.0 * 1_000_000;
        ns - ns.rem_euclid(self.step_ns)
    }

    /// New bytes that no file held before.
    pub fn fresh(&mut self, size: u64) -> Text {
        self.next_text += 1;
        Text { id: self.next_text, size }
    }

    /// Writes a file: in place if there is one. `to_come` chunks are still missing after this.
    pub fn write(&mut self, path: &Path, text: Text, to_come: u32, now: Now) {
        let changed_ns = self.clock(now);
        if to_come > 0 {
            self.half.insert(text.hash());
        }
        self.next_inode += 1;
        let inode = self.next_inode;
        let file = self.files.entry(path.to_owned()).or_insert(File {
            inode,
            text,
            changed_ns,
            to_come,
            open: false,
        });
        file.text = text;
        file.changed_ns = changed_ns;
        file.to_come = to_come;
        file.open &= to_come > 0;
        self.make_directories(path);
    }

    pub fn make_directories(&mut self, path: &Path) {
        self.directories.extend(path.ancestors().skip(1).map(PathBuf::from));
    }

    pub fn rename(&mut self, from: &Path, to: &Path, now: Now) -> bool {
        let Some(mut file) = self.files.remove(from) else { return false };
        // A rename changes the ctime only.
        file.changed_ns = self.clock(now);
        self.files.insert(to.to_owned(), file);
        true
    }

    pub fn stat(&self, path: &Path) -> Option<Stat> {
        if self.away.iter().any(|root| path.starts_with(root)) {
            return None;
        }
        let file = self.files.get(path)?;
        let fingerprint = Fingerprint {
            device: 1,
            inode: file.inode,
            size: file.text.size,
            mtime_ns: file.changed_ns,
            ctime_ns: file.changed_ns,
        };
        Some(Stat { fingerprint, disk: self.kind })
    }

    /// Whether somebody has it open for writing, as far as the disk can tell.
    pub fn is_open(&self, path: &Path) -> bool {
        self.files.get(path).is_some_and(|file| file.open)
    }

    /// What a format says of bytes like these, if it says anything of its wholeness.
    pub fn whole(&self, text: Text) -> Whole {
        match (text.id.is_multiple_of(2), self.half.contains(&text.hash())) {
            (true, true) => Whole::No { reason: "incomplete: it ends too early".into() },
            (true, false) => Whole::Yes,
            (false, _) => Whole::CannotTell,
        }
    }

    /// The names of the files right in a directory, sorted.
    pub fn names_in(&self, directory: &Path) -> Vec<OsString> {
        let files = self.files.keys().filter(|path| path.parent() == Some(directory));
        let mut names: Vec<OsString> =
            files.filter_map(|path| path.file_name()).map(|name| name.to_owned()).collect();
        names.sort();
        names
    }

    /// Directories right in a directory, sorted.
    pub fn directories_in(&self, directory: &Path) -> Vec<OsString> {
        let below = self.directories.iter().filter(|path| path.parent() == Some(directory));
        below.filter_map(|path| path.file_name()).map(|name| name.to_owned()).collect()
    }
}
