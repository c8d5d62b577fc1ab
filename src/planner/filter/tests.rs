//! Names that are ours, names that are not, and the words of every rule.

use super::*;
use std::os::unix::ffi::OsStrExt;

#[test]
fn unfinished_names_are_never_ours() {
    let table = [
        ("cat.png.part", ".part"),
        ("CAT.PNG.PART", ".part"),
        ("cat.mp4.partial", ".partial"),
        ("Unconfirmed 123.crdownload", ".crdownload"),
        ("cat.mp4.download", ".download"),
        ("cat.mp4.opdownload", ".opdownload"),
        ("cat.mp4.fdmdownload", ".fdmdownload"),
        ("cat.mp4.aria2", ".aria2"),
        ("cat.mp4.ytdl", ".ytdl"),
        ("cat.mp4.filepart", ".filepart"),
        ("cat.mp4.dtapart", ".dtapart"),
        ("cat.mp4.xltd", ".xltd"),
        ("cat.mp4.jc!", ".jc!"),
        ("cat.mp4.!uT", ".!ut"),
        ("cat.mp4.!qB", ".!qb"),
        ("cat.mp4.!bt", ".!bt"),
        ("cat.mp4.bc!", ".bc!"),
        ("cat.mp4.!sync", ".!sync"),
        ("cat.mp4.bts", ".bts"),
        ("cat.png.ffs_tmp", ".ffs_tmp"),
        (".rsync-partial", ".rsync-partial"),
        (".cat.kate-swp", ".kate-swp"),
        (".cat.swp", ".swp"),
        ("cat.mp4.incomplete", ".incomplete"),
        ("cat.mp4.inprogress", ".inprogress"),
        ("cat.mp4.unfinished", ".unfinished"),
        ("cat.mp4.uploading", ".uploading"),
        ("cat.tmp", ".tmp"),
        ("cat.Temp", ".temp"),
        ("cat.png~", "~"),
        (".~lock.cat.png#", ".~lock*"),
        ("~$cat.png", "~$*"),
        (".goutputstream-AB12CD", ".goutputstream-*"),
        (".syncthing.cat.png.tmp", ".syncthing.*.tmp"),
        ("~syncthing~cat.png.tmp", "~syncthing~*.tmp"),
        (".nfs000000000012ab", ".nfs*"),
        (".fuse_hidden0000001200000001", ".fuse_hidden*"),
        (".smbdeleteAAA1234", ".smbdelete*"),
        (".com.google.Chrome.aBcDeF", ".com.google.chrome.*"),
        (".org.chromium.Chromium.aBcDeF", ".org.chromium.chromium.*"),
        (".pending-1700000000-cat.jpg", ".pending-*"),
        (".trashed-1700000000-cat.jpg", ".trashed-*"),
        (".megatmp.1234", ".megatmp.*"),
        (".#cat.png", ".#*"),
        ("#cat.png#", "#*#"),
        ("cat.mp4.part-Frag12", ".part-Frag*"),
        (".cat.png.AbC123", ".NAME.XXXXXX"),
        (".cat.png.~1f2e", ".NAME.~*"),
        ("cat.png.sb-1a2b3c4d-AbCdEf", ".sb-*"),
    ];
    for (name, pattern) in table {
        assert_eq!(temporary(OsStr::new(name)), Some(pattern), "{name}");
    }
}

#[test]
fn finished_names_are_not_taken_for_unfinished_ones() {
    let names = [
        "cat.png",
        "part.png",
        "cat.part.png",
        "cat.partly",
        "download",
        "tmp",
        "template.png",
        "~cat.png",
        "#1.png",
        "#",
        "$.png",
        ".hidden.png",
        ".cat.png",
        ".AbC123",
        "..AbC123",
        "cat.png.AbC123",
        "a.sb-xx",
        ".part-Frag",
        "cat.png.~1f2e",
        "",
        "ä",
    ];
    for name in names {
        assert_eq!(temporary(OsStr::new(name)), None, "{name}");
    }
    assert_eq!(temporary(OsStr::from_bytes(b"\xff\xfe.png")), None);
    let half = OsStr::from_bytes(b"\xff\xfe.png.PART");
    assert_eq!(temporary(half), Some(".part"));
}

#[test]
fn our_own_files_are_left_alone() {
    let own = |name: &'static str| Some(Rule::Own(name));
    assert_eq!(by_name(OsStr::new(".taxiwayignore")), own(".taxiwayignore"));
    assert_eq!(by_name(OsStr::new("cat.png.asset.json")), own(".asset.json"));
    assert_eq!(by_name(OsStr::new("asset.json")), None);
    assert_eq!(by_name(OsStr::new("cat.png")), None);
}

#[test]
fn directories_of_the_system_are_left_alone() {
    for name in ["@eaDir", "$recycle.bin", "lost+found", ".Trash-1000", ".Trash"] {
        let rule = by_directory_name(OsStr::new(name));
        assert!(matches!(rule, Some(Rule::System(_))), "{name}");
    }
    let bundle = by_directory_name(OsStr::new("cat.mp4.download"));
    assert_eq!(bundle, Some(Rule::Temporary(".download")));
    for name in ["photos", "trash", "snapshot", "recycle"] {
        assert_eq!(by_directory_name(OsStr::new(name)), None, "{name}");
    }
}

#[test]
fn every_rule_reads_as_one_plain_line() {
    let file = PathBuf::from("/x/.taxiwayignore");
    let table = [
        (Rule::Temporary(".part"), "temporary name (.part)"),
        (Rule::Own(IGNORE_FILE), "taxiway's own file (.taxiwayignore)"),
        (Rule::System("@eaDir"), "directory of the system (@eaDir)"),
        (Rule::Hidden, "hidden (hidden = false)"),
        (Rule::NotRecursive, "subdirectory (recursive = false)"),
        (Rule::Symlink, "symbolic link (follow_symlinks = false)"),
        (Rule::Special, "neither a file nor a directory"),
        (
            Rule::Excluded { pattern: "drafts/".into() },
            "excluded by `drafts/` in the configuration",
        ),
        (
            Rule::IgnoreFile { pattern: "*.tmp".into(), file: file.clone(), line: 3 },
            "excluded by `*.tmp` in /x/.taxiwayignore line 3",
        ),
        (
            Rule::BrokenIgnoreFile { file, reason: "it is longer than 1 MiB".into() },
            "/x/.taxiwayignore cannot be obeyed: it is longer than 1 MiB",
        ),
        (
            Rule::IgnoreFile { pattern: "a\u{7}".into(), file: PathBuf::from("/a\nb"), line: 1 },
            r"excluded by `a\u{7}` in /a\nb line 1",
        ),
        (Rule::NotIncluded, "not in include"),
    ];
    for (rule, text) in table {
        assert_eq!(rule.to_string(), text);
    }
}
