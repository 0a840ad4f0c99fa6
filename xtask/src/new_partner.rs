//! `cargo xtask new-partner <name>`: writes the crate of a new partner and registers it.
//!
//! The crate is a minimal partner with placeholders for the service's URLs. It compiles, and the
//! conformance suite reports what is still missing.

use std::fs;
use std::path::{Path, PathBuf};

const LIB: &str = include_str!("../templates/partner/src/lib.rs");

/// The files of the crate. [`Names::fill_in`] replaces the placeholder names in them.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../templates/partner/Cargo.toml")),
    ("src/lib.rs", LIB),
    ("src/api.rs", include_str!("../templates/partner/src/api.rs")),
    ("src/map.rs", include_str!("../templates/partner/src/map.rs")),
    ("tests/conformance.rs", include_str!("../templates/partner/tests/conformance.rs")),
    // Empty: the author writes them from the service's documentation, and the suite says so.
    ("fixtures/token.json", ""),
    ("fixtures/weight-1.json", ""),
    ("fixtures/weight.expected.json", ""),
];

/// With a longer name, lines of the templates would be too long.
const LONGEST_NAME: usize = 30;

const DEPENDENCIES: &str = "Cargo.toml";
const CATALOG: &str = "src/partners.rs";

/// The partner's name in its different forms.
struct Names<'name> {
    /// In settings, URLs and paths: `google_health`.
    name: &'name str,
    /// As a crate: `google-health`.
    dashed: String,
    /// As a type: `GoogleHealth`.
    r#type: String,
    /// As a title: `Google Health`.
    title: String,
}

impl<'name> Names<'name> {
    fn of(name: &'name str) -> Result<Self, String> {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let words: Vec<&str> = name.split('_').collect();
        let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase());
        if !begins || words.iter().any(|word| word.is_empty() || !word.chars().all(plain)) {
            return Err(format!(
                "{name:?} is no name of a partner: lower case letters and digits, words joined by \
                 one _, a letter first, such as google_health"
            ));
        }
        if name.len() > LONGEST_NAME {
            return Err(format!("{name:?} is too long: {LONGEST_NAME} letters at most"));
        }
        let words: Vec<String> = words.into_iter().map(capitalised).collect();
        let (r#type, title) = (words.concat(), words.join(" "));
        let names = Self { name, dashed: name.replace('_', "-"), r#type, title };
        if names.r#type == "Self" || has_word(LIB, &names.r#type) {
            let taken = &names.r#type;
            return Err(format!(
                "{name:?} cannot be used: its type would be {taken}, and the code has another of \
                 that name. Add a word, such as {name}_health"
            ));
        }
        Ok(names)
    }

