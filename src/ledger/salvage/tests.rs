//! Ledgers damaged on purpose, and what is left of them.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::*;
use crate::planner::{
    AccountId, Asset, AttemptEnd, AttemptId, Content, ContentHash, Fingerprint, FolderId,
    MediaType, UploadKey, UploadState, Write,
};

const NOW: Wall = Wall(1_700_000_000_000);
const URL: &str = "https://x";

/// A ledger on disk, with many uploads and one of every kind that must not get lost.
struct World {
    directory: tempfile::TempDir,
    account: AccountId,
    folder: FolderId,
}

fn hash(number: u64) -> ContentHash {
    ContentHash(*blake3::hash(&number.to_be_bytes()).as_bytes())
}

fn asset(number: u64) -> Asset {
    let asset_id = format!("user:1-runwayml:me@example.com-asset:{number:08}");
    Asset { asset_id, url: Some(format!("https://x/{number}")) }
}

impl World {
    /// With so many uploads, the last three of which are in doubt, held and waiting.
    fn of(uploads: u64) -> World {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger.sqlite3");
        let ledger = Ledger::open(&path, URL, 7, NOW).expect("a ledger");
        let account = ledger.account(Some("me@example.com")).expect("an account");
        let (folder, _) = ledger.folder(Path::new("/d")).expect("a folder");
        let world = World { directory, account, folder };
        ledger.begin_step().expect("begun");
        for number in 0..uploads {
            world.add(&ledger, number, number + 3 < uploads);
        }
        let attempt = |number: u64| AttemptId(number as i64 + 1);
        for number in [uploads - 3, uploads - 2] {
            world.apply(&ledger, &world.open(number));
        }
        let detail = String::new();
        let (end, status) = (AttemptEnd::CannotTell, None);
        let attempt = attempt(uploads - 2);
        world.apply(&ledger, &Write::CloseAttempt { attempt, end, status, detail });
        let reason = "nobody can tell".to_owned();
        world.apply(&ledger, &Write::UploadHeld { key: world.key(uploads - 2), reason });
        world.apply(&ledger, &Write::Forget { key: world.key(0) });
        ledger.commit_step().expect("committed");
        ledger.close().expect("closed");
        world
    }

    fn key(&self, number: u64) -> UploadKey {
        UploadKey { hash: hash(number), account: self.account }
    }

    fn apply(&self, ledger: &Ledger, write: &Write) {
        ledger.apply(write, NOW).expect("written");
    }

    fn open(&self, number: u64) -> Write {
        Write::OpenAttempt {
            attempt: AttemptId(number as i64 + 1),
            key: self.key(number),
            path: self.file(number).into(),
            name: format!("{number}.png"),
            at: NOW,
            skew_ms: None,
        }
    }

    fn file(&self, number: u64) -> PathBuf {
        PathBuf::from(format!("/d/sub/{number}.png"))
    }

