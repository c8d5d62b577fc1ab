//! What can be said behind `taxiway ledger`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::adopt::AdoptArgs;
use super::rebuild::RebuildArgs;

#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check that the ledger is sound
    Verify(VerifyArgs),
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
    /// Pair assets on the server with files here, so that they are not sent again
    Adopt(AdoptArgs),
    /// Make a new ledger out of a damaged one and of what the server has
    Rebuild(RebuildArgs),
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Ask the server after each assetId instead, and list those that are gone
    #[arg(long)]
    pub server: bool,
    /// Count what is gone as never uploaded, so that it is sent again
    #[arg(long, requires = "server")]
    pub forget: bool,
    /// Do not ask before forgetting
    #[arg(long, requires = "forget")]
    pub yes: bool,
    /// Go on behind this assetId
    #[arg(long, value_name = "ASSETID", requires = "server")]
    pub after: Option<String>,
}
