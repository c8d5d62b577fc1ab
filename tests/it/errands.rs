//! What is done for a file once it is uploaded, or needs a person: hooks, sidecars, moves, names.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Server, TOKEN, Taxiway, eventually, picture, section, write};

/// Places at which the program dies while it does something for a file.
pub const PLACES: &[&str] = &["errand", "moved", "errand done", "copied"];

/// A home with one folder and these settings of it.
fn world(server: &Server, settings: &str) -> (Taxiway, PathBuf) {
    let mut taxiway = Taxiway::with(server);
    taxiway.set("TAXIWAY_TEST_ERRAND_PAUSE_MS", "20");
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}settle = \"50ms\"\n{settings}", section(&folder)));
    (taxiway, folder)
}

/// A program in the home that runs these lines of shell, in TOML as `[program, …]`.
fn hook(taxiway: &Taxiway, lines: &str, arguments: &[&str]) -> String {
    let program = taxiway.path("hook");
    fs::write(&program, format!("#!/bin/sh\n{lines}\n")).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let words = [program.to_str().expect("a path")].into_iter().chain(arguments.iter().copied());
    let words: Vec<String> = words.map(|word| Value::from(word).to_string()).collect();
    format!("[{}]", words.join(", "))
}

/// The events that a hook has been told, each a line of this file.
fn told(taxiway: &Taxiway) -> Vec<Value> {
    let text = fs::read_to_string(taxiway.path("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn a_program_is_told_of_each_upload_and_of_each_copy() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let script =
        "cat >> ../told; printf '%s|' \"$@\" >> ../arguments; env > ../environment; pwd > ../place";
    let argv =
        hook(&taxiway, script, &["{event}", "{path}", "id={asset_id}", "{\"n\": \"{name}\"}"]);
    taxiway.configure(&format!("{}settle = \"50ms\"\non_uploaded = {argv}\n", section(&folder)));
    let cat = folder.join("cat.gif");
    write(&cat, &picture(1, 2_000));
    taxiway.once().exits(0);
    let asset_id = server.asset().asset_id();
    let mut event = told(&taxiway).remove(0);
    let fields = event.as_object_mut().expect("an object");
    let at = fields.remove("at").expect("a time");
    assert!(at.as_str().is_some_and(|time| time.ends_with('Z')), "{at}");
    assert_eq!(fields.remove("event"), Some("uploaded".into()));
    // The rest is the file's row, as `ls --json` has it, without what does not apply.
    let mut row = taxiway.row(&cat);
    row.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    assert_eq!(event, row);
    assert_eq!(event["asset_id"], asset_id);
    let arguments = fs::read_to_string(taxiway.path("arguments")).expect("arguments");
    let cat_shown = cat.display();
    assert_eq!(arguments, format!("uploaded|{cat_shown}|id={asset_id}|{{\"n\": \"cat.gif\"}}|"));
    let environment = fs::read_to_string(taxiway.path("environment")).expect("an environment");
    assert!(environment.contains("HOME=") && !environment.contains(TOKEN), "{environment}");
    assert!(!environment.contains("TAXIWAY_TOKEN"), "{environment}");
    let place = fs::read_to_string(taxiway.path("place")).expect("a place");
    assert_eq!(place.trim(), folder.to_str().expect("a path"));

    write(&folder.join("copy.gif"), &picture(1, 2_000));
    taxiway.once().exits(0);
    let events = told(&taxiway);
    assert_eq!(events.len(), 2, "once each: {events:?}");
    assert_eq!(
        (&events[1]["event"], &events[1]["asset_id"]),
        (&"deduplicated".into(), &asset_id.into())
    );
    // Nothing is told again by a look that finds nothing new.
    taxiway.once().exits(0);
    assert_eq!(told(&taxiway).len(), 2);
    server.nothing_twice();
}

#[test]
fn a_program_is_told_of_a_failure() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let argv = hook(&taxiway, "cat >> ../told", &[]);
    let on_disk = "incomplete = \"10ms\"\n";
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\n{on_disk}on_failed = {argv}\n",
        section(&folder)
    ));
    server.faults(&["status=415"]);
    write(&folder.join("refused.gif"), &picture(1, 2_000));
    let mut half = picture(2, 2_000);
    half.truncate(1_000);
    write(&folder.join("half.gif"), &half);
    let daemon = taxiway.spawn(&["run", "--json"]);
    eventually("both are told", || (told(&taxiway).len() == 2).then_some(()));
    daemon.stop();
    let mut events = told(&taxiway);
    events.sort_by_key(|event| event["path"].to_string());
    let told: Vec<_> = events.iter().map(|event| (&event["event"], &event["state"])).collect();
    assert_eq!(told, [(&"failed".into(), &"failed".into()); 2]);
    assert!(
        events[0]["reason"].as_str().is_some_and(|why| why.starts_with("incomplete")),
        "{events:?}"
    );
    assert!(events[1]["reason"].as_str().is_some_and(|why| why.contains("415")), "{events:?}");
}

