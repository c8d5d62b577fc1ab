//! When to try again: back-off with jitter, and gates that close for everyone when the cause is
//! not one file's.
//!
//! Owns:
//! - a closed gate lets nothing through; one whose time has come lets one attempt through, and
//!   its outcome opens or closes the gate for the rest;
//! - a refused token and an expired subscription are asked about once more, after a pause, before
//!   they are believed; a token that was refused twice is not tried again until it changes.

use std::collections::BTreeMap;

use super::sabotage::{self, Bug};
use super::types::{AccountId, AttemptId, Mono};

/// First delay after a failure of one upload.
const UPLOAD_BASE_MS: i64 = 2_000;
/// Longest delay after failures of one upload.
pub const UPLOAD_CAP_MS: i64 = 15 * 60_000;
/// First delay while offline, or while the server stumbles.
const GATE_BASE_MS: i64 = 1_000;
/// Longest delay while offline, or while the server stumbles.
const GATE_CAP_MS: i64 = 5 * 60_000;
/// Pause between probes of an expired subscription, a broken account, or an account that refuses.
const PROBE_MS: i64 = 5 * 60_000;
/// Pause before a refused token or an expired subscription is believed: a proxy or an edge in
/// trouble may say so once, and a stop until the token changes would last all night.
const CONFIRM_MS: i64 = 2_000;
/// Longest delay that a server may ask for.
pub const SERVER_DELAY_CAP_MS: i64 = 60 * 60_000;
/// Failures after which an upload needs a person, while others pass.
pub const FAILURES_MOST: u32 = 8;
/// Doubts in a row after which an upload needs a person.
pub const DOUBTS_MOST: u32 = 3;
/// Server errors in a row, on different files, after which one probe at a time is sent.
pub const STUMBLES_MOST: usize = 3;
/// The same refusal, on as many files in a row, is about the account and not about them.
pub const SAME_REFUSAL_MOST: usize = 3;

/// A seeded source of jitter: splitmix64, whose whole state is one number (Steele, Lea, Flood,
/// "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone, Copy)]
pub struct Jitter(pub u64);

impl Jitter {
    /// Exponential back-off with full jitter: even between a tenth and the whole of
    /// `base_ms` doubled `tries` times, at most `cap_ms`.
    pub fn delay_ms(&mut self, tries: u32, base_ms: i64, cap_ms: i64) -> i64 {
        let whole = base_ms.saturating_mul(1_i64 << tries.min(20)).min(cap_ms);
        let least = whole / 10;
        least + (self.next() % (whole - least + 1).unsigned_abs()) as i64
    }

    /// The delay before an upload that failed `failures` times is tried again.
    pub fn upload_delay_ms(&mut self, failures: u32) -> i64 {
        self.delay_ms(failures.saturating_sub(1), UPLOAD_BASE_MS, UPLOAD_CAP_MS)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Why uploads are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The token was refused.
    Token,
    /// There is none, for now.
    NoToken,
    /// The subscription has ended.
    Subscription,
    /// The Runway account is broken.
    Account,
    /// The server asked to slow down.
    Rate,
    /// The same refusal for several files in a row.
    Refused,
    /// Several server errors in a row.
    Server,
    /// No connection.
    Offline,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 8] = [
        Cause::Token,
        Cause::NoToken,
        Cause::Subscription,
        Cause::Account,
        Cause::Rate,
        Cause::Refused,
        Cause::Server,
        Cause::Offline,
    ];

    /// Whether it stops one account, or all.
    pub fn of_account(self) -> bool {
        match self {
            Cause::Account | Cause::Rate | Cause::Refused => true,
            Cause::Token
            | Cause::NoToken
            | Cause::Subscription
            | Cause::Server
            | Cause::Offline => false,
        }
    }

    /// Whether it is kept across a restart: what the server asked for, by its word or by its
    /// errors. Whoever starts anew after something was mended wants to see it tried, once.
    pub fn is_kept(self) -> bool {
        match self {
            Cause::Rate | Cause::Server => true,
            Cause::Token
            | Cause::NoToken
            | Cause::Subscription
            | Cause::Account
            | Cause::Refused
            | Cause::Offline => false,
        }
    }

