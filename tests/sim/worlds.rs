//! Many worlds, and deliberate bugs that they must catch.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Counts, Report, run};
use crate::planner::sabotage::{BUG, Bug, CAUGHT};

/// Worlds in the ordinary test command.
const WORLDS: u64 = 10_000;
/// What must happen in so many worlds, or they prove little.
const HAPPENS: [&str; 8] = [
    "forgotten",
    "paused",
    "configuration read again",
    "file open for writing",
    "arrival proved",
    "arrival without proof",
    "errand failed",
    "file moved away",
];
/// A deliberate bug must show within so many.
const WORLDS_TO_CATCH: u64 = 4_000;

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
        println!("\nas a story, for src/planner/tests:\n\n{}\n", report.story.join("\n"));
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

macro_rules! worlds_catch {
    ($($test:ident: $bug:ident,)*) => {
        $(#[test]
        fn $test() {
            let sum = hunt(1..WORLDS_TO_CATCH + 1, None, Some(Bug::$bug));
            let (seed, why) = sum.wrong.expect("a world that goes wrong");
            println!("seed {seed}: {why}");
        })*
    };
}

worlds_catch! {
    crashed_attempts_that_are_trusted: TrustCrashedAttempts,
    lost_answers_that_are_simply_tried_again: RetryUnknown,
    a_first_look_that_is_believed: BelieveFirstLook,
    a_blind_list_that_is_believed: BelieveBlindList,
    sizeless_assets_that_are_passed_over: PassOverSizeless,
    assets_taken_by_their_size_alone: AdoptBySizeOnly,
    assets_of_other_rows_that_are_taken: AdoptForeign,
    assets_older_than_the_attempt_that_are_taken: AdoptOlder,
    a_server_clock_that_is_taken_for_ours: ForgetSkew,
    doubles_that_are_sent_together: ForgetClaims,
    effects_before_their_commit: ActBeforeCommit,
    attempts_that_are_not_written_down: LoseAttempts,
    files_that_are_read_at_once: NoQuietTime,
    arrivals_that_are_believed: BelieveArrival,
    forgotten_files_without_a_scan: ForgetOverflow,
    owed_scans_that_never_come: IgnoreOwedScans,
    changed_sources_that_are_left: ForgetChangedSource,
    copies_that_do_not_take_their_place: ForgetOtherPaths,
    uploads_shared_across_accounts: ShareAcrossAccounts,
    accounts_that_are_not_followed: ForgetRelink,
    edits_that_change_nothing: ForgetEdits,
    former_eyes_that_are_waited_for: WaitForFormerEyes,
    pushes_that_end_with_the_process: ForgetPushes,
    failures_that_are_not_tried_again: ForgetRetries,
    files_that_fail_because_of_the_network: FailOffline,
    a_refused_token_that_is_tried_again: RetryRefusedToken,
    a_new_token_that_changes_nothing: ForgetNewToken,
    errands_that_are_forgotten: ForgetErrands,
    errands_that_are_not_tried_again: ForgetErrandRetries,
    changed_files_that_are_moved_away: DisposeOfChanged,
}

/// Every bug of the list has the test that the list names, here or among the stories.
#[test]
fn each_deliberate_bug_is_caught_by_the_test_that_is_named_for_it() {
    let here = include_str!("worlds.rs");
    let stories = include_str!("../../src/planner/tests/bugs.rs");
    let ledger = include_str!("../../src/ledger/tests/bugs.rs");
    for (bug, test) in CAUGHT {
        let entry = format!("{test}: {bug:?}");
        let found = [here, stories, ledger].iter().filter(|text| text.contains(&entry)).count();
        assert_eq!(found, 1, "{entry}");
    }
    assert!(CAUGHT.len() >= 25, "{}", CAUGHT.len());
}

#[test]
fn the_same_seed_is_the_same_world() {
    let (one, two) = (run(7, true), run(7, true));
    assert_eq!(one.trace, two.trace);
    assert_ne!(one.trace, run(8, true).trace);
}

/// Of most worlds a story comes out that can be told: what a failing seed prints is of use.
#[test]
fn the_story_of_a_world_can_be_told() {
    let mut told = 0;
    for seed in 1..=60 {
        let lines = run(seed, true).story;
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        if let Ok(story) = std::panic::catch_unwind(|| crate::planner::tests::tell(&lines)) {
            told += usize::from(story.iter().any(|line| line.contains("write open")));
        }
    }
    println!("{told} of 60 stories can be told to their ends");
    assert!(told >= 50, "{told}");
}
