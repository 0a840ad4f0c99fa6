//! Administrators sign in by name and password.

use std::time::Duration;

use reqwest::StatusCode;
use syncwell::clock::{Clock, SystemClock};
use totp_rs::Totp;

use super::{PASSWORD, done, page_addresses, run, sign_in};
use crate::harness::{Daemon, MOVED_CLOCK, Pages, sandbox};

async fn is_signed_in(pages: &Pages) -> bool {
    pages.get("/admin/settings").await.0 == StatusCode::OK
}

/// The code that an app shows now.
pub(super) fn code(address: &str) -> String {
    let now = u64::try_from(SystemClock::new().now().timestamp()).unwrap();
    Totp::from_url(address).unwrap().generate(now).to_string()
}

#[tokio::test]
async fn people_have_names_passwords_and_codes_that_work_once() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let by_key = daemon.sign_in().await;
    for (name, password) in [
        ("ann", "too short"),
        ("ann", "Password1234!"),
        ("ann", "i am ann herself"),
        ("Ann Lee", PASSWORD),
    ] {
        let refused = run(&daemon, &["admin", "create", name], &format!("{password}\n"));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{password}: {said}");
        assert!(!said.contains(password), "{said}");
    }
    assert!(is_signed_in(&by_key).await);
    done(&daemon, &["admin", "create", "Ann"], &format!("{PASSWORD}\n"));
    assert_eq!(run(&daemon, &["admin", "create", "ann"], PASSWORD).status.code(), Some(1));
    // From now on keys do not open the pages.
    assert!(!is_signed_in(&by_key).await);
    let with_key = daemon.sign_in_with(&[("key", &daemon.admin.key), ("next", "/admin")]).await;
    assert_eq!(with_key.err().unwrap().0, 403);
    let (status, no_such) = sign_in(&daemon, "bob", PASSWORD, "").await.err().unwrap();
    let (_, no_password) = sign_in(&daemon, "ann", "five lamps in a row", "").await.err().unwrap();
    assert_eq!((status, no_such.replace("bob", "ann")), (403, no_password), "tells who exists");

    let one = sign_in(&daemon, " ANN ", PASSWORD, "").await.unwrap();
    let other = sign_in(&daemon, "ann", PASSWORD, "").await.unwrap();
    assert!(is_signed_in(&one).await && is_signed_in(&other).await && one.cookie != other.cookie);
    let html = one.page("/admin/keys").await;
    assert!(html.contains("Signed in by ann") && html.contains("sign-ins were wrong"), "{html}");
    let left = one.send("/admin/sign-out", &[]).await;
    assert_eq!((left.0, left.1.as_str()), (StatusCode::SEE_OTHER, "/admin/sign-in"));
    assert!(!is_signed_in(&one).await && is_signed_in(&other).await);
    let one = sign_in(&daemon, "ann", PASSWORD, "").await.unwrap();
    assert_eq!(
        other.send("/admin/sign-out", &[("everywhere", "1")]).await.0,
        StatusCode::SEE_OTHER
    );
    assert!(!is_signed_in(&one).await && !is_signed_in(&other).await);

    let one = sign_in(&daemon, "ann", PASSWORD, "").await.unwrap();
    let printed = done(&daemon, &["admin", "totp", "ann"], "");
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 11, "{printed}");
    assert!(!is_signed_in(&one).await, "signed in without the second factor");
    assert_eq!(sign_in(&daemon, "ann", PASSWORD, "").await.err().unwrap().0, 403);
    let shown = code(lines[0]);
    sign_in(&daemon, "ann", PASSWORD, &shown).await.unwrap();
    assert_eq!(sign_in(&daemon, "ann", PASSWORD, &shown).await.err().unwrap().0, 403, "twice");
    let recovery = lines[1].to_uppercase();
    let one = sign_in(&daemon, "ann", PASSWORD, &recovery).await.unwrap();
    assert_eq!(sign_in(&daemon, "ann", PASSWORD, &recovery).await.err().unwrap().0, 403, "twice");
    let listed = done(&daemon, &["admin", "list"], "");
    assert!(listed.contains("ann  full") && listed.contains("9 recovery codes left"), "{listed}");

    done(&daemon, &["admin", "password", "ann"], "another lamp in a row\n");
    assert!(!is_signed_in(&one).await, "signed in with the old password");
    assert_eq!(sign_in(&daemon, "ann", PASSWORD, lines[2]).await.err().unwrap().0, 403);
    done(&daemon, &["admin", "totp", "ann", "--off"], "");
    let one = sign_in(&daemon, "ann", "another lamp in a row", "").await.unwrap();
    done(&daemon, &["admin", "remove", "ann"], "");
    assert!(!is_signed_in(&one).await);
    daemon.sign_in().await;
    let secrets = [PASSWORD, "another lamp in a row", lines[2]];
    let log = daemon.log();
    assert!(secrets.iter().all(|secret| !log.contains(secret)));
    for (file, bytes) in daemon.files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{}", file.display());
    }
}

