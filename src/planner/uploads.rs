//! One upload: from its turn to its assetId, through every answer.
//!
//! Owns:
//! - an attempt that did not go out whole is tried again, one that did and has no answer is
//!   looked up first;
//! - a cause that is not one file's stops more than that file, and costs no file a failure;
//! - while an account's e-mail is not learnt yet, one upload at a time is in flight on it.

use std::collections::BTreeSet;

use super::doubt::{Doubt, Finding};
use super::message::{
    Ask, AttemptEnd, Effect, Facts, Listing, NotSent, Notice, Offer, Outcome, Plan, Refusal,
    RefusalKind, Send, Trouble, Write,
};
use super::retry::{Cause, DOUBTS_MOST, FAILURES_MOST, Passage, SAME_REFUSAL_MOST, STUMBLES_MOST};
use super::sabotage::{self, Bug};
use super::types::{
    AccountId, Asset, AttemptId, Candidate, FolderId, Mono, Now, Push, SharedPath, UploadKey, Wall,
};
use super::{Account, LOOKS_MS, Planner, UPLOAD_CAP_MS};

/// Candidates asked for beyond the room there is, for those that must wait for a rival.
const SPARE_CANDIDATES: usize = 8;

/// Attempts in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flight {
    key: UploadKey,
    folder: FolderId,
    path: SharedPath,
    name: String,
    size: u64,
    opened: Now,
    skew_ms: Option<i64>,
    failures: u32,
    doubts: u32,
}

/// Things that mean something only several times in a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Streaks {
    /// Server errors.
    stumbles: u32,
    /// The same refusal, account by account: status, words, and the uploads it met.
    refusals: Vec<(AccountId, u16, String, Vec<UploadKey>)>,
    /// Uploads stored since the last failure of any.
    stored: u64,
}

impl Planner {
    /// What to choose from, if anything could be sent.
    pub fn ask(&mut self, now: Now) -> Option<Ask> {
        let room = self.room_for_attempts();
        if !self.hungry || self.stopping || room == 0 {
            return None;
        }
        let mut lanes: Vec<(FolderId, AccountId)> = Vec::new();
        for folder in self.folders.values() {
            lanes.push((folder.policy.id, folder.policy.account));
        }
        if !lanes.is_empty() {
            let turn = self.last_lane % lanes.len();
            lanes.rotate_left(turn);
        }
        let pushes = self.accounts.keys().map(|account| (FolderId::PUSHES, *account));
        let mut lanes: Vec<_> = pushes.chain(lanes).collect();
        lanes.retain(|(_, account)| self.passage(*account, now.mono) != Passage::Closed);
        if lanes.is_empty() {
            // A gate opens by an event or by its time; both come back here.
            self.hungry = false;
            return None;
        }
        Some(Ask { lanes, most: room + SPARE_CANDIDATES })
    }

