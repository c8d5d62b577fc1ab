//! `reload`: the configuration of the running daemon, read again while all goes on.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::support::{
    Daemon, Listener, Server, Taxiway, Terminal, ask, eventually, picture, section, sparse_wav,
    write,
};

/// A folder's section, quick to settle, with more settings.
fn quick(folder: &Path, settings: &str) -> String {
    format!("{}settle = \"50ms\"\n{settings}", section(folder))
}

/// Writes the configuration and has it read; what is said of it.
#[track_caller]
fn reload(taxiway: &Taxiway, config: &str) -> String {
    taxiway.configure(config);
    let said = taxiway.run(&["reload"]).exits(0).tells("");
    said.out.replace(&*taxiway.root.to_string_lossy(), "~")
}

#[track_caller]
fn uploads(daemon: &mut Daemon, path: &Path, number: u64) {
    write(path, &picture(number, 1_000));
    daemon.event_of("uploaded", path);
}

fn status(taxiway: &Taxiway) -> Value {
    ask(taxiway, "GET /v1/status", "").is(200).object()
}

fn folders(status: &Value) -> Vec<&str> {
    let folders = status["folders"].as_array().expect("a list");
    folders.iter().filter_map(|folder| folder["path"].as_str()).collect()
}

#[test]
fn a_folder_is_added_and_another_removed_while_a_third_is_left_alone() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let [a, b, c] = ["a", "b", "c"].map(|name| taxiway.folder(name));
    let (of_a, of_b, of_c) = (quick(&a, ""), quick(&b, ""), quick(&c, ""));
    taxiway.configure(&format!("{of_a}{of_b}"));
    let mut daemon = taxiway.daemon();
    uploads(&mut daemon, &a.join("a.gif"), 1);
    uploads(&mut daemon, &b.join("b.gif"), 2);
    write(&c.join("c.gif"), &picture(3, 1_000));
    let before = daemon.events.len();
    let said = reload(&taxiway, &format!("{of_a}{of_c}"));
    assert_eq!(said, "folder ~/c added\nfolder ~/b removed\n");
    daemon.event_of("uploaded", &c.join("c.gif"));
    let a_shown = a.to_string_lossy();
    let scanned = |event: &Value| event["event"] == "scanned" && event["path"] == *a_shown;
    assert!(!daemon.events[before..].iter().any(scanned), "{:#?}", daemon.events);
    // What comes into the one that was removed is nobody's; its rows are left, and not counted.
    write(&b.join("later.gif"), &picture(4, 1_000));
    uploads(&mut daemon, &c.join("after.gif"), 5);
    daemon.event("idle");
    let now = status(&taxiway);
    assert_eq!(folders(&now), [a.to_string_lossy(), c.to_string_lossy()]);
    assert_eq!(now["counts"]["uploaded"], 3);
    assert_eq!(taxiway.state(&b.join("b.gif")), "uploaded");
    assert_eq!(taxiway.state(&b.join("later.gif")), "");
    let uploads_so_far = server.uploads();
    // And back again: what it has not seen goes out, what it knows is neither read nor sent.
    let said = reload(&taxiway, &format!("{of_a}{of_b}{of_c}"));
    assert_eq!(said, "folder ~/b added\n");
    daemon.event_of("uploaded", &b.join("later.gif"));
    assert_eq!(server.uploads(), uploads_so_far + 1);
    assert_eq!(reload(&taxiway, &format!("{of_a}{of_b}{of_c}")), "nothing changed\n");
    daemon.stop();
    server.nothing_twice();
}

