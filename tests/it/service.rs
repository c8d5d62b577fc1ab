//! `taxiway service`, with systemctl, launchctl and their kin replaced by scripts that note what
//! they are told; and the files that it writes, judged by the tools of their formats.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use taxiway::service::{Kind, agent, doors_file, unit};

use crate::support::{Server, Taxiway, have, picture, section, write};

const SCRIPTS: [(&str, &str); 6] = [
    ("systemctl", include_str!("service/systemctl")),
    ("launchctl", include_str!("service/launchctl")),
    ("loginctl", include_str!("service/recorder")),
    ("journalctl", include_str!("service/recorder")),
    ("systemd-sysusers", include_str!("service/recorder")),
    ("systemd-tmpfiles", include_str!("service/recorder")),
];

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_taxiway"))
}

fn script(taxiway: &Taxiway, name: &str, text: &str) {
    let path = taxiway.path("bin").join(name);
    write(&path, text.as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// A home with a machine of its own around it, and nothing configured.
fn bare() -> Taxiway {
    let mut taxiway = Taxiway::alone();
    for (name, text) in SCRIPTS {
        script(&taxiway, name, text);
    }
    fs::create_dir(taxiway.path("unit")).expect("a directory");
    taxiway.set("PATH", taxiway.path("bin"));
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "yes");
    taxiway.set("TAXIWAY_TEST_ROOT", taxiway.path("machine"));
    // Where everybody has them.
    taxiway.unset("XDG_CONFIG_HOME");
    taxiway.unset("XDG_STATE_HOME");
    taxiway
}

/// The same with a folder and a token.
fn home() -> Taxiway {
    let taxiway = bare();
    let folder = taxiway.folder("Runway");
    write(&taxiway.path(".config/taxiway/config.toml"), section(&folder).as_bytes());
    token(&taxiway.path(".config/taxiway/token"));
    taxiway
}

fn token(path: &Path) {
    write(path, b"user:1-sandbox");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// What the manager and its kin were told since the last time, questions left out.
fn told(taxiway: &Taxiway) -> Vec<String> {
    let calls = taxiway.path("calls");
    let text = fs::read_to_string(&calls).unwrap_or_default();
    fs::write(&calls, "").expect("written");
    let questions = [" show ", " print ", "show-user"];
    let told = text.lines().filter(|line| !questions.iter().any(|word| line.contains(word)));
    told.map(|line| line.replace(&*taxiway.root.to_string_lossy(), "~")).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const NOTE: &str = "note      it starts when you log in and ends with your last session; to have it \
                    run from boot on: loginctl enable-linger\n";

#[test]
fn a_service_is_installed_once_and_a_second_time_changes_nothing() {
    let mut taxiway = home();
    let file = taxiway.path(".config/systemd/user/taxiway.service");
    taxiway.run(&["service", "install"]).exits(0).tells("").prints(&format!(
        "wrote     ~/.config/systemd/user/taxiway.service\n\
         enabled   it starts when you log in\n\
         started   now\n\
         {NOTE}next      taxiway status\n"
    ));
    assert_eq!(
        told(&taxiway),
        [
            "systemctl --user daemon-reload",
            "systemctl --user enable taxiway.service",
            "systemctl --user start taxiway.service",
        ]
    );
    let text = unit(Kind::User, program()).expect("a unit").expect("of systemd");
    assert_eq!(read(&file), text);
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o644);
    assert!(!file.with_extension("service.d").exists(), "all is at its place");

    let before = fs::metadata(&file).expect("a file").modified().expect("a time");
    taxiway.set("LINGER", "yes");
    taxiway.run(&["service", "install"]).exits(0).tells("").prints(
        "kept      ~/.config/systemd/user/taxiway.service\n\
         enabled   already\n\
         started   already\n\
         next      taxiway status\n",
    );
    assert_eq!(told(&taxiway), [""; 0]);
    assert_eq!(fs::metadata(&file).expect("a file").modified().expect("a time"), before);
    // What was stopped is started, and nothing else.
    fs::remove_file(taxiway.path("unit/active")).expect("stopped");
    taxiway.run(&["-q", "service", "install"]).exits(0).tells("").prints("");
    assert_eq!(told(&taxiway), ["systemctl --user start taxiway.service"]);
    // A file of another version.
    write(&file, text.replace("WatchdogSec=3min", "WatchdogSec=1min").as_bytes());
    taxiway.run(&["service", "install"]).exits(0).tells("").prints(
        "wrote     ~/.config/systemd/user/taxiway.service\n\
         enabled   already\n\
         started   again, as its files changed\n\
         next      taxiway status\n",
    );
    assert_eq!(
        told(&taxiway),
        ["systemctl --user daemon-reload", "systemctl --user restart taxiway.service"]
    );
    assert_eq!(read(&file), text);
}

#[test]
fn what_only_the_command_line_knows_goes_into_a_drop_in() {
    let taxiway = home();
    let other = taxiway.path("my config/100%.toml");
    fs::create_dir(taxiway.path("my config")).expect("a directory");
    fs::rename(taxiway.path(".config/taxiway/config.toml"), &other).expect("moved");
    token(&taxiway.path("my config/token"));
    let config = other.to_string_lossy().into_owned();
    let arguments = ["--json", "--config", &config, "--state-dir", "state/x", "service", "install"];
    let said = taxiway.run(&arguments).exits(0).tells("");
    let root = taxiway.root.to_string_lossy().into_owned();
    let units = format!("{root}/.config/systemd/user");
    assert_eq!(
        said.objects(),
        [json!({
            "schema": 1,
            "service": "systemd-user",
            "wrote": [
                format!("{units}/taxiway.service"),
                format!("{units}/taxiway.service.d/places.conf"),
            ],
            "enabled": ["it starts when you log in"],
            "started": ["now"],
            "note": [NOTE.trim().strip_prefix("note      ").expect("a note")],
            "next": "taxiway status",
        })]
    );
    let drop_in = taxiway.path(".config/systemd/user/taxiway.service.d/places.conf");
    assert_eq!(
        read(&drop_in).replace(&root, "~"),
        "# Written by `taxiway service install`, which rewrites it.\n\
         [Service]\n\
         Environment=\"TAXIWAY_CONFIG=~/my config/100%%.toml\"\n\
         Environment=TAXIWAY_STATE_DIR=~/state/x\n"
    );
    // Back to where everybody has it.
    fs::rename(&other, taxiway.path(".config/taxiway/config.toml")).expect("moved");
    told(&taxiway);
    let said = taxiway.run(&["service", "install"]).exits(0);
    assert!(said.out.contains("removed   "), "{}", said.out);
    assert!(!drop_in.exists());
    assert_eq!(told(&taxiway).last().expect("a call"), "systemctl --user restart taxiway.service");
}

#[test]
fn nothing_is_installed_that_could_not_run() {
    let mut taxiway = bare();
    let file = taxiway.path(".config/systemd/user/taxiway.service");
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: there is no folder to watch: no DIR is given and none is configured\n\
         hint: taxiway init\n",
    );
    let folder = taxiway.folder("Runway");
    let config = taxiway.path(".config/taxiway/config.toml");
    write(&config, section(&folder).as_bytes());
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd credential \
         taxiway-token, and ~/.config/taxiway/token does not exist\n\
         hint: (umask 077; printf %s 'user:…' > ~/.config/taxiway/token)\n",
    );
    taxiway.set("TAXIWAY_TOKEN", "user:1-sandbox");
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: the token is in TAXIWAY_TOKEN only, and a service does not see that\n\
         hint: (umask 077; printf %s 'user:…' > ~/.config/taxiway/token)\n",
    );
    taxiway.unset("TAXIWAY_TOKEN");
    token(&taxiway.path(".config/taxiway/token"));
    write(&config, b"[[folder]]\npath = 3\n");
    let said = taxiway.run(&["service", "install"]).exits(78).prints("");
    assert!(said.told().starts_with("error: ~/.config/taxiway/config.toml:2: "), "{}", said.err);
    write(&config, section(&folder).as_bytes());
    taxiway.run(&["--sandbox", "service", "install"]).exits(2).prints("").tells(
        "error: a sandbox is no service: it ends with the command that has it\n\
         hint: taxiway --sandbox run\n",
    );
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "no");
    taxiway.run(&["service", "install"]).exits(69).prints("").tells(
        "error: there is no systemd on this machine\n\
         hint: taxiway run\n",
    );
    taxiway.set("TAXIWAY_TEST_SYSTEMD", "yes");
    // A unit that somebody wrote by hand.
    write(&file, b"[Service]\nExecStart=/usr/local/bin/mine\n");
    taxiway.run(&["service", "install"]).exits(78).prints("").tells(
        "error: ~/.config/systemd/user/taxiway.service is not a file of taxiway's: it is left as it \
         is\n\
         hint: mv ~/.config/systemd/user/taxiway.service ~/.config/systemd/user/taxiway.old\n",
    );
    assert_eq!(read(&file), "[Service]\nExecStart=/usr/local/bin/mine\n");
    assert_eq!(told(&taxiway), [""; 0]);
}

