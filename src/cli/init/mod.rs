//! `taxiway init`: asks for token, account and folder, proves them, and writes the configuration.
//!
//! Owns:
//! - nothing is written before everything is proven, and nothing that exists is replaced unasked;
//! - every question has a flag, but the token has none: it comes from a file, a variable, stdin
//!   or the keyboard;
//! - what was there of a configuration stays, to the letter: a folder is added at its end.

mod ask;
mod holdings;
pub(super) mod prove;
pub(super) mod write;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::config::{
    Config, Draft, DraftFolder, Email, Environment, Existing, Flags, Folder, Loaded, Sources,
    load_or_default,
};
use crate::daemon::lock::{LockError, held_by};
use crate::secret::{Token, TokenSource};
use crate::text::{reason, shell_word, shown};

use super::args::{Common, ExistingArg, InitArgs};
use super::proof::Prober;
use super::{Exit, Failure, again, output};

use ask::Asker;
use holdings::Holdings;
use prove::{Proven, Store};
use write::Beside;

/// What was found, answered and proven.
struct Answers {
    email: Email,
    folder: PathBuf,
    existing: Existing,
    holdings: Holdings,
    store: Store,
    proven: Proven,
}

/// Runs the command.
pub fn init(common: &Common, args: &InitArgs) -> Result<Exit, Failure> {
    set_up(common, args).map_err(|failure| {
        let hint = with_answers(args, &failure.hint).unwrap_or(failure.hint);
        Failure { hint, ..failure }
    })
}

/// A hint to say the command again, with the answers that were given as flags and are not what is
/// to be changed.
fn with_answers(args: &InitArgs, hint: &str) -> Option<String> {
    let more = hint.strip_prefix("taxiway init")?;
    let more = if more.is_empty() { more } else { more.strip_prefix(' ')? };
    let path = |path: &PathBuf| shell_word(path);
    let existing = |existing: &ExistingArg| match existing {
        ExistingArg::Upload => "upload".to_owned(),
        ExistingArg::Ignore => "ignore".to_owned(),
    };
    let given = [
        ("--token-file", args.token_file.as_ref().map(path)),
        ("--email", args.email.as_ref().map(Email::to_string)),
        ("--folder", args.folder.as_ref().map(path)),
        ("--existing", args.existing.as_ref().map(existing)),
        ("--base-url", args.base_url.as_ref().map(|url| shell_word(url.to_string()))),
    ];
    let kept = given.into_iter().filter(|(flag, _)| !more.contains(flag) && more != "--help");
    let mut words = vec!["taxiway init".to_owned()];
    words.extend(kept.filter_map(|(flag, value)| Some(format!("{flag} {}", value?))));
    words.extend((args.yes && !more.contains("--yes") && more != "--help").then(|| "--yes".into()));
    words.extend((!more.is_empty()).then(|| more.to_owned()));
    Some(words.join(" "))
}

fn set_up(common: &Common, args: &InitArgs) -> Result<Exit, Failure> {
    let asker = Asker::of_process(args.yes);
    let flags = Flags {
        config: common.config.clone(),
        state_dir: common.state_dir.clone(),
        ..Flags::default()
    };
    let sources = Sources { environment: Environment::of_process(), flags };
    let mut loaded = load_or_default(&sources)?;
    if common.sandbox {
        loaded.config.state_dir.push("sandbox");
    }
    if loaded.file.exists {
        refuse_changes(&loaded, args)?;
        if !may_add(&asker, &loaded, args)? {
            output::tell("nothing is changed");
            return Ok(Exit::Well);
        }
    } else if asker.is_there {
        output::tell(&format!("this writes {}", shown(&loaded.file.path)));
    }
    if let Some(base_url) = &args.base_url {
        loaded.config.api.base_url = base_url.clone();
    }
    let answers = answers(common, args, &asker, &loaded, &sources.environment)?;
    let written = written(common, args, &loaded, &sources, &answers)?;
    tell(common, &loaded, &sources.environment, &answers, &written);
    Ok(Exit::Well)
}

