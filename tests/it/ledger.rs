//! `ledger`: verified, copied, carried elsewhere, and recognised when it is damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Server, Taxiway, picture, write};

/// One file that is uploaded.
fn one_uploaded(server: &Server) -> Taxiway {
    let taxiway = Taxiway::watching(server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    taxiway.once().exits(0);
    taxiway
}

fn ledger(taxiway: &Taxiway) -> PathBuf {
    taxiway.state_dir().join("ledger.sqlite3")
}

/// Changes the ledger behind the program's back.
fn change(ledger: &Path, sql: &str) {
    let db = rusqlite::Connection::open(ledger).expect("the ledger");
    db.execute_batch(sql).expect("a change");
}

#[test]
fn a_sound_ledger_is_said_to_be_sound_with_and_without_a_daemon() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    let sound = "~/state/taxiway/ledger.sqlite3 is sound: 1 upload (1 uploaded), 1 path, \
                 1 attempt\n";
    taxiway.run(&["ledger", "verify"]).exits(0).prints(sound).tells("");
    let daemon = taxiway.daemon();
    taxiway.run(&["ledger", "verify"]).exits(0).prints(sound).tells("");
    let said = taxiway.run(&["ledger", "verify", "--json"]).exits(0).tells("");
    said.prints(
        "{\"attempts\":1,\"faults\":[],\"path\":\"~/state/taxiway/ledger.sqlite3\",\"paths\":1,\
         \"schema\":1,\"sound\":true,\"uploaded\":1,\"uploads\":1}\n",
    );
    daemon.stop();
}

#[test]
fn without_a_ledger_there_is_nothing_to_verify_and_nothing_to_copy() {
    let taxiway = Taxiway::alone();
    let not_there = "~/state/taxiway/ledger.sqlite3 is not there: there is nothing to";
    let said = taxiway.run(&["ledger", "verify"]).exits(0).tells("");
    said.prints(&format!("{not_there} verify\n"));
    taxiway
        .run(&["ledger", "backup", "copy"])
        .exits(74)
        .prints("")
        .tells(&format!("error: {not_there} copy\nhint: taxiway config show\n"));
    assert!(!taxiway.state_dir().exists());
}

#[test]
fn what_does_not_fit_is_listed_with_the_way_back() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    change(&ledger(&taxiway), "UPDATE attempt SET outcome = 'refused'");
    let asset_id = server.asset().asset_id();
    let fault = format!("upload 1 has {asset_id}, and none of its attempts stored it");
    let rule = "what is uploaded was stored by an attempt";
    taxiway
        .run(&["ledger", "verify"])
        .exits(74)
        .prints(&format!("fault: {fault} (rule: {rule})\n"))
        .tells(
            "error: the ledger ~/state/taxiway/ledger.sqlite3 is damaged: 1 fault\n\
             hint: taxiway ledger rebuild\n",
        );
    let said = taxiway.run(&["ledger", "verify", "--json"]).exits(74);
    let object = &said.objects()[0];
    assert_eq!((&object["sound"], &object["faults"][0]["rule"]), (&false.into(), &rule.into()));
    assert_eq!(said.error_object()["hint"], "taxiway ledger rebuild");
}

#[test]
fn a_backup_beside_a_daemon_is_the_ledger() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["ledger", "backup", "my backup.sqlite3"]).exits(0);
    let way_back = "to go back to it: stop taxiway, put it in the place of \
                    ~/state/taxiway/ledger.sqlite3 (move ~/state/taxiway/ledger.sqlite3-wal away \
                    too), then: taxiway ledger adopt\n";
    said.prints("my backup.sqlite3\n").tells(way_back);
    for silent in ["-q", "--json"] {
        taxiway.run(&["ledger", "backup", silent, &format!("copy{silent}")]).exits(0).tells("");
    }
    daemon.stop();
    let copy = taxiway.path("my backup.sqlite3");
    let mode = fs::metadata(&copy).expect("the copy").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = taxiway.run(&["ledger", "backup", "my backup.sqlite3"]).exits(2).prints("");
    let told = said.told();
    assert!(
        told.starts_with(
            "error: my backup.sqlite3 is there already\nhint: taxiway ledger backup 'my backup-"
        ) && told.ends_with(".sqlite3'\n"),
        "{told}"
    );
    taxiway.run(&["ledger", "backup", "no/such"]).exits(74).prints("").tells(
        "error: no/such cannot be written: no such file or directory\nhint: ls -ld no && df -h no\n",
    );

    let before = server.requests();
    fs::remove_file(ledger(&taxiway)).expect("removed");
    fs::rename(copy, ledger(&taxiway)).expect("put in its place");
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before, "nothing is sent again");
    taxiway.run(&["ledger", "verify"]).exits(0);
}

