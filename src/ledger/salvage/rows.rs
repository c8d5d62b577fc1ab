//! Rows that could be read, and whether they make sense.
//!
//! Owns:
//! - garbage that happens to read as a row is told by what stands twice: in the table and in its
//!   index, in an assetId and in its account;
//! - what is on the server, as far as can be told, is never taken for what is not.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

use super::super::step::Result;
use super::Salvage;
use crate::planner::{Asset, MediaType};

impl Salvage<'_> {
    /// Takes one row, if it makes sense.
    pub(super) fn take(&mut self, table: &str, row: &mut Row<'_>) -> Result<bool> {
        row.without_negative_times();
        let sane = match table {
            "account" => self.is_account(row)?,
            "folder" if row.number("id") == Some(0) => return Ok(true),
            "folder" => row.is_path("root"),
            "directory" => row.set("parent_id", Value::Null) && row.is_path("path"),
            "content" => self.is_content(row),
            "upload" => return self.upload(row),
            "path" => row.set("certain", Value::Integer(0)) && self.is_path(row)?,
            "attempt" => return self.attempt(row),
            "former_asset" => self.is_former(row)?,
            "push" => row.is_path("path"),
            "meta" if row.text("key") == Some("base_url") => return Ok(true),
            "meta" => self.is_meta(row),
            _ => true,
        };
        if sane { self.insert(table, row) } else { Ok(false) }
    }

    /// Whether the constraints of the new ledger take it.
    fn insert(&self, table: &str, row: &Row<'_>) -> Result<bool> {
        let names: Vec<&str> = row.cells.iter().map(|(name, _)| *name).collect();
        let places = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({places})", names.join(", "));
        let values = params_from_iter(row.cells.iter().map(|(_, value)| value));
        match self.new.db.prepare_cached(&sql)?.execute(values) {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// One account at most has no e-mail.
    fn is_account(&self, row: &Row<'_>) -> Result<bool> {
        match row.text("email") {
            Some(email) => Ok(is_email(email)),
            None => Ok(!self.there("SELECT 1 FROM account WHERE email IS NULL", [])?),
        }
    }

    /// A path's upload is of the path's content.
    fn is_path(&self, row: &Row<'_>) -> Result<bool> {
        let ids = (row.number("upload_id"), row.number("content_id"));
        let fits = match ids {
            (Some(upload), Some(content)) => {
                let sql = "SELECT 1 FROM upload WHERE id = ?1 AND content_id = ?2";
                self.there(sql, [upload, content])?
            }
            (None, None) => true,
            (_, _) => false,
        };
        Ok(fits && row.is_name("name"))
    }

    /// What was forgotten is nobody's.
    fn is_former(&self, row: &Row<'_>) -> Result<bool> {
        let Some(asset_id) = row.text("asset_id").filter(|text| is_asset_id(text)) else {
            return Ok(false);
        };
        Ok(!self.there("SELECT 1 FROM upload WHERE asset_id = ?1", [asset_id])?)
    }

    /// Whether the new ledger has such a row.
    pub(super) fn there(&self, sql: &str, key: impl rusqlite::Params) -> Result<bool> {
        Ok(self.new.db.prepare_cached(sql)?.exists(key)?)
    }

    /// The hash stands in the table and in its index: garbage hardly ever is in both.
    fn is_content(&self, row: &Row<'_>) -> bool {
        let sized = row.number("size").is_some_and(|size| size > 0);
        let typed = row.text("media_type").is_some_and(|text| MediaType::parse(text).is_some());
        let sql = "SELECT id FROM content WHERE hash = ?1";
        let id: rusqlite::Result<Option<i64>> = match row.value("hash") {
            Some(hash) => self.old.query_row(sql, [hash], |row| row.get(0)).optional(),
            None => return false,
        };
        // An index that cannot be read says nothing.
        sized && typed && id.map_or(true, |id| id == row.number("id"))
    }

    /// An upload whose assetId cannot be believed is on the server all the same: a person, or a
    /// comparison of bytes, must say as what.
    fn upload(&mut self, row: &mut Row<'_>) -> Result<bool> {
        if matches!(row.value("asset_id"), Some(Value::Null)) || self.is_stored(row)? {
            return self.insert("upload", row);
        }
        for cell in ["asset_id", "asset_url", "uploaded_at", "failed_at"] {
            row.set(cell, Value::Null);
        }
        row.set("held_at", Value::Integer(self.now.0));
        row.set("reason", Value::Text("its assetId could not be read any more".into()));
        let taken = self.insert("upload", row)?;
        self.salvaged.held += u64::from(taken);
        Ok(taken)
    }

    /// An assetId stands in the table and in its index too, and it names the account.
    fn is_stored(&self, row: &Row<'_>) -> Result<bool> {
        let Some(asset_id) = row.text("asset_id").filter(|text| is_asset_id(text)) else {
            return Ok(false);
        };
        let sql = "SELECT 1 FROM upload INDEXED BY upload_asset
                   WHERE asset_id = ?1 AND asset_id IS NOT NULL AND id = ?2";
        let key = params![asset_id, row.number("id")];
        let indexed = self.old.query_row(sql, key, |_| Ok(())).optional();
        let asset = Asset { asset_id: asset_id.to_owned(), url: None };
        let (Some(email), Some(account)) = (asset.email(), row.number("account_id")) else {
            return Ok(false);
        };
        let twice = self.there("SELECT 1 FROM upload WHERE asset_id = ?1", [asset_id])?;
        // An index that cannot be read says nothing.
        if twice || !indexed.map_or(true, |found| found.is_some()) {
            return Ok(false);
        }
        let known = "SELECT email FROM account WHERE id = ?1";
        let known: Option<Option<String>> =
            self.new.db.query_row(known, [account], |row| row.get(0)).optional()?;
        match known {
            Some(known) => Ok(known.is_none_or(|known| known == email)),
            // The account's own row is lost; every assetId of it says what was in it.
            None => {
                let sql = "INSERT OR IGNORE INTO account (id, email) VALUES (?1, ?2)";
                self.new.execute(sql, params![account, email])?;
                Ok(true)
            }
        }
    }

    fn is_meta(&self, row: &Row<'_>) -> bool {
        let account = row.text("value").and_then(|value| value.parse::<i64>().ok());
        let there = |id| self.there("SELECT 1 FROM account WHERE id = ?1", [id]).unwrap_or(false);
        row.text("key") != Some("default_account") || account.is_some_and(there)
    }

    /// An attempt whose path or run is lost keeps its upload from being sent again all the same.
    fn attempt(&mut self, row: &Row<'_>) -> Result<bool> {
        let run = "INSERT OR IGNORE INTO run (id, pid, started_at, version)
                   VALUES (?1, 0, ?2, 'lost')";
        if let (Some(id), Some(at)) = (row.number("run_id"), row.number("opened_at")) {
            self.new.execute(run, [id, at])?;
        }
        if self.insert("attempt", row)? {
            return Ok(true);
        }
        let open = matches!(row.value("outcome"), Some(Value::Null));
        if let (true, Some(upload)) = (open, row.number("upload_id")) {
            self.hold(upload)?;
        }
        Ok(false)
    }
}

/// A row on its way: names and values.
pub(super) struct Row<'a> {
    cells: Vec<(&'a str, Value)>,
}

impl<'a> FromIterator<(&'a str, Value)> for Row<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, Value)>>(cells: T) -> Row<'a> {
        Row { cells: cells.into_iter().collect() }
    }
}

