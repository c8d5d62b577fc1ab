//! A new ledger out of what can still be read of a damaged one.
//!
//! Owns:
//! - the damaged files are read from a copy and never written to;
//! - a row is taken only if it makes sense by itself and everything that it points to was taken;
//! - a file that could not be opened or read is an error; only a damaged one has nothing in it;
//! - where something may be lost, the new ledger owes a pairing with the server from the start;
//! - an upload that may have been under way is never one that is simply sent again: its attempt
//!   stays open, or a person decides;
//! - no path counts as certain: every file is read once more before its row is believed.

mod files;
mod graft;
mod mending;
mod owed;
mod reading;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::step::Result;
use super::{Ledger, LedgerError, OLDEST_SQLITE};
use crate::planner::Wall;
use crate::text::one_line;

pub use files::{Built, Rebuilding, copy_for_reading, finish, is_there, remove_left_copies};
use graft::graft;
use reading::{Gaps, each_row, is_of_the_system, scan_once};
use rows::Row;

/// How a ledger's file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Soundness {
    /// There is none.
    Missing,
    /// Nothing is wrong with it.
    Sound,
    /// Something is, in words.
    Damaged(String),
}

/// What became of one table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Rows that are in the new ledger.
    pub rows: u64,
    /// Rows that could be read and made no sense, or pointed to what was lost.
    pub skipped: u64,
    /// Stretches that could not be read; nobody knows how many rows were in them.
    pub gaps: u64,
}

/// What was salvaged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Table by table.
    pub tables: BTreeMap<&'static str, Taken>,
    /// Uploads that had an open attempt, and whose attempt stays open: to be looked up.
    pub in_doubt: u64,
    /// Uploads that may have been under way and are held now, because the attempt was lost.
    pub held: u64,
    /// Which uploads were under way could not be read in full: uploads that are not known to be
    /// on the server may have been.
    pub doubts_lost: bool,
    /// Why nothing at all could be read.
    pub unreadable: Option<String>,
}

impl Salvaged {
    /// Whether something that is on the server may not be known of any more, and would be sent
    /// again.
    fn may_have_lost(&self) -> bool {
        let lost = |table: &str| {
            self.tables.get(table).is_some_and(|taken| taken.gaps > 0 || taken.skipped > 0)
        };
        // That an earlier rebuild owes a pairing stands in `meta`.
        self.unreadable.is_some()
            || self.doubts_lost
            || ["upload", "content", "meta"].into_iter().any(lost)
    }
}

/// Tables with row numbers, in the order in which they point to each other.
const TABLES: [&str; 10] = [
    "account",
    "run",
    "folder",
    "directory",
    "content",
    "upload",
    "path",
    "attempt",
    "decision",
    "errand",
];
/// Tables without row numbers.
const SHORT: [&str; 3] = ["former_asset", "push", "meta"];

/// Looks whether a ledger's file is sound. A newer one is an error: it is not ours to judge.
///
/// # Errors
/// See [`LedgerError`].
pub fn soundness(path: &Path) -> Result<Soundness> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(LedgerError::OldSqlite(rusqlite::version()));
    }
    let found = match Ledger::read(path) {
        Ok(None) if !path.exists() => return Ok(Soundness::Missing),
        Ok(None) => return Ok(Soundness::Damaged("there is nothing in it".into())),
        Ok(Some(ledger)) => ledger.verify(),
        Err(error) => Err(error),
    };
    match found {
        Ok(faults) => Ok(match faults.into_iter().next() {
            Some(fault) => Soundness::Damaged(fault.what),
            None => Soundness::Sound,
        }),
        Err(LedgerError::Damaged { what, .. }) => Ok(Soundness::Damaged(one_line(&what))),
        // The disk does not give all of it.
        Err(LedgerError::Sqlite(error))
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) =>
        {
            Ok(Soundness::Damaged(error.to_string()))
        }
        Err(other) => Err(other),
    }
}

/// The server that a damaged ledger was about, if that can be read.
pub fn server_of(copy: &Path) -> Option<String> {
    let sql = "SELECT value FROM meta WHERE key = 'base_url'";
    open(copy).ok()?.query_row(sql, [], |row| row.get(0)).ok()
}

