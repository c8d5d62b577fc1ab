//! Where an installed service has its things, and that later commands know it.

use std::fs;
use std::path::PathBuf;

use super::{bare, home, read, token, told};
use crate::support::{Server, Taxiway, picture, section, write};

/// What a command says, with the home as `~`.
fn said(taxiway: &Taxiway, arguments: &[&str]) -> String {
    let said = taxiway.run(arguments).exits(0).tells("");
    said.out.replace(&*taxiway.root.to_string_lossy(), "~")
}

fn drop_in(taxiway: &Taxiway) -> PathBuf {
    taxiway.path(".config/systemd/user/taxiway.service.d/places.conf")
}

/// A home whose configuration lies where only flags say.
fn elsewhere() -> Taxiway {
    let taxiway = bare();
    let folder = taxiway.folder("Runway");
    write(&taxiway.path("my config/100%.toml"), section(&folder).as_bytes());
    token(&taxiway.path("my config/token"));
    taxiway
}

#[test]
fn places_of_a_service_are_kept_until_another_is_named() {
    let mut taxiway = elsewhere();
    taxiway.set("LINGER", "yes");
    taxiway.set("TAXIWAY_BASE_URL", "http://127.0.0.1:9/v1");
    let flags = ["--config", "my config/100%.toml", "--state-dir", "state/x"];
    let install = ["service", "install"];
    said(&taxiway, &[&flags[..], &install].concat());
    let first = read(&drop_in(&taxiway));
    told(&taxiway);
    taxiway.unset("TAXIWAY_BASE_URL");
    let file = "~/.config/systemd/user/taxiway.service";
    assert_eq!(
        said(&taxiway, &install),
        format!(
            "kept      {file}\n\
             kept      {file}.d/places.conf: --config '~/my config/100%.toml', --state-dir \
             ~/state/x, TAXIWAY_BASE_URL=http://127.0.0.1:9/v1\n\
             enabled   already\n\
             started   already\n\
             next      taxiway status\n"
        )
    );
    assert_eq!(read(&drop_in(&taxiway)), first);
    assert_eq!(told(&taxiway), [""; 0]);
    // One is named: that one is another, and the rest stays.
    let said_of_one = said(&taxiway, &["--state-dir", "state/y", "service", "install"]);
    assert!(
        said_of_one.contains(&format!(
            "wrote     {file}.d/places.conf\n\
             kept      {file}.d/places.conf: --config '~/my config/100%.toml', \
             TAXIWAY_BASE_URL=http://127.0.0.1:9/v1\n"
        )),
        "{said_of_one}"
    );
    assert_eq!(read(&drop_in(&taxiway)), first.replace("/state/x", "/state/y"));
    // An empty address is the usual one.
    taxiway.set("TAXIWAY_BASE_URL", "");
    said(&taxiway, &install);
    assert!(!read(&drop_in(&taxiway)).contains("TAXIWAY_BASE_URL"));
    assert!(read(&drop_in(&taxiway)).contains("/state/y\n"));
}

#[test]
fn places_that_cannot_be_read_are_not_taken_for_none() {
    let mut taxiway = home();
    taxiway.set("LINGER", "yes");
    said(&taxiway, &["--state-dir", "state/x", "service", "install"]);
    let written = read(&drop_in(&taxiway));
    let edited =
        written.replace("Environment=TAXIWAY_STATE_DIR=", "Environment=TAXIWAY_STATE_DIR=%h");
    write(&drop_in(&taxiway), edited.as_bytes());
    told(&taxiway);
    for verb in ["install", "start", "restart", "uninstall"] {
        taxiway.run(&["service", verb]).exits(78).prints("").tells(
            "error: ~/.config/systemd/user/taxiway.service.d/places.conf says where the service has \
             its things in a way that only systemd understands\n\
             hint: systemctl --user cat taxiway.service\n",
        );
    }
    assert_eq!(told(&taxiway), [""; 0]);
    assert_eq!(read(&drop_in(&taxiway)), edited);
    // Who asks or stops needs no places.
    taxiway.run(&["service", "status"]).exits(0);
    taxiway.run(&["service", "stop"]).exits(0);
}

