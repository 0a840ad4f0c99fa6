//! Every mistake in the settings: once, where it was made, with what mends it; by `check` and `serve`.

use std::net::TcpListener;

use super::{GOOD, Home};

/// What is wrong with the good settings after this change, by `check` and by `serve`.
fn lines_of(home: &Home, good: &str, wrong: &str, environment: &[(&str, &str)]) -> [String; 2] {
    assert!(GOOD.contains(good), "{good}");
    let settings = GOOD.replacen(good, wrong, 1);
    let check = home.run_in(&settings, &["check"], environment);
    assert!(
        !check.well && check.err.contains("one thing is wrong"),
        "{wrong}: {}{}",
        check.out,
        check.err
    );
    let lines: Vec<_> = check.out.lines().filter(|line| line.starts_with("WRONG")).collect();
    assert_eq!(lines.len(), 1, "each mistake once: {}", check.out);
    let serve = home.run_in(&settings, &["serve"], environment);
    assert!(!serve.well, "{wrong}: serve takes it");
    for said in [&check.out, &check.err, &serve.err] {
        assert!(!said.contains("hush"), "{said}");
    }
    [lines[0].to_owned(), serve.err]
}

#[test]
fn check_says_what_is_wrong_where_and_what_fixes_it_and_serve_says_the_same() {
    let home = Home::new();
    std::fs::write(home.path().join("empty"), "\n").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let secret = "client_secret = \"hush-secret\"\n";
    let of_file =
        |line: u32, section: &str| format!("WRONG  {section}: settings.toml, line {line}: ");
    for (good, wrong, begins, words) in [
        (
            "127.0.0.1:0",
            taken.as_str(),
            of_file(3, "server"),
            &["server.listen", "in use", "another port"][..],
        ),
        (
            "127.0.0.1:0",
            "192.0.2.1:8080",
            of_file(3, "server"),
            &["server.listen", "0.0.0.0 for all"],
        ),
        ("127.0.0.1:0", "127.0.0.1", of_file(3, "server"), &["server.listen", "127.0.0.1:8080"]),
        ("127.0.0.1:0", "127.0.0.1:99999", of_file(3, "server"), &["server.listen", "99999"]),
        (
            "https://sync.",
            "http://sync.",
            of_file(4, "server"),
            &["server.public_url", "use https"],
        ),
        (
            "https://sync.",
            "sync.",
            of_file(4, "server"),
            &["server.public_url", "write e.g. https://"],
        ),
        (
            "example.com",
            "example.com/?x=1",
            of_file(4, "server"),
            &["server.public_url", "remove what follows"],
        ),
        (
            "example.com",
            "example.com/#x",
            of_file(4, "server"),
            &["server.public_url", "remove what follows"],
        ),
        (
            "[database]",
            "return_urls = [\"app.example.com\"]\n[database]",
            of_file(5, "server"),
            &["server.return_urls", "https://app.example.com/health"],
        ),
        (
            "[database]",
            "workers = 0\n[database]",
            of_file(5, "server"),
            &["server.workers must be at least 1"],
        ),
        (
            "[database]",
            "workers = \"two\"\n[database]",
            of_file(5, "server"),
            &["server.workers = \"two\": write a whole number"],
        ),
        (
            "[partners",
            "readers = 0\n[partners",
            of_file(7, "database"),
            &["database.readers must be at least 1"],
        ),
        (
            "sqlite:test.db",
            "sqlite:/nonexistent/dir/x.db",
            of_file(6, "database"),
            &["there is no folder /nonexistent/dir; make it"],
        ),
        ("sqlite:test.db", "sqlite:settings.toml", of_file(6, "database"), &["settings.toml"]),
        ("sqlite:test.db", "sqlite:.", of_file(6, "database"), &["is a folder"]),
        (
            "sqlite:test.db",
            "mysql://ann:hush@db/x",
            of_file(6, "database"),
            &["database.url", "sqlite:PATH"],
        ),
        (
            "sqlite:test.db",
            "postgres://ann:hush@db/x?sslmode=on",
            of_file(6, "database"),
            &["database.url", "verify-full"],
        ),
        (
            "[partners",
            "[log]\nfilter = \"syncwell=loud,,\"\n[partners",
            of_file(8, "log"),
            &["log.filter", "write e.g."],
        ),
        (
            "[partners",
            "[log]\nformat = \"xml\"\n[partners",
            of_file(8, "log"),
            &["log.format = \"xml\": write `text`, `json`, `journald`"],
        ),
        (
            "[partners",
            "[scheduler]\ngroups = [\"20m\", \"5m\"]\n[partners",
            of_file(8, "scheduler"),
            &["from the shortest to the longest"],
        ),
        (
            "[partners",
            "[scheduler]\nmin_gap = \"5\"\n[partners",
            of_file(8, "scheduler"),
            &["`5` is not a duration; write e.g. \"5m\""],
        ),
        (
            "[partners",
            "[vault]\nkey_file = \"/nonexistent/k\"\n[partners",
            of_file(8, "key"),
            &["/nonexistent/k", "syncwell secret generate"],
        ),
        (
            "client_id = \"client-7\"\n",
            "",
            "WRONG  partners: ".into(),
            &["partners.withings.client_id is not set", "SYNCWELL__PARTNERS__WITHINGS__CLIENT_ID"],
        ),
        ("client-7", " ", of_file(8, "partners"), &["partners.withings.client_id is empty"]),
        (
            secret,
            "",
            "WRONG  partners: ".into(),
            &["client_secret_file", "SYNCWELL__PARTNERS__WITHINGS__CLIENT_SECRET"],
        ),
        ("hush-secret", "", of_file(9, "partners"), &["partners.withings.client_secret is empty"]),
        (
            secret,
            "client_secret_file = \"empty\"\n",
            of_file(9, "partners"),
            &["client_secret_file: empty is empty"],
        ),
        (
            secret,
            "client_secret_file = \"nowhere\"\n",
            of_file(9, "partners"),
            &["cannot read nowhere"],
        ),
        (
            "[\"withings\"]",
            "[\"withings\", \"whitings\"]",
            of_file(1, "partners"),
            &["`whitings`", "runkeeper, strava, withings"],
        ),
        (
            "hush-secret\"",
            "hush\"\napi_url = \"http://api.example.com\"",
            of_file(10, "partners"),
            &["partners.withings.api_url", "use https"],
        ),
        (
            "hush-secret\"",
            "hush\"\nlimits = [{calls = 0, per = \"1m\"}]",
            of_file(10, "partners"),
            &["partners.withings.limits: calls must be at least 1"],
        ),
        (
            "[server]",
            "[sever]\nx = 1\n[server]",
            "WRONG  sever: settings.toml, line 3: ".into(),
            &["unknown section [sever]; did you mean [server]?"],
        ),
    ] {
        let [line, serve] = lines_of(&home, good, wrong, &[]);
        assert!(line.starts_with(&begins), "{begins} does not begin {line}");
        for word in words {
            assert!(line.contains(word), "`{word}` is not in {line}");
            assert!(serve.contains(word), "{wrong}: `{word}` is not what serve says: {serve}");
        }
    }
    for (name, value, words) in [
        (
            "SYNCWELL__SERVER__WORKERS",
            "0",
            "the variable SYNCWELL__SERVER__WORKERS: server.workers must be",
        ),
        (
            "SYNCWELL__DATABASE__READERS",
            "-1",
            "the variable SYNCWELL__DATABASE__READERS: database.readers = -1: write",
        ),
        (
            "SYNCWELL__SERVER__LISEN",
            "x",
            "the variable SYNCWELL__SERVER__LISEN: unknown setting `server.lisen`",
        ),
        (
            "SYNCWELL_SERVER_LISTEN",
            "x",
            "SYNCWELL_SERVER_LISTEN is no setting; it is written SYNCWELL__SERVER__LISTEN",
        ),
    ] {
        let [line, serve] = lines_of(&home, "x", "x", &[(name, value)]);
        assert!(line.contains(words) && serve.contains(words), "{line}\n{serve}");
    }
}

