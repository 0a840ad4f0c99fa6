//! What is written, with RunKeeper's answers.

use partner_sdk::testkit::{Canned, PushFixture};

const POSTS: &str = r#""post_to_facebook":false,"post_to_twitter":false"#;

/// An item, with its vendor type.
fn item(resource: &str, body: &str) -> Canned {
    Canned::new(200, &format!("application/vnd.com.runkeeper.{resource}+json"), body)
}

fn created(uri: &str) -> Canned {
    Canned::text(201, "").header("location", uri)
}

fn deleted() -> Canned {
    Canned::text(204, "")
}

fn refused(fixture: PushFixture) -> PushFixture {
    fixture.refused("a field it does not take", Canned::text(400, ""))
}

pub(crate) fn weight() -> PushFixture {
    let uri = "/weight/202603017";
    let one = r#"{"timestamp":"Sun, 1 Mar 2026 07:14:30","weight":70.85,"source":"Syncwell","uri":"/weight/202603017"}"#;
    refused(PushFixture::new(include_str!("../../fixtures/push_weight.json")))
        .create(
            &[created(uri)],
            &[&format!(
                r#"POST /weight application/vnd.com.runkeeper.NewWeightSet+json {{{POSTS},"timestamp":"Sun, 1 Mar 2026 07:14:30","weight":70.85}}"#
            )],
        )
        .delete(
            &[item("WeightSet", one), deleted()],
            &["GET /weight/202603017", "DELETE /weight/202603017"],
        )
        .find_existing(
            &[
                Canned::json(
                    200,
                    r#"{"size":2,"items":[{"timestamp":"Sun, 1 Mar 2026 21:05:00","weight":71.6,"fat_percent":22,"uri":"/weight/202603018"}],
                        "next":"/weight?page=1&pageSize=100"}"#,
                ),
                Canned::json(200, format!(r#"{{"size":2,"items":[{one}],"next":""}}"#)),
            ],
            &[
                "GET /weight?pageSize=100&noEarlierThan=2026-03-01&noLaterThan=2026-03-01",
                "GET /weight?page=1&pageSize=100",
            ],
        )
}

/// A value in a set that also has other values.
pub(crate) fn weight_among_others() -> PushFixture {
    let set = |weight: &str| {
        let body = format!(
            r#"{{"timestamp":"Sun, 1 Mar 2026 07:14:30","weight":{weight},"fat_percent":22.4,"bmi":24.1,"source":"Scale","uri":"/weight/202603017"}}"#
        );
        item("WeightSet", &body)
    };
    let put = "PUT /weight/202603017 application/vnd.com.runkeeper.WeightSet+json ";
    let rest = r#"{"bmi":24.1,"fat_percent":22.4,"timestamp":"Sun, 1 Mar 2026 07:14:30""#;
    refused(PushFixture::new(include_str!("../../fixtures/push_weight.json")))
        .update(
            &[set("71.9"), set("70.85")],
            &["GET /weight/202603017", &format!(r#"{put}{rest},"weight":70.85}}"#)],
        )
        .delete(
            &[set("71.9"), item("WeightSet", "{}")],
            &["GET /weight/202603017", &format!("{put}{rest}}}")],
        )
}

pub(crate) fn body_fat() -> PushFixture {
    let set = |fat: &str| {
        let body = format!(
            r#"{{"timestamp":"Sun, 1 Mar 2026 07:14:30","fat_percent":{fat},"uri":"/weight/202603019"}}"#
        );
        item("WeightSet", &body)
    };
    let feed = r#"{"size":1,"items":[{"timestamp":"Sun, 1 Mar 2026 07:14:30","fat_percent":21.75,"weight":70.85,"uri":"/weight/202603019"}]}"#;
    refused(PushFixture::new(include_str!("../../fixtures/push_body_fat.json")))
        .create(
            &[created("http://api.partner.test/base/weight/202603019")],
            &[&format!(r#"{{"fat_percent":21.75,{POSTS},"timestamp":"Sun, 1 Mar 2026 07:14:30"}}"#)],
        )
        .update(
            &[set("20"), set("21.75")],
            &[
                "GET /weight/202603019",
                r#"PUT /weight/202603019 …{"fat_percent":21.75,"timestamp":"Sun, 1 Mar 2026 07:14:30"}"#,
            ],
        )
        .delete(&[set("20"), deleted()], &["GET /weight/202603019", "DELETE /weight/202603019"])
        .find_existing(&[Canned::json(200, feed)], &["GET /weight?"])
}

pub(crate) fn exercise() -> PushFixture {
    let feed = r#"{"size":1,"items":[{"type":"Running","start_time":"Sun, 1 Mar 2026 17:30:00","total_distance":7340.5,
        "duration":2550,"total_calories":480,"entry_mode":"API","source":"Syncwell","uri":"/fitnessActivities/880012345"}]}"#;
    let activity = |duration: &str, pulse: &str| {
        let body = format!(
            r#"{{"uri":"/fitnessActivities/880012345","userID":31830988,"type":"Running","equipment":"None",
                 "start_time":"Sun, 1 Mar 2026 17:30:00","total_distance":7340.5,"duration":{duration},"total_calories":480,
                 "average_heart_rate":{pulse},"notes":"Grüße 🏃","path":[{{"timestamp":0,"latitude":59.3,"longitude":18.1}}],
                 "has_path":true,"entry_mode":"API","source":"Syncwell","comments":"/fitnessActivities/880012345/comments"}}"#
        );
        item("FitnessActivity", &body)
    };
    let sent = r#""start_time":"Sun, 1 Mar 2026 17:30:00","total_calories":480,"total_distance":7340.5,"type":"Running"}"#;
    refused(PushFixture::new(include_str!("../../fixtures/push_exercise.json")))
        .create(
            &[created("/fitnessActivities/880012345")],
            &[&format!(
                r#"POST /fitnessActivities application/vnd.com.runkeeper.NewFitnessActivity+json {{"average_heart_rate":151,"duration":2550,{POSTS},{sent}"#
            )],
        )
        .update(
            &[activity("2400.5", "120"), activity("2550", "151")],
            &[
                "GET /fitnessActivities/880012345",
                &format!(
                    r#"PUT /fitnessActivities/880012345 application/vnd.com.runkeeper.FitnessActivity+json {{"average_heart_rate":151,"duration":2550,"equipment":"None","notes":"Gr\u00fc\u00dfe \ud83c\udfc3","path":[{{"latitude":59.3,"longitude":18.1,"timestamp":0}}],{sent}"#
                ),
            ],
        )
        .delete(&[deleted()], &["DELETE /fitnessActivities/880012345"])
        .find_existing(
            &[Canned::json(200, feed)],
            &["GET /fitnessActivities?pageSize=100&noEarlierThan=2026-03-01&noLaterThan=2026-03-01"],
        )
}

