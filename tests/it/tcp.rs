//! TCP beside the control socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use crate::support::{PATIENCE, Server, Taxiway, ask, eventually, picture, section, write};

/// An address that nobody listens on.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    listener.local_addr().expect("an address")
}

fn config(taxiway: &Taxiway, listen: Option<SocketAddr>) -> String {
    let listen = listen.map(|address| format!("[control]\nlisten = \"{address}\"\n"));
    let folder = taxiway.folder("folder");
    format!("{}{}settle = \"50ms\"\n", listen.unwrap_or_default(), section(&folder))
}

/// What is answered to a request with these headers, if anything is.
fn say(address: SocketAddr, request: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    // It may be cut off while it talks.
    let _ = stream.write_all(format!("{request} HTTP/1.1\r\n{headers}\r\n").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn begins(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
}

fn token(taxiway: &Taxiway) -> String {
    let file = taxiway.state_dir().join("control-token");
    let text = std::fs::read_to_string(&file).expect("a token");
    let mode = std::fs::metadata(&file).expect("the token").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    text.trim().to_owned()
}

#[track_caller]
fn listens(address: SocketAddr) {
    eventually("it listens", || TcpStream::connect(address).ok());
}

#[track_caller]
fn listens_no_more(address: SocketAddr) {
    eventually("nobody listens", || TcpStream::connect(address).err());
}

#[test]
fn who_shows_the_token_and_means_this_machine_is_answered() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let address = free();
    taxiway.configure(&config(&taxiway, Some(address)));
    let daemon = taxiway.daemon();
    listens(address);
    let (host, bearer) =
        (format!("Host: {address}\r\n"), format!("Authorization: Bearer {}\r\n", token(&taxiway)));
    let answer = say(address, "GET /v1/status", &format!("{host}{bearer}"));
    begins(&answer, 200);
    let object = answer.split_once("\r\n\r\n").expect("a body").1;
    assert!(object.starts_with("{\"schema\":1,\"version\":"), "{object}");
    let local = format!("Host: localhost:{}\r\n{bearer}", address.port());
    begins(&say(address, "GET /v1/ledger", &local), 200);
    let own = format!("{host}{bearer}Origin: http://{address}\r\n");
    begins(&say(address, "GET /v1/status", &own), 200);
    begins(&say(address, "GET /v1/nowhere", &format!("{host}{bearer}")), 404);
    // Whether it is healthy, and no more, is told to everybody.
    let answer = say(address, "GET /healthz", &host);
    begins(&answer, 200);
    assert!(answer.ends_with("\r\n\r\n{\"schema\":1,\"healthy\":true}\n"), "{answer}");
    for (headers, status) in [
        (host.clone(), 401),
        (format!("{host}Authorization: Bearer {}\r\n", "0".repeat(64)), 401),
        (format!("Host: evil.example:{}\r\n{bearer}", address.port()), 403),
        (format!("Host: evil.example\r\n{bearer}"), 403),
        (bearer.clone(), 403),
        (format!("{host}{bearer}Origin: https://evil.example\r\n"), 403),
        (format!("{host}{bearer}Origin: null\r\n"), 403),
        (format!("{host}{bearer}X: {}\r\n", "x".repeat(64 * 1024)), 431),
    ] {
        for request in ["GET /v1/status", "POST /v1/pause", "GET /v1/nowhere"] {
            let answer = say(address, request, &headers);
            begins(&answer, status);
            let challenged = answer.to_lowercase().contains("\r\nwww-authenticate: bearer\r\n");
            assert_eq!(challenged, status == 401, "{answer}");
            assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        }
    }
    begins(&say(address, "GET /healthz?strict", &host), 401);
    begins(&say(address, "GET /healthz", "Host: evil.example\r\n"), 403);
    for (headers, words) in [
        (format!("Host: evil.example\r\n{bearer}"), "the request is meant for another host"),
        (
            format!("{host}{bearer}Origin: null\r\n"),
            "the request comes from a page of another site",
        ),
    ] {
        let refused = say(address, "GET /v1/status", &headers);
        assert!(refused.contains(&format!("{{\"schema\":1,\"error\":\"{words}\",")), "{refused}");
    }
    let refused = say(address, "GET /v1/status", &host);
    let file = taxiway.state_dir().join("control-token");
    let words = format!(
        "{{\"schema\":1,\"error\":\"the control token is missing or wrong\",\"hint\":\"curl -H \
         \\\"Authorization: Bearer $(cat {})\\\" http://{address}/v1/status\",\"exit\":2}}\n",
        file.display()
    );
    assert!(refused.ends_with(&words), "{refused}\n{words}");
    assert_ne!(ask(&taxiway, "GET /v1/status", "").is(200).object()["state"], "paused");
    daemon.stop();
}

#[test]
fn without_the_setting_there_is_neither_a_port_nor_a_token() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    taxiway.configure(&config(&taxiway, None));
    let daemon = taxiway.daemon();
    assert!(!taxiway.state_dir().join("control-token").exists());
    daemon.stop();
}

