//! `taxiway run`: the daemon in the foreground, once, or dry.

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::config::{Config, Environment, Flags, Loaded, SERVICE_VARIABLE, Sources};
use crate::control::{Heard, Server, Standing};
use crate::daemon::lock::{Lock, Role, ledger_path};
use crate::daemon::{
    Clock, DRY_RUN, Ended, Means, Said, Session, Setup, SetupError, Tally, Task, TokenNews,
    dry_means, means, setup,
};
use crate::engine::Engine;
use crate::ledger::{Filter, Ledger, LedgerError, Row, State};
use crate::patient;
use crate::planner::{AttemptEnd, Conditions, FolderId, Limits, Wall, Write};
use crate::spare;
use crate::supervisor::Supervisor;
use crate::text::{escaped, shown};

use super::args::{Common, RunArgs};
use super::closed::refuse_closed;
use super::key::{Holder, Key};
use super::listening::Listening;
use super::log::{self, Shape};
use super::progress::{Bars, Folders, Stay};
use super::reload::Reloader;
use super::row::RowFields;
use super::session::{self, verdict};
use super::signals::Stop;
use super::supervised::Told;
use super::{Exit, Failure, events, load_from, output};

/// First pause after the ledger could not be written; doubled up to the last.
const LEDGER_PAUSE: Duration = Duration::from_secs(2);
const LEDGER_PAUSE_MOST: Duration = Duration::from_secs(60);

/// Runs the command.
pub fn run(common: &Common, args: RunArgs) -> Result<Exit, Failure> {
    for folder in &args.folders {
        let asked = folder.clone();
        if patient::ask(move |_| asked.is_dir()) == Some(false) {
            let message = format!("{} is not a directory", shown(folder));
            let word = crate::text::shell_word(folder);
            let does = if folder.exists() { "taxiway push" } else { "mkdir -p" };
            let hint = format!("{does} {word}");
            return Err(Failure::new(Exit::Usage, message, hint));
        }
    }
    let flags = Flags {
        config: common.config.clone(),
        state_dir: common.state_dir.clone(),
        folders: args.folders,
        email: args.email,
    };
    let sources = Sources { environment: Environment::of_process(), flags };
    let loaded = load_from(&sources, common.sandbox)?;
    log::follow(loaded.config.log);
    refuse_nothing(&loaded)?;
    let mut config = loaded.config;
    if args.once {
        config.control.heartbeat_url = None;
    }
    if args.dry_run {
        return dry_run(common, &config);
    }
    let environment = sources.environment.clone();
    let key = match args.once {
        true => Key::find(&config, &environment, common.sandbox)?,
        false => Key::find_or_wait(&config, &environment, common.sandbox)?,
    };
    if let Err(Failure { message, hint, .. }) = refuse_closed(&environment, &config) {
        // What is uploaded does not hang on it.
        tracing::warn!("{message}; hint: {hint}");
    }
    let lock = Lock::take(&config.state_dir, Role::Daemon, Duration::ZERO)?;
    let (reload, reloads) = sync_channel(1);
    let answered = reload.clone();
    let supervisor = Supervisor::of_process();
    let stop = Stop::listen(reload, supervisor.clone())?;
    let server = session::Server::open(&config, common.sandbox)?;
    let task = Task { once: args.once, timeout: args.timeout, pushes: Vec::new() };
    let reloader =
        Reloader::new(common, sources, config, key, &server.base_url, supervisor.clone());
    // A folder may lead elsewhere than was assumed while its disk did not answer.
    patient::when_answered(move || _ = answered.try_send(()));
    let standing = Standing::new(lock.ledger_path(), Tally::default());
    let control = Listening::start(&reloader, &environment, &standing, &supervisor)?;
    reloader.listen(reloads)?;
    let public = environment.variable(SERVICE_VARIABLE).is_some_and(|kind| kind == "system");
    let told = Told::begin(&supervisor, &standing, public, control.missing())?;
    let control = &control;
    let company = Company { supervisor: &supervisor, standing: &standing, control };
    let ended = live(common, &reloader, &server, &lock, &company, &stop, &task);
    supervisor.stopping();
    drop(told);
    server.close();
    ended
}

/// Who watches a run from outside.
struct Company<'a> {
    supervisor: &'a Supervisor,
    standing: &'a Standing,
    control: &'a Listening,
}

/// Refuses a configuration without a folder.
pub(super) fn refuse_nothing(loaded: &Loaded) -> Result<(), Failure> {
    if !loaded.config.folders.is_empty() {
        return Ok(());
    }
    // Without a configuration it is the command line that lacks something.
    let exit = if loaded.file.exists { Exit::Config } else { Exit::Usage };
    let message = "there is no folder to watch: no DIR is given and none is configured";
    let hint = format!(
        "taxiway run DIR, or add to {}: [[folder]] path = \"~/Runway\"",
        shown(&loaded.file.path)
    );
    Err(Failure::new(exit, message, hint))
}

