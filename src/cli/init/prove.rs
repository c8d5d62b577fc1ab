//! Token and account, found, asked for, and proven at the server.
//!
//! Owns:
//! - what is refused is explained, and asked for again where somebody is there;
//! - a variable that wins over whatever is stored is told, never passed over.

use std::path::{Path, PathBuf};

use crate::api::{RunwayAccount, Unanswered};
use crate::cli::proof::Prober;
use crate::cli::{Exit, Failure, output};
use crate::config::{Config, Email, Environment};
use crate::planner::RefusalKind;
use crate::secret::keyring::{Absence, Keyring, Lack};
use crate::secret::{self, Found, Token, TokenError, TokenSource};
use crate::text::{escaped, shown};

use super::ask::Asker;

/// A token that the server takes, and where it is.
pub struct Proven {
    /// The token; none for a sandbox.
    pub token: Option<Token>,
    /// The source that has it already; none: it is still to be stored.
    pub source: Option<TokenSource>,
    /// A way to ask more.
    pub prober: Prober,
}

/// Where a token may come from.
pub struct Sources<'a> {
    /// The variables.
    pub environment: &'a Environment,
    /// `--token-file`.
    pub named: Option<&'a Path>,
    /// Where the configuration looks for it.
    pub token_file: &'a Path,
}

const MEND: &str = "mend the account at https://useapi.net, then say it again";

/// Finds a token and proves it.
pub fn token(asker: &Asker, config: &Config, sources: &Sources<'_>) -> Result<Proven, Failure> {
    let mut found = find(asker, sources)?;
    loop {
        let (token, source) = match found.take() {
            Some(found) => (found.token, Some(found.source)),
            None => (ask(asker)?, None),
        };
        let prober = Prober::new(config, &token)?;
        if taken(asker, &prober, source.as_ref())? {
            if asker.is_there {
                output::tell("the server takes the token, and the subscription is active");
            }
            return Ok(Proven { token: Some(token), source, prober });
        }
    }
}

