//! `ledger adopt` and `ledger verify --server`: a lost ledger is paired with what the server has.

use std::fs;
use std::path::Path;

use serde_json::Value;
use taxiway::sandbox::Call;

use crate::support::{Server, Taxiway, picture, section, write};

/// Some files, uploaded, and a ledger that is lost.
fn lost(server: &Server, files: &[(&str, u64)]) -> Taxiway {
    let taxiway = Taxiway::watching(server);
    for (name, number) in files {
        write(&taxiway.path("folder").join(name), &picture(*number, 2_000));
    }
    taxiway.once().exits(0);
    fs::remove_dir_all(taxiway.state_dir()).expect("lost");
    taxiway
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// A later run sends nothing.
#[track_caller]
fn sends_nothing(taxiway: &Taxiway, server: &Server) {
    let before = server.uploads();
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), before, "something was sent again");
    server.nothing_twice();
}

fn words(object: &Value) -> (String, bool) {
    (object["pair"].as_str().expect("a word").to_owned(), object["adopted"] == true)
}

#[test]
fn a_lost_ledger_is_paired_by_bytes_and_nothing_is_sent_again() {
    let server = Server::start();
    let taxiway = lost(&server, &[("a.gif", 1), ("b.gif", 2), ("sub/c.gif", 3)]);
    let folder = taxiway.path("folder");
    // Renamed, copied and of the same size: only bytes tell.
    fs::rename(folder.join("a.gif"), folder.join("renamed.gif")).expect("renamed");
    fs::copy(folder.join("b.gif"), folder.join("copy.gif")).expect("copied");
    let said = taxiway.run(&["ledger", "adopt"]).exits(0);
    let ids: Vec<String> = ["a.gif", "b.gif", "c.gif"]
        .iter()
        .map(|name| server.asset_named(name).asset_id())
        .collect();
    let home = taxiway.root.to_string_lossy().into_owned();
    let mut out = said.out.replace(&home, "~");
    for (id, name) in ids.iter().zip(["A", "B", "C"]) {
        out = out.replace(id, name);
    }
    let told = sorted(&out);
    assert_eq!(told.len(), 3, "{out}");
    assert!(
        told[0] == "certain  ~/folder/b.gif ← B" || told[0] == "certain  ~/folder/copy.gif ← B"
    );
    assert_eq!(told[1..], ["certain  ~/folder/renamed.gif ← A", "certain  ~/folder/sub/c.gif ← C"]);
    assert_eq!(said.err, "adopted   3 certain\n");
    for request in server.log().iter().filter(|request| request.call == Call::File) {
        assert!(!request.authorization, "bytes are fetched without the token");
    }
    let row = taxiway.row(&folder.join("renamed.gif"));
    assert_eq!((&row["state"], &row["asset_id"]), (&"uploaded".into(), &ids[0].clone().into()));
    assert_eq!(row["account"], "me@example.com", "the account's name is learnt from its assets");
    sends_nothing(&taxiway, &server);
    let again = taxiway.run(&["ledger", "adopt"]).exits(0).prints("");
    again.tells("adopted   0 certain\n");
}

#[test]
fn a_file_that_changed_meanwhile_is_not_paired() {
    let server = Server::start();
    let taxiway = lost(&server, &[("a.gif", 1), ("b.gif", 2)]);
    write(&taxiway.path("folder/a.gif"), &picture(9, 2_000));
    let said = taxiway.run(&["ledger", "adopt", "--guesses"]).exits(0);
    assert_eq!(said.lines().len(), 1, "{}", said.out);
    assert!(said.out.contains("/b.gif ← "), "{}", said.out);
    let before = server.uploads();
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), before + 1, "the changed file is new");
}

#[test]
fn what_cannot_be_compared_is_a_guess_and_needs_a_word() {
    let server = Server::start();
    let taxiway = lost(&server, &[("a.gif", 1), ("b.gif", 2), ("c.gif", 3)]);
    let folder = taxiway.path("folder");
    fs::rename(folder.join("b.gif"), folder.join("other.gif")).expect("renamed");
    server.faults(&["status=403,on=file,name=a.gif", "status=403,on=file,name=b.gif"]);
    let id = server.asset_named("a.gif").asset_id();
    let line = format!(
        "guess    ~/folder/a.gif ← {id}: the same name and size, but its server says 403\n"
    );
    let said = taxiway.run(&["ledger", "adopt"]).exits(0);
    let out = said.out.replace(&*taxiway.root.to_string_lossy(), "~");
    assert!(out.contains(&line), "{out}");
    said.tells(
        "adopted   1 certain\n1 guess is left out\n\
         hint: look at them, then: taxiway ledger adopt --guesses\n",
    );
    assert_eq!(taxiway.state(&folder.join("a.gif")), "");
    let said = taxiway.run(&["ledger", "adopt", "--guesses"]).exits(0).prints(&line);
    said.tells("adopted   0 certain, 1 guess\n");
    assert_eq!(taxiway.row(&folder.join("a.gif"))["asset_id"], id);
    server.faults(&[]);
    let before = server.uploads();
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), before + 1, "only what had another name is sent");
}

