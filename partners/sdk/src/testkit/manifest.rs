//! Cases of the manifest.

use super::report::Report;
use crate::{Auth, Manifest, Update};

const SUBJECT: &str = "manifest";

pub(super) fn run(manifest: &Manifest, report: &mut Report) {
    let word = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(plain)
    };
    let all_named = word(manifest.name) && manifest.feeds.iter().all(|feed| word(feed.name));
    check(report, "names are of lower case letters, digits and _", all_named);

    let urls = match manifest.auth {
        Auth::OAuth2(oauth) => [Some(oauth.authorize_url), Some(oauth.token_url), oauth.revoke_url],
        Auth::OAuth1(oauth) => {
            [oauth.request_token_url, oauth.authorize_url, oauth.token_url].map(Some)
        }
    };
    let mut urls = urls.into_iter().flatten().chain([manifest.api_url]);
    check(report, "addresses are https and end without a slash", {
        urls.all(|url| url.starts_with("https://") && !url.ends_with('/'))
    });

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

fn check(report: &mut Report, case: &str, holds: bool) {
    let outcome = if holds { Ok(()) } else { Err("it does not hold".to_owned()) };
    report.case(SUBJECT, case, outcome);
}
