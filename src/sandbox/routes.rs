//! The calls of the API: which one a request is, whether it is allowed, and its answer.
//!
//! Owns: the order of checks (path, method, token, parameters, and only then faults) and the
//! answers of every call but the upload.
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::json;

use super::app::{App, Exchange};
use super::fault::Call;
use super::faults::{Plan, Subject};
use super::listing::{self, Page};
use super::log::{Outcome, RequestRecord};
use super::query;
use super::refusal::{self, Refusal};
use super::store::Asset;
use super::wire;
use super::{control, files, upload};

/// The path below which the API lies.
pub(super) const BASE_PATH: &str = "/v1/runwayml";
/// The path below which the bytes of assets lie.
pub(super) const FILES_PATH: &str = "/files/";

/// The service of every connection.
pub(super) fn router(app: Arc<App>) -> Router {
    control::router().fallback(api).layer(middleware::from_fn(known_host)).with_state(app)
}

/// Refuses names that a web page could have pointed at this machine.
async fn known_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).map(|host| host.to_str());
    let known = match host {
        None => true,
        Some(Err(_)) => false,
        Some(Ok(host)) => {
            let name = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
                Some(_) | None => host,
            };
            let address = name.trim_start_matches('[').trim_end_matches(']');
            name.eq_ignore_ascii_case("localhost")
                || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    if known {
        return next.run(request).await;
    }
    refusal::error(
        StatusCode::FORBIDDEN,
        "The sandbox answers to localhost and loopback addresses only",
    )
}

/// What a request asks for.
enum Route {
    Upload,
    List,
    Asset(String),
    Delete(String),
    Accounts,
    Account,
    Features,
    File(String),
    NotFound,
    NotAllowed(&'static str),
}

impl Route {
    fn of(method: &Method, path: &str) -> Route {
        if let Some(id) = path.strip_prefix(FILES_PATH) {
            return match *method {
                Method::GET | Method::HEAD => Route::File(id.to_owned()),
                _ => Route::NotAllowed("GET, HEAD"),
            };
        }
        let get = |route| match *method {
            Method::GET => route,
            _ => Route::NotAllowed("GET"),
        };
        if path == "/v2/account" {
            return get(Route::Account);
        }
        match path.strip_prefix(BASE_PATH).unwrap_or_default() {
            "/assets" | "/assets/" => match *method {
                Method::GET => Route::List,
                Method::POST => Route::Upload,
                _ => Route::NotAllowed("GET, POST"),
            },
            "/accounts" | "/accounts/" => get(Route::Accounts),
            "/features" | "/features/" => get(Route::Features),
            other => match other.strip_prefix("/assets/").filter(|id| !id.contains('/')) {
                None => Route::NotFound,
                Some(id) => match *method {
                    Method::GET => Route::Asset(id.to_owned()),
                    Method::DELETE => Route::Delete(id.to_owned()),
                    _ => Route::NotAllowed("GET, DELETE"),
                },
            },
        }
    }

    fn call(&self) -> Call {
        match self {
            Route::Upload => Call::Upload,
            Route::List => Call::List,
            Route::Asset(_) => Call::Asset,
            Route::Delete(_) => Call::Delete,
            Route::Accounts => Call::Accounts,
            Route::Account => Call::Account,
            Route::Features => Call::Features,
            Route::File(_) => Call::File,
            Route::NotFound | Route::NotAllowed(_) => Call::Other,
        }
    }
}

/// Answers everything that is no control request.
async fn api(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let route = Route::of(&head.method, head.uri.path());
    let exchange = Exchange {
        entry: app.log.begin(record(&app, &head, route.call())),
        connection: head.extensions.get().cloned().unwrap_or_default(),
        app,
        head,
    };
    if let Route::Upload = route {
        return upload::upload(exchange, body).await;
    }
    match Prepared::of(route, &exchange) {
        Ok(prepared) => perform(prepared, exchange).await,
        Err(refusal) => upload::refuse(exchange, body, &refusal).await,
    }
}

/// A request that is fine, and what it needs.
enum Prepared {
    List(String, Page),
    Asset(Arc<Asset>),
    Delete(Arc<Asset>),
    Accounts,
    Account,
    Features(String),
    File(Arc<Asset>),
}

impl Prepared {
    fn of(route: Route, exchange: &Exchange) -> Result<Prepared, Refusal> {
        let app = &exchange.app;
        match &route {
            Route::NotFound => return Err(Refusal::not_found("there is no such call")),
            Route::NotAllowed(allow) => {
                return Err(Refusal::not_allowed(exchange.head.method.as_str(), allow));
            }
            // The url of an asset works as it is, as a signed one does.
            Route::File(_) => {}
            _ => exchange.authorize()?,
        }
        let find = |asset_id: &str| {
            exchange.parameters(&[])?;
            let asset_id = query::decode(asset_id, false).map_err(Refusal::bad_request)?;
            let asset = app.store.find(&asset_id);
            asset.ok_or_else(|| Refusal::not_found(format!("there is no asset {asset_id:?}")))
        };
        match route {
            Route::List => {
                let query = exchange.parameters(&Page::PARAMETERS)?;
                let page = Page::parse(&query).map_err(Refusal::bad_request)?;
                Ok(Prepared::List(app.account(&query)?, page))
            }
            Route::Asset(asset_id) => find(&asset_id).map(Prepared::Asset),
            Route::Delete(asset_id) => find(&asset_id).map(Prepared::Delete),
            Route::Accounts => {
                exchange.parameters(&[])?;
                match app.accounts.as_slice() {
                    [] => Err(Refusal::not_found("no account is configured")),
                    [_, ..] => Ok(Prepared::Accounts),
                }
            }
            Route::Account => exchange.parameters(&[]).map(|_| Prepared::Account),
            Route::Features => {
                let query = exchange.parameters(&["email"])?;
                app.account(&query).map(Prepared::Features)
            }
            Route::File(id) => match app.store.find_by_id(&id) {
                Some(asset) => Ok(Prepared::File(asset)),
                None => Err(Refusal::not_found(format!("there is no asset {id:?}"))),
            },
            Route::Upload | Route::NotFound | Route::NotAllowed(_) => {
                Err(Refusal::not_found("there is no such call"))
            }
        }
    }

