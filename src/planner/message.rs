//! What goes in and out of the planner: events and facts in; writes, effects and notices out.
//!
//! Owns:
//! - [`Event`] is the closed list of everything that can happen;
//! - every effect is answered by exactly one event, a scan by its listings and one end.

use std::ffi::OsString;
use std::path::PathBuf;

use super::types::{
    AccountId, Asset, AttemptId, Candidate, Content, Fingerprint, FolderId, IgnoredBy, Now,
    OpenAttempt, PathRow, Push, SharedPath, Stat, UploadKey, UploadState, Wall,
};

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A path was looked at, for whatever reason.
    Seen(Sight),
    /// A person asked for this file by name.
    Pushed {
        /// The file.
        path: SharedPath,
        /// How it is wanted.
        push: Push,
    },
    /// An [`Effect::Identify`] ended.
    Identified {
        /// The file.
        path: SharedPath,
        /// How it ended.
        result: Identity,
    },
    /// An [`Effect::Send`] ended.
    Sent {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended.
        outcome: Outcome,
    },
    /// An [`Effect::List`] ended.
    Listed {
        /// Whose list.
        account: AccountId,
        /// The list, or why there is none.
        listing: Result<Listing, Trouble>,
    },
    /// An [`Effect::Scan`] ended; its listings came before.
    ScanEnded {
        /// Which folder.
        folder: FolderId,
        /// How it ended.
        result: ScanResult,
    },
    /// Sight of some files may have been lost; only a scan helps.
    ScanOwed {
        /// Which folder.
        folder: FolderId,
    },
    /// A folder is to be scanned so often from now on, because it is watched otherwise.
    ScanEvery {
        /// Which folder.
        folder: FolderId,
        /// Pause between two scans.
        pause_ms: i64,
    },
    /// The token is another than before.
    TokenChanged,
    /// The run ends: begin nothing.
    Stopping,
}

/// A look at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The folder it belongs to.
    pub folder: FolderId,
    /// The path.
    pub path: SharedPath,
    /// What was there.
    pub look: Look,
    /// The look was part of the folder's scan.
    pub by_scan: bool,
}

/// What a look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A regular file that the rules leave to us.
    File(Stat),
    /// Something that the rules leave alone.
    Left {
        /// What it looked like.
        stat: Stat,
        /// Which rule, in words.
        rule: String,
    },
    /// Nothing, or nothing that could be a file of ours.
    Gone,
    /// The disk would not say.
    Unreadable {
        /// In words.
        reason: String,
    },
}

/// How identifying a file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Read from start to end, and it looked the same before and after.
    Known {
        /// How it looked.
        stat: Stat,
        /// When reading began.
        read_at: Wall,
        /// What it is.
        content: Content,
        /// The name to send, in NFC.
        name: String,
        /// Why its container cannot be whole, if it cannot.
        incomplete: Option<String>,
    },
    /// It looked otherwise than expected, before or after.
    Changed(Stat),
    /// No bytes.
    Empty(Stat),
    /// Nothing that the API takes.
    Unsupported {
        /// How it looked.
        stat: Stat,
        /// When reading began.
        read_at: Wall,
        /// What it is, and what to convert it to.
        reason: String,
    },
    /// Not there any more.
    Gone,
    /// The disk would not give it.
    Unreadable {
        /// How it looked, if that could be seen.
        stat: Option<Stat>,
        /// In words.
        reason: String,
    },
}

/// How sending ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server stored it and named it.
    Stored(Asset),
    /// The body did not go out whole: nothing is stored.
    NotSent(NotSent),
    /// The body went out whole and no answer can be relied on.
    Unknown {
        /// The status, if one came.
        status: Option<u16>,
        /// In words.
        reason: String,
        /// From the first byte to the moment of giving up.
        took_ms: i64,
    },
    /// The server says no; nothing is stored.
    Refused(Refusal),
}

/// Why a body did not go out whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// No connection: name look-up, TCP, TLS or a proxy failed.
    Offline(Trouble),
    /// The connection broke or stood still before the last byte.
    Broken {
        /// In words.
        reason: String,
    },
    /// The file is not what was hashed any more; the body was cut before its end.
    SourceChanged,
    /// The file is not there any more.
    SourceGone,
    /// The disk would not give the file.
    SourceUnreadable {
        /// In words.
        reason: String,
    },
    /// Taken back before it began, or aborted by a stop.
    Withdrawn,
}

/// A definitive no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the no is about.
    pub kind: RefusalKind,
    /// The HTTP status.
    pub status: u16,
    /// The server's words.
    pub message: String,
}

/// What a no is about (the table of errors that the API and its edge answer with).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// 401: the token.
    Token,
    /// 402: the subscription.
    Subscription,
    /// 596: the Runway account behind the e-mail.
    Account,
    /// 429: too much at once.
    Rate {
        /// What the server asked for, capped.
        retry_after_ms: Option<i64>,
    },
    /// 413, 415, 422: this file.
    File,
    /// 400, 403, 404 and the like: this file, its e-mail, or the edge.
    Other,
}

