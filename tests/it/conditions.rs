//! What uploads wait for the end of: the battery, and a metered link.

use std::path::Path;

use serde_json::Value;

use crate::support::{Server, Taxiway, eventually, picture, section, write};

#[cfg(target_os = "linux")]
mod network;

/// A laptop, on the mains or on its way; as `/sys/class/power_supply` tells of it.
fn laptop(supplies: &Path, on_mains: bool) {
    let (online, status) = if on_mains { ("1", "Charging") } else { ("0", "Discharging") };
    for (supply, attribute, value) in [
        ("AC", "type", "Mains"),
        ("BAT0", "type", "Battery"),
        ("BAT0", "present", "1"),
        ("BAT0", "status", status),
        ("AC", "online", online),
    ] {
        std::fs::create_dir_all(supplies.join(supply)).expect("a supply");
        std::fs::write(supplies.join(supply).join(attribute), value).expect("an attribute");
    }
}

/// One folder whose uploads wait for the end of these.
fn waiting_for(server: &Server, conditions: &str) -> Taxiway {
    let mut taxiway = Taxiway::with(server);
    let folder = taxiway.folder("folder");
    let api = format!("[api]\npause_on = [{conditions}]\n");
    taxiway.configure(&format!("{api}{}settle = \"50ms\"\n", section(&folder)));
    let supplies = taxiway.folder("supplies");
    taxiway.set("TAXIWAY_TEST_POWER", supplies);
    taxiway
}

fn line(taxiway: &Taxiway) -> String {
    taxiway.run(&["status"]).exits(0).lines()[0].to_owned()
}

#[test]
fn on_battery_uploads_wait_until_somebody_resumes() {
    let server = Server::start();
    let taxiway = waiting_for(&server, "\"battery\"");
    laptop(&taxiway.path("supplies"), false);
    let (first, second) = (taxiway.path("folder/1.gif"), taxiway.path("folder/2.gif"));
    let mut daemon = taxiway.daemon();
    write(&first, &picture(1, 1_000));
    let paused = daemon.event("paused");
    assert_eq!(paused["reason"], "while on battery power");
    let waits = "paused while on battery power (to go on all the same: taxiway resume); 1 file \
                 waiting";
    assert_eq!(line(&taxiway), waits);
    let status = taxiway.run(&["status", "--json"]).exits(0).objects().remove(0);
    assert_eq!((&status["state"], &status["done"]), (&"paused".into(), &false.into()), "{status}");
    for command in [&["wait"][..], &["push", "folder/1.gif"]] {
        let said = taxiway.run(command).exits(75);
        assert!(
            said.told().ends_with(
                "error: uploads are paused while on battery power\nhint: taxiway resume\n"
            ),
            "{}",
            said.told()
        );
    }
    assert_eq!(server.uploads(), 0);
    taxiway.run(&["resume", "-q"]).exits(0).tells("");
    daemon.event("resumed");
    daemon.event_of("uploaded", &first);
    // It is still on battery, and a person said to go on.
    write(&second, &picture(2, 1_000));
    daemon.event_of("uploaded", &second);
    daemon.event("idle");
    taxiway.run(&["wait", "-q"]).exits(0);
    daemon.stop();
}

#[test]
fn uploads_go_on_when_the_mains_are_back() {
    let server = Server::start();
    let mut taxiway = waiting_for(&server, "\"battery\"");
    taxiway.set("TAXIWAY_TEST_SENSE_MS", "100");
    let supplies = taxiway.path("supplies");
    laptop(&supplies, false);
    let file = taxiway.path("folder/1.gif");
    let mut daemon = taxiway.daemon();
    write(&file, &picture(1, 1_000));
    daemon.event("paused");
    laptop(&supplies, true);
    daemon.event("resumed");
    daemon.event_of("uploaded", &file);
    daemon.stop();
}

#[test]
fn a_reload_ends_what_is_not_waited_for_any_more() {
    let server = Server::start();
    let taxiway = waiting_for(&server, "\"battery\"");
    laptop(&taxiway.path("supplies"), false);
    let file = taxiway.path("folder/1.gif");
    write(&file, &picture(1, 1_000));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("paused");
    taxiway.configure(&format!("{}settle = \"50ms\"\n", section(&taxiway.path("folder"))));
    taxiway.run(&["reload"]).exits(0).prints("[api]: pause_on = []\n");
    daemon.event("resumed");
    daemon.event_of("uploaded", &file);
    daemon.stop();
}

