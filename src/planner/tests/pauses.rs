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

#[test]
pub(super) fn what_uploads_wait_for_is_asked_about_before_they_go() {
    story(
        "
        given pause_on battery metered
        > timeout
            in 24h: a folder is to be scanned
        ~ put cat.png A old
        ~ see cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            do sense battery metered
            say settled cat.png as A
        > rest
            it is moving
        # Nothing is asked twice.
        ~ arrive dog.png B
        > sensed nothing
            write open 1: A on a as cat.png
            write open 2: B on a as dog.png
            do send 1: cat.png to a@x
            do send 2: dog.png to a@x
            say uploading cat.png
            say uploading dog.png
        # What was just said is believed.
        > +9s
        ~ sent 1 stored x1
        ~ put fox.png C old
        ~ see fox.png
        > read fox.png
            write link fox.png to C on a as fox.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 3: C on a as fox.png
            do send 3: fox.png to a@x
            say settled fox.png as C
            say uploading fox.png
        # And no longer.
        > +1s
        ~ put owl.png D old
        ~ see owl.png
        > read owl.png
            write link owl.png to D on a as owl.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            do sense battery metered
            say settled owl.png as D
        ",
    );
}

#[test]
pub(super) fn on_battery_nothing_begins_until_it_is_over() {
    story(
        "
        given pause_on battery
        given concurrency 1
        ~ arrive one.png A
        ~ sensed nothing
        ~ +10s
        ~ arrive two.png B
        > sensed battery
            do withdraw 1
            say paused while on battery power
        # It had begun, and ends.
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded one.png: x1
        > rest
            it is waiting
        > timeout
            in 30s: what uploads wait for may be over
        > +29s
        > +1s
            do sense battery
        > sensed battery
        > rest
            it is waiting
        > +30s
            do sense battery
        > sensed nothing
            write open 2: B on a as two.png
            do send 2: two.png to a@x
            say resumed
            say uploading two.png
        # And nobody asks again while nothing is to be sent.
        > timeout
            in 86330s: a folder is to be scanned
        ",
    );
}

#[test]
fn who_resumes_on_battery_is_heard_until_the_mains_come_and_go() {
    story(
        "
        given pause_on battery metered
        ~ arrive one.png A
        > sensed battery
            say paused while on battery power
        > resume
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say resumed
            say uploading one.png
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded one.png: x1
        > rest
            it is done
        # Its end is not to be missed.
        > +30s
            do sense battery metered
        > rest
            it is done
        > sensed battery
        # Another condition is another matter.
        > +30s
            do sense battery metered
        > sensed battery metered
            say paused while on a metered link
        > +30s
            do sense battery metered
        > sensed battery
            say resumed
        > +30s
            do sense battery metered
        > sensed nothing
        ~ +10s
        ~ arrive two.png B
        > sensed battery
            say paused while on battery power
        ",
    );
}

#[test]
fn a_pause_that_is_over_leaves_one_that_is_not() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        ~ sensed battery
        > pause 10s
            write pause in 10s
            say paused in 10s
        > +10s
            write pause no more
            say paused while on battery power
        # One word ends both.
        ~ pause
        > resume
            write pause no more
            do sense battery
            say resumed
        > sensed battery
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say uploading one.png
        ",
    );
}

#[test]
fn another_configuration_waits_for_other_things() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        ~ sensed battery
        > configured 1 pause_on=metered
            do sense metered
            say resumed
        > sensed metered
            say paused while on a metered link
        > configured 1 pause_on=battery+metered
            do sense battery metered
        > sensed nothing
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say resumed
            say uploading one.png
        ",
    );
}

#[test]
fn who_knows_what_a_machine_went_through_that_slept() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        ~ sensed battery
        > clock 8h
            do sense battery
        ",
    );
}

#[test]
fn a_person_who_pauses_while_it_is_asked_about_is_heard() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        ~ pause
        > sensed nothing
        > resume
            write pause no more
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say resumed
            say uploading one.png
        ",
    );
}
