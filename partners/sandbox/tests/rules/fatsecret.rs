//! FatSecret: the three OAuth steps, signatures, formats, the diary, weights and errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use partner_sandbox::{AccountChange, IssuedTokens, Sandbox, TokenAction};
use serde_json::{Value, json};
use sha1::Sha1;
use url::Url;

use super::client::*;

/// A signing client, with everything a test may want to get wrong.
struct Signer<'a> {
    sandbox: &'a Sandbox,
    token: (String, String),
    timestamp: u64,
    nonce: u64,
}

impl<'a> Signer<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        Self { sandbox, token: Default::default(), timestamp: 1_790_856_000, nonce: 0 }
    }

    fn of_account(sandbox: &'a Sandbox, account: &str) -> Self {
        let issued = sandbox.control().issue_tokens("fatsecret", account).unwrap();
        let IssuedTokens { access_token, token_secret, .. } = issued;
        Self { token: (access_token, token_secret.unwrap()), ..Self::new(sandbox) }
    }

    /// The signed parameters of the protocol; `more` belongs to the protocol too.
    fn protocol(&self, method: &str, url: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let address = Url::parse(url).unwrap();
        let fixed = [
            ("oauth_consumer_key", self.sandbox.client_id("fatsecret").to_owned()),
            ("oauth_nonce", self.nonce.to_string()),
            ("oauth_signature_method", "HMAC-SHA1".to_owned()),
            ("oauth_timestamp", self.timestamp.to_string()),
            ("oauth_version", "1.0".to_owned()),
        ];
        let mut own: Vec<(String, String)> =
            fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        own.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if !self.token.0.is_empty() {
            own.push(("oauth_token".to_owned(), self.token.0.clone()));
        }
        let mut all: Vec<String> = address
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .chain(own.clone())
            .map(|(name, value)| format!("{}={}", encode(&name), encode(&value)))
            .collect();
        all.sort();
        let plain = url.split('?').next().unwrap();
        let base = format!("{method}&{}&{}", encode(plain), encode(&all.join("&")));
        let secret = self.sandbox.client_secret("fatsecret");
        let key = format!("{}&{}", encode(secret), encode(&self.token.1));
        let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(base.as_bytes());
        own.push(("oauth_signature".to_owned(), STANDARD.encode(mac.finalize().into_bytes())));
        own
    }

    fn call_with(&mut self, method: &str, url: &str, more: &[(&str, &str)]) -> Reply {
        self.nonce += 1;
        let own = self.protocol(method, url, more);
        send_signed(method, url, &own)
    }

    fn get(&mut self, path: &str) -> Reply {
        let url = format!("{}{path}", self.sandbox.urls("fatsecret").api_url);
        self.call_with("GET", &url, &[])
    }

    fn request_token(&mut self, callback: &str) -> Reply {
        let url = self.sandbox.urls("fatsecret").request_token_url.unwrap();
        self.call_with("POST", &url, &[("oauth_callback", callback)])
    }

    fn access_token(&mut self, verifier: &str) -> Reply {
        let url = self.sandbox.urls("fatsecret").token_url;
        self.call_with("GET", &url, &[("oauth_verifier", verifier)])
    }
}

fn send_signed(method: &str, url: &str, protocol: &[(String, String)]) -> Reply {
    let parts: Vec<String> =
        protocol.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
    let header = format!("OAuth {}", parts.join(", "));
    send(method, url, &[("Authorization", header.as_str())], "").unwrap()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

fn form_of(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    url::form_urlencoded::parse(&reply.body).into_owned().collect()
}

fn code_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let code = &reply.json()["error"]["code"];
    code.as_str().map_or_else(|| code.to_string(), str::to_owned)
}

fn empty_account(sandbox: &Sandbox, name: &str) {
    let change = AccountChange {
        empty: true,
        time_zone: Some("Asia/Kolkata".to_owned()),
        ..AccountChange::default()
    };
    sandbox.control().put_account("fatsecret", name, &change).unwrap();
}

/// 1 October 2026, as the partner counts days.
const TODAY: i64 = START / 86_400;