#[test]
fn guesses_that_could_be_either_are_never_taken() {
    let server = Server::start();
    let taxiway = lost(&server, &[("x/same.gif", 1), ("y/same.gif", 2)]);
    server.faults(&["list-no-url"]);
    let said = taxiway.run(&["ledger", "adopt", "--guesses", "--json"]).exits(0);
    let told: Vec<(String, bool)> = said.objects().iter().map(words).collect();
    assert_eq!(told, [("unclear".into(), false), ("unclear".into(), false)], "{}", said.out);
    assert_eq!(said.err, "");
    server.faults(&[]);
    taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   2 certain\n");
    sends_nothing(&taxiway, &server);
}

#[test]
fn without_sizes_bytes_are_still_compared() {
    let server = Server::start();
    let taxiway = lost(&server, &[("a.gif", 1), ("b.gif", 2)]);
    server.faults(&["list-no-size"]);
    taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   2 certain\n");
    sends_nothing(&taxiway, &server);
}

#[test]
fn the_oldest_of_several_is_taken_and_the_others_are_told() {
    let server = Server::start();
    let taxiway = lost(&server, &[("a.gif", 1)]);
    // The same once more, as by a client that does not remember.
    taxiway.once().exits(0);
    fs::remove_dir_all(taxiway.state_dir()).expect("lost");
    let assets = server.assets();
    assert_eq!(assets.len(), 2);
    let said = taxiway.run(&["ledger", "adopt", "--json"]).exits(0);
    let told = said.objects();
    assert_eq!(
        told.iter().map(words).collect::<Vec<_>>(),
        [("certain".into(), true), ("double".into(), false)]
    );
    assert_eq!(told[0]["asset_id"], assets[0].asset_id(), "the oldest");
    assert_eq!(told[1]["asset_id"], assets[1].asset_id());
    let keys: Vec<&String> = told[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 13, "{keys:?}");
    assert_eq!(told[0]["hash"], assets[0].blake3);
    let before = server.uploads();
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), before);
}

#[test]
fn a_dry_run_says_the_same_and_touches_nothing() {
    let server = Server::start();
    let taxiway = lost(&server, &[("a.gif", 1)]);
    let said = taxiway.run(&["ledger", "adopt", "--dry-run"]).exits(0);
    assert!(said.out.starts_with("certain  "), "{}", said.out);
    said.tells("would adopt 1 certain\n");
    assert!(!taxiway.state_dir().exists(), "not even a directory is made");
    // Beside a ledger, too.
    taxiway.run(&["ledger", "adopt"]).exits(0);
    write(&taxiway.path("folder/b.gif"), &picture(2, 2_000));
    let ledger = taxiway.state_dir().join("ledger.sqlite3");
    let before = fs::read(&ledger).expect("the ledger");
    taxiway.run(&["ledger", "adopt", "--dry-run"]).exits(0).prints("");
    assert!(fs::read(&ledger).expect("the ledger") == before);
}

#[test]
fn folders_of_several_accounts_are_paired_with_their_own() {
    let accounts = ["first@example.com", "second@example.com"];
    let server = Server::of(&accounts);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for (name, email) in ["a", "b"].into_iter().zip(accounts) {
        write(&taxiway.folder(name).join("same.gif"), &picture(1, 5_000));
        let folder = taxiway.path(name);
        config += &format!("{}email = \"{email}\"\nsettle = \"50ms\"\n", section(&folder));
    }
    taxiway.configure(&config);
    taxiway.once().exits(0);
    fs::remove_dir_all(taxiway.state_dir()).expect("lost");
    // One account in trouble does not keep the other from being paired.
    server.faults(&["broken-account=first@example.com"]);
    let said = taxiway.run(&["ledger", "adopt"]).exits(77);
    assert_eq!(said.lines().len(), 1, "{}", said.out);
    server.faults(&[]);
    taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   1 certain\n");
    for (name, email) in ["a", "b"].into_iter().zip(accounts) {
        let row = taxiway.row(&taxiway.path(name).join("same.gif"));
        assert_eq!(row["account"], email);
        assert!(row["asset_id"].as_str().is_some_and(|id| id.contains(email)), "{row}");
    }
    sends_nothing(&taxiway, &server);
}

