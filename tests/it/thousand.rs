//! A thousand files, a server that loses answers, resets and stumbles, and a kill every few
//! seconds: a thousand assets.

use std::time::{Duration, Instant};

use taxiway::sandbox::Call;

use crate::support::{Server, picture, write};
use crate::torture::{Dice, Tally, agree, finish, quiet, scene};

const FILES: u64 = 1_000;
/// Then what is left is done in peace: on a slow machine a doubt may need a longer life.
const KILLS_MOST: u64 = 40;

/// Each of these on 5 % of the uploads, and on each file at most once: three losses in a row of
/// one file are left to a person, which is a promise too, but not this one.
const FAULTS: &[&str] = &[
    "slow-answer=80ms",
    "lost-answer,p=0.05,times=1,each-name",
    "reset-after=1000,p=0.05,times=1,each-name",
    "status=503,p=0.05,times=1,each-name",
];

#[test]
fn a_thousand_files_under_faults_and_kills_end_as_a_thousand_assets() {
    let (server, mut taxiway, places) = scene(1, "concurrency = 8\n");
    taxiway.set("TAXIWAY_TEST_LOOKS_MS", "50,150,400");
    for number in 0..FILES {
        let directory = number % 10;
        let bytes = picture(number, 1_200 + (number * 37 % 9_000) as usize);
        write(&places[0].root.join(format!("{directory}/{number}.gif")), &bytes);
    }
    server.faults(FAULTS);
    let mut dice = Dice(1);
    let (since, mut kills) = (Instant::now(), 0);
    while stored(&server) < FILES && kills < KILLS_MOST {
        let daemon = taxiway.spawn(&["run", "--json"]);
        let until = Instant::now() + Duration::from_millis(1_000 + dice.below(2_000));
        while Instant::now() < until && stored(&server) < FILES {
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon.kill();
        kills += 1;
        quiet(&server);
    }
    let counters = server.counters(Call::Upload);
    let answered = |status| counters.answered.get(&status).copied().unwrap_or(0);
    println!(
        "{kills} kills, {} uploads begun: {} answered, {} reset or lost, {} with 503, {} cut off, \
         in {} s",
        counters.total,
        answered(200),
        counters.reset,
        answered(503),
        counters.aborted,
        since.elapsed().as_secs(),
    );
    assert!(kills >= 5, "{kills} kills");
    assert!(counters.reset >= 60 && answered(503) >= 30, "{counters:?}");
    finish("a thousand files", &server, &taxiway);
    let tally = agree("a thousand files", &server, &taxiway, &places);
    let attempts = tally.attempts;
    assert_eq!(tally, Tally { files: FILES, assets: FILES, attempts, ..Tally::default() });
}

fn stored(server: &Server) -> u64 {
    server.assets().len() as u64
}
