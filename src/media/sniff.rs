//! From the first bytes of a file to the family whose walker understands it.
//!
//! Owns:
//! - a family is chosen by its signature alone; signatures that are weak (transport stream, MPEG
//!   audio) are tried last and need several packets or frames to agree.

use std::io;

use super::source::{Source, Step, Stop};
use super::walk::ZEROS;
use super::{
    Completeness, Inspection, ebml, flac, flv, gif, jpeg, mp4, mpeg_audio, mpeg_video, ogg, png,
    riff, transport, unsupported,
};

use crate::planner::MediaType;

/// How much of the start is looked at to name a file: enough for every signature here.
const HEAD: usize = 4096;

/// Finds the family of a file with bytes in it and lets it inspect the file. `extension` is in
/// lower case, without the dot, empty when there is none.
pub(super) fn inspect(source: &mut Source<'_>, extension: &str) -> io::Result<Inspection> {
    match dispatch(source, extension).and_then(|found| doubt_zeros(source, found)) {
        Ok(inspection) => Ok(inspection),
        Err(Stop::Io(error)) => Err(error),
        Err(Stop::Spent) => Ok(unsupported::UNKNOWN),
    }
}

/// A file whose end is zeros may be one that was set aside in full and written in part.
fn doubt_zeros(source: &mut Source<'_>, mut inspection: Inspection) -> Step<Inspection> {
    let tail = source.size().saturating_sub(ZEROS as u64);
    if let Inspection::Media(facts) = &mut inspection
        && facts.completeness == Completeness::Complete
        // Silence is zeros.
        && facts.media_type != MediaType::Wav
    {
        let zeros = match source.bytes(tail, ZEROS) {
            Ok(tail) => tail.iter().all(|&byte| byte == 0),
            Err(Stop::Spent) => true,
            Err(Stop::Io(error)) => return Err(Stop::Io(error)),
        };
        if zeros {
            facts.completeness = Completeness::CannotTell;
        }
    }
    Ok(inspection)
}

fn dispatch(source: &mut Source<'_>, extension: &str) -> Step<Inspection> {
    let head = source.bytes(0, HEAD)?.to_vec();
    Ok(if head.starts_with(png::SIGNATURE) {
        png::inspect(source)?
    } else if head.starts_with(&[0xff, 0xd8, 0xff]) {
        jpeg::inspect(source, extension)?
    } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        gif::inspect(source)?
    } else if let Some(form) = riff::form(&head) {
        riff::inspect(source, form)?
    } else if head.starts_with(&ebml::SIGNATURE) {
        ebml::inspect(source, extension)?
    } else if head.starts_with(b"OggS") {
        ogg::inspect(source, extension)?
    } else if head.starts_with(b"fLaC") {
        flac::inspect(source, 0)?
    } else if head.starts_with(b"FLV\x01") {
        flv::inspect(source)?
    } else if mp4::starts(&head) {
        mp4::inspect(source, extension, &head)?
    } else if let Some(at) = mpeg_video::start(&head) {
        mpeg_video::inspect(source, at)?
    } else if let Some(inspection) = transport::inspect(&head) {
        inspection
    } else if let Some(inspection) = mpeg_audio::inspect(source, extension, &head)? {
        inspection
    } else {
        unsupported::inspect(&head)
    })
}
