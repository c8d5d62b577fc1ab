//! The system's service: how it is installed and reached, and what it refuses.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use taxiway::service::{Kind, SYSUSERS, TMPFILES, unit};

use super::{bare, home, program, read, token, told};
use crate::support::{Server, TOKEN, Taxiway, picture, section, write};

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
fn what_the_service_reads_it_can_read_whatever_the_umask_of_who_installs_it() {
    let taxiway = machine();
    let config = taxiway.path("machine/etc/taxiway/config.toml");
    let plain = taxiway.command(&["service", "install", "--system"]);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "umask 077; exec \"$0\" service install --system"]);
    command.arg(plain.get_program()).env_clear().current_dir(&taxiway.root);
    command.envs(plain.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    taxiway.finish(command, b"").exits(0).tells("");
    let units = taxiway.path("machine/etc/systemd/system");
    let sysusers = taxiway.path("machine/etc/sysusers.d/taxiway.conf");
    for (path, mode) in [
        (config.as_path(), 0o644),
        (config.parent().expect("a parent"), 0o755),
        (&units, 0o755),
        (&units.join("taxiway.service"), 0o644),
        (&sysusers, 0o644),
    ] {
        let found = fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(found & 0o7777, mode, "{}", path.display());
    }
}

#[test]
fn a_file_system_without_acls_is_a_note_and_no_folder_is_an_error() {
    let taxiway = machine();
    let refuses = "#!/bin/sh\necho 'Setting default ACL failed: not supported' >&2\nexit 73\n";
    super::script(&taxiway, "systemd-tmpfiles", refuses);
    let install = ["service", "install", "--system"];
    taxiway.run(&install).exits(75).tells(
        "error: systemd-tmpfiles --create taxiway.conf: Setting default ACL failed: not supported\n\
         hint: systemd-tmpfiles --create taxiway.conf\n",
    );
    for directory in ["machine/srv/taxiway", "machine/var/lib/taxiway"] {
        taxiway.folder(directory);
    }
    let said = taxiway.run(&install).exits(0).tells("");
    let note = "note      systemd-tmpfiles --create taxiway.conf: Setting default ACL failed: not \
                supported; without a default ACL on ~/machine/srv/taxiway the service reads only \
                what its makers let the group read, as umask 027 does\n";
    let out = said.out.replace(&*taxiway.root.to_string_lossy(), "~");
    assert!(out.contains(note), "{out}");
}

