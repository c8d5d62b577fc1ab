//! First lines, from a view and counts.

use super::*;
use crate::daemon::{FolderNow, StopView};
use crate::planner::{Condition, FolderId, Paused, Wall};

fn view() -> View {
    View {
        done: true,
        scans_owed: false,
        next_try_at: None,
        paused: None,
        stops: Vec::new(),
        folders: vec![FolderNow {
            id: FolderId(1),
            account: AccountId(1),
            mode: "events",
            reason: None,
            unseen: None,
            last_scan_at: None,
            missed_by_events: 0,
        }],
        arming: 0,
        uploading: Vec::new(),
        opened_ahead: 0,
        to_read: (0, 0),
        allowed: 2,
        bytes_per_second: 0,
    }
}

fn status(view: &View, counts: Counts) -> Status {
    let mut status = Status {
        schema: 1,
        version: "0".into(),
        pid: 1,
        started_at: String::new(),
        state: String::new(),
        done: view.done && counts.open() == 0,
        reason: None,
        counts,
        bytes_left: 120_000_000,
        bytes_per_second: view.bytes_per_second,
        folders: view
            .folders
            .iter()
            .map(|folder| FolderStatus {
                path: "/d".into(),
                account: None,
                mode: folder.mode.into(),
                last_scan_at: None,
                missed_by_events: 0,
                reason: folder.reason.clone().or_else(|| folder.unseen.as_deref().map(unseen)),
            })
            .collect(),
        accounts: Vec::new(),
        uploading: Vec::new(),
        errands: None,
    };
    status.judge(view);
    status
}

fn stop(account: Option<i64>, cause: Cause, reason: &str) -> StopView {
    StopView { account: account.map(AccountId), cause, reason: reason.into(), until: None }
}

/// State, whether it is done, and the first line, with clock times as `T`.
fn told(view: &View, counts: Counts) -> (String, bool, String) {
    let status = status(view, counts);
    let line = status.line(Wall(0));
    let clock = time_of_day(Wall(0));
    (
        status.state.clone(),
        status.done,
        line.replace(&when_and_how_far(Wall(0)), "T").replace(&clock, "T"),
    )
}

fn is(told: (String, bool, String), state: &str, done: bool, line: &str) {
    assert_eq!((told.0.as_str(), told.1, told.2.as_str()), (state, done, line));
}

#[test]
fn all_done_is_said_with_its_time_and_failures_do_not_take_it_back() {
    is(told(&view(), Counts::default()), "idle", true, "all done as of T");
    let counts = Counts { failed: 1, held: 2, ..Counts::default() };
    is(told(&view(), counts), "attention", true, "all done as of T; 1 file failed, 2 held");
}

#[test]
fn what_no_scan_could_see_is_said_with_all_that_is_done() {
    let mut blind = view();
    blind.folders[0].unseen = Some("/d/closed: permission denied".into());
    let line = "all done as of T; not all could be seen: /d/closed: permission denied";
    is(told(&blind, Counts::default()), "attention", true, line);
}

#[test]
fn what_waits_says_for_what_and_until_when() {
    let mut waits = view();
    waits.done = false;
    waits.next_try_at = Some(Wall(0));
    waits.stops = vec![stop(Some(1), Cause::Rate, "429: slow down")];
    let counts = Counts { queued: 3, ..Counts::default() };
    let line = "3 files waiting, next try T: the server asked to slow down: 429: slow down";
    is(told(&waits, counts), "busy", false, line);
    waits.stops = vec![stop(None, Cause::Offline, "no route")];
    let line = "3 files waiting, next try T: no connection: no route";
    is(told(&waits, counts), "offline", false, line);
}

#[test]
fn what_only_a_person_can_mend_comes_first() {
    let mut stopped = view();
    stopped.done = false;
    stopped.stops = vec![stop(None, Cause::Token, "401: Unauthorized")];
    let counts = Counts { queued: 1, ..Counts::default() };
    let line = "the token is refused: 401: Unauthorized; 1 file waiting";
    is(told(&stopped, counts), "attention", false, line);
    let line = "the token is refused: 401: Unauthorized";
    is(told(&stopped, Counts::default()), "attention", false, line);
    stopped.stops = vec![stop(None, Cause::NoToken, "the keyring is locked")];
    let line = "there is no token: the keyring is locked; to open it: secret-tool lookup service \
                taxiway >/dev/null; 1 file waiting";
    is(told(&stopped, counts), "attention", false, line);
}

#[test]
fn a_pause_and_a_root_that_is_away_are_said() {
    let mut paused = view();
    paused.paused = Some(Paused::Asked { until: None });
    let counts = Counts { queued: 2, ..Counts::default() };
    let line = "paused until somebody says: taxiway resume; 2 files waiting";
    is(told(&paused, counts), "paused", false, line);
    assert_eq!(status(&paused, counts).next(), ["resume"]);
    paused.paused = Some(Paused::While(Condition::Battery));
    assert!(status(&paused, counts).next().is_empty(), "it goes on by itself");
    let line =
        "paused while on battery power (to go on all the same: taxiway resume); 2 files waiting";
    is(told(&paused, counts), "paused", false, line);
    // It ends by itself, and what only a person ends does not.
    paused.stops = vec![stop(None, Cause::Token, "401: Unauthorized")];
    let line = "the token is refused: 401: Unauthorized; 2 files waiting";
    is(told(&paused, counts), "attention", false, line);
    let mut away = view();
    away.done = false;
    away.folders[0].mode = "away";
    away.folders[0].reason = Some("/d: not found".into());
    is(told(&away, Counts::default()), "busy", false, "a folder is away: /d: not found");
}

#[test]
fn what_goes_out_is_counted_with_its_rate_and_the_time_that_is_left() {
    let mut busy = view();
    busy.done = false;
    busy.bytes_per_second = 4_200_000;
    let counts = Counts { uploading: 2, queued: 12, ..Counts::default() };
    let line = "uploading 2 of 14 files, 120 MB left, 4.2 MB/s, about 28 s";
    is(told(&busy, counts), "busy", false, line);
    let counts = Counts { settling: 1, ..Counts::default() };
    is(told(&busy, counts), "busy", false, "1 file settling");
    is(told(&busy, Counts::default()), "busy", false, "looking for new files");
}
