use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::{Config, Environment, Flags, Sources};

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[test]
fn the_units_of_packaging_are_what_is_installed_for_the_packaged_program() {
    for (kind, file) in [(Kind::User, "user"), (Kind::System, "system")] {
        let packaged = Path::new(env!("CARGO_MANIFEST_DIR"));
        let packaged = packaged.join(format!("packaging/systemd/{file}/taxiway.service"));
        let packaged = std::fs::read_to_string(packaged).unwrap();
        let rendered = unit(kind, Path::new("/usr/bin/taxiway")).unwrap().unwrap();
        assert_eq!(rendered, packaged);
        let elsewhere = unit(kind, Path::new("/opt/t/taxiway")).unwrap().unwrap();
        let lines = packaged.lines().zip(elsewhere.lines());
        let differing: Vec<_> = lines.filter(|(one, other)| one != other).collect();
        assert_eq!(
            differing,
            [
                ("ExecStart=/usr/bin/taxiway run", "ExecStart=/opt/t/taxiway run"),
                ("ExecReload=/usr/bin/taxiway reload", "ExecReload=/opt/t/taxiway reload"),
            ]
        );
    }
    assert_eq!(unit(Kind::Agent, Path::new("/usr/bin/taxiway")), Ok(None));
}

#[test]
fn a_path_in_a_unit_means_itself_or_is_refused() {
    let line = |program: &str| {
        let text = unit(Kind::User, Path::new(program)).unwrap().unwrap();
        text.lines().find(|line| line.starts_with("ExecStart=")).unwrap().to_owned()
    };
    for (program, expected) in [
        ("/opt/100%/taxiway", "ExecStart=/opt/100%%/taxiway run"),
        ("/opt/a b/taxiway", "ExecStart=\"/opt/a b/taxiway\" run"),
        ("/opt/a; b/taxiway", "ExecStart=\"/opt/a; b/taxiway\" run"),
        ("/opt/größe/taxiway", "ExecStart=/opt/größe/taxiway run"),
    ] {
        assert_eq!(line(program), expected);
    }
    let refused = |program: &[u8]| {
        unit(Kind::User, Path::new(OsStr::from_bytes(program))).unwrap_err().to_string()
    };
    assert_eq!(
        refused(b"/opt/a\nb/taxiway"),
        "/opt/a\\nb/taxiway cannot be named in a unit: it has a control character in it"
    );
    assert_eq!(
        refused(b"/opt/\xff/taxiway"),
        "/opt/\u{fffd}/taxiway cannot be named in a unit: it is not UTF-8"
    );
    for name in ["$x", "\"x\"", "it's", "back\\x"] {
        assert_eq!(
            refused(format!("/opt/{name}/taxiway").as_bytes()),
            format!(
                "/opt/{name}/taxiway cannot be named in a unit: systemd runs no program with a \
                 quote, $ or \\ in its path"
            )
        );
    }
}

#[test]
fn a_drop_in_says_where_configuration_and_state_are() {
    assert_eq!(places_file(&[]), Ok(None));
    let places = [
        ("TAXIWAY_CONFIG", PathBuf::from("/home/me/my files/100%.toml")),
        ("TAXIWAY_STATE_DIR", PathBuf::from("/data/$state/\"q\"\\n")),
    ];
    assert_eq!(
        places_file(&places).unwrap().unwrap(),
        "# Written by `taxiway service install`, which rewrites it.\n\
         [Service]\n\
         Environment=\"TAXIWAY_CONFIG=/home/me/my files/100%%.toml\"\n\
         Environment=\"TAXIWAY_STATE_DIR=/data/$state/\\\"q\\\"\\\\n\"\n"
    );
}

