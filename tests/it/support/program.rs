//! The program: its home, its configuration, and what it says.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::{Daemon, PATIENCE, Server, TOKEN, have};

/// A home with a configuration and a state of its own, and the program in it.
pub struct Taxiway {
    /// Deleted at the end.
    _home: TempDir,
    /// The home with all links resolved, as the program shows paths in it.
    pub root: PathBuf,
    variables: BTreeMap<OsString, OsString>,
}

impl Taxiway {
    /// Without server, token and configuration.
    pub fn alone() -> Taxiway {
        let home = tempfile::tempdir().expect("a directory");
        let root = home.path().canonicalize().expect("the directory");
        let mut taxiway = Taxiway { _home: home, root, variables: BTreeMap::new() };
        for (variable, directory) in [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("TMPDIR", "tmp"),
        ] {
            let directory = taxiway.root.join(directory);
            std::fs::create_dir_all(&directory).expect("a directory");
            taxiway.set(variable, directory);
        }
        taxiway.set("PATH", std::env::var_os("PATH").unwrap_or_default());
        taxiway.set("TZ", "UTC");
        // Not the keychain of who runs the tests.
        taxiway.set("TAXIWAY_TEST_KEYRING", "session");
        taxiway
    }

    /// Set up to use a server.
    pub fn with(server: &Server) -> Taxiway {
        let mut taxiway = Taxiway::alone();
        taxiway.set("TAXIWAY_BASE_URL", server.base_url());
        taxiway.set("TAXIWAY_TOKEN", TOKEN);
        taxiway.set("TAXIWAY_TEST_LOOKS_MS", "50,100,200");
        taxiway
    }

    /// Set up to use a server, with one folder, `folder`, that settles quickly.
    pub fn watching(server: &Server) -> Taxiway {
        let taxiway = Taxiway::with(server);
        let folder = taxiway.folder("folder");
        taxiway.configure(&format!("{}settle = \"50ms\"\n", section(&folder)));
        taxiway
    }

    /// Sets a variable of the program's environment.
    pub fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.variables.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(OsStr::new(name));
    }

    /// A path in the home.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// A directory in the home, made if it is not there.
    pub fn folder(&self, name: &str) -> PathBuf {
        let directory = self.path(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        directory
    }

    /// Where the configuration is.
    pub fn config_file(&self) -> PathBuf {
        self.path("config/taxiway/config.toml")
    }

    /// Writes the configuration.
    pub fn configure(&self, text: &str) {
        let file = self.config_file();
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, text).expect("the configuration");
    }

    /// Where the ledger is kept.
    pub fn state_dir(&self) -> PathBuf {
        self.path("state/taxiway")
    }

    /// The program, ready to be started.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taxiway"));
        command.args(arguments).env_clear().envs(&self.variables).current_dir(&self.root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The program as somebody who cannot read everything. Root can: then it is another user who
    /// runs it, and to whom all that is in the home by then is given. None where that cannot be had.
    pub fn unprivileged(&self, arguments: &[&str]) -> Option<Command> {
        let plain = self.command(arguments);
        if !rustix::process::geteuid().is_root() {
            return Some(plain);
        }
        if !have("setpriv") {
            return None;
        }
        let program = self.path("taxiway");
        if !program.exists() {
            // Where it was built others may not look. Another process copies it: a program that one
            // of ours still has open for writing cannot be run, and others fork meanwhile.
            let copied = Command::new("cp").arg(plain.get_program()).arg(&program).status();
            assert!(copied.expect("cp").success(), "no copy");
            let all = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&program, all).expect("a mode");
            give_away(&self.root);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        command.arg(program).args(arguments).env_clear().current_dir(&self.root);
        command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Some(command)
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Said {
        self.finish(self.command(arguments), b"")
    }

    /// Runs the program to its end, with something on its stdin.
    #[track_caller]
    pub fn run_with_stdin<S: AsRef<OsStr>>(&self, arguments: &[S], stdin: &[u8]) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        self.finish(command, stdin)
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn finish(&self, mut command: Command, stdin: &[u8]) -> Said {
        let started = Instant::now();
        let mut child = command.spawn().expect("the program");
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(stdin).expect("stdin");
        }
        let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let status = loop {
            if let Some(status) = child.try_wait().expect("a status") {
                break status;
            }
            if started.elapsed() > PATIENCE {
                child.kill().expect("an end");
                let err = String::from_utf8_lossy(&err.join().expect("stderr")).into_owned();
                panic!("{command:?} does not end; it said: {err}");
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        };
        let (out, err) = (out.join().expect("stdout"), err.join().expect("stderr"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: status.code().unwrap_or(-1),
            out: text(&out),
            err: text(&err),
            bytes: out,
            root: self.root.clone(),
            command: format!("{command:?}"),
        }
    }

    /// Runs once over everything, with events.
    #[track_caller]
    pub fn once(&self) -> Said {
        self.run(&["run", "--once", "--json"])
    }

    /// Starts the daemon, and reads its events.
    pub fn spawn<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Daemon {
        Daemon::start(self.command(arguments))
    }

    /// Starts `run --json`, and waits until nothing is left to do.
    #[track_caller]
    pub fn daemon(&self) -> Daemon {
        let mut daemon = self.spawn(&["run", "--json"]);
        daemon.event("idle");
        daemon
    }

    /// The rows of the ledger.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        let said = self.run(&["ls", "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        said.objects()
    }

    /// The row of a path.
    #[track_caller]
    pub fn row(&self, path: &Path) -> Value {
        let rows = self.rows();
        let row = rows.iter().find(|row| row["path"] == path.to_string_lossy().as_ref());
        row.unwrap_or_else(|| panic!("no row of {} in {rows:#?}", path.display())).clone()
    }

    /// The state of a path; empty if the ledger does not have it.
    #[track_caller]
    pub fn state(&self, path: &Path) -> String {
        let rows = self.rows();
        let row = rows.iter().find(|row| row["path"] == path.to_string_lossy().as_ref());
        row.and_then(|row| row["state"].as_str()).unwrap_or_default().to_owned()
    }
}

/// A user who owns nothing.
const NOBODY: &str = "65534";

fn give_away(root: &Path) {
    let nobody = NOBODY.parse().ok();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        std::os::unix::fs::lchown(&path, nobody, nobody).expect("another owner");
        if path.is_dir() {
            let list = std::fs::read_dir(&path).expect("a list");
            left.extend(list.map(|entry| entry.expect("an entry").path()));
        }
    }
}

