//! `taxiway ledger import`: what another ledger uploaded, merged into this one.
//!
//! Owns:
//! - all of a file is taken over, or nothing; and nothing that is of another server;
//! - where two ledgers differ, this one stays as it is, and both sides are told.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::iter::Peekable;
use std::path::Path;
use std::time::Duration;

use crate::config::Flags;
use crate::daemon::Clock;
use crate::daemon::lock::{Lock, LockError, Role};
use crate::ledger::{Conflict, Foreign, Ledger, Taken, put_in_place};
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

/// What every file of SQLite begins with.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// Runs the command.
pub fn import(common: &Common, file: &Path) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    let state_dir = &loaded.config.state_dir;
    let server = match common.sandbox {
        true => SANDBOX_SERVER,
        false => loaded.config.api.base_url.as_str(),
    };
    let mut source = Source::open(common, file, server)?;
    if source.is_database() {
        return Err(copy_of_a_ledger(common, file, &source.name, &lock::ledger_path(state_dir)));
    }
    let now = Clock::start().now().wall;
    let (of, mut records) = source.records(now)?;
    // Before there is a ledger that remembers the wrong server.
    if let Some(Ok(line)) = records.peek() {
        of.check_server(line)?;
    }
    let lock = Lock::take(state_dir, Role::Upkeep, Duration::ZERO);
    let lock = lock.map_err(|error| wait_or_stop(error, common, file))?;
    let ledger = Ledger::open(&lock.ledger_path(), server, std::process::id(), now)?;
    ledger.begin_step()?;
    let counts = take_all(&ledger, &of, records, now).inspect_err(|_| ledger.abandon_step())?;
    ledger.commit_step().inspect_err(|_| ledger.abandon_step())?;
    tell(common, &lock::ledger_path(state_dir), &counts);
    Ok(if counts.conflicts > 0 { Exit::Some } else { Exit::Well })
}

/// Records, of which one can be looked at before it is taken.
type Upcoming = Peekable<Records<Box<dyn BufRead>>>;

/// What is read.
struct Source<'a> {
    name: String,
    reader: Box<dyn BufRead>,
    of: Origin<'a>,
}

/// What its records are called, and where they go.
struct Origin<'a> {
    common: &'a Common,
    name: String,
    /// The arguments that import it.
    arguments: String,
    /// The server of the ledger that is imported into.
    server: &'a str,
}

impl<'a> Source<'a> {
    fn open(common: &'a Common, file: &Path, server: &'a str) -> Result<Source<'a>, Failure> {
        let arguments = format!("ledger import {}", shell_word(file));
        let (name, reader): (String, Box<dyn BufRead>) = if file == Path::new("-") {
            ("stdin".into(), Box::new(BufReader::new(std::io::stdin())))
        } else {
            let opened = File::open(file).map_err(|error| {
                let message = format!("{}: {}", shown(file), reason(&error));
                Failure::new(Exit::Usage, message, "taxiway ledger import --help")
            })?;
            (shown(file), Box::new(BufReader::new(opened)))
        };
        let of = Origin { common, name: name.clone(), arguments, server };
        Ok(Source { name, reader, of })
    }

    fn is_database(&mut self) -> bool {
        // What cannot be read is told with its line.
        self.reader.fill_buf().is_ok_and(|first| first.starts_with(DATABASE))
    }

    fn records(self, now: Wall) -> Result<(Origin<'a>, Upcoming), Failure> {
        let records = Records::read(self.reader, now);
        let records = records.map_err(|bad| self.of.refuse(&bad))?;
        Ok((self.of, records.peekable()))
    }
}

impl Origin<'_> {
    fn refuse(&self, bad: &BadLine) -> Failure {
        let message = format!("{}:{}: {}", self.name, bad.line, escaped(&bad.why));
        let again = again(self.common, &self.arguments);
        let hint = format!("nothing was imported; mend line {}, then: {again}", bad.line);
        Failure::new(Exit::Usage, message, hint)
    }

    fn check_server(&self, line: &Line) -> Result<(), Failure> {
        let Some(theirs) = line.server.as_deref().filter(|theirs| *theirs != self.server) else {
            return Ok(());
        };
        let (name, number, ours) = (&self.name, line.number, self.server);
        let message =
            format!("{name}:{number}: it is from a ledger of {theirs}, and this one is of {ours}");
        let apart = match theirs {
            SANDBOX_SERVER => format!("taxiway --sandbox {}", self.arguments),
            url => {
                let url = shell_word(url);
                format!("TAXIWAY_BASE_URL={url} taxiway --state-dir DIR {}", self.arguments)
            }
        };
        let hint = format!("nothing was imported; into a ledger of that server: {apart}");
        Err(Failure::new(Exit::Config, message, hint))
    }
}

/// A whole ledger is not merged: it takes the place of this one.
fn copy_of_a_ledger(common: &Common, file: &Path, name: &str, ledger: &Path) -> Failure {
    let message = format!("{name} is a copy of a ledger, and not what `ledger export` prints");
    let copy = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if copy.canonicalize().is_ok_and(|copy| ledger.canonicalize().is_ok_and(|here| here == copy)) {
        let message = format!("{name} is this very ledger");
        return Failure::new(Exit::Usage, message, again(common, "ledger export"));
    }
    let copy = if file == Path::new("-") { Path::new("COPY") } else { &copy };
    let hint = format!(
        "to put it in its place, stop taxiway, then: {}; and for what was uploaded since: {}",
        put_in_place(ledger, copy),
        again(common, "ledger adopt")
    );
    Failure::new(Exit::Usage, message, hint)
}

fn take_all(
    ledger: &Ledger,
    of: &Origin<'_>,
    records: Upcoming,
    now: Wall,
) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    for line in records {
        let line = line.map_err(|bad| of.refuse(&bad))?;
        of.check_server(&line)?;
        let Some(foreign) = line.foreign else {
            counts.without_asset += 1;
            continue;
        };
        match ledger.take_over(&foreign, "imported", now)? {
            Taken::New => counts.new += 1,
            Taken::Completed => counts.completed += 1,
            Taken::Known => counts.known += 1,
            Taken::Conflict(conflict) => {
                counts.conflicts += 1;
                tell_conflict(of.common, &of.name, line.number, &foreign, &conflict);
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
