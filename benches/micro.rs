//! The parts one by one, each beside the least that could do in its place, in turn in one run.
//!
//! `cargo run --release --example micro` prints a table: how many times as long ours takes, the
//! median of the rounds with the least and the greatest. What stands beside is no competitor: it is
//! the cost below which the part cannot come.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::Connection;

use taxiway::engine::{Engine, Input};
use taxiway::hash::hash_file;
use taxiway::ledger::Ledger;
use taxiway::media;
use taxiway::planner::filter;
use taxiway::planner::{
    Asset, Content, ContentHash, DirectoryListing, Disk, Effect, Event, Fingerprint, FolderId,
    FolderPolicy, Identity, Limits, Look, MediaType, Mono, Now, Outcome, SharedPath, Stat, Wall,
    Whole, Writers,
};

/// Rounds that count; one more before them warms the caches.
const ROUNDS: usize = 9;
/// Files that go through the engine in a round.
const FILES: u64 = 2_048;
/// Files of a directory that is listed again.
const LISTED: u64 = 10_000;

fn main() -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "| part | beside | ours to it: median (least–greatest) |\n|---|---|---|")?;
    let mut tell = |part: &str, beside: &str, ratios: Vec<f64>| {
        let (least, middle, most) = spread(ratios);
        writeln!(out, "| {part} | {beside} | {middle:.2} ({least:.2}–{most:.2}) |")
    };
    let disk = tempdir()?;
    let beside = "a bare SQLite loop: 5 inserts and 3 updates a file, 32 files a commit";
    let ratios = rounds(|| through(&ledger(&disk)?), || bare_loop(&disk))?;
    tell("engine and ledger: a file through all its states, on disk", beside, ratios)?;

    let mut engine = known()?;
    let ratios = rounds(|| listed_again(&mut engine), || Ok(bare_compare()))?;
    tell("planner and ledger: an unchanged file in a scan", "a look-up in a `BTreeMap`", ratios)?;

    let names: Vec<OsString> = (0..10_000).map(|n| format!("picture {n:05}.png").into()).collect();
    let ratios = rounds(|| Ok(filtered(&names)), || Ok(endings(&names)))?;
    tell("filter: a name", "comparing its end with 48 others", ratios)?;

    for sample in ["picture.png", "phone.jpg", "faststart.mp4", "pcm.wav", "vp9.webm"] {
        let path = Path::new("tests/media").join(sample);
        let ratios = rounds(|| inspected(&path), || first_page(&path))?;
        tell(&format!("media: {sample}"), "opening it and reading 4 KiB", ratios)?;
    }

    let bytes = vec![7; 64 << 20];
    let large = disk.join("large");
    std::fs::write(&large, &bytes)?;
    let ratios = rounds(|| hashed(&large), || Ok(timed(|| blake3::hash(&bytes))))?;
    tell("hash: a file of 64 MiB", "the hash of as much in memory", ratios)?;
    std::fs::remove_dir_all(&disk)?;
    Ok(())
}

/// Ours and the other in turn, each first as often as the other; the ratios.
fn rounds(
    mut ours: impl FnMut() -> Result<Duration>,
    mut other: impl FnMut() -> Result<Duration>,
) -> Result<Vec<f64>> {
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let (a, b) = if round % 2 == 0 {
            let a = ours()?;
            (a, other()?)
        } else {
            let b = other()?;
            (ours()?, b)
        };
        if round > 0 {
            ratios.push(a.as_secs_f64() / b.as_secs_f64());
        }
    }
    Ok(ratios)
}

fn spread(mut ratios: Vec<f64>) -> (f64, f64, f64) {
    ratios.sort_by(f64::total_cmp);
    let at = |index: usize| ratios.get(index).copied().unwrap_or_default();
    (at(0), at(ratios.len() / 2), at(ratios.len().saturating_sub(1)))
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    black_box(work());
    began.elapsed()
}

fn tempdir() -> Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("taxiway-micro-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    Ok(directory)
}

fn now(ms: i64) -> Now {
    Now { wall: Wall(1_700_000_000_000 + ms), mono: Mono(ms) }
}

