//! `taxiway ledger adopt`: assets on the server become the uploads of what lies here.
//!
//! Owns:
//! - nothing is adopted that was not compared byte for byte, unless guesses are asked for;
//! - each adoption is on disk before it is told;
//! - a dry run goes the same way, over a copy of the ledger in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use crate::api::Client;
use crate::cli::args::Common;
use crate::cli::key::Key;
use crate::cli::session::Server;
use crate::cli::{Exit, Failure, again, load};
use crate::config::{Config, Flags};
use crate::daemon::lock::{Lock, Role, held_by, ledger_path};
use crate::daemon::{Clock, Names, Setup, SetupError, means, setup};
use crate::ledger::{Adoption, Ledger, LedgerError};
use crate::planner::pairing::{Comparison, Pair, Pairing, Sieve, comparisons, pair};
use crate::planner::{AccountId, FolderPolicy, Offered};
use crate::{api, text};

use super::compare::compare;
use super::local::{self, Contents, Wanted};
use super::told::{Told, Word, tell};
use super::{note, trouble};

#[derive(Debug, Clone, Copy, Args)]
pub struct AdoptArgs {
    /// Also adopt what has the same name and size, where bytes cannot be compared
    #[arg(long)]
    pub guesses: bool,
    /// Print what would be adopted, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command.
pub fn adopt(common: &Common, args: AdoptArgs) -> Result<Exit, Failure> {
    let (loaded, environment) = load(common, Flags::default())?;
    let config = loaded.config;
    let key = Key::find(&config, &environment, common.sandbox)?;
    let lock = if args.dry_run {
        beside_nobody(&config)?;
        None
    } else {
        Some(Lock::take(&config.state_dir, Role::Upkeep, Duration::ZERO)?)
    };
    let server = Server::open(&config, common.sandbox)?;
    let ledger = match &lock {
        Some(lock) => open(lock, &server),
        None => copy(&config, &server),
    };
    let ended = ledger
        .map_err(Failure::from)
        .and_then(|ledger| pair_with_server(common, &config, &server, key, &ledger, args, "adopt"));
    server.close();
    ended
}

/// What touches nothing takes no lock, and yet says what it would beside nobody else.
pub fn beside_nobody(config: &Config) -> Result<(), Failure> {
    match held_by(&config.state_dir) {
        Some(held) => Err(held.into()),
        None => Ok(()),
    }
}

/// The ledger, to be written.
pub fn open(lock: &Lock, server: &Server) -> Result<Ledger, LedgerError> {
    let now = Clock::start().now().wall;
    Ledger::open(&lock.ledger_path(), &server.remembered, std::process::id(), now)
}

fn copy(config: &Config, server: &Server) -> Result<Ledger, LedgerError> {
    let Some(ledger) = Ledger::read(&ledger_path(&config.state_dir))? else {
        return Ledger::in_memory(&server.remembered, Clock::start().now().wall);
    };
    match ledger.server()? {
        Some(remembered) if remembered != server.remembered => {
            Err(LedgerError::OtherServer { remembered, asked: server.remembered.clone() })
        }
        Some(_) | None => ledger.copy_in_memory(),
    }
}

/// Pairs everything, prints it, and writes it into this ledger, which then owes no pairing unless
/// there was trouble. `command` is how the caller is called again.
pub fn pair_with_server(
    common: &Common,
    config: &Config,
    server: &Server,
    key: Key,
    ledger: &Ledger,
    args: AdoptArgs,
    command: &str,
) -> Result<Exit, Failure> {
    let source = key.source();
    let (token, _changed) = key.watch();
    let means = means(config, &server.base_url, token).map_err(SetupError::from)?;
    let (Some(client), Some(token)) = (means.client, (means.token)()) else {
        return Err(trouble::unsendable(&source));
    };
    let setup =
        setup(config, ledger, &crate::cli::run::kept_out(config), Clock::start().now().wall)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("compare")
        .enable_all()
        .build()?;
    let mut adopting = Adopting {
        common,
        args,
        ledger,
        at_once: config.api.concurrency,
        source,
        setup,
        names: Names::of(config),
        tally: Tally::default(),
        exit: Exit::Well,
        told: None,
    };
    let lists = runtime.block_on(adopting.lists(&client, &token))?;
    adopting.adopt_all(&runtime, &client, lists)?;
    drop(runtime);
    let exit = adopting.end(command)?;
    if !args.dry_run {
        ledger.settle_pairing()?;
    }
    Ok(exit)
}

/// An account's list.
struct List {
    email: Option<String>,
    offered: Vec<Offered>,
}

/// What was adopted so far, and what was not.
#[derive(Debug, Default)]
struct Tally {
    certain: u64,
    guesses: u64,
    guesses_left: u64,
    doubles: u64,
    unclear: u64,
    /// Contents whose assets could not be compared for the moment.
    again: u64,
}

struct Adopting<'a> {
    common: &'a Common,
    args: AdoptArgs,
    ledger: &'a Ledger,
    at_once: usize,
    /// Where the token came from.
    source: String,
    setup: Setup,
    names: Names,
    tally: Tally,
    exit: Exit,
    /// The first thing that went wrong.
    told: Option<Failure>,
}

