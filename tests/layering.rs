//! Who may know whom: the layers of ARCHITECTURE.md, checked in the sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// What a part of the code must not name.
struct Rule {
    /// Beginnings of paths the rule is about.
    within: &'static [&'static str],
    /// Beginnings of paths among those that may all the same.
    except: &'static [&'static str],
    /// Words of the code: a path such as `actix::` or a name.
    words: &'static [&'static str],
    reason: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        within: &["src/sync/", "src/scheduler/", "src/limits/", "src/incidents/", "src/explain/"],
        except: &[],
        words: &["actix", "actix_rt", "actix_web", "diesel", "tokio_postgres"],
        reason: "plain logic knows neither actors nor HTTP nor SQL",
    },
    Rule {
        within: &["src/sync/", "src/scheduler/", "src/limits/", "src/incidents/", "src/explain/"],
        except: &[],
        words: &["reqwest::Client", "Client::new", "Client::builder", "ClientBuilder"],
        reason: "plain logic calls partners through the session it is given, if at all",
    },
    Rule {
        within: &["src/sync/", "src/scheduler/", "src/limits/", "src/incidents/", "src/explain/"],
        except: &[],
        words: &["Utc::now", "Local::now", "SystemTime::now"],
        reason: "plain logic takes the time from the clock it is given",
    },
    Rule {
        // Of sync, `active_timeout.rs` measures how long partner code takes; nothing is decided by the hour.
        within: &["src/scheduler/", "src/limits/"],
        except: &[],
        words: &["Instant::now"],
        reason: "scheduler and limits take the time from the clock they are given",
    },
    Rule {
        within: &["src/store/"],
        except: &[],
        words: &["actix", "actix_rt", "actix_web"],
        reason: "the store knows records and tables, not who asks",
    },
    Rule {
        within: &["src/"],
        except: &["src/actors/", "src/application.rs", "src/main.rs", "src/cli/", "src/web/"],
        words: &["actix", "actix_rt"],
        reason: "only actors know actix; the web surface and the start hold addresses of actors",
    },
    Rule {
        within: &["src/"],
        except: &["src/store/"],
        words: &["diesel", "diesel_async", "diesel_migrations", "r2d2", "tokio_postgres"],
        reason: "only the store knows tables",
    },
    Rule {
        within: &["src/"],
        // The demo's host app is a server itself.
        except: &["src/web/", "src/application.rs", "src/cli/demo/"],
        words: &["actix_web"],
        reason: "only the web surface speaks HTTP to callers",
    },
    Rule {
        within: &["partners/"],
        except: &["partners/sandbox/"],
        words: &["actix", "actix_rt", "actix_web", "diesel", "syncwell::"],
        reason: "partners and their SDK know nothing of the daemon",
    },
    Rule {
        within: &["partners/sandbox/"],
        except: &[],
        // Every partner's crate besides, found in the workspace: see `partner_crates`.
        words: &["partner_sdk", "syncwell::"],
        reason: "the sandbox judges by the partners' documents, not by the code it judges",
    },
    Rule {
        within: &[""],
        except: &[],
        words: &["todo!", "unimplemented!", "dbg!"],
        reason: "what is unfinished belongs into an issue",
    },
];

/// What no line may have, comments included. Written apart so that this file has none.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// A file is read in one go up to here.
const LONGEST_FILE: usize = 400;

/// Files that are longer all the same, and why.
const LONG_FILES: &[(&str, &str)] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of the partners' crates as code writes them, by the workspace's members.
fn partner_crates() -> Vec<String> {
    let manifest: toml::Table =
        fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap();
    let partners = dependencies.keys().filter_map(|name| name.strip_prefix("partner-"));
    let others = |name: &&str| !["sdk", "sandbox"].contains(name);
    partners.filter(others).map(|name| format!("partner_{}", name.replace('-', "_"))).collect()
}

/// Every source file: its path from the root, and its text.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["src", "partners", "tests", "xtask"] {
        rust_files(&root().join(folder), &mut files);
    }
    files.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(&path).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// Whether a line of code names `word`, not as a part of a longer name.
fn names(line: &str, word: &str) -> bool {
    let in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut rest = line;
    while let Some((_, after)) = rest.split_once(word) {
        let before = line.strip_suffix(after).and_then(|line| line.strip_suffix(word));
        let begins = !before.is_some_and(|before| before.ends_with(in_name));
        let ends = !word.ends_with(in_name) || !after.starts_with(in_name);
        if begins && ends {
            return true;
        }
        rest = after;
    }
    false
}