#[test]
fn silent_connections_keep_nobody_from_the_socket_and_end_by_themselves() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let address = free();
    taxiway.configure(&config(&taxiway, Some(address)));
    let daemon = taxiway.daemon();
    listens(address);
    let connect = |_| TcpStream::connect(address).expect("a connection");
    let mut silent: Vec<TcpStream> = (0..80).map(connect).collect();
    for stream in &mut silent[..40] {
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nHo").expect("half");
    }
    taxiway.run(&["status"]).exits(0);
    // They lose their places, and one that speaks gets one.
    let host = format!("Host: {address}\r\n");
    begins(&say(address, "GET /healthz", &host), 200);
    daemon.stop();
}

#[test]
fn a_stream_of_events_ends_with_the_daemon() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let address = free();
    taxiway.configure(&config(&taxiway, Some(address)));
    let mut daemon = taxiway.daemon();
    listens(address);
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let head = format!(
        "GET /v1/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n",
        token(&taxiway)
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut heard = String::new();
    let mut piece = [0; 1_024];
    while !heard.contains(": taxiway") {
        let read = stream.read(&mut piece).expect("the beginning");
        heard += &String::from_utf8_lossy(&piece[..read]);
    }
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    daemon.stop();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an end, and no time-out");
    heard += &String::from_utf8_lossy(&rest);
    assert!(heard.contains("\"event\":\"uploaded\""), "{heard}");
    assert!(heard.contains("\"event\":\"stopped\""), "{heard}");
}

#[test]
fn an_address_in_use_is_tried_again_while_all_else_goes_on() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let other = TcpListener::bind("127.0.0.1:0").expect("an address");
    let address = other.local_addr().expect("an address");
    taxiway.configure(&config(&taxiway, Some(address)));
    let mut daemon = taxiway.daemon();
    daemon.until_told(&format!("[control] listen: {address}: "));
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    taxiway.run(&["status"]).exits(0);
    drop(other);
    let host = format!("Host: {address}\r\n");
    listens(address);
    begins(&say(address, "GET /healthz", &host), 200);
    daemon.stop();
}

#[test]
fn a_reload_listens_elsewhere_or_no_more_and_takes_up_another_token() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let (one, two) = (free(), free());
    taxiway.configure(&config(&taxiway, None));
    let daemon = taxiway.daemon();
    for (listen, said) in [
        (Some(one), format!("[control]: listen = \"{one}\"\n")),
        (Some(two), format!("[control]: listen = \"{two}\"\n")),
    ] {
        taxiway.configure(&config(&taxiway, listen));
        taxiway.run(&["reload"]).exits(0).prints(&said).tells("");
        listens(listen.expect("an address"));
    }
    listens_no_more(one);
    let first = token(&taxiway);
    let shown = |token: &str| {
        let headers = format!("Host: {two}\r\nAuthorization: Bearer {token}\r\n");
        say(two, "GET /v1/status", &headers)
    };
    begins(&shown(&first), 200);
    std::fs::remove_file(taxiway.state_dir().join("control-token")).expect("removed");
    taxiway.run(&["reload"]).exits(0).prints("nothing changed\n");
    eventually("the first one is refused", || {
        shown(&first).starts_with("HTTP/1.1 401 ").then_some(())
    });
    let second = token(&taxiway);
    assert_ne!(first, second);
    begins(&shown(&second), 200);
    taxiway.configure(&config(&taxiway, None));
    taxiway.run(&["reload"]).exits(0).prints("[control]: listen not set any more\n");
    listens_no_more(two);
    daemon.stop();
}
