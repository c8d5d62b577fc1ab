//! Verdicts as tables: settings and ignore files in, one word or rule out.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::*;

const FILE: EntryKind = EntryKind::File;
const DIRECTORY: EntryKind = EntryKind::Directory;

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn rules(include: &[&str], exclude: &[&str]) -> Rules {
    Rules::new(&strings(include), &strings(exclude), false, true).unwrap()
}

/// Ignore files by directory, as data; `/r` stands for the root in messages.
fn tree<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&Path) -> Option<IgnoreFile> + 'a {
    let files: BTreeMap<&Path, &str> =
        files.iter().map(|(directory, text)| (Path::new(*directory), *text)).collect();
    move |directory| {
        files.get(directory).map(|text| IgnoreFile {
            path: Path::new("/r").join(directory).join(IGNORE_FILE),
            content: Ok(text.as_bytes().to_vec()),
        })
    }
}

/// "take", or "PATH: RULE" with the path that the verdict is about.
fn said(rules: &Rules, files: &[(&str, &str)], path: &str, kind: EntryKind) -> String {
    let judged = rules.path(Path::new(path), kind, tree(files));
    match judged.verdict {
        Verdict::Take => {
            assert_eq!(judged.at, Path::new(path));
            "take".to_owned()
        }
        Verdict::Leave(rule) => format!("{}: {rule}", judged.at.display()),
    }
}

#[test]
fn without_patterns_everything_is_taken() {
    let rules = rules(&[], &[]);
    for path in ["a.png", "a/b/c.png", "ä/€.mp4", "[x].png", "notes.txt"] {
        assert_eq!(said(&rules, &[], path, FILE), "take");
        assert_eq!(said(&rules, &[], path, DIRECTORY), "take");
    }
}

#[test]
fn an_excluded_directory_decides_for_all_below_it() {
    let rules = rules(&[], &["drafts/", "*.wip", "/top.png", "a/**/z"]);
    let drafts = "excluded by `drafts/` in the configuration";
    let table = [
        ("drafts", DIRECTORY, format!("drafts: {drafts}")),
        ("drafts/a.png", FILE, format!("drafts: {drafts}")),
        ("x/drafts/y/a.png", FILE, format!("x/drafts: {drafts}")),
        ("drafts", FILE, "take".to_owned()),
        ("drafts.png", FILE, "take".to_owned()),
        ("b/c.wip", FILE, "b/c.wip: excluded by `*.wip` in the configuration".to_owned()),
        ("top.png", FILE, "top.png: excluded by `/top.png` in the configuration".to_owned()),
        ("x/top.png", FILE, "take".to_owned()),
        ("a/b/c/z", FILE, "a/b/c/z: excluded by `a/**/z` in the configuration".to_owned()),
        ("DRAFTS/a.png", FILE, "take".to_owned()),
    ];
    for (path, kind, expected) in table {
        assert_eq!(said(&rules, &[], path, kind), expected);
    }
}

#[test]
fn a_later_pattern_of_exclude_can_bring_back() {
    let rules = rules(&[], &["*.png", "!keep.png"]);
    assert_eq!(said(&rules, &[], "keep.png", FILE), "take");
    assert_eq!(said(&rules, &[], "a.png", FILE), "a.png: excluded by `*.png` in the configuration");
}

#[test]
fn include_selects_files_and_never_prunes_directories() {
    let rules = rules(&["*.png", "renders/", "/deep/*/x.mp4", "!secret.png"], &[]);
    for directory in ["a", "a/b", "deep", "deep/y", "deep/y/z"] {
        assert_eq!(said(&rules, &[], directory, DIRECTORY), "take", "{directory}");
    }
    let table = [
        ("a.png", "take"),
        ("a/b/c.png", "take"),
        ("renders/a.mp4", "take"),
        ("a/renders/b/c.mp4", "take"),
        ("deep/y/x.mp4", "take"),
        ("deep/y/z/x.mp4", "deep/y/z/x.mp4: not in include"),
        ("a.mp4", "a.mp4: not in include"),
        ("secret.png", "secret.png: not in include"),
    ];
    for (path, expected) in table {
        assert_eq!(said(&rules, &[], path, FILE), expected);
    }
}

