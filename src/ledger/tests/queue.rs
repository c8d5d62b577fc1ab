//! The queue holds what could be sent, whatever was written in whatever order.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use super::*;
use crate::planner::{Ask, IgnoredBy, PathRow, PathStatus, UploadState};

/// What a write is made from: which kind, and which of a few paths, contents, accounts, folders.
pub(super) type Draw = (u8, u8, u8, u8, u8);

const PATHS: [&str; 4] = ["/d/a.png", "/d/b.png", "/e/a.png", "/p.png"];

/// Drawn writes of one step, if the planner could make them as things stand.
pub(super) fn write(ledger: &Ledger, draw: Draw, attempts: &mut i64) -> Option<Vec<Write>> {
    let (kind, at, id, account, folder) = draw;
    let at = PATHS[usize::from(at)];
    let row: Option<PathRow> = ledger.path_row(Path::new(at)).unwrap();
    let account = ledger.accounts().unwrap().get(usize::from(account))?.0;
    let upload_key = key(id, account.0);
    let state = ledger.upload_state(&upload_key).unwrap();
    let open = ledger.remembered().unwrap().open;
    let mine = open.iter().find(|open| open.key == upload_key).map(|open| open.attempt.0);
    let wanted = state == UploadState::Wanted;
    let pushed = folder == 0 && row.as_ref().is_some_and(|row| row.folder != FolderId::PUSHES);
    let folder = i64::from(folder);
    let linked = row.as_ref().is_some_and(|r| matches!(r.status, PathStatus::Linked { .. }));
    let gone = row.as_ref().is_some_and(|row| row.gone);
    let path = path(at);
    let write = match kind {
        0..=3 if !pushed => link_in(folder, at, id, account.0, i64::from(id)),
        4 => settling(at, folder),
        5 if linked && !gone => Write::Relink { path, folder: FolderId(folder.max(1)), account },
        6 if linked => Write::Certain { path, fingerprint: look(7), certain: true },
        7 if linked && gone => Write::Back { path, folder: FolderId(folder.max(1)) },
        8 | 9 => Write::Gone { path },
        10 if !pushed => {
            let by = [IgnoredBy::Rule, IgnoredBy::Media, IgnoredBy::Existing][usize::from(id) % 3];
            let (folder, fingerprint, reason) = (FolderId(folder), look(3), "no".into());
            Write::Ignored { path, folder, fingerprint, by, certain: true, reason }
        }
        11 if !pushed => {
            let (folder, fingerprint) = (FolderId(folder), look(3));
            Write::PathFailed {
                path,
                folder,
                fingerprint,
                certain: true,
                reason: "no right".into(),
            }
        }
        12 => Write::PushLink { path, content: content(id), account, name: "p.png".into() },
        13 | 14 if wanted && mine.is_none() && row.is_some() => {
            *attempts += 1;
            attempt(*attempts, at, upload_key)
        }
        15 => close(mine?, AttemptEnd::NotSent),
        16 if state != UploadState::Absent => {
            *attempts += 1;
            let uploaded = uploaded(upload_key, &format!("{id}-{}-{attempts}", account.0));
            let sql = "SELECT count(*) FROM attempt a JOIN upload u ON u.id = a.upload_id
                       JOIN content c ON c.id = u.content_id
                       WHERE c.hash = ?1 AND u.account_id = ?2";
            let tried = (upload_key.hash.0, account.0);
            let tried: i64 = ledger.db.query_row(sql, tried, |row| row.get(0)).unwrap();
            return match mine {
                Some(mine) => Some(vec![close(mine, AttemptEnd::Stored), uploaded]),
                // What was taken over from elsewhere has no attempts.
                None => (tried == 0).then(|| vec![uploaded]),
            };
        }
        17 if wanted && mine.is_none() => fail(upload_key),
        18 if wanted && mine.is_none() => hold(upload_key),
        19 | 20 if state != UploadState::Absent => {
            Write::Requeue { key: upload_key, reason: "again".into() }
        }
        21 if wanted => Write::Delay {
            key: upload_key,
            failures: 1,
            doubts: 0,
            next_try_at: Some(NOW.plus(i64::from(id))),
            reason: "later".into(),
        },
        22 => {
            let accounts = ledger.accounts().unwrap();
            let from = accounts.iter().find(|(_, email)| email.is_none())?.0;
            // What is on its way to one of two that may be the same is on neither, and not on its
            // way to the other.
            let clash = open.iter().any(|one| {
                let pair = [from, account];
                let twin = pair.into_iter().find(|other| *other != one.key.account);
                let twin = twin.map(|account| UploadKey { account, ..one.key });
                let ended = |twin| {
                    let state = ledger.upload_state(&twin).unwrap();
                    !matches!(state, UploadState::Absent | UploadState::Wanted)
                };
                pair.contains(&one.key.account)
                    && twin.is_some_and(|twin| ended(twin) || open.iter().any(|o| o.key == twin))
            });
            (from != account && !clash).then_some(Write::MergeAccount { from, into: account })?
        }
        23 if matches!(state, UploadState::Failed { .. } | UploadState::Held { .. }) => {
            Write::TryAgain { key: upload_key, reason: "asked".into() }
        }
        24 if matches!(state, UploadState::Uploaded { .. }) => Write::Forget { key: upload_key },
        25 if matches!(state, UploadState::Held { .. }) => {
            *attempts += 1;
            let asset = asset(&format!("{id}-{}-{attempts}", account.0));
            Write::Resolved { key: upload_key, asset }
        }
        26 => Write::TryAllAgain,
        _ => return None,
    };
    Some(vec![write])
}

