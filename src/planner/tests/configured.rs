//! The configuration is read again while all goes on.

use super::story;

#[test]
fn what_did_not_change_is_left_alone() {
    story(
        "
        ~ put cat.png A
        > see cat.png
        > configured 1
        ",
    );
}

#[test]
fn a_folder_that_is_added_is_scanned_and_one_that_is_removed_is_left() {
    story(
        "
        given concurrency 1
        ~ arrive one.png A
        ~ arrive two.png B
        ~ arrive three.png C
        ~ put four.png D
        > see four.png
        > configured 2
        > sent 2 withdrawn
        > sent 1 stored x1
        > scan 2
        > rest
        > see five.png
        > +1h
        ",
    );
}

#[test]
fn another_account_is_asked_for_in_a_scan_and_what_has_not_begun_is_taken_back() {
    story(
        "
        given accounts a b
        given concurrency 1
        ~ arrive one.png A
        ~ arrive two.png B
        > configured 1=b
        > sent 2 withdrawn
        > scan 1
        > sent 1 stored x1
        > sent 3 stored x3
        ",
    );
}

#[test]
fn what_was_asked_of_former_eyes_is_not_waited_for() {
    story(
        "
        ~ owe 1
        ~ put cat.png A
        > see cat.png
        > +2s
        > configured 1!
        > scan 1
        > read cat.png
        ",
    );
}

#[test]
fn a_shorter_quiet_time_holds_at_once() {
    story(
        "
        given folder 1 a settle=1h
        ~ put cat.png A foreign
        ~ see cat.png
        > configured 1:settle=1s
        > see cat.png
        > +4s
        > see cat.png
        > read cat.png
        ",
    );
}

#[test]
fn a_push_goes_on_when_its_folder_is_watched_no_more() {
    story(
        "
        ~ put cat.png A
        ~ see cat.png
        ~ push cat.png a
        > configured 2
        > see cat.png
        > +2s
        > see cat.png
        > read cat.png
        > sent 1 stored x1
        ",
    );
}

#[test]
fn what_is_being_read_of_a_folder_that_is_left_is_dropped() {
    story(
        "
        ~ put cat.png A old
        ~ see cat.png
        > configured 2
        > read cat.png
        ",
    );
}
