//! Defaults, file, environment and flags on top of each other; folders and their roots.

use super::*;

#[test]
fn without_a_file_all_is_default_but_a_named_file_must_exist() {
    let mut world = World::new();
    let loaded = world.load();
    assert!(!loaded.file.exists);
    assert_eq!(loaded.file.path, world.file());
    assert!(loaded.config.folders.is_empty());
    assert_eq!(loaded.config.api.token_file, world.at("home/.config/taxiway/token"));

    world = world.set(CONFIG_VARIABLE, "my conf.toml");
    assert_eq!(
        world.refusal(),
        (
            "environment variable TAXIWAY_CONFIG: $/work/my conf.toml does not exist".to_owned(),
            "touch '$/work/my conf.toml'".to_owned(),
        )
    );
    world.sources.flags.config = Some(PathBuf::from("/none/c.toml"));
    assert_eq!(world.refusal().0, "flag --config: /none/c.toml does not exist");
    // An empty variable is no variable.
    let world = World::new().set(CONFIG_VARIABLE, "").set(STATE_DIR_VARIABLE, "");
    assert!(!world.load().file.exists);
}

#[test]
fn flags_go_over_variables_over_the_file_over_defaults() {
    let mut world = World::with("[api]\n\nbase_url = \"https://file.example\"\n")
        .set(BASE_URL_VARIABLE, "https://variable.example/")
        .set(STATE_DIR_VARIABLE, "~/state");
    let loaded = world.load();
    assert_eq!(loaded.config.api.base_url.as_str(), "https://variable.example");
    assert_eq!(loaded.api.of("base_url"), Origin::Environment("TAXIWAY_BASE_URL"));
    assert_eq!(loaded.api.of("concurrency"), Origin::Default);
    assert_eq!(loaded.config.state_dir, world.at("home/state"));
    assert_eq!(loaded.state_dir, Origin::Environment("TAXIWAY_STATE_DIR"));

    world.sources.environment.variables.clear();
    world.sources.flags.state_dir = Some(PathBuf::from("state"));
    let loaded = world.load();
    assert_eq!(loaded.config.api.base_url.as_str(), "https://file.example");
    let origin = loaded.api.of("base_url").to_string();
    assert_eq!(world.short(&origin), "$/home/.config/taxiway/config.toml:3");
    assert_eq!(loaded.config.state_dir, world.at("work/state"));
    assert_eq!(loaded.state_dir.to_string(), "flag --state-dir");

    let world = World::new().set(BASE_URL_VARIABLE, "nonsense");
    assert_eq!(
        world.refusal(),
        (
            "environment variable TAXIWAY_BASE_URL: `base_url` is \"nonsense\": it has no scheme; \
             expected an https:// URL, or http:// to a loopback address"
                .to_owned(),
            "for example: TAXIWAY_BASE_URL=https://api.useapi.net/v1/runwayml".to_owned(),
        )
    );
}

#[test]
fn without_a_home_directory_only_what_hangs_on_it_fails() {
    let mut world = World::new();
    let text = "[api]\ntoken_file = \"~/token\"\n";
    fs::write(world.at("work/c.toml"), text).unwrap();
    world.sources.environment =
        Environment { current_dir: Some(world.at("work")), ..Environment::default() };
    assert_eq!(
        world.refusal(),
        (
            "there is no home directory, so the configuration has no default place".to_owned(),
            "set HOME, or use --config FILE".to_owned(),
        )
    );
    world.sources.flags.config = Some(PathBuf::from("c.toml"));
    assert_eq!(
        world.refusal(),
        (
            "there is no home directory, so the state directory has no default place".to_owned(),
            "set HOME, or use --state-dir DIR".to_owned(),
        )
    );
    world.sources.flags.state_dir = Some(PathBuf::from("state"));
    assert_eq!(
        world.refusal().0,
        "$/work/c.toml:2: `token_file` is \"~/token\": there is no home directory; expected the \
         path of a file that holds the token"
    );
    fs::write(world.at("work/c.toml"), "").unwrap();
    assert_eq!(world.load().config.api.token_file, world.at("work/token"));

    world.sources.environment.current_dir = None;
    assert_eq!(
        world.refusal(),
        (
            "flag --config: c.toml is relative to the current directory, which is gone".to_owned(),
            "write the whole path".to_owned(),
        )
    );
}

