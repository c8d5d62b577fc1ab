//! The state directory and its lock: one process at a time works with a ledger.
//!
//! Owns:
//! - the directory is ours alone (0700) and on a disk of this machine;
//! - the lock lives as long as its holder, and the file says who that is; it is never deleted.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::scan;
use crate::text::{self, shown};

/// Longer than any holder is seen that takes the lock and has not signed it yet, or that has it
/// only for a step.
const FLEETING: Duration = Duration::from_secs(5);

/// What a holder of the lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Watches folders until it is stopped.
    Daemon,
    /// Uploads some files and ends.
    Push,
    /// Changes the ledger itself and ends.
    Upkeep,
    /// Grants what a person asks for, and ends at once.
    Wish,
}

impl Role {
    /// The word that signs the lock.
    fn word(self) -> &'static str {
        match self {
            Role::Daemon => "run",
            Role::Push => "push",
            Role::Upkeep => "ledger",
            Role::Wish => "wish",
        }
    }

    /// What holds the lock, in words.
    fn holder(self) -> &'static str {
        match self {
            Role::Daemon => "another taxiway",
            Role::Push => "a push",
            Role::Upkeep => "an upkeep of the ledger",
            Role::Wish => "another command",
        }
    }
}

/// Why the state directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds the lock.
    #[error("{what}{} has the ledger in {directory}", with_id(*.pid))]
    Held {
        /// The holder's process id; 0 if it could not be read.
        pid: u32,
        /// "another taxiway", "a push", "an upkeep of the ledger" or "another command".
        what: &'static str,
        /// The holder watches folders: it will not end by itself.
        daemon: bool,
        /// The state directory, as shown.
        directory: String,
    },
    /// The directory cannot be made or used.
    #[error("the state directory {directory} cannot be used: {reason}")]
    Unusable {
        /// The state directory, as shown.
        directory: String,
        /// In words.
        reason: String,
    },
}

fn with_id(pid: u32) -> String {
    if pid == 0 { String::new() } else { format!(" with process id {pid}") }
}

/// The state directory, locked.
#[derive(Debug)]
pub struct Lock {
    /// Held open for the sake of its lock.
    _file: File,
    directory: PathBuf,
}

impl Lock {
    /// Takes the lock, and waits for it as long as `patience` if a push has it. A command that
    /// ends at once is waited for anyway.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn take(directory: &Path, role: Role, patience: Duration) -> Result<Lock, LockError> {
        let unusable = |reason: String| LockError::Unusable { directory: shown(directory), reason };
        prepare(directory).map_err(unusable)?;
        let mut file = open(&directory.join("lock")).map_err(|e| unusable(text::reason(&e)))?;
        let began = Instant::now();
        let until = began + patience;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(unusable(text::reason(&error))),
                Err(TryLockError::WouldBlock) => {}
            }
            let (role, held) = holder(&mut file, directory);
            let fleeting = role == Role::Wish || !signed(&held);
            let waits = match role {
                _ if fleeting && began.elapsed() < FLEETING => true,
                Role::Daemon => false,
                Role::Push | Role::Upkeep | Role::Wish => Instant::now() < until,
            };
            if !waits {
                return Err(held);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        match sign(&mut file, role) {
            // It is had all the same; only who has it cannot be said.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            signed => signed.map_err(|error| unusable(text::reason(&error)))?,
        }
        Ok(Lock { _file: file, directory: directory.to_owned() })
    }

    /// Where the ledger is.
    pub fn ledger_path(&self) -> PathBuf {
        ledger_path(&self.directory)
    }
}

/// The ledger's file in a state directory.
pub fn ledger_path(directory: &Path) -> PathBuf {
    directory.join("ledger.sqlite3")
}

/// Whether some process holds the lock of a state directory now.
pub fn is_held(directory: &Path) -> bool {
    let Ok(file) = open_to_look(&directory.join("lock")) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Who holds the lock, in words, if anybody does.
pub fn held_by(directory: &Path) -> Option<LockError> {
    let mut file = open_to_look(&directory.join("lock")).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file, directory).1),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn prepare(directory: &Path) -> Result<(), String> {
    let make = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    make.map_err(|error| text::reason(&error))?;
    let found = std::fs::metadata(directory).map_err(|error| text::reason(&error))?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    if ours && found.permissions().mode() & 0o077 != 0 {
        let only_us = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(directory, only_us).map_err(|error| text::reason(&error))?;
    }
    let disk = scan::file_system(directory);
    if disk.is_remote() {
        return Err(format!("it is on {}, where locks and SQLite cannot be relied on", disk.name));
    }
    Ok(())
}

