//! What a power cut leaves of the ledger's files, opened again: every step whose commit returned,
//! nothing of one that was not whole, and never anything in between.
//!
//! Modelled, after SQLite's own account of what it syncs when (sqlite.org/wal.html; `synchronous`
//! is FULL):
//! - a commit returns when its frames in the log are on disk. Before that any part of what it
//!   writes may be there and any part not, in any order, by sectors of 512 bytes, with zeros or
//!   rubbish where nothing arrived;
//! - a log that begins anew has its header on disk before the first new frame; the header itself
//!   may be cut anywhere, and by then the database has all that the old log had;
//! - a checkpoint writes pages into the database only once the log is on disk: until it ends, any
//!   part of them may be there, or rubbish in their place, and the file may be too short;
//! - the index of the log (`-shm`) may be gone, or hold rubbish.
//!
//! Not modelled: a disk that says that it has what it has not, damage to bytes that nobody was
//! writing, the making of the empty file before it has a log, and a transaction larger than
//! SQLite's cache. That a commit does sync is SQLite's doing; `opening` checks that it is asked to.

use std::path::Path;

use super::queue::{self, Draw};
use super::*;
use crate::sim::rng::Rng;

/// Bytes that a disk writes at once, or not at all.
const SECTOR: usize = 512;
const HEADER: usize = 32;
/// A frame of the log: its head and a page.
const FRAME: usize = 24 + 4096;
/// Pages in the log after which it is copied into the database: few, so that it begins anew often.
const CHECKPOINT_PAGES: i64 = 40;
const STEPS: usize = 70;

/// The files and what they hold, right after a commit returned.
#[derive(Clone)]
struct Moment {
    db: Vec<u8>,
    log: Vec<u8>,
    holds: String,
}

/// Files as a power cut may leave them, and whether the step that was under way is in them.
struct Remains {
    what: String,
    db: Vec<u8>,
    log: Vec<u8>,
    done: bool,
}

/// Rows of all tables, but for the runs: each opening adds one.
fn holds(ledger: &Ledger) -> String {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'run' ORDER BY 1";
    let mut tables = ledger.db.prepare(tables).unwrap();
    let names = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut all = String::new();
    for name in names.map(Result::unwrap) {
        all.push_str(&format!("{name}\n"));
        let mut rows = ledger.db.prepare(&format!("SELECT * FROM {name} ORDER BY 1, 2")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap());
            all.push_str(&format!("{:?}\n", cells.collect::<Vec<_>>()));
        }
    }
    all
}

/// Where nothing waits for a disk, if there is such a place.
fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn moment(file: &Path, ledger: &Ledger) -> Moment {
    let log = std::fs::read(beside(file, "-wal")).unwrap();
    Moment { db: std::fs::read(file).unwrap(), log, holds: holds(ledger) }
}

/// A ledger through random steps, and the moments after each.
fn moments(rng: &mut Rng) -> Vec<Moment> {
    let directory = directory();
    let file = directory.path().join("ledger.sqlite3");
    let ledger = open(&file).unwrap();
    furnish(&ledger);
    ledger.account(None).unwrap();
    ledger.db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).unwrap();
    let mut all = vec![moment(&file, &ledger)];
    let (mut attempts, mut made) = (0, 0);
    while all.len() <= STEPS {
        ledger.begin_step().unwrap();
        for _ in 0..1 + rng.below(6) {
            let writes = queue::write(&ledger, draw(rng), &mut attempts);
            for write in writes.into_iter().flatten() {
                ledger.apply(&write, NOW).unwrap();
            }
        }
        if rng.chance(15) {
            // A walk through a new directory: several pages at once.
            for _ in 0..40 {
                made += 1;
                ledger.apply(&settling(&format!("/d/{}/{made}.png", made / 40), 1), NOW).unwrap();
            }
        }
        ledger.commit_step().unwrap();
        let now = moment(&file, &ledger);
        // A step may find that all is as it should be.
        if all.last().is_some_and(|last| last.log != now.log) {
            all.push(now);
        }
    }
    all
}

fn draw(rng: &mut Rng) -> Draw {
    let mut below = |most| rng.below(most) as u8;
    (below(27), below(4), 1 + below(3), below(3), below(3))
}

