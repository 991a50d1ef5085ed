//! What the first day stored, what is read of it, what comes to stand beside it, and which changes do not compile.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use evolution::{
    FIRST_DAY,
    domain::{Branch, Member, MemberCommand},
    mistakes::MISTAKES,
};
use factum::{
    Position, Repository,
    store::{Filter, RecordedEvent},
};

use crate::Result;

const ADA: u64 = 1;

/// More events than there are.
const ALL: usize = 1000;

pub(crate) async fn run(file: Option<PathBuf>, out: &mut impl Write) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = file.unwrap_or_else(|| folder.path().join("library.db"));
    let members = open_copy(&file).await?;

    writeln!(out, "1 What version 1 stored: stream, version, name, schema version, payload\n")?;
    let before = stored(&members).await?;
    show(&before, out)?;

    writeln!(out, "\n2 What version 3 reads of Ada's stream; DetailsChanged is two events today\n")?;
    for recorded in members.history(&ADA).await? {
        writeln!(out, "   {}  {:?}", recorded.version, recorded.event)?;
    }

    writeln!(out, "\n3 Her states of then, as version 3 has them\n")?;
    for version in [1_u64, 4, 6] {
        if let Some(then) = members.load_at_version(&ADA, version).await? {
            writeln!(out, "   {version}  {:?}", *then)?;
        }
    }

    writeln!(out, "\n4 She brings a book back and borrows another one, in today's form\n")?;
    members.execute(&ADA, MemberCommand::TakeBack { book: "Elements".into() }).await?;
    let (book, for_days, branch) = ("Ulysses".into(), 7, Branch::Harbour);
    members.execute(&ADA, MemberCommand::Lend { book, for_days, branch }).await?;
    let after = stored(&members).await?;
    let (old, new) = after.split_at_checked(before.len()).ok_or("events are gone")?;
    show(new, out)?;
    if old != before {
        return Err("what was stored has changed".into());
    }
    writeln!(out, "\n   The {} events of before are what they were, byte for byte.", old.len())?;

    let used = members.snapshot_counts().used;
    writeln!(
        out,
        "   Version 1 had left a snapshot of its state. It was used {used} times: the code is another one."
    )?;

    writeln!(out, "\n5 Changes of src/domain.rs that do not compile")?;
    for mistake in MISTAKES {
        writeln!(out)?;
        for line in mistake.text.lines() {
            writeln!(out, "{}", format!("   {line}").trim_end())?;
        }
    }
    Ok(())
}

/// The members in a copy of the database of the first day.
async fn open_copy(file: &Path) -> Result<Repository<Member>> {
    let name = file.to_str().ok_or("the name of the file is not UTF-8")?;
    File::create_new(file)
        .and_then(|mut copy| copy.write_all(FIRST_DAY))
        .map_err(|error| format!("cannot make {name}: {error}; name a file that is not there yet"))?;
    Ok(Repository::new(factum::open(&format!("sqlite:{name}")).await?))
}

/// All that is stored.
async fn stored(members: &Repository<Member>) -> Result<Vec<RecordedEvent>> {
    Ok(members.store().read_all(&Filter::All, Position::START, ALL).await?.events)
}

fn show(events: &[RecordedEvent], out: &mut impl Write) -> Result<()> {
    for event in events {
        let RecordedEvent { stream, version, name, schema, payload, .. } = event;
        let payload = String::from_utf8_lossy(payload.bytes());
        writeln!(out, "   {stream}  {version}  {name} {schema}  {payload}")?;
    }
    Ok(())
}
