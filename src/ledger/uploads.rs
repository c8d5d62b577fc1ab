//! The writes about contents, uploads, attempts and accounts.
//!
//! Owns:
//! - an upload that has an assetId never loses it here;
//! - an attempt that has an outcome keeps it.

use rusqlite::{OptionalExtension, params};

use super::Ledger;
use super::errands::Owed;
use super::step::Result;
use crate::planner::sabotage::{self, Bug};
use crate::planner::{AccountId, Content, UploadKey, Wall, Write};

impl Ledger {
    pub(super) fn apply_attempt(&self, write: &Write, now: Wall) -> Result<()> {
        match write {
            Write::OpenAttempt { .. } if sabotage::on(Bug::LoseAttempts) => Ok(()),
            Write::OpenAttempt { attempt, key, path, name, at, skew_ms } => {
                let sql = "INSERT INTO attempt
                               (id, upload_id, path_id, run_id, opened_at, name, skew_ms)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                let upload = self.upload_id(key)?;
                let path = self.path_id(path)?;
                self.execute(sql, params![attempt.0, upload, path, self.run, at.0, name, skew_ms])
            }
            Write::Doubt { attempt, status, reason, took_ms } => {
                let sql = "UPDATE attempt SET sent_at = ?2, took_ms = ?3, status = ?4, detail = ?5
                           WHERE id = ?1 AND outcome IS NULL";
                self.execute(sql, params![attempt.0, now.0, took_ms, status, reason])
            }
            Write::Looked { attempt, looks, reason } => {
                let sql = "UPDATE attempt SET looks = ?2, detail = ?3
                           WHERE id = ?1 AND outcome IS NULL";
                self.execute(sql, params![attempt.0, looks, reason])
            }
            Write::CloseAttempt { attempt, end, status, detail } => {
                let sql = "UPDATE attempt SET outcome = ?2, ended_at = ?3,
                               status = coalesce(?4, status), detail = ?5
                           WHERE id = ?1 AND outcome IS NULL";
                self.execute(sql, params![attempt.0, end.as_str(), now.0, status, detail])
            }
            other => unreachable!("not about an attempt: {other:?}"),
        }
    }

    pub(super) fn apply_upload(&self, write: &Write, now: Wall) -> Result<()> {
        match write {
            Write::Uploaded { key, asset, name } => {
                let upload = self.upload_id(key)?;
                let sql = "UPDATE upload SET asset_id = ?2, asset_url = ?3, uploaded_at = ?4,
                               name = ?5, failures = 0, doubts = 0, next_try_at = NULL,
                               reason = NULL, failed_at = NULL, held_at = NULL
                           WHERE id = ?1 AND asset_id IS NULL";
                self.execute(sql, params![upload, asset.asset_id, asset.url, now.0, name])?;
                self.dequeue(upload)?;
                self.owe(Owed::Upload(upload), now)
            }
            Write::Delay { key, failures, doubts, next_try_at, reason } => {
                let upload = self.upload_id(key)?;
                let at = next_try_at.map(|at| at.0);
                let sql = "UPDATE upload SET failures = ?2, doubts = ?3, next_try_at = ?4,
                               reason = ?5 WHERE id = ?1";
                self.execute(sql, params![upload, failures, doubts, at, reason])?;
                let sql = "UPDATE queue SET next_try_at = ?2 WHERE upload_id = ?1";
                self.execute(sql, params![upload, at.unwrap_or(0)])
            }
            Write::UploadFailed { key, reason } => {
                let upload = self.upload_id(key)?;
                let sql = "UPDATE upload SET failed_at = ?2, reason = ?3, next_try_at = NULL
                           WHERE id = ?1 AND asset_id IS NULL";
                self.execute(sql, params![upload, now.0, reason])?;
                self.dequeue(upload)?;
                self.owe(Owed::Upload(upload), now)
            }
            Write::UploadHeld { key, reason } => {
                let upload = self.upload_id(key)?;
                let sql = "UPDATE upload SET held_at = ?2, reason = ?3, next_try_at = NULL
                           WHERE id = ?1 AND asset_id IS NULL";
                self.execute(sql, params![upload, now.0, reason])?;
                self.dequeue(upload)?;
                self.owe(Owed::Upload(upload), now)
            }
            Write::Requeue { key, reason } => {
                let upload = self.upload_id(key)?;
                let sql = "UPDATE upload SET failed_at = NULL, reason = ?2, next_try_at = NULL
                           WHERE id = ?1 AND asset_id IS NULL AND held_at IS NULL";
                self.execute(sql, params![upload, reason])?;
                self.enqueue_all(upload)
            }
            other => unreachable!("not about an upload: {other:?}"),
        }
    }

