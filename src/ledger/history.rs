//! What a person asks of one path or one content: everything that happened to it, and who has an
//! assetId.
//!
//! Owns:
//! - a path that is gone keeps its history;
//! - what one answer holds is bounded: of a history too long, the newest is told.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row as SqlRow, params};

use super::errands::OwedRow;
use super::facts::upload_state;
use super::step::join;
use super::views::{UPLOAD_STATE, row, select};
use super::{Ledger, LedgerError, Row, State};
use crate::planner::{AccountId, ContentHash, UploadKey, UploadState, Wall};

type Result<T> = std::result::Result<T, LedgerError>;

/// Of decisions, attempts, other paths and former assets, so many are told at most.
const MOST: i64 = 1_000;

/// All that is known of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// How it stands now.
    pub now: Row,
    /// The root of its folder; none if it was pushed by name from outside of the folders.
    pub folder: Option<PathBuf>,
    /// It failed by itself, on the disk: its content is not to blame.
    pub failed_itself: bool,
    /// What was decided of it, oldest first.
    pub decisions: Vec<Decision>,
    /// Attempts to send what it holds or held, oldest first.
    pub attempts: Vec<Attempt>,
    /// Other paths that hold the same content, or held it when they were last there.
    pub copies: Vec<Row>,
    /// Assets of its content that a person said to forget.
    pub former: Vec<FormerAsset>,
    /// What was or is to be done for it once it was uploaded, or had failed, oldest first.
    pub owed: Vec<OwedRow>,
}

impl History {
    /// Something that was to be done for it was given up.
    pub fn gave_up(&self) -> bool {
        self.owed.iter().any(|owed| !owed.stale && owed.outcome.as_deref() == Some("failed"))
    }

    /// The attempt that stored what the path holds, if that was sent from this ledger.
    pub fn stored_by(&self) -> Option<&Attempt> {
        let stored = |attempt: &&Attempt| {
            let outcome = attempt.outcome.as_deref();
            attempt.current && matches!(outcome, Some("stored" | "found"))
        };
        self.now.asset_id.as_ref()?;
        self.attempts.iter().rev().find(stored)
    }
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Wall,
    /// What kind, in one word.
    pub kind: String,
    /// In words.
    pub detail: String,
}

/// One attempt to send a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The path it was read from.
    pub path: PathBuf,
    /// It was about what the path holds now, on the account where that is wanted.
    pub current: bool,
    /// The account it went to.
    pub account: Option<String>,
    /// The name that was sent.
    pub name: String,
    /// When it began.
    pub opened_at: Wall,
    /// When it had gone out whole and its answer was given up.
    pub sent_at: Option<Wall>,
    /// From the first byte to that moment, in milliseconds.
    pub took_ms: Option<i64>,
    /// How often the account's list was read for it.
    pub looks: u32,
    /// The HTTP status, if one came.
    pub status: Option<u16>,
    /// In words.
    pub detail: Option<String>,
    /// `stored`, `found`, `absent`, `cannot_tell`, `not_sent`, `refused`; none if it is open.
    pub outcome: Option<String>,
    /// When it had its outcome.
    pub ended_at: Option<Wall>,
}

/// An asset that was ours once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerAsset {
    /// The assetId.
    pub asset_id: String,
    /// The name it was sent under.
    pub name: String,
    /// When it was uploaded.
    pub uploaded_at: Wall,
    /// When a person said to forget it.
    pub forgotten_at: Wall,
}

/// One upload of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOf {
    /// Which.
    pub key: UploadKey,
    /// The account's e-mail, once it is known.
    pub email: Option<String>,
    /// How it stands.
    pub state: UploadState,
}

/// Whose an assetId is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// A path of that upload; one that is there, if there is one.
    pub path: Option<PathBuf>,
    /// It was forgotten since.
    pub former: bool,
}

