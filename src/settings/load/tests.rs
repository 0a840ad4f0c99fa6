use std::time::Duration;

use partner_sdk::Limit;

use super::*;

/// Every key with its default, for users.
const REFERENCE: &str = include_str!("../../../config/default.toml");

fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, Mistakes> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Settings::from_layers(&[file.path().to_owned()], environment.collect::<Vec<_>>())
}

#[test]
fn the_reference_says_what_the_structs_say() {
    let from_file = load(REFERENCE, &[]).unwrap();
    let from_code = Settings::default();
    assert_eq!(serde_json::to_value(from_file).unwrap(), serde_json::to_value(from_code).unwrap());
}

#[test]
fn every_key_stands_in_the_reference() {
    for key in known::keys("NAME") {
        let name = key.rsplit('.').next().unwrap();
        assert!(
            REFERENCE.contains(&format!("{name} = ")) || name == "partners",
            "{key} is missing"
        );
    }
}

#[test]
fn the_environment_wins_over_files_and_files_over_defaults() {
    let settings = load(
        "installed_partners = [\"withings\"]\n[scheduler]\ngroups = [\"1500ms\", \"20m\"]\n\
         [partners.withings]\nclient_id = \"0012\"\nlimits = [{calls = 7, per = \"90s\"}]",
        &[
            ("SYNCWELL__INSTALLED_PARTNERS", "withings, runkeeper"),
            ("SYNCWELL__SERVER__LISTEN", "127.0.0.1:0"),
            ("SYNCWELL__PARTNERS__RUNKEEPER__CLIENT_ID", "0034"),
            ("SYNCWELL__SCHEDULER__MAX_BUSY", "5"),
            ("SYNCWELL__PARTNERS__RUNKEEPER__LIMITS", "[{calls = 9, per = \"1h\"}]"),
            ("OTHER__KEY", "ignored"),
        ],
    )
    .unwrap();
    assert_eq!(settings.installed_partners, ["withings", "runkeeper"]);
    assert_eq!(settings.server.listen, "127.0.0.1:0");
    assert_eq!(settings.scheduler.groups[0], Duration::from_millis(1500));
    assert_eq!(settings.scheduler.max_busy, 5);
    let withings = settings.partner("withings");
    assert_eq!(withings.client_id.as_deref(), Some("0012"), "digits stay text");
    assert_eq!(withings.limits.unwrap()[0].per, Duration::from_secs(90));
    let runkeeper = settings.partner("runkeeper");
    assert_eq!(runkeeper.client_id.as_deref(), Some("0034"));
    assert_eq!(runkeeper.limits.unwrap()[0].calls, 9);
}

#[test]
fn a_limit_says_whose_calls_count_and_where_its_windows_lie() {
    let limit = |words: &str| {
        let text = format!("[partners.x]\nlimits = [{{calls = 100, per = \"15m\"{words}}}]");
        load(&text, &[]).map(|settings| Limit::from(settings.partner("x").limits.unwrap()[0]))
    };
    let plain = Limit::app(100, Duration::from_secs(15 * 60));
    assert_eq!(limit("").unwrap(), plain);
    let reads = limit(", window = \"fixed\", counts = \"reads\"").unwrap();
    assert_eq!(reads, plain.fixed().of_reads());
    let each = limit(", scope = \"connection\", window = \"sliding\", counts = \"all\"").unwrap();
    assert_eq!(each, Limit::connection(100, Duration::from_secs(15 * 60)));
    let error = limit(", window = \"moving\"").unwrap_err().to_string();
    for word in ["moving", "sliding", "fixed", "partners.x.limits"] {
        assert!(error.contains(word), "{error}");
    }
}

/// What is wrong, without the name of the file, which is a temporary one.
fn wrong(toml: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let mistakes = load(toml, environment).unwrap_err().0.into_iter();
    let shown = mistakes.map(|mistake| match mistake.origin {
        Some(Origin::File { line, .. }) => format!("line {line}: {}", mistake.text),
        _ => mistake.to_string(),
    });
    shown.collect()
}

