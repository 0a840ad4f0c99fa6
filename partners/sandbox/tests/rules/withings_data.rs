//! Measurements and workouts of Withings.

use std::collections::BTreeSet;
use std::time::Duration;

use partner_sandbox::{AccountChange, Options, Sandbox};
use serde_json::{Value, json};

use super::client::*;

fn getmeas(sandbox: &Sandbox, token: &str, pairs: &[(&str, &str)]) -> Value {
    let mut all = vec![("action", "getmeas")];
    all.extend_from_slice(pairs);
    call(sandbox, "/measure", token, &all).json()
}

fn getworkouts(sandbox: &Sandbox, token: &str, pairs: &[(&str, &str)]) -> Value {
    let mut all = vec![("action", "getworkouts")];
    all.extend_from_slice(pairs);
    call(sandbox, "/v2/measure", token, &all).json()
}

fn groups(answer: &Value) -> &Vec<Value> {
    good(answer)["measuregrps"].as_array().unwrap()
}

fn ids(answer: &Value) -> Vec<i64> {
    groups(answer).iter().map(|group| group["grpid"].as_i64().unwrap()).collect()
}

fn empty_account(sandbox: &Sandbox, name: &str) -> String {
    let change = AccountChange {
        empty: true,
        time_zone: Some("Asia/Kolkata".to_owned()),
        history_days: None,
    };
    sandbox.control().put_account("withings", name, &change).unwrap();
    token(sandbox, "withings", name)
}

fn weighed(at: i64) -> Value {
    json!({"date": at, "category": 1, "attrib": 0, "measures": [{"value": 70_250, "type": 1, "unit": -3}]})
}

#[test]
fn two_thousand_five_hundred_groups_come_in_pages_newest_first() {
    let sandbox = relaxed();
    let access = empty_account(&sandbox, "many");
    let mut made = sandbox.control().generate("withings", "many", "measure", 2_500, 700).unwrap();
    let (mut seen, mut dates, mut pages, mut offset) =
        (Vec::new(), Vec::new(), 0, String::from("0"));
    loop {
        let answer = getmeas(&sandbox, &access, &[("offset", &offset)]);
        seen.extend(ids(&answer));
        dates.extend(groups(&answer).iter().map(|group| group["date"].as_i64().unwrap()));
        pages += 1;
        let body = good(&answer);
        assert_eq!(body["timezone"], json!("Asia/Kolkata"));
        if body.get("more").is_none() {
            assert!(body.get("offset").is_none());
            break;
        }
        assert_eq!((&body["more"], groups(&answer).len()), (&json!(1), 100));
        offset = body["offset"].to_string();
    }
    assert_eq!(pages, 25);
    assert!(dates.is_sorted_by(|newer, older| newer >= older));
    seen.sort_unstable();
    made.sort_unstable();
    assert_eq!(seen, made);
}

#[test]
fn last_update_finds_what_was_stored_or_changed_after_it() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let access = empty_account(&sandbox, "late");
    let first =
        control.append("withings", "late", "measure", vec![weighed(START - 1_000)]).unwrap();
    let cursor = groups(&getmeas(&sandbox, &access, &[]))[0]["modified"].to_string();
    assert!(
        ids(&getmeas(&sandbox, &access, &[("lastupdate", &cursor)])).is_empty(),
        "not after itself"
    );

    control.advance(Duration::from_secs(100));
    // Uploaded late: older than what is already known.
    let late =
        control.append("withings", "late", "measure", vec![weighed(START - 900_000)]).unwrap();
    assert_eq!(ids(&getmeas(&sandbox, &access, &[("lastupdate", &cursor)])), late);
    control.advance(Duration::from_secs(100));
    let patch = json!({"measures": [{"value": 1, "type": 1, "unit": 0}]});
    control.edit("withings", "late", "measure", first[0], &patch).unwrap();
    let answer = getmeas(&sandbox, &access, &[("lastupdate", &cursor)]);
    assert_eq!(ids(&answer), [first[0], late[0]], "by the time of the event");
    assert_eq!(groups(&answer)[0]["measures"], patch["measures"]);
    let stored = &groups(&answer)[0];
    assert!(stored["modified"].as_i64() >= stored["created"].as_i64().map(|created| created + 200));

    control.delete("withings", "late", "measure", late[0]).unwrap();
    let answer = getmeas(&sandbox, &access, &[("lastupdate", "0")]);
    assert_eq!(ids(&answer), first, "deleted ones are simply gone");
    assert!(good(&answer)["updatetime"].as_i64().unwrap() >= START + 200);
}

