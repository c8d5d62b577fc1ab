//! `status`, `pause`, `resume`, `rescan`, and what the socket says of health and of the ledger.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::Value;

use crate::support::{
    Answer, PATIENCE, Server, Taxiway, ask, eventually, media, picture, section, sparse_wav, write,
};

/// A text in which the home is `~`, times of day are `T`, and RFC 3339 ones `T` as well.
fn filtered(taxiway: &Taxiway, text: &str) -> String {
    let text = text.replace(&*taxiway.root.to_string_lossy(), "~");
    // An hour before midnight it is.
    let text = text.replace("until tomorrow ", "until ");
    let digits = |shape: &str, text: &str| {
        let mut bytes = text.bytes();
        shape.bytes().all(|wanted| match (wanted, bytes.next()) {
            (b'0', Some(byte)) => byte.is_ascii_digit(),
            (wanted, byte) => byte == Some(wanted),
        })
    };
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let shapes = ["0000-00-00T00:00:00.000Z", "00:00:00"];
        let long = match shapes.into_iter().find(|shape| digits(shape, rest)) {
            Some(shape) => {
                out.push('T');
                shape.len()
            }
            None => {
                out.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[long..];
    }
    out
}

/// The first line of `status`.
#[track_caller]
fn line(taxiway: &Taxiway) -> String {
    let said = taxiway.run(&["status"]).exits(0).tells("");
    filtered(taxiway, said.lines()[0])
}

#[track_caller]
fn status(taxiway: &Taxiway) -> Value {
    taxiway.run(&["status", "--json"]).exits(0).tells("").objects().remove(0)
}

/// One file that is uploaded, and one that is none of ours.
fn settled(server: &Server) -> Taxiway {
    let taxiway = Taxiway::watching(server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    fs::copy(media("notes.txt"), taxiway.path("folder/notes.txt")).expect("a copy");
    taxiway.once().exits(0);
    taxiway
}

#[test]
fn without_a_daemon_there_is_nobody_to_ask() {
    let taxiway = Taxiway::alone();
    let commands: [&[&str]; 8] = [
        &["status"],
        &["status", "--watch"],
        &["wait"],
        &["pause"],
        &["pause", "--for", "1h"],
        &["resume"],
        &["rescan"],
        &["reload"],
    ];
    let error = "no daemon runs with this configuration";
    for command in commands {
        let said = taxiway.run(command).exits(69).prints("");
        said.tells(&format!("error: {error}\nhint: taxiway run\n"));
        let said = taxiway.run(&[command, &["--json"]].concat()).exits(69).prints("");
        assert_eq!(said.error_object()["error"], error);
        let said = taxiway.run(&[command, &["--sandbox", "--state-dir", "s"]].concat()).exits(69);
        said.tells(&format!("error: {error}\nhint: taxiway --state-dir s --sandbox run\n"));
    }
    assert!(!taxiway.state_dir().exists() && !taxiway.path("s").exists(), "asking leaves no trace");
    taxiway.run(&["pause", "--for", "x"]).exits(2).prints("").tells(
        "error: invalid value 'x' for '--for <TIME>': it is not a number with a unit\n\
         hint: taxiway pause --help\n",
    );
}

#[test]
fn status_is_a_page_for_people_and_one_object_for_programs() {
    let server = Server::start();
    let taxiway = settled(&server);
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["status"]).exits(0).tells("");
    assert_eq!(
        filtered(&taxiway, &said.out),
        "all done as of T\n\
         files     1 uploaded, 1 ignored\n\
         folder    ~/folder  events, scanned T\n\
         account   me@example.com  ok\n"
    );
    let said = taxiway.run(&["status", "--json"]).exits(0).tells("");
    let golden = concat!(
        r#"{"schema":1,"version":"VERSION","pid":PID,"started_at":"T","state":"idle","done":true,"#,
        r#""reason":null,"counts":{"settling":0,"queued":0,"uploading":0,"unknown":0,"uploaded":1,"#,
        r#""failed":0,"held":0,"ignored":1},"bytes_left":0,"bytes_per_second":0,"folders":[{"path":"#,
        r#""~/folder","account":"me@example.com","mode":"events","last_scan_at":"T","#,
        r#""missed_by_events":0,"reason":null}],"accounts":[{"email":"me@example.com","state":"ok","#,
        r#""until":null,"reason":null}],"uploading":[]}"#,
        "\n"
    );
    let golden = golden.replace("VERSION", env!("CARGO_PKG_VERSION"));
    let golden = golden.replace("PID", &daemon.pid().to_string());
    assert_eq!(filtered(&taxiway, &said.out), golden);
    assert_eq!(filtered(&taxiway, &ask(&taxiway, "GET /v1/status", "").is(200).text), golden);
    daemon.stop();
}

#[test]
fn what_goes_out_is_shown_and_how_far_it_is() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let large = taxiway.path("folder/large.wav");
    sparse_wav(&large, 64 << 20);
    server.faults(&["bandwidth=2MB/s"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("uploading", &large);
    let seen = eventually("bytes go out", || {
        let status = status(&taxiway);
        (status["uploading"][0]["sent"].as_u64() > Some(0)).then_some(status)
    });
    assert_eq!((&seen["state"], &seen["done"]), (&"busy".into(), &false.into()), "{seen}");
    assert_eq!(seen["uploading"][0]["path"], *large.to_string_lossy());
    assert_eq!(seen["uploading"][0]["size"], 64 << 20);
    assert_eq!(
        (&seen["counts"]["uploading"], &seen["bytes_left"]),
        (&1.into(), &67_108_864.into())
    );
    let said = taxiway.run(&["status"]).exits(0);
    let lines = said.lines();
    assert!(lines[0].starts_with("uploading 1 of 1 file, "), "{}", said.out);
    assert!(lines[0].contains(" left, ") && lines[0].contains("/s, about "), "{}", said.out);
    assert_eq!(lines[1], "files     1 uploading");
    let last = filtered(&taxiway, lines[4]);
    assert!(
        last.starts_with("uploading ") && last.ends_with("% of 67 MB  ~/folder/large.wav"),
        "{last}"
    );
    daemon.stop();
}

#[test]
fn what_was_opened_ahead_and_has_no_place_yet_is_queued() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!(
        "[api]\nconcurrency = 1\nrate_limit = \"200KB/s\"\n{}settle = \"50ms\"\nemail = \"me@example.com\"\n",
        section(&folder)
    ));
    for number in 1..=4 {
        write(&folder.join(format!("{number}.gif")), &picture(number, 400_000));
    }
    let daemon = taxiway.spawn(&["run", "--json"]);
    eventually("one of four goes out", || {
        let status = taxiway.run(&["status", "--json"]).out;
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        let counts = &status["counts"];
        let all = counts["queued"] == 3 && counts["uploading"] == 1;
        (all && status["uploading"].as_array()?.len() == 1).then_some(())
    });
    daemon.stop();
}

