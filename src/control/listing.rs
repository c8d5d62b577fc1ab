//! The ledger, page by page, as the socket lists it.
//!
//! Owns:
//! - a page is bounded, and the next one begins behind a path that a client names: nothing is kept
//!   between two pages.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::app::unreadable;
use super::refusal::Refusal;
use super::wire::{parameters, senseless};
use crate::config::Email;
use crate::ledger::{Filter, Ledger, LedgerError, State};
use crate::row::RowFields;

/// Rows of a page, unless asked for otherwise.
const ROWS: usize = 100;
/// Rows of a page at most.
const ROWS_MOST: usize = 1_000;

/// Which rows, and how many.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    filter: Filter,
    after: Option<PathBuf>,
    most: usize,
}

impl Question {
    /// Reads `state=&under=&email=&q=&after=&limit=`, each at most once.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(query: &str) -> Result<Question, Refusal> {
        let mut asked = Question { most: ROWS, ..Question::default() };
        asked.filter.with_gone = true;
        for (key, value) in parameters(query, &["state", "under", "email", "q", "after", "limit"])?
        {
            let text = || String::from_utf8_lossy(&value).into_owned();
            match key {
                "state" => {
                    let known = State::ALL.into_iter().find(|state| state.as_str() == text());
                    let known = known.ok_or_else(|| senseless("state: there is no such state"))?;
                    asked.filter.state = Some(known);
                }
                "email" => {
                    let email: Result<Email, _> = text().parse();
                    let email = email.map_err(|why| senseless(&format!("email: {why}")))?;
                    asked.filter.email = Some(email.as_str().to_owned());
                }
                "under" => asked.filter.under = Some(directory(value)?),
                "after" => asked.after = Some(path(value)),
                "q" => asked.filter.text = Some(text().to_lowercase()),
                _ => {
                    let most = text().parse().ok().filter(|most| (1..=ROWS_MOST).contains(most));
                    let words = format!("limit: a number from 1 to {ROWS_MOST}");
                    asked.most = most.ok_or_else(|| senseless(&words))?;
                }
            }
        }
        Ok(asked)
    }

    /// The rows, a line of JSON each.
    ///
    /// # Errors
    /// If the ledger cannot be read, or has never seen the path behind which the page begins: the
    /// first page again would have a client go round for ever.
    pub(super) fn answer(&self, ledger: &Ledger) -> Result<String, Refusal> {
        if let Some(path) = &self.after
            && ledger.row_even_gone(path, true).map_err(unreadable)?.is_none()
        {
            return Err(senseless("after: that path is not in the ledger"));
        }
        self.lines(ledger).map_err(unreadable)
    }

    fn lines(&self, ledger: &Ledger) -> Result<String, LedgerError> {
        let mut lines = String::new();
        let mut rows = 0;
        ledger.each_row_after(&self.filter, true, self.after.as_deref(), |row| {
            lines += &RowFields::of(&row).json();
            lines.push('\n');
            rows += 1;
            if rows < self.most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(lines)
    }
}

/// As it is in the ledger: with all links resolved.
pub(super) fn directory(bytes: Vec<u8>) -> Result<PathBuf, Refusal> {
    let directory = path(bytes);
    if directory.is_absolute() {
        return Ok(crate::config::resolve(&directory));
    }
    let shown = directory.to_string_lossy();
    Err(senseless(&format!("{shown:?} is not an absolute path")))
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}
