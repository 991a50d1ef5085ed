//! Commits that share a transaction.

use factum::{
    Repository,
    observe::{COMMANDS, COMMIT_GROUP_SIZE},
    testing::contract::Harness,
};
#[cfg(all(feature = "postgres", unix))]
use factum_tests::postgres::Schema;
use factum_tests::stores::SqliteFile;
use futures_util::future::join_all;

use crate::{
    domain::grouped,
    metered::{count, install, told},
};

#[tokio::test]
async fn commits_that_share_a_transaction_are_a_group() {
    install();
    let mut houses: Vec<(_, Box<dyn Harness>)> = vec![("sqlite", Box::new(SqliteFile::new("")))];
    #[cfg(all(feature = "postgres", unix))]
    houses.push(("postgres", Box::new(Schema::new())));
    for (store, house) in houses {
        if let Some(missing) = house.missing() {
            println!("not tried: {missing}");
            continue;
        }
        let accounts = Repository::<grouped::Account>::new(house.open().await.unwrap());
        let before = (count(&COMMIT_GROUP_SIZE, &[store]), count(&COMMANDS, &["grouped", "recorded"]));
        join_all((0..64).map(|number| {
            let accounts = accounts.clone();
            async move { accounts.execute(&number, grouped::open()).await.unwrap() }
        }))
        .await;
        assert_eq!(count(&COMMANDS, &["grouped", "recorded"]) - before.1, 64.0);
        assert!(count(&COMMIT_GROUP_SIZE, &[store]) - before.0 >= 64.0, "each commit is in a group");
        let groups = told(&COMMIT_GROUP_SIZE, &[store]);
        assert!(groups.iter().all(|commits| *commits >= 1.0), "{groups:?}");
        assert!(groups.iter().any(|commits| *commits > 1.0), "{groups:?}");
    }
}
