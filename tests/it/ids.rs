//! `id`: the assetId of a content, without network, wherever a copy of it lies.

use std::fs;

use crate::support::{Server, Taxiway, picture, section, write};

#[test]
fn the_id_of_a_copy_anywhere_is_that_of_the_uploaded_file() {
    let mut server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a b.gif");
    write(&file, &picture(1, 5_000));
    taxiway.once().exits(0);
    let asset_id = server.asset().asset_id();
    server.stop();
    fs::create_dir(taxiway.path("far")).expect("a directory");
    let copy = taxiway.path("far/away");
    fs::copy(&file, &copy).expect("a copy");
    taxiway.run(&["id", "folder/a b.gif"]).exits(0).prints(&format!("{asset_id}\n")).tells("");
    taxiway.run(&["id", "far/away"]).exits(0).prints(&format!("{asset_id}\n"));

    write(&taxiway.path("other.gif"), &picture(2, 5_000));
    taxiway
        .run(&["id", "other.gif", "far/away", "nowhere.gif", "folder"])
        .exits(1)
        .prints(&format!("\n{asset_id}\n\n\n"))
        .tells(
            "other.gif: not in the ledger\nnowhere.gif: no such file or directory\n\
             folder: it is not a regular file\n",
        );
    let said = taxiway.run(&["id", "--json", "far/away", "other.gif"]).exits(1);
    let objects = said.objects();
    assert_eq!(objects[0]["asset_id"], asset_id);
    assert!(objects[1]["asset_id"].is_null(), "{objects:?}");
}

#[test]
fn the_id_on_one_of_two_accounts_is_asked_for_by_email() {
    let server = Server::of(&["one@example.com", "two@example.com"]);
    let taxiway = Taxiway::with(&server);
    let mut config = String::new();
    for (name, email) in [("one", "one@example.com"), ("two", "Two@Example.com")] {
        let folder = taxiway.folder(name);
        write(&folder.join("a.gif"), &picture(1, 5_000));
        config += &format!("{}email = \"{email}\"\nsettle = \"50ms\"\n", section(&folder));
    }
    taxiway.configure(&config);
    taxiway.once().exits(0);
    for email in ["one@example.com", "two@example.com"] {
        let asset = server.assets().into_iter().find(|asset| asset.account == email);
        let asset_id = asset.expect("an asset").asset_id();
        let said = taxiway.run(&["id", "--email", email, "one/a.gif"]);
        said.exits(0).prints(&format!("{asset_id}\n"));
        // A file in a folder is asked about on its account, also before that was scanned.
        let name = email.split('@').next().expect("a name");
        write(&taxiway.path(format!("{name}/b.gif")), &picture(1, 5_000));
        for file in [format!("{name}/a.gif"), format!("{name}/b.gif")] {
            taxiway.run(&["id", &file]).exits(0).prints(&format!("{asset_id}\n"));
        }
    }
    write(&taxiway.path("copy.gif"), &picture(1, 5_000));
    taxiway.run(&["id", "copy.gif"]).exits(0);
    let said = taxiway.run(&["id", "--email", "three@example.com", "one/a.gif"]).exits(1);
    said.prints("\n").tells("one/a.gif: not uploaded on three@example.com\n");
    // The account of a folder has not got it yet, and another has.
    taxiway.run(&["forget", "one/a.gif", "--email", "one@example.com", "--yes"]).exits(0);
    let two = server.assets().into_iter().find(|asset| asset.account == "two@example.com");
    let two = two.expect("an asset").asset_id();
    taxiway.run(&["id", "one/a.gif"]).exits(0).prints(&format!("{two}\n"));
    taxiway
        .run(&["id", "--email", "one@example.com", "one/a.gif"])
        .exits(1)
        .tells("one/a.gif: no assetId: it is queued\n");
}

#[test]
fn without_an_asset_id_the_state_is_told() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 5_000));
    write(&taxiway.path("copy.gif"), &picture(1, 5_000));
    fs::write(taxiway.path("folder/b.txt"), "no picture").expect("a file");
    server.faults(&["stored-status=502,times=1", "list-no-size"]);
    taxiway.run(&["run", "--once", "-q"]).exits(1);
    let said = taxiway.run(&["id", "folder/a.gif", "copy.gif", "folder/b.txt"]).exits(1);
    said.prints("\n\n\n").tells(
        "folder/a.gif: no assetId: it is held\ncopy.gif: no assetId: it is held\n\
         folder/b.txt: no assetId: it is ignored\n",
    );
}

#[test]
fn without_a_ledger_nothing_is_known() {
    let taxiway = Taxiway::alone();
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    taxiway.run(&["id", "a.gif"]).exits(1).prints("\n").tells("a.gif: not in the ledger\n");
    assert!(!taxiway.state_dir().exists(), "a question makes no ledger");
}
