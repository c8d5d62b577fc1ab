//! Files of a folder, opened so that no link leads elsewhere.
//!
//! Owns:
//! - from the top of the tree on Linux, else from the folder, each directory on the way is one, and
//!   is opened within the one before: a link that is put in place of any of them is not followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, open, openat};

/// A directory on the way: where that can be asked for, it need not be readable, only be there to go
/// through.
#[cfg(target_os = "linux")]
const ON_THE_WAY: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const ON_THE_WAY: OFlags = OFlags::RDONLY;

/// Opens a file below a root to be read. Whoever opens a FIFO does not wait.
///
/// # Errors
/// If it is not there, or a link is on the way, or it is one.
pub(super) fn open_file(root: &Path, relative: &Path) -> io::Result<File> {
    let (Some(name), Some(parent)) = (relative.file_name(), relative.parent()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory = descend(root, parent)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(&directory, name, flags, Mode::empty())?.into())
}

/// Opens a root itself, to have files made in it.
///
/// # Errors
/// If it is not there, or a link is on the way, or it is one.
pub(super) fn open_root(root: &Path) -> io::Result<OwnedFd> {
    let directory = descend(root, Path::new(""))?;
    // What was gone through may not be listed, or synced.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(&directory, ".", flags, Mode::empty())?)
}

fn descend(root: &Path, below: &Path) -> io::Result<OwnedFd> {
    let flags = ON_THE_WAY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (top, way) = match cfg!(target_os = "linux") {
        true => (Path::new("/"), names(root)?),
        false => (root, Vec::new()),
    };
    let mut directory = open(top, flags, Mode::empty())?;
    for name in way.into_iter().chain(names(below)?) {
        directory = openat(&directory, name, flags, Mode::empty())?;
    }
    Ok(directory)
}

/// The names on a path; it leads nowhere but down.
fn names(path: &Path) -> io::Result<Vec<&OsStr>> {
    let down = path.components().filter(|component| *component != Component::RootDir);
    let name = |component| match component {
        Component::Normal(name) => Ok(name),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    };
    down.map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    /// `folder/a/b/cat.png`, and `outside/b/cat.png` with something else in it.
    fn tree() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        for (path, text) in [("folder/a/b/cat.png", "ours"), ("outside/b/cat.png", "secret")] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        (home, root)
    }

    fn read(root: &Path, relative: &str) -> Option<String> {
        let mut text = String::new();
        open_file(root, Path::new(relative)).ok()?.read_to_string(&mut text).unwrap();
        Some(text)
    }

    #[test]
    fn a_file_is_found_where_directories_lead_to_it() {
        let (_home, root) = tree();
        let folder = root.join("folder");
        assert_eq!(read(&folder, "a/b/cat.png").as_deref(), Some("ours"));
        assert_eq!(read(&folder, "a/b/dog.png"), None);
        for up in ["../outside/b/cat.png", "a/../../outside/b/cat.png", "", ".", "..", "a/.."] {
            assert_eq!(read(&folder, up), None, "{up}");
        }
        assert!(open_root(&folder).is_ok() && open_root(&folder.join("a/b/cat.png")).is_err());
    }

    #[test]
    fn a_link_in_place_of_any_part_of_the_way_is_not_followed() {
        let (_home, root) = tree();
        let folder = root.join("folder");
        for replaced in ["folder/a/b/cat.png", "folder/a/b", "folder/a"] {
            let (path, aside) = (root.join(replaced), root.join("aside"));
            let goal = match replaced {
                "folder/a" => root.join("outside"),
                "folder/a/b" => root.join("outside/b"),
                _ => root.join("outside/b/cat.png"),
            };
            fs::rename(&path, &aside).unwrap();
            symlink(goal, &path).unwrap();
            assert!(fs::read(folder.join("a/b/cat.png")).is_ok_and(|text| text == b"secret"));
            assert_eq!(read(&folder, "a/b/cat.png"), None, "{replaced}");
            fs::remove_file(&path).unwrap();
            fs::rename(&aside, &path).unwrap();
        }
        assert_eq!(read(&folder, "a/b/cat.png").as_deref(), Some("ours"));
        fs::rename(&folder, root.join("aside")).unwrap();
        symlink(root.join("aside"), &folder).unwrap();
        assert_eq!(read(&folder, "a/b/cat.png"), None, "the folder itself");
        assert!(open_root(&folder).is_err());
        #[cfg(target_os = "linux")]
        {
            symlink(&root, root.join("way")).unwrap();
            assert_eq!(read(&root.join("way/aside"), "a/b/cat.png"), None, "above the folder");
            assert_eq!(read(&root.join("aside"), "a/b/cat.png").as_deref(), Some("ours"));
        }
    }
}
