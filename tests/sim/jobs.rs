//! Things that happen, one after the other: what is to come, and who does it.

use std::path::PathBuf;

use super::disk::Text;
use super::hands::Begun;
use super::server::Day;
use super::{Crash, Input, TROUBLE_MS, World, event};
use crate::engine::FailCommit;
use crate::planner::{
    AccountId, Arrival, AttemptId, Command, Condition, Conditions, Errand, ErrandId, ErrandResult,
    Event, FolderId, Identity, Now, Outcome, Paused, Send, SharedPath,
};

#[derive(Debug)]
pub enum Job {
    Start,
    User,
    /// A person asks for something.
    Wish,
    /// A person ends whatever pause there is.
    Unpause,
    /// Somebody else uploads to the same account.
    Stranger,
    Chunk(PathBuf),
    Overwrite(PathBuf),
    Crash(Crash),
    /// The process is asked to end, and begins again.
    Stop,
    ClockJump,
    /// The configuration is edited and read again.
    Reload,
    TokenRefused(bool),
    Offline(bool),
    Forbids(bool),
    /// The machine loses its mains, or has it again; likewise with its cheap link.
    Machine(Condition, bool),
    /// What is asked about the machine is answered.
    Sense(Conditions),
    DiskFull(bool),
    Away(bool),
    /// The server stores what reached it, whatever became of the client.
    Stores {
        email: Option<String>,
        name: String,
        text: Text,
    },
    Watch(PathBuf, Option<Arrival>),
    ScanOwed(FolderId),
    Look {
        folder: FolderId,
        path: SharedPath,
    },
    Read {
        path: SharedPath,
        begun: Begun,
    },
    ReadEnds {
        path: SharedPath,
        result: Identity,
    },
    SendBegins(Box<Send>),
    SendEnds {
        send: Box<Send>,
        began: Now,
        day: Day,
    },
    Answer {
        attempt: AttemptId,
        outcome: Outcome,
    },
    List {
        account: AccountId,
        email: Option<String>,
        asked: Now,
    },
    ScanStep {
        folder: FolderId,
        stack: Vec<PathBuf>,
        incomplete: bool,
    },
    Errand(Box<Errand>),
    ErrandEnds {
        errand: ErrandId,
        result: ErrandResult,
    },
}

impl Job {
    /// Whether it dies with the process.
    pub fn of_process(&self) -> bool {
        match self {
            Job::Watch(..)
            | Job::ScanOwed(_)
            | Job::Look { .. }
            | Job::Read { .. }
            | Job::ReadEnds { .. }
            | Job::SendBegins(_)
            | Job::SendEnds { .. }
            | Job::Answer { .. }
            | Job::List { .. }
            | Job::Sense(_)
            | Job::Errand(_)
            | Job::ErrandEnds { .. }
            | Job::ScanStep { .. } => true,
            Job::Start
            | Job::User
            | Job::Wish
            | Job::Unpause
            | Job::Stranger
            | Job::Chunk(_)
            | Job::Overwrite(_)
            | Job::Crash(_)
            | Job::Stop
            | Job::ClockJump
            | Job::Reload
            | Job::TokenRefused(_)
            | Job::Offline(_)
            | Job::Forbids(_)
            | Job::Machine(..)
            | Job::DiskFull(_)
            | Job::Away(_)
            | Job::Stores { .. } => false,
        }
    }
}

impl World {
    pub(super) fn plan_trouble(&mut self) {
        for _ in 0..self.rng.range(4, 24) {
            let at = self.rng.range(0, TROUBLE_MS - 60_000);
            self.after(at, Job::User);
        }
        if self.rng.chance(25) {
            // Nothing but people at work, all at once, on the disk.
            self.server.fault_percent = 0;
            let begin = self.rng.range(0, TROUBLE_MS / 2);
            for _ in 0..self.rng.range(20, 60) {
                let at = begin + self.rng.range(0, 20_000);
                self.after(at, Job::User);
            }
        }
        for _ in 0..self.rng.below(4) {
            let at = self.rng.range(1_000, TROUBLE_MS);
            let crash = self.pick_crash();
            self.after(at, Job::Crash(crash));
        }
        let jumps = self.rng.chance(30);
        if jumps {
            let at = self.rng.range(1_000, TROUBLE_MS);
            self.after(at, Job::ClockJump);
        }
        if self.rng.chance(30) {
            let at = self.rng.range(1_000, TROUBLE_MS);
            self.after(at, Job::Stop);
        }
        if self.rng.chance(30) {
            for _ in 0..self.rng.range(1, 4) {
                let at = self.rng.range(1_000, TROUBLE_MS);
                self.after(at, Job::Wish);
            }
        }
        // Where the clock jumps, only the clock could tell an older upload of a stranger.
        if !jumps && self.rng.chance(30) {
            for _ in 0..self.rng.range(1, 6) {
                let at = self.rng.range(0, TROUBLE_MS);
                self.after(at, Job::Stranger);
            }
        }
        type Make = fn(bool) -> Job;
        for (percent, make) in [
            (20, Job::TokenRefused as Make),
            (30, Job::Offline as Make),
            (10, Job::Forbids as Make),
            (15, Job::DiskFull as Make),
            (20, Job::Away as Make),
        ] {
            if self.rng.chance(percent) {
                let at = self.rng.range(1_000, TROUBLE_MS / 2);
                let length = self.rng.range(1_000, TROUBLE_MS / 2);
                self.after(at, make(true));
                self.after(at + length, make(false));
            }
        }
        for condition in Condition::ALL {
            for _ in 0..self.rng.below(3) {
                let at = self.rng.range(0, TROUBLE_MS / 2);
                let length = self.rng.range(1_000, TROUBLE_MS / 2);
                self.after(at, Job::Machine(condition, true));
                self.after(at + length, Job::Machine(condition, false));
            }
        }
        if self.rng.chance(20) {
            for _ in 0..self.rng.range(1, 5) {
                let at = self.rng.range(1_000, TROUBLE_MS);
                self.after(at, Job::Reload);
            }
        }
    }

