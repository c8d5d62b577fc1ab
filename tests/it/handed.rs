//! `push` beside a running daemon, which takes the files over.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Server, Taxiway, ask, eventually, media, picture, section, write};

#[test]
fn lines_come_in_the_order_of_the_arguments() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    for name in ["c.gif", "a.gif", "b.gif", "folder/known.gif"] {
        write(&taxiway.path(name), &picture(u64::from(name.as_bytes()[0]), 1_000));
    }
    fs::copy(media("notes.txt"), taxiway.path("notes.txt")).expect("a copy");
    write(&taxiway.path("empty.gif"), b"");
    fs::create_dir(taxiway.path("directory")).expect("a directory");
    let mut daemon = taxiway.daemon();
    // The daemon has it.
    taxiway.unset("TAXIWAY_TOKEN");
    let files = [
        "c.gif",
        "notes.txt",
        "a.gif",
        "empty.gif",
        "missing.gif",
        "directory",
        "folder/known.gif",
        "b.gif",
        "c.gif",
    ];
    let said = taxiway.run(&[&["push"], &files[..]].concat()).exits(1);
    let id = |name: &str| server.asset_named(name).asset_id();
    let (a, b, c, known) = (id("a.gif"), id("b.gif"), id("c.gif"), id("known.gif"));
    assert_eq!(said.lines(), [&c, "", &a, "", "", "", &known, &b, &c]);
    said.tells(
        "notes.txt: text: only pictures, video and sound can be uploaded\n\
         empty.gif: the file is empty\n\
         missing.gif: there is no such file\n\
         directory: it is a directory, and push takes files\n\
         error: 4 of 9 files have no assetId\n\
         hint: taxiway why notes.txt\n",
    );
    daemon.event_of("uploaded", &taxiway.path("b.gif"));
    let before = server.requests();
    taxiway.run(&["push", "b.gif"]).exits(0).prints(&format!("{b}\n")).tells("");
    let said = taxiway.run(&["push", "--json", "missing.gif", "b.gif", "notes.txt"]).exits(1);
    assert_eq!(said.error_object()["error"], "2 of 3 files have no assetId");
    let rows = said.objects();
    for row in &rows {
        assert_eq!(row.as_object().expect("an object").len(), 18, "{row}");
    }
    let of = |field: &str| rows.iter().map(|row| row[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("state"), ["failed", "uploaded", "ignored"]);
    assert_eq!(rows[1]["asset_id"], b);
    assert_eq!(rows[2]["reason"], "text: only pictures, video and sound can be uploaded");
    assert_eq!(server.requests(), before);
    daemon.stop();
    server.nothing_twice();
}

#[test]
fn force_and_name_are_handed_over_too() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let whole = fs::read(media("picture.png")).expect("a picture");
    write(&taxiway.path("half.png"), &whole[..whole.len() - 12]);
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["push", "half.png"]).exits(1).prints("\n");
    let told = said.told();
    assert!(told.starts_with("half.png: incomplete: "), "{told}");
    assert!(told.ends_with("hint: taxiway push --force half.png\n"), "{told}");
    assert_eq!(server.requests(), 0);
    let said = taxiway.run(&["push", "--force", "half.png"]).exits(0).tells("");
    said.prints(&format!("{}\n", server.asset().asset_id()));
    taxiway.run(&["push", "--name", "My &+% cat.gif", "a.gif"]).exits(0).tells("");
    let id = server.asset_named("My &+% cat.gif").asset_id();
    let said = taxiway.run(&["push", "--name", "other.gif", "a.gif"]).exits(0);
    said.prints(&format!("{id}\n")).tells(
        "warning: this content is uploaded already, as \"My &+% cat.gif\"; --name is ignored\n",
    );
    daemon.stop();
}

#[test]
fn a_list_on_stdin_may_have_any_name() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let odd = OsStr::from_bytes(b"new\nline \xff.gif");
    write(&taxiway.path(odd), &picture(1, 1_000));
    write(&taxiway.path("-b.gif"), &picture(2, 1_000));
    let daemon = taxiway.daemon();
    let list = b"new\nline \xff.gif\0-b.gif\0";
    let said = taxiway.run_with_stdin(&["push", "--stdin0"], list).exits(0).tells("");
    let id = |name: &str| server.asset_named(name).asset_id();
    assert_eq!(said.lines(), [id("new\u{FFFD}line \u{FFFD}.gif"), id("-b.gif")]);
    daemon.stop();
}

#[test]
fn what_is_left_when_the_time_is_over_goes_on() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("a.gif");
    write(&file, &picture(1, 1_000));
    let mut daemon = taxiway.daemon();
    server.faults(&["slow-answer=2s,times=1"]);
    taxiway.run(&["push", "--timeout", "300ms", "a.gif"]).exits(75).prints("\n").tells(
        "a.gif: not at rest yet\nerror: the file has no assetId\n\
         hint: push again; what is uploaded is not sent twice\n",
    );
    let row = taxiway.run(&["push", "--timeout", "10ms", "--json", "a.gif"]).exits(75);
    assert!(row.objects()[0]["asset_id"].is_null(), "{}", row.out);
    daemon.event_of("uploaded", &file);
    taxiway.run(&["push", "a.gif"]).exits(0);
    assert_eq!(server.uploads(), 1);
    // And with the next daemon.
    let other = taxiway.path("b.gif");
    write(&other, &picture(2, 1_000));
    taxiway.run(&["pause", "-q"]).exits(0);
    let paused = "error: uploads are paused\nhint: taxiway resume\n";
    taxiway.run(&["push", "b.gif", "a.gif"]).exits(75).tells(paused);
    daemon.kill();
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("scanned");
    taxiway.run(&["resume", "-q"]).exits(0);
    daemon.event_of("uploaded", &other);
    daemon.stop();
    server.nothing_twice();
}

