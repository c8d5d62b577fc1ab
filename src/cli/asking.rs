//! `taxiway status`, `wait`, `pause`, `resume`, `rescan` and `reload`: what the running daemon is asked.
//!
//! Owns:
//! - a daemon that is not there is told from one that does not answer, and is told with what to
//!   type;
//! - the user's own daemon comes first, and the system service, where there is one, after it;
//! - a pause that outlived its daemon can be ended without one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::config::{
    CONFIG_VARIABLE, Environment, Flags, STATE_DIR_VARIABLE, Sources, locate, locate_state_dir,
};
use crate::control::{ClientError, Place, Refusal, Status, grant, request};
use crate::daemon::lock::{Lock, LockError, Role, held_by, ledger_path};
use crate::daemon::{Clock, limits};
use crate::ledger::Ledger;
use crate::ledger::salvage::is_there;
use crate::planner::Command;
use crate::row::{parsed, when_and_how_far};
use crate::service::System;
use crate::text::{count_of_bytes, escaped};

use super::args::{Common, PauseArgs, StatusArgs, WaitArgs};
use super::service::Refusal as Reserved;
use super::session::SANDBOX_SERVER;
use super::{Exit, Failure, again, load, output};

/// How long an answer may take that needs no work.
pub(super) const PATIENCE: Duration = Duration::from_secs(40);
/// How long a daemon that has the lock and does not listen yet is waited for.
const DAEMON_PATIENCE: Duration = Duration::from_secs(5);
/// How long a wait may take whose end is not given.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3_600);
const PAUSE: Duration = Duration::from_millis(50);
/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// A daemon to be asked.
pub(super) struct Daemon<'a> {
    common: &'a Common,
    state_dir: PathBuf,
    environment: Environment,
    /// There is a configuration of one's own: an answer of the system service would be about files
    /// of others.
    has_own: bool,
}

