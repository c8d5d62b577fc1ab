//! `run` as a command: dry, timed, eventful, and stopped in the middle.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Server, Taxiway, eventually, media, picture, section, sparse_wav, write};

#[test]
fn a_dry_run_prints_each_file_and_touches_nothing() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.unset("TAXIWAY_TOKEN");
    let folder = taxiway.path("folder");
    write(&folder.join("a.gif"), &picture(1, 1_000));
    write(&folder.join("copy.gif"), &picture(1, 1_000));
    write(&folder.join("empty.gif"), b"");
    std::fs::copy(media("notes.txt"), folder.join("notes.txt")).expect("a copy");
    let said = taxiway.run(&["run", "--once", "--dry-run"]).exits(0);
    let out = said.out.replace(&*taxiway.root.to_string_lossy(), "~");
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "ignored       ~/folder/notes.txt: text: only pictures, video and sound can be uploaded",
            "settling      ~/folder/empty.gif: the file is empty",
            "would upload  ~/folder/a.gif: image/gif, 1003 bytes, to the only account",
            "would upload  ~/folder/copy.gif: image/gif, 1003 bytes, to the only account",
        ]
    );
    let rows = taxiway.run(&["run", "--once", "--dry-run", "--json"]).exits(0).objects();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["asset_id"].is_null()), "{rows:?}");
    assert_eq!(server.requests(), 0);
    assert!(!taxiway.state_dir().exists());
    assert_eq!(std::fs::read_dir(&folder).expect("a list").count(), 4);
}

#[test]
fn a_dry_run_beside_a_ledger_leaves_it_alone_and_knows_what_it_says() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    write(&folder.join("a.gif"), &picture(1, 1_000));
    taxiway.once().exits(0);
    let before = server.requests();
    let rows = taxiway.rows();
    write(&folder.join("b.gif"), &picture(2, 1_000));
    write(&folder.join("c.gif"), &picture(1, 1_000));
    let said = taxiway.run(&["run", "--once", "--dry-run"]).exits(0);
    let out = said.out.replace(&*taxiway.root.to_string_lossy(), "~");
    let asset_id = server.asset().asset_id();
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            format!("known         ~/folder/a.gif → {asset_id}").as_str(),
            &format!("known         ~/folder/c.gif → {asset_id}"),
            "would upload  ~/folder/b.gif: image/gif, 1003 bytes, to me@example.com",
        ]
    );
    assert_eq!(server.requests(), before);
    assert_eq!(taxiway.rows(), rows);
}

#[test]
fn a_time_out_ends_a_single_run_and_loses_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    sparse_wav(&taxiway.path("folder/large.wav"), 64 << 20);
    server.faults(&["bandwidth=1MB/s"]);
    let started = Instant::now();
    taxiway
        .run(&["run", "--once", "-q", "--timeout", "500ms"])
        .exits(75)
        .tells("error: the time is over: 1 file is queued\nhint: taxiway ls --state queued\n");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!(taxiway.state(&taxiway.path("folder/large.wav")), "queued");
    server.faults(&[]);
    taxiway.once().exits(0);
    server.asset();
}

#[test]
fn events_are_complete_objects_and_tell_a_story() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    write(&folder.join("a.gif"), &picture(1, 1_000));
    std::fs::copy(media("notes.txt"), folder.join("notes.txt")).expect("a copy");
    server.faults(&["lost-answer,times=1"]);
    let mut daemon = taxiway.daemon();
    write(&folder.join("b.gif"), &picture(1, 1_000));
    daemon.event("deduplicated");
    std::fs::remove_file(folder.join("b.gif")).expect("removed");
    daemon.event("gone");
    let events = daemon.stop();
    for event in &events {
        assert_eq!(event["schema"], 1, "{event}");
        let at = event["at"].as_str().unwrap_or_default();
        assert!(at.len() == 24 && at.ends_with('Z'), "{event}");
        let name = event["event"].as_str().unwrap_or_default();
        let needed: &[&str] = match name {
            "started" | "idle" | "stopped" => &[],
            "seen" | "gone" | "scanned" => &["path"],
            "settled" => &["path", "hash", "size", "media_type"],
            "uploading" => &["path", "hash", "size", "media_type", "name"],
            "uploaded" | "deduplicated" => &["path", "asset_id", "account", "hash", "size"],
            "unknown" | "ignored" => &["path", "reason"],
            other => panic!("{other} is not expected here"),
        };
        for key in needed {
            assert!(!event[*key].is_null(), "{key} in {event}");
        }
    }
    let of = |path: &str| -> Vec<&str> {
        let path = Value::from(folder.join(path).to_string_lossy().into_owned());
        let events = events.iter().filter(|event| event["path"] == path);
        events.filter_map(|event| event["event"].as_str()).collect()
    };
    assert_eq!(of("a.gif"), ["seen", "settled", "uploading", "unknown", "uploaded"]);
    assert_eq!(of("b.gif"), ["seen", "settled", "deduplicated", "gone"]);
    assert_eq!(of("notes.txt"), ["seen", "ignored"]);
    assert_eq!(events.first().expect("one")["event"], "started");
    assert_eq!(events.last().expect("one")["event"], "stopped");
}

