//! Stops across a restart: what is written of them, and what an earlier run left.
//!
//! Owns:
//! - a pause that a server asked for, by its word or by its errors, holds for the next run too;
//! - a stored time further ahead than any pause counts as come.

use super::Planner;
use super::message::{Plan, Stop, Write};
use super::retry::{Gate, SERVER_DELAY_CAP_MS};
use super::sabotage::{self, Bug};
use super::types::{AccountId, Now};

impl Planner {
    pub(super) fn restore_stops(&mut self, stops: Vec<Stop>, now: Now) {
        for Stop { account, cause, reason, tries, until } in stops {
            let left_ms = match until.since(now.wall) {
                ahead if ahead > SERVER_DELAY_CAP_MS => 0,
                left_ms => left_ms.max(0),
            };
            let until = Some(now.mono.plus(left_ms));
            let gate = Gate { cause, reason, until, tries, unconfirmed: false, probe: None };
            if !sabotage::on(Bug::ForgetStops) {
                self.gates.restore(account, gate);
            }
        }
        self.kept_stops = self.gates.kept();
    }

    /// Writes down what has changed of the stops since this was asked last.
    pub(super) fn keep_stops(&mut self, now: Now, plan: &mut Plan) {
        let stops = self.gates.kept();
        if stops == self.kept_stops {
            return;
        }
        for account in self.kept_stops.keys().filter(|account| !stops.contains_key(*account)) {
            plan.writes.push(Write::Resumed { account: *account });
        }
        for (account, is) in &stops {
            if self.kept_stops.get(account) == Some(is) {
                continue;
            }
            if let Some(gate) = self.gate(*account) {
                plan.writes.push(Write::Stopped(Stop {
                    account: *account,
                    cause: is.0,
                    reason: gate.reason.clone(),
                    tries: gate.tries,
                    until: now.wall.plus(is.1.since(now.mono)),
                }));
            }
        }
        self.kept_stops = stops;
    }

    /// The stop of an account, or of all.
    pub(super) fn gate(&self, account: Option<AccountId>) -> Option<&Gate> {
        match account {
            Some(account) => self.gates.accounts().find(|(id, _)| *id == account).map(|(_, g)| g),
            None => self.gates.all(),
        }
    }
}
