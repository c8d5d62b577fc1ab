//! The ledger over real files, and its invariants under writes in any order.

mod bugs;
mod damage;
mod exchange;
mod merge;
mod opening;
mod queue;
mod reading;
mod recent;
mod torn;
mod upgrade;
mod verify;
mod wishes;

use std::path::{Path, PathBuf};

use super::{Ledger, LedgerError};
use crate::planner::{
    AccountId, Asset, AttemptEnd, AttemptId, Content, ContentHash, Fingerprint, FolderId,
    MediaType, Push, SharedPath, UploadKey, Wall, Write,
};

const URL: &str = "https://api.test/v1/runwayml";
const NOW: Wall = Wall(1_000_000);

/// A ledger in a directory of its own, with folder `/d` (1) and folder `/e` (2), and accounts
/// `a@x` (1) and `b@x` (2).
struct Book {
    directory: tempfile::TempDir,
    ledger: Ledger,
}

impl Book {
    fn new() -> Book {
        let directory = tempfile::tempdir().unwrap();
        let ledger = open(&directory.path().join("ledger.sqlite3")).unwrap();
        furnish(&ledger);
        Book { directory, ledger }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ledger.sqlite3")
    }

    fn step(&self, writes: &[Write]) {
        step_at(&self.ledger, NOW, writes);
    }
}

fn open(path: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(path, URL, 7, NOW)
}

fn furnish(ledger: &Ledger) {
    for (root, id) in [("/d", 1), ("/e", 2)] {
        assert_eq!(ledger.folder(Path::new(root)).unwrap(), (FolderId(id), false));
    }
    for (email, id) in [("a@x", 1), ("b@x", 2)] {
        assert_eq!(ledger.account(Some(email)).unwrap(), AccountId(id));
    }
}

fn step_at(ledger: &Ledger, now: Wall, writes: &[Write]) {
    ledger.begin_step().unwrap();
    for write in writes {
        ledger.apply(write, now).unwrap();
    }
    ledger.commit_step().unwrap();
}

fn path(text: &str) -> SharedPath {
    Path::new(text).into()
}

fn content(id: u8) -> Content {
    Content {
        hash: ContentHash([id; 32]),
        size: 10 + u64::from(id),
        media_type: MediaType::Png,
        width: Some(3),
        height: Some(4),
        duration_ms: None,
    }
}

fn key(id: u8, account: i64) -> UploadKey {
    UploadKey { hash: content(id).hash, account: AccountId(account) }
}

/// A look at a file; the higher the newer.
fn look(at: i64) -> Fingerprint {
    Fingerprint { device: u64::MAX, inode: 5, size: 10, mtime_ns: at, ctime_ns: at }
}

fn link(at: &str, id: u8, account: i64) -> Write {
    link_in(1, at, id, account, 1)
}

fn link_in(folder: i64, at: &str, id: u8, account: i64, newest: i64) -> Write {
    let name = Path::new(at).file_name().unwrap_or_default().to_string_lossy().into_owned();
    Write::Link {
        path: path(at),
        folder: FolderId(folder),
        fingerprint: look(newest),
        certain: true,
        content: content(id),
        account: AccountId(account),
        name,
        evidence: "at rest".into(),
    }
}

fn settling(at: &str, folder: i64) -> Write {
    let (fingerprint, reason) = (look(2), "waiting".into());
    Write::Settling { path: path(at), folder: FolderId(folder), fingerprint, reason }
}

fn attempt(id: i64, at: &str, key: UploadKey) -> Write {
    let (attempt, name) = (AttemptId(id), "cat.png".into());
    Write::OpenAttempt { attempt, key, path: path(at), name, at: NOW, skew_ms: Some(-5) }
}

fn close(id: i64, end: AttemptEnd) -> Write {
    Write::CloseAttempt { attempt: AttemptId(id), end, status: None, detail: "so".into() }
}

fn uploaded(key: UploadKey, id: &str) -> Write {
    Write::Uploaded { key, asset: asset(id), name: "sent.png".into() }
}

fn asset(id: &str) -> Asset {
    Asset { asset_id: format!("user:1-runwayml:a@x-asset:{id}"), url: None }
}

fn push(account: AccountId) -> Push {
    Push { account, force: true, name: Some("other.png".into()) }
}

fn pushed(account: AccountId) -> Write {
    Write::PushAsked { path: path("/p.png"), push: push(account) }
}

fn fail(key: UploadKey) -> Write {
    Write::UploadFailed { key, reason: "refused".into() }
}

fn hold(key: UploadKey) -> Write {
    Write::UploadHeld { key, reason: "cannot tell".into() }
}

/// The one number that a query gives.
fn number(ledger: &Ledger, sql: &str) -> i64 {
    ledger.db.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn text(ledger: &Ledger, sql: &str) -> String {
    ledger.db.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What must hold of every ledger after every step.
fn check(ledger: &Ledger) {
    assert_eq!(ledger.verify().unwrap(), []);
}