#[test]
fn a_program_that_fails_is_run_again_and_why_tells_of_it() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let script = "echo >> ../runs; [ $(wc -l < ../runs) -gt 2 ] || { echo not yet >&2; exit 3; }";
    let argv = hook(&taxiway, script, &[]);
    taxiway.configure(&format!("{}settle = \"50ms\"\non_uploaded = {argv}\n", section(&folder)));
    let cat = folder.join("cat.gif");
    write(&cat, &picture(1, 2_000));
    let said = taxiway.run(&["run", "--once"]).exits(0);
    assert_eq!(said.err.matches(" on_uploaded ").count(), 2, "{}", said.err);
    assert!(said.err.contains(": exit code 3: not yet; next try "), "{}", said.err);
    assert_eq!(fs::read_to_string(taxiway.path("runs")).expect("runs").len(), 3);
    let why = taxiway.run(&["why", "folder/cat.gif"]);
    assert!(why.out.contains("on_uploaded done: exit code 0"), "{}", why.out);
    server.nothing_twice();
}

#[test]
fn what_was_given_up_is_shown_and_done_when_somebody_says_so() {
    let server = Server::start();
    let (mut taxiway, folder) = world(&server, "");
    taxiway.set("TAXIWAY_TEST_ERRAND_PAUSE_MS", "1");
    let argv = hook(&taxiway, "[ -e ../mended ] && cat >> ../told", &[]);
    taxiway.configure(&format!("{}settle = \"50ms\"\non_uploaded = {argv}\n", section(&folder)));
    let cat = folder.join("cat.gif");
    write(&cat, &picture(1, 2_000));
    let daemon = taxiway.spawn(&["run", "--json"]);
    let status = || -> Value {
        let said = taxiway.run(&["status", "--json"]);
        serde_json::from_str(&said.out).unwrap_or_default()
    };
    eventually("it is given up", || (status()["errands"]["given_up"] == 1).then_some(()));
    assert_eq!(status()["state"], "attention");
    let shown = taxiway.run(&["status"]).out;
    assert!(
        shown.contains("to do     0 after uploads, 1 given up: on_uploaded: exit code 1"),
        "{shown}"
    );
    let why = taxiway.run(&["why", "folder/cat.gif"]).out;
    assert!(
        why.contains("on_uploaded given up after 11 failures: exit code 1")
            || why.contains("on_uploaded given up after 12 failures: exit code 1"),
        "{why}"
    );
    assert!(why.contains("taxiway retry"), "{why}");

    fs::write(taxiway.path("mended"), "").expect("mended");
    taxiway.run(&["retry", "folder/cat.gif"]).exits(0);
    eventually("it is done", || (told(&taxiway).len() == 1).then_some(()));
    eventually("it is at rest", || status().get("errands").is_none().then_some(()));
    daemon.stop();
}

