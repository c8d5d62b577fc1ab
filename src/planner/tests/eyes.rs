//! What the eyes say of themselves: events that miss changes, disks that hang, reads that take long.

use super::story;

#[test]
fn a_folder_whose_events_miss_files_is_polled() {
    story(
        "
        ~ watched 1 events
        ~ owe 1
        ~ scan 1
        > folder 1
            watched, 0 missed, scanned 0s ago
        ~ +1min
        ~ put a.png A
        ~ put b.png B
        ~ +14min
        > scan 1
            write settling a.png: waiting until nobody has changed it for a while
            write settling b.png: waiting until nobody has changed it for a while
            do read a.png
            do read b.png
            say seen a.png
            say seen b.png
            say scanned 1
            say 2 missed in 1, 2 so far
        ~ +1min
        ~ put c.png C
        ~ +14min
        > scan 1
            write settling c.png: waiting until nobody has changed it for a while
            do poll 1: its events do not tell of every change: 3 files were found by scans only
            do read c.png
            say seen c.png
            say scanned 1
            say 1 missed in 1, 3 so far
        ~ watched 1 polled
        ~ put d.png D
        ~ +15min
        > scan 1
            write settling d.png: waiting until nobody has changed it for a while
            do read d.png
            say seen d.png
            say scanned 1
        > folder 1
            polled (watching failed), 3 missed, scanned 0s ago
        ",
    );
}

#[test]
fn a_folder_whose_events_are_wanted_is_only_warned_of() {
    story(
        "
        given folder 1 a mode=events
        ~ watched 1 events
        ~ owe 1
        ~ scan 1
        ~ +1min
        ~ put a.png A
        ~ put b.png B
        ~ put c.png C
        ~ +14min
        ~ scan 1
        ~ +1min
        ~ put d.png D
        ~ +14min
        > scan 1
            write settling d.png: waiting until nobody has changed it for a while
            do read d.png
            say seen d.png
            say scanned 1
            say 1 missed in 1, 4 so far
            say doubts events of 1: its events do not tell of every change: 4 files were found by scans only
        ",
    );
}

#[test]
fn a_scan_that_is_owed_finds_what_nobody_has_to_have_told() {
    story(
        "
        ~ watched 1 events
        ~ owe 1
        ~ scan 1
        ~ put a.png A
        ~ +1min
        ~ owe 1
        > scan 1
            write settling a.png: waiting until nobody has changed it for a while
            do read a.png
            say seen a.png
            say scanned 1
        # Sight is lost while the scan goes on.
        ~ put b.png B
        ~ +15min
        ~ owe 1
        > scan 1
            write settling b.png: waiting until nobody has changed it for a while
            do read b.png
            do scan 1
            say seen b.png
            say scanned 1
        > folder 1
            watched, 0 missed, scanned 0s ago
        ",
    );
}

#[test]
fn a_file_that_is_on_its_way_was_not_missed() {
    story(
        "
        ~ watched 1 events
        ~ owe 1
        ~ scan 1
        ~ +14min
        ~ put a.png A
        ~ see a.png
        ~ +1min
        ~ put a.png B
        ~ +10s
        ~ scan 1
        > folder 1
            watched, 0 missed, scanned 0s ago
        ",
    );
}

#[test]
fn a_folder_that_hangs_is_away_until_it_moves() {
    story(
        "
        > hangs 1
            say folder 1 away: it does not answer
        > hangs 1
        > rest
            it is waiting
        > moves 1
            do scan 1
        > scan 1
            say folder 1 back
            say scanned 1
        > rest
            it is done
        ",
    );
}

#[test]
fn a_scan_that_hangs_keeps_nobody_waiting_and_may_still_end() {
    story(
        "
        > owe 1
            do scan 1
        > rest
            it is moving
        > hangs 1
            say folder 1 away: it does not answer
        > rest
            it is waiting
        > scan 1
            say folder 1 back
            say scanned 1
        ",
    );
}

#[test]
fn what_is_queued_on_a_disk_that_hangs_waits() {
    story(
        "
        given folder 2 a
        given concurrency 1
        ~ hangs 1
        ~ put cat.png A old
        ~ see cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled cat.png as A
        ~ put 2/dog.png D old
        ~ see 2/dog.png
        > read 2/dog.png
            write link /2/dog.png to D on a as dog.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 1: D on a as dog.png
            do send 1: /2/dog.png to a@x
            say settled /2/dog.png as D
            say uploading /2/dog.png
        ~ sent 1 stored x1
        > moves 1
            write open 2: A on a as cat.png
            do scan 1
            do send 2: cat.png to a@x
            say uploading cat.png
        ",
    );
}

#[test]
fn reads_that_hang_leave_other_folders_their_share() {
    story(
        "
        given reads 2
        given folder 2 a
        ~ put a.png A old
        ~ put b.png B old
        ~ put c.png C old
        ~ put 2/d.png D old
        ~ see a.png
        ~ see b.png
        > see c.png
            write settling c.png: waiting until nobody has changed it for a while
            say seen c.png
        > see 2/d.png
            write settling /2/d.png: waiting until nobody has changed it for a while
            say seen /2/d.png
        > timeout
            in 30s: a file waits for slow reads of other folders
        > +30s
            do read /2/d.png
        ",
    );
}

#[test]
fn small_files_are_asked_for_before_those_ahead_of_them_are_read() {
    story(
        "
        ~ put a.png A old
        ~ put b.png B old
        ~ put c.png C old
        ~ see a.png
        ~ see b.png
        > see c.png
            write settling c.png: waiting until nobody has changed it for a while
            do read c.png
            say seen c.png
        ",
    );
}
