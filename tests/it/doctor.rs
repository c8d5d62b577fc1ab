//! `taxiway doctor`: every line of it, whatever is broken, beside a daemon and without one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::support::{Server, TOKEN, Taxiway, media, picture, section, write};

/// A home with one folder, `folder`, and one uploaded picture in it; nothing of this machine's
/// services is seen.
fn home(server: &Server) -> Taxiway {
    let mut taxiway = Taxiway::watching(server);
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "no");
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    taxiway
}

/// What was printed, without what is another on every machine and at every time.
fn filtered(taxiway: &Taxiway, server: &Server, text: &str) -> String {
    let limit = |name: &str| {
        let file = Path::new("/proc/sys/fs/inotify").join(name);
        fs::read_to_string(file).map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let disk = taxiway::scan::file_system(&taxiway.root).name;
    let mut text = text
        .replace(&server.base_url(), "SERVER")
        .replace(env!("CARGO_BIN_EXE_taxiway"), "PROGRAM")
        .replace(&*taxiway.root.to_string_lossy(), "~")
        .replace(&format!("; {disk}, watched"), "; DISK, watched")
        .replace(&format!("ours alone, {disk}, "), "ours alone, DISK, ")
        .replace(&format!(" of {} watches", limit("max_user_watches")), " of W watches")
        .replace(&format!(" of {} instances", limit("max_user_instances")), " of I instances");
    for (before, after) in
        [("ours alone, DISK, ", " free"), ("schema ", "\n"), ("all done as of ", "\n")]
    {
        if let Some(at) = text.find(before) {
            let from = at + before.len();
            let to = from + text[from..].find(after).expect("an end");
            text.replace_range(from..to, "N");
        }
    }
    text
}

/// The lines about one thing.
#[track_caller]
fn lines(report: &str, name: &str) -> String {
    let mut kept = String::new();
    let mut keeps = false;
    for line in report.lines() {
        if !line.starts_with("      hint: ") {
            keeps = line[6..].split(' ').next() == Some(name);
        }
        if keeps {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    assert!(!kept.is_empty(), "nothing about {name} in:\n{report}");
    kept
}

#[test]
fn all_is_well_beside_a_daemon() {
    let server = Server::start();
    let mut taxiway = home(&server);
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "yes");
    systemctl(&mut taxiway, "enabled", "active");
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["doctor"]).exits(0).tells("all is well\n");
    assert_eq!(
        filtered(&taxiway, &server, &said.out).replace(&daemon.pid().to_string(), "PID"),
        "ok    configuration  ~/config/taxiway/config.toml is sound: 1 folder\n\
         ok    token          from environment variable TAXIWAY_TOKEN; the server takes it\n\
         ok    certificates   not needed: the server is on this machine\n\
         ok    proxy          none is set\n\
         ok    server         SERVER answers\n\
         ok    subscription   it is active\n\
         ok    account        me@example.com, the only one: its assets can be listed\n\
         ok    storage        me@example.com: 1.0 kB of 500 GB used, 499 GB left\n\
         ok    clock          agrees with the server's\n\
         ok    folder         ~/folder: 1 file, 1.0 kB; DISK, watched by events\n\
         ok    inotify        the folders need 1 of W watches and 1 of I instances\n\
         ok    state          ~/state/taxiway: ours alone, DISK, N free\n\
         ok    ledger         sound: 1 upload, schema N\n\
         ok    files          none failed, none is held\n\
         ok    daemon         it is running (process PID): all done as of N\n\
         ok    service        the user's systemd service is enabled, active\n"
    );
    let said = taxiway.run(&["doctor", "--json"]).exits(0).tells("");
    let report = said.objects().remove(0);
    let keys: Vec<&String> = report.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["checks", "exit", "platform", "schema", "version"]);
    assert_eq!((&report["schema"], &report["exit"]), (&1.into(), &0.into()));
    let checks = report["checks"].as_array().expect("a list");
    assert_eq!(checks.len(), 16);
    assert_eq!(
        checks[1].to_string(),
        r#"{"hint":null,"name":"token","text":"from environment variable TAXIWAY_TOKEN; the server takes it","verdict":"ok"}"#
    );
    // It was not disturbed.
    assert_eq!(server.uploads(), 1);
    daemon.stop();
}

