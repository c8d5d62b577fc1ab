//! Folders of several accounts, and names that need care on the way.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Server, Taxiway, picture, section, write};

#[test]
fn two_accounts_with_one_content_are_two_uploads() {
    let accounts = ["first+tag@example.com", "second@example.com"];
    let server = Server::of(&accounts);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for (name, email) in ["a", "b"].into_iter().zip(accounts) {
        let folder = taxiway.folder(name);
        write(&folder.join("same.gif"), &picture(1, 5_000));
        write(&folder.join("copy.gif"), &picture(1, 5_000));
        config += &format!("{}email = \"{email}\"\nsettle = \"50ms\"\n", section(&folder));
    }
    taxiway.configure(&config);
    taxiway.once().exits(0);
    let mut stored: Vec<String> =
        server.assets().iter().map(|asset| asset.account.clone()).collect();
    stored.sort();
    assert_eq!(stored, accounts);
    for request in server.log() {
        let query = request.query.unwrap_or_default();
        let plus = query.contains("email=first%2Btag%40example.com")
            || query.contains("email=first%2Btag@example.com");
        assert!(plus || query.contains("second"), "a plus is not a space: {query}");
    }
    let rows = taxiway.rows();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let in_a = row["path"].as_str().is_some_and(|path| path.contains("/a/"));
        assert_eq!(row["account"], accounts[usize::from(!in_a)], "{row}");
    }
    let said = taxiway.run(&["ls", "--email", "first+tag@example.com"]).exits(0);
    assert_eq!(said.lines().len(), 2);
}

#[test]
fn names_arrive_as_they_are_in_nfc_and_readable() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    let names: [(&[u8], &str); 9] = [
        (b"with space.gif", "with space.gif"),
        (b"a&b=c.gif", "a&b=c.gif"),
        (b"100%.gif", "100%.gif"),
        (b"1+1.gif", "1+1.gif"),
        (b"%2B?#;.gif", "%2B?#;.gif"),
        ("cafe\u{301}.gif".as_bytes(), "caf\u{e9}.gif"),
        ("\u{1F600} \u{4f60}.gif".as_bytes(), "\u{1F600} \u{4f60}.gif"),
        (b"new\nline.gif", "new\u{FFFD}line.gif"),
        (b"latin \xe9.gif", "latin \u{FFFD}.gif"),
    ];
    for (number, (name, _)) in names.iter().enumerate() {
        write(&folder.join(OsStr::from_bytes(name)), &picture(number as u64, 1_000));
    }
    taxiway.once().exits(0);
    for (number, (_, sent)) in names.iter().enumerate() {
        let asset = server.asset_named(sent);
        let hash = blake3::hash(&picture(number as u64, 1_000)).to_hex().to_string();
        assert_eq!(asset.blake3, hash, "{sent}");
    }
    let rows = taxiway.rows();
    let latin = rows.iter().find(|row| row["name"] == "latin \u{FFFD}.gif").expect("a row");
    let exact: String = folder
        .join(OsStr::from_bytes(b"latin \xe9.gif"))
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(latin["path_hex"], exact);
    assert!(rows.iter().filter(|row| row.get("path_hex").is_some()).count() == 1);
    let before = server.requests();
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
}

#[test]
fn a_path_belongs_to_the_deepest_folder() {
    let accounts = ["outer@example.com", "inner@example.com"];
    let server = Server::of(&accounts);
    let taxiway = Taxiway::with(&server);
    let (outer, inner) = (taxiway.folder("outer"), taxiway.folder("outer/x/inner"));
    write(&outer.join("o.gif"), &picture(1, 1_000));
    write(&outer.join("x/o2.gif"), &picture(2, 1_000));
    write(&inner.join("i.gif"), &picture(3, 1_000));
    write(&inner.join("deep/i2.gif"), &picture(4, 1_000));
    let mut config = String::new();
    for (folder, email) in [&outer, &inner].into_iter().zip(accounts) {
        config += &format!("{}email = \"{email}\"\nsettle = \"50ms\"\n", section(folder));
    }
    taxiway.configure(&config);
    let mut daemon = taxiway.daemon();
    let late = inner.join("late.gif");
    write(&late, &picture(5, 1_000));
    daemon.event_of("uploaded", &late);
    daemon.stop();
    assert_eq!(server.assets().len(), 5);
    for asset in server.assets() {
        let account = accounts[usize::from(!asset.name.starts_with('o'))];
        assert_eq!(asset.account, account, "{}", asset.name);
    }
}

#[test]
fn an_account_is_learnt_from_the_first_answer_and_naming_it_later_changes_nothing() {
    let server = Server::of(&["me@example.com"]);
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    write(&folder.join("a.gif"), &picture(1, 1_000));
    taxiway.once().exits(0);
    assert_eq!(taxiway.row(&folder.join("a.gif"))["account"], "me@example.com");
    let before = server.requests();
    taxiway
        .configure(&format!("{}email = \"Me@Example.com\"\nsettle = \"50ms\"\n", section(&folder)));
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
}