#[test]
fn without_a_daemon_a_run_waits_and_a_push_does_not() {
    let server = Server::start();
    let taxiway = waiting_for(&server, "\"battery\"");
    laptop(&taxiway.path("supplies"), false);
    let (first, second) = (taxiway.path("folder/1.gif"), taxiway.path("folder/2.gif"));
    write(&first, &picture(1, 1_000));
    write(&second, &picture(2, 1_000));
    let dry = taxiway.run(&["run", "--once", "--dry-run"]).exits(0);
    let uploads = dry.lines().iter().filter(|line| line.starts_with("would upload")).count();
    assert_eq!(uploads, 2, "what would happen: {}", dry.out);
    taxiway.run(&["run", "--once", "-q"]).exits(75).tells(
        "error: uploads are paused while on battery power\n\
         hint: plug it in, or edit pause_on in the file of: taxiway config path\n",
    );
    assert_eq!(server.uploads(), 0);
    taxiway.run(&["push", "-q", "folder/1.gif"]).exits(0);
    assert_eq!(server.uploads(), 1);
    laptop(&taxiway.path("supplies"), true);
    taxiway.run(&["run", "--once", "-q"]).exits(0).tells("");
    assert_eq!(server.uploads(), 2);
}

#[test]
fn what_cannot_be_told_is_said_once_and_holds_nothing_up() {
    let server = Server::start();
    let mut taxiway = waiting_for(&server, "\"battery\", \"metered\"");
    // Neither supplies nor anybody to ask.
    let (supplies, programs) = (taxiway.path("nowhere"), taxiway.folder("programs"));
    taxiway.set("TAXIWAY_TEST_POWER", &supplies);
    taxiway.set("PATH", programs);
    // Asked about for each file.
    taxiway.set("TAXIWAY_TEST_SENSE_MS", "1");
    let mut daemon = taxiway.daemon();
    for number in 1..=3 {
        let file = taxiway.path(format!("folder/{number}.gif"));
        write(&file, &picture(number, 1_000));
        daemon.event_of("uploaded", &file);
    }
    let told = daemon.kill();
    let said = |what: &str| told.iter().filter(|line| line.contains(what)).count();
    assert_eq!(said("whether the machine runs on its battery cannot be told"), 1, "{told:?}");
    assert_eq!(said("whether the link is metered cannot be told"), 1, "{told:?}");
}

/// `busctl`, as a script.
fn busctl(taxiway: &mut Taxiway, script: &str) {
    let programs = taxiway.folder("programs");
    let file = programs.join("busctl");
    // Whole at once: it may be about to be run.
    write(&programs.join("new"), format!("#!/bin/sh\n{script}\n").as_bytes());
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(programs.join("new"), mode).expect("a mode");
    std::fs::rename(programs.join("new"), file).expect("renamed");
    let path = std::env::var("PATH").expect("a path");
    taxiway.set("PATH", format!("{}:{path}", programs.display()));
}

#[test]
fn what_was_opened_ahead_does_not_begin_on_battery() {
    let server = Server::start();
    let mut taxiway = waiting_for(&server, "\"battery\"");
    let config = std::fs::read_to_string(taxiway.config_file()).expect("the configuration");
    let config = config.replace("[api]\n", "[api]\nemail = \"me@example.com\"\nconcurrency = 1\n");
    taxiway.configure(&config);
    laptop(&taxiway.path("supplies"), true);
    taxiway.set("TAXIWAY_TEST_SENSE_MS", "300");
    let (first, second) = (taxiway.path("folder/1.gif"), taxiway.path("folder/2.gif"));
    write(&first, &picture(1, 1_000));
    write(&second, &picture(2, 1_000));
    server.faults(&["slow-answer=3s,times=1"]);
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.events_of(&[("uploading", &first), ("uploading", &second)]);
    laptop(&taxiway.path("supplies"), false);
    daemon.event("paused");
    daemon.event("uploaded");
    assert_eq!((server.uploads(), line(&taxiway).contains("; 1 file waiting")), (1, true));
    laptop(&taxiway.path("supplies"), true);
    daemon.event("resumed");
    daemon.event("uploaded");
    daemon.stop();
    server.nothing_twice();
}

