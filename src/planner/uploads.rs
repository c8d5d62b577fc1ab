//! Whose turn it is: candidates become attempts.
//!
//! Owns:
//! - an attempt is opened before its first byte;
//! - two contents of one name and size, or one content, are never in flight or in doubt together
//!   on one account, nor on two that may be the same;
//! - while an account's e-mail is not learnt yet, one upload at a time is in flight on it.

use super::doubt::Doubt;
use super::message::{Ask, Effect, Notice, Offer, Plan, Send, Write};
use super::retry::Passage;
use super::sabotage::{self, Bug};
use super::types::{AccountId, AttemptId, Candidate, FolderId, Mono, Now, SharedPath, UploadKey};
use super::{Account, Planner};

/// Candidates asked for beyond the room there is, for those that must wait for a rival.
const SPARE_CANDIDATES: usize = 8;

/// Attempts in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) key: UploadKey,
    pub(super) folder: FolderId,
    pub(super) path: SharedPath,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) opened: Now,
    pub(super) skew_ms: Option<i64>,
    pub(super) failures: u32,
    pub(super) doubts: u32,
    /// How often the token had changed when it was opened.
    pub(super) token: u32,
}

/// Things that mean something only several times in a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Streaks {
    /// The uploads that met server errors.
    pub(super) stumbles: Vec<UploadKey>,
    /// The same refusal, account by account: status, words, and the uploads it met.
    pub(super) refusals: Vec<(AccountId, u16, String, Vec<UploadKey>)>,
    /// Uploads stored since the last failure of any.
    pub(super) stored: u64,
}

impl Streaks {
    /// A person looked into this upload: what it met counts no more.
    pub(super) fn forget(&mut self, key: &UploadKey) {
        self.stumbles.retain(|met| met != key);
        for (.., met) in &mut self.refusals {
            met.retain(|other| other != key);
        }
    }
}

impl Planner {
    /// What to choose from, if anything could be sent.
    pub fn ask(&mut self, now: Now) -> Option<Ask> {
        let room = self.room_for_attempts();
        if self.pauses.is_asked() {
            self.hungry = false;
        }
        if !self.hungry || self.stopping || room == 0 {
            return None;
        }
        let mut lanes = self.lanes();
        lanes.retain(|(_, account)| self.passage(*account, now.mono) != Passage::Closed);
        if lanes.is_empty() {
            // A gate opens by an event or by its time; both come back here.
            self.hungry = false;
            return None;
        }
        Some(Ask { lanes, most: room + SPARE_CANDIDATES })
    }

    /// All queues, in the order of their turn: pushes, then the folders.
    pub(super) fn lanes(&self) -> Vec<(FolderId, AccountId)> {
        // A read on a disk that hangs would only hold a place.
        let folders = self.folders.values().filter(|folder| !folder.hangs);
        let folders = folders.map(|folder| &folder.policy);
        let mut lanes: Vec<_> = folders.map(|policy| (policy.id, policy.account)).collect();
        // The turn goes on behind the folder that was served last, however small the room.
        let served = lanes.iter().take_while(|(folder, _)| Some(*folder) <= self.last_served);
        let turn = served.count();
        lanes.rotate_left(turn);
        let pushes = self.accounts.keys().map(|account| (FolderId::PUSHES, *account));
        pushes.chain(lanes).collect()
    }

    /// Opens attempts for as many candidates as there is room for: all pushes, then lane by lane.
    pub fn choose(&mut self, now: Now, offer: Offer) -> Plan {
        let mut plan = Plan::default();
        self.next_try = offer.next_try_at.map(|at| {
            let wait_ms = at.since(now.wall).clamp(0, super::UPLOAD_CAP_MS);
            now.mono.plus(wait_ms)
        });
        let mut lanes: Vec<_> = offer.lanes.into_iter().map(Vec::into_iter).collect();
        let (mut picked, mut blocked) = (0, 0);
        loop {
            let mut any = false;
            for lane in &mut lanes {
                for candidate in lane.by_ref() {
                    if self.room_for_attempts() == 0 {
                        return plan;
                    }
                    if self.may_send(&candidate, now) {
                        if self.must_wait(now, &mut plan) {
                            // The answer makes hungry again.
                            self.hungry = false;
                            return plan;
                        }
                        let folder = candidate.folder;
                        self.open_attempt(now, candidate, &mut plan);
                        picked += 1;
                        any = true;
                        if folder == FolderId::PUSHES {
                            continue;
                        }
                        self.last_served = Some(folder);
                        break;
                    }
                    if let Some(nameless) = self.may_be_elsewhere(&candidate, now) {
                        let account = self.accounts.entry(nameless).or_default();
                        let after = account.identify_after.unwrap_or(now.mono);
                        account.identify_at.get_or_insert(after.max(now.mono));
                        account.identify_since.get_or_insert(now.mono);
                    }
                    blocked += 1;
                }
            }
            if !any {
                break;
            }
        }
        if picked == 0 {
            self.nothing_waits(&mut plan);
        }
        // What is blocked waits for an event that makes hungry again.
        self.hungry = picked > 0 && blocked == 0;
        plan
    }

