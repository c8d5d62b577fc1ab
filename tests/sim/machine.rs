//! What the machine goes through, and that nothing begins under what uploads wait for the end of.

use super::{Input, World, event};
use crate::planner::{Condition, Conditions, Event, Mono, Sensed};

/// For so long an answer is believed, and it takes a moment.
const ANSWER_HOLDS_MS: i64 = 11_000;
/// The same, of one that could not tell.
const NO_ANSWER_HOLDS_MS: i64 = 62_000;

/// The machine, as far as uploads wait for it.
#[derive(Debug, Default)]
pub(super) struct Machine {
    holds: Conditions,
    /// What uploads wait for the end of.
    wanted: Conditions,
    /// Until then whoever asks may not have heard.
    excused: Option<Mono>,
    /// A person resumed, whatever it went through.
    pub(super) resumed: bool,
}

impl World {
    /// What the configuration wants uploads to wait for.
    pub(super) fn pick_conditions(&mut self) -> Conditions {
        let (battery, metered) = (self.rng.chance(30), self.rng.chance(15));
        self.machine.wanted = Conditions { battery, metered };
        self.excuse(ANSWER_HOLDS_MS);
        self.machine.wanted
    }

    pub(super) fn machine_is(&mut self, condition: Condition, holds: bool) {
        self.machine.holds = self.machine.holds.with(condition, holds);
        self.excuse(ANSWER_HOLDS_MS);
    }

    pub(super) fn machine_recovers(&mut self) {
        self.machine.holds = Conditions::NONE;
    }

    /// Answers; now and then nobody can tell.
    pub(super) fn sense(&mut self, asked: Conditions) -> Input {
        self.count("conditions asked about");
        let sensed = match self.trouble && self.rng.chance(10) {
            true => {
                self.excuse(NO_ANSWER_HOLDS_MS);
                Sensed { holds: Conditions::NONE, untold: asked }
            }
            false => Sensed { holds: self.machine.holds.and(asked), untold: Conditions::NONE },
        };
        event(Event::Sensed(sensed))
    }

    fn excuse(&mut self, ms: i64) {
        let until = self.now.mono.plus(ms);
        self.machine.excused = self.machine.excused.max(Some(until));
    }

    /// A body begins.
    pub(super) fn may_begin(&mut self) -> Result<(), String> {
        let Machine { holds, wanted, excused, resumed } = &self.machine;
        let under = holds.and(*wanted);
        if under.any() && !*resumed && excused.is_none_or(|until| until < self.now.mono) {
            return Err(format!("an upload began although {under:?}"));
        }
        if under.any() {
            self.count("begun before a condition was heard of");
        }
        Ok(())
    }
}
