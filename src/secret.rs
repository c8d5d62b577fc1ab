//! Finds the API token and keeps it out of every text.
//!
//! Owns:
//! - a token leaves [`Token`] only through [`Token::authorization`]; no error, warning, `Debug` or
//!   `Display` of this module carries it;
//! - the first source that exists decides: one that is there but unusable is an error, never a
//!   reason to try the next;
//! - a token file that others can read is not read.
//!
//! The last source is [`keyring`].

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::stamp::Stamp;
use crate::text::{reason, shell_word, shown};

pub mod keyring;

use keyring::{Absence, Keyring, Lack, Trouble};

/// The environment variables that may hold the token, first found wins.
pub const VARIABLES: [&str; 2] = ["TAXIWAY_TOKEN", "USEAPI_TOKEN"];
/// The variable in which systemd names the directory of a service's credentials.
pub const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// The name of the token among the credentials of a service.
pub const CREDENTIAL: &str = "taxiway-token";

/// Longest file that is taken for a token; real ones have some fifty bytes.
const LONGEST_FILE_BYTES: u64 = 64 * 1024;

/// A token of useapi.net: printable ASCII without white space, never empty.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// Takes the white space around a text off; what is left must be a token.
    pub fn parse(text: &str) -> Result<Token, Fault> {
        let text = text.trim();
        if text.is_empty() {
            Err(Fault::Empty)
        } else if !text.is_ascii() {
            Err(Fault::NotAscii)
        } else if text.contains(|c: char| c.is_ascii_whitespace()) {
            Err(Fault::WhiteSpace)
        } else if text.contains(|c: char| c.is_ascii_control()) {
            Err(Fault::Control)
        } else {
            Ok(Token(SecretString::from(text)))
        }
    }

    /// The value of the `Authorization` header; the caller marks it as sensitive.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0.expose_secret())
    }

    /// The token itself, for the one who sends it.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// Whether this has the documented form `user:<digits>-<letters and digits>`. Another form is
    /// worth a warning, not a refusal: the vendor may change it.
    pub fn has_usual_form(&self) -> bool {
        looks_like_token(self.0.expose_secret())
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

/// Whether a token may stand somewhere in a text, so that no message must repeat it.
pub fn may_hold_token(text: &str) -> bool {
    text.split("user:").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn looks_like_token(text: &str) -> bool {
    let Some((digits, rest)) =
        text.strip_prefix("user:").and_then(|account| account.split_once('-'))
    else {
        return false;
    };
    let filled = !digits.is_empty() && !rest.is_empty();
    filled
        && digits.bytes().all(|b| b.is_ascii_digit())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// White space within.
    #[error("has white space inside")]
    WhiteSpace,
    /// A control character within.
    #[error("has a control character inside")]
    Control,
    /// A character beyond ASCII, or bytes that are no text.
    #[error("has a character that is not ASCII")]
    NotAscii,
}

/// Where a token comes from; `Display` completes "the token from …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// An environment variable; it can change only with a new start.
    Environment(&'static str),
    /// The systemd credential `taxiway-token`; it can change only with a new start.
    Credential(PathBuf),
    /// The file that `token_file` names; it may change at any time, see [`TokenSource::stamp`].
    File(PathBuf),
    /// The keyring of the user's session; it may change at any time.
    Keyring(Keyring),
}

impl TokenSource {
    /// The version of the file behind this source, to be compared with the one of
    /// [`Found::stamp`] every few seconds; `None` where there is no such file.
    pub fn stamp(&self) -> Option<Stamp> {
        match self {
            TokenSource::File(path) => Some(Stamp::of(path)),
            TokenSource::Environment(_) | TokenSource::Credential(_) | TokenSource::Keyring(_) => {
                None
            }
        }
    }

    /// What to type or to do so that this source gives another token.
    pub fn how_to_replace(&self) -> String {
        match self {
            TokenSource::File(path) => how_to_write(path),
            TokenSource::Environment(name) => format!("export {name}=user:…"),
            TokenSource::Credential(_) => {
                format!("put the token into the file that LoadCredential={CREDENTIAL}:… names")
            }
            TokenSource::Keyring(keyring) => keyring.how_to_store(),
        }
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenSource::Environment(name) => write!(f, "environment variable {name}"),
            TokenSource::Credential(path) => {
                write!(f, "systemd credential {CREDENTIAL} ({})", shown(path))
            }
            TokenSource::File(path) => write!(f, "file {}", shown(path)),
            TokenSource::Keyring(_) => write!(f, "keyring (service {})", keyring::SERVICE),
        }
    }
}

/// A token and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The token itself.
    pub token: Token,
    /// Which source gave it.
    pub source: TokenSource,
    /// The version of the file it was read from; `None` if it was not a token file.
    pub stamp: Option<Stamp>,
}