    fn fill_in(&self, template: &str) -> String {
        template
            .replace("new-partner", &self.dashed)
            .replace("new_partner", self.name)
            .replace("NewPartner", &self.r#type)
            .replace("New Partner", &self.title)
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Whether the code, without comments, contains the word.
fn has_word(code: &str, word: &str) -> bool {
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut words = code.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric()));
    words.any(|other| other == word)
}

/// Writes the crate and registers it in the workspace of `root`.
pub(crate) fn create(root: &Path, name: &str) -> Result<(), String> {
    let names = Names::of(name)?;
    let folder = root.join("partners").join(name);
    if folder.exists() {
        return Err(format!("partners/{name} is there already; nothing was changed"));
    }
    // Everything that can fail is checked before anything is written.
    let registered = registered(root, &names)?;
    for (path, template) in FILES {
        write(&folder.join(path), &names.fill_in(template))?;
    }
    for (path, text) in registered {
        write(&path, &text)?;
    }
    println!("{}", names.fill_in(NEXT));
    Ok(())
}

const NEXT: &str = "\
New Partner is in partners/new_partner, and registered in Cargo.toml and src/partners.rs.
Next: cargo test -p partner-new-partner
says what is still to be written. partners/README.md walks through a real partner.";

/// The files that list all partners, with the new one added.
fn registered(root: &Path, names: &Names<'_>) -> Result<Vec<(PathBuf, String)>, String> {
    let Names { name, dashed, r#type, .. } = names;
    let manifest = with_line(
        &read(root, DEPENDENCIES)?,
        "[workspace.dependencies]",
        &format!("partner-{dashed} = {{ path = \"partners/{name}\" }}"),
    );
    let line = format!("partner-{dashed}.workspace = true");
    let manifest = manifest.and_then(|manifest| with_line(&manifest, "[dependencies]", &line));
    let manifest = manifest.map_err(|reason| format!("{DEPENDENCIES}: {reason}"))?;
    let line = format!("        Arc::new(partner_{name}::{type}),");
    let catalog = with_line(&read(root, CATALOG)?, "    vec![", &line);
    let catalog = catalog.map_err(|reason| format!("{CATALOG}: {reason}"))?;
    Ok(vec![(root.join(DEPENDENCIES), manifest), (root.join(CATALOG), catalog)])
}

/// Inserts `line` in alphabetical order among the other partners' lines below `heading`.
fn with_line(text: &str, heading: &str, line: &str) -> Result<String, String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let below = lines.iter().position(|it| *it == heading).map(|heading| heading + 1);
    let below = below.ok_or_else(|| format!("it has no line {:?}", heading.trim()))?;
    let section = lines.iter().skip(below).take_while(|it| !it.starts_with(['[', '}'])).count();
    let is_partner =
        |it: &str| it.trim_start().trim_start_matches("Arc::new(").starts_with("partner");
    let partners =
        (below..below + section).filter(|at| lines.get(*at).is_some_and(|it| is_partner(it)));
    let mut place = None;
    for at in partners {
        if lines.get(at).is_some_and(|other| *other > line) {
            place = Some(at);
            break;
        }
        place = Some(at + 1);
    }
    let place = place.ok_or_else(|| format!("it has no partner below {:?}", heading.trim()))?;
    lines.insert(place, line);
    Ok(lines.join("\n") + "\n")
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = parent.and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_each_place_wants_them() {
        let names = Names::of("google_fit2").unwrap();
        let text = "new_partner new-partner NewPartner New Partner";
        assert_eq!(names.fill_in(text), "google_fit2 google-fit2 GoogleFit2 Google Fit2");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_the_rule() {
        for name in
            ["", "Oura", "2fit", "my-fit", "_fit", "fit_", "my__fit", "../up", "möve", "a b"]
        {
            let reason = Names::of(name).err().unwrap();
            assert!(reason.contains("lower case letters and digits"), "{name}: {reason}");
        }
        assert!(Names::of(&"a".repeat(31)).err().unwrap().contains("too long"));
    }

    #[test]
    fn names_whose_type_the_code_has_already_are_refused() {
        for name in ["self", "page", "session", "value", "result", "o_auth2"] {
            let reason = Names::of(name).err().unwrap_or_default();
            assert!(reason.contains("another of that name"), "{name}: {reason}");
        }
    }

    #[test]
    fn lines_are_put_in_their_alphabetical_place() {
        let text = "[a]\npartner-x = 1\n\n[dependencies]\nlog = 1\npartner-b = 1\npartner-d = 1\nrand = 1\n";
        for (line, place) in [("partner-a = 1", 5), ("partner-c = 1", 6), ("partner-e = 1", 7)] {
            let with_line = with_line(text, "[dependencies]", line).unwrap();
            let lines: Vec<&str> = with_line.lines().collect();
            assert_eq!((lines.len(), lines[place]), (9, line), "{with_line}");
            assert!(with_line.ends_with("rand = 1\n"));
        }
        assert!(with_line(text, "[other]", "partner-a = 1").is_err());
        assert!(with_line("[dependencies]\nlog = 1\n", "[dependencies]", "partner-a = 1").is_err());
    }
}
