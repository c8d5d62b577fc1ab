//! GIF pictures (CompuServe GIF89a specification).
//!
//! Owns:
//! - whole means that the trailer is found where a block may begin, and that the file ends with
//!   it; the last byte of the file alone proves nothing, since any byte occurs in picture data;
//! - not whole means that a block is cut: a file that ends between blocks may lack pictures of an
//!   animation, or only its trailer.

use super::source::{Source, Step, le16};
use super::walk::{self, WHOLE};
use super::{Completeness, Facts, Inspection};
use crate::planner::MediaType;

pub(super) fn inspect(source: &mut Source<'_>) -> Step<Inspection> {
    let mut facts = Facts::unknown(MediaType::Gif);
    let header = source.bytes(0, 10)?;
    facts.set_size(le16(header, 6).map(u32::from).zip(le16(header, 8).map(u32::from)));
    if source.size() <= WHOLE {
        facts.completeness = walk::whole(source, MediaType::Gif)?;
    }
    Ok(Inspection::Media(facts))
}

/// Follows the blocks of a GIF file to its trailer.
#[derive(Debug)]
pub(super) struct GifWalk {
    skip: u64,
    next: Next,
    /// A picture has begun.
    picture: bool,
}

/// What the next byte that is not skipped means.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The flags of the logical screen: is there a colour table?
    ScreenFlags,
    /// The introducer of a block.
    Block,
    ExtensionLabel,
    /// The flags of a picture: is there a local colour table?
    ImageFlags,
    CodeSize,
    /// The length of a sub-block; zero ends the data.
    SubBlock,
    Done,
    /// Something stands behind the trailer.
    Appended,
    Malformed,
}

impl Default for GifWalk {
    fn default() -> GifWalk {
        GifWalk {
            // Signature, width and height of the screen.
            skip: 10,
            next: Next::ScreenFlags,
            picture: false,
        }
    }
}

impl GifWalk {
    pub(super) fn feed(&mut self, mut chunk: &[u8]) {
        loop {
            chunk = walk::skip(chunk, &mut self.skip);
            let Some((&byte, rest)) = chunk.split_first() else {
                return;
            };
            chunk = rest;
            self.picture |= self.next == Next::ImageFlags;
            (self.skip, self.next) = match self.next {
                // Background colour and aspect ratio stand between the flags and the table.
                Next::ScreenFlags => (2 + colour_table(byte), Next::Block),
                Next::Block => match byte {
                    0x2c => (8, Next::ImageFlags),
                    0x21 => (0, Next::ExtensionLabel),
                    0x3b => (0, Next::Done),
                    // Some writers end a block twice; every reader forgives it.
                    0x00 => (0, Next::Block),
                    0x01..=0x20 | 0x22..=0x2b | 0x2d..=0x3a | 0x3c..=0xff => (0, Next::Malformed),
                },
                Next::ExtensionLabel => (0, Next::SubBlock),
                Next::ImageFlags => (colour_table(byte), Next::CodeSize),
                Next::CodeSize => (0, Next::SubBlock),
                Next::SubBlock if byte == 0 => (0, Next::Block),
                Next::SubBlock => (u64::from(byte), Next::SubBlock),
                Next::Done | Next::Appended => (0, Next::Appended),
                Next::Malformed => return,
            };
        }
    }

    pub(super) fn finish(&self) -> Completeness {
        match self.next {
            Next::Done => Completeness::Complete,
            Next::Appended | Next::Malformed => Completeness::CannotTell,
            // Some writers forget the trailer, and every reader forgives it.
            Next::Block if self.picture => Completeness::CannotTell,
            Next::ScreenFlags
            | Next::Block
            | Next::ExtensionLabel
            | Next::ImageFlags
            | Next::CodeSize
            | Next::SubBlock => {
                Completeness::Incomplete { reason: "the picture ends before its trailer".into() }
            }
        }
    }
}

/// The bytes of the colour table that these flags announce.
fn colour_table(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}
