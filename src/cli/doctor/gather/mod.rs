//! Gathers the facts: all that is looked at, asked, and read.
//!
//! Owns:
//! - nothing is changed: no lock is kept, no directory made, no ledger written;
//! - what fails is a fact, and the next thing is looked at all the same;
//! - everything has a limit in time: a disk or a server that hangs is told, not waited for.

mod folders;
mod local;
mod machine;
mod server;

pub use local::status;

use std::path::PathBuf;

use crate::cli::args::Common;
use crate::config::{
    Config, ConfigError, Environment, Flags, Loaded, Sources, locate, locate_state_dir,
};
use crate::secret::{Found, TokenError, TokenSource};

use super::facts::{Configuration, Facts, TokenFacts};

/// What is looked at, and through whose eyes.
pub struct Patient {
    /// Whether all of it is about a sandbox.
    pub sandbox: bool,
    /// The variables of this process.
    pub environment: Environment,
    /// The configuration, or why there is none.
    pub loaded: Result<Loaded, ConfigError>,
    /// The state directory, or why there is none.
    pub state_dir: Result<PathBuf, ConfigError>,
}

impl Patient {
    /// The configuration and the places that a command line means.
    pub fn of(common: &Common) -> Patient {
        let environment = Environment::of_process();
        let flags = Flags {
            config: common.config.clone(),
            state_dir: common.state_dir.clone(),
            ..Flags::default()
        };
        let sources = Sources { environment, flags };
        let mut loaded = Config::load(&sources);
        let mut state_dir = locate_state_dir(&sources).map(|(directory, _)| directory);
        if common.sandbox {
            if let Ok(loaded) = &mut loaded {
                loaded.config.state_dir.push("sandbox");
            }
            if let Ok(directory) = &mut state_dir {
                directory.push("sandbox");
            }
        }
        Patient { sandbox: common.sandbox, environment: sources.environment, loaded, state_dir }
    }

    /// Where the token file is, even beside a broken configuration: then at its usual place.
    fn token_file(&self, common: &Common) -> Option<PathBuf> {
        if let Ok(loaded) = &self.loaded {
            return Some(loaded.config.api.token_file.clone());
        }
        let flags = Flags { config: common.config.clone(), ..Flags::default() };
        let sources = Sources { environment: self.environment.clone(), flags };
        locate(&sources).ok().map(|(file, _)| file.with_file_name("token"))
    }
}

/// Looks at everything.
pub fn gather(common: &Common, patient: &Patient) -> (Facts, Option<Found>) {
    let token = patient.environment.token(patient.token_file(common).as_deref());
    let folders = folders::folders(patient);
    let (way, server) = server::server(patient, token.as_ref().ok());
    let facts = Facts {
        configuration: configuration(patient),
        token: token_facts(patient, &token, common),
        way,
        server,
        inotify: machine::inotify(&folders),
        conditions: machine::conditions(patient),
        folders,
        state: machine::state(patient),
        ledger: local::ledger(patient),
        daemon: local::daemon(patient),
        service: machine::service(patient.sandbox),
        open_token: machine::open_token(patient.sandbox),
        program: machine::program(),
    };
    (facts, token.ok())
}

fn configuration(patient: &Patient) -> Configuration {
    match &patient.loaded {
        Ok(loaded) if loaded.file.exists => Configuration::Sound {
            file: loaded.file.path.clone(),
            folders: loaded.config.folders.len(),
        },
        Ok(loaded) => Configuration::Absent { file: loaded.file.path.clone() },
        Err(error) => {
            let hint = match error {
                ConfigError::Missing { .. } => "taxiway init".to_owned(),
                other => other.hint(),
            };
            Configuration::Broken { error: error.to_string(), hint }
        }
    }
}

fn token_facts(
    patient: &Patient,
    token: &Result<Found, TokenError>,
    common: &Common,
) -> TokenFacts {
    if patient.sandbox {
        return TokenFacts::Sandbox;
    }
    match token {
        Ok(found) => TokenFacts::Found {
            source: found.source.clone(),
            unusual: !found.token.has_usual_form(),
            shadowed: shadowed(patient, found, common),
        },
        Err(error) => TokenFacts::Missing {
            error: error.to_string(),
            hint: match error {
                TokenError::None { .. } => "taxiway init".to_owned(),
                TokenError::Kept { .. }
                | TokenError::Exposed { .. }
                | TokenError::Malformed { .. }
                | TokenError::NotTokenFile { .. }
                | TokenError::Unreadable { .. } => error.hint(),
            },
        },
    }
}

/// A later source that holds another token. Who put one there believes that it is used.
fn shadowed(patient: &Patient, found: &Found, common: &Common) -> Option<TokenSource> {
    let mut environment = patient.environment.clone();
    let mut file = patient.token_file(common);
    let mut used = found.source.clone();
    loop {
        match used {
            TokenSource::Environment(name) => drop(environment.variables.remove(name)),
            TokenSource::Credential(_) => {
                environment.variables.remove(crate::secret::CREDENTIALS_VARIABLE);
            }
            TokenSource::File(_) => file = None,
            TokenSource::Keyring(_) => return None,
        }
        // One that cannot be used is no token.
        let next = environment.token(file.as_deref()).ok()?;
        if next.token != found.token {
            return Some(next.source);
        }
        used = next.source;
    }
}
