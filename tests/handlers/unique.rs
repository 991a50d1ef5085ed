//! Unique values that are enforced elsewhere than in the commit: on a view before it, and by whoever is told behind it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use factum::{
    Aggregate, App, Duplicate, ExecuteError, Repository, Store,
    app::{RunningApp, StartError},
    handler::{Delivery, HandlerError, OnDuplicate},
    store::StreamId,
};

use super::{app, until};

/// The same rule in the commit.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events { #[creates] Joined { name } }]
#[commands { Join => Joined }]
pub struct Member {
    #[id]
    number: u64,
    #[unique]
    name: String,
}

/// On a view. An address of nobody is none.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Opened { address },
    Moved { address },
    #[ends]
    Closed,
}]
#[commands { Open => Opened, Move => Moved, Close => Closed }]
pub struct Shop {
    #[id]
    number: u64,
    #[unique(by = str::to_lowercase, enforce = view, show_holder)]
    address: String,
}

/// Behind the commit.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Hired { badge: u32, desk: u32 },
    BadgeGiven { badge: u32 },
    BadgeTaken,
    DeskTaken,
    #[ends]
    Left,
}]
#[commands { Hire => Hired, GiveBadge => BadgeGiven, TakeBadge => BadgeTaken, TakeDesk => DeskTaken, Leave => Left }]
pub struct Clerk {
    #[id]
    number: u64,
    #[unique(enforce = after)]
    #[on(Hired | BadgeGiven = Some(badge), BadgeTaken = None)]
    badge: Option<u32>,
    #[unique(enforce = after)]
    #[on(Hired = Some(desk), DeskTaken = None)]
    desk: Option<u32>,
}

/// The first one keeps it.
#[derive(Clone, Default)]
struct FirstComeFirstServed {
    told: Arc<AtomicU32>,
    /// How often it fails behind its command.
    failures: Arc<AtomicU32>,
}

impl OnDuplicate for FirstComeFirstServed {
    type Aggregate = Clerk;

    async fn settle(&self, duplicate: &Duplicate, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        self.told.fetch_add(1, Ordering::Relaxed);
        let second = duplicate.second.parse_id::<Clerk>()?;
        let command = match duplicate.field {
            "badge" => ClerkCommand::TakeBadge,
            _ => ClerkCommand::TakeDesk,
        };
        delivery.execute::<Clerk>(&second, command).await?;
        match self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => Err("it failed behind its command".into()),
            Err(_) => Ok(()),
        }
    }
}

/// In memory and in a file.
async fn stores() -> Vec<(Option<tempfile::TempDir>, Arc<dyn Store>)> {
    let directory = tempfile::tempdir().unwrap();
    let file = factum::open(&format!("sqlite:{}", directory.path().join("shop.db").display())).await.unwrap();
    vec![(None, factum::open("memory:").await.unwrap()), (Some(directory), file)]
}

fn open(address: &str) -> ShopCommand {
    ShopCommand::Open { address: address.to_owned() }
}

fn move_to(address: &str) -> ShopCommand {
    ShopCommand::Move { address: address.to_owned() }
}

fn hire(badge: u32, desk: u32) -> ClerkCommand {
    ClerkCommand::Hire { badge, desk }
}

/// Waits until a reader of the app has taken in everything.
async fn caught_up(app: &RunningApp, reader: &str) {
    let head = app.store().head().await.unwrap();
    until(|| async {
        app.status()
            .iter()
            .any(|status| status.reader.starts_with(reader) && status.position >= head && status.is_active())
    })
    .await;
}

fn taken<A: Aggregate>(error: &ExecuteError<A>) -> (&'static str, Option<String>) {
    let taken = error.taken().unwrap();
    (taken.field, taken.by.as_ref().map(ToString::to_string))
}

#[tokio::test]
async fn what_somebody_has_by_the_view_is_taken() {
    for (_directory, store) in stores().await {
        let app = app(&store).unique::<Shop>().start().await.unwrap();
        let shops = app.repository::<Shop>();
        shops.execute(&1, open("Harbour 1")).await.unwrap();
        caught_up(&app, "unique_shop").await;
        let error = shops.execute(&2, open("HARBOUR 1")).await.unwrap_err();
        let (field, by) = taken(&error);
        assert_eq!((field, by), ("address", Some(StreamId::of::<Shop>(&1).to_string())));
        // What one has itself is not taken from it.
        shops.execute(&1, move_to("harbour 1")).await.unwrap();
        // In a transaction it is the same.
        let error = app.transaction().execute::<Shop>(&2, open("harbour 1")).commit().await.unwrap_err();
        assert!(error.to_string().contains("is taken by"), "{error}");
        // What is given back is free: by a change, and by the end.
        shops.execute(&1, move_to("Market 7")).await.unwrap();
        caught_up(&app, "unique_shop").await;
        shops.execute(&2, open("Harbour 1")).await.unwrap();
        shops.execute(&1, ShopCommand::Close).await.unwrap();
        caught_up(&app, "unique_shop").await;
        shops.execute(&3, open("Market 7")).await.unwrap();
        app.shutdown().await;
    }
}

