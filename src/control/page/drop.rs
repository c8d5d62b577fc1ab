//! A file that is dropped on the page: put into a folder, from where it goes the ordinary way.
//!
//! Owns:
//! - it is written beside, under a name that is never ours, and gets its own name when it is whole
//!   and on disk; nothing is ever overwritten;
//! - a body that ends early leaves nothing, and what a dead process left is removed a day later, at a
//!   start; folders are looked through for it only if something was dropped since the last time;
//! - a name is one name, and lies in the folder itself.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{RawQuery, Request, State};
use axum::response::Response;
use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fstatvfs, fsync, linkat, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::beneath::open_root;
use super::disk::{self, Elsewhere};
use super::keys::random;
use crate::control::app::{App, blocking, read_ledger, unreadable};
use crate::control::refusal::{No, Refusal};
use crate::control::routes::answer;
use crate::control::why::PathFields;
use crate::control::wire::{parameters, senseless, written};
use crate::control::wish::Answer;
use crate::crash;
use crate::daemon::numbered_names;
use crate::planner::FolderId;
use crate::planner::filter::{self, PARTIAL_ENDING, Rule};
use crate::text::{escaped, reason, shown};

/// How the names begin of what is not whole yet; they end with [`PARTIAL_ENDING`].
const BEGINNING: &str = ".taxiway-drop-";
/// In the state directory: something was dropped, and may have been left.
const DROPPED: &str = "dropped";
/// The same, while that is looked for.
const TIDYING: &str = "dropped.tidying";
/// Random bytes in them.
const RANDOM_BYTES: usize = 8;
/// The longest name of a file, in bytes.
const NAME_MOST: usize = 255;
/// What a disk keeps at least, in bytes.
const SPARE: u64 = 16 << 20;
/// After so many bytes, whether it still does is looked at again.
const LOOK_EVERY: u64 = SPARE / 4;
/// Pieces of a body that wait to be written.
const PIECES_AHEAD: usize = 4;
/// What nobody has written for so long, nobody writes any more.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3_600);
/// Of a body that is refused, so much is read, so that its sender comes to read why.
const UNWANTED_MOST: u64 = 16 << 20;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// By its number: its place in the status is another's once folders are added or taken away.
    folder: FolderId,
    name: OsString,
}

/// `POST /ui/drop`.
pub(super) async fn take(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let mut body = request.into_body();
    let taken = taken(&app, &query.unwrap_or_default(), &mut body).await;
    if taken.is_err() {
        drain(&app, body).await;
    }
    answer(taken.map(|path| vec![Answer::Granted(path)]))
}

async fn taken(app: &Arc<App>, query: &str, body: &mut Body) -> Result<String, Refusal> {
    let Asked { folder, name } = asked(query)?;
    let most = app.config().api.max_file_size_bytes.map(u64::from);
    let expected = body.size_hint().lower();
    within(expected, most)?;
    let _place = app.page.drops.acquire().await;
    let root = folder_of(app, folder).await?;
    let part = {
        let (asked, root) = (root.clone(), root.clone());
        let dropped = app.config().state_dir.join(DROPPED);
        let open = move || {
            note(&dropped);
            let part = Part::open(root, expected);
            // Who tidies up may have been here meanwhile.
            note(&dropped);
            part
        };
        disk::ask(app, &asked, open).await?.well()?
    };
    let writing = writing(part, name).map_err(|error| cannot_write(&root, &error))?;
    let mut size = 0;
    while let Some(piece) = next(body, app.patience).await? {
        size += piece.len() as u64;
        within(size, most)?;
        if writing.pieces.send(Piece::Next(piece)).await.is_err() {
            break;
        }
    }
    // Who did not take the last piece says why.
    let _ = writing.pieces.send(Piece::Whole).await;
    let path = writing.done.await.unwrap_or_else(|_| Err(senseless("the body is cut off")))?;
    Ok(written(&Taken { schema: 1, path: PathFields::of(&path) }))
}

/// Where a file came to lie.
#[derive(serde::Serialize)]
struct Taken {
    schema: u8,
    #[serde(flatten)]
    path: PathFields,
}

