//! What is owed to files: in which order it is done, how often, and how many at once.

use super::*;
use crate::planner::{Asset, Errand, ErrandKind, ErrandResult, ScanResult, Wants};

/// Folder 1 at `/d`, which wants these things done, with so many files of one content each; all of
/// them uploaded. What is to be done first is in the step.
fn uploaded(kinds: &[ErrandKind], files: u8) -> (Engine, Vec<Errand>) {
    let ledger = Ledger::in_memory("https://api.test", NOW.wall).unwrap();
    let account = ledger.account(Some("a@x")).unwrap();
    let (folder, _) = ledger.folder(Path::new("/d")).unwrap();
    let wants = Wants::of(kinds.iter().copied());
    ledger.set_wants(folder, wants, NOW.wall).unwrap();
    let policy = FolderPolicy { wants, ..policy(folder, account) };
    let limits = Limits { concurrency: 100, ..Limits::default() };
    let mut engine = Engine::new(ledger, limits, vec![policy], NOW).unwrap();
    let path = |id: u8| format!("/d/{id:02}.png");
    let seen = (1..=files).map(|id| seen(1, &path(id), Look::File(stat(u64::from(id)))));
    engine.step(NOW, seen.collect()).unwrap();
    let read = (1..=files).map(|id| identified(&path(id), id));
    let step = engine.step(NOW, read.collect()).unwrap();
    let step = engine.step(NOW, stored(&step)).unwrap();
    let errands = errands(&step);
    (engine, errands)
}

/// Every upload of a step is answered with an assetId.
fn stored(step: &Step) -> Vec<Input> {
    let stored = step.effects.iter().filter_map(|effect| match effect {
        Effect::Send(send) => {
            let asset_id = format!("user:1-runwayml:a@x-asset:{}", send.attempt.0);
            let outcome = Outcome::Stored(Asset { asset_id, url: None });
            Some(Input::Event(Event::Sent { attempt: send.attempt, outcome }))
        }
        _ => None,
    });
    stored.collect()
}

fn errands(step: &Step) -> Vec<Errand> {
    let errands = step.effects.iter().filter_map(|effect| match effect {
        Effect::Errand(errand) => Some((**errand).clone()),
        _ => None,
    });
    errands.collect()
}

/// What begins when an errand has ended so.
fn ends(engine: &mut Engine, now: Now, errand: &Errand, result: ErrandResult) -> Vec<Errand> {
    let event = Event::ErrandEnded { errand: errand.id, result };
    errands(&engine.step(now, vec![Input::Event(event)]).unwrap())
}

fn done() -> ErrandResult {
    ErrandResult::Done { detail: String::new() }
}

fn failed() -> ErrandResult {
    ErrandResult::Failed { reason: "exit code 1".into() }
}

fn later(ms: i64) -> Now {
    Now { wall: NOW.wall.plus(ms), mono: NOW.mono.plus(ms) }
}

#[test]
fn what_is_owed_to_a_file_is_done_one_by_one_in_its_order() {
    let all = [ErrandKind::AfterUpload, ErrandKind::OnUploaded, ErrandKind::Sidecar];
    let (mut engine, mut next) = uploaded(&all, 1);
    let mut kinds = Vec::new();
    while let Some(errand) = next.pop() {
        assert_eq!(next, []);
        kinds.push(errand.kind);
        next = ends(&mut engine, NOW, &errand, done());
    }
    assert_eq!(kinds, [ErrandKind::Sidecar, ErrandKind::OnUploaded, ErrandKind::AfterUpload]);
    assert_eq!(engine.ledger().errand_counts(&[FolderId(1)]).unwrap(), (0, 0, None));
}

#[test]
fn what_fails_holds_up_what_follows_for_its_file_and_for_no_other() {
    let (mut engine, first) = uploaded(&[ErrandKind::OnUploaded, ErrandKind::AfterUpload], 2);
    let [one, other] = &first[..] else { panic!("{first:?}") };
    assert_eq!(ends(&mut engine, NOW, one, failed()), []);
    let next = ends(&mut engine, NOW, other, done());
    assert_eq!(
        next.iter().map(|errand| errand.kind).collect::<Vec<_>>(),
        [ErrandKind::AfterUpload]
    );
    assert_eq!(next[0].path, other.path);
}

#[test]
fn a_program_that_fails_for_file_after_file_is_tried_with_one_at_a_time() {
    let (mut engine, first) = uploaded(&[ErrandKind::OnUploaded], 20);
    assert_eq!(first.len(), 4, "so many at once");
    let mut running = first;
    let mut begun = 0;
    for _ in 0..3 {
        let errand = running.remove(0);
        let next = ends(&mut engine, NOW, &errand, failed());
        begun += next.len();
        running.extend(next);
    }
    assert_eq!(begun, 2, "the third failure in a row holds the others up");
    for errand in std::mem::take(&mut running) {
        assert_eq!(ends(&mut engine, NOW, &errand, failed()), [], "no other takes its place");
    }
    // Nothing before its time, then one, and no second beside it.
    assert_eq!(errands(&engine.step(later(79_999), Vec::new()).unwrap()), []);
    let tried = errands(&engine.step(later(80_000), Vec::new()).unwrap());
    assert_eq!(tried.len(), 1);
    assert_eq!(errands(&engine.step(later(85_000), Vec::new()).unwrap()), []);
    // It works again: all of them, as many at once as ever.
    let next = ends(&mut engine, later(90_000), &tried[0], done());
    assert_eq!(next.len(), 4);
}

