//! What a file at rest turns out to be, and when it is read again.

use super::story;

#[test]
fn an_incomplete_file_waits_and_is_read_again_when_it_has_changed() {
    story(
        "
        ~ put clip.mp4 half-A
        ~ see clip.mp4
        ~ +2s
        > see clip.mp4
            do read clip.mp4
        > read clip.mp4
            write settling clip.mp4: it ends too early
        ~ +30s
        ~ put clip.mp4 A:40
        > see clip.mp4
            do read clip.mp4 at a glimpse
        > read clip.mp4
        ~ +5s
        > see clip.mp4
            do read clip.mp4
        > read clip.mp4
            write link clip.mp4 to A on a as clip.mp4, certain: unchanged for 5.000 s; nobody has it open for writing; its container is whole
            write open 1: A on a as clip.mp4
            do send 1: clip.mp4 to a@x
            say settled clip.mp4 as A
            say uploading clip.mp4
        ",
    );
}

#[test]
fn a_file_incomplete_for_too_long_fails_with_the_reason() {
    story(
        "
        ~ put clip.mp4 half-A
        ~ see clip.mp4
        ~ +2s
        ~ see clip.mp4
        ~ read clip.mp4
        ~ +5min
        ~ see clip.mp4
        ~ +298s
        > see clip.mp4
            do read clip.mp4
        > read clip.mp4
            write clip.mp4 failed: it ends too early
            say failed clip.mp4: it ends too early
        > state clip.mp4
            clip.mp4 is failed: it ends too early
        # Any change starts afresh.
        ~ put clip.mp4 A:40
        > see clip.mp4
            write settling clip.mp4: waiting until nobody has changed it for a while
            say seen clip.mp4
        ",
    );
}

#[test]
fn a_file_incomplete_for_long_is_sent_where_the_folder_says_so() {
    story(
        "
        given folder 1 a incomplete=send
        ~ put clip.mp4 half-A
        ~ see clip.mp4
        ~ +2s
        ~ see clip.mp4
        > read clip.mp4
            write settling clip.mp4: it ends too early
        ~ +10min
        > see clip.mp4
            do read clip.mp4
        > read clip.mp4
            write link clip.mp4 to half-A on a as clip.mp4, certain: unchanged for 602.000 s; nobody has it open for writing; it ends too early
            write open 1: half-A on a as clip.mp4
            do send 1: clip.mp4 to a@x
            say settled clip.mp4 as half-A
            say uploading clip.mp4
        ",
    );
}

#[test]
fn an_empty_file_waits_for_its_bytes_and_fails_in_the_end() {
    story(
        "
        ~ put cat.png empty
        ~ see cat.png
        ~ +2s
        > see cat.png
            do read cat.png
        > read cat.png
            write settling cat.png: the file is empty
        ~ +10min
        > see cat.png
            do read cat.png
        > read cat.png
            write cat.png failed: the file is empty
            say failed cat.png: the file is empty
        ",
    );
}

#[test]
fn what_the_api_does_not_take_is_ignored_and_not_read_again() {
    story(
        "
        ~ put notes.txt text old
        > see notes.txt
            write settling notes.txt: waiting until nobody has changed it for a while
            do read notes.txt
            say seen notes.txt
        > read notes.txt
            write ignore notes.txt by media, certain: plain text
            say ignored notes.txt: plain text
        > scan 1
            say scanned 1
        ",
    );
}

#[test]
fn a_file_that_cannot_be_read_fails_and_every_scan_tries_again() {
    story(
        "
        ~ put cat.png A old locked
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
            say seen cat.png
        > read cat.png
            write cat.png failed: permission denied
            say failed cat.png: permission denied
        # The disk may have recovered. What is as it was is not said again.
        > scan 1
            do read cat.png
            say scanned 1
        > read cat.png
        # A chmod moves the change time.
        ~ put cat.png A
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        ",
    );
}

#[test]
fn a_file_that_vanishes_while_it_settles_is_forgotten() {
    story(
        "
        ~ put cat.png A
        ~ see cat.png
        ~ rm cat.png
        > +2s
            do look cat.png
        > see cat.png
            write cat.png is gone
            say gone cat.png
        > rest
            it is done
        ",
    );
}

#[test]
fn a_file_that_vanishes_before_it_is_read_is_gone() {
    story(
        "
        ~ put cat.png A old
        ~ see cat.png
        ~ rm cat.png
        > read cat.png
            write cat.png is gone
            say gone cat.png
        > state cat.png
            cat.png is gone, settling: waiting until nobody has changed it for a while
        ",
    );
}

#[test]
fn a_known_file_costs_no_read_and_no_write() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        > see cat.png
        > scan 1
            say scanned 1
        ",
    );
}

#[test]
fn a_file_that_is_settling_already_costs_no_second_row() {
    story(
        "
        > put cat.png A
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > see cat.png
        > see cat.png
        ",
    );
}

#[test]
pub(super) fn a_fingerprint_too_fresh_to_be_relied_on_is_taken_again_once() {
    story(
        "
        given folder 1 a settle=500ms
        ~ put cat.png A local
        ~ see cat.png
        ~ +500ms
        > see cat.png
            do read cat.png
        # The upload does not wait for it.
        > read cat.png
            write link cat.png to A on a as cat.png, uncertain: unchanged for 0.500 s; whether somebody writes cannot be told (not on this disk); its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded cat.png: x1
        > +1500ms
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write cat.png is certain
        > see cat.png
        > rest
            it is done
        ",
    );
}

#[test]
fn a_change_within_the_time_step_of_the_disk_is_found_by_the_second_reading() {
    story(
        "
        given folder 1 a settle=500ms
        ~ put cat.png A local
        ~ see cat.png
        ~ +500ms
        ~ see cat.png
        ~ read cat.png
        ~ sent 1 stored x1
        # Other bytes, and the same look.
        ~ clock -500ms
        ~ put cat.png B local
        ~ clock 500ms
        > +1500ms
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to B on a as cat.png, certain: unchanged for 2.000 s; whether somebody writes cannot be told (not on this disk); its container is whole
            write open 2: B on a as cat.png
            do send 2: cat.png to a@x
            say settled cat.png as B
            say uploading cat.png
        ",
    );
}

#[test]
fn a_file_whose_bytes_deny_its_look_is_asked_again_later() {
    story(
        "
        ~ put cat.png A old
        ~ see cat.png
        > read cat.png torn
        > rest
            it is moving
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 3602.000 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn what_was_uncertain_at_a_restart_is_read_again_by_the_scan() {
    story(
        "
        given folder 1 a settle=500ms
        ~ put cat.png A local
        ~ see cat.png
        ~ +500ms
        ~ see cat.png
        ~ read cat.png
        ~ sent 1 stored x1
        ~ restart
        ~ +1min
        > scan 1
            do read cat.png
            say scanned 1
        > read cat.png
            write cat.png is certain
        > scan 1
            say scanned 1
        ",
    );
}

#[test]
pub(super) fn what_was_read_before_a_change_that_was_seen_is_not_believed() {
    story(
        "
        ~ put cat.png A:1 old
        ~ see cat.png
        ~ put cat.png B:2 old
        > see cat.png
        > read cat.png early
            do read cat.png
        > read cat.png
            write link cat.png to B on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 1: B on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as B
            say uploading cat.png
        ",
    );
}
