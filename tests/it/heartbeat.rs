//! The address that is called as long as all is well, and not a moment longer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::{PATIENCE, Server, TOKEN, Taxiway, eventually, picture, section, write};

/// Somebody who raises an alarm when nobody calls, as far as it listens.
struct Alarm {
    address: SocketAddr,
    calls: Receiver<String>,
    /// It answers with an error.
    broken: Arc<AtomicBool>,
}

impl Alarm {
    fn start() -> Alarm {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
        let address = listener.local_addr().expect("an address");
        let (to, calls) = channel();
        let broken = Arc::new(AtomicBool::new(false));
        let breaks = Arc::clone(&broken);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a call");
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.push(byte[0]);
                }
                let status = if breaks.load(Ordering::Acquire) { 500 } else { 200 };
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
                if to.send(String::from_utf8_lossy(&head).into_owned()).is_err() {
                    return;
                }
            }
        });
        Alarm { address, calls, broken }
    }

    #[track_caller]
    fn is_called(&self) -> String {
        while self.calls.try_recv().is_ok() {}
        self.calls.recv_timeout(PATIENCE).expect("a call")
    }

    /// One that was under way may still come; then there is silence.
    #[track_caller]
    fn falls_silent(&self) {
        let long = Duration::from_millis(10 * INTERVAL_MS);
        while self.calls.try_recv().is_ok() {}
        let mut late = 0;
        while self.calls.recv_timeout(long).is_ok() {
            late += 1;
            assert!(late < 3, "it goes on calling");
        }
    }
}

const INTERVAL_MS: u64 = 50;

fn house(server: &Server, alarm: &Alarm) -> Taxiway {
    let mut taxiway = Taxiway::with(server);
    taxiway.set("TAXIWAY_LOG", "warn,taxiway=info");
    let folder = taxiway.folder("folder");
    let url = format!("http://{}/ping/a-secret?status=up", alarm.address);
    let control =
        format!("[control]\nheartbeat_url = \"{url}\"\nheartbeat_interval = \"{INTERVAL_MS}ms\"\n");
    taxiway.configure(&format!("{control}{}settle = \"50ms\"\n", section(&folder)));
    taxiway
}

#[test]
fn it_is_called_without_a_token_while_all_is_well_and_not_otherwise() {
    let (server, alarm) = (Server::start(), Alarm::start());
    let taxiway = house(&server, &alarm);
    let mut daemon = taxiway.daemon();
    let call = alarm.is_called();
    assert!(call.starts_with("GET /ping/a-secret?status=up HTTP/1.1\r\n"), "{call}");
    assert!(!call.to_lowercase().contains("authorization") && !call.contains(TOKEN), "{call}");
    // Paused.
    taxiway.run(&["pause"]).exits(0);
    alarm.falls_silent();
    taxiway.run(&["resume"]).exits(0);
    alarm.is_called();
    // Something needs a person.
    server.faults(&["status=415"]);
    let file = taxiway.path("folder/a.gif");
    write(&file, &picture(1, 1_000));
    daemon.event_of("failed", &file);
    alarm.falls_silent();
    server.faults(&[]);
    taxiway.run(&["retry", "--all"]).exits(0);
    daemon.event_of("uploaded", &file);
    alarm.is_called();
    // A folder is away.
    let (folder, elsewhere) = (taxiway.path("folder"), taxiway.path("elsewhere"));
    std::fs::rename(&folder, &elsewhere).expect("moved");
    daemon.event("folder_away");
    alarm.falls_silent();
    std::fs::rename(&elsewhere, &folder).expect("moved back");
    taxiway.run(&["rescan"]).exits(0);
    daemon.event("folder_back");
    alarm.is_called();
    // The token is refused.
    server.set_token("user:2-other");
    write(&taxiway.path("folder/b.gif"), &picture(2, 1_000));
    daemon.event("account_stopped");
    alarm.falls_silent();
    daemon.stop();
}

#[test]
fn that_uploads_wait_for_the_mains_is_no_alarm() {
    let (server, alarm) = (Server::start(), Alarm::start());
    let mut taxiway = house(&server, &alarm);
    let config = std::fs::read_to_string(taxiway.config_file()).expect("the configuration");
    taxiway.configure(&format!("api.pause_on = [\"battery\"]\n{config}"));
    let battery = taxiway.folder("supplies/BAT0");
    for (attribute, value) in [("type", "Battery"), ("status", "Discharging")] {
        std::fs::write(battery.join(attribute), value).expect("an attribute");
    }
    taxiway.set("TAXIWAY_TEST_POWER", taxiway.path("supplies"));
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    let mut daemon = taxiway.spawn(&["run", "--json"]);
    daemon.event("paused");
    // One may have been under way.
    for _ in 0..5 {
        alarm.is_called();
    }
    daemon.stop();
}

#[test]
fn what_is_not_the_service_does_not_call_for_it() {
    let (server, alarm) = (Server::start(), Alarm::start());
    let taxiway = house(&server, &alarm);
    for arguments in [&["run", "--json", "--sandbox"][..], &["run", "--json", "folder"]] {
        let mut daemon = taxiway.spawn(arguments);
        daemon.event("idle");
        alarm.falls_silent();
        daemon.stop();
    }
    taxiway.once().exits(0);
    assert!(alarm.calls.try_recv().is_err(), "nobody calls");
}

#[test]
fn a_loop_that_hangs_is_not_well() {
    let (server, alarm) = (Server::start(), Alarm::start());
    let mut taxiway = house(&server, &alarm);
    let (hang, sign) = (taxiway.path("hang"), taxiway.path("hang.hangs"));
    taxiway.set("TAXIWAY_TEST_HANG_AT", format!("turn:{}", hang.display()));
    let daemon = taxiway.daemon();
    alarm.is_called();
    write(&hang, b"");
    eventually("it hangs", || sign.exists().then_some(()));
    alarm.falls_silent();
    std::fs::remove_file(&hang).expect("the file");
    alarm.is_called();
    daemon.stop();
}

#[test]
fn that_nobody_takes_the_call_is_told_once_and_without_the_address() {
    let (server, alarm) = (Server::start(), Alarm::start());
    let taxiway = house(&server, &alarm);
    alarm.broken.store(true, Ordering::Release);
    let mut daemon = taxiway.daemon();
    let warning = "heartbeat_url: http://";
    daemon.until_told(warning);
    for _ in 0..3 {
        alarm.is_called();
    }
    alarm.broken.store(false, Ordering::Release);
    daemon.until_told("is called again");
    let origin = format!("http://{}", alarm.address);
    let told: Vec<&String> = daemon.told.iter().filter(|line| line.contains(warning)).collect();
    let hint = "it answers 500; hint: taxiway config show";
    let expected = format!("heartbeat_url: {origin} cannot be called: {hint}");
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].ends_with(&expected), "{told:#?}");
    // Another one is not told to the log either.
    let config = std::fs::read_to_string(taxiway.config_file()).expect("the configuration");
    taxiway.configure(&config.replace("a-secret?", "another/a-secret?"));
    taxiway.run(&["reload"]).exits(0).prints("[control]: heartbeat_url = …\n");
    daemon.until_told("was read again: [control]: heartbeat_url = …");
    eventually("it calls that one", || {
        alarm.is_called().starts_with("GET /ping/another/a-secret?status=up ").then_some(())
    });
    assert!(!daemon.told.iter().any(|line| line.contains("a-secret")), "{:#?}", daemon.told);
    daemon.stop();
}
