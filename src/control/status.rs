//! How things stand, in one object for programs and one line for people.
//!
//! Owns:
//! - the first line is the truth: whether all is done, and if not, what is waited for and until
//!   when, or what a person must do;
//! - "done" is said only when nothing settles, waits, goes out or is in doubt, no scan is owed and
//!   no root is away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::standing::Figures;
use crate::daemon::View;
use crate::ledger::State;
use crate::planner::{AccountId, Cause, Paused};
use crate::row::{self, time, time_of_day, when_and_how_far};
use crate::secret::keyring::Keyring;
use crate::text::{about, count_of_bytes, escaped};

/// How a reason begins that says until when is waited.
const NEXT_TRY: &str = "next try ";
/// How a folder's reason begins whose last scan could not see everything: there may be files.
const UNSEEN: &str = "not all could be seen: ";

/// The answer of `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    schema: u8,
    /// The daemon's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it began.
    pub started_at: String,
    /// `idle`, `busy`, `paused`, `offline` or `attention`.
    pub state: String,
    /// Whether all is done.
    pub done: bool,
    /// Why not, in words.
    pub reason: Option<String>,
    /// Files of the folders by state.
    pub counts: Counts,
    /// Bytes of what is queued, going out, or in doubt.
    pub bytes_left: u64,
    /// How fast all uploads together went over the last seconds.
    pub bytes_per_second: u64,
    /// The folders.
    pub folders: Vec<FolderStatus>,
    /// The accounts.
    pub accounts: Vec<AccountStatus>,
    /// What is going out.
    pub uploading: Vec<UploadStatus>,
    /// What is to be done for files that are uploaded, or have failed, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errands: Option<ErrandStatus>,
}

/// How many files are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Counts {
    pub settling: u64,
    pub queued: u64,
    pub uploading: u64,
    pub unknown: u64,
    pub uploaded: u64,
    pub failed: u64,
    pub held: u64,
    pub ignored: u64,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderStatus {
    /// Its root.
    pub path: String,
    /// The account it goes to.
    pub account: Option<String>,
    /// `events`, `poll` or `away`.
    pub mode: String,
    /// When a scan of it last saw everything.
    pub last_scan_at: Option<String>,
    /// Files in this run of which events should have told, and only scans did.
    pub missed_by_events: u64,
    /// Why it is polled or away, in words.
    pub reason: Option<String>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Its e-mail; null until it is learnt.
    pub email: Option<String>,
    /// `ok`, `auth`, `subscription`, `broken`, `rate`, `refused` or `server`.
    pub state: String,
    /// When it is tried again.
    pub until: Option<String>,
    /// What it answered.
    pub reason: Option<String>,
}

/// What is done for files after their upload, or their failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrandStatus {
    /// Still to be done.
    pub waiting: u64,
    /// Tried often enough.
    pub given_up: u64,
    /// Which, and what went wrong.
    pub reason: Option<String>,
}

/// A file that is going out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadStatus {
    /// The file.
    pub path: String,
    /// Bytes that the connection took.
    pub sent: u64,
    /// Bytes in all.
    pub size: u64,
}

/// What a daemon is asked from.
#[derive(Debug, Clone)]
pub(super) struct Daemon {
    pub version: &'static str,
    pub pid: u32,
    pub started_at: crate::planner::Wall,
}

impl Counts {
    pub(super) fn of(counts: [u64; 8]) -> Counts {
        let of = |state: State| counts[state as usize];
        Counts {
            settling: of(State::Settling),
            queued: of(State::Queued),
            uploading: of(State::Uploading),
            unknown: of(State::Unknown),
            uploaded: of(State::Uploaded),
            failed: of(State::Failed),
            held: of(State::Held),
            ignored: of(State::Ignored),
        }
    }

    /// What was opened ahead and has not begun is queued, as everybody sees it.
    fn with_ahead(self, opened: u64) -> Counts {
        let opened = opened.min(self.uploading);
        Counts { uploading: self.uploading - opened, queued: self.queued + opened, ..self }
    }

