//! Connects, and sees that server and stream are as they have to be.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError,
    jetstream::{
        self, Context,
        context::{CreateStreamErrorKind, GetStreamErrorKind},
        stream::{Config, DiscardPolicy, Republish, RetentionPolicy, StorageType},
    },
};

use tokio::time::{Instant, sleep, timeout};

use super::{
    options::{JetStreamOptions, Login},
    server::Trouble,
    subject::Subjects,
};
use crate::store::{StoreError, StoreErrorKind};

/// The oldest server: before it, expected sequences did not hold on replicated streams, and there were no atomic batches.
const OLDEST: (u64, u64) = (2, 12);

/// What the stream says of whose it is, and in which form its messages are.
pub(super) const MARK: (&str, &str) = ("factum", "1");

/// How long one answer of servers may take that are about to find each other or another leader …
const ONE_ANSWER: Duration = Duration::from_secs(2);

/// … and how long to wait before they are asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// How long to wait before a connection that was lost is made anew, at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How often the connection is tried. After two that are not answered it is made anew.
const PING_EVERY: Duration = Duration::from_secs(5);

/// How long the server remembers the ids of commits. Later a commit that is given again is recognised by what is there.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// What the server forbade last. It says so beside what it was asked, and answers nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Forbidden(Arc<Mutex<VecDeque<String>>>);

/// How much of what the server forbade is remembered.
const MOST_FORBIDDEN: usize = 64;

impl Forbidden {
    fn note(&self, said: String) {
        let mut forbidden = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if forbidden.len() >= MOST_FORBIDDEN {
            forbidden.pop_front();
        }
        forbidden.push_back(said);
    }

    /// The error, if the server forbade to publish or to subscribe to one of these subjects.
    pub(super) fn take(&self, subjects: &[&str]) -> Option<StoreError> {
        let mut forbidden = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_one =
            |said: &String| said.split('"').nth(1).is_some_and(|subject| subjects.contains(&subject));
        let found = forbidden.iter().position(is_one)?;
        let said = forbidden.remove(found)?;
        Some(StoreError::new(
            StoreErrorKind::Denied,
            format!(
                "this user may not do what the store needs: let it publish to `$JS.API.>` and to the subjects of the stream, and \
                 subscribe to `_INBOX.>` and to what the stream tells (NATS says: {said})"
            ),
        ))
    }

    /// Waits for an answer, or until the server says that it was forbidden to ask.
    async fn unless<T>(&self, subjects: &[&str], answer: impl Future<Output = T>) -> Result<T, StoreError> {
        let mut answer = pin!(answer);
        loop {
            match timeout(Duration::from_millis(50), &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) => self.take(subjects).map_or(Ok(()), Err)?,
            }
        }
    }
}

/// A connection with these options.
pub(super) async fn connect(options: &JetStreamOptions) -> Result<(Client, Forbidden), StoreError> {
    let mut servers = Vec::with_capacity(options.servers.len());
    for host in &options.servers {
        let address: ServerAddr = format!("nats://{host}").parse().map_err(|cause| {
            StoreError::invalid(format!("`{host}` is no host: use `host` or `host:4222`")).because(cause)
        })?;
        servers.push(address);
    }
    let forbidden = Forbidden::default();
    let mut connecting = ConnectOptions::new()
        .name("factum")
        // A connection that is dead and does not say so is noticed.
        .ping_interval(PING_EVERY)
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(10)
                .saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX))
                .min(LONGEST_PAUSE)
        })
        .require_tls(options.tls)
        .connection_timeout(options.timeout.min(Duration::from_secs(10)))
        .request_timeout(Some(options.timeout))
        .subscription_capacity(1 << 18)
        .skip_subject_validation(true)
        .event_callback({
            let forbidden = forbidden.clone();
            move |event| {
                if let Event::ServerError(ServerError::Other(error)) = event
                    && error.to_lowercase().contains("permissions violation")
                {
                    forbidden.note(error);
                }
                std::future::ready(())
            }
        });
    connecting = match options.login.clone() {
        None => connecting,
        Some(Login::User(user, password)) => connecting.user_and_password(user, password),
        Some(Login::Token(token)) => connecting.token(token),
    };
    if let Some(path) = &options.tls_ca {
        connecting = connecting.add_root_certificates(path.clone());
    }
    if let (Some(cert), Some(key)) = (&options.tls_cert, &options.tls_key) {
        connecting = connecting.add_client_certificate(cert.clone(), key.clone());
    }
    let connected = connecting.connect(servers).await.map_err(|error| {
        let (kind, advice) = match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => (
                StoreErrorKind::Denied,
                "NATS refuses this user: see that user name and password, or the token, in the URL are right",
            ),
            kind if kind == ConnectErrorKind::Tls || is_distrust(&error) => (
                StoreErrorKind::Denied,
                "no encrypted connection to NATS comes about: see that the server has TLS, and that `tls_ca` names the \
                 certificate of whoever vouches for it",
            ),
            _ => (
                StoreErrorKind::Unavailable,
                "NATS cannot be reached: see that it runs and that host and port in the URL are right",
            ),
        };
        StoreError::new(kind, advice).because(error)
    });
    Ok((connected?, forbidden))
}

