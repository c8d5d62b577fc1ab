//! All SQL: what content became which assetId, and everything that led there.
//!
//! Owns:
//! - what is committed survives a power cut (WAL, `synchronous=FULL`);
//! - decisions, attempts and outcomes are only ever added to, an attempt is closed once;
//! - the schema is the number of migrations applied; a newer one is refused;
//! - there is one writer, and readers open read-only.

mod adopt;
mod assets;
mod backup;
mod checkup;
mod counts;
mod errands;
mod error;
mod exchange;
mod facts;
mod folder;
mod history;
mod opening;
mod places;
mod recent;
pub mod salvage;
mod step;
mod uploads;
mod verify;
mod views;
mod wishes;

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::crash;
use crate::planner::{AccountId, FolderId, Wall};
use crate::text::shown;

use opening::LastEnd;

pub use adopt::{Adoption, HoldingPath, OpenUpload};
pub use assets::StoredUpload;
pub use backup::BackupError;
pub use checkup::LatestDecision;
pub use counts::{Amount, Left, Noted};
pub use errands::{OwedRow, Told};
pub use error::{LedgerError, put_in_place};
pub use exchange::{Conflict, Foreign, Holder, Taken, UploadRow};
pub use folder::Moved;
pub use history::{Attempt, Decision, FormerAsset, History, Owner, UploadOf};
pub use recent::{Behind, Done, Recent};
pub use verify::{Fault, Totals};
pub use views::{AttemptRow, Filter, Row, State};

/// The schema, step by step. Append only.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/0001_ledger.sql"),
    include_str!("../../migrations/0002_wishes.sql"),
    include_str!("../../migrations/0003_errands.sql"),
    include_str!("../../migrations/0004_failed.sql"),
];

/// What a reader of schema 1, which it cannot migrate, sees in place of the later table.
const NOTHING_FORGOTTEN: &str = "CREATE TEMP TABLE former_asset
    (asset_id TEXT, upload_id INTEGER, name TEXT, uploaded_at INTEGER, forgotten_at INTEGER)";

/// What a reader of a schema before 3 sees in place of the later table.
const NOTHING_OWED: &str = "CREATE TEMP TABLE errand
    (id INTEGER, path_id INTEGER, folder_id INTEGER, upload_id INTEGER, kind TEXT, event TEXT,
     asset_id TEXT, reason TEXT, owed_at INTEGER, tries INTEGER, next_try_at INTEGER, detail TEXT,
     stale INTEGER, outcome TEXT, ended_at INTEGER)";

/// What a connection that only reads keeps of the ledger's pages, in KiB; below zero, for SQLite counts
/// pages above.
const READER_CACHE: i32 = -1024;

/// SQLite before 3.51.3 can corrupt a WAL (sqlite.org/wal.html, "the WAL reset bug").
const OLDEST_SQLITE: i32 = 3_051_003;

/// The ledger, opened for writing or for reading.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    run: i64,
    any_wants: errands::AnyWants,
}

