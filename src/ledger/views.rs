//! What people and programs ask the ledger: the list of paths, counts, the assetId of a content.
//!
//! Owns:
//! - the state of a path as everybody sees it is derived here and nowhere else;
//! - lists are read page by page, so no read outlives a page.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row as SqlRow, params};

use super::facts::hash;
use super::step::{bytes, join};
use super::{Ledger, LedgerError};
use crate::planner::{ContentHash, FolderId, Wall};

type Result<T> = std::result::Result<T, LedgerError>;

/// Rows read at once.
const PAGE: i64 = 1_000;

/// So many paths in one state are few.
const FEW: i64 = 10_000;

/// The state of a path, as `ls` and `status` show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Seen, not at rest or not complete yet.
    Settling,
    /// To be sent.
    Queued,
    /// Being sent.
    Uploading,
    /// Sent whole, answer lost; being looked up.
    Unknown,
    /// On the server.
    Uploaded,
    /// Needs a person.
    Failed,
    /// Needs a person's decision.
    Held,
    /// Not ours.
    Ignored,
}

impl State {
    /// All states, in the order of `status`.
    pub const ALL: [State; 8] = [
        State::Settling,
        State::Queued,
        State::Uploading,
        State::Unknown,
        State::Uploaded,
        State::Failed,
        State::Held,
        State::Ignored,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Settling => "settling",
            State::Queued => "queued",
            State::Uploading => "uploading",
            State::Unknown => "unknown",
            State::Uploaded => "uploaded",
            State::Failed => "failed",
            State::Held => "held",
            State::Ignored => "ignored",
        }
    }

    pub(super) fn parse(word: &str) -> State {
        State::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or(State::Settling)
    }
}

/// One path, with all that is known of its content and upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its row number; pages go on behind it.
    pub id: i64,
    /// The path.
    pub path: PathBuf,
    /// Its folder.
    pub folder: FolderId,
    /// Its state.
    pub state: State,
    /// The account its content is wanted on.
    pub account: Option<String>,
    /// Its content.
    pub hash: Option<ContentHash>,
    /// Bytes.
    pub size: u64,
    /// As sent.
    pub media_type: Option<String>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
    /// The assetId.
    pub asset_id: Option<String>,
    /// Where its bytes can be fetched.
    pub asset_url: Option<String>,
    /// The asset's name.
    pub name: Option<String>,
    /// When it was first seen.
    pub seen_at: Wall,
    /// When it was uploaded.
    pub uploaded_at: Option<Wall>,
    /// Attempts so far.
    pub attempts: u32,
    /// Not sent again before.
    pub next_try_at: Option<Wall>,
    /// Why it stands so, in words.
    pub reason: Option<String>,
    /// Since when it is not there.
    pub gone_at: Option<Wall>,
}

/// One attempt, for tests and for the history of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its number.
    pub id: i64,
    /// Its outcome, if it has one.
    pub outcome: Option<String>,
    /// The words kept with it.
    pub detail: Option<String>,
}

/// Which rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this state.
    pub state: Option<State>,
    /// Only of this account (lower case).
    pub email: Option<String>,
    /// Only in or below this directory.
    pub under: Option<PathBuf>,
    /// Only of these folders; empty means of all.
    pub folders: Vec<FolderId>,
    /// Also paths that are gone, if they were uploaded.
    pub with_gone: bool,
    /// Only where path, name, assetId or hash holds this text (lower case).
    pub text: Option<String>,
}

/// An upload's state in SQL. `?1` says whether the newest run holds the lock.
pub(super) const UPLOAD_STATE: &str = "CASE
        WHEN u.asset_id IS NOT NULL THEN 'uploaded'
        WHEN u.failed_at IS NOT NULL THEN 'failed'
        WHEN u.held_at IS NOT NULL THEN 'held'
        ELSE coalesce((SELECT CASE
                WHEN a.sent_at IS NULL AND ?1 AND a.run_id = (SELECT max(id) FROM run)
                THEN 'uploading' ELSE 'unknown' END
            FROM attempt a WHERE a.upload_id = u.id AND a.outcome IS NULL), 'queued') END";

