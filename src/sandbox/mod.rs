//! A local server that behaves as the documented API does, with faults to order.
//!
//! Owns:
//! - strictness: a request that the documentation does not allow is refused, and the answer says
//!   what was wrong with it; nothing is guessed for the client;
//! - loopback only: no address that another machine can reach is ever listened on;
//! - an asset exists from the moment its bytes and its description lie on disk under their final
//!   names; a body that ends early leaves nothing behind;
//! - a fault fires only for a request that would have been served; each one that fires is in the
//!   log beside the request;
//! - no token is ever logged, stored or sent back;
//! - memory does not grow with the size of a body.
//!
//! ```text
//! serve ──▶ routes ──▶ upload ──▶ store          the API
//!   │          │          └─────▶ faults         what goes wrong, decided once a request
//!   │          └──▶ listing, wire, files         good answers
//!   │          └──▶ refusal                      the others
//!   └──▶ control                                 /sandbox/…: faults, requests, assets, token
//! ```
//!
//! Outside the API, for tests and for the curious (no token wanted):
//!
//! | call | does |
//! |---|---|
//! | `GET /sandbox/faults` | the faults in force, each with how often it matched and fired |
//! | `POST /sandbox/faults` `{"faults":["…"]}` | replaces them all; counts start at zero |
//! | `GET /sandbox/requests` | counters, and the latest 1,000 requests |
//! | `DELETE /sandbox/requests` | forgets both |
//! | `GET /sandbox/assets?after=0&limit=10000` | what is stored, oldest first, whatever the list says; `after` is a `sequence`, both are optional |
//! | `POST /sandbox/token` `{"token":"…"}` | resets the token |
//!
//! What can go wrong is spelled as [`FAULTS`] and [`OPTIONS`] say.
mod app;
mod control;
mod fault;
mod faults;
mod files;
mod grammar;
mod listing;
mod log;
mod query;
mod refusal;
mod routes;
mod serve;
mod store;
mod tables;
mod upload;
mod wire;

#[cfg(test)]
mod tests;

pub use fault::{Call, Fault};
pub use grammar::FaultError;
pub use log::{Counter, Outcome, RequestRecord, Requests};
pub use store::Asset;
pub use tables::{FAULTS, OPTIONS, SpecDoc};

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use app::App;
use store::Store;

/// The account of a sandbox that was given none.
pub const DEFAULT_ACCOUNT: &str = "sandbox@taxiway.local";

/// How a sandbox is to run.
pub struct Options {
    /// Where to listen; a loopback address, port 0 for any free port.
    pub listen: SocketAddr,
    /// Where the assets are kept. Created if missing; one sandbox at a time uses it.
    pub dir: PathBuf,
    /// The token that is accepted; with `None` any token that is not empty.
    pub token: Option<String>,
    /// The configured Runway accounts. With none, the API has no account to upload to.
    pub accounts: Vec<String>,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
}

impl Options {
    /// One account, any token, any free port of 127.0.0.1, no fault.
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir: dir.into(),
            token: None,
            accounts: vec![DEFAULT_ACCOUNT.to_owned()],
            faults: Vec::new(),
        }
    }
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address could be reached from elsewhere.
    #[error("{0} is not a loopback address: the sandbox listens on 127.0.0.1 or [::1] only")]
    NotLoopback(SocketAddr),
    /// The address is taken or may not be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Another sandbox keeps its assets in this directory.
    #[error("{} is in use by another sandbox", .0.display())]
    InUse(PathBuf),
    /// The directory of the assets cannot be read or written.
    #[error("cannot keep assets in {}: {source}", path.display())]
    Store {
        /// The file or directory that failed.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An account that is no e-mail address.
    #[error("account {0:?} is not an e-mail address")]
    Account(String),
    /// A token that no `Authorization` header can carry.
    #[error("the token is empty or holds white space")]
    Token,
}

/// A running sandbox. Dropping it cuts its connections; [`Sandbox::stop`] also waits for the end.
pub struct Sandbox {
    address: SocketAddr,
    app: Arc<App>,
    tasks: TaskTracker,
    cancel: DropGuard,
}

impl Sandbox {
    /// Opens the assets and starts to listen, on the tokio runtime this is called in.
    pub async fn start(options: Options) -> Result<Sandbox, Error> {
        if !options.listen.ip().is_loopback() {
            return Err(Error::NotLoopback(options.listen));
        }
        let accounts = accounts(&options.accounts)?;
        if options.token.as_deref().is_some_and(|token| !usable(token)) {
            return Err(Error::Token);
        }
        let listen_error = |source| Error::Listen { address: options.listen, source };
        let dir = options.dir;
        let store = match tokio::task::spawn_blocking(move || Store::open(&dir)).await {
            Ok(store) => store?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        let listener = tokio::net::TcpListener::bind(options.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let tasks = TaskTracker::new();
        let app = Arc::new(App::new(
            format!("http://{address}"),
            accounts,
            options.token,
            options.faults,
            store,
            tasks.clone(),
        ));
        let cancel = CancellationToken::new();
        tasks.spawn(serve::accept(listener, Arc::clone(&app), tasks.clone(), cancel.clone()));
        Ok(Sandbox { address, app, tasks, cancel: cancel.drop_guard() })
    }

    /// The base URL of the API, as a client is configured with it: `http://127.0.0.1:PORT/v1/runwayml`.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, routes::BASE_PATH)
    }

    /// The address that is listened on, with the port that was found.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces all faults; their counts start at zero.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.app.faults.replace(faults);
    }

    /// Resets the token, as the vendor may: every other one is refused from now on.
    ///
    /// [`Error::Token`] when no client could send it.
    pub fn set_token(&self, token: String) -> Result<(), Error> {
        if !usable(&token) {
            return Err(Error::Token);
        }
        self.app.set_token(token);
        Ok(())
    }

    /// What was asked of the sandbox so far: all counters, and the latest requests.
    pub fn requests(&self) -> Requests {
        self.app.log.snapshot()
    }

    /// Every asset that is stored, oldest first, whatever the list faults hide.
    pub fn assets(&self) -> Vec<Arc<Asset>> {
        self.app.store.oldest_first(0, usize::MAX)
    }

    /// Cuts all connections, ends every wait, and returns when the directory is free again.
    ///
    /// A body that has not arrived whole by now is not stored.
    pub async fn stop(self) {
        drop(self.cancel);
        self.tasks.close();
        self.tasks.wait().await;
        // The last hold on the store, and so on its lock.
        drop(self.app);
    }
}

/// The configured accounts, in lower case, each once.
fn accounts(configured: &[String]) -> Result<Vec<String>, Error> {
    let mut accounts = Vec::with_capacity(configured.len());
    for account in configured {
        let account = account.trim().to_lowercase();
        let is_email = account
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
            && !account.contains(|c: char| c.is_whitespace() || c == '/');
        if !is_email {
            return Err(Error::Account(account));
        }
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    Ok(accounts)
}

/// Whether an `Authorization` header can carry this token.
fn usable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}
