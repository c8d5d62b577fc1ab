//! `POST /v1/wait`: until all that lies in the folders now is done with.
//!
//! Owns:
//! - what is waited for is fixed by a scan that begins after the question: later arrivals do not
//!   count, and what grows is waited for;
//! - what only a person can mend ends the waiting at once, and so does a pause or a root that is
//!   away; a lost connection does not.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout, timeout_at};

use super::app::{App, blocking, not_now, read_ledger, unreadable};
use super::refusal::{No, Refusal};
use super::routes::whole;
use super::stream::Heard;
use super::wire;
use super::wish::Answer;
use crate::daemon::{StopView, View};
use crate::ledger::Noted;
use crate::planner::{Command, FolderId, Paused};
use crate::row::when_and_how_far;

/// How often things are looked at though nothing is heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Things that happen together are looked at together.
const CALM: Duration = Duration::from_millis(50);

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WaitBody {
    timeout: Option<String>,
}

/// The noted files, and how many of them need a person.
#[derive(Debug, Serialize)]
struct Done {
    schema: u8,
    files: u64,
    failed: u64,
    held: u64,
}

/// Waits, and says how many of the noted files need a person.
pub(super) async fn wait(app: Arc<App>, body: Body) -> Result<Vec<Answer>, Refusal> {
    let body = whole(body, app.patience).await?;
    let asked: WaitBody = wire::read_or_default(&body)?;
    let patience = asked.timeout.as_deref().map(wire::duration).transpose()?;
    let until = patience.map(|patience| Instant::now() + patience);
    let mut heard = app.listen();
    app.grant(vec![Command::Rescan]).await?;
    let view = loop {
        let view = app.view().await?;
        stuck(&view)?;
        if !view.scans_owed {
            break view;
        }
        next(&app, &mut heard, until, "the folders are still being scanned").await?;
    };
    let folders: Vec<FolderId> = view.folders.iter().map(|folder| folder.id).collect();
    let ids = folders.clone();
    let upto = blocking(&app, move |app| match read_ledger(app)? {
        Some(ledger) => ledger.newest_path(&ids).map_err(unreadable),
        None => Ok(0),
    })
    .await?;
    loop {
        // One that is watched no more has nobody to wait for.
        let watched = app.view().await?.folders;
        let ids = folders.clone().into_iter();
        let ids: Vec<_> = ids.filter(|id| watched.iter().any(|now| now.id == *id)).collect();
        let noted = blocking(&app, move |app| match read_ledger(app)? {
            Some(ledger) => ledger.noted(&ids, upto).map_err(unreadable),
            None => Ok(Noted::default()),
        })
        .await?;
        if noted.settling == 0 && noted.waiting.is_empty() {
            let Noted { files, failed, held, .. } = noted;
            let done = Done { schema: 1, files, failed, held };
            return Ok(vec![Answer::Granted(wire::written(&done))]);
        }
        let view = app.view().await?;
        // What only a person ends comes first.
        stopped(&view, &noted)?;
        stuck(&view)?;
        let left = noted.settling + noted.waiting.iter().map(|(_, files)| files).sum::<u64>();
        let files = if left == 1 { "1 file is".into() } else { format!("{left} files are") };
        next(&app, &mut heard, until, &format!("{files} not done")).await?;
    }
}

/// Waits until something happens, or for a while.
async fn next(
    app: &App,
    heard: &mut broadcast::Receiver<Arc<Heard>>,
    until: Option<Instant>,
    why: &str,
) -> Result<(), Refusal> {
    let look = Instant::now() + LOOK_EVERY;
    if until.is_some_and(|until| until <= Instant::now()) {
        let words = format!("the time is over: {why}");
        return Err(Refusal::new(No::Unfinished, words, "taxiway status"));
    }
    let wake = until.map_or(look, |until| until.min(look));
    let said = tokio::select! {
        () = app.ends() => return Err(not_now()),
        said = timeout_at(wake, heard.recv()) => said.is_ok(),
    };
    if said {
        // Whatever comes with it comes soon.
        let calm = async { while heard.recv().await.is_ok() {} };
        let _ = timeout(CALM, calm).await;
    }
    Ok(())
}

/// A pause: waiting is of no use.
pub(super) fn paused(view: &View) -> Result<(), Refusal> {
    if let Some(paused) = view.paused {
        let words = match paused {
            Paused::Asked { until: Some(until) } => {
                format!("uploads are paused until {}", when_and_how_far(until))
            }
            Paused::Asked { until: None } => "uploads are paused".to_owned(),
            Paused::While(condition) => format!("uploads are paused {}", condition.words()),
        };
        return Err(Refusal::new(No::Unfinished, words, "taxiway resume"));
    }
    Ok(())
}

/// A pause, or a root that is away: waiting is of no use.
fn stuck(view: &View) -> Result<(), Refusal> {
    paused(view)?;
    if let Some(away) = view.folders.iter().find(|folder| folder.mode == "away") {
        let why = away.reason.as_deref().unwrap_or("its root is not there");
        let words = format!("a folder is away: {}", crate::text::escaped(why));
        return Err(Refusal::new(No::Unfinished, words, "taxiway status"));
    }
    Ok(())
}

/// A stop that only a person ends, of an account that something noted waits for.
fn stopped(view: &View, noted: &Noted) -> Result<(), Refusal> {
    let waits = |account| noted.waiting.iter().any(|(id, _)| *id == account);
    let stop = view.stops.iter().find(|stop| {
        stop.cause.needs_person() && stop.account.map_or(!noted.waiting.is_empty(), waits)
    });
    stop.map_or(Ok(()), |stop| Err(stopped_by(stop)))
}

/// What only a person ends.
pub(super) fn stopped_by(stop: &StopView) -> Refusal {
    let words = format!("{}: {}", stop.cause.words(), crate::text::escaped(&stop.reason));
    Refusal::new(No::Stopped, words, "taxiway status")
}