    /// Each state and its number, in the order of `status`.
    pub(super) fn by_state(&self) -> [(&'static str, u64); 8] {
        let Counts { settling, queued, uploading, unknown, uploaded, failed, held, ignored } =
            *self;
        let counts = [settling, queued, uploading, unknown, uploaded, failed, held, ignored];
        std::array::from_fn(|at| (State::ALL[at].as_str(), counts[at]))
    }

    /// Files that are not done and need no person.
    fn open(&self) -> u64 {
        self.settling + self.queued + self.uploading + self.unknown
    }
}

impl Status {
    /// Puts together what the loop and the ledger say.
    pub(super) fn put_together(view: &View, figures: &Figures, daemon: &Daemon) -> Status {
        let Figures { amounts, emails, roots, errands, .. } = figures;
        let counts = amounts.map(|amount| amount.files);
        let counts = Counts::of(counts).with_ahead(view.opened_ahead);
        let left = [State::Queued, State::Uploading, State::Unknown];
        let email = |id: AccountId| emails.get(&id).cloned().flatten();
        let folders = view.folders.iter().map(|folder| FolderStatus {
            path: roots.get(&folder.id).cloned().unwrap_or_default(),
            account: email(folder.account),
            mode: folder.mode.to_owned(),
            last_scan_at: folder.last_scan_at.map(time),
            missed_by_events: folder.missed_by_events,
            reason: folder.reason.clone().or_else(|| folder.unseen.as_deref().map(unseen)),
        });
        let mut status = Status {
            schema: 1,
            version: daemon.version.into(),
            pid: daemon.pid,
            started_at: time(daemon.started_at),
            state: String::new(),
            done: view.done && counts.open() == 0,
            reason: None,
            counts,
            bytes_left: left.into_iter().map(|state| amounts[state as usize].bytes).sum(),
            bytes_per_second: view.bytes_per_second,
            folders: folders.collect(),
            accounts: accounts(view, emails),
            uploading: view
                .uploading
                .iter()
                .map(|upload| UploadStatus {
                    path: upload.path.to_string_lossy().into_owned(),
                    sent: upload.sent,
                    size: upload.size,
                })
                .collect(),
            errands: (errands.waiting + errands.given_up > 0).then(|| errands.clone()),
        };
        status.judge(view);
        status
    }

    /// Whether anything needs a person, whatever else is the matter: a file, what follows an upload,
    /// what stops uploads, or a folder that cannot be seen whole.
    pub(super) fn needs_person(&self, view: &View) -> bool {
        let given_up = self.errands.as_ref().map_or(0, |errands| errands.given_up);
        self.counts.failed + self.counts.held + given_up > 0
            || view.stops.iter().any(|stop| stop.cause.needs_person())
            || view.folders.iter().any(|folder| folder.unseen.is_some())
    }

    /// The state, and the reason for not being done.
    fn judge(&mut self, view: &View) {
        let stop = view.stops.iter().find(|stop| stop.account.is_none());
        let offline = stop.filter(|stop| stop.cause == Cause::Offline);
        let person = view.stops.iter().find(|stop| stop.cause.needs_person());
        let attention = self.needs_person(view);
        // What only a person ends is said before what ends by itself.
        let by_itself = |paused: &Paused| matches!(paused, Paused::While(_));
        let paused = view.paused.filter(|paused| person.is_none() || !by_itself(paused));
        self.state = match () {
            () if paused.is_some() => "paused",
            () if person.is_some() => "attention",
            () if offline.is_some() && self.counts.open() > 0 => "offline",
            () if !self.done => "busy",
            () if attention => "attention",
            () => "idle",
        }
        .to_owned();
        let away = self.folders.iter().find(|folder| folder.mode == "away");
        self.reason = match (paused, person.or(stop).or(view.stops.first()), away) {
            (Some(paused), _, _) => Some(format!("paused {}", row::paused(paused))),
            (None, Some(stop), _) if self.counts.open() > 0 || stop.cause.needs_person() => {
                let words = format!("{}: {}", stop.cause.words(), escaped(&stop.reason));
                Some(match stop.cause {
                    Cause::NoToken => format!("{words}; to open it: {}", how_to_open()),
                    _ => words,
                })
            }
            (None, _, Some(away)) => {
                // The reason names it.
                Some(match &away.reason {
                    Some(why) => format!("a folder is away: {}", escaped(why)),
                    None => format!("a folder is away: {} is not there", escaped(&away.path)),
                })
            }
            (None, _, None) => None,
        };
        let waits = self.counts.uploading == 0 && self.counts.queued + self.counts.unknown > 0;
        if let Some(at) = view.next_try_at
            && waits
            && paused.is_none()
            && person.is_none()
        {
            let why = self.reason.take().map(|why| format!(": {why}")).unwrap_or_default();
            self.reason = Some(format!("{NEXT_TRY}{}{why}", when_and_how_far(at)));
        }
        self.done &= self.reason.is_none() || self.counts.open() == 0 && away.is_none();
    }

    /// What a person may type, where one is needed: commands without the name of the program.
    pub fn next(&self) -> Vec<&'static str> {
        let counts = &self.counts;
        let given_up = self.errands.as_ref().is_some_and(|errands| errands.given_up > 0);
        let stopped = ["auth", "subscription", "broken", "refused"];
        let stopped = self.accounts.iter().any(|account| stopped.contains(&account.state.as_str()));
        let wanted = [
            (self.state == "paused" && !self.goes_on_by_itself(), "resume"),
            (stopped, "doctor"),
            (counts.failed > 0, "ls --state failed"),
            (counts.failed > 0 || given_up, "retry --all"),
            (counts.held > 0, "ls --state held"),
        ];
        wanted.into_iter().filter(|(is, _)| *is).map(|(_, command)| command).collect()
    }

