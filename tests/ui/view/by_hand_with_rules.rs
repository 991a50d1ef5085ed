// Rules in a view that is written by hand.
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
    #[on(Reported)]
    pub text: String,
}

impl View for OpenIncident {
    const MODEL: &'static factum::view::ViewModel = Self::BY_HAND;

    fn changes(
        _: &factum::store::RecordedEvent,
    ) -> Result<Vec<factum::view::Change<Self>>, factum::view::ProjectError> {
        Ok(Vec::new())
    }
}

fn main() {}