    fn ensure_content(&self, content: &Content) -> Result<i64> {
        let mut known = self.db.prepare_cached("SELECT id FROM content WHERE hash = ?1")?;
        let id = known.query_row([content.hash.0], |row| row.get(0)).optional()?;
        if let Some(id) = id {
            return Ok(id);
        }
        let sql = "INSERT INTO content (hash, size, media_type, width, height, duration_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.execute(
            sql,
            params![
                content.hash.0,
                content.size as i64,
                content.media_type.as_str(),
                content.width,
                content.height,
                content.duration_ms.map(|ms| ms as i64)
            ],
        )?;
        Ok(self.db.last_insert_rowid())
    }

    pub(super) fn ensure_upload(
        &self,
        content: &Content,
        account: AccountId,
        name: &str,
        now: Wall,
    ) -> Result<i64> {
        let content = self.ensure_content(content)?;
        self.ensure_upload_of(content, account, name, now)
    }

    pub(super) fn ensure_upload_of(
        &self,
        content: i64,
        account: AccountId,
        name: &str,
        now: Wall,
    ) -> Result<i64> {
        let mut sql = "SELECT id FROM upload WHERE content_id = ?1 AND account_id = ?2";
        if sabotage::on(Bug::ShareAcrossAccounts) {
            sql = "SELECT id FROM upload WHERE content_id = ?1 AND ?2 = ?2";
        }
        let mut known = self.db.prepare_cached(sql)?;
        if let Some(id) = known.query_row([content, account.0], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        let sql = "INSERT INTO upload (content_id, account_id, name, wanted_at)
                   VALUES (?1, ?2, ?3, ?4)";
        self.execute(sql, params![content, account.0, name, now.0])?;
        Ok(self.db.last_insert_rowid())
    }

    /// Queues an upload that has not ended: in the lanes of the folders whose paths hold it, and
    /// in that of the pushes if a person asked for it by name.
    pub(super) fn enqueue_all(&self, upload: i64) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO queue
                       (folder_id, account_id, upload_id, path_id, newest)
                   SELECT CASE WHEN p.upload_id = u.id THEN p.folder_id ELSE 0 END AS lane,
                       u.account_id, u.id, p.id, p.mtime_ns
                   FROM upload u JOIN path p ON p.content_id = u.content_id
                   WHERE u.id = ?1 AND u.asset_id IS NULL AND u.failed_at IS NULL
                     AND u.held_at IS NULL AND p.gone_at IS NULL
                     AND (p.upload_id = u.id OR u.pushed_at IS NOT NULL)";
        self.execute(sql, [upload])
    }

    pub(super) fn content_of(&self, upload: i64) -> Result<i64> {
        let mut found = self.db.prepare_cached("SELECT content_id FROM upload WHERE id = ?1")?;
        Ok(found.query_row([upload], |row| row.get(0))?)
    }

    pub(super) fn upload_id(&self, key: &UploadKey) -> Result<i64> {
        let sql = "SELECT u.id FROM content c JOIN upload u ON u.content_id = c.id
                   WHERE c.hash = ?1 AND u.account_id = ?2";
        let mut found = self.db.prepare_cached(sql)?;
        Ok(found.query_row(params![key.hash.0, key.account.0], |row| row.get(0))?)
    }

    /// A nameless account turns out to be one the ledger has: its uploads become that one's.
    pub(super) fn merge_account(&self, from: AccountId, into: AccountId, now: Wall) -> Result<()> {
        let db = &self.db;
        let (from, into) = (from.0, into.0);
        // Uploads that the named account has too: keep the one that knows its assetId.
        let sql = "SELECT f.id, i.id FROM upload f JOIN upload i ON i.content_id = f.content_id
                   WHERE f.account_id = ?1 AND i.account_id = ?2";
        let pairs: Vec<(i64, i64)> = db
            .prepare_cached(sql)?
            .query_map([from, into], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<std::result::Result<_, _>>()?;
        let merged = pairs.clone();
        for (old, kept) in pairs {
            let sql = "UPDATE upload SET asset_id = o.asset_id, asset_url = o.asset_url,
                           uploaded_at = o.uploaded_at, failed_at = o.failed_at,
                           held_at = o.held_at, reason = o.reason
                       FROM (SELECT * FROM upload WHERE id = ?1) o
                       WHERE upload.id = ?2 AND upload.asset_id IS NULL
                         AND (o.asset_id IS NOT NULL OR o.held_at IS NOT NULL
                              OR (o.failed_at IS NOT NULL AND upload.held_at IS NULL))";
            self.execute(sql, [old, kept])?;
            self.execute("UPDATE attempt SET upload_id = ?2 WHERE upload_id = ?1", [old, kept])?;
            // Both are on the server: the one that is not kept must be taken for nobody's.
            let double = "INSERT OR IGNORE INTO former_asset
                              (asset_id, upload_id, name, uploaded_at, forgotten_at)
                          SELECT o.asset_id, k.id, o.name, o.uploaded_at, k.uploaded_at
                          FROM upload o, upload k WHERE o.id = ?1 AND k.id = ?2
                            AND o.asset_id IS NOT NULL AND o.asset_id <> k.asset_id";
            self.execute(double, [old, kept])?;
            let former = "UPDATE former_asset SET upload_id = ?2 WHERE upload_id = ?1";
            self.execute(former, [old, kept])?;
            let pushed = "UPDATE upload SET pushed_at = coalesce(pushed_at,
                              (SELECT pushed_at FROM upload WHERE id = ?1)) WHERE id = ?2";
            self.execute(pushed, [old, kept])?;
            self.execute("UPDATE path SET upload_id = ?2 WHERE upload_id = ?1", [old, kept])?;
            self.execute("UPDATE errand SET upload_id = ?2 WHERE upload_id = ?1", [old, kept])?;
            let sql = "UPDATE OR REPLACE queue SET upload_id = ?2, account_id = ?3
                       WHERE upload_id = ?1";
            self.execute(sql, [old, kept, into])?;
            let ended = "DELETE FROM queue WHERE upload_id = ?1 AND EXISTS (SELECT 1 FROM upload
                         WHERE id = ?1 AND (asset_id IS NOT NULL OR failed_at IS NOT NULL
                                            OR held_at IS NOT NULL))";
            self.execute(ended, [kept])?;
            // An attempt that is open decides: what failed on one side is not over.
            let open = "UPDATE upload SET failed_at = NULL WHERE id = ?1 AND EXISTS (
                            SELECT 1 FROM attempt WHERE upload_id = ?1 AND outcome IS NULL)";
            self.execute(open, [kept])?;
            self.execute("DELETE FROM upload WHERE id = ?1", [old])?;
        }
        for (_, kept) in merged {
            self.enqueue_all(kept)?;
            self.owe(Owed::Upload(kept), now)?;
        }
        self.execute("UPDATE upload SET account_id = ?2 WHERE account_id = ?1", [from, into])?;
        self.execute("UPDATE queue SET account_id = ?2 WHERE account_id = ?1", [from, into])?;
        self.execute(
            "UPDATE OR REPLACE push SET account_id = ?2 WHERE account_id = ?1",
            [from, into],
        )?;
        self.execute(
            "UPDATE OR IGNORE stop SET account_id = ?2 WHERE account_id = ?1",
            [from, into],
        )?;
        self.execute("DELETE FROM stop WHERE account_id = ?1", [from])?;
        let sql = "UPDATE meta SET value = ?2 WHERE key = 'default_account' AND value = ?1";
        self.execute(sql, [from.to_string(), into.to_string()])?;
        self.execute("DELETE FROM account WHERE id = ?1", [from])?;
        let sql = "INSERT INTO meta (key, value) VALUES ('merged_account', ?1)
                   ON CONFLICT (key) DO UPDATE
                   SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))";
        self.execute(sql, [from.to_string()])
    }
}
