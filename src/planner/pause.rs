//! A pause that a person asked for: no upload begins, those under way end.
//!
//! Owns:
//! - a pause outlives the process, and ends by a person's word or at its time;
//! - what is out is not cut: attempts whose first byte has not gone out are taken back, the others
//!   have their answer, and doubts are looked up as ever.

use super::Planner;
use super::message::{Effect, Notice, Plan, Write};
use super::sabotage::{self, Bug};
use super::types::{Mono, Now, Wall};

/// Until when nothing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// By the wall clock, as a person sees it; none means until somebody says otherwise.
    pub until: Option<Wall>,
    /// The same by the clock that waiting is measured with.
    due: Option<Mono>,
}

impl Pause {
    fn new(until: Option<Wall>, now: Now) -> Pause {
        let due = until.map(|at| now.mono.plus(at.since(now.wall).max(0)));
        Pause { until, due }
    }
}

impl Planner {
    /// The pause, if there is one.
    pub fn paused(&self) -> Option<Pause> {
        self.pause
    }

    pub(super) fn restore_pause(&mut self, kept: Option<Option<Wall>>, now: Now) {
        let kept = kept.filter(|_| !sabotage::on(Bug::ForgetPause));
        self.pause = kept.map(|until| Pause::new(until, now));
    }

    pub(super) fn begin_pause(&mut self, now: Now, until: Option<Wall>, plan: &mut Plan) {
        self.pause = Some(Pause::new(until, now));
        plan.writes.push(Write::Paused { until });
        plan.notices.push(Notice::Paused { until });
        let attempts: Vec<_> = self.flights.keys().copied().collect();
        if !attempts.is_empty() {
            plan.effects.push(Effect::Withdraw { attempts });
        }
    }

    pub(super) fn end_pause(&mut self, plan: &mut Plan) {
        if self.pause.take().is_some() {
            plan.writes.push(Write::Unpaused);
            plan.notices.push(Notice::Unpaused);
            self.hungry = true;
        }
    }

    /// The wall clock jumped, or the machine slept: a pause ends when a person would say so.
    pub(super) fn pause_after_jump(&mut self, now: Now) {
        self.pause = self.pause.map(|pause| Pause::new(pause.until, now));
    }

    /// Ends a pause whose time is over.
    pub(super) fn pause_is_over(&mut self, now: Now, plan: &mut Plan) {
        if self.pause_due().is_some_and(|due| due <= now.mono) {
            self.end_pause(plan);
        }
    }

    /// When the pause ends by itself.
    pub(super) fn pause_due(&self) -> Option<Mono> {
        self.pause.and_then(|pause| pause.due)
    }
}
