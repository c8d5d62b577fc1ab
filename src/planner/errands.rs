//! What is done for a file once it is uploaded, or needs a person: whose turn it is, and when again.
//!
//! Owns:
//! - what is owed is done at least once: an errand ends only with the answer that it is done, that
//!   there is nothing to do any more, or that it was tried often enough;
//! - one errand of a path at a time; the hands are told whether the path still holds what it is
//!   about;
//! - a program that fails for file after file is tried with one of them at a time, ever more slowly.

use std::collections::{BTreeMap, VecDeque};

use super::Planner;
use super::message::{
    Effect, ErrandAsk, ErrandEnd, ErrandOffer, ErrandResult, Notice, Plan, Write,
};
use super::sabotage::{self, Bug};
use super::types::{Errand, ErrandId, ErrandKind, FolderId, Mono, Now, SharedPath};

/// Errands under way at once.
const AT_ONCE: usize = 4;
/// So many failures of one errand, and it is given up: some three hours after the first.
const TRIES_MOST: u32 = 12;
/// No pause between two tries is longer, so a time further ahead comes from a clock that was wrong.
pub const ERRAND_CAP_MS: i64 = 3_600_000;
/// Where the errand is not to blame (no network, a file in use), so many of its first pauses.
const WAIT_PAUSES: i64 = 9;
/// So many failures in a row, and a folder's errands of that kind are done one at a time.
const STREAK: u32 = 3;
/// The longest pause between two of these.
const STREAK_CAP_MS: i64 = 900_000;

/// A folder's errands of one kind.
type Lane = (FolderId, ErrandKind);

/// What is under way, and what is in the way.
#[derive(Debug, Clone)]
pub(super) struct Errands {
    running: BTreeMap<ErrandId, Running>,
    trouble: BTreeMap<Lane, Trouble>,
    /// Something may be owed that was not offered yet.
    hungry: bool,
    /// When one that was delayed may be tried.
    next_try: Option<Mono>,
    /// The lane whose turn it was last.
    served: Option<Lane>,
}

/// What an earlier run left is asked for at once.
impl Default for Errands {
    fn default() -> Errands {
        let (running, trouble) = (BTreeMap::new(), BTreeMap::new());
        Errands { running, trouble, hungry: true, next_try: None, served: None }
    }
}

#[derive(Debug, Clone)]
struct Running {
    lane: Lane,
    path: SharedPath,
    tries: u32,
}

/// Failures of a lane in a row.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    failures: u32,
    /// Nothing of the lane is tried before.
    until: Mono,
    /// That time has come, and what waits was asked for.
    over: bool,
}

impl Errands {
    /// Something that was not asked for may be done now.
    pub(super) fn ask_again(&mut self) {
        self.hungry = true;
    }

    /// Whether any is under way.
    pub(super) fn any(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether one is under way, or will be by then.
    pub(super) fn moves_by(&self, soon: Mono) -> bool {
        self.any() || self.hungry || self.next_due().is_some_and(|at| at <= soon)
    }

    /// When there may be something to do again though nothing happens.
    pub(super) fn next_due(&self) -> Option<Mono> {
        let held_up = self.trouble.values().filter(|trouble| !trouble.over);
        held_up.map(|trouble| trouble.until).chain(self.next_try).min()
    }

    /// Asks for more if a time has come.
    pub(super) fn wake(&mut self, now: Mono) {
        for trouble in self.trouble.values_mut().filter(|trouble| trouble.until <= now) {
            self.hungry |= !std::mem::replace(&mut trouble.over, true);
        }
        if self.next_try.is_some_and(|at| at <= now) {
            self.next_try = None;
            self.hungry = true;
        }
    }

    /// Whether another errand of a lane may begin.
    fn admits(&self, lane: Lane, now: Mono) -> bool {
        let running = self.running.values().filter(|running| running.lane == lane).count();
        match self.trouble.get(&lane) {
            Some(trouble) if trouble.failures >= STREAK => running == 0 && trouble.until <= now,
            Some(_) | None => true,
        }
    }

    /// For how long nothing of a lane is tried.
    fn held_up_ms(&self, lane: Lane, now: Mono) -> i64 {
        self.trouble.get(&lane).map_or(0, |trouble| trouble.until.since(now).max(0))
    }

    fn failed(&mut self, lane: Lane, now: Mono, first_ms: i64) {
        let new = Trouble { failures: 0, until: now, over: true };
        let trouble = self.trouble.entry(lane).or_insert(new);
        trouble.failures = trouble.failures.saturating_add(1);
        if let Some(beyond) = trouble.failures.checked_sub(STREAK) {
            trouble.until = now.plus(pause_ms(first_ms, beyond, STREAK_CAP_MS));
            trouble.over = false;
        }
    }
}

impl Planner {
    /// What has just been written may owe something.
    pub(super) fn stir_errands(&mut self, plan: &Plan) {
        self.errands.hungry |= plan.writes.iter().any(owes) && self.wants_errands();
    }

