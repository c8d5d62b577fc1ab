//! What went wrong during a walk, in one line.
//!
//! Owns:
//! - however much goes wrong, one line is kept.

use std::path::Path;

use crate::text::shown;

/// What could not be read: the first of it in words, the rest counted.
#[derive(Default)]
pub(super) struct Trouble {
    first: Option<String>,
    places: u64,
}

impl Trouble {
    pub(super) fn add(&mut self, path: &Path, why: &str) {
        self.note(format!("{}: {why}", shown(path)));
    }

    pub(super) fn note(&mut self, what: String) {
        self.first.get_or_insert(what);
        self.places += 1;
    }

    pub(super) fn reason(&self) -> Option<String> {
        let first = self.first.as_ref()?;
        Some(match self.places {
            1 => first.clone(),
            places => format!("{first} (the first of {places} places)"),
        })
    }
}
