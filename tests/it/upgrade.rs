//! A ledger of every older version under this program, and one of a newer.
//!
//! Owns: there is a file in `tests/ledgers` for every schema that ever was, the present one included.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Taxiway;

/// Where the fixtures are.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledgers")
}

/// How many migrations this program knows.
fn known() -> usize {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    fs::read_dir(migrations).expect("a list").count()
}

/// The base URL that a ledger remembers.
fn base_url(ledger: &Path) -> String {
    let db = rusqlite::Connection::open(ledger).expect("the ledger");
    let sql = "SELECT value FROM meta WHERE key = 'base_url'";
    db.query_row(sql, [], |row| row.get(0)).expect("a row")
}

fn schema_of(ledger: &Path) -> usize {
    // As SQLite keeps `user_version`; read like this, the fixtures stay as they are.
    let bytes = fs::read(ledger).expect("the ledger");
    u32::from_be_bytes(bytes[60..64].try_into().expect("four bytes")) as usize
}

/// A home with a copy of this fixture in it, and the copy.
fn upgraded_from(schema: usize) -> (Taxiway, PathBuf) {
    let mut taxiway = Taxiway::alone();
    fs::create_dir_all(taxiway.state_dir()).expect("a directory");
    let ledger = taxiway.state_dir().join("ledger.sqlite3");
    fs::copy(kept().join(format!("schema-{schema}.sqlite3")), &ledger).expect("the fixture");
    taxiway.set("TAXIWAY_BASE_URL", base_url(&ledger));
    taxiway.set("TAXIWAY_TOKEN", "user:1-sandbox");
    (taxiway, ledger)
}

/// Every row, as `ls` prints it for programs.
fn listed(taxiway: &Taxiway) -> Vec<Value> {
    let said = taxiway.run(&["ls", "--json"]).exits(0).tells("");
    rows(&said.out)
}

/// In the order of their paths: newest first is not an order where two came at once.
fn rows(text: &str) -> Vec<Value> {
    let rows = text.lines().map(|line| serde_json::from_str(line).expect("a row"));
    let mut rows: Vec<Value> = rows.collect();
    rows.sort_by_key(|row| row["path"].as_str().map(str::to_owned));
    rows
}

#[test]
fn there_is_a_ledger_of_every_schema() {
    for schema in 1..=known() {
        let fixture = kept().join(format!("schema-{schema}.sqlite3"));
        assert!(fixture.exists(), "run tests/ledgers/make before migration {} goes in", schema + 1);
        assert_eq!(schema_of(&fixture), schema);
    }
}

#[test]
fn a_ledger_of_every_schema_is_listed_as_it_was_when_it_was_written_before_and_after() {
    for schema in 1..=known() {
        let (taxiway, ledger) = upgraded_from(schema);
        let before = listed(&taxiway);
        assert_eq!(before.len(), 11, "schema {schema}");
        if let Ok(written) =
            fs::read_to_string(kept().join(format!("schema-{schema}.sqlite3.rows")))
        {
            assert_eq!(before, rows(&written), "as the program of schema {schema} listed it");
        } else {
            assert_eq!(schema, 1, "the rows of schema {schema} are missing");
        }
        assert_eq!(schema_of(&ledger), schema, "a reader changes nothing");

        // The first that writes.
        taxiway.run(&["ledger", "import", "-"]).exits(0);
        assert_eq!(schema_of(&ledger), known());
        assert_eq!(listed(&taxiway), before, "schema {schema}, migrated");
        taxiway.run(&["ledger", "verify"]).exits(0).tells("");

        let copy = taxiway.state_dir().join(format!("ledger.sqlite3.before-schema-{}", known()));
        assert_eq!(copy.exists(), schema < known(), "a copy is made where there is a migration");
        if copy.exists() {
            assert_eq!(schema_of(&copy), schema);
            // The way back: the copy in its place is the ledger as it was.
            fs::rename(&copy, &ledger).expect("put back");
            assert_eq!(listed(&taxiway), before, "schema {schema}, put back");
        }
    }
}

#[test]
fn a_downgrade_is_refused_with_a_sentence_and_changes_nothing() {
    let (taxiway, ledger) = upgraded_from(known());
    let mut bytes = fs::read(&ledger).expect("the ledger");
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&ledger, &bytes).expect("a newer schema");
    let sentence = format!(
        "error: ~/state/taxiway/ledger.sqlite3 was written by a newer taxiway (schema 99, this one \
         knows {})\nhint: install the newer taxiway again\n",
        known()
    );
    let folder = taxiway.folder("folder");
    let folder = folder.to_str().expect("a path");
    let commands: [&[&str]; 6] = [
        &["run", "--once", folder],
        &["run", folder],
        &["ls"],
        &["id", "x.gif"],
        &["ledger", "verify"],
        &["ledger", "import", "-"],
    ];
    for command in commands {
        taxiway.run(command).exits(74).prints("").tells(&sentence);
        assert_eq!(fs::read(&ledger).expect("the ledger"), bytes, "{command:?}");
    }
}
