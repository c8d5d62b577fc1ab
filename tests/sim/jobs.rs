//! Things that happen: users and their files, the eyes and hands of the program, the server.

use std::path::PathBuf;

use super::disk::Text;
use super::server::{Day, outcome};
use super::{Crash, Input, NO_RESCAN_MS, TROUBLE_MS, World, event};
use crate::engine::FailCommit;
use crate::planner::{
    AccountId, AttemptId, Content, DirectoryListing, Effect, Event, Fingerprint, FolderId,
    Identity, Look, MediaType, NotSent, Now, Outcome, ScanResult, Send, SharedPath, Sight, Stat,
};

/// Files are created under these names, so that renames, copies and equal names are common.
const NAMES: [&str; 8] =
    ["a.png", "b.png", "c.png", "s/a.png", "s/d.png", "t/u/e.png", "n.txt", "x.part"];
/// Few sizes, so that different contents of one size are common.
const SIZES: [u64; 3] = [10, 20, 30];

#[derive(Debug)]
pub enum Job {
    Start,
    User,
    Chunk(PathBuf),
    Overwrite(PathBuf),
    Crash(bool),
    ClockJump,
    TokenRefused(bool),
    Offline(bool),
    Away(bool),
    /// The server stores what reached it, whatever became of the client.
    Stores {
        email: Option<String>,
        name: String,
        text: Text,
    },
    Watch(PathBuf),
    ScanOwed(FolderId),
    Look {
        folder: FolderId,
        path: SharedPath,
    },
    Read {
        path: SharedPath,
        fingerprint: Fingerprint,
        stat: Stat,
        text: Text,
        began: Now,
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
}

impl Job {
    /// Whether it dies with the process.
    pub fn of_process(&self) -> bool {
        match self {
            Job::Watch(_)
            | Job::ScanOwed(_)
            | Job::Look { .. }
            | Job::Read { .. }
            | Job::SendBegins(_)
            | Job::SendEnds { .. }
            | Job::Answer { .. }
            | Job::List { .. }
            | Job::ScanStep { .. } => true,
            Job::Start
            | Job::User
            | Job::Chunk(_)
            | Job::Overwrite(_)
            | Job::Crash(_)
            | Job::ClockJump
            | Job::TokenRefused(_)
            | Job::Offline(_)
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
        for _ in 0..self.rng.below(4) {
            let at = self.rng.range(1_000, TROUBLE_MS);
            let before = self.rng.chance(50);
            self.after(at, Job::Crash(before));
        }
        if self.rng.chance(30) {
            let at = self.rng.range(1_000, TROUBLE_MS);
            self.after(at, Job::ClockJump);
        }
        type Make = fn(bool) -> Job;
        for (percent, make) in
            [(20, Job::TokenRefused as Make), (30, Job::Offline as Make), (20, Job::Away as Make)]
        {
            if self.rng.chance(percent) {
                let at = self.rng.range(1_000, TROUBLE_MS / 2);
                let length = self.rng.range(1_000, TROUBLE_MS / 2);
                self.after(at, make(true));
                self.after(at + length, make(false));
            }
        }
    }

    pub(super) fn end_trouble(&mut self) {
        self.trouble = false;
        self.server.fault_percent = 0;
        self.server.offline = false;
        self.server.token_refused = false;
        self.disk.away.clear();
        self.after(0, Job::TokenRefused(false));
        if self.engine.is_none() {
            self.after(0, Job::Start);
        }
    }

    /// Begins what the engine asked for; it ends, if at all, as a job.
    pub(super) fn begin(&mut self, effect: Effect) {
        let soon = self.rng.range(0, 40);
        match effect {
            Effect::Look { folder, path } => self.after(soon, Job::Look { folder, path }),
            Effect::Identify { path, fingerprint } => self.begin_read(path, fingerprint),
            Effect::Send(send) => self.after(soon, Job::SendBegins(send)),
            Effect::Withdraw { attempts } => self.withdraw(&attempts),
            Effect::List { account, email } => {
                let wait = self.rng.range(10, 900);
                let asked = self.now;
                self.after(wait, Job::List { account, email, asked });
            }
            Effect::Scan { folder } => {
                let root = self.folders.iter().find(|f| f.id == folder).map(|f| f.root.clone());
                let stack = root.into_iter().collect();
                self.after(soon, Job::ScanStep { folder, stack, incomplete: false });
            }
        }
    }

    fn begin_read(&mut self, path: SharedPath, fingerprint: Fingerprint) {
        let began = self.now;
        let stat = self.disk.stat(&path);
        let file = self.disk.files.get(&*path).map(|file| file.text);
        let wait = self.rng.range(1, 400);
        match (stat, file) {
            (Some(stat), Some(text)) => {
                self.after(wait, Job::Read { path, fingerprint, stat, text, began });
            }
            (_, _) => {
                let (stat, text) = (Stat::default(), Text { id: 0, size: 0 });
                self.after(wait, Job::Read { path, fingerprint, stat, text, began });
            }
        }
    }

    fn withdraw(&mut self, attempts: &[AttemptId]) {
        for job in self.jobs.values_mut() {
            if let Job::SendBegins(send) = job
                && attempts.contains(&send.attempt)
            {
                let outcome = Outcome::NotSent(NotSent::Withdrawn);
                *job = Job::Answer { attempt: send.attempt, outcome };
            }
        }
    }

    /// Carries sends that have begun to their end at once.
    pub(super) fn finish_sends(&mut self) {
        let sends: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| matches!(job, Job::SendBegins(_)))
            .map(|(key, _)| *key)
            .collect();
        for key in sends {
            if let Some(Job::SendBegins(send)) = self.jobs.remove(&key) {
                let text = Text { id: text_of(&send.content), size: send.content.size };
                self.server.store(send.email.as_deref(), &send.name, text, self.true_time);
            }
        }
    }