impl Ledger {
    /// Opens the ledger for writing; makes it if there is none. The caller holds the lock.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn open(path: &Path, base_url: &str, pid: u32, now: Wall) -> Result<Ledger, LedgerError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(LedgerError::OldSqlite(rusqlite::version()));
        }
        salvage::finish(path, &now.0.to_string())
            .map_err(|source| LedgerError::HalfRebuilt { path: path.into(), source })?;
        let last_end = opening::look_at_log(path)?;
        let open = || {
            let db = Connection::open(path)?;
            prepare(&db)?;
            if last_end == LastEnd::Cut {
                opening::check_pages(&db)?;
            }
            Ledger::begin(db, Some(path), base_url, pid, now)
        };
        open().map_err(|error| error.of(path))
    }

    /// A ledger in memory, for dry runs and simulations: the same code, no disk.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn in_memory(base_url: &str, now: Wall) -> Result<Ledger, LedgerError> {
        let db = Connection::open_in_memory()?;
        prepare(&db)?;
        Ledger::begin(db, None, base_url, 0, now)
    }

    /// Opens the ledger for reading; none if there is no such file, or nothing in it yet because
    /// another process is about to make it.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn read(path: &Path) -> Result<Option<Ledger>, LedgerError> {
        if let Some(ledger) = Ledger::read_waiting(path)? {
            return Ok(Some(ledger));
        }
        opening::look_at_log(path)?;
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> Result<Option<Ledger>, LedgerError> {
            let db = Connection::open_with_flags(path, flags)?;
            db.busy_timeout(Duration::from_secs(5))?;
            // Who reads goes through rows once; pages that are needed again are the writer's.
            db.pragma_update(None, "cache_size", READER_CACHE)?;
            match check_schema(&db, path)? {
                0 => return Ok(None),
                // Nothing was forgotten, or owed, before there was a table for it.
                1 => {
                    db.execute_batch(NOTHING_FORGOTTEN)?;
                    db.execute_batch(NOTHING_OWED)?;
                }
                2 => db.execute_batch(NOTHING_OWED)?,
                _ => {}
            }
            let run = newest_run(&db)?;
            Ok(Some(Ledger { db, run, any_wants: Default::default() }))
        };
        open().map_err(|error| error.of(path))
    }

    /// A copy of the ledger in memory, for a run that must leave no trace.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn copy_in_memory(&self) -> Result<Ledger, LedgerError> {
        let mut db = Connection::open_in_memory()?;
        {
            let copy = rusqlite::backup::Backup::new(&self.db, &mut db)?;
            copy.run_to_completion(1_000, Duration::ZERO, None)?;
        }
        prepare(&db)?;
        migrate(&mut db, None)?;
        let any_wants = errands::any_wants(&db)?;
        Ok(Ledger { db, run: self.run, any_wants })
    }

    fn begin(
        mut db: Connection,
        path: Option<&Path>,
        base_url: &str,
        pid: u32,
        now: Wall,
    ) -> Result<Ledger, LedgerError> {
        crash::point("opening");
        crash::hang("opening");
        migrate(&mut db, path)?;
        remember_server(&db, base_url)?;
        let any_wants = errands::any_wants(&db)?;
        let mut ledger = Ledger { db, run: 0, any_wants };
        ledger.begin_run(pid, now)?;
        Ok(ledger)
    }

    /// A process begins to work with the ledger: what others left open is theirs no more.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn begin_run(&mut self, pid: u32, now: Wall) -> Result<(), LedgerError> {
        self.db.execute(
            "INSERT INTO run (pid, started_at, version) VALUES (?1, ?2, ?3)",
            (pid, now.0, env!("CARGO_PKG_VERSION")),
        )?;
        self.run = self.db.last_insert_rowid();
        crash::point("opened");
        Ok(())
    }

    /// The account of an e-mail (lower case), or the one whose e-mail is still to be learnt;
    /// made if there is none.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn account(&self, email: Option<&str>) -> Result<AccountId, LedgerError> {
        if let Some(id) = self.find_account(email)? {
            return Ok(id);
        }
        // The number of one that was merged into another is not given again: whatever still names
        // it means the other.
        let sql = "INSERT INTO account (id, email)
                   SELECT 1 + max(coalesce(max(id), 0), coalesce((
                       SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'merged_account'), 0)),
                       ?1 FROM account";
        self.db.execute(sql, [email])?;
        Ok(AccountId(self.db.last_insert_rowid()))
    }

    /// The account of a folder without an e-mail: the nameless one, or the one that was learnt
    /// when it had none.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn default_account(&self) -> Result<AccountId, LedgerError> {
        if let Some(id) = self.kept_default_account()? {
            return Ok(id);
        }
        let id = self.account(None)?;
        self.db.execute(
            "INSERT INTO meta (key, value) VALUES ('default_account', ?1)",
            [id.0.to_string()],
        )?;
        Ok(id)
    }

    /// All accounts and their e-mails.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn accounts(&self) -> Result<Vec<(AccountId, Option<String>)>, LedgerError> {
        let mut all = self.db.prepare_cached("SELECT id, email FROM account ORDER BY id")?;
        let rows = all.query_map([], |row| Ok((AccountId(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Gives back what was kept in memory of the file: nothing is to be done for a while.
    pub fn rest(&self) {
        // It can always be read again; that it could not be freed is no reason to end.
        let _ = self.db.release_memory();
    }

    /// Writes what is there already, to see that writing is possible.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn prove_writable(&self) -> Result<(), LedgerError> {
        let version = MIGRATIONS.len();
        let write = format!("BEGIN IMMEDIATE; PRAGMA user_version = {version}; COMMIT");
        self.db.execute_batch(&write).map_err(|error| {
            if !self.db.is_autocommit() {
                // It failed for the same reason, and has nothing to take back.
                let _ = self.db.execute_batch("ROLLBACK");
            }
            self.name_in(error.into())
        })
    }

    /// The e-mails of accounts on which something is stored, or still to be.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn accounts_in_use(&self) -> Result<Vec<String>, LedgerError> {
        let used = "SELECT email FROM account WHERE email IS NOT NULL AND (
            EXISTS (SELECT 1 FROM upload WHERE account_id = account.id AND asset_id IS NOT NULL)
            OR EXISTS (SELECT 1 FROM upload WHERE account_id = account.id AND held_at IS NOT NULL)
            OR EXISTS (SELECT 1 FROM queue WHERE account_id = account.id
                       AND folder_id IN (SELECT id FROM folder))
            OR EXISTS (SELECT 1 FROM attempt JOIN upload ON upload.id = upload_id
                       WHERE outcome IS NULL AND account_id = account.id))";
        let mut used = self.db.prepare_cached(used)?;
        let rows = used.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The account of a folder without an e-mail, if it was ever asked for.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn kept_default_account(&self) -> Result<Option<AccountId>, LedgerError> {
        let kept = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'default_account'";
        Ok(self.db.query_row(kept, [], |row| row.get(0)).optional()?.map(AccountId))
    }

    /// The row of a watched folder, made if there is none, and whether it was ever scanned to
    /// its end.
    ///
    /// # Errors
    /// See [`LedgerError`].
    pub fn folder(&self, root: &Path) -> Result<(FolderId, bool), LedgerError> {
        let bytes = step::bytes(root.as_os_str());
        self.db.execute("INSERT OR IGNORE INTO folder (root) VALUES (?1)", [bytes])?;
        let sql = "SELECT id, first_scan_at IS NOT NULL FROM folder WHERE root = ?1";
        let row =
            self.db.query_row(sql, [bytes], |row| Ok((FolderId(row.get(0)?), row.get(1)?)))?;
        Ok(row)
    }

    /// As new, for another world: what SQLite has learnt of the statements stays.
    #[cfg(test)]
    pub(crate) fn emptied(self) -> Result<Ledger, LedgerError> {
        self.fill_disk(false)?;
        self.db.execute_batch(
            "PRAGMA foreign_keys = OFF;
             BEGIN;
             DELETE FROM errand; DELETE FROM stop; DELETE FROM former_asset; DELETE FROM push; DELETE FROM decision;
             DELETE FROM attempt; DELETE FROM queue; DELETE FROM path; DELETE FROM upload;
             DELETE FROM content; DELETE FROM directory; DELETE FROM account; DELETE FROM run;
             DELETE FROM folder WHERE id <> 0; DELETE FROM meta WHERE key <> 'base_url';
             COMMIT;
             PRAGMA foreign_keys = ON;",
        )?;
        self.any_wants.set(false);
        Ok(Ledger { run: 0, ..self })
    }

    /// The statements that are run from now on.
    #[cfg(test)]
    pub(crate) fn statements(
        &mut self,
    ) -> Result<std::sync::Arc<std::sync::Mutex<Vec<String>>>, LedgerError> {
        use rusqlite::trace::{TraceEvent, TraceEventCodes};
        let all = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
        let kept = std::sync::Arc::clone(&all);
        let one = move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(_, sql) = event {
                kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(sql.into());
            }
        };
        self.db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(one))?;
        Ok(all)
    }

    /// Counts the statements that are run from now on.
    #[cfg(test)]
    pub(crate) fn count_statements(
        &mut self,
    ) -> Result<std::sync::Arc<std::sync::atomic::AtomicU64>, LedgerError> {
        use rusqlite::trace::{TraceEvent, TraceEventCodes};
        let count = std::sync::Arc::<std::sync::atomic::AtomicU64>::default();
        let counted = std::sync::Arc::clone(&count);
        let one = move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(..) = event {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        };
        self.db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(one))?;
        Ok(count)
    }

    /// The simulator's full disk: the file cannot grow, or can again.
    #[cfg(test)]
    pub(crate) fn fill_disk(&self, full: bool) -> Result<(), LedgerError> {
        let pages = if full { 1_i64 } else { 1 << 30 };
        // SQLite takes what is in use for the least.
        Ok(self.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
    }

    /// The e-mail's account, if the ledger has it.
    pub(crate) fn find_account(
        &self,
        email: Option<&str>,
    ) -> Result<Option<AccountId>, LedgerError> {
        let mut found = self.db.prepare_cached("SELECT id FROM account WHERE email IS ?1")?;
        let id = found.query_row([email], |row| row.get(0)).optional()?;
        Ok(id.map(AccountId))
    }
}

