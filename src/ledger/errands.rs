//! What is owed to files that were uploaded, or that need a person.
//!
//! Owns:
//! - what a folder wants is owed in the very transaction that makes the reason for it true, by
//!   whichever write that is;
//! - for one path and one asset everything is owed once, unless the path was gone meanwhile;
//! - of what one folder owes to one path only the first is ever offered.

use std::cell::Cell;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::facts::{fingerprint, hash};
use super::step::{Result, join};
use super::views::{row, select_of_upload};
use super::{Ledger, Row};
use crate::planner::sabotage::{self, Bug};
use crate::planner::{
    ERRAND_CAP_MS, Errand, ErrandAsk, ErrandId, ErrandKind, ErrandOffer, FolderId, Wall, Wants,
    Write,
};

/// Whether any folder wants anything, as far as this process has been told; so that the others pay
/// for nothing.
pub(super) type AnyWants = Cell<bool>;

/// What the configuration of the last start wanted.
pub(super) fn any_wants(db: &Connection) -> rusqlite::Result<AnyWants> {
    let sql = "SELECT EXISTS (SELECT 1 FROM folder WHERE wants <> 0)";
    Ok(Cell::new(db.query_row(sql, [], |row| row.get(0))?))
}

/// Whose turn may have come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owed {
    /// That of every path of an upload, which has just ended.
    Upload(i64),
    /// That of one path, which has just been linked to what has ended before, or failed by itself.
    Path(i64),
    /// That of a path which is there again, as it was: it is moved away again, and nothing else is
    /// done twice.
    Back(i64),
}

/// Something owed to a path, for its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedRow {
    /// What.
    pub kind: ErrandKind,
    /// Since when.
    pub owed_at: Wall,
    /// How often it has failed.
    pub tries: u32,
    /// When it is tried again; none if it is over, or waits for what is owed before it.
    pub next_try_at: Option<Wall>,
    /// `done`, `failed` or `void`; none while it is owed.
    pub outcome: Option<String>,
    /// In words.
    pub detail: Option<String>,
    /// When it was over.
    pub ended_at: Option<Wall>,
    /// The path was gone since.
    pub stale: bool,
}

/// What an errand is about, as programs are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The path's row, as it was when the errand became owed.
    pub row: Row,
    /// `uploaded`, `deduplicated`, `failed` or `held`.
    pub event: String,
    /// The root of the folder.
    pub root: PathBuf,
}