#[test]
fn another_taxiway_is_not_pushed_aside_and_the_services_own_is_restarted() {
    let server = Server::start();
    let mut taxiway = home();
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("idle");
    let pid = daemon.pid();
    let refusal = format!(
        "error: another taxiway with process id {pid} has the ledger in ~/.local/state/taxiway\n\
         hint: stop it first: kill {pid}\n"
    );
    taxiway.run(&["service", "install"]).exits(75).prints("").tells(&refusal);
    assert_eq!(told(&taxiway), [""; 0]);
    // The manager says that it is its own.
    write(&taxiway.path("unit/active"), format!("{pid}\n").as_bytes());
    let said = taxiway.run(&["service", "install"]).exits(0).tells("");
    assert!(said.out.contains("started   again, as its files changed\n"), "{}", said.out);
    assert_eq!(told(&taxiway).last().expect("a call"), "systemctl --user restart taxiway.service");
    fs::remove_file(taxiway.path("unit/active")).expect("stopped");
    taxiway.run(&["service", "start"]).exits(75).prints("").tells(&refusal);
    taxiway.run(&["service", "uninstall", "--purge", "--yes"]).exits(75);
    assert!(taxiway.path(".local/state/taxiway/ledger.sqlite3").exists());
    daemon.stop();
}

