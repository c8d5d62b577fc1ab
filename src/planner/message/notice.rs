//! What is said.

use super::super::pause::Paused;
use super::super::retry::Cause;
use super::super::types::{
    AccountId, Asset, Content, ErrandKind, FolderId, SharedPath, UploadKey, Wall,
};

/// Something a person or a program may want to hear of, said after the writes are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A file is seen for the first time, or changed.
    Seen(SharedPath),
    /// A file has been quiet for long enough, and yet it is not read.
    Waits {
        /// The file.
        path: SharedPath,
        /// What is waited for, in words.
        reason: String,
    },
    /// A file is at rest and identified.
    Settled {
        /// The file.
        path: SharedPath,
        /// Its content.
        content: Content,
    },
    /// A file's content is on the server already.
    Deduplicated {
        /// The file.
        path: SharedPath,
        /// Its content.
        content: Content,
        /// Where.
        account: AccountId,
        /// As what.
        asset_id: String,
    },
    /// A file that a person asked for by name is identified.
    Pushed {
        /// The file.
        path: SharedPath,
        /// What is wanted.
        key: UploadKey,
    },
    /// An attempt begins.
    Uploading {
        /// The file.
        path: SharedPath,
        /// Its content.
        content: Content,
        /// Where to.
        account: AccountId,
    },
    /// An upload is on the server.
    Uploaded {
        /// The file it was read from.
        path: SharedPath,
        /// What.
        key: UploadKey,
        /// As what.
        asset: Asset,
        /// It was found in the list after a lost answer.
        found: bool,
    },
    /// It is tried again.
    Retry {
        /// The file.
        path: SharedPath,
        /// Not before; none if that is up to something else.
        at: Option<Wall>,
        /// In words.
        reason: String,
    },
    /// Sent whole, answer lost; being looked up.
    Unknown {
        /// The file.
        path: SharedPath,
        /// In words.
        reason: String,
    },
    /// It needs a person.
    Failed {
        /// The file.
        path: SharedPath,
        /// In words.
        reason: String,
    },
    /// It needs a person's decision.
    Held {
        /// The file.
        path: SharedPath,
        /// In words.
        reason: String,
    },
    /// It is not ours.
    Ignored {
        /// The file.
        path: SharedPath,
        /// In words.
        reason: String,
    },
    /// It is not there any more.
    Gone(SharedPath),
    /// A folder was walked.
    Scanned {
        /// Which.
        folder: FolderId,
        /// Why not everything could be listed, if so.
        incomplete: Option<String>,
    },
    /// A scan found files of which events should have told.
    Missed {
        /// Which folder.
        folder: FolderId,
        /// How many this scan found.
        files: u64,
        /// How many in this run.
        so_far: u64,
    },
    /// Events miss too much, and a person wants them all the same.
    EventsUnreliable {
        /// Which folder.
        folder: FolderId,
        /// In words.
        reason: String,
    },
    /// A folder's root is not there.
    FolderAway {
        /// Which.
        folder: FolderId,
        /// In words.
        reason: String,
    },
    /// A folder's root is there again.
    FolderBack(FolderId),
    /// Uploads are stopped: of one account, or of all.
    AccountStopped {
        /// Which; none means all.
        account: Option<AccountId>,
        /// By what.
        cause: Cause,
        /// Next try, if time alone will do.
        until: Option<Wall>,
        /// In words.
        reason: String,
    },
    /// Uploads go on.
    AccountResumed {
        /// Which; none means all.
        account: Option<AccountId>,
    },
    /// No upload begins from now on, or for another reason than before.
    Paused(Paused),
    /// The pause is over.
    Unpaused,
    /// An uploaded file was moved away, as its folder wants it.
    Moved {
        /// From where.
        path: SharedPath,
        /// Where to; none means the trash.
        to: Option<SharedPath>,
    },
    /// Something that is done for files could not be done for this one.
    ErrandFailed {
        /// For which.
        path: SharedPath,
        /// What.
        kind: ErrandKind,
        /// Not tried again before; none means not at all.
        at: Option<Wall>,
        /// In words.
        reason: String,
    },
}

impl Notice {
    /// The file that it is about, if it is about one.
    pub fn path(&self) -> Option<&SharedPath> {
        match self {
            Notice::Seen(path)
            | Notice::Gone(path)
            | Notice::Settled { path, .. }
            | Notice::Deduplicated { path, .. }
            | Notice::Pushed { path, .. }
            | Notice::Uploading { path, .. }
            | Notice::Uploaded { path, .. }
            | Notice::Retry { path, .. }
            | Notice::Unknown { path, .. }
            | Notice::Failed { path, .. }
            | Notice::Held { path, .. }
            | Notice::Waits { path, .. }
            | Notice::Moved { path, .. }
            | Notice::ErrandFailed { path, .. }
            | Notice::Ignored { path, .. } => Some(path),
            Notice::Scanned { .. }
            | Notice::Missed { .. }
            | Notice::EventsUnreliable { .. }
            | Notice::FolderAway { .. }
            | Notice::FolderBack(_)
            | Notice::AccountStopped { .. }
            | Notice::AccountResumed { .. }
            | Notice::Paused(_)
            | Notice::Unpaused => None,
        }
    }
}
