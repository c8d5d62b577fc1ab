//! What a file is: its type by content, its facts, and whether its container is whole.
//!
//! Owns:
//! - the content decides the type; the name's extension only chooses between types that the
//!   content allows;
//! - an inspection is bounded in reads, bytes and memory, whatever the file says;
//! - a file that cannot be understood has fewer facts, never an error: only the file system errs;
//! - a verdict is `Incomplete` only where the format itself promises more than there is. In doubt
//!   it is `CannotTell`: a wrong `Incomplete` would keep a good file from being uploaded;
//! - a file that lacks bytes is never `Complete`, not even if zeros stand in for them, unless the
//!   zeros may be sound.

mod avi;
mod ebml;
mod film_walk;
mod flac;
mod flv;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod gif;
mod jpeg;
mod jpeg_walk;
mod mp4;
mod mp4_brands;
mod mp4_tracks;
mod mpeg_audio;
mod mpeg_audio_count;
mod mpeg_video;
mod ogg;
mod ogg_codec;
mod png;
mod riff;
mod sniff;
mod source;
mod tail;
mod tiff;
mod transport;
mod unsupported;
mod walk;
mod wav;
mod webp;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Read, Seek};
use std::path::Path;

use crate::planner::MediaType;

pub use tail::unwritten_tail;
pub use walk::Walk;

/// What a look into a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inspection {
    /// The API takes files of this type.
    Media(Facts),
    /// The API takes no files of this type.
    Unsupported {
        /// What the file is, as well as can be told: "HEIC picture".
        what: Cow<'static, str>,
        /// What its owner can do: "convert it to JPEG or PNG".
        hint: &'static str,
    },
    /// The file has no bytes.
    Empty,
}

/// What is known about a file of a supported type. A fact that is not certain is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The type to send the file as.
    pub media_type: MediaType,
    /// Pixels across as displayed: after EXIF orientation or the track's rotation.
    pub width: Option<u32>,
    /// Pixels down as displayed: after EXIF orientation or the track's rotation.
    pub height: Option<u32>,
    /// How long it plays, in milliseconds. Absent for pictures.
    pub duration_ms: Option<u64>,
    /// Whether the container is whole.
    pub completeness: Completeness,
}

impl Facts {
    fn unknown(media_type: MediaType) -> Facts {
        Facts {
            media_type,
            width: None,
            height: None,
            duration_ms: None,
            completeness: Completeness::CannotTell,
        }
    }

    fn set_size(&mut self, size: Option<(u32, u32)>) {
        // A side of zero pixels is a writer's "not known yet".
        if let Some((width @ 1.., height @ 1..)) = size {
            self.width = Some(width);
            self.height = Some(height);
        }
    }

    fn incomplete(&mut self, reason: impl Into<String>) {
        self.completeness = Completeness::Incomplete { reason: reason.into() };
    }
}

/// What a container says about its own wholeness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// All that the container promises is there.
    Complete,
    /// The container promises more than is there.
    Incomplete {
        /// What is missing, for a person: "mdat promises 812 MB, 210 MB are there".
        reason: String,
    },
    /// The format makes no promise that a bounded look can check.
    CannotTell,
}

/// Looks into `file` of `size` bytes, called `name`.
///
/// Reads at most a few megabytes, wherever in the file the facts are, and nothing past `size`.
/// Where the facts come back with [`Completeness::CannotTell`], a [`Walk`] over all of the file
/// may still give a verdict.
///
/// # Errors
///
/// Those of the file system. A file that is damaged or no media at all is not an error.
pub fn inspect<R: Read + Seek>(file: &mut R, size: u64, name: &OsStr) -> io::Result<Inspection> {
    if size == 0 {
        return Ok(Inspection::Empty);
    }
    let extension = Path::new(name)
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    sniff::inspect(&mut source::Source::new(file, size), &extension)
}

/// A number of bytes as people write it: "812 MB", "1.2 GB", "17 bytes".
fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 9.95 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

/// "mdat promises 812 MB, 210 MB are there": exact where rounding would hide the difference.
fn shortfall(what: &str, promised: u64, there: u64) -> String {
    let (mut much, mut little) = (human(promised), human(there));
    if much == little {
        (much, little) = (format!("{promised} bytes"), format!("{there} bytes"));
    }
    format!("{what} promises {much}, {little} are there")
}

/// The four letters that name a part of a file, or other words where they are none.
fn letters<'a>(kind: &'a [u8; 4], otherwise: &'static str) -> &'a str {
    let plain = kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    let name = std::str::from_utf8(kind).unwrap_or_default().trim_end();
    if plain && !name.is_empty() { name } else { otherwise }
}

/// `units` of a clock that ticks `per_second` times a second, in milliseconds; none below one.
fn to_ms(units: u64, per_second: u64) -> Option<u64> {
    if units == 0 || per_second == 0 {
        return None;
    }
    u64::try_from(u128::from(units) * 1000 / u128::from(per_second)).ok().filter(|&ms| ms > 0)
}
