//! The whole table of answers, every status there can be.

use super::*;

const NOW: Wall = Wall(1_000_000);
const ID: &str = "user:1-runwayml:a@b.c-asset:0f";

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.into(), ..Answer::default() }
}

fn of(answer: &Answer, whole: bool) -> Outcome {
    of_upload(answer, whole, 7, NOW)
}

/// The outcome in a short word, to compare tables by.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Stored(_) => "stored",
        Outcome::Unknown { .. } => "unknown",
        Outcome::NotSent(NotSent::Broken { .. }) => "broken",
        Outcome::NotSent(_) => "not sent otherwise",
        Outcome::Refused(refusal) => match refusal.kind {
            RefusalKind::Token => "token",
            RefusalKind::Subscription => "subscription",
            RefusalKind::Account => "account",
            RefusalKind::Rate { .. } => "rate",
            RefusalKind::File => "file",
            RefusalKind::Other => "other",
        },
    }
}

#[test]
fn every_status_has_its_meaning_before_and_after_the_last_byte() {
    for status in 100..=999 {
        let (whole, cut) = match status {
            200..=299 => ("stored", "unknown"),
            303 => ("unknown", "other"),
            300..=399 => ("other", "other"),
            401 => ("token", "token"),
            402 => ("subscription", "subscription"),
            408 => ("unknown", "broken"),
            413 | 415 | 422 => ("file", "file"),
            429 => ("rate", "rate"),
            400..=499 => ("other", "other"),
            596 => ("account", "account"),
            _ => ("unknown", "broken"),
        };
        let answer = answer(status, &format!(r#"{{"assetId":"{ID}"}}"#));
        assert_eq!(word(&of(&answer, true)), whole, "{status} whole");
        assert_eq!(word(&of(&answer, false)), cut, "{status} cut");
    }
}

#[test]
fn a_usable_asset_id_and_its_address_are_stored() {
    let body = format!(r#"{{"id":"0f","assetId":"{ID}","url":"https://x/y","size":"?"}}"#);
    assert_eq!(
        of(&answer(200, &body), true),
        Outcome::Stored(Asset { asset_id: ID.into(), url: Some("https://x/y".into()) })
    );
    let body = format!(r#"{{"assetId":"{ID}","url":7}}"#);
    assert_eq!(
        of(&answer(201, &body), true),
        Outcome::Stored(Asset { asset_id: ID.into(), url: None })
    );
}

#[test]
fn a_success_without_a_usable_asset_id_is_unknown() {
    let without = "status 200 without a usable assetId";
    let unreadable = "status 200 with an unreadable answer";
    for (body, reason) in [
        ("{}", without),
        (r#"{"id":"0f0e0d0c-0b0a-4908-8706-050403020100"}"#, without),
        (r#"{"assetId":null}"#, without),
        (r#"{"assetId":12}"#, without),
        (r#"{"assetId":["user:1-runwayml:a@b.c-asset:0f"]}"#, without),
        (r#"{"assetId":""}"#, without),
        (r#"{"assetId":"0f0e0d0c-0b0a-4908-8706-050403020100"}"#, without),
        ("", unreadable),
        ("null", unreadable),
        ("ok", unreadable),
        ("<html><title>ok</title>", unreadable),
        (r#"{"assetId":"user:1-runwayml:a@b.c-asset:0f""#, unreadable),
        (r#"{"assetId":"user:1-runwayml:a@b.c-asset:0f"} x"#, unreadable),
    ] {
        assert_eq!(
            of(&answer(200, body), true),
            Outcome::Unknown { status: Some(200), reason: reason.into(), took_ms: 7 },
            "{body}"
        );
    }
    assert_eq!(
        of(&answer(200, &format!(r#"{{"assetId":"{ID}"}}"#)), false),
        Outcome::Unknown {
            status: Some(200),
            reason: "status 200 before the last byte was sent".into(),
            took_ms: 7,
        }
    );
}

#[test]
fn a_refusal_says_what_the_server_says() {
    for (status, body, message) in [
        (400, r#"{"error":"name is required","code":400}"#, "name is required"),
        (401, r#"{"error":"Unauthorized","code":401}"#, "Unauthorized"),
        (413, "<html><head><title>413 Too Large</title></head></html>", "413 Too Large"),
        (403, "error code: 1020", "error code: 1020"),
        (404, "", "status 404 without a word"),
        (596, r#"{"error":"Account a@b.c in error state: x"}"#, "Account a@b.c in error state: x"),
    ] {
        let Outcome::Refused(refusal) = of(&answer(status, body), true) else {
            panic!("{status} is no refusal");
        };
        assert_eq!((refusal.status, refusal.message.as_str()), (status, message));
    }
}

#[test]
fn a_redirect_names_its_target() {
    let mut answer = answer(302, "<html>moved</html>");
    let message = |answer: &Answer| match of(answer, false) {
        Outcome::Refused(refusal) => refusal.message,
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(message(&answer), "redirected to nowhere");
    answer.location = Some("https://login.example/\u{1b}".into());
    assert_eq!(
        message(&answer),
        "redirected, which is not followed, to https://login.example/\\u{1b}"
    );
}

#[test]
fn an_unsure_answer_says_its_status_and_words() {
    assert_eq!(
        of(&answer(522, "error code: 522"), true),
        Outcome::Unknown {
            status: Some(522),
            reason: "status 522: error code: 522".into(),
            took_ms: 7,
        }
    );
    assert_eq!(
        of(&answer(502, ""), false),
        Outcome::NotSent(NotSent::Broken { reason: "status 502".into() })
    );
}

/// The delay out of header, date and body of a 429.
fn delay(header: &str, date: &str, body: &str) -> Option<i64> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let answer = Answer {
        status: 429,
        date: some(date),
        retry_after: some(header),
        location: None,
        body: body.into(),
    };
    match of(&answer, true) {
        Outcome::Refused(Refusal { kind: RefusalKind::Rate { retry_after_ms }, .. }) => {
            retry_after_ms
        }
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn a_delay_comes_as_seconds_as_a_date_or_as_a_field_and_is_clamped() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (header, body, delay_ms) in [
        ("", "", None),
        ("30", "", Some(30_000)),
        (" 30 ", "", Some(30_000)),
        ("0", "", Some(0)),
        ("1.5", "", Some(1_500)),
        ("-5", "", Some(0)),
        ("99999999999999999999", "", Some(SERVER_DELAY_CAP_MS)),
        ("inf", "", Some(SERVER_DELAY_CAP_MS)),
        ("NaN", "", None),
        ("soon", "", None),
        ("soon", r#"{"retryAfter":4}"#, Some(4_000)),
        ("", r#"{"retryAfter":4}"#, Some(4_000)),
        ("", r#"{"retryAfter":"4"}"#, Some(4_000)),
        ("", r#"{"retryAfter":-4}"#, Some(0)),
        ("", r#"{"retryAfter":null}"#, None),
        ("", r#"{"retryAfter":true}"#, None),
        ("", r#"{"error":{"retryAfter":4}}"#, Some(4_000)),
        ("", r#"{"error":{"retryAfter":"4"}}"#, Some(4_000)),
        ("", r#"{"retryAfter":"Sun, 06 Nov 1994 08:49:40 GMT"}"#, Some(3_000)),
        ("2", r#"{"retryAfter":4}"#, Some(2_000)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", "", Some(60_000)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", "", Some(60_000)),
        ("Sun Nov  6 08:50:37 1994", "", Some(60_000)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", "", Some(0)),
        ("Sun, 06 Nov 2094 08:49:37 GMT", "", Some(SERVER_DELAY_CAP_MS)),
    ] {
        assert_eq!(delay(header, date, body), delay_ms, "{header} {body}");
    }
}

#[test]
fn a_date_without_the_servers_clock_is_taken_by_ours() {
    assert_eq!(delay("Thu, 01 Jan 1970 00:16:50 GMT", "", ""), Some(10_000));
    assert_eq!(delay("Thu, 01 Jan 1970 00:16:50 GMT", "no date", ""), Some(10_000));
}

#[test]
fn a_list_reports_what_says_more_than_that_it_failed() {
    for (status, stops) in [
        (401, true),
        (402, true),
        (429, true),
        (596, true),
        (400, true),
        (403, false),
        (413, false),
        (302, false),
        (500, false),
    ] {
        let trouble = of_list(&answer(status, r#"{"error":"no"}"#), NOW);
        assert_eq!(trouble.refusal.is_some(), stops, "{status}");
        if let Some(refusal) = trouble.refusal {
            assert_eq!((refusal.status, refusal.message.as_str()), (status, "no"));
        }
        assert!(trouble.reason.starts_with(&format!("status {status}: ")));
    }
}