    fn add(&self, ledger: &Ledger, number: u64, uploaded: bool) {
        let content = Content {
            hash: hash(number),
            size: 10 + number,
            media_type: MediaType::Png,
            width: Some(1),
            height: None,
            duration_ms: None,
        };
        let name = format!("{number}.png");
        self.apply(
            ledger,
            &Write::Link {
                path: self.file(number).into(),
                folder: self.folder,
                fingerprint: Fingerprint { size: 10 + number, ..Fingerprint::default() },
                certain: true,
                content,
                account: self.account,
                name: name.clone(),
                evidence: "seen".into(),
            },
        );
        if uploaded {
            self.apply(ledger, &self.open(number));
            let attempt = AttemptId(number as i64 + 1);
            let (end, status, detail) = (AttemptEnd::Stored, Some(200), String::new());
            self.apply(ledger, &Write::CloseAttempt { attempt, end, status, detail });
            let (key, asset) = (self.key(number), asset(number));
            self.apply(ledger, &Write::Uploaded { key, asset, name });
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("ledger.sqlite3")
    }

    fn size(&self) -> u64 {
        fs::metadata(self.path()).expect("the ledger").len()
    }

    /// Overwrites pages with garbage.
    fn damage(&self, pages: impl IntoIterator<Item = u64>) {
        let file = fs::OpenOptions::new().write(true).open(self.path()).expect("the ledger");
        let garbage: Vec<u8> = (0..4096_u32).map(|at| (at.wrapping_mul(97) >> 3) as u8).collect();
        for page in pages {
            file.write_all_at(&garbage, page * 4096).expect("damaged");
        }
    }

    /// The number of the page that a table or index begins on, from 0.
    fn root(&self, name: &str) -> u64 {
        let db = Connection::open(self.path()).expect("a database");
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let page: i64 = db.query_row(sql, [name], |row| row.get(0)).expect("a page");
        page as u64 - 1
    }

    /// Pages of the rows of a table, without the root.
    fn leaves(&self, name: &str) -> Vec<u64> {
        // Without dbstat, the only way is to see which pages hurt: each page is tried alone.
        let whole = fs::read(self.path()).expect("the ledger");
        let mut leaves = Vec::new();
        let marks: &[&[u8]] = match name {
            "upload" => &[b"-asset:00000"],
            other => panic!("{other}"),
        };
        for (number, page) in whole.chunks(4096).enumerate() {
            let has = |mark: &&[u8]| page.windows(mark.len()).any(|window| window == *mark);
            // 13 begins a leaf of a table.
            if page[0] == 13 && marks.iter().any(has) && has(&&b"https://x/"[..]) {
                leaves.push(number as u64);
            }
        }
        leaves
    }

    fn salvage(&self) -> (Ledger, Salvaged) {
        let mut ledger = Ledger::in_memory(URL, NOW).expect("a ledger");
        let copy = copy_for_reading(&self.path()).expect("a copy");
        let salvaged = salvage(copy.path(), &mut ledger, NOW).expect("salvaged");
        (ledger, salvaged)
    }
}

fn count(ledger: &Ledger, what: &str) -> i64 {
    ledger.db.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).expect("n")
}

fn state(ledger: &Ledger, world: &World, number: u64) -> UploadState {
    ledger.upload_state(&world.key(number)).expect("read")
}

/// Whatever was damaged, the new ledger keeps every rule.
#[track_caller]
fn integrity(ledger: &Ledger) {
    assert_eq!(ledger.verify().expect("verified"), []);
}

#[test]
fn a_sound_ledger_is_called_sound_and_a_damaged_one_is_not() {
    let world = World::of(400);
    assert_eq!(soundness(&world.path()).expect("told"), Soundness::Sound);
    assert_eq!(soundness(Path::new("/nowhere/l")).expect("told"), Soundness::Missing);
    world.damage(world.leaves("upload").into_iter().take(1));
    assert!(matches!(soundness(&world.path()).expect("told"), Soundness::Damaged(_)));
    fs::write(world.path(), "no database at all, but long enough to be read as one")
        .expect("written");
    assert!(matches!(soundness(&world.path()).expect("told"), Soundness::Damaged(_)));
    fs::write(world.path(), "").expect("written");
    assert!(matches!(soundness(&world.path()).expect("told"), Soundness::Damaged(_)));
}

#[test]
fn a_newer_ledger_is_not_judged() {
    let world = World::of(4);
    let db = Connection::open(world.path()).expect("a database");
    db.pragma_update(None, "user_version", 99).expect("updated");
    drop(db);
    assert!(matches!(soundness(&world.path()), Err(LedgerError::Newer { found: 99, .. })));
}

