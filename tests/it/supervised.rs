//! What a service manager is told, heard on a real datagram socket.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, Server, Taxiway, ask, eventually, picture, section, write};

/// A service manager, as far as it listens.
struct Manager {
    socket: UnixDatagram,
    /// What was heard so far and nobody has asked for.
    words: Vec<String>,
}

impl Manager {
    /// That the program is told to speak to.
    fn of(taxiway: &mut Taxiway) -> Manager {
        let path = taxiway.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        taxiway.set("NOTIFY_SOCKET", &path);
        Manager { socket, words: Vec::new() }
    }

    /// The next words, if they come in time.
    fn next_within(&mut self, patience: Duration) -> Option<String> {
        if !self.words.is_empty() {
            return Some(self.words.remove(0));
        }
        self.socket.set_read_timeout(Some(patience)).expect("a limit");
        let mut buffer = [0; 4_096];
        let read = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..read]).into_owned())
    }

    #[track_caller]
    fn next(&mut self) -> String {
        self.next_within(PATIENCE).expect("words")
    }

    /// Waits for words that begin so; what came before them, without signs of life.
    #[track_caller]
    fn until(&mut self, begin: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        let until = Instant::now() + PATIENCE;
        loop {
            let words = self.next();
            if words.starts_with(begin) {
                return (before, words);
            }
            if words != "WATCHDOG=1" {
                before.push(words);
            }
            assert!(Instant::now() < until, "{begin} never comes: {before:#?}");
        }
    }

    /// For so long there is no sign of life.
    #[track_caller]
    fn is_lifeless(&mut self, period: Duration) {
        let until = Instant::now() + period;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let words = self.next_within(left.max(Duration::from_millis(1)));
            assert_ne!(words.as_deref(), Some("WATCHDOG=1"));
        }
    }

    /// All that has been said and not been heard.
    fn drain(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(next) = self.next_within(Duration::from_millis(1)) {
            words.push(next);
        }
        words
    }
}

/// A file that has the program hang at a place of its source, and the sign that it does.
fn hang(taxiway: &mut Taxiway, place: &str) -> (PathBuf, PathBuf) {
    let (file, sign) = (taxiway.path("hang"), taxiway.path("hang.hangs"));
    taxiway.set("TAXIWAY_TEST_HANG_AT", format!("{place}:{}", file.display()));
    (file, sign)
}

fn start(taxiway: &Taxiway, manager: &mut Manager) -> Daemon {
    let daemon = taxiway.spawn(&["run", "--json"]);
    manager.until("STATUS=all done as of ");
    daemon
}

/// What is said of one reload.
#[track_caller]
fn reloaded(manager: &mut Manager) {
    let words = manager.until("RELOADING=1\n").1;
    let usec = words.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a time");
    let usec: i128 = usec.parse().expect("a number");
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
    assert!(usec <= now && now - usec < 60_000_000, "{usec} {now}");
    let (before, _) = manager.until("READY=1");
    let status = |words: &String| words.starts_with("STATUS=");
    assert!(before.iter().all(status), "{before:#?}");
}

#[test]
fn it_is_ready_once_the_ledger_is_open_and_the_socket_answers_and_says_what_takes_long() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let mut manager = Manager::of(&mut taxiway);
    let (file, sign) = hang(&mut taxiway, "opening");
    write(&file, b"");
    let daemon = taxiway.spawn(&["run", "--json"]);
    assert_eq!(manager.next(), "STATUS=opening the ledger");
    assert_eq!(manager.next(), "EXTEND_TIMEOUT_USEC=120000000");
    eventually("it hangs", || sign.exists().then_some(()));
    assert_eq!(manager.drain(), [""; 0]);
    std::fs::remove_file(&file).expect("the file");
    assert_eq!(manager.next(), "READY=1");
    ask(&taxiway, "GET /healthz", "").is(200);
    manager.until("STATUS=all done as of ");
    daemon.stop();
}

#[test]
fn it_uploads_without_its_socket_says_so_and_is_ready_once_it_has_it() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let mut manager = Manager::of(&mut taxiway);
    let in_the_way = taxiway.state_dir().join("control.sock/x");
    std::fs::create_dir_all(&in_the_way).expect("a directory");
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploaded", &file);
    let (before, words) = manager.until("STATUS=no control socket: ");
    assert!(words.contains("; "), "{words}");
    assert!(!before.contains(&"READY=1".to_owned()), "{before:#?}");
    assert!(!manager.drain().contains(&"READY=1".to_owned()));
    std::fs::remove_dir_all(taxiway.state_dir().join("control.sock")).expect("removed");
    let (before, _) = manager.until("READY=1");
    assert!(before.iter().all(|words| words != "RELOADING=1"), "{before:#?}");
    ask(&taxiway, "GET /healthz", "").is(200);
    manager.until("STATUS=all done as of ");
    taxiway.run(&["reload"]).exits(0);
    reloaded(&mut manager);
    daemon.stop();
}

#[test]
fn what_every_user_of_the_machine_can_see_names_no_folder() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let mut manager = Manager::of(&mut taxiway);
    taxiway.set("TAXIWAY_SERVICE", "system");
    std::fs::remove_dir_all(taxiway.path("folder")).expect("removed");
    let daemon = taxiway.spawn(&["run", "--json"]);
    let (_, words) = manager.until("STATUS=a folder is away");
    assert_eq!(words, "STATUS=a folder is away: taxiway status says more");
    daemon.stop();
}

