//! `taxiway service uninstall`: the service ends; its things stay, or go with `--purge`.
//!
//! Owns:
//! - by default nothing is lost: where everything lies is said;
//! - `--purge` deletes by name what taxiway wrote, and nothing that it does not know.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::daemon::lock::{Lock, Role, held_by};
use crate::service::{Deed, Kind};
use crate::text::shown;

use crate::cli::args::Common;
use crate::cli::{Exit, Failure, output};

use super::files;
use super::manager::{Manager, NOT_LOADED};
use super::refusal::Refusal;
use super::report::Report;
use super::which::Which;

/// What a state directory can hold of ours, beside copies of the ledger; the lock comes last, so
/// that nobody begins meanwhile.
const OF_STATE: [&str; 3] = ["control.sock", "control-token", "lock"];

/// Runs the command.
pub fn uninstall(common: &Common, which: &Which, purge: bool, yes: bool) -> Result<Exit, Failure> {
    which.demand_root("uninstall")?;
    let (config, state_dir) = (which.config_file()?, which.state_dir()?);
    // Only for the token's place; a broken one is no reason to stay.
    let loaded = Config::load(&which.sources).ok();
    let token = loaded.as_ref().map(|loaded| loaded.config.api.token_file.clone());
    let token = token.unwrap_or_else(|| config.with_file_name("token"));
    if purge && !yes && !agreed(which, &[&config, &token, &state_dir])? {
        output::tell("nothing is changed");
        return Ok(Exit::Some);
    }
    let manager = Manager::of(which);
    let unit = manager.unit()?;
    if purge {
        // Another taxiway than the service's own keeps what it works with.
        drop(which.lock(&unit)?);
    }
    let mut report = Report::of(common, which.kind);
    if which.kind == Kind::Agent {
        if unit.state != NOT_LOADED {
            manager.run(Deed::Disable)?;
            report.did("stopped", "and forgotten by launchd");
        }
    } else {
        if unit.is_known() && (unit.runs() || unit.has_failed()) {
            manager.run(Deed::Stop)?;
            report.did("stopped", "now");
        }
        if unit.is_enabled() {
            manager.run(Deed::Disable)?;
            report.did("disabled", manager.never());
        }
    }
    let before = report.changes();
    remove_files(&mut report, which)?;
    if which.kind != Kind::Agent && report.changes() > before {
        manager.run(Deed::Load)?;
    }
    if purge {
        delete_state(&mut report, &state_dir)?;
        files::delete(&mut report, &config)?;
        if token.parent() == config.parent() {
            files::delete(&mut report, &token)?;
        } else if token.exists() {
            report.say("left", format!("the token, which lies elsewhere: {}", shown(&token)));
        }
        files::remove_empty(&mut report, config.parent().unwrap_or(&config));
    } else {
        let there = [("configuration", &config), ("token", &token), ("state", &state_dir)];
        for (what, path) in there.into_iter().filter(|(_, path)| path.exists()) {
            report.say("left", format!("the {what}: {}", shown(path)));
        }
    }
    if let Some(packaged) = which.packaged().filter(|file| file.exists()) {
        report.note(format!("{} came with a package, and goes with it", shown(&packaged)));
    }
    if which.kind == Kind::System {
        let folder = shown(&which.system.drop_folder());
        report.note(format!("user and group taxiway stay, and so does {folder}"));
    }
    if report.changes() == 0 {
        report.note("there was nothing to remove");
    }
    let flag = which.flag();
    // What said where things are is gone with the service.
    let taxiway =
        if which.kind == Kind::System { "taxiway".to_owned() } else { which.taxiway()? };
    let next = if [&config, &token, &state_dir].iter().any(|path| path.exists()) {
        format!("to delete what is left: {taxiway} service uninstall{flag} --purge")
    } else {
        format!("to have it back: taxiway service install{flag}")
    };
    report.end(&next);
    Ok(Exit::Well)
}

/// The files that an installation wrote.
fn remove_files(report: &mut Report, which: &Which) -> Result<(), Failure> {
    files::remove(report, &which.file())?;
    if which.kind == Kind::Agent {
        return Ok(());
    }
    for name in ["places.conf", "doors.conf"] {
        files::remove(report, &which.drop_in(name))?;
    }
    let drop_in = which.drop_in("places.conf");
    files::remove_empty(report, drop_in.parent().unwrap_or(&drop_in));
    if which.kind == Kind::System {
        for file in ["sysusers.d/taxiway.conf", "tmpfiles.d/taxiway.conf"] {
            files::remove(report, &which.system.installed(file))?;
        }
    }
    Ok(())
}

/// Deletes what taxiway keeps in its state directory.
fn delete_state(report: &mut Report, directory: &Path) -> Result<(), Failure> {
    if let Some(held) = held_by(directory) {
        return Err(held.into());
    }
    if !directory.exists() {
        return Ok(());
    }
    let lock = Lock::take(directory, Role::Upkeep, Duration::ZERO)?;
    let sandbox = directory.join("sandbox");
    if held_by(&sandbox).is_none() && sandbox.join("lock").exists() {
        // All in it was made up by a sandbox.
        std::fs::remove_dir_all(&sandbox).map_err(|error| files::unwritable(&sandbox, error))?;
        report.changed("removed", &sandbox);
    }
    for file in ledgers(directory).into_iter().chain(OF_STATE.map(|name| directory.join(name))) {
        files::delete(report, &file)?;
    }
    drop(lock);
    files::remove_empty(report, directory);
    if directory.exists() {
        let path = shown(directory);
        report.note(format!("{path} holds files that are not taxiway's: they stay"));
    }
    Ok(())
}

/// The ledger, its log, and the copies that were made of it before it was changed.
fn ledgers(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let named =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("ledger.sqlite3"));
    let mut files: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Asks on the terminal. Only a clear yes is one.
fn agreed(which: &Which, paths: &[&Path]) -> Result<bool, Failure> {
    let there = paths.iter().filter(|path| path.exists());
    let paths: Vec<PathBuf> = there.map(|path| path.to_path_buf()).collect();
    if paths.is_empty() {
        return Ok(true);
    }
    let words = Refusal::NotSure { paths, kind: which.kind, taxiway: which.taxiway()? };
    if !std::io::stdin().is_terminal() {
        return Err(words.into());
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{words}. Delete it? [y/N] ")?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}
