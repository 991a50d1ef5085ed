//! factum's side: the same for every store, as only the URL knows which it is.

use std::{ops::Range, sync::Arc, time::Duration};

use factum::{
    Aggregate, Recorded, Repository, Store,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, Position, StreamId},
};

use uuid::Uuid;

use crate::{
    Error, Fact,
    database::{Answer, Database, Program, Runner, Watch, Work, address},
    derived::{
        Guest, GuestCommand, Incident, IncidentCommand, IncidentEvent, Kept, Member, MemberCommand,
        MemberEvent,
    },
};

/// How many events a page of a replay has.
const PAGE: usize = 500;

/// More streams than any measurement has.
const ALL: usize = 1 << 16;

/// The store behind a URL, with a repository in front of it.
#[derive(Debug)]
pub struct Ours {
    store: Arc<dyn Store>,
    incidents: Repository<Incident>,
    kept: Repository<Kept>,
}

impl Ours {
    /// Opens the store.
    ///
    /// # Errors
    /// The store's.
    pub async fn open(url: &str) -> Result<Box<dyn Database>, Error> {
        let store = factum::open(url).await?;
        let (incidents, kept) = (Repository::new(Arc::clone(&store)), Repository::new(Arc::clone(&store)));
        Ok(Box::new(Self { store, incidents, kept }))
    }
}

fn new_event((name, payload): &Fact) -> NewEvent {
    NewEvent {
        name: Name::from_static(name),
        schema: 1,
        payload: Payload::json(payload.as_str()),
        metadata: None,
    }
}

impl Database for Ours {
    fn append<'a>(&'a self, streams: Range<u64>, already: u64, events: &'a [Fact]) -> Answer<'a, ()> {
        Box::pin(async move {
            // By whatever codec, each event of a stream has a text of its own.
            let append = |stream: u64| Append {
                stream: StreamId::of::<Incident>(&stream),
                expected: if already == 0 { Expected::NoStream } else { Expected::Exact(already.into()) },
                tail: None,
                events: events.iter().map(new_event).collect(),
            };
            self.store.append(Commit::new(streams.map(append).collect())).await?;
            Ok(())
        })
    }

    fn programs(&self, work: Work, _: u64) -> Answer<'_, Vec<Runner>> {
        let runner = match work {
            Work::Command => Runner::new("factum", &Arc::new(Commands(self.incidents.clone().cold()))),
            Work::Warm => Runner::new("factum", &Arc::new(Commands(self.incidents.clone().with_warm(ALL)))),
            Work::Append => Runner::new("factum", &Arc::new(Appends(Arc::clone(&self.store)))),
            Work::SignUp => {
                Runner::new("factum", &Arc::new(Members(Repository::new(Arc::clone(&self.store)))))
            }
            Work::SignUpFreely => {
                Runner::new("factum, not unique", &Arc::new(Guests(Repository::new(Arc::clone(&self.store)))))
            }
        };
        Box::pin(async { Ok(vec![runner]) })
    }

    fn load(&self, stream: u64) -> Answer<'_, u64> {
        Box::pin(async move {
            let loaded = self.incidents.load(&stream).await?;
            Ok(loaded.map_or(0, |loaded| loaded.version.get()))
        })
    }

    fn keep(&self, stream: u64) -> Answer<'_, ()> {
        Box::pin(async move {
            while self.store.snapshot(&StreamId::of::<Kept>(&stream)).await?.is_none() {
                self.load_kept(stream).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        })
    }

    fn load_kept(&self, stream: u64) -> Answer<'_, u64> {
        Box::pin(async move {
            let loaded = self.kept.load(&stream).await?;
            Ok(loaded.map_or(0, |loaded| loaded.version.get()))
        })
    }

    fn addresses(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let filter = Filter::Categories(vec![Member::CATEGORY.into(), Guest::CATEGORY.into()]);
            let (mut position, mut addresses) = (Position::START, Vec::new());
            loop {
                let page = self.store.read_all(&filter, position, PAGE).await?;
                for recorded in page.events {
                    for recorded in Recorded::decode_all(recorded)? {
                        let MemberEvent::Registered { email } = recorded.event;
                        addresses.push(email);
                    }
                }
                position = page.last;
                if page.end {
                    return Ok(addresses);
                }
            }
        })
    }

    fn replay<'a>(&'a self, watch: Watch<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            let (mut position, mut events) = (Position::START, 0);
            loop {
                let page = self.store.read_all(&Filter::All, position, PAGE).await?;
                for recorded in page.events {
                    for recorded in Recorded::decode_all(recorded)? {
                        match recorded.event {
                            IncidentEvent::TextChanged { text } => watch(Some(&text)),
                            _ => watch(None),
                        }
                        events += 1;
                    }
                }
                position = page.last;
                if page.end {
                    return Ok(events);
                }
            }
        })
    }
}

/// A new member for each text, which is the address.
struct Members(Repository<Member>);

impl Program for Members {
    async fn execute(&self, _: u64, text: String) -> Result<(), Error> {
        let email = address(&text);
        self.0.execute(&Uuid::now_v7(), MemberCommand::Register { email }).await?;
        Ok(())
    }
}

/// The same without the rule.
struct Guests(Repository<Guest>);

impl Program for Guests {
    async fn execute(&self, _: u64, text: String) -> Result<(), Error> {
        let email = address(&text);
        self.0.execute(&Uuid::now_v7(), GuestCommand::Register { email }).await?;
        Ok(())
    }
}

struct Commands(Repository<Incident>);

impl Program for Commands {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        self.0.execute(&stream, IncidentCommand::ChangeText { text }).await?;
        Ok(())
    }
}

struct Appends(Arc<dyn Store>);

impl Program for Appends {
    async fn execute(&self, _: u64, text: String) -> Result<(), Error> {
        let payload = serde_json::to_string(&crate::hand::TextChanged { text: text.clone() })?;
        let event = new_event(&("TextChanged", payload));
        let stream = StreamId::new(Name::from_static("append"), text);
        let append = Append { stream, expected: Expected::NoStream, tail: None, events: vec![event] };
        self.0.append(Commit::new(vec![append])).await?;
        Ok(())
    }
}
