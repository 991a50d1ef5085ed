//! Transfers that are killed in the middle.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{os::unix::process::ExitStatusExt, process::Stdio, thread, time::Duration};

use factum::Repository;
use registration::domain::{Account, AccountCommand};
use support::Program;

/// How many transfers the store holds, all of them whole; `None` if nothing is there yet.
fn transfers(program: &Program) -> Option<u64> {
    if !program.file("registration.db").exists() {
        return None;
    }
    let proof = program.run(&["bank", "--check"]);
    let (before, _) = proof.split_once(" transfers, all of them whole").unwrap();
    Some(before.rsplit(' ').next().unwrap().replace(',', "").parse().unwrap())
}

#[test]
fn a_killed_bank_has_lost_nothing_and_goes_on() {
    let program = Program::new();
    let (mut grew, mut before) = (0, 0);
    // A machine with much else to do needs a while until money moves at all.
    for attempt in 0..30 {
        if grew == 6 {
            break;
        }
        let mut bank = program
            .program(&["bank", "--accounts", "50", "--transfers", "1000000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(100 + 60 * attempt));
        bank.kill().unwrap();
        assert_eq!(bank.wait().unwrap().signal(), Some(9));
        let Some(now) = transfers(&program) else { continue };
        assert!(now >= before, "{now} transfers, and {before} before");
        grew += u32::from(now > before);
        before = now;
    }
    assert_eq!(grew, 6, "not killed in the middle of transfers more often");
    let text = program.run(&["bank", "--accounts", "50", "--transfers", "200"]);
    assert!(text.contains("the sum was 50,000"), "{text}");
    assert!(transfers(&program).unwrap() > before);
}

#[test]
fn many_at_few_accounts_lose_nothing() {
    let program = Program::new();
    let text = program.run(&["bank", "--accounts", "3", "--transfers", "500", "--store", "memory:"]);
    assert!(text.contains("3 accounts hold 3,000, which is what they were opened with"), "{text}");
}

#[tokio::test]
async fn money_out_of_nowhere_is_found() {
    let program = Program::new();
    program.run(&["bank", "--accounts", "3", "--transfers", "50"]);
    let url = format!("sqlite:{}", program.file("registration.db").display());
    let accounts = Repository::<Account>::new(factum::open(&url).await.unwrap());
    let deposit = AccountCommand::Deposit { amount: 7, from: 2.into() };
    accounts.execute(&1.into(), deposit).await.unwrap();
    let said = "registration: accounts were opened with 3000, and hold 3007\n";
    assert_eq!(program.fail(1, &["bank", "--check"]), said);
    assert_eq!(program.fail(1, &["bank", "--accounts", "3", "--transfers", "50"]), said);
}
