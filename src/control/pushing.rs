//! `POST /v1/push`: files handed over to the daemon, and what became of them.
//!
//! Owns:
//! - a file is on its way, durably, before anything is answered;
//! - the answer is a row a file, in the order of the request, when each is done with or the time
//!   is over; what is left then goes on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use super::app::{App, blocking, not_now, read_ledger, unreadable};
use super::refusal::{No, Refusal};
use super::routes::whole;
use super::stream::Heard;
use super::waiting::{paused, stopped_by};
use super::wire;
use super::wish::Answer;
use crate::config::{Config, Email};
use crate::daemon::{StopView, View, Wanted};
use crate::ledger::{Ledger, LedgerError, State};
use crate::patient;
use crate::planner::{Notice, SharedPath, UploadKey, UploadState};
use crate::row::RowFields;
use crate::text::shown;

/// How often the ledger is looked at though nothing is heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The body of a push.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushBody {
    /// The files.
    pub paths: Vec<String>,
    /// Those that are no text, as their bytes in hex.
    pub paths_hex: Vec<String>,
    /// The account, if it is not to be found out.
    pub email: Option<String>,
    /// The asset's name, for one file.
    pub name: Option<String>,
    /// Also what looks incomplete.
    pub force: bool,
    /// How long the answer may take; without it, as long as it takes.
    pub timeout: Option<String>,
}

/// What is known of one file so far.
#[derive(Debug)]
struct Followed {
    path: SharedPath,
    email: Option<String>,
    key: Option<UploadKey>,
    /// Why it will not be, or waits.
    told: Option<String>,
    /// It will not be.
    over: bool,
}

/// The account that a file is for: what is asked for, else its folder's, else the one of the
/// configuration, else the only one that is known of.
///
/// # Errors
/// The candidates, if there are several.
pub fn email_for(
    config: &Config,
    asked: Option<&Email>,
    known: &[Email],
    path: &std::path::Path,
) -> Result<Option<Email>, Vec<Email>> {
    let folder = config.folder_of(path);
    let email = asked.cloned().or_else(|| match folder {
        Some(folder) => folder.email.clone(),
        None => config.api.email.clone(),
    });
    match (email, folder, known) {
        (Some(email), _, _) => Ok(Some(email)),
        (None, Some(_), _) | (None, None, []) => Ok(None),
        (None, None, [only]) => Ok(Some(only.clone())),
        (None, None, several) => Err(several.to_vec()),
    }
}

/// The e-mails of all accounts that are known of; one that took nothing and has nothing to come
/// may be a slip of the keyboard.
///
/// # Errors
/// If the ledger cannot be read.
pub fn known_emails(config: &Config, ledger: Option<&Ledger>) -> Result<Vec<Email>, LedgerError> {
    let mut emails: Vec<Email> =
        config.folders.iter().filter_map(|folder| folder.email.clone()).collect();
    emails.extend(config.api.email.clone());
    if let Some(ledger) = ledger {
        emails.extend(ledger.accounts_in_use()?.iter().filter_map(|email| email.parse().ok()));
    }
    emails.sort();
    emails.dedup();
    Ok(emails)
}

