//! Puts defaults, file, environment and flags on top of each other.
//!
//! Owns: the order of the four, and where a file or directory is looked for.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use toml::de::DeValue;

use super::environment::{
    BASE_URL_VARIABLE, CONFIG_VARIABLE, Environment, Flags, STATE_DIR_VARIABLE, Sources,
};
use super::error::ConfigError;
use super::file::{self, Entries, Source};
use super::keys::Table;
use super::kinds::{self, Base, Kind, tidy};
use super::origin::{Origin, Origins};
use super::resolve::resolve;
use super::{Api, Config, Control, Folder, Log};

/// A configuration and where its values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The effective values.
    pub config: Config,
    /// The file that was read, or would have been.
    pub file: ConfigFile,
    /// Origins of `[api]`.
    pub api: Origins,
    /// Origins of `[control]`.
    pub control: Origins,
    /// Origins of `[log]`.
    pub log: Origins,
    /// Origins of each folder, in the order of [`Config::folders`].
    pub folders: Vec<Origins>,
    /// Origin of [`Config::state_dir`].
    pub state_dir: Origin,
}

/// Where the configuration file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// The file, absolute.
    pub path: PathBuf,
    /// What says so.
    pub from: Origin,
    /// Whether it is there. Only a file at the default place may be missing.
    pub exists: bool,
}

/// Where the configuration file is looked for: `--config`, `TAXIWAY_CONFIG`, the default place.
/// Works beside a broken configuration; says nothing about whether the file exists.
pub fn locate(sources: &Sources) -> Result<(PathBuf, Origin), ConfigError> {
    let Sources { environment, flags } = sources;
    let flag = (flags.config.as_deref(), Origin::Flag("--config"));
    let default = environment.config_dir.as_ref();
    let default = default.map(|directory| directory.join("config.toml"));
    place(environment, flag, CONFIG_VARIABLE, default)?
        .ok_or(ConfigError::NoHome { what: "the configuration", flag: "--config FILE" })
}

/// Where the state directory is: `--state-dir`, `TAXIWAY_STATE_DIR`, the platform's place. Works
/// beside a broken configuration.
pub fn locate_state_dir(sources: &Sources) -> Result<(PathBuf, Origin), ConfigError> {
    let Sources { environment, flags } = sources;
    let flag = (flags.state_dir.as_deref(), Origin::Flag("--state-dir"));
    let default = environment.state_dir.clone();
    place(environment, flag, STATE_DIR_VARIABLE, default)?
        .ok_or(ConfigError::NoHome { what: "the state directory", flag: "--state-dir DIR" })
}

pub(super) fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let file = locate(sources)?;
    let state_dir = locate_state_dir(sources)?;
    let source = Source::read(&file.0)?;
    assemble(sources, file, state_dir, source.as_ref())
}

/// Everything on top of each other, once the file is read.
pub(super) fn assemble(
    sources: &Sources,
    (path, from): (PathBuf, Origin),
    (state_dir, state_dir_from): (PathBuf, Origin),
    source: Option<&Source>,
) -> Result<Loaded, ConfigError> {
    if source.is_none() && from != Origin::Default {
        return Err(ConfigError::Missing { from, path });
    }
    let document = source.map(Source::parse).transpose()?;
    let tables = match source.zip(document.as_ref()) {
        Some((source, document)) => source.tables(document)?,
        None => file::Tables::default(),
    };
    let base = Base {
        directory: path.parent().unwrap_or(Path::new("/")).to_owned(),
        home: sources.environment.home.clone(),
    };
    let (api, api_origins) = load_api(tables.api.as_ref(), &base, &sources.environment)?;
    let (control, control_origins) = load_control(tables.control.as_ref(), &base)?;
    let (log, log_origins) = load_log(tables.log.as_ref(), &base)?;
    let mut folders = Vec::new();
    for entries in &tables.folders {
        folders.push(load_folder(entries, &base)?);
    }
    refuse_same_folders(&folders)?;
    if !sources.flags.folders.is_empty() {
        folders = stand_in(folders, &sources.flags, &sources.environment)?;
        refuse_same_folders(&folders)?;
    }
    refuse_moves_into_folders(&folders)?;
    refuse_moves_into(&resolve(&state_dir), &folders)?;
    for (folder, origins) in &mut folders {
        if folder.email.is_none() && api.email.is_some() {
            folder.email.clone_from(&api.email);
            origins.set("email", api_origins.of("email"));
        }
    }
    let (folders, folder_origins) = folders.into_iter().unzip();
    Ok(Loaded {
        config: Config { api, control, log, folders, state_dir },
        file: ConfigFile { path, from, exists: source.is_some() },
        api: api_origins,
        control: control_origins,
        log: log_origins,
        folders: folder_origins,
        state_dir: state_dir_from,
    })
}

