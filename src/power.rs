//! Whether this machine runs on its battery.
//!
//! Linux says it in `/sys/class/power_supply`, a directory a supply, with a file an attribute
//! (the kernel's `Documentation/ABI/testing/sysfs-class-power`); macOS by its program `pmset`.
//!
//! Owns:
//! - the battery of a mouse or a headset is not that of the machine;
//! - a machine without a battery of its own runs on none;
//! - a supply that does not answer is no answer, and is not asked again meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::program::{Ended, run};
use crate::text::{reason, shown};

/// How long the answer may take.
const LIMIT: Duration = Duration::from_secs(2);
const SUPPLIES: &str = "/sys/class/power_supply";

/// Whether the machine runs on its battery.
///
/// # Errors
/// In words, if the system does not tell.
pub fn on_battery() -> Result<bool, String> {
    if let Some(supplies) = supplies() {
        let silent = format!("{} does not answer", shown(&supplies));
        return in_time(move || read(&supplies)).unwrap_or(Err(silent));
    }
    match run(&["pmset", "-g", "batt"], None, LIMIT) {
        Ok(said) if said.status.success() => drawn(said.out.expose_secret()),
        Ok(said) => Err(format!("pmset: {}", said.complaint())),
        Err(Ended::Absent) => Err("pmset is not there".to_owned()),
        Err(Ended::Late) => Err(format!("pmset did not answer within {} s", LIMIT.as_secs())),
        Err(Ended::Failed(reason)) => Err(reason),
    }
}

/// Looks, on a thread of its own. None: there is no answer in time, to this look or to an earlier one.
fn in_time<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    static LOOKS: AtomicBool = AtomicBool::new(false);
    if LOOKS.swap(true, Ordering::AcqRel) {
        return None;
    }
    let (to, answer) = channel();
    let look = move || {
        let found = look();
        LOOKS.store(false, Ordering::Release);
        // Whoever asked may have given up.
        let _ = to.send(found);
    };
    if std::thread::Builder::new().name("power".into()).spawn(look).is_err() {
        LOOKS.store(false, Ordering::Release);
    }
    answer.recv_timeout(LIMIT).ok()
}

/// Where the system tells of its supplies; builds for tests may be told otherwise, what is released
/// never is.
fn supplies() -> Option<PathBuf> {
    #[cfg(debug_assertions)]
    if let Some(supplies) = std::env::var_os("TAXIWAY_TEST_POWER") {
        return Some(supplies.into());
    }
    (!cfg!(target_os = "macos")).then(|| SUPPLIES.into())
}

/// What `pmset -g batt` says first: "Now drawing from 'AC Power'".
fn drawn(text: &str) -> Result<bool, String> {
    let from = |source| text.lines().next().is_some_and(|line| line.contains(source));
    match (from("'Battery Power'"), from("'AC Power'") || from("'UPS Power'")) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        (true, true) | (false, false) => Err("pmset says something else".to_owned()),
    }
}

/// One supply, as far as it is told of.
struct Supply {
    kind: String,
    online: Option<bool>,
    status: String,
}

impl Supply {
    /// None: it is not the machine's, or not there.
    fn read(directory: &Path) -> Option<Supply> {
        let read = |name: &str| {
            let text = fs::read_to_string(directory.join(name)).unwrap_or_default();
            text.trim().to_owned()
        };
        // Such as a mouse's.
        let of_device = read("scope") == "Device";
        if of_device || read("present") == "0" {
            return None;
        }
        // 2: at an adjustable voltage.
        let online = match read("online").as_str() {
            "0" => Some(false),
            "1" | "2" => Some(true),
            _ => None,
        };
        Some(Supply { kind: read("type"), online, status: read("status") })
    }

    fn is_battery(&self) -> bool {
        matches!(self.kind.as_str(), "Battery" | "UPS")
    }
}