#[test]
fn a_service_is_started_stopped_and_asked_after() {
    let taxiway = home();
    for verb in ["start", "stop", "restart", "status"] {
        taxiway.run(&["service", verb]).exits(69).prints("").tells(
            "error: there is no user's systemd service\n\
             hint: taxiway service install\n",
        );
    }
    taxiway.run(&["service", "install"]).exits(0);
    told(&taxiway);
    for (verb, words, calls) in [
        ("start", "started already", vec![]),
        ("stop", "stopped", vec!["systemctl --user stop taxiway.service"]),
        ("stop", "stopped already", vec![]),
        ("restart", "restarted", vec!["systemctl --user start taxiway.service"]),
        ("restart", "restarted", vec!["systemctl --user restart taxiway.service"]),
    ] {
        taxiway.run(&["service", verb]).exits(0).prints("").tells(&format!("{words}\n"));
        assert_eq!(told(&taxiway), calls, "{verb}");
    }
    taxiway.run(&["service", "status"]).exits(0).tells("").prints(
        "service   ~/.config/systemd/user/taxiway.service, enabled\n\
         state     active (running), process 4242\n\
         says      all done\n",
    );
    let said = taxiway.run(&["--json", "service", "status"]).exits(0).tells("");
    assert_eq!(
        said.objects(),
        [json!({
            "schema": 1,
            "service": "systemd-user",
            "installed": true,
            "file": taxiway.path(".config/systemd/user/taxiway.service"),
            "enabled": true,
            "state": "active (running)",
            "running": true,
            "pid": 4242,
            "exit": null,
            "says": "all done",
        })]
    );
    fs::remove_file(taxiway.path("unit/active")).expect("stopped");
    taxiway
        .run(&["service", "status"])
        .exits(69)
        .prints(
            "service   ~/.config/systemd/user/taxiway.service, enabled\n\
             state     inactive (dead)\n",
        )
        .tells("error: the user's systemd service does not run\nhint: taxiway service start\n");
    write(&taxiway.path("unit/failed"), b"78\n");
    taxiway.run(&["service", "status"]).exits(69).tells(
        "error: the user's systemd service has failed: exit code 78\n\
         hint: taxiway service logs -n 20\n",
    );
}

