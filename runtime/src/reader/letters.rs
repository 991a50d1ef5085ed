//! Dead letters: how they come to be, and what becomes of them.

use std::collections::HashMap;

use chrono::Utc;

use super::{
    Failed, Taken,
    reading::{Attempt, Reading},
};
use crate::{
    Position,
    read::{Letter, Wish},
    store::{RecordedEvent, StoreError, StreamId},
};

/// What is said of an event that only waits.
pub(super) const WAITS: &str = "it waits for an earlier event of its stream";

/// How many streams, or letters of a stream, are asked for at once.
const MANY: usize = 256;

impl Reading<'_> {
    pub(super) fn letter(&self, event: &RecordedEvent, error: String, attempts: u32) -> Letter {
        let reader = self.worker.task.reader();
        if attempts > 0 {
            let RecordedEvent { position, stream, name, .. } = event;
            tracing::error!(reader, %position, %stream, event = %name, "dead letter: {error}");
        }
        Letter {
            reader: reader.to_owned(),
            position: event.position,
            stream: event.stream.clone(),
            version: event.version,
            event: event.id,
            name: event.name.clone(),
            error,
            attempts,
            at: Utc::now(),
            wish: Wish::Wait,
        }
    }

    /// Letters of the events that failed, and of those behind them in their streams.
    pub(super) fn letters_of(&self, events: &[RecordedEvent], failed: &[Failed]) -> Vec<Letter> {
        if failed.is_empty() {
            return Vec::new();
        }
        let failed: HashMap<usize, &Failed> = failed.iter().map(|failed| (failed.index, failed)).collect();
        let mut streams: Vec<&StreamId> = Vec::new();
        let mut letters = Vec::new();
        for (index, event) in events.iter().enumerate() {
            if streams.contains(&&event.stream) {
                letters.push(self.letter(event, WAITS.to_owned(), 0));
            } else if let Some(Failed { error, attempts, .. }) = failed.get(&index) {
                streams.push(&event.stream);
                letters.push(self.letter(event, error.clone(), *attempts));
            }
        }
        letters
    }

    /// Does what people have said of dead letters.
    pub(super) async fn carry_out_wishes(&mut self) -> Result<Attempt, StoreError> {
        let reader = self.worker.task.reader();
        self.letters = self.worker.books.count_letters(reader).await?;
        let streams = match self.letters {
            0 => Vec::new(),
            _ => self.worker.books.wished(reader, MANY).await?,
        };
        for stream in &streams {
            if let Attempt::Overtaken = self.go_through(stream).await? {
                return Ok(Attempt::Overtaken);
            }
        }
        self.publish();
        Ok(Attempt::Written)
    }

    /// Goes through the dead letters of a stream in order. If one of them is to be tried again, so are those before it,
    /// because nothing else would be in order. Those behind one that was let go are tried too, if nothing is before them.
    async fn go_through(&mut self, stream: &StreamId) -> Result<Attempt, StoreError> {
        let letters = self.all_of(stream).await?;
        let mut trying = letters.iter().any(|letter| letter.wish == Wish::Retry);
        let mut stuck = false;
        for letter in letters {
            let outcome = match letter.wish {
                Wish::Skip => {
                    let Letter { reader, position, stream, name, error, .. } = &letter;
                    tracing::warn!(%reader, %position, %stream, event = %name, "let go without having been dealt with: {error}");
                    trying |= !stuck;
                    self.settle(Taken::default(), letter.position).await?
                }
                _ if !stuck && trying => {
                    let outcome = self.try_again(letter).await?;
                    stuck = matches!(outcome, Attempt::Refused(_));
                    outcome
                }
                // It waits for one that has just failed again.
                Wish::Retry => self.put_back(Letter { wish: Wish::Wait, ..letter }).await?,
                Wish::Wait => {
                    stuck = true;
                    Attempt::Written
                }
            };
            if let Attempt::Overtaken = outcome {
                return Ok(Attempt::Overtaken);
            }
            if self.worker.shared.stopping() {
                break;
            }
        }
        Ok(Attempt::Written)
    }

    async fn all_of(&self, stream: &StreamId) -> Result<Vec<Letter>, StoreError> {
        let (mut letters, mut after) = (Vec::new(), Position::START);
        loop {
            let page =
                self.worker.books.letters(self.worker.task.reader(), Some(stream), after, MANY).await?;
            let Some(last) = page.last() else { return Ok(letters) };
            after = last.position;
            letters.extend(page);
        }
    }

    /// Tries an event again. It failed again: `Refused`.
    async fn try_again(&mut self, letter: Letter) -> Result<Attempt, StoreError> {
        let page = self.worker.events.read_stream(&letter.stream, letter.version, 1).await?;
        let found = page.events.into_iter().find(|event| event.position == letter.position);
        let (error, attempts) = match found {
            None => ("the event is not in the store any more".to_owned(), 1),
            Some(event) => {
                let mut taken = self.worker.task.take(std::slice::from_ref(&event)).await?;
                match taken.failed.pop() {
                    Some(failed) => (failed.error, failed.attempts),
                    None => match self.settle(taken, letter.position).await? {
                        Attempt::Refused(error) => (error, 1),
                        outcome => return Ok(outcome),
                    },
                }
            }
        };
        let attempts = letter.attempts.saturating_add(attempts);
        let again = Letter { error: error.clone(), attempts, at: Utc::now(), wish: Wish::Wait, ..letter };
        Ok(match self.put_back(again).await? {
            Attempt::Overtaken => Attempt::Overtaken,
            _ => Attempt::Refused(error),
        })
    }

    async fn settle(&mut self, taken: Taken, letter: Position) -> Result<Attempt, StoreError> {
        self.write(self.written, taken, Vec::new(), vec![letter]).await
    }

    async fn put_back(&mut self, letter: Letter) -> Result<Attempt, StoreError> {
        self.write(self.written, Taken::default(), vec![letter], Vec::new()).await
    }
}
