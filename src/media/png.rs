//! PNG pictures (W3C Portable Network Graphics specification, third edition).
//!
//! Owns:
//! - whole means that the chunks lead to IEND, and that the file ends with it: a picture in a
//!   chunk of another one has its IEND too.

use super::source::{Source, Step, be32};
use super::walk::{self, WHOLE};
use super::{Completeness, Facts, Inspection};
use crate::planner::MediaType;

pub(super) const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// The checksum of the IEND chunk: it has no data, so it is always the same.
const END_CHECKSUM: &[u8; 4] = b"\xae\x42\x60\x82";

pub(super) fn inspect(source: &mut Source<'_>) -> Step<Inspection> {
    let mut facts = Facts::unknown(MediaType::Png);
    // IHDR is always the first chunk: length, type, width, height.
    let header = source.bytes(SIGNATURE.len() as u64, 16)?;
    if header.get(4..8) == Some(b"IHDR") {
        facts.set_size(be32(header, 8).zip(be32(header, 12)));
    }
    if source.size() <= WHOLE {
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
    /// Of the checksum of IEND, so many bytes are there.
    End(usize),
    /// Zeros stand where a chunk should begin: nobody has written there yet.
    Unwritten,
    Malformed,
    /// Something stands behind IEND.
    Appended,
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
            let Some((&first, rest)) = chunk.split_first() else {
                return;
            };
            match self.state {
                State::Chunks => {}
                State::End(there) => {
                    self.state = match END_CHECKSUM.get(there) {
                        Some(&byte) if byte == first => State::End(there + 1),
                        Some(_) => State::Malformed,
                        None => State::Appended,
                    };
                    chunk = rest;
                    continue;
                }
                State::Unwritten | State::Malformed | State::Appended => return,
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
        if self.header == [0; 8] {
            self.state = State::Unwritten;
            return;
        }
        let [a, b, c, d, kind @ ..] = self.header;
        let len = u32::from_be_bytes([a, b, c, d]);
        // The specification keeps lengths below 2^31 and types to letters.
        if len > i32::MAX as u32 || !kind.iter().all(u8::is_ascii_alphabetic) {
            self.state = State::Malformed;
            return;
        }
        match (&kind, len) {
            (b"IEND", 0) => self.state = State::End(0),
            (b"IEND", 1..) => self.state = State::Malformed,
            ([..], _) => self.skip = u64::from(len) + 4,
        }
    }

    pub(super) fn finish(&self) -> Completeness {
        match self.state {
            State::Malformed | State::Appended => Completeness::CannotTell,
            State::End(there) if there == END_CHECKSUM.len() => Completeness::Complete,
            State::End(_) | State::Unwritten | State::Chunks => Completeness::Incomplete {
                reason: "the picture ends before its last chunk (IEND)".into(),
            },
        }
    }
}
