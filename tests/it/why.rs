//! `why`: the whole history of one file, in words that need no knowledge of our insides.

use std::fs;

use crate::support::{Server, Taxiway, media, picture, section, write};

/// What `why` prints, with `~` for the home, and times and ids of this very run left out.
#[track_caller]
fn why(taxiway: &Taxiway, server: &Server, file: &str) -> String {
    let said = taxiway.run(&["why", file]).exits(0);
    assert_eq!(said.err, "");
    let mut text = said.out.replace(&*taxiway.root.to_string_lossy(), "~");
    for (number, asset) in (1..).zip(server.assets()) {
        text = text.replace(&asset.asset_id(), &format!("ASSET-{number}"));
    }
    let lines = text.lines().map(|line| untimed(line) + "\n");
    lines.collect()
}

/// The line with `TIME` for days and times, and `T` for how long a file was quiet.
fn untimed(line: &str) -> String {
    let form = "dddd-dd-dd dd:dd:dd";
    let is_time = |text: &str| {
        text.len() == form.len()
            && text
                .chars()
                .zip(form.chars())
                .all(|(c, f)| (f == 'd' && c.is_ascii_digit()) || c == f)
    };
    let mut text = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if rest.get(..form.len()).is_some_and(is_time) {
            text.push_str("TIME");
            rest = &rest[form.len()..];
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    match text.split_once("unchanged for ").map(|(head, tail)| (head, tail.split_once(" s;"))) {
        Some((head, Some((_, tail)))) => format!("{head}unchanged for T s;{tail}"),
        Some((_, None)) | None => text,
    }
}

#[test]
fn an_uploaded_file_and_its_copy() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 5_000));
    taxiway.once().exits(0);
    write(&taxiway.path("folder/b c.gif"), &picture(1, 5_000));
    taxiway.once().exits(0);
    assert_eq!(
        why(&taxiway, &server, "folder/a.gif"),
        "~/folder/a.gif\n  \
           state     uploaded TIME\n  \
           asset     ASSET-1\n  \
           account   me@example.com\n  \
           content   image/gif, 1 x 1 pixels, 5003 bytes\n  \
           folder    ~/folder\n  \
           next      nothing: it is uploaded; other content under this name is another asset\n\
         \n  \
           TIME  seen for the first time\n  \
           TIME  at rest: unchanged for T s; nobody has it open for writing; its container is whole\n  \
           TIME  attempt 1, as \"a.gif\": stored\n\
         \n\
         the same content\n  \
           ~/folder/b c.gif: uploaded, me@example.com\n"
    );
    assert_eq!(
        why(&taxiway, &server, "folder/b c.gif"),
        "~/folder/b c.gif\n  \
           state     uploaded TIME\n  \
           asset     ASSET-1\n  \
           sent from ~/folder/a.gif, which held the same content\n  \
           account   me@example.com\n  \
           content   image/gif, 1 x 1 pixels, 5003 bytes\n  \
           folder    ~/folder\n  \
           next      nothing: it is uploaded; other content under this name is another asset\n\
         \n  \
           TIME  attempt 1, as \"a.gif\", from ~/folder/a.gif: stored\n  \
           TIME  seen for the first time\n  \
           TIME  at rest: unchanged for T s; nobody has it open for writing; its container is whole\n\
         \n\
         the same content\n  \
           ~/folder/a.gif: uploaded, me@example.com\n"
    );
}

