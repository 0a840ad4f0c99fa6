//! `cargo xtask new-partner`, in a separate workspace: the generated crate compiles, is formatted,
//! and fails exactly the cases that are to be filled in; the crate of the guide passes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The files of the finished crate of partners/README.md, which shows them.
const WALK: &[&str] = &["src/lib.rs", "src/api.rs", "src/map.rs", "tests/conformance.rs"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A copy of the files that list the partners, with only the new partner and the SDK.
struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Always at the same path, so that a second run can reuse the build of the first.
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new_partner").join(name);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        fs::create_dir_all(root.join("src")).unwrap();
        fs::create_dir_all(root.join("partners/sdk")).unwrap();
        for file in ["Cargo.toml", "Cargo.lock", "clippy.toml", "rustfmt.toml", "src/partners.rs"] {
            fs::copy(repository().join(file), root.join(file)).unwrap();
        }
        Self { root }
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    fn new_partner(&self, arguments: &[&str]) -> Output {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.env("CARGO_MANIFEST_DIR", self.root.join("xtask"));
        xtask.arg("new-partner").args(arguments).output().unwrap()
    }

    /// Removes the daemon from the workspace: its lines are checked before, and its build would
    /// take minutes.
    fn keep_partners_only(&self) {
        let manifest = self.read("Cargo.toml");
        let (workspace, _) = manifest.split_once("\n[package]").unwrap();
        let sdk = format!("path = {:?}", repository().join("partners/sdk"));
        let workspace = workspace
            .replace("[\"partners/*\", \"xtask\"]", "[\"partners/*\"]")
            .replace("path = \"partners/sdk\"", &sdk);
        fs::write(self.root.join("Cargo.toml"), workspace).unwrap();
        fs::remove_dir(self.root.join("partners/sdk")).unwrap();
    }

    fn cargo(&self, arguments: &[&str]) -> Result<String, String> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        // Removes what cargo has set for this test: build scripts that read it (ring's) would run
        // again, and once more at the next build outside.
        for (name, _) in std::env::vars_os() {
            let own = ["CARGO_PKG_", "CARGO_MANIFEST_"];
            if own.iter().any(|own| name.to_string_lossy().starts_with(own)) {
                cargo.env_remove(name);
            }
        }
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", target).args(arguments);
        let output = cargo.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    fn is_clean(&self) {
        for arguments in [
            &["fmt", "--all", "--check"][..],
            &["clippy", "--offline", "--workspace", "--all-targets", "--", "--deny", "warnings"],
        ] {
            self.cargo(arguments).unwrap_or_else(|said| panic!("cargo {arguments:?}\n{said}"));
        }
    }

    /// The cases of the conformance suite that fail, `[subject] case`.
    fn failures(&self) -> Vec<String> {
        let said = match self.cargo(&["test", "--offline", "--workspace", "--test", "conformance"])
        {
            Ok(_) => return Vec::new(),
            Err(said) => said,
        };
        let cases = said.lines().filter_map(|line| line.strip_prefix("  ["));
        let cases: Vec<String> = cases.map(|case| format!("[{case}")).collect();
        assert!(!cases.is_empty(), "the suite did not run:\n{said}");
        cases
    }
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines of `after` that are not in `before`.
fn added(before: &str, after: &str) -> Vec<String> {
    let before: Vec<&str> = before.lines().collect();
    after.lines().filter(|line| !before.contains(line)).map(ToOwned::to_owned).collect()
}

fn walk() -> PathBuf {
    repository().join("xtask/tests/walk")
}

#[test]
fn a_new_partner_fails_what_is_to_be_filled_in_and_the_guide_leads_it_to_pass() {
    let workspace = Workspace::new("oura");
    let said = succeeds(&workspace.new_partner(&["oura"]));
    assert!(said.contains("cargo test -p partner-oura"), "{said}");

    let real = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    assert_eq!(
        added(&real("Cargo.toml"), &workspace.read("Cargo.toml")),
        ["partner-oura = { path = \"partners/oura\" }", "partner-oura.workspace = true"]
    );
    let catalog = workspace.read("src/partners.rs");
    assert_eq!(
        added(&real("src/partners.rs"), &catalog),
        ["        Arc::new(partner_oura::Oura),"]
    );
    let entries: Vec<&str> = catalog.lines().filter(|line| line.contains("Arc::new(")).collect();
    assert!(entries.is_sorted(), "{catalog}");

    workspace.keep_partners_only();
    workspace.is_clean();
    let to_be_filled_in = [
        "[manifest] addresses are the partner's own",
        "[token] it has a fixture",
        "[token] a dead token has a fixture",
        "[weight] it has a fixture",
        "[weight] its records are the expected ones",
    ];
    assert_eq!(workspace.failures(), to_be_filled_in);

    let partner = workspace.root.join("partners/oura");
    fs::remove_dir_all(partner.join("fixtures")).unwrap();
    fs::create_dir(partner.join("fixtures")).unwrap();
    for entry in fs::read_dir(walk().join("fixtures")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), partner.join("fixtures").join(entry.file_name())).unwrap();
    }
    for file in WALK {
        fs::write(partner.join(file), fs::read_to_string(walk().join(file)).unwrap()).unwrap();
    }
    workspace.is_clean();
    assert_eq!(workspace.failures(), Vec::<String>::new());
}

