//! One thread a folder: it looks, walks and takes in the system's hints.
//!
//! Owns:
//! - a folder whose disk hangs keeps nobody else waiting;
//! - looks are served between the stretches of a walk, hints after it;
//! - a walk goes on only as fast as its listings are taken in;
//! - whatever events told by the end of a scan is handed on before that end;
//! - a folder has one thread at a time: the next one waits for the end of the one before.

mod watching;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::Input;
use crate::planner::{
    Arrival, DirectoryListing, Event, FolderId, Look, ScanResult, SharedPath, Sight,
};
use crate::scan::{self, DirListing, Glance, Part, Report, Root, RootId};
use crate::watch::{Hint, Inbox, MOST_PATHS, Mode, Sign, Wanted, Watch, Watched};

use super::pulse::Pulse;
use super::rewatch::Rewatch;
use super::{Message, Tally};
use crate::crash;

/// Listings of one folder that may wait to be taken in.
const LISTINGS_AHEAD: usize = 2;

/// Which of the threads that a folder has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The folder.
    pub folder: FolderId,
    /// No two threads of this process have one number.
    number: u64,
}

impl Life {
    fn begin(folder: FolderId) -> Life {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Life { folder, number: LAST.fetch_add(1, Ordering::Relaxed) }
    }
}

/// What a folder's thread is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sightseeing {
    /// How to look.
    pub root: Root,
    /// How to watch.
    pub watched: Watched,
    /// By events or not.
    pub wanted: Wanted,
    /// Larger files are left alone; in bytes.
    pub largest: Option<u64>,
    /// Pause between scans while events come.
    pub rescan_ms: i64,
    /// Pause between scans while they do not.
    pub poll_ms: i64,
    /// Pause before watching is tried again after it failed; doubled each time.
    pub rewatch: Duration,
}

