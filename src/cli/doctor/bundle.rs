//! `--bundle FILE`: what one needs to know to help, and nothing that is nobody's business.
//!
//! One file of JSON, indented: whoever sends it can read all of it before, with any program, and
//! one text is searched for what must not be in it more surely than an archive of several.
//!
//! Owns:
//! - an existing file is never touched, and nobody else can read the new one;
//! - everything in it went through [`Redactor`], but for versions, numbers and words of our own.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::{Exit, Failure, output};
use crate::config::show_json;
use crate::daemon::Clock;
use crate::daemon::lock::{is_held, ledger_path};
use crate::ledger::{Filter, Ledger, LedgerError, Row, State};
use crate::row::time;
use crate::secret::Found;
use crate::text::{reason, shell_word, shown};

use super::gather::{self, Patient};
use super::redact::Redactor;
use super::report::Report;

/// So many of the latest decisions.
const DECISIONS: usize = 100;
/// So many files that failed or are held, of each.
const STUCK: u64 = 50;

/// What stands at the beginning of the file.
const ABOUT: [&str; 6] = [
    "A support bundle of taxiway. Read it through before you send it to anybody.",
    "Taken out: the token; of e-mails all but the first letter and what follows the @.",
    "Taken out: names of files and directories; n1, n2.png and so on stand for them, the same name \
     for the same word throughout this file, in another bundle another one.",
    "Taken out: patterns of include and exclude, commands of hooks, and texts behind a path that is \
     not known.",
    "Not taken out: sizes, times, file types, what the server says, names of the server and of a \
     proxy.",
    "Not in it: contents of files, assetIds, addresses of assets, environment variables, logs.",
];

/// The file, made and still empty.
pub struct BundleFile {
    file: File,
    path: PathBuf,
}

/// The parts, in their order.
#[derive(Serialize)]
struct Bundle {
    about: [&'static str; 6],
    schema: u8,
    made_at: String,
    version: &'static str,
    platform: Value,
    doctor: Value,
    configuration: Value,
    status: Value,
    ledger: Value,
}

/// Makes the file.
///
/// # Errors
/// If there is one, or none can be made.
pub fn create(path: &Path) -> Result<BundleFile, Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(file) => Ok(BundleFile { file, path: path.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::new(
            Exit::Usage,
            format!("{} is there already, and is not overwritten", shown(path)),
            format!("name another file, or: rm {}", shell_word(path)),
        )),
        Err(error) => Err(Failure::new(
            Exit::Usage,
            format!("cannot write {}: {}", shown(path), reason(&error)),
            "name a file in a directory that you can write to",
        )),
    }
}

impl BundleFile {
    /// Fills it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(
        mut self,
        patient: &Patient,
        token: Option<&Found>,
        report: &Report,
    ) -> Result<(), Failure> {
        let bundle = bundle(patient, token, report);
        let text = serde_json::to_string_pretty(&bundle).unwrap_or_default() + "\n";
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        if let Err(error) = written {
            // Half of it helps nobody.
            let _ = std::fs::remove_file(&self.path);
            let message = format!("cannot write {}: {}", shown(&self.path), reason(&error));
            return Err(Failure::new(Exit::Later, message, "df -h ."));
        }
        output::tell(&format!(
            "written: {}; read it through before you send it",
            shown(&self.path)
        ));
        Ok(())
    }
}

fn bundle(patient: &Patient, token: Option<&Found>, report: &Report) -> Bundle {
    let home = patient.environment.home.as_deref();
    let mut redactor = Redactor::new(token.map(|found| &found.token), home);
    // First what has paths of its own, so that they are known in the texts.
    let configuration = configuration(patient, &mut redactor);
    if let Ok(directory) = &patient.state_dir {
        redactor.path(&directory.to_string_lossy());
        redactor.path(&ledger_path(directory).to_string_lossy());
    }
    let status = status(patient, &mut redactor);
    let ledger = match ledger(patient, &mut redactor) {
        Ok(ledger) => ledger,
        Err(error) => json!({ "error": redactor.quoting(&error.to_string()) }),
    };
    Bundle {
        about: ABOUT,
        schema: 1,
        made_at: time(Clock::start().now().wall),
        version: env!("CARGO_PKG_VERSION"),
        platform: platform(),
        doctor: doctor(report, &redactor),
        configuration,
        status,
        ledger,
    }
}

