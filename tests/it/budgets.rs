//! What work may cost, counted: calls to the kernel, bytes read, wake-ups, memory.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::memory::peak_kib;
use crate::support::{Server, Taxiway, have, picture, required, write};

/// What the program asked the kernel for: a line a call, file descriptors with their paths.
struct Calls(String);

impl Calls {
    /// Runs `taxiway run --once` and notes its calls. None where that cannot be done.
    fn of_once(taxiway: &Taxiway) -> Option<Calls> {
        if !have("strace") {
            return None;
        }
        let log = taxiway.path("calls");
        let mut command = Command::new("strace");
        command.args(["-f", "-y", "-qq", "-s", "0", "-o"]).arg(&log);
        let ours = taxiway.command(&["run", "--once"]);
        command.arg(ours.get_program()).args(ours.get_args()).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = taxiway.finish(command, b"");
        if !required(!said.told().contains("ptrace"), "the right to trace processes") {
            return None;
        }
        said.exits(0);
        Some(Calls(joined(&std::fs::read_to_string(log).expect("the calls"))))
    }

    /// How many there were in all.
    fn all(&self) -> usize {
        self.0.lines().count()
    }

    /// Those that name a path, or a descriptor of it.
    fn about<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Call<'a>> {
        self.0.lines().filter(move |line| line.contains(name)).filter_map(Call::parse)
    }
}

/// Calls in one piece each: one that another thread's call comes in between of is told in two.
fn joined(log: &str) -> String {
    let mut begun = std::collections::BTreeMap::new();
    let mut lines = String::new();
    for line in log.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        if let Some(begin) = call.strip_suffix("<unfinished ...>") {
            begun.insert(thread, begin);
            continue;
        }
        let end =
            call.trim_start().strip_prefix("<... ").and_then(|end| end.split_once(" resumed>"));
        match end {
            Some((_, end)) => lines.extend([begun.remove(thread).unwrap_or_default(), end, "\n"]),
            None => lines.extend([call, "\n"]),
        }
    }
    lines
}

/// One call: its name, and what it returned.
struct Call<'a> {
    name: &'a str,
    returned: i64,
}

impl<'a> Call<'a> {
    fn parse(line: &'a str) -> Option<Call<'a>> {
        let name = line.trim_start().split('(').next()?;
        let (_, result) = line.rsplit_once(" = ")?;
        let returned = result.split([' ', '<']).next()?.parse().unwrap_or(-1);
        Some(Call { name, returned })
    }
}

fn pictures(folder: &Path, files: u64, bytes: usize) -> Vec<PathBuf> {
    let path = |number: u64| folder.join(format!("{}/{number:04}.gif", number % 5));
    let made = (0..files).map(|number| {
        write(&path(number), &picture(number, bytes));
        path(number)
    });
    made.collect()
}

/// Looks that prove that nothing has changed are owed until files are two seconds old.
fn come_to_rest(taxiway: &Taxiway) {
    crate::support::eventually("nothing is owed any more", || {
        taxiway.once().exits(0);
        (counted(taxiway, "path WHERE certain = 0") == 0).then_some(())
    });
}

/// How many rows of a table there are, by another program than ours.
fn counted(taxiway: &Taxiway, rows: &str) -> u64 {
    let script = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
    let mut ask = Command::new("python3");
    ask.args(["-c", script]).arg(taxiway.state_dir().join("ledger.sqlite3"));
    let answer = ask.arg(format!("SELECT count(*) FROM {rows}")).output().expect("python3");
    String::from_utf8_lossy(&answer.stdout).trim().parse().expect("a number")
}

#[test]
fn a_scan_of_files_that_have_not_changed_asks_once_about_each_and_opens_none() {
    if !have("python3") {
        return;
    }
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    let mut all = Vec::new();
    for (from, files) in [(0, 100), (100, 600)] {
        for number in from..files {
            let name = format!("{}/{number:04}.gif", number % 5);
            write(&folder.join(name), &picture(number, 100));
        }
        come_to_rest(&taxiway);
        let Some(calls) = Calls::of_once(&taxiway) else { return };
        let about: Vec<_> = calls.about(".gif").map(|call| call.name.to_owned()).collect();
        assert!(about.iter().all(|name| name.contains("stat")), "nothing but looks: {about:?}");
        assert!(about.len() <= files as usize, "{} looks at {files} files", about.len());
        all.push(calls.all());
    }
    let more = all[1] - all[0];
    assert!(more <= 2 * 500, "500 files more took {more} calls more");
    assert_eq!(server.uploads(), 600);
}

#[test]
fn a_file_is_read_to_know_it_and_to_send_it_and_never_more() {
    // A small one is read ahead of its place, and more of them than are read ahead at once.
    for (files, size) in [(4, 3 << 20), (60, 50 << 10)] {
        let server = Server::start();
        let taxiway = Taxiway::watching(&server);
        let all = pictures(&taxiway.path("folder"), files, size as usize);
        let Some(calls) = Calls::of_once(&taxiway) else { return };
        for file in all {
            let name = file.display().to_string();
            let reads = calls.about(&name).filter(|call| call.name.contains("read"));
            let bytes: i64 = reads.map(|call| call.returned.max(0)).sum();
            assert!(bytes >= 2 * size, "{name}: {bytes} bytes read, which is not all twice");
            // What kind of file it is takes a look at its head and its end.
            assert!(bytes <= 2 * size + 64 * 1024, "{name}: {bytes} bytes of {size} read");
            let opened = calls.about(&name).filter(|call| call.name == "openat").count();
            assert_eq!(opened, 2, "{name}");
        }
        assert_eq!(server.uploads(), files);
    }
}

#[test]
fn an_idle_minute_has_at_most_six_wake_ups_and_writes_nothing() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    pictures(&taxiway.path("folder"), 20, 100);
    let daemon = taxiway.daemon();
    taxiway.run(&["wait"]).exits(0);
    // The second look at new files, and threads that have had nothing to do for ten seconds.
    let rest = std::time::Duration::from_secs(15);
    std::thread::sleep(rest);
    let before = (wake_ups(daemon.pid()), written(daemon.pid()));
    // The budget is one of a minute; there is nothing else to wait for.
    std::thread::sleep(std::time::Duration::from_secs(60));
    let after = (wake_ups(daemon.pid()), written(daemon.pid()));
    assert!(after.0 <= before.0 + 6, "{} wake-ups, then {}", before.0, after.0);
    assert_eq!(after.1, before.1, "bytes written");
    daemon.stop();
}

