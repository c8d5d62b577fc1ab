//! What was found on this machine and at the server: nouns only, judged elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use crate::api::{RunwayAccount, Storage, Subscription, Unanswered};
use crate::cli::Failure;
use crate::config::{Mode, Origin};
use crate::planner::Condition;
use crate::secret::TokenSource;

/// Everything that is judged.
#[derive(Debug)]
pub struct Facts {
    /// The configuration.
    pub configuration: Configuration,
    /// The token.
    pub token: TokenFacts,
    /// What the way to the server is made of.
    pub way: Way,
    /// What the server says.
    pub server: Server,
    /// The folders.
    pub folders: Vec<FolderFacts>,
    /// The limits of inotify, where there is one.
    pub inotify: Option<Inotify>,
    /// What uploads wait for the end of, and whether it holds; or why nobody knows.
    pub conditions: Vec<(Condition, Result<bool, String>)>,
    /// The state directory.
    pub state: StateFacts,
    /// The ledger.
    pub ledger: LedgerFacts,
    /// Who works with the ledger now.
    pub daemon: DaemonFacts,
    /// What starts it.
    pub service: ServiceFacts,
    /// The token of the system's service, if not only root can use it.
    pub open_token: Option<PathBuf>,
    /// How this program is called in a command.
    pub program: String,
}

/// How the configuration loads.
#[derive(Debug)]
pub enum Configuration {
    /// It is sound.
    Sound {
        /// The file.
        file: PathBuf,
        /// How many folders it has.
        folders: usize,
    },
    /// There is no file: all is default.
    Absent {
        /// Where it would be.
        file: PathBuf,
    },
    /// It cannot be used.
    Broken {
        /// In words.
        error: String,
        /// What to do.
        hint: String,
    },
}

/// What is known of the token here.
#[derive(Debug)]
pub enum TokenFacts {
    /// A sandbox takes any.
    Sandbox,
    /// There is one.
    Found {
        /// Where.
        source: TokenSource,
        /// It does not look like one.
        unusual: bool,
        /// Another source that holds another token, and is not looked at.
        shadowed: Option<TokenSource>,
    },
    /// There is none that can be used.
    Missing {
        /// In words.
        error: String,
        /// What to do.
        hint: String,
    },
}

