//! Memory does not grow with the size of a file.
#![cfg(target_os = "linux")]

use crate::support::{Server, Taxiway, sparse_wav};

/// The most memory that the process had resident so far, in KiB; none once it has ended.
pub fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").trim().parse().ok()
}

#[test]
fn a_large_file_goes_through_little_memory() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let file = taxiway.path("folder/large.wav");
    sparse_wav(&file, 256 << 20);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("uploaded", &file);
    let peak = peak_kib(daemon.pid()).expect("the daemon's memory");
    assert!(peak < 48 * 1024, "{peak} KiB were resident");
    daemon.stop();
    assert_eq!(server.asset().size, 256 << 20);
}
