//! What wrote `fixtures/`: the versions of the domain that came before today's, and what happened in their time.
//!
//! It is a package of its own because the lock of `evolution` refuses them: published events do not go back. The fixtures are
//! what was stored in those days, so this need not run again, and does not overwrite them.
//!
//! ```console
//! $ cargo run -p evolution-history -- somewhere-else     # a new folder
//! ```

mod v1;
mod v2;

use std::{env, error::Error, fs, path::Path};

use factum::{Aggregate, Metadata, Repository};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const ADA: u64 = 1;
const ALAN: u64 = 2;
const GRACE: u64 = 3;
const EMMY: u64 = 4;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = env::args().nth(1).ok_or("usage: evolution-history FOLDER, a new one")?;
    let folder = Path::new(&folder);
    fs::create_dir(folder)?;
    let first_day = folder.join("first-day.db");
    in_the_first_year(open(&first_day).await?).await?;
    let second_year = folder.join("second-year.db");
    fs::copy(&first_day, &second_year)?;
    in_the_second_year(open(&second_year).await?).await
}

/// The members at a desk, who is on record as the actor.
struct Desk<A: Aggregate<Id = u64>>(Repository<A>);

impl<A: Aggregate<Id = u64, Error: Error + Send + Sync>> Desk<A> {
    async fn ask(&self, number: u64, command: A::Command) -> Result<()> {
        self.0.execute(&number, command).with(Metadata::by("desk")).await?;
        Ok(())
    }
}

async fn open<A: Aggregate<Id = u64>>(file: &Path) -> Result<Desk<A>> {
    let file = file.to_str().ok_or("the folder's name is not UTF-8")?;
    // Cold, so that snapshots come up where they did in a process for each command.
    Ok(Desk(Repository::new(factum::open(&format!("sqlite:{file}")).await?).cold()))
}

async fn in_the_first_year(desk: Desk<v1::Member>) -> Result<()> {
    use v1::MemberCommand::{ChangeDetails, Join, Leave, Lend, TakeBack};

    let join = |name: &str, address: &str| Join { name: name.into(), address: address.into() };
    let lend = |book: &str, shelf: &str, days| Lend { book: book.into(), days, shelf: shelf.into() };
    let take_back = |book: &str| TakeBack { book: book.into() };
    let change = |name: &str, address: &str| ChangeDetails { name: name.into(), address: address.into() };

    desk.ask(ADA, join("Ada Byron", "12 High Street, Ely")).await?;
    desk.ask(ALAN, join("Alan Turing", "3 Mill Road, Ely")).await?;
    desk.ask(ADA, lend("Emma", "F 12", 14)).await?;
    desk.ask(ADA, lend("Elements", "M 1", 28)).await?;
    desk.ask(ADA, take_back("Emma")).await?;
    desk.ask(ALAN, lend("Alice in Wonderland", "F 3", 14)).await?;
    // She married and moved: one event for both.
    desk.ask(ADA, change("Ada Lovelace", "1 Park Lane, Ely")).await?;
    desk.ask(GRACE, join("Grace Hopper", "7 Quay Street, Ely")).await?;
    desk.ask(ALAN, take_back("Alice in Wonderland")).await?;
    desk.ask(ALAN, Leave { reason: "moved to Manchester".into() }).await?;
    desk.ask(ADA, lend("Principia", "M 4", 28)).await?;
    desk.ask(GRACE, lend("Moby-Dick", "F 30", 28)).await
}

async fn in_the_second_year(desk: Desk<v2::Member>) -> Result<()> {
    use v2::{
        Branch,
        MemberCommand::{ChangeDetails, Join, Lend, TakeBack},
    };

    let lend =
        |book: &str, shelf: &str, days, branch| Lend { book: book.into(), days, shelf: shelf.into(), branch };

    let (given, family, address) = ("Emmy".into(), "Noether".into(), "9 Abbey Close, Ely".into());
    desk.ask(EMMY, Join { given, family, address }).await?;
    desk.ask(GRACE, lend("Treasure Island", "H 2", 14, Branch::Harbour)).await?;
    desk.ask(GRACE, TakeBack { book: "Moby-Dick".into() }).await?;
    desk.ask(EMMY, lend("Algebra", "M 9", 28, Branch::Main)).await?;
    let (given, family, address) = ("Emmy".into(), "Noether".into(), "2 Quay Street, Ely".into());
    desk.ask(EMMY, ChangeDetails { given, family, address }).await
}
