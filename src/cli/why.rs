//! `taxiway why`: the whole history of one path, for a person.
//!
//! Owns:
//! - it reads and asks nobody, so it works beside a daemon and without one; but who has no ledger asks
//!   the system service for its.

use std::os::unix::ffi::OsStrExt;

use crate::config::Flags;
use crate::control::{Next, absence, decided_by, history_json, next, retold};
use crate::daemon::lock::{is_held, ledger_path};
use crate::daemon::{Clock, keyed};
use crate::ledger::{Attempt, Decision, History, Ledger, OwedRow, Row, State};
use crate::planner::{ErrandKind, Wall};
use crate::row::day_and_time;
use crate::text::{about, escaped, shown};

use super::args::{Common, WhyArgs};
use super::others::{Others, encoded};
use super::{Exit, Failure, load, output, wishes};

/// Other paths with the same content that are named; the rest is counted.
const COPIES_MOST: usize = 20;

/// Runs the command.
pub fn why(common: &Common, args: &WhyArgs) -> Result<Exit, Failure> {
    let (loaded, environment) = load(common, Flags::default())?;
    let directory = &loaded.config.state_dir;
    let path = keyed(&args.file)?;
    if let Some(others) = Others::of(common, &loaded, &environment) {
        let path = format!("/v1/why?path={}", encoded(path.as_os_str().as_bytes()));
        if let Some(told) = others.get(&path)? {
            return tell(common, told.trim_end());
        }
    }
    let running = is_held(directory);
    let history = match Ledger::read(&ledger_path(directory))? {
        Some(ledger) => ledger.history(&path, running)?,
        None => None,
    };
    let Some(history) = history else {
        let refusal = absence(&loaded.config, &path);
        let message = refusal.about(&path, &args.file);
        return Err(Failure { message, ..wishes::failure(common, refusal) });
    };
    if common.json {
        output::line(&history_json(&history, &loaded.config, running));
    } else {
        let mut next = next(&history, &loaded.config, running);
        for command in &mut next.commands {
            *command = wishes::retold(common, command);
        }
        for line in text(&history, &next, Clock::start().now().wall) {
            output::line(&line);
        }
    }
    output::flush();
    Ok(Exit::Well)
}

/// The history as the system service tells it.
fn tell(common: &Common, told: &str) -> Result<Exit, Failure> {
    if common.json {
        output::line(told);
    } else {
        let Some((history, next)) = retold(told) else {
            let words = "the daemon's answer is not understood";
            return Err(Failure::new(Exit::Later, words, "taxiway --version"));
        };
        for line in text(&history, &next, Clock::start().now().wall) {
            output::line(&line);
        }
    }
    output::flush();
    Ok(Exit::Well)
}

/// The history, line by line.
fn text(history: &History, next: &Next, now: Wall) -> Vec<String> {
    let mut lines = vec![shown(&history.now.path)];
    for (title, words) in facts(history, next, now) {
        lines.push(format!("  {title:<9} {words}"));
    }
    lines.push(String::new());
    let story = story(history).into_iter();
    lines.extend(story.map(|(at, words)| format!("  {}  {words}", day_and_time(at))));
    if !history.copies.is_empty() {
        lines.extend([String::new(), "the same content".to_owned()]);
        lines.extend(history.copies.iter().take(COPIES_MOST).map(copy));
        let more = history.copies.len().saturating_sub(COPIES_MOST);
        lines.extend((more > 0).then(|| format!("  and {more} more")));
    }
    if !history.former.is_empty() {
        lines.extend([String::new(), "forgotten, as somebody said".to_owned()]);
        for former in &history.former {
            let (from, to) = (day_and_time(former.uploaded_at), day_and_time(former.forgotten_at));
            lines.push(format!("  {}, uploaded {from}, forgotten {to}", former.asset_id));
        }
    }
    lines
}

/// What is so now, and what comes next: titles and words.
fn facts(history: &History, next: &Next, now: Wall) -> Vec<(&'static str, String)> {
    let row = &history.now;
    let mut facts = vec![("state", state(row))];
    facts.extend(row.asset_id.clone().map(|asset_id| ("asset", asset_id)));
    if let Some(other) = decided_by(history) {
        facts.push(("sent from", format!("{}, which held the same content", shown(other))));
    }
    let on = row.account.clone().or_else(|| {
        row.hash.map(|_| "the only account; its e-mail is learnt from the first upload".to_owned())
    });
    facts.extend(on.map(|account| ("account", account)));
    facts.extend(content(row).map(|content| ("content", content)));
    let folder = history.folder.as_deref().map(shown);
    let folder = folder.unwrap_or_else(|| "none: it was pushed by name".to_owned());
    facts.push(("folder", folder));
    if let Some(at) = row.next_try_at.filter(|_| row.state == State::Queued) {
        facts.push(("next try", format!("{}, {}", day_and_time(at), away(at, now))));
    }
    let open = history.owed.iter().filter(|owed| owed.outcome.is_none());
    facts.extend(open.map(|owed| ("to do", still_to_do(owed, now))));
    facts.push(("next", next.words.clone()));
    facts.extend(next.commands.iter().map(|command| ("", command.clone())));
    facts
}

fn state(row: &Row) -> String {
    if let Some(at) = row.gone_at {
        let was = match row.state {
            State::Uploaded => "it was uploaded",
            _ => "it was not uploaded",
        };
        let moved = row.reason.as_ref().filter(|reason| reason.starts_with("moved to "));
        return match moved {
            Some(moved) => format!("{} {}; {was}", escaped(moved), day_and_time(at)),
            None => format!("not there since {}; {was}", day_and_time(at)),
        };
    }
    match (row.uploaded_at, &row.reason) {
        (Some(at), _) => format!("uploaded {}", day_and_time(at)),
        (None, Some(reason)) => format!("{}: {}", row.state.as_str(), escaped(reason)),
        (None, None) => row.state.as_str().to_owned(),
    }
}

