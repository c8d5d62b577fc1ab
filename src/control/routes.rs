//! The daemon's side of the control socket: which request is which, and its answer.
//!
//! Owns:
//! - every answer is JSON: rows, a history, or the error object, with the status that fits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::time::timeout;

use super::app::{App, blocking, read_ledger, reload_now, status_of, unreadable, wished};
use super::listing::Question;
use super::page;
use super::pushing::push;
use super::refusal::{No, Refusal};
use super::stream::stream;
use super::waiting::wait;
use super::whence::Owner;
use super::why::{absence, history_json};
use super::wire::{self, Call};
use super::wish::Answer;
use crate::daemon::Clock;
use crate::planner::Command;
use crate::{crash, patient};

/// The most that a body may have, in bytes.
const BODY_MOST: usize = 1 << 20;

/// The service of every connection to the socket: who asks there is one of us, and may open a way
/// in for a browser.
pub(super) fn of_socket(app: Arc<App>) -> Router {
    let way_in = post(|State(app): State<Arc<App>>, request: Request| async move {
        let owner = request.extensions().get().copied().unwrap_or(Owner::Untold);
        answer(way_in(&app, owner, request.into_body()).await)
    });
    common().route("/v1/ui", way_in).layer(from_fn(bodies_only)).with_state(app)
}

/// The service of every connection over TCP: the page, too.
pub(super) fn of_tcp(app: Arc<App>) -> Router {
    common().layer(from_fn(bodies_only)).merge(page::routes()).with_state(app)
}

async fn way_in(app: &App, owner: Owner, body: Body) -> Result<Vec<Answer>, Refusal> {
    let Nothing {} = wire::read_or_default(&whole(body, app.patience).await?)?;
    Ok(vec![Answer::Granted(page::way_in(app, owner).await?)])
}

/// What socket and TCP have in common.
fn common() -> Router<Arc<App>> {
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
        .route("/v1/status", get(status))
        .route("/v1/ledger", get(listing))
        .route("/v1/events", get(events))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/pause", post(pause))
        .route("/v1/resume", order(Command::Resume))
        .route("/v1/rescan", order(Command::Rescan))
        .route("/v1/reload", post(reload))
        .route(
            "/v1/wait",
            post(|State(app): State<Arc<App>>, request: Request| async move {
                answer(wait(app, request.into_body()).await)
            }),
        )
        .route(
            "/v1/push",
            post(|State(app): State<Arc<App>>, request: Request| async move {
                answer(push(app, request.into_body()).await)
            }),
        )
        .fallback(|| async { refused(&Refusal::new(No::Nowhere, "there is no such path", HINT)) })
        .method_not_allowed_fallback(|| async {
            refused(&Refusal::new(No::OtherMethod, "this path takes another method", HINT))
        })
}

/// What is to be done stands in the body: one who says it behind the path is not heard by halves.
async fn bodies_only(request: Request, next: Next) -> Response {
    let query = request.uri().query().is_some_and(|query| !query.is_empty());
    if query && request.method() == Method::POST {
        let words = "a POST takes a body, and no parameters";
        return refused(&Refusal::new(No::Senseless, words, HINT));
    }
    next.run(request).await
}

/// Something to do that needs no words.
fn order(command: Command) -> axum::routing::MethodRouter<Arc<App>> {
    post(move |State(app): State<Arc<App>>, request: Request| async move {
        answer(ordered(app, command, request.into_body()).await)
    })
}

async fn ordered(app: Arc<App>, command: Command, body: Body) -> Result<Vec<Answer>, Refusal> {
    let Nothing {} = wire::read_or_default(&whole(body, app.patience).await?)?;
    app.grant(vec![command]).await?;
    Ok(vec![Answer::Granted(standing(&app).await?)])
}

/// A body that says nothing.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Nothing {}

/// What is another than before.
#[derive(Debug, serde::Serialize)]
struct Reloaded {
    schema: u8,
    changed: Vec<String>,
}

async fn reload(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(reloaded(app, request.into_body()).await)
}

