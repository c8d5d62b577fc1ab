//! How many uploads go out at once: few at first, more while more is faster, fewer when it hurts.
//!
//! Owns:
//! - never none, and never more than are configured;
//! - more only while all places are taken, and only as long as it made things faster or most of them
//!   wait for the server and leave the line alone;
//! - a sign that it is too much halves it, once for all that were under way by then;
//! - pure: the time and what went out come in, a number comes out.

use std::time::Duration;

/// Where it begins.
const FIRST: usize = 2;
/// A stretch that is long enough to judge by, if not enough uploads end before.
const STRETCH: Duration = Duration::from_secs(2);
/// No stretch is shorter, however many uploads end in it.
const STRETCH_LEAST: Duration = Duration::from_millis(20);
/// Of what growing could bring at most, the part that it must bring to be kept.
const WORTH: f64 = 0.15;
/// How long it keeps to what it has after growing brought nothing.
const AFTER_NOTHING: Duration = Duration::from_secs(10);
/// How long it keeps to what it has after a sign that it was too much.
const AFTER_TOO_MUCH: Duration = Duration::from_secs(30);
/// Answers that take so many times as long as they used to are a sign.
const SLOWER: f64 = 4.0;
/// Answers of one size after which it is known how long they usually take.
const KNOWN_AFTER: u32 = 8;
/// Answers of one size that what is usual is the mean of, about.
const REMEMBERED: u32 = 64;
/// Answers that are compared with what is usual, about.
const LATEST: f64 = 8.0;
/// Quicker answers than this are never slow.
const QUICK_ANSWER: Duration = Duration::from_millis(500);

/// What went out since the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moved {
    /// Bytes, also those of bodies that are not whole.
    pub bytes: u64,
    /// Uploads that were stored.
    pub stored: u64,
}

/// The number, and what it was learnt from. Times are since any one moment.
#[derive(Debug)]
pub struct Pace {
    most: usize,
    allowed: usize,
    /// When the stretch that is judged next began, and what had gone out by then.
    began: (Duration, Moved),
    /// Bodies that were on their way at the looks since, and looks.
    sending: (usize, usize),
    /// Before it grew last: how many were allowed, and how fast they went.
    before: Option<(usize, Speed)>,
    /// Twice as many each time, until that is too many for the first time.
    doubles: bool,
    holds_until: Duration,
    /// When it was too much last.
    too_much_at: Option<Duration>,
    answers: Answers,
}

#[derive(Debug, Clone, Copy)]
struct Speed {
    bytes: f64,
    /// None if too few ended to tell.
    stored: Option<f64>,
}

impl Speed {
    /// Whether it is faster than `other`, in one way or the other, by a factor.
    fn beats(self, other: Speed, factor: f64) -> bool {
        let more = self.stored.zip(other.stored).is_some_and(|(now, was)| now >= was * factor);
        more || self.bytes >= other.bytes * factor
    }
}

impl Pace {
    /// At most `most` at once.
    pub fn new(most: usize, now: Duration) -> Pace {
        Pace {
            most: most.max(1),
            allowed: FIRST.min(most).max(1),
            began: (now, Moved::default()),
            sending: (0, 0),
            before: None,
            doubles: true,
            holds_until: Duration::ZERO,
            too_much_at: None,
            answers: Answers::default(),
        }
    }

    /// How many may go out at once.
    pub fn allowed(&self) -> usize {
        self.allowed
    }

    /// Since when it is judged how it goes.
    #[cfg(test)]
    pub fn stretch(&self) -> Duration {
        self.began.0
    }

    /// Another number is configured.
    pub fn set_most(&mut self, most: usize) {
        if most > self.most {
            // Somebody believes that more will do.
            self.doubles = true;
            self.holds_until = Duration::ZERO;
        }
        self.most = most.max(1);
        self.allowed = self.allowed.min(self.most);
        self.before = None;
    }

    /// Looks how it goes. `sending`: of the uploads that have a place, how many still have bytes to
    /// send; none if there are places left.
    pub fn look(&mut self, now: Duration, moved: Moved, sending: Option<usize>) {
        let Some(sending) = sending else {
            self.before = None;
            self.began = (now, moved);
            self.sending = (0, 0);
            return;
        };
        self.sending = (self.sending.0 + sending, self.sending.1 + 1);
        let (since, former) = self.began;
        let elapsed = now.saturating_sub(since);
        let ended = moved.stored.saturating_sub(former.stored);
        let enough = ended >= 2 * self.allowed as u64 && elapsed >= STRETCH_LEAST;
        if !enough && elapsed < STRETCH {
            return;
        }
        let per_second = |count: u64| count as f64 / elapsed.as_secs_f64();
        let bytes = moved.bytes.saturating_sub(former.bytes);
        let stored = enough.then(|| per_second(ended));
        let speed = Speed { bytes: per_second(bytes), stored };
        let (sent, looks) = std::mem::take(&mut self.sending);
        let waits = 2 * sent < self.allowed * looks;
        self.began = (now, moved);
        if let Some((fewer, before)) = self.before.take() {
            let could = self.allowed as f64 / fewer as f64;
            if !waits && !speed.beats(before, 1.0 + (could - 1.0) * WORTH) {
                self.allowed = fewer;
                self.doubles = false;
                self.holds_until = now + AFTER_NOTHING;
                return;
            }
        }
        if now >= self.holds_until && self.allowed < self.most {
            self.before = Some((self.allowed, speed));
            let more = if self.doubles { 2 * self.allowed } else { self.allowed + 1 };
            self.allowed = more.min(self.most);
        }
    }

