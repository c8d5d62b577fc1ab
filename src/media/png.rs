//! PNG pictures (W3C Portable Network Graphics specification, third edition).
//!
//! Owns:
//! - whole means that the IEND chunk is there to its last byte.

use super::source::{Source, Step, be32};
use super::walk::{self, WHOLE};
use super::{Completeness, Facts, Inspection};
use crate::planner::MediaType;

pub(super) const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// The IEND chunk with its length and checksum: it is always the same twelve bytes.
const END: &[u8; 12] = b"\0\0\0\0IEND\xae\x42\x60\x82";

pub(super) fn inspect(source: &mut Source<'_>) -> Step<Inspection> {
    let mut facts = Facts::unknown(MediaType::Png);
    // IHDR is always the first chunk: length, type, width, height.
    let header = source.bytes(SIGNATURE.len() as u64, 16)?;
    if header.get(4..8) == Some(b"IHDR") {
        facts.set_size(be32(header, 8).zip(be32(header, 12)));
    }
    let size = source.size();
    let tail = size.saturating_sub(END.len() as u64);
    if source.bytes(tail, END.len())? == END {
        facts.completeness = Completeness::Complete;
    } else if size <= WHOLE {
        facts.completeness = walk::whole(source, MediaType::Png)?;
    }
    Ok(Inspection::Media(facts))
}

/// Follows the chunks of a PNG file to IEND.
#[derive(Debug)]
pub(super) struct PngWalk {
    skip: u64,
    /// Length and type of the chunk whose header is being collected.
    header: [u8; 8],
    filled: usize,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Chunks,
    /// Only the checksum of IEND is still to come.
    End,
    Malformed,
}

impl Default for PngWalk {
    fn default() -> PngWalk {
        PngWalk { skip: SIGNATURE.len() as u64, header: [0; 8], filled: 0, state: State::Chunks }
    }
}

impl PngWalk {
    pub(super) fn feed(&mut self, mut chunk: &[u8]) {
        loop {
            chunk = walk::skip(chunk, &mut self.skip);
            if chunk.is_empty() || self.state != State::Chunks {
                return;
            }
            let taken = chunk.len().min(self.header.len() - self.filled);
            self.header[self.filled..self.filled + taken].copy_from_slice(&chunk[..taken]);
            self.filled += taken;
            chunk = &chunk[taken..];
            if self.filled == self.header.len() {
                self.filled = 0;
                self.enter_chunk();
            }
        }
    }

    fn enter_chunk(&mut self) {
        let [a, b, c, d, kind @ ..] = self.header;
        let len = u32::from_be_bytes([a, b, c, d]);
        // The specification keeps lengths below 2^31 and types to letters.
        if len > i32::MAX as u32 || !kind.iter().all(u8::is_ascii_alphabetic) {
            self.state = State::Malformed;
            return;
        }
        self.skip = u64::from(len) + 4;
        if &kind == b"IEND" {
            self.state = State::End;
        }
    }

    pub(super) fn finish(&self) -> Completeness {
        match self.state {
            State::Malformed => Completeness::CannotTell,
            State::End if self.skip == 0 => Completeness::Complete,
            State::End | State::Chunks => Completeness::Incomplete {
                reason: "the picture ends before its last chunk (IEND)".into(),
            },
        }
    }
}