    /// What is owed and could be done now is asked for.
    pub fn ask_errands(&mut self, now: Now) -> Option<ErrandAsk> {
        let room = AT_ONCE.saturating_sub(self.errands.running.len());
        if !self.errands.hungry || self.stopping || room == 0 {
            return None;
        }
        // What a disk that is away holds cannot be written beside, nor moved.
        let there = self.folders.values().filter(|folder| folder.away.is_none() && !folder.hangs);
        let lanes = there.flat_map(|folder| {
            let kinds = ErrandKind::ALL.into_iter().filter(|kind| folder.policy.wants.has(*kind));
            kinds.map(|kind| (folder.policy.id, kind))
        });
        let lanes: Vec<Lane> = lanes.filter(|lane| self.errands.admits(*lane, now.mono)).collect();
        if lanes.is_empty() {
            self.errands.hungry = false;
            return None;
        }
        Some(ErrandAsk { lanes, most: room + self.errands.running.len() })
    }

    /// Begins as many as there is room for.
    pub fn choose_errands(&mut self, now: Now, offer: ErrandOffer) -> Plan {
        let mut plan = Plan::default();
        self.errands.next_try = offer.next_try_at.map(|at| {
            let wait_ms = at.since(now.wall).clamp(0, ERRAND_CAP_MS);
            now.mono.plus(wait_ms)
        });
        for mut errand in self.in_turn(offer.errands) {
            let lane = (errand.folder, errand.kind);
            let busy = |running: &Running| running.path == errand.path;
            if self.errands.running.contains_key(&errand.id)
                || self.errands.running.values().any(busy)
                || self.errands.running.len() >= AT_ONCE
                || !self.errands.admits(lane, now.mono)
            {
                continue;
            }
            errand.holds |= sabotage::on(Bug::DisposeOfChanged);
            let running = Running { lane, path: errand.path.clone(), tries: errand.tries };
            self.errands.running.insert(errand.id, running);
            self.errands.served = Some(lane);
            plan.effects.push(Effect::Errand(Box::new(errand)));
        }
        // Whatever comes to its end asks again.
        self.errands.hungry = false;
        plan
    }

    /// One of each lane after the other, from behind the lane that was served last: slow programs of
    /// one folder keep no other waiting for long.
    fn in_turn(&self, offered: Vec<Errand>) -> Vec<Errand> {
        let mut lanes: BTreeMap<Lane, VecDeque<Errand>> = BTreeMap::new();
        for errand in offered {
            lanes.entry((errand.folder, errand.kind)).or_default().push_back(errand);
        }
        let (first, then): (Vec<_>, Vec<_>) =
            lanes.into_iter().partition(|(lane, _)| Some(*lane) > self.errands.served);
        let mut lanes: Vec<_> = first.into_iter().chain(then).map(|(_, lane)| lane).collect();
        let mut turns = Vec::new();
        while lanes.iter().any(|lane| !lane.is_empty()) {
            turns.extend(lanes.iter_mut().filter_map(VecDeque::pop_front));
        }
        turns
    }

    /// A person says that what was in the way is gone.
    pub(super) fn errands_again(&mut self, path: Option<SharedPath>, plan: &mut Plan) {
        self.errands.trouble.clear();
        plan.writes.push(Write::ErrandsAgain { path });
    }

