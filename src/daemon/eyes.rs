//! One thread a folder: it looks, walks and takes in the system's hints.
//!
//! Owns:
//! - a folder whose disk hangs keeps nobody else waiting;
//! - looks and hints are served between the stretches of a walk;
//! - a walk goes on only as fast as its listings are taken in.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::planner::{
    Arrival, DirectoryListing, Event, FolderId, Look, ScanResult, SharedPath, Sight,
};
use crate::scan::{self, DirListing, Glance, Part, Report, Root};
use crate::watch::{Hint, Inbox, MOST_PATHS, Mode, Sign, Watch, Watched};

use super::Message;

/// Listings of one folder that may wait to be taken in.
const LISTINGS_AHEAD: usize = 2;

/// What a folder's thread is made from.
#[derive(Debug, Clone)]
pub struct Sightseeing {
    /// How to look.
    pub root: Root,
    /// How to watch.
    pub watched: Watched,
    /// Larger files are left alone; in bytes.
    pub largest: Option<u64>,
    /// Pause between scans while events come.
    pub rescan_ms: i64,
    /// Pause between scans while they do not.
    pub poll_ms: i64,
}

/// A folder's thread, from outside.
#[derive(Debug)]
pub struct Eyes {
    orders: Sender<Order>,
    credits: Arc<Credits>,
    cancelled: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Order {
    Look(SharedPath),
    Scan,
    /// The inbox is not empty.
    Hints,
}

/// How many listings may be handed on before some are taken in.
#[derive(Debug)]
struct Credits {
    left: Mutex<usize>,
    given: Condvar,
}

impl Credits {
    /// Takes one, and waits for it; false if the walk is to end.
    fn take(&self, cancelled: &AtomicBool) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        while *left == 0 && !cancelled.load(Ordering::Acquire) {
            left = self.given.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        *left = left.saturating_sub(1);
        !cancelled.load(Ordering::Acquire)
    }

    fn give(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.given.notify_all();
    }
}

impl Eyes {
    /// Starts the thread. It arms the watch first; a scan is owed by whoever starts it.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn open(sightseeing: Sightseeing, out: Sender<Message>) -> std::io::Result<Eyes> {
        let (orders, ordered) = channel();
        let credits = Arc::new(Credits { left: Mutex::new(LISTINGS_AHEAD), given: Condvar::new() });
        let cancelled = Arc::new(AtomicBool::new(false));
        let wake = Mutex::new(orders.clone());
        let inbox = Arc::new(Inbox::new(MOST_PATHS, move || {
            // Nobody listens any more once the folder's thread has ended.
            let _ = wake.lock().unwrap_or_else(PoisonError::into_inner).send(Order::Hints);
        }));
        let watch = Watch::new(sightseeing.watched.clone(), Arc::clone(&inbox));
        let viewer = Viewer {
            sightseeing,
            watch,
            inbox,
            out,
            credits: Arc::clone(&credits),
            cancelled: Arc::clone(&cancelled),
            ordered,
            later: VecDeque::new(),
            polled: None,
            warned: Vec::new(),
        };
        std::thread::Builder::new().name("folder".into()).spawn(move || viewer.run())?;
        Ok(Eyes { orders, credits, cancelled })
    }

    /// Asks for a look; it comes as [`Event::Seen`].
    pub fn look(&self, path: SharedPath) {
        // A thread that ended has been told to; its folder is of no interest any more.
        let _ = self.orders.send(Order::Look(path));
    }

    /// Asks for a walk; it comes as listings and [`Event::ScanEnded`].
    pub fn scan(&self) {
        let _ = self.orders.send(Order::Scan);
    }

    /// A listing was taken in: another may come.
    pub fn listing_taken(&self) {
        self.credits.give();
    }
}

impl Drop for Eyes {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Release);
        // Under the lock, so that a walk that is about to wait does not miss it; and an order,
        // for a thread that waits for one.
        let left = self.credits.left.lock().unwrap_or_else(PoisonError::into_inner);
        self.credits.given.notify_all();
        drop(left);
        let _ = self.orders.send(Order::Hints);
    }
}

