//! Notifications and subscriptions of Withings.

use partner_sdk::testkit::{Canned, Expect, Incoming, NotificationFixture, Proof};
use partner_sdk::{CallbackAnswer, Hint};

use crate::failure;

/// Our address in the suite, as a form has it.
const ADDRESS: &str = "https%3A%2F%2Fsyncwell.example.net%2Fnotifications%2Fwithings%2F";

/// `POST /notify` action list, with these subscriptions: appli and the end of the address.
fn listed(profiles: &[(u8, &str)]) -> Canned {
    let profile = |(appli, address): &(u8, &str)| {
        format!(
            r#"{{"appli":{appli},"callbackurl":"https://{address}","comment":"Syncwell","expires":2147483647}}"#
        )
    };
    let profiles: Vec<String> = profiles.iter().map(profile).collect();
    Canned::json(200, format!(r#"{{"status":0,"body":{{"profiles":[{}]}}}}"#, profiles.join(",")))
}

pub(crate) fn fixture() -> NotificationFixture {
    const OURS: &str = "syncwell.example.net/notifications/withings/conformance-address-8e51a0";
    const OLD: &str = "syncwell.example.net/notifications/withings/an-earlier-secret";
    const FOREIGN: &str = "somebody.example.org/notifications/withings/hook";
    let done = || Canned::json(200, r#"{"status":0,"body":{}}"#);
    let subscribe = |appli: u8| {
        format!(
            "POST /notify …action=subscribe&callbackurl={ADDRESS}conformance-address-8e51a0&appli={appli}&"
        )
    };
    let revoke =
        |end: &str, appli: u8| format!("action=revoke&callbackurl={ADDRESS}{end}&appli={appli}");
    let calls = |calls: &[String]| -> Vec<String> {
        [&["POST /notify …action=list".to_owned()], calls].concat()
    };
    let texts = |calls: &[String]| -> Vec<&'static str> {
        calls.iter().map(|call| &*call.clone().leak()).collect()
    };
    NotificationFixture::new(Proof::Address)
        .handshake("a trial of the address", Incoming::head(), CallbackAnswer::empty(200))
        .handshake("an older trial", Incoming::get(&[]), CallbackAnswer::empty(200))
        .notification(
            "a weight",
            Incoming::post(include_str!("../../fixtures/notification-weight.txt")),
            &[Hint::changed("27182818", &["measure"])],
        )
        .notification(
            "an activity",
            Incoming::post(include_str!("../../fixtures/notification-activity.txt")),
            &[Hint::changed("27182818", &["workouts"])],
        )
        .notification(
            "an account that was deleted",
            Incoming::post(include_str!("../../fixtures/notification-deleted.txt")),
            &[Hint::access("27182818")],
        )
        .notification("a changed profile", Incoming::post("userid=27182818&appli=46&action=update"), &[])
        .notification("a night, which is not polled", Incoming::post("userid=27182818&appli=44"), &[])
        .refused("nobody", Incoming::post("appli=1"), 400)
        .refused("nothing", Incoming::post("userid=27182818"), 400)
        .refused("another form", Incoming::post(r#"{"userid":27182818,"appli":1}"#), 400)
        .subscribe(
            &[listed(&[(1, FOREIGN)]), done(), done(), done(), done(), done()],
            &texts(&calls(&[subscribe(1), subscribe(2), subscribe(4), subscribe(16), subscribe(46)])),
        )
        .again(&[listed(&[(1, OURS), (2, OURS), (4, OURS), (16, OURS), (46, OURS)])], &texts(&calls(&[])))
        .repair(
            "it mends what was removed",
            &[listed(&[(1, OURS), (46, OURS), (16, OURS), (4, OURS)]), done()],
            &texts(&calls(&[subscribe(2)])),
        )
        .repair(
            "it replaces those with an earlier secret",
            &[listed(&[(1, OURS), (2, OLD), (4, OURS), (16, OURS), (46, OURS), (1, FOREIGN)]), done(), done()],
            &texts(&calls(&[revoke("an-earlier-secret", 2), subscribe(2)])),
        )
        .repair(
            "it renews what ends within two days",
            &[
                Canned::json(
                    200,
                    format!(
                        r#"{{"status":0,"body":{{"profiles":[{{"appli":"1","callbackurl":"https://{OURS}","expires":1772712000}},{{"appli":"2","callbackurl":"https://{OURS}","expires":1779999999}},{{"appli":4,"callbackurl":"https://{OURS}"}},{{"appli":16,"callbackurl":"https://{OURS}"}},{{"appli":46,"callbackurl":"https://{OURS}"}}]}}}}"#
                    ),
                ),
                done(),
            ],
            &texts(&calls(&[subscribe(1)])),
        )
        .repair(
            "it leaves out what the user has not ticked",
            &[
                listed(&[(1, OURS), (2, OURS), (4, OURS), (46, OURS)]),
                failure(r#"{"status":277,"body":{},"error":"Unauthorized: insufficient scope"}"#),
            ],
            &texts(&calls(&[subscribe(16)])),
        )
        .unsubscribe(
            &[
                failure(r#"{"status":286,"body":{},"error":"No such subscription was found"}"#),
                Canned::json(200, r#"{"status":0}"#),
                done(),
                done(),
                done(),
            ],
            &texts(&[1, 2, 4, 16, 46].map(|appli| revoke("conformance-address-8e51a0", appli))),
        )
        .failure(
            "nothing is ticked",
            &std::iter::once(listed(&[]))
                .chain((0..5).map(|_| {
                    failure(r#"{"status":277,"body":{},"error":"Unauthorized: insufficient scope"}"#)
                }))
                .collect::<Vec<_>>(),
            Expect::MissingScope,
        )
}
