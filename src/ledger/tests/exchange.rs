//! Uploads that come from elsewhere.

use super::super::{Conflict, Foreign, State, Taken};
use super::*;
use crate::planner::UploadState;

fn foreign(id: u8, email: &str, asset_id: &str) -> Foreign {
    Foreign {
        content: content(id),
        email: email.into(),
        asset: asset(asset_id),
        name: "theirs.png".into(),
        uploaded_at: Wall(500),
    }
}

impl Book {
    fn take(&self, foreign: &Foreign) -> Taken {
        self.ledger.begin_step().unwrap();
        let taken = self.ledger.take_over(foreign, "imported", NOW).unwrap();
        self.ledger.commit_step().unwrap();
        check(&self.ledger);
        taken
    }

    fn state(&self, id: u8, account: i64) -> UploadState {
        self.ledger.upload_state(&key(id, account)).unwrap()
    }
}

fn is(asset_id: &str) -> UploadState {
    UploadState::Uploaded { asset_id: asset(asset_id).asset_id }
}

#[test]
fn what_is_new_becomes_uploaded_and_is_known_the_next_time() {
    let book = Book::new();
    assert_eq!(book.take(&foreign(1, "a@x", "x1")), Taken::New);
    assert_eq!(book.take(&foreign(1, "a@x", "x1")), Taken::Known);
    assert_eq!(book.state(1, 1), is("x1"));
    assert_eq!(book.take(&foreign(1, "new@x", "x2")), Taken::New, "an account of its own");
    assert_eq!(book.state(1, 3), is("x2"));
    // A file that holds it is not sent any more.
    book.step(&[link("/d/a.png", 1, 1)]);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM queue"), 0);
    let row = book.ledger.row_of(Path::new("/d/a.png"), false).unwrap().unwrap();
    assert_eq!((row.state, row.reason.as_deref()), (State::Uploaded, Some("imported")));
    assert_eq!(row.uploaded_at, Some(Wall(500)));
}

#[test]
fn what_is_queued_failed_or_held_is_completed() {
    let book = Book::new();
    for id in 1..=4 {
        book.step(&[link(&format!("/d/{id}.png"), id, 1)]);
    }
    book.step(&[
        fail(key(2, 1)),
        hold(key(3, 1)),
        attempt(1, "/d/4.png", key(4, 1)),
        close(1, AttemptEnd::Refused),
    ]);
    for id in 1..=4 {
        assert_eq!(book.take(&foreign(id, "a@x", &format!("x{id}"))), Taken::Completed);
        assert_eq!(book.state(id, 1), is(&format!("x{id}")));
    }
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM queue"), 0);
    let decided = "SELECT count(*) FROM decision WHERE kind = 'imported'";
    assert_eq!(number(&book.ledger, decided), 4, "the history of each path says so");
}

#[test]
fn what_the_ledger_says_otherwise_stays() {
    let book = Book::new();
    book.step(&[link("/d/1.png", 1, 1), uploaded(key(1, 1), "x1"), link("/d/2.png", 2, 1)]);
    book.step(&[attempt(1, "/d/2.png", key(2, 1))]);
    let sql = "INSERT INTO former_asset VALUES (?1, 1, 'n', 1, 1)";
    book.ledger.db.execute(sql, [asset("old").asset_id]).unwrap();
    let before = |id| (book.state(id, 1), number(&book.ledger, "SELECT count(*) FROM upload"));
    let (one, two) = (before(1), before(2));
    let other = Conflict::OtherUpload(content(1).hash, Some("a@x".into()));
    let mut larger = foreign(1, "b@x", "x9");
    larger.content.size += 1;
    for (foreign, conflict) in [
        (foreign(1, "a@x", "x2"), Conflict::OtherAsset(asset("x1").asset_id)),
        (foreign(2, "a@x", "x2"), Conflict::Open),
        (foreign(3, "a@x", "x1"), other.clone()),
        (foreign(1, "b@x", "x1"), other),
        (foreign(3, "a@x", "old"), Conflict::Forgotten),
        (larger, Conflict::OtherSize(11)),
    ] {
        assert_eq!(book.take(&foreign), Taken::Conflict(conflict), "{foreign:?}");
    }
    assert_eq!((before(1), before(2)), (one, two));
}