/// The line without a comment at its end; empty if it is one.
fn code(line: &str) -> &str {
    if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or("") }
}

/// What breaks the rules in a file, as `file:line: reason`.
fn violations(name: &str, text: &str) -> Vec<String> {
    let begins = |list: &[&str]| list.iter().any(|beginning| name.starts_with(beginning));
    // Only what is shipped keeps to layers; its tests may use what they like.
    let is_source = name.starts_with("src/") || name.contains("/src/");
    let rules: Vec<_> = RULES
        .iter()
        .filter(|rule| is_source && begins(rule.within) && !begins(rule.except))
        .collect();
    let partners = partner_crates();
    let is_simulator = is_source && name.starts_with("partners/sandbox/");
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for partner in partners.iter().filter(|word| is_simulator && names(code(line), word)) {
            found
                .push(format!("{name}:{number}: `{partner}`: a simulator knows no partner's code"));
        }
        for rule in &rules {
            for word in rule.words.iter().filter(|word| names(code(line), word)) {
                found.push(format!("{name}:{number}: `{word}`: {}", rule.reason));
            }
        }
        for word in UNFINISHED.iter().filter(|word| names(line, word)) {
            found.push(format!(
                "{name}:{number}: `{word}`: what is unfinished belongs into an issue"
            ));
        }
    }
    found
}

#[test]
fn every_layer_knows_only_what_it_may() {
    let sources = sources();
    assert!(sources.len() > 100, "the sources were found");
    let found: Vec<_> = sources.iter().flat_map(|(name, text)| violations(name, text)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Words of our own that once stood where the field has a better known one: nobody searches for
/// them. Written apart so that this file has none.
const HOME_MADE: [&str; 14] = [
    concat!("hou", "se"),
    concat!("to", "ld"),
    concat!("ti", "e"),
    concat!("ti", "es"),
    concat!("ti", "ed"),
    concat!("mar", "ks"),
    concat!("mar", "ked"),
    concat!("str", "etch"),
    concat!("tw", "in"),
    concat!("she", "et"),
    concat!("an", "ew"),
    concat!("tal", "ly"),
    concat!("just ", "so"),
    concat!("so ", "many"),
];

/// The line in lower case with the parts of its names as words: `newLink_of` is `new link of`.
fn in_words(line: &str) -> String {
    let mut text = String::from(" ");
    let mut before = ' ';
    for letter in line.chars() {
        if letter.is_uppercase() && before.is_lowercase() || !letter.is_alphabetic() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase().filter(|letter| letter.is_alphabetic()));
        before = letter;
    }
    text.push(' ');
    text
}

/// The texts that people read beside the code.
fn documents() -> Vec<(String, String)> {
    let names = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/add-a-partner.md",
        "docs/host-app.md",
        "docs/install.md",
        "docs/operate.md",
        "docs/records.md",
        "docs/reliability.md",
        "docs/security.md",
        "docs/why-not.md",
        "benches/README.md",
        "partners/README.md",
        "partners/sandbox/README.md",
        "systemd/README.md",
        "config/default.toml",
        "config/production.toml",
        "tests/run",
    ];
    names.map(|name| (name.to_owned(), fs::read_to_string(root().join(name)).unwrap())).into()
}

#[test]
fn code_and_documents_use_the_words_of_the_field() {
    let mut found = Vec::new();
    for (name, text) in sources().iter().chain(&documents()) {
        for (number, line) in (1..).zip(text.lines()) {
            // Cursors that are stored keep the names they were stored with.
            let words = if line.contains("serde(rename") { String::new() } else { in_words(line) };
            for word in HOME_MADE.iter().filter(|word| words.contains(&format!(" {word} "))) {
                found.push(format!("{name}:{number}: `{word}`"));
            }
        }
    }
    assert!(found.is_empty(), "use the usual word, see CONTRIBUTING.md:\n{}\n", found.join("\n"));
}

#[test]
fn names_are_read_word_by_word() {
    let words = in_words("fn newLink_of(x: u8)");
    assert_eq!(words.split_whitespace().collect::<Vec<_>>(), ["fn", "new", "link", "of", "x", "u"]);
}