#[test]
fn windows_types_and_categories_narrow_the_answer() {
    let sandbox = relaxed();
    let access = empty_account(&sandbox, "narrow");
    let measures =
        json!([{"value": 70, "type": 1, "unit": 0}, {"value": 120, "type": 10, "unit": 0}]);
    let items = vec![
        json!({"date": START - 300, "category": 1, "measures": measures}),
        json!({"date": START - 200, "category": 1, "measures": [{"value": 61, "type": 11, "unit": 0}]}),
        json!({"date": START - 100, "category": 2, "measures": measures}),
    ];
    let made = sandbox.control().append("withings", "narrow", "measure", items).unwrap();
    let window =
        [("startdate", &*(START - 300).to_string()), ("enddate", &*(START - 200).to_string())];
    assert_eq!(ids(&getmeas(&sandbox, &access, &window)), [made[1], made[0]]);
    assert_eq!(ids(&getmeas(&sandbox, &access, &[("category", "2")])), [made[2]]);
    assert_eq!(
        ids(&getmeas(&sandbox, &access, &[])).len(),
        3,
        "without a category, goals come too"
    );
    let one_type = getmeas(&sandbox, &access, &[("category", "1"), ("meastype", "10")]);
    assert_eq!(ids(&one_type), [made[0]]);
    assert_eq!(groups(&one_type)[0]["measures"].as_array().unwrap().len(), 1);
    assert_eq!(
        ids(&getmeas(&sandbox, &access, &[("category", "1"), ("meastypes", "10,11")])),
        [made[1], made[0]]
    );
}

#[test]
fn parameters_that_break_the_documentation_are_refused() {
    let sandbox = relaxed();
    let access = token(&sandbox, "withings", "account-1");
    for pairs in [
        &[("lastupdate", "1"), ("startdate", "1"), ("enddate", "2")][..],
        &[("lastupdate", "yesterday")],
        &[("offset", "-1")],
        &[("meastypes", "1;6")],
    ] {
        assert_eq!(getmeas(&sandbox, &access, pairs)["status"], json!(503), "{pairs:?}");
    }
    for pairs in [
        &[][..],
        &[("startdateymd", "2026-01-01")],
        &[("startdateymd", "2026-01-01"), ("enddateymd", "1.2.2026")],
        &[("startdateymd", "2026-01-01"), ("enddateymd", "2026-02-01"), ("lastupdate", "0")],
    ] {
        assert_eq!(getworkouts(&sandbox, &access, pairs)["status"], json!(503), "{pairs:?}");
    }
    assert_eq!(
        call(&sandbox, "/measure", &access, &[("action", "getall")]).json()["status"],
        json!(2554)
    );
    assert_eq!(call(&sandbox, "/measure", &access, &[]).json()["status"], json!(2554));
    assert_eq!(call(&sandbox, "/v3/measure", &access, &[]).status, 404);
}

#[test]
fn workouts_carry_the_asked_members_alone_and_page_with_a_boolean() {
    let sandbox = relaxed();
    let access = empty_account(&sandbox, "sporty");
    sandbox.control().generate("withings", "sporty", "workouts", 130, 300).unwrap();
    let answer = getworkouts(
        &sandbox,
        &access,
        &[("lastupdate", "0"), ("data_fields", "calories,distance")],
    );
    let body = good(&answer);
    assert_eq!((&body["more"], &body["offset"]), (&json!(true), &json!(100)));
    let members: BTreeSet<String> = body["series"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|workout| workout["data"].as_object())
        .flat_map(|data| data.keys().cloned())
        .collect();
    assert_eq!(members.into_iter().collect::<Vec<_>>(), ["calories", "distance"]);
    let last = getworkouts(&sandbox, &access, &[("lastupdate", "0"), ("offset", "100")]);
    assert_eq!(
        (&good(&last)["more"], good(&last)["series"].as_array().unwrap().len()),
        (&json!(false), 30)
    );
    assert_eq!(good(&last)["series"][0]["data"], json!([]), "nothing asked for is an empty array");
}

#[test]
fn days_of_workouts_are_days_in_the_user_s_zone() {
    let sandbox = relaxed();
    let access = empty_account(&sandbox, "early-bird");
    // 20:00 UTC on 30 September is 1:30 on 1 October in Kolkata.
    let start = START - 16 * 3_600;
    let item =
        json!({"category": 2, "startdate": start, "enddate": start + 600, "data": {"calories": 5}});
    sandbox.control().append("withings", "early-bird", "workouts", vec![item]).unwrap();
    let on = |day| {
        let answer = getworkouts(&sandbox, &access, &[("startdateymd", day), ("enddateymd", day)]);
        good(&answer)["series"].as_array().unwrap().len()
    };
    assert_eq!((on("2026-09-30"), on("2026-10-01")), (0, 1));
}

