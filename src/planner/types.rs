//! The nouns: times, files as the disk shows them, contents, accounts, and what the ledger knows.
//!
//! Owns:
//! - identity of an upload is content × account ([`UploadKey`]), nothing else;
//! - wall-clock times are stored, monotonic times are waited for, and the types keep them apart.

use std::borrow::Borrow;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use super::MediaType;

/// Why a file without any bytes is no media.
pub const EMPTY: &str = "the file is empty";

/// A path as it is keyed everywhere: the resolved parent plus the name, bytes kept.
pub type SharedPath = Arc<Path>;

/// A path as a key in memory. In the order of its bytes: to compare two paths part by part, as
/// [`Path`] does, takes many times as long, and paths are kept in one form anyway.
#[derive(Debug, Clone)]
pub struct PathKey(pub SharedPath);

impl Borrow<OsStr> for PathKey {
    fn borrow(&self) -> &OsStr {
        self.0.as_os_str()
    }
}

impl Ord for PathKey {
    fn cmp(&self, other: &PathKey) -> std::cmp::Ordering {
        self.0.as_os_str().cmp(other.0.as_os_str())
    }
}

impl PartialOrd for PathKey {
    fn partial_cmp(&self, other: &PathKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathKey {
    fn eq(&self, other: &PathKey) -> bool {
        self.0.as_os_str() == other.0.as_os_str()
    }
}

impl Eq for PathKey {}

/// A wall-clock time in milliseconds since the Unix epoch. May jump either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub i64);

/// A monotonic time in milliseconds since some moment of this run. Never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub i64);

/// Both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// What is written down and shown.
    pub wall: Wall,
    /// What waiting is measured with.
    pub mono: Mono,
}

impl Wall {
    /// This time plus `delay_ms`, without overflow.
    pub fn plus(self, delay_ms: i64) -> Wall {
        Wall(self.0.saturating_add(delay_ms))
    }

    /// Milliseconds from `earlier` to this time; negative if `earlier` is later.
    pub fn since(self, earlier: Wall) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Mono {
    /// This time plus `delay_ms`, without overflow.
    pub fn plus(self, delay_ms: i64) -> Mono {
        Mono(self.0.saturating_add(delay_ms))
    }

    /// Milliseconds from `earlier` to this time; negative if `earlier` is later.
    pub fn since(self, earlier: Mono) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);
    };
}

id!(
    /// A watched folder; its row in the ledger.
    FolderId
);
id!(
    /// A Runway account, named or still to be learnt; its row in the ledger.
    AccountId
);
id!(
    /// One try to send one upload. Numbered by the planner, never reused.
    AttemptId
);
id!(
    /// One thing to be done for one path; its row in the ledger.
    ErrandId
);

impl FolderId {
    /// The lane of files that a person pushed by name; it belongs to no folder.
    pub const PUSHES: FolderId = FolderId(0);
}

/// The BLAKE3-256 hash of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Parses 64 hex digits of either case.
    pub fn parse(text: &str) -> Option<ContentHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(ContentHash(bytes))
    }
}

impl std::fmt::Display for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}…", &self.to_string()[..16])
    }
}

/// What `stat` says of a file; two equal fingerprints mean the same bytes, once they are certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fingerprint {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, in nanoseconds since the Unix epoch.
    pub mtime_ns: i64,
    /// Last change of content or metadata, in nanoseconds since the Unix epoch.
    pub ctime_ns: i64,
}

impl Fingerprint {
    /// The newer of the two change times, in whole milliseconds.
    pub fn changed_at(&self) -> Wall {
        Wall(self.mtime_ns.max(self.ctime_ns).div_euclid(1_000_000))
    }
}

/// One look at a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    /// What was seen.
    pub fingerprint: Fingerprint,
    /// What kind of disk it lies on.
    pub disk: Disk,
}

/// What can be relied on, by the file system that a file lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disk {
    /// Its times are this machine's, and the kernel knows of everybody who has a file open for
    /// writing.
    Proving,
    /// Its times are this machine's; that nobody writes cannot be proved.
    Local,
    /// It is this machine's alone, but its times are coarse, or of another making.
    Foreign,
    /// Other machines may write to it. So may those of which nothing is known.
    #[default]
    Remote,
}

impl Disk {
    /// The file system takes its times from this machine's clock, so they compare with ours.
    pub fn own_clock(self) -> bool {
        match self {
            Disk::Proving | Disk::Local => true,
            Disk::Foreign | Disk::Remote => false,
        }
    }
}

