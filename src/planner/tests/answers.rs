//! What an answer that is about one file leads to, and what becomes of its source.

use super::story;

#[test]
pub(super) fn a_broken_connection_is_retried_ever_later_at_a_stored_time() {
    story(
        "
        ~ arrive cat.png A
        > sent 1 broken
            write close 1 not_sent: connection reset
            write retry A on a in 1.410s (1 failures, 0 doubts): connection reset
            say retry cat.png in 1.410s: connection reset
        > +1s
        > timeout
            in 0.410s: an upload is to be tried again
        > +1s
            write open 2: A on a as cat.png
            do send 2: cat.png to a@x
            say uploading cat.png
        > sent 2 broken
            write close 2 not_sent: connection reset
            write retry A on a in 3.474s (2 failures, 0 doubts): connection reset
            say retry cat.png in 3.474s: connection reset
        > +4s
            write open 3: A on a as cat.png
            do send 3: cat.png to a@x
            say uploading cat.png
        > sent 3 broken
            write close 3 not_sent: connection reset
            write retry A on a in 6.058s (3 failures, 0 doubts): connection reset
            say retry cat.png in 6.058s: connection reset
        # The time is on disk: a restart neither forgets nor shortens it.
        > restart
            do scan 1
        > +6s
        > +1s
            write open 4: A on a as cat.png
            do send 4: cat.png to a@x
            say uploading cat.png
        ",
    );
}

#[test]
fn a_stored_time_further_ahead_than_any_delay_counts_as_come() {
    story(
        "
        ~ arrive cat.png A
        > clock 24h
        > sent 1 broken
            write close 1 not_sent: connection reset
            write retry A on a in 1.410s (1 failures, 0 doubts): connection reset
            say retry cat.png in 1.410s: connection reset
        # The clock is put right: the time that was stored is a day away.
        > clock -24h
        > restart
            write open 2: A on a as cat.png
            do scan 1
            do send 2: cat.png to a@x
            say uploading cat.png
        ",
    );
}

#[test]
fn a_refused_file_fails_alone() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        > sent 1 413 too large
            write close 1 refused: 413: too large
            write fail A on a: 413: too large
            say failed a.png: 413: too large
        > sent 2 stored x2
            write close 2 stored
            write B on a is x2
            say uploaded b.png: x2
        > state a.png
            a.png is failed: 413: too large on a
        > restart
            do scan 1
        ",
    );
}

#[test]
fn eight_failures_fail_an_upload_while_others_pass() {
    story(
        "
        ~ arrive bad.png B
        ~ sent 1 broken
        ~ +2s
        ~ sent 2 broken
        ~ +4s
        ~ sent 3 broken
        ~ +8s
        ~ sent 4 broken
        ~ +16s
        ~ sent 5 broken
        ~ +32s
        ~ sent 6 broken
        ~ +64s
        ~ sent 7 broken
        ~ arrive good.png G
        ~ sent 8 stored x1
        ~ +128s
        > sent 9 broken
            write close 9 not_sent: connection reset
            write fail B on a: connection reset (8 times, while other uploads passed)
            say failed bad.png: connection reset (8 times, while other uploads passed)
        > state bad.png
            bad.png is failed: connection reset (8 times, while other uploads passed) on a
        ",
    );
}

#[test]
fn eight_failures_fail_nothing_while_nothing_passes() {
    story(
        "
        ~ arrive good.png G
        ~ sent 1 stored x1
        ~ arrive bad.png B
        ~ sent 2 broken
        ~ +2s
        ~ sent 3 broken
        ~ +4s
        ~ sent 4 broken
        ~ +8s
        ~ sent 5 broken
        ~ +16s
        ~ sent 6 broken
        ~ +32s
        ~ sent 7 broken
        ~ +64s
        ~ sent 8 broken
        ~ +128s
        > sent 9 broken
            write close 9 not_sent: connection reset
            write retry B on a in 158.257s (8 failures, 0 doubts): connection reset
            say retry bad.png in 158.257s: connection reset
        > state bad.png
            bad.png is queued on a
        ",
    );
}

#[test]
fn a_file_that_changes_while_it_is_sent_settles_again() {
    story(
        "
        ~ arrive cat.png A
        ~ put cat.png B
        > sent 1 changed
            write close 1 not_sent: the file changed after it was read; its last bytes were not sent
            write settling cat.png: the file changed after it was read; its last bytes were not sent
            do look cat.png
            say retry cat.png: the file changed after it was read; its last bytes were not sent
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
        ~ +2s
        ~ see cat.png
        > read cat.png
            write link cat.png to B on a as cat.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
            write open 2: B on a as cat.png
            do send 2: cat.png to a@x
            say settled cat.png as B
            say uploading cat.png
        ",
    );
}

#[test]
fn a_file_that_vanishes_while_it_is_sent_is_gone_and_its_copy_is_sent() {
    story(
        "
        ~ arrive cat.png A
        ~ arrive copy.png A
        ~ rm cat.png
        > sent 1 gone
            write close 1 not_sent: the file is gone
            write cat.png is gone
            write open 2: A on a as cat.png
            do send 2: copy.png to a@x
            say gone cat.png
            say uploading copy.png
        ",
    );
}

#[test]
fn a_file_that_cannot_be_read_while_it_is_sent_settles_again() {
    story(
        "
        ~ arrive cat.png A
        ~ put cat.png A old locked
        > sent 1 unreadable
            write close 1 not_sent: input/output error
            write settling cat.png: input/output error
            do look cat.png
            say retry cat.png: input/output error
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
        > read cat.png
            write cat.png failed: permission denied
            say failed cat.png: permission denied
        ",
    );
}

#[test]
fn a_stop_takes_back_what_is_in_flight_and_begins_nothing() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        > stop
            do withdraw 1 2
        > sent 1 withdrawn
            write close 1 not_sent: taken back unsent
        > put c.png C old
        > see c.png
            write settling c.png: waiting until nobody has changed it for a while
            say seen c.png
        > sent 2 stored x2
            write close 2 stored
            write B on a is x2
            say uploaded b.png: x2
        > timeout
            never
        ",
    );
}