#[test]
fn a_program_that_does_not_end_is_ended_with_all_that_it_began() {
    let server = Server::start();
    let (mut taxiway, folder) = world(&server, "");
    taxiway.set("TAXIWAY_TEST_HOOK_LIMIT_MS", "200");
    let script =
        "[ -e ../pid ] && exit 0; sleep 600 & echo $! > ../pid.new; mv ../pid.new ../pid; wait";
    let argv = hook(&taxiway, script, &[]);
    taxiway.configure(&format!("{}settle = \"50ms\"\non_uploaded = {argv}\n", section(&folder)));
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    let said = taxiway.run(&["run", "--once"]).exits(0);
    assert!(said.err.contains(": it did not end within 0.2 s; next try "), "{}", said.err);
    let pid = fs::read_to_string(taxiway.path("pid")).expect("a pid");
    let lives = || {
        fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    if cfg!(target_os = "linux") {
        eventually("what it began has ended", || (!lives()).then_some(()));
    }
}

#[test]
fn a_program_that_runs_when_the_daemon_stops_is_run_again() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let script = "cat >> ../told; [ -e ../second ] && exit 0; exec sleep 600";
    let argv = hook(&taxiway, script, &[]);
    taxiway.configure(&format!("{}settle = \"50ms\"\non_uploaded = {argv}\n", section(&folder)));
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    let daemon = taxiway.spawn(&["run", "--json"]);
    eventually("it runs", || (told(&taxiway).len() == 1).then_some(()));
    daemon.stop();
    fs::write(taxiway.path("second"), "").expect("a file");
    taxiway.once().exits(0);
    assert_eq!(told(&taxiway).len(), 2, "at least once");
    server.nothing_twice();
}

#[test]
fn a_sidecar_lies_beside_its_file_and_is_nobodys_upload() {
    let server = Server::start();
    let (mut taxiway, folder) = world(&server, "sidecar = true\n");
    taxiway.set("TAXIWAY_TEST_ERRAND_PAUSE_MS", "100000");
    let cat = folder.join("cat.gif");
    write(&cat, &picture(1, 2_000));
    let foreign = folder.join("dog.gif.asset.json");
    fs::write(&foreign, "{\"mine\": true}").expect("a file");
    write(&folder.join("dog.gif"), &picture(2, 2_000));
    let said = taxiway.run(&["run", "--once"]).exits(75);
    let sidecar = folder.join("cat.gif.asset.json");
    let text = fs::read_to_string(&sidecar).expect("a sidecar");
    let fields: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(fields["asset_id"], taxiway.row(&cat)["asset_id"]);
    assert_eq!((&fields["schema"], &fields["state"]), (&1.into(), &"uploaded".into()));
    assert_eq!(fs::read_to_string(&foreign).expect("a file"), "{\"mine\": true}");
    assert!(said.err.contains("dog.gif.asset.json is there and not from taxiway"), "{}", said.err);
    let listed = taxiway.run(&["ls"]).out;
    assert!(!listed.contains("asset.json"), "{listed}");
    assert!(
        said.err.ends_with(&format!(
            "error: not done after an upload: sidecar: {} is there and not from taxiway (1 still \
             to be done, 0 given up)\nhint: taxiway retry --all\n",
            foreign.display()
        )),
        "{}",
        said.err
    );
    assert_eq!(names_in(&folder).len(), 4, "nothing is left over: {:?}", names_in(&folder));

    // Other content under that name is another asset, and the sidecar says so.
    write(&cat, &picture(3, 2_000));
    taxiway.once().exits(75);
    let fields: Value =
        serde_json::from_str(&fs::read_to_string(&sidecar).expect("a sidecar")).expect("JSON");
    assert_eq!(fields["asset_id"], taxiway.row(&cat)["asset_id"]);
    assert_eq!(server.assets().len(), 3);
}