fn greet(common: &Common, config: &Config, server: &session::Server) {
    if common.quiet > 0 || common.json {
        return;
    }
    if common.sandbox {
        output::tell(&format!("sandbox   {}: nothing leaves this machine", server.base_url));
    }
    for folder in &config.folders {
        output::tell(&format!("watching  {}", shown(&folder.root)));
    }
}

/// Session after session, until one ends for a reason that is not the disk's.
fn live(
    common: &Common,
    reloader: &Reloader,
    server: &session::Server,
    lock: &Lock,
    company: &Company<'_>,
    stop: &Stop,
    task: &Task,
) -> Result<Exit, Failure> {
    let Company { supervisor, standing, control } = *company;
    let holder = reloader.holder();
    let mut pause = LEDGER_PAUSE;
    let mut greeted = false;
    loop {
        let clock = Clock::start();
        let config = reloader.config();
        let opening = (!greeted).then(|| supervisor.takes_long("opening the ledger"));
        let ledger = Ledger::open(
            &lock.ledger_path(),
            &server.remembered,
            std::process::id(),
            clock.now().wall,
        );
        if let (false, Ok(ledger)) = (greeted, &ledger) {
            session::refuse_unpaired(common, ledger)?;
        }
        let opened = ledger.map_err(SetupError::from).and_then(|ledger| {
            let now = clock.now().wall;
            let parts = setup(&config, &ledger, &kept_out(&config), now)?;
            let Setup { limits, folders, sights } = parts;
            let engine = Engine::new(ledger, limits, folders, clock.now())?;
            Ok((engine, sights))
        });
        drop(opening);
        let (engine, sights) = match opened {
            Ok(parts) => parts,
            // A disk that was full a moment ago may still be.
            Err(SetupError::Ledger(error))
                if !task.once && passes(&error) && (greeted || error.is_full_disk()) =>
            {
                // It is up, and waits: who started it would else give up.
                supervisor.ready();
                tracing::warn!("{error}; trying again in {} s", pause.as_secs());
                if stop.within(pause, supervisor, &error) {
                    return Ok(Exit::Well);
                }
                pause = (pause * 2).min(LEDGER_PAUSE_MOST);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let folders: Vec<FolderId> =
            engine.planner().folder_views().map(|view| view.folder).collect();
        let (token, news) = holder.watch();
        let mut means = means(&config, &server.base_url, token).map_err(SetupError::from)?;
        means.tally = standing.tally().clone();
        let (session, out) = Session::start(engine, sights, means, clock, news)?;
        let session = session.fed_by(supervisor.feeding());
        reloader.tell(out.clone());
        holder.tell(out.clone());
        standing.tell(out.clone());
        control.tell(out.clone());
        stop.tell(out.clone());
        if !std::mem::replace(&mut greeted, true) {
            greet(common, &config, server);
            control.ready();
        }
        let mut speak = speaker(common, task.once, holder.clone());
        let mut say = |said: Said<'_>, engine: &Engine| {
            if let Said::Idle = said {
                engine.ledger().rest();
                spare::give_back();
            }
            let now = clock.now().wall;
            if let Some(control) = control.server().filter(|server| server.has_listeners()) {
                let json = events::json(said, engine, now);
                let notice = match said {
                    Said::Notice(notice) => Some(notice.clone()),
                    Said::Idle => None,
                };
                control.hear(Heard { notice, json: json.map(|event| event.to_string()) });
            }
            speak(said, engine, now);
        };
        announce(common, control.server(), &clock, "started");
        let draws = Bars::wanted(common) && log::shape() == Shape::Text;
        let bars = draws.then(|| {
            let gauge = session.gauge();
            let mut figures = Folders::new(lock.ledger_path(), folders, gauge.clone(), out);
            Bars::start(gauge, Stay::Go, move || figures.now())
        });
        let (ended, engine) = session.run(task, &mut say);
        drop(bars);
        match (ended, engine) {
            (Ended::Ledger(error), _) if task.once || !passes(&error) => return Err(error.into()),
            (Ended::Ledger(error), _) => {
                tracing::warn!("{error}; trying again in {} s", pause.as_secs());
                if stop.within(pause, supervisor, &error) {
                    return Ok(Exit::Well);
                }
                pause = (pause * 2).min(LEDGER_PAUSE_MOST);
            }
            (ended, Some(engine)) => {
                announce(common, control.server(), &clock, "stopped");
                let folders = engine.planner().folder_views().map(|view| view.folder);
                let folders: Vec<FolderId> = folders.collect();
                return finish(common, task, &ended, &engine, &folders, &holder.source());
            }
            (_, None) => return Ok(Exit::Well),
        }
    }
}

/// Whether the ledger may be writable again by itself: a full disk, a disk that is not there.
fn passes(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Sqlite(_))
}

