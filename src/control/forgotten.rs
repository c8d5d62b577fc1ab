//! What follows from forgetting, as programs read it beside the row of the file.

use std::path::PathBuf;

use serde::Serialize;

use super::why::PathFields;
use crate::ledger::{Ledger, LedgerError};
use crate::planner::Command;
use crate::row::RowFields;

/// What is forgotten, and what is sent again because of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The e-mails of the accounts.
    accounts: Vec<String>,
    /// Files in folders that are sent again.
    files: u64,
    /// One of them.
    first: Option<PathBuf>,
}

impl Forgotten {
    /// What these commands do, before they are granted.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn by(commands: &[Command], ledger: &Ledger) -> Result<Forgotten, LedgerError> {
        let mut forgotten = Forgotten { accounts: Vec::new(), files: 0, first: None };
        let emails = ledger.accounts()?;
        for command in commands {
            let Command::Forget { key } = command else { continue };
            let account = emails.iter().find(|(id, _)| *id == key.account);
            forgotten.accounts.extend(account.and_then(|(_, email)| email.clone()));
            forgotten.files += ledger.holders_of(key)?;
            if forgotten.first.is_none() {
                forgotten.first = ledger.first_holder_of(key)?;
            }
        }
        Ok(forgotten)
    }

    /// One JSON object, with how the file stands now.
    pub fn json(&self, row: RowFields) -> String {
        let first = self.first.as_deref().map(PathFields::of);
        let sent_again = SentAgain { files: self.files, first };
        let fields = ForgottenFields { row, forgotten_on: &self.accounts, sent_again };
        // Strings, numbers and nulls: there is nothing in it that has no JSON.
        serde_json::to_string(&fields).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct ForgottenFields<'a> {
    #[serde(flatten)]
    row: RowFields,
    forgotten_on: &'a [String],
    sent_again: SentAgain,
}

#[derive(Serialize)]
struct SentAgain {
    files: u64,
    first: Option<PathFields>,
}
