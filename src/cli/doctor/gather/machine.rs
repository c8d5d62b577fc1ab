//! Looks at this machine: the state directory, inotify, what starts services.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::Access;

use crate::cli::doctor::facts::{
    FolderFacts, Inotify, Seen, ServiceFacts, StateDir, StateFacts, Unit,
};
use crate::cli::service::{is_open, is_systemd_here};
use crate::config::Mode;
use crate::daemon::told;
use crate::planner::Condition;
use crate::scan;
use crate::service::System;
use crate::text::reason;

use super::Patient;

/// How long a manager of services may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the machine goes through, of what uploads are to wait for.
pub(super) fn conditions(patient: &Patient) -> Vec<(Condition, Result<bool, String>)> {
    let Ok(loaded) = &patient.loaded else { return Vec::new() };
    let wanted = loaded.config.api.pause_on;
    wanted.iter().map(|condition| (condition, told(condition))).collect()
}

pub(super) fn state(patient: &Patient) -> StateFacts {
    let directory = match &patient.state_dir {
        Ok(directory) => directory,
        Err(error) => {
            return StateFacts {
                directory: Err((error.to_string(), error.hint())),
                found: StateDir::Missing { forbidden_in: None },
            };
        }
    };
    StateFacts { directory: Ok(directory.clone()), found: state_dir(directory) }
}

fn state_dir(directory: &Path) -> StateDir {
    let found = match std::fs::metadata(directory) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => return StateDir::Unusable { reason: "it is not a directory".to_owned() },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let there = directory.ancestors().skip(1).find(|parent| parent.exists());
            let forbidden_in = there.filter(|parent| !may_write(parent)).map(Path::to_owned);
            return StateDir::Missing { forbidden_in };
        }
        Err(error) => return StateDir::Unusable { reason: reason(&error) },
    };
    let disk = scan::file_system(directory);
    let room = rustix::fs::statvfs(directory).ok();
    StateDir::There {
        mode: found.permissions().mode() & 0o7777,
        is_ours: found.uid() == rustix::process::geteuid().as_raw(),
        is_writable: may_write(directory),
        file_system: disk.name,
        is_remote: disk.is_remote(),
        free_bytes: room.map(|room| room.f_bavail.saturating_mul(room.f_frsize)),
    }
}

fn may_write(directory: &Path) -> bool {
    rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

pub(super) fn inotify(folders: &[FolderFacts]) -> Option<Inotify> {
    let watched = folders.iter().filter_map(|folder| match &folder.seen {
        Seen::There(walked) => match folder.mode {
            Mode::Events => Some(walked.directories),
            Mode::Auto => walked.tells_events.then_some(walked.directories),
            Mode::Poll => None,
        },
        Seen::Away { .. } | Seen::Hangs => None,
    });
    let watched: Vec<u64> = watched.collect();
    if watched.is_empty() || !cfg!(target_os = "linux") {
        return None;
    }
    Some(Inotify {
        directories: watched.iter().sum(),
        folders: watched.len() as u64,
        watches: limit("max_user_watches"),
        instances: limit("max_user_instances"),
    })
}

fn limit(name: &str) -> Option<u64> {
    let path = Path::new("/proc/sys/fs/inotify").join(name);
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

pub(super) fn service(sandbox: bool) -> ServiceFacts {
    if sandbox {
        return ServiceFacts::NotWanted;
    }
    if cfg!(target_os = "macos") {
        let agent = format!("gui/{}/io.github.taxiway", rustix::process::getuid().as_raw());
        let said = answer("launchctl", &["print", &agent]);
        return ServiceFacts::Launchd { is_loaded: said.is_some_and(|said| said.well) };
    }
    if !is_systemd_here() {
        return ServiceFacts::NoManager;
    }
    ServiceFacts::Systemd { user: unit(&["--user"]), system: unit(&[]) }
}

/// The token of the system's service, if that is there and not only root can use it.
pub(super) fn open_token(sandbox: bool) -> Option<PathBuf> {
    let token = System::of_machine().token();
    (!sandbox && is_open(&token)).then_some(token)
}

/// This program as a word of a command; its name alone where its path would need quotes, or may not
/// stay.
pub(super) fn program() -> String {
    let path = std::env::current_exe().ok();
    let word = path.and_then(|path| path.to_str().map(str::to_owned));
    let plain = word.filter(|word| crate::text::shell_word(word) == *word);
    plain.unwrap_or_else(|| "taxiway".to_owned())
}

fn unit(whose: &[&str]) -> Unit {
    let ask = |what| {
        let arguments: Vec<&str> = whose.iter().copied().chain([what, "taxiway"]).collect();
        answer("systemctl", &arguments)
    };
    let enabled = ask("is-enabled").map_or(String::new(), |said| match said {
        // Older ones say it in a sentence, on stderr.
        said if said.word.is_empty() && said.complaint.contains("No such file") => {
            "not-found".to_owned()
        }
        said => said.word,
    });
    Unit { enabled, active: ask("is-active").map_or(String::new(), |said| said.word) }
}

/// What a program says.
struct Answer {
    well: bool,
    word: String,
    complaint: String,
}

/// Asks a program, without handing on what is in our environment, and not for long.
fn answer(program: &str, arguments: &[&str]) -> Option<Answer> {
    let kept = ["PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];
    let kept = kept.into_iter().filter_map(|name| std::env::var_os(name).map(|is| (name, is)));
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(kept)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let until = Instant::now() + PATIENCE;
    // What is said fits into a pipe.
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().ok()?;
    let first = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().next().unwrap_or_default().trim().to_owned()
    };
    Some(Answer {
        well: output.status.success(),
        word: first(&output.stdout),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