/// Flags that would change what an existing configuration says.
fn refuse_changes(loaded: &Loaded, args: &InitArgs) -> Result<(), Failure> {
    let api = &loaded.config.api;
    let file = shown(&loaded.file.path);
    let refused = |key: &str, value: String| {
        let message = format!("{file} sets {key} to {value}, and is not changed");
        Err(Failure::new(Exit::Usage, message, format!("edit {file}")))
    };
    if args.base_url.as_ref().is_some_and(|url| *url != api.base_url) {
        return refused("base_url", api.base_url.to_string());
    }
    let token_file = args.token_file.as_deref().map(std::path::absolute).transpose()?;
    if token_file.is_some_and(|path| path != api.token_file) {
        return refused("token_file", shown(&api.token_file));
    }
    Ok(())
}

/// Whether a folder may be added to the configuration that is there.
fn may_add(asker: &Asker, loaded: &Loaded, args: &InitArgs) -> Result<bool, Failure> {
    let file = shown(&loaded.file.path);
    let folders = match loaded.config.folders.len() {
        0 => "no folder".to_owned(),
        1 => "1 folder".to_owned(),
        several => format!("{several} folders"),
    };
    if !asker.is_there && !args.yes {
        let folder = args.folder.as_deref().unwrap_or(Path::new("DIR"));
        let message = format!("{file} is there already, with {folders}");
        let hint = format!("taxiway init --folder {} --yes", shell_word(folder));
        return Err(Failure::new(Exit::Usage, message, hint));
    }
    asker.agrees(&format!("{file} is there already, with {folders}. Add a folder to it?"))
}

fn answers(
    common: &Common,
    args: &InitArgs,
    asker: &Asker,
    loaded: &Loaded,
    environment: &Environment,
) -> Result<Answers, Failure> {
    let config = &loaded.config;
    let named = args.token_file.as_deref().map(std::path::absolute).transpose()?;
    let sources =
        prove::Sources { environment, named: named.as_deref(), token_file: &config.api.token_file };
    let proven = if common.sandbox {
        let prober = Prober::sandbox(config, args.email.as_ref().map(Email::as_str))?;
        Proven { token: None, source: None, prober }
    } else {
        prove::token(asker, config, &sources)?
    };
    let wanted = args.email.as_ref().or(config.api.email.as_ref());
    let email = prove::account(asker, &proven.prober, wanted)?;
    let folder = folder(asker, config, environment, args.folder.as_deref())?;
    let holdings = held(config, &folder)?;
    if asker.is_there {
        output::tell(&format!("{} holds {}", shown(&folder), holdings.words()));
    }
    let existing = existing(asker, args.existing, &folder, &holdings)?;
    let store =
        if common.sandbox { Store::Nowhere } else { prove::storage(asker, &proven, &sources)? };
    Ok(Answers { email, folder, existing, holdings, store, proven })
}

