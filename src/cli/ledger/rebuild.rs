//! `taxiway ledger rebuild`: a new ledger out of a damaged one, and of what the server has.
//!
//! Owns:
//! - the damaged files are set aside and never deleted;
//! - what can be read is safe before the server is asked anything;
//! - what may be lost keeps files from being sent until the pairing has ended well;
//! - a sound ledger is left alone unless a person insists.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::cli::args::Common;
use crate::cli::key::Key;
use crate::cli::session::Server;
use crate::cli::{Exit, Failure, again, load, output};
use crate::config::{Config, Flags};
use crate::daemon::Clock;
use crate::daemon::lock::{Lock, Role, ledger_path};
use crate::ledger::salvage::{
    Rebuilding, Salvaged, Soundness, Taken, copy_for_reading, finish, remove_left_copies, salvage,
    server_of, soundness,
};
use crate::ledger::{Ledger, LedgerError};
use crate::planner::Wall;
use crate::text::{escaped, shown};

use super::adopt::{AdoptArgs, beside_nobody, pair_with_server};
use super::note;

#[derive(Debug, Clone, Copy, Args)]
pub struct RebuildArgs {
    /// Also adopt what has the same name and size, where bytes cannot be compared
    #[arg(long)]
    pub guesses: bool,
    /// Print what would be salvaged and adopted, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Rebuild a ledger that is sound
    #[arg(long)]
    pub force: bool,
}

/// Runs the command.
pub fn rebuild(common: &Common, args: RebuildArgs) -> Result<Exit, Failure> {
    let (loaded, environment) = load(common, Flags::default())?;
    let config = loaded.config;
    // What can be salvaged needs no token: that there is none is said at the end.
    let key = Key::find(&config, &environment, common.sandbox);
    let lock = if args.dry_run {
        beside_nobody(&config)?;
        None
    } else {
        Some(Lock::take(&config.state_dir, Role::Upkeep, Duration::ZERO)?)
    };
    let server = Server::open(&config, common.sandbox)?;
    let ended = rebuild_locked(common, &config, &server, key, lock.as_ref(), args);
    server.close();
    ended
}

fn rebuild_locked(
    common: &Common,
    config: &Config,
    server: &Server,
    key: Result<Key, Failure>,
    lock: Option<&Lock>,
    args: RebuildArgs,
) -> Result<Exit, Failure> {
    let ledger = salvaged(common, config, server, lock, args)?;
    // From now on the ledger is sound, and what is left is what `adopt` does.
    let command = if args.dry_run { "rebuild" } else { "adopt" };
    let adopt = AdoptArgs { guesses: args.guesses, dry_run: args.dry_run };
    let paired =
        key.and_then(|key| pair_with_server(common, config, server, key, &ledger, adopt, command));
    match paired {
        Err(failure) if !args.dry_run => {
            let command = again(common, "ledger adopt");
            if ledger.owes_pairing()? {
                let owed = "owed      pairing with the server; before the next run";
                note(common, &format!("{owed}: {command}"));
            }
            Err(Failure { hint: then(&failure.hint, &command), ..failure })
        }
        paired => paired,
    }
}

/// A hint about the server that ends with what is left to do, which is not another rebuild.
fn then(hint: &str, command: &str) -> String {
    if hint.ends_with(command) {
        return hint.to_owned();
    }
    match hint.strip_suffix(", then try again").or(hint.strip_suffix(", then adopt again")) {
        Some(first) => format!("{first}, then: {command}"),
        None if hint == "try again later" => format!("later: {command}"),
        None => format!("{hint}; then: {command}"),
    }
}

