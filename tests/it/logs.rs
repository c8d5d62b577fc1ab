//! The log of a running daemon: as text, as JSON, in the journal; and how much of it.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Daemon, Server, Taxiway, eventually, picture, section, write};

/// A folder with one file that is uploaded and one that is refused.
fn house(server: &Server, log: &str) -> Taxiway {
    let taxiway = Taxiway::with(server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{log}{}settle = \"50ms\"\n", section(&folder)));
    write(&folder.join("a.gif"), &picture(1, 1_000));
    write(&folder.join("bad.gif"), &picture(2, 1_000));
    server.faults(&["status=415,name=bad"]);
    taxiway
}

/// An entry of the journal, field by field.
fn entry(datagram: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(datagram.to_vec()).expect("text");
    let field = |line: &str| {
        let (key, value) = line.split_once('=').expect("a field");
        (key.to_owned(), value.to_owned())
    };
    text.lines().map(field).collect()
}

fn of<'a>(entry: &'a [(String, String)], key: &str) -> Option<&'a str> {
    entry.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// Runs once, with a stderr that the variable names as the journal's; what that was told.
fn run_in_a_service(taxiway: &Taxiway, is_the_journals: bool) -> String {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let stat = rustix::fs::fstat(writer.as_fd()).expect("a pipe");
    let inode = if is_the_journals { stat.st_ino } else { stat.st_ino + 1 };
    let mut command = taxiway.command(&["run", "--once"]);
    command.env("JOURNAL_STREAM", format!("{}:{inode}", stat.st_dev));
    command.stderr(writer);
    taxiway.finish(command, b"").exits(1);
    let mut told = String::new();
    reader.read_to_string(&mut told).expect("an end");
    told
}

#[test]
fn a_service_of_systemd_writes_entries_of_the_journal_with_fields_and_priorities() {
    let server = Server::start();
    let mut taxiway = house(&server, "");
    let path = taxiway.path("journal");
    let journal = UnixDatagram::bind(&path).expect("a socket");
    journal.set_read_timeout(Some(Duration::from_millis(100))).expect("a limit");
    taxiway.set("TAXIWAY_TEST_JOURNAL", &path);
    assert_eq!(run_in_a_service(&taxiway, true), "");
    let mut entries = Vec::new();
    let mut buffer = [0; 65_536];
    while let Ok(read) = journal.recv(&mut buffer) {
        entries.push(entry(&buffer[..read]));
    }
    let event = |name: &str| {
        let found = entries.iter().find(|entry| of(entry, "TAXIWAY_EVENT") == Some(name));
        found.unwrap_or_else(|| panic!("{name}: {entries:#?}"))
    };
    let (uploaded, failed) = (event("uploaded"), event("failed"));
    let (a, bad) = (taxiway.path("folder/a.gif"), taxiway.path("folder/bad.gif"));
    let asset_id = server.asset().asset_id();
    let message = format!("uploaded {} → {asset_id}", a.display());
    assert_eq!(of(uploaded, "MESSAGE"), Some(message.as_str()));
    assert_eq!(of(uploaded, "PRIORITY"), Some("6"));
    assert_eq!(of(uploaded, "SYSLOG_IDENTIFIER"), Some("taxiway"));
    assert_eq!(of(uploaded, "TAXIWAY_ASSET_ID"), Some(asset_id.as_str()));
    assert_eq!(of(uploaded, "TAXIWAY_ACCOUNT"), Some("me@example.com"));
    assert_eq!(of(failed, "TAXIWAY_PATH"), bad.to_str());
    assert_eq!(of(failed, "PRIORITY"), Some("4"));
    let last = entries.last().expect("an end");
    assert_eq!(of(last, "PRIORITY"), Some("3"));
    assert_eq!(of(last, "TAXIWAY_EXIT"), Some("1"));
    assert_eq!(of(last, "TAXIWAY_HINT"), Some("taxiway ls --state failed"));
}

