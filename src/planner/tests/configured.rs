//! The configuration is read again while all goes on.

use super::story;

#[test]
fn what_did_not_change_is_left_alone() {
    story(
        "
        ~ put cat.png A
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
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
            write settling four.png: waiting until nobody has changed it for a while
            say seen four.png
        > configured 2
            do withdraw 1 2
            do scan 2
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded one.png: x1
        > scan 2
            say scanned 2
        > rest
            it is done
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
            do withdraw 1 2
            do scan 1
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
        > scan 1
            write relink one.png to b in folder 1
            write relink two.png to b in folder 1
            write open 3: A on b as one.png
            do send 3: one.png to b@x
            say scanned 1
            say uploading one.png
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            write open 4: B on b as two.png
            do send 4: two.png to b@x
            say uploaded one.png: x1
            say uploading two.png
        > sent 3 stored x3
            write close 3 stored
            write A on b is x3
            say uploaded one.png: x3
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
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +2s
            do look cat.png
        > configured 1!
            do scan 1
        > scan 1
            do read cat.png
            say scanned 1
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
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
            do look cat.png
            do scan 1
        > see cat.png
        > +4s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 4.000 s; whether somebody writes cannot be told (not on this disk); its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
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
            do look cat.png
            do scan 2
        > see cat.png
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write push cat.png to a has ended
            write queue push cat.png: A on a
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say uploading cat.png
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded cat.png: x1
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
            do scan 2
        > read cat.png
        ",
    );
}