/// Whose the directory is may put anything in the place of the lock, and root comes by, too: a link
/// is not followed, and what is no file is not waited for.
fn open(path: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false).mode(0o600);
    plain(how.custom_flags(NO_LINK).open(path)?)
}

fn open_to_look(path: &Path) -> io::Result<File> {
    plain(OpenOptions::new().read(true).custom_flags(NO_LINK).open(path)?)
}

const NO_LINK: i32 = (OFlags::NOFOLLOW.bits() | OFlags::NONBLOCK.bits()) as i32;

fn plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn sign(file: &mut File, role: Role) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{} {}\n", std::process::id(), role.word()).as_bytes())
}

/// Whether the holder has said who it is; else what was read is nothing yet, or the words of an
/// earlier holder.
fn signed(held: &LockError) -> bool {
    let LockError::Held { pid, .. } = held else { return true };
    let pid = i32::try_from(*pid).ok().and_then(rustix::process::Pid::from_raw);
    let alive = |pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH);
    pid.is_some_and(alive)
}

fn holder(file: &mut File, directory: &Path) -> (Role, LockError) {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(64).read_to_string(&mut text));
    let mut words = text.split_whitespace();
    let pid = words.next().filter(|_| read.is_ok()).and_then(|pid| pid.parse().ok()).unwrap_or(0);
    let word = words.next();
    let role =
        [Role::Push, Role::Upkeep, Role::Wish].into_iter().find(|role| word == Some(role.word()));
    let role = role.unwrap_or(Role::Daemon);
    let (what, daemon) = (role.holder(), role == Role::Daemon);
    (role, LockError::Held { pid, what, daemon, directory: shown(directory) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_is_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = Lock::take(directory.path(), Role::Daemon, Duration::ZERO).expect("the lock");
        assert!(is_held(directory.path()));
        let second = Lock::take(directory.path(), Role::Push, Duration::from_secs(60));
        match second {
            Err(LockError::Held { pid, daemon: true, .. }) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(first);
        assert!(!is_held(directory.path()));
        Lock::take(directory.path(), Role::Push, Duration::ZERO).expect("the lock, free again");
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let victim = directory.path().join("victim");
        std::fs::write(&victim, "precious").expect("a file");
        let lock = directory.path().join("lock");
        std::os::unix::fs::symlink(&victim, &lock).expect("a link");
        let taken = Lock::take(directory.path(), Role::Upkeep, Duration::ZERO);
        assert!(matches!(taken, Err(LockError::Unusable { .. })), "{taken:?}");
        assert_eq!(std::fs::read_to_string(&victim).expect("the file"), "precious");
        assert!(!is_held(directory.path()) && held_by(directory.path()).is_none());
        std::fs::remove_file(&lock).expect("no link");
        std::fs::create_dir(&lock).expect("a directory");
        assert!(Lock::take(directory.path(), Role::Upkeep, Duration::ZERO).is_err());
    }

    #[test]
    fn a_holder_that_has_not_signed_yet_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        // What is read before the holder signs: nothing, or what a dead one left.
        for left in ["", "2147483646 run\n"] {
            std::fs::write(&path, left).expect("a lock file");
            let mut first = open(&path).expect("the lock file");
            first.try_lock().expect("the lock");
            let signing = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                sign(&mut first, Role::Push).expect("a signature");
                first
            });
            match Lock::take(directory.path(), Role::Push, Duration::ZERO) {
                Err(LockError::Held { pid, daemon: false, .. }) => {
                    assert_eq!(pid, std::process::id());
                }
                other => panic!("{other:?}"),
            }
            drop(signing.join().expect("the holder"));
        }
    }

    #[test]
    fn the_directory_is_ours_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = directory.path().join("a/b");
        let _lock = Lock::take(&state, Role::Daemon, Duration::ZERO).expect("the lock");
        let mode = std::fs::metadata(&state).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
