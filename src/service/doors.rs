//! What a configuration needs of the system beyond what the system service may do by itself.

use std::path::{Path, PathBuf};

use crate::config::{AfterUpload, Config};

/// Doors that the system's unit has to open for a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doors {
    /// Directories to write in, sorted, none below another.
    pub writable: Vec<PathBuf>,
    /// Whether programs of the user are run.
    pub hooks: bool,
}

impl Doors {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Doors {
        let mut writable: Vec<PathBuf> = Vec::new();
        let mut hooks = false;
        for folder in &config.folders {
            if folder.sidecar || folder.after_upload != AfterUpload::Keep {
                writable.push(folder.root.clone());
            }
            if let AfterUpload::Move(target) = &folder.after_upload {
                writable.push(target.clone());
            }
            hooks |= !folder.on_uploaded.is_empty() || !folder.on_failed.is_empty();
        }
        writable.sort();
        // Sorted, a directory comes before what is below it.
        writable.dedup_by(|below, above| below.starts_with(above));
        Doors { writable, hooks }
    }
}

/// Why the system service cannot see a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// Below the homes, which are closed to it.
    Home,
    /// Below a directory for temporary files, of which it has its own.
    Temporary,
}

/// Whether a directory is closed to the system service, and why.
pub fn hidden(path: &Path) -> Option<Hidden> {
    let below = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    // Where /home is a link, it mostly leads to /var/home.
    if below(&["/home", "/var/home", "/root", "/run/user"]) {
        return Some(Hidden::Home);
    }
    below(&["/tmp", "/var/tmp"]).then_some(Hidden::Temporary)
}
