//! What a person asks for about files: judged by the ledger, then answered by it.
//!
//! Owns:
//! - only what failed is tried again, only what is held is resolved, only what is uploaded is
//!   forgotten, and that only after a yes; everything else is refused with the reason;
//! - an assetId is believed only in its long form, on the account of the upload, and if no other
//!   upload has or had it.

use std::path::{Path, PathBuf};

use super::forgotten::Forgotten;
use super::refusal::{No, Refusal};
use crate::daemon::known_or_read;
use crate::ledger::{Ledger, LedgerError, Row, State, UploadOf};
use crate::planner::{
    Asset, Command, ContentHash, FolderId, PathStatus, SharedPath, UploadKey, UploadState,
};
use crate::row::{RowFields, day_and_time};
use crate::text::{escaped, shell_word, shown};

type Result<T> = std::result::Result<T, LedgerError>;

/// What is to be told the engine about one file, or why nothing is.
type Granted = std::result::Result<Vec<Command>, Refusal>;

/// A wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Try these failed files again.
    Retry {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// Try all failed files again, and whatever stops uploads by our own choice.
    RetryAll,
    /// Say what became of a held upload.
    Resolve {
        /// The file.
        path: PathBuf,
        /// Its asset, as a person found it; none if there is none: it is sent again.
        uploaded: Option<Asset>,
    },
    /// Have a content count as never uploaded.
    Forget {
        /// A file that holds it.
        path: PathBuf,
        /// Only on this account (lower case).
        email: Option<String>,
        /// The person has been told what follows, and agrees.
        yes: bool,
    },
}

/// A wish that was looked into: what to tell the engine, and what to answer afterwards.
#[derive(Debug)]
pub struct Judged {
    /// For the engine, all in one step.
    pub commands: Vec<Command>,
    verdicts: Vec<Verdict>,
}

/// What is said about one part of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It can be granted for this file.
    Granted(PathBuf),
    /// It can be granted for this file, and this follows.
    Forgotten(PathBuf, Forgotten),
    /// It can be granted for all that failed: so many files.
    All(u64),
    /// It cannot be granted.
    Refused(Refusal),
}

/// What became of one part of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Granted; this JSON object, on one line, says how the file stands now.
    Granted(String),
    /// Not granted.
    Refused(Refusal),
}

impl Wish {
    /// Judges each part of the wish. `running` says whether a daemon has the ledger.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn judge(&self, ledger: Option<&Ledger>, running: bool) -> Result<Judged> {
        let mut judged = Judged { commands: Vec::new(), verdicts: Vec::new() };
        if *self == Wish::RetryAll {
            let failed = ledger.map(Ledger::failed).transpose()?.unwrap_or(0);
            judged.verdicts.push(Verdict::All(failed));
            // Also where nothing failed: something may stop uploads.
            judged.commands.push(Command::RetryAll);
        }
        for path in self.paths() {
            let granted = match ledger {
                Some(ledger) => self.about(ledger, path, running)?,
                None => Err(Refusal::not_in_ledger(path)),
            };
            let verdict = match granted {
                Err(refusal) => Verdict::Refused(refusal),
                Ok(commands) => {
                    let verdict = match (self, ledger) {
                        (Wish::Forget { .. }, Some(ledger)) => {
                            let forgotten = Forgotten::by(&commands, ledger)?;
                            Verdict::Forgotten(path.clone(), forgotten)
                        }
                        _ => Verdict::Granted(path.clone()),
                    };
                    judged.commands.extend(commands);
                    verdict
                }
            };
            judged.verdicts.push(verdict);
        }
        Ok(judged)
    }

    fn about(&self, ledger: &Ledger, path: &Path, running: bool) -> Result<Granted> {
        match self {
            Wish::Retry { .. } => retry(ledger, path, running),
            Wish::RetryAll => Ok(Ok(Vec::new())),
            Wish::Resolve { uploaded, .. } => resolve(ledger, path, uploaded.as_ref(), running),
            Wish::Forget { email, yes, .. } => {
                forget(ledger, path, email.as_deref(), *yes, running)
            }
        }
    }

    /// The files it names.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Wish::Retry { paths } => paths,
            Wish::RetryAll => &[],
            Wish::Resolve { path, .. } | Wish::Forget { path, .. } => std::slice::from_ref(path),
        }
    }
}

impl Judged {
    /// What is so now that the commands are granted.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn answers(self, ledger: Option<&Ledger>, running: bool) -> Result<Vec<Answer>> {
        let answer = |verdict| {
            Ok(match verdict {
                Verdict::Granted(path) => Answer::Granted(fields(ledger, &path, running)?.json()),
                Verdict::Forgotten(path, forgotten) => {
                    let row = fields(ledger, &path, running)?;
                    Answer::Granted(forgotten.json(row))
                }
                Verdict::All(files) => {
                    Answer::Granted(format!("{{\"schema\":1,\"retried\":{files}}}"))
                }
                Verdict::Refused(refusal) => Answer::Refused(refusal),
            })
        };
        self.verdicts.into_iter().map(answer).collect()
    }
}