fn platform() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let release = read("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    json!({
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "kernel": read("/proc/sys/kernel/osrelease"),
        "system": name.map(|name| name.trim_matches('"')),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

fn doctor(report: &Report, redactor: &Redactor) -> Value {
    let mut json = report.json();
    for check in json["checks"].as_array_mut().into_iter().flatten() {
        for field in ["text", "hint"] {
            let text = check[field].as_str().map(|text| match check["name"].as_str() {
                // It may quote what stands in the file.
                Some("configuration") => redactor.quoting(text),
                _ => redactor.text(text),
            });
            check[field] = json!(text);
        }
    }
    json
}

fn configuration(patient: &Patient, redactor: &mut Redactor) -> Value {
    match &patient.loaded {
        Ok(loaded) => {
            for folder in &loaded.config.folders {
                redactor.path(&folder.root.to_string_lossy());
            }
            redactor.value("", &show_json(loaded))
        }
        Err(error) => json!({ "error": redactor.quoting(&error.to_string()) }),
    }
}

fn status(patient: &Patient, redactor: &mut Redactor) -> Value {
    let Ok(directory) = &patient.state_dir else { return Value::Null };
    if !is_held(directory) {
        return Value::Null;
    }
    match gather::status(patient, directory) {
        Ok(status) => {
            let status = serde_json::to_value(&status).unwrap_or_default();
            redactor.value("", &status)
        }
        Err(error) => json!({ "error": redactor.text(&error) }),
    }
}

fn ledger(patient: &Patient, redactor: &mut Redactor) -> Result<Value, LedgerError> {
    let Ok(directory) = &patient.state_dir else { return Ok(Value::Null) };
    let Some(ledger) = Ledger::read(&ledger_path(directory))? else { return Ok(Value::Null) };
    let running = is_held(directory);
    let totals = ledger.totals()?;
    let mut counts = [0_u64; State::ALL.len()];
    let mut stuck = Vec::new();
    ledger.each_row(&Filter::default(), running, |row| {
        let count = &mut counts[row.state as usize];
        *count += 1;
        if matches!(row.state, State::Failed | State::Held) && *count <= STUCK {
            stuck.push(file(&row, redactor));
        }
        ControlFlow::Continue(())
    })?;
    let counts = State::ALL.into_iter().zip(counts);
    let counts: serde_json::Map<String, Value> =
        counts.map(|(state, count)| (state.as_str().to_owned(), json!(count))).collect();
    let latest = ledger.latest_decisions(DECISIONS)?;
    let decisions = latest.iter().map(|decision| {
        let path = redactor.path(&decision.path.to_string_lossy());
        json!({
            "at": time(decision.at),
            "path": path,
            "kind": decision.kind,
            "detail": redactor.quoting(&decision.detail),
        })
    });
    let decisions: Vec<Value> = decisions.collect();
    Ok(json!({
        "schema": ledger.schema()?.0,
        "uploads": totals.uploads,
        "uploaded": totals.uploaded,
        "paths": totals.paths,
        "attempts": totals.attempts,
        "counts": counts,
        "stuck": stuck,
        "latest_decisions": decisions,
    }))
}

fn file(row: &Row, redactor: &mut Redactor) -> Value {
    let path = redactor.path(&row.path.to_string_lossy());
    if let Some(name) = &row.name {
        redactor.path(name);
    }
    json!({
        "path": path,
        "state": row.state.as_str(),
        "account": row.account.as_deref().map(|email| redactor.text(email)),
        "size": row.size,
        "media_type": row.media_type,
        "attempts": row.attempts,
        "seen_at": time(row.seen_at),
        "reason": row.reason.as_deref().map(|reason| redactor.quoting(reason)),
    })
}
