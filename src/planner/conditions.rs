//! What the machine goes through that uploads wait for the end of: its battery, a metered link.
//!
//! Owns:
//! - nothing begins before it was asked about, at most a moment before; while something is out, it
//!   is asked about again and again, for what was opened ahead begins later;
//! - beyond that it is asked about only while something waits for the end of what holds, or a person
//!   set aside what holds: a machine with nothing to send asks nobody;
//! - an answer to what was asked before a change is no answer;
//! - what nobody can tell does not hold, unless it was known to, and that for three answers at most.

use super::types::Mono;

/// An answer is believed for so much of the time between two questions.
const BELIEVED: i64 = 3;
/// And for so many times as long, if nobody could tell: who does not answer is not asked for each file.
const UNTOLD: i64 = 2;
/// Answers in a row that do not tell of what holds, until it does not.
const SILENT_MOST: u8 = 3;
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

    /// Those that are in it.
    pub fn iter(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.into_iter().filter(move |condition| self.has(*condition))
    }

    /// Whether there is any.
    pub fn any(self) -> bool {
        self.iter().next().is_some()
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

    fn or(self, other: Conditions) -> Conditions {
        let (battery, metered) = (self.battery || other.battery, self.metered || other.metered);
        Conditions { battery, metered }
    }

    fn without(self, other: Conditions) -> Conditions {
        self.and(Conditions { battery: !other.battery, metered: !other.metered })
    }
}

/// What was found out of the conditions that were asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sensed {
    /// These hold.
    pub holds: Conditions,
    /// Of these nobody can tell.
    pub untold: Conditions,
}

/// What is known of the conditions that uploads wait for, and whether it is being found out.
#[derive(Debug, Clone, Default)]
pub(super) struct Sensing {
    /// Those that uploads wait for.
    wanted: Conditions,
    /// Between two questions while something waits.
    again_ms: i64,
    holding: Conditions,
    /// What a person set aside, of what holds.
    set_aside: Conditions,
    untold: Conditions,
    /// Answers in a row that did not tell of each condition.
    silent: [u8; 2],
    /// When the last answer came.
    at: Option<Mono>,
    question: Option<Question>,
    waits: Waits,
}

/// What something to be sent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Waits {
    /// For nothing, or there is nothing.
    #[default]
    No,
    /// To hear what the machine goes through.
    ForAnswer,
    /// For the end of what holds.
    ForEnd,
}

/// A question that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Good,
    /// What has happened since makes its answer worthless.
    Overtaken,
}

impl Sensing {
    pub(super) fn new(wanted: Conditions, again_ms: i64) -> Sensing {
        Sensing { wanted, again_ms, ..Sensing::default() }
    }

    /// What nothing may begin under, if it holds.
    pub(super) fn blocks(&self) -> Option<Condition> {
        self.holding.without(self.set_aside).iter().next()
    }

    /// The same, if something waits for its end.
    pub(super) fn keeps(&self) -> Option<Condition> {
        self.blocks().filter(|_| self.waits == Waits::ForEnd)
    }

    /// Whether something would go out if only somebody answered.
    pub(super) fn is_awaited(&self) -> bool {
        self.question.is_some() && self.waits == Waits::ForAnswer
    }

    /// What is to be asked about, unless it is asked about already.
    pub(super) fn ask(&mut self) -> Option<Conditions> {
        if self.question.is_some() || !self.wanted.any() {
            return None;
        }
        self.question = Some(Question::Good);
        Some(self.wanted)
    }

    /// Whether what is known is of this moment.
    pub(super) fn is_fresh(&self, now: Mono) -> bool {
        !self.wanted.any() || self.at.is_some_and(|at| now.since(at) < self.believed_ms())
    }

    fn believed_ms(&self) -> i64 {
        // Who tells of one condition is worth asking, whoever says nothing of the other.
        let silent = self.untold == self.wanted;
        if silent { self.again_ms * UNTOLD } else { self.again_ms / BELIEVED }
    }

    /// Something is to be sent. True if it has to wait.
    pub(super) fn holds_up(&mut self, now: Mono) -> bool {
        self.waits = match (self.is_fresh(now), self.blocks()) {
            (true, None) => Waits::No,
            (true, Some(_)) => Waits::ForEnd,
            // Until there is another answer, it waits for what the last one said.
            (false, _) if self.keeps().is_some() => Waits::ForEnd,
            (false, _) => Waits::ForAnswer,
        };
        self.waits != Waits::No
    }

    /// Nothing is to be sent.
    pub(super) fn nothing_waits(&mut self) {
        self.waits = Waits::No;
    }

    /// Takes an answer. False if there was none: it has to be asked again.
    pub(super) fn take(&mut self, now: Mono, sensed: Sensed) -> bool {
        if self.question.take() != Some(Question::Good) {
            return false;
        }
        self.at = Some(now);
        self.untold = sensed.untold.and(self.wanted);
        let mut kept = Conditions::NONE;
        for (silent, condition) in self.silent.iter_mut().zip(Condition::ALL) {
            *silent = if self.untold.has(condition) { silent.saturating_add(1) } else { 0 };
            let keeps = self.holding.has(condition) && (1..SILENT_MOST).contains(silent);
            kept = kept.with(condition, keeps);
        }
        self.holding = sensed.holds.and(self.wanted).or(kept);
        self.set_aside = self.set_aside.and(self.holding);
        true
    }

    /// A person wants uploads to go on whatever holds now.
    pub(super) fn set_aside(&mut self) {
        self.set_aside = self.wanted;
        self.doubt();
    }

    /// A person wants nothing to go on: what was set aside is not any more.
    pub(super) fn take_back(&mut self) {
        self.set_aside = Conditions::NONE;
    }

    /// Uploads wait for these from now on, and for no others.
    pub(super) fn want(&mut self, wanted: Conditions) {
        if self.wanted == wanted {
            return;
        }
        self.wanted = wanted;
        self.holding = self.holding.and(wanted);
        self.set_aside = self.set_aside.and(wanted);
        if !wanted.any() {
            self.waits = Waits::No;
        }
        self.doubt();
        // What is out was not asked about, if nothing was wanted before.
        self.at = wanted.any().then_some(LONG_AGO);
    }

    /// What was said is not believed any more, nor what is being found out.
    pub(super) fn doubt(&mut self) {
        self.at = self.at.map(|_| LONG_AGO);
        self.question = self.question.map(|_| Question::Overtaken);
    }

    /// When to ask though nothing new is to be sent. `out`: something is out.
    pub(super) fn next_question(&self, out: bool) -> Option<Mono> {
        let at = self.at.filter(|_| self.question.is_none() && self.wanted.any())?;
        let ahead = out && self.blocks().is_none();
        let after_ms = match () {
            // Before it is needed: nothing waits for the answer then.
            () if ahead => self.believed_ms() / 2,
            () if self.keeps().is_some() || self.set_aside.any() => self.again_ms,
            () => return None,
        };
        Some(at.plus(after_ms))
    }
}
