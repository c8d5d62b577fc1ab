//! Flash video (Adobe Flash Video File Format Specification 10.1, annex E).
//!
//! Owns:
//! - a file is unsupported as sound only if its header and its first tags agree that there is no
//!   video: many writers set the flags of the header without knowing;
//! - whole means that `onMetaData` names the size the file has and that its last tag is closed.

use super::source::{Source, Step, Stop, be16, be32, be64};
use super::{Completeness, Facts, Inspection, unsupported};
use crate::planner::MediaType;

/// How many tags are looked at for video.
const TAG_LIMIT: usize = 64;

/// How much of `onMetaData` is looked at, in bytes; an index of key frames at its end may be long.
const METADATA: usize = 16 * 1024;

const VIDEO: u8 = 9;
const SCRIPT: u8 = 18;

pub(super) fn inspect(source: &mut Source<'_>) -> Step<Inspection> {
    let mut facts = Facts::unknown(MediaType::Flv);
    match read(source, &mut facts) {
        Ok(true) | Err(Stop::Spent) => Ok(Inspection::Media(facts)),
        Ok(false) => Ok(unsupported::FLV_AUDIO),
        Err(Stop::Io(error)) => Err(Stop::Io(error)),
    }
}

/// False if the file is sound alone.
fn read(source: &mut Source<'_>, facts: &mut Facts) -> Step<bool> {
    let header = source.bytes(0, 9)?;
    let (Some(flags), Some(start)) = (header.get(4).copied(), be32(header, 5)) else {
        return Ok(true);
    };
    // The size of the tag before, zero for the first, stands before each tag.
    let mut at = u64::from(start) + 4;
    let mut video = flags & 1 == 1;
    let mut tags = 0;
    while tags < TAG_LIMIT {
        let Some([kind, a, b, c]) = source.array(at)? else {
            break;
        };
        let len = u32::from_be_bytes([0, a, b, c]);
        if kind & 0x1f == SCRIPT && tags == 0 {
            let body = source.bytes(at + 11, METADATA.min(len as usize))?.to_vec();
            read_metadata(source, &body, facts)?;
        }
        video |= kind & 0x1f == VIDEO;
        if video && tags > 0 {
            break;
        }
        tags += 1;
        at += 11 + u64::from(len) + 4;
    }
    Ok(video || tags < 2)
}

/// Takes the numbers out of the `onMetaData` object, which is AMF0.
fn read_metadata(source: &mut Source<'_>, body: &[u8], facts: &mut Facts) -> Step<()> {
    const NAME: &[u8] = b"\x02\x00\x0aonMetaData";
    let Some(object) = body.strip_prefix(NAME) else {
        return Ok(());
    };
    // An ECMA array has a count of four bytes that an object lacks.
    let mut at = match object.first() {
        Some(8) => 5,
        Some(3) => 1,
        Some(_) | None => return Ok(()),
    };
    let (mut width, mut height) = (None, None);
    while let Some((name, value)) = property(object, &mut at) {
        match (name, value) {
            (b"width", Some(value)) => width = whole_number(value),
            (b"height", Some(value)) => height = whole_number(value),
            (b"duration", Some(seconds)) if seconds > 0.0 && seconds < 1e7 => {
                facts.duration_ms = Some((seconds * 1000.0).round() as u64).filter(|ms| *ms > 0);
            }
            (b"filesize", Some(value)) if value == source.size() as f64 => {
                if last_tag_is_closed(source)? {
                    facts.completeness = Completeness::Complete;
                }
            }
            (_, _) => {}
        }
    }
    facts.set_size(width.zip(height));
    Ok(())
}

/// The next property of an object: its name and, if that is a number, its value. None at the end
/// and where a value nests.
fn property<'a>(object: &'a [u8], at: &mut usize) -> Option<(&'a [u8], Option<f64>)> {
    let name_len = usize::from(be16(object, *at)?);
    let name = object.get(*at + 2..*at + 2 + name_len)?;
    *at += 2 + name_len;
    let kind = *object.get(*at)?;
    *at += 1;
    let value = *at;
    *at += match kind {
        0 => 8,
        1 => 1,
        2 => 2 + usize::from(be16(object, value)?),
        // A date: milliseconds and a time zone.
        11 => 10,
        _ => return None,
    };
    let number = be64(object, value).filter(|_| kind == 0).map(f64::from_bits);
    Some((name, number))
}

fn whole_number(value: f64) -> Option<u32> {
    (value >= 1.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0).then_some(value as u32)
}

/// Whether the file ends with the size of its last tag.
fn last_tag_is_closed(source: &mut Source<'_>) -> Step<bool> {
    let size = source.size();
    let Some(tail) = size.checked_sub(4) else {
        return Ok(false);
    };
    let len = source.array(tail)?.map_or(0, u32::from_be_bytes);
    let Some(tag) = tail.checked_sub(u64::from(len)) else {
        return Ok(false);
    };
    let header = source.array(tag)?;
    Ok(header.is_some_and(|[kind, a, b, c]| {
        matches!(kind & 0x1f, 8 | VIDEO | SCRIPT) && u32::from_be_bytes([0, a, b, c]) + 11 == len
    }))
}