    /// Whether another token ends it.
    pub fn is_about_token(self) -> bool {
        matches!(self, Cause::Token | Cause::NoToken)
    }

    /// Whether time alone does not mend it.
    pub fn needs_person(self) -> bool {
        match self {
            Cause::Token
            | Cause::NoToken
            | Cause::Subscription
            | Cause::Account
            | Cause::Refused => true,
            Cause::Rate | Cause::Server | Cause::Offline => false,
        }
    }

    /// What has happened, for a person.
    pub fn words(self) -> &'static str {
        match self {
            Cause::Token => "the token is refused",
            Cause::NoToken => "there is no token",
            Cause::Subscription => "the subscription has ended",
            Cause::Account => "the Runway account is in trouble",
            Cause::Rate => "the server asked to slow down",
            Cause::Refused => "the account refuses every file",
            Cause::Server => "the server is in trouble",
            Cause::Offline => "no connection",
        }
    }

    /// The cause of this word.
    pub fn parse(word: &str) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| cause.as_str() == word)
    }

    /// The word that `status` shows; the first cause that has it is the one that is meant by it.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Token | Cause::NoToken => "auth",
            Cause::Subscription => "subscription",
            Cause::Account => "broken",
            Cause::Rate => "rate",
            Cause::Refused => "refused",
            Cause::Server => "server",
            Cause::Offline => "offline",
        }
    }
}

/// A closed gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Why.
    pub cause: Cause,
    /// In words.
    pub reason: String,
    /// When one attempt may go through; none means not by time alone.
    pub until: Option<Mono>,
    /// How often it was closed in a row.
    pub tries: u32,
    /// What closed it was met only once, and is yet to be confirmed.
    pub unconfirmed: bool,
    /// The attempt that is trying it.
    pub probe: Option<AttemptId>,
}

/// How much may go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passage {
    /// Nothing.
    Closed,
    /// One attempt, to try.
    Probe,
    /// All.
    Open,
}

/// What became of a gate that was to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It was closed for this cause already, or for a stronger one.
    Already,
    /// It is closed until the cause is met once more, which makes it news.
    Unconfirmed,
    /// It was open, or closed for another cause, or what closed it is confirmed.
    Anew,
}

/// Which gates an attempt was trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tried {
    /// The one that stops everyone.
    pub all: bool,
    /// Its account's.
    pub account: bool,
}

/// All gates.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    all: Option<Gate>,
    accounts: BTreeMap<AccountId, Gate>,
}

impl Gates {
    /// The gate that stops everyone, if one is closed.
    pub fn all(&self) -> Option<&Gate> {
        self.all.as_ref()
    }

