//! How sending ended: every answer, and what follows from it.
//!
//! Owns:
//! - an attempt that did not go out whole is tried again, one that did and has no answer is
//!   looked up first;
//! - a cause that is not one file's stops more than that file, and costs no file a failure.

use super::doubt::Doubt;
use super::message::{
    AttemptEnd, Effect, Facts, NotSent, Notice, Outcome, Plan, Refusal, RefusalKind, Trouble, Write,
};
use super::retry::{Cause, Closed, FAILURES_MOST, SAME_REFUSAL_MOST, STUMBLES_MOST, Tried};
use super::sabotage::{self, Bug};
use super::types::{
    AccountId, Asset, AttemptId, FolderId, Now, PathRow, Push, SharedPath, UploadKey, Wall,
};
use super::uploads::Flight;
use super::{Planner, UPLOAD_CAP_MS};

/// An upload that is on the server.
pub(super) struct Stored {
    pub(super) key: UploadKey,
    pub(super) path: SharedPath,
    pub(super) name: String,
    pub(super) asset: Asset,
    /// In the list, after a lost answer.
    pub(super) found: bool,
    pub(super) tried: Tried,
}

impl Planner {
    /// Where an attempt in flight is read from, for the engine to look up.
    pub fn source_of(&self, attempt: AttemptId) -> Option<&SharedPath> {
        self.flights.get(&attempt).map(|flight| &flight.path)
    }

    pub(super) fn sent(
        &mut self,
        now: Now,
        attempt: AttemptId,
        outcome: Outcome,
        facts: Facts,
        plan: &mut Plan,
    ) {
        let Some(flight) = self.flights.remove(&attempt) else {
            return;
        };
        let tried = self.gates.end_probe(attempt);
        self.hungry = true;
        match outcome {
            Outcome::Stored(asset) => {
                self.streaks.stumbles.clear();
                self.streaks.stored += 1;
                self.streaks.refusals.retain(|(account, ..)| *account != flight.key.account);
                self.close(attempt, AttemptEnd::Stored, Some(200), "", plan);
                let Flight { key, path, name, .. } = flight;
                let stored = Stored { key, path, name, asset, found: false, tried };
                self.stored(stored, facts.asset_account, plan);
            }
            Outcome::NotSent(reason) => self.not_sent(now, attempt, flight, reason, facts, plan),
            Outcome::Unknown { status, reason, took_ms } => {
                if status.is_some() {
                    self.is_online(plan);
                    self.stumbled(now, flight.key, &reason, plan);
                }
                self.in_doubt(now, attempt, flight, status, reason, took_ms, plan);
            }
            Outcome::Refused(refusal) => self.refused(now, attempt, flight, refusal, plan),
        }
    }

    pub(super) fn close(
        &self,
        attempt: AttemptId,
        end: AttemptEnd,
        status: Option<u16>,
        detail: &str,
        plan: &mut Plan,
    ) {
        plan.writes.push(Write::CloseAttempt { attempt, end, status, detail: detail.into() });
    }

    pub(super) fn stored(&mut self, stored: Stored, named: Option<AccountId>, plan: &mut Plan) {
        let Stored { key, path, name, asset, found, tried } = stored;
        for doubt in self.doubts.values_mut().filter(|doubt| doubt.key.account == key.account) {
            doubt.newer += 1;
        }
        let (all, one) = self.gates.open(key.account, tried);
        if all {
            plan.notices.push(Notice::AccountResumed { account: None });
        }
        if one {
            plan.notices.push(Notice::AccountResumed { account: Some(key.account) });
        }
        plan.writes.push(Write::Uploaded { key, asset: asset.clone(), name });
        let email = asset.email();
        plan.notices.push(Notice::Uploaded { path, key, asset, found });
        if let Some(email) = email {
            self.learn(key.account, email, named, plan);
        }
    }

    /// The first assetId of a nameless account tells its e-mail; the ledger may know that e-mail
    /// as another account.
    pub(super) fn learn(
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
                let flights = self.flights.values_mut().map(|flight| &mut flight.key);
                let doubts = self.doubts.values_mut().map(|doubt| &mut doubt.key);
                let met = self.streaks.refusals.iter_mut().flat_map(|(.., met)| met);
                for key in flights.chain(doubts).chain(met).chain(&mut self.streaks.stumbles) {
                    if key.account == account {
                        key.account = into;
                    }
                }
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
        facts: Facts,
        plan: &mut Plan,
    ) {
        match reason {
            NotSent::Offline(Trouble { reason, .. }) if sabotage::on(Bug::FailOffline) => {
                self.close(attempt, AttemptEnd::NotSent, None, &reason, plan);
                plan.writes.push(Write::UploadFailed { key: flight.key, reason });
            }
            NotSent::Offline(Trouble { reason, .. }) => {
                self.close(attempt, AttemptEnd::NotSent, None, &reason, plan);
                self.stop(now, flight.key.account, Cause::Offline, reason, None, plan);
            }
            NotSent::Broken { reason } => {
                self.close(attempt, AttemptEnd::NotSent, None, &reason, plan);
                self.stumbled(now, flight.key, &reason, plan);
                self.failure(now, flight, reason, plan);
            }
            NotSent::SourceChanged => {
                let detail = "the file changed after it was read; its last bytes were not sent";
                self.close(attempt, AttemptEnd::NotSent, None, detail, plan);
                self.unlink(now, flight, detail, facts.row, plan);
            }
            NotSent::SourceGone => {
                self.close(attempt, AttemptEnd::NotSent, None, "the file is gone", plan);
                plan.notices.push(Notice::Gone(flight.path.clone()));
                plan.writes.push(Write::Gone { path: flight.path });
            }
            NotSent::SourceUnreadable { reason } => {
                self.close(attempt, AttemptEnd::NotSent, None, &reason, plan);
                self.unlink(now, flight, &reason, facts.row, plan);
            }
            NotSent::Withdrawn => {
                self.close(attempt, AttemptEnd::NotSent, None, "taken back unsent", plan);
            }
        }
    }

