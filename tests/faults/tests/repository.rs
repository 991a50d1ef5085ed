//! What a program sees that knows aggregates only: a command either took effect, once, or it did not, and the answer
//! says which.

use std::sync::Arc;

use factum::{Aggregate, ExecuteError, Repository, Store, store::StoreErrorKind};
use factum_faults::{Disk, Fault};

use crate::{new_directory, open, open_on};

/// A till. Each sum that is paid in is another power of two, so that the total tells which of them are in it.
#[derive(Aggregate, Clone, Debug, PartialEq)]
#[events {
    #[creates]
    Opened,
    PaidIn { sum: u64 },
}]
#[commands {
    Open => Opened,
    PayIn => PaidIn,
}]
struct Till {
    #[id]
    name: String,
    #[on(PaidIn += sum)]
    total: u64,
}

/// What a series of payments came to.
#[derive(Debug, Default)]
struct Payments {
    acknowledged: u64,
    unknown: u64,
    refused: u64,
}

/// Opens the till on a disk that is well, then pays in while it fails.
async fn pay_in(store: Arc<dyn Store>, disk: &Disk, fault: Fault) -> Payments {
    let tills = Repository::<Till>::new(store);
    let name = "till".to_owned();
    tills.execute(&name, TillCommand::Open).await.expect("the disk is well");
    disk.set(fault);
    let mut payments = Payments::default();
    for bit in 0..6 {
        let sum = 1 << bit;
        match tills.execute(&name, TillCommand::PayIn { sum }).await {
            Ok(_) => payments.acknowledged += sum,
            Err(ExecuteError::Unknown { .. }) => payments.unknown += sum,
            Err(ExecuteError::Load(_) | ExecuteError::Store { .. }) => payments.refused += sum,
            Err(other) => panic!("{fault:?}: {other}"),
        }
    }
    payments
}

/// Single faults and lasting ones. With a single one no outcome stays unknown: the commit is given again.
#[tokio::test]
async fn every_command_takes_effect_once_or_not_at_all() {
    let disk = Disk::new();
    for (fault, single) in [(Fault::Once as fn(u64) -> Fault, true), (Fault::From, false)] {
        let (mut faults, mut refused) = (0, 0);
        for nth in 1.. {
            let fault = fault(nth);
            let directory = new_directory();
            disk.mount(directory.path());
            let payments = pay_in(open_on(disk, directory.path(), "").await.unwrap(), disk, fault).await;
            let failed = disk.failed();
            disk.repair();
            let tills = Repository::<Till>::new(open(directory.path()).await.unwrap());
            let total = tills.load(&"till".to_owned()).await.unwrap().expect("it was opened").total;
            let context = format!("{fault:?}: {payments:?}, in the till {total}");
            assert_eq!(total & payments.acknowledged, payments.acknowledged, "{context}: a payment is lost");
            assert_eq!(total & payments.refused, 0, "{context}: a payment was refused, and is there");
            assert!(total <= payments.acknowledged + payments.unknown, "{context}: a payment is there twice");
            assert!(!single || payments.unknown == 0, "{context}");
            faults += failed;
            refused += u64::from(payments.refused > 0);
            if failed == 0 {
                break;
            }
        }
        println!("{faults} faults, after {refused} of them a command was refused");
        assert!(faults >= 60 && refused > 0, "there were only {faults}");
    }
}

/// A full disk is named as such.
#[tokio::test]
async fn a_full_disk() {
    let disk = Disk::new();
    let directory = new_directory();
    let tills = Repository::<Till>::new(open_on(disk, directory.path(), "").await.unwrap());
    let name = "till".to_owned();
    tills.execute(&name, TillCommand::Open).await.unwrap();
    disk.set(Fault::Full(1));
    let refused = tills.execute(&name, TillCommand::PayIn { sum: 1 }).await;
    assert!(
        matches!(&refused, Err(ExecuteError::Store { cause, .. }) if cause.kind() == StoreErrorKind::Full),
        "{refused:?}"
    );
    disk.repair();
    tills.execute(&name, TillCommand::PayIn { sum: 2 }).await.unwrap();
    assert_eq!(tills.load(&name).await.unwrap().unwrap().total, 2);
}
