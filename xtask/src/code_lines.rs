//! Counts lines of Rust code, without blank lines, comments and tests.

use std::fs;
use std::io;
use std::path::Path;

/// Counts the lines of code of all Rust files in a folder.
pub(crate) fn of_folder(folder: &Path) -> io::Result<usize> {
    let mut lines = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            lines += of_folder(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            lines += of_text(&fs::read_to_string(&path)?);
        }
    }
    Ok(lines)
}

/// Counts the lines of code of one file, which must be formatted by rustfmt.
pub(crate) fn of_text(text: &str) -> usize {
    let mut lines = 0;
    let mut in_comment = false;
    // The indent of the current test item, from its attribute to the line that ends the item.
    let mut test: Option<String> = None;
    for line in text.lines() {
        let code = line.trim();
        if in_comment {
            in_comment = !code.contains("*/");
        } else if let Some(indent) = &test {
            let rest = line.strip_prefix(indent.as_str()).unwrap_or_default();
            if rest.starts_with('}')
                || (!rest.starts_with([' ', '#']) && rest.ends_with([';', '}']))
            {
                test = None;
            }
        } else if code.starts_with("/*") {
            in_comment = !code.contains("*/");
        } else if code == "#[cfg(test)]" {
            test = Some(line.chars().take_while(|letter| *letter == ' ').collect());
        } else if !code.is_empty() && !code.starts_with("//") {
            lines += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::of_text;

    #[test]
    fn blank_lines_comments_and_tests_do_not_count() {
        let text = "//! A file.\n\nuse a::b; // one\n\n/// Says.\n#[derive(Debug)] // two\nstruct X {\n    \
            // not this\n    y: u8, // four\n} // five\n\n/* not\n   this\n*/\n#[cfg(test)]\nuse c::d;\n\n\
            #[cfg(test)]\nmod tests {\n    fn z() {\n        let q = 1;\n    }\n}\n\nfn last() {} // six\n";
        assert_eq!(of_text(text), 6);
    }

    #[test]
    fn a_test_item_within_an_item_does_not_hide_what_follows() {
        let text =
            "impl X {\n    #[cfg(test)]\n    fn a() {\n        b();\n    }\n\n    fn c() {}\n}\n";
        assert_eq!(of_text(text), 3);
    }

    #[test]
    fn a_module_of_tests_in_another_file_is_one_line() {
        assert_eq!(of_text("#[cfg(test)]\nmod tests;\n\nfn a() {}\n"), 1);
    }
}
