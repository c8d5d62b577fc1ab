//! Which service is meant, and where its things are.
//!
//! Owns:
//! - who may change it, and the lock while it is changed;
//! - what an installation said of places holds until a flag or a variable says something else.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{
    CONFIG_VARIABLE, Environment, Flags, Origin, STATE_DIR_VARIABLE, Sources, locate,
    locate_state_dir,
};
use crate::daemon::lock::{Lock, LockError, Role, held_by};
use crate::service::{Kind, LABEL, Places, System, places_of, places_of_agent};
use crate::text::shell_word;

use crate::cli::Failure;
use crate::cli::args::Common;

use super::files;
use super::manager::Unit;
use super::refusal::Refusal;

/// Where systemd says that it runs this machine (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

/// A service, and what belongs to it.
pub struct Which {
    /// Of systemd or launchd.
    pub kind: Kind,
    /// Where the system service keeps its things.
    pub system: System,
    /// From what the configuration of this service is loaded.
    pub sources: Sources,
    /// What the installed service says of places, and this command does not.
    pub kept: Places,
    /// The user's home.
    home: PathBuf,
}

impl Which {
    /// The service of this platform: the user's, or the system's.
    pub fn of(common: &Common, system: bool) -> Result<Which, Failure> {
        let places = System::of_machine();
        let mut environment = Environment::of_process();
        let home = environment.home.clone().unwrap_or_else(|| PathBuf::from("/"));
        if is_macos() {
            if system {
                return Err(Refusal::NoSystem.into());
            }
        } else if !is_systemd_here() {
            return Err(Refusal::NoManager.into());
        }
        let kind = match (system, is_macos()) {
            (true, _) => Kind::System,
            (false, true) => Kind::Agent,
            (false, false) => Kind::User,
        };
        let (config, state_dir) = (common.config.clone(), common.state_dir.clone());
        let flags = if system {
            if config.is_some() || state_dir.is_some() {
                return Err(Refusal::OwnPlaces { config: places.config() }.into());
            }
            // What root's shell has set is nothing to the service.
            environment.variables.clear();
            environment.home = Some(places.state_dir());
            environment.config_dir = places.config().parent().map(Path::to_owned);
            environment.state_dir = Some(places.state_dir());
            Flags::default()
        } else {
            Flags { config, state_dir, ..Flags::default() }
        };
        let sources = Sources { environment, flags };
        Ok(Which { kind, system: places, sources, kept: Places::new(), home })
    }

    /// The same with its things where the installed service has them, unless this command says
    /// where.
    pub fn installed(common: &Common, system: bool) -> Result<Which, Failure> {
        let mut which = Which::of(common, system)?;
        let file = which.places_file();
        let text = match std::fs::read_to_string(&file) {
            _ if system => return Ok(which),
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(which),
            Err(error) if error.kind() == ErrorKind::InvalidData => String::from("\\"),
            Err(error) => return Err(files::unwritable(&file, error)),
        };
        let places = match which.kind {
            Kind::Agent => places_of_agent(&text),
            Kind::User | Kind::System => places_of(&text),
        };
        let kind = which.kind;
        for (name, path) in places.ok_or(Refusal::Unclear { file, kind })? {
            let Sources { environment, flags } = &mut which.sources;
            let is_said = match name {
                CONFIG_VARIABLE => flags.config.is_some() || environment.variable(name).is_some(),
                STATE_DIR_VARIABLE => {
                    flags.state_dir.is_some() || environment.variable(name).is_some()
                }
                // An empty one says that it is the usual one.
                _ => environment.variables.contains_key(name),
            };
            if !is_said {
                environment.variables.insert(name, path.clone().into_os_string());
                which.kept.push((name, path));
            }
        }
        Ok(which)
    }

    /// The file in which an installation says where things are.
    pub fn places_file(&self) -> PathBuf {
        match self.kind {
            Kind::Agent => self.file(),
            Kind::User | Kind::System => self.drop_in("places.conf"),
        }
    }

