//! Signs of life of a folder's thread, from which is told that its disk hangs.
//!
//! Owns:
//! - a thread that waits for orders, or for what it handed on to be taken in, does not hang.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// A disk or server that has not answered for so long hangs.
pub const HANGS: Duration = Duration::from_secs(30);

/// When a thread that is at work moved last.
#[derive(Debug)]
pub struct Pulse {
    start: Instant,
    /// In milliseconds after the start; [`AT_REST`] while it waits.
    moved_ms: AtomicI64,
}

const AT_REST: i64 = -1;

impl Pulse {
    /// Of a thread that waits.
    pub fn new() -> Pulse {
        Pulse { start: Instant::now(), moved_ms: AtomicI64::new(AT_REST) }
    }

    /// It is at work, and moves.
    pub fn beat(&self) {
        let now_ms = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.moved_ms.store(now_ms, Ordering::Release);
    }

    /// It waits for others.
    pub fn rest(&self) {
        self.moved_ms.store(AT_REST, Ordering::Release);
    }

    /// How long it has been at work without moving.
    pub fn still(&self) -> Option<Duration> {
        still(self.moved_ms.load(Ordering::Acquire), self.start.elapsed())
    }
}

fn still(moved_ms: i64, now: Duration) -> Option<Duration> {
    let moved = u64::try_from(moved_ms).ok()?;
    Some(now.saturating_sub(Duration::from_millis(moved)))
}

/// Whether a thread that has been still for so long hangs, or how long until that is said.
pub fn hangs(still: Option<Duration>) -> (bool, Option<Duration>) {
    match still {
        None => (false, None),
        Some(still) if still >= HANGS => (true, None),
        Some(still) => (false, Some(HANGS - still)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_hangs_that_was_told_to_work_and_has_not_moved_for_half_a_minute() {
        let after = |ms| Duration::from_millis(ms);
        assert_eq!(hangs(still(1_000, after(30_999))), (false, Some(after(1))));
        assert_eq!(hangs(still(1_000, after(31_000))), (true, None));
        assert_eq!(hangs(still(1_000, after(500))), (false, Some(HANGS)), "clocks read in between");
        assert_eq!(hangs(still(AT_REST, after(900_000))), (false, None), "it has nothing to do");
    }

    #[test]
    fn a_pulse_is_heard_from_another_thread() {
        let pulse = std::sync::Arc::new(Pulse::new());
        assert_eq!(pulse.still(), None);
        let other = std::sync::Arc::clone(&pulse);
        std::thread::spawn(move || other.beat()).join().expect("the thread");
        assert!(pulse.still().is_some());
        pulse.rest();
        assert_eq!(pulse.still(), None);
    }
}