/// A path's state in SQL.
pub(super) fn state_sql() -> String {
    format!(
        "CASE p.status WHEN 'settling' THEN 'settling' WHEN 'failed' THEN 'failed'
             WHEN 'linked' THEN {UPLOAD_STATE} ELSE 'ignored' END"
    )
}

const FROM: &str = "FROM path p JOIN directory d ON d.id = p.directory_id
    LEFT JOIN content c ON c.id = p.content_id LEFT JOIN upload u ON u.id = p.upload_id
    LEFT JOIN account t ON t.id = u.account_id";

/// Why a path stands as it does: its own words, else those of the attempt that is open, else those
/// of its upload, which are out of date while one is.
const REASON: &str = "coalesce(p.reason, CASE
    WHEN EXISTS (SELECT 1 FROM attempt a WHERE a.upload_id = u.id AND a.outcome IS NULL)
    THEN (SELECT a.detail FROM attempt a WHERE a.upload_id = u.id AND a.outcome IS NULL)
    ELSE u.reason END)";

/// The columns that [`row`] reads, and the tables they come from.
pub(super) fn select() -> String {
    columns("p.size", FROM)
}

/// The same of a path with a certain upload (`?3`) in place of the one it has now.
pub(super) fn select_of_upload() -> String {
    columns(
        "coalesce(c.size, p.size)",
        "FROM path p JOIN directory d ON d.id = p.directory_id
         LEFT JOIN upload u ON u.id = ?3 LEFT JOIN content c ON c.id = u.content_id
         LEFT JOIN account t ON t.id = u.account_id",
    )
}

fn columns(size: &str, from: &str) -> String {
    let state = state_sql();
    format!(
        "SELECT p.id, d.path, p.name, p.folder_id, {state}, t.email, c.hash, {size},
                c.media_type, c.width, c.height, c.duration_ms, u.asset_id, u.asset_url,
                u.name, p.seen_at, u.uploaded_at,
                (SELECT count(*) FROM attempt a WHERE a.upload_id = u.id),
                u.next_try_at, {REASON}, p.gone_at
         {from}"
    )
}

