//! Commands: what they are as spans, and what is counted of them.

use std::sync::Arc;

use factum::{
    ExecuteError, Repository, Store,
    observe::{APPEND_SECONDS, BATCH_COMMANDS, BATCH_EVENTS, COMMANDS, CONFLICTS, FOLD_EVENTS, RETRIES},
    store::MemoryStore,
    testing::{
        chaos::{ChaosStore, Fault},
        contract::Harness,
    },
};
use factum_tests::stores::SqliteFile;
use futures_util::future::join_all;

use crate::{
    domain::{busy, kept, payee, payer, plain, rival, until},
    metered::{count, install as install_recorder, told},
    traced::{Seen, children, install as install_subscriber, spans},
};

fn install() {
    install_recorder();
    install_subscriber();
}

fn values<'a>(span: &'a Seen, fields: &[&str]) -> Vec<&'a str> {
    fields.iter().map(|field| span.value(field)).collect()
}

#[tokio::test]
async fn a_command_is_a_span_with_its_load_and_its_append() {
    install();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let accounts = Repository::<plain::Account>::new(store).cold();
    accounts.execute(&1, plain::open()).await.unwrap();
    let all = plain::AccountCommand::PayAll { amounts: vec![1, 2, 3] };
    accounts.execute(&1, all).await.unwrap();
    let nothing = plain::AccountCommand::PayAll { amounts: Vec::new() };
    accounts.execute(&1, nothing).await.unwrap();
    assert!(matches!(accounts.execute(&2, plain::pay(1)).await, Err(ExecuteError::Rejected(_))));
    assert!(matches!(accounts.execute(&1, plain::pay(1)).expecting(3).await, Err(ExecuteError::Conflict(_))));

    let given = spans("factum.execute", "aggregate", "plain");
    let fields = ["stream", "command", "attempts", "outcome", "version"];
    let told_of: Vec<_> = given.iter().map(|span| values(span, &fields)).collect();
    assert_eq!(
        told_of,
        [
            ["plain/1", "Open", "1", "recorded", "1"],
            ["plain/1", "PayAll", "1", "recorded", "4"],
            ["plain/1", "PayAll", "1", "nothing", "4"],
            ["plain/2", "Pay", "1", "rejected", ""],
            ["plain/1", "Pay", "1", "conflict", ""],
        ]
    );
    let load = &children(&given[1], "factum.load")[0];
    assert_eq!(values(load, &["stream", "events", "snapshot", "version"]), ["plain/1", "1", "false", "1"]);
    let append = &children(&given[1], "factum.append")[0];
    assert_eq!(values(append, &["events", "rows", "outcome"]), ["3", "0", "recorded"]);
    assert!(children(&given[2], "factum.append").is_empty());

    let outcomes = ["recorded", "nothing", "rejected", "conflict", "failed"];
    assert_eq!(outcomes.map(|outcome| count(&COMMANDS, &["plain", outcome])), [2.0, 1.0, 1.0, 1.0, 0.0]);
    assert_eq!(told(&FOLD_EVENTS, &["plain"]), [1.0, 4.0, 0.0, 4.0]);
    assert_eq!(count(&CONFLICTS, &["plain"]), 0.0, "the store refused no append");
    let appends = told(&APPEND_SECONDS, &[]);
    assert!(appends.len() >= 2 && appends.iter().all(|seconds| (0.0..60.0).contains(seconds)), "{appends:?}");
}

#[tokio::test]
async fn a_lost_race_is_a_conflict_and_a_retry() {
    install();
    let store = Arc::new(ChaosStore::new(Arc::new(MemoryStore::new())));
    let accounts = Repository::<rival::Account>::new(Arc::clone(&store) as Arc<dyn Store>).cold();
    accounts.execute(&1, rival::open()).await.unwrap();
    store.inject(2, Fault::Conflict);
    accounts.execute(&1, rival::pay(1)).await.unwrap();
    store.inject(1, Fault::Failure);
    assert!(matches!(accounts.execute(&1, rival::pay(1)).await, Err(ExecuteError::Store { .. })));

    let given = spans("factum.execute", "aggregate", "rival");
    assert_eq!(values(&given[1], &["attempts", "outcome", "version"]), ["3", "recorded", "2"]);
    let appends = children(&given[1], "factum.append");
    let outcomes: Vec<_> = appends.iter().map(|append| append.value("outcome")).collect();
    assert_eq!(outcomes, ["conflict", "conflict", "recorded"]);
    assert_eq!(children(&given[2], "factum.append")[0].value("outcome"), "failed");
    assert_eq!((count(&CONFLICTS, &["rival"]), count(&RETRIES, &["rival"])), (2.0, 2.0));
    assert_eq!(count(&COMMANDS, &["rival", "recorded"]), 2.0);
    assert_eq!(count(&COMMANDS, &["rival", "failed"]), 1.0);
}

