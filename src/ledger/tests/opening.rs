//! Files that are new, ours, another's, of the future, or broken.

use std::io::{Seek, SeekFrom, Write as _};

use super::super::MIGRATIONS;
use super::*;

#[test]
fn an_empty_file_gets_all_migrations() {
    let book = Book::new();
    assert_eq!(number(&book.ledger, "PRAGMA user_version"), MIGRATIONS.len() as i64);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM folder WHERE id = 0"), 1);
    check(&book.ledger);
}

#[test]
fn what_is_committed_is_on_disk() {
    let book = Book::new();
    assert_eq!(text(&book.ledger, "PRAGMA journal_mode"), "wal");
    let full = 2;
    assert_eq!(number(&book.ledger, "PRAGMA synchronous"), full);
    assert_eq!(number(&book.ledger, "PRAGMA fullfsync"), 1);
    assert_eq!(number(&book.ledger, "PRAGMA checkpoint_fullfsync"), 1);
    assert_eq!(number(&book.ledger, "PRAGMA foreign_keys"), 1);
}

#[test]
fn that_it_can_be_written_is_proved_by_writing() {
    let book = Book::new();
    book.ledger.prove_writable().expect("a write");
    assert_eq!(number(&book.ledger, "PRAGMA user_version"), MIGRATIONS.len() as i64);
    book.ledger.db.execute_batch("PRAGMA query_only = ON").expect("a setting");
    book.ledger.prove_writable().expect_err("no write");
    book.ledger.db.execute_batch("PRAGMA query_only = OFF").expect("a setting");
    book.ledger.prove_writable().expect("a write again, with nothing left open");
}

#[test]
fn the_sqlite_within_does_not_corrupt_its_log() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[test]
fn opening_again_keeps_everything_and_begins_a_run() {
    let Book { directory, ledger } = Book::new();
    let writes = [
        link("/d/cat.png", 1, 1),
        attempt(1, "/d/cat.png", key(1, 1)),
        link("/d/dog.png", 2, 1),
        attempt(2, "/d/dog.png", key(2, 1)),
        close(2, AttemptEnd::Stored),
        uploaded(key(2, 1), "x2"),
        pushed(AccountId(2)),
        Write::Scanned { folder: FolderId(1) },
    ];
    step_at(&ledger, NOW, &writes);
    let rows = |ledger: &Ledger| {
        let mut rows = Vec::new();
        let all = super::super::Filter { with_gone: true, ..Default::default() };
        let each = |row| {
            rows.push(row);
            std::ops::ControlFlow::Continue(())
        };
        ledger.each_row(&all, false, each).unwrap();
        rows
    };
    let (before, runs) = (rows(&ledger), number(&ledger, "SELECT count(*) FROM run"));
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    let ledger = open(&file).unwrap();
    assert_eq!(rows(&ledger), before);
    assert_eq!(number(&ledger, "SELECT count(*) FROM run"), runs + 1);
    assert_eq!(ledger.folder(Path::new("/d")).unwrap(), (FolderId(1), true));
    let remembered = ledger.remembered().unwrap();
    assert_eq!(remembered.last_attempt, 2);
    assert_eq!(remembered.pushes, [(path("/p.png"), push(AccountId(2)))]);
    let open = &remembered.open[..];
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].attempt, open[0].key), (AttemptId(1), key(1, 1)));
    assert_eq!((open[0].opened_at, open[0].opened_skew_ms), (NOW, Some(-5)));
    assert_eq!(open[0].newer, 1, "an asset was stored since");
    check(&ledger);
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_by_writers_and_readers() {
    let Book { directory, ledger } = Book::new();
    ledger.db.pragma_update(None, "user_version", 99).unwrap();
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    for error in [open(&file).unwrap_err(), Ledger::read(&file).unwrap_err()] {
        assert!(matches!(error, LedgerError::Newer { found: 99, .. }), "{error}");
        assert_eq!(error.hint(), "install the newer taxiway again");
    }
}

#[test]
fn the_ledger_of_another_server_is_refused() {
    let Book { directory, ledger } = Book::new();
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    let error = Ledger::open(&file, "https://other.test", 7, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this ledger belongs to https://api.test/v1/runwayml, not to https://other.test"
    );
    assert!(open(&file).is_ok());
}

#[test]
fn a_file_whose_header_was_overwritten_is_damaged() {
    let Book { directory, ledger } = Book::new();
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    let mut bytes = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    bytes.write_all(b"not a database at all").unwrap();
    for error in [open(&file).unwrap_err(), Ledger::read(&file).unwrap_err()] {
        assert!(
            matches!(&error, LedgerError::Damaged { path: Some(path), .. } if *path == file),
            "{error}"
        );
        assert_eq!(error.hint(), "taxiway ledger rebuild");
    }
}

