//! Random worlds over the real engine and the real SQLite: users, a disk, a server, crashes.
//!
//! A world runs through a time of trouble, then trouble stops, and everything must have been
//! delivered once, and the ledger must agree with the server. The same seed gives the same world.

mod disk;
mod jobs;
mod rng;
mod server;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use disk::{Disk, Text};
use jobs::Job;
use rng::Rng;
use server::{ListFault, Server};

use crate::engine::{Engine, FailCommit, Input};
use crate::ledger::{Ledger, State};
use crate::planner::sabotage;
use crate::planner::{AccountId, Effect, Event, FolderId, FolderPolicy, Limits, Mono, Now, Wall};

const URL: &str = "http://127.0.0.1/sim";
const TROUBLE_MS: i64 = 8 * 60_000;
const PATIENCE_MS: i64 = 4 * 3_600_000;
/// A rescan that comes too late for any world to see.
const NO_RESCAN_MS: i64 = 30 * 86_400_000;
/// One refusal of the token is met by what is in flight, and by nothing after that.
const REFUSALS_MOST: u64 = 16;

pub struct World {
    rng: Rng,
    now: Now,
    /// The true time, which no jump of the machine's clock changes.
    true_time: i64,
    disk: Disk,
    server: Server,
    engine: Option<Engine>,
    /// Only between a crash and the next start.
    ledger: Option<Ledger>,
    folders: Vec<Folder>,
    jobs: BTreeMap<(Mono, u64), Job>,
    next_job: u64,
    trouble: bool,
    /// Percent of changes on the disk that are announced.
    event_percent: u64,
    /// Quiet time of the folders; writers pause for less.
    settle_ms: i64,
    rescan_ms: i64,
    crash_next: Option<Crash>,
    /// What happened, if somebody wants to know.
    trace: Option<Vec<String>>,
    pub crashes: u64,
    pub steps: u64,
}