    fn pick_crash(&mut self) -> Crash {
        match self.rng.below(4) {
            0 => Crash::BeforeCommit(FailCommit::Next),
            1 => Crash::BeforeCommit(FailCommit::OfSend),
            2 => Crash::AfterCommit,
            _ => Crash::AmongEffects(self.rng.below(4) as usize),
        }
    }

    pub(super) fn end_trouble(&mut self) {
        self.trouble = false;
        self.server.fault_percent = 0;
        self.server.offline = false;
        self.server.token_refused = false;
        self.server.forbids = false;
        self.machine_recovers();
        self.disk.away.clear();
        self.fill_disk(false);
        self.after(0, Job::TokenRefused(false));
        self.after(0, Job::Unpause);
        self.after(0, Job::Reload);
        if self.engine.is_none() {
            self.after(0, Job::Start);
        }
    }

    pub(super) fn happen(&mut self, job: Job, inputs: &mut Vec<Input>) -> Result<(), String> {
        if !matches!(job, Job::ScanStep { .. } | Job::Look { .. } | Job::Watch(..)) {
            self.note(|| format!("· {job:?}"));
        }
        match job {
            Job::Start => return self.start(),
            Job::User => self.user(),
            Job::Wish => self.wish(inputs),
            Job::Unpause => {
                let planner = self.engine.as_ref().map(|engine| engine.planner());
                let asked = |paused| matches!(paused, Some(Paused::Asked { .. }));
                let paused = planner.map(|planner| asked(planner.paused()));
                // What a crash takes with it is said again.
                if paused != Some(false) {
                    self.after(1_000, Job::Unpause);
                }
                if paused == Some(true) {
                    inputs.push(event(Event::Asked(Command::Resume)));
                }
            }
            Job::Stranger => self.stranger(),
            Job::Chunk(path) => self.chunk(path),
            Job::Overwrite(path) => self.overwrite(path),
            Job::Crash(crash) => self.crash_next = self.engine.is_some().then_some(crash),
            Job::Stop => {
                self.stopping = self.engine.is_some();
                inputs.extend(self.stopping.then(|| event(Event::Stopping)));
            }
            Job::ClockJump => {
                let jump_ms = *self.rng.pick(&[-3_600_000, -20_000, 20_000, 3_600_000, 86_400_000]);
                self.now.wall = self.now.wall.plus(jump_ms);
                self.jumped = true;
            }
            Job::Reload => self.reload(inputs),
            Job::TokenRefused(refused) => {
                self.server.token_refused = refused;
                self.token_reads += 1;
                if !refused && self.engine.is_some() {
                    inputs.push(event(Event::TokenChanged));
                }
            }
            Job::Offline(offline) => self.server.offline = offline,
            Job::Forbids(forbids) => self.server.forbids = forbids,
            Job::Machine(condition, holds) => self.machine_is(condition, holds),
            Job::Sense(conditions) => {
                let answer = self.sense(conditions);
                inputs.push(answer);
            }
            Job::DiskFull(full) => self.fill_disk(full),
            Job::Away(away) => {
                let root = self.folders[1].root.clone();
                if away {
                    self.disk.away.insert(root);
                } else {
                    self.disk.away.remove(&root);
                    // The eyes notice that a disk is there again, as they notice any loss.
                    let folder = self.folders[1].id;
                    self.after(50, Job::ScanOwed(folder));
                }
            }
            Job::Stores { email, name, text } => {
                self.server.store(email.as_deref(), &name, text, self.true_time);
            }
            Job::Watch(path, arrival) => {
                if let Some(folder) = self.folder_of(&path).map(|folder| folder.id) {
                    inputs.push(self.look(folder, path.into(), arrival));
                }
            }
            Job::ScanOwed(folder) => inputs.push(event(Event::ScanOwed { folder })),
            Job::Look { folder, path } => inputs.push(self.look(folder, path, None)),
            Job::Read { path, begun } => {
                let result = self.read(&path, &begun);
                // The file may change again before anybody hears of what was read.
                let wait = self.rng.range(0, 60);
                self.after(wait, Job::ReadEnds { path, result });
            }
            Job::ReadEnds { path, result } => {
                inputs.push(event(Event::Identified { path, result }));
            }
            Job::SendBegins(send) => {
                self.may_begin()?;
                self.send_begins(send);
            }
            Job::SendEnds { send, began, day } => self.send_ends(&send, began, day),
            Job::Answer { attempt, outcome } => {
                inputs.push(event(Event::Sent { attempt, outcome }));
            }
            Job::List { account, email, asked } => self.list(account, email, asked, inputs),
            Job::Errand(errand) => self.run_errand(&errand)?,
            Job::ErrandEnds { .. } => self.errand_ends(job, inputs),
            Job::ScanStep { folder, stack, incomplete } => {
                self.scan_step(folder, stack, incomplete, inputs);
            }
        }
        self.tell_disk();
        Ok(())
    }
}
