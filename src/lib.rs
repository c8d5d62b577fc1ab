//! taxiway: drop a file into a folder, get its assetId.
pub mod api;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod hash;
pub mod ledger;
pub mod media;
pub mod planner;
pub mod rules;
pub mod sandbox;
pub mod scan;
pub mod secret;
pub mod stamp;
pub mod text;
pub mod watch;

#[cfg(test)]
#[path = "../tests/sim/mod.rs"]
mod sim;
