//! The arithmetic of progress: how much, how fast, how much longer.
//!
//! Owns:
//! - nothing is ever more than all of it: not a file, not the sum, whatever was counted twice or
//!   changed while it was counted;
//! - a remaining time is told from the speed of the last seconds, and not at all without one.

use std::collections::VecDeque;
use std::time::Duration;

/// Files and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

impl Amount {
    pub fn new(files: u64, bytes: u64) -> Amount {
        Amount { files, bytes }
    }

    pub fn plus(self, other: Amount) -> Amount {
        let files = self.files.saturating_add(other.files);
        Amount { files, bytes: self.bytes.saturating_add(other.bytes) }
    }

    fn minus(self, other: Amount) -> Amount {
        let files = self.files.saturating_sub(other.files);
        Amount { files, bytes: self.bytes.saturating_sub(other.bytes) }
    }

    fn least(self, other: Amount) -> Amount {
        Amount { files: self.files.min(other.files), bytes: self.bytes.min(other.bytes) }
    }
}

/// A file on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// As it is shown.
    pub name: String,
    /// Bytes that the connection took.
    pub done: u64,
    /// Bytes in all.
    pub size: u64,
}

/// All that a frame shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// What is still to be read before it is known what it is.
    pub hashing: Amount,
    /// What is being sent.
    pub sending: Vec<Part>,
    /// Done with: sent, known already, or failed.
    pub done: Amount,
    /// How many of these failed.
    pub failed: u64,
    /// Everything, done or not.
    pub all: Amount,
    /// Bytes a second over the last seconds, if that can be told.
    pub per_second: Option<u64>,
}

impl Figures {
    /// Bytes of what is done, and of what went out of the rest.
    pub fn bytes_done(&self) -> u64 {
        let parts = self.sending.iter().map(|part| part.done.min(part.size));
        let sent = parts.fold(self.done.bytes, u64::saturating_add);
        sent.min(self.all.bytes)
    }

    /// How much of all, in whole percent: 100 only when nothing is left.
    pub fn percent(&self) -> u64 {
        match (percent(self.bytes_done(), self.all.bytes), self.done.files < self.all.files) {
            (100, true) => 99,
            (percent, _) => percent,
        }
    }

    /// Seconds until all is sent, at the speed of the last seconds.
    pub fn seconds_left(&self) -> Option<u64> {
        let left = self.all.bytes.saturating_sub(self.bytes_done());
        let per_second = self.per_second.filter(|per_second| *per_second > 0)?;
        Some(left.div_ceil(per_second))
    }
}

/// How much of all, in whole percent, rounded down. Nothing of nothing is all of it.
pub fn percent(done: u64, all: u64) -> u64 {
    let hundred = u128::from(done.min(all)) * 100;
    hundred.checked_div(u128::from(all)).map_or(100, |percent| percent as u64)
}

/// How fast bytes moved lately.
#[derive(Debug, Clone, Default)]
pub struct Speed {
    /// When so many bytes had moved in all.
    marks: VecDeque<(Duration, u64)>,
}

/// So long ago is lately.
const LATELY: Duration = Duration::from_secs(5);
/// From a shorter time no speed is told.
const TOO_SHORT: Duration = Duration::from_millis(800);

impl Speed {
    /// Notes how many bytes have moved in all by `now`, and tells bytes a second.
    pub fn note(&mut self, now: Duration, moved: u64) -> Option<u64> {
        self.marks.push_back((now, moved));
        // The oldest that stays is just as old as it must be.
        while self.marks.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= LATELY) {
            self.marks.pop_front();
        }
        let (since, before) = *self.marks.front()?;
        let took = now.saturating_sub(since);
        let bytes = u128::from(moved.saturating_sub(before));
        let per_second = bytes * 1_000 / took.as_millis().max(1);
        (took >= TOO_SHORT).then(|| u64::try_from(per_second).unwrap_or(u64::MAX))
    }
}

/// How the files of some folders stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Uploaded.
    pub uploaded: Amount,
    /// Failed or held.
    pub failed: Amount,
    /// To be sent, on the way, or in doubt.
    pub left: Amount,
}

/// A stretch of work, counted from where it began: what was done before is not counted.
#[derive(Debug, Clone, Default)]
pub struct Burst {
    before: Option<Standing>,
}

/// After a pause of this length what comes is another stretch of work.
pub const LULL: Duration = Duration::from_secs(10);