/// How a file stands, as programs read it.
fn fields(ledger: Option<&Ledger>, path: &Path, running: bool) -> Result<RowFields> {
    let row = ledger.map(|ledger| ledger.row_even_gone(path, running)).transpose()?.flatten();
    // The row of a file that is gone and not uploaded says nothing but its history.
    let row = row.filter(|row| row.gone_at.is_none() || row.asset_id.is_some());
    Ok(match row {
        Some(row) => RowFields::of(&row),
        None => RowFields::of_nothing(path, None),
    })
}

fn retry(ledger: &Ledger, path: &Path, running: bool) -> Result<Granted> {
    let Some(row) = ledger.row_even_gone(path, running)? else {
        return Ok(Err(Refusal::not_in_ledger(path)));
    };
    let word = shell_word(path);
    let by_itself = row.hash.is_none();
    Ok(match row.state {
        State::Failed if row.gone_at.is_some() => Err(stands_otherwise(path, "failed", &row)),
        State::Failed if row.folder == FolderId::PUSHES && by_itself => {
            let words = "was pushed by name: push it again";
            Err(Refusal::of_file(No::OtherState, path, words, format!("taxiway push {word}")))
        }
        State::Failed => Ok(vec![Command::Retry { path: SharedPath::from(path) }]),
        // What was to be done for it was given up.
        _ if ledger.has_failed_errands(path)? => {
            Ok(vec![Command::Retry { path: SharedPath::from(path) }])
        }
        State::Settling
        | State::Queued
        | State::Uploading
        | State::Unknown
        | State::Uploaded
        | State::Held
        | State::Ignored => Err(stands_otherwise(path, "failed", &row)),
    })
}

fn resolve(
    ledger: &Ledger,
    path: &Path,
    uploaded: Option<&Asset>,
    running: bool,
) -> Result<Granted> {
    let Some(row) = ledger.row_even_gone(path, running)? else {
        return Ok(Err(Refusal::not_in_ledger(path)));
    };
    let Some(held) = held(ledger, path)? else {
        return Ok(Err(stands_otherwise(path, "held", &row)));
    };
    let Some(asset) = uploaded else {
        return Ok(Ok(vec![Command::NotFound { key: held.key }]));
    };
    let word = shell_word(path);
    let (ours, theirs) = (held.email.as_deref(), asset.email());
    if let Some(ours) = ours.filter(|ours| theirs.as_deref() != Some(*ours)) {
        let theirs = theirs.unwrap_or_default();
        let words = format!("is held on {ours}, and that asset is on {theirs}");
        let form = format!("'user:…-runwayml:{ours}-asset:…'");
        let hint = format!("taxiway resolve {word} --uploaded {form}");
        return Ok(Err(Refusal::of_file(No::OtherState, path, &words, hint)));
    }
    if let Some(owner) = ledger.owner_of(&asset.asset_id)? {
        let (other, hint) = match &owner.path {
            Some(other) => (shown(other), format!("taxiway why {}", shell_word(other))),
            None => ("another content".to_owned(), format!("taxiway why {word}")),
        };
        let words = match owner.former {
            false => format!("cannot be that asset: it is {other}"),
            true => format!("cannot be that asset: it was {other}, and was forgotten"),
        };
        return Ok(Err(Refusal::of_file(No::OtherState, path, &words, hint)));
    }
    Ok(Ok(vec![Command::Found { key: held.key, asset: asset.clone() }]))
}

/// The held upload of a path: its own, or else one of what it holds, on another account, that
/// was pushed by name.
fn held(ledger: &Ledger, path: &Path) -> Result<Option<UploadOf>> {
    let own = ledger.path_row(path)?.and_then(|row| match row.status {
        PathStatus::Linked { key, .. } => Some(key),
        PathStatus::Settling | PathStatus::Failed { .. } | PathStatus::Ignored { .. } => None,
    });
    let Some(own) = own else { return Ok(None) };
    let mut uploads = ledger.uploads_of(own.hash)?;
    uploads.retain(|upload| matches!(upload.state, UploadState::Held { .. }));
    let at = uploads.iter().position(|upload| upload.key == own).unwrap_or(0);
    Ok((at < uploads.len()).then(|| uploads.swap_remove(at)))
}

