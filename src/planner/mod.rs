//! PURE: decides. Events and what the ledger knows go in; writes, effects and notices come out.
//!
//! Owns:
//! - no I/O, no clock, no randomness, no errors; time is an argument and jitter a seeded number;
//! - nothing outside `std` and this directory is imported: it compiles alone;
//! - memory is bounded by [`Limits`]; what is past them is forgotten and a scan is owed;
//! - an attempt is opened before its first byte, and an upload with an open attempt, or one whose
//!   name and size another open attempt of the account has, waits.

mod answers;
mod commands;
mod conditions;
mod configured;
mod contents;
mod doubt;
mod errands;
mod files;
pub mod filter;
mod folders;
mod known;
mod lookups;
mod media_type;
mod message;
mod missed;
pub mod pairing;
mod pause;
mod readings;
mod retry;
pub(crate) mod sabotage;
mod settle;
mod stops;
#[cfg(test)]
pub(crate) mod tests;
mod types;
mod uploads;

use std::collections::{BTreeMap, BTreeSet};

pub use conditions::{Condition, Conditions, Sensed};
pub use doubt::LOOKS_MS;
pub use errands::ERRAND_CAP_MS;
pub use folders::FolderView;
pub use known::{Known, KnownAs};
pub use media_type::MediaType;
pub use message::*;
pub use pairing::{MediaKind, Offered};
pub use pause::Paused;
pub use retry::{Cause, Gate, Passage, SERVER_DELAY_CAP_MS, UPLOAD_CAP_MS};
pub use settle::certain;
pub use types::*;

use doubt::Doubt;
use errands::Errands;
use folders::Folder;
use pause::Pauses;
use readings::Share;
use retry::{Gates, Jitter};
use settle::Settling;
use uploads::{Flight, Streaks};

/// What the configuration says of one folder, and what the ledger remembers of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderPolicy {
    /// Its row.
    pub id: FolderId,
    /// Where its files go.
    pub account: AccountId,
    /// Quiet time before a file counts as at rest.
    pub settle_ms: i64,
    /// How long a file may be at rest and incomplete.
    pub incomplete_ms: i64,
    /// An incomplete file is sent after that time, instead of failed.
    pub send_incomplete: bool,
    /// What lay there at first sight is left alone.
    pub ignore_existing: bool,
    /// A file that changes after its upload is left alone.
    pub ignore_changes: bool,
    /// Pause between two scans.
    pub rescan_ms: i64,
    /// A person says that its events can be relied on (`mode = "events"`).
    pub trusts_events: bool,
    /// What is done for a file once it is uploaded, or needs a person.
    pub wants: Wants,
    /// It was walked to its end before, in this run or an earlier one.
    pub scanned_before: bool,
}

/// Bounds on memory and on what is done at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Uploads at once.
    pub concurrency: usize,
    /// Files read for identification at once.
    pub identify_at_once: usize,
    /// Small files asked for at once, to be read as soon as a reader is free.
    pub read_ahead: usize,
    /// Files on their way to rest that are remembered.
    pub settling: usize,
    /// Attempts in doubt on one account.
    pub doubts: usize,
    /// Assets stored on one account since a doubt of it arose: with more, the list might not
    /// reach back to it.
    pub newer: u32,
    /// Pauses before the looks at a doubt.
    pub looks_ms: Vec<i64>,
    /// Quiet time of pushed files outside the folders.
    pub push_settle_ms: i64,
    /// Pause after the first failure of what is done for a file; doubled with each that follows.
    pub errand_pause_ms: i64,
    /// What uploads wait for the end of.
    pub pause_on: Conditions,
    /// How often what they wait for is asked about.
    pub sense_ms: i64,
    /// Seed of the jitter.
    pub seed: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            concurrency: 4,
            identify_at_once: 2,
            read_ahead: 128,
            settling: 10_000,
            doubts: 32,
            newer: 800,
            looks_ms: LOOKS_MS.to_vec(),
            push_settle_ms: 2_000,
            errand_pause_ms: 10_000,
            pause_on: Conditions::NONE,
            sense_ms: 30_000,
            seed: 0,
        }
    }
}

/// An account, named or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Account {
    email: Option<String>,
    /// Its list is being read, under this token.
    listing: Option<u32>,
    /// Without an e-mail: what is on these accounts is not on this one for sure.
    is_not: BTreeSet<AccountId>,
    /// Without an e-mail: when the list is to be read to find out which account it is.
    identify_at: Option<Mono>,
    /// Without an e-mail: and not before this, for it has just been read in vain.
    identify_after: Option<Mono>,
    /// Without an e-mail: since when that has been asked for.
    identify_since: Option<Mono>,
    /// Without an e-mail: nothing at all is stored on it, as of this very moment.
    empty_at: Option<Mono>,
}

