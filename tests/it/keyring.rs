//! The keyring as the last source of the token: one that answers, is locked, hangs, fails, lies; and
//! a real one.

#[cfg(target_os = "linux")]
mod real;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Server, TOKEN, Taxiway, eventually, picture, write};

const LOCKED: &str = "error: no token: the keyring is locked\n\
                      hint: secret-tool lookup service taxiway >/dev/null\n";
const SEARCH: &str = "search service taxiway";

fn house(server: &Server) -> Taxiway {
    server.set_token(TOKEN);
    let mut taxiway = Taxiway::watching(server);
    taxiway.with_keyring();
    taxiway
}

fn drop_file(taxiway: &Taxiway, number: u64) -> std::path::PathBuf {
    let file = taxiway.path(format!("folder/{number}.gif"));
    write(&file, &picture(number, 1_000));
    file
}

fn token_file(taxiway: &Taxiway, token: &str) {
    let new = taxiway.path("config/taxiway/token.new");
    write(&new, token.as_bytes());
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::rename(new, taxiway.path("config/taxiway/token")).expect("a token");
}

fn first_line(taxiway: &Taxiway) -> String {
    let said = taxiway.run(&["status"]).exits(0);
    said.lines().first().expect("a line").to_string()
}

/// The line of a check.
fn check(taxiway: &Taxiway, name: &str) -> String {
    let said = taxiway.run(&["doctor"]).out;
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = said.lines().map(words).collect();
    let at = lines.iter().position(|line| line.split(' ').nth(1) == Some(name));
    let at = at.unwrap_or_else(|| panic!("no {name} in {said}"));
    match lines.get(at + 1).filter(|line| line.starts_with("hint: ")) {
        Some(hint) => format!("{} | {hint}", lines[at]),
        None => lines[at].clone(),
    }
}

#[test]
fn a_keyring_is_asked_when_nothing_else_has_a_token() {
    let server = Server::start();
    let mut taxiway = house(&server);
    taxiway.keyring(&format!("token {TOKEN}"));
    drop_file(&taxiway, 1);
    taxiway.once().exits(0);
    assert_eq!(server.assets().len(), 1);
    assert!(taxiway.keyring_was_asked().iter().all(|asked| asked == SEARCH));
    let from = "from keyring (service taxiway); the server takes it";
    assert_eq!(check(&taxiway, "token"), format!("ok token {from}"));

    // A file comes before it, a variable before both; what is not used is told.
    token_file(&taxiway, TOKEN);
    taxiway.keyring("token user:2-another");
    let file = taxiway.path("config/taxiway/token").display().to_string();
    assert_eq!(
        check(&taxiway, "token"),
        format!(
            "warn token from file {file}; the server takes it; another token, from keyring \
             (service taxiway), is not looked at | hint: (umask 077; printf %s 'user:…' > {file})"
        )
    );
    let asked = taxiway.keyring_was_asked().len();
    taxiway.once().exits(0);
    fs::remove_file(file).expect("removed");
    taxiway.set("USEAPI_TOKEN", TOKEN);
    taxiway.once().exits(0);
    assert_eq!(taxiway.keyring_was_asked().len(), asked, "it is the last");
}

#[test]
fn what_asks_a_keyring_has_no_token_in_its_environment() {
    let server = Server::start();
    let mut taxiway = house(&server);
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    taxiway.set("USEAPI_TOKEN", TOKEN);
    taxiway.set("CREDENTIALS_DIRECTORY", taxiway.path("credentials"));
    taxiway.set("NOTIFY_SOCKET", taxiway.path("nobody"));
    taxiway.run(&["doctor"]).exits(0);
    let environment = fs::read_to_string(taxiway.path("ring/environment")).expect("it was asked");
    assert!(environment.contains("HOME="), "{environment}");
    for name in ["TAXIWAY_TOKEN", "USEAPI_TOKEN", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"] {
        let line = format!("{name}=");
        assert!(!environment.lines().any(|found| found.starts_with(&line)), "{environment}");
    }
    assert!(!environment.contains(TOKEN), "{environment}");
}

