//! Verdicts on the program's own things: configuration, ledger, daemon, service.

use std::path::Path;

use crate::cli::Exit;
use crate::cli::doctor::facts::{
    Configuration, DaemonFacts, LedgerFacts, Said, ServiceFacts, Stuck, Unit,
};
use crate::cli::doctor::report::Check;
use crate::daemon::question;
use crate::planner::Condition;
use crate::text::{count_of_bytes, escaped, shell_word, shown};

use super::count;

const CONFIGURATION: &str = "configuration";
const PAUSE_ON: &str = "pause_on";
const LEDGER: &str = "ledger";
const FILES: &str = "files";
const ERRANDS: &str = "errands";
const DAEMON: &str = "daemon";
const SERVICE: &str = "service";

pub(super) fn configuration(found: &Configuration) -> Check {
    match found {
        Configuration::Sound { file, folders: 0 } => Check::warn(
            CONFIGURATION,
            format!("{} is sound and has no folder: nothing is watched", shown(file)),
            "taxiway init",
        ),
        Configuration::Sound { file, folders } => Check::ok(
            CONFIGURATION,
            format!("{} is sound: {}", shown(file), count(*folders as u64, "folder", "folders")),
        ),
        Configuration::Absent { file } => Check::warn(
            CONFIGURATION,
            format!("there is no {}: all is default, and nothing is watched", shown(file)),
            "taxiway init",
        ),
        Configuration::Broken { error, hint } => {
            Check::fail(CONFIGURATION, Exit::Config, error, hint)
        }
    }
}

/// What uploads wait for the end of.
pub(super) fn condition((condition, told): &(Condition, Result<bool, String>)) -> Check {
    let (holds, does_not) = match condition {
        Condition::Battery => ("the machine runs on its battery", "the machine is on the mains"),
        Condition::Metered => ("the link is metered", "the link is not metered"),
    };
    let look = match condition {
        Condition::Battery => "head /sys/class/power_supply/*/*",
        Condition::Metered => "systemctl status NetworkManager",
    };
    match told {
        Ok(true) => Check::ok(PAUSE_ON, holds),
        Ok(false) => Check::ok(PAUSE_ON, does_not),
        Err(why) => Check::warn(
            PAUSE_ON,
            format!("{} cannot be told: {why}; uploads do not wait for it", question(*condition)),
            format!("{look}; or edit pause_on in the file of: taxiway config path"),
        ),
    }
}

pub(super) fn ledger(found: &LedgerFacts) -> Vec<Check> {
    let (uploaded, schema, newest, size, is_checked, owes_pairing, stuck) = match found {
        LedgerFacts::Missing => {
            return vec![Check::ok(LEDGER, "there is none yet: the first run makes it")];
        }
        LedgerFacts::Unusable(failure) => {
            return vec![Check::fail(LEDGER, failure.exit, &failure.message, &failure.hint)];
        }
        LedgerFacts::There {
            schema,
            newest,
            size_bytes,
            uploaded,
            is_checked,
            owes_pairing,
            stuck,
        } => (*uploaded, *schema, *newest, *size_bytes, *is_checked, *owes_pairing, stuck),
    };
    let mut checks = Vec::new();
    if owes_pairing {
        checks.push(Check::fail(
            LEDGER,
            Exit::Later,
            "it was rebuilt and is not paired with the server yet: nothing is sent until it is",
            "taxiway ledger adopt",
        ));
    } else {
        let sound = if is_checked { "sound" } else { "no damage found in the time there was" };
        let schema = match schema {
            schema if schema == newest => format!("schema {schema}"),
            schema => format!("schema {schema}, the next run makes it {newest}"),
        };
        let uploads = count(uploaded, "upload", "uploads");
        let size = count_of_bytes(size);
        checks.push(Check::ok(LEDGER, format!("{sound}: {uploads}, {schema}, {size}")));
    }
    if let Some(stuck) = stuck {
        checks.push(files(stuck.failed, stuck.held));
        checks.extend(errands(stuck));
    }
    checks
}

/// What follows uploads, if something of it goes wrong.
fn errands(stuck: &Stuck) -> Option<Check> {
    let why = stuck.reason.as_deref().map(|why| format!(": {}", escaped(why)));
    let why = why.unwrap_or_default();
    match (stuck.given_up, stuck.undone) {
        (1.., _) => {
            let text = format!("{} given up of what follows uploads{why}", stuck.given_up);
            Some(Check::fail(ERRANDS, Exit::Some, text, "taxiway retry --all"))
        }
        (0, 1..) if !why.is_empty() => {
            let text = format!("{} still to be done after uploads{why}", stuck.undone);
            Some(Check::warn(ERRANDS, text, "taxiway status"))
        }
        (0, _) => None,
    }
}

