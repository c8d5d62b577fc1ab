//! The keyring of the user's session, asked through the system's own program.
//!
//! `secret-tool` (libsecret) and `security` (macOS) speak for every keyring there is. To do so
//! ourselves would take the D-Bus crates, forty of them, for one look-up; a process can moreover be
//! ended when a keyring hangs.
//!
//! It is searched, not looked up: `secret-tool lookup` has the desktop ask for the password of a
//! locked keyring, each time and for the two seconds that we wait, and says of one that stayed
//! locked what it says of one that has no token. `search` asks nobody, and tells these apart.
//!
//! Owns:
//! - no question takes longer than its limit;
//! - the program gets no token but the one to store, and that on its stdin;
//! - what it answers is short, and is a secret: of what a search prints nothing is repeated.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{Token, looks_like_token};
use crate::program::{Ended, Said, run};

/// The attribute, or service, by which the token is found among other secrets.
pub const SERVICE: &str = "taxiway";

/// How long a keyring may take to answer.
const LIMIT: Duration = Duration::from_secs(2);
/// How long it may take to store something: it may ask for a password first.
const STORING: Duration = Duration::from_secs(120);
/// Which keyring is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keyring {
    /// None: there is no user whose it could be.
    #[default]
    NotAsked,
    /// The one behind the session bus (GNOME, KDE, KeePassXC), by `secret-tool`.
    Session,
    /// The keychain of macOS, by `security`.
    Keychain,
}

/// Why a keyring gives no token, though nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It is not ours to ask.
    NotAsked,
    /// No session bus.
    NoBus,
    /// Nothing to ask it with: this program is not installed.
    NoProgram(&'static str),
    /// A session bus, and nobody on it.
    Nobody,
    /// It has no token.
    NoToken,
}

impl Absence {
    /// What completes "no token: … does not exist"; empty if nobody would look for one here.
    pub fn words(self) -> String {
        match self {
            Absence::NotAsked => String::new(),
            Absence::NoBus => "no session bus leads to a keyring".to_owned(),
            Absence::NoProgram(program) => format!("no {program} is there to ask a keyring"),
            Absence::Nobody => "no keyring is on the session bus".to_owned(),
            Absence::NoToken => "the keyring has none".to_owned(),
        }
    }
}

/// Why a keyring that is there does not tell; it may later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Trouble {
    /// It has one, and is locked.
    #[error("the keyring is locked")]
    Locked,
    /// No answer within the limit.
    #[error("the keyring did not answer within {} s", LIMIT.as_secs())]
    Silent,
    /// It, or the program, fails.
    #[error("the keyring cannot be asked: {reason}")]
    Failing {
        /// In words.
        reason: String,
    },
}

/// Why there is no token in a keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// There is none, and nothing is wrong.
    Absent(Absence),
    /// There may be one.
    Trouble(Trouble),
}

impl Keyring {
    /// The one that programs of this system use. Builds for tests may be told otherwise; what is
    /// released never is.
    pub fn of_this_system() -> Keyring {
        #[cfg(debug_assertions)]
        if std::env::var_os("TAXIWAY_TEST_KEYRING").is_some_and(|which| which == "session") {
            return Keyring::Session;
        }
        if cfg!(all(target_os = "macos", not(test))) { Keyring::Keychain } else { Keyring::Session }
    }

    /// What to type so that it opens, or says why it does not.
    pub fn how_to_open(self) -> String {
        match self {
            Keyring::Session | Keyring::NotAsked => {
                format!("secret-tool lookup service {SERVICE} >/dev/null")
            }
            Keyring::Keychain => "security unlock-keychain".to_owned(),
        }
    }

    /// What to type so that it holds another token; it is asked for, and not shown.
    pub fn how_to_store(self) -> String {
        match self {
            Keyring::Session | Keyring::NotAsked => {
                format!("secret-tool store --label={SERVICE} service {SERVICE}")
            }
            Keyring::Keychain => {
                format!("security add-generic-password -U -s {SERVICE} -a {SERVICE} -w")
            }
        }
    }

    /// Asks for the token, for two seconds at most. Nobody is asked for a password.
    pub fn ask(self) -> Result<SecretString, Lack> {
        let argv: &[&str] = match self {
            Keyring::NotAsked => return Err(Lack::Absent(Absence::NotAsked)),
            Keyring::Session if !has_bus() => return Err(Lack::Absent(Absence::NoBus)),
            Keyring::Session => &["secret-tool", "search", "service", SERVICE],
            Keyring::Keychain => &["security", "find-generic-password", "-s", SERVICE, "-w"],
        };
        let said = match run(argv, None, limit()) {
            Ok(said) => said,
            Err(Ended::Absent) => return Err(Lack::Absent(Absence::NoProgram(argv[0]))),
            Err(Ended::Late) => return Err(Lack::Trouble(Trouble::Silent)),
            Err(Ended::Failed(reason)) => return Err(Lack::Trouble(Trouble::Failing { reason })),
        };
        match self {
            Keyring::Session | Keyring::NotAsked => searched(&said),
            Keyring::Keychain => found(&said),
        }
    }

