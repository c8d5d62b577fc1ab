//! `taxiway retry`, `resolve` and `forget`: what a person asks for about files.
//!
//! Owns:
//! - the answer is the same whether a daemon grants the wish or this process does;
//! - nothing is forgotten that nobody said yes to.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::{Config, Flags};
use crate::control::{self, Answer, ClientError, Place, Refusal, Wish, grant};
use crate::daemon::lock::{Lock, LockError, Role, ledger_path};
use crate::daemon::{Clock, keyed, limits};
use crate::ledger::Ledger;
use crate::row::RowFields;
use crate::text::{escaped, shown};

use super::args::{Common, ForgetArgs, ResolveArgs, RetryArgs};
use super::others::Others;
use super::session::SANDBOX_SERVER;
use super::{Exit, Failure, again, load, output};

/// How long a push is waited for.
const PUSH_PATIENCE: Duration = Duration::from_secs(10);
/// How long a daemon that has the lock and does not listen is waited for.
const DAEMON_PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Runs `taxiway retry`.
pub fn retry(common: &Common, args: RetryArgs) -> Result<Exit, Failure> {
    if args.all {
        return retry_all(common);
    }
    let files = Files::named(args.files)?;
    let answers = ask(common, &Wish::Retry { paths: files.paths.clone() })?;
    let word = |row: &Value| match state(row) {
        "queued" => "queued again".to_owned(),
        "settling" => "to be looked at again".to_owned(),
        "failed" => format!("failed again: {}", field(row, "reason")),
        _ => stands(row),
    };
    files.told(common, &answers, word, "not tried again", "taxiway ls --state failed")
}

fn retry_all(common: &Common) -> Result<Exit, Failure> {
    for answer in ask(common, &Wish::RetryAll)? {
        let object = match answer {
            Answer::Granted(object) => object,
            Answer::Refused(refusal) => return Err(failure(common, refusal)),
        };
        let files = read(&object)["retried"].as_u64().unwrap_or(0);
        let line = match files {
            _ if common.json => object,
            0 => "no file has failed".to_owned(),
            1 => "1 file: queued again".to_owned(),
            several => format!("{several} files: queued again"),
        };
        output::line(&line);
    }
    output::flush();
    Ok(Exit::Well)
}

/// Runs `taxiway resolve`.
pub fn resolve(common: &Common, args: ResolveArgs) -> Result<Exit, Failure> {
    let files = Files::named(vec![args.file])?;
    let wish = Wish::Resolve { path: files.paths[0].clone(), uploaded: args.uploaded };
    let answers = ask(common, &wish)?;
    let word = |row: &Value| match state(row) {
        "queued" => "queued again".to_owned(),
        _ => stands(row),
    };
    files.told(common, &answers, word, "not resolved", "taxiway ls --state held")
}

/// Runs `taxiway forget`.
pub fn forget(common: &Common, args: ForgetArgs) -> Result<Exit, Failure> {
    let files = Files::named(vec![args.file])?;
    let (path, email) = (files.paths[0].clone(), args.email);
    let email = email.map(|email| email.as_str().to_owned());
    let wish = |yes| Wish::Forget { path: path.clone(), email: email.clone(), yes };
    let mut answers = ask(common, &wish(args.yes))?;
    if let [Answer::Refused(refusal)] = answers.as_slice()
        && refusal.wants_a_yes()
        && std::io::stdin().is_terminal()
    {
        if !agreed(&files.words(0, refusal))? {
            output::tell("nothing is forgotten");
            return Ok(Exit::Some);
        }
        answers = ask(common, &wish(true))?;
    }
    let word = |row: &Value| match state(row) {
        "queued" => "forgotten, and queued again".to_owned(),
        "" => forgotten(row),
        _ => format!("forgotten; {}", stands(row)),
    };
    files.told(common, &answers, word, "not forgotten", "taxiway ls --state uploaded")
}

