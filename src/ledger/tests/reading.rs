//! States, counts, lists and look-ups.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

use super::super::{Filter, Row, State};
use super::*;
use crate::planner::{Ask, IgnoredBy, Offer, PathStatus, UPLOAD_CAP_MS, UploadState};

fn state(ledger: &Ledger, at: &str, running: bool) -> State {
    ledger.row_of(Path::new(at), running).unwrap().unwrap().state
}

#[test]
fn states_are_derived_from_facts() {
    let book = Book::new();
    let paths: Vec<String> = (0..6).map(|n| format!("/d/{n}.png")).collect();
    let links: Vec<Write> =
        paths.iter().zip(1..).map(|(path, content)| link(path, content, 1)).collect();
    book.step(&links);
    book.step(&[
        attempt(1, &paths[1], key(2, 1)),
        attempt(2, &paths[2], key(3, 1)),
        Write::Doubt { attempt: AttemptId(2), status: None, reason: "lost".into(), took_ms: 9 },
        uploaded(key(4, 1), "x4"),
        fail(key(5, 1)),
        hold(key(6, 1)),
        settling("/d/s.png", 1),
    ]);
    for by in [IgnoredBy::Rule, IgnoredBy::Media, IgnoredBy::Existing] {
        let path = path(&format!("/d/{by:?}"));
        let (folder, fingerprint, reason) = (FolderId(1), look(1), "no".into());
        book.step(&[Write::Ignored { path, folder, fingerprint, by, certain: true, reason }]);
    }
    let reason = "no right".into();
    let (folder, fingerprint) = (FolderId(1), look(1));
    let path = path("/d/f.png");
    book.step(&[Write::PathFailed { path, folder, fingerprint, certain: true, reason }]);

    let states =
        |running| paths.iter().map(|p| state(&book.ledger, p, running)).collect::<Vec<_>>();
    use State::{Failed, Held, Ignored, Queued, Settling, Unknown, Uploaded, Uploading};
    assert_eq!(states(true), [Queued, Uploading, Unknown, Uploaded, Failed, Held]);
    // Without the process that opened it, nobody knows what became of an attempt.
    assert_eq!(states(false), [Queued, Unknown, Unknown, Uploaded, Failed, Held]);
    assert_eq!(state(&book.ledger, "/d/s.png", true), Settling);
    assert_eq!(state(&book.ledger, "/d/f.png", true), Failed);
    for by in ["Rule", "Media", "Existing"] {
        assert_eq!(state(&book.ledger, &format!("/d/{by}"), true), Ignored);
    }

    let bytes_of_three = 30;
    let counts = book.ledger.counts(&[FolderId(1)], true).unwrap();
    assert_eq!(counts, ([1, 1, 1, 1, 1, 2, 1, 3], bytes_of_three));
    assert_eq!(book.ledger.counts(&[FolderId(2)], true).unwrap(), ([0; 8], 0));

    let again = open(&book.file()).unwrap();
    assert_eq!(state(&again, &paths[1], true), Unknown, "another process opened it");
}

#[test]
fn a_gone_path_is_listed_only_if_it_was_uploaded_and_never_counted() {
    let book = Book::new();
    let gone = |at: &str| Write::Gone { path: path(at) };
    book.step(&[link("/d/a.png", 1, 1), link("/d/b.png", 2, 1), uploaded(key(1, 1), "x1")]);
    book.step(&[gone("/d/a.png"), gone("/d/b.png")]);
    let list = |with_gone| {
        let filter = Filter { with_gone, ..Filter::default() };
        rows(&book.ledger, &filter).into_iter().map(|row| row.path).collect::<Vec<_>>()
    };
    assert_eq!(list(true), [PathBuf::from("/d/a.png")]);
    assert!(list(false).is_empty());
    assert_eq!(book.ledger.counts(&[FolderId(1)], true).unwrap(), ([0; 8], 0));
    assert_eq!(book.ledger.attempts_of(Path::new("/d/b.png")).unwrap(), []);
}

fn rows(ledger: &Ledger, filter: &Filter) -> Vec<Row> {
    let mut rows = Vec::new();
    let each = |row| {
        rows.push(row);
        ControlFlow::Continue(())
    };
    ledger.each_row(filter, true, each).unwrap();
    rows
}

