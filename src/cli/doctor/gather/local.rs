//! Looks at the program's own things: the ledger, and who works with it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cli::Failure;
use crate::cli::doctor::facts::{DaemonFacts, LedgerFacts, Said, Stuck};
use crate::cli::session::SANDBOX_SERVER;
use crate::control::{ClientError, Place, Status, request};
use crate::daemon::Clock;
use crate::daemon::lock::{LockError, held_by, is_held, ledger_path};
use crate::ledger::{Ledger, LedgerError, State};
use crate::planner::FolderId;

use super::Patient;

/// How long a daemon may take to say how things stand.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a daemon may have the lock and not listen yet.
const BEGINS: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// The lane of files that were pushed by name.
const PUSHED: FolderId = FolderId(0);

pub(super) fn ledger(patient: &Patient) -> LedgerFacts {
    let Ok(directory) = &patient.state_dir else { return LedgerFacts::Missing };
    match looked_through(patient, directory) {
        Ok(facts) => facts,
        Err(error) => LedgerFacts::Unusable(Failure::from(error)),
    }
}

fn looked_through(patient: &Patient, directory: &Path) -> Result<LedgerFacts, LedgerError> {
    let file = ledger_path(directory);
    let Some(ledger) = Ledger::read(&file)? else { return Ok(LedgerFacts::Missing) };
    let is_checked = ledger.glance_over_pages()?;
    let (schema, newest) = ledger.schema()?;
    let mut stuck = None;
    if let Ok(loaded) = &patient.loaded {
        let configured = loaded.config.api.base_url.as_str();
        let asked = if patient.sandbox { SANDBOX_SERVER } else { configured };
        if let Some(remembered) = ledger.server()?.filter(|remembered| remembered != asked) {
            return Err(LedgerError::OtherServer { remembered, asked: asked.to_owned() });
        }
        let mut folders = vec![PUSHED];
        for folder in &loaded.config.folders {
            folders.extend(ledger.folder_of_root(&folder.root)?);
        }
        let (counts, _) = ledger.counts(&folders, is_held(directory))?;
        let (undone, given_up, reason) = ledger.errand_counts(&folders)?;
        let (failed, held) = (counts[State::Failed as usize], counts[State::Held as usize]);
        stuck = Some(Stuck { failed, held, undone, given_up, reason });
    }
    Ok(LedgerFacts::There {
        schema,
        newest,
        size_bytes: size(&file),
        uploaded: ledger.totals()?.uploaded,
        is_checked,
        owes_pairing: ledger.owes_pairing()?,
        stuck,
    })
}

/// The ledger and its log.
fn size(file: &Path) -> u64 {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let files = [file.to_owned(), PathBuf::from(log)];
    files.iter().filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}

pub(super) fn daemon(patient: &Patient) -> DaemonFacts {
    let Ok(directory) = &patient.state_dir else { return DaemonFacts::None };
    match held_by(directory) {
        Some(LockError::Held { pid, daemon: true, .. }) => {
            DaemonFacts::Running { pid, said: said(patient, directory) }
        }
        Some(LockError::Held { pid, what, .. }) => DaemonFacts::Passing { what, pid },
        Some(LockError::Unusable { .. }) | None => DaemonFacts::None,
    }
}

fn said(patient: &Patient, directory: &Path) -> Result<Said, String> {
    let status = status(patient, directory)?;
    let line = status.line(Clock::start().now().wall);
    let polled = status.folders.into_iter().filter(|folder| folder.mode == "poll");
    let polled = polled.map(|folder| (folder.path, folder.reason.unwrap_or_default())).collect();
    Ok(Said { version: status.version, state: status.state, line, polled })
}

/// What the running daemon says of itself.
pub fn status(patient: &Patient, directory: &Path) -> Result<Status, String> {
    let place = Place::of(directory, patient.environment.runtime_dir.as_deref());
    let until = Instant::now() + BEGINS;
    let answered = loop {
        match request(&place, "/v1/status", None, PATIENCE) {
            Err(ClientError::Nobody(_)) if Instant::now() < until && is_held(directory) => {
                std::thread::sleep(PAUSE);
            }
            answered => break answered,
        }
    };
    let (status, text) = answered.map_err(|error| crate::text::escaped(&error.to_string()))?;
    match serde_json::from_str(&text) {
        Ok(said) if status == 200 => Ok(said),
        Ok(_) | Err(_) => Err(format!("status {status}, and not in words that are understood")),
    }
}
