//! The changelog at a release, in the format of Keep a Changelog.

const UNRELEASED: &str = "## [Unreleased]";

/// The changelog with what was unreleased under this version.
pub(super) fn released(text: &str, version: &str, today: &str) -> Result<String, String> {
    let (head, rest) = text
        .split_once(UNRELEASED)
        .ok_or_else(|| format!("CHANGELOG.md has no heading `{UNRELEASED}`"))?;
    let changes = rest.split("\n## ").next().unwrap_or_default();
    if !changes.lines().any(|line| line.starts_with("- ")) {
        return Err("CHANGELOG.md says nothing that is not released".to_owned());
    }
    Ok(format!("{head}{UNRELEASED}\n\n## [{version}] - {today}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unreleased_gets_its_version_and_day() {
        let text = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- It syncs.\n\n## [0.1.0] - 2026-01-02\n";
        let released = released(text, "0.2.0", "2026-12-01").unwrap_or_default();
        let expected = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n\
                        - It syncs.\n\n## [0.1.0] - 2026-01-02\n";
        assert_eq!(released, expected);
    }

    #[test]
    fn nothing_new_is_no_release() {
        for text in ["# Changelog\n", "## [Unreleased]\n\n## [0.1.0] - 2026-01-02\n\n- It syncs.\n"]
        {
            assert!(released(text, "0.2.0", "2026-12-01").is_err(), "{text}");
        }
    }
}
