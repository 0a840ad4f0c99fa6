//! The page that a browser shows at the end of a connect without a `return_url`.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};

/// How a connect ended, for the user at the browser.
pub(super) struct Ending<'a> {
    pub(super) status: StatusCode,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
}

impl Ending<'_> {
    pub(super) fn page(&self) -> HttpResponse {
        let template = include_str!("ending.html");
        let html = template
            .replace("{{title}}", &escape(self.title))
            .replace("{{text}}", &escape(self.text));
        HttpResponse::build(self.status)
            .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header((
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
            ))
            .body(html)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