    fn subject(&self) -> Subject<'_> {
        let (call, account) = match self {
            Prepared::List(account, _) => (Call::List, Some(account.as_str())),
            Prepared::Asset(asset) => (Call::Asset, Some(asset.account.as_str())),
            Prepared::Delete(asset) => (Call::Delete, Some(asset.account.as_str())),
            Prepared::File(asset) => (Call::File, Some(asset.account.as_str())),
            Prepared::Features(account) => (Call::Features, Some(account.as_str())),
            Prepared::Accounts => (Call::Accounts, None),
            Prepared::Account => (Call::Account, None),
        };
        Subject {
            call,
            name: self.asset().map(|asset| asset.name.as_str()),
            account,
            content_length: None,
        }
    }

    fn asset(&self) -> Option<&Asset> {
        match self {
            Prepared::Asset(asset) | Prepared::Delete(asset) | Prepared::File(asset) => Some(asset),
            Prepared::List(..) | Prepared::Accounts | Prepared::Account | Prepared::Features(_) => {
                None
            }
        }
    }
}

async fn perform(prepared: Prepared, exchange: Exchange) -> Response {
    let app = Arc::clone(&exchange.app);
    let plan = app.faults.decide(&prepared.subject());
    exchange.entry.set_faults(plan.fired.clone());
    if let Some(asset) = prepared.asset() {
        exchange.entry.set_asset(asset.asset_id());
    }
    let done = match &plan.answer {
        Some(answer) if !answer.stored => Response::new(Body::empty()),
        Some(_) | None => match answer(&app, &prepared, &plan).await {
            Ok(response) => response,
            Err(refusal) => {
                exchange.note(&refusal);
                return exchange.answer(refusal.response());
            }
        },
    };
    conclude(exchange, &plan, done).await
}

/// Waits as the plan says, and answers what it leaves of a good answer.
pub(super) async fn conclude(exchange: Exchange, plan: &Plan, good: Response) -> Response {
    if let Some(delay) = plan.delay {
        pause(delay).await;
    }
    let response = match &plan.answer {
        None => Some(good),
        Some(answer) => refusal::spoil(&answer.what, good, exchange.app.faults.now()),
    };
    match response {
        Some(response) => exchange.answer(response),
        None => exchange.reset().await,
    }
}

async fn pause(delay: Duration) {
    // The task of the connection is dropped when the sandbox stops, and this wait with it.
    tokio::time::sleep(delay).await;
}

async fn answer(app: &App, prepared: &Prepared, plan: &Plan) -> Result<Response, Refusal> {
    let now = app.faults.now();
    let value = match prepared {
        Prepared::List(account, page) => {
            listing::page(&app.store, &app.origin, account, page, &plan.list, now.as_millisecond())
        }
        Prepared::Asset(asset) => wire::listed(asset, &app.origin, &plan.list),
        Prepared::Delete(asset) => {
            let (store, asset) = (Arc::clone(&app.store), Arc::clone(asset));
            let removed = app.blocking(move || store.remove(&asset)).await;
            match removed.map_err(|error| Refusal::disk(&error))? {
                true => json!({"success": true}),
                false => return Err(Refusal::not_found("deleted at the same moment")),
            }
        }
        Prepared::Accounts => {
            let states: Vec<(String, bool)> = app
                .accounts
                .iter()
                .map(|email| (email.clone(), app.faults.is_broken(email)))
                .collect();
            wire::accounts(&states, now)
        }
        Prepared::Account => {
            let broken = |email: &&String| app.faults.is_broken(email);
            let broken = app.accounts.iter().filter(broken).count();
            wire::account(app.accounts.len(), broken, !app.faults.is_unsubscribed())
        }
        Prepared::Features(account) => wire::features(app.store.bytes_of(account)),
        Prepared::File(asset) => {
            return files::response(app, asset).await.map_err(|error| Refusal::disk(&error));
        }
    };
    Ok(refusal::json_response(StatusCode::OK, &value))
}

/// What the head of a request says, for the log.
fn record(app: &App, head: &Parts, call: Call) -> RequestRecord {
    let text = |name| {
        let value = head.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    RequestRecord {
        sequence: 0,
        at: wire::rfc3339(app.faults.now().as_millisecond()),
        call,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        content_type: text(CONTENT_TYPE),
        content_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        authorization: head.headers.contains_key(AUTHORIZATION),
        received: 0,
        outcome: Outcome::Open,
        status: None,
        asset_id: None,
        faults: Vec::new(),
        problem: None,
    }
}