impl Ledger {
    /// The history of one path; none if the ledger has never seen it.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn history(&self, path: &Path, running: bool) -> Result<Option<History>> {
        // One state of the ledger for all of it; a reader blocks nobody.
        let _together = self.db.unchecked_transaction()?;
        let Some(now) = self.row_even_gone(path, running)? else { return Ok(None) };
        let sql = "SELECT status = 'failed', upload_id FROM path WHERE id = ?1";
        let (failed_itself, upload): (bool, Option<i64>) =
            self.db.query_row(sql, [now.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let root = self.root_of(now.folder)?;
        Ok(Some(History {
            folder: root.filter(|root| !root.as_os_str().is_empty()),
            failed_itself,
            decisions: self.decisions_of(now.id)?,
            attempts: self.attempts_about(now.id, upload)?,
            copies: self.copies_of(now.id, running)?,
            former: self.former_of(upload)?,
            owed: self.owed_to(now.id, MOST)?,
            now,
        }))
    }

    /// One path's row, also if it is gone and was never uploaded.
    pub fn row_even_gone(&self, path: &Path, running: bool) -> Result<Option<Row>> {
        let Some(id) = self.path_id(path)? else { return Ok(None) };
        let sql = format!("{} WHERE p.id = ?2", select());
        let mut found = self.db.prepare_cached(&sql)?;
        Ok(found.query_row(params![running, id], row).optional()?)
    }

    /// The uploads of a content, on all accounts.
    pub fn uploads_of(&self, hash: ContentHash) -> Result<Vec<UploadOf>> {
        let sql = "SELECT t.id, t.email, u.asset_id, u.failed_at IS NOT NULL,
                       u.held_at IS NOT NULL, u.reason
                   FROM content c JOIN upload u ON u.content_id = c.id
                   JOIN account t ON t.id = u.account_id WHERE c.hash = ?1 ORDER BY u.id";
        let mut found = self.db.prepare_cached(sql)?;
        let read = |row: &SqlRow<'_>| {
            let key = UploadKey { hash, account: AccountId(row.get(0)?) };
            Ok(UploadOf { key, email: row.get(1)?, state: upload_state(row, 2)? })
        };
        let rows = found.query_map([hash.0], read)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// How a content stands that has no assetId, on an account or on the first where somebody
    /// wants it; none if nobody does. `running` as for `each_row`.
    pub fn state_without_asset(
        &self,
        hash: ContentHash,
        email: Option<&str>,
        running: bool,
    ) -> Result<Option<State>> {
        let sql = format!(
            "SELECT {UPLOAD_STATE} FROM content c JOIN upload u ON u.content_id = c.id
             JOIN account t ON t.id = u.account_id
             WHERE c.hash = ?2 AND (?3 IS NULL OR t.email = ?3) AND u.asset_id IS NULL AND (
                 u.failed_at IS NOT NULL OR u.held_at IS NOT NULL
                 OR EXISTS (SELECT 1 FROM queue q WHERE q.upload_id = u.id)
                 OR EXISTS (SELECT 1 FROM attempt a
                            WHERE a.upload_id = u.id AND a.outcome IS NULL))
             ORDER BY u.id LIMIT 1"
        );
        let mut found = self.db.prepare_cached(&sql)?;
        let key = params![running, hash.0, email];
        let state: Option<String> = found.query_row(key, |row| row.get(0)).optional()?;
        Ok(state.map(|word| State::parse(&word)))
    }

    /// How many files in folders would be sent again if an upload were forgotten.
    pub fn holders_of(&self, key: &UploadKey) -> Result<u64> {
        let sql = "SELECT count(*) FROM path
                   WHERE upload_id = ?1 AND gone_at IS NULL AND folder_id <> 0";
        let upload = self.upload_id(key)?;
        Ok(self.db.query_row(sql, [upload], |row| row.get::<_, i64>(0))? as u64)
    }

    /// The first of the files that `holders_of` counts.
    pub fn first_holder_of(&self, key: &UploadKey) -> Result<Option<PathBuf>> {
        let sql = "SELECT d.path, p.name FROM path p JOIN directory d ON d.id = p.directory_id
                   WHERE p.upload_id = ?1 AND p.gone_at IS NULL AND p.folder_id <> 0
                   ORDER BY p.id LIMIT 1";
        let upload = self.upload_id(key)?;
        let read = |row: &SqlRow<'_>| Ok(join(row.get(0)?, row.get(1)?));
        Ok(self.db.query_row(sql, [upload], read).optional()?)
    }

    /// How many files have failed, by themselves or by their content, or wait for what could not be
    /// done for them.
    pub fn failed(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM path p LEFT JOIN upload u ON u.id = p.upload_id
                   WHERE p.gone_at IS NULL
                     AND ((p.status = 'failed' AND p.folder_id <> 0) OR u.failed_at IS NOT NULL)";
        let files = self.db.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64;
        Ok(files + self.files_with_failed_errands()?)
    }

    /// Whose an assetId is or was; none if it was never of this ledger.
    pub fn owner_of(&self, asset_id: &str) -> Result<Option<Owner>> {
        let sql = "SELECT id, 0 FROM upload WHERE asset_id = ?1
                   UNION ALL SELECT upload_id, 1 FROM former_asset WHERE asset_id = ?1";
        let read = |row: &SqlRow<'_>| Ok((row.get(0)?, row.get(1)?));
        let found = self.db.query_row(sql, [asset_id], read).optional()?;
        let Some((upload, former)): Option<(i64, bool)> = found else { return Ok(None) };
        let sql = "SELECT d.path, p.name FROM path p JOIN directory d ON d.id = p.directory_id
                   WHERE p.upload_id = ?1 ORDER BY p.gone_at IS NOT NULL, p.id LIMIT 1";
        let read = |row: &SqlRow<'_>| Ok(join(row.get(0)?, row.get(1)?));
        let path = self.db.query_row(sql, [upload], read).optional()?;
        Ok(Some(Owner { path, former }))
    }

    fn decisions_of(&self, path: i64) -> Result<Vec<Decision>> {
        let sql = "SELECT at, kind, detail FROM decision WHERE path_id = ?1
                   ORDER BY id DESC LIMIT ?2";
        let mut found = self.db.prepare_cached(sql)?;
        let read = |row: &SqlRow<'_>| {
            Ok(Decision { at: Wall(row.get(0)?), kind: row.get(1)?, detail: row.get(2)? })
        };
        oldest_first(found.query_map([path, MOST], read)?)
    }

