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
            write link cat.png to A on a as cat.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
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
            write link cat.png to A on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
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
        > see cat.png
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
            write link cat.png to A on a as cat.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
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
            write settling cat.png: waiting until nobody has changed it for a while; growing 6 bytes/s
        > +1500ms
        > put cat.png A:30
        > see cat.png
        > +1500ms
        > +500ms
            do look cat.png
        > see cat.png
            do read cat.png
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
fn a_file_that_keeps_growing_is_looked_at_ever_more_slowly() {
    story(
        "
        ~ put cat.png A:1
        ~ see cat.png
        ~ +80s
        ~ put cat.png A:2
        > see cat.png
            do read cat.png at a glimpse
        > read cat.png
        > timeout
            in 10s: a file is to be looked at
        > +9s
        > +1s
            do look cat.png
        ~ put cat.png A:3
        ~ see cat.png
        ~ +2h
        ~ put cat.png A:400000
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while; growing 55 bytes/s
            do read cat.png at a glimpse
        > read cat.png
        > timeout
            in 1min: a file is to be looked at
        > state cat.png
            cat.png is settling: waiting until nobody has changed it for a while; growing 55 bytes/s
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
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write link cat.png to B on a as cat.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
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
        ~ +10s
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
            write link busy.png to Z on a as busy.png, certain: unchanged for 3612.000 s; nobody has it open for writing; its container is whole
            write open 1: Z on a as busy.png
            do read /2/other.png
            do send 1: busy.png to a@x
            say settled busy.png as Z
            say uploading busy.png
        > read 2/other.png
            write link /2/other.png to D on a as other.png, certain: unchanged for 10.000 s; nobody has it open for writing; its container is whole
            write open 2: D on a as other.png
            do read three.png
            do send 2: /2/other.png to a@x
            say settled /2/other.png as D
            say uploading /2/other.png
        > read three.png
            write link three.png to C on a as three.png, certain: unchanged for 10.000 s; nobody has it open for writing; its container is whole
            write open 3: C on a as three.png
            do read two.png
            do send 3: three.png to a@x
            say settled three.png as C
            say uploading three.png
        > read two.png
            write link two.png to B on a as two.png, certain: unchanged for 11.000 s; nobody has it open for writing; its container is whole
            write open 4: B on a as two.png
            do read one.png
            do send 4: two.png to a@x
            say settled two.png as B
            say uploading two.png
        ",
    );
}