/// Whether there is anything left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Something is under way or will be within a minute.
    pub moving: bool,
    /// Nothing settling, nothing to send that may be sent, no scan owed, no root away.
    pub done: bool,
    /// When something happens by itself, if that is further off.
    pub next: Option<Mono>,
}

/// Decides what to do.
#[derive(Debug, Clone)]
pub struct Planner {
    limits: Limits,
    folders: BTreeMap<FolderId, Folder>,
    accounts: BTreeMap<AccountId, Account>,
    settling: Settling,
    flights: BTreeMap<AttemptId, Flight>,
    doubts: BTreeMap<AttemptId, Doubt>,
    gates: Gates,
    /// The stops as they are written down.
    kept_stops: BTreeMap<Option<AccountId>, (Cause, Mono)>,
    streaks: Streaks,
    errands: Errands,
    jitter: Jitter,
    last_attempt: i64,
    /// How often the token has changed.
    token: u32,
    /// The server's clock minus ours, from the last answer that carried a date.
    skew_ms: Option<i64>,
    /// The queues may hold something that was not offered yet.
    hungry: bool,
    /// When a delayed upload may be tried.
    next_try: Option<Mono>,
    /// The folder whose turn it was last.
    last_served: Option<FolderId>,
    stopping: bool,
    /// When something may have been stored last, on any account: by this run, or just before it.
    stored_at: Mono,
    /// When this run began.
    started: Mono,
    pauses: Pauses,
    clock: Clock,
}

/// How the wall clock runs beside the monotonic one.
#[derive(Debug, Clone, Copy)]
struct Clock {
    offset_ms: i64,
    /// When it last jumped, or the machine slept: what it says of the time before cannot be used
    /// to tell how long a file has been quiet.
    since: Mono,
}

/// Drift between the clocks, from one step to the next, that is not a jump yet.
const JUMP_MS: i64 = 500;

impl Planner {
    /// A planner at the start of a run. What an earlier run left open is in doubt from now on.
    pub fn new(
        limits: Limits,
        folders: Vec<FolderPolicy>,
        accounts: Vec<(AccountId, Option<String>)>,
        remembered: Remembered,
        now: Now,
    ) -> Planner {
        let mut planner = Planner {
            jitter: Jitter(limits.seed),
            folders: folders.into_iter().map(|policy| (policy.id, Folder::new(policy))).collect(),
            accounts: accounts
                .into_iter()
                .map(|(id, email)| (id, Account { email, ..Account::default() }))
                .collect(),
            settling: Settling::default(),
            flights: BTreeMap::new(),
            doubts: BTreeMap::new(),
            gates: Gates::default(),
            kept_stops: BTreeMap::new(),
            streaks: Streaks::default(),
            errands: Errands::default(),
            last_attempt: remembered.last_attempt,
            token: 0,
            skew_ms: None,
            hungry: true,
            next_try: None,
            last_served: None,
            stopping: false,
            stored_at: now.mono,
            started: now.mono,
            pauses: Pauses::new(limits.pause_on, limits.sense_ms),
            clock: Clock { offset_ms: now.wall.0 - now.mono.0, since: Mono(i64::MIN) },
            limits,
        };
        if !sabotage::on(sabotage::Bug::TrustCrashedAttempts) {
            for open in remembered.open {
                let doubt = Doubt::left_open(open, now, &planner.limits.looks_ms);
                planner.doubts.insert(doubt.attempt, doubt);
            }
        }
        planner.restore_stops(remembered.stops, now);
        planner.restore_pause(remembered.paused, now);
        let pushes = remembered.pushes.into_iter();
        for (path, push) in pushes.filter(|_| !sabotage::on(sabotage::Bug::ForgetPushes)) {
            planner.push(now, path, push);
        }
        planner
    }

