//! Wrong input: the exact words, a hint, the exit code; and once it is mended nothing was lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{
    Daemon, Server, TOKEN, Taxiway, eventually, media, picture, section, sparse_wav, write,
};

/// After all: the one file of the folder is uploaded.
#[track_caller]
fn nothing_is_lost(taxiway: &Taxiway, server: &Server) {
    taxiway.once().exits(0);
    assert_eq!(server.asset().name, "a.gif");
}

fn with_a_file(server: &Server) -> Taxiway {
    let taxiway = Taxiway::watching(server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    taxiway
}

#[test]
fn no_token() {
    let server = Server::start();
    let mut taxiway = with_a_file(&server);
    taxiway.unset("TAXIWAY_TOKEN");
    let words = "no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd \
                 credential taxiway-token, ~/config/taxiway/token does not exist, and no session \
                 bus leads to a keyring";
    let hint = "(umask 077; printf %s 'user:…' > ~/config/taxiway/token)";
    let said = taxiway.run(&["run", "--once"]).exits(78);
    said.tells(&format!("error: {words}\nhint: {hint}\n"));
    let error = taxiway.run(&["run", "--once", "--json"]).exits(78).error_object();
    let home = taxiway.root.to_string_lossy().into_owned();
    assert_eq!(error["error"], words.replace('~', &home));
    assert_eq!(error["hint"], hint.replace('~', &home));
    taxiway.run(&["push", "folder/a.gif"]).exits(78);
    taxiway.set("USEAPI_TOKEN", TOKEN);
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn a_token_with_white_space() {
    let server = Server::start();
    server.set_token(TOKEN);
    let mut taxiway = with_a_file(&server);
    taxiway.set("TAXIWAY_TOKEN", "user:1 sandbox");
    let said = taxiway.run(&["run", "--once"]).exits(78);
    said.tells(
        "error: the token from environment variable TAXIWAY_TOKEN has white space inside\n\
         hint: export TAXIWAY_TOKEN=user:…\n",
    );
    // The first source that is there decides.
    taxiway.set("USEAPI_TOKEN", TOKEN);
    let said = taxiway.run(&["run", "--once", "--json"]).exits(78);
    assert!(!said.err.contains("sandbox"), "a token is never shown: {}", said.err);
    taxiway.set("TAXIWAY_TOKEN", format!("\n \t{TOKEN} \r\n"));
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn a_token_file_that_others_can_read() {
    let server = Server::start();
    let mut taxiway = with_a_file(&server);
    taxiway.unset("TAXIWAY_TOKEN");
    let file = taxiway.path("config/taxiway/token");
    write(&file, TOKEN.as_bytes());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    taxiway.run(&["run", "--once"]).exits(78).tells(
        "error: others can use the token file ~/config/taxiway/token (mode 0644)\n\
         hint: chmod 600 ~/config/taxiway/token\n",
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn a_directory_that_is_not_there_or_is_none() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    taxiway
        .run(&["run", "no such", "--once"])
        .exits(2)
        .tells("error: no such is not a directory\nhint: mkdir -p 'no such'\n");
    taxiway
        .run(&["run", "folder/a.gif", "--once"])
        .exits(2)
        .tells("error: folder/a.gif is not a directory\nhint: taxiway push folder/a.gif\n");
    let error = taxiway.run(&["run", "no such", "--json"]).exits(2).error_object();
    assert_eq!(error["error"], "no such is not a directory");
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn no_directory_at_all() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    taxiway.run(&["run", "--once"]).exits(2).tells(
        "error: there is no folder to watch: no DIR is given and none is configured\n\
         hint: taxiway run DIR, or add to ~/config/taxiway/config.toml: [[folder]] path = \
         \"~/Runway\"\n",
    );
    taxiway.configure("[api]\nconcurrency = 2\n");
    taxiway.run(&["run", "--once"]).exits(78);
}

#[test]
fn a_configured_folder_that_is_not_there() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    taxiway.configure(&format!("{}settle = \"50ms\"\n", section(&taxiway.path("folder"))));
    taxiway.run(&["run", "--once", "-q"]).exits(75).tells(
        "error: a folder is away: ~/folder is not there\n\
         hint: mount the disk or make the directory, then run again\n",
    );
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    nothing_is_lost(&taxiway, &server);
    // Away is not deleted.
    fs::rename(taxiway.path("folder"), taxiway.path("unmounted")).expect("moved away");
    taxiway.run(&["run", "--once", "-q"]).exits(75);
    let row = taxiway.row(&taxiway.path("folder/a.gif"));
    assert_eq!((&row["state"], &row["reason"]), (&"uploaded".into(), &serde_json::Value::Null));
}

#[test]
fn a_directory_that_cannot_be_read_is_not_passed_over_in_silence() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    let closed = taxiway.folder("folder/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("a mode");
    let Some(command) = taxiway.unprivileged(&["run", "--once", "-q"]) else {
        return;
    };
    taxiway
        .finish(command, b"")
        .exits(1)
        .tells("error: not all of ~/folder could be seen\nhint: taxiway doctor\n");
    assert_eq!(server.uploads(), 1, "what can be seen is uploaded");
    let daemon = Daemon::start(taxiway.unprivileged(&["run", "--json"]).expect("as before"));
    let line = eventually("a scan", || {
        let said = taxiway.finish(taxiway.unprivileged(&["status"]).expect("as before"), b"");
        let line = said.out.lines().next().unwrap_or_default().to_owned();
        let is_done = line.starts_with("all done as of ");
        (is_done && line.contains("not all")).then_some(line)
    });
    let end = format!("; not all could be seen: {}: permission denied", closed.display());
    assert!(line.ends_with(&end), "{line}");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).expect("a mode");
    eventually("a scan that sees all", || {
        let said = taxiway.finish(taxiway.unprivileged(&["status"]).expect("as before"), b"");
        (!said.out.contains("not all")).then_some(())
    });
    daemon.stop();
}

#[test]
fn a_file_that_cannot_be_read() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    let file = taxiway.path("folder/a.gif");
    let set = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
    set(0o000);
    if taxiway.unprivileged(&["ls"]).is_none() {
        return;
    }
    let run = |arguments: &[&str]| {
        taxiway.finish(taxiway.unprivileged(arguments).expect("as before"), b"")
    };
    let said = run(&["run", "--once", "-q"]).exits(1);
    said.tells("error: not all is done: 1 file is failed\nhint: taxiway ls --state failed\n");
    let said = run(&["ls"]).exits(0);
    said.prints("failed     ~/folder/a.gif  permission denied\n");
    let said = run(&["push", "folder/a.gif"]).exits(1);
    said.prints("\n").tells(
        "folder/a.gif: permission denied\nerror: the file has no assetId\n\
         hint: taxiway why folder/a.gif\n",
    );
    let said = run(&["id", "folder/a.gif"]).exits(1);
    said.prints("\n").tells("folder/a.gif: permission denied\n");
    set(0o644);
    run(&["run", "--once", "-q"]).exits(0);
    assert_eq!(server.asset().name, "a.gif");
}

#[test]
fn an_empty_file_fails_when_its_time_is_over() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}settle = \"50ms\"\nincomplete = \"200ms\"\n", section(&folder)));
    let file = folder.join("a.gif");
    write(&file, b"");
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    let row = taxiway.row(&file);
    assert_eq!((&row["state"], &row["reason"]), (&"failed".into(), &"the file is empty".into()));
    write(&file, &picture(1, 1_000));
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn an_incomplete_file_waits_and_then_fails_or_goes() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    let settings = |rest: &str| format!("{}settle = \"50ms\"\n{rest}", section(&folder));
    let file = folder.join("a.png");
    let whole = fs::read(media("picture.png")).expect("a picture");
    write(&file, &whole[..whole.len() - 12]);
    taxiway.configure(&settings(""));
    taxiway
        .run(&["run", "--once", "-q"])
        .exits(75)
        .tells("error: not all is done: 1 file is settling\nhint: taxiway ls --state settling\n");
    let reason = taxiway.row(&file)["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.starts_with("incomplete: "), "{reason}");
    taxiway.configure(&settings("incomplete = \"200ms\"\n"));
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    assert_eq!(taxiway.row(&file)["reason"], reason);
    assert_eq!(server.requests(), 0);
    write(&file, &whole);
    taxiway.once().exits(0);
    assert_eq!(server.asset().size, whole.len() as u64);
}

