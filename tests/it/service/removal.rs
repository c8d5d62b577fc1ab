//! What the Debian package deletes when it is purged: its own script, below a root of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::{required, write};

/// All that taxiway writes.
const OURS: [&str; 9] = [
    "etc/taxiway/config.toml",
    "etc/taxiway/token",
    "var/lib/taxiway/ledger.sqlite3",
    "var/lib/taxiway/ledger.sqlite3-wal",
    "var/lib/taxiway/ledger.sqlite3.before-schema-4",
    "var/lib/taxiway/lock",
    "var/lib/taxiway/control-token",
    "var/lib/taxiway/sandbox/lock",
    "etc/systemd/system/taxiway.service.d/doors.conf",
];

fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for file in OURS {
        write(&root.path().join(file), b"x");
    }
    fs::create_dir_all(root.path().join("srv/taxiway")).expect("a directory");
    root
}

fn postrm() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/deb/postrm")
}

fn purge(root: &Path) -> String {
    let mut command = Command::new("sh");
    command.arg(postrm()).arg("purge").env("DPKG_ROOT", root);
    let said = command.output().expect("a shell");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).into_owned()
}

fn left(place: &str) -> String {
    format!(
        "{place} is left: it is a link or a disk of its own, or has files that are not taxiway's\n"
    )
}

#[test]
fn a_purge_deletes_what_taxiway_wrote_and_nothing_else() {
    let root = machine();
    assert_eq!(purge(root.path()), "");
    for directory in
        ["etc/taxiway", "var/lib/taxiway", "srv/taxiway", "etc/systemd/system/taxiway.service.d"]
    {
        assert!(!root.path().join(directory).exists(), "{directory}");
    }
    assert_eq!(purge(root.path()), "", "a second time");

    let root = machine();
    let others = ["var/lib/taxiway/done/cat.png", "etc/taxiway/own.pem", "srv/taxiway/dog.png"];
    for file in others {
        write(&root.path().join(file), b"x");
    }
    let said = purge(root.path());
    let expected = left("/etc/taxiway")
        + &left("/var/lib/taxiway")
        + "/srv/taxiway is left as it is: the files in it are its users'\n";
    assert_eq!(said, expected);
    assert!(others.iter().all(|file| root.path().join(file).exists()));
    assert!(OURS.iter().all(|file| !root.path().join(file).exists()));
}

#[test]
fn a_purge_follows_no_link() {
    let root = machine();
    let (state, moved) = (root.path().join("var/lib/taxiway"), root.path().join("data"));
    fs::rename(&state, &moved).expect("moved");
    symlink(&moved, &state).expect("a link");
    assert_eq!(purge(root.path()), left("/var/lib/taxiway"));
    assert!(moved.join("ledger.sqlite3").exists() && state.exists());
    // Nor one inside.
    let root = machine();
    let sandbox = root.path().join("var/lib/taxiway/sandbox");
    let kept = root.path().join("kept");
    write(&kept.join("lock"), b"x");
    fs::remove_dir_all(&sandbox).expect("removed");
    symlink(&kept, &sandbox).expect("a link");
    assert_eq!(purge(root.path()), "");
    assert!(kept.join("lock").exists());
}

#[test]
fn a_purge_leaves_other_disks_alone() {
    let root = machine();
    let at = root.path().display();
    let script = format!(
        "mount -t tmpfs none '{at}/var/lib/taxiway/sandbox'; touch '{at}/var/lib/taxiway/sandbox/x'
         DPKG_ROOT='{at}' sh '{0}' purge >/dev/null
         test -e '{at}/var/lib/taxiway/sandbox/x'; test ! -e '{at}/var/lib/taxiway/ledger.sqlite3'
         mount -t tmpfs none '{at}/var/lib/taxiway'; touch '{at}/var/lib/taxiway/ledger.sqlite3'
         DPKG_ROOT='{at}' sh '{0}' purge >/dev/null
         test -e '{at}/var/lib/taxiway/ledger.sqlite3'",
        postrm()
    );
    let namespace = |script: &str| {
        let said = Command::new("unshare").args(["-Urm", "sh", "-ec", script]).output();
        said.is_ok_and(|said| said.status.success())
    };
    if required(namespace("mount -t tmpfs none /mnt"), "a user namespace (unshare -Urm)") {
        assert!(namespace(&script));
    }
}
