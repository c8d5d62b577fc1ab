//! The system service, asked for by who has nothing of his own.
//!
//! Owns:
//! - it is asked only where the command names no configuration and no state directory, and the user
//!   has neither: what is one's own comes first;
//! - who is not of its group is told so.

use std::io::ErrorKind;
use std::time::Duration;

use crate::config::{Environment, Loaded};
use crate::control::{Answer, ClientError, Place, Refusal, Wish, ask, request};
use crate::daemon::lock::ledger_path;
use crate::ledger::salvage::is_there;

use super::args::Common;
use super::asking::{refused, system_place};
use super::service;
use super::{Exit, Failure};

/// How long it may take to tell what is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// The system service, which runs.
pub struct Others {
    place: Place,
}

impl Others {
    /// If it is what is meant.
    pub fn of(common: &Common, loaded: &Loaded, environment: &Environment) -> Option<Others> {
        let nothing = !loaded.file.exists && !is_there(&ledger_path(&loaded.config.state_dir));
        let place = nothing.then(|| system_place(common, environment)).flatten()?;
        Some(Others { place })
    }

    /// What it tells; none if it has just ended.
    pub fn get(&self, path: &str) -> Result<Option<String>, Failure> {
        let answered = request(&self.place, path, None, PATIENCE);
        let Some((status, text)) = heard(answered)? else { return Ok(None) };
        if status < 400 {
            return Ok(Some(text));
        }
        Err(match serde_json::from_str::<Refusal>(text.trim()) {
            Ok(refusal) => refused(refusal),
            Err(_) => {
                Failure::new(Exit::Later, format!("the daemon answers {status}"), "taxiway status")
            }
        })
    }

    /// What it makes of a wish; none if it has just ended.
    pub fn grant(&self, wish: &Wish) -> Result<Option<Vec<Answer>>, Failure> {
        heard(ask(&self.place, wish))
    }
}

fn heard<T>(answered: Result<T, ClientError>) -> Result<Option<T>, Failure> {
    match answered {
        Ok(answer) => Ok(Some(answer)),
        Err(ClientError::Nobody(why)) if why.kind() == ErrorKind::PermissionDenied => {
            Err(service::Refusal::NotOfTheGroup.into())
        }
        Err(ClientError::Nobody(_)) => Ok(None),
        Err(error @ ClientError::NoAnswer(_)) => {
            Err(Failure::new(Exit::Later, error.to_string(), "taxiway status"))
        }
    }
}

/// Bytes as a value of a query.
pub fn encoded(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}