/// The new ledger, with all that could be read of the old one.
fn salvaged(
    common: &Common,
    config: &Config,
    server: &Server,
    lock: Option<&Lock>,
    args: RebuildArgs,
) -> Result<Ledger, Failure> {
    let path = ledger_path(&config.state_dir);
    let now = Clock::start().now().wall;
    if lock.is_some() {
        finish(&path, &stamp(now)).map_err(|error| cannot(&error))?;
        remove_left_copies(&path);
    }
    let wrong = match soundness(&path)? {
        Soundness::Missing => None,
        Soundness::Sound if !args.force => return Err(sound(common)),
        Soundness::Sound => Some("nothing is wrong with it".to_owned()),
        Soundness::Damaged(wrong) => Some(wrong),
    };
    let Some(wrong) = wrong else {
        note(common, "salvaged  nothing: there is no ledger");
        let Some(lock) = lock else { return Ok(Ledger::in_memory(&server.remembered, now)?) };
        made(&path, server, now, |ledger| ledger.owe_pairing(now))?;
        return Ok(super::adopt::open(lock, server)?);
    };
    note(common, &format!("damaged   {}: {}", shown(&path), escaped(&wrong)));
    let copy = copy_for_reading(&path).map_err(|error| cannot(&error))?;
    if let Some(remembered) = server_of(copy.path())
        && remembered != server.remembered
    {
        let asked = server.remembered.clone();
        return Err(LedgerError::OtherServer { remembered, asked }.into());
    }
    let Some(lock) = lock else {
        let mut ledger = Ledger::in_memory(&server.remembered, now)?;
        let salvaged = salvage(copy.path(), &mut ledger, now)?;
        tell(common, &salvaged, None);
        return Ok(ledger);
    };
    let (salvaged, aside) = made(&path, server, now, |ledger| salvage(copy.path(), ledger, now))?;
    drop(copy);
    tell(common, &salvaged, aside.as_deref());
    Ok(super::adopt::open(lock, server)?)
}

/// Makes a new ledger, fills it, and puts it in its place once it is complete. What `fill` gave,
/// and where the old one is.
fn made<T>(
    path: &Path,
    server: &Server,
    now: Wall,
    fill: impl FnOnce(&mut Ledger) -> Result<T, LedgerError>,
) -> Result<(T, Option<PathBuf>), Failure> {
    let rebuilding = Rebuilding::beside(path);
    let pid = std::process::id();
    let mut ledger = Ledger::open(&rebuilding.path(), &server.remembered, pid, now)?;
    let filled = fill(&mut ledger)?;
    ledger.close()?;
    let built = rebuilding.complete().map_err(|error| cannot(&error))?;
    let aside = built.take_its_place(&stamp(now)).map_err(|error| cannot(&error))?;
    Ok((filled, aside))
}

fn sound(common: &Common) -> Failure {
    let hint = format!(
        "to pair it with the server: {}; to rebuild it all the same, add --force",
        again(common, "ledger adopt")
    );
    Failure::new(Exit::Usage, "the ledger is sound: there is nothing to rebuild", hint)
}

/// The disk does not take the new ledger.
pub(in crate::cli) fn cannot(error: &std::io::Error) -> Failure {
    let reason = crate::text::reason(error);
    let hint = "df -h";
    Failure::new(Exit::Ledger, format!("the ledger cannot be rebuilt: {reason}"), hint)
}

