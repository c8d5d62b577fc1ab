//! Where the system service keeps its things.

use std::path::{Path, PathBuf};

/// Every key of the configuration, all at its default.
const EXAMPLE: &str = include_str!("../../packaging/config.example.toml");
/// The only line of a folder that must be there.
const FOLDER: &str = "#[[folder]]\n#path = \"~/Runway\"      ";

/// The configuration that a system service begins with: the example, with the drop folder.
pub fn system_config() -> String {
    EXAMPLE.replacen(FOLDER, "[[folder]]\npath = \"/srv/taxiway\"  ", 1)
}

/// The places of the system service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    root: PathBuf,
}

impl System {
    /// Those of this machine. Builds for tests may have them below another directory.
    pub fn of_machine() -> System {
        #[cfg(debug_assertions)]
        if let Some(root) = std::env::var_os("TAXIWAY_TEST_ROOT") {
            return System { root: root.into() };
        }
        System { root: "/".into() }
    }

    /// Those below a directory.
    pub fn below(root: &Path) -> System {
        System { root: root.to_owned() }
    }

    /// Whether they are those of the machine itself.
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("etc/taxiway/config.toml")
    }

    /// The token, which only root can read.
    pub fn token(&self) -> PathBuf {
        self.root.join("etc/taxiway/token")
    }

    /// Ledger and lock.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("var/lib/taxiway")
    }

    /// Where the control socket is while the service runs.
    pub fn runtime_dir(&self) -> PathBuf {
        self.root.join("run/taxiway")
    }

    /// The folder that members of the group drop files into.
    pub fn drop_folder(&self) -> PathBuf {
        self.root.join("srv/taxiway")
    }

    /// What a package brings, below `/usr/lib`: `systemd/system/taxiway.service` and the like.
    pub fn packaged(&self, file: &str) -> PathBuf {
        self.root.join("usr/lib").join(file)
    }

    /// The same where an administrator puts it, below `/etc`.
    pub fn installed(&self, file: &str) -> PathBuf {
        self.root.join("etc").join(file)
    }
}
