//! A story, told while it happens: what is asked, what whoever asks gets, and the state that comes of it.
//!
//! Users, addresses and accounts are new each time, so it can be told again on the same store.

mod places;
mod stage;

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use factum::{Store, Version};
use registration::domain::{AccountCommand, AccountNumber, UserCommand, UserNumber};

use self::stage::{Given, Stage};
use crate::{
    error::Result,
    screen::{Screen, Style},
};

pub(crate) async fn run(store: &Arc<dyn Store>, screen: &mut Screen) -> Result<()> {
    let mut tour = Tour {
        stage: Stage::new(store, screen),
        suffix: format!("{:08x}", fastrand::u32(..)),
        ann: UserNumber::new(),
        bob: UserNumber::new(),
    };
    tour.one_address().await?;
    let seen = tour.strictly().await?;
    let seen = tour.field_by_field(seen).await?;
    tour.the_same_field(seen).await?;
    tour.the_lock().await?;
    tour.once().await?;
    tour.money().await?;
    tour.farewell().await?;
    tour.three_places().await
}

struct Tour<'a> {
    stage: Stage<'a>,
    /// What tells the addresses of this tour from those of others.
    suffix: String,
    /// The account of Ann, which she shares with Carl.
    ann: UserNumber,
    bob: UserNumber,
}

