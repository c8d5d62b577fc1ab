//! What of a ledger can be carried to another: its uploads, out of it and into it.
//!
//! Owns:
//! - uploads are read page by page, and the paths of one at a time;
//! - what is taken over never replaces what the ledger knows: an assetId that it has, an attempt
//!   whose outcome is open, or a person's word to forget.

use std::ops::ControlFlow;
use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row as SqlRow, params};

use super::Ledger;
use super::errands::Owed;
use super::facts::hash;
use super::step::{Result, join};
use super::views::{State, UPLOAD_STATE};
use crate::planner::{Asset, Content, ContentHash, Wall};

/// Uploads read at once.
const PAGE: i64 = 500;

/// One content on one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    id: i64,
    /// The content.
    pub hash: ContentHash,
    /// Bytes.
    pub size: u64,
    /// As sent.
    pub media_type: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
    /// The account's e-mail, if it is known.
    pub account: Option<String>,
    /// How it stands.
    pub state: State,
    /// The assetId.
    pub asset_id: Option<String>,
    /// Where its bytes can be fetched.
    pub asset_url: Option<String>,
    /// The asset's name.
    pub name: String,
    /// When it was uploaded.
    pub uploaded_at: Option<Wall>,
    /// Attempts so far.
    pub attempts: u32,
    /// Why it stands so, in words.
    pub reason: Option<String>,
    /// Where it lies, then where it lay.
    pub paths: Vec<Holder>,
}

/// A path that holds a content, held it when it was last there, or was pushed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The path.
    pub path: PathBuf,
    /// Since when it is not there.
    pub gone_at: Option<Wall>,
}

/// An upload that another ledger, or the server, has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// What was uploaded.
    pub content: Content,
    /// The account's e-mail, in lower case.
    pub email: String,
    /// What it became.
    pub asset: Asset,
    /// The asset's name.
    pub name: String,
    /// When.
    pub uploaded_at: Wall,
}

/// What became of a foreign upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The ledger did not have it.
    New,
    /// The ledger had it, without an assetId.
    Completed,
    /// The ledger has it, with the same assetId.
    Known,
    /// The ledger says something else, and keeps it.
    Conflict(Conflict),
}

/// What the ledger says instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// The content became another asset.
    OtherAsset(String),
    /// The asset is of another content or account.
    OtherUpload(ContentHash, Option<String>),
    /// A person said to forget the asset.
    Forgotten,
    /// The content was sent, and what became of that is not known yet.
    Open,
    /// The content has another size, in bytes.
    OtherSize(u64),
}

