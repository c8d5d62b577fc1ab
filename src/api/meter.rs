//! How fast bytes went out lately, without a timer.
//!
//! Owns:
//! - a rate is told of the last few whole seconds, and of nothing older: who has sent nothing for
//!   that long sends nothing;
//! - memory and work are the same however much is sent.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Whole seconds that a rate is told of.
const SECONDS: usize = 5;

/// Counts bytes second by second.
#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    slots: Mutex<[Slot; SECONDS + 1]>,
}

/// One second, counted from the beginning, and its bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    second: u64,
    bytes: u64,
}

impl Meter {
    pub fn new() -> Meter {
        Meter { began: Instant::now(), slots: Mutex::default() }
    }

    /// Adds bytes that have just gone out.
    pub fn count(&self, bytes: u64) {
        let second = self.began.elapsed().as_secs();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(second).unwrap_or_default() % slots.len();
        if let Some(slot) = slots.get_mut(at) {
            if slot.second != second {
                *slot = Slot { second, bytes: 0 };
            }
            slot.bytes = slot.bytes.saturating_add(bytes);
        }
    }

    /// Bytes a second over the last whole seconds; before there are any, over the time so far.
    pub fn per_second(&self) -> u64 {
        let elapsed = self.began.elapsed();
        let now = elapsed.as_secs();
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |wanted: &dyn Fn(&Slot) -> bool| -> u64 {
            slots.iter().filter(|slot| wanted(slot)).map(|slot| slot.bytes).sum()
        };
        if now == 0 {
            let millis = elapsed.max(Duration::from_millis(1)).as_millis();
            let per_second = u128::from(sum(&|_| true)) * 1_000 / millis;
            return u64::try_from(per_second).unwrap_or(u64::MAX);
        }
        let seconds = now.min(SECONDS as u64);
        sum(&|slot| slot.second < now && slot.second + seconds >= now) / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_of_the_last_seconds_and_ends_with_them() {
        let meter = Meter::new();
        assert_eq!(meter.per_second(), 0);
        for _ in 0..40 {
            meter.count(250);
            tokio::time::advance(Duration::from_millis(250)).await;
        }
        assert_eq!(meter.per_second(), 1_000);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(meter.per_second(), 600);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(meter.per_second(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_second_tells_what_there_is() {
        let meter = Meter::new();
        meter.count(500);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(meter.per_second(), 1_000);
    }
}
