//! What people and programs ask of taxiway while it runs or rests, and how it is answered.
//!
//! Owns:
//! - a wish is judged by what the ledger says, granted in one step of the engine, and answered
//!   after that step is on disk, whoever grants it;
//! - what cannot be granted says why, and changes nothing.
//!
//! ```text
//! cli ── Wish ──▶ alone: the lock, one step ──▶ Answer
//! ```

mod alone;
mod refusal;
#[cfg(test)]
mod tests;
mod why;
mod wish;

pub use alone::grant;
pub use refusal::Refusal;
pub use why::{Next, absence, decided_by, history_json, next};
pub use wish::{Answer, Judged, Verdict, Wish, asset};