#[test]
fn patterns_and_modes_hold_at_once() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&quick(&folder, "exclude = [\"drafts/\", \"*.tmp.gif\"]\n"));
    let (draft, temporary) = (folder.join("drafts/a.gif"), folder.join("b.tmp.gif"));
    write(&draft, &picture(1, 1_000));
    write(&temporary, &picture(2, 1_000));
    let mut daemon = taxiway.daemon();
    assert_eq!((taxiway.state(&draft), taxiway.state(&temporary)), ("".into(), "ignored".into()));
    let said = reload(&taxiway, &quick(&folder, "exclude = [\"*.tmp.gif\"]\nmode = \"poll\"\n"));
    assert_eq!(said, "folder ~/folder: exclude = [\"*.tmp.gif\"], mode = \"poll\"\n");
    daemon.event_of("uploaded", &draft);
    daemon.event("idle");
    assert_eq!(status(&taxiway)["folders"][0]["mode"], "poll");
    let said = reload(&taxiway, &quick(&folder, "exclude = [\"drafts/\"]\n"));
    assert_eq!(said, "folder ~/folder: exclude = [\"drafts/\"], mode = \"auto\"\n");
    daemon.event_of("uploaded", &temporary);
    uploads(&mut daemon, &folder.join("c.gif"), 3);
    write(&folder.join("drafts/d.gif"), &picture(4, 1_000));
    uploads(&mut daemon, &folder.join("e.gif"), 5);
    daemon.stop();
    assert_eq!(server.uploads(), 4);
}

#[test]
fn sizes_and_quiet_times_hold_at_once() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let slow = format!("{}settle = \"1h\"\n", section(&folder));
    taxiway.configure(&format!("[api]\nmax_file_size = \"10KB\"\n{slow}"));
    let large = folder.join("large.gif");
    write(&large, &picture(1, 20_000));
    let mut daemon = taxiway.daemon();
    assert_eq!(taxiway.state(&large), "ignored");
    let said = reload(&taxiway, &slow);
    assert_eq!(said, "[api]: max_file_size not set any more\n");
    daemon.event_of("seen", &large);
    let said = reload(&taxiway, &quick(&folder, ""));
    assert_eq!(said, "folder ~/folder: settle = \"50ms\"\n");
    daemon.event_of("uploaded", &large);
    daemon.stop();
}

#[test]
fn an_upload_that_is_under_way_goes_on_and_follows_the_limit() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let config = |api: &str, settings: &str| format!("[api]\n{api}{}", quick(&folder, settings));
    taxiway.configure(&config("rate_limit = \"20KB/s\"\n", ""));
    let file = folder.join("long.wav");
    sparse_wav(&file, 8_000_000);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("uploading", &file);
    eventually("bytes go out", || {
        status(&taxiway)["uploading"][0]["sent"].as_u64().filter(|sent| *sent > 0)
    });
    // It would take seven minutes.
    let said = reload(&taxiway, &config("answer_timeout = \"1min\"\n", "hidden = true\n"));
    assert_eq!(
        said,
        "[api]: rate_limit not set any more, answer_timeout = \"1min\"\nfolder ~/folder: hidden = true\n"
    );
    daemon.event_of("uploaded", &file);
    daemon.event("idle");
    daemon.stop();
    assert_eq!((server.uploads(), server.assets().len()), (1, 1));
}

#[test]
fn an_upload_whose_folder_is_removed_ends_and_no_other_begins() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let [a, b] = ["a", "b"].map(|name| taxiway.folder(name));
    let one = "[api]\nconcurrency = 1\n";
    taxiway.configure(&format!("{one}{}{}", quick(&a, ""), quick(&b, "")));
    let mut daemon = taxiway.daemon();
    uploads(&mut daemon, &b.join("first.gif"), 0);
    server.faults(&["slow-answer=1s,times=1"]);
    for number in 1..5 {
        write(&a.join(format!("{number}.gif")), &picture(number, 1_000));
    }
    eventually("one is under way", || (server.open() == 1).then_some(()));
    let said = reload(&taxiway, &format!("{one}{}", quick(&b, "")));
    assert_eq!(said, "folder ~/a removed\n");
    daemon.event("uploaded");
    daemon.event("idle");
    uploads(&mut daemon, &b.join("last.gif"), 9);
    daemon.stop();
    assert_eq!((server.uploads(), server.assets().len()), (3, 3));
    let states: Vec<String> =
        (1..5).map(|number| taxiway.state(&a.join(format!("{number}.gif")))).collect();
    assert_eq!(states.iter().filter(|state| *state == "uploaded").count(), 1, "{states:?}");
}

