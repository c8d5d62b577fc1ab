//! Folders: first sights, rules, scans that are owed, and roots that go away.

use super::story;

#[test]
fn what_lies_there_at_first_sight_is_uploaded() {
    story(
        "
        given folder 1 a new
        given fresh
        ~ put cat.png A old
        > +0s
            do scan 1
        > scan 1
            write settling cat.png: waiting until nobody has changed it for a while
            write folder 1 was scanned
            do read cat.png
            say seen cat.png
            say scanned 1
        ",
    );
}

#[test]
fn what_lies_there_at_first_sight_is_ignored_where_the_folder_says_so() {
    story(
        "
        given folder 1 a existing=ignore new
        given fresh
        ~ put cat.png A old
        ~ +0s
        > scan 1
            write ignore cat.png by existing, certain: it lay there before the folder was watched (existing = \"ignore\")
            write folder 1 was scanned
            say ignored cat.png: it lay there before the folder was watched (existing = \"ignore\")
            say scanned 1
        # What comes later is not what lay there.
        ~ put dog.png D old
        > see dog.png
            write settling dog.png: waiting until nobody has changed it for a while
            do read dog.png
            say seen dog.png
        ~ owe 1
        > scan 1
            say scanned 1
        # And what lay there and changes is new.
        ~ put cat.png B
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        ",
    );
}

#[test]
fn what_a_rule_left_alone_is_taken_up_once_it_is_allowed() {
    story(
        "
        ~ put cat.png A old
        > left cat.png drafts/
            write ignore cat.png by rule, certain: drafts/
            say ignored cat.png: drafts/
        > left cat.png drafts/
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
            say seen cat.png
        ",
    );
}

#[test]
fn a_known_file_that_a_rule_now_leaves_alone_is_not_sent() {
    story(
        "
        given concurrency 1
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ arrive c.png C:3
        > left c.png drafts/
            write ignore c.png by rule, certain: drafts/
            say ignored c.png: drafts/
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded a.png: x1
        > state c.png
            c.png is ignored: drafts/
        ",
    );
}

#[test]
fn a_lost_event_owes_a_scan_and_the_scan_is_enough() {
    story(
        "
        ~ put new.png N old
        ~ arrive gone.png G:1
        ~ sent 1 stored x1
        ~ rm gone.png
        > owe 1
            do scan 1
        > scan 1
            write gone.png is gone
            write settling new.png: waiting until nobody has changed it for a while
            do read new.png
            say gone gone.png
            say seen new.png
            say scanned 1
        ",
    );
}

#[test]
fn sights_lost_during_a_scan_owe_another() {
    story(
        "
        > owe 1
            do scan 1
        > owe 1
        > scan 1
            do scan 1
            say scanned 1
        > scan 1
            say scanned 1
        ",
    );
}

#[test]
fn a_scan_comes_by_itself_after_a_while() {
    story(
        "
        given folder 1 a rescan=15min
        > timeout
            in 15min: a folder is to be scanned
        > +15min
            do scan 1
        > scan 1
            say scanned 1
        ",
    );
}

#[test]
fn a_scan_that_could_not_see_all_is_repeated_soon_and_deletes_nothing() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ owe 1
        ~ hide cat.png
        > scan 1 incomplete
            say scanned 1, not all: no right to look into s
        > +2s
            do scan 1
        > scan 1 incomplete
            say scanned 1, not all: no right to look into s
        > timeout
            in 4s: a folder is to be scanned
        > state cat.png
            cat.png is uploaded as x1 on a
        ",
    );
}

#[test]
fn a_root_that_is_away_is_not_all_deleted() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ owe 1
        > scan 1 away
            say folder 1 away: the disk is not there
        > state cat.png
            cat.png is uploaded as x1 on a
        > rest
            it is waiting
        > +2s
            do scan 1
        > scan 1 away
        > +4s
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
fn a_root_that_comes_back_is_looked_at_again_soon_however_long_it_was_away() {
    story(
        "
        given folder 1 a
        > scan 1 away
            say folder 1 away: the disk is not there
        > +2s
            do scan 1
        > scan 1 away
        > +4s
            do scan 1
        > scan 1 away
        > +8s
            do scan 1
        > scan 1 incomplete
            say folder 1 back
            say scanned 1, not all: no right to look into s
        > timeout
            in 2s: a folder is to be scanned
        ",
    );
}

#[test]
fn a_file_that_was_gone_and_is_back_unchanged_costs_no_read() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ hide cat.png
        > scan 1
            write cat.png is gone
            say gone cat.png
            say scanned 1
        ~ show cat.png
        > scan 1
            write cat.png is back
            say scanned 1
        > state cat.png
            cat.png is uploaded as x1 on a
        ",
    );
}

#[test]
fn all_is_done_when_nothing_is_left() {
    story(
        "
        > rest
            it is done
        > put cat.png A
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > rest
            it is moving
        ~ +2s
        ~ see cat.png
        ~ read cat.png
        > rest
            it is moving
        > sent 1 broken
            write close 1 not_sent: connection reset
            write retry A on a in 1.410s (1 failures, 0 doubts): connection reset
            say retry cat.png in 1.410s: connection reset
        > rest
            it is moving, next in 1.410s
        ~ +2s
        > sent 2 stored x1
            write close 2 stored
            write A on a is x1
            say uploaded cat.png: x1
        > rest
            it is done
        ",
    );
}

#[test]
fn a_try_that_is_far_off_is_left_for_another_time() {
    story(
        "
        ~ arrive cat.png A
        > sent 1 429 10min
            write close 1 refused: 429: 10min
            write retry A on a in 10min (0 failures, 0 doubts): 429: 10min
            write stop a (rate) in 10min
            say stopped a (rate), next try in 10min: 429: 10min
            say retry cat.png in 10min: 429: 10min
        > rest
            it is waiting, next in 10min
        ",
    );
}

#[test]
fn a_failed_or_held_file_leaves_nothing_to_do() {
    story(
        "
        ~ arrive cat.png A
        > sent 1 413
            write close 1 refused: 413: no
            write fail A on a: 413: no
            say failed cat.png: 413: no
        > rest
            it is done
        ",
    );
}

#[test]
fn every_wait_names_what_it_waits_for() {
    story(
        "
        given folder 1 a rescan=1h
        > timeout
            in 1h: a folder is to be scanned
        ~ put cat.png A
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        > timeout
            in 2s: a file is to be looked at
        ~ +2s
        ~ see cat.png
        ~ read cat.png
        > sent 1 lost
            write doubt 1: no answer
            say unknown cat.png: no answer
        > timeout
            in 1s: an upload in doubt is to be looked up
        ~ +1s
        ~ list a x1=cat.png:10
        ~ arrive dog.png D
        > sent 2 broken
            write close 2 not_sent: connection reset
            write retry D on a in 1.410s (1 failures, 0 doubts): connection reset
            say retry dog.png in 1.410s: connection reset
        > timeout
            in 1.410s: an upload is to be tried again
        ~ +2s
        > sent 3 402
            write close 3 refused: 402: no
            say retry dog.png in 2s: 402: no
        > timeout
            in 2s: a stop is to be tried
        > stop
            do withdraw
        > timeout
            never
        ",
    );
}