#[test]
fn without_a_daemon_it_warns_and_changes_nothing() {
    let server = Server::start();
    let taxiway = home(&server);
    taxiway.once().exits(0);
    let ledger = taxiway.state_dir().join("ledger.sqlite3");
    let before = (fs::read(&ledger).expect("a ledger"), listing(&taxiway.state_dir()));
    let said = taxiway.run(&["doctor"]).exits(0).tells("nothing failed, 2 warnings\n");
    let report = filtered(&taxiway, &server, &said.out);
    assert_eq!(
        lines(&report, "daemon"),
        "warn  daemon         no taxiway is running: nothing is uploaded\n      hint: taxiway run\n"
    );
    assert_eq!(
        lines(&report, "service"),
        "warn  service        nothing starts taxiway at login: there is no systemd here\n      \
         hint: (crontab -l; echo '@reboot PROGRAM run -q') | crontab -\n"
    );
    let after = (fs::read(&ledger).expect("a ledger"), listing(&taxiway.state_dir()));
    assert!(before == after, "{:?} {:?}", before.1, after.1);
    assert_eq!(server.uploads(), 1);
}

/// The names in a directory that SQLite does not make for every reader.
fn listing(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).expect("a list");
    let names =
        names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| !name.ends_with("-shm") && !name.ends_with("-wal")).collect();
    names.sort();
    names
}

#[test]
fn without_anything_it_says_where_to_begin_and_leaves_no_trace() {
    let mut taxiway = Taxiway::alone();
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "no");
    let said = taxiway.run(&["doctor"]).exits(78).tells("1 check failed, 4 warnings\n");
    let said = said.out.replace(&*taxiway.root.to_string_lossy(), "~");
    let said = said.replace(env!("CARGO_BIN_EXE_taxiway"), "PROGRAM");
    let certificates = lines(&said, "certificates");
    assert_eq!(
        said.replace(&certificates, "CERTIFICATES\n"),
        "warn  configuration  there is no ~/config/taxiway/config.toml: all is default, and \
         nothing is watched\n      hint: taxiway init\n\
         fail  token          no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no \
         systemd credential taxiway-token, ~/config/taxiway/token does not exist, and no session bus \
         leads to a keyring\n      hint: taxiway init\n\
         CERTIFICATES\n\
         ok    proxy          none is set\n\
         warn  server         not asked: there is no token\n      hint: taxiway doctor\n\
         ok    state          ~/state/taxiway is not there yet: the first run makes it\n\
         ok    ledger         there is none yet: the first run makes it\n\
         warn  daemon         no taxiway is running: nothing is uploaded\n      hint: taxiway run\n\
         warn  service        nothing starts taxiway at login: there is no systemd here\n      \
         hint: (crontab -l; echo '@reboot PROGRAM run -q') | crontab -\n"
    );
    assert!(!taxiway.state_dir().exists() && !taxiway.config_file().exists());
    // A hint is for the same places as the question.
    let said = taxiway.run(&["doctor", "--config", "c.toml", "--state-dir", "s"]).exits(78);
    assert_eq!(
        lines(&said.out.replace(&*taxiway.root.to_string_lossy(), "~"), "configuration"),
        "fail  configuration  flag --config: ~/c.toml does not exist\n      \
         hint: taxiway --config c.toml --state-dir s init\n"
    );
}