#[test]
fn each_file_goes_to_its_account_and_a_stopped_one_holds_up_no_other() {
    let server = Server::of(&["one@example.com", "two@example.com", "new@example.com"]);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for name in ["one", "two"] {
        let folder = taxiway.folder(name);
        config +=
            &format!("{}email = \"{name}@example.com\"\nsettle = \"50ms\"\n", section(&folder));
    }
    taxiway.configure(&config);
    let mut daemon = taxiway.daemon();
    write(&taxiway.path("b.gif"), &picture(2, 1_000));
    taxiway.run(&["push", "b.gif"]).exits(2).prints("").tells(
        "error: which account is b.gif for?\n\
         hint: taxiway push --email one@example.com b.gif (or: two@example.com)\n",
    );
    let body = format!("{{\"paths\":[{:?}]}}", taxiway.path("b.gif"));
    let answer = ask(&taxiway, "POST /v1/push", &body).is(400).object();
    assert_eq!(answer["hint"], "say email, one of: one@example.com, two@example.com");
    taxiway.run(&["push", "--email", "NEW@example.com", "b.gif"]).exits(0).tells("");
    assert_eq!(server.asset().account, "new@example.com");

    // In its folder it is wanted on one account, and pushed to another.
    let file = taxiway.path("one/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    let said = taxiway.run(&["push", "--json", "--email", "two@example.com", "one/a.gif"]).exits(0);
    let row = said.objects().remove(0);
    assert!(row["asset_id"].as_str().is_some_and(|id| id.contains("two@example.com")), "{row}");

    server.faults(&["broken-account=one@example.com"]);
    for (number, name) in ["one/c.gif", "two/c.gif"].into_iter().enumerate() {
        write(&taxiway.path(name), &picture(10 + number as u64, 1_000));
    }
    let said = taxiway.run(&["push", "one/c.gif", "two/c.gif", "b.gif"]);
    assert_eq!(said.code, 2, "b.gif could be any's: {}", said.err);
    let said = taxiway.run(&["push", "one/c.gif", "two/c.gif"]).exits(77);
    let lines = said.lines();
    assert!(lines[0].is_empty() && lines[1].contains("two@example.com"), "{}", said.out);
    let told = "error: the Runway account is in trouble: 596: Account one@example.com in error \
                state: the sandbox was told so\nhint: taxiway status\n";
    assert_eq!(said.err, told);
    daemon.stop();
}

#[test]
fn an_account_that_hangs_holds_up_no_other() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for (number, name) in ["one", "two"].into_iter().enumerate() {
        let folder = taxiway.folder(name);
        config += &format!("{}email = \"{name}@example.com\"\n", section(&folder));
        config += "settle = \"50ms\"\nexclude = [\"*\"]\n";
        write(&folder.join(format!("{name}.gif")), &picture(number as u64, 1_000));
    }
    taxiway.configure(&config);
    let mut daemon = taxiway.daemon();
    server.faults(&["slow-answer=30s,name=one.gif"]);
    let push = taxiway.spawn(&["push", "one/one.gif", "two/two.gif"]);
    daemon.event_of("uploaded", &taxiway.path("two/two.gif"));
    push.kill();
    daemon.kill();
}

#[test]
fn a_refused_token_or_the_daemons_end_is_told_at_once() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    write(&taxiway.path("known.gif"), &picture(2, 1_000));
    let daemon = taxiway.daemon();
    taxiway.run(&["push", "known.gif"]).exits(0);
    let known = server.asset().asset_id();
    server.set_token("user:2-other");
    let said = taxiway.run(&["push", "a.gif", "known.gif"]).exits(77);
    said.prints(&format!("\n{known}\n"))
        .tells("error: the token is refused: 401: Unauthorized\nhint: taxiway status\n");
    daemon.stop();

    server.set_token(crate::support::TOKEN);
    server.faults(&["slow-answer=20s"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    // One that comes before the daemon has the ledger does it alone.
    daemon.event("started");
    let mut push = taxiway.spawn(&["push", "a.gif"]);
    eventually("the file is stored", || (server.assets().len() == 2).then_some(()));
    daemon.signal("INT");
    daemon.signal("INT");
    assert_eq!(push.ends(), 75);
    assert_eq!(push.printed, [""]);
}

#[test]
fn many_files_are_more_than_one_request() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let names: Vec<String> = (0..230).map(|number| format!("many/{number}.gif")).collect();
    for (number, name) in names.iter().enumerate() {
        write(&taxiway.path(name), &picture(number as u64, 500));
    }
    let arguments: Vec<&str> =
        ["push"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let said = taxiway.run(&arguments).exits(0).tells("");
    let ids =
        names.iter().map(|name| server.asset_named(name.trim_start_matches("many/")).asset_id());
    assert_eq!(said.lines(), ids.collect::<Vec<_>>());
    daemon.event("idle");
    daemon.stop();
}
