//! `ledger rebuild`: damaged on purpose, rebuilt, and nothing is sent twice.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::support::{Server, Taxiway, picture, write};

const PAGE: u64 = 4096;

fn ledger(taxiway: &Taxiway) -> PathBuf {
    taxiway.state_dir().join("ledger.sqlite3")
}

/// Overwrites a part of the ledger with garbage.
fn damage(taxiway: &Taxiway, pages: std::ops::Range<u64>) {
    let file = fs::OpenOptions::new().write(true).open(ledger(taxiway)).expect("the ledger");
    let garbage: Vec<u8> = (0..PAGE).map(|at| (at * 37 % 251) as u8).collect();
    for page in pages {
        file.write_all_at(&garbage, page * PAGE).expect("damaged");
    }
}

fn pages(taxiway: &Taxiway) -> u64 {
    fs::metadata(ledger(taxiway)).expect("the ledger").len() / PAGE
}

fn names(taxiway: &Taxiway) -> Vec<String> {
    let entries = fs::read_dir(taxiway.state_dir()).expect("the state directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Many files, uploaded.
fn world(server: &Server, files: u64) -> Taxiway {
    let taxiway = Taxiway::watching(server);
    for number in 0..files {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 600));
    }
    taxiway.once().exits(0);
    taxiway
}

#[track_caller]
fn sends_nothing(taxiway: &Taxiway, server: &Server) {
    let before = server.uploads();
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), before, "something was sent again");
    server.nothing_twice();
    assert!(taxiway.rows().iter().all(|row| row["state"] == "uploaded"), "{:?}", taxiway.rows());
}

#[test]
fn a_ledger_damaged_in_the_middle_is_rebuilt_and_nothing_is_sent_twice() {
    let server = Server::start();
    let taxiway = world(&server, 150);
    let all = pages(&taxiway);
    assert!(all > 40, "{all}");
    damage(&taxiway, all / 3..all / 3 + all / 4);
    let damaged = fs::read(ledger(&taxiway)).expect("the ledger");
    // First what it would do.
    let said = taxiway.run(&["ledger", "rebuild", "--dry-run"]).exits(0);
    assert!(said.err.contains("damaged   "), "{}", said.err);
    assert!(fs::read(ledger(&taxiway)).expect("the ledger") == damaged);
    assert!(!names(&taxiway).iter().any(|name| name.contains("damaged-")));
    let said = taxiway.run(&["ledger", "rebuild"]).exits(0);
    let lines: Vec<&str> = said.err.lines().collect();
    assert!(lines[0].starts_with("damaged   ") && lines[1].starts_with("salvaged  "), "{lines:?}");
    let aside = names(&taxiway);
    let aside = aside.iter().find(|name| name.starts_with("ledger.sqlite3.damaged-"));
    let aside = aside.unwrap_or_else(|| panic!("{:?}", names(&taxiway)));
    let kept = fs::read(taxiway.state_dir().join(aside)).expect("set aside");
    assert!(kept == damaged, "set aside as it was");
    assert!(!names(&taxiway).iter().any(|name| name.contains("salvage") || name.contains("reb")));
    sends_nothing(&taxiway, &server);
    let said = taxiway.run(&["ledger", "rebuild"]).exits(2).prints("");
    said.tells(
        "error: the ledger is sound: there is nothing to rebuild\n\
         hint: to pair it with the server: taxiway ledger adopt; to rebuild it all the same, add \
         --force\n",
    );
    taxiway.run(&["ledger", "rebuild", "--force"]).exits(0);
    sends_nothing(&taxiway, &server);
}

#[test]
fn every_stretch_of_a_ledger_can_be_lost_without_sending_anything_twice() {
    let server = Server::start();
    let taxiway = world(&server, 40);
    let whole = fs::read(ledger(&taxiway)).expect("the ledger");
    let all = pages(&taxiway);
    let step = all.div_ceil(6);
    for from in (0..all).step_by(step as usize) {
        fs::write(ledger(&taxiway), &whole).expect("the ledger");
        for beside in ["-wal", "-shm"] {
            let _ = fs::remove_file(taxiway.state_dir().join(format!("ledger.sqlite3{beside}")));
        }
        damage(&taxiway, from..(from + step).min(all));
        let said = taxiway.run(&["ledger", "rebuild", "--json"]).exits(0);
        assert!(said.objects()[0]["salvaged"].is_object(), "{}", said.out);
        sends_nothing(&taxiway, &server);
    }
}

