//! Files held open by others of this process.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use super::*;

fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cat.png");
    fs::write(&path, "meow").unwrap();
    (directory, path)
}

#[test]
fn a_file_is_free_exactly_while_nobody_has_it_open_for_writing() {
    let (_directory, path) = file();
    let read = File::open(&path).unwrap();
    let other = File::open(&path).unwrap();
    assert_eq!(writers(&read), Writers::Nobody);
    let one = OpenOptions::new().append(true).open(&path).unwrap();
    let mut two = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    assert_eq!(writers(&read), Writers::Somebody);
    drop(one);
    two.write_all(b"purr").unwrap();
    assert_eq!(writers(&read), Writers::Somebody);
    drop(two);
    assert_eq!(writers(&read), Writers::Nobody);
    drop(other);
}

#[test]
#[allow(unsafe_code)]
fn a_file_that_is_mapped_for_writing_is_not_free_though_it_is_closed() {
    use std::os::fd::AsRawFd as _;
    let (_directory, path) = file();
    let read = File::open(&path).unwrap();
    let write = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: a new mapping where the kernel likes; nobody else knows its address.
    let map = unsafe { libc::mmap(std::ptr::null_mut(), 4, rights, kind, write.as_raw_fd(), 0) };
    assert_ne!(map, libc::MAP_FAILED);
    drop(write);
    assert_eq!(writers(&read), Writers::Somebody);
    // SAFETY: the mapping made above, not used any more.
    assert_eq!(unsafe { libc::munmap(map, 4) }, 0);
    assert_eq!(writers(&read), Writers::Nobody);
}

#[test]
fn whoever_opens_the_file_meanwhile_does_not_end_this_process() {
    let (_directory, path) = file();
    let read = File::open(&path).unwrap();
    let lease = imp::lease(&read).unwrap();
    // Without waiting for the lease to be given back; the holder is signalled all the same.
    let opened = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&path);
    assert_eq!(opened.expect_err("the lease").kind(), io::ErrorKind::WouldBlock);
    drop(lease);
    OpenOptions::new().write(true).open(&path).unwrap();
}

#[test]
fn what_cannot_be_asked_is_not_called_free() {
    let directory = tempfile::tempdir().unwrap();
    let not_a_file = File::open(directory.path()).unwrap();
    assert!(matches!(writers(&not_a_file), Writers::Unknown { .. }));
}
