//! What only a real kernel does: mounts that come and go, watches that run out, disks that hang,
//! changes that are not told, and everything that can lie in a directory.
//!
//! Owns:
//! - what needs root or a namespace says so where it is not there, and fails where
//!   `TAXIWAY_KERNEL_TESTS=required`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{
    Daemon, Server, Taxiway, eventually, picture, required, section, sparse_wav, write,
};

/// The program as the root of a user namespace of its own, with its own mounts, after `script`.
/// None where the system allows no such namespace.
pub fn in_a_namespace(taxiway: &Taxiway, script: &str, arguments: &[&str]) -> Option<Command> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-ec", script, "sh"]);
        command
    };
    let tried = unshare("mount -t tmpfs none /mnt").output();
    if !required(tried.is_ok_and(|tried| tried.status.success()), "a user namespace (unshare -Urm)")
    {
        return None;
    }
    let plain = taxiway.command(arguments);
    let mut command = unshare(&format!("{script}; exec \"$@\""));
    command.arg(plain.get_program()).args(arguments).env_clear().current_dir(&taxiway.root);
    command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

/// Runs something where a daemon runs.
#[track_caller]
fn there(daemon: &Daemon, script: &str) {
    let pid = daemon.pid().to_string();
    let arguments = ["-t", &pid, "-U", "-m", "--preserve-credentials", "sh", "-ec", script];
    let said = Command::new("nsenter").args(arguments).output().expect("nsenter");
    assert!(said.status.success(), "{script}: {}", String::from_utf8_lossy(&said.stderr));
}

/// A path as a daemon sees it, for the test to write to.
fn within(daemon: &Daemon, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", daemon.pid()));
    root.join(path.strip_prefix("/").expect("an absolute path"))
}

/// How often a text was said on stderr so far.
fn told(daemon: &Daemon, text: &str) -> usize {
    daemon.told.iter().filter(|line| line.contains(text)).count()
}

fn configured(server: &Server, settings: &str) -> (Taxiway, PathBuf) {
    let taxiway = Taxiway::with(server);
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!("{}settle = \"50ms\"\n{settings}", section(&folder)));
    (taxiway, folder)
}

#[test]
fn a_disk_that_is_unmounted_is_away_and_its_files_are_not_gone() {
    let server = Server::start();
    let (taxiway, folder) = configured(&server, "poll_interval = \"100ms\"\n");
    let mount = format!("mount -t tmpfs none '{}'", folder.display());
    let Some(command) = in_a_namespace(&taxiway, &mount, &["run", "--json"]) else { return };
    let mut daemon = Daemon::start(command);
    daemon.event("idle");
    let first = folder.join("first.gif");
    write(&within(&daemon, &first), &picture(1, 1_000));
    daemon.event_of("uploaded", &first);

    let unmount = format!("umount '{0}' || umount -l '{0}'", folder.display());
    there(&daemon, &unmount);
    daemon.event("folder_away");
    assert_eq!(taxiway.row(&first)["reason"], serde_json::Value::Null, "it is not gone");
    assert_eq!(daemon.stop().iter().filter(|event| event["event"] == "gone").count(), 0);
}

#[test]
fn a_disk_for_the_ledger_that_is_full_at_the_start_is_waited_for() {
    let server = Server::start();
    let (taxiway, folder) = configured(&server, "");
    let state = taxiway.state_dir();
    std::fs::create_dir_all(&state).expect("a directory");
    let at = state.display();
    let script = format!(
        "mount -t tmpfs -o size=1m,mode=700 none '{at}'; \
         head -c 1000k /dev/zero > '{at}/ballast'; cat /dev/zero > '{at}/more' 2>/dev/null || true"
    );
    let arguments = ["run", "--json"];
    let Some(command) = in_a_namespace(&taxiway, &script, &arguments) else { return };
    let mut daemon = Daemon::start(command);
    daemon.until_told("full");
    let file = folder.join("a.gif");
    write(&file, &picture(1, 1_000));
    there(&daemon, &format!("rm '{at}/ballast' '{at}/more'"));
    daemon.event_of("uploaded", &file);
    daemon.stop();
    // For who waits for its end, it is one.
    let arguments = ["run", "--once", "-q"];
    let Some(command) = in_a_namespace(&taxiway, &script, &arguments) else { return };
    taxiway.finish(command, b"").exits(74);
}

