//! The contracts of `Store` and of `ReadStore`, on every store.

use factum::testing::{contract::AsReadStore, contract_tests, read_contract_tests};
#[cfg(all(feature = "jetstream", unix))]
use factum_tests::nats::Stream;
#[cfg(all(feature = "postgres", unix))]
use factum_tests::postgres::Schema;
use factum_tests::stores::Memory;
#[cfg(feature = "sqlite")]
use factum_tests::stores::SqliteFile;

contract_tests!(memory, Memory::default(), reopens);
read_contract_tests!(memory_read, AsReadStore(Memory::default()), reopens);

#[cfg(feature = "sqlite")]
contract_tests!(sqlite, SqliteFile::new(""), reopens);
#[cfg(feature = "sqlite")]
read_contract_tests!(sqlite_read, AsReadStore(SqliteFile::new("")), reopens);

// Not to be opened again: each is a database of its own.
#[cfg(feature = "sqlite")]
contract_tests!(sqlite_in_memory, || factum::open("sqlite::memory:"));
#[cfg(feature = "sqlite")]
read_contract_tests!(sqlite_in_memory_read, AsReadStore(|| factum::open("sqlite::memory:")));

#[cfg(all(feature = "postgres", unix))]
contract_tests!(postgres, Schema::new(), reopens);

#[cfg(all(feature = "postgres", unix))]
read_contract_tests!(postgres_read, AsReadStore(Schema::new()), reopens);

#[cfg(all(feature = "jetstream", unix))]
contract_tests!(jetstream, Stream::new(), reopens);

#[cfg(all(feature = "jetstream", unix))]
contract_tests!(jetstream_replicated, Stream::replicated(), reopens);
