//! Disks that never answer, and who goes on all the same.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;

use super::Browser;
use crate::support::{Server, Taxiway, ask, eventually, picture, write};

/// A file that has the program hang at a place of its source, and the sign that it does.
fn hang(taxiway: &mut Taxiway, place: &str) -> (PathBuf, PathBuf) {
    let (file, sign) = (taxiway.path("hang"), taxiway.path("hang.hangs"));
    taxiway.set("TAXIWAY_TEST_HANG_AT", format!("{place}:{}", file.display()));
    (file, sign)
}

impl Browser {
    /// Sends a head, and what else there is of the request; who drops it has left.
    fn begin(&self, request: &str, headers: &str, body: &[u8]) -> TcpStream {
        let Browser { address, cookie } = self;
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n{headers}\
             X-Taxiway: page\r\n\r\n"
        );
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
        stream
    }
}

#[test]
fn pictures_on_a_disk_that_hangs_keep_nobody_else_waiting_however_often_they_are_asked_for() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let (file, sign) = hang(&mut taxiway, "picture");
    let pictured = taxiway.path("folder/a.gif");
    write(&pictured, &picture(1, 1_000));
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let id = browser.id_of(&pictured);
    write(&file, b"");
    for _ in 0..12 {
        // One that loses its patience at once, and asks again.
        let asked = browser.begin(&format!("GET /ui/thumb?id={id}"), "", b"");
        eventually("it hangs", || sign.exists().then_some(()));
        asked.shutdown(Shutdown::Both).expect("left");
    }
    ask(&taxiway, "GET /v1/status", "").is(200);
    browser.get("/ui/rows").is(200);
    // Who waits hears that it is the disk; and nothing more is put on it.
    let (status, _, body) = browser.thumb(id);
    let words = String::from_utf8(body).expect("a text");
    assert_eq!(status, 504, "{words}");
    assert!(words.contains("folder: the disk does not answer"), "{words}");
    std::fs::remove_file(&file).expect("the file");
    eventually("it is shown again", || (browser.thumb(id).0 == 200).then_some(()));
    daemon.stop();
}

#[test]
fn a_history_on_a_disk_that_hangs_is_not_waited_for_by_anybody_else() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let (file, _) = hang(&mut taxiway, "absent");
    let daemon = taxiway.daemon();
    write(&file, b"");
    let path = taxiway.path("folder/none.gif");
    let why = format!("GET /v1/why?path={}", path.display());
    let words = "is not in the ledger, and its disk does not answer";
    let refused = |answer: crate::support::Answer| {
        let error = answer.is(404).object()["error"].as_str().expect("words").to_owned();
        assert!(error.ends_with(words), "{error}");
    };
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..16).map(|_| scope.spawn(|| ask(&taxiway, &why, ""))).collect();
        asking.into_iter().for_each(|asked| refused(asked.join().expect("an answer")));
    });
    // At once, this time.
    refused(ask(&taxiway, &why, ""));
    ask(&taxiway, "GET /v1/status", "").is(200);
    assert!(file.exists(), "it hung to the end");
    daemon.stop();
}

#[test]
fn a_drop_that_is_left_on_a_disk_that_hangs_holds_up_nobody_nor_the_end() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let (file, sign) = hang(&mut taxiway, "drop removed");
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    write(&file, b"");
    let length = "Content-Length: 5000\r\n";
    let into = browser.get("/ui/status").object()["folder_ids"][0].clone();
    let request = format!("POST /ui/drop?folder={into}&name=half.gif");
    let dropped = browser.begin(&request, length, &picture(1, 2_000));
    let folder = taxiway.path("folder");
    let parts = || std::fs::read_dir(&folder).expect("a list").count();
    eventually("it is written beside", || (parts() == 1).then_some(()));
    drop(dropped);
    eventually("it hangs", || sign.exists().then_some(()));
    ask(&taxiway, "GET /v1/status", "").is(200);
    let path = browser.drop(0, "whole.gif", &picture(2, 1_000)).is(200).object();
    assert_eq!(path["path"], folder.join("whole.gif").to_string_lossy().as_ref());
    daemon.stop();
    assert!(file.exists(), "it hung to the end");
}