    /// How much may go through to one account: the gates, the doubts, and whether its name is
    /// still to be learnt.
    pub(super) fn passage(&self, account: AccountId, now: Mono) -> Passage {
        let of = |doubt: &&Doubt| doubt.key.account == account;
        let doubts = self.doubts.values().filter(of).count();
        let mut ages = self.doubts.values().filter(of).map(|doubt| doubt.newer);
        let full = doubts >= self.limits.doubts || ages.any(|newer| newer >= self.limits.newer);
        if full && !sabotage::on(Bug::ForgetDoubtLimits) {
            return Passage::Closed;
        }
        let nameless = self.accounts.get(&account).is_none_or(|account| account.email.is_none());
        let passage = self.gates.passage(account, now);
        if nameless && doubts + self.in_flight(account) > 0 {
            return Passage::Closed;
        }
        passage
    }

    fn in_flight(&self, account: AccountId) -> usize {
        self.flights.values().filter(|flight| flight.key.account == account).count()
    }

    fn room_for_attempts(&self) -> usize {
        (2 * self.limits.concurrency).saturating_sub(self.flights.len())
    }

    fn may_send(&self, candidate: &Candidate, now: Now) -> bool {
        let key = candidate.key();
        if self.passage(key.account, now.mono) == Passage::Closed
            || self.may_be_elsewhere(candidate, now).is_some()
        {
            return false;
        }
        if sabotage::on(Bug::ForgetClaims) {
            return true;
        }
        let claims = |other: &UploadKey, name: &str, size: u64| {
            self.maybe_same(other.account, key.account)
                && (other.hash == key.hash
                    || (name == candidate.name && size == candidate.content.size))
        };
        !self.flights.values().any(|flight| claims(&flight.key, &flight.name, flight.size))
            && !self.doubts.values().any(|doubt| claims(&doubt.key, &doubt.name, doubt.size))
    }

    /// An account without a name may turn out to be any other.
    pub(super) fn maybe_same(&self, one: AccountId, other: AccountId) -> bool {
        let nameless =
            |id| self.accounts.get(&id).is_none_or(|account: &Account| account.email.is_none());
        one == other || nameless(one) || nameless(other)
    }

    /// An account without a name may be the very one that has this content already, or wants it:
    /// which account that is must be found out first.
    fn may_be_elsewhere(&self, candidate: &Candidate, now: Now) -> Option<AccountId> {
        let unsure = |nameless: AccountId, other: AccountId| {
            self.accounts.get(&nameless).is_some_and(|account| {
                account.email.is_none()
                    && !account.is_not.contains(&other)
                    && account.empty_at != Some(now.mono)
            })
        };
        candidate.elsewhere.iter().find_map(|other| {
            let (here, there) = (candidate.account, *other);
            match (unsure(here, there), unsure(there, here)) {
                (true, _) => Some(here),
                (false, true) => Some(there),
                (false, false) => None,
            }
        })
    }

    fn open_attempt(&mut self, now: Now, candidate: Candidate, plan: &mut Plan) {
        if let Some(account) = self.accounts.get_mut(&candidate.account) {
            account.identify_at = None;
            account.identify_since = None;
        }
        self.last_attempt += 1;
        let attempt = AttemptId(self.last_attempt);
        let key = candidate.key();
        self.gates.begin_probe(key.account, attempt);
        let Candidate {
            folder, content, account, path, fingerprint, name, failures, doubts, ..
        } = candidate;
        plan.writes.push(Write::OpenAttempt {
            attempt,
            key,
            path: path.clone(),
            name: name.clone(),
            at: now.wall,
            skew_ms: self.skew_ms,
        });
        self.flights.insert(
            attempt,
            Flight {
                key,
                folder,
                path: path.clone(),
                name: name.clone(),
                size: content.size,
                opened: now,
                skew_ms: self.skew_ms,
                failures,
                doubts,
                token: self.token,
            },
        );
        let email = self.accounts.get(&account).and_then(|account| account.email.clone());
        plan.notices.push(Notice::Uploading {
            path: path.clone(),
            content: content.clone(),
            account,
        });
        plan.effects.push(Effect::Send(Box::new(Send {
            attempt,
            path,
            fingerprint,
            content,
            email,
            name,
        })));
    }
}