#[test]
fn an_unsupported_type() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    fs::copy(media("picture.heic"), taxiway.path("folder/p.jpg")).expect("a copy");
    let said = taxiway.run(&["run", "--once"]).exits(0);
    assert!(
        said.told().contains("ignored   ~/folder/p.jpg: HEIC picture: convert it to JPEG or PNG\n"),
        "{}",
        said.err
    );
    assert!(said.err.ends_with("done      1 uploaded, 1 ignored\n"), "{}", said.err);
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn an_unknown_key() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    let sound = fs::read_to_string(taxiway.config_file()).expect("the configuration");
    taxiway.configure(&format!("{sound}setle = \"1s\"\n"));
    for arguments in [&["run", "--once"][..], &["ls"], &["id", "x"], &["config", "check"]] {
        taxiway.run(arguments).exits(78).tells(
            "error: ~/config/taxiway/config.toml:4: unknown key `setle` in [[folder]]\n\
             hint: did you mean `settle`?\n",
        );
    }
    let error = taxiway.run(&["run", "--once", "--json"]).exits(78).error_object();
    assert_eq!(error["hint"], "did you mean `settle`?");
    taxiway.configure(&sound);
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn two_accounts_and_no_word_which() {
    let accounts = ["one@example.com", "two@example.com"];
    let server = Server::of(&accounts);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for email in accounts {
        config += &format!("{}email = \"{email}\"\n", section(&taxiway.folder(email)));
    }
    taxiway.configure(&config);
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    taxiway.run(&["push", "a.gif"]).exits(2).prints("").tells(
        "error: which account is a.gif for?\n\
         hint: taxiway push --email one@example.com a.gif (or: two@example.com)\n",
    );
    let error = taxiway.run(&["push", "--json", "a.gif"]).exits(2).error_object();
    assert_eq!(error["hint"], "taxiway push --email one@example.com a.gif (or: two@example.com)");
    assert_eq!(server.requests(), 0);
    taxiway.run(&["push", "--email", "two@example.com", "a.gif"]).exits(0);
    assert_eq!(server.asset().account, "two@example.com");
}

