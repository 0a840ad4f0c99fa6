//! Where a browser goes at the end of a connect: to the `return_url` or, without one, to a page.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use url::Url;

use super::State;
use super::connects::ConnectAnswer;
use crate::installed::InstalledPartner;
use crate::model::ConnectEnd;

/// The answer to a callback.
pub(super) fn answer(
    state: &State,
    spec: &InstalledPartner,
    answer: ConnectAnswer,
) -> HttpResponse {
    let (title, app) = (spec.manifest().title, &state.server.app_name);
    let in_app = if app.is_empty() { "the app" } else { app };
    let page = match answer {
        ConnectAnswer::Ended(return_url, end) => {
            if let Some(url) = going_back(spec, return_url.as_deref(), Some(end)) {
                return HttpResponse::SeeOther()
                    .insert_header((header::LOCATION, url.to_string()))
                    .finish();
            }
            ended(title, in_app, end)
        }
        ConnectAnswer::Otherwise(return_url) => {
            Page { back: going_back(spec, return_url.as_deref(), None), ..expired(in_app) }
        }
        ConnectAnswer::Unknown => expired(in_app),
        ConnectAnswer::NotNow => Page {
            status: StatusCode::SERVICE_UNAVAILABLE,
            badge: Badge::Waits,
            heading: "Just a moment".into(),
            text: "We are busy starting. Please reload this page in half a minute.".into(),
            back: None,
        },
    };
    page.html(app)
}

/// The `return_url`, with how the connect ended. It was validated when the connect began.
fn going_back(
    spec: &InstalledPartner,
    return_url: Option<&str>,
    end: Option<ConnectEnd>,
) -> Option<Url> {
    let mut url = Url::parse(return_url?).ok()?;
    if let Some(end) = end {
        url.query_pairs_mut()
            .append_pair("status", end.status())
            .append_pair("partner", spec.name())
            .extend_pairs(end.reason().map(|reason| ("reason", reason)));
    }
    Some(url)
}

fn ended(title: &str, in_app: &str, end: ConnectEnd) -> Page {
    let again = format!("Please start again from {in_app}.");
    let (status, badge, heading, text) = match end {
        ConnectEnd::Connected => (
            StatusCode::OK,
            Badge::Done,
            format!("{title} is connected"),
            format!("Your data is on its way. You can close this page and go back to {in_app}."),
        ),
        ConnectEnd::Denied => (
            StatusCode::OK,
            Badge::NotDone,
            format!("{title} was not connected"),
            format!(
                "You did not grant access, so nothing was changed. You can close this page, or start again from {in_app}."
            ),
        ),
        ConnectEnd::LinkExpired => return expired(in_app),
        ConnectEnd::PartnerUnavailable => (
            StatusCode::BAD_GATEWAY,
            Badge::NotDone,
            format!("{title} could not be connected"),
            format!("{title} does not answer just now. Please try again in a while from {in_app}."),
        ),
        ConnectEnd::CodeRefused | ConnectEnd::PartnerRefused | ConnectEnd::Interrupted => (
            StatusCode::BAD_GATEWAY,
            Badge::NotDone,
            format!("{title} could not be connected"),
            format!("Something went wrong between {title} and us. {again}"),
        ),
    };
    Page { status, badge, heading, text, back: None }
}

fn expired(in_app: &str) -> Page {
    Page {
        status: StatusCode::BAD_REQUEST,
        badge: Badge::NotDone,
        heading: "This link does not work any more".into(),
        text: format!(
            "It was used already, or too much time has passed. Please start again from {in_app}."
        ),
        back: None,
    }
}

#[derive(Clone, Copy)]
enum Badge {
    Done,
    NotDone,
    Waits,
}

impl Badge {
    /// The class and the sign.
    fn html(self) -> (&'static str, &'static str) {
        match self {
            Self::Done => ("done", "\u{2713}"),
            Self::NotDone => ("not-done", "!"),
            Self::Waits => ("waits", "\u{2026}"),
        }
    }
}

/// A page for the user at the browser.
struct Page {
    status: StatusCode,
    badge: Badge,
    heading: String,
    text: String,
    /// Where a button leads.
    back: Option<Url>,
}

impl Page {
    fn html(&self, app: &str) -> HttpResponse {
        let (class, sign) = self.badge.html();
        let name = if app.is_empty() { "the app" } else { app };
        let back = self.back.as_ref().map(|url| {
            format!(
                "<p><a class=\"back\" href=\"{}\">Back to {}</a></p>\n",
                escape(url.as_str()),
                escape(name)
            )
        });
        let app = match app {
            "" => String::new(),
            name => format!("<p class=\"app\">{}</p>\n", escape(name)),
        };
        let html = include_str!("ending.html")
            .replace("{{class}}", class)
            .replace("{{sign}}", sign)
            .replace("{{back}}", &back.unwrap_or_default())
            .replace("{{app}}", &app)
            .replace("{{title}}", &escape(&self.heading))
            .replace("{{text}}", &escape(&self.text));
        HttpResponse::build(self.status)
            .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header((
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            ))
            .body(html)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