    /// What of the places is kept, as one types it; empty if nothing is.
    pub fn kept_words(&self) -> String {
        let word = |(name, path): &(&'static str, PathBuf)| match *name {
            CONFIG_VARIABLE => format!("--config {}", shell_word(path)),
            STATE_DIR_VARIABLE => format!("--state-dir {}", shell_word(path)),
            name => format!("{name}={}", shell_word(path)),
        };
        self.kept.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// The program with the flags that a later command needs to mean the same things.
    pub fn taxiway(&self) -> Result<String, Failure> {
        let mut command = "taxiway".to_owned();
        let places = [
            ("--config", locate(&self.sources)?),
            ("--state-dir", locate_state_dir(&self.sources)?),
        ];
        for (flag, (path, from)) in places {
            if from != Origin::Default {
                command += &format!(" {flag} {}", shell_word(path));
            }
        }
        Ok(command)
    }

    /// The flag that says which, behind a command.
    pub fn flag(&self) -> &'static str {
        if self.kind == Kind::System { " --system" } else { "" }
    }

    /// Refuses to change the system's service for anybody but root.
    pub fn demand_root(&self, verb: &'static str) -> Result<(), Failure> {
        let may = rustix::process::geteuid().is_root() || !self.system.is_real();
        if may || self.kind != Kind::System {
            return Ok(());
        }
        Err(Refusal::NotRoot { verb }.into())
    }

    /// Where its configuration is, or would be.
    pub fn config_file(&self) -> Result<PathBuf, Failure> {
        Ok(locate(&self.sources)?.0)
    }

    /// Where its ledger is, or would be.
    pub fn state_dir(&self) -> Result<PathBuf, Failure> {
        Ok(locate_state_dir(&self.sources)?.0)
    }

    /// The file that its manager reads.
    pub fn file(&self) -> PathBuf {
        match self.kind {
            Kind::System => self.system.installed("systemd/system/taxiway.service"),
            Kind::User => {
                let directory = self.sources.environment.config_dir.as_deref();
                let beside = directory.and_then(Path::parent).map(Path::to_owned);
                let config = beside.unwrap_or_else(|| self.home.join(".config"));
                config.join("systemd/user/taxiway.service")
            }
            Kind::Agent => self.home.join(format!("Library/LaunchAgents/{LABEL}.plist")),
        }
    }

    /// The same where a package puts it.
    pub fn packaged(&self) -> Option<PathBuf> {
        match self.kind {
            Kind::System => Some(self.system.packaged("systemd/system/taxiway.service")),
            Kind::User => Some(self.system.packaged("systemd/user/taxiway.service")),
            Kind::Agent => None,
        }
    }

    /// A drop-in of ours.
    pub fn drop_in(&self, name: &str) -> PathBuf {
        let mut directory = self.file().into_os_string();
        directory.push(".d");
        PathBuf::from(directory).join(name)
    }

    /// Whether the machine has a system's service.
    pub fn has_system_unit(&self) -> bool {
        let file = "systemd/system/taxiway.service";
        self.system.installed(file).exists() || self.system.packaged(file).exists()
    }

    /// Where launchd has it log to.
    pub fn log(&self) -> PathBuf {
        self.home.join("Library/Logs/taxiway.log")
    }

    /// The user's home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The lock of its ledger, so that nothing else begins meanwhile; none if the service itself
    /// has it, or if there is no ledger yet.
    pub fn lock(&self, unit: &Unit) -> Result<Option<Lock>, Failure> {
        let directory = self.state_dir()?;
        let own = matches!(
            held_by(&directory),
            Some(LockError::Held { pid, .. }) if pid != 0 && pid == unit.pid
        );
        // A lock that root makes would keep the service's user out.
        if own || !directory.join("lock").exists() {
            return Ok(None);
        }
        Ok(Some(Lock::take(&directory, Role::Upkeep, Duration::ZERO)?))
    }
}

/// Builds for tests may say on which platform they are.
fn is_macos() -> bool {
    #[cfg(debug_assertions)]
    if let Some(platform) = std::env::var_os("TAXIWAY_TEST_PLATFORM") {
        return platform == "macos";
    }
    cfg!(target_os = "macos")
}

/// Builds for tests may say whether systemd runs the machine; what is released asks the machine.
pub(in crate::cli) fn is_systemd_here() -> bool {
    #[cfg(debug_assertions)]
    if let Some(here) = std::env::var_os("TAXIWAY_TEST_SYSTEMD") {
        return here == "yes";
    }
    Path::new(BOOTED).is_dir()
}
