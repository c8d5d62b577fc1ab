//! What this machine goes through, found out when the planner asks.
//!
//! Owns:
//! - every question is answered, whatever becomes of it: what cannot be told does not hold;
//! - a person is told once what cannot be told, and again only after it could be.

use std::sync::{Arc, Mutex, PoisonError};

use crate::planner::{Condition, Conditions};
use crate::{link, power};

/// Finds out what holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Senses {
    /// Of which a person was told that it cannot be told.
    untold: Arc<Mutex<Conditions>>,
}

impl Senses {
    /// Finds out which of these hold, on a thread of its own, and gives them to `answer`: asking
    /// takes a moment, and must not wait for threads that disks hold.
    pub(super) fn ask(&self, asked: Conditions, answer: impl FnOnce(Conditions) + Send + 'static) {
        let (senses, answer) = (self.clone(), Arc::new(Mutex::new(Some(answer))));
        let own = Arc::clone(&answer);
        let look = move || give(&own, senses.look(asked));
        let begun = std::thread::Builder::new().name("senses".into()).spawn(look);
        if begun.is_err() {
            give(&answer, Conditions::NONE);
        }
    }

    fn look(&self, asked: Conditions) -> Conditions {
        let asked = Condition::ALL.into_iter().filter(|condition| asked.has(*condition));
        asked.fold(Conditions::NONE, |found, condition| {
            let told = told(condition);
            let holds = self.note(condition, told);
            found.with(condition, holds)
        })
    }

    fn note(&self, condition: Condition, told: Result<bool, String>) -> bool {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(reason) = &told
            && !untold.has(condition)
        {
            tracing::warn!(
                "pause_on: {} cannot be told: {reason}; uploads go on; hint: taxiway doctor",
                question(condition)
            );
        }
        *untold = untold.with(condition, told.is_err());
        told.unwrap_or(false)
    }
}

/// Answers, once.
fn give(answer: &Mutex<Option<impl FnOnce(Conditions)>>, found: Conditions) {
    let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(answer) = answer {
        answer(found);
    }
}

/// What the system says of this condition now.
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