fn files(failed: u64, held: u64) -> Check {
    let (text, state) = match (failed, held) {
        (0, 0) => return Check::ok(FILES, "none failed, none is held"),
        (failed, 0) => (format!("{} failed", count(failed, "file", "files")), "failed"),
        (0, 1) => ("1 file is held".to_owned(), "held"),
        (0, held) => (format!("{held} files are held"), "held"),
        (failed, held) => {
            (format!("{} failed, {held} held", count(failed, "file", "files")), "failed")
        }
    };
    Check::fail(FILES, Exit::Some, text, format!("taxiway ls --state {state}"))
}

pub(super) fn daemon(found: &DaemonFacts, service: &ServiceFacts) -> Check {
    match found {
        DaemonFacts::None => {
            Check::warn(DAEMON, "no taxiway is running: nothing is uploaded", begin(service))
        }
        DaemonFacts::Passing { what, pid } => {
            Check::ok(DAEMON, format!("none; {what} is at work{}", process(*pid)))
        }
        DaemonFacts::Running { pid, said: Err(why) } => Check::fail(
            DAEMON,
            Exit::Later,
            format!("it is running{} and does not answer: {why}", process(*pid)),
            if *pid == 0 { "stop it, then: taxiway run".to_owned() } else { format!("kill {pid}") },
        ),
        DaemonFacts::Running { pid, said: Ok(said) } => running(*pid, said),
    }
}

fn running(pid: u32, said: &Said) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    let text = format!("it is running{}: {}", process(pid), escaped(&said.line));
    if said.version != ours {
        let text = format!("{text}; it is version {}, this is {ours}", escaped(&said.version));
        return Check::warn(DAEMON, text, "stop it, then start this one: taxiway run");
    }
    match said.state.as_str() {
        "paused" => Check::warn(DAEMON, text, "taxiway resume"),
        "attention" | "offline" => Check::warn(DAEMON, text, "taxiway status"),
        _ => Check::ok(DAEMON, text),
    }
}

/// Folders that a running daemon polls although they are to be watched: what only it can know.
pub(super) fn polled(found: &DaemonFacts) -> Vec<Check> {
    let DaemonFacts::Running { said: Ok(said), .. } = found else { return Vec::new() };
    let meant = |why: &str| why.starts_with("mode = ") || why.ends_with("does not tell of changes");
    let polled = said.polled.iter().filter(|(_, why)| !meant(why));
    let told = polled.map(|(folder, why)| {
        // Where the daemon knows what to type, it says so.
        let (why, hint) = why.split_once("; hint: ").unwrap_or((why, "taxiway status"));
        let hint = hint.replace("sysctl fs.", "sudo sysctl fs.");
        Check::warn(DAEMON, format!("it polls {}: {}", escaped(folder), escaped(why)), hint)
    });
    told.collect()
}

fn process(pid: u32) -> String {
    if pid == 0 { String::new() } else { format!(" (process {pid})") }
}

/// How it is started here.
fn begin(service: &ServiceFacts) -> String {
    match service {
        ServiceFacts::Systemd { user, .. } if user.starts() => "systemctl --user start taxiway",
        ServiceFacts::Systemd { system, .. } if system.starts() => "sudo systemctl start taxiway",
        _ => "taxiway run",
    }
    .to_owned()
}

/// The service works with it, and so may whoever reads it.
pub(super) fn open_token(token: &Path) -> Check {
    let text =
        format!("others than root can use {}, the token of the system's service", shown(token));
    Check::warn(SERVICE, text, format!("sudo chmod 600 {}", shell_word(token)))
}

pub(super) fn service(found: &ServiceFacts, program: &str) -> Check {
    let nothing = "nothing starts taxiway at login";
    let install = "taxiway service install";
    // A way that needs no unit.
    let cron = format!("(crontab -l; echo '@reboot {program} run -q') | crontab -");
    match found {
        ServiceFacts::NotWanted => Check::ok(SERVICE, "not needed for a sandbox"),
        ServiceFacts::NoManager => {
            Check::warn(SERVICE, format!("{nothing}: there is no systemd here"), cron)
        }
        ServiceFacts::Systemd { user, system } => match (user.starts(), system.starts()) {
            (true, _) => unit("the user's systemd service", user, "systemctl --user"),
            (false, true) => unit("the system's systemd service", system, "sudo systemctl"),
            (false, false) if user.is_known() => Check::warn(
                SERVICE,
                format!("{nothing}: the user's systemd service is {}", escaped(&user.enabled)),
                "systemctl --user enable --now taxiway",
            ),
            (false, false) if user.enabled.is_empty() && system.enabled.is_empty() => {
                Check::warn(SERVICE, format!("{nothing}: systemd gives no answer"), cron)
            }
            (false, false) => {
                Check::warn(SERVICE, format!("{nothing}: systemd has no taxiway.service"), install)
            }
        },
        ServiceFacts::Launchd { is_loaded: true } => {
            Check::ok(SERVICE, "the launchd agent io.github.taxiway is loaded")
        }
        ServiceFacts::Launchd { is_loaded: false } => Check::warn(
            SERVICE,
            format!("{nothing}: launchd has no agent io.github.taxiway"),
            install,
        ),
    }
}

