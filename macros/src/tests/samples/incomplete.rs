/// A cart with a mistake in each part.
#[derive(Aggregate)]
#[aggregate(error =, categry = "carts")]
#[events {
    #[creates]
    Opened { customr, coupon },
    Added { item: , count u32 },
    Closed(String),
    #[ends]
    Thrown,
}]
#[commands {
    Open => Opened,
    Add => Aded,
    #[require(self.items.len() < 10)]
    Close -> Closed,
    Throw,
}]
pub struct Cart<T> {
    pub number: CartNumber,
    pub customer: T,
    #[on(Added: items)]
    pub items: Vec<String>,
}
