//! Writes token and configuration, whole or not at all.
//!
//! Owns:
//! - what exists is replaced only by who asked for that; a file that appears meanwhile stays;
//! - a token is in no file that others can read, not even for a moment;
//! - a file has the permission bits that it is to have, whatever the umask;
//! - what is written has been read back as a configuration before it takes its place.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file beside the one it is to become; deleted unless it does.
pub struct Beside {
    temporary: PathBuf,
    target: PathBuf,
}

impl Beside {
    /// Writes the bytes beside the target, with these permission bits.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(target: &Path, bytes: &[u8], mode: u32) -> io::Result<Beside> {
        let directory = target.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let temporary = directory.join(format!(".{name}.{}.tmp", std::process::id()));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        let beside = Beside { temporary, target: target.to_owned() };
        // Whoever reads it may be another user, and a umask takes bits away.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(beside)
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Takes the target's place if nothing is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if something is; else those of the file system.
    pub fn place(self) -> io::Result<()> {
        match std::fs::hard_link(&self.temporary, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // There are no links on this file system.
            Err(_) if std::fs::symlink_metadata(&self.target).is_err() => {
                std::fs::rename(&self.temporary, &self.target)?;
            }
            Err(error) => return Err(error),
        }
        self.settle()
    }

    /// Takes the place of what is there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn replace(self) -> io::Result<()> {
        std::fs::rename(&self.temporary, &self.target)?;
        self.settle()
    }

    fn settle(&self) -> io::Result<()> {
        let directory = self.target.parent().unwrap_or(Path::new("/"));
        File::open(directory)?.sync_all()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// The file that a path leads to: who keeps a link there keeps it.
pub fn behind_links(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The permission bits of a file.
pub fn mode_of(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("new/token");
        Beside::write(&target, b"one", 0o600).expect("written").place().expect("placed");
        assert_eq!(mode_of(&target).expect("a mode"), 0o600);
        let error = Beside::write(&target, b"two", 0o600).expect("written").place();
        assert_eq!(error.expect_err("there").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&target).expect("read"), b"one");
        drop(Beside::write(&target, b"three", 0o600).expect("written"));
        Beside::write(&target, b"four", 0o640).expect("written").replace().expect("replaced");
        assert_eq!(std::fs::read(&target).expect("read"), b"four");
        let left = std::fs::read_dir(target.parent().expect("a parent")).expect("a list").count();
        assert_eq!(left, 1);
    }
}