#[test]
fn its_state_is_the_first_line_of_status_while_it_arms_its_watches_and_uploads() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let mut manager = Manager::of(&mut taxiway);
    let (hang, _) = hang(&mut taxiway, "arming");
    write(&hang, b"");
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    let (before, _) = manager.until("READY=1");
    assert_eq!(before, ["STATUS=opening the ledger", "EXTEND_TIMEOUT_USEC=120000000"]);
    assert_eq!(manager.next(), "STATUS=arming the watches of 1 of 1 folder");
    std::fs::remove_file(&hang).expect("the file");
    manager.until("STATUS=all done as of ");
    server.faults(&["slow-answer=1500ms"]);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    manager.until("STATUS=uploading 1 of 1 file, ");
    daemon.event_of("uploaded", &file);
    manager.until("STATUS=all done as of ");
    server.faults(&["status=413"]);
    write(&taxiway.path("folder/b.gif"), &picture(2, 1_000));
    let (_, words) = manager.until("STATUS=all done as of ");
    assert!(words.ends_with("; 1 file failed"), "{words}");
    daemon.stop();
}

#[test]
fn a_reload_is_announced_and_over_whether_it_is_taken_or_refused_and_whoever_asked() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let mut manager = Manager::of(&mut taxiway);
    let daemon = start(&taxiway, &mut manager);
    let sound = std::fs::read_to_string(taxiway.config_file()).expect("the configuration");
    taxiway.run(&["reload"]).exits(0);
    reloaded(&mut manager);
    taxiway.configure("[api]\nrate = 1\n");
    taxiway.run(&["reload"]).exits(78);
    reloaded(&mut manager);
    daemon.signal("HUP");
    reloaded(&mut manager);
    taxiway.configure(&sound);
    daemon.signal("HUP");
    reloaded(&mut manager);
    daemon.stop();
}

#[test]
fn an_end_is_announced_before_uploads_have_their_answers() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let mut manager = Manager::of(&mut taxiway);
    let mut daemon = start(&taxiway, &mut manager);
    server.faults(&["slow-answer=1s"]);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("uploading", &file);
    eventually("it is there", || (server.uploads() == 1).then_some(()));
    daemon.signal("TERM");
    manager.until("STOPPING=1");
    let words = manager.drain();
    assert!(words.iter().all(|words| words.starts_with("STATUS=stopping: ")), "{words:#?}");
    daemon.event_of("uploaded", &file);
    assert_eq!(daemon.ends(), 0);
    assert_eq!(taxiway.state(&file), "uploaded");
    // What ends by itself says so, too.
    taxiway.run(&["run", "--once", "-q"]).exits(0);
    let (before, _) = manager.until("STOPPING=1");
    assert!(before.contains(&"READY=1".to_owned()), "{before:#?}");
}

#[test]
fn signs_of_life_come_from_the_loop_while_it_is_idle_and_not_while_it_hangs() {
    let server = Server::start();
    let mut taxiway = Taxiway::watching(&server);
    let mut manager = Manager::of(&mut taxiway);
    let period = Duration::from_millis(600);
    taxiway.set("WATCHDOG_USEC", period.as_micros().to_string());
    let (hang, sign) = hang(&mut taxiway, "turn");
    let daemon = start(&taxiway, &mut manager);
    for _ in 0..4 {
        manager.until("WATCHDOG=1");
    }
    write(&hang, b"");
    eventually("it hangs", || sign.exists().then_some(()));
    manager.drain();
    // Other threads go on: one of them answers.
    ask(&taxiway, "GET /nowhere", "").is(404);
    manager.is_lifeless(3 * period);
    std::fs::remove_file(&hang).expect("the file");
    manager.until("WATCHDOG=1");
    daemon.stop();
    // Meant for another process.
    taxiway.set("WATCHDOG_PID", "1");
    let daemon = start(&taxiway, &mut manager);
    manager.drain();
    manager.is_lifeless(2 * period);
    daemon.stop();
}

#[test]
fn a_program_of_the_users_cannot_speak_for_the_service() {
    let server = Server::start();
    let mut taxiway = Taxiway::with(&server);
    let mut manager = Manager::of(&mut taxiway);
    taxiway.set("WATCHDOG_USEC", "3600000000");
    let (folder, out) = (taxiway.folder("folder"), taxiway.path("environment"));
    let hook = format!("on_uploaded = [\"sh\", \"-c\", \"env > '{}'\"]\n", out.display());
    taxiway.configure(&format!("{}settle = \"50ms\"\n{hook}", section(&folder)));
    let daemon = start(&taxiway, &mut manager);
    write(&folder.join("a.gif"), &picture(1, 1_000));
    let environment = eventually("the program ends", || {
        let text = std::fs::read_to_string(&out).ok()?;
        text.contains("PATH=").then_some(text)
    });
    daemon.stop();
    for kept_back in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "TAXIWAY_TOKEN"] {
        assert!(!environment.contains(kept_back), "{environment}");
    }
}
