//! `ls`: the ledger as people and programs read it.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Server, Taxiway, media, picture, section, write};

/// One file of each state that can be had without waiting.
fn world(server: &Server) -> Taxiway {
    let taxiway = Taxiway::with(server);
    let (one, two) = (taxiway.folder("one"), taxiway.folder("two"));
    taxiway.configure(&format!(
        "{}email = \"one@example.com\"\nsettle = \"50ms\"\n{}email = \"two@example.com\"\n\
         settle = \"50ms\"\n",
        section(&one),
        section(&two)
    ));
    write(&one.join("good.gif"), &picture(1, 1_000));
    write(&one.join("empty.gif"), b"");
    write(&one.join("too-large.gif"), &picture(2, 50_000));
    fs::copy(media("notes.txt"), one.join("notes.txt")).expect("a copy");
    write(&two.join("other.gif"), &picture(3, 1_000));
    server.faults(&["max-size=40KB"]);
    taxiway.once().exits(75);
    taxiway
}

fn server() -> Server {
    Server::of(&["one@example.com", "two@example.com"])
}

#[test]
fn rows_are_chosen_by_state_account_and_directory() {
    let server = server();
    let taxiway = world(&server);
    let named = |arguments: &[&str]| {
        let said = taxiway.run(&[&["ls", "--print0"], arguments].concat()).exits(0);
        let mut names: Vec<String> = said
            .out
            .split_terminator('\0')
            .map(|path| path.rsplit('/').next().unwrap_or_default().to_owned())
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(named(&[]), "empty.gif good.gif notes.txt other.gif too-large.gif");
    assert_eq!(named(&["--state", "uploaded"]), "good.gif other.gif");
    assert_eq!(named(&["--state", "failed"]), "too-large.gif");
    assert_eq!(named(&["--state", "settling"]), "empty.gif");
    assert_eq!(named(&["--state", "ignored"]), "notes.txt");
    assert_eq!(named(&["--state", "held"]), "");
    assert_eq!(named(&["--email", "Two@example.com"]), "other.gif");
    assert_eq!(named(&["--under", "two"]), "other.gif");
    assert_eq!(named(&["--under", "one/good.gif"]), "good.gif");
    assert_eq!(named(&["--under", "tw"]), "", "a directory, not the beginning of a name");
    assert_eq!(named(&["--under", "one", "--state", "uploaded"]), "good.gif");
    taxiway.run(&["ls", "--state", "odd"]).exits(2).tells(
        "error: invalid value 'odd' for '--state <STATE>': states are settling, queued, uploading, \
         unknown, uploaded, failed, held, ignored\nhint: taxiway ls --help\n",
    );
}

#[test]
fn a_row_has_the_documented_fields_in_their_order() {
    let server = server();
    let taxiway = world(&server);
    let said = taxiway.run(&["ls", "--json", "--state", "uploaded", "--under", "one"]).exits(0);
    let asset = server.asset_named("good.gif");
    let row = &said.objects()[0];
    let text = |key: &str| row[key].as_str().unwrap_or_else(|| panic!("{key} in {row}")).to_owned();
    for key in ["seen_at", "uploaded_at"] {
        let time = text(key);
        assert_eq!(time.len(), "2026-01-01T00:00:00.000Z".len(), "{time}");
        assert!(time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
    }
    let expected = format!(
        "{{\"schema\":1,\"path\":\"{}\",\"account\":\"one@example.com\",\"hash\":\"{}\",\
         \"size\":{},\"media_type\":\"image/gif\",\"state\":\"uploaded\",\"asset_id\":\"{}\",\
         \"asset_url\":\"{}\",\"name\":\"good.gif\",\"width\":1,\"height\":1,\"duration\":null,\
         \"seen_at\":\"{}\",\"uploaded_at\":\"{}\",\"attempts\":1,\"next_try_at\":null,\
         \"reason\":null}}\n",
        taxiway.path("one/good.gif").display(),
        asset.blake3,
        asset.size,
        asset.asset_id(),
        text("asset_url"),
        text("seen_at"),
        text("uploaded_at"),
    );
    assert_eq!(said.out, expected);
    // Keys that do not apply are there, and null.
    for row in taxiway.rows() {
        assert_eq!(row.as_object().expect("an object").len(), 18, "{row}");
    }
}

#[test]
fn failed_and_waiting_rows_say_why() {
    let server = server();
    let taxiway = world(&server);
    let one = taxiway.path("one");
    let row = taxiway.row(&one.join("too-large.gif"));
    assert_eq!(row["reason"], "413: 413 Payload Too Large", "the server's words: {row}");
    assert_eq!(row["attempts"], 1);
    let said = taxiway.run(&["ls", "--under", "one"]).exits(0);
    let good = server.asset_named("good.gif").asset_id();
    let mut lines = said.out.replace(&*taxiway.root.to_string_lossy(), "~");
    lines = lines.replace(&good, "ASSET");
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "failed     ~/one/too-large.gif  413: 413 Payload Too Large",
            "ignored    ~/one/notes.txt  text: only pictures, video and sound can be uploaded",
            "settling   ~/one/empty.gif  the file is empty",
            "uploaded   ~/one/good.gif  ASSET",
        ]
    );
}

