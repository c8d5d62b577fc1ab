//! The running daemon, asked over its control socket; and what is done to that socket.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::{Server, Taxiway, picture, section, write};

/// A daemon with a file that the server found too large. From now on it takes all.
fn refused(server: &Server) -> (Taxiway, PathBuf) {
    let taxiway = Taxiway::watching(server);
    let large = taxiway.path("folder/large.gif");
    write(&large, &picture(1, 50_000));
    server.faults(&["max-size=40KB"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    server.faults(&[]);
    (taxiway, large)
}

/// A file that the server stored, without anybody being able to tell.
fn held(server: &Server) -> (Taxiway, PathBuf) {
    let taxiway = Taxiway::watching(server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 5_000));
    server.faults(&["lost-answer,times=1", "list-no-size"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    server.faults(&[]);
    (taxiway, file)
}

fn socket(taxiway: &Taxiway) -> PathBuf {
    taxiway.state_dir().join("control.sock")
}

/// What is answered to these bytes, if anything is.
fn say(taxiway: &Taxiway, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket(taxiway)).expect("the socket");
    stream.write_all(bytes).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an end");
    answer
}

#[test]
fn a_refused_file_is_tried_again_at_once() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    let mut daemon = taxiway.daemon();
    let said = taxiway.run(&["retry", "folder/large.gif"]).exits(0);
    // It may be on its way, or there, before that is said.
    let words = ["queued again\n", "being sent\n", "uploaded as user:"];
    let begins = |word: &&str| said.out.starts_with(&format!("folder/large.gif: {word}"));
    assert!(words.iter().any(begins), "{}", said.out);
    assert_eq!(said.err, "");
    daemon.event_of("uploaded", &large);
    let asset_id = server.asset().asset_id();
    taxiway.run(&["retry", "folder/large.gif", "none.gif"]).exits(1).prints("").tells(&format!(
        "folder/large.gif is not failed: it is uploaded as {asset_id}\n\
         none.gif is not in the ledger\n\
         error: 2 of 2 files were not tried again\nhint: taxiway ls --state failed\n"
    ));
    let said = taxiway.run(&["retry", "--json", "folder/large.gif"]).exits(1);
    assert_eq!(said.objects()[0]["asset_id"], asset_id);
    let words = format!("folder/large.gif is not failed: it is uploaded as {asset_id}");
    assert_eq!(said.error_object()["error"], words);
    daemon.stop();
    assert_eq!(server.uploads(), 2);
}

#[test]
fn all_that_failed_is_tried_again_at_once() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    let mut daemon = taxiway.daemon();
    taxiway.run(&["retry", "--all"]).exits(0).prints("1 file: queued again\n").tells("");
    daemon.event_of("uploaded", &large);
    let said = taxiway.run(&["retry", "--all", "--json"]).exits(0);
    said.prints("{\"schema\":1,\"retried\":0}\n");
    daemon.stop();
}

#[test]
fn a_file_that_failed_by_itself_is_looked_at_again_at_once() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}settle = \"50ms\"\nincomplete = \"200ms\"\n", section(&folder)));
    let file = folder.join("a.gif");
    write(&file, b"");
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("failed", &file);
    daemon.event("idle");
    taxiway.run(&["retry", "folder/a.gif"]).exits(0);
    let retry = daemon.event_of("retry", &file);
    assert_eq!(retry["reason"], "tried again, as asked");
    daemon.event_of("failed", &file);
    daemon.stop();
}

#[test]
fn a_held_file_is_resolved_either_way() {
    let server = Server::start();
    let (taxiway, file) = held(&server);
    let asset_id = server.asset().asset_id();
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["resolve", "folder/a.gif", "--uploaded", &asset_id]).exits(0);
    said.prints(&format!("folder/a.gif: uploaded as {asset_id}\n"));
    daemon.stop();
    assert_eq!(taxiway.row(&file)["asset_id"], asset_id);
    assert_eq!(server.uploads(), 1);

    let server = Server::start();
    let (taxiway, file) = held(&server);
    let mut daemon = taxiway.daemon();
    let other = "user:1-runwayml:you@example.com-asset:1";
    taxiway.run(&["resolve", "folder/a.gif", "--uploaded", "1"]).exits(2);
    // The account has no name yet: any may be its own, but for one that names nobody.
    taxiway.run(&["resolve", "folder/a.gif", "--retry"]).exits(0);
    daemon.event_of("uploaded", &file);
    assert_eq!(server.uploads(), 2);
    let said = taxiway.run(&["resolve", "folder/a.gif", "--uploaded", other]).exits(1);
    assert!(said.err.contains("folder/a.gif is not held: it is uploaded as "), "{}", said.err);
    daemon.stop();
}

