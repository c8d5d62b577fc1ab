//! What a run of the program has done so far, in numbers that only grow, for whoever watches it.
//!
//! Owns:
//! - counting costs the loop a few additions a step, whoever looks and however often;
//! - who waits for something to happen sleeps while nothing does;
//! - files whose time is taken are bounded in number: beyond, no time is taken.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Gauge;
use crate::engine::Input;
use crate::planner::{Event, Look, Notice, SharedPath};

/// Files whose time is taken at once.
const TIMED_MOST: usize = 4_096;
/// When there is no room, those are forgotten of which nothing has come for so long, as of a file
/// whose rights were changed; and so often at most.
const STALE: Duration = Duration::from_secs(600);

/// The ends of the steps of the histograms, in milliseconds; the last step has no end.
pub const STEPS_MS: [u64; 14] =
    [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000];

/// What has become of an upload, or of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Sent, and stored.
    Uploaded,
    /// Stored after all: found in the list after a lost answer.
    Found,
    /// Known: nothing was sent.
    Deduplicated,
    /// To be tried again.
    Retried,
    /// Sent whole, answer lost.
    Unknown,
    /// Needs a person.
    Failed,
    /// Needs a person's decision.
    Held,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 7] = [
        Outcome::Uploaded,
        Outcome::Found,
        Outcome::Deduplicated,
        Outcome::Retried,
        Outcome::Unknown,
        Outcome::Failed,
        Outcome::Held,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Uploaded => "uploaded",
            Outcome::Found => "found",
            Outcome::Deduplicated => "deduplicated",
            Outcome::Retried => "retried",
            Outcome::Unknown => "unknown",
            Outcome::Failed => "failed",
            Outcome::Held => "held",
        }
    }
}

/// How long things took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many were within each step of [`STEPS_MS`], and how many beyond.
    pub counts: [u64; STEPS_MS.len() + 1],
    /// All of them together, in milliseconds.
    pub sum_ms: u64,
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let step = STEPS_MS.iter().position(|end| took_ms <= *end).unwrap_or(STEPS_MS.len());
        self.counts[step] += 1;
        self.sum_ms = self.sum_ms.saturating_add(took_ms);
    }
}

/// The numbers of a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// Of each outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Bytes that connections took of bodies.
    pub sent: u64,
    /// Steps of the loop.
    pub steps: u64,
    /// Scans that saw everything.
    pub scans: u64,
    /// Scans that did not.
    pub scans_incomplete: u64,
    /// Times that events were lost, or could not be had.
    pub overflows: u64,
    /// Files that events should have told of, and only scans did.
    pub missed: u64,
    /// From the last event about a file to its content being known.
    pub to_settled: Histogram,
    /// From the last event about a file to its assetId being known.
    pub to_asset: Histogram,
}

/// Counts what is done. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    steps: AtomicU64,
    scans: AtomicU64,
    scans_incomplete: AtomicU64,
    overflows: AtomicU64,
    missed: AtomicU64,
    times: Mutex<Times>,
    sent: Mutex<Sent>,
    stirred: Mutex<Stirred>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Times {
    told: HashMap<SharedPath, Told>,
    swept: Option<Instant>,
    to_settled: Histogram,
    to_asset: Histogram,
}

impl Times {
    fn has_room(&mut self) -> bool {
        if self.told.len() >= TIMED_MOST && self.swept.is_none_or(|at| at.elapsed() > STALE) {
            self.told.retain(|_, told| told.at.elapsed() < STALE);
            self.swept = Some(Instant::now());
        }
        self.told.len() < TIMED_MOST
    }
}

#[derive(Debug)]
struct Told {
    at: Instant,
    settled: bool,
}

/// Bytes of sessions that are over, and the hands of the one that is not.
#[derive(Debug, Default)]
struct Sent {
    before: u64,
    now: Option<Gauge>,
}

#[derive(Debug, Default)]
struct Stirred {
    times: u64,
    ended: bool,
}

impl Tally {
    /// These hands do what is done from now on.
    pub(super) fn follows(&self, gauge: Gauge) {
        let mut sent = lock(&self.0.sent);
        sent.before += sent.now.replace(gauge).map_or(0, |former| former.moved());
    }

