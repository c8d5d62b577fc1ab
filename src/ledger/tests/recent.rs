//! The newest rows, page by page; what is counted; what was done when.

use std::collections::BTreeMap;

use super::super::recent::pass;
use super::super::{Behind, Done, Filter, State};
use super::*;

const MINUTE_MS: i64 = 60_000;

/// Names and places of a page, and whether there is another.
fn page(ledger: &Ledger, filter: &Filter, behind: Option<Behind>, most: usize) -> (String, bool) {
    let found = ledger.recent(filter, true, behind, most).unwrap();
    let name = |row: &super::super::Row| row.path.display().to_string();
    let names: Vec<String> = found.rows.iter().map(name).collect();
    (names.join(" "), found.next.is_some())
}

fn names(ledger: &Ledger, filter: &Filter) -> String {
    page(ledger, filter, None, 100).0
}

fn at(minute: i64) -> Wall {
    Wall(NOW.0 + minute * MINUTE_MS)
}

#[test]
fn what_changed_last_comes_first_and_pages_go_on_behind_a_row() {
    let book = Book::new();
    for (minute, name) in [(1, "a"), (2, "b"), (2, "c"), (3, "d"), (4, "e")] {
        let content = name.as_bytes()[0];
        step_at(&book.ledger, at(minute), &[link(&format!("/d/{name}.png"), content, 1)]);
    }
    step_at(&book.ledger, at(5), &[uploaded(key(b'a', 1), "a")]);
    let all = Filter { with_gone: true, ..Filter::default() };
    assert_eq!(names(&book.ledger, &all), "/d/a.png /d/e.png /d/d.png /d/c.png /d/b.png");
    let mut behind = None;
    let mut pages = Vec::new();
    loop {
        let found = book.ledger.recent(&all, true, behind, 2).unwrap();
        assert_eq!(found.visited, 5, "each path is looked at once");
        pages.push(page(&book.ledger, &all, behind, 2));
        // What comes meanwhile is newer, and shifts nothing.
        let newer = format!("/d/newer{}.png", pages.len());
        step_at(&book.ledger, at(9), &[link(&newer, 200, 2)]);
        step_at(&book.ledger, at(9), &[Write::Gone { path: path(&newer) }]);
        behind = found.next;
        if behind.is_none() {
            break;
        }
    }
    let page = |names: &str, more| (names.to_owned(), more);
    assert_eq!(
        pages,
        [page("/d/a.png /d/e.png", true), page("/d/d.png /d/c.png", true), page("/d/b.png", false)]
    );
    assert!(!self::page(&book.ledger, &all, None, 5).1, "a full page may be the last");
}

#[test]
fn rows_are_chosen_as_a_list_chooses_them_and_counted_likewise() {
    let book = Book::new();
    book.step(&[
        link("/d/s/Katze.png", 1, 1),
        link("/d/b.png", 2, 2),
        link_in(2, "/e/Äpfel.png", 3, 1, 1),
        uploaded(key(3, 1), "x3"),
        settling("/d/dog.png", 1),
    ]);
    let all = || Filter { with_gone: true, ..Filter::default() };
    let text = |text: &str| Filter { text: Some(text.to_owned()), ..all() };
    for (filter, found) in [
        (all(), "/d/dog.png /e/Äpfel.png /d/b.png /d/s/Katze.png"),
        (Filter { state: Some(State::Queued), ..all() }, "/d/b.png /d/s/Katze.png"),
        (Filter { state: Some(State::Held), ..all() }, ""),
        (Filter { email: Some("a@x".into()), ..all() }, "/e/Äpfel.png /d/s/Katze.png"),
        (Filter { under: Some("/d/s".into()), ..all() }, "/d/s/Katze.png"),
        (Filter { under: Some("/d/b.png".into()), ..all() }, "/d/b.png"),
        (Filter { under: Some("/d/s/Kat".into()), ..all() }, ""),
        (Filter { folders: vec![FolderId(2)], ..all() }, "/e/Äpfel.png"),
        (text("katze"), "/d/s/Katze.png"),
        (text("äpfel"), "/e/Äpfel.png"),
        (text("s/k"), "/d/s/Katze.png"),
        (text("sent.png"), "/e/Äpfel.png"),
        (text("asset:x3"), "/e/Äpfel.png"),
        (text(&"02".repeat(32)), "/d/b.png"),
        (text("20202"), "/d/b.png"),
        (text(&"02".repeat(33)), ""),
        (text("0202x"), ""),
        (Filter { state: Some(State::Uploaded), ..text("katze") }, ""),
    ] {
        assert_eq!(names(&book.ledger, &filter), found, "{filter:?}");
        let mut listed = Vec::new();
        let each = |row: super::super::Row| {
            listed.push(row.path.display().to_string());
            std::ops::ControlFlow::Continue(())
        };
        book.ledger.each_row(&filter, true, each).unwrap();
        listed.sort();
        let mut found: Vec<&str> = found.split(' ').filter(|name| !name.is_empty()).collect();
        found.sort_unstable();
        assert_eq!(listed, found, "a list chooses the same");
        let counts = book.ledger.chosen(&filter, true).unwrap();
        let counted = match filter.state {
            Some(state) => counts[state as usize],
            None => counts.iter().sum(),
        };
        assert_eq!(counted, found.len() as u64, "{filter:?}");
    }
    assert_eq!(book.ledger.chosen(&all(), true).unwrap(), [1, 2, 0, 0, 1, 0, 0, 0]);
}