#[test]
fn one_late_answer_lets_nothing_out() {
    let server = Server::start();
    let mut taxiway = waiting_for(&server, "\"metered\"");
    taxiway.set("TAXIWAY_TEST_SENSE_MS", "100");
    // Each question leaves a mark; once asked three times, it does not answer any more.
    let marks = taxiway.folder("marks");
    busctl(
        &mut taxiway,
        &format!(
            "cd {}; n=$(ls | wc -l); : >$n; [ $n -lt 3 ] || exit 1; echo v u 1",
            marks.display()
        ),
    );
    let file = taxiway.path("folder/1.gif");
    write(&file, &picture(1, 1_000));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("paused");
    daemon.event("resumed");
    daemon.event_of("uploaded", &file);
    let asked = std::fs::read_dir(&marks).expect("marks").count();
    assert!(asked >= 6, "three answers, and three more that told nothing: {asked}");
    daemon.stop();
}

#[test]
fn what_a_person_set_aside_stays_so_however_often_it_is_asked_about() {
    let server = Server::start();
    let mut taxiway = waiting_for(&server, "\"metered\"");
    taxiway.set("TAXIWAY_TEST_SENSE_MS", "100");
    let marks = taxiway.folder("marks");
    busctl(&mut taxiway, &format!("cd {}; : >$$; echo v u 1", marks.display()));
    let asked = || std::fs::read_dir(&marks).expect("marks").count();
    let (first, second) = (taxiway.path("folder/1.gif"), taxiway.path("folder/2.gif"));
    write(&first, &picture(1, 1_000));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("paused");
    taxiway.run(&["resume", "-q"]).exits(0);
    daemon.event_of("uploaded", &first);
    let before = asked();
    eventually("it is asked again", || (asked() > before + 2).then_some(()));
    write(&second, &picture(2, 1_000));
    daemon.event_of("uploaded", &second);
    daemon.stop();
}

#[test]
fn what_is_asked_ends_with_the_program() {
    let server = Server::start();
    let mut taxiway = waiting_for(&server, "\"metered\"");
    let mark = taxiway.path("pid");
    busctl(
        &mut taxiway,
        &format!("echo $$ >{0}.new; mv {0}.new {0}; exec sleep 1000", mark.display()),
    );
    write(&taxiway.path("folder/1.gif"), &picture(1, 1_000));
    let daemon = taxiway.spawn(&["run", "--json"]);
    let pid = eventually("it is asked", || std::fs::read_to_string(&mark).ok());
    let process = std::path::PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    daemon.stop();
    eventually("it is gone", || {
        let stat = std::fs::read_to_string(&process).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z")).then_some(())
    });
}

#[test]
fn a_supply_that_does_not_answer_holds_up_nobody() {
    let server = Server::start();
    let taxiway = waiting_for(&server, "\"battery\"");
    let supplies = taxiway.path("supplies");
    laptop(&supplies, false);
    let status = supplies.join("BAT0/status");
    std::fs::remove_file(&status).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&status).status().expect("mkfifo");
    assert!(made.success());
    let file = taxiway.path("folder/1.gif");
    write(&file, &picture(1, 1_000));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("uploaded", &file);
    let told = daemon.kill();
    let words = "whether the machine runs on its battery cannot be told: ";
    assert!(told.iter().any(|line| line.contains(words)), "{told:?}");
}

#[test]
fn the_doctor_says_what_uploads_wait_for() {
    let server = Server::start();
    let mut taxiway = waiting_for(&server, "\"battery\", \"metered\"");
    let empty = taxiway.folder("programs");
    taxiway.set("PATH", empty);
    let lines = |taxiway: &Taxiway| -> Vec<String> {
        let said = taxiway.run(&["doctor", "--json"]);
        let report: Value = said.objects().remove(0);
        let checks = report["checks"].as_array().expect("checks").clone();
        let ours = checks.iter().filter(|check| check["name"] == "pause_on");
        ours.map(|check| format!("{}: {}", check["verdict"], check["text"])).collect()
    };
    laptop(&taxiway.path("supplies"), false);
    let on_battery = lines(&taxiway);
    laptop(&taxiway.path("supplies"), true);
    let on_mains = lines(&taxiway);
    assert_eq!(on_battery[0], "\"ok\": \"the machine runs on its battery\"");
    assert_eq!(on_mains[0], "\"ok\": \"the machine is on the mains\"");
    assert!(on_mains[1].starts_with("\"warn\": \"whether the link is metered cannot be told: "));
}
