// A key on the struct.
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
#[key]
#[view(of(Incident), remove_on(Removed))]
pub struct OpenIncident {
    #[key]
    pub number: u64,
    #[on(Reported, TextChanged)]
    pub text: String,
    #[on(Reported = true, Closed = false)]
    pub open: bool,
}

fn main() {
    // What is derived is there all the same.
    let _ = <OpenIncident as factum::view::Row>::table();
    let _ = <OpenIncident as View>::MODEL;
}
