//! How attempts to deliver an event end.

use super::words::named;

named! {
    /// How an attempt to deliver a message to a webhook endpoint ended.
    pub enum DeliveryStatus {
        /// The endpoint answered with 2xx.
        Delivered = "delivered",
        /// It did not; the message is tried again.
        Failed = "failed",
        /// It did not, for three days in which others were delivered: the message is not tried again,
        /// unless it is replayed.
        GivenUp = "given_up",
    }
}
