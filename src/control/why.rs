//! The whole history of one path, as programs read it, and what comes next.
//!
//! Owns:
//! - a file that the ledger has never seen is answered with the rule that leaves it out, if one
//!   does.

use std::path::Path;

use serde::Serialize;

use super::refusal::{No, Refusal};
use crate::config::{Config, Incomplete, duration_text};
use crate::ledger::{Attempt, FormerAsset, History, OwedRow, Row, State};
use crate::planner::EMPTY;
use crate::planner::filter::Verdict;
use crate::row::{RowFields, path_hex, time};
use crate::rules::{EntryKind, IgnoreFile, Rules};
use crate::text::{shell_word, shown};

/// What happens to a file next, if nobody does anything, and what a person may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// In words.
    pub words: String,
    /// What to type, if a person wants something else.
    pub commands: Vec<String>,
}

/// What happens next to a file with this history. `running`: a daemon has the ledger.
pub fn next(history: &History, config: &Config, running: bool) -> Next {
    let row = &history.now;
    let word = shell_word(&row.path);
    let told = |words: &str, commands| Next { words: words.to_owned(), commands };
    let plain = |words| told(words, Vec::new());
    let run = || if running { Vec::new() } else { vec!["taxiway run".to_owned()] };
    match (row.gone_at, row.state) {
        (Some(_), State::Uploaded) => {
            plain("nothing: it is not there; back again with this content, it is not sent again")
        }
        (Some(_), _) => plain("nothing: it is not there"),
        (None, State::Settling) => match its_end(row, config) {
            Some((words, forced)) => {
                let force = forced.then(|| format!("taxiway push --force {word}"));
                Next { words, commands: run().into_iter().chain(force).collect() }
            }
            None => told("it is looked at again, until it is at rest and its end is there", run()),
        },
        // What stops all of them is not in its history.
        (None, State::Queued) if running => told(
            "it is sent when its turn and its time come; what all of them wait for, if anything:",
            vec!["taxiway status".to_owned()],
        ),
        (None, State::Queued) => told("it is sent when its turn and its time come", run()),
        (None, State::Uploading) => plain("the server's answer is waited for"),
        (None, State::Unknown) => told(
            "it is looked for in the account's list, and sent again only if it is not there",
            run(),
        ),
        (None, State::Uploaded) if history.owed.iter().any(|owed| owed.outcome.is_none()) => {
            let kinds = history.owed.iter().filter(|owed| owed.outcome.is_none());
            let kinds: Vec<&str> = kinds.map(|owed| owed.kind.as_str()).collect();
            told(&format!("it is uploaded; still to be done: {}", kinds.join(", ")), run())
        }
        (None, State::Uploaded) if history.gave_up() => told(
            "it is uploaded; what was to be done then was given up",
            vec![format!("taxiway retry {word}")],
        ),
        (None, State::Uploaded) => {
            plain("nothing: it is uploaded; other content under this name is another asset")
        }
        (None, State::Failed) if history.failed_itself => {
            told("it is looked at again when it changes", vec![format!("taxiway retry {word}")])
        }
        (None, State::Failed) => told(
            "nothing, until its content changes or somebody says to try again",
            vec![format!("taxiway retry {word}")],
        ),
        (None, State::Held) => {
            let stop = if running { " (stop the daemon first)" } else { "" };
            let words = format!(
                "nothing, until somebody looks whether it is among the assets on Runway: the \
                 first of these compares its bytes with what is on the account{stop}; the others \
                 say that it is there, or that it is not"
            );
            let commands = vec![
                "taxiway ledger adopt --dry-run".to_owned(),
                format!("taxiway resolve {word} --uploaded ASSETID"),
                format!("taxiway resolve {word} --retry"),
            ];
            Next { words, commands }
        }
        (None, State::Ignored) => plain("nothing, until the rule or the file changes"),
    }
}

