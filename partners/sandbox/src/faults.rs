//! Faults on demand: which calls they hit, how often, and what happens then.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The call is served, its answer is delayed. Latencies add up, and other faults may apply as
    /// well.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
    /// A call that writes is served after this time, also if its caller has gone meanwhile: it lay in a queue.
    /// Of an aim only the path counts.
    Late {
        /// Milliseconds.
        ms: u64,
    },
    /// Another HTTP status instead of the answer; the call is not served.
    Status {
        /// The HTTP status code.
        status: u16,
        /// The body, empty when left out.
        #[serde(default)]
        body: String,
        /// `text/plain; charset=utf-8` when left out.
        #[serde(default)]
        content_type: Option<String>,
        /// Seconds for a `Retry-After` header; no header when left out.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// An error in the partner's own form: HTTP 200 with this envelope at Withings, 403 with the
    /// vendor's error type at RunKeeper. The call is not served.
    PartnerError {
        /// Another HTTP status than the partner's usual one.
        #[serde(default)]
        status: Option<u16>,
        /// The JSON body.
        body: Value,
    },
    /// An outage page: HTTP 200, `text/html`. The call is not served.
    Html,
    /// A web page as a firewall or a content network sends it, with any HTTP status. The call is
    /// not served.
    Page {
        /// The HTTP status code.
        status: u16,
    },
    /// The partner answers as if it did not know the access token, however good it is. For partners
    /// with bearer tokens.
    RefuseToken,
    /// A token call is served, but these members of its answer have other values, such as an empty
    /// text or a list; null removes nothing, it is sent.
    TokenFields {
        /// The members and their values.
        fields: serde_json::Map<String, Value>,
    },
    /// HTTP 200 without a body. The call is not served.
    Empty,
    /// The call is served, but the connection closes before the promised `Content-Length` has
    /// arrived.
    Truncated,
    /// The call is served, but the JSON stops in the middle although the HTTP answer is complete.
    CutJson,
    /// The call is served, but each text of that field in the JSON ends with half an emoji (one half
    /// of a surrogate pair), as a program leaves it that cuts texts to a length.
    HalfEmoji {
        /// The field's name.
        field: String,
    },
    /// The call is served, but that text stands before the answer: a byte order mark, or what a
    /// program on the way has to say.
    Preceded {
        /// The text.
        by: String,
    },
    /// HTTP 200 with these JSON bodies, one a call, and from the first again after the last: pages
    /// that name each other as the next. The calls are not served.
    Circle {
        /// The bodies.
        pages: Vec<Value>,
    },
    /// No answer, for ten minutes at most. The call is not served.
    Hang,
    /// The connection closes without an answer. The call is not served.
    Close,
}

/// Which calls a fault is for; what is left out matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOn {
    /// Beginning of the path below the partner's API address, such as `/measure`.
    #[serde(default)]
    pub path: Option<String>,
    /// The `action` parameter of Withings.
    #[serde(default)]
    pub action: Option<String>,
    /// The account whose token (or code) the call carries.
    #[serde(default)]
    pub account: Option<String>,
}

/// A fault and the calls it applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Which calls.
    #[serde(default)]
    pub on: FaultOn,
    /// How many matching calls are hit; without end when left out.
    #[serde(default)]
    pub times: Option<u32>,
    /// How many matching calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// What happens to them.
    pub fault: Fault,
}

/// An active rule, with what it has done so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActiveFault {
    /// Id for removing the rule.
    pub id: u64,
    /// The rule as it was given.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// Calls that were hit.
    pub hits: u32,
    /// Calls that passed because of `skip`.
    pub passed: u32,
}

/// What the rules decide about one call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) delay_ms: u64,
    pub(crate) fault: Option<Fault>,
}

