//! How a fault is spelled: `FAULT[=VALUE][,OPTION[=VALUE]]…`
//!
//! Owns: reading a fault, and the errors that name what is wrong with a text. What the names mean
//! is said in `tables`.
use std::str::FromStr;
use std::time::Duration;

use axum::http::StatusCode;

use super::fault::{
    Answer, Call, Fault, Form, Kind, ListFault, Pattern, Rename, StatusAnswer, What, When,
};
use super::tables::{FAULTS, OPTIONS, SpecDoc};

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {spec:?}: {problem}")]
pub struct FaultError {
    /// The text.
    pub spec: String,
    /// What is wrong with it.
    pub problem: String,
}

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads a fault as [`FAULTS`] and [`OPTIONS`] describe it.
    fn from_str(spec: &str) -> Result<Fault, FaultError> {
        parse(spec.trim()).map_err(|problem| FaultError { spec: spec.to_owned(), problem })
    }
}

fn parse(spec: &str) -> Result<Fault, String> {
    let mut parts = spec.split(',').map(str::trim);
    let (name, value) = key_value(parts.next().unwrap_or_default());
    known("fault", name, &FAULTS)?;
    let mut options = Options::read(parts)?;
    let value = Value { of: name, text: value };
    let kind = kind(name, &value, &mut options)?;
    let when = when(&kind, &mut options)?;
    options.all_used(name)?;
    Ok(Fault { spec: spec.to_owned(), kind, when })
}

fn kind(name: &str, value: &Value<'_>, options: &mut Options<'_>) -> Result<Kind, String> {
    let answer = |what, stored, early| Kind::Answer(Answer { what, stored, early });
    Ok(match name {
        "reset-after" => Kind::ResetAfter(value.size()?),
        "stall-after" => Kind::StallAfter(value.size()?),
        "bandwidth" => Kind::Bandwidth(value.rate()?),
        "max-size" => Kind::MaxSize(value.size()?),
        "status" | "plain-error" => {
            let early = options.flag("early")?;
            let what = What::Status(status(name, value, options)?);
            answer(what, false, early)
        }
        "stored-status" => answer(What::Status(status(name, value, options)?), true, false),
        "subscription" => {
            value.none()?;
            answer(What::Subscription, false, options.flag("early")?)
        }
        "broken-account" => {
            let email = value.given("an e-mail address, such as a@b.c")?.to_lowercase();
            answer(What::BrokenAccount(email), false, options.flag("early")?)
        }
        "lost-answer" | "malformed" | "incomplete" => {
            value.none()?;
            let what = match name {
                "lost-answer" => What::Lost,
                "malformed" => What::Malformed,
                _ => What::Incomplete,
            };
            answer(what, !options.flag("unstored")?, false)
        }
        "slow-answer" => Kind::SlowAnswer(value.time()?),
        "clock" => Kind::Clock(value.signed_time()?),
        "list-lag" => Kind::List(ListFault::Lag(value.time()?)),
        "list-rename" => Kind::List(ListFault::Rename(rename(value)?)),
        "list-reorder" | "list-blind" | "list-no-size" | "list-no-url" => {
            value.none()?;
            Kind::List(match name {
                "list-reorder" => ListFault::Reorder,
                "list-blind" => ListFault::Blind,
                "list-no-url" => ListFault::NoUrl,
                _ => ListFault::NoSize,
            })
        }
        // `known` has let only the names of the table pass, and a test holds the two together.
        other => return Err(format!("there is no fault {other:?}")),
    })
}

fn status(
    name: &str,
    value: &Value<'_>,
    options: &mut Options<'_>,
) -> Result<StatusAnswer, String> {
    let wanted = "a status from 200 to 999, such as 503";
    let status = value
        .given(wanted)?
        .parse()
        .ok()
        .filter(|code| *code >= 200)
        .and_then(|code: u16| StatusCode::from_u16(code).ok())
        .ok_or_else(|| value.wrong(wanted))?;
    let form = match options.take("body") {
        None if name == "plain-error" => Form::Text,
        None => Form::Json,
        Some(form) => match form.given("a form, such as html")? {
            "json" => Form::Json,
            "object" => Form::Object,
            "no-code" => Form::NoCode,
            "text" => Form::Text,
            "html" => Form::Html,
            "empty" => Form::Empty,
            _ => return Err(form.wrong("json, object, no-code, text, html or empty")),
        },
    };
    let mut seconds = |option| match options.take(option) {
        None => Ok(None),
        Some(value) => value.number("a number of seconds, such as 7").map(Some),
    };
    Ok(StatusAnswer {
        status,
        form,
        retry_after_s: seconds("retry-after")?,
        retry_after_date_s: seconds("retry-after-date")?,
        retry_after_field_s: seconds("retry-after-field")?,
    })
}

