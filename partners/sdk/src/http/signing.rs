//! OAuth 1.0a signatures: what is signed, and where the result goes. The `oauth1-request` crate
//! computes the signature itself.

use std::borrow::Cow;
use std::num::NonZeroU64;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use oauth1_request::serializer::auth::{Authorizer, Options};
use oauth1_request::serializer::{Serializer, SerializerExt};
use oauth1_request::{Credentials, HMAC_SHA1};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use url::Url;

use super::AccessToken;
use crate::error::PartnerError;
use crate::manifest::Placement;

/// RFC 5849 §3.6: everything except letters, digits and these characters is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Parameters of the two token calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Protocol {
    pub(super) callback: Option<String>,
    pub(super) verifier: Option<secrecy::SecretString>,
}

/// Signs calls with these credentials at this time.
pub(super) struct Signer<'a> {
    pub(super) client: &'a super::Credentials,
    pub(super) token: Option<&'a AccessToken>,
    pub(super) protocol: &'a Protocol,
    pub(super) timestamp: u64,
    /// Random if `None`; set only where the signature must be predictable.
    pub(super) nonce: Option<&'a str>,
}

impl Signer<'_> {
    /// Signs a complete call and puts the protocol's parameters where the partner expects them.
    pub(super) fn sign(
        &self,
        placement: Placement,
        method: &str,
        url: &mut String,
        headers: &mut HeaderMap,
        body: Option<&Bytes>,
    ) -> Result<(), PartnerError> {
        let mut base = Url::parse(url).map_err(|_| bad("the address of the call is not valid"))?;
        let mut parameters: Vec<_> = base.query_pairs().map(encoded).collect();
        if is_form(headers) {
            let body = body.map(Bytes::as_ref).unwrap_or_default();
            parameters.extend(url::form_urlencoded::parse(body).map(encoded));
        }
        base.set_query(None);
        base.set_fragment(None);
        // RFC 5849 §3.4.1.3.2: sorted by encoded name, then by encoded value.
        parameters.sort_unstable();
        let header = self.header(method, base.as_str(), &parameters)?;
        match placement {
            Placement::Header => {
                let mut value = HeaderValue::from_str(&header)
                    .map_err(|_| bad("the signature of the call is not sendable"))?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            Placement::Query => {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(&as_query(&header));
            }
        }
        Ok(())
    }

    fn header(
        &self,
        method: &str,
        base: &str,
        parameters: &[(String, String)],
    ) -> Result<String, PartnerError> {
        let token = match self.token {
            None => None,
            Some(AccessToken { token, secret: Some(secret) }) => {
                Some(Credentials::new(token.expose_secret(), secret.expose_secret()))
            }
            Some(_) => {
                return Err(PartnerError::Unauthorized("the access token has no secret".into()));
            }
        };
        let client = Credentials::new(
            self.client.client_id.as_str(),
            self.client.client_secret.expose_secret(),
        );
        let mut options = Options::new();
        options
            .version(true)
            .nonce(self.nonce)
            .timestamp(NonZeroU64::new(self.timestamp.max(1)))
            .callback(self.protocol.callback.as_deref())
            .verifier(self.protocol.verifier.as_ref().map(ExposeSecret::expose_secret));
        let mut signing =
            Authorizer::authorization(method, base, client, token, &options, HMAC_SHA1);
        let after = parameters.partition_point(|(name, _)| name.as_str() < "oauth_");
        let (before, after) = parameters.split_at_checked(after).unwrap_or_default();
        for (name, value) in before {
            signing.serialize_parameter_encoded(&encode(name), value);
        }
        signing.serialize_oauth_parameters();
        for (name, value) in after {
            if name.starts_with("oauth_") {
                return Err(bad("a parameter of the call has a name of the protocol's own"));
            }
            signing.serialize_parameter_encoded(&encode(name), value);
        }
        Ok(signing.end())
    }
}