    /// What follows from one event. `facts` are what the ledger knows of what it is about.
    pub fn handle(&mut self, now: Now, event: Event, facts: Facts) -> Plan {
        self.watch_clock(now);
        let mut plan = Plan::default();
        match event {
            Event::Seen(sight) => self.seen(now, sight, facts.row, &mut plan),
            Event::AccountKnown { account, email } => {
                let new = || Account { email, ..Account::default() };
                self.accounts.entry(account).or_insert_with(new);
            }
            Event::Pushed { path, push } => {
                plan.writes.push(Write::PushAsked { path: path.clone(), push: push.clone() });
                self.push(now, path, push);
            }
            Event::Identified { path, result } => {
                self.identified(now, path, result, facts, &mut plan);
            }
            Event::Sent { attempt, outcome } => {
                if !matches!(outcome, Outcome::NotSent(_)) {
                    self.stored_at = now.mono;
                }
                self.sent(now, attempt, outcome, facts, &mut plan);
            }
            Event::Listed { account, listing } => {
                self.listed(now, account, listing, &facts, &mut plan);
            }
            Event::ScanEnded { folder, result } => {
                self.scan_ended(now, folder, result, &mut plan);
            }
            Event::ScanOwed { .. } if sabotage::on(sabotage::Bug::IgnoreOwedScans) => {}
            Event::ScanOwed { folder } => self.owe_scan(folder),
            Event::Watched { folder, by, pause_ms } => self.watched(now, folder, by, pause_ms),
            Event::Hangs { folder, reason } => self.hangs(folder, reason, &mut plan),
            Event::Configured(configured) => self.configured(now, *configured, &mut plan),
            Event::Sensed(sensed) => self.sensed(now, sensed, &mut plan),
            Event::Asked(command) => self.asked(now, command, facts, &mut plan),
            Event::TokenChanged => {
                self.token += 1;
                let forgets = sabotage::on(sabotage::Bug::ForgetNewToken);
                if !forgets && self.gates.token_changed() {
                    plan.notices.push(Notice::AccountResumed { account: None });
                }
                self.hungry = true;
            }
            Event::TokenMissing { reason } => {
                self.stop(now, AccountId(0), Cause::NoToken, reason, None, &mut plan);
            }
            Event::ErrandEnded { errand, result } => {
                self.errand_ended(now, errand, result, &mut plan);
            }
            Event::Stopping => {
                self.stopping = true;
                let attempts = self.flights.keys().copied().collect();
                plan.effects.push(Effect::Withdraw { attempts });
            }
        }
        self.keep_stops(now, &mut plan);
        self.stir_errands(&plan);
        plan
    }

    /// What the time alone brings: looks, reads, lists and scans that are due.
    pub fn poll(&mut self, now: Now) -> Plan {
        self.watch_clock(now);
        let mut plan = Plan::default();
        if self.stopping {
            return plan;
        }
        self.pause_is_over(now, &mut plan);
        self.sense_when_due(now, &mut plan);
        while let Some((folder, path)) = self.settling.next_look(now.mono) {
            plan.effects.push(Effect::Look { folder, path });
        }
        let Limits { identify_at_once: most, read_ahead: ahead, .. } = self.limits;
        while let Some(read) = self.settling.next_ready(now.mono, Share { most, ahead }) {
            plan.effects.push(read);
        }
        self.begin_lists(now, &mut plan);
        self.begin_scans(now, &mut plan);
        if self.next_try.is_some_and(|at| at <= now.mono) {
            self.next_try = None;
            self.hungry = true;
        }
        self.hungry |= self.gates.ready(now.mono);
        self.errands.wake(now.mono);
        plan
    }

    /// When to poll again though nothing happens, and why.
    pub fn timeout(&self, now: Now) -> Option<(Mono, &'static str)> {
        if self.stopping {
            return None;
        }
        let lists = self.doubts.values().filter(|doubt| !self.lists(doubt.key.account));
        let looks = lists.map(|doubt| doubt.next_look);
        let names = self.accounts.values().filter(|account| account.listing.is_none());
        let lists = looks.chain(names.filter_map(|account| account.identify_at)).min();
        let scans = self.folders.values().filter(|folder| !folder.scanning);
        let scans = scans.map(|folder| folder.next_scan).min();
        let [pause, condition] = self.pause_due();
        [
            pause,
            condition,
            (self.settling.next_due(), "a file is to be looked at"),
            (self.settling.next_share(now.mono), "a file waits for slow reads of other folders"),
            (lists, "an upload in doubt is to be looked up"),
            (scans, "a folder is to be scanned"),
            (self.next_try, "an upload is to be tried again"),
            (self.gates.next_due(now.mono), "a stop is to be tried"),
            (self.errands.next_due(), "something is to be done for a file"),
        ]
        .into_iter()
        .filter_map(|(at, why)| Some((at?, why)))
        .min_by_key(|(at, _)| *at)
        .map(|(at, why)| (at.max(now.mono), why))
    }

    /// The queues that a stop keeps from being looked into.
    pub fn stopped_lanes(&self, now: Now) -> Vec<(FolderId, AccountId)> {
        let mut lanes = self.lanes();
        let stops = |account| self.gates.passage(account, now.mono) != Passage::Open;
        let paused = self.pauses.stop_all();
        lanes.retain(|(_, account)| paused || stops(*account));
        lanes
    }

