//! Doubts looked up: lists read, attempts found, given up or held.
//!
//! Owns:
//! - one list settles all doubts of an account that were due when it was asked for;
//! - a look that showed nothing does not count.

use std::collections::BTreeSet;

use super::answers::Stored;
use super::doubt::{Doubt, Finding};
use super::message::{
    AttemptEnd, Effect, Facts, Listing, Notice, Plan, RefusalKind, Trouble, Write,
};
use super::retry::{Cause, DOUBTS_MOST, Tried};
use super::sabotage::{self, Bug};
use super::types::{AccountId, AttemptId, Mono, Now};
use super::{LOOKS_MS, Planner};

impl Planner {
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
            if account.listing.is_none() {
                account.listing = Some(self.token);
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
        let token = self.accounts.entry(account).or_default().listing.take();
        self.hungry = true;
        let listing = match listing {
            Ok(listing) => listing,
            Err(trouble) => {
                return self.list_failed(now, account, trouble, token == Some(self.token), plan);
            }
        };
        self.is_online(plan);
        if token == Some(self.token) {
            self.gates.token_works();
        }
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
        let stored_at = self.stored_at;
        let Some(account) = self.accounts.get_mut(&id) else { return };
        if account.identify_at.is_none() || account.email.is_some() {
            account.identify_at = None;
            return;
        }
        // How old an asset is, is told by the wall clock: not across a jump of it, nor across the
        // time before this run.
        let steady_since = self.clock.since.max(self.started);
        let ages_count = listing.asked.mono.since(steady_since) >= LOOKS_MS[3];
        match listing.assets.iter().find_map(|listed| listed.asset.email()) {
            Some(email) => {
                account.identify_at = None;
                self.learn(id, email, facts.asset_account, plan);
            }
            None => {
                let since = account.identify_since.unwrap_or(now.mono);
                // What is stored is listed within this time: an empty list means an empty
                // account, if nothing was stored on any other, which it may be, since then. The
                // upload that is let through now will tell its name.
                let since = since.max(stored_at);
                if listing.assets.is_empty() && listing.asked.mono.since(since) >= LOOKS_MS[3] {
                    account.empty_at = Some(now.mono);
                }
                if ages_count {
                    account.is_not.extend(&facts.established);
                }
                // Whoever still needs the name asks again.
                account.identify_at = None;
                account.identify_after = Some(now.mono.plus(LOOKS_MS[3]));
            }
        }
    }

    fn list_failed(
        &mut self,
        now: Now,
        account: AccountId,
        trouble: Trouble,
        same_token: bool,
        plan: &mut Plan,
    ) {
        let kind = trouble.refusal.as_ref().map(|refusal| refusal.kind);
        let cause = match kind {
            Some(RefusalKind::Token) => same_token.then_some(Cause::Token),
            Some(RefusalKind::Subscription) => Some(Cause::Subscription),
            Some(RefusalKind::Account) => Some(Cause::Account),
            Some(RefusalKind::Rate { .. } | RefusalKind::File | RefusalKind::Other) | None => None,
        };
        if let Some(cause) = cause {
            self.stop(now, account, cause, trouble.reason, None, plan);
        } else if kind == Some(RefusalKind::Other) {
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
        let held = facts.held.iter().filter(|_| !sabotage::on(Bug::ForgetHeldClaims));
        let held = held.map(|(name, size)| (name.as_str(), *size));
        let rivals: Vec<(&str, u64)> =
            same_account.map(|(_, name, size)| (name.as_str(), size)).chain(held).collect();
        let finding = sabotaged(&doubt, listing, facts)
            .unwrap_or_else(|| doubt.judge(listing, facts, &rivals));
        doubt.looks += 1;
        let last =
            doubt.was_last_look(&self.limits.looks_ms) || sabotage::on(Bug::BelieveFirstLook);
        match finding {
            Finding::Found(asset) => {
                self.streaks.stumbles.clear();
                facts.ours.push((asset.asset_id.clone(), doubt.name.clone()));
                self.close(id, AttemptEnd::Found, None, "found in the list", plan);
                let named = facts.asset_account;
                let Doubt { key, path, name, .. } = doubt;
                let stored =
                    Stored { key, path, name, asset, found: true, tried: Tried::default() };
                self.stored(stored, named, plan);
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
    pub(super) fn absent(
        &mut self,
        now: Now,
        id: AttemptId,
        doubt: Doubt,
        facts: &mut Facts,
        plan: &mut Plan,
    ) {
        let reason = "sent whole, answer lost, and not in the list";
        self.close(id, AttemptEnd::Absent, None, reason, plan);
        // What a crash left open may never have gone out: only a loss that was seen counts.
        let seen = doubt.opened_mono.is_some() && !sabotage::on(Bug::ForgetDoubts);
        let doubts = doubt.doubts + u32::from(seen);
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
