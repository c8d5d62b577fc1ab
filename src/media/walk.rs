//! Verdicts that need every byte of a file, given while something else reads it.
//!
//! Owns:
//! - a walk holds a few bytes of state, however long the file is;
//! - chunks are fed in order from the first byte of the file; their borders do not matter;
//! - a picture is whole if it ends with the file: what stands behind its end may be cut itself.

use super::Completeness;
use super::gif::GifWalk;
use super::jpeg_walk::JpegWalk;
use super::png::PngWalk;
use super::source::{Source, Step};
use crate::planner::MediaType;

/// A walk over a whole picture, fed from the pass that hashes it.
///
/// Worth the trouble when an inspection of the file gave [`Completeness::CannotTell`].
#[derive(Debug)]
pub struct Walk(Format);

#[derive(Debug)]
enum Format {
    Png(PngWalk),
    Jpeg(JpegWalk),
    Gif(GifWalk),
}

impl Walk {
    /// The walk for files of this type, if reading such a file to its end can tell more than
    /// looking at its structure.
    pub fn new(media_type: MediaType) -> Option<Walk> {
        match media_type {
            MediaType::Png => Some(Walk(Format::Png(PngWalk::default()))),
            // That all the pictures of an index are there is checked by the inspection.
            MediaType::Jpeg | MediaType::Mpo => Some(Walk(Format::Jpeg(JpegWalk::default()))),
            MediaType::Gif => Some(Walk(Format::Gif(GifWalk::default()))),
            MediaType::Webp
            | MediaType::Mp4
            | MediaType::QuickTime
            | MediaType::ThreeGpp
            | MediaType::Matroska
            | MediaType::Flv
            | MediaType::Mpeg
            | MediaType::Mp2t
            | MediaType::Avi
            | MediaType::MotionJpeg
            | MediaType::WebmVideo
            | MediaType::OggVideo
            | MediaType::Wav
            | MediaType::Mp3
            | MediaType::Flac
            | MediaType::OggAudio
            | MediaType::WebmAudio => None,
        }
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, chunk: &[u8]) {
        match &mut self.0 {
            Format::Png(walk) => walk.feed(chunk),
            Format::Jpeg(walk) => walk.feed(chunk),
            Format::Gif(walk) => walk.feed(chunk),
        }
    }

    /// The verdict, when the whole file has been fed.
    pub fn finish(self) -> Completeness {
        match self.0 {
            Format::Png(walk) => walk.finish(),
            Format::Jpeg(walk) => walk.finish(),
            Format::Gif(walk) => walk.finish(),
        }
    }
}

/// How many zeros at the end of a whole file, in bytes, are too many: compressed data, indexes and
/// trailers have a few. The file may be one that was set aside in full and written in part.
pub(super) const ZEROS: usize = 64;

/// Drops up to `skip` bytes from the front of `chunk` and counts them off.
pub(super) fn skip<'a>(chunk: &'a [u8], skip: &mut u64) -> &'a [u8] {
    let dropped = usize::try_from(*skip).map_or(chunk.len(), |skip| skip.min(chunk.len()));
    *skip -= dropped as u64;
    &chunk[dropped..]
}

/// Files up to this size, in bytes, are walked whole during an inspection: that costs no more
/// than looking at their structure and their end.
pub(super) const WHOLE: u64 = 256 * 1024;

/// Walks all of a file of at most [`WHOLE`] bytes.
pub(super) fn whole(source: &mut Source<'_>, media_type: MediaType) -> Step<Completeness> {
    let Some(mut walk) = Walk::new(media_type) else {
        return Ok(Completeness::CannotTell);
    };
    let mut at = 0;
    while at < source.size().min(WHOLE) {
        let chunk = source.bytes(at, 64 * 1024)?;
        if chunk.is_empty() {
            break;
        }
        walk.feed(chunk);
        at += chunk.len() as u64;
    }
    Ok(walk.finish())
}