#[test]
fn a_keyring_that_is_not_there_is_no_token_and_is_named() {
    let server = Server::start();
    let mut taxiway = house(&server);
    let said = |taxiway: &Taxiway, words: &str| {
        taxiway.run(&["run"]).exits(78).tells(&format!(
            "error: no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd \
             credential taxiway-token, {words}\nhint: (umask 077; printf %s 'user:…' > \
             ~/config/taxiway/token)\n"
        ));
    };
    let file = "~/config/taxiway/token does not exist";
    said(&taxiway, &format!("{file}, and the keyring has none"));
    let asked = taxiway.keyring_was_asked().len();

    // The system's service is nobody's session.
    taxiway.set("TAXIWAY_SERVICE", "system");
    taxiway.keyring("silent");
    said(&taxiway, &format!("and {file}"));
    taxiway.unset("TAXIWAY_SERVICE");

    taxiway.unset("DBUS_SESSION_BUS_ADDRESS");
    said(&taxiway, &format!("{file}, and no session bus leads to a keyring"));
    assert_eq!(taxiway.keyring_was_asked().len(), asked, "it was asked all the same");

    // A bus at its usual place, and nothing to ask with.
    write(&taxiway.path("runtime/bus"), b"");
    taxiway.set("PATH", taxiway.path("nothing"));
    said(&taxiway, &format!("{file}, and no secret-tool is there to ask a keyring"));
}

#[test]
fn one_shots_end_with_what_is_the_matter() {
    let server = Server::start();
    let mut taxiway = house(&server);
    let file = drop_file(&taxiway, 1);
    let file = file.to_str().expect("UTF-8");
    let trouble = |words: &str| LOCKED.replace("the keyring is locked", words);
    let cannot = |words: &str| trouble(&format!("the keyring cannot be asked: {words}"));
    for (says, expected) in [
        ("locked", LOCKED.to_owned()),
        ("failing", cannot("secret-tool: it is broken")),
        ("garbage", cannot("secret-tool says what is no text")),
        ("huge", cannot("secret-tool says too much")),
        ("killed", cannot("ended by a signal")),
        (
            "token user:1 x",
            "error: the token from keyring (service taxiway) has white space inside\nhint: \
             secret-tool store --label=taxiway service taxiway\n"
                .to_owned(),
        ),
    ] {
        taxiway.keyring(says);
        taxiway.run(&["run", "--once"]).exits(78).tells(&expected);
    }
    taxiway.keyring("locked");
    taxiway.run(&["push", file]).exits(78).tells(LOCKED);
    taxiway.run(&["init", "--folder", "folder", "--yes"]).exits(78).tells(LOCKED);
    assert_eq!(
        check(&taxiway, "token"),
        "fail token no token: the keyring is locked | hint: secret-tool lookup service taxiway \
         >/dev/null"
    );
    taxiway.run(&["doctor"]).exits(78);
    taxiway.keyring("silent");
    taxiway.set("TAXIWAY_TEST_KEYRING_MS", "300");
    let silent = trouble("the keyring did not answer within 2 s");
    taxiway.run(&["run", "--once"]).exits(78).tells(&silent);
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_daemon_waits_until_the_keyring_is_opened() {
    let server = Server::start();
    let taxiway = house(&server);
    taxiway.keyring("locked");
    let first = drop_file(&taxiway, 1);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    let stopped = daemon.event("account_stopped");
    assert_eq!(
        (&stopped["state"], &stopped["reason"], &stopped["account"]),
        (&"auth".into(), &"the keyring is locked".into(), &Value::Null)
    );
    daemon.event_of("settled", &first);
    let second = drop_file(&taxiway, 2);
    daemon.event_of("settled", &second);
    let open = "to open it: secret-tool lookup service taxiway >/dev/null";
    let waits = |why: &str| format!("there is no token: {why}; {open}; 2 files waiting");
    assert_eq!(first_line(&taxiway), waits("the keyring is locked"));
    taxiway.run(&["wait"]).exits(77);

    // What is the matter by now is told, and is no other stop.
    taxiway.keyring("failing");
    let failing = waits("the keyring cannot be asked: secret-tool: it is broken");
    eventually("another reason", || (first_line(&taxiway) == failing).then_some(()));
    assert_eq!(server.requests(), 0, "nothing is sent without a token");

    taxiway.keyring(&format!("token {TOKEN}"));
    daemon.event("account_resumed");
    daemon.event("idle");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), 0);
    assert_eq!(server.assets().len(), 2);
    let stops = daemon.events.iter().filter(|event| event["event"] == "account_stopped");
    assert_eq!(stops.count(), 1, "it is told once");
    let told: Vec<&String> = daemon.told.iter().filter(|line| line.contains("keyring")).collect();
    assert_eq!(told, [""; 0], "the event says it");
}

