//! What systemctl and launchctl are told and asked.
//!
//! Owns:
//! - what they answer when they refuse is told in their words, with what to type;
//! - no token is in their environment.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::secret;
use crate::service::{Deed, Kind, LABEL, UNIT, launchctl, systemctl};
use crate::text::one_line;

use crate::cli::Failure;

use super::refusal::{Refusal, logs};
use super::which::Which;

/// How an agent stands that launchd does not know.
pub const NOT_LOADED: &str = "not loaded";
/// How often is looked whether launchd is done with an agent, and how many times: answers that are
/// waited for take 10 s, and launchd kills what takes 20.
const ENDS_LOOK: Duration = Duration::from_millis(100);
const ENDS_MOST: u32 = 300;

/// The manager of a service.
pub struct Manager<'a> {
    which: &'a Which,
    uid: u32,
}

/// How a service stands with its manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// The file that was read; none if there is no such service.
    pub file: Option<PathBuf>,
    /// Whether it is started by itself, in the manager's word.
    pub enabled: String,
    /// Whether it runs, in the manager's words.
    pub state: String,
    /// Its process; 0 if there is none.
    pub pid: u32,
    /// What it ended with, if it did.
    pub exit: Option<u32>,
    /// What it says of itself.
    pub says: Option<String>,
}

impl Unit {
    /// There is such a service.
    pub fn is_known(&self) -> bool {
        self.file.is_some()
    }

    /// It is started by itself.
    pub fn is_enabled(&self) -> bool {
        self.enabled.starts_with("enabled")
    }

    /// It runs, or is being started; between two starts it does not.
    pub fn runs(&self) -> bool {
        let words = ["active", "activating", "reloading", "running"];
        let is_one = words.iter().any(|word| self.state.split(' ').next() == Some(word));
        is_one && !self.state.contains("auto-restart")
    }

    /// It ended as it should not.
    pub fn has_failed(&self) -> bool {
        self.state.starts_with("failed") || self.state.contains("auto-restart")
    }
}

/// What a program said.
struct Said {
    well: bool,
    code: Option<i32>,
    out: String,
    err: String,
}

impl<'a> Manager<'a> {
    /// Of this service.
    pub fn of(which: &'a Which) -> Manager<'a> {
        Manager { which, uid: rustix::process::getuid().as_raw() }
    }

    /// Whether it is launchd.
    pub fn is_launchd(&self) -> bool {
        self.which.kind == Kind::Agent
    }

    /// When it starts what is enabled.
    pub fn when(&self) -> &'static str {
        match self.which.kind {
            Kind::System => "it starts with the machine",
            Kind::User | Kind::Agent => "it starts when you log in",
        }
    }