#[test]
fn a_file_that_was_refused_tried_again_uploaded_and_forgotten() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 50_000));
    server.faults(&["max-size=40KB"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    assert_eq!(
        why(&taxiway, &server, "folder/a.gif"),
        "~/folder/a.gif\n  \
           state     failed: 413: 413 Payload Too Large\n  \
           account   the only account; its e-mail is learnt from the first upload\n  \
           content   image/gif, 1 x 1 pixels, 50003 bytes\n  \
           folder    ~/folder\n  \
           next      nothing, until its content changes or somebody says to try again\n            \
                     taxiway retry ~/folder/a.gif\n\
         \n  \
           TIME  seen for the first time\n  \
           TIME  at rest: unchanged for T s; nobody has it open for writing; its container is whole\n  \
           TIME  attempt 1, as \"a.gif\": refused: 413: 413 Payload Too Large\n"
    );
    server.faults(&[]);
    taxiway.run(&["retry", "folder/a.gif"]).exits(0);
    taxiway.once().exits(0);
    taxiway.run(&["forget", "folder/a.gif", "--yes"]).exits(0);
    assert_eq!(
        why(&taxiway, &server, "folder/a.gif"),
        "~/folder/a.gif\n  \
           state     queued: forgotten, as asked\n  \
           account   me@example.com\n  \
           content   image/gif, 1 x 1 pixels, 50003 bytes\n  \
           folder    ~/folder\n  \
           next      it is sent when its turn and its time come\n            \
                     taxiway run\n\
         \n  \
           TIME  seen for the first time\n  \
           TIME  at rest: unchanged for T s; nobody has it open for writing; its container is whole\n  \
           TIME  attempt 1, as \"a.gif\": refused: 413: 413 Payload Too Large\n  \
           TIME  tried again, as asked\n  \
           TIME  attempt 2, as \"a.gif\": stored\n  \
           TIME  forgotten, as a person said: counts as never uploaded; it was ASSET-1\n\
         \n\
         forgotten, as somebody said\n  \
           ASSET-1, uploaded TIME, forgotten TIME\n"
    );
}

#[test]
fn a_held_file_names_both_ways_out() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 5_000));
    server.faults(&["stored-status=502,times=1", "list-no-size"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    let text = why(&taxiway, &server, "folder/a.gif");
    let (facts, story) = text.split_once("\n\n").expect("two parts");
    let lines: Vec<&str> = facts.lines().collect();
    assert_eq!(
        lines[1..],
        [
            "  state     held: sent whole, answer lost, and the list does not give sizes",
            "  account   the only account; its e-mail is learnt from the first upload",
            "  content   image/gif, 1 x 1 pixels, 5003 bytes",
            "  folder    ~/folder",
            "  next      nothing, until somebody looks whether it is among the assets on Runway: \
             the first of these compares its bytes with what is on the account; the others say \
             that it is there, or that it is not",
            "            taxiway ledger adopt --dry-run",
            "            taxiway resolve ~/folder/a.gif --uploaded ASSETID",
            "            taxiway resolve ~/folder/a.gif --retry",
        ]
    );
    assert!(
        story.ends_with(
            "TIME  attempt 1, as \"a.gif\": sent whole, answer lost (status 502), and the list \
             does not give sizes\n"
        ),
        "{story}"
    );
}

#[test]
fn a_file_whose_end_is_missing_says_how_long_that_is_waited_for() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for (name, incomplete) in [("folder", "incomplete = \"2h\"\n"), ("other", "")] {
        let folder = taxiway.folder(name);
        config += &format!("{}settle = \"50ms\"\n{incomplete}", section(&folder));
        let whole = fs::read(media("picture.png")).expect("a picture");
        write(&folder.join("half.png"), &whole[..whole.len() / 2]);
        write(&folder.join("empty.png"), b"");
    }
    taxiway.configure(&config);
    taxiway.run(&["run", "--once", "-q"]);
    for (folder, after) in [("folder", "2h"), ("other", "10min")] {
        let words = format!(
            "  next      its end is waited for; if nothing comes, it is called failed {after} after its \
             last change\n            taxiway run\n"
        );
        let half = why(&taxiway, &server, &format!("{folder}/half.png"));
        let force = format!("            taxiway push --force ~/{folder}/half.png\n\n");
        assert!(half.contains(&(words.clone() + &force)), "{half}");
        // Nothing to send, by force or without.
        let empty = why(&taxiway, &server, &format!("{folder}/empty.png"));
        assert!(empty.contains(&(words + "\n")), "{empty}");
    }
    assert_eq!(server.uploads(), 0);
    taxiway.run(&["push", "--force", "folder/half.png"]).exits(0);
    taxiway.run(&["push", "--force", "folder/empty.png"]).exits(1);
}