#[test]
fn a_mistake_says_where_it_was_made_what_is_wrong_and_what_to_write() {
    for (toml, environment, said) in [
        (
            "\n[server]\nlissten = \"x\"",
            ("", ""),
            "line 3: unknown setting `server.lissten`; did you mean `server.listen`?",
        ),
        (
            "",
            ("SYNCWELL__SERVER__LISEN", "1"),
            "the variable SYNCWELL__SERVER__LISEN: unknown setting `server.lisen`; did you mean `server.listen`?",
        ),
        (
            "[sever]\nlisten = \"x\"\nworkers = 2",
            ("", ""),
            "line 2: unknown section [sever]; did you mean [server]?",
        ),
        (
            "",
            ("SYNCWELL_SERVER_LISTEN", "1"),
            "SYNCWELL_SERVER_LISTEN is no setting; it is written SYNCWELL__SERVER__LISTEN",
        ),
        (
            "[log]\nformat = \"xml\"",
            ("", ""),
            "line 2: log.format = \"xml\": write `text`, `json`, `journald`",
        ),
        (
            "",
            ("SYNCWELL__SERVER__WORKERS", "two"),
            "the variable SYNCWELL__SERVER__WORKERS: server.workers = \"two\": write a whole number without quotes, 0 or more",
        ),
        (
            "",
            ("SYNCWELL__DATABASE__READERS", "-1"),
            "the variable SYNCWELL__DATABASE__READERS: database.readers = -1: write a whole number without quotes, 0 or more",
        ),
        (
            "[scheduler]\nmin_gap = \"soon\"",
            ("", ""),
            "line 2: scheduler.min_gap = \"soon\": `soon` is not a duration; write e.g. \"5m\", \"30s\", \"500ms\" or \"21d\"",
        ),
        ("server = 5", ("", ""), "line 1: server = 5: write a section with keys of its own"),
        (
            "[partners.x]\nlimits = [{calls = 1, per = \"1m\"}, {calls = 1, window = \"fixed\"}]",
            ("", ""),
            "line 2: partners.x.limits[1]: `per` is missing",
        ),
        (
            "[partners.x]\nlimits = [{calls = 1, per = \"1m\", window = \"moving\"}]",
            ("", ""),
            "line 2: partners.x.limits[0].window: `moving` is neither \"sliding\" nor \"fixed\"",
        ),
        (
            "[partners.x]\nclient_secret = 12345",
            ("", ""),
            "line 2: partners.x.client_secret: write a text in quotes",
        ),
    ] {
        assert_eq!(wrong(toml, &[environment]), [said]);
    }
}

#[test]
fn all_mistakes_are_found_at_once() {
    let toml =
        "[server]\nlisen = \"x\"\nworkers = \"two\"\n[scheduler]\nmin_gap = \"soon\"\njitter = 1";
    let found = wrong(toml, &[("SYNCWELL__LOG__FORMAT", "xml")]);
    assert_eq!(found.len(), 4, "{found:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let read = Settings::read_layers(&[file.path().to_owned(), "nowhere.toml".into()], []);
    assert_eq!(read.mistakes.len(), 4, "{:?}", read.mistakes);
    assert_eq!((read.settings.scheduler.jitter, read.settings.server.workers), (1.0, 2));
}

#[test]
fn a_line_that_cannot_be_read_is_named_but_not_repeated() {
    let text = "[partners.withings]\nclient_secret = \"hush-hush";
    let error = load(text, &[]).unwrap_err().to_string();
    assert!(error.contains("line 2") && !error.contains("hush"), "{error}");
}

#[test]
fn secrets_are_not_printed() {
    let settings = load("[partners.withings]\nclient_secret = \"hush\"", &[]).unwrap();
    assert_eq!(settings.partner("withings").client_secret.as_ref().unwrap().expose(), "hush");
    assert!(!format!("{settings:?}").contains("hush"));
}
