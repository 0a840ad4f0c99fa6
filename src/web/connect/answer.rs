//! Pages for end users as answers: what surrounds each, its headers, and the page that says one thing.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::brand::Brand;
use super::languages::{self, Texts};
use super::words::Words;
use crate::web::pages::assets;

/// What surrounds every page: language and brand.
#[derive(Debug)]
pub(in crate::web) struct Shell {
    pub(in crate::web) words: Words,
    /// The app's name; may be empty.
    pub(super) app: String,
    pub(super) initial: String,
    pub(super) colour: Option<&'static str>,
    pub(super) logo: Option<&'static str>,
    /// Whether another page shows this one in a frame.
    pub(super) is_framed: bool,
    /// The value of `frame-ancestors`.
    embedders: String,
}

impl Shell {
    /// The shell of a page in the language with this code, if it is one, else in the browser's.
    pub(in crate::web) fn new(
        brand: &Brand,
        request: &HttpRequest,
        language: Option<&str>,
    ) -> Self {
        let app = brand.app_name().to_owned();
        let texts = language.and_then(languages::of_code).unwrap_or_else(|| accepted(request));
        let into = request.headers().get("sec-fetch-dest").and_then(|it| it.to_str().ok());
        Self {
            words: Words::new(texts, &app),
            initial: app.chars().take(1).flat_map(char::to_uppercase).collect(),
            app,
            colour: brand.colour_address(),
            logo: brand.logo_address(),
            is_framed: into.is_some_and(|into| ["iframe", "frame"].contains(&into)),
            embedders: brand.embedders().to_owned(),
        }
    }

    pub(in crate::web) fn texts(&self) -> &'static Texts {
        self.words.texts
    }

    /// The text with the app's name in it.
    pub(in crate::web) fn say(&self, text: &str) -> String {
        self.words.say(text, &[])
    }

    /// The title of the window: that of the page, and the app's name.
    pub(super) fn title(&self, of_page: &str) -> String {
        match self.app.as_str() {
            "" => of_page.to_owned(),
            app => format!("{of_page} – {app}"),
        }
    }

    /// The answer with a page in this shell.
    pub(super) fn answer(&self, status: StatusCode, page: &impl Template) -> HttpResponse {
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {}",
            self.embedders
        );
        match page.render() {
            Ok(html) => HttpResponse::build(status)
                .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
                .insert_header((REFERRER_POLICY, "no-referrer"))
                .insert_header((CONTENT_SECURITY_POLICY, policy))
                .body(html),
            Err(error) => {
                tracing::error!(%error, "a page could not be rendered");
                HttpResponse::InternalServerError().finish()
            }
        }
    }
}

fn accepted(request: &HttpRequest) -> &'static Texts {
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok());
    languages::preferred(header.unwrap_or_default())
}

/// How something ended, as a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Seal {
    Done,
    Nothing,
    Warning,
}

/// Where a page leads.
#[derive(Debug)]
pub(in crate::web) struct Way {
    pub(in crate::web) address: String,
    pub(in crate::web) label: String,
}

/// A form that does what its button says.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) address: String,
    pub(super) form_token: String,
    pub(super) language: String,
    pub(super) label: String,
}

/// A page that says one thing.
#[derive(Debug)]
pub(in crate::web) struct Outcome {
    pub(in crate::web) status: StatusCode,
    pub(in crate::web) seal: Seal,
    pub(in crate::web) heading: String,
    pub(in crate::web) text: String,
    /// What it leads to, most useful first.
    pub(in crate::web) ways: Vec<Way>,
    /// What it asks whether to do.
    pub(super) act: Option<Act>,
    /// A sentence at its foot; may be empty.
    pub(in crate::web) foot: String,
}

impl Outcome {
    pub(in crate::web) fn new(
        status: StatusCode,
        seal: Seal,
        heading: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        let (heading, text) = (heading.into(), text.into());
        Self { status, seal, heading, text, ways: Vec::new(), act: None, foot: String::new() }
    }

    /// The same, leading to a place if there is one.
    pub(in crate::web) fn leading(mut self, address: Option<String>, label: &str) -> Self {
        let way = address.map(|address| Way { address, label: label.to_owned() });
        self.ways.extend(way);
        self
    }

    pub(in crate::web) fn answer(&self, shell: &Shell) -> HttpResponse {
        let page = OutcomePage { shell, title: shell.title(&self.heading), outcome: self };
        let mut answer = shell.answer(self.status, &page);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer
                .headers_mut()
                .insert(RETRY_AFTER, actix_web::http::header::HeaderValue::from(30));
        }
        answer
    }
}

#[derive(Template)]
#[template(path = "outcome.html")]
struct OutcomePage<'a> {
    shell: &'a Shell,
    title: String,
    outcome: &'a Outcome,
}
