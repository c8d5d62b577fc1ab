//! What the ledger has of a path, and of a directory's paths, for a look and for a scan.
//!
//! Owns:
//! - rows of a directory come by the bytes of their names;
//! - a stretch costs what its own rows cost, however large the directory is.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::types::FromSqlError;
use rusqlite::{OptionalExtension, Row, params};

use super::facts::{fingerprint, hash, upload_state};
use super::step::{bytes, join, name_of, split};
use super::{Ledger, LedgerError};
use crate::planner::{
    AccountId, FolderId, IgnoredBy, Known, KnownAs, PathRow, PathStatus, UploadKey,
};

type Result<T> = std::result::Result<T, LedgerError>;

/// The columns that [`path_row`] reads, and the tables they come from.
const PATH_ROW: &str = "SELECT p.name, p.folder_id, p.status, p.reason, p.device, p.inode, p.size,
        p.mtime_ns, p.ctime_ns, p.certain, p.gone_at IS NOT NULL, c.hash, u.account_id,
        u.asset_id, u.failed_at IS NOT NULL, u.held_at IS NOT NULL, u.reason
    FROM directory d JOIN path p ON p.directory_id = d.id
    LEFT JOIN content c ON c.id = p.content_id LEFT JOIN upload u ON u.id = p.upload_id";

/// What [`known`] reads. The content is of no interest.
pub(super) const KNOWN: &str =
    "SELECT p.name, p.folder_id, p.status, p.reason, p.device, p.inode, p.size,
        p.mtime_ns, p.ctime_ns, p.certain, p.gone_at IS NOT NULL, u.account_id,
        u.asset_id IS NOT NULL
    FROM directory d JOIN path p ON p.directory_id = d.id LEFT JOIN upload u ON u.id = p.upload_id
    WHERE d.path = ?1 AND p.name > ?2 AND p.name <= ?3 ORDER BY p.name";

pub(super) fn rows_in_sql() -> String {
    format!("{PATH_ROW} WHERE d.path = ?1 AND p.name > ?2 AND p.name <= ?3 ORDER BY p.name")
}

/// Sorts behind every name. An end that is a name keeps the index from being read to its end,
/// stretch after stretch.
const LAST: &[u8] = &[0xFF; 256];

impl Ledger {
    /// One path's row.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn path_row(&self, path: &Path) -> Result<Option<PathRow>> {
        let (directory, name) = split(path);
        let sql = format!("{PATH_ROW} WHERE d.path = ?1 AND p.name = ?2");
        let mut found = self.db.prepare_cached(&sql)?;
        let key = [bytes(directory.as_os_str()), bytes(name)];
        Ok(found.query_row(key, path_row).optional()?.map(|(_, row)| row))
    }

    /// The rows of one directory behind `after` and up to `upto`, by name.
    pub fn rows_in(
        &self,
        directory: &Path,
        after: Option<&OsStr>,
        upto: Option<&OsStr>,
    ) -> Result<Vec<(OsString, PathRow)>> {
        let mut found = self.db.prepare_cached(&rows_in_sql())?;
        let (after, upto) = (after.map_or(&b""[..], bytes), upto.map_or(LAST, bytes));
        let key = [bytes(directory.as_os_str()), after, upto];
        let rows = found.query_map(key, path_row)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The same rows, as far as they say what is to be done; none is kept.
    pub fn each_known_in(
        &self,
        directory: &Path,
        after: Option<&OsStr>,
        upto: Option<&OsStr>,
        mut each: impl FnMut(&OsStr, &Known<'_>),
    ) -> Result<()> {
        let mut found = self.db.prepare_cached(KNOWN)?;
        let (after, upto) = (after.map_or(&b""[..], bytes), upto.map_or(LAST, bytes));
        let key = [bytes(directory.as_os_str()), after, upto];
        let mut rows = found.query(key)?;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_bytes().map_err(|error| wrong(0, error))?;
            each(OsStr::from_bytes(name), &known(row)?);
        }
        Ok(())
    }

    /// Directories right below this one that hold, or held, files.
    pub fn directories_in(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        let sql = "SELECT c.path FROM directory d JOIN directory c ON c.parent_id = d.id
                   WHERE d.path = ?1";
        let mut found = self.db.prepare_cached(sql)?;
        let rows = found.query_map([bytes(directory.as_os_str())], |row| row.get(0))?;
        let rows = rows.map(|path| path.map(|path| PathBuf::from(name_of(path))));
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// Some living paths of a folder in or below a directory.
    pub fn living_below(
        &self,
        directory: &Path,
        folder: FolderId,
        most: usize,
    ) -> Result<Vec<PathBuf>> {
        let sql = "WITH RECURSIVE below (id) AS (
                       SELECT id FROM directory WHERE path = ?1
                       UNION ALL
                       SELECT c.id FROM below b JOIN directory c ON c.parent_id = b.id)
                   SELECT d.path, p.name FROM below b JOIN directory d ON d.id = b.id
                   JOIN path p ON p.directory_id = d.id
                   WHERE p.gone_at IS NULL AND p.folder_id = ?2 LIMIT ?3";
        let mut found = self.db.prepare_cached(sql)?;
        let key = params![bytes(directory.as_os_str()), folder.0, most as i64];
        let rows = found.query_map(key, |row| Ok(join(row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
}

fn known<'a>(row: &'a Row<'_>) -> rusqlite::Result<Known<'a>> {
    let text = |at| row.get_ref(at)?.as_str_or_null().map_err(|error| wrong(at, error));
    let ignored = |by| {
        let reason = text(3)?.unwrap_or_default();
        Ok::<_, rusqlite::Error>(KnownAs::Ignored { by, reason })
    };
    let status = match text(2)?.unwrap_or_default() {
        "linked" => KnownAs::Linked { account: AccountId(row.get(11)?), uploaded: row.get(12)? },
        "failed" => KnownAs::Failed,
        "rule" => ignored(IgnoredBy::Rule)?,
        "media" => ignored(IgnoredBy::Media)?,
        "existing" => ignored(IgnoredBy::Existing)?,
        _ => KnownAs::Settling,
    };
    let (folder, fingerprint) = (FolderId(row.get(1)?), fingerprint(row, 4)?);
    Ok(Known { folder, fingerprint, certain: row.get(9)?, gone: row.get(10)?, status })
}

/// A column that holds something else than it is made for.
fn wrong(at: usize, error: FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Null, Box::new(error))
}

fn path_row(row: &Row<'_>) -> rusqlite::Result<(OsString, PathRow)> {
    let reason = || Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(3)?.unwrap_or_default());
    let ignored = |by| Ok::<_, rusqlite::Error>(PathStatus::Ignored { by, reason: reason()? });
    let status: String = row.get(2)?;
    let status = match status.as_str() {
        "linked" => {
            let key = UploadKey { hash: hash(row.get(11)?)?, account: AccountId(row.get(12)?) };
            PathStatus::Linked { key, upload: upload_state(row, 13)? }
        }
        "failed" => PathStatus::Failed { reason: reason()? },
        "rule" => ignored(IgnoredBy::Rule)?,
        "media" => ignored(IgnoredBy::Media)?,
        "existing" => ignored(IgnoredBy::Existing)?,
        _ => PathStatus::Settling,
    };
    let name = name_of(row.get(0)?);
    let folder = FolderId(row.get(1)?);
    let (certain, gone) = (row.get(9)?, row.get(10)?);
    Ok((name, PathRow { folder, fingerprint: fingerprint(row, 4)?, certain, gone, status }))
}
