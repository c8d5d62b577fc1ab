//! What is read, and what is refused with which words.

use super::*;

const NOW: Wall = Wall(5);
const HASH: &str = "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5";

fn read(text: &str) -> Result<Vec<Line>, BadLine> {
    Records::read(text.as_bytes(), NOW)?.collect()
}

/// A line of JSON with these fields instead of the usual ones.
fn json(changes: &str) -> String {
    let mut fields = serde_json::json!({
        "schema": 1, "hash": HASH, "size": 7, "media_type": "image/png", "width": 3,
        "height": null, "duration": 1.5, "account": "Me@Example.com",
        "asset_id": "user:1-runwayml:me@example.com-asset:1", "name": "cat.png",
        "uploaded_at": "2026-01-02T03:04:05.006Z",
    });
    let changes: Value = serde_json::from_str(changes).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        fields[key] = value.clone();
    }
    fields.to_string()
}

#[test]
fn json_and_csv_say_the_same() {
    let csv = format!(
        "\u{FEFF}size,hash,odd,media_type,width,height,duration,account,asset_id,name,uploaded_at\r\n\
         7,{HASH},,image/png,3,,1.5,me@example.com,user:1-runwayml:me@example.com-asset:1,\
         cat.png,2026-01-02T03:04:05.006Z\r\n"
    );
    let expected = Foreign {
        content: Content {
            hash: ContentHash([0xA5; 32]),
            size: 7,
            media_type: MediaType::Png,
            width: Some(3),
            height: None,
            duration_ms: Some(1_500),
        },
        email: "me@example.com".into(),
        asset: Asset { asset_id: "user:1-runwayml:me@example.com-asset:1".into(), url: None },
        name: "cat.png".into(),
        uploaded_at: Wall(1_767_323_045_006),
    };
    for text in [json("{}"), format!("\n \n{}\n\n", json("{}")), csv] {
        let lines = read(&text).unwrap();
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0].foreign.as_ref(), Some(&expected), "{text}");
    }
}

#[test]
fn an_empty_file_has_no_records() {
    assert!(read("").unwrap().is_empty());
    assert!(read("\u{FEFF}\n\n").unwrap().is_empty());
    assert!(read(&format!("{}\n", COLUMNS.join(","))).unwrap().is_empty());
}

