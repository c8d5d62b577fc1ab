//! Walks of a folder or a part of one.
//!
//! Owns:
//! - every listing leaves while the root is still the one the walk began with;
//! - the listings of one directory cover its names without a gap;
//! - a loop of links ends at the directory it comes back to.

use std::ffi::{CStr, OsString};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::file_system::Disks;
use super::look::{entry_kind, id, kind, planner_stat, vanished};
use super::names::{BUDGET_BYTES, Kind, Names, Pieces, os};
use super::trouble::Trouble;
use super::{
    Border, DirListing, Glance, LONGEST_LISTING, Part, Report, Root, RootId, file_system, look,
};
use crate::planner::filter::Verdict;
use crate::planner::{Look, ScanResult, Stat};
use crate::rules::{EntryKind, IgnoreFile, Level};
use crate::text::{reason, shown};

type Emit<'a> = dyn FnMut(Report) -> ControlFlow<()> + 'a;

pub(super) fn all(root: &Root, emit: &mut Emit<'_>, cancelled: &AtomicBool) -> ScanResult {
    all_within(root, emit, cancelled, BUDGET_BYTES)
}

/// As [`all`], with names of about `budget` bytes held at once.
pub(super) fn all_within(
    root: &Root,
    emit: &mut Emit<'_>,
    cancelled: &AtomicBool,
    budget: usize,
) -> ScanResult {
    let mut walk = match Walk::begin(root, emit, cancelled, budget) {
        Ok(walk) => walk,
        Err(reason) => return ScanResult::Away { reason },
    };
    let end = walk.run(Place { path: root.path.clone(), above: None });
    walk.result(end)
}

pub(super) fn part(
    root: &Root,
    directory: &Path,
    emit: &mut Emit<'_>,
    cancelled: &AtomicBool,
) -> Part {
    match look::glance(root, directory) {
        Glance::Look(look) => return Part::Seen(look),
        Glance::Directory => {}
    }
    let mut walk = match Walk::begin(root, emit, cancelled, BUDGET_BYTES) {
        Ok(walk) => walk,
        Err(reason) => return Part::Walked(ScanResult::Away { reason }),
    };
    let place = walk.place_of(directory);
    let end = walk.run(place);
    Part::Walked(walk.result(end))
}

/// Why a walk ends before its end.
enum Stop {
    /// The caller wants no more.
    Told,
    /// The root is not the one it was.
    Away(String),
}

/// A directory to go into.
struct Place {
    path: PathBuf,
    /// The rules that hold in the directory above, and the name it has there.
    above: Option<(Level, OsString)>,
}

/// A directory that was listed, and its subdirectories that are still to come.
struct Listed {
    path: PathBuf,
    level: Level,
    id: RootId,
    subdirectories: Names,
    next: usize,
}

struct Walk<'a> {
    root: &'a Root,
    id: RootId,
    /// Directories behind which links must not lead.
    borders: Vec<RootId>,
    emit: &'a mut Emit<'a>,
    cancelled: &'a AtomicBool,
    budget: usize,
    disks: Disks,
    trouble: Trouble,
    /// The directories above the one the walk began in.
    ancestors: Vec<RootId>,
    stack: Vec<Listed>,
}