/// The directory to watch, absolute; made if it is not there and somebody says so.
fn folder(
    asker: &Asker,
    config: &Config,
    environment: &Environment,
    named: Option<&Path>,
) -> Result<PathBuf, Failure> {
    let mut named = named.map(Path::to_owned);
    loop {
        let path = match named.take() {
            Some(path) => path,
            None => typed(asker, config, environment)?,
        };
        match usable(asker, config, &std::path::absolute(path)?) {
            Ok(Some(folder)) => return Ok(folder),
            Ok(None) => {}
            Err(failure) if asker.is_there => {
                output::tell(&failure.message);
                output::tell(&format!("hint: {}", failure.hint));
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn typed(asker: &Asker, config: &Config, environment: &Environment) -> Result<PathBuf, Failure> {
    let usual = environment.home.as_ref().map(|home| crate::config::resolve(&home.join("Runway")));
    let is_watched = config.folders.iter().any(|folder| Some(&folder.root) == usual.as_ref());
    let question = if is_watched { "folder to watch: " } else { "folder to watch [~/Runway]: " };
    loop {
        let answer = asker.line(question, || {
            let message = "there is no folder to watch, and nobody to be asked for one";
            Failure::new(Exit::Usage, message, "taxiway init --folder DIR")
        })?;
        let answer = match answer.as_str() {
            "" if is_watched => continue,
            "" => "~/Runway",
            answer => answer,
        };
        // There is no shell between the keyboard and here.
        let below = answer.strip_prefix("~/").or((answer == "~").then_some(""));
        return match (below, &environment.home) {
            (Some(below), Some(home)) => Ok(home.join(below)),
            (Some(_) | None, _) => Ok(PathBuf::from(answer)),
        };
    }
}

/// The folder, if it can be watched. None: it is not there, and is not to be made.
fn usable(asker: &Asker, config: &Config, path: &Path) -> Result<Option<PathBuf>, Failure> {
    let word = shell_word(path);
    if path.to_str().is_none() {
        let message = format!("{} is not UTF-8, and has no spelling in TOML", shown(path));
        return Err(Failure::new(Exit::Usage, message, "watch a directory with another name"));
    }
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            let message = format!("{} is not a directory", shown(path));
            return Err(Failure::new(Exit::Usage, message, format!("taxiway push {word}")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if !asker.agrees(&format!("{} is not there. Make it?", shown(path)))? {
                let message = format!("{} is not there", shown(path));
                let failure = Failure::new(Exit::Usage, message, format!("mkdir -p {word}"));
                return if asker.is_there { Ok(None) } else { Err(failure) };
            }
            std::fs::create_dir_all(path).map_err(|error| {
                let message = format!("cannot make {}: {}", shown(path), reason(&error));
                Failure::new(Exit::Usage, message, "name a place where you may write")
            })?;
        }
        Err(error) => {
            let message = format!("cannot look at {}: {}", shown(path), reason(&error));
            return Err(Failure::new(Exit::Usage, message, format!("ls -ld {word}")));
        }
    }
    if let Err(error) = std::fs::read_dir(path) {
        let message = format!("cannot list {}: {}", shown(path), reason(&error));
        return Err(Failure::new(Exit::Usage, message, format!("ls -ld {word}")));
    }
    let root = crate::config::resolve(path);
    if let Some(folder) = config.folders.iter().find(|folder| folder.root == root) {
        let message = format!("{} is a folder of the configuration already", shown(&folder.path));
        return Err(Failure::new(Exit::Usage, message, "taxiway config show"));
    }
    Ok(Some(path.to_owned()))
}

fn held(config: &Config, path: &Path) -> Result<Holdings, Failure> {
    let mut with = config.clone();
    let folder = Folder::at(path.to_owned());
    with.folders.push(folder.clone());
    let found = super::folder::root(&folder, &with).and_then(|root| holdings::holdings(&root));
    found
        .map_err(|reason| Failure::new(Exit::Usage, reason, format!("ls -ld {}", shell_word(path))))
}

/// What becomes of what is there already.
fn existing(
    asker: &Asker,
    given: Option<ExistingArg>,
    folder: &Path,
    holdings: &Holdings,
) -> Result<Existing, Failure> {
    match given {
        Some(ExistingArg::Upload) => return Ok(Existing::Upload),
        Some(ExistingArg::Ignore) => return Ok(Existing::Ignore),
        None if holdings.files == 0 && !holdings.is_cut => return Ok(Existing::Upload),
        None => {}
    }
    loop {
        let question = "upload what is there, or ignore it? [upload/ignore] ";
        let answer = asker.line(question, || {
            let message = format!("{} holds {}", shown(folder), holdings.words());
            let hint = "taxiway init --existing upload (or: --existing ignore)";
            Failure::new(Exit::Usage, message, hint)
        })?;
        match answer.to_lowercase().as_str() {
            "u" | "upload" => return Ok(Existing::Upload),
            "i" | "ignore" => return Ok(Existing::Ignore),
            _ => output::tell("answer upload or ignore"),
        }
    }
}

/// What was written.
struct Written {
    config: PathBuf,
    token: Store,
}

fn written(
    common: &Common,
    args: &InitArgs,
    loaded: &Loaded,
    sources: &Sources,
    answers: &Answers,
) -> Result<Written, Failure> {
    let config = &loaded.file.path;
    let cannot = |path: &Path, error: &std::io::Error| {
        let message = format!("cannot write {}: {}", shown(path), reason(error));
        let directory = path.parent().unwrap_or(Path::new("/"));
        Failure::new(Exit::Config, message, format!("ls -ld {}", shell_word(directory)))
    };
    let (text, mode) = text(common, args, loaded, sources, answers)?;
    let target = write::behind_links(config);
    let beside = Beside::write(&target, text.as_bytes(), mode);
    let beside = beside.map_err(|error| cannot(config, &error))?;
    read_back(loaded, sources, answers, beside.path())?;
    // The token first: a configuration never names a file that is not there.
    let token = match &answers.proven.token {
        Some(token) => store(token, &answers.store, |file, error| cannot(file, &error))?,
        None => Store::Nowhere,
    };
    let placed = if loaded.file.exists { beside.replace() } else { beside.place() };
    placed.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Config,
            format!("{} has come into being meanwhile, and stays as it is", shown(config)),
            again(common, "config show"),
        ),
        _ => cannot(config, &error),
    })?;
    Ok(Written { config: config.clone(), token })
}

/// Stores the token; says where it is by then. What a keyring does not take goes into the file.
fn store(
    token: &Token,
    store: &Store,
    cannot: impl Fn(&Path, std::io::Error) -> Failure,
) -> Result<Store, Failure> {
    let file = match store {
        Store::Nowhere => return Ok(Store::Nowhere),
        Store::File(file) => file,
        Store::Keyring { keyring, or } => {
            match prove::kept(*keyring, token) {
                Ok(()) => return Ok(store.clone()),
                Err(why) => output::tell(&format!("the keyring does not take it: {why}")),
            }
            or
        }
    };
    let line = secrecy::ExposeSecret::expose_secret(token.secret()).to_owned() + "\n";
    let stored = Beside::write(&write::behind_links(file), line.as_bytes(), 0o600);
    // What is there was refused, or this is what it holds already.
    stored.and_then(Beside::replace).map_err(|error| cannot(file, error))?;
    Ok(Store::File(file.clone()))
}

/// What the file will say, and its permission bits.
fn text(
    common: &Common,
    args: &InitArgs,
    loaded: &Loaded,
    sources: &Sources,
    answers: &Answers,
) -> Result<(String, u32), Failure> {
    let home = sources.environment.home.as_deref();
    let unreadable = |error: std::io::Error| {
        let file = &loaded.file.path;
        let message = format!("cannot read {}: {}", shown(file), reason(&error));
        Failure::new(Exit::Config, message, format!("ls -ld {}", shell_word(file)))
    };
    let folder = DraftFolder {
        path: answers.folder.clone(),
        email: Some(answers.email.clone()),
        existing: answers.existing,
    };
    let unspelled = || {
        let message = "a path is not UTF-8, and has no spelling in TOML";
        Failure::new(Exit::Usage, message, "choose paths with other names")
    };
    if loaded.file.exists {
        let file = &loaded.file.path;
        let mut text = std::fs::read_to_string(file).map_err(unreadable)?;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&folder.section(home).ok_or_else(unspelled)?);
        return Ok((text, write::mode_of(file).map_err(unreadable)?));
    }
    let usual = loaded.file.path.with_file_name("token");
    let token_file = args.token_file.as_deref().map(std::path::absolute).transpose()?;
    let base_url = Some(&loaded.config.api.base_url);
    let draft = Draft {
        base_url: base_url
            .filter(|url| !common.sandbox && **url != crate::config::BaseUrl::default())
            .cloned(),
        token_file: token_file.filter(|path| *path != usual && !common.sandbox),
        folder,
    };
    Ok((draft.text(home).ok_or_else(unspelled)?, 0o600))
}

