//! Copies of a ledger: made while it is in use, found again when it is damaged.
//!
//! Owns:
//! - a copy is one file, on disk and checked before it has its name, and replaces no other;
//! - a copy does not say that it is in WAL mode, so a log that lies beside it when it is put in
//!   the ledger's place is known to be another's.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::{directory, with_suffix};
use super::{Ledger, LedgerError, MIGRATIONS};
use crate::text::{one_line, reason, shown};

/// Times that a ledger which is locked for a moment is asked again, and the pause between them.
const BUSY_MOST: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What the names of files have that lie beside a ledger and are no backup: set aside, or on their
/// way in a rebuild.
const NO_COPY: [&str; 4] = ["damaged", ".salvage", ".rebuilding", ".rebuilt"];

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something has that name.
    #[error("{} is there already", shown(.0))]
    Exists(PathBuf),
    /// The copy cannot be written.
    #[error("{} cannot be written: {}", shown(.file), one_line(.why))]
    Unwritable {
        /// The copy.
        file: PathBuf,
        /// In words.
        why: String,
    },
    /// What is to be copied is damaged or cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Ledger {
    /// Copies the ledger into a new file, as it is now; a process that writes it goes on.
    ///
    /// # Errors
    /// See [`BackupError`]. There is no new file then.
    pub fn backup(&self, file: &Path) -> Result<(), BackupError> {
        copy(&self.db, self.file().as_deref(), file)
    }

    /// The ledger's file; none if it is in memory.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.db.path().filter(|path| !path.is_empty()).map(PathBuf::from)
    }
}

/// Keeps what an older version wrote, before its schema becomes `schema`.
pub(super) fn keep_older(
    db: &Connection,
    ledger: &Path,
    schema: usize,
) -> Result<PathBuf, LedgerError> {
    let first = with_suffix(ledger, &format!(".before-schema-{schema}"));
    let numbered = (2..).map(|number| with_suffix(&first, &format!(".{number}")));
    for name in std::iter::once(first.clone()).chain(numbered) {
        match copy(db, Some(ledger), &name) {
            Ok(()) => return Ok(name),
            Err(BackupError::Exists(_)) => {}
            Err(BackupError::Ledger(damage @ LedgerError::Damaged { .. })) => return Err(damage),
            Err(error) => {
                let path = ledger.to_owned();
                return Err(LedgerError::NoCopy { path, why: error.to_string() });
            }
        }
    }
    Ok(first)
}

fn copy(db: &Connection, ledger: Option<&Path>, file: &Path) -> Result<(), BackupError> {
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let part = part_of(file);
    let made = fill(db, ledger, file, &part).and_then(|()| place(&part, file));
    if made.is_err() {
        // What is left of it says nothing and must not look like a backup.
        for leftover in [part.clone(), with_suffix(&part, "-wal"), with_suffix(&part, "-shm")] {
            let _ = std::fs::remove_file(leftover);
        }
    }
    made
}

/// The name that a copy has while it is made: hidden, and no other process's.
fn part_of(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    let mut part = std::ffi::OsString::from(".");
    part.push(name);
    part.push(format!(".{}.part", std::process::id()));
    file.with_file_name(part)
}

fn fill(
    db: &Connection,
    ledger: Option<&Path>,
    file: &Path,
    part: &Path,
) -> Result<(), BackupError> {
    let unwritable =
        |why: String| BackupError::Unwritable { file: file.to_owned(), why: why.to_lowercase() };
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part);
    let new = new.map_err(|error| unwritable(reason(&error)))?;
    let mut into = Connection::open(part).map_err(|error| unwritable(error.to_string()))?;
    pour(db, &mut into).map_err(|error| match LedgerError::from(error) {
        LedgerError::Sqlite(error) => unwritable(error.to_string()),
        damage => BackupError::Ledger(match ledger {
            Some(ledger) => damage.of(ledger),
            None => damage,
        }),
    })?;
    let found: String = into
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| unwritable(error.to_string()))?;
    if found != "ok" {
        let path = ledger.map(Path::to_owned);
        return Err(LedgerError::Damaged { path, what: found }.into());
    }
    into.close().map_err(|(_, error)| unwritable(error.to_string()))?;
    new.sync_all().map_err(|error| unwritable(reason(&error)))
}

/// Copies all pages in one go: what is copied in steps begins anew with every commit of another.
fn pour(from: &Connection, into: &mut Connection) -> rusqlite::Result<()> {
    {
        let backup = Backup::new(from, into)?;
        let mut asked = 0;
        while backup.step(-1)? != StepResult::Done {
            asked += 1;
            if asked > BUSY_MOST {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                    None,
                ));
            }
            std::thread::sleep(BUSY_PAUSE);
        }
    }
    into.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
}

/// Gives the copy its name, unless something has it by now.
fn place(part: &Path, file: &Path) -> Result<(), BackupError> {
    let unwritable =
        |error: io::Error| BackupError::Unwritable { file: file.to_owned(), why: reason(&error) };
    match std::fs::hard_link(part, file) {
        Ok(()) => std::fs::remove_file(part).map_err(unwritable)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(file.to_owned()));
        }
        // A file system without hard links.
        Err(_) => std::fs::rename(part, file).map_err(unwritable)?,
    }
    File::open(directory(file)).and_then(|directory| directory.sync_all()).map_err(unwritable)
}

/// The newest sound copy in the directory of a ledger.
pub(super) fn newest_beside(ledger: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory(ledger)).ok()?.filter_map(Result::ok);
    let mut copies: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let bytes = name.as_bytes();
            let has = |word: &&str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
            let no_copy = NO_COPY.iter().any(has);
            Some(&*name) != ledger.file_name() && !bytes.starts_with(b".") && !no_copy
        })
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            let changed_at = metadata.modified().ok()?;
            metadata.is_file().then(|| (changed_at, entry.path()))
        })
        .collect();
    copies.sort();
    copies.into_iter().rev().map(|(_, copy)| copy).find(|copy| is_sound(copy))
}

/// Whether a file is a ledger of ours, with all its pages. Leaves nothing beside it.
fn is_sound(file: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = || -> rusqlite::Result<bool> {
        let db = Connection::open_with_flags(unchanging(file), flags)?;
        let schema: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let ours = (1..=MIGRATIONS.len() as i64).contains(&schema);
        let uploads: bool =
            db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'upload'", [], |row| {
                row.get(0)
            })?;
        let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok(ours && uploads && found == "ok")
    };
    look().unwrap_or(false)
}

/// How a file is opened that nobody writes to: without a log, and nothing is made beside it.
pub(super) fn unchanging(file: &Path) -> String {
    let escaped: String = file.as_os_str().as_bytes().iter().map(|byte| uri(*byte)).collect();
    format!("file:{escaped}?immutable=1")
}

fn uri(byte: u8) -> String {
    let plain = byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}
