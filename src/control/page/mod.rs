//! The page that a browser shows: its files, the way in, and what it asks that others do not.
//!
//! Owns:
//! - nothing listens for it before somebody asks over the socket, who is thereby one of us;
//! - files are named by rows of the ledger, and folders by their number or place: never by paths.

mod beneath;
mod disk;
mod doing;
mod drop;
mod files;
mod keys;
mod looking;
mod thumb;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, RawQuery};
use axum::http::header::{CONTENT_TYPE, LOCATION, REFRESH, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::app::App;
use super::guard::{FETCH_SITE, Guard};
use super::refusal::{No, Refusal};
use super::routes::refused;
use super::whence::Owner;
use super::wire;

pub(super) use drop::tidy;
pub(super) use files::is_open;
pub(super) use keys::{Entered, Keys, random};
pub(super) use thumb::Moving;

/// Random bytes by which a page knows its daemon again.
const DAEMON_BYTES: usize = 16;
/// Questions to the disks of folders at once.
const DISK_AT_ONCE: usize = 2;
/// Passes over the ledger at once; who looks on while one goes waits, and those who only ask for the
/// status do not.
const PASSES_AT_ONCE: usize = 2;
/// Drops at once; further ones wait.
const DROPS_AT_ONCE: usize = 4;

/// An address that was opened, or why it cannot be.
pub(super) type Opened = Result<Open, String>;

/// An address, and the keys that open the page there: they end with it.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) address: SocketAddr,
    pub(super) keys: Arc<Keys>,
}

/// Where the page is, and who may look at it.
#[derive(Debug)]
pub(super) struct Page {
    /// The address of the configuration, if there is one and it was tried.
    pub(super) fixed: watch::Sender<Option<Opened>>,
    /// That of the page's own listener.
    pub(super) own: watch::Sender<Option<Opened>>,
    /// How often the page's own listener was asked for.
    pub(super) wanted: watch::Sender<u64>,
    /// A secret that this process shares with whom it let in, and with nobody else.
    daemon: String,
    disk: Arc<Semaphore>,
    drops: Semaphore,
    passes: Arc<Semaphore>,
}

impl Default for Page {
    fn default() -> Page {
        Page {
            fixed: watch::Sender::default(),
            own: watch::Sender::default(),
            wanted: watch::Sender::default(),
            // Without randomness nobody is let in either.
            daemon: random(DAEMON_BYTES).unwrap_or_default(),
            disk: Arc::new(Semaphore::new(DISK_AT_ONCE)),
            drops: Semaphore::new(DROPS_AT_ONCE),
            passes: Arc::new(Semaphore::new(PASSES_AT_ONCE)),
        }
    }
}

/// Where a browser goes.
#[derive(Debug, serde::Serialize)]
struct Way {
    schema: u8,
    url: String,
}

/// Opens a way in: `POST /v1/ui` of the socket.
pub(super) async fn way_in(app: &App, owner: Owner) -> Result<String, Refusal> {
    let Open { address, keys } = listening(app).await?;
    let once = keys.offer(owner).map_err(|error| {
        let words = format!("no key can be made: {}", crate::text::reason(&error));
        Refusal::new(No::NotNow, words, "taxiway ui")
    })?;
    let url = format!("http://{address}/ui/enter?once={once}");
    Ok(wire::written(&Way { schema: 1, url }))
}

