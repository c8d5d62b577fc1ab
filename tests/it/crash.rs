//! Killed at each place of its work: nothing is lost, nothing is there twice, and the ledger
//! agrees with the server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Server, Taxiway, eventually, picture, section, write};
use crate::torture::{Place, Tally, agree, files_below, finish, quiet, scene};

/// A place where the program dies, by its name in the source, and the passages it dies at.
const PLACES: &[(&str, &[u64])] = &[
    // The ledger is opened and has no schema yet.
    ("opening", &[1]),
    // A migration is applied and not committed; it is committed.
    ("migrating", &[1, 2]),
    ("migrated", &[1, 2]),
    // The run is in the ledger, and nothing is done yet.
    ("opened", &[1]),
    // A chunk of a file is about to be hashed.
    ("hashing", &[1, 4, 9]),
    // A step's writes are applied and not committed; they are committed, and nothing is done.
    ("commit", &[1, 2, 4, 7]),
    ("committed", &[1, 2, 4, 7]),
    // Of what a step wants done, some is begun.
    ("effect", &[1, 3, 8, 14]),
    // What a step did is committed, and not said: an attempt opened, an outcome.
    ("notice", &[1, 6, 12, 18]),
    // An attempt is opened, and nothing is sent.
    ("attempt", &[1, 2, 6]),
    // Bytes were handed to the connection: the first ones, some, the last ones.
    ("bytes", &[1, 2, 5, 9]),
    // The last bytes of a body are about to be handed over.
    ("last bytes", &[1, 2, 5]),
    // The head of an answer was read; its end; neither is in the ledger.
    ("answered", &[1, 2, 5]),
    ("sent", &[1, 2, 5]),
    // A list was read, and not judged.
    ("listed", &[1, 2, 4]),
];

/// Another configuration is proved, and its folders are in the ledger; it does not hold yet.
const RELOAD: &str = "reload";

/// Deaths one after the other, each at the same passage of its own run.
const DEATHS: usize = 2;

/// Contents in each world; one of them is there twice.
const CONTENTS: u64 = 6;

/// Small files, a copy, and one of several buffers.
fn fill(place: &Place) {
    for number in 0..5 {
        write(&place.root.join(format!("{number}.gif")), &picture(number, 2_000));
    }
    write(&place.root.join("copies/0.gif"), &picture(0, 2_000));
    write(&place.root.join("large.gif"), &picture(9, 400_000));
}

/// A server that takes its time, so that several uploads are under way when one dies, that loses
/// the answer to one and stumbles over another.
fn world() -> (Server, Taxiway, Place) {
    let (server, mut taxiway, mut places) = scene(1, "concurrency = 3\n");
    taxiway.set("TAXIWAY_TEST_LOOKS_MS", "20,80,200");
    server.faults(&["slow-answer=15ms", "lost-answer,times=1", "status=503,times=1"]);
    (server, taxiway, places.remove(0))
}

/// In the end everything is there once, and no attempt was made that no death explains.
fn ends_well(what: &str, server: &Server, taxiway: &Taxiway, place: Place, deaths: u64) {
    quiet(server);
    finish(what, server, taxiway);
    let tally = agree(what, server, taxiway, &[place]);
    let expected = Tally {
        files: CONTENTS + 1,
        assets: CONTENTS,
        attempts: tally.attempts,
        ..Tally::default()
    };
    assert_eq!(tally, expected, "{what}");
    // One each, one more for each that a death may have left open, one for the stumble. A copy
    // shares its attempts with the first, and is counted again.
    assert!(
        tally.attempts <= tally.files * (1 + deaths) + 2,
        "{what}: {} attempts",
        tally.attempts
    );
}

