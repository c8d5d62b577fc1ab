//! What can be said behind `taxiway ledger`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check that the ledger is sound
    Verify,
    /// Copy the ledger into a new file, while it is in use
    Backup {
        /// The copy; it must not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
