//! The faults in force: which of them fire for a request.
//!
//! Owns: the counts of each fault. A request is decided once, when its head is known, so what
//! happens to it does not depend on how fast its body arrives.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::fault::{Answer, Call, Fault, Kind, ListFault, Pattern, What};

/// What is known of a request when its head has been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) call: Call,
    /// The name of the upload.
    pub(super) name: Option<&'a str>,
    /// The account the call goes to.
    pub(super) account: Option<&'a str>,
    /// The size of the body, if the client said it.
    pub(super) content_length: Option<u64>,
}

/// What goes wrong with one request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) cut: Option<Cut>,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) max_size: Option<u64>,
    pub(super) answer: Option<Answer>,
    pub(super) delay: Option<Duration>,
    pub(super) list: Vec<ListRule>,
    /// The faults that fired, as they were spelled.
    pub(super) fired: Vec<String>,
}

/// How reading a body ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    ResetAfter(u64),
    StallAfter(u64),
}

/// A list fault, and the assets it is about.
#[derive(Debug, Clone)]
pub(super) struct ListRule {
    pub(super) fault: ListFault,
    pub(super) name: Option<Pattern>,
    pub(super) seed: u64,
}

/// One fault and its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FaultCount {
    pub(super) fault: String,
    /// Requests it was for.
    pub(super) matched: u64,
    /// Requests it fired for.
    pub(super) fired: u64,
}

/// The faults in force.
pub(super) struct Faults {
    armed: Mutex<Vec<Armed>>,
}

struct Armed {
    fault: Fault,
    luck: u64,
    total: Count,
    /// Under `each-name`; by a hash of the name, so that a million names stay small.
    by_name: HashMap<u64, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    matched: u64,
    fired: u64,
}

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Faults {
        Faults { armed: Mutex::new(arm(faults)) }
    }

    /// Replaces all faults; counts start at zero.
    pub(super) fn replace(&self, faults: Vec<Fault>) {
        *self.armed() = arm(faults);
    }

    /// The faults in force and their counts.
    pub(super) fn counts(&self) -> Vec<FaultCount> {
        let count = |armed: &Armed| FaultCount {
            fault: armed.fault.to_string(),
            matched: armed.total.matched,
            fired: armed.total.fired,
        };
        self.armed().iter().map(count).collect()
    }

    /// Whether an account is in an error state at the moment, which counts for nothing.
    pub(super) fn is_broken(&self, account: &str) -> bool {
        self.has(|what| matches!(what, What::BrokenAccount(email) if email == account))
    }

    /// Whether the subscription has expired at the moment, which counts for nothing.
    pub(super) fn is_unsubscribed(&self) -> bool {
        self.has(|what| matches!(what, What::Subscription))
    }

    /// The server's time: the real one, unless its clock is wrong.
    pub(super) fn now(&self) -> jiff::Timestamp {
        let now = jiff::Timestamp::now();
        let offset = self.armed().iter().find_map(|armed| match armed.fault.kind {
            Kind::Clock(offset) => Some(offset),
            Kind::ResetAfter(_)
            | Kind::StallAfter(_)
            | Kind::Bandwidth(_)
            | Kind::MaxSize(_)
            | Kind::Answer(_)
            | Kind::SlowAnswer(_)
            | Kind::List(_) => None,
        });
        now.saturating_add(offset.unwrap_or_default()).unwrap_or(now)
    }

    /// Decides and counts what goes wrong with a request.
    pub(super) fn decide(&self, subject: &Subject<'_>) -> Plan {
        let mut plan = Plan::default();
        let mut armed = self.armed();
        // A body fault decides whether there is an answer to spoil, so it is asked first.
        let (first, then): (Vec<_>, Vec<_>) =
            armed.iter_mut().filter(|armed| armed.concerns(subject)).partition(|armed| {
                matches!(armed.fault.kind, Kind::ResetAfter(_) | Kind::StallAfter(_))
            });
        for armed in first.into_iter().chain(then) {
            if !plan.is_taken(&armed.fault.kind) && armed.fires(subject) {
                plan.take(&armed.fault);
            }
        }
        plan
    }

    fn has(&self, is: impl Fn(&What) -> bool) -> bool {
        self.armed().iter().any(|armed| match &armed.fault.kind {
            Kind::Answer(answer) => is(&answer.what) && !armed.is_used_up(armed.total),
            Kind::ResetAfter(_)
            | Kind::StallAfter(_)
            | Kind::Bandwidth(_)
            | Kind::MaxSize(_)
            | Kind::SlowAnswer(_)
            | Kind::Clock(_)
            | Kind::List(_) => false,
        })
    }

    fn armed(&self) -> MutexGuard<'_, Vec<Armed>> {
        // Counts are whole numbers: whoever panicked left them usable.
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn is_taken(&self, kind: &Kind) -> bool {
        match kind {
            Kind::ResetAfter(_) | Kind::StallAfter(_) => self.cut.is_some(),
            Kind::Bandwidth(_) => self.bytes_per_second.is_some(),
            Kind::MaxSize(_) => self.max_size.is_some(),
            Kind::Answer(_) => self.answer.is_some() || self.cut.is_some(),
            Kind::SlowAnswer(_) => self.delay.is_some() || self.cut.is_some(),
            Kind::Clock(_) | Kind::List(_) => false,
        }
    }

    fn take(&mut self, fault: &Fault) {
        match &fault.kind {
            Kind::ResetAfter(bytes) => self.cut = Some(Cut::ResetAfter(*bytes)),
            Kind::StallAfter(bytes) => self.cut = Some(Cut::StallAfter(*bytes)),
            Kind::Bandwidth(rate) => self.bytes_per_second = Some(*rate),
            Kind::MaxSize(size) => self.max_size = Some(*size),
            Kind::Answer(answer) => self.answer = Some(answer.clone()),
            Kind::SlowAnswer(delay) => self.delay = Some(*delay),
            // For no request, see `now`.
            Kind::Clock(_) => {}
            Kind::List(list) => self.list.push(ListRule {
                fault: list.clone(),
                name: fault.when.name.clone(),
                seed: fault.when.seed,
            }),
        }
        self.fired.push(fault.to_string());
    }
}