#[test]
fn the_guide_shows_this_very_partner() {
    let guide = fs::read_to_string(repository().join("partners/README.md")).unwrap();
    for file in WALK {
        let text = fs::read_to_string(walk().join(file)).unwrap();
        let shown = guide.contains(&format!("```rust\n{text}```\n"));
        assert!(shown, "copy xtask/tests/walk/{file} into partners/README.md");
    }
    let blocks = guide.matches("```rust\n").count();
    assert_eq!(blocks, WALK.len(), "a block of the guide is in no file of the walk");
}

/// The template is working code: it reads everything from a service that matches its assumptions.
#[test]
fn what_a_new_partner_begins_with_works() {
    let name = "a_service_of_thirty_letters_42";
    let workspace = Workspace::new("beginning");
    succeeds(&workspace.new_partner(&[name]));
    workspace.keep_partners_only();
    let partner = workspace.root.join("partners").join(name);
    let replace = |path: &str, from: &str, to: &str| {
        let text = fs::read_to_string(partner.join(path)).unwrap();
        assert!(text.contains(from), "{path} has {from}");
        fs::write(partner.join(path), text.replace(from, to)).unwrap();
    };
    replace("src/lib.rs", "example.com", "thirty.example");
    replace(
        "tests/conformance.rs",
        "token.json\"), \"\")",
        "token.json\"), \"u-1\")\n.token_failure(\"a dead refresh token\", \
         partner_sdk::testkit::Canned::json(400, r##\"{\"error\": \"invalid_grant\"}\"##), \
         partner_sdk::testkit::Expect::Unauthorized)",
    );
    replace(
        "tests/conformance.rs",
        "fixtures/weight-1.json\")",
        "fixtures/weight-1.json\"), include_str!(\"../fixtures/weight-2.json\")",
    );
    replace("tests/conformance.rs", ".run()", ".resumes_with(\"/weights?from=2026-02-25\").run()");
    let page = |id: &str, next: &str| {
        format!(
            r#"{{"items": [{{"id": "{id}", "time": "2026-03-03T07:00:00+01:00", "weight": 70.25}}], "next_page": {next}}}"#
        )
    };
    let record = |id: &str| {
        format!(
            r#"{{"source_id": "{id}", "start": "2026-03-03T07:00:00+01:00", "time_basis": "exact",
                "kind": "measurement", "content": {{"type": "weight", "value": 70.25, "unit": "kg"}}}}"#
        )
    };
    for (file, text) in [
        ("token.json", r#"{"access_token": "a-token", "user_id": "u-1"}"#.to_owned()),
        ("weight-1.json", page("w-1", "\"p2\"")),
        ("weight-2.json", page("w-2", "null")),
        ("weight.expected.json", format!("[{}, {}]", record("w-1"), record("w-2"))),
    ] {
        fs::write(partner.join("fixtures").join(file), text).unwrap();
    }
    assert_eq!(workspace.failures(), Vec::<String>::new());
}

#[test]
fn formatting_does_not_depend_on_the_name() {
    for name in ["a", "zz9", "an_even_longer_name_of_30_chars"] {
        let workspace = Workspace::new(name);
        succeeds(&workspace.new_partner(&[name.get(..30).unwrap_or(name)]));
        workspace.keep_partners_only();
        workspace.cargo(&["fmt", "--all", "--check"]).unwrap();
    }
}

#[test]
fn what_cannot_be_made_is_refused_and_changes_nothing() {
    let workspace = Workspace::new("refused");
    let before = workspace.read("Cargo.toml");
    for (arguments, reason) in [
        (&["Oura"][..], "lower case letters"),
        (&["../oura"], "lower case letters"),
        (&["sdk"], "partners/sdk is there already"),
        (&["page"], "type would be Page"),
        (&[], "needs a name"),
        (&["oura", "weight"], "needs a name"),
    ] {
        let output = workspace.new_partner(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(reason), "{arguments:?}: {said}");
        assert_eq!(workspace.read("Cargo.toml"), before, "{arguments:?}");
    }
    succeeds(&workspace.new_partner(&["oura"]));
    let made = workspace.read("Cargo.toml");
    let again = workspace.new_partner(&["oura"]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("partners/oura is there already"));
    assert_eq!(workspace.read("Cargo.toml"), made);
}
