//! `taxiway id`: the assetId of a content, from the ledger alone.

use std::path::Path;

use serde_json::Value;

use crate::config::{Config, Email, Flags};
use crate::daemon::keyed;
use crate::daemon::lock::{is_held, ledger_path};
use crate::ledger::{Ledger, Row};
use crate::planner::ContentHash;
use crate::row::path_hex;
use crate::text;

pub use crate::daemon::{known_or_read, resolved};

use super::args::{Common, IdArgs};
use super::others::{Others, encoded};
use super::{Exit, Failure, load, output};

/// Runs the command.
pub fn id(common: &Common, args: &IdArgs) -> Result<Exit, Failure> {
    let (loaded, environment) = load(common, Flags::default())?;
    let others = Others::of(common, &loaded, &environment);
    let config = &loaded.config;
    let ledger = Ledger::read(&ledger_path(&config.state_dir))?;
    let running = is_held(&config.state_dir);
    let mut without = 0;
    for file in &args.files {
        let hash = match known_or_read(ledger.as_ref(), file) {
            Ok(hash) => hash,
            Err(error) => {
                let why = text::reason(&error);
                if common.json {
                    output::line(&object(file, None, None, Some(&why)));
                } else {
                    output::tell(&format!("{}: {why}", text::shown(file)));
                    output::line("");
                }
                without += 1;
                continue;
            }
        };
        if let Some(others) = &others {
            let (asset_id, why) = told(others, hash, args.email.as_ref().map(Email::as_str))?;
            without += usize::from(asset_id.is_none());
            say(common, file, hash, asset_id, why);
            continue;
        }
        let row = row_of(ledger.as_ref(), file, running)?;
        let accounts = match &args.email {
            Some(email) => vec![Some(email.as_str().to_owned())],
            None => accounts(config, file, row.as_ref()),
        };
        let mut asset_id = None;
        for email in &accounts {
            asset_id = asset_id.or(asset_of(ledger.as_ref(), hash, email.as_deref())?);
        }
        let why = match asset_id {
            Some(_) => None,
            None => Some(why_not(ledger.as_ref(), hash, &accounts, row, running)?),
        };
        without += usize::from(why.is_some());
        say(common, file, hash, asset_id, why);
    }
    output::flush();
    match (without, args.files.len()) {
        (0, _) => Ok(Exit::Well),
        // Every line has said why.
        (_, _) if !common.json => Ok(Exit::Some),
        (1, 1) => Err(none("the file has no assetId".to_owned())),
        (without, all) => Err(none(format!("{without} of {all} files have no assetId"))),
    }
}

fn say(
    common: &Common,
    file: &Path,
    hash: ContentHash,
    asset_id: Option<String>,
    why: Option<String>,
) {
    if common.json {
        return output::line(&object(file, Some(hash), asset_id.as_deref(), why.as_deref()));
    }
    if let Some(why) = why.filter(|_| common.quiet == 0) {
        output::tell(&format!("{}: {why}", text::shown(file)));
    }
    output::line(asset_id.as_deref().unwrap_or_default());
}

/// What the system service has of a content: its assetId, or why there is none.
fn told(
    others: &Others,
    hash: ContentHash,
    email: Option<&str>,
) -> Result<(Option<String>, Option<String>), Failure> {
    let email =
        email.map_or(String::new(), |email| format!("&email={}", encoded(email.as_bytes())));
    let text = others.get(&format!("/v1/ledger?limit=1000&q={hash}{email}"))?.unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // It may be a part of a name, too.
    let rows: Vec<Value> = rows.filter(|row| row["hash"] == hash.to_string()).collect();
    let word = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
    if let Some(asset_id) = rows.iter().find_map(|row| word(row, "asset_id")) {
        return Ok((Some(asset_id), None));
    }
    let state = rows.first().and_then(|row| word(row, "state"));
    let why =
        state.map_or("not in the ledger".to_owned(), |state| format!("no assetId: it is {state}"));
    Ok((None, Some(why)))
}

fn none(message: String) -> Failure {
    Failure::new(Exit::Some, message, "taxiway ls")
}

/// What is known of one file, as an object.
fn object(
    file: &Path,
    hash: Option<ContentHash>,
    asset_id: Option<&str>,
    reason: Option<&str>,
) -> String {
    let absolute = keyed(file).or_else(|_| std::path::absolute(file));
    let path = absolute.as_deref().unwrap_or(file);
    let mut object = serde_json::json!({
        "schema": 1,
        "path": path.to_string_lossy(),
        "hash": hash.map(|hash| hash.to_string()),
        "asset_id": asset_id,
        "reason": reason,
    });
    if let Some(hex) = path_hex(path) {
        object["path_hex"] = hex.into();
    }
    object.to_string()
}

/// The row of the file, if it is there and the ledger has one.
fn row_of(ledger: Option<&Ledger>, file: &Path, running: bool) -> Result<Option<Row>, Failure> {
    let (Some(ledger), Ok(path)) = (ledger, keyed(file)) else { return Ok(None) };
    Ok(ledger.row_even_gone(&path, running)?.filter(|row| row.gone_at.is_none()))
}

/// Where the asset is looked for: on the account of the file's folder, on that of its row, on any.
fn accounts(config: &Config, file: &Path, row: Option<&Row>) -> Vec<Option<String>> {
    let folder = keyed(file).ok().and_then(|path| config.folder_of(&path)?.email.clone());
    let folder = folder.map(|email| email.as_str().to_owned());
    let row = row.and_then(|row| row.account.clone());
    [folder, row].into_iter().flatten().map(Some).chain([None]).collect()
}

/// Why there is no assetId.
fn why_not(
    ledger: Option<&Ledger>,
    hash: ContentHash,
    accounts: &[Option<String>],
    row: Option<Row>,
    running: bool,
) -> Result<String, Failure> {
    let Some(ledger) = ledger else { return Ok("not in the ledger".into()) };
    for email in accounts {
        if let Some(state) = ledger.state_without_asset(hash, email.as_deref(), running)? {
            return Ok(format!("no assetId: it is {}", state.as_str()));
        }
    }
    Ok(match (row.filter(|row| row.hash.is_none()), accounts) {
        (Some(row), _) => format!("no assetId: it is {}", row.state.as_str()),
        (None, [Some(email)]) if asset_of(Some(ledger), hash, None)?.is_some() => {
            format!("not uploaded on {email}")
        }
        (None, _) => "not in the ledger".into(),
    })
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