#[test]
fn none_of_the_partners_installed_is_a_mistake_for_check_and_a_warning_for_serve() {
    let home = Home::new();
    let ended = home.run(&GOOD.replace("[\"withings\"]", "[]"), &["check"]);
    let line = "installed_partners: none is installed; set it, or SYNCWELL__INSTALLED_PARTNERS";
    assert!(!ended.well && ended.out.contains(line), "{}", ended.out);
    let without = GOOD.replace("client_id = \"client-7\"\n", "");
    let fixed = [("SYNCWELL__PARTNERS__WITHINGS__CLIENT_ID", "client-7")];
    let ended = home.run_in(&without, &["check"], &fixed);
    assert!(ended.well, "the variable it named fixes it: {}", ended.out);
}

#[test]
fn a_fatal_mistake_is_json_where_the_log_is() {
    let json = [("SYNCWELL__LOG__FORMAT", "json"), ("SYNCWELL__SERVER__WORKERS", "0")];
    let ended = Home::new().run_in(GOOD, &["serve"], &json);
    let lines: Vec<serde_json::Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{}", ended.err);
    let message = lines[0]["message"].as_str().unwrap();
    assert!(!ended.well && message.contains("server.workers must be at least 1"), "{message}");
}

#[test]
fn check_says_all_that_is_wrong_at_once() {
    let ended = Home::new().run(
        &GOOD
            .replace("[\"withings\"]", "[\"withings\", \"runkeeper\", \"whitings\"]")
            .replace("https://sync.example.com", "sync.example.com"),
        &["check"],
    );
    assert!(!ended.well);
    for word in ["server.public_url", "partners.runkeeper.client_id", "`whitings`"] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
}