#[test]
fn histories_show_the_known_oddities() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let mut all: Vec<Value> = Vec::new();
    let mut duplicates = 0;
    for number in 1..=4 {
        let name = format!("account-{number}");
        let access = token(&sandbox, "withings", &name);
        let (mut offset, mut seen) = (0, Vec::new());
        loop {
            let answer = getmeas(&sandbox, &access, &[("offset", &offset.to_string())]);
            seen.extend(groups(&answer).iter().cloned());
            let Some(next) = good(&answer).get("offset") else { break };
            offset = next.as_i64().unwrap();
        }
        let distinct: BTreeSet<i64> =
            seen.iter().map(|group| group["grpid"].as_i64().unwrap()).collect();
        duplicates += seen.len() - distinct.len();
        all.extend(seen);
    }
    assert_eq!(duplicates, 4, "one group of each account appears twice");
    let measures: Vec<&Value> =
        all.iter().flat_map(|group| group["measures"].as_array().unwrap()).collect();
    let units: BTreeSet<i64> = measures
        .iter()
        .filter(|m| m["type"] == json!(1))
        .map(|m| m["unit"].as_i64().unwrap())
        .collect();
    assert!(units.contains(&-3) && units.len() >= 3, "{units:?}");
    assert!(measures.iter().any(|m| m["type"] == json!(18) && m["value"] == json!(-1_000)));
    assert!(measures.iter().any(|m| m["position"] == json!(7)));
    let attributes: BTreeSet<i64> =
        all.iter().map(|group| group["attrib"].as_i64().unwrap()).collect();
    assert!(attributes.is_superset(&BTreeSet::from([0, 1, 2, 4])), "{attributes:?}");
    assert!(all.iter().any(|group| group["category"] == json!(2)));
    assert!(all.iter().all(|group| group["modified"].as_i64().unwrap() <= control.now()));
}

#[test]
fn raw_items_are_served_as_they_are() {
    let sandbox = relaxed();
    let access = empty_account(&sandbox, "bad");
    let bad = json!({"grpid": 77, "measures": "none", "date": "never"});
    let ids = sandbox
        .control()
        .append("withings", "bad", "measure", vec![bad, json!("not a group")])
        .unwrap();
    assert_eq!(ids[0], 77);
    let answer = getmeas(&sandbox, &access, &[("meastypes", "1"), ("category", "1")]);
    let served = groups(&answer);
    assert!(served.contains(&json!("not a group")));
    let group = served.iter().find(|group| group["grpid"] == json!(77)).unwrap();
    assert_eq!((&group["measures"], &group["date"]), (&json!("none"), &json!("never")));
    assert!(group["modified"].is_i64());
}

#[test]
fn under_load_every_call_without_an_account_finds_new_weights() {
    let load =
        |fresh| Sandbox::start(Options { fresh, unlimited: true, ..Options::default() }).unwrap();
    let sandbox = load(Some(3));
    let mut seen = BTreeSet::new();
    for person in ["load-1", "load-1", "load-1000000"] {
        for window in [("lastupdate", "1"), ("startdate", "1")] {
            let answer = getmeas(&sandbox, person, &[("category", "1"), window]);
            assert!(good(&answer).get("more").is_none());
            for group in groups(&answer) {
                assert_eq!(group["measures"][0]["type"], json!(1));
                let (id, date) = (&group["grpid"], &group["date"]);
                assert!(seen.insert((id.as_i64().unwrap(), date.as_i64().unwrap())));
            }
        }
        assert_eq!(good(&getworkouts(&sandbox, person, &[]))["series"], json!([]));
    }
    assert_eq!(seen.len(), 3 * 6);
    assert_eq!(seen.iter().map(|(_, date)| date).collect::<BTreeSet<_>>().len(), seen.len());
    assert_eq!(sandbox.control().counts("withings").unwrap().by_path["/measure"], 6);
    assert!(groups(&getmeas(&load(Some(0)), "load-1", &[])).is_empty());
}

#[test]
fn without_load_mode_its_tokens_are_invalid() {
    let sandbox = relaxed();
    assert_eq!(getmeas(&sandbox, "load-1", &[])["status"], json!(401));
    let sandbox = Sandbox::start(Options { fresh: Some(1), ..Options::default() }).unwrap();
    for token in ["load-", "load-x", "loud-1"] {
        assert_eq!(getmeas(&sandbox, token, &[])["status"], json!(401), "{token}");
    }
}
