//! `retry`, `resolve` and `forget`: what a person asks for, without a daemon.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Server, Taxiway, have, media, picture, section, write};

/// A file that the server found too large, and one that it took. From now on it takes all.
fn refused(server: &Server) -> (Taxiway, PathBuf) {
    let taxiway = Taxiway::watching(server);
    let large = taxiway.path("folder/large.gif");
    write(&large, &picture(1, 50_000));
    write(&taxiway.path("folder/small.gif"), &picture(2, 1_000));
    server.faults(&["max-size=40KB"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    server.faults(&[]);
    assert_eq!(taxiway.state(&large), "failed");
    (taxiway, large)
}

/// A file that the server stored, without anybody being able to tell.
fn held(server: &Server) -> (Taxiway, PathBuf) {
    let taxiway = Taxiway::watching(server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 5_000));
    server.faults(&["lost-answer,times=1", "list-no-size"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    server.faults(&[]);
    assert_eq!(taxiway.state(&file), "held");
    (taxiway, file)
}

/// One uploaded file, and a copy of it.
fn uploaded(server: &Server) -> (Taxiway, PathBuf) {
    let taxiway = Taxiway::watching(server);
    let file = taxiway.path("folder/a.gif");
    for name in ["a.gif", "copy.gif"] {
        write(&taxiway.path("folder").join(name), &picture(1, 5_000));
    }
    taxiway.once().exits(0);
    (taxiway, file)
}

fn attempts(taxiway: &Taxiway, path: &Path) -> u64 {
    taxiway.row(path)["attempts"].as_u64().expect("a number")
}

#[test]
fn a_refused_file_is_tried_again_by_the_next_run() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    let before = server.requests();
    let said = taxiway.run(&["retry", "folder/large.gif"]).exits(0);
    said.prints("folder/large.gif: queued again\n").tells("");
    assert_eq!(server.requests(), before);
    let row = taxiway.row(&large);
    assert_eq!((&row["state"], &row["attempts"]), (&"queued".into(), &1.into()), "{row}");
    taxiway.run(&["retry", "folder/large.gif"]).exits(1).prints("").tells(
        "error: folder/large.gif is not failed: it is queued: tried again, as asked\n\
         hint: taxiway why ~/folder/large.gif\n",
    );
    taxiway.once().exits(0);
    assert_eq!(attempts(&taxiway, &large), 2);
    assert_eq!(server.assets().len(), 2);
    server.nothing_twice();
}

#[test]
fn each_file_is_answered_for() {
    let server = Server::start();
    let (taxiway, _) = refused(&server);
    let small = server.asset().asset_id();
    let files = ["folder/small.gif", "folder/large.gif", "nowhere/none.gif"];
    let said = taxiway.run(&[&["retry", "--json"], &files[..]].concat()).exits(1);
    assert_eq!(said.error_object()["error"], "2 of 3 files were not tried again");
    let rows = said.objects();
    let states: Vec<_> = rows.iter().map(|row| row["state"].as_str()).collect();
    assert_eq!(states, [Some("uploaded"), Some("queued"), None]);
    assert_eq!(rows[2]["reason"], "not in the ledger");
    assert!(rows.iter().all(|row| row.as_object().is_some_and(|row| row.len() == 18)), "{rows:?}");
    server.faults(&["max-size=40KB"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    taxiway
        .run(&[&["retry"], &files[..]].concat())
        .exits(1)
        .prints("folder/large.gif: queued again\n")
        .tells(&format!(
            "folder/small.gif is not failed: it is uploaded as {small}\n\
             nowhere/none.gif is not in the ledger\n\
             error: 2 of 3 files were not tried again\nhint: taxiway ls --state failed\n"
        ));
}

#[test]
fn all_that_failed_is_tried_again() {
    let server = Server::start();
    let (taxiway, large) = refused(&server);
    write(&taxiway.path("folder/larger.gif"), &picture(3, 60_000));
    server.faults(&["max-size=40KB"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    server.faults(&[]);
    taxiway.run(&["retry", "--all"]).exits(0).prints("2 files: queued again\n").tells("");
    let said = taxiway.run(&["retry", "--all", "--json"]).exits(0);
    said.prints("{\"schema\":1,\"retried\":0}\n");
    taxiway.run(&["retry", "--all"]).exits(0).prints("no file has failed\n");
    taxiway.once().exits(0);
    assert_eq!(attempts(&taxiway, &large), 2);
    assert_eq!(server.assets().len(), 3);
}

#[test]
fn a_file_that_failed_by_itself_is_looked_at_again() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let settings = |rest: &str| format!("{}settle = \"50ms\"\n{rest}", section(&folder));
    let file = folder.join("a.png");
    let whole = std::fs::read(media("picture.png")).expect("a picture");
    write(&file, &whole[..whole.len() - 12]);
    taxiway.configure(&settings("incomplete = \"200ms\"\n"));
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    assert_eq!(taxiway.state(&file), "failed");
    // It may go as it is after all.
    taxiway.configure(&settings("incomplete = \"send\"\n"));
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    let said = taxiway.run(&["retry", "folder/a.png"]).exits(0);
    said.prints("folder/a.png: to be looked at again\n");
    assert_eq!(taxiway.state(&file), "settling");
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_file_that_can_be_read_again_is_looked_at_again() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    let set = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    set(0o000);
    let Some(run) = taxiway.unprivileged(&["run", "--once", "-q"]) else { return };
    taxiway.finish(run, b"").exits(1);
    set(0o644);
    let told = |arguments: &[&str]| {
        taxiway.finish(taxiway.unprivileged(arguments).expect("as before"), b"").exits(0)
    };
    told(&["retry", "folder/a.gif"]).prints("folder/a.gif: to be looked at again\n").tells("");
    assert_eq!(taxiway.state(&file), "settling");
    told(&["run", "--once", "-q"]);
    assert_eq!(taxiway.state(&file), "uploaded");
}

#[test]
fn a_held_file_is_the_asset_that_a_person_found() {
    let server = Server::start();
    let (taxiway, file) = held(&server);
    let asset_id = server.asset().asset_id();
    let before = server.requests();
    let said = taxiway.run(&["resolve", "folder/a.gif", "--uploaded", &asset_id]).exits(0);
    said.prints(&format!("folder/a.gif: uploaded as {asset_id}\n")).tells("");
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
    assert_eq!(taxiway.row(&file)["asset_id"], asset_id);
    taxiway.run(&["resolve", "folder/a.gif", "--retry"]).exits(1).tells(&format!(
        "error: folder/a.gif is not held: it is uploaded as {asset_id}\n\
         hint: taxiway why ~/folder/a.gif\n"
    ));
    taxiway
        .run(&["resolve", "none.gif", "--retry"])
        .exits(1)
        .tells("error: none.gif is not in the ledger\nhint: taxiway why ~/none.gif\n");
}

#[test]
fn a_held_file_that_is_not_there_is_sent_again() {
    let server = Server::start();
    let (taxiway, file) = held(&server);
    taxiway.run(&["retry", "folder/a.gif"]).exits(1).prints("").tells(
        "error: folder/a.gif is not failed: it is held: sent whole, answer lost, and the \
             list does not give sizes\n\
             hint: taxiway why ~/folder/a.gif\n",
    );
    let said = taxiway.run(&["resolve", "folder/a.gif", "--retry"]).exits(0);
    said.prints("folder/a.gif: queued again\n").tells("");
    assert_eq!(server.uploads(), 1);
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), 2);
    assert_eq!(taxiway.state(&file), "uploaded");
}

#[test]
fn an_asset_of_another_file_or_account_is_refused() {
    let server = Server::start();
    let (taxiway, file) = held(&server);
    write(&taxiway.path("folder/b.gif"), &picture(2, 1_000));
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    let other = server.asset_named("b.gif").asset_id();
    let resolve =
        |asset_id: &str| taxiway.run(&["resolve", "folder/a.gif", "--uploaded", asset_id]);
    resolve(&other).exits(1).prints("").tells(
        "error: folder/a.gif cannot be that asset: it is ~/folder/b.gif\n\
         hint: taxiway why ~/folder/b.gif\n",
    );
    taxiway.run(&["forget", "folder/b.gif", "--yes"]).exits(0);
    resolve(&other).exits(1).tells(
        "error: folder/a.gif cannot be that asset: it was ~/folder/b.gif, and was forgotten\n\
         hint: taxiway why ~/folder/b.gif\n",
    );
    resolve("user:1-runwayml:you@example.com-asset:1").exits(1).tells(
        "error: folder/a.gif is held on me@example.com, and that asset is on you@example.com\n\
         hint: taxiway resolve ~/folder/a.gif --uploaded 'user:…-runwayml:me@example.com-asset:…'\n",
    );
    resolve("0f-1").exits(2).tells(
        "error: invalid value '0f-1' for '--uploaded <ASSETID>': an assetId has the form \
         user:…-runwayml:EMAIL-asset:…\nhint: taxiway resolve --help\n",
    );
    assert_eq!(taxiway.state(&file), "held");
}

#[test]
fn a_content_is_forgotten_after_a_yes_and_its_files_are_sent_again() {
    let server = Server::start();
    let (taxiway, file) = uploaded(&server);
    let asset_id = server.asset().asset_id();
    taxiway.run(&["forget", "folder/a.gif"]).exits(2).prints("").tells(&format!(
        "error: folder/a.gif is uploaded as {asset_id}; 2 files in folders will be sent again\n\
         hint: taxiway forget ~/folder/a.gif --yes\n"
    ));
    assert_eq!(taxiway.state(&file), "uploaded");
    let said = taxiway.run(&["forget", "folder/a.gif", "--yes"]).exits(0);
    said.prints("folder/a.gif: forgotten, and queued again\n").tells("");
    assert_eq!(taxiway.state(&taxiway.path("folder/copy.gif")), "queued");
    taxiway.run(&["id", "folder/a.gif"]).exits(1).prints("\n");
    taxiway.run(&["forget", "folder/a.gif", "--yes"]).exits(1).tells(
        "error: folder/a.gif is not uploaded: it is queued: forgotten, as asked\n\
         hint: taxiway why ~/folder/a.gif\n",
    );
    assert_eq!(server.uploads(), 1);
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), 2, "once for both files");
    let new = taxiway.row(&file)["asset_id"].clone();
    assert!(new != asset_id && new.is_string(), "{new}");
}

#[test]
fn a_content_is_forgotten_by_any_copy_and_by_a_file_that_is_gone() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for name in ["one", "two"] {
        let folder = taxiway.folder(name);
        write(&folder.join("a.gif"), &picture(1, 5_000));
        config +=
            &format!("{}email = \"{name}@example.com\"\nsettle = \"50ms\"\n", section(&folder));
    }
    taxiway.configure(&config);
    taxiway.once().exits(0);
    write(&taxiway.path("copy.gif"), &picture(1, 5_000));
    let said = taxiway.run(&["forget", "copy.gif", "--email", "two@example.com", "--yes"]).exits(0);
    said.prints(
        "copy.gif: forgotten on two@example.com; 1 file in a folder is sent again: ~/two/a.gif\n",
    );
    assert_eq!(taxiway.state(&taxiway.path("two/a.gif")), "queued");
    assert_eq!(taxiway.state(&taxiway.path("one/a.gif")), "uploaded");
    std::fs::remove_dir_all(taxiway.path("one")).expect("removed");
    taxiway.run(&["forget", "one/a.gif", "--email", "two@example.com"]).exits(1).tells(
        "error: one/a.gif is not uploaded on two@example.com\nhint: taxiway why ~/one/a.gif\n",
    );
    taxiway.run(&["forget", "one/a.gif", "--yes"]).exits(0);
    taxiway.run(&["id", "copy.gif"]).exits(1);
    taxiway
        .run(&["forget", "nowhere/x.gif", "--yes"])
        .exits(1)
        .tells("error: nowhere/x.gif is not in the ledger\nhint: taxiway why ~/nowhere/x.gif\n");
}