fn unit(what: &str, unit: &Unit, systemctl: &str) -> Check {
    let text = format!("{what} is {}, {}", escaped(&unit.enabled), escaped(&unit.active));
    match unit.active.as_str() {
        "active" | "activating" | "reloading" => Check::ok(SERVICE, text),
        "failed" => Check::warn(SERVICE, text, format!("{systemctl} status taxiway")),
        _ => Check::warn(SERVICE, text, format!("{systemctl} start taxiway")),
    }
}

impl Unit {
    /// It is started by itself.
    fn starts(&self) -> bool {
        self.enabled.starts_with("enabled")
    }

    /// There is such a unit.
    fn is_known(&self) -> bool {
        !self.enabled.is_empty() && self.enabled != "not-found"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Failure;
    use crate::cli::doctor::report::told;

    #[test]
    fn a_ledger_is_sound_or_says_what_to_do() {
        let there = |schema, is_checked, owes_pairing, stuck| LedgerFacts::There {
            schema,
            newest: 3,
            size_bytes: 1_500_000,
            uploaded: 1,
            is_checked,
            owes_pairing,
            stuck,
        };
        let damaged = Failure::new(Exit::Ledger, "damaged", "taxiway ledger rebuild");
        for (found, lines) in [
            (LedgerFacts::Missing, vec!["ok: there is none yet: the first run makes it"]),
            (LedgerFacts::Unusable(damaged), vec!["fail 74: damaged | taxiway ledger rebuild"]),
            (there(3, true, false, None), vec!["ok: sound: 1 upload, schema 3, 1.5 MB"]),
            (
                there(2, false, false, Some(Stuck::default())),
                vec![
                    "ok: no damage found in the time there was: 1 upload, schema 2, the next run \
                     makes it 3, 1.5 MB",
                    "ok: none failed, none is held",
                ],
            ),
            (
                there(3, true, true, Some(Stuck { failed: 2, held: 1, ..Stuck::default() })),
                vec![
                    "fail 75: it was rebuilt and is not paired with the server yet: nothing is \
                     sent until it is | taxiway ledger adopt",
                    "fail 1: 2 files failed, 1 held | taxiway ls --state failed",
                ],
            ),
        ] {
            let checks = ledger(&found);
            assert_eq!(checks.iter().map(told).collect::<Vec<_>>(), lines);
        }
        for (failed, held, line) in [
            (1, 0, "fail 1: 1 file failed | taxiway ls --state failed"),
            (0, 1, "fail 1: 1 file is held | taxiway ls --state held"),
            (0, 2, "fail 1: 2 files are held | taxiway ls --state held"),
        ] {
            assert_eq!(told(&files(failed, held)), line);
        }
        let stuck = |undone, given_up, reason: Option<&str>| Stuck {
            undone,
            given_up,
            reason: reason.map(str::to_owned),
            ..Stuck::default()
        };
        for (stuck, line) in [
            (stuck(3, 0, None), None),
            (
                stuck(3, 0, Some("a.gif: sidecar: no room")),
                Some(
                    "warn: 3 still to be done after uploads: a.gif: sidecar: no room | taxiway status",
                ),
            ),
            (
                stuck(3, 2, Some("a.gif: sidecar: no room")),
                Some(
                    "fail 1: 2 given up of what follows uploads: a.gif: sidecar: no room | taxiway \
                     retry --all",
                ),
            ),
        ] {
            assert_eq!(errands(&stuck).as_ref().map(told).as_deref(), line);
        }
    }

    fn unit(enabled: &str, active: &str) -> Unit {
        Unit { enabled: enabled.into(), active: active.into() }
    }

    fn systemd(user: Unit, system: Unit) -> ServiceFacts {
        ServiceFacts::Systemd { user, system }
    }

    const CRON: &str = "(crontab -l; echo '@reboot taxiway run -q') | crontab -";

    #[test]
    fn a_service_starts_it_or_nothing_does() {
        let none = || unit("not-found", "inactive");
        for (found, line) in [
            (ServiceFacts::NotWanted, "ok: not needed for a sandbox".to_owned()),
            (
                ServiceFacts::NoManager,
                format!("warn: nothing starts taxiway at login: there is no systemd here | {CRON}"),
            ),
            (
                systemd(none(), none()),
                "warn: nothing starts taxiway at login: systemd has no taxiway.service | taxiway \
                 service install"
                    .into(),
            ),
            (
                systemd(unit("", ""), unit("", "")),
                format!("warn: nothing starts taxiway at login: systemd gives no answer | {CRON}"),
            ),
            (
                systemd(unit("enabled", "active"), none()),
                "ok: the user's systemd service is enabled, active".into(),
            ),
            (
                systemd(unit("enabled", "inactive"), none()),
                "warn: the user's systemd service is enabled, inactive | systemctl --user start \
                 taxiway"
                    .into(),
            ),
            (
                systemd(unit("enabled", "failed"), none()),
                "warn: the user's systemd service is enabled, failed | systemctl --user status \
                 taxiway"
                    .into(),
            ),
            (
                systemd(none(), unit("enabled", "active")),
                "ok: the system's systemd service is enabled, active".into(),
            ),
            (
                systemd(unit("disabled", "inactive"), none()),
                "warn: nothing starts taxiway at login: the user's systemd service is disabled | \
                 systemctl --user enable --now taxiway"
                    .into(),
            ),
            (
                ServiceFacts::Launchd { is_loaded: true },
                "ok: the launchd agent io.github.taxiway is loaded".into(),
            ),
            (
                ServiceFacts::Launchd { is_loaded: false },
                "warn: nothing starts taxiway at login: launchd has no agent io.github.taxiway | \
                 taxiway service install"
                    .into(),
            ),
        ] {
            assert_eq!(told(&service(&found, "taxiway")), line);
        }
    }

    #[test]
    fn a_daemon_runs_and_answers_or_says_how_to_start_it() {
        let said = |version: &str, state: &str| DaemonFacts::Running {
            pid: 7,
            said: Ok(Said {
                version: version.into(),
                state: state.into(),
                line: "LINE".into(),
                polled: Vec::new(),
            }),
        };
        let ours = env!("CARGO_PKG_VERSION");
        let enabled = systemd(unit("enabled", "inactive"), Unit::default());
        for (found, service, line) in [
            (
                DaemonFacts::None,
                &ServiceFacts::NoManager,
                "warn: no taxiway is running: nothing is uploaded | taxiway run".to_owned(),
            ),
            (
                DaemonFacts::None,
                &enabled,
                "warn: no taxiway is running: nothing is uploaded | systemctl --user start taxiway"
                    .into(),
            ),
            (
                DaemonFacts::Passing { what: "a push", pid: 7 },
                &enabled,
                "ok: none; a push is at work (process 7)".into(),
            ),
            (
                DaemonFacts::Running { pid: 7, said: Err("it takes too long".into()) },
                &enabled,
                "fail 75: it is running (process 7) and does not answer: it takes too long | kill 7"
                    .into(),
            ),
            (
                DaemonFacts::Running { pid: 0, said: Err("x".into()) },
                &enabled,
                "fail 75: it is running and does not answer: x | stop it, then: taxiway run".into(),
            ),
            (said(ours, "idle"), &enabled, "ok: it is running (process 7): LINE".into()),
            (said(ours, "busy"), &enabled, "ok: it is running (process 7): LINE".into()),
            (
                said(ours, "paused"),
                &enabled,
                "warn: it is running (process 7): LINE | taxiway resume".into(),
            ),
            (
                said(ours, "attention"),
                &enabled,
                "warn: it is running (process 7): LINE | taxiway status".into(),
            ),
            (
                said("0.0.9", "idle"),
                &enabled,
                format!(
                    "warn: it is running (process 7): LINE; it is version 0.0.9, this is {ours} | \
                     stop it, then start this one: taxiway run"
                ),
            ),
        ] {
            assert_eq!(told(&daemon(&found, service)), line);
        }
    }

    #[test]
    fn a_folder_that_is_polled_and_was_not_meant_to_be_is_told() {
        let why = |why: &str| ("/f".to_owned(), why.to_owned());
        let said = Said {
            version: String::new(),
            state: String::new(),
            line: String::new(),
            polled: vec![
                why("mode = \"poll\""),
                why("nfs does not tell of changes"),
                why("the limit is reached; hint: sysctl fs.inotify.max_user_watches=9"),
                why("events told of too little"),
            ],
        };
        let found = DaemonFacts::Running { pid: 7, said: Ok(said) };
        assert_eq!(
            polled(&found).iter().map(told).collect::<Vec<_>>(),
            [
                "warn: it polls /f: the limit is reached | sudo sysctl \
                 fs.inotify.max_user_watches=9",
                "warn: it polls /f: events told of too little | taxiway status",
            ]
        );
        assert_eq!(polled(&DaemonFacts::None), []);
    }
}