#[test]
fn a_ledger_whose_older_state_cannot_be_kept_is_left_as_it_is() {
    let taxiway = Taxiway::alone();
    fs::create_dir_all(taxiway.state_dir()).expect("a directory");
    let older = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledgers/schema-1.sqlite3");
    fs::copy(older, ledger(&taxiway)).expect("an older ledger");
    let before = fs::read(ledger(&taxiway)).expect("the ledger");
    let import = |limit: &str| {
        let program = taxiway.command(&["ledger", "import", "-"]);
        // No file may grow beyond this: as on a disk that is full.
        let script = format!("trap '' XFSZ; {limit} exec \"$0\" \"$@\"");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
        let variables = program.get_envs().filter_map(|(key, value)| Some((key, value?)));
        command.env_clear().envs(variables).current_dir(&taxiway.root);
        command.env("TAXIWAY_BASE_URL", "http://127.0.0.1:35617/v1/runwayml");
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        taxiway.finish(command, b"")
    };
    let said = import("ulimit -f 64;").exits(74).prints("");
    let told = said.told();
    assert!(
        told.starts_with(
            "error: the ledger ~/state/taxiway/ledger.sqlite3 is as an older taxiway left it and \
             cannot be copied before it is changed: \
             ~/state/taxiway/ledger.sqlite3.before-schema-4 cannot be written: "
        ) && told.ends_with("\nhint: make room for a second one: df -h ~/state/taxiway\n"),
        "{told}"
    );
    assert_eq!(fs::read(ledger(&taxiway)).expect("the ledger"), before);
    let names = || {
        let names = fs::read_dir(taxiway.state_dir()).expect("a list");
        names.map(|entry| entry.expect("it").file_name().into_string().expect("a name"))
    };
    assert!(names().all(|name| !name.contains("before")), "{:?}", Vec::from_iter(names()));
    import("").exits(0);
    assert!(names().any(|name| name == "ledger.sqlite3.before-schema-4"));
    taxiway.run(&["ledger", "verify"]).exits(0).tells("");
}

#[test]
fn a_damaged_ledger_names_the_newest_copy_and_it_works() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    let copy = taxiway.state_dir().join("yesterday.sqlite3");
    taxiway.run(&["ledger", "backup", &copy.to_string_lossy()]).exits(0);
    let bytes = fs::read(ledger(&taxiway)).expect("the ledger");
    fs::write(ledger(&taxiway), &bytes[..bytes.len() / 2]).expect("half a ledger");
    let commands =
        [&["run", "--once"][..], &["ls"], &["id", "folder/a.gif"], &["ledger", "verify"]];
    let mut hint = String::new();
    for command in commands {
        let said = taxiway.run(command).exits(74).prints("");
        let told = said.told();
        assert_eq!(
            told,
            "error: the ledger ~/state/taxiway/ledger.sqlite3 is damaged: database disk image is \
             malformed\nhint: stop taxiway, then: cd ~/state/taxiway && mv ledger.sqlite3 \
             ledger.sqlite3.damaged && cp yesterday.sqlite3 ledger.sqlite3; and for what was \
             uploaded since: taxiway ledger adopt\n",
            "{command:?}"
        );
        hint = said.err;
    }
    let typed = hint.split("then: ").nth(1).and_then(|rest| rest.split(';').next());
    let mut shell = std::process::Command::new("sh");
    let status = shell.args(["-c", typed.expect("a command")]).status().expect("a shell");
    assert!(status.success());
    let before = server.requests();
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before, "nothing is sent again");
}