#[test]
fn an_uploaded_file_is_moved_away_and_nothing_is_overwritten() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "sidecar = true\nafter_upload = \"move:folder/sent\"\n");
    // Relative to the configuration, so that the folder needs naming from there.
    let sent = folder.join("sent");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nsidecar = true\nafter_upload = \"move:{}\"\n",
        section(&folder),
        sent.display()
    ));
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    write(&folder.join("deep/dog.gif"), &picture(2, 2_000));
    fs::create_dir_all(sent.join("deep")).expect("a directory");
    fs::write(sent.join("deep/dog.gif"), "not to be lost").expect("a file");
    taxiway.run(&["run", "--once"]).exits(0);
    assert_eq!(names_in(&sent), ["cat.gif", "cat.gif.asset.json", "deep"]);
    assert_eq!(names_in(&sent.join("deep")), ["dog (2).gif", "dog (2).gif.asset.json", "dog.gif"]);
    assert_eq!(fs::read_to_string(sent.join("deep/dog.gif")).expect("a file"), "not to be lost");
    assert_eq!(fs::read(sent.join("cat.gif")).expect("the file"), picture(1, 2_000));
    assert_eq!(names_in(&folder), ["deep", "sent"]);
    assert!(names_in(&folder.join("deep")).is_empty());
    let row = taxiway.row(&folder.join("cat.gif"));
    assert_eq!(row["reason"], format!("moved to {}", sent.join("cat.gif").display()));
    let id = taxiway.run(&["id", "folder/sent/cat.gif"]);
    assert_eq!(
        id.out.trim(),
        row["asset_id"].as_str().expect("an assetId"),
        "found by its content"
    );

    // What lies where files are moved is left alone, and what comes again goes the same way.
    let before = server.uploads();
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), before);
    assert_eq!(
        names_in(&sent),
        ["cat (2).gif", "cat (2).gif.asset.json", "cat.gif", "cat.gif.asset.json", "deep"]
    );
    server.nothing_twice();
}

#[test]
fn nothing_is_moved_that_the_server_does_not_confirm() {
    let server = Server::start();
    let (mut taxiway, folder) = world(&server, "");
    taxiway.set("TAXIWAY_TEST_ERRAND_PAUSE_MS", "100000");
    let cat = folder.join("cat.gif");
    write(&cat, &picture(1, 2_000));
    taxiway.once().exits(0);
    server.delete(&server.asset().asset_id());
    // A copy is known, wants to be moved, and the server does not have it any more.
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nafter_upload = \"move:{}\"\n",
        section(&folder),
        taxiway.path("sent").display()
    ));
    let copy = folder.join("copy.gif");
    write(&copy, &picture(1, 2_000));
    let said = taxiway.run(&["run", "--once"]).exits(75);
    assert!(said.err.contains("the server does not have"), "{}", said.err);
    assert!(cat.exists() && copy.exists());
    assert!(names_in(&taxiway.path("sent")).is_empty());
}

#[test]
fn a_file_that_changed_after_its_upload_stays_until_it_is_uploaded_too() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let sent = taxiway.path("sent");
    write(&taxiway.path("other.gif"), &picture(2, 2_000));
    // The program itself changes the file, once, before it could be moved.
    let script = "[ -e ../changed ] || { touch ../changed; cat ../other.gif > cat.gif; }";
    let argv = hook(&taxiway, script, &[]);
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\non_uploaded = {argv}\nafter_upload = \"move:{}\"\n",
        section(&folder),
        sent.display()
    ));
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    let daemon = taxiway.spawn(&["run", "--json"]);
    eventually("it is moved", || (names_in(&sent) == ["cat.gif"]).then_some(()));
    daemon.stop();
    assert_eq!(fs::read(sent.join("cat.gif")).expect("the file"), picture(2, 2_000));
    assert_eq!(server.assets().len(), 2, "both contents are on the server");
    server.nothing_twice();
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_somebody_has_open_for_writing_is_not_moved() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let cat = folder.join("cat.gif");
    write(&cat, &picture(1, 2_000));
    taxiway.once().exits(0);
    let writer = fs::OpenOptions::new().append(true).open(&cat).expect("open");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nafter_upload = \"move:{}\"\n",
        section(&folder),
        taxiway.path("sent").display()
    ));
    // One more name for it: both are known anew, and to be moved.
    let held = folder.join("held.gif");
    fs::hard_link(&cat, &held).expect("a link");
    let daemon = taxiway.spawn(&["run", "--json"]);
    let why = || taxiway.run(&["why", "folder/held.gif"]).out;
    let waits = |why: &str| why.contains("open for writing");
    eventually("it waits", || waits(&why()).then_some(()));
    assert!(held.exists());
    drop(writer);
    eventually("it is moved", || (!held.exists()).then_some(()));
    daemon.stop();
    let names = names_in(&taxiway.path("sent"));
    assert!(names.contains(&"held.gif".to_owned()), "{names:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn an_uploaded_file_goes_to_the_trash_of_its_user() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "after_upload = \"trash\"\n");
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    let said = taxiway.run(&["run", "--once"]).exits(0);
    assert!(said.err.contains("cat.gif → the trash"), "{}", said.err);
    assert!(names_in(&folder).is_empty());
    let trash = taxiway.path("data/Trash");
    assert_eq!(names_in(&trash.join("files")), ["cat.gif"]);
    let info = fs::read_to_string(trash.join("info/cat.gif.trashinfo")).expect("its origin");
    assert!(info.contains("folder/cat.gif") && info.contains("DeletionDate="), "{info}");
    let row = taxiway.row(&folder.join("cat.gif"));
    assert_eq!(row["reason"], "moved to the trash");
}

