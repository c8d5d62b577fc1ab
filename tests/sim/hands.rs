//! Eyes and hands of the program, as far as the engine can tell: effects begun, and their answers.

use std::path::{Path, PathBuf};

use super::disk::Text;
use super::jobs::Job;
use super::server::{Day, ID};
use super::{Input, ListFault, World, event};
use crate::api::{Answer, of_upload};
use crate::planner::{
    AccountId, Arrival, Asset, AttemptId, Content, DirectoryListing, Disk, Effect, Event,
    Fingerprint, FolderId, Identity, Look, MediaType, NotSent, NotYet, Now, Outcome, Reading,
    ScanResult, Send, SharedPath, Sight, Stat, Trouble, Whole, Writers,
};

/// A reading that has begun: what was asked for, and what was found then.
#[derive(Debug)]
pub(super) struct Begun {
    wanted: Fingerprint,
    reading: Reading,
    stat: Stat,
    text: Text,
    open: bool,
    at: Now,
}

impl World {
    /// Begins what the engine asked for; it ends, if at all, as a job.
    pub(super) fn begin(&mut self, effect: Effect) {
        let soon = self.rng.range(0, 40);
        match effect {
            Effect::Look { folder, path } => self.after(soon, Job::Look { folder, path }),
            Effect::Identify { path, fingerprint, reading, .. } => {
                self.begin_read(path, fingerprint, reading);
            }
            Effect::Send(send) => {
                // Now and then it is long before there is a place for it.
                let late = self.trouble && self.rng.chance(10);
                let wait = if late { self.rng.range(0, 90_000) } else { soon };
                self.after(wait, Job::SendBegins(send));
            }
            Effect::Withdraw { attempts } => self.withdraw(&attempts),
            Effect::List { account, email } => {
                let wait = self.rng.range(10, 900);
                let asked = self.now;
                self.after(wait, Job::List { account, email, asked });
            }
            Effect::Sense { conditions } => self.after(soon, Job::Sense(conditions)),
            // Its events are lost at random, and nothing says when they are told.
            Effect::Poll { .. } => {}
            Effect::Errand(errand) => self.begin_errand(errand),
            Effect::Scan { folder } => {
                let root = self.folders.iter().find(|f| f.id == folder).map(|f| f.root.clone());
                let stack = root.into_iter().collect();
                self.after(soon, Job::ScanStep { folder, stack, incomplete: false });
            }
        }
    }

    fn begin_read(&mut self, path: SharedPath, fingerprint: Fingerprint, reading: Reading) {
        let stat = self.disk.stat(&path).unwrap_or_default();
        let file = self.disk.files.get(&*path).map(|file| file.text);
        let text = file.unwrap_or(Text { id: 0, size: 0 });
        let wait = self.rng.range(1, 400);
        let open = self.disk.is_open(&path);
        let begun = Begun { wanted: fingerprint, reading, stat, text, open, at: self.now };
        self.after(wait, Job::Read { path, begun });
    }

    /// Takes back what has not begun.
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

    /// Ends what a clean stop ends: bodies that are not whole. Whole ones get their answer.
    pub(super) fn abort(&mut self) {
        let sends = |job: &Job| matches!(job, Job::SendBegins(_) | Job::SendEnds { .. });
        for job in self.jobs.values_mut().filter(|job| sends(job)) {
            let attempt = match job {
                Job::SendBegins(send) | Job::SendEnds { send, .. } => send.attempt,
                _ => continue,
            };
            *job = Job::Answer { attempt, outcome: Outcome::NotSent(NotSent::Withdrawn) };
        }
    }

