//! Every rule notices what breaks it.

use std::os::unix::fs::PermissionsExt;

use super::super::verify::RULES;
use super::super::{BackupError, Fault};
use super::*;

/// A ledger with something of everything: an upload that is uploaded, one that is queued, one
/// with an open attempt, one that failed, one that is held.
fn furnished() -> Book {
    let book = Book::new();
    furnish_more(&book.ledger);
    book
}

fn furnish_more(ledger: &Ledger) {
    for id in 1..=5 {
        step_at(ledger, NOW, &[link(&format!("/d/{id}.png"), id, 1)]);
    }
    let writes = [
        attempt(1, "/d/1.png", key(1, 1)),
        close(1, AttemptEnd::Stored),
        uploaded(key(1, 1), "x1"),
        attempt(2, "/d/2.png", key(2, 1)),
        fail(key(3, 1)),
        hold(key(4, 1)),
    ];
    step_at(ledger, NOW, &writes);
    check(ledger);
}

/// The same in memory, after a change that no constraint refuses any more.
fn broken(sql: &str) -> Ledger {
    let ledger = Ledger::in_memory(URL, NOW).unwrap();
    furnish(&ledger);
    furnish_more(&ledger);
    let off = "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;
               DROP INDEX attempt_open;";
    ledger.db.execute_batch(off).unwrap();
    ledger.db.execute_batch(sql).unwrap();
    ledger.db.pragma_update(None, "ignore_check_constraints", false).unwrap();
    ledger
}

/// What our rules say of a change.
fn rules_say(sql: &str) -> Vec<(&'static str, String)> {
    let found = broken(sql).broken_rules().unwrap();
    found.into_iter().map(|fault| (fault.rule, fault.what)).collect()
}

