//! Looks and walks of real trees.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

static GO_ON: AtomicBool = AtomicBool::new(false);

/// A folder with nothing in it, and rules that take everything but what the names say.
struct World {
    dir: TempDir,
    root: Root,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let path = resolve(dir.path()).unwrap().join("root");
        fs::create_dir(&path).unwrap();
        let root = Root {
            folder: FolderId(1),
            path,
            follow_symlinks: false,
            rules: rules(&[], &[], false, true),
            nested: Vec::new(),
            kept_out: Vec::new(),
            expected: None,
        };
        World { dir, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path.join(name)
    }

    /// Makes a file of a few bytes and the directories above it.
    fn file(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, name).unwrap();
        path
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn walk(&self) -> Walked {
        walked(&self.root)
    }

    /// All entries of a walk: path below the root, and what is there.
    fn seen(&self) -> Vec<String> {
        let walk = self.walk();
        assert_eq!(walk.result, ScanResult::Complete);
        walk.words(&self.root)
    }
}

fn rules(include: &[&str], exclude: &[&str], hidden: bool, recursive: bool) -> Rules {
    let owned = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    Rules::new(&owned(include), &owned(exclude), hidden, recursive).unwrap()
}

struct Walked {
    listings: Vec<DirListing>,
    warnings: Vec<String>,
    result: ScanResult,
}

fn walked(root: &Root) -> Walked {
    collect(|emit| walk(root, emit, &GO_ON))
}

fn collect(walk: impl FnOnce(&mut dyn FnMut(Report) -> ControlFlow<()>) -> ScanResult) -> Walked {
    let (mut listings, mut warnings) = (Vec::new(), Vec::new());
    let result = walk(&mut |report| {
        match report {
            Report::Listing(listing) => listings.push(listing),
            Report::Warning(warning) => warnings.push(warning),
        }
        ControlFlow::Continue(())
    });
    Walked { listings, warnings, result }
}

impl Walked {
    fn looks(&self) -> BTreeMap<PathBuf, Look> {
        let mut looks = BTreeMap::new();
        for listing in &self.listings {
            for (name, look) in &listing.entries {
                let path = listing.directory.join(name);
                assert!(looks.insert(path, look.clone()).is_none(), "listed twice");
            }
        }
        looks
    }

    fn words(&self, root: &Root) -> Vec<String> {
        let word = |(path, look): (PathBuf, Look)| {
            let path = path.strip_prefix(&root.path).unwrap().display().to_string();
            match look {
                Look::File(_) => path,
                Look::Left { rule, .. } => format!("{path}: {rule}"),
                Look::Gone => format!("{path}: gone?"),
                Look::Unreadable { reason } => format!("{path}: unreadable: {reason}"),
            }
        };
        self.looks().into_iter().map(word).collect()
    }

    fn directories(&self, root: &Root) -> Vec<String> {
        let below = |listing: &DirListing| {
            let path = listing.directory.strip_prefix(&root.path).unwrap();
            path.display().to_string()
        };
        self.listings.iter().map(below).collect()
    }
}

fn words(look: &Look) -> &str {
    match look {
        Look::File(_) => "file",
        Look::Left { rule, .. } => rule,
        Look::Gone => "gone",
        Look::Unreadable { reason } => reason,
    }
}

#[test]
fn a_walk_lists_files_and_what_is_left_and_goes_down_depth_first() {
    let world = World::new();
    for name in ["b.png", "a/2.png", "a/1/x.png", "c/y.png", ".dot.png", "z.part"] {
        world.file(name);
    }
    fs::create_dir(world.path("empty")).unwrap();
    assert_eq!(
        world.seen(),
        [
            ".dot.png: hidden (hidden = false)",
            "a/1/x.png",
            "a/2.png",
            "b.png",
            "c/y.png",
            "z.part: temporary name (.part)",
        ]
    );
    let walk = world.walk();
    assert_eq!(walk.directories(&world.root), ["", "a", "a/1", "c", "empty"]);
    assert_eq!(walk.listings[0].subdirectories, ["a", "c", "empty"]);
    assert!(walk.listings.iter().all(|l| l.after.is_none() && l.upto.is_none()));
}

