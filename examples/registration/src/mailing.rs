//! The rule that an address belongs to one, where less depends on it than with users. It is said at the field each time; what
//! differs is where it is enforced.
#![allow(missing_docs, reason = "the names of the domain say what they mean")]

use factum::{
    Aggregate, Duplicate,
    handler::{Delivery, HandlerError, OnDuplicate},
};
use serde::{Deserialize, Serialize};

use crate::domain::{UserNumber, normal_address};

/// Somebody who gets the newsletter. Who is there twice gets it twice, which is no more than a nuisance: so it is looked up
/// whether the address is there already, and nobody waits for anybody.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[events {
    #[creates]
    Subscribed { email },
    #[ends]
    Unsubscribed,
}]
#[commands { Subscribe => Subscribed, Unsubscribe => Unsubscribed }]
pub struct Subscriber {
    #[id]
    pub number: UserNumber,
    #[unique(by = normal_address, enforce = view)]
    pub email: String,
}

/// A present for new users. Everybody may order one at once; it is sent later, so there is time to withdraw a second one.
#[derive(Aggregate, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[events {
    #[creates]
    Ordered { email },
    #[ends]
    Withdrawn,
}]
#[commands { Order => Ordered, Withdraw => Withdrawn }]
pub struct Present {
    #[id]
    pub number: UserNumber,
    #[unique(by = normal_address, enforce = after)]
    pub email: String,
}

/// The second present to an address is withdrawn.
#[derive(Clone, Copy, Debug)]
pub struct OnePresentEach;

impl OnDuplicate for OnePresentEach {
    type Aggregate = Present;

    async fn settle(&self, duplicate: &Duplicate, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        let second = duplicate.second.parse_id::<Present>()?;
        delivery.execute::<Present>(&second, PresentCommand::Withdraw).await?;
        Ok(())
    }
}