/// An activity that RunKeeper recorded itself, with an offset and a heart rate that feeds do not
/// contain.
pub(crate) fn recorded_exercise() -> PushFixture {
    let activity = |start: &str, calories: &str| {
        let body = format!(
            r#"{{"uri":"/fitnessActivities/880011223","type":"Cycling","start_time":"{start}","utc_offset":-3.5,
                 "total_distance":0,"duration":3391.62,"total_calories":{calories},"average_heart_rate":131,"source":"RunKeeper"}}"#
        );
        item("FitnessActivity", &body)
    };
    refused(PushFixture::new(include_str!("../../fixtures/push_exercise.recorded.json"))).update(
        &[activity("Wed, 4 Mar 2026 08:31:07", "602.4"), activity("Wed, 4 Mar 2026 08:32:00", "655")],
        &[
            "GET /fitnessActivities/880011223",
            r#"{"average_heart_rate":131,"duration":3391.62,"start_time":"Wed, 4 Mar 2026 08:32:00","total_calories":655,"total_distance":0,"type":"Cycling"}"#,
        ],
    )
}

pub(crate) fn nutrition() -> PushFixture {
    let set = |calories: &str, rest: &str| {
        format!(
            r#"{{"timestamp":"Tue, 3 Mar 2026 12:20:05","meal":"LUNCH","calories":{calories},"fat":0,"protein":31,"sodium":980{rest},"uri":"/nutrition/61803399"}}"#
        )
    };
    let water = r#","water":12"#;
    let after = set("412.5", water);
    refused(PushFixture::new(include_str!("../../fixtures/push_nutrition.json")))
        .create(
            &[created("/nutrition/61803399")],
            &[&format!(
                r#"POST /nutrition application/vnd.com.runkeeper.NewNutritionSet+json {{"calories":412.5,"fat":0,"meal":"Lunch",{POSTS},"protein":31,"sodium":980,"timestamp":"Tue, 3 Mar 2026 12:20:05","water":12}}"#
            )],
        )
        .update(
            &[item("NutritionSet", &set("300", r#","fiber":6"#)), item("NutritionSet", &after)],
            &[
                "GET /nutrition/61803399",
                r#"PUT /nutrition/61803399 application/vnd.com.runkeeper.NutritionSet+json {"calories":412.5,"fat":0,"meal":"LUNCH","protein":31,"sodium":980,"timestamp":"Tue, 3 Mar 2026 12:20:05","water":12}"#,
            ],
        )
        .delete(&[deleted()], &["DELETE /nutrition/61803399"])
        .find_existing(
            &[Canned::json(200, format!(r#"{{"items":[{after}]}}"#))],
            &["GET /nutrition?pageSize=100&noEarlierThan=2026-03-03&noLaterThan=2026-03-03"],
        )
}
