//! What the pages for end users have of the host app: its name, colour and logo, and who may embed them.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use crate::settings::{Colour, Logo, Settings};
use crate::web::State;

pub(super) const COLOUR_ADDRESS: &str = "/connect/brand/colour.css";
pub(super) const LOGO_ADDRESS: &str = "/connect/brand/logo";

/// How long a browser keeps colour and logo: a restart may change them.
const KEPT: &str = "max-age=300";

/// Of a logo that is opened as a page by itself: an SVG may hold scripts.
const LOGO_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The brand, made at the start.
#[derive(Clone, Debug)]
pub struct Brand(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    app_name: String,
    colour: Option<Colour>,
    logo: Option<Logo>,
    privacy_url: Option<String>,
    /// The value of `frame-ancestors`.
    embedders: String,
    /// Whether cookies go by https only.
    is_https: bool,
}

impl Brand {
    /// The brand of the settings, which were checked.
    pub fn new(settings: &Settings) -> Self {
        let connect = &settings.connect;
        let colour = connect.colour.as_deref().and_then(Colour::parse);
        if let Some(colour) = colour.filter(|colour| !colour.carries_white()) {
            tracing::warn!(
                %colour,
                "connect.colour is not used: white text on it could not be read; choose a darker one"
            );
        }
        let logo = connect.logo.as_deref().and_then(|path| Logo::read(path).ok());
        let embedders = match connect.allowed_origins.as_slice() {
            [] => "'none'".to_owned(),
            origins => origins.join(" "),
        };
        Self(Arc::new(Parts {
            app_name: settings.server.app_name.clone(),
            colour: colour.filter(|colour| colour.carries_white()),
            logo,
            privacy_url: connect.privacy_url.clone(),
            embedders,
            is_https: settings.server.public_url.starts_with("https://"),
        }))
    }

    /// The app's name; may be empty.
    pub(in crate::web) fn app_name(&self) -> &str {
        &self.0.app_name
    }

    /// Where the colour is, if there is one.
    pub(super) fn colour_address(&self) -> Option<&'static str> {
        self.0.colour.map(|_| COLOUR_ADDRESS)
    }

    /// Where the logo is, if there is one.
    pub(super) fn logo_address(&self) -> Option<&'static str> {
        self.0.logo.as_ref().map(|_| LOGO_ADDRESS)
    }

    /// Where users read what happens with their data.
    pub(super) fn privacy_url(&self) -> Option<String> {
        self.0.privacy_url.clone()
    }

    /// Which pages may embed ours, for `frame-ancestors`.
    pub(super) fn embedders(&self) -> &str {
        &self.0.embedders
    }

    /// Whether any may.
    pub(super) fn is_embeddable(&self) -> bool {
        self.0.embedders != "'none'"
    }

    /// Whether browsers come by https.
    pub(super) fn is_https(&self) -> bool {
        self.0.is_https
    }
}

/// Serves the colour as a style.
pub(super) async fn colour(state: web::Data<State>) -> Option<HttpResponse> {
    let colour = state.brand.0.colour?;
    let style = format!(":root {{ --accent-fill: {colour}; --brand: {colour}; }}\n");
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/css; charset=utf-8"));
    answer.insert_header((CACHE_CONTROL, KEPT));
    Some(answer.body(style))
}

/// Serves the logo.
pub(super) async fn logo(state: web::Data<State>) -> Option<HttpResponse> {
    let logo = state.brand.0.logo.as_ref()?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, logo.media_type));
    answer.insert_header((CONTENT_SECURITY_POLICY, LOGO_POLICY));
    answer.insert_header((CACHE_CONTROL, KEPT));
    Some(answer.body(logo.bytes.clone()))
}
