//! Clients: those who append and look, and those who follow the whole store.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{sync::watch, time::timeout};

use super::record::Record;
use crate::history::{Asked, Request, Response};

/// So few that clients meet. The first ones are more in demand than the last.
const STREAMS: usize = 6;

pub(super) struct Client {
    number: usize,
    handle: usize,
    dice: Rng,
    record: Arc<Record>,
    /// The versions of streams that it saw last.
    known: HashMap<usize, u64>,
    /// A position that it saw.
    position: u128,
}

impl Client {
    pub(super) fn new(number: usize, seed: u64, record: Arc<Record>) -> Self {
        let handle = number % record.handles.count();
        Self { number, handle, dice: Rng::with_seed(seed), record, known: HashMap::new(), position: 0 }
    }

    /// Does one thing after the other until it is over.
    pub(super) async fn work(mut self) {
        while !self.record.is_over() {
            let request = self.request();
            let response = self.record.ask(self.number, self.handle, request.clone(), &mut self.dice).await;
            let pause = match &response {
                Some(Response::Failed(_)) | None => self.dice.u64(5_000..30_000),
                Some(_) => self.dice.u64(..3_000),
            };
            if let Some(response) = response {
                self.learn(&request, &response);
            }
            tokio::time::sleep(Duration::from_micros(pause)).await;
        }
    }

    fn request(&mut self) -> Request {
        match self.dice.u8(..20) {
            0..=5 => self.append(1, false),
            6..=8 => self.append(1, true),
            9..=11 => {
                let streams = self.dice.usize(2..=3);
                self.append(streams, false)
            }
            12..=14 => {
                let stream = self.stream();
                let known = self.known.get(&stream).copied().unwrap_or(0);
                let from = (known + 2).saturating_sub(self.dice.u64(..12));
                Request::ReadStream { stream, from, limit: self.dice.usize(1..20) }
            }
            15..=17 => Request::ReadAll { after: self.position, limit: self.dice.usize(1..60) },
            _ => Request::Head,
        }
    }

    fn append(&mut self, streams: usize, any: bool) -> Request {
        let mut appends: Vec<Asked> = Vec::new();
        while appends.len() < streams {
            // Now and then one that is new, or that somebody else is about to begin as well.
            let fresh = self.dice.u8(..16) == 0;
            let stream = if fresh { STREAMS + self.dice.usize(..2_000) } else { self.stream() };
            if appends.iter().any(|append| append.stream == stream) {
                continue;
            }
            let any = any || self.dice.u8(..5) == 0;
            let expected = (!any).then(|| self.known.get(&stream).copied().unwrap_or(0));
            let events = if self.dice.u8(..40) == 0 { 30 } else { self.dice.usize(1..4) };
            appends.push(Asked { stream, expected, events });
        }
        Request::Append { commit: self.record.next_commit(), appends }
    }

    fn stream(&mut self) -> usize {
        self.dice.usize(..STREAMS).min(self.dice.usize(..STREAMS))
    }

    fn learn(&mut self, request: &Request, response: &Response) {
        match (request, response) {
            (Request::Append { appends, .. }, Response::Committed(placed)) => {
                for (asked, placed) in appends.iter().zip(placed) {
                    self.knows(asked.stream, placed.first + asked.events as u64 - 1);
                    self.position = placed.positions.last().copied().unwrap_or(self.position);
                }
            }
            (_, Response::Conflict { stream, actual, .. }) => self.knows(*stream, *actual),
            (_, Response::Stream { events, .. } | Response::All { events, .. }) => {
                for event in events {
                    self.knows(event.stream, event.version);
                    self.position = event.position;
                }
            }
            _ => {}
        }
    }

    fn knows(&mut self, stream: usize, version: u64) {
        let known = self.known.entry(stream).or_default();
        *known = version.max(*known);
    }
}

/// Reads the whole store in pages and waits for more, until it has come to the head that it is told when all is over.
/// Returns how far it has come.
pub(super) async fn follow(
    number: usize,
    seed: u64,
    record: Arc<Record>,
    head: watch::Receiver<Option<u128>>,
) -> u128 {
    let mut dice = Rng::with_seed(seed);
    let handle = number % record.handles.count();
    let mut after = 0;
    loop {
        if head.borrow().is_some_and(|head| after >= head) {
            return after;
        }
        let request = Request::ReadAll { after, limit: dice.usize(1..200) };
        match record.ask(number, handle, request, &mut dice).await {
            Some(Response::All { last, end, .. }) => {
                after = last;
                if end {
                    let through = record.handles.get(handle);
                    let _ = timeout(Duration::from_millis(100), through.wait(after)).await;
                }
            }
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
