//! What is written down.

use super::super::types::{
    AccountId, Asset, AttemptId, Content, ErrandId, Fingerprint, FolderId, IgnoredBy, Push,
    SharedPath, UploadKey, Wall,
};
use super::Stop;

/// A fact to write down. All writes of one step are one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A path is there and not at rest; whatever content it held, it holds no more.
    Settling {
        /// The path.
        path: SharedPath,
        /// Its folder.
        folder: FolderId,
        /// How it looks.
        fingerprint: Fingerprint,
        /// What is waited for, in words.
        reason: String,
    },
    /// A path holds this content, wanted on this account; queued unless that upload has ended.
    Link {
        /// The path.
        path: SharedPath,
        /// Its folder.
        folder: FolderId,
        /// How it looked when it was read.
        fingerprint: Fingerprint,
        /// That look spares a later hash.
        certain: bool,
        /// What it is.
        content: Content,
        /// Where it is wanted.
        account: AccountId,
        /// The name to send.
        name: String,
        /// Why it was believed to be at rest, in words.
        evidence: String,
    },
    /// A path's known content is wanted on another account now.
    Relink {
        /// The path.
        path: SharedPath,
        /// Its folder.
        folder: FolderId,
        /// The account.
        account: AccountId,
    },
    /// A path was read again and is what it was; the look now spares a later hash.
    Certain {
        /// The path.
        path: SharedPath,
        /// That look.
        fingerprint: Fingerprint,
        /// Whether it really does.
        certain: bool,
    },
    /// A path that was gone is there again, unchanged.
    Back {
        /// The path.
        path: SharedPath,
        /// Its folder.
        folder: FolderId,
    },
    /// A path is not there any more.
    Gone {
        /// The path.
        path: SharedPath,
    },
    /// A path is not ours.
    Ignored {
        /// The path.
        path: SharedPath,
        /// Its folder.
        folder: FolderId,
        /// How it looked.
        fingerprint: Fingerprint,
        /// What kind of reason.
        by: IgnoredBy,
        /// That look spares looking into the file again.
        certain: bool,
        /// In words.
        reason: String,
    },
    /// The disk or the file itself is in the way of a path.
    PathFailed {
        /// The path.
        path: SharedPath,
        /// Its folder.
        folder: FolderId,
        /// How it looked.
        fingerprint: Fingerprint,
        /// It is the file's own fault: until it changes, trying again is of no use.
        certain: bool,
        /// In words.
        reason: String,
    },
    /// A person asked for this file; kept until its content is linked or refused.
    PushAsked {
        /// The file.
        path: SharedPath,
        /// How it is wanted.
        push: Push,
    },
    /// A push came to its end before sending: it is queued, known, or refused.
    PushEnded {
        /// The file.
        path: SharedPath,
        /// Where it was wanted.
        account: AccountId,
    },
    /// Queue a pushed content. For a path inside a folder this leaves the folder's row alone.
    PushLink {
        /// The file.
        path: SharedPath,
        /// What it is.
        content: Content,
        /// Where it is wanted.
        account: AccountId,
        /// The name to send.
        name: String,
    },
    /// An attempt begins: durable before its first byte.
    OpenAttempt {
        /// Its number.
        attempt: AttemptId,
        /// What is sent.
        key: UploadKey,
        /// From where.
        path: SharedPath,
        /// The name sent.
        name: String,
        /// When.
        at: Wall,
        /// The server's clock minus ours, as far as it is known.
        skew_ms: Option<i64>,
    },
    /// An attempt was sent whole and has no answer; it stays open.
    Doubt {
        /// Its number.
        attempt: AttemptId,
        /// The status, if one came.
        status: Option<u16>,
        /// In words.
        reason: String,
        /// How long the body took.
        took_ms: i64,
    },
    /// The list was read for an open attempt and did not settle it.
    Looked {
        /// Its number.
        attempt: AttemptId,
        /// How often that was.
        looks: u32,
        /// What the list showed, in words.
        reason: String,
    },
    /// An attempt has its outcome.
    CloseAttempt {
        /// Its number.
        attempt: AttemptId,
        /// Which.
        end: AttemptEnd,
        /// The status, if one came.
        status: Option<u16>,
        /// In words.
        detail: String,
    },
    /// An upload is on the server.
    Uploaded {
        /// Which.
        key: UploadKey,
        /// As what.
        asset: Asset,
        /// Under which name it was sent.
        name: String,
    },
    /// An upload is tried again, not before a time.
    Delay {
        /// Which.
        key: UploadKey,
        /// Failures that count towards giving up.
        failures: u32,
        /// Doubts in a row.
        doubts: u32,
        /// Not before.
        next_try_at: Option<Wall>,
        /// In words.
        reason: String,
    },
    /// An upload is refused for good.
    UploadFailed {
        /// Which.
        key: UploadKey,
        /// The server's words.
        reason: String,
    },
    /// Nobody but a person can tell whether an upload is on the server.
    UploadHeld {
        /// Which.
        key: UploadKey,
        /// Why looking could not.
        reason: String,
    },
    /// An upload that was failed is wanted after all.
    Requeue {
        /// Which.
        key: UploadKey,
        /// In words.
        reason: String,
    },
    /// Uploads are stopped until a certain time, or for longer than before.
    Stopped(Stop),
    /// They are not any more.
    Resumed {
        /// Whose; none means everybody's.
        account: Option<AccountId>,
    },
    /// Nothing begins until then; none means until a person says otherwise.
    Paused {
        /// By the wall clock.
        until: Option<Wall>,
    },
    /// It may again.
    Unpaused,
    /// A failed or held upload is wanted after all, as if it had never been tried.
    TryAgain {
        /// Which.
        key: UploadKey,
        /// In words.
        reason: String,
    },
    /// All failed uploads are wanted after all, and all failed files are to be looked at again.
    TryAllAgain,
    /// A held upload is on the server, as a person says.
    Resolved {
        /// Which.
        key: UploadKey,
        /// As what.
        asset: Asset,
    },
    /// An upload counts as never made. Its assetId is kept as one that was ours, and files in
    /// folders that hold the content are queued again.
    Forget {
        /// Which.
        key: UploadKey,
    },
    /// An account without a name has one now.
    NameAccount {
        /// Which.
        account: AccountId,
        /// Its e-mail, in lower case.
        email: String,
    },
    /// An account without a name turns out to be one that the ledger has.
    MergeAccount {
        /// The nameless one; it ends.
        from: AccountId,
        /// The one it is.
        into: AccountId,
    },
    /// A folder was walked to its end for the first time.
    Scanned {
        /// Which.
        folder: FolderId,
    },
    /// Something owed to a path is over.
    ErrandEnded {
        /// Which.
        errand: ErrandId,
        /// How.
        end: ErrandEnd,
        /// In words.
        detail: String,
        /// The path was moved away by it.
        gone: bool,
        /// The path may hold what it is about again: then it is owed anew.
        again: bool,
    },
    /// Something owed to a path is tried again, not before a time.
    ErrandDelayed {
        /// Which.
        errand: ErrandId,
        /// How often it has failed.
        tries: u32,
        /// Not before.
        next_try_at: Wall,
        /// In words.
        reason: String,
    },
    /// What was owed to a path and given up is owed again.
    ErrandsAgain {
        /// Which path; none means all.
        path: Option<SharedPath>,
    },
}

/// How something owed to a path ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrandEnd {
    /// It is done.
    Done,
    /// It was tried often enough.
    Failed,
    /// There is nothing to do any more.
    Void,
}

impl ErrandEnd {
    /// The word the ledger keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrandEnd::Done => "done",
            ErrandEnd::Failed => "failed",
            ErrandEnd::Void => "void",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// Answered with an assetId.
    Stored,
    /// Not answered, and found in the list.
    Found,
    /// Not answered, and not in the list at the last look.
    Absent,
    /// Not answered, and the list cannot tell.
    CannotTell,
    /// The body did not go out whole.
    NotSent,
    /// The server said no.
    Refused,
}

impl AttemptEnd {
    /// The word the ledger keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            AttemptEnd::Stored => "stored",
            AttemptEnd::Found => "found",
            AttemptEnd::Absent => "absent",
            AttemptEnd::CannotTell => "cannot_tell",
            AttemptEnd::NotSent => "not_sent",
            AttemptEnd::Refused => "refused",
        }
    }
}