#[test]
fn a_ledger_that_is_no_database_is_set_aside_and_made_out_of_what_the_server_has() {
    let server = Server::start();
    let taxiway = world(&server, 5);
    fs::write(ledger(&taxiway), vec![7; 100_000]).expect("garbage");
    taxiway.run(&["run", "--once"]).exits(74);
    let said = taxiway.run(&["ledger", "rebuild"]).exits(0);
    assert_eq!(said.lines().len(), 5, "{}", said.out);
    assert!(said.out.lines().all(|line| line.starts_with("certain  ")), "{}", said.out);
    assert!(said.err.contains("\nadopted   5 certain\n"), "{}", said.err);
    sends_nothing(&taxiway, &server);
}

#[test]
fn a_lost_ledger_is_rebuilt_as_well() {
    let server = Server::start();
    let taxiway = world(&server, 3);
    fs::remove_dir_all(taxiway.state_dir()).expect("lost");
    let said = taxiway.run(&["ledger", "rebuild"]).exits(0);
    said.tells("salvaged  nothing: there is no ledger\nadopted   3 certain\n");
    sends_nothing(&taxiway, &server);
}

#[test]
fn without_the_server_what_can_be_read_is_saved_and_the_rest_is_owed() {
    let mut server = Server::start();
    let taxiway = world(&server, 30);
    let all = pages(&taxiway);
    damage(&taxiway, all / 3..all);
    server.stop();
    let said = taxiway.run(&["ledger", "rebuild"]).exits(75).prints("");
    let last: Vec<&str> = said.err.lines().rev().take(3).collect();
    assert_eq!(
        last,
        [
            "hint: check the network, then: taxiway ledger adopt",
            "error: the server cannot be asked: no TCP connection: connection refused",
            "owed      pairing with the server; before the next run: taxiway ledger adopt",
        ],
        "{}",
        said.err
    );
    taxiway.run(&["ls"]).exits(0);
    server.restart();
    refuses_to_send(&taxiway, &server);
    taxiway.run(&["ledger", "adopt"]).exits(0);
    sends_nothing(&taxiway, &server);
}

const UNPAIRED: &str = "error: this ledger was rebuilt and is not paired with the server yet: its \
                        files may be there already\nhint: taxiway ledger adopt\n";

/// Whatever sends is refused until the ledger is paired, and whatever does not is not.
#[track_caller]
fn refuses_to_send(taxiway: &Taxiway, server: &Server) {
    let before = server.uploads();
    let file = taxiway.path("folder/0.gif");
    taxiway.run(&["run", "--once"]).exits(75).tells(UNPAIRED);
    taxiway.run(&["run"]).exits(75).tells(UNPAIRED);
    taxiway.run(&["push".as_ref(), file.as_os_str()]).exits(75).prints("").tells(UNPAIRED);
    taxiway.run(&["run", "--once", "--dry-run"]).exits(0);
    taxiway.run(&["ledger", "adopt", "--dry-run"]).exits(0);
    taxiway.run(&["retry", "--all"]).exits(0);
    taxiway.run(&["run", "--once"]).exits(75).tells(UNPAIRED);
    assert_eq!(server.uploads(), before, "something was sent");
}

#[test]
fn a_pairing_that_a_kill_ended_is_still_owed() {
    for lost in [false, true] {
        let server = Server::start();
        let mut taxiway = world(&server, 3);
        if lost {
            fs::remove_file(ledger(&taxiway)).expect("lost");
        } else {
            fs::write(ledger(&taxiway), vec![7; 100_000]).expect("garbage");
        }
        // The first opening is of the ledger in the making, the last of the one in its place.
        taxiway.set("TAXIWAY_TEST_DIE_AT", if lost { "opening:2" } else { "opening:3" });
        let said = taxiway.run(&["ledger", "rebuild"]);
        assert!(!said.err.contains("error: "), "killed: {}", said.err);
        taxiway.unset("TAXIWAY_TEST_DIE_AT");
        assert!(ledger(&taxiway).exists() && !names(&taxiway).iter().any(|n| n.contains("rebuil")));
        refuses_to_send(&taxiway, &server);
        // Trouble settles nothing.
        server.faults(&["status=503,on=list"]);
        taxiway.run(&["ledger", "adopt"]).exits(75);
        server.faults(&[]);
        refuses_to_send(&taxiway, &server);
        taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   3 certain\n");
        sends_nothing(&taxiway, &server);
    }
}

#[test]
fn the_copies_of_others_are_theirs_as_long_as_they_live() {
    let server = Server::start();
    let taxiway = world(&server, 3);
    fs::write(ledger(&taxiway), vec![7; 100_000]).expect("garbage");
    let beside = |name: &str| taxiway.state_dir().join(format!("ledger.sqlite3.salvage{name}"));
    let (living, dead) = (beside(&format!("-{}", std::process::id())), beside("-2147483646"));
    // The name that all processes of an older version have in common.
    let old = beside("");
    for copy in [&living, &dead, &old] {
        fs::write(copy, "being read").expect("written");
    }
    taxiway.run(&["ledger", "rebuild", "--dry-run"]).exits(0);
    assert!(living.exists() && dead.exists() && old.exists(), "{:?}", names(&taxiway));
    taxiway.run(&["ledger", "rebuild"]).exits(0);
    assert!(living.exists() && !dead.exists() && !old.exists(), "{:?}", names(&taxiway));
    sends_nothing(&taxiway, &server);
}