#[test]
fn a_row_is_queued_if_and_only_if_its_upload_could_be_sent() {
    let config = ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let draws = prop::collection::vec((0..27u8, 0..4u8, 1..4u8, 0..3u8, 0..3u8), 1..50);
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&draws, |draws| {
        let ledger = Ledger::in_memory(URL, NOW).unwrap();
        furnish(&ledger);
        ledger.account(None).unwrap();
        let mut attempts = 0;
        for draw in draws {
            if let Some(writes) = write(&ledger, draw, &mut attempts) {
                step_at(&ledger, NOW, &writes);
                check(&ledger);
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
pub(super) fn a_delayed_upload_is_not_offered_before_its_time_after_a_restart() {
    let Book { directory, ledger } = Book::new();
    let delay = Write::Delay {
        key: key(1, 1),
        failures: 1,
        doubts: 0,
        next_try_at: Some(NOW.plus(60_000)),
        reason: "later".into(),
    };
    step_at(&ledger, NOW, &[link("/d/cat.png", 1, 1), delay]);
    drop(ledger);
    let ledger = open(&directory.path().join("ledger.sqlite3")).unwrap();
    let ask = Ask { lanes: vec![(FolderId(1), AccountId(1))], most: 9 };
    let offer = ledger.offer(&ask, NOW.plus(59_999)).unwrap();
    assert_eq!((offer.lanes[0].len(), offer.next_try_at), (0, Some(NOW.plus(60_000))));
    assert_eq!(ledger.offer(&ask, NOW.plus(60_000)).unwrap().lanes[0].len(), 1);
}

#[test]
fn another_path_of_the_lane_takes_the_place_of_one_that_is_gone() {
    let book = Book::new();
    book.step(&[link("/d/a.png", 1, 1), link("/d/b.png", 1, 1), link_in(2, "/e/a.png", 1, 1, 1)]);
    let lanes = || number(&book.ledger, "SELECT count(*) FROM queue");
    assert_eq!(lanes(), 2);
    book.step(&[Write::Gone { path: path("/d/b.png") }]);
    check(&book.ledger);
    assert_eq!(lanes(), 2);
    book.step(&[settling("/d/a.png", 1)]);
    check(&book.ledger);
    assert_eq!(lanes(), 1);
}

#[test]
fn requeueing_wakes_what_failed_and_nothing_that_is_held_or_uploaded() {
    let book = Book::new();
    for id in 1..=3 {
        book.step(&[link(&format!("/d/{id}.png"), id, 1)]);
    }
    book.step(&[fail(key(1, 1)), hold(key(2, 1)), uploaded(key(3, 1), "x3")]);
    for id in 1..=3 {
        book.step(&[Write::Requeue { key: key(id, 1), reason: "again".into() }]);
    }
    check(&book.ledger);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM queue"), 1);
    let held = UploadState::Held { reason: "cannot tell".into() };
    assert_eq!(book.ledger.upload_state(&key(2, 1)).unwrap(), held);
}

#[test]
fn a_push_of_a_file_that_a_rule_leaves_alone_stays_queued() {
    let book = Book::new();
    let ignored = |reason: &str| Write::Ignored {
        path: path("/d/a.png"),
        folder: FolderId(1),
        fingerprint: look(1),
        by: IgnoredBy::Rule,
        certain: true,
        reason: reason.into(),
    };
    let (name, account) = ("a.png".into(), AccountId(1));
    let push = Write::PushLink { path: path("/d/a.png"), content: content(1), account, name };
    book.step(&[ignored("drafts/"), push]);
    book.step(&[ignored("hidden")]);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM queue WHERE folder_id = 0"), 1);
    // Once it holds something else, it is not the source any more.
    book.step(&[link("/d/a.png", 2, 1)]);
    assert_eq!(number(&book.ledger, "SELECT count(*) FROM queue WHERE folder_id = 0"), 0);
}

#[test]
fn a_path_keeps_when_it_was_seen_first_and_the_folder_it_lies_in() {
    let book = Book::new();
    book.step(&[settling("/d/a.png", 1)]);
    let kept = || ["seen_at", "folder_id"].map(|of| one(&book, of));
    for (later_ms, folder, expected) in [(5, 1, 1), (6, 0, 1), (7, 2, 2)] {
        step_at(&book.ledger, NOW.plus(later_ms), &[link_in(folder, "/d/a.png", 1, 1, 2)]);
        assert_eq!(kept(), [NOW.0, expected], "as one of folder {folder}");
    }
}

fn one(book: &Book, column: &str) -> i64 {
    number(&book.ledger, &format!("SELECT {column} FROM path"))
}
