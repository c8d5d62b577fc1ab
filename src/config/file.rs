//! The configuration file: its text, its lines, its tables.
//!
//! Owns: every key of the file is either read into a setting or reported; none is passed over.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, WrongValue, quoted};
use super::keys::{self, Table};
use super::kinds::{Base, Kind, found};
use super::origin::{Origin, Origins};
use crate::text::{escaped, reason};

/// Longest configuration that is read, in bytes.
const LONGEST_BYTES: u64 = 1024 * 1024;

/// The text of a configuration file and where it lies.
pub(super) struct Source {
    path: Arc<PathBuf>,
    text: String,
}

/// The tables of a file. Without a file, or without a table in it, all is default.
#[derive(Default)]
pub(super) struct Tables<'a> {
    pub(super) api: Option<Entries<'a>>,
    pub(super) control: Option<Entries<'a>>,
    pub(super) log: Option<Entries<'a>>,
    pub(super) folders: Vec<Entries<'a>>,
}

/// One table: keys that are all known, with their lines.
pub(super) struct Entries<'a> {
    table: Table,
    /// Where the table begins.
    pub(super) at: Origin,
    entries: Vec<(&'a str, Origin, &'a DeValue<'a>)>,
}

impl Source {
    /// Reads the file; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Source>, ConfigError> {
        let unreadable = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(reason(&error))),
        };
        let mut bytes = Vec::new();
        let read = file.take(LONGEST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(reason(&error)))?;
        Source::of(path, bytes).map(Some)
    }

    /// What the file holds.
    pub(super) fn of(path: &Path, bytes: Vec<u8>) -> Result<Source, ConfigError> {
        let unreadable = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
        if bytes.len() as u64 > LONGEST_BYTES {
            return Err(unreadable("it is longer than 1 MiB".to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            unreadable(format!("line {} is not UTF-8", line_of(valid)))
        })?;
        Ok(Source { path: Arc::new(path.to_owned()), text })
    }

    /// Parses the text; the result borrows from both.
    pub(super) fn parse(&self) -> Result<DeTable<'_>, ConfigError> {
        let error = match DeTable::parse(&self.text) {
            Ok(document) => return Ok(document.into_inner()),
            Err(error) => error,
        };
        let at = error.span().map_or(self.text.len(), |span| span.start);
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Err(ConfigError::Syntax {
            at: self.origin(at),
            column: before[line_start..].chars().count() + 1,
            reason: escaped(error.message()),
        })
    }

    /// Sorts the document into the tables that are known; the first key that is not is an error.
    pub(super) fn tables<'a>(&self, document: &'a DeTable<'a>) -> Result<Tables<'a>, ConfigError> {
        let mut tables = Tables::default();
        for (key, at, value) in in_order(document) {
            let known = Table::ALL.into_iter().find(|table| table.name() == key);
            let table = known.ok_or_else(|| unknown(self.origin(at), None, key))?;
            for (at, body) in self.bodies(table, self.origin(at), value)? {
                let entries = self.entries(table, at, body)?;
                match table {
                    Table::Api => tables.api = Some(entries),
                    Table::Control => tables.control = Some(entries),
                    Table::Log => tables.log = Some(entries),
                    Table::Folder => tables.folders.push(entries),
                }
            }
        }
        Ok(tables)
    }

    /// What stands under the name of a table: one body, for `[[folder]]` any number.
    fn bodies<'a>(
        &self,
        table: Table,
        at: Origin,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Result<Vec<(Origin, &'a DeTable<'a>)>, ConfigError> {
        let wrong = |value: &DeValue<'_>| WrongValue {
            at,
            key: table.name(),
            found: found(value),
            why: None,
            expected: match table {
                Table::Folder => "a table with two brackets around its name",
                Table::Api | Table::Control | Table::Log => "a table",
            },
            example: table.to_string(),
        };
        let elements: Vec<_> = match (table, value.get_ref().as_array()) {
            (Table::Folder, Some(list)) => list.iter().collect(),
            (Table::Folder, None) => return Err(wrong(value.get_ref()).into()),
            (Table::Api | Table::Control | Table::Log, _) => vec![value],
        };
        let mut bodies = Vec::with_capacity(elements.len());
        for element in elements {
            match element.get_ref().as_table() {
                Some(body) => bodies.push((self.origin(element.span().start), body)),
                None => return Err(wrong(element.get_ref()).into()),
            }
        }
        Ok(bodies)
    }

    fn entries<'a>(
        &self,
        table: Table,
        at: Origin,
        values: &'a DeTable<'a>,
    ) -> Result<Entries<'a>, ConfigError> {
        let mut entries = Vec::with_capacity(values.len());
        for (key, at, value) in in_order(values) {
            let line = self.origin(at);
            if !table.keys().iter().any(|known| known.name == key) {
                return Err(unknown_or_token(line, table, key, &self.path));
            }
            entries.push((key, line, value.get_ref()));
        }
        Ok(Entries { table, at, entries })
    }

    fn origin(&self, at: usize) -> Origin {
        let bytes = self.text.as_bytes();
        Origin::File { path: Arc::clone(&self.path), line: line_of(&bytes[..at.min(bytes.len())]) }
    }
}

impl Entries<'_> {
    /// Reads one key into `slot`, which holds its default; `slot` stays if the key is not there.
    pub(super) fn set<T>(
        &self,
        slot: &mut T,
        key: &'static str,
        kind: &Kind<T>,
        base: &Base,
        origins: &mut Origins,
    ) -> Result<(), ConfigError> {
        let Some((_, at, value)) = self.entries.iter().find(|(name, _, _)| *name == key) else {
            return Ok(());
        };
        *slot = read(self.table, key, kind, base, at, value)?;
        origins.set(key, at.clone());
        Ok(())
    }
}

/// Reads one value, whatever it stands in.
pub(super) fn read<T>(
    table: Table,
    key: &'static str,
    kind: &Kind<T>,
    base: &Base,
    at: &Origin,
    value: &DeValue<'_>,
) -> Result<T, ConfigError> {
    (kind.read)(value, base).map_err(|wrong| {
        let known = table.keys().iter().find(|known| known.name == key);
        let example = known.map_or("", |known| known.example);
        let wrong = WrongValue {
            at: at.clone(),
            key,
            found: wrong.found.unwrap_or_else(|| found(value)),
            why: wrong.why,
            expected: kind.expected,
            example: match at {
                Origin::Environment(name) => format!("{name}={}", example.trim_matches('"')),
                _ => format!("{key} = {example}"),
            },
        };
        wrong.into()
    })
}

fn unknown(at: Origin, table: Option<Table>, key: &str) -> ConfigError {
    ConfigError::UnknownKey {
        at,
        hint: keys::hint_for_unknown(table, key),
        key: quoted(key).trim_matches('"').to_owned(),
        table,
    }
}

/// A token in the configuration is a likely slip, and the answer is not a nearby key.
fn unknown_or_token(at: Origin, table: Table, key: &str, file: &Path) -> ConfigError {
    let mut error = unknown(at, Some(table), key);
    if let ConfigError::UnknownKey { hint, .. } = &mut error
        && matches!(key, "token" | "api_token" | "api_key")
    {
        *hint = crate::secret::how_to_write(&file.with_file_name("token"));
    }
    error
}

/// The entries of a table as they follow each other in the file.
fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<(&'a str, usize, &'a Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value))
        .collect();
    entries.sort_by_key(|(_, at, _)| *at);
    entries
}

fn line_of(before: &[u8]) -> usize {
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
