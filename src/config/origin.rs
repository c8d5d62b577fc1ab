//! Where an effective value comes from.
//!
//! Owns: every value has exactly one origin, the last of defaults < file < environment < flags
//! that names it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::text::shown;

/// What gave a value; `Display` stands before a message (`/x/config.toml:3`) or after a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A line of the configuration file.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(&'static str),
    /// A flag of the command line, with its dashes.
    Flag(&'static str),
    /// A `DIR` of the command line.
    Argument,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", shown(path)),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
            Origin::Argument => f.write_str("argument DIR"),
        }
    }
}

/// The origins of the values of one table, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<&'static str, Origin>);

impl Origins {
    /// The origin of a key's value; what nobody named is a default.
    pub fn of(&self, key: &str) -> Origin {
        self.0.get(key).cloned().unwrap_or(Origin::Default)
    }

    pub(super) fn set(&mut self, key: &'static str, origin: Origin) {
        self.0.insert(key, origin);
    }
}
