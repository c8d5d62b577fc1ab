//! The page: who is let in, what it shows, and what it may do.

mod done;
mod hung;
mod shown;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::support::required;
use crate::support::{Answer, PATIENCE, Server, Taxiway, ask, picture, section, write};

/// What is answered to these bytes, head and body.
fn say(address: SocketAddr, bytes: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    // It may be cut off while it talks.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let at = at.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(&answer)));
    let body = answer.split_off(at + 4);
    (String::from_utf8(answer).expect("a head"), body)
}

/// A way in, as the daemon gives it: where, and the path that opens it.
#[track_caller]
fn way_in(taxiway: &Taxiway) -> (SocketAddr, String) {
    let said = taxiway.run(&["ui", "--no-open"]).exits(0).tells("");
    let url = said.out.trim_end().strip_prefix("http://").expect("an address");
    let (address, path) = url.split_once('/').expect("a path");
    assert!(path.starts_with("ui/enter?once="), "{url}");
    (address.parse().expect("an address"), format!("/{path}"))
}

/// A browser that was let in.
struct Browser {
    address: SocketAddr,
    cookie: String,
}

impl Browser {
    #[track_caller]
    fn of(taxiway: &Taxiway) -> Browser {
        let (address, path) = way_in(taxiway);
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        let (head, body) = say(address, request.as_bytes());
        assert!(head.starts_with("HTTP/1.0 303 ") && body.is_empty(), "{head}");
        assert_eq!(header(&head, "location"), Some("/"));
        let cookie = header(&head, "set-cookie").expect("a cookie");
        let (cookie, rest) = cookie.split_once("; ").expect("what holds for it");
        assert_eq!(rest, "HttpOnly; SameSite=Strict; Path=/");
        let (name, key) = cookie.split_once('=').expect("a value");
        assert_eq!((name, key.len()), (&*format!("taxiway_{}", address.port()), 64));
        Browser { address, cookie: cookie.to_owned() }
    }

    /// The head of the answer to a request, and its body.
    fn send(&self, request: &str, headers: &str, body: &[u8]) -> (String, Vec<u8>) {
        let Browser { address, cookie } = self;
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.0\r\nHost: {address}\r\nCookie: {cookie}\r\n{headers}\
             Content-Length: {length}\r\n\r\n"
        );
        say(*address, &[head.as_bytes(), body].concat())
    }

    fn answer(&self, request: &str, headers: &str, body: &[u8]) -> Answer {
        let (head, body) = self.send(request, headers, body);
        Answer { status: status(&head), text: String::from_utf8(body).expect("a text") }
    }

    fn get(&self, path: &str) -> Answer {
        self.answer(&format!("GET {path}"), "", b"")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let page = format!("X-Taxiway: page\r\nOrigin: http://{}\r\n", self.address);
        self.answer(&format!("POST {path}"), &page, body.to_string().as_bytes())
    }

    /// Drops a file into the folder at this place in the status.
    fn drop(&self, folder: usize, name: &str, bytes: &[u8]) -> Answer {
        let folder = &self.get("/ui/status").object()["folder_ids"][folder];
        let name: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = format!("POST /ui/drop?folder={folder}&name={name}");
        self.answer(&request, "X-Taxiway: page\r\n", bytes)
    }

    /// The rows that are listed, by path below the home.
    fn rows(&self, query: &str) -> Vec<Value> {
        self.get(&format!("/ui/rows?{query}")).is(200).objects()
    }

    #[track_caller]
    fn id_of(&self, path: &Path) -> i64 {
        let rows = self.rows("");
        let row = rows.iter().find(|row| row["path"] == path.to_string_lossy().as_ref());
        row.unwrap_or_else(|| panic!("no row of {}", path.display()))["id"].as_i64().expect("an id")
    }

    fn thumb(&self, id: i64) -> (u16, String, Vec<u8>) {
        let (head, body) = self.send(&format!("GET /ui/thumb?id={id}"), "", b"");
        (status(&head), head, body)
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    listener.local_addr().expect("an address")
}