#[test]
fn what_the_server_refuses_is_explained() {
    let server = Server::start();
    let taxiway = home(&server);
    let subscription = "fail  subscription   Account has no subscription or subscription expired\n      \
         hint: renew the subscription at https://useapi.net, then: taxiway retry --all\n";
    server.faults(&["subscription,on=any"]);
    let said = taxiway.run(&["doctor"]).exits(77).tells("1 check failed, 2 warnings\n");
    assert_eq!(lines(&said.out, "subscription"), subscription);
    assert!(lines(&said.out, "token").ends_with("; the server takes it\n"));

    server.faults(&["broken-account=me@example.com,on=any"]);
    let said = taxiway.run(&["doctor"]).exits(77);
    let account = lines(&said.out, "account");
    assert!(
        account.starts_with(
            "fail  account        me@example.com, the only one does not work: Account"
        ) && account.ends_with(
            "      hint: mend the account at https://useapi.net, then: taxiway retry --all\n"
        ),
        "{account}"
    );

    server.faults(&["clock=120s"]);
    let said = taxiway.run(&["doctor"]).exits(0);
    let clock = lines(&said.out, "clock");
    assert!(clock.starts_with("warn  clock          this machine's is 1"), "{clock}");

    server.faults(&[]);
    server.set_token("user:1-another");
    let said = taxiway.run(&["doctor"]).exits(77).tells("1 check failed, 2 warnings\n");
    assert_eq!(
        lines(&said.out, "token"),
        "fail  token          the server refuses the token from environment variable \
         TAXIWAY_TOKEN: Unauthorized\n      hint: export TAXIWAY_TOKEN=user:…\n"
    );
    assert_eq!(
        lines(&filtered(&taxiway, &server, &said.out), "server"),
        "ok    server         SERVER answers\n"
    );
}

#[test]
fn a_server_that_is_not_there_and_one_that_is_another() {
    let mut server = Server::start();
    let mut taxiway = home(&server);
    let base = server.base_url();
    taxiway.set("TAXIWAY_BASE_URL", base.replace("runwayml", "elsewhere"));
    let said = taxiway.run(&["doctor"]).exits(78);
    let elsewhere =
        lines(&said.out, "server").replace(&base.replace("runwayml", "elsewhere"), "URL");
    assert_eq!(
        elsewhere,
        "fail  server         the API is not at URL: status 404: Not found.\n      \
         hint: unset TAXIWAY_BASE_URL\n"
    );
    taxiway.set("TAXIWAY_BASE_URL", &base);
    server.stop();
    let said = taxiway.run(&["doctor"]).exits(75);
    assert_eq!(
        lines(&filtered(&taxiway, &server, &said.out), "server"),
        "fail  server         SERVER gives no answer: no TCP connection: connection refused\n      \
         hint: curl -sS -o /dev/null SERVER\n"
    );
    assert_eq!(
        lines(&said.out, "token"),
        "ok    token          from environment variable TAXIWAY_TOKEN; not tried\n"
    );
}

#[test]
fn a_broken_configuration_hides_nothing_else() {
    let server = Server::start();
    let taxiway = home(&server);
    taxiway.once().exits(0);
    taxiway.configure("[[folder]]\npath = 7\n");
    let said = taxiway.run(&["doctor"]).exits(78).tells("1 check failed, 5 warnings\n");
    let report = filtered(&taxiway, &server, &said.out);
    assert_eq!(
        report,
        "fail  configuration  ~/config/taxiway/config.toml:2: `path` is 7; expected a path: \
         absolute, beginning with ~/, or relative to this file\n      hint: for example: path = \
         \"~/Runway\"\n\
         ok    token          from environment variable TAXIWAY_TOKEN; not tried\n\
         warn  certificates   not looked at: the configuration does not load\n      \
         hint: taxiway doctor\n\
         ok    proxy          none is set\n\
         warn  server         not asked: the configuration, which says where it is, does not \
         load\n      hint: taxiway doctor\n\
         warn  folder         not looked at: the configuration does not load\n      hint: for \
         example: path = \"~/Runway\"\n\
         ok    state          ~/state/taxiway: ours alone, DISK, N free\n\
         ok    ledger         sound: 1 upload, schema N\n\
         warn  daemon         no taxiway is running: nothing is uploaded\n      hint: taxiway run\n\
         warn  service        nothing starts taxiway at login: there is no systemd here\n      \
         hint: (crontab -l; echo '@reboot PROGRAM run -q') | crontab -\n"
    );
}