#[test]
fn csv_is_csv() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a,\"b\".gif"), &picture(1, 1_000));
    taxiway.once().exits(0);
    let said = taxiway.run(&["ls", "--csv"]).exits(0);
    let lines = said.lines();
    assert_eq!(lines.len(), 2, "{}", said.out);
    assert_eq!(
        lines[0],
        "path,path_hex,account,hash,size,media_type,state,asset_id,asset_url,name,width,height,\
         duration,seen_at,uploaded_at,attempts,next_try_at,reason"
    );
    assert!(lines[1].starts_with(&format!(
        "\"{}/a,\"\"b\"\".gif\",,me@example.com,",
        taxiway.path("folder").display()
    )));
    assert!(lines[1].contains(",\"a,\"\"b\"\".gif\",1,1,,2"), "{}", lines[1]);
}

#[test]
fn controls_are_escaped_for_people_and_exact_for_programs() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let name = OsStr::from_bytes(b"red \x1b[31m\nline \xff.gif");
    write(&taxiway.path("folder").join(name), &picture(1, 1_000));
    taxiway.once().exits(0);
    let said = taxiway.run(&["ls"]).exits(0);
    assert_eq!(said.lines().len(), 1, "{:?}", said.out);
    assert!(said.out.contains("red \\u{1b}[31m\\nline \u{FFFD}.gif  user:"), "{:?}", said.out);
    let said = taxiway.run(&["ls", "--print0"]).exits(0);
    let mut exact = taxiway.path("folder").join(name).as_os_str().as_bytes().to_vec();
    exact.push(0);
    assert_eq!(said.bytes, exact);
}

#[test]
fn a_name_cannot_turn_the_line_of_a_terminal() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let name = "cat\u{202e}fig.\u{2066}exe\u{2069}\u{2028}\u{85}.gif";
    write(&taxiway.path("folder").join(name), &picture(1, 1_000));
    taxiway.once().exits(0);
    let said = taxiway.run(&["ls"]).exits(0);
    let asset_id = server.asset().asset_id();
    let shown = r"cat\u{202e}fig.\u{2066}exe\u{2069}\u{2028}\u{85}.gif";
    said.prints(&format!("uploaded   ~/folder/{shown}  {asset_id}\n"));
    assert_eq!(
        taxiway.rows()[0]["path"],
        taxiway.path("folder").join(name).to_string_lossy().as_ref()
    );
}

#[test]
fn a_file_that_is_gone_is_listed_only_if_it_was_uploaded() {
    let server = server();
    let taxiway = world(&server);
    for name in ["good.gif", "empty.gif", "too-large.gif", "notes.txt"] {
        fs::remove_file(taxiway.path("one").join(name)).expect("removed");
    }
    taxiway.once().exits(0);
    let said = taxiway.run(&["ls", "--under", "one"]).exits(0);
    assert_eq!(said.lines().len(), 1, "{}", said.out);
    assert!(said.out.contains("good.gif (gone)  user:"), "{}", said.out);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    for number in 0..50 {
        write(&taxiway.path(format!("folder/{number}.gif")), &picture(number, 500));
    }
    taxiway.once().exits(0);
    let mut child = taxiway.command(&["ls", "--json"]).spawn().expect("the program");
    let mut out = child.stdout.take().expect("a pipe");
    let mut first = [0; 1];
    out.read_exact(&mut first).expect("a byte");
    drop(out);
    let ended = child.wait_with_output().expect("an end");
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn without_a_ledger_there_is_nothing_to_list() {
    let taxiway = Taxiway::alone();
    taxiway.run(&["ls"]).exits(0).prints("").tells("");
    assert!(!taxiway.state_dir().exists());
}