#[test]
fn a_content_is_forgotten_after_a_yes_and_sent_again_at_once() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 5_000));
    write(&taxiway.path("copy.gif"), &picture(1, 5_000));
    let mut daemon = taxiway.daemon();
    let asset_id = server.asset().asset_id();
    for (given, name) in [("folder/a.gif", "folder/a.gif"), ("copy.gif", "copy.gif")] {
        taxiway.run(&["forget", given]).exits(2).prints("").tells(&format!(
            "error: {name} is uploaded as {asset_id}; 1 file in a folder will be sent again\n\
             hint: taxiway forget ~/{name} --yes\n"
        ));
    }
    taxiway.run(&["forget", "copy.gif", "--yes"]).exits(0).prints(
        "copy.gif: forgotten on me@example.com; 1 file in a folder is sent again: \
         ~/folder/a.gif\n",
    );
    let again = daemon.event_of("uploaded", &file);
    assert!(again["asset_id"] != asset_id.as_str(), "{again}");
    assert_eq!(server.uploads(), 2);
    daemon.stop();
}

#[test]
fn what_a_killed_daemon_left_is_in_nobodys_way() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    taxiway.daemon().kill();
    let left = std::fs::symlink_metadata(socket(&taxiway)).expect("the socket of a dead one");
    assert!(left.file_type().is_socket());
    let said = taxiway.run(&["retry", "folder/large.gif"]).exits(0);
    said.prints("folder/large.gif: queued again\n");
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("uploaded", &large);
    daemon.event("idle");
    taxiway.run(&["retry", "--all"]).exits(0).prints("no file has failed\n");
    let mode = std::fs::metadata(socket(&taxiway)).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.stop();
    assert!(!socket(&taxiway).exists());
}

#[test]
fn a_second_daemon_leaves_the_first_ones_socket_alone() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    let mut daemon = taxiway.daemon();
    let said = taxiway.run(&["run", "--once", "-q"]).exits(75);
    assert!(said.err.contains(&format!("process id {}", daemon.pid())), "{}", said.err);
    taxiway.run(&["retry", "folder/large.gif"]).exits(0);
    daemon.event_of("uploaded", &large);
    daemon.stop();
}

#[test]
fn garbage_and_silence_on_the_socket_hurt_nobody() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let connect = || UnixStream::connect(socket(&taxiway)).expect("the socket");
    let _silent: Vec<UnixStream> = (0..5).map(|_| connect()).collect();
    let mut half = connect();
    half.write_all(b"POST /v1/forget HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        .expect("half");
    assert!(say(&taxiway, b"\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400"));
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    taxiway.run(&["retry", "--all"]).exits(0);
    let answer = say(&taxiway, b"GET /v1/why?path=/none HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let began = Instant::now();
    daemon.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(!socket(&taxiway).exists());
}

#[test]
fn a_state_directory_with_a_long_path_has_its_socket_in_the_runtime_directory() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let state = taxiway.path("s".repeat(120));
    taxiway.set("TAXIWAY_STATE_DIR", &state);
    let daemon = taxiway.daemon();
    taxiway.run(&["retry", "--all"]).exits(0).prints("no file has failed\n").tells("");
    assert!(!state.join("control.sock").exists());
    let sockets = || {
        let list = std::fs::read_dir(taxiway.path("runtime/taxiway")).expect("a directory");
        list.count()
    };
    assert_eq!(sockets(), 1);
    daemon.stop();
    assert_eq!(sockets(), 0);
}

#[test]
fn a_push_that_has_the_ledger_is_waited_for() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    write(&taxiway.path("b.gif"), &picture(2, 1_000));
    server.faults(&["slow-answer=1s"]);
    let mut push = taxiway.spawn(&["push", "b.gif"]);
    crate::support::eventually("the push", || (server.open() == 1).then_some(()));
    let said = taxiway.run(&["retry", "folder/large.gif"]).exits(0);
    said.prints("folder/large.gif: queued again\n");
    assert_eq!(push.ends(), 0);
    assert_eq!(taxiway.state(&large), "queued");
    // And a daemon that starts waits for a command, which is over at once.
    taxiway.run(&["run", "--once", "-q"]).exits(0);
}

#[test]
fn a_daemon_with_folders_of_its_own_grants_what_is_asked_of_others() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    let other = taxiway.folder("other");
    taxiway.configure(&format!("{}settle = \"50ms\"\n", section(&other)));
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["retry", "folder/large.gif"]).exits(0);
    said.prints("folder/large.gif: queued again\n");
    daemon.stop();
    assert_eq!(taxiway.state(&large), "queued");
}
