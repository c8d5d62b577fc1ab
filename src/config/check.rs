//! What is worth knowing about a configuration that is sound.
//!
//! Owns: nothing here keeps the daemon from running; each finding has something to type or to do.

use std::path::Path;

use super::environment::Environment;
use super::load::{Loaded, resolve};
use crate::text::{reason, shell_word, shown};

/// Something a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is: one line.
    pub text: String,
    /// What to type or to do, if it is not meant so.
    pub hint: String,
}

/// Looks at what the configuration names: folders, token, certificates.
pub fn check(loaded: &Loaded, environment: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = &loaded.config;
    if !loaded.file.exists {
        findings.push(Finding {
            text: format!("there is no {}: all is default", shown(&loaded.file.path)),
            hint: "taxiway config show".to_owned(),
        });
    }
    if config.folders.is_empty() {
        findings.push(Finding {
            text: "no folder is configured: nothing is watched".to_owned(),
            hint: "taxiway run DIR, or add a [[folder]]".to_owned(),
        });
    }
    for folder in &config.folders {
        findings.extend(folder_finding(&folder.path));
    }
    findings.extend(nested(loaded));
    findings.extend(token(loaded, environment));
    if let Some(file) = &config.api.ca_file
        && let Err(error) = std::fs::File::open(file)
    {
        findings.push(Finding {
            text: format!("ca_file {} cannot be read: {}", shown(file), reason(&error)),
            hint: format!("ls -ld {}", shell_word(file)),
        });
    }
    findings
}

fn folder_finding(path: &Path) -> Option<Finding> {
    let folder = shown(path);
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(_) => Some(Finding {
            text: format!("folder {folder} is not a directory: it will be away"),
            hint: "name the directory that the file lies in".to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Finding {
            text: format!("folder {folder} does not exist: it will be away"),
            hint: format!("mkdir -p {}", shell_word(path)),
        }),
        Err(error) => Some(Finding {
            text: format!(
                "folder {folder} cannot be looked at: {}: it will be away",
                reason(&error)
            ),
            hint: format!("ls -ld {}", shell_word(path)),
        }),
    }
}

/// Folders within folders, and the state within a folder: meant or not, they surprise.
fn nested(loaded: &Loaded) -> Vec<Finding> {
    let folders = &loaded.config.folders;
    let mut findings = Vec::new();
    for inner in folders {
        let outer = folders
            .iter()
            .filter(|outer| outer.root != inner.root && inner.root.starts_with(&outer.root))
            .max_by_key(|outer| outer.root.components().count());
        if let Some(outer) = outer {
            findings.push(Finding {
                text: format!(
                    "folder {} lies in folder {}: its files follow its own settings",
                    shown(&inner.path),
                    shown(&outer.path)
                ),
                hint: "remove one of the two if that is not meant".to_owned(),
            });
        }
    }
    let state_dir = resolve(&loaded.config.state_dir);
    if let Some(folder) = folders.iter().find(|f| state_dir.starts_with(&f.root)) {
        findings.push(Finding {
            text: format!(
                "the state directory {} lies in folder {}",
                shown(&loaded.config.state_dir),
                shown(&folder.path)
            ),
            hint: "use --state-dir DIR with a directory outside of all folders".to_owned(),
        });
    }
    findings
}

fn token(loaded: &Loaded, environment: &Environment) -> Option<Finding> {
    match environment.token(Some(&loaded.config.api.token_file)) {
        Ok(found) => found
            .warning()
            .map(|text| Finding { text, hint: "compare it with the one on useapi.net".to_owned() }),
        Err(error) => Some(Finding { text: error.to_string(), hint: error.hint() }),
    }
}
