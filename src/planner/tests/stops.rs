//! Answers that are not about one file: what stops, for whom, and what starts it again.

use super::story;

#[test]
fn offline_burns_no_failure_and_probes_with_one() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ arrive c.png C:3
        > sent 1 offline
            write close 1 not_sent: no route
            do withdraw 2 3
            say stopped all (offline), next try in 0.705s: no route
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
        > sent 3 offline
            write close 3 not_sent: no route
        > arrive d.png D:4
            write settling d.png: waiting until nobody has changed it for a while
            do read d.png
            say seen d.png
            write link d.png to D on a as d.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled d.png as D
        > rest
            it is moving, next in 0.705s
        > timeout
            in 0.705s: a stop is to be tried
        > +1s
            write open 4: A on a as a.png
            do send 4: a.png to a@x
            say uploading a.png
        > sent 4 offline
            write close 4 not_sent: no route
        > +2s
            write open 5: A on a as a.png
            do send 5: a.png to a@x
            say uploading a.png
        > sent 5 stored x5
            write close 5 stored
            write A on a is x5
            write open 6: B on a as b.png
            write open 7: C on a as c.png
            write open 8: D on a as d.png
            do send 6: b.png to a@x
            do send 7: c.png to a@x
            do send 8: d.png to a@x
            say resumed all
            say uploaded a.png: x5
            say uploading b.png
            say uploading c.png
            say uploading d.png
        ",
    );
}

#[test]
pub(super) fn a_refused_token_stops_all_uploads_until_it_changes() {
    story(
        "
        given accounts a b
        given folder 2 b
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        # An edge in trouble says so once: it is asked once more.
        > sent 1 401
            write close 1 refused: 401: no
            do withdraw 2
            say retry a.png in 2s: 401: no
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
        > +2s
            write open 3: A on a as a.png
            do send 3: a.png to a@x
            say uploading a.png
        > sent 3 401
            write close 3 refused: 401: no
            say stopped all (auth): 401: no
        > arrive 2/c.png C:3
            write settling /2/c.png: waiting until nobody has changed it for a while
            do read /2/c.png
            say seen /2/c.png
            write link /2/c.png to C on b as c.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled /2/c.png as C
        > +24h
            do scan 1
            do scan 2
        ~ scan 1
        ~ scan 2
        > timeout
            in 24h: a folder is to be scanned
        # A new start reads the token anew, and meets the same answer twice.
        > restart
            write open 4: A on a as a.png
            write open 5: C on b as c.png
            write open 6: B on a as b.png
            do scan 1
            do scan 2
            do send 4: a.png to a@x
            do send 5: /2/c.png to b@x
            do send 6: b.png to a@x
            say uploading a.png
            say uploading /2/c.png
            say uploading b.png
        > sent 4 401
            write close 4 refused: 401: no
            do withdraw 5 6
            say retry a.png in 2s: 401: no
        > sent 5 withdrawn
            write close 5 not_sent: taken back unsent
        > sent 6 withdrawn
            write close 6 not_sent: taken back unsent
        > +2s
            write open 7: C on b as c.png
            do send 7: /2/c.png to b@x
            say uploading /2/c.png
        > sent 7 401
            write close 7 refused: 401: no
            say stopped all (auth): 401: no
        > token
            write open 8: A on a as a.png
            write open 9: C on b as c.png
            write open 10: B on a as b.png
            do send 8: a.png to a@x
            do send 9: /2/c.png to b@x
            do send 10: b.png to a@x
            say resumed all
            say uploading a.png
            say uploading /2/c.png
            say uploading b.png
        ",
    );
}

#[test]
fn without_a_token_nothing_is_sent_until_there_is_one() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 lost
        > no token locked
            say stopped all (auth): locked
        ~ arrive b.png B:2
        # Another reason is no other stop.
        > no token silent
        # The doubt is not looked up either.
        > +1s
        > +10s
        > token
            write open 2: B on a as b.png
            do send 2: b.png to a@x
            say resumed all
            say uploading b.png
        > +10s
            do list a
        ",
    );
}

