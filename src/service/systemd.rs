//! Units, and the commands of systemd.

use std::path::{Path, PathBuf};

use crate::config::HOOKS_VARIABLE;

use super::{Deed, Doors, Kind, UNIT, Unwritable, written};

const USER: &str = include_str!("../../packaging/systemd/user/taxiway.service");
const SYSTEM: &str = include_str!("../../packaging/systemd/system/taxiway.service");
/// User and group of the system service.
pub const SYSUSERS: &str = include_str!("../../packaging/systemd/taxiway.sysusers.conf");
/// Its drop folder.
pub const TMPFILES: &str = include_str!("../../packaging/systemd/taxiway.tmpfiles.conf");

/// The program in the files of `packaging/`.
const PACKAGED_PROGRAM: &str = "/usr/bin/taxiway";

/// What the system's unit opens by itself.
const DROP_FOLDER: &str = "/srv/taxiway";

/// What a drop-in of ours begins with.
const HEADER: &str = "# Written by `taxiway service install`, which rewrites it.\n[Service]\n";

/// The unit that runs this program; `None` of launchd.
///
/// # Errors
/// If systemd takes no program of this name.
pub fn unit(kind: Kind, program: &Path) -> Result<Option<String>, Unwritable> {
    let template = match kind {
        Kind::User => USER,
        Kind::System => SYSTEM,
        Kind::Agent => return Ok(None),
    };
    if written(program)?.contains(['$', '"', '\'', '\\']) {
        let why = "systemd runs no program with a quote, $ or \\ in its path";
        return Err(Unwritable { path: program.to_owned(), why });
    }
    let program = word("", program)?;
    let line = |line: &str| match line.strip_prefix("Exec") {
        Some(_) => line.replacen(PACKAGED_PROGRAM, &program, 1),
        None => line.to_owned(),
    };
    Ok(Some(template.lines().map(|text| line(text) + "\n").collect()))
}

/// The drop-in that says where configuration and state are; none if they are at their places.
///
/// # Errors
/// If systemd takes no such path.
pub fn places_file(variables: &[(&str, PathBuf)]) -> Result<Option<String>, Unwritable> {
    let mut text = String::from(HEADER);
    for (name, path) in variables {
        text += &format!("Environment={}\n", word(&format!("{name}="), path)?);
    }
    Ok((!variables.is_empty()).then_some(text))
}

/// The drop-in that opens doors of the system's unit; none if there are none to open.
///
/// # Errors
/// If systemd takes no such path.
pub fn doors_file(doors: &Doors) -> Result<Option<String>, Unwritable> {
    let closed: Vec<&PathBuf> =
        doors.writable.iter().filter(|directory| !directory.starts_with(DROP_FOLDER)).collect();
    let mut text = String::from(HEADER);
    if !closed.is_empty() {
        text += "# Files are moved out of these, or get a sidecar; or they are moved into these.\n";
    }
    for directory in &closed {
        text += &format!("ReadWritePaths={}\n", word("-", directory)?);
    }
    if doors.hooks {
        text += "# Hooks are set, and may be in languages that compile while they run.\n\
                 MemoryDenyWriteExecute=no\n";
        text += &format!("Environment={HOOKS_VARIABLE}=open\n");
    }
    Ok((doors.hooks || !closed.is_empty()).then_some(text))
}

/// The commands that do a deed.
pub fn systemctl(kind: Kind, deed: Deed) -> Vec<String> {
    let words = match deed {
        Deed::Load => &["daemon-reload"][..],
        Deed::Enable => &["enable", UNIT],
        Deed::Disable => &["disable", UNIT],
        Deed::Start => &["start", UNIT],
        Deed::Stop => &["stop", UNIT],
        Deed::Restart => &["restart", UNIT],
    };
    of(kind, "systemctl", words)
}

/// The command that shows the log.
pub fn journalctl(kind: Kind, follow: bool, lines: Option<u32>, json: bool) -> Vec<String> {
    let mut command = of(kind, "journalctl", &["-u", UNIT]);
    command.extend(follow.then(|| "-f".to_owned()));
    command.extend(lines.map(|lines| format!("-n{lines}")));
    command.extend(json.then(|| "-ojson".to_owned()));
    command
}

fn of(kind: Kind, program: &str, words: &[&str]) -> Vec<String> {
    let whose = (kind == Kind::User).then_some("--user");
    let words = whose.into_iter().chain(words.iter().copied());
    std::iter::once(program).chain(words).map(str::to_owned).collect()
}

/// A path behind a prefix, as one word of a setting (systemd.syntax(7), specifiers of
/// systemd.unit(5)).
fn word(prefix: &str, path: &Path) -> Result<String, Unwritable> {
    let text = written(path)?.replace('%', "%%");
    let plain = |c: char| !c.is_whitespace() && !"\"'\\;".contains(c);
    if text.chars().all(plain) {
        return Ok(format!("{prefix}{text}"));
    }
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{prefix}{text}\""))
}
