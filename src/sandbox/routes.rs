//! The calls of the API: which one a request is, whether it is allowed, and its answer.
//!
//! Owns: the order of checks (path, method, token, parameters, and only then faults) and the
//! answers of every call but the upload.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::fault::{Call, Fault};
use super::faults::{Faults, Plan, Subject};
use super::listing::{self, Page};
use super::log::{Entry, Log, Outcome, RequestRecord};
use super::query::{self, Query};
use super::serve::Connection;
use super::store::{Asset, Store};
use super::wire::{self, Refusal};
use super::{control, files, upload};

/// The path below which the API lies.
pub(super) const BASE_PATH: &str = "/v1/runwayml";
/// The path below which the bytes of assets lie.
pub(super) const FILES_PATH: &str = "/files/";

/// Everything a handler needs.
pub(super) struct App {
    pub(super) origin: String,
    pub(super) accounts: Vec<String>,
    pub(super) faults: Faults,
    pub(super) log: Arc<Log>,
    pub(super) store: Arc<Store>,
    pub(super) tasks: TaskTracker,
    token: Mutex<Option<String>>,
}

impl App {
    pub(super) fn new(
        origin: String,
        accounts: Vec<String>,
        token: Option<String>,
        faults: Vec<Fault>,
        store: Store,
        tasks: TaskTracker,
    ) -> App {
        App {
            origin,
            accounts,
            faults: Faults::new(faults),
            log: Arc::default(),
            store: Arc::new(store),
            tasks,
            token: Mutex::new(token),
        }
    }

    /// Refuses every other token from now on.
    pub(super) fn set_token(&self, token: String) {
        *self.token() = Some(token);
    }

    /// The account a call goes to.
    pub(super) fn account(&self, query: &Query) -> Result<String, Refusal> {
        match (query.value("email"), self.accounts.as_slice()) {
            (None, []) => Err(Refusal::bad_request("No Runway account is configured")),
            (None, [account]) => Ok(account.clone()),
            (None, [_, ..]) => Err(Refusal::bad_request(
                "Query parameter email is required: several accounts are configured",
            )),
            (Some(email), accounts) => {
                let wanted = email.to_lowercase();
                if accounts.contains(&wanted) {
                    return Ok(wanted);
                }
                let hint = match email.contains(' ') {
                    true => "; a + in an email must be sent as %2B",
                    false => "",
                };
                Err(Refusal::bad_request(format!(
                    "Account {email:?} is not configured{hint}"
                )))
            }
        }
    }

    /// Runs something that blocks, where it harms nobody.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        match self.tasks.spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let refuse = |problem: &str| Err(Refusal::unauthorized(problem));
        let Some(value) = headers.get(AUTHORIZATION) else {
            return refuse("no Authorization header");
        };
        let given = value.to_str().ok().and_then(|value| value.split_once(' '));
        let given = match given {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) | None => return refuse("Authorization is not of the form: Bearer TOKEN"),
        };
        match self.token().as_deref() {
            _ if given.is_empty() => refuse("the token is empty"),
            Some(token) if token != given => refuse("another token is expected"),
            Some(_) | None => Ok(()),
        }
    }

    fn token(&self) -> MutexGuard<'_, Option<String>> {
        // A token is replaced whole or not at all.
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service of every connection.
pub(super) fn router(app: Arc<App>) -> Router {
    control::router()
        .fallback(api)
        .layer(middleware::from_fn(known_host))
        .with_state(app)
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
                || address
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    };
    if known {
        return next.run(request).await;
    }
    wire::error(
        StatusCode::FORBIDDEN,
        "The sandbox answers to localhost and loopback addresses only",
    )
}

/// A request that is being answered.
pub(super) struct Exchange {
    pub(super) app: Arc<App>,
    pub(super) head: Parts,
    pub(super) entry: Entry,
    pub(super) connection: Connection,
}

impl Exchange {
    /// Sends an answer: the last thing that happens to a request.
    pub(super) fn answer(self, mut response: Response) -> Response {
        if let Some(date) = wire::http_date(self.app.faults.now()) {
            response.headers_mut().insert(DATE, date);
        }
        self.entry.answered(response.status().as_u16());
        response
    }

    /// Sends no answer, but a reset.
    pub(super) async fn reset(self) -> Response {
        self.entry.reset();
        match self.connection.reset().await {}
    }

    /// Notes why there will be an error.
    pub(super) fn note(&self, refusal: &Refusal) {
        let problem = refusal.problem.as_deref().unwrap_or(&refusal.message);
        self.entry.set_problem(problem);
    }
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
            other => match other
                .strip_prefix("/assets/")
                .filter(|id| !id.contains('/'))
            {
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

/// Checks the token of a request.
pub(super) fn authorize(exchange: &Exchange) -> Result<(), Refusal> {
    exchange.app.authorize(&exchange.head.headers)
}

/// The parameters of a request, if it has only those it may have.
pub(super) fn parameters(exchange: &Exchange, known: &[&str]) -> Result<Query, Refusal> {
    Query::parse(exchange.head.uri.query().unwrap_or_default(), known).map_err(Refusal::bad_request)
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
            _ => authorize(exchange)?,
        }
        let find = |asset_id: &str| {
            parameters(exchange, &[])?;
            let asset_id = query::decode(asset_id, false).map_err(Refusal::bad_request)?;
            let asset = app.store.find(&asset_id);
            asset.ok_or_else(|| Refusal::not_found(format!("there is no asset {asset_id:?}")))
        };
        match route {
            Route::List => {
                let query = parameters(exchange, &Page::PARAMETERS)?;
                let page = Page::parse(&query).map_err(Refusal::bad_request)?;
                Ok(Prepared::List(app.account(&query)?, page))
            }
            Route::Asset(asset_id) => find(&asset_id).map(Prepared::Asset),
            Route::Delete(asset_id) => find(&asset_id).map(Prepared::Delete),
            Route::Accounts => {
                parameters(exchange, &[])?;
                match app.accounts.as_slice() {
                    [] => Err(Refusal::not_found("no account is configured")),
                    [_, ..] => Ok(Prepared::Accounts),
                }
            }
            Route::Account => parameters(exchange, &[]).map(|_| Prepared::Account),
            Route::Features => {
                let query = parameters(exchange, &["email"])?;
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
        Some(answer) => wire::spoil(&answer.what, good, exchange.app.faults.now()),
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
        Prepared::List(account, page) => listing::page(
            &app.store,
            &app.origin,
            account,
            page,
            &plan.list,
            now.as_millisecond(),
        ),
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
            return files::response(app, asset)
                .await
                .map_err(|error| Refusal::disk(&error));
        }
    };
    Ok(wire::json_response(StatusCode::OK, &value))
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
