//! The writes that a person asked for.
//!
//! Owns:
//! - an assetId that is forgotten stays known as one that was ours;
//! - each wish is in the history of every path that it concerns.

use rusqlite::params;

use super::Ledger;
use super::errands::Owed;
use super::step::Result;
use crate::planner::{Wall, Write};

impl Ledger {
    pub(super) fn apply_wish(&self, write: &Write, now: Wall) -> Result<()> {
        match write {
            Write::TryAgain { key, reason } => {
                let upload = self.upload_id(key)?;
                let sql = "UPDATE upload SET failed_at = NULL, held_at = NULL, failures = 0,
                               doubts = 0, next_try_at = NULL, reason = ?2
                           WHERE id = ?1 AND asset_id IS NULL";
                self.execute(sql, params![upload, reason])?;
                self.tell_paths(upload, now, "retried", reason)?;
                self.enqueue_all(upload)
            }
            Write::TryAllAgain => self.try_all_again(now),
            Write::Resolved { key, asset } => {
                let upload = self.upload_id(key)?;
                let sql = "UPDATE upload SET asset_id = ?2, asset_url = ?3, uploaded_at = ?4,
                               failures = 0, doubts = 0, next_try_at = NULL, reason = NULL,
                               failed_at = NULL, held_at = NULL
                           WHERE id = ?1 AND asset_id IS NULL";
                self.execute(sql, params![upload, asset.asset_id, asset.url, now.0])?;
                self.tell_paths(upload, now, "resolved", &format!("it is {}", asset.asset_id))?;
                self.dequeue(upload)?;
                self.owe(Owed::Upload(upload), now)
            }
            Write::Forget { key } => self.forget(self.upload_id(key)?, now),
            other => unreachable!("no wish: {other:?}"),
        }
    }

    /// Adds a decision to the history of every path of an upload.
    pub(super) fn tell_paths(
        &self,
        upload: i64,
        now: Wall,
        kind: &str,
        detail: &str,
    ) -> Result<()> {
        let sql = "INSERT INTO decision (path_id, at, kind, detail)
                   SELECT id, ?2, ?3, ?4 FROM path WHERE upload_id = ?1";
        self.execute(sql, params![upload, now.0, kind, detail])
    }

    /// Sets, not rows: there may be a hundred thousand of each.
    fn try_all_again(&self, now: Wall) -> Result<()> {
        let why = "all that failed is tried again, as asked";
        let sql = "INSERT INTO decision (path_id, at, kind, detail)
                   SELECT p.id, ?1, 'retried', ?2 FROM path p
                   LEFT JOIN upload u ON u.id = p.upload_id
                   WHERE p.gone_at IS NULL
                     AND ((p.status = 'failed' AND p.folder_id <> 0) OR u.failed_at IS NOT NULL)";
        self.execute(sql, params![now.0, why])?;
        let sql = "INSERT OR IGNORE INTO queue
                       (folder_id, account_id, upload_id, path_id, newest)
                   SELECT CASE WHEN p.upload_id = u.id THEN p.folder_id ELSE 0 END,
                       u.account_id, u.id, p.id, p.mtime_ns
                   FROM upload u JOIN path p ON p.content_id = u.content_id
                   WHERE u.failed_at IS NOT NULL AND p.gone_at IS NULL
                     AND (p.upload_id = u.id OR u.pushed_at IS NOT NULL)";
        self.execute(sql, [])?;
        let sql = "UPDATE upload SET failed_at = NULL, failures = 0, doubts = 0,
                       next_try_at = NULL, reason = ?1 WHERE failed_at IS NOT NULL";
        self.execute(sql, [why])?;
        let sql = "UPDATE path SET status = 'settling', reason = ?1, certain = 0
                   WHERE status = 'failed' AND folder_id <> 0 AND gone_at IS NULL";
        self.execute(sql, [why])
    }

    /// What a folder's paths hold is queued again. A file that was pushed from outside of the
    /// folders is from now on there for a push to another account, if one has not come to its end;
    /// else it is nobody's any more, and its row stays for its history, as one that is gone.
    fn forget(&self, upload: i64, now: Wall) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO former_asset
                       (asset_id, upload_id, name, uploaded_at, forgotten_at)
                   SELECT asset_id, id, name, uploaded_at, ?2 FROM upload
                   WHERE id = ?1 AND asset_id IS NOT NULL";
        self.execute(sql, params![upload, now.0])?;
        let sql = "INSERT INTO decision (path_id, at, kind, detail)
                   SELECT p.id, ?2, 'forgotten', 'counts as never uploaded; it was ' || u.asset_id
                   FROM upload u JOIN path p ON p.upload_id = u.id WHERE u.id = ?1";
        self.execute(sql, params![upload, now.0])?;
        let sql = "UPDATE upload SET asset_id = NULL, asset_url = NULL, uploaded_at = NULL,
                       pushed_at = NULL, failures = 0, doubts = 0, next_try_at = NULL,
                       reason = 'forgotten, as asked' WHERE id = ?1 AND asset_id IS NOT NULL";
        self.execute(sql, [upload])?;
        self.forget_errands(upload, now)?;
        let sql = "UPDATE path SET upload_id = other.id
                   FROM upload u JOIN upload other
                     ON other.content_id = u.content_id AND other.pushed_at IS NOT NULL
                        AND other.asset_id IS NULL
                   WHERE u.id = ?1 AND path.upload_id = u.id AND path.folder_id = 0";
        self.execute(sql, [upload])?;
        let sql = "UPDATE path SET gone_at = coalesce(gone_at, ?2)
                   WHERE upload_id = ?1 AND folder_id = 0";
        self.execute(sql, params![upload, now.0])?;
        self.enqueue_all(upload)
    }
}