fn load_api(
    entries: Option<&Entries<'_>>,
    base: &Base,
    environment: &Environment,
) -> Result<(Api, Origins), ConfigError> {
    let mut api = Api::with_token_file(base.directory.join("token"));
    let mut to = Setter::new(entries, base);
    to.set(&mut api.base_url, "base_url", &kinds::BASE_URL)?;
    to.set(&mut api.email, "email", &kinds::EMAIL)?;
    to.set(&mut api.token_file, "token_file", &kinds::TOKEN_FILE)?;
    to.set(&mut api.concurrency, "concurrency", &kinds::CONCURRENCY)?;
    to.set(&mut api.rate_limit_bytes, "rate_limit", &kinds::RATE)?;
    to.set(&mut api.connect_timeout, "connect_timeout", &kinds::DURATION)?;
    to.set(&mut api.stall_timeout, "stall_timeout", &kinds::DURATION)?;
    to.set(&mut api.answer_timeout, "answer_timeout", &kinds::DURATION)?;
    to.set(&mut api.max_file_size_bytes, "max_file_size", &kinds::SIZE)?;
    to.set(&mut api.send, "send", &kinds::SEND)?;
    to.set(&mut api.pause_on, "pause_on", &kinds::CONDITIONS)?;
    to.set(&mut api.ca_file, "ca_file", &kinds::PATH)?;
    let mut origins = to.origins;
    if let Some(url) = environment.variable(BASE_URL_VARIABLE) {
        let at = Origin::Environment(BASE_URL_VARIABLE);
        let value = DeValue::String(Cow::Owned(url.to_string_lossy().into_owned()));
        api.base_url = file::read(Table::Api, "base_url", &kinds::BASE_URL, base, &at, &value)?;
        origins.set("base_url", at);
    }
    Ok((api, origins))
}

fn load_control(
    entries: Option<&Entries<'_>>,
    base: &Base,
) -> Result<(Control, Origins), ConfigError> {
    let mut control = Control::default();
    let mut to = Setter::new(entries, base);
    to.set(&mut control.listen, "listen", &kinds::LISTEN)?;
    to.set(&mut control.heartbeat_url, "heartbeat_url", &kinds::HEARTBEAT_URL)?;
    to.set(&mut control.heartbeat_interval, "heartbeat_interval", &kinds::DURATION)?;
    Ok((control, to.origins))
}

fn load_log(entries: Option<&Entries<'_>>, base: &Base) -> Result<(Log, Origins), ConfigError> {
    let mut log = Log::default();
    let mut to = Setter::new(entries, base);
    to.set(&mut log.format, "format", &kinds::LOG_FORMAT)?;
    to.set(&mut log.level, "level", &kinds::LOG_LEVEL)?;
    Ok((log, to.origins))
}

fn load_folder(entries: &Entries<'_>, base: &Base) -> Result<(Folder, Origins), ConfigError> {
    let mut to = Setter::new(Some(entries), base);
    let mut path = None;
    to.set(&mut path, "path", &kinds::PATH)?;
    let path = path.ok_or_else(|| ConfigError::NoPath { at: entries.at.clone() })?;
    let mut folder = Folder::at(path);
    to.set(&mut folder.email, "email", &kinds::EMAIL)?;
    to.set(&mut folder.recursive, "recursive", &kinds::BOOL)?;
    to.set(&mut folder.include, "include", &kinds::PATTERNS)?;
    to.set(&mut folder.exclude, "exclude", &kinds::PATTERNS)?;
    to.set(&mut folder.hidden, "hidden", &kinds::BOOL)?;
    to.set(&mut folder.follow_symlinks, "follow_symlinks", &kinds::BOOL)?;
    to.set(&mut folder.existing, "existing", &kinds::EXISTING)?;
    to.set(&mut folder.settle, "settle", &kinds::DURATION)?;
    to.set(&mut folder.incomplete, "incomplete", &kinds::INCOMPLETE)?;
    to.set(&mut folder.mode, "mode", &kinds::MODE)?;
    to.set(&mut folder.poll_interval, "poll_interval", &kinds::DURATION)?;
    to.set(&mut folder.rescan_interval, "rescan_interval", &kinds::DURATION)?;
    to.set(&mut folder.name, "name", &kinds::NAME)?;
    to.set(&mut folder.on_change, "on_change", &kinds::ON_CHANGE)?;
    to.set(&mut folder.after_upload, "after_upload", &kinds::AFTER_UPLOAD)?;
    to.set(&mut folder.sidecar, "sidecar", &kinds::BOOL)?;
    to.set(&mut folder.on_uploaded, "on_uploaded", &kinds::COMMAND)?;
    to.set(&mut folder.on_failed, "on_failed", &kinds::COMMAND)?;
    Ok((folder, to.origins))
}

