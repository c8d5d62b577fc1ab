//! A configuration as it is first written, and a folder as it is added to one.
//!
//! Owns:
//! - what is written is read back as the same values: texts are quoted as TOML wants it;
//! - places below the home directory begin with `~/`, so that the file may move with its owner.

use std::path::{Path, PathBuf};

use toml::Value;

use super::environment::Sources;
use super::error::ConfigError;
use super::file::Source;
use super::load::{self, Loaded, locate, locate_state_dir};
use super::origin::Origin;
use super::show::inline;
use super::types::{BaseUrl, Choice, Email, Existing};

/// What a new configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where the API is, if not at its usual place.
    pub base_url: Option<BaseUrl>,
    /// Where the token is, if not beside the configuration; absolute.
    pub token_file: Option<PathBuf>,
    /// The first folder.
    pub folder: DraftFolder,
}

/// What is said of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftFolder {
    /// The directory; absolute.
    pub path: PathBuf,
    /// The account.
    pub email: Option<Email>,
    /// What becomes of what lies there.
    pub existing: Existing,
}

/// Loads the configuration, or the defaults where there is none yet, even if a flag names its
/// place.
///
/// # Errors
/// If there is one that cannot be used.
pub fn load_or_default(sources: &Sources) -> Result<Loaded, ConfigError> {
    let (path, from) = locate(sources)?;
    let state_dir = locate_state_dir(sources)?;
    let source = Source::read(&path)?;
    let assumed = if source.is_some() { from.clone() } else { Origin::Default };
    let mut loaded = load::assemble(sources, (path, assumed), state_dir, source.as_ref())?;
    loaded.file.from = from;
    Ok(loaded)
}

impl Draft {
    /// The file. None if a path has no spelling in it, because it is not UTF-8.
    pub fn text(&self, home: Option<&Path>) -> Option<String> {
        let mut text = String::from(
            "# taxiway's configuration. Every key with its value and where that comes from:\n\
             # taxiway config show\n",
        );
        let base_url = self.base_url.as_ref().map(|url| quoted(url.as_str()));
        let token_file = match &self.token_file {
            Some(path) => Some(quoted(&spelled(path, home)?)),
            None => None,
        };
        if base_url.is_some() || token_file.is_some() {
            text.push_str("\n[api]\n");
        }
        for (key, value) in [("base_url", base_url), ("token_file", token_file)] {
            if let Some(value) = value {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text.push_str(&self.folder.section(home)?);
        Some(text)
    }
}

impl DraftFolder {
    /// The folder's table, which can stand at the end of any configuration. None if its path has
    /// no spelling.
    pub fn section(&self, home: Option<&Path>) -> Option<String> {
        let mut text = format!("\n[[folder]]\npath = {}\n", quoted(&spelled(&self.path, home)?));
        if let Some(email) = &self.email {
            text.push_str(&format!("email = {}\n", quoted(email.as_str())));
        }
        text.push_str("# what lay there when it was first seen: upload | ignore\n");
        text.push_str(&format!("existing = \"{}\"\n", self.existing.word()));
        Some(text)
    }
}

fn quoted(text: &str) -> String {
    inline(&Value::String(text.to_owned()))
}

fn spelled(path: &Path, home: Option<&Path>) -> Option<String> {
    let below = home.filter(|home| home.parent().is_some());
    match below.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if rest.as_os_str().is_empty() => Some("~".to_owned()),
        Some(rest) => Some(format!("~/{}", rest.to_str()?)),
        None => path.to_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn draft(path: &str) -> Draft {
        Draft {
            base_url: None,
            token_file: None,
            folder: DraftFolder {
                path: path.into(),
                email: "me@b.c".parse().ok(),
                existing: Existing::Ignore,
            },
        }
    }

    #[test]
    fn a_new_file_says_no_more_than_it_must() {
        let mut draft = draft("/home/me/Runway");
        let head = "# taxiway's configuration. Every key with its value and where that comes \
                    from:\n# taxiway config show\n";
        let folder = "\n[[folder]]\npath = \"~/Runway\"\nemail = \"me@b.c\"\n# what lay there when \
                      it was first seen: upload | ignore\nexisting = \"ignore\"\n";
        let home = Some(Path::new("/home/me"));
        assert_eq!(draft.text(home), Some(format!("{head}{folder}")));
        draft.base_url = "http://127.0.0.1:1/x".parse().ok();
        draft.token_file = Some("/run/secrets/t".into());
        let api = "\n[api]\nbase_url = \"http://127.0.0.1:1/x\"\ntoken_file = \"/run/secrets/t\"\n";
        assert_eq!(draft.text(home), Some(format!("{head}{api}{folder}")));
    }

    #[test]
    fn whatever_a_path_is_called_it_is_read_back() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("c.toml");
        for name in ["plain", "a \"b\" 'c'", "tab\there", "back\\slash", "~", "é\u{7f}", "a\nb"] {
            let path = home.path().join(name);
            let draft = draft(path.to_str().expect("UTF-8"));
            let text = draft.text(Some(home.path())).expect("a spelling");
            std::fs::write(&file, &text).expect("written");
            let mut sources = Sources::default();
            sources.flags.config = Some(file.clone());
            sources.flags.state_dir = Some("/s".into());
            sources.environment.home = Some(home.path().to_owned());
            let loaded = load_or_default(&sources).expect(&text);
            assert_eq!(loaded.config.folders[0].path, path, "{text}");
            assert_eq!(loaded.config.folders[0].existing, Existing::Ignore);
        }
        let odd = PathBuf::from(OsStr::from_bytes(b"/\xff"));
        let folder = DraftFolder { path: odd, ..draft("/x").folder };
        assert_eq!(folder.section(None), None);
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_all_default() {
        let mut sources = Sources::default();
        sources.flags.config = Some("/nowhere/c.toml".into());
        sources.flags.state_dir = Some("/s".into());
        let loaded = load_or_default(&sources).expect("the defaults");
        assert!(!loaded.file.exists);
        assert_eq!(loaded.file.from, Origin::Flag("--config"));
        assert_eq!(loaded.config.api.token_file, Path::new("/nowhere/token"));
    }
}