/// Reads what was written as the next command will.
fn read_back(
    loaded: &Loaded,
    sources: &Sources,
    answers: &Answers,
    path: &Path,
) -> Result<(), Failure> {
    let mut sources = sources.clone();
    sources.flags.config = Some(path.to_owned());
    let said = |config: &Config| {
        let root = crate::config::resolve(&answers.folder);
        config.folders.iter().any(|folder| {
            folder.root == root
                && folder.existing == answers.existing
                && folder.email.as_ref() == Some(&answers.email)
        })
    };
    let error = match Config::load(&sources) {
        Ok(read) if said(&read.config) => return Ok(()),
        Ok(_) => "it would not be read as it was meant".to_owned(),
        Err(error) => error.to_string(),
    };
    let file = shown(&loaded.file.path);
    let error = error.replace(&shown(path), &file);
    let message = format!("no folder can be added at the end of {file}: {error}");
    Err(Failure::new(Exit::Config, message, format!("add it by hand: edit {file}")))
}

/// Says what was done and what comes next.
fn tell(
    common: &Common,
    loaded: &Loaded,
    environment: &Environment,
    answers: &Answers,
    written: &Written,
) {
    let next = again(common, "run");
    if common.json {
        let object = json!({
            "schema": 1,
            "config": written.config.to_string_lossy(),
            "token_file": match &written.token {
                Store::File(file) => Some(file.to_string_lossy()),
                Store::Keyring { .. } | Store::Nowhere => None,
            },
            "account": answers.email.as_str(),
            "folder": answers.folder.to_string_lossy(),
            "existing": match answers.existing {
                Existing::Upload => "upload",
                Existing::Ignore => "ignore",
            },
            "files": answers.holdings.files,
            "bytes": answers.holdings.bytes,
            "next": next,
        });
        output::line(&object.to_string());
        output::flush();
    }
    if common.quiet > 0 {
        return;
    }
    match &written.token {
        Store::Nowhere => {}
        Store::File(file) => {
            output::tell(&format!("written: {} (only you can read it)", shown(file)));
        }
        Store::Keyring { keyring, .. } => {
            output::tell(&format!("stored: {}", TokenSource::Keyring(*keyring)));
        }
    }
    output::tell(&format!("written: {}", shown(&written.config)));
    if !Asker::of_process(false).is_there && answers.holdings.files > 0 {
        let becomes = match answers.existing {
            Existing::Upload => "to be uploaded",
            Existing::Ignore => "left alone until it changes",
        };
        let (folder, holds) = (shown(&answers.folder), answers.holdings.words());
        output::tell(&format!("{folder} holds {holds}: {becomes}"));
    }
    if let (Ok(wins), Some(token)) =
        (environment.without_keyring().token(None), &answers.proven.token)
        && wins.token != *token
    {
        let source = &wins.source;
        output::tell(&format!("{source} holds another token, and wins: {}", unset(source)));
    }
    match held_by(&loaded.config.state_dir) {
        Some(LockError::Held { daemon: true, .. }) => output::tell(&format!(
            "next: a taxiway is running and has the old configuration: {}",
            again(common, "reload")
        )),
        _ => output::tell(&format!("next: {next}")),
    }
}

fn unset(source: &TokenSource) -> String {
    match source {
        TokenSource::Environment(name) => format!("unset {name}"),
        TokenSource::Credential(_) | TokenSource::File(_) | TokenSource::Keyring(_) => {
            source.how_to_replace()
        }
    }
}