#[test]
fn the_first_line_says_what_is_waited_for() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    let mut daemon = taxiway.daemon();
    server.faults(&["status=429,retry-after=3000,times=1"]);
    write(&file, &picture(1, 1_000));
    daemon.event("account_stopped");
    let first = line(&taxiway);
    let begins = "1 file waiting, next try T, in 50 min: the server asked to slow down: 429: ";
    assert!(first.starts_with(begins), "{first}");
    let now = status(&taxiway);
    assert_eq!(now["accounts"][0]["state"], "rate", "{now}");
    assert!(now["accounts"][0]["until"].is_string(), "{now}");
    daemon.stop();

    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/b.gif"), &picture(2, 1_000));
    server.set_token("user:2-other");
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("account_stopped");
    assert_eq!(line(&taxiway), "the token is refused: 401: Unauthorized; 1 file waiting");
    let now = status(&taxiway);
    assert_eq!((&now["state"], &now["done"]), (&"attention".into(), &false.into()), "{now}");
    assert_eq!(now["accounts"][0]["state"], "auth", "{now}");
    fs::remove_dir_all(taxiway.path("folder")).expect("removed");
    daemon.event("folder_away");
    let now = status(&taxiway);
    assert_eq!(
        (&now["folders"][0]["mode"], &now["done"]),
        (&"away".into(), &false.into()),
        "{now}"
    );
    daemon.stop();
}

#[test]
fn a_watch_goes_on_until_the_daemon_is_gone() {
    let server = Server::start();
    let taxiway = settled(&server);
    let daemon = taxiway.daemon();
    let mut watch = taxiway.spawn(&["status", "--watch", "--json"]);
    let done = |status: &Value| status["done"] == true;
    watch.until("a status", done);
    watch.until("another", done);
    daemon.stop();
    assert_eq!(watch.ends(), 69);
    assert!(watch.told[0].contains("no daemon runs with this configuration"), "{:?}", watch.told);
}

