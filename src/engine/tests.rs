//! Steps over a real ledger: what is on disk before anything is done, and how listings merge.

use std::ffi::OsString;
use std::path::Path;

use super::*;
use crate::planner::{
    AccountId, Content, ContentHash, Disk, Fingerprint, MediaType, PathStatus, ScanResult, Stat,
    Wall, Whole, Writers,
};

mod errands;

/// Long after every file was changed.
const NOW: Now = Now { wall: Wall(10_000_000_000), mono: Mono(0) };

/// Folder 1 at `/d`, folder 2 nested in it at `/d/n`, one account.
fn engine() -> Engine {
    let ledger = Ledger::in_memory("https://api.test", NOW.wall).unwrap();
    let account = ledger.account(Some("a@x")).unwrap();
    let folders =
        ["/d", "/d/n"].map(|root| policy(ledger.folder(Path::new(root)).unwrap().0, account));
    Engine::new(ledger, Limits::default(), folders.into(), NOW).unwrap()
}

fn policy(id: FolderId, account: AccountId) -> FolderPolicy {
    FolderPolicy {
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
    }
}

fn stat(inode: u64) -> Stat {
    let fingerprint = Fingerprint { device: 1, inode, size: 10, mtime_ns: 1, ctime_ns: 1 };
    Stat { fingerprint, disk: Disk::Proving }
}

fn seen(folder: i64, path: &str, look: Look) -> Input {
    let (folder, path) = (FolderId(folder), Path::new(path).into());
    Input::Event(Event::Seen(Sight {
        folder,
        path,
        look,
        by_scan: false,
        arrival: None,
        told: true,
    }))
}

fn identified(path: &str, id: u8) -> Input {
    let content = Content {
        hash: ContentHash([id; 32]),
        size: 10,
        media_type: MediaType::Png,
        width: None,
        height: None,
        duration_ms: None,
    };
    let name = format!("{id}.png");
    let (stat, read_at) = (stat(u64::from(id)), NOW.wall);
    let (whole, writers) = (Whole::Yes, Writers::Nobody);
    let result = Identity::Known { stat, read_at, content, name, whole, writers };
    Input::Event(Event::Identified { path: Path::new(path).into(), result })
}

fn listing(directory: &str, names: &[(&str, u64)], subdirectories: &[&str]) -> DirectoryListing {
    DirectoryListing {
        folder: FolderId(1),
        directory: directory.into(),
        after: None,
        upto: None,
        entries: names.iter().map(|(name, id)| (name.into(), Look::File(stat(*id)))).collect(),
        subdirectories: subdirectories.iter().map(OsString::from).collect(),
        told: false,
    }
}

/// Puts files in the ledger, each as if it had been seen.
fn with_files(files: &[(i64, &str)]) -> Engine {
    let mut engine = engine();
    let inputs =
        files.iter().zip(1..).map(|((folder, path), id)| seen(*folder, path, Look::File(stat(id))));
    engine.step(NOW, inputs.collect()).unwrap();
    engine
}

/// Which of these paths are there, by the ledger.
fn living(engine: &Engine, paths: &[&str]) -> Vec<bool> {
    let row = |path: &&str| engine.ledger().path_row(Path::new(path)).unwrap();
    paths.iter().map(|path| row(path).is_some_and(|row| !row.gone)).collect()
}

#[test]
fn nothing_is_done_whose_writes_are_not_on_disk() {
    let mut engine = engine();
    engine.fail_commit = FailCommit::Next;
    let file = seen(1, "/d/cat.png", Look::File(stat(1)));
    assert!(engine.step(NOW, vec![file]).is_err(), "no effects and no notices leave");
    assert_eq!(engine.ledger().path_row(Path::new("/d/cat.png")).unwrap(), None);
}

#[test]
fn an_attempt_that_is_not_on_disk_is_not_sent_and_the_next_start_knows_nothing_of_it() {
    let mut engine = with_files(&[(1, "/d/cat.png")]);
    engine.fail_commit = FailCommit::OfSend;
    assert!(engine.step(NOW, vec![identified("/d/cat.png", 1)]).is_err());
    assert_eq!(engine.ledger().remembered().unwrap().open, []);

    let folders = vec![policy(FolderId(1), AccountId(1))];
    let mut engine = Engine::new(engine.into_ledger(), Limits::default(), folders, NOW).unwrap();
    let step = engine.step(NOW, vec![seen(1, "/d/cat.png", Look::File(stat(1)))]).unwrap();
    let reads = step.effects.iter().any(|effect| matches!(effect, Effect::Identify { .. }));
    assert!(reads, "it begins where the disk ends: {step:?}");
}

