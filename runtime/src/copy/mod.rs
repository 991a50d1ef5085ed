//! Moving house: a store copied into an empty one of any other kind.

mod difference;
mod error;
mod patience;
mod portion;
mod progress;
mod scan;
mod tails;
mod write;

use std::{fmt, future::IntoFuture, ptr, sync::Arc};

pub use difference::{Difference, Part};
pub use error::CopyError;
pub use progress::{Copied, Progress, Step};

use self::{patience::patiently, scan::Scan, write::Writer};
use crate::{
    Position, Version,
    store::{BoxFuture, Capability, RecordedEvent, Store, StoreError},
};

/// How many events are read at a time, unless told otherwise.
const PAGE: usize = 500;

/// Copies every event of a store into another one, of whatever kind: the order, the streams, their versions, and of each
/// event its id, name, schema, payload, time and metadata. Only positions are the other store's own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let from = factum::open("memory:").await?;
/// let to = factum::open("memory:").await?;
/// let copied = factum::copy(&from, &to)
///     .on_progress(|progress| println!("{}: {} events", progress.step, progress.events))
///     .await?;
/// assert_eq!((copied.events, copied.added), (0, 0));
/// # Ok(())
/// # }
/// ```
///
/// Events are copied, and nothing that stands beside them: unique values are collected anew from the events, by
/// [`Repository::build_claims`](crate::Repository::build_claims) in the target, without which its first command asks for it.
/// [Keys](crate::Execute::once) are not taken along: a command that is sent again under one after the move takes effect again.
///
/// # In three steps
/// 1. What the target holds is held against the beginning of the source, event by event. If anything differs, or the
///    target has more, it is refused with the first difference before anything is written.
/// 2. The rest is appended. At every moment the target is a beginning of the source.
/// 3. If something was appended, both are read again from their beginnings and compared whole.
///
/// # Going on
/// A copy that was interrupted, by an error, by dropping it or by the death of the process, is resumed by running it
/// again: it goes on where the target ends. So does one that is complete, with what was recorded since.
///
/// # While others write
/// The source may be in use: what is recorded while the copy runs is copied too, up to where the source ends when the copy
/// gets there. So copy first, then stop the programs that write, run it once more, and start them with the new URL.
/// Nobody else may write to the target meanwhile; if somebody does, the copy ends with an error, and what they wrote stays.
///
/// # Failures
/// A store that cannot be reached, or does not say what became of a commit, is asked again for about ten seconds, beyond
/// its own patience; a commit takes effect once. Then the copy ends with an error.
///
/// # Memory
/// A few pages of events and what is on its way; it does not grow with the stores.
pub fn copy<'a>(from: &'a Arc<dyn Store>, to: &'a Arc<dyn Store>) -> Copy<'a> {
    Copy { from, to, page: PAGE, told: Box::new(|_| {}) }
}

/// A copy about to be made. Await it; see [`copy`].
#[must_use = "nothing is copied until it is awaited"]
pub struct Copy<'a> {
    from: &'a Arc<dyn Store>,
    to: &'a Arc<dyn Store>,
    page: usize,
    told: Box<dyn FnMut(Progress) + Send + 'a>,
}

impl<'a> Copy<'a> {
    /// Calls this now and then with how far the copy has come: after each page that was read or written, and at the end of
    /// each step. It holds up the copy as long as it runs.
    pub fn on_progress(mut self, told: impl FnMut(Progress) + Send + 'a) -> Self {
        self.told = Box::new(told);
        self
    }

    /// How many events are read at a time; 500 if it is not said, 0 counts as 1. Fewer where events are very large.
    pub fn page(mut self, events: usize) -> Self {
        self.page = events.max(1);
        self
    }

    async fn run(mut self) -> Result<Copied, CopyError> {
        let (from, to): (&dyn Store, &dyn Store) = (&**self.from, &**self.to);
        if ptr::addr_eq(from, to) {
            return Err(CopyError::SameStore);
        }
        let head = patiently(|| from.head()).await.map_err(CopyError::Source)?;
        let mut progress = Progress { step: Step::Finding, events: 0, position: Position::START, head };
        let mut copied = Copied::default();
        let mut source = Scan::new(from, self.page);
        self.find(&mut source, &mut copied, &mut progress).await?;
        progress.step = Step::Copying;
        self.fill(&mut source, &mut copied, &mut progress).await?;
        if copied.added > 0 {
            progress.step = Step::Comparing;
            self.compare(&mut copied, &mut progress).await?;
        }
        Ok(copied)
    }

