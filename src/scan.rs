//! What lies on the disk: a look at one path, and walks of folders.
//!
//! Owns:
//! - nothing is opened but directories and ignore files, so a FIFO cannot hang us;
//! - a look and a walk say the same of the same path;
//! - what cannot be read is never called gone, and a root that is not the remembered one is away;
//! - what lies below a directory that is left gives nothing, the directory itself one entry;
//! - memory does not grow with the number of files: a directory is listed in pieces.

mod file_system;
mod look;
mod names;
mod trouble;
mod walk;

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::planner::{FolderId, Look, ScanResult, Stat};
use crate::rules::Rules;
use crate::text::{reason, shown};

pub use file_system::{FileSystem, file_system, file_system_of};

/// Most entries and subdirectories of one [`DirListing`].
pub const LONGEST_LISTING: usize = 1_000;

/// A folder as the eyes see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Which folder.
    pub folder: FolderId,
    /// Its directory, resolved (see [`resolve`]).
    pub path: PathBuf,
    /// Links are gone through as if they were what they point to.
    pub follow_symlinks: bool,
    /// What is ours in it.
    pub rules: Rules,
    /// The roots of other folders below this one: theirs, so here they are not even named.
    pub nested: Vec<PathBuf>,
    /// Directories that are nobody's.
    pub kept_out: Vec<KeptOut>,
    /// Which directory was found here the first time. `None`: whichever is.
    pub expected: Option<RootId>,
}

/// A directory that no folder takes in, such as the state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptOut {
    /// Where it is, resolved.
    pub path: PathBuf,
    /// Completes "ignored: …".
    pub why: String,
}

/// Tells one directory from another that is found under the same path later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootId {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// What a look at a path of a folder shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// All there is to say about it.
    Look(Look),
    /// A directory that the rules take: only a walk of it tells.
    Directory,
}

/// What a walk finds, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A directory, or a piece of one.
    Listing(DirListing),
    /// Something a person should mend; the walk goes on. The same in every walk until it is.
    Warning(String),
}

/// What lies in one directory between two names, as bytes are ordered: after `after`, up to and
/// including `upto`. What the ledger has between them and is not listed here is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirListing {
    /// The directory.
    pub directory: PathBuf,
    /// The names begin after this one. `None`: from the start.
    pub after: Option<OsString>,
    /// The names end with this one. `None`: to the end.
    pub upto: Option<OsString>,
    /// Regular files, and whatever a rule left alone, by name.
    pub entries: Vec<(OsString, Look)>,
    /// Directories that will be gone down into, by name.
    pub subdirectories: Vec<OsString>,
}

impl DirListing {
    /// Whether nothing lies there.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.subdirectories.is_empty()
    }
}

/// How a walk of a part of a folder went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// It was a directory of ours.
    Walked(ScanResult),
    /// There is nothing to walk, only this to see.
    Seen(Look),
}

/// Looks at one path. A directory is nothing that could be a file of ours: [`Look::Gone`].
pub fn look(root: &Root, path: &Path) -> Look {
    match glance(root, path) {
        Glance::Look(look) => look,
        Glance::Directory => Look::Gone,
    }
}

/// Looks at one path, and tells a directory that has to be walked from nothing.
///
/// A path below a directory that is left is [`Look::Gone`], because it has no row; the
/// directory has.
pub fn glance(root: &Root, path: &Path) -> Glance {
    look::glance(root, path)
}

/// Looks at a file that a person asked for by name: no rules hold, and a link is what it leads to.
pub fn look_by_name(path: &Path) -> Look {
    look::by_name(path)
}

/// How an open file looks now; compares with a look at its path.
pub fn stat_open(file: &std::fs::File) -> std::io::Result<Stat> {
    look::open(file)
}

/// Walks a folder from its root down, on the caller's thread, depth first. `emit` may end it.
pub fn walk(
    root: &Root,
    emit: &mut dyn FnMut(Report) -> ControlFlow<()>,
    cancelled: &AtomicBool,
) -> ScanResult {
    walk::all(root, emit, cancelled)
}