#[test]
fn what_systemctl_says_is_told_with_what_to_type() {
    let taxiway = home();
    taxiway.run(&["service", "install"]).exits(0);
    write(&taxiway.path("unit/refuses"), b"Failed to connect to bus: No medium found\n");
    let said = taxiway.run(&["service", "stop"]).exits(69).prints("");
    let (error, hint) = said.err.split_once('\n').expect("two lines");
    assert!(error.starts_with("error: systemctl --user show taxiway.service -p "), "{error}");
    assert!(error.ends_with(": Failed to connect to bus: No medium found"), "{error}");
    let root = rustix::process::getuid().is_root();
    let expected = if root {
        "hint: for the system's service, add --system\n".to_owned()
    } else {
        let uid = rustix::process::getuid().as_raw();
        format!(
            "hint: log in as this user, not by su or sudo; or: export \
             XDG_RUNTIME_DIR=/run/user/{uid}\n"
        )
    };
    assert_eq!(hint, expected);
    fs::remove_file(taxiway.path("unit/refuses")).expect("removed");
    let refusing = read(&taxiway.path("bin/systemctl")).replace(
        "start | restart) echo 4242 > \"$HOME/unit/active\" ;;",
        "start | restart) echo 'Job for taxiway.service failed.' >&2; exit 1 ;;",
    );
    script(&taxiway, "systemctl", &refusing);
    taxiway.run(&["service", "restart"]).exits(75).prints("").tells(
        "error: systemctl --user restart taxiway.service: Job for taxiway.service failed\n\
         hint: taxiway service logs -n 20\n",
    );
    let error = taxiway.run(&["--json", "service", "restart"]).error_object();
    assert_eq!(error["exit"], 75);
    fs::remove_file(taxiway.path("bin/systemctl")).expect("removed");
    taxiway.run(&["service", "start"]).exits(69).prints("").tells(
        "error: systemctl cannot be run: no such file or directory\n\
         hint: command -v systemctl\n",
    );
}

#[test]
fn logs_are_those_of_the_journal() {
    let taxiway = home();
    for (arguments, call) in [
        (vec![], "journalctl --user -u taxiway.service"),
        (vec!["-f"], "journalctl --user -u taxiway.service -f"),
        (vec!["-n", "7", "--follow"], "journalctl --user -u taxiway.service -f -n7"),
        (vec!["--system"], "journalctl -u taxiway.service"),
        (vec!["--json"], "journalctl --user -u taxiway.service -ojson"),
    ] {
        let arguments: Vec<&str> = ["service", "logs"].into_iter().chain(arguments).collect();
        taxiway.run(&arguments).exits(0).tells("").prints("a line of the log\n");
        assert_eq!(told(&taxiway), [call]);
    }
}

#[test]
fn uninstalling_leaves_what_is_the_users_and_purging_asks_first() {
    let server = Server::start();
    let mut taxiway = home();
    taxiway.set("TAXIWAY_BASE_URL", server.base_url());
    write(&taxiway.path("Runway/a.gif"), &picture(1, 1_000));
    taxiway.once().exits(0);
    let state = taxiway.path(".local/state/taxiway");
    write(&state.join("ledger.sqlite3.before-2"), b"a copy");
    write(&state.join("notes.txt"), b"not taxiway's");
    taxiway.run(&["service", "install"]).exits(0);
    told(&taxiway);
    let left = "left      the configuration: ~/.config/taxiway/config.toml\n\
                left      the token: ~/.config/taxiway/token\n\
                left      the state: ~/.local/state/taxiway\n";
    let next = "next      to delete what is left: taxiway service uninstall --purge\n";
    taxiway.run(&["service", "uninstall"]).exits(0).tells("").prints(&format!(
        "stopped   now\n\
         disabled  it starts at login no more\n\
         removed   ~/.config/systemd/user/taxiway.service\n\
         removed   ~/.config/systemd/user/taxiway.service.d/places.conf\n\
         removed   ~/.config/systemd/user/taxiway.service.d\n\
         {left}{next}"
    ));
    assert_eq!(
        told(&taxiway),
        [
            "systemctl --user stop taxiway.service",
            "systemctl --user disable taxiway.service",
            "systemctl --user daemon-reload",
        ]
    );
    taxiway
        .run(&["service", "uninstall"])
        .exits(0)
        .tells("")
        .prints(&format!("{left}note      there was nothing to remove\n{next}"));
    assert_eq!(told(&taxiway), [""; 0]);
    taxiway.run(&["service", "uninstall", "--purge"]).exits(2).prints("").tells(
        "error: what was uploaded is forgotten with ~/.config/taxiway/config.toml, \
         ~/.config/taxiway/token, ~/.local/state/taxiway\n\
         hint: taxiway service uninstall --purge --yes\n",
    );
    assert!(state.join("ledger.sqlite3").exists());
    let said = taxiway.run(&["service", "uninstall", "--purge", "--yes"]).exits(0).tells("");
    for removed in ["ledger.sqlite3", "ledger.sqlite3.before-2", "lock", "config.toml", "token"] {
        assert!(said.out.contains(&format!("/{removed}\n")), "{removed}: {}", said.out);
    }
    assert!(
        said.out.contains("note      ")
            && said.out.contains("holds files that are not taxiway's: they stay\n"),
        "{}",
        said.out
    );
    let stays: Vec<_> = fs::read_dir(&state).expect("a list").flatten().collect();
    assert_eq!(stays.len(), 1, "{stays:?}");
    assert_eq!(read(&state.join("notes.txt")), "not taxiway's");
    assert!(taxiway.path("Runway/a.gif").exists(), "watched files are nobody's to delete");
    assert!(!taxiway.path(".config/taxiway").exists());
}

