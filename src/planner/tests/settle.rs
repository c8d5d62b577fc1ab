//! Is it at rest? From the first sight of a file to its first reading.

use super::story;

#[test]
fn a_file_just_written_is_read_after_two_equal_looks_and_the_quiet_time() {
    story(
        "
        > put cat.png A
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +1s
        > +1s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 2.000 s, and the same before and after it was read
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn a_file_that_lay_there_for_long_is_read_at_first_sight() {
    story(
        "
        > put cat.png A old
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
            say seen cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 3600.000 s, and the same before and after it was read
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn where_the_clock_of_the_disk_is_not_ours_only_our_own_looks_count() {
    story(
        "
        > put cat.png A old foreign
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        ",
    );
}

#[test]
fn a_change_time_in_the_future_proves_nothing() {
    story(
        "
        > put cat.png A future
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 2.000 s, and the same before and after it was read
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn a_clock_that_jumped_ahead_does_not_make_a_file_old() {
    story(
        "
        > put cat.png A
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > clock 1h
        > see cat.png
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        ",
    );
}

#[test]
fn a_file_that_grows_is_not_read() {
    story(
        "
        > put cat.png A:10
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +1500ms
        > put cat.png A:20
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
        > +1500ms
        > put cat.png A:30
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
        > +1500ms
        > +500ms
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 2.000 s, and the same before and after it was read
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn a_file_that_keeps_growing_is_looked_at_ever_more_slowly() {
    story(
        "
        ~ put cat.png A:1
        ~ see cat.png
        ~ +80s
        ~ put cat.png A:2
        ~ see cat.png
        > timeout
            in 10s: a file is to be looked at
        > +9s
        > +1s
            do look cat.png
        ~ put cat.png A:3
        ~ see cat.png
        ~ +2h
        ~ put cat.png A:4
        ~ see cat.png
        > timeout
            in 1min: a file is to be looked at
        ",
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_settles_again() {
    story(
        "
        ~ put cat.png A old
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
            say seen cat.png
        ~ put cat.png B:11
        > read cat.png
            write settling cat.png: waiting until nobody has changed it for a while
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to B on a as cat.png, certain: unchanged for 2.000 s, and the same before and after it was read
            write open 1: B on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as B
            say uploading cat.png
        ",
    );
}

#[test]
fn what_was_read_of_a_file_that_was_seen_to_change_meanwhile_is_not_believed() {
    story(
        "
        # The reader saw it before the change, the watcher after.
        ~ put cat.png A old
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
            say seen cat.png
        ~ put cat.png B:11
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
        ~ put cat.png A old
        > read cat.png
        ",
    );
}

#[test]
fn memory_that_is_full_forgets_and_owes_a_scan() {
    story(
        "
        given settling 2
        > put a.png A
        > put b.png B
        > put c.png C
        > see a.png
            write settling a.png: waiting until nobody has changed it for a while
            say seen a.png
        > see b.png
            write settling b.png: waiting until nobody has changed it for a while
            say seen b.png
        > see c.png
        > rm a.png
        > see a.png
            write a.png is gone
            do scan 1
            say gone a.png
        > rm b.png
        > see b.png
            write b.png is gone
            say gone b.png
        > scan 1
            write settling c.png: waiting until nobody has changed it for a while
            say seen c.png
            say scanned 1
        ",
    );
}

#[test]
fn newer_files_are_read_first_and_folders_take_turns() {
    story(
        "
        given reads 1
        given folder 2 a
        ~ put busy.png Z old
        ~ see busy.png
        ~ put one.png A
        ~ +1s
        ~ put two.png B
        ~ +1s
        ~ put three.png C
        ~ put 2/other.png D
        ~ +1h
        # One reader: what comes to rest meanwhile waits for its turn.
        > see one.png
            write settling one.png: waiting until nobody has changed it for a while
            say seen one.png
        > see two.png
            write settling two.png: waiting until nobody has changed it for a while
            say seen two.png
        > see three.png
            write settling three.png: waiting until nobody has changed it for a while
            say seen three.png
        > see 2/other.png
            write settling /2/other.png: waiting until nobody has changed it for a while
            say seen /2/other.png
        > read busy.png
            write link busy.png to Z on a as busy.png, certain: unchanged for 7202.000 s, and the same before and after it was read
            write open 1: Z on a as busy.png
            do read /2/other.png
            do send 1: busy.png to a@x
            say settled busy.png as Z
            say uploading busy.png
        > read 2/other.png
            write link /2/other.png to D on a as other.png, certain: unchanged for 3600.000 s, and the same before and after it was read
            write open 2: D on a as other.png
            do read three.png
            do send 2: /2/other.png to a@x
            say settled /2/other.png as D
            say uploading /2/other.png
        > read three.png
            write link three.png to C on a as three.png, certain: unchanged for 3600.000 s, and the same before and after it was read
            write open 3: C on a as three.png
            do read two.png
            do send 3: three.png to a@x
            say settled three.png as C
            say uploading three.png
        > read two.png
            write link two.png to B on a as two.png, certain: unchanged for 3601.000 s, and the same before and after it was read
            write open 4: B on a as two.png
            do read one.png
            do send 4: two.png to a@x
            say settled two.png as B
            say uploading two.png
        ",
    );
}
