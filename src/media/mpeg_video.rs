//! MPEG program streams and bare MPEG-1 and MPEG-2 video (ISO/IEC 11172, ISO/IEC 13818).
//!
//! Owns:
//! - neither says how long it is: whether it is whole cannot be told;
//! - the size is that of the first sequence header, looked for in video packets only.

use super::source::{Source, Step, Stop, be16, be32};
use super::{Facts, Inspection};
use crate::planner::MediaType;

/// How many zero bytes may stand before the first start code (ISO/IEC 13818-2, section 5.2.3
/// allows any number; encoders write none to a few).
const LEADING_ZEROS: usize = 16;

/// How far the packets of a program stream are searched for a sequence header, in packets: it is
/// in the first one of video.
const PACKET_LIMIT: usize = 64;

const SEQUENCE_HEADER: [u8; 4] = [0, 0, 1, 0xb3];

/// Where the first start code lies, if it is one that begins a file of this family.
pub(super) fn start(head: &[u8]) -> Option<u64> {
    let zeros = head.iter().take_while(|&&byte| byte == 0).count();
    let at = zeros.checked_sub(2)?;
    let code = head.get(at..at + 4)?;
    let known = code[2] == 1 && matches!(code[3], 0xb3 | 0xba);
    (known && at <= LEADING_ZEROS).then_some(at as u64)
}

pub(super) fn inspect(source: &mut Source<'_>, at: u64) -> Step<Inspection> {
    let mut facts = Facts::unknown(MediaType::Mpeg);
    let size = if source.bytes(at, 4)? == SEQUENCE_HEADER {
        sequence_size(source.bytes(at, 32)?)
    } else {
        match program_stream_size(source, at) {
            Ok(size) => size,
            Err(Stop::Spent) => None,
            Err(Stop::Io(error)) => return Err(Stop::Io(error)),
        }
    };
    facts.set_size(size);
    Ok(Inspection::Media(facts))
}

/// The size in the first sequence header of a program stream.
fn program_stream_size(source: &mut Source<'_>, mut at: u64) -> Step<Option<(u32, u32)>> {
    for _ in 0..PACKET_LIMIT {
        let header = source.bytes(at, 14)?;
        let Some(&[0, 0, 1, code]) = header.first_chunk::<4>() else {
            break;
        };
        if code == 0xba {
            // The MPEG-2 pack header begins with the bits 01 and says how much stuffing follows.
            at += match (header.get(4), header.get(13)) {
                (Some(first), Some(last)) if first >> 6 == 1 => 14 + u64::from(last & 7),
                (_, _) => 12,
            };
            continue;
        }
        let Some(len) = be16(header, 4) else { break };
        if matches!(code, 0xe0..=0xef) {
            let packet = source.bytes(at + 6, usize::from(len))?;
            let found = packet.windows(4).position(|code| code == SEQUENCE_HEADER);
            if let Some(found) = found {
                return Ok(sequence_size(&packet[found..]));
            }
        }
        at += 6 + u64::from(len);
    }
    Ok(None)
}

/// The size in the sequence header that begins `bytes`, and in the extension that follows it in
/// MPEG-2 with two more bits for each side.
fn sequence_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let sides = be32(bytes, 4)?;
    let (mut width, mut height) = (sides >> 20, sides >> 8 & 0xfff);
    let mut at = 12;
    // The flags that announce quantiser matrices of 64 bytes, which hide the extension.
    let matrices = bytes.get(11).is_some_and(|flags| flags & 3 != 0);
    if !matrices {
        while bytes.get(at..at + 3) == Some(&[0, 0, 0]) {
            at += 1;
        }
        if let Some([0, 0, 1, 0xb5, rest @ ..]) = bytes.get(at..at + 10)
            && rest[0] >> 4 == 1
        {
            let extension = be32(rest, 0)?;
            width |= (extension >> 15 & 3) << 12;
            height |= (extension >> 13 & 3) << 12;
        }
    }
    Some((width, height))
}