/// Walks a directory of a folder: one that is new, or has changed as a whole.
pub fn walk_part(
    root: &Root,
    directory: &Path,
    emit: &mut dyn FnMut(Report) -> ControlFlow<()>,
    cancelled: &AtomicBool,
) -> Part {
    walk::part(root, directory, emit, cancelled)
}

/// Which directory a root is, or why there is none, in words.
pub fn root_id(path: &Path) -> Result<RootId, String> {
    let stat = rustix::fs::lstat(path).map_err(|errno| match errno {
        rustix::io::Errno::NOENT => format!("{} is not there", shown(path)),
        errno => format!("{}: {}", shown(path), reason(&errno.into())),
    })?;
    if look::kind(&stat) != names::Kind::Directory {
        return Err(format!("{} is not a directory", shown(path)));
    }
    Ok(look::id(&stat))
}

/// The path without symbolic links, `.` and `..`, as far as it is there; what is missing at its
/// end stays as it is.
pub fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut there = absolute.as_path();
    loop {
        match (there.canonicalize(), there.parent(), there.file_name()) {
            (Ok(mut resolved), _, _) => {
                resolved.extend(missing.iter().rev());
                return Ok(resolved);
            }
            (Err(error), Some(parent), Some(name))
                if error.kind() == std::io::ErrorKind::NotFound =>
            {
                missing.push(name.to_owned());
                there = parent;
            }
            (Err(error), _, _) => return Err(error),
        }
    }
}

/// The folder a path belongs to: the one with the deepest root above it. Roots and path resolved.
pub fn folder_of<'a>(
    roots: impl IntoIterator<Item = (FolderId, &'a Path)>,
    path: &Path,
) -> Option<FolderId> {
    let above = roots.into_iter().filter(|(_, root)| path.starts_with(root) && path != *root);
    above.max_by_key(|(_, root)| root.components().count()).map(|(folder, _)| folder)
}

/// Those of `roots` that lie below `root`: its [`Root::nested`].
pub fn nested_in(root: &Path, roots: &[PathBuf]) -> Vec<PathBuf> {
    let below = |other: &&PathBuf| other.starts_with(root) && *other != root;
    roots.iter().filter(below).cloned().collect()
}

/// Why a directory of a folder is not gone down into, whatever the rules say.
#[derive(Debug, Clone, Copy)]
enum Border<'a> {
    Nested,
    KeptOut(&'a str),
}

impl Root {
    /// The path below the root; `None` for anything else, and for what is no plain path.
    fn relative<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        let relative = path.strip_prefix(&self.path).ok()?;
        let plain = |part| matches!(part, Component::Normal(_));
        relative.components().all(plain).then_some(relative)
    }

    /// The border that a directory is.
    fn border(&self, directory: &Path) -> Option<Border<'_>> {
        if self.nested.iter().any(|nested| nested == directory) {
            return Some(Border::Nested);
        }
        let kept_out = self.kept_out.iter().find(|kept| kept.path == directory)?;
        Some(Border::KeptOut(&kept_out.why))
    }

    /// The directories of the borders, for when links may lead behind one.
    fn border_ids(&self) -> Vec<RootId> {
        if !self.follow_symlinks {
            return Vec::new();
        }
        let kept_out = self.kept_out.iter().map(|kept| &kept.path);
        let borders = self.nested.iter().chain(kept_out);
        borders.filter_map(|path| root_id(path).ok()).collect()
    }

    /// The directory that is the root now, or why the folder is away.
    fn here(&self) -> Result<RootId, String> {
        let found = root_id(&self.path)?;
        match self.expected {
            Some(expected) if expected != found => Err(format!(
                "{} is another directory than before: is its disk mounted?",
                shown(&self.path)
            )),
            Some(_) | None => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests;