    pub(super) fn happen(&mut self, job: Job, inputs: &mut Vec<Input>) -> Result<(), String> {
        if !matches!(job, Job::ScanStep { .. } | Job::Look { .. } | Job::Watch(_)) {
            self.note(|| format!("· {job:?}"));
        }
        match job {
            Job::Start => return self.start(),
            Job::User => self.user(),
            Job::Chunk(path) => self.chunk(path),
            Job::Overwrite(path) => self.overwrite(path),
            Job::Crash(before) => {
                let which = if self.rng.chance(50) { FailCommit::Next } else { FailCommit::OfSend };
                let side = if before { Crash::BeforeCommit(which) } else { Crash::AfterCommit };
                self.crash_next = self.engine.is_some().then_some(side);
            }
            Job::ClockJump => {
                let jump_ms = *self.rng.pick(&[-3_600_000, -20_000, 20_000, 3_600_000, 86_400_000]);
                self.now.wall = self.now.wall.plus(jump_ms);
            }
            Job::TokenRefused(refused) => {
                self.server.token_refused = refused;
                if !refused && self.engine.is_some() {
                    inputs.push(event(Event::TokenChanged));
                }
            }
            Job::Offline(offline) => self.server.offline = offline,
            Job::Away(away) => {
                let root = self.folders[1].root.clone();
                if away {
                    self.disk.away.insert(root);
                } else {
                    self.disk.away.remove(&root);
                }
            }
            Job::Stores { email, name, text } => {
                self.server.store(email.as_deref(), &name, text, self.true_time);
            }
            Job::Watch(path) => {
                if let Some(folder) = self.folder_of(&path).map(|folder| folder.id) {
                    inputs.push(self.look(folder, path.into()));
                }
            }
            Job::ScanOwed(folder) => inputs.push(event(Event::ScanOwed { folder })),
            Job::Look { folder, path } => inputs.push(self.look(folder, path)),
            Job::Read { path, fingerprint, stat, text, began } => {
                let result = self.read(&path, fingerprint, stat, text, began);
                inputs.push(event(Event::Identified { path, result }));
            }
            Job::SendBegins(send) => self.send_begins(send),
            Job::SendEnds { send, began, day } => self.send_ends(send, began, day),
            Job::Answer { attempt, outcome } => {
                inputs.push(event(Event::Sent { attempt, outcome }));
            }
            Job::List { account, email, asked } => {
                let blind = self.may_be_blind(account);
                let fault = self.server.list_fault;
                if !blind && fault == super::ListFault::Blind {
                    self.server.list_fault = super::ListFault::None;
                }
                let listing =
                    self.server.list(email.as_deref(), asked, self.true_time, &mut self.rng);
                self.server.list_fault = fault;
                inputs.push(event(Event::Listed { account, listing }));
            }
            Job::ScanStep { folder, stack, incomplete } => {
                self.scan_step(folder, stack, incomplete, inputs);
            }
        }
        Ok(())
    }

    /// A list that shows nothing at all can be told from an empty one only by what it must show.
    fn may_be_blind(&self, account: AccountId) -> bool {
        self.engine.as_ref().is_some_and(|engine| {
            let listed = engine.ledger().must_be_listed(account, self.now.wall);
            listed.is_ok_and(|listed| !listed.is_empty())
        })
    }

    fn look(&mut self, folder: FolderId, path: SharedPath) -> Input {
        let look = self.look_at(&path);
        event(Event::Seen(Sight { folder, path, look, by_scan: false }))
    }

