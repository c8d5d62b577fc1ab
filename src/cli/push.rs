//! `taxiway push`: these files, now.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::config::{Config, Email, Flags};
use crate::control::{PushBody, email_for, known_emails};
use crate::daemon::lock::{Lock, LockError, Role, ledger_path};
use crate::daemon::{Clock, Ended, Gauge, Said, Session, SetupError, Task, limits, means};
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::planner::{
    AccountId, Conditions, FolderId, Limits, Notice, Push, SharedPath, UploadKey, UploadState,
};
use crate::text::{self, shown};

use super::args::{Common, PushArgs};
use super::asking::Daemon;
use super::ids::{asset_of, known_or_read, resolved};
use super::key::Key;
use super::others::Others;
use super::progress::{Bars, Handed, Pushed, Stay};
use super::row::RowFields;
use super::session::{Server, refuse_unpaired, verdict};
use super::{Exit, Failure, load, output};

/// One argument, and what became of it.
struct Wanted {
    given: PathBuf,
    path: Option<SharedPath>,
    email: Option<Email>,
    /// Why it will not be, if so.
    wrong: Option<String>,
    asset_id: Option<String>,
    /// A daemon need not be asked for it, or has given its last word.
    over: bool,
}

/// Runs the command.
pub fn push(common: &Common, args: PushArgs) -> Result<Exit, Failure> {
    let files = if args.stdin0 { files_from_stdin()? } else { args.files.clone() };
    if args.name.is_some() && files.len() != 1 {
        let hint = "taxiway push --name NAME FILE";
        return Err(Failure::new(Exit::Usage, "--name goes with exactly one file", hint));
    }
    let (loaded, environment) = load(common, Flags::default())?;
    let others = Others::of(common, &loaded, &environment)
        .filter(|_| environment.token(Some(&loaded.config.api.token_file)).is_err());
    let config = loaded.config;
    let known = ledger_path(&config.state_dir);
    let emails = known_emails(&config, Ledger::read(&known)?.as_ref())?;
    let mut wanted = files
        .into_iter()
        .map(|file| want(common, &config, &args, &emails, file))
        .collect::<Result<Vec<Wanted>, Failure>>()?;
    if others.is_some() {
        // Without a token of one's own it is the system service that can send anything.
        wanted.iter_mut().for_each(|file| file.over = file.wrong.is_some());
        let (exit, told) = hand_over(common, &args, &mut wanted)?;
        return concluded(common, None, &wanted, exit, told);
    }
    let patience = args.timeout.unwrap_or(Duration::MAX / 4);
    let lock = match Lock::take(&config.state_dir, Role::Push, patience.min(DAY)) {
        Ok(lock) => lock,
        Err(held) => return beside(common, &config, &args, &mut wanted, held),
    };
    let key = Key::find(&config, &environment, common.sandbox)?;
    let server = Server::open(&config, common.sandbox)?;
    let ended = send(common, &config, &args, &server, key, &lock, &mut wanted);
    server.close();
    ended
}

/// Files that the daemon is asked for in one request.
const PATHS_AT_ONCE: usize = 100;

/// A shorter time is none that a daemon takes.
const SHORTEST: Duration = Duration::from_millis(10);

/// Nobody waits for a lock longer than this.
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn files_from_stdin() -> Result<Vec<PathBuf>, Failure> {
    let mut list = Vec::new();
    std::io::stdin().read_to_end(&mut list)?;
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(OsString::from_vec(name.to_vec()))).collect())
}

