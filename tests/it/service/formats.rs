//! Units and agent, judged by the tools of their formats.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use taxiway::service::{Doors, Kind, agent, doors_file, unit};

use super::program;
use crate::support::{have, write};

/// The files of units in a directory, with a program that exists.
fn units(program: &Path, kind: Kind, doors: Option<String>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("taxiway.service");
    write(&file, unit(kind, program).expect("a unit").expect("of systemd").as_bytes());
    if let Some(doors) = doors {
        write(&directory.path().join("taxiway.service.d/doors.conf"), doors.as_bytes());
    }
    (directory, file)
}

/// What systemd says of a unit.
fn verified(file: &Path, kind: Kind) -> String {
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]);
    if kind == Kind::User {
        let runtime = file.parent().expect("a parent");
        command.arg("--user").env("XDG_RUNTIME_DIR", runtime);
    }
    let said = command.arg(file).output().expect("systemd-analyze");
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.success(), words.is_empty(), "{words}");
    words
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_takes_the_units_as_they_are_meant() {
    if !have("systemd-analyze") {
        return;
    }
    let open = Doors {
        writable: vec!["/data/in put".into(), "/data/100%".into(), "/data/\"q\\".into()],
        hooks: true,
    };
    let home = tempfile::tempdir().expect("a directory");
    // systemd itself says whether it found the program by what was written.
    let odd = home.path().join("a b/100%n/c; d/taxiway");
    fs::create_dir_all(odd.parent().expect("a parent")).expect("a directory");
    symlink(program(), &odd).expect("a link");
    for kind in [Kind::User, Kind::System] {
        for program in [program(), &odd] {
            let doors = doors_file(&open).expect("a drop-in").filter(|_| kind == Kind::System);
            let (_directory, file) = units(program, kind, doors);
            assert_eq!(verified(&file, kind), "", "{}", program.display());
        }
    }
    let (_directory, file) = units(&home.path().join("none"), Kind::System, None);
    assert!(verified(&file, Kind::System).contains("not executable"), "a test that cannot fail");
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_unit_leaves_little_open() {
    if !have("systemd-analyze") {
        return;
    }
    let doors = |hooks| Doors { writable: vec!["/data/in".into()], hooks };
    for (doors, most) in [(None, 1.5), (Some(doors(false)), 1.5), (Some(doors(true)), 1.5)] {
        let doors = doors.map(|doors| doors_file(&doors).expect("a drop-in").expect("doors"));
        let (_directory, file) = units(program(), Kind::System, doors);
        let arguments = ["security", "--offline=yes", "--no-pager"];
        let said = Command::new("systemd-analyze").args(arguments).arg(&file).output();
        let said = said.expect("systemd-analyze");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let level = text.split("taxiway.service: ").last().and_then(|rest| rest.split(' ').next());
        let level: f64 = level.and_then(|level| level.parse().ok()).expect("a level");
        assert!(level > 0.0 && level <= most, "{text}");
    }
}

#[test]
fn the_agent_is_a_property_list() {
    if !have("python3") {
        return;
    }
    let variables = [("TAXIWAY_CONFIG", PathBuf::from("/Users/me/a & <b> \"c\".toml"))];
    let log = Path::new("/Users/me/Library/Logs/taxiway.log");
    let text = agent(Path::new("/opt/a & b/taxiway"), &variables, log).expect("an agent");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("io.github.taxiway.plist");
    write(&file, text.as_bytes());
    let script = "import json, plistlib, sys\n\
                  print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let said = Command::new("python3").args(["-c", script]).arg(&file).output().expect("python3");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let read: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(
        read,
        json!({
            "Label": "io.github.taxiway",
            "ProgramArguments": ["/opt/a & b/taxiway", "run"],
            "EnvironmentVariables": { "TAXIWAY_CONFIG": "/Users/me/a & <b> \"c\".toml" },
            "RunAtLoad": true,
            "KeepAlive": { "SuccessfulExit": false },
            "ThrottleInterval": 10,
            "ExitTimeOut": 30,
            "ProcessType": "Standard",
            "Nice": 5,
            "Umask": 63,
            "StandardOutPath": "/Users/me/Library/Logs/taxiway.log",
            "StandardErrorPath": "/Users/me/Library/Logs/taxiway.log",
        })
    );
}