/// A machine whose system's service may be changed.
fn machine() -> Taxiway {
    let taxiway = bare();
    for directory in ["machine/etc", "machine/srv", "machine/var/lib"] {
        taxiway.folder(directory);
    }
    taxiway
}

#[test]
fn a_system_service_is_installed_with_user_folders_and_an_example() {
    let taxiway = machine();
    let install = ["service", "install", "--system"];
    let next = "next      as root: (umask 077; printf %s 'user:…' > ~/machine/etc/taxiway/token); \
                taxiway service start --system\n";
    let notes = "note      it is not started: it has no token yet, or no folder\n\
                 note      members of the group taxiway can drop files into ~/machine/srv/taxiway, \
                 and ask it: usermod -aG taxiway NAME\n";
    taxiway.run(&install).exits(0).tells("").prints(&format!(
        "wrote     ~/machine/etc/sysusers.d/taxiway.conf\n\
         wrote     ~/machine/etc/tmpfiles.d/taxiway.conf\n\
         wrote     ~/machine/etc/systemd/system/taxiway.service\n\
         wrote     ~/machine/etc/taxiway/config.toml\n\
         enabled   it starts with the machine\n\
         {notes}{next}"
    ));
    assert_eq!(
        told(&taxiway),
        [
            "systemd-sysusers taxiway.conf",
            "systemd-tmpfiles --create taxiway.conf",
            "systemctl daemon-reload",
            "systemctl enable taxiway.service",
        ]
    );
    let file = taxiway.path("machine/etc/systemd/system/taxiway.service");
    assert_eq!(read(&file), unit(Kind::System, program()).expect("a unit").expect("of systemd"));
    let config = taxiway.path("machine/etc/taxiway/config.toml");
    assert!(read(&config).contains("\n[[folder]]\npath = \"/srv/taxiway\""));
    for path in [&config, &config.with_file_name("")] {
        let mode = fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "the service's user reads {}", path.display());
    }
    // With a token, and another folder to write in.
    token(&taxiway.path("machine/etc/taxiway/token"));
    taxiway.folder("machine/srv/taxiway");
    let (data, done) = ("/var/data/in", taxiway.path("machine/srv/done"));
    // It is below a directory for temporary files, as tests are, and the service has its own.
    let moves = format!(
        "[[folder]]\npath = \"{data}\"\nafter_upload = {:?}\n",
        format!("move:{}", done.display())
    );
    write(&config, moves.as_bytes());
    let said = taxiway.run(&install);
    if done.starts_with("/tmp") {
        let said = said.exits(78).prints("");
        assert_eq!(
            said.told(),
            "error: ~/machine/srv/done cannot be seen: the system's service has a directory for \
             temporary files of its own\n\
             hint: choose another directory, such as /srv/taxiway\n"
        );
    }
    write(&config, format!("[[folder]]\npath = \"{data}\"\nsidecar = true\n").as_bytes());
    told(&taxiway);
    taxiway.run(&install).exits(0).tells("").prints(
        "kept      ~/machine/etc/sysusers.d/taxiway.conf\n\
         kept      ~/machine/etc/tmpfiles.d/taxiway.conf\n\
         kept      ~/machine/etc/systemd/system/taxiway.service\n\
         wrote     ~/machine/etc/systemd/system/taxiway.service.d/doors.conf\n\
         kept      ~/machine/etc/taxiway/config.toml\n\
         enabled   already\n\
         started   now\n\
         note      members of the group taxiway can drop files into ~/machine/srv/taxiway, and ask \
         it: usermod -aG taxiway NAME\n\
         next      taxiway status\n",
    );
    let doors = taxiway.path("machine/etc/systemd/system/taxiway.service.d/doors.conf");
    assert!(read(&doors).contains("\nReadWritePaths=-/var/data/in\n"), "{}", read(&doors));
    // Nothing to open any more.
    write(&config, format!("[[folder]]\npath = \"{data}\"\n").as_bytes());
    let said = taxiway.run(&install).exits(0);
    assert!(said.out.contains("taxiway.service.d/doors.conf\n"), "{}", said.out);
    assert!(said.out.contains("started   again, as its files changed\n"), "{}", said.out);
    assert!(!doors.exists());
}

