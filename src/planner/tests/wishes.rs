//! What a person asks for: to try again, to resolve, to forget.

use super::story;

#[test]
fn a_failed_upload_is_tried_again_when_a_person_says_so() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 413 too large
        > state a.png
            a.png is failed: 413: too large on a
        > retry a.png
            write try A on a again: tried again, as asked
            write open 2: A on a as a.png
            do send 2: a.png to a@x
            say uploading a.png
        > sent 2 stored x2
            write close 2 stored
            write A on a is x2
            say uploaded a.png: x2
        > retry a.png
        ",
    );
}

#[test]
fn a_file_that_the_disk_would_not_give_is_looked_at_again_when_a_person_says_so() {
    story(
        "
        ~ put a.png A:1 old locked
        ~ see a.png
        ~ read a.png
        > state a.png
            a.png is failed: permission denied
        > retry a.png
            write settling a.png: tried again, as asked
            do look a.png
            say retry a.png: tried again, as asked
        > see a.png
            write settling a.png: waiting until nobody has changed it for a while
            do read a.png
        ",
    );
}

#[test]
fn all_that_failed_is_tried_again_and_every_folder_is_looked_through() {
    story(
        "
        ~ arrive a.png A:1
        ~ arrive b.png B:2
        ~ sent 1 413
        ~ sent 2 415
        > retry all
            write try all that failed again
            write open 3: A on a as a.png
            write open 4: B on a as b.png
            do scan 1
            do send 3: a.png to a@x
            do send 4: b.png to a@x
            say uploading a.png
            say uploading b.png
        ",
    );
}

#[test]
fn to_try_all_again_asks_at_once_about_a_broken_account() {
    story(
        "
        ~ arrive a.png A:1
        > sent 1 596 broken
            write close 1 refused: 596: broken
            say stopped a (broken), next try in 5min: 596: broken
        > +1min
        > retry all
            write try all that failed again
            write open 2: A on a as a.png
            do scan 1
            do send 2: a.png to a@x
            say uploading a.png
        ",
    );
}

#[test]
fn a_wish_does_not_ask_again_with_a_refused_token() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 401
        ~ +2s
        > sent 2 401
            write close 2 refused: 401: no
            say stopped all (auth): 401: no
        > retry all
            write try all that failed again
            do scan 1
        > +5min
        ",
    );
}

#[test]
fn a_held_upload_is_what_a_person_says_it_is() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 lost
        ~ +62s
        ~ list a x1=a.png:?
        ~ +5s
        ~ list a x1=a.png:?
        ~ +20s
        ~ list a x1=a.png:?
        ~ +60s
        ~ list a x1=a.png:?
        ~ +60s
        ~ list a x1=a.png:?
        > state a.png
            a.png is held: sent whole, answer lost, and the list does not give sizes on a
        > retry a.png
        > found a.png x1
            write A on a is x1, a person says
        > state a.png
            a.png is uploaded as x1 on a
        > notfound a.png
        ",
    );
}

#[test]
fn a_held_upload_that_is_not_there_is_sent_again_with_no_doubts_behind_it() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 lost
        ~ +62s
        ~ list a x1=a.png:?
        ~ +5s
        ~ list a x1=a.png:?
        ~ +20s
        ~ list a x1=a.png:?
        ~ +60s
        ~ list a x1=a.png:?
        ~ +60s
        ~ list a x1=a.png:?
        > state a.png
            a.png is held: sent whole, answer lost, and the list does not give sizes on a
        > notfound a.png
            write try A on a again: tried again, as asked
            write open 2: A on a as a.png
            do send 2: a.png to a@x
            say uploading a.png
        > found a.png x1
        ",
    );
}

#[test]
pub(super) fn an_asset_that_another_upload_has_resolves_nothing() {
    story(
        "
        ~ arrive b.png B:2
        ~ sent 1 stored x1
        ~ arrive a.png A:1
        ~ sent 2 lost
        ~ +62s
        ~ list a x2=a.png:? x1=b.png:2
        ~ +5s
        ~ list a x2=a.png:? x1=b.png:2
        ~ +20s
        ~ list a x2=a.png:? x1=b.png:2
        ~ +60s
        ~ list a x2=a.png:? x1=b.png:2
        ~ +60s
        ~ list a x2=a.png:? x1=b.png:2
        > state a.png
            a.png is held: sent whole, answer lost, and the list does not give sizes on a
        > found a.png x1
        > state a.png
            a.png is held: sent whole, answer lost, and the list does not give sizes on a
        ",
    );
}

#[test]
fn what_is_forgotten_is_sent_again_and_its_old_asset_is_taken_for_nothing() {
    story(
        "
        ~ arrive a.png A:1
        ~ sent 1 stored x1
        > forget a.png
            write forget A on a
            write open 2: A on a as a.png
            do send 2: a.png to a@x
            say uploading a.png
        ~ sent 2 lost
        ~ +1s
        # The forgotten asset has the name and the size, and is young enough.
        > list a x1=a.png:1@-2s
            write look 1 for 2: not in the list yet
        ~ +4s
        > list a x2=a.png:1@-3s x1=a.png:1@-2s
            write close 2 found: found in the list
            write A on a is x2
            say uploaded a.png: x2 (found)
        > state a.png
            a.png is uploaded as x2 on a
        ",
    );
}

#[test]
fn what_is_not_uploaded_cannot_be_forgotten() {
    story(
        "
        ~ arrive a.png A:1
        > forget a.png
        ",
    );
}