#[test]
fn a_ledger_that_is_damaged_or_of_another_server() {
    let server = Server::start();
    let mut taxiway = home(&server);
    taxiway.once().exits(0);
    taxiway.set("TAXIWAY_BASE_URL", server.base_url().replace("127.0.0.1", "localhost"));
    let said = taxiway.run(&["doctor"]).exits(78);
    let ledger = lines(&filtered(&taxiway, &server, &said.out), "ledger");
    assert!(
        ledger.starts_with("fail  ledger         this ledger belongs to SERVER, not to http://loc"),
        "{ledger}"
    );
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    let file = taxiway.state_dir().join("ledger.sqlite3");
    let mut bytes = fs::read(&file).expect("a ledger");
    bytes[4_096..8_192].fill(0x5a);
    fs::write(&file, bytes).expect("damaged");
    let said = taxiway.run(&["doctor"]).exits(74);
    let ledger = lines(&filtered(&taxiway, &server, &said.out), "ledger");
    assert!(
        ledger.starts_with(
            "fail  ledger         the ledger ~/state/taxiway/ledger.sqlite3 is damaged: "
        ) && ledger.ends_with("\n      hint: taxiway ledger rebuild\n"),
        "{ledger}"
    );
    // What comes after it was looked at.
    lines(&said.out, "daemon");
}

#[test]
fn accounts_that_are_not_clear() {
    let server = Server::of(&["a@b.c", "b@c.d"]);
    let taxiway = home(&server);
    let said = taxiway.run(&["doctor"]).exits(78);
    assert_eq!(
        lines(&filtered(&taxiway, &server, &said.out), "account"),
        "fail  account        folder ~/folder names no account of several: a@b.c, b@c.d\n      \
         hint: set its email to one of them; where it is says: taxiway config path\n"
    );
    let folder = section(&taxiway.folder("folder"));
    taxiway.configure(&format!("{folder}email = \"X@y.z\"\n"));
    let said = taxiway.run(&["doctor"]).exits(78);
    assert_eq!(
        lines(&filtered(&taxiway, &server, &said.out), "account"),
        "fail  account        x@y.z of folder ~/folder is not among the accounts of this token: \
         a@b.c, b@c.d\n      hint: set email to one of them; where it is set says: taxiway config \
         show\n"
    );
    let none = Server::of(&[]);
    let taxiway = home(&none);
    let said = taxiway.run(&["doctor"]).exits(77);
    assert_eq!(
        lines(&said.out, "account"),
        "fail  account        no Runway account is set up for this token\n      hint: add one at \
         https://useapi.net, then: taxiway doctor\n"
    );
}

#[test]
fn folders_and_files_that_need_somebody() {
    let server = Server::start();
    let taxiway = home(&server);
    server.faults(&["status=413"]);
    taxiway.once().exits(1);
    server.faults(&[]);
    let said = taxiway.run(&["doctor"]).exits(1).tells("1 check failed, 2 warnings\n");
    assert_eq!(
        lines(&said.out, "files"),
        "fail  files          1 file failed\n      hint: taxiway ls --state failed\n"
    );
    let inner = taxiway.folder("folder/inner");
    let away = taxiway.path("away");
    let folders = [taxiway.path("folder"), inner, away].map(|folder| section(&folder)).concat();
    taxiway.configure(&folders);
    // The worst decides.
    let said = taxiway.run(&["doctor"]).exits(75);
    let folders = lines(&filtered(&taxiway, &server, &said.out), "folder");
    assert_eq!(
        folders,
        "ok    folder         ~/folder: 1 file, 1.0 kB; DISK, watched by events\n\
         ok    folder         ~/folder/inner: 0 files, 0 bytes; DISK, watched by events\n\
         warn  folder         ~/folder/inner lies in folder ~/folder: its files follow its own \
         settings\n      hint: remove one of the two if that is not meant\n\
         fail  folder         ~/away is not there: it is waited for\n      hint: mkdir -p ~/away\n"
    );
}

