//! Aggregates that a macro of the user writes.

use factum::Aggregate;

macro_rules! ledger {
    ($(#[$attr:meta])* $name:ident, $events:ident, $amount:ty, $limit:expr, $created:ident { $($field:ident: $type:ty),* }) => {
        $(#[$attr])*
        #[derive(Aggregate, Clone, Debug, PartialEq)]
        #[aggregate(error = String)]
        #[events {
            #[creates]
            $created { $($field: $type),* },
            Booked { amount: $amount, #[audit] before: $amount = self.balance },
        }]
        #[commands {
            Create => $created,
            #[require(self.balance + amount < $limit, format!("{} is too much", amount))]
            Book => Booked,
        }]
        struct $name {
            #[id]
            number: u64,
            #[on(Booked += amount)]
            balance: $amount,
            $(
                #[on($created = Some($field))]
                $field: Option<$type>,
            )*
        }

        /// So that the name of the enum is used as the macro was given it.
        type $events = <$name as Aggregate>::Event;
    };
}

const LIMIT: i64 = 100;

ledger! {
    /// A ledger.
    Ledger, LedgerEvents, i64, LIMIT + 1, Opened { owner: String, branch: Vec<u8> }
}

ledger! { Jar, JarEvents, u8, 10, Filled {} }

#[test]
fn a_macro_may_write_an_aggregate() {
    let opened = || LedgerEvents::Opened { owner: "ann".into(), branch: vec![1] };
    Ledger::given([opened()])
        .when(LedgerCommand::Book { amount: 100 })
        .then([LedgerEvent::Booked { amount: 100, before: 0 }]);
    Ledger::given([opened()])
        .when(LedgerCommand::Book { amount: 101 })
        .then_rejected("101 is too much".to_owned());
    Jar::given([JarEvents::Filled, JarEvent::Booked { amount: 3, before: 0 }])
        .then_state(&Jar { number: 1, balance: 3 });
    assert_eq!(Ledger::MODEL.docs, "A ledger.");
}