#[test]
fn an_attempt_is_on_disk_when_it_is_sent() {
    let mut engine = with_files(&[(1, "/d/cat.png")]);
    let step = engine.step(NOW, vec![identified("/d/cat.png", 1)]).unwrap();
    let sent: Vec<_> = step
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(send) => Some(send.attempt),
            _ => None,
        })
        .collect();
    let open = engine.ledger().remembered().unwrap().open;
    assert_eq!(open.iter().map(|open| open.attempt).collect::<Vec<_>>(), sent);
    assert_eq!(sent.len(), 1);
}

#[test]
fn a_batch_sees_its_own_writes() {
    let mut engine = with_files(&[(1, "/d/cat.png"), (1, "/d/dog.png")]);
    let same = |path| match identified(path, 1) {
        Input::Event(Event::Identified {
            path,
            result: Identity::Known { read_at, content, name, whole, writers, .. },
        }) => {
            let stat = stat(if *path == *Path::new("/d/dog.png") { 2 } else { 1 });
            let result = Identity::Known { stat, read_at, content, name, whole, writers };
            Input::Event(Event::Identified { path, result })
        }
        other => other,
    };
    let step = engine.step(NOW, vec![same("/d/cat.png"), same("/d/dog.png")]).unwrap();
    let sends = step.effects.iter().filter(|effect| matches!(effect, Effect::Send(_))).count();
    assert_eq!(sends, 1, "one content, one attempt: {step:?}");
}

#[test]
fn a_step_that_changes_nothing_writes_nothing() {
    let mut engine = with_files(&[(1, "/d/cat.png")]);
    engine.fail_commit = FailCommit::Next;
    let file = || seen(1, "/d/cat.png", Look::File(stat(1)));
    assert!(engine.step(NOW, vec![file(), file()]).is_ok(), "there was nothing to commit");
}

#[test]
fn what_has_a_row_and_is_not_listed_is_gone() {
    let paths = ["/d/a.png", "/d/b.png", "/d/c.png"];
    let mut engine = with_files(&paths.map(|path| (1, path)));
    let found = listing("/d", &[("b.png", 2), ("new.png", 9)], &[]);
    let step = engine.step(NOW, vec![Input::Listing(found)]).unwrap();
    assert_eq!(living(&engine, &paths), [false, true, false]);
    assert_eq!(living(&engine, &["/d/new.png"]), [true]);
    let told: Vec<_> =
        step.notices.iter().filter(|notice| matches!(notice, Notice::Gone(_))).collect();
    assert_eq!(told.len(), 2);
}

#[test]
fn a_stretch_says_nothing_of_what_lies_outside_it() {
    let paths = ["/d/a.png", "/d/b.png", "/d/c.png", "/d/d.png", "/d/b/x.png", "/d/e/x.png"];
    let mut engine = with_files(&paths.map(|path| (1, path)));
    let mut found = listing("/d", &[("b.png", 2)], &[]);
    (found.after, found.upto) = (Some("a.png".into()), Some("c.png".into()));
    engine.step(NOW, vec![Input::Listing(found)]).unwrap();
    // `b` lies within the stretch and was not found; `e` lies behind it.
    assert_eq!(living(&engine, &paths), [true, true, false, true, false, true]);
}

#[test]
fn all_below_a_directory_that_vanished_is_gone_and_no_other() {
    let paths = ["/d/s/a.png", "/d/s/t/b.png", "/d/keep/c.png", "/d/s-not/d.png"];
    let mut engine = with_files(&paths.map(|path| (1, path)));
    let found = listing("/d", &[], &["keep", "s-not"]);
    engine.step(NOW, vec![Input::Listing(found)]).unwrap();
    assert_eq!(living(&engine, &paths), [false, false, true, true]);
}

