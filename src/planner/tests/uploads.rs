//! What is sent, what is not sent again, and whose turn it is.

use super::story;

#[test]
fn a_second_path_of_the_same_content_is_not_sent_again() {
    story(
        "
        ~ arrive cat.png A
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded cat.png: x1
        > arrive copy.png A
            write settling copy.png: waiting until nobody has changed it for a while
            do read copy.png
            say seen copy.png
            write link copy.png to A on a as copy.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled copy.png as A
            say deduplicated copy.png: x1
        > state copy.png
            copy.png is uploaded as x1 on a
        ",
    );
}

#[test]
fn a_second_path_of_a_content_in_flight_waits_and_both_become_uploaded() {
    story(
        "
        ~ arrive cat.png A
        > arrive copy.png A
            write settling copy.png: waiting until nobody has changed it for a while
            do read copy.png
            say seen copy.png
            write link copy.png to A on a as copy.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled copy.png as A
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            say uploaded cat.png: x1
        > state cat.png
            cat.png is uploaded as x1 on a
        > state copy.png
            copy.png is uploaded as x1 on a
        ",
    );
}

#[test]
fn a_rename_is_one_path_gone_and_one_known_content() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ mv cat.png dog.png
        > see cat.png
            write cat.png is gone
            say gone cat.png
        ~ see dog.png
        ~ +2s
        > see dog.png
            do read dog.png
        > read dog.png
            write link dog.png to A on a as dog.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
            say settled dog.png as A
            say deduplicated dog.png: x1
        > state cat.png
            cat.png is gone, uploaded as x1 on a
        > state dog.png
            dog.png is uploaded as x1 on a
        ",
    );
}

#[test]
fn a_changed_file_is_a_new_upload() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ put cat.png B
        > see cat.png
            write settling cat.png: waiting until nobody has changed it for a while
            say seen cat.png
        ~ +2s
        ~ see cat.png
        > read cat.png
            write link cat.png to B on a as cat.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
            write open 2: B on a as cat.png
            do send 2: cat.png to a@x
            say settled cat.png as B
            say uploading cat.png
        ",
    );
}

#[test]
fn a_file_touched_but_not_changed_costs_a_read_and_no_upload() {
    story(
        "
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ +1min
        ~ put cat.png A
        ~ see cat.png
        ~ +2s
        ~ see cat.png
        > read cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 2.000 s; nobody has it open for writing; its container is whole
            say settled cat.png as A
            say deduplicated cat.png: x1
        ",
    );
}

#[test]
fn a_changed_file_is_left_alone_where_the_folder_says_so() {
    story(
        "
        given folder 1 a on_change=ignore
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ put cat.png B
        > see cat.png
        > state cat.png
            cat.png is uploaded as x1 on a
        ",
    );
}

#[test]
fn one_content_on_two_accounts_is_two_uploads() {
    story(
        "
        given accounts a b
        given folder 2 b
        > arrive cat.png A
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
            say seen cat.png
            write link cat.png to A on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 1: A on a as cat.png
            do send 1: cat.png to a@x
            say settled cat.png as A
            say uploading cat.png
        > arrive 2/cat.png A
            write settling /2/cat.png: waiting until nobody has changed it for a while
            do read /2/cat.png
            say seen /2/cat.png
            write link /2/cat.png to A on b as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 2: A on b as cat.png
            do send 2: /2/cat.png to b@x
            say settled /2/cat.png as A
            say uploading /2/cat.png
        ",
    );
}

#[test]
fn at_most_twice_the_concurrency_is_open_at_once() {
    story(
        "
        given concurrency 1
        > arrive a.png A:1
            write settling a.png: waiting until nobody has changed it for a while
            do read a.png
            say seen a.png
            write link a.png to A on a as a.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 1: A on a as a.png
            do send 1: a.png to a@x
            say settled a.png as A
            say uploading a.png
        > arrive b.png B:2
            write settling b.png: waiting until nobody has changed it for a while
            do read b.png
            say seen b.png
            write link b.png to B on a as b.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 2: B on a as b.png
            do send 2: b.png to a@x
            say settled b.png as B
            say uploading b.png
        > arrive c.png C:3
            write settling c.png: waiting until nobody has changed it for a while
            do read c.png
            say seen c.png
            write link c.png to C on a as c.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled c.png as C
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            write open 3: C on a as c.png
            do send 3: c.png to a@x
            say uploaded a.png: x1
            say uploading c.png
        ",
    );
}

