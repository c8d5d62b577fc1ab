//! Why a command about a service did not do what it was asked for.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::{Exit, Failure};
use crate::secret::how_to_write;
use crate::service::{Hidden, Kind, Unwritable};
use crate::text::{reason, shell_word, shown};

/// What opens the doors of the system's unit.
const OPEN: &str = "sudo taxiway service install --system";

/// A refusal, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A sandbox lives as long as its command.
    #[error("a sandbox is no service: it ends with the command that has it")]
    Sandbox,
    /// Nothing here starts services that we know.
    #[error("there is no systemd on this machine")]
    NoManager,
    /// launchd has agents only, as far as we go.
    #[error("there is a system's service with systemd only")]
    NoSystem,
    /// The system's service reads one configuration.
    #[error(
        "the system's service has its own places: --config and --state-dir do not go with --system"
    )]
    OwnPlaces {
        /// Where it reads it.
        config: PathBuf,
    },
    /// Somebody else than root.
    #[error("the system's service is for root to change")]
    NotRoot {
        /// What was to be done: "install".
        verb: &'static str,
    },
    /// There is no unit or agent.
    #[error("there is no {}", .kind.words())]
    NotInstalled {
        /// Which one was meant.
        kind: Kind,
        /// The system has one, and the user's was meant.
        has_system: bool,
    },
    /// It was stopped, or ended well.
    #[error("the {} does not run", .kind.words())]
    Stopped {
        /// Which one.
        kind: Kind,
    },
    /// It ended as it should not.
    #[error("the {} has failed{}", .kind.words(), with_code(*.exit))]
    Failed {
        /// Which one.
        kind: Kind,
        /// What it ended with, if it ended by itself.
        exit: Option<u32>,
    },
    /// launchd has not written into it yet.
    #[error("{} is not there: nothing was logged yet", shown(.log))]
    NoLog {
        /// Where it would log to.
        log: PathBuf,
    },
    /// It ends with the shell that has it.
    #[error("the token is in {variable} only, and a service does not see that")]
    TokenInVariable {
        /// The variable.
        variable: &'static str,
        /// Where a service finds one.
        token_file: PathBuf,
    },
    /// Not only root can read it.
    #[error("others than root can use {}", shown(.token))]
    OpenToken {
        /// The file.
        token: PathBuf,
    },
    /// A path that no unit can name.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// Somebody else wrote what stands where ours would.
    #[error("{} is not a file of taxiway's: it is left as it is", shown(.file))]
    NotOurs {
        /// The file.
        file: PathBuf,
    },
    /// Where the service has its things is written in a way of systemd's or launchd's own.
    #[error(
        "{} says where the service has its things in a way that only {} understands",
        shown(.file), if *.kind == Kind::Agent { "launchd" } else { "systemd" }
    )]
    Unclear {
        /// The file.
        file: PathBuf,
        /// Of which service.
        kind: Kind,
    },
    /// The file system does not let us.
    #[error("{} cannot be written: {}", shown(.file), reason(.error))]
    File {
        /// The file.
        file: PathBuf,
        /// In the system's words.
        error: io::Error,
    },
    /// A folder that the system's service does not have.
    #[error("{} cannot be seen: {}", shown(.path), unseen(*.why))]
    Hidden {
        /// The folder.
        path: PathBuf,
        /// Why not.
        why: Hidden,
    },
    /// This program lies where the system's service does not see it.
    #[error("{} cannot be seen by the system's service: it is below a home", shown(.program))]
    HiddenProgram {
        /// This program.
        program: PathBuf,
    },
    /// The system's unit keeps hooks from compiling while they run.
    #[error("hooks are set, and the unit of the service is not made for them")]
    NoHooks,
    /// The system's unit keeps a directory read-only.
    #[error("the unit of the service does not let it write in {}", shown(.directory))]
    ReadOnly {
        /// The directory.
        directory: PathBuf,
    },
    /// Its file is another than the one that runs.
    #[error("this program was replaced while it runs")]
    Replaced,
    /// A program of the system is not there, or not for us.
    #[error("{program} cannot be run: {}", reason(.error))]
    NoProgram {
        /// Which one.
        program: String,
        /// In the system's words.
        error: io::Error,
    },
    /// The manager of services is not reached.
    #[error("{command}: {words}")]
    NoBus {
        /// What was typed.
        command: String,
        /// What it said.
        words: String,
        /// Who asked.
        uid: u32,
        /// For which service.
        kind: Kind,
    },
    /// The manager of services did not do it.
    #[error("{command}: {words}")]
    Manager {
        /// What was typed.
        command: String,
        /// What it said.
        words: String,
        /// What helps.
        hint: String,
    },
    /// Nobody is there to say yes.
    #[error("what was uploaded is forgotten with {}", list(.paths))]
    NotSure {
        /// What would be deleted.
        paths: Vec<PathBuf>,
        /// Of which service.
        kind: Kind,
        /// The program, with the flags that name these.
        taxiway: String,
    },
    /// The system service's socket is not for us.
    #[error("no daemon of yours runs, and the system service answers to its group only")]
    NotOfTheGroup,
}