/// What was forgotten by a file that the ledger has no row of, and what follows.
fn forgotten(row: &Value) -> String {
    let accounts = row["forgotten_on"].as_array().into_iter().flatten();
    let accounts: Vec<&str> = accounts.filter_map(Value::as_str).collect();
    let on = match accounts.join(" and ") {
        none if none.is_empty() => String::new(),
        accounts => format!(" on {accounts}"),
    };
    let first = escaped(row["sent_again"]["first"]["path"].as_str().unwrap_or_default());
    let again = match row["sent_again"]["files"].as_u64().unwrap_or(0) {
        0 => "no file in a folder is sent again".to_owned(),
        1 => format!("1 file in a folder is sent again: {first}"),
        several => format!("{several} files in folders are sent again, one of them: {first}"),
    };
    format!("forgotten{on}; {again}")
}

/// Asks on the terminal. Only a clear yes is one.
fn agreed(words: &str) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{words}. Forget it? [y/N] ")?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Has a wish granted: by the daemon that has the ledger, else here.
fn ask(common: &Common, wish: &Wish) -> Result<Vec<Answer>, Failure> {
    let (loaded, environment) = load(common, Flags::default())?;
    let config = loaded.config.clone();
    if !crate::ledger::salvage::is_there(&ledger_path(&config.state_dir)) {
        if let Some(others) = Others::of(common, &loaded, &environment)
            && let Some(answers) = others.grant(wish)?
        {
            return Ok(answers);
        }
        // A wish about nothing makes no ledger.
        let judged = wish.judge(None, false)?;
        return Ok(judged.answers(None, false)?);
    }
    let until = Instant::now() + DAEMON_PATIENCE;
    loop {
        let held = match Lock::take(&config.state_dir, Role::Wish, PUSH_PATIENCE) {
            Ok(lock) => return ask_here(common, &config, &lock, wish),
            Err(held) => held,
        };
        if !matches!(held, LockError::Held { daemon: true, .. }) {
            return Err(occupied(held));
        }
        let place = Place::of(&config.state_dir, environment.runtime_dir.as_deref());
        match control::ask(&place, wish) {
            Ok(answers) => return Ok(answers),
            // It has just begun, or is about to end.
            Err(ClientError::Nobody(_)) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(ClientError::Nobody(_)) => return Err(held.into()),
            Err(error @ ClientError::NoAnswer(_)) => {
                let hint = again(common, "ls");
                return Err(Failure::new(Exit::Later, error.to_string(), hint));
            }
        }
    }
}

fn ask_here(
    common: &Common,
    config: &Config,
    lock: &Lock,
    wish: &Wish,
) -> Result<Vec<Answer>, Failure> {
    let base_url = config.api.base_url.as_str();
    let server = if common.sandbox { SANDBOX_SERVER } else { base_url };
    let now = Clock::start().now();
    let ledger = Ledger::open(&lock.ledger_path(), server, std::process::id(), now.wall)?;
    let judged = wish.judge(Some(&ledger), false)?;
    let ledger = grant(ledger, limits(config), judged.commands.clone(), now)?;
    Ok(judged.answers(Some(&ledger), false)?)
}

fn occupied(held: LockError) -> Failure {
    let push = matches!(held, LockError::Held { daemon: false, .. });
    let failure = Failure::from(held);
    if push {
        Failure { hint: "say it again when that has ended".into(), ..failure }
    } else {
        failure
    }
}

/// The files of the command line, as they were given and as they are keyed.
struct Files {
    given: Vec<PathBuf>,
    paths: Vec<PathBuf>,
}

impl Files {
    fn named(given: Vec<PathBuf>) -> Result<Files, Failure> {
        let paths = given.iter().map(|file| keyed(file)).collect::<std::io::Result<_>>()?;
        Ok(Files { given, paths })
    }

    /// A refusal's words, about the file as it was given.
    fn words(&self, index: usize, refusal: &Refusal) -> String {
        refusal.about(&self.paths[index], &self.given[index])
    }

