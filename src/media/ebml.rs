//! Matroska and WebM files (RFC 8794 for EBML, RFC 9559 for Matroska).
//!
//! Owns:
//! - the DocType tells WebM from Matroska, the tracks tell video from audio;
//! - whole means that the segment ends with the file, and that what its SeekHead points at is
//!   there; a segment of unknown size, as a live recorder writes it, proves nothing.

use super::source::{Source, Step, Stop, be32, be64};
use super::{Completeness, Facts, Inspection, shortfall, unsupported};
use crate::planner::MediaType;

pub(super) const SIGNATURE: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// The most elements looked at: a file has a dozen before its first cluster, a track about
/// twenty, a disc dozens of tracks.
const ELEMENT_LIMIT: u32 = 2000;

/// The longest header of an element, in bytes: an identifier of four and a size of eight.
const HEADER_MOST: u64 = 12;

/// Element identifiers of RFC 8794 and RFC 9559.
mod id {
    pub(super) const DOC_TYPE: u32 = 0x4282;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const CLUSTER: u32 = 0x1f43_b675;
    pub(super) const SEEK_HEAD: u32 = 0x114d_9b74;
    pub(super) const SEEK: u32 = 0x4dbb;
    pub(super) const SEEK_ID: u32 = 0x53ab;
    pub(super) const SEEK_POSITION: u32 = 0x53ac;
    pub(super) const INFO: u32 = 0x1549_a966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
    pub(super) const DURATION: u32 = 0x4489;
    pub(super) const TRACKS: u32 = 0x1654_ae6b;
    pub(super) const TRACK_ENTRY: u32 = 0xae;
    pub(super) const TRACK_TYPE: u32 = 0x83;
    pub(super) const VIDEO: u32 = 0xe0;
    pub(super) const PIXEL_WIDTH: u32 = 0xb0;
    pub(super) const PIXEL_HEIGHT: u32 = 0xba;
    pub(super) const CROP_BOTTOM: u32 = 0x54aa;
    pub(super) const CROP_TOP: u32 = 0x54bb;
    pub(super) const CROP_LEFT: u32 = 0x54cc;
    pub(super) const CROP_RIGHT: u32 = 0x54dd;
    pub(super) const DISPLAY_WIDTH: u32 = 0x54b0;
    pub(super) const DISPLAY_HEIGHT: u32 = 0x54ba;
    pub(super) const DISPLAY_UNIT: u32 = 0x54b2;
    pub(super) const PROJECTION: u32 = 0x7670;
    pub(super) const POSE_ROLL: u32 = 0x7675;
}

pub(super) fn inspect(source: &mut Source<'_>, extension: &str) -> Step<Inspection> {
    let mut file = File::default();
    match file.read(source) {
        Ok(()) | Err(Stop::Spent) => {}
        Err(Stop::Io(error)) => return Err(Stop::Io(error)),
    }
    let webm = match file.doc_type.as_deref() {
        Some(b"webm") => true,
        Some(b"matroska") | None => false,
        Some(_) => return Ok(unsupported::UNKNOWN),
    };
    let media_type = match (webm, file.tracks) {
        (true, Some(Tracks::Video)) => MediaType::WebmVideo,
        (true, Some(Tracks::Audio)) => MediaType::WebmAudio,
        (true, Some(Tracks::Neither)) => return Ok(unsupported::UNKNOWN),
        // A file cut before its tracks goes by its name until the rest is there.
        (true, None) if extension == "weba" => MediaType::WebmAudio,
        (true, None) => MediaType::WebmVideo,
        (false, Some(Tracks::Video) | None) => MediaType::Matroska,
        (false, Some(Tracks::Audio)) => return Ok(unsupported::MATROSKA_AUDIO),
        (false, Some(Tracks::Neither)) => return Ok(unsupported::MATROSKA_SUBTITLES),
    };
    let mut facts = Facts::unknown(media_type);
    facts.set_size(file.size);
    facts.duration_ms = file.duration_ms();
    facts.completeness = file.completeness;
    Ok(Inspection::Media(facts))
}

/// An element: its identifier, where its data begin, and their length unless it is unknown.
struct Element {
    id: u32,
    at: u64,
    len: Option<u64>,
}

