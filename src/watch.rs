//! The system's events: which paths of a folder to look at, as a hint.
//!
//! Owns:
//! - this is the only module that knows the crate `notify`;
//! - every way of losing events becomes a scan owed, or a folder that is polled from then on;
//! - on the system's thread nothing happens but a push into a bounded [`Inbox`];
//! - our own reading gives no hints.

mod events;
mod inbox;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use notify::{Config, ErrorKind, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::planner::FolderId;
use crate::text::{reason, shown};

pub use inbox::{Hint, Inbox, MOST_PATHS, Sign};

/// A folder as the watch sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Which folder.
    pub folder: FolderId,
    /// Its directory, resolved.
    pub path: PathBuf,
    /// Subdirectories too.
    pub recursive: bool,
    /// Directories behind links too.
    pub follow_symlinks: bool,
    /// What lies below and is not this folder's: roots of other folders, the state directory.
    pub not_ours: Vec<PathBuf>,
}

/// The folder's setting `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Events where the file system tells them.
    Auto,
    /// Events, whatever the file system.
    Events,
    /// No events.
    Poll,
}

/// How changes in a folder are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The system tells.
    Events,
    /// Only scans tell.
    Poll {
        /// Why, in words.
        reason: String,
    },
    /// There is nothing to watch.
    Away {
        /// Why, in words.
        reason: String,
    },
}

/// Why a folder is polled, if it is. `silent`: the name of its file system, if that tells no
/// events.
pub fn polled_because(wanted: Wanted, silent: Option<&str>) -> Option<String> {
    match (wanted, silent) {
        (Wanted::Poll, _) => Some("mode = \"poll\"".to_owned()),
        (Wanted::Auto, Some(name)) => Some(format!("{name} does not tell of changes")),
        (Wanted::Auto, None) | (Wanted::Events, _) => None,
    }
}

/// The watch of one folder. Each has a thread and a queue of its own, so a folder whose disk
/// hangs or whose queue overflows leaves the others alone.
#[derive(Debug)]
pub struct Watch {
    watched: Arc<Watched>,
    inbox: Arc<Inbox>,
    armed: Option<Armed>,
    mode: Mode,
}

#[derive(Debug)]
struct Armed {
    notify: RecommendedWatcher,
    line: Arc<Line>,
}

/// What the system's thread and the owner of a watch share.
#[derive(Debug, Default)]
struct Line {
    /// The watch is of no use any more: its root is another, or its owner is done with it.
    closed: AtomicBool,
    /// There are too few watches: some directory is not watched.
    exhausted: AtomicBool,
}

impl Watch {
    /// A watch that is still to be armed.
    pub fn new(watched: Watched, inbox: Arc<Inbox>) -> Watch {
        let reason = "it is not watched yet".to_owned();
        Watch { watched: Arc::new(watched), inbox, armed: None, mode: Mode::Away { reason } }
    }

    /// Begins to watch, or begins again from nothing: at the start, after [`Hint::RootGone`],
    /// whenever a root that was away is back, and now and then when watching has failed. May take
    /// long: the directories of the folder are gone through. The folder owes a scan afterwards,
    /// whatever the answer. `polled`: why it is not to be watched at all (see [`polled_because`]).
    pub fn arm(&mut self, polled: Option<&str>) -> Mode {
        self.disarm();
        self.mode = match (polled, check_root(&self.watched.path)) {
            (Some(reason), _) => Mode::Poll { reason: reason.to_owned() },
            (None, Err(reason)) => Mode::Away { reason },
            (None, Ok(())) => match self.begin() {
                Ok(armed) => {
                    self.armed = Some(armed);
                    Mode::Events
                }
                Err(error) => match check_root(&self.watched.path) {
                    Err(reason) => Mode::Away { reason },
                    Ok(()) => Mode::Poll { reason: self.why_not(&error) },
                },
            },
        };
        self.mode.clone()
    }

    /// How changes are noticed now. A watch can fail after it was armed; a hint comes with that,
    /// [`Hint::Owed`] or [`Hint::RootGone`].
    pub fn mode(&mut self) -> Mode {
        if let Some(armed) = &self.armed {
            if armed.line.exhausted.load(Ordering::Acquire) {
                // What little is still watched would only take watches from others.
                self.disarm();
                self.mode = Mode::Poll { reason: self.too_few() };
            } else if armed.line.closed.load(Ordering::Acquire) {
                self.disarm();
                self.mode = Mode::Away {
                    reason: format!("{} was moved or removed", shown(&self.watched.path)),
                };
            }
        }
        self.mode.clone()
    }

    /// Waits until every directory that a [`Hint`] taken so far tells of is watched. A new
    /// directory must be walked after this, not before: what comes into it later is then told.
    /// False: the watch is lost, arm it again.
    pub fn catch_up(&mut self) -> bool {
        // The system's thread adds the watches of one batch of events before it takes the next
        // message, and this is a message that does nothing but come back.
        match &mut self.armed {
            Some(armed) => armed.notify.configure(config(&self.watched)).is_ok(),
            None => !matches!(self.mode, Mode::Events),
        }
    }