#[test]
fn a_pause_lets_running_uploads_end_and_begins_nothing_even_after_a_crash() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let (first, second) = (taxiway.path("folder/a.gif"), taxiway.path("folder/b.gif"));
    let mut daemon = taxiway.daemon();
    server.faults(&["slow-answer=1s,times=1"]);
    write(&first, &picture(1, 1_000));
    eventually("the upload runs", || (server.open() == 1).then_some(()));
    let said = taxiway.run(&["pause"]).exits(0).prints("");
    let told = "paused until somebody says: taxiway resume; uploading 1 of 1 file, ";
    assert!(said.err.starts_with(told), "{}", said.err);
    daemon.event("paused");
    write(&second, &picture(2, 1_000));
    daemon.event_of("settled", &second);
    daemon.event_of("uploaded", &first);
    let waits = "paused until somebody says: taxiway resume; 1 file waiting";
    assert_eq!(line(&taxiway), waits);
    daemon.kill();

    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("scanned");
    assert_eq!(line(&taxiway), waits);
    let now = status(&taxiway);
    assert_eq!((&now["state"], &now["done"]), (&"paused".into(), &false.into()), "{now}");
    let said = taxiway.run(&["pause", "--json"]).exits(0).tells("");
    assert_eq!(said.objects()[0]["state"], "paused");
    assert_eq!(server.uploads(), 1);
    taxiway.run(&["resume", "-q"]).exits(0).prints("").tells("");
    daemon.event("resumed");
    daemon.event_of("uploaded", &second);
    daemon.event("idle");
    let said = taxiway.run(&["resume"]).exits(0).prints("");
    assert_eq!(filtered(&taxiway, &said.err), "all done as of T\n", "twice is once");
    daemon.stop();
}

#[test]
fn a_pause_that_outlived_its_daemon_is_ended_without_one() {
    let server = Server::start();
    let taxiway = settled(&server);
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["pause"]).exits(0).prints("");
    said.tells("paused until somebody says: taxiway resume\n");
    daemon.stop();
    taxiway
        .run(&["run", "--once", "-q"])
        .exits(75)
        .tells("error: uploads are paused\nhint: taxiway resume\n");
    taxiway.run(&["resume"]).exits(0).prints("").tells("the pause is over; no daemon runs\n");
    let nobody = "error: no daemon runs with this configuration\nhint: taxiway run\n";
    taxiway.run(&["resume"]).exits(69).prints("").tells(nobody);
    taxiway.run(&["run", "--once", "-q"]).exits(0);
}

#[test]
fn a_pause_for_a_while_ends_by_itself() {
    let server = Server::start();
    let taxiway = settled(&server);
    let mut daemon = taxiway.daemon();
    let said = taxiway.run(&["pause", "--for", "1h"]).exits(0);
    assert_eq!(filtered(&taxiway, &said.err), "paused until T, in 60 min\n");
    assert!(daemon.event("paused")["until"].is_string());
    // The last word counts.
    let said = taxiway.run(&["pause", "--for", "300ms"]).exits(0);
    assert_eq!(filtered(&taxiway, &said.err), "paused until T\n");
    let file = taxiway.path("folder/b.gif");
    write(&file, &picture(2, 1_000));
    daemon.event("resumed");
    daemon.event_of("uploaded", &file);
    daemon.stop();
}

#[test]
fn a_rescan_finds_what_no_event_told_of() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let polled = "settle = \"50ms\"\nmode = \"poll\"\npoll_interval = \"1h\"\n";
    taxiway.configure(&format!("{}{polled}", section(&folder)));
    let mut daemon = taxiway.daemon();
    let file = folder.join("a.gif");
    write(&file, &picture(1, 1_000));
    taxiway.run(&["rescan"]).exits(0).prints("");
    daemon.event_of("uploaded", &file);
    let said = taxiway.run(&["rescan", "--json"]).exits(0).tells("");
    assert_eq!(said.objects()[0]["folders"][0]["mode"], "poll");
    daemon.stop();
}