/// The address that the configuration names, or else one of the page's own, opened now.
async fn listening(app: &App) -> Result<Open, Refusal> {
    let fixed = app.config().control.listen;
    let opened = match fixed {
        Some(address) => {
            let mut opened = app.page.fixed.subscribe();
            let is_it = |opened: &Option<Opened>| match opened {
                Some(Ok(here)) => here.address == address,
                Some(Err(_)) => true,
                None => false,
            };
            let found = timeout(app.patience, opened.wait_for(is_it)).await;
            found.ok().and_then(|found| found.ok()?.clone())
        }
        None => {
            let mut opened = app.page.own.subscribe();
            opened.mark_unchanged();
            app.page.wanted.send_modify(|times| *times += 1);
            let is_open = |opened: &Option<Opened>| matches!(opened, Some(Ok(_)));
            if !is_open(&opened.borrow()) {
                let _ = timeout(app.patience, opened.changed()).await;
            }
            opened.borrow().clone()
        }
    };
    let not_now = |words: &str| Refusal::new(No::NotNow, words, "taxiway ui");
    match opened {
        Some(Ok(open)) => Ok(open),
        Some(Err(why)) if fixed.is_some() => Err(not_now(&format!("[control] listen: {why}"))),
        Some(Err(why)) => Err(not_now(&why)),
        None => Err(not_now("the daemon does not listen yet")),
    }
}

/// Whether a path is one of the page's, for which there is no other way in.
pub(super) fn is_of_page(path: &str) -> bool {
    path == "/" || path.starts_with("/ui/")
}

/// Whether the page asks for a path, or has something done there: what names files by paths is for
/// those who may read them anyway.
pub(super) fn is_for_page(path: &str) -> bool {
    const OTHERS: [&str; 6] =
        ["/v1/status", "/v1/events", "/v1/pause", "/v1/resume", "/v1/rescan", "/v1/retry"];
    is_of_page(path) || OTHERS.contains(&path)
}

/// Whether people come to a path by links.
pub(super) fn is_door(path: &str) -> bool {
    path == "/" || path == "/ui/enter"
}

/// What only a browser asks for.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(files::index))
        .route("/ui/enter", get(enter))
        .route("/ui/status", get(looking::status))
        .route("/ui/rows", get(looking::rows))
        .route("/ui/counts", get(looking::counts))
        .route("/ui/why", get(looking::why))
        .route("/ui/plot", get(looking::plot))
        .route("/ui/thumb", get(thumb::thumb))
        .route("/ui/retry", post(doing::retry))
        .route("/ui/resolve", post(doing::resolve))
        .route("/ui/forget", post(doing::forget))
        .route("/ui/drop", post(drop::take))
        .route("/ui/{name}", get(files::file))
}

/// Lets a browser in that shows a key which was given out for that, once.
async fn enter(
    Extension(guard): Extension<Arc<Guard>>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let once = match wire::parameters(&query, &["once"]) {
        Ok(parameters) => parameters.into_iter().next().map(|(_, once)| once),
        Err(refusal) => return refused(&refusal),
    };
    let once = String::from_utf8(once.unwrap_or_default()).unwrap_or_default();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    let key = match guard.enter(&once, owner) {
        Ok(Entered::In(key)) => key,
        // Back to where it came from, or the same address once more.
        _ if guard.knows_browser(&headers, owner) => return response,
        Ok(Entered::Foreign) => {
            let why = "It opens the page for who asked for it. For one of your own, type";
            return words(401, "This address is for another user", why);
        }
        Ok(Entered::Used) | Err(_) => {
            let why = "An address opens the page once, and within a minute. For another, type";
            return words(401, "This address was used, or is too old", why);
        }
    };
    if headers.get(FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none") {
        // Whoever follows a link on another site's page shows no cookie, not even after a redirection:
        // the page is gone to from one of ours.
        response = words(200, "taxiway", "The page opens. If it does not, type");
        response.headers_mut().insert(REFRESH, HeaderValue::from_static("0; url=/"));
    }
    let cookie = format!("{}={key}; HttpOnly; SameSite=Strict; Path=/", guard.cookie());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// A page of a few words, that end with what to type.
pub(super) fn words(status: u16, title: &str, why: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>taxiway</title>\n\
         <link rel=\"stylesheet\" href=\"/ui/style.css\">\n\
         <main class=\"alone\">\n<h1>{title}</h1>\n<p>{why} <code>taxiway ui</code></p>\n</main>\n"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