    /// Walks through what the target holds, and as far through the source.
    async fn find(
        &mut self,
        source: &mut Scan<'_>,
        copied: &mut Copied,
        progress: &mut Progress,
    ) -> Result<(), CopyError> {
        let mut target = Scan::new(&**self.to, self.page);
        while let Some(there) = target.next().await.map_err(CopyError::Target)? {
            let ours = match source.next().await.map_err(CopyError::Source)? {
                // Another copy may have brought it meanwhile.
                None => source.look_again().await.map_err(CopyError::Source)?,
                ours => ours,
            };
            copied.count(&same(copied.events, ours, there)?);
            self.tell_now_and_then(progress, copied);
        }
        copied.target = target.position();
        self.tell(progress, copied);
        Ok(())
    }

    /// Writes the rest of the source.
    async fn fill(
        &mut self,
        source: &mut Scan<'_>,
        copied: &mut Copied,
        progress: &mut Progress,
    ) -> Result<(), CopyError> {
        let found = copied.events;
        let keeps_originals = self.to.capabilities().supports(Capability::Originals);
        let mut writer = Writer::new(&**self.to);
        while let Some(event) = source.next().await.map_err(CopyError::Source)? {
            if !keeps_originals {
                return Err(CopyError::Target(StoreError::unsupported(Capability::Originals)));
            }
            copied.count(&event);
            writer.add(event).await?;
            if writer.has_news(self.page as u64) {
                (progress.events, progress.position) = (found + writer.written, writer.position);
                (self.told)(progress.clone());
            }
        }
        writer.finish().await?;
        copied.added = copied.events - found;
        self.tell(progress, copied);
        Ok(())
    }

    /// Walks through both, as far as was copied; there the target must end.
    async fn compare(&mut self, copied: &mut Copied, progress: &mut Progress) -> Result<(), CopyError> {
        let mut source = Scan::new(&**self.from, self.page);
        let mut target = Scan::new(&**self.to, self.page);
        let mut compared = Copied::default();
        while compared.events < copied.events {
            let there = target.next().await.map_err(CopyError::Target)?;
            let ours = source.next().await.map_err(CopyError::Source)?;
            match (ours, there) {
                (ours, Some(there)) => compared.count(&same(compared.events, ours, there)?),
                (Some(ours), None) => {
                    return Err(CopyError::Missing { number: compared.events + 1, event: Box::new(ours) });
                }
                (None, None) => return Err(CopyError::Source(shrunk(compared.events, copied.events))),
            }
            self.tell_now_and_then(progress, &compared);
        }
        copied.target = target.position();
        if let Some(more) = target.next().await.map_err(CopyError::Target)? {
            return Err(CopyError::TargetHasMore { number: compared.events + 1, event: Box::new(more) });
        }
        self.tell(progress, &compared);
        Ok(())
    }

    fn tell_now_and_then(&mut self, progress: &mut Progress, done: &Copied) {
        if done.events.is_multiple_of(self.page as u64) {
            self.tell(progress, done);
        }
    }

    fn tell(&mut self, progress: &mut Progress, done: &Copied) {
        (progress.events, progress.position) = (done.events, done.source);
        (self.told)(progress.clone());
    }
}

/// The event of the source behind so many, if the target has it as well.
fn same(
    before: u64,
    source: Option<RecordedEvent>,
    target: RecordedEvent,
) -> Result<RecordedEvent, CopyError> {
    let number = before + 1;
    let Some(source) = source else {
        return Err(CopyError::TargetHasMore { number, event: Box::new(target) });
    };
    match Part::that_differs(&source, &target) {
        None => Ok(source),
        Some(part) => Err(CopyError::Differs(Box::new(Difference { number, part, source, target }))),
    }
}

fn shrunk(events: u64, before: u64) -> StoreError {
    StoreError::corrupt(format!("it had {before} events a moment ago and has {events} now"))
}

impl Copied {
    fn count(&mut self, event: &RecordedEvent) {
        self.events += 1;
        self.streams += u64::from(event.version == Version::FIRST);
        self.source = event.position;
    }
}

impl<'a> IntoFuture for Copy<'a> {
    type Output = Result<Copied, CopyError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Copy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, page, .. } = self;
        f.debug_struct("Copy").field("from", from).field("to", to).field("page", page).finish_non_exhaustive()
    }
}
