//! What is looked at before a ledger is trusted.
//!
//! Owns:
//! - SQLite never meets a log that it would throw away, or replay into another file;
//! - after an end that was not clean, pages are checked for a limited time.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::LedgerError;
use super::error::log_of;

/// Bytes of a log without any page.
const LOG_HEADER: u64 = 32;
/// Where a database says which journal it has, and what it says when that is no log.
const JOURNAL_AT: usize = 18;
const NO_LOG: u8 = 1;
/// How long pages are checked after an end that was not clean: all of a ledger of some hundred
/// thousand files. The whole of a larger one is checked by `ledger verify`.
const CHECKED_FOR: Duration = Duration::from_secs(2);

/// How the last process that wrote a ledger ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastEnd {
    Clean,
    /// Its log is still there. A reader beside it may be why; it is then checked for nothing.
    Cut,
}

/// Looks at ledger and log, as files.
pub(super) fn look_at_log(ledger: &Path) -> Result<LastEnd, LedgerError> {
    let log = log_of(ledger);
    // The log first: whoever makes both makes the ledger first.
    let pages = log.metadata().is_ok_and(|log| log.len() > LOG_HEADER);
    if !pages {
        return Ok(LastEnd::Clean);
    }
    let damaged =
        |what: &str| LedgerError::Damaged { path: Some(ledger.to_owned()), what: what.to_owned() };
    let mut header = Vec::new();
    let read = File::open(ledger).and_then(|file| {
        let most = JOURNAL_AT as u64 + 1;
        file.take(most).read_to_end(&mut header)
    });
    match (read, header.get(JOURNAL_AT)) {
        (Err(_), _) if !ledger.exists() => Err(damaged("it is not there, and its log is")),
        (Ok(0), _) => Err(damaged("it is empty, and its log is not")),
        (Ok(_), Some(&NO_LOG)) => Err(LedgerError::StrayLog { path: ledger.to_owned(), log }),
        // What else is wrong with it is SQLite's to say.
        (_, _) => Ok(LastEnd::Cut),
    }
}

/// Checks pages until the time is over. The log stays where it is if they are damaged: the next
/// start looks again, and who salvages the ledger has what was committed last.
pub(super) fn check_pages(db: &Connection) -> Result<(), LedgerError> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    look_at_pages(db)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

/// False: there was not time for all of them.
pub(super) fn look_at_pages(db: &Connection) -> Result<bool, LedgerError> {
    let interrupt = db.get_interrupt_handle();
    let (done, wait) = channel::<()>();
    let found = std::thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(CHECKED_FOR) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let found = db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        drop(done);
        found
    });
    match found {
        Ok(found) if found == "ok" => Ok(true),
        Ok(what) => Err(LedgerError::Damaged { path: None, what }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::debug!("no damage found in the time there was for looking");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