fn ledger(disk: &Path) -> Result<PathBuf> {
    let path = disk.join("ledger.sqlite3");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(disk.join(format!("ledger.sqlite3{end}")));
    }
    Ok(path)
}

fn engine_of(ledger: Ledger) -> Result<Engine> {
    let account = ledger.account(Some("bench@example.com"))?;
    let (id, _) = ledger.folder(Path::new("/d"))?;
    let policy = FolderPolicy {
        id,
        account,
        settle_ms: 2_000,
        incomplete_ms: 600_000,
        send_incomplete: false,
        ignore_existing: false,
        ignore_changes: false,
        rescan_ms: 3_600_000,
        trusts_events: false,
        wants: Default::default(),
        scanned_before: true,
    };
    let limits = Limits { concurrency: 16, ..Limits::default() };
    Ok(Engine::new(ledger, limits, vec![policy], now(0))?)
}

fn stat(number: u64) -> Stat {
    let fingerprint =
        Fingerprint { device: 1, inode: number + 1, size: 51_200, mtime_ns: 1, ctime_ns: 1 };
    Stat { fingerprint, disk: Disk::Proving }
}

fn name(number: u64) -> OsString {
    format!("{number:06}.png").into()
}

/// All files, as a walk would list them, a thousand at a time.
fn listings(files: u64) -> Vec<Input> {
    let stretch = |from: u64| {
        let to = (from + 1_000).min(files);
        Input::Listing(DirectoryListing {
            folder: FolderId(1),
            directory: "/d".into(),
            after: from.checked_sub(1).map(name),
            upto: (to < files).then(|| name(to - 1)),
            entries: (from..to).map(|number| (name(number), Look::File(stat(number)))).collect(),
            subdirectories: Vec::new(),
            told: false,
        })
    };
    (0..files).step_by(1_000).map(stretch).collect()
}

/// Files from their first sight to their assetIds, with hands that take no time.
fn through(path: &Path) -> Result<Duration> {
    let mut engine = engine_of(Ledger::open(path, "https://api.test", 1, now(0).wall)?)?;
    let began = Instant::now();
    let (mut inputs, mut stored, mut at) = (listings(FILES), 0, 0);
    while stored < FILES {
        let step = engine.step(now(at), std::mem::take(&mut inputs))?;
        let events = step.effects.into_iter().filter_map(done);
        inputs.extend(events.map(Input::Event));
        let ended = |input: &&Input| matches!(input, Input::Event(Event::Sent { .. }));
        stored += inputs.iter().filter(ended).count() as u64;
        at += if inputs.is_empty() { 100 } else { 1 };
        anyhow::ensure!(at < 10_000_000, "it came to a stop at {stored}");
    }
    engine.step(now(at), inputs)?;
    Ok(began.elapsed())
}

/// What follows from an effect when all goes well.
fn done(effect: Effect) -> Option<Event> {
    match effect {
        Effect::Identify { path, fingerprint, .. } => {
            let result = known_as(&path, fingerprint);
            Some(Event::Identified { path, result })
        }
        Effect::Send(send) => {
            let asset_id = format!("user:1-runwayml:bench@example.com-asset:{}", send.attempt.0);
            let outcome = Outcome::Stored(Asset { asset_id, url: None });
            Some(Event::Sent { attempt: send.attempt, outcome })
        }
        Effect::Look { folder, path } => {
            let look = Look::File(stat(number(&path)));
            let (by_scan, told) = (false, false);
            let sight =
                taxiway::planner::Sight { folder, path, look, by_scan, arrival: None, told };
            Some(Event::Seen(sight))
        }
        _ => None,
    }
}

fn number(path: &Path) -> u64 {
    let stem = path.file_stem().and_then(OsStr::to_str);
    stem.and_then(|stem| stem.parse().ok()).unwrap_or_default()
}