impl Found {
    /// What a person should know although the token will be tried: one line, or nothing.
    pub fn warning(&self) -> Option<String> {
        let unusual = !self.token.has_usual_form();
        unusual.then(|| {
            format!(
                "the token from {} does not look like user:<digits>-<letters and digits>",
                self.source
            )
        })
    }
}

/// Why there is no token to work with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// No source has one.
    #[error(
        "no token: {} are not set, there is no systemd credential {CREDENTIAL}{}",
        VARIABLES.join(" and "),
        missing(.token_file.as_deref(), *.keyring)
    )]
    None {
        /// Where a token file would be looked for.
        token_file: Option<PathBuf>,
        /// Why there is none in a keyring.
        keyring: Absence,
    },
    /// No source before the keyring has one, and the keyring does not tell.
    #[error("no token: {trouble}")]
    Kept {
        /// Which keyring.
        by: Keyring,
        /// Why it does not tell.
        trouble: Trouble,
    },
    /// The text of a source is not a token.
    #[error("the token from {from} {fault}")]
    Malformed {
        /// Which source.
        from: TokenSource,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A token file that its group or everybody can use.
    #[error("others can use the token file {} (mode {mode:04o})", shown(.path))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A source that is not a file, or is too long for a token.
    #[error("the token from {from} cannot be used: it is {what}")]
    NotTokenFile {
        /// Which source.
        from: TokenSource,
        /// What it is instead.
        what: &'static str,
    },
    /// The system does not let us read it.
    #[error("the token from {from} cannot be read: {reason}")]
    Unreadable {
        /// Which source.
        from: TokenSource,
        /// The system's reason.
        reason: String,
    },
}

impl TokenError {
    /// What to type or to do next.
    pub fn hint(&self) -> String {
        match self {
            TokenError::None { token_file: Some(path), .. } => how_to_write(path),
            TokenError::None { token_file: None, .. } => {
                "export TAXIWAY_TOKEN=user:…, or set token_file in the configuration".to_owned()
            }
            TokenError::Kept { by, .. } => by.how_to_open(),
            TokenError::Exposed { path, .. } => format!("chmod 600 {}", shell_word(path)),
            // What is no file is not to be written over.
            TokenError::NotTokenFile { from: TokenSource::File(path), .. } if !path.is_file() => {
                format!("ls -ld {}", shell_word(path))
            }
            TokenError::Malformed { from, .. } | TokenError::NotTokenFile { from, .. } => {
                from.how_to_replace()
            }
            TokenError::Unreadable { from, .. } => match from {
                TokenSource::File(path) | TokenSource::Credential(path) => {
                    format!("ls -ld {}", shell_word(path))
                }
                TokenSource::Environment(name) => format!("export {name}=user:…"),
                TokenSource::Keyring(keyring) => keyring.how_to_open(),
            },
        }
    }

    /// The exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        78
    }
}

