//! Names that are no names, and what becomes of what is not whole.

use std::fs;

use super::*;

/// The directory's own names, sorted.
fn list(root: &Path) -> Vec<String> {
    let names = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn root() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    (home, root)
}

fn part(root: &Path, bytes: &[u8]) -> Part {
    let mut part = Part::open(root.to_owned(), bytes.len() as u64).unwrap();
    part.file.write_all(bytes).unwrap();
    part
}

#[test]
fn a_name_is_one_name_that_anybody_may_see() {
    let name = |query: &str| asked(query).map(|asked| asked.name).map_err(|no| no.error);
    let long = "a".repeat(255);
    for taken in ["cat.png", "a b.png", "<img src=x onerror=alert(1)>.png", "Ä.png", "a\\b", &long]
    {
        let encoded: String = taken.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(name(&format!("folder=0&name={encoded}")), Ok(taken.into()));
    }
    let bytes = asked("folder=3&name=%ff").unwrap();
    assert_eq!(bytes, Asked { folder: FolderId(3), name: OsString::from_vec(vec![0xff]) });
    for (query, why) in [
        ("folder=0&name=", "name: \"\" is empty"),
        ("folder=0&name=a/b.png", "name: \"a/b.png\" is no name of a file"),
        ("folder=0&name=%2e%2e%2fb.png", "name: \"../b.png\" is no name of a file"),
        ("folder=0&name=/etc/passwd", "name: \"/etc/passwd\" is no name of a file"),
        ("folder=0&name=a%00.png", "name: \"a\\0.png\" is no name of a file"),
        ("folder=0&name=.", "name: \".\" is hidden"),
        ("folder=0&name=..", "name: \"..\" is hidden"),
        ("folder=0&name=.taxiwayignore", "name: \".taxiwayignore\" is hidden"),
        (
            "folder=0&name=cat.png.asset.json",
            "name: \"cat.png.asset.json\" is one of taxiway's own",
        ),
        ("folder=0", "the parameter name is missing"),
        ("name=a", "the parameter folder is missing"),
        ("folder=one&name=a", "folder: one of folder_ids in the status"),
        ("folder=/srv&name=a", "folder: one of folder_ids in the status"),
    ] {
        assert_eq!(name(query), Err(why.to_owned()), "{query}");
    }
    let longer = format!("folder=0&name={long}a");
    assert!(name(&longer).is_err_and(|why| why.ends_with("is too long")));
}

#[test]
fn what_is_whole_gets_its_name_and_nothing_is_overwritten() {
    let (_home, root) = root();
    for (bytes, path) in [("one", "cat.png"), ("two", "cat (2).png"), ("three", "cat (3).png")] {
        let path = root.join(path);
        assert_eq!(part(&root, bytes.as_bytes()).finish(OsStr::new("cat.png")).unwrap(), path);
    }
    // A link is somebody's, too, wherever it leads.
    std::os::unix::fs::symlink("/nowhere", root.join("dog.png")).unwrap();
    let path = part(&root, b"dog").finish(OsStr::new("dog.png")).unwrap();
    assert_eq!(path, root.join("dog (2).png"));
    assert_eq!(
        list(&root),
        ["cat (2).png", "cat (3).png", "cat.png", "dog (2).png", "dog.png"],
        "and nothing else"
    );
    assert_eq!(fs::read(root.join("cat.png")).unwrap(), b"one");
    assert_eq!(fs::read(root.join("cat (2).png")).unwrap(), b"two");
}

#[test]
fn what_is_not_finished_is_never_ours_and_leaves_nothing() {
    let (_home, root) = root();
    let part = part(&root, b"half");
    let names = list(&root);
    assert_eq!(names.len(), 1);
    let name = OsStr::new(&names[0]);
    assert_eq!(filter::by_name(name), Some(Rule::Own(PARTIAL_ENDING)), "{name:?}");
    assert!(filter::is_hidden(name));
    drop(part);
    assert_eq!(list(&root), [] as [&str; 0]);
    let error = Part::open(root.join("none"), 0).unwrap_err();
    let words = format!("{}/none cannot be written to: ", root.display());
    assert!(error.error.starts_with(&words), "{}", error.error);
    assert_eq!((error.status, error.hint.as_str()), (409, "taxiway doctor"));
    let error = Part::open(root.clone(), u64::MAX).unwrap_err();
    assert_eq!(error.status, 507);
    assert_eq!(error.error, format!("{}: the disk has no room for it", root.display()));
    assert_eq!(list(&root), [] as [&str; 0]);
}

#[test]
fn what_a_dead_process_left_goes_a_day_later_and_nothing_else_does() {
    let (_home, root) = root();
    let left = format!("{BEGINNING}0123{PARTIAL_ENDING}");
    let others = [".cat.png.move-1.taxiway-part", ".taxiway-drop-cat.png", "cat.png"];
    for name in others.iter().chain([&left.as_str()]) {
        fs::write(root.join(name), "half").unwrap();
    }
    fs::create_dir(root.join(format!("{BEGINNING}directory{PARTIAL_ENDING}"))).unwrap();
    let all = list(&root);
    let hours = |hours: u64| SystemTime::now() + Duration::from_secs(hours * 3_600);
    let state = tempfile::tempdir().unwrap();
    let (dropped, roots) = (state.path().join(DROPPED), [root.clone()]);
    // Nothing was dropped: nobody looks.
    tidy(state.path(), &roots, hours(25));
    assert_eq!(list(&root), all);
    note(&dropped);
    for early in [0, 23] {
        tidy(state.path(), &roots, hours(early));
        assert_eq!(list(&root), all);
        assert!(dropped.exists(), "it is looked for again");
    }
    // What cannot be looked into may hold some.
    tidy(state.path(), &[root.clone(), root.join("none")], hours(25));
    let rest: Vec<String> = all.into_iter().filter(|name| *name != left).collect();
    assert_eq!(list(&root), rest);
    assert!(dropped.exists());
    tidy(state.path(), &roots, hours(25));
    assert!(!dropped.exists(), "all is tidy");
}
