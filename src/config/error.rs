//! Why a configuration cannot be used, and what to do about it.
//!
//! Owns: every error is one line that says where, what and what else would do; none repeats a
//! text that may hold a token.

use std::path::PathBuf;

use thiserror::Error;

use super::keys::Table;
use super::origin::Origin;
use crate::text::{escaped, shell_word, shown};

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A path hangs on the home directory, and there is none.
    #[error("there is no home directory, so {what} has no default place")]
    NoHome {
        /// What was to be found there.
        what: &'static str,
        /// The flag that names it instead.
        flag: &'static str,
    },
    /// A relative path of the command line or the environment, in a directory that is gone.
    #[error("{from}: {} is relative to the current directory, which is gone", shown(.path))]
    NoCurrentDirectory {
        /// What named the path.
        from: Origin,
        /// The path as given.
        path: PathBuf,
    },
    /// The file that a flag or variable names is not there.
    #[error("{from}: {} does not exist", shown(.path))]
    Missing {
        /// What named the file.
        from: Origin,
        /// The file.
        path: PathBuf,
    },
    /// The file is there but cannot be read.
    #[error("cannot read {}: {reason}", shown(.path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason, or ours.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{at}: not valid TOML at column {column}: {reason}")]
    Syntax {
        /// File and line.
        at: Origin,
        /// Column in characters, counted from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// A key or table that nobody knows.
    #[error("{at}: unknown key `{key}`{}", .table.map_or(String::new(), |t| format!(" in {t}")))]
    UnknownKey {
        /// File and line.
        at: Origin,
        /// The key as written.
        key: String,
        /// The table it stands in; `None`: outside of all tables.
        table: Option<Table>,
        /// The nearest known key, or where it belongs.
        hint: String,
    },
    /// A value of the wrong type or out of its range.
    #[error("{0}")]
    Value(Box<WrongValue>),
    /// A `[[folder]]` without `path`.
    #[error("{at}: this [[folder]] has no `path`")]
    NoPath {
        /// File and line of the table.
        at: Origin,
    },
    /// Two folders with one root.
    #[error("{at}: {} is named twice, first at {first}", shown(.root))]
    SameFolder {
        /// The second.
        at: Origin,
        /// The first.
        first: Origin,
        /// The directory that both resolve to.
        root: PathBuf,
    },
    /// Files would be moved into a folder, or to where one lies.
    #[error("{at}: files would be moved into {}, which holds the watched folder {}",
            shown(.target), shown(.root))]
    MovesIntoFolder {
        /// File and line.
        at: Origin,
        /// Where they would be moved.
        target: PathBuf,
        /// The folder.
        root: PathBuf,
    },
    /// Files would be moved among what taxiway keeps for itself, and deletes when it is removed.
    #[error("{at}: files would be moved into {}, which is the state directory's", shown(.target))]
    MovesIntoState {
        /// File and line.
        at: Origin,
        /// Where they would be moved.
        target: PathBuf,
    },
}

/// A value of the wrong type or out of its range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: `{key}` is {found}{}; expected {expected}", because(.why.as_deref()))]
pub struct WrongValue {
    /// File and line, variable or flag.
    pub at: Origin,
    /// The key.
    pub key: &'static str,
    /// What stands there.
    pub found: String,
    /// What is wrong with it, where that is not plain.
    pub why: Option<String>,
    /// What would do.
    pub expected: &'static str,
    /// How it is written.
    pub example: String,
}

impl From<WrongValue> for ConfigError {
    fn from(wrong: WrongValue) -> ConfigError {
        ConfigError::Value(Box::new(wrong))
    }
}

impl ConfigError {
    /// What to type or to do next.
    pub fn hint(&self) -> String {
        match self {
            ConfigError::NoHome { flag, .. } => format!("set HOME, or use {flag}"),
            ConfigError::NoCurrentDirectory { .. } => "write the whole path".to_owned(),
            // An empty file is a sound configuration: all is default.
            ConfigError::Missing { path, .. } => format!("touch {}", shell_word(path)),
            ConfigError::Unreadable { path, .. } => format!("ls -ld {}", shell_word(path)),
            ConfigError::Syntax { at, .. } => match at {
                Origin::File { path, line } => {
                    format!("edit line {line} of {}", shown(path))
                }
                _ => "edit it".to_owned(),
            },
            ConfigError::UnknownKey { hint, .. } => hint.clone(),
            ConfigError::Value(wrong) => format!("for example: {}", wrong.example),
            ConfigError::NoPath { .. } => r#"add a line: path = "~/Runway""#.to_owned(),
            ConfigError::SameFolder { at, .. } => match at {
                Origin::File { line, .. } => format!("remove the [[folder]] of line {line}"),
                _ => "name each DIR once".to_owned(),
            },
            ConfigError::MovesIntoFolder { .. } | ConfigError::MovesIntoState { .. } => {
                r#"name a directory beside it: after_upload = "move:~/uploaded""#.to_owned()
            }
        }
    }

    /// The exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        78
    }
}

fn because(why: Option<&str>) -> String {
    why.map_or(String::new(), |why| format!(": {why}"))
}

/// A text from the file as messages repeat it: one line, of bearable length, and never a token.
pub(super) fn quoted(text: &str) -> String {
    const MOST_CHARS: usize = 60;
    if crate::secret::may_hold_token(text) {
        return "(not shown, it may hold a token)".to_owned();
    }
    let mut shown = escaped(&text.chars().take(MOST_CHARS).collect::<String>());
    if text.chars().count() > MOST_CHARS {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
