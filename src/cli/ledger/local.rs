//! Contents that have no assetId on an account: what the ledger still wants to send, and what lies
//! in the folders.
//!
//! Owns:
//! - a file is read only if its size, or its name, is that of an asset it could be;
//! - a file that the next scan would leave alone is left alone here too.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::daemon::{Clock, Names, Sightseeing, identify};
use crate::ledger::{HoldingPath, Ledger, LedgerError};
use crate::planner::pairing::{Local, MediaKind, Sieve};
use crate::planner::{
    self, AccountId, Content, ContentHash, FolderPolicy, IgnoredBy, Look, PathRow, PathStatus,
    Reading, ScanResult, Stat, UploadKey, UploadState,
};
use crate::scan::{self, Report};

/// A content that an asset is looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What it is.
    pub content: Content,
    /// The name that it would be sent under.
    pub name: String,
    /// A path that holds it, for people; none if the ledger knows of none.
    pub path: Option<PathBuf>,
    /// Its names, for pairing.
    pub names: Vec<String>,
    /// Paths in folders that are not linked to it yet.
    pub holders: Vec<HoldingPath>,
}

impl Wanted {
    /// As the pairing sees it.
    pub fn local(&self) -> Local {
        Local {
            hash: self.content.hash,
            size: self.content.size,
            kind: MediaKind::parse(self.content.media_type.as_str()),
            names: self.names.clone(),
        }
    }

    /// As people read of it.
    pub fn shown(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| PathBuf::from(&self.name))
    }
}

/// The contents of one account, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Contents {
    all: Vec<Wanted>,
    by_hash: BTreeMap<ContentHash, usize>,
}

impl Contents {
    /// All of them.
    pub fn all(&self) -> &[Wanted] {
        &self.all
    }

    fn take(&mut self, wanted: Wanted) {
        match self.by_hash.get(&wanted.content.hash) {
            Some(place) => {
                let known = &mut self.all[*place];
                known.holders.extend(wanted.holders);
                let new = wanted.names.into_iter().filter(|name| !known.names.contains(name));
                let new: Vec<String> = new.collect();
                known.names.extend(new);
            }
            None => {
                self.by_hash.insert(wanted.content.hash, self.all.len());
                self.all.push(wanted);
            }
        }
    }
}

/// What the ledger has no assetId for, account by account.
///
/// # Errors
/// If the ledger cannot be read; so for all below.
pub fn of_ledger(ledger: &Ledger) -> Result<BTreeMap<AccountId, Contents>, LedgerError> {
    let mut accounts: BTreeMap<AccountId, Contents> = BTreeMap::new();
    for open in ledger.open_uploads()? {
        let name = open.path.as_deref().map(crate::daemon::sent_name);
        let mut names = vec![open.name.clone()];
        names.extend(name.filter(|name| *name != open.name));
        accounts.entry(open.account).or_default().take(Wanted {
            content: open.content,
            name: open.name,
            path: open.path,
            names,
            holders: Vec::new(),
        });
    }
    Ok(accounts)
}

/// Adds what lies in a folder. None, or why not all of it could be seen.
pub fn add_folder(
    contents: &mut Contents,
    ledger: &Ledger,
    policy: &FolderPolicy,
    sight: &Sightseeing,
    sieve: &Sieve,
    templates: &Names,
) -> Result<Option<String>, LedgerError> {
    if sieve.is_empty() {
        return Ok(None);
    }
    let clock = Clock::start();
    let mut search = Search { contents, ledger, policy, templates, clock };
    let mut failed = None;
    let result = scan::walk(
        &sight.root,
        &mut |report| {
            let Report::Listing(listing) = report else { return ControlFlow::Continue(()) };
            for (name, look) in listing.entries {
                let Look::File(stat) = look else { continue };
                let path = listing.directory.join(name);
                let size = stat.fingerprint.size;
                let fits = size > 0 && sight.largest.is_none_or(|largest| size <= largest);
                if fits
                    && may_pass(sieve, templates, size, &path)
                    && let Err(error) = search.file(&path, stat)
                {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        },
        &AtomicBool::new(false),
    );
    match (failed, result) {
        (Some(error), _) => Err(error),
        (None, ScanResult::Complete) => Ok(None),
        (None, ScanResult::Incomplete { reason } | ScanResult::Away { reason }) => Ok(Some(reason)),
    }
}

struct Search<'a> {
    contents: &'a mut Contents,
    ledger: &'a Ledger,
    policy: &'a FolderPolicy,
    templates: &'a Names,
    clock: Clock,
}

impl Search<'_> {
    fn file(&mut self, path: &Path, stat: Stat) -> Result<(), LedgerError> {
        let row = self.ledger.path_row(path)?;
        if !worth_reading(self.policy, &stat, row.as_ref()) {
            return Ok(());
        }
        let now = || self.clock.now().wall;
        let read = || identify(path, stat.fingerprint, Reading::Quiet, now, (&|| false, &|_| {}));
        // Parsers meet whatever bytes people have; one that fails is about that file only.
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or(None);
        let Some(planner::Identity::Known { stat, read_at, content, name, .. }) = read else {
            return Ok(());
        };
        let key = UploadKey { hash: content.hash, account: self.policy.account };
        if matches!(self.ledger.upload_state(&key)?, UploadState::Uploaded { .. }) {
            return Ok(());
        }
        let holder = HoldingPath {
            path: path.into(),
            folder: self.policy.id,
            fingerprint: stat.fingerprint,
            certain: planner::certain(&stat, read_at, 0),
        };
        // Who sent it, this folder's template or another program, decides which of the two it has.
        let templated = self.templates.name(path, Some(&content.hash)).unwrap_or(name.clone());
        let mut names = vec![templated.clone()];
        names.extend((name != templated).then_some(name));
        self.contents.take(Wanted {
            content,
            names,
            name: templated,
            path: Some(path.to_owned()),
            holders: vec![holder],
        });
        Ok(())
    }
}

