//! Files come, move, are copied and change; between runs, and before the daemon's eyes.

use std::fs;

use crate::support::{Server, Taxiway, picture, write};

#[test]
fn a_renamed_copied_or_linked_file_sends_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    let first = folder.join("first.gif");
    write(&first, &picture(1, 5_000));
    taxiway.once().exits(0);
    let (asset_id, before) = (server.asset().asset_id(), server.requests());

    let renamed = folder.join("renamed.gif");
    fs::rename(&first, &renamed).expect("renamed");
    write(&folder.join("deep/er/copied.gif"), &picture(1, 5_000));
    fs::hard_link(&renamed, folder.join("linked.gif")).expect("linked");
    taxiway.once().exits(0);
    assert_eq!(server.requests(), before);
    for name in ["renamed.gif", "deep/er/copied.gif", "linked.gif"] {
        let row = taxiway.row(&folder.join(name));
        assert_eq!(
            (&row["state"], &row["asset_id"]),
            (&"uploaded".into(), &asset_id.clone().into())
        );
        assert_eq!(row["name"], "first.gif", "the first path gave the asset its name");
    }
    let gone = taxiway.row(&first);
    assert_eq!(gone["state"], "uploaded");
    assert!(gone["reason"].as_str().is_some_and(|why| why.starts_with("gone since 2")), "{gone}");
}

#[test]
fn a_changed_file_gives_a_new_asset() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 5_000));
    taxiway.once().exits(0);
    let first = taxiway.row(&file)["asset_id"].clone();
    // The same size, and all at once: nothing but the content tells.
    write(&file, &picture(2, 5_000));
    taxiway.once().exits(0);
    let second = taxiway.row(&file)["asset_id"].clone();
    assert_ne!(first, second);
    assert_eq!(server.assets().len(), 2);

    // And back again: known.
    let before = server.requests();
    write(&file, &picture(1, 5_000));
    taxiway.once().exits(0);
    assert_eq!(taxiway.row(&file)["asset_id"], first);
    assert_eq!(server.requests(), before);
}

#[test]
fn whatever_is_dropped_while_it_runs_arrives() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    let mut daemon = taxiway.daemon();

    let written = folder.join("written.gif");
    write(&written, &picture(1, 5_000));
    let event = daemon.event_of("uploaded", &written);
    assert_eq!(event["asset_id"], server.asset().asset_id());

    write(&taxiway.path("elsewhere/moved.part"), &picture(2, 5_000));
    let moved = folder.join("moved.gif");
    fs::rename(taxiway.path("elsewhere/moved.part"), &moved).expect("moved");
    daemon.event_of("uploaded", &moved);

    let deep = folder.join("new/and/deep/inside.gif");
    write(&deep, &picture(3, 5_000));
    daemon.event_of("uploaded", &deep);

    // A tree that comes as a whole.
    write(&taxiway.path("elsewhere/tree/a/b.gif"), &picture(4, 5_000));
    fs::rename(taxiway.path("elsewhere/tree"), folder.join("tree")).expect("moved");
    daemon.event_of("uploaded", &folder.join("tree/a/b.gif"));

    let copy = folder.join("copy.gif");
    fs::copy(&written, &copy).expect("a copy");
    let event = daemon.event_of("deduplicated", &copy);
    assert_eq!(event["asset_id"], taxiway.row(&written)["asset_id"]);

    write(&written, &picture(5, 6_000));
    let event = daemon.event_of("uploaded", &written);
    assert_eq!(event["asset_id"], server.assets()[4].asset_id());
    assert_eq!(server.uploads(), 5);
    server.nothing_twice();

    fs::remove_file(&copy).expect("removed");
    daemon.event_of("gone", &copy);
    daemon.stop();
}

#[test]
fn a_file_that_is_still_written_to_waits_for_its_end() {
    use std::io::Write;
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let path = taxiway.path("folder/slow.gif");
    let content = picture(1, 100_000);
    let mut file = fs::File::create(&path).expect("a file");
    for part in content.chunks(20_000) {
        file.write_all(part).expect("a part");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    drop(file);
    daemon.event_of("uploaded", &path);
    assert_eq!(server.asset().size, content.len() as u64);
    daemon.stop();
}

#[test]
fn a_root_that_comes_back_is_taken_up_again() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let folder = taxiway.path("folder");
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\npoll_interval = \"100ms\"\n",
        crate::support::section(&folder)
    ));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    let away = daemon.event("folder_away");
    assert_eq!(away["path"], folder.to_string_lossy().as_ref());
    taxiway.folder("folder");
    daemon.event("folder_back");
    let file = folder.join("a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    daemon.stop();
}