fn content(row: &Row) -> Option<String> {
    let mut words = row.media_type.clone()?;
    if let (Some(width), Some(height)) = (row.width, row.height) {
        words += &format!(", {width} x {height} pixels");
    }
    if let Some(ms) = row.duration_ms {
        words += &format!(", {}.{:03} s", ms / 1_000, ms % 1_000);
    }
    Some(format!("{words}, {} bytes", row.size))
}

/// How far off a time is.
fn away(at: Wall, now: Wall) -> String {
    match u64::try_from(at.since(now)) {
        Ok(ms) if ms >= 1_000 => format!("in {}", about(ms / 1_000)),
        Ok(_) | Err(_) => "which is now".to_owned(),
    }
}

/// What happened, in the order in which it did.
fn story(history: &History) -> Vec<(Wall, String)> {
    let row = &history.now;
    let mut story = vec![(row.seen_at, "seen for the first time".to_owned())];
    story.extend(history.decisions.iter().map(|decision| (decision.at, decided(decision))));
    // A file that was moved away has that in its decisions.
    let told = |owed: &&OwedRow| {
        owed.kind != ErrandKind::AfterUpload || owed.outcome.as_deref() != Some("done")
    };
    let over = history.owed.iter().filter(told);
    let over = over.filter_map(|owed| Some((owed.ended_at?, done(owed))));
    story.extend(over);
    let attempts = (1..).zip(&history.attempts);
    story.extend(attempts.map(|(n, attempt)| (attempt.opened_at, tried(n, attempt, row))));
    // What was decided at a moment comes before what was sent at it.
    story.sort_by_key(|(at, _)| *at);
    story
}

fn decided(decision: &Decision) -> String {
    let detail = escaped(&decision.detail);
    match decision.kind.as_str() {
        "settled" => format!("at rest: {detail}"),
        "relinked" | "back" | "gone" | "retried" | "moved" => detail,
        "resolved" => format!("resolved by a person: {detail}"),
        "forgotten" => format!("forgotten, as a person said: {detail}"),
        kind => format!("{kind}: {detail}"),
    }
}

/// What became of something that was to be done for it.
fn done(owed: &OwedRow) -> String {
    let kind = owed.kind.as_str();
    let detail = escaped(owed.detail.as_deref().unwrap_or_default());
    match (owed.outcome.as_deref(), owed.tries) {
        (Some("done"), _) => format!("{kind} done: {detail}"),
        (Some("failed"), tries) => format!("{kind} given up after {tries} failures: {detail}"),
        (_, _) => format!("{kind} not needed: {detail}"),
    }
}

/// What is still to be done for it, and what has failed so far.
fn still_to_do(owed: &OwedRow, now: Wall) -> String {
    let mut words = owed.kind.as_str().to_owned();
    if owed.tries > 0 {
        let times = if owed.tries == 1 { "time" } else { "times" };
        words += &format!(" failed {} {times}", owed.tries);
    }
    if let Some(detail) = &owed.detail {
        words += &format!(": {}", escaped(detail));
    }
    if let Some(at) = owed.next_try_at {
        words += &format!("; next try {}, {}", day_and_time(at), away(at, now));
    }
    words
}

fn tried(number: usize, attempt: &Attempt, row: &Row) -> String {
    let mut words = format!("attempt {number}, as {:?}", attempt.name);
    if attempt.path != row.path {
        words += &format!(", from {}", shown(&attempt.path));
    }
    if !attempt.current {
        words += ", of what it held before";
    }
    if let Some(account) = attempt.account.as_ref().filter(|_| attempt.account != row.account) {
        words += &format!(", to {account}");
    }
    format!("{words}: {}", became(attempt, row.state))
}

/// What became of an attempt.
fn became(attempt: &Attempt, state: State) -> String {
    let detail = escaped(attempt.detail.as_deref().unwrap_or_default());
    let status = attempt.status.map(|status| format!(" (status {status})")).unwrap_or_default();
    let lost = format!("sent whole, answer lost{status}");
    let looked = match attempt.looks {
        0 => "the account's list was not looked at yet".to_owned(),
        1 => "the account's list was looked at once".to_owned(),
        several => format!("the account's list was looked at {several} times"),
    };
    match attempt.outcome.as_deref() {
        Some("stored") => "stored".to_owned(),
        Some("found") => format!("{lost}, and found in the account's list"),
        Some("absent") => format!("{lost}, and not in the account's list: not stored"),
        Some("cannot_tell") => format!("{lost}, and {detail}"),
        Some("not_sent") => format!("not sent whole: {detail}"),
        Some("refused") => format!("refused: {detail}"),
        Some(other) => format!("{other}: {detail}"),
        None if attempt.sent_at.is_some() => format!("{lost}: {detail}; {looked}"),
        None if state == State::Uploading => "under way".to_owned(),
        None => format!("broken off, so that its end is not known; {looked}"),
    }
}

fn copy(row: &Row) -> String {
    let gone = if row.gone_at.is_some() { " (gone)" } else { "" };
    let account = row.account.as_deref().map(|account| format!(", {account}")).unwrap_or_default();
    format!("  {}{gone}: {}{account}", shown(&row.path), row.state.as_str())
}