#[test]
fn of_a_sound_ledger_everything_is_taken() {
    let world = World::of(50);
    let (ledger, salvaged) = world.salvage();
    integrity(&ledger);
    let old = Ledger::read(&world.path()).expect("read").expect("a ledger");
    for table in [
        "account",
        "folder",
        "directory",
        "content",
        "upload",
        "attempt",
        "decision",
        "former_asset",
        "queue",
    ] {
        assert_eq!(count(&ledger, table), count(&old, table), "{table}");
        let columns = ["*"].join("");
        let rows = |ledger: &Ledger| -> Vec<String> {
            let sql = format!("SELECT {columns} FROM {table}");
            let mut found = ledger.db.prepare(&sql).expect("prepared");
            let cells = found.column_count();
            let read = found.query_map([], |row| {
                Ok((0..cells).map(|cell| format!("{:?}", row.get::<_, Value>(cell))).collect())
            });
            read.expect("rows").collect::<rusqlite::Result<_>>().expect("rows")
        };
        assert_eq!(rows(&ledger), rows(&old), "{table}");
    }
    assert_eq!(count(&ledger, "path WHERE certain"), 0, "every file is read once more");
    let lost = salvaged.tables.values().any(|taken| taken.skipped + taken.gaps > 0);
    assert!(!lost, "{salvaged:?}");
    assert_eq!((salvaged.in_doubt, salvaged.held, salvaged.doubts_lost), (1, 0, false));
    // This run is the newest, so what was under way is in doubt now.
    assert_eq!(count(&ledger, "attempt WHERE run_id = (SELECT max(id) FROM run)"), 0);
    assert_eq!(ledger.remembered().expect("read").open.len(), 1);
}

#[test]
fn rows_around_unreadable_pages_are_taken() {
    let world = World::of(2_000);
    let leaves = world.leaves("upload");
    assert!(leaves.len() > 20, "{leaves:?}");
    let hurt: Vec<u64> = leaves.iter().copied().skip(5).step_by(7).collect();
    world.damage(hurt.clone());
    let (ledger, salvaged) = world.salvage();
    integrity(&ledger);
    let taken = salvaged.tables["upload"];
    assert_eq!(taken.gaps, hurt.len() as u64, "{salvaged:?}");
    // A leaf has about as many rows as any other.
    let a_leaf = 2_000 / leaves.len() as u64;
    let lost = 2_000 - taken.rows;
    assert!(lost < (hurt.len() as u64 + 1) * (a_leaf + 4), "{lost} of {hurt:?}");
    assert!(lost > 0);
    assert_eq!(salvaged.tables["content"].rows, 2_000);
    let known = (0..1_997).filter(|number| {
        matches!(state(&ledger, &world, *number), UploadState::Uploaded { asset_id }
            if asset_id == asset(*number).asset_id)
    });
    assert_eq!(known.count() as i64, count(&ledger, "upload WHERE asset_id IS NOT NULL"));
}

#[test]
fn what_was_in_doubt_or_held_stays_so() {
    let world = World::of(400);
    world.damage(world.leaves("upload").into_iter().take(2));
    let (ledger, _) = world.salvage();
    let open = ledger.remembered().expect("read").open;
    assert_eq!(open.iter().map(|open| open.key).collect::<Vec<_>>(), [world.key(397)]);
    assert_eq!(open[0].name, "397.png");
    assert!(matches!(state(&ledger, &world, 398), UploadState::Held { .. }));
    assert_eq!(state(&ledger, &world, 399), UploadState::Wanted);
    let waiting = "queue q JOIN upload u ON u.id = q.upload_id";
    assert_eq!(count(&ledger, waiting), 2, "the one in doubt, and the one that waits");
}

#[test]
fn an_upload_whose_attempt_is_lost_is_held() {
    let world = World::of(400);
    // The table of attempts is gone altogether; the index of the open ones is not.
    world.damage([world.root("attempt")]);
    let (ledger, salvaged) = world.salvage();
    integrity(&ledger);
    assert!(salvaged.tables["attempt"].gaps > 0, "{salvaged:?}");
    assert_eq!((salvaged.held, salvaged.doubts_lost), (1, false), "{salvaged:?}");
    assert!(matches!(state(&ledger, &world, 397), UploadState::Held { .. }));
    assert_eq!(state(&ledger, &world, 399), UploadState::Wanted);
    // With the index, too.
    world.damage([world.root("attempt_open")]);
    let (_, salvaged) = world.salvage();
    assert!(salvaged.doubts_lost, "then that is said");
}

#[test]
fn an_account_whose_row_is_lost_is_known_from_its_assets() {
    let world = World::of(20);
    world.damage([world.root("account")]);
    let (ledger, salvaged) = world.salvage();
    integrity(&ledger);
    assert_eq!(salvaged.tables["account"].gaps, 1);
    let accounts = ledger.accounts().expect("read");
    assert_eq!(accounts, [(world.account, Some("me@example.com".into()))]);
    assert_eq!(state(&ledger, &world, 1), UploadState::Uploaded { asset_id: asset(1).asset_id });
}

