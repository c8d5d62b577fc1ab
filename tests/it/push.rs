//! `push`: these files now, one line an argument, whoever else is at work.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Server, Taxiway, eventually, media, picture, section, write};

#[test]
fn lines_come_in_the_order_of_the_arguments() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    for name in ["c.gif", "a.gif", "b.gif"] {
        write(&taxiway.path(name), &picture(u64::from(name.as_bytes()[0]), 1_000));
    }
    fs::copy(media("notes.txt"), taxiway.path("notes.txt")).expect("a copy");
    write(&taxiway.path("empty.gif"), b"");
    fs::create_dir(taxiway.path("directory")).expect("a directory");
    let files =
        ["c.gif", "notes.txt", "a.gif", "empty.gif", "missing.gif", "directory", "b.gif", "c.gif"];
    let said = taxiway.run(&[&["push"], &files[..]].concat()).exits(1);
    let id = |name: &str| server.asset_named(name).asset_id();
    assert_eq!(
        said.lines(),
        [&id("c.gif"), "", &id("a.gif"), "", "", "", &id("b.gif"), &id("c.gif")]
    );
    said.tells(
        "notes.txt: text: only pictures, video and sound can be uploaded\n\
         empty.gif: the file is empty\n\
         missing.gif: there is no such file\n\
         directory: it is a directory, and push takes files\n\
         error: 4 of 8 files have no assetId\n\
         hint: taxiway why notes.txt\n",
    );
    assert_eq!(server.uploads(), 3);
    // Again: no request.
    let before = server.requests();
    taxiway.run(&["push", "a.gif"]).exits(0).prints(&format!("{}\n", id("a.gif"))).tells("");
    assert_eq!(server.requests(), before);
    // And what was pushed is known to a folder too.
    fs::create_dir(taxiway.path("folder")).expect("a directory");
    fs::copy(taxiway.path("a.gif"), taxiway.path("folder/copy.gif")).expect("a copy");
    taxiway.run(&["run", "--once", "-q", "folder"]).exits(0);
    assert_eq!(server.requests(), before);
}

#[test]
fn rows_have_all_fields() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    fs::copy(media("notes.txt"), taxiway.path("notes.txt")).expect("a copy");
    let said = taxiway.run(&["push", "--json", "missing.gif", "a.gif", "notes.txt"]).exits(1);
    let error = said.error_object();
    assert_eq!(error["error"], "2 of 3 files have no assetId");
    let rows = said.objects();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!(row.as_object().expect("an object").len(), 18, "{row}");
        assert!(row["path"].as_str().is_some_and(|path| path.starts_with('/')), "{row}");
    }
    assert_eq!(rows[0]["reason"], "there is no such file");
    assert_eq!(rows[1]["asset_id"], server.asset().asset_id());
    assert_eq!(rows[1]["state"], "uploaded");
    assert_eq!(rows[2]["reason"], "text: only pictures, video and sound can be uploaded");
}

#[test]
fn a_name_is_for_one_new_content() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    write(&taxiway.path("b.gif"), &picture(2, 1_000));
    taxiway.run(&["push", "--name", "My &+% cat.gif", "a.gif"]).exits(0).tells("");
    let asset = server.asset();
    assert_eq!(asset.name, "My &+% cat.gif");
    let said = taxiway.run(&["push", "--name", "other.gif", "a.gif"]).exits(0);
    said.prints(&format!("{}\n", asset.asset_id())).tells(
        "warning: this content is uploaded already, as \"My &+% cat.gif\"; --name is ignored\n",
    );
    taxiway
        .run(&["push", "--name", "x", "a.gif", "b.gif"])
        .exits(2)
        .tells("error: --name goes with exactly one file\nhint: taxiway push --name NAME FILE\n");
    taxiway.run(&["push"]).exits(2).tells(
        "error: the following required arguments were not provided: <FILE>...\n\
         hint: taxiway push --help\n",
    );
    assert_eq!(server.uploads(), 1);
}

#[test]
fn a_list_on_stdin_is_separated_by_nul() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let odd = OsStr::from_bytes(b"new\nline \xff.gif");
    write(&taxiway.path(odd), &picture(1, 1_000));
    write(&taxiway.path("-b.gif"), &picture(2, 1_000));
    let said =
        taxiway.run_with_stdin(&["push", "--stdin0"], b"new\nline \xff.gif\0-b.gif\0").exits(0);
    let ids: Vec<String> = server.assets().iter().map(|asset| asset.asset_id()).collect();
    let mut lines = said.lines();
    assert_eq!(lines[0], server.asset_named("new\u{FFFD}line \u{FFFD}.gif").asset_id());
    lines.sort_unstable();
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.sort_unstable();
    assert_eq!(lines, ids);
    taxiway.run_with_stdin(&["push", "--stdin0"], b"").exits(0).prints("");
}

#[test]
fn what_a_push_leaves_unfinished_the_next_run_finishes() {
    let mut server = Server::start();
    let taxiway = Taxiway::with(&server);
    taxiway.folder("folder");
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    server.stop();
    let said = taxiway.run(&["push", "--timeout", "3s", "a.gif"]).exits(75);
    said.prints("\n").tells(
        "error: uploads are stopped: no TCP connection: connection refused\n\
         hint: check the network, then run again\n",
    );
    server.restart();
    taxiway.run(&["run", "--once", "-q", "folder"]).exits(0);
    assert_eq!(server.asset().name, "a.gif");
    taxiway.run(&["push", "a.gif"]).exits(0);
    assert_eq!(server.uploads(), 1);
}

