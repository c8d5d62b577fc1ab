//! What the hands do at this moment, for whoever watches.
//!
//! Owns:
//! - who watches sleeps while nothing is done, and is woken when something begins;
//! - watching never holds up the hands: they count, and wait for nobody.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::planner::SharedPath;

/// Files being read and sent. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    reads: BTreeMap<u64, Counted>,
    sends: BTreeMap<u64, Counted>,
    /// Bytes of sends that are over, whatever became of them.
    sent: u64,
    ended: bool,
}

#[derive(Debug)]
struct Counted {
    path: SharedPath,
    done: Arc<AtomicU64>,
    size: u64,
}

/// A file in somebody's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHand {
    /// The file.
    pub path: SharedPath,
    /// Bytes that were read, or that the connection took; never more than there are.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
}

/// Whether there is something to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stir {
    /// Files are being read or sent.
    Busy,
    /// Nothing is.
    Idle,
    /// And nothing will be.
    Ended,
}

/// Says that a file is in hand, for as long as it lives.
#[derive(Debug)]
pub struct Holding {
    gauge: Gauge,
    number: u64,
}

impl Gauge {
    /// A file is being read from now on; `done` counts its bytes.
    pub fn reading(&self, path: SharedPath, size: u64, done: Arc<AtomicU64>) -> Holding {
        self.hold(|state| &mut state.reads, Counted { path, done, size })
    }

    /// A file is being sent from now on; `done` counts its bytes.
    pub fn sending(&self, path: SharedPath, size: u64, done: Arc<AtomicU64>) -> Holding {
        self.hold(|state| &mut state.sends, Counted { path, done, size })
    }

    /// Files being read, in the order in which that began.
    pub fn reads(&self) -> Vec<InHand> {
        self.state().reads.values().map(Counted::now).collect()
    }

    /// Files being sent, in the order in which that began.
    pub fn sends(&self) -> Vec<InHand> {
        self.state().sends.values().map(Counted::now).collect()
    }

    /// Bytes that went out since the beginning, also those of bodies that had to begin again.
    pub fn moved(&self) -> u64 {
        let state = self.state();
        state.sends.values().fold(state.sent, |sum, send| sum.saturating_add(send.now().done))
    }

    /// Files whose last byte the connection has not taken yet.
    pub fn unfinished(&self) -> usize {
        let state = self.state();
        let unfinished = |send: &&Counted| send.done.load(Ordering::Relaxed) < send.size;
        state.sends.values().filter(unfinished).count()
    }

    /// Waits until something is in hand, or all has ended.
    pub fn wait_for_work(&self) -> Stir {
        let mut state = self.state();
        loop {
            match state.stir() {
                Stir::Idle => {
                    let woken = self.0.changed.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                }
                stir @ (Stir::Busy | Stir::Ended) => return stir,
            }
        }
    }

    /// Waits for so long, or until all has ended.
    pub fn wait(&self, pause: Duration) -> Stir {
        let until = Instant::now() + pause;
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return state.stir();
            }
            let woken = self.0.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells who watches that there will be nothing more to see.
    pub fn end(&self) {
        self.state().ended = true;
        self.0.changed.notify_all();
    }

    fn hold(
        &self,
        list: impl FnOnce(&mut State) -> &mut BTreeMap<u64, Counted>,
        counted: Counted,
    ) -> Holding {
        let mut state = self.state();
        let idle = state.stir() == Stir::Idle;
        state.last += 1;
        let number = state.last;
        list(&mut state).insert(number, counted);
        drop(state);
        if idle {
            self.0.changed.notify_all();
        }
        Holding { gauge: self.clone(), number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stir(&self) -> Stir {
        match () {
            () if self.ended => Stir::Ended,
            () if self.reads.is_empty() && self.sends.is_empty() => Stir::Idle,
            () => Stir::Busy,
        }
    }
}

impl Counted {
    fn now(&self) -> InHand {
        let done = self.done.load(Ordering::Relaxed).min(self.size);
        InHand { path: Arc::clone(&self.path), done, size: self.size }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut state = self.gauge.state();
        state.reads.remove(&self.number);
        if let Some(send) = state.sends.remove(&self.number) {
            state.sent = state.sent.saturating_add(send.now().done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn path(name: &str) -> SharedPath {
        Path::new(name).into()
    }

    #[test]
    fn what_is_in_hand_is_seen_until_it_is_let_go_and_never_more_of_it_than_there_is() {
        let gauge = Gauge::default();
        assert_eq!(gauge.wait(Duration::ZERO), Stir::Idle);
        let done = Arc::new(AtomicU64::new(0));
        let one = gauge.sending(path("/a"), 10, Arc::clone(&done));
        let two = gauge.reading(path("/b"), 5, Arc::default());
        done.store(12, Ordering::Relaxed);
        assert_eq!(gauge.sends(), [InHand { path: path("/a"), done: 10, size: 10 }]);
        assert_eq!(gauge.reads(), [InHand { path: path("/b"), done: 0, size: 5 }]);
        assert_eq!((gauge.moved(), gauge.unfinished()), (10, 0));
        done.store(9, Ordering::Relaxed);
        assert_eq!((gauge.moved(), gauge.unfinished()), (9, 1));
        done.store(12, Ordering::Relaxed);
        drop(one);
        assert_eq!(gauge.moved(), 10, "what went out went out");
        assert_eq!((gauge.sends(), gauge.wait(Duration::ZERO)), (vec![], Stir::Busy));
        drop(two);
        assert_eq!(gauge.wait(Duration::ZERO), Stir::Idle);
    }

    #[test]
    fn who_watches_is_woken_by_work_and_by_the_end() {
        let gauge = Gauge::default();
        let watched = gauge.clone();
        let watcher = std::thread::spawn(move || {
            let first = watched.wait_for_work();
            (first, watched.wait(Duration::from_secs(3_600)))
        });
        let work = gauge.reading(path("/a"), 1, Arc::default());
        // It is noticed before it is over: only the end ends the second wait.
        gauge.wait_for_work();
        gauge.end();
        let (first, second) = watcher.join().expect("the watcher");
        assert!(matches!(first, Stir::Busy | Stir::Ended));
        assert_eq!(second, Stir::Ended);
        drop(work);
        assert_eq!(gauge.wait_for_work(), Stir::Ended);
    }
}
