//! What must hold at every moment, and what must hold when trouble is over.

use std::path::Path;

use super::disk::Text;
use super::{ListFault, REFUSALS_MOST, World};
use crate::ledger::{Ledger, Row, State};
use crate::planner::{AccountId, Cause, Notice, UploadKey, UploadState};

impl World {
    pub(super) fn count_notice(&mut self, notice: &Notice) {
        let word = match notice {
            Notice::Uploaded { found: true, .. } => "found in a list",
            Notice::Uploaded { found: false, .. } => "answered with an assetId",
            Notice::Deduplicated { .. } => "deduplicated",
            Notice::Held { reason, .. } if reason.contains("times") => "held after three doubts",
            Notice::Held { .. } => "held",
            Notice::Failed { reason, .. } if reason.contains("times,") => "failed eight times",
            Notice::Failed { .. } => "failed",
            Notice::Unknown { .. } => "in doubt",
            Notice::FolderAway { .. } => "folder away",
            Notice::AccountStopped { cause, .. } => match cause {
                Cause::Token => "stopped by the token",
                Cause::NoToken => "stopped without a token",
                Cause::Subscription => "stopped by the subscription",
                Cause::Account => "stopped by a broken account",
                Cause::Rate => "stopped by a rate limit",
                Cause::Refused => "stopped by the same refusal",
                Cause::Server => "stopped by server errors",
                Cause::Offline => "stopped offline",
            },
            _ => return,
        };
        self.count(word);
    }

    /// What must hold at every moment.
    pub(super) fn check_now(&self) -> Result<(), String> {
        for ((email, text), copies) in self.server.copies() {
            let forgotten = self.forgotten.get(&(email.to_owned(), text)).copied().unwrap_or(0);
            if copies > 1 + forgotten {
                return Err(format!("twice on {email}: {text:?}"));
            }
            if self.disk.half.contains(&text.hash()) {
                return Err(format!("half a file was sent: {text:?}"));
            }
        }
        if self.server.token_refusals > REFUSALS_MOST * self.token_reads {
            return Err("a refused token was tried again and again".into());
        }
        Ok(())
    }

    /// What must hold once trouble is over.
    pub(super) fn check_end(&self) -> Result<(), String> {
        let Some(engine) = self.engine.as_ref() else {
            return Err("not running at the end".into());
        };
        let ledger = engine.ledger();
        let faults = ledger.verify().map_err(|error| error.to_string())?;
        if !faults.is_empty() {
            return Err(format!("the ledger is not sound: {faults:?}"));
        }
        for (path, file) in &self.disk.files {
            if let Some(folder) = self.folder_of(path).map(|folder| folder.id) {
                let email = self.email_of_folder(folder);
                self.check_file(ledger, path, file.text, email)?;
            }
        }
        for (path, account) in &self.pushed {
            self.check_push(ledger, path, *account)?;
        }
        for row in self.rows() {
            self.check_row(&row)?;
            self.check_errands(&row)?;
        }
        let rest = engine.rest(self.now, super::PATIENCE_MS);
        rest.done.then_some(()).ok_or(format!("it never rests: {rest:?}"))
    }

    fn check_row(&self, row: &Row) -> Result<(), String> {
        let Some(asset_id) = &row.asset_id else { return Ok(()) };
        if self.former.contains(asset_id) {
            return Err(format!("a forgotten asset is back: {row:?}"));
        }
        let stored = self.server.assets.iter().find(|stored| stored.asset_id == *asset_id);
        let agrees = stored.is_some_and(|stored| {
            let email = row.account.as_ref().unwrap_or(&self.server.default_email);
            Some(stored.text.hash()) == row.hash && stored.email == *email
        });
        agrees
            .then_some(())
            .ok_or_else(|| format!("the ledger and the server disagree: {row:?} {stored:?}"))
    }

