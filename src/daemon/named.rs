//! Files that a person names: how they are keyed in the ledger, and what they hold.

use std::io;
use std::path::{Path, PathBuf};

use super::identify::content_hash;
use crate::ledger::Ledger;
use crate::planner::{ContentHash, Look};
use crate::scan;

/// The path as it is keyed in the ledger: the parent resolved, the name as it was given.
///
/// # Errors
/// If the parent is not there.
pub fn resolved(file: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(file)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
        (_, _) => absolute.canonicalize(),
    }
}

/// The path as it is keyed in the ledger, or was while its parent was there.
///
/// # Errors
/// If it is relative and the current directory is gone.
pub fn keyed(file: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(file)?;
    Ok(match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => crate::config::resolve(parent).join(name),
        (_, _) => crate::config::resolve(&absolute),
    })
}

/// The content of a file: what the ledger knows of its unchanged path, else by reading it.
///
/// # Errors
/// If it cannot be read.
pub fn known_or_read(ledger: Option<&Ledger>, file: &Path) -> io::Result<ContentHash> {
    if let (Some(ledger), Ok(path)) = (ledger, resolved(file))
        && let (Ok(Some(row)), Look::File(stat)) =
            (ledger.path_row(&path), scan::look_by_name(&path))
    {
        let sure = row.certain && !row.gone && row.fingerprint == stat.fingerprint;
        if sure && let Ok(Some(hash)) = ledger.known_content(&path) {
            return Ok(hash);
        }
    }
    content_hash(file)
}
