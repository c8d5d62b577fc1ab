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
    /// Print every upload, one JSON object a line
    Export {
        /// Print CSV, with a header; of the paths that hold a content only the first
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
    /// Merge what another ledger exported into this one
    Import {
        /// JSON lines or CSV; - is stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
