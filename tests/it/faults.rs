//! What can go wrong with one upload: it ends stored once, or failed with the server's words.

use std::time::{Duration, Instant};

use crate::support::{Server, Taxiway, picture, section, sparse_wav, write};

/// One small file, and this goes wrong; in the end it is uploaded, once.
#[track_caller]
fn survives(faults: &[&str]) -> (Server, Vec<String>) {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 5_000));
    server.faults(faults);
    let events = taxiway.once().exits(0).objects();
    let row = taxiway.row(&file);
    assert_eq!(row["state"], "uploaded", "{row}");
    assert_eq!(row["asset_id"], server.asset().asset_id());
    server.nothing_twice();
    let before = server.requests();
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
    let words = events.iter().filter_map(|event| event["event"].as_str()).map(str::to_owned);
    (
        server,
        words.filter(|word| !["seen", "settled", "scanned"].contains(&word.as_str())).collect(),
    )
}

#[test]
fn an_unavailable_server_is_asked_again() {
    let (server, events) = survives(&["status=503,times=1"]);
    assert_eq!(server.uploads(), 2);
    // It was sent whole: it is looked up before it is sent again.
    assert_eq!(
        events,
        ["started", "uploading", "unknown", "retry", "uploading", "uploaded", "stopped"]
    );
}

#[test]
fn an_unavailable_server_that_says_so_at_once_is_asked_again() {
    let (server, _) = survives(&["status=503,early,times=1"]);
    assert_eq!(server.uploads(), 2);
}

#[test]
fn a_lost_answer_is_found_in_the_list() {
    let (server, events) = survives(&["lost-answer,times=1"]);
    assert_eq!(server.uploads(), 1);
    assert_eq!(events, ["started", "uploading", "unknown", "uploaded", "stopped"]);
}

#[test]
fn a_lost_answer_is_found_in_a_list_that_lags_and_is_out_of_order() {
    let faults = ["lost-answer,times=1", "list-lag=120ms", "list-reorder", "list-rename=extension"];
    assert_eq!(survives(&faults).0.uploads(), 1);
}

#[test]
fn a_stored_502_is_found_in_the_list() {
    assert_eq!(survives(&["stored-status=502,times=1"]).0.uploads(), 1);
}

#[test]
fn a_malformed_answer_is_found_in_the_list() {
    assert_eq!(survives(&["malformed,times=1"]).0.uploads(), 1);
}

#[test]
fn an_answer_without_asset_id_is_found_in_the_list() {
    assert_eq!(survives(&["incomplete,times=1"]).0.uploads(), 1);
}

#[test]
fn a_lost_answer_of_what_was_not_stored_is_sent_again() {
    assert_eq!(survives(&["lost-answer,unstored,times=1"]).0.uploads(), 2);
}

#[test]
fn a_list_that_cannot_tell_holds_the_file_for_a_person() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 5_000));
    server.faults(&["lost-answer,times=1", "list-no-size"]);
    let said = taxiway.run(&["run", "--once", "-q"]).exits(1);
    said.tells("error: not all is done: 1 file is held\nhint: taxiway ls --state held\n");
    assert_eq!(taxiway.state(&file), "held");
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    assert_eq!(server.uploads(), 1, "it is not sent again on a guess");
}

#[test]
fn a_server_that_asks_to_slow_down_is_left_alone_for_as_long() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 5_000));
    server.faults(&["status=429,retry-after=2,times=1"]);
    let started = Instant::now();
    taxiway.once().exits(0);
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(server.uploads(), 2);
    assert_eq!(server.assets().len(), 1);
}

/// A file too large for the buffers between us and the server.
fn large(taxiway: &Taxiway) -> std::path::PathBuf {
    let file = taxiway.path("folder/large.wav");
    sparse_wav(&file, 32 << 20);
    file
}

#[test]
fn a_connection_reset_within_the_body_is_tried_again() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = large(&taxiway);
    server.faults(&["reset-after=64KiB,times=2"]);
    taxiway.once().exits(0);
    assert_eq!(taxiway.row(&file)["attempts"], 3);
    assert_eq!(server.asset().size, 32 << 20);
    assert_eq!(server.calls(taxiway::sandbox::Call::List), 0, "what was not sent is no doubt");
}

#[test]
fn a_stalled_body_is_given_up_and_tried_again() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!(
        "[api]\nstall_timeout = \"300ms\"\n{}settle = \"50ms\"\n",
        section(&folder)
    ));
    let file = large(&taxiway);
    server.faults(&["stall-after=64KiB,times=1"]);
    taxiway.once().exits(0);
    assert_eq!(taxiway.row(&file)["attempts"], 2);
    assert_eq!(server.asset().size, 32 << 20);
}

#[test]
fn a_slow_answer_is_waited_for() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!(
        "[api]\nstall_timeout = \"100ms\"\n{}settle = \"50ms\"\n",
        section(&folder)
    ));
    write(&folder.join("a.gif"), &picture(1, 5_000));
    server.faults(&["slow-answer=700ms"]);
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), 1);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_looked_up() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!(
        "[api]\nanswer_timeout = \"200ms\"\n{}settle = \"50ms\"\n",
        section(&folder)
    ));
    write(&folder.join("a.gif"), &picture(1, 5_000));
    server.faults(&["slow-answer=3s,times=1"]);
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), 1);
    assert_eq!(taxiway.row(&folder.join("a.gif"))["asset_id"], server.asset().asset_id());
}

#[test]
fn a_file_that_the_server_refuses_fails_with_its_words_and_the_others_go_on() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let large = taxiway.path("folder/large.gif");
    write(&large, &picture(1, 50_000));
    write(&taxiway.path("folder/small.gif"), &picture(2, 1_000));
    server.faults(&["max-size=40KB"]);
    let said = taxiway.run(&["run", "--once", "-q"]).exits(1);
    said.tells("error: not all is done: 1 file is failed\nhint: taxiway ls --state failed\n");
    assert_eq!(taxiway.row(&large)["reason"], "413: 413 Payload Too Large");
    assert_eq!(server.asset().name, "small.gif");
    // Also for a run that had nothing to do with it; and it is not asked again.
    let before = server.requests();
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    assert_eq!(server.requests(), before);
    // New content is a new matter.
    server.faults(&[]);
    write(&large, &picture(3, 50_000));
    taxiway.once().exits(0);
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_never_stored_half_and_half() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = large(&taxiway);
    server.faults(&["bandwidth=16MB/s,times=1"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("uploading", &file);
    let content = picture(7, 3_000);
    write(&file, &content);
    let uploaded = daemon.event_of("uploaded", &file);
    daemon.stop();
    let asset = server.asset();
    assert_eq!(uploaded["asset_id"], asset.asset_id());
    assert_eq!(asset.blake3, blake3::hash(&content).to_hex().to_string());
}