/// Whether a file could be one of those that are looked for, by its size and the names it may have.
fn may_pass(sieve: &Sieve, templates: &Names, size: u64, path: &Path) -> bool {
    sieve.passes(size, &crate::daemon::sent_name(path))
        || templates.name(path, None).is_some_and(|name| sieve.passes(size, &name))
}

/// Whether a scan would take the file up, and its content is not known yet.
fn worth_reading(policy: &FolderPolicy, stat: &Stat, row: Option<&PathRow>) -> bool {
    let Some(row) = row else {
        // At first sight of such a folder it is left alone.
        return !policy.ignore_existing || policy.scanned_before;
    };
    let same = row.fingerprint == stat.fingerprint && !row.gone;
    match &row.status {
        PathStatus::Ignored { by: IgnoredBy::Existing, .. } => !same,
        PathStatus::Ignored { .. } => !(same && row.certain),
        // Known: it is on the server, or one of those that the ledger has no assetId for.
        PathStatus::Linked { key, .. } if same && row.certain => key.account != policy.account,
        PathStatus::Linked { upload: UploadState::Uploaded { .. }, .. } => {
            same || !policy.ignore_changes
        }
        PathStatus::Linked { .. } | PathStatus::Settling | PathStatus::Failed { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::{Fingerprint, FolderId};

    fn policy() -> FolderPolicy {
        FolderPolicy {
            id: FolderId(1),
            account: AccountId(1),
            settle_ms: 0,
            incomplete_ms: 0,
            send_incomplete: false,
            ignore_existing: false,
            ignore_changes: false,
            rescan_ms: 0,
            trusts_events: false,
            wants: Default::default(),
            scanned_before: false,
        }
    }

    fn row(status: PathStatus, certain: bool) -> PathRow {
        let fingerprint = Fingerprint { size: 5, ..Fingerprint::default() };
        PathRow { folder: FolderId(1), fingerprint, certain, gone: false, status }
    }

    fn linked(account: i64, upload: UploadState) -> PathStatus {
        let key = UploadKey { hash: ContentHash([1; 32]), account: AccountId(account) };
        PathStatus::Linked { key, upload }
    }

    #[test]
    fn what_is_known_or_would_be_left_alone_is_not_read() {
        let same = Stat {
            fingerprint: Fingerprint { size: 5, ..Fingerprint::default() },
            disk: planner::Disk::Proving,
        };
        let changed = Stat { fingerprint: Fingerprint { size: 6, ..same.fingerprint }, ..same };
        let uploaded = || UploadState::Uploaded { asset_id: "x".into() };
        let ignored = |by| PathStatus::Ignored { by, reason: String::new() };
        let existing = FolderPolicy { ignore_existing: true, ..policy() };
        let frozen = FolderPolicy { ignore_changes: true, ..policy() };
        for (policy, stat, row, read) in [
            (policy(), same, None, true),
            (existing.clone(), same, None, false),
            (FolderPolicy { scanned_before: true, ..existing }, same, None, true),
            (policy(), same, Some(row(linked(1, uploaded()), true)), false),
            (policy(), same, Some(row(linked(1, uploaded()), false)), true),
            (policy(), same, Some(row(linked(2, uploaded()), true)), true),
            (policy(), same, Some(row(linked(1, UploadState::Wanted), true)), false),
            (policy(), changed, Some(row(linked(1, uploaded()), true)), true),
            (frozen, changed, Some(row(linked(1, uploaded()), true)), false),
            (policy(), same, Some(row(ignored(IgnoredBy::Existing), true)), false),
            (policy(), changed, Some(row(ignored(IgnoredBy::Existing), true)), true),
            (policy(), same, Some(row(ignored(IgnoredBy::Media), true)), false),
            (policy(), same, Some(row(PathStatus::Settling, false)), true),
        ] {
            assert_eq!(worth_reading(&policy, &stat, row.as_ref()), read, "{stat:?} {row:?}");
        }
    }
}