    pub(super) fn errand_ended(
        &mut self,
        now: Now,
        errand: ErrandId,
        result: ErrandResult,
        plan: &mut Plan,
    ) {
        let Some(Running { lane, path, tries }) = self.errands.running.remove(&errand) else {
            return;
        };
        self.errands.hungry = true;
        let kind = lane.1;
        let first_ms = self.limits.errand_pause_ms;
        let mut end = |end, detail, gone| {
            plan.writes.push(Write::ErrandEnded { errand, end, detail, gone, again: false });
        };
        match result {
            ErrandResult::Done { detail } => {
                self.errands.trouble.remove(&lane);
                end(ErrandEnd::Done, detail, false);
            }
            ErrandResult::Moved { to } => {
                self.errands.trouble.remove(&lane);
                let detail = match &to {
                    Some(to) => format!("moved to {}", to.display()),
                    None => "moved to the trash".to_owned(),
                };
                end(ErrandEnd::Done, detail, true);
                plan.notices.push(Notice::Moved { path, to });
            }
            ErrandResult::Void { reason } => end(ErrandEnd::Void, reason, false),
            ErrandResult::Left { reason } => {
                let (end, detail) = (ErrandEnd::Void, reason);
                let (gone, again) = (false, true);
                plan.writes.push(Write::ErrandEnded { errand, end, detail, gone, again });
            }
            ErrandResult::Wait { reason } => {
                let next_try_at = now.wall.plus(first_ms.saturating_mul(WAIT_PAUSES));
                plan.writes.push(Write::ErrandDelayed { errand, tries, next_try_at, reason });
            }
            ErrandResult::Failed { reason } => {
                self.errands.failed(lane, now.mono, first_ms);
                let tries = tries.saturating_add(1);
                let last = tries >= TRIES_MOST || sabotage::on(Bug::ForgetErrandRetries);
                let pause_ms = pause_ms(first_ms, tries - 1, ERRAND_CAP_MS);
                // What holds up its lane holds it up too.
                let pause_ms = pause_ms.max(self.errands.held_up_ms(lane, now.mono));
                let at = (!last).then(|| now.wall.plus(pause_ms.min(ERRAND_CAP_MS)));
                match at {
                    Some(next_try_at) => {
                        let reason = reason.clone();
                        plan.writes.push(Write::ErrandDelayed {
                            errand,
                            tries,
                            next_try_at,
                            reason,
                        });
                    }
                    None => end(ErrandEnd::Failed, reason.clone(), false),
                }
                plan.notices.push(Notice::ErrandFailed { path, kind, at, reason });
            }
        }
    }

    fn wants_errands(&self) -> bool {
        self.folders.values().any(|folder| folder.policy.wants.any())
    }
}

fn pause_ms(first_ms: i64, doublings: u32, cap_ms: i64) -> i64 {
    first_ms.saturating_mul(1 << doublings.min(20)).min(cap_ms)
}

/// Whether a write may make a path uploaded, failed or held.
fn owes(write: &Write) -> bool {
    match write {
        Write::Link { .. }
        | Write::Relink { .. }
        | Write::Back { .. }
        | Write::PathFailed { .. }
        | Write::Uploaded { .. }
        | Write::UploadFailed { .. }
        | Write::UploadHeld { .. }
        | Write::Resolved { .. }
        | Write::MergeAccount { .. }
        | Write::ErrandsAgain { .. } => true,
        Write::Settling { .. }
        | Write::Certain { .. }
        | Write::Gone { .. }
        | Write::Ignored { .. }
        | Write::PushAsked { .. }
        | Write::PushEnded { .. }
        | Write::PushLink { .. }
        | Write::OpenAttempt { .. }
        | Write::Doubt { .. }
        | Write::Looked { .. }
        | Write::CloseAttempt { .. }
        | Write::Delay { .. }
        | Write::Requeue { .. }
        | Write::Stopped(_)
        | Write::Resumed { .. }
        | Write::Paused { .. }
        | Write::Unpaused
        | Write::TryAgain { .. }
        | Write::TryAllAgain
        | Write::Forget { .. }
        | Write::NameAccount { .. }
        | Write::Scanned { .. }
        | Write::ErrandEnded { .. }
        | Write::ErrandDelayed { .. } => false,
    }
}