/// Whether certificates are not trusted, or there is no encryption where it is required. The driver takes that for trouble
/// with the connection.
fn is_distrust(error: &ConnectError) -> bool {
    let said = error.to_string();
    ["peer certificate", "corrupt message", "CertificateRequired"].iter().any(|sign| said.contains(sign))
}

/// The stream and how many servers keep it. It is made if it is not there.
pub(super) async fn prepare(
    client: &Client,
    options: &JetStreamOptions,
    subjects: &Subjects,
    forbidden: &Forbidden,
) -> Result<(Context, Config), StoreError> {
    let version = client.server_info().version;
    if !is_new_enough(&version) {
        return Err(StoreError::new(
            StoreErrorKind::Foreign,
            format!("the server is NATS {version}: factum needs version {}.{} or later", OLDEST.0, OLDEST.1),
        ));
    }
    let mut context = jetstream::new(client.clone());
    context.set_timeout(options.timeout.min(ONE_ANSWER));
    let asked = ["INFO", "CREATE"].map(|asked| format!("$JS.API.STREAM.{asked}.{}", options.name));
    let asked = asked.each_ref().map(String::as_str);
    let found = forbidden.unless(&asked, async {
        let latest = Instant::now() + options.timeout;
        loop {
            match find_or_make(&context, options, subjects).await {
                Ok(found) => return Ok(found),
                Err(Trouble::Busy(_)) if Instant::now() < latest => sleep(ASK_AGAIN).await,
                Err(trouble) => return Err(trouble.into_error()),
            }
        }
    });
    let found = found.await??;
    check(&found, options, subjects)?;
    Ok((context, found))
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

async fn find_or_make(
    context: &Context,
    options: &JetStreamOptions,
    subjects: &Subjects,
) -> Result<Config, Trouble> {
    match find(context, &options.name).await? {
        Some(found) => Ok(found),
        None if options.existing => Err(Trouble::Refused(StoreError::new(
            StoreErrorKind::Missing,
            format!("there is no stream `{}` on this server", options.name),
        ))),
        None => make(context, options, subjects).await,
    }
}

/// Whether servers that are about to find each other say this: it may be different in a moment.
fn passes(said: &jetstream::Error) -> bool {
    match said.error_code() {
        jetstream::ErrorCode::CLUSTER_NOT_AVAILABLE | jetstream::ErrorCode::CLUSTER_NOT_LEADER => true,
        jetstream::ErrorCode::CLUSTER_NO_PEERS => said.to_string().contains("offline"),
        _ => false,
    }
}

async fn find(context: &Context, name: &str) -> Result<Option<Config>, Trouble> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(said)
                if said.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            GetStreamErrorKind::JetStream(said)
                if [
                    jetstream::ErrorCode::JETSTREAM_NOT_ENABLED,
                    jetstream::ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT,
                ]
                .contains(&said.error_code()) =>
            {
                Err(Trouble::Refused(not_enabled().because(error)))
            }
            GetStreamErrorKind::JetStream(said) if passes(&said) => {
                Err(Trouble::Busy(unanswered("looking for the stream").because(error)))
            }
            // Who asks while there is no leader gets no answer, and the next one does.
            _ if error.to_string().contains("timed out") => {
                Err(Trouble::Busy(unanswered("looking for the stream").because(error)))
            }
            _ => Err(Trouble::Refused(unanswered("looking for the stream").because(error))),
        },
    }
}

fn not_enabled() -> StoreError {
    StoreError::new(
        StoreErrorKind::Foreign,
        "the server keeps no streams for this user: start it with JetStream (`nats-server -js`), and let the account have it",
    )
}

fn unanswered(doing: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!(
            "{doing} brought no answer: JetStream is not switched on (`nats-server -js`), its servers have no leader, or this \
             user may not ask `$JS.API.>`"
        ),
    )
}

async fn make(context: &Context, options: &JetStreamOptions, subjects: &Subjects) -> Result<Config, Trouble> {
    let config = Config {
        name: options.name.clone(),
        description: Some("The events of factum. Nothing is ever changed or deleted.".to_owned()),
        subjects: subjects.all(),
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_bytes: -1,
        max_consumers: -1,
        max_message_size: -1,
        storage: if options.in_memory == Some(true) { StorageType::Memory } else { StorageType::File },
        num_replicas: options.replicas.unwrap_or(1),
        duplicate_window: DUPLICATE_WINDOW,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        allow_atomic_publish: true,
        republish: Some(Republish {
            source: subjects.events(),
            destination: subjects.told(),
            headers_only: true,
        }),
        metadata: HashMap::from([(MARK.0.to_owned(), MARK.1.to_owned())]),
        ..Config::default()
    };
    match context.create_stream(config).await {
        Ok(stream) => Ok(stream.cached_info().config.clone()),
        // Somebody else was faster, perhaps.
        Err(error) => match find(context, &options.name).await? {
            Some(found) => Ok(found),
            None => {
                let passing = match error.kind() {
                    CreateStreamErrorKind::JetStream(said) => passes(&said),
                    why => why == CreateStreamErrorKind::TimedOut,
                };
                let refused = refused(options, error.kind()).because(error);
                Err(if passing { Trouble::Busy(refused) } else { Trouble::Refused(refused) })
            }
        },
    }
}

