//! factum's side: the same for every store, as only the URL knows which it is.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use factum::{
    Aggregate, App, Consistency, Recorded, Repository, RunningApp, Store,
    store::{Append, Commit, Expected, Filter, Name, NewEvent, Payload, Position, StreamId},
};

use uuid::Uuid;

use crate::{
    Error, Fact,
    database::{Answer, Clients, Database, Entry, Length, Program, Runner, Watch, Work, address, text},
    derived::{
        Guest, GuestCommand, Incident, IncidentCommand, IncidentEvent, Kept, Member, MemberCommand,
        MemberEvent, Overview,
    },
    measure::Sample,
};

/// How many events a page of a replay has.
const PAGE: usize = 500;

/// How long a view may take to come to what was recorded without it.
const PATIENCE: Duration = Duration::from_secs(60);

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

impl Ours {
    async fn app(&self, consistency: Consistency) -> Result<RunningApp, Error> {
        Ok(App::new(Arc::clone(&self.store)).view::<Overview>(consistency).start().await?)
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
        if matches!(work, Work::Viewed | Work::ViewedCold) {
            return Box::pin(async move {
                let app = self.app(Consistency::Transactional).await?;
                let incidents = app.repository();
                let incidents = if work == Work::Viewed { incidents } else { incidents.cold() };
                Ok(vec![Runner::new("factum", &Arc::new(Viewed { incidents, _app: app }))])
            });
        }
        let runner = match work {
            Work::Viewed | Work::ViewedCold => {
                return Box::pin(async { Err("it has a program of its own".into()) });
            }
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

    fn fill(&self) -> Answer<'_, Duration> {
        Box::pin(async move {
            let books = Arc::clone(&self.store).read_store().ok_or("no view can be kept there")?;
            for build in books.builds("overview").await? {
                books.discard(&build).await?;
            }
            let began = Instant::now();
            let app = self.app(Consistency::Eventual).await?;
            let took = began.elapsed();
            app.shutdown().await;
            Ok(took)
        })
    }

    fn overview(&self) -> Answer<'_, Vec<Entry>> {
        Box::pin(async move {
            // Whatever it is at the moment, it is as it was left.
            let app = self.app(Consistency::Transactional).await?;
            let rows = app.view::<Overview>().all().limit(1_000_000).await?;
            app.shutdown().await;
            let entry = |Overview { number, text, assignee, open, edits }| Entry {
                number,
                text,
                assignee,
                open,
                edits,
            };
            Ok(rows.rows.into_iter().map(entry).collect())
        })
    }

    fn seen(&self, plan: Clients) -> Answer<'_, Sample> {
        Box::pin(async move {
            let app = self.app(Consistency::Eventual).await?;
            // What others recorded while there was no app is not what is measured.
            let head = self.store.head().await?;
            app.view::<Overview>().after_position(head).within(PATIENCE).get(&plan.streams.start).await?;
            let start = Instant::now();
            let Length::Time(time) = plan.length else { return Err("it takes its time".into()) };
            let clients: Vec<_> = (0..plan.clients)
                .map(|client| {
                    let (app, streams, clients) = (app.clone(), plan.streams.clone(), plan.clients);
                    tokio::spawn(async move {
                        let mut latencies = Vec::new();
                        let mut number = client;
                        while start.elapsed() < time {
                            number += clients;
                            let stream =
                                streams.start + number.wrapping_mul(7_919) % (streams.end - streams.start);
                            let began = Instant::now();
                            let command = IncidentCommand::ChangeText { text: text(number) };
                            let receipt = app.repository::<Incident>().execute(&stream, command).await?;
                            let row = app.view::<Overview>().after(&receipt).get(&stream).await?;
                            let took = began.elapsed();
                            row.ok_or("it is not there")?;
                            latencies.push(took.as_secs_f64() * 1e6);
                            tokio::time::sleep(took).await;
                        }
                        Ok::<_, Error>(latencies)
                    })
                })
                .collect();
            let mut latencies = Vec::new();
            for client in clients {
                latencies.extend(client.await??);
            }
            app.shutdown().await;
            Ok(Sample::of(latencies, start.elapsed()))
        })
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

/// Commands whose rows are written with them.
struct Viewed {
    incidents: Repository<Incident>,
    /// It stops when it is dropped.
    _app: RunningApp,
}

impl Program for Viewed {
    async fn execute(&self, stream: u64, text: String) -> Result<(), Error> {
        self.incidents.execute(&stream, IncidentCommand::ChangeText { text }).await?;
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