#[test]
fn a_push_that_was_not_even_at_rest_is_finished_by_the_next_run() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    taxiway.folder("folder");
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    taxiway.run(&["push", "--timeout", "100ms", "a.gif"]).exits(75).prints("\n").tells(
        "a.gif: not at rest yet\nerror: the file has no assetId\n\
         hint: push again; what is uploaded is not sent twice\n",
    );
    taxiway.run(&["run", "--once", "-q", "folder"]).exits(0);
    assert_eq!(server.asset().name, "a.gif");
}

#[test]
fn an_incomplete_file_goes_only_by_force() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let whole = fs::read(media("picture.png")).expect("a picture");
    write(&taxiway.path("half one.png"), &whole[..whole.len() - 12]);
    let said = taxiway.run(&["push", "half one.png"]).exits(1).prints("\n");
    let told = said.told();
    assert!(told.starts_with("half one.png: incomplete: "), "{told}");
    assert!(told.ends_with("hint: taxiway push --force 'half one.png'\n"), "{told}");
    assert_eq!(server.requests(), 0);
    taxiway.run(&["push", "--force", "half one.png"]).exits(0);
    assert_eq!(server.asset().size, whole.len() as u64 - 12);
}

#[test]
fn filters_do_not_apply_to_a_push() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}exclude = [\"drafts/\"]\nsettle = \"50ms\"\n", section(&folder)));
    write(&folder.join("drafts/a.gif"), &picture(1, 1_000));
    write(&folder.join(".hidden.gif"), &picture(2, 1_000));
    taxiway.once().exits(0);
    assert_eq!(server.requests(), 0);
    taxiway.run(&["push", "folder/drafts/a.gif", "folder/.hidden.gif"]).exits(0);
    assert_eq!(server.assets().len(), 2);
}

#[test]
fn beside_a_daemon_what_is_known_is_answered_and_the_rest_handed_over() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    write(&taxiway.path("b.gif"), &picture(2, 1_000));
    fs::copy(taxiway.path("folder/a.gif"), taxiway.path("copy.gif")).expect("a copy");
    let daemon = taxiway.daemon();
    let asset_id = server.asset().asset_id();
    let said = taxiway.run(&["push", "copy.gif", "folder/a.gif"]).exits(0);
    said.prints(&format!("{asset_id}\n{asset_id}\n")).tells("");
    let said = taxiway.run(&["push", "--json", "copy.gif"]).exits(0);
    assert_eq!(said.objects()[0]["asset_id"], asset_id);
    let said = taxiway.run(&["push", "b.gif", "copy.gif"]).exits(0);
    let ids: Vec<&str> = said.out.lines().collect();
    assert_eq!((ids.len(), ids[1]), (2, asset_id.as_str()), "in the order of the arguments");
    assert_ne!(ids[0], asset_id);
    daemon.stop();
    taxiway.run(&["push", "copy.gif", "b.gif"]).exits(0);
    assert_eq!(server.assets().len(), 2);
}

#[test]
fn pushes_wait_for_each_other() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let files = ["a.gif", "b.gif", "c.gif"];
    for (number, name) in files.iter().enumerate() {
        write(&taxiway.path(name), &picture(number as u64, 1_000));
    }
    let mut pushes: Vec<_> = files.iter().map(|name| taxiway.spawn(&["push", name])).collect();
    for push in &mut pushes {
        let line = push.line();
        assert!(line.starts_with("user:"), "{line}");
        assert_eq!(push.ends(), 0);
    }
    server.nothing_twice();
    assert_eq!(server.assets().len(), 3);
}

#[test]
fn a_push_without_patience_is_told_who_is_at_work() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    server.faults(&["slow-answer=20s"]);
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    write(&taxiway.path("b.gif"), &picture(2, 1_000));
    let first = taxiway.spawn(&["push", "a.gif"]);
    eventually("the upload is under way", || (server.open() > 0).then_some(()));
    taxiway.run(&["push", "--timeout", "100ms", "b.gif"]).exits(75).tells(&format!(
        "error: a push with process id {} has the ledger in ~/state/taxiway\n\
         hint: wait for it: add --timeout 10min\n",
        first.pid()
    ));
    first.kill();
    // What was cut off is found, not sent again.
    server.faults(&[]);
    taxiway.run(&["push", "b.gif", "a.gif"]).exits(0);
    server.nothing_twice();
    assert_eq!(server.uploads(), 2);
}

#[test]
fn a_push_finds_what_it_lost_the_answer_of() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    server.faults(&["lost-answer,times=1"]);
    let said = taxiway.run(&["push", "a.gif"]).exits(0);
    said.prints(&format!("{}\n", server.asset().asset_id())).tells("");
}

#[test]
fn the_account_is_that_of_the_folder_or_the_one_asked_for() {
    let accounts = ["one@example.com", "two@example.com"];
    let server = Server::of(&accounts);
    let taxiway = Taxiway::with(&server);
    let mut config = "[api]\nemail = \"two@example.com\"\n".to_owned();
    let folder = taxiway.folder("one");
    config += &format!("{}email = \"one@example.com\"\n", section(&folder));
    taxiway.configure(&config);
    write(&folder.join("a.gif"), &picture(1, 1_000));
    write(&taxiway.path("b.gif"), &picture(2, 1_000));
    taxiway.run(&["push", "one/a.gif", "b.gif"]).exits(0);
    assert_eq!(server.asset_named("a.gif").account, "one@example.com");
    assert_eq!(server.asset_named("b.gif").account, "two@example.com");
    taxiway.run(&["push", "--email", "ONE@example.com", "b.gif"]).exits(0);
    assert_eq!(server.assets().len(), 3);
    let said = taxiway.run(&["id", "--email", "one@example.com", "b.gif"]).exits(0);
    assert!(said.out.contains("runwayml:one@example.com"));
    let said = taxiway.run(&["id", "--email", "two@example.com", "b.gif"]).exits(0);
    assert!(said.out.contains("runwayml:two@example.com"));
}
