//! Many worlds, and deliberate bugs that they must catch.

use std::sync::atomic::{AtomicU64, Ordering};

use super::run;
use crate::planner::sabotage::{BUG, Bug};

/// Worlds in the ordinary test command.
const WORLDS: u64 = 2_000;
/// A deliberate bug must show within so many.
const WORLDS_TO_CATCH: u64 = 600;

/// Runs worlds on all processors until one goes wrong; says which and why.
fn hunt(worlds: u64, bug: Option<Bug>) -> (Option<(u64, String)>, u64, u64, u64) {
    let next = AtomicU64::new(1);
    let (steps, crashes, stored) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let wrong = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |n| n.get()) {
            scope.spawn(|| {
                BUG.set(bug);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > worlds {
                        break;
                    }
                    let report = run(seed, false);
                    steps.fetch_add(report.steps, Ordering::Relaxed);
                    crashes.fetch_add(report.crashes, Ordering::Relaxed);
                    stored.fetch_add(report.stored, Ordering::Relaxed);
                    if let Some(why) = report.wrong {
                        let mut wrong = wrong.lock().expect("no panic while held");
                        if wrong.as_ref().is_none_or(|(other, _)| seed < *other) {
                            *wrong = Some((seed, why));
                        }
                        next.store(worlds + 1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let sum = |count: AtomicU64| count.into_inner();
    (wrong.into_inner().expect("no panic while held"), sum(steps), sum(crashes), sum(stored))
}

#[test]
fn everything_is_delivered_once_in_every_world() {
    let only = std::env::var("TAXIWAY_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    if let Some(seed) = only {
        let report = run(seed, true);
        println!("{}", report.trace.join("\n"));
        assert_eq!(report.wrong, None, "seed {seed}");
        return;
    }
    let more = std::env::var("TAXIWAY_SIM_WORLDS").ok().and_then(|worlds| worlds.parse().ok());
    let worlds = more.unwrap_or(WORLDS);
    let (wrong, steps, crashes, stored) = hunt(worlds, None);
    println!("{worlds} worlds, {steps} steps, {crashes} crashes, {stored} assets stored");
    if let Some((seed, why)) = wrong {
        panic!(
            "seed {seed}: {why}\nsee its trace: TAXIWAY_SIM_SEED={seed} cargo test --lib every_world -- --nocapture"
        );
    }
    assert!(crashes > worlds / 2, "the worlds hardly crash: {crashes}");
    assert!(stored > worlds, "the worlds hardly upload: {stored}");
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
        let (wrong, ..) = hunt(WORLDS_TO_CATCH, Some(bug));
        match wrong {
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