#[test]
fn rights_are_looked_at() {
    let server = Server::start();
    let mut taxiway = home(&server);
    taxiway.once().exits(0);
    let token = taxiway.path("config/taxiway/token");
    write(&token, b"user:1-another");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::set_permissions(taxiway.state_dir(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let said = taxiway.run(&["doctor"]).exits(0).tells("nothing failed, 4 warnings\n");
    let report = filtered(&taxiway, &server, &said.out);
    assert_eq!(
        lines(&report, "state"),
        "warn  state          others can look into ~/state/taxiway (mode 0755); the next run \
         closes it\n      hint: chmod 700 ~/state/taxiway\n"
    );
    assert_eq!(
        lines(&report, "token"),
        "warn  token          from environment variable TAXIWAY_TOKEN; the server takes it; \
         another token, from file ~/config/taxiway/token, is not looked at\n      hint: unset \
         TAXIWAY_TOKEN\n"
    );
    taxiway.unset("TAXIWAY_TOKEN");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).expect("a mode");
    let said = taxiway.run(&["doctor"]).exits(78);
    assert_eq!(
        lines(&filtered(&taxiway, &server, &said.out), "token"),
        "fail  token          others can use the token file ~/config/taxiway/token (mode 0640)\n      \
         hint: chmod 600 ~/config/taxiway/token\n"
    );
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("a mode");
    let closed = taxiway.folder("folder/closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("a mode");
    let Some(command) = taxiway.unprivileged(&["doctor"]) else { return };
    let said = taxiway.finish(command, b"").exits(0);
    let report = filtered(&taxiway, &server, &said.out);
    let folder = lines(&report, "folder");
    assert!(
        folder.starts_with("warn  folder         ~/folder: 1 file, 1.0 kB; DISK, watched by events; not all of it can be listed: ")
            && folder.ends_with("\n      hint: ls -la ~/folder\n"),
        "{folder}"
    );
}

#[test]
fn the_way_to_the_server_is_looked_at() {
    let server = Server::start();
    let mut taxiway = home(&server);
    taxiway.set("HTTPS_PROXY", "http://me:secret@127.0.0.1:9");
    let said = taxiway.run(&["doctor"]).exits(0);
    assert_eq!(
        lines(&said.out, "proxy"),
        "ok    proxy          not used: the server is on this machine (HTTPS_PROXY is \
         127.0.0.1:9)\n"
    );
    assert!(!said.out.contains("secret"), "{}", said.out);
    taxiway.set("TAXIWAY_BASE_URL", "https://127.0.0.1:9/v1");
    taxiway.set("SSL_CERT_FILE", "/nonexistent");
    taxiway.set("SSL_CERT_DIR", "/nonexistent");
    let said = taxiway.run(&["doctor"]).exits(78);
    let certificates = lines(&said.out, "certificates");
    if cfg!(target_os = "linux") {
        assert_eq!(
            certificates,
            "fail  certificates   the system has no CA certificates, so no server can be trusted\n      \
             hint: install the package ca-certificates, or set ca_file under [api] to a PEM file\n"
        );
    }
}

/// A systemctl that gives these answers for the user's unit, and knows none of the system's.
fn systemctl(taxiway: &mut Taxiway, enabled: &str, active: &str) {
    let script = taxiway.path("bin/systemctl");
    let text = format!(
        "#!/bin/sh\n[ -z \"$TAXIWAY_TOKEN\" ] || exit 9\ncase \"$*\" in\n\
         '--user is-enabled taxiway') echo {enabled};;\n\
         '--user is-active taxiway') echo {active};;\n\
         'is-enabled taxiway') echo 'Failed to get unit file state for taxiway.service: No such \
         file or directory' >&2; exit 1;;\n\
         'is-active taxiway') echo inactive; exit 3;;\nesac\n"
    );
    write(&script, text.as_bytes());
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
    let path = std::env::var("PATH").unwrap_or_default();
    let own = taxiway.path("bin");
    taxiway.set("PATH", format!("{}:{path}", own.display()));
}

#[test]
fn a_service_is_asked_after_without_our_secrets() {
    let server = Server::start();
    let mut taxiway = home(&server);
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "yes");
    for (enabled, active, line) in [
        (
            "enabled",
            "inactive",
            "warn  service        the user's systemd service is enabled, inactive\n      hint: \
             systemctl --user start taxiway\n",
        ),
        (
            "disabled",
            "inactive",
            "warn  service        nothing starts taxiway at login: the user's systemd service is \
             disabled\n      hint: systemctl --user enable --now taxiway\n",
        ),
        (
            "not-found",
            "inactive",
            "warn  service        nothing starts taxiway at login: systemd has no \
             taxiway.service\n      hint: taxiway service install\n",
        ),
    ] {
        systemctl(&mut taxiway, enabled, active);
        let said = taxiway.run(&["doctor"]).exits(0);
        assert_eq!(lines(&filtered(&taxiway, &server, &said.out), "service"), line);
    }
}

#[test]
fn a_daemon_that_rests_or_cannot_be_asked() {
    let server = Server::start();
    let taxiway = home(&server);
    let daemon = taxiway.daemon();
    taxiway.run(&["pause"]).exits(0);
    let said = taxiway.run(&["doctor"]).exits(0);
    let pid = daemon.pid().to_string();
    assert_eq!(
        lines(&said.out, "daemon").replace(&pid, "PID"),
        "warn  daemon         it is running (process PID): paused until somebody says: taxiway \
         resume\n      hint: taxiway resume\n"
    );
    fs::remove_file(taxiway.state_dir().join("control.sock")).expect("removed");
    let said = taxiway.run(&["doctor"]).exits(75);
    let line = lines(&said.out, "daemon").replace(&pid, "PID");
    assert!(
        line.starts_with(
            "fail  daemon         it is running (process PID) and does not answer: nobody listens"
        ) && line.ends_with("      hint: kill PID\n"),
        "{line}"
    );
    daemon.stop();
}

#[test]
fn the_sandbox_has_a_doctor_too() {
    let mut taxiway = Taxiway::alone();
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "no");
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    taxiway.configure(&section(&taxiway.path("folder")));
    taxiway.run(&["run", "--once", "--sandbox", "-q"]).exits(0);
    let said = taxiway.run(&["doctor", "--sandbox"]).exits(0).tells("nothing failed, 1 warning\n");
    for line in [
        "ok    token          not needed for a sandbox\n",
        "ok    account        sandbox@taxiway.local, the only one: its assets can be listed\n",
        "ok    ledger         sound: 1 upload, schema ",
        "ok    service        not needed for a sandbox\n",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }
    let left = fs::read_dir(taxiway.path("tmp")).expect("a list").count();
    assert_eq!(left, 0, "the sandbox that was asked leaves nothing");
    let said = taxiway.run(&["doctor", "--sandbox", "--bundle", "b.json"]).exits(0);
    assert!(said.err.contains("written: b.json"), "{}", said.err);
}