    /// The same of what is not.
    pub fn never(&self) -> &'static str {
        match self.which.kind {
            Kind::System => "it starts with the machine no more",
            Kind::User | Kind::Agent => "it starts at login no more",
        }
    }

    /// How the service stands.
    pub fn unit(&self) -> Result<Unit, Failure> {
        if self.which.kind == Kind::Agent {
            return self.agent();
        }
        let properties = "LoadState,UnitFileState,ActiveState,SubState,MainPID,FragmentPath,\
                          ExecMainCode,ExecMainStatus,StatusText";
        let mut argv = vec!["systemctl".to_owned()];
        argv.extend((self.which.kind == Kind::User).then(|| "--user".to_owned()));
        argv.extend(["show", UNIT, "-p", properties].map(str::to_owned));
        let said = call(&argv)?;
        if !said.well {
            return Err(self.refused(&argv, &said, None));
        }
        Ok(unit_of(&said.out))
    }

    fn agent(&self) -> Result<Unit, Failure> {
        let agent = format!("gui/{}/{LABEL}", self.uid);
        let said = call(&["launchctl", "print", &agent].map(str::to_owned))?;
        let file = self.which.file();
        let file = file.exists().then_some(file);
        if !said.well {
            return Ok(Unit { file, state: NOT_LOADED.to_owned(), ..Unit::default() });
        }
        Ok(Unit { file, ..agent_of(&said.out) })
    }

    /// Does a deed.
    pub fn run(&self, deed: Deed) -> Result<(), Failure> {
        let argv = self.argv(deed);
        let said = call(&argv)?;
        if !said.well {
            return Err(self.refused(&argv, &said, Some(deed)));
        }
        if deed == Deed::Disable && self.is_launchd() {
            return self.await_end(&argv);
        }
        Ok(())
    }

    /// launchd answers before what it forgets has ended, and takes no other by its name until then.
    fn await_end(&self, argv: &[String]) -> Result<(), Failure> {
        let is_gone = || Ok(self.agent()?.state == NOT_LOADED);
        if until(is_gone, || std::thread::sleep(ENDS_LOOK), ENDS_MOST)? {
            return Ok(());
        }
        let words = format!("it has not ended after {} s", (ENDS_LOOK * ENDS_MOST).as_secs());
        let hint = format!("taxiway service status{}", self.which.flag());
        Err(Refusal::Manager { command: argv.join(" "), words, hint }.into())
    }

    /// Starts it or starts it again, by loading it if launchd has forgotten it.
    pub fn start(&self, deed: Deed, unit: &Unit) -> Result<(), Failure> {
        if self.which.kind == Kind::Agent && unit.state == NOT_LOADED {
            self.run(Deed::Enable)?;
            return self.run(Deed::Load);
        }
        self.run(deed)
    }

    /// Has it run with the files that were just written and read.
    pub fn afresh(&self, before: &Unit) -> Result<(), Failure> {
        if self.is_launchd() {
            // It was made to forget the former file, if it had one.
            self.run(Deed::Enable)?;
            return self.run(Deed::Load);
        }
        self.run(if before.runs() { Deed::Restart } else { Deed::Start })
    }

    fn argv(&self, deed: Deed) -> Vec<String> {
        match self.which.kind {
            Kind::Agent => launchctl(deed, self.uid, &self.which.file()),
            kind => systemctl(kind, deed),
        }
    }

    /// What the manager did not do, in its words.
    fn refused(&self, argv: &[String], said: &Said, deed: Option<Deed>) -> Failure {
        let words = one_line(if said.err.trim().is_empty() { &said.out } else { &said.err });
        let code = said.code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        let words = if words.is_empty() { code } else { words.trim_end_matches('.').to_owned() };
        let (command, kind) = (argv.join(" "), self.which.kind);
        if words.contains("connect to") && words.contains("bus") {
            return Refusal::NoBus { command, words, uid: self.uid, kind }.into();
        }
        let hint = match deed {
            Some(Deed::Start | Deed::Restart | Deed::Stop) => logs(kind),
            Some(Deed::Load | Deed::Enable | Deed::Disable) | None => {
                format!("taxiway service status{}", self.which.flag())
            }
        };
        Refusal::Manager { command, words, hint }.into()
    }
}

/// Whether it becomes true, asked so often at most, with a pause between two times.
fn until(
    mut is_true: impl FnMut() -> Result<bool, Failure>,
    mut pause: impl FnMut(),
    most: u32,
) -> Result<bool, Failure> {
    for _ in 0..most {
        if is_true()? {
            return Ok(true);
        }
        pause();
    }
    is_true()
}

/// Runs a program that is not the manager itself, and need not be there. Whether it was.
pub fn aid(argv: &[&str], well: &[i32]) -> Result<bool, Failure> {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let said = match said(&argv) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        other => other.map_err(|error| unusable(&argv[0], error))?,
    };
    if said.well || said.code.is_some_and(|code| well.contains(&code)) {
        return Ok(true);
    }
    let words = one_line(&said.err).trim_end_matches('.').to_owned();
    let command = argv.join(" ");
    Err(Refusal::Manager { hint: command.clone(), command, words }.into())
}

/// What a program answers that may not be there; empty if it does not.
pub fn answer(argv: &[&str]) -> String {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    said(&argv).map_or(String::new(), |said| said.out.trim().to_owned())
}

fn call(argv: &[String]) -> Result<Said, Failure> {
    said(argv).map_err(|error| unusable(&argv[0], error))
}