#[test]
fn exclude_outweighs_include() {
    let rules = rules(&["*.png"], &["a.png"]);
    assert_eq!(said(&rules, &[], "a.png", FILE), "a.png: excluded by `a.png` in the configuration");
}

#[test]
fn ignore_files_hold_below_their_directory_and_the_nearest_wins() {
    let rules = rules(&[], &[]);
    let files = [
        ("", "# a comment\n\n*.mov\n/only-top.png\n"),
        ("a", "!good.mov\n*.gif\r\n/here.png\n"),
        ("a/b", "*.mov"),
    ];
    let table = [
        ("x.mov", "x.mov: excluded by `*.mov` in /r/.taxiwayignore line 3"),
        ("c/x.mov", "c/x.mov: excluded by `*.mov` in /r/.taxiwayignore line 3"),
        ("only-top.png", "only-top.png: excluded by `/only-top.png` in /r/.taxiwayignore line 4"),
        ("a/only-top.png", "take"),
        ("a/good.mov", "take"),
        ("a/c/good.mov", "take"),
        ("a/x.mov", "a/x.mov: excluded by `*.mov` in /r/.taxiwayignore line 3"),
        ("a/x.gif", "a/x.gif: excluded by `*.gif` in /r/a/.taxiwayignore line 2"),
        ("x.gif", "take"),
        ("a/here.png", "a/here.png: excluded by `/here.png` in /r/a/.taxiwayignore line 3"),
        ("a/b/here.png", "take"),
        ("a/b/good.mov", "a/b/good.mov: excluded by `*.mov` in /r/a/b/.taxiwayignore line 1"),
    ];
    for (path, expected) in table {
        assert_eq!(said(&rules, &files, path, FILE), expected);
    }
}

#[test]
fn an_ignore_file_cannot_bring_back_what_the_configuration_excludes() {
    let rules = rules(&[], &["*.mov"]);
    assert_eq!(
        said(&rules, &[("", "!*.mov")], "a.mov", FILE),
        "a.mov: excluded by `*.mov` in the configuration"
    );
}

#[test]
fn nothing_below_an_ignored_directory_comes_back() {
    let files = [("", "old/\n"), ("old", "!*\n")];
    assert_eq!(
        said(&rules(&[], &[]), &files, "old/a.png", FILE),
        "old: excluded by `old/` in /r/.taxiwayignore line 1"
    );
}

#[test]
fn the_line_is_that_of_the_pattern_that_decided() {
    let files = [("", "\u{feff}*.png\n!*.png\n*.png\n\\#x\n\\!y\ntrail  \n")];
    let rules = rules(&[], &[]);
    let table = [
        ("a.png", "a.png: excluded by `*.png` in /r/.taxiwayignore line 3"),
        ("#x", r"#x: excluded by `\#x` in /r/.taxiwayignore line 4"),
        ("!y", r"!y: excluded by `\!y` in /r/.taxiwayignore line 5"),
        ("trail", "trail: excluded by `trail` in /r/.taxiwayignore line 6"),
    ];
    for (path, expected) in table {
        assert_eq!(said(&rules, &files, path, FILE), expected);
    }
}

#[test]
fn hidden_names_are_left_unless_the_folder_wants_them() {
    let hides = rules(&[], &[]);
    let shows = Rules::new(&[], &[], true, true).unwrap();
    let table = [
        (".cat.png", FILE, ".cat.png: hidden (hidden = false)"),
        (".git", DIRECTORY, ".git: hidden (hidden = false)"),
        (".cache/a.png", FILE, ".cache: hidden (hidden = false)"),
    ];
    for (path, kind, expected) in table {
        assert_eq!(said(&hides, &[], path, kind), expected);
        assert_eq!(said(&shows, &[], path, kind), "take");
    }
    // What is never ours stays so.
    for rules in [&hides, &shows] {
        assert_eq!(
            said(rules, &[], ".taxiwayignore", FILE),
            ".taxiwayignore: taxiway's own file (.taxiwayignore)"
        );
        assert_eq!(
            said(rules, &[], ".goutputstream-1", FILE),
            ".goutputstream-1: temporary name (.goutputstream-*)"
        );
        assert_eq!(
            said(rules, &[], "x/.Trash-1000/a.png", FILE),
            "x/.Trash-1000: directory of the system (.Trash-*)"
        );
    }
}

