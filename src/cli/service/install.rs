//! `taxiway service install`: configuration and token are proved, files written, the manager told.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::{
    BASE_URL_VARIABLE, CONFIG_VARIABLE, Config, Loaded, Origin, STATE_DIR_VARIABLE,
};
use crate::secret::{TokenSource, VARIABLES};
use crate::service::{Deed, Kind, agent, places_file, unit};
use crate::text::{shell_word, shown};

use crate::cli::args::Common;
use crate::cli::{Exit, Failure, run};

use super::manager::{Manager, NOT_LOADED, Unit, answer};
use super::refusal::Refusal;
use super::report::Report;
use super::which::Which;
use super::{files, system};

/// The directories that macOS keeps from programs until somebody says otherwise.
const KEPT_BY_MACOS: [&str; 5] =
    ["Desktop", "Documents", "Downloads", "Library/Mobile Documents", "Library/CloudStorage"];

/// Runs the command.
pub fn install(common: &Common, which: &Which) -> Result<Exit, Failure> {
    which.demand_root("install")?;
    match which.kind {
        Kind::System => system::install(common, which),
        Kind::User | Kind::Agent => of_the_user(common, which),
    }
}

fn of_the_user(common: &Common, which: &Which) -> Result<Exit, Failure> {
    let loaded = Config::load(&which.sources)?;
    run::refuse_nothing(&loaded).map_err(|failure| Failure {
        exit: Exit::Config,
        hint: "taxiway init".into(),
        ..failure
    })?;
    demand_lasting_token(which, &loaded)?;
    let manager = Manager::of(which);
    let before = manager.unit()?;
    let lock = which.lock(&before)?;
    let mut report = Report::of(common, which.kind);
    let changed = match which.kind {
        Kind::Agent => write_agent(&mut report, which, &loaded)?,
        Kind::User | Kind::System => write_unit(&mut report, which, &loaded)?,
    };
    drop(lock);
    switch_on(&mut report, &manager, &before, changed)?;
    match which.kind {
        Kind::Agent => tell_of_access(&mut report, which, &loaded.config)?,
        Kind::User | Kind::System => tell_of_lingering(&mut report),
    }
    report.end("taxiway status");
    Ok(Exit::Well)
}

/// Has the manager read what was written, and the service run.
pub fn switch_on(
    report: &mut Report,
    manager: &Manager<'_>,
    before: &Unit,
    changed: bool,
) -> Result<(), Failure> {
    enable(report, manager, before, changed)?;
    match (before.runs(), changed) {
        (true, false) => report.say("started", "already".to_owned()),
        (true, true) => {
            manager.afresh(before)?;
            report.did("started", "again, as its files changed");
        }
        (false, false) => {
            manager.start(Deed::Start, before)?;
            report.did("started", "now");
        }
        (false, true) => {
            manager.afresh(before)?;
            report.did("started", "now");
        }
    }
    Ok(())
}

/// Has the manager read what was written, and start it from now on.
pub fn enable(
    report: &mut Report,
    manager: &Manager<'_>,
    before: &Unit,
    changed: bool,
) -> Result<(), Failure> {
    if manager.is_launchd() {
        if changed && before.state != NOT_LOADED {
            // What is loaded keeps the file as it was.
            manager.run(Deed::Disable)?;
        }
        return Ok(());
    }
    if changed || !before.is_known() {
        manager.run(Deed::Load)?;
    }
    if before.is_enabled() {
        report.say("enabled", "already".to_owned());
    } else {
        manager.run(Deed::Enable)?;
        report.did("enabled", manager.when());
    }
    Ok(())
}

fn write_unit(report: &mut Report, which: &Which, loaded: &Loaded) -> Result<bool, Failure> {
    let text = unit(which.kind, &program()?)?.unwrap_or_default();
    let places = places_file(&elsewhere(which, loaded))?;
    let mut changed = match which.packaged() {
        Some(packaged) => files::put_unless_packaged(report, &packaged, &which.file(), &text)?,
        None => files::put(report, &which.file(), &text)?,
    };
    let drop_in = which.drop_in("places.conf");
    changed |= match places {
        Some(text) => put_places(report, which, &text)?,
        None => files::remove(report, &drop_in)?,
    };
    Ok(changed)
}