impl Armed {
    fn concerns(&self, subject: &Subject<'_>) -> bool {
        let when = &self.fault.when;
        if !when.calls.contains(&subject.call) {
            return false;
        }
        match &self.fault.kind {
            // Its name is about assets, not about the request.
            Kind::List(_) => return true,
            Kind::ResetAfter(bytes) | Kind::StallAfter(bytes) => {
                if subject.content_length.is_some_and(|length| length < *bytes) {
                    return false;
                }
            }
            Kind::MaxSize(bytes) => {
                if subject.content_length.is_some_and(|length| length <= *bytes) {
                    return false;
                }
            }
            Kind::Answer(Answer { what: What::BrokenAccount(email), .. }) => {
                if subject.account != Some(email) {
                    return false;
                }
            }
            Kind::Answer(_) | Kind::Bandwidth(_) | Kind::SlowAnswer(_) | Kind::Clock(_) => {}
        }
        match &when.name {
            None => true,
            Some(pattern) => subject.name.is_some_and(|name| pattern.matches(name)),
        }
    }

    fn fires(&mut self, subject: &Subject<'_>) -> bool {
        let key = match subject.name {
            Some(name) if self.fault.when.each_name => fnv(name.as_bytes()),
            _ => 0,
        };
        let mut count = match self.fault.when.each_name {
            true => self.by_name.get(&key).copied().unwrap_or_default(),
            false => self.total,
        };
        let fires = !self.is_used_up(count) && {
            let when = &self.fault.when;
            let number = count.matched + 1;
            number > when.skip
                && (number - when.skip).is_multiple_of(when.every)
                && when.probability.is_none_or(|p| {
                    let dice = mix(self.luck ^ mix(when.seed) ^ mix(key) ^ number);
                    // 53 bits are what a double holds exactly.
                    ((dice >> 11) as f64) < p * (1_u64 << 53) as f64
                })
        };
        count.matched += 1;
        count.fired += u64::from(fires);
        if self.fault.when.each_name {
            self.by_name.insert(key, count);
            self.total.matched += 1;
            self.total.fired += u64::from(fires);
        } else {
            self.total = count;
        }
        fires
    }

