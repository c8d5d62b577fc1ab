//! JPEG pictures (ITU-T T.81), alone, several in one file (CIPA DC-007, "MPO"), or one after the
//! other as raw motion JPEG.
//!
//! Owns:
//! - several pictures indexed by MPF are `image/mpo` only in a file named `.mpo`; phones keep
//!   depth maps and previews in what everyone takes for an ordinary picture;
//! - a picture is whole when its first image ends with the file. What stands behind it makes it
//!   whole only if that is whole too: the pictures of an index to their last byte, or a film;
//! - not whole means that the first image is cut, or a film behind it. A picture that announces
//!   others may have lost them to an editor: only a file named `.mpo` answers for them.

use super::jpeg_walk::JpegWalk;
use super::source::{Source, Step, Stop, be16};
use super::tiff::Tiff;
use super::walk::{self, WHOLE};
use super::{Completeness, Facts, Inspection, mp4, shortfall};
use crate::planner::MediaType;

const START_OF_IMAGE: u8 = 0xd8;
pub(super) const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// The most segments before the picture data: cameras write about twenty, a colour profile or
/// extended XMP split over segments of 64 KiB some dozens more.
const SEGMENT_LIMIT: usize = 200;

/// How far a file that may be motion JPEG is read for the start of a second picture, in bytes.
const SECOND_PICTURE_WITHIN: u64 = 2 * 1024 * 1024;

pub(super) fn inspect(source: &mut Source<'_>, extension: &str) -> Step<Inspection> {
    let mut header = Header::default();
    match header.read(source) {
        Ok(()) | Err(Stop::Spent) => {}
        Err(Stop::Io(error)) => return Err(Stop::Io(error)),
    }
    let mut facts = Facts::unknown(media_type(source, extension, &header)?);
    facts.set_size(header.displayed_size());
    if facts.media_type == MediaType::MotionJpeg {
        return Ok(Inspection::Media(facts));
    }
    facts.completeness = completeness(source, &header)?;
    if facts.media_type == MediaType::Mpo
        && let Some(end) = header.pictures_end
        && end > source.size()
    {
        facts.incomplete(shortfall("the index of pictures", end, source.size()));
    }
    Ok(Inspection::Media(facts))
}

fn media_type(source: &mut Source<'_>, extension: &str, header: &Header) -> Step<MediaType> {
    if header.several {
        return Ok(match extension {
            "mpo" => MediaType::Mpo,
            _ => MediaType::Jpeg,
        });
    }
    Ok(match extension {
        "mjpeg" | "mjpg" => MediaType::MotionJpeg,
        "jpg" | "jpeg" | "jpe" | "jfif" | "mpo" => MediaType::Jpeg,
        _ if second_picture(source)? => MediaType::MotionJpeg,
        _ => MediaType::Jpeg,
    })
}

/// Whether another picture begins right behind the first one.
fn second_picture(source: &mut Source<'_>) -> Step<bool> {
    let mut walk = JpegWalk::default();
    let mut at = 0;
    while at < source.size().min(SECOND_PICTURE_WITHIN) {
        let chunk = source.bytes(at, 64 * 1024)?;
        if chunk.is_empty() {
            break;
        }
        let len = chunk.len() as u64;
        walk.feed(chunk);
        if let Some(end) = walk.end {
            let next = source.bytes(end, 3)?;
            return Ok(next == [0xff, START_OF_IMAGE, 0xff]);
        }
        at += len;
    }
    Ok(false)
}

fn completeness(source: &mut Source<'_>, header: &Header) -> Step<Completeness> {
    let size = source.size();
    if let Some(end) = header.pictures_end.filter(|&end| header.scan && end <= size) {
        let ended = source.bytes(end.saturating_sub(2), 2)? == [0xff, END_OF_IMAGE];
        return match ended {
            true if end == size => Ok(Completeness::Complete),
            true => mp4::appended(source, end),
            false => Ok(Completeness::CannotTell),
        };
    }
    if size <= WHOLE { walk::whole(source, MediaType::Jpeg) } else { Ok(Completeness::CannotTell) }
}

/// What the segments before the picture data say.
#[derive(Default)]
struct Header {
    size: Option<(u32, u32)>,
    turned: bool,
    several: bool,
    /// Where the last picture of the MPF index ends in the file.
    pictures_end: Option<u64>,
    /// The picture data begin.
    scan: bool,
}

impl Header {
    fn read(&mut self, source: &mut Source<'_>) -> Step<()> {
        let mut at = 2;
        for _ in 0..SEGMENT_LIMIT {
            let Some([0xff, marker, len_high, len_low]) = source.array(at)? else {
                break;
            };
            if marker == 0xff {
                // Fill bytes may stand before a marker.
                at += 1;
                continue;
            }
            let len = u16::from_be_bytes([len_high, len_low]);
            if len < 2 || matches!(marker, 0x00 | 0x01 | 0xd0..=0xd9) {
                break;
            }
            if marker == START_OF_SCAN {
                self.scan = true;
                break;
            }
            self.read_segment(source, marker, at + 4, usize::from(len - 2))?;
            at += 2 + u64::from(len);
        }
        Ok(())
    }

    /// Takes what is wanted of the segment whose `len` bytes begin at `at`.
    fn read_segment(
        &mut self,
        source: &mut Source<'_>,
        marker: u8,
        at: u64,
        len: usize,
    ) -> Step<()> {
        match marker {
            // C4, C8 and CC are tables, not frames.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let frame = source.bytes(at, 5)?;
                let (height, width) = (be16(frame, 1), be16(frame, 3));
                self.size = width.map(u32::from).zip(height.map(u32::from));
            }
            // Segments of other makers, often megabytes of them, are not read.
            0xe1 if source.bytes(at, 6)? == b"Exif\0\0" => {
                self.turned |= exif_turns(source.bytes(at, len)?);
            }
            0xe2 if source.bytes(at, 4)? == b"MPF\0" => {
                if let Some(end) = mpf_end(source.bytes(at, len)?) {
                    self.several = true;
                    // Offsets count from the TIFF header, behind "MPF\0".
                    self.pictures_end = Some(at + 4 + end);
                }
            }
            0x00..=0xff => {}
        }
        Ok(())
    }

    fn displayed_size(&self) -> Option<(u32, u32)> {
        self.size.map(|(width, height)| if self.turned { (height, width) } else { (width, height) })
    }
}

/// Whether the EXIF orientation (CIPA DC-008, tag 0x0112) swaps width and height.
fn exif_turns(segment: &[u8]) -> bool {
    let orientation = || {
        let tiff = Tiff::new(segment.strip_prefix(b"Exif\0\0")?)?;
        tiff.entry_short(&tiff.entry(0x0112)?)
    };
    matches!(orientation(), Some(5..=8))
}

/// Where the pictures of an MPF index (CIPA DC-007, tag 0xB002) end, counted from its TIFF header;
/// none if the segment is no index of at least two pictures.
fn mpf_end(segment: &[u8]) -> Option<u64> {
    const ENTRY: usize = 16;
    let tiff = Tiff::new(segment.strip_prefix(b"MPF\0")?)?;
    let entry = tiff.entry(0xb002)?;
    let at = tiff.entry_offset(&entry)?;
    let pictures = entry.count as usize / ENTRY;
    if pictures < 2 {
        return None;
    }
    // The first picture's offset is zero by definition; its end lies before the second.
    (1..pictures.min(segment.len() / ENTRY))
        .filter_map(|index| {
            let at = at.checked_add(index * ENTRY)?;
            Some(u64::from(tiff.long(at + 4)?) + u64::from(tiff.long(at + 8)?))
        })
        .max()
}