#[tokio::test]
async fn two_change_places_in_one_transaction_by_the_view() {
    for (_directory, store) in stores().await {
        let app = app(&store).unique::<Shop>().start().await.unwrap();
        let shops = app.repository::<Shop>();
        shops.execute(&1, open("a")).await.unwrap();
        shops.execute(&2, open("b")).await.unwrap();
        caught_up(&app, "unique_shop").await;
        assert!(shops.execute(&1, move_to("b")).await.is_err());
        let swap = app.transaction().execute::<Shop>(&1, move_to("b")).execute::<Shop>(&2, move_to("a"));
        swap.commit().await.unwrap();
        let same = app.transaction().execute::<Shop>(&3, open("c")).execute::<Shop>(&4, open("c"));
        assert!(same.commit().await.unwrap_err().to_string().contains("is taken"));
        app.shutdown().await;
    }
}

#[tokio::test]
async fn the_view_misses_who_took_it_since_it_was_read() {
    for (_directory, store) in stores().await {
        let app = app(&store).unique::<Shop>().start().await.unwrap();
        let shops = app.repository::<Shop>();
        // Nobody keeps the table from here on: a lag that has no end.
        app.shutdown().await;
        shops.execute(&1, open("Harbour 1")).await.unwrap();
        shops.execute(&2, open("Harbour 1")).await.unwrap();
        // Who starts again finds both in the table, and a third one is refused.
        let app = super::app(&store).unique::<Shop>().start().await.unwrap();
        caught_up(&app, "unique_shop").await;
        let error = app.repository::<Shop>().execute(&3, open("Harbour 1")).await.unwrap_err();
        assert_eq!(taken(&error).0, "address");
        app.shutdown().await;
    }
}

/// The second one closes.
#[derive(Clone, Default)]
struct OneShopForEachAddress(Arc<AtomicU32>);

impl OnDuplicate for OneShopForEachAddress {
    type Aggregate = Shop;

    async fn settle(&self, duplicate: &Duplicate, delivery: &Delivery<'_>) -> Result<(), HandlerError> {
        assert_eq!(duplicate.field, "address");
        self.0.fetch_add(1, Ordering::Relaxed);
        let second = duplicate.second.parse_id::<Shop>()?;
        delivery.execute::<Shop>(&second, ShopCommand::Close).await?;
        Ok(())
    }
}

#[tokio::test]
async fn what_got_past_the_view_is_settled_where_somebody_is_told() {
    for (_directory, store) in stores().await {
        let told = OneShopForEachAddress::default();
        let app = app(&store).on_duplicate(told.clone()).start().await.unwrap();
        let shops = app.repository::<Shop>();
        app.shutdown().await;
        for number in 1..=3 {
            shops.execute(&number, open("Harbour 1")).await.unwrap();
        }
        let app = super::app(&store).on_duplicate(told.clone()).start().await.unwrap();
        caught_up(&app, "duplicates of shop").await;
        let shops = app.repository::<Shop>();
        for number in 1..=3 {
            assert_eq!(shops.load(&number).await.unwrap().unwrap().ended, number > 1);
        }
        assert_eq!(told.0.load(Ordering::Relaxed), 2);
        app.shutdown().await;
    }
}

#[tokio::test]
async fn who_cannot_ask_the_view_takes_nothing() {
    let store = factum::open("memory:").await.unwrap();
    let plain = Repository::<Shop>::new(Arc::clone(&store));
    let error = plain.execute(&1, open("Harbour 1")).await.unwrap_err().to_string();
    assert!(error.contains("`.unique` of the aggregate"), "{error}");
    let app = app(&store).start().await.unwrap();
    let error = app.repository::<Shop>().execute(&1, open("Harbour 1")).await.unwrap_err().to_string();
    assert!(error.contains("`.unique` of the aggregate"), "{error}");
    let error =
        factum::transaction(&store).execute::<Shop>(&1, open("Harbour 1")).commit().await.unwrap_err();
    assert!(error.to_string().contains("`.unique` of the aggregate"), "{error}");
    app.shutdown().await;
}

#[tokio::test]
async fn an_app_that_cannot_do_it_does_not_start() {
    let store = factum::open("memory:").await.unwrap();
    let error = App::new(Arc::clone(&store)).unique::<Member>().start().await.unwrap_err();
    assert!(matches!(error, StartError::NothingToKeep { aggregate: "Member" }), "{error}");
    let error = App::new(Arc::clone(&store)).unique::<Clerk>().start().await.unwrap_err();
    assert!(matches!(error, StartError::NobodyTold { aggregate: "Clerk", field: "badge" }), "{error}");
}