#[test]
fn places_are_read_as_they_were_written() {
    for path in
        ["/a", "/my files/100%.toml", "/$s/\"q\"\\n", "/it's", "/a;b", "/a=b", "/a & <b>&lt;"]
    {
        let places = vec![
            ("TAXIWAY_CONFIG", PathBuf::from(path)),
            ("TAXIWAY_BASE_URL", PathBuf::from("http://127.0.0.1:9/v1?a=%20")),
        ];
        let drop_in = places_file(&places).unwrap().unwrap();
        assert_eq!(places_of(&drop_in), Some(places.clone()), "{drop_in}");
        let text = agent(Path::new("/t"), &places, Path::new("/log")).unwrap();
        assert_eq!(places_of_agent(&text), Some(places), "{text}");
    }
    let plain = agent(Path::new("/t"), &[], Path::new("/log")).unwrap();
    assert_eq!(places_of_agent(&plain), Some(vec![]));
    let edited = "[Service]\nEnvironment=A=%h TAXIWAY_CONFIG=/a 'TAXIWAY_STATE_DIR=/b c'\n\
                  # Environment=TAXIWAY_CONFIG=/c\nEnvironment=TAXIWAY_CONFIG=/d\n";
    let expected = [("TAXIWAY_STATE_DIR", "/b c"), ("TAXIWAY_CONFIG", "/d")];
    let expected = expected.map(|(name, path)| (name, PathBuf::from(path)));
    assert_eq!(places_of(edited), Some(expected.to_vec()));
    assert_eq!(places_of(&format!("{edited}Environment=\n")), Some(vec![]));
    for unclear in ["%h/x", "\"/a", "/a\\", "/a\\x20b"] {
        assert_eq!(
            places_of(&format!("Environment=TAXIWAY_STATE_DIR={unclear}\n")),
            None,
            "{unclear}"
        );
    }
    let odd = "<key>EnvironmentVariables</key><dict><key>TAXIWAY_CONFIG</key><data/></dict>";
    assert_eq!(places_of_agent(odd), None);
}

#[test]
fn a_drop_in_opens_what_the_configuration_needs_and_nothing_else() {
    let open =
        |writable: &[&str], hooks| doors_file(&Doors { writable: paths(writable), hooks }).unwrap();
    assert_eq!(open(&[], false), None);
    assert_eq!(open(&["/srv/taxiway", "/srv/taxiway/a"], false), None, "the unit opens these");
    assert_eq!(
        open(&["/data/in put", "/srv/taxiway", "/srv/taxiway-done"], true).unwrap(),
        "# Written by `taxiway service install`, which rewrites it.\n\
         [Service]\n\
         # Files are moved out of these, or get a sidecar; or they are moved into these.\n\
         ReadWritePaths=\"-/data/in put\"\n\
         ReadWritePaths=-/srv/taxiway-done\n\
         # Hooks are set, and may be in languages that compile while they run.\n\
         MemoryDenyWriteExecute=no\n\
         Environment=TAXIWAY_SERVICE_HOOKS=open\n"
    );
    let newline = Doors { writable: paths(&["/data/a\nReadWritePaths=/"]), hooks: false };
    assert!(doors_file(&newline).is_err());
}

fn configured(text: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    let environment = Environment { state_dir: Some("/state".into()), ..Environment::default() };
    let flags = Flags { config: Some(file), ..Flags::default() };
    Config::load(&Sources { environment, flags }).unwrap().config
}

#[test]
fn doors_are_what_is_written_to_and_hooks() {
    let doors = Doors::of(&configured(
        "[[folder]]\npath = \"/data/b\"\nsidecar = true\n\
         [[folder]]\npath = \"/data/read-only\"\n\
         [[folder]]\npath = \"/data/a\"\nafter_upload = \"move:/data/done\"\n\
         [[folder]]\npath = \"/data/b/below\"\nafter_upload = \"trash\"\n",
    ));
    let writable = paths(&["/data/a", "/data/b", "/data/done"]);
    assert_eq!(doors, Doors { writable, hooks: false });
    for hook in ["on_uploaded", "on_failed"] {
        let doors = Doors::of(&configured(&format!(
            "[[folder]]\npath = \"/data/a\"\n{hook} = [\"true\"]\n"
        )));
        assert_eq!(doors, Doors { writable: Vec::new(), hooks: true });
    }
}

