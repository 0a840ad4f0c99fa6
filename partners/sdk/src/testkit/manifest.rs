//! Cases of the manifest.

use super::report::Report;
use crate::{Auth, Manifest, Update};

const SUBJECT: &str = "manifest";

/// The host of a new partner's URLs (`cargo xtask new-partner`); reserved by RFC 2606.
const PLACEHOLDER: &str = "example.com";

pub(super) fn run(manifest: &Manifest, report: &mut Report) {
    let word = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(plain)
    };
    let all_named = word(manifest.name) && manifest.feeds.iter().all(|feed| word(feed.name));
    check(report, "names are of lower case letters, digits and _", all_named);

    let urls = addresses(manifest);
    check(report, "addresses are https and end without a slash", {
        urls.iter().all(|(_, url)| url.starts_with("https://") && !url.ends_with('/'))
    });
    let placeholders = urls.iter().filter(|(_, url)| url.contains(PLACEHOLDER));
    let placeholders: Vec<&str> = placeholders.map(|(field, _)| *field).collect();
    let outcome = match placeholders.as_slice() {
        [] => Ok(()),
        fields => Err(format!("still placeholders: {}", fields.join(", "))),
    };
    report.case(SUBJECT, "addresses are the partner's own", outcome);

    let unique = manifest.feeds.iter().enumerate().all(|(index, feed)| {
        !manifest.feeds.iter().skip(index + 1).any(|other| other.name == feed.name)
    });
    check(report, "each feed has a name of its own", unique);
    let with_kinds = manifest.feeds.iter().all(|feed| !feed.kinds.is_empty());
    check(report, "each feed has a kind", with_kinds && !manifest.feeds.is_empty());
    check(report, "there is a limit and none is zero", {
        let usable = |limit: &crate::Limit| limit.calls > 0 && !limit.per.is_zero();
        !manifest.limits.is_empty() && manifest.limits.iter().all(usable)
    });
    let kinds = manifest.push_kinds();
    check(report, "each kind is pushed at most once", {
        let again = |(index, kind)| kinds.iter().skip(index + 1).any(|other| other == kind);
        !kinds.iter().enumerate().any(again)
    });
    check(report, "what is pushed has a kind, and goes at least one at a time", {
        manifest.push.iter().all(|writable| !writable.kinds.is_empty() && writable.batch > 0)
    });
    let replaces = |writable: &crate::Writable| writable.update == Update::Replace;
    check(report, "what is replaced can be deleted", {
        manifest.push.iter().all(|writable| writable.delete || !replaces(writable))
    });
    check(report, "retry_wait and backfill are not zero", {
        !manifest.retry_wait.is_zero() && !manifest.backfill.is_zero()
    });
}

/// The URLs, each with the name of its field.
fn addresses(manifest: &Manifest) -> Vec<(&'static str, &'static str)> {
    let mut urls = match manifest.auth {
        Auth::OAuth2(oauth) => {
            let revoke = oauth.revoke_url.map(|url| ("revoke_url", url));
            let urls = [("authorize_url", oauth.authorize_url), ("token_url", oauth.token_url)];
            urls.into_iter().chain(revoke).collect::<Vec<_>>()
        }
        Auth::OAuth1(oauth) => vec![
            ("request_token_url", oauth.request_token_url),
            ("authorize_url", oauth.authorize_url),
            ("token_url", oauth.token_url),
        ],
    };
    urls.push(("api_url", manifest.api_url));
    urls
}

fn check(report: &mut Report, case: &str, holds: bool) {
    let outcome = if holds { Ok(()) } else { Err("it does not hold".to_owned()) };
    report.case(SUBJECT, case, outcome);
}