#[test]
fn a_lost_first_page_is_replaced() {
    let world = World::of(300);
    world.damage([0]);
    assert!(matches!(soundness(&world.path()).expect("told"), Soundness::Damaged(_)));
    let (ledger, salvaged) = world.salvage();
    integrity(&ledger);
    assert_eq!(salvaged.unreadable, None);
    assert_eq!(salvaged.tables["upload"], Taken { rows: 300, skipped: 0, gaps: 0 });
    assert_eq!(state(&ledger, &world, 5), UploadState::Uploaded { asset_id: asset(5).asset_id });
    let left = fs::read_dir(world.directory.path()).expect("a directory").count();
    assert_eq!(left, 1, "no copy is left");
}

#[test]
fn of_what_is_no_ledger_nothing_is_taken() {
    let world = World::of(4);
    let pages = world.size() / 4096;
    world.damage(0..pages);
    let (ledger, salvaged) = world.salvage();
    integrity(&ledger);
    assert_eq!(count(&ledger, "upload"), 0);
    let taken: u64 = salvaged.tables.values().map(|taken| taken.rows).sum();
    assert_eq!(taken, 0, "{salvaged:?}");
    assert!(salvaged.doubts_lost);
}

#[test]
fn rows_that_make_no_sense_are_left() {
    let world = World::of(20);
    let db = Connection::open(world.path()).expect("a database");
    db.execute_batch(
        "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
         UPDATE content SET size = 0 WHERE id = 2;
         UPDATE content SET media_type = 'image/odd' WHERE id = 3;
         UPDATE upload SET asset_id = 'user:9' WHERE id = 4;
         UPDATE upload SET asset_id = 'user:1-runwayml:you@example.com-asset:1' WHERE id = 5;
         UPDATE path SET name = x'2f' WHERE id = 6;
         UPDATE path SET upload_id = 999 WHERE id = 7;
         UPDATE path SET upload_id = 9 WHERE id = 8;
         UPDATE upload SET asset_id = (SELECT asset_id FROM upload WHERE id = 10) WHERE id = 11;
         UPDATE upload SET wanted_at = -5 WHERE id = 12;
         DELETE FROM directory WHERE path = x'2f';",
    )
    .expect("updated");
    drop(db);
    assert!(matches!(soundness(&world.path()).expect("told"), Soundness::Damaged(_)));
    let (ledger, salvaged) = world.salvage();
    integrity(&ledger);
    assert_eq!(salvaged.tables["content"].skipped, 2, "{salvaged:?}");
    assert_eq!(salvaged.tables["upload"].skipped, 2, "their contents are lost");
    // An upload that has had some assetId is on the server, whatever it was.
    assert_eq!(salvaged.held, 3);
    for number in [3, 4, 10] {
        assert!(matches!(state(&ledger, &world, number), UploadState::Held { .. }), "{number}");
    }
    assert_eq!(state(&ledger, &world, 11), UploadState::Uploaded { asset_id: asset(11).asset_id });
    assert_eq!(salvaged.tables["path"].skipped, 5);
    let parents = "directory WHERE parent_id IS NULL AND path <> x'2f'";
    assert_eq!(count(&ledger, parents), 0, "the way up is whole again");
}

#[test]
fn garbage_anywhere_never_ends_the_salvage_nor_makes_an_upload_out_of_nothing() {
    let world = World::of(60);
    let whole = fs::read(world.path()).expect("the ledger");
    let pages = world.size() / 4096;
    let known: Vec<String> = (0..60).map(|number| asset(number).asset_id).collect();
    for page in 0..pages {
        fs::write(world.path(), &whole).expect("written");
        world.damage([page]);
        let (ledger, salvaged) = world.salvage();
        integrity(&ledger);
        let sql = "SELECT c.hash, u.asset_id FROM upload u JOIN content c ON c.id = u.content_id
                   WHERE u.asset_id IS NOT NULL";
        let mut found = ledger.db.prepare(sql).expect("prepared");
        let rows = found
            .query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))
            .expect("rows");
        for row in rows {
            let (content, asset_id) = row.expect("a row");
            let number = known.iter().position(|known| *known == asset_id);
            let number = number.unwrap_or_else(|| panic!("page {page}: {asset_id}"));
            assert_eq!(content, hash(number as u64).0, "page {page}");
        }
        // What may have been under way is never simply sent again, unless that is said.
        let doubt = state(&ledger, &world, 57);
        let open = ledger.remembered().expect("read").open;
        let safe = doubt != UploadState::Wanted || open.iter().any(|o| o.key == world.key(57));
        assert!(safe || salvaged.doubts_lost, "page {page}: {doubt:?} {salvaged:?}");
    }
}

