//! The documentation's own client samples, against `taxiway sandbox`.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Taxiway, have, picture, write};

#[test]
fn curl_node_and_python_samples_work() {
    if !["bash", "curl", "node", "python3"].into_iter().all(have) {
        return;
    }
    let taxiway = Taxiway::alone();
    let mut check = taxiway.command(&[] as &[&str]);
    check = {
        let mut command = Command::new("bash");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/check"));
        command.arg(env!("CARGO_BIN_EXE_taxiway"));
        command.args(["sandbox", "--token", "user:1-sandbox", "--dir"]);
        command.env_clear();
        command.envs(check.get_envs().filter_map(|(key, value)| Some((key, value?))));
        // Version managers find their interpreters below the real home.
        command.env("HOME", std::env::var_os("HOME").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let said = taxiway.finish(check, b"").exits(0);
    let stored = said.lines().iter().filter(|line| line.ends_with(": stored as sent")).count();
    assert_eq!(stored, 4, "{said:?}");
}

/// Posts a file to the sandbox with curl; gives the status and the answer.
fn post(taxiway: &Taxiway, url: &str, headers: &[&str]) -> (u16, Value) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--write-out", "\n%{http_code}", "-X", "POST", url]);
    for header in headers {
        command.args(["-H", header]);
    }
    command.arg("--data-binary").arg(format!("@{}", taxiway.path("a.gif").display()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = taxiway.finish(command, b"").exits(0);
    let (body, status) = said.out.rsplit_once('\n').expect("a status");
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    (status.parse().expect("a number"), body)
}

#[test]
fn a_request_that_lacks_something_gets_the_documented_error() {
    if !have("curl") {
        return;
    }
    let taxiway = Taxiway::alone();
    write(&taxiway.path("a.gif"), &picture(1, 1_000));
    let mut sandbox =
        taxiway.spawn(&["sandbox", "--token", "user:1-sandbox", "--account", "a@b.c"]);
    let base = sandbox.line();
    let url = format!("{base}/assets/?name=a.gif");
    let (token, gif) = ("Authorization: Bearer user:1-sandbox", "Content-Type: image/gif");
    let problem = |(status, answer): (u16, Value), wanted: u16| {
        assert_eq!(status, wanted, "{answer}");
        assert_eq!(answer["code"], wanted, "{answer}");
        assert_eq!(answer.as_object().expect("an object").len(), 2, "{answer}");
        answer["error"].as_str().expect("words").to_owned()
    };
    assert_eq!(problem(post(&taxiway, &url, &[gif]), 401), "Unauthorized");
    let wrong = "Authorization: Bearer user:2-wrong";
    assert_eq!(problem(post(&taxiway, &url, &[gif, wrong]), 401), "Unauthorized");
    let words = problem(post(&taxiway, &url, &[token, "Content-Type:"]), 400);
    assert!(words.contains("Content-Type"), "{words}");
    // What curl sends by itself, and what a system's tables say of other types.
    for other in ["application/x-www-form-urlencoded", "application/octet-stream", "audio/x-wav"] {
        let header = format!("Content-Type: {other}");
        let words = problem(post(&taxiway, &url, &[token, &header]), 400);
        assert!(words.contains("Content-Type"), "{words}");
    }
    let words = problem(post(&taxiway, &format!("{base}/assets/"), &[token, gif]), 400);
    assert!(words.contains("name"), "{words}");
    let (status, answer) = post(&taxiway, &url, &[token, gif]);
    assert_eq!(status, 200);
    assert!(answer["assetId"].as_str().is_some_and(|id| id.contains("-runwayml:a@b.c-asset:")));
}
