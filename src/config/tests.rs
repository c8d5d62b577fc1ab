//! Configurations in, values and exact texts out; no test looks at the real home directory.

mod layers;
mod page;
mod refusals;
mod show;
mod values;

use std::fs;

use tempfile::TempDir;

use super::*;

/// A home directory of its own with the sources that point to it.
struct World {
    dir: TempDir,
    sources: Sources,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let home = root.join("home");
        let config_dir = home.join(".config/taxiway");
        fs::create_dir_all(&config_dir).unwrap();
        fs::create_dir(root.join("work")).unwrap();
        let environment = Environment {
            state_dir: Some(home.join(".local/state/taxiway")),
            config_dir: Some(config_dir),
            home: Some(home),
            current_dir: Some(root.join("work")),
            ..Environment::default()
        };
        let flags = Flags::default();
        World { dir, sources: Sources { environment, flags } }
    }

    fn with(text: &str) -> World {
        let world = World::new();
        fs::write(world.file(), text).unwrap();
        world
    }

    fn set(mut self, variable: &'static str, value: &str) -> World {
        let variables = &mut self.sources.environment.variables;
        variables.insert(variable, value.into());
        self
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    fn file(&self) -> PathBuf {
        self.at("home/.config/taxiway/config.toml")
    }

    fn load(&self) -> Loaded {
        Config::load(&self.sources).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Message and hint, with `$` for the directory of this world.
    fn refusal(&self) -> (String, String) {
        let error = match Config::load(&self.sources) {
            Ok(loaded) => panic!("loaded: {:?}", loaded.config),
            Err(error) => error,
        };
        assert_eq!(error.exit_code(), 78);
        let (text, hint) = (error.to_string(), error.hint());
        assert!(!text.contains('\n') && !hint.contains('\n'), "{text} {hint}");
        (self.short(&text), self.short(&hint))
    }

    fn short(&self, text: &str) -> String {
        text.replace(self.at("").to_str().unwrap().trim_end_matches('/'), "$")
    }
}
