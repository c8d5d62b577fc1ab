//! What stops more than one upload: a refused token, no subscription, a broken account, no network.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{Server, Taxiway, picture, section, write};

fn fill(taxiway: &Taxiway, count: u64) {
    for number in 0..count {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 1_000));
    }
}

fn token_file(taxiway: &Taxiway, token: &str) {
    let file = taxiway.path("config/taxiway/token");
    let new = taxiway.path("config/taxiway/token.new");
    write(&new, token.as_bytes());
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    std::fs::rename(new, file).expect("a token");
}

#[test]
fn a_refused_token_ends_a_single_run_after_few_requests() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    fill(&taxiway, 20);
    server.set_token("user:2-other");
    let said = taxiway.run(&["run", "--once", "-q"]).exits(77);
    said.tells(
        "error: uploads are stopped: 401: Unauthorized\n\
         hint: put the new token where this one came from: environment variable TAXIWAY_TOKEN\n",
    );
    assert!(server.uploads() <= 4, "{} uploads were tried", server.uploads());
    assert!(taxiway.rows().iter().all(|row| row["state"] == "queued"), "nothing has failed");
    let error = taxiway.run(&["run", "--once", "--json"]).exits(77).error_object();
    assert_eq!(error["error"], "uploads are stopped: 401: Unauthorized");
}

#[test]
fn the_daemon_stays_up_with_a_refused_token_and_goes_on_with_the_next() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.unset("TAXIWAY_TOKEN");
    token_file(&taxiway, "user:1-old\n");
    server.set_token("user:2-new");
    fill(&taxiway, 10);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    let stopped = daemon.event("account_stopped");
    assert_eq!(
        (&stopped["state"], &stopped["reason"]),
        (&"auth".into(), &"401: Unauthorized".into())
    );
    let tried = server.requests();
    write(&taxiway.path("folder/late.gif"), &picture(99, 1_000));
    daemon.event_of("settled", &taxiway.path("folder/late.gif"));
    assert!(tried <= 4);
    let at = Instant::now();
    token_file(&taxiway, "  user:2-new \n\n");
    daemon.event("account_resumed");
    assert!(at.elapsed() < Duration::from_secs(5), "{:?}", at.elapsed());
    daemon.event("idle");
    daemon.stop();
    assert_eq!(server.assets().len(), 11);
    assert_eq!(
        server.log().iter().filter(|request| request.status == Some(401)).count() as u64,
        tried
    );
}

#[test]
fn an_expired_subscription_stops_all_and_fails_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    fill(&taxiway, 10);
    server.faults(&["subscription"]);
    let said = taxiway.run(&["run", "--once", "-q"]).exits(77);
    said.tells(
        "error: uploads are stopped: 402: Account has no subscription or subscription expired\n\
         hint: renew the subscription at useapi.net\n",
    );
    assert!(server.uploads() <= 4);
    server.faults(&[]);
    taxiway.once().exits(0);
    assert_eq!(server.assets().len(), 10);
    server.nothing_twice();
}

#[test]
fn a_broken_account_stops_alone() {
    let accounts = ["good@example.com", "bad@example.com"];
    let server = Server::of(&accounts);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for email in accounts {
        let folder = taxiway.folder(email);
        for number in 0..5 {
            write(&folder.join(format!("{number}.gif")), &picture(number, 1_000));
        }
        config += &format!("{}email = \"{email}\"\nsettle = \"50ms\"\n", section(&folder));
    }
    taxiway.configure(&config);
    server.faults(&["broken-account=bad@example.com"]);
    let said = taxiway.run(&["run", "--once", "-q"]).exits(77);
    said.tells(
        "error: uploads are stopped: 596: Account bad@example.com in error state: \
         the sandbox was told so\nhint: mend the account at useapi.net\n",
    );
    assert_eq!(server.assets().len(), 5);
    assert!(server.assets().iter().all(|asset| asset.account == "good@example.com"));
    server.faults(&[]);
    taxiway.once().exits(0);
    assert_eq!(server.assets().len(), 10);
}

#[test]
fn without_network_a_single_run_is_not_finished_and_nothing_has_failed() {
    let mut server = Server::start();
    let taxiway = Taxiway::watching(&server);
    fill(&taxiway, 3);
    server.stop();
    let said = taxiway.run(&["run", "--once", "-q", "--timeout", "1s"]).exits(75);
    said.tells(
        "error: uploads are stopped: no TCP connection: connection refused\n\
         hint: check the network, then run again\n",
    );
    for row in taxiway.rows() {
        assert_eq!(row["state"], "queued", "{row}");
    }
    server.restart();
    taxiway.once().exits(0);
    assert_eq!(server.assets().len(), 3);
    server.nothing_twice();
}

#[test]
fn the_daemon_waits_for_the_network() {
    let mut server = Server::start();
    let taxiway = Taxiway::watching(&server);
    fill(&taxiway, 3);
    server.stop();
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    let stopped = daemon.event("account_stopped");
    assert_eq!(stopped["state"], "offline");
    server.restart();
    daemon.event("idle");
    daemon.stop();
    assert_eq!(server.assets().len(), 3);
}

#[test]
fn a_restart_keeps_the_time_of_the_next_try() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    fill(&taxiway, 1);
    server.faults(&["status=429,retry-after=3000"]);
    let file = taxiway.path("folder/0.gif");
    taxiway.run(&["run", "--once", "-q"]).exits(75);
    let next = taxiway.row(&file)["next_try_at"].clone();
    assert!(next.is_string(), "{}", taxiway.row(&file));
    let before = server.requests();
    taxiway.run(&["run", "--once", "-q"]).exits(75);
    assert_eq!(server.requests(), before, "nothing is asked before its time");
    assert_eq!(taxiway.row(&file)["next_try_at"], next);
}