#[test]
fn a_file_renamed_into_place_that_is_whole_is_read_when_a_tick_has_passed() {
    story(
        "
        > put cat.png A
        > see cat.png renamed
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +11ms
        > +1ms
            do look cat.png
        > see cat.png
            do read cat.png as arrived
        > read cat.png
            write link cat.png to A on a as cat.png, certain: renamed into place; unchanged for 0.012 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn a_file_closed_after_writing_that_is_whole_is_read_soon() {
    story(
        "
        > put cat.png A
        > see cat.png closed
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +60ms
            do look cat.png
        > see cat.png
            do read cat.png as arrived
        > read cat.png
            write link cat.png to A on a as cat.png, certain: closed after writing; unchanged for 0.060 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn an_arrival_without_proof_waits_for_the_quiet_time_and_is_read_once() {
    story(
        "
        # Its format does not tell whether it is whole.
        ~ put song.mp3 rawA
        ~ see song.mp3 closed
        ~ +60ms
        > see song.mp3
            do read song.mp3 as arrived
        > read song.mp3
        ~ +1s
        > see song.mp3
        > +940ms
            do look song.mp3
        > see song.mp3
            do read song.mp3
        > read song.mp3
            write link song.mp3 to rawA on a as song.mp3, certain: closed after writing; unchanged for 2.000 s; nobody has it open for writing; its format does not tell whether it is whole
            write open 1: rawA on a as song.mp3
            do send 1: song.mp3 to a@x
            say settled song.mp3 as rawA
            say uploading song.mp3
        ",
    );
}

#[test]
fn only_a_disk_that_can_prove_it_makes_an_arrival_count() {
    story(
        "
        > put 2/cat.png A local
        > put cat.png A local
        > see cat.png closed
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > +60ms
        > timeout
            in 1.940s: a file is to be looked at
        > put dog.png B foreign
        > see dog.png renamed
            write settling dog.png: waiting until nobody has changed it for a while
            say seen dog.png
        > timeout
            in 1.940s: a file is to be looked at
        > put cow.png C remote
        > see cow.png renamed
            write settling cow.png: waiting until nobody has changed it for a while
            say seen cow.png
        > +10s
            do look cat.png
            do look dog.png
            do look cow.png
        ",
    );
}

#[test]
fn a_change_after_an_arrival_takes_it_back() {
    story(
        "
        ~ put cat.png A
        ~ see cat.png closed
        ~ put cat.png A:20
        > see cat.png
        > +60ms
        > timeout
            in 1.940s: a file is to be looked at
        ",
    );
}

#[test]
pub(super) fn a_file_that_somebody_has_open_waits_until_it_is_closed() {
    story(
        "
        ~ put cat.png A open
        ~ see cat.png
        ~ +2s
        > see cat.png
            do read cat.png
        > read cat.png
            write settling cat.png: another program has it open for writing
            say waits cat.png: another program has it open for writing
        > rest
            it is moving
        # Looked at ever more slowly, and a look that changes nothing writes nothing.
        > +2s
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
        ~ +2min
        ~ see cat.png
        ~ read cat.png
        > rest
            it is waiting
        > timeout
            in 15.500s: a file is to be looked at
        > state cat.png
            cat.png is settling: another program has it open for writing
        ~ put cat.png A
        > see cat.png closed
            write settling cat.png: waiting until nobody has changed it for a while
        > +60ms
            do look cat.png
        > see cat.png
            do read cat.png as arrived
        > read cat.png
            write link cat.png to A on a as cat.png, certain: closed after writing; unchanged for 0.060 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn of_two_writers_the_last_one_counts() {
    story(
        "
        ~ put cat.png A open
        ~ see cat.png closed
        ~ +60ms
        > see cat.png
            do read cat.png as arrived
        > read cat.png
            write settling cat.png: another program has it open for writing
        ~ put cat.png A:20
        > see cat.png closed
        > +60ms
            do look cat.png
        > see cat.png
            do read cat.png as arrived
        > read cat.png
            write link cat.png to A on a as cat.png, certain: closed after writing; unchanged for 0.060 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        ",
    );
}

#[test]
fn a_file_that_has_been_growing_for_long_is_looked_into_to_say_what_is_missing() {
    story(
        "
        ~ put clip.mp4 half-A:1000 open
        ~ see clip.mp4
        ~ +4s
        ~ put clip.mp4 half-A:9000 open
        > see clip.mp4
            write settling clip.mp4: waiting until nobody has changed it for a while; growing 2.0 kB/s
        ~ +2s
        ~ put clip.mp4 half-A:17400 open
        > see clip.mp4
            write settling clip.mp4: waiting until nobody has changed it for a while; growing 4.2 kB/s
            do read clip.mp4 at a glimpse
        > read clip.mp4
            write settling clip.mp4: another program has it open for writing; it ends too early; growing 4.2 kB/s
            say waits clip.mp4: another program has it open for writing; it ends too early; growing 4.2 kB/s
        > state clip.mp4
            clip.mp4 is settling: another program has it open for writing; it ends too early; growing 4.2 kB/s
        # Not at every change.
        ~ +1s
        ~ put clip.mp4 half-A:21600 open
        > see clip.mp4
        ",
    );
}

#[test]
fn a_pushed_file_that_somebody_has_open_waits_unless_it_is_forced() {
    story(
        "
        ~ put out/cat.png A old open
        ~ push out/cat.png a
        > see out/cat.png
            do read /out/cat.png
        > read out/cat.png
            say waits /out/cat.png: another program has it open for writing
        > push out/cat.png a force
            write push /out/cat.png to a by force
            do look /out/cat.png
        > see out/cat.png
            do read /out/cat.png by force
        > read out/cat.png
            write push /out/cat.png to a has ended
            write queue push /out/cat.png: A on a
            write push /out/cat.png to a has ended
            write queue push /out/cat.png: A on a
            write link /out/cat.png to A on a as cat.png, certain: unchanged for 3600.000 s; somebody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: /out/cat.png to a@x
            say settled /out/cat.png as A
            say uploading /out/cat.png
        ",
    );
}

#[test]
fn what_is_told_while_a_file_is_read_is_not_undone_by_the_reading() {
    story(
        "
        # Its writer closes it while the reader still sees it open.
        ~ put cat.png A open
        ~ see cat.png
        ~ +2s
        ~ see cat.png
        ~ put cat.png A
        > see cat.png closed
        > read cat.png early
            do look cat.png
        > see cat.png
        > +60ms
            do look cat.png
        ",
    );
}

#[test]
fn a_file_that_grows_while_it_is_looked_into_is_not_looked_into_again_at_once() {
    story(
        "
        ~ put clip.mp4 half-A:1000 open
        ~ see clip.mp4
        ~ +6s
        ~ put clip.mp4 half-A:9000 open
        > see clip.mp4
            write settling clip.mp4: waiting until nobody has changed it for a while; growing 1.3 kB/s
            do read clip.mp4 at a glimpse
        ~ put clip.mp4 half-A:9500 open
        ~ see clip.mp4
        > read clip.mp4 early
            write settling clip.mp4: another program has it open for writing; it ends too early
            say waits clip.mp4: another program has it open for writing; it ends too early
        ~ +100ms
        ~ put clip.mp4 half-A:9900 open
        > see clip.mp4
        > state clip.mp4
            clip.mp4 is settling: another program has it open for writing; it ends too early
        ",
    );
}
