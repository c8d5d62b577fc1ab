//! Completions and the manual, made from the command line itself.

use std::process::{Command, Stdio};

use crate::support::Taxiway;

#[test]
fn completions_name_the_commands_and_are_scripts_that_their_shell_reads() {
    let taxiway = Taxiway::alone();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = taxiway.run(&["completions", shell]).exits(0).out;
        for word in ["rescan", "--state-dir", "adopt", "--dry-run"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell} lacks {word}");
        }
    }
    let script = taxiway.path("completions.bash");
    std::fs::write(&script, taxiway.run(&["completions", "bash"]).out).expect("written");
    let read = Command::new("bash").arg("-n").arg(&script).status().expect("bash");
    assert!(read.success());
    taxiway.run(&["completions", "csh"]).exits(2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_taxiway"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("taxiway");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("an end");
    assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()));
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let taxiway = Taxiway::alone();
    let directory = taxiway.path("man");
    let word = directory.to_string_lossy().into_owned();
    taxiway.run(&["man", &word]).exits(1);
    std::fs::create_dir(&directory).expect("a directory");
    taxiway.run(&["man", &word]).exits(0);
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for page in ["taxiway.1", "taxiway-run.1", "taxiway-ledger.1", "taxiway-ledger-verify.1"] {
        assert!(names.iter().any(|name| name == page), "{names:?}");
    }
    let help = taxiway.run(&["--help"]).exits(0).out;
    let commands = help.split("Commands:\n").nth(1).expect("commands");
    let commands = commands.lines().take_while(|line| !line.is_empty());
    for name in commands.filter_map(|line| line.split_whitespace().next()) {
        if name != "help" {
            assert!(names.contains(&format!("taxiway-{name}.1")), "no page for {name}");
        }
    }
    let page = std::fs::read_to_string(directory.join("taxiway-run.1")).expect("a page");
    assert!(page.contains(".TH taxiway-run 1") && page.contains("dry\\-run"), "{page}");
    assert!(page.contains("taxiway run"), "{page}");
}
