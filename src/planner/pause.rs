//! What keeps every upload from beginning: a person's word, or what the machine goes through.
//!
//! Owns:
//! - a person's pause outlives the process, and ends by a person's word or at its time;
//! - a person who resumes sets aside the conditions that hold, until each of them ends;
//! - what is out is not cut: attempts whose first byte has not gone out are taken back, the others
//!   have their answer, and doubts are looked up as ever.

use super::Planner;
use super::conditions::{Condition, Conditions, Sensed, Sensing};
use super::message::{Effect, Notice, Plan, Write};
use super::sabotage::{self, Bug};
use super::types::{Mono, Now, Wall};

/// Why nothing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// A person wants it so.
    Asked {
        /// Until then; none means until somebody says otherwise.
        until: Option<Wall>,
    },
    /// The configuration wants it so as long as this holds, and something waits for its end.
    While(Condition),
}

/// What keeps uploads from beginning.
#[derive(Debug, Clone)]
pub(super) struct Pauses {
    asked: Option<Pause>,
    sensing: Sensing,
}

/// A person's pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pause {
    /// By the wall clock, as a person sees it.
    until: Option<Wall>,
    /// The same by the clock that waiting is measured with.
    due: Option<Mono>,
}

impl Pause {
    fn new(until: Option<Wall>, now: Now) -> Pause {
        let due = until.map(|at| now.mono.plus(at.since(now.wall).max(0)));
        Pause { until, due }
    }
}

impl Pauses {
    pub(super) fn new(pause_on: Conditions, sense_ms: i64) -> Pauses {
        Pauses { asked: None, sensing: Sensing::new(pause_on, sense_ms) }
    }

    /// Whether a person wants nothing to begin.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether nothing may begin, though nothing may be there to begin.
    pub(super) fn stop_all(&self) -> bool {
        self.asked.is_some() || self.sensing.blocks().is_some()
    }

    /// Whether something would go out if only somebody said what the machine goes through.
    pub(super) fn await_answer(&self) -> bool {
        self.sensing.is_awaited()
    }
}

impl Planner {
    /// Why nothing begins, if nothing does.
    pub fn paused(&self) -> Option<Paused> {
        let asked = self.pauses.asked.map(|pause| Paused::Asked { until: pause.until });
        asked.or_else(|| self.pauses.sensing.keeps().map(Paused::While))
    }

    pub(super) fn restore_pause(&mut self, kept: Option<Option<Wall>>, now: Now) {
        let kept = kept.filter(|_| !sabotage::on(Bug::ForgetPause));
        self.pauses.asked = kept.map(|until| Pause::new(until, now));
    }

    pub(super) fn begin_pause(&mut self, now: Now, until: Option<Wall>, plan: &mut Plan) {
        self.pauses.asked = Some(Pause::new(until, now));
        self.pauses.sensing.take_back();
        plan.writes.push(Write::Paused { until });
        plan.notices.push(Notice::Paused(Paused::Asked { until }));
        self.withdraw_all(plan);
    }

    /// A person says that uploads go on.
    pub(super) fn resume(&mut self, plan: &mut Plan) {
        let before = self.paused();
        self.end_asked(plan);
        self.pauses.sensing.set_aside();
        self.sense(plan);
        self.tell_pause(before, plan);
    }

    fn end_asked(&mut self, plan: &mut Plan) {
        if self.pauses.asked.take().is_some() {
            plan.writes.push(Write::Unpaused);
        }
    }

    /// What the machine goes through now.
    pub(super) fn sensed(&mut self, now: Now, sensed: Sensed, plan: &mut Plan) {
        let (before, blocked) = (self.paused(), self.pauses.sensing.blocks());
        if !self.pauses.sensing.take(now.mono, sensed) {
            return self.sense(plan);
        }
        if blocked.is_none() && self.pauses.sensing.blocks().is_some() {
            self.withdraw_all(plan);
        }
        // What waited for this answer may go on.
        self.hungry = true;
        self.tell_pause(before, plan);
    }

    /// Uploads wait for the end of these from now on, and of no others.
    pub(super) fn pause_on(&mut self, conditions: Conditions, plan: &mut Plan) {
        let before = self.paused();
        self.pauses.sensing.want(conditions);
        self.tell_pause(before, plan);
    }

    /// Whether what is to be sent has to wait for the end of a condition, or to hear of it.
    pub(super) fn must_wait(&mut self, now: Now, plan: &mut Plan) -> bool {
        if sabotage::on(Bug::SendUnderConditions) {
            return false;
        }
        let before = self.paused();
        if !self.pauses.sensing.is_fresh(now.mono) {
            self.sense(plan);
        }
        let waits = self.pauses.sensing.holds_up(now.mono);
        self.tell_pause(before, plan);
        waits
    }

    /// Nothing is to be sent.
    pub(super) fn nothing_waits(&mut self, plan: &mut Plan) {
        let before = self.paused();
        self.pauses.sensing.nothing_waits();
        self.tell_pause(before, plan);
    }

    /// Asks what the machine goes through, when it is time to.
    pub(super) fn sense_when_due(&mut self, now: Now, plan: &mut Plan) {
        if self.sense_at().is_some_and(|at| at <= now.mono) {
            self.sense(plan);
        }
    }

    fn sense_at(&self) -> Option<Mono> {
        let asks = !self.pauses.is_asked() && !sabotage::on(Bug::ForgetConditions);
        let out = !self.flights.is_empty();
        asks.then(|| self.pauses.sensing.next_question(out)).flatten()
    }

    fn sense(&mut self, plan: &mut Plan) {
        let question = self.pauses.sensing.ask();
        plan.effects.extend(question.map(|conditions| Effect::Sense { conditions }));
    }

    /// Says what is another than before.
    fn tell_pause(&mut self, before: Option<Paused>, plan: &mut Plan) {
        match self.paused() {
            now if now == before => {}
            None => {
                plan.notices.push(Notice::Unpaused);
                self.hungry = true;
            }
            Some(paused) => plan.notices.push(Notice::Paused(paused)),
        }
    }

    fn withdraw_all(&self, plan: &mut Plan) {
        let attempts: Vec<_> = self.flights.keys().copied().collect();
        if !attempts.is_empty() {
            plan.effects.push(Effect::Withdraw { attempts });
        }
    }

    /// The wall clock jumped, or the machine slept: a pause ends when a person would say so, and
    /// nobody knows what the machine goes through now.
    pub(super) fn pause_after_jump(&mut self, now: Now) {
        self.pauses.asked = self.pauses.asked.map(|pause| Pause::new(pause.until, now));
        self.pauses.sensing.doubt();
    }

    /// Ends a pause whose time is over.
    pub(super) fn pause_is_over(&mut self, now: Now, plan: &mut Plan) {
        let due = self.pauses.asked.and_then(|pause| pause.due);
        if due.is_some_and(|due| due <= now.mono) {
            let before = self.paused();
            self.end_asked(plan);
            self.tell_pause(before, plan);
        }
    }

    /// When a pause ends by itself, or may have ended.
    pub(super) fn pause_due(&self) -> [(Option<Mono>, &'static str); 2] {
        let due = self.pauses.asked.and_then(|pause| pause.due);
        [(due, "a pause ends"), (self.sense_at(), "the machine may go through something else")]
    }
}