#[test]
fn pages_that_are_damaged_are_noticed_when_they_are_read() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    let page: usize = {
        let db = rusqlite::Connection::open(ledger(&taxiway)).expect("the ledger");
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'decision'";
        db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a page") as usize
    };
    let mut bytes = fs::read(ledger(&taxiway)).expect("the ledger");
    let start = (page - 1) * 4_096;
    bytes[start..start + 4_096].fill(0xEE);
    fs::write(ledger(&taxiway), bytes).expect("a page of nonsense");
    write(&taxiway.path("folder/b.gif"), &picture(2, 1_000));
    // A daemon ends with it, and does not wait for room on the disk.
    for arguments in [&["run", "-q"][..], &["run", "--once", "-q"]] {
        taxiway.run(arguments).exits(74).tells(
            "error: the ledger ~/state/taxiway/ledger.sqlite3 is damaged: database disk image is \
             malformed\nhint: taxiway ledger rebuild\n",
        );
    }
    assert_eq!(server.uploads(), 1);
    let what = format!(
        "*** in database main ***; Tree {page} page {page}: btreeInitPage() returns \
                        error code 11"
    );
    taxiway.run(&["ledger", "backup", "copy"]).exits(74).prints("").tells(&format!(
        "error: the ledger ~/state/taxiway/ledger.sqlite3 is damaged: {what}\n\
         hint: taxiway ledger rebuild\n"
    ));
    let said = taxiway.run(&["ledger", "verify"]).exits(74);
    assert_eq!(said.err.lines().count(), 2, "{said:?}");
    assert!(said.told().ends_with("hint: taxiway ledger rebuild\n"), "{said:?}");
}

/// Two accounts, names of all kinds, a copy, a file that is gone, one that failed.
fn much_uploaded(server: &Server) -> Taxiway {
    use std::os::unix::ffi::OsStrExt;
    let taxiway = Taxiway::with(server);
    let mut config = String::new();
    for name in ["one", "two"] {
        let folder = taxiway.folder(name);
        config += &crate::support::section(&folder);
        config += &format!("email = \"{name}@example.com\"\nsettle = \"50ms\"\n");
        write(&folder.join("a.gif"), &picture(1, 1_000));
    }
    taxiway.configure(&config);
    let one = taxiway.path("one");
    write(&one.join("copy, \"quoted\".gif"), &picture(1, 1_000));
    write(&one.join(std::ffi::OsStr::from_bytes(b"caf\xe9.gif")), &picture(2, 1_000));
    write(&one.join("gone.gif"), &picture(3, 1_000));
    write(&one.join("failed.gif"), &picture(4, 50_000));
    fs::copy(crate::support::media("pcm.wav"), one.join("sound.wav")).expect("a copy");
    server.faults(&["max-size=40KB"]);
    taxiway.once().exits(1);
    fs::remove_file(one.join("gone.gif")).expect("removed");
    taxiway.once().exits(1);
    taxiway
}

/// Another home with the same folders and server, and no ledger.
fn another(taxiway: &Taxiway, server: &Server) -> Taxiway {
    let other = Taxiway::with(server);
    other.configure(&fs::read_to_string(taxiway.config_file()).expect("the configuration"));
    other
}

