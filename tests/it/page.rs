//! The page about the control socket: it names every path that there is, and its examples are real.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Server, Taxiway, ask, eventually, have, picture, section, write};

/// The address that the page listens on.
const SHOWN: &str = "127.0.0.1:7447";

/// One that nobody listens on.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    listener.local_addr().expect("an address")
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/control.md")
}

/// The headings of the page that name a request.
fn named() -> BTreeSet<String> {
    let page = fs::read_to_string(page()).expect("the page");
    let heading = |line: &str| Some(line.strip_prefix("### `")?.strip_suffix('`')?.to_owned());
    page.lines().filter_map(heading).collect()
}

/// A daemon over a folder with one uploaded file, and a file beside it.
fn house(server: &Server, address: SocketAddr) -> Taxiway {
    let taxiway = Taxiway::with(server);
    let folder = taxiway.folder("Runway");
    let listen = format!("[control]\nlisten = \"{address}\"\n");
    taxiway.configure(&format!("{listen}{}settle = \"50ms\"\n", section(&folder)));
    write(&folder.join("cat.gif"), &picture(1, 1_000));
    write(&taxiway.path("dog.gif"), &picture(2, 1_000));
    taxiway.once().exits(0);
    taxiway
}

#[test]
fn the_page_names_the_paths_of_the_router_and_no_others() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/control");
    let mut routed = BTreeSet::new();
    for file in ["routes.rs", "wire.rs"] {
        let text = fs::read_to_string(source.join(file)).expect("the source");
        let quoted = text
            .split('"')
            .filter(|text| text.starts_with("/v1/") || ["/healthz", "/metrics"].contains(text));
        routed.extend(quoted.map(str::to_owned));
    }
    let named = named();
    let paths = named.iter().filter_map(|request| Some(request.split_once(' ')?.1.to_owned()));
    assert_eq!(paths.collect::<BTreeSet<String>>(), routed);
    let server = Server::start();
    let taxiway = house(&server, free());
    let daemon = taxiway.daemon();
    for request in named.iter().filter(|request| *request != "GET /v1/events") {
        // No body means nothing to some, and is refused by others; but it is their path and method.
        let answer = ask(&taxiway, request, "");
        assert!(![404, 405, 500].contains(&answer.status), "{request}: {answer:?}");
        let other = match request.split_once(' ') {
            Some(("GET", path)) => format!("POST {path}"),
            Some((_, path)) => format!("GET {path}"),
            None => panic!("{request}"),
        };
        ask(&taxiway, &other, "").is(405);
    }
    daemon.stop();
}

/// What is another each time, as the page shows it.
fn steady(server: &Server, taxiway: &Taxiway, text: &str) -> String {
    let mut text = text.replace(&*taxiway.root.to_string_lossy(), "/home/me");
    for (ours, usual) in [("me/state/", "me/.local/state/"), ("me/config/", "me/.config/")] {
        text = text.replace(ours, usual);
    }
    for asset in server.assets() {
        text = text.replace(&asset.id.to_string(), "…");
    }
    for (key, end, shown) in [
        ("\"pid\":", ",", "4242"),
        ("\"version\":", ",", "\"0.1.0\""),
        ("\"bytes_per_second\":", ",", "0"),
        ("\"asset_url\":\"", "\"", "https://…"),
        ("\"hash\":\"", "\"", "…"),
    ] {
        let mut parts = text.split(key);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let rest = part.find(end).map_or("", |at| &part[at..]);
            out += &format!("{key}{shown}{rest}");
        }
        text = out;
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\"20") {
        let long = rest[at + 1..].find('"').unwrap_or_default();
        let is_time =
            long == 24 && rest[at + 1..].starts_with("20") && rest.as_bytes()[at + long] == b'Z';
        out += &rest[..=at];
        out += if is_time { "2026-11-25T12:00:00.000Z" } else { &rest[at + 1..=at + long] };
        rest = &rest[at + 1 + long..];
    }
    out += rest;
    match out.split_once("paused until ") {
        Some((before, after)) => {
            // An hour before midnight it is tomorrow.
            let after = after.trim_start_matches("tomorrow ");
            format!("{before}paused until 13:00:00{}", &after[8..])
        }
        None => out,
    }
}

#[test]
fn each_example_of_the_page_is_what_the_program_says() {
    if !have("curl") {
        return;
    }
    let server = Server::start();
    let address = free();
    let taxiway = house(&server, address);
    let daemon = taxiway.daemon();
    let page = fs::read_to_string(page()).expect("the page");
    let (state, config) = (taxiway.state_dir(), taxiway.config_file());
    let socket = state.join("control.sock");
    eventually("it listens", || TcpStream::connect(address).ok());
    let mut real = String::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ => {}
        }
        let Some(command) = line.strip_prefix("$ ") else {
            if !inside || line == "```console" {
                real += &format!("{line}\n");
            }
            continue;
        };
        let (socket, state, config) = (socket.display(), state.display(), config.display());
        let command = command.replace(SHOWN, &address.to_string());
        let script = format!("socket='{socket}'\nstate='{state}'\nconfig='{config}'\n{command}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(&taxiway.root).stdin(Stdio::null());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = taxiway.finish(shell, b"");
        let out = said.out.replace(&address.to_string(), SHOWN);
        let out = steady(&server, &taxiway, &out);
        let out = out.trim_end();
        real += &if out.is_empty() { format!("{line}\n") } else { format!("{line}\n{out}\n") };
    }
    daemon.stop();
    if std::env::var_os("TAXIWAY_BLESS").is_some() {
        fs::write(self::page(), &real).expect("the page");
    }
    assert_eq!(page, real, "TAXIWAY_BLESS=1 rewrites the answers");
}
