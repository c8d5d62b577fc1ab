//! The end of a file that may have been set aside and not written yet.
//!
//! Owns:
//! - it is evidence for where nobody can prove that no one writes, not proof: a file may rightly
//!   end with zeros;
//! - the position of the file is where it was; at most [`ZEROS_MOST`] bytes are read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::human;
use crate::planner::MediaType;

/// How many zeros at the end are taken for a sign, in bytes: a block of most file systems. A file
/// that is shorter must be zeros in whole.
const ZEROS_LEAST: u64 = 4096;

/// How far zeros are followed from the end, in bytes, to say how many they are.
const ZEROS_MOST: u64 = 1024 * 1024;

/// Why the end of a file of `size` bytes looks unwritten, for a person: "the last 1.2 MB are a
/// hole", "the last 64 kB are zeros". None if it does not, and if the file has another size by now.
///
/// A hole counts in every file; file systems that know no holes have none. Zeros do not count in
/// WAV, where they are silence.
///
/// # Errors
///
/// Those of the file system.
pub fn unwritten_tail(file: &File, size: u64, media_type: MediaType) -> io::Result<Option<String>> {
    if size == 0 || file.metadata()?.len() != size {
        return Ok(None);
    }
    if let Some(start) = hole::trailing(file, size)? {
        return Ok(Some(match size - start {
            all if all == size => "the whole file is a hole".into(),
            len => format!("the last {} are a hole", human(len)),
        }));
    }
    if media_type == MediaType::Wav {
        return Ok(None);
    }
    let zeros = trailing_zeros(file, size)?;
    Ok((zeros >= ZEROS_LEAST.min(size)).then(|| match zeros {
        all if all == size => "the whole file is zeros".into(),
        most if most >= ZEROS_MOST => format!("at least the last {} are zeros", human(most)),
        len => format!("the last {} are zeros", human(len)),
    }))
}

/// How many zeros the file ends with, counted up to [`ZEROS_MOST`].
fn trailing_zeros(file: &File, size: u64) -> io::Result<u64> {
    let mut block = vec![0; ZEROS_LEAST as usize];
    let mut zeros = 0;
    while zeros < size.min(ZEROS_MOST) {
        let end = size - zeros;
        let start = end.saturating_sub(ZEROS_LEAST);
        let block = &mut block[..(end - start) as usize];
        match file.read_exact_at(block, start) {
            Ok(()) => {}
            // It shrinks: whoever looks at it again will notice.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            Err(error) => return Err(error),
        }
        let found = block.iter().rev().take_while(|&&byte| byte == 0).count();
        zeros += found as u64;
        if found < block.len() {
            break;
        }
    }
    Ok(zeros)
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd"
))]
mod hole {
    use std::fs::File;
    use std::io;

    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    /// Where the hole begins that the file ends with, if it ends with one.
    pub(super) fn trailing(file: &File, size: u64) -> io::Result<Option<u64>> {
        let position = seek(file, SeekFrom::Current(0))?;
        let found = search(file, size);
        seek(file, SeekFrom::Start(position))?;
        found
    }

    fn search(file: &File, size: u64) -> io::Result<Option<u64>> {
        if !is_hole_to_the_end(file, size - 1)? {
            return Ok(None);
        }
        // From the start of the hole on, and nowhere before, no data follow.
        let (mut data, mut hole) = (0, size - 1);
        while data < hole {
            let middle = data + (hole - data) / 2;
            if is_hole_to_the_end(file, middle)? {
                hole = middle;
            } else {
                data = middle + 1;
            }
        }
        Ok(Some(hole))
    }

    fn is_hole_to_the_end(file: &File, at: u64) -> io::Result<bool> {
        match seek(file, SeekFrom::Data(at)) {
            Ok(_) => Ok(false),
            Err(Errno::NXIO) => Ok(true),
            // The file system knows no holes.
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS | Errno::NOTTY) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd"
)))]
mod hole {
    /// A system that does not tell of holes has none.
    pub(super) fn trailing(_: &std::fs::File, _: u64) -> std::io::Result<Option<u64>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    /// A file of these bytes, then a hole up to `size`.
    fn file(bytes: &[u8], size: u64) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(size).unwrap();
        file.seek(SeekFrom::Start(3)).unwrap();
        file
    }

    fn reason(bytes: &[u8], size: u64, media_type: MediaType) -> Option<String> {
        let mut file = file(bytes, size);
        let reason = unwritten_tail(&file, size, media_type).unwrap();
        assert_eq!(file.stream_position().unwrap(), 3);
        reason
    }

    fn with_zeros(data: usize, zeros: usize) -> Vec<u8> {
        [vec![7; data], vec![0; zeros]].concat()
    }

    #[test]
    fn zeros_at_the_end_are_told_except_where_they_are_silence() {
        for (data, zeros, words) in [
            (10_000, 4095, None),
            (10_000, 4096, Some("the last 4.1 kB are zeros")),
            (10_000, 64_000, Some("the last 64 kB are zeros")),
            (10, 2_000_000, Some("at least the last 1.0 MB are zeros")),
            (0, 100, Some("the whole file is zeros")),
            (0, 5000, Some("the whole file is zeros")),
            (1, 4000, None),
            (10, 0, None),
        ] {
            let bytes = with_zeros(data, zeros);
            let size = bytes.len() as u64;
            assert_eq!(reason(&bytes, size, MediaType::Mp4).as_deref(), words, "{data} {zeros}");
            assert_eq!(reason(&bytes, size, MediaType::Wav), None, "{data} {zeros}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_hole_at_the_end_is_told_in_any_file_and_one_before_data_is_not() {
        let media = with_zeros(64 * 1024, 0);
        for media_type in [MediaType::Wav, MediaType::Mp4] {
            let words = reason(&media, 64 * 1024 + 1_200_000, media_type);
            assert_eq!(words.as_deref(), Some("the last 1.2 MB are a hole"));
            let words = reason(b"", 1_000_000, media_type);
            assert_eq!(words.as_deref(), Some("the whole file is a hole"));
        }
        let mut islands = file(&media, 10_000_000);
        for at in [1_000_000, 5_000_000] {
            islands.seek(SeekFrom::Start(at)).unwrap();
            islands.write_all(&media).unwrap();
        }
        let words = unwritten_tail(&islands, 10_000_000, MediaType::Wav).unwrap();
        assert_eq!(words.as_deref(), Some("the last 4.9 MB are a hole"));
        islands.seek(SeekFrom::Start(9_999_000)).unwrap();
        islands.write_all(&[7; 1000]).unwrap();
        assert_eq!(unwritten_tail(&islands, 10_000_000, MediaType::Mp4).unwrap(), None);
    }

    #[test]
    fn a_file_of_another_size_is_not_judged() {
        let file = file(&with_zeros(10, 5000), 5010);
        assert_eq!(unwritten_tail(&file, 5011, MediaType::Mp4).unwrap(), None);
        assert_eq!(unwritten_tail(&file, 0, MediaType::Mp4).unwrap(), None);
    }
}
