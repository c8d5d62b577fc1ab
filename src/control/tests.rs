//! Wishes over a real ledger, without a daemon; and, in `socket`, over the control socket.

mod socket;

use std::path::{Path, PathBuf};

use super::alone::step;
use super::*;
use crate::engine::Engine;
use crate::ledger::{Ledger, State};
use crate::planner::{
    Asset, AttemptEnd, AttemptId, Content, ContentHash, Effect, Fingerprint, FolderId, Limits,
    MediaType, Now, SharedPath, UploadKey, Wall, Write,
};

const NOW: Now = Now { wall: Wall(10_000_000), mono: crate::planner::Mono(0) };
const ID: &str = "user:1-runwayml:a@x-asset:";

/// A ledger in memory, with folder `/d` (1) and account `a@x`, and these files: each with a
/// content of its own, by number.
fn book(files: &[(&str, u8)]) -> Ledger {
    let ledger = Ledger::in_memory("https://api.test", NOW.wall).unwrap();
    ledger.folder(Path::new("/d")).unwrap();
    ledger.account(Some("a@x")).unwrap();
    let links: Vec<Write> = files.iter().map(|(path, id)| link(path, *id)).collect();
    write(&ledger, &links);
    ledger
}

fn write(ledger: &Ledger, writes: &[Write]) {
    ledger.begin_step().unwrap();
    for write in writes {
        ledger.apply(write, NOW.wall).unwrap();
    }
    ledger.commit_step().unwrap();
}

fn key(id: u8) -> UploadKey {
    UploadKey { hash: ContentHash([id; 32]), account: crate::planner::AccountId(1) }
}

fn link(path: &str, id: u8) -> Write {
    let content = Content {
        hash: key(id).hash,
        size: 10,
        media_type: MediaType::Png,
        width: None,
        height: None,
        duration_ms: None,
    };
    Write::Link {
        path: shared(path),
        folder: FolderId(1),
        fingerprint: Fingerprint { inode: u64::from(id), ..Fingerprint::default() },
        certain: true,
        content,
        account: key(id).account,
        name: "name.png".into(),
        evidence: "told".into(),
    }
}

fn shared(path: &str) -> SharedPath {
    Path::new(path).into()
}

fn fail(id: u8) -> Write {
    Write::UploadFailed { key: key(id), reason: "413: too large".into() }
}

fn hold(id: u8) -> Write {
    Write::UploadHeld { key: key(id), reason: "cannot tell".into() }
}

fn uploaded(id: u8) -> Write {
    let asset = Asset { asset_id: format!("{ID}{id}"), url: None };
    Write::Uploaded { key: key(id), asset, name: "name.png".into() }
}

fn retry(path: &str) -> Wish {
    Wish::Retry { paths: vec![path.into()] }
}

fn resolve(path: &str, asset_id: Option<&str>) -> Wish {
    let uploaded = asset_id.map(|id| asset(id).unwrap());
    Wish::Resolve { path: path.into(), uploaded }
}

fn forget(path: &str, email: Option<&str>, yes: bool) -> Wish {
    Wish::Forget { path: path.into(), email: email.map(str::to_owned), yes }
}

/// Grants a wish, and says how each file stands, or why not.
fn settle(ledger: Ledger, wish: &Wish) -> (Ledger, Vec<String>) {
    let judged = wish.judge(Some(&ledger), false).unwrap();
    let ledger = grant(ledger, Limits::default(), judged.commands.clone(), NOW).unwrap();
    let answers = judged.answers(Some(&ledger), false).unwrap();
    let told = |answer| match answer {
        Answer::Granted(object) => {
            let row: serde_json::Value = serde_json::from_str(&object).unwrap();
            row["state"].as_str().map_or(object, str::to_owned)
        }
        Answer::Refused(refusal) => {
            format!("{} {}: {}", refusal.status, refusal.error, refusal.hint)
        }
    };
    (ledger, answers.into_iter().map(told).collect())
}

#[track_caller]
fn answers(ledger: Ledger, wish: &Wish, expected: &[&str]) -> Ledger {
    let (ledger, answers) = settle(ledger, wish);
    assert_eq!(answers, expected);
    ledger
}

