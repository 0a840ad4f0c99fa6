//! The state between a record and its copy at a partner.

use crate::model::named;

named! {
    /// The state of a sync item: how a record and a partner's copy of it relate.
    pub enum ItemState {
        /// Both sides agree.
        InStep = "in_step",
        /// The partner does not have it yet; it waits to be created there.
        Create = "create",
        /// It waits to be changed there.
        Update = "update",
        /// It waits to be deleted there.
        Delete = "delete",
        /// A creation was begun whose outcome is not known.
        Creating = "creating",
        /// A change was begun whose outcome is not known.
        Updating = "updating",
        /// A deletion was begun whose outcome is not known.
        Deleting = "deleting",
        /// The partner refuses the change; nothing is sent until the record changes.
        Refused = "refused",
        /// The partner does not have it any more.
        Gone = "gone",
    }
}

/// How a push ended, as far as the item is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushEnd {
    /// The partner has what was sent.
    There,
    /// The partner does not have it: deleted, or an update found nothing.
    NotThere,
    /// The partner refuses it for good.
    Refused,
    /// Certainly nothing happened; it is tried again.
    Again,
    /// The outcome is unknown; the partner is asked before anything is sent again.
    Unknown,
}

impl ItemState {
    /// Whether a push was begun whose outcome is not known.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Creating | Self::Updating | Self::Deleting)
    }

    /// Whether a sync has something to do for it.
    pub fn waits(self) -> bool {
        !matches!(self, Self::InStep | Self::Refused | Self::Gone)
    }

    /// Returns the state after the record changed or was deleted here. An item in flight stays in
    /// flight: when its push ends, it is compared with the record as it is then.
    #[must_use]
    pub fn after_change(self, has_remote: bool, deleted: bool) -> Self {
        match (self, deleted) {
            (Self::Creating | Self::Updating | Self::Deleting, _) => self,
            (Self::Create | Self::Gone, true) => Self::Gone,
            (Self::Create | Self::Gone, false) => Self::Create,
            (_, true) if has_remote => Self::Delete,
            (_, true) => Self::Gone,
            (_, false) if has_remote => Self::Update,
            (_, false) => Self::Create,
        }
    }

    /// Returns the state after the push of a waiting item begins; any other state stays as it is.
    #[must_use]
    pub fn begun(self) -> Self {
        match self {
            Self::Create => Self::Creating,
            Self::Update => Self::Updating,
            Self::Delete => Self::Deleting,
            other => other,
        }
    }

    /// Returns the state after a push ended. `changed`: the record differs from what was sent;
    /// `deleted`: it is deleted now.
    #[must_use]
    pub fn after_push(self, end: PushEnd, changed: bool, deleted: bool) -> Self {
        match end {
            PushEnd::There if deleted => Self::Delete,
            PushEnd::There if changed => Self::Update,
            PushEnd::There => Self::InStep,
            PushEnd::NotThere if deleted => Self::Gone,
            PushEnd::NotThere => Self::Create,
            // What was refused is no longer what the record says.
            PushEnd::Refused if changed => self
                .waiting_again()
                .after_change(!matches!(self, Self::Creating | Self::Create), deleted),
            PushEnd::Refused => Self::Refused,
            PushEnd::Again => self
                .waiting_again()
                .after_change(!matches!(self, Self::Creating | Self::Create), deleted),
            PushEnd::Unknown => self,
        }
    }

    fn waiting_again(self) -> Self {
        match self {
            Self::Creating => Self::Create,
            Self::Updating => Self::Update,
            Self::Deleting => Self::Delete,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ItemState::*;
    use super::*;

    #[test]
    fn every_state_has_a_word_of_its_own() {
        for state in ItemState::ALL {
            assert_eq!(ItemState::from_name(state.name()), Some(*state));
        }
    }

    #[test]
    fn a_change_here_waits_for_what_the_partner_lacks() {
        for (before, remote_ref, deleted, after) in [
            (InStep, true, false, Update),
            (InStep, true, true, Delete),
            (Create, false, false, Create),
            (Create, false, true, Gone),
            (Update, true, true, Delete),
            (Delete, true, false, Update),
            (Refused, true, false, Update),
            (Refused, false, false, Create),
            (Refused, false, true, Gone),
            (Gone, false, false, Create),
            (Creating, false, true, Creating),
            (Updating, true, false, Updating),
        ] {
            let found = before.after_change(remote_ref, deleted);
            assert_eq!(found, after, "{before:?} {remote_ref} {deleted}");
        }
    }

    #[test]
    fn the_end_of_a_push_is_measured_by_the_record_as_it_is_then() {
        for (before, end, changed, deleted, after) in [
            (Creating, PushEnd::There, false, false, InStep),
            (Creating, PushEnd::There, true, false, Update),
            (Creating, PushEnd::There, true, true, Delete),
            (Creating, PushEnd::NotThere, false, false, Create),
            (Creating, PushEnd::Unknown, true, false, Creating),
            (Creating, PushEnd::Again, false, true, Gone),
            (Updating, PushEnd::NotThere, false, false, Create),
            (Updating, PushEnd::Refused, false, false, Refused),
            (Updating, PushEnd::Refused, true, false, Update),
            (Updating, PushEnd::Again, true, true, Delete),
            (Deleting, PushEnd::NotThere, false, true, Gone),
            (Deleting, PushEnd::NotThere, true, false, Create),
            (Deleting, PushEnd::Refused, false, true, Refused),
            (Deleting, PushEnd::Again, false, true, Delete),
        ] {
            let found = before.after_push(end, changed, deleted);
            assert_eq!(found, after, "{before:?} {end:?} {changed} {deleted}");
        }
    }
}
