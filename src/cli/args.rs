//! What can be said on the command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::config::{BadValue, BaseUrl, Email, parse_duration};
use crate::control::asset;
use crate::ledger::State;
use crate::planner::Asset;
use crate::sandbox::Fault;

use super::ledger::LedgerCommand;
use super::service::ServiceCommand;

/// Uploads each file of a folder once to Runway through useapi.net, and remembers its assetId.
#[derive(Debug, Parser)]
#[command(name = "taxiway", version, propagate_version = true, max_term_width = 100)]
pub struct Args {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, ClapArgs)]
pub struct Common {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where ledger and lock are kept
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Use a sandbox server inside this process, and a ledger of its own; needs no token
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// Print JSON, where data is printed
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more: -v, -vv, -vvv
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Log less, and print no progress
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub quiet: u8,
    /// Whether to use colors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// Whether to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// If stderr is a terminal and NO_COLOR is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Scan the folders, watch them, and upload what lies in them
    Run(RunArgs),
    /// Upload these files now, or answer from the ledger: one assetId a line
    Push(PushArgs),
    /// Print the assetId of each file's content from the ledger, without network
    Id(IdArgs),
    /// List the ledger, a path a line
    Ls(LsArgs),
    /// Tell what the running daemon does now; the first line says whether all is done
    Status(StatusArgs),
    /// Show the running daemon's page in the browser
    Ui(UiArgs),
    /// Wait until all that lies in the folders now is done with
    Wait(WaitArgs),
    /// Tell the whole history of a file, and what comes next
    Why(WhyArgs),
    /// Have the running daemon begin no upload, until it is told otherwise
    Pause(PauseArgs),
    /// End the pause
    Resume,
    /// Have the running daemon scan its folders now
    Rescan,
    /// Have the running daemon read its configuration again
    Reload,
    /// Try failed files again
    Retry(RetryArgs),
    /// Say what became of a held file: whether it is on Runway
    Resolve(ResolveArgs),
    /// Have a file's content count as never uploaded
    Forget(ForgetArgs),
    /// Verify, copy, export, import and rebuild the ledger, and pair it with the server
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Run a local server that behaves as the documented API
    Sandbox(SandboxArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Write the manual, a page a command
    Man(ManArgs),
    /// Ask for token, account and folder, prove them, and write the configuration
    Init(InitArgs),
    /// Check all that uploads rest on, and say what to type next
    Doctor(DoctorArgs),
    /// Show where the configuration is, what it says, and whether it is sound
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Work in the background, as a service of systemd or launchd
    Service {
        #[command(subcommand)]
        command: ServiceCommand,
    },
}

#[derive(Debug, ClapArgs)]
pub struct RunArgs {
    /// Directories that stand in for the folders of the configuration
    #[arg(value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// The account that the DIRs are uploaded to
    #[arg(long, value_name = "EMAIL", requires = "folders")]
    pub email: Option<Email>,
    /// Scan, upload, and end when nothing moves any more
    #[arg(long)]
    pub once: bool,
    /// End after this time, finished or not (75)
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "once")]
    pub timeout: Option<Duration>,
    /// Print what would happen to each file and why, and touch nothing
    #[arg(long, requires = "once")]
    pub dry_run: bool,
}

#[derive(Debug, ClapArgs)]
pub struct PushArgs {
    /// The files
    #[arg(value_name = "FILE", required_unless_present = "stdin0")]
    pub files: Vec<PathBuf>,
    /// The account to upload to
    #[arg(long, value_name = "EMAIL")]
    pub email: Option<Email>,
    /// The asset's name, for one file
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Read the files from stdin, each ended by a NUL byte
    #[arg(long, conflicts_with = "files")]
    pub stdin0: bool,
    /// Give up after this time (75)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Also upload what looks incomplete
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, ClapArgs)]
pub struct IdArgs {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Only on this account
    #[arg(long, value_name = "EMAIL")]
    pub email: Option<Email>,
}

