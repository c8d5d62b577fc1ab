//! How the managers of services are told of taxiway: units for systemd, an agent for launchd, and the
//! commands that make them known. Pure: what is written and what is typed, from a description.
//!
//! Owns:
//! - the files are those of `packaging/`, compiled in; what an installation changes in them is the
//!   program's path, and what it adds are drop-ins and variables of their own;
//! - what a manager would read as something else is escaped by its rules, or refused: no path in a
//!   file of ours ever means another path;
//! - a system service is given what its configuration needs, and no more.

mod doors;
mod launchd;
mod places;
mod system;
mod systemd;
#[cfg(test)]
mod tests;

pub use doors::{Doors, Hidden, hidden};
pub use launchd::{LABEL, agent, launchctl};
pub use places::{Places, places_of, places_of_agent};
pub use system::{System, system_config};
pub use systemd::{SYSUSERS, TMPFILES, doors_file, journalctl, places_file, systemctl, unit};

use std::path::{Path, PathBuf};

use crate::text::shown;

/// The unit, as systemd's commands take it.
pub const UNIT: &str = "taxiway.service";
/// Which service is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The systemd service of a user.
    User,
    /// The systemd service of the machine.
    System,
    /// The launchd agent of a user.
    Agent,
}

impl Kind {
    /// In words, after "the".
    pub fn words(self) -> &'static str {
        match self {
            Kind::User => "user's systemd service",
            Kind::System => "system's systemd service",
            Kind::Agent => "launchd agent",
        }
    }

    /// What `--json` calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::User => "systemd-user",
            Kind::System => "systemd-system",
            Kind::Agent => "launchd-agent",
        }
    }
}

/// What is done with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Has its manager read its file.
    Load,
    /// Has it started at login or boot.
    Enable,
    /// The opposite.
    Disable,
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
    /// Stops it if it runs, and starts it.
    Restart,
}

/// A path that cannot stand in a file for a manager of services.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot be named in a unit: {why}", shown(.path))]
pub struct Unwritable {
    /// The path.
    pub path: PathBuf,
    /// In words.
    pub why: &'static str,
}

/// The path as text, if a manager of services takes it.
fn written(path: &Path) -> Result<&str, Unwritable> {
    let refused = |why| Unwritable { path: path.to_owned(), why };
    let text = path.to_str().ok_or_else(|| refused("it is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(refused("it has a control character in it"));
    }
    Ok(text)
}
