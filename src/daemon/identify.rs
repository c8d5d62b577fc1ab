//! What a file is: read once from start to end, and the same before and after.
//!
//! Owns:
//! - nothing but a regular file is read, and opening never waits;
//! - what somebody has open for writing is not known, unless a person wants it as it is;
//! - a file that looks otherwise than it was said to look is not read to its end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::hash::{HashError, hash_file};
use crate::media::{self, Completeness, Facts, Inspection, Walk};
use crate::planner::{
    Content, ContentHash, Disk, Fingerprint, Identity, Look, NotYet, Reading, Stat, Wall, Whole,
    Writers,
};
use crate::{evidence, scan, text};

use super::naming::sent_name;

/// Whether to read no further, asked before each chunk; and who is told how many bytes were read.
pub type Reins<'a> = (&'a dyn Fn() -> bool, &'a dyn Fn(usize));

/// Reads a file. `now` is asked for the time at which reading begins. None if the reading was
/// cancelled: then nothing is known of the file, not even that it changed.
pub fn identify(
    path: &Path,
    expected: Fingerprint,
    reading: Reading,
    now: impl Fn() -> Wall,
    reins: Reins<'_>,
) -> Option<Identity> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Some(Identity::Gone),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(leased(path)),
        Err(error) => {
            return Some(Identity::Unreadable { stat: None, reason: text::reason(&error) });
        }
    };
    match read(&mut file, path, (expected, reading), now, reins) {
        Ok(identity) => identity,
        Err(error) => {
            let stat = scan::stat_open(&file).ok();
            Some(Identity::Unreadable { stat, reason: text::reason(&error) })
        }
    }
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

