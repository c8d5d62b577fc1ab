//! `wait`: until all that lies in the folders now is done with, and no longer.

use std::fs::{self, File};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Daemon, Server, Taxiway, eventually, media, picture, section, write};

/// Waits for a command that waits to be heard.
#[track_caller]
fn waits(taxiway: &Taxiway, daemon: &mut Daemon) -> Daemon {
    let waits = taxiway.spawn(&["wait"]);
    // It has the folders scanned first.
    daemon.event("scanned");
    waits
}

#[test]
fn it_returns_when_everything_is_done_and_says_how_much_that_was() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    server.faults(&["slow-answer=200ms"]);
    for number in 0..20 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 1_000));
    }
    fs::copy(media("notes.txt"), taxiway.path("folder/notes.txt")).expect("a copy");
    taxiway.run(&["wait"]).exits(0).prints("").tells("");
    assert_eq!(server.assets().len(), 20);
    let said = taxiway.run(&["wait", "--json", "--timeout", "20s"]).exits(0).tells("");
    said.prints("{\"schema\":1,\"files\":21,\"failed\":0,\"held\":0}\n");
    daemon.stop();
}

#[test]
fn what_needs_a_person_ends_the_waiting_and_is_counted() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    server.faults(&["max-size=40KB"]);
    write(&taxiway.path("folder/large.gif"), &picture(1, 50_000));
    write(&taxiway.path("folder/small.gif"), &picture(2, 1_000));
    let failed = "error: 1 file is failed\nhint: taxiway ls --state failed\n";
    taxiway.run(&["wait"]).exits(1).prints("").tells(failed);
    assert_eq!(server.assets().len(), 1);
    server.faults(&["lost-answer,times=1", "list-no-size"]);
    write(&taxiway.path("folder/lost.gif"), &picture(3, 1_000));
    taxiway
        .run(&["wait"])
        .exits(1)
        .tells("error: 1 file is failed, 1 file is held\nhint: taxiway ls --state failed\n");
    fs::remove_file(taxiway.path("folder/large.gif")).expect("removed");
    let said = taxiway.run(&["wait", "--json"]).exits(1);
    said.error_object();
    assert_eq!(said.out, "{\"schema\":1,\"files\":2,\"failed\":0,\"held\":1}\n");
    let held = "error: 1 file is held\nhint: taxiway ls --state held\n";
    taxiway.run(&["wait"]).exits(1).tells(held);
    daemon.stop();
}