/// Of a file at rest whose end is missing: how long it may stay so, and whether a push may send it
/// as it is.
fn its_end(row: &Row, config: &Config) -> Option<(String, bool)> {
    let reason = row.reason.as_deref()?;
    let empty = reason == EMPTY;
    if !empty && !reason.starts_with("incomplete: ") {
        return None;
    }
    let folder = config.folder_of(&row.path).map(|folder| folder.incomplete);
    let (after, becomes) = match folder {
        Some(Incomplete::SendAfter(after)) if !empty => (after, "sent as it is"),
        Some(Incomplete::FailAfter(after) | Incomplete::SendAfter(after)) => {
            (after, "called failed")
        }
        None => (Incomplete::DEFAULT_AFTER, "called failed"),
    };
    let after = duration_text(after);
    let words = format!(
        "its end is waited for; if nothing comes, it is {becomes} {after} after its last change"
    );
    Some((words, !empty))
}

/// A history as one JSON object.
pub fn history_json(history: &History, config: &Config, running: bool) -> String {
    let Next { words, commands } = next(history, config, running);
    let fields = HistoryFields {
        row: RowFields::of(&history.now),
        folder: history.folder.as_deref().map(lossy),
        gone_at: history.now.gone_at.map(time),
        decided_by: decided_by(history).map(PathFields::of),
        decisions: history.decisions.iter().map(DecisionFields::of).collect(),
        tries: history.attempts.iter().map(TryFields::of).collect(),
        copies: history.copies.iter().map(CopyFields::of).collect(),
        forgotten: history.former.iter().map(FormerFields::of).collect(),
        errands: history.owed.iter().map(OwedFields::of).collect(),
        next: words,
        commands,
    };
    // Strings, numbers and nulls: there is nothing in it that has no JSON.
    serde_json::to_string(&fields).unwrap_or_default()
}

/// The other path whose upload decided that this one was not sent: it held the same content.
pub fn decided_by(history: &History) -> Option<&Path> {
    let path = &history.stored_by()?.path;
    (*path != history.now.path).then_some(path)
}

/// Why the ledger has never seen a file.
pub fn absence(config: &Config, path: &Path) -> Refusal {
    let word = shell_word(path);
    let of_file = |words: &str, hint: String| Refusal::of_file(No::Unknown, path, words, hint);
    if std::fs::symlink_metadata(path).is_err() {
        return of_file("is not in the ledger, and not there", "taxiway ls".into());
    }
    let Some(folder) = config.folder_of(path) else {
        if path.is_dir() {
            let hint = format!("taxiway ls --under {word}");
            return of_file("is a directory, and only files have a history", hint);
        }
        let words = "is not in the ledger, and in no configured folder";
        return of_file(words, format!("taxiway push {word}"));
    };
    let kind = match std::fs::symlink_metadata(path) {
        Err(_) => return of_file("is not in the ledger, and not there", "taxiway ls".into()),
        Ok(found) if found.is_dir() => EntryKind::Directory,
        Ok(found) if found.is_symlink() && !folder.follow_symlinks => EntryKind::Symlink,
        Ok(_) => EntryKind::File,
    };
    let rules = Rules::new(&folder.include, &folder.exclude, folder.hidden, folder.recursive);
    let relative = path.strip_prefix(&folder.root).unwrap_or(path);
    let ignore_file = |directory: &Path| IgnoreFile::read(&folder.root.join(directory));
    let judged = rules.map(|rules| rules.path(relative, kind, ignore_file));
    match judged {
        Ok(judged) => match judged.verdict {
            Verdict::Leave(rule) if judged.at == relative => {
                of_file(&format!("is ignored: {rule}"), format!("taxiway push {word}"))
            }
            Verdict::Leave(rule) => {
                let directory = shown(&folder.root.join(&judged.at));
                let words = format!("is ignored: {directory} is left out: {rule}");
                of_file(&words, format!("taxiway push {word}"))
            }
            Verdict::Take if kind == EntryKind::Directory => {
                let hint = format!("taxiway ls --under {word}");
                of_file("is a directory, and only files have a history", hint)
            }
            Verdict::Take => {
                let words = "is not in the ledger yet: its folder was not scanned since it came";
                of_file(words, "taxiway run --once".into())
            }
        },
        Err(_) => of_file("is not in the ledger", "taxiway config check".into()),
    }
}

fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[derive(Serialize)]
struct HistoryFields<'a> {
    #[serde(flatten)]
    row: RowFields,
    folder: Option<String>,
    gone_at: Option<String>,
    decided_by: Option<PathFields>,
    decisions: Vec<DecisionFields<'a>>,
    tries: Vec<TryFields<'a>>,
    copies: Vec<CopyFields>,
    forgotten: Vec<FormerFields<'a>>,
    errands: Vec<OwedFields<'a>>,
    next: String,
    commands: Vec<String>,
}

/// A path as programs read it.
#[derive(Serialize)]
pub struct PathFields {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
}

impl PathFields {
    /// Its fields.
    pub fn of(path: &Path) -> PathFields {
        PathFields { path: lossy(path), path_hex: path_hex(path) }
    }
}

#[derive(Serialize)]
struct DecisionFields<'a> {
    at: String,
    decision: &'a str,
    detail: &'a str,
}

impl<'a> DecisionFields<'a> {
    fn of(decision: &'a crate::ledger::Decision) -> DecisionFields<'a> {
        let (kind, detail) = (&decision.kind, &decision.detail);
        DecisionFields { at: time(decision.at), decision: kind, detail }
    }
}

#[derive(Serialize)]
struct TryFields<'a> {
    began_at: String,
    #[serde(flatten)]
    path: PathFields,
    of_content_now: bool,
    account: Option<&'a str>,
    name: &'a str,
    sent_at: Option<String>,
    looks: u32,
    status: Option<u16>,
    outcome: Option<&'a str>,
    detail: Option<&'a str>,
    ended_at: Option<String>,
}

impl<'a> TryFields<'a> {
    fn of(attempt: &'a Attempt) -> TryFields<'a> {
        TryFields {
            began_at: time(attempt.opened_at),
            path: PathFields::of(&attempt.path),
            of_content_now: attempt.current,
            account: attempt.account.as_deref(),
            name: &attempt.name,
            sent_at: attempt.sent_at.map(time),
            looks: attempt.looks,
            status: attempt.status,
            outcome: attempt.outcome.as_deref(),
            detail: attempt.detail.as_deref(),
            ended_at: attempt.ended_at.map(time),
        }
    }
}

#[derive(Serialize)]
struct CopyFields {
    #[serde(flatten)]
    path: PathFields,
    account: Option<String>,
    state: &'static str,
    seen_at: String,
    gone_at: Option<String>,
}

impl CopyFields {
    fn of(row: &Row) -> CopyFields {
        CopyFields {
            path: PathFields::of(&row.path),
            account: row.account.clone(),
            state: row.state.as_str(),
            seen_at: time(row.seen_at),
            gone_at: row.gone_at.map(time),
        }
    }
}

#[derive(Serialize)]
struct FormerFields<'a> {
    asset_id: &'a str,
    name: &'a str,
    uploaded_at: String,
    forgotten_at: String,
}

impl<'a> FormerFields<'a> {
    fn of(former: &'a FormerAsset) -> FormerFields<'a> {
        FormerFields {
            asset_id: &former.asset_id,
            name: &former.name,
            uploaded_at: time(former.uploaded_at),
            forgotten_at: time(former.forgotten_at),
        }
    }
}

#[derive(Serialize)]
struct OwedFields<'a> {
    errand: &'static str,
    owed_at: String,
    failures: u32,
    next_try_at: Option<String>,
    outcome: Option<&'a str>,
    detail: Option<&'a str>,
    ended_at: Option<String>,
}

impl<'a> OwedFields<'a> {
    fn of(owed: &'a OwedRow) -> OwedFields<'a> {
        OwedFields {
            errand: owed.kind.as_str(),
            owed_at: time(owed.owed_at),
            failures: owed.tries,
            next_try_at: owed.next_try_at.map(time),
            outcome: owed.outcome.as_deref(),
            detail: owed.detail.as_deref(),
            ended_at: owed.ended_at.map(time),
        }
    }
}