    /// Whether it is paused only while something holds: no person is needed.
    fn goes_on_by_itself(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| reason.starts_with(row::PAUSED_WHILE))
    }

    /// The first line for a person. `at`: when this was asked.
    pub fn line(&self, at: crate::planner::Wall) -> String {
        let counts = &self.counts;
        let waiting = counts.queued + counts.unknown;
        let person = match (counts.failed, counts.held) {
            (0, 0) => String::new(),
            (failed, 0) => format!("; {} failed", files(failed)),
            (0, held) => format!("; {} held", files(held)),
            (failed, held) => format!("; {} failed, {} held", files(failed), held),
        };
        let open = match (counts.uploading, waiting, counts.settling) {
            (0, 0, 0) => None,
            (0, 0, settling) => Some(format!("{} settling", files(settling))),
            (0, waiting, _) => Some(format!("{} waiting", files(waiting))),
            (uploading, waiting, settling) => {
                Some(self.going(uploading, uploading + waiting + settling))
            }
        };
        let reason = self.reason.as_deref();
        let said = match (self.state.as_str(), open, reason) {
            ("paused", open, Some(reason)) => match open {
                Some(open) => format!("{reason}; {open}"),
                None => reason.to_owned(),
            },
            ("attention", Some(open), Some(reason)) => format!("{reason}; {open}"),
            ("attention", None, Some(reason)) => reason.to_owned(),
            (_, Some(open), Some(next)) if next.starts_with(NEXT_TRY) => format!("{open}, {next}"),
            (_, Some(open), Some(reason)) => format!("{open}: {reason}"),
            (_, Some(open), None) => open,
            (_, None, Some(reason)) => reason.to_owned(),
            (_, None, None) if self.done => format!("all done as of {}", time_of_day(at)),
            (_, None, None) => "looking for new files".to_owned(),
        };
        let errands = match &self.errands {
            Some(errands) if errands.given_up > 0 => {
                format!("; {} given up of what follows uploads", errands.given_up)
            }
            Some(errands) => format!("; {} still to be done after uploads", errands.waiting),
            None => String::new(),
        };
        let reasons = self.folders.iter().filter_map(|folder| folder.reason.as_deref());
        let unseen = reasons.into_iter().find(|reason| reason.starts_with(UNSEEN));
        let unseen = unseen.map(|unseen| format!("; {}", escaped(unseen)));
        format!("{said}{person}{errands}{}", unseen.unwrap_or_default())
    }

    /// "uploading 2 of 14 files, 120 MB left, 4.2 MB/s, about 30 s".
    fn going(&self, uploading: u64, all: u64) -> String {
        let sent: u64 = self.uploading.iter().map(|upload| upload.sent.min(upload.size)).sum();
        let left = self.bytes_left.saturating_sub(sent);
        let mut line =
            format!("uploading {uploading} of {}, {} left", files(all), count_of_bytes(left));
        if let Some(seconds) = left.checked_div(self.bytes_per_second) {
            line +=
                &format!(", {}/s, about {}", count_of_bytes(self.bytes_per_second), about(seconds));
        }
        line
    }
}

fn accounts(view: &View, emails: &BTreeMap<AccountId, Option<String>>) -> Vec<AccountStatus> {
    let of_all = view.stops.iter().find(|stop| stop.account.is_none());
    let used = |id: &AccountId| view.folders.iter().any(|folder| folder.account == *id);
    let stopped = |id: &AccountId| view.stops.iter().any(|stop| stop.account == Some(*id));
    let shown = emails.iter().filter(|(id, _)| used(id) || stopped(id));
    let account = |(id, email): (&AccountId, &Option<String>)| {
        let own = view.stops.iter().find(|stop| stop.account == Some(*id));
        let stop = of_all.filter(|stop| stop.cause != Cause::Offline).or(own);
        AccountStatus {
            email: email.clone(),
            state: stop.map_or("ok", |stop| stop.cause.as_str()).to_owned(),
            until: stop.and_then(|stop| stop.until).map(time),
            reason: stop.map(|stop| stop.reason.clone()),
        }
    };
    shown.map(account).collect()
}

fn how_to_open() -> String {
    Keyring::of_this_system().how_to_open()
}

fn unseen(reason: &str) -> String {
    format!("{UNSEEN}{reason}")
}

fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

#[cfg(test)]
mod tests;
