//! What a configuration is loaded from, as data: places, variables, flags.
//!
//! Owns: [`Environment::of_process`] is the only place that asks the process; all else works on
//! what it is handed, so that tests need no process of their own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs, UserDirs};

use super::types::Email;
use crate::secret;
use crate::secret::keyring::Keyring;

/// Names the configuration file.
pub const CONFIG_VARIABLE: &str = "TAXIWAY_CONFIG";
/// Names the state directory.
pub const STATE_DIR_VARIABLE: &str = "TAXIWAY_STATE_DIR";
/// Overrides `base_url`.
pub const BASE_URL_VARIABLE: &str = "TAXIWAY_BASE_URL";

/// By which the system's unit says that it is one.
pub const SERVICE_VARIABLE: &str = "TAXIWAY_SERVICE";
/// By which a drop-in says that hooks may do what that unit alone forbids.
pub const HOOKS_VARIABLE: &str = "TAXIWAY_SERVICE_HOOKS";

/// The variables and places of a process. `Debug` shows names of variables, not their values.
#[derive(Clone, Default)]
pub struct Environment {
    /// The variables that are asked for, by name; all others are forgotten.
    pub variables: BTreeMap<&'static str, OsString>,
    /// The home directory, for `~`.
    pub home: Option<PathBuf>,
    /// The directory of `config.toml`, if nothing else is said.
    pub config_dir: Option<PathBuf>,
    /// The directory for the state, if nothing else is said.
    pub state_dir: Option<PathBuf>,
    /// The user's directory for sockets, where the system has one.
    pub runtime_dir: Option<PathBuf>,
    /// What relative paths of flags and variables are relative to.
    pub current_dir: Option<PathBuf>,
    /// The keyring that is asked for the token.
    pub keyring: Keyring,
}

impl Environment {
    /// The variables that [`Environment`] keeps.
    pub const VARIABLES: [&str; 8] = [
        CONFIG_VARIABLE,
        STATE_DIR_VARIABLE,
        BASE_URL_VARIABLE,
        secret::VARIABLES[0],
        secret::VARIABLES[1],
        secret::CREDENTIALS_VARIABLE,
        SERVICE_VARIABLE,
        HOOKS_VARIABLE,
    ];

    /// The environment of this process.
    pub fn of_process() -> Environment {
        let places = ProjectDirs::from("", "", "taxiway");
        let places = places.as_ref();
        let variables: BTreeMap<_, _> = Environment::VARIABLES
            .into_iter()
            .filter_map(|name| std::env::var_os(name).map(|value| (name, value)))
            .collect();
        // The system's service is nobody's session.
        let is_system = variables.get(SERVICE_VARIABLE).is_some_and(|kind| kind == "system");
        Environment {
            variables,
            keyring: if is_system { Keyring::NotAsked } else { Keyring::of_this_system() },
            home: UserDirs::new().map(|user| user.home_dir().to_owned()),
            config_dir: places.map(|places| places.config_dir().to_owned()),
            // Platforms without a place for state keep it with the data.
            state_dir: places
                .map(|places| places.state_dir().unwrap_or(places.data_dir()).to_owned()),
            runtime_dir: BaseDirs::new().and_then(|base| base.runtime_dir().map(Path::to_owned)),
            current_dir: std::env::current_dir().ok(),
        }
    }

    /// The value of a variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let value = self.variables.get(name)?;
        (!value.is_empty()).then_some(value.as_os_str())
    }

    /// Looks for the token; see [`secret::find`].
    pub fn token(&self, token_file: Option<&Path>) -> Result<secret::Found, secret::TokenError> {
        secret::find(|name| self.variable(name).map(OsStr::to_owned), token_file, self.keyring)
    }

    /// The same without the keyring.
    pub fn without_keyring(&self) -> Environment {
        Environment { keyring: Keyring::NotAsked, ..self.clone() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.keys().collect();
        f.debug_struct("Environment")
            .field("variables", &names)
            .field("home", &self.home)
            .field("config_dir", &self.config_dir)
            .field("state_dir", &self.state_dir)
            .field("runtime_dir", &self.runtime_dir)
            .field("current_dir", &self.current_dir)
            .field("keyring", &self.keyring)
            .finish()
    }
}

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--state-dir DIR`
    pub state_dir: Option<PathBuf>,
    /// The `DIR`s of `run`; not empty: they stand in for the folders of the file.
    pub folders: Vec<PathBuf>,
    /// `run --email E`: the account of the `DIR`s, and of nothing else.
    pub email: Option<Email>,
}

/// Everything but the file itself.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Variables and places.
    pub environment: Environment,
    /// The command line.
    pub flags: Flags,
}