struct Viewer {
    sightseeing: Sightseeing,
    watch: Watch,
    inbox: Arc<Inbox>,
    out: Sender<Message>,
    credits: Arc<Credits>,
    cancelled: Arc<AtomicBool>,
    ordered: Receiver<Order>,
    /// Orders that came while a walk was under way and need another walk.
    later: VecDeque<Order>,
    /// What the planner was told of how this folder is watched.
    polled: Option<bool>,
    /// Warnings that were given already.
    warned: Vec<String>,
}

impl Viewer {
    fn run(mut self) {
        self.watch.arm();
        self.tell_mode();
        loop {
            let order = match self.later.pop_front() {
                Some(order) => order,
                None => match self.ordered.recv() {
                    Ok(order) => order,
                    Err(_) => return,
                },
            };
            if self.cancelled.load(Ordering::Acquire) {
                return;
            }
            match order {
                Order::Look(path) => self.look(path),
                Order::Scan => self.scan(),
                Order::Hints => self.hints(),
            }
        }
    }

    fn folder(&self) -> FolderId {
        self.sightseeing.root.folder
    }

    fn send(&self, event: Event) {
        let _ = self.out.send(Message::Event(event));
    }

    fn seen(&self, path: SharedPath, look: Look, arrival: Option<Arrival>) {
        let (folder, look) = (self.folder(), self.within_size(look));
        self.send(Event::Seen(Sight { folder, path, look, by_scan: false, arrival }));
    }

    fn within_size(&self, look: Look) -> Look {
        within_size(look, self.sightseeing.largest)
    }

    fn look(&self, path: SharedPath) {
        let look = scan::look(&self.sightseeing.root, &path);
        self.seen(path, look, None);
    }

    fn scan(&mut self) {
        if !matches!(self.watch.mode(), Mode::Events) {
            self.watch.arm();
        }
        let result = self.walk(None);
        self.learn_root(&result);
        self.tell_mode();
        let folder = self.folder();
        self.send(Event::ScanEnded { folder, result });
    }

    /// Which directory the root is, is remembered while this runs: another disk under the same
    /// path is not taken for an emptied folder. A directory made anew on the same disk is.
    fn learn_root(&mut self, result: &ScanResult) {
        let root = &mut self.sightseeing.root;
        match (result, root.expected, scan::root_id(&root.path)) {
            (ScanResult::Away { .. }, Some(expected), Ok(found))
                if expected.device == found.device =>
            {
                root.expected = None;
                let folder = root.folder;
                self.send(Event::ScanOwed { folder });
            }
            (ScanResult::Complete | ScanResult::Incomplete { .. }, _, Ok(found)) => {
                root.expected = Some(found);
            }
            (_, _, _) => {}
        }
    }

    /// Walks the folder, or a directory of it, and serves looks and hints on the way.
    fn walk(&mut self, directory: Option<&Path>) -> ScanResult {
        let cancelled = Arc::clone(&self.cancelled);
        let root = self.sightseeing.root.clone();
        let mut emit = |report: Report| {
            match report {
                Report::Listing(listing) => {
                    if !self.credits.take(&self.cancelled) {
                        return ControlFlow::Break(());
                    }
                    let listing = self.listing(listing);
                    let _ = self.out.send(Message::Listing(listing));
                }
                Report::Warning(warning) => self.warn(warning),
            }
            self.serve_between();
            ControlFlow::Continue(())
        };
        match directory {
            None => scan::walk(&root, &mut emit, &cancelled),
            Some(directory) => match scan::walk_part(&root, directory, &mut emit, &cancelled) {
                Part::Walked(result) => result,
                Part::Seen(look) => {
                    self.seen(directory.into(), look, None);
                    ScanResult::Complete
                }
            },
        }
    }

    /// Looks that were asked for, and hints of single files, do not wait for a walk to end.
    fn serve_between(&mut self) {
        while let Ok(order) = self.ordered.try_recv() {
            match order {
                Order::Look(path) => self.look(path),
                Order::Scan | Order::Hints => self.later.push_back(order),
            }
        }
    }

