//! Configurations of any kind, held to what loading them promises. For fuzzers and tests only.

use std::path::{Path, PathBuf};

use super::file::Source;
use super::load::{self, Loaded};
use super::{Config, ConfigError, Environment, Flags, Origin, Sources, show_json, show_toml};

/// Takes any bytes as a configuration file.
///
/// # Panics
/// If what is loaded is not sound or does not load again as it is shown, or if an error does not
/// say where, what, and what else would do, on one line each.
pub fn configuration(data: &[u8]) {
    match loaded(data) {
        Ok(loaded) => {
            is_sound(&loaded.config);
            // Other origins, the same values.
            let text = show_toml(&loaded);
            let again = self::loaded(text.as_bytes());
            let again = again.unwrap_or_else(|error| panic!("{error}\nshown as:\n{text}"));
            assert_eq!(again.config, loaded.config, "shown as:\n{text}");
            assert!(show_json(&loaded).is_object());
        }
        Err(error) => is_helpful(&error, data),
    }
}

fn loaded(data: &[u8]) -> Result<Loaded, ConfigError> {
    let home = PathBuf::from("/nowhere/home");
    let file = home.join("config.toml");
    let environment = Environment {
        config_dir: Some(home.clone()),
        state_dir: Some(home.join("state")),
        current_dir: Some(home.clone()),
        home: Some(home),
        ..Environment::default()
    };
    let sources = Sources { environment, flags: Flags::default() };
    let state_dir = load::locate_state_dir(&sources)?;
    let source = Source::of(&file, data.to_vec())?;
    load::assemble(&sources, (file, Origin::Default), state_dir, Some(&source))
}

fn is_sound(config: &Config) {
    let api = &config.api;
    assert!((1..=64).contains(&api.concurrency), "{}", api.concurrency);
    let paths = [Some(&api.token_file), api.ca_file.as_ref()].into_iter().flatten();
    let roots = config.folders.iter().flat_map(|folder| [&folder.path, &folder.root]);
    for path in paths.chain(roots) {
        assert!(path.is_absolute(), "{}", path.display());
    }
    for (index, folder) in config.folders.iter().enumerate() {
        assert!(!config.folders[..index].iter().any(|other| other.root == folder.root));
        // A path of a folder belongs to some folder at least as deep.
        let owner = config.folder_of(&folder.root.join("a.png"));
        assert!(owner.is_some_and(|owner| owner.root.starts_with(&folder.root)));
    }
}

/// The error names the file and a line of it, if the file could be read at all.
fn is_helpful(error: &ConfigError, data: &[u8]) {
    let (text, hint) = (error.to_string(), error.hint());
    for line in [&text, &hint] {
        assert!(!line.is_empty() && !line.chars().any(char::is_control), "{line:?}");
    }
    assert_eq!(error.exit_code(), 78);
    let file = Path::new("/nowhere/home/config.toml").display().to_string();
    assert!(text.contains(&file), "{text}");
    if let ConfigError::Unreadable { reason, .. } = error {
        assert!(reason.contains("UTF-8") || reason.contains("longer"), "{reason}");
        return;
    }
    let line = text.strip_prefix(&format!("{file}:")).and_then(|rest| rest.split(':').next());
    let line: Option<usize> = line.and_then(|line| line.parse().ok());
    let lines = 1 + data.iter().filter(|byte| **byte == b'\n').count();
    assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{text}");
}
