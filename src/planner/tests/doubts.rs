//! Sent whole and not answered: looking it up before anything is sent again.

use super::story;

#[test]
fn an_unknown_upload_is_looked_up_at_fixed_times_and_found() {
    story(
        "
        ~ arrive cat.png A
        > sent 1 lost
            write doubt 1: no answer
            say unknown cat.png: no answer
        > timeout
            in 1s: an upload in doubt is to be looked up
        > +1s
            do list a
        > list a nothing
            write look 1 for 1: not in the list yet
        > +4s
            do list a
        > list a nothing
            write look 2 for 1: not in the list yet
        > +15s
            do list a
        > list a x1=cat.png:10@-20s
            write close 1 found: found in the list
            write A on a is x1
            say uploaded cat.png: x1 (found)
        > state cat.png
            cat.png is uploaded as x1 on a
        ",
    );
}

#[test]
pub(super) fn what_is_not_there_at_the_last_look_is_sent_again() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost 7s
        ~ +1s
        > list a nothing
            write look 1 for 1: not in the list yet
        ~ +4s
        > list a nothing
            write look 2 for 1: not in the list yet
        ~ +15s
        > list a nothing
            write look 3 for 1: not in the list yet
        ~ +40s
        > list a nothing
            write look 4 for 1: not in the list yet
        # The last look comes after the time the upload took.
        > timeout
            in 7s: an upload in doubt is to be looked up
        > +7s
            do list a
        > list a nothing
            write close 1 absent: sent whole, answer lost, and not in the list
            write retry A on a in 1.410s (1 failures, 1 doubts): sent whole, answer lost, and not in the list
            say retry cat.png in 1.410s: sent whole, answer lost, and not in the list
        > +2s
            write open 2: A on a as cat.png
            do send 2: cat.png to a@x
            say uploading cat.png
        ",
    );
}

#[test]
fn a_look_that_fails_does_not_count() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost
        > +1s
            do list a
        > list a offline
        > timeout
            in 7.495s: an upload in doubt is to be looked up
        > +8s
            do list a
        > list a nothing
            write look 1 for 1: not in the list yet
            do list a
        ",
    );
}

#[test]
fn an_asset_older_than_the_attempt_is_another() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost
        ~ +1s
        > list a old=cat.png:10@-5min
            write look 1 for 1: not in the list yet
        ",
    );
}

#[test]
fn an_asset_that_the_ledger_has_is_another() {
    story(
        "
        ~ arrive dog.png D
        ~ sent 1 stored x1
        ~ arrive s/dog.png A
        ~ sent 2 lost
        ~ +1s
        > list a x1=dog.png:10
            write look 1 for 2: not in the list yet
        ",
    );
}

#[test]
pub(super) fn three_doubts_in_a_row_hold_an_upload() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost
        ~ +1min
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        > list a nothing
            write close 1 absent: sent whole, answer lost, and not in the list
            write retry A on a in 1.410s (1 failures, 1 doubts): sent whole, answer lost, and not in the list
            say retry cat.png in 1.410s: sent whole, answer lost, and not in the list
        ~ +2s
        ~ sent 2 lost
        ~ +1min
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        > list a nothing
            write close 2 absent: sent whole, answer lost, and not in the list
            write retry A on a in 3.474s (2 failures, 2 doubts): sent whole, answer lost, and not in the list
            say retry cat.png in 3.474s: sent whole, answer lost, and not in the list
        ~ +5s
        ~ sent 3 lost
        ~ +1min
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        > list a nothing
            write close 3 absent: sent whole, answer lost, and not in the list
            write hold A on a: sent whole, answer lost, and not in the list, 3 times in a row
            say held cat.png: sent whole, answer lost, and not in the list, 3 times in a row
        > state cat.png
            cat.png is held: sent whole, answer lost, and not in the list, 3 times in a row on a
        ",
    );
}

#[test]
fn an_upload_is_held_when_the_list_cannot_tell() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost
        ~ +1min
        > list a x1=cat.png:?
            write look 1 for 1: the list does not give sizes
            do list a
        ~ +1s
        ~ list a x1=cat.png:?
        ~ +1s
        ~ list a x1=cat.png:?
        ~ +1s
        ~ list a x1=cat.png:?
        ~ +1s
        > list a x1=cat.png:?
            write close 1 cannot_tell: the list does not give sizes
            write hold A on a: sent whole, answer lost, and the list does not give sizes
            say held cat.png: sent whole, answer lost, and the list does not give sizes
        > rest
            it is done
        ",
    );
}

#[test]
fn a_list_that_shows_none_of_what_it_must_show_is_blind() {
    story(
        "
        ~ arrive old.png O
        ~ sent 1 stored x1
        ~ +2min
        ~ arrive cat.png A
        ~ sent 2 lost
        ~ +1s
        > list a nothing
            write look 1 for 2: the list shows none of the assets it must show
        > +4s
            do list a
        > list a x1=old.png:10@-2min
            write look 2 for 2: not in the list yet
        ",
    );
}