#[test]
fn an_errand_is_tried_ever_later_and_given_up_in_the_end() {
    let (mut engine, first) = uploaded(&[ErrandKind::OnUploaded], 1);
    let (mut now, mut errand) = (NOW, first[0].clone());
    let mut pauses = Vec::new();
    loop {
        assert_eq!(ends(&mut engine, now, &errand, failed()), []);
        if engine.ledger().errand_counts(&[FolderId(1)]).unwrap().1 == 1 {
            break;
        }
        // By seconds, until it is tried again.
        let mut waited_s = 0;
        errand = loop {
            waited_s += 1;
            now = Now { wall: now.wall.plus(1_000), mono: now.mono.plus(1_000) };
            if let Some(errand) = errands(&engine.step(now, Vec::new()).unwrap()).pop() {
                break errand;
            }
            assert!(waited_s <= 3_600, "{pauses:?}");
        };
        pauses.push(waited_s);
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]);
}

#[test]
fn nothing_is_done_for_files_of_a_folder_that_is_away() {
    let (mut engine, first) = uploaded(&[ErrandKind::OnUploaded], 5);
    let away = ScanResult::Away { reason: "not there".into() };
    let away = Event::ScanEnded { folder: FolderId(1), result: away };
    engine.step(NOW, vec![Input::Event(away)]).unwrap();
    assert_eq!(ends(&mut engine, NOW, &first[0], done()), []);
    let back = Event::ScanEnded { folder: FolderId(1), result: ScanResult::Complete };
    let step = engine.step(NOW, vec![Input::Event(back)]).unwrap();
    assert_eq!(errands(&step).len(), 1, "the fifth");
}

#[test]
fn what_was_given_up_and_is_owed_again_comes_before_what_follows_it() {
    let (mut engine, first) = uploaded(&[ErrandKind::OnUploaded, ErrandKind::AfterUpload], 1);
    let (mut now, mut errand) = (NOW, first[0].clone());
    // Given up: what follows begins.
    while errand.kind == ErrandKind::OnUploaded {
        let next = ends(&mut engine, now, &errand, failed());
        now = Now { wall: now.wall.plus(3_600_000), mono: now.mono.plus(3_600_000) };
        let next = next.into_iter().next();
        errand = next
            .unwrap_or_else(|| errands(&engine.step(now, Vec::new()).unwrap()).pop().expect("one"));
    }
    let retry = Command::Retry { path: errand.path.clone() };
    let step = engine.step(now, vec![Input::Event(Event::Asked(retry))]).unwrap();
    assert_eq!(errands(&step), [], "the move of this very file is under way");
    assert_eq!(engine.ledger().verify().unwrap(), []);
    let kinds = |errands: &[Errand]| errands.iter().map(|errand| errand.kind).collect::<Vec<_>>();
    // It did not work, and waits for the other.
    let again = ends(&mut engine, now, &errand, failed());
    assert_eq!(kinds(&again), [ErrandKind::OnUploaded]);
    assert_eq!(engine.ledger().verify().unwrap(), []);
    let next = ends(&mut engine, now, &again[0], done());
    assert_eq!(kinds(&next), [ErrandKind::AfterUpload]);
    assert_eq!(ends(&mut engine, now, &next[0], done()), []);
    assert_eq!(engine.ledger().errand_counts(&[FolderId(1)]).unwrap(), (0, 0, None));
}

#[test]
fn what_is_forgotten_is_not_moved_away_for_what_it_was() {
    let (mut engine, first) = uploaded(&[ErrandKind::OnUploaded, ErrandKind::AfterUpload], 1);
    let hash = first[0].hash.expect("a content");
    let forget = Command::Forget { key: UploadKey { hash, account: AccountId(1) } };
    engine.step(NOW, vec![Input::Event(Event::Asked(Command::Pause { until: None }))]).unwrap();
    engine.step(NOW, vec![Input::Event(Event::Asked(forget))]).unwrap();
    assert_eq!(ends(&mut engine, NOW, &first[0], done()), []);
    assert_eq!(engine.ledger().errand_counts(&[FolderId(1)]).unwrap(), (0, 0, None));
    assert_eq!(engine.ledger().verify().unwrap(), []);
}

#[test]
fn slow_programs_of_one_folder_keep_no_other_waiting() {
    let ledger = Ledger::in_memory("https://api.test", NOW.wall).unwrap();
    let account = ledger.account(Some("a@x")).unwrap();
    let wants = Wants::of([ErrandKind::OnUploaded]);
    let folders = ["/d", "/e"].map(|root| {
        let (folder, _) = ledger.folder(Path::new(root)).unwrap();
        ledger.set_wants(folder, wants, NOW.wall).unwrap();
        FolderPolicy { wants, ..policy(folder, account) }
    });
    let limits = Limits { concurrency: 100, ..Limits::default() };
    let mut engine = Engine::new(ledger, limits, folders.into(), NOW).unwrap();
    let files: Vec<(i64, String)> = (1..=12)
        .map(|id| (1, format!("/d/{id:02}.png")))
        .chain([(2, "/e/13.png".into())])
        .collect();
    let ids = || (1_u8..).zip(&files);
    let seen =
        ids().map(|(id, (folder, path))| seen(*folder, path, Look::File(stat(u64::from(id)))));
    engine.step(NOW, seen.collect()).unwrap();
    let read = ids().map(|(id, (_, path))| identified(path, id));
    let step = engine.step(NOW, read.collect()).unwrap();
    let running = errands(&engine.step(NOW, stored(&step)).unwrap());
    assert_eq!(running.len(), 4);
    // Twelve of one folder wait, and one of the other, which has its turn among the first.
    assert!(running.iter().any(|errand| errand.folder == FolderId(2)), "{running:?}");
}
