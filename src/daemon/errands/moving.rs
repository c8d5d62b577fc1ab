//! A file that is uploaded goes away: into a directory, or to the trash.
//!
//! Owns:
//! - what goes is what was uploaded: looked at before, and after it has another name and nobody
//!   finds it by the old one; what is not, goes back;
//! - nothing is ever overwritten;
//! - on its way to another disk a file is whole on one of the two at every moment.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{failed, sidecar};
use crate::hash::hash_file;
use crate::planner::filter::PARTIAL_ENDING;
use crate::planner::{ContentHash, Disk, Errand, ErrandResult, Stat, Writers};
use crate::{crash, evidence, scan, text};

/// So many names are tried for a file: `cat.png`, `cat (2).png`, …
const NAMES_MOST: u32 = 10_000;
/// So many bytes of a name are in the names of what is not whole yet.
const PARTIAL_NAME_MOST: usize = 150;

/// Moves a file below `directory`, at the place that it has below `root`.
pub(super) fn move_away(
    errand: &Errand,
    root: &Path,
    directory: &Path,
    with_sidecar: bool,
) -> ErrandResult {
    let from = &*errand.path;
    if let Err(error) = put_back(errand) {
        return failed("cannot put back", from, &error);
    }
    let stat = match look(errand) {
        Ok(stat) => stat,
        Err(result) => return result,
    };
    let relative = from.strip_prefix(root).unwrap_or(from);
    let below = relative.parent().unwrap_or(Path::new(""));
    let target = directory.join(below);
    if let Err(error) = make_directory(directory, &target) {
        return failed("cannot make", &target, &error);
    }
    let moved = match rename(errand, &stat, &target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(errand, &stat, &target),
        other => other,
    };
    match moved {
        Ok(Moved::To(to)) => {
            if with_sidecar {
                take_sidecar_along(from, &to);
            }
            ErrandResult::Moved { to: Some(to.into()) }
        }
        Ok(Moved::Not(result)) => result,
        Err(error) => failed("cannot move it to", &target, &error),
    }
}

/// Moves a file to the trash of its user.
pub(super) fn trash(errand: &Errand) -> ErrandResult {
    if let Err(result) = look(errand) {
        return result;
    }
    #[allow(unused_mut)]
    let mut context = trash::TrashContext::new();
    #[cfg(target_os = "macos")]
    {
        use trash::macos::{DeleteMethod, TrashContextExtMacos};
        // The Finder would ask a person for leave.
        context.set_delete_method(DeleteMethod::NsFileManager);
    }
    match context.delete(&*errand.path) {
        Ok(()) => ErrandResult::Moved { to: None },
        Err(error) => {
            let reason = format!("there is no way to the trash: {error}");
            ErrandResult::Failed { reason: text::escaped(&reason) }
        }
    }
}

/// A name for what is not there whole yet: hidden, one of those that are never uploaded, and short
/// enough wherever the name itself is.
pub(super) fn partial(of: &Path, what: &str) -> PathBuf {
    let mut name = OsString::from(".");
    let of_name = of.file_name().unwrap_or_default().as_bytes();
    name.push(OsStr::from_bytes(&of_name[..of_name.len().min(PARTIAL_NAME_MOST)]));
    name.push(format!(".{what}{PARTIAL_ENDING}"));
    of.with_file_name(name)
}

/// The same, and nobody else's: not that of an earlier run, and not that of another try of this one.
pub(super) fn own_partial(of: &Path, what: &str) -> PathBuf {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    partial(of, &format!("{what}-{}-{number}", std::process::id()))
}

/// Gives a file a name that nobody has. False if somebody has it.
pub(super) fn rename_into_free(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // Not every file system can.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_into_free(from, to),
        Err(errno) => Err(errno.into()),
    }
}

/// A second name for a file is as exclusive. The first goes only if it is still that file's: another
/// program may have put another file there meanwhile.
fn link_into_free(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        linked => linked?,
    }
    let own = own_partial(from, "link");
    fs::rename(from, &own)?;
    if is_same_file(&own, to) || fs::hard_link(&own, from).is_ok() {
        fs::remove_file(&own)?;
    }
    Ok(true)
}

/// Whether two names are of one file, by whatever way they lead there.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
}

/// A try that ended between the two last steps of a move to another disk left the file aside.
pub(super) fn put_back(errand: &Errand) -> io::Result<()> {
    let aside = aside(errand);
    if aside.symlink_metadata().is_ok() && errand.path.symlink_metadata().is_err() {
        rename_into_free(&aside, &errand.path)?;
    }
    Ok(())
}

fn aside(errand: &Errand) -> PathBuf {
    partial(&errand.path, &what(errand))
}

