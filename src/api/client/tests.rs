//! Options that are taken or refused, and values that never show.

use super::*;

fn options(base_url: &str) -> Options {
    Options {
        base_url: base_url.into(),
        connect_timeout: Duration::from_secs(1),
        stall_timeout: Duration::from_secs(1),
        answer_timeout: Duration::from_secs(1),
        ca_file: None,
        facts: MediaFacts { width: true, height: true, duration: false },
    }
}

#[test]
fn a_base_url_is_https_or_loopback_and_nothing_but_an_address() {
    for (url, assets) in [
        ("https://api.useapi.net/v1/runwayml", "https://api.useapi.net/v1/runwayml/assets/"),
        ("https://api.useapi.net/v1/runwayml/ ", "https://api.useapi.net/v1/runwayml/assets/"),
        ("http://127.0.0.1:80", "http://127.0.0.1/assets/"),
        ("http://[::1]:9/x", "http://[::1]:9/x/assets/"),
        ("http://localhost:9", "http://localhost:9/assets/"),
    ] {
        let base = Base::parse(url).expect(url);
        assert_eq!(base.assets.as_str(), assets);
    }
    for url in [
        "",
        "api.useapi.net",
        "ftp://127.0.0.1",
        "http://api.useapi.net",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "https://x/?a=b",
        "https://x/#a",
        "https://me:pw@x/",
    ] {
        let error = Base::parse(url).err().expect(url);
        assert!(matches!(error, ClientError::BadBaseUrl { .. }), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn every_value_is_encoded_strictly() {
    assert_eq!(encoded("me+x@b.c"), "me%2Bx%40b.c");
    assert_eq!(encoded("a b&c=d/é?#%~"), "a%20b%26c%3Dd%2F%C3%A9%3F%23%25~");
}

#[test]
fn a_token_that_no_header_takes_is_refused_and_none_is_shown() {
    let parse = |text: &str| Token::parse(&SecretString::from(text));
    let token = parse(" user:1-abc\n").expect("good");
    assert_eq!(token.header(), "Bearer user:1-abc");
    assert!(token.header().is_sensitive());
    assert_eq!(format!("{token:?} {:?}", token.header()), "Token(…) Sensitive");
    assert_eq!(parse(" \n").err(), Some(TokenError::Empty));
    for text in ["user:1-a\r\nHost: x", "user:1 a", "usér", "a\0b", "a\u{7f}"] {
        let error = parse(text).expect_err(text);
        assert_eq!(error, TokenError::BadCharacters);
        assert!(!error.to_string().contains(text));
    }
}

#[test]
fn a_bad_file_of_certificates_is_explained() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "no certificate").expect("written");
    let mut options = options("https://127.0.0.1:1");
    options.ca_file = Some(file.path().into());
    let error = Client::new(options.clone()).expect_err("no certificate");
    assert!(matches!(error, ClientError::CaFileBad { .. }), "{error}");
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(file.path(), pem).expect("written");
    assert!(Client::new(options.clone()).is_err());
    options.ca_file = Some("/nonexistent/ca.pem".into());
    let error = Client::new(options).expect_err("no file");
    assert!(matches!(error, ClientError::CaFileUnreadable { .. }), "{error}");
}

#[test]
fn a_system_without_certificates_is_explained_and_loopback_needs_none() {
    // The environment cannot be changed safely from here, so this test runs itself again.
    let name =
        "api::client::tests::a_system_without_certificates_is_explained_and_loopback_needs_none";
    if std::env::var_os("SSL_CERT_FILE").is_none_or(|file| file != "/nonexistent") {
        let again = std::process::Command::new(std::env::current_exe().expect("known"))
            .args(["--exact", name])
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .expect("run");
        let said = String::from_utf8_lossy(&again.stdout);
        assert!(again.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    assert!(Client::new(options("http://127.0.0.1:1")).is_ok());
    if cfg!(target_os = "linux") {
        let error = Client::new(options("https://127.0.0.1:1")).expect_err("no store");
        assert!(matches!(error, ClientError::NoCaStore), "{error}");
    }
}
