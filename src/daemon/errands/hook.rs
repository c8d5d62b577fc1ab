//! A program of the user's that is told what happened to a file.
//!
//! Owns:
//! - no shell is involved, and no token is in the program's environment;
//! - a program that does not end in time is ended, with all that it began;
//! - whatever it prints, little of it is kept.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::Job;
use crate::config::placeholders;
use crate::planner::ErrandResult;
use crate::program::KEPT_BACK;
use crate::text;

/// How long a program may run.
const LIMIT: Duration = Duration::from_secs(300);
/// How long it may go on when the daemon is to end, or when it was asked to end.
const GRACE: Duration = Duration::from_secs(5);
/// For how long after its end what it printed is still read.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Of what a program prints, so many bytes are kept.
const KEPT_BYTES: usize = 2_000;

/// Runs the program, and says what came of it.
pub(super) async fn run(argv: &[String], job: &Job, abort: &CancellationToken) -> ErrandResult {
    let Some((program, arguments)) = argv.split_first() else {
        return ErrandResult::Void { reason: "no program is configured any more".into() };
    };
    let mut command = Command::new(filled(program, job));
    command.args(arguments.iter().map(|argument| filled(argument, job)));
    command.current_dir(&job.told.root).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in KEPT_BACK {
        command.env_remove(variable);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let reason = format!("{program} does not start: {}", text::reason(&error));
            return ErrandResult::Failed { reason: text::escaped(&reason) };
        }
    };
    let mut group = Group::of(&child);
    let told = tell(&mut child, &job.event);
    let words = Words::of(&mut child);
    let ended = tokio::select! {
        ended = child.wait() => ended.map(Some),
        () = tokio::time::sleep(limit()) => Ok(None),
        () = ended_early(abort) => {
            group.end(&mut child).await;
            let reason = "it was running when taxiway ended, and is run again".into();
            return ErrandResult::Wait { reason };
        }
    };
    told.abort();
    match ended {
        Ok(Some(status)) => {
            group.let_go();
            verdict(status, &words.last().await)
        }
        Ok(None) => {
            group.end(&mut child).await;
            let reason = format!("it did not end within {} s", limit().as_secs_f64());
            ErrandResult::Failed { reason }
        }
        Err(error) => ErrandResult::Failed { reason: text::reason(&error) },
    }
}

/// Hands the event over. A program that does not read it is no failure.
fn tell(child: &mut Child, event: &str) -> tokio::task::JoinHandle<()> {
    let (stdin, line) = (child.stdin.take(), format!("{event}\n"));
    tokio::spawn(async move {
        if let Some(mut stdin) = stdin {
            // It may have closed its end already.
            let _ = stdin.write_all(line.as_bytes()).await;
        }
    })
}

async fn ended_early(abort: &CancellationToken) {
    abort.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// A program and all that it began; made to end when this is dropped before it is let go.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// What it left in the background may go on.
    fn let_go(&mut self) {
        self.0 = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // What has ended needs no signal.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Ends it: asked first, then made to.
    async fn end(&self, child: &mut Child) {
        self.signal(Signal::TERM);
        // The program's own end does not say that what it began has ended.
        let _ = tokio::time::timeout(GRACE, child.wait()).await;
        self.signal(Signal::KILL);
        let _ = child.wait().await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn verdict(status: ExitStatus, last_words: &str) -> ErrandResult {
    use std::os::unix::process::ExitStatusExt;
    if status.success() {
        return ErrandResult::Done { detail: "exit code 0".into() };
    }
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "it did not end well".to_owned(),
    };
    let line = last_words.lines().map(str::trim).rfind(|line| !line.is_empty());
    let reason = match line {
        Some(line) => format!("{how}: {}", text::escaped(line)),
        None => how,
    };
    ErrandResult::Failed { reason }
}

/// What a program printed last, of either kind.
struct Words {
    kept: Arc<Mutex<Vec<u8>>>,
    readers: Vec<tokio::task::JoinHandle<()>>,
}

impl Words {
    fn of(child: &mut Child) -> Words {
        let kept = Arc::new(Mutex::new(Vec::new()));
        // Standard error is read last, so that it has the last word.
        let out = child.stdout.take().map(|out| read(out, Arc::clone(&kept)));
        let err = child.stderr.take().map(|err| read(err, Arc::clone(&kept)));
        Words { kept, readers: out.into_iter().chain(err).collect() }
    }

    /// What a program that goes on in the background still prints is not waited for.
    async fn last(self) -> String {
        for reader in self.readers {
            let abort = reader.abort_handle();
            if tokio::time::timeout(LAST_WORDS, reader).await.is_err() {
                abort.abort();
            }
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }
}

fn read(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    kept: Arc<Mutex<Vec<u8>>>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&buffer[..read]);
            let beyond = kept.len().saturating_sub(KEPT_BYTES);
            kept.drain(..beyond);
        }
    })
}

/// An argument with what its placeholders stand for; nothing, for what does not apply. Paths keep
/// their bytes.
fn filled(argument: &str, job: &Job) -> OsString {
    let mut bytes = Vec::new();
    let mut from = 0;
    for (range, word) in placeholders(argument) {
        bytes.extend_from_slice(&argument.as_bytes()[from..range.start]);
        bytes.extend_from_slice(value(word, job).as_bytes());
        from = range.end;
    }
    bytes.extend_from_slice(&argument.as_bytes()[from..]);
    // A NUL ends an argument for the system.
    bytes.retain(|byte| *byte != 0);
    OsString::from_vec(bytes)
}

fn value(word: &str, job: &Job) -> OsString {
    let row = &job.told.row;
    let text = match word {
        "event" => Some(job.told.event.clone()),
        "path" => return job.errand.path.as_os_str().to_owned(),
        "account" => row.account.clone(),
        "hash" => row.hash.map(|hash| hash.to_string()),
        "media_type" => row.media_type.clone(),
        "asset_id" => row.asset_id.clone(),
        "asset_url" => row.asset_url.clone(),
        "name" => row.name.clone(),
        "state" => Some(row.state.as_str().to_owned()),
        "reason" => row.reason.clone(),
        _ => None,
    };
    OsStr::new(&text.unwrap_or_default()).to_owned()
}

/// Builds for tests may shorten it; what is released never does.
fn limit() -> Duration {
    #[cfg(debug_assertions)]
    if let Ok(text) = std::env::var("TAXIWAY_TEST_HOOK_LIMIT_MS")
        && let Ok(limit_ms) = text.parse()
    {
        return Duration::from_millis(limit_ms);
    }
    LIMIT
}