/// The ports of this machine on which a process listens for TCP.
#[cfg(target_os = "linux")]
fn listens_on(pid: u32) -> Vec<u16> {
    let list = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let links = list.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let sockets: Vec<String> = links.map(|link| link.to_string_lossy().into_owned()).collect();
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let port = fields[1].rsplit_once(':').expect("a port").1;
            let is_listening = fields[3] == "0A";
            if is_listening && sockets.contains(&format!("socket:[{}]", fields[9])) {
                ports.push(u16::from_str_radix(port, 16).expect("a port"));
            }
        }
    }
    ports
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_listens_before_somebody_asks() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    taxiway.run(&["status"]).exits(0);
    ask(&taxiway, "GET /v1/ui", "").is(405);
    assert_eq!(listens_on(daemon.pid()), [] as [u16; 0]);
    let (address, _) = way_in(&taxiway);
    assert!(address.ip().is_loopback());
    assert_eq!(listens_on(daemon.pid()), [address.port()]);
    assert_eq!(way_in(&taxiway).0, address, "the same one again");
    assert_eq!(listens_on(daemon.pid()), [address.port()]);
    assert!(!taxiway.state_dir().join("control-token").exists(), "nobody needs a token");
    daemon.stop();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn an_address_opens_the_page_once_and_only_a_browser_that_came_in_by_it_sees_anything() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    let (address, path) = way_in(&taxiway);
    let other = Browser { address, cookie: format!("taxiway_{}={}", address.port(), &path[15..]) };
    let (head, body) = other.send("GET /", "", b"");
    assert_eq!(status(&head), 401);
    let words = String::from_utf8(body).expect("a text");
    let why = "A key ends when taxiway does, and a day after its last use. Another comes with";
    assert!(words.contains(&format!("<p>{why} <code>taxiway ui</code></p>")), "{words}");
    for request in ["GET /v1/status", "GET /v1/events", "GET /ui/rows", "POST /v1/pause", "GET /x"]
    {
        let refused = other.answer(request, "X-Taxiway: page\r\n", b"").is(401).object();
        assert_eq!(refused["error"], "this page's key is missing or has expired", "{request}");
        assert_eq!(refused["hint"], "taxiway ui");
    }
    // Trying it does not use it up.
    other.answer("GET /ui/enter?once=0", "", b"").is(401);
    other.answer(&format!("HEAD {path}"), "", b"").is(401);
    let enter = format!("GET {path}");
    let (head, _) = other.send(&enter, "", b"");
    assert_eq!(status(&head), 303);
    let (head, body) = other.send(&enter, "", b"");
    assert_eq!((status(&head), header(&head, "set-cookie")), (401, None));
    // By a link on another page, which a redirection would still be a part of.
    let (_, linked) = way_in(&taxiway);
    let site = "Sec-Fetch-Site: cross-site\r\n";
    let (head, _) = other.send(&format!("GET {linked}"), site, b"");
    assert_eq!((status(&head), header(&head, "refresh")), (200, Some("0; url=/")));
    assert!(header(&head, "set-cookie").is_some(), "{head}");
    let words = String::from_utf8(body).expect("a text");
    assert!(words.contains("<h1>This address was used, or is too old</h1>"), "{words}");
    let browser = Browser::of(&taxiway);
    let page = browser.get("/").is(200).text;
    assert!(page.starts_with("<!doctype html>") && page.contains("/ui/app.js"), "{page}");
    browser.get("/v1/status").is(200);
    browser.get("/healthz").is(200);
    // Back, to the address that is used up.
    let (head, _) = browser.send(&enter, "", b"");
    assert_eq!((status(&head), header(&head, "location")), (303, Some("/")));
    assert_eq!(header(&head, "set-cookie"), None);
    for path in ["/x", "/v1/ledger", "/v1/why?path=/etc/passwd"] {
        let refused = browser.get(path).is(403).object();
        assert_eq!(refused["error"], "a browser's key is for what the page asks, and no more");
    }
    browser.get("/ui/x").is(404);
    browser.get("/ui/index.html").is(404);
    browser.get("/ui/../../etc/passwd").is(404);
    // The next daemon knows nobody.
    daemon.stop();
    let listen = format!("[control]\nlisten = \"{address}\"\n");
    taxiway.configure(&format!("{listen}{}", section(&taxiway.path("folder"))));
    let daemon = taxiway.daemon();
    assert_eq!(way_in(&taxiway).0, address);
    browser.get("/v1/status").is(401);
    daemon.stop();
}