/// A directory on another disk than the home, if this machine has one that anybody may write to.
#[cfg(target_os = "linux")]
fn elsewhere(taxiway: &Taxiway) -> Option<tempfile::TempDir> {
    let there = tempfile::tempdir_in("/dev/shm").ok()?;
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    (device(there.path()) != device(&taxiway.root)).then_some(there)
}

#[test]
#[cfg(target_os = "linux")]
fn a_move_to_another_disk_keeps_bytes_times_and_rights() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let there = elsewhere(&taxiway);
    if !crate::support::required(there.is_some(), "two disks") {
        return;
    }
    let there = there.expect("a directory");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nsidecar = true\nafter_upload = \"move:{}\"\n",
        section(&folder),
        there.path().join("sent").display()
    ));
    let cat = folder.join("cat.gif");
    write(&cat, &picture(1, 400_000));
    fs::set_permissions(&cat, fs::Permissions::from_mode(0o640)).expect("a mode");
    let before = fs::metadata(&cat).expect("the file");
    taxiway.once().exits(0);
    let sent = there.path().join("sent");
    assert_eq!(names_in(&sent), ["cat.gif", "cat.gif.asset.json"]);
    assert!(names_in(&folder).is_empty(), "{:?}", names_in(&folder));
    let after = fs::metadata(sent.join("cat.gif")).expect("the file");
    assert_eq!(fs::read(sent.join("cat.gif")).expect("the file"), picture(1, 400_000));
    let facts = |found: &fs::Metadata| (found.mtime(), found.mtime_nsec(), found.mode());
    assert_eq!(facts(&after), facts(&before));
}

#[test]
#[cfg(target_os = "linux")]
fn killed_at_any_place_of_a_move_it_loses_nothing_and_moves_once() {
    let mut deaths = 0;
    for far in [false, true] {
        for place in PLACES {
            for passage in [1, 2] {
                deaths += u32::from(dies_at(place, passage, far));
            }
        }
    }
    println!("{deaths} kills");
    assert!(deaths >= 10, "{deaths}");
}

#[cfg(target_os = "linux")]
fn dies_at(place: &str, passage: u32, far: bool) -> bool {
    let what = format!("{place}:{passage}, to another disk: {far}");
    let server = Server::start();
    let (mut taxiway, folder) = world(&server, "");
    let there = if far { elsewhere(&taxiway) } else { None };
    if far && !crate::support::required(there.is_some(), "two disks") {
        return false;
    }
    let sent = there.as_ref().map_or(taxiway.path("sent"), |there| there.path().join("sent"));
    let argv = hook(&taxiway, "cat >> ../told", &[]);
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\non_uploaded = {argv}\nafter_upload = \"move:{}\"\n",
        section(&folder),
        sent.display()
    ));
    for number in 1..=2 {
        write(&folder.join(format!("{number}.gif")), &picture(number, 300_000));
    }
    taxiway.set("TAXIWAY_TEST_DIE_AT", format!("{place}:{passage}"));
    let code = taxiway.spawn(&["run", "--once", "--json"]).ends();
    assert!(matches!(code, 0 | 137), "{what}: it ended with {code}");
    taxiway.unset("TAXIWAY_TEST_DIE_AT");
    taxiway.once().exits(0);
    assert_eq!(names_in(&sent), ["1.gif", "2.gif"], "{what}");
    assert!(names_in(&folder).is_empty(), "{what}: {:?}", names_in(&folder));
    for number in 1..=2 {
        let bytes = fs::read(sent.join(format!("{number}.gif"))).expect("the file");
        assert_eq!(bytes, picture(number, 300_000), "{what}");
    }
    let told = told(&taxiway);
    let of = |name: &str| {
        told.iter()
            .filter(|event| event["path"].as_str().is_some_and(|path| path.ends_with(name)))
            .count()
    };
    assert!(of("1.gif") >= 1 && of("2.gif") >= 1, "{what}: {told:?}");
    assert_eq!(server.assets().len(), 2, "{what}");
    server.nothing_twice();
    code == 137
}