impl Ledger {
    /// Hands every row to `each`, by row number, until it says stop. `running` says whether a
    /// process holds the lock, which tells `uploading` from `unknown`.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn each_row(
        &self,
        filter: &Filter,
        running: bool,
        each: impl FnMut(Row) -> std::ops::ControlFlow<()>,
    ) -> Result<()> {
        self.each_row_after(filter, running, None, each)
    }

    /// The same, from behind a path on; from the first if the ledger does not have it.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn each_row_after(
        &self,
        filter: &Filter,
        running: bool,
        behind: Option<&Path>,
        mut each: impl FnMut(Row) -> std::ops::ControlFlow<()>,
    ) -> Result<()> {
        let mut after = match behind {
            Some(path) => self.path_id(path)?.unwrap_or(0),
            None => 0,
        };
        let few = filter.state.map(|state| self.few_in(state, after));
        let few = few.transpose().map_err(|error| self.name_in(error))?.flatten();
        let mut few = few.as_ref().map(|ids| ids.chunks(PAGE as usize));
        loop {
            let among = match few.as_mut().map(Iterator::next) {
                Some(None) => return Ok(()),
                Some(among) => among,
                None => None,
            };
            let page = self.page(filter, running, after, among, PAGE);
            let page = page.map_err(|error| self.name_in(error))?;
            match (page.last(), among) {
                (Some(last), _) => after = last.id,
                (None, Some(_)) => continue,
                (None, None) => return Ok(()),
            }
            for row in page {
                let wanted = filter.state.is_none_or(|state| state == row.state)
                    && filter.under.as_ref().is_none_or(|under| row.path.starts_with(under))
                    && filter.text.as_ref().is_none_or(|text| row_holds(&row, text));
                if wanted && each(row).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// The paths behind a row number that may be in a state, if they are few and an index has
    /// them: the others need not be looked at then.
    fn few_in(&self, state: State, after: i64) -> Result<Option<Vec<i64>>> {
        let status = |word: &str| {
            format!(
                "SELECT p.id FROM folder f CROSS JOIN path p INDEXED BY path_folder
                     ON p.folder_id = f.id AND p.status = '{word}'"
            )
        };
        let upload = |which: &str| {
            format!(
                "SELECT p.id FROM upload u CROSS JOIN path p ON p.upload_id = u.id WHERE {which}"
            )
        };
        let found = match state {
            State::Settling => status("settling"),
            State::Queued => "SELECT p.id FROM queue q CROSS JOIN path p
                              ON p.upload_id = q.upload_id"
                .to_owned(),
            State::Uploading | State::Unknown => "SELECT p.id FROM attempt a CROSS JOIN path p
                ON p.upload_id = a.upload_id WHERE a.outcome IS NULL"
                .to_owned(),
            State::Failed => {
                format!("{} UNION ALL {}", status("failed"), upload("u.failed_at IS NOT NULL"))
            }
            State::Held => upload("u.held_at IS NOT NULL"),
            State::Uploaded | State::Ignored => return Ok(None),
        };
        let sql = format!("SELECT id FROM ({found}) WHERE id > ?1 LIMIT ?2");
        let mut found = self.db.prepare_cached(&sql)?;
        let ids = found.query_map([after, FEW + 1], |row| row.get(0))?;
        let mut ids: Vec<i64> = ids.collect::<std::result::Result<_, _>>()?;
        if ids.len() as i64 > FEW {
            return Ok(None);
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Some(ids))
    }

    /// Rows behind a row number, `most` of them; or those of some row numbers.
    fn page(
        &self,
        filter: &Filter,
        running: bool,
        after: i64,
        among: Option<&[i64]>,
        most: i64,
    ) -> Result<Vec<Row>> {
        let folders = filter.folders.iter().map(|folder| folder.0.to_string());
        let folders = folders.collect::<Vec<_>>().join(",");
        let of = if folders.is_empty() {
            String::new()
        } else {
            format!("AND p.folder_id IN ({folders})")
        };
        let among = among.map(|ids| {
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!("AND p.id IN ({})", ids.join(","))
        });
        let rows = select();
        let sql = format!(
            "{rows}
             WHERE p.id > ?2 AND (?3 IS NULL OR t.email = ?3) {of}
               AND (p.gone_at IS NULL OR (?4 AND u.asset_id IS NOT NULL)) {}
             ORDER BY p.id LIMIT ?5",
            among.as_deref().unwrap_or_default()
        );
        let mut found = self.db.prepare_cached(&sql)?;
        let key = params![running, after, filter.email, filter.with_gone, most];
        let rows = found.query_map(key, row)?.collect::<std::result::Result<_, _>>()?;
        if among.is_some() {
            // With row numbers in it, it is not asked again.
            found.discard();
        }
        Ok(rows)
    }

    /// One path's row, gone or not.
    pub fn row_of(&self, path: &Path, running: bool) -> Result<Option<Row>> {
        let Some(id) = self.path_id(path)? else {
            return Ok(None);
        };
        let filter = Filter { with_gone: true, ..Filter::default() };
        let page = self.page(&filter, running, id - 1, None, 1)?;
        Ok(page.into_iter().next().filter(|row| row.id == id))
    }

    /// The assetIds of a content: the account's e-mail and the id.
    pub fn assets_of(&self, hash: ContentHash) -> Result<Vec<(Option<String>, String)>> {
        let sql = "SELECT t.email, u.asset_id FROM content c
                   JOIN upload u ON u.content_id = c.id JOIN account t ON t.id = u.account_id
                   WHERE c.hash = ?1 AND u.asset_id IS NOT NULL ORDER BY u.uploaded_at";
        let mut found = self.db.prepare_cached(sql)?;
        let rows = found.query_map([hash.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The content that a path held when it was last identified, if its look then was certain.
    pub fn known_content(&self, path: &Path) -> Result<Option<ContentHash>> {
        let Some(id) = self.path_id(path)? else {
            return Ok(None);
        };
        let sql = "SELECT c.hash FROM path p JOIN content c ON c.id = p.content_id WHERE p.id = ?1";
        let mut found = self.db.prepare_cached(sql)?;
        Ok(found.query_row([id], |row| hash(row.get(0)?)).optional()?)
    }

    /// The attempts of a path's content on its account, oldest first.
    pub fn attempts_of(&self, path: &Path) -> Result<Vec<AttemptRow>> {
        let Some(id) = self.path_id(path)? else {
            return Ok(Vec::new());
        };
        let sql = "SELECT a.id, a.outcome, a.detail FROM path p
                   JOIN attempt a ON a.upload_id = p.upload_id WHERE p.id = ?1 ORDER BY a.id";
        let mut found = self.db.prepare_cached(sql)?;
        let read = |row: &SqlRow<'_>| {
            Ok(AttemptRow { id: row.get(0)?, outcome: row.get(1)?, detail: row.get(2)? })
        };
        let rows = found.query_map([id], read)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The root of a folder.
    pub fn root_of(&self, folder: FolderId) -> Result<Option<PathBuf>> {
        let mut found = self.db.prepare_cached("SELECT root FROM folder WHERE id = ?1")?;
        let root = found.query_row([folder.0], |row| row.get(0)).optional()?;
        Ok(root.map(|root| PathBuf::from(super::step::name_of(root))))
    }

    /// The folder of a root, if the ledger has it.
    pub fn folder_of_root(&self, root: &Path) -> Result<Option<FolderId>> {
        let mut found = self.db.prepare_cached("SELECT id FROM folder WHERE root = ?1")?;
        let id = found.query_row([bytes(root.as_os_str())], |row| row.get(0)).optional()?;
        Ok(id.map(FolderId))
    }
}

/// Whether a row has this text (lower case) in what a person would search for.
fn row_holds(row: &Row, text: &str) -> bool {
    let path = row.path.to_string_lossy();
    let fields = [Some(&*path), row.name.as_deref(), row.asset_id.as_deref()];
    fields.into_iter().flatten().any(|field| holds(field, text))
        || row.hash.is_some_and(|hash| hash_holds(&hash.0, text))
}

/// Whether a text has another one, which is in lower case, in it; whatever its own case.
pub(super) fn holds(whole: &str, part: &str) -> bool {
    if !whole.is_ascii() {
        return whole.to_lowercase().contains(part);
    }
    if !part.is_ascii() {
        return false;
    }
    // Most are, and cost no copy.
    let (whole, part) = (whole.as_bytes(), part.as_bytes());
    let Some(first) = part.first() else { return true };
    whole.windows(part.len()).any(|piece| {
        piece.first().is_some_and(|byte| byte.eq_ignore_ascii_case(first))
            && piece.eq_ignore_ascii_case(part)
    })
}

/// Whether this text (lower case) can be in a hash.
pub(super) fn may_be_of_hash(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether this text (lower case) is in a hash as people read it.
fn hash_holds(hash: &[u8], text: &str) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if !may_be_of_hash(text) {
        return false;
    }
    // On the stack: there are many rows.
    let mut hex = [0; 64];
    for (digits, byte) in hex.chunks_exact_mut(2).zip(hash) {
        let [high, low] = [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
        digits.copy_from_slice(&[high, low]);
    }
    std::str::from_utf8(&hex).is_ok_and(|hex| hex.contains(text))
}

pub(super) fn row(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let wall = |at| row.get::<_, Option<i64>>(at).map(|ms| ms.map(Wall));
    let content: Option<Vec<u8>> = row.get(6)?;
    let state: String = row.get(4)?;
    Ok(Row {
        id: row.get(0)?,
        path: join(row.get(1)?, row.get(2)?),
        folder: FolderId(row.get(3)?),
        state: State::parse(&state),
        account: row.get(5)?,
        hash: content.map(hash).transpose()?,
        size: row.get::<_, i64>(7)? as u64,
        media_type: row.get(8)?,
        width: row.get(9)?,
        height: row.get(10)?,
        duration_ms: row.get::<_, Option<i64>>(11)?.map(|ms| ms as u64),
        asset_id: row.get(12)?,
        asset_url: row.get(13)?,
        name: row.get(14)?,
        seen_at: Wall(row.get(15)?),
        uploaded_at: wall(16)?,
        attempts: row.get(17)?,
        next_try_at: wall(18)?,
        reason: row.get(19)?,
        gone_at: wall(20)?,
    })
}