#[test]
fn a_person_reads_what_happens_to_each_file() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    let said = taxiway.run(&["run", "--once"]).exits(0).prints("");
    let told = said.told();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert_eq!(lines[0], "watching  ~/folder");
    let asset_id = server.asset().asset_id();
    assert_eq!(&lines[1][8..], format!(" uploaded  ~/folder/a.gif → {asset_id}"));
    assert_eq!(lines[2], "done      1 uploaded");
    taxiway.run(&["run", "--once", "-q"]).exits(0).prints("").tells("");
}

#[test]
fn directories_on_the_command_line_stand_in_for_the_configured() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    write(&taxiway.path("other dir/b.gif"), &picture(2, 1_000));
    taxiway.run(&["run", "other dir", "--once", "-q"]).exits(0);
    assert_eq!(server.asset().name, "b.gif");
    taxiway.once().exits(0);
    assert_eq!(server.assets().len(), 2);
    taxiway.run(&["run", "other dir", "other dir", "--once"]).exits(78);
}

#[test]
fn one_ctrl_c_ends_it_and_what_was_not_sent_whole_is_queued() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let large = taxiway.path("folder/large.wav");
    sparse_wav(&large, 64 << 20);
    server.faults(&["bandwidth=2MB/s"]);
    for name in ["INT", "TERM"] {
        let mut daemon = taxiway.spawn(&["run", "--json"]);
        daemon.event_of("uploading", &large);
        eventually("the body is under way", || (server.open() > 0).then_some(()));
        let at = Instant::now();
        daemon.signal(name);
        assert_eq!(daemon.ends(), 0);
        assert!(at.elapsed() < Duration::from_secs(5), "{:?}", at.elapsed());
        assert_eq!(taxiway.state(&large), "queued");
        eventually("the server sees the end", || (server.open() == 0).then_some(()));
    }
    assert_eq!(server.assets().len(), 0);
    server.faults(&[]);
    taxiway.once().exits(0);
    assert_eq!(server.asset().size, 64 << 20);
    assert_eq!(server.calls(taxiway::sandbox::Call::List), 0, "a clean stop leaves no doubt");
}

#[test]
fn a_whole_body_may_have_its_answer_after_ctrl_c() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    server.faults(&["slow-answer=1s"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    eventually("the file is stored", || (server.assets().len() == 1).then_some(()));
    daemon.signal("INT");
    daemon.event_of("uploaded", &file);
    assert_eq!(daemon.ends(), 0);
    assert_eq!(taxiway.state(&file), "uploaded");
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    server.faults(&["slow-answer=8s,times=1"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    eventually("the file is stored", || (server.assets().len() == 1).then_some(()));
    let at = Instant::now();
    daemon.signal("INT");
    // The first has to be noticed as one of its own.
    std::thread::sleep(Duration::from_millis(300));
    daemon.signal("INT");
    assert_eq!(daemon.ends(), 130);
    assert!(at.elapsed() < Duration::from_secs(5), "{:?}", at.elapsed());
    assert_eq!(taxiway.state(&file), "unknown");
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), 1, "found, not sent again");
}

#[test]
fn ctrl_c_in_a_single_run_says_that_it_is_not_finished() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let large = taxiway.path("folder/large.wav");
    sparse_wav(&large, 64 << 20);
    server.faults(&["bandwidth=2MB/s"]);
    let mut daemon = taxiway.spawn(&["run", "--once", "--json"]);
    daemon.event_of("uploading", &large);
    daemon.signal("INT");
    assert_eq!(daemon.ends(), 75);
    assert!(
        daemon.told[0].contains("stopped before the end: 1 file is queued"),
        "{:?}",
        daemon.told
    );
}

#[test]
fn the_embedded_sandbox_needs_nothing() {
    let taxiway = Taxiway::alone();
    let folder = taxiway.folder("folder");
    write(&folder.join("a.gif"), &picture(1, 1_000));
    let said = taxiway.run(&["run", "--sandbox", "--once", "folder"]).exits(0);
    assert!(said.err.starts_with("sandbox   http://127.0.0.1:"), "{}", said.err);
    assert!(said.err.ends_with("done      1 uploaded\n"), "{}", said.err);
    let id = taxiway.run(&["id", "--sandbox", "folder/a.gif"]).exits(0);
    taxiway.run(&["push", "--sandbox", "folder/a.gif"]).exits(0).prints(&id.out);
    // A ledger of its own: the real one knows nothing of it.
    taxiway.run(&["id", "folder/a.gif"]).exits(1);
    taxiway.run(&["ls"]).exits(0).prints("");
    assert!(taxiway.state_dir().join("sandbox/ledger.sqlite3").exists());
    // Another port, the same sandbox.
    let said = taxiway.run(&["run", "--sandbox", "--once", "-q", "--json", "folder"]).exits(0);
    assert!(!said.out.contains("uploading"), "{}", said.out);
}

#[test]
fn existing_files_can_be_left_alone() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}settle = \"50ms\"\nexisting = \"ignore\"\n", section(&folder)));
    write(&folder.join("old.gif"), &picture(1, 1_000));
    let mut daemon = taxiway.daemon();
    let new = folder.join("new.gif");
    write(&new, &picture(2, 1_000));
    daemon.event_of("uploaded", &new);
    daemon.stop();
    assert_eq!(server.asset().name, "new.gif");
    assert_eq!(taxiway.state(&folder.join("old.gif")), "ignored");
}
