//! What the ledger knows of a file, as far as it says what is to be done about it.
//!
//! Owns:
//! - [`Planner::knows`] says yes only to what [`Planner::handle`] would answer with an empty plan:
//!   whoever asks it first may leave the event out.

use std::path::PathBuf;

use super::message::Look;
use super::sabotage::{self, Bug};
use super::types::{
    AccountId, Fingerprint, FolderId, IgnoredBy, PathRow, PathStatus, Stat, UploadState,
};
use super::{FolderPolicy, Planner};

/// A path's row, without what costs memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// The folder it was last seen in.
    pub folder: FolderId,
    /// What the last look that counted showed.
    pub fingerprint: Fingerprint,
    /// The fingerprint was taken long enough after the last change to spare a later hash.
    pub certain: bool,
    /// It was not there when last looked for.
    pub gone: bool,
    /// The rest.
    pub status: KnownAs<'a>,
}

/// A path's status, as far as it says what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAs<'a> {
    /// Seen, not at rest or not complete yet.
    Settling,
    /// At rest and identified.
    Linked {
        /// Where it is wanted.
        account: AccountId,
        /// It is there. Whoever asks [`Planner::knows`] need not have found out.
        uploaded: bool,
    },
    /// The disk or the file itself is in the way.
    Failed,
    /// Not ours.
    Ignored {
        /// What kind of reason.
        by: IgnoredBy,
        /// In words.
        reason: &'a str,
    },
}

impl PathRow {
    /// The row, as far as it says what is to be done.
    pub fn known(&self) -> Known<'_> {
        let PathRow { folder, fingerprint, certain, gone, ref status } = *self;
        let status = match status {
            PathStatus::Settling => KnownAs::Settling,
            PathStatus::Linked { key, upload } => KnownAs::Linked {
                account: key.account,
                uploaded: matches!(upload, UploadState::Uploaded { .. }),
            },
            PathStatus::Failed { .. } => KnownAs::Failed,
            PathStatus::Ignored { by, reason } => KnownAs::Ignored { by: *by, reason },
        };
        Known { folder, fingerprint, certain, gone, status }
    }
}

impl Known<'_> {
    /// Whether it is there and left alone by this very rule.
    pub(super) fn is_left_by(&self, folder: FolderId, rule: &str) -> bool {
        let left = KnownAs::Ignored { by: IgnoredBy::Rule, reason: rule };
        !self.gone && self.folder == folder && self.status == left
    }
}

impl Planner {
    /// Whether what a scan shows of a path of a folder is nothing new: nothing is to be done, and
    /// nothing to be remembered. `path` is asked for only where it matters.
    pub fn knows(
        &self,
        folder: FolderId,
        look: &Look,
        known: Option<&Known<'_>>,
        path: impl FnOnce() -> PathBuf,
    ) -> bool {
        let nothing = match (look, known) {
            (Look::File(stat), Some(_)) => self
                .folders
                .get(&folder)
                .is_some_and(|here| want(&here.policy, *stat, true, known) == Want::Nothing),
            (Look::Left { rule, .. }, Some(known)) => known.is_left_by(folder, rule),
            (Look::Gone, Some(known)) => known.gone,
            // What cannot be looked at is of interest only while it is on its way.
            (Look::Unreadable { .. }, _) | (Look::Gone, None) => true,
            (Look::File(_) | Look::Left { .. }, None) => false,
        };
        // What is on its way is being looked after, whatever the ledger has.
        nothing && (self.settling.len() == 0 || self.settling.entry(&path()).is_none())
    }
}

/// What is wanted of a file that lies in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Nothing,
    /// Find out what it is, from the start.
    Settle,
    /// Read it again, to be certain.
    Recheck,
    /// Its content is known, its place or account is another.
    Relink,
    /// It was gone and is there again, unchanged.
    Back,
    /// It lay there at first sight.
    IgnoreExisting,
}

/// What is to be done about a file that lies in a folder.
pub(super) fn want(
    policy: &FolderPolicy,
    stat: Stat,
    by_scan: bool,
    row: Option<&Known<'_>>,
) -> Want {
    let Some(row) = row else {
        let existing = policy.ignore_existing && by_scan && !policy.scanned_before;
        return if existing { Want::IgnoreExisting } else { Want::Settle };
    };
    let same = row.fingerprint == stat.fingerprint;
    match row.status {
        KnownAs::Settling => Want::Settle,
        KnownAs::Failed if same && !row.gone && row.certain => Want::Nothing,
        // The disk may have recovered; every scan tries.
        KnownAs::Failed if same && !row.gone && by_scan => Want::Recheck,
        KnownAs::Failed if same && !row.gone => Want::Nothing,
        KnownAs::Failed => Want::Settle,
        KnownAs::Ignored { by: IgnoredBy::Rule, .. } => Want::Settle,
        KnownAs::Ignored { by: IgnoredBy::Existing, .. } if same => Want::Nothing,
        KnownAs::Ignored { by: IgnoredBy::Existing, .. } => Want::Settle,
        KnownAs::Ignored { by: IgnoredBy::Media, .. } if !same || row.gone => Want::Settle,
        KnownAs::Ignored { by: IgnoredBy::Media, .. } if row.certain => Want::Nothing,
        KnownAs::Ignored { by: IgnoredBy::Media, .. } => Want::Recheck,
        KnownAs::Linked { .. } if same && row.gone && row.certain => Want::Back,
        KnownAs::Linked { .. } if row.gone => Want::Settle,
        KnownAs::Linked { .. } if same && !row.certain => Want::Recheck,
        KnownAs::Linked { .. } if same && needs_relink(policy, row) => Want::Relink,
        KnownAs::Linked { .. } if same => Want::Nothing,
        KnownAs::Linked { uploaded: true, .. } if policy.ignore_changes => Want::Nothing,
        KnownAs::Linked { .. } => Want::Settle,
    }
}

/// Whether its upload is another folder's or another account's.
pub(super) fn needs_relink(policy: &FolderPolicy, row: &Known<'_>) -> bool {
    let elsewhere = match row.status {
        KnownAs::Linked { account, .. } => {
            account != policy.account && !sabotage::on(Bug::ForgetRelink)
        }
        KnownAs::Settling | KnownAs::Failed | KnownAs::Ignored { .. } => false,
    };
    elsewhere || row.folder != policy.id
}
