//! What the planner needs to know, looked up by key; nothing here grows with the backlog.
//!
//! Owns:
//! - inside a step, look-ups see the step's own writes;
//! - candidates come newest first, delayed ones in the order of their time.

use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};

use super::step::{join, name_of};
use super::{Ledger, LedgerError};
use crate::planner::sabotage::{self, Bug};
use crate::planner::{
    AccountId, Ask, AttemptId, Candidate, Cause, Content, ContentHash, Fingerprint, FolderId,
    MediaType, Offer, OpenAttempt, Push, Remembered, SharedPath, Stop, UPLOAD_CAP_MS, UploadKey,
    UploadState, Wall,
};

type Result<T> = std::result::Result<T, LedgerError>;

/// Assets that must be in a list: at most so many are asked after.
const RECENT_MOST: i64 = 20;

/// An asset younger than this need not be listed yet.
const LISTED_AFTER_MS: i64 = 60_000;

/// Parts of a list that lie behind so many newer assets may be out of reach.
const REACH: i64 = 800;

impl Ledger {
    /// How one upload stands.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn upload_state(&self, key: &UploadKey) -> Result<UploadState> {
        let sql = "SELECT u.asset_id, u.failed_at IS NOT NULL, u.held_at IS NOT NULL, u.reason
                   FROM content c JOIN upload u ON u.content_id = c.id
                   WHERE c.hash = ?1 AND u.account_id = ?2";
        let mut found = self.db.prepare_cached(sql)?;
        let read = |row: &Row<'_>| upload_state(row, 0);
        let state = found.query_row(params![key.hash.0, key.account.0], read).optional()?;
        Ok(state.unwrap_or(UploadState::Absent))
    }

    /// The account that an assetId's e-mail names, if the ledger has it.
    pub fn account_of_email(&self, email: Option<&str>) -> Result<Option<AccountId>> {
        match email {
            Some(email) => self.find_account(Some(email)),
            None => Ok(None),
        }
    }

    /// The name that an asset of ours was sent under, also if it was forgotten since; none if it
    /// is not of this ledger.
    pub fn sent_name(&self, asset_id: &str) -> Result<Option<String>> {
        let mut sql = "SELECT name FROM upload WHERE asset_id = ?1
                       UNION ALL SELECT name FROM former_asset WHERE asset_id = ?1";
        if sabotage::on(Bug::ForgetFormerAssets) {
            sql = "SELECT name FROM upload WHERE asset_id = ?1";
        }
        let mut found = self.db.prepare_cached(sql)?;
        Ok(found.query_row([asset_id], |row| row.get(0)).optional()?)
    }

    /// The newest assets of an account that its list must show by now.
    pub fn must_be_listed(&self, account: AccountId, now: Wall) -> Result<Vec<String>> {
        let sql = "SELECT asset_id FROM upload WHERE account_id = ?1 AND asset_id IS NOT NULL
                       AND uploaded_at <= ?2 ORDER BY uploaded_at DESC LIMIT ?3";
        let newer = "SELECT count(*) FROM (SELECT 1 FROM upload WHERE account_id = ?1
                         AND asset_id IS NOT NULL AND uploaded_at > ?2 LIMIT ?3)";
        let before = now.0.saturating_sub(LISTED_AFTER_MS);
        let newer: i64 = self
            .db
            .prepare_cached(newer)?
            .query_row([account.0, before, REACH], |row| row.get(0))?;
        if newer >= REACH {
            return Ok(Vec::new());
        }
        let mut found = self.db.prepare_cached(sql)?;
        let rows = found.query_map([account.0, before, RECENT_MOST], |row| row.get(0))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// Names and sizes of held uploads on an account, or on one that may turn out to be the same.
    pub fn held(&self, account: AccountId) -> Result<Vec<(String, u64)>> {
        let sql = "SELECT u.name, c.size FROM upload u JOIN content c ON c.id = u.content_id
                   JOIN account t ON t.id = u.account_id
                   WHERE u.held_at IS NOT NULL AND (u.account_id = ?1 OR t.email IS NULL
                       OR (SELECT email FROM account WHERE id = ?1) IS NULL)";
        let mut found = self.db.prepare_cached(sql)?;
        let rows =
            found.query_map([account.0], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// Accounts with a name whose lists must show something by now.
    pub fn established(&self, now: Wall) -> Result<Vec<AccountId>> {
        let mut established = Vec::new();
        for (account, email) in self.accounts()? {
            if email.is_some() && !self.must_be_listed(account, now)?.is_empty() {
                established.push(account);
            }
        }
        Ok(established)
    }

    /// Whether anything waits in one of these queues.
    pub fn is_queued(&self, lanes: &[(FolderId, AccountId)]) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM queue WHERE folder_id = ?1 AND account_id = ?2)";
        let mut found = self.db.prepare_cached(sql)?;
        for (folder, account) in lanes {
            if found.query_row([folder.0, account.0], |row| row.get(0))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Candidates for the next attempts.
    pub fn offer(&self, ask: &Ask, now: Wall) -> Result<Offer> {
        let mut offer = Offer::default();
        for (folder, account) in &ask.lanes {
            let mut lane = self.delayed(*folder, *account, ask.most, now)?;
            if lane.len() < ask.most {
                lane.extend(self.ready(*folder, *account, ask.most - lane.len())?);
            }
            if let Some(at) = self.next_try_at(*folder, *account, now)? {
                offer.next_try_at = Some(offer.next_try_at.map_or(at, |first: Wall| first.min(at)));
            }
            offer.lanes.push(lane);
        }
        Ok(offer)
    }

    fn ready(&self, folder: FolderId, account: AccountId, most: usize) -> Result<Vec<Candidate>> {
        self.candidates("q.next_try_at = 0 AND ?3 = ?3", "q.newest DESC", folder, account, 0, most)
    }

    /// Delayed uploads whose time has come. A time further ahead than any delay comes from a
    /// clock that was wrong, and counts as come.
    fn delayed(
        &self,
        folder: FolderId,
        account: AccountId,
        most: usize,
        now: Wall,
    ) -> Result<Vec<Candidate>> {
        let due = format!(
            "q.next_try_at > 0 AND (q.next_try_at <= ?3 OR q.next_try_at > ?3 + {UPLOAD_CAP_MS})"
        );
        let now = if sabotage::on(Bug::ForgetDelays) { i64::MAX / 2 } else { now.0 };
        self.candidates(&due, "q.next_try_at", folder, account, now, most)
    }

    fn candidates(
        &self,
        when: &str,
        order: &str,
        folder: FolderId,
        account: AccountId,
        now: i64,
        most: usize,
    ) -> Result<Vec<Candidate>> {
        let sql = format!(
            "SELECT c.hash, c.size, c.media_type, c.width, c.height, c.duration_ms,
                    d.path, p.name, p.device, p.inode, p.size, p.mtime_ns, p.ctime_ns,
                    u.name, u.failures, u.doubts,
                    (SELECT group_concat(o.account_id) FROM upload o
                     WHERE o.content_id = u.content_id AND o.id <> u.id
                       AND (o.asset_id IS NOT NULL OR o.held_at IS NOT NULL OR EXISTS (
                           SELECT 1 FROM attempt a
                           WHERE a.upload_id = o.id AND a.outcome IS NULL)))
             FROM queue q JOIN upload u ON u.id = q.upload_id
             JOIN content c ON c.id = u.content_id JOIN path p ON p.id = q.path_id
             JOIN directory d ON d.id = p.directory_id
             WHERE q.folder_id = ?1 AND q.account_id = ?2 AND {when}
               AND NOT EXISTS (SELECT 1 FROM attempt a
                               WHERE a.upload_id = u.id AND a.outcome IS NULL)
             ORDER BY {order} LIMIT ?4"
        );
        let mut found = self.db.prepare_cached(&sql)?;
        let key = params![folder.0, account.0, now, most as i64];
        let rows = found.query_map(key, |row| candidate(row, folder, account))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    fn next_try_at(&self, folder: FolderId, account: AccountId, now: Wall) -> Result<Option<Wall>> {
        let sql = "SELECT min(next_try_at) FROM queue
                   WHERE folder_id = ?1 AND account_id = ?2 AND next_try_at > ?3";
        let mut found = self.db.prepare_cached(sql)?;
        let at: Option<i64> =
            found.query_row([folder.0, account.0, now.0.max(0)], |row| row.get(0))?;
        Ok(at.map(Wall))
    }

    /// What an earlier run left behind.
    pub fn remembered(&self) -> Result<Remembered> {
        let sql = "SELECT a.id, c.hash, u.account_id, d.path, p.name, p.folder_id, a.name, c.size,
                          a.opened_at, a.skew_ms, a.looks, u.failures, u.doubts,
                          -- A crash was over when the next run began, however often it is
                          -- started after that.
                          coalesce(a.took_ms, (SELECT min(r.started_at) FROM run r
                                               WHERE r.id > a.run_id) - a.opened_at),
                          (SELECT count(*) FROM upload n WHERE n.account_id = u.account_id
                             AND n.asset_id IS NOT NULL
                             AND n.uploaded_at >= coalesce(a.sent_at, a.opened_at))
                   -- Without being told, SQLite reads all attempts, for their order.
                   FROM attempt a INDEXED BY attempt_open JOIN upload u ON u.id = a.upload_id
                   JOIN content c ON c.id = u.content_id JOIN path p ON p.id = a.path_id
                   JOIN directory d ON d.id = p.directory_id
                   WHERE a.outcome IS NULL ORDER BY a.id";
        let open = self
            .db
            .prepare_cached(sql)?
            .query_map([], open_attempt)?
            .collect::<std::result::Result<_, _>>()?;
        let pushes = self
            .db
            .prepare_cached("SELECT path, account_id, force, name FROM push ORDER BY asked_at")?
            .query_map([], |row| {
                let path: SharedPath = PathBuf::from(name_of(row.get(0)?)).into();
                let account = AccountId(row.get(1)?);
                Ok((path, Push { account, force: row.get(2)?, name: row.get(3)? }))
            })?
            .collect::<std::result::Result<_, _>>()?;
        let last = "SELECT coalesce(max(id), 0) FROM attempt";
        let last_attempt = self.db.query_row(last, [], |row| row.get(0))?;
        let (stops, paused) = (self.stops()?, self.paused()?);
        Ok(Remembered { open, pushes, last_attempt, stops, paused })
    }

    /// A person's pause, and its end if it has one.
    fn paused(&self) -> Result<Option<Option<Wall>>> {
        let sql = "SELECT value FROM meta WHERE key = 'paused'";
        let kept: Option<String> = self.db.query_row(sql, [], |row| row.get(0)).optional()?;
        Ok(kept.map(|until| until.parse().ok().map(Wall)))
    }

    /// What an earlier run stopped until a certain time.
    fn stops(&self) -> Result<Vec<Stop>> {
        let sql = "SELECT account_id, cause, reason, tries, until_at FROM stop ORDER BY account_id";
        let mut found = self.db.prepare_cached(sql)?;
        let rows = found.query_map([], |row| {
            let account: i64 = row.get(0)?;
            let word: String = row.get(1)?;
            let unknown =
                || rusqlite::Error::InvalidColumnType(1, word.clone(), rusqlite::types::Type::Text);
            Ok(Stop {
                account: (account != 0).then_some(AccountId(account)),
                cause: Cause::parse(&word).ok_or_else(unknown)?,
                reason: row.get(2)?,
                tries: row.get(3)?,
                until: Wall(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
}

/// A hash column.
pub(super) fn hash(bytes: Vec<u8>) -> rusqlite::Result<ContentHash> {
    let wrong =
        || rusqlite::Error::InvalidColumnType(0, "hash".into(), rusqlite::types::Type::Blob);
    bytes.try_into().map(ContentHash).map_err(|_| wrong())
}

/// The state of an upload from four columns: assetId, failed, held, reason.
pub(super) fn upload_state(row: &Row<'_>, at: usize) -> rusqlite::Result<UploadState> {
    let reason: Option<String> = row.get(at + 3)?;
    let reason = reason.unwrap_or_default();
    if let Some(asset_id) = row.get(at)? {
        return Ok(UploadState::Uploaded { asset_id });
    }
    Ok(match (row.get(at + 1)?, row.get(at + 2)?) {
        (true, _) => UploadState::Failed { reason },
        (false, true) => UploadState::Held { reason },
        (false, false) => UploadState::Wanted,
    })
}

pub(super) fn fingerprint(row: &Row<'_>, at: usize) -> rusqlite::Result<Fingerprint> {
    let number = |at| row.get::<_, i64>(at).map(|signed| signed as u64);
    Ok(Fingerprint {
        device: number(at)?,
        inode: number(at + 1)?,
        size: number(at + 2)?,
        mtime_ns: row.get(at + 3)?,
        ctime_ns: row.get(at + 4)?,
    })
}

/// A content from six columns: hash, size, type, width, height, duration.
pub(super) fn content(row: &Row<'_>) -> rusqlite::Result<Content> {
    let media_type: String = row.get(2)?;
    let unknown =
        || rusqlite::Error::InvalidColumnType(2, media_type.clone(), rusqlite::types::Type::Text);
    Ok(Content {
        hash: hash(row.get(0)?)?,
        size: row.get::<_, i64>(1)? as u64,
        media_type: MediaType::parse(&media_type).ok_or_else(unknown)?,
        width: row.get(3)?,
        height: row.get(4)?,
        duration_ms: row.get::<_, Option<i64>>(5)?.map(|ms| ms as u64),
    })
}

fn candidate(row: &Row<'_>, folder: FolderId, account: AccountId) -> rusqlite::Result<Candidate> {
    let elsewhere: Option<String> = row.get(16)?;
    let elsewhere = elsewhere.iter().flat_map(|ids| ids.split(','));
    Ok(Candidate {
        folder,
        content: content(row)?,
        account,
        path: join(row.get(6)?, row.get(7)?).into(),
        fingerprint: fingerprint(row, 8)?,
        name: row.get(13)?,
        failures: row.get(14)?,
        doubts: row.get(15)?,
        elsewhere: elsewhere.filter_map(|id| id.parse().ok()).map(AccountId).collect(),
    })
}

fn open_attempt(row: &Row<'_>) -> rusqlite::Result<OpenAttempt> {
    Ok(OpenAttempt {
        attempt: AttemptId(row.get(0)?),
        key: UploadKey { hash: hash(row.get(1)?)?, account: AccountId(row.get(2)?) },
        path: join(row.get(3)?, row.get(4)?).into(),
        folder: FolderId(row.get(5)?),
        name: row.get(6)?,
        size: row.get::<_, i64>(7)? as u64,
        opened_at: Wall(row.get(8)?),
        opened_skew_ms: row.get(9)?,
        looks: row.get(10)?,
        failures: row.get(11)?,
        doubts: row.get(12)?,
        took_ms: row.get(13)?,
        newer: row.get(14)?,
    })
}