#[test]
fn a_system_service_has_no_homes_and_only_root_changes_it() {
    let taxiway = machine();
    let config = taxiway.path("machine/etc/taxiway/config.toml");
    let install = ["service", "install", "--system"];
    write(&config, b"[[folder]]\npath = \"/home/me/Runway\"\n");
    taxiway.run(&install).exits(78).prints("").tells(
        "error: /home/me/Runway cannot be seen: the homes are closed to the system's service, and the \
         user's service is for them\n\
         hint: taxiway service install, as the user whose home it is\n",
    );
    taxiway.run(&["--config", "x.toml", "service", "install", "--system"]).exits(2).prints("").tells(
        "error: the system's service has its own places: --config and --state-dir do not go with \
         --system\n\
         hint: put the configuration into ~/machine/etc/taxiway/config.toml\n",
    );
    assert_eq!(told(&taxiway), [""; 0]);
    let mut taxiway = bare();
    taxiway.unset("TAXIWAY_TEST_ROOT");
    taxiway.set("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (verb, word) in [("install", "install"), ("start", "start"), ("uninstall", "uninstall")] {
        let Some(command) = taxiway.unprivileged(&["service", verb, "--system"]) else { return };
        taxiway.finish(command, b"").exits(2).prints("").tells(&format!(
            "error: the system's service is for root to change\n\
             hint: sudo taxiway service {word} --system\n"
        ));
    }
}

#[test]
fn what_a_package_brought_is_not_written_again() {
    let mut taxiway = machine();
    // The packaged unit runs the packaged program.
    let packaged = taxiway.path("machine/usr/lib/systemd/system/taxiway.service");
    write(&packaged, unit(Kind::System, program()).expect("a unit").expect("text").as_bytes());
    write(
        &taxiway.path("machine/usr/lib/sysusers.d/taxiway.conf"),
        taxiway::service::SYSUSERS.as_bytes(),
    );
    write(
        &taxiway.path("machine/usr/lib/tmpfiles.d/taxiway.conf"),
        taxiway::service::TMPFILES.as_bytes(),
    );
    // Left from an installation before there was a package.
    let stale = taxiway.path("machine/etc/systemd/system/taxiway.service");
    write(&stale, b"# taxiway for the whole machine: an old one\n");
    taxiway.unset("LINGER");
    let said = taxiway.run(&["service", "install", "--system"]).exits(0).tells("");
    let lines: Vec<String> = said
        .out
        .lines()
        .take(5)
        .map(|line| line.replace(&*taxiway.root.to_string_lossy(), "~"))
        .collect();
    assert_eq!(
        lines,
        [
            "kept      ~/machine/usr/lib/sysusers.d/taxiway.conf",
            "kept      ~/machine/usr/lib/tmpfiles.d/taxiway.conf",
            "removed   ~/machine/etc/systemd/system/taxiway.service",
            "kept      ~/machine/usr/lib/systemd/system/taxiway.service",
            "wrote     ~/machine/etc/taxiway/config.toml",
        ]
    );
    let said = taxiway.run(&["service", "uninstall", "--system"]).exits(0).tells("");
    assert!(
        said.out.contains("/usr/lib/systemd/system/taxiway.service came with a package"),
        "{}",
        said.out
    );
    assert!(packaged.exists());
    let purge = ["service", "uninstall", "--system", "--purge", "--yes"];
    taxiway.run(&purge).exits(0).tells("").prints(
        "removed   ~/machine/etc/taxiway/config.toml\n\
         removed   ~/machine/etc/taxiway\n\
         note      ~/machine/usr/lib/systemd/system/taxiway.service came with a package, and goes \
         with it\n\
         note      user and group taxiway stay, and so does ~/machine/srv/taxiway\n\
         next      to have it back: taxiway service install --system\n",
    );
}

