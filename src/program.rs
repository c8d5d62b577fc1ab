//! A program of the system, asked something and listened to.
//!
//! Owns:
//! - no question takes longer than its limit, and what was begun for it ends with it, or with us;
//! - no program is told a token, or what belongs to the service that we are, by argument or
//!   environment;
//! - answers are short, and are kept as secrets: some are.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};

use crate::secret::{CREDENTIALS_VARIABLE, VARIABLES};
use crate::text::{escaped, one_line, reason};

/// Longest answer that is read.
const LONGEST_ANSWER_BYTES: u64 = 64 * 1024;
/// How often is looked whether the program has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// Programs that run.
static RUNNING: Mutex<Running> = Mutex::new(Running { groups: BTreeSet::new(), ended: false });

/// How long those who begin one are waited for, when all are to end.
const BEGINNING_MOST: Duration = Duration::from_millis(200);

struct Running {
    /// Their groups. One that is here has not been waited for, so its number is still its own.
    groups: BTreeSet<u32>,
    /// None is to begin any more.
    ended: bool,
}

/// Variables that hold the token, or what only this process may use.
pub const KEPT_BACK: [&str; 8] = [
    VARIABLES[0],
    VARIABLES[1],
    CREDENTIALS_VARIABLE,
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
];

/// What a program said, and how it ended.
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed, which may be a secret.
    pub out: SecretString,
    /// What it complained of.
    pub err: String,
}

impl Said {
    /// Why it did not do what it was asked for: what it said on stderr, where no secret is.
    pub fn complaint(&self) -> String {
        let said = one_line(&self.err);
        match (said.is_empty(), self.status.code()) {
            (false, _) => escaped(said.trim_end_matches('.')),
            (true, Some(code)) => format!("exit code {code}"),
            (true, None) => "ended by a signal".to_owned(),
        }
    }
}

/// Why a program said nothing.
#[derive(Debug)]
pub enum Ended {
    /// It is not installed.
    Absent,
    /// It did not end in time.
    Late,
    /// In words.
    Failed(String),
}

/// Runs a program to its end, or ends it, with all that it began.
///
/// # Errors
/// See [`Ended`].
pub fn run(argv: &[&str], input: Option<&SecretString>, limit: Duration) -> Result<Said, Ended> {
    let until = Instant::now() + limit;
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).env("LC_ALL", "C").process_group(0);
    for variable in KEPT_BACK {
        command.env_remove(variable);
    }
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error: io::Error| Ended::Failed(format!("{}: {}", argv[0], reason(&error)));
    let mut child = {
        let mut running = running();
        if running.ended {
            return Err(Ended::Late);
        }
        let child = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => Ended::Absent,
            _ => failed(error),
        })?;
        running.groups.insert(child.id());
        child
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err) = (out.map(read), err.map(read));
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // Less than a pipe holds; a program that does not read it tells by its end.
        let _ = stdin.write_all(input.expose_secret().as_bytes());
    }
    // First what it says, then its end: while it has not been waited for, its group is its own.
    let hear = |pipe: Option<Receiver<Vec<u8>>>| {
        let left = until.saturating_duration_since(Instant::now());
        pipe.and_then(|pipe| pipe.recv_timeout(left).ok())
    };
    let (out, err) = (hear(out), hear(err));
    let status = ends(&mut child, until).map_err(failed)?;
    let (Some(out), Some(err), Some(status)) = (out, err, status) else { return Err(Ended::Late) };
    if out.len() as u64 >= LONGEST_ANSWER_BYTES {
        return Err(Ended::Failed(format!("{} says too much", argv[0])));
    }
    let out = String::from_utf8(out).map(SecretString::from);
    let out = out.map_err(|_| Ended::Failed(format!("{} says what is no text", argv[0])))?;
    Ok(Said { status, out, err: String::from_utf8_lossy(&err).into_owned() })
}

/// Waits for the end of a program, or makes it end, with its group. None: it did not in time.
fn ends(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    while Instant::now() < until {
        let mut running = running();
        if let Some(status) = child.try_wait()? {
            running.groups.remove(&child.id());
            return Ok(Some(status));
        }
        drop(running);
        std::thread::sleep(PAUSE);
    }
    {
        let mut running = running();
        end(child.id());
        running.groups.remove(&child.id());
    }
    child.wait()?;
    Ok(None)
}

/// Ends whatever still runs, with all that it began, for good: nobody waits for it any more.
pub fn end_all() {
    let until = Instant::now() + BEGINNING_MOST;
    // One may be about to begin, from a disk that hangs.
    while Instant::now() < until {
        if let Ok(mut running) = RUNNING.try_lock() {
            running.ended = true;
            running.groups.iter().for_each(|group| end(*group));
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn end(group: u32) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        // What has ended needs no signal.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads what is said, as much as is wanted of it; more is not waited for.
fn read(pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (to, said) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What cannot be read was not said.
        let _ = pipe.take(LONGEST_ANSWER_BYTES).read_to_end(&mut bytes);
        let _ = to.send(bytes);
    });
    said
}

#[cfg(test)]
mod tests;
