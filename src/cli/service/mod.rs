//! `taxiway service`: taxiway as a service of systemd or launchd, from its installation to its end.
//!
//! Owns:
//! - what is so already stays untouched, and is said to be so;
//! - nothing is written before configuration and token are found to be what the service can use;
//! - a service is not changed while another taxiway has the ledger;
//! - watched folders and the files in them are never deleted, whatever is.

mod files;
mod install;
mod manager;
mod refusal;
mod report;
mod system;
mod uninstall;
mod which;

use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

use crate::secret;
use crate::service::{Deed, Kind, journalctl};
use crate::text::{escaped, shown};

use super::args::Common;
use super::{Exit, Failure, output};

use manager::Manager;
use which::Which;

pub(in crate::cli) use refusal::Refusal;
pub(in crate::cli) use system::{is_open, refuse_hidden};
pub(in crate::cli) use which::is_systemd_here;

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Have it started at login (or boot), and start it
    Install(WhichArgs),
    /// Stop it and have it started no more; configuration and state stay
    Uninstall(UninstallArgs),
    /// Start the service
    Start(WhichArgs),
    /// Stop the service until the next login (or boot)
    Stop(WhichArgs),
    /// Stop the service if it runs, and start it
    Restart(WhichArgs),
    /// Tell how the service stands
    Status(WhichArgs),
    /// Show what the service logged
    Logs(LogsArgs),
}

#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct WhichArgs {
    /// The service of the whole machine, not the user's own
    #[arg(long)]
    pub system: bool,
}

#[derive(Debug, ClapArgs)]
pub struct UninstallArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// Also delete configuration, token and state
    #[arg(long)]
    pub purge: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, ClapArgs)]
pub struct LogsArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// Go on, as it logs more
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<u32>,
}

/// Runs `taxiway service …`.
pub fn service(common: &Common, command: ServiceCommand) -> Result<Exit, Failure> {
    if common.sandbox {
        return Err(Refusal::Sandbox.into());
    }
    match command {
        ServiceCommand::Install(args) => {
            install::install(common, &Which::installed(common, args.system)?)
        }
        ServiceCommand::Uninstall(args) => {
            let which = Which::installed(common, args.which.system)?;
            uninstall::uninstall(common, &which, args.purge, args.yes)
        }
        ServiceCommand::Start(args) => turn(common, args.system, Deed::Start),
        ServiceCommand::Stop(args) => turn(common, args.system, Deed::Stop),
        ServiceCommand::Restart(args) => turn(common, args.system, Deed::Restart),
        ServiceCommand::Status(args) => status(common, &Which::of(common, args.system)?),
        ServiceCommand::Logs(args) => logs(common, &Which::of(common, args.which.system)?, &args),
    }
}

/// Starts or stops what is installed.
fn turn(common: &Common, system: bool, deed: Deed) -> Result<Exit, Failure> {
    let which = match deed {
        // Needs nothing of what it has.
        Deed::Stop => Which::of(common, system)?,
        _ => Which::installed(common, system)?,
    };
    let word = match deed {
        Deed::Stop => "stop",
        Deed::Restart => "restart",
        Deed::Start | Deed::Load | Deed::Enable | Deed::Disable => "start",
    };
    which.demand_root(word)?;
    let manager = Manager::of(&which);
    let unit = manager.unit()?;
    if !unit.is_known() {
        return Err(not_installed(&which));
    }
    let (done, already) = match (deed, unit.runs()) {
        (Deed::Stop, false) => ("stopped", true),
        (Deed::Start, true) => ("started", true),
        (Deed::Stop, true) => {
            manager.run(deed)?;
            ("stopped", false)
        }
        (_, runs) => {
            // Free, or its own. Freed at once: it is the service that needs it.
            drop(which.lock(&unit)?);
            manager.start(if runs { deed } else { Deed::Start }, &unit)?;
            (if deed == Deed::Restart { "restarted" } else { "started" }, false)
        }
    };
    if common.json {
        let service = which.kind.as_str();
        let object = json!({ "schema": 1, "service": service, "done": done, "already": already });
        output::line(&object.to_string());
        output::flush();
    } else if common.quiet == 0 {
        output::tell(&format!("{done}{}", if already { " already" } else { "" }));
    }
    Ok(Exit::Well)
}

/// Runs `taxiway service status`.
fn status(common: &Common, which: &Which) -> Result<Exit, Failure> {
    let unit = Manager::of(which).unit()?;
    if common.json {
        let object = json!({
            "schema": 1,
            "service": which.kind.as_str(),
            "installed": unit.is_known(),
            "file": unit.file.as_deref().map(shown),
            "enabled": unit.is_enabled(),
            "state": unit.state,
            "running": unit.runs(),
            "pid": (unit.pid != 0).then_some(unit.pid),
            "exit": unit.exit,
            "says": unit.says,
        });
        output::line(&object.to_string());
    } else if unit.is_known() {
        let file = unit.file.as_deref().map_or_else(|| "unknown".to_owned(), shown);
        let enabled = if unit.is_enabled() { "enabled" } else { "not enabled" };
        output::line(&format!("service   {file}, {enabled}"));
        let process = if unit.pid == 0 { String::new() } else { format!(", process {}", unit.pid) };
        output::line(&format!("state     {}{process}", escaped(&unit.state)));
        if let Some(says) = &unit.says {
            output::line(&format!("says      {}", escaped(says)));
        }
    }
    output::flush();
    if !unit.is_known() {
        return Err(not_installed(which));
    }
    if unit.runs() {
        return Ok(Exit::Well);
    }
    Err(if unit.has_failed() {
        Refusal::Failed { kind: which.kind, exit: unit.exit }.into()
    } else {
        Refusal::Stopped { kind: which.kind }.into()
    })
}

/// There is nothing to be started, stopped or asked.
fn not_installed(which: &Which) -> Failure {
    Refusal::NotInstalled { kind: which.kind, has_system: which.has_system_unit() }.into()
}

/// Runs `taxiway service logs`: another program takes the place of this one.
fn logs(common: &Common, which: &Which, args: &LogsArgs) -> Result<Exit, Failure> {
    let argv = match which.kind {
        Kind::User | Kind::System => journalctl(which.kind, args.follow, args.lines, common.json),
        Kind::Agent => {
            let log = which.log();
            if !log.exists() {
                return Err(Refusal::NoLog { log }.into());
            }
            let lines = args.lines.map_or("+1".to_owned(), |lines| lines.to_string());
            let mut argv = vec!["tail".to_owned(), "-n".to_owned(), lines];
            argv.extend(args.follow.then(|| "-f".to_owned()));
            argv.push(log.to_string_lossy().into_owned());
            argv
        }
    };
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]);
    for name in secret::VARIABLES {
        command.env_remove(name);
    }
    let error = command.exec();
    let program = argv.into_iter().next().unwrap_or_default();
    Err(Refusal::NoProgram { program, error }.into())
}