fn prepare(db: &Connection) -> Result<(), LedgerError> {
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(256);
    // Without this, SQLite plans a cached statement anew whenever a parameter that matters to the
    // plan is bound to another value: two thirds of all work.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4096;",
    )?;
    Ok(())
}

fn check_schema(db: &Connection, path: &Path) -> Result<usize, LedgerError> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match usize::try_from(found) {
        Ok(applied) if applied <= MIGRATIONS.len() => Ok(applied),
        Ok(_) | Err(_) => {
            Err(LedgerError::Newer { path: path.into(), found, known: MIGRATIONS.len() })
        }
    }
}

/// Each migration is one transaction together with the number that says it was applied. What is
/// in the file already is copied first.
fn migrate(db: &mut Connection, path: Option<&Path>) -> Result<(), LedgerError> {
    let applied = check_schema(db, path.unwrap_or(Path::new(":memory:")))?;
    if let Some(path) = path.filter(|_| applied > 0 && applied < MIGRATIONS.len()) {
        let copy = backup::keep_older(db, path, MIGRATIONS.len())?;
        tracing::info!("the ledger as the older version left it is kept: {}", shown(&copy));
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(applied) {
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let transaction = db.transaction_with_behavior(behavior)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        crash::point("migrating");
        transaction.commit()?;
        crash::point("migrated");
    }
    Ok(())
}

fn remember_server(db: &Connection, base_url: &str) -> Result<(), LedgerError> {
    let sql = "SELECT value FROM meta WHERE key = 'base_url'";
    let remembered: Option<String> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    match remembered {
        Some(remembered) if remembered == base_url => Ok(()),
        Some(remembered) => {
            Err(LedgerError::OtherServer { remembered, asked: base_url.to_owned() })
        }
        None => {
            db.execute("INSERT INTO meta (key, value) VALUES ('base_url', ?1)", [base_url])?;
            Ok(())
        }
    }
}

fn newest_run(db: &Connection) -> Result<i64, LedgerError> {
    Ok(db.query_row("SELECT coalesce(max(id), 0) FROM run", [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
