//! gnome-keyring, on a session bus of its own, asked by the real `secret-tool`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::support::{Server, TOKEN, Taxiway, eventually, picture, write};

/// The bus starts nobody: what is on it was put there.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"#;

/// Ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn within(taxiway: &Taxiway, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    let plain = taxiway.command(&[] as &[&str]);
    let variables = plain.get_envs().filter_map(|(key, value)| Some((key, value?)));
    command.args(arguments).env_clear().envs(variables).current_dir(&taxiway.root);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn bus(taxiway: &mut Taxiway) -> Ends {
    let file = taxiway.path("bus.conf");
    write(&file, BUS.as_bytes());
    let file = format!("--config-file={}", file.display());
    let mut command = within(taxiway, "dbus-daemon", &[&file, "--nofork", "--print-address=1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a bus");
    let mut address = String::new();
    let out = child.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut address).expect("its address");
    taxiway.set("DBUS_SESSION_BUS_ADDRESS", address.trim());
    Ends(child)
}

/// A keyring whose password is `pw`, opened with that, or made with it.
fn keyring(taxiway: &Taxiway) -> Ends {
    let arguments = ["--unlock", "--foreground", "--components=secrets,pkcs11"];
    let mut command = within(taxiway, "gnome-keyring-daemon", &arguments);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("a keyring");
    child.stdin.take().expect("a pipe").write_all(b"pw").expect("its password");
    eventually("the keyring is on the bus", || {
        let search = ["search", "service", "another"];
        within(taxiway, "secret-tool", &search).status().expect("an end").success().then_some(())
    });
    Ends(child)
}

fn lock(taxiway: &Taxiway) {
    let lock = [
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.secrets",
        "/org/freedesktop/secrets",
        "org.freedesktop.Secret.Service.Lock",
        "array:objpath:/org/freedesktop/secrets/collection/login",
    ];
    assert!(within(taxiway, "dbus-send", &lock).status().expect("an end").success());
}

/// Whether all of it is installed. Where `TAXIWAY_KEYRING_TESTS=required` it has to be; elsewhere the
/// test says that it leaves something out.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn is_installed() -> bool {
    let required = std::env::var_os("TAXIWAY_KEYRING_TESTS").is_some_and(|is| is == "required");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = ["dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool"]
        .into_iter()
        .find(|program| !std::env::split_paths(&path).any(|at| at.join(program).is_file()));
    let Some(missing) = missing else { return true };
    assert!(!required, "there is no {missing}, and TAXIWAY_KEYRING_TESTS=required");
    eprintln!("skipped: there is no {missing} here");
    false
}

#[test]
fn a_real_keyring_gives_the_token_is_locked_and_is_opened() {
    if !is_installed() {
        return;
    }
    let server = Server::start();
    server.set_token(TOKEN);
    let mut taxiway = Taxiway::watching(&server);
    taxiway.unset("TAXIWAY_TOKEN");
    // How long it takes is not what is looked at.
    taxiway.set("TAXIWAY_TEST_KEYRING_MS", "20000");
    let words = |taxiway: &Taxiway| {
        let said = taxiway.run(&["run", "--once"]).exits(78).told();
        said.lines().next().expect("a line").rsplit(", and ").next().expect("words").to_owned()
    };
    let _bus = bus(&mut taxiway);
    assert_eq!(words(&taxiway), "no keyring is on the session bus");
    let opened = keyring(&taxiway);
    assert_eq!(words(&taxiway), "the keyring has none");

    // As the hint says, with the token on stdin.
    let mut store = within(&taxiway, "sh", &["-c", STORE]);
    let mut child = store.stdin(Stdio::piped()).spawn().expect("a shell");
    child.stdin.take().expect("a pipe").write_all(TOKEN.as_bytes()).expect("the token");
    assert!(child.wait().expect("an end").success());
    let first = taxiway.path("folder/1.gif");
    write(&first, &picture(1, 1_000));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event_of("uploaded", &first);
    lock(&taxiway);
    let second = taxiway.path("folder/2.gif");
    write(&second, &picture(2, 1_000));
    daemon.event_of("uploaded", &second);
    daemon.stop();

    let locked = taxiway.run(&["run", "--once"]).exits(78);
    locked.tells(
        "error: no token: the keyring is locked\n\
         hint: secret-tool lookup service taxiway >/dev/null\n",
    );
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    assert_eq!(daemon.event("account_stopped")["reason"], "the keyring is locked");
    let third = taxiway.path("folder/3.gif");
    write(&third, &picture(3, 1_000));
    daemon.event_of("settled", &third);
    drop(opened);
    let _opened = keyring(&taxiway);
    daemon.event("account_resumed");
    daemon.event_of("uploaded", &third);
    daemon.stop();
    assert_eq!(server.assets().len(), 3);
}

const STORE: &str = "secret-tool store --label=taxiway service taxiway";