#[test]
fn a_list_is_filtered_by_state_account_place_and_folder() {
    let book = Book::new();
    book.step(&[
        link("/d/s/a.png", 1, 1),
        link("/d/b.png", 2, 2),
        link_in(2, "/e/c.png", 3, 1, 1),
        uploaded(key(3, 1), "x3"),
    ]);
    let names = |filter: Filter| {
        let rows = rows(&book.ledger, &filter).into_iter();
        rows.map(|row| row.path.display().to_string()).collect::<Vec<_>>().join(" ")
    };
    let all = Filter::default;
    assert_eq!(names(all()), "/d/s/a.png /d/b.png /e/c.png");
    assert_eq!(names(Filter { state: Some(State::Queued), ..all() }), "/d/s/a.png /d/b.png");
    assert_eq!(names(Filter { email: Some("a@x".into()), ..all() }), "/d/s/a.png /e/c.png");
    assert_eq!(names(Filter { under: Some("/d/s".into()), ..all() }), "/d/s/a.png");
    assert_eq!(names(Filter { under: Some("/d/".into()), ..all() }), "/d/s/a.png /d/b.png");
    assert_eq!(names(Filter { folders: vec![FolderId(2)], ..all() }), "/e/c.png");
}

#[test]
fn what_a_list_finds_by_an_index_is_what_it_finds_by_looking_at_all() {
    let book = Book::new();
    let paths: Vec<String> = (0..9).map(|n| format!("/d/{n}.png")).collect();
    let links: Vec<Write> =
        paths.iter().zip(1..).map(|(path, content)| link(path, content, 1)).collect();
    book.step(&links);
    book.step(&[
        attempt(1, &paths[1], key(2, 1)),
        attempt(2, &paths[2], key(3, 1)),
        Write::Doubt { attempt: AttemptId(2), status: None, reason: "lost".into(), took_ms: 9 },
        uploaded(key(4, 1), "x4"),
        fail(key(5, 1)),
        fail(key(6, 1)),
        hold(key(7, 1)),
        // Two files of one content, and one that is gone.
        link("/d/5 again.png", 5, 1),
        Write::Gone { path: path(&paths[5]) },
        settling("/d/s.png", 1),
    ]);
    let (path, folder, fingerprint) = (path("/d/f.png"), FolderId(1), look(1));
    let reason = "no right".into();
    book.step(&[Write::PathFailed { path, folder, fingerprint, certain: true, reason }]);
    let all = rows(&book.ledger, &Filter::default());
    for state in State::ALL {
        let filter = Filter { state: Some(state), ..Filter::default() };
        let of_all: Vec<Row> = all.iter().filter(|row| row.state == state).cloned().collect();
        assert!(!of_all.is_empty() || state == State::Ignored, "{state:?}");
        assert_eq!(rows(&book.ledger, &filter), of_all, "{state:?}");
        let (counts, _) = book.ledger.counts(&[FolderId(1)], true).unwrap();
        assert_eq!(counts[state as usize], of_all.len() as u64, "{state:?}");
    }
    let mut behind = Vec::new();
    let filter = Filter { state: Some(State::Failed), ..Filter::default() };
    let from = Path::new("/d/4.png");
    let each = |row: Row| {
        behind.push(row.path.display().to_string());
        ControlFlow::Continue(())
    };
    book.ledger.each_row_after(&filter, true, Some(from), each).unwrap();
    assert_eq!(behind, ["/d/5 again.png", "/d/f.png"]);
}

#[test]
fn whether_anything_is_left_is_what_the_counts_say() {
    let book = Book::new();
    let left = || {
        let left = book.ledger.left(&[FolderId(1)]).unwrap();
        let (counts, _) = book.ledger.counts(&[FolderId(1)], true).unwrap();
        let any = |states: &[State]| states.iter().any(|state| counts[*state as usize] > 0);
        let open = [State::Settling, State::Queued, State::Uploading, State::Unknown];
        assert_eq!(left.open, any(&open));
        assert_eq!(left.needs_person, any(&[State::Failed, State::Held]));
        (left.open, left.needs_person)
    };
    assert_eq!(left(), (false, false));
    book.step(&[settling("/d/a", 1)]);
    assert_eq!(left(), (true, false));
    book.step(&[link("/d/a", 1, 1)]);
    assert_eq!(left(), (true, false));
    book.step(&[attempt(1, "/d/a", key(1, 1))]);
    assert_eq!(left(), (true, false));
    let (attempt, detail) = (AttemptId(1), String::new());
    let end = AttemptEnd::Stored;
    book.step(&[
        Write::CloseAttempt { attempt, end, status: None, detail },
        uploaded(key(1, 1), "x1"),
    ]);
    assert_eq!(left(), (false, false));
    book.step(&[link("/d/b", 2, 1), fail(key(2, 1))]);
    assert_eq!(left(), (false, true));
    book.step(&[Write::Gone { path: path("/d/b") }]);
    assert_eq!(left(), (false, false));
    book.step(&[link("/d/c", 3, 1), hold(key(3, 1))]);
    assert_eq!(left(), (false, true));
}