/// The disk stays the same, and what came onto it meanwhile nobody has told of.
#[test]
fn a_disk_that_comes_back_with_other_files_is_taken_up_and_watched() {
    let server = Server::start();
    let (taxiway, folder) =
        configured(&server, "poll_interval = \"100ms\"\nrescan_interval = \"1s\"\n");
    let disk = taxiway.folder("disk");
    let (at, to) = (disk.display(), folder.display());
    let mount = format!("mount --bind '{at}' '{to}'");
    let script = format!("mount -t tmpfs none '{at}'; {mount}");
    let Some(command) = in_a_namespace(&taxiway, &script, &["run", "--json"]) else { return };
    let mut daemon = Daemon::start(command);
    daemon.event("idle");
    let first = folder.join("first.gif");
    write(&within(&daemon, &first), &picture(1, 1_000));
    daemon.event_of("uploaded", &first);
    there(&daemon, &format!("umount -l '{to}'"));
    daemon.event("folder_away");
    write(&within(&daemon, &disk.join("second.gif")), &picture(2, 1_000));
    there(&daemon, &format!("rm '{at}/first.gif'; {mount}"));
    daemon.events_of(&[("uploaded", &folder.join("second.gif")), ("gone", &first)]);
    daemon.event("idle");
    assert_eq!(daemon.events.iter().filter(|event| event["event"] == "folder_back").count(), 1);

    // What comes now is told by events: the place where the disk was is no longer watched.
    let told = daemon.events.len();
    for at in 3..23 {
        let file = folder.join(format!("{at}.gif"));
        write(&within(&daemon, &file), &picture(at, 1_000));
        daemon.event_of("seen", &file);
    }
    let scans = daemon.events[told..].iter().filter(|event| event["event"] == "scanned").count();
    assert!(scans < 15, "only scans see what comes: {:#?}", &daemon.events[told..]);
    daemon.event("idle");
    daemon.stop();
    assert_eq!(server.uploads(), 22);
    server.nothing_twice();
}

/// One directory under two mounts: a rename between them is refused, and a copy would find the file
/// itself in the place of its copy.
#[test]
fn a_target_that_is_the_folder_itself_by_another_mount_loses_no_file() {
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let (folder, sent) = (taxiway.folder("folder"), taxiway.folder("sent"));
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\nafter_upload = \"move:{}\"\n",
        section(&folder),
        sent.display()
    ));
    write(&folder.join("cat.gif"), &picture(1, 1_000));
    let mount = format!("mount --bind '{}' '{}'", folder.display(), sent.display());
    let Some(command) = in_a_namespace(&taxiway, &mount, &["run"]) else { return };
    let mut daemon = Daemon::start(command);
    daemon.until_told("is the folder itself, by another way");
    daemon.stop();
    assert_eq!(std::fs::read(folder.join("cat.gif")).expect("the file"), picture(1, 1_000));
}

