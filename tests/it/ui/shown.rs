//! What the page shows.

use std::io::Write;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::{Browser, header};
use crate::support::{Server, Taxiway, ask, eventually, media, picture, write};

#[test]
fn the_page_shows_rows_newest_first_counts_histories_and_the_last_day() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let names = ["one.gif", "Two.gif", "large.gif"];
    for (number, name) in (1..).zip(names) {
        let bytes = if number == 3 { 50_000 } else { 1_000 };
        write(&taxiway.path("folder").join(name), &picture(number, bytes));
        server.faults(&["max-size=40KB"]);
        taxiway.run(&["run", "--once", "-q"]);
    }
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let name = |row: &Value| {
        let path = row["path"].as_str().expect("a path").to_owned();
        path.rsplit_once('/').expect("a name").1.to_owned()
    };
    let list = |query: &str| browser.rows(query).iter().map(name).collect::<Vec<_>>();
    assert_eq!(list(""), ["large.gif", "Two.gif", "one.gif"]);
    assert_eq!(list("state=uploaded&q=two&limit=500"), ["Two.gif"]);
    let rows = browser.rows("q=one");
    let mut row = rows[0].clone();
    let object = row.as_object_mut().expect("an object");
    assert_eq!(
        (object.remove("id"), object.remove("gone_at")),
        (Some(json!(1)), Some(json!(null)))
    );
    assert_eq!(row, taxiway.row(&taxiway.path("folder/one.gif")), "else it is a row of ls --json");
    // Page by page.
    let mut query = "limit=1".to_owned();
    let mut pages = Vec::new();
    loop {
        let (head, body) = browser.send(&format!("GET /ui/rows?{query}"), "", b"");
        let row: Value = serde_json::from_slice(&body).expect("one row");
        pages.push(name(&row));
        let Some(next) = header(&head, "x-next") else { break };
        query = format!("limit=1&after={next}");
    }
    assert_eq!(pages, ["large.gif", "Two.gif", "one.gif"]);
    let counts = browser.get("/ui/counts?q=.GIF").is(200).object();
    assert_eq!(counts["total"], 3);
    assert_eq!(
        (&counts["states"]["uploaded"], &counts["states"]["failed"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(browser.get("/ui/counts?q=two").object()["total"], 1);
    let why = browser.get("/ui/why?id=1").is(200);
    let same =
        ask(&taxiway, &format!("GET /v1/why?path={}", why.object()["path"].as_str().unwrap()), "");
    assert_eq!(why.text, same.text);
    let refused = browser.get("/ui/why?id=99").is(404).object();
    assert_eq!(refused["error"], "row 99 is not in the ledger");
    let refused = browser.get("/ui/why").is(400).object();
    assert_eq!(refused["error"], "the parameter id is missing");
    browser.get("/ui/why?path=/etc/passwd").is(400);
    let mut standing = browser.get("/ui/status").is(200).object();
    let line = standing["line"].as_str().expect("a line").to_owned();
    assert!(line.ends_with("; 1 file failed"), "{line}");
    assert_eq!(standing["next"], json!(["taxiway ls --state failed", "taxiway retry --all"]));
    let object = standing.as_object_mut().expect("an object");
    object.remove("line");
    object.remove("next");
    let secret = object.remove("daemon").expect("a secret");
    assert_eq!(secret.as_str().map(str::len), Some(32));
    assert_eq!(object.remove("folder_ids"), Some(json!([1])));
    assert_eq!(standing, browser.get("/v1/status").object());
    let plot = browser.get("/ui/plot").is(200).object();
    for (spans, count) in [("minutes", 60), ("hours", 24)] {
        let spans = plot[spans].as_array().expect("spans");
        let sum = |field: &str| spans.iter().map(|span| span[field].as_u64().unwrap()).sum::<u64>();
        assert_eq!(spans.len(), count);
        assert_eq!(
            (sum("uploads"), sum("bytes"), sum("failed")),
            (2, 2 * picture(1, 1_000).len() as u64, 1)
        );
    }
    daemon.stop();
}

#[test]
fn pictures_are_shown_of_watched_folders_while_they_are_what_the_ledger_says() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    let deep = folder.join("a/b/deep.gif");
    write(&deep, &picture(1, 300_000));
    write(&folder.join("page.html"), b"<!doctype html><script>alert(1)</script>");
    write(&folder.join("lie.gif"), b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    std::fs::copy(media("picture.png"), folder.join("picture.jpg")).expect("a copy");
    std::fs::copy(media("faststart.mp4"), folder.join("film.mp4")).expect("a copy");
    write(&folder.join("large.gif"), &picture(3, 20_100_000));
    write(&taxiway.path("outside/pushed.gif"), &picture(2, 1_000));
    let daemon = taxiway.daemon();
    taxiway.run(&["push", "outside/pushed.gif"]).exits(0);
    let browser = Browser::of(&taxiway);
    let id = browser.id_of(&deep);
    let (status, head, body) = browser.thumb(id);
    assert_eq!((status, header(&head, "content-type")), (200, Some("image/gif")));
    assert_eq!(body, std::fs::read(&deep).expect("the file"));
    let etag = header(&head, "etag").expect("a tag").to_owned();
    assert_eq!(etag, format!("{:?}", taxiway.row(&deep)["hash"].as_str().expect("a hash")));
    let again = format!("If-None-Match: {etag}\r\n");
    let (head, body) = browser.send(&format!("GET /ui/thumb?v=abc&id={id}"), &again, b"");
    assert_eq!((super::status(&head), body.len()), (304, 0));
    browser.get(&format!("/ui/thumb?id=99&v={id}")).is(404);
    // What it is, and not what it is called.
    let (status, head, _) = browser.thumb(browser.id_of(&folder.join("picture.jpg")));
    assert_eq!((status, header(&head, "content-type")), (200, Some("image/png")));
    for (other, why) in [
        ("folder/page.html", "it is no picture of a known type"),
        ("folder/lie.gif", "it is no picture of a known type"),
        ("folder/film.mp4", "it is no picture of a known type"),
        ("folder/large.gif", "it is too large"),
        ("outside/pushed.gif", "it lies in no watched folder"),
    ] {
        let id = browser.id_of(&taxiway.path(other));
        let refused = browser.get(&format!("/ui/thumb?id={id}")).is(404).object();
        assert_eq!(refused["error"], format!("row {id} is not shown: {why}"), "{other}");
    }
    for query in ["id=99", "id=-1", "id=1x", "path=/etc/passwd", ""] {
        let answer = browser.get(&format!("/ui/thumb?{query}"));
        assert!([400, 404].contains(&answer.status), "{query}: {answer:?}");
    }
    daemon.stop();
}

#[test]
fn a_link_leads_no_picture_out_of_its_folder() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let (folder, outside) = (taxiway.path("folder"), taxiway.path("outside"));
    let deep = folder.join("a/b/deep.gif");
    write(&deep, &picture(1, 1_000));
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let id = browser.id_of(&deep);
    // Paused eyes: it is the page that has to notice, not a scan.
    daemon.signal("STOP");
    std::fs::rename(folder.join("a"), &outside).expect("a move");
    symlink(&outside, folder.join("a")).expect("a link");
    assert!(deep.exists(), "the link leads to the very file");
    let looked = std::thread::scope(|scope| {
        let looking = scope.spawn(|| browser.thumb(id));
        daemon.signal("CONT");
        looking.join().expect("an answer")
    });
    assert_eq!(looked.0, 404, "{}", looked.1);
    std::fs::remove_file(folder.join("a")).expect("the link");
    std::fs::rename(&outside, folder.join("a")).expect("back");
    eventually("it is shown again", || (browser.thumb(id).0 == 200).then_some(()));
    // What was written to since is not what the ledger knows; whoever has it open is waited for.
    let mut writer = std::fs::File::options().append(true).open(&deep).expect("a writer");
    writer.write_all(b"more").expect("written");
    let refused = browser.get(&format!("/ui/thumb?id={id}")).is(404).object();
    // Before it is noticed that it settles, and after.
    let whys = ["it has changed", "it is no picture of a known type"];
    let whys = whys.map(|why| json!(format!("row {id} is not shown: {why}")));
    assert!(whys.contains(&refused["error"]), "{refused}");
    drop(writer);
    daemon.stop();
}