    fn is_used_up(&self, count: Count) -> bool {
        self.fault.when.times.is_some_and(|times| count.fired >= times)
    }
}

fn arm(faults: Vec<Fault>) -> Vec<Armed> {
    faults
        .into_iter()
        .map(|fault| Armed {
            // Two faults with one seed must not fall alike.
            luck: fnv(fault.spec.as_bytes()),
            fault,
            total: Count::default(),
            by_name: HashMap::new(),
        })
        .collect()
}

/// FNV-1a: the same in every run, which the hash of the standard library is not.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The last step of SplitMix64: spreads neighbouring numbers over all bits.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(specs: &[&str]) -> Faults {
        Faults::new(specs.iter().map(|spec| spec.parse().unwrap()).collect())
    }

    fn upload(name: &str) -> Subject<'_> {
        Subject {
            call: Call::Upload,
            name: Some(name),
            account: Some("a@b.c"),
            content_length: Some(100),
        }
    }

    /// Which of so many uploads of one name are hit.
    fn hits(faults: &Faults, name: &str, uploads: usize) -> Vec<usize> {
        (1..=uploads).filter(|_| !faults.decide(&upload(name)).fired.is_empty()).collect()
    }

    #[test]
    fn counts_are_kept_in_the_order_skip_every_times() {
        assert_eq!(hits(&faults(&["status=500,times=2"]), "a", 5), [1, 2]);
        assert_eq!(hits(&faults(&["status=500,every=3"]), "a", 7), [3, 6]);
        assert_eq!(hits(&faults(&["status=500,skip=1,every=2,times=1"]), "a", 7), [3]);
    }

    #[test]
    fn each_name_counts_by_itself() {
        let faults = faults(&["status=500,times=1,each-name"]);
        assert_eq!(hits(&faults, "a", 3), [1]);
        assert_eq!(hits(&faults, "b", 3), [1]);
        assert_eq!(faults.counts()[0].fired, 2);
        assert_eq!(faults.counts()[0].matched, 6);
    }

    #[test]
    fn the_same_seed_falls_the_same_way_and_about_as_often_as_asked() {
        let spec = "status=500,p=0.2,seed=7";
        let first = hits(&faults(&[spec]), "a", 1000);
        assert_eq!(first, hits(&faults(&[spec]), "a", 1000));
        assert_ne!(first, hits(&faults(&["status=500,p=0.2,seed=8"]), "a", 1000));
        assert!((150..250).contains(&first.len()), "{}", first.len());
    }

    #[test]
    fn the_first_of_a_slot_wins_and_the_others_wait_their_turn() {
        let faults = faults(&["status=500,times=1", "status=503,times=1", "slow-answer=1s"]);
        let fired = |faults: &Faults| faults.decide(&upload("a")).fired;
        assert_eq!(fired(&faults), ["status=500,times=1", "slow-answer=1s"]);
        assert_eq!(fired(&faults), ["status=503,times=1", "slow-answer=1s"]);
        assert_eq!(fired(&faults), ["slow-answer=1s"]);
    }

    #[test]
    fn a_cut_body_spoils_no_answer() {
        let faults = faults(&["status=500,times=1", "reset-after=50,times=1"]);
        assert_eq!(faults.decide(&upload("a")).fired, ["reset-after=50,times=1"]);
        assert_eq!(faults.decide(&upload("a")).fired, ["status=500,times=1"]);
    }

    #[test]
    fn a_fault_counts_only_what_concerns_it() {
        let faults = faults(&[
            "reset-after=101",
            "max-size=100",
            "broken-account=x@b.c",
            "status=500,name=*.png",
            "status=500,on=list",
        ]);
        assert!(faults.decide(&upload("a.jpg")).fired.is_empty());
        assert!(faults.counts().iter().all(|count| count.matched == 0));
    }
}
