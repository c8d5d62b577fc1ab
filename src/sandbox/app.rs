//! What all handlers share, and one request on its way through them.
//!
//! Owns: the token, the rule for the account of a call, and the end of each request, which is
//! logged before its answer goes out.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, DATE};
use axum::http::request::Parts;
use axum::response::Response;
use tokio_util::task::TaskTracker;

use super::fault::Fault;
use super::faults::Faults;
use super::log::{Entry, Log};
use super::query::Query;
use super::refusal::{self, Refusal};
use super::serve::Connection;
use super::store::Store;

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
                Err(Refusal::bad_request(format!("Account {email:?} is not configured{hint}")))
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

/// A request that is being answered.
pub(super) struct Exchange {
    pub(super) app: Arc<App>,
    pub(super) head: Parts,
    pub(super) entry: Entry,
    pub(super) connection: Connection,
}

impl Exchange {
    /// Checks the token.
    pub(super) fn authorize(&self) -> Result<(), Refusal> {
        self.app.authorize(&self.head.headers)
    }

    /// The parameters, if there are only such as there may be.
    pub(super) fn parameters(&self, known: &[&str]) -> Result<Query, Refusal> {
        Query::parse(self.head.uri.query().unwrap_or_default(), known).map_err(Refusal::bad_request)
    }

    /// Sends an answer: the last thing that happens to a request.
    pub(super) fn answer(self, mut response: Response) -> Response {
        if let Some(date) = refusal::http_date(self.app.faults.now()) {
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
