//! `rebase_from`: what happened since may stand, as long as it has nothing to do with the command.

use std::collections::HashSet;

use factum::{Aggregate, Context, ExecuteError, Fold, Metadata, Repository, Version};

use crate::{
    account::{
        Account, AccountCommand, AccountError, AccountEvent, change_email, change_password, change_phone,
        registered,
    },
    memory,
};

#[tokio::test]
async fn two_people_change_different_fields() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_email("we@example.org")).rebase_from(1).await.unwrap();
    let second = accounts.execute(&1, change_password("secret")).rebase_from(1).await.unwrap();
    assert_eq!(second.version, 3);
    let account = accounts.load(&1).await.unwrap().unwrap();
    assert_eq!((account.email.as_str(), account.password.as_str()), ("we@example.org", "secret"));
}

#[tokio::test]
async fn two_people_change_the_same_field() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_password("first")).rebase_from(1).await.unwrap();
    accounts.execute(&1, change_phone("1")).rebase_from(1).await.unwrap();
    let error = accounts.execute(&1, change_password("second")).rebase_from(1).await.unwrap_err();
    let conflict = error.conflict().unwrap();
    assert_eq!((conflict.expected, conflict.actual), (1.into(), 3.into()));
    assert_eq!(conflict.fields, ["password"]);
    assert_eq!(conflict.since.len(), 2);
    assert!(error.to_string().contains("changed since: `password`"), "{error}");
    // Who has seen it may.
    accounts.execute(&1, change_password("second")).rebase_from(3).await.unwrap();
}

#[tokio::test]
async fn what_a_guard_reads_must_not_have_changed() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, AccountCommand::Lock {}).await.unwrap();
    accounts.execute(&1, AccountCommand::Unlock).await.unwrap();
    let error = accounts.execute(&1, change_email("we@example.org")).rebase_from(1).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().fields, ["locked"]);
    accounts.execute(&1, change_phone("1")).rebase_from(1).await.unwrap();
}

#[tokio::test]
async fn sums_do_not_get_in_each_others_way_unless_they_are_read() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, AccountCommand::Book { amount: 5 }).rebase_from(1).await.unwrap();
    accounts.execute(&1, AccountCommand::Book { amount: 7 }).rebase_from(1).await.unwrap();
    let error = accounts.execute(&1, AccountCommand::Pay { amount: -2 }).rebase_from(1).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().fields, ["balance"]);
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 12);
}

/// `Deregister` calls a method, which may read anything: also that nothing but the version has changed.
#[tokio::test]
async fn what_cannot_be_known_is_assumed() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, change_password("secret")).await.unwrap();
    let deregister = || accounts.execute(&1, AccountCommand::Deregister {});
    let error = deregister().rebase_from(1).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().fields, ["password"]);
    deregister().rebase_from(2).await.unwrap();
}

#[tokio::test]
async fn a_version_that_is_yet_to_come_is_a_conflict() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    let error = accounts.execute(&1, change_phone("1")).rebase_from(2).await.unwrap_err();
    let conflict = error.conflict().unwrap();
    assert_eq!((conflict.expected, conflict.actual, conflict.since.len()), (2.into(), 1.into(), 0));
}

#[tokio::test]
async fn what_has_ended_since_is_a_conflict() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    accounts.execute(&1, AccountCommand::Deregister {}).await.unwrap();
    let error = accounts.execute(&1, change_phone("1")).rebase_from(1).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Conflict(_)), "{error}");
}