impl<'a> Daemon<'a> {
    /// The daemon of this configuration, running or not.
    pub(super) fn of(common: &'a Common) -> Result<Daemon<'a>, Failure> {
        let (loaded, environment) = load(common, Flags::default())?;
        let has_own = loaded.file.exists;
        Ok(Daemon { common, state_dir: loaded.config.state_dir, environment, has_own })
    }

    /// The daemon of a configuration that need not be sound.
    fn beside(common: &'a Common) -> Result<Daemon<'a>, Failure> {
        let environment = Environment::of_process();
        let flags = Flags { state_dir: common.state_dir.clone(), ..Flags::default() };
        let sources = Sources { environment, flags };
        let (mut state_dir, _) = locate_state_dir(&sources)?;
        if common.sandbox {
            state_dir.push("sandbox");
        }
        let has_own = locate(&sources).is_ok_and(|(file, _)| file.exists());
        Ok(Daemon { common, state_dir, environment: sources.environment, has_own })
    }

    /// Where its ledger is.
    pub(super) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Where it listens.
    pub(super) fn place(&self) -> Place {
        Place::of(&self.state_dir, self.environment.runtime_dir.as_deref())
    }

    /// Asks it. One that has just begun is waited for.
    pub(super) fn ask(
        &self,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<Vec<Value>, Failure> {
        let text = self.answer(path, body, patience)?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// The same, as it was answered.
    pub(super) fn answer(
        &self,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<String, Failure> {
        let mut place = self.place();
        let own = self.has_own || is_there(&ledger_path(&self.state_dir));
        let mut others = system_place(self.common, &self.environment).filter(|_| !own);
        let mut is_own = true;
        let until = Instant::now() + DAEMON_PATIENCE;
        let (status, text) = loop {
            let body = body.map(Value::to_string);
            match request(&place, path, body, patience) {
                Ok(answer) => break answer,
                Err(ClientError::Nobody(_))
                    if is_own && Instant::now() < until && self.is_there() =>
                {
                    std::thread::sleep(PAUSE)
                }
                Err(ClientError::Nobody(why)) => match others.take() {
                    Some(other) => (place, is_own) = (other, false),
                    None if !is_own && why.kind() == ErrorKind::PermissionDenied => {
                        return Err(Reserved::NotOfTheGroup.into());
                    }
                    None => return Err(self.nobody()),
                },
                Err(error @ ClientError::NoAnswer(_)) => {
                    let hint = again(self.common, "ls");
                    return Err(Failure::new(Exit::Later, error.to_string(), hint));
                }
            }
        };
        if status >= 400 {
            return Err(match serde_json::from_str::<Refusal>(text.trim()) {
                Ok(refusal) => refused(refusal),
                Err(_) => {
                    let words = format!("the daemon answers {status}");
                    Failure::new(Exit::Later, words, again(self.common, "status"))
                }
            });
        }
        Ok(text)
    }

    fn is_there(&self) -> bool {
        // Asking leaves no trace: it makes no directory, and no lock.
        let held = held_by(&self.state_dir);
        matches!(held, Some(LockError::Held { daemon: true, .. }))
    }

    fn nobody(&self) -> Failure {
        let sandbox = self.state_dir.join("sandbox");
        if !self.common.sandbox
            && matches!(held_by(&sandbox), Some(LockError::Held { daemon: true, .. }))
        {
            let message = "no daemon runs with this configuration, but one with --sandbox does";
            return Failure::new(Exit::NoDaemon, message, again(self.common, "--sandbox status"));
        }
        let message = "no daemon runs with this configuration";
        Failure::new(Exit::NoDaemon, message, again(self.common, "run"))
    }
}

/// What a daemon refuses, as a command says it.
pub(super) fn refused(refusal: Refusal) -> Failure {
    let exit = match refusal.exit {
        1 => Exit::Some,
        2 => Exit::Usage,
        74 => Exit::Ledger,
        77 => Exit::Stopped,
        78 => Exit::Config,
        _ => Exit::Later,
    };
    Failure::new(exit, refusal.error, refusal.hint)
}

/// Where the system service listens, if it runs, for a command that says nothing of where the
/// daemon is that it means.
pub(super) fn system_place(common: &Common, environment: &Environment) -> Option<Place> {
    let flags = common.config.is_some() || common.state_dir.is_some() || common.sandbox;
    let variables = [CONFIG_VARIABLE, STATE_DIR_VARIABLE].map(|name| environment.variable(name));
    let says_where = flags || variables.iter().any(Option::is_some);
    (!says_where).then(|| Place::of_system(&System::of_machine())).flatten()
}

/// Runs `taxiway status`.
pub fn status(common: &Common, args: &StatusArgs) -> Result<Exit, Failure> {
    let daemon = Daemon::of(common)?;
    loop {
        let answer = daemon.answer("/v1/status", None, PATIENCE)?;
        if common.json {
            output::line(answer.trim_end());
        } else {
            let status: Status = serde_json::from_str(&answer).map_err(|error| {
                let words = format!("the daemon's answer is not understood: {error}");
                Failure::new(Exit::Later, words, "restart the daemon: it may be another version")
            })?;
            if args.watch {
                output::fresh_screen();
            }
            tell(common, &status);
        }
        output::flush();
        if !args.watch {
            return Ok(Exit::Well);
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

fn tell(common: &Common, status: &Status) {
    let now = Clock::start().now().wall;
    output::line(&status.line(now));
    let counts = &status.counts;
    let known = [
        (counts.uploaded, "uploaded"),
        (counts.uploading, "uploading"),
        (counts.queued, "queued"),
        (counts.settling, "settling"),
        (counts.unknown, "unknown"),
        (counts.failed, "failed"),
        (counts.held, "held"),
        (counts.ignored, "ignored"),
    ];
    let some = known.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = some.map(|(count, word)| format!("{count} {word}")).collect();
    output::line(&format!(
        "files     {}",
        if words.is_empty() { "none".into() } else { words.join(", ") }
    ));
    for folder in &status.folders {
        let scanned = folder.last_scan_at.as_deref().and_then(parsed);
        let scanned = scanned
            .map_or("not scanned yet".to_owned(), |at| format!("scanned {}", when_and_how_far(at)));
        let missed = match folder.missed_by_events {
            0 => String::new(),
            missed => format!(", {missed} missed by events"),
        };
        let why = folder.reason.as_deref().map(|why| format!(": {}", escaped(why)));
        output::line(&format!(
            "folder    {}  {}, {scanned}{missed}{}",
            escaped(&folder.path),
            folder.mode,
            why.unwrap_or_default()
        ));
    }
    for account in &status.accounts {
        let email = account.email.as_deref().unwrap_or("learnt from the first upload");
        let until = account.until.as_deref().and_then(parsed);
        let until = until.map(|at| format!(", next try {}", when_and_how_far(at)));
        let why = account.reason.as_deref().map(|why| format!(": {}", escaped(why)));
        output::line(&format!(
            "account   {email}  {}{}{}",
            account.state,
            until.unwrap_or_default(),
            why.unwrap_or_default()
        ));
    }
    if let Some(errands) = &status.errands {
        let given_up = match errands.given_up {
            0 => String::new(),
            given_up => format!(", {given_up} given up"),
        };
        let why = errands.reason.as_deref().map(|why| format!(": {}", escaped(why)));
        output::line(&format!(
            "to do     {} after uploads{given_up}{}",
            errands.waiting,
            why.unwrap_or_default()
        ));
    }
    for upload in &status.uploading {
        let percent = (100 * upload.sent.min(upload.size)).checked_div(upload.size).unwrap_or(0);
        let size = count_of_bytes(upload.size);
        output::line(&format!("uploading {percent:>3}% of {size}  {}", escaped(&upload.path)));
    }
    for (number, command) in (0..).zip(status.next()) {
        let title = if number == 0 { "next" } else { "" };
        output::line(&format!("{title:<9} {}", again(common, command)));
    }
}

/// Runs `taxiway wait`.
pub fn wait(common: &Common, args: &WaitArgs) -> Result<Exit, Failure> {
    let daemon = Daemon::of(common)?;
    let body = match args.timeout {
        Some(timeout) => json!({ "timeout": format!("{}ms", timeout.as_millis()) }),
        None => json!({}),
    };
    let patience = args.timeout.unwrap_or(FOR_EVER).saturating_add(PATIENCE);
    let answer = daemon.answer("/v1/wait", Some(&body), patience)?;
    if common.json {
        output::line(answer.trim_end());
        output::flush();
    }
    let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    let count = |field: &str| answer[field].as_u64().unwrap_or(0);
    let (failed, held) = (count("failed"), count("held"));
    let files = |count: u64, state: &str| match count {
        1 => format!("1 file is {state}"),
        several => format!("{several} files are {state}"),
    };
    let words = [(failed, "failed"), (held, "held")];
    let words = words.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = words.map(|(count, state)| files(count, state)).collect();
    if words.is_empty() {
        return Ok(Exit::Well);
    }
    let state = if failed > 0 { "failed" } else { "held" };
    let hint = again(common, &format!("ls --state {state}"));
    Err(Failure::new(Exit::Some, words.join(", "), hint))
}

/// Runs `taxiway pause`.
pub fn pause(common: &Common, args: &PauseArgs) -> Result<Exit, Failure> {
    let body = match args.span {
        Some(span) => json!({ "for": format!("{}ms", span.as_millis()) }),
        None => json!({}),
    };
    order(common, "/v1/pause", &body)
}

/// Runs `taxiway resume`.
pub fn resume(common: &Common) -> Result<Exit, Failure> {
    match order(common, "/v1/resume", &json!({})) {
        Err(failure) if failure.exit == Exit::NoDaemon => {
            if resume_here(common)? {
                if common.quiet == 0 {
                    output::tell("the pause is over; no daemon runs");
                }
                return Ok(Exit::Well);
            }
            Err(failure)
        }
        done => done,
    }
}

/// Ends a pause that an earlier daemon left. False if there is none.
fn resume_here(common: &Common) -> Result<bool, Failure> {
    let config = load(common, Flags::default())?.0.config;
    let paused = Ledger::read(&ledger_path(&config.state_dir))?;
    let paused = paused.map(|ledger| ledger.remembered()).transpose()?;
    if paused.is_none_or(|remembered| remembered.paused.is_none()) {
        return Ok(false);
    }
    let lock = Lock::take(&config.state_dir, Role::Wish, DAEMON_PATIENCE)?;
    let base_url = config.api.base_url.as_str();
    let server = if common.sandbox { SANDBOX_SERVER } else { base_url };
    let now = Clock::start().now();
    let ledger = Ledger::open(&lock.ledger_path(), server, std::process::id(), now.wall)?;
    grant(ledger, limits(&config), vec![Command::Resume], now)?;
    Ok(true)
}

/// Runs `taxiway rescan`.
pub fn rescan(common: &Common) -> Result<Exit, Failure> {
    order(common, "/v1/rescan", &json!({}))
}

/// Runs `taxiway reload`. What is wrong with the configuration is the daemon's to say.
pub fn reload(common: &Common) -> Result<Exit, Failure> {
    let answer = Daemon::beside(common)?.answer("/v1/reload", Some(&json!({})), PATIENCE)?;
    if common.json {
        output::line(answer.trim_end());
    } else {
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let changed = answer["changed"].as_array().map(Vec::as_slice).unwrap_or_default();
        for line in changed.iter().filter_map(Value::as_str) {
            output::line(line);
        }
        if changed.is_empty() {
            output::line("nothing changed");
        }
    }
    output::flush();
    Ok(Exit::Well)
}

/// Has something done, and shows how things stand then.
fn order(common: &Common, path: &str, body: &Value) -> Result<Exit, Failure> {
    let answer = Daemon::of(common)?.answer(path, Some(body), PATIENCE)?;
    if common.json {
        output::line(answer.trim_end());
    } else if let Ok(status) = serde_json::from_str::<Status>(&answer)
        && common.quiet == 0
    {
        output::tell(&status.line(Clock::start().now().wall));
    }
    output::flush();
    Ok(Exit::Well)
}
