//! What the page has done, and what is dropped on it.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use serde_json::json;

use super::Browser;
use crate::support::{Server, Taxiway, eventually, picture, section, write};

#[test]
fn the_page_has_done_what_a_person_may_do_and_names_rows_for_it() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let (large, small) = (taxiway.path("folder/large.gif"), taxiway.path("folder/small.gif"));
    write(&large, &picture(1, 50_000));
    write(&small, &picture(2, 1_000));
    server.faults(&["max-size=40KB"]);
    let mut daemon = taxiway.daemon();
    server.faults(&[]);
    let browser = Browser::of(&taxiway);
    let (failed, uploaded) = (browser.id_of(&large), browser.id_of(&small));
    // What a form can send changes nothing.
    let body = json!({ "ids": [failed] }).to_string();
    browser.answer("POST /ui/retry", "", body.as_bytes()).is(403);
    assert_eq!(taxiway.state(&large), "failed");
    for (path, body, status) in [
        ("/ui/retry", json!({ "ids": [99] }), 404),
        ("/ui/retry", json!({ "ids": [failed, 99] }), 404),
        ("/ui/retry", json!({ "ids": [] }), 400),
        ("/ui/retry", json!({ "paths": [large] }), 400),
        ("/ui/retry", json!({ "ids": [uploaded] }), 409),
        ("/ui/resolve", json!({ "id": failed, "retry": true }), 409),
        ("/ui/resolve", json!({ "id": failed }), 400),
        ("/ui/forget", json!({ "id": failed, "yes": true }), 409),
        ("/ui/forget", json!({ "id": uploaded }), 428),
    ] {
        assert_eq!(browser.post(path, &body).status, status, "{path} {body}");
    }
    assert_eq!(taxiway.state(&large), "failed", "none of it was done by halves");
    let rows = browser.post("/ui/retry", &json!({ "ids": [failed] })).is(200).object();
    assert_eq!(rows["path"], large.to_string_lossy().as_ref());
    daemon.event_of("uploaded", &large);
    let question = browser.post("/ui/forget", &json!({ "id": uploaded })).is(428).object();
    let question = question["error"].as_str().expect("words");
    assert!(question.ends_with("1 file in a folder will be sent again"), "{question}");
    browser.post("/ui/forget", &json!({ "id": uploaded, "yes": true })).is(200);
    daemon.event_of("uploaded", &small);
    assert_eq!(
        browser.post("/v1/pause", &json!({ "for": "1h" })).is(200).object()["state"],
        "paused"
    );
    browser.post("/v1/resume", &json!({})).is(200);
    browser.post("/v1/retry", &json!({ "all": true })).is(200);
    daemon.stop();
}

#[test]
fn a_held_file_is_resolved_by_its_row() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 5_000));
    server.faults(&["lost-answer,times=1", "list-no-size"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    server.faults(&[]);
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let (id, asset_id) = (browser.id_of(&file), server.asset().asset_id());
    let body = json!({ "id": id, "uploaded": asset_id, "retry": true });
    browser.post("/ui/resolve", &body).is(400);
    let row =
        browser.post("/ui/resolve", &json!({ "id": id, "uploaded": asset_id })).is(200).object();
    assert_eq!((&row["state"], &row["asset_id"]), (&json!("uploaded"), &json!(asset_id)));
    daemon.stop();
    server.nothing_twice();
}

#[test]
fn what_is_dropped_goes_the_ordinary_way_and_overwrites_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    let mut daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let (one, two) = (picture(1, 300_000), picture(2, 1_000));
    let dropped = |name: &str, bytes: &[u8]| {
        let answer = browser.drop(0, name, bytes).is(200).object();
        assert_eq!(answer["schema"], 1);
        Path::new(answer["path"].as_str().expect("a path")).to_owned()
    };
    let path = dropped("cat.gif", &one);
    assert_eq!(path, folder.join("cat.gif"));
    daemon.event_of("uploaded", &path);
    let second = dropped("cat.gif", &two);
    assert_eq!(second, folder.join("cat (2).gif"));
    daemon.event_of("uploaded", &second);
    assert_eq!(std::fs::read(&path).expect("the first"), one);
    let hostile = "<img src=x onerror=\"alert(1)\">&'`${1}\u{202e}.gif";
    let third = dropped(hostile, &picture(3, 1_000));
    assert_eq!(third, folder.join(hostile));
    daemon.event_of("uploaded", &third);
    for name in ["../out.gif", "/tmp/out.gif", "a/b.gif", ".hidden.gif", ".", "..", "", "a\0.gif"] {
        browser.drop(0, name, &one).is(400);
    }
    for request in ["POST /ui/drop?folder=0&name=a.gif", "POST /ui/drop?folder=99&name=a.gif"] {
        let refused = browser.answer(request, "X-Taxiway: page\r\n", &one).is(404).object();
        assert_eq!(refused["error"], "there is no such folder");
    }
    browser.answer("POST /ui/drop?name=a.gif", "X-Taxiway: page\r\n", &one).is(400);
    browser.answer("POST /ui/drop?folder=1&name=a.gif", "", &one).is(403);
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("a list")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert_eq!(names, [hostile, "cat (2).gif", "cat.gif"], "and nothing else");
    assert!(!taxiway.path("out.gif").exists());
    assert_eq!(server.uploads(), 3);
    // No row tells of what was not whole yet.
    assert_eq!(browser.get("/ui/counts").object()["total"], 3);
    daemon.stop();
}