#[test]
fn an_export_has_the_documented_fields_and_every_path() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = much_uploaded(&server);
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["ledger", "export"]).exits(0).tells("");
    daemon.stop();
    let uploads = said.objects();
    assert_eq!(uploads.len(), 6);
    let named = |name: &str| {
        let found = uploads.iter().find(|upload| {
            upload["account"] == "one@example.com"
                && upload["paths"][0]["path"].as_str().is_some_and(|path| path.ends_with(name))
        });
        found.unwrap_or_else(|| panic!("no {name} in {uploads:#?}"))
    };
    let first = said.lines()[0];
    let keys = [
        "schema",
        "hash",
        "size",
        "media_type",
        "width",
        "height",
        "duration",
        "account",
        "state",
        "asset_id",
        "asset_url",
        "name",
        "uploaded_at",
        "attempts",
        "reason",
        "paths",
        "server",
    ];
    let places = keys.map(|key| first.find(&format!("\"{key}\":")).expect(key));
    assert!(places.is_sorted(), "{first}");
    assert!(uploads.iter().all(|upload| upload["server"] == server.base_url()));
    let twice = named("a.gif");
    let asset = server.assets().into_iter().find(|asset| asset.asset_id() == twice["asset_id"]);
    let asset = asset.expect("its asset");
    assert_eq!((&twice["schema"], &twice["state"]), (&1.into(), &"uploaded".into()));
    assert_eq!(twice["hash"], asset.blake3.as_str());
    assert_eq!(twice["size"], asset.size);
    assert_eq!((&twice["width"], &twice["attempts"]), (&1.into(), &1.into()));
    assert_eq!(twice["paths"].as_array().map(Vec::len), Some(2), "{twice}");
    assert!(twice["paths"][0]["gone_at"].is_null() && twice["paths"][0]["path_hex"].is_null());
    let hex = named("caf\u{FFFD}.gif")["paths"][0]["path_hex"].as_str().expect("its bytes");
    assert!(hex.ends_with("636166e92e676966"), "{hex}");
    assert!(named("gone.gif")["paths"][0]["gone_at"].is_string());
    let failed = named("failed.gif");
    assert_eq!((&failed["state"], &failed["asset_id"]), (&"failed".into(), &().into()));
    assert_eq!(failed["reason"], "413: 413 Payload Too Large");
    assert_eq!(named("sound.wav")["duration"], 0.5);

    let said = taxiway.run(&["ledger", "export", "--csv"]).exits(0).tells("");
    assert_eq!(
        said.lines()[0],
        "hash,size,media_type,width,height,duration,account,state,asset_id,asset_url,name,\
         uploaded_at,attempts,reason,path,path_hex,server"
    );
    assert_eq!(said.lines().len(), 7, "{}", said.out);
    assert!(said.out.contains(",image/gif,1,1,,"), "{}", said.out);
    let nothing = Taxiway::alone();
    nothing.run(&["ledger", "export"]).exits(0).prints("").tells("");
    assert!(!nothing.state_dir().exists());
}

/// What two ledgers must have in common: everything of an upload but how it came about.
fn essence(taxiway: &Taxiway) -> Vec<String> {
    let said = taxiway.run(&["ledger", "export"]).exits(0);
    let uploaded = said.objects().into_iter().filter(|upload| upload["state"] == "uploaded");
    let mut essence: Vec<String> = uploaded
        .map(|mut upload| {
            for own in ["attempts", "reason", "paths"] {
                upload.as_object_mut().expect("an object").remove(own);
            }
            upload.to_string()
        })
        .collect();
    essence.sort();
    essence
}

#[test]
fn an_export_imported_elsewhere_is_the_same_and_nothing_is_sent_again() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = much_uploaded(&server);
    for arguments in [&["ledger", "export"][..], &["ledger", "export", "--csv"]] {
        let export = taxiway.run(arguments).exits(0).bytes;
        let other = another(&taxiway, &server);
        let summary = |new, known| {
            format!(
                "imported into ~/state/taxiway/ledger.sqlite3: {new} new, 0 completed; left \
                 alone: {known} known, 1 without assetId, 0 in conflict\n"
            )
        };
        let file = other.path("export");
        write(&file, &export);
        other.run(&["ledger", "import", "export"]).exits(0).prints(&summary(5, 0)).tells("");
        assert_eq!(essence(&other), essence(&taxiway));
        let said = other.run_with_stdin(&["ledger", "import", "-"], &export).exits(0);
        said.prints(&summary(0, 5)).tells("");
        other.run(&["ledger", "verify"]).exits(0);
        // The files that are still there are known; only what failed there is tried here.
        let before = server.uploads();
        other.once().exits(1);
        assert_eq!(server.uploads() - before, 1);
        server.nothing_twice();
    }
    let said = another(&taxiway, &server).run_with_stdin(
        &["ledger", "import", "--json", "-"],
        &taxiway.run(&["ledger", "export"]).exits(0).bytes,
    );
    said.exits(0).prints(
        "{\"completed\":0,\"conflicts\":0,\"known\":0,\"new\":5,\"schema\":1,\
         \"without_asset\":1}\n",
    );
}

