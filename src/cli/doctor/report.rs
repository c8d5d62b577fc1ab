//! What the doctor says: a list of checks, in lines or as one object.
//!
//! Owns:
//! - a warning alone never makes an exit code; of several failures the worst decides;
//! - whatever is not well says what to type next.

use serde_json::{Value, json};

use crate::cli::{Exit, output};
use crate::text::one_line;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Ok,
    /// Work goes on, and somebody should look.
    Warn,
    /// Work does not go on, or not all of it; with the exit code that says so.
    Fail(Exit),
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about, in one word; several checks may be about one thing.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found: one line.
    pub text: String,
    /// What to type next; there unless all is well.
    pub hint: Option<String>,
}

/// All checks, in the order in which they are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail(_) => "fail",
        }
    }
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, text: impl AsRef<str>) -> Check {
        Check { name, verdict: Verdict::Ok, text: one_line(text.as_ref()), hint: None }
    }

    /// Somebody should look.
    pub fn warn(name: &'static str, text: impl AsRef<str>, hint: impl Into<String>) -> Check {
        let hint = Some(hint.into());
        Check { name, verdict: Verdict::Warn, text: one_line(text.as_ref()), hint }
    }

    /// Something has to be mended.
    pub fn fail(
        name: &'static str,
        exit: Exit,
        text: impl AsRef<str>,
        hint: impl Into<String>,
    ) -> Check {
        let verdict = Verdict::Fail(exit);
        Check { name, verdict, text: one_line(text.as_ref()), hint: Some(hint.into()) }
    }
}

impl Report {
    /// The exit code: the worst of the failures.
    pub fn exit(&self) -> Exit {
        let failed = self.checks.iter().filter_map(|check| match check.verdict {
            Verdict::Fail(exit) => Some(exit),
            Verdict::Ok | Verdict::Warn => None,
        });
        failed.fold(Exit::Well, Exit::worst)
    }

    /// How many failed, and how many warn.
    pub fn counts(&self) -> (usize, usize) {
        let of = |word: &str| {
            let checks = self.checks.iter();
            checks.filter(|check| check.verdict.word() == word).count()
        };
        (of("fail"), of("warn"))
    }

    /// The report in one object: `{"schema":1, "version", "platform", "exit", "checks":[{"name",
    /// "verdict":"ok|warn|fail", "text", "hint"}]}`.
    pub fn json(&self) -> Value {
        let checks = self.checks.iter().map(|check| {
            json!({
                "name": check.name,
                "verdict": check.verdict.word(),
                "text": check.text,
                "hint": check.hint,
            })
        });
        json!({
            "schema": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "platform": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            "exit": self.exit() as u8,
            "checks": checks.collect::<Vec<_>>(),
        })
    }

    /// Prints the report.
    pub fn print(&self, json: bool) {
        if json {
            output::line(&self.json().to_string());
        } else {
            for check in &self.checks {
                let word = check.verdict.word();
                output::line(&format!("{word:<4}  {:<13}  {}", check.name, check.text));
                if let Some(hint) = &check.hint {
                    output::line(&format!("      hint: {hint}"));
                }
            }
        }
        output::flush();
    }

    /// One line that sums it up.
    pub fn sum(&self) -> String {
        let things = |count: usize, one: &str, several: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {several}"),
        };
        let warnings = |count| things(count, "warning", "warnings");
        match self.counts() {
            (0, 0) => "all is well".to_owned(),
            (0, warn) => format!("nothing failed, {}", warnings(warn)),
            (fail, 0) => format!("{} failed", things(fail, "check", "checks")),
            (fail, warn) => {
                format!("{} failed, {}", things(fail, "check", "checks"), warnings(warn))
            }
        }
    }
}

/// A check in one line, for tables: "warn: what | what to type".
#[cfg(test)]
pub fn told(check: &Check) -> String {
    let verdict = match check.verdict {
        Verdict::Ok | Verdict::Warn => check.verdict.word().to_owned(),
        Verdict::Fail(exit) => format!("fail {}", exit as u8),
    };
    match &check.hint {
        Some(hint) => format!("{verdict}: {} | {hint}", check.text),
        None => format!("{verdict}: {}", check.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_failure_decides_and_warnings_do_not() {
        let exits = [Exit::Config, Exit::Ledger, Exit::Stopped, Exit::Later, Exit::Some];
        for (at, worst) in exits.into_iter().enumerate() {
            let mut report = Report::default();
            report.checks.push(Check::warn("x", "odd", "taxiway status"));
            assert_eq!(report.exit(), Exit::Well);
            assert_eq!(report.sum(), "nothing failed, 1 warning");
            for exit in exits[at..].iter().rev() {
                report.checks.push(Check::fail("x", *exit, "bad", "taxiway run"));
            }
            assert_eq!(report.exit(), worst);
        }
    }

    #[test]
    fn the_object_has_these_fields() {
        let checks = vec![
            Check::ok("token", "file\nx"),
            Check::fail("server", Exit::Later, "silent", "taxiway doctor"),
        ];
        let report = Report { checks };
        let mut json = report.json();
        json["version"] = "V".into();
        json["platform"] = "P".into();
        assert_eq!(
            json.to_string(),
            r#"{"checks":[{"hint":null,"name":"token","text":"file; x","verdict":"ok"},{"hint":"taxiway doctor","name":"server","text":"silent","verdict":"fail"}],"exit":75,"platform":"P","schema":1,"version":"V"}"#
        );
        assert_eq!(report.sum(), "1 check failed");
    }
}
