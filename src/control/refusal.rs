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
    /// The request itself makes no sense.
    Senseless,
    /// No such request.
    Nowhere,
    /// A request of another method.
    OtherMethod,
    /// Its body does not come.
    TooSlow,
    /// Its body is too large.
    TooLarge,
    /// There is no room on the disk.
    DiskFull,
    /// The daemon cannot at this moment.
    NotNow,
    /// It is not finished, and may be later.
    Unfinished,
    /// Uploads are stopped by what only a person can mend.
    Stopped,
    /// The daemon cannot.
    Broken,
    /// The ledger does not have it.
    Unknown,
    /// It stands otherwise.
    OtherState,
    /// It wants a yes first.
    Unconfirmed,
    /// It is meant for another host, or comes from a page of another site.
    Foreign,
    /// The control token is missing or wrong.
    Stranger,
}

impl Refusal {
    pub(super) fn new(no: No, error: impl Into<String>, hint: impl Into<String>) -> Refusal {
        let (status, exit) = match no {
            No::Senseless => (400, 2),
            No::Nowhere => (404, 2),
            No::OtherMethod => (405, 2),
            No::TooSlow => (408, 75),
            No::TooLarge => (413, 2),
            No::DiskFull => (507, 75),
            No::NotNow => (503, 75),
            No::Unfinished => (504, 75),
            No::Stopped => (409, 77),
            No::Broken => (500, 74),
            No::Unknown => (404, 1),
            No::OtherState => (409, 1),
            No::Unconfirmed => (428, 2),
            No::Foreign => (403, 2),
            No::Stranger => (401, 2),
        };
        Refusal { schema: 1, error: error.into(), hint: hint.into(), exit, status }
    }

    /// What a command would end with, as an answer.
    pub fn of_exit(exit: u8, error: impl Into<String>, hint: impl Into<String>) -> Refusal {
        let status = match exit {
            78 => 422,
            75 => 503,
            _ => 500,
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

    /// The error, about the file as a person gave it, if it is about that file.
    pub fn about(&self, path: &Path, given: &Path) -> String {
        match self.error.strip_prefix(&shown(path)) {
            Some(words) if words.starts_with(' ') => format!("{}{words}", shown(given)),
            Some(_) | None => self.error.clone(),
        }
    }
}