/// The rules of one partner, oldest first: the first that applies decides.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<ActiveFault>,
    last_id: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) -> u64 {
        self.last_id += 1;
        self.rules.push(ActiveFault { id: self.last_id, rule, hits: 0, passed: 0 });
        self.last_id
    }

    pub(crate) fn list(&self) -> Vec<ActiveFault> {
        self.rules.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    pub(crate) fn judge(
        &mut self,
        path: &str,
        action: Option<&str>,
        account: Option<&str>,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for active in &mut self.rules {
            let on = &active.rule.on;
            let meant = on.path.as_deref().is_none_or(|prefix| path.starts_with(prefix))
                && on.action.as_deref().is_none_or(|wanted| action == Some(wanted))
                && on.account.as_deref().is_none_or(|wanted| account == Some(wanted));
            if matches!(active.rule.fault, Fault::Late { .. }) {
                continue;
            }
            if !meant || active.rule.times.is_some_and(|times| active.hits >= times) {
                continue;
            }
            if active.passed < active.rule.skip {
                active.passed += 1;
                continue;
            }
            active.hits += 1;
            match &active.rule.fault {
                Fault::Latency { ms } => verdict.delay_ms = verdict.delay_ms.saturating_add(*ms),
                Fault::Circle { pages } => {
                    let turn = (active.hits - 1) as usize % pages.len().max(1);
                    let page = pages.get(turn).cloned().into_iter().collect();
                    verdict.fault = Some(Fault::Circle { pages: page });
                    break;
                }
                fault => {
                    verdict.fault = Some(fault.clone());
                    break;
                }
            }
        }
        verdict
    }

    /// How long a call that writes lies in a queue, if it does.
    pub(crate) fn late(&mut self, path: &str) -> Option<u64> {
        self.rules.iter_mut().find_map(|active| {
            let Fault::Late { ms } = active.rule.fault else { return None };
            let meant = active.rule.on.path.as_deref().is_none_or(|aim| path.starts_with(aim));
            if !meant || active.rule.times.is_some_and(|times| active.hits >= times) {
                return None;
            }
            if active.passed < active.rule.skip {
                active.passed += 1;
                return None;
            }
            active.hits += 1;
            Some(ms)
        })
    }
}

/// Puts half an emoji at the end of each text of that field.
pub(crate) fn halve_emoji(json: &[u8], field: &str) -> Vec<u8> {
    let json = String::from_utf8_lossy(json);
    let mut rest = json.as_ref();
    let mut halved = String::new();
    let key = format!("\"{field}\":\"");
    while let Some((before, text)) = rest.split_once(&key) {
        let mut escaped = false;
        let end = text.find(|character: char| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let (text, after) = text.split_at(end.unwrap_or(text.len()));
        halved.extend([before, key.as_str(), text, "\\ud83c"]);
        rest = after;
    }
    halved.push_str(rest);
    halved.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> FaultRule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn skip_times_and_aim() {
        let mut faults = Faults::default();
        faults.add(rule(r#"{"on":{"path":"/measure","account":"a"},"skip":1,"times":1,"fault":{"kind":"html"}}"#));
        assert_eq!(faults.judge("/measure", None, Some("b")).fault, None);
        assert_eq!(faults.judge("/v2/measure", None, Some("a")).fault, None);
        assert_eq!(faults.judge("/measure", None, Some("a")).fault, None);
        assert_eq!(faults.judge("/measure", None, Some("a")).fault, Some(Fault::Html));
        assert_eq!(faults.judge("/measure", None, Some("a")).fault, None);
        assert_eq!(faults.list()[0].hits, 1);
    }

    #[test]
    fn latency_comes_on_top_of_another_fault() {
        let mut faults = Faults::default();
        faults.add(rule(r#"{"fault":{"kind":"latency","ms":20}}"#));
        faults.add(rule(r#"{"fault":{"kind":"empty"}}"#));
        let verdict = faults.judge("/x", None, None);
        assert_eq!((verdict.delay_ms, verdict.fault), (20, Some(Fault::Empty)));
    }

    #[test]
    fn pages_in_a_circle_come_in_turn() {
        let mut faults = Faults::default();
        faults.add(rule(r#"{"fault":{"kind":"circle","pages":[{"next":"a"},{"next":"b"}]}}"#));
        let mut page = || match faults.judge("/x", None, None).fault {
            Some(Fault::Circle { pages }) => pages[0]["next"].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!([page(), page(), page()], ["a", "b", "a"]);
    }

    #[test]
    fn half_an_emoji_ends_each_text_of_the_field() {
        let json = br#"[{"name":"a \"b\"","id":"c"},{"name":"","x":{"name":"d"}}]"#;
        let halved =
            r#"[{"name":"a \"b\"\ud83c","id":"c"},{"name":"\ud83c","x":{"name":"d\ud83c"}}]"#;
        assert_eq!(halve_emoji(json, "name"), halved.as_bytes());
    }

    #[test]
    fn a_misspelt_rule_is_refused() {
        assert!(
            serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"html"},"time":1}"#).is_err()
        );
        assert!(
            serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"latency","sec":1}}"#).is_err()
        );
    }
}