fn refused(options: &JetStreamOptions, why: CreateStreamErrorKind) -> StoreError {
    let name = &options.name;
    let CreateStreamErrorKind::JetStream(said) = why else {
        return unanswered("making the stream");
    };
    let (kind, advice) = match said.error_code() {
        jetstream::ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | jetstream::ErrorCode::CLUSTER_NO_PEERS => (
            StoreErrorKind::Invalid,
            "there are not so many servers as `replicas` asks for: start more of them, or ask for fewer",
        ),
        jetstream::ErrorCode::STREAM_SUBJECT_OVERLAP => (
            StoreErrorKind::Foreign,
            "its subjects belong to another stream: name another one at the end of the URL",
        ),
        jetstream::ErrorCode::INSUFFICIENT_RESOURCES | jetstream::ErrorCode::STORAGE_RESOURCES_EXCEEDED => {
            (StoreErrorKind::Full, "the server has no room for it: let JetStream have more")
        }
        _ => (StoreErrorKind::Foreign, "the server does not make it"),
    };
    StoreError::new(kind, format!("there is no stream `{name}`, and {advice}"))
}

/// Refuses a stream that does not keep what it is given, or is somebody else's.
fn check(found: &Config, options: &JetStreamOptions, subjects: &Subjects) -> Result<(), StoreError> {
    let name = &options.name;
    match found.metadata.get(MARK.0).map(String::as_str) {
        Some(form) if form == MARK.1 => {}
        Some(form) => {
            return Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!(
                    "the messages of stream `{name}` are of form {form}, this version of factum reads and writes form {}: use the \
                     version of factum that wrote them, or a later one",
                    MARK.1
                ),
            ));
        }
        None => {
            return Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!("the stream `{name}` is not one of factum: name another one at the end of the URL"),
            ));
        }
    }
    let replicas = options.replicas.unwrap_or(found.num_replicas);
    let storage = match options.in_memory {
        None => found.storage,
        Some(true) => StorageType::Memory,
        Some(false) => StorageType::File,
    };
    let needed = [
        (found.num_replicas == replicas, format!("`num_replicas` {replicas}")),
        (found.storage == storage, format!("`storage` {storage:?}").to_lowercase()),
        (found.subjects == subjects.all(), format!("`subjects` {}", subjects.all().join(", "))),
        (found.retention == RetentionPolicy::Limits, "`retention` limits".to_owned()),
        (
            found.discard == DiscardPolicy::New,
            "`discard` new, so that a full stream refuses instead of forgetting".to_owned(),
        ),
        (found.max_age.is_zero(), "no `max_age`".to_owned()),
        (found.max_messages_per_subject <= 0, "no `max_msgs_per_subject`".to_owned()),
        (found.deny_delete && found.deny_purge, "`deny_delete` and `deny_purge`".to_owned()),
        (found.allow_direct, "`allow_direct`".to_owned()),
        (found.allow_atomic_publish, "`allow_atomic`".to_owned()),
        (!found.allow_message_ttl, "no `allow_msg_ttl`".to_owned()),
        (!found.no_ack, "no `no_ack`".to_owned()),
        (found.subject_transform.is_none(), "no `subject_transform`".to_owned()),
        (
            found.mirror.is_none() && found.sources.as_ref().is_none_or(Vec::is_empty),
            "no `mirror` and no `sources`".to_owned(),
        ),
        (!found.sealed, "not to be `sealed`".to_owned()),
        (
            found.republish.as_ref().is_some_and(|told| told.destination == subjects.told()),
            format!("`republish` of {} to {}", subjects.events(), subjects.told()),
        ),
    ];
    match needed.into_iter().find(|(right, _)| !right) {
        None => Ok(()),
        Some((_, needed)) => Err(StoreError::new(
            StoreErrorKind::Foreign,
            format!(
                "the stream `{name}` has other settings than this store needs: it needs {needed}, as the URL or factum asks; \
                 change the URL or the stream (`nats stream edit {name}`)"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn the_oldest_server_is_2_12() {
        for (version, right) in [
            ("2.11.9", false),
            ("2.12.0", true),
            ("2.12.0-RC.1", true),
            ("2.15.1", true),
            ("3.0.0", true),
            ("1.99.0", false),
            ("dev", false),
        ] {
            assert_eq!(is_new_enough(version), right, "{version}");
        }
    }
}
