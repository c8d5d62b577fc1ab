//! Folders, ledger and server compared, once nothing moves any more.
//!
//! Owns what it means that nothing is lost and nothing is twice:
//! - each file in a folder has a row, and that row the assetId under which the server has exactly
//!   these bytes, on the folder's account;
//! - no content is on one account twice;
//! - the ledger knows every asset, also of contents that are in no folder any more;
//! - an upload's attempts all have an outcome, and exactly one of them, the last, stored it.
//!
//! What the program leaves to a person, and says so, is counted: it is not lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use taxiway::ledger::Ledger;
use taxiway::planner::{ContentHash, UploadKey, UploadState};
use taxiway::sandbox::Asset;

use crate::support::{Server, Taxiway, eventually};

/// Runs that may be needed until nothing moves: delays after failures grow.
const RUNS_MOST: usize = 24;

/// A watched folder and the account it goes to.
#[derive(Debug, Clone)]
pub struct Place {
    pub root: PathBuf,
    pub account: &'static str,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub kills: u64,
    pub files: u64,
    pub assets: u64,
    pub attempts: u64,
    /// Uploads that were looked up in vain too often; a person decides.
    pub held: u64,
    /// Uploads that failed too often while others passed; a person decides.
    pub failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.kills += other.kills;
        self.files += other.files;
        self.assets += other.assets;
        self.attempts += other.attempts;
        self.held += other.held;
        self.failed += other.failed;
    }
}

/// Waits until the server has done with whatever a killed process left on its way.
pub fn quiet(server: &Server) {
    eventually("the server has read all", || (server.open() == 0).then_some(()));
}

/// Lets the program work in peace until nothing moves any more; then it asks for nothing.
#[track_caller]
pub fn finish(what: &str, server: &Server, taxiway: &Taxiway) {
    let arguments = ["run", "--once", "--json", "--timeout", "15s"];
    let mut runs = 0;
    loop {
        let said = taxiway.run(&arguments);
        assert!(!said.err.contains("ERROR"), "{what}: {}", said.err);
        match said.code {
            0 | 1 => break,
            75 if runs < RUNS_MOST => runs += 1,
            _ => panic!("{what}: {said:?}\n{:#?}", taxiway.rows()),
        }
    }
    let before = server.requests();
    taxiway.run(&arguments);
    assert_eq!(server.requests(), before, "{what}: there was something left to do");
}

/// Compares; see the head of this file.
#[track_caller]
pub fn agree(what: &str, server: &Server, taxiway: &Taxiway, places: &[Place]) -> Tally {
    let assets = server.assets();
    let mut stored: BTreeMap<(&str, &str), &Asset> = BTreeMap::new();
    for asset in &assets {
        let twice = stored.insert((&asset.account, &asset.blake3), asset);
        assert!(twice.is_none(), "{what}: {} is stored twice", asset.name);
    }
    let ledger = Ledger::read(&taxiway.state_dir().join("ledger.sqlite3"));
    let ledger = ledger.expect("a ledger that can be read").expect("a ledger");
    let mut tally = Tally { assets: assets.len() as u64, ..Tally::default() };
    let rows = by_path(taxiway.rows());
    for place in places {
        for file in files_below(&place.root) {
            tally.files += 1;
            let row = rows.get(&*file.to_string_lossy());
            let row = row.unwrap_or_else(|| panic!("{what}: no row of {}", file.display()));
            match row["state"].as_str() {
                Some("uploaded") => {
                    uploaded(what, &ledger, place, &file, row, &stored);
                    tally.attempts += row["attempts"].as_u64().unwrap_or(0);
                }
                Some("held") => tally.held += 1,
                Some("failed") => {
                    let reason = row["reason"].as_str().unwrap_or_default();
                    assert!(reason.contains("times, while other uploads passed"), "{what}: {row}");
                    tally.failed += 1;
                }
                _ => panic!("{what}: lost: {row}"),
            }
        }
    }
    for asset in &assets {
        assert!(is_known(&ledger, asset), "{what}: {} is on the server only", asset.name);
    }
    let open = ledger.remembered().expect("a ledger that can be read").open;
    assert!(open.is_empty(), "{what}: {open:?}");
    tally
}

#[track_caller]
fn uploaded(
    what: &str,
    ledger: &Ledger,
    place: &Place,
    file: &Path,
    row: &Value,
    stored: &BTreeMap<(&str, &str), &Asset>,
) {
    let bytes = std::fs::read(file).expect("the file");
    let hash = blake3::hash(&bytes).to_hex().to_string();
    assert_eq!(row["hash"], hash, "{what}: {row}");
    assert_eq!(row["account"], place.account, "{what}: {row}");
    let asset = stored.get(&(place.account, hash.as_str()));
    let asset = asset.unwrap_or_else(|| panic!("{what}: lost: {row}"));
    assert_eq!(row["asset_id"], asset.asset_id(), "{what}: {row}");
    let attempts = ledger.attempts_of(file).expect("a ledger that can be read");
    let stores = |outcome: &Option<String>| {
        matches!(outcome.as_deref().expect("an outcome"), "stored" | "found")
    };
    let storing = attempts.iter().filter(|attempt| stores(&attempt.outcome)).count();
    let last = attempts.last().is_some_and(|attempt| stores(&attempt.outcome));
    assert!(storing == 1 && last, "{what}: {row}: {attempts:#?}");
}

/// Whether the ledger has the asset, or says that a person must decide about it.
fn is_known(ledger: &Ledger, asset: &Asset) -> bool {
    let hash = ContentHash::parse(&asset.blake3).expect("a hash");
    let ids = ledger.assets_of(hash).expect("a ledger that can be read");
    let asset_id = asset.asset_id();
    if ids.iter().any(|(_, id)| *id == asset_id) {
        return true;
    }
    let accounts = ledger.accounts().expect("a ledger that can be read");
    accounts.into_iter().any(|(account, _)| {
        let key = UploadKey { hash, account };
        let state = ledger.upload_state(&key).expect("a ledger that can be read");
        matches!(state, UploadState::Held { .. })
    })
}

fn by_path(rows: Vec<Value>) -> BTreeMap<String, Value> {
    rows.into_iter().map(|row| (row["path"].as_str().expect("a path").to_owned(), row)).collect()
}

/// All files below a directory.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
