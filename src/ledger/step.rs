//! The writes of one step, inside one transaction.
//!
//! Owns:
//! - a queue row exists if and only if its upload is not ended and a living path of its lane
//!   holds the content.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};

use super::errands::Owed;
use super::{Ledger, LedgerError};
use crate::crash;
use crate::planner::sabotage::{self, Bug};
use crate::planner::{AccountId, Fingerprint, FolderId, IgnoredBy, Wall, Write};

pub(super) type Result<T> = std::result::Result<T, LedgerError>;

/// A path's row, if it has none yet.
const ADD_PATH: &str = "
    INSERT INTO path (directory_id, name, folder_id, status, reason, device, inode, size, mtime_ns,
        ctime_ns, certain, content_id, upload_id, seen_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

/// The same, if it has one: when it was seen first stays.
const CHANGE_PATH: &str = "
    UPDATE path SET folder_id = CASE ?3 WHEN 0 THEN folder_id ELSE ?3 END, status = ?4, reason = ?5,
        device = ?6, inode = ?7, size = ?8, mtime_ns = ?9, ctime_ns = ?10, certain = ?11,
        content_id = ?12, upload_id = ?13, seen_at = coalesce(seen_at, ?14), gone_at = NULL
    WHERE directory_id = ?1 AND name = ?2";

impl Ledger {
    /// Begins the transaction of one step.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn begin_step(&self) -> Result<()> {
        Ok(self.db.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Puts the step on disk.
    ///
    /// # Errors
    /// If the ledger cannot be written; nothing of the step is kept then.
    pub fn commit_step(&self) -> Result<()> {
        crash::point("commit");
        self.db.execute_batch("COMMIT")?;
        crash::point("committed");
        Ok(())
    }

    /// Forgets the step.
    pub fn abandon_step(&self) {
        // Without a transaction there is nothing to forget.
        let _ = self.db.execute_batch("ROLLBACK");
    }

    /// Applies one write inside the step.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn apply(&self, write: &Write, now: Wall) -> Result<()> {
        match write {
            Write::Settling { path, folder, fingerprint, reason } => {
                let row = PathWrite::unlinked(*folder, fingerprint, false, "settling", reason);
                self.put_path(path, &row, now).map(drop)
            }
            Write::Link {
                path,
                folder,
                fingerprint,
                certain,
                content,
                account,
                name,
                evidence,
            } => {
                let upload = self.ensure_upload(content, *account, name, now)?;
                let mut row = PathWrite::unlinked(*folder, fingerprint, *certain, "linked", "");
                row.linked = Some(upload);
                let id = self.put_path(path, &row, now)?;
                self.decide(id, now, "settled", evidence)?;
                self.enqueue(*folder, *account, upload, id)?;
                self.owe(Owed::Path(id), now)
            }
            Write::Relink { path, folder, account } => self.relink(path, *folder, *account, now),
            Write::Certain { path, fingerprint, certain } => {
                self.certain(path, fingerprint, *certain)
            }
            Write::Back { path, folder } => self.back(path, *folder, now),
            Write::Gone { path } => self.gone(path, now),
            Write::Ignored { path, folder, fingerprint, by, certain, reason } => {
                let status = ignored_word(*by);
                let row = PathWrite::unlinked(*folder, fingerprint, *certain, status, reason);
                let id = self.put_path(path, &row, now)?;
                self.decide(id, now, "ignored", reason)
            }
            Write::PathFailed { path, folder, fingerprint, certain, reason } => {
                let row = PathWrite::unlinked(*folder, fingerprint, *certain, "failed", reason);
                let id = self.put_path(path, &row, now)?;
                self.decide(id, now, "failed", reason)?;
                self.owe(Owed::Path(id), now)
            }
            Write::PushAsked { path, push } => {
                let sql = "INSERT OR REPLACE INTO push (path, account_id, force, name, asked_at)
                           VALUES (?1, ?2, ?3, ?4, ?5)";
                let path = bytes(path.as_os_str());
                self.execute(sql, params![path, push.account.0, push.force, push.name, now.0])
            }
            Write::PushEnded { path, account } => {
                let sql = "DELETE FROM push WHERE path = ?1 AND account_id = ?2";
                self.execute(sql, params![bytes(path.as_os_str()), account.0])
            }
            Write::PushLink { path, content, account, name } => {
                let upload = self.ensure_upload(content, *account, name, now)?;
                let id = match self.path_id(path)? {
                    Some(id) => id,
                    None => {
                        let fingerprint = Fingerprint::default();
                        let folder = FolderId::PUSHES;
                        let row = PathWrite::unlinked(folder, &fingerprint, false, "settling", "");
                        self.put_path(path, &row, now)?
                    }
                };
                let sql = "UPDATE upload SET pushed_at = coalesce(pushed_at, ?2) WHERE id = ?1";
                self.execute(sql, params![upload, now.0])?;
                self.enqueue(FolderId::PUSHES, *account, upload, id)
            }
            Write::OpenAttempt { .. }
            | Write::Doubt { .. }
            | Write::Looked { .. }
            | Write::CloseAttempt { .. } => self.apply_attempt(write, now),
            Write::Uploaded { .. }
            | Write::Delay { .. }
            | Write::UploadFailed { .. }
            | Write::UploadHeld { .. }
            | Write::Requeue { .. } => self.apply_upload(write, now),
            Write::TryAgain { .. }
            | Write::TryAllAgain
            | Write::Resolved { .. }
            | Write::Forget { .. } => self.apply_wish(write, now),
            Write::NameAccount { account, email } => {
                let sql = "UPDATE account SET email = ?2 WHERE id = ?1";
                self.execute(sql, params![account.0, email])
            }
            Write::Stopped(stop) => {
                let sql = "INSERT OR REPLACE INTO stop (account_id, cause, reason, tries, until_at)
                           VALUES (?1, ?2, ?3, ?4, ?5)";
                let account = stop.account.map_or(0, |account| account.0);
                let cause = stop.cause.as_str();
                self.execute(sql, params![account, cause, stop.reason, stop.tries, stop.until.0])
            }
            Write::Resumed { account } => {
                let account = account.map_or(0, |account| account.0);
                self.execute("DELETE FROM stop WHERE account_id = ?1", [account])
            }
            Write::Paused { until } => {
                let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('paused', ?1)";
                self.execute(sql, [until.map_or(String::new(), |until| until.0.to_string())])
            }
            Write::Unpaused => self.execute("DELETE FROM meta WHERE key = 'paused'", []),
            Write::MergeAccount { from, into } => self.merge_account(*from, *into, now),
            Write::ErrandEnded { .. }
            | Write::ErrandDelayed { .. }
            | Write::ErrandsAgain { .. } => self.apply_errand(write, now),
            Write::Scanned { folder } => {
                let sql = "UPDATE folder SET first_scan_at = coalesce(first_scan_at, ?2)
                           WHERE id = ?1";
                self.execute(sql, params![folder.0, now.0])
            }
        }
    }

    pub(super) fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<()> {
        self.db.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }

    pub(super) fn decide(&self, path: i64, now: Wall, kind: &str, detail: &str) -> Result<()> {
        let sql = "INSERT INTO decision (path_id, at, kind, detail) VALUES (?1, ?2, ?3, ?4)";
        self.execute(sql, params![path, now.0, kind, detail])
    }

    /// The directory's row, made with those above it if there is none.
    pub(super) fn ensure_directory(&self, path: &Path) -> Result<i64> {
        let key = bytes(path.as_os_str());
        let mut known = self.db.prepare_cached("SELECT id FROM directory WHERE path = ?1")?;
        if let Some(id) = known.query_row([key], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        let parent = path.parent().map(|parent| self.ensure_directory(parent)).transpose()?;
        self.execute(
            "INSERT INTO directory (parent_id, path) VALUES (?1, ?2)",
            params![parent, key],
        )?;
        Ok(self.db.last_insert_rowid())
    }

    pub(super) fn path_id(&self, path: &Path) -> Result<Option<i64>> {
        let (directory, name) = split(path);
        let sql = "SELECT p.id FROM directory d JOIN path p ON p.directory_id = d.id
                   WHERE d.path = ?1 AND p.name = ?2";
        let mut found = self.db.prepare_cached(sql)?;
        Ok(found
            .query_row([bytes(directory.as_os_str()), bytes(name)], |row| row.get(0))
            .optional()?)
    }

    /// Writes a path's row and mends the queue for what it held before.
    fn put_path(&self, path: &Path, row: &PathWrite, now: Wall) -> Result<i64> {
        let (directory, name) = split(path);
        let directory = self.ensure_directory(directory)?;
        let (content, upload) = match row.linked {
            Some(upload) => (Some(self.content_of(upload)?), Some(upload)),
            None => (None, None),
        };
        // Looked up first: what an upsert that returns the row's id costs on top, as SQLite makes a
        // table in memory for the answer each time, is as much again as the write.
        let sql = "SELECT id FROM path WHERE directory_id = ?1 AND name = ?2";
        let mut known = self.db.prepare_cached(sql)?;
        let known =
            known.query_row(params![directory, bytes(name)], |row| row.get(0)).optional()?;
        let print = row.fingerprint;
        self.execute(
            if known.is_some() { CHANGE_PATH } else { ADD_PATH },
            params![
                directory,
                bytes(name),
                row.folder.0,
                row.status,
                (!row.reason.is_empty()).then_some(row.reason),
                print.device as i64,
                print.inode as i64,
                print.size as i64,
                print.mtime_ns,
                print.ctime_ns,
                row.certain,
                content,
                upload,
                now.0
            ],
        )?;
        match known {
            Some(id) => self.release(id).map(|()| id),
            // It was nothing's source so far.
            None => Ok(self.db.last_insert_rowid()),
        }
    }

    /// Takes from the queue what this path was to be the source of and does not hold any more;
    /// another living path of the lane takes its place, if there is one. What a rule leaves alone
    /// is not known to hold anything, and stays the source of a push.
    fn release(&self, path: i64) -> Result<()> {
        let sql = "SELECT q.folder_id, q.upload_id FROM queue q
                   JOIN upload u ON u.id = q.upload_id JOIN path p ON p.id = q.path_id
                   WHERE q.path_id = ?1 AND NOT (
                       p.gone_at IS NULL
                       AND (p.content_id IS u.content_id OR (q.folder_id = 0 AND p.status = 'rule'))
                       AND (q.folder_id = 0
                            OR (p.folder_id = q.folder_id AND p.upload_id = q.upload_id)))";
        let mut stale = self.db.prepare_cached(sql)?;
        let rows = stale.query_map([path], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let stale: Vec<(i64, i64)> = rows.collect::<std::result::Result<_, _>>()?;
        for (folder, upload) in stale {
            let sql = "SELECT p.id FROM upload u JOIN path p ON p.content_id = u.content_id
                       WHERE u.id = ?1 AND p.gone_at IS NULL
                         AND (?2 = 0 OR (p.folder_id = ?2 AND p.upload_id = u.id)) LIMIT 1";
            let mut other = self.db.prepare_cached(sql)?;
            let other: Option<i64> =
                other.query_row([upload, folder], |row| row.get(0)).optional()?;
            let other = other.filter(|_| !sabotage::on(Bug::ForgetOtherPaths));
            match other {
                Some(other) => self.execute(
                    "UPDATE queue SET path_id = ?3 WHERE folder_id = ?1 AND upload_id = ?2",
                    [folder, upload, other],
                )?,
                None => self.execute(
                    "DELETE FROM queue WHERE folder_id = ?1 AND upload_id = ?2",
                    [folder, upload],
                )?,
            }
        }
        Ok(())
    }

    fn enqueue(&self, folder: FolderId, account: AccountId, upload: i64, path: i64) -> Result<()> {
        let sql = "INSERT INTO queue
                       (folder_id, account_id, upload_id, path_id, next_try_at, newest)
                   SELECT ?1, ?2, u.id, p.id, coalesce(u.next_try_at, 0), p.mtime_ns
                   FROM upload u, path p
                   WHERE u.id = ?3 AND p.id = ?4 AND u.asset_id IS NULL
                     AND u.failed_at IS NULL AND u.held_at IS NULL
                   ON CONFLICT (folder_id, upload_id) DO UPDATE SET
                       account_id = excluded.account_id, path_id = excluded.path_id,
                       newest = max(newest, excluded.newest)";
        self.execute(sql, [folder.0, account.0, upload, path])
    }

    pub(super) fn dequeue(&self, upload: i64) -> Result<()> {
        self.execute("DELETE FROM queue WHERE upload_id = ?1", [upload])
    }

    fn relink(&self, path: &Path, folder: FolderId, account: AccountId, now: Wall) -> Result<()> {
        let Some(id) = self.path_id(path)? else {
            return Ok(());
        };
        let sql = "SELECT p.content_id, u.name FROM path p JOIN upload u ON u.id = p.upload_id
                   WHERE p.id = ?1";
        let mut found = self.db.prepare_cached(sql)?;
        let row = found.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((content, name)): Option<(i64, String)> = row else {
            return Ok(());
        };
        let upload = self.ensure_upload_of(content, account, &name, now)?;
        let sql = "UPDATE path SET folder_id = ?2, upload_id = ?3 WHERE id = ?1";
        self.execute(sql, [id, folder.0, upload])?;
        self.release(id)?;
        self.decide(id, now, "relinked", "wanted on the account its folder has now")?;
        self.enqueue(folder, account, upload, id)?;
        self.owe(Owed::Path(id), now)
    }

    fn certain(&self, path: &Path, print: &Fingerprint, certain: bool) -> Result<()> {
        let Some(id) = self.path_id(path)? else {
            return Ok(());
        };
        let sql =
            "UPDATE path SET device = ?2, inode = ?3, size = ?4, mtime_ns = ?5, ctime_ns = ?6,
                       certain = ?7 WHERE id = ?1";
        let (device, inode) = (print.device as i64, print.inode as i64);
        let times = (print.mtime_ns, print.ctime_ns);
        self.execute(sql, params![id, device, inode, print.size as i64, times.0, times.1, certain])
    }

    fn back(&self, path: &Path, folder: FolderId, now: Wall) -> Result<()> {
        let Some(id) = self.path_id(path)? else {
            return Ok(());
        };
        self.execute(
            "UPDATE path SET gone_at = NULL, folder_id = ?2,
                 reason = CASE status WHEN 'linked' THEN NULL ELSE reason END WHERE id = ?1",
            [id, folder.0],
        )?;
        self.decide(id, now, "back", "there again, unchanged")?;
        let sql = "SELECT u.id, u.account_id FROM path p JOIN upload u ON u.id = p.upload_id
                   WHERE p.id = ?1";
        let mut found = self.db.prepare_cached(sql)?;
        let row = found.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((upload, account)) = row else {
            return Ok(());
        };
        self.enqueue(folder, AccountId(account), upload, id)?;
        self.owe(Owed::Back(id), now)
    }

    fn gone(&self, path: &Path, now: Wall) -> Result<()> {
        let Some(id) = self.path_id(path)? else {
            return Ok(());
        };
        self.execute("UPDATE path SET gone_at = ?2 WHERE id = ?1", [id, now.0])?;
        self.decide(id, now, "gone", "not there any more")?;
        self.errands_of_gone(id)?;
        self.release(id)
    }

    /// A path's file was moved away by us.
    pub(super) fn moved(&self, id: i64, to: &str, now: Wall) -> Result<()> {
        let sql = "UPDATE path SET gone_at = coalesce(gone_at, ?2), reason = ?3 WHERE id = ?1";
        self.execute(sql, params![id, now.0, to])?;
        self.decide(id, now, "moved", to)?;
        self.errands_of_gone(id)?;
        self.release(id)
    }
}

/// The bytes of a name or path.
pub(super) fn bytes(name: &OsStr) -> &[u8] {
    name.as_bytes()
}

/// The name or path that these bytes are.
pub(super) fn name_of(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

/// Directory and name; a path without a name (`/`) is its own directory.
pub(super) fn split(path: &Path) -> (&Path, &OsStr) {
    let directory = path.parent().unwrap_or(path);
    (directory, path.file_name().unwrap_or_default())
}

/// The path of a directory's row and a name.
pub(super) fn join(directory: Vec<u8>, name: Vec<u8>) -> PathBuf {
    PathBuf::from(name_of(directory)).join(name_of(name))
}

fn ignored_word(by: IgnoredBy) -> &'static str {
    match by {
        IgnoredBy::Rule => "rule",
        IgnoredBy::Media => "media",
        IgnoredBy::Existing => "existing",
    }
}

/// A path's row to be.
struct PathWrite<'a> {
    folder: FolderId,
    fingerprint: &'a Fingerprint,
    certain: bool,
    status: &'a str,
    reason: &'a str,
    linked: Option<i64>,
}

impl<'a> PathWrite<'a> {
    fn unlinked(
        folder: FolderId,
        fingerprint: &'a Fingerprint,
        certain: bool,
        status: &'a str,
        reason: &'a str,
    ) -> PathWrite<'a> {
        PathWrite { folder, fingerprint, certain, status, reason, linked: None }
    }
}