fn write_agent(report: &mut Report, which: &Which, loaded: &Loaded) -> Result<bool, Failure> {
    let log = which.log();
    let text = agent(&program()?, &elsewhere(which, loaded), &log)?;
    files::directory(log.parent().unwrap_or(Path::new("/")))
        .map_err(|error| files::unwritable(&log, error))?;
    put_places(report, which, &text)
}

/// Writes the file that says where things are, and says what it goes on to say.
fn put_places(report: &mut Report, which: &Which, text: &str) -> Result<bool, Failure> {
    let (file, kept) = (which.places_file(), which.kept_words());
    if kept.is_empty() {
        return files::put(report, &file, text);
    }
    let is_there = std::fs::read_to_string(&file).is_ok_and(|there| there == text);
    let changed = !is_there && files::put(report, &file, text)?;
    report.say("kept", format!("{}: {kept}", shown(&file)));
    Ok(changed)
}

/// What this command was told of places, as variables of the service; nothing of what the service
/// finds by itself.
fn elsewhere(which: &Which, loaded: &Loaded) -> Vec<(&'static str, PathBuf)> {
    let home = which.home();
    let is_usual = |path: &Path, from: &Origin, usual: &str| match which.kind {
        // A shell may have set where configurations are, and the service does not hear of it.
        Kind::User | Kind::System => path == home.join(usual),
        Kind::Agent => *from == Origin::Default,
    };
    let mut variables = Vec::new();
    let config = &loaded.file;
    if !is_usual(&config.path, &config.from, ".config/taxiway/config.toml") {
        variables.push((CONFIG_VARIABLE, config.path.clone()));
    }
    let state_dir = &loaded.config.state_dir;
    if !is_usual(state_dir, &loaded.state_dir, ".local/state/taxiway") {
        variables.push((STATE_DIR_VARIABLE, state_dir.clone()));
    }
    let base_url = which.sources.environment.variable(BASE_URL_VARIABLE);
    variables.extend(base_url.map(|url| (BASE_URL_VARIABLE, PathBuf::from(url))));
    variables
}

/// Refuses a token that ends with the shell that has it.
fn demand_lasting_token(which: &Which, loaded: &Loaded) -> Result<(), Failure> {
    let token_file = &loaded.config.api.token_file;
    let mut environment = which.sources.environment.clone();
    let found = environment.token(Some(token_file))?;
    environment.variables.retain(|name, _| !VARIABLES.contains(name));
    if let TokenSource::Environment(variable) = found.source
        && environment.token(Some(token_file)).is_err()
    {
        let token_file = token_file.clone();
        return Err(Refusal::TokenInVariable { variable, token_file }.into());
    }
    Ok(())
}

/// This program by the name that stays: the one on the PATH, which leads to the next version too.
pub fn program() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let resolved = own.canonicalize()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut named = std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("taxiway"));
    let lasting = named.find(|file| file.canonicalize().is_ok_and(|file| file == resolved));
    let program = lasting.unwrap_or(own);
    // So it is named after it was replaced.
    if program.as_os_str().as_bytes().ends_with(b" (deleted)") {
        return Err(Refusal::Replaced.into());
    }
    Ok(program)
}

fn tell_of_lingering(report: &mut Report) {
    let uid = rustix::process::getuid().as_raw().to_string();
    if answer(&["loginctl", "show-user", &uid, "-p", "Linger", "--value"]) != "yes" {
        report.note(
            "it starts when you log in and ends with your last session; to have it run from boot \
             on: loginctl enable-linger",
        );
    }
}

fn tell_of_access(report: &mut Report, which: &Which, config: &Config) -> Result<(), Failure> {
    let kept = |root: &Path| {
        let mut homes = KEPT_BY_MACOS.iter().map(|directory| which.home().join(directory));
        homes.any(|directory| root.starts_with(directory)) || root.starts_with("/Volumes")
    };
    if let Some(folder) = config.folders.iter().find(|folder| kept(&folder.root)) {
        report.note(format!(
            "macOS keeps {} from programs: allow {} in System Settings, Privacy & Security, Full \
             Disk Access",
            shown(&folder.root),
            shell_word(program()?)
        ));
    }
    report.note(format!("it logs to {}", shown(&which.log())));
    Ok(())
}
