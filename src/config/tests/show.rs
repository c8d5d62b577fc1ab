//! `config show` and `config check`, and what must hold for any configuration.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use serde_json::json;

use super::super::types::{parse_size, size_text};
use super::*;

#[test]
fn show_names_each_value_with_its_origin() {
    let mut world = World::with(
        "[api]\nemail = \"me@x\"\nrate_limit = \"8MB/s\"\n[[folder]]\npath = \"~/Runway\"\n\
         exclude = [\"drafts/\"]\nsettle = \"90s\"\n",
    )
    .set(BASE_URL_VARIABLE, "http://127.0.0.1:7/v1");
    world.sources.flags.state_dir = Some(PathBuf::from("state"));
    let shown = world.short(&show_toml(&world.load()));
    // The comments' column hangs on the length of the temporary directory's name.
    let line = |line: &str| match line.split_once("  #") {
        Some((value, origin)) => format!("{}  #{origin}", value.trim_end()),
        None => line.to_owned(),
    };
    let shown: Vec<String> = shown.lines().map(line).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    # file: $/home/.config/taxiway/config.toml (default)
    # state directory: $/work/state (flag --state-dir)

    [api]
    base_url = "http://127.0.0.1:7/v1"  # environment variable TAXIWAY_BASE_URL
    email = "me@x"  # $/home/.config/taxiway/config.toml:2
    token_file = "$/home/.config/taxiway/token"  # default
    concurrency = 4  # default
    rate_limit = "8MB/s"  # $/home/.config/taxiway/config.toml:3
    connect_timeout = "10s"  # default
    stall_timeout = "1min"  # default
    answer_timeout = "10min"  # default
    # max_file_size  # not set
    send = ["width", "height"]  # default
    pause_on = []  # default
    # ca_file  # not set

    [control]
    # listen  # not set
    # heartbeat_url  # not set
    heartbeat_interval = "5min"  # default

    [log]
    format = "auto"  # default
    level = "warn"  # default

    [[folder]]
    path = "$/home/Runway"  # $/home/.config/taxiway/config.toml:5
    email = "me@x"  # $/home/.config/taxiway/config.toml:2
    recursive = true  # default
    include = []  # default
    exclude = ["drafts/"]  # $/home/.config/taxiway/config.toml:6
    hidden = false  # default
    follow_symlinks = false  # default
    existing = "upload"  # default
    settle = "1min 30s"  # $/home/.config/taxiway/config.toml:7
    incomplete = "10min"  # default
    mode = "auto"  # default
    poll_interval = "30s"  # default
    rescan_interval = "15min"  # default
    name = "{file_name}"  # default
    on_change = "upload"  # default
    after_upload = "keep"  # default
    sidecar = false  # default
    # on_uploaded  # not set
    # on_failed  # not set
    "#);
    let json = show_json(&world.load());
    let file = |line: usize| json!({ "kind": "file", "file": world.file(), "line": line });
    let default = json!({ "kind": "default" });
    let table = [
        ("/schema", json!(1)),
        ("/file", json!({ "path": world.file(), "exists": true, "from": default })),
        ("/api/email", json!({ "value": "me@x", "from": file(2) })),
        ("/api/concurrency", json!({ "value": 4, "from": default })),
        ("/api/max_file_size", json!({ "value": null, "from": default })),
        ("/control/listen", json!({ "value": null, "from": default })),
        ("/folders/0/exclude", json!({ "value": ["drafts/"], "from": file(6) })),
        ("/folders/0/hidden", json!({ "value": false, "from": default })),
        ("/folders/1", json!(null)),
        ("/api/base_url/from", json!({ "kind": "environment", "variable": "TAXIWAY_BASE_URL" })),
        (
            "/state_dir",
            json!({ "value": world.at("work/state"), "from": { "kind": "flag", "flag": "--state-dir" } }),
        ),
    ];
    for (pointer, expected) in table {
        let found = json.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{pointer}");
    }
    let shown = World::new();
    let text = shown.short(&show_toml(&shown.load()));
    assert_eq!(
        text.lines().take(2).collect::<Vec<_>>(),
        [
            "# file: $/home/.config/taxiway/config.toml, which does not exist (default)",
            "# state directory: $/home/.local/state/taxiway (default)",
        ]
    );
}