    /// Whether there is anything left to do, for `--once` and `wait`. A next try more than
    /// `patience_ms` away counts as left for another time. `stopped` says whether something waits
    /// in the [`Planner::stopped_lanes`]: a stop that stops nothing is not waited for.
    pub fn rest(&self, now: Now, patience_ms: i64, stopped: bool) -> Rest {
        let soon = now.mono.plus(patience_ms);
        // What hangs moves when its disk does.
        let moves = |folder: &&Folder| !folder.hangs;
        let scanning =
            self.folders.values().filter(moves).any(|folder| folder.scanning || folder.owed);
        let stuck = self.folders.iter().filter(|(_, folder)| folder.hangs);
        let stuck: usize = stuck.map(|(id, _)| self.settling.moving_in(*id)).sum();
        let settling = self.settling.moving() > stuck
            || self.settling.stirs_by(soon, |entry| {
                self.stays_incomplete(entry, soon) || stays_open(entry, now.mono, patience_ms)
            });
        let identifying = self.accounts.values().any(|account| account.identify_at.is_some());
        let sending =
            !self.flights.is_empty() || !self.doubts.is_empty() || self.hungry || identifying;
        let sending = sending || self.pauses.await_answer();
        // One whose time came since the last poll is about to be tried.
        let gates = stopped.then(|| self.gates.next_try()).flatten();
        let next = [self.next_try, gates].into_iter().flatten().min();
        // What may not begin is not about to.
        let next = next.filter(|_| self.paused().is_none());
        let away = self.folders.values().any(|folder| folder.away.is_some());
        let waits = self.settling.unsettled() > 0 || next.is_some() || stopped;
        Rest {
            moving: scanning
                || settling
                || sending
                || self.errands.moves_by(soon)
                || next.is_some_and(|at| at <= soon),
            done: !(scanning || settling || sending || waits || away),
            next,
        }
    }

    /// Whether a file is at rest and incomplete, and has until after `soon` to become complete: it
    /// is looked at all the same, but if nobody writes to it nothing comes of that.
    fn stays_incomplete(&self, entry: &settle::Entry, soon: Mono) -> bool {
        let Some((since, _)) = entry.incomplete else { return false };
        let folder = self.folders.get(&entry.folder);
        folder.is_some_and(|folder| since.plus(folder.policy.incomplete_ms) > soon)
    }

    /// The stop of all uploads, if there is one.
    pub fn stop_of_all(&self) -> Option<&Gate> {
        self.gates.all()
    }

    /// The stops of single accounts.
    pub fn stops(&self) -> impl Iterator<Item = (AccountId, &Gate)> {
        self.gates.accounts()
    }

    /// What is in flight: the file, and its bytes.
    pub fn in_flight_now(&self) -> impl Iterator<Item = (AttemptId, &SharedPath, u64)> {
        self.flights.iter().map(|(attempt, flight)| (*attempt, &flight.path, flight.size))
    }

    /// Whether a folder is being scanned, or is to be as soon as there is room.
    pub fn scans_owed(&self) -> bool {
        self.folders.values().any(|folder| folder.scanning || folder.owed)
    }

    /// Whether nothing is in flight: a stop needs to wait for nothing.
    pub fn grounded(&self) -> bool {
        self.flights.is_empty() && !self.errands.any()
    }

    /// How many files wait for their turn to be read, and their bytes.
    pub fn to_read(&self) -> (u64, u64) {
        self.settling.to_read()
    }

    /// Whether files are being read: memory will be freed without anything else happening.
    pub fn identifying(&self) -> bool {
        self.settling.identifying() > 0
    }

    /// How many more sights can be taken in before some must be forgotten.
    pub fn room(&self) -> usize {
        self.limits.settling.saturating_sub(self.settling.len())
    }

    fn watch_clock(&mut self, now: Now) {
        let offset_ms = now.wall.0.saturating_sub(now.mono.0);
        if offset_ms.saturating_sub(self.clock.offset_ms).abs() > JUMP_MS {
            self.clock.since = now.mono;
            self.pause_after_jump(now);
        }
        self.clock.offset_ms = offset_ms;
    }

    fn lists(&self, account: AccountId) -> bool {
        self.accounts.get(&account).is_some_and(|account| account.listing.is_some())
    }
}

/// Whether somebody has had a file open for writing for so long that waiting for the end is for
/// another time.
fn stays_open(entry: &settle::Entry, now: Mono, patience_ms: i64) -> bool {
    entry.open && now.since(entry.noticed_at) > patience_ms
}
