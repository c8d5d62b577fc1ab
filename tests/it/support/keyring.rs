//! A keyring that says what a test wants it to: `secret-tool` replaced by a script.

use std::os::unix::fs::PermissionsExt;

use super::{Taxiway, write};

impl Taxiway {
    /// Puts a keyring into the house, in place of the token of the environment. It has none yet.
    pub fn with_keyring(&mut self) {
        let script = self.path("bin/secret-tool");
        write(&script, include_bytes!("secret-tool"));
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("a mode");
        let path = std::env::var("PATH").unwrap_or_default();
        self.set("PATH", format!("{}:{path}", self.path("bin").display()));
        // The script needs no bus; without one it would not be asked.
        self.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        self.set("TAXIWAY_TEST_KEYRING_MS", "20000");
        self.unset("TAXIWAY_TOKEN");
        self.keyring("none");
    }

    /// What it says from now on: `token T`, `none`, `locked`, `silent` and what else the script
    /// knows.
    pub fn keyring(&self, says: &str) {
        let new = self.path("ring/new");
        write(&new, format!("{says}\n").as_bytes());
        std::fs::rename(new, self.path("ring/says")).expect("said");
    }

    /// What it was asked so far, a line each.
    pub fn keyring_was_asked(&self) -> Vec<String> {
        let asked = std::fs::read_to_string(self.path("ring/asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }
}
