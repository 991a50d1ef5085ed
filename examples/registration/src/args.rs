//! What can be typed.

use clap::{Args as Group, Parser, Subcommand, value_parser};

/// Where users and accounts are kept, unless told otherwise.
const STORE: &str = "sqlite:registration.db";

/// Sign-ups, shared accounts and money, and what happens when many want the same at the same time.
#[derive(Debug, Parser)]
#[command(name = "registration", version)]
pub(crate) struct Args {
    /// Where users and accounts are kept
    #[arg(long, global = true, value_name = "URL", default_value = STORE)]
    pub(crate) store: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a story and tell what happens; as often as you like
    Tour,
    /// Let many people sign up, and prove from the store that each address has one holder
    Load(Load),
    /// Move money between accounts, many transfers at once, and prove from the store that none of it is lost
    Bank(Bank),
}

/// How many sign up, and how fast.
#[derive(Debug, Group)]
pub(crate) struct Load {
    /// Sign-ups per second; 0 is as fast as possible
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0, value_parser = rate, allow_hyphen_values = true)]
    pub(crate) rate: f64,
    /// How many sign-ups are on their way at once, at most
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) clients: u32,
    /// How many sign-ups
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: u64,
    /// For how long, instead of how many
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..), conflicts_with = "count")]
    pub(crate) seconds: Option<u32>,
    /// The share of sign-ups that want an address that somebody else has or is about to get
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share, allow_hyphen_values = true)]
    pub(crate) duplicates: f64,
}

/// How much money moves, and between how many.
#[derive(Debug, Group)]
pub(crate) struct Bank {
    /// How many transfers are on their way at once
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) clients: u32,
    /// Between how many accounts; those that are not there are opened
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = value_parser!(u64).range(2..=1_000_000))]
    pub(crate) accounts: u64,
    /// How many transfers
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = value_parser!(u64).range(1..))]
    pub(crate) transfers: u64,
    /// Only prove that what is in the store is right
    #[arg(long, conflicts_with_all = ["clients", "accounts", "transfers"])]
    pub(crate) check: bool,
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1e6).contains(rate));
    rate.ok_or("use a number of sign-ups per second, such as 23, or 0 for as many as possible")
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("use a share between 0 and 1, such as 0.1 for a tenth")
}
