//! The daemon's side of the control socket: which request is which, and its answer.
//!
//! Owns:
//! - every answer is JSON: rows, a history, or the error object, with the status that fits;
//! - a wish is judged by the ledger, granted by the loop, and answered after that is on disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::{get, post};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::refusal::{No, Refusal};
use super::why::{absence, history_json};
use super::wire::{self, Call};
use super::wish::{Answer, Judged, Wish};
use crate::config::Config;
use crate::daemon::Message;
use crate::daemon::lock::ledger_path;
use crate::ledger::{Ledger, LedgerError};
use crate::planner::Command;

/// The most that a body may have, in bytes.
const BODY_MOST: usize = 1 << 20;
/// How long the loop may take to grant a wish.
const GRANT_PATIENCE: Duration = Duration::from_secs(30);

/// What all answers are made from.
#[derive(Debug)]
pub(super) struct App {
    config: Config,
    ledger: PathBuf,
    patience: Duration,
    /// None until the first session begins.
    session: watch::Sender<Option<Sender<Message>>>,
}

impl App {
    pub(super) fn new(config: Config, patience: Duration) -> App {
        let ledger = ledger_path(&config.state_dir);
        App { config, ledger, patience, session: watch::Sender::default() }
    }

    pub(super) fn tell(&self, session: Sender<Message>) {
        self.session.send_replace(Some(session));
    }

    /// The session that is or was; waits for the first one to begin.
    async fn session(&self) -> Option<Sender<Message>> {
        let mut session = self.session.subscribe();
        let begun = timeout(self.patience, session.wait_for(Option::is_some)).await;
        begun.ok()?.ok()?.clone()
    }

    /// Has the loop grant commands, in one step that is on disk when this returns.
    async fn grant(&self, commands: Vec<Command>) -> Result<(), Refusal> {
        let not_now = || {
            let words = "the daemon is ending, or cannot write its ledger now";
            Refusal::new(No::NotNow, words, AGAIN)
        };
        let session = self.session().await;
        let (reply, granted) = oneshot::channel();
        let ask = Message::Ask(commands, reply);
        if session.is_none_or(|session| session.send(ask).is_err()) {
            return Err(not_now());
        }
        match timeout(GRANT_PATIENCE, granted).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(not_now()),
            Err(_) => {
                Err(Refusal::new(No::NotNow, "the daemon is busy, and may still do it", AGAIN))
            }
        }
    }
}

/// The service of every connection.
pub(super) fn router(app: Arc<App>) -> Router {
    let wish = |call| {
        post(move |State(app): State<Arc<App>>, request: Request| async move {
            answer(granted(app, call, request.into_body()).await)
        })
    };
    Router::new()
        .route(Call::Retry.path(), wish(Call::Retry))
        .route(Call::Resolve.path(), wish(Call::Resolve))
        .route(Call::Forget.path(), wish(Call::Forget))
        .route("/v1/why", get(why))
        .fallback(|| async { refused(&Refusal::new(No::Nowhere, "there is no such path", HINT)) })
        .method_not_allowed_fallback(|| async {
            refused(&Refusal::new(No::OtherMethod, "this path takes another method", HINT))
        })
        .with_state(app)
}

const HINT: &str = "taxiway --help";
const AGAIN: &str = "say it again in a moment";

async fn granted(app: Arc<App>, call: Call, body: Body) -> Result<Vec<Answer>, Refusal> {
    let body = whole(body, app.patience).await?;
    let judged = blocking(&app, move |app| {
        let wish: Wish = wire::wish(call, &body)?;
        let ledger = Ledger::read(&app.ledger).map_err(unreadable)?;
        wish.judge(ledger.as_ref(), true).map_err(unreadable)
    });
    let judged: Judged = judged.await?;
    if !judged.commands.is_empty() {
        app.grant(judged.commands.clone()).await?;
    }
    blocking(&app, move |app| {
        let ledger = Ledger::read(&app.ledger).map_err(unreadable)?;
        judged.answers(ledger.as_ref(), true).map_err(unreadable)
    })
    .await
}

/// A body, if it comes soon and is no larger than it may be.
async fn whole(body: Body, patience: Duration) -> Result<Bytes, Refusal> {
    let too_large = || {
        let words = format!("the body is cut off, or has more than {BODY_MOST} bytes");
        Refusal::new(No::TooLarge, words, HINT)
    };
    if body.size_hint().lower() > BODY_MOST as u64 {
        return Err(too_large());
    }
    match timeout(patience, to_bytes(body, BODY_MOST)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Refusal::new(No::TooSlow, "the body does not come", HINT)),
    }
}

async fn why(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let told = blocking(&app, move |app| {
        let path = wire::path_asked(&query.unwrap_or_default())?;
        let ledger = Ledger::read(&app.ledger).map_err(unreadable)?;
        let history = ledger.map(|ledger| ledger.history(&path, true)).transpose();
        match history.map_err(unreadable)?.flatten() {
            Some(history) => Ok(history_json(&history, &app.config, true)),
            None => Err(absence(&app.config, &path)),
        }
    });
    answer(told.await.map(|object| vec![Answer::Granted(object)]))
}

/// Runs something that reads from disk, where it holds nobody up.
async fn blocking<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let app = Arc::clone(app);
    let done = tokio::task::spawn_blocking(move || work(&app)).await;
    done.unwrap_or_else(|_| {
        let words = "answering failed inside taxiway; please report this";
        Err(Refusal::new(No::Broken, words, "taxiway --version"))
    })
}

fn unreadable(error: LedgerError) -> Refusal {
    Refusal::new(No::Broken, error.to_string(), error.hint())
}

fn answer(answers: Result<Vec<Answer>, Refusal>) -> Response {
    match answers {
        Ok(answers) => {
            let (status, lines) = wire::lines(&answers);
            respond(status, lines)
        }
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let (status, lines) = wire::lines(&[Answer::Refused(refusal.clone())]);
    respond(status, lines)
}

/// One JSON object a line.
fn respond(status: u16, lines: String) -> Response {
    let mut response = Response::new(Body::from(lines));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = axum::http::HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