#[tokio::test]
async fn duplicates_are_found_behind_the_commit_and_settled_once() {
    for (_directory, store) in stores().await {
        let told = FirstComeFirstServed::default();
        let app = app(&store).on_duplicate(told.clone()).start().await.unwrap();
        let clerks = app.repository::<Clerk>();
        // Any repository may write; all at once, so that nobody could have seen the others.
        let plain = Repository::<Clerk>::new(Arc::clone(&store));
        let all = (1..=5).map(|number| {
            let plain = plain.clone();
            tokio::spawn(async move { plain.execute(&number, hire(7, number as u32)).await.map(drop) })
        });
        for hired in all.collect::<Vec<_>>() {
            hired.await.unwrap().unwrap();
        }
        caught_up(&app, "duplicates of clerk").await;
        let mut with_badge = 0;
        for number in 1..=5 {
            let clerk = clerks.load(&number).await.unwrap().unwrap();
            with_badge += u32::from(clerk.badge.is_some());
            assert!(clerk.desk.is_some() && clerk.version <= 2_u64);
        }
        assert_eq!((with_badge, told.told.load(Ordering::Relaxed)), (1, 4));
        app.shutdown().await;
    }
}

#[tokio::test]
async fn both_fields_of_one_event_are_settled_though_one_of_them_fails_at_first() {
    for (_directory, store) in stores().await {
        let told = FirstComeFirstServed::default();
        told.failures.store(1, Ordering::Relaxed);
        let app = app(&store).on_duplicate(told.clone()).start().await.unwrap();
        let clerks = app.repository::<Clerk>();
        clerks.execute(&1, hire(1, 1)).await.unwrap();
        clerks.execute(&2, hire(1, 1)).await.unwrap();
        caught_up(&app, "duplicates of clerk").await;
        let second = clerks.load(&2).await.unwrap().unwrap();
        assert_eq!((second.badge, second.desk, second.version), (None, None, 3.into()));
        let first = clerks.load(&1).await.unwrap().unwrap();
        assert_eq!((first.badge, first.desk), (Some(1), Some(1)));
        app.shutdown().await;
    }
}

#[tokio::test]
async fn what_happened_while_nobody_looked_is_found_at_the_next_start() {
    for (_directory, store) in stores().await {
        let told = FirstComeFirstServed::default();
        let app = app(&store).on_duplicate(told.clone()).start().await.unwrap();
        app.shutdown().await;
        let plain = Repository::<Clerk>::new(Arc::clone(&store));
        // Three have badge 1; the first of them gives it back, and so does one who leaves.
        for number in 1..=4 {
            plain.execute(&number, hire(1, number as u32)).await.unwrap();
        }
        plain.execute(&1, ClerkCommand::GiveBadge { badge: 9 }).await.unwrap();
        plain.execute(&2, ClerkCommand::Leave).await.unwrap();
        for round in 0..2 {
            let app = super::app(&store).on_duplicate(told.clone()).start().await.unwrap();
            caught_up(&app, "duplicates of clerk").await;
            let badges = async |number| plain.load(&number).await.unwrap().unwrap().badge;
            let held = (badges(1).await, badges(3).await, badges(4).await);
            assert_eq!(held, (Some(9), Some(1), None), "round {round}");
            assert_eq!(told.told.load(Ordering::Relaxed), 1, "round {round}");
            app.shutdown().await;
        }
    }
}

/// What each place costs, for people to read.
#[tokio::test]
async fn each_place_has_its_price() {
    const COMMANDS: u64 = 200;
    for (directory, store) in stores().await {
        let told = FirstComeFirstServed::default();
        let app = app(&store).unique::<Shop>().on_duplicate(told).start().await.unwrap();
        let (members, shops, clerks) =
            (app.repository::<Member>(), app.repository::<Shop>(), app.repository::<Clerk>());
        let begun = Instant::now();
        for number in 0..COMMANDS {
            members.execute(&number, MemberCommand::Join { name: number.to_string() }).await.unwrap();
        }
        let append = begun.elapsed();
        let begun = Instant::now();
        for number in 0..COMMANDS {
            shops.execute(&number, open(&number.to_string())).await.unwrap();
        }
        let view = begun.elapsed();
        let begun = Instant::now();
        for number in 0..COMMANDS {
            clerks.execute(&number, hire(number as u32, number as u32)).await.unwrap();
        }
        let after = begun.elapsed();
        let begun = Instant::now();
        caught_up(&app, "unique_shop").await;
        caught_up(&app, "duplicates of clerk").await;
        let each = |all: Duration| all / COMMANDS as u32;
        let place = if directory.is_some() { "in a file" } else { "in memory" };
        println!(
            "{place}: append {:?}, view {:?}, after {:?} a command; all looked at {:?} later",
            each(append),
            each(view),
            each(after),
            begun.elapsed()
        );
        app.shutdown().await;
    }
}
