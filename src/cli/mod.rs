//! The command line: what can be said, and what comes back.
//!
//! Owns:
//! - data goes to stdout, everything else to stderr; a closed stdout is no error;
//! - an error is one line and a hint, or one JSON object, and its exit code is one of [`Exit`].

mod args;
mod asking;
mod closed;
mod config;
mod doctor;
mod events;
mod folder;
mod ids;
mod init;
mod key;
mod ledger;
mod list;
mod listening;
mod log;
mod others;
mod output;
mod progress;
mod proof;
mod push;
mod reload;
mod run;
mod sandbox;
mod service;
mod session;
mod shell;
mod signals;
mod supervised;
mod terminal;
mod ui;
mod why;
mod wishes;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser};

use crate::config::{ConfigError, Environment, Flags, Loaded, Sources};
use crate::daemon::SetupError;
use crate::daemon::lock::LockError;
use crate::ledger::LedgerError;
use crate::program;
use crate::row;
use crate::secret::TokenError;

use args::{Args, Command, Common};

/// Exit codes; other programs rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All well.
    Well = 0,
    /// Some files failed, are held, or are not in the ledger.
    Some = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// No daemon to talk to.
    NoDaemon = 69,
    /// The ledger is damaged, newer than this program, or cannot be written.
    Ledger = 74,
    /// Not finished; try again.
    Later = 75,
    /// The token is refused, the subscription has expired, or an account is broken.
    Stopped = 77,
    /// The configuration; also no token at all.
    Config = 78,
}

