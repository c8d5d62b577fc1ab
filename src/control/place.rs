//! Where the control socket is: found by server and client alike, from the state directory alone.
//!
//! Owns:
//! - nobody but us can reach the socket: it lies in a directory that is ours alone;
//! - a state directory whose path is too long for a socket has its socket in the runtime
//!   directory, under a name made from that path;
//! - the socket of the system service is its group's too: in a directory that systemd makes for it,
//!   where nobody else can put anything.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::hash::hash_of;
use crate::service::System;

/// The longest path that a socket can have, in bytes: `sun_path` without its last zero.
const LONGEST: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// Where a control socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The socket.
    pub socket: PathBuf,
    /// The directory to be made for it, if it is not in the state directory.
    shelter: Option<PathBuf>,
    /// Whether the group may use it.
    of_group: bool,
}

impl Place {
    /// The place of the socket of a state directory that is there. `runtime_dir` is the user's
    /// directory for sockets, as the environment has it.
    pub fn of(state_dir: &Path, runtime_dir: Option<&Path>) -> Place {
        let system = System::of_machine();
        let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let state_dir = resolved(state_dir);
        if state_dir == resolved(&system.state_dir())
            && let Some(place) = Place::of_system(&system)
        {
            return place;
        }
        let uid = rustix::process::geteuid().as_raw();
        // What a login sets is not set everywhere, in a cron job for one, and yet it is there.
        let usual = PathBuf::from(format!("/run/user/{uid}"));
        let runtime = runtime_dir.or_else(|| usual.is_dir().then_some(usual.as_path()));
        place(&state_dir, runtime, uid, LONGEST)
    }

    /// The place of the system service's socket, while that service runs: systemd makes the directory
    /// for it, and takes it away.
    pub fn of_system(system: &System) -> Option<Place> {
        let directory = system.runtime_dir();
        let found = std::fs::symlink_metadata(&directory).ok()?;
        let socket = directory.join("control.sock");
        found.is_dir().then_some(Place { socket, shelter: None, of_group: true })
    }

    /// The permission bits of the socket.
    pub(super) fn mode(&self) -> u32 {
        if self.of_group { 0o660 } else { 0o600 }
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
        return Place { socket: beside, shelter: None, of_group: false };
    }
    let name = name(state_dir);
    let shelters = [
        runtime.map(|runtime| runtime.join("taxiway")),
        Some(PathBuf::from(format!("/tmp/taxiway-{uid}"))),
    ];
    let places = shelters.into_iter().flatten().map(|shelter| (shelter.join(&name), shelter));
    let fitting = places.into_iter().find(|(socket, _)| fits(socket));
    match fitting {
        Some((socket, shelter)) => Place { socket, shelter: Some(shelter), of_group: false },
        // There is no system with so short a limit; the one that has it says so.
        None => Place { socket: beside, shelter: None, of_group: false },
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
        let socket = shelter.join("x.sock");
        let place = Place { socket, shelter: Some(shelter.clone()), of_group: false };
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

    #[test]
    fn the_socket_of_the_system_service_is_where_systemd_makes_room_for_it() {
        let machine = tempfile::tempdir().unwrap();
        let system = System::below(machine.path());
        assert_eq!(Place::of_system(&system), None, "it does not run");
        std::fs::create_dir_all(system.runtime_dir()).unwrap();
        let place = Place::of_system(&system).unwrap();
        assert_eq!(place.socket, machine.path().join("run/taxiway/control.sock"));
        assert_eq!((place.mode(), at("/state", None).mode()), (0o660, 0o600));
        place.prepare().unwrap();
        std::fs::remove_dir(system.runtime_dir()).unwrap();
        std::os::unix::fs::symlink(machine.path(), system.runtime_dir()).unwrap();
        assert_eq!(Place::of_system(&system), None, "a link is not followed");
    }
}
