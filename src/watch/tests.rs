//! Watches of real directories.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::Condvar;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::planner::{Look, ScanResult};
use crate::rules::Rules;
use crate::scan::{self, Glance, Part, Report, Root};

const HERE: FolderId = FolderId(1);
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// Rings when the inbox gets its first hint.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    ringing: Condvar,
}

/// A watched folder.
struct World {
    dir: TempDir,
    root: PathBuf,
    inbox: Arc<Inbox>,
    bell: Arc<Bell>,
    watch: Watch,
}

impl World {
    fn new() -> World {
        World::with(MOST_PATHS, |_| {})
    }

    fn with(most: usize, change: impl FnOnce(&mut Watched)) -> World {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        fs::create_dir(&root).unwrap();
        let bell = Arc::new(Bell::default());
        let inbox = {
            let bell = Arc::clone(&bell);
            Arc::new(Inbox::new(most, move || {
                *lock(&bell.rung) = true;
                bell.ringing.notify_all();
            }))
        };
        let mut watched = Watched {
            folder: HERE,
            path: root.clone(),
            recursive: true,
            follow_symlinks: false,
            not_ours: Vec::new(),
        };
        change(&mut watched);
        let mut watch = Watch::new(watched, Arc::clone(&inbox));
        assert_eq!(watch.arm(None), watch.mode());
        World { dir, root, inbox, bell, watch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Waits for hints and gives those that come to `wanted` until it has enough.
    fn until(&self, mut enough: impl FnMut(Hint) -> bool) {
        let deadline = Instant::now() + LONG_ENOUGH;
        loop {
            for hint in self.inbox.take() {
                if enough(hint) {
                    return;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the hint does not come");
            let mut rung = lock(&self.bell.rung);
            if !*rung {
                rung = self.bell.ringing.wait_timeout(rung, left).unwrap().0;
            }
            *rung = false;
        }
    }

    fn until_hint(&self, wanted: &Hint) {
        self.until(|hint| hint == *wanted);
    }

    /// Everything that is told until a file made now is told of.
    fn told_so_far(&self) -> Vec<Hint> {
        let last = self.path("the-last-one");
        fs::write(&last, "x").unwrap();
        let mut told = Vec::new();
        self.until(|hint| {
            let is_last = matches!(&hint, Hint::Touched { path, .. } if *path == last);
            if !is_last {
                told.push(hint);
            }
            is_last
        });
        told
    }

    fn scan_root(&self) -> Root {
        Root {
            folder: HERE,
            path: self.root.clone(),
            follow_symlinks: false,
            rules: Rules::new(&[], &[], false, true).unwrap(),
            nested: Vec::new(),
            kept_out: Vec::new(),
            expected: None,
        }
    }

    /// Acts on hints as the daemon does, until enough files were seen.
    fn see_until(&mut self, mut enough: impl FnMut(&BTreeSet<PathBuf>) -> bool) {
        let root = self.scan_root();
        let mut seen = BTreeSet::new();
        let deadline = Instant::now() + LONG_ENOUGH;
        while !enough(&seen) {
            assert!(Instant::now() < deadline, "only {} files seen", seen.len());
            for hint in self.inbox.take() {
                let path = match hint {
                    Hint::Subtree { path, .. }
                    | Hint::Touched { path, .. }
                    | Hint::Gone { path, .. } => path,
                    Hint::Owed { .. } | Hint::RootGone { .. } => panic!("{hint:?}"),
                };
                match scan::glance(&root, &path) {
                    Glance::Look(Look::File(_)) => {
                        seen.insert(path);
                    }
                    Glance::Look(_) => {}
                    Glance::Directory => {
                        assert!(self.watch.catch_up());
                        walk(&root, &path, &mut seen);
                    }
                }
            }
            std::thread::yield_now();
        }
    }
}

fn walk(root: &Root, directory: &Path, seen: &mut BTreeSet<PathBuf>) {
    let mut emit = |report| {
        if let Report::Listing(listing) = report {
            let names = listing.entries.iter().map(|(name, _)| name);
            seen.extend(names.map(|name| listing.directory.join(name)));
        }
        ControlFlow::Continue(())
    };
    match scan::walk_part(root, directory, &mut emit, &AtomicBool::new(false)) {
        Part::Walked(_) | Part::Seen(_) => {}
    }
}

fn touched(path: PathBuf, sign: Sign) -> Hint {
    Hint::Touched { folder: HERE, path, sign }
}

#[test]
fn a_file_is_told_when_it_is_written_renamed_and_removed() {
    let world = World::new();
    let (path, other) = (world.path("a.png"), world.path("b.png"));
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"some").unwrap();
    world.until_hint(&touched(path.clone(), Sign::Changed));
    drop(file);
    world.until_hint(&touched(path.clone(), Sign::Closed));
    fs::rename(&path, &other).unwrap();
    let gone = |path| Hint::Gone { folder: HERE, path };
    let mut left = vec![gone(path), touched(other.clone(), Sign::Renamed)];
    world.until(|hint| {
        left.retain(|wanted| *wanted != hint);
        left.is_empty()
    });
    fs::remove_file(&other).unwrap();
    world.until_hint(&touched(other, Sign::Changed));
}

#[test]
fn moves_in_and_out_are_told() {
    let world = World::new();
    let outside = world.dir.path().join("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    fs::write(outside.join("deep/x.png"), "x").unwrap();
    let inside = world.path("inside");
    fs::rename(&outside, &inside).unwrap();
    world.until_hint(&touched(inside.clone(), Sign::Renamed));
    fs::rename(&inside, &outside).unwrap();
    world.until_hint(&Hint::Gone { folder: HERE, path: inside });
}

#[test]
fn a_growing_file_is_one_hint() {
    let world = World::new();
    let path = world.path("a.png");
    let mut file = fs::File::create(&path).unwrap();
    for _ in 0..100 {
        file.write_all(b"more").unwrap();
    }
    drop(file);
    let told = world.told_so_far();
    let of_it = told.iter().filter(|hint| matches!(hint, Hint::Touched { .. }));
    assert!(of_it.count() <= 3, "{told:?}");
}

#[test]
fn nothing_is_missed_in_directories_that_are_new() {
    let mut world = World::new();
    let mut wanted = BTreeSet::new();
    for at in 0..200 {
        let deep = world.path(&format!("d{at}/x/y"));
        fs::create_dir_all(&deep).unwrap();
        for name in ["1.png", "2.png", "3.png"] {
            fs::write(deep.join(name), "x").unwrap();
            wanted.insert(deep.join(name));
        }
    }
    world.see_until(|seen| wanted.is_subset(seen));
}

#[test]
fn nothing_is_missed_while_directories_are_made_and_moved() {
    let mut world = World::new();
    let root = world.root.clone();
    let outside = world.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let maker = std::thread::spawn(move || {
        let mut wanted = BTreeSet::new();
        for at in 0..200 {
            let made = outside.join(format!("d{at}"));
            fs::create_dir_all(made.join("x")).unwrap();
            fs::write(made.join("x/before.png"), "x").unwrap();
            let inside = root.join(format!("d{at}"));
            fs::rename(&made, &inside).unwrap();
            let last = root.join(format!("e{at}"));
            fs::rename(&inside, &last).unwrap();
            fs::write(last.join("x/after.png"), "x").unwrap();
            wanted.extend([last.join("x/before.png"), last.join("x/after.png")]);
        }
        wanted
    });
    let mut wanted = None;
    let mut maker = Some(maker);
    world.see_until(|seen| {
        if maker.as_ref().is_some_and(|maker| maker.is_finished()) {
            wanted = maker.take().and_then(|maker| maker.join().ok());
        }
        let wanted: Option<&BTreeSet<PathBuf>> = wanted.as_ref();
        wanted.is_some_and(|wanted| wanted.is_subset(seen))
    });
}

#[test]
fn catching_up_waits_until_a_new_directory_is_watched() {
    // The system's thread stands still where it has told of a directory and not yet watches it.
    let gate = Arc::new(Bell::default());
    let inbox = {
        let gate = Arc::clone(&gate);
        Arc::new(Inbox::new(MOST_PATHS, move || {
            let open = lock(&gate.rung);
            drop(gate.ringing.wait_while(open, |open| !*open));
        }))
    };
    let mut world = World::new();
    let watched = Watched::clone(&world.watch.watched);
    world.watch = Watch::new(watched, Arc::clone(&inbox));
    assert_eq!(world.watch.arm(None), Mode::Events);
    let (folder, path) = (HERE, world.path("new"));
    fs::create_dir(&path).unwrap();
    let deadline = Instant::now() + LONG_ENOUGH;
    while inbox.take() != [Hint::Subtree { folder, path: path.clone() }] {
        assert!(Instant::now() < deadline, "the hint does not come");
        std::thread::yield_now();
    }
    let opener = {
        let gate = Arc::clone(&gate);
        std::thread::spawn(move || {
            // Time for a catch-up that does not wait to come back too early.
            std::thread::sleep(Duration::from_millis(100));
            *lock(&gate.rung) = true;
            gate.ringing.notify_all();
        })
    };
    assert!(world.watch.catch_up());
    assert!(*lock(&gate.rung), "caught up while the directory was not watched");
    opener.join().unwrap();
    fs::write(path.join("x.png"), "x").unwrap();
    let told = |hint: &Hint| matches!(hint, Hint::Touched { path, .. } if path.ends_with("x.png"));
    while !inbox.take().iter().any(told) {
        assert!(Instant::now() < deadline, "what comes in later is not told");
        std::thread::yield_now();
    }
}

#[test]
fn our_own_reading_tells_nothing() {
    let world = World::new();
    fs::create_dir(world.path("d")).unwrap();
    for at in 0..50 {
        fs::write(world.path(&format!("d/{at}.png")), "x").unwrap();
    }
    world.told_so_far();
    walk(&world.scan_root(), &world.root, &mut BTreeSet::new());
    for at in 0..50 {
        let path = world.path(&format!("d/{at}.png"));
        assert_eq!(fs::read(&path).unwrap(), b"x");
        scan::look(&world.scan_root(), &path);
    }
    assert_eq!(world.told_so_far(), []);
}

#[test]
fn what_is_not_ours_tells_nothing() {
    let world = World::with(MOST_PATHS, |watched| {
        watched.not_ours = vec![watched.path.join("state")];
    });
    fs::create_dir(world.path("state")).unwrap();
    fs::write(world.path("state/wal"), "x").unwrap();
    assert_eq!(world.told_so_far(), []);
}

#[test]
fn a_folder_that_is_not_recursive_is_not_watched_below() {
    let world = World::with(MOST_PATHS, |watched| watched.recursive = false);
    fs::create_dir(world.path("d")).unwrap();
    fs::write(world.path("d/x.png"), "x").unwrap();
    let told = world.told_so_far();
    let below = |hint: &Hint| matches!(hint, Hint::Touched { path, .. } if path.starts_with(world.path("d/x.png")));
    assert!(!told.iter().any(below), "{told:?}");
}

#[test]
fn links_to_directories_are_watched_only_when_followed() {
    for follow in [false, true] {
        let mut world = World::with(MOST_PATHS, |watched| watched.follow_symlinks = follow);
        let outside = world.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, world.path("link")).unwrap();
        assert_eq!(world.watch.arm(None), Mode::Events);
        fs::write(outside.join("x.png"), "x").unwrap();
        let told = world.told_so_far();
        let through = |hint: &Hint| matches!(hint, Hint::Touched { path, .. } if path.ends_with("link/x.png"));
        assert_eq!(told.iter().any(through), follow, "{told:?}");
    }
}

#[test]
fn more_paths_than_are_kept_owe_a_scan() {
    let world = World::with(4, |_| {});
    for at in 0..100 {
        fs::write(world.path(&format!("{at}.png")), "x").unwrap();
    }
    world.until(|hint| matches!(hint, Hint::Owed { .. }));
}

#[test]
fn a_queue_of_the_system_that_overflows_owes_a_scan() {
    let queue = limit("max_queued_events").unwrap_or(16_384);
    let world = World::new();
    // While the inbox is held, the system's thread waits at its first hint.
    let held = world.inbox.hold();
    let path = world.path("a.png");
    for _ in 0..=queue {
        // Two events that differ from the one before, so that they are not merged.
        fs::write(&path, "x").unwrap();
    }
    drop(held);
    let mut reasons = Vec::new();
    world.until(|hint| {
        if let Hint::Owed { reason, .. } = hint {
            reasons.push(reason);
        }
        !reasons.is_empty()
    });
    assert_eq!(reasons, ["the system lost events: there were too many at once"]);
}

#[test]
fn a_root_that_is_removed_or_moved_is_gone_and_can_be_armed_again() {
    let mut world = World::new();
    let gone = Hint::RootGone { folder: HERE };
    for way in ["remove", "move"] {
        match way {
            "remove" => fs::remove_dir_all(&world.root).unwrap(),
            _ => fs::rename(&world.root, world.dir.path().join("moved")).unwrap(),
        }
        world.until_hint(&gone);
        let is_away = |mode: Mode| matches!(mode, Mode::Away { .. });
        assert!(is_away(world.watch.mode()), "{way}");
        assert!(is_away(world.watch.arm(None)), "{way}");
        fs::create_dir_all(&world.root).unwrap();
        // What was moved away no longer tells under the path it had.
        if way == "move" {
            fs::write(world.dir.path().join("moved/stale.png"), "x").unwrap();
        }
        world.inbox.take();
        assert_eq!(world.watch.arm(None), Mode::Events);
        let told = world.told_so_far();
        assert!(told.is_empty(), "{way}: {told:?}");
    }
}

#[test]
fn a_polled_folder_is_not_watched() {
    let mut world = World::new();
    let polled = polled_because(Wanted::Poll, None);
    world.watch.arm(polled.as_deref());
    fs::write(world.path("a.png"), "x").unwrap();
    assert!(world.watch.armed.is_none());
    assert!(world.watch.catch_up());
    let reason = "mode = \"poll\"".to_owned();
    assert_eq!(world.watch.mode(), Mode::Poll { reason });
}

#[test]
fn a_folder_is_polled_if_told_or_if_its_file_system_is_silent() {
    let because = |wanted, silent| polled_because(wanted, silent);
    assert_eq!(because(Wanted::Auto, None), None);
    assert_eq!(because(Wanted::Auto, Some("nfs")).unwrap(), "nfs does not tell of changes");
    assert_eq!(because(Wanted::Events, Some("nfs")), None);
    assert!(because(Wanted::Poll, None).is_some());
}

#[test]
fn too_few_watches_are_told_with_what_to_type() {
    assert_eq!(
        too_few_watches(Some(600_000), Some(192_536)),
        "the system's limit of 192536 inotify watches is reached, and this folder needs 600000; \
         hint: sysctl fs.inotify.max_user_watches=1048576"
    );
    assert_eq!(
        too_few_watches(None, None),
        "the system's limit of inotify watches is reached; \
         hint: sysctl fs.inotify.max_user_watches=524288"
    );
}

/// Runs one test of this file as the root of a user namespace, after `script`. Where the system
/// allows no such namespace, that is said, and is an error if `TAXIWAY_KERNEL_TESTS=required`.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn in_a_namespace(test: &str, script: &str) {
    let unshare = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-Urm", "sh", "-c", script, "sh"]);
        command
    };
    if !unshare(script).output().is_ok_and(|tried| tried.status.success()) {
        let required = std::env::var_os("TAXIWAY_KERNEL_TESTS").is_some_and(|it| it == "required");
        assert!(!required, "this needs a user namespace, and TAXIWAY_KERNEL_TESTS=required");
        eprintln!("skipped: this needs a user namespace (unshare -Urm)");
        return;
    }
    let output = unshare(&format!("{script} && exec \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("watch::tests::{test}")])
        .env(WITHIN, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Set in the process that [`in_a_namespace`] starts.
const WITHIN: &str = "TAXIWAY_TEST_IN_A_NAMESPACE";

#[test]
fn an_unmounted_root_is_away_and_its_files_are_not_gone() {
    if std::env::var_os(WITHIN).is_none() {
        in_a_namespace("an_unmounted_root_is_away_and_its_files_are_not_gone", "true");
        return;
    }
    let mut world = World::new();
    let run = |command: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(command);
        let status = command.args(arguments).arg(&world.root).status().unwrap();
        assert!(status.success());
    };
    run("mount", &["-t", "tmpfs", "none"]);
    let mut root = world.scan_root();
    root.expected = Some(scan::root_id(&root.path).unwrap());
    assert_eq!(world.watch.arm(None), Mode::Events);
    let path = world.path("a.png");
    fs::write(&path, "x").unwrap();
    assert!(matches!(scan::look(&root, &path), Look::File(_)));
    run("umount", &[]);
    world.until_hint(&Hint::RootGone { folder: HERE });
    assert!(matches!(world.watch.mode(), Mode::Away { .. }));
    assert!(matches!(scan::look(&root, &path), Look::Unreadable { .. }));
    let mut nothing = |report| panic!("{report:?}");
    let walked = scan::walk(&root, &mut nothing, &AtomicBool::new(false));
    assert!(matches!(walked, ScanResult::Away { .. }), "{walked:?}");
}

#[test]
fn a_folder_with_more_directories_than_watches_is_polled() {
    if std::env::var_os(WITHIN).is_none() {
        let test = "a_folder_with_more_directories_than_watches_is_polled";
        in_a_namespace(test, "echo 10 > /proc/sys/user/max_inotify_watches");
        return;
    }
    // Watched at first; then a directory too many is made.
    let mut world = World::new();
    for at in 0..20 {
        fs::create_dir(world.path(&format!("d{at}"))).unwrap();
    }
    world.until(|hint| matches!(hint, Hint::Owed { reason, .. } if reason.contains("sysctl")));
    assert!(matches!(world.watch.mode(), Mode::Poll { .. }));
    assert!(world.watch.armed.is_none(), "the watches are given back");
    // Too many from the start.
    let Mode::Poll { reason } = world.watch.arm(None) else {
        panic!("it is watched");
    };
    assert!(reason.contains("this folder needs 21; hint: sysctl"), "{reason}");
    for at in 5..20 {
        fs::remove_dir(world.path(&format!("d{at}"))).unwrap();
    }
    // The kernel counts watches that were given back for a moment longer.
    let until = Instant::now() + LONG_ENOUGH;
    while world.watch.arm(None) != Mode::Events {
        assert!(Instant::now() < until, "{:?}", world.watch.mode());
        std::thread::yield_now();
    }
}