#[test]
fn the_ledger_is_listed_by_page_and_filter() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let names: [&[u8]; 5] =
        [b"a.gif", b"b & c=%+.gif", b"new\nline.gif", b"\xff.gif", b"deep/e.gif"];
    for (number, name) in names.iter().enumerate() {
        let path = taxiway.path("folder").join(OsStr::from_bytes(name));
        write(&path, &picture(number as u64, 1_000));
    }
    fs::copy(media("notes.txt"), taxiway.path("folder/notes.txt")).expect("a copy");
    let daemon = taxiway.daemon();
    let get = |query: &str| ask(&taxiway, &format!("GET /v1/ledger?{query}"), "");
    let encoded = |path: &Path| {
        let bytes = path.as_os_str().as_bytes().iter();
        bytes.map(|byte| format!("%{byte:02x}")).collect::<String>()
    };
    let exact = |row: &Value| match row["path_hex"].as_str() {
        Some(hex) => hex.as_bytes().chunks(2).fold(String::new(), |path, pair| {
            format!("{path}%{}", std::str::from_utf8(pair).expect("digits"))
        }),
        None => encoded(Path::new(row["path"].as_str().expect("a path"))),
    };
    let all = get("").is(200).objects();
    assert_eq!(all, taxiway.rows());
    assert_eq!(all.len(), 6);
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map(|row| format!("&after={}", exact(row))).unwrap_or_default();
        let page = get(&format!("limit=2{after}")).is(200).objects();
        paged.extend(page.iter().cloned());
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(paged, all);
    let paths = |answer: Answer| {
        let path = |row: &Value| row["path"].as_str().unwrap_or_default().to_owned();
        let root = format!("{}/", taxiway.path("folder").display());
        let rows = answer.is(200).objects();
        let mut paths: Vec<String> = rows.iter().map(|row| path(row).replace(&root, "")).collect();
        paths.sort_unstable();
        paths
    };
    assert_eq!(paths(get("state=ignored")), ["notes.txt"]);
    assert_eq!(paths(get("state=failed")), [""; 0]);
    let deep = encoded(&taxiway.path("folder/deep/../deep/"));
    assert_eq!(paths(get(&format!("under={deep}"))), ["deep/e.gif"]);
    assert_eq!(paths(get("email=ME@example.com")).len(), 5);
    assert_eq!(paths(get("email=you@example.com")), [""; 0]);
    assert_eq!(paths(get("q=B+%26")), ["b & c=%+.gif"]);
    assert_eq!(paths(get("q=gif&state=uploaded&limit=1000")).len(), 5);
    for (query, error) in [
        ("limit=0", "limit: a number from 1 to 1000"),
        ("limit=1001", "limit: a number from 1 to 1000"),
        ("limit=x", "limit: a number from 1 to 1000"),
        ("state=gone", "state: there is no such state"),
        ("email=x", "email: it is not NAME@HOST"),
        ("limit=1&limit=2", "limit comes more than once"),
        ("q=%zz", "q is not percent-encoded"),
        ("under=folder", "\"folder\" is not an absolute path"),
        ("after=/nowhere", "after: that path is not in the ledger"),
        ("sort=name", "unknown parameter \"sort\": there is state, under, email, q, after, limit"),
    ] {
        let answer = get(query).is(400).object();
        assert_eq!((&answer["error"], &answer["exit"]), (&error.into(), &2.into()), "{query}");
    }
    daemon.stop();
}

#[test]
fn health_is_a_loop_that_turns_and_strictly_also_nothing_for_a_person() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    let healthy = "{\"schema\":1,\"healthy\":true}\n";
    for path in ["GET /healthz", "GET /healthz?strict"] {
        assert_eq!(ask(&taxiway, path, "").is(200).text, healthy);
    }
    assert_eq!(ask(&taxiway, "GET /healthz?loose", "").is(400).object()["exit"], 2);
    // Who means something by a parameter or a field is not to wait for what it does not do.
    for (request, body) in [
        ("GET /v1/status?strict", ""),
        ("GET /v1/events?state=failed", ""),
        ("POST /v1/pause?for=1h", ""),
        ("POST /v1/reload?force", "{}"),
        ("POST /v1/rescan", "{\"under\":\"/x\"}"),
        ("POST /v1/resume", "{\"for\":\"1h\"}"),
        ("POST /v1/reload", "{\"force\":true}"),
        ("POST /v1/reload", "[]"),
    ] {
        assert_eq!(ask(&taxiway, request, body).is(400).object()["exit"], 2, "{request}");
    }
    daemon.stop();
    write(&taxiway.path("folder/large.gif"), &picture(1, 50_000));
    server.faults(&["max-size=40KB"]);
    let daemon = taxiway.daemon();
    assert_eq!(ask(&taxiway, "GET /healthz", "").is(200).text, healthy);
    let answer = ask(&taxiway, "GET /healthz?strict", "").is(503).object();
    let error = filtered(&taxiway, answer["error"].as_str().expect("words"));
    assert_eq!(error, "all done as of T; 1 file failed");
    assert_eq!(answer["hint"], "taxiway status");
    // A pause does not hide it.
    taxiway.run(&["pause"]).exits(0);
    let answer = ask(&taxiway, "GET /healthz?strict", "").is(503).object();
    assert_eq!(answer["error"], "paused until somebody says: taxiway resume; 1 file failed");
    assert_eq!(ask(&taxiway, "GET /healthz", "").is(200).text, healthy);
    daemon.stop();
}