impl Ledger {
    /// Hands every upload to `each`, until it says stop: all but those that were never uploaded
    /// and that nothing holds any more. `running` as for `each_row`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn each_upload(
        &self,
        running: bool,
        mut each: impl FnMut(UploadRow) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut after = 0;
        loop {
            let page = self.uploads_after(after, running);
            let page = page.map_err(|error| self.name_in(error))?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id;
            for mut upload in page {
                let paths = self.holders(upload.id);
                upload.paths = paths.map_err(|error| self.name_in(error))?;
                if each(upload).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn uploads_after(&self, after: i64, running: bool) -> Result<Vec<UploadRow>> {
        let sql = format!(
            "SELECT u.id, c.hash, c.size, c.media_type, c.width, c.height, c.duration_ms, t.email,
                    {UPLOAD_STATE}, u.asset_id, u.asset_url, u.name, u.uploaded_at,
                    (SELECT count(*) FROM attempt a WHERE a.upload_id = u.id), u.reason
             FROM upload u JOIN content c ON c.id = u.content_id
             JOIN account t ON t.id = u.account_id
             WHERE u.id > ?2 AND (
                 u.asset_id IS NOT NULL OR u.failed_at IS NOT NULL OR u.held_at IS NOT NULL
                 OR EXISTS (SELECT 1 FROM queue q WHERE q.upload_id = u.id)
                 OR EXISTS (SELECT 1 FROM attempt a
                            WHERE a.upload_id = u.id AND a.outcome IS NULL))
             ORDER BY u.id LIMIT ?3"
        );
        let mut found = self.db.prepare_cached(&sql)?;
        let rows = found.query_map(params![running, after, PAGE], upload_row)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// A pushed file outside all folders has no content of its own; what was sent from it is in
    /// its attempts.
    fn holders(&self, upload: i64) -> Result<Vec<Holder>> {
        let sql = "SELECT d.path, p.name, p.gone_at
                   FROM (SELECT id FROM path WHERE upload_id = ?1
                         UNION
                         SELECT p.id FROM attempt a JOIN path p ON p.id = a.path_id
                         WHERE a.upload_id = ?1 AND p.folder_id = 0 AND p.upload_id IS NULL) held
                   JOIN path p ON p.id = held.id JOIN directory d ON d.id = p.directory_id
                   ORDER BY p.gone_at IS NOT NULL, p.id";
        let mut found = self.db.prepare_cached(sql)?;
        let rows = found.query_map([upload], |row| {
            let gone_at: Option<i64> = row.get(2)?;
            Ok(Holder { path: join(row.get(0)?, row.get(1)?), gone_at: gone_at.map(Wall) })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// Takes an upload over inside a step, unless the ledger says otherwise. `how` says in a word
    /// how it came here, and stays with it as its reason.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn take_over(&self, foreign: &Foreign, how: &str, now: Wall) -> Result<Taken> {
        self.take(foreign, how, now).map_err(|error| self.name_in(error))
    }

    fn take(&self, foreign: &Foreign, how: &str, now: Wall) -> Result<Taken> {
        let content = &foreign.content;
        if let Some(size) = self.size_of(content.hash)?.filter(|size| *size != content.size) {
            return Ok(Taken::Conflict(Conflict::OtherSize(size)));
        }
        let account = self.find_account(Some(&foreign.email))?;
        let here = match account {
            Some(account) => self.standing(content.hash, account.0)?,
            None => None,
        };
        match &here {
            Some(Standing { asset_id: Some(ours), .. }) if *ours == foreign.asset.asset_id => {
                return Ok(Taken::Known);
            }
            Some(Standing { asset_id: Some(ours), .. }) => {
                return Ok(Taken::Conflict(Conflict::OtherAsset(ours.clone())));
            }
            Some(Standing { open: true, .. }) => return Ok(Taken::Conflict(Conflict::Open)),
            Some(_) | None => {}
        }
        if let Some(conflict) = self.claimed(&foreign.asset.asset_id)? {
            return Ok(Taken::Conflict(conflict));
        }
        let account = match account {
            Some(account) => account,
            None => self.account(Some(&foreign.email))?,
        };
        let upload = self.ensure_upload(content, account, &foreign.name, now)?;
        self.put_asset(upload, foreign, how, now)?;
        Ok(if here.is_some() { Taken::Completed } else { Taken::New })
    }

    fn put_asset(&self, upload: i64, foreign: &Foreign, how: &str, now: Wall) -> Result<()> {
        let sql = "UPDATE upload SET asset_id = ?2, asset_url = ?3, uploaded_at = ?4, name = ?5,
                       failures = 0, doubts = 0, next_try_at = NULL, reason = ?6,
                       failed_at = NULL, held_at = NULL
                   WHERE id = ?1 AND asset_id IS NULL";
        let asset = &foreign.asset;
        let at = foreign.uploaded_at.0;
        self.execute(sql, params![upload, asset.asset_id, asset.url, at, foreign.name, how])?;
        self.dequeue(upload)?;
        let sql = "INSERT INTO decision (path_id, at, kind, detail)
                   SELECT id, ?2, ?3, ?4 FROM path WHERE upload_id = ?1";
        self.execute(sql, params![upload, now.0, how, asset.asset_id])?;
        self.owe(Owed::Upload(upload), now)
    }

    fn size_of(&self, hash: ContentHash) -> Result<Option<u64>> {
        let mut found = self.db.prepare_cached("SELECT size FROM content WHERE hash = ?1")?;
        let size: Option<i64> = found.query_row([hash.0], |row| row.get(0)).optional()?;
        Ok(size.map(|size| size as u64))
    }

    fn standing(&self, hash: ContentHash, account: i64) -> Result<Option<Standing>> {
        let sql = "SELECT u.asset_id, EXISTS (SELECT 1 FROM attempt a
                              WHERE a.upload_id = u.id AND a.outcome IS NULL)
                   FROM content c JOIN upload u ON u.content_id = c.id
                   WHERE c.hash = ?1 AND u.account_id = ?2";
        let mut found = self.db.prepare_cached(sql)?;
        let read = |row: &SqlRow<'_>| Ok(Standing { asset_id: row.get(0)?, open: row.get(1)? });
        Ok(found.query_row(params![hash.0, account], read).optional()?)
    }

    /// Whose an asset is, or was.
    fn claimed(&self, asset_id: &str) -> Result<Option<Conflict>> {
        let sql = "SELECT c.hash, t.email FROM upload u JOIN content c ON c.id = u.content_id
                   JOIN account t ON t.id = u.account_id WHERE u.asset_id = ?1";
        let mut found = self.db.prepare_cached(sql)?;
        let read = |row: &SqlRow<'_>| Ok(Conflict::OtherUpload(hash(row.get(0)?)?, row.get(1)?));
        if let Some(other) = found.query_row([asset_id], read).optional()? {
            return Ok(Some(other));
        }
        let sql = "SELECT 1 FROM former_asset WHERE asset_id = ?1";
        let former = self.db.prepare_cached(sql)?.exists([asset_id])?;
        Ok(former.then_some(Conflict::Forgotten))
    }
}

/// How the upload of a foreign one's content stands here.
struct Standing {
    asset_id: Option<String>,
    open: bool,
}

fn upload_row(row: &SqlRow<'_>) -> rusqlite::Result<UploadRow> {
    let state: String = row.get(8)?;
    let uploaded_at: Option<i64> = row.get(12)?;
    Ok(UploadRow {
        id: row.get(0)?,
        hash: hash(row.get(1)?)?,
        size: row.get::<_, i64>(2)? as u64,
        media_type: row.get(3)?,
        width: row.get(4)?,
        height: row.get(5)?,
        duration_ms: row.get::<_, Option<i64>>(6)?.map(|ms| ms as u64),
        account: row.get(7)?,
        state: State::parse(&state),
        asset_id: row.get(9)?,
        asset_url: row.get(10)?,
        name: row.get(11)?,
        uploaded_at: uploaded_at.map(Wall),
        attempts: row.get(13)?,
        reason: row.get(14)?,
        paths: Vec::new(),
    })
}