/// The client, and what stands between it and the server.
#[derive(Debug)]
pub struct Way {
    /// How the server is trusted.
    pub trust: Trust,
    /// Variables that name a proxy, and its address without name and password.
    pub proxies: Vec<(&'static str, String)>,
    /// The base URL is on this machine: no proxy, no certificates.
    pub is_local: bool,
}

/// How the server's identity is known.
#[derive(Debug)]
pub enum Trust {
    /// It is not asked for.
    NotNeeded,
    /// By the system's certificates, and those of a file.
    Certificates {
        /// The file.
        ca_file: Option<PathBuf>,
    },
    /// No client can be made.
    Broken {
        /// In words.
        error: String,
        /// What to do.
        hint: String,
    },
    /// Not known: the configuration does not load.
    Unknown,
}

/// Whether the server was asked, and what it said.
#[derive(Debug)]
pub enum Server {
    /// It was not.
    NotAsked {
        /// Why not, in words.
        why: &'static str,
    },
    /// It was.
    Asked(Box<ServerFacts>),
}

/// What the server says.
#[derive(Debug)]
pub struct ServerFacts {
    /// Where it is.
    pub base_url: String,
    /// What says so.
    pub base_url_from: Origin,
    /// The token's owner.
    pub subscription: Result<Subscription, Unanswered>,
    /// The Runway accounts; none if they were not asked for.
    pub accounts: Option<Result<Vec<RunwayAccount>, Unanswered>>,
    /// Which accounts are wanted, by whom, and whether their list can be read.
    pub wanted: Vec<Wanted>,
    /// The server's clock less ours, in milliseconds.
    pub skew_ms: Option<i64>,
}

/// An account that folders or pushes go to.
#[derive(Debug)]
pub struct Wanted {
    /// Its e-mail; none: the only one.
    pub email: Option<String>,
    /// The first folder that goes there; none: only pushes do.
    pub folder: Option<PathBuf>,
    /// Whether its list can be read; none if it was not asked for.
    pub list: Option<Result<(), Unanswered>>,
    /// Its room; none if it was not asked for.
    pub storage: Option<Result<Storage, Unanswered>>,
}

/// One folder.
#[derive(Debug)]
pub struct FolderFacts {
    /// As configured.
    pub path: PathBuf,
    /// Its setting.
    pub mode: Mode,
    /// Its setting.
    pub poll_interval: Duration,
    /// Its setting.
    pub rescan_interval: Duration,
    /// The folder around it.
    pub within: Option<PathBuf>,
    /// The state directory, if it lies in this folder.
    pub holds_state: Option<PathBuf>,
    /// What a walk of it showed.
    pub seen: Seen,
}

/// What a walk of a folder showed.
#[derive(Debug)]
pub enum Seen {
    /// Its disk does not answer.
    Hangs,
    /// There is no directory to walk.
    Away {
        /// Why, in words.
        reason: String,
        /// Nothing at all is there.
        is_missing: bool,
    },
    /// It was walked.
    There(Walked),
}

/// A folder that was walked.
#[derive(Debug, Default)]
pub struct Walked {
    /// The name of its file system.
    pub file_system: &'static str,
    /// Changes are told by the system.
    pub tells_events: bool,
    /// The kernel can prove that nobody writes.
    pub proves_rest: bool,
    /// Files that the rules leave to us.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files among the first ones that belong to other users, for which no lease is granted.
    pub of_others: u64,
    /// Directories, the root among them.
    pub directories: u64,
    /// The walk was cut short: there is more.
    pub is_cut: bool,
    /// What could not be listed, in words.
    pub trouble: Option<String>,
}

/// The limits of inotify.
#[derive(Debug)]
pub struct Inotify {
    /// Directories that are to be watched.
    pub directories: u64,
    /// Folders that are to be watched.
    pub folders: u64,
    /// Most directories that one user can watch.
    pub watches: Option<u64>,
    /// Most watches of folders that one user can have.
    pub instances: Option<u64>,
}

/// The state directory.
#[derive(Debug)]
pub struct StateFacts {
    /// Where; none if there is no place for it.
    pub directory: Result<PathBuf, (String, String)>,
    /// What is there.
    pub found: StateDir,
}

/// What is found in the place of the state directory.
#[derive(Debug)]
pub enum StateDir {
    /// Nothing yet.
    Missing {
        /// The directory in which it would be made, if we may not.
        forbidden_in: Option<PathBuf>,
    },
    /// It cannot be used.
    Unusable {
        /// In words.
        reason: String,
    },
    /// A directory.
    There {
        /// Its permission bits.
        mode: u32,
        /// It belongs to us.
        is_ours: bool,
        /// We may write into it.
        is_writable: bool,
        /// The name of its file system.
        file_system: &'static str,
        /// It lies on another machine.
        is_remote: bool,
        /// Bytes that we may still fill.
        free_bytes: Option<u64>,
    },
}

/// The ledger.
#[derive(Debug)]
pub enum LedgerFacts {
    /// There is none yet.
    Missing,
    /// It cannot be read, or not be trusted.
    Unusable(Failure),
    /// It is there, and was looked through.
    There {
        /// Its schema.
        schema: usize,
        /// The schema that this program writes.
        newest: usize,
        /// All its files together, in bytes.
        size_bytes: u64,
        /// Uploads that have an assetId.
        uploaded: u64,
        /// All of its pages were looked at in the time there was.
        is_checked: bool,
        /// It was rebuilt, and is not paired with the server yet.
        owes_pairing: bool,
        /// What is in the way of the folders' files and pushes; none if the folders are not known.
        stuck: Option<Stuck>,
    },
}

/// What waits for a person, or for better times.
#[derive(Debug, Clone, Default)]
pub struct Stuck {
    /// Files that failed.
    pub failed: u64,
    /// Files that are held.
    pub held: u64,
    /// What is still to be done after uploads.
    pub undone: u64,
    /// What was to be done after uploads, and was tried often enough.
    pub given_up: u64,
    /// What went wrong with one of these.
    pub reason: Option<String>,
}

/// Who works with the ledger now.
#[derive(Debug)]
pub enum DaemonFacts {
    /// Nobody.
    None,
    /// A command that ends by itself.
    Passing {
        /// "a push".
        what: &'static str,
        /// Its process id; 0 if that is not known.
        pid: u32,
    },
    /// A daemon.
    Running {
        /// Its process id; 0 if that is not known.
        pid: u32,
        /// What it says, or why it does not.
        said: Result<Said, String>,
    },
}

/// What a running daemon says.
#[derive(Debug)]
pub struct Said {
    /// Its version.
    pub version: String,
    /// `idle`, `busy`, `paused`, `offline` or `attention`.
    pub state: String,
    /// The first line of its status.
    pub line: String,
    /// Folders that it polls, and why.
    pub polled: Vec<(String, String)>,
}

/// What starts the daemon.
#[derive(Debug)]
pub enum ServiceFacts {
    /// Nothing needs to.
    NotWanted,
    /// The system has no manager of services that we know.
    NoManager,
    /// systemd: the user's unit, and the system's.
    Systemd {
        /// Of the user.
        user: Unit,
        /// Of the system.
        system: Unit,
    },
    /// launchd: whether the agent is loaded.
    Launchd {
        /// It is.
        is_loaded: bool,
    },
}

/// What systemd says of a unit, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// `enabled`, `disabled`, `not-found`; empty if it gave no answer.
    pub enabled: String,
    /// `active`, `inactive`, `failed`; empty if it gave no answer.
    pub active: String,
}