/// Dies at a passage of a place, again and again, and is then let live. Gives the deaths.
fn dies_at(name: &str, passage: u64) -> u64 {
    let what = format!("TAXIWAY_TEST_DIE_AT={name}:{passage}");
    let (server, mut taxiway, place) = world();
    fill(&place);
    let mut deaths = 0;
    for round in 0..DEATHS {
        taxiway.set("TAXIWAY_TEST_DIE_AT", format!("{name}:{passage}"));
        let code = taxiway.spawn(&["run", "--once", "--json"]).ends();
        match code {
            137 => deaths += 1,
            // What the first one left undone may be too little to come by so often again.
            0 if round > 0 => {}
            _ => panic!("{what}: it ended with {code}"),
        }
        quiet(&server);
    }
    taxiway.unset("TAXIWAY_TEST_DIE_AT");
    ends_well(&what, &server, &taxiway, place, deaths);
    deaths
}

#[test]
fn killed_at_any_place_it_loses_nothing_and_sends_nothing_twice() {
    let cases: Vec<(&str, u64)> = PLACES
        .iter()
        .flat_map(|(name, passages)| passages.iter().map(move |passage| (*name, *passage)))
        .collect();
    let deaths = in_lanes(&cases, |(name, passage)| dies_at(name, *passage));
    println!("{deaths} kills at {} places", PLACES.len());
    assert!(deaths >= cases.len() as u64);
}

/// Does the same to each, several at a time, and adds up.
fn in_lanes<T: Sync>(all: &[T], each: impl Fn(&T) -> u64 + Sync) -> u64 {
    let next = AtomicUsize::new(0);
    let lane = || {
        let mut sum = 0;
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            sum += each(one);
        }
        sum
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..4).map(|_| scope.spawn(lane)).collect();
        let sums = lanes.into_iter().map(|lane| lane.join());
        sums.map(|sum| sum.unwrap_or_else(|case| std::panic::resume_unwind(case))).sum()
    })
}

#[test]
fn killed_between_a_whole_body_and_its_answer_it_finds_what_was_stored() {
    for stored in 1..=3 {
        let what = format!("{stored} stored and not answered");
        let (server, taxiway, place) = world();
        server.faults(&[]);
        // The account's name is learnt first: until then uploads go one by one.
        write(&place.root.join("0.gif"), &picture(0, 2_000));
        taxiway.once().exits(0);
        server.faults(&["slow-answer=60s"]);
        fill(&place);
        let daemon = taxiway.spawn(&["run", "--json"]);
        eventually(&what, || (server.assets().len() > stored).then_some(()));
        daemon.kill();
        quiet(&server);
        server.faults(&[]);
        let (there, uploads) = (server.assets().len() as u64, server.uploads());
        ends_well(&what, &server, &taxiway, place, 1);
        assert_eq!(server.uploads() - uploads, CONTENTS - there, "{what}: sent again");
    }
}

#[test]
fn killed_while_it_takes_over_another_configuration_it_begins_with_the_new_one() {
    let (server, mut taxiway, place) = world();
    fill(&place);
    let mut text = std::fs::read_to_string(taxiway.config_file()).expect("the configuration");
    taxiway.set("TAXIWAY_TEST_DIE_AT", format!("{RELOAD}:1"));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("uploading");
    let second = taxiway.folder("second");
    write(&second.join("0.gif"), &picture(0, 2_000));
    text += &format!("{}settle = \"50ms\"\n", section(&second));
    taxiway.configure(&text);
    taxiway.run(&["reload"]).exits(75).prints("");
    assert_eq!(daemon.ends(), 137);
    taxiway.unset("TAXIWAY_TEST_DIE_AT");
    quiet(&server);
    taxiway.once().exits(0);
    assert_eq!(server.assets().len() as u64, CONTENTS);
    assert_eq!(taxiway.state(&second.join("0.gif")), "uploaded");
    server.nothing_twice();
}

#[test]
fn each_place_that_the_source_names_is_died_at() {
    let mut named = BTreeSet::new();
    for file in files_below("src".as_ref()) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("crash::point(\"") {
            let (name, after) = after.split_once('"').expect("the end of a name");
            named.insert(name.to_owned());
            rest = after;
        }
    }
    let places = PLACES.iter().map(|(name, _)| name).chain(crate::errands::PLACES);
    let places = places.chain([&RELOAD]);
    let died_at: BTreeSet<String> = places.map(|name| (*name).to_owned()).collect();
    assert_eq!(named, died_at);
}
