//! The commands: what an operator types, and what they print. This is the only reader of the
//! environment and the only place that knows all others.

mod check;
mod daemon;
mod demo;
mod examples;
mod explain;
mod handover;
mod import;
mod init;
mod manual;
mod output;
mod overrides;
mod plan;
mod reload;
mod run;
mod simulate;
mod socket;
mod status;
mod upgrade;
mod wait;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::control::OrderError;
use crate::control::orders;
use crate::route::OverrideKind;

use output::{Exit, Failure, Format};
use wait::Condition;

pub use check::{Checked, Summary};
pub use manual::{Page, completions, pages};
pub use simulate::{AzLoad, AzLoss, Loss, LostServed, PoolFence, PoolLoss, Simulated};
pub use wait::{Awaited, Waited};

/// An authoritative DNS server that answers with the nearest healthy availability zone.
#[derive(Debug, Parser)]
#[command(name = "meridian", version, about, after_help = ATTRIBUTION, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve DNS until SIGTERM or SIGINT; SIGHUP reloads
    Run(Config),
    /// Load every file as `run` would and show all faults; exits 1 if there are errors
    #[command(after_help = examples::CHECK)]
    Check(Printed),
    /// Show where a client is sent, and why
    #[command(after_help = examples::EXPLAIN)]
    Explain(Explain),
    /// Show pools, azs, endpoints, zones and what failed to load, or wait for what is not so yet
    #[command(after_help = examples::STATUS)]
    Status(Status),
    /// Have the running server load every file again; exits 1 if anything was refused
    #[command(after_help = examples::RELOAD)]
    Reload(Reload),
    /// Show what a reload would change, and change nothing; exits 1 if something would be refused
    #[command(after_help = examples::PLAN)]
    Plan(Plan),
    /// Show where clients would go if azs were lost, by the files alone; exits 1 if a limit breaks
    #[command(after_help = examples::SIMULATE)]
    Simulate(Simulate),
    /// Send clients elsewhere than to an az or endpoint, unless a pool has nothing else to give
    #[command(after_help = examples::DRAIN)]
    Drain(Drain),
    /// Give an az or endpoint to clients whatever its probes say
    #[command(after_help = examples::FORCE_UP)]
    ForceUp(Give),
    /// Give an az or endpoint to no client, whatever happens
    #[command(after_help = examples::FORCE_DOWN)]
    ForceDown(Take),
    /// End a drain, force-up or force-down before its time
    #[command(after_help = examples::CLEAR)]
    Clear(Clear),
    /// Let azs back that were lost and wait for this: `failback = "manual"`
    #[command(after_help = examples::RELEASE)]
    Release(Release),
    /// List the overrides in force
    #[command(after_help = examples::OVERRIDES)]
    Overrides(Printed),
    /// Have the running server give way to the binary that is now in its place, without a gap
    #[command(after_help = examples::UPGRADE)]
    Upgrade(Config),
    /// Write a starter configuration with comments, to be made yours
    #[command(after_help = examples::INIT)]
    Init {
        /// Where to; made if it is not there, and no file is written over
        #[arg(value_name = "DIRECTORY")]
        directory: PathBuf,
    },
    /// Serve the configuration's zones with a small HTTP server for every az, to try it out
    #[command(after_help = examples::DEMO)]
    Demo(Demo),
    /// Write files from what another server is configured with, and name what does not map
    Import(import::Arguments),
    /// Print what makes a shell complete commands and options
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a man page for each command
    #[command(after_help = examples::MAN)]
    Man {
        /// Where to; made if there is none
        directory: PathBuf,
    },
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct Config {
    /// The configuration of the server [default: ./meridian.toml, then /etc/meridian/meridian.toml]
    #[arg(long, short, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// How a result is printed, and where the configuration is.
#[derive(Debug, Args)]
struct Printed {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Args)]
struct Explain {
    /// The name that is asked for
    name: String,
    /// The address of the client
    #[arg(long, value_name = "IP")]
    client: IpAddr,
    /// The record type that is asked for
    #[arg(long = "type", value_name = "TYPE", default_value = "A")]
    rtype: String,
    /// Decide by the files alone, with every endpoint up, instead of asking the running server
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Debug, Args)]
struct Status {
    /// Wait until this is so: POOL/AZ=STATE, AZ=STATE in every pool, or ready; may be repeated
    ///
    /// STATE is up or down, by what probes say, or eligible or ineligible, by whether clients are
    /// sent there. All that is waited for must be so at the same time.
    #[arg(long, value_name = "CONDITION")]
    wait: Vec<Condition>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "60s", requires = "wait")]
    #[arg(value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Debug, Args)]
