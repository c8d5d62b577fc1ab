//! Files that a person asks for by name.

use super::story;

#[test]
fn a_pushed_file_is_read_and_sent_before_all_others() {
    story(
        "
        given reads 1
        ~ put a.png A:1 old
        ~ put b.png B:2 old
        ~ see a.png
        ~ see b.png
        ~ put out/c.png C:3 old
        > push out/c.png a
            write push /out/c.png to a
            do look /out/c.png
        > see out/c.png
        > read a.png
            write link a.png to A on a as a.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 1: A on a as a.png
            do read /out/c.png
            do send 1: a.png to a@x
            say settled a.png as A
            say uploading a.png
        > read out/c.png
            write push /out/c.png to a has ended
            write queue push /out/c.png: C on a
            write link /out/c.png to C on a as c.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 2: C on a as c.png
            do read b.png
            do send 2: /out/c.png to a@x
            say settled /out/c.png as C
            say uploading /out/c.png
        ",
    );
}

#[test]
fn a_pushed_file_that_is_known_is_not_sent_again() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ put out/copy.png A old
        ~ push out/copy.png a
        ~ see out/copy.png
        > read out/copy.png
            write push /out/copy.png to a has ended
            write queue push /out/copy.png: A on a
            write link /out/copy.png to A on a as copy.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled /out/copy.png as A
            say deduplicated /out/copy.png: x1
        ",
    );
}

#[test]
fn a_pushed_incomplete_file_is_refused_at_once_unless_forced() {
    story(
        "
        ~ put out/clip.mp4 half-A old
        ~ push out/clip.mp4 a
        ~ see out/clip.mp4
        > read out/clip.mp4
            write push /out/clip.mp4 to a has ended
            say failed /out/clip.mp4: it ends too early
        > push out/clip.mp4 a force
            write push /out/clip.mp4 to a by force
            do look /out/clip.mp4
        ~ see out/clip.mp4
        > read out/clip.mp4
            write push /out/clip.mp4 to a has ended
            write queue push /out/clip.mp4: half-A on a
            write link /out/clip.mp4 to half-A on a as clip.mp4, certain: unchanged for 3600.000 s; nobody has it open for writing; it ends too early
            write open 1: half-A on a as clip.mp4
            do send 1: /out/clip.mp4 to a@x
            say settled /out/clip.mp4 as half-A
            say uploading /out/clip.mp4
        ",
    );
}

#[test]
fn a_push_that_finds_no_file_says_so() {
    story(
        "
        > push out/none.png a
            write push /out/none.png to a
            do look /out/none.png
        > see out/none.png
            write push /out/none.png to a has ended
            say failed /out/none.png: there is no such file
        ",
    );
}

#[test]
fn a_push_that_was_asked_for_before_a_crash_goes_on() {
    story(
        "
        ~ put out/cat.png A old
        ~ push out/cat.png a
        > restart
            do look /out/cat.png
            do scan 1
        > see out/cat.png
            do read /out/cat.png
        > read out/cat.png
            write push /out/cat.png to a has ended
            write queue push /out/cat.png: A on a
            write link /out/cat.png to A on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: /out/cat.png to a@x
            say settled /out/cat.png as A
            say uploading /out/cat.png
        ",
    );
}

#[test]
fn rules_do_not_apply_to_a_pushed_file() {
    story(
        "
        ~ put cat.png A
        ~ see cat.png
        ~ push cat.png a
        # The rules were edited in between.
        > left cat.png drafts/
            write ignore cat.png by rule, certain: drafts/
            say ignored cat.png: drafts/
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
        > state cat.png
            cat.png is ignored: drafts/
        ",
    );
}

#[test]
fn a_pushed_file_that_a_rule_left_alone_is_sent_as_it_looks_now() {
    story(
        "
        ~ put cat.png A old
        ~ left cat.png drafts/
        ~ +1min
        ~ put cat.png B
        ~ +1h
        > push cat.png a
            write push cat.png to a
            do look cat.png
        > see cat.png
            do read cat.png
        > read cat.png
            write settling cat.png: pushed; its folder looks at it again
            write push cat.png to a has ended
            write queue push cat.png: B on a
            write open 1: B on a as cat.png
            do look cat.png
            do send 1: cat.png to a@x
            say uploading cat.png
        # The folder looks for itself and finds its rule again; the push goes on.
        > left cat.png drafts/
            write ignore cat.png by rule, certain: drafts/
            say ignored cat.png: drafts/
        > sent 1 stored x1
            write close 1 stored
            write B on a is x1
            say uploaded cat.png: x1
        ",
    );
}

#[test]
fn all_pushes_go_before_any_folder() {
    story(
        "
        given concurrency 1
        ~ arrive busy1.png Y:1
        ~ arrive busy2.png Z:2
        ~ arrive mine.png M:3
        ~ put out/a.png A:4 old
        ~ push out/a.png a
        ~ see out/a.png
        ~ read out/a.png
        ~ put out/b.png B:5 old
        ~ push out/b.png a
        ~ see out/b.png
        ~ read out/b.png
        ~ sent 1 429 30s
        ~ sent 2 withdrawn
        > +30s
            write open 3: A on a as a.png
            do send 3: /out/a.png to a@x
            say uploading /out/a.png
        > sent 3 stored x1
            write close 3 stored
            write A on a is x1
            write a may go on
            write open 4: B on a as b.png
            write open 5: Y on a as busy1.png
            do send 4: /out/b.png to a@x
            do send 5: busy1.png to a@x
            say resumed a
            say uploaded /out/a.png: x1
            say uploading /out/b.png
            say uploading busy1.png
        ",
    );
}

#[test]
fn a_pushed_file_that_cannot_be_sent_is_still_its_folders() {
    story(
        "
        ~ arrive cat.png A:1
        ~ sent 1 413
        ~ put cat.png B:1 old
        ~ push cat.png a
        ~ see cat.png
        ~ read cat.png
        > sent 2 unreadable
            write close 2 not_sent: input/output error
            write settling cat.png: input/output error
            write push cat.png to a
            do look cat.png
            say retry cat.png: input/output error
        > rm cat.png
        > see cat.png
            write push cat.png to a has ended
            write cat.png is gone
            say failed cat.png: there is no such file
            say gone cat.png
        ",
    );
}

#[test]
fn a_push_of_a_file_that_its_folder_waits_for_is_answered_at_once() {
    story(
        "
        ~ put clip.mp4 half-A
        ~ see clip.mp4
        ~ +2s
        ~ see clip.mp4
        ~ read clip.mp4
        > push clip.mp4 a
            write push clip.mp4 to a
            do look clip.mp4
        > see clip.mp4
            do read clip.mp4
        > read clip.mp4
            write push clip.mp4 to a has ended
            write settling clip.mp4: it ends too early
            say failed clip.mp4: it ends too early
        > push clip.mp4 a force
            write push clip.mp4 to a by force
            do look clip.mp4
        > see clip.mp4
            do read clip.mp4 by force
        > read clip.mp4
            write push clip.mp4 to a has ended
            write queue push clip.mp4: half-A on a
            write link clip.mp4 to half-A on a as clip.mp4, certain: unchanged for 2.000 s; nobody has it open for writing; it ends too early
            write open 1: half-A on a as clip.mp4
            do send 1: clip.mp4 to a@x
            say settled clip.mp4 as half-A
            say uploading clip.mp4
        ",
    );
}