#[test]
fn a_fixed_address_has_the_page_too_and_a_way_in_is_given_over_the_socket_alone() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let (address, other) = (free(), free());
    let listen = |address| format!("[control]\nlisten = \"{address}\"\n");
    let folder = section(&taxiway.path("folder"));
    taxiway.configure(&format!("{}{folder}", listen(address)));
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    assert_eq!(browser.address, address);
    browser.get("/v1/status").is(200);
    let token = std::fs::read_to_string(taxiway.state_dir().join("control-token")).expect("one");
    let bearer = format!("Authorization: Bearer {}\r\n", token.trim());
    let program = Browser { address, cookie: String::new() };
    program.answer("GET /ui/rows", &bearer, b"").is(200);
    program.answer("POST /v1/rescan", &bearer, b"").is(200);
    program.answer("POST /v1/ui", &bearer, b"").is(404);
    browser.post("/v1/ui", &json!({})).is(403);
    // Another address: who has the old one now may know the key, and it opens nothing.
    taxiway.configure(&format!("{}{folder}", listen(other)));
    taxiway.run(&["reload"]).exits(0);
    assert_eq!(Browser::of(&taxiway).address, other);
    let (_, key) = browser.cookie.split_once('=').expect("a key");
    let stolen = Browser { address: other, cookie: format!("taxiway_{}={key}", other.port()) };
    stolen.get("/v1/status").is(401);
    // Nor does it once that address is ours again.
    taxiway.configure(&format!("{}{folder}", listen(address)));
    taxiway.run(&["reload"]).exits(0);
    Browser::of(&taxiway).get("/v1/status").is(200);
    browser.get("/v1/status").is(401);
    // One that is in use: it says so.
    let taken = TcpListener::bind("127.0.0.1:0").expect("an address");
    let taken_address = taken.local_addr().expect("an address");
    taxiway.configure(&format!("{}{folder}", listen(taken_address)));
    taxiway.run(&["reload"]).exits(0);
    let said = taxiway.run(&["ui", "--no-open"]).exits(75).prints("");
    let words = format!("error: [control] listen: {taken_address}: ");
    assert!(said.err.starts_with(&words) && said.err.ends_with("hint: taxiway ui\n"), "{said:?}");
    daemon.stop();
}

/// What another user of this machine is answered.
#[cfg(target_os = "linux")]
fn as_nobody(address: SocketAddr, request: &str) -> Option<String> {
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let talk = format!(
        "exec 3<>/dev/tcp/{}/{}; printf '%s' \"$0\" >&3; cat <&3",
        address.ip(),
        address.port()
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &talk, request]).env_clear().env("PATH", "/usr/bin:/bin").uid(NOBODY);
    let said = bash.current_dir("/").output().ok()?;
    Some(String::from_utf8_lossy(&said.stdout).into_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn a_key_is_of_no_use_to_another_user() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let Browser { address, cookie } = &browser;
    let request = |line: &str| {
        format!("{line} HTTP/1.0\r\nHost: {address}\r\nCookie: {cookie}\r\nX-Taxiway: page\r\n\r\n")
    };
    let health = as_nobody(*address, &request("GET /healthz"));
    if !required(health.is_some(), "another user (root and bash)") {
        daemon.stop();
        return;
    }
    assert!(health.is_some_and(|answer| answer.starts_with("HTTP/1.0 200 ")));
    for line in ["GET /v1/status", "GET /", "POST /v1/pause"] {
        let answer = as_nobody(*address, &request(line)).expect("an answer");
        assert!(answer.starts_with("HTTP/1.0 401 "), "{line}: {answer}");
    }
    browser.get("/v1/status").is(200);
    // Who comes in by what root asked for is who it is for.
    let (address, path) = way_in(&taxiway);
    let enter = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let answer = as_nobody(address, &enter).expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 303 "), "{answer}");
    daemon.stop();
}

#[test]
fn other_sites_and_forms_have_no_say() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let page = "X-Taxiway: page\r\n";
    for (headers, status) in [
        (page.to_owned(), 200),
        (format!("{page}Origin: http://{}\r\n", browser.address), 200),
        (format!("{page}Sec-Fetch-Site: same-origin\r\n"), 200),
        (String::new(), 403),
        ("X-Taxiway: form\r\n".to_owned(), 403),
        (format!("{page}Origin: https://evil.example\r\n"), 403),
        (format!("{page}Origin: http://127.0.0.1:1\r\n"), 403),
        (format!("{page}Origin: null\r\n"), 403),
        (format!("{page}Sec-Fetch-Site: cross-site\r\n"), 403),
        (format!("{page}Sec-Fetch-Site: same-site\r\n"), 403),
    ] {
        for path in ["/v1/resume", "/v1/rescan"] {
            let (head, _) = browser.send(&format!("POST {path}"), &headers, b"");
            assert_eq!(self::status(&head), status, "{path} {headers}");
            assert!(!head.to_lowercase().contains("access-control"), "{head}");
        }
    }
    let paused = browser.answer("POST /v1/pause", "", b"").is(403).object();
    assert_eq!(paused["error"], "the page sends its wishes with the header X-Taxiway: page");
    assert_eq!(ask(&taxiway, "GET /v1/status", "").is(200).object()["state"], "idle");
    // A name of the web that comes to mean this machine.
    let Browser { address, cookie } = &browser;
    for path in ["/", "/ui/app.js", "/ui/enter?once=1", "/v1/status", "/healthz"] {
        let port = address.port();
        let request =
            format!("GET {path} HTTP/1.0\r\nHost: evil.example:{port}\r\nCookie: {cookie}\r\n\r\n");
        let (head, _) = say(*address, request.as_bytes());
        assert_eq!(status(&head), 403, "{path}");
    }
    daemon.stop();
}