/// What the system told last of a file: nobody who writes it through would do anything after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Somebody who had written to it closed it.
    Closed,
    /// It was given this name when it was there already.
    Renamed,
}

/// Who has a file open for writing, or mapped so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writers {
    /// Nobody, says the kernel.
    Nobody,
    /// Somebody.
    Somebody,
    /// That cannot be told.
    Unknown {
        /// Why not, in words.
        why: String,
    },
}

/// What a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its identity.
    pub hash: ContentHash,
    /// Bytes.
    pub size: u64,
    /// What it is sent as.
    pub media_type: MediaType,
    /// Pixels as displayed, if the headers say.
    pub width: Option<u32>,
    /// Pixels as displayed, if the headers say.
    pub height: Option<u32>,
    /// Milliseconds, if the headers say.
    pub duration_ms: Option<u64>,
}

/// The identity of an upload: one content on one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadKey {
    /// Which bytes.
    pub hash: ContentHash,
    /// Where they are wanted.
    pub account: AccountId,
}

/// What the ledger knows of one upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadState {
    /// Not in the ledger.
    Absent,
    /// To be sent, in flight, or in doubt.
    Wanted,
    /// On the server.
    Uploaded {
        /// The long id that every later call of the API wants.
        asset_id: String,
    },
    /// Refused for good, until a person says `retry`.
    Failed {
        /// The server's words.
        reason: String,
    },
    /// Sent whole, and looking could not tell whether it was stored; a person decides.
    Held {
        /// Why looking could not tell.
        reason: String,
    },
}

/// A person's wish to have one file uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Where it is wanted.
    pub account: AccountId,
    /// Also what looks incomplete.
    pub force: bool,
    /// The name to send, if it is not to be the file's own.
    pub name: Option<String>,
}

/// Why a path is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredBy {
    /// A rule of the configuration, an ignore file, or a name that is never ours.
    Rule,
    /// The bytes are no media type that the API takes.
    Media,
    /// It lay there at first sight, and the folder says `existing = "ignore"`.
    Existing,
}

/// What the ledger knows of one path, apart from its upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStatus {
    /// Seen, not at rest or not complete yet.
    Settling,
    /// At rest and identified; the upload says the rest.
    Linked {
        /// Which upload.
        key: UploadKey,
        /// How that upload stands.
        upload: UploadState,
    },
    /// The disk or the file itself is in the way.
    Failed {
        /// In words.
        reason: String,
    },
    /// Not ours.
    Ignored {
        /// What kind of reason.
        by: IgnoredBy,
        /// In words.
        reason: String,
    },
}

/// A path's row in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRow {
    /// The folder it was last seen in.
    pub folder: FolderId,
    /// What the last look that counted showed.
    pub fingerprint: Fingerprint,
    /// The fingerprint was taken long enough after the last change to spare a later hash.
    pub certain: bool,
    /// It was not there when last looked for.
    pub gone: bool,
    /// The rest.
    pub status: PathStatus,
}

/// An upload that could be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Whose turn it is taken from.
    pub folder: FolderId,
    /// What to send.
    pub content: Content,
    /// Where to.
    pub account: AccountId,
    /// A living path that holds the content.
    pub path: SharedPath,
    /// How that path looked when it was hashed.
    pub fingerprint: Fingerprint,
    /// The name to send, in NFC.
    pub name: String,
    /// Failures that count towards giving up.
    pub failures: u32,
    /// Times in a row that this upload was sent whole and not found afterwards.
    pub doubts: u32,
    /// Other accounts of the ledger on which this content is uploaded, being uploaded, or held.
    pub elsewhere: Vec<AccountId>,
}

impl Candidate {
    /// The identity of what would be sent.
    pub fn key(&self) -> UploadKey {
        UploadKey { hash: self.content.hash, account: self.account }
    }
}

/// An attempt without an outcome that an earlier run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Its number.
    pub attempt: AttemptId,
    /// What was being sent.
    pub key: UploadKey,
    /// The path it was read from.
    pub path: SharedPath,
    /// The folder of that path.
    pub folder: FolderId,
    /// The name sent.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was opened.
    pub opened_at: Wall,
    /// The server's clock minus ours, as far as it was known then.
    pub opened_skew_ms: Option<i64>,
    /// Times the list was read for it.
    pub looks: u32,
    /// Failures of the upload so far.
    pub failures: u32,
    /// Doubts in a row of the upload so far.
    pub doubts: u32,
    /// How long the body took if its end was seen, else how long it can have taken at most.
    pub took_ms: Option<i64>,
    /// Assets stored on the account since.
    pub newer: u32,
}

