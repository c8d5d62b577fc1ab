//! The stream of events on the control socket.

use crate::support::{Listener, Server, Taxiway, picture, write};

#[test]
fn who_listens_hears_what_the_run_prints_to_its_end() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let before = daemon.events.len();
    let mut listener = Listener::start(&taxiway);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    daemon.event("idle");
    taxiway.run(&["pause", "-q"]).exits(0);
    taxiway.run(&["resume", "-q"]).exits(0);
    let printed = daemon.stop();
    listener.ends();
    assert_eq!(listener.events, printed[before..]);
    let heard: Vec<&str> =
        listener.events.iter().filter_map(|event| event["event"].as_str()).collect();
    let story =
        ["seen", "settled", "uploading", "uploaded", "idle", "paused", "resumed", "stopped"];
    assert_eq!(heard, story);
    assert_eq!(listener.comments, [": taxiway"]);
}

#[test]
fn a_client_that_does_not_read_harms_nobody_and_is_told_what_it_lost() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let deaf = Listener::deaf(&taxiway);
    let gone = Listener::deaf(&taxiway);
    drop(gone);
    let mut listener = Listener::start(&taxiway);
    // The system holds some, the daemon holds 1,024.
    for number in 0..600 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 500));
    }
    taxiway.run(&["wait"]).exits(0);
    assert_eq!(server.assets().len(), 600);
    daemon.event("idle");
    let mut late = deaf.listen();
    let last = taxiway.path("folder/last.gif");
    write(&last, &picture(1_000, 500));
    daemon.event_of("uploaded", &last);
    daemon.stop();
    late.ends();
    listener.ends();
    let lost = late.comments.iter().find(|comment| comment.ends_with(" events were lost"));
    assert!(lost.is_some(), "{:?}", late.comments);
    assert_eq!(late.events.last().expect("the end")["event"], "stopped");
    let uploaded = listener.events.iter().filter(|event| event["event"] == "uploaded");
    assert_eq!(uploaded.count(), 601, "another hears all");
}
