//! `taxiway id`: the assetId of a content, from the ledger alone.

use std::path::{Path, PathBuf};

use crate::config::Flags;
use crate::daemon::content_hash;
use crate::daemon::lock::ledger_path;
use crate::ledger::Ledger;
use crate::planner::{ContentHash, Look};
use crate::{scan, text};

use super::args::{Common, IdArgs};
use super::{Exit, Failure, load, output};

/// Runs the command.
pub fn id(common: &Common, args: &IdArgs) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    let ledger = Ledger::read(&ledger_path(&loaded.config.state_dir))?;
    let mut exit = Exit::Well;
    for file in &args.files {
        let hash = match known_or_read(ledger.as_ref(), file) {
            Ok(hash) => hash,
            Err(error) => {
                output::tell(&format!("{}: {}", text::shown(file), text::reason(&error)));
                output::line("");
                exit = exit.worst(Exit::Some);
                continue;
            }
        };
        let email = args.email.as_ref().map(|email| email.as_str());
        let asset_id = asset_of(ledger.as_ref(), hash, email)?;
        if asset_id.is_none() {
            exit = exit.worst(Exit::Some);
            if common.quiet == 0 && !common.json {
                output::tell(&format!("{}: not in the ledger", text::shown(file)));
            }
        }
        if common.json {
            let object = serde_json::json!({
                "schema": 1,
                "path": file.to_string_lossy(),
                "hash": hash.to_string(),
                "asset_id": asset_id,
            });
            output::line(&object.to_string());
        } else {
            output::line(asset_id.as_deref().unwrap_or_default());
        }
    }
    output::flush();
    Ok(exit)
}

/// The assetId of a content, on one account or on the one it was uploaded to first.
pub fn asset_of(
    ledger: Option<&Ledger>,
    hash: ContentHash,
    email: Option<&str>,
) -> Result<Option<String>, Failure> {
    let Some(ledger) = ledger else { return Ok(None) };
    let mut assets = ledger.assets_of(hash)?.into_iter();
    let asset = assets.find(|(account, _)| email.is_none() || account.as_deref() == email);
    Ok(asset.map(|(_, asset_id)| asset_id))
}

/// The content of a file: what the ledger knows of its unchanged path, else by reading it.
pub fn known_or_read(ledger: Option<&Ledger>, file: &Path) -> std::io::Result<ContentHash> {
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

/// The path as it is keyed in the ledger: the parent resolved, the name as it was given.
pub fn resolved(file: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(file)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
        (_, _) => absolute.canonicalize(),
    }
}
