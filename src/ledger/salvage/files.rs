//! The files of a rebuild: the copy that is read, the ledger in the making, the damaged ones.
//!
//! Owns:
//! - damaged files are renamed, never deleted and never written to;
//! - each process reads a copy of its own, and touches no other's that is alive;
//! - at any moment there is either the old ledger under its name, or a new one that is complete,
//!   or a name that says so: a power cut in between never leaves an empty ledger behind.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::error::{directory, with_suffix};

/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];
/// Bytes read at once, and around a spot that the disk does not give.
const PIECE: usize = 1024 * 1024;
const SPOT: usize = 4096;
/// What the name of a copy has behind the ledger's, before the number of its process.
const COPY: &str = ".salvage";
/// What the name of a new ledger has that is complete.
const REBUILT: &str = ".rebuilt";

/// A copy of a damaged ledger; it ends with this.
#[derive(Debug)]
pub struct Copy {
    path: PathBuf,
}

/// Copies a ledger and its log, as far as the disk gives them. What it does not give is zeros. A
/// rebuilt ledger that waits for its place is the ledger.
///
/// # Errors
/// If the copy cannot be written.
pub fn copy_for_reading(ledger: &Path) -> io::Result<Copy> {
    let copy = Copy { path: with_suffix(ledger, &format!("{COPY}-{}", std::process::id())) };
    copy.remove();
    let rebuilt = with_suffix(ledger, REBUILT);
    let from = if rebuilt.exists() { &rebuilt } else { ledger };
    for beside in &BESIDE[..2] {
        match File::open(with_suffix(from, beside)) {
            Ok(mut from) => copy_around_holes(&mut from, &with_suffix(&copy.path, beside))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(copy)
}

impl Copy {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) {
        for beside in BESIDE {
            // What is not there need not go.
            let _ = fs::remove_file(with_suffix(&self.path, beside));
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes the copies of processes that are no more. The caller holds the lock.
pub fn remove_left_copies(ledger: &Path) {
    let Ok(entries) = fs::read_dir(directory(ledger)) else { return };
    let mut copies = ledger.file_name().unwrap_or_default().to_owned();
    copies.push(COPY);
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(rest) = name.as_bytes().strip_prefix(copies.as_bytes()) else { continue };
        // One without a number is of an older version, whose processes had one name in common.
        let pid = std::str::from_utf8(rest).ok().and_then(|rest| rest.split('-').nth(1));
        let pid = pid.and_then(|pid| pid.parse().ok()).and_then(rustix::process::Pid::from_raw);
        let dead = |pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
        if pid.is_none_or(dead) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn copy_around_holes(from: &mut File, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let size = from.metadata()?.len();
    let mut into = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    into.set_len(size)?;
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while at < size {
        let piece = PIECE.min(usize::try_from(size - at).unwrap_or(PIECE));
        match read_at(from, at, &mut buffer[..piece]) {
            Ok(()) => write_at(&mut into, at, &buffer[..piece])?,
            Err(_) => {
                for spot in (0..piece).step_by(SPOT) {
                    let (place, length) = (at + spot as u64, SPOT.min(piece - spot));
                    if read_at(from, place, &mut buffer[..length]).is_ok() {
                        write_at(&mut into, place, &buffer[..length])?;
                    }
                }
            }
        }
        at += piece as u64;
    }
    Ok(())
}

fn read_at(file: &mut File, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(buffer)
}

fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// A ledger in the making, beside the one that it will replace.
#[derive(Debug)]
pub struct Rebuilding {
    ledger: PathBuf,
}

/// A ledger that is complete, under a name of its own.
#[derive(Debug)]
pub struct Built {
    ledger: PathBuf,
}

impl Rebuilding {
    /// Beside this ledger. What an earlier one left unfinished goes.
    pub fn beside(ledger: &Path) -> Rebuilding {
        let rebuilding = Rebuilding { ledger: ledger.to_owned() };
        for beside in BESIDE {
            let _ = fs::remove_file(with_suffix(&rebuilding.path(), beside));
        }
        rebuilding
    }

    /// Where it is made.
    pub fn path(&self) -> PathBuf {
        with_suffix(&self.ledger, ".rebuilding")
    }

    /// It is complete, and closed. From here on it will be the ledger, come what may.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn complete(self) -> io::Result<Built> {
        File::open(self.path())?.sync_all()?;
        fs::rename(self.path(), with_suffix(&self.ledger, REBUILT))?;
        sync_directory(&self.ledger)?;
        Ok(Built { ledger: self.ledger })
    }
}

impl Built {
    /// Sets the old ledger aside and puts the new one in its place. `stamp` is the time, as a
    /// name has it. Where the old one is now, if there was one.
    ///
    /// # Errors
    /// If something cannot be renamed; [`finish`] goes on from there.
    pub fn take_its_place(self, stamp: &str) -> io::Result<Option<PathBuf>> {
        replace(&self.ledger, stamp)
    }
}

/// Goes on with a rebuild that a power cut ended after the new ledger was complete.
///
/// # Errors
/// If something cannot be renamed.
pub fn finish(ledger: &Path, stamp: &str) -> io::Result<()> {
    if with_suffix(ledger, REBUILT).exists() {
        replace(ledger, stamp)?;
    }
    Ok(())
}

/// Whether there is a ledger, if only a rebuilt one that waits for its place.
pub fn is_there(ledger: &Path) -> bool {
    ledger.exists() || with_suffix(ledger, REBUILT).exists()
}

/// The rebuilt ledger that waits for its place, if there is one, and which file that is: another
/// process may put it there at any moment, and write to it.
pub(in crate::ledger) fn waiting(ledger: &Path) -> Option<(PathBuf, u64)> {
    let rebuilt = with_suffix(ledger, REBUILT);
    let inode = rebuilt.metadata().ok()?.ino();
    Some((rebuilt, inode))
}

fn replace(ledger: &Path, stamp: &str) -> io::Result<Option<PathBuf>> {
    let mut aside = with_suffix(ledger, &format!(".damaged-{stamp}"));
    let mut again = 2;
    while BESIDE.iter().any(|beside| with_suffix(&aside, beside).exists()) {
        aside = with_suffix(ledger, &format!(".damaged-{stamp}-{again}"));
        again += 1;
    }
    let mut moved = None;
    for beside in BESIDE {
        match fs::rename(with_suffix(ledger, beside), with_suffix(&aside, beside)) {
            Ok(()) => {
                moved.get_or_insert_with(|| with_suffix(&aside, beside));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    fs::rename(with_suffix(ledger, REBUILT), ledger)?;
    sync_directory(ledger)?;
    Ok(moved)
}

fn sync_directory(file: &Path) -> io::Result<()> {
    File::open(directory(file))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn the_old_files_are_set_aside_together_and_nothing_is_deleted() {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = directory.path().join("l");
        for (beside, text) in [("", "old"), ("-wal", "log"), ("-shm", "index")] {
            fs::write(with_suffix(&ledger, beside), text).expect("written");
        }
        let rebuilding = Rebuilding::beside(&ledger);
        fs::write(rebuilding.path(), "new").expect("written");
        let built = rebuilding.complete().expect("complete");
        let aside = built.take_its_place("T").expect("replaced").expect("moved");
        assert_eq!(fs::read_to_string(&ledger).expect("read"), "new");
        assert_eq!(fs::read_to_string(&aside).expect("read"), "old");
        let all = ["l", "l.damaged-T", "l.damaged-T-shm", "l.damaged-T-wal"];
        assert_eq!(names(directory.path()), all);
        // Another one at the same time.
        fs::write(with_suffix(&ledger, ".rebuilt"), "newer").expect("written");
        finish(&ledger, "T").expect("finished");
        assert_eq!(fs::read_to_string(&ledger).expect("read"), "newer");
        assert_eq!(fs::read_to_string(with_suffix(&ledger, ".damaged-T-2")).expect("read"), "new");
    }

    #[test]
    fn a_power_cut_at_any_rename_leaves_the_way_on() {
        // As many of the old files as were moved before the cut.
        for moved in 0..=3 {
            let directory = tempfile::tempdir().expect("a directory");
            let ledger = directory.path().join("l");
            for beside in &BESIDE[moved..] {
                fs::write(with_suffix(&ledger, beside), "old").expect("written");
            }
            for beside in &BESIDE[..moved] {
                fs::write(with_suffix(&ledger, &format!(".damaged-T{beside}")), "old")
                    .expect("written");
            }
            fs::write(with_suffix(&ledger, ".rebuilt"), "new").expect("written");
            finish(&ledger, "U").expect("finished");
            assert_eq!(fs::read_to_string(&ledger).expect("read"), "new", "{moved}");
            assert_eq!(names(directory.path()).len(), 4, "nothing is deleted");
            assert!(!with_suffix(&ledger, "-wal").exists(), "the old log is not the new ledger's");
            finish(&ledger, "V").expect("nothing left to do");
            assert_eq!(fs::read_to_string(&ledger).expect("read"), "new", "{moved}");
        }
    }

    #[test]
    fn what_was_not_complete_is_made_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = directory.path().join("l");
        fs::write(&ledger, "old").expect("written");
        fs::write(with_suffix(&ledger, ".rebuilding"), "half").expect("written");
        finish(&ledger, "T").expect("nothing to finish");
        assert_eq!(fs::read_to_string(&ledger).expect("read"), "old");
        Rebuilding::beside(&ledger);
        assert_eq!(names(directory.path()), ["l"]);
    }

    #[test]
    fn the_copy_is_exact_and_ends_by_itself() {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = directory.path().join("l");
        let bytes: Vec<u8> = (0..PIECE + SPOT + 7).map(|at| (at % 251) as u8).collect();
        fs::write(&ledger, &bytes).expect("written");
        fs::write(with_suffix(&ledger, "-wal"), "log").expect("written");
        let copy = copy_for_reading(&ledger).expect("a copy");
        assert!(fs::read(copy.path()).expect("read") == bytes);
        assert_eq!(fs::read(with_suffix(copy.path(), "-wal")).expect("read"), b"log");
        drop(copy);
        assert_eq!(names(directory.path()), ["l", "l-wal"]);
    }

    #[test]
    fn a_copy_is_touched_only_by_the_process_that_made_it_while_that_lives() {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = directory.path().join("l");
        fs::write(&ledger, "old").expect("written");
        let copy = copy_for_reading(&ledger).expect("a copy");
        let own = format!("l.salvage-{}", std::process::id());
        assert_eq!(copy.path(), directory.path().join(&own));
        // Process 1 is always alive, and no process has the highest number of all.
        let others = [
            "l.salvage",
            "l.salvage-wal",
            "l.salvage-1",
            "l.salvage-1-wal",
            "l.salvage-2147483646",
        ];
        for name in others.iter().chain(&["l.salvage-2147483646-new-wal"]) {
            fs::write(directory.path().join(name), "another's").expect("written");
        }
        drop(copy_for_reading(&ledger).expect("a copy"));
        assert_eq!(names(directory.path()).len(), 7, "making and ending one is about no other");
        drop(copy);
        remove_left_copies(&ledger);
        assert_eq!(names(directory.path()), ["l", "l.salvage-1", "l.salvage-1-wal"]);
    }
}