impl Ledger {
    /// Says what a folder wants done; what is owed and not wanted any more is over.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn set_wants(&self, folder: FolderId, wants: Wants, now: Wall) -> Result<()> {
        let sql = "UPDATE folder SET wants = ?2 WHERE id = ?1 AND wants <> ?2";
        self.execute(sql, [folder.0, i64::from(wants.bits())])?;
        for kind in ErrandKind::ALL.into_iter().filter(|kind| !wants.has(*kind)) {
            let open = "SELECT DISTINCT path_id FROM errand
                        WHERE folder_id = ?1 AND kind = ?2 AND outcome IS NULL";
            let mut open = self.db.prepare_cached(open)?;
            let paths = open.query_map(params![folder.0, kind.as_str()], |row| row.get(0))?;
            let paths: Vec<i64> = paths.collect::<std::result::Result<_, _>>()?;
            let sql = "UPDATE errand SET outcome = 'void', ended_at = ?3,
                           detail = 'not configured any more'
                       WHERE folder_id = ?1 AND kind = ?2 AND outcome IS NULL";
            self.execute(sql, params![folder.0, kind.as_str(), now.0])?;
            for path in paths {
                self.next_in_turn(path)?;
            }
        }
        let any = self.any_wants.get() || wants.any();
        self.any_wants.set(any);
        Ok(())
    }

    /// Those whose time has come. A time further ahead than any pause comes from a clock that was
    /// wrong, and counts as come.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn errands_due(&self, ask: &ErrandAsk, now: Wall) -> Result<ErrandOffer> {
        let sql = format!(
            "SELECT e.id, d.path, p.name, p.device, p.inode, p.size, p.mtime_ns, p.ctime_ns,
                    p.certain, c.hash, e.asset_id, e.tries,
                    p.gone_at IS NULL AND p.upload_id IS e.upload_id AND u.asset_id IS e.asset_id
                        AND e.upload_id IS NOT NULL
             FROM errand e JOIN path p ON p.id = e.path_id JOIN directory d ON d.id = p.directory_id
             LEFT JOIN upload u ON u.id = e.upload_id LEFT JOIN content c ON c.id = u.content_id
             WHERE e.folder_id = ?1 AND e.kind = ?2 AND e.outcome IS NULL
               AND e.next_try_at IS NOT NULL
               AND (e.next_try_at <= ?3 OR e.next_try_at > ?3 + {ERRAND_CAP_MS})
             ORDER BY e.next_try_at, e.id LIMIT ?4"
        );
        let next = "SELECT min(next_try_at) FROM errand
                    WHERE folder_id = ?1 AND kind = ?2 AND outcome IS NULL AND next_try_at > ?3";
        let mut offer = ErrandOffer::default();
        for (folder, kind) in &ask.lanes {
            let mut due = self.db.prepare_cached(&sql)?;
            let key = params![folder.0, kind.as_str(), now.0, ask.most as i64];
            let rows = due.query_map(key, |row| errand(row, *folder, *kind))?;
            for errand in rows {
                offer.errands.push(errand?);
            }
            let mut next = self.db.prepare_cached(next)?;
            let key = params![folder.0, kind.as_str(), now.0];
            let at: Option<i64> = next.query_row(key, |row| row.get(0))?;
            let at = at.map(Wall);
            offer.next_try_at = [offer.next_try_at, at].into_iter().flatten().min();
        }
        Ok(offer)
    }

    /// What an errand is about; none if there is no such errand.
    pub fn told_of(&self, errand: ErrandId) -> Result<Option<Told>> {
        let sql = "SELECT e.event, e.path_id, e.upload_id, e.asset_id, e.reason, f.root
                   FROM errand e JOIN folder f ON f.id = e.folder_id WHERE e.id = ?1";
        let read = |row: &SqlRow<'_>| {
            let root: Vec<u8> = row.get(5)?;
            let about: (String, i64, Option<i64>, Option<String>, Option<String>) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok((about, PathBuf::from(super::step::name_of(root))))
        };
        let mut found = self.db.prepare_cached(sql)?;
        let found = found.query_row([errand.0], read).optional()?;
        let Some(((event, path, upload, asset_id, reason), root)) = found else { return Ok(None) };
        let sql = format!("{} WHERE p.id = ?2", select_of_upload());
        let mut found = self.db.prepare_cached(&sql)?;
        let mut row = found.query_row(params![true, path, upload], row)?;
        if let Some(asset_id) = asset_id {
            row.state = super::State::Uploaded;
            row.asset_id = Some(asset_id);
            row.reason = None;
        } else {
            row.state = match event.as_str() {
                "held" => super::State::Held,
                _ => super::State::Failed,
            };
            row.reason = reason;
        }
        row.gone_at = None;
        Ok(Some(Told { row, event, root }))
    }

    /// What is and was owed to a path, oldest first; the newest, if there is very much.
    pub(super) fn owed_to(&self, path: i64, most: i64) -> Result<Vec<OwedRow>> {
        let sql = "SELECT kind, owed_at, tries, next_try_at, outcome, detail, ended_at, stale
                   FROM (SELECT * FROM errand WHERE path_id = ?1 ORDER BY id DESC LIMIT ?2)
                   ORDER BY id";
        let mut found = self.db.prepare_cached(sql)?;
        let rows = found.query_map([path, most], |row| {
            let wall = |at| row.get::<_, Option<i64>>(at).map(|ms| ms.map(Wall));
            Ok(OwedRow {
                kind: kind(row.get(0)?)?,
                owed_at: Wall(row.get(1)?),
                tries: row.get(2)?,
                next_try_at: wall(3)?.filter(|at| at.0 > 0),
                outcome: row.get(4)?,
                detail: row.get(5)?,
                ended_at: wall(6)?,
                stale: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// How many are owed to files of these folders, how many were given up, and the words of one
    /// that was given up, or else that has failed.
    pub fn errand_counts(&self, folders: &[FolderId]) -> Result<(u64, u64, Option<String>)> {
        let list = folders.iter().map(|folder| folder.0.to_string()).collect::<Vec<_>>().join(",");
        let count = |which: &str| -> Result<u64> {
            let sql =
                format!("SELECT count(*) FROM errand WHERE folder_id IN ({list}) AND {which}");
            Ok(self.db.query_row(&sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
        };
        let (owed, failed) = (count("outcome IS NULL")?, count("outcome = 'failed'")?);
        let words = |which: &str| -> Result<Option<String>> {
            let sql = format!(
                "SELECT kind || ': ' || detail FROM errand
                 WHERE folder_id IN ({list}) AND {which} ORDER BY id DESC LIMIT 1"
            );
            Ok(self.db.query_row(&sql, [], |row| row.get(0)).optional()?)
        };
        let last = match (owed, failed) {
            (0, 0) => None,
            (_, 0) => words("outcome IS NULL AND detail IS NOT NULL")?,
            (_, _) => words("outcome = 'failed'")?,
        };
        Ok((owed, failed, last))
    }

    /// How many files wait for something that has failed, or was given up.
    pub(super) fn files_with_failed_errands(&self) -> Result<u64> {
        let sql = "SELECT count(DISTINCT path_id) FROM (
                       SELECT path_id FROM errand WHERE outcome = 'failed' AND stale = 0
                       UNION ALL
                       SELECT path_id FROM errand WHERE outcome IS NULL AND stale = 0 AND tries > 0)";
        Ok(self.db.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    /// Whether something that is owed to a path was given up, or has failed so far.
    pub fn has_failed_errands(&self, path: &std::path::Path) -> Result<bool> {
        let Some(id) = self.path_id(path)? else { return Ok(false) };
        let sql = "SELECT EXISTS (SELECT 1 FROM errand WHERE path_id = ?1 AND stale = 0
                                  AND (outcome = 'failed' OR (outcome IS NULL AND tries > 0)))";
        Ok(self.db.query_row(sql, [id], |row| row.get(0))?)
    }

    pub(super) fn apply_errand(&self, write: &Write, now: Wall) -> Result<()> {
        match write {
            Write::ErrandEnded { errand, end, detail, gone, again } => {
                let sql = "SELECT path_id FROM errand WHERE id = ?1";
                let mut found = self.db.prepare_cached(sql)?;
                let path: Option<i64> = found.query_row([errand.0], |row| row.get(0)).optional()?;
                let Some(path) = path else { return Ok(()) };
                let sql = "UPDATE errand SET outcome = ?2, ended_at = ?3, detail = ?4,
                               next_try_at = NULL WHERE id = ?1 AND outcome IS NULL";
                self.execute(sql, params![errand.0, end.as_str(), now.0, detail])?;
                // What was done is done, also if it was not wanted any more meanwhile.
                if *gone {
                    self.moved(path, detail, now)?;
                }
                self.next_in_turn(path)?;
                if *again { self.owe(Owed::Path(path), now) } else { Ok(()) }
            }
            Write::ErrandDelayed { errand, tries, next_try_at, reason } => {
                // One before it may have been given up, and be owed again since.
                let sql = "UPDATE errand SET tries = ?2, detail = ?4,
                               next_try_at = CASE WHEN EXISTS (
                                   SELECT 1 FROM errand o WHERE o.path_id = errand.path_id
                                     AND o.folder_id = errand.folder_id
                                     AND o.outcome IS NULL AND o.id < errand.id) THEN NULL ELSE ?3 END
                           WHERE id = ?1 AND outcome IS NULL";
                self.execute(sql, params![errand.0, tries, next_try_at.0, reason])
            }
            Write::ErrandsAgain { path: Some(path) } => match self.path_id(path)? {
                Some(id) => self.errands_again("INDEXED BY errand_path", "path_id = ?1", id),
                None => Ok(()),
            },
            Write::ErrandsAgain { path: None } => self.errands_again("", "?1 = ?1", 0),
            other => unreachable!("no errand: {other:?}"),
        }
    }

    /// What was given up is owed again, and what waits for its time has it. The first of each path
    /// has its turn: what came after it waits.
    fn errands_again(&self, index: &str, which: &str, id: i64) -> Result<()> {
        let sql = format!(
            "UPDATE errand {index} SET outcome = NULL, ended_at = NULL, tries = 0, next_try_at = 0
             WHERE outcome = 'failed' AND stale = 0 AND {which}"
        );
        self.execute(&sql, [id])?;
        let sql = format!(
            "UPDATE errand {index} SET next_try_at = CASE WHEN EXISTS (
                 SELECT 1 FROM errand o WHERE o.path_id = errand.path_id
                   AND o.folder_id = errand.folder_id
                   AND o.outcome IS NULL AND o.id < errand.id) THEN NULL ELSE 0 END
             WHERE outcome IS NULL AND {which}"
        );
        self.execute(&sql, [id])
    }

    /// Notes what is owed from now on.
    pub(super) fn owe(&self, owed: Owed, now: Wall) -> Result<()> {
        if !self.any_wants.get() {
            return Ok(());
        }
        let (which, id, first, back) = match owed {
            Owed::Upload(id) => ("p.upload_id = ?1", id, true, false),
            Owed::Path(id) => ("p.id = ?1", id, false, false),
            Owed::Back(id) => ("p.id = ?1", id, false, true),
        };
        if !first && sabotage::on(Bug::ForgetErrands) {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO errand
                 (path_id, folder_id, upload_id, kind, event, asset_id, reason, owed_at)
             SELECT p.id, p.folder_id, u.id, k.kind,
                 CASE WHEN u.asset_id IS NOT NULL THEN
                     CASE WHEN ?2 AND p.id = (SELECT a.path_id FROM attempt a
                                              WHERE a.upload_id = u.id ORDER BY a.id DESC LIMIT 1)
                          THEN 'uploaded' ELSE 'deduplicated' END
                      WHEN u.held_at IS NOT NULL THEN 'held' ELSE 'failed' END,
                 u.asset_id,
                 CASE WHEN u.asset_id IS NULL THEN coalesce(p.reason, u.reason) END, ?3
             FROM path p JOIN folder f ON f.id = p.folder_id LEFT JOIN upload u ON u.id = p.upload_id
             JOIN (SELECT 'sidecar' AS kind, 1 AS bit UNION ALL SELECT 'on_uploaded', 2
                   UNION ALL SELECT 'after_upload', 4 UNION ALL SELECT 'on_failed', 8) k
             WHERE {which} AND p.gone_at IS NULL AND f.wants & k.bit
               AND CASE k.kind
                   WHEN 'on_failed' THEN
                       (p.status = 'failed' OR u.failed_at IS NOT NULL OR u.held_at IS NOT NULL)
                       AND NOT EXISTS (SELECT 1 FROM errand e WHERE e.path_id = p.id
                           AND e.kind = k.kind
                           AND (e.outcome IS NULL OR (?4 AND e.upload_id IS u.id)))
                   ELSE u.asset_id IS NOT NULL
                       AND NOT EXISTS (SELECT 1 FROM errand e WHERE e.path_id = p.id
                           AND e.kind = k.kind AND e.asset_id = u.asset_id
                           AND (e.stale = 0 OR (?4 AND k.kind <> 'after_upload'))
                           AND coalesce(e.outcome, '') <> 'void') END
             ORDER BY p.id, k.bit"
        );
        self.execute(&sql, params![id, first, now.0, back])?;
        let sql = format!(
            "UPDATE errand SET next_try_at = 0
             WHERE next_try_at IS NULL AND outcome IS NULL
               AND path_id IN (SELECT p.id FROM path p WHERE {which})
               AND NOT EXISTS (SELECT 1 FROM errand o WHERE o.path_id = errand.path_id
                   AND o.folder_id = errand.folder_id AND o.outcome IS NULL AND o.id < errand.id)"
        );
        self.execute(&sql, [id])
    }

    /// What was owed to a path is not what is owed to whatever comes back under its name.
    pub(super) fn errands_of_gone(&self, path: i64) -> Result<()> {
        if !self.any_wants.get() {
            return Ok(());
        }
        self.execute("UPDATE errand SET stale = 1 WHERE path_id = ?1 AND stale = 0", [path])
    }

    /// The first of what is still owed to a path may be done.
    fn next_in_turn(&self, path: i64) -> Result<()> {
        self.first_in_turn("path_id = ?1", path)
    }

    fn first_in_turn(&self, which: &str, id: i64) -> Result<()> {
        let sql = format!(
            "UPDATE errand SET next_try_at = 0
             WHERE {which} AND outcome IS NULL AND next_try_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM errand o WHERE o.path_id = errand.path_id
                   AND o.folder_id = errand.folder_id AND o.outcome IS NULL AND o.id < errand.id)"
        );
        self.execute(&sql, [id])
    }

    /// What was owed for an upload that counts as never made is owed no more.
    pub(super) fn forget_errands(&self, upload: i64, now: Wall) -> Result<()> {
        let sql = "UPDATE errand SET outcome = 'void', ended_at = ?2, next_try_at = NULL,
                       detail = 'forgotten, as asked'
                   WHERE upload_id = ?1 AND outcome IS NULL";
        self.execute(sql, params![upload, now.0])?;
        let of_paths = "path_id IN (SELECT path_id FROM errand WHERE upload_id = ?1)";
        self.first_in_turn(of_paths, upload)
    }
}

fn errand(row: &SqlRow<'_>, folder: FolderId, kind: ErrandKind) -> rusqlite::Result<Errand> {
    let content: Option<Vec<u8>> = row.get(9)?;
    Ok(Errand {
        id: ErrandId(row.get(0)?),
        folder,
        kind,
        path: join(row.get(1)?, row.get(2)?).into(),
        fingerprint: fingerprint(row, 3)?,
        certain: row.get(8)?,
        hash: content.map(hash).transpose()?,
        asset_id: row.get(10)?,
        tries: row.get(11)?,
        holds: row.get(12)?,
    })
}

fn kind(word: String) -> rusqlite::Result<ErrandKind> {
    let unknown =
        || rusqlite::Error::InvalidColumnType(0, word.clone(), rusqlite::types::Type::Text);
    ErrandKind::parse(&word).ok_or_else(unknown)
}