/// The element whose header is at `at`; none where there is no well-formed header.
fn element_at(source: &mut Source<'_>, at: u64) -> Step<Option<Element>> {
    let header = source.bytes(at, HEADER_MOST as usize)?;
    let parse = || {
        let id_len = header.first()?.leading_zeros() as usize + 1;
        let id = header.get(..id_len).filter(|_| id_len <= 4)?;
        let id = id.iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
        let size = header.get(id_len..)?;
        let size_len = size.first()?.leading_zeros() as usize + 1;
        let size = size.get(..size_len).filter(|_| size_len <= 8)?;
        let value = size.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        let mask = (1_u64 << (7 * size_len)) - 1;
        Some(Element {
            id,
            at: at + (id_len + size_len) as u64,
            // All value bits set: the size is not known.
            len: Some(value & mask).filter(|&len| len != mask),
        })
    };
    Ok(parse())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tracks {
    Video,
    Audio,
    Neither,
}

struct File {
    doc_type: Option<Vec<u8>>,
    tracks: Option<Tracks>,
    size: Option<(u32, u32)>,
    /// Nanoseconds in a tick of the segment's clock.
    timestamp_scale: u64,
    duration_ticks: Option<f64>,
    completeness: Completeness,
    /// Identifiers that the SeekHead names, and their offsets in the segment.
    sought: Vec<(u64, u64)>,
    elements_left: u32,
}

impl Default for File {
    fn default() -> File {
        File {
            doc_type: None,
            tracks: None,
            size: None,
            timestamp_scale: 1_000_000,
            duration_ticks: None,
            completeness: Completeness::CannotTell,
            sought: Vec::new(),
            elements_left: ELEMENT_LIMIT,
        }
    }
}

impl File {
    fn read(&mut self, source: &mut Source<'_>) -> Step<()> {
        let size = source.size();
        let incomplete = |reason| Completeness::Incomplete { reason };
        let cut = || incomplete("the file ends within its header".into());
        let Some((header, len)) = element_at(source, 0)?.and_then(with_len) else {
            if size < HEADER_MOST {
                self.completeness = cut();
            }
            return Ok(());
        };
        let header_end = header.at.saturating_add(len);
        for element in self.children(source, &header)? {
            if element.id == id::DOC_TYPE {
                let name = source.bytes(element.at, element.len.unwrap_or(0).min(16) as usize)?;
                // Strings may be padded with zeros.
                let end = name.iter().position(|&byte| byte == 0);
                self.doc_type = Some(name[..end.unwrap_or(name.len())].to_vec());
            }
        }
        let mut at = header_end;
        loop {
            if at >= size {
                self.completeness = cut();
                return Ok(());
            }
            let Some(element) = element_at(source, at)? else {
                if size - at < HEADER_MOST {
                    self.completeness = cut();
                }
                return Ok(());
            };
            if element.id == id::SEGMENT {
                return self.read_segment(source, &element);
            }
            // Only padding may stand between the header and the segment.
            match (element.len, self.elements_left.checked_sub(1)) {
                (Some(len), Some(left)) => {
                    at = element.at.saturating_add(len);
                    self.elements_left = left;
                }
                (_, _) => return Ok(()),
            }
        }
    }

    fn read_segment(&mut self, source: &mut Source<'_>, segment: &Element) -> Step<()> {
        let there = source.size().saturating_sub(segment.at);
        if let Some(len) = segment.len.filter(|&len| len > there) {
            let reason = shortfall("the segment", len, there);
            self.completeness = Completeness::Incomplete { reason };
        }
        let mut known = (false, false);
        let mut at = segment.at;
        let end = segment.len.map_or(source.size(), |len| segment.at.saturating_add(len));
        while at < end && self.elements_left > 0 && known != (true, true) {
            self.elements_left -= 1;
            let Some(element) = element_at(source, at)? else {
                break;
            };
            match element.id {
                id::SEEK_HEAD => self.read_seek_head(source, &element)?,
                id::INFO => {
                    self.read_info(source, &element)?;
                    known.0 = true;
                }
                id::TRACKS => {
                    self.read_tracks(source, &element)?;
                    known.1 = true;
                }
                // Behind the first cluster there are many more, and hardly ever a header.
                id::CLUSTER => break,
                _ => {}
            }
            let Some(len) = element.len else { break };
            at = element.at.saturating_add(len);
        }
        if segment.len == Some(there) && self.is_all_there(source, segment.at)? {
            self.completeness = Completeness::Complete;
        }
        Ok(())
    }

    fn read_seek_head(&mut self, source: &mut Source<'_>, head: &Element) -> Step<()> {
        for seek in self.children(source, head)? {
            let (mut id, mut position) = (None, None);
            for element in self.children(source, &seek)? {
                match element.id {
                    id::SEEK_ID => id = uint(source, &element)?,
                    id::SEEK_POSITION => position = uint(source, &element)?,
                    _ => {}
                }
            }
            if seek.id == id::SEEK {
                self.sought.extend(id.zip(position));
            }
        }
        Ok(())
    }

    /// Whether every element that the SeekHead of the segment at `segment` names is there.
    fn is_all_there(&self, source: &mut Source<'_>, segment: u64) -> Step<bool> {
        for &(id, position) in &self.sought {
            let Some(element) = element_at(source, segment.saturating_add(position))? else {
                return Ok(false);
            };
            let end = element.at.saturating_add(element.len.unwrap_or(0));
            if u64::from(element.id) != id || end > source.size() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read_info(&mut self, source: &mut Source<'_>, info: &Element) -> Step<()> {
        for element in self.children(source, info)? {
            match element.id {
                id::TIMESTAMP_SCALE => {
                    self.timestamp_scale = uint(source, &element)?.unwrap_or(1_000_000);
                }
                id::DURATION => self.duration_ticks = float(source, &element)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_tracks(&mut self, source: &mut Source<'_>, tracks: &Element) -> Step<()> {
        let end = tracks.len.map(|len| tracks.at.saturating_add(len));
        if end.is_none_or(|end| end > source.size()) {
            return Ok(());
        }
        let mut found = Tracks::Neither;
        for entry in self.children(source, tracks)? {
            if entry.id != id::TRACK_ENTRY {
                continue;
            }
            let (mut kind, mut size) = (None, None);
            for element in self.children(source, &entry)? {
                match element.id {
                    id::TRACK_TYPE => kind = uint(source, &element)?,
                    id::VIDEO => size = self.read_video(source, &element)?,
                    _ => {}
                }
            }
            match kind {
                Some(1) => {
                    self.size = self.size.or(size);
                    found = Tracks::Video;
                }
                Some(2) if found == Tracks::Neither => found = Tracks::Audio,
                Some(_) | None => {}
            }
        }
        self.tracks = Some(found);
        Ok(())
    }

    /// The size at which a video track is displayed.
    fn read_video(&mut self, source: &mut Source<'_>, video: &Element) -> Step<Option<(u32, u32)>> {
        let (mut width, mut height) = (0_u64, 0_u64);
        let (mut crop_width, mut crop_height) = (0_u64, 0_u64);
        let (mut display_width, mut display_height, mut display_unit) = (0, 0, 0);
        let mut turned = false;
        for element in self.children(source, video)? {
            if element.id == id::PROJECTION {
                turned = self.is_turned(source, &element)?;
                continue;
            }
            let Some(value) = uint(source, &element)? else {
                continue;
            };
            match element.id {
                id::PIXEL_WIDTH => width = value,
                id::PIXEL_HEIGHT => height = value,
                id::CROP_LEFT | id::CROP_RIGHT => crop_width = value.saturating_add(crop_width),
                id::CROP_TOP | id::CROP_BOTTOM => crop_height = value.saturating_add(crop_height),
                id::DISPLAY_WIDTH => display_width = value,
                id::DISPLAY_HEIGHT => display_height = value,
                id::DISPLAY_UNIT => display_unit = value,
                _ => {}
            }
        }
        // Only unit 0 is pixels; the others are centimetres, inches and ratios.
        let (width, height) = if display_unit == 0 && display_width > 0 && display_height > 0 {
            (display_width, display_height)
        } else {
            (width.saturating_sub(crop_width), height.saturating_sub(crop_height))
        };
        let size = u32::try_from(width).ok().zip(u32::try_from(height).ok());
        Ok(size.map(|(width, height)| if turned { (height, width) } else { (width, height) }))
    }

    /// Whether the projection is rolled by a quarter turn, the way Matroska stores a rotation.
    fn is_turned(&mut self, source: &mut Source<'_>, projection: &Element) -> Step<bool> {
        for element in self.children(source, projection)? {
            if element.id == id::POSE_ROLL {
                let roll = float(source, &element)?;
                return Ok(roll.is_some_and(|roll| roll.abs() == 90.0));
            }
        }
        Ok(false)
    }

    /// The elements directly in `parent`, as far as they lie in the file.
    fn children(&mut self, source: &mut Source<'_>, parent: &Element) -> Step<Vec<Element>> {
        let mut found = Vec::new();
        let end = parent.at.saturating_add(parent.len.unwrap_or(0)).min(source.size());
        let mut at = parent.at;
        while at < end && self.elements_left > 0 {
            self.elements_left -= 1;
            let Some((element, len)) = element_at(source, at)?.and_then(with_len) else {
                break;
            };
            at = element.at.saturating_add(len);
            found.push(element);
        }
        Ok(found)
    }

    fn duration_ms(&self) -> Option<u64> {
        let ms = self.duration_ticks? * self.timestamp_scale as f64 / 1e6;
        // A hundred years bound what a float can claim.
        (1.0..3.2e12).contains(&ms).then_some(ms.round() as u64)
    }
}

fn with_len(element: Element) -> Option<(Element, u64)> {
    let len = element.len?;
    Some((element, len))
}

fn uint(source: &mut Source<'_>, element: &Element) -> Step<Option<u64>> {
    let Some(len @ 1..=8) = element.len else {
        return Ok(None);
    };
    let bytes = source.bytes(element.at, len as usize)?;
    let value = bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
    Ok((bytes.len() as u64 == len).then_some(value))
}

fn float(source: &mut Source<'_>, element: &Element) -> Step<Option<f64>> {
    let bytes = source.bytes(element.at, 8)?;
    Ok(match element.len {
        Some(4) => be32(bytes, 0).map(|bits| f64::from(f32::from_bits(bits))),
        Some(8) => be64(bytes, 0).map(f64::from_bits),
        Some(_) | None => None,
    })
}