#[derive(Debug, Clone)]
struct Folder {
    id: FolderId,
    root: PathBuf,
    email: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crash {
    BeforeCommit(FailCommit),
    AfterCommit,
}

/// What a world did, and what it did wrong.
pub struct Report {
    pub wrong: Option<String>,
    pub trace: Vec<String>,
    pub steps: u64,
    pub crashes: u64,
    pub stored: u64,
}

/// Runs one world to its end, and keeps its trace if asked to.
pub fn run(seed: u64, traced: bool) -> Report {
    let mut world = World::new(seed);
    world.trace = traced.then(Vec::new);
    let wrong = world.live().err();
    Report {
        wrong,
        steps: world.steps,
        crashes: world.crashes,
        stored: world.server.assets.len() as u64,
        trace: world.trace.unwrap_or_default(),
    }
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng(seed);
        let server = Server::new(&mut rng);
        let emails: [Option<&'static str>; 2] = *rng.pick(&[
            [Some("a@x.test"), Some("b@x.test")],
            [None, Some("b@x.test")],
            [None, Some("a@x.test")],
            [Some("a@x.test"), Some("a@x.test")],
            [None, None],
        ]);
        let roots: [PathBuf; 2] = [PathBuf::from("/a"), PathBuf::from("/b")];
        let step_ns = *rng.pick(&[1_000_000, 4_000_000, 10_000_000, 1_000_000_000, 2_000_000_000]);
        let now = Now { wall: Wall(1_700_000_000_000), mono: Mono(1_000) };
        let ledger = Ledger::in_memory(URL, now.wall).expect("a ledger in memory");
        let folder = |root: &PathBuf, email| {
            let (id, _) = ledger.folder(root).expect("a folder");
            Folder { id, root: root.clone(), email }
        };
        let folders = vec![folder(&roots[0], emails[0]), folder(&roots[1], emails[1])];
        let event_percent = *rng.pick(&[100, 95, 70, 0]);
        let settle_ms = *rng.pick(&[100, 2_000, 2_000]);
        let rescan_ms = *rng.pick(&[60_000, NO_RESCAN_MS]);
        World {
            disk: Disk::new(&roots, step_ns),
            server,
            now,
            true_time: now.wall.0,
            engine: None,
            ledger: Some(ledger),
            folders,
            jobs: BTreeMap::new(),
            next_job: 0,
            trouble: true,
            event_percent,
            settle_ms,
            rescan_ms,
            crash_next: None,
            trace: None,
            crashes: 0,
            steps: 0,
            rng,
        }
    }

    fn live(&mut self) -> Result<(), String> {
        self.plan_trouble();
        self.start()?;
        let begun = self.now.mono;
        while self.now.mono.since(begun) < TROUBLE_MS {
            self.turn(begun.plus(TROUBLE_MS))?;
        }
        self.end_trouble();
        let calm = self.now.mono;
        let limit = calm.plus(PATIENCE_MS);
        while self.now.mono < limit {
            let quiet = self.now.mono.since(calm) > 300_000;
            let rest = self.engine.as_ref().map(|engine| engine.rest(self.now, PATIENCE_MS));
            if quiet && rest.is_some_and(|rest| rest.done) {
                break;
            }
            self.turn(limit)?;
        }
        self.check_end()
    }

    /// Lets the next thing happen: a job, or the engine's own time.
    fn turn(&mut self, limit: Mono) -> Result<(), String> {
        let job = self.jobs.first_key_value().map(|((at, _), _)| *at);
        let timer = self.engine.as_ref().and_then(|engine| engine.timeout(self.now));
        let timer = timer.map(|(at, _)| at);
        let at = job.into_iter().chain(timer).min().unwrap_or(limit).min(limit);
        self.pass_to(at);
        let mut inputs = Vec::new();
        // Several things at once come in one step, now and then.
        let most = 1 + self.rng.below(3);
        for _ in 0..most {
            match self.jobs.first_key_value() {
                Some(((due, _), _)) if *due <= self.now.mono => {
                    if let Some((_, job)) = self.jobs.pop_first() {
                        self.happen(job, &mut inputs)?;
                    }
                }
                Some(_) | None => break,
            }
        }
        if self.engine.is_some() {
            self.step(inputs)?;
        }
        Ok(())
    }

    fn pass_to(&mut self, at: Mono) {
        let passed_ms = at.since(self.now.mono).max(0);
        self.now.mono = self.now.mono.plus(passed_ms);
        self.now.wall = self.now.wall.plus(passed_ms);
        self.true_time += passed_ms;
    }

    fn start(&mut self) -> Result<(), String> {
        let Some(mut ledger) = self.ledger.take() else { return Ok(()) };
        ledger.begin_run(1, self.now.wall).map_err(|error| error.to_string())?;
        let mut policies = Vec::new();
        for folder in &self.folders {
            let account = match folder.email {
                Some(email) => ledger.account(Some(email)),
                None => ledger.default_account(),
            };
            let (_, scanned_before) =
                ledger.folder(&folder.root).map_err(|error| error.to_string())?;
            let account = account.map_err(|error| error.to_string())?;
            policies.push(self.policy(folder.id, account, scanned_before));
        }
        let limits = Limits {
            concurrency: 1 + self.rng.below(3) as usize,
            settling: *self.rng.pick(&[3, 8, 1_000]),
            seed: self.rng.next(),
            ..Limits::default()
        };
        let engine = Engine::new(ledger, limits, policies, self.now).map_err(|e| e.to_string())?;
        self.engine = Some(engine);
        self.step(Vec::new())
    }

    fn policy(&self, id: FolderId, account: AccountId, scanned_before: bool) -> FolderPolicy {
        FolderPolicy {
            id,
            account,
            settle_ms: self.settle_ms,
            incomplete_ms: 600_000,
            send_incomplete: false,
            ignore_existing: false,
            ignore_changes: false,
            rescan_ms: self.rescan_ms,
            scanned_before,
        }
    }

    fn step(&mut self, inputs: Vec<Input>) -> Result<(), String> {
        self.steps += 1;
        for input in &inputs {
            self.note(|| format!("{input:?}"));
        }
        let Some(engine) = self.engine.as_mut() else { return Ok(()) };
        let crash = self.crash_next;
        engine.fail_commit = match crash {
            Some(Crash::BeforeCommit(which)) => which,
            Some(Crash::AfterCommit) | None => FailCommit::Never,
        };
        let sabotaged = sabotage::on(sabotage::Bug::ActBeforeCommit);
        match engine.step(self.now, inputs) {
            Ok(_) if crash == Some(Crash::AfterCommit) => self.crash(),
            Ok(step) => {
                let sends = step.effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
                for effect in step.effects {
                    self.note(|| format!("  → {effect:?}"));
                    self.begin(effect);
                }
                if sabotaged && sends && crash.is_some() {
                    // The effects are out and the writes are not on disk.
                    self.finish_sends();
                    self.crash();
                }
            }
            Err(_) => self.crash(),
        }
        self.check_now()
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9} {}", self.now.mono.0, what()));
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.crash_next = None;
        self.note(|| "CRASH".to_owned());
        if let Some(engine) = self.engine.take() {
            self.ledger = Some(engine.into_ledger());
        }
        // What the process was doing ends with it; what reached the server goes on.
        self.jobs.retain(|_, job| !job.of_process());
        let pause_ms = *self.rng.pick(&[0, 50, 3_000, 90_000]);
        self.after(pause_ms, Job::Start);
    }

    fn after(&mut self, delay_ms: i64, job: Job) {
        self.next_job += 1;
        self.jobs.insert((self.now.mono.plus(delay_ms), self.next_job), job);
    }

    fn folder_of(&self, path: &Path) -> Option<&Folder> {
        self.folders.iter().find(|folder| path.starts_with(&folder.root))
    }

    /// What must hold at every moment.
    fn check_now(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for stored in &self.server.assets {
            if !seen.insert((stored.email.as_str(), stored.text)) {
                return Err(format!("twice on {}: {:?}", stored.email, stored.text));
            }
            if self.disk.half.contains(&stored.text.hash()) {
                return Err(format!("half a file was sent: {:?}", stored.text));
            }
        }
        if self.server.days.get("401").is_some_and(|met| *met > REFUSALS_MOST) {
            return Err("a refused token was tried again and again".into());
        }
        Ok(())
    }

    /// What must hold once trouble is over.
    fn check_end(&self) -> Result<(), String> {
        let Some(engine) = self.engine.as_ref() else {
            return Err("not running at the end".into());
        };
        let ledger = engine.ledger();
        let faults = ledger.verify().map_err(|error| error.to_string())?;
        if !faults.is_empty() {
            return Err(format!("the ledger is not sound: {faults:?}"));
        }
        for (path, file) in &self.disk.files {
            self.check_file(ledger, path, file.text)?;
        }
        let mut wrong = None;
        let check = |row: crate::ledger::Row| {
            let stored =
                self.server.assets.iter().find(|s| Some(&s.asset_id) == row.asset_id.as_ref());
            let agrees = stored.is_some_and(|stored| {
                Some(stored.text.hash()) == row.hash && Some(&stored.email) == row.account.as_ref()
            });
            if row.asset_id.is_some() && !agrees {
                wrong = Some(format!("the ledger and the server disagree: {row:?} {stored:?}"));
            }
            std::ops::ControlFlow::Continue(())
        };
        let all = crate::ledger::Filter { with_gone: true, ..Default::default() };
        ledger.each_row(&all, true, check).map_err(|error| error.to_string())?;
        match wrong {
            Some(wrong) => Err(wrong),
            None => Ok(()),
        }
    }

    fn check_file(&self, ledger: &Ledger, path: &Path, text: Text) -> Result<(), String> {
        let row = ledger.row_of(path, true).map_err(|error| error.to_string())?;
        let Some(row) = row else { return Err(format!("{path:?} was never seen")) };
        if row.gone_at.is_some() {
            return Err(format!("{path:?} is there and called gone"));
        }
        let unsupported = path.extension().is_some_and(|extension| extension == "txt");
        let temporary = path.extension().is_some_and(|extension| extension == "part");
        if unsupported || temporary {
            let ignored = row.state == State::Ignored;
            return ignored.then_some(()).ok_or(format!("{path:?} should be ignored: {row:?}"));
        }
        if row.hash != Some(text.hash()) {
            return Err(format!("{path:?} holds {text:?}, the ledger says {row:?}"));
        }
        let refused = self.server.refused.contains(&text.hash());
        let lists_badly = matches!(
            self.server.list_fault,
            ListFault::Blind | ListFault::NoSizes | ListFault::Renamed
        );
        let contested = row.reason.as_deref().is_some_and(|reason| reason.ends_with("is held"));
        let often = row.reason.as_deref().is_some_and(|reason| reason.contains("times"));
        match row.state {
            State::Uploaded => Ok(()),
            State::Failed if refused || often => Ok(()),
            State::Held if lists_badly || often || contested => Ok(()),
            _ => Err(format!("{path:?} was not delivered: {row:?}")),
        }
    }
}

fn event(event: Event) -> Input {
    Input::Event(event)
}
