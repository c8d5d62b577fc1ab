//! Where files go: accounts with and without a name, and edits of the configuration.

use super::story;

#[test]
fn an_edit_of_the_account_wants_everything_there_without_reading_it() {
    story(
        "
        given accounts a b
        ~ arrive cat.png A
        ~ sent 1 stored x1
        ~ move 1 b
        ~ restart
        > scan 1
            write relink cat.png to b in folder 1
            write open 2: A on b as cat.png
            do send 2: cat.png to b@x
            say scanned 1
            say uploading cat.png
        > state cat.png
            cat.png is uploading or unknown on b
        ",
    );
}

#[test]
fn a_nameless_account_learns_its_name_from_the_first_asset() {
    story(
        "
        given accounts ?
        given folder 1 ?
        ~ arrive a.png A:1
        > arrive b.png B:2
            write settling b.png: waiting until nobody has changed it for a while
            do read b.png
            say seen b.png
            write link b.png to B on ? as b.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled b.png as B
        > sent 1 stored x1 of me
            write close 1 stored
            write A on ? is x1
            write account 1 is me@x
            write open 2: B on me as b.png
            do send 2: b.png to me@x
            say uploaded a.png: x1
            say uploading b.png
        > state a.png
            a.png is uploaded as x1 on me
        ",
    );
}

#[test]
fn a_nameless_account_that_is_one_of_the_ledger_is_merged_with_it() {
    story(
        "
        given accounts b ?
        given folder 1 ?
        given folder 2 b
        ~ arrive 2/dog.png D:1
        ~ sent 1 stored x1
        ~ arrive cat.png A:2
        > sent 2 stored x2 of b
            write close 2 stored
            write A on ? is x2
            write account 2 is account 1
            say uploaded cat.png: x2
        > arrive new.png N:3
            write settling new.png: waiting until nobody has changed it for a while
            do read new.png
            say seen new.png
            write link new.png to N on b as new.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 3: N on b as new.png
            do send 3: new.png to b@x
            say settled new.png as N
            say uploading new.png
        ",
    );
}

#[test]
fn a_nameless_account_sends_one_at_a_time() {
    story(
        "
        given accounts ?
        given folder 1 ?
        > arrive a.png A:1
            write settling a.png: waiting until nobody has changed it for a while
            do read a.png
            say seen a.png
            write link a.png to A on ? as a.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            write open 1: A on ? as a.png
            do send 1: a.png
            say settled a.png as A
            say uploading a.png
        > arrive b.png B:2
            write settling b.png: waiting until nobody has changed it for a while
            do read b.png
            say seen b.png
            write link b.png to B on ? as b.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled b.png as B
        > sent 1 broken
            write close 1 not_sent: connection reset
            write retry A on ? in 1.410s (1 failures, 0 doubts): connection reset
            write open 2: B on ? as b.png
            do send 2: b.png
            say retry a.png in 1.410s: connection reset
            say uploading b.png
        > sent 2 lost
            write doubt 2: no answer
            say unknown b.png: no answer
        > arrive c.png C:3
            write settling c.png: waiting until nobody has changed it for a while
            do read c.png
            say seen c.png
            write link c.png to C on ? as c.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled c.png as C
        ",
    );
}

#[test]
fn what_is_on_a_named_account_is_not_sent_to_a_nameless_one_that_may_be_the_same() {
    story(
        "
        given accounts b ?
        given folder 1 ?
        given folder 2 b
        ~ arrive 2/cat.png A
        ~ sent 1 stored x1
        > arrive cat.png A
            write settling cat.png: waiting until nobody has changed it for a while
            do read cat.png
            say seen cat.png
            write link cat.png to A on ? as cat.png, certain: unchanged for 3600.000 s; nobody has it open for writing; its container is whole
            say settled cat.png as A
        > list ? b/x1=cat.png:10
            write account 2 is account 1
        > state cat.png
            cat.png is uploaded as x1 on b
        ",
    );
}

#[test]
fn an_account_that_turns_out_to_be_another_keeps_its_upload_in_flight() {
    story(
        "
        given accounts b ?
        given folder 1 ?
        given folder 2 b
        ~ arrive 2/cat.png A
        ~ sent 1 stored x1
        ~ arrive first.png F:1
        ~ sent 2 429 10s
        ~ arrive cat.png A
        ~ +1s
        ~ arrive dog.png D:2
        > +10s
            write open 3: F on ? as first.png
            do send 3: first.png
            say uploading first.png
        > +0s
            do list ?
        > list ? b/x1=cat.png:10
            write account 2 is account 1
            write account 2 may go on
            write stop b (rate) in -1s
        > sent 3 stored x2
            write close 3 stored
            write F on b is x2
            write b may go on
            write open 4: D on b as dog.png
            do send 4: dog.png to b@x
            say resumed b
            say uploaded first.png: x2
            say uploading dog.png
        > state dog.png
            dog.png is uploading or unknown on b
        > state cat.png
            cat.png is uploaded as x1 on b
        ",
    );
}

/// Somebody asked for the name long before: that says nothing of what was stored since.
#[test]
fn an_empty_list_is_not_believed_of_what_was_stored_on_another_account_just_now() {
    story(
        "
        given accounts b ?
        given folder 1 ?
        given folder 2 b
        ~ arrive 2/one.png A:1
        ~ arrive one.png A:1
        ~ rm one.png
        ~ scan 1
        ~ sent 1 415 no
        ~ +70s
        ~ list ? nothing
        ~ +50s
        ~ arrive 2/two.png D:2
        > sent 2 stored x1
            write close 2 stored
            write D on b is x1
            say uploaded /2/two.png: x1
        ~ arrive two.png D:2
        > +15s
            do list ?
        > list ? nothing
        > state two.png
            two.png is queued on ?
        ",
    );
}
