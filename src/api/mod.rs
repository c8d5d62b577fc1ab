//! The API of useapi.net for Runway: one file sent, one account's assets listed, one asset asked
//! after or its bytes compared.
//!
//! Owns:
//! - reqwest has one door, this directory, and the token goes to the base URL only;
//! - an upload that is not certain is never reported as stored, and one whose body may have gone
//!   out whole is never reported as not sent;
//! - the last bytes of a file leave only after all of its bytes proved to be the ones asked for;
//! - expected trouble is a value; only a client that cannot be built is an error.

mod account;
mod assets;
mod beat;
mod body;
mod client;
mod flow;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod line;
mod list;
mod meter;
mod rate;
mod send;
mod source;
#[cfg(test)]
mod tests;
mod verdict;
mod wire;
mod words;

pub use account::{Asked, RunwayAccount, Storage, Subscription, Unanswered};
pub use assets::Presence;
pub use beat::Beat;
pub use client::{Client, ClientError, MediaFacts, Options, Token, TokenError};
pub use line::Ahead;
pub use rate::Rate;
pub use send::SendControl;
/// The simulator's server is understood by the table that understands the real one.
#[cfg(test)]
pub(crate) use verdict::{Answer, of_upload};