#[test]
fn a_folder_without_email_where_the_server_has_two_accounts() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = with_a_file(&server);
    let said = taxiway.run(&["run", "--once", "-q"]);
    assert!(matches!(said.code, 1 | 77), "{said:?}");
    let row = taxiway.row(&taxiway.path("folder/a.gif"));
    assert!(row["reason"].as_str().is_some_and(|reason| reason.contains("email")), "{row}");
}

#[test]
fn a_base_url_in_the_clear() {
    let server = Server::start();
    let mut taxiway = with_a_file(&server);
    taxiway.set("TAXIWAY_BASE_URL", "http://api.example.com/v1/runwayml");
    taxiway.run(&["run", "--once"]).exits(78).tells(
        "error: environment variable TAXIWAY_BASE_URL: `base_url` is \
         \"http://api.example.com/v1/runwayml\": http:// goes to a loopback address only; expected \
         an https:// URL, or http:// to a loopback address\n\
         hint: for example: TAXIWAY_BASE_URL=https://api.useapi.net/v1/runwayml\n",
    );
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn a_second_instance() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    let daemon = taxiway.daemon();
    let pid = daemon.pid();
    for arguments in [&["run"][..], &["run", "--once"], &["run", "folder"]] {
        taxiway.run(arguments).exits(75).tells(&format!(
            "error: another taxiway with process id {pid} has the ledger in ~/state/taxiway\n\
             hint: stop it first: kill {pid}\n"
        ));
    }
    let error = taxiway.run(&["run", "--json"]).exits(75).error_object();
    assert!(error["error"].as_str().is_some_and(|text| text.contains(&pid.to_string())));
    daemon.stop();
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn a_ledger_of_another_server() {
    let (server, other) = (Server::start(), Server::start());
    let mut taxiway = with_a_file(&server);
    nothing_is_lost(&taxiway, &server);
    taxiway.set("TAXIWAY_BASE_URL", other.base_url());
    for arguments in [&["run", "--once"][..], &["push", "folder/a.gif"]] {
        taxiway.run(arguments).exits(78).tells(&format!(
            "error: this ledger belongs to {first}, not to {second}\n\
             hint: set base_url = \"{first}\", or use another --state-dir for the other server\n",
            first = server.base_url(),
            second = other.base_url(),
        ));
    }
    assert_eq!(other.requests(), 0);
}

#[test]
fn a_damaged_ledger() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    let ledger = taxiway.state_dir().join("ledger.sqlite3");
    write(&ledger, "this is no database ".repeat(300).as_bytes());
    for arguments in [&["run", "--once"][..], &["run"], &["ls"], &["id", "folder/a.gif"]] {
        taxiway.run(arguments).exits(74).tells(
            "error: the ledger ~/state/taxiway/ledger.sqlite3 is damaged: file is not a database\n\
             hint: taxiway ledger rebuild\n",
        );
    }
    assert_eq!(server.requests(), 0);
    fs::remove_file(ledger).expect("removed");
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn a_newer_ledger() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    nothing_is_lost(&taxiway, &server);
    let ledger = taxiway.state_dir().join("ledger.sqlite3");
    let set_version = |version: i32| {
        let db = rusqlite::Connection::open(&ledger).expect("the ledger");
        db.pragma_update(None, "user_version", version).expect("another version");
    };
    let schema: i32 = {
        let db = rusqlite::Connection::open(&ledger).expect("the ledger");
        db.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("its version")
    };
    set_version(9_999);
    for arguments in [&["run", "--once"][..], &["ls"], &["id", "folder/a.gif"]] {
        taxiway.run(arguments).exits(74).tells(&format!(
            "error: ~/state/taxiway/ledger.sqlite3 was written by a newer taxiway (schema 9999, \
             this one knows {schema})\nhint: install the newer taxiway again\n"
        ));
    }
    set_version(schema);
    let before = server.requests();
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
}

#[test]
fn a_state_directory_that_cannot_be_made() {
    let server = Server::start();
    let taxiway = with_a_file(&server);
    taxiway.run(&["run", "--once", "--state-dir", "folder/a.gif"]).exits(74).tells(
        "error: the state directory ~/folder/a.gif cannot be used: file exists\n\
         hint: choose another: --state-dir DIR, on a disk of this machine\n",
    );
    nothing_is_lost(&taxiway, &server);
}

#[test]
fn a_file_larger_than_allowed_is_left_alone() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!(
        "[api]\nmax_file_size = \"1MB\"\n{}settle = \"50ms\"\n",
        section(&folder)
    ));
    sparse_wav(&folder.join("large.wav"), 2_000_000);
    write(&folder.join("a.gif"), &picture(1, 1_000));
    nothing_is_lost(&taxiway, &server);
    let row = taxiway.row(&folder.join("large.wav"));
    assert_eq!(row["reason"], "larger than max_file_size (1000000 bytes)");
}