impl Row<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.cells.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn is_path(&self, name: &str) -> bool {
        let bytes = self.blob(name);
        bytes.is_some_and(|bytes| bytes.starts_with(b"/") && !bytes.contains(&0))
    }

    fn is_name(&self, name: &str) -> bool {
        let bytes = self.blob(name);
        bytes.is_some_and(|bytes| !bytes.is_empty() && !bytes.iter().any(|b| [0, b'/'].contains(b)))
    }

    fn blob(&self, name: &str) -> Option<&[u8]> {
        match self.value(name) {
            Some(Value::Blob(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Times before 1970 are garbage, and not worth losing a row for.
    fn without_negative_times(&mut self) {
        for (name, value) in &mut self.cells {
            if (name.ends_with("_at") || *name == "at") && matches!(value, Value::Integer(..0)) {
                *value = Value::Integer(0);
            }
        }
    }

    /// Sets a cell, if it is there; always true.
    fn set(&mut self, name: &str, to: Value) -> bool {
        if let Some((_, value)) = self.cells.iter_mut().find(|(known, _)| *known == name) {
            *value = to;
        }
        true
    }
}

fn is_email(text: &str) -> bool {
    text.contains('@') && text == text.to_lowercase() && !text.chars().any(char::is_whitespace)
}

fn is_asset_id(text: &str) -> bool {
    let asset = Asset { asset_id: text.to_owned(), url: None };
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    text.starts_with("user:") && plain && asset.email().is_some()
}

/// What the schema of the new ledger does not take.
fn refused(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{ConstraintViolation, TypeMismatch};
    matches!(error.sqlite_error_code(), Some(ConstraintViolation | TypeMismatch))
}
