//! Encrypted connections: `sslmode` does what it says, and what is not trusted is refused with advice.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use factum::store::{Expected, StoreErrorKind};
use factum_tests::postgres::Postgres;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::{commit, refused::refusal};

/// A URL of an empty schema for this user, under `localhost`, with these options.
fn url(server: &Postgres, user: &str, options: &str) -> String {
    let url = server.fresh().replace("factum@127.0.0.1", &format!("{user}@localhost"));
    let root = server.file("root.crt");
    format!("{url}&{}", options.replace("ROOT", &root.display().to_string()))
}

/// Whether all connections of a store that was opened like this are encrypted.
async fn is_encrypted(server: &Postgres, url: &str) -> bool {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("till{}", NAMES.fetch_add(1, Ordering::Relaxed));
    let url = format!("{url}&application_name={name}");
    let store = timeout(Duration::from_secs(5), factum::open(&url)).await.unwrap().unwrap();
    store.append(commit("a", Expected::NoStream, 1)).await.unwrap();
    let waits = store.clone();
    let waiting = tokio::spawn(async move {
        let head = waits.head().await.unwrap();
        waits.wait(head).await
    });
    let admin = format!("postgres://plain@127.0.0.1:{}/postgres?sslmode=disable", server.port());
    let (admin, connection) = tokio_postgres::connect(&admin, NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
               WHERE application_name = $1";
    let (mut encrypted, mut connections) = (0_i64, 0_i64);
    // One that writes, one that loads, one that listens.
    for _ in 0..100 {
        let row = admin.query_one(sql, &[&name]).await.unwrap();
        (encrypted, connections) = (row.get(0), row.get(1));
        if connections >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    waiting.abort();
    assert!(connections >= 3, "{connections}");
    assert!(encrypted == 0 || encrypted == connections, "{encrypted} of {connections}");
    encrypted > 0
}

#[tokio::test]
async fn each_mode_does_what_it_says() {
    let Some(server) = Postgres::encrypting() else { return };
    for (user, options, encrypted) in [
        ("factum", "", true),
        ("factum", "sslmode=prefer", true),
        ("factum", "sslmode=require", true),
        ("factum", "sslmode=require&sslrootcert=ROOT", true),
        ("factum", "sslmode=verify-ca&sslrootcert=ROOT", true),
        ("factum", "sslmode=verify-full&sslrootcert=ROOT", true),
        ("factum", "sslrootcert=ROOT", true),
        // The driver has the name from here and the address from there.
        ("factum", "sslrootcert=ROOT&hostaddr=127.0.0.1", true),
        ("plain", "sslmode=disable", false),
        // The server does not let this user in encrypted, and it was a preference only.
        ("plain", "sslmode=prefer", false),
    ] {
        let url = url(server, user, options);
        assert_eq!(is_encrypted(server, &url).await, encrypted, "{user} {options}");
    }
    let by_address =
        url(server, "factum", "sslmode=verify-ca&sslrootcert=ROOT").replace("localhost", "127.0.0.1");
    assert!(is_encrypted(server, &by_address).await, "`verify-ca` does not look at the name");
    let itself = format!("sslrootcert={}", server.file("server.crt").display());
    assert!(
        is_encrypted(server, &url(server, "factum", &itself)).await,
        "a certificate that is itself trusted"
    );
}

#[tokio::test]
async fn what_is_not_trusted_is_refused() {
    let Some(server) = Postgres::encrypting() else { return };
    let other = format!("sslrootcert={}", server.file("other.crt").display());
    let missing = format!("sslrootcert={}", server.file("missing.crt").display());
    let key = format!("sslrootcert={}", server.file("root.key").display());
    for (options, host, kind, advice) in [
        (other.as_str(), "localhost", StoreErrorKind::Denied, "signed by nobody that is trusted"),
        ("sslmode=verify-full", "localhost", StoreErrorKind::Denied, "`sslrootcert=path`"),
        ("sslmode=verify-full&sslrootcert=ROOT", "127.0.0.1", StoreErrorKind::Denied, "another host"),
        ("sslmode=disable", "localhost", StoreErrorKind::Denied, "`sslmode=require`"),
        (missing.as_str(), "localhost", StoreErrorKind::Invalid, "missing.crt"),
        (key.as_str(), "localhost", StoreErrorKind::Invalid, "no certificate"),
    ] {
        let (found, message) = refusal(&url(server, "factum", options).replace("localhost", host)).await;
        assert_eq!(found, kind, "{options}: {message}");
        assert!(message.contains(advice), "{options}: {message}");
    }
    let weaker = format!("sslmode=require&{other}");
    let (found, message) = refusal(&url(server, "factum", &weaker)).await;
    assert_eq!(found, StoreErrorKind::Denied, "a root that is named is looked at: {message}");
}

#[tokio::test]
async fn a_server_that_does_not_encrypt() {
    let Some(server) = Postgres::shared() else { return };
    for mode in ["require", "verify-full"] {
        let (kind, message) = refusal(&format!("{}&sslmode={mode}", server.fresh())).await;
        assert_eq!(kind, StoreErrorKind::Denied, "{message}");
        assert!(message.contains("switch on `ssl`"), "{message}");
    }
    for mode in ["disable", "prefer"] {
        factum::open(&format!("{}&sslmode={mode}", server.fresh())).await.unwrap();
    }
}

#[tokio::test]
async fn a_password_is_bound_to_the_connection() {
    let Some(server) = Postgres::encrypting() else { return };
    let bound = "sslmode=verify-full&sslrootcert=ROOT&channel_binding=require";
    assert!(is_encrypted(server, &url(server, "scram:right", bound)).await);
    let (kind, message) = refusal(&url(server, "scram:wrong", bound)).await;
    assert_eq!(kind, StoreErrorKind::Denied, "{message}");
    assert!(message.contains("user name and password"), "{message}");
}

#[tokio::test]
async fn the_server_may_ask_for_a_certificate() {
    let Some(server) = Postgres::encrypting() else { return };
    let (certificate, key) = (server.file("client.crt"), server.file("client.key"));
    let shown = format!("sslrootcert=ROOT&sslcert={}&sslkey={}", certificate.display(), key.display());
    assert!(is_encrypted(server, &url(server, "certified", &shown)).await);
    let (kind, message) = refusal(&url(server, "certified", "sslrootcert=ROOT")).await;
    assert_eq!(kind, StoreErrorKind::Denied, "{message}");
    assert!(message.contains("`sslcert`"), "{message}");
    let foreign = format!(
        "sslrootcert=ROOT&sslcert={}&sslkey={}",
        server.file("other.crt").display(),
        server.file("other.key").display()
    );
    let (kind, message) = refusal(&url(server, "certified", &foreign)).await;
    assert_eq!(kind, StoreErrorKind::Denied, "{message}");
    assert!(message.contains("`sslcert`"), "{message}");
    let mixed = format!(
        "sslrootcert=ROOT&sslcert={}&sslkey={}",
        certificate.display(),
        server.file("other.key").display()
    );
    let (kind, message) = refusal(&url(server, "certified", &mixed)).await;
    assert_eq!(kind, StoreErrorKind::Invalid, "{message}");
}

#[tokio::test]
async fn passwords_where_a_server_asks_for_one() {
    let Some(server) = Postgres::encrypting() else { return };
    assert!(!is_encrypted(server, &url(server, "word:right", "sslmode=disable")).await);
    for (user, advice) in [("word:wrong", "user name and password"), ("word", "asks for a password")] {
        let (kind, message) = refusal(&url(server, user, "sslmode=disable")).await;
        assert_eq!(kind, StoreErrorKind::Denied, "{message}");
        assert!(message.contains(advice) && !message.contains(":wrong"), "{message}");
    }
}
