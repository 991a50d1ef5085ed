//! Dead letters: events that a reader could not take.

use std::sync::Arc;

use super::AppView;
use crate::{
    Position,
    read::{Letter, ReadStore, Wish},
    reader::Reader,
    store::StoreError,
};

/// The dead letters of a view or a handler: events that it could not take, and those behind them in their streams. They wait
/// until somebody has them tried again, or lets them go; nothing else of their streams is taken meanwhile.
///
/// What is wished is done by the process that does the work: at once if that is this one, else within a second.
#[derive(Clone, Debug)]
pub struct Letters {
    name: String,
    books: Arc<dyn ReadStore>,
    place: Option<Arc<AppView>>,
    handler: Option<Reader>,
}

impl Letters {
    pub(super) fn new(
        name: &str,
        books: Arc<dyn ReadStore>,
        place: Option<Arc<AppView>>,
        handler: Option<Reader>,
    ) -> Self {
        Self { name: name.to_owned(), books, place, handler }
    }

    /// The name under which they are kept: a view's are those of the rows that everybody reads.
    async fn reader(&self) -> Result<String, StoreError> {
        let Some(place) = &self.place else { return Ok(self.name.clone()) };
        Ok(place.live().await?.map_or_else(|| self.name.clone(), |build| build.reader()))
    }

    /// Dead letters in the order of their positions, behind `after` ([`Position::START`] for the first), at most `limit`.
    ///
    /// # Errors
    /// The read store cannot be read.
    pub async fn list(&self, after: Position, limit: usize) -> Result<Vec<Letter>, StoreError> {
        self.books.letters(&self.reader().await?, None, after, limit).await
    }

    /// How many there are.
    ///
    /// # Errors
    /// The read store cannot be read.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.books.count_letters(&self.reader().await?).await
    }

    /// Has the event at this position tried again, those before it in its stream first, and if that works those behind it.
    /// `false` if there is no such dead letter.
    ///
    /// # Errors
    /// The read store cannot be written.
    pub async fn retry(&self, position: Position) -> Result<bool, StoreError> {
        self.wish(position, Wish::Retry).await
    }

    /// Has all of them tried again. How many there are.
    ///
    /// # Errors
    /// The read store cannot be read or written.
    pub async fn retry_all(&self) -> Result<u64, StoreError> {
        const MANY: usize = 256;
        let reader = self.reader().await?;
        let (mut after, mut wished) = (Position::START, 0);
        loop {
            let letters = self.books.letters(&reader, None, after, MANY).await?;
            let Some(last) = letters.last() else { break };
            after = last.position;
            for letter in &letters {
                wished += u64::from(self.books.wish(&reader, letter.position, Wish::Retry).await?);
            }
        }
        self.wake();
        Ok(wished)
    }

    /// Lets the event at this position go without it being taken: the view is from then on as if it had not happened. Those
    /// behind it in its stream are tried. `false` if there is no such dead letter.
    ///
    /// # Errors
    /// The read store cannot be written.
    pub async fn skip(&self, position: Position) -> Result<bool, StoreError> {
        self.wish(position, Wish::Skip).await
    }

    async fn wish(&self, position: Position, wish: Wish) -> Result<bool, StoreError> {
        let wished = self.books.wish(&self.reader().await?, position, wish).await?;
        self.wake();
        Ok(wished)
    }

    fn wake(&self) {
        let views = self.place.iter().flat_map(|place| place.readers());
        for reader in views.chain(self.handler.clone()) {
            reader.wake();
        }
    }
}
