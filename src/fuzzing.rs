//! Where fuzzers get in: each function takes any bytes, and panics if a promise is broken.
//!
//! Owns: nothing of it is in what is released. The corpus lies in `tests/fuzz`; tests replay it.

pub use crate::api::fuzzed::answers;
pub use crate::config::fuzzed::configuration;
pub use crate::media::fuzzed::media;

#[cfg(test)]
mod tests;