#[test]
fn a_path_with_line_breaks_is_shown_on_its_line() {
    let world = World::with("[[folder]]\npath = \"/a\\nb\\u007f\\t\\\"c\"\n");
    let shown = show_toml(&world.load());
    assert!(shown.contains("\npath = \"/a\\nb\\u007f\\t\\\"c\" "), "{shown}");
    let folder = world.load().config.folders.remove(0);
    assert_eq!(folder.path, Path::new("/a\nb\u{7f}\t\"c"));
}

#[test]
fn check_says_what_is_worth_a_look() {
    let world = World::with(
        "[api]\nca_file = \"own.pem\"\n[[folder]]\npath = \"~/in\"\n[[folder]]\npath = \"~/in/deep\"\n\
         [[folder]]\npath = \"~/my gone\"\n[[folder]]\npath = \"~/file\"\n[[folder]]\npath = \"~/.local\"\n",
    );
    fs::create_dir_all(world.at("home/in/deep")).unwrap();
    fs::create_dir_all(world.at("home/.local")).unwrap();
    fs::write(world.at("home/file"), "").unwrap();
    let findings = check(&world.load(), &world.sources.environment);
    let said: Vec<_> = findings
        .iter()
        .map(|finding| (world.short(&finding.text), world.short(&finding.hint)))
        .collect();
    let expected = [
        ("folder $/home/my gone does not exist: it will be away", "mkdir -p '$/home/my gone'"),
        (
            "folder $/home/file is not a directory: it will be away",
            "name the directory that the file lies in",
        ),
        (
            "folder $/home/in/deep lies in folder $/home/in: its files follow its own settings",
            "remove one of the two if that is not meant",
        ),
        (
            "the state directory $/home/.local/state/taxiway lies in folder $/home/.local",
            "use --state-dir DIR with a directory outside of all folders",
        ),
        (
            "no token: TAXIWAY_TOKEN and USEAPI_TOKEN are not set, there is no systemd credential \
             taxiway-token, and $/home/.config/taxiway/token does not exist",
            "(umask 077; printf %s 'user:…' > $/home/.config/taxiway/token)",
        ),
        (
            "ca_file $/home/.config/taxiway/own.pem cannot be read: no such file or directory",
            "ls -ld $/home/.config/taxiway/own.pem",
        ),
    ];
    let said: Vec<_> = said.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(said, expected);
}

#[test]
fn check_is_content_with_a_good_configuration() {
    let world = World::with("[[folder]]\npath = \"~/in\"\n");
    fs::create_dir(world.at("home/in")).unwrap();
    let token = world.at("home/.config/taxiway/token");
    fs::write(&token, "user:1-a\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(check(&world.load(), &world.sources.environment), []);

    fs::write(&token, "sk-odd").unwrap();

    let findings = check(&world.load(), &world.sources.environment);
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].text.contains("sk-odd"), "{findings:?}");
}

#[test]
fn check_says_that_everybody_can_read_a_secret_address() {
    let mut world = World::with(
        "[control]\nheartbeat_url = \"https://hc.example/secret\"\n[[folder]]\npath = \"~/in\"\n",
    );
    world = world.set("USEAPI_TOKEN", "user:1-a");
    fs::create_dir(world.at("home/in")).unwrap();
    let (file, around) =
        (world.at("home/.config/taxiway/config.toml"), world.at("home/.config/taxiway"));
    let said = |file_mode, around_mode| {
        fs::set_permissions(&file, fs::Permissions::from_mode(file_mode)).unwrap();
        fs::set_permissions(&around, fs::Permissions::from_mode(around_mode)).unwrap();
        let findings = check(&world.load(), &world.sources.environment);
        let said = findings.iter().map(|f| (world.short(&f.text), world.short(&f.hint)));
        said.collect::<Vec<_>>()
    };
    let expected = (
        "everybody can read $/home/.config/taxiway/config.toml, and heartbeat_url is a secret"
            .to_owned(),
        "chmod o= $/home/.config/taxiway/config.toml".to_owned(),
    );
    assert_eq!(said(0o644, 0o755), [expected]);
    assert_eq!(said(0o640, 0o755), []);
    assert_eq!(said(0o644, 0o700), [], "nobody gets there");
}