/// A folder's thread, from outside.
#[derive(Debug)]
pub struct Eyes {
    orders: Sender<Order>,
    credits: Arc<Credits>,
    cancelled: Arc<AtomicBool>,
    pulse: Arc<Pulse>,
    life: Life,
    /// What it was made from.
    made_from: Sightseeing,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Look(SharedPath),
    Scan,
    /// The inbox is not empty.
    Hints,
    /// Events are not to be relied on any more, for this reason.
    Poll(String),
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
    /// Starts the thread. It arms the watch first; a scan is owed by whoever starts it. `former`:
    /// the thread that the folder had before, which has been told to end.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn open(
        sightseeing: Sightseeing,
        out: Sender<Message>,
        former: Option<JoinHandle<()>>,
        tally: Tally,
    ) -> std::io::Result<Eyes> {
        let life = Life::begin(sightseeing.root.folder);
        let made_from = sightseeing.clone();
        let (orders, ordered) = channel();
        let credits = Arc::new(Credits { left: Mutex::new(LISTINGS_AHEAD), given: Condvar::new() });
        let cancelled = Arc::new(AtomicBool::new(false));
        let wake = Mutex::new(orders.clone());
        let inbox = Arc::new(Inbox::new(MOST_PATHS, move || {
            // Nobody listens any more once the folder's thread has ended.
            let _ = wake.lock().unwrap_or_else(PoisonError::into_inner).send(Order::Hints);
        }));
        let watch = Watch::new(sightseeing.watched.clone(), Arc::clone(&inbox));
        let pulse = Arc::new(Pulse::new());
        let viewer = Viewer {
            watch,
            inbox,
            out,
            life,
            former,
            credits: Arc::clone(&credits),
            cancelled: Arc::clone(&cancelled),
            ordered,
            later: VecDeque::new(),
            pulse: Arc::clone(&pulse),
            rewatch: Rewatch::new(sightseeing.rewatch),
            armed_on: None,
            found_any: false,
            doubted: None,
            told: None,
            warned: Vec::new(),
            tally,
            sightseeing,
        };
        let thread = std::thread::Builder::new().name("folder".into());
        let thread = Some(thread.spawn(move || viewer.run())?);
        Ok(Eyes { orders, credits, cancelled, pulse, life, made_from, thread })
    }

    /// Which thread it is.
    pub fn life(&self) -> Life {
        self.life
    }

    /// What it was made from.
    pub fn made_from(&self) -> &Sightseeing {
        &self.made_from
    }

    /// The thread, to be waited for by the one that follows it.
    pub fn thread(&mut self) -> Option<JoinHandle<()>> {
        self.thread.take()
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

    /// Asks for scans alone from now on.
    pub fn poll(&self, reason: String) {
        let _ = self.orders.send(Order::Poll(reason));
    }

    /// The thread's signs of life.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The folder's root.
    pub fn path(&self) -> &Path {
        &self.made_from.root.path
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
    life: Life,
    /// The thread that the folder had before.
    former: Option<JoinHandle<()>>,
    credits: Arc<Credits>,
    cancelled: Arc<AtomicBool>,
    ordered: Receiver<Order>,
    /// Orders that came while a walk was under way and need another walk.
    later: VecDeque<Order>,
    pulse: Arc<Pulse>,
    rewatch: Rewatch,
    /// Which directory the watch was armed on.
    armed_on: Option<RootId>,
    /// The scan under way, or the last one, found anything at all.
    found_any: bool,
    /// Why events are not relied on though they could be had.
    doubted: Option<String>,
    /// What the planner was told of how this folder is watched.
    told: Option<Mode>,
    /// Warnings that were given already.
    warned: Vec<String>,
    tally: Tally,
}

impl Viewer {
    fn run(mut self) {
        self.pulse.beat();
        if let Some(former) = self.former.take() {
            // Its watches are free then. One that hangs on its disk has this one hang, too.
            let _ = former.join();
        }
        crash::hang("arming");
        self.arm();
        self.tell_mode();
        loop {
            let order = match self.later.pop_front() {
                Some(order) => order,
                None => {
                    self.pulse.rest();
                    match self.ordered.recv() {
                        Ok(order) => order,
                        Err(_) => return,
                    }
                }
            };
            self.pulse.beat();
            if self.cancelled.load(Ordering::Acquire) {
                return;
            }
            match order {
                Order::Look(path) => self.look(path),
                Order::Scan => self.scan(),
                Order::Hints => self.hints(),
                Order::Poll(reason) => self.poll(reason),
            }
        }
    }

    fn folder(&self) -> FolderId {
        self.sightseeing.root.folder
    }

    fn send(&self, event: Event) {
        let _ = self.out.send(Message::Sight(self.life, Input::Event(event)));
    }

    fn seen(&self, path: SharedPath, look: Look, arrival: Option<Arrival>, told: bool) {
        let (folder, look) = (self.folder(), self.within_size(look));
        self.send(Event::Seen(Sight { folder, path, look, by_scan: false, arrival, told }));
    }

    fn within_size(&self, look: Look) -> Look {
        within_size(look, self.sightseeing.largest)
    }

    fn look(&self, path: SharedPath) {
        let look = scan::look(&self.sightseeing.root, &path);
        self.seen(path, look, None, false);
    }

    fn scan(&mut self) {
        self.watch_again();
        self.found_any = false;
        let result = self.walk(None);
        self.learn_root(&result);
        self.hear_out();
        self.tell_mode();
        let folder = self.folder();
        self.send(Event::ScanEnded { folder, result });
    }

    /// Takes in all that events tell of what has happened until now.
    fn hear_out(&mut self) {
        if self.watch.mode() != Mode::Events {
            return;
        }
        // Twice: the system's thread may come back from the first before it reads the events that
        // came with it, but not from the second.
        if self.watch.catch_up() && self.watch.catch_up() {
            self.hints();
        } else {
            self.owe();
        }
    }

    /// Walks the folder, or a directory of it, and serves looks and hints on the way.
    fn walk(&mut self, directory: Option<&Path>) -> ScanResult {
        let cancelled = Arc::clone(&self.cancelled);
        let root = self.sightseeing.root.clone();
        let mut emit = |report: Report| {
            self.pulse.beat();
            match report {
                Report::Listing(listing) => {
                    if !self.take_credit() {
                        return ControlFlow::Break(());
                    }
                    self.found_any |= directory.is_none() && !listing.is_empty();
                    let listing = self.listing(listing, directory.is_some());
                    let _ = self.out.send(Message::Sight(self.life, Input::Listing(listing)));
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
                    self.seen(directory.into(), look, None, true);
                    ScanResult::Complete
                }
            },
        }
    }

    /// A thread that waits for those who take in does not hang.
    fn take_credit(&self) -> bool {
        self.pulse.rest();
        let goes_on = self.credits.take(&self.cancelled);
        self.pulse.beat();
        goes_on
    }

    /// Looks that were asked for do not wait for a walk to end. Hints do: what they tell of may be
    /// newer than a listing that is still to be handed on, which would take it back.
    fn serve_between(&mut self) {
        while let Ok(order) = self.ordered.try_recv() {
            match order {
                Order::Look(path) => {
                    self.look(path);
                    self.pulse.beat();
                }
                Order::Scan | Order::Hints | Order::Poll(_) => self.later.push_back(order),
            }
        }
    }

    fn hints(&mut self) {
        for hint in self.inbox.take() {
            self.pulse.beat();
            match hint {
                Hint::Touched { path, sign, .. } => self.glance(path, false, arrival(sign)),
                Hint::Gone { path, .. } => self.glance(path, true, None),
                Hint::Subtree { path, .. } => self.subtree(&path),
                Hint::Owed { reason, .. } => {
                    tracing::info!(root = %self.sightseeing.root.path.display(), reason, "a scan is owed");
                    self.tally.overflowed();
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
                if matches!(look, Look::File(_) | Look::Left { .. }) {
                    self.remember_root();
                }
                self.seen(path.into(), look, arrival, true);
            }
        }
    }

    /// A new directory: walked once the watch has caught up with it.
    fn subtree(&mut self, directory: &Path) {
        if !self.watch.catch_up() {
            return self.owe();
        }
        match self.walk(Some(directory)) {
            ScanResult::Complete if directory == self.sightseeing.root.path => {}
            ScanResult::Complete => self.remember_root(),
            ScanResult::Incomplete { .. } | ScanResult::Away { .. } => self.owe(),
        }
    }

    fn all_gone_below(&self, directory: &Path) {
        if !self.take_credit() {
            return;
        }
        let listing = DirectoryListing {
            folder: self.folder(),
            directory: directory.to_owned(),
            after: None,
            upto: None,
            entries: Vec::new(),
            subdirectories: Vec::new(),
            told: true,
        };
        let _ = self.out.send(Message::Sight(self.life, Input::Listing(listing)));
    }

    fn listing(&self, listing: DirListing, told: bool) -> DirectoryListing {
        let DirListing { directory, after, upto, entries, subdirectories } = listing;
        let entries = entries.into_iter();
        let entries = entries.map(|(name, look)| (name, self.within_size(look))).collect();
        let folder = self.folder();
        DirectoryListing { folder, directory, after, upto, entries, subdirectories, told }
    }

    fn warn(&mut self, warning: String) {
        if !self.warned.contains(&warning) {
            tracing::warn!("{warning}");
            self.warned.push(warning);
        }
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
