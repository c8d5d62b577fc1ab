//! When a folder that could not be watched is tried again.
//!
//! Owns:
//! - ever more slowly: each try goes through all its directories.

use std::time::{Duration, Instant};

/// The longest pause between two tries.
pub const LONGEST: Duration = Duration::from_secs(3_600);

/// The pauses between tries to watch.
#[derive(Debug)]
pub struct Rewatch {
    first: Duration,
    /// The next try, and the pause before it.
    next: Option<(Instant, Duration)>,
}

impl Rewatch {
    /// With a first pause, doubled up to [`LONGEST`].
    pub fn new(first: Duration) -> Rewatch {
        Rewatch { first, next: None }
    }

    /// Whether to try now.
    pub fn due(&self, now: Instant) -> bool {
        self.next.is_none_or(|(at, _)| at <= now)
    }

    /// It could not be watched, or not any longer.
    pub fn failed(&mut self, now: Instant) {
        let pause = self.next.map_or(self.first, |(_, pause)| (pause * 2).min(LONGEST));
        self.next = Some((now + pause, pause));
    }

    /// It has been watched for a while. `now` after the last try: one that fails at once is none.
    pub fn works(&mut self, now: Instant) {
        if self.next.is_some_and(|(at, pause)| now >= at + pause) {
            self.next = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_after_a_minute_and_then_ever_more_slowly() {
        let start = Instant::now();
        let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut rewatch = Rewatch::new(Duration::from_secs(60));
        assert!(rewatch.due(start));
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            rewatch.failed(after(now));
            assert!(!rewatch.due(after(now + pause) - Duration::from_millis(1)), "{pause}");
            assert!(rewatch.due(after(now + pause)), "{pause}");
            now += pause;
        }
    }

    #[test]
    fn only_a_watch_that_lasts_begins_anew() {
        let start = Instant::now();
        let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut rewatch = Rewatch::new(Duration::from_secs(60));
        rewatch.failed(start);
        rewatch.works(after(1));
        rewatch.failed(after(1));
        assert!(!rewatch.due(after(2)), "it is two minutes now");
        rewatch.works(after(5));
        rewatch.failed(after(5));
        assert!(rewatch.due(after(6)));
    }
}