/// Something between us and an answer, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// In words.
    pub reason: String,
    /// A refusal that stops more than this one call, if it was one.
    pub refusal: Option<Refusal>,
}

/// An account's assets as the server lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Newest or not: in the order of the answer.
    pub assets: Vec<ListedAsset>,
    /// The last page was short, so older assets than these do not exist in this list.
    pub reached_end: bool,
    /// The server's clock when the first page was asked for.
    pub server_time: Option<Wall>,
    /// Our clocks at the same moment.
    pub asked: Now,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAsset {
    /// Id and address.
    pub asset: Asset,
    /// Its name in NFC, if given.
    pub name: Option<String>,
    /// Bytes, if given.
    pub size: Option<u64>,
    /// By the server's clock, if given.
    pub created_at: Option<Wall>,
    /// Uploaded by a person rather than generated; absent counts as yes.
    pub is_user_upload: bool,
}

/// A stretch of one directory, as a walk found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryListing {
    /// The folder that is walked.
    pub folder: FolderId,
    /// The directory.
    pub directory: PathBuf,
    /// The stretch begins behind this name; none means with the first.
    pub after: Option<OsString>,
    /// It ends with this name; none means with the last.
    pub upto: Option<OsString>,
    /// Files, and directories that a rule leaves alone, sorted by the bytes of their names.
    pub entries: Vec<(OsString, Look)>,
    /// Directories that exist and are walked too, or could not be; sorted likewise.
    pub subdirectories: Vec<OsString>,
}

/// How a scan ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanResult {
    /// Everything was listed.
    Complete,
    /// Parts could not be listed.
    Incomplete {
        /// In words.
        reason: String,
    },
    /// The root is not there.
    Away {
        /// In words.
        reason: String,
    },
}

/// What the ledger knows that an event is about; the engine looks it up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// For a sight, a push and an identity: the path's row.
    pub row: Option<PathRow>,
    /// For an identity: the upload of that content on the wanted account.
    pub upload: Option<UploadState>,
    /// For an assetId, in an answer or a list: the account of its e-mail.
    pub asset_account: Option<AccountId>,
    /// For a list: the name we sent, for each listed asset that the ledger has.
    pub ours: Vec<(String, String)>,
    /// For a list: names and sizes of the account's held uploads, which may own what it shows.
    pub held: Vec<(String, u64)>,
    /// For a list: accounts with a name whose own lists cannot be empty any more.
    pub established: Vec<AccountId>,
    /// For a list: the newest assets the ledger has on this account, old enough to be listed.
    pub recent: Vec<String>,
}

/// What is to be done, once the writes of the same step are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Look at a path. Answer: [`Event::Seen`].
    Look {
        /// Its folder.
        folder: FolderId,
        /// The path.
        path: SharedPath,
    },
    /// Read a file from start to end. Answer: [`Event::Identified`].
    Identify {
        /// The path.
        path: SharedPath,
        /// How it must look, before and after.
        fingerprint: Fingerprint,
    },
    /// Send a file. Answer: [`Event::Sent`].
    Send(Box<Send>),
    /// Take back attempts whose first byte has not gone out. Each answers for itself.
    Withdraw {
        /// Which ones.
        attempts: Vec<AttemptId>,
    },
    /// Read every page of an account's list. Answer: [`Event::Listed`].
    List {
        /// Whose.
        account: AccountId,
        /// The e-mail to ask for, once it is known.
        email: Option<String>,
    },
    /// Walk a folder. Answers: listings and [`Event::ScanEnded`].
    Scan {
        /// Which.
        folder: FolderId,
    },
}

/// One attempt to send one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Its number in the ledger.
    pub attempt: AttemptId,
    /// Where the bytes are.
    pub path: SharedPath,
    /// How the file looked when it was hashed.
    pub fingerprint: Fingerprint,
    /// What must go out.
    pub content: Content,
    /// The account's e-mail, once it is known.
    pub email: Option<String>,
    /// The name to send.
    pub name: String,
}

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

/// Something a person or a program may want to hear of, said after the writes are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A file is seen for the first time, or changed.
    Seen(SharedPath),
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
        cause: super::Cause,
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
}

/// All that follows from one event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// First these, in one transaction.
    pub writes: Vec<Write>,
    /// Then these.
    pub effects: Vec<Effect>,
    /// And these are said.
    pub notices: Vec<Notice>,
}

/// What an earlier run left behind, and what the ledger says at the start of this one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// Attempts without an outcome: each is in doubt now.
    pub open: Vec<OpenAttempt>,
    /// Pushes that did not come to their end.
    pub pushes: Vec<(SharedPath, Push)>,
    /// The number of the last attempt.
    pub last_attempt: i64,
}

/// What the planner would like to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// Whose queues, in the order of their turn.
    pub lanes: Vec<(FolderId, AccountId)>,
    /// At most so many candidates of each.
    pub most: usize,
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// Candidates lane by lane, in the order asked for, newest first within each.
    pub lanes: Vec<Vec<Candidate>>,
    /// When the next delayed upload of these lanes may be tried, if none can be now.
    pub next_try_at: Option<Wall>,
}
