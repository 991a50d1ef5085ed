//! Files that are not what they were.

use std::fs;

use super::*;
use crate::store::RecordedEvent;

/// A store with a stream `a` of three events, closed again.
async fn stored() -> Folder {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    store.append(commit("a", Expected::NoStream, &["Made", "Painted", "Sold"])).await.unwrap();
    folder
}

/// Each way to read the stream must say that it is damaged, and name what.
async fn is_noticed(damage: &str, named: &str, by_facts: bool) {
    let folder = stored().await;
    folder.sql().execute_batch(damage).unwrap();
    let store = folder.open().await.unwrap();
    let stream = stream_id("a");
    let mut errors = vec![
        store.read_stream(&stream, Version::FIRST, 10).await.map(drop),
        store.read_all(&Filter::All, Position::START, 10).await.map(drop),
        store.read_all(&Filter::category("thing"), Position::START, 10).await.map(drop),
    ];
    if by_facts {
        errors.push(store.read_facts(&stream, Version::FIRST, 10).await.map(drop));
    }
    for result in errors {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{damage}: {error}");
        assert!(error.to_string().contains(named), "{damage}: {error}");
        assert!(error.to_string().contains("position 2"), "{damage}: {error}");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_is_named() {
    for (damage, named, by_facts) in [
        ("UPDATE events SET id = x'01' WHERE position = 2", "`id`", false),
        ("UPDATE events SET at = 9223372036854775807 WHERE position = 2", "`at`", false),
        (
            "UPDATE events SET metadata = CAST(x'7b226163746f72223a22ff227d' AS TEXT) WHERE position = 2",
            "`metadata`",
            false,
        ),
        ("UPDATE events SET metadata = 'no json' WHERE position = 2", "`metadata`", false),
        ("UPDATE events SET metadata = '' WHERE position = 2", "`metadata`", false),
        ("UPDATE events SET metadata = '{\"actor\": 5}' WHERE position = 2", "`metadata`", false),
        ("UPDATE events SET schema = -1 WHERE position = 2", "`schema`", true),
        ("UPDATE events SET schema = 4294967296 WHERE position = 2", "`schema`", true),
        ("UPDATE events SET name = CAST(x'ff' AS TEXT) WHERE position = 2", "`name`", true),
        ("UPDATE events SET payload = CAST(x'ff' AS TEXT) WHERE position = 2", "`payload`", true),
        ("UPDATE events SET payload = 5 WHERE position = 2", "`payload`", true),
        ("UPDATE events SET payload = x'00' WHERE position = 2", "`format`", true),
    ] {
        is_noticed(damage, named, by_facts).await;
    }
}

#[tokio::test]
async fn a_version_below_one_is_damage() {
    let folder = stored().await;
    folder.sql().execute_batch("UPDATE events SET version = 0 WHERE position = 2").unwrap();
    let store = folder.open().await.unwrap();
    let error = store.read_all(&Filter::All, Position::START, 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("`version`"), "{error}");
}

#[tokio::test]
async fn a_missing_event_is_noticed() {
    let folder = stored().await;
    folder.sql().execute_batch("DELETE FROM events WHERE version = 2").unwrap();
    let store = folder.open().await.unwrap();
    let stream = stream_id("a");
    for limit in [2, 3, 10] {
        let facts = store.read_facts(&stream, Version::FIRST, limit).await.map(drop);
        let events = store.read_stream(&stream, Version::FIRST, limit).await.map(drop);
        for result in [facts, events] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            assert!(error.to_string().contains("does not have all of its events"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_event_of_no_stream_is_not_passed_over() {
    for damage in [
        "DELETE FROM streams",
        "DELETE FROM categories",
        "UPDATE streams SET id = CAST(x'ff' AS TEXT)",
        "UPDATE events SET stream = 7",
    ] {
        let folder = stored().await;
        folder.sql().execute_batch(damage).unwrap();
        let store = folder.open().await.unwrap();
        let error = store.read_all(&Filter::All, Position::START, 10).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{damage}: {error}");
        assert!(error.to_string().contains("position 1"), "{damage}: {error}");
    }
}

/// A stream that has lost all of its events is not begun anew.
#[tokio::test]
async fn a_stream_without_events_is_damage() {
    let folder = stored().await;
    folder.sql().execute_batch("DELETE FROM events").unwrap();
    let store = folder.open().await.unwrap();
    for expected in [Expected::NoStream, Expected::Any] {
        let error = store.append(commit("a", expected, &["Made"])).await.unwrap_err();
        let AppendError::Failed(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    }
}

#[tokio::test]
async fn a_missing_table_is_damage() {
    let folder = stored().await;
    folder.sql().execute_batch("DROP TABLE commits; DROP TABLE streams").unwrap();
    let store = folder.open().await.unwrap();
    let error = store.read_stream(&stream_id("a"), Version::FIRST, 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    let error = store.append(commit("a", Expected::Any, &["Lost"])).await.unwrap_err();
    let AppendError::Failed(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
}

/// Wherever the file is cut off, nothing is missing in silence.
#[tokio::test]
async fn a_truncated_file_is_noticed() {
    let folder = stored().await;
    let whole = fs::read(folder.path()).unwrap();
    for length in [1, 20, 99, 100, 512, 1000].into_iter().chain((1000..whole.len()).step_by(1500)) {
        fs::write(folder.path(), &whole[..length]).unwrap();
        errors_or_the_truth(&folder).await;
        // SQLite counts a page that is there in part.
        if length + 4096 <= whole.len() {
            assert!(folder.open().await.is_err(), "{length}");
            assert_eq!(fs::read(folder.path()).unwrap(), &whole[..length], "{length}");
        }
    }
}

/// Whichever page is overwritten, nothing panics, and no read gives other events than there were.
#[tokio::test]
async fn an_overwritten_page_is_no_other_history() {
    let folder = stored().await;
    let whole = fs::read(folder.path()).unwrap();
    let mut noticed = 0;
    for page in 0..whole.len() / 4096 {
        for byte in [0x00, 0xff] {
            let mut damaged = whole.clone();
            damaged[page * 4096..(page + 1) * 4096].fill(byte);
            fs::write(folder.path(), damaged).unwrap();
            noticed += errors_or_the_truth(&folder).await;
        }
    }
    assert!(noticed >= 6, "only {noticed} times was damage noticed");
}

/// How often opening and reading said that there is damage. What is read is what was written.
async fn errors_or_the_truth(folder: &Folder) -> usize {
    let store = match folder.open().await {
        Ok(store) => store,
        Err(error) => {
            let kind = error.kind();
            assert!(matches!(kind, StoreErrorKind::Corrupt | StoreErrorKind::Foreign), "{error}");
            return 1;
        }
    };
    let stream = stream_id("a");
    let names = |events: Vec<RecordedEvent>| -> Vec<_> {
        events.into_iter().map(|event| event.name.to_string()).collect()
    };
    let reads = [
        store.read_stream(&stream, Version::FIRST, 10).await.map(|page| names(page.events)),
        store.read_all(&Filter::All, Position::START, 10).await.map(|page| names(page.events)),
        store.read_all(&Filter::category("thing"), Position::START, 10).await.map(|page| names(page.events)),
    ];
    let mut noticed = 0;
    for read in reads {
        match read {
            Ok(names) => assert_eq!(names, ["Made", "Painted", "Sold"]),
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
                noticed += 1;
            }
        }
    }
    noticed
}
