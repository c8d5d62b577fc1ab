//! What the tests share: the program in a home of its own, a server beside it, and patience.
//!
//! Owns:
//! - the program sees nothing of this machine's environment, home and configuration;
//! - whatever a test starts ends with the test, and by its own process id;
//! - a wait is for a condition, with a deadline that only a hang reaches.

mod daemon;
mod files;
mod keyring;
mod program;
mod server;
mod socket;
mod terminal;

use std::time::{Duration, Instant};

pub use daemon::Daemon;
pub use files::{corpus, media, picture, sparse_wav, write};
pub use program::{Taxiway, section};
pub use server::Server;
pub use socket::{Answer, Listener, ask};
pub use terminal::Terminal;

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A token of the documented form.
pub const TOKEN: &str = "user:1-sandbox";

/// Asks until the answer is there.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Passes on whether the machine has something that a test needs: where it has not, the test says
/// what it leaves out, and where `TAXIWAY_KERNEL_TESTS=required` it fails.
#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "what is left out is said")]
pub fn required(has: bool, what: &str) -> bool {
    let required =
        std::env::var_os("TAXIWAY_KERNEL_TESTS").is_some_and(|value| value == "required");
    assert!(has || !required, "this needs {what}, and TAXIWAY_KERNEL_TESTS=required");
    if !has {
        eprintln!("skipped: this needs {what}");
    }
    has
}

/// Whether a program is on the path. Where CI is set it has to be; elsewhere the test says that
/// it leaves something out.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
pub fn have(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(found || !ci, "{program} is missing, and CI has to have it");
    if !found {
        eprintln!("skipped: there is no {program} here");
    }
    found
}
