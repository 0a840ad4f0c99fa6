//! The pages users see: self-contained, without scripts.

use crate::call::Answer;
use crate::partner::Consent;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6676;--line:#d5dbe3;--card:#fff;--ground:#eef2f6;--accent:#0b6b5d}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#a3afbd;--line:#394452;--card:#1b222b;--ground:#11161c;--accent:#4fc3b0}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif}
main{width:100%;max-width:27rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.5rem}
.tag{display:inline-block;border:1px solid var(--line);border-radius:1rem;padding:0 .6rem;font-size:.8rem;color:var(--soft)}
h1{font-size:1.35rem;line-height:1.3;margin:.6rem 0 .8rem}
ul{margin:.3rem 0 1.2rem;padding-left:1.2rem}
fieldset{border:1px solid var(--line);border-radius:.5rem;margin:0 0 1rem;padding:.4rem .9rem .9rem}
legend{padding:0 .3rem;font-weight:600}
label.row{display:flex;align-items:center;gap:.6rem;min-height:2.5rem}
div.asks{margin:.3rem 0 1.2rem}
label small{margin-left:auto;color:var(--soft)}
label.field{display:block;margin-top:.6rem}
input[type=text]{width:100%;font:inherit;padding:.55rem .6rem;border:1px solid var(--line);border-radius:.4rem;
background:transparent;color:inherit}
input[type=radio],input[type=checkbox]{accent-color:var(--accent);flex:none;width:1.1rem;height:1.1rem}
.buttons{display:flex;gap:.75rem}
button{flex:1;font:inherit;font-weight:600;min-height:2.75rem;border-radius:.5rem;border:1px solid var(--line);
background:transparent;color:inherit;cursor:pointer}
button.allow{background:var(--accent);border-color:var(--accent);color:var(--card)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
main.wide{max-width:64rem}
table{width:100%;border-collapse:collapse;margin:0 0 1.2rem;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}
td.number,th.number{text-align:right}
code{font-size:.85rem;overflow-wrap:anywhere}
a{color:var(--accent)}
p.note{color:var(--soft);font-size:.85rem;margin:1rem 0 0}
";

/// Asks the user for a decision. The form posts to the page's own address.
pub(crate) fn consent(
    partner: &str,
    app: &str,
    consent: &Consent,
    ticked: bool,
    accounts: &[(&str, &str)],
) -> Answer {
    let permissions = if ticked { boxes(consent) } else { list(consent) };
    let choices: String = accounts
        .iter()
        .enumerate()
        .map(|(place, (name, zone))| {
            format!(
                "<label class=\"row\"><input type=\"radio\" name=\"account\" value=\"{name}\"{checked}> {name} \
                 <small>{zone}</small></label>",
                name = escape(name),
                zone = escape(zone),
                checked = if place == 0 { " checked" } else { "" },
            )
        })
        .collect();
    let body = format!(
        "<span class=\"tag\">Simulated partner</span>\
         <h1>Allow <strong>{app}</strong> to use your {partner} data?</h1>\
         <form method=\"post\"><p id=\"asks\">The application asks for permission to:</p>{permissions}\
         <fieldset><legend>Your account</legend>{choices}\
         <label class=\"field\">Or another account name\
         <input type=\"text\" name=\"account\" maxlength=\"100\" autocomplete=\"off\" autocapitalize=\"none\" \
         spellcheck=\"false\"></label></fieldset>\
         <div class=\"buttons\"><button class=\"allow\" name=\"decision\" value=\"allow\">Allow</button>\
         <button name=\"decision\" value=\"deny\">Deny</button></div></form>\
         <p class=\"note\">Everything here is made up: no password, no real person. A name that is new becomes a new \
         account with a made-up history.</p>",
        app = escape(app),
        partner = escape(partner),
    );
    page(200, &format!("Allow access – {partner} (simulated)"), &body)
}

fn list(consent: &Consent) -> String {
    let lines = consent.permissions.iter().map(|words| format!("<li>{}</li>", escape(words)));
    format!("<ul aria-labelledby=\"asks\">{}</ul>", lines.collect::<String>())
}

/// One box for each scope, all ticked initially.
fn boxes(consent: &Consent) -> String {
    let lines = consent.scopes.iter().zip(&consent.permissions).map(|(scope, words)| {
        format!(
            "<label class=\"row\"><input type=\"checkbox\" name=\"scope\" value=\"{scope}\" checked> {words}</label>",
            scope = escape(scope),
            words = escape(words),
        )
    });
    format!(
        "<div class=\"asks\" role=\"group\" aria-labelledby=\"asks\">\
         <input type=\"hidden\" name=\"ticked\" value=\"yes\">{}</div>",
        lines.collect::<String>()
    )
}

/// Shows the user why there is nothing to decide. No redirect: the address itself cannot be
/// trusted.
pub(crate) fn refusal(partner: &str, reason: &str) -> Answer {
    let body = format!(
        "<span class=\"tag\">Simulated partner</span><h1>This request was refused</h1><p role=\"alert\">{}</p>\
         <p class=\"note\">Go back to the application and try again.</p>",
        escape(reason),
    );
    page(400, &format!("Request refused – {partner} (simulated)"), &body)
}

/// What a partner's gateway shows while the service behind it is down.
pub(crate) fn outage() -> Answer {
    page(
        200,
        "Maintenance",
        "<h1>We will be back soon</h1><p>The service is not available at the moment.</p>",
    )
}

fn page(status: u16, title: &str, body: &str) -> Answer {
    document(status, title, "", body)
}

/// A page with tables.
pub(crate) fn wide(title: &str, body: &str) -> Answer {
    document(200, title, " class=\"wide\"", body)
}

fn document(status: u16, title: &str, class: &str, body: &str) -> Answer {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><link rel=\"icon\" href=\"data:,\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{}</title>\
         <style>{STYLE}</style></head><body><main{class}>{body}</main></body></html>",
        escape(title),
    );
    Answer::new(status, "text/html; charset=utf-8", html)
        .with_header("Cache-Control", "no-store".to_owned())
}

pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let asked = Consent {
            scopes: Vec::new(),
            permissions: vec!["See"],
            redirect_uri: String::new(),
            state: None,
        };
        let answer = consent("P", "<app>", &asked, false, &[("\"><script>", "UTC")]);
        let html = String::from_utf8(answer.body).unwrap();
        assert!(!html.contains("<script>") && !html.contains("<app>"));
        assert!(html.contains("&lt;app&gt;"));
    }

    #[test]
    fn scopes_that_can_be_unticked_have_boxes() {
        let asked = Consent {
            scopes: vec!["a:read".to_owned(), "a:write".to_owned()],
            permissions: vec!["See", "Change"],
            redirect_uri: String::new(),
            state: None,
        };
        let boxes = |ticked| {
            let html = String::from_utf8(consent("P", "app", &asked, ticked, &[]).body).unwrap();
            html.matches("name=\"scope\"").count()
        };
        assert_eq!((boxes(true), boxes(false)), (2, 0));
    }
}