#[test]
fn every_answer_is_sealed() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    let daemon = taxiway.daemon();
    let browser = Browser::of(&taxiway);
    let stranger = Browser { address: browser.address, cookie: String::new() };
    let thumb = format!("GET /ui/thumb?id={}", browser.id_of(&file));
    for (from, request, status) in [
        (&browser, "GET /", 200),
        (&browser, "GET /ui/app.js", 200),
        (&browser, "GET /ui/rows", 200),
        (&browser, "GET /v1/status", 200),
        (&browser, &*thumb, 200),
        (&browser, "GET /ui/nowhere", 404),
        (&browser, "GET /nowhere", 403),
        (&browser, "POST /v1/pause", 403),
        (&stranger, "GET /", 401),
        (&stranger, "GET /ui/style.css", 200),
        (&stranger, "GET /v1/status", 401),
        (&stranger, "GET /ui/enter?once=x", 401),
    ] {
        let (head, _) = from.send(request, "", b"");
        assert_eq!(self::status(&head), status, "{request}");
        let is_thumb = request == thumb;
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                 connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", if is_thumb { "private, max-age=3600" } else { "no-store" }),
        ] {
            assert_eq!(header(&head, name), Some(value), "{request}: {name}");
        }
    }
    daemon.stop();
}

#[test]
fn an_open_page_keeps_no_daemon_from_ending_and_hears_to_the_end() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let Browser { address, cookie } = Browser::of(&taxiway);
    let listen = || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let head =
            format!("GET /v1/events HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut heard = String::new();
        let mut piece = [0; 1_024];
        while !heard.contains(": taxiway") {
            let read = stream.read(&mut piece).expect("the beginning");
            heard += &String::from_utf8_lossy(&piece[..read]);
        }
        (stream, heard)
    };
    let open: Vec<(TcpStream, String)> = (0..6).map(|_| listen()).collect();
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    daemon.stop();
    for (mut stream, mut heard) in open {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("an end, and no time-out");
        heard += &String::from_utf8_lossy(&rest);
        for event in ["uploaded", "stopped"] {
            assert!(heard.contains(&format!("\"event\":\"{event}\"")), "{event}: {heard}");
        }
        assert!(heard.ends_with("\r\n0\r\n\r\n"), "it is ended, and not cut off: {heard}");
    }
}

#[test]
fn the_browser_is_opened_and_learns_no_token() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    let programs = taxiway.folder("bin");
    let opener = programs.join(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
    let path = std::env::var("PATH").unwrap_or_default();
    taxiway.set("PATH", format!("{}:{path}", programs.display()));
    if !cfg!(target_os = "macos") {
        let said = taxiway.run(&["ui"]).exits(0);
        let words = "no browser was opened: there is no screen; this address opens the page, once \
                     and within a minute\n";
        assert_eq!(said.told(), words);
        assert!(said.out.starts_with("http://127.0.0.1:"), "{said:?}");
    }
    taxiway.set("DISPLAY", ":0");
    write(&opener, b"#!/bin/sh\n(echo \"$1\"; env) > \"$HOME/opened\"\n");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let said = taxiway.run(&["ui"]).exits(0).prints("");
    let opened = std::fs::read_to_string(taxiway.path("opened")).expect("what was opened");
    let (url, environment) = opened.split_once('\n').expect("an address");
    let (page, once) = url.split_once("/ui/enter?once=").expect("a way in");
    assert_eq!(said.told(), format!("{page} is opened in the browser\n"), "and no key is told");
    assert_eq!(once.len(), 64);
    assert!(environment.contains("DISPLAY=:0"), "{environment}");
    assert!(!environment.contains("TOKEN"), "{environment}");
    taxiway.run(&["ui", "-q"]).exits(0).prints("").tells("");
    write(&opener, b"#!/bin/sh\nexit 3\n");
    let said = taxiway.run(&["ui"]).exits(0);
    assert!(said.told().starts_with("no browser was opened: "), "{said:?}");
    assert!(said.told().contains("exit status: 3; this address opens"), "{said:?}");
    assert!(said.out.starts_with("http://127.0.0.1:"), "{said:?}");
    let way = taxiway.run(&["ui", "--json"]).exits(0).tells("").objects();
    let keys: Vec<&String> = way[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["schema", "url"]);
    daemon.stop();
    taxiway
        .run(&["ui"])
        .exits(69)
        .prints("")
        .tells("error: no daemon runs with this configuration\nhint: taxiway run\n");
}