fn unusable(program: &str, error: io::Error) -> Failure {
    Refusal::NoProgram { program: program.to_owned(), error }.into()
}

fn said(argv: &[String]) -> io::Result<Said> {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).env("LC_ALL", "C").stdin(Stdio::null());
    for name in secret::VARIABLES {
        command.env_remove(name);
    }
    let output = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said {
        well: output.status.success(),
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    })
}

/// What `systemctl show` tells.
fn unit_of(text: &str) -> Unit {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let properties: BTreeMap<&str, &str> = lines.collect();
    let of = |name: &str| properties.get(name).copied().unwrap_or_default();
    let number = |name: &str| of(name).parse::<u32>().unwrap_or(0);
    let known = of("LoadState") != "not-found" && !of("FragmentPath").is_empty();
    let state = match (of("ActiveState"), of("SubState")) {
        (active, "") => active.to_owned(),
        (active, sub) => format!("{active} ({sub})"),
    };
    // 1 is CLD_EXITED: it ended by itself.
    let exit = (number("ExecMainCode") == 1).then(|| number("ExecMainStatus"));
    Unit {
        file: known.then(|| PathBuf::from(of("FragmentPath"))),
        enabled: of("UnitFileState").to_owned(),
        state,
        pid: number("MainPID"),
        exit,
        says: Some(of("StatusText").to_owned()).filter(|says| !says.is_empty()),
    }
}

/// What `launchctl print` tells.
fn agent_of(text: &str) -> Unit {
    let of = |name: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix("= "))
    };
    let pid = of("pid").and_then(|pid| pid.parse().ok()).unwrap_or(0);
    Unit {
        file: None,
        enabled: "enabled".to_owned(),
        state: of("state").unwrap_or("loaded").to_owned(),
        pid,
        exit: of("last exit code").and_then(|code| code.parse().ok()),
        says: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_shows_is_read() {
        let text = "LoadState=loaded\nUnitFileState=enabled\nActiveState=failed\nSubState=failed\n\
                    MainPID=0\nFragmentPath=/etc/systemd/system/taxiway.service\nExecMainCode=1\n\
                    ExecMainStatus=78\nStatusText=\n";
        let unit = unit_of(text);
        assert_eq!(unit.file, Some("/etc/systemd/system/taxiway.service".into()));
        assert_eq!((unit.exit, unit.says.as_deref()), (Some(78), None));
        assert!(unit.is_enabled() && unit.has_failed() && !unit.runs());
        let again = unit_of("LoadState=loaded\nActiveState=activating\nSubState=auto-restart\n");
        assert!(!again.runs() && again.has_failed(), "between two starts");
        let none = unit_of("LoadState=not-found\nActiveState=inactive\nSubState=dead\n");
        assert!(!none.is_known() && !none.runs() && !none.has_failed());
    }

    #[test]
    fn what_takes_a_while_is_asked_for_until_it_is_so_and_not_for_ever() {
        let asked = |true_after: u32| {
            let (mut asked, mut paused) = (0, 0);
            let is_true = || {
                asked += 1;
                Ok(asked > true_after)
            };
            let is_so = until(is_true, || paused += 1, 3).expect("an answer");
            (is_so, asked, paused)
        };
        assert_eq!(asked(0), (true, 1, 0));
        assert_eq!(asked(2), (true, 3, 2));
        assert_eq!(asked(3), (true, 4, 3));
        assert_eq!(asked(9), (false, 4, 3));
    }

    #[test]
    fn what_launchd_prints_is_read() {
        let text = "gui/501/io.github.taxiway = {\n\tactive count = 1\n\tstate = running\n\n\t\
                    pid = 4242\n\tlast exit code = 78: EX_CONFIG\n}\n";
        let unit = agent_of(text);
        assert_eq!((unit.pid, unit.state.as_str()), (4242, "running"));
        assert!(unit.runs());
        let unit = agent_of("\tstate = not running\n\tlast exit code = 0\n");
        assert_eq!((unit.pid, unit.exit), (0, Some(0)));
        assert!(!unit.runs());
    }
}