#[test]
fn an_agent_is_loaded_by_launchd() {
    let mut taxiway = home();
    taxiway.set("TAXIWAY_TEST_PLATFORM", "macos");
    let folder = taxiway.folder("Documents/Runway");
    write(&taxiway.path(".config/taxiway/config.toml"), section(&folder).as_bytes());
    let uid = rustix::process::getuid().as_raw();
    let file = "~/Library/LaunchAgents/io.github.taxiway.plist";
    let said = taxiway.run(&["service", "install"]).exits(0).tells("");
    let shown = said.out.replace(&*program().to_string_lossy(), "PROGRAM");
    assert_eq!(
        shown.replace(&*taxiway.root.to_string_lossy(), "~"),
        format!(
            "wrote     {file}\n\
             started   now\n\
             note      macOS keeps ~/Documents/Runway from programs: allow PROGRAM in System \
             Settings, Privacy & Security, Full Disk Access\n\
             note      it logs to ~/Library/Logs/taxiway.log\n\
             next      taxiway status\n"
        )
    );
    let told_at_first = [
        format!("launchctl enable gui/{uid}/io.github.taxiway"),
        format!("launchctl bootstrap gui/{uid} {file}"),
    ];
    assert_eq!(told(&taxiway), told_at_first);
    let path = taxiway.path("Library/LaunchAgents/io.github.taxiway.plist");
    let log = taxiway.path("Library/Logs/taxiway.log");
    assert_eq!(read(&path), agent(program(), &[], &log).expect("an agent"));
    taxiway.run(&["service", "install"]).exits(0).tells("");
    assert_eq!(told(&taxiway), [""; 0]);
    taxiway.run(&["service", "restart"]).exits(0);
    taxiway.run(&["service", "stop"]).exits(0);
    taxiway.run(&["service", "start"]).exits(0);
    assert_eq!(
        told(&taxiway),
        [
            format!("launchctl kickstart -k gui/{uid}/io.github.taxiway"),
            format!("launchctl kill SIGTERM gui/{uid}/io.github.taxiway"),
            format!("launchctl kickstart gui/{uid}/io.github.taxiway"),
        ]
    );
    // Another version: what is loaded has to go first.
    write(&path, read(&path).replace("<integer>30</integer>", "<integer>5</integer>").as_bytes());
    taxiway.run(&["service", "install"]).exits(0).tells("");
    let mut expected = vec![format!("launchctl bootout gui/{uid}/io.github.taxiway")];
    expected.extend(told_at_first);
    assert_eq!(told(&taxiway), expected);
    taxiway.run(&["service", "logs"]).exits(69);
    write(&log, b"");
    script(&taxiway, "tail", include_str!("service/recorder"));
    taxiway.run(&["service", "logs", "-f", "-n", "5"]).exits(0).prints("a line of the log\n");
    assert_eq!(told(&taxiway), ["tail -n 5 -f ~/Library/Logs/taxiway.log"]);
    taxiway.run(&["service", "uninstall"]).exits(0).tells("");
    assert_eq!(told(&taxiway), [format!("launchctl bootout gui/{uid}/io.github.taxiway")]);
    assert!(!path.exists());
    taxiway.run(&["service", "install", "--system"]).exits(2).tells(
        "error: there is a system's service with systemd only\nhint: taxiway service install\n",
    );
}

#[test]
fn members_of_the_group_reach_the_system_service_without_a_flag() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.set("TAXIWAY_TEST_ROOT", taxiway.path("machine"));
    taxiway.set("TAXIWAY_STATE_DIR", taxiway.path("machine/var/lib/taxiway"));
    taxiway.folder("machine/run/taxiway");
    // A quote, a comma, a byte that is no text.
    for (number, name) in [&b"a \"b\", c.gif"[..], b"d\xff.gif"].into_iter().enumerate() {
        let file = taxiway.path("folder").join(std::ffi::OsStr::from_bytes(name));
        write(&file, &picture(number as u64, 1_000));
    }
    let service = taxiway.daemon();
    let socket = taxiway.path("machine/run/taxiway/control.sock");
    let mode = fs::metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert!(!taxiway.path("machine/var/lib/taxiway/control.sock").exists());
    // By the state directory, as `ExecReload=` does.
    taxiway.run(&["reload"]).exits(0).tells("").prints("nothing changed\n");
    // By nothing at all, as a member of the group.
    taxiway.unset("TAXIWAY_STATE_DIR");
    let pid = |taxiway: &Taxiway| {
        let said = taxiway.run(&["status", "--json"]).exits(0);
        said.objects()[0]["pid"].as_u64().expect("a number")
    };
    assert_eq!(pid(&taxiway), u64::from(service.pid()));
    taxiway.run(&["wait"]).exits(0);
    // Who has a configuration of his own means his own ledger; who has none means the service's.
    taxiway.run(&["retry", "--all", "--json"]).exits(0);
    let config = taxiway.config_file();
    let aside = config.with_extension("aside");
    fs::rename(&config, &aside).expect("moved");
    taxiway.run(&["retry", "--all"]).exits(0).prints("no file has failed\n");
    let listed = |flags: &[&str]| {
        let arguments: Vec<&str> = ["ls"].iter().chain(flags).copied().collect();
        taxiway.run(&arguments).exits(0).tells("").bytes
    };
    for format in [&["--json"][..], &["--csv"], &["--print0"], &[]] {
        let told = listed(format);
        let state_dir = taxiway.path("machine/var/lib/taxiway");
        let flags = ["--state-dir", state_dir.to_str().expect("UTF-8")];
        let own = listed(&[&flags[..], format].concat());
        assert!(!told.is_empty());
        assert_eq!(String::from_utf8_lossy(&told), String::from_utf8_lossy(&own), "{format:?}");
    }
    assert_eq!(listed(&["--print0", "--state", "failed"]), b"");
    fs::rename(&aside, &config).expect("moved");
    // Who says where does not mean the service.
    taxiway.run(&["--state-dir", "elsewhere", "status"]).exits(69);
    // A daemon of one's own comes first.
    let own = taxiway.daemon();
    assert_eq!(pid(&taxiway), u64::from(own.pid()));
    own.stop();
    assert_eq!(pid(&taxiway), u64::from(service.pid()));
    service.stop();
    taxiway.run(&["status"]).exits(69);
}