/// Another program has a lease for writing, as file servers take them for their clients. Our try
/// to open the file has asked for it back.
fn leased(path: &Path) -> Identity {
    match scan::look_by_name(path) {
        Look::File(stat) => Identity::NotYet { stat, why: NotYet::Open, lacks: None },
        Look::Gone | Look::Left { .. } => Identity::Gone,
        Look::Unreadable { reason } => Identity::Unreadable { stat: None, reason },
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read(
    file: &mut File,
    path: &Path,
    (expected, reading): (Fingerprint, Reading),
    now: impl Fn() -> Wall,
    reins: Reins<'_>,
) -> io::Result<Option<Identity>> {
    let stat = scan::stat_open(file)?;
    let read_at = now();
    if stat.fingerprint != expected && reading != Reading::Glimpse {
        return Ok(Some(Identity::Changed(stat)));
    }
    let writers = writers(file, stat);
    let size = stat.fingerprint.size;
    let inspection = media::inspect(file, size, path.file_name().unwrap_or_default())?;
    if let Some(why) = not_yet(reading, &writers, &inspection) {
        let lacks = match inspection {
            Inspection::Media(facts) => lacks(facts.completeness),
            Inspection::Unsupported { .. } | Inspection::Empty => None,
        };
        return Ok(Some(Identity::NotYet { stat, why, lacks }));
    }
    let seen = Seen { stat, reading };
    let facts = match inspection {
        Inspection::Media(facts) => facts,
        Inspection::Unsupported { what, hint } => {
            let reason = format!("{what}: {hint}");
            return seen.still(file, Identity::Unsupported { stat, read_at, reason });
        }
        Inspection::Empty => return seen.still(file, Identity::Empty(stat)),
    };
    let Some((hash, completeness)) = contents(file, size, &facts, reins)? else {
        return Ok(None);
    };
    let Some(hash) = hash else {
        return Ok(Some(Identity::Changed(scan::stat_open(file)?)));
    };
    // An end that was set aside and never written is told by no writer that has closed the file, and
    // by few formats.
    let unwritten = match completeness {
        Completeness::Complete => media::hole_at_end(file, size)?,
        Completeness::CannotTell => media::unwritten_tail(file, size, facts.media_type)?,
        Completeness::Incomplete { .. } => None,
    };
    let whole = match completeness {
        Completeness::Complete | Completeness::CannotTell if unwritten.is_some() => {
            let reason = unwritten.unwrap_or_default();
            Whole::No { reason: format!("incomplete: {reason}") }
        }
        Completeness::Complete => Whole::Yes,
        Completeness::CannotTell => Whole::CannotTell,
        Completeness::Incomplete { reason } => {
            Whole::No { reason: format!("incomplete: {reason}") }
        }
    };
    if reading == Reading::Arrived && whole != Whole::Yes {
        return Ok(Some(Identity::NotYet { stat, why: NotYet::Unproved, lacks: None }));
    }
    let content = Content {
        hash,
        size,
        media_type: facts.media_type,
        width: facts.width,
        height: facts.height,
        duration_ms: facts.duration_ms,
    };
    let name = sent_name(path);
    seen.still(file, Identity::Known { stat, read_at, content, name, whole, writers })
}

/// Why a file is not to be read to its end now, if it is not.
fn not_yet(reading: Reading, writers: &Writers, inspection: &Inspection) -> Option<NotYet> {
    let open = *writers == Writers::Somebody;
    match reading {
        Reading::Forced => None,
        Reading::Arrived | Reading::Quiet | Reading::Glimpse if open => Some(NotYet::Open),
        Reading::Glimpse => Some(NotYet::Glimpsed),
        Reading::Quiet => None,
        Reading::Arrived => {
            let may_be_whole = match inspection {
                Inspection::Media(facts) => match facts.completeness {
                    Completeness::Complete => true,
                    Completeness::CannotTell => Walk::new(facts.media_type).is_some(),
                    Completeness::Incomplete { .. } => false,
                },
                Inspection::Unsupported { .. } | Inspection::Empty => false,
            };
            let proved = *writers == Writers::Nobody && may_be_whole;
            (!proved).then_some(NotYet::Unproved)
        }
    }
}

/// Who writes to a file, where that can be asked.
fn writers(file: &File, stat: Stat) -> Writers {
    match stat.disk {
        Disk::Proving => evidence::writers(file),
        // Who is seen to write does; who is not may do so all the same.
        Disk::Local => match evidence::writers(file) {
            Writers::Somebody => Writers::Somebody,
            Writers::Nobody | Writers::Unknown { .. } => {
                let name = scan::file_system_of(file).name;
                Writers::Unknown { why: format!("not for sure on {name}") }
            }
        },
        Disk::Foreign | Disk::Remote => {
            Writers::Unknown { why: format!("not on {}", scan::file_system_of(file).name) }
        }
    }
}

/// The hash of all bytes, none if they are not as many as there were; and what the container says
/// in the end. None if the reading was cancelled.
fn contents(
    file: &mut File,
    size: u64,
    facts: &Facts,
    reins: Reins<'_>,
) -> io::Result<Option<(Option<ContentHash>, Completeness)>> {
    let (cancelled, read) = reins;
    let undecided = facts.completeness == Completeness::CannotTell;
    let mut walk = if undecided { Walk::new(facts.media_type) } else { None };
    let hash = hash_file(file, size, cancelled, |chunk, _| {
        read(chunk.len());
        if let Some(walk) = &mut walk {
            walk.feed(chunk);
        }
    });
    let hash = match hash {
        Ok(hash) => Some(ContentHash(hash)),
        Err(HashError::Io(error)) => return Err(error),
        Err(HashError::Grew { .. } | HashError::Shrank { .. }) => None,
        Err(HashError::Cancelled) => return Ok(None),
    };
    Ok(Some((hash, walk.map_or(facts.completeness.clone(), Walk::finish))))
}

fn lacks(completeness: Completeness) -> Option<String> {
    match completeness {
        Completeness::Incomplete { reason } => Some(reason),
        Completeness::Complete | Completeness::CannotTell => None,
    }
}

/// How a file looked when its reading began.
struct Seen {
    stat: Stat,
    reading: Reading,
}

impl Seen {
    /// The verdict holds only if the file still looks as it did before it was read, and nobody has
    /// opened it for writing meanwhile.
    fn still(&self, file: &File, verdict: Identity) -> io::Result<Option<Identity>> {
        let after = scan::stat_open(file)?;
        if after.fingerprint != self.stat.fingerprint {
            return Ok(Some(Identity::Changed(after)));
        }
        let not_yet = |why| Identity::NotYet { stat: after, why, lacks: None };
        Ok(Some(match (self.reading, writers(file, after)) {
            (Reading::Forced, _) => verdict,
            (_, Writers::Somebody) => not_yet(NotYet::Open),
            (Reading::Arrived, Writers::Unknown { .. }) => not_yet(NotYet::Unproved),
            (_, Writers::Nobody | Writers::Unknown { .. }) => verdict,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_only_if_it_looks_as_it_was_said_to() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.png");
        std::fs::copy("tests/media/picture.png", &path).expect("a picture");
        let file = File::open(&path).expect("the picture");
        let stat = scan::stat_open(&file).expect("its stat");
        let identity =
            identify(&path, stat.fingerprint, Reading::Quiet, || Wall(5), (&|| false, &|_| {}));
        assert!(
            matches!(&identity, Some(Identity::Known { read_at: Wall(5), .. })),
            "{identity:?}"
        );
        let other = Fingerprint { size: 1, ..stat.fingerprint };
        assert_eq!(
            identify(&path, other, Reading::Quiet, || Wall(5), (&|| false, &|_| {})),
            Some(Identity::Changed(stat))
        );
        assert_eq!(
            identify(&path, stat.fingerprint, Reading::Quiet, || Wall(5), (&|| true, &|_| {})),
            None,
            "cancelled"
        );
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(
            identify(&path, stat.fingerprint, Reading::Quiet, || Wall(5), (&|| false, &|_| {})),
            Some(Identity::Gone)
        );
    }

    #[test]
    fn an_end_that_was_set_aside_and_never_written_is_missing_whoever_has_it_open() {
        let directory = tempfile::tempdir().expect("a directory");
        for (sample, fill) in [("bare.mp3", true), ("pcm.wav", false)] {
            let path = directory.path().join(sample);
            let mut bytes = std::fs::read(Path::new("tests/media").join(sample)).expect("a sample");
            let whole = bytes.len() as u64;
            if fill {
                bytes.resize(bytes.len() + 20_000, 0);
                std::fs::write(&path, &bytes).expect("written");
            } else {
                // The first half, and a hole for the rest.
                std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
                let file = OpenOptions::new().write(true).open(&path).expect("open");
                file.set_len(whole).expect("a hole");
            }
            let stat = scan::stat_open(&File::open(&path).expect("open")).expect("its stat");
            let read = |reading| {
                identify(&path, stat.fingerprint, reading, || Wall(5), (&|| false, &|_| {}))
            };
            let known = read(Reading::Quiet);
            let Some(Identity::Known { whole: Whole::No { reason }, .. }) = known else {
                panic!("{sample}: {known:?}");
            };
            assert!(reason.starts_with("incomplete: the last "), "{reason}");
            let arrived = read(Reading::Arrived);
            assert!(matches!(arrived, Some(Identity::NotYet { .. })), "{sample}: {arrived:?}");
        }
    }
}
