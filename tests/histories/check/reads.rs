//! What was read, against the log: each page, head and conflict must be what some prefix of whole commits shows.

use super::{Anomaly, Kind, index::Index};
use crate::history::{History, Operation, Request, Response, Seen};

type Wrong = Result<(), (Kind, String, Option<usize>)>;

pub(super) fn check(history: &History, index: &Index) -> Vec<Anomaly> {
    let reader = Reader { history, index };
    let operations = history.operations.iter().enumerate();
    operations
        .filter_map(|(number, operation)| {
            let (kind, what, other) = reader.operation(operation).err()?;
            Some(Anomaly::new(kind, what, other.into_iter().chain([number])))
        })
        .collect()
}

struct Reader<'a> {
    history: &'a History,
    index: &'a Index,
}

impl Reader<'_> {
    fn operation(&self, operation: &Operation) -> Wrong {
        match (&operation.request, &operation.response) {
            (Request::ReadStream { stream, from, limit }, Response::Stream { events, next }) => {
                self.events(events, *limit)?;
                self.stream(*stream, *from, events, *next)
            }
            (Request::ReadAll { after, limit }, Response::All { events, last, end }) => {
                self.events(events, *limit)?;
                self.all(operation, *after, events, *last)?;
                if *end { self.end(*last) } else { Ok(()) }
            }
            (Request::Head, Response::Head(head)) => self.end(*head),
            (_, Response::Conflict { stream, expected, actual }) => {
                self.conflict(operation, *stream, *expected, *actual)
            }
            (Request::Append { .. }, _) => Ok(()),
            _ => wrong(Kind::Malformed, "this is no answer to what was asked"),
        }
    }

    /// Each is in the log, where it was seen.
    fn events(&self, events: &[Seen], limit: usize) -> Wrong {
        if events.len() > limit.max(1) {
            return wrong(Kind::Malformed, format!("the page has {} events", events.len()));
        }
        for event in events {
            match self.index.find(self.history, event) {
                Some(there) if there == event => {}
                Some(there) => {
                    return wrong(
                        Kind::Inconsistent,
                        format!("{event} was seen, which in the end is {there}"),
                    );
                }
                None => return self.absent(event),
            }
        }
        Ok(())
    }

    fn absent(&self, event: &Seen) -> Wrong {
        let Some(giver) = self.index.given.get(&event.commit) else {
            return wrong(Kind::Foreign, format!("{event} was seen, which no client gave"));
        };
        let kind = match self.history.operations[*giver].response {
            Response::Conflict { .. } | Response::Failed(_) => Kind::Aborted,
            _ => Kind::Vanished,
        };
        Err((kind, format!("{event} was seen, and in the end is not there"), Some(*giver)))
    }

    fn stream(&self, stream: usize, from: u64, events: &[Seen], next: Option<u64>) -> Wrong {
        let mut version = from.max(1);
        for event in events {
            if event.stream != stream {
                return wrong(Kind::Malformed, format!("{event} is of another stream"));
            }
            if event.version != version {
                return wrong(Kind::Skipped, format!("{event} was read where version {version} must be"));
            }
            version += 1;
        }
        let length = self.index.versions.get(&stream).map_or(0, Vec::len) as u64;
        match next {
            Some(next) if next != version || next > length => {
                wrong(Kind::Malformed, format!("to read on from {next} makes no sense, it ends at {length}"))
            }
            None if !events.is_empty() && self.index.reached(stream, version - 1).is_none() => {
                wrong(Kind::Partial, format!("the stream ended at {}, in a commit", version - 1))
            }
            _ => Ok(()),
        }
    }

    fn all(&self, operation: &Operation, after: u128, events: &[Seen], last: u128) -> Wrong {
        let mut passed = after;
        for event in events {
            if event.position <= passed {
                return wrong(Kind::Skipped, format!("{event} was read after {passed} was passed"));
            }
            passed = event.position;
        }
        if last < passed {
            return wrong(Kind::Malformed, format!("the page has looked to {last} only, and shows {passed}"));
        }
        let log = &self.history.log;
        let begin = log.partition_point(|event| event.position <= after);
        let there = log[begin..].iter().take_while(|event| event.position <= last);
        let mut seen = events.iter().peekable();
        for event in there {
            if seen.next_if_eq(&event).is_some() {
                continue;
            }
            let giver = self.index.given.get(&event.commit).copied();
            let was_there = giver.map(|giver| &self.history.operations[giver]).is_some_and(|giver| {
                matches!(giver.response, Response::Committed(_)) && giver.finish < operation.start
            });
            return Err(if was_there {
                (Kind::Skipped, format!("{event} was there, and the page jumped over it"), giver)
            } else {
                (Kind::FilledLate, format!("{event} came up later, though {last} was passed"), giver)
            });
        }
        Ok(())
    }

    /// The end of all events as it was at some time.
    fn end(&self, position: u128) -> Wrong {
        if self.index.ending_at(position).is_some() {
            return Ok(());
        }
        match self.history.log.binary_search_by_key(&position, |event| event.position) {
            Ok(_) => wrong(Kind::Partial, format!("it ends at {position}, in a commit")),
            Err(_) => wrong(Kind::HeadOfNothing, format!("it ends at {position}, where no event is")),
        }
    }

    fn conflict(&self, operation: &Operation, stream: usize, expected: Option<u64>, actual: u64) -> Wrong {
        let asked = operation.appends().iter().find(|append| append.stream == stream);
        if expected.is_none() || asked.is_none_or(|asked| asked.expected != expected) {
            return wrong(Kind::Unexplained, "that was not expected of this stream");
        }
        if expected == Some(actual) {
            return wrong(Kind::Unexplained, "the stream is said to be as it was expected");
        }
        match self.index.reached(stream, actual) {
            Some(_) => Ok(()),
            None => wrong(Kind::Unexplained, format!("no commit ended at version {actual} of the stream")),
        }
    }
}

fn wrong(kind: Kind, what: impl Into<String>) -> Wrong {
    Err((kind, what.into(), None))
}
