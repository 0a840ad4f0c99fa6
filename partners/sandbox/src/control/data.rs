//! Control of the data that accounts hold.

use serde_json::Value;

use super::{Control, ControlError};

/// The most items made by one operation.
const MAX_GENERATED: usize = 1_000_000;

impl Control {
    /// Adds items in the partner's own form, stored now. Missing ids and storage times are filled
    /// in; nothing is checked, so that bad records can be served too. Returns the ids.
    ///
    /// # Errors
    /// When there is no such partner, account or resource.
    pub fn append(
        &self,
        partner: &str,
        account: &str,
        resource: &str,
        items: Vec<Value>,
    ) -> Result<Vec<i64>, ControlError> {
        let now = self.now();
        self.with_account(partner, account, |partner, state, number| {
            let resource = partner
                .resource(resource)
                .ok_or_else(|| ControlError::unknown("resource", resource))?;
            let Some(account) = state.accounts.get_mut(number) else {
                return Ok(Vec::new());
            };
            let mut ids = Vec::with_capacity(items.len());
            for value in items {
                let item = partner.wire.file(resource, account, value, now);
                ids.push(item.id);
                account.insert(resource, item);
            }
            Ok(ids)
        })
    }

    /// Adds that many made-up items, stored now, with event times spread evenly over the last days.
    /// Returns the ids.
    ///
    /// # Errors
    /// When there is no such partner, account or resource, or nothing can be made up for it.
    pub fn generate(
        &self,
        partner: &str,
        account: &str,
        resource: &str,
        count: usize,
        from_days_ago: u32,
    ) -> Result<Vec<i64>, ControlError> {
        if count > MAX_GENERATED {
            return Err(ControlError::Invalid(format!("at most {MAX_GENERATED} items at once")));
        }
        let now = self.now();
        self.with_account(partner, account, |partner, state, number| {
            let resource = partner
                .resource(resource)
                .ok_or_else(|| ControlError::unknown("resource", resource))?;
            let mut ids = Vec::with_capacity(count);
            let Some(account) = state.accounts.get_mut(number) else {
                return Ok(ids);
            };
            let span = i64::from(from_days_ago) * 86_400;
            while ids.len() < count {
                let at = now - span + span * ids.len() as i64 / count as i64;
                let made = partner.wire.make(resource, account, at);
                if made.is_empty() {
                    return Err(ControlError::Invalid(format!(
                        "nothing can be made up for “{resource}”"
                    )));
                }
                for value in made.into_iter().take(count - ids.len()) {
                    let item = partner.wire.file(resource, account, value, now);
                    ids.push(item.id);
                    account.insert(resource, item);
                }
            }
            Ok(ids)
        })
    }

    /// The items of a resource in the partner's own form, newest first, whoever wrote them.
    ///
    /// # Errors
    /// When there is no such partner, account or resource.
    pub fn items(
        &self,
        partner: &str,
        account: &str,
        resource: &str,
    ) -> Result<Vec<Value>, ControlError> {
        self.with_account(partner, account, |partner, state, number| {
            let resource = partner
                .resource(resource)
                .ok_or_else(|| ControlError::unknown("resource", resource))?;
            let Some(account) = state.accounts.get_mut(number) else {
                return Ok(Vec::new());
            };
            let items = account.collection_mut(resource).newest(..);
            Ok(items.map(|item| item.value.clone()).collect())
        })
    }

    /// Merges a patch into an item, member by member, as an edit made at the partner now.
    ///
    /// # Errors
    /// When there is no such partner, account, resource or item.
    pub fn edit(
        &self,
        partner: &str,
        account: &str,
        resource: &str,
        id: i64,
        patch: &Value,
    ) -> Result<(), ControlError> {
        let now = self.now();
        self.with_account(partner, account, |partner, state, number| {
            let resource = partner
                .resource(resource)
                .ok_or_else(|| ControlError::unknown("resource", resource))?;
            let edited = state.accounts.get_mut(number).is_some_and(|account| {
                account.collection_mut(resource).edit(id, |item| {
                    merge(&mut item.value, patch);
                    partner.wire.refile(resource, item, now);
                })
            });
            if edited { Ok(()) } else { Err(ControlError::unknown("item", &id.to_string())) }
        })
    }

    /// Removes an item, as a deletion made at the partner now.
    ///
    /// # Errors
    /// When there is no such partner, account, resource or item.
    pub fn delete(
        &self,
        partner: &str,
        account: &str,
        resource: &str,
        id: i64,
    ) -> Result<(), ControlError> {
        let now = self.now();
        self.with_account(partner, account, |partner, state, number| {
            let resource = partner
                .resource(resource)
                .ok_or_else(|| ControlError::unknown("resource", resource))?;
            let account = state.accounts.get_mut(number);
            let removed =
                account.is_some_and(|account| account.collection_mut(resource).remove(id, now));
            if removed { Ok(()) } else { Err(ControlError::unknown("item", &id.to_string())) }
        })
    }
}

/// Merges objects and replaces everything else; `null` is a value here, because partners send it.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}
