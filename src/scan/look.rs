//! A look at one path.
//!
//! Owns:
//! - a look counts only while the root is there and is the one it was;
//! - a path behind a link that is not followed is not a path of the folder.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::file_system::file_system_of;
use super::names::Kind;
use super::{Border, Glance, Root, RootId, file_system};
use crate::planner::filter::{Rule, Verdict};
use crate::planner::{Disk, Fingerprint, Look, Stat};
use crate::rules::{EntryKind, IgnoreFile};
use crate::text::reason;

pub(super) fn glance(root: &Root, path: &Path) -> Glance {
    let Some(relative) = root.relative(path) else {
        return Glance::Look(Look::Gone);
    };
    let seen = seen(root, relative);
    // Whatever a foreign or missing root shows, it is not what became of our files.
    if let Err(away) = root.here() {
        return Glance::Look(Look::Unreadable { reason: away });
    }
    match seen {
        Ok(glance) => glance,
        Err(errno) => Glance::Look(failed(errno)),
    }
}

pub(super) fn by_name(path: &Path) -> Look {
    match rustix::fs::stat(path) {
        Ok(stat) if kind(&stat) == Kind::File => Look::File(planner_stat(&stat, disk(path))),
        Ok(_) => Look::Gone,
        Err(errno) => failed(errno),
    }
}

pub(super) fn open(file: &std::fs::File) -> std::io::Result<Stat> {
    let stat = rustix::fs::fstat(file)?;
    Ok(planner_stat(&stat, file_system_of(file).disk))
}

fn failed(errno: Errno) -> Look {
    if vanished(errno) {
        return Look::Gone;
    }
    Look::Unreadable { reason: reason(&errno.into()) }
}

fn seen(root: &Root, relative: &Path) -> Result<Glance, Errno> {
    let gone = Ok(Glance::Look(Look::Gone));
    let borders = root.border_ids();
    let mut at = root.path.clone();
    let mut names = relative.iter().peekable();
    while let Some(name) = names.next() {
        at.push(name);
        let stat = stat(root, &at)?;
        let is_last = names.peek().is_none();
        match (kind(&stat), is_last) {
            (Kind::Directory, _) => match root.border(&at) {
                Some(Border::KeptOut(why)) if is_last => {
                    return Ok(Glance::Look(left(&at, &stat, why.to_owned())));
                }
                Some(Border::KeptOut(_) | Border::Nested) => return gone,
                None if borders.contains(&id(&stat)) => return gone,
                None => {}
            },
            (Kind::File | Kind::Symlink | Kind::Special | Kind::Unknown, false) => return gone,
            (Kind::File | Kind::Symlink | Kind::Special | Kind::Unknown, true) => {}
        }
        if is_last {
            return Ok(judged(root, relative, &at, &stat));
        }
    }
    Ok(Glance::Directory)
}

fn judged(root: &Root, relative: &Path, path: &Path, stat: &rustix::fs::Stat) -> Glance {
    let Some(kind) = entry_kind(kind(stat)) else {
        return Glance::Look(Look::Gone);
    };
    let ignore_file = |directory: &Path| IgnoreFile::read(&root.path.join(directory));
    let judged = root.rules.path(relative, kind, ignore_file);
    Glance::Look(match (judged.verdict, kind) {
        (Verdict::Take, EntryKind::Directory) => return Glance::Directory,
        (Verdict::Take, _) => Look::File(planner_stat(stat, disk(path))),
        // Special files are no files of ours under any rule, and a sidecar is part of its file; a directory on the way that is
        // left stands for all that is below it.
        (Verdict::Leave(Rule::Special), _) => Look::Gone,
        (Verdict::Leave(rule), _) if rule.is_of_another() => Look::Gone,
        (Verdict::Leave(_), _) if judged.at != relative => Look::Gone,
        (Verdict::Leave(rule), _) => left(path, stat, rule.to_string()),
    })
}

fn left(path: &Path, stat: &rustix::fs::Stat, rule: String) -> Look {
    // `statfs` would go through a link, so it is asked about the directory the link lies in.
    let place = if kind(stat) == Kind::Symlink {
        path.parent().map_or_else(PathBuf::new, Path::to_owned)
    } else {
        path.to_owned()
    };
    Look::Left { stat: planner_stat(stat, disk(&place)), rule }
}

fn disk(path: &Path) -> Disk {
    file_system(path).disk
}

fn stat(root: &Root, path: &Path) -> Result<rustix::fs::Stat, Errno> {
    if root.follow_symlinks { rustix::fs::stat(path) } else { rustix::fs::lstat(path) }
}

/// Whether an error means that there is nothing: no such name, a file where a directory was, or
/// a link that leads nowhere.
pub(super) fn vanished(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

pub(super) fn kind(stat: &rustix::fs::Stat) -> Kind {
    // The width of the mode differs between platforms, and `from_raw_mode` takes the platform's.
    Kind::from(FileType::from_raw_mode(stat.st_mode))
}

/// What the rules call it; `None` for what the rules have no say in.
pub(super) fn entry_kind(kind: Kind) -> Option<EntryKind> {
    match kind {
        Kind::File => Some(EntryKind::File),
        Kind::Directory => Some(EntryKind::Directory),
        Kind::Symlink => Some(EntryKind::Symlink),
        Kind::Special | Kind::Unknown => None,
    }
}

// The fields' types differ between platforms; none of these conversions loses a bit that counts.
#[allow(clippy::unnecessary_cast)]
pub(super) fn id(stat: &rustix::fs::Stat) -> RootId {
    RootId { device: stat.st_dev as u64, inode: stat.st_ino as u64 }
}

#[allow(clippy::unnecessary_cast)]
pub(super) fn planner_stat(stat: &rustix::fs::Stat, disk: Disk) -> Stat {
    let RootId { device, inode } = id(stat);
    Stat {
        fingerprint: Fingerprint {
            device,
            inode,
            size: stat.st_size as u64,
            mtime_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        },
        disk,
    }
}

/// Times beyond the year 2262 count as that year.
fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