/// Hands files over, follows them, and answers.
pub(super) async fn push(app: Arc<App>, body: Body) -> Result<Vec<Answer>, Refusal> {
    let body = whole(body, app.patience).await?;
    let (mut files, wanted, until) = blocking(&app, move |app| {
        let body: PushBody = wire::read(&body)?;
        let patience = body.timeout.as_deref().map(wire::duration).transpose()?;
        let (files, wanted) = wanted(app, body)?;
        Ok((files, wanted, patience.map(|patience| Instant::now() + patience)))
    })
    .await?;
    let mut heard = app.listen();
    app.hand_over(wanted.clone()).await?;
    loop {
        files = blocking(&app, move |app| {
            let ledger = read_ledger(app)?;
            for file in &mut files {
                file.look(ledger.as_ref()).map_err(unreadable)?;
            }
            Ok(files)
        })
        .await?;
        let over = until.is_some_and(|until| until <= Instant::now());
        if over || files.iter().all(|file| file.over) {
            break;
        }
        stuck(&app.view().await?, &files)?;
        let look = Instant::now() + LOOK_EVERY;
        let wake = until.map_or(look, |until| until.min(look));
        let missed = tokio::select! {
            () = app.ends() => return Err(not_now()),
            missed = follow(&mut heard, &mut files, wake) => missed,
        };
        if missed {
            // What became of them may have been said: they are asked for anew.
            let open = |path: &SharedPath| {
                files.iter().any(|file| file.path == *path && file.key.is_none() && !file.over)
            };
            app.hand_over(wanted.iter().filter(|file| open(&file.path)).cloned().collect()).await?;
        }
    }
    blocking(&app, move |app| {
        let ledger = read_ledger(app)?;
        files.iter().map(|file| file.answer(ledger.as_ref()).map_err(unreadable)).collect()
    })
    .await
}

fn wanted(app: &App, body: PushBody) -> Result<(Vec<Followed>, Vec<Wanted>), Refusal> {
    let PushBody { paths, paths_hex, email, name, force, .. } = body;
    let paths: Vec<PathBuf> = wire::files(paths, paths_hex)?;
    if paths.is_empty() || (name.is_some() && paths.len() != 1) {
        return Err(wire::senseless("paths must name a file, and exactly one beside a name"));
    }
    let email: Option<Email> = email
        .map(|email| email.parse().map_err(|why| wire::senseless(&format!("email: {why}"))))
        .transpose()?;
    let known = known_emails(&app.config(), read_ledger(app)?.as_ref()).map_err(unreadable)?;
    let mut files = Vec::new();
    let mut wanted = Vec::new();
    for path in paths {
        let email = email_for(&app.config(), email.as_ref(), &known, &path).map_err(|several| {
            let names: Vec<String> = several.iter().map(Email::to_string).collect();
            let words = format!("which account is {} for?", shown(&path));
            let hint = format!("say email, one of: {}", names.join(", "));
            Refusal::new(No::Senseless, words, hint)
        })?;
        let email = email.map(|email| email.as_str().to_owned());
        let path: SharedPath = path.into();
        let told =
            is_directory(&path).then(|| "it is a directory, and push takes files".to_owned());
        let over = told.is_some();
        if !over {
            let (path, email, name) = (path.clone(), email.clone(), name.clone());
            wanted.push(Wanted { path, email, name, force });
        }
        files.push(Followed { path, email, key: None, told, over });
    }
    Ok((files, wanted))
}

/// What is on a disk that does not answer may be a file.
fn is_directory(path: &SharedPath) -> bool {
    let path = path.clone();
    let look = move |asked: &patient::Asked| {
        let place = path.parent().unwrap_or(&path);
        asked.may_look(place).then(|| path.is_dir())
    };
    patient::ask(look).flatten().unwrap_or(false)
}

/// Nothing that is left can end before a person does something: waiting is of no use.
fn stuck(view: &View, files: &[Followed]) -> Result<(), Refusal> {
    let keys: Option<Vec<UploadKey>> =
        files.iter().filter(|file| !file.over).map(|file| file.key).collect();
    // What is not read yet may be known.
    let Some(keys) = keys else { return Ok(()) };
    if view.uploading.is_empty() {
        paused(view)?;
    }
    let stop_of = |key: &UploadKey| {
        let of_it = |stop: &&StopView| stop.account.is_none_or(|account| account == key.account);
        view.stops.iter().filter(|stop| stop.cause.needs_person()).find(of_it)
    };
    let stops: Option<Vec<&StopView>> = keys.iter().map(stop_of).collect();
    match stops.as_deref() {
        Some([stop, ..]) => Err(stopped_by(stop)),
        Some([]) | None => Ok(()),
    }
}