    /// Ends a watch that is found to be of another directory than the folder's.
    pub fn lose(&mut self) {
        if self.armed.is_some() {
            self.disarm();
            let reason =
                format!("{} is another directory than is watched", shown(&self.watched.path));
            self.mode = Mode::Away { reason };
        }
    }

    /// Ends the watch. No hint comes from it afterwards.
    pub fn disarm(&mut self) {
        if let Some(armed) = self.armed.take() {
            armed.line.closed.store(true, Ordering::Release);
        }
    }

    fn begin(&self) -> notify::Result<Armed> {
        let line = Arc::new(Line::default());
        let handler = {
            let (watched, inbox, line) =
                (Arc::clone(&self.watched), Arc::clone(&self.inbox), Arc::clone(&line));
            move |told| hear(&watched, &inbox, &line, told)
        };
        let mut notify = RecommendedWatcher::new(handler, config(&self.watched))?;
        let depth = match self.watched.recursive {
            true => RecursiveMode::Recursive,
            false => RecursiveMode::NonRecursive,
        };
        notify.watch(&self.watched.path, depth)?;
        Ok(Armed { notify, line })
    }

    fn too_few(&self) -> String {
        too_few_watches(Some(directories(&self.watched)), limit("max_user_watches"))
    }

    fn why_not(&self, error: &notify::Error) -> String {
        match &error.kind {
            ErrorKind::MaxFilesWatch => self.too_few(),
            ErrorKind::Io(error) if too_many_instances(error) => format!(
                "the system's limit of inotify instances is reached{}; \
                 hint: sysctl fs.inotify.max_user_instances=1024",
                limit("max_user_instances").map_or_else(String::new, |most| format!(" ({most})"))
            ),
            ErrorKind::Io(_)
            | ErrorKind::Generic(_)
            | ErrorKind::PathNotFound
            | ErrorKind::WatchNotFound
            | ErrorKind::InvalidConfig(_) => events::words(error),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.disarm();
    }
}

/// Takes in what the system tells; runs on its thread.
fn hear(watched: &Watched, inbox: &Inbox, line: &Line, told: notify::Result<notify::Event>) {
    if line.closed.load(Ordering::Acquire) {
        return;
    }
    match told {
        Ok(event) => events::hints(watched, event, &mut |hint| {
            if matches!(hint, Hint::RootGone { .. }) {
                // From here on it tells of the old directory under the new one's path.
                line.closed.store(true, Ordering::Release);
            }
            inbox.push(hint);
        }),
        Err(error) => {
            let folder = watched.folder;
            let reason = match error.kind {
                ErrorKind::MaxFilesWatch => too_few_watches(None, limit("max_user_watches")),
                _ => events::words(&error),
            };
            if matches!(error.kind, ErrorKind::MaxFilesWatch) {
                line.exhausted.store(true, Ordering::Release);
            }
            inbox.push(Hint::Owed { folder, reason });
        }
    }
}

fn config(watched: &Watched) -> Config {
    Config::default()
        // Without the opening and reading of files: those would mostly be our own.
        .with_event_kinds(EventKindMask::CORE | EventKindMask::ACCESS_CLOSE)
        .with_follow_symlinks(watched.follow_symlinks)
}

fn check_root(path: &Path) -> Result<(), String> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", shown(path))),
        Err(error) => Err(format!("{}: {}", shown(path), reason(&error))),
    }
}

/// What to say when the watches do not suffice: how many there are and are needed, if that is
/// known, and what to type.
fn too_few_watches(needed: Option<u64>, limit: Option<u64>) -> String {
    let most = limit.map_or_else(|| " of".to_owned(), |most| format!(" of {most}"));
    let needs =
        needed.map_or_else(String::new, |needed| format!(", and this folder needs {needed}"));
    let enough = needed.unwrap_or(0).saturating_add(limit.unwrap_or(0));
    let enough = enough.max(524_288).next_power_of_two();
    format!(
        "the system's limit{most} inotify watches is reached{needs}; \
         hint: sysctl fs.inotify.max_user_watches={enough}"
    )
}

/// A limit of inotify, where there is one.
fn limit(name: &str) -> Option<u64> {
    let path = Path::new("/proc/sys/fs/inotify").join(name);
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn too_many_instances(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error())
}

/// How many directories a watch of the folder watches; counted only when they were too many.
fn directories(watched: &Watched) -> u64 {
    let mut found = 0;
    let mut next = vec![watched.path.clone()];
    while let Some(directory) = next.pop() {
        found += 1;
        if !watched.recursive {
            break;
        }
        let entries = std::fs::read_dir(&directory).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                next.push(entry.path());
            }
        }
    }
    found
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing that is held under these locks can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// What inotify tells, and when; other systems tell it otherwise.
#[cfg(all(test, target_os = "linux"))]
mod tests;
