//! Where the control socket is: found by server and client alike, from the state directory alone.
//!
//! Owns:
//! - nobody but us can reach the socket: it lies in a directory that is ours alone;
//! - a state directory whose path is too long for a socket has its socket in the runtime
//!   directory, under a name made from that path.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::hash::hash_of;

/// The longest path that a socket can have, in bytes: `sun_path` without its last zero.
const LONGEST: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// Where a control socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The socket.
    pub socket: PathBuf,
    /// The directory to be made for it, if it is not in the state directory.
    shelter: Option<PathBuf>,
}

impl Place {
    /// The place of the socket of a state directory that is there. `runtime_dir` is the user's
    /// directory for sockets, as the environment has it.
    pub fn of(state_dir: &Path, runtime_dir: Option<&Path>) -> Place {
        let state_dir = state_dir.canonicalize().unwrap_or_else(|_| state_dir.to_owned());
        let uid = rustix::process::geteuid().as_raw();
        // What a login sets is not set everywhere, in a cron job for one, and yet it is there.
        let usual = PathBuf::from(format!("/run/user/{uid}"));
        let runtime = runtime_dir.or_else(|| usual.is_dir().then_some(usual.as_path()));
        place(&state_dir, runtime, uid, LONGEST)
    }

    /// Makes the directory, if it is another than the state directory, and makes sure of it.
    ///
    /// # Errors
    /// If others could use it.
    pub fn prepare(&self) -> io::Result<()> {
        if let Some(shelter) = &self.shelter {
            match DirBuilder::new().mode(0o700).create(shelter) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        self.check()
    }

    /// Makes sure that the directory is ours alone.
    ///
    /// # Errors
    /// If it is not, or is not there.
    pub fn check(&self) -> io::Result<()> {
        let Some(shelter) = &self.shelter else { return Ok(()) };
        let found = std::fs::symlink_metadata(shelter)?;
        let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
        if ours && found.permissions().mode() & 0o077 == 0 {
            return Ok(());
        }
        let why = format!("{} is not a directory of ours alone", crate::text::shown(shelter));
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    }
}

fn place(state_dir: &Path, runtime: Option<&Path>, uid: u32, longest: usize) -> Place {
    let fits = |path: &Path| path.as_os_str().len() <= longest;
    let beside = state_dir.join("control.sock");
    if fits(&beside) {
        return Place { socket: beside, shelter: None };
    }
    let name = name(state_dir);
    let shelters = [
        runtime.map(|runtime| runtime.join("taxiway")),
        Some(PathBuf::from(format!("/tmp/taxiway-{uid}"))),
    ];
    let places = shelters.into_iter().flatten().map(|shelter| (shelter.join(&name), shelter));
    let fitting = places.into_iter().find(|(socket, _)| fits(socket));
    match fitting {
        Some((socket, shelter)) => Place { socket, shelter: Some(shelter) },
        // There is no system with so short a limit; the one that has it says so.
        None => Place { socket: beside, shelter: None },
    }
}

/// A short name that no other state directory's socket has.
fn name(state_dir: &Path) -> OsString {
    let hash = hash_of(state_dir.as_os_str().as_bytes());
    let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    OsString::from(format!("{digits}.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(state_dir: &str, runtime: Option<&str>) -> Place {
        place(Path::new(state_dir), runtime.map(Path::new), 7, 107)
    }

    #[test]
    fn a_socket_lies_beside_its_ledger_if_its_path_is_short_enough() {
        let just = format!("/{}", "x".repeat(107 - "//control.sock".len()));
        let place = at(&just, Some("/run/user/7"));
        assert_eq!(place.socket, Path::new(&just).join("control.sock"));
        assert_eq!(place.socket.as_os_str().len(), 107);
        assert_eq!(place.shelter, None);
    }

    #[test]
    fn the_socket_of_a_long_path_is_in_the_runtime_directory_under_a_name_of_its_own() {
        let long = format!("/{}", "x".repeat(107 - "//control.sock".len() + 1));
        let one = at(&long, Some("/run/user/7"));
        assert_eq!(one.shelter.as_deref(), Some(Path::new("/run/user/7/taxiway")));
        assert_eq!(one.socket.parent(), one.shelter.as_deref());
        assert_eq!(one, at(&long, Some("/run/user/7")), "found again");
        let other = at(&format!("{long}y"), Some("/run/user/7"));
        assert_ne!(one.socket, other.socket);
        assert_eq!(at(&long, None).shelter.as_deref(), Some(Path::new("/tmp/taxiway-7")));
        let deep = format!("/{}", "r".repeat(100));
        let place = at(&long, Some(&deep));
        assert_eq!(place.shelter.as_deref(), Some(Path::new("/tmp/taxiway-7")));
    }

    #[test]
    fn a_directory_that_others_can_use_is_not_trusted() {
        let home = tempfile::tempdir().unwrap();
        let shelter = home.path().join("taxiway");
        let place = Place { socket: shelter.join("x.sock"), shelter: Some(shelter.clone()) };
        assert!(place.check().is_err(), "it is not there");
        place.prepare().unwrap();
        place.prepare().unwrap();
        std::fs::set_permissions(&shelter, std::fs::Permissions::from_mode(0o770)).unwrap();
        assert_eq!(place.prepare().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        std::fs::remove_dir(&shelter).unwrap();
        let elsewhere = home.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &shelter).unwrap();
        assert!(place.prepare().is_err(), "a link is not followed");
    }
}