impl Burst {
    /// What is done of all since the beginning, and how much of it failed.
    pub fn measure(&mut self, now: Standing, hashing: Amount) -> (Amount, Amount, u64) {
        let before = self.before.get_or_insert(now);
        // What is deleted or forgotten meanwhile must not count as undone.
        before.uploaded = before.uploaded.least(now.uploaded);
        before.failed = before.failed.least(now.failed);
        let failed = now.failed.minus(before.failed);
        let done = now.uploaded.minus(before.uploaded).plus(failed);
        (done, done.plus(now.left).plus(hashing), failed.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(done: u64, size: u64) -> Part {
        Part { name: "x".into(), done, size }
    }

    fn figures(done: u64, all: u64, sending: Vec<Part>, per_second: Option<u64>) -> Figures {
        let (done, all) = (Amount::new(0, done), Amount::new(1, all));
        Figures { sending, done, all, per_second, ..Figures::default() }
    }

    #[test]
    fn a_percentage_is_rounded_down_and_never_above_a_hundred() {
        for (done, all, expected) in [
            (0, 1, 0),
            (1, 3, 33),
            (2, 3, 66),
            (999, 1_000, 99),
            (1_000, 1_000, 100),
            (1_001, 1_000, 100),
            (0, 0, 100),
            (u64::MAX, u64::MAX, 100),
            (u64::MAX - 1, u64::MAX, 99),
        ] {
            assert_eq!(percent(done, all), expected, "{done} of {all}");
        }
    }

    #[test]
    fn what_goes_out_counts_beside_what_is_done_and_a_retry_takes_its_bytes_back() {
        for (done, all, sending, bytes, percent) in [
            (0, 100, vec![], 0, 0),
            (40, 100, vec![part(10, 30)], 50, 50),
            (40, 100, vec![part(0, 30)], 40, 40),
            (40, 100, vec![part(31, 30), part(29, 30)], 99, 99),
            // Another look at the ledger is due: it is done and still on its way.
            (100, 100, vec![part(30, 30)], 100, 99),
            (u64::MAX, u64::MAX, vec![part(1, 1)], u64::MAX, 99),
        ] {
            let figures = figures(done, all, sending, None);
            assert_eq!((figures.bytes_done(), figures.percent()), (bytes, percent), "{figures:?}");
        }
        let mut whole = figures(100, 100, vec![], None);
        whole.done.files = 1;
        assert_eq!(whole.percent(), 100);
    }

    #[test]
    fn the_time_that_is_left_is_that_of_the_speed_of_the_last_seconds() {
        for (done, all, per_second, left) in [
            (0, 1_000, None, None),
            (0, 1_000, Some(0), None),
            (0, 1_000, Some(100), Some(10)),
            (999, 1_000, Some(100), Some(1)),
            (1_000, 1_000, Some(100), Some(0)),
            (0, u64::MAX, Some(1), Some(u64::MAX)),
        ] {
            assert_eq!(figures(done, all, vec![], per_second).seconds_left(), left);
        }
    }

    #[test]
    fn a_speed_is_that_of_the_last_five_seconds_however_fast_it_was_before() {
        let mut speed = Speed::default();
        let mut told = Vec::new();
        // Fast for 10 s, then a tenth of that, then nothing at all.
        let mut moved = 0;
        for tenth in 0..300_u64 {
            moved += if tenth < 100 {
                1_000
            } else if tenth < 200 {
                100
            } else {
                0
            };
            told.push(speed.note(Duration::from_millis(100 * tenth), moved));
        }
        let at = |tenth: usize| told.get(tenth).copied().flatten();
        assert_eq!((at(0), at(7)), (None, None), "too short to tell");
        assert_eq!((at(8), at(99)), (Some(10_000), Some(10_000)));
        assert_eq!((at(124), at(149)), (Some(5_500), Some(1_000)));
        assert_eq!((at(199), at(249)), (Some(1_000), Some(0)));
        assert!(speed.marks.len() <= 52, "what is older is forgotten");
        // A clock or counter that goes back is no reason to panic.
        assert_eq!(speed.note(Duration::ZERO, 0), None);
    }

    #[test]
    fn a_stretch_of_work_counts_from_its_beginning_and_a_duplicate_is_done_at_once() {
        let stand = |uploaded, failed, left| Standing {
            uploaded: Amount::new(uploaded, 10 * uploaded),
            failed: Amount::new(failed, 10 * failed),
            left: Amount::new(left, 10 * left),
        };
        let mut burst = Burst::default();
        let mut measured = |now, hashing| {
            let (done, all, failed) = burst.measure(now, Amount::new(hashing, 10 * hashing));
            assert_eq!((done.bytes, all.bytes), (10 * done.files, 10 * all.files));
            (done.files, all.files, failed)
        };
        assert_eq!(measured(stand(7, 1, 2), 3), (0, 5, 0));
        // One is read, and new; another is read, and known.
        assert_eq!(measured(stand(7, 1, 3), 2), (0, 5, 0));
        assert_eq!(measured(stand(8, 1, 3), 1), (1, 5, 0));
        assert_eq!(measured(stand(10, 2, 1), 1), (4, 6, 1));
        // Five of those that were uploaded before it began are deleted.
        assert_eq!(measured(stand(5, 2, 1), 0), (1, 2, 1));
        assert_eq!(measured(stand(6, 2, 0), 0), (2, 2, 1));
    }
}