impl Tour<'_> {
    async fn one_address(&mut self) -> Result<()> {
        self.stage.scene("Ann registers.")?;
        let (ann, bob) = (self.ann, self.bob);
        self.stage.ask("ann", ann, register("Ann", self.address("ann")), Given::Nothing).await?;
        self.stage.scene("Bob wants the same address, and writes it differently. The commit is refused.")?;
        let shouted = self.address("ann").to_uppercase();
        self.stage.ask("bob", bob, register("Bob", shouted), Given::Nothing).await?;
        self.stage.scene("So he takes another one.")?;
        self.stage.ask("bob", bob, register("Bob", self.address("bob")), Given::Nothing).await?;
        Ok(())
    }

    async fn strictly(&mut self) -> Result<Version> {
        let seen = Version::FIRST;
        self.stage.scene(&format!(
            "Ann shares her account with Carl. Both look at version {seen} and insist that it is this one: the second gets a conflict, and learns what he missed."
        ))?;
        let name = UserCommand::ChangeName { name: "Ann and Carl".into() };
        let after = self.stage.ask("ann", self.ann, name, Given::Expecting(seen)).await?.unwrap_or(seen);
        let phone = UserCommand::ChangePhone { phone: "555-0100".into() };
        self.stage.ask("carl", self.ann, phone, Given::Expecting(seen)).await?;
        Ok(after)
    }

    async fn field_by_field(&mut self, seen: Version) -> Result<Version> {
        self.stage.scene(&format!(
            "Now they say only what they have seen, which is version {seen}. She changes the address, he the phone: both succeed."
        ))?;
        let email = UserCommand::ChangeEmail { email: self.address("both") };
        self.stage.ask("ann", self.ann, email, Given::Seen(seen)).await?;
        let phone = UserCommand::ChangePhone { phone: "555-0100".into() };
        Ok(self.stage.ask("carl", self.ann, phone, Given::Seen(seen)).await?.unwrap_or(seen))
    }

    async fn the_same_field(&mut self, seen: Version) -> Result<()> {
        self.stage.scene(&format!(
            "Both have seen version {seen} and change the address. The conflict names the field, and that the second address was not taken is on record."
        ))?;
        let (hers, his) = (self.address("ann.and.carl"), self.address("carl.and.ann"));
        self.stage.ask("ann", self.ann, UserCommand::ChangeEmail { email: hers }, Given::Seen(seen)).await?;
        self.stage.ask("carl", self.ann, UserCommand::ChangeEmail { email: his }, Given::Seen(seen)).await?;
        self.stage.scene("All of it is in the history.")?;
        self.stage.history(self.ann).await
    }

    async fn the_lock(&mut self) -> Result<()> {
        let rename = || UserCommand::ChangeName { name: "Ann Lee".into() };
        self.stage.scene(
            "A clerk, Dora, locks the record while she works on it. An hour is usual; here it is one second.",
        )?;
        self.stage.ask("dora", self.ann, UserCommand::Lock { seconds: 1 }, Given::Nothing).await?;
        self.stage.scene("Until then others are refused: those whose record it is, and other clerks, who cannot release it either.")?;
        self.stage.ask("ann", self.ann, rename(), Given::Nothing).await?;
        self.stage.ask("eric", self.ann, UserCommand::Lock { seconds: 60 }, Given::Nothing).await?;
        self.stage.ask("eric", self.ann, UserCommand::Unlock, Given::Nothing).await?;
        self.stage.scene("Dora is at lunch. The time runs out, and Eric takes over.")?;
        self.wait_for_the_lock().await?;
        self.stage.ask("eric", self.ann, UserCommand::Lock { seconds: 60 }, Given::Nothing).await?;
        self.stage.scene("When Dora is back, it is his. He finishes and releases it.")?;
        self.stage.ask("dora", self.ann, UserCommand::Unlock, Given::Nothing).await?;
        self.stage.ask("eric", self.ann, rename(), Given::Nothing).await?;
        self.stage.ask("eric", self.ann, UserCommand::Unlock, Given::Nothing).await?;
        Ok(())
    }

    async fn wait_for_the_lock(&mut self) -> Result<()> {
        let user = self.stage.users.load(&self.ann).await?;
        let Some(lock) = user.and_then(|user| user.state.lock) else { return Ok(()) };
        self.stage.row("waiting", Style::Dim, "until the lock is over")?;
        self.stage.flush()?;
        // Asked anew each time: the machine's clock is not the one that sleeping goes by.
        while let Ok(left) = (lock.until - Utc::now()).to_std() {
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
        }
        Ok(())
    }

    async fn once(&mut self) -> Result<()> {
        let key = format!("phone-{}", self.suffix);
        let phone = |phone: &str| UserCommand::ChangePhone { phone: phone.into() };
        self.stage.scene("Bob's phone sends a command, the answer is lost on the way, and it sends the command again. The second time it gets the first receipt, and nothing new is recorded.")?;
        self.stage.ask("bob", self.bob, phone("555-0199"), Given::Once(&key)).await?;
        self.stage.ask("bob", self.bob, phone("555-0199"), Given::Once(&key)).await?;
        self.stage.scene("Something else under the same key is a mistake.")?;
        self.stage.ask("bob", self.bob, phone("555-0111"), Given::Once(&key)).await?;
        Ok(())
    }

    async fn money(&mut self) -> Result<()> {
        self.stage.scene("Ann and Bob open accounts, with 100 and with nothing, and she pays him 70. Both accounts change in one commit.")?;
        let [ann, bob, nobody] =
            [(); 3].map(|()| AccountNumber::from(fastrand::u64(10_u64.pow(17)..10_u64.pow(18))));
        for (owner, number, deposit) in [("ann", ann, 100), ("bob", bob, 0)] {
            self.stage
                .accounts
                .execute(&number, AccountCommand::Open { owner: owner.into(), deposit })
                .await?;
        }
        self.stage.transfer(70, ("ann", ann), ("bob", bob)).await?;
        self.stage.scene("There is not enough for another 70.")?;
        self.stage.transfer(70, ("ann", ann), ("bob", bob)).await?;
        self.stage.scene("There would be enough for this, but nobody to receive it: the second step is refused, and the first one is not recorded.")?;
        self.stage.transfer(30, ("ann", ann), ("nobody", nobody)).await
    }

    async fn farewell(&mut self) -> Result<()> {
        self.stage.scene("Ann deregisters. After the last event comes nothing more.")?;
        self.stage.ask("ann", self.ann, UserCommand::Deregister, Given::Nothing).await?;
        let back = UserCommand::ChangePhone { phone: "555-0100".into() };
        self.stage.ask("ann", self.ann, back, Given::Nothing).await?;
        self.stage.scene("Her address is free again, and Fay takes it.")?;
        let email = self.address("ann.and.carl");
        self.stage.ask("fay", UserNumber::new(), register("Fay", email), Given::Nothing).await?;
        Ok(())
    }

    fn address(&self, name: &str) -> String {
        format!("{name}.{}@example.org", self.suffix)
    }
}

fn register(name: &str, email: String) -> UserCommand {
    UserCommand::Register { email, name: name.to_owned() }
}