#[test]
fn who_has_the_ledger_is_asked_where_the_service_has_it() {
    let server = Server::start();
    let mut taxiway = home();
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    let install = ["--state-dir", "state/x", "service", "install"];
    said(&taxiway, &install);
    fs::remove_file(taxiway.path("unit/active")).expect("stopped");
    let mut daemon = taxiway.spawn(&["--state-dir", "state/x", "run", "--json"]);
    daemon.event("idle");
    told(&taxiway);
    let pid = daemon.pid();
    for verb in ["install", "start", "restart"] {
        taxiway.run(&["service", verb]).exits(75).prints("").tells(&format!(
            "error: another taxiway with process id {pid} has the ledger in ~/state/x\n\
             hint: stop it first: kill {pid}\n"
        ));
    }
    taxiway.run(&["service", "uninstall", "--purge", "--yes"]).exits(75).prints("");
    assert_eq!(told(&taxiway), [""; 0]);
    assert!(drop_in(&taxiway).exists());
    daemon.stop();
}

#[test]
fn what_is_left_and_what_is_purged_is_the_services_own() {
    let server = Server::start();
    let mut taxiway = home();
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    write(&taxiway.path("Runway/a.gif"), &picture(1, 1_000));
    // Two ledgers, of which one is the service's.
    taxiway.once().exits(0);
    taxiway.run(&["--state-dir", "state/x", "run", "--once"]).exits(0);
    let (usual, own) = (taxiway.path(".local/state/taxiway"), taxiway.path("state/x"));
    let install = ["--state-dir", "state/x", "service", "install"];
    said(&taxiway, &install);
    taxiway.unset("TAXIWAY_BASE_URL");
    let left = said(&taxiway, &["service", "uninstall"]);
    assert!(
        left.ends_with(
            "left      the configuration: ~/.config/taxiway/config.toml\n\
             left      the token: ~/.config/taxiway/token\n\
             left      the state: ~/state/x\n\
             next      to delete what is left: taxiway --state-dir ~/state/x service uninstall \
             --purge\n"
        ),
        "{left}"
    );
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    said(&taxiway, &install);
    taxiway.unset("TAXIWAY_BASE_URL");
    taxiway.run(&["service", "uninstall", "--purge"]).exits(2).prints("").tells(
        "error: what was uploaded is forgotten with ~/.config/taxiway/config.toml, \
         ~/.config/taxiway/token, ~/state/x\n\
         hint: taxiway --state-dir ~/state/x service uninstall --purge --yes\n",
    );
    said(&taxiway, &["service", "uninstall", "--purge", "--yes"]);
    assert!(!own.exists());
    assert!(usual.join("ledger.sqlite3").exists(), "it is not the service's");
}

#[test]
fn an_agents_places_are_kept_too() {
    let mut taxiway = elsewhere();
    taxiway.set("TAXIWAY_TEST_PLATFORM", "macos");
    let flags = ["--config", "my config/100%.toml", "--state-dir", "a & <b>"];
    let install = ["service", "install"];
    said(&taxiway, &[&flags[..], &install].concat());
    let path = taxiway.path("Library/LaunchAgents/io.github.taxiway.plist");
    let first = read(&path);
    assert!(first.contains("/a &amp; &lt;b&gt;</string>"), "{first}");
    told(&taxiway);
    let again = said(&taxiway, &install);
    assert!(
        again.starts_with(
            "kept      ~/Library/LaunchAgents/io.github.taxiway.plist: --config '~/my \
             config/100%.toml', --state-dir '~/a & <b>'\n\
             started   already\n"
        ),
        "{again}"
    );
    assert_eq!(read(&path), first);
    assert_eq!(told(&taxiway), [""; 0]);
    fs::create_dir(taxiway.path("a & <b>")).expect("a directory");
    let left = said(&taxiway, &["service", "uninstall"]);
    assert!(left.contains("left      the state: ~/a & <b>\n"), "{left}");
}
