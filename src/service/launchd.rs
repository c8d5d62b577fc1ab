//! The agent of launchd, and its commands.

use std::path::{Path, PathBuf};

use super::{Deed, Unwritable, written};

/// What launchd calls it.
pub const LABEL: &str = "io.github.taxiway";

const AGENT: &str = include_str!("../../packaging/launchd/io.github.taxiway.plist");
/// What stands in the file of `packaging/` for what an installation has.
const PACKAGED_PROGRAM: &str = "/usr/local/bin/taxiway";
const PACKAGED_LOG: &str = "/Users/me/Library/Logs/taxiway.log";
/// In front of which variables go.
const ANCHOR: &str = "\t<key>RunAtLoad</key>\n";

/// The agent that runs this program, with these variables, and logs into this file.
///
/// # Errors
/// If a property list cannot hold such a path.
pub fn agent(
    program: &Path,
    variables: &[(&str, PathBuf)],
    log: &Path,
) -> Result<String, Unwritable> {
    let text = AGENT.replace(PACKAGED_PROGRAM, &escaped(program)?);
    let text = text.replace(PACKAGED_LOG, &escaped(log)?);
    if variables.is_empty() {
        return Ok(text);
    }
    let mut table = String::from("\t<key>EnvironmentVariables</key>\n\t<dict>\n");
    for (name, path) in variables {
        table += &format!("\t\t<key>{name}</key>\n\t\t<string>{}</string>\n", escaped(path)?);
    }
    table += "\t</dict>\n";
    Ok(text.replacen(ANCHOR, &(table + ANCHOR), 1))
}

/// The commands that do a deed for the user with this id, whose agent is in this file. launchd
/// starts what it loads, and what it has forgotten does not run.
pub fn launchctl(deed: Deed, uid: u32, file: &Path) -> Vec<String> {
    let domain = format!("gui/{uid}");
    let agent = format!("{domain}/{LABEL}");
    let file = file.to_string_lossy().into_owned();
    let words = match deed {
        Deed::Load => vec!["bootstrap".to_owned(), domain, file],
        Deed::Enable => vec!["enable".to_owned(), agent],
        Deed::Disable => vec!["bootout".to_owned(), agent],
        Deed::Start => vec!["kickstart".to_owned(), agent],
        // It ends well, and what ends well is not started again.
        Deed::Stop => vec!["kill".to_owned(), "SIGTERM".to_owned(), agent],
        Deed::Restart => vec!["kickstart".to_owned(), "-k".to_owned(), agent],
    };
    std::iter::once("launchctl".to_owned()).chain(words).collect()
}

fn escaped(path: &Path) -> Result<String, Unwritable> {
    let text = written(path)?;
    Ok(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}
