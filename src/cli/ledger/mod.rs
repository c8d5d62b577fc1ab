//! `taxiway ledger`: its upkeep.

mod args;
mod backup;
mod export;
mod import;
mod records;
mod verify;

use crate::daemon::lock;

use super::args::Common;
use super::{Exit, Failure, again, load, output};

pub use args::LedgerCommand;

/// Runs the command.
pub fn ledger(common: &Common, command: LedgerCommand) -> Result<Exit, Failure> {
    match command {
        LedgerCommand::Verify => verify::verify(common),
        LedgerCommand::Backup { file } => backup::backup(common, &file),
        LedgerCommand::Export { csv } => export::export(common, csv),
        LedgerCommand::Import { file } => import::import(common, &file),
    }
}

/// A number of things, in words.
fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
