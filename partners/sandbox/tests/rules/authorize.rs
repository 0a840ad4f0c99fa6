//! The consent page.

use super::client::*;

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_page_shows_who_asks_for_what_and_needs_no_script() {
    let sandbox = sandbox();
    let reply = send("GET", &authorize_url(&sandbox, "withings"), &[], "").unwrap();
    let html = reply.text();
    assert_eq!(reply.status, 200);
    for text in [
        "syncwell-sandbox",
        "Withings",
        "body measurements",
        "account-1",
        "name=\"decision\" value=\"deny\"",
    ] {
        assert!(html.contains(text), "{text} is missing in {html}");
    }
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
    assert_eq!(sandbox.control().counts("withings").unwrap().calls, 0);
}

#[test]
fn allow_and_deny_come_back_with_the_state_and_keep_the_query() {
    let sandbox = sandbox();
    for partner in ["withings", "runkeeper"] {
        let url = authorize_url(&sandbox, partner);
        let allowed =
            returned(&post_form(&url, &[("account", "account-1"), ("decision", "allow")]));
        assert_eq!(allowed[0], pair("from", "here"));
        assert_eq!(allowed[1].0, "code");
        assert_eq!(allowed[2], pair("state", "st&te"));
        let denied = returned(&post_form(&url, &[("account", "account-1"), ("decision", "deny")]));
        assert_eq!(denied[1..], [pair("error", "access_denied"), pair("state", "st&te")]);
        assert_eq!(sandbox.control().counts(partner).unwrap().codes_issued, 1);
    }
}

#[test]
fn requests_that_break_the_documentation_are_refused_without_a_redirect() {
    let sandbox = sandbox();
    let good = authorize_url(&sandbox, "withings");
    for (part, instead) in [
        ("state=st%26te", ""),
        ("response_type=code", "response_type=token"),
        ("client_id=syncwell-sandbox", "client_id=other"),
        ("user.metrics%2Cuser.activity", "user.metrics+user.activity"),
        ("user.metrics%2Cuser.activity", ""),
        ("user.metrics", "user.everything"),
        ("redirect_uri=http", "redirect_uri=javascript"),
        ("redirect_uri=", "no_uri="),
    ] {
        let url = good.replace(part, instead);
        assert_ne!(url, good, "{part} is not in the address");
        for method in ["GET", "POST"] {
            let reply = send(method, &url, &[], "account=account-1&decision=allow").unwrap();
            assert_eq!(
                (reply.status, reply.header("location")),
                (400, None),
                "{method} {instead} for {part}"
            );
        }
    }
    let no_decision = post_form(&good, &[("account", "account-1")]);
    let no_account = post_form(&good, &[("account", " "), ("decision", "allow")]);
    assert_eq!((no_decision.status, no_account.status), (400, 400));
    // RunKeeper asks for neither state nor scope.
    let bare =
        authorize_url(&sandbox, "runkeeper").replace("state=st%26te", "").replace("scope=", "x=");
    assert_eq!(send("GET", &bare, &[], "").unwrap().status, 200);
}

#[test]
fn only_a_registered_callback_address_is_accepted() {
    let redirect_uris = vec!["http://127.0.0.1:9/other".to_owned()];
    let sandbox =
        partner_sandbox::Sandbox::start(partner_sandbox::Options { redirect_uris, ..options() })
            .unwrap();
    assert_eq!(send("GET", &authorize_url(&sandbox, "withings"), &[], "").unwrap().status, 400);
}

#[test]
fn a_new_name_becomes_an_account_with_a_history_and_a_typed_name_wins() {
    let sandbox = sandbox();
    let choice = [("account", "account-1"), ("account", "walk-in"), ("decision", "allow")];
    returned(&post_form(&authorize_url(&sandbox, "withings"), &choice));
    let accounts = sandbox.control().accounts("withings").unwrap();
    let made = accounts.iter().find(|account| account.account == "walk-in").unwrap();
    assert!(made.items["measure"] > 20, "{made:?}");
    assert!(!made.connected);
}
