//! Pauses between attempts, and panics that are errors.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

/// How often an event is tried before it is a dead letter, and the first pause. Each pause is twice as long as the one
/// before: with four of them, it takes about two seconds.
const TRIES: u32 = 5;
const FIRST: Duration = Duration::from_millis(130);

/// Counts the attempts at what user code cannot do.
#[derive(Debug)]
pub(crate) struct Tries {
    made: u32,
}

impl Tries {
    pub(crate) const fn new() -> Self {
        Self { made: 1 }
    }

    /// How many attempts were made, the one under way included.
    pub(crate) const fn made(&self) -> u32 {
        self.made
    }

    /// After an attempt that failed: waits, or says that it was the last.
    pub(crate) async fn allow_another(&mut self) -> bool {
        if self.made >= TRIES {
            return false;
        }
        tokio::time::sleep(jittered(FIRST.saturating_mul(1 << (self.made - 1)))).await;
        self.made += 1;
        true
    }
}

/// Pauses of a reader whose store is away. They grow, up to five seconds, and there is no last one.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    made: u32,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Things go well again.
    pub(super) const fn begin_anew(&mut self) {
        self.made = 0;
    }

    /// How long the next one is.
    pub(super) fn next(&mut self) -> Duration {
        let pause = Self::FIRST.saturating_mul(1 << self.made.min(10)).min(Self::LONGEST);
        self.made = self.made.saturating_add(1);
        jittered(pause)
    }

    /// How many there were since things went well.
    pub(super) const fn made(&self) -> u32 {
        self.made
    }
}

/// Half of this, and up to as much again, so that many who wait do not meet.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() * 0.5)
}

/// What a panic of user code said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let said =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    said.map_or_else(|| "it panicked".to_owned(), |said| format!("it panicked: {said}"))
}

/// Runs a future, and gives what a panic in it said as an error. What the future has changed on the way may be half done: it is
/// for futures whose work is thrown away then.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(outcome)) => Poll::Ready(Ok(outcome)),
        Err(panic) => Poll::Ready(Err(panic_message(&*panic))),
    })
    .await
}

/// Runs two futures beside each other until both are ready.
pub(super) async fn both<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut other) = (None, None);
    poll_fn(|context| {
        if one.is_none()
            && let Poll::Ready(outcome) = first.as_mut().poll(context)
        {
            one = Some(outcome);
        }
        if other.is_none()
            && let Poll::Ready(outcome) = second.as_mut().poll(context)
        {
            other = Some(outcome);
        }
        match (one.take(), other.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (first, second) => {
                (one, other) = (first, second);
                Poll::Pending
            }
        }
    })
    .await
}

/// Which of two futures was ready first.
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

/// Runs two futures until one is ready; the other is dropped.
pub(crate) async fn race<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if let Poll::Ready(outcome) = first.as_mut().poll(context) {
            return Poll::Ready(Either::First(outcome));
        }
        second.as_mut().poll(context).map(Either::Second)
    })
    .await
}