#[test]
fn partners_depend_on_nothing_of_the_daemon() {
    for entry in fs::read_dir(root().join("partners")).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let manifest: toml::Table = manifest.parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap();
        // The sandbox is a server of its own, and judges by the partners' documents alone.
        let (unwanted, known) = match name {
            "partner-sandbox" => (&["syncwell", "diesel"][..], ""),
            _ => (&["syncwell", "actix", "actix-rt", "actix-web", "diesel"][..], "partner-sdk"),
        };
        for dependency in manifest["dependencies"].as_table().unwrap().keys() {
            let other = dependency.starts_with("partner-") && dependency != known;
            let refused = other || unwanted.contains(&dependency.as_str());
            assert!(!refused, "{name} depends on {dependency}");
        }
    }
}

#[test]
fn every_folder_a_rule_is_about_exists() {
    let sources = sources();
    for path in RULES.iter().flat_map(|rule| rule.within.iter().chain(rule.except)) {
        let found = sources.iter().any(|(name, _)| name.starts_with(path));
        assert!(found, "a rule is about {path}, which is not there");
    }
}

#[test]
fn what_breaks_a_rule_is_found_with_its_line() {
    for (name, line) in [
        ("src/sync/run.rs", "use actix::Addr;"),
        ("src/sync/run.rs", "    diesel::insert_into(records::table)"),
        ("src/scheduler/due.rs", "let now = chrono::Utc::now();"),
        ("src/limits/bucket.rs", "let client = reqwest::Client::builder().build()?;"),
        ("src/limits/bucket.rs", "let began = Instant::now();"),
        ("src/store/api_keys/mod.rs", "use actix_web::web;"),
        ("src/oauth/mod.rs", "use {std::fmt, actix::prelude::*};"),
        ("src/web/auth.rs", "use diesel::prelude::*;"),
        ("src/actors/session.rs", "use actix_web::HttpResponse;"),
        ("src/cli/key.rs", "use actix_web::HttpResponse;"),
        ("partners/withings/src/api.rs", "use syncwell::model::Connection;"),
        ("partners/sdk/src/http.rs", "use actix_web::http::StatusCode;"),
        ("partners/sandbox/src/lib.rs", "use partner_withings::MANIFEST;"),
        ("partners/sandbox/src/lib.rs", "use partner_google_health::MANIFEST;"),
        ("src/vault.rs", "    todo!(\"rotate\")"),
        ("src/vault.rs", concat!("// TO", "DO: rotate")),
        ("tests/front_door/api.rs", concat!("let x = 1; // FIX", "ME")),
    ] {
        let text = format!("//! A file.\n\n{line}\n");
        let found = violations(name, &text);
        assert!(
            found.iter().any(|one| one.starts_with(&format!("{name}:3: `"))),
            "{line}: {found:?}"
        );
    }
    for (name, line) in [
        ("src/sync/run.rs", "// actix and diesel are not known here."),
        ("src/sync/run.rs", "/// Unlike Utc::now."),
        ("src/sync/run.rs", "let factix = not_diesel; // diesel does that"),
        ("src/store/api_keys/mod.rs", "use diesel::prelude::*;"),
        ("src/actors/session.rs", "use actix::Actor;"),
        ("src/application.rs", "use actix_web::HttpServer;"),
        ("partners/sandbox/src/server.rs", "use hyper::server::conn;"),
    ] {
        assert_eq!(violations(name, line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn files_are_short_enough_to_be_read() {
    let sources = sources();
    let reason = |name: &str| LONG_FILES.iter().find(|(listed, _)| *listed == name);
    for (name, text) in &sources {
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST_FILE || reason(name).is_some(),
            "{name} has {lines} lines, more than {LONGEST_FILE}: split it, or list it in \
             tests/layering.rs with the reason"
        );
    }
    for (listed, reason) in LONG_FILES {
        let lines = sources.iter().find(|(name, _)| name == listed);
        let lines = lines.map_or(0, |(_, text)| text.lines().count());
        assert!(lines > LONGEST_FILE, "{listed} is listed as too long ({reason}), and is not");
    }
}

#[test]
fn every_test_that_the_documents_of_threats_and_faults_name_exists() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "partners"] {
        rust_files(&root().join(folder), &mut files);
    }
    let code: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let is_test = |name: &&str| {
        name.matches('_').count() >= 3 && name.chars().all(|it| it == '_' || it.is_alphanumeric())
    };
    for document in ["docs/reliability.md", "docs/security.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_test).collect();
        assert!(named.len() > 40, "{named:?}");
        for name in named {
            assert!(code.contains(&format!("fn {name}()")), "{document} names {name}");
        }
    }
}