impl Exit {
    /// Which of two decides where both apply.
    fn worst(self, other: Exit) -> Exit {
        let weight = |exit: Exit| match exit {
            Exit::Config => 6,
            Exit::Ledger => 5,
            Exit::Stopped => 4,
            Exit::Later => 3,
            Exit::Some | Exit::NoDaemon => 2,
            Exit::Usage => 1,
            Exit::Well => 0,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

/// An error as a person meets it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: String,
    exit: Exit,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { message: message.into(), hint: hint.into(), exit }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::new(Exit::Config, error.to_string(), error.hint())
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Failure {
        Failure::new(Exit::Config, error.to_string(), error.hint())
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Failure {
        let exit = match &error {
            LedgerError::OtherServer { .. } => Exit::Config,
            LedgerError::Newer { .. }
            | LedgerError::Damaged { .. }
            | LedgerError::HalfRebuilt { .. }
            | LedgerError::StrayLog { .. }
            | LedgerError::NoCopy { .. }
            | LedgerError::Sqlite(_)
            | LedgerError::OldSqlite(_) => Exit::Ledger,
        };
        Failure::new(exit, error.to_string(), error.hint())
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Failure {
        match &error {
            LockError::Held { pid, daemon, .. } => {
                let hint = match (daemon, pid) {
                    // 0 is nobody, and to kill it would be to kill oneself.
                    (true, 0) => "stop it first".to_owned(),
                    (true, _) => format!("stop it first: kill {pid}"),
                    (false, _) => "wait for it: add --timeout 10min".to_owned(),
                };
                Failure::new(Exit::Later, error.to_string(), hint)
            }
            LockError::Unusable { .. } => {
                let hint = "choose another: --state-dir DIR, on a disk of this machine";
                Failure::new(Exit::Ledger, error.to_string(), hint)
            }
        }
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Failure {
        match error {
            SetupError::Ledger(error) => error.into(),
            SetupError::Client(error) => {
                let hint = error.hint().unwrap_or("run with -vv for more");
                Failure::new(Exit::Config, error.to_string(), hint)
            }
            SetupError::Pattern { .. } => {
                Failure::new(Exit::Config, error.to_string(), "taxiway config check")
            }
            SetupError::Thread(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        let hint = "check the limits of this machine: ulimit -a";
        Failure::new(Exit::Later, format!("the system refused: {error}"), hint)
    }
}

/// Parses the command line, does what it says, and gives the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) => return usage(&error, &arguments, json),
    };
    log::start(&args.common);
    let common = args.common.clone();
    let done = dispatch(args);
    program::end_all();
    match done {
        Ok(exit) => exit as u8,
        Err(mut failure) => {
            failure.hint = placed(&common, failure.hint);
            output::failure(&failure, json);
            failure.exit as u8
        }
    }
}

fn dispatch(args: Args) -> Result<Exit, Failure> {
    let common = args.common;
    match args.command {
        Command::Run(args) => run::run(&common, args),
        Command::Push(args) => push::push(&common, args),
        Command::Id(args) => ids::id(&common, &args),
        Command::Ls(args) => list::ls(&common, &args),
        Command::Ledger { command } => ledger::ledger(&common, command),
        Command::Status(args) => asking::status(&common, &args),
        Command::Ui(args) => ui::ui(&common, &args),
        Command::Wait(args) => asking::wait(&common, &args),
        Command::Why(args) => why::why(&common, &args),
        Command::Pause(args) => asking::pause(&common, &args),
        Command::Resume => asking::resume(&common),
        Command::Rescan => asking::rescan(&common),
        Command::Reload => asking::reload(&common),
        Command::Retry(args) => wishes::retry(&common, args),
        Command::Resolve(args) => wishes::resolve(&common, args),
        Command::Forget(args) => wishes::forget(&common, args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::Sandbox(args) => sandbox::sandbox(&common, args),
        Command::Init(args) => init::init(&common, &args),
        Command::Doctor(args) => doctor::doctor(&common, &args),
        Command::Config { command } => config::config(&common, &command),
        Command::Service { command } => service::service(&common, command),
    }
}

/// Help and version are answers; the rest are errors of usage, in our own shape.
fn usage(error: &clap::Error, typed: &[OsString], json: bool) -> u8 {
    use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() {
        output::help(error);
        return Exit::Well as u8;
    }
    if !json && error.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        output::help(error);
        return Exit::Usage as u8;
    }
    output::failure(&wrong_usage(error, typed), json);
    Exit::Usage as u8
}

/// What clap says in paragraphs, as an error and a hint.
fn wrong_usage(error: &clap::Error, typed: &[OsString]) -> Failure {
    let (text, kind) = (error.to_string(), error.kind());
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        lines.join(" ")
    });
    let first = paragraphs.next().unwrap_or_default();
    let message = match kind {
        clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "there is no command".to_owned()
        }
        _ => first.trim_start_matches("error: ").to_owned(),
    };
    let rest: Vec<String> = paragraphs.collect();
    let tip = rest.iter().find_map(|paragraph| paragraph.strip_prefix("tip: "));
    let command = command_of(typed);
    let hint = match nearest(error, &command) {
        Some(near) => format!("did you mean `{near}`?"),
        None => tip.map_or(format!("{command} --help"), str::to_owned),
    };
    Failure::new(Exit::Usage, message, hint)
}

/// The command that was typed, without its arguments.
fn command_of(typed: &[OsString]) -> String {
    let mut command = Args::command();
    let mut words = command.get_name().to_owned();
    for word in typed.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(below) = command.find_subcommand(word) {
            words = format!("{words} {word}");
            command = below.clone();
        }
    }
    words
}

/// What was probably meant by a command or flag that there is not.
fn nearest(error: &clap::Error, command: &str) -> Option<String> {
    use clap::error::{ContextKind, ContextValue};
    let known = |kind| match error.get(kind)? {
        ContextValue::String(word) => Some(word.clone()),
        // The best one is the last.
        ContextValue::Strings(words) => words.last().cloned(),
        _ => None,
    };
    let below = known(ContextKind::SuggestedSubcommand).map(|name| format!("{command} {name}"));
    below.or_else(|| known(ContextKind::SuggestedArg))
}

/// A hint that begins with a command which knows nothing of the flags of this one.
fn placed(common: &Common, hint: String) -> String {
    match hint.strip_prefix("taxiway ") {
        Some(command) if !command.starts_with("--") => again(common, command),
        Some(_) | None => hint,
    }
}

/// A command that asks the same configuration and ledger as this one.
fn again(common: &Common, command: &str) -> String {
    let mut words = vec!["taxiway".to_owned()];
    let places = [("--config", &common.config), ("--state-dir", &common.state_dir)];
    for (flag, path) in places {
        words.extend(path.as_ref().map(|path| format!("{flag} {}", crate::text::shell_word(path))));
    }
    words.extend(common.sandbox.then(|| "--sandbox".to_owned()));
    words.push(command.to_owned());
    words.join(" ")
}

/// Loads the configuration for a command.
fn load(common: &Common, flags: Flags) -> Result<(Loaded, Environment), Failure> {
    let environment = Environment::of_process();
    let flags =
        Flags { config: common.config.clone(), state_dir: common.state_dir.clone(), ..flags };
    let sources = Sources { environment, flags };
    let loaded = load_from(&sources, common.sandbox)?;
    Ok((loaded, sources.environment))
}

/// The same, from sources that are known.
fn load_from(sources: &Sources, sandbox: bool) -> Result<Loaded, Failure> {
    let mut loaded = crate::config::Config::load(sources)?;
    if sandbox {
        loaded.config.state_dir.push("sandbox");
    }
    if sandbox || !sources.flags.folders.is_empty() {
        // Who waits for the call waits for the folders of the configuration.
        loaded.config.control.heartbeat_url = None;
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests;