#[test]
fn an_import_completes_what_failed_and_keeps_what_it_knows() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = much_uploaded(&server);
    let uploads = taxiway.run(&["ledger", "export"]).exits(0).objects();
    let failed = uploads.iter().find(|upload| upload["state"] == "failed").expect("one failed");
    // On the failed one's account: an asset of another is refused at once.
    let theirs = |upload: &&serde_json::Value| {
        upload["state"] == "uploaded" && upload["account"] == failed["account"]
    };
    let known = uploads.iter().find(theirs).expect("one uploaded");
    let with = |upload: &serde_json::Value, asset_id: &str| {
        let mut upload = upload.clone();
        upload["asset_id"] = asset_id.into();
        format!("{upload}\n")
    };
    let ours = known["asset_id"].as_str().expect("an assetId");
    let text = with(failed, "elsewhere") + &with(known, "another") + &with(failed, ours);
    write(&taxiway.path("theirs.jsonl"), text.as_bytes());
    let (hash, account) =
        (known["hash"].as_str().expect("a hash"), known["account"].as_str().expect("an account"));
    let said = taxiway.run(&["ledger", "import", "theirs.jsonl"]).exits(1);
    let failed_hash = failed["hash"].as_str().expect("a hash");
    said.prints(
        "imported into ~/state/taxiway/ledger.sqlite3: 0 new, 1 completed; left alone: 0 known, \
         0 without assetId, 2 in conflict\n",
    )
    .tells(&format!(
        "conflict: theirs.jsonl:2: {hash} on {account}: there another; here {ours}\n\
         conflict: theirs.jsonl:3: {failed_hash} on one@example.com: there {ours}; here \
         elsewhere\n"
    ));
    let said = taxiway.run(&["ledger", "import", "--json", "theirs.jsonl"]).exits(1);
    let told: Vec<serde_json::Value> =
        said.err.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&told[0]["line"], &told[0]["there"]), (&2.into(), &"another".into()));
    assert_eq!(taxiway.state(&taxiway.path("one/failed.gif")), "uploaded");
    assert_eq!(taxiway.row(&taxiway.path("one/failed.gif"))["reason"], "imported");
    taxiway.run(&["ledger", "verify"]).exits(0);
    let before = server.requests();
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
}

#[test]
fn a_line_that_cannot_be_read_imports_nothing() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = much_uploaded(&server);
    let export = taxiway.run(&["ledger", "export"]).exits(0).out;
    let other = another(&taxiway, &server);
    write(&other.path("cut off.jsonl"), &export.as_bytes()[..export.len() - 9]);
    let said = other.run(&["ledger", "import", "cut off.jsonl"]).exits(2).prints("");
    let told = said.told();
    assert!(told.starts_with("error: cut off.jsonl:6: it is no JSON object: EOF while"), "{told}");
    let hint = "\nhint: nothing was imported; mend line 6, then: taxiway ledger import 'cut \
                off.jsonl'\n";
    assert!(told.ends_with(hint), "{told}");
    assert_eq!(essence(&other), [""; 0]);
    other
        .run(&["ledger", "import", "no such"])
        .exits(2)
        .tells("error: no such: no such file or directory\nhint: taxiway ledger import --help\n");
    let said = other.run_with_stdin(&["ledger", "import", "-"], b"a,b\n").exits(2);
    said.tells(
        "error: stdin:1: neither JSON nor the header of CSV: there is no column hash\n\
         hint: nothing was imported; mend line 1, then: taxiway ledger import -\n",
    );
}

