//! `[connect]`

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Colour, Logo, Mistake, Settings};

/// How the connect page looks, and which pages may embed it. Its name is `server.app_name`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Connect {
    /// The colour of its main button, `#rrggbb`. Used only if white text on it can be read (4.5:1).
    /// Default: a blue.
    pub colour: Option<String>,
    /// A PNG, JPEG, WebP or SVG file, read at the start. Default: none.
    pub logo: Option<PathBuf>,
    /// Where users read what happens with their data. Default: none.
    pub privacy_url: Option<String>,
    /// The origins (`https://app.example.com`) of pages that may embed it. Default: none.
    #[serde(deserialize_with = "super::list::deserialize")]
    pub allowed_origins: Vec<String>,
    /// Whether every connect must be confirmed by the host app (`confirm`). Default: no.
    pub require_confirm: bool,
}

impl Settings {
    pub(super) fn check_connect(&self, found: &mut Vec<Mistake>) {
        let connect = &self.connect;
        if let Some(colour) = &connect.colour
            && Colour::parse(colour).is_none()
        {
            let text = format!("connect.colour = \"{colour}\": write it as #rrggbb, e.g. #2552c4");
            found.push(self.mistake("connect.colour", text));
        }
        if let Some(Err(why)) = connect.logo.as_deref().map(Logo::read) {
            found.push(self.mistake("connect.logo", format!("connect.logo: {why}")));
        }
        if let Some(url) = &connect.privacy_url {
            let parsed = Url::parse(url).ok();
            if !parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
                let text = format!(
                    "connect.privacy_url = \"{url}\": write a whole address, e.g. \
                     https://app.example.com/privacy"
                );
                found.push(self.mistake("connect.privacy_url", text));
            }
        }
        for origin in &connect.allowed_origins {
            let parsed = Url::parse(origin).ok().map(|url| url.origin().ascii_serialization());
            if parsed.as_ref() != Some(origin) {
                let text = format!(
                    "connect.allowed_origins has \"{origin}\": write it as browsers send it, with its \
                     scheme and without a path, e.g. https://app.example.com"
                );
                found.push(self.mistake("connect.allowed_origins", text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_names_its_key_and_what_mends_it() {
        let with = |change: &dyn Fn(&mut Connect)| {
            let mut settings = Settings::default();
            change(&mut settings.connect);
            let mut found = Vec::new();
            settings.check_connect(&mut found);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(with(&|_| ()), Vec::<String>::new());
        let good = with(&|it| {
            it.colour = Some("#0b7676".into());
            it.privacy_url = Some("https://app.example.com/privacy".into());
            it.allowed_origins = vec!["https://app.example.com".into()];
        });
        assert_eq!(good, Vec::<String>::new());
        type Change<'a> = &'a dyn Fn(&mut Connect);
        let changes: [(&str, &str, Change<'_>); 6] = [
            ("connect.colour", "#rrggbb", &|it| it.colour = Some("teal".into())),
            ("connect.logo", "none.png", &|it| it.logo = Some("none.png".into())),
            ("connect.privacy_url", "whole address", &|it| {
                it.privacy_url = Some("/privacy".into())
            }),
            ("connect.privacy_url", "whole address", &|it| {
                it.privacy_url = Some("javascript:alert(1)".into());
            }),
            ("connect.allowed_origins", "without a path", &|it| {
                it.allowed_origins = vec!["https://app.example.com/".into()];
            }),
            ("connect.allowed_origins", "without a path", &|it| {
                it.allowed_origins = vec!["*".into()]
            }),
        ];
        for (key, mends, change) in changes {
            let found = with(change);
            assert_eq!(found.len(), 1, "{key}: {found:?}");
            assert!(found[0].contains(key) && found[0].contains(mends), "{found:?}");
        }
    }
}
