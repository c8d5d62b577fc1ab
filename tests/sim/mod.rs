//! Random worlds over the real engine and the real SQLite: users, a disk, a server, crashes.
//!
//! A world runs through a time of trouble, then trouble stops, and everything must have been
//! delivered once, and the ledger must agree with the server. The same seed gives the same world.

mod check;
mod disk;
mod errands;
mod hands;
mod jobs;
mod machine;
mod reload;
pub(crate) mod rng;
mod server;
mod story;
mod users;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use disk::{Disk, Text};
use jobs::Job;
use rng::Rng;
use server::{ListFault, Server};

use crate::engine::{Engine, FailCommit, Input};
use crate::ledger::{Ledger, LedgerError};
use crate::planner::{self, sabotage};
use crate::planner::{
    AccountId, Effect, ErrandKind, Event, FolderId, FolderPolicy, Limits, Mono, Now, UploadKey,
    Wall, Wants,
};

const URL: &str = "http://127.0.0.1/sim";
const TROUBLE_MS: i64 = 8 * 60_000;
const PATIENCE_MS: i64 = 4 * 3_600_000;
/// A rescan that comes too late for any world to see.
const NO_RESCAN_MS: i64 = 30 * 86_400_000;
/// A refusal of the token is met by what is in flight and by one that asks again, at every start
/// and at every change of the token, and by nothing else.
const REFUSALS_MOST: u64 = 8;
/// Longer than any look at a list that lags, and than the pause between two scans.
const QUIET_MS: i64 = 150_000;
/// How often a person comes by when trouble is over.
const VISITS_MOST: u32 = 3;

thread_local! {
    /// The ledger of the world before: opening one is a third of a world's work.
    static SPARE: std::cell::Cell<Option<Ledger>> = const { std::cell::Cell::new(None) };
}

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
    /// Folders whose last scan could not see all: they are scanned again after a pause.
    half_seen: BTreeSet<FolderId>,
    /// Percent of changes on the disk that are announced.
    event_percent: u64,
    /// Quiet time of the folders; writers pause for less.
    settle_ms: i64,
    rescan_ms: i64,
    /// What is done for files once they are uploaded, or have failed.
    wants: Wants,
    ran: errands::Ran,
    crash_next: Option<Crash>,
    machine: machine::Machine,
    /// The ledger's disk has no room, or hardly any.
    disk_full: bool,
    /// The machine's clock jumped.
    jumped: bool,
    /// The process was asked to end.
    stopping: bool,
    /// When trouble is over, a person sees to what needs one.
    person: bool,
    /// A push, and what is to be forgotten, in the step that comes.
    pushing: Option<(PathBuf, AccountId)>,
    forgetting: Option<(UploadKey, String)>,
    /// Files outside of the folders that were pushed.
    pushed: Vec<(PathBuf, AccountId)>,
    /// Contents that a person said to forget, and how often.
    forgotten: BTreeMap<(String, Text), u64>,
    /// AssetIds that were forgotten.
    former: BTreeSet<String>,
    /// Starts, and changes of the token.
    token_reads: u64,
    /// What happened how often, to see that no world is idle.
    counts: Counts,
    /// The same as a story of the planner.
    story: Option<story::Story>,
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
    /// The configuration names it.
    watched: bool,
}

/// Where in the next step the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    BeforeCommit(FailCommit),
    AfterCommit,
    /// When so many effects are begun; what was to be sent has reached the server by then.
    AmongEffects(usize),
}

/// How often things happened, by a word for each.
pub type Counts = BTreeMap<&'static str, u64>;

/// What a world did, and what it did wrong.
pub struct Report {
    pub wrong: Option<String>,
    pub trace: Vec<String>,
    pub story: Vec<String>,
    pub steps: u64,
    pub crashes: u64,
    pub stored: u64,
    pub counts: Counts,
}

