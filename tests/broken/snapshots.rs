//! Mistakes with snapshots.

use factum::{
    Version,
    store::{
        Append, Commit, EventId, Expected, Name, NewEvent, Payload, Snapshot, Store, StoreError, StreamId,
    },
};

use crate::{bugs::Bug, store::Broken};

impl Broken {
    pub(crate) async fn find_snapshot_wrongly(
        &self,
        stream: &StreamId,
    ) -> Result<Option<Snapshot>, StoreError> {
        let found = self.store.snapshot(&self.snapshot_name(stream)).await?;
        if self.bug == Bug::MakesUpSnapshots && found.is_none() {
            return Ok(Some(Snapshot {
                stream: stream.clone(),
                version: Version::NONE,
                last: EventId(uuid::Uuid::nil()),
                fingerprint: [0; 16],
                origin: uuid::Uuid::nil(),
                state: Payload::json("{}"),
            }));
        }
        Ok(found.map(|found| Snapshot { stream: stream.clone(), ..found }))
    }

    pub(crate) async fn save_snapshot_wrongly(&self, mut snapshot: Snapshot) -> Result<(), StoreError> {
        let stream = snapshot.stream.clone();
        snapshot.stream = self.snapshot_name(&stream);
        let before = self.store.snapshot(&snapshot.stream).await?;
        match self.bug {
            Bug::PretendsToKeep | Bug::ForgetsSnapshots => return Ok(()),
            Bug::KeepsTheLatestSnapshot
                if before.as_ref().is_some_and(|before| before.version > snapshot.version) =>
            {
                return Ok(());
            }
            Bug::RefusesSnapshotsAhead if self.version(&stream).await < snapshot.version => {
                return Err(StoreError::invalid("there is no such version"));
            }
            Bug::RecordsSnapshots => {
                let event = NewEvent {
                    name: Name::from_static("Snapshot"),
                    schema: 1,
                    payload: snapshot.state.clone(),
                    metadata: None,
                };
                let append = Append { stream, expected: Expected::Any, tail: None, events: vec![event] };
                self.store.append(Commit::new(vec![append])).await.unwrap();
            }
            Bug::KeepsSnapshotsInTwoSteps => {
                let version = before.map_or(Version::NONE, |before| before.version);
                self.store.save_snapshot(Snapshot { version, ..snapshot.clone() }).await?;
                tokio::task::yield_now().await;
            }
            Bug::NormalisesJson => {
                if let Payload::Json(json) = &snapshot.state {
                    let value: serde_json::Value = serde_json::from_str(json).unwrap();
                    snapshot.state = Payload::json(value.to_string());
                }
            }
            Bug::TakesEverythingForJson => {
                snapshot.state = Payload::json(String::from_utf8_lossy(snapshot.state.bytes()));
            }
            _ => {}
        }
        self.store.save_snapshot(snapshot).await
    }

    fn snapshot_name(&self, stream: &StreamId) -> StreamId {
        match self.bug {
            Bug::HasOneSnapshotForACategory => StreamId::new(stream.category().clone(), "a"),
            _ => self.name(stream),
        }
    }
}
