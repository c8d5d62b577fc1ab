//! Wishes granted where no daemon runs: by one step of an engine that begins nothing.
//!
//! Owns:
//! - nothing is opened that nobody would carry out: the engine is stopped before it hears the
//!   first wish.

use crate::engine::{Engine, Input, Step};
use crate::ledger::{Ledger, LedgerError};
use crate::planner::{Command, Event, Limits, Now};

/// Grants commands, in one step, and gives the ledger back. The caller holds the lock. As in a
/// push, there are no folders: what is written of a wish is the same with and without, and the
/// next run takes it from there.
///
/// # Errors
/// If the ledger cannot be read or written; then nothing is granted.
pub fn grant(
    ledger: Ledger,
    limits: Limits,
    commands: Vec<Command>,
    now: Now,
) -> Result<Ledger, LedgerError> {
    let mut engine = Engine::new(ledger, limits, Vec::new(), now)?;
    step(&mut engine, commands, now)?;
    Ok(engine.into_ledger())
}

pub(super) fn step(
    engine: &mut Engine,
    commands: Vec<Command>,
    now: Now,
) -> Result<Step, LedgerError> {
    let events = commands.into_iter().map(Event::Asked);
    let inputs = std::iter::once(Event::Stopping).chain(events).map(Input::Event);
    engine.step(now, inputs.collect())
}
