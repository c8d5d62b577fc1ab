//! What a file is: read once from start to end, and the same before and after.
//!
//! Owns:
//! - nothing but a regular file is read, and opening never waits;
//! - a file that looks otherwise than it was said to look is not read to its end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use crate::hash::{HashError, hash_file};
use crate::media::{self, Completeness, Facts, Inspection, Walk};
use crate::planner::{Content, ContentHash, Fingerprint, Identity, Stat, Wall};
use crate::{scan, text};

/// Reads a file. `now` is asked for the time at which reading begins. None if the reading was
/// cancelled: then nothing is known of the file, not even that it changed.
pub fn identify(
    path: &Path,
    expected: Fingerprint,
    now: impl Fn() -> Wall,
    cancelled: impl Fn() -> bool,
) -> Option<Identity> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Some(Identity::Gone),
        Err(error) => {
            return Some(Identity::Unreadable { stat: None, reason: text::reason(&error) });
        }
    };
    match read(&mut file, path, expected, now, cancelled) {
        Ok(identity) => identity,
        Err(error) => {
            let stat = scan::stat_open(&file).ok();
            Some(Identity::Unreadable { stat, reason: text::reason(&error) })
        }
    }
}

/// The name that an asset gets from a file: in NFC, with U+FFFD for what is no text.
pub fn sent_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    name.chars().map(plain).nfc().collect()
}

/// The hash of a file's content, for questions that need no more.
///
/// # Errors
/// If it cannot be read, or changes while it is.
pub fn content_hash(path: &Path) -> io::Result<ContentHash> {
    let mut file = open(path)?;
    let size = file.metadata()?.len();
    match hash_file(&mut file, size, || false, |_, _| {}) {
        Ok(hash) => Ok(ContentHash(hash)),
        Err(HashError::Io(error)) => Err(error),
        Err(other) => Err(io::Error::other(other)),
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A FIFO would wait for a writer, a terminal would become ours.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read(
    file: &mut File,
    path: &Path,
    expected: Fingerprint,
    now: impl Fn() -> Wall,
    cancelled: impl Fn() -> bool,
) -> io::Result<Option<Identity>> {
    let stat = scan::stat_open(file)?;
    let read_at = now();
    if stat.fingerprint != expected {
        return Ok(Some(Identity::Changed(stat)));
    }
    let size = stat.fingerprint.size;
    let name = path.file_name().unwrap_or_default();
    let facts = match media::inspect(file, size, name)? {
        Inspection::Media(facts) => facts,
        Inspection::Unsupported { what, hint } => {
            let reason = format!("{what}: {hint}");
            return same_still(file, stat, Identity::Unsupported { stat, read_at, reason });
        }
        Inspection::Empty => return same_still(file, stat, Identity::Empty(stat)),
    };
    let undecided = facts.completeness == Completeness::CannotTell;
    let mut walk = if undecided { Walk::new(facts.media_type) } else { None };
    let hash = hash_file(file, size, cancelled, |chunk, _| {
        if let Some(walk) = &mut walk {
            walk.feed(chunk);
        }
    });
    let hash = match hash {
        Ok(hash) => ContentHash(hash),
        Err(HashError::Io(error)) => return Err(error),
        Err(HashError::Grew { .. } | HashError::Shrank { .. }) => {
            return Ok(Some(Identity::Changed(scan::stat_open(file)?)));
        }
        Err(HashError::Cancelled) => return Ok(None),
    };
    let completeness = walk.map_or(facts.completeness.clone(), Walk::finish);
    let known = known(path, stat, read_at, hash, &facts, completeness);
    same_still(file, stat, known)
}

fn known(
    path: &Path,
    stat: Stat,
    read_at: Wall,
    hash: ContentHash,
    facts: &Facts,
    completeness: Completeness,
) -> Identity {
    let incomplete = match completeness {
        Completeness::Incomplete { reason } => Some(format!("incomplete: {reason}")),
        Completeness::Complete | Completeness::CannotTell => None,
    };
    let content = Content {
        hash,
        size: stat.fingerprint.size,
        media_type: facts.media_type,
        width: facts.width,
        height: facts.height,
        duration_ms: facts.duration_ms,
    };
    Identity::Known { stat, read_at, content, name: sent_name(path), incomplete }
}

/// The verdict holds only if the file still looks as it did before it was read.
fn same_still(file: &File, before: Stat, verdict: Identity) -> io::Result<Option<Identity>> {
    let after = scan::stat_open(file)?;
    let same = after.fingerprint == before.fingerprint;
    Ok(Some(if same { verdict } else { Identity::Changed(after) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_sent_composed_and_without_controls() {
        use std::os::unix::ffi::OsStrExt;
        let name = |bytes: &[u8]| sent_name(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_eq!(name("/x/cafe\u{301}.png".as_bytes()), "caf\u{e9}.png");
        assert_eq!(name(b"/x/a\nb\xFF.png"), "a\u{FFFD}b\u{FFFD}.png");
    }

    #[test]
    fn a_file_is_known_only_if_it_looks_as_it_was_said_to() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.png");
        std::fs::copy("tests/media/picture.png", &path).expect("a picture");
        let file = File::open(&path).expect("the picture");
        let stat = scan::stat_open(&file).expect("its stat");
        let identity = identify(&path, stat.fingerprint, || Wall(5), || false);
        assert!(
            matches!(&identity, Some(Identity::Known { read_at: Wall(5), .. })),
            "{identity:?}"
        );
        let other = Fingerprint { size: 1, ..stat.fingerprint };
        assert_eq!(identify(&path, other, || Wall(5), || false), Some(Identity::Changed(stat)));
        assert_eq!(identify(&path, stat.fingerprint, || Wall(5), || true), None, "cancelled");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(identify(&path, stat.fingerprint, || Wall(5), || false), Some(Identity::Gone));
    }
}
