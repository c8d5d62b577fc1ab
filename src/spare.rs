//! Memory that was needed and is not needed now.
//!
//! Owns:
//! - it is given back when there is nothing to do, never while there is.

/// Gives back to the system what the allocator keeps for later. glibc keeps what lies below the
/// last block that is in use, and in every arena of a thread that has ended; other allocators give
/// back by themselves.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: it takes a number, touches only what is free, and locks what it looks at.
    unsafe {
        libc::malloc_trim(0);
    }
}