    /// The system lost events, or cannot tell of some.
    pub(super) fn overflowed(&self) {
        self.0.overflows.fetch_add(1, Ordering::Relaxed);
    }

    /// This goes into a step.
    pub(super) fn takes_in(&self, inputs: &[Input]) {
        let mut told = inputs.iter().filter_map(told).peekable();
        if told.peek().is_none() {
            return;
        }
        let (mut times, at) = (lock(&self.0.times), Instant::now());
        for path in told {
            let room = times.has_room();
            match times.told.get_mut(path) {
                // What happens to it after that does not begin anew.
                Some(Told { settled: true, .. }) => {}
                Some(told) => told.at = at,
                None if room => {
                    times.told.insert(path.clone(), Told { at, settled: false });
                }
                None => {}
            }
        }
    }

    /// A step is on disk. `stirs`: something happened in it.
    pub(crate) fn stepped(&self, notices: &[Notice], stirs: bool) {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
        notices.iter().for_each(|notice| self.note(notice));
        if stirs {
            lock(&self.0.stirred).times += 1;
            self.0.changed.notify_all();
        }
    }

    /// Nothing more will happen.
    pub fn end(&self) {
        lock(&self.0.stirred).ended = true;
        self.0.changed.notify_all();
    }

    /// How often something has happened.
    pub fn stirred(&self) -> u64 {
        lock(&self.0.stirred).times
    }