#[test]
fn a_truncated_file_is_damaged() {
    let Book { directory, ledger } = Book::new();
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    let bytes = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    bytes.set_len(4_096 + 100).unwrap();
    for error in [open(&file).unwrap_err(), Ledger::read(&file).unwrap_err()] {
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_page_of_nonsense_is_damaged() {
    let Book { directory, ledger } = Book::new();
    let page = number(&ledger, "SELECT rootpage FROM sqlite_schema WHERE name = 'meta'");
    drop(ledger);
    let file = directory.path().join("ledger.sqlite3");
    let mut bytes = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    bytes.seek(SeekFrom::Start((page as u64 - 1) * 4_096)).unwrap();
    bytes.write_all(&[0xEE; 4_096]).unwrap();
    let error = open(&file).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_not_read_and_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("none");
    assert!(Ledger::read(&file).unwrap().is_none());
    assert!(!file.exists());
}

#[test]
fn columns_take_their_own_type_only() {
    let book = Book::new();
    let tables = "SELECT count(*) FROM pragma_table_list
                  WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND strict = 0";
    assert_eq!(number(&book.ledger, tables), 0);
    let wrong = "INSERT INTO content (hash, size, media_type) VALUES (zeroblob(32), 'ten', 'x')";
    assert!(book.ledger.db.execute_batch(wrong).is_err());
    let short = "INSERT INTO content (hash, size, media_type) VALUES (zeroblob(31), 10, 'x')";
    assert!(book.ledger.db.execute_batch(short).is_err());
}

#[test]
fn an_upload_has_one_end_and_one_open_attempt() {
    let book = Book::new();
    book.step(&[link("/d/cat.png", 1, 1), attempt(1, "/d/cat.png", key(1, 1))]);
    let refused = |writes: &[Write]| {
        book.ledger.begin_step().unwrap();
        let refused = writes.iter().any(|write| book.ledger.apply(write, NOW).is_err());
        book.ledger.abandon_step();
        refused
    };
    assert!(refused(&[attempt(2, "/d/cat.png", key(1, 1))]), "two open attempts of one upload");
    assert!(refused(&[fail(key(1, 1)), hold(key(1, 1))]), "failed and held");
    assert!(!refused(&[close(1, AttemptEnd::Refused), attempt(2, "/d/cat.png", key(1, 1))]));
}

#[test]
fn readers_beside_the_writer_see_whole_steps_and_block_nobody() {
    let book = Book::new();
    book.step(&[link("/d/cat.png", 1, 1)]);
    let readers = [(); 2].map(|()| Ledger::read(&book.file()).unwrap().unwrap());
    let paths = |ledger: &Ledger| number(ledger, "SELECT count(*) FROM path");
    book.ledger.begin_step().unwrap();
    book.ledger.apply(&link("/d/dog.png", 2, 1), NOW).unwrap();
    assert_eq!(paths(&book.ledger), 2, "a step sees its own writes");
    assert_eq!(readers.each_ref().map(paths), [1, 1]);
    book.ledger.commit_step().unwrap();
    assert_eq!(readers.each_ref().map(paths), [2, 2]);
    assert!(readers[0].db.execute_batch("DELETE FROM path").is_err(), "readers only read");
}

#[test]
fn a_step_that_is_abandoned_leaves_nothing() {
    let book = Book::new();
    book.ledger.begin_step().unwrap();
    book.ledger.apply(&link("/d/cat.png", 1, 1), NOW).unwrap();
    book.ledger.abandon_step();
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM path"), 0);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM content"), 0);
    book.ledger.abandon_step();
}

#[test]
fn a_copy_in_memory_leaves_the_file_alone() {
    let book = Book::new();
    book.step(&[link("/d/cat.png", 1, 1)]);
    let copy = book.ledger.copy_in_memory().unwrap();
    step_at(&copy, NOW, &[link("/d/dog.png", 2, 1)]);
    assert_eq!(number(&copy, "SELECT count(*) FROM path"), 2);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM path"), 1);
}

#[test]
fn a_full_disk_is_an_error_of_its_step_and_no_damage() {
    let ledger = Ledger::in_memory(URL, NOW).unwrap();
    furnish(&ledger);
    ledger.fill_disk(true).unwrap();
    let mut written = 0;
    let full = loop {
        written += 1;
        assert!(written < 2_000, "the disk is never full");
        ledger.begin_step().unwrap();
        let done = ledger.apply(&link(&format!("/d/{written}.png"), 1, 1), NOW);
        match done.and_then(|()| ledger.commit_step()) {
            Ok(()) => {}
            Err(error) => {
                ledger.abandon_step();
                break error;
            }
        }
    };
    assert!(full.to_string().contains("full"), "{full}");
    check(&ledger);
    ledger.fill_disk(false).unwrap();
    step_at(&ledger, NOW, &[link("/d/more.png", 1, 1)]);
    check(&ledger);
}