#[test]
fn a_person_is_told_once_what_to_type() {
    let server = Server::start();
    let taxiway = house(&server);
    taxiway.keyring("locked");
    let mut daemon = taxiway.spawn(&["run"]);
    daemon.until_told("hint: secret-tool lookup service taxiway >/dev/null");
    let line = daemon.told.iter().find(|line| line.contains("stopped")).expect("a line");
    assert!(line.ends_with(" stopped   the keyring is locked"), "{line}");
    taxiway.keyring(&format!("token {TOKEN}"));
    drop_file(&taxiway, 1);
    daemon.until_told("uploaded  ");
    daemon.stop();
    assert_eq!(server.assets().len(), 1);
}

#[test]
fn a_file_that_appears_meanwhile_comes_before_the_keyring() {
    let server = Server::start();
    let taxiway = house(&server);
    taxiway.keyring("locked");
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("account_stopped");
    let file = drop_file(&taxiway, 1);
    daemon.event_of("settled", &file);
    token_file(&taxiway, TOKEN);
    daemon.event_of("uploaded", &file);
    daemon.stop();
}

#[test]
fn a_refused_token_is_replaced_in_the_keyring() {
    let server = Server::start();
    let taxiway = house(&server);
    taxiway.keyring("token user:2-old");
    let file = drop_file(&taxiway, 1);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("account_stopped");
    let tried = server.requests();
    taxiway.keyring(&format!("token {TOKEN}"));
    daemon.event("account_resumed");
    daemon.event_of("uploaded", &file);
    daemon.stop();
    assert!(tried <= 4, "{tried} requests");
}

#[test]
fn a_token_that_is_another_by_now_is_used_without_a_word() {
    let server = Server::start();
    let taxiway = house(&server);
    taxiway.keyring(&format!("token {TOKEN}"));
    let mut daemon = taxiway.daemon();
    let first = drop_file(&taxiway, 1);
    daemon.event_of("uploaded", &first);
    taxiway.keyring("token user:2-new");
    server.set_token("user:2-new");
    let second = drop_file(&taxiway, 2);
    daemon.event_of("uploaded", &second);

    // It gave its token: that a screen is locked meanwhile stops nothing.
    for (number, says) in [(3, "locked"), (4, "none"), (5, "failing")] {
        taxiway.keyring(says);
        let file = drop_file(&taxiway, number);
        daemon.event_of("uploaded", &file);
    }
    taxiway.run(&["reload"]).exits(0);
    taxiway.keyring("none");
    taxiway.run(&["reload"]).exits(78);
    taxiway.keyring("locked");
    taxiway.run(&["reload"]).exits(0);
    let file = drop_file(&taxiway, 6);
    daemon.event_of("uploaded", &file);
    let stops = daemon.stop().into_iter().filter(|event| event["event"] == "account_stopped");
    assert_eq!(stops.count(), 0);
}

#[test]
fn a_keyring_that_hangs_holds_up_nobody_who_does_not_need_it() {
    let server = Server::start();
    let mut taxiway = house(&server);
    // Longer than this test takes.
    taxiway.set("TAXIWAY_TEST_KEYRING_MS", "600000");
    taxiway.keyring("token user:2-old");
    let file = drop_file(&taxiway, 1);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("account_stopped");
    taxiway.keyring("silent");
    let asked = eventually("it hangs", || fs::read_to_string(taxiway.path("ring/silent")).ok());
    assert_eq!(first_line(&taxiway), "the token is refused: 401: Unauthorized; 1 file waiting");
    let second = drop_file(&taxiway, 2);
    daemon.event_of("settled", &second);
    assert_eq!(taxiway.state(&file), "queued");
    let process = rustix::process::Pid::from_raw(asked.trim().parse().expect("a process"));
    let process = process.expect("a process");
    rustix::process::test_kill_process(process).expect("it hangs all the time");
    // Whoever ends it has what it waits for.
    taxiway.keyring(&format!("token {TOKEN}"));
    rustix::process::kill_process(process, rustix::process::Signal::KILL).expect("ended");
    daemon.event_of("uploaded", &second);
    daemon.stop();
}

#[test]
fn nobody_asks_while_there_is_nothing_to_send() {
    let server = Server::start();
    let taxiway = house(&server);
    taxiway.keyring(&format!("token {TOKEN}"));
    let mut daemon = taxiway.daemon();
    let asked = taxiway.keyring_was_asked().len();
    for number in 0..3 {
        // Seen, and none of ours.
        let file = taxiway.path(format!("folder/{number}.txt"));
        write(&file, b"words");
        daemon.event_of("ignored", &file);
    }
    taxiway.run(&["status"]).exits(0);
    assert_eq!(taxiway.keyring_was_asked().len(), asked);
    daemon.stop();
}
