//! The Debian package on a machine with systemd: `tests/boot/run` boots one, and plays its scenes.
//!
//! Owns: where that cannot be done it is said, past what keeps a test's words for failures, and where
//! `TAXIWAY_BOOT_TESTS=required` it fails.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// What `run` says where no Debian can be fetched.
const NO_DEBIAN: i32 = 75;

/// What it needs and this machine lacks.
fn lacks() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("root");
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &str| std::env::split_paths(&path).any(|place| place.join(program).is_file());
    let wanted = ["debootstrap", "systemd-nspawn", "dpkg-deb", "dpkg-shlibdeps", "strip"];
    wanted.into_iter().find(|program| !is_there(program))
}

fn say(text: &str) {
    // Not `eprintln`, whose words are shown of failed tests only.
    let _ = writeln!(std::io::stderr(), "\nthe boot test is skipped: {text}");
}

#[test]
fn the_package_lives_its_whole_life_on_a_machine_with_systemd() {
    let wish = std::env::var("TAXIWAY_BOOT_TESTS").unwrap_or_default();
    let required = match wish.as_str() {
        "" | "optional" => false,
        "required" => true,
        "elsewhere" => return say("TAXIWAY_BOOT_TESTS=elsewhere, it is run by itself"),
        other => panic!("TAXIWAY_BOOT_TESTS={other}: required, optional or elsewhere"),
    };
    if let Some(missing) = lacks() {
        assert!(!required, "there is no {missing}, and TAXIWAY_BOOT_TESTS=required");
        return say(&format!("there is no {missing}"));
    }
    let mut run = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boot/run"));
    let given = std::env::var_os("TAXIWAY_BOOT_BINARY");
    run.arg("--binary").arg(given.unwrap_or(env!("CARGO_BIN_EXE_taxiway").into()));
    if let Some(deb) = std::env::var_os("TAXIWAY_BOOT_DEB") {
        run.arg("--deb").arg(deb);
    }
    // It tells its scenes as they are played.
    let ended = run.status().expect("tests/boot/run");
    if !required && ended.code() == Some(NO_DEBIAN) {
        return say("no Debian could be fetched");
    }
    assert!(ended.success(), "{ended}");
}
