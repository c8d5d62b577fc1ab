//! How fast all uploads together may go, and how fast they go.
//!
//! Owns:
//! - waiting uploads take turns in the order of asking, a small slice each;
//! - a new limit holds at once, also for those who already wait;
//! - without a limit nobody waits and no lock is shared.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::meter::Meter;

/// A shared limit on bytes a second: a token bucket that saves up a tenth of a second.
#[derive(Debug)]
pub struct Rate {
    /// Zero: no limit.
    bytes_per_second: AtomicU64,
    changed: Notify,
    /// Fair: whoever holds it is first in line, and the others queue at the lock.
    bucket: Mutex<Bucket>,
    meter: Meter,
}

#[derive(Debug)]
struct Bucket {
    /// Bytes that may go now.
    level: f64,
    filled_at: Instant,
}

/// What may go at once after a pause, as time at the limit.
const BURST_MS: u64 = 100;
/// A turn, as time at the limit.
const SLICE_MS: u64 = 50;
/// The least a turn brings, in bytes.
const SLICE_LEAST: u64 = 512;

impl Rate {
    /// A limit in bytes a second, or none.
    pub fn new(limit: Option<NonZeroU64>) -> Rate {
        Rate {
            bytes_per_second: AtomicU64::new(limit.map_or(0, NonZeroU64::get)),
            changed: Notify::new(),
            bucket: Mutex::new(Bucket { level: 0.0, filled_at: Instant::now() }),
            meter: Meter::new(),
        }
    }

    /// Changes the limit, for running uploads too.
    pub fn set(&self, limit: Option<NonZeroU64>) {
        let bytes_per_second = limit.map_or(0, NonZeroU64::get);
        self.bytes_per_second.store(bytes_per_second, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// The limit in bytes a second.
    pub fn limit(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.bytes_per_second.load(Ordering::Acquire))
    }

    /// How fast all uploads together went lately, in bytes a second.
    pub fn measured(&self) -> u64 {
        self.meter.per_second()
    }

    /// Adds bytes that have just gone out.
    pub(super) fn count(&self, bytes: usize) {
        self.meter.count(bytes as u64);
    }

    /// How many bytes to ask for in one turn.
    pub(super) fn slice(&self) -> Option<usize> {
        let slice = self.limit()?.get().saturating_mul(SLICE_MS) / 1_000;
        Some(usize::try_from(slice.max(SLICE_LEAST)).unwrap_or(usize::MAX))
    }

    /// Waits until `bytes` may go.
    pub(super) async fn take(&self, bytes: usize) {
        if self.limit().is_none() {
            return;
        }
        let mut bucket = self.bucket.lock().await;
        loop {
            // Registered before the limit is read, so that no change is missed.
            let changed = self.changed.notified();
            let Some(limit) = self.limit() else {
                return;
            };
            let missing = bucket.fill(limit, bytes);
            if missing <= 0.0 {
                bucket.level -= bytes as f64;
                return;
            }
            let wait = Duration::from_secs_f64((missing / limit.get() as f64).min(3_600.0));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }
}

impl Bucket {
    /// Adds what time brought, and says how much is missing to `bytes`.
    fn fill(&mut self, limit: NonZeroU64, bytes: usize) -> f64 {
        let now = Instant::now();
        let per_second = limit.get() as f64;
        let brought = now.duration_since(self.filled_at).as_secs_f64() * per_second;
        let most = (per_second * BURST_MS as f64 / 1_000.0).max(bytes as f64);
        self.level = (self.level + brought).min(most);
        self.filled_at = now;
        // Less than a byte is rounding, and to wait for it would be to wait in vain.
        bytes as f64 - self.level - 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn rate(limit: u64) -> Arc<Rate> {
        Arc::new(Rate::new(NonZeroU64::new(limit)))
    }

    /// Takes slices until `bytes` are taken.
    async fn send(rate: Arc<Rate>, mut bytes: usize) -> Duration {
        let begun = Instant::now();
        while bytes > 0 {
            let slice = rate.slice().unwrap_or(bytes).min(bytes);
            rate.take(slice).await;
            bytes -= slice;
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_kept_and_used_up() {
        for limit in [1_000, 1_000_000, 100_000_000] {
            let took = send(rate(limit), limit as usize * 10).await;
            let expected = Duration::from_secs(10);
            assert!(took >= expected - Duration::from_millis(200), "{took:?}");
            assert!(took <= expected + Duration::from_millis(200), "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_costs_no_time() {
        let rate = rate(0);
        assert_eq!(send(Arc::clone(&rate), usize::MAX).await, Duration::ZERO);
        assert_eq!(rate.slice(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_share_evenly() {
        let rate = rate(1_000_000);
        let small = tokio::spawn(send(Arc::clone(&rate), 1_000_000));
        let large = tokio::spawn(send(Arc::clone(&rate), 3_000_000));
        let small = small.await.expect("ends").as_secs_f64();
        let large = large.await.expect("ends").as_secs_f64();
        assert!((1.8..2.2).contains(&small), "{small}");
        assert!((3.8..4.2).contains(&large), "{large}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_up_no_more_than_the_burst() {
        let rate = rate(1_000_000);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let took = send(Arc::clone(&rate), 1_000_000).await;
        assert!(took >= Duration::from_millis(850), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_limit_holds_at_once_for_those_who_wait() {
        let rate = rate(1);
        let upload = tokio::spawn(send(Arc::clone(&rate), 1_000_000));
        tokio::time::sleep(Duration::from_secs(1)).await;
        rate.set(NonZeroU64::new(1_000_000));
        let took = upload.await.expect("ends");
        assert!(took <= Duration::from_millis(2_300), "{took:?}");

        rate.set(NonZeroU64::new(1));
        let upload = tokio::spawn(send(Arc::clone(&rate), 1_000_000));
        tokio::time::sleep(Duration::from_secs(1)).await;
        rate.set(None);
        assert_eq!(upload.await.expect("ends"), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_leaves_does_not_hold_up_the_others() {
        let rate = rate(1_000);
        let gone = tokio::spawn(send(Arc::clone(&rate), 1_000_000));
        tokio::time::sleep(Duration::from_secs(1)).await;
        gone.abort();
        let took = send(rate, 1_000).await;
        assert!(took <= Duration::from_millis(1_700), "{took:?}");
    }
}
