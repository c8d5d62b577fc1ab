//! Files of a service, written whole or not at all.
//!
//! Owns:
//! - what somebody else wrote in the place of a file of ours is not written over;
//! - what a service reads as another user that user can read, whatever the umask of who installs it.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cli::Failure;
use crate::cli::init::write::Beside;

use super::refusal::Refusal;
use super::report::Report;

/// What the first line of a file of ours begins with.
const OURS: [&str; 5] = [
    "# taxiway for ",
    "# Written by `taxiway ",
    "# The user and the group of the system",
    "# The drop folder: ",
    "<?xml ",
];

/// Has a file hold this text. Whether it did not.
pub fn put(report: &mut Report, path: &Path, text: &str) -> Result<bool, Failure> {
    match std::fs::read_to_string(path) {
        Ok(there) if there == text => {
            report.kept(path);
            return Ok(false);
        }
        Ok(there) if !is_ours(&there) => return Err(not_ours(path)),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(path, error)),
    }
    let wrote = directory(path.parent().unwrap_or(Path::new("/")))
        .and_then(|()| Beside::write(path, text.as_bytes(), 0o644))
        .and_then(Beside::replace);
    wrote.map_err(|error| unwritable(path, error))?;
    report.changed("wrote", path);
    Ok(true)
}

/// The same, unless a package has brought this very text; then what was written here before is in
/// its way.
pub fn put_unless_packaged(
    report: &mut Report,
    packaged: &Path,
    path: &Path,
    text: &str,
) -> Result<bool, Failure> {
    if std::fs::read_to_string(packaged).is_ok_and(|there| there == text) {
        let removed = remove(report, path)?;
        report.kept(packaged);
        return Ok(removed);
    }
    put(report, path, text)
}

/// Removes a file of ours. Whether it was there.
pub fn remove(report: &mut Report, path: &Path) -> Result<bool, Failure> {
    match std::fs::read_to_string(path) {
        Ok(there) if !is_ours(&there) => return Err(not_ours(path)),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unwritable(path, error)),
    }
    delete(report, path)?;
    Ok(true)
}

/// Deletes a file, whoever wrote it. Whether it was there.
pub fn delete(report: &mut Report, path: &Path) -> Result<bool, Failure> {
    match std::fs::remove_file(path) {
        Ok(()) => report.changed("removed", path),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unwritable(path, error)),
    }
    Ok(true)
}

/// Removes a directory that has nothing in it any more.
pub fn remove_empty(report: &mut Report, path: &Path) {
    if std::fs::remove_dir(path).is_ok() {
        report.changed("removed", path);
    }
}

/// A directory that others may look into, with all above it that is missing.
pub fn directory(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Ok(()) => std::fs::set_permissions(path, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            directory(path.parent().ok_or(error)?)?;
            directory(path)
        }
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The file cannot be had as it should be.
pub fn unwritable(file: &Path, error: io::Error) -> Failure {
    Refusal::File { file: file.to_owned(), error }.into()
}

fn is_ours(text: &str) -> bool {
    OURS.iter().any(|begin| text.starts_with(begin))
}

fn not_ours(file: &Path) -> Failure {
    Refusal::NotOurs { file: file.to_owned() }.into()
}