#[test]
fn a_row_is_found_by_its_number_and_its_look_while_it_is_there() {
    let book = Book::new();
    book.step(&[link("/d/a.png", 1, 1), settling("/d/b.png", 1)]);
    let row = |id| book.ledger.row_numbered(id, true).unwrap();
    assert_eq!(row(1).unwrap().path, Path::new("/d/a.png"));
    assert_eq!(row(3), None);
    assert_eq!(book.ledger.look_of(1).unwrap(), Some(look(1)));
    assert_eq!(book.ledger.look_of(2).unwrap(), None, "nothing is known of what it holds");
    book.step(&[Write::Gone { path: path("/d/a.png") }]);
    assert_eq!(book.ledger.look_of(1).unwrap(), None);
    assert!(row(1).is_some());
}

#[test]
fn what_was_done_is_told_by_the_minute() {
    let book = Book::new();
    let names = ["a", "b", "c", "d", "e"];
    let links: Vec<Write> =
        names.iter().zip(1..).map(|(name, id)| link(&format!("/d/{name}.png"), id, 1)).collect();
    step_at(&book.ledger, at(0), &links);
    step_at(&book.ledger, at(1), &[uploaded(key(1, 1), "1")]);
    step_at(&book.ledger, at(2), &[attempt(1, "/d/b.png", key(2, 1))]);
    step_at(&book.ledger, at(3), &[uploaded(key(3, 1), "3"), uploaded(key(4, 1), "4")]);
    step_at(&book.ledger, at(4), &[close(1, AttemptEnd::Refused), fail(key(2, 1))]);
    let (folder, fingerprint) = (FolderId(1), look(9));
    let (path, reason) = (path("/d/f.png"), "no right".to_owned());
    let failed = Write::PathFailed { path, folder, fingerprint, certain: true, reason };
    step_at(&book.ledger, at(4), &[failed]);
    let minute = |minute| at(minute).0 / MINUTE_MS;
    let done = |uploads, bytes, failed| Done { uploads, bytes, failed };
    let all = BTreeMap::from([
        (minute(1), done(1, 11, 0)),
        (minute(3), done(2, 27, 0)),
        (minute(4), done(0, 0, 2)),
    ]);
    assert_eq!(book.ledger.done_since(at(0), MINUTE_MS).unwrap(), all);
    let mut later = all;
    later.remove(&minute(1));
    // An attempt that began before is looked for no more: it is at the edge of the plot.
    later.insert(minute(4), done(0, 0, 1));
    assert_eq!(book.ledger.done_since(at(2), MINUTE_MS).unwrap(), later);
    assert_eq!(book.ledger.done_since(at(5), MINUTE_MS).unwrap(), BTreeMap::new());
}