#[test]
fn a_reload_that_needs_a_closed_door_is_refused_with_what_opens_it() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.set("TAXIWAY_SERVICE", "system");
    let before = read(&taxiway.config_file());
    let daemon = taxiway.daemon();
    taxiway.configure(&format!("{before}on_uploaded = [\"true\"]\n"));
    taxiway.run(&["reload"]).exits(78).prints("").tells(
        "error: hooks are set, and the unit of the service is not made for them\n\
         hint: sudo taxiway service install --system\n",
    );
    taxiway.configure(&format!("{before}{}", section(Path::new("/home/me/Runway"))));
    taxiway.run(&["reload"]).exits(78).prints("").tells(
        "error: /home/me/Runway cannot be seen: the homes are closed to the system's service, and the \
         user's service is for them\n\
         hint: taxiway service install, as the user whose home it is\n",
    );
    taxiway.configure(&format!("{before}sidecar = true\n"));
    let said = taxiway.run(&["reload"]).exits(0).tells("");
    assert!(said.out.contains("sidecar = true"), "the folder can be written in: {}", said.out);
    daemon.stop();
    taxiway.set("TAXIWAY_SERVICE_HOOKS", "open");
    let daemon = taxiway.daemon();
    taxiway.configure(&format!("{before}on_uploaded = [\"true\"]\n"));
    taxiway.run(&["reload"]).exits(0).tells("");
    daemon.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn a_reload_that_would_write_where_all_is_read_only_is_refused() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.set("TAXIWAY_SERVICE", "system");
    let before = read(&taxiway.config_file());
    let folder = taxiway.path("folder");
    let bind =
        format!("mount --bind '{0}' '{0}'; mount -o remount,bind,ro '{0}'", folder.display());
    let Some(command) = crate::kernel::in_a_namespace(&taxiway, &bind, &["run", "--json"]) else {
        return;
    };
    let mut daemon = crate::support::Daemon::start(command);
    daemon.event("idle");
    taxiway.configure(&format!("{before}sidecar = true\n"));
    taxiway.run(&["reload"]).exits(78).prints("").tells(
        "error: the unit of the service does not let it write in ~/folder\n\
         hint: sudo taxiway service install --system\n",
    );
    daemon.stop();
}

#[test]
fn an_empty_credential_counts_as_none() {
    let mut taxiway = home();
    let credentials = taxiway.folder("credentials");
    write(&credentials.join("taxiway-token"), b"\n");
    taxiway.set("CREDENTIALS_DIRECTORY", &credentials);
    fs::remove_file(taxiway.path(".config/taxiway/token")).expect("removed");
    let said = taxiway.run(&["run", "--once"]).exits(78);
    assert!(said.told().starts_with("error: no token: "), "{}", said.err);
}

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
    let open = taxiway::service::Doors {
        writable: vec!["/data/in put".into(), "/data/100%".into(), "/data/\"q\\".into()],
        hooks: true,
    };
    let home = tempfile::tempdir().expect("a directory");
    // systemd itself says whether it found the program by what was written.
    let odd = home.path().join("a b/100%/c; d/taxiway");
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
    let doors = |hooks| taxiway::service::Doors { writable: vec!["/data/in".into()], hooks };
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
            "Umask": 63,
            "StandardOutPath": "/Users/me/Library/Logs/taxiway.log",
            "StandardErrorPath": "/Users/me/Library/Logs/taxiway.log",
        })
    );
}