impl Adopting<'_> {
    /// The lists of all accounts that something is wanted on. An account without a name learns
    /// it here, and may turn out to be one that has one.
    async fn lists(
        &mut self,
        client: &Client,
        token: &api::Token,
    ) -> Result<BTreeMap<AccountId, List>, Failure> {
        let mut lists = BTreeMap::new();
        for (account, email) in self.accounts()? {
            if lists.contains_key(&account) {
                continue;
            }
            let (offered, whole) = match client.inventory(token, email.as_deref()).await {
                Ok(list) => list,
                Err(found) => {
                    let failure = trouble::failure(&found, &self.source);
                    if !trouble::of_one_account(&found) {
                        return Err(failure);
                    }
                    let whose = email.as_deref().unwrap_or("the account without an e-mail");
                    self.note(&format!("{whose} is left out: {}", text::escaped(&found.reason)));
                    self.went_wrong(failure);
                    continue;
                }
            };
            let (account, email) = match email {
                Some(email) => (account, Some(email)),
                None => self.learn(account, &offered)?,
            };
            if !whole {
                let whose = email.as_deref().unwrap_or_default();
                self.note(&format!(
                    "the list of {whose} ends with its newest {} assets: older ones cannot be paired",
                    offered.len()
                ));
            }
            lists.insert(account, List { email, offered });
        }
        Ok(lists)
    }

    /// Accounts that something is wanted on, those without a name first.
    fn accounts(&self) -> Result<Vec<(AccountId, Option<String>)>, Failure> {
        let open = self.ledger.open_uploads()?;
        let mut accounts = self.ledger.accounts()?;
        accounts.retain(|(id, _)| {
            open.iter().any(|open| open.account == *id)
                || self.setup.folders.iter().any(|folder| folder.account == *id)
        });
        accounts.sort_by_key(|(id, email)| (email.is_some(), *id));
        Ok(accounts)
    }

    /// Every asset of an account says which one it is.
    fn learn(
        &mut self,
        account: AccountId,
        offered: &[Offered],
    ) -> Result<(AccountId, Option<String>), Failure> {
        let mut emails: Vec<String> =
            offered.iter().filter_map(|offer| offer.listed.asset.email()).collect();
        emails.sort();
        emails.dedup();
        let [email] = emails.as_slice() else { return Ok((account, None)) };
        let named = self.ledger.name_account(account, email, Clock::start().now().wall)?;
        for folder in self.setup.folders.iter_mut().filter(|folder| folder.account == account) {
            folder.account = named;
        }
        Ok((named, Some(email.clone())))
    }

    fn adopt_all(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        client: &Client,
        lists: BTreeMap<AccountId, List>,
    ) -> Result<(), Failure> {
        let mut open = local::of_ledger(self.ledger)?;
        for (account, list) in lists {
            let mut contents = open.remove(&account).unwrap_or_default();
            self.look_into_folders(account, &list, &mut contents)?;
            let email = list.email.as_deref();
            let locals: Vec<_> = contents.all().iter().map(Wanted::local).collect();
            let taken = taken(self.ledger, &list.offered)?;
            let is_taken = |asset_id: &str| taken.contains(asset_id);
            let groups = comparisons(&list.offered, &locals, email, is_taken);
            let at_once = self.at_once;
            let ended = |group: &[Comparison], bytes: &[_]| {
                let pairing = pair(&list.offered, &locals, group, bytes);
                self.take(account, &list, &contents, pairing)
            };
            runtime.block_on(compare(client, &list.offered, &groups, at_once, ended))?;
        }
        Ok(())
    }

    fn look_into_folders(
        &mut self,
        account: AccountId,
        list: &List,
        contents: &mut Contents,
    ) -> Result<(), Failure> {
        let taken = taken(self.ledger, &list.offered)?;
        let sieve = Sieve::of(&list.offered, list.email.as_deref(), |id| taken.contains(id));
        let folders: Vec<(FolderPolicy, usize)> =
            self.setup.folders.iter().cloned().zip(0..).collect();
        for (policy, place) in folders.into_iter().filter(|(policy, _)| policy.account == account) {
            let sight = &self.setup.sights[place];
            let missed =
                local::add_folder(contents, self.ledger, &policy, sight, &sieve, &self.names)?;
            if let Some(reason) = missed {
                let hint = "mend that, then adopt again";
                let message = format!("not all of a folder could be seen: {reason}");
                self.went_wrong(Failure::new(Exit::Later, message, hint));
            }
        }
        Ok(())
    }

    /// Writes down what a group came to, and tells it.
    fn take(
        &mut self,
        account: AccountId,
        list: &List,
        contents: &Contents,
        pairing: Pairing,
    ) -> Result<(), Failure> {
        let all = contents.all();
        let told = |word, local: usize, asset: Option<usize>, adopted, reason| Told {
            word,
            wanted: &all[local],
            account: list.email.as_deref(),
            offer: asset.map(|asset| &list.offered[asset]),
            adopted,
            reason,
        };
        let mut taken = Vec::new();
        for found in pairing.pairs {
            let Pair { local, asset, doubles, guess } = found;
            let word = if guess.is_some() { Word::Guess } else { Word::Certain };
            let reason = guess.map(|why| format!("the same name and size, but {why}"));
            let wanted = word == Word::Certain || self.args.guesses;
            let adopted = wanted && {
                let how = reason.as_deref().unwrap_or("the bytes are equal");
                let adoption = adoption(account, &all[local], &list.offered[asset], how);
                self.ledger.adopt(&adoption, Clock::start().now().wall)?
            };
            match (word, adopted) {
                (Word::Certain, true) => self.tally.certain += 1,
                // Another pair of this very run had it first.
                (Word::Certain, false) => {}
                (_, true) => self.tally.guesses += 1,
                (_, false) => self.tally.guesses_left += 1,
            }
            taken.extend(adopted.then_some(local));
            tell(self.common, &told(word, local, Some(asset), adopted, reason));
            for double in doubles {
                self.tally.doubles += 1;
                tell(self.common, &told(Word::Double, local, Some(double), false, None));
            }
        }
        for local in pairing.unclear {
            self.tally.unclear += 1;
            let why = "several have this name and size, and their bytes cannot be compared";
            tell(self.common, &told(Word::Unclear, local, None, false, Some(why.into())));
        }
        let again = pairing.again.iter().filter(|local| !taken.contains(local));
        self.tally.again += again.count() as u64;
        Ok(())
    }

    fn note(&self, line: &str) {
        note(self.common, line);
    }

    fn went_wrong(&mut self, failure: Failure) {
        self.exit = self.exit.worst(failure.exit);
        self.told.get_or_insert(failure);
    }

    fn end(mut self, command: &str) -> Result<Exit, Failure> {
        self.summary(command);
        if self.tally.again > 0 {
            let count = self.tally.again;
            let message = format!(
                "the bytes of assets that may be {} could not be had",
                if count == 1 { "a file's here".into() } else { format!("{count} files' here") }
            );
            let hint =
                format!("try again before the next run: {}", again(self.common, "ledger adopt"));
            self.went_wrong(Failure::new(Exit::Later, message, hint));
        }
        let exit = self.exit;
        match self.told {
            Some(failure) => Err(Failure { exit, ..failure }),
            None => Ok(exit),
        }
    }

    /// One line, and what to type about guesses.
    fn summary(&self, command: &str) {
        let Tally { certain, guesses, guesses_left, doubles, unclear, .. } = self.tally;
        let mut words = vec![format!("{certain} certain")];
        words.extend((guesses > 0).then(|| counted(guesses, "guess", "guesses")));
        let title = if self.args.dry_run { "would adopt" } else { "adopted" };
        self.note(&format!("{title:<9} {}", words.join(", ")));
        if doubles > 0 {
            let what = counted(doubles, "double is", "doubles are");
            self.note(&format!(
                "{what} left on the server as {}",
                if doubles == 1 { "it is" } else { "they are" }
            ));
        }
        if unclear > 0 {
            self.note(&format!("{} left out as unclear", counted(unclear, "file is", "files are")));
        }
        if guesses_left > 0 {
            self.note(&format!("{} left out", counted(guesses_left, "guess is", "guesses are")));
            let command = again(self.common, &format!("ledger {command} --guesses"));
            self.note(&format!("hint: look at them, then: {command}"));
        }
    }
}

/// Assets that are a row's, or were one's.
fn taken(
    ledger: &Ledger,
    offered: &[Offered],
) -> Result<std::collections::BTreeSet<String>, LedgerError> {
    let mut taken = std::collections::BTreeSet::new();
    for offer in offered {
        let asset_id = &offer.listed.asset.asset_id;
        if ledger.sent_name(asset_id)?.is_some() {
            taken.insert(asset_id.clone());
        }
    }
    Ok(taken)
}

fn adoption(account: AccountId, wanted: &Wanted, offer: &Offered, how: &str) -> Adoption {
    Adoption {
        content: wanted.content.clone(),
        account,
        // The name that was most likely sent, not the one that is listed: whether the two are
        // the same tells the planner whether this server keeps names.
        name: wanted.name.clone(),
        asset: offer.listed.asset.clone(),
        created_at: offer.listed.created_at,
        holders: wanted.holders.clone(),
        how: how.to_owned(),
    }
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}
