//! A person wants nothing to begin for a while.

use super::story;

#[test]
fn while_it_is_paused_nothing_begins_and_what_is_out_ends() {
    story(
        "
        given concurrency 1
        ~ arrive one.png A
        ~ arrive two.png B
        ~ arrive three.png C
        > pause
            write pause
            do withdraw 1 2
            say paused
        # What had not begun is taken back.
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded one.png: x1
        > rest
            it is waiting
        > arrive four.png D
            write settling four.png: waiting until nobody has changed it for a while
            do read four.png
            say seen four.png
            write link four.png to D on a as four.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled four.png as D
        > resume
            write pause no more
            write open 3: B on a as two.png
            write open 4: C on a as three.png
            do send 3: two.png to a@x
            do send 4: three.png to a@x
            say resumed
            say uploading two.png
            say uploading three.png
        > resume
        ",
    );
}

#[test]
fn a_pause_ends_at_its_time() {
    story(
        "
        > pause 2min
            write pause in 2min
            say paused in 2min
        ~ arrive cat.png A
        > timeout
            in 2min: a pause ends
        > +2min
            write pause no more
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say resumed
            say uploading cat.png
        ",
    );
}

#[test]
pub(super) fn a_pause_outlives_the_process_and_so_does_its_end() {
    story(
        "
        ~ pause 2min
        ~ arrive cat.png A
        ~ +1min
        > restart
            do scan 1
        > +59s
        > +1s
            write pause no more
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say resumed
            say uploading cat.png
        ",
    );
}

#[test]
fn a_doubt_is_looked_up_in_a_pause() {
    story(
        "
        ~ arrive cat.png A
        ~ pause
        > sent 1 lost
            write doubt 1: no answer
            say unknown cat.png: no answer
        > +1s
            do list a
        > list a x1=cat.png:10@0s
            write close 1 found: found in the list
            write A on a is x1
            say uploaded cat.png: x1 (found)
        ",
    );
}

#[test]
fn a_rescan_comes_at_once_and_again_if_one_is_under_way() {
    story(
        "
        > rescan
            do scan 1
        > rescan
        > scan 1
            do scan 1
            say scanned 1
        > scan 1
            say scanned 1
        ",
    );
}

#[test]
fn a_pause_ends_by_the_clock_on_the_wall_though_the_machine_slept() {
    story(
        "
        ~ pause 8h
        ~ arrive cat.png A
        > clock 8h
            write pause no more
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say resumed
            say uploading cat.png
        > timeout
            in 24h: a folder is to be scanned
        ",
    );
}
