// A view by hand that nobody has written.
use factum::{Aggregate, View};

#[derive(Aggregate)]
#[events {
    #[creates]
    Reported { text },
    TextChanged { text },
    Closed { #[audit] solution: String },
    #[ends]
    Removed,
}]
#[commands {
    Report => Reported,
    ChangeText => TextChanged,
    Close => Closed,
    Remove => Removed,
}]
pub struct Incident {
    #[id]
    pub number: u64,
    pub text: String,
}

#[derive(View)]
#[view(of(Incident), by_hand)]
pub struct OpenIncident {
    #[key]
    pub number: u64,
    pub text: String,
}

fn main() {}