fn asked(query: &str) -> Result<Asked, Refusal> {
    let (mut folder, mut name) = (None, None);
    for (key, value) in parameters(query, &["folder", "name"])? {
        match key {
            "folder" => folder = Some(value),
            _ => name = Some(value),
        }
    }
    let folder = folder.ok_or_else(|| senseless("the parameter folder is missing"))?;
    let folder =
        number(&folder).ok_or_else(|| senseless("folder: one of folder_ids in the status"))?;
    let name = name.ok_or_else(|| senseless("the parameter name is missing"))?;
    let name = OsString::from_vec(name);
    named(&name)?;
    Ok(Asked { folder: FolderId(folder), name })
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether a file may be called so.
fn named(name: &OsStr) -> Result<(), Refusal> {
    let bytes = name.as_bytes();
    let why = match () {
        () if bytes.is_empty() => "is empty",
        () if bytes.contains(&b'/') || bytes.contains(&0) => "is no name of a file",
        () if bytes.len() > NAME_MOST => "is too long",
        () if filter::is_hidden(name) => "is hidden",
        () if matches!(filter::by_name(name), Some(Rule::Own(_))) => "is one of taxiway's own",
        () => return Ok(()),
    };
    Err(senseless(&format!("name: {:?} {why}", name.to_string_lossy())))
}

fn within(size: u64, most: Option<u64>) -> Result<(), Refusal> {
    match most {
        Some(most) if size > most => {
            let words = format!("it is larger than {most} bytes: [api] max_file_size");
            Err(Refusal::new(No::TooLarge, words, "taxiway config show"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The root of a folder that is watched now.
async fn folder_of(app: &Arc<App>, id: FolderId) -> Result<PathBuf, Refusal> {
    let view = app.view().await?;
    blocking(app, move |app| {
        let nowhere = || Refusal::new(No::Unknown, "there is no such folder", "taxiway status");
        let folder = view.folders.iter().find(|folder| folder.id == id).ok_or_else(nowhere)?;
        let ledger = read_ledger(app)?.ok_or_else(nowhere)?;
        let root = ledger.root_of(folder.id).map_err(unreadable)?.ok_or_else(nowhere)?;
        if folder.mode == "away" {
            let words = match &folder.reason {
                Some(why) => format!("a folder is away: {}", escaped(why)),
                None => format!("a folder is away: {} is not there", shown(&root)),
            };
            return Err(Refusal::new(No::Unfinished, words, "taxiway status"));
        }
        Ok(root)
    })
    .await
}

/// The next piece of a body, if it comes soon.
async fn next(body: &mut Body, patience: Duration) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        match timeout(patience, frame).await {
            Ok(Some(Ok(frame))) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(senseless("the body is cut off")),
            Err(_) => {
                return Err(Refusal::new(No::TooSlow, "the body does not come", "taxiway ui"));
            }
        }
    }
}

/// Who still sends hears why it is not wanted only once it is read.
async fn drain(app: &App, mut body: Body) {
    let read = async {
        let mut left = UNWANTED_MOST;
        while let Ok(Some(piece)) = next(&mut body, app.patience).await {
            left = left.saturating_sub(piece.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(app.patience, read).await;
}

/// A piece of a body.
enum Piece {
    Next(Bytes),
    /// There are no more.
    Whole,
}

/// What is written by a thread of its own, which waits for its disk as long as that takes; whoever lets
/// go of this lets it remove what is not whole.
struct Writing {
    pieces: mpsc::Sender<Piece>,
    done: oneshot::Receiver<Result<PathBuf, Refusal>>,
}

fn writing(part: Elsewhere<Part>, name: OsString) -> io::Result<Writing> {
    let (pieces, coming) = mpsc::channel(PIECES_AHEAD);
    let (tell, done) = oneshot::channel();
    let write = move || {
        if let Some(part) = part.here() {
            // Whoever wanted to know may be gone.
            let _ = tell.send(part.take(coming, &name));
        }
    };
    std::thread::Builder::new().name("drop".into()).spawn(write)?;
    Ok(Writing { pieces, done })
}

/// What is not whole yet. It is removed unless it is finished.
#[derive(Debug)]
struct Part {
    root: PathBuf,
    directory: OwnedFd,
    file: File,
    /// Its name, while it has that one.
    name: Option<String>,
}

impl Part {
    fn open(root: PathBuf, expected: u64) -> Result<Part, Refusal> {
        let failed = |error: io::Error| cannot_write(&root, &error);
        let directory = open_root(&root).map_err(failed)?;
        has_room(&directory, &root, expected)?;
        let name = random(RANDOM_BYTES).map_err(failed)?;
        let name = format!("{BEGINNING}{name}{PARTIAL_ENDING}");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(0o666);
        let file = openat(&directory, &name, flags | OFlags::CLOEXEC, mode);
        let file = File::from(file.map_err(|errno| failed(errno.into()))?);
        Ok(Part { directory, file, name: Some(name), root })
    }

    fn failed(&self, error: &io::Error) -> Refusal {
        cannot_write(&self.root, error)
    }

    /// Writes what comes, and gives it its name once it is whole.
    fn take(mut self, mut coming: mpsc::Receiver<Piece>, name: &OsStr) -> Result<PathBuf, Refusal> {
        let mut since_looked = 0;
        while let Some(piece) = coming.blocking_recv() {
            let Piece::Next(piece) = piece else { return self.finish(name) };
            self.file.write_all(&piece).map_err(|error| self.failed(&error))?;
            since_looked += piece.len() as u64;
            if since_looked >= LOOK_EVERY {
                since_looked = 0;
                // Others write, too, and not every body says how long it is.
                has_room(&self.directory, &self.root, 0)?;
            }
        }
        Err(senseless("the body is cut off"))
    }

    /// Gives it its name, or the next one that is free.
    fn finish(mut self, wanted: &OsStr) -> Result<PathBuf, Refusal> {
        self.file.sync_all().map_err(|error| self.failed(&error))?;
        let own = self.name.clone().unwrap_or_default();
        for name in numbered_names(wanted) {
            let free = rename_into_free(&self.directory, &own, &name);
            if free.map_err(|error| self.failed(&error))? {
                self.name = None;
                // Named it is; where a directory cannot be synced, a power cut may take that back.
                let _ = fsync(&self.directory);
                return Ok(self.root.join(name));
            }
        }
        let words = format!("{} has too many files of that name", shown(&self.root));
        Err(Refusal::new(No::OtherState, words, "taxiway ls"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            crash::hang("drop removed");
            let _ = unlinkat(&self.directory, name, AtFlags::empty());
        }
    }
}

/// Whether so many bytes can still come, and leave what a disk is to keep.
fn has_room(directory: &OwnedFd, root: &Path, coming: u64) -> Result<(), Refusal> {
    let Ok(disk) = fstatvfs(directory) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if coming.saturating_add(SPARE) <= free {
        return Ok(());
    }
    let words = format!("{}: the disk has no room for it", shown(root));
    Err(Refusal::new(No::DiskFull, words, "taxiway status"))
}

fn cannot_write(root: &Path, error: &io::Error) -> Refusal {
    let words = format!("{} cannot be written to: {}", shown(root), reason(error));
    let no = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => No::DiskFull,
        io::ErrorKind::InvalidFilename => No::Senseless,
        _ => No::OtherState,
    };
    Refusal::new(no, words, "taxiway doctor")
}

/// Gives a file a name that nobody has. False if somebody has it.
fn rename_into_free(directory: &OwnedFd, from: &str, to: &OsStr) -> io::Result<bool> {
    match renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // Not every file system can; a second name is as exclusive.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            match linkat(directory, from, directory, to, AtFlags::empty()) {
                Ok(()) => {}
                Err(Errno::EXIST) => return Ok(false),
                Err(errno) => return Err(errno.into()),
            }
            unlinkat(directory, from, AtFlags::empty())?;
            Ok(true)
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Notes that something is dropped. A state directory that takes no file takes no ledger either.
fn note(dropped: &Path) {
    let _ = File::options().create(true).append(true).open(dropped);
}

/// Removes what processes that died left in folders, more than a day before `now`.
pub(in crate::control) fn tidy(state_dir: &Path, roots: &[PathBuf], now: SystemTime) {
    let (dropped, tidying) = (state_dir.join(DROPPED), state_dir.join(TIDYING));
    // First: what is dropped from now on notes it anew. Who tidied and did not come to an end left this.
    if std::fs::rename(&dropped, &tidying).is_err() && !tidying.exists() {
        return;
    }
    if roots.iter().filter(|root| !remove_leftovers(root, now)).count() > 0 {
        note(&dropped);
    }
    let _ = std::fs::remove_file(tidying);
}

/// The same in one folder. True if nothing is left.
fn remove_leftovers(root: &Path, now: SystemTime) -> bool {
    let Ok(list) = std::fs::read_dir(root) else { return false };
    let mut left = 0;
    for entry in list {
        // What cannot be read may be one.
        let Ok(entry) = entry else { return false };
        let name = entry.file_name();
        let name = name.as_bytes();
        let ours =
            name.starts_with(BEGINNING.as_bytes()) && name.ends_with(PARTIAL_ENDING.as_bytes());
        let Some(found) = ours.then(|| entry.metadata().ok()).flatten() else { continue };
        if !found.is_file() {
            continue;
        }
        let age = found.modified().ok().and_then(|written| now.duration_since(written).ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) && std::fs::remove_file(entry.path()).is_ok() {
            tracing::info!("removed {}, which was never whole", shown(&entry.path()));
        } else {
            left += 1;
        }
    }
    left == 0
}

#[cfg(test)]
mod tests;
