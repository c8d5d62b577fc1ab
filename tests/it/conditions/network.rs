//! A real NetworkManager, on a bus and in a network of its own, says whether the link is metered.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::support::{Server, Taxiway, eventually, picture, required, write};

/// Makes a network with one link, a connection for it, and a bus; then does what it is told.
const WORLD: &str = r#"
mount -t sysfs -o ro none /sys
mount -t tmpfs none /run
ip link add phone0 type veth peer name other0
ip link set other0 up
mkdir -p "$1/connections" "$1/none"
cat >"$1/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=$1/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
END
cat >"$1/manager.conf" <<END
[main]
plugins=keyfile
no-auto-default=*
auth-polkit=false
[keyfile]
path=$1/connections
[device]
match-device=interface-name:*
managed=1
END
cat >"$1/connections/phone.nmconnection" <<END
[connection]
id=phone
uuid=2f5cb9f2-0000-4000-8000-000000000001
type=ethernet
interface-name=phone0
autoconnect=false
metered=1
[ipv4]
method=manual
address1=10.9.8.7/24,10.9.8.1
[ipv6]
method=disabled
END
chmod 600 "$1"/connections/*
dbus-daemon --config-file="$1/bus.conf" --nofork 2>>"$1/log" &
export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$1/bus"
echo begun
while read -r line; do
    case $line in
        manager)
            NetworkManager --no-daemon --config="$1/manager.conf" --config-dir="$1/none" \
                --system-config-dir="$1/none" --state-file="$1/state" --pid-file="$1/pid" \
                2>>"$1/log" &
            ;;
        managed) nmcli device set phone0 managed yes 2>&1 ;;
        up) nmcli connection up phone 2>&1 ;;
        *)
            nmcli connection modify phone connection.metered "$line" 2>&1
            nmcli device reapply phone0 2>&1
            ;;
    esac
    echo done
done
"#;

/// The world in which the manager of the network runs. What began in it ends with it.
struct Network {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<std::process::ChildStdout>,
}

impl Network {
    fn of(taxiway: &mut Taxiway) -> Network {
        let place = taxiway.folder("network");
        let mut command = Command::new("unshare");
        command.args(["-Urnm", "--pid", "--fork", "--kill-child", "sh", "-c", WORLD, "world"]);
        command.arg(&place).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a namespace");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut network = Network { child, orders, answers };
        network.hear("begun");
        let bus = place.join("bus");
        eventually("the bus", || bus.exists().then_some(()));
        taxiway.set("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", bus.display()));
        network
    }

    /// What was said up to this.
    #[track_caller]
    fn hear(&mut self, last: &str) -> String {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let heard = self.answers.read_line(&mut line).expect("text");
            assert!(heard > 0, "it ended: {said}");
            if line.trim_end() == last {
                return said;
            }
            said.push_str(&line);
        }
    }

    #[track_caller]
    fn order(&mut self, order: &str) -> String {
        use std::io::Write;
        let orders = self.orders.as_mut().expect("a pipe");
        writeln!(orders, "{order}").expect("it listens");
        self.hear("done")
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.answers.read_to_string(&mut String::new());
    }
}

/// The bus believes a user of a namespace only if outside of it that is the same one: root.
fn can_be_had() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = ["NetworkManager", "nmcli", "dbus-daemon", "busctl", "ip", "unshare"]
        .into_iter()
        .find(|program| !std::env::split_paths(&path).any(|at| at.join(program).is_file()));
    let root = rustix::process::geteuid().is_root();
    required(missing.is_none(), missing.unwrap_or("nothing"))
        && required(root, "root, whom a bus in a namespace believes")
}

#[test]
fn on_a_metered_link_uploads_wait_until_it_is_another() {
    if !can_be_had() {
        return;
    }
    let server = Server::start();
    let mut taxiway = super::waiting_for(&server, "\"metered\"");
    taxiway.set("TAXIWAY_TEST_SENSE_MS", "300");
    let mut network = Network::of(&mut taxiway);
    let doctor = |taxiway: &Taxiway| {
        let said = taxiway.run(&["doctor"]).out;
        let line = said.lines().find(|line| line.contains("pause_on")).map(str::to_owned);
        line.unwrap_or(said)
    };
    let words = "whether the link is metered cannot be told: no NetworkManager is there to tell; \
                 uploads do not wait for it";
    let alone = doctor(&taxiway);
    assert!(alone.contains(words), "{alone}");

    network.order("manager");
    eventually("the manager answers", || doctor(&taxiway).contains("is not metered").then_some(()));
    network.order("managed");
    eventually("the link is up", || network.order("up").contains("success").then_some(()));
    eventually("it is metered", || doctor(&taxiway).contains("the link is metered").then_some(()));

    let link = "error: uploads are paused while on a metered link\n\
                hint: use another link, or edit pause_on in the file of: taxiway config path\n";
    write(&taxiway.path("folder/0.gif"), &picture(0, 1_000));
    taxiway.run(&["run", "--once", "-q"]).exits(75).tells(link);
    let (first, second) = (taxiway.path("folder/1.gif"), taxiway.path("folder/2.gif"));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    write(&first, &picture(1, 1_000));
    assert_eq!(daemon.event("paused")["reason"], "while on a metered link");
    network.order("no");
    eventually("it is not", || doctor(&taxiway).contains("is not metered").then_some(()));
    daemon.event("resumed");
    daemon.event_of("uploaded", &first);
    daemon.stop();

    // What it guesses counts.
    network.order("unknown");
    let mut daemon = taxiway.daemon();
    write(&second, &picture(2, 1_000));
    daemon.event_of("uploaded", &second);
    daemon.stop();
    assert_eq!(server.uploads(), 3);
}