/// The first byte that differs, and the end of the last frame that has one.
fn changed(before: &[u8], after: &[u8]) -> (usize, usize) {
    let differs = |at: &usize| before.get(*at) != after.get(*at);
    let first = (0..after.len()).find(differs).unwrap_or(after.len());
    let last = (0..after.len()).rev().find(differs).map_or(first, |last| last + 1);
    let frames = last.saturating_sub(HEADER).div_ceil(FRAME);
    (first, (HEADER + frames * FRAME).min(after.len()))
}

/// `old` with some of `new`'s sectors in it, zeros or rubbish where neither is.
fn mixed(old: &[u8], new: &[u8], from: usize, rubbish: bool, rng: &mut Rng) -> Vec<u8> {
    let mut mixed = old.to_vec();
    mixed.resize(old.len().max(new.len()), 0);
    for start in (from / SECTOR * SECTOR..new.len()).step_by(SECTOR) {
        let range = start.max(from)..(start + SECTOR).min(new.len());
        let same = old.get(range.clone()) == new.get(range.clone());
        match rng.below(if rubbish { 3 } else { 2 }) {
            _ if same => {}
            0 => {}
            1 => mixed[range.clone()].copy_from_slice(&new[range]),
            _ => mixed[range].iter_mut().for_each(|byte| *byte = rng.next() as u8),
        }
    }
    mixed
}

/// What may be left if the power goes while `after` is being committed.
fn while_writing(before: &Moment, after: &Moment, rng: &mut Rng) -> Vec<Remains> {
    let mut all = Vec::new();
    let mut log = before.log.clone();
    let anew = before.log[..HEADER] != after.log[..HEADER];
    let mut from = HEADER;
    if anew {
        for cut in [0, 1 + rng.below(HEADER as u64 - 1) as usize] {
            log[..cut].copy_from_slice(&after.log[..cut]);
            all.push((format!("{cut} bytes of a new header"), log.clone()));
        }
        log[..HEADER].copy_from_slice(&after.log[..HEADER]);
        all.push(("a new header and the old frames".to_owned(), log.clone()));
    } else {
        from = changed(&before.log, &after.log).0;
    }
    let end = changed(&log, &after.log).1;
    let frames = (from - HEADER) / FRAME..(end - HEADER) / FRAME;
    let mut cuts: Vec<usize> = frames.map(|frame| HEADER + frame * FRAME).collect();
    while cuts.len() > 5 {
        cuts.remove(rng.below(cuts.len() as u64) as usize);
    }
    cuts.extend((0..3).map(|_| from + rng.below((end - from) as u64) as usize));
    for cut in cuts {
        let begun = || after.log[..cut].to_vec();
        all.push((format!("the log ends at {cut}"), begun()));
        let mut over = begun();
        over.extend(log.get(cut..).unwrap_or_default());
        all.push((format!("written up to {cut}"), over));
        let mut zeros = begun();
        zeros.resize(end, 0);
        all.push((format!("written up to {cut}, then zeros"), zeros));
    }
    for rubbish in [false, false, true] {
        let what = format!("some sectors, rubbish: {rubbish}");
        all.push((what, mixed(&log, &after.log[..end], from, rubbish, rng)));
    }
    let mut flipped = after.log.clone();
    flipped[from + rng.below((end - from) as u64) as usize] ^= 1 << rng.below(8);
    all.push(("one bit is another".to_owned(), flipped));
    let whole = &after.log[..end];
    let remains = all.into_iter().map(|(what, log)| {
        let done = log.len() >= end && log[..end] == *whole;
        Remains { what, db: before.db.clone(), log, done }
    });
    remains.collect()
}

/// What may be left if the power goes right after `after` was committed, or while the log is
/// copied into the database.
fn once_written(before: &Moment, after: &Moment, rng: &mut Rng) -> Vec<Remains> {
    let mut all = vec![("nothing is missing".to_owned(), after.db.clone(), after.log.clone())];
    let mut longer = after.log.clone();
    longer.extend((0..rng.below(9_000)).map(|_| rng.next() as u8));
    all.push(("rubbish behind the log".to_owned(), before.db.clone(), longer));
    if before.db != after.db {
        all.push(("nothing is copied yet".to_owned(), before.db.clone(), after.log.clone()));
        for rubbish in [false, false, true, true] {
            let db = mixed(&before.db, &after.db, 0, rubbish, rng);
            let what = format!("some sectors are copied, rubbish: {rubbish}");
            all.push((what, db, after.log.clone()));
        }
        let longest = after.db.len() - before.db.len();
        let short = before.db.len() + rng.below(longest as u64 + 1) as usize;
        let mut db = mixed(&before.db, &after.db, 0, false, rng);
        db.truncate(short);
        all.push((format!("the database ends at {short}"), db, after.log.clone()));
    }
    let remains = all.into_iter().map(|(what, db, log)| Remains { what, db, log, done: true });
    remains.collect()
}

