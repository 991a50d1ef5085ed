// The inner type cannot be printed.
#[derive(Clone)]
pub struct Place(u8, u8);

impl std::str::FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self(0, 0))
    }
}

impl factum::SampleId for Place {
    fn sample() -> Self {
        Self(1, 1)
    }
}

#[derive(factum::Id, Clone)]
pub struct AccountNumber(Place);

#[derive(factum::Aggregate)]
#[events {
    #[creates]
    Opened { owner },
}]
#[commands {
    Open => Opened,
}]
pub struct Account {
    #[id]
    number: AccountNumber,
    owner: String,
}

fn main() {
    let _ = AccountNumber::new(Place(1, 2));
}