#[test]
pub(super) fn a_list_that_does_not_reach_back_cannot_tell() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost
        ~ +1s
        > list a short n1=new.png:3
            write look 1 for 1: the list does not reach back far enough
        ",
    );
}

#[test]
fn an_attempt_that_a_crash_left_open_is_looked_up_and_not_sent_again() {
    story(
        "
        ~ arrive cat.png A
        > restart
            do scan 1
        > timeout
            in 1s: an upload in doubt is to be looked up
        > +1s
            do list a
        > list a x1=cat.png:10@-1s
            write close 1 found: found in the list
            write A on a is x1
            say uploaded cat.png: x1 (found)
        ",
    );
}

#[test]
fn looks_are_counted_across_a_restart() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost
        ~ +1s
        ~ list a nothing
        ~ +4s
        > list a nothing
            write look 2 for 1: not in the list yet
        > restart
            do scan 1
        > timeout
            in 20s: an upload in doubt is to be looked up
        ",
    );
}

#[test]
fn one_list_settles_all_doubts_of_an_account() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ sent 1 lost
        ~ sent 2 lost
        > +1s
            do list a
        > list a x2=b.png:2 x1=a.png:1
            write close 1 found: found in the list
            write A on a is x1
            write close 2 found: found in the list
            write B on a is x2
            say uploaded a.png: x1 (found)
            say uploaded b.png: x2 (found)
        ",
    );
}

#[test]
pub(super) fn too_many_doubts_let_nothing_new_begin() {
    story(
        "
        given doubts 2
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ sent 1 lost
        ~ sent 2 lost
        > arrive c.png C:3
            write settling c.png: waiting until nobody has changed it for a while
            do read c.png
            say seen c.png
            write link c.png to C on a as c.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled c.png as C
        > +1s
            do list a
        > list a x1=a.png:1
            write close 1 found: found in the list
            write A on a is x1
            write look 1 for 2: not in the list yet
            write open 3: C on a as c.png
            do send 3: c.png to a@x
            say uploaded a.png: x1 (found)
            say uploading c.png
        ",
    );
}

#[test]
fn a_doubt_that_would_sink_below_the_reach_of_the_list_lets_nothing_new_begin() {
    story(
        "
        given newer 2
        ~ arrive a.png A:1
        ~ sent 1 lost
        ~ arrive b.png B:2
        ~ sent 2 stored x2
        ~ arrive c.png C:3
        ~ sent 3 stored x3
        > arrive d.png D:4
            write settling d.png: waiting until nobody has changed it for a while
            do read d.png
            say seen d.png
            write link d.png to D on a as d.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled d.png as D
        > +1s
            do list a
        > list a x1=a.png:1
            write close 1 found: found in the list
            write A on a is x1
            write open 4: D on a as d.png
            do send 4: d.png to a@x
            say uploaded a.png: x1 (found)
            say uploading d.png
        ",
    );
}

#[test]
fn a_lost_answer_does_not_make_a_refused_token_list() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 lost
        ~ +1s
        > list a 401
        > +1min
            do list a
        > list a 401
            say stopped all (auth): 401: no
        > +1h
        > token
            say resumed all
        > +1min
            do list a
        ",
    );
}

#[test]
fn what_a_crash_left_open_and_is_not_there_does_not_count_as_a_loss() {
    story(
        "
        ~ arrive cat.png A
        ~ restart
        ~ +1min
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        ~ list a nothing
        ~ +1s
        > list a nothing
            write close 1 absent: sent whole, answer lost, and not in the list
            write retry A on a in 1.410s (1 failures, 0 doubts): sent whole, answer lost, and not in the list
            say retry cat.png in 1.410s: sent whole, answer lost, and not in the list
        > +2s
            write open 2: A on a as cat.png
            do send 2: cat.png to a@x
            say uploading cat.png
        ",
    );
}

#[test]
pub(super) fn a_doubt_may_not_take_what_a_held_upload_may_own() {
    story(
        "
        ~ arrive cat.png A:10
        ~ sent 1 lost
        ~ +1min
        ~ list a x1=cat.png:10 x2=cat.png:10
        ~ +1s
        ~ list a x1=cat.png:10 x2=cat.png:10
        ~ +1s
        ~ list a x1=cat.png:10 x2=cat.png:10
        ~ +1s
        ~ list a x1=cat.png:10 x2=cat.png:10
        ~ +1s
        > list a x1=cat.png:10 x2=cat.png:10
            write close 1 cannot_tell: several assets of this name and size
            write hold A on a: sent whole, answer lost, and several assets of this name and size
            say held cat.png: sent whole, answer lost, and several assets of this name and size
        ~ arrive s/cat.png B:10
        ~ sent 2 lost
        ~ +1s
        > list a x1=cat.png:10
            write look 1 for 2: another upload of this name and size is held
        ",
    );
}

#[test]
pub(super) fn a_generated_asset_is_another() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 lost
        ~ +1s
        > list a x1!=cat.png:10
            write look 1 for 1: not in the list yet
        ",
    );
}