#[test]
fn what_cannot_be_opened_or_read_is_an_error_and_not_an_empty_ledger() {
    let world = World::of(4);
    let mut ledger = Ledger::in_memory(URL, NOW).expect("a ledger");
    let refused = |found: Result<Salvaged>| matches!(found, Err(LedgerError::Sqlite(_)));
    // Another process has taken the copy away.
    let copy = copy_for_reading(&world.path()).expect("a copy");
    fs::remove_file(copy.path()).expect("removed");
    assert!(refused(salvage(copy.path(), &mut ledger, NOW)));
    // A directory: it is there, and cannot be read.
    fs::create_dir(copy.path()).expect("a directory");
    assert!(refused(salvage(copy.path(), &mut ledger, NOW)));
    fs::remove_dir(copy.path()).expect("removed");
    let copy = copy_for_reading(&world.path()).expect("a copy");
    let other = Connection::open(copy.path()).expect("a database");
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;").expect("locked");
    assert!(refused(salvage(copy.path(), &mut ledger, NOW)));
    drop(other);
    let salvaged = salvage(copy.path(), &mut ledger, NOW).expect("salvaged");
    assert_eq!(salvaged.tables["upload"].rows, 4);
}

#[test]
fn a_pairing_is_owed_where_something_may_be_lost_and_only_there() {
    let world = World::of(400);
    let (ledger, _) = world.salvage();
    assert!(!ledger.owes_pairing().expect("read"), "nothing was lost");
    world.damage([world.root("path")]);
    let (ledger, salvaged) = world.salvage();
    assert!(salvaged.tables["path"].gaps > 0, "{salvaged:?}");
    assert!(!ledger.owes_pairing().expect("read"), "a path is read once more");
    world.damage(world.leaves("upload").into_iter().take(1));
    let (ledger, _) = world.salvage();
    assert!(ledger.owes_pairing().expect("read"));
    ledger.settle_pairing().expect("written");
    assert!(!ledger.owes_pairing().expect("read"));
    // It is owed on, whatever a later rebuild can read.
    let world = World::of(4);
    let ledger = Ledger::open(&world.path(), URL, 7, NOW).expect("a ledger");
    ledger.owe_pairing(NOW).expect("written");
    ledger.close().expect("closed");
    assert!(world.salvage().0.owes_pairing().expect("read"));
    world.damage(0..world.size() / 4096);
    assert!(world.salvage().0.owes_pairing().expect("read"));
}

#[test]
fn a_rebuilt_ledger_that_waits_for_its_place_is_read_and_left_where_it_is() {
    let world = World::of(20);
    let rebuilt = world.directory.path().join("ledger.sqlite3.rebuilt");
    fs::rename(world.path(), &rebuilt).expect("renamed");
    // The log of the damaged one may still be there.
    let log = world.directory.path().join("ledger.sqlite3-wal");
    fs::write(&log, [7; 64]).expect("written");
    assert!(is_there(&world.path()));
    let ledger = Ledger::read(&world.path()).expect("read").expect("a ledger");
    assert_eq!(state(&ledger, &world, 5), UploadState::Uploaded { asset_id: asset(5).asset_id });
    assert_eq!(soundness(&world.path()).expect("told"), Soundness::Sound);
    let left = fs::read_dir(world.directory.path()).expect("a directory").count();
    assert_eq!(
        (left, rebuilt.exists(), log.exists()),
        (2, true, true),
        "nothing is made beside it"
    );
}