#[test]
fn what_is_ignored_names_the_rule() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nexclude = [\"drafts/\", \"*.raw.gif\"]\n",
        section(&folder)
    ));
    write(&folder.join("a.raw.gif"), &picture(1, 1_000));
    write(&folder.join("drafts/deep/b.gif"), &picture(2, 1_000));
    fs::copy(media("notes.txt"), folder.join("notes.txt")).expect("a copy");
    write(&taxiway.path("outside.gif"), &picture(3, 1_000));
    taxiway.run(&["why", "folder/a.raw.gif"]).exits(1).prints("").tells(
        "error: folder/a.raw.gif is ignored: excluded by `*.raw.gif` in the configuration\n\
         hint: taxiway push ~/folder/a.raw.gif\n",
    );
    taxiway.run(&["why", "folder/notes.txt"]).exits(1).tells(
        "error: folder/notes.txt is not in the ledger yet: its folder was not scanned since it \
         came\nhint: taxiway run --once\n",
    );
    taxiway.once().exits(0);
    let text = why(&taxiway, &server, "folder/a.raw.gif");
    assert!(text.contains("state     ignored: excluded by `*.raw.gif` in the configuration\n"));
    let text = why(&taxiway, &server, "folder/notes.txt");
    let reason = "text: only pictures, video and sound can be uploaded";
    assert!(text.contains(&format!("  TIME  ignored: {reason}\n")), "{text}");
    // Of what lies below an excluded directory the ledger has no rows.
    taxiway.run(&["why", "folder/drafts/deep/b.gif"]).exits(1).tells(
        "error: folder/drafts/deep/b.gif is ignored: ~/folder/drafts is left out: excluded by \
         `drafts/` in the configuration\nhint: taxiway push ~/folder/drafts/deep/b.gif\n",
    );
    taxiway.run(&["why", "outside.gif"]).exits(1).tells(
        "error: outside.gif is not in the ledger, and in no configured folder\n\
         hint: taxiway push ~/outside.gif\n",
    );
    taxiway
        .run(&["why", "folder/none.gif"])
        .exits(1)
        .tells("error: folder/none.gif is not in the ledger, and not there\nhint: taxiway ls\n");
    let error = taxiway.run(&["why", "folder", "--json"]).exits(1).error_object();
    assert_eq!(error["hint"], format!("taxiway ls --under {}", folder.display()));
}

#[test]
fn a_file_that_is_gone_keeps_its_history() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    fs::create_dir_all(taxiway.path("folder/deep")).expect("a directory");
    fs::copy(media("notes.txt"), taxiway.path("folder/deep/notes.txt")).expect("a copy");
    taxiway.once().exits(0);
    fs::remove_dir_all(taxiway.path("folder/deep")).expect("removed");
    taxiway.once().exits(0);
    let text = why(&taxiway, &server, "folder/deep/notes.txt");
    assert!(text.contains("  state     not there since TIME; it was not uploaded\n"), "{text}");
    assert!(text.ends_with("  TIME  not there any more\n"), "{text}");
}

#[test]
fn the_same_facts_as_one_object() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 5_000));
    taxiway.once().exits(0);
    write(&taxiway.path("folder/b.gif"), &picture(1, 5_000));
    let daemon = taxiway.daemon();
    let said = taxiway.run(&["why", "--json", "folder/b.gif"]).exits(0);
    let objects = said.objects();
    let object = objects.first().expect("an object");
    let row = taxiway.row(&taxiway.path("folder/b.gif"));
    for (key, value) in row.as_object().expect("a row") {
        assert_eq!(&object[key], value, "{key}");
    }
    let first = taxiway.path("folder/a.gif").to_string_lossy().into_owned();
    assert_eq!(object["folder"], taxiway.path("folder").to_string_lossy().as_ref());
    assert_eq!(object["decided_by"]["path"], first);
    assert_eq!(object["decisions"][0]["decision"], "settled");
    assert_eq!(object["tries"][0]["path"], first);
    assert_eq!(object["tries"][0]["outcome"], "stored");
    assert_eq!(object["tries"][0]["status"], 200);
    assert_eq!(object["copies"][0]["path"], first);
    assert_eq!(object["forgotten"], serde_json::json!([]));
    assert_eq!(object["gone_at"], serde_json::Value::Null);
    daemon.stop();
}