/// Names that stand nowhere in a bundle.
const NAMES: [&str; 7] = ["secret", "Ann", "cat of", "hidden-client", "me@", "bob", "Bearer"];

#[track_caller]
fn bundle(taxiway: &Taxiway, name: &str) -> (String, Value) {
    let file = taxiway.path(name);
    let mode = fs::metadata(&file).expect("a bundle").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let text = fs::read_to_string(&file).expect("a text");
    let bundle = serde_json::from_str(&text).expect("JSON");
    (text, bundle)
}

#[test]
fn a_bundle_holds_what_helps_and_nothing_that_is_nobodys_business() {
    let server = Server::of(&["me@example.com", "bob@example.com"]);
    let mut taxiway = Taxiway::with(&server);
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "no");
    taxiway.set("TAXIWAY_TOKEN", "user:1-secrettoken");
    let folder = taxiway.folder("secret pictures of Ann");
    write(&folder.join("cat of Ann.gif"), &picture(1, 1_000));
    write(&folder.join("copy of Ann.gif"), &picture(1, 1_000));
    write(&folder.join("too large, Ann.gif"), &picture(2, 1_000));
    fs::copy(media("notes.txt"), folder.join("Ann.txt")).expect("a copy");
    write(&folder.join("hidden-client/x.gif"), &picture(3, 1_000));
    taxiway.configure(&format!(
        "{}email = \"me@example.com\"\nsettle = \"50ms\"\nexclude = [\"hidden-client/\"]\n{}email = \"bob@example.com\"\n",
        section(&folder),
        section(&taxiway.folder("bob"))
    ));
    server.faults(&["status=413,name=too large*"]);
    taxiway.once().exits(1);
    let daemon = taxiway.daemon();
    taxiway.run(&["doctor", "--bundle", "bundle.json"]).exits(1).tells(
        "written: bundle.json; read it through before you send it\n1 check failed, 2 warnings\n",
    );
    let (text, bundle) = bundle(&taxiway, "bundle.json");
    for name in NAMES {
        assert!(!text.contains(name), "{name} is in it:\n{text}");
    }
    assert!(!text.contains(&*taxiway.root.to_string_lossy()), "{text}");
    assert_eq!(
        bundle["about"][0],
        "A support bundle of taxiway. Read it through before you send it to anybody."
    );
    assert_eq!(bundle["status"]["pid"], daemon.pid());
    assert_eq!(bundle["status"]["counts"]["failed"], 1);
    assert_eq!(bundle["status"]["accounts"][0]["email"], "m…@example.com");
    assert_eq!(bundle["configuration"]["folders"][0]["settle"]["value"], "50ms");
    assert_eq!(bundle["configuration"]["folders"][0]["exclude"]["value"][0], "(not shown)");
    assert_eq!(bundle["ledger"]["counts"]["uploaded"], 2);
    let stuck = &bundle["ledger"]["stuck"][0];
    assert_eq!(
        (&stuck["state"], &stuck["size"]),
        (&"failed".into(), &picture(2, 1_000).len().into()),
        "{stuck}"
    );
    let reason = stuck["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("413: "), "{reason}");
    // The same file is the same word everywhere.
    let word = stuck["path"].as_str().expect("a path");
    assert!(word.starts_with("~/n1/n") && word.ends_with(".gif"), "{word}");
    let decisions = bundle["ledger"]["latest_decisions"].as_array().expect("a list");
    assert!(decisions.iter().any(|decision| decision["path"] == word), "{decisions:?}");
    assert_eq!(bundle["configuration"]["folders"][0]["path"]["value"], "~/n1");
    // What is there is never touched.
    taxiway.run(&["doctor", "--bundle", "bundle.json"]).exits(2).prints("").tells(
        "error: bundle.json is there already, and is not overwritten\n\
         hint: name another file, or: rm bundle.json\n",
    );
    assert_eq!(fs::read_to_string(taxiway.path("bundle.json")).expect("a text"), text);
    taxiway.run(&["doctor", "--bundle", "no/b.json"]).exits(2).prints("").tells(
        "error: cannot write no/b.json: no such file or directory\n\
         hint: name a file in a directory that you can write to\n",
    );
    daemon.stop();
}

#[test]
fn a_bundle_of_what_is_broken_tells_no_more() {
    let server = Server::of(&["me@example.com"]);
    let taxiway = Taxiway::with(&server);
    for (name, text) in [
        ("a.json", "[api]\nemail = \"me@secret@example.com\"\n"),
        ("b.json", "[[folder]]\npath = \"/secret pictures of Ann\"\nsettle = \"bob\"\n"),
        ("c.json", "[api]\n\"user:1-secrettoken\" = 1\n"),
        ("d.json", "[[folder]]\npath = \"/Ann/cat of\"\n[[folder]]\npath = \"/Ann/cat of\"\n"),
    ] {
        taxiway.configure(text);
        taxiway.run(&["doctor", "--bundle", name]).exits(78);
        let (text, bundle) = bundle(&taxiway, name);
        for name in NAMES {
            assert!(!text.contains(name), "{name}:\n{text}");
        }
        assert!(bundle["configuration"]["error"].is_string(), "{text}");
    }
}
