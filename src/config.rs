//! The configuration: what is set, and where each value comes from.
//!
//! Owns:
//! - a [`Config`] is complete and sound: paths are absolute, times and sizes within their bounds,
//!   patterns compile, no two folders have one root;
//! - defaults < file < environment < flags, and every value knows which of them gave it;
//! - nothing in the file is passed over: a key that is unknown or wrong is an error that names its
//!   line;
//! - the token is not part of it (see [`crate::secret`]).

mod changes;
mod check;
mod draft;
mod environment;
mod error;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod keys;
mod kinds;
mod load;
mod origin;
mod resolve;
mod show;
mod types;

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use changes::changes;
pub use check::{Finding, check};
pub use draft::{Draft, DraftFolder, load_or_default};
pub use environment::{
    BASE_URL_VARIABLE, CONFIG_VARIABLE, Environment, Flags, HOOKS_VARIABLE, SERVICE_VARIABLE,
    STATE_DIR_VARIABLE, Sources,
};
pub use error::{ConfigError, WrongValue};
pub use keys::Table;
pub use load::{ConfigFile, Loaded, locate, locate_state_dir};
pub use origin::{Origin, Origins};
pub use resolve::resolve;
pub use show::{show_json, show_toml};
pub use types::{
    AfterUpload, BadValue, BaseUrl, Email, Existing, HOOK_PLACEHOLDERS, HeartbeatUrl, Incomplete,
    LogFormat, LogLevel, Mode, NameTemplate, OnChange, SendFacts, duration_text, parse_duration,
    placeholders,
};

use crate::planner::Conditions;

/// Every effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[api]`
    pub api: Api,
    /// `[control]`
    pub control: Control,
    /// `[log]`
    pub log: Log,
    /// `[[folder]]`, in the order of the file or of the command line; roots are all different.
    pub folders: Vec<Folder>,
    /// The directory of ledger, lock and control socket; absolute. It is not a key of the file.
    pub state_dir: PathBuf,
}

/// `[api]`: how to talk to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Where the API is.
    pub base_url: BaseUrl,
    /// The account of folders and pushes that name none.
    pub email: Option<Email>,
    /// The file that may hold the token; by default `token` beside the configuration.
    pub token_file: PathBuf,
    /// Uploads at once, at most; 1 to 64.
    pub concurrency: usize,
    /// Bytes per second of all uploads together, at most; `None`: no limit.
    pub rate_limit_bytes: Option<NonZeroU64>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long no byte may move while a body goes out.
    pub stall_timeout: Duration,
    /// How long the answer may take after the last byte.
    pub answer_timeout: Duration,
    /// Larger files are not sent; in bytes. `None`: no limit.
    pub max_file_size_bytes: Option<NonZeroU64>,
    /// The media facts sent with an upload.
    pub send: SendFacts,
    /// What uploads wait for the end of.
    pub pause_on: Conditions,
    /// A PEM file of certificate authorities to trust; absolute, and not looked at here.
    pub ca_file: Option<PathBuf>,
}

/// `[control]`: how others talk to the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// A loopback address, with a port, to listen on beside the socket.
    pub listen: Option<SocketAddr>,
    /// What is called as long as all is well.
    pub heartbeat_url: Option<HeartbeatUrl>,
    /// Time between two such calls.
    pub heartbeat_interval: Duration,
}

impl Default for Control {
    fn default() -> Control {
        let heartbeat_interval = Duration::from_secs(300);
        Control { listen: None, heartbeat_url: None, heartbeat_interval }
    }
}

/// `[log]`: what a running daemon writes, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// `[[folder]]`: a watched directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The directory as configured, absolute. It need not exist; where it comes back behind
    /// another link, [`resolve`] gives its root anew.
    pub path: PathBuf,
    /// The directory with all links resolved, as far as it existed and answered when it was loaded.
    pub root: PathBuf,
    /// The account: the folder's own, else that of `[api]`. `None`: to be learnt.
    pub email: Option<Email>,
    /// Whether subdirectories belong to it.
    pub recursive: bool,
    /// Patterns, see [`crate::rules`]; empty: everything.
    pub include: Vec<String>,
    /// Patterns, see [`crate::rules`].
    pub exclude: Vec<String>,
    /// Whether names that begin with a dot are ours.
    pub hidden: bool,
    /// Whether symbolic links are followed.
    pub follow_symlinks: bool,
    /// What happens to what lay there at first sight.
    pub existing: Existing,
    /// Quiet time where the system cannot prove that nobody writes.
    pub settle: Duration,
    /// When a file at rest is given up or sent although it is incomplete.
    pub incomplete: Incomplete,
    /// How changes are noticed.
    pub mode: Mode,
    /// Time between scans where events are not delivered.
    pub poll_interval: Duration,
    /// Time between scans where they are.
    pub rescan_interval: Duration,
    /// The name of an asset.
    pub name: NameTemplate,
    /// What happens when an uploaded file changes.
    pub on_change: OnChange,
    /// What becomes of an uploaded file.
    pub after_upload: AfterUpload,
    /// Whether `FILE.asset.json` is written beside the file.
    pub sidecar: bool,
    /// Program and arguments to run after an upload; empty: none.
    pub on_uploaded: Vec<String>,
    /// Program and arguments to run after a failure; empty: none.
    pub on_failed: Vec<String>,
}

impl Config {
    /// Loads the configuration: defaults, then the file, then the environment, then the flags.
    /// Looks at the disk only for the file itself and to resolve the roots of folders.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        load::load(sources)
    }

    /// The folder a path belongs to: the deepest whose root contains it. `path` is absolute, its
    /// parent resolved.
    pub fn folder_of(&self, path: &Path) -> Option<&Folder> {
        let containing = self.folders.iter().filter(|f| path.starts_with(&f.root));
        containing.max_by_key(|folder| folder.root.components().count())
    }
}

impl Api {
    fn with_token_file(token_file: PathBuf) -> Api {
        Api {
            base_url: BaseUrl::default(),
            email: None,
            token_file,
            concurrency: 4,
            rate_limit_bytes: None,
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(600),
            max_file_size_bytes: None,
            send: SendFacts { width: true, height: true, duration: false },
            pause_on: Conditions::NONE,
            ca_file: None,
        }
    }
}

impl Folder {
    /// Where its files are moved once they are uploaded, if they are; absolute.
    pub fn moves_to(&self) -> Option<&Path> {
        match &self.after_upload {
            AfterUpload::Move(directory) => Some(directory),
            AfterUpload::Keep | AfterUpload::Trash => None,
        }
    }

    /// A folder with default settings.
    pub fn at(path: PathBuf) -> Folder {
        Folder {
            root: resolve(&path),
            path,
            email: None,
            recursive: true,
            include: Vec::new(),
            exclude: Vec::new(),
            hidden: false,
            follow_symlinks: false,
            existing: Existing::Upload,
            settle: Duration::from_secs(2),
            incomplete: Incomplete::FailAfter(Incomplete::DEFAULT_AFTER),
            mode: Mode::Auto,
            poll_interval: Duration::from_secs(30),
            rescan_interval: Duration::from_secs(900),
            name: NameTemplate::default(),
            on_change: OnChange::Upload,
            after_upload: AfterUpload::Keep,
            sidecar: false,
            on_uploaded: Vec::new(),
            on_failed: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