#[test]
fn every_rule_notices_what_breaks_it() {
    let asset = asset("x1").asset_id;
    let cases: &[(&str, &str, String)] = &[
        (
            "UPDATE upload SET failed_at = NULL, reason = NULL, uploaded_at = 1,
                 asset_id = (SELECT asset_id FROM upload WHERE id = 1) WHERE id = 3",
            "an assetId belongs to one upload",
            format!("{asset} belongs to 2 uploads: 1, 3"),
        ),
        (
            "INSERT INTO former_asset SELECT asset_id, id, 'n', 1, 1 FROM upload WHERE id = 1",
            "an assetId that was forgotten is nobody's",
            format!("upload 1 has {asset}, which was forgotten"),
        ),
        (
            "UPDATE attempt SET outcome = 'refused' WHERE id = 1",
            "what is uploaded was stored by an attempt",
            format!("upload 1 has {asset}, and none of its attempts stored it"),
        ),
        (
            "UPDATE upload SET asset_id = NULL, uploaded_at = NULL, held_at = 1 WHERE id = 1",
            "what an attempt stored is not lost",
            "attempt 1 stored upload 1, which has no assetId".into(),
        ),
        (
            "UPDATE upload SET held_at = 1 WHERE id = 3",
            "an upload has one end at most, and an assetId its time",
            "upload 3 has ended in two ways, or at no time".into(),
        ),
        (
            "INSERT INTO attempt (upload_id, path_id, run_id, opened_at, name)
             VALUES (2, 2, 1, 1, 'other.png')",
            "an upload has one open attempt at most",
            "upload 2 has 2 open attempts".into(),
        ),
        (
            "INSERT INTO attempt (upload_id, path_id, run_id, opened_at, name)
             VALUES (3, 3, 1, 1, 'c.png')",
            "what has ended has no open attempt",
            "attempt 3 is open, and upload 3 has ended".into(),
        ),
        (
            "UPDATE content SET size = 12 WHERE id = 5;
             INSERT INTO attempt (upload_id, path_id, run_id, opened_at, name)
             VALUES (5, 5, 1, 1, 'cat.png')",
            "no two open attempts look the same in a list",
            "attempts 2, 3 are open with one account, name and size".into(),
        ),
        (
            "UPDATE attempt SET ended_at = 1 WHERE id = 2",
            "an attempt has its outcome and its end together",
            "attempt 2 has an outcome and no end, or an end and no outcome".into(),
        ),
        (
            "UPDATE path SET status = 'rule' WHERE id = 1",
            "a path that is linked has content and upload, and no other has",
            "path 1 is rule, and content or upload do not fit that".into(),
        ),
        (
            "UPDATE path SET content_id = 2 WHERE id = 1",
            "a path's upload is of the path's content",
            "path 1 (/d/1.png) holds content 2, and its upload 1 is of content 1".into(),
        ),
        (
            "DELETE FROM queue WHERE upload_id = 5",
            "what could be sent is queued",
            "upload 5 is not queued in folder 1, where path 5 (/d/5.png) holds it".into(),
        ),
        (
            "INSERT INTO queue (folder_id, account_id, upload_id, path_id, newest)
             VALUES (0, 1, 3, 3, 1)",
            "what is queued could be sent",
            "upload 3 is queued in folder 0, and has ended".into(),
        ),
        (
            "UPDATE queue SET account_id = 2 WHERE upload_id = 5;
             INSERT INTO queue (folder_id, account_id, upload_id, path_id, newest)
             VALUES (2, 1, 5, 5, 1)",
            "what is queued could be sent",
            "upload 5 is queued in folder 1 for another account than its own".into(),
        ),
        (
            "INSERT INTO queue (folder_id, account_id, upload_id, path_id, newest)
             VALUES (2, 1, 5, 5, 1)",
            "what is queued could be sent",
            "upload 5 is queued in folder 2 from path 5, which does not hold it there".into(),
        ),
        (
            "UPDATE content SET hash = x'00', size = -1 WHERE id = 1",
            "a content has a hash of 32 bytes and a size",
            "content 1 has a hash of 1 bytes and size -1".into(),
        ),
        (
            "UPDATE account SET email = 'A@x' WHERE id = 1",
            "e-mails are in lower case, and one account at most has none",
            "account 1 is A@x".into(),
        ),
        (
            "INSERT INTO account (email) VALUES (NULL), (NULL)",
            "e-mails are in lower case, and one account at most has none",
            "2 accounts have no e-mail".into(),
        ),
        (
            "UPDATE directory SET path = x'2f65' WHERE path = x'2f';
             UPDATE directory SET path = x'2f0a64ff' WHERE path = x'2f64'",
            "a directory lies in its parent",
            "directory 2 (/\\nd\u{FFFD}) does not lie in /e".into(),
        ),
        (
            "INSERT INTO errand (path_id, folder_id, kind, event, owed_at)
             VALUES (1, 1, 'sidecar', 'uploaded', 1)",
            "of what a folder owes to a path, exactly the first has its turn",
            "errand 1 has its turn, or waits, out of order".into(),
        ),
    ];
    for (sql, rule, what) in cases {
        let found = rules_say(sql);
        assert!(found.contains(&(rule, what.clone())), "{sql}: {found:#?}");
    }
    for (table, column, row) in [
        ("upload", "wanted_at", 1),
        ("upload", "uploaded_at", 1),
        ("upload", "failed_at", 3),
        ("upload", "held_at", 4),
        ("upload", "next_try_at", 5),
        ("path", "seen_at", 1),
        ("path", "gone_at", 1),
        ("attempt", "opened_at", 1),
        ("attempt", "sent_at", 2),
        ("attempt", "ended_at", 1),
        ("decision", "at", 1),
        ("run", "started_at", 1),
    ] {
        let found = rules_say(&format!("UPDATE {table} SET {column} = -1 WHERE id = {row}"));
        assert!(
            found.contains(&("no time is negative", format!("{table} {row} has a negative time"))),
            "{table}.{column}: {found:#?}"
        );
    }
    let noticed = |rule: &str| {
        rule == "no time is negative" || cases.iter().any(|(_, noticed, _)| *noticed == rule)
    };
    for rule in RULES {
        assert!(noticed(rule.name), "nothing here breaks: {}", rule.name);
    }
}

