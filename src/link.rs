//! Whether what this machine sends is paid for by the byte.
//!
//! NetworkManager knows: what a person set for the connection, else what a telephone that lends its
//! link says of itself. It is asked over the system's bus by systemd's `busctl`; to speak D-Bus
//! ourselves would take forty crates for one number.
//!
//! Owns:
//! - asking starts nothing, and takes two seconds at most;
//! - what NetworkManager guesses counts as known, and what it does not know as not metered.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::program::{Ended, run};

const LIMIT: Duration = Duration::from_secs(2);
/// One property, read as it is; whoever owns the name is not started for it.
const QUESTION: [&str; 11] = [
    "busctl",
    "--system",
    "--auto-start=no",
    "call",
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.DBus.Properties",
    "Get",
    "ss",
    "org.freedesktop.NetworkManager",
    "Metered",
];

/// Whether the link to the world is metered.
///
/// # Errors
/// In words, if nobody tells.
pub fn is_metered() -> Result<bool, String> {
    if cfg!(target_os = "macos") {
        return Err("taxiway does not ask macOS about links".to_owned());
    }
    match run(&QUESTION, None, LIMIT) {
        Ok(said) if said.status.success() => answer(said.out.expose_secret()),
        Ok(said) if said.err.contains("does not exist") => {
            Err("no NetworkManager is there to tell".to_owned())
        }
        Ok(said) => Err(format!("busctl: {}", said.complaint())),
        Err(Ended::Absent) => Err("no busctl is there to ask NetworkManager".to_owned()),
        Err(Ended::Late) => {
            Err(format!("NetworkManager did not answer within {} s", LIMIT.as_secs()))
        }
        Err(Ended::Failed(reason)) => Err(reason),
    }
}

/// The variant of an `NMMetered`: unknown, yes, no, yes by guess, no by guess.
fn answer(text: &str) -> Result<bool, String> {
    match text.trim() {
        "v u 1" | "v u 3" => Ok(true),
        "v u 0" | "v u 2" | "v u 4" => Ok(false),
        _ => Err("NetworkManager says something else".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_network_manager_says_is_understood() {
        for (text, expected) in [
            ("v u 1\n", Ok(true)),
            ("v u 2\n", Ok(false)),
            ("v u 3\n", Ok(true)),
            ("v u 4\n", Ok(false)),
            ("v u 0\n", Ok(false)),
            ("v s \"1\"\n", Err("NetworkManager says something else")),
            ("", Err("NetworkManager says something else")),
        ] {
            assert_eq!(answer(text), expected.map_err(str::to_owned), "{text:?}");
        }
    }
}
