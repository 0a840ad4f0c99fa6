//! How tokens rotate, and what became of each pair.

use std::time::Duration;

use super::{Control, ControlError};
use crate::token_calls::{TokenCall, TokenRules};
use crate::under_way::CallUnderWay;

impl Control {
    /// Sets the rules for the tokens that a partner issues and renews from now on.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn set_token_rules(&self, partner: &str, rules: TokenRules) -> Result<(), ControlError> {
        self.partner(partner)?.lock().token_rules = rules;
        Ok(())
    }

    /// The calls of an account for tokens, oldest first.
    ///
    /// # Errors
    /// When there is no such partner or account.
    pub fn token_calls(
        &self,
        partner: &str,
        account: &str,
    ) -> Result<Vec<TokenCall>, ControlError> {
        self.with_account(partner, account, |_, state, number| Ok(state.token_calls.of(number)))
    }

    /// The calls that are not answered yet, by what they are for.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn under_way(&self, partner: &str) -> Result<Vec<CallUnderWay>, ControlError> {
        Ok(self.partner(partner)?.under_way.list())
    }

    /// Real time since the sandbox started, as in [`TokenCall`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock().elapsed()
    }
}