#[test]
fn more_uploads_at_once_are_begun_at_once_and_fewer_when_some_have_ended() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let config = |most: usize| format!("[api]\nconcurrency = {most}\n{}", quick(&folder, ""));
    taxiway.configure(&config(1));
    let mut daemon = taxiway.daemon();
    // The account's name is learnt first: until then uploads go one by one.
    uploads(&mut daemon, &folder.join("first.gif"), 0);
    server.faults(&["slow-answer=60s"]);
    for number in 1..20 {
        write(&folder.join(format!("{number}.gif")), &picture(number, 1_000));
    }
    eventually("one", || (server.open() == 1).then_some(()));
    assert_eq!(reload(&taxiway, &config(6)), "[api]: concurrency = 6\n");
    eventually("six", || (server.open() == 6).then_some(()));
    assert_eq!(reload(&taxiway, &config(2)), "[api]: concurrency = 2\n");
    daemon.signal("TERM");
    // Whole bodies are given some time, and are in doubt then.
    assert_eq!(daemon.ends(), 0);
    server.faults(&["slow-answer=100ms"]);
    let daemon = taxiway.spawn(&["run", "--json"]);
    let mut most = 0;
    eventually("all", || {
        most = most.max(server.open());
        (server.assets().len() == 20 && server.open() == 0).then_some(())
    });
    assert!(most <= 2, "{most}");
    daemon.kill();
    server.nothing_twice();
}

#[test]
fn what_is_not_sound_changes_nothing_and_says_what_to_do() {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    taxiway.unset("TAXIWAY_BASE_URL");
    taxiway.unset("TAXIWAY_TOKEN");
    let folder = taxiway.folder("folder");
    write(&taxiway.path("config/taxiway/token"), b"user:1-sandbox\n");
    let token = taxiway.path("config/taxiway/token");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&token, private).expect("a mode");
    let base_url = server.base_url();
    let config = |api: &str, rest: &str| {
        format!("[api]\nbase_url = \"{base_url}\"\n{api}{}{rest}", quick(&folder, ""))
    };
    taxiway.configure(&config("", ""));
    let mut daemon = taxiway.daemon();
    let file = "~/config/taxiway/config.toml";
    let elsewhere = format!("[api]\nbase_url = \"https://example.com/v1\"\n{}", quick(&folder, ""));
    let cases = [
        (
            config("", "colour = 1\n"),
            format!(
                "error: {file}:6: unknown key `colour` in [[folder]]\n\
                 hint: the keys of [[folder]] are "
            ),
        ),
        (
            config("", "settle = 1\n"),
            format!(
                "error: {file}:6: not valid TOML at column 1: duplicate key\nhint: edit line 6 of {file}\n"
            ),
        ),
        (
            config("token_file = \"none\"\n", ""),
            "error: no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd \
             credential taxiway-token, ~/config/taxiway/none does not exist, and no session bus \
             leads to a keyring\n"
                .to_owned(),
        ),
        (
            elsewhere,
            format!(
                "error: this ledger belongs to {base_url}, not to https://example.com/v1\n\
                 hint: set base_url = \"{base_url}\", or use another --state-dir for the other \
                 server\n"
            ),
        ),
        (
            format!("[api]\nbase_url = \"{base_url}\"\n"),
            "error: there is no folder to watch: no DIR is given and none is configured\n"
                .to_owned(),
        ),
    ];
    for (text, words) in cases {
        taxiway.configure(&text);
        let said = taxiway.run(&["reload"]).exits(78).prints("");
        assert!(said.told().starts_with(&words), "{}\n{words}", said.told());
        let refused = ask(&taxiway, "POST /v1/reload", "{}").is(422).object();
        let json = taxiway.run(&["reload", "--json"]).exits(78);
        assert_eq!(json.error_object()["error"], refused["error"]);
        assert_eq!((refused["exit"].as_u64(), refused["schema"].as_u64()), (Some(78), Some(1)));
    }
    uploads(&mut daemon, &folder.join("a.gif"), 1);
    assert_eq!(
        reload(&taxiway, &config("rate_limit = \"8MB/s\"\n", "")),
        "[api]: rate_limit = \"8MB/s\"\n"
    );
    ask(&taxiway, "POST /v1/reload", "{\"all\":true}").is(400);
    daemon.stop();
    // Nobody is there to be asked, whatever the configuration says.
    taxiway.configure("colour = 1\n");
    let nobody = "error: no daemon runs with this configuration\nhint: taxiway run\n";
    taxiway.run(&["reload"]).exits(69).prints("").tells(nobody);
}

