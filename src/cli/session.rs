//! What `run` and `push` share: the server, the ledger, and what is left at the end.

use crate::config::Config;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::planner::{Cause, Condition, FolderId, Gate, Paused};
use crate::sandbox::{DEFAULT_ACCOUNT, Options, Sandbox};
use crate::secret::keyring::Keyring;
use crate::text;

use super::args::Common;
use super::{Exit, Failure, again};

/// The token that a sandbox inside this process is used with.
pub(super) const SANDBOX_TOKEN: &str = "user:1-sandbox";
/// The base URL that a sandbox's ledger remembers: its port is another at every start.
pub const SANDBOX_SERVER: &str = "sandbox";

/// Refuses to send anything on behalf of a ledger that was rebuilt and does not know yet what the
/// server has.
pub fn refuse_unpaired(common: &Common, ledger: &Ledger) -> Result<(), Failure> {
    if !ledger.owes_pairing()? {
        return Ok(());
    }
    let message = "this ledger was rebuilt and is not paired with the server yet: its files may be \
                   there already";
    Err(Failure::new(Exit::Later, message, again(common, "ledger adopt")))
}

/// Where uploads go.
pub struct Server {
    /// Its base URL.
    pub base_url: String,
    /// What the ledger remembers it as.
    pub remembered: String,
    /// The sandbox, and what drives it.
    sandbox: Option<(tokio::runtime::Runtime, Sandbox)>,
}

impl Server {
    /// The configured server, or a sandbox of this process.
    pub fn open(config: &Config, sandbox: bool) -> Result<Server, Failure> {
        if !sandbox {
            let base_url = config.api.base_url.as_str().to_owned();
            return Ok(Server { remembered: base_url.clone(), base_url, sandbox: None });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sandbox")
            .enable_all()
            .build()?;
        let mut options = Options::new(config.state_dir.join("server"));
        options.accounts = sandbox_accounts(config);
        let sandbox = runtime.block_on(Sandbox::start(options));
        let sandbox = sandbox.map_err(|error| no_sandbox(&error.to_string()))?;
        Ok(Server {
            base_url: sandbox.base_url(),
            remembered: SANDBOX_SERVER.into(),
            sandbox: Some((runtime, sandbox)),
        })
    }

    /// Ends the sandbox, if there is one.
    pub fn close(self) {
        if let Some((runtime, sandbox)) = self.sandbox {
            runtime.block_on(sandbox.stop());
        }
    }
}

/// The accounts of a sandbox inside this process: those of the folders, or one.
pub fn sandbox_accounts(config: &Config) -> Vec<String> {
    let emails = config.folders.iter().filter_map(|folder| folder.email.as_ref());
    let mut accounts: Vec<String> = emails.map(|email| email.as_str().to_owned()).collect();
    accounts.sort();
    accounts.dedup();
    if accounts.is_empty() { vec![DEFAULT_ACCOUNT.to_owned()] } else { accounts }
}

/// What is left when a session has ended, as an exit code and a line for a person.
pub fn verdict(engine: &Engine, folders: &[FolderId], source: &str) -> (Exit, Option<Failure>) {
    let mut exit = Exit::Well;
    let mut told = None;
    let planner = engine.planner();
    let gates = planner.stop_of_all().into_iter().chain(planner.stops().map(|(_, gate)| gate));
    for gate in gates {
        let (of_gate, failure) = stopped(gate, source);
        if of_gate != Exit::Well {
            exit = exit.worst(of_gate);
            told.get_or_insert(failure);
        }
    }
    if let Some(paused) = planner.paused() {
        exit = exit.worst(Exit::Later);
        let failure = match paused {
            Paused::Asked { .. } => {
                Failure::new(Exit::Later, "uploads are paused", "taxiway resume")
            }
            // There is no daemon that could be told to resume.
            Paused::While(condition) => {
                let end = match condition {
                    Condition::Battery => "plug it in",
                    Condition::Metered => "use another link",
                };
                let words = format!("uploads are paused {}", condition.words());
                let hint = format!("{end}, or edit pause_on in the file of: taxiway config path");
                Failure::new(Exit::Later, words, hint)
            }
        };
        told.get_or_insert(failure);
    }
    if let Some((_, reason)) = planner.away().next() {
        exit = exit.worst(Exit::Later);
        let hint = "mount the disk or make the directory, then run again";
        told.get_or_insert(Failure::new(Exit::Later, format!("a folder is away: {reason}"), hint));
    }
    if let Ok(left) = engine.ledger().left(folders) {
        if left.open {
            exit = exit.worst(Exit::Later);
        }
        if left.needs_person {
            exit = exit.worst(Exit::Some);
        }
    }
    if let Ok((waiting, given_up, reason)) = engine.ledger().errand_counts(folders)
        && waiting + given_up > 0
    {
        exit = exit.worst(if waiting > 0 { Exit::Later } else { Exit::Some });
        let counts = format!("{waiting} still to be done, {given_up} given up");
        let message = match reason {
            Some(reason) => {
                format!("not done after an upload: {} ({counts})", text::escaped(&reason))
            }
            None => format!("not done after an upload: {counts}"),
        };
        told.get_or_insert(Failure::new(exit, message, "taxiway retry --all"));
    }
    (exit, told)
}

/// There is no place or no port for the sandbox.
pub fn no_sandbox(reason: &str) -> Failure {
    let hint = "taxiway --state-dir DIR doctor";
    Failure::new(Exit::Later, format!("the sandbox cannot start: {reason}"), hint)
}

fn stopped(gate: &Gate, source: &str) -> (Exit, Failure) {
    let (exit, hint) = remedy(gate.cause, source);
    let message = format!("uploads are stopped: {}", text::escaped(&gate.reason));
    (exit, Failure::new(exit, message, hint))
}

/// What to do about a stop.
pub fn remedy(cause: Cause, source: &str) -> (Exit, String) {
    match cause {
        Cause::Token => {
            (Exit::Stopped, format!("put the new token where this one came from: {source}"))
        }
        Cause::NoToken => (Exit::Config, Keyring::of_this_system().how_to_open()),
        Cause::Subscription => (Exit::Stopped, "renew the subscription at useapi.net".to_owned()),
        Cause::Account => (Exit::Stopped, "mend the account at useapi.net".to_owned()),
        Cause::Refused => {
            (Exit::Stopped, "check the email of the folder: taxiway config show".into())
        }
        Cause::Rate | Cause::Server => (Exit::Later, "try again later".to_owned()),
        Cause::Offline => (Exit::Later, "check the network, then run again".to_owned()),
    }
}
