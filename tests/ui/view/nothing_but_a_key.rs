// No event at all.
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
#[view(of(Incident))]
pub struct OpenIncident {
    #[key]
    pub number: u64,
}

fn main() {
    // What is derived is there all the same.
    let _ = <OpenIncident as factum::view::Row>::table();
    let _ = <OpenIncident as View>::MODEL;
}