fn rename(value: &Value<'_>) -> Result<Rename, String> {
    let wanted = "extension, stem or suffix";
    match value.given(wanted)? {
        "extension" => Ok(Rename::Extension),
        "stem" => Ok(Rename::Stem),
        "suffix" => Ok(Rename::Suffix),
        _ => Err(value.wrong(wanted)),
    }
}

fn when(kind: &Kind, options: &mut Options<'_>) -> Result<When, String> {
    if matches!(kind, Kind::Clock(_)) {
        // A clock is wrong for everybody: no option means anything to it.
        return Ok(When::never());
    }
    let number = |value: Option<Value<'_>>, default: u64, least: u64| match value {
        None => Ok(default),
        Some(value) => {
            let wanted = if least == 0 { "a whole number" } else { "a whole number from 1" };
            let number: u64 = value.number(wanted)?;
            Some(number).filter(|number| *number >= least).ok_or_else(|| value.wrong(wanted))
        }
    };
    let name = match options.take("name") {
        None => None,
        Some(value) => Some(Pattern(value.given("a part of a name, or a glob")?.to_owned())),
    };
    let probability = match options.take("p") {
        None => None,
        Some(value) => {
            let wanted = "a probability above 0 and at most 1, such as 0.2";
            let p: f64 = value.number(wanted)?;
            Some(p).filter(|p| *p > 0.0 && *p <= 1.0).ok_or_else(|| value.wrong(wanted))?.into()
        }
    };
    let times = match options.take("times") {
        None => None,
        given => Some(number(given, 1, 1)?),
    };
    Ok(When {
        calls: calls(kind, options)?,
        name,
        skip: number(options.take("skip"), 0, 0)?,
        every: number(options.take("every"), 1, 1)?,
        times,
        probability,
        seed: number(options.take("seed"), 0, 0)?,
        each_name: options.flag("each-name")?,
    })
}

/// The calls a fault is for: those it always is for, or those that `on` names.
fn calls(kind: &Kind, options: &mut Options<'_>) -> Result<Vec<Call>, String> {
    use Call::{Accounts, Asset, Delete, Features, List, Upload};
    let (fixed, default): (bool, &[Call]) = match kind {
        Kind::ResetAfter(_) | Kind::StallAfter(_) | Kind::Bandwidth(_) | Kind::MaxSize(_) => {
            (true, &[Upload])
        }
        Kind::List(ListFault::NoSize | ListFault::NoUrl | ListFault::Rename(_)) => {
            (true, &[List, Asset])
        }
        Kind::List(ListFault::Lag(_) | ListFault::Reorder | ListFault::Blind) => (true, &[List]),
        Kind::Clock(_) => (true, &[]),
        Kind::SlowAnswer(_) => (false, &[Upload]),
        Kind::Answer(answer) => match answer.what {
            What::Incomplete => (true, &[Upload]),
            What::Status(_) if answer.stored => (true, &[Upload]),
            What::Status(_) | What::Lost | What::Malformed => (false, &[Upload]),
            What::Subscription => (false, &[Upload, List, Asset, Delete, Accounts, Features]),
            What::BrokenAccount(_) => (false, &[Upload, List, Asset, Delete, Features]),
        },
    };
    let mut calls = Vec::new();
    while !fixed && let Some(value) = options.take("on") {
        let wanted = "upload, list, asset, delete, accounts, account, features, file or any";
        match value.given(wanted)? {
            "any" => calls.extend(Call::NAMED),
            text => calls.push(
                Call::NAMED
                    .into_iter()
                    .find(|call| call.as_str() == text)
                    .ok_or_else(|| value.wrong(wanted))?,
            ),
        }
    }
    if calls.is_empty() {
        calls.extend(default);
    }
    Ok(calls)
}

/// The options of one text; each is taken by what it means something to.
struct Options<'a> {
    left: Vec<Value<'a>>,
}

impl<'a> Options<'a> {
    fn read(parts: impl Iterator<Item = &'a str>) -> Result<Options<'a>, String> {
        let mut left: Vec<Value<'a>> = Vec::new();
        for part in parts {
            let (of, text) = key_value(part);
            known("option", of, &OPTIONS)?;
            if of != "on" && left.iter().any(|seen| seen.of == of) {
                return Err(format!("option {of} is given twice"));
            }
            left.push(Value { of, text });
        }
        Ok(Options { left })
    }

    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.left.iter().position(|value| value.of == name)?;
        Some(self.left.remove(at))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        match self.take(name) {
            None => Ok(false),
            Some(value) => value.none().map(|()| true),
        }
    }

    fn all_used(&self, fault: &str) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some(value) => Err(format!("option {} means nothing to {fault}", value.of)),
        }
    }
}

/// What stands behind a name.
struct Value<'a> {
    of: &'a str,
    text: Option<&'a str>,
}

