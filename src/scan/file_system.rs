//! What a file system is like, by its type: whose clock it has, what it tells, and of whom.
//!
//! Owns:
//! - an unknown file system has another clock and tells nothing: slower, never wrong.

use std::path::Path;

use crate::planner::Disk;

/// What is known of a file system by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Its name, for messages.
    pub name: &'static str,
    /// What can be relied on.
    pub disk: Disk,
}

/// The file system that a path lies on; unknown if it cannot be asked.
pub fn file_system(path: &Path) -> FileSystem {
    match rustix::fs::statfs(path) {
        Ok(found) => of(&found),
        Err(_) => UNKNOWN,
    }
}

impl FileSystem {
    /// Whoever changes it, the system tells us.
    pub fn tells_events(&self) -> bool {
        self.disk != Disk::Remote
    }

    /// Whether it lies on another machine, so that locks and shared memory cannot be relied on.
    pub fn is_remote(&self) -> bool {
        let remote =
            ["nfs", "smb", "cifs", "smb2", "ceph", "afs", "coda", "lustre", "afp", "webdav"];
        remote.contains(&self.name)
    }
}

/// What kind of disk each device is; a walk meets few.
#[derive(Default)]
pub(super) struct Disks(Vec<(u64, Disk)>);

impl Disks {
    pub(super) fn of(&mut self, device: u64, ask: impl FnOnce() -> Disk) -> Disk {
        if let Some((_, disk)) = self.0.iter().find(|(known, _)| *known == device) {
            return *disk;
        }
        let disk = ask();
        self.0.push((device, disk));
        disk
    }
}

/// The file system that an open file lies on.
pub fn file_system_of(file: &std::fs::File) -> FileSystem {
    match rustix::fs::fstatfs(file) {
        Ok(found) => of(&found),
        Err(_) => UNKNOWN,
    }
}

const UNKNOWN: FileSystem = remote("an unknown file system");

#[cfg(not(target_os = "macos"))]
fn of(found: &rustix::fs::StatFs) -> FileSystem {
    // The type is a signed word on some platforms; all magic numbers have 32 bits.
    by_magic(found.f_type as u32)
}

#[cfg(target_os = "macos")]
fn of(found: &rustix::fs::StatFs) -> FileSystem {
    const MNT_LOCAL: u32 = 0x1000;
    let name = found.f_fstypename.iter().take_while(|byte| **byte != 0);
    let name: Vec<u8> = name.map(|byte| *byte as u8).collect();
    by_name(&name, found.f_flags as u32 & MNT_LOCAL != 0)
}

/// Linux: by the magic number that `statfs` gives.
#[cfg_attr(target_os = "macos", allow(dead_code))]
fn by_magic(magic: u32) -> FileSystem {
    match magic {
        0xEF53 => proving("ext4"),
        0x5846_5342 => proving("xfs"),
        0x9123_683E => proving("btrfs"),
        0xF2F5_2010 => proving("f2fs"),
        0xCA45_1A4E => local("bcachefs"),
        0x2FC1_2FC1 => proving("zfs"),
        0x0102_1994 => proving("tmpfs"),
        0x8584_58F6 => local("ramfs"),
        // What is changed through the mount is told, and that is all that should change. A shared
        // mapping belongs to a file of the layer below, and a lease is granted in spite of it.
        0x794C_7630 => local("overlay"),
        0x3153_464A => local("jfs"),
        0x3434 => local("nilfs2"),
        0x5265_4973 => local("reiserfs"),
        // Foreign disks: the kernel tells what it writes, but their times are coarse or of
        // another machine's making.
        0x4D44 => foreign("vfat"),
        0x2011_BAB0 => foreign("exfat"),
        0x7366_746E => foreign("ntfs"),
        0x482B => foreign("hfsplus"),
        0x6969 => remote("nfs"),
        0x517B => remote("smb"),
        0xFF53_4D42 => remote("cifs"),
        0xFE53_4D42 => remote("smb2"),
        0x6573_5546 => remote("fuse"),
        0x0102_1997 => remote("9p"),
        0x00C3_6400 => remote("ceph"),
        0x5346_414F => remote("afs"),
        0x7375_7245 => remote("coda"),
        0x0BD0_0BD0 => remote("lustre"),
        0x786F_4256 => remote("vboxsf"),
        _ => UNKNOWN,
    }
}

/// macOS: by the name and the local flag that `statfs` gives.
#[cfg_attr(not(target_os = "macos"), allow(dead_code))]
fn by_name(name: &[u8], is_local: bool) -> FileSystem {
    match (name, is_local) {
        (b"apfs", true) => local("apfs"),
        (b"hfs", true) => local("hfs"),
        (b"msdos", true) => foreign("msdos"),
        (b"exfat", true) => foreign("exfat"),
        (b"nfs", _) => remote("nfs"),
        (b"smbfs", _) => remote("smb"),
        (b"afpfs", _) => remote("afp"),
        (b"webdav", _) => remote("webdav"),
        (b"macfuse" | b"osxfuse", _) => remote("fuse"),
        (_, true) | (_, false) => UNKNOWN,
    }
}

/// Leases are Linux's, and these file systems have no writers that the kernel does not know of.
const fn proving(name: &'static str) -> FileSystem {
    FileSystem { name, disk: if cfg!(target_os = "linux") { Disk::Proving } else { Disk::Local } }
}

const fn local(name: &'static str) -> FileSystem {
    FileSystem { name, disk: Disk::Local }
}

const fn foreign(name: &'static str) -> FileSystem {
    FileSystem { name, disk: Disk::Foreign }
}

const fn remote(name: &'static str) -> FileSystem {
    FileSystem { name, disk: Disk::Remote }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_file_systems_have_our_clock_and_tell_of_changes() {
        for magic in [
            0xEF53,
            0x5846_5342,
            0x9123_683E,
            0xF2F5_2010,
            0xCA45_1A4E,
            0x2FC1_2FC1,
            0x0102_1994,
            0x8584_58F6,
            0x794C_7630,
        ] {
            let found = by_magic(magic);
            assert!(found.disk.own_clock() && found.tells_events(), "{magic:x}");
        }
        for name in [b"apfs".as_slice(), b"hfs"] {
            assert_eq!(by_name(name, true).disk, Disk::Local);
        }
    }

    #[test]
    fn network_file_systems_and_unknown_ones_are_not_relied_on() {
        for magic in [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x6573_5546, 0x0102_1997, 1] {
            let found = by_magic(magic);
            assert!(found.disk == Disk::Remote, "{magic:x}");
        }
        for (name, is_local) in
            [(b"apfs".as_slice(), false), (b"smbfs", false), (b"macfuse", true), (b"new", true)]
        {
            let found = by_name(name, is_local);
            assert_eq!(found.disk, Disk::Remote);
        }
    }

    #[test]
    fn a_disk_of_another_system_tells_of_changes_but_not_the_time() {
        assert_eq!(by_magic(0x4D44).disk, Disk::Foreign);
        assert_eq!(by_name(b"exfat", true).disk, Disk::Foreign);
    }

    #[test]
    fn a_path_that_is_not_there_lies_on_an_unknown_file_system() {
        assert_eq!(file_system(Path::new("/nonexistent/x")), UNKNOWN);
    }
}
