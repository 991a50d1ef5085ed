//! A command that creates is recorded without a look at what is hardly ever there, and means the same.

use std::sync::Arc;

use factum::{
    Rejection, Repository, Retry,
    testing::chaos::{ChaosStore, Fault},
};

use crate::{
    account::{Account, AccountCommand, register, registered},
    memory,
};

#[tokio::test]
async fn it_reads_nothing_where_nothing_is() {
    let store = Arc::new(ChaosStore::new(memory()));
    let accounts = Repository::<Account>::new(store.clone());
    registered(&accounts, 1, "ann@example.org").await;
    store.inject(1, Fault::Read);
    registered(&accounts, 2, "bob@example.org").await;
    assert_eq!(store.met(Fault::Read), 0);
}

#[tokio::test]
async fn what_is_there_is_found_however_few_attempts_there_are() {
    let accounts = Repository::<Account>::new(memory()).with_retry(Retry::never());
    registered(&accounts, 1, "ann@example.org").await;
    let error = accounts.execute(&1, register("ann@example.org")).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::AlreadyExists));
    // Also where the value would be another's.
    registered(&accounts, 2, "bob@example.org").await;
    let error = accounts.execute(&1, register("bob@example.org")).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::AlreadyExists));
    accounts.execute(&1, AccountCommand::Deregister {}).await.unwrap();
    let error = accounts.execute(&1, register("ann@example.org")).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::Ended));
}

mod guarded {
    use factum::Aggregate;

    #[derive(Aggregate)]
    #[aggregate(error = &'static str)]
    #[events { #[creates] Opened { #[audit] seats: u32 }, #[ends] Closed }]
    #[commands {
        #[require(seats > 0, "no seats")]
        Open => Opened,
        #[decide(Ok((seats > 0).then_some(RoomEvent::Opened { seats })))]
        OpenIfAny { seats: u32 } => Opened,
        Close => Closed,
    }]
    pub(super) struct Room {
        #[id]
        #[allow(dead_code, reason = "the stream has it")]
        pub(super) number: u32,
    }
}

use guarded::{Room, RoomCommand};

/// Whether it is there comes before what the domain says of the command.
#[tokio::test]
async fn refusals_come_in_the_same_order() {
    let rooms = Repository::<Room>::new(memory());
    let refused = async |command| rooms.execute(&1, command).await.unwrap_err().rejection().cloned();
    assert_eq!(refused(RoomCommand::Open { seats: 0 }).await, Some(Rejection::Domain("no seats")));
    assert!(rooms.execute(&1, RoomCommand::OpenIfAny { seats: 0 }).await.unwrap().events.is_empty());
    rooms.execute(&1, RoomCommand::Open { seats: 3 }).await.unwrap();
    for command in [
        RoomCommand::Open { seats: 0 },
        RoomCommand::Open { seats: 3 },
        RoomCommand::OpenIfAny { seats: 0 },
        RoomCommand::OpenIfAny { seats: 3 },
    ] {
        assert_eq!(refused(command).await, Some(Rejection::AlreadyExists));
    }
    rooms.execute(&1, RoomCommand::Close).await.unwrap();
    assert_eq!(refused(RoomCommand::Open { seats: 0 }).await, Some(Rejection::Ended));
}