fn read(supplies: &Path) -> Result<bool, String> {
    let entries = fs::read_dir(supplies)
        .map_err(|error| format!("{}: {}", supplies.display(), reason(&error)))?;
    let supplies = entries.filter_map(Result::ok);
    let supplies: Vec<Supply> = supplies.filter_map(|entry| Supply::read(&entry.path())).collect();
    let batteries = || supplies.iter().filter(|supply| supply.is_battery());
    let is = |status: &str| batteries().any(|battery| battery.status == status);
    let mains = |online| {
        let mut mains = supplies.iter().filter(|supply| supply.kind == "Mains");
        mains.any(|mains| mains.online == Some(online))
    };
    // A weak charger does not keep it from being discharged. A port that is on may be giving
    // power to a telephone, so the batteries come before the ports.
    Ok(if mains(true) {
        false
    } else if is("Discharging") {
        true
    } else {
        // One that is full, or does not know, says nothing of where its power comes from; that there
        // is no mains and no port is then all that is known.
        let mut ports = supplies.iter().filter(|supply| !supply.is_battery());
        let powered = ports.any(|port| port.online == Some(true)) || is("Charging");
        !powered && batteries().next().is_some() && mains(false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directories with such files: `NAME: attribute=value …`.
    fn supplies(lines: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for line in lines {
            let (name, attributes) = line.split_once(": ").expect("a name");
            let supply = directory.path().join(name);
            fs::create_dir(&supply).expect("a supply");
            for (attribute, value) in attributes.split(';').filter_map(|one| one.split_once('=')) {
                fs::write(supply.join(attribute), format!("{value}\n")).expect("an attribute");
            }
        }
        directory
    }

    #[test]
    fn the_supplies_tell_whether_it_runs_on_battery() {
        let bat = |status: &str| format!("BAT0: type=Battery;present=1;status={status}");
        let (discharging, charging) = (bat("Discharging"), bat("Charging"));
        let (full, unknown) = (bat("Full"), bat("Unknown"));
        let (plugged, unplugged) = ("AC: type=Mains;online=1", "AC: type=Mains;online=0");
        let mouse = "hid-0: type=Battery;scope=Device;status=Discharging";
        let port = "ucsi: type=USB;online=1";
        for (what, lines, expected) in [
            ("a desktop", vec![], false),
            ("a desktop with a mouse", vec![mouse], false),
            ("a laptop at work", vec![plugged, charging.as_str()], false),
            ("a laptop on its way", vec![unplugged, discharging.as_str()], true),
            ("one that tells of no mains", vec![discharging.as_str()], true),
            ("a weak charger", vec![plugged, discharging.as_str()], false),
            ("charged through a port", vec![unplugged, port, charging.as_str()], false),
            ("a port that gives power", vec![unplugged, port, discharging.as_str()], true),
            ("full, by a port", vec![unplugged, port, full.as_str()], false),
            ("full, and just unplugged", vec![unplugged, full.as_str()], true),
            ("a battery that does not know, on mains", vec![plugged, unknown.as_str()], false),
            ("a battery that does not know, off mains", vec![unplugged, unknown.as_str()], true),
            ("a battery that does not know, and no mains", vec![unknown.as_str()], false),
            ("a bay without a battery", vec![unplugged, "BAT1: type=Battery;present=0"], false),
            ("a power cut", vec!["ups: type=UPS;status=Discharging"], true),
            (
                "two batteries",
                vec![unplugged, &full, "BAT1: type=Battery;status=Discharging"],
                true,
            ),
        ] {
            assert_eq!(read(supplies(&lines).path()), Ok(expected), "{what}");
        }
        let nowhere = supplies(&[]).path().join("nowhere");
        let words = format!("{}: no such file or directory", nowhere.display());
        assert_eq!(read(&nowhere), Err(words));
    }

    #[test]
    fn pmset_tells_what_is_drawn_from() {
        let battery = "Now drawing from 'Battery Power'\n -InternalBattery-0\t82%; discharging\n";
        let mains = "Now drawing from 'AC Power'\n -InternalBattery-0\t82%; charging\n";
        assert_eq!(drawn(battery), Ok(true));
        assert_eq!(drawn(mains), Ok(false));
        assert_eq!(drawn(""), Err("pmset says something else".to_owned()));
    }
}
