//! Ours against programs by hand: `cargo run --release -p factum-benches --bin bench`, with `--help` for what can be chosen.
//!
//! Prints the settings that are in force, a line for each comparison as it is done, and a table at the end. Servers are
//! started here, with data in temporary directories, and stopped; a store whose server is not installed is left out.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use factum_benches::{
    Error,
    args::Args,
    backends,
    measures::{self, Effort, Measure},
    picture, report,
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args = Args::parse();
    let effort = Effort { time: Duration::try_from_secs_f64(args.seconds)?, rounds: args.rounds.max(1) };
    let (mut rows, mut settings) = (Vec::new(), Vec::new());
    for name in backends::NAMES {
        if !args.backends.is_empty() && !args.backends.iter().any(|wanted| wanted == name) {
            continue;
        }
        let Some(backend) = backends::start(name).await? else { continue };
        settings.push(format!("- {}: {}", backend.name(), backend.settings().await?));
        for measure in Measure::value_variants() {
            if !args.only.is_empty() && !args.only.contains(measure) {
                continue;
            }
            for row in measures::run(*measure, &*backend, effort).await? {
                println!("{}", report::line(&row));
                rows.push(row);
            }
        }
    }
    println!(
        "\nMedians of {} rounds, {} processors, load of the machine {}. Nothing was lost or doubled.\n",
        effort.rounds,
        std::thread::available_parallelism()?,
        std::fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned()).trim(),
    );
    println!("{}\n\n{}", settings.join("\n"), report::table(&rows));
    if let (Some(file), Some(svg)) = (args.svg, picture::draw(&rows)) {
        std::fs::write(file, svg)?;
    }
    Ok(())
}
