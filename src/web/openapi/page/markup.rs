//! Descriptions of the document, which are Markdown of the simplest kind, as HTML: paragraphs, lists of
//! one level, and `code`.

use std::fmt::Write as _;

/// The whole text.
pub(super) fn blocks(text: &str) -> String {
    let mut html = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let (text, list) = match block.find("\n- ") {
            Some(at) => block.split_at(at),
            None if block.starts_with("- ") => ("", block),
            None => (block, ""),
        };
        if !text.is_empty() {
            paragraph(&mut html, text);
        }
        let entries: Vec<_> = format!("\n{list}").split("\n- ").skip(1).map(line).collect();
        if !entries.is_empty() {
            let entries = entries.join("</li><li>");
            // Writing to a string cannot fail.
            _ = write!(html, "<ul class=\"words\"><li>{entries}</li></ul>");
        }
    }
    html
}

fn paragraph(html: &mut String, text: &str) {
    _ = write!(html, "<p>{}</p>", line(text));
}

/// A text without paragraphs.
pub(super) fn line(text: &str) -> String {
    let mut html = String::new();
    for (number, part) in text.split('`').enumerate() {
        let part = escape(part);
        if number % 2 == 0 {
            html.push_str(&part);
        } else {
            _ = write!(html, "<code>{part}</code>");
        }
    }
    html
}

/// A text as the content of an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_lists_and_code_are_shown_and_nothing_of_a_text_is_markup() {
        let text = "A list\nof `a < b`:\n- `x`: one\n- `y`: two\n\nThe end & \"more\".";
        let html = "<p>A list\nof <code>a &lt; b</code>:</p><ul class=\"words\">\
            <li><code>x</code>: one</li><li><code>y</code>: two</li></ul>\
            <p>The end &amp; &quot;more&quot;.</p>";
        assert_eq!(blocks(text), html);
        assert_eq!(blocks("<script>"), "<p>&lt;script&gt;</p>");
    }
}