#[tokio::test]
async fn who_may_only_look_sees_no_button_and_changes_nothing() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    daemon.app.connect(&sandbox, "ann", "withings").await;
    done(&daemon, &["admin", "create", "bob", "--read-only"], PASSWORD);
    let bob = sign_in(&daemon, "bob", PASSWORD, "").await.unwrap();
    let mut forms = 0;
    for (method, address) in page_addresses() {
        if !address.starts_with("/admin") {
            continue;
        }
        if method == "GET" {
            let (status, html) = bob.get(&address).await;
            let posts = html.matches("method=\"post\"").count();
            let own = html.matches("action=\"/admin/sign-out\"").count();
            assert_eq!(posts, own, "{address}: {status} {html}");
        } else if !address.starts_with("/admin/sign-") {
            forms += 1;
            let (status, _, html) =
                bob.send(&address, &[("scope", "app"), ("confirm", "ann")]).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{address}: {html}");
            assert!(html.contains("change nothing"), "{address}: {html}");
        }
    }
    assert!(forms > 10, "{forms}");
    assert_eq!(bob.send("/admin/sign-out", &[]).await.0, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_ends_by_itself_and_guessing_is_slowed_down() {
    let mut daemon = Daemon::start_with(&sandbox(), "", &[MOVED_CLOCK]).await;
    done(&daemon, &["admin", "create", "ann"], PASSWORD);
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let ann = sign_in(&daemon, "ann", PASSWORD, "").await.unwrap();
    daemon.set_clock_ahead(minutes(29));
    assert!(is_signed_in(&ann).await);
    daemon.set_clock_ahead(minutes(60));
    assert!(!is_signed_in(&ann).await, "idle");

    let ann = sign_in(&daemon, "ann", PASSWORD, "").await.unwrap();
    daemon.stop().await;
    daemon.rewrite("UPDATE admin_sessions SET seen_at = 9000000000000000");
    daemon.set_clock_ahead(minutes(60 + 11 * 60));
    daemon.launch().await;
    assert!(is_signed_in(&ann).await);
    daemon.set_clock_ahead(minutes(60 + 12 * 60 + 1));
    assert!(!is_signed_in(&ann).await, "twelve hours");

    let mut tries = 0;
    let waits = loop {
        let (status, html) = sign_in(&daemon, "ann", "guess after guess", "").await.err().unwrap();
        tries += 1;
        if status == 429 {
            break html;
        }
        assert!(status == 403 && tries < 9, "{tries}: {html}");
    };
    assert!(tries > 5 && waits.contains("Try again in"), "{tries}: {waits}");
    assert_eq!(sign_in(&daemon, "ann", PASSWORD, "").await.err().unwrap().0, 429, "not even now");
    daemon.set_clock_ahead(minutes(60 + 12 * 60 + 2));
    sign_in(&daemon, "ann", PASSWORD, "").await.unwrap();
}
