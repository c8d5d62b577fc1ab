//! What keeps every upload from beginning: a person's word, or what the machine goes through.
//!
//! Owns:
//! - a person's pause outlives the process, and ends by a person's word or at its time;
//! - where uploads wait for the end of a condition, none begins before it was asked about, at most a
//!   moment before; a condition is asked about again while it holds, and never while nothing is to
//!   be sent;
//! - a person who resumes sets aside the conditions that hold, until each of them ends;
//! - what is out is not cut: attempts whose first byte has not gone out are taken back, the others
//!   have their answer, and doubts are looked up as ever.

use super::Planner;
use super::message::{Effect, Notice, Plan, Write};
use super::sabotage::{self, Bug};
use super::types::{Mono, Now, Wall};

/// How long what was said of the conditions is believed when something is to be sent.
const BELIEVED_MS: i64 = 10_000;
/// How often they are asked about while one holds.
const AGAIN_MS: i64 = 30_000;
/// Before any run began; so that what is added to it, or taken from it, is a time.
const LONG_AGO: Mono = Mono(i64::MIN / 2);

/// What a machine goes through that uploads may wait for the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It runs on its battery.
    Battery,
    /// What it sends is paid for by the byte.
    Metered,
}

impl Condition {
    /// All of them.
    pub const ALL: [Condition; 2] = [Condition::Battery, Condition::Metered];

    /// The name, as the configuration has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Battery => "battery",
            Condition::Metered => "metered",
        }
    }

    /// What completes "uploads are paused".
    pub fn words(self) -> &'static str {
        match self {
            Condition::Battery => "while on battery power",
            Condition::Metered => "while on a metered link",
        }
    }
}

/// A set of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// See [`Condition::Battery`].
    pub battery: bool,
    /// See [`Condition::Metered`].
    pub metered: bool,
}

impl Conditions {
    /// None of them.
    pub const NONE: Conditions = Conditions { battery: false, metered: false };

    /// Whether there is any.
    pub fn any(self) -> bool {
        self.first().is_some()
    }

    /// Whether this one is among them.
    pub fn has(self, condition: Condition) -> bool {
        match condition {
            Condition::Battery => self.battery,
            Condition::Metered => self.metered,
        }
    }

    /// The same, but for this one.
    pub fn with(self, condition: Condition, is: bool) -> Conditions {
        match condition {
            Condition::Battery => Conditions { battery: is, ..self },
            Condition::Metered => Conditions { metered: is, ..self },
        }
    }

    /// Those that are in both.
    pub fn and(self, other: Conditions) -> Conditions {
        let (battery, metered) = (self.battery && other.battery, self.metered && other.metered);
        Conditions { battery, metered }
    }

    /// The one to tell of.
    fn first(self) -> Option<Condition> {
        Condition::ALL.into_iter().find(|condition| self.has(*condition))
    }

    fn without(self, other: Conditions) -> Conditions {
        self.and(Conditions { battery: !other.battery, metered: !other.metered })
    }
}

/// Why nothing begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// A person wants it so.
    Asked {
        /// Until then; none means until somebody says otherwise.
        until: Option<Wall>,
    },
    /// The configuration wants it so as long as this holds.
    While(Condition),
}

/// What keeps uploads from beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses {
    asked: Option<Pause>,
    /// What holds, of what uploads are to wait for.
    holding: Conditions,
    /// What a person set aside, of what holds.
    set_aside: Conditions,
    /// When that was found out.
    sensed: Option<Mono>,
    /// It is being found out.
    sensing: bool,
    /// Something to be sent waits for that.
    awaited: bool,
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
    fn now(&self) -> Option<Paused> {
        let asked = self.asked.map(|pause| Paused::Asked { until: pause.until });
        let holds = self.holding.without(self.set_aside).first();
        asked.or(holds.map(Paused::While))
    }

    /// Whether something to be sent waits to hear of the conditions.
    pub(super) fn awaited(&self) -> bool {
        self.awaited
    }

    /// What was said of the conditions is not believed any more.
    fn doubt(&mut self) {
        self.sensed = self.sensed.map(|_| LONG_AGO);
    }

    /// When the conditions are asked about though nothing is to be sent.
    fn sense_at(&self) -> Option<Mono> {
        let asks = self.holding.any() && !self.sensing && !sabotage::on(Bug::ForgetConditions);
        self.sensed.filter(|_| asks).map(|at| at.plus(AGAIN_MS))
    }
}

