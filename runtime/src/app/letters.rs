//! Dead letters: events that a reader could not take.

use std::sync::Arc;

use super::AppView;
use crate::{
    Position,
    read::{Build, Letter, ReadStore, Wish},
    reader::Reader,
    store::StoreError,
};

/// The dead letters of a view or a handler: events that it could not take, and those behind them in their streams. They wait
/// until somebody has them tried again, or lets them go; nothing else of their streams is taken meanwhile.
///
/// Of a view that is being filled anew there are those of both builds, the rows that are read and those that will take their
/// place. What is wished of an event is wished of both.
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

    /// The names under which they are kept: of a view, those of its builds, oldest first.
    async fn readers(&self) -> Result<Vec<String>, StoreError> {
        let Some(place) = &self.place else { return Ok(vec![self.name.clone()]) };
        Ok(self.books.builds(place.view.name()).await?.iter().map(Build::reader).collect())
    }

    /// Dead letters in the order of their positions, behind `after` ([`Position::START`] for the first), at most `limit`. An event
    /// that two builds of a view could not take is there twice, which [`Letter::reader`] tells apart; the list does not
    /// end between the two, even if it has one more than `limit` then.
    ///
    /// # Errors
    /// The read store cannot be read.
    pub async fn list(&self, after: Position, limit: usize) -> Result<Vec<Letter>, StoreError> {
        let mut all = Vec::new();
        for reader in self.readers().await? {
            all.extend(self.books.letters(&reader, None, after, limit).await?);
        }
        all.sort_by_key(|letter| letter.position);
        let last = limit.checked_sub(1).and_then(|last| all.get(last)).map(|letter| letter.position);
        if let Some(last) = last {
            all.retain(|letter| letter.position <= last);
        }
        Ok(all)
    }

    /// How many there are.
    ///
    /// # Errors
    /// The read store cannot be read.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let mut count = 0;
        for reader in self.readers().await? {
            count += self.books.count_letters(&reader).await?;
        }
        Ok(count)
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
        let mut wished = 0;
        for reader in self.readers().await? {
            let mut after = Position::START;
            loop {
                let letters = self.books.letters(&reader, None, after, MANY).await?;
                let Some(last) = letters.last() else { break };
                after = last.position;
                for letter in &letters {
                    wished += u64::from(self.books.wish(&reader, letter.position, Wish::Retry).await?);
                }
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
        let mut wished = false;
        for reader in self.readers().await? {
            wished |= self.books.wish(&reader, position, wish).await?;
        }
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