/// Finds the file's path and account.
fn want(
    common: &Common,
    config: &Config,
    args: &PushArgs,
    emails: &[Email],
    given: PathBuf,
) -> Result<Wanted, Failure> {
    let path = resolved(&given);
    let at = path.as_deref().unwrap_or(&given);
    let email = email_for(config, args.email.as_ref(), emails, at).map_err(|several| {
        let names: Vec<String> = several.iter().map(Email::to_string).collect();
        let message = format!("which account is {} for?", shown(&given));
        let first = names.first().map_or("EMAIL", String::as_str);
        let hint = format!("push --email {first} {}", text::shell_word(&given));
        let others = names.iter().skip(1).map(String::as_str).collect::<Vec<_>>().join(", ");
        let hint = format!("{} (or: {others})", super::again(common, &hint));
        Failure::new(Exit::Usage, message, hint)
    })?;
    let directory = given.is_dir().then(|| "it is a directory, and push takes files".to_owned());
    let wrong = path.as_ref().err().map(text::reason).or(directory);
    let path = path.ok().map(SharedPath::from);
    Ok(Wanted { given, path, email, wrong, asset_id: None, over: false })
}

/// Somebody else has the ledger: what it knows can still be answered, and a daemon takes the rest
/// over.
fn beside(
    common: &Common,
    config: &Config,
    args: &PushArgs,
    wanted: &mut [Wanted],
    held: LockError,
) -> Result<Exit, Failure> {
    look_up(config, wanted)?;
    let mut exit = Exit::Well;
    let mut told = None;
    if wanted.iter().any(|file| file.asset_id.is_none()) {
        if !matches!(held, LockError::Held { daemon: true, .. }) {
            return Err(held.into());
        }
        (exit, told) = hand_over(common, args, wanted)?;
    }
    if told.is_some() {
        // What else was in the same request has no answer, and may be there.
        look_up(config, wanted)?;
    }
    let ledger = Ledger::read(&ledger_path(&config.state_dir))?;
    if let Some(ledger) = &ledger {
        warn_of_name(args, ledger, wanted)?;
    }
    concluded(common, ledger.as_ref(), wanted, exit, told)
}

/// Prints what became of them, and ends with that.
fn concluded(
    common: &Common,
    ledger: Option<&Ledger>,
    wanted: &[Wanted],
    exit: Exit,
    told: Option<Failure>,
) -> Result<Exit, Failure> {
    print(common, ledger, wanted)?;
    match told {
        _ if exit == Exit::Well => Ok(exit),
        Some(failure) => Err(Failure { exit, ..failure }),
        None => Err(unfinished(common, wanted, exit)),
    }
}

/// Answers from the ledger what it knows.
fn look_up(config: &Config, wanted: &mut [Wanted]) -> Result<(), Failure> {
    let ledger = Ledger::read(&ledger_path(&config.state_dir))?;
    for file in wanted.iter_mut().filter(|file| file.asset_id.is_none()) {
        let hash = known_or_read(ledger.as_ref(), &file.given);
        let email = file.email.as_ref().map(Email::as_str);
        if let Ok(hash) = hash {
            file.asset_id = asset_of(ledger.as_ref(), hash, email)?;
        }
        file.over = file.asset_id.is_some() || file.wrong.is_some();
    }
    Ok(())
}