#[test]
fn check_says_when_nothing_is_configured() {
    let world = World::new().set("USEAPI_TOKEN", "user:1-a");
    let findings = check(&world.load(), &world.sources.environment);
    let said: Vec<_> = findings.iter().map(|f| world.short(&f.text)).collect();
    assert_eq!(
        said,
        [
            "there is no $/home/.config/taxiway/config.toml: all is default",
            "no folder is configured: nothing is watched",
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// What `show` prints is a configuration that means the same.
    #[test]
    fn show_reads_back_as_the_same_configuration(
        concurrency in 1..=64_usize,
        rate in proptest::option::of(1..u64::MAX),
        nanos in 10_000_000..31_536_000_000_000_000_u64,
        url in prop_oneof![Just("https://h.example/v1"), Just("http://[::1]:9")],
        names in proptest::collection::hash_set("[^\0/~][^\0/]{0,6}", 0..4),
        pattern in "[a-z\\\\\"' *?ä]{1,8}",
        bits in any::<[bool; 6]>(),
    ) {
        let world = World::new();
        let mut loaded = world.load();
        let api = &mut loaded.config.api;
        api.base_url = url.parse().unwrap();
        api.concurrency = concurrency;
        api.rate_limit_bytes = rate.and_then(NonZeroU64::new);
        api.max_file_size_bytes = api.rate_limit_bytes;
        api.stall_timeout = Duration::from_nanos(nanos);
        api.send = SendFacts { width: bits[0], height: bits[1], duration: bits[2] };
        api.pause_on = Conditions { battery: bits[1], metered: bits[3] };
        for name in names {
            let mut folder = Folder::at(resolve(&world.at("work").join(name)));
            folder.hidden = bits[3];
            folder.recursive = bits[4];
            if bits[5] {
                folder.incomplete = Incomplete::SendAfter(Incomplete::DEFAULT_AFTER);
            }
            if crate::rules::check_pattern(&pattern).is_ok() {
                folder.exclude = vec![pattern.clone()];
            }
            folder.settle = Duration::from_nanos(nanos);
            let twin = loaded.config.folders.iter().any(|other| other.root == folder.root);
            if !twin {
                loaded.config.folders.push(folder);
                loaded.folders.push(Origins::default());
            }
        }
        let text = show_toml(&loaded);
        fs::write(world.file(), &text).unwrap();
        let again = Config::load(&world.sources);
        prop_assert_eq!(again.map(|loaded| loaded.config), Ok(loaded.config), "{}", text);
    }

    #[test]
    fn durations_and_sizes_read_back(
        nanos in 10_000_000..31_536_000_000_000_000_u64,
        bytes in 1..u64::MAX,
    ) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        prop_assert_eq!(parse_size(&size_text(bytes)), Ok(bytes));
    }

    /// No text makes loading panic, and every refusal is one line.
    #[test]
    fn any_text_loads_or_is_refused(text in "(\\[api\\]|\\[\\[folder\\]\\]|[a-z_]{1,5} ?= ?|\"[^\"]{0,4}\"|[\\[\\]{},.=0-9a-z\n\"'# ]){0,12}") {
        let world = World::with(&text);
        if let Err(error) = Config::load(&world.sources) {
            prop_assert!(!error.to_string().contains('\n'));
            prop_assert!(!error.hint().is_empty());
        }
    }
}