struct Reload {
    /// Take it however many clients move, whatever `max_move` says
    #[arg(long)]
    confirm: bool,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Debug, Args)]
struct Plan {
    /// Compare with this configuration, by the files alone, instead of with the running server
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Debug, Args)]
struct Simulate {
    /// An az that is lost; may be repeated, and then all are lost together
    #[arg(long, value_name = "AZ", required_unless_present = "all", conflicts_with = "all")]
    lose: Vec<String>,
    /// Lose each az, and each two, one loss after the other
    #[arg(long)]
    all: bool,
    /// Recorded demand; without it each IPv4 /24 that the databases place counts once
    #[arg(long, value_name = "FILE")]
    demand: Option<PathBuf>,
    /// The pool to show, by its full name or the last part of it; without it all that have a lost az
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Debug, Args)]
struct Give {
    /// AZ in every pool, POOL/AZ or POOL/AZ/ADDRESS, with * for any part of a name
    target: String,
    /// How long it lasts, from 1s to 30d, as in 2h or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = lasting)]
    duration: String,
    /// Why, for those who find it in status, log and audit log
    #[arg(long, value_name = "TEXT", value_parser = orders::reason)]
    reason: String,
    #[command(flatten)]
    printed: Printed,
}

/// An override that takes clients away.
#[derive(Debug, Args)]
struct Take {
    #[command(flatten)]
    give: Give,
    /// Do it even if that leaves a pool no eligible az
    #[arg(long)]
    even_if_last: bool,
}

#[derive(Debug, Args)]
struct Drain {
    /// The share of clients that the az keeps, by slot: `20%`; lower it step by step
    #[arg(long, value_name = "SHARE")]
    to: Option<String>,
    #[command(flatten)]
    take: Take,
}

#[derive(Debug, Args)]
struct Release {
    /// The az: AZ in every pool, POOL/AZ, or either with globs
    target: String,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Debug, Args)]
struct Clear {
    /// The target of the override, as it was given
    target: String,
    #[command(flatten)]
    printed: Printed,
}

#[derive(Debug, Args)]
struct Demo {
    #[command(subcommand)]
    action: Option<DemoAction>,
    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Subcommand)]
enum DemoAction {
    /// Kill the HTTP servers of an az
    Stop {
        /// The az, by its name in the configuration
        az: String,
    },
    /// Start the HTTP servers of an az again
    Start {
        /// The az, by its name in the configuration
        az: String,
    },
}

/// What the licences of the data in geoip/ ask to be said.
const ATTRIBUTION: &str = "\
Clients are located with IP Geolocation by DB-IP (https://db-ip.com) and country points derived
from GeoNames (https://www.geonames.org), both CC BY 4.0.";

/// How long an override lasts, as it is typed.
fn lasting(text: &str) -> Result<String, OrderError> {
    orders::duration(text).map(|_| text.into())
}

/// All commands and their options.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(config) => run::run(&config),
        Command::Check(arguments) => check::check(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Status(Status { wait, printed, .. }) if wait.is_empty() => {
            status::status(&printed)
        }
        Command::Status(Status { wait, timeout, printed }) => wait::wait(&printed, &wait, timeout),
        Command::Reload(arguments) => reload::reload(&arguments),
        Command::Drain(arguments) => overrides::drain(arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Simulate(arguments) => simulate::simulate(&arguments),
        Command::ForceUp(arguments) => overrides::force_up(arguments),
        Command::ForceDown(arguments) => overrides::take(OverrideKind::ForceDown, arguments),
        Command::Clear(arguments) => overrides::clear(&arguments),
        Command::Release(arguments) => overrides::release(&arguments),
        Command::Overrides(arguments) => overrides::list(&arguments),
        Command::Upgrade(config) => upgrade::upgrade(&config),
        Command::Init { directory } => init::init(&directory),
        Command::Demo(Demo { action: None, config }) => demo::serve(&config),
        Command::Demo(Demo { action: Some(DemoAction::Stop { az }), config }) => {
            demo::switch(&config, &az, demo::Switch::Stop)
        }
        Command::Demo(Demo { action: Some(DemoAction::Start { az }), config }) => {
            demo::switch(&config, &az, demo::Switch::Start)
        }
        Command::Import(arguments) => import::import(&arguments),
        Command::Completions { shell } => {
            output::print(completions(shell));
            Ok(())
        }
        Command::Man { directory } => manual::write(&directory),
    };
    let Err(failure) = result else { return ExitCode::SUCCESS };
    let exit = failure.exit();
    if let Failure::Message(_, message) = failure {
        output::error(message);
    }
    ExitCode::from(exit as u8)
}

/// The exit codes, and what each means.
pub const EXIT_CODES: [(u8, &str); 5] = Exit::ALL;