impl Planner {
    /// Why nothing begins, if nothing does.
    pub fn paused(&self) -> Option<Paused> {
        self.pauses.now()
    }

    pub(super) fn restore_pause(&mut self, kept: Option<Option<Wall>>, now: Now) {
        let kept = kept.filter(|_| !sabotage::on(Bug::ForgetPause));
        self.pauses.asked = kept.map(|until| Pause::new(until, now));
    }

    pub(super) fn begin_pause(&mut self, now: Now, until: Option<Wall>, plan: &mut Plan) {
        self.pauses.asked = Some(Pause::new(until, now));
        plan.writes.push(Write::Paused { until });
        plan.notices.push(Notice::Paused(Paused::Asked { until }));
        self.withdraw_all(plan);
    }

    /// A person says that uploads go on.
    pub(super) fn resume(&mut self, plan: &mut Plan) {
        let before = self.paused();
        self.pauses.set_aside = self.pauses.holding;
        self.end_asked(plan);
        self.tell_pause(before, plan);
    }

    fn end_asked(&mut self, plan: &mut Plan) {
        if self.pauses.asked.take().is_some() {
            plan.writes.push(Write::Unpaused);
        }
    }

    /// What the conditions are now.
    pub(super) fn sensed(&mut self, now: Now, conditions: Conditions, plan: &mut Plan) {
        let before = self.paused();
        let pauses = &mut self.pauses;
        (pauses.sensing, pauses.awaited) = (false, false);
        pauses.sensed = Some(now.mono);
        pauses.holding = conditions.and(self.limits.pause_on);
        pauses.set_aside = pauses.set_aside.and(pauses.holding);
        // What waited for this answer may go on.
        self.hungry = true;
        self.tell_pause(before, plan);
    }

    /// Uploads are to wait for the end of these from now on, and of no others.
    pub(super) fn pause_on(&mut self, conditions: Conditions, plan: &mut Plan) {
        let before = self.paused();
        self.limits.pause_on = conditions;
        let pauses = &mut self.pauses;
        pauses.holding = pauses.holding.and(conditions);
        pauses.set_aside = pauses.set_aside.and(pauses.holding);
        // Nobody has asked about the others.
        pauses.doubt();
        self.tell_pause(before, plan);
    }

    /// Whether nothing may be sent before the conditions are asked about; has them asked about.
    pub(super) fn must_sense(&mut self, now: Now, plan: &mut Plan) -> bool {
        if self.limits.pause_on == Conditions::NONE || sabotage::on(Bug::SendUnderConditions) {
            return false;
        }
        let fresh = self.pauses.sensed.is_some_and(|at| now.mono.since(at) < BELIEVED_MS);
        if !fresh {
            self.pauses.awaited = true;
            self.sense(plan);
        }
        !fresh
    }

    /// Asks about the conditions again while one holds.
    pub(super) fn sense_when_due(&mut self, now: Now, plan: &mut Plan) {
        if self.pauses.sense_at().is_some_and(|at| at <= now.mono) {
            self.sense(plan);
        }
    }

    fn sense(&mut self, plan: &mut Plan) {
        if !self.pauses.sensing {
            self.pauses.sensing = true;
            plan.effects.push(Effect::Sense { conditions: self.limits.pause_on });
        }
    }

    /// Says what is another than before, and takes back what may not begin any more.
    fn tell_pause(&mut self, before: Option<Paused>, plan: &mut Plan) {
        match self.paused() {
            now if now == before => {}
            None => {
                plan.notices.push(Notice::Unpaused);
                self.hungry = true;
            }
            Some(paused) => {
                plan.notices.push(Notice::Paused(paused));
                self.withdraw_all(plan);
            }
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
        self.pauses.doubt();
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
        [(due, "a pause ends"), (self.pauses.sense_at(), "what uploads wait for may be over")]
    }
}