fn what(errand: &Errand) -> String {
    format!("move-{}", errand.id.0)
}

enum Moved {
    To(PathBuf),
    Not(ErrandResult),
}

/// Whether the file is still the one that was uploaded, and nobody is about to change it.
fn look(errand: &Errand) -> Result<Stat, ErrandResult> {
    let path = &*errand.path;
    let wait = |reason: &str| ErrandResult::Wait { reason: reason.to_owned() };
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => {
            return Err(ErrandResult::Failed { reason: "it is a link, which is not moved".into() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ErrandResult::Void { reason: "it is not there any more".into() });
        }
        Err(error) => return Err(failed("cannot look at", path, &error)),
    }
    let open = || -> io::Result<(File, Stat)> {
        let file = File::open(path)?;
        let stat = scan::stat_open(&file)?;
        Ok((file, stat))
    };
    let (mut file, stat) = open().map_err(|error| failed("cannot open", path, &error))?;
    if stat.fingerprint != errand.fingerprint {
        return Err(wait("it has changed since it was uploaded"));
    }
    if !errand.certain {
        let hash = hash_file(&mut file, stat.fingerprint.size, || false, |_, _| {});
        if hash.ok().map(ContentHash) != errand.hash {
            return Err(wait("it holds something else than what was uploaded"));
        }
    }
    if stat.disk == Disk::Proving && evidence::writers(&file) == Writers::Somebody {
        return Err(wait("another program has it open for writing"));
    }
    Ok(stat)
}

