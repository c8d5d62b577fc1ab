//! `taxiway ui`: the running daemon's page, in the browser.
//!
//! Owns:
//! - the address, which opens the page once, is printed only where somebody asked for that, or no
//!   browser can be had;
//! - a browser knows nothing of our token.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::args::{Common, UiArgs};
use super::asking::{Daemon, PATIENCE};
use super::{Exit, Failure, again, output};
use crate::program::KEPT_BACK;

/// The program that opens what a person likes to see in whatever shows it.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
/// So long it may take to say that it cannot.
const OPENER_PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// Runs `taxiway ui`.
pub fn ui(common: &Common, args: &UiArgs) -> Result<Exit, Failure> {
    let answer = Daemon::of(common)?.answer("/v1/ui", Some(&json!({})), PATIENCE)?;
    if common.json {
        output::line(answer.trim_end());
        output::flush();
        return Ok(Exit::Well);
    }
    let way: Value = serde_json::from_str(&answer).unwrap_or_default();
    let Some(url) = way["url"].as_str() else {
        let words = "the daemon's answer is not understood";
        return Err(Failure::new(Exit::Later, words, again(common, "status")));
    };
    if args.no_open {
        output::line(url);
    } else if let Err(why) = open(url) {
        output::tell(&format!(
            "no browser was opened: {why}; this address opens the page, once and within a minute"
        ));
        output::line(url);
    } else if common.quiet == 0 {
        let page = url.split_once("/ui/").map_or(url, |(page, _)| page);
        output::tell(&format!("{page} is opened in the browser"));
    }
    output::flush();
    Ok(Exit::Well)
}

/// Has the browser open an address, or says why not.
fn open(url: &str) -> Result<(), String> {
    let screens = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"];
    let has_screen =
        screens.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !cfg!(target_os = "macos") && !has_screen {
        return Err("there is no screen".into());
    }
    let mut command = Command::new(OPENER);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for variable in KEPT_BACK {
        command.env_remove(variable);
    }
    let mut opener = match command.spawn() {
        Ok(opener) => opener,
        Err(error) => return Err(format!("{OPENER}: {}", crate::text::reason(&error))),
    };
    let until = Instant::now() + OPENER_PATIENCE;
    // One that goes on is a browser that it started itself.
    while Instant::now() < until {
        match opener.try_wait() {
            Ok(None) => std::thread::sleep(PAUSE),
            Ok(Some(status)) if !status.success() => return Err(format!("{OPENER}: {status}")),
            Ok(Some(_)) | Err(_) => break,
        }
    }
    Ok(())
}