#[test]
fn the_same_folder_twice_is_refused_however_it_is_spelt() {
    let world = World::new();
    fs::create_dir(world.at("home/Runway")).unwrap();
    std::os::unix::fs::symlink("Runway", world.at("home/link")).unwrap();
    for second in ["~/Runway", "~/link", "../../Runway", "~/./Runway//", "~/link/../Runway"] {
        let text = format!("[[folder]]\npath = \"~/Runway\"\n[[folder]]\npath = \"{second}\"\n");
        fs::write(world.file(), text).unwrap();
        assert_eq!(
            world.refusal(),
            (
                "$/home/.config/taxiway/config.toml:4: $/home/Runway is named twice, first at \
                 $/home/.config/taxiway/config.toml:2"
                    .to_owned(),
                "remove the [[folder]] of line 4".to_owned(),
            ),
            "{second}"
        );
    }
    // Those that do not exist yet are compared by what exists of them and their spelling.
    for second in ["~/new/drop", "~/link/../new/drop", "~/new/x/../drop"] {
        let text = format!("[[folder]]\npath = \"~/new/drop\"\n[[folder]]\npath = \"{second}\"\n");
        fs::write(world.file(), text).unwrap();
        assert!(world.refusal().0.contains("is named twice"), "{second}");
    }
}

#[test]
fn a_path_belongs_to_the_deepest_folder() {
    let world = World::with(
        "[[folder]]\npath = \"/drop\"\n[[folder]]\npath = \"/drop/a/b\"\n[[folder]]\npath = \"/drop/a\"\n",
    );
    let config = world.load().config;
    let table = [
        ("/drop/x.png", Some("/drop")),
        ("/drop/a", Some("/drop/a")),
        ("/drop/a/x.png", Some("/drop/a")),
        ("/drop/a/bc/x.png", Some("/drop/a")),
        ("/drop/a/b/c/x.png", Some("/drop/a/b")),
        ("/dropped/x.png", None),
        ("/", None),
    ];
    for (path, root) in table {
        let folder = config.folder_of(Path::new(path)).map(|folder| folder.root.as_path());
        assert_eq!(folder, root.map(Path::new), "{path}");
    }
}

#[test]
fn named_directories_stand_in_for_the_folders() {
    let mut world = World::with(
        "[api]\nemail = \"main@x\"\n[[folder]]\npath = \"~/a\"\nsettle = \"9s\"\nemail = \"a@x\"\n\
         [[folder]]\npath = \"~/b\"\n",
    );
    fs::create_dir(world.at("home/a")).unwrap();
    std::os::unix::fs::symlink(world.at("home/a"), world.at("work/link")).unwrap();
    world.sources.flags.folders = vec![PathBuf::from("link"), PathBuf::from("new")];
    let loaded = world.load();
    let [known, new] = &loaded.config.folders[..] else {
        panic!("{:?}", loaded.config.folders);
    };
    assert_eq!(known.root, world.at("home/a"));
    assert_eq!(known.settle, Duration::from_secs(9));
    assert_eq!(known.email, "a@x".parse().ok());
    assert_eq!(loaded.folders[0].of("path"), Origin::Argument);
    assert_eq!(new.root, world.at("work/new"));
    assert_eq!(new.email, "main@x".parse().ok());
    assert_eq!(new.settle, Duration::from_secs(2));
    assert_eq!(
        world.short(&loaded.folders[1].of("email").to_string()),
        "$/home/.config/taxiway/config.toml:2"
    );

    world.sources.flags.email = "Other@X".parse().ok();
    let loaded = world.load();
    for (folder, origins) in loaded.config.folders.iter().zip(&loaded.folders) {
        assert_eq!(folder.email, "other@x".parse().ok());
        assert_eq!(origins.of("email"), Origin::Flag("--email"));
    }
    assert_eq!(loaded.config.api.email, "main@x".parse().ok());

    world.sources.flags.folders.push(world.at("home/a"));
    assert_eq!(
        world.refusal(),
        (
            "argument DIR: $/home/a is named twice, first at argument DIR".to_owned(),
            "name each DIR once".to_owned(),
        )
    );
}

#[test]
fn the_environment_does_not_show_what_its_variables_hold() {
    let world = World::new().set("TAXIWAY_TOKEN", "user:1-secret");
    let debug = format!("{:?}", world.sources);
    assert!(debug.contains("TAXIWAY_TOKEN") && !debug.contains("secret"), "{debug}");
    let found = world.sources.environment.token(None).unwrap();
    assert_eq!(found.source.to_string(), "environment variable TAXIWAY_TOKEN");
}