#[test]
fn three_legs_lead_to_a_token_that_signs() {
    let sandbox = sandbox();
    let mut client = Signer::new(&sandbox);
    let begun = form_of(&client.request_token(CALLBACK));
    let names: Vec<&str> = begun.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["oauth_callback_confirmed", "oauth_token", "oauth_token_secret"]);
    assert_eq!(begun[0].1, "true");
    client.token = (begun[1].1.clone(), begun[2].1.clone());
    let url = format!("{}?oauth_token={}", sandbox.urls("fatsecret").authorize_url, client.token.0);
    let page = send("GET", &url, &[], "").unwrap();
    assert!(page.status == 200 && page.text().contains("food diary"), "{}", page.text());
    assert_eq!(client.access_token("early").status, 401, "nobody has allowed it");
    let back = returned(&post_form(&url, &[("account", "account-1"), ("decision", "allow")]));
    assert_eq!(back[0], ("from".to_owned(), "here".to_owned()));
    assert_eq!(back[1], ("oauth_token".to_owned(), client.token.0.clone()));
    assert_eq!(back[2].0, "oauth_verifier");
    assert_eq!(client.access_token("another").status, 401);
    assert_eq!(post_form(&url, &[("account", "account-1"), ("decision", "allow")]).status, 400);
    let access = form_of(&client.access_token(&back[2].1));
    assert_eq!(client.access_token(&back[2].1).status, 401, "a request token is used up");
    client.token = (access[0].1.clone(), access[1].1.clone());
    assert_eq!(
        client.get("/rest/profile/v1?format=json").json()["profile"]["weight_measure"],
        json!("Kg")
    );
    client.token.1 = "wrong".to_owned();
    assert_eq!(code_of(&client.get("/rest/profile/v1?format=json")), "8");
}

#[test]
fn a_denial_comes_back_without_a_verifier_and_ends_the_connect() {
    let sandbox = sandbox();
    let mut client = Signer::new(&sandbox);
    let begun = form_of(&client.request_token(CALLBACK));
    let url = format!("{}?oauth_token={}", sandbox.urls("fatsecret").authorize_url, begun[1].1);
    let back = returned(&post_form(&url, &[("decision", "deny")]));
    let names: Vec<&str> = back.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["from", "oauth_token"]);
    assert_eq!(send("GET", &url, &[], "").unwrap().status, 400);
}

#[test]
fn a_connect_needs_the_right_application_and_an_address_to_come_back_to() {
    let sandbox = sandbox();
    let mut client = Signer::new(&sandbox);
    assert_eq!(client.request_token("oob").status, 400);
    let url = sandbox.urls("fatsecret").request_token_url.unwrap();
    assert_eq!(client.call_with("GET", &url, &[("oauth_callback", CALLBACK)]).status, 405);
    client.token.1 = "not empty".to_owned();
    assert_eq!(client.request_token(CALLBACK).status, 401);
}

#[test]
fn every_part_of_a_signed_call_is_judged() {
    let sandbox = sandbox();
    let mut client = Signer::of_account(&sandbox, "account-1");
    let path = "/rest/weight/month/v2?date=20000&format=json";
    assert!(client.get(path).json()["month"].is_object());
    let url = format!("{}{path}", sandbox.urls("fatsecret").api_url);
    client.nonce += 1;
    let good = client.protocol("GET", &url, &[]);
    let send_changed = |name: &str, value: &str, url: &str| {
        let mut changed = good.clone();
        changed.retain(|(have, _)| have != name || !value.is_empty());
        for (have, old) in &mut changed {
            if have == name {
                *old = value.to_owned();
            }
        }
        code_of(&send_signed("GET", url, &changed))
    };
    for (name, value, code) in [
        ("oauth_nonce", "", "2"),
        ("oauth_version", "2.0", "3"),
        ("oauth_signature_method", "PLAINTEXT", "4"),
        ("oauth_consumer_key", "somebody", "5"),
        ("oauth_timestamp", "1790855999", "6"),
        ("oauth_nonce", "1", "7"),
        ("oauth_nonce", "other", "8"),
        ("oauth_token", "made-up", "9"),
    ] {
        assert_eq!(send_changed(name, value, &url), code, "{name} = {value:?}");
    }
    assert_eq!(send_changed("", "", &url.replace("20000", "20001")), "8");
    assert!(send_signed("GET", &url, &good).json()["month"].is_object(), "it was good all along");
    client.timestamp -= 1;
    assert_eq!(code_of(&client.get(path)), "6");
    client.timestamp += 5;
    assert!(client.get(path).json()["month"].is_object());
}

