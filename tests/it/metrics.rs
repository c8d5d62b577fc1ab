//! `GET /metrics`: read by the parser of Prometheus' own client for Python, and compared with what
//! happened.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Server, Taxiway, ask, eventually, picture, write};

/// Reads the text as Prometheus does; names, kinds, helps and samples.
const PARSE: &str = "
import json, sys
from prometheus_client.parser import text_string_to_metric_families as parse
families = [
    {'name': f.name, 'kind': f.type, 'help': f.documentation,
     'samples': [[s.name, dict(s.labels), s.value] for s in f.samples]}
    for f in parse(sys.stdin.read())]
json.dump(families, sys.stdout)
";

/// A Python that has the parser. Where CI is set there has to be one. The system's packages are seen
/// by the system's Python only, which need not be the first in the path.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn parser() -> Option<&'static str> {
    let has = |python: &&str| {
        let mut python = Command::new(python);
        python.args(["-c", "import prometheus_client"]).stderr(Stdio::null());
        python.status().is_ok_and(|status| status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(found.is_some() || !ci, "python3-prometheus-client is missing, and CI has to have it");
    if found.is_none() {
        eprintln!("skipped: there is no python3-prometheus-client here");
    }
    found
}

#[track_caller]
fn parsed(python: &str, text: &str) -> Vec<Value> {
    let mut python = Command::new(python);
    python.args(["-c", PARSE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().expect("python");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{text}");
    let families: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    families.as_array().expect("a list").clone()
}

/// Each sample by its name and labels, as they are written.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    let samples: Vec<(String, f64)> = lines.map(sample).collect();
    let count = samples.len();
    let samples: BTreeMap<String, f64> = samples.into_iter().collect();
    assert_eq!(samples.len(), count, "each sample once: {text}");
    samples
}

fn metrics(taxiway: &Taxiway) -> String {
    ask(taxiway, "GET /metrics", "").is(200).text
}

#[test]
fn the_numbers_are_those_of_what_happened() {
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let mut daemon = taxiway.daemon();
    let folder = taxiway.path("folder");
    server.faults(&["status=415,name=bad"]);
    for (name, number) in [("a.gif", 1), ("bad.gif", 2)] {
        write(&folder.join(name), &picture(number, 1_000));
    }
    daemon.event_of("uploaded", &folder.join("a.gif"));
    eventually("it failed", || {
        (samples(&metrics(&taxiway))["taxiway_uploads_total{outcome=\"failed\"}"] == 1.0)
            .then_some(())
    });
    write(&folder.join("copy.gif"), &picture(1, 1_000));
    daemon.event_of("deduplicated", &folder.join("copy.gif"));
    daemon.event("idle");
    let size = picture(1, 1_000).len() as f64;
    let now = eventually("all is counted", || {
        let now = samples(&metrics(&taxiway));
        (now["taxiway_files{state=\"uploaded\"}"] == 2.0).then_some(now)
    });
    for (name, expected) in [
        ("taxiway_uploads_total{outcome=\"uploaded\"}", 1.0),
        ("taxiway_uploads_total{outcome=\"deduplicated\"}", 1.0),
        ("taxiway_uploads_total{outcome=\"failed\"}", 1.0),
        ("taxiway_uploads_total{outcome=\"held\"}", 0.0),
        ("taxiway_files{state=\"failed\"}", 1.0),
        ("taxiway_files{state=\"queued\"}", 0.0),
        ("taxiway_left_bytes", 0.0),
        ("taxiway_oldest_waiting_seconds", 0.0),
        ("taxiway_folders{mode=\"events\"}", 1.0),
        ("taxiway_overflows_total", 0.0),
        ("taxiway_scans_total{result=\"complete\"}", 1.0),
        ("taxiway_paused", 0.0),
        ("taxiway_uploads_allowed", 2.0),
        ("taxiway_done", 1.0),
        ("taxiway_needs_person", 1.0),
        ("taxiway_account_state{account=\"me@example.com\",state=\"ok\"}", 1.0),
        ("taxiway_account_state{account=\"me@example.com\",state=\"broken\"}", 0.0),
        ("taxiway_stopped{cause=\"offline\"}", 0.0),
        ("taxiway_event_to_asset_seconds_count", 2.0),
        ("taxiway_event_to_asset_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("taxiway_event_to_settled_seconds_count", 3.0),
    ] {
        assert_eq!(now.get(name), Some(&expected), "{name}: {now:#?}");
    }
    assert!(now["taxiway_sent_bytes_total"] >= 2.0 * size, "{now:#?}");
    assert!(now["taxiway_ledger_bytes{file=\"ledger\"}"] > 0.0, "{now:#?}");
    assert!(now["taxiway_loop_steps_total"] > 0.0, "{now:#?}");
    // What waits has an age, and what is paused says so.
    taxiway.run(&["pause"]).exits(0);
    write(&folder.join("b.gif"), &picture(3, 1_000));
    let waits = eventually("it waits", || {
        let now = samples(&metrics(&taxiway));
        (now["taxiway_files{state=\"queued\"}"] == 1.0).then_some(now)
    });
    assert_eq!(waits["taxiway_paused"], 1.0);
    assert_eq!(waits["taxiway_left_bytes"], picture(3, 1_000).len() as f64);
    eventually("it gets older", || {
        (samples(&metrics(&taxiway))["taxiway_oldest_waiting_seconds"] > 0.0).then_some(())
    });
    // Without an account that takes anything, that is what its state says.
    server.faults(&[]);
    server.set_token("user:2-other");
    taxiway.run(&["resume"]).exits(0);
    daemon.event("account_stopped");
    let stopped = samples(&metrics(&taxiway));
    assert_eq!(stopped["taxiway_stopped{cause=\"auth\"}"], 1.0, "{stopped:#?}");
    let name = "taxiway_account_state{account=\"me@example.com\",state=\"auth\"}";
    assert_eq!(stopped[name], 1.0, "{stopped:#?}");
    daemon.stop();
}

#[test]
fn prometheus_itself_can_read_them_and_each_has_a_help_and_a_kind() {
    let Some(python) = parser() else {
        return;
    };
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    write(&taxiway.path("folder/a.gif"), &picture(1, 1_000));
    let daemon = taxiway.daemon();
    let text = metrics(&taxiway);
    let families = parsed(python, &text);
    assert!(families.len() > 20, "{families:#?}");
    let mut found = 0;
    for family in &families {
        let (name, kind) = (&family["name"], family["kind"].as_str().expect("a kind"));
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{family}");
        let help = family["help"].as_str().unwrap_or_default();
        assert!(help.ends_with('.') && help.len() > 10, "{name}: {help:?}");
        let samples = family["samples"].as_array().expect("samples");
        assert!(!samples.is_empty(), "{family}");
        found += samples.len();
    }
    assert_eq!(found, samples(&text).len(), "{text}");
    daemon.stop();
}