/// Has the daemon upload what has no assetId yet, and takes its answers in. What stops all that is
/// left is told.
fn hand_over(
    common: &Common,
    args: &PushArgs,
    wanted: &mut [Wanted],
) -> Result<(Exit, Option<Failure>), Failure> {
    let daemon = Daemon::of(common)?;
    let has_ledger = ledger_path(daemon.state_dir()).exists();
    let _bars = (has_ledger && Bars::wanted(common)).then(|| {
        let paths = |over| {
            let files = wanted.iter().filter(move |file| file.over == over);
            files.filter_map(|file| file.path.as_deref())
        };
        let ledger = ledger_path(daemon.state_dir());
        let mut figures = Handed::new(daemon.place(), ledger, paths(false), paths(true));
        Bars::start(Gauge::default(), Stay::ToTheEnd, move || figures.now())
    });
    let until = args.timeout.map(|timeout| Instant::now() + timeout);
    let (mut exit, mut told) = (Exit::Well, None);
    let mut open: Vec<&mut Wanted> = wanted.iter_mut().filter(|file| !file.over).collect();
    open.sort_by(|one, other| one.email.cmp(&other.email));
    let mut requests: Vec<&mut [&mut Wanted]> = open
        .chunk_by_mut(|one, other| one.email == other.email)
        .flat_map(|files| files.chunks_mut(PATHS_AT_ONCE))
        .collect();
    if requests.len() > 1 {
        // All is handed over before anything is waited for: one that hangs holds up no other.
        let now = Some(Instant::now());
        for files in &mut requests {
            let _ = ask(&daemon, args, now, files);
        }
    }
    for files in requests {
        match ask(&daemon, args, until, files) {
            Ok(()) => {}
            Err(failure) if matches!(failure.exit, Exit::Later | Exit::Stopped) => {
                exit = exit.worst(failure.exit);
                told = told.or(Some(failure));
            }
            Err(failure) => return Err(failure),
        }
    }
    for file in wanted.iter().filter(|file| file.asset_id.is_none()) {
        exit = exit.worst(if file.over { Exit::Some } else { Exit::Later });
    }
    Ok((exit, told))
}

/// One request: files of one account, whose answers come in their order.
fn ask(
    daemon: &Daemon<'_>,
    args: &PushArgs,
    until: Option<Instant>,
    files: &mut [&mut Wanted],
) -> Result<(), Failure> {
    let mut files: Vec<&mut &mut Wanted> = files.iter_mut().filter(|file| !file.over).collect();
    if files.is_empty() {
        return Ok(());
    }
    let left = until.map(|until| until.saturating_duration_since(Instant::now()).max(SHORTEST));
    let email = files.first().and_then(|file| file.email.as_ref());
    let paths = files.iter().filter_map(|file| file.path.as_deref());
    let hex = |path: &std::path::Path| {
        path.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let body = PushBody {
        // Exactly, and in their order.
        paths_hex: paths.map(hex).collect(),
        email: email.map(|email| email.as_str().to_owned()),
        name: args.name.clone(),
        force: args.force,
        timeout: left.map(|left| format!("{}ms", left.as_millis())),
        ..PushBody::default()
    };
    let body = serde_json::to_value(&body).unwrap_or_default();
    let patience = left.unwrap_or(DAY * 365).saturating_add(Duration::from_secs(60));
    let rows = daemon.ask("/v1/push", Some(&body), patience)?;
    for (file, row) in files.iter_mut().zip(rows) {
        file.asset_id = row["asset_id"].as_str().map(str::to_owned);
        file.wrong = row["reason"].as_str().map(str::to_owned);
        let needs_person = matches!(row["state"].as_str(), Some("failed" | "held" | "ignored"));
        file.over = file.asset_id.is_some() || needs_person;
    }
    Ok(())
}

fn send(
    common: &Common,
    config: &Config,
    args: &PushArgs,
    server: &Server,
    key: Key,
    lock: &Lock,
    wanted: &mut [Wanted],
) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let (pid, now) = (std::process::id(), clock.now());
    let ledger = Ledger::open(&lock.ledger_path(), &server.remembered, pid, now.wall)?;
    refuse_unpaired(common, &ledger)?;
    let mut pushes = Vec::new();
    for file in wanted.iter().filter(|file| file.wrong.is_none()) {
        let account = match &file.email {
            Some(email) => ledger.account(Some(email.as_str()))?,
            None => ledger.default_account()?,
        };
        let push = Push { account, force: args.force, name: args.name.clone() };
        pushes.extend(file.path.clone().map(|path| (path, push)));
    }
    let source = key.source();
    let (token, news) = key.watch();
    let means = means(config, &server.base_url, token).map_err(SetupError::from)?;
    // Who asks for this file now means now.
    let limits = Limits { pause_on: Conditions::NONE, ..limits(config) };
    let engine = Engine::new(ledger, limits, Vec::new(), now)?;
    let (session, out) = Session::start(engine, Vec::new(), means, clock, news)?;
    let task = Task { once: true, timeout: args.timeout, pushes };
    let mut keys: BTreeMap<SharedPath, UploadKey> = BTreeMap::new();
    let mut wrong: BTreeMap<SharedPath, String> = BTreeMap::new();
    let figures = Pushed::new(task.pushes.iter().map(|(path, _)| path.clone()));
    let bars = Bars::wanted(common).then(|| {
        let gauge = session.gauge();
        Bars::start(gauge.clone(), Stay::ToTheEnd, figures.watch(gauge, out))
    });
    let (ended, engine) = session.run(&task, &mut |said, _| {
        if let Said::Notice(notice) = said {
            figures.hear(notice);
        }
        hear(said, &mut keys, &mut wrong);
    });
    drop(bars);
    let engine = match (ended, engine) {
        (Ended::Ledger(error), _) => return Err(error.into()),
        (_, Some(engine)) => engine,
        (_, None) => return Ok(Exit::Later),
    };
    let mut exit = Exit::Well;
    for file in wanted.iter_mut() {
        exit = exit.worst(conclude(&engine, file, &keys, &wrong)?);
    }
    warn_of_name(args, engine.ledger(), wanted)?;
    print(common, Some(engine.ledger()), wanted)?;
    let (stopped, told) = verdict(&engine, &[FolderId::PUSHES], &source);
    match told {
        _ if exit == Exit::Well => Ok(exit),
        Some(failure) if exit == Exit::Later => {
            Err(Failure { exit: exit.worst(stopped), ..failure })
        }
        Some(_) | None => Err(unfinished(common, wanted, exit)),
    }
}