    fn check_file(
        &self,
        ledger: &Ledger,
        path: &Path,
        text: Text,
        email: Option<&str>,
    ) -> Result<(), String> {
        let row = ledger.row_of(path, true).map_err(|error| error.to_string())?;
        let Some(row) = row else { return Err(format!("{path:?} was never seen")) };
        if row.gone_at.is_some() {
            return Err(format!("{path:?} is there and called gone"));
        }
        let unsupported = path.extension().is_some_and(|extension| extension == "txt");
        let temporary = path.extension().is_some_and(|extension| extension == "part");
        if unsupported || temporary {
            let ignored = row.state == State::Ignored;
            return ignored.then_some(()).ok_or(format!("{path:?} should be ignored: {row:?}"));
        }
        if row.hash != Some(text.hash()) && self.looks_as_before(ledger, path) {
            return Ok(());
        }
        if row.hash != Some(text.hash()) {
            return Err(format!("{path:?} holds {text:?}, the ledger says {row:?}"));
        }
        let email = email.unwrap_or(&self.server.default_email);
        // An account whose name nobody but a person has told is nameless still.
        let other = row.account.as_deref().is_some_and(|account| account != email);
        if row.state == State::Uploaded && other {
            return Err(format!("{path:?} is for {email}, the ledger says {row:?}"));
        }
        let reason = row.reason.as_deref().unwrap_or_default();
        self.is_delivered(text, row.state, reason, self.person)
            .then_some(())
            .ok_or_else(|| format!("{path:?} was not delivered: {row:?}"))
    }

    /// Overwritten by as many bytes at the very time that its look names, which a clock that went
    /// back came to again: nothing that the disk shows tells the two apart.
    fn looks_as_before(&self, ledger: &Ledger, path: &Path) -> bool {
        let row = ledger.path_row(path).ok().flatten();
        let stat = self.disk.stat(path);
        self.jumped && row.map(|row| row.fingerprint) == stat.map(|stat| stat.fingerprint)
    }

    fn check_push(&self, ledger: &Ledger, path: &Path, account: AccountId) -> Result<(), String> {
        let Some(text) = self.disk.files.get(path).map(|file| file.text) else { return Ok(()) };
        let accounts = ledger.accounts().map_err(|error| error.to_string())?;
        let there = accounts.iter().find(|(id, _)| *id == account);
        // A nameless account that turned out to be another is no more.
        let email = there.and_then(|(_, email)| email.as_deref());
        let email = email.unwrap_or(&self.server.default_email);
        if self.forgotten.contains_key(&(email.to_owned(), text)) {
            return Ok(());
        }
        let named = accounts.iter().find(|(_, other)| other.as_deref() == Some(email));
        let account = there.or(named).map_or(account, |(id, _)| *id);
        let key = UploadKey { hash: text.hash(), account };
        let state = ledger.upload_state(&key).map_err(|error| error.to_string())?;
        let (state, reason) = match state {
            UploadState::Uploaded { .. } => (State::Uploaded, String::new()),
            UploadState::Failed { reason } => (State::Failed, reason),
            UploadState::Held { reason } => (State::Held, reason),
            UploadState::Absent | UploadState::Wanted => (State::Queued, String::new()),
        };
        // What was pushed to a second account since is shown as that one's: nobody sees the first.
        let shown = self.rows().iter().any(|row| {
            // A nameless account's is not the one of an account that turns out to be the same.
            let of = match there {
                Some((_, None)) => row.account.is_none(),
                Some((_, Some(_))) | None => row.account.as_deref().is_none_or(|of| of == email),
            };
            row.hash == Some(text.hash()) && of
        });
        self.is_delivered(text, state, &reason, self.person && shown)
            .then_some(())
            .ok_or_else(|| format!("the push of {path:?} to {email} ended as {state:?}: {reason}"))
    }

    /// Uploaded, or left to a person for a reason that holds. Where a person came by, only what
    /// the server never takes is left.
    fn is_delivered(&self, text: Text, state: State, reason: &str, person: bool) -> bool {
        let lists_badly = match self.server.list_fault {
            ListFault::Blind | ListFault::NoSizes | ListFault::Renamed | ListFault::Short(_) => {
                true
            }
            ListFault::None | ListFault::Lag(_) | ListFault::Reordered => false,
        };
        let often = reason.contains("times");
        match state {
            State::Uploaded => true,
            State::Failed if person => self.server.impossible.contains(&text.hash()),
            State::Failed => often || self.server.refused.contains(&text.hash()),
            State::Held if person => false,
            // A list that lacks what a person deleted looks blind; so does one that lags, to a
            // clock that jumped ahead.
            State::Held if reason.ends_with("it must show") => {
                let lags = matches!(self.server.list_fault, ListFault::Lag(_));
                let deleted = self.server.assets.iter().any(|stored| stored.deleted);
                lists_badly || deleted || (lags && self.jumped)
            }
            State::Held => lists_badly || often || reason.ends_with("is held"),
            _ => false,
        }
    }
}