/// Runs one world to its end, and keeps its trace if asked to.
pub fn run(seed: u64, traced: bool) -> Report {
    let mut world = World::new(seed);
    world.trace = traced.then(Vec::new);
    if traced {
        world.begin_story();
    }
    let wrong = world.live().err();
    SPARE.set(world.engine.take().map(Engine::into_ledger).or(world.ledger.take()));
    Report {
        wrong,
        steps: world.steps,
        crashes: world.crashes,
        stored: world.server.assets.len() as u64,
        counts: world.counts,
        story: world.story.map(|story| story.lines).unwrap_or_default(),
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
        let spare = SPARE.take().and_then(|ledger| ledger.emptied().ok());
        let ledger =
            spare.unwrap_or_else(|| Ledger::in_memory(URL, now.wall).expect("a ledger in memory"));
        let folder = |root: &PathBuf, email| {
            let (id, _) = ledger.folder(root).expect("a folder");
            Folder { id, root: root.clone(), email, watched: true }
        };
        let folders = vec![folder(&roots[0], emails[0]), folder(&roots[1], emails[1])];
        let event_percent = *rng.pick(&[100, 95, 70, 0]);
        let kind = match step_ns {
            ..=10_000_000 if rng.chance(70) => planner::Disk::Proving,
            ..=10_000_000 => planner::Disk::Local,
            _ if rng.chance(50) => planner::Disk::Foreign,
            _ => planner::Disk::Remote,
        };
        let settle_ms = *rng.pick(&[100, 2_000, 2_000]);
        let rescan_ms = *rng.pick(&[60_000, NO_RESCAN_MS]);
        let wanting = rng.chance(40);
        let kinds = ErrandKind::ALL.into_iter().filter(|_| wanting && rng.chance(60));
        let wants = Wants::of(kinds.collect::<Vec<_>>());
        World {
            disk: Disk::new(&roots, step_ns, kind),
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
            wants,
            ran: errands::Ran::new(),
            crash_next: None,
            machine: machine::Machine::default(),
            disk_full: false,
            jumped: false,
            stopping: false,
            person: rng.chance(50),
            pushing: None,
            forgetting: None,
            pushed: Vec::new(),
            forgotten: BTreeMap::new(),
            former: BTreeSet::new(),
            token_reads: 0,
            half_seen: BTreeSet::new(),
            counts: Counts::new(),
            story: None,
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
        self.come_to_rest()?;
        for _ in 0..VISITS_MOST {
            if self.person && self.needs_person() {
                let wishes = self.tidy_up();
                self.step(wishes)?;
                self.come_to_rest()?;
            }
        }
        self.check_end()
    }

    fn come_to_rest(&mut self) -> Result<(), String> {
        let calm = self.now.mono;
        let limit = calm.plus(PATIENCE_MS);
        while self.now.mono < limit {
            let quiet = self.now.mono.since(calm) > QUIET_MS;
            let rest = self.engine.as_ref().map(|engine| engine.rest(self.now, PATIENCE_MS));
            let seen = !self.folders.iter().any(|f| f.watched && self.half_seen.contains(&f.id));
            if quiet && seen && rest.is_some_and(|rest| rest.done && !rest.moving) {
                break;
            }
            self.turn(limit)?;
        }
        Ok(())
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
        if self.trouble && self.rng.chance(5) {
            self.edit_configuration();
        }
        let full = self.disk_full && self.rng.chance(50);
        let policies = match self.open(&mut ledger) {
            Ok(policies) if !full => policies,
            Err(error) if !self.trouble => return Err(error.to_string()),
            Ok(_) | Err(_) => {
                self.note(|| "no start".to_owned());
                self.count("disk full at a start");
                self.ledger = Some(ledger);
                self.after(2_000, Job::Start);
                return Ok(());
            }
        };
        let newer = match self.server.list_fault {
            ListFault::Short(most) => most as u32 / 2,
            _ => Limits::default().newer,
        };
        let limits = Limits {
            concurrency: 1 + self.rng.below(3) as usize,
            settling: *self.rng.pick(&[3, 8, 1_000]),
            read_ahead: *self.rng.pick(&[2, 4, 32]),
            seed: self.rng.next(),
            newer,
            pause_on: self.pick_conditions(),
            ..Limits::default()
        };
        self.token_reads += 1;
        let engine = Engine::new(ledger, limits, policies, self.now).map_err(|e| e.to_string())?;
        self.engine = Some(engine);
        if self.token_reads > 1 {
            self.tell_restart();
        }
        self.step(Vec::new())
    }

    fn open(&self, ledger: &mut Ledger) -> Result<Vec<FolderPolicy>, LedgerError> {
        ledger.begin_run(1, self.now.wall)?;
        let mut policies = Vec::new();
        for folder in self.folders.iter().filter(|folder| folder.watched) {
            let account = match folder.email {
                Some(email) => ledger.account(Some(email)),
                None => ledger.default_account(),
            }?;
            let (_, scanned_before) = ledger.folder(&folder.root)?;
            ledger.set_wants(folder.id, self.wants, self.now.wall)?;
            policies.push(self.policy(folder.id, account, scanned_before));
        }
        Ok(policies)
    }

    /// All that a folder holds is wanted on another account from now on.
    fn edit_configuration(&mut self) {
        let folder = self.rng.below(2) as usize;
        let email = *self.rng.pick(&[Some("a@x.test"), Some("b@x.test"), None]);
        self.note(|| format!("· folder {folder} is for {email:?}"));
        if self.folders[folder].email != email {
            self.count("folder moved to another account");
        }
        self.folders[folder].email = email;
    }

    fn fill_disk(&mut self, full: bool) {
        self.disk_full = full;
        let engine = self.engine.as_ref().map(Engine::ledger);
        if let Some(ledger) = engine.or(self.ledger.as_ref()) {
            // A ledger that does not even take this shows at the next step.
            drop(ledger.fill_disk(full));
        }
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
            trusts_events: false,
            wants: self.wants,
            scanned_before,
        }
    }

    fn step(&mut self, inputs: Vec<Input>) -> Result<(), String> {
        self.steps += 1;
        self.tell_inputs(&inputs);
        for input in &inputs {
            self.note(|| format!("{input:?}"));
        }
        // A disk that is full may still have room for this or that.
        let no_room = self.disk_full && self.rng.chance(70);
        let Some(engine) = self.engine.as_mut() else { return Ok(()) };
        let crash = self.crash_next;
        engine.fail_commit = match crash {
            Some(Crash::BeforeCommit(which)) => which,
            _ if no_room => FailCommit::Next,
            Some(Crash::AfterCommit | Crash::AmongEffects(_)) | None => FailCommit::Never,
        };
        let sabotaged = sabotage::on(sabotage::Bug::ActBeforeCommit);
        match engine.step(self.now, inputs) {
            Ok(_) if crash == Some(Crash::AfterCommit) => {
                self.count("crash after a commit");
                self.promised();
                self.crash();
            }
            Ok(step) => {
                let sends = step.effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
                let dies_at = match crash {
                    Some(Crash::AmongEffects(begun)) if !step.effects.is_empty() => {
                        Some(begun.min(step.effects.len()))
                    }
                    // The effects are out and the writes are not on disk.
                    Some(_) if sabotaged && sends => Some(step.effects.len()),
                    Some(_) | None => None,
                };
                for notice in &step.notices {
                    self.count_notice(notice);
                }
                for effect in step.effects.into_iter().take(dies_at.unwrap_or(usize::MAX)) {
                    self.note(|| format!("  → {effect:?}"));
                    self.begin(effect);
                }
                self.promised();
                if dies_at.is_some() {
                    self.count("crash among effects");
                    self.finish_sends();
                    self.crash();
                }
            }
            Err(error) => {
                self.note(|| format!("  no commit: {error}"));
                self.count(match &error {
                    LedgerError::OldSqlite(_) if !no_room => "crash before a commit",
                    _ => "disk full in a step",
                });
                self.crash();
            }
        }
        if self.stopping {
            self.end_if_grounded();
        }
        self.check_now()
    }

    /// A clean end: bodies that are not whole are cut, whole ones get their answer.
    fn end_if_grounded(&mut self) {
        self.abort();
        let Some(engine) = self.engine.take_if(|engine| engine.planner().grounded()) else {
            return;
        };
        self.note(|| "stopped".to_owned());
        self.count("clean stop");
        self.ledger = Some(engine.into_ledger());
        self.end_process();
    }

    fn count(&mut self, word: &'static str) {
        *self.counts.entry(word).or_default() += 1;
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9} {}", self.now.mono.0, what()));
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.note(|| "CRASH".to_owned());
        if let Some(engine) = self.engine.take() {
            self.ledger = Some(engine.into_ledger());
        }
        self.end_process();
    }

    /// What the process was doing ends with it; what reached the server goes on.
    fn end_process(&mut self) {
        self.crash_next = None;
        self.stopping = false;
        self.pushing = None;
        self.forgetting = None;
        self.jobs.retain(|_, job| !job.of_process());
        let pause_ms = *self.rng.pick(&[0, 50, 3_000, 90_000]);
        self.after(pause_ms, Job::Start);
    }

    fn after(&mut self, delay_ms: i64, job: Job) {
        self.next_job += 1;
        self.jobs.insert((self.now.mono.plus(delay_ms), self.next_job), job);
    }

    fn folder_of(&self, path: &Path) -> Option<&Folder> {
        self.folders.iter().find(|folder| folder.watched && path.starts_with(&folder.root))
    }
}

fn event(event: Event) -> Input {
    Input::Event(event)
}