#[test]
fn nothing_is_begun_that_nobody_would_carry_out() {
    let ledger = book(&[("/d/failed.png", 1), ("/d/queued.png", 2), ("/d/held.png", 3)]);
    // A push is nobody's folder's: an engine without folders would begin with it.
    let Write::Link { content, .. } = link("", 4) else { unreachable!("a link") };
    let (path, account) = (shared("/pushed.png"), key(4).account);
    let pushed = Write::PushLink { path, content, account, name: "pushed.png".into() };
    write(&ledger, &[fail(1), hold(3), pushed]);
    let wishes = [retry("/d/failed.png"), Wish::RetryAll, resolve("/d/held.png", None)];
    let mut commands = Vec::new();
    for wish in &wishes {
        commands.extend(wish.judge(Some(&ledger), false).unwrap().commands);
    }
    assert_eq!(commands.len(), 3);
    let mut engine = Engine::new(ledger, Limits::default(), Vec::new(), NOW).unwrap();
    let step = step(&mut engine, commands, NOW).unwrap();
    assert_eq!(step.effects, [Effect::Withdraw { attempts: Vec::new() }]);
    let ledger = engine.into_ledger();
    for path in ["/d/failed.png", "/d/queued.png", "/d/held.png"] {
        let row = ledger.row_of(Path::new(path), false).unwrap().unwrap();
        assert_eq!((row.state, row.attempts), (State::Queued, 0), "{path}");
    }
    // They are there to be sent: a run would begin with them.
    let remembered = ledger.remembered().unwrap();
    assert_eq!((remembered.open.len(), remembered.last_attempt), (0, 0));
}

#[test]
fn an_attempt_that_an_earlier_run_left_open_stays_open() {
    let ledger = book(&[("/d/open.png", 1), ("/d/failed.png", 2)]);
    let open = Write::OpenAttempt {
        attempt: AttemptId(1),
        key: key(1),
        path: shared("/d/open.png"),
        name: "name.png".into(),
        at: NOW.wall,
        skew_ms: None,
    };
    write(&ledger, &[open, fail(2)]);
    let ledger = answers(ledger, &Wish::RetryAll, &["{\"schema\":1,\"retried\":1}"]);
    assert_eq!(ledger.remembered().unwrap().open.len(), 1);
}

#[test]
fn only_what_failed_is_tried_again() {
    let ledger = book(&[("/d/f.png", 1), ("/d/u.png", 2), ("/d/q.png", 3), ("/d/h.png", 4)]);
    write(&ledger, &[fail(1), uploaded(2), hold(4)]);
    let ledger = answers(ledger, &retry("/d/f.png"), &["queued"]);
    let ledger = answers(
        ledger,
        &retry("/d/u.png"),
        &["409 /d/u.png is not failed: it is uploaded as user:1-runwayml:a@x-asset:2: \
           taxiway why /d/u.png"],
    );
    let ledger = answers(
        ledger,
        &retry("/d/q.png"),
        &["409 /d/q.png is not failed: it is queued: taxiway why /d/q.png"],
    );
    let ledger = answers(
        ledger,
        &retry("/d/h.png"),
        &["409 /d/h.png is not failed: it is held: cannot tell: taxiway why /d/h.png"],
    );
    let ledger = answers(
        ledger,
        &retry("/d/none.png"),
        &["404 /d/none.png is not in the ledger: taxiway why /d/none.png"],
    );
    write(&ledger, &[link("/d/g.png", 5), fail(5), Write::Gone { path: shared("/d/g.png") }]);
    answers(
        ledger,
        &retry("/d/g.png"),
        &["409 /d/g.png is not failed: it is not there any more: taxiway why /d/g.png"],
    );
}

#[test]
fn what_is_asked_of_several_files_is_judged_file_by_file() {
    let ledger = book(&[("/d/f.png", 1), ("/d/u.png", 2)]);
    write(&ledger, &[fail(1), uploaded(2)]);
    let paths: Vec<PathBuf> = ["/d/u.png", "/d/f.png", "/d/f.png"].map(PathBuf::from).into();
    let (_, answers) = settle(ledger, &Wish::Retry { paths });
    assert!(answers[0].starts_with("409 /d/u.png"), "{answers:?}");
    assert_eq!(answers[1..], ["queued", "queued"]);
}

