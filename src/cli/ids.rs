//! `taxiway id`: the assetId of a content, from the ledger alone.

use crate::config::Flags;
use crate::daemon::lock::ledger_path;
use crate::ledger::Ledger;
use crate::planner::ContentHash;
use crate::text;

pub use crate::daemon::{known_or_read, resolved};

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
