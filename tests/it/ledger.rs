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
    said.prints("my backup.sqlite3\n").tells("");
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
