//! Where a folder goes, and what an edit of that means.
//!
//! Owns:
//! - the account that a folder went to last is remembered, so that an edit is noticed once.

use rusqlite::{OptionalExtension, params};

use super::Ledger;
use super::error::LedgerError;
use crate::planner::{AccountId, FolderId};

/// What a folder holds that is wanted on another account from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Files whose content is not on that account yet.
    pub files: u64,
    /// The bytes of these contents, each counted once.
    pub bytes: u64,
}

impl Ledger {
    /// Notes where a folder goes from now on. If it went elsewhere before: what of it is wanted on
    /// the new account and not there yet, unless that is nothing.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn goes_to(
        &self,
        folder: FolderId,
        account: AccountId,
    ) -> Result<Option<Moved>, LedgerError> {
        let key = format!("account_of_folder_{}", folder.0);
        let kept = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1";
        let kept: Option<i64> = self.db.query_row(kept, [&key], |row| row.get(0)).optional()?;
        if kept == Some(account.0) {
            return Ok(None);
        }
        let moved = self.wanted_anew(folder, account)?;
        let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)";
        self.db.execute(sql, params![key, account.0.to_string()])?;
        Ok((moved.files > 0).then_some(moved))
    }

    fn wanted_anew(&self, folder: FolderId, account: AccountId) -> Result<Moved, LedgerError> {
        let sql = "WITH wanted AS (
                       SELECT p.content_id FROM path p JOIN upload u ON u.id = p.upload_id
                       WHERE p.folder_id = ?1 AND p.gone_at IS NULL AND u.account_id <> ?2
                         AND NOT EXISTS (SELECT 1 FROM upload v
                             WHERE v.content_id = p.content_id AND v.account_id = ?2
                               AND v.asset_id IS NOT NULL))
                   SELECT (SELECT count(*) FROM wanted), (SELECT coalesce(sum(size), 0)
                       FROM content WHERE id IN (SELECT content_id FROM wanted))";
        let row = self.db.query_row(sql, [folder.0, account.0], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        Ok(Moved { files: row.0.unsigned_abs(), bytes: row.1.unsigned_abs() })
    }
}