    /// Opens attempts for as many candidates as there is room for, lane by lane.
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
                        self.open_attempt(now, candidate, &mut plan);
                        picked += 1;
                        any = true;
                        break;
                    }
                    if self.may_be_elsewhere(&candidate) {
                        let account = self.accounts.entry(candidate.account).or_default();
                        account.identify_at.get_or_insert(now.mono);
                    }
                    blocked += 1;
                }
            }
            self.last_lane = self.last_lane.wrapping_add(1);
            if !any {
                break;
            }
        }
        // What is blocked waits for an event that makes hungry again.
        self.hungry = picked > 0 && blocked == 0;
        plan
    }

    /// How much may go through to one account: the gates, the doubts, and whether its name is
    /// still to be learnt.
    fn passage(&self, account: AccountId, now: Mono) -> Passage {
        let doubts = self.doubts.values().filter(|doubt| doubt.key.account == account).count();
        if doubts >= self.limits.doubts {
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
            || self.may_be_elsewhere(candidate)
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
    fn maybe_same(&self, one: AccountId, other: AccountId) -> bool {
        let nameless =
            |id| self.accounts.get(&id).is_none_or(|account: &Account| account.email.is_none());
        one == other || nameless(one) || nameless(other)
    }

    /// An account without a name may be the very one that has this content already.
    fn may_be_elsewhere(&self, candidate: &Candidate) -> bool {
        let Some(account) = self.accounts.get(&candidate.account) else { return false };
        let unsure = |other: &AccountId| !account.is_not.contains(other);
        account.email.is_none() && candidate.elsewhere.iter().any(unsure)
    }

    fn open_attempt(&mut self, now: Now, candidate: Candidate, plan: &mut Plan) {
        if let Some(account) = self.accounts.get_mut(&candidate.account) {
            account.identify_at = None;
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

    pub(super) fn sent(
        &mut self,
        now: Now,
        attempt: AttemptId,
        outcome: Outcome,
        named: Option<AccountId>,
        plan: &mut Plan,
    ) {
        let Some(flight) = self.flights.remove(&attempt) else {
            return;
        };
        self.gates.end_probe(attempt);
        self.hungry = true;
        match outcome {
            Outcome::Stored(asset) => {
                self.streaks.stumbles = 0;
                self.streaks.stored += 1;
                self.streaks.refusals.retain(|(account, ..)| *account != flight.key.account);
                self.close(attempt, AttemptEnd::Stored, Some(200), "", plan);
                self.stored(flight.key, &flight.path, &flight.name, asset, false, named, plan);
            }
            Outcome::NotSent(reason) => self.not_sent(now, attempt, flight, reason, plan),
            Outcome::Unknown { status, reason, took_ms } => {
                if status.is_some() {
                    self.is_online(plan);
                    self.stumbled(now, flight.key.account, &reason, plan);
                }
                self.in_doubt(now, attempt, flight, status, reason, took_ms, plan);
            }
            Outcome::Refused(refusal) => self.refused(now, attempt, flight, refusal, plan),
        }
    }

    fn close(
        &self,
        attempt: AttemptId,
        end: AttemptEnd,
        status: Option<u16>,
        detail: &str,
        plan: &mut Plan,
    ) {
        plan.writes.push(Write::CloseAttempt { attempt, end, status, detail: detail.into() });
    }

    #[allow(clippy::too_many_arguments)]
    fn stored(
        &mut self,
        key: UploadKey,
        path: &SharedPath,
        name: &str,
        asset: Asset,
        found: bool,
        named: Option<AccountId>,
        plan: &mut Plan,
    ) {
        let (all, one) = self.gates.open(key.account);
        if all {
            plan.notices.push(Notice::AccountResumed { account: None });
        }
        if one {
            plan.notices.push(Notice::AccountResumed { account: Some(key.account) });
        }
        plan.writes.push(Write::Uploaded { key, asset: asset.clone(), name: name.into() });
        let path = path.clone();
        let email = asset.email();
        plan.notices.push(Notice::Uploaded { path, key, asset, found });
        if let Some(email) = email {
            self.learn(key.account, email, named, plan);
        }
    }

    /// The first assetId of a nameless account tells its e-mail; the ledger may know that e-mail
    /// as another account.
    fn learn(
        &mut self,
        account: AccountId,
        email: String,
        named: Option<AccountId>,
        plan: &mut Plan,
    ) {
        let nameless = self.accounts.get(&account).is_some_and(|account| account.email.is_none());
        if !nameless {
            return;
        }
        match named {
            Some(into) if into != account => {
                plan.writes.push(Write::MergeAccount { from: account, into });
                self.accounts.remove(&account);
                self.accounts.entry(into).or_default().email = Some(email);
                self.gates.merge(account, into);
                for folder in self.folders.values_mut() {
                    if folder.policy.account == account {
                        folder.policy.account = into;
                    }
                }
                self.settling.merge_account(account, into);
            }
            Some(_) | None => {
                plan.writes.push(Write::NameAccount { account, email: email.clone() });
                self.accounts.entry(account).or_default().email = Some(email);
            }
        }
    }

    fn not_sent(
        &mut self,
        now: Now,
        attempt: AttemptId,
        flight: Flight,
        reason: NotSent,
        plan: &mut Plan,
    ) {
        match reason {
            NotSent::Offline(Trouble { reason, .. }) => {
                self.close(attempt, AttemptEnd::NotSent, None, &reason, plan);
                self.stop(now, flight.key.account, Cause::Offline, reason, None, plan);
            }
            NotSent::Broken { reason } => {
                self.close(attempt, AttemptEnd::NotSent, None, &reason, plan);
                self.failure(now, flight, reason, plan);
            }
            NotSent::SourceChanged => {
                let detail = "the file changed after it was read; its last bytes were not sent";
                self.close(attempt, AttemptEnd::NotSent, None, detail, plan);
                self.unlink(now, flight, detail, plan);
            }
            NotSent::SourceGone => {
                self.close(attempt, AttemptEnd::NotSent, None, "the file is gone", plan);
                plan.notices.push(Notice::Gone(flight.path.clone()));
                plan.writes.push(Write::Gone { path: flight.path });
            }
            NotSent::SourceUnreadable { reason } => {
                self.close(attempt, AttemptEnd::NotSent, None, &reason, plan);
                self.unlink(now, flight, &reason, plan);
            }
            NotSent::Withdrawn => {
                self.close(attempt, AttemptEnd::NotSent, None, "taken back unsent", plan);
            }
        }
    }

    /// The path does not hold this content any more: it settles again. Others may still hold it.
    fn unlink(&mut self, now: Now, flight: Flight, reason: &str, plan: &mut Plan) {
        plan.writes.push(Write::Settling {
            path: flight.path.clone(),
            folder: flight.folder,
            fingerprint: Default::default(),
            reason: reason.into(),
        });
        plan.notices.push(Notice::Retry {
            path: flight.path.clone(),
            at: None,
            reason: reason.into(),
        });
        if flight.folder == FolderId::PUSHES {
            let push = Push { account: flight.key.account, force: false, name: Some(flight.name) };
            let path = flight.path;
            plan.writes.push(Write::PushAsked { path: path.clone(), push: push.clone() });
            self.push(now, path, push);
        } else {
            self.settle_again(now, flight.folder, flight.path);
        }
    }

    /// A failure that may be this upload's own: later again, and after many a person's.
    fn failure(&mut self, now: Now, flight: Flight, reason: String, plan: &mut Plan) {
        let failures = flight.failures + 1;
        if failures >= FAILURES_MOST && self.streaks.stored > 0 {
            let reason = format!("{reason} ({failures} times, while other uploads passed)");
            plan.notices.push(Notice::Failed { path: flight.path, reason: reason.clone() });
            plan.writes.push(Write::UploadFailed { key: flight.key, reason });
            return;
        }
        let at = now.wall.plus(self.jitter.upload_delay_ms(failures));
        self.delay(flight, failures, Some(at), reason, plan);
    }

    fn delay(
        &mut self,
        flight: Flight,
        failures: u32,
        at: Option<Wall>,
        reason: String,
        plan: &mut Plan,
    ) {
        if sabotage::on(Bug::ForgetRetries) {
            return plan.writes.push(Write::UploadHeld { key: flight.key, reason });
        }
        plan.notices.push(Notice::Retry { path: flight.path, at, reason: reason.clone() });
        plan.writes.push(Write::Delay {
            key: flight.key,
            failures,
            doubts: flight.doubts,
            next_try_at: at,
            reason,
        });
    }

    fn stop(
        &mut self,
        now: Now,
        account: AccountId,
        cause: Cause,
        reason: String,
        asked_ms: Option<i64>,
        plan: &mut Plan,
    ) {
        let told = reason.clone();
        let new = self.gates.close(account, cause, reason, asked_ms, &mut self.jitter, now.mono);
        if !new {
            return;
        }
        let account = cause.of_account().then_some(account);
        let gate = match account {
            Some(account) => self.gates.accounts().find(|(id, _)| *id == account).map(|(_, g)| g),
            None => self.gates.all(),
        };
        let until = gate.and_then(|gate| gate.until).map(|at| now.wall.plus(at.since(now.mono)));
        plan.notices.push(Notice::AccountStopped { account, cause, until, reason: told });
        // What has not begun would only meet the same answer.
        let stopped = |flight: &&Flight| account.is_none_or(|id| flight.key.account == id);
        let attempts: Vec<AttemptId> =
            self.flights.iter().filter(|(_, flight)| stopped(flight)).map(|(id, _)| *id).collect();
        if !attempts.is_empty() {
            plan.effects.push(Effect::Withdraw { attempts });
        }
    }

    fn is_online(&mut self, plan: &mut Plan) {
        if self.gates.online() {
            plan.notices.push(Notice::AccountResumed { account: None });
        }
    }

    fn stumbled(&mut self, now: Now, account: AccountId, reason: &str, plan: &mut Plan) {
        self.streaks.stumbles += 1;
        if self.streaks.stumbles >= STUMBLES_MOST {
            self.stop(now, account, Cause::Server, reason.into(), None, plan);
        }
    }

    fn refused(
        &mut self,
        now: Now,
        attempt: AttemptId,
        flight: Flight,
        refusal: Refusal,
        plan: &mut Plan,
    ) {
        let account = flight.key.account;
        self.is_online(plan);
        let detail = format!("{}: {}", refusal.status, refusal.message);
        self.close(attempt, AttemptEnd::Refused, Some(refusal.status), &detail, plan);
        let path = flight.path.clone();
        match refusal.kind {
            RefusalKind::Token if sabotage::on(Bug::RetryRefusedToken) => {}
            RefusalKind::Token => self.stop(now, account, Cause::Token, detail, None, plan),
            RefusalKind::Subscription => {
                self.stop(now, account, Cause::Subscription, detail, None, plan);
            }
            RefusalKind::Account => self.stop(now, account, Cause::Account, detail, None, plan),
            RefusalKind::Rate { retry_after_ms } => {
                self.stop(now, account, Cause::Rate, detail.clone(), retry_after_ms, plan);
                // Written down, so that a restart does not ask again before the time.
                let gate = self.gates.accounts().find(|(id, _)| *id == account);
                let wait_ms = gate.and_then(|(_, gate)| gate.until).map(|at| at.since(now.mono));
                let at = wait_ms.map(|wait_ms| now.wall.plus(wait_ms.clamp(0, UPLOAD_CAP_MS)));
                let failures = flight.failures;
                self.delay(flight, failures, at, detail, plan);
            }
            RefusalKind::File => {
                plan.notices.push(Notice::Failed { path, reason: detail.clone() });
                plan.writes.push(Write::UploadFailed { key: flight.key, reason: detail });
            }
            RefusalKind::Other => self.refused_so(now, flight, refusal, detail, plan),
        }
    }

    /// The same words for several files in a row are about the account: those files go back to
    /// the queue.
    fn refused_so(
        &mut self,
        now: Now,
        flight: Flight,
        refusal: Refusal,
        detail: String,
        plan: &mut Plan,
    ) {
        let account = flight.key.account;
        let mut met = match self.streaks.refusals.iter().position(|(id, ..)| *id == account) {
            Some(index) => self.streaks.refusals.swap_remove(index),
            None => (account, 0, String::new(), Vec::new()),
        };
        if (met.1, &met.2) != (refusal.status, &refusal.message) {
            met = (account, refusal.status, refusal.message.clone(), Vec::new());
        }
        if !met.3.contains(&flight.key) {
            met.3.push(flight.key);
        }
        let stopped = met.3.len() >= SAME_REFUSAL_MOST;
        if stopped {
            for key in met.3.drain(..) {
                plan.writes.push(Write::Requeue { key, reason: detail.clone() });
            }
            // The next refusal of this kind, of a probe, closes it again at once.
            met.3.push(flight.key);
            let reason = format!("{detail} (the same for {SAME_REFUSAL_MOST} files in a row)");
            self.stop(now, account, Cause::Refused, reason, None, plan);
        } else if self
            .gates
            .accounts()
            .any(|(id, gate)| id == account && gate.cause == Cause::Refused)
        {
            self.stop(now, account, Cause::Refused, detail, None, plan);
        } else {
            let (path, reason) = (flight.path, detail.clone());
            plan.notices.push(Notice::Failed { path, reason });
            plan.writes.push(Write::UploadFailed { key: flight.key, reason: detail });
        }
        self.streaks.refusals.push(met);
    }

    #[allow(clippy::too_many_arguments)]
    fn in_doubt(
        &mut self,
        now: Now,
        attempt: AttemptId,
        flight: Flight,
        status: Option<u16>,
        reason: String,
        took_ms: i64,
        plan: &mut Plan,
    ) {
        if sabotage::on(Bug::RetryUnknown) {
            self.close(attempt, AttemptEnd::NotSent, status, &reason, plan);
            return self.failure(now, flight, reason, plan);
        }
        plan.notices.push(Notice::Unknown { path: flight.path.clone(), reason: reason.clone() });
        plan.writes.push(Write::Doubt { attempt, status, reason, took_ms });
        let mut doubt = Doubt {
            attempt,
            key: flight.key,
            path: flight.path,
            folder: flight.folder,
            name: flight.name,
            size: flight.size,
            opened_at: flight.opened.wall,
            opened_mono: Some(flight.opened.mono),
            opened_skew_ms: flight.skew_ms,
            since: now.mono,
            took_ms,
            looks: 0,
            next_look: now.mono,
            failures: flight.failures,
            doubts: flight.doubts,
        };
        doubt.next_look = doubt.look_at(&self.limits.looks_ms, now.mono);
        self.doubts.insert(attempt, doubt);
    }

    pub(super) fn begin_lists(&mut self, now: Now, plan: &mut Plan) {
        let doubts = self.doubts.values().filter(|doubt| doubt.next_look <= now.mono);
        let nameless = self.accounts.iter();
        let nameless =
            nameless.filter(|(_, account)| account.identify_at.is_some_and(|at| at <= now.mono));
        let due: BTreeSet<AccountId> =
            doubts.map(|doubt| doubt.key.account).chain(nameless.map(|(id, _)| *id)).collect();
        for id in due {
            if !self.gates.may_list(id, now.mono) {
                self.postpone_looks(id, now.mono.plus(LOOKS_MS[0]));
                continue;
            }
            let account = self.accounts.entry(id).or_default();
            if !account.listing {
                account.listing = true;
                plan.effects.push(Effect::List { account: id, email: account.email.clone() });
            }
        }
    }

    fn postpone_looks(&mut self, account: AccountId, until: Mono) {
        for doubt in self.doubts.values_mut().filter(|doubt| doubt.key.account == account) {
            doubt.next_look = doubt.next_look.max(until);
        }
        if let Some(account) = self.accounts.get_mut(&account) {
            account.identify_at = account.identify_at.map(|at| at.max(until));
        }
    }

    pub(super) fn listed(
        &mut self,
        now: Now,
        account: AccountId,
        listing: Result<Listing, Trouble>,
        facts: &Facts,
        plan: &mut Plan,
    ) {
        self.accounts.entry(account).or_default().listing = false;
        self.hungry = true;
        let listing = match listing {
            Ok(listing) => listing,
            Err(trouble) => return self.list_failed(now, account, trouble, plan),
        };
        self.is_online(plan);
        if let Some(server_time) = listing.server_time {
            self.skew_ms = Some(server_time.since(listing.asked.wall));
        }
        self.identify_account(now, account, &listing, facts, plan);
        // A doubt that came due after the list was asked for waits for the next one.
        let ids: Vec<AttemptId> = self
            .doubts
            .values()
            .filter(|doubt| doubt.key.account == account && doubt.next_look <= listing.asked.mono)
            .map(|doubt| doubt.attempt)
            .collect();
        let mut facts = facts.clone();
        for id in ids {
            self.settle_doubt(now, id, &listing, &mut facts, plan);
        }
    }

    /// Any asset of a nameless account tells its e-mail. A list without assets tells that it is
    /// none of the accounts that must have some.
    fn identify_account(
        &mut self,
        now: Now,
        id: AccountId,
        listing: &Listing,
        facts: &Facts,
        plan: &mut Plan,
    ) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        if account.identify_at.is_none() || account.email.is_some() {
            account.identify_at = None;
            return;
        }
        match listing.assets.iter().find_map(|listed| listed.asset.email()) {
            Some(email) => {
                account.identify_at = None;
                self.learn(id, email, facts.asset_account, plan);
            }
            None => {
                account.is_not.extend(&facts.established);
                account.identify_at = Some(now.mono.plus(LOOKS_MS[3]));
            }
        }
    }

    fn list_failed(&mut self, now: Now, account: AccountId, trouble: Trouble, plan: &mut Plan) {
        let cause = match trouble.refusal.as_ref().map(|refusal| refusal.kind) {
            Some(RefusalKind::Token) => Some(Cause::Token),
            Some(RefusalKind::Subscription) => Some(Cause::Subscription),
            Some(RefusalKind::Account) => Some(Cause::Account),
            Some(RefusalKind::Rate { .. } | RefusalKind::File | RefusalKind::Other) | None => None,
        };
        if let Some(cause) = cause {
            self.stop(now, account, cause, trouble.reason, None, plan);
        } else if trouble.refusal.is_some() {
            // A list without an e-mail is refused where there are several accounts; so will be
            // an upload, with the server's words.
            let all: Vec<AccountId> = self.accounts.keys().copied().collect();
            if let Some(account) = self.accounts.get_mut(&account)
                && account.identify_at.take().is_some()
            {
                account.is_not.extend(all);
            }
        }
        // A look that showed nothing does not count; the next comes after a pause.
        let pause_ms = self.jitter.delay_ms(4, LOOKS_MS[0], LOOKS_MS[3]);
        self.postpone_looks(account, now.mono.plus(pause_ms));
    }

    fn settle_doubt(
        &mut self,
        now: Now,
        id: AttemptId,
        listing: &Listing,
        facts: &mut Facts,
        plan: &mut Plan,
    ) {
        let Some(mut doubt) = self.doubts.remove(&id) else {
            return;
        };
        let open = self.flights.values().map(|flight| (&flight.key, &flight.name, flight.size));
        let open = open.chain(self.doubts.values().map(|d| (&d.key, &d.name, d.size)));
        let same_account = open.filter(|(key, ..)| self.maybe_same(key.account, doubt.key.account));
        let held = facts.held.iter().map(|(name, size)| (name.as_str(), *size));
        let rivals: Vec<(&str, u64)> =
            same_account.map(|(_, name, size)| (name.as_str(), size)).chain(held).collect();
        let finding = sabotaged(&doubt, listing, facts)
            .unwrap_or_else(|| doubt.judge(listing, facts, &rivals));
        doubt.looks += 1;
        let last =
            doubt.was_last_look(&self.limits.looks_ms) || sabotage::on(Bug::BelieveFirstLook);
        match finding {
            Finding::Found(asset) => {
                self.streaks.stumbles = 0;
                facts.ours.push((asset.asset_id.clone(), doubt.name.clone()));
                self.close(id, AttemptEnd::Found, None, "found in the list", plan);
                let named = facts.asset_account;
                self.stored(doubt.key, &doubt.path, &doubt.name, asset, true, named, plan);
            }
            Finding::Absent if last => self.absent(now, id, doubt, facts, plan),
            Finding::CannotTell(why) if last => {
                let reason = format!("sent whole, answer lost, and {why}");
                self.close(id, AttemptEnd::CannotTell, None, why, plan);
                facts.held.push((doubt.name.clone(), doubt.size));
                self.hold(doubt, reason, plan);
            }
            Finding::Absent => self.look_again(now, doubt, "not in the list yet", plan),
            Finding::CannotTell(why) => self.look_again(now, doubt, why, plan),
        }
    }

    fn look_again(&mut self, now: Now, mut doubt: Doubt, why: &str, plan: &mut Plan) {
        let (attempt, looks) = (doubt.attempt, doubt.looks);
        plan.writes.push(Write::Looked { attempt, looks, reason: why.into() });
        doubt.next_look = doubt.look_at(&self.limits.looks_ms, now.mono);
        self.doubts.insert(attempt, doubt);
    }

    /// Not in the list at the last look: not stored, and sent again.
    fn absent(
        &mut self,
        now: Now,
        id: AttemptId,
        doubt: Doubt,
        facts: &mut Facts,
        plan: &mut Plan,
    ) {
        let reason = "sent whole, answer lost, and not in the list";
        self.close(id, AttemptEnd::Absent, None, reason, plan);
        let doubts = doubt.doubts + 1;
        if doubts >= DOUBTS_MOST {
            let reason = format!("{reason}, {doubts} times in a row");
            facts.held.push((doubt.name.clone(), doubt.size));
            return self.hold(doubt, reason, plan);
        }
        let failures = doubt.failures + 1;
        let at = Some(now.wall.plus(self.jitter.upload_delay_ms(failures)));
        plan.notices.push(Notice::Retry { path: doubt.path, at, reason: reason.into() });
        plan.writes.push(Write::Delay {
            key: doubt.key,
            failures,
            doubts,
            next_try_at: at,
            reason: reason.into(),
        });
    }

    fn hold(&mut self, doubt: Doubt, reason: String, plan: &mut Plan) {
        plan.notices.push(Notice::Held { path: doubt.path, reason: reason.clone() });
        plan.writes.push(Write::UploadHeld { key: doubt.key, reason });
    }
}

/// Wrong judgements, on purpose.
fn sabotaged(doubt: &Doubt, listing: &Listing, facts: &Facts) -> Option<Finding> {
    if sabotage::on(Bug::AdoptBySizeOnly) {
        let sized = listing.assets.iter().find(|listed| listed.size == Some(doubt.size));
        return sized.map(|listed| Finding::Found(listed.asset.clone()));
    }
    if sabotage::on(Bug::BelieveBlindList) && !facts.recent.is_empty() && listing.assets.is_empty()
    {
        return Some(Finding::Absent);
    }
    None
}
