//! A ledger that an older version wrote: copied, then migrated, with every row kept.

use std::os::unix::fs::PermissionsExt;

use super::super::MIGRATIONS;
use super::*;

/// What the file of `tests/ledgers` remembers.
const FIXTURE_URL: &str = "http://127.0.0.1:35617/v1/runwayml";

/// A copy of a ledger of schema 1, under this name in a directory of its own.
fn older(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledgers/schema-1.sqlite3");
    std::fs::copy(made, &file).unwrap();
    (directory, file)
}

fn upgrade(file: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(file, FIXTURE_URL, 7, NOW)
}

/// Every row of the tables that schema 1 has, as text.
fn rows_of_schema_1(db: &rusqlite::Connection) -> Vec<String> {
    let tables = [
        "meta",
        "account",
        "folder",
        "directory",
        "content",
        "upload",
        "path",
        "queue",
        "attempt",
        "decision",
        "push",
    ];
    let mut all = Vec::new();
    for table in tables {
        let mut select = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let later = ["pushed_at", "wants"];
        let names = select.column_names();
        let columns = names.filter(|name| !later.contains(name)).count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at)).collect()
        };
        let rows = select.query_map([], row).unwrap();
        let rows = rows.map(|row: rusqlite::Result<Vec<_>>| format!("{table} {:?}", row.unwrap()));
        all.extend(rows);
    }
    all
}

#[test]
fn every_row_is_kept_and_so_is_the_ledger_as_it_was() {
    let (directory, file) = older("ledger.sqlite3");
    let before = rows_of_schema_1(&rusqlite::Connection::open(&file).unwrap());
    assert!(before.len() > 50, "{}", before.len());
    let ledger = upgrade(&file).unwrap();
    assert_eq!(number(&ledger, "PRAGMA user_version"), MIGRATIONS.len() as i64);
    assert_eq!(rows_of_schema_1(&ledger.db), before);
    assert_eq!(number(&ledger, "SELECT count(*) FROM run"), 5);
    check(&ledger);
    assert_eq!(ledger.remembered().unwrap().open.len(), 1);

    let copy = directory.path().join(format!("ledger.sqlite3.before-schema-{}", MIGRATIONS.len()));
    let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = rusqlite::Connection::open(&copy).unwrap();
    assert_eq!(rows_of_schema_1(&kept), before);
    let schema: i64 = kept.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(schema, 1);
    drop((ledger, kept));
    upgrade(&file).unwrap();
    let copies = || {
        let names = std::fs::read_dir(directory.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("before")).count()
    };
    assert_eq!(copies(), 1, "there was nothing to migrate");

    // Put back, it is migrated again, and no copy replaces another.
    std::fs::copy(&copy, &file).unwrap();
    let again = upgrade(&file).unwrap();
    assert_eq!(rows_of_schema_1(&again.db), before);
    assert_eq!(copies(), 2);
}

#[test]
fn a_ledger_that_cannot_be_copied_is_not_migrated() {
    // Longer names than this are refused: the copy's is.
    let (directory, file) = older(&"l".repeat(250));
    let before = std::fs::read(&file).unwrap();
    let error = upgrade(&file).unwrap_err();
    let copy = format!("{}.before-schema-{}", file.display(), MIGRATIONS.len());
    assert_eq!(
        error.to_string(),
        format!(
            "the ledger {} is as an older taxiway left it and cannot be copied before it is \
             changed: {copy} cannot be written: file name too long",
            file.display()
        )
    );
    let place = directory.path().display();
    assert_eq!(error.hint(), format!("make room for a second one: df -h {place}"));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_reader_reads_it_as_it_is_and_a_dry_run_migrates_its_own_copy() {
    let (_directory, file) = older("ledger.sqlite3");
    let reader = Ledger::read(&file).unwrap().unwrap();
    check(&reader);
    let copy = reader.copy_in_memory().unwrap();
    assert_eq!(number(&copy, "PRAGMA user_version"), MIGRATIONS.len() as i64);
    assert_eq!(number(&reader, "PRAGMA user_version"), 1);
}

#[test]
fn a_reader_of_schema_1_can_tell_every_history() {
    let (_directory, file) = older("ledger.sqlite3");
    let ledger = Ledger::read(&file).unwrap().unwrap();
    let mut paths = Vec::new();
    let all = super::super::Filter { with_gone: true, ..Default::default() };
    let each = |row: super::super::Row| {
        paths.push(row.path);
        std::ops::ControlFlow::Continue(())
    };
    ledger.each_row(&all, false, each).unwrap();
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        assert!(ledger.history(&path, false).unwrap().is_some(), "{path:?}");
    }
    assert_eq!(ledger.owner_of("user:1-runwayml:a@b.c-asset:none").unwrap(), None);
}