    /// The path does not hold this content any more: it settles again. Others may still hold it.
    fn unlink(
        &mut self,
        now: Now,
        flight: Flight,
        reason: &str,
        row: Option<PathRow>,
        plan: &mut Plan,
    ) {
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
            if let Some(row) = row.filter(|row| row.folder != FolderId::PUSHES) {
                self.settle_again(now, row.folder, flight.path.clone());
            }
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
        let others_pass = std::mem::take(&mut self.streaks.stored) > 0;
        let many = failures >= FAILURES_MOST && others_pass;
        if many || sabotage::on(Bug::GiveUpEarly) {
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

    pub(super) fn stop(
        &mut self,
        now: Now,
        account: AccountId,
        cause: Cause,
        reason: String,
        asked_ms: Option<i64>,
        plan: &mut Plan,
    ) {
        let told = reason.clone();
        let closed = self.gates.close(account, cause, reason, asked_ms, &mut self.jitter, now.mono);
        let account = cause.of_account().then_some(account);
        match closed {
            Closed::Already => return,
            Closed::Unconfirmed => {}
            Closed::Anew => {
                let gate = self.gate(account);
                let until = gate.and_then(|gate| gate.until);
                let until = until.map(|at| now.wall.plus(at.since(now.mono)));
                plan.notices.push(Notice::AccountStopped { account, cause, until, reason: told });
            }
        }
        // What has not begun would only meet the same answer.
        let stopped = |flight: &&Flight| account.is_none_or(|id| flight.key.account == id);
        let attempts: Vec<AttemptId> =
            self.flights.iter().filter(|(_, flight)| stopped(flight)).map(|(id, _)| *id).collect();
        if !attempts.is_empty() {
            plan.effects.push(Effect::Withdraw { attempts });
        }
    }

    /// The token or the subscription was refused: to be confirmed, or final. The upload waits
    /// with all others and has failed in nothing.
    fn stop_all(
        &mut self,
        now: Now,
        flight: Flight,
        cause: Cause,
        detail: String,
        plan: &mut Plan,
    ) {
        self.stop(now, flight.key.account, cause, detail.clone(), None, plan);
        let gate = self.gates.all().filter(|gate| gate.cause == cause && gate.unconfirmed);
        if let Some(until) = gate.and_then(|gate| gate.until) {
            let at = Some(now.wall.plus(until.since(now.mono)));
            plan.notices.push(Notice::Retry { path: flight.path, at, reason: detail });
        }
    }

    pub(super) fn is_online(&mut self, plan: &mut Plan) {
        if self.gates.online() {
            plan.notices.push(Notice::AccountResumed { account: None });
        }
    }

    fn stumbled(&mut self, now: Now, key: UploadKey, reason: &str, plan: &mut Plan) {
        if !self.streaks.stumbles.contains(&key) && self.streaks.stumbles.len() < STUMBLES_MOST {
            self.streaks.stumbles.push(key);
        }
        let many = self.streaks.stumbles.len() >= STUMBLES_MOST;
        if many && !sabotage::on(Bug::IgnoreServerErrors) {
            self.stop(now, key.account, Cause::Server, reason.into(), None, plan);
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
        self.streaks.stumbles.clear();
        let detail = format!("{}: {}", refusal.status, refusal.message);
        self.close(attempt, AttemptEnd::Refused, Some(refusal.status), &detail, plan);
        let path = flight.path.clone();
        match refusal.kind {
            RefusalKind::Token if sabotage::on(Bug::RetryRefusedToken) => {}
            // It went out under a token that is not in use any more.
            RefusalKind::Token if flight.token != self.token => {}
            RefusalKind::Token => self.stop_all(now, flight, Cause::Token, detail, plan),
            RefusalKind::Subscription => {
                self.stop_all(now, flight, Cause::Subscription, detail, plan);
            }
            RefusalKind::Account => self.stop(now, account, Cause::Account, detail, None, plan),
            RefusalKind::Rate { retry_after_ms } => {
                let retry_after_ms =
                    retry_after_ms.filter(|_| !sabotage::on(Bug::IgnoreServerDelay));
                self.stop(now, account, Cause::Rate, detail.clone(), retry_after_ms, plan);
                // Written down, so that a restart does not ask again before the time.
                let gate = self.gate(Some(account));
                let wait_ms = gate.and_then(|gate| gate.until).map(|at| at.since(now.mono));
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
        let stopped = met.3.len() >= SAME_REFUSAL_MOST && !sabotage::on(Bug::IgnoreSameRefusals);
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
            newer: 0,
        };
        doubt.next_look = doubt.look_at(&self.limits.looks_ms, now.mono);
        self.doubts.insert(attempt, doubt);
    }
}