    fn hints(&mut self) {
        for hint in self.inbox.take() {
            match hint {
                Hint::Touched { path, sign, .. } => self.glance(path, false, arrival(sign)),
                Hint::Gone { path, .. } => self.glance(path, true, None),
                Hint::Subtree { path, .. } => self.subtree(&path),
                Hint::Owed { reason, .. } => {
                    tracing::info!(root = %self.sightseeing.root.path.display(), reason, "a scan is owed");
                    self.owe();
                }
                Hint::RootGone { .. } => self.owe(),
            }
        }
        self.tell_mode();
    }

    fn owe(&self) {
        let folder = self.folder();
        self.send(Event::ScanOwed { folder });
    }

    fn glance(&mut self, path: PathBuf, may_have_been_directory: bool, arrival: Option<Arrival>) {
        match scan::glance(&self.sightseeing.root, &path) {
            Glance::Directory => self.subtree(&path),
            Glance::Look(look) => {
                if may_have_been_directory && look == Look::Gone {
                    self.all_gone_below(&path);
                }
                self.seen(path.into(), look, arrival);
            }
        }
    }

    /// A new directory: walked once the watch has caught up with it.
    fn subtree(&mut self, directory: &Path) {
        if !self.watch.catch_up() {
            return self.owe();
        }
        match self.walk(Some(directory)) {
            ScanResult::Complete => {}
            ScanResult::Incomplete { .. } | ScanResult::Away { .. } => self.owe(),
        }
    }

    fn all_gone_below(&self, directory: &Path) {
        if !self.credits.take(&self.cancelled) {
            return;
        }
        let _ = self.out.send(Message::Listing(DirectoryListing {
            folder: self.folder(),
            directory: directory.to_owned(),
            after: None,
            upto: None,
            entries: Vec::new(),
            subdirectories: Vec::new(),
        }));
    }

    fn listing(&self, listing: DirListing) -> DirectoryListing {
        let DirListing { directory, after, upto, entries, subdirectories } = listing;
        let entries = entries.into_iter();
        let entries = entries.map(|(name, look)| (name, self.within_size(look))).collect();
        DirectoryListing { folder: self.folder(), directory, after, upto, entries, subdirectories }
    }

    fn warn(&mut self, warning: String) {
        if !self.warned.contains(&warning) {
            tracing::warn!("{warning}");
            self.warned.push(warning);
        }
    }

    /// Tells how often to scan, whenever that changes.
    fn tell_mode(&mut self) {
        let polled = match self.watch.mode() {
            Mode::Events => false,
            Mode::Poll { reason } => {
                self.warn_polled(&reason);
                true
            }
            Mode::Away { .. } => true,
        };
        if self.polled.replace(polled) != Some(polled) {
            let (folder, pause_ms) = (self.folder(), self.pause_ms(polled));
            self.send(Event::ScanEvery { folder, pause_ms });
        }
    }

    fn warn_polled(&mut self, reason: &str) {
        if self.sightseeing.watched.polled.is_none() {
            let root = self.sightseeing.root.path.display();
            self.warn(format!("{root} is scanned every so often instead of watched: {reason}"));
        }
    }

    fn pause_ms(&self, polled: bool) -> i64 {
        if polled { self.sightseeing.poll_ms } else { self.sightseeing.rescan_ms }
    }
}

/// Whether an event says that whoever wrote a file is done.
fn arrival(sign: Sign) -> Option<Arrival> {
    match sign {
        Sign::Closed => Some(Arrival::Closed),
        Sign::Renamed => Some(Arrival::Renamed),
        Sign::Attributes | Sign::Changed => None,
    }
}

/// A file that is too large is left alone, as by a rule.
pub fn within_size(look: Look, largest: Option<u64>) -> Look {
    match (look, largest) {
        (Look::File(stat), Some(largest)) if stat.fingerprint.size > largest => {
            Look::Left { stat, rule: format!("larger than max_file_size ({largest} bytes)") }
        }
        (look, _) => look,
    }
}