#[test]
fn what_was_needed_for_work_is_given_back_when_it_is_done() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    pictures(&taxiway.path("folder"), 5_000, 100);
    let daemon = taxiway.daemon();
    taxiway.run(&["wait"]).exits(0);
    crate::support::eventually("memory is given back", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).ok()?;
        let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        // Apart from the program itself, which is the system's to keep. It was 10 MiB before.
        (kib <= 8 * 1024).then_some(())
    });
    daemon.stop();
}

/// How often any thread of a process has waited for something.
fn wake_ups(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let of = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        number(&status, "voluntary_ctxt_switches:")
    };
    tasks.map(|task| of(task.expect("a thread"))).sum()
}

fn written(pid: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("its traffic");
    number(&io, "wchar:")
}

fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().parse().ok()).unwrap_or_default()
}

/// A ledger with so many files that wait to be sent, by the ledger's own tables.
const FILL: &str = r#"
import sqlite3, sys
ledger, files = sqlite3.connect(sys.argv[1]), int(sys.argv[2])
account = ledger.execute("SELECT id FROM account").fetchone()[0]
directory = ledger.execute("SELECT min(id) FROM directory").fetchone()[0]
first = {table: ledger.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0]
         for table in ("content", "upload", "path")}
numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {files})"
ledger.executescript(f"""
PRAGMA synchronous = OFF; BEGIN;
{numbers} INSERT INTO content (id, hash, size, media_type)
  SELECT i + {first["content"]}, randomblob(32), 1000, 'image/gif' FROM n;
{numbers} INSERT INTO upload (id, content_id, account_id, name, wanted_at, pushed_at)
  SELECT i + {first["upload"]}, i + {first["content"]}, {account}, i || '.gif', 0, 0 FROM n;
{numbers} INSERT INTO path (id, directory_id, name, folder_id, status, device, inode, size,
    mtime_ns, ctime_ns, certain, content_id, upload_id, seen_at)
  SELECT i + {first["path"]}, {directory}, CAST('waits-' || i || '.gif' AS BLOB), 0, 'linked', 1, i,
    1000, 0, 0, 1, i + {first["content"]}, i + {first["upload"]}, 0 FROM n;
{numbers} INSERT INTO queue (folder_id, account_id, upload_id, path_id, newest)
  SELECT 0, {account}, i + {first["upload"]}, i + {first["path"]}, i FROM n;
COMMIT;
""")
print(ledger.execute("SELECT count(*) FROM queue").fetchone()[0])
"#;

#[test]
fn memory_does_not_grow_with_what_waits() {
    if !have("python3") {
        return;
    }
    let peak = |files: u64| {
        let server = Server::start();
        let taxiway = Taxiway::watching(&server);
        write(&taxiway.path("folder/first.gif"), &picture(1, 100));
        let daemon = taxiway.daemon();
        taxiway.run(&["wait"]).exits(0);
        // A pause outlives the run.
        taxiway.run(&["pause"]).exits(0);
        daemon.stop();
        let ledger = taxiway.state_dir().join("ledger.sqlite3");
        let mut fill = Command::new("python3");
        fill.args(["-c", FILL]).arg(&ledger).arg(files.to_string());
        fill.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let filled = taxiway.finish(fill, b"").exits(0);
        assert_eq!(filled.lines(), [files.to_string()]);
        let mut daemon = taxiway.spawn(&["run", "--json"]);
        daemon.event("scanned");
        let paused = taxiway.run(&["status", "--json"]).exits(0).objects().remove(0);
        assert_eq!(paused["state"], "paused");
        let peak = peak_kib(daemon.pid()).expect("its memory");
        daemon.stop();
        assert_eq!(counted(&taxiway, "queue"), files, "all of them wait");
        peak
    };
    let (few, many) = (peak(1_000), peak(200_000));
    assert!(many <= few + 6 * 1024, "{few} KiB with 1,000, {many} KiB with 200,000");
}