/// Says of each file that has no assetId why, and of all of them how many they are.
fn unfinished(common: &Common, wanted: &[Wanted], exit: Exit) -> Failure {
    let left: Vec<&Wanted> = wanted.iter().filter(|file| file.asset_id.is_none()).collect();
    for file in left.iter().filter(|_| !common.json) {
        let why = file.wrong.as_deref().unwrap_or("not at rest yet");
        output::tell(&format!("{}: {}", shown(&file.given), text::escaped(why)));
    }
    let message = match (wanted.len(), left.len()) {
        (1, _) => "the file has no assetId".to_owned(),
        (all, left) => format!("{left} of {all} files have no assetId"),
    };
    let incomplete = left
        .iter()
        .find(|file| file.wrong.as_deref().is_some_and(|reason| reason.starts_with("incomplete:")));
    let hint = match (incomplete, exit) {
        (Some(file), _) => {
            let file = text::shell_word(&file.given);
            super::again(common, &format!("push --force {file}"))
        }
        (None, Exit::Later) => "push again; what is uploaded is not sent twice".to_owned(),
        (None, _) => super::again(common, &what_to_see(&left)),
    };
    Failure::new(exit, message, hint)
}

/// The command that shows what is wrong with the first of these files.
fn what_to_see(left: &[&Wanted]) -> String {
    let is_there = |file: &&&Wanted| file.given.symlink_metadata().is_ok();
    match left.iter().find(is_there) {
        Some(file) if file.given.is_dir() => {
            format!("run --once {}", text::shell_word(&file.given))
        }
        Some(file) => format!("why {}", text::shell_word(&file.given)),
        None => "ls".to_owned(),
    }
}