/// What the server says it stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The long id.
    pub asset_id: String,
    /// Where its bytes can be fetched, if the answer says.
    pub url: Option<String>,
}

impl Asset {
    /// The account's e-mail, in lower case, out of `user:<id>-runwayml:<email>-asset:<uuid>`
    /// (the form of an assetId on the API's page of `POST /assets`).
    pub fn email(&self) -> Option<String> {
        let (_, rest) = self.asset_id.split_once("-runwayml:")?;
        let (email, _) = rest.rsplit_once("-asset:")?;
        email.contains('@').then(|| email.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_id_names_its_account() {
        let email = |id: &str| Asset { asset_id: id.into(), url: None }.email();
        let id = "user:12-runwayml:Me+x-asset:1@Example.com-asset:0f-1";
        assert_eq!(email(id).as_deref(), Some("me+x-asset:1@example.com"));
        assert_eq!(email("0f-1"), None);
        assert_eq!(email("user:12-runwayml:nobody-asset:1"), None);
    }

    #[test]
    fn a_hash_reads_back_what_it_shows() {
        let hash = ContentHash([0xA5; 32]);
        assert_eq!(ContentHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(ContentHash::parse("é"), None);
        assert_eq!(ContentHash::parse(&"zz".repeat(32)), None);
    }
}

/// What is done for a file once it is uploaded, or needs a person; in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrandKind {
    /// `FILE.asset.json` is written beside it.
    Sidecar,
    /// The program of `on_uploaded` is run.
    OnUploaded,
    /// It is moved away, or to the trash.
    AfterUpload,
    /// The program of `on_failed` is run.
    OnFailed,
}

impl ErrandKind {
    /// All kinds, in their order.
    pub const ALL: [ErrandKind; 4] = [
        ErrandKind::Sidecar,
        ErrandKind::OnUploaded,
        ErrandKind::AfterUpload,
        ErrandKind::OnFailed,
    ];

    /// The key of the configuration that wants it, which is also the word that the ledger keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrandKind::Sidecar => "sidecar",
            ErrandKind::OnUploaded => "on_uploaded",
            ErrandKind::AfterUpload => "after_upload",
            ErrandKind::OnFailed => "on_failed",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<ErrandKind> {
        ErrandKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether it concerns the file itself: it is nothing once the path holds something else.
    pub fn touches_file(self) -> bool {
        match self {
            ErrandKind::Sidecar | ErrandKind::AfterUpload => true,
            ErrandKind::OnUploaded | ErrandKind::OnFailed => false,
        }
    }

    /// Its bit in [`Wants`].
    fn bit(self) -> u8 {
        match self {
            ErrandKind::Sidecar => 1,
            ErrandKind::OnUploaded => 2,
            ErrandKind::AfterUpload => 4,
            ErrandKind::OnFailed => 8,
        }
    }
}

/// Which errands a folder wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wants(u8);

impl Wants {
    /// These.
    pub fn of(kinds: impl IntoIterator<Item = ErrandKind>) -> Wants {
        Wants(kinds.into_iter().fold(0, |bits, kind| bits | kind.bit()))
    }

    /// Whether it wants one of this kind.
    pub fn has(self, kind: ErrandKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether it wants any.
    pub fn any(self) -> bool {
        self.0 != 0
    }

    /// As the ledger keeps it.
    pub fn bits(self) -> u8 {
        self.0
    }
}

/// One thing to be done for one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Its number in the ledger.
    pub id: ErrandId,
    /// The folder that wants it.
    pub folder: FolderId,
    /// What.
    pub kind: ErrandKind,
    /// For which path.
    pub path: SharedPath,
    /// How that looked when it was read.
    pub fingerprint: Fingerprint,
    /// That look spares reading it again.
    pub certain: bool,
    /// What was uploaded; none if the file failed before it was known.
    pub hash: Option<ContentHash>,
    /// As what, if it was.
    pub asset_id: Option<String>,
    /// The path still holds what it is about.
    pub holds: bool,
    /// How often it has failed.
    pub tries: u32,
}