    fn attempts_about(&self, path: i64, upload: Option<i64>) -> Result<Vec<Attempt>> {
        let sql = "SELECT d.path, p.name, a.upload_id IS ?2, t.email, a.name, a.opened_at,
                       a.sent_at, a.took_ms, a.looks, a.status, a.detail, a.outcome, a.ended_at
                   FROM (SELECT id FROM attempt WHERE upload_id = ?2
                         UNION SELECT id FROM attempt WHERE path_id = ?1) mine
                   JOIN attempt a ON a.id = mine.id
                   JOIN path p ON p.id = a.path_id JOIN directory d ON d.id = p.directory_id
                   JOIN upload u ON u.id = a.upload_id JOIN account t ON t.id = u.account_id
                   ORDER BY a.id DESC LIMIT ?3";
        let mut found = self.db.prepare_cached(sql)?;
        oldest_first(found.query_map(params![path, upload, MOST], attempt)?)
    }

    fn copies_of(&self, path: i64, running: bool) -> Result<Vec<Row>> {
        let sql = format!(
            "{} WHERE p.content_id = (SELECT content_id FROM path WHERE id = ?2) AND p.id <> ?2
             ORDER BY p.id LIMIT ?3",
            select()
        );
        let mut found = self.db.prepare_cached(&sql)?;
        let rows = found.query_map(params![running, path, MOST], row)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    fn former_of(&self, upload: Option<i64>) -> Result<Vec<FormerAsset>> {
        let sql = "SELECT asset_id, name, uploaded_at, forgotten_at FROM former_asset
                   WHERE upload_id = ?1 ORDER BY forgotten_at DESC LIMIT ?2";
        let mut found = self.db.prepare_cached(sql)?;
        let read = |row: &SqlRow<'_>| {
            let (uploaded_at, forgotten_at) = (Wall(row.get(2)?), Wall(row.get(3)?));
            let (asset_id, name) = (row.get(0)?, row.get(1)?);
            Ok(FormerAsset { asset_id, name, uploaded_at, forgotten_at })
        };
        oldest_first(found.query_map(params![upload, MOST], read)?)
    }
}

/// What was read newest first, so that the newest are those that are told.
fn oldest_first<T>(rows: impl Iterator<Item = rusqlite::Result<T>>) -> Result<Vec<T>> {
    let mut rows = rows.collect::<rusqlite::Result<Vec<T>>>()?;
    rows.reverse();
    Ok(rows)
}

fn attempt(row: &SqlRow<'_>) -> rusqlite::Result<Attempt> {
    let wall = |at| row.get::<_, Option<i64>>(at).map(|ms| ms.map(Wall));
    Ok(Attempt {
        path: join(row.get(0)?, row.get(1)?),
        current: row.get(2)?,
        account: row.get(3)?,
        name: row.get(4)?,
        opened_at: Wall(row.get(5)?),
        sent_at: wall(6)?,
        took_ms: row.get(7)?,
        looks: row.get(8)?,
        status: row.get(9)?,
        detail: row.get(10)?,
        outcome: row.get(11)?,
        ended_at: wall(12)?,
    })
}