    /// Prints a line a file that says what is so now, and gives an error if there is one.
    fn told(
        &self,
        common: &Common,
        answers: &[Answer],
        word: impl Fn(&Value) -> String,
        undone: &str,
        hint: &str,
    ) -> Result<Exit, Failure> {
        let mut refused = Vec::new();
        for (index, answer) in answers.iter().enumerate().take(self.given.len()) {
            match answer {
                Answer::Granted(row) if common.json => output::line(row),
                Answer::Granted(row) => {
                    let given = shown(&self.given[index]);
                    output::line(&format!("{given}: {}", word(&read(row))));
                }
                Answer::Refused(refusal) => {
                    refused.push((self.words(index, refusal), refusal));
                    if common.json {
                        output::line(&self.row(common, index)?);
                    }
                }
            }
        }
        output::flush();
        let (all, exit) = (self.given.len(), refused.iter().map(|(_, r)| exit_of(r)));
        let exit = exit.fold(Exit::Well, Exit::worst);
        match refused.as_slice() {
            [] => Ok(Exit::Well),
            [(words, refusal)] if all == 1 => {
                Err(Failure { message: words.clone(), ..failure(common, (*refusal).clone()) })
            }
            several => {
                for (words, _) in several.iter().filter(|_| !common.json) {
                    output::tell(words);
                }
                let were = if several.len() == 1 { "was" } else { "were" };
                let message = format!("{} of {all} files {were} {undone}", several.len());
                Err(Failure::new(exit, message, retold(common, hint)))
            }
        }
    }

    /// The row of a file that stays as it is.
    fn row(&self, common: &Common, index: usize) -> Result<String, Failure> {
        let (loaded, _) = load(common, Flags::default())?;
        let directory = &loaded.config.state_dir;
        let path = &self.paths[index];
        let row = match Ledger::read(&ledger_path(directory))? {
            Some(ledger) => ledger.row_even_gone(path, crate::daemon::lock::is_held(directory))?,
            None => None,
        };
        Ok(match row {
            Some(row) => RowFields::of(&row).json(),
            None => RowFields::of_nothing(path, Some("not in the ledger".into())).json(),
        })
    }
}

/// How a file stands, in words.
fn stands(row: &Value) -> String {
    match state(row) {
        "uploaded" => format!("uploaded as {}", field(row, "asset_id")),
        "uploading" => "being sent".into(),
        "unknown" => "sent, answer lost; being looked up".into(),
        "" => "not there any more".into(),
        state => match field(row, "reason") {
            "" => state.to_owned(),
            reason => format!("{state}: {}", escaped(reason)),
        },
    }
}

fn state(row: &Value) -> &str {
    field(row, "state")
}

fn field<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn read(object: &str) -> Value {
    // What is not JSON says nothing of the file.
    serde_json::from_str(object).unwrap_or_default()
}

fn exit_of(refusal: &Refusal) -> Exit {
    let known = [Exit::Some, Exit::Usage, Exit::Ledger, Exit::Later, Exit::Stopped, Exit::Config];
    known.into_iter().find(|exit| *exit as u8 == refusal.exit).unwrap_or(Exit::Later)
}

/// A refusal as an error of this command.
pub fn failure(common: &Common, refusal: Refusal) -> Failure {
    let exit = exit_of(&refusal);
    Failure::new(exit, refusal.error, retold(common, &refusal.hint))
}

/// A hint to type in, for the same configuration and ledger as this command's.
pub fn retold(common: &Common, hint: &str) -> String {
    match hint.strip_prefix("taxiway ") {
        Some(command) => again(common, command),
        None => hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_says_what_follows() {
        for (accounts, files, words) in [
            ("[\"a@x\"]", 0, "forgotten on a@x; no file in a folder is sent again"),
            ("[\"a@x\"]", 1, "forgotten on a@x; 1 file in a folder is sent again: /d/a\\n.png"),
            (
                "[\"a@x\", \"b@x\"]",
                2,
                "forgotten on a@x and b@x; 2 files in folders are sent again, one of them: \
                 /d/a\\n.png",
            ),
        ] {
            let sent = format!("{{\"files\":{files},\"first\":{{\"path\":\"/d/a\\n.png\"}}}}");
            let row = read(&format!("{{\"forgotten_on\":{accounts},\"sent_again\":{sent}}}"));
            assert_eq!(forgotten(&row), words);
        }
    }
}