#[test]
fn another_token_file_is_taken_up_and_its_changes_are_noticed() {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    taxiway.unset("TAXIWAY_TOKEN");
    let folder = taxiway.folder("folder");
    let put = |name: &str, token: &str| {
        let path = taxiway.path(format!("config/taxiway/{name}"));
        write(&path, token.as_bytes());
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, private).expect("a mode");
    };
    put("one", "user:1-one");
    put("two", "user:1-two");
    let config = |file: &str| format!("[api]\ntoken_file = \"{file}\"\n{}", quick(&folder, ""));
    server.set_token("user:1-one");
    taxiway.configure(&config("one"));
    let mut daemon = taxiway.daemon();
    uploads(&mut daemon, &folder.join("a.gif"), 1);
    server.set_token("user:1-two");
    let file = folder.join("b.gif");
    write(&file, &picture(2, 1_000));
    daemon.event("account_stopped");
    let said = reload(&taxiway, &config("two"));
    assert_eq!(said, "[api]: token_file = \"~/config/taxiway/two\"\n");
    daemon.event_of("uploaded", &file);
    server.set_token("user:1-three");
    let file = folder.join("c.gif");
    write(&file, &picture(3, 1_000));
    daemon.event("account_stopped");
    put("two", "user:1-three");
    daemon.event_of("uploaded", &file);
    daemon.stop();
}

#[test]
fn an_edited_email_says_first_what_is_wanted_on_the_new_account() {
    let server = Server::of(&["a@example.com", "b@example.com"]);
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let config = |email: &str| quick(&folder, &format!("email = \"{email}\"\n"));
    taxiway.configure(&config("a@example.com"));
    for number in 0..3 {
        write(&folder.join(format!("{number}.gif")), &picture(number, 1_000));
    }
    // Twice the same bytes.
    write(&folder.join("copy.gif"), &picture(0, 1_000));
    let mut daemon = taxiway.daemon();
    assert_eq!(server.assets().len(), 3);
    let bytes: u64 = server.assets().iter().map(|asset| asset.size).sum();
    assert!((3_000..3_100).contains(&bytes), "{bytes}");
    let said = reload(&taxiway, &config("B@example.com"));
    assert_eq!(said, "folder ~/folder: email = \"b@example.com\"\n");
    daemon.until_told(&format!(
        "{} goes to b@example.com now: 4 files, 3.0 kB, to be sent there; hint: if that is not \
         meant: taxiway pause, then mend its email",
        folder.display()
    ));
    eventually("all on the other", || (server.assets().len() == 6).then_some(()));
    daemon.event("idle");
    assert_eq!(status(&taxiway)["folders"][0]["account"], "b@example.com");
    daemon.stop();
    server.nothing_twice();
    // It is said once, and a start says it as well.
    let said = taxiway.run(&["run", "--once", "-q"]).exits(0);
    assert_eq!(said.err, "");
    let file = folder.join("new.gif");
    write(&file, &picture(9, 1_000));
    taxiway.once().exits(0);
    taxiway.configure(&config("a@example.com"));
    let said = taxiway.run(&["run", "--once", "--json"]).exits(0);
    assert!(said.err.contains("goes to a@example.com now: 1 file, 1.0 kB, to"), "{}", said.err);
    assert_eq!(server.assets().len(), 8);
}