/// What is never ours, wherever it lies.
pub(super) fn kept_out(config: &Config) -> Vec<PathBuf> {
    let state = &config.state_dir;
    vec![state.canonicalize().unwrap_or_else(|_| state.clone())]
}

fn speaker(
    common: &Common,
    once: bool,
    holder: Holder,
) -> impl FnMut(Said<'_>, &Engine, Wall) + use<> {
    let (json, quiet) = (common.json, common.quiet > 0);
    let mut hinted = once;
    move |said, engine, now| {
        if json {
            if let Some(event) = events::json(said, engine, now) {
                output::line(&event.to_string());
                output::flush();
            }
        } else if quiet {
            // Nobody wants to hear it.
        } else if log::shape() != Shape::Text {
            if let Some((severity, message, fields)) =
                events::record(said, engine, now, &holder.source())
            {
                log::say(severity, &message, fields);
            }
        } else if let Some(line) = events::human(said, engine, now, &holder.source()) {
            output::tell(&line);
            if matches!(said, Said::Idle) && !std::mem::replace(&mut hinted, true) {
                output::tell("          drop a file into a folder to see it uploaded; Ctrl-C ends");
            }
        }
    }
}

/// What is said of the run itself, to all who hear what happens in it.
fn announce(common: &Common, control: Option<&Server>, clock: &Clock, event: &str) {
    let at = super::row::time(clock.now().wall);
    let event = serde_json::json!({ "schema": 1, "at": at, "event": event }).to_string();
    if common.json {
        output::line(&event);
        output::flush();
    }
    if let Some(control) = control {
        control.hear(Heard { notice: None, json: Some(event) });
    }
}

fn finish(
    common: &Common,
    task: &Task,
    ended: &Ended,
    engine: &Engine,
    folders: &[FolderId],
    source: &str,
) -> Result<Exit, Failure> {
    if !task.once {
        if !common.json && common.quiet == 0 {
            parting(engine, folders);
        }
        return Ok(Exit::Well);
    }
    let (mut exit, told) = verdict(engine, folders, source);
    if matches!(ended, Ended::TimedOut | Ended::Stopped) {
        exit = exit.worst(Exit::Later);
    }
    let mut told = told;
    if let (None, Ended::AtRest, Some(root)) = (&told, ended, half_seen(engine, folders)) {
        exit = exit.worst(Exit::Some);
        let message = format!("not all of {} could be seen", shown(&root));
        let hint = super::again(common, "doctor");
        told = Some(Failure::new(exit, message, hint));
    }
    if !common.json && common.quiet == 0 {
        summary(engine, folders, exit);
    }
    match told {
        _ if exit == Exit::Well => Ok(exit),
        Some(failure) => Err(Failure { exit, ..failure }),
        None => Err(unfinished(common, engine, folders, ended, exit)),
    }
}

/// A folder that is there, and that no scan of this run saw whole.
fn half_seen(engine: &Engine, folders: &[FolderId]) -> Option<PathBuf> {
    let mut views = engine.planner().folder_views();
    let view = views.find(|view| {
        folders.contains(&view.folder) && view.away.is_none() && view.last_scan_at.is_none()
    })?;
    engine.ledger().root_of(view.folder).ok().flatten()
}

/// What is left when nothing but files is in the way.
fn unfinished(
    common: &Common,
    engine: &Engine,
    folders: &[FolderId],
    ended: &Ended,
    exit: Exit,
) -> Failure {
    let counts = engine.ledger().counts(folders, true).map(|(counts, _)| counts);
    let counts = counts.unwrap_or_default();
    // What needs a person comes first, then what needs only time.
    let order = [
        State::Failed,
        State::Held,
        State::Unknown,
        State::Queued,
        State::Uploading,
        State::Settling,
    ];
    let left = order.into_iter().filter(|state| counts[*state as usize] > 0);
    let left: Vec<State> = left.collect();
    let words = left.iter().map(|state| match (counts[*state as usize], state.as_str()) {
        (1, state) => format!("1 file is {state}"),
        (several, state) => format!("{several} files are {state}"),
    });
    let words: Vec<String> = words.collect();
    let before = match ended {
        Ended::TimedOut => "the time is over",
        Ended::Stopped => "stopped before the end",
        Ended::AtRest | Ended::Ledger(_) => "not all is done",
    };
    let message = match words.as_slice() {
        [] => before.to_owned(),
        words => format!("{before}: {}", words.join(", ")),
    };
    let hint = match left.first() {
        Some(state) => super::again(common, &format!("ls --state {}", state.as_str())),
        None => "run it again".to_owned(),
    };
    Failure::new(exit, message, hint)
}

