//! From the configuration to what planner, eyes and hands are made from.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use crate::api::{Client, ClientError, MediaFacts, Options, Rate};
use crate::config::{Config, Existing, Folder, Incomplete, Mode, OnChange};
use crate::ledger::{Ledger, LedgerError};
use crate::planner::{AccountId, FolderId, FolderPolicy, LOOKS_MS, Limits, Wall};
use crate::rules::Rules;
use crate::scan::{self, KeptOut, Root};
use crate::watch::{Wanted, Watched};

use super::errands::{self, Deeds};
use super::eyes::Sightseeing;
use super::hands::{Means, TokenSource};
use super::naming::Names;
use super::readers::READERS;
use super::tally::Tally;

/// How soon a folder that could not be watched is tried again, at first.
const REWATCH: Duration = Duration::from_secs(60);

/// Why nothing can be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The ledger will not do.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The way to the API will not do.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A pattern of a folder does not compile.
    #[error("a pattern of {folder}: {why}")]
    Pattern {
        /// The folder.
        folder: String,
        /// In words.
        why: String,
    },
    /// The system has no thread left.
    #[error("the system has no thread left for a folder: {0}")]
    Thread(std::io::Error),
}

/// What the parts of a session are made from.
pub struct Setup {
    /// For the planner.
    pub limits: Limits,
    /// For the planner.
    pub folders: Vec<FolderPolicy>,
    /// For the eyes.
    pub sights: Vec<Sightseeing>,
}

/// Sets up planner and eyes; makes the rows of folders and accounts.
///
/// # Errors
/// See [`SetupError`].
pub fn setup(
    config: &Config,
    ledger: &Ledger,
    kept_out: &[PathBuf],
    now: Wall,
) -> Result<Setup, SetupError> {
    let roots: Vec<PathBuf> = config.folders.iter().map(|folder| folder.root.clone()).collect();
    let mut folders = Vec::new();
    let mut sights = Vec::new();
    for folder in &config.folders {
        let (id, scanned_before) = ledger.folder(&folder.root)?;
        ledger.set_wants(id, errands::wants(folder), now)?;
        let account = match &folder.email {
            Some(email) => ledger.account(Some(email.as_str()))?,
            None => ledger.default_account()?,
        };
        tell_move(folder, ledger, id, account)?;
        let sight = sightseeing(config, folder, id, &roots, kept_out)?;
        folders.push(policy(folder, id, account, &sight, scanned_before));
        sights.push(sight);
    }
    Ok(Setup { limits: limits(config), folders, sights })
}

/// The planner's limits.
pub fn limits(config: &Config) -> Limits {
    Limits {
        concurrency: config.api.concurrency,
        pause_on: config.api.pause_on,
        sense_ms: sense_ms(),
        identify_at_once: READERS,
        looks_ms: looks_ms(),
        errand_pause_ms: errand_pause_ms(),
        seed: seed(),
        ..Limits::default()
    }
}

/// What the hands are made from. `base_url` may be another than the configured one: a sandbox's.
///
/// # Errors
/// If no client can be built.
pub fn means(config: &Config, base_url: &str, token: TokenSource) -> Result<Means, ClientError> {
    let api = &config.api;
    Ok(Means {
        client: Some(client(config, base_url)?),
        token,
        rate: Rate::new(api.rate_limit_bytes),
        concurrency: api.concurrency,
        largest: api.max_file_size_bytes.map(NonZeroU64::get),
        names: Names::of(config),
        deeds: Deeds::of(config),
        tally: Tally::default(),
    })
}

/// The way to the API.
///
/// # Errors
/// If no client can be built.
pub fn client(config: &Config, base_url: &str) -> Result<Client, ClientError> {
    let api = &config.api;
    Client::new(Options {
        base_url: base_url.to_owned(),
        connect_timeout: api.connect_timeout,
        stall_timeout: api.stall_timeout,
        answer_timeout: api.answer_timeout,
        ca_file: api.ca_file.clone(),
        facts: MediaFacts {
            width: api.send.width,
            height: api.send.height,
            duration: api.send.duration,
        },
    })
}

/// Means without a way to the API.
pub fn dry_means(config: &Config) -> Means {
    Means {
        client: None,
        token: Box::new(|| None),
        rate: Rate::new(None),
        concurrency: config.api.concurrency,
        largest: config.api.max_file_size_bytes.map(NonZeroU64::get),
        names: Names::of(config),
        deeds: Deeds::of(config),
        tally: Tally::default(),
    }
}

/// After an edit of `email` all that a folder holds is wanted on another account: a person is told
/// how much that is, before anything of it goes out.
fn tell_move(
    folder: &Folder,
    ledger: &Ledger,
    id: FolderId,
    account: AccountId,
) -> Result<(), LedgerError> {
    let Some(moved) = ledger.goes_to(id, account)? else { return Ok(()) };
    let to = match &folder.email {
        Some(email) => email.to_string(),
        None => "the account of folders without an email".to_owned(),
    };
    let files = if moved.files == 1 { "1 file" } else { &format!("{} files", moved.files) };
    tracing::warn!(
        "{} goes to {to} now: {files}, {}, to be sent there; hint: if that is not meant: taxiway \
         pause, then mend its email",
        crate::text::shown(&folder.root),
        crate::text::count_of_bytes(moved.bytes)
    );
    Ok(())
}