#[test]
fn a_rebuilt_ledger_that_is_not_in_its_place_yet_answers() {
    let server = Server::start();
    let taxiway = world(&server, 3);
    let rebuilt = taxiway.state_dir().join("ledger.sqlite3.rebuilt");
    fs::rename(ledger(&taxiway), &rebuilt).expect("renamed");
    let file = taxiway.path("folder/0.gif");
    let asset_id = taxiway.run(&["id".as_ref(), file.as_os_str()]).exits(0).out;
    assert!(asset_id.starts_with("user:1-"), "{asset_id}");
    let said = taxiway.run(&["why".as_ref(), file.as_os_str()]).exits(0);
    assert!(said.out.contains(asset_id.trim_end()), "{}", said.out);
    assert_eq!(taxiway.rows().len(), 3);
    taxiway.run(&["ledger", "rebuild", "--dry-run"]).exits(2);
    taxiway.run(&["ledger", "rebuild", "--dry-run", "--force"]).exits(0);
    assert!(rebuilt.exists() && !ledger(&taxiway).exists(), "{:?}", names(&taxiway));
    // A wish is granted by a ledger that is in its place.
    taxiway.run(&["forget".as_ref(), "--yes".as_ref(), file.as_os_str()]).exits(0);
    assert!(!rebuilt.exists() && ledger(&taxiway).exists(), "{:?}", names(&taxiway));
}

#[test]
fn without_a_token_it_is_the_same() {
    let server = Server::start();
    let mut taxiway = world(&server, 3);
    fs::write(ledger(&taxiway), vec![7; 100_000]).expect("garbage");
    taxiway.unset("TAXIWAY_TOKEN");
    let said = taxiway.run(&["ledger", "rebuild"]).exits(78);
    assert!(said.err.contains("owed      pairing with the server"), "{}", said.err);
    taxiway.set("TAXIWAY_TOKEN", crate::support::TOKEN);
    taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   3 certain\n");
    sends_nothing(&taxiway, &server);
}

#[test]
fn a_ledger_of_another_server_is_left_alone() {
    let server = Server::start();
    let mut taxiway = world(&server, 3);
    let all = pages(&taxiway);
    damage(&taxiway, all - 2..all - 1);
    let before = names(&taxiway);
    taxiway.set("TAXIWAY_BASE_URL", "http://127.0.0.1:9/v1/runwayml");
    let said = taxiway.run(&["ledger", "rebuild"]).exits(78);
    assert!(said.err.contains("error: this ledger belongs to http://127.0.0.1:"), "{}", said.err);
    let set_aside = |names: &[String]| names.iter().any(|name| name.contains("damaged-"));
    assert!(!set_aside(&before) && !set_aside(&names(&taxiway)));
}

#[test]
fn what_was_in_doubt_is_looked_up_after_a_rebuild() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.set("TAXIWAY_TEST_LOOKS_MS", "600000");
    let path = taxiway.path("folder/a.gif");
    write(&path, &picture(1, 2_000));
    server.faults(&["lost-answer"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("unknown", &path);
    daemon.kill();
    // The list is blind when the ledger is rebuilt, and the bytes cannot be had.
    server.faults(&["list-blind"]);
    let said = taxiway.run(&["ledger", "rebuild", "--force"]).exits(0);
    assert!(said.err.contains("unknown   1 under way at the end: to be looked up"), "{}", said.err);
    assert_eq!(taxiway.state(&path), "unknown");
    taxiway.set("TAXIWAY_TEST_LOOKS_MS", "50,100,200");
    server.faults(&[]);
    sends_nothing(&taxiway, &server);
    assert_eq!(taxiway.row(&path)["asset_id"], server.asset().asset_id());
}

#[test]
fn a_rebuild_that_a_power_cut_ended_is_finished_by_whoever_comes_next() {
    let server = Server::start();
    let taxiway = world(&server, 3);
    // As it is left between the two renames.
    let good = fs::read(ledger(&taxiway)).expect("the ledger");
    fs::write(taxiway.state_dir().join("ledger.sqlite3.rebuilt"), good).expect("written");
    fs::remove_file(ledger(&taxiway)).expect("removed");
    sends_nothing(&taxiway, &server);
    assert!(!names(&taxiway).iter().any(|name| name.contains("rebuilt")));
}
