//! What the unit of the system's service does not open, and a configuration needs.
//!
//! Owns: a configuration that a running service could not live up to is refused, with what opens its
//! doors.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::config::{Config, Environment, HOOKS_VARIABLE, SERVICE_VARIABLE};
use crate::patient::ask;
use crate::service::Doors;

use super::Failure;
use super::service::Refusal;

/// Says which door a configuration needs that is closed to this process, if one is.
pub fn refuse_closed(environment: &Environment, config: &Config) -> Result<(), Failure> {
    if environment.variable(SERVICE_VARIABLE).is_none_or(|kind| kind != "system") {
        return Ok(());
    }
    let hooks = environment.variable(HOOKS_VARIABLE).is_some_and(|hooks| hooks == "open");
    match closed(&Doors::of(config), hooks, is_read_only) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

fn closed(doors: &Doors, hooks: bool, is_read_only: impl Fn(&Path) -> bool) -> Option<Refusal> {
    if doors.hooks && !hooks {
        return Some(Refusal::NoHooks);
    }
    let shut: Option<&PathBuf> = doors.writable.iter().find(|directory| is_read_only(directory));
    shut.map(|directory| Refusal::ReadOnly { directory: directory.clone() })
}

/// Whether a directory, or the one that it would be made in, is on something read-only. Of one that
/// does not answer that is not known, and its folder is away.
fn is_read_only(directory: &Path) -> bool {
    let directory = directory.to_owned();
    let answer = ask(move |asked| {
        let there = |directory: &&Path| asked.may_look(directory) && directory.exists();
        let there = asked.may_look(&directory).then(|| directory.ancestors().find(there)).flatten();
        there.is_some_and(|there| access(there, Access::WRITE_OK) == Err(Errno::ROFS))
    });
    answer.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_asked_for_only_where_it_is_closed() {
        let doors = |writable: &[&str], hooks| Doors {
            writable: writable.iter().map(PathBuf::from).collect(),
            hooks,
        };
        let shut = |path: &Path| path.starts_with("/data");
        let words = "hooks are set, and the unit of the service is not made for them";
        for (doors, open, expected) in [
            (doors(&[], false), false, None),
            (doors(&[], true), true, None),
            (doors(&[], true), false, Some(words)),
            (doors(&["/srv/taxiway"], false), false, None),
            (
                doors(&["/srv/taxiway", "/data/in"], true),
                true,
                Some("the unit of the service does not let it write in /data/in"),
            ),
        ] {
            let refusal = closed(&doors, open, shut).map(|refusal| refusal.to_string());
            assert_eq!(refusal.as_deref(), expected);
        }
        assert!(!is_read_only(&std::env::temp_dir().join("there/is/none")));
    }
}
