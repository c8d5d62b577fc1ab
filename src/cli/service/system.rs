//! `taxiway service install --system`: user, group, directories, units.
//!
//! Owns:
//! - folders that the service could not see are refused, with what is meant for them;
//! - root follows no link where others may have laid it, and gives nothing away that it did not make;
//! - it is started only once there is something to do: a configuration with a folder, and a token.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use rustix::fs::{CWD, Gid, Mode, OFlags, Uid, fchmod, fchown, mkdirat, openat};
use rustix::io::Errno;

use crate::config::{Config, Folder, Loaded, resolve};
use crate::secret::how_to_write;
use crate::service::{Doors, Kind, SYSUSERS, TMPFILES, doors_file, hidden, system_config, unit};
use crate::text::{shell_word, shown};

use crate::cli::args::Common;
use crate::cli::init::write::Beside;
use crate::cli::{Exit, Failure};

use super::files;
use super::install::{enable, program, switch_on};
use super::manager::{Manager, aid};
use super::refusal::Refusal;
use super::report::Report;
use super::which::Which;

/// Runs the command.
pub fn install(common: &Common, which: &Which) -> Result<Exit, Failure> {
    let system = &which.system;
    let loaded = Config::load(&which.sources)?;
    for folder in &loaded.config.folders {
        refuse_hidden(&folder.root)?;
        folder.moves_to().map_or(Ok(()), refuse_hidden)?;
    }
    let program = program()?;
    if system.is_real() {
        refuse_hidden_program(&program)?;
    }
    let token = system.token();
    if is_open(&token) {
        return Err(Refusal::OpenToken { token }.into());
    }
    let text = unit(Kind::System, &program)?.unwrap_or_default();
    let doors = doors_file(&Doors::of(&loaded.config))?;
    let manager = Manager::of(which);
    let before = manager.unit()?;
    let lock = which.lock(&before)?;
    let mut report = Report::of(common, which.kind);
    people(&mut report, which)?;
    let packaged = system.packaged("systemd/system/taxiway.service");
    let mut changed = files::put_unless_packaged(&mut report, &packaged, &which.file(), &text)?;
    let drop_in = which.drop_in("doors.conf");
    changed |= match doors {
        Some(text) => files::put(&mut report, &drop_in, &text)?,
        None => files::remove(&mut report, &drop_in)?,
    };
    let configured = configure(&mut report, which, &loaded)?;
    make_targets(&mut report, which, &loaded)?;
    drop(lock);
    let has_token = token.exists();
    if has_token && configured {
        switch_on(&mut report, &manager, &before, changed)?;
    } else {
        enable(&mut report, &manager, &before, changed)?;
        report.note("it is not started: it has no token yet, or no folder");
    }
    report.note(format!(
        "members of the group taxiway can drop files into {}, and ask it: usermod -aG taxiway NAME",
        shown(&system.drop_folder())
    ));
    let start = "taxiway service start --system";
    let next = match (configured, has_token) {
        (_, false) => format!("as root: {}; {start}", how_to_write(&token)),
        (false, true) => {
            let file = shown(&system.config());
            format!("add a [[folder]] to {file}; as root: {start}")
        }
        (true, true) => "taxiway status".to_owned(),
    };
    report.end(&next);
    Ok(Exit::Well)
}

/// Refuses what the service could not see, by this name or where it leads.
pub fn refuse_hidden(path: &Path) -> Result<(), Failure> {
    match hidden(path).or_else(|| hidden(&resolve(path))) {
        None => Ok(()),
        Some(why) => Err(Refusal::Hidden { path: path.to_owned(), why }.into()),
    }
}

/// Whether others than its owner may do anything with a file.
pub fn is_open(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| found.mode() & 0o077 != 0)
}

/// Refuses to have the service run what it could not see, as what cargo installs for a user.
fn refuse_hidden_program(program: &Path) -> Result<(), Failure> {
    let resolved = resolve(program);
    for program in [&resolved, program] {
        if hidden(program).is_some() {
            return Err(Refusal::HiddenProgram { program: program.to_owned() }.into());
        }
    }
    Ok(())
}