#[test]
fn what_a_person_or_another_ledger_said_is_uploaded_needs_no_attempt_that_stored_it() {
    for sql in [
        "UPDATE attempt SET outcome = 'cannot_tell' WHERE id = 1",
        "UPDATE attempt SET outcome = 'refused' WHERE id = 1;
         UPDATE upload SET reason = 'imported' WHERE id = 1",
        "DELETE FROM attempt WHERE id = 1",
    ] {
        assert_eq!(rules_say(sql), [], "{sql}");
    }
}

#[test]
fn what_sqlite_finds_comes_first_and_alone() {
    let found = |sql| broken(sql).verify().unwrap();
    let all = found("UPDATE attempt SET path_id = 99; UPDATE upload SET failed_at = -1");
    assert_eq!(all[0].rule, "the file is whole");
    assert!(all[0].what.contains("CHECK constraint failed in upload"), "{all:#?}");
    assert!(all.iter().all(|fault| fault.rule != "no time is negative"), "{all:#?}");
    assert_eq!(
        found("UPDATE attempt SET path_id = 99 WHERE id = 1"),
        [Fault {
            rule: "what is referred to is there",
            what: "row 1 of attempt refers to a row of path that is not there".into(),
        }]
    );
}

#[test]
fn a_long_list_of_faults_is_cut_and_says_so() {
    let book = Book::new();
    let links: Vec<Write> = (0..60).map(|id| link(&format!("/d/{id}"), id, 1)).collect();
    book.step(&links);
    book.ledger.db.execute_batch("DELETE FROM queue").unwrap();
    let found = book.ledger.verify().unwrap();
    assert_eq!(found.len(), 21);
    assert_eq!(found[20].what, "and more of this kind");
}

#[test]
fn a_reader_verifies_beside_the_writer_and_without_it() {
    let book = furnished();
    let verify = |book: &Book| {
        let reader = Ledger::read(&book.file()).unwrap().unwrap();
        (reader.verify().unwrap(), reader.totals().unwrap())
    };
    let beside = verify(&book);
    assert_eq!(beside.0, []);
    let totals = (beside.1.uploads, beside.1.uploaded, beside.1.paths, beside.1.attempts);
    assert_eq!(totals, (5, 1, 5, 2));
    book.ledger.db.execute_batch("DELETE FROM queue").unwrap();
    assert_eq!(verify(&book).0.len(), 2);
    let Book { directory, ledger } = book;
    drop(ledger);
    let ledger = Ledger::in_memory(URL, NOW).unwrap();
    assert_eq!(verify(&Book { directory, ledger }).0.len(), 2);
}

#[test]
fn a_backup_is_one_file_that_can_take_the_ledgers_place() {
    let book = furnished();
    let copy = book.directory.path().join("copy");
    let reader = Ledger::read(&book.file()).unwrap().unwrap();
    // In the middle of a step of the writer.
    book.ledger.begin_step().unwrap();
    book.ledger.apply(&link("/d/6.png", 6, 1), NOW).unwrap();
    reader.backup(&copy).unwrap();
    book.ledger.commit_step().unwrap();
    let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left = || {
        let names = std::fs::read_dir(book.directory.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with("ledger")).collect();
        names.sort();
        names
    };
    assert_eq!(left(), ["copy"]);

    let before = std::fs::read(&copy).unwrap();
    let error = reader.backup(&copy).unwrap_err();
    assert!(matches!(&error, BackupError::Exists(file) if *file == copy), "{error}");
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    assert_eq!(left(), ["copy"]);

    let elsewhere = tempfile::tempdir().unwrap();
    let place = elsewhere.path().join("ledger.sqlite3");
    std::fs::copy(&copy, &place).unwrap();
    let restored = open(&place).unwrap();
    check(&restored);
    assert_eq!(text(&restored, "PRAGMA journal_mode"), "wal");
    assert_eq!(number(&restored, "SELECT count(*) FROM path"), 5, "what was committed by then");
    step_at(&restored, NOW, &[link("/d/7.png", 7, 1)]);
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let book = furnished();
    let nowhere = book.directory.path().join("no/such/copy");
    let error = book.ledger.backup(&nowhere).unwrap_err();
    let words = format!("{} cannot be written: no such file or directory", nowhere.display());
    assert_eq!(error.to_string(), words);
}