#[test]
fn nothing_that_is_counted_is_sorted_in_memory() {
    let mut book = Book::new();
    book.step(&[link("/d/a", 1, 1), settling("/d/s", 1), link("/d/b", 2, 1), fail(key(2, 1))]);
    let asked = book.ledger.statements().unwrap();
    book.ledger.by_state(&[FolderId(1), FolderId(2)], true).unwrap();
    book.ledger.noted(&[FolderId(1), FolderId(2)], 9).unwrap();
    book.ledger.left(&[FolderId(1)]).unwrap();
    book.ledger.remembered().unwrap();
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    assert!(asked.len() > 10, "{asked:?}");
    for sql in asked {
        let mut plan = book.ledger.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = vec![1_i64; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let all = steps.join("; ");
        // The few attempts that are open, and wishes, are sorted.
        let few = all.contains("attempt_open") || all.contains("push") || all.contains("account");
        assert!(few || !all.contains("B-TREE"), "{sql}: {all}");
        assert!(!all.contains("SCAN u ") || all.contains("INDEX"), "{sql}: {all}");
        assert!(!all.split("; ").any(|step| step == "SCAN a" || step == "SCAN p"), "{sql}: {all}");
    }
}

#[test]
fn a_long_list_is_read_page_by_page_and_holds_no_transaction() {
    let book = Book::new();
    let links: Vec<Write> = (0..2_500).map(|n| link(&format!("/d/{n:04}.png"), 1, 1)).collect();
    book.step(&links);
    let reader = Ledger::read(&book.file()).unwrap().unwrap();
    let mut seen = Vec::new();
    let each = |row: Row| {
        if seen.len() % 700 == 0 {
            // With a reader in the middle of a transaction the log could not be emptied.
            let busy = number(&book.ledger, "PRAGMA wal_checkpoint(TRUNCATE)");
            assert_eq!(busy, 0, "a page that was read is still open at row {}", seen.len());
        }
        seen.push(row.path);
        ControlFlow::Continue(())
    };
    reader.each_row(&Filter::default(), true, each).unwrap();
    assert_eq!(seen.len(), 2_500);
    seen.dedup();
    assert_eq!(seen.len(), 2_500, "no row twice");

    let mut count = 0;
    let three = |_| {
        count += 1;
        if count == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    reader.each_row(&Filter::default(), true, three).unwrap();
    assert_eq!(count, 3);
}

#[test]
fn living_paths_below_a_directory_are_those_of_its_folder_at_any_depth() {
    let book = Book::new();
    book.step(&[
        link("/d/s/a.png", 1, 1),
        link("/d/s/t/u/b.png", 2, 1),
        link("/d/s/t/gone.png", 3, 1),
        Write::Gone { path: path("/d/s/t/gone.png") },
        link_in(2, "/d/s/t/nested.png", 4, 1, 1),
        link("/d/sibling/c.png", 5, 1),
        link("/d/s.png", 6, 1),
    ]);
    let below = |most| {
        let mut below = book.ledger.living_below(Path::new("/d/s"), FolderId(1), most).unwrap();
        below.sort();
        below
    };
    assert_eq!(below(9), [PathBuf::from("/d/s/a.png"), "/d/s/t/u/b.png".into()]);
    assert_eq!(below(1).len(), 1);
    let inside = book.ledger.directories_in(Path::new("/d")).unwrap();
    assert_eq!(inside, [PathBuf::from("/d/s"), "/d/sibling".into()]);
}

#[test]
fn names_are_bytes_of_any_kind_and_length() {
    let book = Book::new();
    let long = "é".repeat(127) + "x";
    let names: [&[u8]; 5] =
        [b"caf\xe9.png", b"a\nb.png", long.as_bytes(), "caf\u{e9}.png".as_bytes(), b"\xff\xfe"];
    assert_eq!(long.len(), 255);
    for (name, id) in names.iter().zip(1..) {
        let at = Path::new("/d").join(OsStr::from_bytes(name));
        let mut write = link("/d/x", id, 1);
        if let Write::Link { path, .. } = &mut write {
            *path = at.clone().into();
        }
        book.step(&[write]);
        assert_eq!(book.ledger.row_of(&at, true).unwrap().unwrap().path, at);
        assert_eq!(book.ledger.path_row(&at).unwrap().unwrap().fingerprint, look(1));
        assert_eq!(book.ledger.known_content(&at).unwrap(), Some(content(id).hash));
    }
    let listed = book.ledger.rows_in(Path::new("/d"), None, None).unwrap();
    let listed: Vec<_> = listed.iter().map(|(name, _)| name.as_bytes()).collect();
    let mut sorted = names.to_vec();
    sorted.sort();
    assert_eq!(listed, sorted, "by bytes");
}

#[test]
fn a_stretch_of_a_directory_begins_behind_one_name_and_ends_with_another() {
    let book = Book::new();
    let links: Vec<Write> = ["a", "b", "c", "d"].map(|n| link(&format!("/d/{n}"), 1, 1)).into();
    book.step(&links);
    let stretch = |after: Option<&str>, upto: Option<&str>| {
        let (after, upto) = (after.map(OsStr::new), upto.map(OsStr::new));
        let rows = book.ledger.rows_in(Path::new("/d"), after, upto).unwrap();
        rows.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect::<String>()
    };
    assert_eq!(stretch(None, None), "abcd");
    assert_eq!(stretch(Some("a"), Some("c")), "bc");
    assert_eq!(stretch(Some("c"), None), "d");
    assert_eq!(stretch(None, Some("a")), "a");
}

#[test]
fn a_stretch_of_a_large_directory_takes_no_more_work_than_one_of_a_small_one() {
    use rusqlite::StatementStatus::VmStep;
    let work = |files: i32| {
        let book = Book::new();
        let links: Vec<Write> = (0..files).map(|n| link(&format!("/d/{n:05}"), 1, 1)).collect();
        book.step(&links);
        let (after, upto) = (Some(OsStr::new("00009")), Some(OsStr::new("00019")));
        let rows = book.ledger.rows_in(Path::new("/d"), after, upto).unwrap();
        let mut seen = 0;
        book.ledger.each_known_in(Path::new("/d"), after, upto, |_, _| seen += 1).unwrap();
        assert_eq!((rows.len(), seen), (10, 10));
        let of = |sql: &str| book.ledger.db.prepare_cached(sql).unwrap().get_status(VmStep);
        [of(&super::super::places::rows_in_sql()), of(super::super::places::KNOWN)]
    };
    let (small, large) = (work(30), work(2_000));
    assert!(small.into_iter().all(|steps| steps > 0), "{small:?}");
    assert_eq!(small, large);
}

#[test]
fn what_a_scan_reads_of_a_row_is_what_the_row_says() {
    let book = Book::new();
    let names = ["a.png", "b.png", "c.png", "d.png", "e.png", "f.png", "g.png"];
    let paths = names.map(|name| format!("/d/{name}"));
    book.step(&[link(&paths[0], 1, 1), link(&paths[1], 2, 2), settling(&paths[2], 1)]);
    book.step(&[uploaded(key(1, 1), "x1"), Write::Gone { path: path(&paths[1]) }]);
    let all = [IgnoredBy::Rule, IgnoredBy::Media, IgnoredBy::Existing];
    for (at, by) in paths[3..].iter().zip(all) {
        let (path, folder, fingerprint) = (path(at), FolderId(1), look(1));
        let (certain, reason) = (at.ends_with("d.png"), "no".into());
        book.step(&[Write::Ignored { path, folder, fingerprint, by, certain, reason }]);
    }
    let (path, folder, fingerprint) = (path(&paths[6]), FolderId(1), look(1));
    let reason = "no right".into();
    book.step(&[Write::PathFailed { path, folder, fingerprint, certain: true, reason }]);

    let rows = book.ledger.rows_in(Path::new("/d"), None, None).unwrap();
    let mut rows = rows.iter();
    let same = |name: &OsStr, known: &crate::planner::Known<'_>| {
        let (row_name, row) = rows.next().unwrap();
        assert_eq!((name, *known), (row_name.as_os_str(), row.known()));
    };
    book.ledger.each_known_in(Path::new("/d"), None, None, same).unwrap();
    assert_eq!(rows.count(), 0);
}

fn offer(ledger: &Ledger, now: Wall) -> Offer {
    let ask = Ask { lanes: vec![(FolderId(1), AccountId(1))], most: 10 };
    ledger.offer(&ask, now).unwrap()
}

fn names(offer: &Offer) -> String {
    let names = offer.lanes[0].iter().map(|c| c.path.file_stem().unwrap().to_string_lossy());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn candidates_come_delayed_ones_first_then_newest_first() {
    let book = Book::new();
    for (name, id, newest) in [("old", 1, 1), ("new", 2, 3), ("mid", 3, 2), ("late", 4, 9)] {
        book.step(&[link_in(1, &format!("/d/{name}.png"), id, 1, newest)]);
    }
    let delay = |id, at: Wall| Write::Delay {
        key: key(id, 1),
        failures: 1,
        doubts: 2,
        next_try_at: Some(at),
        reason: "broken".into(),
    };
    book.step(&[delay(1, NOW.plus(100)), delay(4, NOW.plus(900))]);
    let now = offer(&book.ledger, NOW);
    assert_eq!(names(&now), "new mid");
    assert_eq!(now.next_try_at, Some(NOW.plus(100)));
    let later = offer(&book.ledger, NOW.plus(100));
    assert_eq!(names(&later), "old new mid");
    assert_eq!(later.next_try_at, Some(NOW.plus(900)));
    let old = &later.lanes[0][0];
    assert_eq!((old.failures, old.doubts, old.fingerprint), (1, 2, look(1)));
    // A time further ahead than any delay was written by a clock that was wrong.
    let back = Wall(NOW.0 - UPLOAD_CAP_MS);
    assert_eq!(names(&offer(&book.ledger, back)), "old late new mid");
    assert_eq!(names(&offer(&book.ledger, back.plus(200))), "late new mid");
}

#[test]
fn what_is_in_flight_or_ended_is_not_offered() {
    let book = Book::new();
    for id in 1..=5 {
        book.step(&[link(&format!("/d/{id}.png"), id, 1)]);
    }
    book.step(&[
        attempt(1, "/d/1.png", key(1, 1)),
        uploaded(key(2, 1), "x2"),
        fail(key(3, 1)),
        hold(key(4, 1)),
    ]);
    assert_eq!(names(&offer(&book.ledger, NOW)), "5");
    book.step(&[close(1, AttemptEnd::NotSent)]);
    assert_eq!(names(&offer(&book.ledger, NOW)), "1 5");
}

#[test]
fn a_candidate_tells_where_else_its_content_is_or_may_be() {
    let book = Book::new();
    let other = book.ledger.account(Some("c@x")).unwrap();
    book.step(&[link("/d/a.png", 1, 1), link_in(2, "/e/a.png", 1, 2, 1)]);
    book.step(&[link_in(2, "/e/b.png", 1, other.0, 1)]);
    let elsewhere = || offer(&book.ledger, NOW).lanes[0][0].elsewhere.clone();
    assert_eq!(elsewhere(), []);
    book.step(&[attempt(1, "/e/a.png", key(1, 2)), hold(key(1, other.0))]);
    let mut found = elsewhere();
    found.sort();
    assert_eq!(found, [AccountId(2), other]);
}

#[test]
fn a_path_tells_how_its_upload_stands() {
    let book = Book::new();
    book.step(&[link("/d/a.png", 1, 1)]);
    let status = || book.ledger.path_row(Path::new("/d/a.png")).unwrap().unwrap().status;
    let linked = |upload| PathStatus::Linked { key: key(1, 1), upload };
    assert_eq!(status(), linked(UploadState::Wanted));
    book.step(&[hold(key(1, 1))]);
    assert_eq!(status(), linked(UploadState::Held { reason: "cannot tell".into() }));
    book.step(&[uploaded(key(1, 1), "x")]);
    let asset_id = asset("x").asset_id;
    assert_eq!(status(), linked(UploadState::Uploaded { asset_id: asset_id.clone() }));
    assert_eq!(book.ledger.sent_name(&asset_id).unwrap().as_deref(), Some("sent.png"));
    let assets = book.ledger.assets_of(content(1).hash).unwrap();
    assert_eq!(assets, [(Some("a@x".to_owned()), asset_id.clone())]);
    book.step(&[uploaded(key(1, 1), "another")]);
    assert_eq!(status(), linked(UploadState::Uploaded { asset_id }), "an assetId stays");
}

#[test]
fn assets_old_enough_and_within_reach_must_be_listed() {
    let book = Book::new();
    book.step(&[link("/d/a.png", 1, 1), uploaded(key(1, 1), "x1")]);
    let must = |now| book.ledger.must_be_listed(AccountId(1), now).unwrap();
    assert_eq!(must(NOW.plus(59_999)), [""; 0]);
    assert_eq!(must(NOW.plus(60_000)), [asset("x1").asset_id]);
    assert_eq!(book.ledger.established(NOW.plus(60_000)).unwrap(), [AccountId(1)]);
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800)
                INSERT INTO content (hash, size, media_type)
                SELECT randomblob(32), 1, 'image/png' FROM n";
    book.ledger.db.execute_batch(many).unwrap();
    let newer = format!(
        "INSERT INTO upload (content_id, account_id, name, wanted_at, asset_id, uploaded_at)
         SELECT id, 1, 'n', 0, 'n' || id, {} FROM content WHERE size = 1",
        NOW.0 + 1_000
    );
    book.ledger.db.execute_batch(&newer).unwrap();
    assert_eq!(must(NOW.plus(60_000)), [""; 0], "behind so many it may be out of reach");
}

#[test]
fn held_uploads_have_claims_on_every_account_that_may_be_theirs() {
    let book = Book::new();
    let nameless = book.ledger.account(None).unwrap();
    book.step(&[link("/d/cat.png", 1, 1), hold(key(1, 1))]);
    let claims = [("cat.png".to_owned(), 11)];
    assert_eq!(book.ledger.held(AccountId(1)).unwrap(), claims);
    assert_eq!(book.ledger.held(AccountId(2)).unwrap(), []);
    assert_eq!(book.ledger.held(nameless).unwrap(), claims);
}

#[test]
fn an_attempt_of_a_crash_took_at_most_until_the_next_run_began_however_many_come_after() {
    let mut book = Book::new();
    book.step(&[link("/d/a.png", 1, 1), attempt(1, "/d/a.png", key(1, 1))]);
    let took_ms = |book: &Book| book.ledger.remembered().unwrap().open[0].took_ms;
    assert_eq!(took_ms(&book), None);
    for (pid, later_ms) in [(8, 700), (9, 90_000)] {
        book.ledger.begin_run(pid, NOW.plus(later_ms)).unwrap();
        assert_eq!(took_ms(&book), Some(700));
    }
    let (attempt, reason) = (AttemptId(1), "lost".into());
    book.step(&[Write::Doubt { attempt, status: None, reason, took_ms: 30 }]);
    assert_eq!(took_ms(&book), Some(30), "its end was seen");
}

#[test]
fn a_person_with_a_sqlite_shell_sees_what_ls_shows() {
    let book = Book::new();
    book.step(&[link("/d/cat.png", 1, 1), link("/d/dog.png", 2, 1), settling("/d/owl.png", 1)]);
    book.step(&[attempt(1, "/d/cat.png", key(1, 1)), close(1, AttemptEnd::Stored)]);
    book.step(&[uploaded(key(1, 1), "x1"), attempt(2, "/d/dog.png", key(2, 1))]);
    let lines = |sql: &str| {
        let mut found = book.ledger.db.prepare(sql).unwrap();
        let rows = found.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let files = lines("SELECT path || ' ' || state || ' ' || coalesce(asset_id, '') FROM files");
    let id = asset("x1").asset_id;
    let uploaded = format!("/d/cat.png uploaded {id}");
    assert_eq!(files, [uploaded.as_str(), "/d/dog.png open ", "/d/owl.png settling "]);
    let tries = lines("SELECT path || ' ' || opened_at || ' ' || outcome FROM tries");
    let at = "1970-01-01T00:16:40Z";
    let expected = [format!("/d/cat.png {at} stored"), format!("/d/dog.png {at} open")];
    assert_eq!(tries, expected);
}