/// The directory is empty until its disk is there.
#[test]
fn a_disk_that_is_mounted_after_the_start_is_taken_up() {
    let server = Server::start();
    let (taxiway, folder) =
        configured(&server, "poll_interval = \"100ms\"\nrescan_interval = \"200ms\"\n");
    let Some(command) = in_a_namespace(&taxiway, "true", &["run", "--json"]) else { return };
    let mut daemon = Daemon::start(command);
    daemon.event("idle");
    there(&daemon, &format!("mount -t tmpfs none '{}'", folder.display()));
    let file = folder.join("a.gif");
    write(&within(&daemon, &file), &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    daemon.stop();
}

#[test]
fn files_arrive_where_watches_run_out_and_are_told_again_when_there_are_more() {
    let server = Server::start();
    let (mut taxiway, folder) =
        configured(&server, "poll_interval = \"200ms\"\nrescan_interval = \"1h\"\n");
    taxiway.set("TAXIWAY_TEST_REWATCH_MS", "300");
    taxiway.set("TAXIWAY_LOG", "info");
    for at in 0..20 {
        fs::create_dir(folder.join(format!("d{at}"))).expect("a directory");
    }
    let few = "echo 10 > /proc/sys/user/max_inotify_watches";
    let Some(command) = in_a_namespace(&taxiway, few, &["run", "--json"]) else { return };
    let mut daemon = Daemon::start(command);
    daemon.event("idle");
    for at in 0..20 {
        let file = folder.join(format!("d{at}/{at}.gif"));
        write(&file, &picture(at, 1_000));
        daemon.event_of("uploaded", &file);
    }
    let late = folder.join("d7/new/late.gif");
    write(&late, &picture(99, 1_000));
    daemon.event_of("uploaded", &late);
    assert_eq!(told(&daemon, "and this folder needs 2"), 1, "{:#?}", daemon.told);
    assert_eq!(told(&daemon, "hint: sysctl fs.inotify.max_user_watches="), 1, "{:#?}", daemon.told);

    there(&daemon, "echo 1000 > /proc/sys/user/max_inotify_watches");
    daemon.until_told("is watched again");
    let last = folder.join("d8/last.gif");
    write(&last, &picture(100, 1_000));
    daemon.event_of("uploaded", &last);
    daemon.stop();
    assert_eq!(server.uploads(), 22);
    server.nothing_twice();
}

/// What is written below a mount that is newer than the watch is told to nobody who watches.
#[test]
fn a_folder_whose_events_do_not_tell_is_scanned_instead() {
    let server = Server::start();
    let (taxiway, folder) =
        configured(&server, "poll_interval = \"200ms\"\nrescan_interval = \"1s\"\n");
    let (blind, elsewhere) = (folder.join("blind"), taxiway.folder("elsewhere"));
    fs::create_dir(&blind).expect("a directory");
    let Some(command) = in_a_namespace(&taxiway, "true", &["run", "--json"]) else { return };
    let mut daemon = Daemon::start(command);
    daemon.event("idle");
    there(&daemon, &format!("mount --bind '{}' '{}'", elsewhere.display(), blind.display()));
    // The watch is that old when they come, and they are when a scan comes past.
    daemon.signal("STOP");
    write(&taxiway.path("now"), b"");
    age(&taxiway.path("now"));
    for at in 0..12 {
        write(&elsewhere.join(format!("{at}.gif")), &picture(at, 1_000));
    }
    age(&elsewhere.join("11.gif"));
    daemon.signal("CONT");
    for _ in 0..12 {
        daemon.event("uploaded");
    }
    daemon.until_told("found by scans only");
    let line = "its events do not tell of every change: 12 files were found by scans only";
    assert_eq!(told(&daemon, line), 1, "{:#?}", daemon.told);
    assert_eq!(told(&daemon, "is scanned every so often instead of watched"), 1);
    daemon.stop();
    server.nothing_twice();
}

/// Waits until a change of this path can no longer have happened just now.
fn age(path: &Path) {
    let changed = fs::metadata(path).expect("a path").modified().expect("a time");
    eventually("a change that is old enough", || {
        (changed.elapsed().ok()? > std::time::Duration::from_secs(4)).then_some(())
    });
}

#[test]
fn events_that_tell_everything_are_not_accused() {
    let server = Server::start();
    let (taxiway, folder) = configured(&server, "rescan_interval = \"50ms\"\n");
    let mut daemon = taxiway.daemon();
    for at in 0..40 {
        let name = folder.join(format!("{at}.gif"));
        write(&name, &picture(at, 1_000));
        // Links made elsewhere change a file's times and are told to nobody here.
        fs::hard_link(&name, taxiway.path(format!("link{at}"))).expect("a link");
        let tree = taxiway.path(format!("tree{at}"));
        write(&tree.join("deep/file.gif"), &picture(100 + at, 1_000));
        fs::rename(&tree, folder.join(format!("tree{at}"))).expect("moved");
    }
    for _ in 0..80 {
        daemon.event("uploaded");
    }
    for _ in 0..5 {
        daemon.event("scanned");
    }
    let told = daemon.told.clone();
    daemon.stop();
    assert!(told.iter().all(|line| !line.contains("events did")), "{told:#?}");
    server.nothing_twice();
}

/// A file system whose server answers until it is told to be silent, and then until it is told to
/// speak again.
#[test]
fn a_disk_that_hangs_is_away_and_others_go_on() {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    let (dead, well) = (taxiway.folder("dead"), taxiway.folder("well"));
    let settings = "settle = \"50ms\"\npoll_interval = \"100ms\"\n";
    taxiway.configure(&format!("{}{settings}{}{settings}", section(&dead), section(&well)));
    let silent = taxiway.path("silent");
    let Some(_disk) = Disk::mount(&dead, &silent) else { return };

    // A service manager that would end a service after ten seconds without a sign of life.
    let watchdog = std::time::Duration::from_secs(10);
    let manager = std::os::unix::net::UnixDatagram::bind(taxiway.path("notify")).expect("a socket");
    manager.set_read_timeout(Some(watchdog)).expect("a limit");
    taxiway.set("NOTIFY_SOCKET", taxiway.path("notify"));
    taxiway.set("WATCHDOG_USEC", watchdog.as_micros().to_string());
    let mut daemon = taxiway.daemon();
    let signs = std::thread::spawn(move || {
        let (mut words, mut signs, mut last) = ([0; 1_024], 0, std::time::Instant::now());
        loop {
            let read = manager.recv(&mut words).unwrap_or(0);
            match &words[..read] {
                b"STOPPING=1" => return signs,
                b"WATCHDOG=1" => (signs, last) = (signs + 1, std::time::Instant::now()),
                _ => {}
            }
            assert!(last.elapsed() < watchdog, "no sign of life after {signs}");
        }
    });
    write(&silent, b"");
    let away = daemon.event_within("folder_away", std::time::Duration::from_secs(90));
    assert_eq!(away["path"], dead.to_string_lossy().as_ref());
    assert_eq!(away["reason"], format!("{} has not answered for 30 s", dead.display()));
    let file = well.join("a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    fs::remove_file(&silent).expect("speech");
    let back = daemon.event("folder_back");
    assert_eq!(back["path"], dead.to_string_lossy().as_ref());
    daemon.stop();
    let signs = signs.join().expect("a sign of life in time");
    assert!(signs >= 4, "{signs}");
}

/// Its links are not known when the program starts, and not when it is told to read its
/// configuration again.
#[test]
fn a_disk_that_hangs_from_the_start_keeps_no_start_and_no_reload_waiting() {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    let (dead, well) = (taxiway.folder("dead"), taxiway.folder("well"));
    let link = dead.join("link");
    let settings = "settle = \"50ms\"\npoll_interval = \"100ms\"\n";
    taxiway.configure(&format!("{}{settings}{}{settings}", section(&link), section(&well)));
    let silent = taxiway.path("silent");
    let Some(_disk) = Disk::mount(&dead, &silent) else { return };
    write(&silent, b"");

    let manager = std::os::unix::net::UnixDatagram::bind(taxiway.path("notify")).expect("a socket");
    let patience = Some(std::time::Duration::from_secs(60));
    manager.set_read_timeout(patience).expect("a limit");
    taxiway.set("NOTIFY_SOCKET", taxiway.path("notify"));
    let until = |wanted: &str| {
        let mut words = [0; 1_024];
        loop {
            let read = manager.recv(&mut words).unwrap_or_else(|_| panic!("{wanted} never comes"));
            let words = String::from_utf8_lossy(&words[..read]);
            if words.starts_with(wanted) {
                return;
            }
        }
    };
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    until("READY=1");
    let file = well.join("a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    for _ in 0..2 {
        daemon.signal("HUP");
        until("RELOADING=1");
        until("READY=1");
    }
    taxiway.run(&["reload"]).exits(0);
    let away = daemon.event_within("folder_away", std::time::Duration::from_secs(90));
    assert_eq!(away["path"], link.to_string_lossy().as_ref());

    // Where it leads is found out once it can be.
    fs::remove_file(&silent).expect("speech");
    let below = dead.join("below");
    daemon.event_of("scanned", &below);
    daemon.stop();
}

struct Disk {
    child: std::process::Child,
    mounted: PathBuf,
}

impl Disk {
    /// One that is silent while this file is there.
    fn mount(at: &Path, silent: &Path) -> Option<Disk> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/hanging.py");
        let mut child = Command::new("python3");
        child.arg(script).arg(at).arg(silent).stdout(Stdio::piped());
        let Ok(child) = child.spawn() else {
            required(false, "python3");
            return None;
        };
        let mut disk = Disk { child, mounted: at.to_owned() };
        let mut first = [0; 1];
        let out = disk.child.stdout.as_mut().expect("a pipe");
        let mounted = std::io::Read::read_exact(out, &mut first).is_ok();
        required(mounted, "a mount of FUSE (root and /dev/fuse)").then_some(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).output();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Names that are a trouble to somebody.
fn odd_names() -> Vec<OsString> {
    let text = |name: &str| OsString::from(name);
    let ending = |bytes: &[u8]| OsString::from_vec([bytes, b".gif"].concat());
    vec![
        text("-rf.gif"),
        text("--.gif"),
        text(" .gif"),
        text("a\nb.gif"),
        text("tab\there.gif"),
        text("\u{5e9}\u{5dc}\u{5d5}\u{5dd}.gif"),
        text("\u{202e}fig.gif"),
        text("\u{1f469}\u{200d}\u{1f680}.gif"),
        text("quote'\"$(x)`.gif"),
        text("e\u{301}.gif"),
        text("*.gif"),
        ending(&[b'n'; 251]),
        ending(&[0xff, 0xfe, b'x']),
        ending(&[0xc3, 0x28, b'\n']),
    ]
}

#[test]
fn every_name_arrives_once_and_is_listed_exactly() {
    let server = Server::start();
    let (taxiway, folder) = configured(&server, "");
    let mut daemon = taxiway.daemon();
    let names = odd_names();
    for (name, at) in names.iter().zip(0..) {
        write(&folder.join(name), &picture(at, 1_000));
    }
    for _ in &names {
        daemon.event("uploaded");
    }
    daemon.stop();
    taxiway.once().exits(0);
    assert_eq!(server.uploads(), names.len() as u64);
    server.nothing_twice();
    let rows = taxiway.rows();
    for name in &names {
        let path = folder.join(name);
        let path = path.as_os_str();
        let row = rows.iter().find(|row| exact(row) == path);
        let row = row.unwrap_or_else(|| panic!("no row of {path:?} in {rows:#?}"));
        assert_eq!(row["state"], "uploaded", "{row}");
        assert_eq!(row["path_hex"].is_string(), path.to_str().is_none(), "{row}");
        let told = taxiway.run(&[OsStr::new("id"), OsStr::new("--"), path]).exits(0);
        assert_eq!(told.out.trim(), row["asset_id"].as_str().expect("an assetId"));
    }
    let said = taxiway.run(&["ls"]).exits(0);
    assert_eq!(said.lines().len(), names.len(), "one line each: {}", said.out);
}

/// The path of a row, byte by byte.
fn exact(row: &serde_json::Value) -> OsString {
    match row["path_hex"].as_str() {
        None => row["path"].as_str().expect("a path").into(),
        Some(hex) => {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            OsString::from_vec((0..hex.len()).step_by(2).map(byte).collect())
        }
    }
}

#[test]
fn what_is_no_file_hangs_nothing_and_has_no_row() {
    let server = Server::start();
    let (taxiway, folder) = configured(&server, "incomplete = \"100ms\"\n");
    let outside = taxiway.folder("outside");
    write(&outside.join("target.gif"), &picture(1, 1_000));
    let run = |program: &str, arguments: &[&OsStr]| {
        Command::new(program).args(arguments).output().is_ok_and(|said| said.status.success())
    };
    let mut daemon = taxiway.daemon();
    let fifo = folder.join("fifo.gif");
    assert!(run("mkfifo", &[fifo.as_os_str()]), "a FIFO");
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket.gif")).expect("bound");
    let device = folder.join("device.gif");
    let made = run("mknod", &[device.as_os_str(), "c".as_ref(), "1".as_ref(), "5".as_ref()]);
    required(made, "a device node (root)");
    write(&folder.join("x.mp4/inside.gif"), &picture(2, 1_000));
    symlink(outside.join("target.gif"), folder.join("link.gif")).expect("a link");
    symlink(&folder, folder.join("loop")).expect("a link");
    symlink("itself.gif", folder.join("itself.gif")).expect("a link");
    symlink("nowhere.gif", folder.join("dangling.gif")).expect("a link");
    fs::create_dir(folder.join("round")).expect("a directory");
    symlink("..", folder.join("round/and-round")).expect("a link");
    write(&folder.join("empty.gif"), b"");
    sparse_wav(&folder.join("sparse.wav"), 50_000_000);
    let last = folder.join("last.gif");
    write(&last, &picture(3, 1_000));
    daemon.events_of(&[
        ("uploaded", &folder.join("x.mp4/inside.gif")),
        ("uploaded", &folder.join("sparse.wav")),
        ("uploaded", &last),
        ("failed", &folder.join("empty.gif")),
    ]);
    daemon.stop();
    taxiway.once().exits(1);
    let row = |row: &serde_json::Value| {
        let path = row["path"].as_str().expect("a path").replace(&*folder.to_string_lossy(), "");
        let (state, reason) = (row["state"].as_str(), row["reason"].as_str().unwrap_or_default());
        format!("{path} {} {reason}", state.expect("a state")).trim_end().to_owned()
    };
    let mut rows: Vec<String> = taxiway.rows().iter().map(row).collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            "/dangling.gif ignored symbolic link (follow_symlinks = false)",
            "/empty.gif failed the file is empty",
            "/itself.gif ignored symbolic link (follow_symlinks = false)",
            "/last.gif uploaded",
            "/link.gif ignored symbolic link (follow_symlinks = false)",
            "/loop ignored symbolic link (follow_symlinks = false)",
            "/round/and-round ignored symbolic link (follow_symlinks = false)",
            "/sparse.wav uploaded",
            "/x.mp4/inside.gif uploaded",
        ]
    );
    assert_eq!(server.uploads(), 3);
}

#[test]
fn links_that_are_followed_go_round_no_loop() {
    let server = Server::start();
    let (taxiway, folder) = configured(&server, "follow_symlinks = true\n");
    let outside = taxiway.folder("outside");
    write(&outside.join("deep/target.gif"), &picture(1, 1_000));
    write(&folder.join("a/plain.gif"), &picture(2, 1_000));
    symlink(&folder, folder.join("a/root")).expect("a link");
    symlink("itself", folder.join("itself")).expect("a link");
    symlink(&outside, folder.join("out")).expect("a link");
    symlink(&outside, outside.join("deep/up")).expect("a link");
    let mut daemon = taxiway.daemon();
    let late = outside.join("deep/late.gif");
    write(&late, &picture(3, 1_000));
    daemon.event_of("uploaded", &folder.join("out/deep/late.gif"));
    daemon.stop();
    let mut names: Vec<String> = taxiway
        .rows()
        .iter()
        .map(|row| row["path"].as_str().expect("a path").replace(&*folder.to_string_lossy(), ""))
        .collect();
    names.sort();
    assert_eq!(names, ["/a/plain.gif", "/out/deep/late.gif", "/out/deep/target.gif"]);
    server.nothing_twice();
}

#[test]
fn what_may_not_be_read_waits_until_it_may() {
    let server = Server::start();
    let (taxiway, folder) =
        configured(&server, "poll_interval = \"100ms\"\nrescan_interval = \"100ms\"\n");
    let open = folder.join("open.gif");
    let (closed, file) = (folder.join("closed"), folder.join("closed/inside.gif"));
    let unreadable = folder.join("unreadable.gif");
    write(&open, &picture(1, 1_000));
    write(&file, &picture(2, 1_000));
    write(&unreadable, &picture(3, 1_000));
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode(&closed, 0o000);
    mode(&unreadable, 0o000);
    let Some(command) = taxiway.unprivileged(&["run", "--json"]) else {
        required(false, "another user (setpriv)");
        return;
    };
    let mut daemon = Daemon::start(command);
    daemon.events_of(&[("uploaded", &open), ("failed", &unreadable)]);
    let denied = format!("{}: permission denied", closed.display());
    daemon.until("a scan that says what it could not see", |event| {
        event["event"] == "scanned" && event["reason"] == *denied
    });
    mode(&closed, 0o755);
    mode(&unreadable, 0o644);
    daemon.events_of(&[("uploaded", &file), ("uploaded", &unreadable)]);

    // And taken away again: what is known stays known.
    mode(&closed, 0o000);
    daemon.until("a scan that says what it could not see", |event| {
        event["event"] == "scanned" && event["reason"] == *denied
    });
    assert!(daemon.events.iter().all(|event| event["event"] != "gone"), "{:#?}", daemon.events);
    mode(&closed, 0o755);
    daemon.until("a scan that sees everything", |event| {
        event["event"] == "scanned" && event["reason"].is_null()
    });
    daemon.stop();
    assert_eq!(server.uploads(), 3);
    server.nothing_twice();
}