#[test]
fn what_the_system_service_cannot_see_is_known() {
    for (path, expected) in [
        ("/srv/taxiway", None),
        ("/homework", None),
        ("/home/me/Runway", Some(Hidden::Home)),
        ("/var/home/me/Runway", Some(Hidden::Home)),
        ("/root/x", Some(Hidden::Home)),
        ("/run/user/1000/x", Some(Hidden::Home)),
        ("/tmp/x", Some(Hidden::Temporary)),
        ("/var/tmp/x", Some(Hidden::Temporary)),
    ] {
        assert_eq!(hidden(Path::new(path)), expected, "{path}");
    }
}

#[test]
fn a_system_service_begins_with_the_drop_folder() {
    let config = configured(&system_config());
    assert_eq!(config.folders.len(), 1);
    assert_eq!(config.folders[0].path, Path::new("/srv/taxiway"));
    assert_eq!(Doors::of(&config), Doors::default());
}

#[test]
fn every_deed_is_a_command() {
    let said = |kind, deed| systemctl(kind, deed).join(" ");
    for (deed, words) in [
        (Deed::Load, "daemon-reload"),
        (Deed::Enable, "enable taxiway.service"),
        (Deed::Disable, "disable taxiway.service"),
        (Deed::Start, "start taxiway.service"),
        (Deed::Stop, "stop taxiway.service"),
        (Deed::Restart, "restart taxiway.service"),
    ] {
        assert_eq!(said(Kind::User, deed), format!("systemctl --user {words}"));
        assert_eq!(said(Kind::System, deed), format!("systemctl {words}"));
    }
    let file = Path::new("/Users/me/Library/LaunchAgents/io.github.taxiway.plist");
    for (deed, words) in [
        (Deed::Load, "bootstrap gui/501 /Users/me/Library/LaunchAgents/io.github.taxiway.plist"),
        (Deed::Enable, "enable gui/501/io.github.taxiway"),
        (Deed::Disable, "bootout gui/501/io.github.taxiway"),
        (Deed::Start, "kickstart gui/501/io.github.taxiway"),
        (Deed::Stop, "kill SIGTERM gui/501/io.github.taxiway"),
        (Deed::Restart, "kickstart -k gui/501/io.github.taxiway"),
    ] {
        assert_eq!(launchctl(deed, 501, file).join(" "), format!("launchctl {words}"));
    }
    for (follow, lines, json, words) in [
        (false, None, false, "journalctl --user -u taxiway.service"),
        (true, Some(20), false, "journalctl --user -u taxiway.service -f -n20"),
        (false, None, true, "journalctl --user -u taxiway.service -ojson"),
    ] {
        assert_eq!(journalctl(Kind::User, follow, lines, json).join(" "), words);
    }
    let system = journalctl(Kind::System, false, None, false).join(" ");
    assert_eq!(system, "journalctl -u taxiway.service");
}

#[test]
fn an_agent_names_program_log_and_places() {
    let program = Path::new("/opt/homebrew/bin/taxiway");
    let log = Path::new("/Users/me/Library/Logs/taxiway.log");
    let plain = agent(program, &[], log).unwrap();
    assert!(plain.contains("\t\t<string>/opt/homebrew/bin/taxiway</string>\n\t\t<string>run<"));
    assert!(!plain.contains("EnvironmentVariables"));
    let places = [("TAXIWAY_CONFIG", PathBuf::from("/Users/me/a & <b>.toml"))];
    let text = agent(program, &places, log).unwrap();
    let table = "\t<key>EnvironmentVariables</key>\n\t<dict>\n\t\t<key>TAXIWAY_CONFIG</key>\n\
                 \t\t<string>/Users/me/a &amp; &lt;b&gt;.toml</string>\n\t</dict>\n";
    assert_eq!(text.replace(table, ""), plain);
    assert!(agent(Path::new("/a\u{1}b"), &[], log).is_err());
}