    /// Waits until something has happened more often than that, or for so long. None: nothing will
    /// any more.
    pub fn wait(&self, since: u64, most: Option<Duration>) -> Option<u64> {
        let stirred = lock(&self.0.stirred);
        let still = |stirred: &mut Stirred| !stirred.ended && stirred.times <= since;
        let stirred = match most {
            Some(most) => {
                let waited = self.0.changed.wait_timeout_while(stirred, most, still);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.0.changed.wait_while(stirred, still);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        (!stirred.ended).then_some(stirred.times)
    }

    /// Waits for so long. True: it has ended, or does meanwhile.
    pub fn ends_within(&self, pause: Duration) -> bool {
        let stirred = lock(&self.0.stirred);
        let waited = self.0.changed.wait_timeout_while(stirred, pause, |stirred| !stirred.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// The numbers of this moment.
    pub fn numbers(&self) -> Numbers {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let sent = lock(&self.0.sent);
        let sent = sent.before + sent.now.as_ref().map_or(0, Gauge::moved);
        let times = lock(&self.0.times);
        Numbers {
            outcomes: Outcome::ALL.map(|outcome| of(&self.0.outcomes[outcome as usize])),
            sent,
            steps: of(&self.0.steps),
            scans: of(&self.0.scans),
            scans_incomplete: of(&self.0.scans_incomplete),
            overflows: of(&self.0.overflows),
            missed: of(&self.0.missed),
            to_settled: times.to_settled.clone(),
            to_asset: times.to_asset.clone(),
        }
    }

    fn note(&self, notice: &Notice) {
        let outcome = match notice {
            Notice::Uploaded { found: false, .. } => Some(Outcome::Uploaded),
            Notice::Uploaded { found: true, .. } => Some(Outcome::Found),
            Notice::Deduplicated { .. } => Some(Outcome::Deduplicated),
            Notice::Retry { .. } => Some(Outcome::Retried),
            Notice::Unknown { .. } => Some(Outcome::Unknown),
            Notice::Failed { .. } => Some(Outcome::Failed),
            Notice::Held { .. } => Some(Outcome::Held),
            Notice::Scanned { incomplete, .. } => {
                let scans = match incomplete {
                    None => &self.0.scans,
                    Some(_) => &self.0.scans_incomplete,
                };
                scans.fetch_add(1, Ordering::Relaxed);
                None
            }
            Notice::Missed { files, .. } => {
                self.0.missed.fetch_add(*files, Ordering::Relaxed);
                None
            }
            _ => None,
        };
        if let Some(outcome) = outcome {
            self.0.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        }
        self.take_time(notice);
    }

    fn take_time(&self, notice: &Notice) {
        let Some(path) = notice.path() else { return };
        let mut times = lock(&self.0.times);
        match notice {
            Notice::Settled { .. } | Notice::Deduplicated { .. } | Notice::Uploaded { .. } => {
                let Some(told) = times.told.get_mut(path) else { return };
                let (took, first) =
                    (told.at.elapsed(), !std::mem::replace(&mut told.settled, true));
                if first {
                    times.to_settled.add(took);
                }
                if !matches!(notice, Notice::Settled { .. }) {
                    times.told.remove(path);
                    times.to_asset.add(took);
                }
            }
            Notice::Failed { .. }
            | Notice::Held { .. }
            | Notice::Ignored { .. }
            | Notice::Gone(_)
            | Notice::Unknown { .. } => {
                times.told.remove(path);
            }
            _ => {}
        }
    }
}

/// The file that an event told of.
fn told(input: &Input) -> Option<&SharedPath> {
    match input {
        Input::Event(Event::Seen(sight)) => {
            let here = sight.told && matches!(sight.look, Look::File(_));
            here.then_some(&sight.path)
        }
        Input::Event(_) | Input::Listing(_) => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::{AccountId, Asset, ContentHash, FolderId, Sight, Stat, UploadKey};
    use std::path::Path;

    fn path(name: &str) -> SharedPath {
        Path::new(name).into()
    }

    fn told(name: &str) -> Input {
        let look = Look::File(Stat::default());
        let (folder, path, told) = (FolderId(1), path(name), true);
        let sight = Sight { folder, path, look, by_scan: false, arrival: None, told };
        Input::Event(Event::Seen(sight))
    }

    fn uploaded(name: &str) -> Notice {
        let asset = Asset { asset_id: "a".into(), url: None };
        let key = UploadKey { hash: ContentHash([0; 32]), account: AccountId(1) };
        Notice::Uploaded { path: path(name), key, asset, found: false }
    }

    #[test]
    fn a_step_of_a_histogram_holds_what_took_no_longer() {
        let mut histogram = Histogram::default();
        for took_ms in [0, 10, 11, 1_800_000, 1_800_001] {
            histogram.add(Duration::from_millis(took_ms));
        }
        assert_eq!(histogram.counts[..2], [2, 1]);
        assert_eq!(histogram.counts[STEPS_MS.len() - 1..], [1, 1]);
        assert_eq!(histogram.sum_ms, 3_600_022);
    }

    #[test]
    fn the_time_is_taken_of_files_that_events_told_of_and_of_so_many_at_most() {
        let tally = Tally::default();
        tally.takes_in(&[told("/a")]);
        tally.stepped(&[uploaded("/a"), uploaded("/a"), uploaded("/by-scan")], true);
        let numbers = tally.numbers();
        assert_eq!(numbers.outcomes[Outcome::Uploaded as usize], 3);
        assert_eq!(numbers.to_asset.counts.iter().sum::<u64>(), 1);
        assert_eq!(numbers.to_settled.counts.iter().sum::<u64>(), 1);
        for number in 0..=TIMED_MOST {
            tally.takes_in(&[told(&format!("/{number}"))]);
        }
        assert_eq!(lock(&tally.0.times).told.len(), TIMED_MOST);
        tally.stepped(&[Notice::Gone(path("/0")), Notice::Gone(path("/1"))], true);
        tally.takes_in(&[told("/later")]);
        tally.stepped(&[uploaded("/later")], true);
        assert_eq!(tally.numbers().to_asset.counts.iter().sum::<u64>(), 2);
    }

    #[test]
    fn who_waits_wakes_when_something_happens_and_at_the_end_and_not_for_a_look() {
        let tally = Tally::default();
        tally.stepped(&[], false);
        assert_eq!(tally.wait(0, Some(Duration::ZERO)), Some(0));
        tally.stepped(&[], true);
        assert_eq!(tally.wait(0, None), Some(1));
        let waits = tally.clone();
        let waiter = std::thread::spawn(move || waits.wait(1, None));
        tally.end();
        assert_eq!(waiter.join().expect("the waiter"), None);
        assert!(tally.ends_within(Duration::from_secs(3_600)));
    }
}
