//! What is refused, and the words it is refused with.
use tempfile::TempDir;

use super::client::{Ground, TOKEN};
use crate::sandbox::{Error, Options, Sandbox};

/// Method, path below the base, headers, body; and the status and text of the answer.
type Case = (&'static str, &'static str, &'static str, &'static [u8], u16, &'static str);

#[tokio::test]
async fn every_documented_type_is_taken_and_no_other() {
    let ground = Ground::with(&[]).await;
    let send = async |content_type: &str| {
        let header = format!("content-type: {content_type}\r\n");
        let path = "/v1/runwayml/assets/?name=x";
        ground.ask("POST", path, &header, b"x").await
    };
    for media_type in crate::planner::MediaType::ALL {
        assert_eq!(send(media_type.as_str()).await.status, 200, "{media_type}");
    }
    assert_eq!(send("audio/wave").await.status, 200);
    for (content_type, message) in [
        (
            "image/png; charset=utf-8",
            r#"Content-Type must be image/png without parameters, not "image/png; charset=utf-8""#,
        ),
        ("video/mp2t", r#"Content-Type must be spelled exactly video/MP2T, not "video/mp2t""#),
        (
            "multipart/form-data; boundary=x",
            "The body must be the raw bytes of the file, not a multipart form; \
             Content-Type must be that of the file",
        ),
    ] {
        let reply = send(content_type).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, message));
    }
    for content_type in ["image/heic", "application/octet-stream", "audio/x-wav", "image/jpg"] {
        let reply = send(content_type).await;
        assert_eq!(reply.status, 400, "{content_type}");
        assert!(
            reply.error().starts_with(&format!("Content-Type {content_type:?} is not one of "))
        );
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_is_told_what_is_wrong() {
    let ground = Ground::with_accounts(&[], &["a+x@b.c", "d@b.c"]).await;
    let png = "content-type: image/png\r\n";
    let cases: &[Case] = &[
        ("POST", "assets/?email=d@b.c", png, b"x", 400, "Query parameter name is required"),
        ("POST", "assets/?name=&email=d@b.c", png, b"x", 400, "Query parameter name is empty"),
        ("POST", "assets/?name=x&email=d@b.c", "", b"x", 400, "Content-Type is required"),
        (
            "POST",
            "assets/?name=x&email=d@b.c",
            png,
            b"",
            400,
            "The body is empty: send the bytes of the file",
        ),
        (
            "POST",
            "assets/?name=x",
            png,
            b"x",
            400,
            "Query parameter email is required: several accounts are configured",
        ),
        (
            "POST",
            "assets/?name=x&email=e@b.c",
            png,
            b"x",
            400,
            r#"Account "e@b.c" is not configured"#,
        ),
        (
            "POST",
            "assets/?name=x&email=a+x@b.c",
            png,
            b"x",
            400,
            r#"Account "a x@b.c" is not configured; a + in an email must be sent as %2B"#,
        ),
        (
            "POST",
            "assets/?name=x&email=d@b.c&width=0",
            png,
            b"x",
            400,
            r#"Query parameter width must be a positive whole number of pixels, not "0""#,
        ),
        (
            "POST",
            "assets/?name=x&email=d@b.c&height=1.5",
            png,
            b"x",
            400,
            r#"Query parameter height must be a positive whole number of pixels, not "1.5""#,
        ),
        (
            "POST",
            "assets/?name=x&email=d@b.c&duration=-1",
            png,
            b"x",
            400,
            r#"Query parameter duration must be a positive number of seconds, not "-1""#,
        ),
        (
            "POST",
            "assets/?name=x&emial=d@b.c",
            png,
            b"x",
            400,
            r#"Unknown query parameter "emial": this call takes name, email, width, height, duration"#,
        ),
        (
            "POST",
            "assets/?name=x%zz",
            png,
            b"x",
            400,
            r#""x%zz" is not URL-encoded: a % stands alone"#,
        ),
        ("GET", "assets/?limit=50&email=d@b.c", "", b"", 400, "Query parameter offset is required"),
        ("GET", "assets/?offset=0&email=d@b.c", "", b"", 400, "Query parameter limit is required"),
        (
            "GET",
            "assets/?offset=1001&limit=50&email=d@b.c",
            "",
            b"",
            400,
            r#"Query parameter offset must be a whole number from 0 to 1000, not "1001""#,
        ),
        (
            "GET",
            "assets/?offset=0&limit=51&email=d@b.c",
            "",
            b"",
            400,
            r#"Query parameter limit must be a whole number from 1 to 50, not "51""#,
        ),
        (
            "GET",
            "assets/?offset=0&limit=0&email=d@b.c",
            "",
            b"",
            400,
            r#"Query parameter limit must be a whole number from 1 to 50, not "0""#,
        ),
        (
            "GET",
            "assets/?offset=0&limit=50",
            "",
            b"",
            400,
            "Query parameter email is required: several accounts are configured",
        ),
        (
            "GET",
            "assets/?offset=0&limit=50&email=d@b.c&mediaType=text",
            "",
            b"",
            400,
            r#"Query parameter mediaType must be video, image or audio, not "text""#,
        ),
        ("GET", "assets/user:1-runwayml:d@b.c-asset:none", "", b"", 404, "Not found."),
        ("DELETE", "assets/user:1-runwayml:d@b.c-asset:none", "", b"", 404, "Not found."),
        (
            "GET",
            "assets/x?email=d@b.c",
            "",
            b"",
            400,
            r#"Unknown query parameter "email": this call takes none"#,
        ),
        ("GET", "nothing", "", b"", 404, "Not found."),
        ("GET", "assets/a/b", "", b"", 404, "Not found."),
        ("PUT", "assets/?name=x", png, b"x", 405, "Method PUT is not allowed here, only GET, POST"),
        ("POST", "accounts", png, b"x", 405, "Method POST is not allowed here, only GET"),
        ("PATCH", "assets/x", "", b"", 405, "Method PATCH is not allowed here, only GET, DELETE"),
        ("DELETE", "features", "", b"", 405, "Method DELETE is not allowed here, only GET"),
    ];
    for (method, path, headers, body, status, message) in cases {
        let path = format!("/v1/runwayml/{path}");
        let reply = ground.ask(method, &path, headers, body).await;
        assert_eq!(reply.status, *status, "{method} {path}: {}", reply.text());
        assert_eq!(reply.error(), *message, "{method} {path}");
        assert_eq!(reply.header("allow").is_some(), *status == 405);
        assert!(ground.last_request().problem.is_some());
    }
    assert!(ground.stored().is_empty());
    assert_eq!(ground.incoming(), 0);
}

#[tokio::test]
async fn a_raw_plus_in_an_email_is_a_space_and_an_encoded_one_is_not() {
    let ground = Ground::with_accounts(&[], &["a+x@b.c", "d@b.c"]).await;
    let path = "/v1/runwayml/assets/?name=x&email=a%2Bx%40b.c";
    let reply = ground.ask("POST", path, "content-type: image/png\r\n", b"x").await;
    let asset_id = reply.json()["assetId"].as_str().unwrap().to_owned();
    assert!(asset_id.starts_with("user:1-runwayml:a+x@b.c-asset:"));
    // In a path, a plus is a plus.
    let reply = ground.get(&format!("/v1/runwayml/assets/{asset_id}")).await;
    assert_eq!(reply.json()["assetId"], asset_id);
}

#[tokio::test]
async fn without_the_token_there_is_nothing_but_401() {
    let ground = Ground::with(&[]).await;
    for path in [
        "/v1/runwayml/assets/?offset=0&limit=50",
        "/v1/runwayml/assets/x",
        "/v1/runwayml/accounts",
        "/v1/runwayml/features",
        "/v2/account",
    ] {
        for (headers, problem) in [
            ("", "no Authorization header"),
            ("authorization: Basic x\r\n", "Authorization is not of the form: Bearer TOKEN"),
            ("authorization: Bearer \r\n", "Authorization is not of the form: Bearer TOKEN"),
            ("authorization: Bearer user:2-other\r\n", "another token is expected"),
        ] {
            let reply = ground.bare_ask("GET", path, headers, b"").await.unwrap();
            assert_eq!((reply.status, reply.error().as_str()), (401, "Unauthorized"));
            let last = ground.last_request();
            assert_eq!(last.problem.as_deref(), Some(problem));
            assert_eq!(last.authorization, !headers.is_empty());
        }
    }
    let reply = ground
        .bare_ask("POST", "/v1/runwayml/assets/?name=x", "content-type: image/png\r\n", b"x")
        .await
        .unwrap();
    assert_eq!(reply.status, 401);
    assert_eq!(ground.last_request().received, 1);
    assert!(ground.stored().is_empty());
}

#[tokio::test]
async fn without_a_token_of_its_own_a_sandbox_takes_any() {
    let dir = TempDir::new().unwrap();
    let sandbox = Sandbox::start(Options::new(dir.path())).await.unwrap();
    let ground = Ground { sandbox, dir };
    let header = "authorization: bearer anything\r\n";
    let ask = async || ground.bare_ask("GET", "/v2/account", header, b"").await.unwrap();
    assert_eq!(ask().await.status, 200);
    ground.sandbox.set_token(TOKEN.to_owned()).unwrap();
    assert_eq!(ask().await.status, 401);
    assert_eq!(ground.get("/v2/account").await.status, 200);
    assert!(matches!(ground.sandbox.set_token("a b".to_owned()), Err(Error::Token)));
}

#[tokio::test]
async fn what_cannot_be_is_refused_at_the_start() {
    let dir = TempDir::new().unwrap();
    let refused = async |change: &dyn Fn(&mut Options)| {
        let mut options = Options::new(dir.path());
        change(&mut options);
        match Sandbox::start(options).await {
            Err(error) => error.to_string(),
            Ok(sandbox) => panic!("started at {}", sandbox.base_url()),
        }
    };
    assert_eq!(
        refused(&|options| options.listen = "0.0.0.0:0".parse().unwrap()).await,
        "0.0.0.0:0 is not a loopback address: the sandbox listens on 127.0.0.1 or [::1] only"
    );
    assert_eq!(
        refused(&|options| options.accounts = vec!["nobody".to_owned()]).await,
        r#"account "nobody" is not an e-mail address"#
    );
    assert_eq!(
        refused(&|options| options.token = Some(String::new())).await,
        "the token is empty or holds white space"
    );
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refused(&|options| options.dir = file.clone()).await;
    assert!(error.starts_with("cannot keep assets in "), "{error}");
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered_to() {
    let ground = Ground::with(&[]).await;
    for (host, status) in [
        ("localhost", 200),
        ("localhost:1", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:1", 200),
        ("example.com", 403),
        ("10.0.0.1:1", 403),
    ] {
        let mut wire = ground.connect().await;
        let head = format!(
            "GET /v2/account HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
        );
        wire.send(head.as_bytes()).await.unwrap();
        assert_eq!(wire.reply().await.unwrap().status, status, "{host}");
    }
}
