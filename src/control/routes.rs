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
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::listing::Question;
use super::page::{self, Page};
use super::pushing::push;
use super::refusal::{No, Refusal};
use super::standing::Standing;
use super::status::Status;
use super::stream::{BEHIND_MOST, Heard, stream};
use super::waiting::wait;
use super::why::{absence, history_json};
use super::wire::{self, Call};
use super::wish::{Answer, Judged, Wish};
use crate::config::Config;
use crate::daemon::lock::ledger_path;
use crate::daemon::{Clock, Message, View, Wanted};
use crate::ledger::{Ledger, LedgerError};
use crate::planner::{Command, Wall};

/// The most that a body may have, in bytes.
const BODY_MOST: usize = 1 << 20;
/// How long the loop may take to grant a wish.
const GRANT_PATIENCE: Duration = Duration::from_secs(30);

/// Has the configuration read again, and says what changed, a line each.
pub type Reload = Box<dyn Fn() -> Result<Vec<String>, Refusal> + Send + Sync>;

/// What all answers are made from.
pub(super) struct App {
    config: watch::Receiver<Arc<Config>>,
    reload: Reload,
    /// One reload at a time waits for the loop.
    reloading: tokio::sync::Mutex<()>,
    ledger: PathBuf,
    pub(super) patience: Duration,
    /// None until the first session begins.
    session: watch::Sender<Option<Sender<Message>>>,
    heard: broadcast::Sender<Arc<Heard>>,
    pub(super) standing: Standing,
    pub(super) page: Page,
    /// The server ends.
    ended: CancellationToken,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl App {
    pub(super) fn new(
        config: watch::Receiver<Arc<Config>>,
        reload: Reload,
        standing: Standing,
        patience: Duration,
        ended: CancellationToken,
    ) -> App {
        let ledger = ledger_path(&config.borrow().state_dir);
        App {
            config,
            reload,
            reloading: tokio::sync::Mutex::default(),
            ledger,
            patience,
            session: watch::Sender::default(),
            heard: broadcast::Sender::new(BEHIND_MOST),
            standing,
            page: Page::default(),
            ended,
        }
    }

    /// The wall clock.
    pub(super) fn now(&self) -> Wall {
        Clock::start().now().wall
    }

    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// The configuration, and word of each time that it is read again.
    pub(super) fn configs(&self) -> watch::Receiver<Arc<Config>> {
        self.config.clone()
    }

    /// Comes when the server ends.
    pub(super) async fn ends(&self) {
        self.ended.cancelled().await;
    }

    /// Whether anybody listens.
    pub(super) fn has_listeners(&self) -> bool {
        self.heard.receiver_count() > 0
    }

    /// Tells whoever listens.
    pub(super) fn hear(&self, heard: Heard) {
        // Without a listener there is nobody to tell.
        let _ = self.heard.send(Arc::new(heard));
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Heard>> {
        self.heard.subscribe()
    }

    /// How things stand.
    pub(super) async fn view(&self) -> Result<View, Refusal> {
        let (reply, view) = oneshot::channel();
        self.send(Message::View(reply)).await?;
        replied(view).await
    }

    /// Hands files over to the loop; on disk when this returns.
    pub(super) async fn hand_over(&self, files: Vec<Wanted>) -> Result<(), Refusal> {
        let (reply, done) = oneshot::channel();
        self.send(Message::Push(files, reply)).await?;
        replied(done).await
    }

    async fn send(&self, message: Message) -> Result<(), Refusal> {
        let session = self.session().await;
        let sent = session.is_some_and(|session| session.send(message).is_ok());
        if sent { Ok(()) } else { Err(not_now()) }
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
    pub(super) async fn grant(&self, commands: Vec<Command>) -> Result<(), Refusal> {
        let (reply, granted) = oneshot::channel();
        self.send(Message::Ask(commands, reply)).await?;
        replied(granted).await
    }
}

async fn replied<T>(reply: oneshot::Receiver<T>) -> Result<T, Refusal> {
    match timeout(GRANT_PATIENCE, reply).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(_)) => Err(not_now()),
        Err(_) => Err(Refusal::new(No::NotNow, "the daemon is busy, and may still do it", AGAIN)),
    }
}

pub(super) fn not_now() -> Refusal {
    Refusal::new(No::NotNow, "the daemon is ending, or cannot write its ledger now", AGAIN)
}

/// The ledger, to be read; none if there is none yet.
pub(super) fn read_ledger(app: &App) -> Result<Option<Ledger>, Refusal> {
    Ledger::read(&app.ledger).map_err(unreadable)
}

/// The service of every connection to the socket: who asks there is one of us, and may open a way
/// in for a browser.
pub(super) fn of_socket(app: Arc<App>) -> Router {
    let way_in = post(|State(app): State<Arc<App>>, request: Request| async move {
        answer(way_in(&app, request.into_body()).await)
    });
    common().route("/v1/ui", way_in).layer(from_fn(bodies_only)).with_state(app)
}

/// The service of every connection over TCP: the page, too.
pub(super) fn of_tcp(app: Arc<App>) -> Router {
    common().layer(from_fn(bodies_only)).merge(page::routes()).with_state(app)
}

async fn way_in(app: &App, body: Body) -> Result<Vec<Answer>, Refusal> {
    let Nothing {} = wire::read_or_default(&whole(body, app.patience).await?)?;
    Ok(vec![Answer::Granted(page::way_in(app).await?)])
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
    let _turn = app.reloading.lock().await;
    let changed = blocking(&app, |app| (app.reload)()).await?;
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
        let ledger = read_ledger(app)?.ok_or_else(not_now)?;
        let status = Status::of(&view, &ledger, app.standing.daemon()).map_err(unreadable)?;
        Ok(serde_json::to_string(&status).unwrap_or_default())
    })
    .await
}

/// Paused or busy, too: what needs a person does not wait for that.
async fn nobody_is_needed(app: &Arc<App>) -> Result<(), Refusal> {
    let view = app.view().await?;
    blocking(app, move |app| {
        let ledger = read_ledger(app)?.ok_or_else(not_now)?;
        let status = Status::of(&view, &ledger, app.standing.daemon()).map_err(unreadable)?;
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
    stream(app.listen(), app.ended.clone())
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

/// Has a wish judged and granted.
pub(super) async fn wished(
    app: Arc<App>,
    wish: impl FnOnce(&App) -> Result<Wish, Refusal> + Send + 'static,
) -> Result<Vec<Answer>, Refusal> {
    let judged = blocking(&app, move |app| {
        let wish = wish(app)?;
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
        let ledger = Ledger::read(&app.ledger).map_err(unreadable)?;
        let history = ledger.map(|ledger| ledger.history(&path, true)).transpose();
        match history.map_err(unreadable)?.flatten() {
            Some(history) => Ok(history_json(&history, &app.config(), true)),
            None => Err(absence(&app.config(), &path)),
        }
    });
    answer(told.await.map(|object| vec![Answer::Granted(object)]))
}

/// Runs something that reads from disk, where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
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

pub(super) fn unreadable(error: LedgerError) -> Refusal {
    Refusal::new(No::Broken, error.to_string(), error.hint())
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
