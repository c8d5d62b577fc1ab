//! Many worlds, and deliberate bugs that they must catch.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Counts, Report, run};
use crate::planner::sabotage::{BUG, Bug};

/// Worlds in the ordinary test command.
const WORLDS: u64 = 10_000;
/// What must happen in so many worlds, or they prove little.
const HAPPENS: [&str; 1] = ["forgotten"];
/// A deliberate bug must show within so many.
const WORLDS_TO_CATCH: u64 = 600;

/// What many worlds came to.
#[derive(Debug, Default)]
struct Sum {
    /// The first world that went wrong, and why.
    wrong: Option<(u64, String)>,
    steps: u64,
    crashes: u64,
    stored: u64,
    counts: Counts,
}

impl Sum {
    fn add(&mut self, seed: u64, report: Report) {
        self.steps += report.steps;
        self.crashes += report.crashes;
        self.stored += report.stored;
        for (word, count) in report.counts {
            *self.counts.entry(word).or_default() += count;
        }
        if let Some(why) = report.wrong
            && self.wrong.as_ref().is_none_or(|(other, _)| seed < *other)
        {
            self.wrong = Some((seed, why));
        }
    }
}

/// Runs worlds on all processors until one goes wrong or the time is over.
fn hunt(seeds: Range<u64>, until: Option<Instant>, bug: Option<Bug>) -> Sum {
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |n| n.get()) {
            scope.spawn(|| {
                BUG.set(bug);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || until.is_some_and(|until| Instant::now() >= until) {
                        break;
                    }
                    let report = run(seed, false);
                    if report.wrong.is_some() {
                        next.store(seeds.end, Ordering::Relaxed);
                    }
                    sum.lock().expect("no panic while held").add(seed, report);
                }
            });
        }
    });
    sum.into_inner().expect("no panic while held")
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn everything_is_delivered_once_in_every_world() {
    if let Some(seed) = number("TAXIWAY_SIM_SEED") {
        let report = run(seed, true);
        println!("{}", report.trace.join("\n"));
        assert_eq!(report.wrong, None, "seed {seed}");
        return;
    }
    let first = number("TAXIWAY_SIM_FIRST").unwrap_or(1);
    let soak = number("TAXIWAY_SOAK").map(|minutes| Duration::from_secs(60 * minutes));
    let most = if soak.is_some() { u64::MAX / 2 } else { WORLDS };
    let worlds = number("TAXIWAY_SIM_WORLDS").unwrap_or(most);
    let until = soak.map(|time| Instant::now() + time);
    let began = Instant::now();
    let sum = hunt(first..first.saturating_add(worlds), until, None);
    let (steps, crashes, stored) = (sum.steps, sum.crashes, sum.stored);
    let seconds = began.elapsed().as_secs();
    println!("{steps} steps, {crashes} crashes, {stored} assets stored, {seconds} s");
    for (word, count) in &sum.counts {
        println!("{count:>9} {word}");
    }
    if let Some((seed, why)) = sum.wrong {
        panic!(
            "seed {seed}: {why}\nsee its trace: TAXIWAY_SIM_SEED={seed} cargo test --lib every_world -- --nocapture"
        );
    }
    if worlds >= WORLDS {
        for word in HAPPENS {
            assert!(sum.counts.get(word).is_some_and(|count| *count >= 20), "hardly ever: {word}");
        }
    }
}

/// The written list of deliberate bugs; each must be caught.
const BUGS: [Bug; 14] = [
    Bug::TrustCrashedAttempts,
    Bug::RetryUnknown,
    Bug::BelieveFirstLook,
    Bug::BelieveBlindList,
    Bug::AdoptBySizeOnly,
    Bug::ForgetClaims,
    Bug::NoQuietTime,
    Bug::AlwaysCertain,
    Bug::ForgetOverflow,
    Bug::IgnoreOwedScans,
    Bug::RetryRefusedToken,
    Bug::ForgetRetries,
    Bug::ForgetChangedSource,
    Bug::ActBeforeCommit,
];

#[test]
fn every_deliberate_bug_is_caught() {
    let mut missed = Vec::new();
    for bug in BUGS {
        let sum = hunt(1..WORLDS_TO_CATCH + 1, None, Some(bug));
        match sum.wrong {
            Some((seed, why)) => println!("{bug:?}: seed {seed}: {why}"),
            None => missed.push(bug),
        }
    }
    assert_eq!(missed, [], "bugs that no world caught");
}

#[test]
fn the_same_seed_is_the_same_world() {
    let (one, two) = (run(7, true), run(7, true));
    assert_eq!(one.trace, two.trace);
    assert_ne!(one.trace, run(8, true).trace);
}