#[test]
fn a_ledger_that_cannot_be_written_is_not_healthy() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let program = taxiway.command(&["run", "--json"]);
    let mut command = std::process::Command::new("sh");
    // No file may grow beyond this: as on a disk that is full.
    let script = "trap '' XFSZ; ulimit -f 800; exec \"$0\" \"$@\"";
    command.args(["-c", script]).arg(program.get_program()).args(program.get_args());
    command.env_clear().envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.current_dir(&taxiway.root).stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut daemon = crate::support::Daemon::start(command);
    daemon.event("idle");
    ask(&taxiway, "GET /healthz", "").is(200);
    for number in 0..300 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 500));
    }
    let until = std::time::Instant::now() + PATIENCE;
    let answer = loop {
        let answer = ask(&taxiway, "GET /healthz", "");
        if answer.status != 200 {
            break answer;
        }
        assert!(std::time::Instant::now() < until, "it stays healthy");
    };
    let answer = answer.is(503).object();
    assert_eq!(answer["error"], "the daemon is ending, or cannot write its ledger now");
    daemon.kill();
}

#[test]
fn who_answers_nonsense_is_another_version() {
    let server = Server::start();
    let taxiway = settled(&server);
    let socket = taxiway.state_dir().join("control.sock");
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    let answers = std::thread::spawn(move || {
        for answer in
            ["500 Oops\r\nContent-Length: 2\r\n\r\nno", "200 OK\r\nContent-Length: 2\r\n\r\nno"]
        {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut head = BufReader::new(stream.try_clone().expect("the same")).lines();
            while head.next().is_some_and(|line| !line.expect("a line").is_empty()) {}
            write!(stream, "HTTP/1.1 {answer}").expect("an answer");
        }
    });
    taxiway
        .run(&["status"])
        .exits(75)
        .tells("error: the daemon answers 500\nhint: taxiway status\n");
    let said = taxiway.run(&["status"]).exits(75);
    assert_eq!(
        said.err,
        "error: the daemon's answer is not understood: expected ident at line 1 column 2\n\
         hint: restart the daemon: it may be another version\n"
    );
    answers.join().expect("both were asked for");
}

#[test]
fn a_wrong_request_is_answered_with_the_error_object() {
    let server = Server::start();
    let taxiway = settled(&server);
    let daemon = taxiway.daemon();
    for (request, body, status, error) in [
        ("GET /v1/none", "", 404, "there is no such path"),
        ("GET /v1/pause", "", 405, "this path takes another method"),
        ("POST /v1/status", "", 405, "this path takes another method"),
        ("POST /v1/pause?for=1h", "", 400, "a POST takes a body, and no parameters"),
        ("GET /healthz?strictly", "", 400, "the only parameter is strict"),
        ("GET /v1/status?all", "", 400, "this path takes no parameters"),
        ("GET /v1/events?all", "", 400, "this path takes no parameters"),
        ("POST /v1/pause", r#"{"for":"x"}"#, 400, "a time: it is not a number with a unit"),
        ("POST /v1/wait", r#"{"timeout":"1ms"}"#, 400, "a time: it is shorter than 10ms"),
        ("POST /v1/push", r#"{"paths":["a.gif"]}"#, 400, "\"a.gif\" is not an absolute path"),
        (
            "POST /v1/push",
            r#"{"paths":[]}"#,
            400,
            "paths must name a file, and exactly one beside a name",
        ),
        (
            "POST /v1/pause",
            r#"{"until":"1h"}"#,
            400,
            "the body: unknown field `until`, expected `for` at line 1 column 8",
        ),
    ] {
        let answer = ask(&taxiway, request, body).is(status).object();
        assert_eq!(answer["error"], error, "{request} {body}");
        assert_eq!(answer.as_object().map(serde_json::Map::len), Some(4), "{answer}");
    }
    daemon.stop();
}