async fn reloaded(app: Arc<App>, body: Body) -> Result<Vec<Answer>, Refusal> {
    let Nothing {} = wire::read_or_default(&whole(body, app.patience).await?)?;
    let changed = reload_now(&app).await?;
    Ok(vec![Answer::Granted(wire::written(&Reloaded { schema: 1, changed }))])
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PauseBody {
    #[serde(rename = "for")]
    span: Option<String>,
}

async fn pause(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(paused(app, request.into_body()).await)
}

async fn paused(app: Arc<App>, body: Body) -> Result<Vec<Answer>, Refusal> {
    let body = whole(body, app.patience).await?;
    let PauseBody { span } = wire::read_or_default(&body)?;
    let span = span.as_deref().map(wire::duration).transpose()?;
    let until = span.map(|span| {
        let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Clock::start().now().wall.plus(span_ms)
    });
    app.grant(vec![Command::Pause { until }]).await?;
    Ok(vec![Answer::Granted(standing(&app).await?)])
}

async fn status(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    if let Err(refusal) = no_parameters(query) {
        return refused(&refusal);
    }
    answer(standing(&app).await.map(|status| vec![Answer::Granted(status)]))
}

/// How things stand, as one object.
async fn standing(app: &Arc<App>) -> Result<String, Refusal> {
    let view = app.view().await?;
    blocking(app, move |app| {
        let status = status_of(app, &view)?;
        Ok(serde_json::to_string(&status).unwrap_or_default())
    })
    .await
}

/// Paused or busy, too: what needs a person does not wait for that.
async fn nobody_is_needed(app: &Arc<App>) -> Result<(), Refusal> {
    let view = app.view().await?;
    blocking(app, move |app| {
        let status = status_of(app, &view)?;
        match status.needs_person(&view) {
            true => Err(Refusal::new(No::NotNow, status.line(app.now()), "taxiway status")),
            false => Ok(()),
        }
    })
    .await
}

/// The loop turns, and what it wrote last is on disk; `?strict`: and nothing needs a person.
async fn health(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let strict = match query.as_deref().unwrap_or_default() {
        "" => false,
        "strict" => true,
        _ => {
            let words = "the only parameter is strict";
            return refused(&Refusal::new(No::Senseless, words, HINT));
        }
    };
    // A step that is on disk: what it asks for changes nothing but that.
    let turned = app.grant(Vec::new()).await;
    let health = match turned {
        Ok(()) if strict => nobody_is_needed(&app).await,
        other => other,
    };
    let healthy = r#"{"schema":1,"healthy":true}"#.to_owned();
    answer(health.map(|()| vec![Answer::Granted(healthy)]))
}

/// What the loop says, and what was counted in the ledger; nothing is counted for it that has not
/// changed.
async fn metrics(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let told = match no_parameters(query) {
        Ok(()) => app.view().await,
        Err(refusal) => Err(refusal),
    };
    let told = match told {
        Ok(view) => {
            blocking(&app, move |app| app.standing.metrics(&view).map_err(unreadable)).await
        }
        Err(refusal) => Err(refusal),
    };
    match told {
        Ok(text) => {
            let mut response = respond(200, text);
            let kind = HeaderValue::from_static(super::metrics::CONTENT_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(refusal) => refused(&refusal),
    }
}

async fn listing(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let lines = blocking(&app, move |app| {
        let question = Question::read(&query.unwrap_or_default())?;
        match read_ledger(app)? {
            Some(ledger) => question.answer(&ledger),
            None => Ok(String::new()),
        }
    });
    match lines.await {
        Ok(lines) => respond(200, lines),
        Err(refusal) => refused(&refusal),
    }
}

async fn events(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    if let Err(refusal) = no_parameters(query) {
        return refused(&refusal);
    }
    stream(app.listen(), app.end())
}

pub(super) fn no_parameters(query: Option<String>) -> Result<(), Refusal> {
    match query.as_deref().unwrap_or_default() {
        "" => Ok(()),
        _ => Err(Refusal::new(No::Senseless, "this path takes no parameters", HINT)),
    }
}

const HINT: &str = "taxiway --help";
const AGAIN: &str = "taxiway status";

async fn granted(app: Arc<App>, call: Call, body: Body) -> Result<Vec<Answer>, Refusal> {
    let body = whole(body, app.patience).await?;
    wished(app, move |_| wire::wish(call, &body)).await
}

/// A body, if it comes soon and is no larger than it may be.
pub(super) async fn whole(body: Body, patience: Duration) -> Result<Bytes, Refusal> {
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
        let ledger = read_ledger(app)?;
        let history = ledger.map(|ledger| ledger.history(&path, true)).transpose();
        match history.map_err(unreadable)?.flatten() {
            Some(history) => Ok(history_json(&history, &app.config(), true)),
            None => Err(absent(app, path)),
        }
    });
    answer(told.await.map(|object| vec![Answer::Granted(object)]))
}

/// Why the ledger has never seen a file; its disk may not answer.
fn absent(app: &App, path: PathBuf) -> Refusal {
    let (config, place, asked_for) = (app.config(), path.clone(), path.clone());
    let look = move || {
        crash::hang("absent");
        absence(&config, &path)
    };
    let why = patient::ask(move |asked| asked.may_look(&place).then(look));
    why.flatten().unwrap_or_else(|| {
        let words = "is not in the ledger, and its disk does not answer";
        Refusal::of_file(No::Unknown, &asked_for, words, AGAIN)
    })
}

pub(super) fn answer(answers: Result<Vec<Answer>, Refusal>) -> Response {
    match answers {
        Ok(answers) => {
            let (status, lines) = wire::lines(&answers);
            respond(status, lines)
        }
        Err(refusal) => refused(&refusal),
    }
}

pub(super) fn refused(refusal: &Refusal) -> Response {
    let (status, lines) = wire::lines(&[Answer::Refused(refusal.clone())]);
    respond(status, lines)
}

/// One JSON object a line.
pub(super) fn respond(status: u16, lines: String) -> Response {
    let mut response = Response::new(Body::from(lines));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