/// Learns what each pushed file is, or why it will not be.
fn hear(
    said: Said<'_>,
    keys: &mut BTreeMap<SharedPath, UploadKey>,
    wrong: &mut BTreeMap<SharedPath, String>,
) {
    let Said::Notice(notice) = said else { return };
    match notice {
        Notice::Pushed { path, key } => {
            keys.insert(path.clone(), *key);
        }
        Notice::Failed { path, reason }
        | Notice::Held { path, reason }
        | Notice::Ignored { path, reason }
        | Notice::Unknown { path, reason }
        | Notice::Waits { path, reason }
        | Notice::Retry { path, reason, .. } => {
            wrong.insert(path.clone(), reason.clone());
        }
        Notice::Seen(_)
        | Notice::Gone(_)
        | Notice::Settled { .. }
        | Notice::Deduplicated { .. }
        | Notice::Uploading { .. }
        | Notice::Uploaded { .. }
        | Notice::Scanned { .. }
        | Notice::Missed { .. }
        | Notice::Moved { .. }
        | Notice::ErrandFailed { .. }
        | Notice::EventsUnreliable { .. }
        | Notice::FolderAway { .. }
        | Notice::FolderBack(_)
        | Notice::AccountStopped { .. }
        | Notice::AccountResumed { .. }
        | Notice::Paused(_)
        | Notice::Unpaused => {}
    }
}

fn conclude(
    engine: &Engine,
    file: &mut Wanted,
    keys: &BTreeMap<SharedPath, UploadKey>,
    wrong: &BTreeMap<SharedPath, String>,
) -> Result<Exit, Failure> {
    let Some(path) = &file.path else { return Ok(Exit::Some) };
    let told = wrong.get(path).cloned();
    let Some(key) = keys.get(path) else {
        let finished = told.is_some();
        file.wrong = file.wrong.take().or(told);
        return Ok(if finished || file.wrong.is_some() { Exit::Some } else { Exit::Later });
    };
    let key = UploadKey { account: account_now(engine, key.account, file)?, ..*key };
    Ok(match engine.ledger().upload_state(&key)? {
        UploadState::Uploaded { asset_id } => {
            file.asset_id = Some(asset_id);
            Exit::Well
        }
        UploadState::Failed { reason } | UploadState::Held { reason } => {
            file.wrong = Some(reason);
            Exit::Some
        }
        UploadState::Wanted | UploadState::Absent => {
            file.wrong = told;
            Exit::Later
        }
    })
}

/// A nameless account may have been merged into a named one meanwhile.
fn account_now(engine: &Engine, account: AccountId, file: &Wanted) -> Result<AccountId, Failure> {
    let ledger = engine.ledger();
    let there = ledger.accounts()?.iter().any(|(id, _)| *id == account);
    match (there, &file.email) {
        (true, _) => Ok(account),
        (false, Some(email)) => Ok(ledger.account(Some(email.as_str()))?),
        (false, None) => Ok(ledger.default_account()?),
    }
}

fn warn_of_name(args: &PushArgs, ledger: &Ledger, wanted: &[Wanted]) -> Result<(), Failure> {
    let (Some(name), Some(file)) = (&args.name, wanted.first()) else { return Ok(()) };
    let Some(asset_id) = &file.asset_id else { return Ok(()) };
    let sent = ledger.sent_name(asset_id)?;
    if let Some(sent) = sent.filter(|sent| sent != name) {
        output::tell(&format!(
            "warning: this content is uploaded already, as {sent:?}; --name is ignored"
        ));
    }
    Ok(())
}

fn print(common: &Common, ledger: Option<&Ledger>, wanted: &[Wanted]) -> Result<(), Failure> {
    for file in wanted {
        let asset_id = file.asset_id.as_deref().unwrap_or_default();
        let row = match (common.json, ledger, &file.path) {
            (true, Some(ledger), Some(path)) => ledger.row_of(path, true)?,
            (_, _, _) => None,
        };
        // In its folder it may be wanted on another account than it was pushed to.
        let row = row.filter(|row| row.asset_id == file.asset_id);
        match row {
            Some(row) => output::line(&RowFields::of(&row).json()),
            None if common.json => {
                let absolute = std::path::absolute(&file.given).ok();
                let path = file.path.as_deref().or(absolute.as_deref()).unwrap_or(&file.given);
                let fields =
                    RowFields::of_unlisted(path, file.asset_id.clone(), file.wrong.clone());
                output::line(&fields.json());
            }
            None => output::line(asset_id),
        }
    }
    output::flush();
    Ok(())
}