#[test]
fn no_pattern_brings_back_an_unfinished_name() {
    let rules = Rules::new(&strings(&["*"]), &strings(&["!*"]), true, true).unwrap();
    let files = [("", "!*\n")];
    assert_eq!(said(&rules, &files, "a.png.part", FILE), "a.png.part: temporary name (.part)");
    assert_eq!(
        said(&rules, &files, "a.mp4.download/a.mp4", FILE),
        "a.mp4.download: temporary name (.download)"
    );
    assert_eq!(
        said(&rules, &files, "a.png.asset.json", FILE),
        "a.png.asset.json: taxiway's own file (.asset.json)"
    );
}

#[test]
fn a_folder_that_is_not_recursive_has_no_subdirectories() {
    let rules = Rules::new(&[], &[], false, false).unwrap();
    assert_eq!(said(&rules, &[], "a.png", FILE), "take");
    for path in ["a/b.png", "a"] {
        let kind = if path == "a" { DIRECTORY } else { FILE };
        assert_eq!(said(&rules, &[], path, kind), "a: subdirectory (recursive = false)");
    }
}

#[test]
fn only_files_and_directories_are_ours() {
    let rules = rules(&[], &[]);
    assert_eq!(
        said(&rules, &[], "link.png", EntryKind::Symlink),
        "link.png: symbolic link (follow_symlinks = false)"
    );
    assert_eq!(
        said(&rules, &[], "pipe.png", EntryKind::Special),
        "pipe.png: neither a file nor a directory"
    );
}

#[test]
fn names_that_are_not_utf8_are_judged_by_their_bytes() {
    let rules = rules(&["*.png", "*.mp4"], &["sk*p.png"]);
    let path = |bytes: &'static [u8]| Path::new(OsStr::from_bytes(bytes));
    let verdict = |bytes| rules.path(path(bytes), FILE, |_| None).verdict;
    assert_eq!(verdict(b"a\xff.png"), Verdict::Take);
    assert_eq!(verdict(b"\xfe/a\xff.mp4"), Verdict::Take);
    assert_eq!(verdict(b"a\xff.mov"), Verdict::Leave(Rule::NotIncluded));
    assert!(matches!(verdict(b"sk\xffp.png"), Verdict::Leave(Rule::Excluded { .. })));
}

#[test]
fn the_root_itself_is_taken() {
    let judged = rules(&["*.png"], &["*"]).path(Path::new(""), DIRECTORY, |_| None);
    assert_eq!(judged.verdict, Verdict::Take);
}

#[test]
fn bad_lines_are_passed_over_and_the_others_hold() {
    let ignore_file = IgnoreFile {
        path: PathBuf::from("/r/.taxiwayignore"),
        content: Ok(b"a{b\n\xff\n[z-a]\n*.gif\n[open\n".to_vec()),
    };
    let level = Level::root(Some(ignore_file));
    let said: Vec<String> = level.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "line 1 of /r/.taxiwayignore is passed over: unclosed alternate group; missing '}' \
             (maybe escape '{' with '[{]'?)",
            "line 2 of /r/.taxiwayignore is passed over: it is not UTF-8",
            "line 3 of /r/.taxiwayignore is passed over: invalid range; 'z' > 'a'",
        ]
    );
    assert_eq!(level.broken(), None);
    let rules = rules(&[], &[]);
    let verdict = rules.entry(&level, OsStr::new("a.gif"), FILE);
    assert!(matches!(verdict, Verdict::Leave(Rule::IgnoreFile { line: 4, .. })));
    // As in git, an unclosed bracket stands for itself.
    let verdict = rules.entry(&level, OsStr::new("[open"), FILE);
    assert!(matches!(verdict, Verdict::Leave(Rule::IgnoreFile { line: 5, .. })));
}