    /// Carries sends that have begun to their end at once, as far as the server is concerned.
    pub(super) fn finish_sends(&mut self) {
        let begun = self.jobs.iter().filter(|(_, job)| matches!(job, Job::SendBegins(_)));
        let begun: Vec<_> = begun.map(|(key, _)| *key).collect();
        for key in begun {
            if let Some(Job::SendBegins(send)) = self.jobs.remove(&key)
                && self.source_trouble(&send).is_none()
                && !self.server.impossible.contains(&send.content.hash)
            {
                let text = text_of(&send.content);
                self.server.store(send.email.as_deref(), &send.name, text, self.true_time);
            }
        }
    }

    pub(super) fn look(
        &mut self,
        folder: FolderId,
        path: SharedPath,
        arrival: Option<Arrival>,
    ) -> Input {
        let look = match self.look_at(&path) {
            Look::Left { rule, .. } if folder == FolderId::PUSHES => {
                Look::Unreadable { reason: rule }
            }
            other => other,
        };
        event(Event::Seen(Sight { folder, path, look, by_scan: false, arrival, told: true }))
    }

    fn look_at(&self, path: &Path) -> Look {
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

    /// What a reading comes to that began as `begun` says and ends now.
    pub(super) fn read(&mut self, path: &Path, begun: &Begun) -> Identity {
        let Begun { wanted, reading, stat: before, text, open, at } = begun;
        let away = self.disk.away.iter().any(|root| path.starts_with(root));
        let Some(after) = self.disk.stat(path) else {
            let reason = "input/output error".into();
            return if away { Identity::Unreadable { stat: None, reason } } else { Identity::Gone };
        };
        if before.fingerprint != *wanted && *reading != Reading::Glimpse {
            return Identity::Changed(after);
        }
        let whole = self.disk.whole(*text);
        let media = path.extension().is_none_or(|extension| extension != "txt");
        let why = match reading {
            Reading::Forced => None,
            Reading::Arrived | Reading::Quiet | Reading::Glimpse if *open => Some(NotYet::Open),
            Reading::Glimpse => Some(NotYet::Glimpsed),
            Reading::Quiet => None,
            Reading::Arrived if media && whole == Whole::Yes => None,
            Reading::Arrived => Some(NotYet::Unproved),
        };
        if let Some(why) = why {
            self.count(match why {
                NotYet::Open => "file open for writing",
                NotYet::Unproved => "arrival without proof",
                NotYet::Glimpsed => "glimpse",
            });
            return Identity::NotYet { stat: *before, why, lacks: None };
        }
        if after.fingerprint != *wanted {
            return Identity::Changed(after);
        }
        if self.disk.is_open(path) && *reading != Reading::Forced {
            return Identity::NotYet { stat: after, why: NotYet::Open, lacks: None };
        }
        if !media {
            let reason = "text is no media type".into();
            return Identity::Unsupported { stat: after, read_at: at.wall, reason };
        }
        if *reading == Reading::Arrived {
            self.count("arrival proved");
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
        let writers = match after.disk {
            Disk::Proving => Writers::Nobody,
            Disk::Local | Disk::Foreign | Disk::Remote => Writers::Unknown { why: "so".into() },
        };
        Identity::Known { stat: after, read_at: at.wall, content, name, whole, writers }
    }

    pub(super) fn send_begins(&mut self, send: Box<Send>) {
        let day = self.server.day(send.content.hash, &mut self.rng);
        let wait = match &day {
            Day::Offline => self.rng.range(1, 500),
            Day::Answers { answer, .. } if answer.status != 200 => self.rng.range(1, 500),
            Day::Answers { .. } | Day::Lost { .. } | Day::Broken => self.rng.range(1, 4_000),
        };
        let began = self.now;
        self.after(wait, Job::SendEnds { send, began, day });
    }

    pub(super) fn send_ends(&mut self, send: &Send, began: Now, day: Day) {
        let took_ms = self.now.mono.since(began.mono);
        let attempt = send.attempt;
        let whole = match &day {
            Day::Answers { whole, .. } => *whole,
            Day::Lost { .. } => true,
            Day::Broken | Day::Offline => false,
        };
        if let Some(not_sent) = self.source_trouble(send).filter(|_| whole) {
            let outcome = Outcome::NotSent(not_sent);
            return self.after(0, Job::Answer { attempt, outcome });
        }
        let outcome = match day {
            Day::Answers { answer, whole, stored } => {
                self.count_answer(answer.status, whole, stored);
                let asset = stored.then(|| self.store(send));
                let answer = with_id(answer, asset.as_ref());
                of_upload(&answer, whole, took_ms, self.now.wall)
            }
            Day::Lost { stored_after_ms } => {
                match stored_after_ms {
                    Some(0) => drop(self.store(send)),
                    Some(late_ms) => {
                        let (email, name) = (send.email.clone(), send.name.clone());
                        let text = text_of(&send.content);
                        self.after(late_ms, Job::Stores { email, name, text });
                    }
                    None => {}
                }
                Outcome::Unknown { status: None, reason: "reset".into(), took_ms }
            }
            Day::Broken => Outcome::NotSent(NotSent::Broken { reason: "reset".into() }),
            Day::Offline => {
                let trouble = Trouble { reason: "no route".into(), refusal: None };
                Outcome::NotSent(NotSent::Offline(trouble))
            }
        };
        let wait = self.rng.range(0, 3_000);
        self.after(wait, Job::Answer { attempt, outcome });
    }

    fn count_answer(&mut self, status: u16, whole: bool, stored: bool) {
        let word = match (status, whole, stored) {
            (200..=299, true, true) => "200",
            (200..=299, ..) => "200 and nothing stored",
            (300..=399, ..) => "3xx",
            (401, ..) => "401",
            (402, ..) => "402",
            (408, ..) => "408",
            (413 | 415 | 422, ..) => "413, 415 or 422",
            (429, ..) => "429",
            (596, ..) => "596",
            (400..=499, ..) => "400, 403 or 404",
            (_, false, _) => "5xx before the end",
            (_, true, true) => "5xx, stored",
            (_, true, false) => "5xx, not stored",
        };
        self.count(word);
    }

    fn store(&mut self, send: &Send) -> Asset {
        let text = text_of(&send.content);
        self.server.store(send.email.as_deref(), &send.name, text, self.true_time)
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

    pub(super) fn list(
        &mut self,
        account: AccountId,
        email: Option<String>,
        asked: Now,
        inputs: &mut Vec<Input>,
    ) {
        let blind = self.may_be_blind(account);
        let fault = self.server.list_fault;
        if !blind && fault == ListFault::Blind {
            self.server.list_fault = ListFault::None;
        }
        let listing = self.server.list(email.as_deref(), asked, self.true_time, &mut self.rng);
        self.server.list_fault = fault;
        inputs.push(event(Event::Listed { account, listing }));
    }

    /// A list that shows nothing at all can be told from an empty one only by what it must show.
    fn may_be_blind(&self, account: AccountId) -> bool {
        self.engine.as_ref().is_some_and(|engine| {
            let listed = engine.ledger().must_be_listed(account, self.now.wall);
            listed.is_ok_and(|listed| !listed.is_empty())
        })
    }

    pub(super) fn scan_step(
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
            let result = if incomplete {
                self.half_seen.insert(folder);
                ScanResult::Incomplete { reason }
            } else {
                self.half_seen.remove(&folder);
                ScanResult::Complete
            };
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
            told: false,
        }));
        let wait = self.rng.range(1, 30);
        self.after(wait, Job::ScanStep { folder, stack, incomplete });
    }
}

/// What a content's hash stands for.
fn text_of(content: &Content) -> Text {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&content.hash.0[..8]);
    Text { id: u64::from_be_bytes(bytes), size: content.size }
}

fn with_id(mut answer: Answer, asset: Option<&Asset>) -> Answer {
    if let (Some(asset), Ok(body)) = (asset, std::str::from_utf8(&answer.body)) {
        answer.body = body.replace(ID, &asset.asset_id).into_bytes();
    }
    answer
}