fn known_as(path: &SharedPath, fingerprint: Fingerprint) -> Identity {
    let content = Content {
        hash: ContentHash(*blake3::hash(&number(path).to_le_bytes()).as_bytes()),
        size: fingerprint.size,
        media_type: MediaType::Png,
        width: Some(100),
        height: Some(100),
        duration_ms: None,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stat = Stat { fingerprint, disk: Disk::Proving };
    let (whole, writers) = (Whole::Yes, Writers::Nobody);
    Identity::Known { stat, read_at: now(0).wall, content, name, whole, writers }
}

/// As many rows as a file takes, by the same means, and nothing decided.
fn bare_loop(disk: &Path) -> Result<Duration> {
    let path = disk.join("bare.sqlite3");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(disk.join(format!("bare.sqlite3{end}")));
    }
    let db = Connection::open(path)?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    for table in 0..5 {
        let columns = "(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, at INTEGER, word TEXT)";
        db.execute_batch(&format!("CREATE TABLE t{table} {columns}"))?;
    }
    let began = Instant::now();
    for first in (0..FILES).step_by(32) {
        db.execute_batch("BEGIN IMMEDIATE")?;
        for file in first..first + 32 {
            let key = *blake3::hash(&file.to_le_bytes()).as_bytes();
            for table in 0..5 {
                let sql = format!("INSERT INTO t{table} (name, at, word) VALUES (?1, ?2, 'x')");
                db.prepare_cached(&sql)?.execute((key, file as i64))?;
            }
            for table in 0..3 {
                let sql = format!("UPDATE t{table} SET at = ?2, word = 'other' WHERE name = ?1");
                db.prepare_cached(&sql)?.execute((key, file as i64))?;
            }
        }
        db.execute_batch("COMMIT")?;
    }
    Ok(began.elapsed())
}

/// An engine that has seen its files and knows all of them.
fn known() -> Result<Engine> {
    let mut engine = engine_of(Ledger::in_memory("https://api.test", now(0).wall)?)?;
    let (mut inputs, mut at) = (listings(LISTED), 0);
    for _ in 0..LISTED {
        let step = engine.step(now(at), std::mem::take(&mut inputs))?;
        inputs.extend(step.effects.into_iter().filter_map(done).map(Input::Event));
        at += 100;
    }
    let row = engine.ledger().path_row(Path::new("/d/009999.png"))?.context("a row")?;
    anyhow::ensure!(matches!(row.status, taxiway::planner::PathStatus::Linked { .. }), "{row:?}");
    Ok(engine)
}

fn listed_again(engine: &mut Engine) -> Result<Duration> {
    let listings = listings(LISTED);
    let began = Instant::now();
    for listing in listings {
        black_box(engine.step(now(10_000_000), vec![listing])?);
    }
    Ok(began.elapsed())
}

fn bare_compare() -> Duration {
    let paths = || (0..LISTED).map(|number| (Path::new("/d").join(name(number)), stat(number)));
    let known: BTreeMap<PathBuf, Stat> = paths().collect();
    let listed: Vec<_> = paths().collect();
    timed(|| listed.iter().filter(|(path, stat)| known.get(path) == Some(stat)).count())
}

fn filtered(names: &[OsString]) -> Duration {
    timed(|| names.iter().filter(|name| filter::by_name(name).is_some()).count())
}

/// As many endings as there are patterns of temporary names, without regard to case.
fn endings(names: &[OsString]) -> Duration {
    let ends: Vec<String> = (0..48).map(|number| format!(".ending{number}")).collect();
    let odd = |name: &&OsString| {
        let name = name.as_encoded_bytes();
        ends.iter().any(|end| {
            let at = name.len().checked_sub(end.len());
            at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
        })
    };
    timed(|| names.iter().filter(odd).count())
}

fn inspected(path: &Path) -> Result<Duration> {
    let began = Instant::now();
    for _ in 0..500 {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        black_box(media::inspect(&mut file, size, path.file_name().unwrap_or_default())?);
    }
    Ok(began.elapsed())
}

fn first_page(path: &Path) -> Result<Duration> {
    let began = Instant::now();
    for _ in 0..500 {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        black_box(file.read(&mut [0; 4096])?.min(size as usize));
    }
    Ok(began.elapsed())
}

fn hashed(path: &Path) -> Result<Duration> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let began = Instant::now();
    black_box(hash_file(&mut file, size, || false, |_, _| {})?);
    Ok(began.elapsed())
}