#[test]
fn an_ignore_file_that_cannot_be_obeyed_holds_everything_back() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(IGNORE_FILE);
    let shown = file.display();
    let rules = rules(&[], &[]);
    assert_eq!(IgnoreFile::read(dir.path()), None);

    let said = || {
        let read = |directory: &Path| match directory.to_str() {
            Some("") => IgnoreFile::read(dir.path()),
            _ => None,
        };
        let judged = rules.path(Path::new("a/b.png"), FILE, read);
        match judged.verdict {
            Verdict::Take => "take".to_owned(),
            Verdict::Leave(rule) => format!("{}: {rule}", judged.at.display()),
        }
    };
    let most = usize::try_from(LONGEST_IGNORE_FILE_BYTES).unwrap();
    fs::write(&file, vec![b'#'; most]).unwrap();
    assert_eq!(said(), "take");
    fs::write(&file, vec![b'#'; most + 1]).unwrap();
    assert_eq!(said(), format!("a: {shown} cannot be obeyed: it is longer than 1 MiB"));
    fs::write(&file, "x\n".repeat(MOST_PATTERNS + 1)).unwrap();
    assert_eq!(said(), format!("a: {shown} cannot be obeyed: it has more than 1000 patterns"));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(said(), format!("a: {shown} cannot be obeyed: it is not a regular file"));
    fs::remove_dir(&file).unwrap();
    std::os::unix::fs::symlink(IGNORE_FILE, &file).unwrap();
    let text = said();
    assert!(text.starts_with(&format!("a: {shown} cannot be obeyed: ")), "{text}");
    let level = Level::root(IgnoreFile::read(dir.path()));
    assert!(matches!(level.broken(), Some(Rule::BrokenIgnoreFile { .. })));
}

#[test]
fn a_changed_ignore_file_is_another_value() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(IGNORE_FILE);
    fs::write(&file, "*.gif\n").unwrap();
    let before = IgnoreFile::read(dir.path());
    assert_eq!(IgnoreFile::read(dir.path()), before);
    fs::write(&file, "*.mov\n").unwrap();
    assert_ne!(IgnoreFile::read(dir.path()), before);
}

#[test]
fn patterns_of_the_configuration_are_checked() {
    for good in ["drafts/", "*.png", "a/**", "!a", "[ab].png", "{a,b}", r"\#x", "ä*", " a"] {
        assert_eq!(check_pattern(good), Ok(()), "{good}");
    }
    let table = [
        ("", "the pattern is empty"),
        (" ", "the pattern is empty"),
        ("/", "it names nothing below the folder"),
        ("!", "it names nothing below the folder"),
        ("#x", r"it begins with #, which makes a comment; write \# for the character"),
        ("a\nb", "it has a control character inside"),
        ("[a", "unclosed character class; missing ']'"),
        ("[z-a]", "invalid range; 'z' > 'a'"),
        ("{a", "unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)"),
        (r"a\", r"dangling '\'"),
    ];
    for (bad, said) in table {
        assert_eq!(check_pattern(bad).unwrap_err().to_string(), said, "{bad:?}");
        assert!(Rules::new(&[bad.to_owned()], &[], false, true).is_err());
        assert!(Rules::new(&[], &[bad.to_owned()], false, true).is_err());
    }
}

/// What the walk down from the root says, level by level, is what the path alone says.
#[test]
fn the_walk_and_the_single_path_agree() {
    let rules = rules(&["*.png", "keep/"], &["no/", "x?.png"]);
    let files = [("", "b/\n*.old.png\n"), ("a", "!n.old.png\n/q\n")];
    let names = ["a", "b", "no", "keep", "q", "xy.png", "n.old.png", ".h", "p.part"];
    let read = tree(&files);
    let mut open = vec![(PathBuf::new(), Level::root(read(Path::new(""))))];
    let mut compared = 0;
    while let Some((directory, level)) = open.pop() {
        for name in names {
            let path = directory.join(name);
            for kind in [FILE, DIRECTORY] {
                let walked = rules.entry(&level, OsStr::new(name), kind);
                let asked = rules.path(&path, kind, &read);
                assert_eq!((&asked.verdict, &asked.at), (&walked, &path));
                compared += 1;
                if walked == Verdict::Take && kind == DIRECTORY && path.iter().count() < 4 {
                    let child = level.child(OsStr::new(name), read(&path));
                    open.push((path.clone(), child));
                }
            }
        }
    }
    assert!(compared > 500, "{compared}");
}
