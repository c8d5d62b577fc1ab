//! What is worth knowing about a configuration that is sound.
//!
//! Owns: nothing here keeps the daemon from running; each finding has something to type or to do.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::environment::Environment;
use super::load::Loaded;
use super::resolve::resolve;
use super::types::{AfterUpload, placeholders};
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
    let path = std::env::var_os("PATH").unwrap_or_default();
    for folder in &config.folders {
        for (key, command) in
            [("on_uploaded", &folder.on_uploaded), ("on_failed", &folder.on_failed)]
        {
            let program = command.first();
            findings.extend(program.and_then(|program| no_program(key, program, &path)));
        }
        if let AfterUpload::Move(target) = &folder.after_upload {
            findings.extend(no_target(target));
        }
    }
    findings.extend(token(loaded, environment));
    findings.extend(open_address(loaded));
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

/// A hook's program that would not start. One whose name is filled in for each file is not known.
fn no_program(key: &str, program: &str, path: &OsStr) -> Option<Finding> {
    if placeholders(program).next().is_some() {
        return None;
    }
    let runs = |file: &Path| file.is_file() && access(file, Access::EXEC_OK).is_ok();
    let named = Path::new(program);
    if program.contains('/') {
        let hint = if named.exists() { "chmod +x" } else { "ls -l" };
        return (!runs(named)).then(|| Finding {
            text: format!("{key}: {program} cannot be run"),
            hint: format!("{hint} {}", shell_word(named)),
        });
    }
    let found = std::env::split_paths(path).any(|directory| runs(&directory.join(named)));
    (!found).then(|| Finding {
        text: format!("{key}: there is no program {program} in PATH"),
        hint: format!("command -v {}", shell_word(named)),
    })
}

/// A place for uploaded files where none can be put.
fn no_target(target: &Path) -> Option<Finding> {
    let there = target.ancestors().find(|directory| directory.symlink_metadata().is_ok())?;
    let why = match there.metadata() {
        Ok(found) if !found.is_dir() => "is not a directory",
        Ok(_) if access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok() => return None,
        Ok(_) => "cannot be written",
        Err(_) => "cannot be looked at",
    };
    Some(Finding {
        text: format!(
            "after_upload: no file can be moved to {}: {} {why}",
            shown(target),
            shown(there)
        ),
        hint: format!("ls -ld {}", shell_word(there)),
    })
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

/// Who knows the address that is called can keep silent what should be heard.
fn open_address(loaded: &Loaded) -> Option<Finding> {
    loaded.config.control.heartbeat_url.as_ref()?;
    let file = &loaded.file.path;
    let found = std::fs::metadata(file).ok()?;
    let around = std::fs::metadata(file.parent()?).ok()?;
    if found.mode() & 0o004 == 0 || around.mode() & 0o001 == 0 {
        return None;
    }
    let word = shell_word(file);
    // The system's service reads it by its group.
    let hint = match file.starts_with("/etc/taxiway") {
        true => format!("sudo chgrp taxiway {word} && sudo chmod o= {word}"),
        false => format!("chmod o= {word}"),
    };
    let text = format!("everybody can read {}, and heartbeat_url is a secret", shown(file));
    Some(Finding { text, hint })
}

fn token(loaded: &Loaded, environment: &Environment) -> Option<Finding> {
    match environment.token(Some(&loaded.config.api.token_file)) {
        Ok(found) => found
            .warning()
            .map(|text| Finding { text, hint: "compare it with the one on useapi.net".to_owned() }),
        Err(error) => Some(Finding { text: error.to_string(), hint: error.hint() }),
    }
}
