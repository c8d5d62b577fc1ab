//! `taxiway ledger import`: what another ledger uploaded, merged into this one.
//!
//! Owns:
//! - all of a file is taken over, or nothing;
//! - where two ledgers differ, this one stays as it is, and both sides are told.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use crate::config::Flags;
use crate::daemon::Clock;
use crate::daemon::lock::{Lock, LockError, Role};
use crate::ledger::{Conflict, Foreign, Ledger, Taken};
use crate::planner::Wall;
use crate::text::{escaped, reason, shell_word, shown};

use super::super::session::SANDBOX_SERVER;
use super::records::{BadLine, Line, Records};
use super::{Common, Exit, Failure, again, load, lock, output};

/// What an import did.
#[derive(Debug, Default)]
struct Counts {
    new: u64,
    completed: u64,
    known: u64,
    without_asset: u64,
    conflicts: u64,
}

/// Runs the command.
pub fn import(common: &Common, file: &Path) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    let source = Source::open(common, file)?;
    let lock = Lock::take(&loaded.config.state_dir, Role::Upkeep, Duration::ZERO);
    let lock = lock.map_err(|error| wait_or_stop(error, common, file))?;
    let server = match common.sandbox {
        true => SANDBOX_SERVER,
        false => loaded.config.api.base_url.as_str(),
    };
    let now = Clock::start().now().wall;
    let ledger = Ledger::open(&lock.ledger_path(), server, std::process::id(), now)?;
    ledger.begin_step()?;
    let counts = take_all(&ledger, source, common, now).inspect_err(|_| ledger.abandon_step())?;
    ledger.commit_step().inspect_err(|_| ledger.abandon_step())?;
    tell(common, &lock::ledger_path(&loaded.config.state_dir), &counts);
    Ok(if counts.conflicts > 0 { Exit::Some } else { Exit::Well })
}

/// What is read, and what it is called.
struct Source {
    name: String,
    again: String,
    reader: Box<dyn BufRead>,
}

impl Source {
    fn open(common: &Common, file: &Path) -> Result<Source, Failure> {
        let again = again(common, &format!("ledger import {}", shell_word(file)));
        if file == Path::new("-") {
            let reader = Box::new(BufReader::new(std::io::stdin()));
            return Ok(Source { name: "stdin".into(), again, reader });
        }
        let opened = File::open(file).map_err(|error| {
            let message = format!("{}: {}", shown(file), reason(&error));
            Failure::new(Exit::Usage, message, "taxiway ledger import --help")
        })?;
        Ok(Source { name: shown(file), again, reader: Box::new(BufReader::new(opened)) })
    }
}

fn take_all(
    ledger: &Ledger,
    source: Source,
    common: &Common,
    now: Wall,
) -> Result<Counts, Failure> {
    let Source { name, again, reader } = source;
    let refuse = |bad: BadLine| {
        let message = format!("{name}:{}: {}", bad.line, escaped(&bad.why));
        let hint = format!("nothing was imported; mend line {}, then: {again}", bad.line);
        Failure::new(Exit::Usage, message, hint)
    };
    let mut counts = Counts::default();
    for line in Records::read(reader, now).map_err(&refuse)? {
        match line.map_err(&refuse)? {
            Line { foreign: None, .. } => counts.without_asset += 1,
            Line { number, foreign: Some(foreign) } => {
                match ledger.take_over(&foreign, "imported", now)? {
                    Taken::New => counts.new += 1,
                    Taken::Completed => counts.completed += 1,
                    Taken::Known => counts.known += 1,
                    Taken::Conflict(conflict) => {
                        counts.conflicts += 1;
                        tell_conflict(common, &name, number, &foreign, &conflict);
                    }
                }
            }
        }
    }
    Ok(counts)
}

/// Both sides of a conflict.
fn tell_conflict(common: &Common, name: &str, line: u64, foreign: &Foreign, ours: &Conflict) {
    let theirs = match ours {
        Conflict::OtherSize(_) => format!("{} bytes", foreign.content.size),
        _ => foreign.asset.asset_id.clone(),
    };
    let here = match ours {
        Conflict::OtherAsset(asset_id) => asset_id.clone(),
        Conflict::OtherUpload(hash, account) => {
            let account = account.as_deref().unwrap_or("an account without e-mail");
            format!("that is the asset of {hash} on {account}")
        }
        Conflict::Forgotten => "that asset is forgotten".into(),
        Conflict::Open => "it was sent, and the answer is still to be looked up".into(),
        Conflict::OtherSize(size) => format!("{size} bytes"),
    };
    let (hash, account) = (foreign.content.hash, &foreign.email);
    if common.json {
        let object = serde_json::json!({
            "schema": 1,
            "file": name,
            "line": line,
            "hash": hash.to_string(),
            "account": account,
            "there": theirs,
            "here": here,
        });
        output::tell(&object.to_string());
    } else {
        let (theirs, here) = (escaped(&theirs), escaped(&here));
        output::tell(&format!(
            "conflict: {name}:{line}: {hash} on {account}: there {theirs}; here {here}"
        ));
    }
}

fn tell(common: &Common, ledger: &Path, counts: &Counts) {
    let Counts { new, completed, known, without_asset, conflicts } = counts;
    if common.json {
        let object = serde_json::json!({
            "schema": 1,
            "new": new,
            "completed": completed,
            "known": known,
            "without_asset": without_asset,
            "conflicts": conflicts,
        });
        output::line(&object.to_string());
    } else {
        output::line(&format!(
            "imported into {}: {new} new, {completed} completed; left alone: {known} known, \
             {without_asset} without assetId, {} in conflict",
            shown(ledger),
            conflicts
        ));
    }
    output::flush();
}

/// A daemon has to be stopped; what ends by itself is waited for.
fn wait_or_stop(error: LockError, common: &Common, file: &Path) -> Failure {
    let ends = matches!(error, LockError::Held { daemon: false, .. });
    let failure = Failure::from(error);
    if !ends {
        return failure;
    }
    let command = again(common, &format!("ledger import {}", shell_word(file)));
    Failure { hint: format!("when it has ended: {command}"), ..failure }
}