#[test]
fn held_and_failed_uploads_are_paired_too() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let held = taxiway.path("folder/held.gif");
    write(&held, &picture(1, 2_000));
    // Stored, never answered, and never listed: nobody can tell.
    server.faults(&["lost-answer", "list-no-size"]);
    taxiway.once();
    assert_eq!(taxiway.state(&held), "held");
    server.faults(&["status=413"]);
    let failed = taxiway.path("folder/failed.gif");
    write(&failed, &picture(2, 2_000));
    taxiway.once();
    assert_eq!(taxiway.state(&failed), "failed");
    server.faults(&[]);
    // A second home uploads the failed one: now it is on the server.
    let other = Taxiway::watching(&server);
    write(&other.path("folder/failed.gif"), &picture(2, 2_000));
    other.once().exits(0);
    taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   2 certain\n");
    for path in [&held, &failed] {
        assert_eq!(taxiway.state(path), "uploaded");
    }
    sends_nothing(&taxiway, &server);
}

#[test]
fn an_upload_in_doubt_is_found_by_its_bytes() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.set("TAXIWAY_TEST_LOOKS_MS", "600000");
    let path = taxiway.path("folder/a.gif");
    write(&path, &picture(1, 2_000));
    server.faults(&["lost-answer"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("unknown", &path);
    daemon.kill();
    server.faults(&[]);
    assert_eq!(taxiway.state(&path), "unknown");
    taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   1 certain\n");
    assert_eq!(taxiway.row(&path)["asset_id"], server.asset().asset_id());
    sends_nothing(&taxiway, &server);
}

#[test]
fn trouble_has_its_exit_code_and_adopts_nothing() {
    let mut server = Server::start();
    let taxiway = lost(&server, &[("a.gif", 1)]);
    server.set_token("user:1-another");
    let said = taxiway.run(&["ledger", "adopt"]).exits(77).prints("");
    assert!(said.err.contains("hint: put the new token where this one came from"), "{}", said.err);
    server.set_token(crate::support::TOKEN);
    server.faults(&["status=429,on=list"]);
    taxiway.run(&["ledger", "adopt"]).exits(75).prints("");
    server.faults(&["status=503,on=file"]);
    let said = taxiway.run(&["ledger", "adopt"]).exits(75);
    assert!(said.out.contains("guess "), "{}", said.out);
    assert_eq!(
        said.err.lines().nth(3),
        Some("error: the bytes of assets that may be a file's here could not be had"),
        "{}",
        said.err
    );
    server.stop();
    let said = taxiway.run(&["ledger", "adopt"]).exits(75).prints("");
    said.tells(
        "error: the server cannot be asked: no TCP connection: connection refused\n\
         hint: check the network, then try again\n",
    );
    server.restart();
    taxiway.run(&["ledger", "adopt"]).exits(0).tells("adopted   1 certain\n");
    sends_nothing(&taxiway, &server);
}

#[test]
fn beside_a_daemon_it_says_to_stop_it_first() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let daemon = taxiway.daemon();
    let pid = daemon.pid();
    let command_lines: [&[&str]; 5] = [
        &["ledger", "adopt"],
        &["ledger", "adopt", "--dry-run"],
        &["ledger", "rebuild"],
        &["ledger", "rebuild", "--dry-run"],
        &["ledger", "verify", "--server", "--forget", "--yes"],
    ];
    for arguments in command_lines {
        let said = taxiway.run(arguments).exits(75).prints("");
        said.tells(&format!(
            "error: another taxiway with process id {pid} has the ledger in ~/state/taxiway\n\
             hint: stop it first: kill {pid}\n"
        ));
    }
    daemon.stop();
}