fn policy(
    folder: &Folder,
    id: FolderId,
    account: AccountId,
    sight: &Sightseeing,
    scanned_before: bool,
) -> FolderPolicy {
    let (incomplete, send_incomplete) = match folder.incomplete {
        Incomplete::FailAfter(after) => (after, false),
        Incomplete::SendAfter(after) => (after, true),
    };
    FolderPolicy {
        id,
        account,
        settle_ms: ms(folder.settle),
        incomplete_ms: ms(incomplete),
        send_incomplete,
        ignore_existing: folder.existing == Existing::Ignore,
        ignore_changes: folder.on_change == OnChange::Ignore,
        // Until its thread knows how it is watched.
        rescan_ms: sight.rescan_ms.min(sight.poll_ms),
        trusts_events: sight.wanted == Wanted::Events,
        wants: errands::wants(folder),
        scanned_before,
    }
}

fn sightseeing(
    config: &Config,
    folder: &Folder,
    id: FolderId,
    roots: &[PathBuf],
    kept_out: &[PathBuf],
) -> Result<Sightseeing, SetupError> {
    let rules = Rules::new(&folder.include, &folder.exclude, folder.hidden, folder.recursive);
    let rules = rules.map_err(|why| SetupError::Pattern {
        folder: crate::text::shown(&folder.root),
        why: why.to_string(),
    })?;
    let nested = scan::nested_in(&folder.root, roots);
    let kept_out = kept_out.iter().filter(|path| path.starts_with(&folder.root));
    let state = kept_out
        .map(|path| KeptOut { path: path.clone(), why: "taxiway keeps its own state here".into() });
    let targets = config.folders.iter().filter_map(Folder::moves_to).map(crate::config::resolve);
    let targets = targets.filter(|path| path.starts_with(&folder.root));
    let targets = targets.map(|path| KeptOut { path, why: "uploaded files are moved here".into() });
    let kept_out: Vec<KeptOut> = state.chain(targets).collect();
    let not_ours = nested.iter().chain(kept_out.iter().map(|kept| &kept.path)).cloned().collect();
    let wanted = match folder.mode {
        Mode::Auto => Wanted::Auto,
        Mode::Events => Wanted::Events,
        Mode::Poll => Wanted::Poll,
    };
    let watched = Watched {
        folder: id,
        path: folder.root.clone(),
        recursive: folder.recursive,
        follow_symlinks: folder.follow_symlinks,
        not_ours,
    };
    let root = Root {
        folder: id,
        path: folder.root.clone(),
        follow_symlinks: folder.follow_symlinks,
        rules,
        nested,
        kept_out,
        expected: None,
    };
    Ok(Sightseeing {
        root,
        watched,
        wanted,
        largest: config.api.max_file_size_bytes.map(NonZeroU64::get),
        rescan_ms: ms(folder.rescan_interval),
        poll_ms: ms(folder.poll_interval),
        rewatch: rewatch(),
    })
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The pauses before the looks at a doubt. Builds for tests may shorten them, so that a test of
/// a lost answer does not take a minute; what is released never does.
fn looks_ms() -> Vec<i64> {
    #[cfg(debug_assertions)]
    if let Ok(text) = std::env::var("TAXIWAY_TEST_LOOKS_MS") {
        return text.split(',').filter_map(|pause| pause.parse().ok()).collect();
    }
    LOOKS_MS.to_vec()
}

/// How often what uploads wait for is asked about. Builds for tests may shorten it; what is released
/// never does.
fn sense_ms() -> i64 {
    #[cfg(debug_assertions)]
    if let Ok(text) = std::env::var("TAXIWAY_TEST_SENSE_MS")
        && let Ok(sense_ms) = text.parse()
    {
        return sense_ms;
    }
    Limits::default().sense_ms
}

/// The pause after an errand's first failure. Builds for tests may shorten it; what is released never
/// does.
fn errand_pause_ms() -> i64 {
    #[cfg(debug_assertions)]
    if let Ok(text) = std::env::var("TAXIWAY_TEST_ERRAND_PAUSE_MS")
        && let Ok(pause_ms) = text.parse()
    {
        return pause_ms;
    }
    Limits::default().errand_pause_ms
}

/// The pause before a folder that could not be watched is tried again. Builds for tests may shorten
/// it; what is released never does.
fn rewatch() -> Duration {
    #[cfg(debug_assertions)]
    if let Ok(text) = std::env::var("TAXIWAY_TEST_REWATCH_MS")
        && let Ok(pause_ms) = text.parse()
    {
        return Duration::from_millis(pause_ms);
    }
    REWATCH
}

/// A seed that differs from run to run: the standard library's own source of hash seeds.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one("jitter")
}