#[test]
fn only_what_is_held_is_resolved_and_only_as_an_asset_that_can_be_its_own() {
    let ledger = book(&[("/d/h.png", 1), ("/d/u.png", 2), ("/d/old.png", 3)]);
    write(&ledger, &[hold(1), uploaded(2), uploaded(3), Write::Forget { key: key(3) }]);
    let ledger = answers(
        ledger,
        &resolve("/d/u.png", None),
        &["409 /d/u.png is not held: it is uploaded as user:1-runwayml:a@x-asset:2: \
           taxiway why /d/u.png"],
    );
    let ledger = answers(
        ledger,
        &resolve("/d/h.png", Some("user:1-runwayml:b@x-asset:9")),
        &["409 /d/h.png is held on a@x, and that asset is on b@x: \
           taxiway resolve /d/h.png --uploaded 'user:…-runwayml:a@x-asset:…'"],
    );
    let ledger = answers(
        ledger,
        &resolve("/d/h.png", Some(&format!("{ID}2"))),
        &["409 /d/h.png cannot be that asset: it is /d/u.png: taxiway why /d/u.png"],
    );
    let ledger = answers(
        ledger,
        &resolve("/d/h.png", Some(&format!("{ID}3"))),
        &["409 /d/h.png cannot be that asset: it was /d/old.png, and was forgotten: \
           taxiway why /d/old.png"],
    );
    let ledger = answers(ledger, &resolve("/d/h.png", Some(&format!("{ID}9"))), &["uploaded"]);
    let row = ledger.row_of(Path::new("/d/h.png"), false).unwrap().unwrap();
    assert_eq!(row.asset_id, Some(format!("{ID}9")));
    write(&ledger, &[link("/d/h2.png", 4), hold(4)]);
    answers(ledger, &resolve("/d/h2.png", None), &["queued"]);
}

#[test]
fn what_is_uploaded_is_forgotten_after_a_yes() {
    let ledger = book(&[("/d/a.png", 1), ("/d/b.png", 1), ("/d/q.png", 2)]);
    write(&ledger, &[uploaded(1)]);
    let ledger = answers(
        ledger,
        &forget("/d/a.png", None, false),
        &["428 /d/a.png is uploaded as user:1-runwayml:a@x-asset:1; 2 files in folders will be \
           sent again: taxiway forget /d/a.png --yes"],
    );
    assert_eq!(ledger.assets_of(key(1).hash).unwrap().len(), 1);
    let ledger = answers(
        ledger,
        &forget("/d/a.png", Some("b@x"), true),
        &["409 /d/a.png is not uploaded on b@x: taxiway why /d/a.png"],
    );
    let ledger = answers(ledger, &forget("/d/b.png", Some("a@x"), true), &["queued"]);
    assert_eq!(ledger.assets_of(key(1).hash).unwrap(), []);
    let ledger = answers(
        ledger,
        &forget("/d/q.png", None, true),
        &["409 /d/q.png is not uploaded: it is queued: taxiway why /d/q.png"],
    );
    answers(
        ledger,
        &forget("/d/none.png", None, true),
        &["404 /d/none.png is not in the ledger: taxiway why /d/none.png"],
    );
}

#[test]
fn a_wish_without_a_ledger_is_about_nothing() {
    let judged = retry("/d/a.png").judge(None, false).unwrap();
    let answers = judged.answers(None, false).unwrap();
    assert!(matches!(answers.as_slice(), [Answer::Refused(refusal)] if refusal.status == 404));
    let judged = Wish::RetryAll.judge(None, false).unwrap();
    let answers = judged.answers(None, false).unwrap();
    assert_eq!(answers, [Answer::Granted("{\"schema\":1,\"retried\":0}".into())]);
}

#[test]
fn an_asset_id_has_the_long_form() {
    let id = "user:12-runwayml:Me+x@Example.com-asset:0f-1";
    assert_eq!(asset(&format!(" {id}\n")).map(|asset| asset.asset_id), Ok(id.to_owned()));
    for wrong in [
        "0f-1",
        "user:-runwayml:me@x-asset:1",
        "user:1-runwayml:me-asset:1",
        "user:1-runwayml:@x-asset:1",
        "user:1-runwayml:me@x-asset:",
        "user:1-runwayml:me@x-asset:1 2",
        "x:1-runwayml:me@x-asset:1",
    ] {
        assert!(asset(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_retry_is_told_in_the_history_and_takes_nothing_from_it() {
    let ledger = book(&[("/d/a.png", 1)]);
    let open = Write::OpenAttempt {
        attempt: AttemptId(1),
        key: key(1),
        path: shared("/d/a.png"),
        name: "name.png".into(),
        at: NOW.wall,
        skew_ms: None,
    };
    let close = Write::CloseAttempt {
        attempt: AttemptId(1),
        end: AttemptEnd::Refused,
        status: Some(413),
        detail: "413: too large".into(),
    };
    write(&ledger, &[open, close, fail(1)]);
    let ledger = answers(ledger, &retry("/d/a.png"), &["queued"]);
    let history = ledger.history(Path::new("/d/a.png"), false).unwrap().unwrap();
    let kinds: Vec<&str> = history.decisions.iter().map(|d| d.kind.as_str()).collect();
    assert_eq!(kinds, ["settled", "retried"]);
    assert_eq!(history.attempts[0].status, Some(413));
}
