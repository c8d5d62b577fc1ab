//! A walk over an MP4 film that stands behind a picture, as phones keep motion photos.
//!
//! Owns:
//! - only what begins like a film is one: whatever else is appended proves nothing;
//! - whole means that the outermost boxes end with the file, the index (moov) and the data (mdat)
//!   among them.

use super::Completeness;
use super::walk::{self, ZEROS};

/// Follows the outermost boxes of a film.
#[derive(Debug, Default)]
pub(super) struct FilmWalk {
    skip: u64,
    header: [u8; 16],
    filled: usize,
    state: State,
    moov: bool,
    mdat: bool,
    fragments: bool,
    /// The box that is skipped is one of those two.
    part: bool,
    /// How many zeros the film ends with so far.
    zeros: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// The first box, which names the kind of film, is to come.
    #[default]
    Start,
    Boxes,
    /// Something else, or a box to wherever the file ends.
    Other,
}

impl FilmWalk {
    pub(super) fn feed(&mut self, mut chunk: &[u8]) {
        let zeros = chunk.iter().rev().take_while(|&&byte| byte == 0).count();
        self.zeros = if zeros == chunk.len() { self.zeros.saturating_add(zeros) } else { zeros };
        loop {
            chunk = walk::skip(chunk, &mut self.skip);
            let Some((&byte, rest)) = chunk.split_first() else {
                return;
            };
            if self.state == State::Other {
                return;
            }
            chunk = rest;
            self.header[self.filled] = byte;
            self.filled += 1;
            self.enter_box();
        }
    }

    /// Enters the box whose header has been collected, if it has.
    fn enter_box(&mut self) {
        let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = self.header;
        let (header_len, len) = match u32::from_be_bytes([a, b, c, d]) {
            _ if self.filled < 8 => return,
            1 if self.filled < 16 => return,
            1 => (16, (u128::from_be_bytes(self.header) & u128::from(u64::MAX)) as u64),
            len => (8, u64::from(len)),
        };
        self.filled = 0;
        let named = kind.iter().all(|byte| matches!(byte, b' '..=b'~' | 0xa9));
        if len < header_len || !named || self.state == State::Start && &kind != b"ftyp" {
            self.state = State::Other;
            return;
        }
        self.state = State::Boxes;
        self.moov |= &kind == b"moov";
        self.mdat |= &kind == b"mdat";
        self.part = matches!(&kind, b"moov" | b"mdat");
        self.fragments |= &kind == b"moof";
        self.skip = len - header_len;
    }

    pub(super) fn finish(&self) -> Completeness {
        // Junk behind a whole film is no part of it.
        let cut = !self.moov || !self.mdat || self.skip > 0 && self.part;
        let exact = self.skip == 0 && self.filled == 0 && self.zeros < ZEROS;
        match self.state {
            State::Start | State::Other => Completeness::CannotTell,
            State::Boxes if cut => {
                Completeness::Incomplete { reason: "the film behind the picture is cut".into() }
            }
            State::Boxes if self.fragments || !exact => Completeness::CannotTell,
            State::Boxes => Completeness::Complete,
        }
    }
}
