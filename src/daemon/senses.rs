//! What this machine goes through, found out when the planner asks.
//!
//! Owns:
//! - every question is answered, whatever becomes of who looks;
//! - a person is told once what cannot be told, and again only after it could be.

use std::sync::{Arc, Mutex, PoisonError};

use crate::planner::{Condition, Conditions, Sensed};
use crate::{link, power};

/// Finds out what holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Senses {
    /// Of which a person was told that it cannot be told.
    said: Arc<Mutex<Conditions>>,
}

/// A question that is answered when this goes, whatever it goes by.
struct Question<F: FnMut(Sensed)> {
    sensed: Sensed,
    answer: F,
}

impl<F: FnMut(Sensed)> Drop for Question<F> {
    fn drop(&mut self) {
        (self.answer)(self.sensed);
    }
}

impl Senses {
    /// Finds out which of these hold, on a thread of its own, and gives them to `answer`: asking
    /// takes a moment, and must not wait for threads that disks hold.
    pub(super) fn ask(&self, asked: Conditions, answer: impl FnMut(Sensed) + Send + 'static) {
        let untold = Sensed { holds: Conditions::NONE, untold: asked };
        let (senses, question) = (self.clone(), Question { sensed: untold, answer });
        let look = move || {
            let mut question = question;
            question.sensed = senses.look(asked);
        };
        // Without a thread nobody can tell.
        let _ = std::thread::Builder::new().name("senses".into()).spawn(look);
    }

    fn look(&self, asked: Conditions) -> Sensed {
        asked.iter().fold(Sensed::default(), |found, condition| {
            let told = told(condition);
            self.note(condition, told.as_ref().err());
            let Sensed { holds, untold } = found;
            Sensed {
                holds: holds.with(condition, told == Ok(true)),
                untold: untold.with(condition, told.is_err()),
            }
        })
    }

    fn note(&self, condition: Condition, untold: Option<&String>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = untold
            && !said.has(condition)
        {
            tracing::warn!(
                "pause_on: {} cannot be told: {reason}; hint: taxiway doctor",
                question(condition)
            );
        }
        *said = said.with(condition, untold.is_some());
    }
}

/// What the system says of this condition now. It takes a few seconds at most.
///
/// # Errors
/// In words, if nobody tells.
pub fn told(condition: Condition) -> Result<bool, String> {
    match condition {
        Condition::Battery => power::on_battery(),
        Condition::Metered => link::is_metered(),
    }
}

/// What cannot be told.
pub fn question(condition: Condition) -> &'static str {
    match condition {
        Condition::Battery => "whether the machine runs on its battery",
        Condition::Metered => "whether the link is metered",
    }
}
