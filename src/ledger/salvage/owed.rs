//! What a rebuilt ledger lacks until it is in its place and paired with the server.
//!
//! Owns:
//! - that a pairing is owed outlives the process that owes it;
//! - a rebuilt ledger that waits for its place is read as if it were there.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::super::backup::unchanging;
use super::super::step::Result;
use super::super::{Ledger, newest_run};
use super::files::waiting;
use crate::planner::Wall;

impl Ledger {
    /// Whether the ledger was rebuilt with losses and not paired with the server since: what it
    /// does not know may be there already.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn owes_pairing(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM meta WHERE key = 'pairing_owed'";
        Ok(self.db.query_row(sql, [], |_| Ok(())).optional()?.is_some())
    }

    /// From now on a pairing is owed.
    ///
    /// # Errors
    /// If the ledger cannot be written; so for the next.
    pub fn owe_pairing(&self, now: Wall) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('pairing_owed', ?1)";
        self.execute(sql, [now.0.to_string()])
    }

    /// The ledger was paired with the server.
    pub fn settle_pairing(&self) -> Result<()> {
        self.execute("DELETE FROM meta WHERE key = 'pairing_owed'", [])
    }

    /// The rebuilt ledger that a power cut kept from its place, copied into memory: whoever has
    /// the lock may put it there and write to it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(in crate::ledger) fn read_waiting(path: &Path) -> Result<Option<Ledger>> {
        let Some((rebuilt, inode)) = waiting(path) else { return Ok(None) };
        let read = || -> Result<Ledger> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(unchanging(&rebuilt), flags)?;
            let run = newest_run(&db)?;
            let any_wants = Default::default();
            Ledger { db, run, any_wants }.copy_in_memory()
        };
        let read = read().map_err(|error| error.of(&rebuilt));
        // If it is in its place by now, it is read there.
        let still = waiting(path).is_some_and(|(_, now)| now == inode);
        if still { read.map(Some) } else { Ok(None) }
    }
}