/// User and group, drop folder and state directory.
fn people(report: &mut Report, which: &Which) -> Result<(), Failure> {
    let system = &which.system;
    let users = "sysusers.d/taxiway.conf";
    let (packaged, own) = (system.packaged(users), system.installed(users));
    files::put_unless_packaged(report, &packaged, &own, SYSUSERS)?;
    if !aid(&["systemd-sysusers", "taxiway.conf"], &[])? {
        let useradd = [
            "useradd",
            "--system",
            "--user-group",
            "--home-dir=/var/lib/taxiway",
            "--shell=/usr/sbin/nologin",
            "taxiway",
        ];
        // 9: there is such a user.
        aid(&useradd, &[9])?;
    }
    let directories = "tmpfiles.d/taxiway.conf";
    let (packaged, own) = (system.packaged(directories), system.installed(directories));
    files::put_unless_packaged(report, &packaged, &own, TMPFILES)?;
    match aid(&["systemd-tmpfiles", "--create", "taxiway.conf"], &[]) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let program = "systemd-tmpfiles".to_owned();
            Err(Refusal::NoProgram { program, error: ErrorKind::NotFound.into() }.into())
        }
        // It makes what it can: what is missing may be no more than an ACL, which not every file
        // system has.
        Err(failure) if system.drop_folder().is_dir() && system.state_dir().is_dir() => {
            report.note(format!(
                "{}; without a default ACL on {} the service reads only what its makers let the \
                 group read, as umask 027 does",
                failure.message,
                shown(&system.drop_folder())
            ));
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// Writes a configuration where there is none. Whether it has a folder.
fn configure(report: &mut Report, which: &Which, loaded: &Loaded) -> Result<bool, Failure> {
    let file = which.system.config();
    if loaded.file.exists {
        report.kept(&file);
        return Ok(!loaded.config.folders.is_empty());
    }
    // The service reads it as its own user.
    let wrote = files::directory(file.parent().unwrap_or(Path::new("/")))
        .and_then(|()| Beside::write(&file, system_config().as_bytes(), 0o644))
        .and_then(Beside::place);
    wrote.map_err(|error| files::unwritable(&file, error))?;
    report.changed("wrote", &file);
    Ok(true)
}

/// Makes the directories that files are moved into where the service may not: it makes those in the
/// drop folder itself, where others than root lay their links.
fn make_targets(report: &mut Report, which: &Which, loaded: &Loaded) -> Result<(), Failure> {
    let drop_folder = which.system.drop_folder();
    let Ok(owner) = std::fs::metadata(&drop_folder) else { return Ok(()) };
    let targets = loaded.config.folders.iter().filter_map(Folder::moves_to);
    for target in targets.filter(|target| !target.starts_with(&drop_folder) && !target.exists()) {
        match make(target, owner.uid(), owner.gid()) {
            Ok(()) => report.changed("made", target),
            Err(Errno::LOOP | Errno::NOTDIR) => report.note(format!(
                "{} is not made, as there is a link on the way to it; make it yourself: install -d \
                 -o taxiway -g taxiway -m 2770 {}",
                shown(target),
                shell_word(target)
            )),
            Err(error) => return Err(files::unwritable(target, error.into())),
        }
    }
    Ok(())
}

/// Makes a directory for this user and this group, and those above it for root, without following a
/// link anywhere.
fn make(target: &Path, uid: u32, gid: u32) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(CWD, "/", flags, Mode::empty())?;
    let mut names = target.components().peekable();
    while let Some(name) = names.next() {
        let name = match name {
            Component::Normal(name) => name,
            // What it leads to depends on what is there.
            Component::ParentDir => return Err(Errno::LOOP),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
        };
        let made = match mkdirat(&at, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error),
        };
        at = openat(&at, name, flags, Mode::empty())?;
        match (made, names.peek().is_none()) {
            (true, true) => {
                fchown(&at, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
                fchmod(&at, Mode::from_raw_mode(0o2770))?;
            }
            (true, false) => fchmod(&at, Mode::from_raw_mode(0o755))?,
            (false, _) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_for_another_user_and_no_link_is_followed_on_the_way() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a path");
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let target = root.join("a/b");
        make(&target, uid, gid).expect("made");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").mode() & 0o7777;
        assert_eq!((mode(&target), mode(&root.join("a"))), (0o2770, 0o755));
        // One that is there stays as it is.
        make(&root.join("a"), uid, gid).expect("there");
        assert_eq!(mode(&root.join("a")), 0o755);
        let elsewhere = root.join("elsewhere");
        for (link, leads_to) in [("dangling", elsewhere.as_path()), ("there", &root)] {
            std::os::unix::fs::symlink(leads_to, root.join(link)).expect("a link");
            for below in ["", "c"] {
                let made = make(&root.join(link).join(below), uid, gid);
                assert!(matches!(made, Err(Errno::LOOP | Errno::NOTDIR)), "{link} {made:?}");
            }
        }
        assert_eq!(make(&root.join("a/../d"), uid, gid), Err(Errno::LOOP));
        assert!(!elsewhere.exists() && !root.join("c").exists() && !root.join("d").exists());
    }

    #[test]
    fn a_link_into_a_home_is_a_place_in_a_home() {
        let directory = tempfile::tempdir().expect("a directory");
        let link = directory.path().canonicalize().expect("a path").join("taxiway");
        std::os::unix::fs::symlink("/var/home/me/.cargo/bin/taxiway", &link).expect("a link");
        let refused = refuse_hidden_program(&link).expect_err("it is not seen");
        let begin = "/var/home/me/.cargo/bin/taxiway cannot be seen by the system's service";
        assert!(refused.message.starts_with(begin), "{}", refused.message);
    }

    #[test]
    fn a_program_below_a_home_is_not_what_the_system_runs() {
        refuse_hidden_program(Path::new("/usr/local/bin/taxiway")).expect("it is seen");
        let refused = refuse_hidden_program(Path::new("/home/me/.cargo/bin/taxiway"));
        let Failure { message, hint, .. } = refused.expect_err("it is not seen");
        assert_eq!(
            (message.as_str(), hint.as_str()),
            (
                "/home/me/.cargo/bin/taxiway cannot be seen by the system's service: it is below a \
                 home",
                "sudo install /home/me/.cargo/bin/taxiway /usr/local/bin/taxiway && sudo \
                 /usr/local/bin/taxiway service install --system"
            )
        );
    }
}