#[test]
fn what_is_dropped_goes_into_its_folder_though_others_come_before_it_meanwhile() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let (one, other) = (taxiway.folder("one"), taxiway.folder("other"));
    taxiway.configure(&section(&one));
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let ids = browser.get("/ui/status").object()["folder_ids"].clone();
    taxiway.configure(&format!("{}{}", section(&other), section(&one)));
    taxiway.run(&["reload"]).exits(0);
    let dropped = |id: &str, name: &str| {
        let request = format!("POST /ui/drop?folder={id}&name={name}");
        browser.answer(&request, "X-Taxiway: page\r\n", &picture(1, 1_000))
    };
    dropped(&ids[0].to_string(), "a.gif").is(200);
    assert!(one.join("a.gif").exists());
    // One that is no longer watched is no other.
    taxiway.configure(&section(&other));
    taxiway.run(&["reload"]).exits(0);
    let refused = dropped(&ids[0].to_string(), "b.gif").is(404).object();
    assert_eq!(refused["error"], "there is no such folder");
    daemon.stop();
}

#[test]
fn what_does_not_come_whole_or_may_not_come_leaves_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let (folder, away) = (taxiway.folder("folder"), taxiway.folder("away"));
    let api = "[api]\nmax_file_size = \"10KB\"\n";
    taxiway.configure(&format!("{api}{}hidden = true\n{}", section(&folder), section(&away)));
    let list = || -> Vec<String> {
        let list = std::fs::read_dir(&folder).expect("a list");
        list.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect()
    };
    // What a process leaves that dies meanwhile is removed a day later.
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let _stream = half(&browser);
    let left = eventually("it is written beside", || list().pop());
    daemon.kill();
    assert_eq!(list(), [left.as_str()]);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3_600);
    let file = std::fs::File::options().write(true).open(folder.join(left)).expect("a file");
    file.set_modified(old).expect("a time");
    let young = ".taxiway-drop-2.taxiway-part";
    write(&folder.join(young), b"half");
    let mut daemon = taxiway.daemon();
    eventually("what a dead process left is removed", || (list() == [young]).then_some(()));
    std::fs::remove_file(folder.join(young)).expect("removed");
    let browser = Browser::of(&taxiway);
    let refused = browser.drop(0, "large.gif", &picture(1, 20_000)).is(413).object();
    assert_eq!(refused["error"], "it is larger than 10000 bytes: [api] max_file_size");
    // Half of it, and then nobody.
    let stream = half(&browser);
    let part = eventually("it is written beside", || list().pop());
    assert!(part.starts_with(".taxiway-drop-") && part.ends_with(".taxiway-part"), "{part}");
    drop(stream);
    eventually("nothing is left of it", || list().is_empty().then_some(()));
    std::fs::remove_dir(&away).expect("removed");
    daemon.event("folder_away");
    let refused = browser.drop(1, "a.gif", &picture(1, 1_000)).is(504).object();
    let words = refused["error"].as_str().expect("words");
    assert!(words.starts_with(&format!("a folder is away: {}", away.display())), "{words}");
    assert_eq!(list(), [] as [&str; 0]);
    assert_eq!(browser.get("/ui/counts").object()["total"], 0, "nothing was ever taken for a file");
    daemon.stop();
}

/// Begins to drop a file, and stops halfway.
fn half(browser: &Browser) -> TcpStream {
    let Browser { address, cookie } = browser;
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!(
        "POST /ui/drop?folder=1&name=half.gif HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\
         X-Taxiway: page\r\nContent-Length: 5000\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), &picture(1, 2_000)].concat()).expect("sent");
    stream
}
