//! MPEG transport streams (ISO/IEC 13818-1), with packets of 188 bytes; or of 192, as on Blu-ray
//! discs and in camcorders, with a time in front of each; or of 204, as DVB receivers and
//! modulators keep them, with 16 bytes of parity behind each.
//!
//! Owns:
//! - a sync byte is a letter G in a text: several packets with valid headers must follow each
//!   other;
//! - a stream may end anywhere: whether it is whole cannot be told, and a recording that a tuner
//!   stopped within a packet is as good as another.

use super::{Facts, Inspection};
use crate::planner::MediaType;

const SYNC: u8 = 0x47;

/// How many packets must follow each other, unless the file ends before; at least two.
const PACKETS: usize = 5;

/// None if the first bytes of the file are no transport stream.
pub(super) fn inspect(head: &[u8]) -> Option<Inspection> {
    // A stream may have been cut anywhere, so the first packet begins within its length.
    let found = [188, 192, 204].into_iter().any(|packet_len| {
        (0..packet_len.min(head.len())).any(|start| packets_at(head, start, packet_len))
    });
    found.then(|| Inspection::Media(Facts::unknown(MediaType::Mp2t)))
}

fn packets_at(head: &[u8], start: usize, packet_len: usize) -> bool {
    let mut packets = 0;
    for packet in head[start..].chunks(packet_len).take(PACKETS) {
        let Some(&[sync, flags, _, control]) = packet.first_chunk::<4>() else {
            break;
        };
        // The transport error flag is not set, and there is an adaptation field or a payload.
        if sync != SYNC || flags & 0x80 != 0 || control & 0x30 == 0 {
            return false;
        }
        packets += 1;
    }
    // Two packets are little evidence, so they must begin the file.
    packets == PACKETS || packets >= 2 && start == head_start(packet_len)
}

/// Where the first sync byte lies in a stream that was not cut at its beginning.
fn head_start(packet_len: usize) -> usize {
    if packet_len == 192 { 4 } else { 0 }
}