#[test]
fn who_waits_who_pushes_and_who_listens_is_not_disturbed() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let [a, b] = ["a", "b"].map(|name| taxiway.folder(name));
    let both = |settings: &str| format!("{}{}", quick(&a, settings), quick(&b, settings));
    taxiway.configure(&both(""));
    let mut daemon = taxiway.daemon();
    let mut listener = Listener::start(&taxiway);
    let (growing, whole) = (a.join("a.gif"), picture(1, 50_000));
    let mut file = File::create(&growing).expect("a file");
    file.write_all(&whole[..20_000]).expect("half");
    daemon.event_of("seen", &growing);
    let mut wait = taxiway.spawn(&["wait"]);
    daemon.event("scanned");
    server.faults(&["slow-answer=2s,times=1"]);
    write(&taxiway.path("p.gif"), &picture(2, 1_000));
    let mut push = taxiway.spawn(&["push", "p.gif"]);
    eventually("the push is under way", || (server.open() == 1).then_some(()));
    reload(&taxiway, &both("hidden = true\n"));
    // Other rules hold, and the file that grows is looked at anew.
    file.write_all(&whole[20_000..]).expect("the rest");
    drop(file);
    assert_eq!(wait.ends(), 0);
    assert_eq!(push.ends(), 0);
    assert_eq!(push.printed, [server.asset_named("p.gif").asset_id()]);
    assert_eq!(server.asset_named("a.gif").size, whole.len() as u64);
    // One who waits for what lies in a folder that is removed has nothing to wait for.
    let growing = b.join("b.gif");
    let mut file = File::create(&growing).expect("a file");
    file.write_all(&whole[..10_000]).expect("some");
    daemon.event_of("seen", &growing);
    let mut wait = taxiway.spawn(&["wait"]);
    daemon.event("scanned");
    let told = taxiway.run(&["wait", "--timeout", "300ms"]).exits(75);
    told.tells("error: the time is over: 1 file is not done\nhint: taxiway status\n");
    reload(&taxiway, &quick(&a, "hidden = true\n"));
    assert_eq!(wait.ends(), 0);
    daemon.stop();
    listener.ends();
    let last = listener.events.last().expect("the end");
    assert_eq!(last["event"], "stopped");
    let uploaded = listener.events.iter().filter(|event| event["event"] == "uploaded").count();
    assert_eq!(uploaded, 2);
    server.nothing_twice();
}

#[test]
fn ten_reloads_in_a_row_under_load_lose_nothing_and_send_nothing_twice() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let config = |round: usize| {
        let hidden = round % 2 == 1;
        let concurrency = 1 + round % 5;
        let settings = format!("hidden = {hidden}\n");
        format!("[api]\nconcurrency = {concurrency}\n{}", quick(&folder, &settings))
    };
    taxiway.configure(&config(0));
    server.faults(&["slow-answer=10ms"]);
    let mut daemon = taxiway.daemon();
    let into = folder.clone();
    let writer = std::thread::spawn(move || {
        for number in 0..300 {
            write(&into.join(format!("{number}.gif")), &picture(number, 2_000));
        }
    });
    for round in 1..=10 {
        reload(&taxiway, &config(round));
    }
    writer.join().expect("its end");
    taxiway.run(&["wait"]).exits(0);
    daemon.event("idle");
    let now = status(&taxiway);
    assert_eq!((&now["done"], &now["counts"]["uploaded"]), (&true.into(), &300.into()), "{now}");
    assert_eq!(now["counts"]["failed"], 0);
    daemon.stop();
    assert_eq!((server.assets().len(), server.uploads()), (300, 300));
}

#[test]
fn a_hangup_reads_it_again_and_ends_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    let other = taxiway.folder("other");
    let mut daemon = taxiway.daemon();
    let file = other.join("a.gif");
    write(&file, &picture(1, 1_000));
    taxiway.configure(&format!("{}{}", quick(&folder, ""), quick(&other, "")));
    daemon.signal("HUP");
    daemon.event_of("uploaded", &file);
    taxiway.configure("[api]\nconcurency = 2\n");
    daemon.signal("HUP");
    daemon.until_told(&format!(
        "the configuration is kept as it was: {}:2: unknown key `concurency` in [api]; hint: did \
         you mean `concurrency`?",
        taxiway.config_file().display()
    ));
    uploads(&mut daemon, &other.join("b.gif"), 2);
    daemon.stop();
}