    /// An upload of `bytes` bytes that began at `began` had its answer `waited` after its last byte.
    pub fn answered(&mut self, began: Duration, now: Duration, bytes: u64, waited: Duration) {
        if self.answers.are_slow(bytes, waited) {
            self.too_much(began, now);
        }
    }

    /// The server asked to slow down, or what began at `began` timed out.
    pub fn too_much(&mut self, began: Duration, now: Duration) {
        if self.too_much_at.is_some_and(|at| began < at) {
            return;
        }
        self.too_much_at = Some(now);
        self.allowed = (self.allowed / 2).max(1);
        self.doubles = false;
        self.before = None;
        self.holds_until = now + AFTER_TOO_MUCH;
        self.answers.late = 0.0;
    }
}

/// How long answers take, beside how long they usually take for bodies of that size. All of it in
/// logarithms: answers are late by factors, and now and then by large ones that mean nothing.
#[derive(Debug)]
struct Answers {
    /// By the number of binary digits of the size.
    usual: [Usual; 65],
    /// How far the last ones were from usual.
    late: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    log_seconds: f64,
    answers: u32,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers { usual: [Usual::default(); 65], late: 0.0 }
    }
}

impl Answers {
    fn are_slow(&mut self, bytes: u64, waited: Duration) -> bool {
        let class = (u64::BITS - bytes.leading_zeros()) as usize;
        let log_seconds = waited.as_secs_f64().max(0.001).ln();
        let Some(usual) = self.usual.get_mut(class) else { return false };
        let late = log_seconds - usual.log_seconds;
        let known = usual.answers >= KNOWN_AFTER;
        usual.answers = usual.answers.saturating_add(1).min(REMEMBERED);
        usual.log_seconds += late / f64::from(usual.answers);
        if known {
            self.late += (late - self.late) / LATEST;
        }
        known && self.late >= SLOWER.ln() && waited >= QUICK_ANSWER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line and a server: `line` bytes a second for all, `each` for one connection, and every
    /// answer takes `answer` seconds. Files of `size` bytes without end.
    struct World {
        line: f64,
        each: f64,
        answer: f64,
        size: f64,
    }

    impl World {
        /// The numbers that were allowed, in tenths of a second, until `seconds` are over.
        fn run(&self, pace: &mut Pace, seconds: u32) -> Vec<usize> {
            let step = 0.005;
            let mut uploads: Vec<(f64, f64)> = Vec::new();
            let (mut sent, mut stored, mut allowed) = (0.0, 0, Vec::new());
            for turn in 0..seconds * 200 {
                let now = Duration::from_secs_f64(f64::from(turn) * step);
                while uploads.len() < pace.allowed() {
                    uploads.push((self.size, self.answer));
                }
                let sending = uploads.iter().filter(|(left, _)| *left > 0.0).count();
                let speed = self.each.min(self.line / sending.max(1) as f64);
                for (left, answer) in &mut uploads {
                    if *left > 0.0 {
                        sent += (speed * step).min(*left);
                        *left -= speed * step;
                    } else {
                        *answer -= step;
                    }
                }
                let before = uploads.len();
                uploads.retain(|(_, answer)| *answer > 0.0);
                let sending = (before >= pace.allowed()).then_some(sending);
                for _ in uploads.len()..before {
                    stored += 1;
                    pace.look(now, Moved { bytes: sent as u64, stored }, sending);
                }
                if turn % 20 == 0 {
                    pace.look(now, Moved { bytes: sent as u64, stored }, sending);
                    allowed.push(pace.allowed());
                }
            }
            allowed
        }
    }

    fn settled(world: &World, most: usize) -> (usize, usize) {
        let allowed = world.run(&mut Pace::new(most, Duration::ZERO), 60);
        let late = &allowed[allowed.len() / 2..];
        let sum: usize = late.iter().sum();
        (allowed[0], sum / late.len())
    }

    #[test]
    fn it_grows_where_each_upload_waits_for_the_server() {
        let waits = World { line: 1e9, each: 1e9, answer: 0.3, size: 5e4 };
        assert_eq!(settled(&waits, 16), (2, 16));
        let waits_long = World { line: 1e9, each: 1e9, answer: 25.0, size: 5e4 };
        assert_eq!(settled(&waits_long, 16), (2, 16));
    }

    #[test]
    fn it_grows_where_one_connection_does_not_fill_the_line() {
        let videos = World { line: 1e8, each: 5e6, answer: 0.5, size: 4e8 };
        let (first, late) = settled(&videos, 8);
        assert!(first == 2 && late >= 7, "{late}");
    }

    #[test]
    fn it_stays_small_where_the_line_is_full() {
        let full = World { line: 1e6, each: 1e6, answer: 0.02, size: 4e6 };
        let (_, late) = settled(&full, 16);
        assert!(late <= 3, "{late}");
    }

    #[test]
    fn it_is_never_none_and_never_more_than_configured() {
        for most in [1, 2, 3, 64] {
            let mut pace = Pace::new(most, Duration::ZERO);
            let world = World { line: 1e9, each: 1e9, answer: 0.1, size: 1e5 };
            assert!(world.run(&mut pace, 30).iter().all(|allowed| (1..=most).contains(allowed)));
            for second in 100..120 {
                let now = Duration::from_secs(second);
                pace.too_much(now, now);
                assert!(pace.allowed() >= 1);
            }
        }
        let mut pace = Pace::new(16, Duration::ZERO);
        World { line: 1e9, each: 1e9, answer: 0.1, size: 1e5 }.run(&mut pace, 30);
        pace.set_most(3);
        assert_eq!(pace.allowed(), 3);
    }

    #[test]
    fn a_sign_halves_it_once_for_all_that_were_under_way_and_it_comes_back_step_by_step() {
        let mut pace = Pace::new(16, Duration::ZERO);
        let world = World { line: 1e9, each: 1e9, answer: 0.1, size: 1e5 };
        world.run(&mut pace, 30);
        assert_eq!(pace.allowed(), 16);
        let at = |seconds| Duration::from_secs(seconds);
        for _ in 0..16 {
            pace.too_much(at(29), at(30));
        }
        assert_eq!(pace.allowed(), 8);
        pace.too_much(at(31), at(32));
        assert_eq!(pace.allowed(), 4);
        let mut moved = Moved::default();
        pace.look(at(32), moved, Some(4));
        let mut seen = Vec::new();
        for second in 33..160 {
            moved.stored += 40 * pace.allowed() as u64;
            pace.look(at(second), moved, Some(pace.allowed()));
            seen.push(pace.allowed());
        }
        assert!(seen[..28].iter().all(|allowed| *allowed == 4), "{seen:?}");
        assert!(seen.windows(2).all(|two| two[1] <= two[0] + 1), "{seen:?}");
        assert_eq!(seen.last(), Some(&16));
    }

    #[test]
    fn answers_that_take_longer_and_longer_are_a_sign_and_large_files_are_none() {
        let mut pace = Pace::new(8, Duration::ZERO);
        pace.set_most(8);
        pace.allowed = 8;
        let mut now = Duration::ZERO;
        let mut answer = |pace: &mut Pace, bytes, ms| {
            now += Duration::from_secs(1);
            pace.answered(now, now, bytes, Duration::from_millis(ms));
        };
        for turn in 0..100 {
            answer(&mut pace, 50_000, 200 + turn % 7 * 20);
            answer(&mut pace, 500_000_000, 9_000);
        }
        assert_eq!(pace.allowed(), 8);
        for _ in 0..12 {
            answer(&mut pace, 50_000, 4_000);
        }
        assert_eq!(pace.allowed(), 4);
        for _ in 0..100 {
            answer(&mut pace, 50_000, 4_000);
        }
        pace.allowed = 8;
        for _ in 0..100 {
            answer(&mut pace, 50_000, 4_000);
        }
        assert_eq!(pace.allowed(), 8, "what lasts is usual");
    }

    #[test]
    fn a_server_that_takes_its_time_by_chance_is_not_slow() {
        let mut answers = Answers::default();
        let mut jitter = 1_u64;
        let mut uniform = || {
            jitter = jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (jitter >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let slow = (0..10_000).filter(|_| {
            // Log-normal about three seconds: one in twenty takes more than fifteen.
            let normal: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            answers.are_slow(5_000_000, Duration::from_secs_f64(3.0 * normal.exp()))
        });
        assert_eq!(slow.count(), 0);
    }

    #[test]
    fn what_is_not_busy_is_not_judged() {
        let mut pace = Pace::new(16, Duration::ZERO);
        for second in 0..100 {
            let moved = Moved { bytes: second * 1_000_000, stored: second * 100 };
            pace.look(Duration::from_secs(second), moved, None);
        }
        assert_eq!(pace.allowed(), FIRST);
    }
}