/// Races are not conflicts: the command is decided again, on what its fields still are.
#[tokio::test]
async fn many_at_once_all_succeed() {
    let accounts = Repository::<Account>::new(memory());
    registered(&accounts, 1, "us@example.org").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let accounts = accounts.clone();
        tasks.spawn(async move {
            accounts.execute(&1, AccountCommand::Book { amount: 1 }).rebase_from(1).await.unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(accounts.load(&1).await.unwrap().unwrap().balance, 64);
}

/// A deterministic dice.
struct Dice(u64);

impl Dice {
    fn next(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn command(&mut self) -> AccountCommand {
        let text = format!("{}@example.org", self.next(3));
        let amount = self.next(7) as i64 - 3;
        match self.next(9) {
            0 => change_email(&text),
            1 => change_phone(&text),
            2 => change_password(&text),
            3 => AccountCommand::Pay { amount },
            4 => AccountCommand::Book { amount },
            5 => AccountCommand::Empty {},
            6 => AccountCommand::Lock {},
            7 => AccountCommand::Unlock,
            _ => AccountCommand::Deregister {},
        }
    }
}

fn decide(fold: &Fold<Account>, command: AccountCommand) -> Result<Vec<AccountEvent>, String> {
    let ctx = Context::new(chrono::DateTime::UNIX_EPOCH, fold.version(), Metadata::new());
    let decision = fold.decide(command, &ctx);
    decision.map(factum::Decision::into_vec).map_err(|rejection| format!("{rejection:?}"))
}

/// Whenever `rebase_from` lets a command through, it leads to the same events as it did in the state that was seen, and the
/// result is that of one order of the two: first what happened since, then the command.
#[tokio::test]
async fn what_is_let_through_decides_the_same_in_the_old_state_and_in_the_new() {
    let mut dice = Dice(20_240_611);
    let (mut let_through, mut stopped) = (HashSet::new(), HashSet::new());
    for round in 0..3_000 {
        let accounts = Repository::<Account>::new(memory());
        registered(&accounts, 1, "us@example.org").await;
        let mut seen = 1;
        let (before, since) = (dice.next(4), dice.next(4));
        for number in 0..before + since {
            let _ = accounts.execute(&1, dice.command()).await;
            if number < before {
                seen = accounts.load(&1).await.unwrap().unwrap().version.get();
            }
        }
        let history = accounts.history(&1).await.unwrap();
        let fold = |events: &[factum::Recorded<AccountEvent>]| {
            let mut fold = Fold::<Account>::new(1);
            events.iter().for_each(|recorded| fold.apply(recorded.event.clone()).unwrap());
            fold
        };
        let (old, new) = (fold(&history[..seen as usize]), fold(&history));
        let command = dice.command();
        let name = Account::command_model(&command).name;
        let outcome = accounts.execute(&1, command.clone()).rebase_from(seen).await;
        let moved = history.len() as u64 > seen;
        match outcome {
            Err(ExecuteError::Conflict(_)) => {
                assert!(moved, "{round}: nothing happened since");
                stopped.insert(name);
            }
            Err(ExecuteError::Rejected(rejection)) => {
                assert_eq!(
                    decide(&old, command.clone()),
                    Err(format!("{rejection:?}")),
                    "{round}: {command:?}"
                );
            }
            Err(error) => panic!("{error}"),
            Ok(receipt) => {
                let events: Vec<_> = receipt.events.into_iter().map(|recorded| recorded.event).collect();
                assert_eq!(decide(&old, command.clone()), Ok(events.clone()), "{round}: {command:?}");
                assert_eq!(decide(&new, command.clone()), Ok(events.clone()), "{round}: {command:?}");
                let mut serial = new.clone();
                events.into_iter().for_each(|event| serial.apply(event).unwrap());
                let state = accounts.load(&1).await.unwrap().unwrap().state;
                assert_eq!(Some(&state), serial.state());
                if moved {
                    let_through.insert(name);
                }
            }
        }
    }
    assert!(let_through.len() >= 7, "let through after something happened: {let_through:?}");
    assert!(stopped.len() >= 8, "stopped: {stopped:?}");
}

#[test]
fn the_model_says_what_is_read_and_recorded() {
    let model = |command: &AccountCommand| Account::command_model(command);
    assert_eq!(model(&change_email("x")).on_conflict, Some("EmailChangeFailed"));
    assert_eq!(model(&change_phone("x")).on_conflict, None);
    assert_eq!(model(&AccountCommand::Lock {}).reads, factum::model::Reads::Fields(&["locked"]));
    assert_eq!(model(&AccountCommand::Deregister {}).reads, factum::model::Reads::Everything);
    let _ = (AccountError::Locked, Version::NONE);
}
