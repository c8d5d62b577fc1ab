//! What a doctor asks of a ledger that others may be working with: read only, in little time.

use rusqlite::params;

use super::step::{Result, join};
use super::{Ledger, MIGRATIONS, opening};
use crate::planner::Wall;

/// One of the latest decisions, and the path that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestDecision {
    /// The path.
    pub path: std::path::PathBuf,
    /// When.
    pub at: Wall,
    /// What kind, in one word.
    pub kind: String,
    /// In words.
    pub detail: String,
}

impl Ledger {
    /// The schema of this ledger, and the one that this program makes.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn schema(&self) -> Result<(usize, usize)> {
        let found: i64 = self.db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((usize::try_from(found).unwrap_or_default(), MIGRATIONS.len()))
    }

    /// Looks for damaged pages for a limited time. False: there was not time for all of them.
    pub fn glance_over_pages(&self) -> Result<bool> {
        opening::look_at_pages(&self.db).map_err(|error| self.name_in(error))
    }

    /// The latest decisions, newest first.
    pub fn latest_decisions(&self, most: usize) -> Result<Vec<LatestDecision>> {
        let sql = "SELECT d.path, p.name, e.at, e.kind, e.detail
                   FROM decision e JOIN path p ON p.id = e.path_id
                   JOIN directory d ON d.id = p.directory_id
                   ORDER BY e.id DESC LIMIT ?1";
        let mut found = self.db.prepare(sql)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = found.query_map(params![most], |row| {
            Ok(LatestDecision {
                path: join(row.get(0)?, row.get(1)?),
                at: Wall(row.get(2)?),
                kind: row.get(3)?,
                detail: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
}