impl<'a> Walk<'a> {
    fn begin(
        root: &'a Root,
        emit: &'a mut Emit<'_>,
        cancelled: &'a AtomicBool,
        budget: usize,
    ) -> Result<Walk<'a>, String> {
        Ok(Walk {
            root,
            id: root.here()?,
            borders: root.border_ids(),
            emit,
            cancelled,
            budget,
            disks: Disks::default(),
            trouble: Trouble::default(),
            ancestors: Vec::new(),
            stack: Vec::new(),
        })
    }

    /// The rules on the way down to a directory that was found to be ours.
    fn place_of(&mut self, directory: &Path) -> Place {
        let relative = self.root.relative(directory).unwrap_or(Path::new(""));
        let mut path = self.root.path.clone();
        let mut above = None;
        for name in relative {
            if let Ok(stat) = rustix::fs::stat(&path) {
                self.ancestors.push(id(&stat));
            }
            above = Some((level(above, IgnoreFile::read(&path)), name.to_owned()));
            path.push(name);
        }
        Place { path, above }
    }

    fn run(&mut self, start: Place) -> ControlFlow<Stop> {
        self.enter(start)?;
        while let Some(listed) = self.stack.last_mut() {
            let Some((name, _)) = listed.subdirectories.name(listed.next) else {
                self.stack.pop();
                continue;
            };
            let name = os(name);
            let place = Place {
                path: listed.path.join(name),
                above: Some((listed.level.clone(), name.to_owned())),
            };
            listed.next += 1;
            self.enter(place)?;
        }
        ControlFlow::Continue(())
    }

    /// Lists a directory. One that is gone by now is passed over: nothing is known of what was in
    /// it, and the next listing of its parent will miss it.
    fn enter(&mut self, place: Place) -> ControlFlow<Stop> {
        let opened = open(&place.path, self.root.follow_symlinks);
        let (dir, dir_id) = match opened {
            Ok(opened) => opened,
            Err(errno) if vanished(errno) => return self.check_root(),
            Err(errno) => return self.pass_over(&place.path, errno),
        };
        let goes_round = || {
            let stack = self.stack.iter().map(|listed| &listed.id);
            stack.chain(&self.ancestors).any(|above| *above == dir_id)
        };
        if self.root.follow_symlinks && (self.borders.contains(&dir_id) || goes_round()) {
            return ControlFlow::Continue(());
        }
        let mut pieces = Pieces::new(dir, self.budget);
        if let Err(errno) = pieces.read(None) {
            return self.pass_over(&place.path, errno);
        }
        let ignore_file = match pieces.has_ignore_file {
            true => IgnoreFile::read(&place.path),
            false => None,
        };
        let mut listed = Listed {
            path: place.path,
            level: level(place.above, ignore_file),
            id: dir_id,
            subdirectories: Names::default(),
            next: 0,
        };
        self.warn(&listed)?;
        let mut after = None;
        loop {
            after = self.list(&pieces, &mut listed, after)?;
            let Some(last) = &after else { break };
            if let Err(errno) = pieces.read(Some(last.as_bytes())) {
                return self.pass_over(&listed.path, errno);
            }
        }
        self.stack.push(listed);
        ControlFlow::Continue(())
    }

    /// Emits listings for a piece of a directory. Answers the name after which the directory goes
    /// on, if it does.
    fn list(
        &mut self,
        pieces: &Pieces,
        listed: &mut Listed,
        mut after: Option<OsString>,
    ) -> ControlFlow<Stop, Option<OsString>> {
        let (names, dir) = (pieces.names(), pieces.dir());
        let mut from = 0;
        loop {
            let to = names.len().min(from + LONGEST_LISTING);
            let is_last = to == names.len() && !pieces.more;
            let last = to.checked_sub(1).and_then(|at| names.name(at));
            let upto = last.filter(|_| !is_last).map(|(name, _)| os(name).to_owned());
            let mut listing = DirListing {
                directory: listed.path.clone(),
                after: after.take(),
                upto: upto.clone(),
                entries: Vec::with_capacity(to - from),
                subdirectories: Vec::new(),
            };
            for at in from..to {
                if let Some((name, kind)) = names.name(at) {
                    self.take(dir, listed, &mut listing, name, kind);
                }
            }
            self.check_root()?;
            self.say(Report::Listing(listing))?;
            if to == names.len() {
                return ControlFlow::Continue(upto);
            }
            after = upto;
            from = to;
        }
    }

    /// Puts one entry of a directory where it belongs.
    fn take(
        &mut self,
        dir: &Dir,
        listed: &mut Listed,
        listing: &mut DirListing,
        name: &CStr,
        listed_kind: Kind,
    ) {
        let mut asked = None;
        let mut entry = listed_kind;
        if entry == Kind::Unknown || (entry == Kind::Symlink && self.root.follow_symlinks) {
            match self.stat(dir, name) {
                Ok(stat) => {
                    entry = kind(&stat);
                    asked = Some(stat);
                }
                Err(errno) => return self.unreadable(listing, name, errno),
            }
        }
        let Some(entry) = entry_kind(entry) else {
            return;
        };
        let rule = match self.judge(listed, name, entry) {
            Judgement::NotHere => return,
            Judgement::Take if entry == EntryKind::Directory => {
                listing.subdirectories.push(os(name).to_owned());
                listed.subdirectories.push(name, Kind::Directory);
                return;
            }
            Judgement::Take => None,
            Judgement::Leave(rule) => Some(rule),
        };
        let stat = match asked.map_or_else(|| self.stat(dir, name), Ok) {
            // It became something else since the directory was read.
            Ok(stat) if entry_kind(kind(&stat)) != Some(entry) => return,
            Ok(stat) => self.planner_stat(dir, listing, name, &stat),
            Err(errno) => return self.unreadable(listing, name, errno),
        };
        let look = match rule {
            None => Look::File(stat),
            Some(rule) => Look::Left { stat, rule },
        };
        listing.entries.push((os(name).to_owned(), look));
    }

    fn judge(&self, listed: &Listed, name: &CStr, entry: EntryKind) -> Judgement {
        let has_borders = !self.root.nested.is_empty() || !self.root.kept_out.is_empty();
        if entry == EntryKind::Directory && has_borders {
            match self.root.border(&listed.path.join(os(name))) {
                Some(Border::Nested) => return Judgement::NotHere,
                Some(Border::KeptOut(why)) => return Judgement::Leave(why.to_owned()),
                None => {}
            }
        }
        match self.root.rules.entry(&listed.level, os(name), entry) {
            Verdict::Take => Judgement::Take,
            Verdict::Leave(rule) if rule.is_of_another() => Judgement::NotHere,
            Verdict::Leave(rule) => Judgement::Leave(rule.to_string()),
        }
    }

    fn stat(&self, dir: &Dir, name: &CStr) -> Result<rustix::fs::Stat, Errno> {
        let flags = match self.root.follow_symlinks {
            true => AtFlags::empty(),
            false => AtFlags::SYMLINK_NOFOLLOW,
        };
        rustix::fs::statat(dir.fd()?, name, flags)
    }

    fn planner_stat(
        &mut self,
        dir: &Dir,
        listing: &DirListing,
        name: &CStr,
        stat: &rustix::fs::Stat,
    ) -> Stat {
        let disk = self.disks.of(id(stat).device, || {
            // Through a link that is not followed, `statfs` would ask about another place.
            let same = dir.fd().and_then(rustix::fs::fstat);
            if same.is_ok_and(|here| here.st_dev == stat.st_dev) {
                file_system(&listing.directory).disk
            } else {
                file_system(&listing.directory.join(os(name))).disk
            }
        });
        planner_stat(stat, disk)
    }

    fn unreadable(&mut self, listing: &mut DirListing, name: &CStr, errno: Errno) {
        if vanished(errno) {
            return;
        }
        let name = os(name);
        self.trouble.add(&listing.directory.join(name), &reason(&errno.into()));
        let reason = reason(&errno.into());
        let look = Look::Unreadable { reason };
        listing.entries.push((name.to_owned(), look));
    }

    fn pass_over(&mut self, directory: &Path, errno: Errno) -> ControlFlow<Stop> {
        self.trouble.add(directory, &reason(&errno.into()));
        self.check_root()
    }

    fn warn(&mut self, listed: &Listed) -> ControlFlow<Stop> {
        if let Some(broken) = listed.level.broken() {
            self.trouble.note(broken.to_string());
            self.say(Report::Warning(broken.to_string()))?;
        }
        for skipped in listed.level.skipped() {
            self.say(Report::Warning(skipped.to_string()))?;
        }
        ControlFlow::Continue(())
    }

    /// A disk that goes away leaves an empty directory behind, which must not look emptied.
    fn check_root(&self) -> ControlFlow<Stop> {
        if self.cancelled.load(Ordering::Relaxed) {
            return ControlFlow::Break(Stop::Told);
        }
        match self.root.here() {
            Ok(id) if id == self.id => ControlFlow::Continue(()),
            Ok(_) => {
                let root = shown(&self.root.path);
                ControlFlow::Break(Stop::Away(format!("{root} was replaced")))
            }
            Err(reason) => ControlFlow::Break(Stop::Away(reason)),
        }
    }

    fn say(&mut self, report: Report) -> ControlFlow<Stop> {
        match (self.emit)(report) {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(()) => ControlFlow::Break(Stop::Told),
        }
    }

    fn result(self, end: ControlFlow<Stop>) -> ScanResult {
        match (end, self.trouble.reason()) {
            (ControlFlow::Break(Stop::Away(reason)), _) => ScanResult::Away { reason },
            (ControlFlow::Break(Stop::Told), _) => {
                ScanResult::Incomplete { reason: "stopped before its end".to_owned() }
            }
            (ControlFlow::Continue(()), Some(reason)) => ScanResult::Incomplete { reason },
            (ControlFlow::Continue(()), None) => ScanResult::Complete,
        }
    }
}

enum Judgement {
    Take,
    Leave(String),
    /// Another folder's.
    NotHere,
}

fn level(above: Option<(Level, OsString)>, ignore_file: Option<IgnoreFile>) -> Level {
    match above {
        None => Level::root(ignore_file),
        Some((above, name)) => above.child(&name, ignore_file),
    }
}

fn open(path: &Path, follow: bool) -> Result<(Dir, RootId), Errno> {
    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    let id = id(&rustix::fs::fstat(&fd)?);
    Ok((Dir::new(fd)?, id))
}
