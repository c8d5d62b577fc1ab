//! A walk over all of a JPEG file: to the end of its first picture, and over a film behind it.
//!
//! Owns:
//! - an end marker counts only where a marker may stand: that of a thumbnail lies in a segment;
//! - a picture that announces others, or a film, proves nothing if it is all there is.

use super::Completeness;
use super::film_walk::FilmWalk;
use super::jpeg::END_OF_IMAGE;
use super::walk;

/// Application segments of EXIF and XMP, and of MPF.
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;

/// Words of XMP (Android's motion photo format 1.0, and Google's older one) that announce a film.
const MOTION_PHOTO: &[u8] = b"MotionPhoto";
const MICRO_VIDEO: &[u8] = b"MicroVideo";

/// Follows a JPEG picture to its end marker, and what may stand behind it.
#[derive(Debug, Default)]
pub(super) struct JpegWalk {
    skip: u64,
    at: u64,
    next: Next,
    /// How many more bytes of the segment are searched, its marker, and its last bytes so far.
    searched: u64,
    marker: u8,
    recent: u128,
    /// An index of pictures, or a film, is announced.
    pictures: bool,
    film: bool,
    /// The offset behind the end marker, once found.
    pub(super) end: Option<u64>,
    behind: FilmWalk,
}

/// What the next byte that is not skipped means.
#[derive(Debug, Default)]
enum Next {
    /// Picture data, or bytes before a marker, which decoders skip as well.
    #[default]
    Data,
    Marker,
    LengthHigh,
    LengthLow(u8),
}

impl JpegWalk {
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while self.end.is_none() {
            rest = walk::skip(rest, &mut self.skip);
            rest = self.search(rest);
            if let Next::Data = self.next {
                let data = rest.iter().position(|&byte| byte == 0xff);
                rest = &rest[data.unwrap_or(rest.len())..];
            }
            let Some((&byte, behind)) = rest.split_first() else {
                break;
            };
            rest = behind;
            self.next = match self.next {
                Next::Data => Next::Marker,
                Next::Marker => match byte {
                    0xff => Next::Marker,
                    END_OF_IMAGE => {
                        self.end = Some(self.at + (chunk.len() - rest.len()) as u64);
                        Next::Data
                    }
                    // A stuffed zero, TEM, the restart markers and SOI have no length.
                    0x00 | 0x01 | 0xd0..=0xd8 => Next::Data,
                    0x02..=0xcf | 0xda..=0xfe => {
                        self.marker = byte;
                        Next::LengthHigh
                    }
                },
                Next::LengthHigh => Next::LengthLow(byte),
                Next::LengthLow(high) => {
                    let len = u16::from_be_bytes([high, byte]);
                    self.enter_segment(u64::from(len.saturating_sub(2)));
                    Next::Data
                }
            };
        }
        if self.end.is_some() {
            self.behind.feed(rest);
        }
        self.at += chunk.len() as u64;
    }

    fn enter_segment(&mut self, len: u64) {
        if matches!(self.marker, APP1 | APP2) {
            (self.searched, self.recent) = (len, 0);
        } else {
            self.skip = len;
        }
    }

    /// Searches what `chunk` has of a segment for announcements, and drops it.
    fn search<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let len = usize::try_from(self.searched).map_or(chunk.len(), |len| len.min(chunk.len()));
        let (segment, rest) = chunk.split_at(len);
        for &byte in segment {
            self.recent = self.recent << 8 | u128::from(byte);
            let recent = self.recent.to_be_bytes();
            if self.marker == APP1 {
                self.film |= recent.ends_with(MOTION_PHOTO) || recent.ends_with(MICRO_VIDEO);
            } else {
                self.pictures |= recent.ends_with(b"MPF\0");
            }
        }
        self.searched -= len as u64;
        rest
    }

    pub(super) fn finish(&self) -> Completeness {
        match self.end {
            None => Completeness::Incomplete {
                reason: "the picture ends before its end marker (EOI)".into(),
            },
            Some(end) if end == self.at && (self.film || self.pictures) => Completeness::CannotTell,
            Some(end) if end == self.at => Completeness::Complete,
            // How far the pictures reach that an index announces is known to an inspection only.
            Some(_) if self.pictures => Completeness::CannotTell,
            Some(_) => self.behind.finish(),
        }
    }
}