#[test]
fn an_old_tokens_refusal_does_not_stop_the_new_one() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        > sent 1 401
            write close 1 refused: 401: no
            do withdraw 2
            say retry a.png in 2s: 401: no
        > token
            write open 3: A on a as a.png
            do send 3: a.png to a@x
            say uploading a.png
        # The body of the second went out under the old token.
        > sent 2 401
            write close 2 refused: 401: no
            write open 4: B on a as b.png
            do send 4: b.png to a@x
            say uploading b.png
        > sent 3 stored x1
            write close 3 stored
            write A on a is x1
            say uploaded a.png: x1
        ",
    );
}

#[test]
fn a_list_asked_for_under_an_old_token_does_not_stop_the_new_one() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 lost
        > +1s
            do list a
        > token
        > list a 401
        > +10s
            do list a
        ",
    );
}

#[test]
fn an_expired_subscription_stops_all_and_is_tried_every_five_minutes() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        > sent 1 402
            write close 1 refused: 402: no
            do withdraw 2
            say retry a.png in 2s: 402: no
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
        > +2s
            write open 3: A on a as a.png
            do send 3: a.png to a@x
            say uploading a.png
        > sent 3 402
            write close 3 refused: 402: no
            say stopped all (subscription), next try in 5min: 402: no
        > +299s
        > +1s
            write open 4: A on a as a.png
            do send 4: a.png to a@x
            say uploading a.png
        > sent 4 402
            write close 4 refused: 402: no
        > +5min
            write open 5: A on a as a.png
            do send 5: a.png to a@x
            say uploading a.png
        > sent 5 stored x1
            write close 5 stored
            write A on a is x1
            write open 6: B on a as b.png
            do send 6: b.png to a@x
            say resumed all
            say uploaded a.png: x1
            say uploading b.png
        ",
    );
}

#[test]
fn a_broken_account_stops_that_account_alone() {
    story(
        "
        given accounts a b
        given folder 2 b
        ~ arrive a.png A:1
        > sent 1 596
            write close 1 refused: 596: no
            say stopped a (broken), next try in 5min: 596: no
        > arrive 2/b.png B:2
            write settling /2/b.png: waiting until nobody has changed it for a while
            do read /2/b.png
            say seen /2/b.png
            write link /2/b.png to B on b as b.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 2: B on b as b.png
            do send 2: /2/b.png to b@x
            say settled /2/b.png as B
            say uploading /2/b.png
        > arrive c.png C:3
            write settling c.png: waiting until nobody has changed it for a while
            do read c.png
            say seen c.png
            write link c.png to C on a as c.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled c.png as C
        > +5min
            write open 3: A on a as a.png
            do send 3: a.png to a@x
            say uploading a.png
        > sent 3 stored x1
            write close 3 stored
            write A on a is x1
            write open 4: C on a as c.png
            do send 4: c.png to a@x
            say resumed a
            say uploaded a.png: x1
            say uploading c.png
        ",
    );
}

#[test]
pub(super) fn a_server_that_asks_to_slow_down_gets_the_pause_it_asks_for() {
    story(
        "
        ~ arrive a.png A:1
        > sent 1 429 30s
            write close 1 refused: 429: 30s
            write retry A on a in 30s (0 failures, 0 doubts): 429: 30s
            write stop a (rate) in 30s
            say stopped a (rate), next try in 30s: 429: 30s
            say retry a.png in 30s: 429: 30s
        > +29s
        > +1s
            write open 2: A on a as a.png
            do send 2: a.png to a@x
            say uploading a.png
        > sent 2 stored x1
            write close 2 stored
            write A on a is x1
            write a may go on
            say resumed a
            say uploaded a.png: x1
        ",
    );
}

#[test]
fn an_upload_under_way_that_ends_well_does_not_shorten_that_pause() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        > sent 1 429 30s
            write close 1 refused: 429: 30s
            write retry A on a in 30s (0 failures, 0 doubts): 429: 30s
            write stop a (rate) in 30s
            do withdraw 2
            say stopped a (rate), next try in 30s: 429: 30s
            say retry a.png in 30s: 429: 30s
        > sent 2 stored x2
            write close 2 stored
            write B on a is x2
            say uploaded b.png: x2
        > +30s
            write open 3: A on a as a.png
            do send 3: a.png to a@x
            say uploading a.png
        ",
    );
}

