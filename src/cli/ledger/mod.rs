//! `taxiway ledger`: its upkeep.

mod adopt;
mod args;
mod backup;
mod compare;
mod export;
mod import;
mod local;
pub(super) mod rebuild;
mod records;
mod server;
mod told;
pub(super) mod trouble;
mod verify;

use crate::daemon::lock;

use super::args::Common;
use super::{Exit, Failure, again, load, output};

pub use args::LedgerCommand;

/// Runs the command.
pub fn ledger(common: &Common, command: LedgerCommand) -> Result<Exit, Failure> {
    match command {
        LedgerCommand::Verify(args) if args.server => server::check(common, &args),
        LedgerCommand::Verify(_) => verify::verify(common),
        LedgerCommand::Backup { file } => backup::backup(common, &file),
        LedgerCommand::Adopt(args) => adopt::adopt(common, args),
        LedgerCommand::Rebuild(args) => rebuild::rebuild(common, args),
        LedgerCommand::Export { csv } => export::export(common, csv),
        LedgerCommand::Import { file } => import::import(common, &file),
    }
}

/// A number of things, in words.
fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Tells a person what is no error.
fn note(common: &Common, line: &str) {
    if common.quiet == 0 && !common.json {
        output::tell(line);
    }
}
