//! What the store says about sign-ups.

use std::collections::HashMap;

use factum::Store;
use registration::domain::{User, UserEvent, UserNumber, normal_address};

use super::tally::Answers;
use crate::{error::Result, events::each_event, words::thousands};

/// Who has which address, folded from everything that is recorded.
#[derive(Default)]
pub(super) struct Holders {
    by_address: HashMap<String, UserNumber>,
    /// `None` for those who have deregistered.
    by_user: HashMap<UserNumber, Option<String>>,
}

impl Holders {
    /// # Errors
    /// An address had two holders at the same time, or the store cannot be read.
    pub(super) async fn read(store: &dyn Store) -> Result<Self> {
        let mut holders = Self::default();
        each_event::<User>(store, |user, recorded| holders.apply(user, recorded.event)).await?;
        Ok(holders)
    }

    fn apply(&mut self, user: UserNumber, event: UserEvent) -> Result<()> {
        let address = match event {
            UserEvent::Registered { email, .. } | UserEvent::EmailChanged { email } => {
                Some(normal_address(&email))
            }
            UserEvent::Deregistered => None,
            _ => return Ok(()),
        };
        if let Some(Some(before)) = self.by_user.insert(user, address.clone()) {
            self.by_address.remove(&before);
        }
        let Some(address) = address else { return Ok(()) };
        match self.by_address.insert(address.clone(), user) {
            Some(other) => Err(format!("the address {address} has two holders, {other} and {user}").into()),
            None => Ok(()),
        }
    }

    /// Holds what was answered against what is recorded, and tells it.
    ///
    /// # Errors
    /// They differ.
    pub(super) fn prove(&self, answers: &Answers) -> Result<String> {
        for (user, email) in &answers.accepted {
            if self.by_address.get(&normal_address(email)) != Some(user) {
                return Err(format!("{user} was accepted and does not have the address {email}").into());
            }
        }
        for (user, email) in &answers.refused {
            if self.by_user.contains_key(user) {
                return Err(format!("{user} was refused and is recorded").into());
            }
            if !self.by_address.contains_key(&normal_address(email)) {
                return Err(format!("{user} was refused, and nobody has the address {email}").into());
            }
        }
        Ok(format!(
            "{} addresses in the store, none held twice; every sign-up that was accepted is there, and none that was refused",
            thousands(self.by_address.len() as u64)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(email: &str) -> UserEvent {
        UserEvent::Registered { email: email.into(), name: "somebody".into() }
    }

    fn holders(events: impl IntoIterator<Item = (UserNumber, UserEvent)>) -> Result<Holders> {
        let mut holders = Holders::default();
        events.into_iter().try_for_each(|(user, event)| holders.apply(user, event))?;
        Ok(holders)
    }

    fn accepted(user: UserNumber, email: &str) -> Answers {
        Answers { accepted: vec![(user, email.to_owned())], ..Answers::default() }
    }

    fn refused(user: UserNumber, email: &str) -> Answers {
        Answers { refused: vec![(user, email.to_owned())], ..Answers::default() }
    }

    #[test]
    fn an_address_that_is_free_again_is_not_held_twice() {
        let [ann, bob, carl] = [(); 3].map(|()| UserNumber::new());
        let changed = UserEvent::EmailChanged { email: "anna@example.org".into() };
        let holders = holders([
            (ann, registered("ann@example.org")),
            (ann, changed),
            (bob, registered("Ann@example.org")),
            (bob, UserEvent::Deregistered),
            (carl, registered(" ann@example.org")),
        ]);
        let holders = holders.unwrap();
        assert!(holders.prove(&accepted(carl, "ANN@example.org")).unwrap().starts_with("2 addresses"));
        assert!(holders.prove(&accepted(bob, "ann@example.org")).is_err());
    }

    #[test]
    fn what_is_wrong_is_found() {
        let [ann, bob] = [(); 2].map(|()| UserNumber::new());
        let twice = holders([(ann, registered("ann@example.org")), (bob, registered("ANN@example.org"))]);
        assert!(twice.err().unwrap().to_string().contains("has two holders"));
        let holders = holders([(ann, registered("ann@example.org"))]).unwrap();
        for (answers, said) in [
            (accepted(bob, "bob@example.org"), "was accepted and does not have"),
            (accepted(ann, "anna@example.org"), "was accepted and does not have"),
            (refused(ann, "ann@example.org"), "was refused and is recorded"),
            (refused(bob, "bob@example.org"), "was refused, and nobody has"),
        ] {
            let told = holders.prove(&answers).unwrap_err().to_string();
            assert!(told.contains(said), "{told}");
        }
        assert!(holders.prove(&refused(bob, "ann@example.org")).is_ok());
    }
}
