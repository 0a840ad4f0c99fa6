//! Body measurements: `POST /measure`, `action=getmeas`.

use std::borrow::Cow;
use std::ops::Bound;

use serde::Serialize;
use serde_json::Value;

use super::{MEASURE, PAGE, authorized, envelope, number, offset};
use crate::call::{Answer, Call};
use crate::collection::Item;
use crate::partner::Desk;

#[derive(Serialize)]
pub(super) struct Page<G> {
    pub(super) updatetime: i64,
    pub(super) timezone: &'static str,
    pub(super) measuregrps: Vec<G>,
    /// A number here, and absent on the last page together with the offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<usize>,
}

pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if call.params.get("action") != Some("getmeas") {
        return envelope::unknown_action();
    }
    groups(desk, call).unwrap_or_else(|refusal| refusal)
}

fn groups(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let number_of_account = authorized(desk, call, "user.metrics")?;
    let types = asked_types(call)?;
    let category = number(call, "category")?;
    let from_offset = offset(call)?;
    let (start, end) = (number(call, "startdate")?, number(call, "enddate")?);
    let last_update = number(call, "lastupdate")?;
    if last_update.is_some() && (start.is_some() || end.is_some()) {
        return Err(envelope::invalid("lastupdate"));
    }
    let Some(account) = desk.state.accounts.get(number_of_account) else {
        return Err(envelope::invalid("userid"));
    };

    let found: Box<dyn Iterator<Item = &Item>> = match (account.collection(MEASURE), last_update) {
        (None, _) => Box::new(std::iter::empty()),
        // "Created or modified after": the given second is excluded.
        (Some(items), Some(after)) => {
            Box::new(items.changed((Bound::Excluded(after), Bound::Unbounded)).into_iter())
        }
        (Some(items), None) => {
            let (start, end) = (start.unwrap_or(i64::MIN), end.unwrap_or(i64::MAX));
            if start > end {
                Box::new(std::iter::empty())
            } else {
                Box::new(items.newest(start..=end))
            }
        }
    };
    let mut asked = found
        .filter(|item| {
            let have = item.value.get("category").and_then(Value::as_i64);
            category.is_none() || have.is_none() || have == category
        })
        .filter_map(|item| only_types(&item.value, &types))
        .skip(from_offset);
    let measuregrps: Vec<_> = asked.by_ref().take(PAGE).collect();
    let more = asked.next().is_some();
    Ok(envelope::ok(&Page {
        updatetime: desk.now,
        timezone: account.zone.name(),
        more: more.then_some(1),
        offset: more.then_some(from_offset + measuregrps.len()),
        measuregrps,
    }))
}

/// One type or a list of them; none means all.
fn asked_types(call: &Call<'_>) -> Result<Vec<i64>, Answer> {
    let one = number(call, "meastype")?;
    let mut types: Vec<i64> = one.into_iter().collect();
    if let Some(list) = call.params.get("meastypes") {
        for text in list.split(',') {
            types.push(text.trim().parse().map_err(|_| envelope::invalid("meastypes"))?);
        }
    }
    Ok(types)
}

/// The group with the requested types only, or nothing when it has none of them. A record without a
/// list of measures, added on purpose, passes unchanged.
fn only_types<'a>(group: &'a Value, types: &[i64]) -> Option<Cow<'a, Value>> {
    let Some(measures) = group.get("measures").and_then(Value::as_array) else {
        return Some(Cow::Borrowed(group));
    };
    let asked = |measure: &Value| {
        measure.get("type").and_then(Value::as_i64).is_none_or(|have| types.contains(&have))
    };
    if types.is_empty() || measures.iter().all(asked) {
        return Some(Cow::Borrowed(group));
    }
    let kept: Vec<Value> = measures.iter().filter(|measure| asked(measure)).cloned().collect();
    if kept.is_empty() {
        return None;
    }
    let mut smaller = group.clone();
    if let Some(place) = smaller.get_mut("measures") {
        *place = Value::Array(kept);
    }
    Some(Cow::Owned(smaller))
}