#[test]
pub(super) fn the_same_refusal_of_three_files_stops_the_account_and_requeues_them() {
    story(
        "
        given concurrency 2
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ arrive c.png C:3
        > sent 1 400 unknown email
            write close 1 refused: 400: unknown email
            write fail A on a: 400: unknown email
            say failed a.png: 400: unknown email
        > sent 2 400 unknown email
            write close 2 refused: 400: unknown email
            write fail B on a: 400: unknown email
            say failed b.png: 400: unknown email
        > sent 3 400 unknown email
            write close 3 refused: 400: unknown email
            write requeue A on a: 400: unknown email
            write requeue B on a: 400: unknown email
            write requeue C on a: 400: unknown email
            say stopped a (refused), next try in 5min: 400: unknown email (the same for 3 files in a row)
        > state a.png
            a.png is queued on a
        > +5min
            write open 4: A on a as a.png
            do send 4: a.png to a@x
            say uploading a.png
        > sent 4 400 unknown email
            write close 4 refused: 400: unknown email
        > state a.png
            a.png is queued on a
        > +5min
            write open 5: A on a as a.png
            do send 5: a.png to a@x
            say uploading a.png
        > sent 5 stored x1
            write close 5 stored
            write A on a is x1
            write open 6: B on a as b.png
            write open 7: C on a as c.png
            do send 6: b.png to a@x
            do send 7: c.png to a@x
            say resumed a
            say uploaded a.png: x1
            say uploading b.png
            say uploading c.png
        ",
    );
}

#[test]
pub(super) fn three_server_errors_in_a_row_leave_one_probe_at_a_time() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ arrive c.png C:3
        ~ arrive d.png D:4
        > sent 1 502
            write doubt 1: answered 502
            say unknown a.png: answered 502
        > sent 2 502
            write doubt 2: answered 502
            say unknown b.png: answered 502
        > sent 3 502
            write doubt 3: answered 502
            write stop all (server) in 0.705s
            do withdraw 4
            say stopped all (server), next try in 0.705s: answered 502
            say unknown c.png: answered 502
        > sent 4 withdrawn
            write close 4 not_sent: taken back unsent
        > +1s
            write open 5: D on a as d.png
            do list a
            do send 5: d.png to a@x
            say uploading d.png
        > arrive e.png E:5
            write settling e.png: waiting until nobody has changed it for a while
            do read e.png
            say seen e.png
            write link e.png to E on a as e.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled e.png as E
        > sent 5 stored x5
            write close 5 stored
            write D on a is x5
            write all may go on
            write open 6: E on a as e.png
            do send 6: e.png to a@x
            say resumed all
            say uploaded d.png: x5
            say uploading e.png
        ",
    );
}

#[test]
fn server_errors_of_one_file_or_with_answers_in_between_stop_nobody() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ arrive c.png C:3
        ~ arrive d.png D:4
        > sent 1 502
            write doubt 1: answered 502
            say unknown a.png: answered 502
        > sent 2 413 too large
            write close 2 refused: 413: too large
            write fail B on a: 413: too large
            say failed b.png: 413: too large
        > sent 3 502
            write doubt 3: answered 502
            say unknown c.png: answered 502
        > sent 4 502
            write doubt 4: answered 502
            say unknown d.png: answered 502
        ",
    );
}

#[test]
fn different_refusals_in_between_are_about_the_files() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ arrive c.png C:3
        > sent 1 400 no
            write close 1 refused: 400: no
            write fail A on a: 400: no
            say failed a.png: 400: no
        > sent 2 400 bad picture
            write close 2 refused: 400: bad picture
            write fail B on a: 400: bad picture
            say failed b.png: 400: bad picture
        > sent 3 400 no
            write close 3 refused: 400: no
            write fail C on a: 400: no
            say failed c.png: 400: no
        ",
    );
}

