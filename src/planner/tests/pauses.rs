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
        > +4s
        ~ sent 1 stored x1
        ~ put fox.png C old
        ~ see fox.png
        > read fox.png
            write link fox.png to C on a as fox.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 3: C on a as fox.png
            do send 3: fox.png to a@x
            say settled fox.png as C
            say uploading fox.png
        # It is asked about again before it is needed, and waited for when it is.
        > +1s
            do sense battery metered
        ~ +5s
        ~ put owl.png D old
        ~ see owl.png
        > read owl.png
            write link owl.png to D on a as owl.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled owl.png as D
        > sensed nothing
            write open 4: D on a as owl.png
            do send 4: owl.png to a@x
            say uploading owl.png
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
        ~ arrive two.png B
        ~ arrive three.png C
        # Two are opened ahead, and the second begins when the first has ended.
        > timeout
            in 5s: the machine may go through something else
        > +5s
            do sense battery
        > sensed battery
            do withdraw 1 2
        > sent 2 withdrawn
            write close 2 not_sent: taken back unsent
            say paused while on battery power
        # It had begun, and ends.
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded one.png: x1
        > rest
            it is waiting
        > timeout
            in 30s: the machine may go through something else
        > +30s
            do sense battery
        > sensed battery
        > rest
            it is waiting
        > +30s
            do sense battery
        > sensed nothing
            write open 3: B on a as two.png
            write open 4: C on a as three.png
            do send 3: two.png to a@x
            do send 4: three.png to a@x
            say resumed
            say uploading two.png
            say uploading three.png
        ~ sent 3 stored x3
        ~ sent 4 stored x4
        # And nobody asks again while nothing is to be sent.
        > timeout
            in 86335s: a folder is to be scanned
        ",
    );
}

#[test]
fn on_battery_with_nothing_to_send_all_is_done() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        ~ sensed nothing
        ~ +10s
        > sensed battery
            do withdraw 1
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded one.png: x1
        > rest
            it is done
        > timeout
            in 86390s: a folder is to be scanned
        # The next file waits to hear how it is now, and no longer.
        ~ +1min
        ~ put two.png B old
        ~ see two.png
        > read two.png
            write link two.png to B on a as two.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            do sense battery
            say settled two.png as B
        > rest
            it is moving
        > sensed battery
            say paused while on battery power
        # It goes away, and so does the pause.
        ~ rm two.png
        > see two.png
            write two.png is gone
            say gone two.png
        > +30s
            do sense battery
        > sensed battery
            say resumed
        > rest
            it is done
        > timeout
            in 86300s: a folder is to be scanned
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
        # Who knows whether that is still all.
        > resume
            do sense battery metered
            say resumed
        > sensed battery
            write open 1: A on a as one.png
            do send 1: one.png to a@x
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
        ~ arrive two.png B
        > sent 2 stored x2
            write close 2 stored
            write B on a is x2
            say uploaded two.png: x2
        # Another condition is another matter.
        ~ +30s
        > sensed battery metered
        ~ arrive three.png C
        > +30s
            do sense battery metered
        > sensed nothing
            write open 3: C on a as three.png
            do send 3: three.png to a@x
            say resumed
            say uploading three.png
        ~ sent 3 stored x3
        ~ +10s
        ~ arrive four.png D
        > sensed battery
            say paused while on battery power
        ",
    );
}

#[test]
fn who_resumes_before_it_is_known_is_heard_as_well() {
    story(
        "
        given pause_on battery
        ~ pause
        ~ arrive one.png A
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
fn a_pause_that_is_over_leaves_one_that_is_not() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        ~ sensed battery
        > pause 40s
            write pause in 40s
            say paused in 40s
        # Nobody asks for nothing.
        > +30s
        > +10s
            write pause no more
            do sense battery
            say paused while on battery power
        > sensed battery
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
        # An answer to another question is none.
        > configured 1 pause_on=battery+metered
        > sensed nothing
            do sense battery metered
        > sensed metered
            say paused while on a metered link
        > configured 1 pause_on=nothing
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say resumed
            say uploading one.png
        # What is out was not asked about.
        > configured 1 pause_on=battery
            do sense battery
        > sensed battery
            do withdraw 1
        > sent 1 withdrawn
            write close 1 not_sent: taken back unsent
            say paused while on battery power
        ",
    );
}

#[test]
fn a_configuration_that_waits_for_nothing_needs_no_answer() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        > configured 1 pause_on=nothing
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say uploading one.png
        ~ sent 1 stored x1
        > rest
            it is done
        > sensed battery
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
        # It was asked before.
        > clock 8h
        > sensed nothing
            do sense battery
        > sensed battery
        ",
    );
}

#[test]
fn what_nobody_can_tell_holds_nothing_up_unless_it_did() {
    story(
        "
        given pause_on metered
        ~ arrive one.png A
        > sensed metered?
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say uploading one.png
        ~ sent 1 stored x1
        # Who does not answer is not asked for each file.
        ~ +50s
        ~ put two.png B old
        ~ see two.png
        > read two.png
            write link two.png to B on a as two.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 2: B on a as two.png
            do send 2: two.png to a@x
            say settled two.png as B
            say uploading two.png
        ~ sent 2 stored x2
        ~ +10s
        ~ arrive three.png C
        > sensed metered
            say paused while on a metered link
        # Somebody may be about to begin anew.
        ~ +30s
        > sensed metered?
        ~ +30s
        > sensed metered?
        > rest
            it is waiting
        ~ +30s
        > sensed metered?
            write open 3: C on a as three.png
            do send 3: three.png to a@x
            say resumed
            say uploading three.png
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
            do sense battery
            say resumed
        > sensed nothing
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say uploading one.png
        ",
    );
}

#[test]
fn who_tells_of_one_condition_is_asked_whoever_is_silent_of_the_other() {
    story(
        "
        given pause_on battery metered
        ~ arrive one.png A
        ~ sensed metered?
        > timeout
            in 5s: the machine may go through something else
        ~ +5s
        ~ arrive two.png B
        > sensed battery metered?
            do withdraw 1 2
        > sent 1 withdrawn
            write close 1 not_sent: taken back unsent
            say paused while on battery power
        # Each is kept for as long as somebody may be about to tell of it again.
        ~ sent 2 withdrawn
        ~ +30s
        > sensed battery? metered
        ~ +30s
        > sensed battery? metered?
        ~ +30s
        > sensed battery? metered?
            say paused while on a metered link
        ",
    );
}

#[test]
fn who_pauses_takes_back_what_was_set_aside() {
    story(
        "
        given pause_on battery
        ~ arrive one.png A
        ~ sensed battery
        ~ resume
        > sensed battery
            write open 1: A on a as one.png
            do send 1: one.png to a@x
            say uploading one.png
        > pause 8h
            write pause in 8h
            do withdraw 1
            say paused in 8h
        ~ sent 1 withdrawn
        > +8h
            write pause no more
            do sense battery
            say resumed
        > sensed battery
            say paused while on battery power
        ",
    );
}