/// Takes in what is heard until `wake`, or until something was about one of the files. True if
/// something was missed.
async fn follow(
    heard: &mut broadcast::Receiver<Arc<Heard>>,
    files: &mut [Followed],
    wake: Instant,
) -> bool {
    let paths: BTreeSet<SharedPath> = files.iter().map(|file| file.path.clone()).collect();
    loop {
        let said = match timeout_at(wake, heard.recv()).await {
            Ok(Ok(said)) => said,
            Ok(Err(RecvError::Lagged(_))) => return true,
            Ok(Err(RecvError::Closed)) | Err(_) => return false,
        };
        let Some(notice) = &said.notice else { continue };
        let Some(path) = notice.path().filter(|path| paths.contains(*path)) else { continue };
        // One file may be asked for more than once.
        for file in files.iter_mut().filter(|file| file.path == *path) {
            file.take_in(notice);
        }
        return false;
    }
}

impl Followed {
    fn take_in(&mut self, notice: &Notice) {
        match notice {
            Notice::Pushed { key, .. } => self.key = Some(*key),
            Notice::Failed { reason, .. }
            | Notice::Held { reason, .. }
            | Notice::Ignored { reason, .. } => {
                self.told = Some(reason.clone());
                // Without a content there is nothing else to wait for.
                self.over |= self.key.is_none();
            }
            Notice::Retry { reason, .. }
            | Notice::Unknown { reason, .. }
            | Notice::Waits { reason, .. } => self.told = Some(reason.clone()),
            _ => {}
        }
    }

    /// What the ledger says of it.
    fn look(&mut self, ledger: Option<&Ledger>) -> Result<(), LedgerError> {
        let (Some(ledger), Some(key)) = (ledger, self.key) else { return Ok(()) };
        match ledger.upload_state(&self.key_now(ledger, key)?)? {
            UploadState::Uploaded { .. } => {
                self.over = true;
                self.told = None;
            }
            UploadState::Failed { reason } | UploadState::Held { reason } => {
                self.over = true;
                self.told = Some(reason);
            }
            UploadState::Wanted | UploadState::Absent => {}
        }
        Ok(())
    }

    /// A nameless account may have been merged into a named one meanwhile.
    fn key_now(&self, ledger: &Ledger, key: UploadKey) -> Result<UploadKey, LedgerError> {
        if ledger.accounts()?.iter().any(|(id, _)| *id == key.account) {
            return Ok(key);
        }
        let account = match &self.email {
            Some(email) => ledger.find_account(Some(email))?,
            None => ledger.kept_default_account()?,
        };
        Ok(UploadKey { account: account.unwrap_or(key.account), ..key })
    }

    fn answer(&self, ledger: Option<&Ledger>) -> Result<Answer, LedgerError> {
        let row = ledger.map(|ledger| ledger.row_of(&self.path, true)).transpose()?.flatten();
        let asset = match (ledger, self.key) {
            (Some(ledger), Some(key)) => match ledger.upload_state(&self.key_now(ledger, key)?)? {
                UploadState::Uploaded { asset_id } => Some(asset_id),
                UploadState::Absent
                | UploadState::Wanted
                | UploadState::Failed { .. }
                | UploadState::Held { .. } => None,
            },
            (_, _) => None,
        };
        // A file of a folder may be wanted there on another account than it was pushed to.
        let row = row.filter(|row| row.asset_id == asset);
        // And what its folder says of it is no last word.
        let last = |state| matches!(state, State::Failed | State::Held | State::Ignored);
        let row = row.filter(|row| self.over || !last(row.state));
        let fields = match row {
            Some(row) => RowFields::of(&row),
            None if asset.is_none() && !self.over => {
                RowFields::of_nothing(&self.path, self.told.clone())
            }
            None => RowFields::of_unlisted(&self.path, asset, self.told.clone()),
        };
        Ok(Answer::Granted(fields.json()))
    }
}
