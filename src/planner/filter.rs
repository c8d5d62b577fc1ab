//! Ours or not, as far as a bare name tells, and the words for every rule that says no.
//!
//! Owns:
//! - a name that a program gives to a file it has not finished is never ours, in any case of
//!   letters, whatever the configuration says;
//! - every refusal names the rule that decided, in words that a person finds in the
//!   configuration or in an ignore file.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

/// The name of the files that hold ignore patterns for the directory they lie in.
pub const IGNORE_FILE: &str = ".taxiwayignore";
/// How the name of a sidecar ends: `cat.png` has `cat.png.asset.json` beside it.
pub const SIDECAR_ENDING: &str = ".asset.json";

/// How the names end that taxiway gives to what it is about to write or to move.
pub const PARTIAL_ENDING: &str = ".taxiway-part";

/// What the rules say about one file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ours: a file to upload, or a directory to go down into.
    Take,
    /// Not ours. A directory that is left is not gone down into.
    Leave(Rule),
}

/// The rule that left a file or directory alone; `Display` completes "ignored: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A program keeps something unfinished under this name; holds the pattern it matches.
    Temporary(&'static str),
    /// Written or read by taxiway itself; holds the name or its ending.
    Own(&'static str),
    /// A directory of the system or of a file server, such as a trash can.
    System(&'static str),
    /// The name begins with a dot, and the folder says `hidden = false`.
    Hidden,
    /// A directory below a folder that says `recursive = false`.
    NotRecursive,
    /// A symbolic link in a folder that says `follow_symlinks = false`.
    Symlink,
    /// Neither file nor directory: a socket, a FIFO, a device.
    Special,
    /// A pattern of the folder's `exclude`.
    Excluded {
        /// The pattern as the configuration has it.
        pattern: String,
    },
    /// A pattern of an ignore file.
    IgnoreFile {
        /// The pattern as the file has it.
        pattern: String,
        /// The ignore file.
        file: PathBuf,
        /// The line of the pattern, counted from 1.
        line: u64,
    },
    /// An ignore file lies here that cannot be obeyed, so nothing beside it is taken: sending
    /// what it means to hold back could not be undone.
    BrokenIgnoreFile {
        /// The ignore file.
        file: PathBuf,
        /// Why it cannot be obeyed.
        reason: String,
    },
    /// The folder has an `include`, and nothing in it matches.
    NotIncluded,
}

impl Rule {
    /// Whether what it leaves out is a part of another file, and nothing that anybody asks after: a
    /// sidecar, or what is not there whole yet.
    pub fn is_of_another(&self) -> bool {
        *self == Rule::Own(SIDECAR_ENDING) || *self == Rule::Own(PARTIAL_ENDING)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Temporary(pattern) => write!(f, "temporary name ({pattern})"),
            Rule::Own(name) => write!(f, "taxiway's own file ({name})"),
            Rule::System(name) => write!(f, "directory of the system ({name})"),
            Rule::Hidden => f.write_str("hidden (hidden = false)"),
            Rule::NotRecursive => f.write_str("subdirectory (recursive = false)"),
            Rule::Symlink => f.write_str("symbolic link (follow_symlinks = false)"),
            Rule::Special => f.write_str("neither a file nor a directory"),
            Rule::Excluded { pattern } => {
                write!(f, "excluded by `{}` in the configuration", Line(pattern))
            }
            Rule::IgnoreFile { pattern, file, line } => {
                let file = file.to_string_lossy();
                let (pattern, file) = (Line(pattern), Line(&file));
                write!(f, "excluded by `{pattern}` in {file} line {line}")
            }
            Rule::BrokenIgnoreFile { file, reason } => {
                let file = file.to_string_lossy();
                write!(f, "{} cannot be obeyed: {}", Line(&file), Line(reason))
            }
            Rule::NotIncluded => f.write_str("not in include"),
        }
    }
}

/// The rule that a name alone decides, for files and directories alike: our own files and what
/// programs call their unfinished work. `None`: the name says nothing against it.
pub fn by_name(name: &OsStr) -> Option<Rule> {
    if name == IGNORE_FILE {
        return Some(Rule::Own(IGNORE_FILE));
    }
    for ending in [SIDECAR_ENDING, PARTIAL_ENDING] {
        if name.as_encoded_bytes().ends_with(ending.as_bytes()) {
            return Some(Rule::Own(ending));
        }
    }
    temporary(name).map(Rule::Temporary)
}

/// The rule that the name of a directory decides: [`by_name`], and the directories in which
/// systems and file servers keep what was deleted, thumbnails and snapshots.
pub fn by_directory_name(name: &OsStr) -> Option<Rule> {
    let bytes = name.as_encoded_bytes();
    let system = SYSTEM_DIRECTORIES.iter().find(|known| {
        bytes.eq_ignore_ascii_case(known.as_bytes())
            || known.strip_suffix('*').is_some_and(|start| starts_with(bytes, start))
    });
    match system {
        Some(known) => Some(Rule::System(known)),
        None => by_name(name),
    }
}

/// Whether a name begins with a dot.
pub fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The pattern of temporary names that `name` matches, if it matches one.
pub fn temporary(name: &OsStr) -> Option<&'static str> {
    let name = name.as_encoded_bytes();
    // The more telling pattern first: `.syncthing.*.tmp` also ends with `.tmp`.
    let around = AROUND.iter().find(|(_, start, end)| framed(name, start, end));
    if let Some((pattern, _, _)) = around {
        return Some(pattern);
    }
    let ending = ENDINGS.iter().find(|ending| ends_with(name, ending));
    if let Some(ending) = ending {
        return Some(ending);
    }
    COUNTED.iter().find(|(_, matches)| matches(name)).map(|(pattern, _)| *pattern)
}

