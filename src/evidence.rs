//! Who has a file open for writing: what the kernel can prove of it.
//!
//! Owns:
//! - "nobody" is said only on the kernel's word, never for lack of an answer;
//! - asking takes a lease and gives it back at once: whoever opens the file meanwhile waits for as
//!   long as one system call takes, and this process is not ended by the signal that tells of it.

use std::fs::File;

use crate::planner::Writers;

/// Who has `file` open for writing, or mapped so, right now; in whatever process.
///
/// Linux grants a read lease only on a file that nobody has open for writing or mapped shared and
/// writable (fcntl(2), `F_SETLEASE`), and only to its owner or a process with `CAP_LEASE`. What
/// is granted is worth something only on file systems whose writers all go through this kernel:
/// that is for the caller to know.
pub fn writers(file: &File) -> Writers {
    match imp::lease(file) {
        // Given back as soon as it was granted.
        Ok(_lease) => Writers::Nobody,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Writers::Somebody,
        Err(error) => Writers::Unknown { why: crate::text::reason(&error) },
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    /// `F_SETSIG` of asm-generic/fcntl.h; the crate `libc` has it for few targets only.
    const F_SETSIG: libc::c_int = 10;

    /// A read lease, given back when it is dropped.
    #[derive(Debug)]
    pub(super) struct Lease<'a>(&'a File);

    /// Takes a read lease.
    pub(super) fn lease(file: &File) -> io::Result<Lease<'_>> {
        // Whoever opens the file for writing while the lease is held makes the kernel signal its
        // holder: by SIGIO, whose default ends the process, unless another signal is named first.
        // SIGURG is ignored by default, so there is no handler to install, and none that programs
        // started from here could inherit.
        control(file, F_SETSIG, libc::SIGURG)?;
        control(file, libc::F_SETLEASE, libc::F_RDLCK)?;
        Ok(Lease(file))
    }

    impl Drop for Lease<'_> {
        fn drop(&mut self) {
            // It cannot fail for a lease that is held, and one that is not needs no giving back.
            let _ = control(self.0, libc::F_SETLEASE, libc::F_UNLCK);
        }
    }

    /// `fcntl` with a number as its argument. rustix and std have no leases.
    #[allow(unsafe_code)]
    fn control(file: &File, command: libc::c_int, argument: libc::c_int) -> io::Result<()> {
        // SAFETY: the descriptor is open for as long as `file` is borrowed, and the three commands
        // used here take a plain number: nothing is read from or written to memory of ours.
        let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
        if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::fs::File;
    use std::io;

    /// Other systems have no way to ask.
    pub(super) fn lease(_: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