/// Takes over what can be read of `copy` into a ledger that was just made.
///
/// # Errors
/// If the new ledger cannot be written, or the copy not be read for a reason other than damage.
pub fn salvage(copy: &Path, into: &mut Ledger, now: Wall) -> Result<Salvaged> {
    let opened = match open(copy) {
        Err(error) if is_of_the_system(&error) => return Err(error.into()),
        Err(error) => match graft(copy, now) {
            Ok(()) => open(copy),
            Err(LedgerError::Damaged { .. }) => Err(error),
            Err(other) => return Err(other),
        },
        Ok(old) => Ok(old),
    };
    let old = match opened.map_err(LedgerError::from) {
        Ok(old) => old,
        Err(LedgerError::Damaged { what, .. }) => {
            into.owe_pairing(now)?;
            let unreadable = Some(what);
            return Ok(Salvaged { unreadable, doubts_lost: true, ..Salvaged::default() });
        }
        Err(other) => return Err(other),
    };
    into.begin_step()?;
    let done = Salvage { old: &old, new: into, now, salvaged: Salvaged::default() }.run();
    match &done {
        Ok(_) => into.commit_step()?,
        Err(_) => into.abandon_step(),
    }
    let salvaged = done?;
    into.begin_run(std::process::id(), now)?;
    Ok(salvaged)
}

fn open(copy: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // What is wrong with one part of the schema must not hide the others.
    db.execute_batch("PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON;")?;
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(db)
}

impl Ledger {
    /// Ends with everything in one file.
    ///
    /// # Errors
    /// If its log cannot be taken into it.
    pub fn close(self) -> Result<()> {
        let log = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self.db.query_row(log, [], |row| row.get(0))?;
        debug_assert_eq!(busy, 0, "nobody else has it");
        self.db.close().map_err(|(_, error)| error.into())
    }
}

struct Salvage<'a> {
    old: &'a Connection,
    new: &'a Ledger,
    now: Wall,
    salvaged: Salvaged,
}

impl Salvage<'_> {
    fn run(mut self) -> Result<Salvaged> {
        // The number of this run must be above all that attempts name.
        self.new.execute("DELETE FROM run", [])?;
        for table in TABLES.into_iter().chain(SHORT) {
            self.table(table)?;
        }
        self.mend()?;
        if self.salvaged.may_have_lost() {
            self.new.owe_pairing(self.now)?;
        }
        Ok(self.salvaged)
    }

    /// Columns that both sides have.
    fn columns(&self, table: &str) -> Result<Vec<String>> {
        let sql = "SELECT name FROM pragma_table_info(?1)";
        let names = |db: &Connection| -> rusqlite::Result<Vec<String>> {
            db.prepare(sql)?.query_map([table], |row| row.get(0))?.collect()
        };
        let here = names(&self.new.db)?;
        let there = match names(self.old) {
            Err(error) if is_of_the_system(&error) => return Err(error.into()),
            there => there.unwrap_or_default(),
        };
        Ok(here.into_iter().filter(|name| there.contains(name)).collect())
    }

    fn table(&mut self, table: &'static str) -> Result<()> {
        let columns = self.columns(table)?;
        let mut taken = Taken::default();
        let mut failed = None;
        let old = self.old;
        let each = |row: Vec<Value>| {
            let mut row: Row<'_> = columns.iter().map(String::as_str).zip(row).collect();
            match self.take(table, &mut row) {
                Ok(true) => taken.rows += 1,
                Ok(false) => taken.skipped += 1,
                Err(error) => failed = Some(error),
            }
            failed.is_none()
        };
        let gaps = match (columns.is_empty(), SHORT.contains(&table)) {
            // An older ledger may not have had it.
            (true, _) => Gaps { count: u64::from(!matches!(table, "former_asset" | "errand")) },
            (false, true) => scan_once(old, table, &columns, each)?,
            (false, false) => each_row(old, table, &columns, each)?,
        };
        taken.gaps = gaps.count;
        self.salvaged.tables.insert(table, taken);
        failed.map_or(Ok(()), Err)
    }
}
