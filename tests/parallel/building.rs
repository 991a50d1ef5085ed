//! Uniqueness that comes to a store which holds events already, and programs that do not know of it yet.

use std::sync::Arc;

use factum::{
    Aggregate, BuildClaimsError, ExecuteError, Repository, Store,
    store::{Constraint, Name, Standing, StoreErrorKind, StreamId},
};

use crate::memory;

/// The program of before.
mod before {
    use factum::Aggregate;

    #[derive(Aggregate)]
    #[events { #[creates] Joined { name }, Renamed { name }, #[ends] Left }]
    #[commands { Join => Joined, Rename => Renamed, Leave => Left }]
    pub(super) struct Member {
        #[id]
        #[allow(dead_code, reason = "the stream has it")]
        pub(super) number: u64,
        pub(super) name: String,
    }
}

/// The program of now.
mod now {
    use factum::Aggregate;

    #[derive(Aggregate)]
    #[events { #[creates] Joined { name }, Renamed { name }, #[ends] Left }]
    #[commands { Join => Joined, Rename => Renamed, Leave => Left }]
    pub(super) struct Member {
        #[id]
        #[allow(dead_code, reason = "the stream has it")]
        pub(super) number: u64,
        #[unique]
        pub(super) name: String,
    }
}

/// A later one, for which the same name in another spelling is the same.
mod later {
    use factum::Aggregate;

    #[derive(Aggregate)]
    #[events { #[creates] Joined { name }, Renamed { name }, #[ends] Left }]
    #[commands { Join => Joined, Rename => Renamed, Leave => Left }]
    pub(super) struct Member {
        #[id]
        #[allow(dead_code, reason = "the stream has it")]
        pub(super) number: u64,
        #[unique(by = str::to_lowercase)]
        pub(super) name: String,
    }
}

async fn with_members(names: &[&str]) -> (Arc<dyn Store>, Repository<before::Member>) {
    let store = memory();
    let members = Repository::<before::Member>::new(store.clone());
    for (number, name) in (1..).zip(names) {
        members.execute(&number, before::MemberCommand::Join { name: (*name).to_owned() }).await.unwrap();
    }
    (store, members)
}

fn join(name: &str) -> now::MemberCommand {
    now::MemberCommand::Join { name: name.to_owned() }
}

fn kind<A: Aggregate>(error: &ExecuteError<A>) -> Option<StoreErrorKind> {
    match error {
        ExecuteError::Store { cause, .. } => Some(cause.kind()),
        _ => None,
    }
}

#[tokio::test]
async fn claims_are_built_of_what_there_is() {
    let (store, before) = with_members(&["Ann", "Bob", "Cem"]).await;
    before.execute(&2, before::MemberCommand::Leave).await.unwrap();
    before.execute(&3, before::MemberCommand::Rename { name: "Dia".to_owned() }).await.unwrap();
    let now = Repository::<now::Member>::new(store.clone());
    let error = now.execute(&9, join("Eva")).await.unwrap_err();
    assert_eq!(kind(&error), Some(StoreErrorKind::Constrained));
    assert!(error.to_string().contains("run `Repository::<Member>::build_claims` once"), "{error}");
    let built = now.build_claims().await.unwrap();
    assert_eq!((built.aggregates, built.claims), (3, 2));
    for (name, free) in [("Ann", false), ("Bob", true), ("Cem", true), ("Dia", false)] {
        let outcome =
            now.execute(&(100 + name.len() as u64 + u64::from(name.as_bytes()[0])), join(name)).await;
        assert_eq!(outcome.is_ok(), free, "{name}");
    }
    // A second time there is nothing left to do.
    assert_eq!(now.build_claims().await.unwrap().claims, 0);
}