#[test]
fn a_token_that_others_can_read_is_refused_and_doctor_says_so() {
    let mut taxiway = machine();
    let file = taxiway.path("machine/etc/taxiway/token");
    token(&file);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    taxiway.run(&["service", "install", "--system"]).exits(78).prints("").tells(
        "error: others than root can use ~/machine/etc/taxiway/token\n\
         hint: sudo chmod 600 ~/machine/etc/taxiway/token\n",
    );
    assert_eq!(told(&taxiway), [""; 0], "nothing is changed");
    taxiway.set("TAXIWAY_BASE_URL", "http://127.0.0.1:9/");
    let warning = "others than root can use ~/machine/etc/taxiway/token, the token of the system's \
                   service";
    let said = |taxiway: &Taxiway| {
        let said = taxiway.run(&["doctor"]);
        said.out.replace(&*taxiway.root.to_string_lossy(), "~")
    };
    assert!(said(&taxiway).contains(warning), "{}", said(&taxiway));
    token(&file);
    assert!(!said(&taxiway).contains(warning), "{}", said(&taxiway));
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
    taxiway.run(&["service", "status", "--system"]).exits(69).prints("").tells(
        "error: there is no system's systemd service\n\
         hint: sudo taxiway service install --system\n",
    );
    assert_eq!(told(&taxiway), [""; 0]);
    let mut taxiway = bare();
    taxiway.unset("TAXIWAY_TEST_ROOT");
    taxiway.set("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (verb, word) in
        ["install", "start", "stop", "restart", "uninstall"].map(|verb| (verb, verb))
    {
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
    write(&taxiway.path("machine/usr/lib/sysusers.d/taxiway.conf"), SYSUSERS.as_bytes());
    write(&taxiway.path("machine/usr/lib/tmpfiles.d/taxiway.conf"), TMPFILES.as_bytes());
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
fn members_of_the_group_reach_the_system_service_without_a_flag() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    taxiway.set("TAXIWAY_TEST_ROOT", taxiway.path("machine"));
    taxiway.set("TAXIWAY_STATE_DIR", taxiway.path("machine/var/lib/taxiway"));
    taxiway.folder("machine/run/taxiway");
    // A quote, a comma, a byte that is no text.
    for (number, name) in [&b"a \"b\", c.gif"[..], b"d\xff.gif"].into_iter().enumerate() {
        let file = taxiway.path("folder").join(OsStr::from_bytes(name));
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
    // Who has a configuration of his own means his own files, and his own daemon, which does not
    // run; who has none means the service's.
    taxiway.run(&["retry", "--all", "--json"]).exits(0);
    for command in ["status", "wait", "pause", "rescan", "reload"] {
        taxiway
            .run(&[command])
            .exits(69)
            .prints("")
            .tells("error: no daemon runs with this configuration\nhint: taxiway run\n");
    }
    let config = taxiway.config_file();
    let aside = config.with_extension("aside");
    fs::rename(&config, &aside).expect("moved");
    assert_eq!(pid(&taxiway), u64::from(service.pid()));
    taxiway.run(&["wait"]).exits(0);
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
    let files: Vec<_> = fs::read_dir(taxiway.path("folder")).expect("a list").flatten().collect();
    assert_eq!(files.len(), 2);
    let state_dir = taxiway.path("machine/var/lib/taxiway");
    for file in files.iter().map(|entry| entry.path()) {
        for command in ["id", "why"] {
            for format in [&[][..], &["--json"]] {
                let say = |flags: &[&OsStr]| {
                    let words = [command].into_iter().chain(format.iter().copied()).map(OsStr::new);
                    let words: Vec<&OsStr> =
                        flags.iter().copied().chain(words).chain([file.as_os_str()]).collect();
                    taxiway.run(&words).exits(0).tells("").out
                };
                let own = say(&[OsStr::new("--state-dir"), state_dir.as_os_str()]);
                assert_eq!(say(&[]), own, "{command} {}", file.display());
            }
        }
    }
    let stranger = taxiway.path("stranger.gif");
    write(&stranger, &picture(9, 1_000));
    taxiway
        .run(&["id", "stranger.gif"])
        .exits(1)
        .prints("\n")
        .tells("stranger.gif: not in the ledger\n");
    let said = taxiway.run(&["why", "stranger.gif"]).exits(1).prints("");
    assert!(
        said.told().starts_with("error: ~/stranger.gif is not in the ledger, "),
        "{}",
        said.err
    );
    // Who has a token pushes himself; who has none has the service do it.
    taxiway.unset("TAXIWAY_TOKEN");
    let pushed = taxiway.run(&["push", "stranger.gif"]).exits(0).tells("");
    taxiway.run(&["id", "stranger.gif"]).exits(0).prints(&pushed.out);
    taxiway.run(&["push", "nowhere.gif"]).exits(1);
    fs::rename(&aside, &config).expect("moved");
    // Who says where does not mean the service.
    taxiway.run(&["--state-dir", "elsewhere", "status"]).exits(69);
    // A daemon of one's own comes first.
    taxiway.set("TAXIWAY_TOKEN", TOKEN);
    let own = taxiway.daemon();
    assert_eq!(pid(&taxiway), u64::from(own.pid()));
    own.stop();
    taxiway.run(&["status"]).exits(69);
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
    taxiway.configure(&format!("{before}after_upload = \"move:/home/me/done\"\n"));
    taxiway.run(&["reload"]).exits(78).prints("").tells(
        "error: /home/me/done cannot be seen: the homes are closed to the system's service, and the \
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