#[test]
fn a_record_without_asset_or_account_is_no_upload_and_an_asset_names_its_account() {
    let foreign = |changes: &str| read(&json(changes)).unwrap().remove(0).foreign;
    assert_eq!(foreign(r#"{"asset_id": null, "hash": "whatever"}"#), None);
    assert_eq!(foreign(r#"{"asset_id": "", "size": null}"#), None);
    assert_eq!(foreign(r#"{"asset_id": "x", "account": null}"#), None);
    assert_eq!(foreign(r#"{"account": null}"#).unwrap().email, "me@example.com");
    assert_eq!(foreign(r#"{"name": null}"#).unwrap().name, "a5a5a5a5");
    assert_eq!(foreign(r#"{"uploaded_at": null}"#).unwrap().uploaded_at, NOW);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (changes, why) in [
        (r#"{"hash": "a5"}"#, "hash is not 64 hex digits"),
        (r#"{"hash": null}"#, "there is no hash"),
        (r#"{"hash": 5}"#, "hash is no text"),
        (r#"{"size": -1}"#, "size is no whole number"),
        (r#"{"size": 1.5}"#, "size is no whole number"),
        (r#"{"size": 9223372036854775808}"#, "size is larger than any file"),
        (r#"{"size": null}"#, "there is no size"),
        (
            r#"{"media_type": "text/plain"}"#,
            "media_type \"text/plain\" is none that can be uploaded",
        ),
        (r#"{"width": 4294967296}"#, "width is too large"),
        (r#"{"duration": -1}"#, "duration is no number of seconds"),
        (r#"{"duration": "NaN"}"#, "duration is no number of seconds"),
        (r#"{"account": "nobody"}"#, "account \"nobody\": it is not NAME@HOST"),
        (r#"{"asset_id": "a b"}"#, "asset_id has white space inside"),
        (r#"{"name": "a\u0007"}"#, "name has control characters inside"),
        (
            r#"{"uploaded_at": "yesterday"}"#,
            "uploaded_at \"yesterday\" is no time such as 2026-01-31T12:00:00Z",
        ),
        (
            r#"{"uploaded_at": "1969-01-01T00:00:00Z"}"#,
            "uploaded_at \"1969-01-01T00:00:00Z\" is no time such as 2026-01-31T12:00:00Z",
        ),
        (r#"{"schema": 2}"#, "its schema is not 1: a newer taxiway exported it"),
    ] {
        let text = format!("{}\n\n{}\n", json("{}"), json(changes));
        let bad = read(&text).unwrap_err();
        assert_eq!((bad.line, bad.why.as_str()), (3, why), "{changes}");
    }
    let long = format!(r#"{{"name": "{}"}}"#, "n".repeat(TEXT_MOST + 1));
    assert_eq!(read(&json(&long)).unwrap_err().why, "name is too long");
    let cut = format!("{}\n{}", json("{}"), &json("{}")[..20]);
    let bad = read(&cut).unwrap_err();
    assert_eq!(bad.line, 2);
    assert!(bad.why.starts_with("it is no JSON object: EOF"), "{bad:?}");
    let bytes = [json("{}").as_bytes(), b"\n{\"\xff\"}"].concat();
    let bad = Records::read(&bytes[..], NOW).unwrap().last().unwrap().unwrap_err();
    assert_eq!(bad, BadLine { line: 2, why: "it is not UTF-8".into() });
}

#[test]
fn csv_has_quotes_and_lines_inside_cells() {
    assert_eq!(cells("a,,\"b,\"\"c\"\"\n\",").unwrap(), ["a", "", "b,\"c\"\n", ""]);
    assert_eq!(cells("").unwrap(), [""]);
    for (record, why) in [
        ("a\"b\"", "a quote inside a cell that is not quoted"),
        ("\"a\"b", "something behind the end of a quoted cell"),
        ("\"a", "a quoted cell does not end"),
    ] {
        assert_eq!(cells(record).unwrap_err(), why);
    }
    let header = format!("{},note", COLUMNS.join(","));
    let line = |note: &str| format!("{HASH},7,image/png,me@example.com,x,{note}\n");
    let text = [&*header, "\n", &line("\"two\nlines\""), &line("\"\"\"\""), &line("a,b")].concat();
    let lines: Vec<_> = Records::read(text.as_bytes(), NOW).unwrap().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].as_ref().unwrap().number, 2);
    assert_eq!(lines[1].as_ref().unwrap().number, 4);
    let why = "7 cells under a header of 6".to_owned();
    assert_eq!(lines[2].as_ref().unwrap_err(), &BadLine { line: 5, why });
    let open = [&*header, "\n", &line("\"")].concat();
    let why = "a quoted cell does not end".to_owned();
    assert_eq!(read(&open).unwrap_err(), BadLine { line: 2, why });
    let why = "neither JSON nor the header of CSV: there is no column hash".to_owned();
    assert_eq!(read("a,b\n").unwrap_err(), BadLine { line: 1, why });
}

#[test]
fn a_line_has_a_limit() {
    let long = std::io::Read::chain(&b"{"[..], std::io::repeat(b' '));
    let why = "it is longer than any line that is exported".to_owned();
    let found = Records::read(std::io::BufReader::new(long), NOW).err();
    assert_eq!(found, Some(BadLine { line: 1, why }));
}

#[test]
fn an_asset_of_another_account_is_refused() {
    let bad = read(&json(r#"{"asset_id":"user:1-runwayml:other@example.com-asset:1"}"#));
    let words = bad.expect_err("another account").why;
    assert_eq!(words, "asset_id is not on the account me@example.com");
}
