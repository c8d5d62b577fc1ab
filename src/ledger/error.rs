//! What goes wrong with a ledger, and the way back.
//!
//! Owns:
//! - whatever SQLite calls corrupt is damage, wherever it shows, and damage is never written about
//!   as a full disk.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};

use super::backup;
use crate::text::{one_line, shell_word, shown};

/// What goes wrong with a ledger. None of it is about one file.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file was written by a later version.
    #[error("{path} was written by a newer taxiway (schema {found}, this one knows {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: usize,
    },
    /// The ledger remembers another server.
    #[error("this ledger belongs to {remembered}, not to {asked}")]
    OtherServer {
        /// The base URL it was made with.
        remembered: String,
        /// The base URL it was opened with.
        asked: String,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error("the ledger {}is damaged: {}", named(.path.as_deref()), one_line(.what))]
    Damaged {
        /// The file, where it is known.
        path: Option<PathBuf>,
        /// What SQLite says, or what does not fit.
        what: String,
    },
    /// A write-ahead log lies beside the file that was not written for it.
    #[error("the ledger {} was put in its place, and {} is the log of another", shown(.path), shown(.log))]
    StrayLog {
        /// The file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// No copy can be made of a ledger whose schema is to be changed.
    #[error("the ledger {} is as an older taxiway left it and cannot be copied before it is changed: {}", shown(.path), one_line(.why))]
    NoCopy {
        /// The file; nothing of it was changed.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// A rebuild was cut short, and cannot be finished.
    #[error("the rebuilt ledger cannot take the place of {}: {source}", shown(.path))]
    HalfRebuilt {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// SQLite could not do what it was asked.
    #[error("the ledger cannot be written: {}", one_line(&.0.to_string()))]
    Sqlite(#[source] rusqlite::Error),
    /// The SQLite that this program was linked with is too old.
    #[error("SQLite {0} can damage a ledger; 3.51.3 or later is needed")]
    OldSqlite(&'static str),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> LedgerError {
        use rusqlite::Error as E;
        let corrupt = matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase));
        // Columns hold what we wrote; what cannot be read back as that was written by no taxiway.
        let nonsense = matches!(
            error,
            E::InvalidColumnType(..)
                | E::FromSqlConversionFailure(..)
                | E::IntegralValueOutOfRange(..)
                | E::Utf8Error(..)
        );
        if corrupt || nonsense {
            LedgerError::Damaged { path: None, what: error.to_string() }
        } else {
            LedgerError::Sqlite(error)
        }
    }
}

impl LedgerError {
    /// The same error, which names the file where it did not yet.
    pub(super) fn of(self, file: &Path) -> LedgerError {
        match self {
            LedgerError::Damaged { path: None, what } => {
                LedgerError::Damaged { path: Some(file.to_owned()), what }
            }
            other => other,
        }
    }

    /// Whether it is only that the disk is full.
    pub fn is_full_disk(&self) -> bool {
        let LedgerError::Sqlite(error) = self else { return false };
        error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            LedgerError::Newer { .. } => "install the newer taxiway again".into(),
            LedgerError::OtherServer { remembered, .. } => format!(
                "set base_url = \"{remembered}\", or use another --state-dir for the other server"
            ),
            LedgerError::Damaged { path: Some(path), .. } => way_back(path),
            LedgerError::Damaged { path: None, .. } => "taxiway ledger verify".into(),
            LedgerError::StrayLog { log, .. } => {
                format!("mv {} {}", shell_word(log), shell_word(aside(log, "damaged")))
            }
            LedgerError::NoCopy { path, .. } => {
                format!("make room for a second one: df -h {}", shell_word(directory(path)))
            }
            LedgerError::HalfRebuilt { path, .. } => {
                format!("see who may write there: ls -ld {}", shell_word(directory(path)))
            }
            LedgerError::Sqlite(_) => "check that the disk is not full: df -h".into(),
            LedgerError::OldSqlite(_) => "build taxiway with its bundled SQLite".into(),
        }
    }
}

/// What to type to have a sound ledger again.
fn way_back(ledger: &Path) -> String {
    let Some(copy) = backup::newest_beside(ledger) else {
        return "taxiway ledger rebuild".into();
    };
    let copy = Path::new(copy.file_name().unwrap_or_default());
    let commands = replaced(ledger, copy, "damaged");
    format!("stop taxiway, then: {commands}; and for what was uploaded since: taxiway ledger adopt")
}

/// What to type to put a copy in the place of a ledger that nobody uses; what is there is kept.
pub fn put_in_place(ledger: &Path, copy: &Path) -> String {
    replaced(ledger, copy, "before")
}

/// The commands; `copy` is absolute, or beside the ledger.
fn replaced(ledger: &Path, copy: &Path, word: &str) -> String {
    // A log that stayed would be replayed into the copy.
    let log = log_of(ledger);
    let with_pages = log.metadata().is_ok_and(|log| log.len() > 0);
    let kept = aside(ledger, word);
    let there = [(ledger, &kept, ledger.exists()), (&log, &log_of(&kept), with_pages)];
    let there = there.iter().filter(|(.., there)| *there);
    let moves = there.map(|(from, to, _)| format!("mv {} {} && ", name_word(from), name_word(to)));
    let moves: String = moves.collect();
    let directory = directory(ledger);
    let made = match directory.exists() {
        true => String::new(),
        false => format!("mkdir -p -m 700 {} && ", shell_word(directory)),
    };
    let directory = shell_word(directory);
    format!("{made}cd {directory} && {moves}cp {} {}", shell_word(copy), name_word(ledger))
}

/// The write-ahead log of a ledger.
pub(super) fn log_of(ledger: &Path) -> PathBuf {
    with_suffix(ledger, "-wal")
}

/// A name that is free, for what must not stay where it is: the path's, and a word behind it.
fn aside(path: &Path, word: &str) -> PathBuf {
    let numbered = (2..).map(|number| with_suffix(path, &format!(".{word}-{number}")));
    let mut names = std::iter::once(with_suffix(path, &format!(".{word}"))).chain(numbered);
    names.find(|name| !name.exists()).unwrap_or_default()
}

/// The path with something behind its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(suffix);
    longer.into()
}

/// The directory of a file.
pub(super) fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn name_word(path: &Path) -> String {
    shell_word(path.file_name().unwrap_or_default())
}

fn named(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!("{} ", shown(path)))
}