#[test]
fn the_query_carries_the_protocol_as_well() {
    let sandbox = sandbox();
    let client = Signer::of_account(&sandbox, "account-1");
    let plain = format!(
        "{}/rest/server.api?method=profile.get&format=json",
        sandbox.urls("fatsecret").api_url
    );
    let mut url = Url::parse(&plain).unwrap();
    url.query_pairs_mut().extend_pairs(client.protocol("GET", &plain, &[]));
    assert!(send("GET", url.as_str(), &[], "").unwrap().json()["profile"].is_object());
}

#[test]
fn answers_are_xml_unless_json_is_asked_for_and_lists_change_their_form() {
    let sandbox = relaxed();
    let control = sandbox.control();
    empty_account(&sandbox, "forms");
    let mut client = Signer::of_account(&sandbox, "forms");
    let day = format!("/rest/food-entries/v2?date={TODAY}&format=json");
    let month = format!("/rest/food-entries/month/v1?date={TODAY}&format=json");
    assert_eq!(client.get(&day).json(), json!({"food_entries": null}));
    assert_eq!(
        client.get(&month).json(),
        json!({"month": {"from_date_int": "20727", "to_date_int": "20757"}})
    );
    let entry = |name: &str, calories: &str| {
        json!({"food_entry_name": name, "date_int": TODAY.to_string(), "calories": calories,
               "carbohydrate": "1.5", "protein": "2.25", "fat": "0", "meal": "Lunch"})
    };
    let ids = control
        .append("fatsecret", "forms", "food_entries", vec![entry("Soup & Bread", "120")])
        .unwrap();
    let single = client.get(&day).json();
    assert_eq!(single["food_entries"]["food_entry"]["food_entry_id"], json!(ids[0].to_string()));
    control.append("fatsecret", "forms", "food_entries", vec![entry("Tea", "3")]).unwrap();
    let two = client.get(&day).json();
    assert_eq!(two["food_entries"]["food_entry"].as_array().unwrap().len(), 2);
    assert_eq!(
        client.get(&month).json()["month"]["day"],
        json!({"date_int": TODAY.to_string(), "calories": "123", "carbohydrate": "3", "protein": "4.5", "fat": "0"})
    );
    let xml = client.get(&day.replace("&format=json", "")).text();
    assert!(xml.starts_with("<?xml") && xml.contains("Soup &amp; Bread"), "{xml}");
}

#[test]
fn a_weight_is_written_once_a_day_and_read_back() {
    let sandbox = relaxed();
    empty_account(&sandbox, "scale");
    let mut client = Signer::of_account(&sandbox, "scale");
    let mut update = |parameters: &str| {
        client.get(&format!("/rest/server.api?method=weight.update&format=json&{parameters}"))
    };
    assert_eq!(code_of(&update("current_weight_kg=80")), "101", "the first needs more");
    let first =
        format!("current_weight_kg=80.5&goal_weight_kg=75&current_height_cm=180&date={TODAY}");
    assert_eq!(update(&first).json(), json!({"success": {"value": "1"}}));
    assert_eq!(
        update(&format!("current_weight_kg=80.1234&comment=a%26b&date={TODAY}")).status,
        200
    );
    assert_eq!(code_of(&update("current_weight_kg=heavy")), "104");
    assert_eq!(code_of(&update(&format!("current_weight_kg=80&date={}", TODAY + 5))), "205");
    assert_eq!(code_of(&update("current_weight_kg=80&date=today")), "102");
    let month = client.get("/rest/weight/month/v2?format=json").json();
    let expected =
        json!({"date_int": TODAY.to_string(), "weight_kg": "80.123", "weight_comment": "a&b"});
    assert_eq!(month["month"]["day"], expected, "one a day, with three digits");
}

#[test]
fn errors_come_inside_200() {
    let sandbox = relaxed();
    let mut client = Signer::of_account(&sandbox, "account-1");
    assert_eq!(code_of(&client.get("/rest/server.api?method=food.fly&format=json")), "10");
    sandbox.control().tokens("fatsecret", "account-1", TokenAction::Revoke).unwrap();
    let revoked: Value = client.get("/rest/weight/month/v2?format=json").json();
    assert_eq!(revoked["error"]["code"], json!(9));
    assert!(revoked["error"]["message"].as_str().unwrap().starts_with("Invalid access token: '"));
}