    /// The gates of single accounts that are closed.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &Gate)> {
        self.accounts.iter().map(|(account, gate)| (*account, gate))
    }

    /// A stop that an earlier run left behind.
    pub fn restore(&mut self, account: Option<AccountId>, gate: Gate) {
        match account {
            Some(account) => drop(self.accounts.insert(account, gate)),
            None => self.all = Some(gate),
        }
    }

    /// The stops that are kept across a restart, and until when.
    pub fn kept(&self) -> BTreeMap<Option<AccountId>, (Cause, Mono)> {
        let all = self.all.iter().map(|gate| (None, gate));
        let accounts = self.accounts.iter().map(|(id, gate)| (Some(*id), gate));
        let kept = all.chain(accounts).filter(|(_, gate)| gate.cause.is_kept());
        kept.filter_map(|(account, gate)| Some((account, (gate.cause, gate.until?)))).collect()
    }

    /// How much may go through to one account now.
    pub fn passage(&self, account: AccountId, now: Mono) -> Passage {
        let of = |gate: Option<&Gate>| match gate {
            None => Passage::Open,
            Some(gate) if gate.probe.is_some() => Passage::Closed,
            Some(gate) if gate.until.is_some_and(|until| until <= now) => Passage::Probe,
            Some(_) => Passage::Closed,
        };
        of(self.all.as_ref()).min(of(self.accounts.get(&account)))
    }

    /// Whether reading lists makes sense now.
    pub fn may_list(&self, account: AccountId, now: Mono) -> bool {
        let blocks = |gate: &Gate| match gate.cause {
            Cause::Rate | Cause::Refused | Cause::Server => false,
            Cause::Token
            | Cause::NoToken
            | Cause::Subscription
            | Cause::Account
            | Cause::Offline => gate.until.is_none_or(|until| until > now),
        };
        !self.all.as_ref().is_some_and(blocks) && !self.accounts.get(&account).is_some_and(blocks)
    }

    /// When a gate's time comes next.
    pub fn next_due(&self, now: Mono) -> Option<Mono> {
        let gates = self.all.iter().chain(self.accounts.values());
        gates
            .filter(|gate| gate.probe.is_none())
            .filter_map(|gate| gate.until)
            .filter(|t| *t > now)
            .min()
    }

    /// When the next gate may be tried, though that time may have come by now.
    pub fn next_try(&self) -> Option<Mono> {
        let gates = self.all.iter().chain(self.accounts.values());
        gates.filter(|gate| gate.probe.is_none()).filter_map(|gate| gate.until).min()
    }

    /// Whether the time of some gate has come and nothing tries it yet.
    pub fn ready(&self, now: Mono) -> bool {
        let mut gates = self.all.iter().chain(self.accounts.values());
        gates.any(|gate| gate.probe.is_none() && gate.until.is_some_and(|until| until <= now))
    }

    /// This attempt tries the gates it goes through.
    pub fn begin_probe(&mut self, account: AccountId, attempt: AttemptId) {
        for gate in self.all.iter_mut().chain(self.accounts.get_mut(&account)) {
            gate.probe = Some(attempt);
        }
    }

    /// The attempt is over; a gate it was trying can be tried by another. Says what it tried.
    pub fn end_probe(&mut self, attempt: AttemptId) -> Tried {
        let end = |gate: &mut Gate| gate.probe.take_if(|probe| *probe == attempt).is_some();
        let account = self.accounts.values_mut().map(end).fold(false, |tried, one| tried | one);
        Tried { all: self.all.as_mut().is_some_and(end), account }
    }

    /// Closes a gate, or keeps it closed for longer.
    ///
    /// Attempts that were under way when it closed say nothing new: they do not lengthen it.
    pub fn close(
        &mut self,
        account: AccountId,
        cause: Cause,
        reason: String,
        asked_ms: Option<i64>,
        jitter: &mut Jitter,
        now: Mono,
    ) -> Closed {
        let slot = if cause.of_account() { self.accounts.get(&account) } else { self.all.as_ref() };
        let same = slot.filter(|gate| gate.cause == cause);
        if same.is_some_and(|gate| gate.until.is_some_and(|until| until > now)) {
            return Closed::Already;
        }
        // A stronger stop is not overwritten by a weaker one.
        if slot.is_some_and(|gate| gate.until.is_none() && gate.cause != cause) {
            return Closed::Already;
        }
        let tries = same.map_or(0, |gate| gate.tries + 1);
        let confirmed = same.is_some_and(|gate| gate.unconfirmed);
        let unconfirmed = same.is_none()
            && matches!(cause, Cause::Token | Cause::Subscription)
            && !sabotage::on(Bug::BelieveFirstRefusal);
        let backoff_ms = jitter.delay_ms(tries, GATE_BASE_MS, GATE_CAP_MS);
        let until = match cause {
            Cause::Token | Cause::Subscription if unconfirmed => Some(now.plus(CONFIRM_MS)),
            Cause::Token | Cause::NoToken => None,
            Cause::Subscription | Cause::Account | Cause::Refused => Some(now.plus(PROBE_MS)),
            Cause::Rate => {
                Some(now.plus(asked_ms.unwrap_or(0).clamp(backoff_ms, SERVER_DELAY_CAP_MS)))
            }
            Cause::Server | Cause::Offline => Some(now.plus(backoff_ms)),
        };
        let closed = match (same.is_none(), unconfirmed, confirmed) {
            (_, true, _) => Closed::Unconfirmed,
            (true, false, _) | (_, false, true) => Closed::Anew,
            (false, false, false) => Closed::Already,
        };
        let gate = Gate { cause, reason, until, tries, unconfirmed, probe: None };
        if cause.of_account() {
            self.accounts.insert(account, gate);
        } else {
            self.all = Some(gate);
        }
        closed
    }

    /// An upload was stored: what stopped this account, or all, is over if this attempt tried
    /// it, or if no server that is in such trouble could have stored it. An attempt that was
    /// under way before says nothing of a token, a subscription, or a pause that was asked for.
    /// Says what opened, of what was said to be closed: the gate of all, the account's.
    pub fn open(&mut self, account: AccountId, tried: Tried) -> (bool, bool) {
        let shows = |cause| match cause {
            Cause::Offline | Cause::Server | Cause::Refused => true,
            Cause::Token | Cause::NoToken | Cause::Subscription | Cause::Account | Cause::Rate => {
                false
            }
        };
        let all = self.all.take_if(|gate| tried.all || shows(gate.cause));
        let gate = self.accounts.get(&account);
        let one = gate.is_some_and(|gate| tried.account || shows(gate.cause));
        if one {
            self.accounts.remove(&account);
        }
        (all.is_some_and(|gate| !gate.unconfirmed), one)
    }

    /// Any answer at all: we are not offline. True if we were.
    pub fn online(&mut self) -> bool {
        let offline = self.all.as_ref().is_some_and(|gate| gate.cause == Cause::Offline);
        if offline {
            self.all = None;
        }
        offline
    }

    /// A person wants what is waited for by our own choice tried at once.
    pub fn probe_now(&mut self, now: Mono) {
        for gate in self.all.iter_mut().chain(self.accounts.values_mut()) {
            let ours = match gate.cause {
                Cause::Subscription
                | Cause::Account
                | Cause::Refused
                | Cause::Server
                | Cause::Offline => true,
                Cause::Token | Cause::NoToken | Cause::Rate => false,
            };
            if ours {
                gate.until = gate.until.map(|until| until.min(now));
            }
        }
    }

    /// The token was good for something: that it was refused once meant nothing.
    pub fn token_works(&mut self) {
        self.all.take_if(|gate| gate.unconfirmed && gate.cause == Cause::Token);
    }

    /// The token changed: one that was refused or missing no longer stops anybody. True if it did.
    pub fn token_changed(&mut self) -> bool {
        let refused = self.all.take_if(|gate| gate.cause.is_about_token());
        refused.is_some_and(|gate| !gate.unconfirmed)
    }

    /// An account's row was merged into another's.
    pub fn merge(&mut self, from: AccountId, into: AccountId) {
        if let Some(gate) = self.accounts.remove(&from) {
            self.accounts.entry(into).or_insert(gate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AccountId = AccountId(1);
    const B: AccountId = AccountId(2);

    fn close(gates: &mut Gates, cause: Cause, now: i64) -> Closed {
        gates.close(A, cause, String::new(), None, &mut Jitter(1), Mono(now))
    }

    #[test]
    fn delays_grow_are_capped_and_differ() {
        let mut jitter = Jitter(7);
        for failures in 1..40 {
            let delay_ms = jitter.upload_delay_ms(failures);
            let whole = (2_000_i64 << (failures - 1).min(20)).min(UPLOAD_CAP_MS);
            assert!((whole / 10..=whole).contains(&delay_ms), "{failures}: {delay_ms}");
        }
        assert_ne!(jitter.upload_delay_ms(5), jitter.upload_delay_ms(5));
    }

    #[test]
    fn a_token_that_is_refused_twice_stops_all_until_it_changes() {
        let mut gates = Gates::default();
        assert_eq!(close(&mut gates, Cause::Token, 0), Closed::Unconfirmed);
        assert_eq!(close(&mut gates, Cause::Token, 0), Closed::Already, "asked at the same time");
        assert_eq!(gates.passage(B, Mono(CONFIRM_MS - 1)), Passage::Closed);
        assert_eq!(gates.passage(B, Mono(CONFIRM_MS)), Passage::Probe);
        assert_eq!(close(&mut gates, Cause::Token, CONFIRM_MS), Closed::Anew);
        assert_eq!(gates.passage(B, Mono(i64::MAX)), Passage::Closed);
        let weaker = close(&mut gates, Cause::Offline, CONFIRM_MS + 1);
        assert_eq!(weaker, Closed::Already, "a weaker cause does not replace it");
        assert_eq!(gates.all().map(|gate| gate.cause), Some(Cause::Token));
        assert!(gates.token_changed());
        assert_eq!(gates.passage(B, Mono(2)), Passage::Open);
    }

    #[test]
    fn a_refusal_that_is_not_repeated_was_nothing() {
        let mut gates = Gates::default();
        for cause in [Cause::Token, Cause::Subscription] {
            assert_eq!(close(&mut gates, cause, 0), Closed::Unconfirmed);
            let tried = Tried { all: true, account: false };
            assert_eq!(gates.open(A, tried), (false, false), "nobody was told that it was closed");
            assert_eq!(gates.passage(A, Mono(0)), Passage::Open);
        }
    }

    #[test]
    fn an_expired_subscription_is_asked_about_again_soon_and_then_rarely() {
        let mut gates = Gates::default();
        assert_eq!(close(&mut gates, Cause::Subscription, 0), Closed::Unconfirmed);
        assert_eq!(close(&mut gates, Cause::Subscription, CONFIRM_MS), Closed::Anew);
        let probe = CONFIRM_MS + PROBE_MS;
        assert_eq!(gates.passage(A, Mono(probe - 1)), Passage::Closed);
        assert_eq!(gates.passage(A, Mono(probe)), Passage::Probe);
        assert_eq!(close(&mut gates, Cause::Subscription, probe), Closed::Already);
        gates.probe_now(Mono(probe + 1));
        assert_eq!(gates.passage(A, Mono(probe + 1)), Passage::Probe);
    }

    #[test]
    fn a_wish_lifts_neither_a_refused_token_nor_a_pause_that_was_asked_for() {
        let mut gates = Gates::default();
        close(&mut gates, Cause::Token, 0);
        close(&mut gates, Cause::Token, CONFIRM_MS);
        gates.close(B, Cause::Rate, String::new(), Some(60_000), &mut Jitter(1), Mono(0));
        gates.probe_now(Mono(CONFIRM_MS));
        assert_eq!(gates.passage(A, Mono(CONFIRM_MS)), Passage::Closed);
        assert!(gates.token_changed());
        assert_eq!(gates.passage(B, Mono(CONFIRM_MS)), Passage::Closed);
    }

    #[test]
    fn a_gate_whose_time_has_come_lets_one_attempt_through() {
        let mut gates = Gates::default();
        close(&mut gates, Cause::Account, 0);
        assert_eq!(gates.passage(A, Mono(PROBE_MS - 1)), Passage::Closed);
        assert_eq!(gates.passage(B, Mono(0)), Passage::Open);
        assert_eq!(gates.passage(A, Mono(PROBE_MS)), Passage::Probe);
        gates.begin_probe(A, AttemptId(9));
        assert_eq!(gates.passage(A, Mono(PROBE_MS)), Passage::Closed);
        assert_eq!(gates.end_probe(AttemptId(9)), Tried { all: false, account: true });
        assert_eq!(gates.passage(A, Mono(PROBE_MS)), Passage::Probe);
        assert_eq!(gates.open(A, Tried::default()), (false, false));
        assert_eq!(gates.open(A, Tried { all: false, account: true }), (false, true));
        assert_eq!(gates.passage(A, Mono(PROBE_MS)), Passage::Open);
    }

    #[test]
    fn attempts_that_were_under_way_do_not_lengthen_a_stop() {
        let mut gates = Gates::default();
        assert_eq!(close(&mut gates, Cause::Offline, 0), Closed::Anew);
        let until = gates.all().and_then(|gate| gate.until);
        assert_eq!(close(&mut gates, Cause::Offline, 0), Closed::Already);
        assert_eq!(gates.all().and_then(|gate| gate.until), until);
        let longer = close(&mut gates, Cause::Offline, 10_000);
        assert_eq!(longer, Closed::Already, "closed for longer, but not anew");
        assert_eq!(gates.all().map(|gate| gate.tries), Some(1));
    }

    #[test]
    fn a_server_may_ask_for_a_delay_within_reason() {
        let mut gates = Gates::default();
        let asked = Some(i64::MAX);
        gates.close(A, Cause::Rate, String::new(), asked, &mut Jitter(1), Mono(0));
        assert_eq!(gates.passage(A, Mono(SERVER_DELAY_CAP_MS - 1)), Passage::Closed);
        assert_eq!(gates.passage(A, Mono(SERVER_DELAY_CAP_MS)), Passage::Probe);
    }
}
