//! Style and scripts of the pages, inside the binary. No page loads anything from elsewhere.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

/// Defines the assets and their addresses. The version is in the address, so that a browser keeps each
/// until the next version.
macro_rules! assets {
    ($($name:ident, $file:literal, $kind:literal;)*) => {
        $(
            #[doc = concat!("The address of `", $file, "`.")]
            pub(in crate::web) const $name: &str =
                concat!("/assets/", env!("CARGO_PKG_VERSION"), "/", $file);
        )*

        const ALL: &[(&str, &str, &str)] =
            &[$(($file, $kind, include_str!(concat!("assets/", $file))),)*];
    };
}

assets! {
    STYLE, "style.css", "text/css; charset=utf-8";
    APP, "app.js", "text/javascript; charset=utf-8";
    REFERENCE, "reference.css", "text/css; charset=utf-8";
    LIVE, "live.js", "text/javascript; charset=utf-8";
    FRAMED, "framed.js", "text/javascript; charset=utf-8";
}

/// How long a browser keeps an asset: while a version is developed, it changes under its address.
const KEPT: &str =
    if cfg!(debug_assertions) { "no-cache" } else { "public, max-age=31536000, immutable" };

/// The addresses of all assets.
pub(super) const ADDRESS: &str = "/assets/{version}/{file}";

/// Serves an asset.
pub(super) async fn serve(path: web::Path<(String, String)>) -> Option<HttpResponse> {
    let (_, file) = path.into_inner();
    let (_, kind, content) = ALL.iter().find(|(name, ..)| *name == file)?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, *kind)).insert_header((CACHE_CONTROL, KEPT));
    Some(answer.body(*content))
}