#[test]
fn more_files_below_a_vanished_directory_than_are_taken_at_once_are_all_gone() {
    let paths: Vec<String> = (0..GONE_AT_ONCE + 20).map(|n| format!("/d/s/{n}.png")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut engine = with_files(&paths.iter().map(|path| (1, *path)).collect::<Vec<_>>());
    engine.step(NOW, vec![Input::Listing(listing("/d", &[], &[]))]).unwrap();
    assert_eq!(living(&engine, &paths), vec![false; paths.len()]);
}

#[test]
fn a_nested_folder_s_rows_are_not_touched_by_the_walk_of_the_outer_one() {
    let paths = ["/d/n/a.png", "/d/n/s/b.png", "/d/own.png"];
    let mut engine = with_files(&[(2, paths[0]), (2, paths[1]), (1, paths[2])]);
    // The walk of the outer folder does not go down into the nested one.
    engine.step(NOW, vec![Input::Listing(listing("/d", &[], &[]))]).unwrap();
    assert_eq!(living(&engine, &paths), [true, true, false]);
    engine.step(NOW, vec![Input::Listing(listing("/d/n", &[], &[]))]).unwrap();
    assert_eq!(living(&engine, &paths), [true, true, false], "nor has it a say in there");
}

#[test]
fn names_that_are_no_text_merge_by_their_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let name = |bytes| OsStr::from_bytes(bytes).to_owned();
    let mut found = listing("/d", &[], &[]);
    let entries = [name(b"a\xff.png"), name(b"b\xfe"), name("é.png".as_bytes())];
    found.entries =
        entries.iter().zip(1..).map(|(n, id)| (n.clone(), Look::File(stat(id)))).collect();
    let mut engine = engine();
    engine.step(NOW, vec![Input::Listing(found.clone())]).unwrap();
    found.entries.remove(1);
    let step = engine.step(NOW, vec![Input::Listing(found)]).unwrap();
    let gone: Vec<_> =
        step.notices.iter().filter(|notice| matches!(notice, Notice::Gone(_))).collect();
    let path: SharedPath = Path::new("/d").join(name(b"b\xfe")).into();
    assert_eq!(gone, [&Notice::Gone(path)]);
}

#[test]
fn first_sight_is_over_once_a_folder_was_walked() {
    let ledger = Ledger::in_memory("https://api.test", NOW.wall).unwrap();
    let account = ledger.account(Some("a@x")).unwrap();
    let (id, scanned_before) = ledger.folder(Path::new("/d")).unwrap();
    let policy = FolderPolicy { scanned_before, ignore_existing: true, ..policy(id, account) };
    let mut engine = Engine::new(ledger, Limits::default(), vec![policy], NOW).unwrap();
    let end = |result| Input::Event(Event::ScanEnded { folder: id, result });
    engine.step(NOW, vec![end(ScanResult::Away { reason: "no disk".into() })]).unwrap();
    assert_eq!(engine.ledger().folder(Path::new("/d")).unwrap(), (id, false));
    let lay_there = listing("/d", &[("old.png", 1)], &[]);
    engine.step(NOW, vec![Input::Listing(lay_there), end(ScanResult::Complete)]).unwrap();
    assert_eq!(engine.ledger().folder(Path::new("/d")).unwrap(), (id, true));
    let came_later = listing("/d", &[("new.png", 2), ("old.png", 1)], &[]);
    engine.step(NOW, vec![Input::Listing(came_later)]).unwrap();
    let status = |path| engine.ledger().path_row(Path::new(path)).unwrap().unwrap().status;
    assert!(matches!(status("/d/old.png"), PathStatus::Ignored { .. }));
    assert_eq!(status("/d/new.png"), PathStatus::Settling);
}

#[test]
fn a_listing_of_unchanged_files_takes_no_statement_for_each() {
    let names: Vec<String> = (0..1_000).map(|number| format!("{number:04}.png")).collect();
    let paths: Vec<String> = names.iter().map(|name| format!("/d/{name}")).collect();
    let files: Vec<(i64, &str)> = paths.iter().map(|path| (1, path.as_str())).collect();
    let mut ledger = with_files(&files).into_ledger();
    let statements = ledger.count_statements().unwrap();
    let folders = vec![policy(FolderId(1), AccountId(1))];
    let mut engine = Engine::new(ledger, Limits::default(), folders, NOW).unwrap();
    let entries: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(1..).collect();
    statements.store(0, std::sync::atomic::Ordering::Relaxed);
    engine.step(NOW, vec![Input::Listing(listing("/d", &entries, &[]))]).unwrap();
    let taken = statements.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..=10).contains(&taken), "{taken} statements for a listing of 1,000 files");
}