#[test]
fn what_another_server_stored_is_not_imported() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    for arguments in [&["ledger", "export"][..], &["ledger", "export", "--csv"]] {
        let export = taxiway.run(arguments).exits(0).out;
        let elsewhere = Server::start();
        let mut other = Taxiway::watching(&elsewhere);
        let line = if arguments.len() > 2 { 2 } else { 1 };
        let (theirs, ours) = (server.base_url(), elsewhere.base_url());
        write(&other.path("their export"), export.as_bytes());
        other.run(&["ledger", "import", "their export"]).exits(78).prints("").tells(&format!(
            "error: their export:{line}: it is from a ledger of {theirs}, and this one is of \
             {ours}\nhint: nothing was imported; into a ledger of that server: \
             TAXIWAY_BASE_URL={theirs} taxiway --state-dir DIR ledger import 'their export'\n"
        ));
        assert!(!ledger(&other).exists(), "no ledger remembers the wrong server");
        // A record behind good ones: all or nothing.
        let mixed = export.replace(&theirs, &ours) + export.lines().last().expect("a line") + "\n";
        other.run_with_stdin(&["ledger", "import", "-"], mixed.as_bytes()).exits(78).prints("");
        assert_eq!(essence(&other), [""; 0]);
        // Older exports do not say where they are from.
        let silent = export.replace(&theirs, "");
        let said = other.run_with_stdin(&["ledger", "import", "-"], silent.as_bytes()).exits(0);
        assert!(said.out.contains(": 1 new, "), "{}", said.out);
        other.set("TAXIWAY_BASE_URL", &theirs);
        other.run(&["--state-dir", "apart", "ledger", "import", "their export"]).exits(0);
        other.run(&["--sandbox", "ledger", "import", "their export"]).exits(78);
    }
}

#[test]
fn a_copy_of_a_ledger_is_put_in_place_and_not_imported() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    taxiway.run(&["ledger", "backup", "a copy"]).exits(0);
    let said = taxiway.run(&["ledger", "import", "a copy"]).exits(2).prints("");
    let told = said.told();
    assert_eq!(
        told,
        "error: a copy is a copy of a ledger, and not what `ledger export` prints\n\
         hint: to put it in its place, stop taxiway, then: cd ~/state/taxiway && mv \
         ledger.sqlite3 ledger.sqlite3.before && cp '~/a copy' ledger.sqlite3; and for what was \
         uploaded since: taxiway ledger adopt\n"
    );
    let typed = said.err.split("then: ").nth(1).and_then(|rest| rest.split(';').next());
    let mut shell = std::process::Command::new("sh");
    let status = shell.args(["-c", typed.expect("a command")]).status().expect("a shell");
    assert!(status.success());
    let before = server.requests();
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before, "nothing is sent again");
    let itself = taxiway.state_dir().join("ledger.sqlite3");
    taxiway.run(&["ledger", "import", &itself.to_string_lossy()]).exits(2).tells(
        "error: ~/state/taxiway/ledger.sqlite3 is this very ledger\nhint: taxiway ledger export\n",
    );
}

#[test]
fn an_import_beside_a_daemon_says_to_stop_it() {
    let server = Server::start();
    let taxiway = one_uploaded(&server);
    let export = taxiway.run(&["ledger", "export"]).exits(0).bytes;
    write(&taxiway.path("export"), &export);
    let daemon = taxiway.daemon();
    let pid = daemon.pid();
    taxiway.run(&["ledger", "import", "export"]).exits(75).prints("").tells(&format!(
        "error: another taxiway with process id {pid} has the ledger in ~/state/taxiway\n\
         hint: stop it first: kill {pid}\n"
    ));
    daemon.stop();
    taxiway.run(&["ledger", "import", "export"]).exits(0);
}