/// Looks through the sources in their order: `TAXIWAY_TOKEN`, `USEAPI_TOKEN`, the systemd
/// credential, `token_file`, the keyring, which may take two seconds. A variable or a credential that
/// is empty counts as not set; a file or an item of the keyring that is empty is an error. `variable`
/// answers for the environment.
pub fn find(
    variable: impl Fn(&str) -> Option<OsString>,
    token_file: Option<&Path>,
    keyring: Keyring,
) -> Result<Found, TokenError> {
    for name in VARIABLES {
        let value = variable(name).unwrap_or_default();
        if let Some(found) = from_variable(name, &value)? {
            return Ok(found);
        }
    }
    let credentials = variable(CREDENTIALS_VARIABLE).filter(|value| !value.is_empty());
    if let Some(directory) = credentials {
        let source = TokenSource::Credential(Path::new(&directory).join(CREDENTIAL));
        match from_file(source) {
            Ok(Some(found)) => return Ok(found),
            // The system's unit has an empty one stand in for a file that is missing.
            Ok(None) | Err(TokenError::Malformed { fault: Fault::Empty, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(path) = token_file
        && let Some(found) = from_file(TokenSource::File(path.to_owned()))?
    {
        return Ok(found);
    }
    let absence = match keyring.ask() {
        Ok(text) => return from_keyring(keyring, &text),
        Err(Lack::Trouble(trouble)) => return Err(TokenError::Kept { by: keyring, trouble }),
        Err(Lack::Absent(absence)) => absence,
    };
    Err(TokenError::None { token_file: token_file.map(Path::to_owned), keyring: absence })
}

fn from_keyring(keyring: Keyring, text: &SecretString) -> Result<Found, TokenError> {
    let source = TokenSource::Keyring(keyring);
    match Token::parse(text.expose_secret()) {
        Ok(token) => Ok(Found { token, source, stamp: None }),
        Err(fault) => Err(TokenError::Malformed { from: source, fault }),
    }
}

fn from_variable(name: &'static str, value: &OsStr) -> Result<Option<Found>, TokenError> {
    let source = TokenSource::Environment(name);
    let parsed = value.to_str().ok_or(Fault::NotAscii).and_then(Token::parse);
    match parsed {
        Ok(token) => Ok(Some(Found { token, source, stamp: None })),
        Err(Fault::Empty) => Ok(None),
        Err(fault) => Err(TokenError::Malformed { from: source, fault }),
    }
}

/// Reads a source that is a file; `None` if there is none.
fn from_file(source: TokenSource) -> Result<Option<Found>, TokenError> {
    let (path, private) = match &source {
        TokenSource::File(path) => (path.clone(), true),
        // systemd guards the directory; the modes of the files in it vary.
        TokenSource::Credential(path) => (path.clone(), false),
        TokenSource::Environment(_) | TokenSource::Keyring(_) => return Ok(None),
    };
    // Opening a FIFO would wait for a writer, so it is looked at before it is opened.
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(source, &error)),
    };
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
        return Err(TokenError::NotTokenFile { from: source, what });
    }
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) => return Err(unreadable(source, &error)),
    };
    // From here on everything is said about the opened file, whatever the name points at by now.
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Err(unreadable(source, &error)),
    };
    let mode = metadata.permissions().mode() & 0o7777;
    if private && mode & 0o077 != 0 {
        return Err(TokenError::Exposed { path, mode });
    }
    if metadata.len() > LONGEST_FILE_BYTES {
        return Err(TokenError::NotTokenFile { from: source, what: "too long" });
    }
    let mut bytes = Vec::new();
    if let Err(error) = file.take(LONGEST_FILE_BYTES).read_to_end(&mut bytes) {
        return Err(unreadable(source, &error));
    }
    // Held as a secret, so that the memory is wiped after the token is taken out of it.
    let text = String::from_utf8(bytes).map(SecretString::from).map_err(|_| Fault::NotAscii);
    match text.and_then(|text| Token::parse(text.expose_secret())) {
        Ok(token) => {
            Ok(Some(Found { token, stamp: private.then(|| Stamp::of_metadata(&metadata)), source }))
        }
        Err(fault) => Err(TokenError::Malformed { from: source, fault }),
    }
}

fn unreadable(from: TokenSource, error: &io::Error) -> TokenError {
    TokenError::Unreadable { from, reason: reason(error) }
}

fn missing(token_file: Option<&Path>, keyring: Absence) -> String {
    let file = match token_file {
        Some(path) => format!("{} does not exist", shown(path)),
        None => "no token file is configured".to_owned(),
    };
    match keyring.words() {
        nothing if nothing.is_empty() => format!(", and {file}"),
        keyring => format!(", {file}, and {keyring}"),
    }
}

/// The commands that put a token where it is looked for, in a file that only its owner can read.
pub fn how_to_write(path: &Path) -> String {
    let write = format!("(umask 077; printf %s 'user:…' > {})", shell_word(path));
    match path.parent() {
        Some(directory) if !directory.exists() && !directory.as_os_str().is_empty() => {
            format!("mkdir -p {} && {write}", shell_word(directory))
        }
        Some(_) | None => write,
    }
}

#[cfg(test)]
mod tests;