/// The beginning of a folder's section in the configuration.
pub fn section(folder: &Path) -> String {
    format!("[[folder]]\npath = {:?}\n", folder.to_str().expect("a path in UTF-8"))
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).expect("what the program says");
        }
        bytes
    })
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub bytes: Vec<u8>,
    root: PathBuf,
    command: String,
}

impl Said {
    /// It ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Said {
        assert_eq!(
            self.code, code,
            "{}\nstdout:\n{}\nstderr:\n{}",
            self.command, self.out, self.err
        );
        self
    }

    /// Its stderr is exactly this, `~` being the home.
    #[track_caller]
    pub fn tells(self, text: &str) -> Said {
        assert_eq!(self.told(), text, "{}", self.command);
        self
    }

    /// Its stdout is exactly this, `~` being the home.
    #[track_caller]
    pub fn prints(self, text: &str) -> Said {
        assert_eq!(self.out.replace(&*self.root.to_string_lossy(), "~"), text, "{}", self.command);
        self
    }

    /// Its stderr, `~` being the home.
    pub fn told(&self) -> String {
        self.err.replace(&*self.root.to_string_lossy(), "~")
    }

    /// The lines of its stdout.
    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }

    /// The lines of its stdout, each a JSON object.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let object = |line: &str| match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => value,
            other => panic!("{line:?} is no object: {other:?}"),
        };
        self.out.lines().map(object).collect()
    }

    /// The error that `--json` gives: one object on stderr, and the same exit code.
    #[track_caller]
    pub fn error_object(&self) -> Value {
        let lines: Vec<&str> = self.err.lines().collect();
        assert_eq!(lines.len(), 1, "one line: {}", self.err);
        let error: Value = serde_json::from_str(lines[0]).expect("an object");
        let keys: Vec<&String> = error.as_object().expect("an object").keys().collect();
        assert_eq!(keys.len(), 4, "{error}");
        assert_eq!(error["schema"], 1);
        assert_eq!(error["exit"], self.code, "{error}");
        error
    }
}
