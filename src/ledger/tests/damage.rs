//! Damage is recognised wherever it shows, and the way back is one that works.

use std::io::{Seek, SeekFrom, Write as _};

use super::*;
use crate::planner::Ask;

/// Overwrites the first page of a table.
fn spoil(file: &Path, table: &str) {
    let db = rusqlite::Connection::open(file).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: i64 = db.query_row(sql, [table], |row| row.get(0)).unwrap();
    db.close().unwrap();
    let mut bytes = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    bytes.seek(SeekFrom::Start((page as u64 - 1) * 4_096)).unwrap();
    bytes.write_all(&[0xEE; 4_096]).unwrap();
}

/// A ledger in a directory of its own, with the log that a killed process left.
fn killed(spoilt: Option<&str>) -> (tempfile::TempDir, PathBuf) {
    let Book { directory, ledger } = Book::new();
    step_at(&ledger, NOW, &[link("/d/a.png", 1, 1)]);
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    if let Some(table) = spoilt {
        spoil(&file, table);
    }
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute_batch("INSERT INTO meta VALUES ('odd', '1')").unwrap();
    let left = tempfile::tempdir().unwrap();
    for name in ["ledger.sqlite3", "ledger.sqlite3-wal"] {
        std::fs::copy(directory.path().join(name), left.path().join(name)).unwrap();
    }
    let file = left.path().join("ledger.sqlite3");
    (left, file)
}

fn log(file: &Path) -> PathBuf {
    file.with_file_name("ledger.sqlite3-wal")
}

#[test]
fn a_log_without_its_ledger_is_damage_and_is_not_thrown_away() {
    let (_left, file) = killed(None);
    let kept = std::fs::read(log(&file)).unwrap();
    std::fs::write(&file, b"").unwrap();
    let refused = |what: &str| {
        for error in [open(&file).unwrap_err(), Ledger::read(&file).unwrap_err()] {
            let words = format!("the ledger {} is damaged: {what}", file.display());
            assert_eq!(error.to_string(), words);
            assert!(matches!(error, LedgerError::Damaged { .. }));
            assert_eq!(std::fs::read(log(&file)).unwrap(), kept);
        }
    };
    refused("it is empty, and its log is not");
    std::fs::remove_file(&file).unwrap();
    refused("it is not there, and its log is");
    assert!(!file.exists());
}

#[test]
fn the_log_of_another_is_not_replayed_into_a_backup() {
    let (left, file) = killed(None);
    let copy = left.path().join("copy");
    let book = Book::new();
    book.ledger.backup(&copy).unwrap();
    std::fs::rename(&copy, &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    for error in [open(&file).unwrap_err(), Ledger::read(&file).unwrap_err()] {
        let (ledger, log) = (file.display().to_string(), log(&file).display().to_string());
        let words =
            format!("the ledger {ledger} was put in its place, and {log} is the log of another");
        assert_eq!(error.to_string(), words);
        assert_eq!(error.hint(), format!("mv {log} {log}.damaged"));
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    std::fs::remove_file(log(&file)).unwrap();
    check(&open(&file).unwrap());
}

#[test]
fn after_a_cut_end_pages_are_looked_at_that_opening_does_not_need() {
    let (_left, file) = killed(None);
    check(&open(&file).unwrap());
    let (_left, file) = killed(Some("decision"));
    for start in ["the first", "another, which must not take the first for a clean end"] {
        let error = open(&file).unwrap_err();
        let named =
            matches!(&error, LedgerError::Damaged { path: Some(path), .. } if *path == file);
        assert!(named, "{start}: {error}");
        assert!(log(&file).exists());
    }
    // After a clean one they are not; whoever reads them then meets the damage.
    std::fs::remove_file(log(&file)).unwrap();
    let ledger = open(&file).unwrap();
    let error = ledger.verify().err().map(|error| error.to_string());
    let found = ledger.verify().unwrap_or_default();
    assert!(error.is_some() || !found.is_empty(), "verify sees it");
    ledger.begin_step().unwrap();
    let error = ledger.apply(&link("/d/b.png", 2, 1), NOW).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { path: None, .. }), "{error}");
    assert_eq!(error.to_string(), "the ledger is damaged: database disk image is malformed");
    assert_eq!(error.hint(), "taxiway ledger verify");
    let named = ledger.name_in(error).to_string();
    let path = file.display();
    assert_eq!(named, format!("the ledger {path} is damaged: database disk image is malformed"));
}

