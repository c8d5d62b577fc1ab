//! Why something that was asked for is not done.
//!
//! Owns:
//! - each reason has its words, its hint, its exit code, and its HTTP status.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::text::{shell_word, shown};

/// The error object: why something that was asked for is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    schema: u8,
    /// One line. About a file, it begins with its path.
    pub error: String,
    /// What to type next.
    pub hint: String,
    /// The exit code of a command that ends with it.
    pub exit: u8,
    /// The HTTP status that it is answered with.
    #[serde(skip)]
    pub status: u16,
}

/// What kind of no it is: HTTP status and exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    /// The ledger does not have it.
    Unknown,
    /// It stands otherwise.
    OtherState,
    /// It wants a yes first.
    Unconfirmed,
}

impl Refusal {
    pub(super) fn new(no: No, error: impl Into<String>, hint: impl Into<String>) -> Refusal {
        let (status, exit) = match no {
            No::Unknown => (404, 1),
            No::OtherState => (409, 1),
            No::Unconfirmed => (428, 2),
        };
        Refusal { schema: 1, error: error.into(), hint: hint.into(), exit, status }
    }

    /// About one file: its path, then the words.
    pub(super) fn of_file(no: No, path: &Path, words: &str, hint: impl Into<String>) -> Refusal {
        Refusal::new(no, format!("{} {words}", shown(path)), hint)
    }

    /// The ledger has never seen the file, nor what it holds.
    pub(super) fn not_in_ledger(path: &Path) -> Refusal {
        let hint = format!("taxiway why {}", shell_word(path));
        Refusal::of_file(No::Unknown, path, "is not in the ledger", hint)
    }

    /// Whether it is only that nobody has said yes yet.
    pub fn wants_a_yes(&self) -> bool {
        self.status == 428
    }

    /// The words after the path that they begin with; all of them if they do not.
    pub fn words_of(&self, path: &Path) -> &str {
        let words = self.error.strip_prefix(&shown(path)).and_then(|rest| rest.strip_prefix(' '));
        words.unwrap_or(&self.error)
    }
}