    /// Whether a token can be put into it: the keychain's program reads commands, in which only a
    /// token of the usual form can stand.
    pub fn takes(self, token: &Token) -> bool {
        match self {
            Keyring::NotAsked => false,
            Keyring::Session => true,
            Keyring::Keychain => looks_like_token(token.secret().expose_secret()),
        }
    }

    /// Puts the token into it, in place of the one that is there. It may ask for a password.
    ///
    /// # Errors
    /// In words.
    pub fn store(self, token: &Token) -> Result<(), String> {
        let secret = token.secret().expose_secret();
        let label = format!("--label={SERVICE}");
        let (argv, input): (&[&str], _) = match self {
            Keyring::NotAsked => return Err("there is no keyring".to_owned()),
            Keyring::Session => {
                (&["secret-tool", "store", &label, "service", SERVICE], secret.to_owned())
            }
            Keyring::Keychain => (
                &["security", "-i"],
                format!("add-generic-password -U -s {SERVICE} -a {SERVICE} -w {secret}\n"),
            ),
        };
        let input = SecretString::from(input);
        match run(argv, Some(&input), STORING) {
            Ok(said) if said.status.success() => Ok(()),
            Ok(said) => Err(said.complaint()),
            Err(Ended::Absent) => Err(format!("{} is not installed", argv[0])),
            Err(Ended::Late) => Err(format!("it took longer than {} s", STORING.as_secs())),
            Err(Ended::Failed(reason)) => Err(reason),
        }
    }
}

/// Whether there is a session bus, by its variable or at its usual place. Without one `secret-tool`
/// would try to start a bus of its own, on which there is nobody.
fn has_bus() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || set("XDG_RUNTIME_DIR").is_some_and(|runtime| Path::new(&runtime).join("bus").exists())
}

/// What `secret-tool search` tells.
fn searched(said: &Said) -> Result<SecretString, Lack> {
    if !said.status.success() {
        let reason = said.complaint();
        // The bus is not there, or has nobody to start.
        let nobody = ["not provided by any", "autolaunch", "Could not connect"];
        return Err(match nobody.iter().any(|words| reason.contains(words)) {
            true => Lack::Absent(Absence::Nobody),
            false => Lack::Trouble(Trouble::Failing { reason }),
        });
    }
    let out = said.out.expose_secret();
    let mut lines = out.lines();
    if let Some(secret) = lines.find_map(|line| line.strip_prefix("secret = ")) {
        return Ok(SecretString::from(secret));
    }
    Err(match out.lines().find(|line| !line.trim().is_empty()) {
        None => Lack::Absent(Absence::NoToken),
        // An item, and its secret is not shown.
        Some(line) if line.starts_with('[') => Lack::Trouble(Trouble::Locked),
        Some(_) => {
            let reason = "secret-tool says something else than an item".to_owned();
            Lack::Trouble(Trouble::Failing { reason })
        }
    })
}

/// What `security find-generic-password` tells: its exit codes are the last bytes of those of the
/// Security framework.
fn found(said: &Said) -> Result<SecretString, Lack> {
    const NO_SUCH_ITEM: i32 = 44;
    const NO_INTERACTION: i32 = 36;
    const NOT_ALLOWED: i32 = 51;
    const CANCELLED: i32 = 128;
    Err(match said.status.code() {
        Some(0) => return Ok(SecretString::from(said.out.expose_secret())),
        Some(NO_SUCH_ITEM) => Lack::Absent(Absence::NoToken),
        Some(NO_INTERACTION | NOT_ALLOWED | CANCELLED) => Lack::Trouble(Trouble::Locked),
        Some(_) | None => Lack::Trouble(Trouble::Failing { reason: said.complaint() }),
    })
}

/// Builds for tests may have another; what is released never does.
fn limit() -> Duration {
    #[cfg(debug_assertions)]
    if let Ok(text) = std::env::var("TAXIWAY_TEST_KEYRING_MS")
        && let Ok(limit_ms) = text.parse()
    {
        return Duration::from_millis(limit_ms);
    }
    LIMIT
}

#[cfg(test)]
mod tests;
