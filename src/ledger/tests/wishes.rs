//! What a person asked for, as it is written down.

use super::*;
use crate::planner::{Ask, UploadState};

fn offered(ledger: &Ledger, folder: i64) -> usize {
    let ask = Ask { lanes: vec![(FolderId(folder), AccountId(1))], most: 9 };
    ledger.offer(&ask, NOW).unwrap().lanes[0].len()
}

fn decisions(ledger: &Ledger, at: &str) -> Vec<String> {
    let sql = "SELECT kind FROM decision WHERE path_id = ?1 ORDER BY id";
    let mut found = ledger.db.prepare(sql).unwrap();
    let id = ledger.path_id(Path::new(at)).unwrap().unwrap();
    let rows = found.query_map([id], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
pub(super) fn a_forgotten_asset_is_still_known_as_ours() {
    let book = Book::new();
    book.step(&[link("/d/cat.png", 1, 1), uploaded(key(1, 1), "x1")]);
    let id = asset("x1").asset_id;
    assert_eq!(book.ledger.sent_name(&id).unwrap().as_deref(), Some("sent.png"));
    book.step(&[Write::Forget { key: key(1, 1) }]);
    assert_eq!(book.ledger.sent_name(&id).unwrap().as_deref(), Some("sent.png"));
    assert!(book.ledger.must_be_listed(AccountId(1), NOW.plus(600_000)).unwrap().is_empty());
    check(&book.ledger);
}

#[test]
fn what_is_forgotten_is_queued_where_folders_hold_it_and_keeps_its_history() {
    let book = Book::new();
    book.step(&[link("/d/cat.png", 1, 1), link_in(2, "/e/copy.png", 1, 1, 2)]);
    book.step(&[attempt(1, "/d/cat.png", key(1, 1)), close(1, AttemptEnd::Stored)]);
    book.step(&[uploaded(key(1, 1), "x1"), Write::Gone { path: path("/e/copy.png") }]);
    book.step(&[Write::Forget { key: key(1, 1) }]);
    assert_eq!(book.ledger.upload_state(&key(1, 1)).unwrap(), UploadState::Wanted);
    assert_eq!((offered(&book.ledger, 1), offered(&book.ledger, 2)), (1, 0));
    assert_eq!(decisions(&book.ledger, "/d/cat.png"), ["settled", "forgotten"]);
    assert_eq!(decisions(&book.ledger, "/e/copy.png"), ["settled", "gone", "forgotten"]);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM attempt WHERE outcome = 'stored'"), 1);
    check(&book.ledger);
}

#[test]
fn a_forgotten_push_from_outside_of_the_folders_is_not_sent_again() {
    let book = Book::new();
    let push = Write::PushLink {
        path: path("/p.png"),
        content: content(1),
        account: AccountId(1),
        name: "p.png".into(),
    };
    book.step(&[link_in(0, "/p.png", 1, 1, 1), push, uploaded(key(1, 1), "x1")]);
    book.step(&[Write::Forget { key: key(1, 1) }]);
    assert_eq!(offered(&book.ledger, 0), 0);
    assert!(book.ledger.path_row(Path::new("/p.png")).unwrap().unwrap().gone);
    check(&book.ledger);
}

#[test]
fn what_was_requeued_goes_into_the_lane_that_it_came_from() {
    let book = Book::new();
    // Its folder is another account's by now: nobody wants it on this one.
    book.step(&[link("/d/cat.png", 1, 1), fail(key(1, 1))]);
    let account = AccountId(2);
    book.step(&[Write::Relink { path: path("/d/cat.png"), folder: FolderId(1), account }]);
    book.step(&[Write::Requeue { key: key(1, 1), reason: "again".into() }]);
    assert_eq!((offered(&book.ledger, 0), offered(&book.ledger, 1)), (0, 0));
    check(&book.ledger);
}

#[test]
fn all_that_failed_is_wanted_again_and_nothing_else() {
    let book = Book::new();
    book.step(&[link("/d/a.png", 1, 1), link("/d/b.png", 2, 1), link("/d/c.png", 3, 1)]);
    let failed = Write::PathFailed {
        path: path("/d/d.png"),
        folder: FolderId(1),
        fingerprint: look(1),
        certain: true,
        reason: "no right".into(),
    };
    book.step(&[fail(key(1, 1)), hold(key(2, 1)), uploaded(key(3, 1), "x3"), failed]);
    book.step(&[Write::TryAllAgain]);
    assert_eq!(book.ledger.upload_state(&key(1, 1)).unwrap(), UploadState::Wanted);
    let held = UploadState::Held { reason: "cannot tell".into() };
    assert_eq!(book.ledger.upload_state(&key(2, 1)).unwrap(), held);
    assert_eq!(offered(&book.ledger, 1), 1);
    assert_eq!(
        text(&book.ledger, "SELECT status FROM path WHERE name = x'642e706e67'"),
        "settling"
    );
    assert_eq!(decisions(&book.ledger, "/d/a.png"), ["settled", "retried"]);
    assert_eq!(decisions(&book.ledger, "/d/b.png"), ["settled"]);
    assert_eq!(decisions(&book.ledger, "/d/d.png"), ["failed", "retried"]);
    check(&book.ledger);
}

#[test]
fn what_is_resolved_has_its_asset_and_its_own_name() {
    let book = Book::new();
    book.step(&[link("/d/cat.png", 1, 1), hold(key(1, 1))]);
    book.step(&[Write::Resolved { key: key(1, 1), asset: asset("x1") }]);
    let asset_id = asset("x1").asset_id;
    assert_eq!(book.ledger.upload_state(&key(1, 1)).unwrap(), UploadState::Uploaded { asset_id });
    let named = book.ledger.sent_name(&asset("x1").asset_id).unwrap();
    assert_eq!(named.as_deref(), Some("cat.png"));
    assert_eq!(decisions(&book.ledger, "/d/cat.png"), ["settled", "resolved"]);
    check(&book.ledger);
}
