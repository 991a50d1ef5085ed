//! Memory: by hand a map behind a lock, of names, JSON and times.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use super::Backend;
use crate::{
    Error, Fact,
    database::{Answer, Database, Program, Runner, Watch, Work},
    hand::{self, Command, Event, Incident, decide},
    ours::Ours,
};

/// The store in memory.
#[derive(Debug)]
pub struct Memory;

impl Backend for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn settings(&self) -> Answer<'_, String> {
        Box::pin(async { Ok("nothing is durable".to_owned()) })
    }

    fn ours(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(Ours::open("memory:"))
    }

    fn by_hand(&self) -> Answer<'_, Box<dyn Database>> {
        Box::pin(async { Ok(Box::new(Arc::<Map>::default()) as Box<dyn Database>) })
    }

    fn anew_each_round(&self) -> bool {
        true
    }

    fn is_durable(&self) -> bool {
        false
    }
}

/// The map. A command copies the list of a stream, and appends if it has not grown meanwhile.
#[derive(Debug, Default)]
struct Map(Mutex<HashMap<u64, Vec<Stored>>>);

#[derive(Clone, Debug)]
struct Stored {
    name: &'static str,
    payload: Arc<str>,
    /// Kept as any store keeps it; nothing here reads it.
    #[allow(dead_code, reason = "the work of keeping it counts")]
    at: SystemTime,
}

impl From<Fact> for Stored {
    fn from((name, payload): Fact) -> Self {
        Self { name, payload: payload.into(), at: SystemTime::now() }
    }
}

impl Map {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Vec<Stored>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self, stream: u64) -> Result<(Option<Incident>, usize), Error> {
        let stored = self.lock().get(&stream).cloned().unwrap_or_default();
        let mut state = None;
        for stored in &stored {
            Incident::fold(&mut state, stream, Event::decode(stored.name, &stored.payload)?)?;
        }
        Ok((state, stored.len()))
    }
}

impl Program for Map {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        let command = Command::ChangeText { text };
        loop {
            let (state, version) = self.load(stream)?;
            let facts = decide(state.as_ref(), command.clone())?;
            let mut map = self.lock();
            let current = map.entry(stream).or_default();
            if current.len() == version {
                current.extend(facts.into_iter().map(Stored::from));
                return Ok(());
            }
        }
    }
}

impl Database for Arc<Map> {
    fn append<'a>(&'a self, streams: Range<u64>, _: u64, events: &'a [Fact]) -> Answer<'a, ()> {
        let mut map = self.lock();
        for stream in streams {
            // Texts of its own for each stream, as in any store: shared ones would all be in the nearest cache.
            map.entry(stream).or_default().extend(events.iter().cloned().map(Stored::from));
        }
        Box::pin(async { Ok(()) })
    }

    fn programs(&self, work: Work, _: u64) -> Answer<'_, Vec<Runner>> {
        let runners = match work {
            Work::Command | Work::Warm => vec![Runner::new("map and lock", self)],
            Work::Viewed | Work::ViewedCold | Work::Append | Work::SignUp | Work::SignUpFreely => Vec::new(),
        };
        Box::pin(async { Ok(runners) })
    }

    fn load(&self, stream: u64) -> Answer<'_, u64> {
        Box::pin(async move { Ok(Map::load(self, stream)?.1 as u64) })
    }

    fn replay<'a>(&'a self, watch: Watch<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            let map = self.lock();
            for stored in map.values().flatten() {
                match Event::decode(stored.name, &stored.payload)? {
                    Event::TextChanged(hand::TextChanged { text }) => watch(Some(&text)),
                    _ => watch(None),
                }
            }
            Ok(map.values().map(Vec::len).sum::<usize>() as u64)
        })
    }
}