#[test]
fn what_the_journal_does_not_take_goes_to_stderr_with_its_priority() {
    let server = Server::start();
    let mut taxiway = house(&server, "");
    taxiway.set("TAXIWAY_TEST_JOURNAL", taxiway.path("nobody"));
    let told = run_in_a_service(&taxiway, true);
    let a = taxiway.path("folder/a.gif");
    let uploaded = format!("<6>uploaded {} → {}\n", a.display(), server.asset().asset_id());
    assert!(told.contains(&uploaded), "{told}");
    assert!(told.contains("\n<4>failed "), "{told}");
    assert!(told.lines().all(|line| line.starts_with('<')), "{told}");
}

#[test]
fn a_stderr_that_is_not_the_journals_is_written_to_as_ever() {
    let server = Server::start();
    let told = run_in_a_service(&house(&server, ""), false);
    assert!(told.contains(" uploaded  ") && told.contains("\nhint: "), "{told}");
    let server = Server::start();
    let told = run_in_a_service(&house(&server, "[log]\nformat = \"text\"\n"), true);
    assert!(told.contains(" uploaded  ") && told.contains("\nhint: "), "{told}");
}

#[test]
fn a_log_in_json_is_an_object_a_line_to_the_last() {
    let server = Server::start();
    let mut taxiway = house(&server, "[log]\nformat = \"json\"\n");
    taxiway.set("TAXIWAY_LOG", "debug,taxiway=trace");
    let said = taxiway.run(&["run", "--once"]).exits(1);
    let object = |line: &str| -> Value { serde_json::from_str(line).expect("an object") };
    // What was logged before the configuration was read is text, and there is none.
    let objects: Vec<Value> = said.err.lines().map(object).collect();
    for object in &objects {
        for key in ["at", "level", "message"] {
            assert!(object[key].is_string(), "{object}");
        }
    }
    let event = |name: &str| objects.iter().find(|object| object["event"] == name).expect(name);
    assert_eq!(event("uploaded")["asset_id"], server.asset().asset_id());
    assert_eq!(event("failed")["level"], "warn");
    let target = |object: &&Value| object["target"] == "taxiway::daemon";
    assert!(objects.iter().any(|object| target(&object)), "{objects:#?}");
    let last = objects.last().expect("an end");
    assert_eq!((&last["level"], &last["exit"]), (&Value::from("error"), &Value::from(1)));
}

/// The times that the log tells of a reload.
fn told_of(daemon: &Daemon) -> usize {
    daemon.told.iter().filter(|line| line.contains("the configuration was read again")).count()
}

#[test]
fn a_reload_changes_how_much_is_logged_unless_something_else_says_so() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let sound = std::fs::read_to_string(taxiway.config_file()).expect("the configuration");
    let level = |taxiway: &Taxiway, level: &str| {
        taxiway.configure(&format!("[log]\nlevel = \"{level}\"\n{sound}"));
        taxiway.run(&["reload"]).exits(0).prints(&format!("[log]: level = \"{level}\"\n"));
    };
    let mut daemon = taxiway.daemon();
    level(&taxiway, "info");
    daemon.until_told("was read again: [log]: level = \"info\"");
    level(&taxiway, "error");
    level(&taxiway, "debug");
    daemon.until_told("was read again: [log]: level = \"debug\"");
    assert_eq!(told_of(&daemon), 2, "{:#?}", daemon.told);
    daemon.stop();
    taxiway.configure(&sound);
    taxiway.set("TAXIWAY_LOG", "warn");
    let mut daemon = taxiway.daemon();
    level(&taxiway, "info");
    let words = "[log]: level = \"info\" is not used: TAXIWAY_LOG says how much is logged";
    daemon.until_told(words);
    assert_eq!(told_of(&daemon), 0, "{:#?}", daemon.told);
    daemon.stop();
    eventually("it is over", || (!taxiway.state_dir().join("control.sock").exists()).then_some(()));
}