/// Opens what is left, as the next start of the program does. What it holds.
fn reopened(remains: &Remains, rng: &mut Rng) -> String {
    let directory = directory();
    let file = directory.path().join("ledger.sqlite3");
    std::fs::write(&file, &remains.db).unwrap();
    std::fs::write(beside(&file, "-wal"), &remains.log).unwrap();
    if rng.chance(30) {
        let rubbish: Vec<u8> = (0..32_768).map(|_| rng.next() as u8).collect();
        std::fs::write(beside(&file, "-shm"), rubbish).unwrap();
    }
    if rng.chance(20) {
        // Somebody may ask before the daemon is back.
        let reader = Ledger::read(&file).unwrap();
        let sound = reader.is_none_or(|reader| text(&reader, "PRAGMA integrity_check") == "ok");
        assert!(sound, "{}", remains.what);
    }
    let ledger = open(&file).unwrap_or_else(|error| panic!("{}: {error}", remains.what));
    check(&ledger);
    holds(&ledger)
}

#[test]
fn after_a_power_cut_it_holds_every_committed_step_and_no_half_one() {
    let rng = &mut Rng(1);
    let moments = moments(rng);
    let (mut cut, mut anew, mut copied) = (0, 0, 0);
    for (step, pair) in moments.windows(2).enumerate() {
        let (before, after) = (&pair[0], &pair[1]);
        anew += u32::from(before.log[..HEADER] != after.log[..HEADER]);
        copied += u32::from(before.db != after.db);
        let mut all = while_writing(before, after, rng);
        all.extend(once_written(before, after, rng));
        for remains in all {
            let expected = if remains.done { &after.holds } else { &before.holds };
            let found = reopened(&remains, rng);
            assert!(found == *expected, "step {step}: {}", remains.what);
            cut += 1;
        }
    }
    println!("{cut} power cuts, {anew} logs begun anew, {copied} checkpoints");
    // The rare cases have been there.
    assert!(anew >= 3 && copied >= 3, "{cut} cuts, {anew} logs begun anew, {copied} checkpoints");
}

#[test]
fn the_loss_of_what_was_synced_would_be_seen() {
    let rng = &mut Rng(2);
    let moments = moments(rng);
    let mut seen = 0;
    for pair in moments.windows(2).filter(|pair| pair[0].db == pair[1].db) {
        let (before, after) = (&pair[0], &pair[1]);
        if before.log[..HEADER] != after.log[..HEADER] || before.holds == after.holds {
            continue;
        }
        // As if the last commit had returned before its frames were on disk.
        let cut = changed(&before.log, &after.log).0;
        let (what, log) = (format!("{cut}"), after.log[..cut].to_vec());
        let lost = Remains { what, db: after.db.clone(), log, done: true };
        assert!(reopened(&lost, rng) != after.holds);
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn a_power_cut_after_any_migration_leaves_a_ledger_that_the_next_start_completes() {
    let directory = directory();
    let (mut states, mut whole) = (Vec::new(), String::new());
    for applied in 0..=super::super::MIGRATIONS.len() {
        let file = directory.path().join(format!("{applied}.sqlite3"));
        let db = rusqlite::Connection::open(&file).unwrap();
        super::super::prepare(&db).unwrap();
        for (index, sql) in super::super::MIGRATIONS.iter().take(applied).enumerate() {
            db.execute_batch(&format!("BEGIN; {sql}; PRAGMA user_version = {}; COMMIT", index + 1))
                .unwrap();
        }
        // The file as it is while it is open: nobody closes it when the power goes.
        let log = std::fs::read(beside(&file, "-wal")).unwrap_or_default();
        states.push((applied, std::fs::read(&file).unwrap(), log));
    }
    for (applied, db, log) in states {
        let remains = Remains { what: format!("{applied} applied"), db, log, done: true };
        let found = reopened(&remains, &mut Rng(0));
        whole = if whole.is_empty() { found.clone() } else { whole };
        assert_eq!(found, whole, "{applied} applied");
    }
}