impl Refusal {
    /// What to type or do next.
    fn hint(&self) -> String {
        let of_kind = |kind: &Kind, verb: &str| match kind {
            Kind::System => format!("sudo taxiway service {verb} --system"),
            Kind::User | Kind::Agent => format!("taxiway service {verb}"),
        };
        match self {
            Refusal::Sandbox | Refusal::NoManager => "taxiway run".to_owned(),
            Refusal::NoSystem => "taxiway service install".to_owned(),
            Refusal::OwnPlaces { config } => {
                format!("put the configuration into {}", shown(config))
            }
            Refusal::NotRoot { verb } => of_kind(&Kind::System, verb),
            Refusal::NotInstalled { kind: Kind::User, has_system: true } => {
                "taxiway service status --system".to_owned()
            }
            Refusal::NotInstalled { kind, .. } => of_kind(kind, "install"),
            Refusal::Stopped { kind } => of_kind(kind, "start"),
            Refusal::Failed { kind, .. } => logs(*kind),
            Refusal::NoLog { .. } => "taxiway service status".to_owned(),
            Refusal::TokenInVariable { token_file, .. } => how_to_write(token_file),
            Refusal::OpenToken { token } => format!("sudo chmod 600 {}", shell_word(token)),
            Refusal::Unwritable(_) => "give it a name of plain letters".to_owned(),
            Refusal::NotOurs { file } => {
                let old = file.with_extension("old");
                format!("mv {} {}", shell_word(file), shell_word(&old))
            }
            Refusal::File { file, .. } => {
                format!("ls -ld {}", shell_word(file.parent().unwrap_or(Path::new("/"))))
            }
            Refusal::Hidden { why: Hidden::Home, .. } => {
                "taxiway service install, as the user whose home it is".to_owned()
            }
            Refusal::Hidden { why: Hidden::Temporary, .. } => {
                "choose another directory, such as /srv/taxiway".to_owned()
            }
            Refusal::HiddenProgram { program } => format!(
                "sudo install {} /usr/local/bin/taxiway && sudo /usr/local/bin/taxiway service \
                 install --system",
                shell_word(program)
            ),
            Refusal::NoHooks | Refusal::ReadOnly { .. } => OPEN.to_owned(),
            Refusal::Replaced => "taxiway service install".to_owned(),
            Refusal::NoProgram { program, .. } => format!("command -v {program}"),
            Refusal::NoBus { uid: 0, kind: Kind::User, .. } => {
                "taxiway service status --system".to_owned()
            }
            Refusal::NoBus { uid, .. } => format!(
                "log in as this user, not by su or sudo; or: export XDG_RUNTIME_DIR=/run/user/{uid}"
            ),
            Refusal::Manager { hint, .. } => hint.clone(),
            Refusal::NotSure { kind: Kind::System, .. } => {
                of_kind(&Kind::System, "uninstall --purge --yes")
            }
            Refusal::NotSure { taxiway, .. } => {
                format!("{taxiway} service uninstall --purge --yes")
            }
            Refusal::Unclear { file, kind: Kind::Agent } => format!("cat {}", shell_word(file)),
            Refusal::Unclear { .. } => "systemctl --user cat taxiway.service".to_owned(),
            Refusal::NotOfTheGroup => {
                "sudo usermod -aG taxiway \"$USER\", then log in again".to_owned()
            }
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Refusal::Sandbox
            | Refusal::NoSystem
            | Refusal::OwnPlaces { .. }
            | Refusal::NotRoot { .. }
            | Refusal::NotSure { .. } => Exit::Usage,
            Refusal::NoManager
            | Refusal::NotInstalled { .. }
            | Refusal::Stopped { .. }
            | Refusal::Failed { .. }
            | Refusal::NoLog { .. }
            | Refusal::NoProgram { .. }
            | Refusal::NoBus { .. }
            | Refusal::NotOfTheGroup => Exit::NoDaemon,
            Refusal::TokenInVariable { .. }
            | Refusal::OpenToken { .. }
            | Refusal::Unwritable(_)
            | Refusal::NotOurs { .. }
            | Refusal::Unclear { .. }
            | Refusal::Hidden { .. }
            | Refusal::HiddenProgram { .. }
            | Refusal::NoHooks
            | Refusal::ReadOnly { .. } => Exit::Config,
            Refusal::File { .. } | Refusal::Replaced | Refusal::Manager { .. } => Exit::Later,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::new(refusal.exit(), refusal.to_string(), refusal.hint())
    }
}

impl From<Unwritable> for Failure {
    fn from(error: Unwritable) -> Failure {
        Refusal::from(error).into()
    }
}

/// What shows why it failed.
pub fn logs(kind: Kind) -> String {
    let flag = if kind == Kind::System { " --system" } else { "" };
    format!("taxiway service logs -n 20{flag}")
}

fn with_code(exit: Option<u32>) -> String {
    exit.map_or(String::new(), |code| format!(": exit code {code}"))
}

fn unseen(why: Hidden) -> &'static str {
    match why {
        Hidden::Home => {
            "the homes are closed to the system's service, and the user's service is for them"
        }
        Hidden::Temporary => "the system's service has a directory for temporary files of its own",
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ")
}
