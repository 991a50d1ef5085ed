//! What is observed. Each test has an aggregate of its own, so that what is counted of it is the test's.

use std::{future::Future, time::Duration};

/// An account in a category of its own.
macro_rules! account {
    ($module:ident, $category:literal $(, $option:meta)?) => {
        pub mod $module {
            #[derive(factum::Aggregate, Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
            #[aggregate(category = $category $(, $option)?)]
            #[events { #[creates] Opened { owner }, Paid { amount: i64 } }]
            #[commands {
                Open => Opened,
                Pay => Paid,
                #[decide(Ok(amounts.into_iter().map(|amount| AccountEvent::Paid { amount }).collect::<Vec<_>>()))]
                PayAll { amounts: Vec<i64> } => Paid,
            }]
            pub struct Account {
                #[id]
                pub number: u64,
                pub owner: String,
                #[on(Paid += amount)]
                pub balance: i64,
            }

            pub fn open() -> AccountCommand {
                AccountCommand::Open { owner: "Ann".to_owned() }
            }

            pub const fn pay(amount: i64) -> AccountCommand {
                AccountCommand::Pay { amount }
            }
        }
    };
}

account!(plain, "plain");
account!(rival, "rival");
account!(busy, "busy");
account!(payer, "payer");
account!(payee, "payee");
account!(kept, "kept", snapshot(every = 4));
account!(seen, "seen");
account!(troubled, "troubled");
account!(noted, "noted");
account!(full, "full");
account!(grouped, "grouped");

/// Waits until something is so; half a minute is too long.
pub async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), waited).await.is_ok(), "never: {what}");
}
