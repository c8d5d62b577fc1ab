//! Whether the machine slept: a clock that goes on meanwhile gains on one that does not.
//!
//! Owns:
//! - clocks that merely run apart a little are no sleep.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// The clock that goes on while the machine sleeps. [`Instant`] does not: it is CLOCK_MONOTONIC on
/// Linux and CLOCK_UPTIME_RAW on macOS, whose CLOCK_MONOTONIC does (`clock_gettime(3)` there).
#[cfg(any(target_os = "linux", target_os = "android"))]
const SLEEPLESS: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SLEEPLESS: ClockId = ClockId::Monotonic;

/// A shorter sleep lets nothing happen that matters.
const SHORTEST_MS: i64 = 1_000;

/// Notices that the machine slept.
#[derive(Debug)]
pub struct Sleep {
    start: Instant,
    /// How far the one clock was ahead of the other when last looked at.
    ahead_ms: i64,
}

impl Sleep {
    /// From now on.
    pub fn new() -> Sleep {
        let mut sleep = Sleep { start: Instant::now(), ahead_ms: 0 };
        sleep.ahead_ms = sleep.ahead_ms();
        sleep
    }

    /// For how many milliseconds the machine slept since this was last asked, if it did.
    pub fn slept_ms(&mut self) -> Option<i64> {
        let ahead_ms = self.ahead_ms();
        let before_ms = std::mem::replace(&mut self.ahead_ms, ahead_ms);
        slept_ms(before_ms, ahead_ms)
    }

    // The fields are narrower on some platforms.
    #[allow(clippy::useless_conversion)]
    fn ahead_ms(&self) -> i64 {
        let awake_ms = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        let sleepless = clock_gettime(SLEEPLESS);
        let (seconds, ns) = (i64::from(sleepless.tv_sec), i64::from(sleepless.tv_nsec));
        seconds.saturating_mul(1_000) + ns / 1_000_000 - awake_ms
    }
}

fn slept_ms(before_ms: i64, ahead_ms: i64) -> Option<i64> {
    let slept_ms = ahead_ms.saturating_sub(before_ms);
    (slept_ms >= SHORTEST_MS).then_some(slept_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_gains_at_once_tells_of_sleep() {
        assert_eq!(slept_ms(5_000, 5_000), None);
        assert_eq!(slept_ms(5_000, 5_999), None, "clocks drift");
        assert_eq!(slept_ms(5_000, 3_605_000), Some(3_600_000));
        assert_eq!(slept_ms(5_000, 4_000), None);
    }

    #[test]
    fn a_machine_that_is_awake_did_not_sleep() {
        let mut sleep = Sleep::new();
        assert_eq!(sleep.slept_ms(), None);
        // As if it had been looked at before an hour of sleep.
        sleep.ahead_ms -= 3_600_000;
        assert!(sleep.slept_ms().is_some_and(|slept_ms| slept_ms >= 3_599_000));
        assert_eq!(sleep.slept_ms(), None, "once");
    }
}
