//! Which scopes the user granted, and which kinds that excludes.

use partner_sdk::{Kind, Manifest};

use crate::model::Direction;

/// The kinds that need a scope which the user did not grant, each with the reason. `granted` is the
/// partner's list, separated by spaces (RFC 6749 §3.3) or commas.
pub fn not_granted(manifest: &Manifest, granted: &str) -> Vec<(Direction, Vec<Kind>, String)> {
    let granted: Vec<&str> = granted.split([' ', ',']).filter(|scope| !scope.is_empty()).collect();
    let is_granted =
        |needed: &[&str]| needed.is_empty() || needed.iter().any(|scope| granted.contains(scope));
    let reason = |needed: &[&str], what: &str| {
        let title = manifest.title;
        format!("the user has not granted {title}'s right to {what} ({})", needed.join(" or "))
    };
    let mut out = Vec::new();
    for feed in manifest.feeds.iter().filter(|feed| !is_granted(feed.scopes)) {
        // Another feed may also bring the kind.
        let elsewhere = |kind: &&Kind| {
            manifest
                .feeds
                .iter()
                .any(|other| other.kinds.contains(kind) && is_granted(other.scopes))
        };
        let kinds: Vec<Kind> = feed.kinds.iter().filter(|kind| !elsewhere(kind)).copied().collect();
        out.push((Direction::Poll, kinds, reason(feed.scopes, "read it")));
    }
    for writable in manifest.push.iter().filter(|writable| !is_granted(writable.scopes)) {
        let why = reason(writable.scopes, "write it");
        out.push((Direction::Push, writable.kinds.to_vec(), why));
    }
    out
}