/// A token that is there already; none: it has to be asked for.
fn find(asker: &Asker, sources: &Sources<'_>) -> Result<Option<Found>, Failure> {
    // Who names a file has chosen, though it may not be there yet.
    let found = match sources.named {
        Some(file) if file.exists() => secret::find(|_| None, Some(file), Keyring::NotAsked),
        Some(_) => sources.environment.without_keyring().token(Some(sources.token_file)),
        None => sources.environment.token(Some(sources.token_file)),
    };
    match found {
        Ok(found) => {
            // One that was not named may surprise who pipes another one in.
            let stored = matches!(found.source, TokenSource::File(_) | TokenSource::Keyring(_));
            let surprises = stored && sources.named.is_none();
            if asker.is_there || surprises {
                output::tell(&format!("token: from {}", found.source));
            }
            if let Some(warning) = found.warning() {
                output::tell(&warning);
            }
            Ok(Some(found))
        }
        Err(TokenError::None { .. }) => Ok(None),
        Err(
            error @ TokenError::Malformed {
                from: TokenSource::File(_) | TokenSource::Keyring(_),
                ..
            },
        ) if asker.is_there => {
            output::tell(&error.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks for a token: on the terminal, or whoever writes to stdin.
fn ask(asker: &Asker) -> Result<Token, Failure> {
    if !asker.is_there {
        return piped();
    }
    loop {
        let typed = asker.secret("API token, from https://useapi.net (not shown): ")?;
        match Token::parse(secrecy::ExposeSecret::expose_secret(&typed)) {
            Ok(token) => {
                if !token.has_usual_form() {
                    output::tell("it does not look like user:<digits>-<letters and digits>");
                }
                return Ok(token);
            }
            Err(fault) => output::tell(&format!("the token {fault}")),
        }
    }
}

fn piped() -> Result<Token, Failure> {
    let none = || {
        let message = "there is no token, and nobody to be asked for it";
        Failure::new(Exit::Usage, message, "taxiway init --token-file FILE")
    };
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return Err(none());
    }
    // If nobody writes, this is what the wait is about.
    output::tell("reading the token from stdin");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::stdin().lock(), &mut line)?;
    let line = secrecy::SecretString::from(line);
    Token::parse(secrecy::ExposeSecret::expose_secret(&line)).map_err(|fault| match fault {
        secret::Fault::Empty => none(),
        fault => Failure::new(
            Exit::Config,
            format!("the token from stdin {fault}"),
            "compare it with the one on https://useapi.net",
        ),
    })
}

/// Whether the server takes the token. False: it does not, and another one is to be asked for.
fn taken(asker: &Asker, prober: &Prober, source: Option<&TokenSource>) -> Result<bool, Failure> {
    loop {
        let error = match prober.subscription().answer {
            Ok(owner) if owner.is_active != Some(false) => return Ok(true),
            Ok(_) => {
                let message = "the server takes the token, but its subscription is not active";
                Failure::new(Exit::Stopped, message, "renew it at https://useapi.net")
            }
            Err(Unanswered::Refused(refusal)) if refusal.kind == RefusalKind::Token => {
                let from =
                    source.map_or("that was given".to_owned(), |from| format!("from {from}"));
                let message = format!("the server refuses the token {from}: {}", refusal.message);
                let hint = match source {
                    Some(source) => source.how_to_replace(),
                    None => "copy it again from https://useapi.net".to_owned(),
                };
                // A variable would win over whatever is typed now.
                let can_be_replaced =
                    matches!(source, None | Some(TokenSource::File(_) | TokenSource::Keyring(_)));
                if asker.is_there && can_be_replaced {
                    output::tell(&message);
                    return Ok(false);
                }
                return Err(Failure::new(Exit::Stopped, message, hint));
            }
            Err(error) => unanswered(&prober.base_url, &error),
        };
        again(asker, error)?;
    }
}

/// Tells what went wrong and asks whether to try again; else that is the end.
fn again(asker: &Asker, failure: Failure) -> Result<(), Failure> {
    if !asker.is_there {
        return Err(failure);
    }
    output::tell(&failure.message);
    output::tell(&format!("hint: {}", failure.hint));
    // To answer yes for ever would be to ask for ever.
    if Asker::of_process(false).agrees("try again?")? { Ok(()) } else { Err(failure) }
}

/// What no answer means.
pub(in crate::cli) fn unanswered(base_url: &str, error: &Unanswered) -> Failure {
    let url = escaped(base_url);
    match error {
        Unanswered::Refused(refusal) => match refusal.kind {
            RefusalKind::Subscription => Failure::new(
                Exit::Stopped,
                format!("the subscription has ended: {}", refusal.message),
                "renew it at https://useapi.net",
            ),
            RefusalKind::Rate { .. } => Failure::new(
                Exit::Later,
                format!("the server asks to slow down, wait a minute: {}", refusal.message),
                "taxiway init",
            ),
            RefusalKind::Token | RefusalKind::Account | RefusalKind::File | RefusalKind::Other => {
                Failure::new(
                    Exit::Stopped,
                    format!("the server refuses: {}", refusal.message),
                    MEND,
                )
            }
        },
        Unanswered::Failing { reason } => Failure::new(
            Exit::Later,
            format!("{url} is in trouble: {}", escaped(reason)),
            "taxiway init",
        ),
        Unanswered::Silent { reason } => Failure::new(
            Exit::Later,
            format!("{url} gives no answer: {}", escaped(reason)),
            format!("curl -sS -o /dev/null {}", crate::text::shell_word(base_url)),
        ),
        Unanswered::NotTheApi { reason } => Failure::new(
            Exit::Config,
            format!("the API is not at {url}: {}", escaped(reason)),
            "taxiway init --base-url URL",
        ),
    }
}

/// Finds the account and proves it. `wanted`: the one that a flag or the configuration names.
pub fn account(asker: &Asker, prober: &Prober, wanted: Option<&Email>) -> Result<Email, Failure> {
    let mut wanted = wanted.cloned();
    loop {
        let accounts = match prober.accounts() {
            Ok(accounts) => accounts,
            Err(error) => {
                again(asker, unanswered(&prober.base_url, &error))?;
                continue;
            }
        };
        let chosen = match choose(asker, &accounts, wanted.take()) {
            Ok(chosen) => chosen,
            // Somebody may add it, and has to be asked anew.
            Err(failure) if failure.exit == Exit::Stopped => {
                again(asker, failure)?;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let Some(chosen) = chosen else { continue };
        match works(prober, &accounts, &chosen) {
            Ok(()) => return Ok(chosen),
            Err(failure) => again(asker, failure)?,
        }
    }
}

/// One of the accounts. None: the answer was none of them.
fn choose(
    asker: &Asker,
    accounts: &[RunwayAccount],
    wanted: Option<Email>,
) -> Result<Option<Email>, Failure> {
    let emails: Vec<Email> =
        accounts.iter().filter_map(|account| account.email.parse().ok()).collect();
    let list: Vec<&str> = emails.iter().map(Email::as_str).collect();
    let list = list.join(", ");
    match (wanted, emails.as_slice()) {
        (_, []) => Err(Failure::new(
            Exit::Stopped,
            "no Runway account is set up for this token",
            "add one at https://useapi.net, then say it again",
        )),
        (Some(wanted), emails) if emails.contains(&wanted) => Ok(Some(wanted)),
        (Some(wanted), _) if asker.is_there => {
            output::tell(&format!("{wanted} is not among the accounts of this token: {list}"));
            Ok(None)
        }
        (Some(wanted), [first, ..]) => Err(Failure::new(
            Exit::Usage,
            format!("{wanted} is not among the accounts of this token: {list}"),
            format!("taxiway init --email {first}"),
        )),
        (None, [only]) => {
            if asker.is_there {
                output::tell(&format!("account: {only}, the only one"));
            }
            Ok(Some(only.clone()))
        }
        (None, [first, ..]) => {
            if asker.is_there {
                output::tell("accounts:");
                for (number, account) in (1..).zip(accounts) {
                    let error = account.error.as_deref();
                    let error =
                        error.map_or(String::new(), |error| format!("  ({})", escaped(error)));
                    output::tell(&format!("  {number}  {}{error}", escaped(&account.email)));
                }
            }
            let answer = asker.line("upload to which one? [1] ", || {
                let message = format!("there are several accounts: {list}");
                Failure::new(Exit::Usage, message, format!("taxiway init --email {first}"))
            })?;
            let number = if answer.is_empty() { Some(1) } else { answer.parse::<usize>().ok() };
            let by_number = number.and_then(|number| emails.get(number.checked_sub(1)?));
            let by_name = emails.iter().find(|email| email.as_str() == answer.to_lowercase());
            if by_number.or(by_name).is_none() {
                output::tell("answer with one of the numbers");
            }
            Ok(by_number.or(by_name).cloned())
        }
    }
}

fn works(prober: &Prober, accounts: &[RunwayAccount], email: &Email) -> Result<(), Failure> {
    let broken = |why: &str| {
        let message = format!("the account {email} does not work: {}", escaped(why));
        Failure::new(Exit::Stopped, message, MEND)
    };
    let known = accounts.iter().find(|account| account.email == email.as_str());
    if let Some(error) = known.and_then(|account| account.error.as_deref()) {
        return Err(broken(error));
    }
    match prober.reads_list(Some(email.as_str())) {
        Ok(()) => Ok(()),
        Err(Unanswered::Refused(refusal)) if refusal.kind == RefusalKind::Account => {
            Err(broken(&refusal.message))
        }
        Err(error) => Err(unanswered(&prober.base_url, &error)),
    }
}

/// Where a token is to be stored, or is by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// It stays where it is.
    Nowhere,
    /// In this file.
    File(PathBuf),
    /// In the keyring; in the file if that does not take it.
    Keyring {
        /// Which.
        keyring: Keyring,
        /// The file.
        or: PathBuf,
    },
}

/// Where a token that was typed or handed over goes: a keyring is better than a file, if there is
/// somebody to say so. One that needs a person to open it is nothing to choose for who is not there.
pub fn storage(asker: &Asker, proven: &Proven, sources: &Sources<'_>) -> Result<Store, Failure> {
    let file = sources.named.unwrap_or(sources.token_file);
    let seen = match &proven.source {
        None => None,
        Some(TokenSource::File(_) | TokenSource::Keyring(_)) => return Ok(Store::Nowhere),
        Some(source @ (TokenSource::Environment(_) | TokenSource::Credential(_))) => Some(source),
    };
    let keyring = sources.environment.keyring;
    // A file that is there would win over it.
    if let Some(token) = &proven.token
        && asker.is_there
        && sources.named.is_none()
        && !file.exists()
        && keyring.takes(token)
        && is_there(keyring)
    {
        let question = match seen {
            None => "store the token in your keyring?".to_owned(),
            Some(source) => format!(
                "store it in your keyring as well? what is started at login does not see the \
                 {source}"
            ),
        };
        if asker.agrees(&question)? {
            return Ok(Store::Keyring { keyring, or: file.to_owned() });
        }
    }
    let Some(source) = seen else { return Ok(Store::File(file.to_owned())) };
    let asked = sources.named.is_some()
        || asker.agrees(&format!(
            "store it in {} as well? what is started at login does not see the {source}",
            shown(file)
        ))?;
    if asked {
        return Ok(Store::File(file.to_owned()));
    }
    output::tell(&format!(
        "the token stays in {source} and is not stored: whatever starts taxiway has to hand it over"
    ));
    Ok(Store::Nowhere)
}

/// Whether a keyring answers; what it has is to be replaced.
fn is_there(keyring: Keyring) -> bool {
    match keyring.ask() {
        Ok(_) | Err(Lack::Absent(Absence::NoToken)) => true,
        Err(Lack::Absent(_) | Lack::Trouble(_)) => false,
    }
}

/// Puts the token into the keyring, and sees whether it is there.
///
/// # Errors
/// In words.
pub fn kept(keyring: Keyring, token: &Token) -> Result<(), String> {
    keyring.store(token)?;
    match secret::find(|_| None, None, keyring) {
        Ok(found) if found.token == *token => Ok(()),
        Ok(_) => Err("it gives another one back".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