#[derive(Debug, ClapArgs)]
pub struct LsArgs {
    /// Only paths in this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub state: Option<State>,
    /// Only of this account
    #[arg(long, value_name = "EMAIL")]
    pub email: Option<Email>,
    /// Only in or below this directory
    #[arg(long, value_name = "DIR")]
    pub under: Option<PathBuf>,
    /// Print CSV, with a header
    #[arg(long, conflicts_with_all = ["json", "print0"])]
    pub csv: bool,
    /// Print only the paths, each ended by a NUL byte
    #[arg(long, conflicts_with = "json")]
    pub print0: bool,
}

#[derive(Debug, ClapArgs)]
pub struct InitArgs {
    /// The file that holds the token, or is to hold it
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The account to upload to
    #[arg(long, value_name = "EMAIL")]
    pub email: Option<Email>,
    /// The directory to watch
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// What becomes of what the directory holds already
    #[arg(long, value_name = "WHAT")]
    pub existing: Option<ExistingArg>,
    /// Where the API is, if not at useapi.net
    #[arg(long, value_name = "URL")]
    pub base_url: Option<BaseUrl>,
    /// Answer yes: make the directory, store the token, add to a configuration that is there
    #[arg(long)]
    pub yes: bool,
}

/// What becomes of files that are there before taxiway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExistingArg {
    /// They are uploaded.
    Upload,
    /// They are left alone until they change.
    Ignore,
}

#[derive(Debug, ClapArgs)]
pub struct DoctorArgs {
    /// Also write a support bundle, without token, e-mails and names of files, into a new file
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub struct ManArgs {
    /// Where the pages go
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct StatusArgs {
    /// Go on, every second
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, ClapArgs)]
pub struct UiArgs {
    /// Print the address, which opens the page once, and open no browser
    #[arg(long)]
    pub no_open: bool,
}

#[derive(Debug, ClapArgs)]
pub struct WaitArgs {
    /// Give up after this time (75)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
}

#[derive(Debug, ClapArgs)]
pub struct PauseArgs {
    /// Go on by itself after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub span: Option<Duration>,
}

#[derive(Debug, ClapArgs)]
pub struct WhyArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct RetryArgs {
    /// The files
    #[arg(value_name = "FILE", required_unless_present = "all")]
    pub files: Vec<PathBuf>,
    /// Everything that failed
    #[arg(long, conflicts_with = "files")]
    pub all: bool,
}

#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("became").required(true))]
pub struct ResolveArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// It is on Runway, as this asset
    #[arg(long, value_name = "ASSETID", value_parser = asset, group = "became")]
    pub uploaded: Option<Asset>,
    /// It is not on Runway: send it again
    #[arg(long, group = "became")]
    pub retry: bool,
}

#[derive(Debug, ClapArgs)]
pub struct ForgetArgs {
    /// A file that holds the content
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only on this account
    #[arg(long, value_name = "EMAIL")]
    pub email: Option<Email>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, ClapArgs)]
pub struct SandboxArgs {
    /// Where to listen; a loopback address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The only token to take; without it, any will do
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<OsString>,
    /// An account that it has (repeatable)
    #[arg(long = "account", value_name = "EMAIL")]
    pub accounts: Vec<Email>,
    /// Where assets are kept; without it, they end with the server
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Something that goes wrong (repeatable); `--fault help` lists them
    #[arg(long = "fault", value_name = "SPEC", value_parser = fault)]
    pub faults: Vec<FaultArg>,
}

/// A fault, or the wish to know which there are.
#[derive(Debug, Clone)]
pub enum FaultArg {
    /// List them.
    Help,
    /// This one.
    Fault(Box<Fault>),
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print where the configuration is
    Path,
    /// Print the effective values and where each comes from
    Show,
    /// Check the configuration, and what it names
    Check,
}

fn duration(text: &str) -> Result<Duration, BadValue> {
    parse_duration(text)
}

fn state(text: &str) -> Result<State, String> {
    let known = State::ALL.map(State::as_str);
    let found = State::ALL.into_iter().find(|state| state.as_str() == text);
    found.ok_or_else(|| format!("states are {}", known.join(", ")))
}

fn fault(text: &str) -> Result<FaultArg, String> {
    if text == "help" {
        return Ok(FaultArg::Help);
    }
    match text.parse::<Fault>() {
        Ok(fault) => Ok(FaultArg::Fault(Box::new(fault))),
        Err(error) => Err(error.to_string()),
    }
}