#[test]
fn three_connections_that_break_on_different_files_are_the_servers_fault() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ arrive c.png C:3
        > sent 1 broken
            write close 1 not_sent: connection reset
            write retry A on a in 1.410s (1 failures, 0 doubts): connection reset
            say retry a.png in 1.410s: connection reset
        > sent 2 broken
            write close 2 not_sent: connection reset
            write retry B on a in 0.562s (1 failures, 0 doubts): connection reset
            say retry b.png in 0.562s: connection reset
        > sent 3 broken
            write close 3 not_sent: connection reset
            write retry C on a in 0.854s (1 failures, 0 doubts): connection reset
            write stop all (server) in 0.372s
            say stopped all (server), next try in 0.372s: connection reset
            say retry c.png in 0.854s: connection reset
        > rest
            it is moving, next in 0.372s
        > +10s
            write open 4: B on a as b.png
            do send 4: b.png to a@x
            say uploading b.png
        > sent 4 stored x4
            write close 4 stored
            write B on a is x4
            write all may go on
            write open 5: C on a as c.png
            write open 6: A on a as a.png
            do send 5: c.png to a@x
            do send 6: a.png to a@x
            say resumed all
            say uploaded b.png: x4
            say uploading c.png
            say uploading a.png
        ",
    );
}

#[test]
fn a_stop_that_stops_nothing_is_not_waited_for() {
    story(
        "
        ~ arrive a.png A:1
        > sent 1 offline
            write close 1 not_sent: no route
            say stopped all (offline), next try in 0.705s: no route
        > rm a.png
        > see a.png
            write a.png is gone
            say gone a.png
        > rest
            it is done
        ",
    );
}

#[test]
fn a_stop_whose_time_has_just_come_is_no_rest() {
    story(
        "
        ~ arrive a.png A:1
        > sent 1 429 2s
            write close 1 refused: 429: 2s
            write retry A on a in 2s (0 failures, 0 doubts): 429: 2s
            write stop a (rate) in 2s
            say stopped a (rate), next try in 2s: 429: 2s
            say retry a.png in 2s: 429: 2s
        > rest 1s
            it is moving, next in 1s
        > rest 3s
            it is moving, next in -1s
        ",
    );
}

#[test]
pub(super) fn a_pause_that_the_server_asked_for_holds_across_a_restart() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        > sent 1 429 10min
            write close 1 refused: 429: 10min
            write retry A on a in 10min (0 failures, 0 doubts): 429: 10min
            write stop a (rate) in 10min
            do withdraw 2
            say stopped a (rate), next try in 10min: 429: 10min
            say retry a.png in 10min: 429: 10min
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
        > +1min
        > restart
            do scan 1
        ~ scan 1
        > timeout
            in 9min: a stop is to be tried
        > +8min
        > +1min
            write open 3: A on a as a.png
            do send 3: a.png to a@x
            say uploading a.png
        > sent 3 stored x3
            write close 3 stored
            write A on a is x3
            write a may go on
            write open 4: B on a as b.png
            do send 4: b.png to a@x
            say resumed a
            say uploaded a.png: x3
            say uploading b.png
        ",
    );
}

#[test]
fn a_kept_stop_further_ahead_than_any_pause_counts_as_come() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 429 10min
        ~ clock -24h
        > restart
            write open 2: A on a as a.png
            do scan 1
            do send 2: a.png to a@x
            say uploading a.png
        ",
    );
}

#[test]
fn a_list_that_is_read_takes_a_first_refusal_of_the_token_back() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ sent 1 lost
        ~ sent 2 401
        > +2s
            write open 3: B on a as b.png
            do list a
            do send 3: b.png to a@x
            say uploading b.png
        > list a x1=a.png:1
            write close 1 found: found in the list
            write A on a is x1
            say uploaded a.png: x1 (found)
        > sent 3 401
            write close 3 refused: 401: no
            say retry b.png in 2s: 401: no
        ",
    );
}
