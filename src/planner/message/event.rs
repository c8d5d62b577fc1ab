//! What goes in: everything that can happen, and what the ledger knows of it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::super::FolderPolicy;
use super::super::conditions::{Conditions, Sensed};
use super::super::types::{
    AccountId, Arrival, Asset, AttemptId, Content, ErrandId, FolderId, Now, PathRow, Push,
    SharedPath, Stat, UploadState, Wall, Writers,
};
use super::Command;

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A path was looked at, for whatever reason.
    Seen(Sight),
    /// The ledger has this account; it may be a new one.
    AccountKnown {
        /// Its row.
        account: AccountId,
        /// Its e-mail, in lower case; none while that is to be learnt.
        email: Option<String>,
    },
    /// A person asked for this file by name.
    Pushed {
        /// The file.
        path: SharedPath,
        /// How it is wanted.
        push: Push,
    },
    /// An [`super::Effect::Identify`] ended.
    Identified {
        /// The file.
        path: SharedPath,
        /// How it ended.
        result: Identity,
    },
    /// An [`super::Effect::Send`] ended.
    Sent {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended.
        outcome: Outcome,
    },
    /// An [`super::Effect::List`] ended.
    Listed {
        /// Whose list.
        account: AccountId,
        /// The list, or why there is none.
        listing: Result<Listing, Trouble>,
    },
    /// An [`super::Effect::Scan`] ended; its listings came before.
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
    /// A folder's changes are noticed otherwise from now on.
    Watched {
        /// Which folder.
        folder: FolderId,
        /// How.
        by: Watching,
        /// Pause between two scans.
        pause_ms: i64,
    },
    /// A folder was asked to look or to scan and shows no sign of life; or does again.
    Hangs {
        /// Which folder.
        folder: FolderId,
        /// In words; none if it moves again.
        reason: Option<String>,
    },
    /// An [`super::Effect::Sense`] ended.
    Sensed(Sensed),
    /// The configuration is another than before.
    Configured(Box<Configured>),
    /// A person asks for something.
    Asked(Command),
    /// The token is another than before, or there is one again.
    TokenChanged,
    /// There is no token to send anything with, for now.
    TokenMissing {
        /// Why, in words.
        reason: String,
    },
    /// Something that was to be done for a file was tried.
    ErrandEnded {
        /// Which.
        errand: ErrandId,
        /// What came of it.
        result: ErrandResult,
    },
    /// The run ends: begin nothing.
    Stopping,
}

/// What came of an errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandResult {
    /// It is done.
    Done {
        /// In words.
        detail: String,
    },
    /// The file was moved away.
    Moved {
        /// Where to; none means the trash.
        to: Option<SharedPath>,
    },
    /// There is nothing to do any more.
    Void {
        /// In words.
        reason: String,
    },
    /// The path did not hold any more what it is about, when it was begun.
    Left {
        /// In words.
        reason: String,
    },
    /// Something else is in the way, which will pass.
    Wait {
        /// In words.
        reason: String,
    },
    /// It did not work.
    Failed {
        /// In words.
        reason: String,
    },
}

/// What the configuration says from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// All folders. One that was there before and is not named is watched no more.
    pub folders: Vec<FolderPolicy>,
    /// Those that are looked at anew, by other rules or in another way: what was asked of those who
    /// looked before is not answered any more.
    pub anew: Vec<FolderId>,
    /// Uploads at once.
    pub concurrency: usize,
    /// What uploads wait for the end of.
    pub pause_on: Conditions,
    /// The way to the server is another: what stopped uploads may be over.
    pub another_way: bool,
}

/// How a folder's changes are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watching {
    /// The system tells, and scans check now and then.
    Events,
    /// Only scans tell.
    Polled {
        /// Why, in words.
        reason: String,
    },
    /// There is nothing to watch.
    Nothing {
        /// Why, in words.
        reason: String,
    },
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
    /// What the system told of it, if it is an end of writing.
    pub arrival: Option<Arrival>,
    /// An event led to it, if only to the directory that the path lies in.
    pub told: bool,
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
        /// What its container says of its wholeness.
        whole: Whole,
        /// Who had it open for writing, before and after.
        writers: Writers,
    },
    /// It may not be at rest, and was not read to its end; or what was read does not count.
    NotYet {
        /// How it looked.
        stat: Stat,
        /// Why it does not count.
        why: NotYet,
        /// What its container lacks, if that can be told.
        lacks: Option<String>,
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

/// What a container says of its own wholeness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    /// All that it promises is there.
    Yes,
    /// It promises nothing that can be checked.
    CannotTell,
    /// It promises more than is there, or its end was never written.
    No {
        /// What is missing, in words.
        reason: String,
    },
}

/// Why a reading does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYet {
    /// Somebody has it open for writing.
    Open,
    /// It was to be believed only with proof, and there is none: read it after the quiet time.
    Unproved,
    /// It was only to be said what is missing.
    Glimpsed,
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
    /// An event led to this walk, and it is no scan of the folder.
    pub told: bool,
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
    /// For a sight, a push, an identity, a retry, and a source that changed: the path's row.
    pub row: Option<PathRow>,
    /// For an identity: the upload of that content on the wanted account. For a command: the
    /// upload it is about.
    pub upload: Option<UploadState>,
    /// For [`Command::Found`]: another upload has, or had, that assetId.
    pub taken: bool,
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