#[test]
fn the_folders_of_the_command_line_stay() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let [a, b] = ["a", "b"].map(|name| taxiway.folder(name));
    let mut daemon = taxiway.spawn(&["run", "a", "--json"]);
    daemon.event("idle");
    write(&b.join("b.gif"), &picture(1, 1_000));
    // There was no file before. It names another folder, and says how that of the command line is.
    let config = format!("{}{}", quick(&b, ""), quick(&a, "hidden = true\n"));
    let said = reload(&taxiway, &config);
    assert_eq!(said, "folder ~/a: hidden = true, settle = \"50ms\"\n");
    uploads(&mut daemon, &a.join(".hidden.gif"), 2);
    daemon.event("idle");
    assert_eq!(folders(&status(&taxiway)), [a.to_string_lossy()]);
    daemon.stop();
    assert_eq!(server.uploads(), 1);
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    // Nothing is asked of it.
    taxiway.set("TAXIWAY_BASE_URL", "https://127.0.0.1:9/v1");
    let folder = taxiway.folder("folder");
    taxiway.configure(&quick(&folder, ""));
    let daemon = taxiway.daemon();
    taxiway.configure(&format!("[api]\nca_file = \"none.pem\"\n{}", quick(&folder, "")));
    let said = taxiway.run(&["reload"]).exits(78).prints("");
    let words = "error: cannot read the certificates in \"~/config/taxiway/none.pem\": ";
    assert!(said.told().starts_with(words), "{}", said.told());
    taxiway.configure(&format!("[api]\nconnect_timeout = \"3s\"\n{}", quick(&folder, "")));
    taxiway.run(&["reload"]).exits(0).prints("[api]: connect_timeout = \"3s\"\n");
    daemon.stop();
}

#[test]
fn a_sandbox_has_the_accounts_that_it_began_with() {
    let taxiway = Taxiway::alone();
    let folder = taxiway.folder("folder");
    let config =
        |email: &str, settings: &str| quick(&folder, &format!("email = \"{email}\"\n{settings}"));
    taxiway.configure(&config("a@example.com", ""));
    let mut daemon = taxiway.spawn(&["run", "--sandbox", "--json"]);
    daemon.event("idle");
    taxiway.configure(&config("b@example.com", ""));
    taxiway.run(&["reload", "--sandbox"]).exits(78).prints("").tells(
        "error: the sandbox was started without the account b@example.com\n\
         hint: stop it, and run it again\n",
    );
    taxiway.configure(&config("a@example.com", "hidden = true\n"));
    let said = taxiway.run(&["reload", "--sandbox", "--json"]).exits(0).tells("");
    said.prints("{\"schema\":1,\"changed\":[\"folder ~/folder: hidden = true\"]}\n");
    uploads(&mut daemon, &folder.join(".a.gif"), 1);
    daemon.stop();
}

#[test]
fn what_is_done_for_an_uploaded_file_and_its_name_are_read_anew() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&quick(&folder, ""));
    let mut daemon = taxiway.daemon();
    uploads(&mut daemon, &folder.join("a.gif"), 1);
    let settings =
        "name = \"{stem}-{hash8}.{ext}\"\nsidecar = true\nafter_upload = \"move:../done\"\n";
    let said = reload(&taxiway, &quick(&folder, settings));
    assert!(said.starts_with("folder ~/folder: name = \"{stem}-{hash8}.{ext}\", "), "{said}");
    assert!(said.contains("sidecar = true"), "{said}");
    uploads(&mut daemon, &folder.join("b.gif"), 2);
    let done = taxiway.path("config/done/b.gif");
    eventually("it is moved away, with its sidecar", || {
        (done.exists() && done.with_file_name("b.gif.asset.json").exists()).then_some(())
    });
    let named = server.assets().iter().find(|asset| asset.name.starts_with("b-")).cloned();
    assert!(named.is_some(), "{:#?}", server.assets());
    // What was uploaded before is not owed what is wanted now.
    assert!(folder.join("a.gif").exists());
    let said = reload(&taxiway, &quick(&folder, ""));
    assert!(said.contains("sidecar = false"), "{said}");
    uploads(&mut daemon, &folder.join("c.gif"), 3);
    daemon.event("idle");
    assert!(folder.join("c.gif").exists() && !folder.join("c.gif.asset.json").exists());
    daemon.stop();
}

#[test]
fn a_terminal_that_is_closed_ends_the_run_on_it() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut screen = Terminal::start(taxiway.command(&["run"]), 80, 24);
    screen.until("it is at rest", |screen| screen.contains("Ctrl-C ends"));
    screen.signal("HUP");
    assert_eq!(screen.ends().0, 0);
}