#[test]
fn a_terminal_is_asked() {
    if !have("script") {
        return;
    }
    let server = Server::start();
    let (taxiway, file) = uploaded(&server);
    let ask = |answer: &[u8]| {
        let program = taxiway.command(&[] as &[&str]);
        let mut command = std::process::Command::new("script");
        let line = format!("{} forget folder/a.gif", program.get_program().to_string_lossy());
        command.args(["-qec", &line, "/dev/null"]).env_clear().current_dir(&taxiway.root);
        command.envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command.stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        taxiway.finish(command, answer)
    };
    for no in [&b"\n"[..], b"n\n", b"yesterday\n"] {
        let said = ask(no).exits(1);
        assert!(said.out.contains("2 files in folders will be sent again. Forget it? [y/N]"));
        assert!(said.out.contains("nothing is forgotten"), "{}", said.out);
        assert_eq!(taxiway.state(&file), "uploaded");
    }
    let said = ask(b"y\n").exits(0);
    assert!(said.out.contains("folder/a.gif: forgotten, and queued again"), "{}", said.out);
    assert_eq!(taxiway.state(&file), "queued");
}

#[test]
fn a_wish_that_says_not_what_is_wanted_is_an_error_of_usage() {
    let taxiway = Taxiway::alone();
    for (arguments, error, command) in [
        (&["retry"][..], "the following required arguments were not provided: <FILE>...", "retry"),
        (&["retry", "--all", "x"], "the argument '--all' cannot be used with '[FILE]...'", "retry"),
        (
            &["resolve", "x"],
            "the following required arguments were not provided: <--uploaded <ASSETID>|--retry>",
            "resolve",
        ),
        (&["forget"], "the following required arguments were not provided: <FILE>", "forget"),
    ] {
        let said = taxiway.run(arguments).exits(2).prints("");
        said.tells(&format!("error: {error}\nhint: taxiway {command} --help\n"));
    }
}

#[test]
fn a_wish_about_nothing_makes_no_ledger() {
    let taxiway = Taxiway::alone();
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    for arguments in
        [&["retry", "a.gif"][..], &["resolve", "a.gif", "--retry"], &["forget", "a.gif"]]
    {
        let said = taxiway.run(arguments).exits(1).prints("");
        said.tells("error: a.gif is not in the ledger\nhint: taxiway why ~/a.gif\n");
    }
    taxiway.run(&["retry", "--all"]).exits(0).prints("no file has failed\n");
    assert!(!taxiway.state_dir().exists());
}