#[test]
fn a_dry_run_runs_nothing_and_moves_nothing() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "");
    let argv = hook(&taxiway, "cat >> ../told", &[]);
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nsidecar = true\non_uploaded = {argv}\nafter_upload = \"trash\"\n",
        section(&folder)
    ));
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    taxiway.run(&["run", "--once", "--dry-run"]).exits(0);
    assert_eq!(names_in(&folder), ["cat.gif"]);
    assert!(told(&taxiway).is_empty());
}

#[test]
fn an_asset_has_the_name_that_its_folder_gives_it() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "name = \"{stem} ({relative_path}).{ext}\"\n");
    write(&folder.join("deep/cat.gif"), &picture(1, 2_000));
    taxiway.once().exits(0);
    assert_eq!(server.asset().name, "cat (deep/cat.gif).gif");
    assert_eq!(taxiway.row(&folder.join("deep/cat.gif"))["name"], "cat (deep/cat.gif).gif");
}

#[test]
fn what_is_not_wanted_any_more_is_not_done() {
    let server = Server::start();
    let (taxiway, folder) = world(&server, "on_uploaded = [\"false\"]\n");
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("uploaded");
    daemon.stop();
    taxiway.configure(&format!("{}settle = \"50ms\"\n", section(&folder)));
    taxiway.once().exits(0);
    let why = taxiway.run(&["why", "folder/cat.gif"]).out;
    assert!(why.contains("on_uploaded not needed: not configured any more"), "{why}");
}

#[test]
fn a_foreign_file_of_a_sidecars_name_stays_when_its_file_goes() {
    let server = Server::start();
    let (mut taxiway, folder) = world(&server, "");
    taxiway.set("TAXIWAY_TEST_ERRAND_PAUSE_MS", "1");
    let sent = taxiway.path("sent");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nsidecar = true\nafter_upload = \"move:{}\"\n",
        section(&folder),
        sent.display()
    ));
    fs::write(folder.join("cat.gif.asset.json"), "{\"mine\": 1}").expect("a file");
    write(&folder.join("cat.gif"), &picture(1, 2_000));
    // The sidecar is given up in the end, and the file goes all the same.
    taxiway.once().exits(1);
    assert_eq!(names_in(&sent), ["cat.gif"]);
    assert_eq!(names_in(&folder), ["cat.gif.asset.json"]);
}

#[test]
fn a_file_that_a_broken_move_left_aside_is_put_back() {
    let server = Server::start();
    let (mut taxiway, folder) = world(&server, "");
    taxiway.set("TAXIWAY_TEST_ERRAND_PAUSE_MS", "100000");
    let cat = folder.join("cat.gif");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\non_uploaded = [\"false\"]\nafter_upload = \"move:{}\"\n",
        section(&folder),
        taxiway.path("sent").display()
    ));
    write(&cat, &picture(1, 2_000));
    taxiway.once().exits(75);
    // As a crash between the two last steps leaves it: errand 2 is the move.
    fs::rename(&cat, folder.join(".cat.gif.move-2.taxiway-part")).expect("renamed");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nafter_upload = \"move:{}\"\n",
        section(&folder),
        taxiway.path("sent").display()
    ));
    // Its change time is another by now: that waits for a look, and is tried again soon.
    taxiway.set("TAXIWAY_TEST_ERRAND_PAUSE_MS", "20");
    let daemon = taxiway.spawn(&["run", "--json"]);
    eventually("it is moved", || (names_in(&taxiway.path("sent")) == ["cat.gif"]).then_some(()));
    daemon.stop();
    assert!(names_in(&folder).is_empty());
    server.nothing_twice();
}