#[test]
fn what_comes_later_does_not_count() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    // Ten a second come, and twenty could go: there is never a moment at which all is done.
    server.faults(&["slow-answer=200ms"]);
    let folder = taxiway.path("folder");
    let over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&over);
    let writer = std::thread::spawn(move || {
        for number in 0..1_000 {
            if ends.load(Ordering::Acquire) {
                return;
            }
            write(&folder.join(format!("{number}.gif")), &picture(number, 500));
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    eventually("one is on its way", || (server.open() > 0).then_some(()));
    taxiway.run(&["wait"]).exits(0);
    assert!(!writer.is_finished(), "and others still come");
    over.store(true, Ordering::Release);
    writer.join().expect("its end");
    daemon.stop();
}

#[test]
fn a_file_that_grows_is_waited_for() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let (path, whole) = (taxiway.path("folder/a.gif"), picture(1, 50_000));
    let mut file = File::create(&path).expect("a file");
    file.write_all(&whole[..20_000]).expect("half");
    daemon.event_of("seen", &path);
    taxiway
        .run(&["wait", "--timeout", "400ms"])
        .exits(75)
        .prints("")
        .tells("error: the time is over: 1 file is not done\nhint: taxiway status\n");
    let mut wait = waits(&taxiway, &mut daemon);
    file.write_all(&whole[20_000..]).expect("the rest");
    drop(file);
    assert_eq!(wait.ends(), 0);
    assert_eq!(server.asset().size, whole.len() as u64);

    // One that goes away is not waited for.
    let other = taxiway.path("folder/b.gif");
    let mut file = File::create(&other).expect("a file");
    file.write_all(&whole[..10_000]).expect("half");
    daemon.event_of("seen", &other);
    let mut wait = waits(&taxiway, &mut daemon);
    fs::remove_file(&other).expect("removed");
    assert_eq!(wait.ends(), 0);
    daemon.stop();
}

#[test]
fn what_only_a_person_mends_ends_it_at_once() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    server.set_token("user:2-other");
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("started");
    let mut wait = taxiway.spawn(&["wait"]);
    assert_eq!(wait.ends(), 77);
    let told = ["error: the token is refused: 401: Unauthorized", "hint: taxiway status"];
    assert_eq!(wait.told, told);
    let said = taxiway.run(&["wait", "--json"]).exits(77).prints("");
    assert_eq!(said.error_object()["hint"], "taxiway status");

    taxiway.run(&["pause", "-q"]).exits(0).tells("");
    let paused = "error: uploads are paused\nhint: taxiway resume\n";
    taxiway.run(&["wait"]).exits(75).prints("").tells(paused);
    taxiway.run(&["resume", "-q"]).exits(0);
    fs::remove_dir_all(taxiway.path("folder")).expect("removed");
    daemon.event("folder_away");
    let said = taxiway.run(&["wait"]).exits(75).prints("");
    let told = said.told();
    assert!(told.starts_with("error: a folder is away: ~/folder"), "{told}");
    assert!(told.ends_with("\nhint: taxiway status\n"), "{told}");
    daemon.stop();
}

#[test]
fn a_stopped_account_is_of_no_concern_to_files_of_another() {
    let server = Server::of(&["good@example.com", "bad@example.com"]);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for name in ["good", "bad"] {
        let folder = taxiway.folder(name);
        config +=
            &format!("{}email = \"{name}@example.com\"\nsettle = \"50ms\"\n", section(&folder));
    }
    taxiway.configure(&config);
    server.faults(&["broken-account=bad@example.com"]);
    let mut daemon = taxiway.daemon();
    let bad = taxiway.path("bad/a.gif");
    write(&bad, &picture(1, 1_000));
    daemon.event("account_stopped");
    let said = taxiway.run(&["wait"]).exits(77);
    assert!(said.err.starts_with("error: the Runway account is in trouble: 596: "), "{}", said.err);
    fs::remove_file(&bad).expect("removed");
    write(&taxiway.path("good/a.gif"), &picture(2, 1_000));
    taxiway.run(&["wait"]).exits(0);
    assert_eq!(server.asset().account, "good@example.com");
    daemon.stop();
}

#[test]
fn a_lost_connection_is_waited_out() {
    let mut server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    server.stop();
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    daemon.event("account_stopped");
    let said = taxiway.run(&["status", "--json"]).exits(0);
    assert_eq!(said.objects()[0]["state"], "offline");
    taxiway
        .run(&["wait", "--timeout", "300ms"])
        .exits(75)
        .tells("error: the time is over: 1 file is not done\nhint: taxiway status\n");
    let mut wait = waits(&taxiway, &mut daemon);
    server.restart();
    assert_eq!(wait.ends(), 0);
    assert_eq!(server.assets().len(), 1);
    daemon.stop();
}

#[test]
fn a_daemon_that_ends_says_so_to_those_who_wait() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let path = taxiway.path("folder/a.gif");
    let mut file = File::create(&path).expect("a file");
    file.write_all(&picture(1, 1_000)).expect("written");
    daemon.event_of("seen", &path);
    let mut wait = waits(&taxiway, &mut daemon);
    daemon.stop();
    assert_eq!(wait.ends(), 75);
    let error = "error: the daemon is ending, or cannot write its ledger now";
    assert_eq!(wait.told, [error, "hint: taxiway status"]);
}