#[test]
fn a_list_names_the_damaged_file() {
    let book = Book::new();
    book.step(&[link("/d/a.png", 1, 1)]);
    let Book { directory, ledger } = book;
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    spoil(&file, "path");
    let reader = Ledger::read(&file).unwrap().unwrap();
    let goes_on = |_| std::ops::ControlFlow::Continue(());
    let error = reader.each_row(&super::super::Filter::default(), false, goes_on).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { path: Some(_), .. }), "{error}");
}

#[test]
fn values_that_no_taxiway_writes_are_damage_too() {
    let book = Book::new();
    book.step(&[link("/d/a.png", 1, 1)]);
    book.ledger.db.execute_batch("UPDATE content SET media_type = 'text/odd'").unwrap();
    let ask = Ask { lanes: vec![(FolderId(1), AccountId(1))], most: 1 };
    let error = book.ledger.offer(&ask, NOW).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
}

#[test]
fn the_newest_sound_copy_is_the_way_back() {
    let book = Book::new();
    let beside = |name: &str| book.directory.path().join(name);
    for name in ["old.sqlite3", "new copy", "newer", "copy of nonsense", "ledger.sqlite3.damaged"] {
        // Times of files are as coarse as a tick of the system's clock.
        let at =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(name.len() as u64);
        book.ledger.backup(&beside(name)).unwrap();
        let file = std::fs::File::options().write(true).open(beside(name)).unwrap();
        file.set_modified(at).unwrap();
    }
    let Book { directory, ledger } = book;
    drop(ledger);
    let beside = |name: &str| directory.path().join(name);
    let file = beside("ledger.sqlite3");
    std::fs::write(&file, "no database ".repeat(500)).unwrap();
    // The newest four are of no use: no database, one page of nonsense, another's, set aside.
    std::fs::write(beside("old.sqlite3"), "no database").unwrap();
    spoil(&beside("copy of nonsense"), "decision");
    let other = rusqlite::Connection::open(beside("another's")).unwrap();
    other.execute_batch("CREATE TABLE t (a); PRAGMA user_version = 1").unwrap();
    other.close().unwrap();
    let error = open(&file).unwrap_err();
    let hint = format!(
        "stop taxiway, then: cd {} && mv ledger.sqlite3 ledger.sqlite3.damaged-2 && cp 'new copy' \
         ledger.sqlite3; and for what was uploaded since: taxiway ledger adopt",
        directory.path().display()
    );
    assert_eq!(error.hint(), hint);
    std::fs::write(log(&file), [7; 64]).unwrap();
    let with_log = "mv ledger.sqlite3-wal ledger.sqlite3.damaged-2-wal && cp";
    assert!(error.hint().contains(with_log), "{}", error.hint());
    assert!(!beside("new copy-wal").exists() && !beside("new copy-shm").exists());
    // What a rebuild that was cut short left is sound, newer, and not a backup.
    for left in [".salvage-7", ".salvage-7-new", ".rebuilding", ".rebuilt"] {
        std::fs::copy(beside("new copy"), beside(&format!("ledger.sqlite3{left}"))).unwrap();
    }
    assert!(error.hint().contains(" && cp 'new copy' "), "{}", error.hint());
    for left in [".salvage-7", ".salvage-7-new", ".rebuilding", ".rebuilt"] {
        std::fs::remove_file(beside(&format!("ledger.sqlite3{left}"))).unwrap();
    }
    std::fs::remove_file(log(&file)).unwrap();

    let typed = error.hint().replace("stop taxiway, then: ", "");
    let typed = typed.split(';').next().unwrap();
    let status = std::process::Command::new("sh").args(["-c", typed]).status().unwrap();
    assert!(status.success(), "{typed}");
    check(&open(&file).unwrap());
}