#[test]
fn a_stat_says_what_the_system_says() {
    use std::os::unix::fs::MetadataExt;
    let world = World::new();
    let path = world.file("a.png");
    let found = fs::metadata(&path).unwrap();
    let Look::File(stat) = look(&world.root, &path) else {
        panic!("no file");
    };
    let seen = stat.fingerprint;
    assert_eq!((seen.device, seen.inode, seen.size), (found.dev(), found.ino(), found.len()));
    assert_eq!(seen.mtime_ns, found.mtime() * 1_000_000_000 + found.mtime_nsec());
    assert_eq!(seen.ctime_ns, found.ctime() * 1_000_000_000 + found.ctime_nsec());
    assert_eq!(stat.disk, file_system(&path).disk);
    assert_eq!(world.walk().looks()[&path], Look::File(stat));
}

#[test]
fn a_file_that_is_asked_for_by_name_is_seen_whatever_the_rules_say() {
    let world = World::new();
    let path = world.file(".hidden/x.part");
    let seen = look_by_name(&path);
    assert_eq!(words(&seen), "file");
    let open = stat_open(&fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(seen, Look::File(open));
    symlink(&path, world.path("link")).unwrap();
    assert_eq!(look_by_name(&world.path("link")), seen);
    assert_eq!(look_by_name(&world.path("nothing")), Look::Gone);
    assert_eq!(look_by_name(&world.root.path), Look::Gone);
}

#[test]
fn what_lies_below_a_directory_that_is_left_gives_nothing() {
    let mut world = World::new();
    world.root.rules = rules(&[], &["drafts/"], false, true);
    world.root.nested = vec![world.path("nested")];
    world.root.kept_out =
        vec![KeptOut { path: world.path("state"), why: "taxiway's own state".into() }];
    for directory in ["drafts", ".git", "nested", "state", "a"] {
        world.file(&format!("{directory}/deep/x.png"));
    }
    assert_eq!(
        world.seen(),
        [
            ".git: hidden (hidden = false)",
            "a/deep/x.png",
            "drafts: excluded by `drafts/` in the configuration",
            "state: taxiway's own state",
        ]
    );
    assert_eq!(world.walk().listings[0].subdirectories, ["a"]);
    let look_at = |name: &str| words(&look(&world.root, &world.path(name))).to_owned();
    assert_eq!(look_at("drafts"), "excluded by `drafts/` in the configuration");
    assert_eq!(look_at("state"), "taxiway's own state");
    for below in ["drafts/deep", "drafts/deep/x.png", ".git/deep/x.png"] {
        assert_eq!(look_at(below), "gone", "{below}");
    }
    for other in ["nested", "nested/deep/x.png", "state/deep/x.png"] {
        assert_eq!(look_at(other), "gone", "{other}");
    }
}

#[test]
fn a_folder_that_is_not_recursive_names_its_subdirectories_and_leaves_them() {
    let mut world = World::new();
    world.root.rules = rules(&[], &[], false, false);
    world.file("a.png");
    world.file("d/b.png");
    assert_eq!(world.seen(), ["a.png", "d: subdirectory (recursive = false)"]);
}

#[test]
fn links_are_left_and_nothing_behind_them_is_ours() {
    let world = World::new();
    let there = world.outside("there");
    fs::create_dir(&there).unwrap();
    fs::write(there.join("x.png"), "x").unwrap();
    symlink(&there, world.path("dir")).unwrap();
    symlink(there.join("x.png"), world.path("file.png")).unwrap();
    symlink("nowhere", world.path("dangling")).unwrap();
    let rule = "symbolic link (follow_symlinks = false)";
    let named = |name: &str| format!("{name}: {rule}");
    assert_eq!(world.seen(), [named("dangling"), named("dir"), named("file.png")]);
    assert_eq!(words(&look(&world.root, &world.path("file.png"))), rule);
    assert_eq!(words(&look(&world.root, &world.path("dir/x.png"))), "gone");
}

#[test]
fn links_are_followed_when_asked_and_loops_end() {
    let mut world = World::new();
    world.root.follow_symlinks = true;
    let there = world.outside("there");
    fs::create_dir_all(there.join("state")).unwrap();
    fs::write(there.join("x.png"), "x").unwrap();
    fs::write(there.join("state/wal.png"), "x").unwrap();
    world.root.kept_out = vec![KeptOut { path: there.join("state"), why: "state".into() }];
    symlink(&there, world.path("dir")).unwrap();
    symlink(there.join("x.png"), world.path("file.png")).unwrap();
    symlink("nowhere", world.path("dangling")).unwrap();
    symlink("self", world.path("self")).unwrap();
    fs::create_dir(world.path("a")).unwrap();
    symlink(&world.root.path, world.path("a/up")).unwrap();
    symlink(".", world.path("a/here")).unwrap();
    assert_eq!(world.seen(), ["dir/x.png", "file.png"]);
    let look_at = |name: &str| words(&look(&world.root, &world.path(name))).to_owned();
    assert_eq!(look_at("dir/x.png"), "file");
    assert_eq!(look_at("dir/state/wal.png"), "gone");
    assert_eq!(look_at("dangling"), "gone");
    assert_eq!(look_at("self"), "gone");
    let part = collect(|emit| match walk_part(&world.root, &world.path("a"), emit, &GO_ON) {
        Part::Walked(result) => result,
        Part::Seen(look) => panic!("{look:?}"),
    });
    assert_eq!(part.directories(&world.root), ["a"]);
}

#[test]
fn what_is_neither_file_nor_directory_is_nothing_and_is_not_opened() {
    let world = World::new();
    let fifo = world.path("fifo.png");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let _socket = UnixListener::bind(world.path("socket.png")).unwrap();
    let ignore_file = world.path(".taxiwayignore");
    assert_eq!(world.seen(), Vec::<String>::new());
    assert_eq!(look(&world.root, &fifo), Look::Gone);
    // An ignore file that is a FIFO would hang whoever opens it.
    let made = std::process::Command::new("mkfifo").arg(&ignore_file).status();
    assert!(made.unwrap().success());
    world.file("a.png");
    let walk = world.walk();
    let broken = format!("{} cannot be obeyed: it is not a regular file", ignore_file.display());
    assert_eq!(walk.warnings, std::slice::from_ref(&broken));
    assert_eq!(walk.result, ScanResult::Incomplete { reason: broken.clone() });
    assert_eq!(walk.words(&world.root), [format!("a.png: {broken}")]);
}

#[test]
fn odd_names_are_names() {
    let world = World::new();
    let long = "x".repeat(251) + ".png";
    let odd: [&[u8]; 4] = [b"\xff\xfe.png", b"new\nline.png", long.as_bytes(), b" "];
    for name in odd {
        fs::write(world.root.path.join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let looks = world.walk().looks();
    let names: BTreeSet<&[u8]> =
        looks.keys().map(|path| path.file_name().unwrap().as_bytes()).collect();
    assert_eq!(names, BTreeSet::from(odd));
    for (path, seen) in &looks {
        assert_eq!(look(&world.root, path), *seen);
    }
}

#[test]
fn ignore_files_hold_for_walks_and_looks_alike() {
    let world = World::new();
    for name in ["a/x.png", "a/y.png", "a/b/x.png", "x.png"] {
        world.file(name);
    }
    fs::write(world.path("a/.taxiwayignore"), "x.png\n[z-a]\n").unwrap();
    let walk = world.walk();
    let rule =
        format!("excluded by `x.png` in {} line 1", world.path("a/.taxiwayignore").display());
    assert_eq!(
        walk.words(&world.root),
        [
            "a/.taxiwayignore: taxiway's own file (.taxiwayignore)".to_owned(),
            format!("a/b/x.png: {rule}"),
            format!("a/x.png: {rule}"),
            "a/y.png".to_owned(),
            "x.png".to_owned(),
        ]
    );
    assert_eq!(walk.result, ScanResult::Complete);
    assert_eq!(walk.warnings.len(), 1, "{:?}", walk.warnings);
    for (path, seen) in walk.looks() {
        assert_eq!(look(&world.root, &path), seen);
    }
    // A part of the folder is walked under the rules of what is above it.
    let mut part = Vec::new();
    let directory = world.path("a/b");
    let walked = walk_part(
        &world.root,
        &directory,
        &mut |report| {
            part.push(report);
            ControlFlow::Continue(())
        },
        &GO_ON,
    );
    assert_eq!(walked, Part::Walked(ScanResult::Complete));
    let Some(Report::Listing(listing)) = part.pop() else {
        panic!("{part:?}");
    };
    assert_eq!(words(&listing.entries[0].1), rule);
}

#[test]
fn a_part_that_is_no_directory_of_ours_is_seen_instead() {
    let world = World::new();
    world.file(".git/x.png");
    world.file("a.png");
    let part = |name: &str| {
        let mut nothing = |report| panic!("{report:?}");
        match walk_part(&world.root, &world.path(name), &mut nothing, &GO_ON) {
            Part::Walked(result) => panic!("{result:?}"),
            Part::Seen(look) => words(&look).to_owned(),
        }
    };
    assert_eq!(part(".git"), "hidden (hidden = false)");
    assert_eq!(part(".git/deeper"), "gone");
    assert_eq!(part("a.png"), "file");
    assert_eq!(part("nothing"), "gone");
}

#[test]
fn batches_cover_a_large_directory_without_gaps() {
    let world = World::new();
    for at in 0..2_500 {
        fs::write(world.path(&format!("{at:04}.png")), "").unwrap();
    }
    for at in 0..7 {
        fs::create_dir(world.path(&format!("{}55 dir", at))).unwrap();
    }
    // A small budget reads the directory in many pieces.
    for budget in [super::names::BUDGET_BYTES, 5_000] {
        let walk = collect(|emit| walk::all_within(&world.root, emit, &GO_ON, budget));
        assert_eq!(walk.result, ScanResult::Complete);
        let in_root: Vec<_> =
            walk.listings.iter().filter(|l| l.directory == world.root.path).collect();
        let mut after = None;
        for listing in &in_root {
            assert!(listing.entries.len() + listing.subdirectories.len() <= LONGEST_LISTING);
            assert_eq!(listing.after, after);
            let names = listing.entries.iter().map(|(name, _)| name);
            let names: Vec<_> = names.chain(&listing.subdirectories).collect();
            for name in &names {
                assert!(after.as_ref().is_none_or(|after| *name > after));
                assert!(listing.upto.as_ref().is_none_or(|upto| *name <= upto));
            }
            assert!(listing.entries.is_sorted_by(|a, b| a.0 < b.0));
            after = listing.upto.clone();
        }
        assert_eq!(after, None, "the last listing goes to the end");
        assert_eq!(walk.looks().len(), 2_500);
        let subdirectories = in_root.iter().map(|l| l.subdirectories.len());
        assert_eq!(subdirectories.sum::<usize>(), 7);
        assert_eq!(walk.listings.len(), in_root.len() + 7);
        assert!(in_root.len() >= 3);
    }
}

#[test]
fn a_directory_that_cannot_be_read_makes_the_scan_incomplete() {
    let world = World::new();
    world.file("a.png");
    // Longer than the longest path the system takes, which not even root can open.
    let name = "d".repeat(250);
    let mut path = world.root.path.clone();
    let mut dir = rustix::fs::open(&path, rustix::fs::OFlags::RDONLY, 0.into()).unwrap();
    for _ in 0..20 {
        rustix::fs::mkdirat(&dir, name.as_str(), 0o755.into()).unwrap();
        dir =
            rustix::fs::openat(&dir, name.as_str(), rustix::fs::OFlags::RDONLY, 0.into()).unwrap();
        path.push(&name);
        if path.as_os_str().len() < 4_096 - 300 {
            fs::write(path.join("x.png"), "x").unwrap();
        }
    }
    let walk = world.walk();
    let ScanResult::Incomplete { reason } = &walk.result else {
        panic!("{:?}", walk.result);
    };
    assert!(reason.ends_with("dd: file name too long"), "{reason}");
    assert!(walk.looks().contains_key(&world.path("a.png")));
    let longest = walk.listings.last().unwrap();
    assert_eq!(longest.subdirectories.len(), 1, "the next one is not listed");
}

/// Root reads everything, so for root this runs in a child without its rights.
#[test]
fn a_directory_without_rights_makes_the_scan_incomplete() {
    const NAME: &str = "a_directory_without_rights_makes_the_scan_incomplete";
    if rustix::process::geteuid().is_root() {
        let child = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", &format!("scan::tests::{NAME}")])
            .env("TMPDIR", "/tmp")
            .output();
        let child = child.unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let world = World::new();
    world.file("closed/x.png");
    world.file("names/y.png");
    world.file("open/z.png");
    let chmod = |name: &str, mode| {
        fs::set_permissions(world.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod("closed", 0o000);
    chmod("names", 0o444);
    let walk = world.walk();
    let denied = format!("{}: permission denied", world.path("closed").display());
    assert_eq!(
        walk.result,
        ScanResult::Incomplete { reason: format!("{denied} (the first of 2 places)") }
    );
    assert_eq!(walk.directories(&world.root), ["", "names", "open"]);
    assert_eq!(
        walk.words(&world.root),
        ["names/y.png: unreadable: permission denied", "open/z.png"]
    );
    let unreadable = Look::Unreadable { reason: "permission denied".into() };
    assert_eq!(look(&world.root, &world.path("closed/x.png")), unreadable);
    chmod("closed", 0o755);
    chmod("names", 0o755);
}

#[test]
fn a_root_that_is_missing_or_another_is_away_and_its_files_are_not_gone() {
    let mut world = World::new();
    let path = world.file("a.png");
    let root = world.root.path.clone();
    world.root.expected = Some(root_id(&root).unwrap());
    assert_eq!(world.seen(), ["a.png"]);

    fs::rename(&root, world.outside("moved")).unwrap();
    let missing = format!("{} is not there", root.display());
    let away = |reason: &str| ScanResult::Away { reason: reason.into() };
    assert_eq!(world.walk().result, away(&missing));
    let unreadable = |reason: &str| Look::Unreadable { reason: reason.into() };
    assert_eq!(look(&world.root, &path), unreadable(&missing));

    fs::write(&root, "a file").unwrap();
    let file = format!("{} is not a directory", root.display());
    assert_eq!(world.walk().result, away(&file));
    assert_eq!(look(&world.root, &path), unreadable(&file));

    fs::remove_file(&root).unwrap();
    symlink(world.outside("moved"), &root).unwrap();
    assert_eq!(world.walk().result, away(&file));
    fs::remove_file(&root).unwrap();

    fs::create_dir(&root).unwrap();
    let other =
        format!("{} is another directory than before: is its disk mounted?", root.display());
    let walk = world.walk();
    assert_eq!(walk.result, away(&other));
    assert!(walk.listings.is_empty());
    assert_eq!(look(&world.root, &path), unreadable(&other));

    world.root.expected = None;
    assert_eq!(world.walk().result, ScanResult::Complete);
    assert_eq!(look(&world.root, &path), Look::Gone);
}

#[test]
fn a_root_that_goes_away_during_a_walk_ends_it() {
    let world = World::new();
    for at in 0..2_500 {
        fs::write(world.path(&format!("{at:04}.png")), "").unwrap();
    }
    let mut listings = 0;
    let mut emit = |report| {
        assert!(matches!(report, Report::Listing(_)));
        listings += 1;
        fs::rename(&world.root.path, world.outside("moved")).unwrap();
        fs::create_dir(&world.root.path).unwrap();
        ControlFlow::Continue(())
    };
    let result = walk(&world.root, &mut emit, &GO_ON);
    let reason = format!("{} was replaced", world.root.path.display());
    assert_eq!(result, ScanResult::Away { reason });
    assert_eq!(listings, 1);
}

#[test]
fn what_vanishes_during_a_walk_is_passed_over() {
    let world = World::new();
    for name in ["a/x.png", "b/y.png", "c/z.png"] {
        world.file(name);
    }
    let walk = collect(|emit| {
        let mut vanish = |report| {
            let _ = fs::remove_dir_all(world.path("b"));
            let _ = fs::rename(world.path("c"), world.outside("c"));
            let _ = fs::write(world.path("c"), "now a file");
            emit(report)
        };
        walk(&world.root, &mut vanish, &GO_ON)
    });
    assert_eq!(walk.result, ScanResult::Complete);
    assert_eq!(walk.directories(&world.root), ["", "a"]);
}

#[test]
fn a_walk_ends_when_told() {
    let world = World::new();
    world.file("a/x.png");
    let stopped = ScanResult::Incomplete { reason: "stopped before its end".into() };
    let cancelled = AtomicBool::new(true);
    let mut nothing = |report| panic!("{report:?}");
    assert_eq!(walk(&world.root, &mut nothing, &cancelled), stopped);
    let mut once = |_| ControlFlow::Break(());
    assert_eq!(walk(&world.root, &mut once, &GO_ON), stopped);
}

#[test]
fn a_path_outside_the_folder_or_with_dots_is_nothing_of_ours() {
    let world = World::new();
    world.file("a/x.png");
    fs::write(world.outside("y.png"), "y").unwrap();
    for path in ["a/../a/x.png", "../y.png"] {
        assert_eq!(look(&world.root, &world.path(path)), Look::Gone);
    }
    assert_eq!(look(&world.root, &world.outside("y.png")), Look::Gone);
    assert_eq!(glance(&world.root, &world.root.path), Glance::Directory);
    assert_eq!(glance(&world.root, &world.path("a")), Glance::Directory);
    assert_eq!(look(&world.root, &world.path("a")), Look::Gone);
}

#[test]
fn a_path_resolves_as_far_as_it_is_there() {
    let world = World::new();
    let root = &world.root.path;
    fs::create_dir(root.join("real")).unwrap();
    symlink("real", root.join("link")).unwrap();
    assert_eq!(resolve(&root.join("link")).unwrap(), root.join("real"));
    let missing = resolve(&root.join("link/x/y")).unwrap();
    assert_eq!(missing, root.join("real/x/y"));
    assert_eq!(resolve(Path::new("/")).unwrap(), Path::new("/"));
}

#[test]
fn a_path_belongs_to_the_deepest_folder() {
    let roots = [(FolderId(1), "/m"), (FolderId(2), "/m/a/b"), (FolderId(3), "/m/a")];
    let of = |path: &str| {
        let roots = roots.iter().map(|(id, root)| (*id, Path::new(*root)));
        folder_of(roots, Path::new(path)).map(|id| id.0)
    };
    assert_eq!(of("/m/x"), Some(1));
    assert_eq!(of("/m/a/x"), Some(3));
    assert_eq!(of("/m/a/b/c/x"), Some(2));
    assert_eq!(of("/m/ab/x"), Some(1));
    assert_eq!(of("/m/a"), Some(1), "a root is a name in the folder above");
    assert_eq!(of("/n/x"), None);
    let paths: Vec<_> = roots.iter().map(|(_, root)| PathBuf::from(root)).collect();
    assert_eq!(nested_in(Path::new("/m/a"), &paths), [PathBuf::from("/m/a/b")]);
}

/// What a tree is made of: a file, a directory, a link, at a path of a few short names.
fn odd_tree() -> impl Strategy<Value = Vec<(Vec<&'static str>, u8)>> {
    let names = ["a", "b.png", ".h", "x.part", "c", "\u{e9}", "A", "drafts"];
    let path = prop::collection::vec(prop::sample::select(names.to_vec()), 1..4);
    prop::collection::vec((path, 0..4_u8), 0..25)
}

/// The files and the left leaves of a tree, by asking the rules about each path from the root.
fn naive(root: &Root, directory: &Path, found: &mut BTreeMap<PathBuf, Look>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match glance(root, &path) {
            Glance::Directory => naive(root, &path, found),
            Glance::Look(Look::Gone) => {}
            Glance::Look(look) => {
                found.insert(path, look);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_finds_what_a_plain_reading_finds(
        tree in odd_tree(),
        hidden: bool,
        recursive: bool,
        budget in 1_usize..40,
    ) {
        let mut world = World::new();
        world.root.rules = rules(&["*.png", "a", "c"], &["drafts", "/a/c"], hidden, recursive);
        for (names, kind) in tree {
            let path = world.root.path.join(names.join("/"));
            let _ = match kind {
                0 => fs::create_dir_all(&path),
                1 => symlink("c", &path),
                2 => fs::write(path.with_file_name(".taxiwayignore"), "c/\n!x.part\n"),
                _ => fs::create_dir_all(path.parent().unwrap()).and_then(|()| fs::write(&path, "x")),
            };
        }
        let mut expected = BTreeMap::new();
        naive(&world.root, &world.root.path, &mut expected);
        let walk = collect(|emit| walk::all_within(&world.root, emit, &GO_ON, budget));
        prop_assert_eq!(&walk.result, &ScanResult::Complete);
        prop_assert_eq!(walk.looks(), expected);
        for listing in &walk.listings {
            for name in &listing.subdirectories {
                let down = listing.directory.join(name);
                prop_assert!(walk.listings.iter().any(|l| l.directory == down));
            }
        }
    }
}
