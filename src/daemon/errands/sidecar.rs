//! `FILE.asset.json`: what became of a file, beside it.
//!
//! Owns:
//! - it is there whole or not at all;
//! - a file of that name that is not a sidecar of ours is never touched.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{failed, moving};
use crate::planner::ErrandResult;
use crate::planner::filter::SIDECAR_ENDING;
use crate::row::RowFields;
use crate::text;

/// Longest file that may be a sidecar, in bytes.
const LONGEST_BYTES: u64 = 64 * 1024;

/// The sidecar of a path.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SIDECAR_ENDING);
    PathBuf::from(name)
}

/// Writes the sidecar of a path, in place of an older one of ours.
pub(super) fn write(path: &Path, row: &RowFields) -> ErrandResult {
    let sidecar = beside(path);
    let partial = moving::own_partial(&sidecar, "sidecar");
    let done = || -> io::Result<Option<ErrandResult>> {
        let text = serde_json::to_string_pretty(row).map_err(io::Error::other)?;
        if is_foreign(&sidecar)? {
            let reason = format!("{} is there and not from taxiway", text::shown(&sidecar));
            return Ok(Some(ErrandResult::Failed { reason }));
        }
        let mut file = File::options().write(true).create_new(true).open(&partial)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        if sidecar.exists() {
            fs::rename(&partial, &sidecar)?;
        } else if !moving::rename_into_free(&partial, &sidecar)? {
            // Somebody made one meanwhile: the next try looks at it.
            let reason = format!("{} has just been made by another program", text::shown(&sidecar));
            return Ok(Some(ErrandResult::Failed { reason }));
        }
        Ok(None)
    };
    let ended = done();
    if !matches!(ended, Ok(None)) {
        // What is left of a try that failed is of no use.
        let _ = fs::remove_file(&partial);
    }
    match ended {
        Ok(None) => ErrandResult::Done { detail: text::shown(&sidecar) },
        Ok(Some(result)) => result,
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
            ErrandResult::Void { reason: "its name is too long for a sidecar".into() }
        }
        Err(error) => failed("cannot write", &sidecar, &error),
    }
}

/// Whether something lies there that is no sidecar of ours.
pub(super) fn is_foreign(sidecar: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(sidecar) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !found.is_file() || found.len() > LONGEST_BYTES {
        return Ok(true);
    }
    let mut text = Vec::new();
    File::open(sidecar)?.take(LONGEST_BYTES).read_to_end(&mut text)?;
    let ours = serde_json::from_slice::<Value>(&text).is_ok_and(|value| {
        ["schema", "asset_id", "hash"].iter().all(|key| value.get(key).is_some())
    });
    Ok(!ours)
}

/// The name of a sidecar whose file has another name now.
pub(super) fn named_after(path: &Path) -> OsString {
    beside(path).file_name().unwrap_or_default().to_owned()
}