/// UTC, as a file name has it.
fn stamp(now: Wall) -> String {
    let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn tell(common: &Common, salvaged: &Salvaged, aside: Option<&Path>) {
    if common.json {
        let tables: serde_json::Map<String, serde_json::Value> = salvaged
            .tables
            .iter()
            .map(|(table, Taken { rows, skipped, gaps })| {
                ((*table).to_owned(), json!({"rows": rows, "skipped": skipped, "gaps": gaps}))
            })
            .collect();
        let object = json!({
            "schema": 1,
            "salvaged": tables,
            "in_doubt": salvaged.in_doubt,
            "held": salvaged.held,
            "doubts_lost": salvaged.doubts_lost,
            "unreadable": salvaged.unreadable,
            "set_aside": aside.map(|aside| aside.to_string_lossy()),
        });
        output::line(&object.to_string());
        return output::flush();
    }
    for line in lines(salvaged) {
        note(common, &line);
    }
    if let Some(aside) = aside {
        note(common, &format!("set aside {}", shown(aside)));
    }
}

/// What was salvaged and what was not, for a person.
fn lines(salvaged: &Salvaged) -> Vec<String> {
    if let Some(reason) = &salvaged.unreadable {
        return vec![format!("salvaged  nothing can be read of it: {}", escaped(reason))];
    }
    let of = |table| salvaged.tables.get(table).copied().unwrap_or_default();
    let words = ["account", "content", "upload", "path", "attempt"].map(|table| {
        let rows = of(table).rows;
        format!("{rows} {table}{}", if rows == 1 { "" } else { "s" })
    });
    let mut lines = vec![format!("salvaged  {}", words.join(", "))];
    let lost = salvaged.tables.iter().filter(|(_, taken)| taken.skipped + taken.gaps > 0);
    let lost: Vec<String> = lost
        .map(|(table, Taken { skipped, gaps, .. })| match (skipped, gaps) {
            (skipped, 0) => format!("{table}: {skipped} without sense"),
            (0, gaps) => format!("{table}: {gaps} unreadable stretches"),
            (skipped, gaps) => {
                format!("{table}: {skipped} without sense, {gaps} unreadable stretches")
            }
        })
        .collect();
    if !lost.is_empty() {
        lines.push(format!("lost      {}", lost.join("; ")));
    }
    if salvaged.in_doubt > 0 {
        let count = salvaged.in_doubt;
        lines.push(format!("unknown   {count} under way at the end: to be looked up"));
    }
    if salvaged.held > 0 {
        let count = salvaged.held;
        lines
            .push(format!("held      {count} that may be on the server: not sent again by itself"));
    }
    if salvaged.doubts_lost {
        lines.push(
            "lost      which uploads were under way cannot be said in full: what the server \
             does not list may be sent again"
                .into(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_said_beside_what_was_not() {
        let taken = |rows, skipped, gaps| Taken { rows, skipped, gaps };
        let mut salvaged = Salvaged::default();
        salvaged.tables.insert("upload", taken(1, 0, 2));
        salvaged.tables.insert("path", taken(3, 4, 0));
        salvaged.tables.insert("attempt", taken(0, 1, 1));
        salvaged.in_doubt = 1;
        salvaged.held = 2;
        salvaged.doubts_lost = true;
        let expected = "\
salvaged  0 accounts, 0 contents, 1 upload, 3 paths, 0 attempts
lost      attempt: 1 without sense, 1 unreadable stretches; path: 4 without sense; upload: 2 unreadable stretches
unknown   1 under way at the end: to be looked up
held      2 that may be on the server: not sent again by itself
lost      which uploads were under way cannot be said in full: what the server does not list may be sent again";
        assert_eq!(lines(&salvaged).join("\n"), expected);
        let unreadable = Some("file is not a database".to_owned());
        let nothing = Salvaged { unreadable, ..Salvaged::default() };
        assert_eq!(
            lines(&nothing),
            ["salvaged  nothing can be read of it: file is not a database"]
        );
    }

    #[test]
    fn what_is_left_after_a_rebuild_is_never_another_rebuild() {
        let adopt = "taxiway ledger adopt";
        for (hint, told) in [
            ("check the network, then try again", "check the network, then: taxiway ledger adopt"),
            ("mend that, then adopt again", "mend that, then: taxiway ledger adopt"),
            ("try again later", "later: taxiway ledger adopt"),
            ("renew it", "renew it; then: taxiway ledger adopt"),
            (
                "try again before the next run: taxiway ledger adopt",
                "try again before the next run: taxiway ledger adopt",
            ),
        ] {
            assert_eq!(then(hint, adopt), told);
        }
    }

    #[test]
    fn a_time_fits_into_a_file_name() {
        assert_eq!(stamp(Wall(1_700_000_000_005)), "20231114T221320Z");
    }
}
