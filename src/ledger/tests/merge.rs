//! A nameless account turns out to be one that the ledger has.

use super::super::State;
use super::*;

/// A content wanted on `a@x` and, from another folder, on a nameless account.
struct Case {
    book: Book,
    nameless: i64,
}

impl Case {
    fn new() -> Case {
        let book = Book::new();
        let nameless = book.ledger.default_account().unwrap().0;
        book.step(&[link("/d/cat.png", 1, 1), link_in(2, "/e/cat.png", 1, nameless, 1)]);
        Case { book, nameless }
    }

    fn merge(&self) -> (State, State) {
        let (from, into) = (AccountId(self.nameless), AccountId(1));
        self.book.step(&[Write::MergeAccount { from, into }]);
        check(&self.book.ledger);
        let ledger = &self.book.ledger;
        assert_eq!(number(ledger, "SELECT count(*) FROM upload"), 1);
        assert_eq!(number(ledger, "SELECT count(*) FROM account WHERE email IS NULL"), 0);
        assert_eq!(ledger.default_account().unwrap(), into, "kept as what the folder meant");
        let state = |at: &str| ledger.row_of(Path::new(at), true).unwrap().unwrap();
        let (one, other) = (state("/d/cat.png"), state("/e/cat.png"));
        let next = ledger.account(Some("c@x")).unwrap();
        assert!(next.0 > self.nameless, "the number means nobody else: {next:?}");
        assert_eq!((one.account.as_deref(), other.account.as_deref()), (Some("a@x"), Some("a@x")));
        (one.state, other.state)
    }

    fn nameless(&self) -> UploadKey {
        key(1, self.nameless)
    }
}

#[test]
fn both_wanted_is_one_upload_in_both_lanes() {
    let case = Case::new();
    assert_eq!(case.merge(), (State::Queued, State::Queued));
    assert_eq!(number(&case.book.ledger, "SELECT count(*) FROM queue"), 2);
}

#[test]
fn an_asset_id_on_either_side_is_kept() {
    let case = Case::new();
    case.book.step(&[uploaded(case.nameless(), "x1")]);
    assert_eq!(case.merge(), (State::Uploaded, State::Uploaded));
    let case = Case::new();
    case.book.step(&[uploaded(key(1, 1), "x1")]);
    assert_eq!(case.merge(), (State::Uploaded, State::Uploaded));
}

#[test]
fn an_asset_id_wins_over_held_and_failed() {
    for ended in [hold, fail] {
        let case = Case::new();
        case.book.step(&[ended(key(1, 1)), uploaded(case.nameless(), "x1")]);
        assert_eq!(case.merge(), (State::Uploaded, State::Uploaded));
        let case = Case::new();
        case.book.step(&[ended(case.nameless()), uploaded(key(1, 1), "x1")]);
        assert_eq!(case.merge(), (State::Uploaded, State::Uploaded));
    }
}

#[test]
fn held_wins_over_failed_and_wanted() {
    let case = Case::new();
    case.book.step(&[hold(case.nameless())]);
    assert_eq!(case.merge(), (State::Held, State::Held));
    let case = Case::new();
    case.book.step(&[fail(key(1, 1)), hold(case.nameless())]);
    assert_eq!(case.merge(), (State::Held, State::Held));
    let case = Case::new();
    case.book.step(&[hold(key(1, 1)), fail(case.nameless())]);
    assert_eq!(case.merge(), (State::Held, State::Held));
}

#[test]
fn an_open_attempt_and_a_push_move_along() {
    let case = Case::new();
    let account = AccountId(case.nameless);
    case.book.step(&[
        attempt(1, "/e/cat.png", case.nameless()),
        pushed(account),
        pushed(AccountId(1)),
    ]);
    assert_eq!(case.merge(), (State::Uploading, State::Uploading));
    let remembered = case.book.ledger.remembered().unwrap();
    assert_eq!(remembered.open[0].key, key(1, 1));
    let accounts: Vec<_> = remembered.pushes.iter().map(|(_, push)| push.account).collect();
    assert_eq!(accounts, [AccountId(1)]);
}

#[test]
fn what_was_forgotten_and_what_was_pushed_move_along() {
    let case = Case::new();
    let nameless = case.nameless();
    step_at(&case.book.ledger, NOW, &[uploaded(nameless, "x1"), Write::Forget { key: nameless }]);
    case.merge();
    let named = number(
        &case.book.ledger,
        "SELECT count(*) FROM former_asset f
        JOIN upload u ON u.id = f.upload_id JOIN account t ON t.id = u.account_id
        WHERE t.email IS NOT NULL",
    );
    assert_eq!(named, 1);
    check(&case.book.ledger);
}

#[test]
fn of_two_assets_of_one_content_the_one_that_is_not_kept_is_nobodys() {
    let case = Case::new();
    case.book.step(&[uploaded(key(1, 1), "kept"), uploaded(case.nameless(), "double")]);
    case.merge();
    let double = asset("double").asset_id;
    assert_eq!(case.book.ledger.sent_name(&double).unwrap().as_deref(), Some("sent.png"));
    check(&case.book.ledger);
}

#[test]
fn what_failed_on_one_side_waits_for_the_attempt_that_is_open_on_the_other() {
    let case = Case::new();
    case.book.step(&[fail(case.nameless()), attempt(1, "/d/cat.png", key(1, 1))]);
    assert_eq!(case.merge(), (State::Uploading, State::Uploading));
    case.book.step(&[close(1, AttemptEnd::CannotTell), hold(key(1, 1))]);
    check(&case.book.ledger);
}