/// Reads keys of one table, noting which line gave them.
struct Setter<'a> {
    entries: Option<&'a Entries<'a>>,
    base: &'a Base,
    origins: Origins,
}

impl<'a> Setter<'a> {
    fn new(entries: Option<&'a Entries<'a>>, base: &'a Base) -> Setter<'a> {
        Setter { entries, base, origins: Origins::default() }
    }

    fn set<T>(
        &mut self,
        slot: &mut T,
        key: &'static str,
        kind: &Kind<T>,
    ) -> Result<(), ConfigError> {
        match self.entries {
            Some(entries) => entries.set(slot, key, kind, self.base, &mut self.origins),
            None => Ok(()),
        }
    }
}

/// The folders that the command line names: with the settings of a configured folder where it is
/// one, else with defaults.
fn stand_in(
    configured: Vec<(Folder, Origins)>,
    flags: &Flags,
    environment: &Environment,
) -> Result<Vec<(Folder, Origins)>, ConfigError> {
    let mut folders = Vec::new();
    for directory in &flags.folders {
        let path = absolute(environment, directory, &Origin::Argument)?;
        let root = resolve(&path);
        let known = configured.iter().find(|(folder, _)| folder.root == root);
        let (mut folder, mut origins) = match known {
            Some(known) => known.clone(),
            None => (Folder::at(path), Origins::default()),
        };
        origins.set("path", Origin::Argument);
        if flags.email.is_some() {
            folder.email.clone_from(&flags.email);
            origins.set("email", Origin::Flag("--email"));
        }
        folders.push((folder, origins));
    }
    Ok(folders)
}

fn refuse_same_folders(folders: &[(Folder, Origins)]) -> Result<(), ConfigError> {
    for (index, (folder, origins)) in folders.iter().enumerate() {
        let earlier = &folders[..index];
        if let Some((_, first)) = earlier.iter().find(|(other, _)| other.root == folder.root) {
            return Err(ConfigError::SameFolder {
                at: origins.of("path"),
                first: first.of("path"),
                root: folder.root.clone(),
            });
        }
    }
    Ok(())
}

/// What is moved into the state directory would go with it when that is purged.
fn refuse_moves_into(state_dir: &Path, folders: &[(Folder, Origins)]) -> Result<(), ConfigError> {
    for (folder, origins) in folders {
        let Some(target) = folder.moves_to().map(resolve) else { continue };
        if target.starts_with(state_dir) {
            return Err(ConfigError::MovesIntoState { at: origins.of("after_upload"), target });
        }
    }
    Ok(())
}

/// What is moved into a folder would be found there again, and what a folder lies in cannot be left
/// out of it.
fn refuse_moves_into_folders(folders: &[(Folder, Origins)]) -> Result<(), ConfigError> {
    for (folder, origins) in folders {
        let Some(target) = folder.moves_to().map(resolve) else { continue };
        if let Some((other, _)) = folders.iter().find(|(other, _)| other.root.starts_with(&target))
        {
            let (at, root) = (origins.of("after_upload"), other.root.clone());
            return Err(ConfigError::MovesIntoFolder { at, target, root });
        }
    }
    Ok(())
}

/// The path that a flag or a variable names, else the default.
fn place(
    environment: &Environment,
    (flag, flag_origin): (Option<&Path>, Origin),
    variable: &'static str,
    default: Option<PathBuf>,
) -> Result<Option<(PathBuf, Origin)>, ConfigError> {
    let named = environment.variable(variable).map(Path::new);
    let (path, from) = match (flag, named) {
        (Some(path), _) => (path, flag_origin),
        (None, Some(path)) => (path, Origin::Environment(variable)),
        (None, None) => return Ok(default.map(|path| (path, Origin::Default))),
    };
    Ok(Some((absolute(environment, path, &from)?, from)))
}

/// A path of the command line or the environment, made absolute. `~` is left to the shell on the
/// command line, where `./~` and `~` differ; in variables, which no shell may have touched, it is
/// the home directory.
fn absolute(environment: &Environment, path: &Path, from: &Origin) -> Result<PathBuf, ConfigError> {
    let mut components = path.components();
    let tilde = components.next() == Some(Component::Normal(OsStr::new("~")));
    if let (true, Origin::Environment(_), Some(home)) = (tilde, from, &environment.home) {
        return Ok(tidy(&home.join(components.as_path())));
    }
    if path.is_absolute() {
        return Ok(tidy(path));
    }
    match &environment.current_dir {
        Some(current_dir) => Ok(tidy(&current_dir.join(path))),
        None => Err(ConfigError::NoCurrentDirectory { from: from.clone(), path: path.to_owned() }),
    }
}
