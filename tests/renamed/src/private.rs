//! An aggregate for this crate alone.
#![allow(
    dead_code,
    clippy::redundant_pub_crate,
    reason = "that it is for this crate alone is what it is here for"
)]

use events::Aggregate;

/// A drawer for badges.
#[derive(Aggregate, Clone, Debug, PartialEq, Eq)]
#[aggregate(crate = ::events)]
#[events {
    #[creates]
    Opened,
    Filled { count },
}]
#[commands {
    Open => Opened,
    Fill => Filled,
}]
pub(crate) struct Drawer {
    #[id]
    number: u8,
    count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawer_is_filled() {
        Drawer::given([DrawerEvent::Opened])
            .when(DrawerCommand::Fill { count: 3 })
            .then_state(&Drawer { number: 1, count: 3 });
    }
}