#[test]
fn pushes_go_first_then_folders_in_turn_newest_first() {
    story(
        "
        given concurrency 1
        given folder 2 a
        ~ arrive first.png F:1
        ~ arrive second.png S:2
        ~ arrive old.png A:3
        ~ +1s
        ~ arrive new.png B:4
        ~ arrive 2/other.png C:5
        ~ put out/pushed.png D:6 old
        ~ push out/pushed.png a
        ~ see out/pushed.png
        ~ read out/pushed.png
        > sent 1 stored x1
            write close 1 stored
            write F on a is x1
            write open 3: D on a as pushed.png
            do send 3: /out/pushed.png to a@x
            say uploaded first.png: x1
            say uploading /out/pushed.png
        > sent 2 stored x2
            write close 2 stored
            write S on a is x2
            write open 4: C on a as other.png
            do send 4: /2/other.png to a@x
            say uploaded second.png: x2
            say uploading /2/other.png
        > sent 3 stored x3
            write close 3 stored
            write D on a is x3
            write open 5: B on a as new.png
            do send 5: new.png to a@x
            say uploaded /out/pushed.png: x3
            say uploading new.png
        > sent 4 stored x4
            write close 4 stored
            write C on a is x4
            write open 6: A on a as old.png
            do send 6: old.png to a@x
            say uploaded /2/other.png: x4
            say uploading old.png
        ",
    );
}

#[test]
fn two_contents_of_one_name_and_size_are_never_in_flight_together() {
    story(
        "
        ~ arrive cat.png A:10
        > arrive s/cat.png B:10
            write settling s/cat.png: waiting until nobody has changed it for a while
            do read s/cat.png
            say seen s/cat.png
            write link s/cat.png to B on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled s/cat.png as B
        # Another size, another name: no rivals.
        > arrive t/cat.png C:11
            write settling t/cat.png: waiting until nobody has changed it for a while
            do read t/cat.png
            say seen t/cat.png
            write link t/cat.png to C on a as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 2: C on a as cat.png
            do send 2: t/cat.png to a@x
            say settled t/cat.png as C
            say uploading t/cat.png
        > arrive dog.png D:10
            write settling dog.png: waiting until nobody has changed it for a while
            do read dog.png
            say seen dog.png
            write link dog.png to D on a as dog.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 3: D on a as dog.png
            do send 3: dog.png to a@x
            say settled dog.png as D
            say uploading dog.png
        > sent 1 stored x1
            write close 1 stored
            write A on a is x1
            write open 4: B on a as cat.png
            do send 4: s/cat.png to a@x
            say uploaded cat.png: x1
            say uploading s/cat.png
        ",
    );
}

#[test]
fn a_rival_waits_for_a_doubt_too() {
    story(
        "
        ~ arrive cat.png A:10
        ~ arrive s/cat.png B:10
        > sent 1 lost
            write doubt 1: no answer
            say unknown cat.png: no answer
        > +1s
            do list a
        > list a x1=cat.png:10
            write close 1 found: found in the list
            write A on a is x1
            write open 2: B on a as cat.png
            do send 2: s/cat.png to a@x
            say uploaded cat.png: x1 (found)
            say uploading s/cat.png
        ",
    );
}

#[test]
fn folders_take_turns_though_there_is_room_for_one_only() {
    story(
        "
        given concurrency 1
        given folder 2 a
        given folder 3 a
        ~ arrive z1.png Y:1
        ~ arrive z2.png Z:2
        ~ arrive a1.png A:3
        ~ arrive a2.png B:4
        ~ arrive 2/b1.png C:5
        ~ arrive 2/b2.png D:6
        ~ arrive 3/c1.png E:7
        > sent 1 stored x1
            write close 1 stored
            write Y on a is x1
            write open 3: C on a as b1.png
            do send 3: /2/b1.png to a@x
            say uploaded z1.png: x1
            say uploading /2/b1.png
        > sent 2 stored x2
            write close 2 stored
            write Z on a is x2
            write open 4: E on a as c1.png
            do send 4: /3/c1.png to a@x
            say uploaded z2.png: x2
            say uploading /3/c1.png
        > sent 3 stored x3
            write close 3 stored
            write C on a is x3
            write open 5: A on a as a1.png
            do send 5: a1.png to a@x
            say uploaded /2/b1.png: x3
            say uploading a1.png
        > sent 4 stored x4
            write close 4 stored
            write E on a is x4
            write open 6: D on a as b2.png
            do send 6: /2/b2.png to a@x
            say uploaded /3/c1.png: x4
            say uploading /2/b2.png
        ",
    );
}
