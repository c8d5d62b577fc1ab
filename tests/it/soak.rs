//! Random worlds, as long as there is time: nothing is lost, nothing is there twice.
//!
//! `TAXIWAY_SOAK=30 cargo test --test it soak -- --nocapture` goes on for 30 minutes and tells
//! each minute how far it is; `TAXIWAY_SOAK_SEED=7` runs one world again.
#![expect(clippy::print_stdout, reason = "how far it is, and the seed of a failure")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::torture::{Tally, World};

/// Kills in each world.
const KILLS: u64 = 12;
/// Worlds in an ordinary run.
const WORLDS: u64 = 8;

/// A whole number out of the environment.
fn given(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no whole number")))
}

fn told(all: &Tally, since: Instant) {
    let Tally { kills, files, assets, attempts, held, failed } = all;
    println!(
        "{:>4} s: {kills} kills, {files} files, {assets} assets, {attempts} attempts, lost 0, \
         twice 0, left to a person {}",
        since.elapsed().as_secs(),
        held + failed
    );
}

/// Worlds of one seed after the other in several lanes, as long as there are any.
fn worlds(lanes: usize, seeds: impl Fn() -> Option<u64> + Sync) -> Tally {
    let since = Instant::now();
    let all = Mutex::new((Tally::default(), 0));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some(seed) = seeds() {
                    println!("TAXIWAY_SOAK_SEED={seed}");
                    let tally = World::new(seed).run(KILLS);
                    let mut all = all.lock().expect("no world failed");
                    all.0 += tally;
                    let minute = since.elapsed().as_secs() / 60;
                    if minute > std::mem::replace(&mut all.1, minute) {
                        told(&all.0, since);
                    }
                }
            });
        }
    });
    let (all, _) = all.into_inner().expect("no world failed");
    told(&all, since);
    all
}

#[test]
fn killed_at_random_it_loses_nothing_and_sends_nothing_twice() {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    if let Some(seed) = given("TAXIWAY_SOAK_SEED") {
        println!("TAXIWAY_SOAK_SEED={seed}");
        World::new(seed).run(KILLS);
        return;
    }
    let next = AtomicU64::new(0);
    let Some(minutes) = given("TAXIWAY_SOAK") else {
        let seeds = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < WORLDS);
        assert_eq!(worlds(2 * cores, seeds).kills, WORLDS * KILLS);
        return;
    };
    let first = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()) % 1_000_000;
    next.store(first * 1_000, Ordering::Relaxed);
    let until = Instant::now() + Duration::from_secs(minutes * 60);
    worlds(8 * cores, || (Instant::now() < until).then(|| next.fetch_add(1, Ordering::Relaxed)));
}
