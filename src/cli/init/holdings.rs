//! What a folder already holds: how much of it could be uploaded.
//!
//! Owns:
//! - it is counted as a run would: by the rules, and by what each file is, not by its name;
//! - nothing is opened but regular files, and counting ends after a while, and says so.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::media::{self, Inspection};
use crate::planner::{Look, ScanResult};
use crate::scan::{self, Report, Root};
use crate::text::count_of_bytes;

/// How long is counted.
const COUNTED_FOR: Duration = Duration::from_secs(20);

/// What lies in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Files that can be uploaded.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Other files: of another type, empty, not readable, or left alone by a rule.
    pub others: u64,
    /// There is more.
    pub is_cut: bool,
}

impl Holdings {
    /// In words: "12 files that can be uploaded, 34 MB, and 3 others".
    pub fn words(&self) -> String {
        let least = if self.is_cut { "at least " } else { "" };
        let files = match self.files {
            0 => "nothing that can be uploaded".to_owned(),
            1 => format!("{least}1 file that can be uploaded, {}", count_of_bytes(self.bytes)),
            files => {
                format!("{least}{files} files that can be uploaded, {}", count_of_bytes(self.bytes))
            }
        };
        match self.others {
            0 => files,
            1 => format!("{files}, and 1 other"),
            others => format!("{files}, and {others} others"),
        }
    }
}

/// Looks through a folder.
///
/// # Errors
/// If it is not there or cannot be read, in words.
pub fn holdings(root: &Root) -> Result<Holdings, String> {
    let until = Instant::now() + COUNTED_FOR;
    let mut found = Holdings::default();
    let result = scan::walk(
        root,
        &mut |report| {
            let Report::Listing(listing) = report else { return ControlFlow::Continue(()) };
            for (name, look) in listing.entries {
                if Instant::now() > until {
                    found.is_cut = true;
                    return ControlFlow::Break(());
                }
                match look {
                    Look::File(stat) if can_go(&listing.directory.join(name)) => {
                        found.files += 1;
                        found.bytes += stat.fingerprint.size;
                    }
                    Look::File(_) | Look::Left { .. } | Look::Unreadable { .. } => {
                        found.others += 1;
                    }
                    Look::Gone => {}
                }
            }
            ControlFlow::Continue(())
        },
        &AtomicBool::new(false),
    );
    match result {
        ScanResult::Away { reason } => Err(reason),
        ScanResult::Incomplete { .. } | ScanResult::Complete => Ok(found),
    }
}

/// Whether the API takes files like this one.
fn can_go(path: &Path) -> bool {
    let look = || -> std::io::Result<bool> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let name = path.file_name().unwrap_or_default();
        Ok(matches!(media::inspect(&mut file, size, name)?, Inspection::Media(_)))
    };
    // Parsers meet whatever bytes people have; one that fails is about that file only.
    let look = std::panic::catch_unwind(std::panic::AssertUnwindSafe(look));
    matches!(look, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_said_in_words() {
        for (files, bytes, others, is_cut, words) in [
            (0, 0, 0, false, "nothing that can be uploaded"),
            (0, 0, 1, false, "nothing that can be uploaded, and 1 other"),
            (1, 17, 0, false, "1 file that can be uploaded, 17 bytes"),
            (2, 3_000, 4, false, "2 files that can be uploaded, 3.0 kB, and 4 others"),
            (2, 3_000, 0, true, "at least 2 files that can be uploaded, 3.0 kB"),
        ] {
            assert_eq!(Holdings { files, bytes, others, is_cut }.words(), words);
        }
    }
}