fn bad(what: &'static str) -> PartnerError {
    PartnerError::Malformed(what.into())
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn encoded((name, value): (Cow<'_, str>, Cow<'_, str>)) -> (String, String) {
    (encode(&name), encode(&value))
}

/// RFC 5849 §3.4.1.3.1: the body is signed only if it is a form.
fn is_form(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    declared.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// `OAuth a="1",b="2"` as `a=1&b=2`: both use the same encoding (RFC 5849 §3.5.1 and §3.5.3).
fn as_query(header: &str) -> String {
    header.trim_start_matches("OAuth ").replace("\",", "&").replace("=\"", "=").replace('"', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Credentials;

    /// Signs a call and returns the resulting URL and header.
    fn sign(
        [key, secret]: [&str; 2],
        [token, token_secret]: [&str; 2],
        stamp: (u64, &str),
        placement: Placement,
        (method, url, form): (&str, &str, Option<&'static str>),
    ) -> Result<(String, String), PartnerError> {
        let client = Credentials {
            client_id: key.into(),
            client_secret: secret.into(),
            service_account: None,
        };
        let token = AccessToken::signed(token.into(), token_secret.into());
        let signer = Signer {
            client: &client,
            token: Some(&token),
            protocol: &Protocol::default(),
            timestamp: stamp.0,
            nonce: Some(stamp.1),
        };
        let (mut url, mut headers) = (url.to_owned(), HeaderMap::new());
        if form.is_some() {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(CONTENT_TYPE, kind);
        }
        let body = form.map(Bytes::from);
        signer.sign(placement, method, &mut url, &mut headers, body.as_ref())?;
        let header = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        Ok((url, header.unwrap_or_default()))
    }

    /// The example of OAuth Core 1.0, appendix A.5, with its signature.
    fn photos(placement: Placement) -> (String, String) {
        let call = ("GET", PHOTOS, None);
        let stamp = (1_191_242_096, "kllo9940pd9333jh");
        let client = ["dpf43f3p2l4k3l03", "kd94hf93k423kf44"];
        sign(client, ["nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"], stamp, placement, call).unwrap()
    }

    const PHOTOS: &str = "http://photos.example.net/photos?file=vacation.jpg&size=original";

    #[test]
    fn the_example_of_the_standard_is_signed_as_the_standard_has_it() {
        let (url, header) = photos(Placement::Header);
        assert_eq!(url, PHOTOS);
        for part in [
            "OAuth oauth_consumer_key=\"dpf43f3p2l4k3l03\",oauth_nonce=\"kllo9940pd9333jh\"",
            "oauth_signature_method=\"HMAC-SHA1\",oauth_timestamp=\"1191242096\"",
            "oauth_token=\"nnch734d00sl2jdk\",oauth_version=\"1.0\"",
            "oauth_signature=\"tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D\"",
        ] {
            assert!(header.contains(part), "{header}");
        }
    }

    #[test]
    fn in_the_query_it_is_the_same_signature() {
        let (url, header) = photos(Placement::Query);
        assert_eq!(header, "");
        let query: Vec<_> = Url::parse(&url).unwrap().query_pairs().into_owned().collect();
        let names: Vec<_> = query.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 9, "{url}");
        assert_eq!(names[..3], ["file", "size", "oauth_consumer_key"]);
        let signature = ("oauth_signature".to_owned(), "tR3+Ty81lMeYAr/Fid0kMTYa/WM=".to_owned());
        assert_eq!(query.last(), Some(&signature));
    }

    /// The request of RFC 5849 §3.4.1.1, with `oauth_version`; another program computed the
    /// signature.
    #[test]
    fn parameters_of_the_form_and_odd_names_are_signed_too() {
        let call = (
            "POST",
            "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
            Some("c2&a3=2+q"),
        );
        let (_, header) = sign(
            ["9djdj82h48djs9d2", "j49sk3j29djd"],
            ["kkk9d7dh3k39sjv7", "dh893hdasih9"],
            (137_131_201, "7d8f3e4a"),
            Placement::Header,
            call,
        )
        .unwrap();
        assert!(
            header.ends_with("oauth_signature=\"OB33pYjWAnf%2BxtOHN4Gmbdil168%3D\""),
            "{header}"
        );
    }

    #[test]
    fn a_name_of_the_protocols_own_is_refused() {
        let call = ("GET", "https://api.example.net/a?oauth_token=x", None);
        let refused = sign(["a", "b"], ["c", "d"], (1, "e"), Placement::Header, call);
        assert!(matches!(refused, Err(PartnerError::Malformed(_))));
    }
}