fn forget(
    ledger: &Ledger,
    path: &Path,
    email: Option<&str>,
    yes: bool,
    running: bool,
) -> Result<Granted> {
    let row = ledger.row_even_gone(path, running)?;
    let uploads = match content_of(ledger, path)? {
        Some(hash) => ledger.uploads_of(hash)?,
        None => Vec::new(),
    };
    let of_account = |upload: &&UploadOf| email.is_none() || upload.email.as_deref() == email;
    let uploaded: Vec<(UploadKey, &str)> = uploads
        .iter()
        .filter(of_account)
        .filter_map(|upload| match &upload.state {
            UploadState::Uploaded { asset_id } => Some((upload.key, asset_id.as_str())),
            UploadState::Absent
            | UploadState::Wanted
            | UploadState::Failed { .. }
            | UploadState::Held { .. } => None,
        })
        .collect();
    if uploaded.is_empty() {
        return Ok(Err(match (row, email) {
            (_, Some(email)) if !uploads.is_empty() => {
                let hint = format!("taxiway why {}", shell_word(path));
                let words = format!("is not uploaded on {email}");
                Refusal::of_file(No::OtherState, path, &words, hint)
            }
            (Some(row), _) => stands_otherwise(path, "uploaded", &row),
            (None, _) => Refusal::not_in_ledger(path),
        }));
    }
    if !yes {
        return Ok(Err(unconfirmed(ledger, path, email, &uploaded)?));
    }
    Ok(Ok(uploaded.into_iter().map(|(key, _)| Command::Forget { key }).collect()))
}

/// What a file holds; of one that cannot be read, what it held when it was last identified.
fn content_of(ledger: &Ledger, path: &Path) -> Result<Option<ContentHash>> {
    match known_or_read(Some(ledger), path) {
        Ok(hash) => Ok(Some(hash)),
        Err(_) => ledger.known_content(path),
    }
}

fn unconfirmed(
    ledger: &Ledger,
    path: &Path,
    email: Option<&str>,
    uploaded: &[(UploadKey, &str)],
) -> Result<Refusal> {
    let mut files = 0;
    for (key, _) in uploaded {
        files += ledger.holders_of(key)?;
    }
    let assets: Vec<&str> = uploaded.iter().map(|(_, asset_id)| *asset_id).collect();
    let follows = match files {
        0 => "no file in a folder will be sent again".to_owned(),
        1 => "1 file in a folder will be sent again".to_owned(),
        several => format!("{several} files in folders will be sent again"),
    };
    let words = format!("is uploaded as {}; {follows}", assets.join(" and "));
    let email = email.map(|email| format!(" --email {email}")).unwrap_or_default();
    let hint = format!("taxiway forget {}{email} --yes", shell_word(path));
    Ok(Refusal::of_file(No::Unconfirmed, path, &words, hint))
}

/// What is wanted is about another state than the file's.
fn stands_otherwise(path: &Path, wanted: &str, row: &Row) -> Refusal {
    let word = shell_word(path);
    let hint = match (row.gone_at, row.state) {
        (None, State::Failed) => format!("taxiway retry {word}"),
        (_, _) => format!("taxiway why {word}"),
    };
    let words = format!("is not {wanted}: {}", stands(row));
    Refusal::of_file(No::OtherState, path, &words, hint)
}

/// How a file stands, as the end of a sentence.
fn stands(row: &Row) -> String {
    let why = row.reason.as_deref().map(|why| format!(": {}", escaped(why))).unwrap_or_default();
    if row.gone_at.is_some() {
        return "it is not there any more".into();
    }
    match row.state {
        State::Settling => format!("it is not at rest yet{why}"),
        State::Queued => match row.next_try_at {
            Some(at) => format!("it is queued, to be sent after {}{why}", day_and_time(at)),
            None => format!("it is queued{why}"),
        },
        State::Uploading => "it is being sent".into(),
        State::Unknown => "its answer was lost, and it is being looked up".into(),
        State::Uploaded => {
            format!("it is uploaded as {}", row.asset_id.as_deref().unwrap_or_default())
        }
        State::Failed => format!("it has failed{why}"),
        State::Held => format!("it is held{why}"),
        State::Ignored => format!("it is ignored{why}"),
    }
}

/// Reads an assetId of the long form, `user:…-runwayml:EMAIL-asset:…`.
///
/// # Errors
/// What is wrong with it.
pub fn asset(text: &str) -> std::result::Result<Asset, String> {
    let asset = Asset { asset_id: text.trim().to_owned(), url: None };
    let id = &asset.asset_id;
    let whole = id.split_once("-runwayml:").is_some_and(|(user, rest)| {
        let user = user.strip_prefix("user:").is_some_and(|user| !user.is_empty());
        let email = rest.rsplit_once("-asset:");
        let parts = email.is_some_and(|(email, uuid)| {
            let name = email
                .split_once('@')
                .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
            name && !uuid.is_empty()
        });
        user && parts
    });
    let plain = id.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if whole && plain {
        return Ok(asset);
    }
    Err("an assetId has the form user:…-runwayml:EMAIL-asset:…".into())
}
