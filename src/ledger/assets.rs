//! Everything that is on the server, page by page, for asking after it.

use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};

use super::Ledger;
use super::facts::hash;
use super::step::{Result, join};
use crate::planner::{AccountId, UploadKey, Wall};

/// An upload that has an assetId.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpload {
    /// Its row number; pages go on behind it.
    pub id: i64,
    /// What, and where.
    pub key: UploadKey,
    /// The account's e-mail.
    pub email: Option<String>,
    /// The assetId.
    pub asset_id: String,
    /// The name that was sent.
    pub name: String,
    /// When.
    pub uploaded_at: Wall,
    /// A path that holds the content, or held it.
    pub path: Option<PathBuf>,
}

impl Ledger {
    /// At most so many uploads with an assetId behind a row number, by row number.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn stored_after(&self, after: i64, most: usize) -> Result<Vec<StoredUpload>> {
        let sql = "SELECT u.id, c.hash, u.account_id, t.email, u.asset_id, u.name, u.uploaded_at,
                          d.path, p.name
                   FROM upload u JOIN content c ON c.id = u.content_id
                   JOIN account t ON t.id = u.account_id
                   LEFT JOIN path p ON p.id = (SELECT q.id FROM path q WHERE q.upload_id = u.id
                                               ORDER BY q.gone_at IS NOT NULL, q.id LIMIT 1)
                   LEFT JOIN directory d ON d.id = p.directory_id
                   WHERE u.asset_id IS NOT NULL AND u.id > ?1 ORDER BY u.id LIMIT ?2";
        let mut found = self.db.prepare_cached(sql)?;
        let rows = found.query_map(params![after, most as i64], stored)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// How many uploads have an assetId.
    pub fn stored_count(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM upload WHERE asset_id IS NOT NULL";
        let count: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The row number of the upload that has this assetId.
    pub fn upload_of_asset(&self, asset_id: &str) -> Result<Option<i64>> {
        let sql = "SELECT id FROM upload WHERE asset_id = ?1";
        Ok(self.db.query_row(sql, [asset_id], |row| row.get(0)).optional()?)
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredUpload> {
    let (directory, name): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(7)?, row.get(8)?);
    Ok(StoredUpload {
        id: row.get(0)?,
        key: UploadKey { hash: hash(row.get(1)?)?, account: AccountId(row.get(2)?) },
        email: row.get(3)?,
        asset_id: row.get(4)?,
        name: row.get(5)?,
        uploaded_at: Wall(row.get(6)?),
        path: directory.zip(name).map(|(directory, name)| join(directory, name)),
    })
}