/// A hundred thousand uploaded pictures in a hundred directories.
fn many(ledger: &Ledger) {
    ledger
        .db
        .execute_batch(
            "BEGIN;
             CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS
                 (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n;
             INSERT INTO directory (id, path) SELECT i, CAST('/d/' || i AS BLOB) FROM n LIMIT 100;
             INSERT INTO content (id, hash, size, media_type)
                 SELECT i, CAST(printf('%032d', i) AS BLOB), 10, 'image/png' FROM n;
             INSERT INTO upload (id, content_id, account_id, name, wanted_at, asset_id, uploaded_at)
                 SELECT i, i, 1, 'cat ' || i || '.png', i, 'asset ' || i, 1000 * i FROM n;
             INSERT INTO path (id, directory_id, name, folder_id, status, device, inode, size,
                               mtime_ns, ctime_ns, certain, content_id, upload_id, seen_at)
                 SELECT i, 1 + i % 100, CAST('cat ' || i || '.png' AS BLOB), 1, 'linked', 1, i, 10,
                        0, 0, 1, i, i, i FROM n;
             INSERT INTO decision (path_id, at, kind, detail) SELECT i, i, 'settled', '' FROM n;
             INSERT INTO attempt (upload_id, path_id, run_id, opened_at, name, outcome, ended_at)
                 SELECT i, i, 1, i, '', 'stored', i FROM n;
             COMMIT;",
        )
        .unwrap();
}

/// How a query is gone about: each line that says where rows come from.
fn plan(ledger: &Ledger, sql: &str) -> Vec<String> {
    let mut found = ledger.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines = found
        .query_map((true, None::<String>, true, None::<String>), |row| row.get::<_, String>(3))
        .unwrap();
    lines.map(Result::unwrap).collect()
}

#[test]
fn a_text_is_looked_for_letter_by_letter() {
    let book = Book::new();
    let (odd, plain) = ("/d/50%_\\Off.png", "/d/5000_off.png");
    book.step(&[settling(odd, 1), settling(plain, 1)]);
    let both = format!("{plain} {odd}");
    for (text, found) in [
        ("%", odd),
        ("_", &*both),
        ("\\", odd),
        ("50%_\\o", odd),
        ("5_0", ""),
        ("d/5%", ""),
        ("off", &*both),
        ("*", ""),
        ("[5]", ""),
        ("\0", ""),
        ("off\0", ""),
        ("//", ""),
        ("d/50", &*both),
    ] {
        let filter = Filter { text: Some(text.into()), ..Filter::default() };
        assert_eq!(names(&book.ledger, &filter), found, "{text:?}");
    }
}

#[test]
fn of_a_hundred_thousand_rows_each_is_met_once_and_a_page_is_kept() {
    let ledger = Ledger::in_memory(URL, NOW).unwrap();
    furnish(&ledger);
    many(&ledger);
    let all = || Filter { with_gone: true, ..Filter::default() };
    for (filter, rows, visited) in [
        (all(), 100, 100_000),
        (Filter { state: Some(State::Failed), ..all() }, 0, 100_000),
        // What SQL can tell apart is not met at all.
        (Filter { text: Some("cat 777".into()), ..all() }, 100, 111),
        (Filter { text: Some("nothing like it".into()), ..all() }, 0, 0),
        (Filter { text: Some("cät".into()), ..all() }, 0, 100_000),
        (Filter { under: Some("/d/7".into()), ..all() }, 100, 100_000),
    ] {
        let found = ledger.recent(&filter, true, None, 100).unwrap();
        assert_eq!((found.rows.len(), found.visited), (rows, visited), "{filter:?}");
        let plan = plan(&ledger, &pass(&filter, true));
        // One table is gone through; of all others one row is found by its key; nothing is sorted.
        let scans: Vec<&String> = plan.iter().filter(|step| step.starts_with("SCAN")).collect();
        assert_eq!(scans, ["SCAN p"], "{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
    }
    let last = ledger.recent(&all(), true, None, 100).unwrap().next.unwrap();
    let second = ledger.recent(&all(), true, Some(last), 100).unwrap();
    assert_eq!(second.rows[0].id, 99_900);
    assert_eq!(ledger.chosen(&all(), true).unwrap()[State::Uploaded as usize], 100_000);
    assert_eq!(ledger.done_since(Wall(99_999_000), 1_000).unwrap().len(), 2);
}
