//! What earlier versions stored is read and continued by today's. The fixtures are copied first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is how a test fails")]

use evolution::{
    FIRST_DAY, SECOND_YEAR,
    domain::{Branch, Loan, Member, MemberCommand, MemberEvent},
};
use factum::{
    Position, Repository,
    store::{Filter, RecordedEvent},
};
use tempfile::TempDir;

/// The members of a copy, for as long as its folder is there.
async fn members(fixture: &[u8]) -> (TempDir, Repository<Member>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("library.db");
    std::fs::write(&file, fixture).unwrap();
    let store = factum::open(&format!("sqlite:{}", file.display())).await.unwrap();
    (folder, Repository::new(store))
}

async fn stored(members: &Repository<Member>) -> Vec<RecordedEvent> {
    members.store().read_all(&Filter::All, Position::START, 1000).await.unwrap().events
}

/// A member at this version, who has left or not.
async fn is(members: &Repository<Member>, version: u64, left: bool, member: Member) {
    let found = members.load(&member.number).await.unwrap().unwrap();
    assert_eq!((found.version.to_string(), found.ended), (version.to_string(), left));
    assert_eq!(*found, member);
}

fn member(number: u64, given: &str, family: &str, address: &str, loans: &[Loan]) -> Member {
    Member {
        number,
        given: given.into(),
        family: family.into(),
        address: address.into(),
        loans: loans.to_vec(),
    }
}

fn loan(book: &str, for_days: u32, branch: Branch) -> Loan {
    Loan { book: book.into(), for_days, branch }
}

fn ada() -> Member {
    let loans = [loan("Elements", 28, Branch::Main), loan("Principia", 28, Branch::Main)];
    member(1, "Ada", "Lovelace", "1 Park Lane, Ely", &loans)
}

#[tokio::test]
async fn the_first_day_is_read() {
    let (_folder, members) = members(FIRST_DAY).await;
    is(&members, 6, false, ada()).await;
    is(&members, 4, true, member(2, "Alan", "Turing", "3 Mill Road, Ely", &[])).await;
    let loans = [loan("Moby-Dick", 28, Branch::Main)];
    is(&members, 2, false, member(3, "Grace", "Hopper", "7 Quay Street, Ely", &loans)).await;
    assert!(members.load(&4).await.unwrap().is_none());
    assert!(stored(&members).await.iter().all(|event| event.schema == 1));
}

#[tokio::test]
async fn the_second_year_is_read() {
    let (_folder, members) = members(SECOND_YEAR).await;
    is(&members, 6, false, ada()).await;
    let loans = [loan("Treasure Island", 14, Branch::Harbour)];
    is(&members, 4, false, member(3, "Grace", "Hopper", "7 Quay Street, Ely", &loans)).await;
    let loans = [loan("Algebra", 28, Branch::Main)];
    is(&members, 3, false, member(4, "Emmy", "Noether", "2 Quay Street, Ely", &loans)).await;
}

#[tokio::test]
async fn states_of_then_are_todays_states() {
    let (_folder, members) = members(FIRST_DAY).await;
    let then = members.load_at_version(&1, 4_u64).await.unwrap().unwrap();
    let loans = [loan("Elements", 28, Branch::Main)];
    assert_eq!(*then, member(1, "Ada", "Byron", "12 High Street, Ely", &loans));
    // One stored event is two of today's, under its version.
    let history = members.history(&1).await.unwrap();
    let split: Vec<_> =
        history.iter().filter(|event| event.version.to_string() == "5").map(|event| &event.event).collect();
    assert_eq!(
        split,
        [
            &MemberEvent::NameChanged { given: "Ada".into(), family: "Lovelace".into() },
            &MemberEvent::Moved { address: "1 Park Lane, Ely".into() },
        ]
    );
}

#[tokio::test]
async fn new_events_stand_beside_the_old_ones() {
    for fixture in [FIRST_DAY, SECOND_YEAR] {
        let (_folder, members) = members(fixture).await;
        let before = stored(&members).await;
        members.execute(&1, MemberCommand::TakeBack { book: "Elements".into() }).await.unwrap();
        let (book, for_days, branch) = ("Ulysses".into(), 7, Branch::Harbour);
        members.execute(&1, MemberCommand::Lend { book, for_days, branch }).await.unwrap();
        let loans = [loan("Principia", 28, Branch::Main), loan("Ulysses", 7, Branch::Harbour)];
        is(&members, 8, false, Member { loans: loans.to_vec(), ..ada() }).await;

        let after = stored(&members).await;
        let (old, new) = after.split_at(before.len());
        assert_eq!(old, before, "what was stored is what it was");
        let new: Vec<_> = new.iter().map(|event| (event.name.to_string(), event.schema)).collect();
        assert_eq!(new, [("BookReturned".to_owned(), 2), ("BookLent".to_owned(), 3)]);
    }
}

/// The database of the first day holds a snapshot of the state of then, which has no `given` and no `loans`.
#[tokio::test]
async fn a_snapshot_of_other_code_is_left_aside_and_replaced() {
    let (_folder, members) = members(FIRST_DAY).await;
    let stream = stored(&members).await[0].stream.clone();
    let snapshot = members.store().snapshot(&stream).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(snapshot.state.bytes()).contains(r#""name":"Ada Byron""#));
    is(&members, 6, false, ada()).await;
    let replaced = async {
        while members.store().snapshot(&stream).await.unwrap().unwrap().fingerprint == snapshot.fingerprint {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), replaced).await.expect("it is not replaced");
}