/// What a daemon leaves behind when it is told to stop.
fn parting(engine: &Engine, folders: &[FolderId]) {
    let Ok((counts, _)) = engine.ledger().counts(folders, true) else { return };
    let open = [State::Settling, State::Queued, State::Uploading, State::Unknown];
    let left: u64 = open.into_iter().map(|state| counts[state as usize]).sum();
    let goes_on = if left > 0 { "; the next run goes on" } else { "" };
    output::tell(&format!("stopped   {}{goes_on}", counted(&counts)));
}

/// One line: how many files stand how.
fn summary(engine: &Engine, folders: &[FolderId], exit: Exit) {
    let Ok((counts, _)) = engine.ledger().counts(folders, true) else { return };
    let title = if exit == Exit::Well { "done" } else { "so far" };
    output::tell(&format!("{title:<9} {}", counted(&counts)));
}

fn counted(counts: &[u64; 8]) -> String {
    let some = State::ALL.iter().filter(|state| counts[**state as usize] > 0);
    let words: Vec<String> =
        some.map(|state| format!("{} {}", counts[*state as usize], state.as_str())).collect();
    if words.is_empty() { "nothing left to do".to_owned() } else { words.join(", ") }
}

/// Goes through the motions over a copy of the ledger in memory, and prints what would happen.
fn dry_run(common: &Common, config: &Config) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let now = clock.now();
    let file = ledger_path(&config.state_dir);
    let ledger = match Ledger::read(&file)? {
        Some(ledger) => ledger.copy_in_memory()?,
        None => Ledger::in_memory("dry", now.wall)?,
    };
    hold_doubts(&ledger, now.wall)?;
    let parts = setup(config, &ledger, &kept_out(config), now.wall)?;
    let folders: Vec<FolderId> = parts.folders.iter().map(|folder| folder.id).collect();
    // What would happen to a file happens to it sooner or later.
    let limits = Limits { pause_on: Conditions::NONE, ..parts.limits };
    let engine = Engine::new(ledger, limits, parts.folders, now)?;
    let means: Means = dry_means(config);
    let task = Task { once: true, timeout: None, pushes: Vec::new() };
    let (session, _out) =
        Session::start(engine, parts.sights, means, clock, Box::new(|| TokenNews::Same))?;
    let (ended, engine) = session.run(&task, &mut |_, _| {});
    let Some(engine) = engine else {
        return match ended {
            Ended::Ledger(error) => Err(error.into()),
            Ended::Stopped | Ended::AtRest | Ended::TimedOut => Ok(Exit::Later),
        };
    };
    let filter = Filter { folders, ..Filter::default() };
    engine.ledger().each_row(&filter, true, |row| {
        print_dry(common, row);
        std::ops::ControlFlow::Continue(())
    })?;
    output::flush();
    Ok(Exit::Well)
}

/// What an earlier run left in doubt would be looked up first; without the network it stays so.
/// A pause that the server asked for says nothing of what would happen after it.
fn hold_doubts(ledger: &Ledger, now: crate::planner::Wall) -> Result<(), LedgerError> {
    let remembered = ledger.remembered()?;
    for stop in remembered.stops {
        ledger.apply(&Write::Resumed { account: stop.account }, now)?;
    }
    for open in remembered.open {
        let detail = String::new();
        let (attempt, end) = (open.attempt, AttemptEnd::CannotTell);
        ledger.apply(&Write::CloseAttempt { attempt, end, status: None, detail }, now)?;
        let reason = "in doubt: would be looked up on the server first".to_owned();
        ledger.apply(&Write::UploadHeld { key: open.key, reason }, now)?;
    }
    Ok(())
}

fn print_dry(common: &Common, mut row: Row) {
    let would = row.asset_id.as_deref().is_some_and(|id| id.starts_with(DRY_RUN));
    if would {
        row.asset_id = None;
        row.uploaded_at = None;
        row.attempts = 0;
        row.state = State::Queued;
    }
    if common.json {
        return output::line(&RowFields::of(&row).json());
    }
    let path = escaped(&row.path.to_string_lossy());
    let line = match (row.state, row.asset_id, row.reason) {
        (State::Queued, _, _) if would => {
            let account = row.account.unwrap_or_else(|| "the only account".into());
            let media_type = row.media_type.unwrap_or_default();
            format!("would upload  {path}: {media_type}, {} bytes, to {account}", row.size)
        }
        (_, Some(asset_id), _) => format!("known         {path} → {asset_id}"),
        (state, None, reason) => {
            let why = reason.unwrap_or_default();
            format!("{:<13} {path}: {why}", state.as_str())
        }
    };
    output::line(&line);
}