    fn look_at(&self, path: &std::path::Path) -> Look {
        let away = self.disk.away.iter().any(|root| path.starts_with(root));
        match self.disk.stat(path) {
            Some(stat) if path.extension().is_some_and(|extension| extension == "part") => {
                Look::Left { stat, rule: "temporary name (.part)".into() }
            }
            Some(stat) => Look::File(stat),
            None if away => Look::Unreadable { reason: "input/output error".into() },
            None => Look::Gone,
        }
    }

    fn read(
        &mut self,
        path: &std::path::Path,
        wanted: Fingerprint,
        before: Stat,
        text: Text,
        began: Now,
    ) -> Identity {
        let away = self.disk.away.iter().any(|root| path.starts_with(root));
        let Some(after) = self.disk.stat(path) else {
            let reason = "input/output error".into();
            return if away { Identity::Unreadable { stat: None, reason } } else { Identity::Gone };
        };
        if before.fingerprint != wanted || after.fingerprint != wanted {
            return Identity::Changed(after);
        }
        if path.extension().is_some_and(|extension| extension == "txt") {
            let reason = "text is no media type".into();
            return Identity::Unsupported { stat: after, read_at: began.wall, reason };
        }
        let content = Content {
            hash: text.hash(),
            size: text.size,
            media_type: MediaType::Png,
            width: None,
            height: None,
            duration_ms: None,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Identity::Known { stat: after, read_at: began.wall, content, name, incomplete: None }
    }

    fn send_begins(&mut self, send: Box<Send>) {
        let day = self.server.day(send.content.hash, &mut self.rng);
        let wait = match day {
            Day::Offline | Day::Refused(..) => self.rng.range(1, 500),
            _ => self.rng.range(1, 4_000),
        };
        let began = self.now;
        self.after(wait, Job::SendEnds { send, began, day });
    }

    fn send_ends(&mut self, send: Box<Send>, began: Now, day: Day) {
        let took_ms = self.now.mono.since(began.mono);
        let attempt = send.attempt;
        let refused = matches!(day, Day::Offline | Day::Refused(..) | Day::Broken);
        if let Some(not_sent) = self.source_trouble(&send).filter(|_| !refused) {
            let outcome = Outcome::NotSent(not_sent);
            return self.after(0, Job::Answer { attempt, outcome });
        }
        let text = Text { id: text_of(&send.content), size: send.content.size };
        let email = send.email.as_deref();
        let asset = match &day {
            Day::Stored | Day::ServerErrorStored | Day::StoredAnswerLost(0) => {
                Some(self.server.store(email, &send.name, text, self.true_time))
            }
            Day::StoredAnswerLost(late_ms) => {
                let (email, name) = (send.email.clone(), send.name.clone());
                self.after(*late_ms, Job::Stores { email, name, text });
                None
            }
            Day::NotStoredAnswerLost
            | Day::ServerError
            | Day::Refused(..)
            | Day::Broken
            | Day::Offline => None,
        };
        let outcome = outcome(&day, asset, took_ms);
        let wait = self.rng.range(0, 3_000);
        self.after(wait, Job::Answer { attempt, outcome });
    }

    /// The hands send only bytes whose hash is the one that was promised.
    fn source_trouble(&self, send: &Send) -> Option<NotSent> {
        let Some(stat) = self.disk.stat(&send.path) else {
            let away = self.disk.away.iter().any(|root| send.path.starts_with(root));
            let reason = "input/output error".to_owned();
            return Some(if away {
                NotSent::SourceUnreadable { reason }
            } else {
                NotSent::SourceGone
            });
        };
        let text = self.disk.files.get(&*send.path).map(|file| file.text);
        let same = stat.fingerprint == send.fingerprint
            && text.is_some_and(|text| text.hash() == send.content.hash);
        (!same).then_some(NotSent::SourceChanged)
    }

    fn scan_step(
        &mut self,
        folder: FolderId,
        mut stack: Vec<PathBuf>,
        incomplete: bool,
        inputs: &mut Vec<Input>,
    ) {
        let away = |root: &PathBuf| self.disk.away.contains(root);
        if self.folders.iter().any(|f| f.id == folder && away(&f.root)) {
            let result = ScanResult::Away { reason: "not mounted".into() };
            return inputs.push(event(Event::ScanEnded { folder, result }));
        }
        let Some(directory) = stack.pop() else {
            let reason = "a directory could not be read".into();
            let result =
                if incomplete { ScanResult::Incomplete { reason } } else { ScanResult::Complete };
            return inputs.push(event(Event::ScanEnded { folder, result }));
        };
        if self.trouble && self.rng.chance(5) {
            return self.after(1, Job::ScanStep { folder, stack, incomplete: true });
        }
        let subdirectories = self.disk.directories_in(&directory);
        stack.extend(subdirectories.iter().map(|name| directory.join(name)));
        let names = self.disk.names_in(&directory);
        let entries = names.into_iter().map(|name| {
            let look = self.look_at(&directory.join(&name));
            (name, look)
        });
        inputs.push(Input::Listing(DirectoryListing {
            folder,
            entries: entries.collect(),
            directory,
            after: None,
            upto: None,
            subdirectories,
        }));
        let wait = self.rng.range(1, 30);
        self.after(wait, Job::ScanStep { folder, stack, incomplete });
    }

    /// Somebody does something with a file.
    fn user(&mut self) {
        let root = self.rng.pick(&self.folders).root.clone();
        if self.disk.away.contains(&root) {
            return;
        }
        let path = root.join(*self.rng.pick(&NAMES));
        let busy = self.disk.files.get(&path).is_some_and(|file| file.to_come > 0);
        if busy {
            return;
        }
        let resting: Vec<PathBuf> = self
            .disk
            .files
            .iter()
            .filter(|(path, file)| {
                file.to_come == 0 && !self.disk.away.iter().any(|r| path.starts_with(r))
            })
            .map(|(path, _)| path.clone())
            .collect();
        let other = (!resting.is_empty()).then(|| self.rng.pick(&resting).clone());
        match (self.rng.below(10), other) {
            (0..=3, _) | (_, None) => self.begin_writing(path),
            (4, Some(other)) => self.overwrite(other),
            (5, Some(other)) => {
                self.disk.files.remove(&other);
                self.announce(other);
            }
            (6 | 7, Some(other)) => {
                if self.disk.rename(&other, &path, self.now) {
                    self.disk.make_directories(&path);
                    self.announce(other);
                    self.announce(path);
                }
            }
            (8, Some(other)) => {
                let text = self.disk.files.get(&other).map(|file| file.text);
                if let Some(text) = text {
                    self.disk.write(&path, text, 0, self.now);
                    self.announce(path);
                }
            }
            (_, Some(_)) => {
                let size = *self.rng.pick(&SIZES);
                let text = self.disk.fresh(size);
                self.disk.write(&path, text, 0, self.now);
                self.announce(path);
            }
        }
    }

    /// A writer that grows a file chunk by chunk, with pauses shorter than the quiet time.
    fn begin_writing(&mut self, path: PathBuf) {
        let chunks = self.rng.range(1, 5) as u32;
        let size = 1 + self.rng.below(4);
        let text = self.disk.fresh(size);
        self.disk.write(&path, text, chunks, self.now);
        self.announce(path.clone());
        let pause = self.rng.range(1, self.settle_ms * 4 / 5);
        self.after(pause, Job::Chunk(path));
    }

    fn chunk(&mut self, path: PathBuf) {
        let Some(file) = self.disk.files.get(&path) else { return };
        let to_come = file.to_come.saturating_sub(1);
        let size = if to_come == 0 { *self.rng.pick(&SIZES) } else { file.text.size + 1 };
        let text = self.disk.fresh(size);
        self.disk.write(&path, text, to_come, self.now);
        self.announce(path.clone());
        if to_come > 0 {
            let pause = self.rng.range(1, self.settle_ms * 4 / 5);
            self.after(pause, Job::Chunk(path));
        }
    }

    /// Other bytes of the same size, at once, perhaps within the same step of the clock.
    fn overwrite(&mut self, path: PathBuf) {
        let Some(file) = self.disk.files.get(&path).filter(|file| file.to_come == 0) else {
            return;
        };
        let text = self.disk.fresh(file.text.size);
        self.disk.write(&path, text, 0, self.now);
        self.announce(path.clone());
        if self.rng.chance(70) {
            let pause = self.rng.range(0, self.settle_ms * 3);
            self.after(pause, Job::Overwrite(path));
        }
    }

    /// The kernel announces a change, or does not, or twice, or says that it lost some.
    fn announce(&mut self, path: PathBuf) {
        let wait = self.rng.range(0, 50);
        if !self.rng.chance(self.event_percent) {
            // Where nothing is scanned again by itself, every loss is announced.
            if (self.rescan_ms == NO_RESCAN_MS || self.rng.chance(50))
                && let Some(folder) = self.folder_of(&path).map(|folder| folder.id)
            {
                self.after(wait, Job::ScanOwed(folder));
            }
            return;
        }
        if self.rng.chance(10) {
            self.after(wait + 600, Job::Watch(path.clone()));
        }
        self.after(wait, Job::Watch(path));
    }
}

/// The number behind a content's hash.
fn text_of(content: &Content) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&content.hash.0[..8]);
    u64::from_be_bytes(bytes)
}