/// Endings of unfinished files.
const ENDINGS: &[&str] = &[
    ".part",          // Firefox, yt-dlp, wget, KDE, aMule
    ".partial",       // Internet Explorer, Edge, rclone, curl wrappers
    ".crdownload",    // Chrome and its kin
    ".download",      // Safari, as a directory; others, as a file
    ".opdownload",    // Opera
    ".fdmdownload",   // Free Download Manager
    ".aria2",         // aria2's control file
    ".ytdl",          // yt-dlp's control file
    ".filepart",      // WinSCP
    ".dtapart",       // DownThemAll
    ".xltd",          // Thunder
    ".jc!",           // FlashGet
    ".!ut",           // uTorrent
    ".!qb",           // qBittorrent
    ".!bt",           // BitComet
    ".bc!",           // BitComet, older
    ".!sync",         // Resilio Sync
    ".bts",           // Resilio Sync, older
    ".ffs_tmp",       // FreeFileSync
    ".rsync-partial", // rsync --partial-dir
    ".kate-swp",      // Kate
    ".swp",           // Vim
    ".incomplete",    // Transmission wrappers, eMule
    ".inprogress",    // various loaders
    ".unfinished",    // various loaders
    ".uploading",     // file servers
    ".tmp",           // everybody
    ".temp",          // everybody
    "~",              // editors' backups, SMB clients
];

/// Beginnings with endings of unfinished files, with the pattern to show.
const AROUND: &[(&str, &str, &str)] = &[
    (".~lock*", ".~lock.", ""),                  // LibreOffice
    ("~$*", "~$", ""),                           // Microsoft Office
    (".goutputstream-*", ".goutputstream-", ""), // GLib
    (".syncthing.*.tmp", ".syncthing.", ".tmp"), // Syncthing
    ("~syncthing~*.tmp", "~syncthing~", ".tmp"), // Syncthing on Windows
    (".nfs*", ".nfs0", ""),                      // NFS: deleted while open
    (".fuse_hidden*", ".fuse_hidden", ""),       // FUSE: deleted while open
    (".smbdelete*", ".smbdelete", ""),           // SMB: deleted while open
    (".com.google.chrome.*", ".com.google.chrome.", ""),
    (".org.chromium.chromium.*", ".org.chromium.chromium.", ""),
    (".pending-*", ".pending-", ""), // Android's media store
    (".trashed-*", ".trashed-", ""), // Android's media store
    (".megatmp.*", ".megatmp.", ""), // MEGA
    (".#*", ".#", ""),               // Emacs' locks
    ("#*#", "#", "#"),               // Emacs' autosaves
];

/// A pattern to show, and whether a name matches it.
type Counted = (&'static str, fn(&[u8]) -> bool);

/// Temporary names whose form needs more than a beginning and an ending.
const COUNTED: &[Counted] = &[
    (".part-Frag*", |name| numbered(name, ".part-frag")),
    (".NAME.XXXXXX", is_rsync),
    (".NAME.~*", |name| {
        // Nextcloud and ownCloud: `.cat.png.~1f2e`.
        let tail = name.rsplitn(2, |b| *b == b'~').next().unwrap_or(name);
        let head = &name[..name.len() - tail.len()];
        is_filled_dot_name(head, b".~") && !tail.is_empty() && all_hex(tail)
    }),
    (".sb-*", |name| {
        // Files that macOS programs save under another name first: `cat.png.sb-1a2b3c4d-AbCdEf`.
        let Some(at) = name.windows(4).rposition(|four| four == b".sb-") else {
            return false;
        };
        let tail = &name[at + 4..];
        at > 0 && tail.len() == 15 && tail[8] == b'-' && all_hex(&tail[..8])
    }),
];

/// Directories that hold nothing a person dropped; a closing `*` stands for any ending.
const SYSTEM_DIRECTORIES: &[&str] = &[
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    ".Trash",
    ".Trash-*",
    ".Trashes",
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "@Recently-Snapshot",
    ".snapshot",
    ".snapshots",
    ".zfs",
    ".stversions",
    "__MACOSX",
    ".AppleDouble",
    ".fseventsd",
    ".Spotlight-V100",
];

/// rsync writes `cat.png` as `.cat.png.AbC123`, six letters or digits of `mkstemp`.
fn is_rsync(name: &[u8]) -> bool {
    let Some(split) = name.len().checked_sub(7) else {
        return false;
    };
    let (head, tail) = name.split_at(split);
    // A dot within the head: the name that rsync hides has an extension, as all media have.
    is_filled_dot_name(head, b"")
        && head[2..].contains(&b'.')
        && tail[0] == b'.'
        && tail[1..].iter().all(u8::is_ascii_alphanumeric)
}

fn is_filled_dot_name(name: &[u8], ending: &[u8]) -> bool {
    name.starts_with(b".") && name.ends_with(ending) && name.len() > ending.len() + 2
}

/// Whether `name` ends with `mark` and then digits only, at least one.
fn numbered(name: &[u8], mark: &str) -> bool {
    let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && ends_with(&name[..name.len() - digits], mark)
}

fn framed(name: &[u8], start: &str, end: &str) -> bool {
    name.len() > start.len() + end.len() && starts_with(name, start) && ends_with(name, end)
}

fn all_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
}

fn starts_with(name: &[u8], start: &str) -> bool {
    name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

fn ends_with(name: &[u8], end: &str) -> bool {
    name.len()
        .checked_sub(end.len())
        .is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
}

/// A text with its controls escaped, so that it keeps to its line.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