/// The directory itself may be made, but not what it lies in: that is a disk that is not there.
fn make_directory(directory: &Path, target: &Path) -> io::Result<()> {
    if target.is_dir() {
        return Ok(());
    }
    if !directory.is_dir() {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::create_dir_all(target)?;
    // A file that is only in a directory that a power cut takes away is nowhere.
    let made = target.ancestors().take_while(|made| made.starts_with(directory));
    made.chain(directory.parent()).try_for_each(sync_directory)
}

/// `cat.png`, `cat (2).png`, …
pub fn names(of: &OsStr) -> impl Iterator<Item = OsString> {
    let of = of.to_owned();
    (1..=NAMES_MOST).map(move |number| {
        if number == 1 {
            return of.clone();
        }
        let path = Path::new(&of);
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(format!(" ({number})"));
        if let Some(extension) = path.extension() {
            name.push(".");
            name.push(extension);
        }
        name
    })
}

fn no_name(target: &Path) -> io::Error {
    io::Error::other(format!("{NAMES_MOST} files of that name are in {}", text::shown(target)))
}

fn rename(errand: &Errand, stat: &Stat, target: &Path) -> io::Result<Moved> {
    let from = &*errand.path;
    for name in names(from.file_name().unwrap_or_default()) {
        let to = target.join(name);
        if !rename_into_free(from, &to)? {
            continue;
        }
        crash::point("moved");
        // Nobody finds it by its old name any more: what lies here now is what was moved.
        if is_the_one(&to, stat) && !has_writer(&to, stat) {
            return Ok(Moved::To(to));
        }
        if !rename_into_free(&to, from)? {
            let reason = format!("another file took its place, and it is {} now", text::shown(&to));
            return Ok(Moved::Not(ErrandResult::Failed { reason }));
        }
        let reason = "it changed while it was moved, and is back".to_owned();
        return Ok(Moved::Not(ErrandResult::Wait { reason }));
    }
    Err(no_name(target))
}

/// Whether a file is the one that was looked at, under another name: a rename may change the time
/// of its last change of any kind, and nothing else.
fn is_the_one(path: &Path, stat: &Stat) -> bool {
    let found = File::open(path).and_then(|file| scan::stat_open(&file));
    let Ok(found) = found.map(|found| found.fingerprint) else { return false };
    let was = stat.fingerprint;
    crate::planner::Fingerprint { ctime_ns: was.ctime_ns, ..found } == was
}

/// Whether somebody is known to have it open for writing.
fn has_writer(path: &Path, stat: &Stat) -> bool {
    let open = || File::open(path).is_ok_and(|file| evidence::writers(&file) == Writers::Somebody);
    stat.disk == Disk::Proving && open()
}

/// To another disk: a copy under a name of its own, whose bytes are proved; then the name; then the
/// original, renamed first and looked at again.
fn copy(errand: &Errand, stat: &Stat, target: &Path) -> io::Result<Moved> {
    let from = &*errand.path;
    let failed = |reason| Ok(Moved::Not(ErrandResult::Failed { reason }));
    let wait = |reason: &str| Ok(Moved::Not(ErrandResult::Wait { reason: reason.to_owned() }));
    remove_leftovers(errand, target);
    let mut to = None;
    for name in names(from.file_name().unwrap_or_default()) {
        let candidate = target.join(name);
        if is_same_file(from, &candidate) {
            return failed(format!("{} is the folder itself, by another way", text::shown(target)));
        }
        if is_our_copy(&candidate, errand, stat) {
            // An earlier try came so far.
            to = Some(candidate);
            break;
        }
        if candidate.symlink_metadata().is_ok() {
            continue;
        }
        let part = own_partial(&candidate, &what(errand));
        let hash = copy_bytes(from, &part)?;
        if Some(hash) != errand.hash {
            fs::remove_file(&part)?;
            return wait("it holds something else than what was uploaded");
        }
        crash::point("copied");
        if rename_into_free(&part, &candidate)? {
            sync_directory(target)?;
            to = Some(candidate);
            break;
        }
        fs::remove_file(&part)?;
    }
    let Some(to) = to else { return Err(no_name(target)) };
    crash::point("moved");
    let aside = aside(errand);
    if !rename_into_free(from, &aside)? {
        return failed(format!("{} is in the way", text::shown(&aside)));
    }
    // The copy may be this very file, where one disk is mounted twice: then it is gone by now.
    let copied = is_our_copy(&to, errand, stat) && !is_same_file(&to, &aside);
    if copied && is_the_one(&aside, stat) && !has_writer(&aside, stat) {
        fs::remove_file(&aside)?;
        return Ok(Moved::To(to));
    }
    if !rename_into_free(&aside, from)? {
        return failed(format!(
            "another file took its place, and what was there is {} now",
            text::shown(&aside)
        ));
    }
    if copied {
        fs::remove_file(&to)?;
    }
    wait("it changed while it was moved, and has stayed")
}

/// What tries that were broken off have left in the target.
fn remove_leftovers(errand: &Errand, target: &Path) {
    let what = format!(".{}-", what(errand));
    let entries = fs::read_dir(target).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(PARTIAL_ENDING) && name.contains(&what) {
            // One that cannot be removed is only in the way of nobody.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Copies bytes, times and rights, and puts them on the disk. Gives the hash of what was copied.
fn copy_bytes(from: &Path, to: &Path) -> io::Result<ContentHash> {
    let mut source = File::open(from)?;
    let metadata = source.metadata()?;
    let mut copy = OpenOptions::new().write(true).create_new(true).open(to)?;
    let mut written = Ok(());
    let hash = hash_file(
        &mut source,
        metadata.len(),
        || false,
        |chunk, _| {
            if written.is_ok() {
                written = copy.write_all(chunk);
            }
        },
    );
    let finished = written.and_then(|()| {
        let hash = hash.map_err(io::Error::other)?;
        copy.set_permissions(metadata.permissions())?;
        let times = FileTimes::new().set_modified(metadata.modified()?);
        copy.set_times(times.set_accessed(metadata.accessed()?))?;
        copy.sync_all()?;
        Ok(ContentHash(hash))
    });
    if finished.is_err() {
        // A copy that is not whole is of no use.
        let _ = fs::remove_file(to);
    }
    finished
}

/// Whether a file is a copy that an earlier try made: as old and as long to the last digit, with
/// the same bytes.
fn is_our_copy(path: &Path, errand: &Errand, stat: &Stat) -> bool {
    let read = || -> io::Result<bool> {
        if !fs::symlink_metadata(path)?.is_file() {
            return Ok(false);
        }
        let mut file = File::open(path)?;
        let found = scan::stat_open(&file)?.fingerprint;
        if (found.size, found.mtime_ns) != (stat.fingerprint.size, stat.fingerprint.mtime_ns) {
            return Ok(false);
        }
        let hash = hash_file(&mut file, found.size, || false, |_, _| {});
        Ok(hash.ok().map(ContentHash) == errand.hash)
    };
    read().unwrap_or(false)
}

/// The sidecar goes where its file went. One that cannot stays, and is right all the same; what is
/// not ours is not touched.
fn take_sidecar_along(from: &Path, to: &Path) {
    let (old, new) = (sidecar::beside(from), to.with_file_name(sidecar::named_after(to)));
    let moved = || -> io::Result<()> {
        if old.symlink_metadata().is_err() || sidecar::is_foreign(&old)? {
            return Ok(());
        }
        match rename_into_free(&old, &new) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let part = own_partial(&new, "sidecar");
                copy_bytes(&old, &part)?;
                match rename_into_free(&part, &new)? {
                    true => fs::remove_file(&old),
                    false => fs::remove_file(&part),
                }
            }
            renamed => renamed.map(drop),
        }
    };
    if let Err(error) = moved() {
        tracing::debug!("{} stays: {}", text::shown(&old), text::reason(&error));
    }
}