#[test]
fn what_the_server_does_not_have_any_more_is_listed_and_forgotten_when_asked() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    for number in 1..=3 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 2_000));
    }
    taxiway.once().exits(0);
    let said = taxiway.run(&["ledger", "verify", "--server"]).exits(0).prints("");
    said.tells("checked   3 of 3: 0 gone\n");
    let gone = server.asset_named("2.gif").asset_id();
    server.delete(&gone);
    let line = format!("gone     ~/folder/2.gif  {gone}\n");
    let said = taxiway.run(&["ledger", "verify", "--server"]).exits(1).prints(&line);
    said.tells(
        "checked   3 of 3: 1 gone\n\
         hint: to have such files sent again: taxiway ledger verify --server --forget\n",
    );
    let told = taxiway.run(&["ledger", "verify", "--server", "--json"]).exits(1).objects();
    assert_eq!((&told[0]["state"], &told[0]["asset_id"]), (&"gone".into(), &gone.clone().into()));
    taxiway.run(&["ledger", "verify", "--server", "--forget"]).exits(2).prints("").tells(
        "error: --forget asks before it forgets, and there is nobody to ask\n\
         hint: taxiway ledger verify --server --forget --yes\n",
    );
    assert_eq!(taxiway.state(&taxiway.path("folder/2.gif")), "uploaded");
    let said = taxiway.run(&["ledger", "verify", "--server", "--forget", "--yes"]).exits(0);
    said.prints(&line)
        .tells("checked   3 of 3: 1 gone\nforgotten 1: files in folders are sent again\n");
    assert_eq!(taxiway.state(&taxiway.path("folder/2.gif")), "queued");
    let before = server.uploads();
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), before + 1);
    assert_eq!(taxiway.row(&taxiway.path("folder/2.gif"))["state"], "uploaded");
    taxiway.run(&["ledger", "verify", "--server"]).exits(0);
}

#[test]
fn trouble_is_not_the_same_as_gone() {
    let mut server = Server::start();
    let taxiway = Taxiway::watching(&server);
    for number in 1..=3 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 2_000));
    }
    taxiway.once().exits(0);
    let forget = ["ledger", "verify", "--server", "--forget", "--yes"];
    server.set_token("user:1-another");
    taxiway.run(&forget).exits(77).prints("");
    server.set_token(crate::support::TOKEN);
    for fault in ["status=503,on=asset", "status=404,body=html,on=asset", "status=404,on=list"] {
        server.faults(&[fault]);
        let said = taxiway.run(&forget).prints("");
        assert!(matches!(said.code, 75 | 77), "{fault}: {said:?}");
    }
    // In the API's own words, and yet the list shows it.
    server.faults(&["status=404,on=asset"]);
    let said = taxiway.run(&forget).exits(75).prints("");
    assert!(said.err.contains("it lists an asset that it says it does not know"), "{}", said.err);
    server.stop();
    taxiway.run(&forget).exits(75).prints("");
    server.restart();
    // A server that is asked too much is asked again after a pause.
    server.faults(&["status=429,retry-after=0,on=asset,times=2"]);
    taxiway.run(&["ledger", "verify", "--server"]).exits(0).tells("checked   3 of 3: 0 gone\n");
    assert!(taxiway.rows().iter().all(|row| row["state"] == "uploaded"));
}

#[test]
fn a_check_that_was_cut_short_goes_on_where_it_was() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    for number in 1..=9 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 2_000));
    }
    taxiway.once().exits(0);
    server.faults(&["status=503,on=asset,skip=5,times=1"]);
    let said = taxiway.run(&["ledger", "verify", "--server"]).exits(75);
    let rest = said
        .err
        .lines()
        .find_map(|line| line.strip_prefix("the rest, once it can be asked: taxiway "));
    let rest = rest.unwrap_or_else(|| panic!("{}", said.err)).to_owned();
    server.faults(&[]);
    let arguments: Vec<&str> = rest.split(' ').collect();
    let before = server.calls(Call::Asset);
    let said = taxiway.run(&arguments).exits(0);
    let asked = server.calls(Call::Asset) - before;
    assert!((1..9).contains(&asked), "{asked}");
    said.tells(&format!("checked   {asked} of 9: 0 gone\n"));
    let said = taxiway.run(&["ledger", "verify", "--server", "--after", "user:1"]).exits(2);
    said.tells(
        "error: --after: the ledger has no such assetId\nhint: taxiway ledger verify --server\n",
    );
}

#[test]
fn where_a_check_goes_on_can_be_typed_whatever_the_account_is_called() {
    let server = Server::of(&["o'neil@example.com"]);
    let taxiway = Taxiway::watching(&server);
    for number in 1..=9 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 2_000));
    }
    taxiway.once().exits(0);
    server.faults(&["status=503,on=asset,skip=5,times=1"]);
    let said = taxiway.run(&["ledger", "verify", "--server"]).exits(75);
    let rest = "the rest, once it can be asked: taxiway ledger verify --server --after ";
    let after = said.err.lines().find_map(|line| line.strip_prefix(rest));
    let quoted = r"'user:1-runwayml:o'\''neil@example.com-asset:";
    assert!(after.is_some_and(|word| word.starts_with(quoted)), "{}", said.err);
}

#[test]
fn without_a_ledger_there_is_nothing_to_check() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let said = taxiway.run(&["ledger", "verify", "--server"]).exits(0).prints("");
    said.tells("there is no ledger yet: nothing to check\n");
    assert!(!Path::new(&taxiway.state_dir()).exists());
}