impl<'a> Value<'a> {
    fn wrong(&self, wanted: &str) -> String {
        let given = self.text.unwrap_or_default();
        format!("{} wants {wanted}, not {given:?}", self.of)
    }

    fn none(&self) -> Result<(), String> {
        match self.text {
            None => Ok(()),
            Some(_) => Err(format!("{} takes no value", self.of)),
        }
    }

    fn given(&self, wanted: &str) -> Result<&'a str, String> {
        match self.text {
            None | Some("") => Err(format!("{} wants {wanted}", self.of)),
            Some(text) => Ok(text),
        }
    }

    fn number<T: FromStr>(&self, wanted: &str) -> Result<T, String> {
        let text = self.given(wanted)?;
        text.parse().map_err(|_| self.wrong(wanted))
    }

    fn size(&self) -> Result<u64, String> {
        let size: bytesize::ByteSize = self.number("a size, such as 65536, 64KiB or 100MB")?;
        Ok(size.as_u64())
    }

    fn rate(&self) -> Result<u64, String> {
        let wanted = "a rate, such as 1MB/s";
        let text = self.given(wanted)?;
        text.strip_suffix("/s")
            .and_then(|text| text.parse::<bytesize::ByteSize>().ok())
            .map(|size| size.as_u64())
            .filter(|rate| *rate > 0)
            .ok_or_else(|| self.wrong(wanted))
    }

    fn signed_time(&self) -> Result<jiff::SignedDuration, String> {
        self.number("a time, such as 5s, 500ms or -2min")
    }

    fn time(&self) -> Result<Duration, String> {
        let wanted = "a time, such as 5s, 500ms or 2min";
        let time: jiff::SignedDuration = self.number(wanted)?;
        Duration::try_from(time).map_err(|_| self.wrong(wanted))
    }
}

fn key_value(part: &str) -> (&str, Option<&str>) {
    match part.split_once('=') {
        None => (part, None),
        Some((key, value)) => (key.trim_end(), Some(value.trim_start())),
    }
}

/// Refuses a name that is in no row of the table, and says which one is near.
fn known(what: &str, name: &str, table: &[SpecDoc]) -> Result<(), String> {
    let names = || table.iter().map(|row| key_value(row.spelling).0);
    if names().any(|known| known == name) {
        return Ok(());
    }
    let nearest = names()
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3));
    Err(match nearest {
        Some((_, known)) => format!("there is no {what} {name:?}; did you mean {known:?}?"),
        None => format!(
            "there is no {what} {name:?}; known are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    })
}

/// How many letters must be added, dropped or changed to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(spec: &str) -> String {
        spec.parse::<Fault>().unwrap_err().problem
    }

    #[test]
    fn every_example_of_the_tables_is_a_fault() {
        for row in FAULTS.iter().chain(&OPTIONS) {
            let fault: Fault = row.example.parse().unwrap();
            assert_eq!(fault.to_string(), row.example);
            let name = key_value(row.spelling).0;
            assert!(row.example.contains(name), "{}", row.spelling);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        assert_eq!(
            "statsu=503".parse::<Fault>().unwrap_err().to_string(),
            r#"fault "statsu=503": there is no fault "statsu"; did you mean "status"?"#
        );
        assert_eq!(
            problem("status=503,tiems=2"),
            r#"there is no option "tiems"; did you mean "times"?"#
        );
        assert!(problem("x").starts_with(r#"there is no fault "x"; known are reset-after, "#));
        assert!(problem("").starts_with(r#"there is no fault "";"#));
    }

    #[test]
    fn a_wrong_value_is_answered_with_what_is_wanted() {
        for (spec, expected) in [
            ("status", "status wants a status from 200 to 999, such as 503"),
            ("status=1", r#"status wants a status from 200 to 999, such as 503, not "1""#),
            ("lost-answer=1", "lost-answer takes no value"),
            ("slow-answer=5", r#"slow-answer wants a time, such as 5s, 500ms or 2min, not "5""#),
            (
                "slow-answer=-5s",
                r#"slow-answer wants a time, such as 5s, 500ms or 2min, not "-5s""#,
            ),
            ("bandwidth=1MB", r#"bandwidth wants a rate, such as 1MB/s, not "1MB""#),
            ("status=500,times=0", r#"times wants a whole number from 1, not "0""#),
            (
                "status=500,p=2",
                r#"p wants a probability above 0 and at most 1, such as 0.2, not "2""#,
            ),
            ("status=500,times=1,times=2", "option times is given twice"),
            ("bandwidth=1MB/s,early", "option early means nothing to bandwidth"),
            ("status=500,unstored", "option unstored means nothing to status"),
            ("list-blind,on=upload", "option on means nothing to list-blind"),
            ("list-rename=x", r#"list-rename wants extension, stem or suffix, not "x""#),
        ] {
            assert_eq!(problem(spec), expected, "{spec}");
        }
    }
}