#[tokio::test]
async fn every_duplicate_is_reported_and_nothing_has_changed() {
    let (store, before) = with_members(&["Ann", "Bob", "Ann", "Cem", "Bob", "Ann"]).await;
    let now = Repository::<now::Member>::new(store.clone());
    let Err(BuildClaimsError::Duplicates(duplicates)) = now.build_claims().await else { panic!() };
    let member = |number: u64| StreamId::of::<now::Member>(&number);
    let found: Vec<_> = duplicates.iter().map(|found| (found.field, &found.first, &found.second)).collect();
    assert_eq!(
        found,
        [
            ("name", &member(1), &member(3)),
            ("name", &member(2), &member(5)),
            ("name", &member(1), &member(6))
        ]
    );
    // Who does not know the rule goes on, and repairs what is wrong.
    for number in [3, 5, 6] {
        let name = format!("number {number}");
        before.execute(&number, before::MemberCommand::Rename { name }).await.unwrap();
    }
    assert_eq!(now.build_claims().await.unwrap().claims, 6);
}

#[tokio::test]
async fn a_program_of_before_cannot_go_around_it() {
    let (store, before) = with_members(&["Ann"]).await;
    Repository::<now::Member>::new(store.clone()).build_claims().await.unwrap();
    let command = before::MemberCommand::Join { name: "Ann".to_owned() };
    let error = before.execute(&2, command).await.unwrap_err();
    assert_eq!(kind(&error), Some(StoreErrorKind::Constrained));
    assert!(error.to_string().contains("`member.name`"), "{error}");
    // It still reads.
    assert!(before.load(&1).await.unwrap().is_some());
}

#[tokio::test]
async fn another_way_to_make_the_value_is_another_constraint() {
    let (store, _) = with_members(&["Ann", "Bob"]).await;
    let now = Repository::<now::Member>::new(store.clone());
    now.build_claims().await.unwrap();
    now.execute(&3, join("bob")).await.unwrap();
    let later = Repository::<later::Member>::new(store.clone());
    let join = |name: &str| later::MemberCommand::Join { name: name.to_owned() };
    assert_eq!(kind(&later.execute(&4, join("Eva")).await.unwrap_err()), Some(StoreErrorKind::Constrained));
    // What would not be unique in the new way leaves the old way in force.
    assert!(
        matches!(later.build_claims().await, Err(BuildClaimsError::Duplicates(found)) if found.len() == 1)
    );
    assert!(now.execute(&5, self::join("Ann")).await.unwrap_err().taken().is_some());
    now.execute(&3, now::MemberCommand::Leave).await.unwrap();
    later.build_claims().await.unwrap();
    assert!(later.execute(&6, join("BOB")).await.unwrap_err().taken().is_some());
    let category = Name::from("member");
    let on_record = store.constraints(&category).await.unwrap();
    assert_eq!(on_record, [(Name::from("member.name by str::to_lowercase"), Standing::InForce)]);
    assert_eq!(
        kind(&now.execute(&7, self::join("Fay")).await.unwrap_err()),
        Some(StoreErrorKind::Constrained)
    );
    // And back to no rule at all.
    Repository::<before::Member>::new(store.clone()).build_claims().await.unwrap();
    assert!(store.constraints(&category).await.unwrap().is_empty());
}

/// Whoever died while claims were built left a constraint behind that is not in force. Building goes on from there.
#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_by_the_next_one() {
    let (store, _) = with_members(&["Ann", "Bob"]).await;
    let constraint = Constraint { category: Name::from("member"), name: Name::from("member.name") };
    store.constrain(&constraint, Some(Standing::Building)).await.unwrap();
    let now = Repository::<now::Member>::new(store.clone());
    let error = now.execute(&3, join("Cem")).await.unwrap_err();
    assert_eq!(kind(&error), Some(StoreErrorKind::Constrained));
    assert_eq!(now.build_claims().await.unwrap().claims, 2);
    now.execute(&3, join("Cem")).await.unwrap();
    // Where nothing has happened yet, a command finishes it.
    let store = memory();
    store.constrain(&constraint, Some(Standing::Building)).await.unwrap();
    Repository::<now::Member>::new(store).execute(&1, join("Ann")).await.unwrap();
}