/// The first one finds the aggregate free; those who come meanwhile are recorded together.
#[tokio::test]
async fn commands_to_one_aggregate_are_batches() {
    install();
    let file = SqliteFile::new("?synchronous=off");
    let accounts = Repository::<busy::Account>::new(file.open().await.unwrap());
    accounts.execute(&1, busy::open()).await.unwrap();
    let paid = join_all((0..9).map(|_| {
        let all = busy::AccountCommand::PayAll { amounts: vec![1, 1] };
        async { accounts.execute(&1, all).await.unwrap() }
    }));
    paid.await;

    let (commands, events) = (told(&BATCH_COMMANDS, &["busy"]), told(&BATCH_EVENTS, &["busy"]));
    assert!(commands.iter().any(|commands| *commands > 1.0), "{commands:?}");
    assert!(commands.iter().sum::<f64>() <= 9.0, "{commands:?}");
    assert_eq!(commands.iter().map(|commands| 2.0 * commands).collect::<Vec<_>>(), events);
    assert_eq!(count(&COMMANDS, &["busy", "recorded"]), 10.0);
    let batches = spans("factum.batch", "aggregate", "busy");
    let appended: Vec<f64> = batches
        .iter()
        .flat_map(|batch| children(batch, "factum.append"))
        .map(|append| append.value("events").parse().unwrap())
        .collect();
    assert_eq!(appended, events);
    assert_eq!(values(&batches[0], &["stream", "attempts"]), ["busy/1", "1"]);
    let waited = spans("factum.execute", "aggregate", "busy");
    assert_eq!(waited.iter().filter(|span| span.value("outcome") == "recorded").count(), 10);
}

#[tokio::test]
async fn a_transaction_is_a_span_and_each_of_its_commands_counts() {
    install();
    let store = Arc::new(ChaosStore::new(Arc::new(MemoryStore::new())));
    let events: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    Repository::<payer::Account>::new(Arc::clone(&events)).execute(&1, payer::open()).await.unwrap();
    Repository::<payee::Account>::new(Arc::clone(&events)).execute(&1, payee::open()).await.unwrap();
    store.inject(1, Fault::Conflict);
    factum::transaction(&events)
        .execute::<payer::Account>(&1, payer::pay(-1))
        .execute::<payee::Account>(&1, payee::pay(1))
        .commit()
        .await
        .unwrap();
    let refused = factum::transaction(&events)
        .execute::<payer::Account>(&1, payer::pay(-1))
        .execute::<payee::Account>(&7, payee::pay(1))
        .commit()
        .await;
    assert!(refused.is_err());

    let given = spans("factum.transaction", "steps", "2");
    let told_of: Vec<_> = given.iter().map(|span| values(span, &["attempts", "outcome"])).collect();
    assert_eq!(told_of, [["2", "recorded"], ["1", "rejected"]]);
    assert_eq!(children(&given[0], "factum.load").len(), 4);
    let appends = children(&given[0], "factum.append");
    let appends: Vec<_> = appends.iter().map(|append| values(append, &["events", "outcome"])).collect();
    assert_eq!(appends, [["2", "conflict"], ["2", "recorded"]]);
    for category in ["payer", "payee"] {
        assert_eq!(count(&COMMANDS, &[category, "recorded"]), 2.0);
        assert_eq!(count(&COMMANDS, &[category, "rejected"]), 1.0);
    }
    let both = |metric| count(metric, &["payer"]) + count(metric, &["payee"]);
    assert_eq!((both(&CONFLICTS), both(&RETRIES)), (1.0, 1.0));
}

#[tokio::test]
async fn a_load_that_begins_at_a_snapshot_says_so() {
    install();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let accounts = Repository::<kept::Account>::new(store).cold();
    accounts.execute(&1, kept::open()).await.unwrap();
    for _ in 0..5 {
        accounts.execute(&1, kept::pay(1)).await.unwrap();
    }
    let begun = || async {
        let account = accounts.load(&1).await.unwrap().unwrap();
        assert_eq!(account.balance, 5);
        spans("factum.load", "stream", "kept/1").last().unwrap().value("snapshot") == "true"
    };
    until("a snapshot", begun).await;
    let load = spans("factum.load", "stream", "kept/1").pop().unwrap();
    assert_eq!(load.value("version"), "6");
    let events: f64 = load.value("events").parse().unwrap();
    assert!(events < 4.0, "{load:?}");
    assert_eq!(told(&FOLD_EVENTS, &["kept"]).last(), Some(&events));
}
