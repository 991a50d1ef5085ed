// A view with a parameter.
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
#[view(of(Incident), remove_on(Removed))]
pub struct OpenIncident<T> {
    #[key]
    pub number: u64,
    #[on(Reported, TextChanged)]
    pub text: T,
    #[on(Reported = true, Closed = false)]
    pub open: bool,
}

fn main() {
    let _ = <OpenIncident<String> as View>::MODEL;
}
